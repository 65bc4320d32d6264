"""Small worlds computed by another program: costs, tariffs with revenue, closures, autarky, the optimal tariff."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from tertius.models import trade

COUNTRIES = ["a", "b", "c"]
DIMS = ("origin", "destination")


def table(X, labels=COUNTRIES):
    return xr.DataArray(np.array(X), coords={"origin": labels, "destination": labels}, dims=DIMS)


@pytest.fixture(scope="module")
def published(reference):
    return json.loads((reference / "hat_algebra_small.json").read_text())


@pytest.fixture(scope="module")
def world(published):
    return trade.baseline(table(published["input"]["X"]))


def iceberg(world):
    cost = xr.ones_like(world.flows.isel(sector=0, drop=True))
    cost.loc["a", "b"] = 1.2
    cost.loc["b", "a"] = 1.2
    return cost


def levied(rate):
    return xr.DataArray([[rate, rate]], coords={"destination": ["a"], "origin": ["b", "c"]}, dims=DIMS[::-1])


def check(out, expected, economy):
    # Ten digits are printed, and equilibria are solved to 1e-10.
    to_the_digit = {"rtol": 0, "atol": 5e-10}
    np.testing.assert_allclose(out.wages, expected["w_hat"], **to_the_digit)
    np.testing.assert_allclose(out.prices.isel(sector=0), expected["P_hat"], **to_the_digit)
    np.testing.assert_allclose(out.welfare, expected["real_expenditure_hat"], **to_the_digit)
    np.testing.assert_allclose(
        out.wages / out.prices.isel(sector=0), expected["real_wage_hat"], **to_the_digit
    )
    np.testing.assert_allclose(out.expenditure * np.asarray(economy.E), expected["E_new"], rtol=5e-10)


def test_an_iceberg_cost(world, published):
    out = trade.counterfactual(world, cost=iceberg(world), elasticity=5.0)
    expected = published["iceberg20pct_0-1_world_gdp"]
    check(out, expected, world.economy)
    np.testing.assert_allclose(
        out.flows / out.flows.sum("origin"), expected["lambda_new"], rtol=0, atol=1e-10
    )


def test_an_iceberg_cost_and_the_end_of_deficits(world, published):
    """Relative to the world with its deficits, as that program reports it."""
    expected = published["iceberg20pct_0-1_balanced"]
    shock = trade.Shock([], [], np.ones((1, 1, 0)), cost=iceberg(world).values[None])
    out = trade.solve(world.economy, [5.0], shock, deficits="balanced")
    np.testing.assert_allclose(np.exp(out.log_price[0, 0]), expected["w_hat"], rtol=0, atol=5e-10)
    np.testing.assert_allclose(out.welfare[0], expected["real_expenditure_hat"], rtol=0, atol=5e-10)
    index = np.exp(-out.log_phi[0, 0] / 5)
    np.testing.assert_allclose(index, expected["P_hat"], rtol=0, atol=5e-10)
    np.testing.assert_allclose(
        np.exp(out.log_price[0, 0]) / index, expected["real_wage_hat"], rtol=0, atol=5e-10
    )
    spent = np.exp(out.log_expenditure[0]) * world.economy.E
    np.testing.assert_allclose(spent, expected["E_new"], rtol=5e-10)
    share = np.asarray(world.economy.lam)[0] * iceberg(world).values ** -5.0
    share = share * np.exp(-5 * out.log_price[0, 0])[:, None] / np.exp(out.log_phi[0, 0])
    np.testing.assert_allclose(share, expected["lambda_new"], rtol=0, atol=5e-10)


@pytest.mark.parametrize(
    ("name", "deficits"),
    [("tariff25pct_country0_world_gdp", "world_share"), ("tariff25pct_fixed_nominal_num_world", "nominal")],
)
def test_a_tariff_with_its_revenue(world, published, name, deficits):
    expected = published[name]
    out = trade.counterfactual(world, tariff=levied(0.25), elasticity=5.0, deficits=deficits)
    check(out, expected, world.economy)
    revenue = 0.25 * out.flows.sel(origin=["b", "c"], destination="a").sum()
    np.testing.assert_allclose(revenue, expected["tariff_revenue"][0], rtol=1e-8)
    spent = out.flows.copy()
    spent.loc[["b", "c"], "a"] *= 1.25
    np.testing.assert_allclose(spent / spent.sum("origin"), expected["lambda_new"], rtol=0, atol=5e-10)


def test_autarky_costs_what_home_shares_say(published):
    """Arkolakis, Costinot & Rodríguez-Clare (2012), from the world freed of its deficits."""
    X = trade.without_deficits(np.array(published["input"]["X"])[None], [5.0])
    economy = trade.calibrate(X)
    home = np.diagonal(np.asarray(economy.lam)[0])
    np.testing.assert_allclose(home, published["ACR_check"]["lambda_bal"], rtol=0, atol=5e-9)
    for client in range(3):
        others = [i for i in range(3) if i != client]
        shock = trade.Shock([client] * 2 + others, others + [client] * 2, np.zeros((1, 1, 4)))
        out = trade.solve(economy, [5.0], shock, deficits="balanced")
        np.testing.assert_allclose(out.welfare[0, client], home[client] ** 0.2, rtol=1e-9)
        np.testing.assert_allclose(
            out.welfare[0, client], published["ACR_check"]["ratio"][client], rtol=0, atol=1e-8
        )


def test_home_shares_of_the_world_with_deficits(world, published):
    home = np.diagonal(np.asarray(world.economy.lam)[0])
    np.testing.assert_allclose(home, published["ACR_autarky"]["lambda_jj"], rtol=0, atol=1e-10)
    lost = 100 * (1 - home ** (1 / 5))
    np.testing.assert_allclose(lost, published["ACR_autarky"]["gains_pct_1_minus_lambda"], rtol=0, atol=1e-8)
    needed = 100 * (home ** (-1 / 5) - 1)
    np.testing.assert_allclose(
        needed, published["ACR_autarky"]["equiv_pct_lambda_inv_minus_1"], rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("eps", [5, 10])
def test_what_trade_is_worth_to_the_united_states(published, eps):
    """Arkolakis, Costinot & Rodríguez-Clare (2012), introduction: 0.7 to 1.4 percent, home share 0.93 in 2000."""
    headline = published["ACR_2012_US2000"]
    home = headline["home_share"]
    world = trade.baseline(table([[home, 1 - home], [1 - home, home]], ["USA", "rest"]))
    out = trade.counterfactual(world, [trade.Exit("USA", "rest")], elasticity=eps)
    lost = 100 * (1 - float(out.welfare.sel(country="USA")))
    assert lost == pytest.approx(headline[f"eps{eps}_gain_pct"], rel=1e-9)
    assert round(lost, 1) == {5: 1.4, 10: 0.7}[eps]


def test_two_symmetric_countries_have_a_closed_form(published):
    case = published["two_country_symmetric"]
    share = case["lambda_dd"]
    world = trade.baseline(table([[share, 1 - share], [1 - share, share]], ["a", "b"]))
    cost = xr.where(
        xr.ones_like(world.flows.isel(sector=0, drop=True)) * np.eye(2) > 0, 1.0, case["iceberg_hat"]
    )
    out = trade.counterfactual(world, cost=cost, elasticity=case["eps"])
    np.testing.assert_allclose(out.welfare, case["W_hat"], rtol=1e-12)
    np.testing.assert_allclose(out.flows.sel(origin="a", destination="a"), case["lambda_new"], rtol=1e-12)


@pytest.mark.parametrize("size", ["large", "small"])
def test_the_optimal_tariff(published, size):
    """Where the derivative of welfare by the rate, taken at the equilibrium, vanishes; with balanced trade."""
    expected = published["optimal_tariff"]["country0_large" if size == "large" else "country0_small_open"]
    X = published["input"]["X"] if size == "large" else published["optimal_tariff"]["X_small"]
    economy = trade.calibrate(np.array(X)[None])
    on = jnp.zeros((1, 3, 3)).at[0, 1:, 0].set(1.0)

    @jax.jit
    @jax.grad
    def slope(rate):
        shock = trade.Shock([], [], np.ones((1, 1, 0)), tariff=rate * on)
        return jnp.log(trade.solve(economy, [5.0], shock, deficits="balanced").welfare[0, 0])

    assert float(slope(expected - 1e-4)) > 0
    assert float(slope(expected + 1e-4)) < 0
    low, high = expected - 1e-2, expected + 1e-2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(slope(middle)) > 0 else (low, middle)
    np.testing.assert_allclose(low, expected, rtol=0, atol=1e-6)
