"""The charts of a page: Vega-Lite drawn to static SVG without a browser or a network.

Every chart is drawn about 420 pixels wide, so that two stand side by side on a desk and one fills a phone
with its type still readable. Colours mean powers; everything else is grey.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tertius._brief.lettering import Lettering
from tertius._brief.palette import NEUTRAL
from tertius._renderer import AT_ONCE, to_svg

__all__ = [
    "Bar",
    "Dot",
    "Fan",
    "Move",
    "Picture",
    "Segment",
    "Square",
    "Strip",
    "bars",
    "dots",
    "extent",
    "fans",
    "moves",
    "squares",
    "strips",
]

_INK = "#1E252B"
_SOFT = "#5F6B76"
_GRID = "#E3E7EB"
_FONT = "Helvetica Neue, Helvetica, Arial, sans-serif"
WIDTH = 412
LABELS = 138

_Row = dict[str, Any]

_CONFIG: dict[str, Any] = {
    "aria": False,
    "background": "transparent",
    "font": _FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 11.5,
        "titleFontWeight": "normal",
        "titleColor": _SOFT,
        "labelColor": _INK,
        "gridColor": _GRID,
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
        # Numbers and their units are short, and looking whether they are takes time.
        "labelLimit": 0,
        "titleLimit": 0,
    },
    "axisY": {"grid": False, "labelLimit": 170},
    "axisX": {"titleAnchor": "start", "labelColor": _SOFT, "labelFontSize": 11},
    "header": {
        "labelFontSize": 12.5,
        "labelFontWeight": "bold",
        "labelAnchor": "start",
        "labelOrient": "top",
        "labelPadding": 3,
        "title": None,
        "labelColor": _INK,
    },
    "facet": {"spacing": 12},
}


class Picture:
    """A chart that is being drawn in the background, while the next is put together."""

    def __init__(
        self, spec: Mapping[str, Any], lettering: Lettering, key: str, title: str, description: str
    ) -> None:
        self._drawing = _RENDERER.submit(to_svg, json.dumps({**spec, "config": _CONFIG}))
        self._lettering = lettering
        self._key = key
        self._title = title
        self._description = description

    @property
    def description(self) -> str:
        """What it shows, in words."""
        return self._description

    @property
    def svg(self) -> str:
        """The drawing with its title and description; ids inside it are made unique to the page."""
        svg = self._lettering.put_into(self._drawing.result())
        head = _SIZE.search(svg)
        assert head is not None
        width, height = head.groups()
        key = self._key
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{key}-t {key}-d" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
            f'<title id="{key}-t">{html.escape(self._title)}</title>'
            f'<desc id="{key}-d">{html.escape(self._description)}</desc>'
        )
        return opening + re.sub(r'(id="|url\(#)((?:clip|gradient)[\w-]*)', rf"\1{key}-\2", svg[head.end() :])


@dataclass(frozen=True)
class Dot:
    """An estimate with its interval; infinite or missing where ``mid`` is."""

    group: str
    label: str
    low: float
    mid: float
    high: float
    text: str
    colour: str = NEUTRAL


@dataclass(frozen=True)
class Move:
    """A number before and after."""

    group: str
    label: str
    before: float
    after: float
    text: str
    colour: str = NEUTRAL


@dataclass(frozen=True)
class Segment:
    """A part of a bar."""

    label: str
    size: float
    colour: str
    outlined: bool = False


@dataclass(frozen=True)
class Fan:
    """A number over time: the middle, and a band around it."""

    label: str
    times: Sequence[float]
    low: Sequence[float]
    mid: Sequence[float]
    high: Sequence[float]
    colour: str = NEUTRAL


@dataclass(frozen=True)
class Bar:
    """A bar made of parts."""

    label: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Strip:
    """Probabilities on a line from nought to one."""

    label: str
    probability: float
    text: str
    others: tuple[float, ...] = field(default=())
    second: float = math.nan


@dataclass(frozen=True)
class Square:
    """A cell of a map: where it stands, what it says, and how surely."""

    column: str
    row: str
    text: str
    weight: float


_RENDERER = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="tertius-svg")
_SIZE = re.compile(r'<svg[^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')


_Spec = dict[str, Any]


def _picture(
    layers: Sequence[_Spec],
    data: Mapping[str, Sequence[_Row]],
    words: tuple[str, str, str],
    width: int,
    step: int,
    height: int | None = None,
    inside: Mapping[tuple[str, str], tuple[float, float | str]] = MappingProxyType({}),
) -> Picture:
    """Put layers one over another and have them drawn, with their data added by name.

    The columns of words ``inside``, by data set and name, have a size and so much room, or a column that says how
    much: a word that keeps to it does not reach the edge.
    """
    lettering = Lettering()
    table = {name: [dict(row) for row in rows] for name, rows in data.items()}
    numbers = {(name, column): f"{column} number" for name, column in inside}
    for (name, column), (size, room) in inside.items():
        number = numbers[name, column]
        for row in table[name]:
            left = row[room] if isinstance(room, str) else room
            row[column], row[number] = lettering.leave_out(row[column], size, left)
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width,
        "height": {"step": step} if height is None else height,
        # A layer without anything in it takes as long as any other.
        "layer": [_numbered(layer, numbers) for layer in layers if table[layer["data"]["name"]]],
        "datasets": table,
    }
    return Picture(spec, lettering, *words)


def _numbered(layer: _Spec, numbers: Mapping[tuple[str, str], str]) -> _Spec:
    """Have the texts of a layer carry their numbers."""
    encoding = layer["encoding"]
    number = numbers.get((layer["data"]["name"], encoding.get("text", {}).get("field", "")))
    return layer if number is None else {**layer, "encoding": {**encoding, "description": _named(number)}}


def _layer(data: str, mark: str, encoding: _Spec, **style: Any) -> _Spec:
    """Marks of one kind on the data set of that name."""
    return {"data": {"name": data}, "mark": {"type": mark, **style}, "encoding": encoding}


def _along(field: str, scale: Sequence[float], axis: _Spec, **scaling: Any) -> _Spec:
    """Place a mark by a number."""
    held = {"domain": list(scale), "nice": False, **scaling}
    return {"field": field, "type": "quantitative", "scale": held, "axis": axis}


def _named(field: str) -> _Spec:
    """Write a column's words."""
    return {"field": field, "type": "nominal"}


