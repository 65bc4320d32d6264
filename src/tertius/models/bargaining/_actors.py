"""What every model of bargaining is given: actors with a position, a salience and a capability."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Literal, NamedTuple, get_args

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.errors import BadInput

__all__ = [
    "TIE",
    "Forecast",
    "Parties",
    "Status",
    "Weight",
    "choose",
    "flat",
    "lower_median",
    "outcome",
    "parties",
]

TIE = 1e-12
"""Two positions closer than this part of the span are one position, and two offers as far apart are tied."""

Weight = Literal["both", "salience", "capability", "equal"]
"""What an actor weighs: capability times salience, one of them alone, or all the same."""


class Status(IntEnum):
    """How a bargain ended, for each member of the batch.

    Only ``CONVERGED`` is an answer. ``CYCLES`` and ``NOT_CONVERGED`` come with what stood when the rounds ended; after
    ``MISSING`` and ``INVALID`` the outcome is ``NaN``.
    """

    CONVERGED = 0
    """In closed form, or nobody moves any more, or the residual is within the tolerance."""
    CYCLES = 1
    """The positions come back to where they were some rounds before, for ever."""
    NOT_CONVERGED = 2
    """The rounds or steps ended before anything was settled."""
    MISSING = 3
    """An actor that takes part has a salience or capability, or the bargain a status quo, that is ``NaN``."""
    INVALID = 4
    """A negative or infinite input, a salience above its scale, or nobody who weighs anything."""


class Forecast(NamedTuple):
    """What comes out of a bargain; every model's result begins with these three."""

    outcome: Array
    """Position agreed upon, ``(...)``, on the scale of the positions."""
    status: Array
    """:class:`Status`, as an integer, ``(...)``."""
    residual: Array
    """What is left of the condition that was solved, ``(...)``, as a part of the span; 0 in closed form."""


class Parties(NamedTuple):
    """Cleaned actors, safe to compute with everywhere: actors on the first axis, the batch on the last.

    Whoever weighs nothing takes no part, unless bystanders were asked for.
    """

    x: Array  # (N, B) positions from 0 to 1 where the span is that of the positions; 0 for the absent
    s: Array  # (N, B) salience from 0 to 1
    c: Array  # (N, B) capability
    w: Array  # (N, B) weight, summing to one
    active: Array  # (N, B), bool
    low: Array  # (B,) the position that became 0
    span: Array  # (B,) the length that became 1
    status: Array  # (B,)


def choose(option: str, value: Any, allowed: Any) -> None:
    """Refuse an option that does not exist."""
    names = get_args(allowed)
    if value not in names:
        raise BadInput(
            f"'{value}' is not a choice of '{option}'",
            code="unknown-option",
            path=option,
            hint=f"there are: {', '.join(map(str, names))}",
        )


def flat(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    present: ArrayLike | None,
    *others: ArrayLike,
) -> tuple[tuple[int, ...], list[Array], list[Array]]:
    """Broadcast, make one axis of the batch and put it last.

    Returns
    -------
    tuple
        The batch's shape; positions, saliences, capabilities, presence, ``(N, B)``; and ``others``, ``(B,)``.
    """
    x, s, c = (jnp.atleast_1d(jnp.asarray(a, float)) for a in (positions, saliences, capabilities))
    there = ~jnp.isnan(x) if present is None else jnp.atleast_1d(jnp.asarray(present, bool))
    rest = [jnp.asarray(o, float) for o in others]
    actors = jnp.broadcast_shapes(x.shape[-1:], s.shape[-1:], c.shape[-1:], there.shape[-1:])
    batch = jnp.broadcast_shapes(
        *(a.shape[:-1] for a in (x, s, c, there)), *(o.shape for o in rest)
    )  # fmt: skip
    given = [jnp.broadcast_to(a, (*batch, *actors)).reshape(-1, *actors).T for a in (x, s, c, there)]
    return batch, given, [jnp.broadcast_to(o, batch).reshape(-1) for o in rest]


def salience_scale(s: Array) -> Array:
    """Return 100 if any salience of the call is above 1, and 1 otherwise."""
    return jnp.where((s > 1.0).any(), 100.0, 1.0)


def parties(
    x: Array,
    s: Array,
    c: Array,
    there: Array,
    *,
    weight: Weight = "both",
    span: Array | None = None,
    scale: Array | None = None,
    bystanders: bool = False,
) -> Parties:
    """Judge and clean the actors, ``(N, B)``; ``span`` is ``(B,)`` and ``NaN`` for that of the positions."""
    needs_s, needs_c = weight in ("both", "salience"), weight in ("both", "capability")
    full = salience_scale(jnp.where(there, s, 0.0)) if scale is None else scale
    s = s / full if needs_s else jnp.ones_like(s)
    c = c if needs_c else jnp.ones_like(c)
    unknown = there & (jnp.isnan(x) | jnp.isnan(s) | jnp.isnan(c))
    outside = there & ((s < 0) | (c < 0) | (s > 1) | jnp.isinf(x) | jnp.isinf(c))
    good = there & ~unknown & ~outside
    s, c = jnp.where(good, s, 0.0), jnp.where(good, c, 0.0)
    w = s * c
    active = good if bystanders else good & (w > 0)
    mass = w.sum(0)
    status = jnp.where(
        unknown.any(0),
        Status.MISSING,
        jnp.where(outside.any(0) | ~(mass > 0), Status.INVALID, Status.CONVERGED),
    )
    low = jnp.where(active, x, jnp.inf).min(0)
    high = jnp.where(active, x, -jnp.inf).max(0)
    ok = status == Status.CONVERGED
    low, high = jnp.where(ok, low, 0.0), jnp.where(ok, high, 1.0)
    width = high - low
    if span is not None:
        status = jnp.where(ok & ~(jnp.isnan(span) | (span > 0)), Status.INVALID, status)
        width = jnp.where(span > 0, span, width)
    width = jnp.where(width > 0, width, 1.0)
    active = active & (status == Status.CONVERGED)
    x = jnp.where(active, (x - low) / width, 0.0)
    w = jnp.where(active, w / jnp.where(mass > 0, mass, 1.0), 0.0)
    return Parties(x, s, c, w, active, low, width, status.astype(jnp.int32))


def lower_median(x: Array, w: Array, active: Array) -> Array:
    """Smallest position that half of the weight, ``(N, B)``, is at or below."""
    upto = jnp.where(x[:, None] <= x[None, :], w[:, None], 0.0).sum(0)
    reached = active & (upto >= 0.5 * (1.0 - 1e-12) * w.sum(0))
    return jnp.where(reached, x, jnp.inf).min(0)


def outcome(values: Array, given: Parties, batch: tuple[int, ...]) -> Array:
    """Put positions, ``(B,)``, back on the scale they came from; ``NaN`` where nothing could be computed."""
    bad = (given.status == Status.MISSING) | (given.status == Status.INVALID)
    return jnp.where(bad, jnp.nan, given.low + given.span * values).reshape(batch)
