"""The trade engine with names: what users meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import root

from tertius.errors import BadInput, CannotCompute
from tertius.models import trade
from tertius.models.trade import Cap, Exit

COUNTRIES = ["KAZ", "RUS", "CHN", "DEU", "FRA", "TUR"]
SECTORS = ["oil", "goods"]
BLOCS = {"west": ("DEU", "FRA"), "neighbours": ("RUS", "CHN", "TUR")}


def flows(seed=0, sectors=True):
    rng = np.random.default_rng(seed)
    X = np.exp(rng.uniform(-1, 1, (2, 6, 6)))
    X[:, np.arange(6), np.arange(6)] *= 8
    coords = {"sector": SECTORS, "origin": COUNTRIES, "destination": COUNTRIES}
    out = xr.DataArray(
        X, coords=coords, dims=["sector", "origin", "destination"], attrs={"unit": "billion US$"}
    )
    return out if sectors else out.sum("sector")


@pytest.fixture(scope="module")
def world():
    return trade.baseline(flows(), blocs=BLOCS)


@pytest.fixture(scope="module")
def one_good():
    return trade.baseline(flows(sectors=False), blocs=BLOCS)


def test_results_carry_names_and_proof(world):
    out = trade.counterfactual(world, [Exit("KAZ", "west")], factors="specific")
    assert out.status == "converged"
    assert out.residual <= 1e-10
    assert out.welfare.dims == ("country",)
    assert out.welfare["country"].values.tolist() == COUNTRIES
    assert out.wages.dims == ("sector", "country")
    assert out.flows.dims == ("sector", "origin", "destination")
    assert out.flows.attrs["unit"] == "billion US$"
    assert float(out.flows.sel(origin="KAZ", destination=["DEU", "FRA"]).sum()) == 0
    assert float(out.flows.sel(destination="KAZ", origin=["DEU", "FRA"]).sum()) == 0
    np.testing.assert_allclose(
        out.flows.sum(["sector", "origin"]), out.expenditure * world.economy.E, rtol=1e-9
    )
    assert float(out.welfare.sel(country="KAZ")) < 1


def test_one_good_has_no_sector_in_its_results(one_good):
    out = trade.counterfactual(one_good, [Exit("KAZ", "RUS", 0.5)])
    assert out.flows.dims == ("origin", "destination")
    assert out.wages.dims == ("country",)


def test_exits_by_sector_direction_and_degree(world):
    shock = [
        Exit("KAZ", "west", sectors="oil", direction="exports"),
        Exit("KAZ", ("CHN", "west"), degree=0.5, sectors="goods", direction="imports"),
        Exit("west", "KAZ", degree=0.5, direction="exports"),
    ]
    out = trade.counterfactual(world, shock, elasticity={"oil": 9.0, "goods": 4.0})
    keep = np.ones((2, 6, 6))
    keep[0, 0, [3, 4]] = 0.0
    keep[1, [2, 3, 4], 0] *= 0.5
    keep[:, [3, 4], 0] *= 0.5
    theta = np.array([9.0, 4.0])
    economy = world.economy
    share = np.asarray(economy.lam) * keep * (np.asarray(out.wages) ** -theta[:, None])[:, :, None]
    share = share / share.sum(1, keepdims=True)
    spent = np.asarray(economy.alpha) * np.asarray(out.expenditure * economy.E)
    np.testing.assert_allclose(out.flows, share * spent[:, None], rtol=1e-9)
    np.testing.assert_allclose(
        out.flows.sum(["sector", "destination"]), out.wages * economy.Y.sum(0), rtol=1e-9
    )


def test_a_joint_exit_of_a_bloc_agrees_with_scipy(one_good):
    out = trade.counterfactual(one_good, [Exit("west", "neighbours")])
    X = flows(sectors=False).values
    B = np.ones((6, 6))
    for i in (3, 4):
        for j in (1, 2, 5):
            B[i, j] = B[j, i] = 0.0
    Y, E = X.sum(1), X.sum(0)

    def excess(log_w):
        w = np.exp(log_w)
        share = X / E * B * (w**-4.0)[:, None]
        share = share / share.sum(0)
        spent = w * Y + (E - Y) * (w @ Y) / Y.sum()
        gap = share @ spent - w * Y
        gap[0] = (w @ Y) - Y.sum()
        return gap

    w = np.exp(root(excess, np.zeros(6), tol=1e-13).x)
    np.testing.assert_allclose(out.wages, w, rtol=1e-9)


def test_caps_by_name(world):
    pipe = Cap("KAZ", ("west", "TUR"), 0.3, sectors="oil", exporter_rent=0.4, owner="RUS")
    out = trade.counterfactual(world, caps=[pipe], factors="specific", elasticity=6.0)
    before = world.flows.sel(sector="oil", origin="KAZ", destination=["DEU", "FRA", "TUR"]).sum()
    after = out.quantities.sel(sector="oil", origin="KAZ", destination=["DEU", "FRA", "TUR"]).sum()
    assert float(after / before) == pytest.approx(0.3, rel=1e-9)
    assert float(out.cap_price[0]) > 1
    slack = trade.counterfactual(world, caps=[replace(pipe, limit=50.0)], factors="specific", elasticity=6.0)
    np.testing.assert_allclose(slack.welfare, 1.0, rtol=1e-9)
    closed = trade.counterfactual(world, caps=[replace(pipe, limit=0.0)], factors="specific", elasticity=6.0)
    shut = Exit("KAZ", ("west", "TUR"), sectors="oil", direction="exports")
    left = trade.counterfactual(world, [shut], factors="specific", elasticity=6.0)
    np.testing.assert_allclose(closed.welfare, left.welfare, rtol=1e-9)
    np.testing.assert_allclose(closed.flows, left.flows, rtol=1e-9, atol=1e-12)


def test_balanced_is_relative_to_the_world_without_deficits(one_good):
    out = trade.counterfactual(one_good, deficits="balanced")
    np.testing.assert_allclose(out.welfare, 1.0, rtol=1e-9)
    gone = trade.counterfactual(one_good, [Exit("KAZ", "RUS")], deficits="balanced")
    np.testing.assert_allclose(gone.flows.sum("origin"), gone.flows.sum("destination").values, rtol=1e-9)


@pytest.mark.parametrize("factors", ["mobile", "specific"])
def test_leverage_is_every_pair_one_by_one(world, factors):
    every = trade.leverage(world, factors=factors)
    assert every.dims == ("power", "client")
    assert every.attrs["unit"] == "log points"
    assert np.isnan(np.diagonal(every)).all()
    off = ~np.eye(6, dtype=bool)
    assert (every["residual"].values[off] <= 1e-10).all()
    assert (every["iterations"].values[off] >= 1).all()
    for power, client in (("RUS", "KAZ"), ("KAZ", "RUS"), ("DEU", "TUR")):
        one = trade.counterfactual(world, [Exit(power, client)], factors=factors)
        expected = -100 * np.log(float(one.welfare.sel(country=client)))
        assert float(every.sel(power=power, client=client)) == pytest.approx(expected, rel=1e-7)


def test_spending_that_moves_between_sectors_adds_up_by_name(world):
    exit_ = [Exit("KAZ", "west")]
    out = trade.counterfactual(world, exit_, factors="specific", substitution=0.4)
    spent = out.flows.sum("origin")
    np.testing.assert_allclose(spent.sum("sector"), out.expenditure * world.economy.E, rtol=1e-9)
    share = spent / spent.sum("sector") / world.economy.alpha
    # What has become dearer than the rest takes a larger part than it had.
    relative = (out.prices / out.prices.isel(sector=0)) ** 0.6
    np.testing.assert_allclose(
        share / share.isel(sector=0), relative.rename(country="destination"), rtol=1e-9
    )
    cobb_douglas = trade.counterfactual(world, exit_, factors="specific")
    assert float(out.welfare.sel(country="KAZ")) != pytest.approx(
        float(cobb_douglas.welfare.sel(country="KAZ"))
    )


def test_leverage_of_blocs(world):
    done = []
    some = trade.leverage(world, powers=["west", "RUS"], progress=lambda a, b: done.append((a, b)))
    assert done[-1] == (12, 12)
    joint = trade.counterfactual(world, [Exit("KAZ", "west")])
    expected = -100 * np.log(float(joint.welfare.sel(country="KAZ")))
    assert float(some.sel(power="west", client="KAZ")) == pytest.approx(expected, rel=1e-7)
    assert np.isnan(some.sel(power="RUS", client="RUS"))
    fra = trade.counterfactual(world, [Exit("FRA", "DEU")])
    alone = -100 * np.log(float(fra.welfare.sel(country="FRA")))
    assert float(some.sel(power="west", client="FRA")) == pytest.approx(alone, rel=1e-7)


def test_gdp_gives_domestic_sales_with_a_floor():
    table = flows(sectors=False)
    table = table * (1 - np.eye(6))
    exports = table.sum("destination")
    gdp = xr.DataArray(exports.values * 3, coords={"country": COUNTRIES}, dims="country")
    gdp.loc["TUR"] = float(exports.sel(origin="TUR")) * 0.5
    world = trade.baseline(table, gdp=gdp)
    assert world.lifted == ("TUR",)
    home = np.diagonal(world.flows.isel(sector=0))
    np.testing.assert_allclose(home[:5], 2 * exports.values[:5])
    assert home[5] == pytest.approx(0.01 * float(gdp.sel(country="TUR")))


def test_labels_may_come_in_any_order(one_good):
    shuffled = flows(sectors=False).sel(destination=COUNTRIES[::-1]).transpose("destination", "origin")
    one = trade.counterfactual(one_good, [Exit("KAZ", "RUS")])
    other = trade.counterfactual(trade.baseline(shuffled), [Exit("KAZ", "RUS")])
    np.testing.assert_allclose(one.welfare, other.welfare.sel(country=one.welfare["country"]), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda w: trade.counterfactual(w, [Exit("KZA", "RUS")]), "unknown-country", "did you mean 'KAZ'"),
        (lambda w: trade.counterfactual(w, [Exit("KAZ", "wset")]), "unknown-country", "did you mean 'west'"),
        (lambda w: trade.counterfactual(w, [Exit("KAZ", "RUS", sectors="oils")]), "unknown-sector", "'oil'"),
        (lambda w: trade.counterfactual(w, [Exit("KAZ", "KAZ")]), "one-end", "two ends"),
        (lambda w: trade.counterfactual(w, factors="fixed"), "unknown-factors", "mobile"),
        (lambda w: trade.counterfactual(w, substitution=0.0), "bad-substitution", "positive"),
        (lambda w: trade.counterfactual(w, deficits="world_gdp"), "unknown-deficits", "did you mean"),
        (lambda w: trade.counterfactual(w, elasticity=0.0), "bad-elasticity", "positive"),
        (lambda w: trade.counterfactual(w, elasticity={"oil": 4.0}), "no-elasticity", "goods"),
        (lambda w: trade.counterfactual(w, caps=[Cap("KAZ", "KAZ", 0.5)]), "empty-cap", "no flow"),
        (lambda w: trade.leverage(w, powers=["wets"]), "unknown-country", "did you mean 'west'"),
        (lambda w: Exit("KAZ", "RUS", 1.5), "bad-degree", "between 0 and 1"),
        (lambda w: Exit("KAZ", "RUS", direction="out"), "bad-direction", "exports"),
        (lambda w: Cap("KAZ", "RUS", -1.0), "bad-limit", "0 or more"),
        (lambda w: Cap("KAZ", "RUS", 1.0, exporter_rent=2.0), "bad-rent", "between 0 and 1"),
    ],
)
def test_mistakes_are_named(world, make, code, words):
    with pytest.raises(BadInput) as caught:
        make(world)
    assert caught.value.code == code
    assert words in str(caught.value)


def _with(change):
    table = flows(sectors=False).copy()
    change(table)
    return table


def _put(table, value, origin="RUS", destination="CHN"):
    table.loc[{"origin": origin, "destination": destination}] = value


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (_with(lambda t: _put(t, np.nan)), "missing-flows"),
        (_with(lambda t: _put(t, -1.0)), "negative-flows"),
        (_with(lambda t: _put(t, 0.0, "RUS", COUNTRIES)), "empty-country"),
        (flows(sectors=False).rename(origin="exporter"), "bad-dims"),
        (flows(sectors=False).drop_vars("origin"), "no-labels"),
        (flows(sectors=False).isel(destination=slice(1, None)), "bad-labels"),
        (flows(sectors=False).isel(origin=[0, 0, 1, 2, 3, 4, 5]), "twice"),
    ],
)
def test_bad_flows_are_refused(table, code):
    with pytest.raises(BadInput) as caught:
        trade.baseline(table)
    assert caught.value.code == code


def test_bad_gdp_is_refused():
    table = flows(sectors=False) * (1 - np.eye(6))
    gdp = xr.DataArray(np.full(5, 100.0), coords={"country": COUNTRIES[:5]}, dims="country")
    with pytest.raises(BadInput, match="no GDP for TUR"):
        trade.baseline(table, gdp=gdp)
    whole = xr.DataArray([100.0] * 5 + [np.nan], coords={"country": COUNTRIES}, dims="country")
    with pytest.raises(BadInput, match="TUR"):
        trade.baseline(table, gdp=whole)
    with pytest.raises(BadInput, match="domestic sales already"):
        trade.baseline(flows(sectors=False), gdp=whole.fillna(1.0))
    with pytest.raises(BadInput, match="by sector"):
        trade.baseline(flows(), gdp=whole.fillna(1.0))
    with pytest.raises(BadInput, match="cannot name a bloc"):
        trade.baseline(flows(), blocs={"KAZ": ("RUS",)})


def test_what_cannot_be_solved_is_not_returned_as_if_it_were():
    table = flows(sectors=False)
    table.loc[{"origin": "KAZ", "destination": COUNTRIES[1:]}] *= 40
    world = trade.baseline(table, blocs={"all": tuple(COUNTRIES[1:])})
    with pytest.raises(CannotCompute, match="no equilibrium") as caught:
        trade.counterfactual(world, [Exit("KAZ", "all")])
    assert caught.value.code == "no-equilibrium"
    out = trade.counterfactual(world, [Exit("KAZ", "all")], on_failure="return")
    assert out.status == "not converged"
    assert out.residual > 1e-10
