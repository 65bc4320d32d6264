"""One root of one equation for every member of a batch: Newton's and Halley's methods, kept in a bracket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["bracketed", "stored"]

STEPS = 200
"""Steps at most; halving alone would need about 60 for a bracket of ordinary size."""

_FINE = 4 * float(np.finfo(np.float64).eps)


def stored(values: Any) -> Any:
    """Have the compiler store ``values``: it would compute them anew, with all behind them, at every use."""
    return jax.lax.optimization_barrier(values)  # type: ignore[no-untyped-call]


def bracketed(
    function: Callable[[Array], tuple[Array, ...]],
    low: Array,
    high: Array,
    start: Array,
    scale: Array | float = 1.0,
) -> tuple[Array, Array]:
    """Find where a function crosses zero from below.

    A step of Newton's method (of Halley's, where the second derivative is known too) is taken where it stays inside
    the bracket and is at most half as long as the step before; the bracket is halved otherwise. Members that have
    arrived stay where they are, so that a result does not depend on its batch.

    Parameters
    ----------
    function
        Gives the value, at most zero at ``low`` and at least zero at ``high``, its slope and, if it can, its
        second derivative.
    low, high, start
        The bracket and where to start in it, of one shape.
    scale
        Size of the function's largest term: a value that is zero within its rounding has arrived.

    Returns
    -------
    tuple
        The point, and the absolute value of the function there.
    """
    noise = _FINE * scale

    def turn(state: Any) -> Any:
        low, high, point, last, going, _, _, count = state
        value, slope, *bent = stored(function(point))
        low = jnp.where(value <= 0, point, low)
        high = jnp.where(value >= 0, point, high)
        step = -value / slope
        if bent:
            # Far from the root the correction is bounded, so that the step stays one of Newton's in kind.
            step = step / jnp.clip(1.0 + 0.5 * step * bent[0] / slope, 0.5, 2.0)
        newton = point + step
        fine = (newton >= low) & (newton <= high) & (jnp.abs(step) <= 0.5 * last)
        moved = stored(jnp.where(fine, newton, low + 0.5 * (high - low)))
        step = jnp.abs(moved - point)
        zero = jnp.abs(value) <= noise
        arrived = (step <= _FINE * jnp.maximum(1.0, jnp.abs(moved))) | zero
        new = jnp.where(going & ~zero, moved, point)
        return low, high, new, step, going & ~arrived, jnp.abs(value), going.any(), count + 1

    # One more turn after the last arrival takes the value there: written twice, the function would be compiled twice.
    everywhere, far = jnp.ones(start.shape, bool), jnp.full_like(start, jnp.inf)
    state = low, high, start, far, everywhere, far, True, 0
    state = jax.lax.while_loop(lambda s: s[6] & (s[7] < STEPS), turn, state)
    return state[2], state[5]
