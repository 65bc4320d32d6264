"""Finding the prices: a chord that learns from its own steps, and Newton's method for what it leaves.

The step of the chord is Newton's with the Jacobian at the baseline, which all counterfactuals on a world share. With
``T[o, d]`` the share of o's sales that goes to d and Λ the trade shares, a change x of log prices in one group (a
sector with specific factors; all sectors with mobile ones) and e of log expenditure change the log of income over
``p̂Y`` by ``−A x + T e``, where ``A = (1 + θ) I − θ T Λᵀ`` is strictly diagonally dominant, and expenditure changes by
``e = Σ W x``. So the system in all sectors falls into one of N × N per group and one of N × N between them.
Anderson's acceleration (Anderson 1965; Walker & Ni 2011), a few steps deep, makes up for the difference between the
baseline's Jacobian and the counterfactual's.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tertius.models.trade._economy import TOLERANCE
from tertius.models.trade._hub import settled
from tertius.models.trade._system import HubLinks, Options, Outcome, System, evaluate

__all__ = [
    "Chord",
    "Found",
    "chord_at_baseline",
    "conditions",
    "jacobian",
    "newton",
    "residual",
    "secant_chord",
]

NEWTON_STEPS = 60
LONGEST_STEP = 2.0
DENSE = 400
SMALL = 32


class Chord(NamedTuple):
    """The factorised Jacobian at the baseline.

    With few unknowns ``whole`` is the inverse itself: (K, G·N, G·N) for prices, and expenditure after them (K, n, n)
    where budgets are unknown too, under caps. With many it is applied in parts, of which T (1 with mobile factors)
    are of traded sectors.
    """

    whole: Array | None
    inverse: Array  # (K, T, N, N), of A
    spread: Array  # (K, T, N, N), inverse of A times T
    between: Array  # (K, N, N), what remains for expenditure
    pull: Array  # (K, G, N), of each group's price on its region's income
    world: Array  # (K, G, N), on world output
    anchor: Array  # (K, N), how a rise of world output moves normalised expenditure


class Found(NamedTuple):
    """Where an iteration stopped."""

    y: Array  # (K, n, C)
    residual: Array  # (K, C)
    iterations: Array  # (K, C)


def chord_at_baseline(
    lam: Array,
    alpha: Array,
    Y: Array,
    E: Array,
    D: Array,
    theta: Array,
    kept: Array,
    scaled: Array,
    options: Options,
    traded: int,
    budgets: bool,
) -> Chord:
    """Factorise the Jacobian at the baseline.

    Parameters
    ----------
    lam, alpha, Y, E, D, theta, kept, scaled
        The worlds: (K, S, N, N), (K, S, N), (K, S, N), (K, N), (K, N), (K, S), (K,), (K,).
    options
        Factors and closure.
    traded
        T: how many sectors, from the first, are traded.
    budgets
        Whether expenditure is an unknown of its own.
    """
    N = lam.shape[-1]
    eye = jnp.eye(N)
    sold = (lam * (alpha * E[:, None])[:, :, None])[:, :traded]
    elastic = theta[:, :traded, None, None]
    if options.factors == "mobile":
        made = jnp.sum(Y, 1, keepdims=True)
        parts = sold / made[..., None]
        home = jnp.sum((alpha * E[:, None])[:, traded:], 1) / made[:, 0]
        T = (jnp.sum(parts, 1) + eye * home[:, :, None])[:, None]
        own = jnp.sum(elastic[..., 0] * jnp.sum(parts, -1), 1)[..., None] * eye
        crossed = jnp.einsum("ksod,ksmd->kom", elastic * parts, lam[:, :traded])
        A = (eye + own - crossed)[:, None]
    else:
        made = Y
        T = jnp.where(Y[:, :traded, :, None] > 0, sold / jnp.where(Y > 0, Y, 1.0)[:, :traded, :, None], 0.0)
        A = (1 + elastic) * eye - elastic * jnp.einsum("ksod,ksmd->ksom", T, lam[:, :traded])
    income = jnp.sum(made, 1)
    pull = made / jnp.where(kept[:, None] > 0, E, income)[:, None]
    world = made / jnp.sum(income, 1)[:, None, None]
    anchor = kept[:, None] * D / E - 1.0

    inverse = _inverse(A)
    spread = inverse @ T
    t = inverse.shape[1]
    react = jnp.sum(pull[:, :t, :, None] * spread, 1)
    through = jnp.sum(world[:, :t, :, None] * spread, (1, 2))
    react = react + eye * jnp.sum(pull[:, t:], 1)[:, :, None]
    through = through + jnp.sum(world[:, t:], 1)
    between = _inverse(eye - react - anchor[:, :, None] * through[:, None])
    chord = Chord(None, inverse, spread, between, pull, world, anchor)
    n = made.shape[1] * N
    if n > DENSE:
        return chord
    unit = jnp.eye(n + N if budgets else n)
    shape = (len(E), made.shape[1], N, len(unit))
    market = jnp.broadcast_to(unit[:n].reshape(shape[1:]), shape)
    if not budgets:
        return chord._replace(whole=_by_parts(chord, market, None)[0])
    budget = jnp.broadcast_to(unit[n:], (len(E), N, len(unit)))
    return chord._replace(whole=jnp.concatenate(_by_parts(chord, market, budget), 1))


def _inverse(a: Array) -> Array:
    """Inverses of matrices (..., N, N): by Gauss and Jordan without pivots where small, all side by side."""
    n = a.shape[-1]
    if n > SMALL:
        large: Array = jnp.linalg.inv(a)
        return large
    rows, cols = np.arange(n)[:, None], np.arange(n)[None]

    def eliminate(k: Array, a: Array) -> Array:
        row = jax.lax.dynamic_slice_in_dim(a, k, 1, axis=a.ndim - 2)
        col = jax.lax.dynamic_slice_in_dim(a, k, 1, axis=a.ndim - 1)
        pivot = 1.0 / jax.lax.dynamic_slice_in_dim(row, k, 1, axis=a.ndim - 1)
        on_row, on_col = rows == k, cols == k
        outside = jnp.where(on_row, 0.0, col)
        inside = jnp.where(on_col, 1.0, row) * pivot
        return jnp.where(on_row, 0.0, jnp.where(on_col, 0.0, a)) + jnp.where(
            on_row, inside, -outside * inside
        )

    out: Array = jax.lax.fori_loop(0, n, eliminate, a)
    return out


def _by_parts(chord: Chord, market: Array, budget: Array | None) -> tuple[Array, Array]:
    """Solve for prices (K, G·N, C) and expenditure (K, N, C)."""
    t = chord.inverse.shape[1]
    direct = chord.inverse @ market[:, :t]
    if market.shape[1] > t:
        direct = jnp.concatenate([direct, market[:, t:]], 1)
    push = jnp.sum(chord.pull[..., None] * direct, 1)
    push = push + chord.anchor[..., None] * jnp.sum(chord.world[..., None] * direct, (1, 2))[:, None]
    if budget is not None:
        push = push + budget
    e = chord.between @ push
    moved = direct[:, :t] + chord.spread @ e[:, None]
    if market.shape[1] > t:
        moved = jnp.concatenate([moved, direct[:, t:] + e[:, None]], 1)
    return moved.reshape(moved.shape[0], -1, moved.shape[-1]), e


def chord_step(chord: Chord, system: System, at: Outcome) -> Array:
    """Newton's step with the baseline's Jacobian; limit prices take their own Newton steps."""
    K, groups, N, C = at.market.shape
    if chord.whole is None:
        step, e = _by_parts(chord, at.market, at.budget)
    elif at.budget is None:
        step = chord.whole @ at.market.reshape(K, groups * N, C)
        e = step
    else:
        both = jnp.concatenate([at.market.reshape(K, groups * N, C), at.budget], 1)
        solved = chord.whole @ both
        step, e = solved[:, : groups * N], solved[:, groups * N :]
    if at.excess is not None and at.slope is not None:
        step = jnp.concatenate([step, e, -at.excess / at.slope], 1)
    alive = system.Y.reshape(K, groups * N, -1) > 0
    return jnp.concatenate([jnp.where(alive, step[:, : groups * N], 0.0), step[:, groups * N :]], 1)


def conditions(system: System, options: Options, y: Array) -> Array:
    """Return what must vanish, (K, n, C): markets, and under caps budgets and the caps' excess."""
    return _stack(evaluate(system, options, y))


