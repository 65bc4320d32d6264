"""Displacement against slow twins that solve the market itself, its limits, and its invariants."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, root

from tertius.errors import BadInput
from tertius.models.displacement import TOLERANCE, Displaced, Status, displace, displace_nested, loss, vacuum

Floats = NDArray[np.float64]
P = 5
NESTS = [0, 1, 0, 1, 2]
quick = settings(deadline=None, max_examples=25, derandomize=True)


def draws(seed: int, n: int = 12, leavers: int = 1) -> tuple[Floats, Floats, Floats, Floats]:
    """Random bundles ``(n, P)`` in which the first suppliers leave, some of them in part."""
    rng = np.random.default_rng(seed)
    s = rng.dirichlet(np.ones(P), n)
    keep = np.ones((n, P))
    keep[:, :leavers] = rng.choice([0.0, 0.3, 0.9], (n, leavers))
    eta = rng.choice([0.0, 0.4, 2.0, 9.0, np.inf], (n, P))
    return s, keep, rng.uniform(1.2, 8.0, n), eta


def nested(s: Any, keep: Any, sigma: Any, rho: Any, eta: Any, nests: Any = tuple(NESTS)) -> Displaced:
    """Call displace_nested with all inputs in full shape, so that the tests share few compilations."""
    n, suppliers = np.shape(s)
    keep, eta = (np.broadcast_to(a, (n, suppliers)) for a in (keep, eta))
    sigma, rho = (np.broadcast_to(a, n) for a in (sigma, rho))
    return displace_nested(s, keep, sigma, rho, nests, eta)


def twin_phi(s: Floats, keep: Floats, sigma: float, eta: Floats) -> float:
    """Log Phi of one bundle, by Brent's method on the adding-up condition."""
    b = 1 / (1 + (sigma - 1) / (1 + eta))

    def excess(log_phi: float) -> float:
        return float(sum(s[p] * (keep[p] * np.exp(-log_phi)) ** b[p] for p in range(P)) - 1)

    return float(brentq(excess, -300, 300, xtol=1e-14, rtol=1e-14))


def twin_market(
    s: Floats, keep: Floats, sigma: float, eta: Floats, rho: float, nests: list[int]
) -> tuple[float, Floats]:
    """Log price index and quantities, by clearing every supplier's market in levels of prices.

    Demand is nested CES at unit baseline prices with taste weights s (times what is kept), supply is
    ``s * price ** eta``; one nest, or rho = sigma, is one CES bundle. Needs finite eta and keep > 0.
    """
    groups = [[p for p in range(P) if nests[p] == g] for g in sorted(set(nests))]

    def bundle(log_q: Floats) -> tuple[float, Floats]:
        q, demand, index = np.exp(log_q), np.zeros(P), []
        for group in groups:
            size = sum(s[p] for p in group)
            index.append(sum(s[p] / size * keep[p] * q[p] ** (1 - sigma) for p in group) ** (1 / (1 - sigma)))
        total = sum(sum(s[p] for p in g) * i ** (1 - rho) for g, i in zip(groups, index, strict=True))
        for group, i in zip(groups, index, strict=True):
            size = sum(s[p] for p in group)
            for p in group:
                inside = s[p] / size * keep[p] * (q[p] / i) ** (1 - sigma)
                demand[p] = size * i ** (1 - rho) / total * inside / q[p]
        return float(np.log(total) / (1 - rho)), demand

    def gap(log_q: Floats) -> Floats:
        return np.asarray(np.log(bundle(log_q)[1] / s) - eta * log_q)

    found = root(gap, np.zeros(P), tol=1e-13)
    assert np.abs(gap(found.x)).max() < 1e-9
    log_price, demand = bundle(found.x)
    return log_price, demand / s


