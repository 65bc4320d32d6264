"""Levers against a slow twin and the closed form, their invariants, and the indices made of them."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq

from tertius.errors import BadInput
from tertius.models.displacement import Status, displace
from tertius.models.levers import (
    approval_shares,
    bloc_lever,
    ces_lever,
    concentration,
    effective_powers,
    lever,
    net,
    normalise_ties,
)

Floats = NDArray[np.float64]
P = 5
NESTS = [0, 1, 0, 1, 2]
quick = settings(deadline=None, max_examples=25, derandomize=True)


def draws(seed: int, n: int = 12) -> tuple[Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    eta = rng.choice([0.0, 0.4, 2.0, 9.0, np.inf], (n, P))
    return rng.dirichlet(np.ones(P), n), rng.uniform(0.05, 0.5, n), rng.uniform(1.2, 8.0, n), eta


def close(a: Any, b: Any, tol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def twin(s: Floats, omega: float, sigma: float, eta: Floats, leaving: set[int]) -> float:
    """Loss from the withdrawal of some suppliers, one bundle at a time, by Brent's method on Phi."""
    stay = [p for p in range(P) if p not in leaving]

    def excess(log_phi: float) -> float:
        return float(sum(s[p] * np.exp(-log_phi / (1 + (sigma - 1) / (1 + eta[p]))) for p in stay) - 1)

    return float(100 * omega * brentq(excess, -400, 400, xtol=1e-13) / (1 - sigma))


def test_the_slow_twin_agrees() -> None:
    s, omega, sigma, eta = draws(1)
    result = lever(s, omega, sigma, eta)
    assert result.value.shape == result.status.shape == result.residual.shape == (len(s), P - 1)
    assert (np.asarray(result.status) == Status.CONVERGED).all()
    slow = [[twin(*row, {p}) for p in range(P - 1)] for row in zip(s, omega, sigma, eta, strict=True)]
    close(result.value, slow)
    bloc = bloc_lever(s, omega, sigma, eta, [True, False, True, False])
    close(bloc.value, [twin(*row, {0, 2}) for row in zip(s, omega, sigma, eta, strict=True)])


def test_infinite_elasticity_is_the_closed_form() -> None:
    s, omega, sigma, _ = draws(2)
    close(lever(s, omega, sigma, np.inf * np.ones(P)).value, ces_lever(s, omega, sigma))
    close(ces_lever(s, omega, sigma)[:, 1], -100 * omega / (sigma - 1) * np.log(1 - s[:, 1]))


def test_zero_elasticity() -> None:
    s, omega, sigma, _ = draws(3)
    expected = -100 * (omega * sigma / (sigma - 1))[:, None] * np.log(1 - s[:, :-1])
    close(lever(s, omega, sigma, np.zeros(P)).value, expected)


def test_a_share_of_one_is_an_infinite_lever() -> None:
    s = np.array([0.0, 1.0, 0.0])
    result = lever(s, 0.2, 3.0, np.array([1.0, 0.0, np.inf]))
    close(result.value, [0.0, np.inf])
    assert result.status.tolist() == [Status.CONVERGED, Status.INFINITE]
    close(ces_lever(s, 0.2, 3.0), [0.0, np.inf])
    index = effective_powers(result.value)
    assert np.isnan(index.entropy)
    assert np.isnan(index.inverse_herfindahl)
    almost = lever(np.array([0.0, 1 - 1e-12, 1e-12]), 0.2, 3.0, np.ones(3)).value[1]
    assert 1000 > almost > 100 * 0.2 / 2 * 27


def test_a_tie_not_stated_is_missing_and_the_others_are_not() -> None:
    result = lever(np.array([0.3, np.nan, 0.2, 0.5]), 0.2, 3.0, np.ones(4))
    assert result.status.tolist() == [Status.CONVERGED, Status.MISSING, Status.CONVERGED]
    assert np.isnan(result.value[1])
    close(np.asarray(result.value)[[0, 2]], lever(np.array([0.3, 0.2, 0.5]), 0.2, 3.0, np.ones(3)).value)
    assert np.isnan(effective_powers(result.value).entropy)


