"""How many powers a country leans on, year by year, as a reader sees it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import xarray as xr

from tertius._brief import charts
from tertius._brief.atlas.levers import the
from tertius._brief.atlas.reading import Answer, Fact, about_parts, colour_of
from tertius._brief.blocks import Block, Bullets, Cell, Figure, Paragraph, Part, Table, head
from tertius._brief.charts import Fan
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.summary import number
from tertius._brief.words import listed
from tertius._brief.words import number as written

__all__ = ["balance_answer", "years_in_words"]

TRADE = "trade"
_DOMAINS = {
    "trade": "trade",
    "arms": "arms",
    "security": "pacts of defence",
    "capital": "debt to official creditors",
    "diplomacy": "diplomatic posts",
}
_SHADES = ("#1E252B", "#7A858E", "#A8B0B7", "#5F6B76", "#C3C9CE")


def years_in_words(years: Iterable[int]) -> str:
    """Say which years: ``2000–2018, 2021``."""
    out = []
    for _, run in itertools.groupby(enumerate(sorted(set(years))), key=lambda pair: pair[1] - pair[0]):
        row = [year for _, year in run]
        out.append(str(row[0]) if len(row) == 1 else f"{row[0]}–{row[-1]}")
    return ", ".join(out)


def balance_answer(data: xr.Dataset) -> Answer:
    """Read the index over the years.

    Parameters
    ----------
    data
        From ``tertius._atlas.balance``.
    """
    it = _Balance(data)
    first, last = it.ends(TRADE, it.client)
    parts: list[Part] = []
    facts: list[Fact] = []
    if math.isnan(first):
        sentence = f"Of {the(it.me, start=False)}'s trade in these years nothing is known, so that there is no index."
    else:
        sentence = it.sentence(int(first), int(last))
        least, most = it.extremes()
        facts = [
            Fact(it.at(TRADE, it.client, int(last)), f"powers in {int(last)}", "Leaned on through trade"),
            Fact(it.at(TRADE, it.client, int(first)), f"powers in {int(first)}", "At first"),
            Fact(it.at(TRADE, it.client, least), f"powers in {least}", "Least"),
            Fact(it.at(TRADE, it.client, most), f"powers in {most}", "Most"),
        ]
    blocks: list[Block] = [
        Paragraph(
            "The effective number of powers is exp(entropy) of the levers: as many equal levers would be spread alike. "
            f"It is that of {it.powers_in_words()}; who else there is does not count.",
            hint=True,
        ),
        *it.figures(),
        it.table(),
    ]
    parts.append(Part("balance", "The balance", "How many powers it leans on", blocks))
    if it.missing:
        parts.append(Part("missing", "Missing", "What is missing, and why", [Bullets(it.missing)]))
    parts += about_parts(data)
    lines = [
        (
            str(year),
            "",
            it.value(TRADE, it.client, year),
            tuple(it.at(TRADE, c, year) for c in it.countries),
        )
        for year in it.years
    ]
    beside = f" beside {listed([it.names[c] for c in it.countries[1:]])}" if it.countries[1:] else ""
    return Answer(
        f"{it.me}{beside}, {data.attrs['year']}: how many powers it leans on",
        f"How many powers did {the(it.me, start=False)} lean on, year by year?",
        sentence,
        facts,
        parts,
        lines,
        it.json(),
        tuple(it.names[c] for c in it.countries),
    )


class _Balance:
    def __init__(self, data: xr.Dataset) -> None:
        self.data, self.attrs = data, data.attrs
        self.names: dict[str, str] = json.loads(data.attrs["names"])
        self.powers: dict[str, str] = json.loads(data.attrs["power_names"])
        self.countries = [str(c) for c in data["country"].values]
        for c in self.countries:
            self.names.setdefault(c, c)
        self.client = self.countries[0]
        self.me = self.names[self.client]
        self.years = [int(y) for y in data["year"].values]
        self.domains = [str(d) for d in data["domain"].values]
        self.cells = {
            name: dict(
                zip(
                    itertools.product(self.domains, self.countries, self.years),
                    data[name].transpose("domain", "country", "year").values.ravel().tolist(),
                    strict=True,
                )
            )
            for name in ("index", "index_low", "index_high")
        }

    def value(self, domain: str, country: str, year: int, which: str = "index") -> float:
        return float(self.cells[which][domain, country, year])

    def at(self, domain: str, country: str, year: int) -> str:
        value = self.value(domain, country, year)
        return "–" if math.isnan(value) else written(value, 2)

    def known(self, domain: str, country: str) -> list[int]:
        return [y for y in self.years if not math.isnan(self.value(domain, country, y))]

    def ends(self, domain: str, country: str) -> tuple[float, float]:
        """The first and the last year that are known; ``NaN`` where none is."""
        years = self.known(domain, country)
        return (years[0], years[-1]) if years else (math.nan, math.nan)

    def extremes(self) -> tuple[int, int]:
        years = self.known(TRADE, self.client)
        ranked = sorted(years, key=lambda y: self.value(TRADE, self.client, y))
        return ranked[0], ranked[-1]

    def powers_in_words(self) -> str:
        return listed([the(name, start=False) for name in self.powers.values()])

    def sentence(self, first: int, last: int) -> str:
        now, then = self.at(TRADE, self.client, last), self.at(TRADE, self.client, first)
        if first == last:
            said = f"{the(self.me)} leaned on {now} effective powers through trade in {last}."
        else:
            least, most = self.extremes()
            said = (
                f"{the(self.me)} leaned on {now} effective powers through trade in {last}, as against {then} in "
                f"{first}; least in {least} ({self.at(TRADE, self.client, least)}) and most in {most} "
                f"({self.at(TRADE, self.client, most)})."
            )
        others = [
            f"{the(self.names[c], start=False)} on {self.at(TRADE, c, last)}"
            for c in self.countries[1:]
            if last in self.known(TRADE, c)
        ]
        return f"{said} Beside it, in {last}: {listed(others)}." if others else said

    @property
    def missing(self) -> list[str]:
        said = []
        for entry in json.loads(self.attrs["why"]):
            years: dict[str, list[int]] = entry["years"]
            spans: dict[str, list[str]] = {}
            for country, missing in years.items():
                spans.setdefault(years_in_words(missing), []).append(self.names.get(country, country))
            who = "; ".join(
                when
                if set(names) == {self.names[c] for c in self.countries}
                else f"{', '.join(names)} {when}"
                for when, names in spans.items()
            )
            what = _DOMAINS[entry["domain"]]
            said.append(f"{what[:1].upper()}{what[1:]}: {entry['reason']} ({who}).")
        return said

    # -- blocks --------------------------------------------------------------------------------

    def lines(
        self, label: str, colour: str, years: Sequence[int], values: Sequence[Sequence[float]]
    ) -> list[Fan]:
        """One line with a gap wherever a year is missing."""
        out = []
        known = [k for k, row in enumerate(values) if not any(map(math.isnan, row))]
        for _, run in itertools.groupby(enumerate(known), key=lambda pair: years[pair[1]] - pair[0]):
            at = [k for _, k in run]
            # A year by itself is drawn as a short line.
            times = [float(years[k]) for k in at]
            rows = [values[k] for k in at]
            if len(at) == 1:
                times, rows = [times[0] - 0.2, times[0] + 0.2], rows * 2
            mid, low, high = ([row[i] for row in rows] for i in range(3))
            out.append(Fan(label, times, low, mid, high, colour))
        return out

    def figures(self) -> list[Figure]:
        made = []
        for domain in self.domains:
            rows: list[Fan] = []
            for k, c in reversed(list(enumerate(self.countries))):
                values = [
                    [self.value(domain, c, y, which) for which in ("index", "index_low", "index_high")]
                    for y in self.years
                ]
                rows += self.lines(self.names[c], _SHADES[k % len(_SHADES)], self.years, values)
            if len({t for r in rows for t in r.times}) < 2:
                continue
            made.append(
                Figure(
                    f"Through {_DOMAINS[domain]}",
                    "Effective number of powers; the band is what the assumptions leave open.",
                    [
                        charts.fans(
                            rows,
                            key=f"balance-{domain}",
                            title=f"Effective number of powers through {_DOMAINS[domain]}, by year",
                            description=self.said(domain),
                            axis="effective powers",
                            time="year",
                            limits=[1.0, max(x for r in rows for x in r.high) + 0.1],
                        )
                    ],
                )
            )
            if domain == TRADE:
                made.append(self.held())
        return made

    def said(self, domain: str) -> str:
        """What a chart shows, in words: where every line begins and ends."""
        ends = {c: self.ends(domain, c) for c in self.countries}
        return "; ".join(
            f"{self.names[c]} {self.at(domain, c, int(a))} in {int(a)}, {self.at(domain, c, int(b))} in {int(b)}"
            for c, (a, b) in ends.items()
            if not math.isnan(a)
        )

    def held(self) -> Figure:
        """The levers behind the index."""
        palette = {p: colour_of(p) for p in self.powers}
        if NEUTRAL in palette.values() or len(set(palette.values())) < len(palette):
            # Powers of a case's own, or more than have a colour on every page.
            palette = dict(colours(self.powers))
        rows: list[Fan] = []
        lever = self.data["lever"].sel(country=self.client)
        for p, name in self.powers.items():
            values = [[v, v, v] for v in lever.sel(power=p).values.tolist()]
            rows += self.lines(name, palette[p], self.years, values)
        ends = [
            f"{self.powers[p]} {written(known[0], 1)} to {written(known[-1], 1)}"
            for p in self.powers
            for known in [[v for v in lever.sel(power=p).values.tolist() if not math.isnan(v)]]
            if known
        ]
        return Figure(
            f"Who holds the levers over {self.me}",
            "Lever through trade, log points of real income, at the central elasticity.",
            [
                charts.fans(
                    rows,
                    key="balance-levers",
                    title=f"Levers over {self.me} through trade, by year",
                    description="; ".join(ends),
                    axis="log points",
                    time="year",
                )
            ],
        )

    def table(self) -> Table:
        """Every year of every country, trade first."""
        shown = [(d, c) for d in self.domains for c in self.countries if self.known(d, c)]
        rows = [
            [
                head(str(y)),
                *(Cell(self.at(d, c, y), self._range(d, c, y)) for d, c in shown),
            ]
            for y in self.years
        ]
        return Table(
            "Effective number of powers by year, and [least, most] over what is assumed; – is missing",
            [head(""), *(head(self.names[c], small="" if d == TRADE else _DOMAINS[d]) for d, c in shown)],
            rows,
            terminal=False,
        )

    def _range(self, domain: str, country: str, year: int) -> str:
        low, high = (self.value(domain, country, year, which) for which in ("index_low", "index_high"))
        return "" if math.isnan(low) else f"[{written(low, 2)}, {written(high, 2)}]"

    def json(self) -> dict[str, Any]:
        share = self.data["share"]
        return {
            "beside": self.countries[1:],
            "powers": {
                p: {"name": name, "members": json.loads(self.attrs["members"])[p]}
                for p, name in self.powers.items()
            },
            "case": self.attrs["of_case"] or None,
            "index": {
                d: {
                    c: {
                        str(y): {
                            "central": number(self.value(d, c, y)),
                            "low": number(self.value(d, c, y, "index_low")),
                            "high": number(self.value(d, c, y, "index_high")),
                        }
                        for y in self.years
                    }
                    for c in self.countries
                }
                for d in self.domains
            },
            "levers": {
                c: {
                    str(y): {
                        p: number(float(self.data["lever"].sel(country=c, year=y, power=p)))
                        for p in self.powers
                    }
                    for y in self.years
                }
                for c in self.countries
            },
            "shares": {
                d: {
                    c: {
                        str(y): {
                            p: number(float(share.sel(domain=d, country=c, year=y, power=p)))
                            for p in self.powers
                        }
                        for y in self.years
                    }
                    for c in self.countries
                }
                for d in self.domains
            },
            "why_missing": json.loads(self.attrs["why"]),
        }


def table_rows(data: xr.Dataset) -> Iterable[Sequence[Any]]:
    """Rows of the table as CSV, the header first: a blank where a number is missing."""
    it = _Balance(data)
    ids = list(it.powers)
    yield [
        "country",
        "name",
        "year",
        "domain",
        "index",
        "index_low",
        "index_high",
        *(f"share_{p}" for p in ids),
        *(f"lever_{p}" for p in ids),
    ]
    for d, c, y in itertools.product(it.domains, it.countries, it.years):
        share = data["share"].sel(domain=d, country=c, year=y).values.tolist()
        lever = data["lever"].sel(country=c, year=y).values.tolist() if d == TRADE else [math.nan] * len(ids)
        index = [it.value(d, c, y, which) for which in ("index", "index_low", "index_high")]
        yield [c, it.names[c], y, d, *index, *share, *lever]
