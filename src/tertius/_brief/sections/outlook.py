"""The coming years: levers, how many powers the client leans on, and when a late-comer overtakes."""

from __future__ import annotations

import json
import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import Block, Cell, Figure, Paragraph, Part, Table, estimate_cell, head, say
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.reading import Cells, Reading, estimates
from tertius._brief.summary import estimate, nested, number
from tertius._brief.words import Estimate, clause, likelihood, listed, percent, spelled
from tertius._brief.words import number as written

__all__ = ["part", "summary"]

AS_IS, RESCUED, ALONE = "as_is", "rescued", "alone"
GUARANTEE = "guarantee"
NOW, THEN = "now", "horizon"
MARKS = (25, 50)
"""Years beside the horizon by which a late-comer may have overtaken."""

_NONE = Estimate(math.nan, math.nan, math.nan, math.nan, "", 0)
_SHADES = ("#39434B", "#7A858E", "#B4BCC3")


class _Outlook:
    def __init__(self, reading: Reading, data: xr.Dataset) -> None:
        self.titles = {d.exit: d.title for d in reading.displacements}
        self.names, self.iso3 = reading.names, str(reading.case["client"].get("iso3") or "")
        self.command = f"tertius balance {self.iso3} --powers-of {reading.provenance.case}"
        self.scenarios = [str(s) for s in data["scenario"].values]
        self.years = [str(y) for y in data["year"].values]
        self.powers = [str(p) for p in data["power"].values]
        self.domains = [str(d) for d in data["domain"].values]
        self.guarantor = str(data.attrs.get("guarantor") or "")
        self.horizon = int(data.attrs["horizon"])
        self.history: dict[str, Any] = json.loads(data.attrs.get("history", "{}"))
        self.draws = data.sizes["draw"]
        self.lever: Cells = estimates(data["lever"])
        self.within_domain: Cells = estimates(data["lever_in"])
        self.effective: Cells = estimates(data["effective_powers"])
        self.in_domain: Cells = estimates(data["effective_in"])
        self.fall: Cells = estimates(data["effective_fall"])
        beyond = data["beyond_fall"].transpose("draw", "scenario").values
        known = ~np.isnan(beyond)
        # A further exit is known in the first draws alone.
        self.known = {s: int(known[:, k].sum()) for k, s in enumerate(self.scenarios)}
        self.ended = {
            s: float((beyond[known[:, k], k] > 0).mean()) if known[:, k].any() else math.nan
            for k, s in enumerate(self.scenarios)
        }
        self.overtakes: Cells = {}
        self.within: dict[tuple[str, ...], dict[int, float]] = {}
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
                    self.within[key] = {y: float((column <= y).mean()) for y in self.marks}

    @property
    def marks(self) -> list[int]:
        """The horizon, and the years beyond it that are told as well."""
        return [self.horizon, *(y for y in MARKS if y > self.horizon)]

    @property
    def lead(self) -> str:
        """The scenario that the case is about: what came of the request, if there was one."""
        return RESCUED if RESCUED in self.scenarios else AS_IS

    @property
    def courses(self) -> list[str]:
        """The scenarios in which nobody leaves, that of the case first."""
        return [s for s in (RESCUED, ALONE, AS_IS) if s in self.scenarios]

    @property
    def exits(self) -> list[str]:
        return [s for s in self.scenarios if s not in (RESCUED, ALONE, AS_IS)]

    def scenario(self, key: str) -> str:
        if key == AS_IS:
            return "Without the crisis" if RESCUED in self.scenarios else "As things are"
        if key in (RESCUED, ALONE):
            return "After the rescue" if key == RESCUED else "Having survived alone"
        return self.titles.get(key) or key.replace("_", " ")

    def domain(self, key: str) -> str:
        return "Guarantee" if key == GUARANTEE else self.names.domain(key)

    # -- blocks --------------------------------------------------------------------------------

    def sentence(self) -> str:
        start, end = self.effective[AS_IS, self.years[0]], self.effective[self.lead, self.years[-1]]
        saved = self.lead == RESCUED
        said = (
            f"{spelled(self.horizon, 'year').capitalize()} {'after the rescue' if saved else 'from now'} "
            f"{self.names.client} would lean on {end.full()} effective powers, as against {start.full()} "
            f"{'before the crisis' if saved else 'today'}."
        )
        chance = self.ended[self.lead]
        if not math.isnan(chance):
            said += (
                f" By then the balance {clause(chance)} have fallen by more than what counts as its end "
                f"({percent(chance, self.known[self.lead])})."
            )
        worst = max(
            (s for s in self.exits if not math.isnan(self.ended[s])), key=self.ended.__getitem__, default=""
        )
        if worst:
            word = clause(self.ended[worst])
            title = self.scenario(worst)
            title = f"{title[0].lower()}{title[1:]}" if title.startswith("The ") else title
            said += f" If {title}, it {word} have done so ({percent(self.ended[worst], self.known[worst])})."
        return said

    def guarantee(self) -> list[Block]:
        """What the guarantee of the power that was asked is worth in each course of things."""
        if not self.guarantor:
            return []
        cells = {
            s: [self.within_domain[s, m, self.guarantor, GUARANTEE] for m in (NOW, THEN)]
            for s in self.courses
        }
        if not all(c.known for pair in cells.values() for c in pair):
            return []
        said = [
            f"{self.scenario(s)[:1].lower()}{self.scenario(s)[1:]} {first.text()}, in {spelled(self.horizon, 'year')} "
            f"{last.text()}"
            for s, (first, last) in cells.items()
        ]
        name = self.names.power(self.guarantor)
        return [
            Paragraph(
                f"{name}'s guarantee of the regime counts as a lever, in log points: {'; '.join(said)}. A regime "
                "that has survived is known to be stronger than it was believed to be, and needs it less; and what was "
                "learned of the guarantor fades."
            )
        ]

    def _fan(self, label: str, cells: list[Estimate], colour: str) -> charts.Fan:
        return charts.Fan(
            label,
            [float(y) for y in self.years],
            [c.p05 for c in cells],
            [c.median for c in cells],
            [c.p95 for c in cells],
            colour,
        )

    def fans(self, key: str, limits: list[float]) -> Figure:
        palette = colours(self.names.powers)
        rows = [
            self._fan(
                self.names.power(p), [self.lever[key, y, p] for y in self.years], palette.get(p, NEUTRAL)
            )
            for p in self.powers
        ]
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
                    key=f"outlook-{self.scenarios.index(key)}",
                    title=f"Levers over {self.names.client} in the coming years: {self.scenario(key)}",
                    description=words,
                    axis="log points",
                    time="years from now",
                    limits=limits,
                )
            ],
            self.by_domain(key),
        )

    def limits(self) -> list[float]:
        """One scale for the levers of all scenarios, so that their charts can be read side by side."""
        return charts.extent(
            [x for c in self.lever.values() if c.known for x in (c.p05, c.p95) if math.isfinite(x)]
        )

    def by_domain(self, key: str) -> Table:
        """Levers by power and domain, now and at the horizon."""
        rows = [
            [
                head(self.names.power(p)),
                *(
                    Cell(then.text(), f"now {now.text()}")
                    for d in self.domains
                    for now, then in [[self.within_domain[key, m, p, d] for m in (NOW, THEN)]]
                ),
                estimate_cell(self.lever[key, self.years[-1], p]),
            ]
            for p in self.powers
        ]
        rows.append(
            [
                head("Effective powers"),
                *(
                    Cell(then.text(), f"now {now.text()}")
                    for d in self.domains
                    for now, then in [[self.in_domain[key, m, d] for m in (NOW, THEN)]]
                ),
                estimate_cell(self.effective[key, self.years[-1]]),
            ]
        )
        return Table(
            f"{self.scenario(key)}: levers by domain in {spelled(self.horizon, 'year')}, log points; below each, now",
            [head(""), *(head(self.domain(d)) for d in self.domains), head("Total")],
            rows,
            terminal=False,
        )

    def balance(self) -> list[Figure]:
        """How many powers it leans on: the courses of things in one chart, the exits in another."""
        groups = [("", self.courses)]
        if self.exits:
            groups.append((": exits", self.exits))
        cells = {s: [self.effective[s, y] for y in self.years] for s in self.scenarios}
        # No country leans on fewer than one.
        limits = [1.0, charts.extent([c.p95 for row in cells.values() for c in row if c.known])[1]]
        made = []
        for k, (word, keys) in enumerate(groups):
            rows = [
                self._fan(self.scenario(s), cells[s], shade) for s, shade in zip(keys, _SHADES, strict=False)
            ]
            made.append(
                Figure(
                    f"How many powers it leans on{word}",
                    "Effective number of powers: median and 5th to 95th percentile.",
                    [
                        charts.fans(
                            rows,
                            key=f"outlook-balance-{k}",
                            title=f"Effective number of powers that {self.names.client} leans on in the coming years",
                            description="; ".join(
                                f"{r.label} {r.mid[0]:.1f} to {r.mid[-1]:.1f}" for r in rows
                            ),
                            axis="effective powers",
                            time="years from now",
                            limits=limits,
                        )
                    ],
                )
            )
        return made

    def table(self) -> Table:
        rows = []
        for key in (*self.courses, *self.exits):
            chance = self.ended[key]
            rows.append(
                [
                    head(self.scenario(key)),
                    *(estimate_cell(self.effective[key, y]) for y in (self.years[0], self.years[-1])),
                    say("missing")
                    if math.isnan(chance)
                    else Cell(percent(chance, self.known[key]), likelihood(chance)),
                ]
            )
        return Table(
            "Effective number of powers: median and [5th, 95th percentile]; probability that it has fallen, from "
            "before the crisis and any exit, by more than what counts as the end of the balance",
            [head(""), head("Now"), head(f"In {self.horizon} years"), head("Ended")],
            rows,
        )

    def past(self) -> list[Block]:
        """The number of today beside the data's of earlier years, and beside the neighbours'."""
        today = self.in_domain.get((AS_IS, NOW, "trade"), _NONE)
        if not today.known:
            return []
        if not self.history:
            if not self.iso3:
                return []
            return [Paragraph(f"How many powers it leaned on in earlier years: {self.command}.", hint=True)]
        mine = self.history["client"]
        index: dict[str, dict[str, float]] = self.history["index"]
        names: dict[str, str] = self.history["names"]
        years = {int(y): v for y, v in index[mine].items()}
        first, last = min(years), max(years)
        least, most = (edge(years, key=years.__getitem__) for edge in (min, max))
        others = [
            f"{names[c]} on {written(row[str(last)], 1)}"
            for c, row in index.items()
            if c != mine and str(last) in row
        ]
        said = (
            f"Through trade alone it leans on {today.full()} here. In the data of trade in goods it leaned on "
            f"{written(years[last], 1)} in {last}, and from {first} on between {written(years[least], 1)} ({least}) "
            f"and {written(years[most], 1)} ({most})."
        )
        if others:
            said += f" Its neighbours leaned in {last}: {listed(others)}."
        shades = (_SHADES[0], *("#9AA5AE",) * len(index))
        order = [mine, *(c for c in index if c != mine)]
        rows = []
        for c, shade in zip(order, shades, strict=False):
            values = list(index[c].values())
            rows.append(charts.Fan(names[c], [float(y) for y in index[c]], values, values, values, shade))
        return [
            Paragraph(said),
            Paragraph(
                f"The years before are from the data (BACI), as one good and without transit: {self.command}.",
                hint=True,
            ),
            Figure(
                "How many powers it leaned on through trade",
                "Effective number of powers, from goods trade of every year, beside the neighbours.",
                [
                    charts.fans(
                        list(reversed(rows)),
                        key="outlook-history",
                        title=f"Effective number of powers that {self.names.client} and its neighbours leaned on",
                        description="; ".join(
                            f"{r.label} {written(r.mid[0], 1)} to {written(r.mid[-1], 1)}" for r in rows
                        ),
                        axis="effective powers",
                        time="year",
                        limits=[1.0, 0.1 + max(v for r in rows for v in r.mid)],
                    )
                ],
            ),
        ]

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
                chances = self.within.get((domain, p, leader))
                if p == leader or chances is None:
                    continue
                rows.append(
                    [
                        head(
                            f"{self.names.power(p)} past {self.names.power(leader)}",
                            small=self.names.domain(domain),
                        ),
                        Cell(_years(years.median), f"[{_years(years.p05)}, {_years(years.p95)}]"),
                        *(Cell(percent(c, self.draws), likelihood(c)) for c in chances.values()),
                    ]
                )
        if not rows:
            return []
        return [
            Table(
                "Years until a late-comer supplies as much as the leader, at unchanged prices",
                [head(""), head("Years"), *(head(f"Within {y} years") for y in self.marks)],
                rows,
            )
        ]


