"""Sensitivity from fresh designs: Saltelli's and Jansen's estimators, and Shapley effects.

With two independent samples A and B and, for an input or a group i, the sample AB_i that has i from B and the rest from
A (Saltelli et al. 2010):

* first-order (closed) index ``S_i = mean(f(B) (f(AB_i) − f(A))) / V``;
* total index ``ST_i = mean((f(A) − f(AB_i))²) / (2 V)`` (Jansen 1999).

The Shapley effect of an input shares every interaction, and every bit of variance that correlated inputs hold in
common, equally between those that have it (Owen 2014; Song, Nelson & Staum 2016): with c(u) = Var E[Y | X_u],
``Sh_i = Σ_{u ∌ i} (c(u ∪ i) − c(u)) / (d · C(d − 1, |u|)) / V``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from tertius._study.indices import Index

__all__ = ["first_and_total", "linear_gaussian", "shapley_by_permutation", "shapley_from_subsets"]

Array = NDArray[np.float64]


def first_and_total(a: Array, b: Array, ab: Array) -> tuple[Index, Index]:
    """First-order and total indices of one input or group.

    Parameters
    ----------
    a, b, ab
        Shapes (n, m): m numbers at A, at B, and at A with the group taken from B.

    Returns
    -------
    tuple of Index
        Shapes (m,) each. ``NaN`` where a number is constant or not finite in every draw. The errors are those of
        independent draws; a low-discrepancy sample does better.
    """
    if not (a.shape == b.shape == ab.shape) or a.ndim != 2 or len(a) < 2:
        raise ValueError(f"samples of shapes {a.shape}, {b.shape} and {ab.shape} are no design")
    n = len(a)
    both = np.concatenate([a, b])
    finite = np.isfinite(both).all(axis=0) & np.isfinite(ab).all(axis=0)
    middle = np.where(finite, both.mean(axis=0), 0.0)
    fa, fb, fab = (np.where(finite, y - middle, 0.0) for y in (a, b, ab))
    variance = (fa**2 + fb**2).mean(axis=0) / 2
    known = finite & (variance > 0)
    scale = np.where(known, variance, np.nan)
    out = []
    for part in (fb * (fab - fa), (fa - fab) ** 2 / 2):
        value = part.mean(axis=0) / scale
        influence = part / scale - value * (fa**2 + fb**2) / (2 * scale)
        out.append(Index(value, influence.std(axis=0, ddof=1) / np.sqrt(n)))
    return out[0], out[1]


def shapley_from_subsets(closed: Mapping[frozenset[int], float], players: int) -> Array:
    """Shapley effects from the closed index of every subset.

    Parameters
    ----------
    closed
        Subset of 0 … d−1 to ``Var E[Y | X_u] / Var Y``; the empty set is 0 and need not be there.
    players
        d, at most a dozen or so: there are 2^d subsets.

    Returns
    -------
    Array
        Shape (d,); they sum to the closed index of all.
    """
    out = np.zeros(players)
    for i in range(players):
        others = [j for j in range(players) if j != i]
        for size in range(players):
            weight = 1 / (players * comb(players - 1, size))
            for u in combinations(others, size):
                without = closed.get(frozenset(u), 0.0) if u else 0.0
                out[i] += weight * (closed[frozenset((*u, i))] - without)
    return out


def linear_gaussian(beta: Array, covariance: Array) -> Array:
    """Shapley effects of correlated normal inputs on a straight-line number, exactly (Owen & Prieur 2017).

    ``Var E[Y | X_u] = b_u' Σ_uu b_u`` with ``b_u = β_u + Σ_uu⁻¹ Σ_{u,−u} β_{−u}``. Inputs that are not correlated with
    each other do not touch each other's effects, so that only each block of correlated inputs is enumerated.

    Parameters
    ----------
    beta
        Shape (d,).
    covariance
        Shape (d, d).

    Returns
    -------
    Array
        Shape (d,), summing to one; ``NaN`` if the number does not vary.
    """
    d = len(beta)
    total = float(beta @ covariance @ beta)
    out = np.zeros(d)
    for block in _blocks(covariance):
        sigma, b = covariance[np.ix_(block, block)], beta[block]
        closed: dict[frozenset[int], float] = {}
        for size in range(1, len(block) + 1):
            for u in combinations(range(len(block)), size):
                rest = [j for j in range(len(block)) if j not in u]
                inside = sigma[np.ix_(u, u)]
                bu = b[list(u)] + np.linalg.solve(inside, sigma[np.ix_(u, rest)] @ b[rest])
                closed[frozenset(u)] = float(bu @ inside @ bu)
        out[block] = shapley_from_subsets(closed, len(block))
    return out / total if total > 0 else np.full(d, np.nan)


def _blocks(covariance: Array) -> list[list[int]]:
    """Groups of inputs that hang together through correlations."""
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(covariance != 0, directed=False)
    return [np.flatnonzero(label == k).tolist() for k in range(count)]


def shapley_by_permutation(
    model: Callable[[Array], Array],
    sample: Callable[[int, NDArray[np.int64], Array | None, np.random.Generator], Array],
    inputs: int,
    *,
    permutations: int,
    outer: int,
    inner: int,
    seed: int,
) -> Index:
    """Shapley effects of inputs that may be correlated (Song, Nelson & Staum 2016, random permutations).

    In a random order of the inputs, each is worth what knowing it too takes off the expected conditional variance
    ``E Var[Y | X_{−u}]``, which is estimated by two nested loops.

    Parameters
    ----------
    model
        Takes points (rows, k) and returns numbers (rows,).
    sample
        ``sample(rows, which, given, rng)`` draws the inputs ``which`` for ``rows`` rows given the values ``given`` of
        all the others (in ascending order; None if there are no others).
    inputs
        k.
    permutations, outer, inner
        Orders; draws of what is given, for each; draws inside, at least 2.
    seed
        Any whole number.

    Returns
    -------
    Index
        Shapes (k,). The error is the spread between orders over the root of their number.
    """
    rng = np.random.default_rng(seed)
    every = np.arange(inputs)
    variance = float(np.var(model(sample(50_000, every, None, rng)), ddof=1))
    gains = np.zeros((permutations, inputs))
    for m in range(permutations):
        order = rng.permutation(inputs)
        previous = 0.0
        for place in range(inputs):
            if place == inputs - 1:
                cost = variance
            else:
                drawn = np.sort(order[: place + 1])
                held = np.setdiff1d(every, drawn)
                given = sample(outer, every, None, rng)[:, held]
                points = np.empty((outer * inner, inputs))
                repeated = np.repeat(given, inner, axis=0)
                points[:, held] = repeated
                points[:, drawn] = sample(outer * inner, drawn, repeated, rng)
                values = model(points).reshape(outer, inner)
                cost = float(values.var(axis=1, ddof=1).mean())
            gains[m, order[place]] = cost - previous
            previous = cost
    gains /= variance
    return Index(gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(permutations))
