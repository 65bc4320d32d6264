"""What if: every number again, by separate counterfactuals with names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tertius._atlas import ask, what_if
from tertius.errors import BadInput
from tertius.models import trade
from tertius.models.trade import Exit

WEST = ("DEU", "FRA", "POL", "USA")
RIVALS = (
    ("no deficits", {"deficits": "balanced"}),
    ("deficits in proportion to income", {"deficits": "proportional"}),
)


@pytest.fixture
def found(small_world):
    return what_if(ask("KAZ", exits=["west:0.8"]), draws=8, seed=3)


def points(world, exits, country, **kwargs):
    return -100 * np.log(float(trade.counterfactual(world, exits, **kwargs).welfare.sel(country=country)))


def test_losses_levers_and_vacuum_are_those_of_single_counterfactuals(found, make_world):
    world = make_world("baci-2023")
    base = trade.baseline(world.flows, gdp=world.gdp)
    exit_ = Exit("KAZ", WEST, 0.8)
    after = trade.counterfactual(base, [exit_])
    assert float(found["central_client_loss"]) == pytest.approx(points(base, [exit_], "KAZ"), abs=1e-7)
    np.testing.assert_allclose(found["central_loss"], -100 * np.log(after.welfare), atol=1e-7)
    lost = points(base, [exit_], "KAZ")
    for power in ("RUS",):
        assert float(found["central_lever_before"].sel(power=power)) == pytest.approx(
            points(base, [Exit("KAZ", power)], "KAZ"), abs=1e-7
        )
        assert float(found["central_lever_after"].sel(power=power)) == pytest.approx(
            points(base, [exit_, Exit("KAZ", power)], "KAZ") - lost, abs=1e-7
        )
    moved = after.quantities - base.flows[0].drop_vars("sector")
    gone = -float(moved.sel(origin="KAZ", destination=list(WEST)).sum())
    china = float(moved.sel(origin="KAZ", destination="CHN")) / gone
    assert float(found["central_vacuum_share"].sel(power="CHN", flow="exports")) == pytest.approx(
        china, abs=1e-7
    )
    own = float(moved.sel(origin="KAZ", destination="KAZ")) / gone
    assert float(found["central_filled_by_own"].sel(flow="exports")) == pytest.approx(own, abs=1e-7)
    np.testing.assert_allclose(
        found["exports_after"].sel(country="CHN"), after.flows.sel(origin="KAZ", destination="CHN"), rtol=1e-7
    )


def test_the_vacuum_is_filled_by_somebody_or_nobody(found):
    whole = (
        found["vacuum_share"].sum("power")
        + found["filled_by_own"]
        + found["filled_by_others"]
        + found["unfilled"]
    )
    np.testing.assert_allclose(whole, 1.0, atol=1e-9)
    assert "DEU" not in found["power"].values
    assert np.isnan(found["central_filled"].sel(country="DEU")).all()
    assert float(found["tertius_by_leverage"].sum()) <= 1.0
    assert found.sizes["draw"] == 8
    assert found.attrs["unconverged"] == 0
    assert found.attrs["residual"] <= 1e-10


def test_rivals_are_the_model_under_them(found, make_world):
    world = make_world("baci-2023")
    base = trade.baseline(world.flows, gdp=world.gdp)
    for name, kwargs in RIVALS:
        theirs = points(base, [Exit("KAZ", WEST, 0.8)], "KAZ", **kwargs)
        assert float(found["rival_client_loss"].sel(structure=name)) == pytest.approx(theirs, abs=1e-6)
    gross = trade.baseline(world.flows, gdp=world.gdp, multiplier=1.54)
    assert float(found["rival_client_loss"].sel(structure="output 1.54 of GDP (ITPD-E)")) == pytest.approx(
        points(gross, [Exit("KAZ", WEST, 0.8)], "KAZ"), abs=1e-6
    )


def test_whole_and_no_exit_are_the_ends_of_a_scale(small_world):
    some, whole = (what_if(ask("KAZ", exits=[e]), draws=2, structures=False) for e in ("RUS:0.001", "RUS"))
    assert 0 < float(some["central_client_loss"]) < 0.01 * float(whole["central_client_loss"]) + 0.01
    assert "structure" not in some.dims


def test_the_same_seed_gives_the_same_answer(small_world, found):
    again = what_if(ask("KAZ", exits=["west:0.8"]), draws=8, seed=3)
    np.testing.assert_array_equal(again["leverage_gain"], found["leverage_gain"])


def test_the_union_counts_as_one_unless_it_is_torn(small_world):
    powers = json.loads(what_if(ask("KAZ", exits=["RUS"]), draws=2).attrs["members"])
    assert powers["eu"] == ["DEU", "FRA", "POL"]
    powers = json.loads(what_if(ask("KAZ", exits=["DEU"]), draws=2).attrs["members"])
    assert "eu" not in powers
    assert powers["FRA"] == ["FRA"]
    powers = json.loads(what_if(ask("KAZ", exits=["RUS"], powers=["CHN", "TUR"]), draws=2).attrs["members"])
    assert list(powers) == ["CHN", "TUR"]
    with pytest.raises(BadInput, match="cannot both leave and be compared"):
        what_if(ask("KAZ", exits=["RUS"], powers=["RUS"]), draws=2)


def test_sectors_have_specific_factors_and_services(small_world, make_world):
    found = what_if(ask("KAZ", exits=["west"], sectors=True), draws=4)
    assert found.attrs["factors"] == "specific"
    whole = (
        found["vacuum_share"].sum("power")
        + found["filled_by_own"]
        + found["filled_by_others"]
        + found["unfilled"]
    )
    np.testing.assert_allclose(whole, 1.0, atol=1e-9)
    world = make_world("unctad-2015", sectors=True)
    base = trade.baseline(world.flows, gdp=world.gdp, home="trade")
    theta = {"0": 4.0, "3": 10.0, "7": 4.0}
    theirs = points(base, [Exit("KAZ", WEST)], "KAZ", elasticity=theta, factors="specific")
    assert float(found["central_client_loss"]) == pytest.approx(theirs, abs=1e-6)
