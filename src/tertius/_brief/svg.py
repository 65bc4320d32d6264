"""The few pieces of SVG that drawings share: words on a line, and where a line ends."""

from __future__ import annotations

import textwrap
from html import escape

__all__ = ["FONT", "INK", "SOFT", "text", "wrapped"]

INK = "#1E252B"
SOFT = "#55616C"
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"


def wrapped(words: str, size: float, width: float) -> list[str]:
    """Break words into lines that fit a width; a letter of this typeface is a little over half as wide as high."""
    return textwrap.wrap(words, max(8, int(width / (0.54 * size)))) or [""]


def text(
    x: float, y: float, words: str, size: float, colour: str = INK, *, bold: bool = False, end: bool = False
) -> str:
    """Write words, beginning or ending at a point of their base line."""
    weight = ' font-weight="bold"' if bold else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}"{weight}{anchor}>{escape(words)}</text>'
