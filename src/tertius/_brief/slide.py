"""A summary of the size of a slide: the question, the answer, what it rests on, the levers, the verdicts.

Written as SVG by hand, 1280 by 720, with no picture, script or font of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tertius._brief.answer import verdict_counts
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.reading import Levers, Reading
from tertius._brief.svg import FONT, INK, SOFT, text, wrapped
from tertius._brief.words import spelled

__all__ = ["HEIGHT", "WIDTH", "slide"]

WIDTH, HEIGHT = 1280, 720
_EDGE = 56
_MIDDLE = 760
_MOST = 8
"""Powers for which there is room."""
_ROW = 110
"""Height of a row of key facts."""
_LABELS = 108
"""Width of the labels of the answer's lines."""
_ANSWER = 7
"""Lines of text that the answer may take."""
_VERDICTS = ("supported", "contested", "contradicted", "not testable", "not yet computed")


def _fitted(words: str, sizes: Sequence[float], width: float, most: int) -> tuple[float, list[str]]:
    """Wrap words in the largest size in which they take no more than so many lines; cut off what is left."""
    for size in sizes:
        lines = wrapped(words, size, width)
        if len(lines) <= most:
            return size, lines
    kept = lines[:most]
    kept[-1] = f"{kept[-1][:-1].rstrip(' ,;')}…"
    return size, kept


def _opening(made: Mapping[str, Any]) -> tuple[list[str], float]:
    title_size, title = _fitted(made["title"], (36, 30, 24), WIDTH - 2 * _EDGE, 1)
    parts = [text(_EDGE, 74, title[0], title_size, bold=True)]
    y = 74.0
    if made["names"].question:
        size, lines = _fitted(made["names"].question, (20, 18), WIDTH - 2 * _EDGE, 2)
        for line in lines:
            y += 1.4 * size
            parts.append(text(_EDGE, y, line, size, SOFT))
    y += 20
    parts.append(f'<rect x="{_EDGE}" y="{y:g}" width="{WIDTH - 2 * _EDGE}" height="3" fill="{INK}"/>')
    y += 8
    lines = made["said"]
    if len(lines) == 1:
        size, wrapped_ = _fitted(lines[0].sentence, (26, 23, 20, 17.5, 15.5), WIDTH - 2 * _EDGE, 5)
        for line in wrapped_:
            y += 1.32 * size
            parts.append(text(_EDGE, y, line, size, bold=True))
        return parts, y + 22
    room = WIDTH - 2 * _EDGE - _LABELS
    for size in (18, 17, 16, 15):
        every = [wrapped(line.sentence, size, room) for line in lines]
        if sum(map(len, every)) <= _ANSWER:
            break
    for line, found in zip(lines, every, strict=True):
        parts.append(text(_EDGE, y + 1.4 * size, line.label, 15, SOFT))
        for words in found[:2]:
            y += 1.3 * size
            parts.append(text(_EDGE + _LABELS, y, words, size, bold=True))
        y += 0.25 * size
    return parts, y + 22


