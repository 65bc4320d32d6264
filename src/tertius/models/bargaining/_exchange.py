r"""Exchange of votes over several issues, at equal gain (Stokman & van Oosten 1994).

Without exchange an issue p ends at the weighted mean :math:`O_p = \sum_i w_{ip} x_{ip} / W_p`, :math:`w = c s`,
:math:`W_p = \sum_i w_{ip}`. Two actors on opposite sides of it on both of two issues can do better. The one that cares
more for p, relatively, demands p and supplies q; call it i. The other, j, supplies p and demands q. A move of j on p
towards :math:`x_{ip}` shifts the outcome by :math:`\delta_p`, a move of i on q towards :math:`x_{jq}` by
:math:`\delta_q`:

.. math::

    \delta_p = \frac{|\Delta x_{jp}| w_{jp}}{W_p}, \qquad \delta_q = \frac{|\Delta x_{iq}| w_{iq}}{W_q}, \qquad
    \delta_q = \frac{s_{ip} + s_{jp}}{s_{iq} + s_{jq}} \delta_p

The last makes the gains equal, :math:`\delta_p s_{ip} - \delta_q s_{iq} = \delta_q s_{jq} - \delta_p s_{jp}`. j moves
all the way; if that would ask of i more than its whole way, i moves all the way and j in part. The exchange with the
highest gain is carried out, and so on, until none is left that gains anything. A position may go on in the direction
in which it began and never back; what an actor demands is always its first position.

An outcome is not to be pushed past the position of the one who demands. The public program for the model (decide, with
which this agrees) asks this of the outcome as the demander knows it: first positions, but for those who moved for this
demander. That is ``guard="demander"``; ``"current"`` asks it of the outcome as it stands, ``"none"`` does not ask. The
program draws lots between exchanges of equal gain. Here the earlier issues come first and then, by a fixed mixture of
the positions, the lower ones, so that the order of the actors makes no difference.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from tertius.errors import BadInput
from tertius.models.bargaining._actors import Status, choose, parties, salience_scale

__all__ = ["Exchange", "Trades", "exchange"]

Guard = Literal["demander", "current", "none"]
_LEAST = 1e-12
_BLOCK = 1 << 15


class Trades(NamedTuple):
    """Exchanges in the order in which they were carried out, K of them; ``-1`` and ``NaN`` beyond the last."""

    i: Array
    """The actor that demands ``p`` and supplies ``q``, ``(..., K)``."""
    j: Array
    """The actor that demands ``q`` and supplies ``p``."""
    p: Array
    """The issue on which j moves."""
    q: Array
    """The issue on which i moves."""
    i_from: Array
    """Where i stood on q."""
    i_to: Array
    """Where it goes."""
    j_from: Array
    """Where j stood on p."""
    j_to: Array
    """Where it goes."""
    gain: Array
    """What each of the two gains: position × salience, in the units given."""


class Exchange(NamedTuple):
    """Outcomes after exchange; D issues, N actors."""

    outcome: Array
    """Weighted means of the positions after exchange, ``(..., D)``."""
    status: Array
    """:class:`Status`, by issue; ``NOT_CONVERGED`` for all if exchanges were left when the limit was reached."""
    residual: Array
    """The gain of the best exchange that was left, as a part of the span, ``(..., D)``; 0 if there was none."""
    before: Array
    """Weighted means before any exchange, ``(..., D)``."""
    positions: Array
    """Positions after exchange, ``(..., D, N)``."""
    exchanges: Array
    """How many exchanges were carried out, ``(...)``."""
    candidates: Array
    """Pairs of actors and of issues with the actors on opposite sides on both, before the first, ``(...)``."""
    gains: Array
    """By actor, what the exchanges of all did to it: Σ s (\\|O − x\\| before less after), ``(..., N)``."""
    trades: Trades
    """The first of them in the last round."""


class _Rules(NamedTuple):
    rounds: int
    guard: Guard
    limit: int
    record: int
    salience_weight: float
    fixed_weight: float


class _Table(NamedTuple):
    """One round's data: D issues, N actors, B members of the batch."""

    x: Array  # (D, N, B)
    s: Array  # (D, N, B)
    w: Array  # (D, N, B), summing to one by issue
    active: Array  # (D, N, B)


class _State(NamedTuple):
    y: Array  # (D, N, B) where they stand
    seen: Array  # (D, N, N, B) by issue, demander, actor: where the demander believes it to stand
    way: Array  # (D, N, B) direction taken: −1, 0, 1
    left: Array  # (B,) gain of the best exchange that there was at the last look
    over: Array  # (B,) whether that look was the last
    done: Array  # (B,) exchanges carried out
    trades: Array  # (9, K, B)


