"""Runs beside a study's own: with figures held, moved, drawn anew, or robbed of their source.

All variants of a question are stacked and sent through the models together, in the same draws of everything else, so
that what differs between two of them is what was changed and no noise.

Most variants move a figure or two, and most questions are about a claim that reads one model or two. What each part of
a run reads is written down when the study's first draws go through it: figures by path, and the parts before it. A
variant then runs no more than the parts that what it moves can reach and that what is asked for goes back to; all else
is as in the first draws.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.draws import Design, Draws, draw, redraw
from tertius._study.layout import kept_groups, raw_groups
from tertius._study.simulate import Simulation, simulate
from tertius._study.stages import STAGES, Context, Made, Ran, run_stage, watched_draws
from tertius._study.structures import BASE
from tertius._study.trade import TradeResults
from tertius._study.world import Figures
from tertius.case import Case, Input, asked

__all__ = ["Explored", "Explorer"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

CHUNK = 2048
"""Draws at most that go through the models together; some models take no more."""

FIRST = 1024
"""Draws at most of each variant."""

ALONE = "simulation"
"""The part of a run that every stage may build on: levers and what exits do."""

INPUTS = "/inputs"


@dataclass(frozen=True)
class Explored:
    """Findings of some variants.

    Attributes
    ----------
    tree
        Laid out like the findings, with the groups that were asked for; its draws are numbered within the chunk.
    variants
        The numbers of the variants that it holds.
    rows
        Draws of each: draw ``v * rows + r`` is draw r of the v-th of them.
    """

    tree: xr.DataTree
    variants: tuple[int, ...]
    rows: int


@dataclass(frozen=True)
class _Part:
    """A part of a run, in the study's first draws.

    Attributes
    ----------
    paths
        The inputs that it has read.
    parts
        The parts before it that it has read.
    groups
        What it has made, over all draws.
    converged
        Shape (n,).
    """

    paths: frozenset[str]
    parts: frozenset[str]
    groups: Mapping[str, xr.Dataset]
    converged: Mask


@dataclass(frozen=True)
class _First:
    """The study's first draws, run once."""

    draws: Draws
    trade: TradeResults | None
    parts: Mapping[str, _Part]

    def makes(self, path: str) -> str | None:
        """The part that makes a group; None if none does."""
        return next((name for name, part in self.parts.items() if path in part.groups), None)

    def behind(self, names: Iterable[str]) -> frozenset[str]:
        """These parts with all that they go back to."""
        found: set[str] = set()
        left = list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += self.parts[name].parts
        return frozenset(found)

    def reached(self, moved: Collection[str]) -> frozenset[str]:
        """The parts that come out otherwise when some inputs move."""
        found: set[str] = set()
        for name, part in self.parts.items():
            if not part.paths.isdisjoint(moved) or not part.parts.isdisjoint(found):
                found.add(name)
        return frozenset(found)


@dataclass(frozen=True)
class _Plan:
    """What has to run for some variants: which parts, whether trade equilibria, and whether nobody misses these."""

    trade: bool
    apart: bool
    parts: frozenset[str]