def _years(value: float) -> str:
    return "never" if math.isinf(value) else written(value, 0)


_FOUND: WeakKeyDictionary[Reading, _Outlook] = WeakKeyDictionary()


def _found(reading: Reading, data: xr.Dataset) -> _Outlook:
    """Estimates are summed up once for the page, the terminal and the summary."""
    if reading not in _FOUND:
        _FOUND[reading] = _Outlook(reading, data)
    return _FOUND[reading]


def part(reading: Reading) -> Part | None:
    """The section; None where the case says nothing of the coming years."""
    data = reading.dataset("outlook")
    if data is None:
        return None
    found = _found(reading, data)
    limits = found.limits()
    blocks: list[Block] = [
        Paragraph(found.sentence()),
        Paragraph(
            "Supply grows and fades at the rates that the case states, and late-comers learn; who leaves, leaves "
            "at once. It is a projection of what is stated and no forecast of events.",
            hint=True,
        ),
        found.table(),
        *found.guarantee(),
        *found.past(),
        *found.balance(),
        *(found.fans(key, limits) for key in (*found.courses, *found.exits)),
        *found.late_comers(),
    ]
    return Part("outlook", "Outlook", "The coming years: does the balance last?", blocks)


def summary(reading: Reading) -> dict[str, Any]:
    """The key ``outlook``."""
    data = reading.dataset("outlook")
    if data is None:
        return {}
    found = _found(reading, data)
    return {
        "outlook": {
            "horizon": found.horizon,
            "draws": found.draws,
            "guarantor": found.guarantor or None,
            "history": found.history or None,
            "levers": nested(found.lever),
            "levers_by_domain": nested(found.within_domain),
            "effective_powers": nested(found.effective),
            "effective_by_domain": nested(found.in_domain),
            "effective_fall": {key[0]: estimate(cell) for key, cell in found.fall.items()},
            "balance_ended": {s: number(v) for s, v in found.ended.items()},
            "years_to_overtake": nested({k: c for k, c in found.overtakes.items() if k[1] != k[2]}),
            "overtakes_within_horizon": {
                d: {f"{p}>{r}": number(v[found.horizon]) for (e, p, r), v in found.within.items() if e == d}
                for d in dict.fromkeys(key[0] for key in found.within)
            },
            "overtakes_within": {
                d: {
                    f"{p}>{r}": {str(y): number(c) for y, c in v.items()}
                    for (e, p, r), v in found.within.items()
                    if e == d
                }
                for d in dict.fromkeys(key[0] for key in found.within)
            },
        }
    }
