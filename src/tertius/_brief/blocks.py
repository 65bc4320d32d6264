"""What a section of a brief is made of, whether it is shown in a terminal or on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tertius._brief.charts import Picture
from tertius._brief.words import Estimate

__all__ = [
    "Block",
    "Bullets",
    "Cell",
    "Drawing",
    "Figure",
    "Paragraph",
    "Part",
    "Said",
    "Table",
    "estimate_cell",
    "head",
    "say",
]


@dataclass(frozen=True)
class Said:
    """A line of the answer that a brief opens with: what it is about, and one sentence."""

    label: str
    sentence: str


@dataclass(frozen=True)
class Cell:
    """One cell of a table: what it says, the smaller line below, where it leads."""

    text: str
    small: str = ""
    href: str = ""
    colour: str = ""
    head: bool = False
    numeric: bool = True
    words: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    caption
        Above it on a page, and its name for a screen reader.
    header, rows
        Cells; the first of each row is its head.
    strong
        Numbers of the rows that stand out.
    terminal
        Whether a terminal shows it too.
    """

    caption: str
    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    strong: frozenset[int] = frozenset()
    terminal: bool = True


@dataclass
class Figure:
    """Charts that belong together, with their heading, an explanation and the numbers behind them."""

    heading: str
    note: str
    pictures: list[Picture] = field(default_factory=list)
    table: Table | None = None
    wide: bool = False


@dataclass(frozen=True)
class Paragraph:
    """A sentence or several; ``hint`` makes them small print."""

    text: str
    hint: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Drawing:
    """An SVG that was not drawn as a chart, a game tree for one. ``words`` say the same to who cannot see it."""

    heading: str
    note: str
    svg: str
    words: str


Block = Paragraph | Bullets | Table | Figure | Drawing


@dataclass(frozen=True)
class Part:
    """One section of a brief.

    Attributes
    ----------
    id
        Anchor on the page, no blanks.
    nav
        Two words for the table of contents.
    title
        Heading.
    blocks
        In the order of reading. A terminal leaves out figures and drawings, but shows a figure's table where the
        table says so.
    """

    id: str
    nav: str
    title: str
    blocks: Sequence[Block]


def head(text: str, colour: str = "", *, href: str = "", small: str = "", words: bool = False) -> Cell:
    """Make the head of a row or column."""
    return Cell(text, small=small, colour=colour, head=True, numeric=False, href=href, words=words)


def estimate_cell(estimate: Estimate, href: str = "") -> Cell:
    """Show a median with its interval below."""
    return Cell(estimate.text(), estimate.interval(), href)


def say(text: str) -> Cell:
    """Make a cell of words."""
    return Cell(text, numeric=False)
