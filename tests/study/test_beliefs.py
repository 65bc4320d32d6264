"""Signals and investors in a study: what the stages hand to the models, what is missing, and how it is read."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import tertius
from tertius._brief.reading import Reading
from tertius._brief.sections import investors as investors_section
from tertius._brief.sections import orientation as orientation_section
from tertius._study.draws import design, draw
from tertius._study.layout import raw_groups
from tertius._study.simulate import simulate
from tertius._study.stages import SIMULATED, Context, differences, run_stages
from tertius._study.stages import investors as stage
from tertius._study.stages.investors import SHOCKS, YEARS
from tertius._study.stages.orientation import BEFORE, calendar
from tertius._study.structures import BASE, RIVALS, Structure
from tertius._study.world import Figures, bundle
from tertius.case import Case
from tertius.claims.tables import labels_of, table_of
from tertius.models import investors
from tertius.models.displacement import displace, loss

WHY = "made up for the tests"
DRAWS = 64


def between(low: float, high: float) -> dict[str, Any]:
    return {"range": [low, high], "assumed": WHY}


def sign(name: str, day: str, **loadings: Any) -> dict[str, Any]:
    return {"id": name, "date": day, "title": name.title(), "loadings": loadings, "noise": between(0.5, 2)}


SIGNALS = {
    "prior_sd": between(0.3, 1),
    "drift": between(0.1, 0.5),
    "moved": between(0.3, 0.7),
    "events": [
        sign("law", "2022-03-01", west=between(0.2, 1)),
        sign("left", "2022-01-11", russia=between(-2, -0.5)),
        sign("right", "2022-01-11", russia=between(0.5, 2), west=between(-0.5, 0)),
    ],
}
INVESTORS = {
    "premium": between(0.5, 3),
    "half_life": between(0.2, 2),
    "base_return": between(8, 15),
    "delay": between(0, 300),
}


@pytest.fixture(scope="module")
def beliefs(original: dict[str, Any]) -> dict[str, Any]:
    """The small case without trade, with signals and investors."""
    out = copy.deepcopy(original)
    del out["trade"], out["claims"]
    for domain in out["domains"].values():
        domain["ties"]["own"] = {"value": 0.4, "sd": 0, "assumed": WHY}
    out["exits"] = {"west_out": {"title": "The West leaves", "leavers": {"west": 1.0}}}
    out["sources"] = {}
    return out | {"signals": SIGNALS, "investors": INVESTORS}


def computed(
    document: dict[str, Any], structure: Structure = BASE
) -> tuple[Figures, Any, dict[str, xr.Dataset]]:
    case = Case.model_validate(document)
    layout = design(case, DRAWS, 1)
    values = draw(case, layout, layout.a)
    made = simulate(case, values, structure)
    headline = next(iter(case.exits), None)
    raw = raw_groups(case, made, headline)
    found = run_stages(Context(case, Figures(values), structure, made, headline, raw, True))
    assert found.converged is not None
    assert found.converged.all()
    return Figures(values), case, dict(found.groups)


@pytest.fixture(scope="module")
def made(beliefs: dict[str, Any]) -> tuple[Figures, Case, dict[str, xr.Dataset]]:
    return computed(beliefs)


def test_every_variable_is_listed_for_claims_with_its_labels(made: Any) -> None:
    _, case, groups = made
    for name in ("orientation", "investors"):
        group = groups[f"/{name}"]
        entries = {entry.name: entry for entry in table_of(name)}
        assert set(entries) == set(group.data_vars)
        for variable, entry in entries.items():
            assert group[variable].dims == entry.dims
            assert group[variable].attrs["unit"] == entry.unit
            assert group[variable].attrs["long_name"]
        for dim, known in labels_of(name, case).items():
            assert tuple(str(label) for label in group[dim].values) == known


def test_the_calendar_is_in_order(made: Any) -> None:
    order = calendar(made[1])
    assert order.signs == ("left", "right", "law")
    assert order.when[:3] == (BEFORE, "2022-01-11", "2022-03-01")
    assert order.place[:3] == (0, 2, 3)
    assert order.end == 3
    assert (np.diff([day.toordinal() for day in order.days]) >= 0).all()


def test_the_tilt_is_the_posterior_of_what_the_signs_say(made: Any) -> None:
    """From the joint normal distribution of the tilt at three moments, draw by draw."""
    figures, case, groups = made
    found, signals = groups["/orientation"], case.signals
    prior, drift, by = (figures(f"signals.{k}", getattr(signals, k)) for k in ("prior_sd", "drift", "moved"))
    noise = {e.id: figures(f"signals.events.{e.id}.noise", e.noise) for e in signals.events}
    told = {
        (e.id, p): figures(f"signals.events.{e.id}.loadings.{p}", q)
        for e in signals.events
        for p, q in e.loadings.items()
    }
    first, later = 6 / 365.25, 49 / 365.25
    for k in range(0, DRAWS, 9):
        start = prior[k] ** 2 + drift[k] ** 2 * first
        C = start + np.array([[0, 0], [0, drift[k] ** 2 * later]])
        for power, readings in {
            "russia": [("left", 0), ("right", 0)],
            "west": [("right", 0), ("law", 1)],
        }.items():
            H = np.zeros((2, 2))
            H[[0, 1], [at for _, at in readings]] = 1.0
            y = np.array([told[name, power][k] for name, _ in readings])
            S = H @ C @ H.T + np.diag([noise[name][k] ** 2 for name, _ in readings])
            W = C @ H.T @ np.linalg.inv(S)
            mean, covariance = W @ y, C - W @ H @ C
            here = found.isel(draw=k).sel(power=power)
            np.testing.assert_allclose(here["tilt"].values[:3], [0, *mean], atol=1e-12)
            np.testing.assert_allclose(here["tilt_sd"].values[1:3], np.sqrt(np.diag(covariance)), rtol=1e-10)
            np.testing.assert_allclose(here["shift"], mean[1], atol=1e-12)
            share = here["contribution"].sel(signal=[name for name, _ in readings])
            np.testing.assert_allclose(share, W[1] * y, atol=1e-12)
            np.testing.assert_allclose(here["contribution"].sum(), mean[1], atol=1e-12)
        assert found["moved"].isel(draw=k).sel(power="russia") == pytest.approx(
            float((found["moved_up"] + found["moved_down"]).isel(draw=k).sel(power="russia"))
        )
        assert by[k] > 0


def test_what_no_sign_speaks_of_is_missing(made: Any) -> None:
    found = made[2]["/orientation"]
    for name in ("tilt", "moved", "contribution", "moved_alone"):
        assert np.isnan(found[name].sel(power="china")).all()
        assert not np.isnan(found[name].sel(power="russia")).any()
    silent = found["contribution"].sel(power="russia", signal="law")
    assert (silent == 0).all()
    assert (
        found["moved_alone"].sel(power="russia", signal="law") == found["moved_unseen"].sel(power="russia")
    ).all()


def test_the_band_holds_what_draws_and_noise_leave_open(made: Any) -> None:
    found = made[2]["/orientation"]
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20_000 // DRAWS * 10, *found["tilt"].shape))
    sampled = (found["tilt"].values + found["tilt_sd"].values * z).reshape(-1, *found["tilt"].shape[1:])
    known = ~np.isnan(found["tilt_low"].values)
    low, high = np.quantile(sampled, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(found["tilt_low"].values[known], low[known], atol=0.02)
    np.testing.assert_allclose(found["tilt_high"].values[known], high[known], atol=0.02)


@pytest.mark.parametrize(
    ("left_out", "gone", "kept"),
    [
        ("moved", ["moved", "moved_alone"], ["tilt", "shift"]),
        ("prior_sd", ["tilt", "moved"], []),
        ("drift", ["shift"], []),
    ],
)
def test_a_figure_left_out_is_missing_and_not_nought(
    beliefs: dict[str, Any], left_out: str, gone: list[str], kept: list[str]
) -> None:
    signals = {k: v for k, v in SIGNALS.items() if k != left_out}
    found = computed(beliefs | {"signals": signals})[2]["/orientation"]
    for name in gone:
        assert np.isnan(found[name].isel(when=-1) if "when" in found[name].dims else found[name]).all()
    for name in kept:
        assert not np.isnan(found[name].sel(power="russia")).any()


def test_losses_are_those_of_the_model(made: Any) -> None:
    figures, case, groups = made
    found, domain = groups["/investors"], bundle(case, "capital", figures, BASE)
    peak, half, base, delay = (
        figures(f"investors.{k}", getattr(case.investors, k))
        for k in ("premium", "half_life", "base_return", "delay")
    )
    np.testing.assert_allclose(
        found["premium"], investors.premium(peak, half, YEARS, delay / 365.25), atol=1e-12
    )
    dear = np.ones_like(domain.share)
    dear[:, :-1] = ((1 + peak / base) ** (1 - domain.sigma))[:, None]
    stay = np.ones_like(dear)
    stay[:, 2] = 0.0
    for shock, keep in {"crisis": dear, "exit": stay, "both": dear * stay}.items():
        moved = displace(domain.share, keep, domain.sigma, domain.eta)
        np.testing.assert_allclose(
            found["loss"].sel(shock=shock), loss(domain.weight, moved.log_price), rtol=1e-8
        )
    np.testing.assert_allclose(
        found["loss"].sel(shock="exit"),
        groups["/displacement"]["client_loss"].sel(domain="capital"),
        rtol=1e-8,
    )
    late = found["loss_path"].isel(year=-1)
    assert (late.sel(shock="crisis") < found["loss"].sel(shock="crisis")).all()
    np.testing.assert_allclose(
        found["loss"].sel(shock="interaction"),
        found["loss"].sel(shock="both") - found["loss"].sel(shock="crisis") - found["loss"].sel(shock="exit"),
        atol=1e-10,
    )


def test_rival_structures_reach_investors(made: Any) -> None:
    figures, case, groups = made
    base = groups["/investors"]["loss"].sel(shock="both")
    simulation = simulate(case, figures.draws, BASE)

    def again(structure: Structure) -> xr.DataArray:
        context = Context(case, figures, structure, simulation, "west_out", groups)
        return stage.run(context).groups["/investors"]["loss"].sel(shock="both")

    assert not np.allclose(base, again(Structure("nested", "", nested=True)))
    weights = [figures(f"domains.{d}.weight", case.domains[d].weight) for d in ("capital", "security")]
    equal = again(Structure("equal", "", equal_weights=True))
    np.testing.assert_allclose(equal / base, np.mean(weights, axis=0) / weights[0], rtol=1e-8)


def test_without_an_exit_there_is_the_crisis_alone(beliefs: dict[str, Any]) -> None:
    document = {k: v for k, v in beliefs.items() if k not in ("exits", "signals")}
    found = computed(document)[2]
    assert "/orientation" not in found
    assert not np.isnan(found["/investors"]["loss"].sel(shock="crisis")).any()
    assert np.isnan(found["/investors"]["loss"].sel(shock=list(SHOCKS[1:]))).all()


def test_an_exit_from_other_domains_leaves_investors_alone(beliefs: dict[str, Any]) -> None:
    away = {"title": "Arms", "leavers": {"west": 1.0}, "domains": ["security"]}
    found = computed(beliefs | {"exits": {"arms": away}})[2]["/investors"]["loss"]
    np.testing.assert_allclose(found.sel(shock="exit"), 0.0, atol=1e-12)
    np.testing.assert_allclose(found.sel(shock="both"), found.sel(shock="crisis"))


# --- what a reader sees ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def findings(beliefs: dict[str, Any]) -> xr.DataTree:
    claims = [
        {
            "id": "cancel",
            "text": "They cancel.",
            "expression": "abs(orientation.shift[russia]) < max(abs(orientation.contribution[russia]))",
        },
        {"id": "adds", "text": "It adds.", "expression": "investors.loss[both] > investors.loss[crisis]"},
    ]
    document = copy.deepcopy(beliefs) | {"claims": claims}
    for domain in document["domains"].values():
        del domain["nests"]
    return tertius.study(Case.model_validate(document), draws=DRAWS, seed=3)


def test_claims_read_them(findings: xr.DataTree) -> None:
    probability = findings["claims"]["probability"]
    assert float(probability.sel(claim="adds")) == 1.0
    assert float(probability.sel(claim="cancel")) > 0.9


def test_the_brief_says_what_the_numbers_are(findings: xr.DataTree) -> None:
    reading = Reading(findings)
    part = orientation_section.part(reading)
    assert part is not None
    text = " ".join(getattr(b, "text", "") for b in part.blocks)
    assert "towards Russia" in text
    assert "No sign speaks of China: the tilt there is missing." in text
    of_investors = investors_section.part(reading)
    assert of_investors is not None
    said = " ".join(getattr(b, "text", "") for b in of_investors.blocks)
    assert "less than the sum of the two" in said
    for figure in (b for p in (part, of_investors) for b in p.blocks if hasattr(b, "pictures")):
        for picture in figure.pictures:
            assert picture.svg.startswith("<svg")
            assert "NaN" not in picture.svg


def test_the_summary_has_their_keys(findings: xr.DataTree) -> None:
    out = orientation_section.summary(Reading(findings)) | investors_section.summary(Reading(findings))
    json.dumps(out, allow_nan=False)
    tilt: Any = out["orientation"]
    assert tilt["unread"] == ["china"]
    assert set(tilt["moved"]) == {"russia", "west"}
    assert set(tilt["moved"]["russia"]) == {"median", "p05", "p95", "unit"}
    money: Any = out["investors"]
    assert set(money["loss"]) == set(SHOCKS)
    assert money["exit"] == "west_out"
    assert money["loss"]["interaction"]["median"] < 0


def test_sections_without_findings_are_absent(findings: xr.DataTree) -> None:
    empty = Reading(findings.filter(lambda node: node.name not in ("orientation", "investors")))
    for section in (orientation_section, investors_section):
        assert section.part(empty) is None
        assert section.summary(empty) == {}


def test_what_a_rival_structure_leaves_alone_is_taken_over_unchanged(beliefs: dict[str, Any]) -> None:
    case = Case.model_validate(beliefs)
    layout = design(case, DRAWS, 1)
    values = draw(case, layout, layout.a)
    headline = next(iter(case.exits))

    def context(structure: Structure) -> Context:
        made = simulate(case, values, structure)
        return Context(case, Figures(values), structure, made, headline, raw_groups(case, made, headline))

    base = run_stages(context(BASE))
    for rival in (s for s in RIVALS if not s.changes_trade or s.unlimited):
        other = context(rival)
        moved = differences(BASE, rival) | (
            SIMULATED if rival.unlimited or rival.nested or rival.equal_weights else set()
        )
        found, plain = run_stages(other, known=base.ran, moved=moved), run_stages(other)
        assert found.ran["orientation"] is base.ran["orientation"]
        assert (found.ran["investors"] is base.ran["investors"]) == (not moved & SIMULATED)
        assert found.groups.keys() == plain.groups.keys()
        for path, group in plain.groups.items():
            xr.testing.assert_identical(found.groups[path], group)