def _pairs(issues: int) -> tuple[Any, Any]:
    return np.triu_indices(issues, 1)


def _opposed(table: _Table, ip: Any, iq: Any) -> Array:
    """Pairs of issues and actors, ``(Q, N, N, B)``, that are on opposite sides on both."""
    O = (table.w * table.x).sum(1, keepdims=True)
    below, there = table.x < O, table.active
    apart = (below[ip][:, :, None] != below[ip][:, None]) & (below[iq][:, :, None] != below[iq][:, None])
    both = there[ip] & there[iq]
    return apart & both[:, :, None] & both[:, None]


def _offers(table: _Table, state: _State, open_: Array, ip: Any, iq: Any, guard: Guard) -> tuple[Array, ...]:
    """Gain and moves of every exchange: axes are the pair of issues, i, j and the batch."""
    x, s, w, _ = table
    y = state.y
    xpi, xqj = x[ip][:, :, None], x[iq][:, None]
    ypj, yqi = y[ip][:, None], y[iq][:, :, None]
    spi, spj, sqi, sqj = s[ip][:, :, None], s[ip][:, None], s[iq][:, :, None], s[iq][:, None]
    wpj, wqi = w[ip][:, None], w[iq][:, :, None]

    able = open_ & (spi * sqj > spj * sqi * (1.0 + _LEAST))
    wanted_j, wanted_i = xpi - ypj, xqj - yqi
    ratio = jnp.where(able, (spi + spj) / jnp.where(able, sqi + sqj, 1.0), 1.0)
    # Both weights are positive for whoever takes part in both issues.
    most_p, most_q = jnp.abs(wanted_j) * wpj, jnp.abs(wanted_i) * wqi
    shift_p = jnp.minimum(most_p, most_q / ratio)
    if guard != "none":
        if guard == "demander":
            known = (w[:, None] * state.seen).sum(2)
            moved = w[:, None] * (y[:, None] - state.seen)
            Op = known[ip][:, :, None] + moved[ip]
            Oq = known[iq][:, None] + jnp.swapaxes(moved, 1, 2)[iq]
        else:
            now = (w * y).sum(1)
            Op, Oq = now[ip][:, None, None], now[iq][:, None, None]
        room_p, room_q = (xpi - Op) * jnp.sign(wanted_j), (xqj - Oq) * jnp.sign(wanted_i)
        shift_p = jnp.minimum(shift_p, jnp.maximum(room_p, 0.0))
        shift_p = jnp.minimum(shift_p, jnp.maximum(room_q, 0.0) / ratio)
    shift_q = ratio * shift_p
    able &= (jnp.sign(wanted_j) * state.way[ip][:, None] >= 0) & (
        jnp.sign(wanted_i) * state.way[iq][:, :, None] >= 0
    )
    gain = jnp.where(able, shift_p * spi - shift_q * sqi, 0.0)
    move_j = jnp.sign(wanted_j) * shift_p / jnp.where(able, wpj, 1.0)
    move_i = jnp.sign(wanted_i) * shift_q / jnp.where(able, wqi, 1.0)
    # A fixed mixture of where the two stand and what they want tells exchanges of equal gain apart.
    key = xpi + 2**0.5 * xqj + 3**0.5 * ypj + 5**0.5 * yqi
    found: tuple[Array, ...] = jax.lax.optimization_barrier((gain, move_i, move_j, key))  # type: ignore[no-untyped-call]
    return found


