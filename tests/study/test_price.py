"""The price in a study: what the stage hands to the games, and what it does with what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq
from scipy.stats import norm, truncnorm

from tertius._study.compilation import in_blocks
from tertius._study.draws import Draws, design, draw
from tertius._study.layout import raw_groups
from tertius._study.run import _applicable
from tertius._study.simulate import simulate
from tertius._study.stages import Context, run_stages
from tertius._study.stages.price import BRANCHES, EVERYTHING, _play
from tertius._study.structures import BASE, RIVALS, Structure
from tertius._study.world import Figures
from tertius.case import Case
from tertius.claims import from_case, from_findings
from tertius.models import price

WHY = "made up for the tests"
DRAWS = 64


def between(low: float, high: float) -> dict[str, Any]:
    return {"range": [low, high], "assumed": WHY}


def concession(**fields: Any) -> dict[str, Any]:
    return {
        "title": "An anthem",
        "patron": "russia",
        "value": between(0.5, 1.5),
        "refused": between(0, 0.2),
        "backing_down": between(0, 0.4),
        "reputation": between(-0.1, 0.4),
        "cost": between(0.1, 1),
        "rationality": between(1, 5),
    } | fields


CONCESSIONS = {
    "anthem": concession(public_weight=between(0.5, 2)),
    "base": concession(
        cost=between(1, 4),
        own_damage=between(0, 1),
        answers={
            "west": {"probability": between(0.2, 0.9), "degree": 0.3, "domains": ["trade", "capital"]},
            "china": {"probability": between(0, 0.2), "degree": 1.0, "domains": ["capital"]},
        },
    ),
    "moon": concession(control=True, threats=["security"], cost=between(50, 90)),
}  # fmt: skip


# The same in every case here, so that all share one compilation of trade.
EXITS = {
    "west_answers": {"title": "x", "leavers": {"west": 0.3}, "domains": ["trade", "capital"]},
    "china_answers": {"title": "x", "leavers": {"china": 1.0}, "domains": ["capital"]},
}


def computed(case: Case, *, main: bool = False, structure: Structure = BASE) -> dict[str, xr.Dataset]:
    """The groups of one structure alone, no draw left out."""
    layout = design(case, DRAWS, 1)
    values = draw(case, layout, layout.a)
    made = simulate(case, values, structure)
    raw = raw_groups(case, made, None)
    groups = dict(run_stages(Context(case, Figures(values), structure, made, None, raw, main)).groups)
    paths = [i.path for i in layout.inputs]
    table = xr.DataArray(
        np.stack([values[p] for p in paths], -1), dims=("draw", "input"), coords={"input": paths}
    )
    return groups | {"/inputs": table.to_dataset(name="value")}


@pytest.fixture(scope="module")
def asked(original: dict[str, Any]) -> Case:
    return Case.model_validate(original | {"concessions": CONCESSIONS, "exits": EXITS, "claims": []})


@pytest.fixture(scope="module")
def findings(asked: Case) -> dict[str, xr.Dataset]:
    return computed(asked, main=True)


def test_third_parties_answers_are_the_exits_they_would_make(findings: dict[str, xr.Dataset]) -> None:
    """The loss from an answer is that of the same withdrawal run as a what-if."""
    given, expected = findings["/inputs"]["value"], 0.0
    for party in ("west", "china"):
        loss = findings[f"/exits/{party}_answers"]["client_loss"]
        chance = given.sel(input=f"concessions.base.answers.{party}.probability").values
        expected = expected + chance * loss.sel(domain="total").values
    made = findings["/price"]["third_party_loss"]
    np.testing.assert_allclose(made.sel(concession="base"), expected, rtol=1e-10)
    assert (made.sel(concession="anthem") == 0).all()
    # What the patron bears: its own loss through trade, and what it makes good.
    west = findings["/exits/west_answers"]["who_pays"].sel(party="russia").values
    chance = given.sel(input="concessions.base.answers.west.probability").values
    share = given.sel(input="concessions.base.own_damage").values
    good = findings["/price"]["own_damage"].sel(concession="base").values - chance * west
    ratio = good / (share * expected)
    # The client's economy is two fifteenths of Russia's, give or take.
    assert ((ratio > 0.05) & (ratio < 0.3)).all()


def test_threats_are_levers_and_their_costs_reverse_levers(findings: dict[str, xr.Dataset]) -> None:
    made, levers = findings["/price"], findings["/levers"].sel(power="russia")
    one = made.sel(concession="anthem", branch="alone")
    for domain in ("trade", "capital", "security"):
        np.testing.assert_array_equal(
            one["threat_lever"].sel(threat=domain), levers["lever"].sel(domain=domain)
        )
        np.testing.assert_array_equal(
            one["threat_cost"].sel(threat=domain), levers["reverse"].sel(domain=domain)
        )
    np.testing.assert_array_equal(one["threat_lever"].sel(threat="transit"), levers["transit_alone"])
    np.testing.assert_allclose(
        one["threat_lever"].sel(threat=EVERYTHING), levers["lever"].sel(domain="total"), rtol=1e-12
    )
    # A concession that lists one threat has neither the others nor everything at once.
    moon = made["threat_lever"].sel(concession="moon", branch="alone")
    assert moon.sel(threat="security").notnull().all()
    assert moon.drop_sel(threat="security").isnull().all()


def test_played_as_the_model_plays(findings: dict[str, xr.Dataset]) -> None:
    """The group is the model's answer to the inputs, the levers and the losses that the findings hold."""
    made = findings["/price"].sel(concession="base", branch="alone")

    def figure(field: str) -> Any:
        return findings["/inputs"]["value"].sel(input=f"concessions.base.{field}").values

    np.testing.assert_allclose(
        made["granting_cost"], figure("cost") + made["third_party_loss"].values, rtol=1e-12
    )
    stakes = price.Stakes(
        v=figure("value"), d=made["own_damage"].values, e=figure("refused"), b=figure("backing_down"),
        k=figure("reputation"), C=made["granting_cost"].values, u=0.0,
    )  # fmt: skip
    given = (
        *(np.broadcast_to(x, DRAWS) for x in stakes),
        made["threat_lever"].values,
        made["threat_cost"].values,
    )
    # In the shape of the stage's own program: concessions and branches are axes of one.
    wide = [
        np.repeat(np.repeat(np.asarray(x)[:, None, None], 3, 1), 2, 2)
        for x in (*given, figure("rationality"))
    ]
    played = jax.tree.map(lambda x: x[:, 0, 0], in_blocks(_play, *wide))
    np.testing.assert_allclose(made["demanded"], played.demanded, rtol=1e-12)
    np.testing.assert_allclose(made["granted"], played.granted, rtol=1e-12)
    np.testing.assert_allclose(made["paid"], played.paid, rtol=1e-12)
    np.testing.assert_array_equal(made["brought"].values.argmax(-1), played.threat)