def _stack(at: Outcome) -> Array:
    market = at.market.reshape(at.market.shape[0], -1, at.market.shape[-1])
    if at.budget is None or at.excess is None:
        return market
    return jnp.concatenate([market, at.budget, at.excess], 1)


def residual(values: Array) -> Array:
    """Largest absolute condition (K, C); infinite where any is not a number."""
    worst = jnp.max(jnp.abs(values), axis=1)
    return jnp.where(jnp.isnan(worst), jnp.inf, worst)


def _short(step: Array) -> Array:
    longest = residual(step)[:, None]
    scale = jnp.minimum(1.0, LONGEST_STEP / longest)
    return jnp.where(jnp.isfinite(longest), step * scale, 0.0)


def _least_squares(gram: list[list[Array]], right: list[Array]) -> list[Array]:
    """Solve small symmetric systems, leaving out directions that depend on earlier ones."""
    depth = len(right)
    size = [gram[i][i] for i in range(depth)]
    rows = [list(row) for row in gram]
    b = list(right)
    inverse: list[Array] = []
    for i in range(depth):
        usable = rows[i][i] > 1e-12 * size[i]
        inverse.append(jnp.where(usable, 1.0 / jnp.where(usable, rows[i][i], 1.0), 0.0))
        for j in range(i + 1, depth):
            factor = rows[j][i] * inverse[i]
            for k in range(i + 1, depth):
                rows[j][k] = rows[j][k] - factor * rows[i][k]
            b[j] = b[j] - factor * b[i]
    solution: list[Array] = [b[0]] * depth
    for i in reversed(range(depth)):
        known = b[i]
        for k in range(i + 1, depth):
            known = known - rows[i][k] * solution[k]
        solution[i] = known * inverse[i]
    return solution


