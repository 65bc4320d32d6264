"""What claims may read of what the observers learn."""

from __future__ import annotations

from tertius.case import Case
from tertius.claims.tables import Entry

__all__ = ["TABLE", "labels"]

TABLE: tuple[Entry, ...] = (
    Entry("reputation", "belief", ("draw", "observer", "power", "moment"), "probability"),
    Entry("reputation", "lesson", ("draw", "observer", "power"), "log points"),
    Entry("reputation", "hold", ("draw", "observer", "power", "moment"), "log points"),
    Entry("reputation", "hold_guarantee", ("draw", "observer", "power", "moment"), "log points"),
    Entry("reputation", "worth", ("draw", "power", "taught"), "log points"),
    Entry("reputation", "worth_by", ("draw", "power", "taught", "channel"), "log points"),
)


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """Labels of the observers and the moments."""
    return {
        "observer": tuple(case.observers),
        "moment": ("before", "honoured", "refused"),
        "taught": ("honoured", "refused"),
        "channel": ("domain", "guarantee"),
    }
