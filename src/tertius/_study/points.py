"""Scrambled Sobol' points and ranks, the same that ``scipy.stats`` gives, without the half second of its import.

Points: direction numbers of Joe & Kuo (2008), which scipy ships; linear matrix scrambling with a digital shift
(Matoušek 1998; Owen 1998); drawn in the order of the Gray code (Antonov & Saleev 1979).
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["ranks", "sobol"]

Array = NDArray[np.float64]

BITS = 30


def sobol(n: int, dims: int, seed: int) -> Array:
    """Draw the first ``n`` points of a scrambled Sobol' sequence, shape (n, dims), in [0, 1).

    Parameters
    ----------
    n
        A power of two keeps the net balanced.
    dims
        Up to 21,201.
    seed
        Of the scrambling.
    """
    numbers = _numbers()
    rng = np.random.default_rng(seed)
    if numbers is None:
        from scipy.stats import qmc

        points: Array = qmc.Sobol(dims, scramble=True, rng=rng).random(n)
        return points
    directions, shift = _scrambled(_directions(dims, *numbers), rng.spawn(1)[0])
    # Point k + 1 is point k with the direction number of the lowest zero bit of k put on.
    later = np.arange(1, n, dtype=np.int64)
    lowest = np.log2(later & -later).astype(np.int64)
    whole = np.empty((n, dims), dtype=np.uint32)
    whole[0] = shift
    np.take(np.ascontiguousarray(directions.T), lowest, axis=0, out=whole[1:])
    for k in range(1, n):
        whole[k] ^= whole[k - 1]
    return np.multiply(whole, 2.0**-BITS, dtype=np.float64)


@functools.cache
def _numbers() -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Polynomials and first direction numbers; None where scipy keeps them elsewhere."""
    spec = find_spec("scipy")
    for folder in () if spec is None else spec.submodule_search_locations or ():
        file = Path(folder) / "stats" / "_sobol_direction_numbers.npz"
        if file.is_file():
            with np.load(file) as table:
                return table["poly"], table["vinit"]
    return None


def _directions(dims: int, poly: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Direction numbers, shape (dims, BITS), from the recurrences of the polynomials (Bratley & Fox 1988)."""
    if dims > len(poly):
        raise ValueError(f"Sobol' points have at most {len(poly):,} dimensions, not {dims:,}")
    poly = poly[:dims]
    degree = np.floor(np.log2(poly)).astype(np.int64)
    v = np.zeros((dims, BITS), dtype=np.int64)
    v[0] = 1
    known = min(BITS, first.shape[1])
    v[1:, :known] = first[1:dims, :known]
    for j in range(1, BITS):
        rows = np.flatnonzero((degree <= j) & (degree > 0))
        if len(rows) == 0:
            continue
        m = degree[rows]
        new = v[rows, j - m]
        for k in range(1, int(m.max()) + 1):
            inside = k <= m
            coefficient = (poly[rows] >> np.maximum(m - k, 0)) & 1
            term = coefficient * (v[rows, np.maximum(j - k, 0)] << k)
            new ^= np.where(inside, term, 0)
        v[rows, j] = new
    return (v << np.arange(BITS - 1, -1, -1)).astype(np.uint32)


def _scrambled(
    directions: NDArray[np.uint32], rng: np.random.Generator
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Direction numbers multiplied by random lower triangular matrices of bits, and the digital shift, (dims,)."""
    dims = len(directions)
    powers = 2 ** np.arange(BITS, dtype=np.uint32)
    shift = rng.integers(2, size=(dims, BITS), dtype=np.uint32) @ powers
    lower = np.tril(rng.integers(2, size=(dims, BITS, BITS), dtype=np.uint32))
    lower[:, np.arange(BITS), np.arange(BITS)] = 1
    # The matrix acts on the bits of every direction number, the highest first.
    places = np.arange(BITS - 1, -1, -1, dtype=np.uint32)
    bits = (directions[:, None, :] >> places[None, :, None]) & 1
    mixed = np.matmul(lower.astype(np.float64), bits.astype(np.float64)).astype(np.uint32) & 1
    scrambled = (mixed << places[None, :, None]).sum(axis=1, dtype=np.uint32)
    return scrambled, shift.astype(np.uint32)


def ranks(values: Array) -> Array:
    """Ranks from 1, shape (n,); those that are alike share the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(values))
    out = np.empty(len(values))
    out[order] = ((starts + ends + 1) / 2)[np.cumsum(first) - 1]
    return out
