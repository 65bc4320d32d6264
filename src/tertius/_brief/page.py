"""The brief as one page: no scripts, no network, and every figure leads to where it comes from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from tertius._brief import charts
from tertius._brief.answer import (
    answer,
    answer_lines,
    certainty,
    exit_clause,
    lever_sentence,
    parting,
    parting_opening,
    parting_words,
    rests_on,
    verdict_counts,
)
from tertius._brief.blocks import (
    Block,
    Bullets,
    Cell,
    Drawing,
    Figure,
    Paragraph,
    Part,
    Table,
    estimate_cell,
    head,
    say,
)
from tertius._brief.charts import Bar, Dot, Move, Picture, Segment, Strip
from tertius._brief.insight import (
    DRIVERS_NOTE,
    assumed_part,
    binding_routes,
    draws_words,
    effective_words,
    filled_words,
    headline_words,
    leaning_words,
    path_words,
    stability,
)
from tertius._brief.method import CLAIMS, METHOD
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.reading import Cells, Displacement, InputFigure, Levers, Reading
from tertius._brief.sections import chain, closing, parts
from tertius._brief.words import Estimate, likelihood, number, percent, share, significant, spelled

__all__ = ["contents", "laid_out", "page", "render"]

_T = TypeVar("_T")
_NONE = Estimate(math.nan, math.nan, math.nan, math.nan, "", 0)
_PARTED = {
    "contradicted": "What the model contradicts",
    "contested": "What it leaves open",
    "not testable": "What it cannot test",
}
_PARTING = tuple(_PARTED)
_TITLES = {
    "exits": "Exits",
    "crisis": "The crisis",
    "treaties": "Treaties",
    "rescue": "The rescue",
    "concessions": "Concessions",
    "issues": "Bargaining",
    "observers": "Observers",
    "history": "Past requests for help",
    "signals": "Signals",
    "investors": "Investors",
    "outlook": "The coming years",
}
_OWN, _OTHERS, _UNFILLED = "#C3CBD2", "#DDE2E6", "#FFFFFF"


def _web_address(text: str) -> str:
    """Give back an address that may become a link, and no other: anybody may have written a case."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    return text.strip() if parts.scheme in {"http", "https"} and parts.netloc else ""


