"""What if powers left a country's trade, as a reader sees it."""

from __future__ import annotations

import json
import math
from typing import Any

import xarray as xr

from tertius._brief import charts
from tertius._brief.atlas.levers import LOG_POINT, bloc_name, first_up, the
from tertius._brief.atlas.maps import GONE, shade, shades, world_map
from tertius._brief.atlas.reading import Answer, Fact, about_parts, cell_of, colour_of, estimate_of, point
from tertius._brief.blocks import Block, Bullets, Cell, Drawing, Figure, Paragraph, Part, Table, head, say
from tertius._brief.charts import Bar, Dot, Segment
from tertius._brief.summary import estimate, number
from tertius._brief.words import Estimate, clause, likelihood, listed, percent, share

__all__ = ["what_if_answer"]

_OWN, _OTHERS, _UNFILLED = "#C3CBD2", "#DDE2E6", "#FFFFFF"
_FLOWS = {"exports": "What it sold to them", "imports": "What it bought from them", "total": "Both"}


class _WhatIf:
    def __init__(self, data: xr.Dataset) -> None:
        self.data = data
        attrs = data.attrs
        self.names: dict[str, str] = json.loads(attrs["names"])
        self.client = attrs["client"]
        self.me = self.names[self.client]
        self.exits: list[dict[str, Any]] = json.loads(attrs["exits"])
        self.powers = [str(p) for p in data["power"].values]
        self.before = self._by_power("lever_before")
        self.after = self._by_power("lever_after")
        self.gain = self._by_power("leverage_gain")
        self.vacuum = estimate_of(data, "vacuum_share")
        self.own, self.others, self.unfilled = (
            estimate_of(data, n) for n in ("filled_by_own", "filled_by_others", "unfilled")
        )
        self.loss = {k[0]: e for k, e in estimate_of(data, "loss").items()}
        self.cost = estimate_of(data, "client_loss")[()]
        self.world = estimate_of(data, "world_loss")[()]
        self.draws = data.sizes["draw"]

    def _by_power(self, name: str) -> dict[str, Estimate]:
        return {k[0]: e for k, e in estimate_of(self.data, name).items()}

    def name(self, power: str) -> str:
        return self.names.get(power) or bloc_name(power)

    def chance(self, kind: str, power: str) -> float:
        """How often a power gains most: of ``"leverage"``, or of the vacuum in a flow."""
        if kind == "leverage":
            return float(self.data["tertius_by_leverage"].sel(power=power))
        return float(self.data["tertius_by_vacuum"].sel(power=power, flow=kind))

    def best(self, kind: str) -> tuple[str, float]:
        chances = {p: self.chance(kind, p) for p in self.powers}
        first = max(chances, key=lambda p: chances[p])
        return first, chances[first]

    # -- words ---------------------------------------------------------------------------------

    def leavers(self) -> str:
        """Who leaves, in words."""
        told = []
        for e in self.exits:
            degree = "" if e["degree"] == 1 else f" ({100 * e['degree']:.0f} %)"
            told.append(f"{the(e['name'], start=False)}{degree}")
        return listed(told)

    def sentence(self) -> str:
        first, chance = self.best("leverage")
        head_ = (
            f"If {self.leavers()} stopped trading with {the(self.me, start=False)}, it would cost {self.me} "
            f"{self.cost.full()} log points of real income. {the(self.name(first))} {clause(chance)} gain most "
            f"leverage ({percent(chance, self.draws)})"
        )
        (buyer, sells), (seller, buys) = self.best("exports"), self.best("imports")
        if sells == 0 and buys == 0:
            return f"{head_}; nobody's trade would fill the vacuum."
        if buyer == seller and buys >= 0.005:
            return (
                f"{head_}; {the(self.name(buyer), start=False)} {clause(min(sells, buys))} take most of its exports "
                "and send most of its imports in their place."
            )
        takes = (
            f"{the(self.name(buyer), start=False)} {clause(sells)} take most of its exports in their place"
        )
        if buys < 0.005:
            return f"{head_}; {takes}, and nobody would sell it more."
        return f"{head_}; {takes}, and {the(self.name(seller), start=False)} {clause(buys)} send most of its imports."

    def filled_words(self) -> str:
        sold, bought = self.own["exports",], self.own["imports",]
        return (
            f"Of what it sold to them, {self.me} uses {sold.full()} itself, and "
            f"{self.unfilled['exports',].full()} finds no buyer. Of what it bought from them it makes {bought.full()} "
            "itself: more than all of it where its other imports shrink too. Shares of what is withdrawn, at "
            "prices of before. Probabilities are over what is assumed, given the data."
        )

    # -- tables --------------------------------------------------------------------------------

    def table(self) -> Table:
        rows: list[list[Cell]] = []
        for p in self.powers:
            by_leverage = self.chance("leverage", p)
            rows.append(
                [
                    head(self.name(p), colour_of(p)),
                    cell_of(self.before[p]),
                    cell_of(self.after[p]),
                    cell_of(self.gain[p]),
                    Cell(percent(by_leverage, self.draws), likelihood(by_leverage)),
                    *[cell_of(self.vacuum[p, f]) for f in _FLOWS],
                    *[Cell(percent(self.chance(f, p), self.draws)) for f in ("exports", "imports")],
                ]
            )
        for words, cells in (
            (f"{self.me} itself", self.own),
            ("All others", self.others),
            ("Filled by nobody", self.unfilled),
        ):
            rows.append(
                [head(words), *[Cell("")] * 4, *[cell_of(cells[f,]) for f in _FLOWS], Cell(""), Cell("")]
            )
        header = [
            head(t)
            for t in (
                "",
                "Lever before",
                "Lever after",
                "Gain",
                "Gains most leverage",
                "Of exports",
                "Of imports",
                "Of both",
                "Takes most exports",
                "Sends most imports",
            )
        ]
        return Table(
            "Levers in log points, shares of what is withdrawn, probabilities over the draws",
            header,
            rows,
            terminal=False,
        )

    def filled(self) -> Figure:
        bars = []
        for flow, words in _FLOWS.items():
            top = sorted(self.powers, key=lambda p: -self.vacuum[p, flow].mean)[:6]
            rest = sum(self.vacuum[p, flow].mean for p in self.powers if p not in top)
            parts = [Segment(self.name(p), self.vacuum[p, flow].mean, colour_of(p)) for p in top]
            parts += [
                Segment("itself", self.own[flow,].mean, _OWN),
                Segment("others", self.others[flow,].mean + rest, _OTHERS),
                Segment("nobody", self.unfilled[flow,].mean, _UNFILLED, outlined=True),
            ]
            bars.append(Bar(words, tuple(parts)))
        return Figure(
            "Who fills the vacuum",
            "Share of the quantity withdrawn that each adds, on average over the draws. Grey: sales at home and "
            "everybody else; white: nobody. To the left of nought: trade that shrinks too.",
            [
                charts.bars(
                    bars,
                    key="filled",
                    title="Who fills the vacuum",
                    description="; ".join(
                        f"{bar.label}: " + ", ".join(f"{s.label} {share(s.size)}" for s in bar.segments)
                        for bar in bars
                    ),
                    axis="share of what is withdrawn",
                )
            ],
            Table(
                "Share of the vacuum: median and [5th, 95th percentile]",
                [head(""), *[head(w) for w in _FLOWS.values()]],
                [
                    *[
                        [head(self.name(p), colour_of(p)), *[cell_of(self.vacuum[p, f]) for f in _FLOWS]]
                        for p in self.powers
                    ],
                    [head(f"{self.me} itself"), *[cell_of(self.own[f,]) for f in _FLOWS]],
                    [head("All others"), *[cell_of(self.others[f,]) for f in _FLOWS]],
                    [head("Filled by nobody"), *[cell_of(self.unfilled[f,]) for f in _FLOWS]],
                ],
                terminal=False,
            ),
        )

    def gains(self) -> Figure:
        order = sorted(self.powers, key=lambda p: -self.gain[p].median)
        dots = [
            Dot(
                "",
                self.name(p),
                self.gain[p].p05,
                self.gain[p].median,
                self.gain[p].p95,
                self.gain[p].text(),
                colour_of(p),
            )
            for p in order
        ]
        return Figure(
            "Who gains leverage",
            f"What each could cost {self.me} after the exit, less what it could before. Dot: median; bar: 5th to 95th "
            "percentile.",
            [
                charts.dots(
                    dots,
                    key="gains",
                    title="Leverage gained",
                    description="; ".join(f"{d.label}: {d.text} log points" for d in dots),
                    axis="log points of real income",
                )
            ],
        )

    def pays(self) -> Figure:
        members = [m for e in self.exits for m in e["members"]]
        leavers = sorted(members, key=lambda m: -self.loss[m].median)[:5]
        others = [c for c in self.loss if c != self.client and c not in members]
        lose = sorted(others, key=lambda c: -self.loss[c].median)[:4]
        gain = sorted(others, key=lambda c: self.loss[c].median)[:3]
        dots = [
            self._dot(self.me, self.me, self.cost, ""),
            self._dot("The world", "The world", self.world, ""),
        ]
        dots = [Dot("", d.label, d.low, d.mid, d.high, d.text, d.colour) for d in dots]
        for group, some in (
            ("Those who leave", leavers),
            ("Others who lose", lose),
            ("Others who gain", gain),
        ):
            dots += [self._dot(group, self.names[c], self.loss[c], c) for c in some]
        return Figure(
            "Who pays",
            "Loss of real income; to the left of nought a gain. Those who leave: the members that lose most.",
            [
                charts.dots(
                    dots,
                    key="pays",
                    title="Who pays",
                    description="; ".join(f"{d.label}: {d.text} log points" for d in dots),
                    axis="log points of real income",
                )
            ],
            Table(
                "Who pays, in log points of real income (a minus is a gain)",
                [head(""), head("Loss"), head("5th to 95th"), head("", words=True)],
                [
                    self._paid(self.me, self.cost, ""),
                    *[self._paid(self.names[c], self.loss[c], "leaves") for c in leavers],
                    *[self._paid(self.names[c], self.loss[c], "loses") for c in lose],
                    *[self._paid(self.names[c], self.loss[c], "gains") for c in gain],
                    self._paid("The world", self.world, ""),
                ],
            ),
        )

    def _paid(self, name: str, e: Estimate, what: str) -> list[Cell]:
        return [head(name), Cell(e.text()), Cell(e.interval()), say(what)]

    def _dot(self, group: str, label: str, e: Estimate, power: str) -> Dot:
        return Dot(group, label, e.p05, e.median, e.p95, e.text(), colour_of(power))

    def trade(self) -> Table:
        d = self.data
        both = (d["exports_before"] + d["imports_before"]).to_series()
        some = [str(c) for c in both.drop(index=[self.client]).nlargest(12).index]
        rows = []
        for c in some:
            cells = [
                float(d[n].sel(country=c))
                for n in ("exports_before", "exports_after", "imports_before", "imports_after")
            ]
            rows.append([head(self.names[c], colour_of(c)), *[Cell(_money(v)) for v in cells]])
        unit = d["exports_before"].attrs["unit"]
        header = [head(t) for t in ("", "Exports before", "after", "Imports before", "after")]
        return Table(f"{self.me}'s trade with its largest partners, {unit}, one reading", header, rows)

    def structures(self) -> Block | None:
        d = self.data
        if "structure" not in d.dims:
            return None
        rows = []
        base = {
            p: float(d["central_lever_after"].sel(power=p) - d["central_lever_before"].sel(power=p))
            for p in self.powers
        }
        vacuum = {p: float(d["central_vacuum_share"].sel(power=p, flow="total")) for p in self.powers}
        rows.append(self._structure("As in “one reading”", float(d["central_client_loss"]), base, vacuum))
        for s in d["structure"].values:
            at = d.sel(structure=s)
            rows.append(
                self._structure(
                    first_up(str(s)),
                    float(at["rival_client_loss"]),
                    {p: float(at["rival_gain"].sel(power=p)) for p in self.powers},
                    {p: float(at["rival_vacuum_share"].sel(power=p)) for p in self.powers},
                )
            )
        header = [
            head(""),
            head("Cost"),
            head("Gains most leverage", words=True),
            head("Fills most of the vacuum", words=True),
        ]
        return Table(f"Under other structures: cost to {self.me} in log points, and who gains", header, rows)

    def _structure(
        self, words: str, cost: float, gain: dict[str, float], filled: dict[str, float]
    ) -> list[Cell]:
        if math.isnan(cost):
            return [head(words), Cell("missing"), say("no equilibrium found"), say("")]
        one, two = max(gain, key=lambda p: gain[p]), max(filled, key=lambda p: filled[p])
        leverage = f"{self.name(one)}, {point(gain[one]).text()}" if gain[one] > 0 else "nobody"
        vacuum = f"{self.name(two)}, {share(filled[two])}" if filled[two] > 0 else "nobody"
        return [head(words), Cell(point(cost).text()), say(leverage), say(vacuum)]

    def map(self) -> Drawing:
        members = {m for e in self.exits for m in e["members"]}
        both = (self.data["exports_after"] + self.data["imports_after"]) - (
            self.data["exports_before"] + self.data["imports_before"]
        )
        fills = {}
        for c, e in self.loss.items():
            if c == self.client or math.isnan(e.median):
                continue
            if c in members:
                fills[c] = (GONE, f"{self.names[c]} leaves; it loses {e.full()} log points")
            else:
                change = float(both.sel(country=c))
                fills[c] = (
                    shade(max(0.0, 10 * change)),
                    f"{self.names[c]}: {change:+.2f} billion of trade more",
                )
        unit = self.data["exports_before"].attrs["unit"]
        legend = [(GONE, "leaves")] + [(c, _tenth(w)) for c, w in shades()]
        return Drawing(
            "Where the trade goes",
            f"How much more each country trades with {self.me} after the exit, {unit} (one reading). "
            f"Outlined: {self.me}.",
            world_map(
                fills,
                key="map",
                title=f"Trade with {self.me} after the exit",
                description="Shades: additional trade with the country.",
                legend=legend,
                client=self.client,
            ),
            "",
        )

    def who(self) -> list[str]:
        lines = []
        for e in self.exits:
            members = ", ".join(self.names.get(m, m) for m in e["members"])
            if len(e["members"]) > 1:
                lines.append(f"{e['name']}: {members}.")
            if e["absent"]:
                lines.append(f"Not in the data, and so not among those who leave: {', '.join(e['absent'])}.")
            if e["assumed"]:
                lines.append(f"That these are one is assumed: {e['assumed']}.")
        return lines

    def json(self) -> dict[str, Any]:
        d = self.data

        def flows(cells: dict[tuple[str, ...], Estimate], central: str) -> dict[str, Any]:
            return {
                f: estimate(cells[f,]) | {"central": number(float(d[central].sel(flow=f)))} for f in _FLOWS
            }

        return {
            "exits": self.exits,
            "displacement": {
                "exit": " ".join(e["power"] for e in self.exits),
                "tertius": {p: number(self.chance("leverage", p)) for p in self.powers},
                "tertius_by_vacuum": {p: number(self.chance("total", p)) for p in self.powers},
                "tertius_by_flow": {p: {f: number(self.chance(f, p)) for f in _FLOWS} for p in self.powers},
                "leverage_before": {
                    p: {
                        "trade": estimate(self.before[p])
                        | {"central": number(float(d["central_lever_before"].sel(power=p)))}
                    }
                    for p in self.powers
                },
                "leverage_after": {
                    p: {
                        "trade": estimate(self.after[p])
                        | {"central": number(float(d["central_lever_after"].sel(power=p)))}
                    }
                    for p in self.powers
                },
                "leverage_gain": {p: {"trade": estimate(self.gain[p])} for p in self.powers},
                "vacuum_share": {
                    p: {
                        f: estimate(self.vacuum[p, f])
                        | {"central": number(float(d["central_vacuum_share"].sel(power=p, flow=f)))}
                        for f in _FLOWS
                    }
                    for p in self.powers
                },
                "filled_by_own": flows(self.own, "central_filled_by_own"),
                "filled_by_others": flows(self.others, "central_filled_by_others"),
                "unfilled": flows(self.unfilled, "central_unfilled"),
                "client_loss": estimate(self.cost) | {"central": number(float(d["central_client_loss"]))},
                "who_pays": {"client": estimate(self.cost), "world": estimate(self.world)}
                | {
                    c: estimate(e) | {"central": number(float(d["central_loss"].sel(country=c)))}
                    for c, e in self.loss.items()
                },
            },
            "powers": json.loads(d.attrs["members"]),
            "structures": {
                str(s): {
                    "client_loss": number(float(d["rival_client_loss"].sel(structure=s))),
                    "leverage_gain": {
                        p: number(float(d["rival_gain"].sel(structure=s, power=p))) for p in self.powers
                    },
                    "vacuum_share": {
                        p: number(float(d["rival_vacuum_share"].sel(structure=s, power=p)))
                        for p in self.powers
                    },
                }
                for s in (d["structure"].values if "structure" in d.dims else ())
            },
        }


