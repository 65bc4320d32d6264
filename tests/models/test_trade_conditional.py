"""Conditional gravity: against plain scaling of rows and columns, and what must hold in every world."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root

from tertius.errors import BadInput
from tertius.models import trade

properties = settings(deadline=None, max_examples=10, derandomize=True)
SIZES = (2, 7, 30)


def a_world(size, seed, home=3.0, spread=1.0):
    """Two tables of weights in which everyone finds home cheapest, outputs and expenditures."""
    rng = np.random.default_rng(seed)
    weight = np.exp(rng.normal(0, spread, (size, size)) + home * np.eye(size))
    changed = weight * np.exp(rng.normal(0, 0.5, (size, size)) * (1 - np.eye(size)))
    return weight, changed, *np.exp(rng.normal(0, 1.5, (2, size)))


def by_scaling(weight, Y, E, theta, reference, sweeps=200_000):
    """Rows to outputs, columns to expenditures, until neither moves."""
    y, e = Y / Y.sum(), E / E.sum()
    P = np.ones(len(y))
    for _ in range(sweeps):
        Pi = (weight @ (P**theta * e)) ** (-1 / theta)
        new = ((Pi**theta * y) @ weight) ** (-1 / theta)
        moved = np.abs(np.log(new / P)).max()
        P = new
        if moved < 1e-15:
            break
    level = P[reference]
    return np.log(Pi * level), np.log(P / level)


@pytest.mark.parametrize("size", SIZES)
def test_resistances_agree_with_scaling(size):
    weight, _, Y, E = a_world(size, 1)
    out = trade.resistances(weight, Y, E, 4.0, reference=1)
    outward, inward = by_scaling(weight, Y, E, 4.0, 1)
    assert int(out.status) == trade.CONVERGED
    np.testing.assert_allclose(out.log_outward, outward, atol=1e-9)
    np.testing.assert_allclose(out.log_inward, inward, atol=1e-9)


def test_resistances_agree_with_scipy():
    weight, _, Y, E = a_world(7, 2)
    y, e = Y / Y.sum(), E / E.sum()

    def gap(x):
        R, Q = np.exp(x[:7]), np.exp(np.append(x[7:], 0.0))
        return np.append(np.log(R * (weight @ (e * Q))), np.log(Q * (weight.T @ (y * R)))[:-1])

    x = root(gap, np.zeros(13), tol=1e-13).x
    out = trade.resistances(weight, Y, E, 3.0, reference=-1)
    np.testing.assert_allclose(out.log_outward, x[:7] / 3.0, atol=1e-9)
    np.testing.assert_allclose(out.log_inward[:6], x[7:] / 3.0, atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
@properties
@given(seed=st.integers(0, 10_000), theta=st.floats(1.5, 9.0), scale=st.floats(1e-6, 1e6))
def test_what_must_hold(size, seed, theta, scale):
    weight, changed, Y, E = a_world(size, seed)
    out = trade.conditional(weight, changed, Y, E, theta)
    assert int(out.before.status) == int(out.after.status) == trade.CONVERGED
    for table, found in ((weight, out.before), (changed, out.after)):
        flows = np.asarray(found.flows(table, Y, E, theta))
        np.testing.assert_allclose(flows.sum(1), Y, rtol=1e-9)
        np.testing.assert_allclose(flows.sum(0), E / E.sum() * Y.sum(), rtol=1e-9)
        assert float(found.log_inward[0]) == 0.0
    # Currency, and the unit that costs are counted in.
    other = trade.conditional(weight * scale, changed * scale, Y * scale, E / scale, theta)
    np.testing.assert_allclose(other.welfare, out.welfare, rtol=1e-8)
    # Costs that one exporter meets everywhere are its own loss and nobody else's.
    dearer = weight.copy()
    dearer[-1] *= 0.5
    alone = trade.conditional(weight, dearer, Y, E, theta)
    np.testing.assert_allclose(alone.welfare[:-1], 1.0, rtol=1e-8)
    np.testing.assert_allclose(alone.welfare[-1], 0.5 ** (1 / theta), rtol=1e-8)
    # Names.
    order = np.random.default_rng(seed).permutation(size)
    moved = trade.conditional(
        weight[order][:, order], changed[order][:, order], Y[order], E[order], theta,
        reference=int(np.flatnonzero(order == 0)[0]),
    )  # fmt: skip
    np.testing.assert_allclose(moved.welfare, np.asarray(out.welfare)[order], rtol=1e-8)


def test_no_change_is_no_change():
    weight, _, Y, E = a_world(7, 3)
    out = trade.conditional(weight, weight, Y, E, 4.0)
    assert np.all(np.asarray(out.welfare) == 1.0)
    assert int(out.after.iterations) == 0


def test_a_batch_is_its_members_one_by_one():
    K = 37
    worlds = [a_world(7, seed) for seed in range(K)]
    theta = np.linspace(2, 8, K)
    weight, changed, Y, E = (np.stack(part) for part in zip(*worlds, strict=True))
    batch = trade.conditional(weight, changed, Y, E, theta)
    assert batch.welfare.shape == (K, 7)
    assert batch.before.residual.shape == (K,)
    for k in (0, 15, 16, K - 1):
        one = trade.conditional(weight[k], changed[k], Y[k], E[k], theta[k])
        np.testing.assert_allclose(batch.welfare[k], one.welfare, rtol=1e-10)
    shocks = trade.conditional(weight[0], changed[:3], Y[0], E[0], 4.0)
    assert shocks.welfare.shape == (3, 7)


def test_a_large_batch_in_parts_is_its_members_in_order():
    weight, changed, Y, E = a_world(4, 3)
    theta = np.linspace(2.0, 8.0, 3 * 23).reshape(3, 23)
    many = trade.conditional(weight, changed, Y, E, theta)
    assert many.welfare.shape == (3, 23, 4)
    for k in ((0, 0), (1, 11), (1, 12), (2, 22)):
        one = trade.conditional(weight, changed, Y, E, theta[k])
        np.testing.assert_allclose(many.welfare[k], one.welfare, rtol=1e-9)
        assert float(many.after.residual[k]) <= 1e-10


def test_very_unequal_worlds_are_solved():
    for seed in range(5):
        weight, changed, Y, E = a_world(30, seed, home=8.0, spread=3.0)
        out = trade.conditional(weight, changed, Y * np.logspace(-3, 3, 30), E, 4.0)
        assert int(out.before.status) == int(out.after.status) == trade.CONVERGED


def test_where_outputs_and_expenditures_cannot_both_be_met_the_status_says_so():
    out = trade.resistances(np.eye(3), [1.0, 2.0, 3.0], [3.0, 2.0, 1.0], 4.0)
    assert int(out.status) == trade.NOT_CONVERGED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"weight": np.ones((2, 3))}, "bad-shape"),
        ({"expenditure": [1.0, 1.0]}, "bad-shape"),
        ({"reference": 3}, "bad-reference"),
        ({"output": [1.0, np.nan, 1.0]}, "not-finite"),
        ({"output": [1.0, 0.0, 1.0]}, "not-positive"),
        ({"theta": 0.0}, "not-positive"),
        ({"weight": -np.ones((3, 3))}, "not-positive"),
    ],
)
def test_mistakes_are_named(change, code):
    given = {"weight": np.ones((3, 3)), "output": np.ones(3), "expenditure": np.ones(3), "theta": 4.0}
    with pytest.raises(BadInput) as caught:
        trade.resistances(**(given | change))
    assert caught.value.code == code
