"""Sensitivity statistics: closed forms, invariances, and slow obvious twins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius._study.indices import (
    bins_for,
    closed_index,
    first_order,
    tercile_probabilities,
)

Array = np.ndarray


def binned_twin(x: Array, y: Array, bins: int) -> tuple[Array, Array]:
    """First-order indices and their errors, one input, one number and one bin at a time."""
    n = len(x)
    value, error = np.empty((y.shape[1], x.shape[1])), np.empty((y.shape[1], x.shape[1]))
    cuts = [round(float(e)) for e in np.linspace(0, n, bins + 1)]
    for i in range(y.shape[1]):
        for j in range(x.shape[1]):
            order = sorted(range(n), key=lambda row, j=j: x[row, j])
            number = (y[:, i] - y[:, i].mean()) / y[:, i].std()
            means = np.empty(n)
            for low, high in pairwise(cuts):
                means[order[low:high]] = number[order[low:high]].mean()
            ratio = np.mean(means**2)
            s = 1 - (1 - ratio) * (n - 1) / (n - bins)
            influence = 2 * means * number - means**2 - s * number**2
            value[i, j] = s
            error[i, j] = np.sqrt(np.mean(influence**2) / n + (ratio - s) ** 2)
    return value, error


def test_an_additive_linear_model_has_its_closed_form() -> None:
    """Y = Σ b X: the index of an input is its share of Σ b² var X, that of a group the sum."""
    rng = np.random.default_rng(7)
    n, b = 8_192, np.array([3.0, 2.0, 1.0, 0.5, 0.0])
    share = b**2 / (b**2).sum()
    x, anew = rng.normal(size=(n, 5)), rng.normal(size=(n, 5))
    y = x @ b
    found = first_order(x, y[:, None])
    assert (found.error < 0.02).all()
    assert (abs(found.value[0] - share) < 3 * found.error[0]).all()
    for group in ([0], [1, 3], [0, 1, 2, 3], [4]):
        rest = [k for k in range(5) if k not in group]
        again = x[:, group] @ b[group] + anew[:, rest] @ b[rest]
        closed = closed_index(y[:, None], again[:, None])
        assert closed.error[0] < 0.02
        assert abs(closed.value[0] - share[group].sum()) < 3 * closed.error[0] + 1e-12


def test_the_errors_are_those_of_repeated_samples() -> None:
    """Over many samples the estimates scatter about the truth as their stated errors say."""
    rng = np.random.default_rng(11)
    closed, stated = [], []
    for _ in range(300):
        x, one, two = rng.normal(size=(3, 400))
        found = closed_index((x + one)[:, None], (x + two)[:, None])
        closed.append(found.value[0])
        stated.append(found.error[0])
    assert np.std(closed) == pytest.approx(np.mean(stated), rel=0.15)
    assert abs(np.mean(closed) - 0.5) < 3 * np.std(closed) / np.sqrt(300)
    first, stated = [], []
    for _ in range(300):
        x, one = rng.normal(size=(2, 400))
        found_ = first_order(x[:, None], (x + one)[:, None])
        first.append(found_.value[0, 0])
        stated.append(found_.error[0, 0])
    # The stated error counts the bias correction in full and so is the larger.
    assert 0.8 * np.mean(stated) < np.std(first) < 1.1 * np.mean(stated)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(40, 200),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e3, 1e3),
    sign=st.sampled_from([-1, 1]),
)
def test_scale_and_labels_do_not_count(seed: int, n: int, scale: float, shift: float, sign: int) -> None:
    """Nothing changes when an input is relabelled monotonely, or a number goes through a straight line."""
    rng = np.random.default_rng(seed)
    x, y, again = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    y[:, 0] += x[:, 0]
    again[:, 0] += x[:, 0]
    relabelled = np.column_stack([np.exp(x[:, 0]), x[:, 1] ** 3])
    moved, moved_again = sign * scale * y + shift, sign * scale * again + shift
    for before, after in [
        (first_order(x, y), first_order(relabelled, moved)),
        (closed_index(y, again), closed_index(moved, moved_again)),
    ]:
        np.testing.assert_allclose(after.value, before.value, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(after.error, before.error, rtol=1e-5, atol=1e-7)
    holds = (y > 0).astype(float)
    for one, two in zip(
        tercile_probabilities(x, holds), tercile_probabilities(relabelled, holds), strict=True
    ):
        np.testing.assert_array_equal(one, two)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1_000), constant=st.floats(-1e12, 1e12))
def test_the_index_of_a_constant_is_missing(seed: int, constant: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    y[:, 1] = constant
    for found in (first_order(x, y), closed_index(y, y)):
        assert np.isnan(found.value[1]).all()
        assert np.isnan(found.error[1]).all()
        assert np.isfinite(found.value[0]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_in_one_draw_is_missing(bad: float) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    y[5, 1] = bad
    for found in (
        first_order(x, y),
        closed_index(y, y),
        closed_index(y[:, ::-1], y),
    ):
        assert np.isnan(found.value[1]).all()
    assert np.isfinite(first_order(x, y).value[0]).all()


def test_an_input_that_is_missing_has_no_index() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    x[7, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(first_order(x, y).value), [[False, True, False]] * 2)
    for part in tercile_probabilities(x, (y > 0).astype(float)):
        np.testing.assert_array_equal(np.isnan(part), [[False, True, False]] * 2)


def test_the_same_run_twice_is_explained_in_full() -> None:
    rng = np.random.default_rng(4)
    y = rng.normal(size=(256, 2))
    same = closed_index(y, y)
    np.testing.assert_allclose(same.value, 1.0)
    np.testing.assert_allclose(same.error, 0.0, atol=1e-12)


def test_tercile_probabilities_by_hand() -> None:
    x = np.array([[7.0], [1.0], [6.0], [2.0], [5.0], [3.0], [4.0]])
    holds = np.array([[1.0, np.nan], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    low, high = tercile_probabilities(x, holds)
    np.testing.assert_array_equal(low, [[0.5], [1.0]])
    np.testing.assert_array_equal(high, [[1.0], [np.nan]])


def test_what_cannot_be_estimated_is_refused() -> None:
    x, y = np.zeros((8, 2)), np.zeros((8, 1))
    for call in (
        lambda: first_order(x, y[:5]),
        lambda: first_order(x, y, bins=8),
        lambda: first_order(x, y, bins=1),
        lambda: first_order(x, y[:, 0]),
        lambda: closed_index(y, y[:4]),
        lambda: closed_index(y[:1], y[:1]),
        lambda: tercile_probabilities(x[:2], y[:2]),
    ):
        with pytest.raises(ValueError, match=r"draws|pairs"):
            call()
    assert bins_for(8_192) == 30
    assert bins_for(2) == 2
