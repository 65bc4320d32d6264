"""What a patron's standing protection is worth to the client, and what its withdrawal or a loss does to the regime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tertius._study.stages import Context

__all__ = ["Protection", "protection"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Protection:
    """One patron's, after the crisis; branches as in :mod:`tertius._study.stages.price`.

    Attributes
    ----------
    before
        Shape (n,), log points: the lever of the guarantee before the crisis.
    lever
        Shape (n, B), log points: what withdrawing the guarantee costs the client; ``NaN`` where there is none.
    own
        Shape (n, B), log points: what that costs the patron, but for the danger that the client collapses.
    H
        Shape (n,), log points: what the client's collapse costs the patron; 0 in a case without a crisis.
    """

    before: Array
    lever: Array
    own: Array
    H: Array

    def rise(self, income: Array, unguarded: Array) -> Array:
        """Rise in the danger of collapse, shape (n, B, T): from income lost, and from a guarantee withdrawn."""
        return np.zeros_like(income)


def protection(context: Context, patron: str) -> Protection:
    """Read it off what the models of the crisis have found."""
    n = context.size
    unknown = np.full((n, 2), np.nan)
    return Protection(unknown[:, 0], unknown, unknown, np.zeros(n))