def close(a: Any, b: Any, tol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def one(result: Displaced, k: int) -> Displaced:
    return Displaced(*(field[k] for field in result))


@pytest.mark.parametrize("leavers", [1, 2, 4])
def test_the_root_is_brents(leavers: int) -> None:
    s, keep, sigma, eta = draws(leavers, leavers=leavers)
    result = displace(s, keep, sigma, eta)
    close(result.log_Phi, [twin_phi(*row) for row in zip(s, keep, sigma, eta, strict=True)], 1e-11)
    close(result.log_price, result.log_Phi / (1 - sigma))
    assert (np.asarray(result.residual) <= TOLERANCE).all()
    assert (np.asarray(result.status) == Status.CONVERGED).all()


def test_the_market_clears() -> None:
    s, keep, sigma, _ = draws(3)
    keep, eta = np.where(keep == 0, 1.4, keep), np.random.default_rng(4).uniform(0.05, 6, s.shape)
    result = displace(s, keep, sigma, eta)
    for k in range(len(s)):
        log_price, quantity = twin_market(s[k], keep[k], sigma[k], eta[k], sigma[k], [0] * P)
        close(result.log_price[k], log_price, 1e-8)
        close(result.quantity_hat[k], quantity, 1e-8)


def test_the_nested_market_clears() -> None:
    s, keep, sigma, _ = draws(5)
    rng = np.random.default_rng(6)
    keep, eta = np.where(keep == 0, 1.4, keep), rng.uniform(0.05, 6, s.shape)
    rho = rng.uniform(0.3, 9, len(s))
    result = nested(s, keep, sigma, rho, eta)
    assert (np.asarray(result.status) == Status.CONVERGED).all()
    for k in range(len(s)):
        log_price, quantity = twin_market(s[k], keep[k], sigma[k], eta[k], rho[k], NESTS)
        close(result.log_price[k], log_price, 1e-8)
        close(result.quantity_hat[k], quantity, 1e-8)


def test_fixed_prices_are_utility_maximisation() -> None:
    """With infinitely elastic supply the loss is that of a consumer who re-optimises, found by search."""
    s, sigma = np.array([0.35, 0.25, 0.4]), 2.6

    def best(there: list[int]) -> float:
        def dislike(x: Floats) -> float:
            share = np.abs(x) / np.abs(x).sum()  # spending shares; prices are one
            return -float((s[there] ** (1 / sigma) * share ** ((sigma - 1) / sigma)).sum())

        options = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 4000}
        found = minimize(dislike, np.ones(len(there)), method="Nelder-Mead", options=options)
        return float(sigma / (sigma - 1) * np.log(-found.fun))

    result = displace(s, np.array([0.0, 1, 1]), sigma, np.full(3, np.inf))
    close(loss(0.3, result.log_price), 100 * 0.3 * (best([0, 1, 2]) - best([1, 2])), 1e-7)


def test_infinite_elasticity_is_the_closed_form() -> None:
    s, keep, sigma, _ = draws(7, leavers=2)
    result = displace(s, keep, sigma, np.inf)
    phi = (s * keep).sum(-1)
    close(result.log_Phi, np.log(phi))
    close(result.price_hat, np.where(keep > 0, 1.0, np.nan))
    close(result.quantity_hat, keep / phi[:, None])


def test_zero_elasticity_fixes_quantities() -> None:
    s, keep, sigma, _ = draws(8, leavers=2)
    result = displace(s, keep, sigma, 0.0)
    close(result.quantity_hat, np.where(keep > 0, 1.0, 0.0))
    # With quantities fixed, utility is what is left of the CES sum; prices only share out the spending.
    left = (s * keep ** (1 / sigma[:, None])).sum(-1) ** (sigma / (sigma - 1))
    close(result.log_price, -np.log(left))


def test_a_very_large_elasticity_is_near_the_exact_limit() -> None:
    s, keep, sigma, _ = draws(9)
    close(displace(s, keep, sigma, 1e9).log_price, displace(s, keep, sigma, np.inf).log_price, 1e-7)


def test_nothing_happens_without_a_shock() -> None:
    s, _, sigma, eta = draws(10)
    for result in (displace(s, np.ones_like(s), sigma, eta), nested(s, 1.0, sigma, 1.7, eta)):
        close(result.log_price, 0, 1e-14)
        close(result.share_hat, 1, 1e-14)
        close(result.price_hat, 1, 1e-14)