def what_if_answer(data: xr.Dataset) -> Answer:
    """Read an exit.

    Parameters
    ----------
    data
        From ``tertius._atlas.what_if``.
    """
    it = _WhatIf(data)
    first, chance = it.best("leverage")
    (buyer, sells), (seller, buys) = it.best("exports"), it.best("imports")
    facts = [
        Fact(it.cost.text(), f"log points {it.cost.interval()}", f"Cost to {it.me}"),
        Fact(
            percent(chance, it.draws),
            likelihood(chance),
            f"{it.name(first)} gains most leverage",
            colour_of(first),
        ),
        Fact(
            percent(sells, it.draws),
            likelihood(sells),
            f"{it.name(buyer)} takes most of the exports",
            colour_of(buyer),
        ),
        Fact(
            percent(buys, it.draws),
            likelihood(buys),
            f"{it.name(seller)} sends most of the imports",
            colour_of(seller),
        ),
    ]
    blocks: list[Block] = [
        Paragraph(it.filled_words()),
        Paragraph(
            f"A lever is what {it.me} would lose if all trade with its holder ended, after it has turned to others. "
            f"{LOG_POINT}",
            hint=True,
        ),
        it.gains(),
        it.filled(),
        it.table(),
    ]
    parts = [
        Part("vacuum", "The vacuum", "The vacuum, and the third who gains", blocks),
        Part("pays", "Who pays", "Who pays", [it.pays(), it.map(), it.trade()]),
    ]
    rivals = it.structures()
    if rivals is not None:
        parts.append(Part("readings", "Other structures", "Under other structures", [rivals]))
    if it.who():
        parts.append(Part("who", "Who leaves", "Who leaves", [Bullets(it.who())]))
    parts += about_parts(data)
    lines = [
        (
            it.name(p),
            colour_of(p),
            it.gain[p].median,
            (
                it.before[p].text(),
                it.after[p].text(),
                it.gain[p].text(),
                it.gain[p].interval(),
                percent(it.chance("leverage", p)),
                it.vacuum[p, "exports"].text(),
                it.vacuum[p, "imports"].text(),
            ),
        )
        for p in it.powers
    ]
    title = f"{it.me}, {data.attrs['year']}: if {it.leavers()} stopped trading with it"
    return Answer(
        title,
        "Who fills the vacuum, who gains, and who pays?",
        it.sentence(),
        facts,
        parts,
        lines,
        it.json(),
    )


def _money(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}" if value >= 0.005 else "<0.01"


def _tenth(words: str) -> str:
    """The shades of levers, ten times as fine."""
    out = []
    for word in words.split():
        try:
            out.append(f"{float(word) / 10:g}")
        except ValueError:
            out.append(word)
    return " ".join(out)
