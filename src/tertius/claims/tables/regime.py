"""What claims may read of ``/regime``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tertius.claims.tables import Entry

if TYPE_CHECKING:
    from tertius.case import Case

__all__ = ["TABLE", "labels"]

_BRANCH = ("draw", "branch")
_POWERS = ("draw", "power", "branch")

TABLE: tuple[Entry, ...] = (
    *(
        Entry("regime", name, _BRANCH, unit)
        for name, unit in (
            ("survival", "probability"),
            ("collapse", "probability"),
            ("drawn_out", "probability"),
            ("restored", "probability"),
            ("theta_star", "share"),
            ("theta_kappa", "share"),
            ("survival_best", "probability"),
            ("survival_worst", "probability"),
            ("multiple", "1"),
            ("fragility", "probability per log point"),
        )
    ),
    Entry("regime", "points", ("draw", "door"), "probability"),
    Entry("regime", "survival_by_power", _POWERS, "probability"),
    Entry("regime", "collapse_by_power", _POWERS, "probability"),
    Entry("regime", "drawn_out_by_power", _POWERS, "probability"),
    Entry("regime", "theta_star_by_power", _POWERS, "share"),
    Entry("regime", "points_by_power", ("draw", "power", "door"), "probability"),
)


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """The labels of its own dims: help from outside has some only where the case has a rescue."""
    if case.rescue is None:
        return {"branch": ("alone",)}
    return {
        "branch": ("alone", "refused", "helped"),
        "door": ("force", "signal", "fear", "plea"),
    }