def test_all_withdrawn_is_an_infinite_loss() -> None:
    s = np.array([[0.6, 0.4, 0.0], [0.6, 0.0, 0.4]])
    keep = np.array([0.0, 0.0, 1.0])
    result = displace(s, keep, 3.0, 1.0)
    assert result.status.tolist() == [Status.INFINITE, Status.CONVERGED]
    assert np.isinf(result.log_price[0])
    assert loss(0.2, result.log_price)[0] == np.inf
    close(result.share_hat[0], 0.0)
    close(s * result.share_hat, [[0, 0, 0], [0, 0, 1]], 1e-12)
    fill = vacuum(s, result, keep)
    close(fill.unfilled[0], 1.0)
    close(fill.share[0], [np.nan, np.nan, 0.0])


def test_no_loss_in_a_domain_that_counts_for_nothing() -> None:
    assert loss(np.array([0.0, 0.0, 1.0]), np.array([np.inf, 1.0, 0.5])).tolist() == [0.0, 0.0, 50.0]
    assert np.isnan(loss(0.0, np.nan))


def test_zero_shares_stay_zero() -> None:
    s, keep = np.array([0.3, 0.0, 0.7]), np.array([0.0, 1.0, 1.0])
    result = displace(s, keep, 2.0, np.array([1.0, np.inf, 0.5]))
    assert (s * result.share_hat)[1] == 0
    without = displace(s[[0, 2]], keep[[0, 2]], 2.0, np.array([1.0, 0.5]))
    close(result.log_price, without.log_price)


def test_a_tie_not_stated_is_outside_the_bundle() -> None:
    s = np.array([0.3, np.nan, 0.2, 0.5])
    keep = np.array([0.4, 1.0, 1.0, 1.0])
    result = displace(s, keep, 2.5, np.array([1.0, np.nan, 2.0, 3.0]))
    rest = [0, 2, 3]
    without = displace(s[rest], keep[rest], 2.5, np.array([1.0, 2.0, 3.0]))
    assert np.isnan(result.share_hat[1])
    close(np.asarray(result.share_hat)[rest], without.share_hat)
    fill = vacuum(s, result, keep)
    assert np.isnan(fill.share[1])
    close(np.asarray(fill.share)[rest], vacuum(s[rest], without, keep[rest]).share)

    gone = displace(s, np.array([1.0, 0.0, 1.0, 1.0]), 2.5, 1.0)
    assert gone.status == Status.MISSING
    assert np.isnan(gone.log_price)
    assert np.isnan(gone.share_hat).all()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"s": [0.5, 0.6, 0.2]}, Status.INVALID),
        ({"s": [-0.1, 0.6, 0.5]}, Status.INVALID),
        ({"s": [np.nan] * 3}, Status.MISSING),
        ({"keep": [-0.1, 1, 1]}, Status.INVALID),
        ({"keep": [np.inf, 1, 1]}, Status.INVALID),
        ({"keep": [np.nan, 1, 1]}, Status.MISSING),
        ({"sigma": 1.0}, Status.INVALID),
        ({"sigma": np.inf}, Status.INVALID),
        ({"sigma": np.nan}, Status.MISSING),
        ({"eta": [-1.0, 1, 1]}, Status.INVALID),
        ({"eta": [np.nan, 1, 1]}, Status.MISSING),
        ({"rho": 0.0}, Status.INVALID),
        ({"rho": np.nan}, Status.MISSING),
    ],
)
def test_bad_inputs_have_a_status_and_spoil_nothing_else(change: dict[str, Any], status: Status) -> None:
    good: dict[str, Any] = {"s": [0.2, 0.3, 0.5], "keep": [0.5, 1, 1], "sigma": 2.0, "eta": [1.0, 2, 3]}
    inputs = {key: np.array([value, change.get(key, value)]) for key, value in good.items()}
    rho = np.array([1.5, change.get("rho", 1.5)])
    results = [displace_nested(**inputs, rho=rho, nests=[0, 0, 1])]
    if "rho" not in change:
        results.append(displace(**inputs))
    for result in results:
        assert result.status.tolist() == [Status.CONVERGED, status]
        assert np.isfinite(result.log_price[0])
        assert np.isnan(result.log_price[1])
        assert np.isnan(result.residual[1])
        assert np.isnan(result.share_hat[1]).all()


