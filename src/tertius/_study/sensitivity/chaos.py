"""First-order, total and Shapley effects from draws that are there already, through a sparse polynomial.

A number is written as a sum of orthonormal Legendre polynomials of the inputs' ranks and of products of two of them
(polynomial chaos; Sudret 2008, Blatman & Sudret 2011). With independent inputs every squared coefficient is the
variance that its term brings, so that

* the first-order index of an input is what its own terms bring,
* its total index what all terms with it bring,
* its Shapley effect shares every product equally between the two (Owen 2014),

each over the variance of the number. Where inputs are correlated, :mod:`tertius._study.sensitivity.dependent` says what
takes the place of these sums. Terms are chosen by their correlation with what is not yet explained, among all
inputs and all pairs, where that stands out from noise (the universal threshold of Donoho & Johnstone 1994), the
strongest first, fitted together by least squares, and left out again where they do not stand out beside the others.
What the polynomial misses is seen by leaving out one draw at a time, and is reported: any index can be too low by
that share.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from tertius._study.sensitivity import dependent

__all__ = ["Chaos", "effects"]

Array = NDArray[np.float64]

_Term = tuple[tuple[int, int], ...]
"""One polynomial: (input, degree) once, or twice for a product."""

_FINE = 8
"""Largest degree, and largest sum of degrees in a product of inputs that matter."""

_COARSE = 2
"""Largest degree of each side of a product that is looked for among all pairs."""

_FEW = 12
"""So many inputs are looked at with fine products."""

_ROUNDS = (32, 64, 128, 128)
"""Terms at most that each round adds: the strongest first, so that what is left shows weaker ones more clearly."""

_BROAD_ROUNDS = (1, 2)
"""The rounds in which all pairs are looked at, the first being that of single inputs."""

_BROAD_DRAWS = 4096
"""Draws at most with which all pairs are looked at."""


@dataclass(frozen=True)
class Chaos:
    """What the polynomial says.

    Attributes
    ----------
    first, total, shapley
        Shape (m, k): shares of the variance of m numbers that belong to k inputs. ``NaN`` for a number that is constant
        or not finite in every draw.
    error
        Shape (m, k): standard error of the total index from the sampling of independent draws; those of the other two
        are no larger.
    unexplained
        Shape (m,): the share of variance that the polynomial misses, by leaving out one draw at a time.
    """

    first: Array
    total: Array
    shapley: Array
    error: Array
    unexplained: Array


def effects(x: Array, y: Array, tied: Sequence[Sequence[int]] = ()) -> Chaos:
    """Effects of every input on every number.

    Parameters
    ----------
    x
        Shape (n, k): draws of the inputs. Only their order counts.
    y
        Shape (n, m).
    tied
        Blocks of inputs that are correlated with each other; blocks, and all other inputs, are independent. Of blocks
        with more than ten inputs nothing is said.

    Returns
    -------
    Chaos
        Effects with their error and what is left unexplained.

    Raises
    ------
    ValueError
        If the shapes do not fit or there are fewer than 32 draws.
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(
            f"inputs of shape {x.shape} and numbers of shape {y.shape} are not draws of one study"
        )
    n, k = x.shape
    if n < 32:
        raise ValueError(f"{n} draws are too few for a polynomial")
    basis = _legendre(x, _FINE)
    # Single precision is enough to see which of a hundred thousand products stand out.
    coarse = basis[1 : _COARSE + 1, :_BROAD_DRAWS].astype(np.float32)
    # Most of it is matrix products, which leave the interpreter free.
    with ThreadPoolExecutor(max_workers=2) as pool:
        parts = list(pool.map(lambda column: _one(basis, coarse, column, tied), y.T))
    if not parts:
        empty = np.empty((0, k))
        return Chaos(empty, empty, empty, empty, np.empty(0))
    first, total, shapley, error = (np.stack([p[i] for p in parts]) for i in range(4))
    return Chaos(first, total, shapley, error, np.array([p[4] for p in parts]))


def _legendre(x: Array, degree: int) -> Array:
    """Polynomials of degree 0 … of each input's ranks, orthonormal: shape (degree + 1, n, k)."""
    n, k = x.shape
    order = np.argsort(x, axis=0, kind="stable")
    z = np.empty((n, k))
    np.put_along_axis(z, order, ((2 * np.arange(n) + 1) / n - 1)[:, None], axis=0)
    values = np.empty((degree + 1, n, k))
    values[0] = 1.0
    values[1:2] = z
    for d in range(1, degree):
        # Bonnet's recursion.
        values[d + 1] = ((2 * d + 1) * z * values[d] - d * values[d - 1]) / (d + 1)
    values *= np.sqrt(2 * np.arange(degree + 1) + 1)[:, None, None]
    return values