def _in(field: str) -> _Spec:
    """Take colours as a column names them."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


_LINE: _Spec = {"field": "line", "type": "nominal", "axis": None}
"""The line of a chart on which a row stands."""


def extent(values: Sequence[float]) -> list[float]:
    """Give the smallest and the largest value that an axis through nought must show."""
    finite = [v for v in values if math.isfinite(v)] or [1.0]
    low, high = min(0.0, *finite), max(0.0, *finite)
    span = (high - low) or 1.0
    return [low - (0.02 * span if low < 0 else 0.0), high + 0.02 * span]


def _lines(rows: Sequence[Dot] | Sequence[Move]) -> tuple[list[str], dict[str, list[_Row]]]:
    """Give every line of a chart its number, headings of groups included.

    Headings take a line of their own in one plain chart: the same as a faceted one to look at, in a third of
    the time to draw.
    """
    count = 0
    places: list[str] = []
    words: dict[str, list[_Row]] = {
        "labels": [],
        "lines": [],
        "heads": [],
        "edge": [{"line": "000", "text": "."}],
    }
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            words["heads"].append({"line": f"{count:03d}", "text": row.group})
            count += 1
        places.append(f"{count:03d}")
        text = _in_lines(row.label)
        words["lines" if "\n" in text else "labels"].append({"line": places[-1], "text": text})
        count += 1
    return places, words


_LETTERS, _SMALL_LETTERS = 24, 30
"""Letters that fit beside a line, and how many do in the smaller ones of a label in two lines."""


def _in_lines(text: str) -> str:
    """Break a label that is too long where its halves are most alike; what is still too long loses its end."""
    words = text.split(" ")
    if len(text) <= _LETTERS or len(words) == 1:
        return _shorten(text, _LETTERS)
    pairs = [(" ".join(words[:k]), " ".join(words[k:])) for k in range(1, len(words))]
    fitting = [pair for pair in pairs if len(pair[0]) <= _SMALL_LETTERS] or pairs[:1]
    first, second = min(fitting, key=lambda pair: max(map(len, pair)))
    return "\n".join(_shorten(half, _SMALL_LETTERS) for half in (first, second))


_PLOT = WIDTH - LABELS
"""How wide what stands beside the labels is."""

_LABELS_INSIDE: dict[tuple[str, str], tuple[float, float | str]] = {
    ("labels", "text"): (12, LABELS - 8),
    ("lines", "text"): (10, LABELS - 8),
    ("heads", "text"): (12.5, WIDTH),
}


def _room(scale: Sequence[float], at: float, left: float) -> float:
    """How far it is from a number, and so many pixels beyond it, to the right edge of the plot; 0 if unknown."""
    span = scale[1] - scale[0]
    return (scale[1] - at) / span * _PLOT - left if span > 0 else 0.0


def _labels() -> list[_Spec]:
    """Write the words of the lines, from the data sets ``labels``, ``lines``, ``heads`` and ``edge``."""

    def words(name: str, x: float, **style: Any) -> _Spec:
        encoding = {"y": _LINE, "x": {"value": x}, "text": _named("text")}
        return _layer(name, "text", encoding, color=_INK, **style)

    return [
        words("labels", -8, align="right", fontSize=12),
        words("lines", -8, align="right", fontSize=10, lineBreak="\n", lineHeight=10, dy=-5),
        words("heads", -LABELS, align="left", fontSize=12.5, fontWeight="bold", dy=3),
        # One all but invisible mark at the left edge gives every chart the same margin, so that axes line up.
        words("edge", -LABELS, fontSize=1, opacity=0.01),
    ]


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def dots(
    rows: Sequence[Dot],
    *,
    key: str,
    title: str,
    description: str,
    axis: str,
    limits: Sequence[float] | None = None,
) -> Picture:
    """Draw estimates with their intervals, one line each, under headings by group.

    Parameters
    ----------
    rows
        In the order in which they are to stand.
    key
        An id unique to the page.
    title, description
        For those who do not see it.
    axis
        What is measured, with its unit.
    limits
        Smallest and largest value to show; from the rows if not given.
    """
    if limits is None:
        limits = extent([x for r in rows for x in (r.low, r.mid, r.high)])
    span = limits[1] - limits[0]

    def held(value: float) -> float | None:
        return None if math.isnan(value) else min(max(value, limits[0]), limits[1])

    places, words = _lines(rows)
    table: list[_Row] = [
        {
            "line": place,
            "low": held(r.low),
            "mid": held(r.mid) if math.isfinite(r.mid) else None,
            "high": held(r.high),
            "at": limits[0] if math.isnan(r.mid) else max(held(r.high) or 0.0, held(r.mid) or 0.0, 0.0),
            "text": r.text,
            "colour": r.colour,
        }
        for place, r in zip(places, rows, strict=True)
    ]
    scale = [limits[0], limits[1] + 0.2 * span]
    for row in table:
        row["room"] = _room(scale, row["at"], 7)
    x_axis = {"title": axis, "tickCount": 5}

    def at(field: str) -> _Spec:
        return _along(field, scale, x_axis, zero=False)

    layers = [
        _layer(
            "rows",
            "bar",
            {"y": _LINE, "x": at("low"), "x2": {"field": "high"}, "color": _in("colour")},
            opacity=0.32,
            height=9,
            cornerRadius=4,
        ),
        _layer("zero", "rule", {"x": at("zero")}, color="#9AA5AE", strokeWidth=1),
        _layer(
            "rows",
            "point",
            {"y": _LINE, "x": at("mid"), "color": _in("colour")},
            filled=True,
            size=64,
            opacity=1,
        ),
        _layer(
            "rows",
            "text",
            {"y": _LINE, "x": at("at"), "text": _named("text")},
            align="left",
            dx=7,
            fontSize=11.5,
            color=_INK,
        ),
        *_labels(),
    ]
    data: dict[str, list[_Row]] = {"rows": table, "zero": [{"zero": 0}], **words}
    inside = {**_LABELS_INSIDE, ("rows", "text"): (11.5, "room")}
    return _picture(layers, data, (key, title, description), _PLOT, 19, inside=inside)


def moves(rows: Sequence[Move], *, key: str, title: str, description: str, axis: str) -> Picture:
    """Draw numbers before and after an exit, as lines from a ring to a dot."""
    limits = extent([x for r in rows for x in (r.before, r.after)])
    span = limits[1] - limits[0]
    places, words = _lines(rows)
    table: list[_Row] = [
        {
            "line": place,
            "before": None if math.isnan(r.before) else r.before,
            "after": None if math.isnan(r.after) else r.after,
            "at": max([v for v in (r.before, r.after) if not math.isnan(v)], default=0.0),
            "text": r.text,
            "colour": r.colour,
        }
        for place, r in zip(places, rows, strict=True)
    ]
    scale = [limits[0], limits[1] + 0.36 * span]
    for row in table:
        row["room"] = _room(scale, row["at"], 8)
    x_axis = {"title": axis, "tickCount": 4}
    before, after = _along("before", scale, x_axis), _along("after", scale, x_axis)
    layers = [
        _layer(
            "rows",
            "rule",
            {"y": _LINE, "x": before, "x2": {"field": "after"}, "color": _in("colour")},
            strokeWidth=2.5,
            opacity=0.55,
        ),
        _layer(
            "rows",
            "point",
            {"y": _LINE, "x": before, "color": _in("colour")},
            filled=False,
            size=46,
            strokeWidth=1.8,
            fill="white",
            opacity=1,
        ),
        _layer(
            "rows",
            "point",
            {"y": _LINE, "x": after, "color": _in("colour")},
            filled=True,
            size=64,
            opacity=1,
        ),
        _layer(
            "rows",
            "text",
            {"y": _LINE, "x": _along("at", scale, x_axis), "text": _named("text")},
            align="left",
            dx=8,
            fontSize=11,
            color=_INK,
        ),
        *_labels(),
    ]
    data: dict[str, list[_Row]] = {"rows": table, **words}
    inside = {**_LABELS_INSIDE, ("rows", "text"): (11, "room")}
    return _picture(layers, data, (key, title, description), _PLOT, 18, inside=inside)


def _legible(colour: str) -> str:
    """White or black, whichever stands out more from a ground; one of the two always does by 4.5 to 1."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def bars(rows: Sequence[Bar], *, key: str, title: str, description: str, axis: str) -> Picture:
    """Draw bars made of labelled parts, each below its name; parts below nought stand to the left."""
    table: list[_Row] = []
    names: list[_Row] = []
    for i, row in enumerate(rows):
        names.append({"line": f"{i:03d}", "text": row.label})
        right = left = 0.0
        for part in row.segments:
            if math.isnan(part.size) or part.size == 0:
                continue
            start = right if part.size > 0 else left
            end = start + part.size
            if part.size > 0:
                right = end
            else:
                left = end
            fits = abs(part.size) > 0.0145 * (len(part.label) + 1)
            table.append(
                {
                    "line": f"{i:03d}",
                    "from": start,
                    "to": end,
                    "middle": (start + end) / 2,
                    "text": part.label if fits else "",
                    "colour": part.colour,
                    "stroke": "#8E99A3" if part.outlined else "white",
                    "ink": _legible(part.colour),
                }
            )
    low = min([0.0, *(min(r["from"], r["to"]) for r in table)])
    high = max([1.0, *(max(r["from"], r["to"]) for r in table)])
    wide = WIDTH - 20
    for r in table:
        # Words in the middle of a part may stand over on both sides, until they meet the edge.
        r["room"] = 2 * min(r["middle"] - low, high - r["middle"]) / (high - low) * wide
    x_axis = {"title": axis, "format": ".0%", "tickCount": 5}

    def at(field: str) -> _Spec:
        return _along(field, [low, high], x_axis)

    layers = [
        _layer(
            "rows",
            "bar",
            {
                "y": _LINE,
                "x": at("from"),
                "x2": {"field": "to"},
                "color": _in("colour"),
                "stroke": _in("stroke"),
            },
            height=17,
            strokeWidth=1,
            yOffset=8,
        ),
        _layer(
            "rows",
            "text",
            {"y": _LINE, "x": at("middle"), "text": _named("text"), "color": _in("ink")},
            fontSize=10.5,
            dy=8,
        ),
        _layer(
            "names",
            "text",
            {"y": _LINE, "x": {"value": 0}, "text": _named("text")},
            align="left",
            fontSize=11.5,
            color=_INK,
            dy=-9,
        ),
    ]
    data = {"rows": table, "names": names}
    inside: dict[tuple[str, str], tuple[float, float | str]] = {
        ("rows", "text"): (10.5, "room"),
        ("names", "text"): (11.5, wide),
    }
    return _picture(layers, data, (key, title, description), wide, 39, inside=inside)


