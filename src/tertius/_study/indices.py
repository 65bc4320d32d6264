"""Sensitivity statistics on arrays: which inputs a number answers to, from draws that are there already.

For a number Y and inputs X (Sobol' 1993):

* first-order index of one input, ``Var E[Y | X_j] / Var Y``, from the study's own draws
  (:func:`first_order`);
* closed index of a group u, ``Var E[Y | X_u] / Var Y``, from pairs of draws that share the group
  (:func:`closed_index`); what is left of 1 is the total index of all other inputs together.

Estimates are not clipped: one near nought may come out a little below it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = [
    "Index",
    "bins_for",
    "closed_index",
    "first_order",
    "tercile_probabilities",
]

Array = NDArray[np.float64]


class Index(NamedTuple):
    """An estimate and its standard error, of the same shape."""

    value: Array
    error: Array


def bins_for(n: int) -> int:
    """Choose the number of bins for ``n`` draws: 1.5·n^(1/3), at least 2.

    With B bins the loss from a bin's width falls as 1/B² and what the noise of the bins' means can do grows
    as B/n; both fall together when B grows as the cube root of n.
    """
    return max(2, round(1.5 * float(np.cbrt(n))))


def first_order(x: Array, y: Array, bins: int | None = None) -> Index:
    """First-order index of every number for every input, from any sample of independent inputs.

    Each input's draws are cut into bins of equal count; the share of variance between the bins' means is the
    correlation ratio (Pearson 1905), and its bias is taken off as Kelley (1935) does:
    1 − (1 − η²)(n − 1)/(n − B). A bin is as wide as it is: variation of the mean inside it is lost, which for
    a straight line is 1/B² of the index.

    Parameters
    ----------
    x
        Shape (n, k): draws of k inputs. Only their order counts; ties are cut by row number.
    y
        Shape (n, m): m numbers.
    bins
        Number of bins B, 2 ≤ B < n; by default :func:`bins_for`.

    Returns
    -------
    Index
        Shapes (m, k). ``NaN`` for a number that is constant or not finite in every draw, and for an input
        with a missing value. The error joins the sampling error of independent draws (delta method) with the
        whole of the bias correction: that presumes independent draws, and in a low-discrepancy sample, whose
        bins are more alike, it takes off too much.

    Raises
    ------
    ValueError
        If the shapes do not fit or there are too few draws for the bins.
    """
    n, inputs = _shapes(x, y)
    count = bins_for(n) if bins is None else bins
    if not 2 <= count < n:
        raise ValueError(f"{n} draws cannot be cut into {count} bins")
    numbers = y.shape[1]
    centred, variance = _standard(y)
    order = np.argsort(x, axis=0, kind="stable").T
    edges = np.linspace(0, n, count + 1).round().astype(np.int64)
    starts = (np.arange(inputs)[:, None] * n + edges[None, :-1]).ravel()
    # Row (input, bin) of this matrix has ones at the bin's draws: one product sums every number in every bin.
    member = csr_array(
        (np.ones(n * inputs), order.ravel(), np.append(starts, n * inputs)), shape=(inputs * count, n)
    )
    powers = np.concatenate([centred, centred**2, centred**3], axis=1)
    sums = (member @ powers).reshape(inputs, count, 3, numbers)
    size = np.diff(edges)[None, :, None]
    s1, s2, s3 = sums[:, :, 0], sums[:, :, 1], sums[:, :, 2]
    mean = s1 / size
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (size * mean**2).sum(axis=1) / n
        value = 1 - (1 - ratio) * (n - 1) / (n - count)
        # Influence of one draw in bin b on the index S: 2·m_b·y − m_b² − S·y² for standardised y.
        s = value[:, None, :]
        square = (
            4 * mean**2 * s2 + size * mean**4 - 4 * mean**3 * s1 - 4 * s * mean * s3 + 2 * s * mean**2 * s2
        ).sum(axis=1) / n + value**2 * (centred**4).mean(axis=0)
        error = np.sqrt(np.maximum(square, 0) / n + (ratio - value) ** 2)
    known = np.asarray((variance > 0) & np.isfinite(variance))
    lost = np.asarray(np.isnan(x).any(axis=0))[:, None] | ~known[None, :]
    return Index(np.where(lost, np.nan, value).T, np.where(lost, np.nan, error).T)


def closed_index(y: Array, again: Array) -> Index:
    """Estimate the closed index of a group of inputs from pairs that share the group and nothing else.

    The estimator of Monod, Naud & Makowski (2006), shown by Janon et al. (2014) to be asymptotically
    efficient: S = (mean(Y·Y′) − M²) / (mean((Y² + Y′²)/2) − M²), M = mean((Y + Y′)/2).

    Parameters
    ----------
    y, again
        Shapes (n, m): m numbers in the first run, and in the second one with the group kept and the rest
        drawn anew.

    Returns
    -------
    Index
        Shapes (m,). ``NaN`` where the number is constant or not finite in every draw. The error is by the
        delta method for independent pairs; a low-discrepancy sample does better.

    Raises
    ------
    ValueError
        If the shapes differ or there are fewer than two pairs.
    """
    if y.shape != again.shape or y.ndim != 2 or len(y) < 2:
        raise ValueError(f"pairs of shapes {y.shape} and {again.shape} cannot be compared")
    n = len(y)
    both, variance = _standard(np.concatenate([y, again]))
    one, two = both[:n], both[n:]
    with np.errstate(invalid="ignore", divide="ignore"):
        # ``both`` has mean 0 and variance 1 over the two runs together: M is 0 and the denominator 1.
        value = (one * two).mean(axis=0)
        influence = one * two - value * (one**2 + two**2) / 2
        error = influence.std(axis=0, ddof=1) / np.sqrt(n)
    known = (variance > 0) & np.isfinite(variance)
    return Index(np.where(known, value, np.nan), np.where(known, error, np.nan))


def tercile_probabilities(x: Array, holds: Array) -> tuple[Array, Array]:
    """Probability of each statement in the lowest and in the highest third of each input.

    Parameters
    ----------
    x
        Shape (n, k), n ≥ 3: draws of k inputs. Only their order counts; ties are cut by row number.
    holds
        Shape (n, m): 1 where a statement holds, 0 where not, ``NaN`` where that is missing.

    Returns
    -------
    tuple of Array
        Shapes (m, k): in the lowest ``n // 3`` draws of the input and in the highest. ``NaN`` if any of them
        is missing, or the input is.

    Raises
    ------
    ValueError
        If the shapes do not fit or there are fewer than three draws.
    """
    n, inputs = _shapes(x, holds)
    if n < 3:
        raise ValueError(f"{n} draws have no thirds")
    third = n // 3
    order = np.argsort(x, axis=0, kind="stable")
    lost = np.isnan(x).any(axis=0)
    found = []
    for rows in (order[:third], order[n - third :]):
        mean = np.stack([holds[rows[:, j]].mean(axis=0) for j in range(inputs)], axis=-1)
        found.append(np.where(lost, np.nan, mean))
    return found[0], found[1]


def _shapes(x: Array, y: Array) -> tuple[int, int]:
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(
            f"inputs of shape {x.shape} and numbers of shape {y.shape} are not draws of the same study"
        )
    return len(x), x.shape[1]


def _standard(y: Array) -> tuple[Array, Array]:
    """Standardise numbers, and give their variance; ``NaN`` where that is impossible."""
    finite = np.isfinite(y).all(axis=0)
    values = np.where(finite, y, 0.0)
    # The middle of the range is taken off first, so that a constant far from nought has variance 0 exactly.
    values = values - (values.min(axis=0) + values.max(axis=0)) / 2
    values = values - values.mean(axis=0)
    variance = np.where(finite, (values**2).mean(axis=0), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return values / np.sqrt(variance), variance
