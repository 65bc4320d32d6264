"""Words that are put into a chart once it is drawn.

The renderer looks up every letter's outline to see how far a word reaches, which takes longer than all else that it
does. Where a word cannot reach the edge of the drawing, nothing hangs on that: a single letter stands in for it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Lettering", "width"]

_STAND_INS = [
    chr(n) for n in (*range(0x410, 0x482), *range(0x48A, 0x530), *range(0x391, 0x3A2), *range(0x3B1, 0x3CA))
]
"""Letters that the renderer's own typeface has: another one would be looked for in every typeface there is."""

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
    """The words of one chart.

    Parameters
    ----------
    data
        The chart's data sets; no letter in them is taken for a stand-in.
    """

    def __init__(self, data: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        told = {
            c for rows in data.values() for row in rows for x in row.values() if isinstance(x, str) for c in x
        }
        self._free = iter([c for c in _STAND_INS if c not in told])
        self._words: dict[str, str] = {}

    def stand_in(self, text: str, size: float, room: float) -> str:
        """What to draw in a text's place: a letter for each line; itself where one may take more than the room."""
        # The renderer leaves out blanks at the ends.
        lines = [line.strip() for line in text.split("\n")]
        if not all(lines) or any(width(line, size) > room for line in lines):
            return text
        letters = [next(self._free, "") for _ in lines]
        if "" in letters:
            return text
        self._words.update(zip(letters, lines, strict=True))
        return "\n".join(letters)

    def put_into(self, svg: str) -> str:
        """The drawing with the words in their places."""
        if not self._words:
            return svg
        return re.sub(
            f">([{''.join(self._words)}])<",
            lambda found: f">{html.escape(self._words[found[1]], quote=False)}<",
            svg,
        )
