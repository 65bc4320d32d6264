"""Effects where a case states that inputs go together.

Let C be the inputs with a stated correlation; all others are independent of them and of each other. A polynomial in the
inputs (:mod:`tertius._study.sensitivity.chaos`) is then ``Σ_T φ_T(x_T) g_T(x_C)`` with orthonormal products φ_T of the
inputs T outside C, and what knowing the inputs u explains of its variance is

    Var E[Y | x_u] = Σ_{T ⊂ u} E[ E[g_T | x_{u∩C}]² ]  less the square of the mean.

First-order and total indices are such numbers, and Shapley effects share them out over every order in which the inputs
could become known (Owen 2014; Owen & Prieur 2017, under dependence). The inner expectations are regressions, in the
draws that there are, on polynomials of the inputs of C that are known. An input that a number does not read at all has
a Shapley effect of its own where it goes with one that the number does read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tertius._study.sensitivity.designs import shapley_from_subsets

__all__ = ["MOST", "shared_out"]

Array = NDArray[np.float64]

MOST = 10
"""Inputs with a stated correlation at most: what every set of them explains is looked at."""

_DEGREE = 4
"""Largest degree of the polynomials through which an expectation given some inputs is seen."""

_DRAWS = 4096
"""Draws at most with which it is."""


def shared_out(
    basis: Array,
    terms: Sequence[tuple[tuple[int, int], ...]],
    beta: Array,
    spread: float,
    tied: Sequence[int],
) -> tuple[Array, Array, Array]:
    """First-order, total and Shapley effects of a polynomial some of whose inputs are correlated.

    Parameters
    ----------
    basis
        Shape (degrees + 1, n, k): orthonormal polynomials of every input in the draws.
    terms
        For every term, input and degree once or twice.
    beta
        Shape (terms,).
    spread
        Variance of each of these estimates.
    tied
        C, at most :data:`MOST` inputs.

    Returns
    -------
    tuple
        First-order indices, total indices and Shapley effects, shape (k,) each, as variances.
    """
    n, k = basis.shape[1:]
    rows = min(n, _DRAWS)
    first, total, shapley = np.zeros(k), np.zeros(k), np.zeros(k)
    inside = list(tied)
    # By what they have outside C: g_T over the draws.
    parts: dict[tuple[tuple[int, int], ...], Array] = {}
    for term, b in zip(terms, beta, strict=True):
        outside = tuple(factor for factor in term if factor[0] not in inside)
        within = [factor for factor in term if factor[0] in inside]
        if not within:
            # A squared estimate is too large by its own variance.
            share = float(b**2 - spread)
            mine = [i for i, _ in outside]
            total[mine] += share
            shapley[mine] += share / len(mine)
            if len(mine) == 1:
                first[mine] += share
            continue
        values = b * np.prod([basis[d, :rows, i] for i, d in within], axis=0)
        parts[outside] = parts.get(outside, 0.0) + values
    if not parts:
        return first, total, shapley
    keys = list(parts)
    g = np.stack([parts[key] for key in keys], axis=1)
    known = _explained(basis[:, :rows], g, inside)
    whole = frozenset(range(len(inside)))
    for a, outside in enumerate(keys):
        mine = [i for i, _ in outside]
        mean = known[frozenset()][a]
        # Constants stand in the term of T alone, and vary only where there is one.
        closed = {
            frozenset((*(len(inside) + t for t in range(len(mine))), *v)): float(
                value[a] - (0.0 if mine else mean)
            )
            for v, value in known.items()
        }
        players = [*inside, *mine]
        game = {
            frozenset(u): closed.get(frozenset(u), 0.0)
            for size in range(1, len(players) + 1)
            for u in combinations(range(len(players)), size)
        }
        shapley[players] += shapley_from_subsets(game, len(players))
        everything = float(known[whole][a])
        total[mine] += everything
        if len(mine) == 1:
            first[mine] += float(mean)
        for place, i in enumerate(inside):
            total[i] += everything - float(known[whole - {place}][a])
            if not mine:
                first[i] += float(known[frozenset({place})][a] - mean)
    return first, total, shapley


def _explained(basis: Array, g: Array, inside: Sequence[int]) -> dict[frozenset[int], Array]:
    """``E[ E[g | x_v]² ]`` of every column of g for every set v of places in C."""
    n = len(g)
    out = {frozenset[int](): g.mean(axis=0) ** 2}
    for size in range(1, len(inside) + 1):
        for v in combinations(range(len(inside)), size):
            if size == len(inside):
                out[frozenset(v)] = np.square(g).mean(axis=0)
                continue
            columns = [basis[0][:, inside[v[0]]]]
            columns += [basis[d][:, inside[p]] for p in v for d in range(1, _DEGREE + 1)]
            columns += [
                basis[a][:, inside[p]] * basis[b][:, inside[q]]
                for p, q in combinations(v, 2)
                for a in range(1, _DEGREE)
                for b in range(1, _DEGREE - a + 1)
            ]
            design = np.stack(columns, axis=1)
            fit, *_ = np.linalg.lstsq(design, g, rcond=None)
            seen = design @ fit
            noise = np.square(g - seen).sum(axis=0) / max(1, n - design.shape[1])
            out[frozenset(v)] = np.maximum(
                np.square(seen).mean(axis=0) - noise * design.shape[1] / n, out[frozenset()]
            )
    return out
