"""What claims may read of the coming years."""

from __future__ import annotations

from tertius.case import Case
from tertius.claims.tables import Entry

__all__ = ["TABLE", "labels"]

TABLE: tuple[Entry, ...] = (
    Entry("outlook", "lever", ("draw", "scenario", "year", "power"), "log points"),
    Entry("outlook", "lever_in", ("draw", "scenario", "moment", "power", "domain"), "log points"),
    Entry("outlook", "effective_powers", ("draw", "scenario", "year"), "powers"),
    Entry("outlook", "effective_in", ("draw", "scenario", "moment", "domain"), "powers"),
    Entry("outlook", "effective_fall", ("draw", "scenario"), "powers"),
    Entry("outlook", "beyond_fall", ("draw", "scenario"), "powers"),
    Entry("outlook", "years_to_overtake", ("draw", "learned", "power", "rival"), "years"),
)


def labels(case: Case) -> dict[str, tuple[str, ...]]:
    """Labels of the scenarios, the years, the domains, and what late-comers learn in."""
    assert case.outlook is not None
    crisis = case.crisis is not None and case.rescue is not None
    domains = list(case.domains)
    if case.trade is not None:
        routes = any(route.owner for route in case.trade.routes)
        domains = ["trade", *(["transit"] if routes else []), *domains]
    found: dict[str, tuple[str, ...]] = {
        "scenario": ("as_is", *(("rescued", "alone") if crisis else ()), *list(case.exits)[:1]),
        "year": tuple(str(y) for y in range(case.outlook.horizon + 1)),
        "moment": ("now", "horizon"),
        "domain": (*domains, *(("guarantee",) if crisis else ())),
    }
    if case.outlook.learning:
        found |= {"learned": tuple(case.outlook.learning), "rival": tuple(case.powers)}
    return found
