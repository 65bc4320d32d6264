"""Derivatives of a solution by the implicit function theorem, traced only where somebody differentiates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

__all__ = ["root"]


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def root(
    equation: Callable[[Any, Any], Any],
    solve: Callable[[Any], tuple[Any, Any]],
    invert: Callable[[Callable[[Any], Any], Any, Any], Any],
    given: Any,
) -> tuple[Any, Any]:
    """Solve ``equation(given, point) = 0`` for the point, differentiable in what is given.

    ``jax.lax.custom_root`` does the same, and linearises the equation wherever it is called; most callers only want
    the solution.

    Parameters
    ----------
    equation
        What must vanish; may close over static values only, like the two that follow.
    solve
        Finds the point, and anything else that is worth returning and is not differentiated.
    invert
        ``invert(linear, given, y)`` solves ``linear(x) = y`` for x, linearly in y.
    given
        Arrays.

    Returns
    -------
    tuple
        The point, and what else ``solve`` returned.
    """
    return solve(given)


@root.defjvp
def _tangent(
    equation: Callable[[Any, Any], Any],
    solve: Callable[[Any], tuple[Any, Any]],
    invert: Callable[[Callable[[Any], Any], Any, Any], Any],
    primals: tuple[Any],
    tangents: tuple[Any],
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    (given,), (change,) = primals, tangents
    point, more = root(equation, solve, invert, given)
    _, moved = jax.jvp(lambda g: equation(g, point), (given,), (change,))
    _, linear = jax.linearize(lambda p: equation(given, p), point)
    step = invert(linear, given, jax.tree.map(lambda m: -m, moved))
    return (point, more), (step, jax.tree.map(jax.numpy.zeros_like, more))
