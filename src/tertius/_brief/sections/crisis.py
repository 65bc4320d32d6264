"""The crisis: does the regime survive, who could have been asked, who comes and why, and what it leaves behind."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import (
    Block,
    Bullets,
    Cell,
    Drawing,
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
from tertius._brief.palette import colours
from tertius._brief.reading import Cells, Estimated, Reading, estimates
from tertius._brief.summary import estimate, nested, number
from tertius._brief.tree import Twig, tree
from tertius._brief.words import MISSING, Estimate, clause, likelihood, listed, percent, significant
from tertius._brief.words import number as written

__all__ = ["part", "said", "summary"]

MOTIVES = {
    "own_security": "own security",
    "friendly_regime": "a friendly regime kept",
    "credibility": "credibility",
    "influence": "influence",
}
COSTS = {"money": "money", "approval": "approval at home", "disgrace": "disgrace"}
LETTERS = {"own_security": "S", "friendly_regime": "F", "credibility": "C", "influence": "I"}
DOORS = {
    "force": "Force",
    "signal": "Signal that force stands behind it",
    "fear": "Fear of those who sat out",
    "plea": "The plea itself",
}
BRANCHES = {"alone": "Left alone", "refused": "Asked, and refused", "helped": "Helped"}
STATES = {
    "before": "Before the crisis",
    "rescued": "After the rescue",
    "refused": "Survived though refused",
    "alone": "Survived unasked",
}

OFTEN = 0.05
"""Share of draws with several equilibria from which the reader is told of it."""


class _Crisis:
    """The groups as this section reads them."""

    def __init__(self, reading: Reading, regime: xr.Dataset, rescue: xr.Dataset | None) -> None:
        self.reading, self.regime, self.rescue = reading, regime, rescue
        self.names, self.draws = reading.names, reading.draws
        self.branches = [str(b) for b in regime["branch"].values]
        self.ends = Estimated(regime, only=("draw", "branch"))
        self.lead = str(regime.attrs.get("asked_of", ""))
        self.cells: Mapping[str, Cells] = {}
        if rescue is not None:
            self.cells = Estimated(rescue)
            self.powers = [str(p) for p in rescue["power"].values]
            self.candidates = [
                p for p in self.powers if not np.isnan(rescue["gate"].sel(power=p).values).all()
            ]

    def survival(self, branch: str) -> Estimate:
        return self.ends["survival"][branch,]

    def of(self, name: str, *labels: str) -> Estimate:
        """An estimate of the power that was asked."""
        return self.cells[name][(self.lead, *labels)]

    def mean(self, name: str, *labels: str) -> float:
        return self.cells[name][labels].mean

    @property
    def helper(self) -> str:
        return self.names.power(self.lead)

    def values(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        assert self.rescue is not None
        return np.asarray(self.rescue[name].sel(power=self.lead).values)

    @cached_property
    def largest(self) -> dict[str, float]:
        """How often each motive is the largest of those that speak for sending."""
        values = self.values("benefit")
        known = ~np.isnan(values).any(axis=-1)
        if not known.any():
            return {}
        best = values[known].argmax(axis=-1)
        some = values[known].max(axis=-1) > 0
        return {m: float(((best == k) & some).mean()) for k, m in enumerate(MOTIVES)}


def _read(reading: Reading) -> _Crisis | None:
    regime = reading.dataset("regime")
    return None if regime is None else _Crisis(reading, regime, reading.dataset("rescue"))


def _chance(found: Estimate) -> str:
    return percent(found.mean, found.draws) if found.known else MISSING


def _chance_cell(found: Estimate) -> Cell:
    if not found.known:
        return Cell(MISSING)
    low, high = round(100 * found.p05), round(100 * found.p95)
    return Cell(_chance(found), "" if low == high else f"[{low}, {high}]")


def said(reading: Reading) -> list[Said]:
    """Survival, and why the power came."""
    found = reading.once(_read)
    if found is None or not found.survival("alone").known:
        return []
    alone = found.survival("alone").mean
    crisis = f"Left alone the government {clause(alone)} survive ({percent(alone, found.draws)})"
    if "helped" not in found.branches or not found.survival("helped").known:
        return [Said("The crisis", f"{crisis}.")]
    helped = found.survival("helped").mean
    crisis += f"; with {found.helper}'s help it {clause(helped)} survive ({percent(helped, found.draws)})."
    ranked = sorted(found.largest.items(), key=lambda x: -x[1])
    if not ranked:
        return [Said("The crisis", crisis)]
    (first, much), (second, less) = ranked[:2]
    motive = (
        f"{MOTIVES[first]} weighed most with it in {percent(much, found.draws)} of the draws, "
        f"{MOTIVES[second]} in {percent(less, found.draws)}."
    )
    sends = found.of("sends")
    if sends.known:
        chance = percent(sends.mean, found.draws)
        rescue = f"Asked lawfully, {found.helper} {clause(sends.mean)} send ({chance}); {motive}"
    else:
        rescue = f"Of what speaks to {found.helper}, {motive}"
    return [Said("The crisis", crisis), Said("The rescue", rescue)]


def part(reading: Reading) -> Part | None:
    """The section."""
    found = reading.once(_read)
    if found is None:
        return None
    lines = said(reading)
    blocks: list[Block] = [Paragraph(" ".join(line.sentence for line in lines))] if lines else []
    blocks.append(_survival(found))
    blocks += [Paragraph(sentence) for sentence in (_expectations(found), _length(found)) if sentence]
    if found.rescue is not None and found.lead:
        blocks.append(_doors(found))
        blocks.append(_protectors(found))
        if found.of("sends").known:
            blocks.append(_tree(found))
        blocks += _decision(found)
        blocks.append(_afterwards(found))
        blocks += _deployment(found)
    blocks.append(
        Paragraph(
            "The security services play a global game: each unit sees the regime's strength with noise and obeys or "
            "sits it out. Chances are means over the draws, below them the 5th to 95th percentile. Points of the "
            "doors and of the motives are Shapley values: means over every order in which they could come in.",
            hint=True,
        )
    )
    return Part("crisis", "The crisis", "The crisis and the rescue", blocks)


def _survival(found: _Crisis) -> Table:
    header = [
        head("The government", words=True),
        head("Survives"),
        head("Order restored at once"),
        head("Stands, drawn out"),
        head("Falls"),
        head("Survival over all equilibria", words=True),
    ]
    rows = [
        [
            head(BRANCHES[b]),
            *(_chance_cell(found.ends[n][b,]) for n in ("survival", "restored", "drawn_out", "collapse")),
            say(_range(found, b)),
        ]
        for b in found.branches
    ]
    return Table("Survival with and without help", header, rows)


def _taken_off(cost: Estimate) -> Estimate:
    """A cost as what it takes off."""
    return replace(cost, median=-cost.median, p05=-cost.p95, p95=-cost.p05, mean=-cost.mean)


def _range(found: _Crisis, branch: str) -> str:
    worst, best = (found.ends[f"survival_{end}"][branch,] for end in ("worst", "best"))
    if not worst.known:
        return MISSING
    low, high = _chance(worst), _chance(best)
    return low if low == high else f"{low} to {high}"


def _expectations(found: _Crisis) -> str:
    often = {b: found.ends["multiple"][b,].mean for b in found.branches}
    most = max(often, key=lambda b: -1.0 if math.isnan(often[b]) else often[b])
    if not often[most] >= OFTEN:
        return ""
    how = {"alone": "left alone", "refused": "refused", "helped": "helped"}[most]
    return (
        f"In {percent(often[most], found.draws)} of the draws the game of the regime {how} has several equilibria: "
        "what happens then hangs on what everybody expects everybody to do. The figures take the equilibrium that best "
        "replies reach from complete ignorance of the others; the last column gives the worst and the best."
    )


def _length(found: _Crisis) -> str:
    data = found.regime
    if "length" not in data:
        return ""

    def days(course: str) -> str:
        at = data.sel(followed=course)
        later = float(at["falls_on"].values[1:].sum() + at["quiet_after"].values[1:].sum())
        fallen = float(at["falls_on"].values[1:].sum())
        return (
            f"{written(float(at['length']), 1)} days on average, {percent(later)} of the time beyond the first, "
            f"{percent(fallen)} to fall then"
        )

    return (
        "Day by day, each day survived being news and fresh private information arriving, and units attacking again "
        f"whenever that can pay, the crisis lasts {days('alone')} if the regime is left alone, and {days('helped')} "
        f"with {found.helper}'s help from its arrival on. If nobody ever attacks again, it is decided on the first day."
    )


def _doors(found: _Crisis) -> Figure:
    points = estimates(found.regime["points"])
    rows = []
    for door, words in DOORS.items():
        at = points[door,]
        rows.append(charts.Dot("", words, 100 * at.p05, 100 * at.median, 100 * at.p95, _points(at)))
    said = "; ".join(f"{r.label}: {r.text}" for r in rows)
    picture = charts.dots(
        rows, key="crisis-doors", title="Doors", description=said, axis="percentage points of survival"
    )
    table = Table(
        "What each door adds to survival, percentage points",
        [head("Door", words=True), head("Median"), head("Mean")],
        [
            [
                head(words),
                Cell(_points(points[door,]), _points_interval(points[door,])),
                Cell(written(100 * points[door,].mean, 1)),
            ]
            for door, words in DOORS.items()
        ],
    )
    note = (
        f"What {found.helper}'s help adds to the chance of survival, door by door, against a regime that nobody was "
        "asked to help. They can have either sign, so they are points and no shares."
    )
    return Figure("Through which doors help worked", note, [picture], table)


def _points(at: Estimate) -> str:
    return MISSING if not at.known else written(100 * at.median, 1)


def _points_interval(at: Estimate) -> str:
    return "" if not at.known else f"[{written(100 * at.p05, 1)}, {written(100 * at.p95, 1)}]"


def _protectors(found: _Crisis) -> Table:
    header = [
        head("Who could have been asked", words=True),
        head("Lawful"),
        head("In time"),
        head("Sends if asked"),
        head("Comes in time"),
        head("Survival with its help"),
        head("Asking it is worth, log points"),
        head("Asked"),
    ]
    asked = found.cells["asked"] if found.rescue is not None else {}
    survival = estimates(found.regime["survival_by_power"])
    rows = []
    for p in found.candidates:
        cells = (_chance_cell(found.cells[name][p,]) for name in ("gate", "in_time", "sends", "comes"))
        rows.append(
            [
                head(found.names.power(p)),
                *cells,
                _chance_cell(survival[p, "helped"]),
                estimate_cell(found.cells["worth"][p,]),
                Cell(_chance(asked[p,])),
            ]
        )
    nobody = [Cell("")] * 4 + [
        _chance_cell(found.survival("alone")),
        Cell("0"),
        Cell(_chance(asked["nobody",])),
    ]
    rows.append([head("Nobody"), *nobody])
    strong = frozenset(k for k, p in enumerate(found.candidates) if p == found.lead)
    return Table("Who could have been asked, and would have come", header, rows, strong)


def _tree(found: _Crisis) -> Drawing:
    """The game tree of the request, with the probabilities on its branches."""
    assert found.rescue is not None
    data, lead, client = found.rescue, found.lead, found.names.client_id
    asked = data["asked"]
    others = asked.sel(protector=[p for p in found.powers if p != lead]).sum("protector", skipna=False).values
    own, nobody = asked.sel(protector=lead).values, asked.sel(protector="nobody").values
    gate, sends, in_time = (data[name].sel(power=lead).values for name in ("gate", "sends", "in_time"))
    twigs = [Twig(-1, "The request", client, "decision", math.nan)]

    def grow(
        parent: int, label: str, kind: Any, chance: Any, reach: Any, player: str = "", note: str = ""
    ) -> int:
        known, come = chance[~np.isnan(chance)], reach[~np.isnan(reach)]
        low, high = (
            (float(x) for x in np.quantile(known, [0.05, 0.95])) if known.size else (math.nan, math.nan)
        )
        mean, overall = (float(x.mean()) if x.size else math.nan for x in (known, come))
        spread = (low, high) if round(low, 3) != round(high, 3) else (math.nan, math.nan)
        twigs.append(Twig(parent, label, player, kind, mean, *spread, overall, note))
        return len(twigs) - 1

    def ends(parent: int, branch: str, reach: Any) -> None:
        for name, label in (
            ("restored", "order is restored"),
            ("drawn_out", "it stands, drawn out"),
            ("collapse", "it falls"),
        ):
            chance = found.regime[name].sel(branch=branch).values
            grow(parent, label, "outcome", chance, reach * chance)

    ask = grow(0, f"asks {found.helper}", "chance", own, own)
    lawful = grow(ask, "the request is lawful", "decision", gate, own * gate, lead)
    sent = grow(lawful, "sends", "chance", sends, own * gate * sends)
    there = grow(sent, "help comes in time", "chance", in_time, own * gate * sends * in_time)
    ends(there, "helped", own * gate * sends * in_time)
    if not (in_time[~np.isnan(in_time)] == 1).all():
        grow(
            sent, "too late", "outcome", 1 - in_time, own * gate * sends * (1 - in_time), note="as if refused"
        )
    refused = grow(lawful, "refuses", "chance", 1 - sends, own * gate * (1 - sends))
    ends(refused, "refused", own * gate * (1 - sends))
    grow(ask, "there is no lawful way", "outcome", 1 - gate, own * (1 - gate), note="as if refused")
    if (others > 0).any():
        grow(0, "asks another power", "outcome", others, others)
    alone = grow(0, "asks nobody", "chance", nobody, nobody)
    ends(alone, "alone", nobody)
    words = "; ".join(
        f"{t.label} {percent(t.probability)}" for t in twigs[1:] if t.kind != "outcome" or t.parent == there
    )
    svg = tree(
        twigs,
        colours(found.names.powers),
        names={p: found.names.power(p) for p in found.powers} | {client: found.names.client},
        key="crisis-tree",
        title="The game of the request",
        description=words,
    )
    note = (
        "Who moves, what may happen, and how likely: means over the draws, with the 5th to 95th percentile; overall "
        "is the chance of coming there at all. Colours are those of the power that moves."
    )
    return Drawing("The game of the request", note, svg, "")


def _decision(found: _Crisis) -> list[Block]:
    sends = found.of("sends")
    if not sends.known:
        return [
            Paragraph(f"{found.helper}'s decision could not be computed: a figure that it needs is missing.")
        ]
    if not found.of("benefit", "own_security").known:
        return [
            Paragraph(
                f"That {found.helper} sends is stated ({_chance(sends)}), so its motives are not computed."
            )
        ]
    largest = found.largest
    header = [
        head(f"What speaks to {found.helper}", words=True),
        head("Log points"),
        head("Share of the benefit"),
        head("Points of the probability"),
        head("Largest motive"),
    ]
    rows = [
        [
            head(words[:1].upper() + words[1:]),
            estimate_cell(found.of("benefit", m)),
            _chance_cell(found.of("share", m)),
            Cell(_points(found.of("shapley", m)), _points_interval(found.of("shapley", m))),
            Cell(percent(largest[m], found.draws)),
        ]
        for m, words in MOTIVES.items()
    ]
    rows += [
        [
            head(words[:1].upper() + words[1:], small="cost"),
            estimate_cell(_taken_off(found.of("burden", c))),
            Cell(""),
            Cell(_points(found.of("shapley", c)), _points_interval(found.of("shapley", c))),
            Cell(""),
        ]
        for c, words in COSTS.items()
    ]
    blocks: list[Block] = [
        Paragraph(
            f"Asked lawfully, {found.helper} {clause(sends.mean)} send ({_chance(sends)}). With no term at all the "
            "chance would be one half; the points say what each adds to it."
        ),
        Table("The decision, and what stands behind it", header, rows),
        *_against(found),
        *_region(found),
        *_turns(found),
    ]
    return blocks


def _against(found: _Crisis) -> list[Block]:
    """The decision against how surely the power takes the better move."""
    if found.rescue is None or "sends_at" not in found.rescue:
        return []
    values = found.rescue["sends_at"]
    steps = [float(x) for x in values["rationality"].values]
    header = [head("", words=True), *(head("∞" if math.isinf(x) else f"{x:g}") for x in steps)]
    row = [head(f"{found.helper} sends"), *(Cell(percent(float(x), found.draws)) for x in values.values)]
    return [Table("Sent, against how surely the better move is taken (λ, per log point)", header, [row])]


def _region(found: _Crisis) -> list[Block]:
    if found.rescue is None or "region" not in found.rescue:
        return []
    data = found.rescue["region"].transpose("multiplier", "other_multiplier", "motive")
    axes = str(found.rescue.attrs["axes"]).split()
    motives = [str(m) for m in data["motive"].values]
    cells = [
        charts.Square(_factor(x), _factor(y), LETTERS[motives[int(at.argmax())]], float(at.max()))
        for y, row in zip(data["multiplier"].values, data.values, strict=True)
        for x, at in zip(data["other_multiplier"].values, row, strict=True)
    ]
    stated = data.sel(multiplier=1, other_multiplier=1)
    middle = {str(m): float(stated.sel(motive=m)) for m in data["motive"].values}
    said = "; ".join(f"{MOTIVES[m]} {percent(v)}" for m, v in middle.items())
    kinds = {c.text for c in cells}
    lines = [f"{letter}: {MOTIVES[m]}" for m, letter in LETTERS.items() if letter in kinds]
    picture = charts.squares(
        cells,
        key="crisis-weights",
        title="The largest motive by weights",
        description=f"With the weights as stated: {said}.",
        across=f"weight of {MOTIVES[axes[1]]}, times",
        up=f"weight of {MOTIVES[axes[0]]}, times",
    )
    note = (
        "Which motive is most often the largest if two of the weights are multiplied; the darker, the more often. "
        + ", ".join(lines)
        + "."
    )
    return [Figure("The region of weights", note, [picture])]


def _factor(value: float) -> str:
    return f"{value:g}" if value >= 1 else f"1/{1 / value:g}"


def _turns(found: _Crisis) -> list[Block]:
    if found.rescue is None:
        return []
    given = json.loads(found.rescue.attrs.get("turns") or "{}")
    if not given or given.get("before") is None or math.isnan(given["before"]):
        return []
    one, other = (MOTIVES[m] for m in str(found.rescue.attrs["axes"]).split())
    chance = percent(given["before"], found.draws)
    opening = f"{one[:1].upper() + one[1:]} weighs more than {other} in {chance} of the draws."
    if not given["moves"]:
        return [Paragraph(f"{opening} No input, and no two, moved within their ranges turn that round.")]
    lines = []
    for move in given["moves"]:
        parts = [
            f"{path_words(m['path'], found.reading)} at {significant(m['value'], 3)} "
            f"instead of {significant(m['central'], 3)} "
            f"({written(abs(m['move']), 1)} standard deviations {'up' if m['move'] > 0 else 'down'}, {m['kind']})"
            for m in move["inputs"]
        ]
        lines.append(f"{listed(parts)}: then {percent(move['after'], found.draws)}.")
    return [
        Paragraph(f"{opening} What would turn that round, with the smallest moves of one input and of two:"),
        Bullets(lines),
    ]


def _afterwards(found: _Crisis) -> Table:
    header = [
        head("What it leaves", words=True),
        *(head(words) for words in STATES.values()),
    ]

    def row(title: str, name: str, chance: bool, small: str = "") -> list[Cell]:
        cells = []
        for state in STATES:
            at = found.of(name, state)
            cells.append(_chance_cell(at) if chance else (estimate_cell(at) if at.known else Cell(MISSING)))
        return [head(title, small=small), *cells]

    rows = [
        row(f"{found.names.client} believes that {found.helper} would come", "belief", True),
        row(f"Others believe it of {found.helper}", "observed", True),
        row(f"{found.helper}'s lever by the guarantee", "guarantee", False, "log points"),
        row("Believed strength of the government", "strength", True, "share that must sit out"),
    ]
    return Table("Beliefs, and the lever that a rescue can change", header, rows)


def _deployment(found: _Crisis) -> list[Block]:
    if not found.of("troops").known:
        return []
    header = [
        head("Deployment", words=True),
        head("Troops"),
        head("Days to arrive"),
        head("Days of stay"),
        head("Cost, million US$"),
    ]
    rows = [
        [
            head(found.names.power(p)),
            *(
                estimate_cell(found.cells[n][p,]) if found.cells[n][p,].known else Cell(MISSING)
                for n in ("troops", "arrival", "stay", "money")
            ),
        ]
        for p in found.candidates
    ]
    strong = frozenset(k for k, p in enumerate(found.candidates) if p == found.lead)
    blocks: list[Block] = [Table("Deployment", header, rows, strong)]
    told = [
        o["text"] for o in found.names.outcomes if o.get("claim") in found.names.read_by("rescue", "regime")
    ]
    if told:
        blocks += [Paragraph("What happened, which no model saw:"), Bullets(told)]
    return blocks


def summary(reading: Reading) -> dict[str, object]:
    """The keys ``regime`` and ``rescue`` of the JSON summary."""
    found = reading.once(_read)
    if found is None:
        return {}
    regime: dict[str, Any] = {name: nested(cells) for name, cells in found.ends.items()}
    regime["mean"] = {b: number(found.survival(b).mean) for b in found.branches}
    regime["likelihood"] = {
        b: likelihood(found.survival(b).mean) for b in found.branches if found.survival(b).known
    }
    regime["selection"] = str(found.regime.attrs.get("selection", ""))
    if "points" in found.regime:
        regime["points"] = nested(estimates(found.regime["points"]))
    if "length" in found.regime:
        regime["days"] = {
            str(c): {
                "length": number(float(found.regime["length"].sel(followed=c))),
                "falls_on": [number(float(x)) for x in found.regime["falls_on"].sel(followed=c).values],
                "quiet_after": [number(float(x)) for x in found.regime["quiet_after"].sel(followed=c).values],
            }
            for c in found.regime["followed"].values
        }
    if found.rescue is None:
        return {"regime": regime}
    rescue: dict[str, Any] = {"asked_of": found.lead, "powers": {}}
    for p in found.candidates:
        own: dict[str, Any] = {}
        for name, cells in found.cells.items():
            mine = {labels[1:]: value for labels, value in cells.items() if labels[:1] == (p,)}
            if not any(v.known for v in mine.values()):
                continue
            own[name] = estimate(mine[()]) if () in mine else nested(mine)
        rescue["powers"][p] = own
    rescue["asked"] = {k[0]: number(v.mean) for k, v in found.cells["asked"].items()}
    rescue["largest_motive"] = {m: number(v) for m, v in found.largest.items()}
    turned = json.loads(found.rescue.attrs.get("turns") or "{}")
    if turned:
        rescue["turns"] = {"of": str(found.rescue.attrs["axes"]).split(), **turned}
    if "sends_at" in found.rescue:
        rescue["by_rationality"] = {
            "inf" if np.isinf(at) else f"{float(at):g}": number(float(chance))
            for at, chance in zip(
                found.rescue["rationality"].values, found.rescue["sends_at"].values, strict=True
            )
        }
    if "region" in found.rescue:
        data = found.rescue["region"]
        rescue["region"] = {
            "axes": str(found.rescue.attrs["axes"]).split(),
            "multiplier": [float(x) for x in data["multiplier"].values],
            "probability": {
                str(m): [[number(float(x)) for x in row] for row in data.sel(motive=m).values]
                for m in data["motive"].values
            },
        }
    return {"regime": regime, "rescue": rescue}
