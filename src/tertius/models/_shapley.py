"""Shapley values from the values of all coalitions (Shapley 1953)."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["coalitions", "shapley_weights"]


def coalitions(players: int) -> NDArray[np.bool_]:
    """Every set of players, shape ``(2**players, players)``: the empty one first, the full one last."""
    return np.array(list(itertools.product((False, True), repeat=players)), dtype=bool)


def shapley_weights(players: int) -> NDArray[np.float64]:
    """Weights that turn values of the coalitions, in the order of :func:`coalitions`, into Shapley values.

    Returns
    -------
    NDArray
        Shape ``(players, 2**players)``.
    """
    member = coalitions(players)
    others = member.sum(1)[:, None] - member
    orders = np.array([math.factorial(k) * math.factorial(players - 1 - k) for k in range(players)])
    weight = orders[np.minimum(others, players - 1)] / math.factorial(players)
    return np.asarray(np.where(member, weight, -weight).T, dtype=float)
