"""The charts of a page: Vega-Lite through Altair, drawn to static SVG without a browser or a network.

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
from functools import cache
from typing import Any

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode

from tertius._brief.palette import NEUTRAL

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
    "warm",
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
    """A chart that is being drawn in the background.

    The renderer works outside Python's lock, so that one chart is drawn while the next is put together.
    """

    def __init__(self, spec: Mapping[str, Any], key: str, title: str, description: str) -> None:
        self._drawing = _RENDERER.submit(_render, spec)
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
        svg = self._drawing.result()
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


def warm() -> None:
    """Start the renderer: its first drawing takes ten times as long as any later one."""
    _RENDERER.submit(
        _render, {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}
    )
    sample = [Dot("a", "b", 0.0, 1.0, 2.0, "c")]
    _ = dots(sample, key="warm", title="", description="", axis="").svg


def _render(spec: Mapping[str, Any]) -> str:
    return str(vl_convert.vegalite_to_svg({**spec, "config": _CONFIG}))


_RENDERER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tertius-svg")
_SIZE = re.compile(r'<svg[^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')


def _picture(
    layers: Sequence[alt.Chart] | Sequence[Mapping[str, Any]],
    data: Mapping[str, Sequence[_Row]],
    words: tuple[str, str, str],
    width: int,
    step: int,
    height: int | None = None,
) -> Picture:
    """Put layers one over another and have them drawn, with their data added by name."""
    spec = {
        "$schema": alt.SCHEMA_URL,
        "width": width,
        "height": {"step": step} if height is None else height,
        "layer": [_layer(layer) if isinstance(layer, alt.Chart) else layer for layer in layers],
        "datasets": {name: list(rows) for name, rows in data.items()},
    }
    return Picture(spec, *words)


def _layer(chart: alt.Chart) -> dict[str, Any]:
    """One layer as Vega-Lite has it.

    Altair's own layering copies every layer, with whatever hangs on it, several times over.
    """
    made = chart.to_dict(validate=False, ignore=["name"], context={"top_level": False})
    return {**made, "data": {"name": chart.name}}


DOMAIN, TITLE = "domain of the axis", "title of the axis"


def _fill(template: str, domain: Sequence[float], title: str) -> list[dict[str, Any]]:
    """Layers of a kind of chart that is drawn many times, with the two things in which one differs from the next."""
    filled = template.replace(json.dumps(DOMAIN), json.dumps(list(domain)))
    layers: list[dict[str, Any]] = json.loads(filled.replace(json.dumps(TITLE), json.dumps(title)))
    return layers


def _at(pixels: float) -> Any:
    """Place a mark by its distance from the left edge of the plot."""
    return alt.XValue(pixels)  # type: ignore[no-untyped-call]


def _on(data: str) -> alt.Chart:
    """Begin a layer on the data set of that name (Altair inspects every data set it is handed)."""
    return alt.Chart(name=data)


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
    words: dict[str, list[_Row]] = {"labels": [], "heads": [], "edge": [{"line": "000", "text": "."}]}
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            words["heads"].append({"line": f"{count:03d}", "text": row.group})
            count += 1
        places.append(f"{count:03d}")
        words["labels"].append({"line": places[-1], "text": _shorten(row.label, 24)})
        count += 1
    return places, words


def _labels(y: alt.Y) -> list[alt.Chart]:
    """Write the words of the lines, from the data sets ``labels``, ``heads`` and ``edge``."""

    def words(name: str, **style: Any) -> alt.Chart:
        chart: alt.Chart = _on(name).mark_text(color=_INK, **style)
        return chart

    text = alt.Text("text:N")
    return [
        words("labels", align="right", fontSize=12).encode(y=y, x=_at(-8), text=text),
        words("heads", align="left", fontSize=12.5, fontWeight="bold", dy=3).encode(
            y=y, x=_at(-LABELS), text=text
        ),
        # One all but invisible mark at the left edge gives every chart the same margin, so that axes line up.
        words("edge", fontSize=1, opacity=0.01).encode(y=y, x=_at(-LABELS), text=text),
    ]


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


@cache
def _dots() -> str:
    """The layers of :func:`dots`."""
    scale = alt.Scale(domain=DOMAIN, nice=False, zero=False)
    y = alt.Y("line:N", axis=None)
    x_axis = alt.Axis(title=TITLE, tickCount=5)
    colour = alt.Color("colour:N", scale=None, legend=None)
    base = _on("rows")
    layers = [
        base.mark_bar(opacity=0.32, height=9, cornerRadius=4).encode(
            y=y, x=alt.X("low:Q", scale=scale, axis=x_axis), x2=alt.X2("high:Q"), color=colour
        ),
        _on("zero")
        .mark_rule(color="#9AA5AE", strokeWidth=1)
        .encode(x=alt.X("zero:Q", scale=scale, axis=x_axis)),
        base.mark_point(filled=True, size=64, opacity=1).encode(
            y=y, x=alt.X("mid:Q", scale=scale, axis=x_axis), color=colour
        ),
        base.mark_text(align="left", dx=7, fontSize=11.5, color=_INK).encode(
            y=y, x=alt.X("at:Q", scale=scale, axis=x_axis), text=alt.Text("text:N")
        ),
        *_labels(y),
    ]
    return json.dumps([_layer(layer) for layer in layers])


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
    with debug_mode(False):
        if limits is None:
            limits = extent([x for r in rows for x in (r.low, r.mid, r.high)])
        span = limits[1] - limits[0]

        def held(value: float) -> float | None:
            return None if math.isnan(value) else min(max(value, limits[0]), limits[1])

        places, words = _lines(rows)
        table = [
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
        layers = _fill(_dots(), [limits[0], limits[1] + 0.2 * span], axis)
        data: dict[str, list[_Row]] = {"rows": table, "zero": [{"zero": 0}], **words}
        return _picture(layers, data, (key, title, description), WIDTH - LABELS, 19)


@cache
def _moves() -> str:
    """The layers of :func:`moves`."""
    scale = alt.Scale(domain=DOMAIN, nice=False)
    y = alt.Y("line:N", axis=None)
    colour = alt.Color("colour:N", scale=None, legend=None)
    x_axis = alt.Axis(title=TITLE, tickCount=4)
    base = _on("rows")
    layers = [
        base.mark_rule(strokeWidth=2.5, opacity=0.55).encode(
            y=y, x=alt.X("before:Q", scale=scale, axis=x_axis), x2=alt.X2("after:Q"), color=colour
        ),
        base.mark_point(filled=False, size=46, strokeWidth=1.8, fill="white", opacity=1).encode(
            y=y, x=alt.X("before:Q", scale=scale, axis=x_axis), color=colour
        ),
        base.mark_point(filled=True, size=64, opacity=1).encode(
            y=y, x=alt.X("after:Q", scale=scale, axis=x_axis), color=colour
        ),
        base.mark_text(align="left", dx=8, fontSize=11, color=_INK).encode(
            y=y, x=alt.X("at:Q", scale=scale, axis=x_axis), text=alt.Text("text:N")
        ),
        *_labels(y),
    ]
    return json.dumps([_layer(layer) for layer in layers])


def moves(rows: Sequence[Move], *, key: str, title: str, description: str, axis: str) -> Picture:
    """Draw numbers before and after an exit, as lines from a ring to a dot."""
    with debug_mode(False):
        limits = extent([x for r in rows for x in (r.before, r.after)])
        span = limits[1] - limits[0]
        places, words = _lines(rows)
        table = [
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
        layers = _fill(_moves(), [limits[0], limits[1] + 0.36 * span], axis)
        return _picture(layers, {"rows": table, **words}, (key, title, description), WIDTH - LABELS, 18)


def _legible(colour: str) -> str:
    """White or black, whichever stands out more from a ground; one of the two always does by 4.5 to 1."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def bars(rows: Sequence[Bar], *, key: str, title: str, description: str, axis: str) -> Picture:
    """Draw bars made of labelled parts, each below its name; parts below nought stand to the left."""
    with debug_mode(False):
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
        scale = alt.Scale(domain=[low, high], nice=False)
        y = alt.Y("line:N", axis=None)
        x_axis = alt.Axis(title=axis, format=".0%", tickCount=5)
        base = _on("rows")
        layers = [
            base.mark_bar(height=17, strokeWidth=1, yOffset=8).encode(
                y=y,
                x=alt.X("from:Q", scale=scale, axis=x_axis),
                x2=alt.X2("to:Q"),
                color=alt.Color("colour:N", scale=None, legend=None),
                stroke=alt.Stroke("stroke:N", scale=None, legend=None),
            ),
            base.mark_text(fontSize=10.5, dy=8).encode(
                y=y,
                x=alt.X("middle:Q", scale=scale, axis=x_axis),
                text=alt.Text("text:N"),
                color=alt.Color("ink:N", scale=None, legend=None),
            ),
            _on("names")
            .mark_text(align="left", fontSize=11.5, color=_INK, dy=-9)
            .encode(y=y, x=_at(0), text=alt.Text("text:N")),
        ]
        data = {"rows": table, "names": names}
        return _picture(layers, data, (key, title, description), WIDTH - 20, 39)