class _State(NamedTuple):
    k: Array
    y: Array
    step: Array
    direction: Array
    residual: Array
    iterations: Array
    moves: tuple[Array, ...]
    turns: tuple[Array, ...]
    gram: tuple[tuple[Array, ...], ...]


def secant_chord(
    system: System,
    options: Options,
    chord: Chord,
    start: Array,
    limit: Array | int,
    depth: int,
    settle: bool = True,
) -> Found:
    """Iterate accelerated chord steps until every column has converged or the limit is reached.

    Parameters
    ----------
    system, options, chord
        What to solve, and the Jacobian to start from.
    start
        (K, n, C) the first guess.
    limit
        Evaluations at most.
    depth
        How many earlier steps the acceleration remembers.
    settle
        Whether to solve the hub for itself before every look, where there is one. In large worlds with one good and
        no caps the baseline's Jacobian serves the hub nearly as well, and a look costs more than it saves.
    """
    hub = settle and isinstance(system.links, HubLinks)

    def going(state: _State) -> Array:
        return (state.k < limit) & jnp.any(state.residual > TOLERANCE)

    def advance(state: _State) -> _State:
        unsolved = state.residual > TOLERANCE
        y = state.y + state.step
        if hub:
            y = jnp.where(unsolved[:, None], settled(system, options, y, state.residual), state.y)
        at = evaluate(system, options, y)
        # Without the barrier the compiler repeats the evaluation inside the products that follow.
        at = jax.lax.optimization_barrier(at)  # type: ignore[no-untyped-call]
        r, direction = residual(_stack(at)), chord_step(chord, system, at)
        r = jnp.where(unsolved, r, state.residual)
        direction = jax.lax.optimization_barrier(direction)  # type: ignore[no-untyped-call]

        # The first look, from the start, has no earlier one to learn from.
        later = state.k > 0
        moves = (jnp.where(later, y - state.y, 0.0), *state.moves[:-1])
        turns = (jnp.where(later, direction - state.direction, 0.0), *state.turns[:-1])
        newest = [jnp.sum(turns[0] * turn, 1) for turn in turns]
        gram = [newest] + [
            [newest[i], *(state.gram[i - 1][j - 1] for j in range(1, depth))] for i in range(1, depth)
        ]
        weights = _least_squares(gram, [jnp.sum(turn * direction, 1) for turn in turns])
        step = direction
        for weight, move, turn in zip(weights, moves, turns, strict=True):
            step = step - weight[:, None] * (move + turn)
        step = jnp.where((r > TOLERANCE)[:, None], _short(step), 0.0)
        return _State(
            state.k + 1,
            y,
            step,
            direction,
            r,
            state.iterations + unsolved,
            moves,
            turns,
            tuple(tuple(row) for row in gram),
        )

    none, nothing = jnp.zeros_like(start), jnp.zeros((start.shape[0], start.shape[2]))
    first = _State(
        jnp.array(0),
        start,
        none,
        none,
        jnp.ones_like(nothing),
        jnp.zeros(nothing.shape, int),
        (none,) * depth,
        (none,) * depth,
        ((nothing,) * depth,) * depth,
    )
    last = jax.lax.while_loop(going, advance, first)
    return Found(last.y, last.residual, last.iterations)


