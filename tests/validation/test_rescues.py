"""Five rescues beside what happened: the table of docs/history.md, and that nothing assumed differs between them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tertius._study.scores import rescues
from tertius.case import load_case
from tertius.errors import BadInput

OTHERS = ("armenia-2022", "belarus-2020", "gambia-2017", "kyrgyzstan-2010")
SHARED = (
    "crisis.strength",
    "crisis.public_precision",
    "crisis.private_precision",
    "crisis.cost",
    "crisis.restoration",
    "crisis.damage",
    "crisis.income_loss",
    "crisis.guarantee_weight",
    "crisis.private_news",
    "crisis.public_news",
    "crisis.repression",
    "rescue.window",
    "rescue.rationality",
    "rescue.belief.honoured",
    "rescue.belief.refused",
    "rescue.belief.half_life",
)
OF_THE_POWER = (
    "doors.signal.strength",
    "doors.signal.precision",
    "doors.fear",
    "doors.plea.strength",
    "doors.plea.precision",
    "motives.own_security",
    "motives.drawn_out",
    "motives.friendly_regime",
    "motives.credibility",
    "costs.unit_cost",
    "costs.casualties",
    "costs.casualties_approval",
    "costs.long_stay",
    "costs.long_stay_approval",
    "costs.per_approval",
    "costs.break_up_protests",
    "costs.disgrace",
    "elite_knowledge",
    "dependence",
)


@pytest.fixture(scope="module")
def cases():
    return rescues.scored_cases()


def figures(case):
    power = case.rescue.asked_of
    found = {entry.path: entry.quantity for entry in case.inputs()}
    kept = {path: found[path] for path in SHARED}
    return kept | {p: found[f"rescue.candidates.{power}.{p}"] for p in OF_THE_POWER}


def test_every_case_can_be_scored(cases):
    assert set(cases) == {"kazakhstan-2022", *OTHERS}
    for name in OTHERS:
        assert [str(warning) for warning in cases[name].warnings] == []
        for entry in cases[name].inputs():
            assert entry.sources or entry.reason, entry.path


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_assumed_is_the_same_as_in_the_founding_case(cases, name):
    ours, founding = figures(cases[name]), figures(cases["kazakhstan-2022"])
    for path, value in ours.items():
        assert value.distribution == founding[path].distribution, path


def test_an_invitation_is_worth_the_same_in_law_everywhere(cases):
    """As is a doubtful treaty."""
    founding = {entry.path: entry.quantity for entry in cases["kazakhstan-2022"].inputs()}
    invited = founding["rescue.candidates.west.gate"].distribution
    for name, path, wanted in (
        ("kyrgyzstan-2010", "rescue.candidates.russia.gate", invited),
        ("gambia-2017", "rescue.candidates.ecowas.gate", invited),
        ("armenia-2022", "treaties.csto.gate", founding["treaties.csto.gate"].distribution),
        ("belarus-2020", "treaties.union_state.gate", founding["treaties.csto.gate"].distribution),
    ):
        found = {entry.path: entry.quantity for entry in cases[name].inputs()}
        assert found[path].distribution == wanted, name


@pytest.mark.parametrize("name", OTHERS)
def test_what_follows_a_rule_follows_it(cases, name):
    """The contingent against the country's own forces; influence by the two products."""
    case = cases[name]
    found = {entry.path: entry.quantity for entry in case.inputs()}
    path = f"rescue.candidates.{case.rescue.asked_of}"
    forces = found["crisis.security_forces"].value
    low, mode, high = found[f"{path}.doors.force"].triangular
    troops = found[f"{path}.troops"].triangular
    for given, wanted in ((low, troops[0] / 6), (mode, troops[1]), (high, 4 * troops[2])):
        assert given == pytest.approx(wanted / forces, rel=0.01)
    low, mode, high = found[f"{path}.motives.influence"].triangular
    founding = {e.path: e.quantity for e in load_case("kazakhstan-2022").inputs()}
    a, b, c = founding["rescue.candidates.russia.motives.influence"].triangular
    assert (low / high, mode / high) == (pytest.approx(a / c, rel=0.02), pytest.approx(b / c, rel=0.02))