def _trade(table: _Table, open_: Array, rules: _Rules) -> _State:
    """Carry out exchanges until none gains anything."""
    issues, actors, members = table.x.shape
    ip, iq = _pairs(issues)
    shape = (len(ip), actors, actors, members)
    place = np.arange(len(ip) * actors * actors).reshape(*shape[:-1], 1)
    by_issue = 20.0 * np.arange(len(ip)).reshape(-1, 1, 1, 1)
    axes = (0, 1, 2)
    D, N = np.arange(issues)[:, None, None], np.arange(actors)[None, :, None]

    def step(state: _State) -> _State:
        gain, move_i, move_j, key = _offers(table, state, open_, ip, iq, rules.guard)
        best = gain.max(axes)
        going = (best > _LEAST) & (state.done < rules.limit) & ~state.over
        tied = gain >= best * (1.0 - 1e-10)
        rank = jnp.where(tied, key + by_issue, jnp.inf)
        chosen = jnp.where(rank <= rank.min(axes) + 1e-12, place, place.size).min(axes)
        here = (place == chosen) & going

        def take(values: Array) -> Array:
            return jnp.where(here, values, 0.0).sum(axes)

        Q, rest = chosen // (actors * actors), chosen % (actors * actors)
        i, j = rest // actors, rest % actors
        p, q = jnp.asarray(ip)[Q % len(ip)], jnp.asarray(iq)[Q % len(ip)]
        at_i, at_j = (q == D) & (i == N) & going, (p == D) & (j == N) & going
        mi, mj = take(move_i), take(move_j)
        y = state.y + jnp.where(at_i, mi, 0.0) + jnp.where(at_j, mj, 0.0)
        way = jnp.where(at_i, jnp.sign(mi), jnp.where(at_j, jnp.sign(mj), state.way))
        # i now knows where j stands on p, and j where i stands on q.
        told = (at_j[:, None] & (i == N)[..., None, :]) | (at_i[:, None] & (j == N)[..., None, :])
        seen = jnp.where(told, y[:, None], state.seen)
        trades = state.trades
        if rules.record:
            from_i = jnp.where(at_i, state.y, 0.0).sum((0, 1))
            from_j = jnp.where(at_j, state.y, 0.0).sum((0, 1))
            made = jnp.stack(
                [i * 1.0, j * 1.0, p * 1.0, q * 1.0, from_i, from_i + mi, from_j, from_j + mj, best]
            )
            line = (np.arange(rules.record)[:, None] == state.done) & going
            trades = jnp.where(line, made[:, None], trades)
        left = jnp.where(state.over, state.left, best)
        return _State(y, seen, way, left, ~going, state.done + going, trades)

    def more(state: _State) -> Array:
        return ~state.over.all()

    start = _State(
        table.x,
        jnp.broadcast_to(table.x[:, None], (issues, actors, actors, members)),
        jnp.zeros_like(table.x),
        jnp.zeros(members),
        jnp.zeros(members, bool),
        jnp.zeros(members, jnp.int32),
        jnp.full((9, rules.record, members), jnp.nan),
    )
    if issues < 2:
        return start
    state = jax.lax.while_loop(more, step, start)
    return state._replace(left=jnp.where(state.left > _LEAST, state.left, 0.0))


