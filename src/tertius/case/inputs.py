"""The figures that a study draws: every quantity of a case's computed sections, with its home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from tertius.case.quantity import Quantity
from tertius.case.walk import walk

if TYPE_CHECKING:
    from tertius.case.schema.root import Case

__all__ = ["SECTIONS", "Input", "collect"]

SECTIONS = (
    "powers",
    "trade",
    "domains",
    "exits",
    "crisis",
    "treaties",
    "rescue",
    "concessions",
    "issues",
    "observers",
    "history",
    "signals",
    "investors",
    "outlook",
)
"""The sections whose figures models read."""


@dataclass(frozen=True, slots=True)
class Input:
    """A figure of a case.

    Attributes
    ----------
    path
        Dotted path, as ``--set`` takes it; list items by their id.
    quantity
        The figure with its distribution.
    kind
        ``sourced`` where a source is given, for the figure or for its table; otherwise ``assumed``.
    unit
        The stated unit, or the field's; blank where neither is known.
    sources
        Keys of the bibliography; empty for an assumption.
    reason
        Why it was assumed; blank for a sourced figure.
    """

    path: str
    quantity: Quantity
    kind: Literal["sourced", "assumed"]
    unit: str
    sources: tuple[str, ...]
    reason: str

    @property
    def exact(self) -> bool:
        """Whether it has no spread."""
        return self.quantity.is_exact


def collect(case: Case) -> tuple[Input, ...]:
    """Every figure of the computed sections, in the order of the schema and of the case's own names."""
    found: list[Input] = []
    for section in SECTIONS:
        content = getattr(case, section)
        if isinstance(content, dict):
            for key, record in content.items():
                found.extend(_of(case, record, (section, key), (section, key)))
        elif isinstance(content, tuple):
            for number, record in enumerate(content):
                found.extend(_of(case, record, (section, number), (section, str(record.id))))
        elif content is not None:
            found.extend(_of(case, content, (section,), (section,)))
    return tuple(found)


def _of(case: Case, record: BaseModel, path: tuple[str | int, ...], names: tuple[str, ...]) -> list[Input]:
    inputs = []
    for item in walk(record, path, names):
        if item.kind:
            continue
        quantity: Quantity = item.value
        sources, reason, unit = quantity.source or (), quantity.assumed or "", quantity.measure
        if case.trade is not None and item.path[:2] == ("trade", "flows"):
            table = case.trade.flows[str(item.path[2])]
            unit = unit or case.trade.unit
            if not sources and not reason:
                sources, reason = table.source or (), table.assumed or ""
        if not sources and not reason:
            reason = "chosen for the what-if" if quantity.choice else "no source given"
        inputs.append(
            Input(item.dotted, quantity, "sourced" if sources else "assumed", unit, sources, reason)
        )
    return inputs
