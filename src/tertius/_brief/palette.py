"""One colour per power, the same everywhere.

The palette is after Okabe and Ito's, which people with any common colour blindness can tell apart. A violet stands in
for their yellow, which is lost on white paper; it comes before the two others that stand out less. Every mark is also
labelled with its power's name, so that nothing hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["NEUTRAL", "colours"]

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#5A2D82", "#E69F00", "#56B4E9", "#000000")
NEUTRAL = "#5F6B76"


def colours(powers: Iterable[str]) -> Mapping[str, str]:
    """Give each power its colour, by the case's order; with more than eight the palette begins again."""
    return {power: _COLOURS[i % len(_COLOURS)] for i, power in enumerate(powers)}
