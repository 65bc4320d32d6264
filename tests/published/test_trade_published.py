"""The trade model against numbers that nobody here made: another program's results and worked examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.optimize import minimize_scalar

from tertius.models import trade

NONE = np.empty(0, dtype=int)


def flows_of(X: Any, names: list[str] | None = None) -> xr.DataArray:
    labels = names or [f"c{i}" for i in range(len(X))]
    return xr.DataArray(
        np.asarray(X, float), dims=("origin", "destination"), coords={"origin": labels, "destination": labels}
    )


@pytest.fixture(scope="module")
def small(reference: Path) -> dict[str, Any]:
    return json.loads((reference / "hat_algebra_small.json").read_text(encoding="utf-8"))


# ge_gravity's stored results for the enlargement of the European Union, 44 countries; it works in single precision.


@pytest.fixture(scope="module")
def enlargement(reference: Path) -> tuple[dict[str, Any], xr.DataArray, xr.DataArray, pd.DataFrame]:
    known = json.loads((reference / "ge_gravity_eu_enlargement.json").read_text(encoding="utf-8"))
    table = pd.read_csv(reference / "ge_gravity_eu_enlargement_flows.csv.gz", keep_default_na=False)
    wide = table.pivot(index="exporter", columns="importer", values="trade")
    countries = list(wide.index)
    effect = table.pivot(index="exporter", columns="importer", values="eu_effect").loc[countries, countries]
    flows = flows_of(wide.loc[countries, countries], countries)
    # B = exp(effect) at elasticity θ is an ad-valorem cost ratio of exp(−effect/θ).
    cost = flows_of(np.exp(-effect.to_numpy(float) / known["theta"]), countries)
    return known, flows, cost, table


@pytest.mark.parametrize(
    ("deficits", "welfare", "flow"),
    [("world_share", "W_additive_stata", "X_eu"), ("proportional", "W_mult_stata", "X_mult")],
)
def test_eu_enlargement(enlargement: Any, deficits: Any, welfare: str, flow: str) -> None:
    known, flows, cost, table = enlargement
    found = trade.counterfactual(
        trade.baseline(flows), cost=cost, elasticity=float(known["theta"]), deficits=deficits
    )
    assert float(found.residual) <= 1e-10
    ours = found.welfare.to_series()
    theirs = pd.Series({c: v[welfare] for c, v in known["countries"].items()})
    assert np.abs(ours[theirs.index] - theirs).max() <= 2e-7
    new = found.flows.to_series()
    pairs = pd.MultiIndex.from_frame(table[["exporter", "importer"]])
    positive = table[flow].to_numpy() > 0
    relative = new.loc[pairs].to_numpy()[positive] / table[flow].to_numpy()[positive] - 1
    assert np.abs(relative).max() <= 2e-7 * (10 if deficits == "proportional" else 1)


# Worked examples of three countries, to the ten digits given.


def _compare(found: Any, expected: dict[str, Any]) -> None:
    np.testing.assert_allclose(found.welfare.values, expected["real_expenditure_hat"], atol=2e-10)
    np.testing.assert_allclose(found.wages.values, expected["w_hat"], atol=2e-10)


def _cost(size: float) -> xr.DataArray:
    cost = flows_of(np.ones((3, 3)))
    cost.loc["c0", "c1"] = size
    cost.loc["c1", "c0"] = size
    return cost


def _tariff(rate: float) -> xr.DataArray:
    tariff = flows_of(np.zeros((3, 3)))
    tariff.loc[["c1", "c2"], "c0"] = rate
    return tariff


def test_iceberg_cost_of_a_fifth(small: dict[str, Any]) -> None:
    base = trade.baseline(flows_of(small["input"]["X"]))
    found = trade.counterfactual(base, cost=_cost(1.2), elasticity=5.0)
    _compare(found, small["iceberg20pct_0-1_world_gdp"])
    expected = np.array(small["iceberg20pct_0-1_world_gdp"]["lambda_new"])
    share = found.flows.values / found.flows.values.sum(axis=0)
    np.testing.assert_allclose(share, expected, atol=2e-10)


def test_iceberg_cost_once_deficits_are_gone(small: dict[str, Any]) -> None:
    base = trade.baseline(flows_of(small["input"]["X"]))
    expected = small["iceberg20pct_0-1_balanced"]
    found = trade.counterfactual(base, cost=_cost(1.2), elasticity=5.0, deficits="balanced")
    # The example's ratios are to the baseline with its deficits; ours to the balanced one, or to the baseline.
    share = found.flows.values / found.flows.values.sum(axis=0)
    np.testing.assert_allclose(share, expected["lambda_new"], atol=2e-10)


@pytest.mark.parametrize(
    ("deficits", "entry"),
    [("world_share", "tariff25pct_country0_world_gdp"), ("nominal", "tariff25pct_fixed_nominal_num_world")],
)
def test_tariff_of_a_quarter_with_revenue(small: dict[str, Any], deficits: Any, entry: str) -> None:
    base = trade.baseline(flows_of(small["input"]["X"]))
    found = trade.counterfactual(base, tariff=_tariff(0.25), elasticity=5.0, deficits=deficits)
    _compare(found, small[entry])


def test_autarky_costs_what_the_home_shares_say(small: dict[str, Any]) -> None:
    X = np.array(small["input"]["X"])
    balanced = np.asarray(trade.without_deficits(X[None], np.array([5.0])))
    home = np.diag(balanced[0]) / balanced[0].sum(axis=0)
    np.testing.assert_allclose(home, small["ACR_check"]["lambda_bal"], atol=1e-8)
    labelled = flows_of(balanced[0])
    names = list(labelled.origin.values)
    exits = [trade.Exit(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    found = trade.counterfactual(trade.baseline(labelled), exits=exits, elasticity=5.0)
    np.testing.assert_allclose(found.welfare.values, small["ACR_check"]["ratio"], atol=1e-8)


def test_cost_of_autarky_from_home_shares(small: dict[str, Any]) -> None:
    expected = small["ACR_autarky"]
    X = np.array(small["input"]["X"])
    lam = np.asarray(trade.calibrate(X[None]).lam)[0]
    np.testing.assert_allclose(np.diag(lam), expected["lambda_jj"], atol=1e-9)
    np.testing.assert_allclose(
        100 * (1 - np.diag(lam) ** 0.2), expected["gains_pct_1_minus_lambda"], atol=1e-7
    )


def test_two_alike_countries_in_closed_form(small: dict[str, Any]) -> None:
    expected = small["two_country_symmetric"]
    home = expected["lambda_dd"]
    base = trade.baseline(flows_of([[home, 1 - home], [1 - home, home]]))
    cost = flows_of([[1.0, expected["iceberg_hat"]], [expected["iceberg_hat"], 1.0]])
    found = trade.counterfactual(base, cost=cost, elasticity=expected["eps"])
    np.testing.assert_allclose(found.welfare.values, expected["W_hat"], atol=1e-9)


@pytest.mark.parametrize(
    ("table", "entry", "digits"), [("input", "country0_large", 1e-5), ("small", "country0_small_open", 1e-5)]
)
def test_optimal_tariff(small: dict[str, Any], table: str, entry: str, digits: float) -> None:
    known = small["optimal_tariff"]
    X = np.array(small["input"]["X"] if table == "input" else known["X_small"], float)[None]
    # The worked example is of the world once its deficits are gone.
    economy = trade.calibrate(trade.without_deficits(X, np.array([known["eps"]])))
    mask = np.zeros((1, 3, 3))
    mask[0, 1:, 0] = 1.0

    def loss(rate: float) -> float:
        shock = trade.Shock(NONE, NONE, np.ones((1, 1, 0)), tariff=rate * mask)
        return -float(np.asarray(trade.solve(economy, np.array([known["eps"]]), shock).welfare)[0, 0])

    best = minimize_scalar(loss, bounds=(0.1, 0.4), method="bounded", options={"xatol": 1e-9})
    assert best.x == pytest.approx(known[entry], abs=digits)


# Kleinman, Liu & Redding's exposure matrices are the derivatives of the equilibrium.


def test_exposure_matrices_are_our_derivatives(reference: Path) -> None:
    known = json.loads((reference / "klr_exposure.json").read_text(encoding="utf-8"))
    economy = trade.calibrate(np.array(known["X"])[None])
    theta = jnp.array([known["theta"]])

    def outcome(log_productivity: jax.Array) -> tuple[jax.Array, jax.Array]:
        # Goods of a more productive origin cost less everywhere, at home too.
        cost = jnp.broadcast_to(jnp.exp(-log_productivity)[:, None], (1, 3, 3))
        found = trade.solve(economy, theta, trade.Shock(NONE, NONE, jnp.ones((1, 1, 0)), cost=cost))
        return found.log_price[0, 0], jnp.log(found.welfare[0])

    W, U = jax.jacrev(lambda z: jnp.stack(outcome(z)))(jnp.zeros(3))
    np.testing.assert_allclose(W, known["W"], atol=1e-9)
    np.testing.assert_allclose(U, known["U"], atol=1e-9)


def test_a_large_productivity_shock(reference: Path) -> None:
    known = json.loads((reference / "klr_exposure.json").read_text(encoding="utf-8"))
    expected = known["nonlinear_10pct_shock_country1"]
    economy = trade.calibrate(np.array(known["X"])[None])
    cost = np.ones((1, 3, 3))
    cost[0, 1] = 1 / 1.1
    found = trade.solve(
        economy, np.array([known["theta"]]), trade.Shock(NONE, NONE, np.ones((1, 1, 0)), cost=cost)
    )
    np.testing.assert_allclose(np.asarray(found.log_price)[0, 0], expected["dlnw"], atol=1e-9)
    np.testing.assert_allclose(np.log(np.asarray(found.welfare)[0]), expected["dlnu"], atol=1e-9)