def strips(rows: Sequence[Strip], *, key: str, title: str, description: str, axis: str) -> Picture:
    """Draw probabilities on lines from nought to one, over the zones of the three verdicts.

    The words stand above each line; ticks are the rival structures, a ring is the second of two measures.
    """
    lines = [f"{i:02d}" for i in range(len(rows))]
    table = [
        {
            "line": line,
            "p": None if math.isnan(r.probability) else r.probability,
            "q": None if math.isnan(r.second) else r.second,
            "text": _shorten(r.label, 54),
            "figure": r.text,
        }
        for line, r in zip(lines, rows, strict=True)
    ]
    ticks = [{"line": line, "p": p} for line, r in zip(lines, rows, strict=True) for p in r.others]
    zones = [
        {"line": line, "from": a, "to": b, "shade": shade}
        for line in lines
        for a, b, shade in ((0, 0.2, "#D3DADF"), (0.2, 0.8, "#EEF1F3"), (0.8, 1, "#D3DADF"))
    ]
    x_axis = {"title": axis, "values": [0, 0.2, 0.5, 0.8, 1], "format": ".0%", "grid": False}

    def at(field: str) -> _Spec:
        return _along(field, [0, 1], x_axis)

    def words(field: str, x: float, **style: Any) -> _Spec:
        encoding = {"y": _LINE, "x": {"value": x}, "text": _named(field)}
        return _layer("rows", "text", encoding, fontSize=11.5, color=_INK, dy=-8, **style)

    layers = [
        _layer(
            "zones",
            "bar",
            {"y": _LINE, "x": at("from"), "x2": {"field": "to"}, "color": _in("shade")},
            height=10,
            yOffset=7,
        ),
        _layer(
            "ticks",
            "tick",
            {"y": _LINE, "x": at("p")},
            thickness=1.4,
            height=10,
            yOffset=7,
            color=_SOFT,
            opacity=0.9,
        ),
        _layer(
            "rows",
            "point",
            {"y": _LINE, "x": at("q")},
            filled=False,
            size=60,
            strokeWidth=1.8,
            fill="white",
            opacity=1,
            color=_INK,
            yOffset=7,
        ),
        _layer(
            "rows",
            "point",
            {"y": _LINE, "x": at("p")},
            filled=True,
            size=74,
            opacity=1,
            color=_INK,
            yOffset=7,
        ),
        words("text", 0, align="left"),
        words("figure", WIDTH - 20, align="right", fontWeight="bold"),
    ]
    data: dict[str, list[_Row]] = {"rows": table, "ticks": ticks, "zones": zones}
    inside = {("rows", "text"): (11.5, WIDTH - 20), ("rows", "figure"): (11.5, WIDTH - 20)}
    return _picture(layers, data, (key, title, description), WIDTH - 20, 36, inside=inside)