def test_backward_induction_is_a_rival_structure(asked: Case, findings: dict[str, xr.Dataset]) -> None:
    backward = next(s for s in RIVALS if s.backward)
    assert not backward.changes_trade
    assert not any(s.backward for s in _applicable(asked.model_copy(update={"concessions": {}})))
    assert backward in _applicable(asked)
    found = computed(asked, structure=backward)["/price"]
    paid = found["paid"].sel(branch="alone").values
    assert np.isin(paid, (0.0, 1.0)).all()
    assert not np.isin(findings["/price"]["paid"].sel(branch="alone").values, (0.0, 1.0)).all()
    xr.testing.assert_allclose(
        found["paid"].sel(branch="alone", drop=True).mean("draw"),
        findings["/price"]["paid_at"].sel(rationality=np.inf, branch="alone", drop=True),
    )


def test_without_a_rescue_there_is_extraction_and_no_price(findings: dict[str, xr.Dataset]) -> None:
    made = findings["/price"]
    assert made["paid"].sel(branch="alone").notnull().all()
    assert made["paid"].sel(branch="rescued").isnull().all()
    assert made["price"].isnull().all()
    assert "lever_at" not in made
    some = 1 - (1 - made["paid"].sel(concession=["anthem", "base"])).prod("concession", skipna=False)
    np.testing.assert_allclose(made["some"].sel(branch="alone"), some.sel(branch="alone"), rtol=1e-12)
    # Inputs that could give a price or an extraction do: this is no model that always says no.
    assert made["paid"].sel(branch="alone", concession="anthem").mean() > 0.3
    assert made["paid"].sel(branch="alone", concession="moon").mean() < 0.05