def _facts(facts: Sequence[Mapping[str, str]], top: float) -> list[str]:
    """The key facts, two in a row on the right."""
    parts = []
    room = (WIDTH - _EDGE - _MIDDLE) / 2
    for i, fact in enumerate(facts[:4]):
        x, y = _MIDDLE + (i % 2) * room, top + (i // 2) * _ROW
        parts.append(f'<rect x="{x:g}" y="{y:g}" width="5" height="96" fill="{fact["colour"] or NEUTRAL}"/>')
        parts.append(text(x + 18, y + 27, fact["figure"], 30, bold=True))
        parts.append(text(x + 18, y + 48, fact["small"], 15, SOFT))
        lines = wrapped(fact["words"], 15, room - 36)[:2]
        parts += [text(x + 18, y + 69 + 19 * k, line, 15) for k, line in enumerate(lines)]
    return parts


def _levers(found: Levers, reading: Reading, top: float, bottom: float) -> list[str]:
    """Total levers with their intervals, the largest first."""
    palette = colours(reading.names.powers)
    cells = [(p, found.lever[p, "total"]) for p in found.ranked if (p, "total") in found.lever][:_MOST]
    ends = [v for _, e in cells for v in (e.p05, e.p95) if math.isfinite(v)]
    low, high = min(0.0, *ends, 0.0), max(ends, default=1.0) or 1.0
    left, right = _EDGE + 190, _MIDDLE - 160
    step = min(44.0, (bottom - top - 34) / max(len(cells), 1))

    def at(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    parts = [
        text(
            _EDGE,
            top + 16,
            f"What each power could cost {reading.names.client} by withdrawing",
            17,
            bold=True,
        ),
        text(_EDGE, top + 36, "log points, all domains: median, 5th to 95th percentile", 14, SOFT),
    ]
    for i, (power, estimate) in enumerate(cells):
        y = top + 44 + step * (i + 0.5)
        shade = palette.get(power, NEUTRAL)
        name = wrapped(reading.names.power(power), 15, 176)
        if len(name) > 2 or (len(name) > 1 and step < 34):
            name = [f"{name[0]}…"]
        parts += [
            text(left - 12, y + 5 + 17 * (k - (len(name) - 1) / 2), line, 15, end=True)
            for k, line in enumerate(name)
        ]
        if math.isfinite(estimate.p05) and math.isfinite(estimate.p95):
            start, end = at(estimate.p05), at(estimate.p95)
            parts.append(
                f'<rect x="{start:g}" y="{y - 6:g}" width="{max(end - start, 2):g}" height="12" rx="6" '
                f'fill="{shade}" fill-opacity="0.35"/>'
            )
        if math.isfinite(estimate.median):
            parts.append(f'<circle cx="{at(estimate.median):g}" cy="{y:g}" r="7" fill="{shade}"/>')
        parts.append(text(right + 12, y + 5, estimate.full(), 15))
    parts.append(
        f'<rect x="{at(0.0):g}" y="{top + 46:g}" width="1" height="{step * len(cells):g}" fill="{SOFT}"/>'
    )
    return parts


def _claims(reading: Reading, top: float) -> list[str]:
    """The verdicts, counted: a square each, told apart by fill, outline and words."""
    if not reading.claims:
        return []
    parts = [text(_MIDDLE, top + 16, "The claims of the argument", 17, bold=True)]
    room = WIDTH - _EDGE - _MIDDLE
    each = min(22.0, room / len(reading.claims))
    x = float(_MIDDLE)
    styles = {
        "supported": f'fill="{INK}" stroke="{INK}"',
        "contested": f'fill="#9AA5AE" stroke="{INK}"',
        "contradicted": f'fill="#fff" stroke="{INK}" stroke-width="2.5"',
    }
    for verdict in _VERDICTS:
        for claim in reading.claims:
            if claim.verdict == verdict:
                style = styles.get(verdict, f'fill="#fff" stroke="{SOFT}" stroke-dasharray="3 2"')
                parts.append(
                    f'<rect x="{x + 1.5:g}" y="{top + 28:g}" width="{each - 4:g}" height="16" {style}/>'
                )
                x += each
    lines = wrapped(f"{verdict_counts(reading)}.", 15, room)
    parts += [text(_MIDDLE, top + 68 + 20 * i, line, 15) for i, line in enumerate(lines[:2])]
    return parts


def slide(made: Mapping[str, Any], reading: Reading) -> str:
    """Draw the summary.

    Parameters
    ----------
    made
        What the page says.
    reading
        The findings, read.

    Returns
    -------
    str
        An SVG document.
    """
    parts, y = _opening(made)
    facts = made["facts"]
    parts += _facts(facts, y)
    if reading.levers is not None and "total" in reading.levers.domains:
        parts += _levers(reading.levers, reading, y, HEIGHT - 70)
    parts += _claims(reading, y + _ROW * math.ceil(len(facts[:4]) / 2) + (8 if facts else 0))
    origin = reading.provenance
    line = (
        f"Tertius {origin.version} · case {origin.case}, digest {origin.digest[:12]} · "
        f"{spelled(origin.draws, 'draw')}, seed {origin.seed}, {origin.unconverged} unconverged · "
        "intervals: 5th to 95th percentile"
    )
    parts.append(
        f'<rect x="{_EDGE}" y="{HEIGHT - 56}" width="{WIDTH - 2 * _EDGE}" height="1" fill="{SOFT}"/>'
    )
    parts.append(text(_EDGE, HEIGHT - 30, line, 14, SOFT))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="slide-t slide-d" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="{FONT}">'
        f'<title id="slide-t">{escape(made["title"])}</title><desc id="slide-d">{escape(made["answer"])}</desc>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>'
    )
