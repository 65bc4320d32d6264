"""Finding the prices: a chord that learns from its own steps, and Newton's method for what it leaves.

The step of the chord is Newton's with the Jacobian at the baseline, which all counterfactuals on a world share. With
``T[o, d]`` the share of o's sales that goes to d and Λ the trade shares, a change x of log prices in one group (a
sector with specific factors; all sectors with mobile ones) and e of log expenditure change the log of income over
``p̂Y`` by ``−A x + T e``, where ``A = (1 + θ) I − θ T Λᵀ`` is strictly diagonally dominant, and expenditure changes by
``e = Σ W x``. So the system in all sectors falls into one of N × N per group and one of N × N between them.
Anderson's acceleration (Anderson 1965; Walker & Ni 2011), a few steps deep, makes up for the difference between the
baseline's Jacobian and the counterfactual's.

Where spending moves between sectors with an elasticity η, income answers to ``e − (1 − η) π`` where it answered to e:
π, the change of the log price level, is ``Σ_s α_s Λ_sᵀ x_s``, and θ becomes ``θ + 1 − η`` beside ``T Λᵀ``. The system
has the same form, with that sum in place of e.
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
SMALL = 32


class Purchases(NamedTuple):
    """What makes a price level of prices, (K, T, N, N) and (K, S − T, N, 1), and how far it moves spending."""

    bought: Array
    at_home: Array
    eta: Array  # (K, 1, 1, 1)

    def level(self, moved: Array) -> Array:
        """Log price level (K, N, C) at log prices (K, S, N, C)."""
        T = self.bought.shape[1]
        traded = jnp.sum(self.bought @ moved[:, :T], 1)
        return traded + jnp.sum(self.at_home * moved[:, T:], 1)


class Chord(NamedTuple):
    """The factorised Jacobian at the baseline: a step is one or two matrix products.

    Where prices are one group, ``whole`` is the inverse itself: (K, N, N) for prices, and expenditure after them
    (K, 2N, 2N) where budgets are unknown too, under caps. With several groups expenditure is found first, by
    ``purse`` (K, N, n), and then prices, by ``inverse`` and ``spread``, of which T are of traded sectors. Where
    spending moves between sectors, ``purse`` gives expenditure less what ``purchases`` make of prices.
    """

    whole: Array | None
    purse: Array | None  # from all conditions of markets and budgets to expenditure
    inverse: Array | None  # (K, T, N, N), of A
    spread: Array | None  # (K, T, N, N), inverse of A times T
    purchases: Purchases | None = None


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
    eta: Array | None,
    options: Options,
    traded: int,
    budgets: bool,
) -> Chord:
    """Factorise the Jacobian at the baseline.

    Parameters
    ----------
    lam, alpha, Y, E, D, theta, kept, scaled, eta
        The worlds: (K, S, N, N), (K, S, N), (K, S, N), (K, N), (K, N), (K, S), (K,), (K,), (K,) or None.
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
    # θ + 1 − η, by which income answers to its buyers' price indices.
    index = elastic if eta is None else elastic + (1.0 - eta[:, None, None, None])
    if options.factors == "mobile":
        made = jnp.sum(Y, 1, keepdims=True)
        parts = sold / made[..., None]
        home = jnp.sum((alpha * E[:, None])[:, traded:], 1) / made[:, 0]
        T = (jnp.sum(parts, 1) + eye * home[:, :, None])[:, None]
        own = jnp.sum(elastic[..., 0] * jnp.sum(parts, -1), 1)[..., None] * eye
        crossed = jnp.einsum("ksod,ksmd->kom", index * parts, lam[:, :traded])
        A = (eye + own - crossed)[:, None]
        if eta is not None:
            A = A - ((1.0 - eta)[:, None, None] * home[:, :, None] * eye)[:, None]
    else:
        made = Y
        T = jnp.where(Y[:, :traded, :, None] > 0, sold / jnp.where(Y > 0, Y, 1.0)[:, :traded, :, None], 0.0)
        A = (1 + elastic) * eye - index * jnp.einsum("ksod,ksmd->ksom", T, lam[:, :traded])
    income = jnp.sum(made, 1)
    pull = made / jnp.where(kept[:, None] > 0, E, income)[:, None]
    world = made / jnp.sum(income, 1)[:, None, None]
    anchor = kept[:, None] * D / E - 1.0

    if eta is not None:
        return _chord_between_sectors(A, T, pull, world, anchor, lam, alpha, eta, traded, budgets)
    inverse = _inverse(A)
    spread = inverse @ T
    t = inverse.shape[1]
    react = jnp.sum(pull[:, :t, :, None] * spread, 1)
    through = jnp.sum(world[:, :t, :, None] * spread, (1, 2))
    react = react + eye * jnp.sum(pull[:, t:], 1)[:, :, None]
    through = through + jnp.sum(world[:, t:], 1)
    between = _inverse(eye - react - anchor[:, :, None] * through[:, None])
    # What a rise of each group's conditions adds to income, before it comes back as expenditure.
    push = pull[:, :t, :, None] * inverse
    push = push + anchor[:, None, :, None] * jnp.sum(world[:, :t, :, None] * inverse, 2)[:, :, None]
    further = [between @ push[:, g] for g in range(t)]
    for g in range(t, made.shape[1]):
        alone = eye * pull[:, g, :, None] + anchor[:, :, None] * world[:, g, None]
        further.append(between @ alone)
    purse = jnp.concatenate([*further, between] if budgets else further, 2)
    if made.shape[1] > 1:
        return Chord(None, purse, inverse, spread)
    # Prices that are one group and expenditure: the steps of both are worth writing out.
    step = spread[:, 0] @ purse
    step = jnp.concatenate([inverse[:, 0] + step[..., :N], step[..., N:]], 2)
    return Chord(jnp.concatenate([step, purse], 1) if budgets else step, None, None, None)


