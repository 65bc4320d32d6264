"""The coming years: levers, how many powers the client leans on, and when a late-comer overtakes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import Block, Cell, Figure, Paragraph, Part, Table, estimate_cell, head
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.reading import Cells, Reading, estimates
from tertius._brief.summary import estimate, nested, number
from tertius._brief.words import Estimate, clause, likelihood, percent, spelled
from tertius._brief.words import number as written

__all__ = ["part", "summary"]

AS_IS = "as_is"
_NONE = Estimate(math.nan, math.nan, math.nan, math.nan, "", 0)


class _Outlook:
    def __init__(self, reading: Reading, data: xr.Dataset) -> None:
        self.reading, self.names = reading, reading.names
        self.scenarios = [str(s) for s in data["scenario"].values]
        self.years = [str(y) for y in data["year"].values]
        self.powers = [str(p) for p in data["power"].values]
        self.horizon = int(data.attrs["horizon"])
        self.draws = data.sizes["draw"]
        self.lever: Cells = estimates(data["lever"])
        self.effective: Cells = estimates(data["effective_powers"])
        self.fall: Cells = estimates(data["effective_fall"])
        beyond = data["beyond_fall"].transpose("draw", "scenario").values
        known = ~np.isnan(beyond).any(axis=0)
        self.ended = {
            s: float((beyond[:, k] > 0).mean()) if known[k] else math.nan
            for k, s in enumerate(self.scenarios)
        }
        self.overtakes: Cells = {}
        self.within: dict[tuple[str, ...], float] = {}
        if "years_to_overtake" in data:
            over = data["years_to_overtake"].transpose("draw", "learned", "power", "rival")
            self.overtakes = estimates(over)
            values = over.values
            for key in self.overtakes:
                d, p, r = (
                    list(over[dim].values).index(k)
                    for dim, k in zip(("learned", "power", "rival"), key, strict=True)
                )
                column = values[:, d, p, r]
                if not np.isnan(column).any():
                    self.within[key] = float((column <= self.horizon).mean())

    def scenario(self, key: str) -> str:
        if key == AS_IS:
            return "As things are"
        first = self.reading.headline
        return first.title if first is not None and first.exit == key else key.replace("_", " ")

    # -- blocks --------------------------------------------------------------------------------

    def sentence(self) -> str:
        start, end = self.effective[AS_IS, self.years[0]], self.effective[AS_IS, self.years[-1]]
        said = (
            f"In {spelled(self.horizon, 'year')} {self.names.client} would lean on {end.full()} effective powers, as "
            f"against {start.full()} today."
        )
        for key in self.scenarios:
            chance = self.ended[key]
            if math.isnan(chance):
                continue
            when = "With things as they are" if key == AS_IS else f"{self.scenario(key)}: then"
            said += (
                f" {when} the balance {clause(chance)} have fallen by more than what counts as its end "
                f"({percent(chance, self.draws)})."
            )
        return said

    def fans(self, key: str, place: int) -> Figure:
        palette = colours(self.names.powers)
        times = [float(y) for y in self.years]
        rows = []
        for p in self.powers:
            cells = [self.lever[key, y, p] for y in self.years]
            rows.append(
                charts.Fan(
                    self.names.power(p),
                    times,
                    [c.p05 for c in cells],
                    [c.median for c in cells],
                    [c.p95 for c in cells],
                    palette.get(p, NEUTRAL),
                )
            )
        words = "; ".join(
            f"{self.names.power(p)} {cells[0].text()} to {cells[1].text()}"
            for p in self.powers
            for cells in [[self.lever[key, y, p] for y in (self.years[0], self.years[-1])]]
        )
        return Figure(
            f"Levers: {self.scenario(key)}",
            "Total lever of each power, log points: median and 5th to 95th percentile.",
            [
                charts.fans(
                    rows,
                    key=f"outlook-{place}",
                    title=f"Levers over {self.names.client} in the coming years: {self.scenario(key)}",
                    description=words,
                    axis="log points",
                    time="years from now",
                )
            ],
        )

    def balance(self) -> Figure:
        times = [float(y) for y in self.years]
        shades = ["#39434B", "#9AA5AE"]
        rows = []
        for key, shade in zip(self.scenarios, shades, strict=False):
            cells = [self.effective[key, y] for y in self.years]
            rows.append(
                charts.Fan(
                    self.scenario(key),
                    times,
                    [c.p05 for c in cells],
                    [c.median for c in cells],
                    [c.p95 for c in cells],
                    shade,
                )
            )
        return Figure(
            "How many powers it leans on",
            "Effective number of powers: median and 5th to 95th percentile.",
            [
                charts.fans(
                    rows,
                    key="outlook-balance",
                    title=f"Effective number of powers that {self.names.client} leans on in the coming years",
                    description="; ".join(f"{r.label} {r.mid[0]:.1f} to {r.mid[-1]:.1f}" for r in rows),
                    axis="effective powers",
                    time="years from now",
                )
            ],
        )

    def table(self) -> Table:
        rows = []
        for key in self.scenarios:
            for p in self.powers:
                label = f"{self.names.power(p)}, {self.scenario(key)[:1].lower()}{self.scenario(key)[1:]}"
                cells = (self.lever[key, y, p] for y in (self.years[0], self.years[-1]))
                rows.append([head(label), *map(estimate_cell, cells)])
            ends = (self.effective[key, y] for y in (self.years[0], self.years[-1]))
            rows.append(
                [
                    head(f"Effective powers, {self.scenario(key)[:1].lower()}{self.scenario(key)[1:]}"),
                    *map(estimate_cell, ends),
                ]
            )
        return Table(
            "Levers in log points and effective number of powers: median and [5th, 95th percentile]",
            [head(""), head("Now"), head(f"In {self.horizon} years")],
            rows,
        )

    def late_comers(self) -> list[Block]:
        """Who would overtake the one that supplies most today."""
        rows = []
        for domain in dict.fromkeys(key[0] for key in self.overtakes):
            ahead = {
                p: sum(self.overtakes[domain, p, r].median == 0 for r in self.powers if r != p)
                for p in self.powers
            }
            leader = max(ahead, key=lambda p: ahead[p])
            for p in self.powers:
                years = self.overtakes.get((domain, p, leader), _NONE)
                chance = self.within.get((domain, p, leader), math.nan)
                if p == leader or math.isnan(chance):
                    continue
                rows.append(
                    [
                        head(
                            f"{self.names.power(p)} past {self.names.power(leader)}",
                            small=self.names.domain(domain),
                        ),
                        Cell(_years(years.median), f"[{_years(years.p05)}, {_years(years.p95)}]"),
                        Cell(percent(chance, self.draws), likelihood(chance)),
                    ]
                )
        if not rows:
            return []
        return [
            Table(
                "Years until a late-comer supplies as much as the leader, at unchanged prices",
                [head(""), head("Years"), head(f"Within {self.horizon} years")],
                rows,
            )
        ]


def _years(value: float) -> str:
    return "never" if math.isinf(value) else written(value, 0)


def part(reading: Reading) -> Part | None:
    """The section; None where the case says nothing of the coming years."""
    data = reading.dataset("outlook")
    if data is None:
        return None
    found = _Outlook(reading, data)
    blocks: list[Block] = [
        Paragraph(found.sentence()),
        Paragraph(
            "Supply grows and fades at the rates that the case states, and late-comers learn; who leaves, leaves "
            "at once. It is a projection of what is stated and no forecast of events.",
            hint=True,
        ),
        found.balance(),
        *(found.fans(key, k) for k, key in enumerate(found.scenarios)),
        found.table(),
        *found.late_comers(),
    ]
    return Part("outlook", "Outlook", "The coming years: does the balance last?", blocks)


def summary(reading: Reading) -> dict[str, Any]:
    """The key ``outlook``."""
    data = reading.dataset("outlook")
    if data is None:
        return {}
    found = _Outlook(reading, data)
    return {
        "outlook": {
            "horizon": found.horizon,
            "draws": found.draws,
            "levers": nested(found.lever),
            "effective_powers": nested(found.effective),
            "effective_fall": {key[0]: estimate(cell) for key, cell in found.fall.items()},
            "balance_ended": {s: number(v) for s, v in found.ended.items()},
            "years_to_overtake": nested({k: c for k, c in found.overtakes.items() if k[1] != k[2]}),
            "overtakes_within_horizon": {
                d: {f"{p}>{r}": number(v) for (e, p, r), v in found.within.items() if e == d}
                for d in dict.fromkeys(key[0] for key in found.within)
            },
        }
    }
