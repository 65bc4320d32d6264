"""Elementary effects: which inputs matter at all, for a few runs an input (Morris 1991; Campolongo et al. 2007).

A trajectory starts at a point of a grid with p levels in the unit cube and moves one input after the other by
Δ = p / (2 (p − 1)). The effect of input i is ``(f(x + Δ e_i) − f(x)) / Δ``; over r trajectories μ* is the mean of its
size, μ its mean, σ its standard deviation. A small μ* means that the input can be left out of dearer designs; a large σ
beside it means that what it does hangs on the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Effects", "elementary_effects", "trajectories"]

Array = NDArray[np.float64]


class Effects(NamedTuple):
    """Elementary effects of every input on every number, each of shape (m, k); ``error`` is that of ``mu_star``."""

    mu: Array
    mu_star: Array
    sigma: Array
    error: Array


def trajectories(inputs: int, count: int, seed: int, levels: int = 4) -> Array:
    """Lay out trajectories.

    Parameters
    ----------
    inputs
        k, the number of inputs.
    count
        r, the number of trajectories.
    seed
        Any whole number.
    levels
        p, even, at least 2.

    Returns
    -------
    Array
        Shape (r, k + 1, k), in the unit cube: each row differs from the one before in one input.

    Raises
    ------
    ValueError
        If ``levels`` is odd or below 2.
    """
    if levels < 2 or levels % 2:
        raise ValueError(f"the grid needs an even number of levels, not {levels}")
    rng = np.random.default_rng(seed)
    step = levels / (2 * (levels - 1))
    # A base point from which a step upwards stays inside; half of the inputs then step downwards instead.
    low = rng.integers(0, levels // 2, size=(count, inputs)) / (levels - 1)
    down = rng.random((count, inputs)) < 0.5
    order = rng.permuted(np.broadcast_to(np.arange(inputs), (count, inputs)), axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(inputs), order.shape), axis=1)
    moved = np.arange(inputs + 1)[None, :, None] > rank[:, None, :]
    up = np.where(down[:, None, :], ~moved, moved)
    return np.asarray(low[:, None, :] + step * up)


def elementary_effects(points: Array, y: Array) -> Effects:
    """Read elementary effects off the numbers along trajectories.

    Parameters
    ----------
    points
        Shape (r, k + 1, k), from :func:`trajectories`.
    y
        Shape (r, k + 1, m).

    Returns
    -------
    Effects
        A trajectory step with a missing number is left out; an input with none left is ``NaN``.
    """
    change = np.diff(points, axis=1)
    which = abs(change).argmax(axis=2)
    size = np.take_along_axis(change, which[:, :, None], axis=2)
    steps = np.diff(y, axis=1) / size
    count, inputs, numbers = steps.shape
    by_input = np.full((count, inputs, numbers), np.nan)
    np.put_along_axis(by_input, which[:, :, None], steps, axis=1)
    by_input[~np.isfinite(by_input)] = np.nan
    known = (~np.isnan(by_input)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        filled = np.where(np.isnan(by_input), 0.0, by_input)
        mu = filled.sum(axis=0) / known
        mu_star = abs(filled).sum(axis=0) / known

        def spread(values: Array, mean: Array) -> Array:
            squares = np.where(np.isnan(by_input), 0.0, (values - mean) ** 2).sum(axis=0)
            return np.asarray(np.sqrt(squares / (known - 1)))

        sigma = spread(filled, mu)
        error = spread(abs(filled), mu_star) / np.sqrt(known)
    return Effects(mu.T, mu_star.T, sigma.T, error.T)