def _chord_between_sectors(
    A: Array,
    T: Array,
    pull: Array,
    world: Array,
    anchor: Array,
    lam: Array,
    alpha: Array,
    eta: Array,
    traded: int,
    budgets: bool,
) -> Chord:
    """The same where spending moves between sectors; all as :func:`chord_at_baseline` has them."""
    N = lam.shape[-1]
    eye = jnp.eye(N)
    gap = (1.0 - eta)[:, None, None, None]
    bought = alpha[:, :traded, :, None] * jnp.swapaxes(lam[:, :traded], 2, 3)
    purchases = Purchases(bought, alpha[:, traded:, :, None], eta[:, None, None, None])
    inverse = _inverse(A)
    spread = inverse @ T
    t, groups = inverse.shape[1], pull.shape[1]
    index = bought
    if groups == 1:
        index = jnp.sum(bought, 1, keepdims=True) + eye * jnp.sum(purchases.at_home, 1, keepdims=True)
    moves = pull[:, :t, :, None] * eye - gap * index[:, :t]
    react = jnp.sum(moves @ spread, 1)
    through = jnp.sum(world[:, :t, :, None] * spread, (1, 2))
    push = moves @ inverse
    push = push + anchor[:, None, :, None] * jnp.sum(world[:, :t, :, None] * inverse, 2)[:, :, None]
    pushes = [push[:, g] for g in range(t)]
    for g in range(t, groups):
        # What is sold at home only: a rise of its price by 1 moves income over p̂Y by −η, spending given.
        own = (pull[:, g] - gap[:, 0, 0] * alpha[:, g]) / eta[:, None]
        of_world = world[:, g] / eta[:, None]
        react = react + eye * own[:, :, None]
        through = through + of_world
        pushes.append(eye * own[:, :, None] + anchor[:, :, None] * of_world[:, None])
    between = _inverse(eye - react - anchor[:, :, None] * through[:, None])
    further = [between @ push for push in pushes]
    purse = jnp.concatenate([*further, between] if budgets else further, 2)
    if groups > 1:
        return Chord(None, purse, inverse, spread, purchases)
    step = spread[:, 0] @ purse
    step = jnp.concatenate([inverse[:, 0] + step[..., :N], step[..., N:]], 2)
    spent = purse + gap[:, 0] * (index[:, 0] @ step)
    return Chord(jnp.concatenate([step, spent], 1) if budgets else step, None, None, None)


