"""One root of one equation for every member of a batch: Newton's and Halley's methods, kept in a bracket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["bracketed", "closer", "stored"]

STEPS = 200
"""Steps at most; halving alone would need about 60 for a bracket of ordinary size."""

CHEAP = 3
"""Steps in single precision, before one in double."""

_FINE = 4 * float(np.finfo(np.float64).eps)

_NOISE = 1e-12
"""Steps so short that no longer shrink are rounding: halving the bracket for their sake would lead far away."""


def stored(values: Any) -> Any:
    """Have the compiler store ``values``: it would compute them anew, with all behind them, at every use."""
    # Only what it holds for expensive, a division among them, is computed once where it is used twice.
    one = jax.lax.optimization_barrier(jnp.ones(()))  # type: ignore[no-untyped-call]
    return jax.tree.map(lambda x: x / one if jnp.issubdtype(x.dtype, jnp.floating) else x, values)


def closer(
    function: Callable[..., tuple[Array, ...]], given: Sequence[Array], low: Array, high: Array, start: Array
) -> Array:
    """Come close to a root in single precision, which costs a fraction of what it costs in double.

    Parameters
    ----------
    function
        Gives value, slope and second derivative at a point, told what is ``given`` behind it.
    given
        Arrays of the shape of the point.
    low, high, start
        The bracket and where to start in it.

    Returns
    -------
    Array
        A point of the bracket, by Halley's method; the start where that leads nowhere.
    """
    single = [x.astype(jnp.float32) for x in given]

    # A loop, since the compiler would put both precisions in one piece otherwise, which is much slower.
    def nearer(_: int, point: Array) -> Array:
        return point + _step(*function(point, *single))

    near = jax.lax.fori_loop(0, CHEAP, nearer, start.astype(jnp.float32)).astype(start.dtype)
    exact = near + _step(*function(near, *given))
    found: Array = stored(jnp.where(jnp.isnan(exact), start, jnp.clip(exact, low, high)))
    return found


def _step(value: Array, slope: Array, bend: Array | None = None) -> Array:
    """Newton's step, or Halley's where the second derivative is known."""
    if bend is None:
        return -value / slope
    # Far from the root the correction is bounded, so that the step stays one of Newton's in kind.
    square = slope * slope
    return -value * slope / jnp.clip(square - 0.5 * value * bend, 0.5 * square, 2.0 * square)


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
        step = _step(value, slope, *bent)
        newton = point + step
        size = jnp.maximum(1.0, jnp.abs(point))
        shorter = jnp.abs(step) <= 0.5 * last
        there = (jnp.abs(value) <= noise) | (~shorter & (jnp.abs(step) <= _NOISE * size))
        fine = (newton >= low) & (newton <= high) & shorter
        moved = jnp.where(fine, newton, low + 0.5 * (high - low))
        moving = going & ~there
        new, moving = stored((jnp.where(moving, moved, point), moving))
        step = jnp.abs(new - point)
        return low, high, new, step, moving & (step > _FINE * size), jnp.abs(value), moving.any(), count + 1

    # Who moved last has its value taken in one more turn.
    error = stored(jnp.abs(function(start)[0]))
    away = ~(error <= noise)
    state = low, high, start, jnp.full_like(start, jnp.inf), away, error, away.any(), 0
    state = jax.lax.while_loop(lambda s: s[6] & (s[7] < STEPS), turn, state)
    return state[2], state[5]
