"""The value of information: what it is worth to learn an input before deciding (Raiffa & Schlaifer 1961).

With actions a of uncertain utility U_a, a decision now earns ``max_a E[U_a]``. Knowing everything earns
``E[max_a U_a]``, knowing one input X ``E_X[max_a E[U_a | X]]``: the gains are EVPI and EVPPI. EVPPI comes from draws
that are there already, by regressing the utilities on the input (Strong, Oakley & Brennan 2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tertius._study.indices import Index

__all__ = ["evpi", "evppi", "evsi_discrete"]

Array = NDArray[np.float64]


def evpi(utility: Array) -> float:
    """Expected value of perfect information.

    Parameters
    ----------
    utility
        Shape (n, actions): the utility of every action in every equally likely state.
    """
    return float(utility.max(axis=1).mean() - utility.mean(axis=0).max())


def evsi_discrete(probability: Array, utility: Array, signal: Array) -> float:
    """Expected value of a signal over a few states.

    Parameters
    ----------
    probability
        Shape (states,).
    utility
        Shape (actions, states).
    signal
        Shape (states, signals): the probability of each signal in each state. The identity makes it the expected value
        of perfect information.
    """
    joint = probability[:, None] * signal
    return float((utility @ joint).max(axis=0).sum() - (utility @ probability).max())


def evppi(utility: Array, x: Array, degree: int = 5) -> Index:
    """Expected value of learning each input by itself, before choosing between actions.

    Parameters
    ----------
    utility
        Shape (n, actions), or (n, decisions, actions) of several decisions in the same draws.
    x
        Shape (n, k): draws of the inputs. Only their order counts.
    degree
        Of the polynomial in the input's normal scores through which the conditional expectation is seen.

    Returns
    -------
    Index
        Shapes (k,) or (decisions, k), in the unit of the utilities. The middle between two estimates that err on
        opposite sides: deciding by a regression on all draws promises too much, deciding in one half of them by what
        the other teaches earns too little. The error joins that of a mean over draws with half of the difference
        between the two.
    """
    n, inputs = x.shape
    several = utility.reshape(n, -1, utility.shape[-1])
    flat = several.reshape(n, -1)
    shape = several.shape[1:]
    now = several.mean(axis=0)
    best, today = now.max(axis=-1), now.argmax(axis=-1)[None, :, None]
    value, error = np.empty((len(best), inputs)), np.empty((len(best), inputs))
    # At random, since every other point of a Sobol' sequence lies in the same half of an input's range.
    half = np.random.default_rng(0).permutation(n) < n // 2
    halves = (half, ~half)
    for j in range(inputs):
        basis = _hermite(x[:, j], degree)
        # Decide by what one half teaches, earn in the other: without bias upwards; fit on all, bias upwards.
        sums = [(basis[part].T @ basis[part], basis[part].T @ flat[part]) for part in halves]
        earned = np.empty((n, len(best)))
        for (gram, right), use in zip(sums, halves[::-1], strict=True):
            hoped = (basis[use] @ np.linalg.solve(gram, right)).reshape(-1, *shape)
            chosen = hoped.argmax(axis=-1)[..., None]
            earned[use] = np.take_along_axis(several[use], chosen, axis=-1)[..., 0]
        (gram, right), (gram_, right_) = sums
        hoped = (basis @ np.linalg.solve(gram + gram_, right + right_)).reshape(-1, *shape)
        highest = hoped.max(axis=-1)
        optimist, pessimist = highest.mean(axis=0) - best, earned.mean(axis=0) - best
        value[:, j] = (optimist + pessimist) / 2
        gain = highest - np.take_along_axis(hoped, today, axis=-1)[..., 0]
        error[:, j] = np.hypot(gain.std(axis=0) / np.sqrt(n), (optimist - pessimist) / 2)
    return Index(value, error) if utility.ndim == 3 else Index(value[0], error[0])


def _hermite(x: Array, degree: int) -> Array:
    """Hermite polynomials of the normal scores of a column, orthonormal: shape (n, degree + 1)."""
    n = len(x)
    ranks = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    z = ndtri((ranks + 0.5) / n)
    size = np.sqrt(np.cumprod(np.maximum(np.arange(degree + 1), 1)))
    return np.asarray(np.polynomial.hermite_e.hermevander(z, degree) / size)
