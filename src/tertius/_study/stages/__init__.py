"""Stages: the models that run on top of levers and displacement, one module each, in the order of the case's needs.

A stage is a module of this folder named like its group of findings. It has one function::

    def run(context: Context) -> Made: ...

It takes the draws, the raw results of trade and domains, and the groups of the stages before it, and returns its own
groups over **all** draws (dims without coordinates for ``draw``), with a mask of the draws in which every solver of
the stage reached its tolerance. A draw outside the mask is left out of every group of the findings, and counted. What
is no failure of a solver but a result – several equilibria, a cycle, a figure that the case does not state – belongs
in the groups, not in the mask.

To add one: its needs in :data:`tertius.case.asked.NEEDS`, its module here, its name in :data:`STAGES` and the stages
that it builds on in :data:`BUILDS_ON`, its variables in :mod:`tertius.claims.tables` and in ``docs/findings.md``, its
face in :mod:`tertius._brief.sections`. A stage runs in the main run and, where a claim goes back to it, again on fewer
draws in the evidence runs and in the rival structures that change anything that it reads, so it must be cheap: compiled
once (``tertius._study.compilation.in_blocks``), no loop over draws.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.simulate import Simulation
from tertius._study.stages._reuse import (
    SIMULATED,
    Ran,
    differences,
    watched,
    watched_draws,
    watched_structure,
)
from tertius._study.structures import Structure
from tertius._study.world import Figures
from tertius.case import Case, asked

__all__ = [
    "SIMULATED",
    "STAGES",
    "AllMade",
    "Context",
    "Made",
    "Ran",
    "behind",
    "differences",
    "run_stage",
    "run_stages",
    "watched_draws",
    "watched_structure",
]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

STAGES: tuple[str, ...] = (
    "regime",
    "rescue",
    "reputation",
    "price",
    "bargaining",
    "orientation",
    "investors",
    "outlook",
)
"""The stages that there are, by their group; they run in the order of :data:`tertius.case.asked.NEEDS`."""


BUILDS_ON: Mapping[str, tuple[str, ...]] = {
    "rescue": ("regime",),
    "reputation": ("rescue",),
    "price": ("regime", "rescue"),
    "outlook": ("rescue",),
}
"""Stages whose groups a stage reads, beside levers and displacement."""


@dataclass(frozen=True)
class Context:
    """What a stage may read.

    Attributes
    ----------
    case
        The case.
    figures
        Every figure as a vector over draws: ``figures("crisis.cost", case.crisis.cost)`` has shape (n,).
    structure
        How the world is modelled in this run.
    simulation
        Raw results of trade and domains, n draws, none left out.
    headline
        The case's first exit; None if it has none. Further exits are not there, since they run on fewer draws.
    groups
        Path to group of what has been computed: ``/levers``, ``/displacement`` and the stages before, n draws each.
    main
        Whether this is the main run, whose groups the findings show; what only a reader needs is left out elsewhere.
    read
        Group to what verdicts read of it, its variables and labels by name (``*`` for all labels), where a stage need
        make no more; None where it is to make everything.
    whole
        The context itself, where this one notes what is read of it; see :meth:`apart`.
    """

    case: Case
    figures: Figures
    structure: Structure
    simulation: Simulation
    headline: str | None
    groups: Mapping[str, xr.Dataset]
    main: bool = False
    read: Mapping[str, Collection[str]] | None = None
    whole: Context | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Number of draws, n."""
        return self.figures.draws.size

    def apart(self) -> Context:
        """The same for what only a reader needs, which no other run depends on: nothing read of it is noted."""
        return self.whole if self.whole is not None else self

    def reads(self, group: str, *names: str) -> bool:
        """Whether anybody reads one of these variables or labels of a group that this run makes."""
        return self.read is None or not set(names).isdisjoint(self.read.get(group, ()))


@dataclass(frozen=True)
class Made:
    """What a stage returns.

    Attributes
    ----------
    groups
        Path (``/regime``) to group; variables with the dim ``draw`` have all n draws, or the first of them, and no
        coordinate for it.
        Every variable has the attributes ``long_name`` and ``unit``.
    converged
        Shape (n,); None if nothing in the stage can fail to converge.
    residual
        Shape (n,): the largest residual of the stage's solvers; None if it has none.
    shown
        In the main run: gives the stage's group with what only a reader needs, which no other stage waits for. Told in
        which draws every stage converged: no other draw may be part of a mean.
    """

    groups: Mapping[str, xr.Dataset]
    converged: Mask | None = None
    residual: Array | None = field(default=None)
    shown: Callable[[Mask], xr.Dataset] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class AllMade(Made):
    """What all stages returned together.

    Attributes
    ----------
    ran
        Each stage with what it read, for runs that differ in little from this one.
    later
        Path to group with what only a reader needs, where it was put off.
    """

    ran: Mapping[str, Ran] = field(default_factory=dict)
    later: Mapping[str, Future[xr.Dataset]] = field(default_factory=dict)


def run_stages(
    context: Context,
    only: Collection[str] | None = None,
    *,
    known: Mapping[str, Ran] | None = None,
    moved: Collection[str] = (),
    aside: Callable[[Callable[[], xr.Dataset]], Future[xr.Dataset]] | None = None,
) -> AllMade:
    """Run every stage that the case asks for, or those of them that are named.

    Parameters
    ----------
    context
        What has been computed.
    only
        The stages to run; all if None.
    known
        Stages that ran on the same draws in a run that differs from this one in what ``moved`` names alone; those that
        read none of that are not run again.
    moved
        Tokens as in :class:`Ran`.
    aside
        Puts off what only a reader needs; made at once if None.

    Returns
    -------
    AllMade
        The groups of the context with those of all stages, and the draws in which all of them converged.
    """
    groups = dict(context.groups)
    converged = context.simulation.converged.copy()
    residual = context.simulation.residual.copy()
    ran: dict[str, Ran] = {}
    later: dict[str, Future[xr.Dataset]] = {}
    different = set(moved)
    for name in asked(context.case):
        if name not in STAGES or (only is not None and name not in only):
            continue
        before = None if known is None else known.get(name)
        if before is None or not before.read.isdisjoint(different):
            before = run_stage(name, replace(context, groups=groups))
            different.update(before.made.groups)
        ran[name], made = before, before.made
        groups |= made.groups
        if made.converged is not None:
            converged &= made.converged
        if made.residual is not None:
            residual = np.fmax(residual, made.residual)
    for name, stage in ran.items():
        if stage.made.shown is None:
            continue
        if aside is None:
            groups[f"/{name}"] = stage.made.shown(converged)
        else:
            later[f"/{name}"] = aside(partial(stage.made.shown, converged))
    return AllMade(groups, converged, residual, ran=ran, later=later)


def behind(groups: Collection[str]) -> frozenset[str]:
    """The stages that make some groups, and those that they build on."""
    found: set[str] = set()
    left = [name for name in groups if name in STAGES]
    while left:
        name = left.pop()
        found.add(name)
        left += BUILDS_ON.get(name, ())
    return frozenset(found)


def run_stage(name: str, context: Context) -> Ran:
    """Run one stage, on the groups that the context has, and note what it reads."""
    notes: set[str] = set()
    made: Made = importlib.import_module(f"{__name__}.{name}").run(watched(context, notes))
    return Ran(frozenset(notes), made)