def _shade(weight: float) -> str:
    """A grey between that of nothing and that of certainty."""
    part = 0.0 if math.isnan(weight) else max(0.0, min(1.0, weight))
    ends = zip((0xF4, 0xF6, 0xF7), (0x2F, 0x3B, 0x45), strict=True)
    return "#" + "".join(f"{round(a + part * (b - a)):02X}" for a, b in ends)


def squares(
    cells: Sequence[Square], *, key: str, title: str, description: str, across: str, up: str
) -> Picture:
    """Draw a map of cells in shades of grey, each with a letter; the first row given stands at the bottom."""
    columns = list(dict.fromkeys(c.column for c in cells))
    rows = list(dict.fromkeys(c.row for c in cells))[::-1]
    table: list[_Row] = [
        {
            "x": c.column,
            "y": c.row,
            "text": c.text,
            "colour": _shade(c.weight),
            "ink": _legible(_shade(c.weight)),
        }
        for c in cells
    ]
    place = {
        "x": {
            "field": "x",
            "type": "nominal",
            "sort": columns,
            "axis": {"title": across, "labelAngle": 0, "labelLimit": 180},
        },
        "y": {"field": "y", "type": "nominal", "sort": rows, "axis": {"title": up}},
    }
    layers = [
        _layer("cells", "rect", {**place, "color": _in("colour")}, stroke="white", strokeWidth=1),
        _layer("cells", "text", {**place, "text": _named("text"), "color": _in("ink")}, fontSize=12),
    ]
    return _picture(layers, {"cells": table}, (key, title, description), WIDTH - 90, 26)


