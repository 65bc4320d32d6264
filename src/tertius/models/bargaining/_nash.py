r"""Asymmetric Nash bargaining over a position (Nash 1950; Harsanyi & Selten 1972), with the actors' weights as powers.

.. math::

    \max_b \prod_i \bigl(u_i(b) - u_i(d)\bigr)^{w_i}, \qquad w_i = c_i s_i, \qquad
    u_i(b) = -(b - x_i)^2 \ \text{ or }\ -|b - x_i|

over the positions that everybody who weighs anything prefers to the disagreement d. The logarithm is concave, so its
derivative changes its sign once, and halving the interval finds where. If there is no such position – somebody stands
at the status quo, or it lies between two of them – there is no agreement and the status quo stays. If instead no
agreement costs everybody the same D, the limit for large D is the weighted mean (quadratic utility; Achen 2006) or
the weighted median (linear).
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.errors import BadInput
from tertius.models.bargaining._actors import (
    Status,
    choose,
    flat,
    lower_median,
    outcome,
    parties,
)

__all__ = ["Nash", "nash"]

Utility = Literal["quadratic", "linear"]
Disagreement = Literal["position", "loss", "far"]
_HALVINGS = 60
_TOLERANCE = 1e-12


class Nash(NamedTuple):
    """A Nash bargain."""

    outcome: Array
    """As :attr:`Forecast.outcome`; the status quo where there is nothing better for everybody."""
    status: Array
    """As :attr:`Forecast.status`."""
    residual: Array
    """Length of the interval that the solution lies in, as a part of the span."""
    agreement: Array
    """Whether there is a position that everybody prefers to the disagreement, ``(...)``, bool."""


@partial(jax.jit, static_argnames=("utility", "kind"))
def _nash(
    x: Array, s: Array, c: Array, there: Array, point: Array, utility: Utility, kind: Disagreement
) -> tuple[Array, Array, Array, Array]:
    given = parties(x, s, c, there)
    x, w, active = given.x, given.w, given.active
    known = ~jnp.isnan(point)
    if kind == "far":
        if utility == "quadratic":
            value = (w * x).sum(0)
        else:
            value = 0.5 * (lower_median(x, w, active) - lower_median(-x, w, active))
        agreed = jnp.ones_like(known)
        width = jnp.zeros_like(point)
        stays = value
    else:
        if kind == "position":
            stays = jnp.where(known, (point - given.low) / given.span, 0.0)
            reach = jnp.abs(stays - x)
        else:
            units = given.span**2 if utility == "quadratic" else given.span
            stays = jnp.full_like(point, jnp.nan)
            cost = jnp.where(known, point, 1.0) / units
            reach = jnp.broadcast_to(jnp.sqrt(cost) if utility == "quadratic" else cost, x.shape)
        # Everybody gains within its own reach, and nobody gains by leaving the span of the positions.
        low = jnp.maximum(jnp.where(active, x - reach, -jnp.inf).max(0), 0.0)
        high = jnp.minimum(jnp.where(active, x + reach, jnp.inf).min(0), x.max(0))
        one = x.max(0) == 0.0
        agreed = ((low < high) | one) & (jnp.where(active, reach, jnp.inf).min(0) > 0)

        def slope(b: Array) -> Array:
            away = b - x
            if utility == "quadratic":
                gain = jnp.where(active, reach**2 - away**2, 1.0)
                rise = -2.0 * away
            else:
                gain = jnp.where(active, reach - jnp.abs(away), 1.0)
                rise = -jnp.sign(away)
            # Where somebody gains nothing the product is 0, whichever side that is, and the way out is inwards.
            none = active & (gain <= 0)
            inward = jnp.where(none, jnp.sign(x - b), 0.0).sum(0)
            return jnp.where(
                none.any(0),
                inward,
                jnp.where(active, w * rise / jnp.where(none, 1.0, gain), 0.0).sum(0),
            )

        def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = ends
            middle = 0.5 * (low + high)
            up = slope(middle) > 0
            return jnp.where(up, middle, low), jnp.where(up, high, middle)

        low, high = jax.lax.fori_loop(0, _HALVINGS, halve, (low, high))
        value, width = 0.5 * (low + high), jnp.where(agreed, jnp.abs(high - low), 0.0)
    value = jnp.where(agreed, value, stays)
    missing = (given.status == Status.CONVERGED) & ~known & (kind != "far")
    status = jnp.where(missing, Status.MISSING, given.status)
    if kind != "far":
        wrong = jnp.isinf(point) if kind == "position" else ~(point > 0)
        status = jnp.where((status == Status.CONVERGED) & wrong, Status.INVALID, status)
    status = jnp.where((status == Status.CONVERGED) & (width > _TOLERANCE), Status.NOT_CONVERGED, status)
    settled = given._replace(status=status.astype(jnp.int32))
    return outcome(value, settled, given.low.shape), settled.status, width, agreed


def nash(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    *,
    present: ArrayLike | None = None,
    disagreement: ArrayLike | None = None,
    loss: ArrayLike | None = None,
    utility: Utility = "quadratic",
) -> Nash:
    """Return the position that maximises the product of gains over no agreement.

    Parameters
    ----------
    positions, saliences, capabilities, present
        As in :func:`~tertius.models.bargaining.weighted_mean`.
    disagreement
        d, ``(...)``: where things stand without agreement, on the scale of the positions. ``NaN`` = not known, and
        nothing is computed.
    loss
        D, ``(...)``, in the unit of the utility: what no agreement costs everybody, instead of a position. With
        neither, no agreement is as bad as can be.
    utility
        The literature takes ``"quadratic"``; ``"linear"`` is the other that is usual on such scales.

    Returns
    -------
    Nash
        ``(...)``.

    Raises
    ------
    BadInput
        If both ``disagreement`` and ``loss`` are given.
    """
    choose("utility", utility, Utility)
    if disagreement is not None and loss is not None:
        raise BadInput(
            "no agreement is given both as a position and as a loss",
            code="disagreement-twice",
            hint="give disagreement or loss",
        )
    kind: Disagreement = "far"
    point: ArrayLike = 0.0
    if disagreement is not None:
        kind, point = "position", disagreement
    elif loss is not None:
        kind, point = "loss", loss
    batch, given, (at,) = flat(positions, saliences, capabilities, present, point)
    found = _nash(*given, at, utility=utility, kind=kind)
    value, status, width, agreed = (a.reshape(batch) for a in found)
    return Nash(value, status, width, agreed)
