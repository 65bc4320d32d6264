"""What claims may read of investors."""

from __future__ import annotations

from tertius.case import Case
from tertius.claims.tables import Entry

__all__ = ["TABLE", "labels"]

TABLE: tuple[Entry, ...] = (
    Entry("investors", "premium", ("draw", "year"), "points"),
    Entry("investors", "loss", ("draw", "shock"), "log points"),
    Entry("investors", "loss_path", ("draw", "shock", "year"), "log points"),
    Entry("investors", "foreign", ("draw", "change"), "log points"),
    Entry("investors", "foreign_path", ("draw", "change", "year"), "log points"),
)


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """Labels of the shocks and the years."""
    return {
        "shock": ("crisis", "exit", "both", "interaction"),
        "change": ("crisis", "exit", "both"),
        "year": ("0", "1", "2", "3", "4", "5"),
    }
