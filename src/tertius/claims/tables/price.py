"""What claims may read of the price of a rescue."""

from __future__ import annotations

from tertius.case import Case
from tertius.claims.tables import Entry

__all__ = ["TABLE", "labels"]

_BRANCH = ("draw", "concession", "branch")
_THREAT = ("draw", "concession", "branch", "threat")


def _probability(name: str, dims: tuple[str, ...]) -> Entry:
    return Entry("price", name, dims, "probability")


def _points(name: str, dims: tuple[str, ...]) -> Entry:
    return Entry("price", name, dims, "log points")


TABLE: tuple[Entry, ...] = (
    _probability("demanded", _BRANCH),
    _probability("granted", _BRANCH),
    _probability("paid", _BRANCH),
    _probability("price", ("draw", "concession")),
    _probability("some", ("draw", "branch")),
    _probability("because", ("draw",)),
    _probability("spared", ("draw",)),
    _probability("believed", _BRANCH),
    _points("worth", _BRANCH),
    Entry("price", "brought", _THREAT, "share"),
    _points("threat_lever", _THREAT),
    _points("threat_cost", _THREAT),
    _probability("demanded_with", _THREAT),
    _probability("granted_with", _THREAT),
    _probability("believed_with", _THREAT),
    _points("granting_cost", ("draw", "concession")),
    _points("third_party_loss", ("draw", "concession")),
    _points("own_damage", ("draw", "concession")),
    Entry("price", "size", ("draw",), "ratio"),
    _points("lever_at", ("draw", "held", "moment")),
    _points("lever_new", ("draw", "held")),
    _points("lever_created", ("draw", "held")),
)


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """Labels of the concessions, the threats and what they are compared over."""
    threats: list[str] = []
    if case.trade is not None:
        threats.append("trade")
        if any(route.owner for route in case.trade.routes):
            threats.append("transit")
    threats += case.domains
    if case.crisis is not None and case.rescue is not None:
        threats.append("guarantee")
    found: dict[str, tuple[str, ...]] = {
        "concession": tuple(case.concessions),
        "branch": ("rescued", "alone"),
        "threat": (*threats, "everything"),
    }
    if case.rescue is not None:
        found |= {"held": (*threats, "total"), "moment": ("before", "rescued", "alone")}
    return found