def fans(
    rows: Sequence[Fan],
    *,
    key: str,
    title: str,
    description: str,
    axis: str,
    time: str,
    marks: Sequence[float] = (),
    limits: Sequence[float] = (),
) -> Picture:
    """Draw numbers over time, each with its band, named at its end.

    Parameters
    ----------
    rows
        In the order in which they lie over each other.
    key
        An id unique to the page.
    title, description
        For those who do not see it.
    axis, time
        What is measured, with its unit; what runs from left to right.
    marks
        Moments with a rule from top to bottom.
    limits
        Lowest and highest value of the axis, for charts that are read side by side; from the rows if blank.
    """
    # Rows of one name are parts of one line, with gaps between them.
    table: list[_Row] = [
        {
            "series": f"{k} {r.label}",
            "name": r.label,
            "time": t,
            "low": low,
            "mid": mid,
            "high": high,
            "colour": r.colour,
        }
        for k, r in enumerate(rows)
        for t, low, mid, high in zip(r.times, r.low, r.mid, r.high, strict=True)
        if all(map(math.isfinite, (low, mid, high)))
    ]
    span = [t for r in rows for t in r.times] or [0.0, 1.0]
    last = max(span)
    limits = limits or extent([x for r in rows for x in (*r.low, *r.high)])
    # Names at the ends are moved apart where the lines end close together.
    apart = 0.055 * (limits[1] - limits[0])
    place = -math.inf
    names: list[_Row] = []
    ends = {row["name"]: row for row in table}
    for row in sorted(ends.values(), key=lambda row: float(row["mid"])):
        place = max(float(row["mid"]), place + apart)
        names.append({"time": last, "at": place, "text": row["name"], "colour": row["colour"]})
    x = _along("time", [min(span), last], {"title": time, "tickMinStep": 1, "format": "d"})
    vertical = {"title": axis, "grid": True, "tickCount": 5, "labelColor": _SOFT, "labelFontSize": 11}
    each = {"color": _in("colour"), "detail": _named("series")}

    def at(field: str) -> _Spec:
        return _along(field, limits, vertical)

    layers = [
        _layer("rows", "area", {"x": x, "y": at("low"), "y2": {"field": "high"}, **each}, opacity=0.18),
        _layer("rows", "line", {"x": x, "y": at("mid"), **each}, strokeWidth=2),
        _layer(
            "names",
            "text",
            {"x": x, "y": at("at"), "text": _named("text")},
            align="left",
            dx=6,
            fontSize=11.5,
            color=_INK,
        ),
    ]
    data: dict[str, list[_Row]] = {"rows": table, "names": names}
    if marks:
        layers.append(_layer("marks", "rule", {"x": x}, color=_SOFT, strokeWidth=1, strokeDash=[3, 3]))
        data["marks"] = [{"time": moment} for moment in dict.fromkeys(marks)]
    return _picture(layers, data, (key, title, description), WIDTH - 175, 0, height=230)