def test_nested_levers() -> None:
    s, omega, sigma, eta = draws(4)
    flat = lever(s, omega, sigma, eta)
    close(lever(s, omega, sigma, eta, rho=sigma, nests=NESTS).value, flat.value)
    # The poorer the substitutes between nests, the more withdrawals cost in all.
    near, far = (
        np.asarray(lever(s, omega, sigma, eta, rho=sigma * x, nests=NESTS).value) for x in (1.2, 0.9)
    )
    assert (far.sum(-1) > near.sum(-1)).all()
    rho = np.linspace(1.2, 6, len(s))
    bloc = bloc_lever(s, omega, sigma, eta, [False, True, False, False], rho=rho, nests=NESTS)
    close(bloc.value, lever(s, omega, sigma, eta, rho=rho, nests=NESTS).value[:, 1])


def test_nests_and_their_elasticity_come_together() -> None:
    s, omega, sigma, eta = draws(5)
    with pytest.raises(BadInput, match="both"):
        lever(s, omega, sigma, eta, rho=2.0)
    with pytest.raises(BadInput, match="both"):
        bloc_lever(s, omega, sigma, eta, [True] * (P - 1), nests=NESTS)


def test_an_empty_bloc_has_no_lever() -> None:
    s, omega, sigma, eta = draws(6)
    close(bloc_lever(s, omega, sigma, eta, [False] * (P - 1)).value, 0.0, 1e-12)


@quick
@given(
    seed=st.integers(0, 10**6),
    members=st.lists(st.booleans(), min_size=P - 1, max_size=P - 1),
    capacity=st.sampled_from([0.0, 0.7, 5.0, np.inf]),
)
def test_a_bloc_is_more_than_its_members(seed: int, members: list[bool], capacity: float) -> None:
    s, omega, sigma, eta = draws(seed)
    eta = np.full_like(eta, capacity)
    joint = np.asarray(bloc_lever(s, omega, sigma, eta, members).value)
    apart = (np.asarray(lever(s, omega, sigma, eta).value) * members).sum(-1)
    assert (joint >= apart - 1e-9).all()
    if sum(members) > 1:
        assert (joint > apart).all()


def test_a_bloc_may_be_less_than_its_members_where_capacities_differ() -> None:
    """The first withdrawal shifts spending to whoever can expand, which makes the second hurt less."""
    s, sigma, eta = np.array([0.3, 0.3, 0.4]), 6.0, np.array([0.0, 0.0, np.inf])
    joint = bloc_lever(s, 1.0, sigma, eta, [True, True]).value
    close(joint, -100 * np.log(0.4) / 5)
    log_phi = brentq(lambda u: 0.4 * np.exp(-u) + 0.3 * np.exp(-u / 6) - 1, -5, 5, xtol=1e-14)
    apart = lever(s, 1.0, sigma, eta).value
    close(apart, -100 * log_phi / 5)
    assert joint < apart.sum()


@quick
@given(seed=st.integers(0, 10**6), growth=st.floats(1.05, 3.0))
def test_monotone(seed: int, growth: float) -> None:
    s, omega, sigma, eta = draws(seed)
    before = np.asarray(lever(s, omega, sigma, eta).value)
    larger = s * np.array([growth, 1, 1, 1, 1])
    larger /= larger.sum(-1, keepdims=True)
    assert (np.asarray(lever(larger, omega, sigma, eta).value)[:, 0] > before[:, 0]).all()
    assert (np.asarray(lever(s, omega, sigma * growth, eta).value) < before).all()
    assert (np.asarray(lever(s, omega * growth, sigma, eta).value) > before).all()


@quick
@given(seed=st.integers(0, 10**6), order=st.permutations(range(P - 1)))
def test_order_does_not_matter(seed: int, order: list[int]) -> None:
    s, omega, sigma, eta = draws(seed)
    moved = [*order, P - 1]
    close(
        lever(s[:, moved], omega, sigma, eta[:, moved]).value,
        np.asarray(lever(s, omega, sigma, eta).value)[:, order],
    )