class _Page:
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.names = reading.names
        self.palette = colours(reading.names.powers)
        self.groups = list(dict.fromkeys(figure.group for figure in reading.figures))
        self.anchor = {group: f"figures-{i}" for i, group in enumerate(self.groups)}
        self.input_ids = {figure.path: f"input-{i}" for i, figure in enumerate(reading.figures)}
        self.source_ids = {key: f"source-{i}" for i, key in enumerate(self.names.sources)}

    # -- helpers -------------------------------------------------------------------------------

    def colour(self, key: str) -> str:
        return self.palette.get(key, NEUTRAL)

    def figures_of(self, label: str) -> str:
        """Where the inputs of a domain or flow are listed."""
        group = "trade" if label.startswith("trade") else label
        if label == "total":
            return "#figures" if self.groups else ""
        return f"#{self.anchor[group]}" if group in self.anchor else ""

    def power_head(self, key: str) -> Cell:
        return head(self.names.power(key), self.colour(key))

    # -- levers --------------------------------------------------------------------------------

    def levers(self, found: Levers) -> dict[str, Any]:
        domains = [d for d in found.domains if d != "total"]
        rows = {
            d: [self._dot(self.names.domain(d), p, found.lever.get((p, d), _NONE)) for p in found.powers]
            for d in found.domains
        }
        figures = []
        if domains:
            limits = charts.extent([x for d in domains for r in rows[d] for x in (r.low, r.mid, r.high)])
            figures.append(
                Figure(
                    "Levers by domain",
                    "What each power's withdrawal would cost, in log points. Dot: median; bar: 5th "
                    "to 95th percentile. "
                    "One scale for all domains.",
                    [
                        charts.dots(
                            [r for d in part for r in rows[d]],
                            key=f"levers-{i}",
                            title=f"Levers over {self.names.client} by power and domain",
                            description=self._described([r for d in part for r in rows[d]], "log points"),
                            axis="log points",
                            limits=limits,
                        )
                        for i, part in enumerate(_halves(domains))
                    ],
                    wide=True,
                )
            )
        if "total" in found.domains:
            figures.append(
                Figure(
                    "All domains together",
                    "The sum over the domains, which hangs on how much each domain is held to weigh.",
                    [
                        charts.dots(
                            [Dot("", *_tail(r)) for r in rows["total"]],
                            key="levers-total",
                            title=f"Total lever over {self.names.client} by power",
                            description=self._described(rows["total"], "log points"),
                            axis="log points",
                        )
                    ],
                )
            )
        if found.effective:
            dots = [
                Dot("", self.names.domain(d), *_three(found.effective[d,]), effective_words(found, d))
                for d in found.domains
                if (d,) in found.effective
            ]
            figures.append(
                Figure(
                    "How many powers it leans on",
                    "Effective number of powers: one when a single power holds every lever, "
                    f"{len(found.powers)} when all hold the same.",
                    [
                        charts.dots(
                            dots,
                            key="effective",
                            title=f"Effective number of powers that {self.names.client} leans on",
                            description=self._described(dots, "powers"),
                            axis="effective number of powers",
                        )
                    ],
                )
            )
        return {
            "sentence": lever_sentence(self.reading),
            "explains": f"A lever is what its holder could cost {self.names.client} by withdrawing, after "
            f"{self.names.client} has adapted. One log point is about one per cent of real income.",
            "figures": figures,
            "table": self._lever_table(found),
            "more": [
                self._by_domain(
                    "Net levers: what the power could cost the client, less the reverse", found, found.net
                ),
                self._by_domain("Reverse levers: what the client could cost the power", found, found.reverse),
                self._by_domain("Ties: the power's share in each domain", found, found.tie),
            ],
        }

    def _dot(self, group: str, power: str, estimate: Estimate) -> Dot:
        return Dot(group, self.names.power(power), *_three(estimate), estimate.text(), self.colour(power))

    def _described(self, rows: Iterable[Dot], unit: str) -> str:
        return "; ".join(f"{r.group + ', ' if r.group else ''}{r.label}: {r.text} {unit}" for r in rows)

    def _lever_table(self, found: Levers) -> Table:
        rows: list[list[Cell]] = []
        for d in found.domains:
            href = self.figures_of(d)
            rows.append(
                [
                    head(self.names.domain(d), href=href),
                    *[estimate_cell(found.lever.get((p, d), _NONE), href) for p in found.powers],
                    estimate_cell(found.effective[d,])
                    if found.effective.get((d,), _NONE).known
                    else Cell(effective_words(found, d) if (d,) in found.effective else "–"),
                ]
            )
        total = frozenset({len(rows) - 1})
        if found.net:
            rows.append(
                [
                    head("Net, all domains", small="less what the client could cost the power"),
                    *[estimate_cell(found.net.get((p, "total"), _NONE)) for p in found.powers],
                    Cell(""),
                ]
            )
        if found.transit_alone:
            rows.append(
                [
                    head("Transit alone", small="routes closed, trading on"),
                    *[estimate_cell(found.transit_alone.get((p,), _NONE)) for p in found.powers],
                    Cell(""),
                ]
            )
        header = [head(""), *[self.power_head(p) for p in found.powers], head("Effective powers")]
        return Table("Levers in log points: median and [5th, 95th percentile]", header, rows, total)

    def _by_domain(self, caption: str, found: Levers, cells: Cells) -> Table:
        return Table(
            caption,
            [head(""), *[self.power_head(p) for p in found.powers]],
            [
                [
                    head(self.names.domain(d)),
                    *[estimate_cell(cells.get((p, d), _NONE), self.figures_of(d)) for p in found.powers],
                ]
                for d in found.domains
                if any((p, d) in cells for p in found.powers)
            ],
        )

    # -- the vacuum ----------------------------------------------------------------------------

    def vacuum(self, found: Displacement, index: int) -> dict[str, Any]:
        key = f"exit{index}"
        figures = [
            self._filled(found, key),
            self._who_pays(found, key),
            self._leaning(found, key),
            *self._gains(found, key),
        ]
        if index == 0:
            figures += self._trade(found, key)
        return {
            "key": key,
            "title": found.title,
            "clause": exit_clause(found),
            "sentence": filled_words(found, self.reading),
            "draws": draws_words(found, self.reading) if index else "",
            "leaning": leaning_words(found, self.reading),
            "table": self._vacuum_table(found),
            "figures": [f for f in figures if f is not None],
            "routes": binding_routes(found, self.reading),
            "loss": self._loss(found),
            "more": [
                self._probabilities(
                    "Probability of gaining most leverage", found, found.by_leverage, found.domains
                ),
                self._probabilities(
                    "Probability of filling most of the vacuum", found, found.by_vacuum, found.flows
                ),
            ],
        }

    def _loss(self, found: Displacement) -> str:
        total = found.client_loss.get(("total",), _NONE)
        if not total.known:
            return ""
        return f"All domains together cost {self.names.client} {total.full()} log points."

    def _leaning(self, found: Displacement, key: str) -> Figure | None:
        ends = {
            d: (found.effective_before[d,], found.effective_after[d,])
            for d in found.domains
            if (d,) in found.effective_before and (d,) in found.effective_after
        }
        rows = [
            Move("", self.names.domain(d), one.median, two.median, f"{one.text()} → {two.text()}")
            for d, (one, two) in ends.items()
            if one.known and two.known
        ]
        if not rows:
            return None
        return Figure(
            "How many powers it leans on, before and after",
            "Effective number of powers. Ring: before the exit; dot: after; medians.",
            [
                charts.moves(
                    rows,
                    key=f"{key}-effective",
                    title=f"Effective number of powers before and after: {found.title}",
                    description="; ".join(f"{r.label}: {r.text}" for r in rows),
                    axis="effective number of powers",
                )
            ],
            Table(
                "Effective number of powers: median and [5th, 95th percentile]",
                [head(""), head("Before"), head("After")],
                [[head(self.names.domain(d)), *map(estimate_cell, two)] for d, two in ends.items()],
            ),
        )

    def _vacuum_table(self, found: Displacement) -> Table:
        leverage, filling = (dict(found.tertius(kind)) for kind in ("leverage", "vacuum"))
        href = self.figures_of("total")
        rows = []
        for p in found.powers:
            gone = p in found.leavers
            rows.append(
                [
                    self.power_head(p),
                    estimate_cell(found.before.get((p, "total"), _NONE), href),
                    estimate_cell(found.after.get((p, "total"), _NONE), href),
                    estimate_cell(found.gain.get((p, "total"), _NONE), href),
                    Cell("leaves") if gone else self._likely(leverage.get(p, math.nan)),
                    Cell("leaves") if gone else estimate_cell(found.vacuum.get((p, "total"), _NONE), href),
                    Cell("leaves") if gone else self._likely(filling.get(p, math.nan)),
                ]
            )
        for words, cells in (
            ("Own provision", found.own),
            ("Regions that are no power", found.others),
            ("Filled by nobody", found.unfilled),
        ):
            blank = [Cell("")] * 4
            rows.append([head(words), *blank, estimate_cell(cells.get(("total",), _NONE), href), Cell("")])
        header = [
            head(t)
            for t in (
                "",
                "Lever before",
                "Lever after",
                "Gain",
                "Gains most leverage",
                "Share of the vacuum",
                "Fills most of it",
            )
        ]
        return Table(
            "All domains: levers in log points, shares of what is withdrawn, probabilities", header, rows
        )

    def _likely(self, probability: float) -> Cell:
        if math.isnan(probability):
            return Cell(percent(probability))
        return Cell(percent(probability), likelihood(probability))

    def _filled(self, found: Displacement, key: str) -> Figure | None:
        if not found.flows:
            return None
        bars = []
        for f in found.flows:
            parts = [
                Segment(self.names.power(p), found.vacuum.get((p, f), _NONE).mean, self.colour(p))
                for p in found.remaining
            ]
            rest = (
                ("own", found.own, _OWN),
                ("others", found.others, _OTHERS),
                ("nobody", found.unfilled, _UNFILLED),
            )
            parts += [
                Segment(words, cells.get((f,), _NONE).mean, shade, outlined=words == "nobody")
                for words, cells, shade in rest
            ]
            bars.append(Bar(self.names.domain(f), tuple(parts)))
        return Figure(
            "Who fills the vacuum",
            "Share of the quantity withdrawn that each adds, on average over the draws (averages add "
            "up to the whole; "
            "medians do not). Grey: own provision and regions that are no power; white: nobody.",
            [
                charts.bars(
                    bars,
                    key=f"{key}-filled",
                    title=f"Who fills the vacuum: {found.title}",
                    description="; ".join(
                        f"{bar.label}: " + ", ".join(f"{s.label} {share(s.size)}" for s in bar.segments)
                        for bar in bars
                    ),
                    axis="share of what is withdrawn",
                )
            ],
            Table(
                "Share of the vacuum by flow: median and [5th, 95th percentile]",
                [
                    head(""),
                    *[self.power_head(p) for p in found.remaining],
                    head("Own provision"),
                    head("Others"),
                    head("Nobody"),
                ],
                [
                    [
                        head(self.names.domain(f)),
                        *[
                            estimate_cell(found.vacuum.get((p, f), _NONE), self.figures_of(f))
                            for p in found.remaining
                        ],
                        *[
                            estimate_cell(c.get((f,), _NONE))
                            for c in (found.own, found.others, found.unfilled)
                        ],
                    ]
                    for f in found.flows
                ],
            ),
        )

    def _gains(self, found: Displacement, key: str) -> list[Figure]:
        if not found.gain:
            return []
        rows = {
            d: [self._dot(self.names.domain(d), p, found.gain.get((p, d), _NONE)) for p in found.remaining]
            for d in ("total", *(d for d in found.domains if d != "total"))
            if d in found.domains
        }
        limits = charts.extent([x for part in rows.values() for r in part for x in (r.low, r.mid, r.high)])
        pictures = []
        for i, part in enumerate(_halves(list(rows))):
            dots = [r for d in part for r in rows[d]]
            pictures.append(
                charts.dots(
                    dots,
                    key=f"{key}-gain-{i}",
                    title=f"Leverage gained by power and domain: {found.title}",
                    description=self._described(dots, "log points"),
                    axis="log points",
                    limits=limits,
                )
            )
        return [
            Figure(
                "Who gains leverage, and where",
                "Change of each remaining power's lever, in log points. Dot: median; bar: 5th to 95th "
                "percentile. One scale for all.",
                pictures,
                Table(
                    "Leverage gained, in log points: median and [5th, 95th percentile]",
                    [head(""), *[self.power_head(p) for p in found.powers]],
                    [
                        [
                            head(self.names.domain(d)),
                            *[
                                estimate_cell(found.gain.get((p, d), _NONE), self.figures_of(d))
                                for p in found.powers
                            ],
                        ]
                        for d in found.domains
                    ],
                ),
                wide=True,
            )
        ]

    def _moves(
        self, group: str, before: Cells, after: Cells, regions: Sequence[str], sector: str = ""
    ) -> list[Move]:
        def cell(cells: Cells, region: str) -> Estimate:
            return cells.get((sector, region) if sector else (region,), _NONE)

        rows = []
        for region in regions:
            one, two = cell(before, region), cell(after, region)
            if one.median == 0 and two.median == 0:
                continue
            rows.append(
                Move(
                    group,
                    self.names.region(region),
                    one.median,
                    two.median,
                    f"{one.text()} → {two.text()}",
                    self.colour(region),
                )
            )
        return rows

    def _trade(self, found: Displacement, key: str) -> list[Figure]:
        figures = []
        unit = self.names.money or "billions"
        abroad = [r for r in found.regions if r != self.names.client_id]
        for which, word in (("exports", "Exports"), ("imports", "Imports")):
            before, after = (found.trade_totals.get(f"{which}_{when}", {}) for when in ("before", "after"))
            if not before or not after:
                continue
            order = self._ordered(abroad, {r: before.get((r,), _NONE) for r in abroad})
            rows = self._moves("", before, after, order)
            if not rows:
                continue
            figures.append(
                Figure(
                    f"{word} before and after",
                    f"{word} of {self.names.client} by region, all goods ({unit}, baseline prices). "
                    "Ring: before; dot: after; medians.",
                    [
                        charts.moves(
                            rows,
                            key=f"{key}-{which}",
                            title=f"{word} of {self.names.client} before and after: {found.title}",
                            description="; ".join(f"{r.label}: {r.text}" for r in rows),
                            axis=unit,
                        )
                    ],
                    self._trade_table(word, found, which, order),
                )
            )
        before, after = found.exports_before, found.exports_after
        sectors = [s for s in found.sectors if any(before.get((s, r), _NONE).median > 0 for r in abroad)]
        if len(sectors) > 1:
            pictures = []
            for i, part in enumerate(_halves(sectors)):
                rows = []
                for s in part:
                    order = self._ordered(abroad, {r: before.get((s, r), _NONE) for r in abroad})
                    rows += self._moves(self.names.sector(s), before, after, order, s)
                pictures.append(
                    charts.moves(
                        rows,
                        key=f"{key}-sectors-{i}",
                        title=f"Exports of {self.names.client} by good, before and after: {found.title}",
                        description="; ".join(f"{r.group}, {r.label}: {r.text}" for r in rows),
                        axis=unit,
                    )
                )
            figures.append(
                Figure(
                    "Exports by what is sold",
                    f"The same by sector ({unit}, baseline prices): who can take over a lost market "
                    "depends on what is "
                    "sold there. Each side has its own scale.",
                    pictures,
                    wide=True,
                )
            )
        return figures

    def _ordered(self, regions: Sequence[str], before: dict[str, Estimate]) -> list[str]:
        """Put the regions that mattered most first."""
        return sorted(regions, key=lambda r: -_sortable(before[r].median))

    def _trade_table(self, word: str, found: Displacement, which: str, order: Sequence[str]) -> Table:
        before, after = (found.trade_totals[f"{which}_{when}"] for when in ("before", "after"))
        return Table(
            f"{word} by region: median and [5th, 95th percentile]",
            [head(""), head("Before"), head("After")],
            [
                [
                    head(self.names.region(r), self.palette.get(r, "")),
                    estimate_cell(before.get((r,), _NONE), self.figures_of("trade")),
                    estimate_cell(after.get((r,), _NONE), self.figures_of("trade")),
                ]
                for r in order
            ],
        )

    def _who_pays(self, found: Displacement, key: str) -> Figure | None:
        known = [(party, e) for (party,), e in found.who_pays.items() if e.known]
        if not known:
            return None
        rows = [
            Dot("", self.names.party(party), *_three(e), e.text(), self.palette.get(party, NEUTRAL))
            for party, e in known
        ]
        return Figure(
            "Who pays",
            "Real income lost through trade, in log points; to the left of nought is a gain.",
            [
                charts.dots(
                    rows,
                    key=f"{key}-pays",
                    title=f"Who pays: {found.title}",
                    description=self._described(rows, "log points"),
                    axis="log points of real income lost",
                )
            ],
            Table(
                "Loss of real income through trade, in log points",
                [head(""), head("Loss")],
                [
                    [
                        head(self.names.party(party), self.palette.get(party, "")),
                        estimate_cell(e, self.figures_of("trade")),
                    ]
                    for party, e in known
                ],
            ),
        )

    def _probabilities(
        self, caption: str, found: Displacement, table: dict[tuple[str, ...], float], labels: Sequence[str]
    ) -> Table:
        return Table(
            caption,
            [head(""), *[self.power_head(p) for p in found.remaining]],
            [
                [
                    head(self.names.domain(label)),
                    *[Cell(percent(table.get((p, label), math.nan))) for p in found.remaining],
                ]
                for label in labels
            ],
        )

    # -- what is found, what is assumed --------------------------------------------------------

    def robustness(self) -> dict[str, Any] | None:
        reading = self.reading
        found = reading.structures
        if not reading.comparisons and found is None and not reading.drivers:
            return None
        figures: list[Figure] = []
        if reading.comparisons and reading.rivals:
            power, rival = (self.names.power(p) for p in reading.rivals)
            known = {(c.kind, c.label): c.probability for c in reading.comparisons}
            rows = [
                Strip(
                    self.names.domain(label),
                    known.get(("leverage", label), math.nan),
                    " · ".join(
                        percent(known[k, label]) for k in ("leverage", "vacuum") if (k, label) in known
                    ),
                    second=known.get(("vacuum", label), math.nan),
                )
                for label in reversed(reading.compared)
            ]
            figures.append(
                Figure(
                    f"{power} against {rival}",
                    f"Probability that {power} gains more than {rival}, over all domains first. Dot: by "
                    "leverage; ring: by vacuum filled; where both are given, leverage comes first.",
                    [
                        charts.strips(
                            part,
                            key=f"compare-{i}",
                            title=f"Probability that {power} gains more than {rival}, by domain",
                            description="; ".join(f"{r.label}: {r.text}" for r in part),
                            axis="probability",
                        )
                        for i, part in enumerate(_halves([*rows[:1], *reversed(rows[1:])]))
                    ],
                    Table(
                        f"Probability that {power} gains more than {rival}",
                        [head(""), head("By leverage"), head("By vacuum filled")],
                        [
                            [
                                head(self.names.domain(label)),
                                *[
                                    self._likely(known[k, label]) if (k, label) in known else Cell("–")
                                    for k in ("leverage", "vacuum")
                                ],
                            ]
                            for label in reading.compared
                        ],
                    ),
                    wide=True,
                )
            )
        if found is not None:
            for kind, table, words in (
                ("leverage", found.by_leverage, "gains most leverage"),
                ("vacuum", found.by_vacuum, "fills most of the vacuum"),
            ):
                staying = [p for p in found.powers if any(table.get((s, p), 0.0) > 0 for s in found.ids)]
                bars = [
                    Bar(
                        found.titles[s],
                        tuple(
                            Segment(self.names.power(p), table.get((s, p), math.nan), self.colour(p))
                            for p in staying
                        ),
                    )
                    for s in found.ids
                ]
                figures.append(
                    Figure(
                        f"Who {words}, under rival structures",
                        "Probability over all domains. What stays the same down the chart is found; "
                        "what changes is "
                        "assumed.",
                        [
                            charts.bars(
                                bars,
                                key=f"structures-{kind}",
                                title=f"Who {words} under rival structures",
                                description="; ".join(
                                    f"{bar.label}: "
                                    + ", ".join(f"{s.label} {percent(s.size)}" for s in bar.segments)
                                    for bar in bars
                                ),
                                axis="probability",
                            )
                        ],
                        Table(
                            f"Probability of the one who {words}",
                            [
                                head("Structure"),
                                *[self.power_head(p) for p in staying],
                                head("Draws"),
                            ],
                            [
                                [
                                    head(found.titles[s]),
                                    *[Cell(percent(table.get((s, p), math.nan))) for p in staying],
                                    Cell(
                                        number(found.draws[s], 0) if s in found.draws else "–",
                                        f"{found.unconverged[s]} unconverged"
                                        if found.unconverged.get(s)
                                        else "",
                                    ),
                                ]
                                for s in found.ids
                            ],
                        ),
                    )
                )
        drivers = [
            {
                "heading": headline_words(headline, reading),
                "table": Table(
                    DRIVERS_NOTE,
                    [
                        head("Input"),
                        head("Ground", words=True),
                        head("Share of variance"),
                        head("Lowest third"),
                        head("Highest third"),
                    ],
                    [
                        [
                            head(
                                path_words(d.path, reading), href=f"#{self.input_ids.get(d.path, 'figures')}"
                            ),
                            say("assumed" if d.assumed else "sourced"),
                            Cell(
                                percent(
                                    max(d.first_order, 0.0) if not math.isnan(d.first_order) else math.nan
                                )
                            ),
                            Cell(percent(d.low)),
                            Cell(percent(d.high)),
                        ]
                        for d in entries[:10]
                    ],
                ),
            }
            for headline, entries in reading.drivers.items()
        ]
        return {"figures": figures, "sentence": stability(reading), "drivers": drivers}

    # -- claims --------------------------------------------------------------------------------

    def claims(self) -> dict[str, Any] | None:
        reading = self.reading
        if not reading.claims:
            return None
        computed = [c for c in reading.claims if c.computed]
        numbered = {
            c.id: str(c.number if c.number is not None else i) for i, c in enumerate(reading.claims, start=1)
        }
        picture = None
        if computed:
            rows = [
                Strip(
                    f"{numbered[c.id]}. {c.text}",
                    c.probability,
                    percent(c.probability),
                    tuple(v for v in c.structures.values() if not math.isnan(v)),
                )
                for c in computed
            ]
            picture = Figure(
                "How likely each claim is to hold",
                "Dot: probability; ticks: the same under rival structures. Dark zones: contradicted "
                "(up to 20 %) "
                "and supported (from 80 %).",
                [
                    charts.strips(
                        part,
                        key=f"claims-{i}",
                        title="Probability that each claim holds",
                        description="; ".join(f"{r.label}: {r.text}" for r in part),
                        axis="probability that the claim holds",
                    )
                    for i, part in enumerate(_halves(rows, least=7))
                ],
                wide=len(rows) >= 7,
            )
        return {
            "counts": verdict_counts(reading),
            "explains": CLAIMS,
            "figure": picture,
            "rows": [
                {
                    "id": f"claim-{i}",
                    "number": numbered[c.id],
                    "text": c.text,
                    "verdict": c.verdict,
                    "computed": c.computed,
                    "reason": c.reason,
                    "note": c.note,
                    "expression": c.expression,
                    "probability": percent(c.probability, c.draws),
                    "likelihood": c.likelihood or likelihood(c.probability),
                    "sourced": percent(c.sourced_share),
                    "error": ""
                    if math.isnan(c.sourced_share_error) or math.isnan(c.sourced_share)
                    else f"± {number(100 * c.sourced_share_error, 0)} points",
                    "doubled": percent(c.doubled),
                    "range": _range([v for v in c.structures.values() if not math.isnan(v)]),
                    "confidence": c.confidence,
                }
                for i, c in enumerate(reading.claims)
            ],
            "opening": parting_opening(reading),
            "parting": [
                {
                    "number": numbered[c.id],
                    "text": c.text,
                    "verdict": c.verdict,
                    "words": parting_words(c, reading),
                    "order": _PARTING.index(c.verdict),
                    "heading": _PARTED[c.verdict],
                }
                for c in parting(reading)
            ],
        }

    # -- figures and sources -------------------------------------------------------------------

    def figures(self) -> list[dict[str, Any]]:
        sections = []
        for group in self.groups:
            rows = [self._input(figure) for figure in self.reading.figures if figure.group == group]
            title = _TITLES.get(group) or self.names.domain(group)
            sections.append({"id": self.anchor[group], "title": title, "rows": rows})
        return sections

    def _input(self, figure: InputFigure) -> dict[str, Any]:
        return {
            "id": self.input_ids[figure.path],
            "path": figure.path,
            "words": path_words(figure.path, self.reading),
            "central": _plain(figure.central),
            "unit": "" if figure.unit in {"1", "number"} else figure.unit,
            "spread": _plain(figure.spread) if figure.spread > 0 else "",
            "distribution": figure.distribution,
            "kind": figure.kind,
            "reason": figure.reason,
            "query": figure.query,
            "note": figure.note,
            "sources": [self._source_link(key) for key in figure.sources],
        }

    def _source_link(self, key: str) -> dict[str, str]:
        return {"key": key, "href": f"#{self.source_ids[key]}" if key in self.source_ids else ""}

    def flows(self) -> list[dict[str, Any]]:
        """List the trade flows as the case states them, sector by sector."""
        trade = self.reading.case.get("trade")
        flows = trade.get("flows") if isinstance(trade, dict) else None
        if not isinstance(flows, dict):
            return []
        made = []
        for sector, entry in flows.items():
            table = entry.get("table") if isinstance(entry, dict) else None
            if not isinstance(table, dict):
                continue
            rows = {str(o): r for o, r in table.items() if isinstance(r, dict)}
            columns = list(dict.fromkeys(str(d) for r in rows.values() for d in r))
            source = entry.get("source")
            keys = [source] if isinstance(source, str) else source if isinstance(source, list) else []
            made.append(
                {
                    "title": self.names.sector(str(sector)),
                    "query": str(entry.get("query") or ""),
                    "assumed": str(entry.get("assumed") or ""),
                    "sources": [self._source_link(str(k)) for k in keys],
                    "table": Table(
                        f"{self.names.sector(str(sector))}: exporter down, importer across "
                        f"({self.names.money})",
                        [head(""), *[head(self.names.region(d)) for d in columns]],
                        [
                            [head(self.names.region(o)), *[Cell(_flow(row.get(d))) for d in columns]]
                            for o, row in rows.items()
                        ],
                    ),
                }
            )
        return made

    def bibliography(self) -> list[dict[str, Any]]:
        users: dict[str, list[dict[str, str]]] = {}
        for figure in self.reading.figures:
            for key in figure.sources:
                users.setdefault(key, []).append(
                    {
                        "href": f"#{self.input_ids[figure.path]}",
                        "words": path_words(figure.path, self.reading),
                    }
                )
        entries = []
        for key, source in self.names.sources.items():
            address = source.get("url", "")
            entries.append(
                {
                    "id": self.source_ids[key],
                    "key": key,
                    "title": source.get("title", key),
                    "line": ", ".join(source[k] for k in ("author", "date", "kind") if source.get(k)),
                    "url": address,
                    "href": _web_address(address),
                    "note": source.get("note", ""),
                    "users": users.get(key, []),
                }
            )
        return entries

    # -- the whole -----------------------------------------------------------------------------

    def key_facts(self) -> list[dict[str, str]]:
        reading = self.reading
        found = reading.headline
        if found is None:
            return []
        facts = []
        for kind, words in (("leverage", "gains most leverage"), ("vacuum", "fills most of the vacuum")):
            ranked = found.tertius(kind)
            if ranked and ranked[0][1] > 0:
                facts.append(
                    {
                        "figure": percent(ranked[0][1], reading.draws),
                        "words": f"{self.names.power(ranked[0][0])} {words}",
                        "small": likelihood(ranked[0][1]),
                        "colour": self.colour(ranked[0][0]),
                    }
                )
        unfilled = found.unfilled.get(("total",), _NONE)
        if unfilled.known:
            facts.append(
                {
                    "figure": unfilled.text(),
                    "words": "of the vacuum is filled by nobody",
                    "small": unfilled.interval(),
                    "colour": "",
                }
            )
        loss = found.client_loss.get(("total",), _NONE)
        if loss.known:
            facts.append(
                {
                    "figure": loss.text(),
                    "words": f"log points is the cost to {self.names.client}",
                    "small": loss.interval(),
                    "colour": "",
                }
            )
        return facts

    def chain(self, sections: set[str]) -> dict[str, Any] | None:
        """The causal chain, drawn once for a desk and for paper, and once for a phone."""
        links = self.reading.once(chain.links)
        if len(links) < 2:
            return None
        wide, narrow = (
            chain.drawing(links, self.reading, columns=n, key=f"chain-{n}", sections=sections) for n in (3, 1)
        )
        return {"note": chain.NOTE, "links": [x.sentence() for x in links], "wide": wide, "narrow": narrow}

    def context(self) -> dict[str, Any]:
        reading = self.reading
        exits = [self.vacuum(found, i) for i, found in enumerate(reading.displacements)]
        drawn_parts = parts(reading)
        levers = None if reading.levers is None else self.levers(reading.levers)
        return {
            "names": self.names,
            "title": self.names.title,
            "answer": answer(reading),
            "said": answer_lines(reading),
            "certainty": certainty(reading),
            "facts": self.key_facts(),
            "legend": [
                {"name": self.names.power(p), "colour": self.colour(p), "note": self.names.power_note(p)}
                for p in self.palette
            ],
            "chain": self.chain(
                {*(["levers"] if levers else []), *(e["key"] for e in exits), *(p.id for p in drawn_parts)}
            ),
            "levers": levers,
            "exits": exits,
            "robustness": self.robustness(),
            "parts": list(map(laid_out, drawn_parts)),
            "closing": list(map(laid_out, closing(reading))),
            "claims": self.claims(),
            "rests": {"sentence": rests_on(reading), "lines": assumed_part(reading)}
            if reading.inputs
            else None,
            "figures": self.figures(),
            "flows": self.flows(),
            "bibliography": self.bibliography(),
            "method": METHOD,
            "origin": reading.provenance,
            "draws": spelled(reading.provenance.draws, "draw"),
            "residual": ""
            if math.isnan(reading.provenance.worst_residual)
            else f"{reading.provenance.worst_residual:.1e}",
            "seconds": [(stage, number(v, 1)) for stage, v in reading.provenance.seconds.items()],
            "total_seconds": number(sum(reading.provenance.seconds.values()), 1),
            "unconverged": ", ".join(str(k) for k in reading.provenance.unconverged_draws[:40]),
        }