def strips(rows: Sequence[Strip], *, key: str, title: str, description: str, axis: str) -> Picture:
    """Draw probabilities on lines from nought to one, over the zones of the three verdicts.

    The words stand above each line; ticks are the rival structures, a ring is the second of two measures.
    """
    with debug_mode(False):
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
        scale = alt.Scale(domain=[0, 1], nice=False)
        y = alt.Y("line:N", axis=None)
        x_axis = alt.Axis(title=axis, values=[0, 0.2, 0.5, 0.8, 1], format=".0%", grid=False)
        base = _on("rows")
        layers = [
            _on("zones")
            .mark_bar(height=10, yOffset=7)
            .encode(
                y=y,
                x=alt.X("from:Q", scale=scale, axis=x_axis),
                x2=alt.X2("to:Q"),
                color=alt.Color("shade:N", scale=None, legend=None),
            ),
            _on("ticks")
            .mark_tick(thickness=1.4, height=10, yOffset=7, color=_SOFT, opacity=0.9)
            .encode(y=y, x=alt.X("p:Q", scale=scale, axis=x_axis)),
            base.mark_point(
                filled=False, size=60, strokeWidth=1.8, fill="white", opacity=1, color=_INK, yOffset=7
            ).encode(y=y, x=alt.X("q:Q", scale=scale, axis=x_axis)),
            base.mark_point(filled=True, size=74, opacity=1, color=_INK, yOffset=7).encode(
                y=y, x=alt.X("p:Q", scale=scale, axis=x_axis)
            ),
            base.mark_text(align="left", fontSize=11.5, color=_INK, dy=-8).encode(
                y=y, x=_at(0), text=alt.Text("text:N")
            ),
            base.mark_text(align="right", fontSize=11.5, color=_INK, dy=-8, fontWeight="bold").encode(
                y=y, x=_at(WIDTH - 20), text=alt.Text("figure:N")
            ),
        ]
        data: dict[str, list[_Row]] = {"rows": table, "ticks": ticks, "zones": zones}
        return _picture(layers, data, (key, title, description), WIDTH - 20, 36)


