"""What is believed of each power's reliability: from a case's history, and after the present request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.world import Figures
from tertius.case import Case
from tertius.case.schema.base import PartialDate
from tertius.case.schema.beliefs import Observer, Request
from tertius.models import reputation

__all__ = [
    "Beliefs",
    "belief_ahead",
    "client_beliefs",
    "observer_beliefs",
    "watchers",
    "years_between",
]

Array = NDArray[np.float64]

YEAR = 365.25


@dataclass(frozen=True)
class Beliefs:
    """The mean of a holder's belief that a power honours requests, shape (n, P) each; ``NaN`` = not stated.

    Attributes
    ----------
    before
        From history alone.
    honoured, refused
        Once the present request has been honoured, or refused.
    """

    before: Array
    honoured: Array
    refused: Array


def years_between(earlier: PartialDate, later: dt.date) -> float:
    """Years from a date, of which the day or the month may not be known, to a day; the middle where in doubt."""
    known = [int(p) for p in str(earlier).split("-")]
    year, month, day = known + {1: [7, 1], 2: [15], 3: []}[len(known)]
    return (later - dt.date(year, month, day)).days / YEAR


def client_beliefs(case: Case, figures: Figures) -> Beliefs:
    """What the client believes of every power. Its own request is as like its own case as can be."""
    first = None if case.rescue is None else case.rescue.belief
    shape = figures.draws.size, len(case.powers)
    if first is None:
        return Beliefs(*(np.full(shape, np.nan) for _ in range(3)))
    path = "rescue.belief"
    start = figures(f"{path}.honoured", first.honoured), figures(f"{path}.refused", first.refused)
    half_life = figures(f"{path}.half_life", first.half_life)
    return _beliefs(case, figures, "client", tuple(case.powers), start, half_life, np.ones(shape[0]))


def belief_ahead(case: Case, figures: Figures, power: str, years: Array) -> Array:
    """The client's belief in one power in the years to come, if nobody asks it again: every request fades.

    Returns
    -------
    Array
        Shape (n, 2, Y): from history alone, and with the present request honoured; ``NaN`` = not stated.
    """
    first = None if case.rescue is None else case.rescue.belief
    n = figures.draws.size
    if first is None:
        return np.full((n, 2, len(years)), np.nan)
    path = "rescue.belief"
    start = figures(f"{path}.honoured", first.honoured), figures(f"{path}.refused", first.refused)
    half_life = figures(f"{path}.half_life", first.half_life)
    honoured, similarity, age = _requests(case, figures, "client", power)
    made = in_blocks(
        partial(_ahead, years=jnp.asarray(years, float)), *start, honoured, similarity, age, half_life
    )
    return np.asarray(made)


def _requests(case: Case, figures: Figures, holder: str, power: str) -> tuple[Array, Array, Array]:
    """Past requests of one power as one holder sees them: outcome, similarity, age in years, shape (n, H) each."""
    n, H = figures.draws.size, len(case.history)
    honoured, similarity, age = np.zeros((3, n, H))
    for j, request in enumerate(case.history):
        age[:, j] = years_between(request.date, _now(case))
        if request.patron == power and holder in request.similarity:
            honoured[:, j], similarity[:, j] = _request(figures, request, holder)
    return honoured, similarity, age


def _request(figures: Figures, request: Request, holder: str) -> tuple[Array, Array]:
    """How one request went, and how like one holder's own case it was, shape (n,) each."""
    path = f"history.{request.id}"
    honoured = figures(f"{path}.honoured", request.honoured)
    return honoured, figures(f"{path}.similarity.{holder}", request.similarity[holder])


def _now(case: Case) -> dt.date:
    """The day of the present request."""
    return case.date if case.rescue is None or case.rescue.asked is None else case.rescue.asked


def watchers(case: Case, power: str) -> tuple[str, ...]:
    """The observers that could turn to a power."""
    return tuple(o for o, record in case.observers.items() if not record.patrons or power in record.patrons)


def observer_beliefs(case: Case, figures: Figures) -> Mapping[str, Beliefs]:
    """What every observer believes of the powers that it could turn to; ``NaN`` for the others."""
    return {name: _observer(case, figures, name, record) for name, record in case.observers.items()}


def _observer(case: Case, figures: Figures, name: str, record: Observer) -> Beliefs:
    path = f"observers.{name}"
    start = figures(f"{path}.honoured", record.honoured), figures(f"{path}.refused", record.refused)
    half_life = figures(f"{path}.half_life", record.half_life)
    # One that does not say how like its own case it finds this one does not learn from it.
    likeness = (
        np.zeros(figures.draws.size)
        if record.similarity is None
        else figures(f"{path}.similarity", record.similarity)
    )
    powers = tuple(p for p in case.powers if name in watchers(case, p))
    return _beliefs(case, figures, name, powers, start, half_life, likeness)


def _beliefs(
    case: Case,
    figures: Figures,
    holder: str,
    powers: Sequence[str],
    first: tuple[Array, Array],
    half_life: Array,
    likeness: Array,
) -> Beliefs:
    n, H = figures.draws.size, len(case.history)
    honoured, similarity = np.zeros((2, n, H))
    for j, request in enumerate(case.history):
        # What says nothing to this holder stays at a similarity of zero, so that one compiled program serves all.
        if holder in request.similarity:
            honoured[:, j], similarity[:, j] = _request(figures, request, holder)
    age = np.array([years_between(request.date, _now(case)) for request in case.history])
    patron = np.array([[request.patron == p for request in case.history] for p in case.powers], bool)
    model = partial(_program, age=age, patron=patron.reshape(len(case.powers), H))
    made = in_blocks(model, *first, honoured, similarity, half_life, likeness)
    known = np.array([p in powers for p in case.powers])
    return Beliefs(*(np.where(known, x, np.nan) for x in made))


@jax.jit
def _program(
    a: jax.Array,
    b: jax.Array,
    honoured: jax.Array,
    similarity: jax.Array,
    half_life: jax.Array,
    likeness: jax.Array,
    *,
    age: jax.Array,
    patron: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The mean before, once the present request was honoured, once it was refused: shape (n, P) each."""
    # A request says nothing about the powers that were not asked.
    said = jnp.where(patron, similarity[:, None, :], 0.0)
    first = reputation.Reliability(a[:, None], b[:, None])
    belief = reputation.learn(first, honoured[:, None, :], said, age, half_life[:, None])
    honoured_now, refused_now = (reputation.update(belief, y, likeness[:, None]) for y in (1.0, 0.0))
    return belief.mean, honoured_now.mean, refused_now.mean


@jax.jit
def _ahead(
    a: jax.Array,
    b: jax.Array,
    honoured: jax.Array,
    similarity: jax.Array,
    age: jax.Array,
    half_life: jax.Array,
    *,
    years: jax.Array,
) -> jax.Array:
    """Means of the belief by year, from history and with the present request honoured, shape (n, 2, Y)."""
    first = reputation.Reliability(a, b)
    now = reputation.learn(first, honoured, similarity, age, half_life)
    both = (now, reputation.update(now, 1.0))
    return jnp.stack([reputation.fading(first, one, years, half_life).mean for one in both], axis=1)