def test_leverage_after_an_exit_adds_to_the_joint_loss() -> None:
    """What the exit cost and what the next withdrawal could then cost are together the bloc's lever."""
    s, omega, sigma, eta = draws(7)
    exit_ = displace(s, np.array([0.0, 1, 1, 1, 1]), sigma, eta)
    after = lever(s * exit_.share_hat, omega, sigma, eta).value[:, 1]
    joint = bloc_lever(s, omega, sigma, eta, [True, True, False, False]).value
    close(100 * omega * exit_.log_price + after, joint)


def test_jit_and_vmap_change_nothing() -> None:
    s, omega, sigma, eta = draws(9)
    close(jax.jit(jax.vmap(lever))(s, omega, sigma, eta).value, lever(s, omega, sigma, eta).value, 1e-13)


# --- indices and maps ------------------------------------------------------------------------------------


def test_net_is_missing_where_either_is() -> None:
    close(
        net([3.0, np.nan, 1.0, np.inf, np.inf], [1.0, 1.0, np.nan, 2.0, np.inf]),
        [2.0, np.nan, np.nan, np.inf, np.nan],
    )


def test_effective_powers() -> None:
    index = effective_powers(np.array([[2.0, 2.0, 2.0, 2.0], [5.0, 0.0, -3.0, 0.0], [3.0, 1.0, 0.0, 0.0]]))
    entropy = np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    close(index.entropy, [4, 1, entropy])
    close(index.inverse_herfindahl, [4, 1, 1.6])


@pytest.mark.parametrize("levers", [[0.0, 0.0], [-1.0, 0.0], [np.inf, 1.0], [np.nan, 1.0], [-np.inf, 1.0]])
def test_effective_powers_are_undefined(levers: list[float]) -> None:
    index = effective_powers(levers)
    assert np.isnan(index.entropy)
    assert np.isnan(index.inverse_herfindahl)


@quick
@given(
    levers=st.lists(st.floats(-5, 100), min_size=4, max_size=4).filter(lambda x: max(x) > 1e-3),
    scale=st.floats(0.1, 10),
)
def test_effective_powers_lie_between_one_and_all(levers: list[float], scale: float) -> None:
    index = effective_powers(np.array(levers)[:, None], axis=0)
    assert index.entropy.shape == (1,)
    assert 1 - 1e-9 <= index.inverse_herfindahl[0] <= index.entropy[0] + 1e-9
    assert index.entropy[0] <= sum(x > 0 for x in levers) + 1e-9
    close(effective_powers(scale * np.array(levers)).entropy, index.entropy[0], 1e-8)


def test_four_equal_partners_concentrate_at_fifty() -> None:
    close(concentration([[0.25] * 4, [1.0, 0, 0, 0]]), [50.0, 100.0])
    close(concentration(np.full((4, 2), 0.25), axis=0), [50.0, 50.0])


def test_ties_become_shares() -> None:
    shares = normalise_ties(
        np.array([[1.0, 2.0], [0.0, np.nan], [np.nan, np.nan], [0.0, 0.0]]), [1.0, 4.0, np.nan, 0]
    )
    close(shares, [[0.25, 0.5, 0.25], [0.0, np.nan, 1.0], [np.nan] * 3, [np.nan] * 3])
    assert normalise_ties(np.ones((3, 1, 2)), np.ones(4)).shape == (3, 4, 3)


def test_ties_do_not_depend_on_their_unit() -> None:
    ties, own = np.array([3.0, 1.0, 0.5]), 2.0
    close(normalise_ties(ties, own), normalise_ties(7 * ties, 7 * own))


def test_approvals_become_shares() -> None:
    shares = approval_shares([0.81, 0.29, 0.3], 0.1)
    close(shares, np.array([0.81, 0.29, 0.3, 0.1]) / 1.5)
    # Many may like several powers: no approval below one makes an infinite lever as long as others are liked.
    assert np.isfinite(ces_lever(shares, 1.0, 2.0)).all()