def _range(values: Sequence[float]) -> str:
    """The least and the largest of some probabilities; blank where there are none."""
    if not values:
        return ""
    low, high = percent(min(values)), percent(max(values))
    return low if low == high else f"{low} to {high}"


def laid_out(part: Part) -> dict[str, Any]:
    """Give a section as the template takes it."""
    blocks = list(map(_tagged, _gathered(part.blocks)))
    return {"id": part.id, "nav": part.nav, "title": part.title, "blocks": blocks}


def _gathered(blocks: Sequence[Block]) -> list[Block | list[Figure]]:
    """Put figures that follow each other side by side."""
    out: list[Block | list[Figure]] = []
    for block in blocks:
        if isinstance(block, Figure):
            last = out[-1] if out else None
            if isinstance(last, list):
                last.append(block)
            else:
                out.append([block])
        else:
            out.append(block)
    return out


def _tagged(block: Block | list[Figure]) -> tuple[str, Block | list[Figure]]:
    """Name a block's kind for the template."""
    match block:
        case list():
            return "figures", block
        case Paragraph(hint=hint):
            return ("hint" if hint else "paragraph"), block
        case Bullets():
            return "bullets", block
        case Drawing():
            return "drawing", block
        case Table():
            return "table", block
    raise AssertionError(block)


