"""Maps of the world, drawn from outlines that come with the package."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

__all__ = ["CLASSES", "GONE", "shade", "shades", "world_map"]

_INK, _LAND, _LINE = "#1E252B", "#F1F3F5", "#FFFFFF"

GONE = "gone"
"""A fill for those who leave: dots, since colours mean powers and shades mean quantities."""

CLASSES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Where one shade ends and the next begins, in log points: levers span orders of magnitude."""

_SHADES = ("#EDF0F2", "#D8DEE3", "#BCC6CE", "#98A6B1", "#6E7E8B", "#47555F", "#1E252B")


def shade(value: float) -> str:
    """Give the shade of a lever; colours mean powers, so that a quantity is a shade of grey."""
    return _SHADES[sum(value >= edge for edge in CLASSES)]


def shades() -> list[tuple[str, str]]:
    """List the shades with what they mean, for a legend."""
    edges = [f"{edge:g}" for edge in CLASSES]
    words = [
        f"below {edges[0]}",
        *(f"{a} to {b}" for a, b in pairwise(edges)),
        f"{edges[-1]} and more",
    ]
    return list(zip(_SHADES, words, strict=True))


@cache
def _outlines() -> dict[str, Any]:
    text = resources.files("tertius._brief").joinpath("templates", "world.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def world_map(
    fills: Mapping[str, tuple[str, str]],
    *,
    key: str,
    title: str,
    description: str,
    legend: Sequence[tuple[str, str]],
    client: str = "",
    missing: str = "no figure",
) -> str:
    """Draw the world.

    Parameters
    ----------
    fills
        ISO3 to (colour, words on hovering).
    key
        An id unique to the page.
    title, description
        For those who do not see it.
    legend
        (colour, words) each, in one or two lines below the map.
    client
        The country that is outlined.
    missing
        What a country without a fill is said to have.

    Returns
    -------
    str
        SVG. Countries too small for an outline are dots at their capitals.
    """
    outlines = _outlines()
    width, height = outlines["width"], outlines["height"]
    parts: list[str] = []
    shapes = {iso3: f'd="{path}"' for iso3, path in outlines["paths"].items()}
    last = ""
    for iso3, path in shapes.items():
        colour, words = fills.get(iso3, (_LAND, ""))
        hidden = iso3 not in fills
        style = f'fill="{_paint(colour if not hidden else "none", key)}"'
        shape = (
            f'<path {path} {style} stroke="{_LINE}" stroke-width=".6">'
            f"<title>{html.escape(words or f'{iso3}: {missing}')}</title></path>"
        )
        if iso3 == client:
            last = (
                f'<path {path} fill="#fff" stroke="{_INK}" stroke-width="1.6">'
                f"<title>{html.escape(words or iso3)}</title></path>"
            )
        else:
            parts.append(shape)
    for iso3, (x, y) in outlines["points"].items():
        if iso3 not in fills and iso3 != client:
            continue
        colour, words = fills.get(iso3, ("#fff", iso3))
        ring = (
            f'stroke="{_INK}" stroke-width="1.6"' if iso3 == client else 'stroke="#5F6B76" stroke-width=".6"'
        )
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="3.4" fill="{_paint(colour, key)}" {ring}>'
            f"<title>{html.escape(words)}</title></circle>"
        )
    parts.append(last)
    rows, line, x = [], 0, 4.0
    entries = [*legend, ("none", missing)]
    for colour, words in entries:
        wide = 26 + 6.6 * len(words)
        if x + wide > width:
            line, x = line + 1, 4.0
        top = height + 10 + 20 * line
        rows.append(
            f'<rect x="{x:.0f}" y="{top}" width="13" height="13" rx="2" fill="{_paint(colour, key)}" stroke="#9AA5AE" '
            f'stroke-width=".6"/><text x="{x + 18:.0f}" y="{top + 11}">{html.escape(words)}</text>'
        )
        x += wide
    whole = height + 34 + 20 * line
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{key}-t {key}-d" '
        f'viewBox="0 0 {width} {whole}" width="{width}" height="{whole}" '
        'font-family="Helvetica Neue, Helvetica, Arial, sans-serif" font-size="12.5">'
        f'<title id="{key}-t">{html.escape(title)}</title><desc id="{key}-d">{html.escape(description)}</desc>'
        f'<defs><pattern id="{key}-none" width="5" height="5" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="5" height="5" fill="#fff"/>'
        '<rect width="1.1" height="5" fill="#CBD3D9"/></pattern>'
        f'<pattern id="{key}-gone" width="5" height="5" patternUnits="userSpaceOnUse">'
        '<rect width="5" height="5" fill="#fff"/><circle cx="2.5" cy="2.5" r="1.2" fill="#5F6B76"/></pattern></defs>'
        f'<g stroke-linejoin="round">{"".join(parts)}</g>'
        f'<g fill="{_INK}">{"".join(rows)}</g></svg>'
    )


def _paint(colour: str, key: str) -> str:
    return f"url(#{key}-{colour})" if colour in ("none", GONE) else colour
