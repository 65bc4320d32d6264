"""Words that are put into a chart once it is drawn.

The renderer looks up every letter's outline to see how far a word reaches, and more than once, which takes longer than
all else that it does. Where a word cannot reach the edge of the drawing, nothing hangs on that: its place is drawn
blank, with a number by which it is found again.
"""

from __future__ import annotations

import html
import re

__all__ = ["Lettering", "width"]

_PLACE = re.compile(
    r'<text aria-label="(\d*)" role="graphics-symbol" aria-roledescription="text mark"([^>]*?)'
    r"(?:/>|>((?:<tspan[^>]*/>)+)</text>|>)"
)
"""A text with a number: a blank one, one of blank lines, or the beginning of one that has its words."""

_EMS = {
    c: ems / 1000
    for ems, letters in {
        278: " ',./Iijl|",
        333: "!()-:;[]`ft\\",
        389: "*r{}",
        474: '"',
        500: "z",
        556: "#$0123456789J_aceksvxy–",
        584: "+<=>^~",
        611: "?FLTZbdghnopqu",
        667: "EPSVXY",
        722: "&ABCDHKNRU",
        778: "GOQw",
        833: "M",
        889: "%m",
        944: "W",
        1015: "@",
    }.items()
    for c in letters
}
"""How wide letters are in Helvetica Bold, and in what is made to be as wide: upright ones are no wider."""


def width(text: str, size: float) -> float:
    """How wide a line of a size in pixels is at most, upright or bold; letters that are not known count as an em."""
    return size * sum(_EMS.get(c, 1.0) for c in text)


class Lettering:
    """The words of one chart that are not drawn with it."""

    def __init__(self) -> None:
        self._words: list[list[str]] = []

    def leave_out(self, text: str, size: float, room: float) -> tuple[str, str]:
        """What to draw in a text's place, and its number: itself without one if a line may need more room."""
        # The renderer leaves out blanks at the ends.
        lines = [line.strip() for line in text.split("\n")]
        if not all(lines) or any(width(line, size) > room for line in lines):
            return text, ""
        self._words.append(lines)
        return "\n" * (len(lines) - 1), str(len(self._words) - 1)

    def put_into(self, svg: str) -> str:
        """The drawing with the words in their places, and without the numbers."""
        return _PLACE.sub(self._filled, svg)

    def _filled(self, place: re.Match[str]) -> str:
        number, style, blank = place.groups()
        if not number:
            return f"<text{place[0][place.start(2) - place.start() :]}"
        words = [html.escape(line, quote=False) for line in self._words[int(number)]]
        if blank is None:
            return f"<text{style}>{words[0]}</text>"
        parts = [f"{part}>{line}</tspan>" for part, line in zip(blank.split("/>"), words, strict=False)]
        return f"<text{style}>{''.join(parts)}</text>"