@pytest.mark.parametrize("nests", [[0, 1], [[1, 1, 0], [0, 1, 1]], [[1, 0, 0], [0, 1, 0]], [[0.5] * 3] * 2])
def test_nests_must_hold_every_supplier_once(nests: Any) -> None:
    with pytest.raises(BadInput, match=r"nest|supplier"):
        displace_nested(np.full(3, 1 / 3), np.ones(3), 2.0, 3.0, nests, 1.0)


def test_labels_and_membership_say_the_same() -> None:
    s, keep, sigma, eta = draws(11)
    member = np.array([[1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]])
    a = nested(s, keep, sigma, 1.5, eta)
    b = nested(s, keep, sigma, 1.5, eta, member)
    jax.tree.map(lambda x, y: close(x, y, 1e-13), a, b)


@pytest.mark.parametrize("rho", [1.3, 4.0])
def test_one_nest_is_one_bundle(rho: float) -> None:
    s, keep, sigma, eta = draws(12, leavers=2)
    flat, two = displace(s, keep, sigma, eta), nested(s, keep, sigma, rho, eta, [0] * P)
    close(two.log_price, flat.log_price)
    close(two.share_hat, flat.share_hat)
    close(two.price_hat, flat.price_hat)


def test_equal_elasticities_are_one_bundle() -> None:
    s, keep, sigma, eta = draws(13, leavers=3)
    flat, two = displace(s, keep, sigma, eta), nested(s, keep, sigma, sigma, eta)
    close(two.log_price, flat.log_price)
    close(two.share_hat, flat.share_hat)
    close(two.log_Phi, flat.log_Phi)


def test_every_supplier_its_own_nest_is_one_bundle_between() -> None:
    s, keep, sigma, eta = draws(14)
    keep = np.where(keep == 0, 0.2, keep)
    # Within a nest of one, keep is a cost: k = cost ** (1 - sigma); between nests that cost weighs by rho.
    rho = np.full(len(s), 2.3)
    cost = keep ** (1 / (1 - sigma[:, None]))
    flat = displace(s, cost ** (1 - rho[:, None]), rho, eta)
    two = nested(s, keep, sigma, rho, eta, range(P))
    close(two.log_price, flat.log_price)
    close(two.share_hat, flat.share_hat)


def test_like_replaces_like() -> None:
    s, keep = np.full((12, P), 0.2), [0.0, 1, 1, 1, 1]
    quantity = nested(s, keep, 6.0, 1.5, 2.0).quantity_hat[0]
    assert quantity[2] > quantity[1] > 1
    close(quantity[1], quantity[3])


def test_a_lost_nest() -> None:
    s, keep = np.tile([0.25, 0.25, 0.25, 0.0, 0.25], (3, 1)), [0.0, 1, 0.0, 1.0, 1.0]
    result = nested(s, keep, 5.0, [2.0, 1.0, 0.5], np.inf)
    assert result.status.tolist() == [Status.CONVERGED, Status.INFINITE, Status.INFINITE]
    close(result.log_price, [np.log(2), np.inf, np.inf])  # half the upper bundle gone at elasticity 2
    close(result.share_hat[0], [0, 2, 0, 2, 2])
    s = np.tile([0.0, 0.5, 0.0, 0.0, 0.5], (3, 1))  # the nest was empty before
    close(nested(s, keep, 5.0, [2.0, 1.0, 0.5], np.inf).log_price, 0.0)