def test_a_missing_reverse_tie_takes_the_threat_away(original: dict[str, Any]) -> None:
    less = json.loads(json.dumps(original))
    del less["domains"]["capital"]["ties"]["to_power"]
    made = computed(Case.model_validate(less | {"concessions": CONCESSIONS, "exits": EXITS, "claims": []}))[
        "/price"
    ]
    one = made.sel(concession="anthem", branch="alone")
    assert one["threat_cost"].sel(threat="capital").isnull().all()
    assert one["brought"].sel(threat="capital").sum() == 0
    assert "capital" in json.loads(made.attrs["not_offered"])["russia"]
    # What is left still makes up everything at once.
    assert one["threat_lever"].sel(threat=EVERYTHING).notnull().all()


def test_claims_read_what_a_study_has(asked: Case, findings: dict[str, xr.Dataset]) -> None:
    promised, there = from_case(asked), from_findings(xr.DataTree.from_dict({"/price": findings["/price"]}))
    of_price = {name for name in promised if name.startswith("price.")}
    assert of_price == {name for name in there if name.startswith("price.")}
    for name in of_price:
        assert promised[name].labels == there[name].labels, name


def test_conditions_are_found_by_running_again(findings: dict[str, xr.Dataset]) -> None:
    found = json.loads(findings["/price"].attrs["conditions"])
    assert found["base"] == pytest.approx(float(findings["/price"]["some"].sel(branch=BRANCHES[-1]).mean()))
    together = [step["together"] for step in found["steps"]]
    assert together == sorted(together)
    assert found["steps"][0]["alone"] > found["base"]


CRISIS = {
    "strength": between(0.3, 0.7),
    "public_precision": between(2, 4),
    "private_precision": between(8, 20),
    "cost": between(0.3, 0.6),
    "restoration": between(0.3, 0.6),
    "damage": between(0.005, 0.02),
    "income_loss": between(0, 2),
    "guarantee_weight": between(0.2, 1),
}
RESCUE = {
    "asked_of": "russia",
    "rationality": between(1, 5),
    "belief": {"honoured": between(1, 3), "refused": between(1, 3), "half_life": between(5, 10)},
    "new_ties": {"security": between(10, 40)},
    "candidates": {
        "russia": {
            "gate": between(0.5, 1),
            "troops": between(1000, 3000),
            "arrival": between(1, 2),
            "stay": between(5, 10),
            "doors": {
                "force": between(0.02, 0.2),
                "signal": {"strength": between(0, 0.4), "precision": between(1, 5)},
                "fear": between(0.6, 0.9),
                "plea": {"strength": between(-0.2, 0), "precision": between(0.5, 2)},
            },
            "motives": {
                "own_security": between(0.5, 3),
                "drawn_out": between(0.2, 0.6),
                "friendly_regime": between(0.5, 2),
                "credibility": between(0, 0.05),
                "influence": between(0, 0.05),
            },
        }
    },
}


@pytest.fixture(scope="module")
def saved(original: dict[str, Any]) -> dict[str, xr.Dataset]:
    """The groups of a case with a crisis and a rescue."""
    more = {"anthem": CONCESSIONS["anthem"] | {"ingratitude": between(0.1, 0.3)}, "base": CONCESSIONS["base"]}
    given = {"concessions": more, "crisis": CRISIS, "rescue": RESCUE, "exits": EXITS, "claims": []}
    return computed(Case.model_validate(original | given), main=True)


