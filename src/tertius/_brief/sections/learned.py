"""What others learned: what every observer believes before the request, once it is honoured, once it is refused."""

from __future__ import annotations

import math
from typing import Any

import xarray as xr

from tertius._brief import charts
from tertius._brief.blocks import Block, Figure, Paragraph, Part, Table, estimate_cell, head
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.reading import Cells, Reading, estimates
from tertius._brief.summary import nested
from tertius._brief.words import Estimate, listed, share

__all__ = ["part", "summary"]

_NONE = Estimate(math.nan, math.nan, math.nan, math.nan, "", 0)


class _Learned:
    def __init__(self, reading: Reading, data: xr.Dataset) -> None:
        self.reading, self.names = reading, reading.names
        self.observers = [str(o) for o in data["observer"].values]
        self.powers = [str(p) for p in data["power"].values]
        self.belief: Cells = estimates(data["belief"])
        self.lesson: Cells = estimates(data["lesson"])
        self.hold: Cells = estimates(data["hold"])
        self.guarantee: Cells = estimates(data["hold_guarantee"])
        self.worth: Cells = estimates(data["worth"])
        self.worth_by: Cells = estimates(data["worth_by"])
        self.taught = [p for p in self.powers if any(self._moves(o, p) for o in self.observers)]

    def _moves(self, observer: str, power: str) -> bool:
        lesson = self.lesson[observer, power]
        return lesson.known and lesson.median != 0

    def observer(self, key: str) -> str:
        entry = self.reading.case.get("observers", {}).get(key, {})
        return str(entry.get("name") or key.replace("_", " "))

    @property
    def asked(self) -> str:
        """The power that was asked, or the one of which most was learned."""
        rescue = self.reading.case.get("rescue") or {}
        stated = str(rescue.get("asked_of") or "")
        return stated if stated in self.taught else (self.taught[0] if self.taught else "")

    def sentence(self) -> str:
        power = self.asked
        if not power:
            return "No observer says how like its own case it finds this one, so that nothing was learned."
        name = self.names.power(power)
        said = []
        for o in self.observers:
            before, after = (self.belief[o, power, m] for m in ("before", "honoured"))
            if before.known and self._moves(o, power):
                said.append(f"{self.observer(o)} from {share(before.median)} to {share(after.median)}")
        words = (
            f"That {name} would come if asked, the observers believe more once it has come: {listed(said)}."
        )
        worth = self.worth.get((power, "honoured"), _NONE)
        refused = self.worth.get((power, "refused"), _NONE)
        if worth.known:
            words += (
                f" Over all of them together {name}'s levers rise by {worth.full()} log points of their welfare; "
                f"had it refused, they would have changed by {refused.full()}."
            )
            parts = [
                (words_, self.worth_by.get((power, "honoured", channel), _NONE))
                for channel, words_ in (
                    ("domain", "through what they have of it for their security"),
                    ("guarantee", "through its guarantee of their regimes"),
                )
            ]
            if all(cell.known for _, cell in parts):
                words += (
                    " Of that, " + listed([f"{cell.text()} comes {w}" for w, cell in parts]) + " (medians)."
                )
        return words

    def chart(self) -> Figure:
        power = self.asked
        palette = colours(self.names.powers)
        rows = [
            charts.Move(
                "",
                self.observer(o),
                self.belief[o, power, "refused"].median,
                self.belief[o, power, "honoured"].median,
                f"{share(self.belief[o, power, 'refused'].median)} → {share(self.belief[o, power, 'honoured'].median)}",
                palette.get(power, NEUTRAL),
            )
            for o in self.observers
            if self._moves(o, power)
        ]
        return Figure(
            f"What they believe of {self.names.power(power)}",
            "Probability that it comes if asked, medians. Ring: had it refused; dot: once it has come.",
            [
                charts.moves(
                    rows,
                    key="learned-belief",
                    title=f"What the observers believe of {self.names.power(power)}, refused and come",
                    description="; ".join(f"{r.label}: {r.text}" for r in rows),
                    axis="believed probability",
                )
            ],
        )

    def table(self) -> Table:
        power = self.asked
        rows = [
            [
                head(self.observer(o)),
                *(estimate_cell(self.belief[o, power, m]) for m in ("before", "honoured", "refused")),
            ]
            for o in self.observers
            if self.belief[o, power, "before"].known
        ]
        return Table(
            f"Belief that {self.names.power(power)} comes if asked",
            [head(""), head("Before"), head("It came"), head("Had it refused")],
            rows,
        )

    def levers(self) -> list[Block]:
        """What the power holds over every observer, and what it holds once it has come."""
        power = self.asked
        rows = [
            [head(self.observer(o)), *map(estimate_cell, cells)]
            for o in self.observers
            for cells in [
                [held[o, power, m] for held in (self.hold, self.guarantee) for m in ("before", "honoured")]
            ]
            if any(cell.known for cell in cells)
        ]
        if not rows:
            return []
        return [
            Table(
                f"{self.names.power(power)}'s levers over each, log points: through what it has of it for its "
                "security, and through the guarantee of its regime",
                [head(""), head("Security"), head("It came"), head("Guarantee"), head("It came")],
                rows,
            )
        ]

    def others(self) -> list[Block]:
        """What they believe of the other powers that they could turn to."""
        rows = []
        for o in self.observers:
            known = [(p, self.belief[o, p, "honoured"]) for p in self.powers if p != self.asked]
            rows += [
                [head(self.observer(o)), head(self.names.power(p)), estimate_cell(cell)]
                for p, cell in known
                if cell.known
            ]
        if not rows:
            return []
        return [
            Table(
                "Belief that another power would come if asked",
                [head("Observer"), head("Power", words=True), head("Belief")],
                rows,
                terminal=False,
            )
        ]


def part(reading: Reading) -> Part | None:
    """The section; None where nobody watches."""
    data = reading.dataset("reputation")
    if data is None:
        return None
    found = _Learned(reading, data)
    blocks: list[Block] = [Paragraph(found.sentence())]
    if found.asked:
        blocks += [found.chart(), found.table(), *found.levers(), *found.others()]
    return Part("learned", "What others learned", "What others learned", blocks)


def summary(reading: Reading) -> dict[str, Any]:
    """The key ``reputation``."""
    data = reading.dataset("reputation")
    if data is None:
        return {}
    found = _Learned(reading, data)
    return {
        "reputation": {
            "belief": nested(found.belief),
            "lesson": nested(found.lesson),
            "lever": nested(found.hold),
            "guarantee": nested(found.guarantee),
            "worth": nested(found.worth),
            "worth_by": nested(found.worth_by),
        }
    }