def test_cobb_douglas_between_nests_is_a_limit() -> None:
    s, _, sigma, eta = draws(15)
    keep = np.tile([0.0, 0.4, 1, 1, 1], (len(s), 1))
    at, shares = [], []
    for rho in (1 - 3e-6, 1 - 1e-9, 1.0, 1 + 1e-9, 1 + 3e-6):
        result = nested(s, keep, sigma, rho, eta)
        assert (np.asarray(result.status) == Status.CONVERGED).all()
        at.append(np.asarray(result.log_price))
        shares.append(np.asarray(s * result.share_hat) @ (np.array(NESTS)[:, None] == [0, 1, 2]))
    for other in at:
        close(other, at[2], 1e-4)
    close((at[0] + at[4]) / 2, at[2], 1e-9)
    close((at[1] + at[3]) / 2, at[2], 1e-12)
    close(shares[2], s @ (np.array(NESTS)[:, None] == [0, 1, 2]), 1e-11)  # nests keep their spending


def test_hard_cases_converge() -> None:
    rng = np.random.default_rng(16)
    n = 2000
    s = rng.dirichlet(np.full(P, 0.15), n)
    keep = rng.choice([0.0, 1e-9, 0.5, 1.0, 20.0], s.shape)
    keep[:, -1] = 1.0
    eta = rng.choice([0.0, 1e-3, 1.0, 1e4, np.inf], s.shape)
    sigma, rho = rng.choice([1.2, 2.0, 20.0], n), rng.choice([1.05, 2.0, 20.0], n)
    left = (s * keep).sum(-1) > 0
    for result in (displace(s, keep, sigma, eta), displace_nested(s, keep, sigma, rho, NESTS, eta)):
        assert (np.asarray(result.status)[left] == Status.CONVERGED).all()
        assert np.isfinite(np.asarray(result.log_price)[left]).all()
        after = (s * np.nan_to_num(result.share_hat)).sum(-1)
        close(after[left], 1.0, 1e-9)


# --- who fills the vacuum --------------------------------------------------------------------------


@quick
@given(seed=st.integers(0, 10**6), two=st.booleans(), leavers=st.integers(1, 3))
def test_adding_up(seed: int, two: bool, leavers: int) -> None:
    s, keep, sigma, eta = draws(seed, leavers=leavers)
    result = nested(s, keep, sigma, 1.6, eta) if two else displace(s, keep, sigma, eta)
    close((s * result.share_hat).sum(-1), 1.0, 1e-11)
    fill = vacuum(s, result, keep)
    some = np.isfinite(fill.unfilled)
    assert some.any()
    close((np.nansum(fill.share, -1) + fill.unfilled)[some], 1.0, 1e-9)
    assert (np.isnan(fill.share) == ((keep < 1) | ~some[:, None])).all()
    change = np.asarray(s * (result.delivered_hat - 1))
    close(fill.withdrawn, -np.where(keep < 1, change, 0).sum(-1))
    assert (np.nan_to_num(fill.unfilled) >= -1e-9).all()  # prices paid only rise


def test_nothing_is_unfilled_at_fixed_prices_and_all_is_in_proportion() -> None:
    s, _, sigma, _ = draws(17)
    keep = np.tile([0.0, 1, 1, 1, 1], (len(s), 1))
    fill = vacuum(s, displace(s, keep, sigma, np.inf), keep)
    close(fill.unfilled, 0.0, 1e-12)
    close(fill.share[:, 1:], s[:, 1:] / s[:, 1:].sum(-1, keepdims=True))


def test_nothing_is_filled_at_fixed_quantities() -> None:
    s, _, sigma, _ = draws(18)
    keep = np.tile([0.0, 1, 1, 1, 1], (len(s), 1))
    fill = vacuum(s, displace(s, keep, sigma, 0.0), keep)
    close(fill.unfilled, 1.0)
    close(fill.withdrawn, s[:, 0])


def test_no_vacuum_where_nothing_is_withdrawn() -> None:
    s = np.array([0.2, 0.3, 0.5])
    for keep in (np.ones(3), np.array([1.5, 1, 1])):
        fill = vacuum(s, displace(s, keep, 2.0, 1.0), keep)
        assert fill.withdrawn == 0
        assert np.isnan(fill.unfilled)
        assert np.isnan(fill.share).all()


# --- invariants ------------------------------------------------------------------------------------


