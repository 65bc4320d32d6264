"""The brief in a terminal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as RichTable
from rich.text import Text

from tertius._brief.answer import (
    answer_lines,
    certainty,
    lever_sentence,
    parting,
    parting_opening,
    parting_words,
    rests_on,
    verdict_counts,
)
from tertius._brief.blocks import Bullets, Drawing, Figure, Paragraph, Part, Table
from tertius._brief.insight import (
    DRIVERS_NOTE,
    assumed_part,
    binding_routes,
    draws_words,
    driver_words,
    effective_words,
    filled_words,
    headline_words,
    leaning_words,
    stability,
)
from tertius._brief.palette import colours
from tertius._brief.reading import Displacement, Levers, Reading
from tertius._brief.sections import chain, closing, parts
from tertius._brief.words import MISSING, Estimate, listed, number, percent, spelled

__all__ = ["Terminal", "show", "show_part"]

_NONE = Estimate(math.nan, math.nan, math.nan, math.nan, "", 0)


class Terminal:
    def __init__(self, reading: Reading, console: Console) -> None:
        self.reading = reading
        self.console = console
        self.names = reading.names
        self.palette = colours(reading.names.powers)

    def power(self, key: str) -> Text:
        return Text(self.names.power(key), style=self.palette.get(key, ""))

    def heading(self, words: str) -> None:
        self.console.print()
        self.console.print(Rule(Text(words, style="bold"), align="left", style="dim", characters="─"))

    def say(self, words: str, style: str = "", *, indent: int = 0) -> None:
        # textwrap leaves no-break spaces alone, which Rich's own wrapping does not.
        lines = textwrap.wrap(
            words,
            max(20, self.console.width - 2 - indent),
            subsequent_indent="  " if indent else "",
            break_on_hyphens=False,
        )
        for line in lines:
            self.console.print(Padding(Text(line, style=style, no_wrap=True), (0, 0, 0, 1 + indent)))

    def table(self, *, first: str, width: int | None = None) -> RichTable:
        table = RichTable(
            box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_edge=False
        )
        table.add_column(first, max_width=width)
        return table

    def put(self, table: RichTable) -> None:
        self.console.print(Padding(table, (1, 0, 0, 1)))

    # -- sections ------------------------------------------------------------------------------

    def opening(self) -> None:
        self.console.print()
        self.say(self.names.title, "bold")
        if self.names.question:
            self.say(self.names.question, "italic")
        self.console.print()
        lines = answer_lines(self.reading)
        if len(lines) == 1:
            self.say(lines[0].sentence, "bold")
        else:
            table = RichTable.grid(padding=(0, 2, 0, 0))
            table.add_column()
            table.add_column(style="bold")
            width = self.console.width - 4 - max(len(line.label) for line in lines)
            for line in lines:
                # textwrap leaves no-break spaces alone, which Rich's own wrapping does not.
                said = textwrap.wrap(line.sentence, max(20, width), break_on_hyphens=False)
                table.add_row(line.label, Text("\n".join(said), no_wrap=True))
            self.console.print(Padding(table, (0, 0, 0, 1)))
        if self.reading.claims:
            self.say(certainty(self.reading), "dim")
        links = self.reading.once(chain.links)
        if len(links) > 1:
            self.console.print()
            self.say(chain.words(links, notes=False))

    def levers(self, found: Levers) -> None:
        self.heading(f"Who holds which lever over {self.names.client}")
        self.say(lever_sentence(self.reading))
        self.say(
            "Log points of the client's welfare that a power's withdrawal would cost: median, and below "
            "the total the 5th to 95th percentile.",
            "dim",
        )
        missing = [
            self.names.domain(d)
            for d in found.domains
            if d != "total" and found.net and not any(found.net[p, d].known for p in found.powers)
        ]
        if missing:
            self.say(
                f"Net levers need reverse ties, and the case gives none in {listed(missing)}: "
                "missing, not zero.",
                "dim",
            )
        # A column takes up to ten characters of figures and one of space; the labels take sixteen.
        room = max(2, (self.console.width - 18) // 11)
        for start in range(0, len(found.powers), room):
            self.put(self._lever_table(found, found.powers[start : start + room]))
        self.console.print()
        self.say("Effective number of powers leaned on (one when there is nobody else):")
        self.say(
            "; ".join(
                f"{self.names.domain(d)}\N{NO-BREAK SPACE}{effective_words(found, d)}"
                for d in found.domains
                if (d,) in found.effective
            )
            + "."
        )

    def _lever_table(self, found: Levers, powers: Sequence[str]) -> RichTable:
        table = self.table(first="", width=16 if self.console.width < 100 else None)
        for p in powers:
            table.add_column(self.power(p), justify="right", max_width=10 if self.console.width < 100 else 14)
        for domain in found.domains:
            cells = [found.lever.get((p, domain), _NONE) for p in powers]
            if domain != "total":
                table.add_row(self.names.domain(domain), *[c.text() for c in cells])
                continue
            table.add_row(self.names.domain(domain), *[c.text() for c in cells], style="bold")
            table.add_row("", *[c.interval() for c in cells], style="dim", end_section=True)
        if found.net:
            table.add_row("Net, all domains", *[found.net.get((p, "total"), _NONE).text() for p in powers])
        if found.transit_alone:
            table.add_row("Transit alone", *[found.transit_alone.get((p,), _NONE).text() for p in powers])
        return table

    def vacuum(self, found: Displacement, *, main: bool) -> None:
        self.heading(f"The vacuum: {found.title}" if main else f"Another exit: {found.title}")
        self.say(filled_words(found, self.reading))
        if not main:
            self.say(draws_words(found, self.reading), "dim")
        table = self.table(first="", width=16 if self.console.width < 100 else None)
        columns = {
            "Lever\nbefore": 6,
            "Lever\nafter": 6,
            "Gain": 12,
            "Gains\nmost": 6,
            "Of the\nvacuum": 12,
            "Fills\nmost": 6,
        }
        for column, width in columns.items():
            table.add_column(column, justify="right", min_width=width, max_width=12)
        leverage, filling = (dict(found.tertius(kind)) for kind in ("leverage", "vacuum"))
        for p in found.powers:
            gone = p in found.leavers
            gain = found.gain.get((p, "total"), _NONE)
            share = found.vacuum.get((p, "total"), _NONE)
            table.add_row(
                self.power(p),
                found.before.get((p, "total"), _NONE).text(),
                found.after.get((p, "total"), _NONE).text(),
                _two(gain),
                "leaves" if gone else percent(leverage.get(p, math.nan)),
                "leaves" if gone else _two(share),
                "leaves" if gone else percent(filling.get(p, math.nan)),
            )
        for words, cells in (
            ("Own provision", found.own),
            ("Others, no power", found.others),
            ("Unfilled", found.unfilled),
        ):
            table.add_row(words, "", "", "", "", _two(cells.get(("total",), _NONE)), "", style="dim")
        self.put(table)
        pays = [(p, e) for (p,), e in found.who_pays.items() if e.known]
        if pays:
            self.console.print()
            self.say("Who pays, in log points of real income through trade (a minus is a gain):")
            for party, estimate in pays:
                self.say(f"{self.names.party(party)}: {estimate.full()}", indent=2)
        loss = found.client_loss.get(("total",), _NONE)
        if loss.known:
            self.say(f"All domains together cost {self.names.client} {loss.full()} log points.")
        leaning = leaning_words(found, self.reading)
        if leaning:
            self.say(leaning)
        for line in binding_routes(found, self.reading):
            self.say(line)

    def robustness(self) -> None:
        reading = self.reading
        if not reading.comparisons and reading.structures is None and not reading.drivers:
            return
        self.heading("What is found, and what is assumed")
        if reading.comparisons and reading.rivals:
            power, rival = (self.names.power(p) for p in reading.rivals)
            self.say(f"Probability that {power} gains more than {rival}:")
            labels = reading.compared
            known = {(c.kind, c.label): c.probability for c in reading.comparisons}
            table = self.table(first="")
            table.add_column("by leverage", justify="right")
            table.add_column("by vacuum filled", justify="right")
            for label in labels:
                table.add_row(
                    self.names.domain(label),
                    *[
                        percent(known[kind, label]) if (kind, label) in known else "–"
                        for kind in ("leverage", "vacuum")
                    ],
                    style="bold" if label == "total" else "",
                )
            self.put(table)
        found = reading.structures
        if found is not None:
            self.console.print()
            self.say(stability(reading))
            table = self.table(first="Under another structure")
            table.add_column("gains most leverage")
            table.add_column("fills most of the vacuum")
            for s in found.ids:
                cells = []
                for values in (found.by_leverage, found.by_vacuum):
                    ranked = sorted(
                        (
                            (p, values[s, p])
                            for p in found.powers
                            if (s, p) in values and not math.isnan(values[s, p])
                        ),
                        key=lambda item: -item[1],
                    )
                    cells.append(
                        Text.assemble(self.power(ranked[0][0]), f" {percent(ranked[0][1])}")
                        if ranked
                        else Text(MISSING)
                    )
                table.add_row(found.titles[s], *cells)
            self.put(table)
        if reading.drivers:
            self.console.print()
            self.say(DRIVERS_NOTE, "dim")
        for headline, drivers in reading.drivers.items():
            self.say(f"{headline_words(headline, reading)}:")
            for driver in drivers[:4]:
                self.say(driver_words(driver, reading), indent=2)

    def part(self, part: Part) -> None:
        """Show a section: its words and its tables; figures only by the numbers behind them."""
        self.heading(part.title)
        self.body(part)

    def body(self, part: Part) -> None:
        """Show what stands under a section's heading."""
        for block in part.blocks:
            match block:
                case Paragraph():
                    self.say(block.text, "dim" if block.hint else "")
                case Bullets():
                    for line in block.lines:
                        self.say(f"• {line}", indent=2)
                case Table():
                    self.grid(block)
                case Figure(table=Table() as behind):
                    self.grid(behind)
                case Drawing(words=words) if words:
                    self.say(words)

    def grid(self, given: Table) -> None:
        """Show a table of blocks, with every interval below its estimate."""
        if not given.terminal:
            return
        wide = self.console.width >= 100
        table = self.table(first=given.header[0].text, width=None if wide else 26)
        for column in given.header[1:]:
            justify: JustifyMethod = "left" if column.words else "right"
            table.add_column(
                Text(column.text), justify=justify, max_width=None if column.words else 16, overflow="fold"
            )
        for number_, row in enumerate(given.rows):
            cells = [
                Text.assemble(cell.text, *([("\n" + cell.small, "dim")] if cell.small else []))
                for cell in row
            ]
            table.add_row(*cells, style="bold" if number_ in given.strong else "")
        self.console.print()
        self.say(f"{given.caption.rstrip('.')}:", "dim")
        self.console.print(Padding(table, (0, 0, 0, 1)))

    def claims(self) -> None:
        reading = self.reading
        if not reading.claims:
            return
        self.heading("The claims of the argument")
        self.say(f"{verdict_counts(reading)}.")
        table = self.table(first="No.")
        table.add_column("Claim", ratio=1, min_width=24)
        table.add_column("Verdict", width=12)
        table.add_column("Likelihood", width=13)
        table.add_column("Sourced", justify="right", width=7)
        table.add_column("Confidence", width=10)
        later = []
        for i, claim in enumerate(reading.claims, start=1):
            label = str(claim.number if claim.number is not None else i)
            if claim.verdict == "not yet computed":
                later.append(label)
                continue
            words = claim.text if claim.computed or not claim.reason else f"{claim.text} – {claim.reason}"
            table.add_row(
                label,
                Text(words),
                claim.verdict,
                f"{claim.likelihood}\n{percent(claim.probability)}" if claim.computed else "–",
                percent(claim.sourced_share) if claim.computed else "–",
                claim.confidence or "–",
            )
        if table.row_count:
            self.put(table)
        if later:
            self.console.print()
            self.say(f"Not yet computed: {listed(later)}.", "dim")
        apart = parting(reading)
        if apart:
            self.heading("Where the model and the argument part company")
            self.say(parting_opening(reading))
            for claim in apart:
                mark = f"{claim.number}. " if claim.number is not None else ""
                self.say(f"{mark}{claim.text}")
                self.say(
                    parting_words(claim, reading),
                    "bold" if claim.verdict == "contradicted" else "",
                    indent=2,
                )

    def ground(self) -> None:
        reading = self.reading
        if reading.inputs:
            self.heading("What rests on assumption")
            self.say(rests_on(reading))
            for line in assumed_part(reading):
                self.say(line)
        if reading.provenance.warnings:
            self.heading("Warnings")
            for warning in reading.provenance.warnings[:12]:
                self.say(f"• {warning}")
            more = len(reading.provenance.warnings) - 12
            if more > 0:
                self.say(f"… and {more} more, all in the page.")

    def closing(self) -> None:
        origin = self.reading.provenance
        self.heading("How it was computed")
        lost = (
            f"; {spelled(origin.unconverged, 'draw')} did not converge and "
            f"{'is' if origin.unconverged == 1 else 'are'}"
            " left out"
            if origin.unconverged
            else "; every draw converged"
        )
        self.say(f"{spelled(origin.draws, 'draw')}, seed {origin.seed}{lost}.")
        if not math.isnan(origin.worst_residual):
            self.say(f"Largest residual of any equilibrium: {origin.worst_residual:.1e}.")
        if origin.seconds:
            total = sum(origin.seconds.values())
            stages = ", ".join(f"{stage} {number(value, 1)} s" for stage, value in origin.seconds.items())
            self.say(f"Time taken: {number(total, 1)} s ({stages}).")
        self.say(f"Tertius {origin.version}, case {origin.case}, digest {origin.digest[:12]}.", "dim")


def _two(estimate: Estimate) -> Text:
    """Put an interval below its estimate, so that a column stays narrow."""
    interval = estimate.interval()
    return Text.assemble(estimate.text(), *([("\n" + interval, "dim")] if interval else []), justify="right")


def show(reading: Reading, console: Console) -> None:
    """Print a brief.

    Parameters
    ----------
    reading
        The findings, read.
    console
        Where to; its width decides the layout (80 columns are enough).
    """
    terminal = Terminal(reading, console)
    terminal.opening()
    if reading.levers is not None:
        terminal.levers(reading.levers)
    for i, found in enumerate(reading.displacements):
        terminal.vacuum(found, main=i == 0)
        if i == 0:
            terminal.robustness()
    for section in parts(reading):
        terminal.part(section)
    terminal.claims()
    for section in closing(reading):
        terminal.part(section)
    terminal.ground()
    terminal.closing()
    console.print()


def show_part(part: Part, reading: Reading, console: Console) -> None:
    """Print one section by itself."""
    Terminal(reading, console).part(part)
    console.print()
