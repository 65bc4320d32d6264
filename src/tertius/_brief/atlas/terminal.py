"""An answer about the world in a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from tertius._brief.atlas.reading import Answer
from tertius._brief.terminal import Terminal

__all__ = ["show"]

COLUMNS: dict[str, Sequence[str]] = {
    "levers": ("Lever", "5th to 95th", "Reverse", "Exports", "Imports"),
    "what-if": (
        "Lever\nbefore",
        "Lever\nafter",
        "Gain",
        "5th to 95th",
        "Gains\nmost",
        "Of\nexports",
        "Of\nimports",
    ),
    "every pair": ("Largest\nover", "Heavy\nover", "By GDP", "Heaviest over"),
}
BAR, PARTS = 24, "▏▎▍▌▋▊▉█"


def _bar(value: float, most: float, room: int) -> str:
    """A bar of eighths of a character."""
    if not math.isfinite(value) or most <= 0 or value <= 0:
        return ""
    eighths = max(1, round(8 * room * value / most))
    whole, part = divmod(eighths, 8)
    return "█" * whole + (PARTS[part - 1] if part else "")


class _Terminal(Terminal):
    def __init__(self, console: Console) -> None:
        self.console = console

    def main(self, answer: Answer, kind: str) -> None:
        """The main table, with a bar to each line where there is room."""
        columns = answer.columns or COLUMNS[kind]
        longest = [
            max([*map(len, column.split("\n")), *(len(line[3][k]) for line in answer.first)])
            for k, column in enumerate(columns)
        ]
        name = min(max((len(line[0]) for line in answer.first), default=8), 24)
        room = min(BAR, self.console.width - 4 - name - sum(longest) - len(longest))
        if room < 4:
            name, room = name + min(0, room), 0
        table = self.table(first="", width=max(8, name))
        for k, column in enumerate(columns):
            last = kind == "every pair" and k == len(columns) - 1
            table.add_column(column, justify="left" if last else "right", no_wrap=True)
        if room:
            table.add_column("", no_wrap=True)
        most = max((line[2] for line in answer.first if math.isfinite(line[2])), default=0.0)
        for label, colour, value, words in answer.first:
            cells: list[Any] = [Text(label, style=colour), *words]
            if room:
                cells.append(Text(_bar(value, most, room), style=colour or "dim"))
            table.add_row(*cells)
        self.put(table)


def show(answer: Answer, attrs: dict[str, Any], console: Console) -> None:
    """Print an answer.

    Parameters
    ----------
    answer, attrs
        What it says, and what is told of the data behind it.
    console
        Where to; 80 columns are enough.
    """
    it = _Terminal(console)
    console.print()
    it.say(answer.title, "bold")
    console.print()
    it.say(answer.sentence, "bold")
    for k, part in enumerate(answer.parts):
        if k == 0:
            it.heading(part.title)
            it.main(answer, attrs["kind"])
            console.print()
            it.body(part)
        else:
            it.part(part)
    it.heading("Sources")
    for source in json.loads(attrs["sources"]):
        it.say(f"• {source['citation']}", indent=2)
    drawn = f"{attrs['draws']} draws, seed {attrs['seed']}; " if attrs.get("draws") else ""
    lost = attrs.get("unconverged", 0)
    failed = f"; {lost} without an equilibrium, left out" if lost else ""
    it.say(
        f"World {attrs['world']}, {attrs['economies']} economies. {drawn}"
        f"{'l' if drawn else 'L'}argest residual {attrs['residual']:.1e}{failed}.",
        "dim",
    )
    console.print()