def _inverse(a: Array) -> Array:
    """Inverses of matrices (..., N, N) by Gauss and Jordan without pivots, block by block where large.

    All stay within one program: calls of LAPACK bring threads of their own, which wait for each other where the
    processor has other work, and for ever where two programs call at once.
    """
    n = a.shape[-1]
    if n <= SMALL:
        return _inverse_by_rows(a)
    blocks = -(-n // SMALL)
    size = -(-n // blocks)
    whole = blocks * size
    lead = ((0, 0),) * (a.ndim - 2)
    padded = jnp.pad(a, (*lead, (0, whole - n), (0, whole - n)))
    padded = padded + np.diag(np.arange(whole) >= n).astype(float)
    block = np.arange(whole) // size
    rows, cols = block[:, None], block[None]
    eye = np.eye(size)

    def eliminate(k: Array, a: Array) -> Array:
        at = k * size
        row = jax.lax.dynamic_slice_in_dim(a, at, size, axis=a.ndim - 2)
        col = jax.lax.dynamic_slice_in_dim(a, at, size, axis=a.ndim - 1)
        pivot = _inverse_by_rows(jax.lax.dynamic_slice_in_dim(row, at, size, axis=a.ndim - 1))
        unit = jnp.broadcast_to(eye, pivot.shape)
        inside = pivot @ jax.lax.dynamic_update_slice_in_dim(row, unit, at, axis=a.ndim - 1)
        outside = jnp.where(rows == k, 0.0, col)
        rest = jnp.where(cols == k, 0.0, a) - outside @ inside
        out: Array = jax.lax.dynamic_update_slice_in_dim(rest, inside, at, axis=a.ndim - 2)
        return out

    out: Array = jax.lax.fori_loop(0, blocks, eliminate, padded)
    return out[..., :n, :n]


def _inverse_by_rows(a: Array) -> Array:
    """Small inverses, all side by side."""
    n = a.shape[-1]
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


def chord_step(chord: Chord, system: System, at: Outcome) -> Array:
    """Newton's step with the baseline's Jacobian; limit prices take their own Newton steps."""
    K, _, C = at.values.shape
    groups, N = system.Y.shape[1], system.links.lam.shape[-1]
    n = groups * N
    parts: list[Array]
    if chord.purse is None or chord.inverse is None or chord.spread is None:
        assert chord.whole is not None
        solved = chord.whole @ at.values[:, : chord.whole.shape[1]]
        parts = [solved[:, :n], solved[:, n:]]
    else:
        t = chord.inverse.shape[1]
        e = chord.purse @ at.values[:, : chord.purse.shape[2]]
        market = at.values[:, :n].reshape(K, groups, N, C)
        moved = chord.inverse @ market[:, :t] + chord.spread @ e[:, None]
        at_home = market[:, t:] + e[:, None]
        if chord.purchases is not None:
            eta = chord.purchases.eta
            at_home = at_home / eta
            if at.slope is not None:
                e = e + (1.0 - eta[:, 0]) * chord.purchases.level(jnp.concatenate([moved, at_home], 1))
        parts = [jnp.concatenate([moved, at_home], 1).reshape(K, n, C), e]
    alive = system.Y.reshape(K, n, C) > 0
    step = jnp.where(alive, parts[0], 0.0)
    if at.slope is None:
        return step
    return jnp.concatenate([step, parts[1], -at.values[:, n + N :] / at.slope], 1)


def conditions(system: System, options: Options, y: Array) -> Array:
    """Return what must vanish, (K, n, C): markets, and under caps budgets and the caps' excess."""
    return evaluate(system, options, y).values


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
    moves: Array  # (depth, K, n, C), the newest at k modulo depth: nothing is copied to make room
    turns: Array
    gram: Array  # (depth, depth, K, C)


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
        point = None
        if hub:
            moved, point = settled(system, options, y, state.residual)
            # What is solved stays as it is, whatever is then computed from the point.
            y = jnp.where(unsolved[:, None], moved, state.y)
        at = evaluate(system, options, y, point)
        # Without the barrier the compiler repeats the evaluation inside the products that follow.
        at = jax.lax.optimization_barrier(at)  # type: ignore[no-untyped-call]
        r, direction = residual(at.values), chord_step(chord, system, at)
        r = jnp.where(unsolved, r, state.residual)
        direction = jax.lax.optimization_barrier(direction)  # type: ignore[no-untyped-call]

        # The first look, from the start, has no earlier one to learn from.
        later = state.k > 0
        here = state.k % depth
        turn = jnp.where(later, direction - state.direction, 0.0)
        moves = state.moves.at[here].set(jnp.where(later, y - state.y, 0.0))
        turns = state.turns.at[here].set(turn)
        newest = jnp.stack([jnp.sum(turn * turns[i], 1) for i in range(depth)])
        gram = state.gram.at[here].set(newest).at[:, here].set(newest)
        weights = _least_squares(
            [[gram[i, j] for j in range(depth)] for i in range(depth)],
            [jnp.sum(turns[i] * direction, 1) for i in range(depth)],
        )
        step = direction
        for i, weight in enumerate(weights):
            step = step - weight[:, None] * (moves[i] + turns[i])
        step = jnp.where((r > TOLERANCE)[:, None], _short(step), 0.0)
        return _State(state.k + 1, y, step, direction, r, state.iterations + unsolved, moves, turns, gram)

    none, nothing = jnp.zeros_like(start), jnp.zeros((start.shape[0], start.shape[2]))
    first = _State(
        jnp.array(0),
        start,
        none,
        none,
        jnp.ones_like(nothing),
        jnp.zeros(nothing.shape, int),
        jnp.stack([none] * depth),
        jnp.stack([none] * depth),
        jnp.zeros((depth, depth, *nothing.shape)),
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