def twin_danger(
    truth: tuple[float, float], common: tuple[float, float], beta: float, c: float, kappa: float, zeta: float
) -> tuple[float, float]:
    """Collapse with a part of a drawn-out crisis, and survival, from the two equations of the game, by Brent."""
    (mu, alpha), (m, a) = truth, common
    star = brentq(
        lambda t: t - norm.cdf(a / beta**0.5 * (t - m) - (1 + a / beta) ** 0.5 * norm.ppf(c)),
        1e-15,
        1 - 1e-15,
    )
    x = star + norm.ppf(star) / beta**0.5
    order = brentq(lambda t: norm.cdf(beta**0.5 * (x - t)) - kappa * t, star, 1 / kappa)
    collapse = norm.cdf(alpha**0.5 * (star - mu))
    return float(collapse + zeta * (norm.cdf(alpha**0.5 * (order - mu)) - collapse)), 1 - float(collapse)


def cut(belief: tuple[float, float], floor: float) -> tuple[float, float]:
    mean, precision = belief
    sd = precision**-0.5
    made = truncnorm((floor - mean) / sd, np.inf, loc=mean, scale=sd)
    return float(made.mean()), float(1 / made.var())


def told(belief: tuple[float, float], strength: float, precision: float) -> tuple[float, float]:
    total = belief[1] + precision
    return belief[0] + precision * strength / total, total


@pytest.mark.parametrize("draw_", [0, 21])
def test_carrying_out_endangers_the_regime(saved: dict[str, xr.Dataset], draw_: int) -> None:
    """What threats cost the patron, from the levers, the beliefs after each branch and the game of survival."""
    inputs = saved["/inputs"]["value"].isel(draw=draw_)

    def figure(path: str) -> float:
        return float(inputs.sel(input=path))

    beta, kappa, chi = (figure(f"crisis.{x}") for x in ("private_precision", "restoration", "damage"))
    help_ = "rescue.candidates.russia.doors"
    H, zeta, V = (
        figure(f"rescue.candidates.russia.motives.{x}")
        for x in ("own_security", "drawn_out", "friendly_regime")
    )
    prior = figure("crisis.strength") - chi * figure("crisis.income_loss"), figure("crisis.public_precision")
    plea = figure(f"{help_}.plea.strength"), figure(f"{help_}.plea.precision")
    signal = figure(f"{help_}.signal.strength"), figure(f"{help_}.signal.precision")
    force, c, fear = figure(f"{help_}.force"), figure("crisis.cost"), figure(f"{help_}.fear")
    a, b = figure("rescue.belief.honoured"), figure("rescue.belief.refused")
    stars = saved["/regime"]["theta_star_by_power"].isel(draw=draw_).sel(power="russia")
    made = saved["/price"].isel(draw=draw_).sel(concession="anthem")
    reverse = saved["/levers"]["reverse"].isel(draw=draw_).sel(power="russia")
    for branch, first, floor, comes in (
        ("rescued", told(prior, *plea), float(stars.sel(branch="helped")) - force, (a + 1) / (a + b + 1)),
        ("alone", prior, float(stars.sel(branch="alone")), a / (a + b)),
    ):
        truth, common = cut(prior, floor), cut(first, floor)
        opened = told(told(common, *plea), *signal)

        def danger(
            lost: float, helped: bool, truth: Any = truth, common: Any = common, opened: Any = opened
        ) -> tuple[float, float]:
            mean, precision = opened if helped else common
            push = force if helped else 0.0
            return twin_danger(
                (truth[0] + push - chi * lost, truth[1]), (mean - chi * lost, precision),
                beta, fear if helped else c, kappa, zeta,
            )  # fmt: skip

        def rise(lost: float, guarded: bool, comes: float = comes, danger: Any = danger) -> float:
            before = comes * danger(0.0, True)[0] + (1 - comes) * danger(0.0, False)[0]
            after = comes * danger(lost, True)[0] + (1 - comes) * danger(lost, False)[0]
            return (after if guarded else danger(lost, False)[0]) - before

        cost, lever = made["threat_cost"].sel(branch=branch), made["threat_lever"].sel(branch=branch)
        trade = float(lever.sel(threat="trade"))
        assert float(cost.sel(threat="trade")) == pytest.approx(
            float(reverse.sel(domain="trade")) + H * rise(trade, True), rel=1e-6
        )
        kept = comes * (danger(0.0, True)[1] - danger(0.0, False)[1])
        assert float(cost.sel(threat="guarantee")) == pytest.approx(V * kept + H * rise(0.0, False), rel=1e-6)
        guarantee = float(lever.sel(threat="guarantee"))
        assert guarantee == pytest.approx(
            float(saved["/rescue"]["guarantee"].isel(draw=draw_).sel(power="russia", state=branch)), rel=1e-12
        )
        everything = float(lever.sel(threat=EVERYTHING))
        joint = float(saved["/levers"]["lever"].isel(draw=draw_).sel(power="russia", domain="total"))
        more = float(made["threat_lever"].sel(branch=branch, threat="security")) - float(
            saved["/levers"]["lever"].isel(draw=draw_).sel(power="russia", domain="security")
        )
        assert everything == pytest.approx(joint + more + guarantee, rel=1e-9)
        assert (more > 0) == (branch == "rescued")


