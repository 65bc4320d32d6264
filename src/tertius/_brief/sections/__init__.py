"""Sections of a brief beyond levers and the vacuum, one module each, in the order in which a reader meets them.

A module has one or more of these, each of them a pure function of the findings as read::

    def part(reading: Reading) -> Part | None:            # the section; None where its groups are absent
    def said(reading: Reading) -> list[Said]:             # lines of the opening answer, each a short sentence
    def summary(reading: Reading) -> dict[str, object]:   # top-level keys of the JSON summary, absent groups left out

A part is written once, as blocks (:mod:`tertius._brief.blocks`), and shown both in the terminal and on the page.
``reading.dataset("regime")`` gives a group, ``estimates(array)`` medians and intervals by label,
``tertius._brief.summary.estimate`` their form in JSON. To add one: the module, and its name in :data:`SECTIONS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from tertius._brief.blocks import Part, Said
from tertius._brief.reading import Reading

__all__ = ["CLOSING", "SECTIONS", "closing", "parts", "said", "summaries"]

SECTIONS: tuple[str, ...] = (
    "crisis",
    "price",
    "bargaining",
    "learned",
    "orientation",
    "investors",
    "outlook",
)
"""The sections that stand before the claims, in the order of reading."""

CLOSING: tuple[str, ...] = ("sure",)
"""The sections that stand after the claims."""


def _modules(names: Sequence[str]) -> list[ModuleType]:
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def parts(reading: Reading) -> list[Part]:
    """The sections before the claims that the findings have something for."""
    made = [reading.once(module.part) for module in _modules(SECTIONS) if hasattr(module, "part")]
    return [part for part in made if part is not None]


def closing(reading: Reading) -> list[Part]:
    """The sections after the claims that the findings have something for."""
    made = [reading.once(module.part) for module in _modules(CLOSING)]
    return [part for part in made if part is not None]


def said(reading: Reading) -> list[Said]:
    """The lines that open the answer, before that of the vacuum."""
    made = [reading.once(module.said) for module in _modules(SECTIONS) if hasattr(module, "said")]
    return [line for lines in made for line in lines]


def summaries(reading: Reading) -> dict[str, Any]:
    """What the sections add to the JSON summary."""
    out: dict[str, Any] = {}
    for module in _modules((*SECTIONS, *CLOSING)):
        if hasattr(module, "summary"):
            out |= module.summary(reading)
    return out