def _shade(weight: float) -> str:
    """A grey between that of nothing and that of certainty."""
    part = 0.0 if math.isnan(weight) else max(0.0, min(1.0, weight))
    ends = zip((0xF4, 0xF6, 0xF7), (0x2F, 0x3B, 0x45), strict=True)
    return "#" + "".join(f"{round(a + part * (b - a)):02X}" for a, b in ends)


def squares(
    cells: Sequence[Square], *, key: str, title: str, description: str, across: str, up: str
) -> Picture:
    """Draw a map of cells in shades of grey, each with a letter; the first row given stands at the bottom."""
    with debug_mode(False):
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
        x = alt.X("x:N", sort=columns, axis=alt.Axis(title=across, labelAngle=0))
        y = alt.Y("y:N", sort=rows, axis=alt.Axis(title=up))
        shade = alt.Color("colour:N", scale=None, legend=None)
        base = _on("cells")
        layers = [
            base.mark_rect(stroke="white", strokeWidth=1).encode(x=x, y=y, color=shade),
            base.mark_text(fontSize=12).encode(
                x=x, y=y, text=alt.Text("text:N"), color=alt.Color("ink:N", scale=None, legend=None)
            ),
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
    with debug_mode(False):
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
        colour = alt.Color("colour:N", scale=None, legend=None)
        x = alt.X(
            "time:Q",
            scale=alt.Scale(domain=[min(span), last], nice=False),
            axis=alt.Axis(title=time, tickMinStep=1, format="d"),
        )
        scale = alt.Scale(domain=list(limits), nice=False)
        vertical = alt.Axis(title=axis, grid=True, tickCount=5, labelColor=_SOFT, labelFontSize=11)
        base = _on("rows")
        layers = [
            base.mark_area(opacity=0.18).encode(
                x=x,
                y=alt.Y("low:Q", scale=scale, axis=vertical),
                y2=alt.Y2("high:Q"),
                color=colour,
                detail=alt.Detail("series:N"),
            ),
            base.mark_line(strokeWidth=2).encode(
                x=x, y=alt.Y("mid:Q", scale=scale, axis=vertical), color=colour, detail=alt.Detail("series:N")
            ),
            _on("names")
            .mark_text(align="left", dx=6, fontSize=11.5, color=_INK)
            .encode(x=x, y=alt.Y("at:Q", scale=scale, axis=vertical), text=alt.Text("text:N")),
        ]
        data: dict[str, list[_Row]] = {"rows": table, "names": names}
        if marks:
            layers.append(_on("marks").mark_rule(color=_SOFT, strokeWidth=1, strokeDash=[3, 3]).encode(x=x))
            data["marks"] = [{"time": moment} for moment in dict.fromkeys(marks)]
        return _picture(layers, data, (key, title, description), WIDTH - 175, 0, height=230)
