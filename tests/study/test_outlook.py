"""The coming years in a study: what each scenario changes, draw by draw; the guarantee; what a reader sees of it."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius._brief.reading import Reading
from tertius._brief.sections import learned as learned_section
from tertius._brief.sections import outlook as outlook_section
from tertius._study import run
from tertius._study.stages.outlook import with_further
from tertius.case import Case
from tertius.claims.tables import labels_of, table_of
from tertius.models.displacement import displace
from tertius.models.levers import effective_powers, lever

WHY = "made up for the tests"
N = 128


def between(low: float, high: float) -> dict[str, Any]:
    return {"range": [low, high], "assumed": WHY}


BELIEF = {"honoured": between(1, 3), "refused": between(1, 3), "half_life": between(5, 10)}
MORE = {
    "crisis": {
        "strength": between(0.4, 0.8),
        "public_precision": between(2, 4),
        "private_precision": between(8, 20),
        "cost": between(0.3, 0.6),
        "restoration": between(0.3, 0.6),
        "damage": between(0.005, 0.02),
        "guarantee_weight": between(0.2, 1),
    },
    "rescue": {
        "asked": "2022-01-05",
        "asked_of": "russia",
        "rationality": between(1, 5),
        "belief": BELIEF,
        "new_ties": {"security": between(10, 40)},
        "candidates": {
            "russia": {
                "gate": between(0.5, 1),
                "arrival": between(1, 2),
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
    },
    "observers": {
        "near": BELIEF
        | {
            "name": "Near",
            "patrons": ["russia", "china"],
            "similarity": between(0.3, 0.9),
            "reliance": between(0.5, 2),
            "domain": "security",
            "ties": {"russia": between(0.2, 0.4), "china": between(0.05, 0.1)},
            "guarantee_weight": between(0.1, 0.3),
        },
        "far": BELIEF | {"name": "Far", "patrons": ["russia"], "similarity": between(0.1, 0.2)},
    },
    "history": [
        {
            "id": "once",
            "date": "2016-06",
            "patron": "russia",
            "asked_by": "Somebody",
            "honoured": between(0.2, 0.8),
            "similarity": {"client": between(0.4, 0.8), "near": between(0.4, 0.8)},
        }
    ],
    "investors": {"premium": between(0.5, 3), "half_life": between(0.2, 2), "base_return": between(8, 15)},
    "outlook": {
        "horizon": 10,
        "fall": between(0.05, 0.2),
        "drift": {"capital": {"china": between(0, 4), "west": between(-3, 0)}},
        "learning": {"security": {"rate": {"china": between(1, 5)}, "exposure": {"china": between(0.3, 1)}}},
    },
    "exits": {
        "west_out": {"title": "The West leaves", "leavers": {"west": 1.0}},
        "russia_out": {"title": "Russia leaves", "leavers": {"russia": between(0.3, 0.9)}},
        "russian_money": {"title": "Its money", "leavers": {"russia": 1.0}, "domains": ["capital"]},
    },
    "claims": [],
    "sources": {},
}


@pytest.fixture(scope="module")
def asked(original: dict[str, Any]) -> Case:
    """The small case without trade, with everything that the coming years read."""
    out = copy.deepcopy(original)
    del out["trade"]
    return Case.model_validate(out | MORE)


@pytest.fixture(scope="module")
def made(asked: Case) -> xr.DataTree:
    return run(asked, draws=N, seed=5)[0]


def test_runs_behind_verdicts_make_what_these_read_and_nothing_else(asked: Case, made: xr.DataTree) -> None:
    every = run(asked, draws=N, seed=5)[1]
    read = {"outlook": {"beyond_fall", "rescued"}, "levers": {"*"}}
    findings, some = run(asked, draws=N, seed=5, read=read)
    # The findings themselves leave nothing out.
    assert set(findings.groups) == set(made.groups)
    xr.testing.assert_identical(findings["outlook"].to_dataset(), made["outlook"].to_dataset())
    assert every.frozen is not None
    assert some.frozen is not None
    assert list(some.structures) == list(every.structures)
    runs = [(some.frozen, every.frozen)] + [
        (some.structures[s], every.structures[s]) for s in some.structures
    ]
    for part, whole in runs:
        assert {"reputation", "investors"} <= set(whole.children)
        assert {"regime", "rescue", "outlook", "levers"} <= set(part.children)
        assert {"as_is", "rescued"} <= set(part["outlook"]["scenario"].values)
        for group in ("levers", "displacement", "rescue"):
            xr.testing.assert_identical(part[group].to_dataset(), whole[group].to_dataset())
        both = (t["outlook"]["beyond_fall"].sel(scenario="rescued") for t in (part, whole))
        xr.testing.assert_allclose(*both, rtol=1e-12)
    # Made anew, on other draws, and so without what nobody reads.
    assert list(some.frozen["outlook"]["scenario"].values) == ["as_is", "rescued"]
    assert list(some.frozen["outlook"]["year"].values) == ["0", "10"]
    assert "years_to_overtake" not in some.frozen["outlook"].data_vars
    assert not {"reputation", "investors"} & set(some.frozen.children)
    several = run(asked, draws=N, seed=5, read={"outlook": {"lever", "years_to_overtake", "*"}})[1].frozen
    assert several is not None
    xr.testing.assert_identical(several["outlook"].to_dataset(), every.frozen["outlook"].to_dataset())


class _Draw:
    """One draw's figures by path, exact ones as the case states them."""

    def __init__(self, asked: Case, made: xr.DataTree, k: int) -> None:
        self.stated = {i.path: float(i.quantity.median) for i in asked.inputs()}
        table = made["inputs"]["value"].isel(draw=k)
        self.drawn = {str(p): float(v) for p, v in zip(table["input"].values, table.values, strict=True)}

    def __call__(self, path: str) -> float:
        return self.drawn.get(path, self.stated[path])

    def bundle(self, domain: str) -> tuple[Any, Any]:
        path = f"domains.{domain}"
        ties = [self(f"{path}.ties.to_client.{p}") for p in ("russia", "china", "west")]
        share = np.array([*ties, self(f"{path}.ties.own")])
        supply = [self(f"{path}.capacity.{p}") for p in ("russia", "china", "west", "own")]
        return share / share.sum(), np.array(supply)

    def levers(self, domain: str, keep: Any) -> Any:
        share, supply = self.bundle(domain)
        sigma, weight = self(f"domains.{domain}.elasticity"), self(f"domains.{domain}.weight")
        after = share * np.asarray(displace(share, keep, sigma, supply).share_hat)
        return np.asarray(lever(after, weight, sigma, supply).value)


