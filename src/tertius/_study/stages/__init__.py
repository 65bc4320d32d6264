"""Stages: the models that run on top of levers and displacement, one module each, in the order of the case's needs.

A stage is a module of this folder named like its group of findings. It has one function::

    def run(context: Context) -> Made: ...

It takes the draws, the raw results of trade and domains, and the groups of the stages before it, and returns its own
groups over **all** draws (dims without coordinates for ``draw``), with a mask of the draws in which every solver of
the stage reached its tolerance. A draw outside the mask is left out of every group of the findings, and counted. What
is no failure of a solver but a result – several equilibria, a cycle, a figure that the case does not state – belongs
in the groups, not in the mask.

To add one: its needs in :data:`tertius.case.asked.NEEDS`, its module here and its name in :data:`STAGES`, its
variables in :mod:`tertius.claims.tables` and in ``docs/findings.md``, its face in :mod:`tertius._brief.sections`.
A stage runs in the main run and again in every rival structure and evidence run on fewer draws, so it must be cheap:
compiled once (``tertius._study.compilation.in_blocks``), no loop over draws.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.simulate import Simulation
from tertius._study.structures import Structure
from tertius._study.world import Figures
from tertius.case import Case, asked

__all__ = ["STAGES", "Context", "Made", "run_stage", "run_stages"]

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
    """

    case: Case
    figures: Figures
    structure: Structure
    simulation: Simulation
    headline: str | None
    groups: Mapping[str, xr.Dataset]
    main: bool = False

    @property
    def size(self) -> int:
        """Number of draws, n."""
        return self.figures.draws.size


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
    """

    groups: Mapping[str, xr.Dataset]
    converged: Mask | None = None
    residual: Array | None = field(default=None)


def run_stages(context: Context, only: Collection[str] | None = None) -> Made:
    """Run every stage that the case asks for, or those of them that are named.

    Returns
    -------
    Made
        The groups of the context with those of all stages, and the draws in which all of them converged.
    """
    groups = dict(context.groups)
    converged = context.simulation.converged.copy()
    residual = context.simulation.residual.copy()
    for name in asked(context.case):
        if name not in STAGES or (only is not None and name not in only):
            continue
        made = run_stage(name, replace(context, groups=groups))
        groups |= made.groups
        if made.converged is not None:
            converged &= made.converged
        if made.residual is not None:
            residual = np.fmax(residual, made.residual)
    return Made(groups, converged, residual)


def run_stage(name: str, context: Context) -> Made:
    """Run one stage, on the groups that the context has."""
    made: Made = importlib.import_module(f"{__name__}.{name}").run(context)
    return made