@quick
@given(seed=st.integers(0, 10**6), order=st.permutations(range(P)))
def test_order_does_not_matter(seed: int, order: list[int]) -> None:
    s, keep, sigma, eta = draws(seed)
    flat, moved = displace(s, keep, sigma, eta), displace(s[:, order], keep[:, order], sigma, eta[:, order])
    close(moved.log_price, flat.log_price)
    close(moved.quantity_hat, np.asarray(flat.quantity_hat)[:, order])
    flat = nested(s, keep, sigma, 1.4, eta)
    names = [f"nest {NESTS[p]}" for p in order]
    moved = nested(s[:, order], keep[:, order], sigma, 1.4, eta[:, order], names)
    close(moved.log_price, flat.log_price)
    close(moved.quantity_hat, np.asarray(flat.quantity_hat)[:, order])


@quick
@given(seed=st.integers(0, 10**6))
def test_two_steps_are_one(seed: int) -> None:
    """Hat algebra composes: a further exit from the new equilibrium is the joint exit from the old."""
    s, first, sigma, eta = draws(seed, leavers=2)
    first = np.where(first == 0, 0.2, first)
    second = np.tile([1.0, 0.5, 0.0, 1.0, 1.0], (len(s), 1))
    for solve in (displace, lambda s, k, g, e: nested(s, k, g, 1.6, e)):
        step = solve(s, first, sigma, eta)
        then = solve(s * step.share_hat, second, sigma, eta)
        both = solve(s, first * second, sigma, eta)
        close(step.log_price + then.log_price, both.log_price)
        close(step.quantity_hat * then.quantity_hat, both.quantity_hat)


@quick
@given(seed=st.integers(0, 10**6), leaver=st.integers(0, P - 1))
def test_a_split_supplier_is_one_supplier(seed: int, leaver: int) -> None:
    s, _, sigma, eta = draws(seed)
    keep = np.ones_like(s)
    keep[:, leaver] = 0.4
    halves = [0, 0, 1, 2, 3, 4]
    half = np.array([0.5, 0.5, 1, 1, 1, 1])
    whole, split = (
        displace(s, keep, sigma, eta),
        displace(s[:, halves] * half, keep[:, halves], sigma, eta[:, halves]),
    )
    close(split.log_price, whole.log_price)
    close(split.share_hat, np.asarray(whole.share_hat)[:, halves])


@quick
@given(seed=st.integers(0, 10**6))
def test_signs(seed: int) -> None:
    s, _, sigma, eta = draws(seed)
    degree = np.linspace(0, 1, 5)[:, None, None]
    keep = 1 - degree * np.array([1.0, 0, 0, 0, 0])
    result = displace(s, keep, sigma, eta)
    price = np.asarray(result.log_price)
    assert (np.diff(price, axis=0) > 0).all()  # the deeper the exit, the larger the loss
    quantity = np.asarray(result.quantity_hat)
    assert (quantity[:, :, 1:] >= 1 - 1e-12).all()  # those who stay add, never cut
    gentler = displace(s, keep, sigma + 0.5, eta)
    assert (np.asarray(gentler.log_price)[1:] < price[1:]).all()  # better substitutes, smaller loss
    nimble = eta.copy()
    nimble[:, 1] = eta[:, 1] + 1.0
    moved = displace(s, keep, sigma, nimble)
    finite = np.isfinite(eta[:, 1])
    assert (np.asarray(moved.quantity_hat)[1:, finite, 1] > quantity[1:, finite, 1]).all()
    assert (np.asarray(moved.log_price)[1:, finite] < price[1:, finite]).all()


# --- derivatives, jit and vmap ---------------------------------------------------------------------


def outputs(s: Any, keep: Any, sigma: Any, rho: Any, eta: Any) -> Any:
    flat, nested = displace(s, keep, sigma, eta), displace_nested(s, keep, sigma, rho, NESTS, eta)
    parts = [(r.log_price, r.share_hat.sum(-1), jnp.log(r.quantity_hat).sum(-1)) for r in (flat, nested)]
    return jnp.stack([x for part in parts for x in part])


run = jax.jit(outputs)


