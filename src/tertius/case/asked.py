"""Which groups of findings a case asks for: those whose models have the sections that they need.

The study, the claims and the brief all go by this one table, so that an expression which passes before a run can be
evaluated after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tertius.case.schema.root import Case

__all__ = ["NEEDS", "asked"]

NEEDS: Mapping[str, tuple[str, ...]] = {
    "regime": ("crisis",),
    "rescue": ("crisis", "rescue"),
    "reputation": ("observers",),
    "price": ("concessions",),
    "bargaining": ("issues",),
    "orientation": ("signals",),
    "investors": ("investors",),
    "outlook": ("outlook",),
}
"""Group of the findings to the sections without which its model does not run, in the order in which models run:
beliefs from history, survival, the decision to come, then what follows from it."""


def asked(case: Case) -> tuple[str, ...]:
    """Name the groups beyond levers and displacement that a case asks for, in the order of :data:`NEEDS`."""
    return tuple(group for group, needs in NEEDS.items() if all(getattr(case, section) for section in needs))