@partial(jax.jit, static_argnames="rules")
def _exchange(x: Array, s: Array, c: Array, there: Array, span: Array, rules: _Rules) -> tuple[Array, ...]:
    """Everything by issue, actor and member of the batch."""
    issues, actors, members = x.shape
    scale = salience_scale(jnp.where(there, s, 0.0))
    block = max(1, min(members, _BLOCK // (max(1, issues * (issues - 1) // 2) * actors * actors)))
    blocks = -(-members // block)

    def cut(values: Array) -> Array:
        padded = jnp.concatenate([values, jnp.repeat(values[..., :1], blocks * block - members, -1)], -1)
        return jnp.moveaxis(padded.reshape(*values.shape[:-1], blocks, block), -2, 0)

    def some(given: tuple[Array, ...]) -> tuple[Array, ...]:
        x, s, c, there, span = given
        wide = x.shape[-1]

        def line(values: Array) -> Array:
            return jnp.moveaxis(values, 1, 0).reshape(actors, issues * wide)

        # The widest issue, in the units of its span, is one unit wide: what is small is small beside that.
        highest = jnp.where(there, x, -jnp.inf).max(1)
        wide_apart = (highest - jnp.where(there, x, jnp.inf).min(1)) / span
        widest = jnp.where(jnp.isfinite(wide_apart), wide_apart, 0.0).max(0)
        unit = span * jnp.where(widest > 0, widest, 1.0)
        p = parties(*(line(a) for a in (x, s, c, there)), span=unit.reshape(-1), scale=scale)

        def square(values: Array) -> Array:
            return jnp.moveaxis(values.reshape(actors, issues, wide), 0, 1)

        sal, w, active = square(p.s), square(p.w), square(p.active)
        status = p.status.reshape(issues, wide)
        low, unit = p.low.reshape(issues, wide), p.span.reshape(issues, wide)
        first = square(p.x)
        ip, iq = _pairs(issues)

        start = first
        done = jnp.zeros(wide, jnp.int32)
        left = jnp.zeros(wide)
        candidates = jnp.zeros(wide, jnp.int32)
        for number in range(rules.rounds):
            table = _Table(start, sal, w, active)
            open_ = _opposed(table, ip, iq) if issues > 1 else jnp.zeros((0, actors, actors, wide), bool)
            state = _trade(table, open_, rules)
            if number == 0:
                candidates = (open_.sum((0, 1, 2)) // 2).astype(jnp.int32)
            done, left = done + state.done, jnp.maximum(left, state.left)
            ease = (1.0 - sal) * rules.salience_weight + rules.fixed_weight
            start = start + ease * (state.y - start)
        before, after = (w * first).sum(1), (w * state.y).sum(1)
        ok = status == Status.CONVERGED
        changed = sal * (jnp.abs(before[:, None] - first) - jnp.abs(after[:, None] - first))
        gains = scale * jnp.where(active & ok[:, None], unit[:, None] * changed, 0.0).sum(0)
        status = jnp.where(ok & (left > 0), Status.NOT_CONVERGED, status)

        def scaled(values: Array) -> Array:
            return jnp.where(ok, low + unit * values, jnp.nan)

        stand = jnp.where(active, low[:, None] + unit[:, None] * state.y, x)
        kept = state.trades
        if rules.record:
            # A trade's positions go back to the scale of its issue.
            def at(which: Array, values: Array) -> Array:
                index = jnp.where(jnp.isnan(which), 0, which).astype(int)
                return jnp.take_along_axis(values, index, 0)

            kp, kq = kept[2], kept[3]
            kept = jnp.stack(
                [
                    *kept[:4],
                    *(at(kq, low) + at(kq, unit) * kept[n] for n in (4, 5)),
                    *(at(kp, low) + at(kp, unit) * kept[n] for n in (6, 7)),
                    kept[8] * scale * unit[0],
                ]
            )
        return (
            scaled(after),
            status.astype(jnp.int32),
            jnp.where(ok, left, jnp.nan),
            scaled(before),
            stand,
            done[None],
            candidates[None],
            gains,
            kept,
        )

    found = jax.lax.map(some, tuple(cut(a) for a in (x, s, c, there, span)))

    def whole(values: Array) -> Array:
        values = jnp.moveaxis(values, 0, -2)
        return values.reshape(*values.shape[:-2], blocks * block)[..., :members]

    return tuple(whole(a) for a in found)


def exchange(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    *,
    present: ArrayLike | None = None,
    span: ArrayLike = 1.0,
    rounds: int = 1,
    guard: Guard = "demander",
    salience_weight: float = 0.4,
    fixed_weight: float = 0.1,
    limit: int = 1000,
    record: int = 0,
) -> Exchange:
    """Let actors exchange positions over several issues.

    Parameters
    ----------
    positions, saliences, capabilities, present
        As in :func:`~tertius.models.bargaining.weighted_mean`, but ``(..., D, N)``: the issues that can be traded
        against each other, and the actors. An actor may be absent from some of them.
    span
        What counts as equally far on different issues, ``(..., D)``: the length of each issue's scale. Only their
        ratios matter; by default a unit is a unit on all.
    rounds
        After a round actors begin again from positions between their first and their new ones.
    guard
        How it is seen to that an outcome is not pushed past the one who demands; see the module.
    salience_weight, fixed_weight
        How far an actor's next first position follows its last one: (1 − s) times the one plus the other.
    limit
        Most exchanges in a round.
    record
        How many exchanges of the last round to write down.

    Returns
    -------
    Exchange
        ``(..., D)``. One issue alone, or none that can be exchanged, ends at its weighted mean.
    """
    choose("guard", guard, Guard)
    if rounds < 1:
        raise BadInput("there are no rounds", code="no-rounds", path="rounds", hint="play at least one")
    rules = _Rules(int(rounds), guard, int(limit), int(record), float(salience_weight), float(fixed_weight))
    x, s, c = (jnp.atleast_2d(jnp.asarray(a, float)) for a in (positions, saliences, capabilities))
    there = ~jnp.isnan(x) if present is None else jnp.atleast_2d(jnp.asarray(present, bool))
    width = jnp.asarray(span, float)
    width = width if width.ndim else width[None]
    shape = jnp.broadcast_shapes(x.shape, s.shape, c.shape, there.shape, (*width.shape, 1))
    *lead, issues, actors = shape
    batch = tuple(lead)
    given = [
        jnp.moveaxis(jnp.broadcast_to(a, shape).reshape(-1, issues, actors), 0, -1) for a in (x, s, c, there)
    ]
    width = jnp.broadcast_to(width, shape[:-1]).reshape(-1, issues).T
    found = _exchange(*given, width, rules=rules)
    out = [jnp.moveaxis(a, -1, 0) for a in found]
    by_issue = [a.reshape(*batch, issues) for a in out[:4]]
    i, j, p, q, *rest = (a.reshape(*batch, rules.record) for a in jnp.moveaxis(out[8], 1, 0))
    labels = [jnp.where(jnp.isnan(a), -1, a).astype(jnp.int32) for a in (i, j, p, q)]
    residual = jnp.broadcast_to(out[2].reshape(*batch, issues), (*batch, issues))
    return Exchange(
        by_issue[0],
        by_issue[1],
        residual,
        by_issue[3],
        out[4].reshape(*batch, issues, actors),
        out[5].reshape(batch),
        out[6].reshape(batch),
        out[7].reshape(*batch, actors),
        Trades(*labels, *rest),
    )