@jax.jit
def pulled(point: Any, weights: Any) -> Any:
    value, back = jax.vjp(outputs, *point)
    return value, back(weights)


@pytest.mark.parametrize("rho", [0.7, 1.0, 1.0 + 1e-4, 2.5])
def test_derivatives_are_finite_differences(rho: float) -> None:
    rng = np.random.default_rng(19)
    s, keep = rng.dirichlet(np.ones(P)), np.array([0.3, 0.8, 1.0, 1.0, 1.2])
    point = (jnp.array(s), jnp.array(keep), jnp.array(2.7), jnp.array(rho), jnp.array(rng.uniform(0.1, 4, P)))
    away = rng.normal(size=P)
    direction = (away - away.mean(), rng.normal(size=P), 0.7, -0.4, rng.normal(size=P))
    direction = jax.tree.map(lambda d: jnp.asarray(d, float), direction)

    def along(t: float) -> Any:
        return run(*(p + t * d for p, d in zip(point, direction, strict=True)))

    h = 1e-3
    numerical = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    weights = jnp.asarray(rng.normal(size=6))
    value, gradient = pulled(point, weights)
    close(value, along(0.0), 1e-14)
    close(sum((g * d).sum() for g, d in zip(gradient, direction, strict=True)), weights @ numerical, 1e-7)


def test_second_derivatives() -> None:
    s, eta = jnp.array([0.3, 0.3, 0.4]), jnp.array([1.0, 2.0, 0.5])

    def price(degree: Any) -> Any:
        return displace(s, jnp.array([1.0, 1, 1]).at[0].add(-degree), 3.0, eta).log_price

    h = 1e-4
    slope = jax.jit(jax.grad(price))
    close(jax.jit(jax.grad(slope))(0.4), (slope(0.4 + h) - slope(0.4 - h)) / (2 * h), 1e-6)


def test_gradients_survive_corners_and_neighbours() -> None:
    """A supplier gone, one that was never there, fixed quantities and prices, and an unsolvable neighbour."""
    s = jnp.array(
        [[0.3, 0.0, 0.2, 0.5], [1.0, 0.0, 0.0, 0.0], [0.9, 0.9, 0.0, 0.0], [0.3, jnp.nan, 0.3, 0.4]]
    )
    keep, eta = jnp.array([0.0, 1.0, 1.0, 1.0]), jnp.array([1.0, 0.0, jnp.inf, 0.0])

    def total(s: Any, keep: Any, sigma: Any, eta: Any) -> Any:
        flat = displace(s, keep, sigma, eta)
        nested = displace_nested(s, keep, sigma, 1.5, [0, 1, 0, 1], eta)
        return sum(jnp.where(r.status == 0, r.log_price, 0.0).sum() for r in (flat, nested))

    gradients = jax.jit(jax.grad(total, argnums=(0, 1, 2, 3)))(s, keep, 2.0, eta)
    assert all(np.isfinite(g).all() for g in gradients)
    assert gradients[2] < 0
    close(gradients[0][1:3], 0.0)


def test_jit_and_vmap_change_nothing() -> None:
    s, keep, sigma, eta = draws(20, leavers=2)
    for solve in (displace, lambda s, k, g, e: displace_nested(s, k, g, 1.6, NESTS, e)):
        batched = solve(s, keep, sigma, eta)
        mapped = jax.jit(jax.vmap(solve))(s, keep, sigma, eta)
        jax.tree.map(lambda a, b: close(a, b, 1e-13), batched, mapped)
        for k in (0, 5):
            single = solve(s[k], keep[k], sigma[k], eta[k])
            jax.tree.map(lambda a, b: close(a, b, 1e-13), one(batched, k), single)


def test_leading_axes_broadcast() -> None:
    s, keep, sigma, eta = draws(21)
    wide = displace(s[:, None], np.stack([keep[0], np.ones(P)]), sigma[:, None], eta[:, None])
    assert wide.share_hat.shape == (len(s), 2, P)
    assert wide.status.shape == (len(s), 2)
    close(wide.log_price[:, 0], displace(s, keep[0], sigma, eta).log_price)
