"""The value of information: what it is worth to learn an input before deciding (Raiffa & Schlaifer 1961).

With actions a of uncertain utility U_a, a decision now earns ``max_a E[U_a]``. Knowing everything earns
``E[max_a U_a]``, knowing one input X ``E_X[max_a E[U_a | X]]``: the gains are EVPI and EVPPI. EVPPI comes from draws
that are there already, by regressing the utilities on the input (Strong, Oakley & Brennan 2014).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
        Shape (n, actions).
    x
        Shape (n, k): draws of the inputs. Only their order counts.
    degree
        Of the polynomial in the input's normal scores through which the conditional expectation is seen.

    Returns
    -------
    Index
        Shapes (k,), in the unit of the utilities. The middle between two estimates that err on opposite sides: deciding
        by a regression on all draws promises too much, deciding in one half of them by what the other teaches earns too
        little. The error joins that of a mean over draws with half of the difference between the two.
    """
    n, inputs = x.shape
    now = utility.mean(axis=0)
    value, error = np.empty(inputs), np.empty(inputs)
    # At random, since every other point of a Sobol' sequence lies in the same half of an input's range.
    half = np.random.default_rng(0).permutation(n) < n // 2
    halves = (half, ~half)
    for j in range(inputs):
        basis = _hermite(x[:, j], degree)
        # Decide by what one half teaches, earn in the other: without bias upwards; fit on all, bias upwards.
        earned = np.empty(n)
        for learn, use in (halves, halves[::-1]):
            fit, *_ = np.linalg.lstsq(basis[learn], utility[learn], rcond=None)
            chosen = (basis[use] @ fit).argmax(axis=1)
            earned[use] = utility[use, chosen]
        fit, *_ = np.linalg.lstsq(basis, utility, rcond=None)
        optimist = float((basis @ fit).max(axis=1).mean() - now.max())
        pessimist = float(earned.mean() - now.max())
        value[j] = (optimist + pessimist) / 2
        gain = (basis @ fit).max(axis=1) - (basis @ fit)[:, now.argmax()]
        error[j] = np.hypot(gain.std() / np.sqrt(n), (optimist - pessimist) / 2)
    return Index(value, error)


def _hermite(x: Array, degree: int) -> Array:
    """Hermite polynomials of the normal scores of a column: shape (n, degree + 1)."""
    from scipy.special import ndtri

    n = len(x)
    ranks = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    z = ndtri((ranks + 0.5) / n)
    return np.asarray(np.polynomial.hermite_e.hermevander(z, degree))
