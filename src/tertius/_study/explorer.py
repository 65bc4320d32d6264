"""Runs beside a study's own: with figures held, moved, drawn anew, or robbed of their source.

All variants of a question are stacked and sent through the models together, in the same draws of everything else, so
that what differs between two of them is what was changed and no noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.draws import Design, Draws, draw
from tertius._study.trade import TradeResults
from tertius.case import Case, Input

__all__ = ["Explored", "Explorer"]

Array = NDArray[np.float64]

CHUNK = 8192
"""Draws at most that go through the models together."""

TRADED = ("trade.", "exits.")
"""Sections whose inputs the trade equilibria read."""


@dataclass(frozen=True)
class Explored:
    """Findings of some variants.

    Attributes
    ----------
    tree
        Laid out like the findings; its draws are numbered within the chunk.
    variants
        The numbers of the variants that it holds.
    rows
        Draws of each: draw ``v * rows + r`` is draw r of the v-th of them.
    """

    tree: xr.DataTree
    variants: tuple[int, ...]
    rows: int


@dataclass
class Explorer:
    """What is needed to run a case again.

    Attributes
    ----------
    case, layout
        The case and the design of its study.
    trade
        The trade equilibria of some draws; None if the case has no trade.
    run
        Sends draws through every model, with their trade equilibria where these are known already; gives findings
        without the draws that did not converge.
    """

    case: Case
    layout: Design
    trade: Callable[[Draws], TradeResults | None]
    run: Callable[[Draws, TradeResults | None], xr.DataTree]
    _known: tuple[Draws, TradeResults | None] | None = field(default=None, init=False)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The uncertain inputs."""
        return self.layout.inputs

    def base(self, rows: int) -> Draws:
        """The study's first draws."""
        return draw(self.case, self.layout, self.layout.a[:rows])

    def moved(self, rows: int, values: Mapping[str, float]) -> Draws:
        """The study's first draws with some inputs held at a value."""
        start = self.base(rows)
        return Draws(start.size, {**start.columns, **{p: np.full(start.size, v) for p, v in values.items()}})

    def other(self, rows: int) -> Draws:
        """Draws that share nothing with the study's."""
        return draw(self.case, self.layout, self.layout.b[:rows])

    def anew(self, rows: int, paths: Sequence[str]) -> Draws:
        """The study's first draws with some inputs drawn anew."""
        again = np.isin([i.path for i in self.inputs], list(paths))
        return draw(self.case, self.layout, np.where(again, self.layout.b[:rows], self.layout.a[:rows]))

    def unsourced(self, rows: int, source: str) -> Draws:
        """The study's first draws as if one source had never been read.

        An input that no other source carries is drawn as an assumption without a stated spread is: widely, about its
        median.
        """
        start = self.base(rows)
        columns = dict(start.columns)
        for k, entry in enumerate(self.inputs):
            if entry.sources == (source,):
                quantity = entry.quantity
                wide = type(quantity)(value=quantity.median, assumed="its source is left out")
                columns[entry.path] = np.asarray(wide.ppf(self.layout.a[:rows, k]), dtype=float)
        return Draws(start.size, columns)

    def at(self, points: Array) -> Draws:
        """Draws at given points of the unit cube, shape (n, inputs)."""
        return draw(self.case, self.layout, points)

    def explore(
        self, variants: Sequence[Draws], report: Callable[[float], None] | None = None
    ) -> Iterator[Explored]:
        """Run variants of equal size, a chunk at a time."""
        if not variants:
            return
        rows = variants[0].size
        step = max(1, CHUNK // rows)
        start, shared = self._start(rows)
        # What leaves trade alone needs no new equilibrium, which is where the time goes.
        traded = [p for p in start.columns if p.startswith(TRADED)]
        same = [all(v[p] is start[p] or np.array_equal(v[p], start[p]) for p in traded) for v in variants]
        done = 0
        for alike in (True, False):
            numbers = [k for k, s in enumerate(same) if s == alike]
            for first in range(0, len(numbers), step):
                part = numbers[first : first + step]
                columns = {p: np.concatenate([variants[k][p] for k in part]) for p in start.columns}
                known = shared.repeated(len(part)) if alike and shared is not None else None
                yield Explored(self.run(Draws(rows * len(part), columns), known), tuple(part), rows)
                done += len(part)
                if report is not None:
                    report(done / len(variants))

    def _start(self, rows: int) -> tuple[Draws, TradeResults | None]:
        """The study's first draws and their trade equilibria, solved once."""
        if self._known is None or self._known[0].size != rows:
            start = self.base(rows)
            self._known = (start, self.trade(start))
        return self._known