def test_a_draw_that_did_not_converge_is_counted_and_never_averaged_in(monkeypatch):
    whole = rescues.run_stages

    def spoilt(context, only):
        made = whole(context, only=only)
        converged = made.converged & (np.arange(context.size) >= 16)
        groups = dict(made.groups)
        sends = groups["/rescue"]["sends"].copy(deep=True)
        sends[:16] = 1e6
        groups["/rescue"] = groups["/rescue"].assign(sends=sends)
        return replace(made, groups=groups, converged=converged)

    monkeypatch.setattr(rescues, "run_stages", spoilt)
    told = rescues.score(names=["gambia-2017"], draws=64)["cases"]["gambia-2017"]
    assert told["unconverged"] == 16
    assert told["forecasts"]["sends"] <= 1


def test_the_table_that_is_documented(cases):
    found = rescues.score(names=OTHERS, draws=256)
    known = {
        "armenia-2022": {"lawful": 0.75, "sends": 0.72, "comes": 0.54},
        "belarus-2020": {"lawful": 0.75, "sends": 0.78, "comes": 0.58},
        "gambia-2017": {"lawful": 0.47, "sends": 0.88, "comes": 0.41},
        "kyrgyzstan-2010": {"lawful": 0.47, "sends": 0.84, "comes": 0.39},
    }
    for name, values in known.items():
        told = found["cases"][name]
        for key, value in values.items():
            assert abs(told["forecasts"][key] - value) < 0.03, (name, key)
    hits = {
        (name, key): row["hit"]
        for name, case in found["cases"].items()
        for key, row in case["settled"].items()
    }
    assert not hits["armenia-2022", "comes"]
    assert not hits["gambia-2017", "comes"]
    assert hits["kyrgyzstan-2010", "comes"]
    assert hits["belarus-2020", "sends"]
    overall = found["overall"]["comes"]
    by_hand = [(0.54, 0), (0.41, 1), (0.39, 0)]
    brier = sum((p - y) ** 2 for p, y in by_hand) / 3
    assert (overall["settled"], overall["hits"]) == (3, 1)
    assert math.isclose(overall["brier"], brier, abs_tol=0.04)


@pytest.mark.parametrize("name", ["belarus-2020", "gambia-2017"])
def test_the_price_says_yes_and_no(cases, name):
    """Much is conceded by Belarus without a rescue, little by the Gambia; land by nobody."""
    case = cases[name]
    group = rescues.stages(case, 256, only=("regime", "rescue", "price"))["/price"].mean("draw")
    assert float(group["paid"].sel(concession="land").max()) < 0.01
    alone, because = float(group["some"].sel(branch="alone")), float(group["because"])
    if name == "belarus-2020":
        assert alone > 0.8
        assert because < 0.1
    else:
        assert alone < 0.1
        assert 0.4 < because < 0.6


@pytest.mark.parametrize("name", OTHERS)
def test_two_controls_stand_beside_what_was_expected(cases, name):
    controls = [c for c in cases[name].concessions.values() if c.control]
    assert len(controls) == 2
    assert len(cases[name].concessions) - 2 >= 2
    founding = {e.path: e.quantity for e in cases["kazakhstan-2022"].inputs()}
    found = {e.path: e.quantity for e in cases[name].inputs()}
    for ours, theirs in (("land", "northern_districts"), ("chinese_firms", "chinese_oil")):
        for figure in (
            "value",
            "refused",
            "backing_down",
            "reputation",
            "cost",
            "public_weight",
            "rationality",
        ):
            path = f"concessions.{ours}.{figure}"
            assert found[path].distribution == founding[f"concessions.{theirs}.{figure}"].distribution, path


def test_the_command_shows_both_sides(monkeypatch):
    from typer.testing import CliRunner

    from tertius.cli import app

    whole = rescues.score
    monkeypatch.setattr(
        rescues, "score", lambda progress: whole(names=["kyrgyzstan-2010"], draws=256, progress=progress)
    )
    shown = CliRunner().invoke(app, ["score", "--rescues", "--json", "-"])
    assert shown.exit_code == 0, shown.output
    assert "hit" in shown.output
    assert '"kyrgyzstan-2010"' in shown.stdout


def test_a_case_without_a_rescue_cannot_be_scored():
    with pytest.raises(BadInput, match="nowhere"):
        rescues.score(names=["nowhere"])