def jacobian(system: System, options: Options, y: Array) -> Array:
    """Jacobian of the conditions, (K, C, n, n): counterfactuals are separate, so n directions give them all."""
    n = y.shape[1]

    def along(direction: Array) -> Array:
        tangent = jnp.broadcast_to(direction[:, None], y.shape)
        change: Array = jax.jvp(lambda point: conditions(system, options, point), (y,), (tangent,))[1]
        return change

    return jnp.transpose(jax.vmap(along)(jnp.eye(n)), (1, 3, 2, 0))


def linear_solve(matrix: Array, values: Array) -> Array:
    """Solve (K, C, n, n) systems for right-hand sides (K, n, C)."""
    solved = jnp.linalg.solve(matrix, jnp.swapaxes(values, 1, 2)[..., None])[..., 0]
    return jnp.swapaxes(solved, 1, 2)


class _Newton(NamedTuple):
    k: Array
    y: Array
    residual: Array
    length: Array
    iterations: Array


def newton(system: System, options: Options, start: Array, limit: int = NEWTON_STEPS) -> Found:
    """Newton's method with the exact Jacobian of each counterfactual, halving a step that does not help."""

    def going(state: _Newton) -> Array:
        return (state.k < limit) & jnp.any((state.residual > TOLERANCE) & (state.length > 1e-4))

    def advance(state: _Newton) -> _Newton:
        unsolved = state.residual > TOLERANCE
        values = conditions(system, options, state.y)
        step = _short(-linear_solve(jacobian(system, options, state.y), values))
        y = state.y + jnp.where(unsolved, state.length, 0.0)[:, None] * step
        r = residual(conditions(system, options, y))
        better = unsolved & (r < state.residual)
        length = jnp.where(better, jnp.minimum(1.0, 2 * state.length), state.length / 2)
        return _Newton(
            state.k + 1,
            jnp.where(better[:, None], y, state.y),
            jnp.where(better, r, state.residual),
            jnp.where(unsolved, length, 1.0),
            state.iterations + unsolved,
        )

    r = residual(conditions(system, options, start))
    first = _Newton(jnp.array(0), start, r, jnp.ones_like(r), jnp.zeros(r.shape, int))
    last = jax.lax.while_loop(going, advance, first)
    return Found(last.y, last.residual, last.iterations)
