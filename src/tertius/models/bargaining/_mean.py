r"""The weighted mean, or compromise model (van den Bos 1991).

.. math:: \hat x = \frac{\sum_i w_i x_i}{\sum_i w_i}, \qquad w_i = c_i s_i

It is also what asymmetric Nash bargaining comes to when no agreement is very bad for everybody (Achen 2006).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.models.bargaining._actors import Forecast, Weight, choose, flat, outcome, parties

__all__ = ["weighted_mean"]


@partial(jax.jit, static_argnames="weight")
def _mean(x: Array, s: Array, c: Array, there: Array, weight: Weight) -> tuple[Array, Array]:
    given = parties(x, s, c, there, weight=weight)
    return outcome((given.w * given.x).sum(0), given, given.low.shape), given.status


def weighted_mean(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    *,
    present: ArrayLike | None = None,
    weight: Weight = "both",
) -> Forecast:
    """Return the mean of the positions, each with its actor's weight.

    Parameters
    ----------
    positions
        x, ``(..., N)``. ``NaN`` = the actor takes no part, unless ``present`` says who does.
    saliences
        s, ``(..., N)``, from 0 to 1, or from 0 to 100 (if any of them is above 1).
    capabilities
        c, ``(..., N)``, in any unit.
    present
        Who takes part, ``(..., N)``.
    weight
        The sources differ in what they weigh by: ``"both"`` (c·s), ``"salience"``, ``"capability"``, or ``"equal"``.

    Returns
    -------
    Forecast
        ``(...)``; in closed form, so its status is never one of a search.
    """
    choose("weight", weight, Weight)
    batch, given, _ = flat(positions, saliences, capabilities, present)
    value, status = _mean(*given, weight=weight)
    return Forecast(value.reshape(batch), status.reshape(batch), jnp.zeros(batch))
