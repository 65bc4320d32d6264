r"""The weighted median: the position that no other beats when every actor votes for the nearer with its weight.

.. math:: \hat x = \min\Bigl\{x_j : \sum_{i: x_i \le x_j} w_i \ge \tfrac12 \sum_i w_i\Bigr\}, \qquad w_i = c_i s_i

With single-peaked utilities it is the Condorcet winner (Black 1948). Where exactly half of the weight is at or below
:math:`x_j`, every position from there to the next is one, and the interval is reported.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.models.bargaining._actors import Weight, choose, flat, lower_median, outcome, parties

__all__ = ["Median", "weighted_median"]

Tie = Literal["low", "middle", "high"]


class Median(NamedTuple):
    """A weighted median with the interval that it may lie in."""

    outcome: Array
    """As :attr:`Forecast.outcome`."""
    status: Array
    """As :attr:`Forecast.status`."""
    residual: Array
    """0: in closed form."""
    low: Array
    """The lower end of the interval of medians, ``(...)``."""
    high: Array
    """The upper end; the same as ``low`` unless the weight is split in half."""


@partial(jax.jit, static_argnames="weight")
def _median(x: Array, s: Array, c: Array, there: Array, weight: Weight) -> tuple[Array, Array, Array]:
    given = parties(x, s, c, there, weight=weight)
    low = lower_median(given.x, given.w, given.active)
    high = -lower_median(-given.x, given.w, given.active)
    batch = given.low.shape
    return outcome(low, given, batch), outcome(high, given, batch), given.status


def weighted_median(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    *,
    present: ArrayLike | None = None,
    weight: Weight = "both",
    tie: Tie = "low",
) -> Median:
    """Return the position with half of the weight on either side.

    Parameters
    ----------
    positions, saliences, capabilities, present, weight
        As in :func:`~tertius.models.bargaining.weighted_mean`.
    tie
        Which end of the interval to take where the weight is split in half: the ``"low"`` one, as a search that goes
        up the scale would, the ``"high"`` one, or the ``"middle"``, which does not depend on which end is called 0.

    Returns
    -------
    Median
        ``(...)``.
    """
    choose("weight", weight, Weight)
    choose("tie", tie, Tie)
    batch, given, _ = flat(positions, saliences, capabilities, present)
    low, high, status = (a.reshape(batch) for a in _median(*given, weight=weight))
    value = {"low": low, "high": high, "middle": 0.5 * (low + high)}[tie]
    return Median(value, status, jnp.zeros(batch), low, high)