def test_every_variable_is_listed_for_claims_with_its_labels(asked: Case, made: xr.DataTree) -> None:
    for name in ("outlook", "reputation"):
        group = made[name].to_dataset()
        entries = {entry.name: entry for entry in table_of(name)}
        assert set(entries) == set(group.data_vars)
        for variable, entry in entries.items():
            assert group[variable].dims == entry.dims
            assert group[variable].attrs["unit"] == entry.unit
        for dim, known in labels_of(name, asked).items():
            there = tuple(str(label) for label in group[dim].values)
            # Claims read further exits nowhere, since the runs behind their evidence do not have them.
            assert there[: len(known)] == known
            assert len(there) == len(known) or dim == "scenario"


@pytest.mark.parametrize("k", [0, 50])
def test_a_scenario_changes_what_the_crisis_and_the_rescue_change(
    asked: Case, made: xr.DataTree, k: int
) -> None:
    told = _Draw(asked, made, k)
    found = made["outlook"]["lever_in"].isel(draw=k).sel(power=["russia", "china", "west"])
    for moment, t in (("now", 0.0), ("horizon", 10.0)):
        learned = told("outlook.learning.security.rate.china") * told(
            "outlook.learning.security.exposure.china"
        )
        ties = {"as_is": 0.0, "alone": 0.0, "rescued": told("rescue.new_ties.security")}
        for scenario, more in ties.items():
            keep = np.exp(np.array([more, learned * t, 0, 0]) / 100)
            here = found.sel(moment=moment, scenario=scenario, domain="security")
            np.testing.assert_allclose(here, told.levers("security", keep), rtol=1e-8)
        drift = [0, told("outlook.drift.capital.china"), told("outlook.drift.capital.west"), 0]
        asks = told("investors.premium") * 0.5 ** (t / told("investors.half_life"))
        dear = (1 + asks / told("investors.base_return")) ** (1 - told("domains.capital.elasticity"))
        for scenario, struck in {"as_is": 1.0, "alone": dear, "rescued": dear}.items():
            keep = np.exp(np.array(drift) * t / 100) * np.array([struck, struck, struck, 1])
            here = found.sel(moment=moment, scenario=scenario, domain="capital")
            np.testing.assert_allclose(here, told.levers("capital", keep), rtol=1e-8)


@pytest.mark.parametrize("k", [3, 77])
def test_the_guarantee_fades_as_requests_are_forgotten(asked: Case, made: xr.DataTree, k: int) -> None:
    told = _Draw(asked, made, k)
    a, b, half = (told(f"rescue.belief.{x}") for x in ("honoured", "refused", "half_life"))
    # From 15 June 2016 to 5 January 2022.
    weight = told("history.once.similarity.client") * 0.5 ** (2030 / 365.25 / half)
    y = told("history.once.honoured")
    worth = made["rescue"]["guarantee"].isel(draw=k).sel(power="russia")
    lever_in = made["outlook"]["lever_in"].isel(draw=k).sel(domain="guarantee")
    for scenario, state, now in (
        ("as_is", "before", 0.0),
        ("rescued", "rescued", 1.0),
        ("alone", "alone", 0.0),
        ("russian_money", "before", 0.0),
        ("russia_out", "before", 0.0),
    ):
        stays = 1 - told("exits.russia_out.leavers.russia") if scenario == "russia_out" else 1.0
        for moment, left in (("now", 1.0), ("horizon", 0.5 ** (10 / half))):
            share = [
                (a + f * (weight * y + now)) / (a + b + f * (weight + now)) for f in (left, 1.0)
            ]  # fmt: skip
            here = lever_in.sel(scenario=scenario, moment=moment)
            expected = float(worth.sel(state=state)) * share[0] / share[1] * stays
            np.testing.assert_allclose(here.sel(power="russia"), expected, rtol=1e-9)
            assert (here.sel(power=["china", "west"]) == 0).all()


