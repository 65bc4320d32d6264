"""Signals: where the client leans by the signs it gave, what each sign adds, and whether the course changed."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import Block, Bullets, Cell, Figure, Paragraph, Part, Table, estimate_cell, head
from tertius._brief.palette import colours
from tertius._brief.reading import Estimated, Reading
from tertius._brief.summary import nested, number
from tertius._brief.words import MISSING, clause, likelihood, listed, percent
from tertius._brief.words import number as written

__all__ = ["part", "summary"]


class _Orientation:
    """The group as this section reads it."""

    def __init__(self, reading: Reading, data: xr.Dataset) -> None:
        self.reading, self.data, self.names = reading, data, reading.names
        self.titles: dict[str, str] = json.loads(data.attrs["titles"])
        self.dates: dict[str, str] = json.loads(data.attrs["dates"])
        self.signs = [str(s) for s in data["signal"].values]
        self.moments = [str(m) for m in data["when"].values]
        self.cells = Estimated(data)
        self.spoken = [p for p in reading.names.powers if self.cells["shift"][p,].known]

    def mean(self, name: str, *labels: str) -> float:
        return self.cells[name][labels].mean

    def days(self, moment: str) -> int:
        """Days after the last sign."""
        when = self.data.attrs["before"] if moment == "before" else moment
        last = max(date.fromisoformat(day) for day in self.dates.values())
        return (date.fromisoformat(when) - last).days


def _read(reading: Reading) -> _Orientation | None:
    data = reading.dataset("orientation")
    return None if data is None else _Orientation(reading, data)


def part(reading: Reading) -> Part | None:
    """The section."""
    found = reading.once(_read)
    if found is None:
        return None
    blocks: list[Block] = [Paragraph(_opening(found, power)) for power in found.spoken]
    if not found.spoken:
        blocks.append(Paragraph("Where it leans cannot be said, since a figure that is needed is missing."))
    else:
        blocks += [_figure(found), _table(found), Bullets(_sentences(found))]
    unread = [found.names.power(p) for p in found.names.powers if p not in found.spoken]
    if unread and found.spoken:
        blocks.append(
            Paragraph(f"No sign speaks of {listed(unread, 'or')}: the tilt there is {MISSING}.", hint=True)
        )
    blocks.append(
        Paragraph(
            "Tilt is counted from where it stood before the first sign, in the unit in which the case states how "
            "clear a sign is. Signs are noisy readings of a position that wanders; the band holds 90 percent of what "
            "draws and noise leave open. A move counts from the size that the case states.",
            hint=True,
        )
    )
    return Part("orientation", "Signals", "Where it leans", blocks)


def _opening(found: _Orientation, power: str) -> str:
    client, towards = found.names.client, found.names.power(power)
    moved, unseen = found.mean("moved", power), found.mean("moved_unseen", power)
    draws = found.reading.draws
    signs = "sign" if len(found.signs) == 1 else f"{len(found.signs)} signs"
    if math.isnan(moved):
        return f"How far {client} moved towards {towards} is {MISSING}: the case does not say what counts as a move."
    shift = found.cells["shift"][power,]
    return (
        f"By the {signs} read, the course of {client} towards {towards} {clause(moved)} have changed "
        f"({percent(moved, draws)}; {percent(unseen, draws)} had no sign been given). The expected change is "
        f"{written(round(shift.mean, 2), 2)}, from {written(shift.p05, 2)} to {written(shift.p95, 2)} by how the "
        "signs are weighed."
    )


def _figure(found: _Orientation) -> Figure:
    names, palette = found.names, colours(found.names.powers)
    pictures = []
    for power in found.spoken:
        towards = names.power(power)
        low, high = (
            [float(x) for x in found.data[name].sel(power=power).values] for name in ("tilt_low", "tilt_high")
        )
        mid = [found.mean("tilt", power, moment) for moment in found.moments]
        said = f"{written(mid[-1], 2)} [{written(low[-1], 2)}, {written(high[-1], 2)}]"
        pictures.append(
            charts.fans(
                [charts.Fan(towards, [found.days(m) for m in found.moments], low, mid, high, palette[power])],
                key=f"orientation-{power}",
                title=f"Tilt towards {towards}",
                description=f"Tilt towards {towards}: {said} in the end.",
                axis=f"tilt towards {towards}",
                time="days after the last sign",
                marks=[found.days(day) for day in found.dates.values()],
            )
        )
    rows = []
    for power in found.spoken:
        for sign in found.signs:
            cell = found.cells["contribution"][power, sign]
            if cell.known and not cell.p05 == cell.p95 == 0:
                rows.append(
                    charts.Dot(
                        names.power(power),
                        found.titles[sign],
                        cell.p05,
                        cell.median,
                        cell.p95,
                        cell.text(),
                        palette[power],
                    )
                )
        cell = found.cells["shift"][power,]
        rows.append(
            charts.Dot(
                names.power(power), "All signs", cell.p05, cell.median, cell.p95, cell.text(), palette[power]
            )
        )
    said = "; ".join(f"{row.label}: {row.text}" for row in rows)
    pictures.append(
        charts.dots(
            rows,
            key="orientation-signs",
            title="What each sign adds",
            description=said,
            axis="expected change of the tilt",
        )
    )
    return Figure("Tilt, and what each sign adds to it", "The dashed line is the day of a sign.", pictures)


def _table(found: _Orientation) -> Table:
    header = [
        head("Towards", words=True),
        head("Expected change"),
        head("Moved"),
        head("Moved, had no sign been given"),
        head("Rose"),
        head("Fell"),
    ]
    rows = [
        [
            head(found.names.power(p), colours(found.names.powers)[p]),
            estimate_cell(found.cells["shift"][p,]),
            *(_chance(found, name, p) for name in ("moved", "moved_unseen", "moved_up", "moved_down")),
        ]
        for p in found.spoken
    ]
    return Table("How far the tilt moved", header, rows)


def _chance(found: _Orientation, name: str, *labels: str) -> Cell:
    return Cell(percent(found.mean(name, *labels), found.reading.draws))


def _sentences(found: _Orientation) -> list[str]:
    lines = []
    for sign in found.signs:
        said = [
            f"{percent(found.mean('moved_alone', p, sign), found.reading.draws)} that the tilt towards "
            f"{found.names.power(p)} moved, were it the only sign"
            for p in found.spoken
            if found.cells["contribution"][p, sign].known
        ]
        lines.append(f"{found.titles[sign]} ({found.dates[sign]}): {listed(said)}.")
    return lines


def summary(reading: Reading) -> dict[str, object]:
    """The key ``orientation`` of the JSON summary."""
    found = reading.once(_read)
    if found is None:
        return {}
    out: dict[str, Any] = {
        "signs": {s: {"title": found.titles[s], "date": found.dates[s]} for s in found.signs},
        "unread": [p for p in found.names.powers if p not in found.spoken],
    }

    def of_spoken(name: str) -> dict[str, Any]:
        return nested({key: value for key, value in found.cells[name].items() if key[0] in found.spoken})

    for name in (
        "tilt",
        "shift",
        "contribution",
        "moved",
        "moved_up",
        "moved_down",
        "moved_unseen",
        "moved_alone",
    ):
        out[name] = of_spoken(name)
    out["mean"] = {p: number(found.mean("moved", p)) for p in found.spoken}
    out["likelihood"] = {p: likelihood(found.mean("moved", p)) for p in found.spoken}
    return {"orientation": out}
