"""Effects where a case states that inputs go together.

Inputs with a stated correlation stand in blocks, independent of each other and of all inputs outside; a term of the
polynomial (:mod:`tertius._study.sensitivity.chaos`) has two inputs at most and so touches one block or two. Terms that
touch different blocks are uncorrelated, whatever is known: each factor of a product across blocks has mean nought.
So each set of blocks is looked at by itself. Let C be its inputs. Its terms are ``Σ_T φ_T(x_T) g_T(x_C)`` with
orthonormal products φ_T of the inputs T outside C, and what knowing the inputs u explains of their variance is

    Var E[Y | x_u] = Σ_{T ⊂ u} E[ E[g_T | x_{u∩C}]² ]  less the square of the mean.

First-order and total indices are such numbers, and Shapley effects share them out over every order in which the inputs
could become known (Owen 2014; Owen & Prieur 2017, under dependence). The inner expectations are regressions, in the
draws that there are, on polynomials of the inputs of C that are known. An input that a number does not read at all has
a Shapley effect of its own where it goes with one that the number does read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tertius._study.sensitivity.designs import shapley_from_subsets

__all__ = ["MOST", "shared_out"]

Array = NDArray[np.float64]

MOST = 10
"""Inputs at most of the blocks that a term touches: what every set of them explains is looked at."""

_DEGREE = 4
"""Largest degree of the polynomials through which an expectation given some inputs is seen."""

_DRAWS = 4096
"""Draws at most with which it is."""


def shared_out(
    basis: Array,
    terms: Sequence[tuple[tuple[int, int], ...]],
    beta: Array,
    spread: float,
    tied: Sequence[Sequence[int]],
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
        The blocks.

    Returns
    -------
    tuple
        First-order indices, total indices and Shapley effects, shape (k,) each, as variances; ``NaN`` for the inputs of
        blocks that are more than :data:`MOST` together.
    """
    n, k = basis.shape[1:]
    rows = min(n, _DRAWS)
    first, total, shapley = np.zeros(k), np.zeros(k), np.zeros(k)
    block = {i: b for b, members in enumerate(tied) for i in members}
    # By the blocks that they touch, and by what they have outside these: g_T over the draws.
    parts: dict[frozenset[int], dict[tuple[tuple[int, int], ...], Array]] = {}
    for term, b in zip(terms, beta, strict=True):
        within = [factor for factor in term if factor[0] in block]
        if not within:
            # A squared estimate is too large by its own variance.
            share = float(b**2 - spread)
            mine = [i for i, _ in term]
            total[mine] += share
            shapley[mine] += share / len(mine)
            if len(mine) == 1:
                first[mine] += share
            continue
        outside = tuple(factor for factor in term if factor[0] not in block)
        values = b * np.prod([basis[d, :rows, i] for i, d in within], axis=0)
        same = parts.setdefault(frozenset(block[i] for i, _ in within), {})
        same[outside] = same.get(outside, 0.0) + values
    for touched, functions in parts.items():
        inside = [i for place in sorted(touched) for i in tied[place]]
        if len(inside) > MOST:
            for effect in (first, total, shapley):
                effect[inside] = np.nan
                effect[[i for outside in functions for i, _ in outside]] = np.nan
            continue
        for effect, more in zip(
            (first, total, shapley), _shared(basis[:, :rows], functions, inside), strict=True
        ):
            effect += more
    return first, total, shapley


def _shared(
    basis: Array, functions: Mapping[tuple[tuple[int, int], ...], Array], inside: Sequence[int]
) -> tuple[Array, Array, Array]:
    """The effects of what touches one set of blocks, whose inputs are ``inside``."""
    k = basis.shape[2]
    first, total, shapley = np.zeros(k), np.zeros(k), np.zeros(k)
    g = np.stack(list(functions.values()), axis=1)
    known = _explained(basis, g, inside)
    whole = frozenset(range(len(inside)))
    for a, outside in enumerate(functions):
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
            fit, *_ = np.linalg.lstsq(design.T @ design, design.T @ g, rcond=1e-12)
            seen = design @ fit
            noise = np.square(g - seen).sum(axis=0) / max(1, n - design.shape[1])
            out[frozenset(v)] = np.maximum(
                np.square(seen).mean(axis=0) - noise * design.shape[1] / n, out[frozenset()]
            )
    return out