def test_levers_before_and_after(saved: dict[str, xr.Dataset]) -> None:
    made, held = saved["/price"]["lever_at"], saved["/levers"]["lever"].sel(power="russia")
    for domain in ("trade", "transit", "capital", "security"):
        np.testing.assert_array_equal(made.sel(held=domain, moment="before"), held.sel(domain=domain))
        np.testing.assert_array_equal(made.sel(held=domain, moment="alone"), held.sel(domain=domain))
    # A tie that grew is a larger lever: only in the domain that the case names, and in the guarantee.
    created = saved["/price"]["lever_created"]
    assert (created.sel(held="security") > 0).all()
    assert (created.sel(held=["trade", "transit", "capital"]) == 0).all()
    parts = created.sel(held=["security", "guarantee"]).sum("held")
    np.testing.assert_allclose(created.sel(held="total"), parts, rtol=1e-9)
    np.testing.assert_allclose(
        saved["/price"]["lever_new"], made.sel(moment="rescued") - made.sel(moment="before"), rtol=1e-12
    )


def test_a_rescue_can_have_a_price(saved: dict[str, xr.Dataset]) -> None:
    made = saved["/price"]
    change = made["paid"].sel(branch="rescued") - made["paid"].sel(branch="alone")
    np.testing.assert_allclose(made["price"], change, atol=1e-15)
    because = 1 - (1 - change.clip(0)).prod("concession")
    np.testing.assert_allclose(made["because"], because, rtol=1e-12)
    assert 0.05 < float(made["because"].mean()) < 0.95
    whole = made["attribution"].sum("channel")
    np.testing.assert_allclose(whole, made["price"].mean("draw"), atol=1e-9)
    found = json.loads(made.attrs["conditions"])
    assert found["base"] == pytest.approx(float(made["because"].mean()))
    assert found["steps"]


def test_a_draw_that_did_not_converge_is_no_part_of_what_a_reader_is_shown(asked: Case) -> None:
    layout = design(asked, DRAWS, 1)
    values = draw(asked, layout, layout.a)
    # The same draws but for one, which is another's.
    other = Draws(DRAWS, {p: np.where(np.arange(DRAWS) == 3, x[5], x) for p, x in values.columns.items()})

    def shown(drawn: Draws, left_out: bool) -> dict[str, xr.Dataset]:
        made = simulate(asked, drawn, BASE)
        made = replace(made, converged=made.converged & ((np.arange(DRAWS) != 3) | (not left_out)))
        context = Context(asked, Figures(drawn), BASE, made, None, raw_groups(asked, made, None), True)
        groups = {path: g.drop_dims("draw") for path, g in run_stages(context).groups.items()}
        return {path: g for path, g in groups.items() if g.data_vars}

    one, same = shown(values, True), shown(other, True)
    assert {"paid_at", "attribution", "work"} <= set(one["/price"].data_vars)
    for path, group in one.items():
        xr.testing.assert_identical(group, same[path])
    # It would have told.
    one, same = shown(values, False), shown(other, False)
    assert any(not group.identical(same[path]) for path, group in one.items())