def _tail(dot: Dot) -> tuple[str, float, float, float, str, str]:
    return dot.label, dot.low, dot.mid, dot.high, dot.text, dot.colour


def _three(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.p05, estimate.median, estimate.p95


def _halves(items: Sequence[_T], least: int = 2) -> list[Sequence[_T]]:
    """Cut a list in two columns, the first no shorter than the second; short lists stay whole."""
    if len(items) < least:
        return [items]
    middle = math.ceil(len(items) / 2)
    return [items[:middle], items[middle:]]


def _sortable(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _plain(value: float) -> str:
    """Write an input's figure with at most four significant digits, as it was given."""
    if math.isnan(value):
        return "missing"
    return significant(value, 4)


def _flow(cell: object) -> str:
    """Write one cell of a flow table: a figure, or what stands for its distribution."""
    if cell is None:
        return "–"
    if isinstance(cell, int | float):
        return _plain(float(cell))
    if isinstance(cell, dict):
        value = cell.get("value")
        return _plain(float(value)) if isinstance(value, int | float) else json.dumps(cell)[:60]
    return str(cell)


def _read(name: str) -> str:
    return resources.files("tertius._brief").joinpath("templates", name).read_text(encoding="utf-8")


PAGE = "brief.html.j2"
_BLANK_LINES = re.compile(r"\n\s*\n+")


def contents(reading: Reading) -> dict[str, Any]:
    """Put together everything that a page says, as its template takes it; Markdown says the same."""
    return _Page(reading).context()


def page(made: dict[str, Any]) -> str:
    """Write the whole page.

    Parameters
    ----------
    made
        What it says, from :func:`contents`.

    Returns
    -------
    str
        HTML with its style and its charts inside; nothing in it is fetched, and no script is needed.
        Everything
        that comes from the case is escaped, and only http and https addresses become links.
    """
    return render(_read(PAGE), **made)


def get_ready() -> None:
    """Read the template, which takes as long as filling it in."""
    _compiled(_read(PAGE))


def render(template: str, **context: Any) -> str:
    """Write a page from a template; the style goes with it."""
    text = _compiled(template).render(style=Markup(_read("brief.css")), **context)
    return _BLANK_LINES.sub("\n", text)


@cache
def _compiled(template: str) -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    drawn: Callable[[Picture], Markup] = lambda picture: Markup(picture.svg)  # noqa: E731
    environment.filters["drawn"] = drawn
    as_is: Callable[[str], Markup] = lambda svg: Markup(svg)  # noqa: E731
    environment.filters["as_is"] = as_is
    return environment.from_string(template)
