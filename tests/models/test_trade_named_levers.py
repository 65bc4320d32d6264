"""Levers asked for by name: partial withdrawals, one country's partners, panels, draws, and sales at home."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tertius.errors import BadInput
from tertius.models import trade
from tertius.models.trade import Exit

COUNTRIES = ["KAZ", "RUS", "CHN", "DEU", "FRA", "TUR"]
SECTORS = ["oil", "goods"]


def abroad(seed=0, sectors=True):
    """Trade without domestic sales; Germany and Turkey do not trade."""
    rng = np.random.default_rng(seed)
    X = np.exp(rng.uniform(-1, 1, (2, 6, 6)))
    X[:, np.arange(6), np.arange(6)] = 0.0
    X[:, 3, 5] = X[:, 5, 3] = 0.0
    coords = {"sector": SECTORS, "origin": COUNTRIES, "destination": COUNTRIES}
    out = xr.DataArray(X, coords=coords, dims=["sector", "origin", "destination"])
    return out if sectors else out.sum("sector")


GDP = xr.DataArray([60.0, 150.0, 400.0, 90.0, 80.0, 40.0], {"country": COUNTRIES}, ("country",))


@pytest.fixture(scope="module")
def world():
    return trade.baseline(abroad(sectors=False), gdp=GDP, blocs={"west": ("DEU", "FRA")})


def points(world, exits, country, **kwargs):
    return -100 * np.log(float(trade.counterfactual(world, exits, **kwargs).welfare.sel(country=country)))


def test_one_country_and_its_partners_are_a_row_and_a_column_of_the_matrix(world):
    every = trade.leverage(world, elasticity=5.0)
    of = trade.levers_of(world, "TUR", elasticity=5.0)
    assert of.lever.dims == ("partner",)
    assert of.sizes["partner"] == 5
    np.testing.assert_allclose(of.lever, every.sel(client="TUR", power=of.partner), atol=1e-7)
    np.testing.assert_allclose(of.reverse, every.sel(power="TUR", client=of.partner), atol=1e-7)
    assert float(of.lever.sel(partner="DEU")) == 0.0
    assert float(of.residual.max()) <= 1e-10
    some = trade.leverage(world, elasticity=5.0, clients=["TUR", "KAZ"])
    np.testing.assert_allclose(some, every.sel(client=["TUR", "KAZ"]), atol=1e-7)
    bloc = trade.leverage(world, elasticity=5.0, powers=["west"], clients=["TUR"])
    assert bloc.shape == (1, 1)
    assert float(bloc[0, 0]) == pytest.approx(points(world, [Exit("TUR", "west")], "TUR", elasticity=5.0))


@pytest.mark.parametrize("degree", [0.3, 0.9])
def test_a_power_may_withdraw_in_part(world, degree):
    out = trade.leverage(world, degree=degree)
    assert float(out.sel(power="CHN", client="KAZ")) == pytest.approx(
        points(world, [Exit("KAZ", "CHN", degree)], "KAZ"), abs=1e-7
    )
    whole = trade.leverage(world)
    assert bool((out <= whole + 1e-9).where(out.notnull(), True).all())
    bloc = trade.leverage(world, powers=["west"], clients=["KAZ"], degree=degree)
    assert float(bloc[0, 0]) == pytest.approx(points(world, [Exit("KAZ", "west", degree)], "KAZ"), abs=1e-7)


def test_draws_of_the_elasticity_are_an_axis(world):
    theta = xr.DataArray([2.5, 4.0, 10.0], {"draw": [7, 8, 9]}, ("draw",))
    out = trade.leverage(world, elasticity=theta)
    assert out.dims == ("draw", "power", "client")
    assert out["draw"].values.tolist() == [7, 8, 9]
    assert out["residual"].dims == out.dims
    assert out["lifted"].dims == ("client",)
    np.testing.assert_allclose(out.sel(draw=8, drop=True), trade.leverage(world, elasticity=4.0), atol=1e-7)
    assert bool((out.sel(draw=7) >= out.sel(draw=9)).where(out.sel(draw=7).notnull(), True).all())
    of = trade.levers_of(world, "KAZ", elasticity=theta)
    np.testing.assert_allclose(of.lever, out.sel(client="KAZ", power=of.partner).transpose(*of.lever.dims))
    assert of["lifted"].dims == ("partner",)


def test_years_are_a_panel_in_which_a_country_may_be_missing(world):
    fewer = [c for c in COUNTRIES if c != "TUR"]
    other = trade.baseline(
        abroad(1, sectors=False).sel(origin=fewer, destination=fewer), gdp=GDP.sel(country=fewer)
    )
    out = trade.leverage({2019: world, 2020: other})
    assert out.dims == ("year", "power", "client")
    np.testing.assert_allclose(
        out.sel(year=2019, drop=True).sel(power=COUNTRIES, client=COUNTRIES), trade.leverage(world)
    )
    assert bool(out.sel(year=2020, client="TUR").isnull().all())
    np.testing.assert_allclose(
        out.sel(year=2020, power=fewer, client=fewer), trade.leverage(other), equal_nan=True
    )
    assert out["lifted"].dtype == bool


def test_who_hangs_on_the_floor_is_marked():
    small = GDP.copy()
    small.loc["TUR"] = 1.0
    out = trade.leverage(trade.baseline(abroad(sectors=False), gdp=small))
    assert out["client"].values[out["lifted"].values].tolist() == ["TUR"]
    assert trade.baseline(abroad(sectors=False), gdp=small, multiplier=40.0).lifted == ()


def test_a_multiplier_of_output_lowers_every_lever_in_about_its_proportion(world):
    gross = trade.baseline(abroad(sectors=False), gdp=GDP, multiplier=1.5)
    home = np.diag(gross.flows.values[0])
    np.testing.assert_allclose(home, 1.5 * GDP.values - abroad(sectors=False).sum("destination").values)
    ratio = (trade.leverage(world) / trade.leverage(gross)).values
    ratio = ratio[np.isfinite(ratio)]
    assert ((ratio > 1.2) & (ratio < 1.9)).all()


@pytest.mark.parametrize("rule", ["imports", "exports", "trade", "world"])
def test_sales_at_home_fall_to_sectors_by_a_stated_rule(rule):
    flows = abroad()
    made = trade.baseline(flows, gdp=GDP, home=rule)
    home = made.flows.values[:, np.arange(6), np.arange(6)]
    np.testing.assert_allclose(home.sum(0), GDP.values - flows.sum(["sector", "destination"]).values)
    weights = {
        "imports": flows.sum("origin"),
        "exports": flows.sum("destination"),
        "trade": flows.sum("origin").values + flows.sum("destination").values,
        "world": np.broadcast_to(flows.sum(["origin", "destination"]).values[:, None], (2, 6)),
    }
    weight = np.asarray(weights[rule])
    np.testing.assert_allclose(home / home.sum(0), weight / weight.sum(0))


def test_services_are_what_nobody_else_can_supply():
    goods = trade.baseline(abroad(), gdp=GDP, home="imports")
    both = trade.baseline(abroad(), gdp=GDP, home="imports", services=0.6)
    assert both.sectors == (*SECTORS, "not traded")
    np.testing.assert_allclose(both.flows.sum("sector"), goods.flows.sum("sector"))
    theta = {"oil": 9.0, "goods": 3.0}
    lever = trade.levers_of(both, "KAZ", elasticity=theta)["lever"]
    same = trade.levers_of(both, "KAZ", elasticity=theta | {"not traded": 50.0})["lever"]
    np.testing.assert_allclose(lever, same, rtol=1e-8)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda w: trade.leverage(w, degree=0.0), "bad-degree"),
        (lambda w: trade.leverage(w, degree=1.2), "bad-degree"),
        (lambda w: trade.leverage({}), "no-years"),
        (lambda w: trade.leverage(w, clients=["KZA"]), "unknown-country"),
        (lambda w: trade.levers_of(w, "west"), "not-a-country"),
        (lambda w: trade.leverage(w, clients=["west"]), "not-a-country"),
        (lambda w: trade.baseline(abroad(), gdp=GDP), "gdp-by-sector"),
        (lambda w: trade.baseline(abroad(), gdp=GDP, home="import"), "unknown-rule"),
        (lambda w: trade.baseline(abroad(), gdp=GDP, home="imports", services=1.0), "bad-services"),
        (lambda w: trade.baseline(abroad(sectors=False), gdp=GDP, multiplier=0.0), "bad-multiplier"),
    ],
)
def test_mistakes_are_named(world, make, code):
    with pytest.raises(BadInput) as error:
        make(world)
    assert error.value.code == code


@pytest.mark.parametrize("factors", ["mobile", "specific"])
def test_withdrawals_of_any_groups_are_single_counterfactuals(factors):
    flows = abroad(0)
    world = trade.baseline(flows, gdp=GDP, home="trade")
    theta = {"oil": 9.0, "goods": 3.0}
    rng = np.random.default_rng(0)
    gone = np.zeros((40, 6))
    gone[1:] = rng.uniform(size=(39, 6)) * (rng.uniform(size=(39, 6)) < 0.5)
    # Everybody leaves in part, so that the slow twin is compiled once.
    gone[1, 1:], gone[2, 1:], gone[39, 1:] = rng.uniform(size=5), 0.99, rng.uniform(size=5)
    out = trade.withdrawals(world.economy, [9.0, 3.0], 0, gone, factors=factors)
    assert (np.asarray(out.status) == trade.CONVERGED).all()
    assert np.asarray(out.residual).max() <= 1e-10
    np.testing.assert_allclose(np.asarray(out.welfare)[0], 1.0, rtol=1e-13)
    for row in (1, 2, 39):
        exits = [Exit("KAZ", COUNTRIES[k], float(gone[row, k])) for k in range(1, 6)]
        one = trade.counterfactual(world, exits, elasticity=theta, factors=factors)
        np.testing.assert_allclose(np.asarray(out.welfare)[row], one.welfare, rtol=1e-9)


def test_withdrawals_in_many_worlds_are_those_in_each():
    worlds = [trade.baseline(abroad(seed), gdp=GDP, home="imports") for seed in (3, 4, 5)]
    gone = np.zeros((2, 6))
    gone[0, 1], gone[1, 2:4] = 1.0, 0.5
    theta = np.array([[9.0, 3.0], [4.0, 4.0], [12.0, 2.5]])
    many = trade.withdrawals_in_draws(
        np.stack([w.flows.values for w in worlds]), theta, 0, gone, factors="specific"
    )
    assert np.asarray(many.welfare).shape == (3, 2, 6)
    for k, world in enumerate(worlds):
        one = trade.withdrawals(world.economy, theta[k], 0, gone, factors="specific")
        np.testing.assert_allclose(np.asarray(many.welfare)[k], one.welfare, rtol=1e-9)
