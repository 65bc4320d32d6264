"""What is common to answers about the world: names, colours, estimates, what is odd about the data, whose they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from tertius._brief.blocks import Block, Bullets, Cell, Paragraph, Part
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.reading import estimates
from tertius._brief.words import Estimate, spelled

__all__ = ["NONE", "Answer", "Fact", "Mark", "about_parts", "colour_of", "estimate_of", "point"]

NONE = Estimate(math.nan, math.nan, math.nan, math.nan, "", 0)

# One power, one colour, on every page about the world; whoever is not here is grey, and named.
_FIXED = colours(("USA", "CHN", "RUS", "IND", "DEU", "JPN", "TUR", "FRA"))
_SAME = {"eu": "DEU", "west": "USA"}


@dataclass(frozen=True)
class Fact:
    """A number in large type, with what it is."""

    figure: str
    small: str
    words: str
    colour: str = ""


@dataclass(frozen=True)
class Mark:
    """A country on the map."""

    iso3: str
    fill: str
    words: str


@dataclass
class Answer:
    """An answer as a reader sees it, wherever it is shown.

    Attributes
    ----------
    title, question, sentence
        The heading, what was asked, and the answer in one sentence.
    facts
        Numbers in large type.
    parts
        Sections, in the order of reading.
    first
        Rows of the main table, for a terminal: name, colour, median, the line's words.
    data
        What goes to JSON.
    columns
        Headings of the main table in a terminal, where they are not those of every answer of the kind.
    """

    title: str
    question: str
    sentence: str
    facts: Sequence[Fact]
    parts: Sequence[Part]
    first: Sequence[Sequence[Any]] = field(default_factory=tuple)
    data: Mapping[str, Any] = field(default_factory=dict)
    columns: Sequence[str] = ()


class Stratified(Estimate):
    """An estimate over a Latin hypercube of few inputs, whose error falls with the draws and not with their root."""

    @property
    def decimals(self) -> int:
        """So many as the draws support, and three figures at most."""
        finite = [abs(x) for x in (self.median, self.p05, self.p95) if math.isfinite(x)]
        largest = max(finite, default=0.0)
        width = self.p95 - self.p05
        error = width / self.draws if self.draws > 1 and math.isfinite(width) else 0.0
        by_error = math.floor(-math.log10(error)) if error > 0 else 2
        by_figures = 2 - math.floor(math.log10(largest)) if largest > 0 else 2
        return max(0, min(2, by_error, by_figures))


def colour_of(power: str) -> str:
    """Give a country or bloc its colour, the same everywhere."""
    return _FIXED.get(_SAME.get(power, power), NEUTRAL)


def estimate_of(data: xr.Dataset, name: str) -> dict[tuple[str, ...], Estimate]:
    """Medians and intervals over draws, by the labels of the other dims; empty where there were no draws."""
    if name not in data or not data.sizes.get("draw"):
        return {}
    return {
        label: Stratified(e.median, e.p05, e.p95, e.mean, e.unit, e.draws)
        for label, e in estimates(data[name]).items()
    }


def point(value: float, unit: str = "log points") -> Estimate:
    """A single number as an estimate without an interval."""
    return Estimate(value, value, value, value, unit, 1 if not math.isnan(value) else 0)


def about_parts(data: xr.Dataset) -> list[Part]:
    """Sections that close every answer: what is odd about the data, what was assumed, whose data, how computed."""
    attrs = data.attrs
    parts = []
    lines: list[Block] = []
    flags = json.loads(attrs["flags"])
    if flags:
        lines.append(Bullets([_sentence(flag["text"]) for flag in flags]))
    missing = int(attrs.get("missing", 0))
    if missing and attrs["client"]:
        lines.append(
            Paragraph(
                f"Trade with {spelled(missing, 'economy', 'economies')} is reported by neither side: missing, not zero."
            )
        )
    elif missing:
        lines.append(
            Paragraph(
                f"{spelled(missing, 'pair')} of economies: trade reported by neither side. Missing, not zero."
            )
        )
    left = json.loads(attrs["left_out"])
    if left:
        share = attrs.get("trade_left_out")
        weight = f" ({100 * share:.1f} % of its trade)" if share is not None and share >= 0.0005 else ""
        lines.append(
            Paragraph(
                f"Left out, for want of a gross domestic product of {attrs['year']}: {', '.join(left)}{weight}.",
                hint=True,
            )
        )
    if attrs.get("lifted"):
        lines.append(
            Paragraph(
                f"{attrs['lifted']}: exports nearly reach or exceed output, so sales at home are an assumed floor, "
                "and the lever hangs on it."
            )
        )
    if lines:
        parts.append(Part("data", "The data", "What to know about the data", lines))
    told: list[Block] = [Bullets(json.loads(attrs["assumed"]))]
    notes = json.loads(attrs["notes"])
    if notes:
        told.append(Bullets([_sentence(note) for note in notes]))
    parts.append(Part("assumed", "Assumed", "What is assumed", told))
    return parts


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def cell_of(estimate: Estimate) -> Cell:
    """An estimate for a table; a dash where there is none."""
    return Cell(estimate.text(), estimate.interval()) if estimate.draws else Cell("missing")
