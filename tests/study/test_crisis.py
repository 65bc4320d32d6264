"""The crisis in a study: a twin of one draw, what is missing, odd figures, and the section of the brief."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import brentq
from scipy.stats import norm

from tertius._brief.reading import Reading
from tertius._brief.sections import crisis as section
from tertius._study import run
from tertius._study.draws import Draws
from tertius._study.simulate import simulate
from tertius._study.stages import Context, run_stages
from tertius._study.stages._turns import _along
from tertius._study.structures import BASE
from tertius._study.world import Figures
from tertius.case import Case

WHY = "made up for the tests"
N = 128


def _between(low: float, high: float) -> dict[str, Any]:
    return {"range": [low, high], "assumed": WHY}


def _at(value: float) -> dict[str, Any]:
    return {"value": value, "sd": 0, "assumed": WHY}


def _case() -> dict[str, Any]:
    doors = {
        "force": _between(0.05, 0.3),
        "signal": {"strength": _between(0.1, 0.4), "precision": _between(0.5, 3)},
        "fear": _between(0.6, 0.8),
        "plea": {"strength": _between(-0.2, -0.1), "precision": _between(0.2, 1)},
    }
    belief = {"honoured": _between(1, 3), "refused": _between(1, 3), "half_life": _between(5, 10)}
    return {
        "tertius": 1,
        "id": "crisis",
        "title": "A crisis",
        "question": "Who comes?",
        "date": "2022-01-05",
        "client": {"id": "kaz", "name": "Client", "iso3": "KAZ"},
        "powers": {
            p: {"name": p.title(), "members": [m]}
            for p, m in {"china": "CHN", "russia": "RUS", "turkey": "TUR", "west": "USA"}.items()
        },
        "crisis": {
            "strength": _between(0.3, 0.8),
            "public_precision": _between(0.5, 3),
            "private_precision": _between(4, 20),
            "cost": _between(0.3, 0.6),
            "restoration": _between(0.3, 0.8),
            "damage": _between(0, 0.02),
            "income_loss": _between(0, 2),
            "guarantee_weight": _between(0.1, 0.5),
            "private_news": _between(2, 60),
            "public_news": _between(0, 1),
        },
        "treaties": {
            "pact": {
                "name": "Pact",
                "members": ["KAZ", "RUS"],
                "obligation": "defence",
                "covers": "any",
                "request_clause": True,
                "gate": _between(0.5, 1),
            }
        },
        "rescue": {
            "asked": "2022-01-05",
            "asked_of": "russia",
            "window": _between(1, 4),
            "rationality": _between(0.5, 4),
            "belief": belief,
            "candidates": {
                "russia": {
                    "treaty": "pact",
                    "troops": _between(1000, 3000),
                    "arrival": _between(0.5, 3),
                    "stay": _between(5, 15),
                    "doors": doors,
                    "motives": {
                        "own_security": _between(0.5, 2),
                        "drawn_out": _between(0.2, 0.5),
                        "friendly_regime": _between(0.1, 1),
                        "credibility": _between(0.001, 0.02),
                        "influence": _between(0.005, 0.05),
                    },
                    "costs": {
                        "unit_cost": _between(0.0002, 0.001),
                        "per_money": _between(0.00004, 0.00006),
                        "casualties": _between(0.1, 0.3),
                        "casualties_approval": _between(1, 5),
                        "long_stay": _between(0.1, 0.3),
                        "long_stay_approval": _between(1, 5),
                        "per_approval": _between(0.01, 0.05),
                        "break_up_protests": _between(0.1, 0.3),
                        "disgrace": _between(0.2, 1),
                    },
                    "trust": {"poll": 0.8, "n": 500, "source": "book"},
                    "elite_knowledge": _between(0.9, 1.2),
                    "dependence": _between(0, 2),
                },
                "turkey": {
                    "gate": _between(0.3, 0.6),
                    "sends": _between(0.1, 0.3),
                    "arrival": _between(2, 9),
                    "doors": {"force": _between(0, 0.1)},
                },
                "west": {},
            },
        },
        "observers": {
            "near": belief | {"name": "Near", "patrons": ["russia"], "similarity": _between(0.3, 0.9)},
            "far": belief | {"name": "Far", "patrons": ["russia", "turkey"]},
        },
        "history": [
            {
                "id": "before",
                "date": "2016-06",
                "patron": "russia",
                "asked_by": "Somebody",
                "honoured": _at(0.5),
                "similarity": {"client": _between(0.4, 0.8), "near": _between(0.4, 0.8)},
            }
        ],
        "claims": [
            {"id": "survives", "text": "It survives alone.", "expression": "regime.survival[alone] > 0.5"},
            {
                "id": "motive",
                "text": "For itself.",
                "expression": "argmax(rescue.benefit[russia]) == own_security",
            },
        ],
        "outcomes": [{"id": "left", "text": "They left.", "claim": "motive", "value": True}],
        "sources": {"book": {"title": "A book"}},
    }


def _stages(
    content: dict[str, Any], columns: dict[str, Any] | None = None, main: bool = False
) -> dict[str, xr.Dataset]:
    """The stages alone, with some inputs at given values."""
    case = Case.model_validate(content)
    uncertain = {i.path: i.quantity for i in case.inputs() if not i.quantity.is_exact}
    points = np.random.default_rng(1).uniform(0.02, 0.98, (N, len(uncertain)))
    drawn = {p: np.asarray(q.ppf(points[:, k])) for k, (p, q) in enumerate(uncertain.items())}
    drawn |= columns or {}
    draws = Draws(N, drawn)
    context = Context(case, Figures(draws), BASE, simulate(case, draws, BASE), None, {}, main=main)
    made = run_stages(context, only=("regime", "rescue"))
    assert made.converged is not None
    # Noise without bound beside a restoration of nothing leaves differences of huge numbers, and products that overflow
    # leave no equation: it is said, and left out.
    assert made.converged.mean() > (0.75 if columns else 0.999)
    kept = np.flatnonzero(made.converged)
    return {p: g.isel(draw=kept) if "draw" in g.dims else g for p, g in made.groups.items()}


@pytest.fixture(scope="module")
def findings() -> xr.DataTree:
    return run(Case.model_validate(_case()), draws=N, seed=2)[0]


@pytest.mark.parametrize("in_time", [True, False])
def test_one_draw_by_hand(findings: xr.DataTree, in_time: bool) -> None:
    inputs, regime, rescue = (findings[g].dataset for g in ("inputs", "regime", "rescue"))
    i = int(np.flatnonzero(rescue["in_time"].sel(power="russia").values == in_time)[0])

    def x(path: str) -> float:
        return float(inputs["value"].sel(input=path).values[i])

    crisis = {name: x(f"crisis.{name}") for name in _case()["crisis"]}
    mu = crisis["strength"] - crisis["damage"] * crisis["income_loss"]
    alpha, beta, kappa = (crisis[n] for n in ("public_precision", "private_precision", "restoration"))
    path = "rescue.candidates.russia"

    def heard(mean: float, precision: float, door: str) -> tuple[float, float]:
        gamma, shift = x(f"{path}.doors.{door}.precision"), x(f"{path}.doors.{door}.strength")
        return mean + gamma * shift / (precision + gamma), precision + gamma

    def star(m: float, a: float, c: float) -> float:
        def gap(z: float) -> float:
            return float(z - a / math.sqrt(beta) * (norm.cdf(z) - m) + math.sqrt(1 + a / beta) * norm.ppf(c))

        return float(norm.cdf(brentq(gap, -40, 40, xtol=1e-14)))

    def drawn_out(theta: float, mean: float) -> float:
        x_star = theta + norm.ppf(theta) / math.sqrt(beta)
        top = brentq(
            lambda t: norm.cdf(math.sqrt(beta) * (x_star - t)) - kappa * t,
            theta,
            theta / kappa + 1e-9,
            xtol=1e-14,
        )
        return float(norm.cdf(math.sqrt(alpha) * (mean - theta)) - norm.cdf(math.sqrt(alpha) * (mean - top)))

    cost, fear, force = crisis["cost"], x(f"{path}.doors.fear"), x(f"{path}.doors.force")
    asked = heard(mu, alpha, "plea")
    told = heard(*asked, "signal")
    theta = {"alone": star(mu, alpha, cost), "refused": star(*asked, cost), "helped": star(*told, fear)}
    mean = {"alone": mu, "refused": mu, "helped": mu + force}
    survival = {b: float(norm.cdf(math.sqrt(alpha) * (mean[b] - theta[b]))) for b in theta}
    for b, value in survival.items():
        assert math.isclose(float(regime["survival"].sel(branch=b)[i]), value, abs_tol=1e-9)
        slow = drawn_out(theta[b], mean[b])
        assert math.isclose(float(regime["drawn_out"].sel(branch=b)[i]), slow, abs_tol=1e-9)

    age = (np.datetime64("2022-01-05") - np.datetime64("2016-06-15")).astype(int) / 365.25

    def believed(holder: str, place: str, likeness: float) -> dict[str, float]:
        a, b = x(f"{place}.honoured"), x(f"{place}.refused")
        if holder != "far":
            w = x(f"history.before.similarity.{holder}") * 0.5 ** (age / x(f"{place}.half_life"))
            a, b = a + w / 2, b + w / 2
        total = a + b + likeness
        return {"before": a / (a + b), "rescued": (a + likeness) / total, "refused": a / total}

    own = believed("client", "rescue.belief", 1.0)
    seen = [
        believed("near", "observers.near", x("observers.near.similarity")),
        believed("far", "observers.far", 0.0),
    ]
    watched = {state: (seen[0][state] + seen[1][state]) / 2 for state in own}
    for state, value in own.items():
        assert math.isclose(float(rescue["belief"].sel(power="russia", state=state)[i]), value, abs_tol=1e-12)
        at = float(rescue["observed"].sel(power="russia", state=state)[i])
        assert math.isclose(at, watched[state], abs_tol=1e-12)

    def lever(true: tuple[float, float], common: tuple[float, float], b: float) -> float:
        opened = heard(*heard(*common, "plea"), "signal")
        with_ = norm.cdf(math.sqrt(true[1]) * (true[0] + force - star(*opened, fear)))
        without = norm.cdf(math.sqrt(true[1]) * (true[0] - star(*common, cost)))
        return float(100 * crisis["guarantee_weight"] * b * math.log(with_ / without))

    def cut(belief: tuple[float, float], floor: float) -> tuple[float, float]:
        t = math.sqrt(belief[1]) * (floor - belief[0])
        ratio = norm.pdf(t) / norm.sf(t)
        return belief[0] + ratio / math.sqrt(belief[1]), belief[1] / (1 + t * ratio - ratio**2)

    floors = {"rescued": theta["helped"] - force, "refused": theta["refused"]}
    start = crisis["strength"], alpha
    levers = {"before": lever(start, start, own["before"])} | {
        state: lever(cut((mu, alpha), floor), cut(asked, floor), own[state])
        for state, floor in floors.items()
    }
    # Too late, it leaves the regime as a refusal does, and is believed to come.
    late = lever(cut((mu, alpha), theta["refused"]), cut(asked, theta["refused"]), own["rescued"])
    for state, value in levers.items():
        at = float(rescue["guarantee"].sel(power="russia", state=state)[i])
        assert math.isclose(at, value, rel_tol=1e-7, abs_tol=1e-8)

    assert in_time == (x(f"{path}.arrival") <= x("rescue.window"))
    lands = "helped" if in_time else "refused"
    H, zeta, V, R, I = (
        x(f"{path}.motives.{n}")
        for n in ("own_security", "drawn_out", "friendly_regime", "credibility", "influence")
    )
    fall = {b: 1 - survival[b] for b in survival}
    drag = {b: drawn_out(theta[b], mean[b]) for b in survival}
    benefit = [
        H * (fall["refused"] + zeta * drag["refused"] - fall[lands] - zeta * drag[lands]),
        V * (survival[lands] - survival["refused"]),
        R * 100 * math.log(watched["rescued"] / watched["refused"]),
        I * ((levers["rescued"] if in_time else late) - levers["refused"]),
    ]
    np.testing.assert_allclose(rescue["benefit"].sel(power="russia")[i], benefit, rtol=1e-6, atol=1e-9)
    c = {n: x(f"{path}.costs.{n}") for n in _case()["rescue"]["candidates"]["russia"]["costs"]}
    money = x(f"{path}.troops") * x(f"{path}.stay") * c["unit_cost"]
    burden = [
        money * c["per_money"],
        c["per_approval"]
        * (c["casualties"] * c["casualties_approval"] + c["long_stay"] * c["long_stay_approval"]),
        c["break_up_protests"] * c["disgrace"],
    ]
    np.testing.assert_allclose(rescue["burden"].sel(power="russia")[i], burden, rtol=1e-9)
    utility = rescue["utility"].sel(power="russia").values
    for lam, chance in zip(rescue["rationality"].values, rescue["sends_at"].values, strict=True):
        at = (utility > 0) + 0.0 if np.isinf(lam) else 1 / (1 + np.exp(-lam * utility))
        assert math.isclose(chance, at.mean(), rel_tol=1e-9)
    sends = 1 / (1 + math.exp(-x("rescue.rationality") * (sum(benefit) - sum(burden))))
    assert math.isclose(float(rescue["sends"].sel(power="russia")[i]), sends, rel_tol=1e-6)
    comes = x("treaties.pact.gate") * sends * in_time
    assert math.isclose(float(rescue["comes"].sel(power="russia")[i]), comes, rel_tol=1e-6, abs_tol=1e-12)
    worth = 100 * crisis["guarantee_weight"] * (
        math.log(survival["refused"] / survival["alone"])
        + comes
        * x(f"{path}.trust")
        * x(f"{path}.elite_knowledge")
        * math.log(survival["helped"] / survival["refused"])
    ) - comes * (x(f"{path}.dependence") + levers["rescued"] - levers["before"])
    assert math.isclose(float(rescue["worth"].sel(power="russia")[i]), worth, rel_tol=1e-6, abs_tol=1e-7)


def test_what_adds_up(findings: xr.DataTree) -> None:
    regime, rescue = findings["regime"].dataset, findings["rescue"].dataset
    ends = regime["collapse"] + regime["drawn_out"] + regime["restored"]
    np.testing.assert_allclose(ends, 1.0, atol=1e-12)
    gain = regime["survival"].sel(branch="helped") - regime["survival"].sel(branch="alone")
    np.testing.assert_allclose(regime["points"].sum("door"), gain, atol=1e-12)
    assert (regime["survival_best"] >= regime["survival_worst"]).all()
    np.testing.assert_allclose(
        regime["falls_on"].sum("day") + regime["quiet_after"].sum("day"), 1.0, atol=1e-9
    )
    np.testing.assert_allclose(rescue["asked"].sum("protector"), 1.0, atol=1e-12)
    known = rescue.sel(power=["russia", "turkey"])
    np.testing.assert_allclose(known["ends"].sum("end"), 1.0, atol=1e-12)
    assert (rescue["asked"].sel(protector=["china", "west"]) == 0).all()
    assert np.isnan(rescue["gate"].sel(power=["china", "west"])).all()
    assert findings["claims"]["verdict"].shape == (2,) if "claims" in findings.children else True


def test_what_is_missing_is_missing_and_the_rest_is_not() -> None:
    content = _case()
    del content["rescue"]["belief"]
    groups = _stages(content)["/rescue"].sel(power="russia")
    assert np.isnan(groups["guarantee"]).all()
    assert np.isnan(groups["sends"]).all()
    assert not np.isnan(groups["benefit"].sel(motive="own_security")).any()

    content = _case()
    del content["observers"]
    content["history"][0]["similarity"].pop("near")
    groups = _stages(content)["/rescue"].sel(power="russia")
    assert (groups["benefit"].sel(motive="credibility") == 0).all()
    assert not np.isnan(groups["sends"]).any()

    content = _case()
    del content["rescue"]["candidates"]["russia"]["costs"]["disgrace"]
    groups = _stages(content)["/rescue"].sel(power="russia")
    assert np.isnan(groups["sends"]).all()
    assert np.isnan(groups["worth"]).all()

    content = _case()
    del content["rescue"], content["observers"], content["history"], content["claims"], content["outcomes"]
    groups = _stages(content)
    assert "/rescue" not in groups
    assert groups["/regime"]["branch"].values.tolist() == ["alone"]


ODD = [1e-300, 1e-100, 1e-12, 1e6, 1e100, 1e300, 0.0, 1.0, 1 - 1e-12, -1.0, -1e6, 40.0]


@settings(deadline=None, max_examples=20, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_no_figure_breaks_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = Case.model_validate(_case())
    columns = {}
    for found in case.inputs():
        if found.quantity.is_exact or rng.random() < 0.7:
            continue
        support = found.quantity.support
        least = support.lower + (1e-300 if support.lower_open else 0.0)
        most = support.upper - (1e-12 if support.upper_open and np.isfinite(support.upper) else 0.0)
        values = np.clip(rng.choice(ODD, N), least, most)
        columns[found.path] = np.where(rng.random(N) < 0.5, values, found.quantity.median)
    # Day by day, the region of weights and what would turn the motives are computed in a main run alone.
    groups = _stages(_case(), columns, main=seed % 4 == 0)
    for name in ("survival", "collapse", "drawn_out", "restored", "survival_best", "survival_worst"):
        values = groups["/regime"][name].values
        assert ((values >= 0) & (values <= 1)).all(), name
    rescue = groups["/rescue"].sel(power="russia")
    for name in ("gate", "sends", "comes", "share", "ends", "asked"):
        values = rescue[name].values
        known = ~np.isnan(values)
        assert ((values[known] >= 0) & (values[known] <= 1)).all(), name
    assert np.nanmax(np.abs(rescue["ends"].values.sum(axis=-1) - 1), initial=0.0) < 1e-9
    # Only what has no answer has none: a lever over a regime that nothing saves, or that only help saves, and what
    # hangs on it.
    lost = np.isnan(rescue["sends"].values)
    hopeless = ~np.isfinite(rescue["guarantee"].values).all(axis=-1)
    beliefs = np.isnan(rescue["benefit"].sel(motive="credibility").values)
    assert (~lost | hopeless | beliefs).all()


CORNERS = [0.0, 1.0, 1e-9, 1e9, -1.0, 1e-3, 50.0]


def _cornered(content: dict[str, Any], section: Any, rng: np.random.Generator) -> None:
    """Put some figures of a section at a corner of what the schema admits, without any spread."""
    for key, found in section.items():
        if not isinstance(found, dict):
            continue
        if "assumed" not in found and "poll" not in found:
            _cornered(content, found, rng)
        elif rng.random() < 0.12:
            section[key] = _at(float(rng.choice(CORNERS)))
            try:
                Case.model_validate(content)
            except ValidationError:
                section[key] = found


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_no_corner_of_the_sections_breaks_a_whole_run(seed: int) -> None:
    """Probabilities of nought and one, huge costs, sizes of nothing, no spread: a run ends, its brief written."""
    content, rng = _case(), np.random.default_rng(seed)
    for name in ("crisis", "treaties", "rescue", "observers"):
        _cornered(content, content[name], rng)
    reading = Reading(run(Case.model_validate(content), draws=N, seed=0, allow_unconverged=True)[0])
    assert section.part(reading) is not None
    section.said(reading)
    json.dumps(section.summary(reading), allow_nan=False)


def test_what_lies_nearest_turns_a_comparison() -> None:
    """One input whose probit falls faster and faster: the move found is where it has just turned, on either side."""
    found = SimpleNamespace(
        path="x", kind="assumed", unit="", quantity=SimpleNamespace(ppf=norm.ppf, median=0.0)
    )
    for side in (1.0, -1.0):

        def chance(at: Mapping[str, float], side: float = side) -> float:
            x = at["x"]
            return float(norm.cdf(side * (0.8 + 0.1 * side * x - 0.3 * x**2)))

        move = _along({"x": -side * 1.0}, {"x": found}, float(norm.cdf(side * 0.8)), chance)  # type: ignore[dict-item]
        assert move is not None
        assert 0.03 <= side * (0.5 - move["after"]) <= 0.05 + 1e-9
        at = brentq(lambda x: 0.8 - 0.1 * x - 0.3 * x**2 + norm.ppf(0.54), 0, 3)
        assert abs(move["distance"] - at) < 0.05
        assert move["inputs"][0]["move"] == pytest.approx(-side * move["distance"])
    # What no move within reach turns has no answer, and what is unknown ends the search.
    for after in (0.8, math.nan):
        assert _along({"x": -1.0}, {"x": found}, 0.9, lambda _, after=after: after) is None  # type: ignore[dict-item, misc]


def _thinned(section: Any, rng: np.random.Generator) -> None:
    """Leave out some keys of a section and of what is in it."""
    for key in list(section):
        if rng.random() < 0.03:
            del section[key]
        elif isinstance(section[key], dict) and "assumed" not in section[key]:
            _thinned(section[key], rng)


def test_no_gap_in_the_sections_breaks_it() -> None:
    """What is left out of a crisis is refused as bad input, or its answers are missing; nothing else happens."""
    refused = 0
    for seed in range(40):
        content, rng = _case(), np.random.default_rng(seed)
        del content["claims"], content["outcomes"]
        for name in ("crisis", "treaties", "rescue", "observers"):
            _thinned(content[name], rng)
        try:
            Case.model_validate(content)
        except ValidationError:
            refused += 1
            continue
        groups = _stages(content)
        for name in ("survival", "drawn_out"):
            values = groups["/regime"][name].values
            assert ((values >= 0) & (values <= 1) | np.isnan(values)).all(), (seed, name)
        comes = groups["/rescue"]["comes"].values
        assert ((comes >= 0) & (comes <= 1) | np.isnan(comes)).all(), seed
    assert 10 < refused < 30


def test_the_section_says_what_was_found(findings: xr.DataTree) -> None:
    reading = Reading(findings)
    part = section.part(reading)
    assert part is not None
    crisis, motive = section.said(reading)
    assert (crisis.label, motive.label) == ("The crisis", "The rescue")
    for line in (crisis, motive):
        assert "Russia" in line.sentence
        assert "%" in line.sentence
    text = " ".join(repr(b) for b in part.blocks)
    assert "They left." in text
    for heading in (
        "Survival with and without help",
        "Who could have been asked",
        "The decision",
        "how surely the better move is taken",
        "Deployment",
    ):
        assert heading in text
    out = section.summary(reading)
    assert json.loads(json.dumps(out, allow_nan=False)) == out
    assert set(out) == {"regime", "rescue"}
    assert set(out["rescue"]["powers"]) == {"russia", "turkey"}  # type: ignore[index]


def test_a_crisis_without_a_rescue_has_a_section() -> None:
    content = copy.deepcopy(_case())
    for name in ("rescue", "observers", "history", "claims", "outcomes", "treaties"):
        del content[name]
    tree = run(Case.model_validate(content), draws=N, seed=0)[0]
    part = section.part(Reading(tree))
    assert part is not None
    [line] = section.said(Reading(tree))
    assert line.sentence.startswith("Left alone the government would")
    assert "rescue" not in section.summary(Reading(tree))