@dataclass
class Explorer:
    """What is needed to run a case again.

    Attributes
    ----------
    case, layout
        The case and the design of its study.
    headline, exits
        The exit that stands first, and all that anybody reads.
    table
        Makes the group ``/inputs`` of some draws.
    read
        What verdicts read of each group; see :class:`tertius._study.stages.Context`.
    """

    case: Case
    layout: Design
    headline: str | None
    exits: tuple[str, ...]
    table: Callable[[Draws, NDArray[np.int64]], xr.Dataset]
    read: Mapping[str, Collection[str]] | None = None
    _known: _First | None = field(default=None, init=False)

    def begin(
        self,
        draws: Draws,
        trade: TradeResults | None,
        groups: Mapping[str, xr.Dataset],
        converged: Mask,
        read: Collection[str],
        ran: Mapping[str, Ran],
    ) -> None:
        """Take over the study's first draws from a run that has been through them; else they are run when needed.

        Parameters
        ----------
        draws
            The first draws; if they are not as many as :attr:`wanted`, nothing is taken over.
        trade, groups, converged
            Levers and what exits do in these draws.
        read
            What has been read for that, the inputs among it.
        ran
            The stages.
        """
        if draws.size != self.wanted:
            return
        inputs = set(draws.columns)
        parts = {ALONE: _Part(frozenset(inputs & set(read)), frozenset(), groups, converged)}
        for name, stage in ran.items():
            parts[name] = _of_stage(stage, parts, inputs)
        self._known = _First(draws, trade, parts)

    @property
    def wanted(self) -> int:
        """How many of the study's first draws it starts from."""
        return min(FIRST, len(self.layout.a))

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The uncertain inputs."""
        return self.layout.inputs

    def base(self, rows: int) -> Draws:
        """The study's first draws, or as many of them as it keeps."""
        return self._first().draws.head(rows)

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

    def given(self, rows: int, paths: Collection[str]) -> Draws:
        """The study's first draws with all inputs but some drawn anew, as they are distributed given these."""
        held = np.isin([i.path for i in self.inputs], list(paths))
        return redraw(self.case, self.layout, rows, held)

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

    def behind(self, groups: Collection[str]) -> frozenset[str]:
        """Paths of the inputs that some groups go back to; all if inputs themselves are read."""
        first = self._first()
        if INPUTS in groups:
            return frozenset(first.draws.columns)
        names = first.behind(name for name in map(first.makes, groups) if name is not None)
        return frozenset().union(*(first.parts[name].paths for name in names))

    def explore(
        self,
        variants: Sequence[Draws],
        report: Callable[[float], None] | None = None,
        wanted: Sequence[Collection[str]] | None = None,
        apart: Sequence[bool] | None = None,
    ) -> Iterator[Explored]:
        """Run variants of equal size, a chunk at a time.

        Parameters
        ----------
        variants
            Their draws.
        report
            Told the fraction done.
        wanted
            For each variant, paths of the groups that somebody reads; all if None.
        apart
            For each variant, whether nobody reads anything of it that hangs on trade equilibria; False if None. Where
            they would have to be solved again, they are then missing, with all that does hang on them.
        """
        if not variants:
            return
        rows = variants[0].size
        first = self._first()
        every = frozenset({INPUTS, *(path for part in first.parts.values() for path in part.groups)})
        asked_for = [every] * len(variants) if wanted is None else [every & frozenset(w) for w in wanted]
        plans: dict[_Plan, list[int]] = {}
        left = [False] * len(variants) if apart is None else apart
        for k, (variant, groups, alone) in enumerate(zip(variants, asked_for, left, strict=True)):
            plans.setdefault(self._plan(variant, groups, alone), []).append(k)
        step = max(1, CHUNK // rows)
        done = 0
        for plan, numbers in plans.items():
            for start in range(0, len(numbers), step):
                chunk = numbers[start : start + step]
                groups = frozenset().union(*(asked_for[k] for k in chunk))
                yield Explored(self._run([variants[k] for k in chunk], plan, groups), tuple(chunk), rows)
                done += len(chunk)
                if report is not None:
                    report(done / len(variants))

    # -- what has to run -----------------------------------------------------------------------

    def _first(self) -> _First:
        """The study's first draws, with what each part of the run read of them."""
        if self._known is None:
            start = draw(self.case, self.layout, self.layout.a[: self.wanted])
            read: set[str] = set()
            made = simulate(self.case, watched_draws(start, read), BASE, only=self.exits, retry=False)
            groups: dict[str, xr.Dataset] = raw_groups(self.case, made, self.headline)
            parts = {ALONE: _Part(frozenset(read), frozenset(), dict(groups), made.converged)}
            for name in asked(self.case):
                if name not in STAGES:
                    continue
                ran = run_stage(name, self._context(start, made, groups))
                parts[name] = _of_stage(ran, parts, set(start.columns))
                groups |= ran.made.groups
            self._known = _First(start, made.trade, parts)
        return self._known

    def _context(self, draws: Draws, simulation: Simulation, groups: Mapping[str, xr.Dataset]) -> Context:
        return Context(self.case, Figures(draws), BASE, simulation, self.headline, groups, read=self.read)

    def _plan(self, variant: Draws, groups: Collection[str], apart: bool) -> _Plan:
        first = self._first()
        start = first.draws.head(variant.size)
        moved = {p for p, x in start.columns.items() if not np.array_equal(variant[p], x)}
        made_by = {first.makes(path) for path in groups} - {None}
        run = first.behind(name for name in made_by if name is not None) & first.reached(moved)
        # What leaves trade alone needs no new equilibrium, which is where the time goes.
        solve = first.trade is not None and variant.size > 0 and any(map(_traded, moved))
        if any(ALONE in first.parts[name].parts for name in run):
            # Its arrays are not kept, but cost next to nothing without trade.
            run |= {ALONE}
        solve = solve and ALONE in run
        return _Plan(solve and not apart, solve and apart, run)

    def _run(self, variants: Sequence[Draws], plan: _Plan, wanted: frozenset[str]) -> xr.DataTree:
        """Run what a plan says on some variants, and take the rest from the first draws."""
        first, rows, times = self._first(), variants[0].size, len(variants)
        draws = Draws(
            rows * times, {p: np.concatenate([v[p] for v in variants]) for p in first.draws.columns}
        )
        again = np.tile(np.arange(rows), times)
        groups: Mapping[str, xr.Dataset] = _Lazily(
            {path: group for part in first.parts.values() for path, group in part.groups.items()}, again
        )
        made_by = {first.makes(path) for path in wanted} - {None}
        needed = first.behind(name for name in made_by if name is not None)
        converged = np.ones(draws.size, dtype=bool)
        simulation: Simulation | None = None
        for name, part in first.parts.items():
            if name not in plan.parts:
                if name in needed:
                    converged &= part.converged[again]
                continue
            if name == ALONE:
                trade = None
                if first.trade is not None and not plan.trade:
                    trade = first.trade.head(rows).repeated(times)
                    trade = trade.missing() if plan.apart else trade
                simulation = simulate(self.case, draws, BASE, only=self.exits, trade=trade, retry=False)
                found = Made(raw_groups(self.case, simulation, self.headline), simulation.converged)
            else:
                # A stage that reads nothing of the simulation has none to read.
                found = run_stage(name, self._context(draws, cast("Simulation", simulation), groups)).made
            groups = cast("_Lazily", groups).with_(found.groups)
            if found.converged is not None:
                converged &= found.converged
        kept = np.flatnonzero(converged)
        tree = kept_groups({path: groups[path] for path in sorted(wanted - {INPUTS})}, converged)
        if INPUTS in wanted:
            tree[INPUTS] = self.table(draws, kept)
        return xr.DataTree.from_dict({"/": xr.Dataset(), **tree})


def _of_stage(ran: Ran, before: Mapping[str, _Part], inputs: set[str]) -> _Part:
    """A stage that has run after these parts."""
    parts = frozenset(n for n, part in before.items() if not ran.read.isdisjoint({n, *part.groups}))
    groups = ran.made.groups
    fine = ran.made.converged
    if fine is None:
        fine = np.ones(next(iter(before.values())).converged.shape, dtype=bool)
    return _Part(ran.read & inputs, parts, groups, fine)


def _traded(path: str) -> bool:
    """Whether the trade equilibria may read an input."""
    return path.startswith(("trade.", "exits.")) or (path.startswith("concessions.") and ".answers." in path)


class _Lazily(Mapping[str, "xr.Dataset"]):
    """Groups of the first draws, repeated once somebody asks for one, beside those that were made anew."""

    def __init__(
        self,
        inner: Mapping[str, xr.Dataset],
        rows: NDArray[np.int64],
        made: Mapping[str, xr.Dataset] | None = None,
    ) -> None:
        self.inner, self.rows = inner, rows
        self.made: dict[str, xr.Dataset] = dict(made or {})

    def with_(self, further: Mapping[str, xr.Dataset]) -> _Lazily:
        """These with some that were made anew."""
        self.made |= further
        return self

    def __getitem__(self, key: str) -> xr.Dataset:
        if key not in self.made:
            group = self.inner[key]
            self.made[key] = group.isel(draw=self.rows) if "draw" in group.dims else group
        return self.made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)
