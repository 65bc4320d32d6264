"""The trade engine on arrays: against its slow twin, and what must hold in every world."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tertius.models import trade
from tertius.models.trade import _solve, _solver
from tertius.models.trade._system import log_ratio
from tertius.models.trade._upper import log_price_level, spending_shares

_spec = importlib.util.spec_from_file_location("trade_twin", Path(__file__).with_name("trade_twin.py"))
assert _spec is not None
assert _spec.loader is not None
twins = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(twins)
Twin, under_cap = twins.Twin, twins.under_cap

S, N = 3, 5
OTHERS = list(range(1, N))
ORIGIN, DESTINATION = [0] * (N - 1) + OTHERS, OTHERS + [0] * (N - 1)
M = len(ORIGIN)
FACTORS = ("mobile", "specific")
properties = settings(deadline=None, max_examples=15, derandomize=True)


def as_flows(logs):
    """Flows of a world in which everyone sells most at home."""
    X = np.exp(logs)
    X[:, np.arange(N), np.arange(N)] *= 6.0
    return X


def worlds(bound=0.5):
    logs = hnp.arrays(float, (S, N, N), elements=st.floats(-bound, bound, width=32))
    return logs.map(as_flows)


def elasticities():
    return hnp.arrays(float, (S,), elements=st.floats(2.0, 9.0, width=32))


def keeps():
    """Exits of any degree from all partners but the last two: whoever has a deficit must be able to import."""

    def spare(keep):
        keep[:, :, [N - 3, N - 2, M - 2, M - 1]] = 1.0
        return keep

    return hnp.arrays(float, (1, S, M), elements=st.sampled_from([0.0, 0.0, 0.3, 1.0])).map(spare)


def a_world(seed=0):
    rng = np.random.default_rng(seed)
    return as_flows(rng.uniform(-1, 1, (S, N, N))), rng.uniform(2, 9, S)


def dense(keep):
    """B on every pair of regions, of one counterfactual."""
    B = np.ones((S, N, N))
    B[:, ORIGIN, DESTINATION] = keep
    return B


def exits(keep, caps=None):
    return trade.Shock(ORIGIN, DESTINATION, keep, caps)


def solved(X, theta, shock, **kwargs):
    out = trade.solve(trade.calibrate(X), theta, shock, **kwargs)
    assert np.asarray(out.status).max() <= trade.NO_SUPPLIER
    assert np.asarray(out.residual).max() <= 1e-10
    return jax.tree.map(np.asarray, out)


def some_exits(count=2, seed=5):
    keep = np.random.default_rng(seed).choice([0.0, 0.4, 1.0], (count, S, M))
    keep[0] = 1.0
    keep[0, :, [0, N - 1]] = 0.0
    return keep


def flows_after(X, theta, keep, out):
    """λ'αE' written out, for the first counterfactual."""
    economy = trade.calibrate(X)
    share = np.asarray(economy.lam) * dense(keep) * np.exp(-theta[:, None] * out.log_price[0])[:, :, None]
    share = share / share.sum(1, keepdims=True)
    return share * (np.asarray(economy.alpha * economy.E) * np.exp(out.log_expenditure[0]))[:, None]


# --- Against the twin ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("seed", [1, 2])
def test_exits_agree_with_the_slow_twin(factors, seed):
    X, theta = a_world(seed)
    keep = some_exits(2)[seed - 1 : seed]
    out = solved(X, theta, exits(keep), factors=factors)
    by_hand = Twin(X, theta, dense(keep[0]), factors=factors).by_iteration()
    by_scipy = Twin(X, theta, dense(keep[0]), factors=factors).by_root()
    for twin in (by_hand, by_scipy):
        np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-9)
        np.testing.assert_allclose(np.exp(out.log_price[0]), twin.p, rtol=1e-9)
        np.testing.assert_allclose(np.exp(out.log_phi[0]), twin.out["phi"], rtol=1e-9)


@pytest.mark.parametrize("factors", FACTORS)
def test_costs_and_tariffs_agree_with_the_slow_twin(factors):
    X, theta = a_world(2)
    rng = np.random.default_rng(3)
    tau, t = rng.uniform(0.8, 1.5, X.shape), rng.uniform(0, 0.6, X.shape)
    t[:, np.arange(N), np.arange(N)] = 0
    shock = exits(some_exits(1))._replace(cost=tau, tariff=t)
    out = solved(X, theta, shock, factors=factors)
    B = dense(shock.keep[0]) * tau ** -theta[:, None, None]
    twin = Twin(X, theta, B, t, factors=factors).by_root()
    np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-9)
    np.testing.assert_allclose(np.exp(out.log_expenditure[0]), twin.out["E"] / twin.E, rtol=1e-9)


@pytest.mark.parametrize(
    ("deficits", "numeraire"),
    [("proportional", "world"), ("balanced", "world"), ("nominal", 2), ("nominal", "prices")],
)
def test_closures_agree_with_the_slow_twin(deficits, numeraire):
    X, theta = a_world(4)
    keep = some_exits(1)
    out = solved(X, theta, exits(keep), factors="specific", deficits=deficits, numeraire=numeraire)
    twin = Twin(
        X, theta, dense(keep[0]), factors="specific", deficits=deficits, numeraire=numeraire
    ).by_root()
    np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-9)
    if deficits == "nominal" and numeraire == 2:
        paid = np.exp(out.log_price[0, :, 2]) @ twin.Y[:, 2] / twin.Y[:, 2].sum()
        np.testing.assert_allclose(paid, 1.0, rtol=1e-12)
    if deficits == "nominal" and numeraire == "prices":
        index = np.exp(-(twin.alpha * out.log_phi[0] / theta[:, None]).sum(0))
        np.testing.assert_allclose((twin.E * index).sum(), twin.E.sum(), rtol=1e-12)


def capped(limit, exporter=0.3, owner=3):
    member = np.zeros((1, S, M))
    member[0, 0, [0, 1, 2]] = 1.0
    return trade.Caps(member, [[limit]], [exporter], [owner])


@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("limit", [0.05, 0.5, 5.0])
def test_a_cap_agrees_with_bisection_on_its_shadow_price(factors, limit):
    X, theta = a_world(6)
    X[0, 0, 1:] *= 4
    keep = some_exits(1)
    keep[0, :, [0, N - 1]] = 0.5
    out = solved(X, theta, exits(keep, capped(limit)), factors=factors)
    member = np.zeros((S, N, N))
    member[0, 0, [1, 2, 3]] = 1.0
    twin, log_tau = under_cap(
        X, theta, dense(keep[0]), member, limit, to_exporter=0.3, owner=3, factors=factors
    )
    np.testing.assert_allclose(out.cap_price[0, 0], log_tau, atol=1e-8)
    np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-8)
    flows = trade.pair_flows(trade.calibrate(X), theta, exits(keep, capped(limit)), out)
    np.testing.assert_allclose(
        flows.value[0], twin.out["value"][:, ORIGIN, DESTINATION], rtol=1e-7, atol=1e-12
    )
    np.testing.assert_allclose(
        flows.quantity[0], twin.out["quantity"][:, ORIGIN, DESTINATION], rtol=1e-7, atol=1e-12
    )


def test_caps_on_any_pairs_with_tariffs_agree_with_bisection():
    X, theta = a_world(7)
    rng = np.random.default_rng(8)
    t = rng.uniform(0, 0.3, X.shape)
    t[:, np.arange(N), np.arange(N)] = 0
    origin, destination = [1, 2, 3], [2, 3, 4]
    shock = trade.Shock(
        origin,
        destination,
        np.ones((1, S, 3)),
        trade.Caps(np.ones((1, S, 3)), [[0.3]], [0.0], [-1]),
        tariff=t,
    )
    out = solved(X, theta, shock, factors="specific")
    member = np.zeros((S, N, N))
    member[:, origin, destination] = 1.0
    kwargs = {"tariff": t, "factors": "specific"}
    twin, log_tau = under_cap(X, theta, None, member, 0.3, **kwargs)
    np.testing.assert_allclose(out.cap_price[0, 0], log_tau, atol=1e-8)
    np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-8)


# --- What must hold in every world --------------------------------------------------------------------------


@pytest.mark.parametrize("factors", FACTORS)
@properties
@given(X=worlds(), theta=elasticities(), keep=keeps(), scale=st.floats(1e-6, 1e6))
def test_the_currency_does_not_matter(factors, X, theta, keep, scale):
    one, other = (solved(x, theta, exits(keep), factors=factors) for x in (X, X * scale))
    np.testing.assert_allclose(one.welfare, other.welfare, rtol=1e-9)


@pytest.mark.parametrize("factors", FACTORS)
@properties
@given(X=worlds(), theta=elasticities(), keep=keeps(), order=st.permutations(OTHERS))
def test_names_do_not_matter(factors, X, theta, keep, order):
    new = [0, *order]
    moved = [o - 1 for o in order]
    keep_moved = keep[:, :, moved + [N - 1 + m for m in moved]]
    one = solved(X, theta, exits(keep), factors=factors)
    other = solved(X[:, new][:, :, new], theta, exits(keep_moved), factors=factors)
    np.testing.assert_allclose(one.welfare[:, new], other.welfare, rtol=1e-8)
    sectors = [2, 0, 1]
    third = solved(X[sectors], theta[sectors], exits(keep[:, sectors]), factors=factors)
    np.testing.assert_allclose(one.log_price[:, sectors], third.log_price, atol=1e-8)


@pytest.mark.parametrize("factors", FACTORS)
@properties
@given(X=worlds(), theta=elasticities())
def test_no_shock_is_exactly_the_baseline(factors, X, theta):
    out = solved(X, theta, exits(np.ones((1, S, M))), factors=factors)
    assert np.all(out.log_price == 0)
    assert np.all(out.iterations == 1)
    np.testing.assert_allclose(out.welfare, 1.0, rtol=1e-14)


@pytest.mark.parametrize("factors", FACTORS)
@properties
@given(X=worlds(), theta=elasticities(), keep=keeps())
def test_what_is_sold_is_bought_is_earned(factors, X, theta, keep):
    out = solved(X, theta, exits(keep), factors=factors)
    new = flows_after(X, theta, keep[0], out)
    economy = trade.calibrate(X)
    p = np.exp(out.log_price[0])
    earned = p * np.asarray(economy.Y)
    np.testing.assert_allclose(
        new.sum((0, 1)), np.asarray(economy.E) * np.exp(out.log_expenditure[0]), rtol=1e-9
    )
    np.testing.assert_allclose(new.sum((0, 2)), earned.sum(0), rtol=1e-9)
    if factors == "specific":
        np.testing.assert_allclose(new.sum(2), earned, rtol=1e-9)
    np.testing.assert_allclose(earned.sum(), X.sum(), rtol=1e-9)
    np.testing.assert_allclose(new.sum((0, 1)) - earned.sum(0), economy.D, atol=1e-8 * X.sum())
    pairs = trade.pair_flows(economy, theta, exits(keep), out)
    np.testing.assert_allclose(pairs.value[0], new[:, ORIGIN, DESTINATION], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(pairs.quantity[0] * p[:, ORIGIN], pairs.value[0], rtol=1e-12, atol=1e-300)


@properties
@given(
    X=worlds().map(lambda X: X[0]),
    theta=st.floats(2, 9),
    keep=keeps().map(lambda k: k[:, :1]),
    part=st.floats(0.1, 0.6),
)
def test_sectors_alike_are_one_sector_and_factors_then_do_not_matter(X, theta, keep, part):
    split = np.stack([part * X, 0.3 * X, (0.7 - part) * X])
    alike = np.repeat(keep, S, axis=1)
    one = solved(X[None], [theta], exits(keep))
    mobile = solved(split, np.full(S, theta), exits(alike))
    specific = solved(split, np.full(S, theta), exits(alike), factors="specific")
    single = solved(X[None], [theta], exits(keep), factors="specific")
    for other in (mobile, specific, single):
        np.testing.assert_allclose(one.welfare, other.welfare, rtol=1e-8)


@properties
@given(X=worlds(), theta=elasticities())
def test_autarky_of_the_client_costs_what_its_home_shares_say(X, theta):
    X[:, 0, 0] += X[:, 1:, 0].sum(1) - X[:, 0, 1:].sum(1) + np.abs(X[:, 0, 1:]).sum(1)
    # Balanced in every sector, so that nothing but trade itself is lost.
    X[:, 0, 1:] *= (X[:, 1:, 0].sum(1) / X[:, 0, 1:].sum(1))[:, None]
    economy = trade.calibrate(X)
    home = np.asarray(economy.lam)[:, 0, 0]
    expected = np.prod(home ** (np.asarray(economy.alpha)[:, 0] / theta))
    for factors in FACTORS:
        out = solved(X, theta, exits(np.zeros((1, S, M))), factors=factors)
        np.testing.assert_allclose(out.welfare[0, 0], expected, rtol=1e-9)


@properties
@given(X=worlds(), theta=elasticities(), keep=keeps(), share=st.floats(0.2, 0.8))
def test_a_country_cut_in_two_changes_nothing_for_anyone(X, theta, keep, share):
    part = np.array([share, 1 - share])
    wide = np.empty((S, N + 1, N + 1))
    wide[:, :N, :N] = X
    wide[:, :, N] = wide[:, :, N - 1] * 1.0
    wide[:, :N, N - 1], wide[:, :N, N] = X[:, :, N - 1] * part[0], X[:, :, N - 1] * part[1]
    wide[:, N - 1, : N - 1], wide[:, N, : N - 1] = (
        X[:, N - 1, : N - 1] * part[0],
        X[:, N - 1, : N - 1] * part[1],
    )
    wide[:, N - 1 :, N - 1 :] = X[:, N - 1, N - 1][:, None, None] * np.outer(part, part)
    twice = np.ones((1, S, 2 * N))
    columns = [*range(N - 1), N - 2]
    twice[:, :, :N] = keep[:, :, columns]
    twice[:, :, N:] = keep[:, :, [N - 1 + c for c in columns]]
    shock = trade.Shock([0] * N + list(range(1, N + 1)), list(range(1, N + 1)) + [0] * N, twice)
    one = solved(X, theta, exits(keep), factors="specific")
    two = solved(wide, theta, shock, factors="specific")
    np.testing.assert_allclose(two.welfare[:, :N], one.welfare, rtol=1e-8)
    np.testing.assert_allclose(two.welfare[:, N], one.welfare[:, N - 1], rtol=1e-8)


@properties
@given(X=worlds(), theta=elasticities(), keep=keeps())
def test_a_zero_tariff_and_a_cost_of_one_are_none(X, theta, keep):
    plain = solved(X, theta, exits(keep), factors="specific")
    dressed = exits(keep)._replace(cost=np.ones((S, N, N)), tariff=np.zeros((S, N, N)))
    np.testing.assert_allclose(
        solved(X, theta, dressed, factors="specific").welfare, plain.welfare, rtol=1e-9
    )


@pytest.mark.parametrize("factors", FACTORS)
@properties
@given(
    X=worlds(),
    theta=elasticities(),
    limit=st.floats(0.02, 1.5),
    rent=st.floats(0, 1),
    tighter=st.floats(0.3, 0.9),
)
def test_a_cap_holds_and_its_price_rises_as_it_tightens(factors, X, theta, limit, rent, tighter):
    keep = np.ones((1, S, M))
    keep[0, :, [0, N - 1]] = 0.0
    prices = []
    for allowed in (limit, limit * tighter):
        shock = exits(keep, capped(allowed, rent))
        out = solved(X, theta, shock, factors=factors)
        quantity = np.asarray(trade.pair_flows(trade.calibrate(X), theta, shock, out).quantity)[0]
        used = quantity[0, :3].sum() / X[0, 0, 1:4].sum()
        assert used <= allowed * (1 + 1e-9)
        assert out.cap_price[0, 0] >= 0
        if out.cap_price[0, 0] > 1e-9:
            np.testing.assert_allclose(used, allowed, rtol=1e-9)
        else:
            free = solved(X, theta, exits(keep), factors=factors)
            np.testing.assert_allclose(out.welfare, free.welfare, rtol=1e-8)
        prices.append(out.cap_price[0, 0])
    assert prices[1] >= prices[0] - 1e-9


# --- Edges --------------------------------------------------------------------------------------------------


def test_losing_the_last_supplier_is_an_infinite_loss_with_a_status():
    X, theta = a_world(9)
    X[1, 0, 0] = 0.0
    X[1, 1:, 0] = 0.0
    X[1, 2, 0] = 3.0
    keep = np.ones((1, S, M))
    keep[0, :, [1, N]] = 0.0
    for factors in FACTORS:
        out = solved(X, theta, exits(keep), factors=factors)
        assert out.status.tolist() == [trade.NO_SUPPLIER]
        assert out.welfare[0, 0] == 0.0
        assert np.isneginf(out.log_phi[0, 1, 0])
        assert np.all(out.welfare[0, 1:] > 0)
        assert np.isfinite(out.welfare).all()


def test_losing_the_last_buyer_earns_nothing_and_says_so():
    X, theta = a_world(10)
    X[0, 0] = 0.0
    X[0, 0, 1] = 2.0
    keep = np.ones((1, S, M))
    keep[0, :, [0, N - 1]] = 0.0
    out = solved(X, theta, exits(keep), factors="specific")
    assert out.status.tolist() == [trade.NO_BUYER]
    assert np.isneginf(out.log_price[0, 0, 0])
    assert 0 < out.welfare[0, 0] < 1
    assert np.isfinite(out.welfare).all()
    mobile = solved(X, theta, exits(keep), factors="mobile")
    assert mobile.status.tolist() == [trade.CONVERGED]
    assert np.isfinite(mobile.log_price).all()


def test_a_closed_cap_is_an_exit_of_its_members():
    X, theta = a_world(11)
    closed = solved(X, theta, exits(np.ones((1, S, M)), capped(0.0)), factors="specific")
    keep = np.ones((1, S, M))
    keep[0, 0, :3] = 0.0
    left = solved(X, theta, exits(keep), factors="specific")
    assert np.isposinf(closed.cap_price).all()
    np.testing.assert_allclose(closed.welfare, left.welfare, rtol=1e-9)


def test_where_no_equilibrium_exists_the_status_says_so():
    """A surplus that keeps its share of world output cannot outlive the income that paid for it."""
    X, theta = a_world(12)
    X[:, 0, 1:] *= 40
    keep = np.zeros((1, S, M))
    out = trade.solve(trade.calibrate(X), theta, exits(keep), factors="specific")
    assert np.asarray(out.status).tolist() == [trade.NOT_CONVERGED]
    assert np.asarray(out.residual)[0] > 1e-10


# --- Spending that moves between sectors --------------------------------------------------------------------


@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.parametrize("eta", [0.3, 2.5])
def test_spending_between_sectors_agrees_with_the_slow_twin(factors, eta):
    X, theta = a_world(1)
    keep = some_exits(1)
    out = solved(X, theta, exits(keep), factors=factors, substitution=eta)
    twin = Twin(X, theta, dense(keep[0]), factors=factors, eta=eta).by_root()
    np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-9)
    np.testing.assert_allclose(np.exp(out.log_price[0]), twin.p, rtol=1e-9)
    np.testing.assert_allclose(np.exp(out.log_phi[0]), twin.out["phi"], rtol=1e-9)
    flows = trade.pair_flows(trade.calibrate(X), theta, exits(keep), out, substitution=eta)
    np.testing.assert_allclose(
        flows.value[0], twin.out["value"][:, ORIGIN, DESTINATION], rtol=1e-8, atol=1e-12
    )
    before = solved(X, theta, exits(keep), factors=factors)
    assert np.abs(np.log(out.welfare / before.welfare)).max() > 1e-4


def test_spending_between_sectors_under_tariffs_agrees_with_the_slow_twin():
    X, theta = a_world(2)
    rng = np.random.default_rng(3)
    t = rng.uniform(0, 0.6, X.shape)
    t[:, np.arange(N), np.arange(N)] = 0
    shock = exits(some_exits(1))._replace(tariff=t)
    kwargs = {"factors": "specific", "deficits": "nominal", "numeraire": "prices"}
    out = solved(X, theta, shock, substitution=0.4, **kwargs)
    twin = Twin(X, theta, dense(shock.keep[0]), t, eta=0.4, **kwargs).by_root()
    np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-9)
    # Consumers' prices are the numeraire.
    level = np.exp(out.log_expenditure[0]) / out.welfare[0]
    np.testing.assert_allclose((twin.E * level).sum(), twin.E.sum(), rtol=1e-9)


@pytest.mark.parametrize("factors", FACTORS)
def test_a_cap_where_spending_moves_agrees_with_bisection(factors):
    X, theta = a_world(6)
    X[0, 0, 1:] *= 4
    for limit, eta in ((0.2, 0.4), (0.2, 2.0), (5.0, 0.4)):
        shock = exits(some_exits(1), capped(limit))
        out = solved(X, theta, shock, factors=factors, substitution=eta)
        member = np.zeros((S, N, N))
        member[0, 0, [1, 2, 3]] = 1.0
        kwargs = {"to_exporter": 0.3, "owner": 3, "factors": factors, "eta": eta}
        twin, log_tau = under_cap(X, theta, dense(shock.keep[0]), member, limit, **kwargs)
        np.testing.assert_allclose(out.cap_price[0, 0], log_tau, atol=1e-8)
        np.testing.assert_allclose(out.welfare[0], twin.welfare, rtol=1e-8)
        flows = trade.pair_flows(trade.calibrate(X), theta, shock, out, substitution=eta)
        np.testing.assert_allclose(
            flows.quantity[0], twin.out["quantity"][:, ORIGIN, DESTINATION], rtol=1e-7, atol=1e-12
        )


def test_a_world_freed_of_deficits_spends_as_it_would():
    X, theta = a_world(4)
    free = trade.without_deficits(X, theta, factors="specific", substitution=0.4)
    twin = Twin(X, theta, factors="specific", deficits="balanced", eta=0.4).by_root()
    np.testing.assert_allclose(free, twin.out["value"], rtol=1e-8)
    assert np.abs(free / trade.without_deficits(X, theta, factors="specific") - 1).max() > 1e-4


@pytest.mark.parametrize("factors", FACTORS)
def test_an_elasticity_of_one_between_sectors_is_cobb_douglas(factors):
    X, theta = a_world(8)
    shock = exits(some_exits(1))
    plain = solved(X, theta, shock, factors=factors)
    one = solved(X, theta, shock, factors=factors, substitution=1.0)
    for mine, theirs in zip(one, plain, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for eta in (1 - 1e-9, 1 + 1e-9):
        near = solved(X, theta, shock, factors=factors, substitution=eta)
        np.testing.assert_allclose(near.welfare, plain.welfare, rtol=1e-8)
        np.testing.assert_allclose(near.log_price, plain.log_price, atol=1e-8)


@pytest.mark.parametrize("factors", FACTORS)
@properties
@given(
    X=worlds(),
    theta=elasticities(),
    keep=keeps(),
    eta=st.floats(0.2, 3.0),
    scale=st.floats(1e-6, 1e6),
    order=st.permutations(OTHERS),
)
def test_where_spending_moves_all_adds_up_and_neither_names_nor_currency_matter(
    factors, X, theta, keep, eta, scale, order
):
    out = solved(X, theta, exits(keep), factors=factors, substitution=eta)
    economy = trade.calibrate(X)
    everywhere = np.repeat(np.arange(N), N), np.tile(np.arange(N), N)
    flows = trade.pair_flows(economy, theta, exits(keep), out, *everywhere, substitution=eta)
    new = np.asarray(flows.value)[0].reshape(S, N, N)
    earned = np.exp(out.log_price[0]) * np.asarray(economy.Y)
    np.testing.assert_allclose(
        new.sum((0, 1)), np.asarray(economy.E) * np.exp(out.log_expenditure[0]), rtol=1e-9
    )
    np.testing.assert_allclose(new.sum((0, 2)), earned.sum(0), rtol=1e-9)
    np.testing.assert_allclose(new.sum((0, 1)) - earned.sum(0), economy.D, atol=1e-8 * X.sum())

    sectors, regions = [2, 0, 1], [0, *order]
    moved = [o - 1 for o in order]
    other = solved(
        scale * X[sectors][:, regions][:, :, regions],
        theta[sectors],
        exits(keep[:, sectors][:, :, moved + [N - 1 + m for m in moved]]),
        factors=factors,
        substitution=eta,
    )
    np.testing.assert_allclose(out.welfare[:, regions], other.welfare, rtol=1e-8)

    still = solved(X, theta, exits(np.ones((1, S, M))), factors=factors, substitution=eta)
    assert np.all(still.log_price == 0)
    assert np.all(still.iterations == 1)


@properties
@given(X=worlds(), theta=elasticities(), eta=st.floats(0.2, 3.0))
def test_autarky_where_spending_moves_costs_what_the_price_level_says(X, theta, eta):
    # Balanced over all sectors together: with one wage it is the same whatever is bought.
    X[:, 0, 1:] *= X[:, 1:, 0].sum() / X[:, 0, 1:].sum()
    economy = trade.calibrate(X)
    home, alpha = np.asarray(economy.lam)[:, 0, 0], np.asarray(economy.alpha)[:, 0]
    dearer = home ** (-1 / theta)
    level = np.exp(alpha @ np.log(dearer))
    if eta != 1:
        level = (alpha @ dearer ** (1 - eta)) ** (1 / (1 - eta))
    out = solved(X, theta, exits(np.zeros((1, S, M))), substitution=eta)
    np.testing.assert_allclose(out.welfare[0, 0], 1 / level, rtol=1e-8)


def test_price_levels_are_the_means_that_they_should_be():
    alpha, price = np.full((2, 1), 0.5), np.array([[1.0], [4.0]])
    means = {1e-12: 2.5, 0.5: 2.25, 1.0: 2.0, 2.0: 1.6}
    for eta, mean in means.items():
        found = np.exp(log_price_level(alpha, np.log(price), np.array(eta)))
        np.testing.assert_allclose(found, [mean], rtol=1e-10)
        share = np.asarray(spending_shares(alpha, np.log(price), np.array(eta)))
        np.testing.assert_allclose(share, alpha * (price / mean) ** (1 - eta), rtol=1e-10)
    around = [
        float(log_price_level(alpha, np.log(price), np.array(1 + h))[0]) for h in (-1e-7, -1e-9, 0, 1e-9)
    ]
    np.testing.assert_allclose(around, np.log(2), atol=1e-7)


def test_a_lost_supplier_is_a_loss_without_bound_only_where_nothing_stands_in():
    X, theta = a_world(9)
    X[1, :, 0] = [0.0, 0.0, 3.0, 0.0, 0.0]
    keep = np.ones((1, S, M))
    keep[0, :, [1, N]] = 0.0
    complements = solved(X, theta, exits(keep), substitution=0.5)
    assert complements.status.tolist() == [trade.NO_SUPPLIER]
    assert complements.welfare[0, 0] == 0.0
    assert np.all(complements.welfare[0, 1:] > 0)
    replaced = solved(X, theta, exits(keep), substitution=2.0)
    assert replaced.status.tolist() == [trade.CONVERGED]
    assert 0 < replaced.welfare[0, 0] < 1
    twin = Twin(X, theta, np.maximum(dense(keep[0]), 1e-30), eta=2.0).by_root()
    np.testing.assert_allclose(replaced.welfare[0], twin.welfare, rtol=1e-3)


def test_draws_in_which_spending_moves_agree_with_worlds_solved_one_by_one():
    K = 3
    rng = np.random.default_rng(13)
    X = np.stack([as_flows(rng.uniform(-1, 1, (S, N, N))) for _ in range(K)])
    X[:, 1] = X[:, 1] * np.eye(N)  # a sector that nobody trades, and not the last one
    theta, eta = rng.uniform(2, 9, (K, S)), np.array([0.3, 0.9, 2.0])
    shock = exits(some_exits(1), capped(0.3))
    out = trade.solve_draws(X, theta, shock, factors="specific", substitution=eta)
    assert out.status.max() == trade.CONVERGED
    whole = trade.pair_flows(trade.calibrate(X), theta, shock, out, substitution=eta)
    for k in range(K):
        one = solved(X[k], theta[k], shock, factors="specific", substitution=eta[k])
        for field in ("welfare", "log_price", "log_phi", "log_expenditure", "cap_price"):
            np.testing.assert_allclose(getattr(out, field)[k], getattr(one, field), atol=1e-9, err_msg=field)
        single = trade.pair_flows(trade.calibrate(X[k]), theta[k], shock, one, substitution=eta[k])
        np.testing.assert_allclose(whole.quantity[k], single.quantity, rtol=1e-8, atol=1e-12)


def test_any_number_of_threads_finds_the_same():
    K = 70
    rng = np.random.default_rng(17)
    X = np.stack([as_flows(rng.uniform(-1, 1, (S, N, N))) for _ in range(K)])
    theta, shock = rng.uniform(2, 9, (K, S)), exits(some_exits(1))
    one, five = (trade.solve_draws(X, theta, shock, workers=workers) for workers in (1, 5))
    for field, found in zip(one._fields, one, strict=True):
        np.testing.assert_array_equal(found, getattr(five, field), err_msg=field)


def test_an_elasticity_between_sectors_is_positive():
    X, theta = a_world(15)
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="positive"):
            trade.solve(trade.calibrate(X), theta, exits(some_exits(1)), substitution=wrong)


# --- Many draws ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", FACTORS)
def test_draws_agree_with_worlds_solved_one_by_one(factors):
    K, C = 21, 2
    rng = np.random.default_rng(13)
    X = np.stack([as_flows(rng.uniform(-1, 1, (S, N, N))) for _ in range(K)])
    X[:, 1] = X[:, 1] * np.eye(N)  # a sector that nobody trades, and not the last one
    theta = rng.uniform(2, 9, (K, S))
    keep = np.repeat(some_exits(C)[None], K, axis=0)
    keep[:, 1] *= rng.uniform(0.2, 1, (K, 1, 1))
    limit = rng.uniform(0.1, 1.2, (K, C, 1))
    member = np.asarray(capped(1.0).member)
    seen = []
    out = trade.solve_draws(
        X,
        theta,
        exits(keep, trade.Caps(member, limit, [0.3], [3])),
        factors=factors,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (K, K)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert out.status.max() == trade.CONVERGED
    assert out.residual.max() <= 1e-10
    for k in (0, 7, K - 1):
        shock = exits(keep[k], trade.Caps(member, limit[k], [0.3], [3]))
        one = solved(X[k], theta[k], shock, factors=factors)
        for field in ("welfare", "log_price", "log_phi", "log_expenditure", "cap_price"):
            np.testing.assert_allclose(getattr(out, field)[k], getattr(one, field), atol=1e-9, err_msg=field)
    whole = trade.pair_flows(
        trade.calibrate(X), theta, exits(keep, trade.Caps(member, limit, [0.3], [3])), out
    )
    k = 7
    shock = exits(keep[k], trade.Caps(member, limit[k], [0.3], [3]))
    one = solved(X[k], theta[k], shock, factors=factors)
    single = trade.pair_flows(trade.calibrate(X[k]), theta[k], shock, one)
    np.testing.assert_allclose(whole.quantity[k], single.quantity, rtol=1e-8, atol=1e-12)


def test_draws_without_deficits_start_from_the_balanced_world():
    X, theta = a_world(14)
    keep = some_exits(1)
    out = trade.solve_draws(X[None], theta[None], exits(keep), deficits="balanced")
    free = trade.without_deficits(X, theta)
    np.testing.assert_allclose(free.sum((0, 1)), free.sum((0, 2)), rtol=1e-9)
    one = solved(free, theta, exits(keep), deficits="balanced")
    np.testing.assert_allclose(out.welfare[0], one.welfare, rtol=1e-8)


def test_draws_take_no_dense_shocks():
    X, theta = a_world(15)
    with pytest.raises(ValueError, match="costs and tariffs"):
        trade.solve_draws(X[None], theta[None], exits(some_exits(1))._replace(cost=np.ones((S, N, N))))


# --- Derivatives --------------------------------------------------------------------------------------------


def test_derivatives_agree_with_differences_under_a_binding_cap():
    X, theta = a_world(16)
    X[0, 0, 1:] *= 4

    def loss(limit, theta, scale):
        economy = trade.calibrate(jnp.asarray(X) * (1 + scale * jnp.asarray(np.eye(N)[1])))
        keep = jnp.full((1, S, M), 0.7)
        out = trade.solve(economy, theta, exits(keep, capped(0.4)._replace(limit=limit)), factors="specific")
        return jnp.log(out.welfare[0, 0])

    point = (jnp.array([[0.4]]), jnp.asarray(theta), jnp.array(0.1))
    backward = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(*point)
    for arg in range(3):
        flat = np.asarray(point[arg]).ravel()
        for i in range(flat.size):
            ends = []
            for h in (1e-5, -1e-5):
                moved = flat.copy()
                moved[i] += h
                args = list(point)
                args[arg] = jnp.asarray(moved.reshape(point[arg].shape))
                ends.append(float(loss(*args)))
            slope = (ends[0] - ends[1]) / 2e-5
            np.testing.assert_allclose(np.asarray(backward[arg]).ravel()[i], slope, rtol=1e-5, atol=1e-7)


def test_derivatives_by_the_elasticity_between_sectors_agree_with_differences():
    X, theta = a_world(16)
    economy, shock = trade.calibrate(X), exits(some_exits(1))

    def loss(eta):
        out = trade.solve(economy, theta, shock, factors="specific", substitution=eta)
        return jnp.log(out.welfare[0, 0])

    slope = jax.jit(lambda eta: jax.jvp(loss, (eta,), (jnp.ones(()),))[1])
    for eta in (0.5, 1.0):
        difference = (float(loss(jnp.array(eta + 1e-5))) - float(loss(jnp.array(eta - 1e-5)))) / 2e-5
        np.testing.assert_allclose(float(slope(jnp.array(eta))), difference, rtol=1e-5)


def test_what_the_fast_iteration_misses_is_solved_for_its_own_exit(monkeypatch):
    """Also where several exits are the same, so that fewer stand side by side than were asked for."""
    X, theta = a_world(5)
    one, two = some_exits(2)
    keep = np.stack([one, one, two, two, np.ones_like(one)])
    usual = trade.solve_draws(X[None], theta[None], exits(keep))
    assert usual.welfare[0, 0] == pytest.approx(usual.welfare[0, 1])
    chunk = _solve._chord_chunk

    def missed(*given):
        out = chunk(*given)
        return out._replace(status=jnp.full_like(out.status, trade.NOT_CONVERGED))

    monkeypatch.setattr(_solve, "_chord_chunk", missed)
    again = trade.solve_draws(X[None], theta[None], exits(keep))
    assert (again.status == trade.CONVERGED).all()
    np.testing.assert_allclose(again.welfare, usual.welfare, atol=1e-9)


@given(st.floats(-3, 3), st.floats(1e-3, 1e3))
@properties
def test_the_ratio_of_the_conditions_is_the_logarithm_near_an_equilibrium_and_rises_with_it_elsewhere(
    x, scale
):
    a, b = scale * np.exp(x), scale
    found = float(log_ratio(jnp.array(a), jnp.array(b)))
    assert found == pytest.approx(x, rel=1e-4 if abs(x) <= 1 else 0.2, abs=1e-15)
    near = 1 + 1e-4 * x
    assert float(log_ratio(jnp.array(near), jnp.array(1.0))) == pytest.approx(
        np.log(near), rel=1e-11, abs=1e-15
    )
    assert float(log_ratio(jnp.array(1.001 * a), jnp.array(b))) > found


def test_nought_over_nought_is_in_balance():
    assert float(log_ratio(jnp.array(0.0), jnp.array(0.0))) == 0.0
    assert (
        3
        < float(log_ratio(jnp.array(1.0), jnp.array(0.0)))
        == -float(log_ratio(jnp.array(0.0), jnp.array(1.0)))
    )


@pytest.mark.parametrize("n", [3, 32, 33, 70])
def test_inverses_without_pivots_are_inverses(n):
    rng = np.random.default_rng(n)
    a = 2.0 * np.eye(n) - rng.dirichlet(np.full(n, 0.1), (2, n))
    np.testing.assert_allclose(
        np.asarray(_solver._inverse(a)) @ a, np.broadcast_to(np.eye(n), a.shape), atol=1e-13
    )
