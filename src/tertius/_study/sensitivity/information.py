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

__all__ = ["evpi", "evppi", "evsi_discrete", "hermite"]

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
    decisions, actions = several.shape[1:]
    now = several.mean(axis=0)
    # What every action earns more than the one that is best now: q = actions − 1 columns for each decision.
    today = now.argmax(axis=-1)
    others = np.array([[a for a in range(actions) if a != best] for best in today], dtype=int)
    chosen = np.take_along_axis(several, others[None], axis=-1)
    more = chosen - np.take_along_axis(several, today[None, :, None], axis=-1)
    # Ranks are the same numbers for every input: only their order differs.
    basis = hermite(n, degree)
    squares = (basis[:, :, None] * basis[:, None, :]).reshape(n, -1)
    # At random, since every other point of a Sobol' sequence lies in the same half of an input's range.
    half = np.random.default_rng(0).permutation(n) < n // 2
    few = basis[np.unique(np.r_[:8, np.linspace(0, n - 1, 512).astype(int), n - 8 : n].clip(0, n - 1))]
    value, error = np.zeros((decisions, inputs)), np.zeros((decisions, inputs))
    for j in range(inputs):
        order = np.argsort(x[:, j], kind="stable")
        first, gain = half[order], more[order]
        fits = _fits(basis, squares, first, gain.reshape(n, -1))
        # Where no rule, however it was learned, ever prefers another action, there is nothing to gain.
        tempted = ((few @ fits).max(axis=1) > 0).any(axis=0).reshape(decisions, -1).any(axis=-1)
        for d in np.flatnonzero(tempted):
            columns = slice(d * (actions - 1), (d + 1) * (actions - 1))
            whole, by_first, by_second = basis @ fits[:, :, columns]
            highest = np.maximum(whole.max(axis=-1), 0.0)
            # Decide by what one half teaches, earn in the other: without bias upwards; fit on all, bias upwards.
            rule = np.where(first[:, None], by_second, by_first)
            best = rule.argmax(axis=-1)[:, None]
            earned = np.where(
                np.take_along_axis(rule, best, axis=-1) > 0,
                np.take_along_axis(gain[:, d], best, axis=-1),
                0.0,
            )
            optimist, pessimist = float(highest.mean()), float(earned.mean())
            value[d, j] = (optimist + pessimist) / 2
            error[d, j] = np.hypot(highest.std() / np.sqrt(n), (optimist - pessimist) / 2)
    return Index(value, error) if utility.ndim == 3 else Index(value[0], error[0])


def _fits(basis: Array, squares: Array, first: NDArray[np.bool_], y: Array) -> Array:
    """Coefficients on all draws, on the first half of them and on the second: shape (3, degree + 1, columns)."""
    size = basis.shape[1]
    gram = (squares.T @ first).reshape(size, size)
    whole = squares.sum(axis=0).reshape(size, size)
    right, of_first = basis.T @ y, basis[first].T @ y[first]
    return np.linalg.solve(
        np.stack([whole, gram, whole - gram]), np.stack([right, of_first, right - of_first])
    )


def hermite(n: int, degree: int) -> Array:
    """Hermite polynomials of n normal scores, orthonormal, ascending: shape (n, degree + 1)."""
    z = ndtri((np.arange(n) + 0.5) / n)
    size = np.sqrt(np.cumprod(np.maximum(np.arange(degree + 1), 1)))
    return np.asarray(np.polynomial.hermite_e.hermevander(z, degree) / size)
