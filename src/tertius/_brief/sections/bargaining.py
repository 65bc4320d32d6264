"""Bargaining over issues: the forecast, what rival models say, and the record of each of them."""

from __future__ import annotations

import json
import math
from typing import Any

import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import (
    Block,
    Bullets,
    Cell,
    Figure,
    Paragraph,
    Part,
    Table,
    estimate_cell,
    head,
)
from tertius._brief.reading import Estimated, Reading
from tertius._brief.summary import estimate, nested, number
from tertius._brief.words import MISSING, Estimate, listed, percent, spelled
from tertius._brief.words import number as written

__all__ = ["part", "summary"]


class _Bargaining:
    """The group as this section reads it."""

    def __init__(self, reading: Reading, data: xr.Dataset) -> None:
        self.reading, self.names, self.data = reading, reading.names, data
        self.titles: dict[str, str] = json.loads(data.attrs["titles"])
        self.ends: dict[str, list[str]] = json.loads(data.attrs["ends"])
        self.called: dict[str, str] = json.loads(data.attrs["actors"])
        self.models: dict[str, str] = json.loads(data.attrs["models"])
        self.record: dict[str, Any] = json.loads(data.attrs["record"])
        self.from_levers: list[str] = json.loads(data.attrs["from_levers"])
        self.best = str(data.attrs["forecast"])
        self.issues = [str(i) for i in data["issue"].values]
        self.actors = [str(a) for a in data["actor"].values]
        self.cells = Estimated(data)
        self.order = sorted(self.models, key=lambda m: float(data["error"].sel(model=m)))

    def actor(self, key: str) -> str:
        if key in self.called:
            return self.called[key]
        powers = self.reading.names.case.get("powers") or {}
        return self.names.power(key) if key in powers else self.names.client

    def error(self, model: str) -> str:
        return written(float(self.data["error"].sel(model=model)), 1)

    def settled(self, issue: str, model: str) -> float:
        return self.cells["settled"][issue, model].mean


def _read(reading: Reading) -> _Bargaining | None:
    data = reading.dataset("bargaining")
    return None if data is None else _Bargaining(reading, data)


def part(reading: Reading) -> Part | None:
    """The section."""
    found = reading.once(_read)
    if found is None:
        return None
    record = found.record
    blocks: list[Block] = [
        Bullets([_forecast(found, issue) for issue in found.issues]),
        *(_figure(found, issue) for issue in found.issues),
        _table(found),
        Bullets(_sentences(found)),
        Paragraph(
            f"Positions, saliences and capabilities run from 0 to 100. The record is the mean absolute error on "
            f"{record['issues']} issues of {record['proposals']} decisions of the European Union (DEU II), on the same "
            f"scale, every model with its default options; the forecast is that of the model with the smallest. The "
            f"intervals are those of the inputs. How far the model itself is off, {found.error(found.best)} points on "
            f"average, comes on top.",
            hint=True,
        ),
    ]
    return Part("bargaining", "Bargaining", "Bargaining over issues", blocks)


def _forecast(found: _Bargaining, issue: str) -> str:
    """The forecast of an issue in a sentence."""
    zero, hundred = found.ends[issue]
    cell, quo, change = (found.cells[name][issue,] for name in ("forecast", "status_quo", "change"))
    if not cell.known:
        return f"{found.titles[issue]}: the forecast is {MISSING}, since a figure that it needs is missing."
    said = f"{found.titles[issue]}: the forecast is {cell.full()} between 0 (“{zero}”) and 100 (“{hundred}”)"
    if not quo.known:
        return f"{said}."
    moves = "no move either way can be told" if change.p05 < 0 < change.p95 else f"a move of {change.full()}"
    return f"{said}; things stand at {quo.full()}, so that {moves}."


def _low(text: str) -> str:
    return text[:1].lower() + text[1:]


def _dot(label: str, cell: Estimate) -> charts.Dot:
    return charts.Dot("", label, cell.p05, cell.median, cell.p95, cell.text())


def _figure(found: _Bargaining, issue: str) -> Figure:
    zero, hundred = found.ends[issue]
    rows = [_dot("Where things stand", found.cells["status_quo"][issue,])]
    rows += [_dot(_title(found, m), found.cells["outcome"][issue, m]) for m in found.order]
    rows = [row for row in rows if not math.isnan(row.mid)]
    said = "; ".join(f"{row.label}: {row.text}" for row in rows)
    picture = charts.dots(
        rows,
        key=f"bargaining-{issue}",
        title=found.titles[issue],
        description=said,
        axis=f"0: {zero}; 100: {hundred}",
        limits=(0.0, 100.0),
    )
    note = "Medians with the 5th to 95th percentile, best record first."
    return Figure(found.titles[issue], note, [picture])


