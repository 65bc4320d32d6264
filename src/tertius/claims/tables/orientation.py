"""What claims may read of where the client leans."""

from __future__ import annotations

from datetime import timedelta

from tertius.case import Case
from tertius.claims.tables import Entry

__all__ = ["TABLE", "labels"]

_POWER = ("draw", "power")
_MOMENT = ("draw", "power", "when")
_SIGN = ("draw", "power", "signal")

TABLE: tuple[Entry, ...] = (
    Entry("orientation", "tilt", _MOMENT, "tilt"),
    Entry("orientation", "tilt_sd", _MOMENT, "tilt"),
    Entry("orientation", "shift", _POWER, "tilt"),
    Entry("orientation", "shift_sd", _POWER, "tilt"),
    Entry("orientation", "moved", _POWER, "probability"),
    Entry("orientation", "moved_up", _POWER, "probability"),
    Entry("orientation", "moved_down", _POWER, "probability"),
    Entry("orientation", "moved_unseen", _POWER, "probability"),
    Entry("orientation", "moved_alone", _SIGN, "probability"),
    Entry("orientation", "contribution", _SIGN, "tilt"),
    Entry("orientation", "tilt_low", ("power", "when"), "tilt"),
    Entry("orientation", "tilt_high", ("power", "when"), "tilt"),
)

_FOLLOW_UP = (91, 182, 273, 365)


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """Labels of the moments and the signs."""
    if case.signals is None:
        return {}
    events = sorted(case.signals.events, key=lambda sign: sign.date)
    days = [sign.date for sign in events] + [events[-1].date + timedelta(days=n) for n in _FOLLOW_UP]
    return {
        "when": ("before", *dict.fromkeys(day.isoformat() for day in days)),
        "signal": tuple(sign.id for sign in events),
    }
