"""What claims may read of bargaining over issues."""

from __future__ import annotations

from tertius.case import Case
from tertius.claims.tables import Entry

__all__ = ["TABLE", "labels"]

_ISSUE = ("draw", "issue")

TABLE: tuple[Entry, ...] = (
    Entry("bargaining", "outcome", ("draw", "issue", "model"), "points"),
    Entry("bargaining", "settled", ("draw", "issue", "model"), "share"),
    Entry("bargaining", "forecast", _ISSUE, "points"),
    Entry("bargaining", "status_quo", _ISSUE, "points"),
    Entry("bargaining", "change", _ISSUE, "points"),
    Entry("bargaining", "distance", ("draw", "issue", "actor"), "points"),
    Entry("bargaining", "capability", ("draw", "issue", "actor"), "points"),
    Entry("bargaining", "error", ("model",), "points"),
)


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """Labels of the issues, the models and everybody who takes a position."""
    return {
        "issue": tuple(case.issues),
        "model": (
            "weighted_mean",
            "weighted_median",
            "nash",
            "expected_utility",
            "exchange",
            "condorcet",
        ),
        "actor": tuple(dict.fromkeys(a for issue in case.issues.values() for a in issue.actors)),
    }