def _title(found: _Bargaining, model: str) -> str:
    title = found.models[model]
    return title[:1].upper() + title[1:]


def _table(found: _Bargaining) -> Table:
    header = [
        head("Model", words=True),
        *(head(found.titles[issue]) for issue in found.issues),
        head("Record: error"),
        head("Best in"),
    ]
    rows = []
    for model in found.order:
        of = found.record["models"][model]
        cells = []
        for issue in found.issues:
            cell, part = found.cells["outcome"][issue, model], found.settled(issue, model)
            if not cell.known:
                cells.append(Cell(MISSING, "settles in no draw" if part == 0 else ""))
            elif part < 1:
                cells.append(Cell(cell.text(), f"{cell.interval()} in {percent(part)} of draws"))
            else:
                cells.append(estimate_cell(cell))
        rows.append(
            [
                head(_title(found, model), small="the forecast" if model == found.best else ""),
                *cells,
                Cell(found.error(model), f"[{written(of['p05'], 1)}, {written(of['p95'], 1)}]"),
                Cell(percent(of["best"])),
            ]
        )
    return Table("What each model says, and its record", header, rows, frozenset({0}))


def _sentences(found: _Bargaining) -> list[str]:
    lines = []
    plain = min(found.record["plain"].values(), key=lambda p: p["mae"])
    lines.append(
        f"The {found.models[found.best]} has the best record, an error of {found.error(found.best)} points; without "
        f"any model, the {plain['title']} has {written(plain['mae'], 1)}."
    )
    for model in found.order:
        unsettled = [i for i in found.issues if found.settled(i, model) < 1]
        if unsettled:
            parts = [f"{_low(found.titles[i])} {percent(1 - found.settled(i, model))}" for i in unsettled]
            lines.append(
                f"{_title(found, model)} does not settle in some draws, which are left out of its figures: "
                f"{listed(parts)}. On the record it settled on {found.record['models'][model]['settled']} of "
                f"{spelled(found.record['issues'], 'issue')}."
            )
    for issue in found.issues:
        far = [
            (found.cells["distance"][issue, a], a)
            for a in found.actors
            if found.cells["distance"][issue, a].known
        ]
        far.sort(key=lambda pair: -pair[0].median)
        if len(far) > 1:
            first, last = far[0], far[-1]
            lines.append(
                f"{found.titles[issue]}: furthest from it stands {found.actor(first[1])} ({first[0].full()} points), "
                f"nearest {found.actor(last[1])} ({last[0].full()})."
            )
    if found.from_levers:
        powers = listed([found.names.power(p) for p in found.from_levers])
        lines.append(
            f"What {powers} can bring to bear is the part of {found.names.client}'s welfare, in per cent, that its "
            "withdrawal could cost."
        )
    return lines


def summary(reading: Reading) -> dict[str, object]:
    """The key ``bargaining`` of the JSON summary."""
    found = reading.once(_read)
    if found is None:
        return {}
    out: dict[str, Any] = {
        name: {issue: estimate(found.cells[name][issue,]) for issue in found.issues}
        for name in ("forecast", "status_quo", "change")
    }
    out["model"] = found.best
    out["models"] = {
        model: {
            "title": found.models[model],
            "outcome": {i: estimate(found.cells["outcome"][i, model]) for i in found.issues},
            "settled": {i: number(found.settled(i, model)) for i in found.issues},
            "record": {
                "error": number(found.record["models"][model]["mae"]),
                "p05": number(found.record["models"][model]["p05"]),
                "p95": number(found.record["models"][model]["p95"]),
                "best": number(found.record["models"][model]["best"]),
                "settled": found.record["models"][model]["settled"],
            },
        }
        for model in found.order
    }
    out["record"] = {key: found.record[key] for key in ("set", "issues", "proposals")}
    out["distance"] = nested({k: v for k, v in found.cells["distance"].items() if v.known})
    out["capability"] = nested({k: v for k, v in found.cells["capability"].items() if v.known})
    out["titles"] = found.titles
    return {"bargaining": out}
