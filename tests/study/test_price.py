"""The price in a study: what the stage hands to the games, and what it does with what is missing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius._study.draws import design, draw
from tertius._study.layout import raw_groups
from tertius._study.run import _applicable
from tertius._study.simulate import simulate
from tertius._study.stages import Context, run_stages
from tertius._study.stages.price import BRANCHES, EVERYTHING
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
    exits = {
        "west_answers": {"title": "x", "leavers": {"west": 0.3}, "domains": ["trade", "capital"]},
        "china_answers": {"title": "x", "leavers": {"china": 1.0}, "domains": ["capital"]},
    }
    return Case.model_validate(original | {"concessions": CONCESSIONS, "exits": exits, "claims": []})


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
    threats = price.Threats(made["threat_lever"].values, made["threat_cost"].values)
    played = price.play(stakes, threats, figure("rationality"))
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
    made = computed(Case.model_validate(less | {"concessions": CONCESSIONS, "exits": {}, "claims": []}))[
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