def _one(
    basis: Array, coarse: NDArray[np.float32], y: Array, tied: Sequence[Sequence[int]]
) -> tuple[Array, Array, Array, Array, float]:
    _, n, k = basis.shape
    lost = np.full(k, np.nan)
    centre = y - y.mean() if np.isfinite(y).all() else np.zeros(n)
    variance = float((centre**2).mean())
    # Rounding leaves a constant with a variance that is not quite nought.
    if not variance > 1e-28 * max(float(np.mean(np.square(y))) if np.isfinite(y).all() else 0.0, 1e-300):
        return lost, lost, lost, lost, float("nan")
    y = centre / np.sqrt(variance)
    terms: list[_Term] = []
    design = np.ones((n, 1))
    gram = np.full((1, 1), float(n))
    rest, fit, factor = y, np.zeros(1), np.sqrt(gram)
    for turn, most in enumerate(_ROUNDS):
        room = min(most, n // 8 - len(terms))
        new = _chosen(basis, coarse if turn in _BROAD_ROUNDS else None, rest, terms)[: max(room, 0)]
        if not new:
            continue
        terms += new
        columns = _columns(basis, new)
        across = design.T @ columns
        gram = np.block([[gram, across], [across.T, columns.T @ columns]])
        design = np.concatenate([design, columns], axis=1)
        # The polynomials are nearly orthonormal over the draws, so that the normal equations lose nothing.
        factor, fit, rest = _fitted(design, gram, y)
        # What seemed to stand out and, beside the others, does not is left out again.
        spread = float((rest**2).sum()) / max(1, n - design.shape[1]) / n
        stays = np.append(True, fit[1:] ** 2 > 2 * np.log(len(fit)) * spread)
        if not stays.all():
            terms = [term for term, stay in zip(terms, stays[1:], strict=True) if stay]
            design, gram = design[:, stays], gram[np.ix_(stays, stays)]
            factor, fit, rest = _fitted(design, gram, y)
    hat = np.square(solve_triangular(factor, design.T, lower=True)).sum(axis=0)
    missed = float(np.mean((rest / np.maximum(1 - hat, 1e-6)) ** 2))
    spread = float((rest**2).sum()) / max(1, n - design.shape[1]) / n
    first, total, shapley, noise = np.zeros(k), np.zeros(k), np.zeros(k), np.zeros(k)
    for term, beta in zip(terms, fit[1:], strict=True):
        # A squared estimate is too large by its own variance.
        share = float(beta**2 - spread)
        inputs = [i for i, _ in term]
        total[inputs] += share
        shapley[inputs] += share / len(inputs)
        noise[inputs] += 4 * float(beta**2) * spread + 2 * spread**2
        if len(inputs) == 1:
            first[inputs] += share
    if tied:
        first, total, shapley = dependent.shared_out(basis, terms, fit[1:], spread, tied)
    # The variance itself is an estimate as well.
    fourth = max(0.0, float((y**4).mean()) - 1) / n
    return first, total, shapley, np.sqrt(noise + total**2 * fourth), missed


def _fitted(design: Array, gram: Array, y: Array) -> tuple[Array, Array, Array]:
    """The Cholesky factor of the normal equations, their solution and what it leaves."""
    factor = cholesky(gram, lower=True)
    fit = cho_solve((factor, True), design.T @ y)
    return factor, fit, y - design @ fit


def _columns(basis: Array, terms: list[_Term]) -> Array:
    return np.stack([np.prod([basis[d][:, i] for i, d in term], axis=0) for term in terms], axis=1)


def _chosen(basis: Array, coarse: NDArray[np.float32] | None, rest: Array, known: list[_Term]) -> list[_Term]:
    """Terms that stand out in what is left, the strongest first."""
    degrees, n, k = basis.shape
    scale = float(np.sqrt((rest**2).mean() / n))
    if not scale > 1e-9:
        return []
    seen = set(known)
    found: dict[_Term, float] = {}

    def keep(term: _Term, strength: float, bar: float) -> None:
        if term not in seen and strength > bar:
            found[term] = max(strength, found.get(term, 0.0))

    bar = scale * np.sqrt(2 * np.log((degrees - 1) * k))
    single = abs(np.stack([rest @ polynomials for polynomials in basis[1:]])) / n
    for d, i in zip(*np.nonzero(single > bar), strict=True):
        keep(((int(i), int(d) + 1),), float(single[d, i]), bar)
    touched = {i for term in [*known, *found] for i, _ in term}
    if coarse is not None:
        rows = coarse.shape[1]
        bar = scale * np.sqrt(n / rows) * np.sqrt(2 * np.log(max(2, _COARSE**2 * k * (k - 1) / 2)))
        few_rows = rest[:rows, None].astype(np.float32)
        for a in range(_COARSE):
            weighted = (coarse[a] * few_rows).T
            for b in range(a, _COARSE):
                product = abs(weighted @ coarse[b]) / rows
                for i, j in zip(*np.nonzero(product > bar), strict=True):
                    if i != j:
                        keep(_pair(int(i), a + 1, int(j), b + 1), float(product[i, j]), bar)
                        touched |= {int(i), int(j)}
    strength = np.zeros(k)
    for term, value in found.items():
        for i, _ in term:
            strength[i] += value**2
    for term in known:
        for i, _ in term:
            strength[i] += bar**2
    few = [int(i) for i in np.argsort(-strength, kind="stable")[:_FEW] if i in touched]
    pairs = [
        _pair(i, a, j, b)
        for p, i in enumerate(few)
        for j in few[p + 1 :]
        for a in range(1, _FINE)
        for b in range(1, _FINE - a + 1)
    ]
    if pairs:
        bar = scale * np.sqrt(2 * np.log(len(pairs)))
        for i in few:
            # One product of matrices for all degrees of an input with all degrees of the others.
            weighted = basis[1:, :, i] * rest
            for j in few:
                if j <= i:
                    continue
                product = abs(weighted @ basis[1:, :, j].T) / n
                for a, b in zip(*np.nonzero(product > bar), strict=True):
                    if a + b + 2 <= _FINE:
                        keep(_pair(i, int(a) + 1, j, int(b) + 1), float(product[a, b]), bar)
    return sorted(found, key=lambda term: (-found[term], term))


def _pair(i: int, a: int, j: int, b: int) -> _Term:
    return ((i, a), (j, b)) if i < j else ((j, b), (i, a))
