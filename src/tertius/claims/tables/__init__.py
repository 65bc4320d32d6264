"""What claims may read of the groups beyond levers and displacement: one module a group, named like it.

A module has two things::

    TABLE: tuple[Entry, ...]                             # the group's variables, as docs/findings.md lists them
    def labels(case: Case) -> dict[str, tuple[str, ...]]  # its own dims (not power, domain, flow ...) and their labels

The labels are those that a study of the case will have, in the same order, so that an expression is checked before
anything is computed. To add one: the module, and its name in :data:`TABLES`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tertius.case import Case

__all__ = ["TABLES", "Entry", "labels_of", "table_of"]

TABLES: tuple[str, ...] = (
    "regime",
    "rescue",
    "reputation",
    "price",
    "bargaining",
    "orientation",
    "investors",
    "outlook",
)
"""The groups that there are."""


@dataclass(frozen=True)
class Entry:
    """One row of the documentation: a variable of a section.

    Attributes
    ----------
    section, name
        ``displacement``, ``leverage_gain``.
    dims
        As in the findings, ``draw`` included.
    unit
        As documented; blank where the section gives none.
    leavers
        Whether the powers that leave have a value.
    text
        Whether it holds words, which no claim reads.
    """

    section: str
    name: str
    dims: tuple[str, ...]
    unit: str = ""
    leavers: bool = True
    text: bool = False


def table_of(group: str) -> tuple[Entry, ...]:
    """The variables of a group."""
    table: tuple[Entry, ...] = importlib.import_module(f"{__name__}.{group}").TABLE
    return table


def labels_of(group: str, case: Case) -> dict[str, tuple[str, ...]]:
    """The labels that a group's own dims have in a case."""
    labels: dict[str, tuple[str, ...]] = importlib.import_module(f"{__name__}.{group}").labels(case)
    return labels
