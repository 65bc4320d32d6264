"""From a case's sections ``crisis``, ``treaties`` and ``rescue`` to the models' arrays.

A figure that the case does not state is ``NaN``, but for what by its nature can be left out without being unknown: a
door that is not mentioned is shut, a factor that is not mentioned is one, and nothing is owed where nothing is said
to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.world import Figures
from tertius.case import Case
from tertius.case.schema.crisis import Candidate, Costs, Motives
from tertius.models import rescue
from tertius.models.regime import Doors

__all__ = ["Question", "candidate_column", "costs", "crisis_figures", "doors", "gates", "motives", "patron"]

Array = NDArray[np.float64]

CRISIS = (
    "strength",
    "public_precision",
    "private_precision",
    "cost",
    "restoration",
    "damage",
    "income_loss",
    "guarantee_weight",
)
"""The figures of the game, in the order of the models' arguments."""


class Question:
    """Reads figures by path, ``NaN`` (or what is given) where the case states none."""

    def __init__(self, case: Case, figures: Figures) -> None:
        self.case, self.figures = case, figures
        self.size = figures.draws.size

    def __call__(self, record: Any, path: str, name: str, absent: float = np.nan) -> Array:
        """One figure of a record that may be missing, shape (n,)."""
        quantity = None if record is None else getattr(record, name)
        if quantity is None:
            return np.full(self.size, absent)
        return self.figures(f"{path}.{name}", quantity)

    def all(self, record: Any, path: str, names: Sequence[str]) -> list[Array]:
        """Several figures of one record."""
        return [self(record, path, name) for name in names]


def patron(case: Case) -> str | None:
    """The power whose help the case is about: the one asked, or the first that could be."""
    if case.rescue is None:
        return None
    return case.rescue.asked_of or next(iter(case.rescue.candidates))


def crisis_figures(ask: Question) -> dict[str, Array]:
    """The figures of the game, shape (n,) each. Strength is what the crisis's own damage has left of it."""
    values = dict(zip(CRISIS, ask.all(ask.case.crisis, "crisis", CRISIS), strict=True))
    loss = np.where(np.isnan(values["income_loss"]), 0.0, values["income_loss"])
    values["before"] = values["strength"]
    # A product that overflows leaves no game to solve, and the game's status says so.
    with np.errstate(over="ignore", invalid="ignore"):
        values["strength"] = values["strength"] - values["damage"] * loss
    return values


def doors(ask: Question, power: str) -> Doors:
    """The doors of one candidate; all ``NaN`` where the case says nothing of how its help would work."""
    record = _candidate(ask.case, power)
    path = f"rescue.candidates.{power}.doors"
    given = None if record is None else record.doors
    if given is None:
        return Doors(*(np.full(ask.size, np.nan) for _ in range(6)))
    cost = ask(ask.case.crisis, "crisis", "cost")
    fear = cost if given.fear is None else ask(given, path, "fear")
    signal, plea = (
        (ask(record, f"{path}.{name}", "strength", 0.0), ask(record, f"{path}.{name}", "precision", 0.0))
        for name, record in (("signal", given.signal), ("plea", given.plea))
    )
    return Doors(ask(given, path, "force", 0.0), *signal, fear, *plea)


def gates(ask: Question) -> Array:
    """Probability that a request to each power is lawful, shape (n, P)."""
    case = ask.case
    out = np.full((ask.size, len(case.powers)), np.nan)
    for k, (power, about) in enumerate(case.powers.items()):
        record = _candidate(case, power)
        if record is None:
            continue
        if record.treaty is None:
            out[:, k] = ask(record, f"rescue.candidates.{power}", "gate")
            continue
        treaty = case.treaties[record.treaty]
        parties = set(treaty.members)
        words = (
            treaty.request_clause,
            treaty.covers in ("internal", "any"),
            case.client.iso3 in parties and bool(parties & set(about.members)),
        )
        stated = ask(treaty, f"treaties.{record.treaty}", "gate")
        out[:, k] = in_blocks(_lawful, stated, *(np.full(ask.size, word) for word in words))
    return out


_lawful = jax.jit(rescue.lawful)


def candidate_column(ask: Question, name: str, absent: float = np.nan) -> Array:
    """One figure of every candidate, shape (n, P); ``NaN`` for a power that is none."""
    columns = []
    for power in ask.case.powers:
        record = _candidate(ask.case, power)
        path = f"rescue.candidates.{power}"
        columns.append(ask(record, path, name, np.nan if record is None else absent))
    return np.stack(columns, axis=-1)


def motives(ask: Question, power: str) -> rescue.Motives:
    """What the rescue is worth to a power, shape (n,) each."""
    record = _candidate(ask.case, power)
    given: Motives | None = None if record is None else record.motives
    return rescue.Motives(*ask.all(given, f"rescue.candidates.{power}.motives", rescue.Motives._fields))


def costs(ask: Question, power: str) -> rescue.Costs:
    """What sending costs a power, shape (n,) each."""
    record = _candidate(ask.case, power)
    path = f"rescue.candidates.{power}"
    given: Costs | None = None if record is None else record.costs
    sent = ask(record, path, "troops"), ask(record, path, "stay")
    values = dict(
        zip(rescue.Costs._fields[2:], ask.all(given, f"{path}.costs", rescue.Costs._fields[2:]), strict=True)
    )
    if given is not None and given.break_up_protests is None:
        # Where nothing is said of the troops themselves, they do what it takes to restore order.
        values["break_up_protests"] = ask(ask.case.crisis, "crisis", "repression")
    return rescue.Costs(*sent, **values)


def _candidate(case: Case, power: str) -> Candidate | None:
    return None if case.rescue is None else case.rescue.candidates.get(power)