def test_levers_add_up_and_the_balance_is_held_against_that_of_today(made: xr.DataTree) -> None:
    found = made["outlook"].to_dataset()
    ends = found["lever"].isel(year=[0, -1]).transpose("draw", "scenario", "year", "power").values
    parts = found["lever_in"].transpose("draw", "scenario", "moment", "power", "domain")
    np.testing.assert_allclose(parts.sum("domain", skipna=False).values, ends, rtol=1e-12)
    np.testing.assert_allclose(
        found["effective_powers"], effective_powers(found["lever"].values).entropy, rtol=1e-12
    )
    by = made["inputs"]["value"].sel(input="outlook.fall").values
    number = found["effective_powers"]
    for scenario in found["scenario"].values:
        fallen = number.sel(scenario="as_is").isel(year=0) - number.sel(scenario=scenario).isel(year=-1)
        np.testing.assert_allclose(found["beyond_fall"].sel(scenario=scenario), fallen - by, atol=1e-12)
    # Who has left holds nothing, however the rest goes on.
    assert (found["lever"].sel(scenario="west_out", power="west") == 0).all()


def test_further_exits_are_missing_in_the_draws_that_they_were_not_run_on() -> None:
    number = xr.DataArray(np.ones((3, 1)), dims=("draw", "scenario"))
    group = xr.Dataset({"n": number, "other": ("draw", [1.0, 2.0, 3.0])}).assign_coords(
        draw=[0, 2, 5], scenario=["as_is"]
    )
    more = xr.Dataset({"n": 7 * number}).assign_coords(scenario=["leave"])
    both = with_further(group, more)
    assert both["n"].sel(scenario="leave").values.tolist()[:2] == [7, 7]
    assert np.isnan(both["n"].sel(scenario="leave", draw=5))
    assert both["other"].dims == ("draw",)


def test_what_observers_learn_moves_the_guarantee_of_their_regimes(asked: Case, made: xr.DataTree) -> None:
    found, rescue = made["reputation"].to_dataset(), made["rescue"].sel(state="before")
    ratio = np.log(rescue["next_helped"] / rescue["next_alone"]).sel(power="russia")
    values = made["inputs"]["value"]
    for observer, path in (("near", "observers.near"), ("far", "crisis")):
        weight = values.sel(input=f"{path}.guarantee_weight", drop=True)
        belief = found["belief"].sel(observer=observer, power="russia")
        np.testing.assert_allclose(
            found["hold_guarantee"].sel(observer=observer, power="russia").transpose(*belief.dims),
            (100 * weight * belief * ratio).transpose(*belief.dims),
            rtol=1e-9,
        )
    # Of China nobody says how its help would work, so that its guarantee is not known.
    assert np.isnan(found["hold_guarantee"].sel(power="china")).all()
    for channel, held in (("domain", "hold"), ("guarantee", "hold_guarantee")):
        lever_ = found[held].sel(power="russia")
        change = (lever_.sel(moment="honoured") - lever_.sel(moment="before")).sum("observer")
        np.testing.assert_allclose(
            found["worth_by"].sel(power="russia", taught="honoured", channel=channel), change
        )
    np.testing.assert_allclose(
        found["worth"].sel(power="russia"), found["worth_by"].sel(power="russia").sum("channel")
    )
    assert float(found["worth"].sel(power="russia", taught="honoured").min()) > 0


def test_the_sections_say_it_and_the_summary_has_it(made: xr.DataTree) -> None:
    reading = Reading(made)
    part, others = outlook_section.part(reading), learned_section.part(reading)
    assert part is not None
    assert others is not None
    said = " ".join(getattr(b, "text", "") for b in part.blocks)
    assert "years after the rescue Client would lean on" in said
    assert "Russia's guarantee of the regime counts as a lever" in said
    assert "through its guarantee of their regimes" in " ".join(getattr(b, "text", "") for b in others.blocks)
    headings = [b.heading for b in part.blocks if hasattr(b, "heading")]
    for scenario in ("After the rescue", "Having survived alone", "Without the crisis", "Russia leaves"):
        assert f"Levers: {scenario}" in headings
    for figure in (b for p in (part, others) for b in p.blocks if hasattr(b, "pictures")):
        for picture in figure.pictures:
            assert "NaN" not in picture.svg
    out: Any = outlook_section.summary(reading) | learned_section.summary(reading)
    json.dumps(out, allow_nan=False)
    assert set(out["outlook"]["balance_ended"]) == set(made["outlook"]["scenario"].values.tolist())
    assert out["outlook"]["levers_by_domain"]["rescued"]["now"]["russia"]["guarantee"]["median"] > 0
