"""The price: what would be demanded and granted, with the rescue and without, and what stands behind it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import (
    Block,
    Bullets,
    Cell,
    Figure,
    Paragraph,
    Part,
    Said,
    Table,
    estimate_cell,
    head,
    say,
)
from tertius._brief.insight import path_words
from tertius._brief.reading import Estimated, Reading
from tertius._brief.summary import estimate, nested, number
from tertius._brief.words import MISSING, clause, likelihood, listed, percent
from tertius._brief.words import number as written

__all__ = ["part", "said", "summary"]

_CHANNELS = {
    "levers": "levers that it changed",
    "costs": "what its threats would cost itself",
    "refusing": "what refusing a rescuer costs",
}


class _Price:
    """The group as this section reads it."""

    def __init__(self, reading: Reading, data: xr.Dataset) -> None:
        self.reading, self.data, self.names = reading, data, reading.names
        self.titles: dict[str, str] = json.loads(data.attrs["titles"])
        self.patrons: dict[str, str] = json.loads(data.attrs["patrons"])
        self.controls: list[str] = json.loads(data.attrs["controls"])
        self.missing: dict[str, dict[str, str]] = json.loads(data.attrs["not_offered"])
        self.conditions: dict[str, Any] = json.loads(data.attrs.get("conditions") or "{}")
        self.concessions = [str(c) for c in data["concession"].values]
        self.threats = [str(t) for t in data["threat"].values]
        self.expected = [c for c in self.concessions if c not in self.controls]
        self.cells = Estimated(data, "threat")
        self.rescued = not math.isnan(self.mean("some", "rescued")) if self.expected else False

    def mean(self, name: str, *labels: str) -> float:
        return self.cells[name][labels].mean

    def threat(self, key: str) -> str:
        return {
            "guarantee": "the guarantee",
            "everything": "everything at once",
            "transit": "the routes",
        }.get(key) or self.names.domain(key).lower()

    def patron(self) -> str:
        return listed([self.names.power(p) for p in dict.fromkeys(self.patrons[c] for c in self.expected)])

    def behind(self, concession: str, branch: str) -> list[tuple[str, float]]:
        """The threats by their part in what is paid, largest first."""
        part = self.data["work"].sel(concession=concession, branch=branch).values.tolist()
        known = [(t, x) for t, x in zip(self.threats, part, strict=True) if x > 0]
        return sorted(known, key=lambda x: -x[1])

    def chance(self, name: str, *labels: str) -> Cell:
        found = self.cells[name][labels]
        if not found.known:
            return Cell(MISSING)
        return Cell(percent(found.mean, self.reading.draws))


def _difference(value: float) -> str:
    """A difference of probabilities, in points of a hundred."""
    if math.isnan(value):
        return MISSING
    return f"{'+' if value > 0.0005 else ''}{written(100 * value, 1)}"


def _read(reading: Reading) -> _Price | None:
    data = reading.dataset("price")
    return None if data is None else _Price(reading, data)


def said(reading: Reading) -> list[Said]:
    """Answer the title question with its probability."""
    found = reading.once(_read)
    if found is None or not found.expected:
        return []
    patron, client, draws = found.patron(), found.names.client, reading.draws
    alone = found.mean("some", "alone")
    if not found.rescued:
        if math.isnan(alone):
            sentence = f"What {patron} could extract cannot be said, since a figure that it needs is missing."
        else:
            sentence = (
                f"{_it_is(alone, reading)} that {patron} gets at least one of {_these(found)} from {client} by the "
                "levers that it holds."
            )
        return [Said("The price", sentence)]
    return [
        Said(
            "The price",
            f"{_it_is(found.mean('because'), reading)} that the rescue is what makes {client} pay any of "
            f"{_these(found)}; by what {patron} held before, at least one {clause(alone)} be paid in any case "
            f"({percent(alone, draws)}).",
        )
    ]


def _lead(found: _Price, reading: Reading) -> str:
    """The same at more length: what a price is."""
    [line] = said(reading)
    if not found.rescued:
        return line.sentence
    return (
        f"{_it_is(found.mean('because'), reading)} that the rescue comes at a price: that at least one of "
        f"{_these(found)} is demanded and granted that the same government, had it survived alone, would not have "
        f"paid; by what {found.patron()} held before, at least one is paid in any case with "
        f"{percent(found.mean('some', 'alone'), reading.draws)}."
    )


def _it_is(probability: float, reading: Reading) -> str:
    """Open a sentence with a likelihood: ``It is unlikely (31 %)``."""
    word, figure = likelihood(probability), percent(probability, reading.draws)
    if word == "almost no chance":
        return f"There is almost no chance ({figure})"
    if word == "roughly even chance":
        return f"There is a roughly even chance ({figure})"
    return f"It is {word} ({figure})"


def _these(found: _Price) -> str:
    count = len(found.expected)
    return "the concession expected" if count == 1 else f"the {_count(count)} concessions expected"


def _count(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[count] if count < len(words) else str(count)


def part(reading: Reading) -> Part | None:
    """The section."""
    found = reading.once(_read)
    if found is None:
        return None
    blocks: list[Block] = [Paragraph(_lead(found, reading))] if found.expected else []
    blocks.append(_paid(found))
    blocks.append(_table(found))
    blocks.append(_behind(found))
    blocks.append(Bullets(_sentences(found)))
    blocks.append(_against(found))
    if found.rescued and "lever_at" in found.cells:
        blocks.append(_levers(found))
    blocks += _conditions(found)
    blocks.append(
        Paragraph(
            "Each concession is a game: the patron demands or not, the client grants or refuses, and refused, the "
            "patron carries out its threat or backs down; it brings the threat from which it expects most. Chances "
            "are means over the draws. An answer by third parties costs what their withdrawal does in trade and in "
            "every domain that it touches.",
            hint=True,
        )
    )
    return Part("price", "The price", "The price", blocks)


def _paid(found: _Price) -> Figure:
    rows = [
        charts.Strip(
            f"{found.titles[c]}{' (control)' if c in found.controls else ''}",
            found.mean("paid", c, "rescued" if found.rescued else "alone"),
            found.chance("paid", c, "rescued" if found.rescued else "alone").text,
            second=found.mean("paid", c, "alone") if found.rescued else math.nan,
        )
        for c in found.concessions
    ]
    note = (
        "Chance that each is demanded and granted. Dot: after the rescue; ring: had the same government survived alone."
        if found.rescued
        else "Chance that each is demanded and granted, by the levers held as things stand."
    )
    words = "; ".join(f"{r.label}: {r.text}" for r in rows)
    picture = charts.strips(
        rows, key="price-paid", title="Demanded and granted", description=words, axis="demanded and granted"
    )
    return Figure("What would be paid", note, [picture])


def _table(found: _Price) -> Table:
    branches = ("rescued", "alone") if found.rescued else ("alone",)
    header = [
        head("Concession", words=True),
        head("Demanded"),
        head("Granted, if demanded"),
        head("Paid"),
        *([head("Paid, had it survived alone"), head("Price, points")] if found.rescued else []),
    ]
    rows = []
    for c in found.concessions:
        row = [
            head(found.titles[c], small="control" if c in found.controls else ""),
            found.chance("demanded", c, branches[0]),
            found.chance("granted", c, branches[0]),
            *(found.chance("paid", c, b) for b in branches),
        ]
        if found.rescued:
            row.append(Cell(_difference(found.mean("price", c))))
        rows.append(row)
    when = "After the rescue" if found.rescued else "As things stand"
    return Table(f"{when}: what is demanded, what is granted, and what is paid", header, rows)


def _behind(found: _Price) -> Table:
    branch = "rescued" if found.rescued else "alone"
    header = [
        head("Concession", words=True),
        head("Threat behind what is paid", words=True),
        head("Carried out, if refused"),
        head("Granting costs, log points"),
        head("Of it by third parties"),
    ]
    rows = []
    for c in found.concessions:
        ranked = found.behind(c, branch)
        names = listed([f"{found.threat(t)} {round(100 * x)} %" for t, x in ranked[:3] if x >= 0.1])
        third = found.cells["third_party_loss"][c,]
        rows.append(
            [
                head(found.titles[c]),
                say(names or MISSING),
                found.chance("believed", c, branch),
                estimate_cell(found.cells["granting_cost"][c,]),
                estimate_cell(third) if third.p95 else Cell("0"),
            ]
        )
    return Table("What stands behind it", header, rows)


def _sentences(found: _Price) -> list[str]:
    lines = []
    branch = "rescued" if found.rescued else "alone"
    ranked = sorted(found.expected, key=lambda c: -_known(found.mean("demanded", c, branch)))
    draws = found.reading.draws
    asked = [f"{_low(found.titles[c])} {percent(found.mean('demanded', c, branch), draws)}" for c in ranked]
    if asked:
        lines.append(f"Demanded: {listed(asked)}.")
    for c in found.controls:
        chance = found.mean("paid", c, branch)
        lines.append(
            f"A control, {_low(found.titles[c])}, {clause(chance)} be demanded and granted ({percent(chance, draws)})."
            if not math.isnan(chance)
            else f"A control, {found.titles[c]}, could not be computed."
        )
    if found.rescued:
        shares = found.data["attribution"].sel(concession=found.expected).sum("concession")
        parts = [
            f"{_CHANNELS[str(k)]} {_difference(float(shares.sel(channel=k)))}"
            for k in shares["channel"].values
        ]
        lines.append(f"What the rescue changes, in points over all of them: {listed(parts)}.")
        lines.append(_old_and_new(found))
    for patron, reasons in found.missing.items():
        if reasons:
            said = listed([f"{found.threat(t)} ({why})" for t, why in reasons.items()])
            lines.append(f"Threats that {found.names.power(patron)} is not credited with: {said}.")
    return lines


def _old_and_new(found: _Price) -> str:
    """Say how much of what is paid is paid under levers that were there before."""
    moved = [
        k for (k,), x in found.cells["lever_created"].items() if k != "total" and (x.p05 != 0 or x.p95 != 0)
    ]
    new = {*moved, "everything"} if moved else set()
    parts = []
    for c in found.expected:
        ranked = dict(found.behind(c, "rescued"))
        if ranked:
            old = sum(x for t, x in ranked.items() if t not in new)
            parts.append(f"{_low(found.titles[c])} {percent(old, found.reading.draws)}")
    changed = listed([found.threat(k) for k in moved]) or "none"
    return (
        f"Levers that the rescue changed: {changed}. Paid under a threat that it left as it was: {listed(parts)}."
        if parts
        else f"Levers that the rescue changed: {changed}."
    )


def _low(title: str) -> str:
    return title[:1].lower() + title[1:]


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _against(found: _Price) -> Table:
    branch = "rescued" if found.rescued else "alone"
    values = found.data["paid_at"].sel(branch=branch)
    price = found.data["paid_at"].sel(branch="rescued") - found.data["paid_at"].sel(branch="alone")
    steps = [float(x) for x in values["rationality"].values]
    header = [head("Concession", words=True), *(head("∞" if math.isinf(x) else f"{x:g}") for x in steps)]
    rows = []
    for c in found.concessions:
        cells = []
        for x in steps:
            chance = float(values.sel(concession=c, rationality=x))
            change = float(price.sel(concession=c, rationality=x))
            cells.append(Cell(percent(chance), _difference(change) if found.rescued else ""))
        rows.append([head(found.titles[c]), *cells])
    below = "; below it, the price in points" if found.rescued else ""
    return Table(
        f"Paid, against how surely movers take the better move (λ, per log point){below}", header, rows
    )


def _levers(found: _Price) -> Table:
    held = [str(k) for k in found.data["held"].values]
    header = [
        head("Lever", words=True),
        head("Before the crisis"),
        head("After the rescue"),
        head("Had it survived alone"),
        head("New since before"),
    ]
    names = {"guarantee": "Guarantee of the regime", "total": "All together"}
    rows = [
        [
            head(names.get(k) or found.names.domain(k)),
            *(estimate_cell(found.cells["lever_at"][k, m]) for m in ("before", "rescued", "alone")),
            estimate_cell(found.cells["lever_new"][k,]),
        ]
        for k in held
    ]
    return Table(
        "Levers of the rescuer before and after, log points", header, rows, frozenset({len(held) - 1})
    )


def _conditions(found: _Price) -> list[Block]:
    given = found.conditions
    if not given.get("steps"):
        return []
    draws = found.reading.draws
    lines = [
        f"{path_words(step['path'], found.reading)} {step['direction']} {written(step['value'], 3)} "
        f"({step['kind']}): "
        f"{percent(max(step['alone'], 0.0), draws)} by itself, "
        f"{percent(max(step['together'], 0.0), draws)} with all so far"
        for step in given["steps"]
    ]
    reached = given["steps"][-1]["together"]
    what = "the rescue comes at a price" if found.rescued else "one of them is paid"
    opening = (
        f"It would be more likely than not with {_all(len(lines))} of these at the end of their range that raises it:"
        if reached > 0.5
        else f"With {_all(len(lines))} of these at the end of their range that raises it, it reaches "
        f"{percent(max(reached, 0.0), draws)}:"
    )
    return [
        Paragraph(
            f"What would have to be true for the price to be high. The chance that {what} is "
            f"{percent(max(given['base'], 0.0), draws)} in the draws used here. {opening}"
        ),
        Bullets(lines),
        Paragraph(
            "Each was found by its rank correlation with the price over all draws, and checked by running the models "
            "of the crisis and the price again with the figure held there in every draw. Figures that act through "
            "trade or the other domains are not among them.",
            hint=True,
        ),
    ]


def _all(count: int) -> str:
    return "all" if count > 2 else ("both" if count == 2 else "one")


def summary(reading: Reading) -> dict[str, object]:
    """The key ``price`` of the JSON summary."""
    found = reading.once(_read)
    if found is None:
        return {}
    out: dict[str, Any] = {
        name: nested(found.cells[name])
        for name in ("demanded", "granted", "paid", "price", "believed", "some")
        if name in found.cells
    }
    means = {
        name: {c: _means(found, name, c) for c in found.concessions}
        for name in ("demanded", "granted", "paid")
    }
    out["mean"] = means | {
        "price": {c: number(found.mean("price", c)) for c in found.concessions},
        "some": {b: number(found.mean("some", b)) for b in ("rescued", "alone")},
        "because": number(found.mean("because")),
        "spared": number(found.mean("spared")),
    }
    if found.rescued:
        out["likelihood"] = likelihood(found.mean("because"))
    out |= {
        name: {c: estimate(found.cells[name][c,]) for c in found.concessions}
        for name in ("granting_cost", "third_party_loss", "own_damage")
    }
    out["threat"] = {
        c: {b: {t: number(x) for t, x in found.behind(c, b) if x > 0} for b in ("rescued", "alone")}
        for c in found.concessions
    }
    out["not_offered"] = found.missing
    out["controls"] = found.controls
    out["by_rationality"] = {
        c: {
            b: {
                "inf" if np.isinf(x) else f"{float(x):g}": number(
                    float(found.data["paid_at"].sel(concession=c, branch=b, rationality=x))
                )
                for x in found.data["rationality"].values
            }
            for b in ("rescued", "alone")
        }
        for c in found.concessions
    }
    if "lever_at" in found.cells:
        out["levers"] = nested(found.cells["lever_at"])
        out["new_levers"] = {key[0]: estimate(value) for key, value in found.cells["lever_new"].items()}
        out["attribution"] = {
            c: {
                str(k): number(float(found.data["attribution"].sel(concession=c, channel=k)))
                for k in found.data["channel"].values
            }
            for c in found.concessions
        }
    if found.conditions:
        out["conditions"] = found.conditions
    return {"price": out}


def _means(found: _Price, name: str, concession: str) -> dict[str, float | str | None]:
    return {b: number(found.mean(name, concession, b)) for b in ("rescued", "alone")}
