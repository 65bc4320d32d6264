"""What claims may read of ``/rescue``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tertius.claims.tables import Entry

if TYPE_CHECKING:
    from tertius.case import Case

__all__ = ["TABLE", "labels"]

_POWER = ("draw", "power")
_LOG_POINTS = "log points"

TABLE: tuple[Entry, ...] = (
    Entry("rescue", "gate", _POWER, "probability"),
    Entry("rescue", "in_time", _POWER, "1"),
    Entry("rescue", "able", _POWER, "probability"),
    Entry("rescue", "sends", _POWER, "probability"),
    Entry("rescue", "comes", _POWER, "probability"),
    Entry("rescue", "benefit", (*_POWER, "motive"), _LOG_POINTS),
    Entry("rescue", "burden", (*_POWER, "cost"), _LOG_POINTS),
    Entry("rescue", "utility", _POWER, _LOG_POINTS),
    Entry("rescue", "share", (*_POWER, "motive"), "share"),
    Entry("rescue", "shapley", (*_POWER, "term"), "probability"),
    Entry("rescue", "worth", _POWER, _LOG_POINTS),
    Entry("rescue", "worth_by_part", (*_POWER, "part"), _LOG_POINTS),
    Entry("rescue", "asked", ("draw", "protector"), "probability"),
    Entry("rescue", "ends", (*_POWER, "end"), "probability"),
    Entry("rescue", "guarantee", (*_POWER, "state"), _LOG_POINTS),
    Entry("rescue", "belief", (*_POWER, "state"), "probability"),
    Entry("rescue", "observed", (*_POWER, "state"), "probability"),
    Entry("rescue", "strength", (*_POWER, "state"), "share"),
    Entry("rescue", "troops", _POWER, "troops"),
    Entry("rescue", "arrival", _POWER, "days"),
    Entry("rescue", "stay", _POWER, "days"),
    Entry("rescue", "money", _POWER, "million US$"),
)

_MOTIVES = ("own_security", "friendly_regime", "credibility", "influence")
_COSTS = ("money", "approval", "disgrace")


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """The labels of its own dims."""
    return {
        "motive": _MOTIVES,
        "cost": _COSTS,
        "term": (*_MOTIVES, *_COSTS),
        "part": ("plea", "help", "dependence"),
        "protector": (*case.powers, "nobody"),
        "end": ("not_lawful", "refused", "late", "collapse", "drawn_out", "restored"),
        "state": ("before", "rescued", "refused", "alone"),
    }
