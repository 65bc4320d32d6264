"""Investors: what the crisis cost through foreign capital, what the exit would, and the two together."""

from __future__ import annotations

import json
from typing import Any

import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import Block, Bullets, Figure, Paragraph, Part, Table, estimate_cell, head
from tertius._brief.reading import Estimated, Reading
from tertius._brief.summary import nested
from tertius._brief.words import MISSING, listed
from tertius._brief.words import number as written

__all__ = ["part", "summary"]


class _Investors:
    """The group as this section reads it."""

    def __init__(self, reading: Reading, data: xr.Dataset) -> None:
        self.reading, self.names, self.data = reading, reading.names, data
        self.cells = Estimated(data)
        self.years = [str(y) for y in data["year"].values]
        self.exit = str(data.attrs["exit_title"])
        self.leavers: list[str] = json.loads(data.attrs["leaving"])
        self.domain = reading.names.domain(str(data.attrs["domain"])).lower()
        self.shocks = [s for s in ("crisis", "exit", "both", "interaction") if self.cells["loss"][s,].known]

    def name(self, shock: str) -> str:
        return {
            "crisis": "The crisis alone",
            "exit": self.exit,
            "both": "Both",
            "interaction": "Interaction of the two",
        }[shock]


def _read(reading: Reading) -> _Investors | None:
    data = reading.dataset("investors")
    return None if data is None else _Investors(reading, data)


def part(reading: Reading) -> Part | None:
    """The section."""
    found = reading.once(_read)
    if found is None:
        return None
    blocks: list[Block] = [Paragraph(_opening(found))]
    if found.shocks:
        blocks += [_figure(found), _table(found), Bullets(_sentences(found))]
    blocks.append(
        Paragraph(
            "The premium is a rise of the return that foreign investors ask for; it makes capital from every power "
            "dearer and halves over the half-life. Losses are those of a year, in log points of the client's welfare; "
            "the others fill in along their supply curves.",
            hint=True,
        )
    )
    return Part("investors", "Investors", "Investors", blocks)


def _opening(found: _Investors) -> str:
    client, loss = found.names.client, found.cells["loss"]
    if not found.shocks:
        return f"What the crisis cost {client} through {found.domain} is {MISSING}."
    crisis, foreign = loss["crisis",], found.cells["foreign"]["crisis",]
    said = (
        f"At its peak the premium of the crisis costs {client} {crisis.full()} log points through {found.domain}, and "
        f"changes what foreigners supply by {foreign.full()} log points."
    )
    if "both" not in found.shocks:
        return said
    both, between = loss["both",], loss["interaction",]
    meet = (
        f"less than the sum of the two by {_size(between.median)}, since what has left cannot leave again"
        if between.p95 <= 0
        else (
            f"more than the sum of the two by {_size(between.median)}"
            if between.p05 >= 0
            else f"the sum of the two and {between.full()}"
        )
    )
    return f"{said} Together with the exit ({found.exit}) it is {both.full()}, {meet}."


def _size(value: float) -> str:
    return written(abs(value), 1 if abs(value) >= 1 else 2)


def _figure(found: _Investors) -> Figure:
    rows = []
    for shock in found.shocks:
        cell = found.cells["loss"][shock,]
        rows.append(charts.Dot("", found.name(shock), cell.p05, cell.median, cell.p95, cell.text()))
    said = "; ".join(f"{row.label}: {row.text}" for row in rows)
    pictures = [
        charts.dots(
            rows,
            key="investors-loss",
            title="Losses at the peak",
            description=said,
            axis="loss through capital, log points",
        )
    ]
    cells = [found.cells["loss_path"]["crisis", y] for y in found.years]
    pictures.append(
        charts.fans(
            [
                charts.Fan(
                    "Crisis",
                    [int(y) for y in found.years],
                    [c.p05 for c in cells],
                    [c.median for c in cells],
                    [c.p95 for c in cells],
                )
            ],
            key="investors-path",
            title="The crisis alone, as its premium fades",
            description="; ".join(f"year {y}: {c.full()}" for y, c in zip(found.years, cells, strict=True)),
            axis="loss of a year, log points",
            time="years after the crisis",
        )
    )
    return Figure("What crisis and exit cost through capital", "Median, 5th to 95th percentile.", pictures)


def _table(found: _Investors) -> Table:
    header = [
        head("", words=True),
        head("Loss at the peak, log points"),
        head("Foreign capital supplied, log points"),
        *(head(f"Loss, year {y}") for y in found.years[1:4]),
    ]
    rows = [
        [
            head(found.name(shock)),
            estimate_cell(found.cells["loss"][shock,]),
            estimate_cell(found.cells["foreign"][shock,]) if shock != "interaction" else head("–"),
            *(estimate_cell(found.cells["loss_path"][shock, y]) for y in found.years[1:4]),
        ]
        for shock in found.shocks
    ]
    return Table("Losses through capital", header, rows)


def _sentences(found: _Investors) -> list[str]:
    premium = [f"{found.cells['premium'][y,].full()} after {y}" for y in found.years[1:4]]
    lines = [f"Premium left, in percentage points: {listed(premium)} years."]
    if "exit" in found.shocks and found.leavers:
        leavers = listed([found.names.power(p) for p in found.leavers])
        lines.append(
            f"The exit is that of {leavers} from {found.domain} alone; trade and the other domains come on top."
        )
    return lines


def summary(reading: Reading) -> dict[str, object]:
    """The key ``investors`` of the JSON summary."""
    found = reading.once(_read)
    if found is None:
        return {}
    out: dict[str, Any] = {
        "domain": str(found.data.attrs["domain"]),
        "exit": str(found.data.attrs["exit"]) or None,
    }
    for name in ("loss", "foreign", "premium", "loss_path", "foreign_path"):
        out[name] = nested(found.cells[name])
    return {"investors": out}
