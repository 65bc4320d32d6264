"""What would have to be true for the price to be high: inputs moved to their ends, and the models run again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.compilation import BLOCK
from tertius._study.draws import Draws
from tertius._study.points import ranks
from tertius._study.simulate import Answered
from tertius._study.stages import Context
from tertius._study.world import Figures
from tertius.case import Input

__all__ = ["conditions", "directly_read", "head", "held"]

Array = NDArray[np.float64]

SECTIONS = ("powers", "crisis", "rescue", "concessions", "observers", "history", "treaties")
"""Inputs that the models of the crisis and of the price read directly; the others act through equilibria of trade and
domains, which are not solved again."""

INDIRECT = (".degree", "rescue.new_ties.")
LEVEL = 0.90
"""How far an input is moved: to the end of its central interval of this probability."""

MOST = 10
"""Inputs moved at most."""

ENOUGH = 0.5


def conditions(
    context: Context, target: Array, again: Callable[[Context, Collection[str]], Array]
) -> dict[str, Any]:
    """Move the inputs that the target answers to most to the ends that raise it, one by one and then together.

    Parameters
    ----------
    context
        Of the main run.
    target
        Shape (n,): what should be high, per draw.
    again
        Runs the models with the inputs of these paths held, and gives the target there; called with none first.

    Returns
    -------
    dict
        ``base``, the mean of the target on the draws used, and ``steps``: for each input moved, in order, its
        ``path``, the ``value`` it is held at, ``words``, the mean with it ``alone`` and with all so far
        ``together``. Every mean comes from running the models again with the input held there in every draw.
    """
    small = head(context, min(BLOCK, context.size))
    base = float(np.nanmean(again(small, ())))
    candidates = [i for i in context.case.inputs() if directly_read(i)]
    ranked = _ranked(context, candidates, target)[:MOST]
    alone = []
    for found, sign in ranked:
        end = found.quantity.ppf(np.array([0.5 + sign * LEVEL / 2]))
        value = float(np.asarray(end)[0])
        alone.append(
            (found, sign, value, float(np.nanmean(again(held(small, {found.path: value}), (found.path,)))))
        )
    alone.sort(key=lambda item: -item[3])
    steps: list[dict[str, Any]] = []
    so_far: dict[str, float] = {}
    for found, sign, value, by_itself in alone:
        if by_itself <= base:
            continue
        so_far[found.path] = value
        together = float(np.nanmean(again(held(small, so_far), so_far))) if len(so_far) > 1 else by_itself
        steps.append(
            {
                "path": found.path,
                "value": value,
                "unit": found.unit,
                "direction": "above" if sign > 0 else "below",
                "kind": found.kind,
                "alone": by_itself,
                "together": together,
            }
        )
        if together > ENOUGH:
            break
    return {"base": base, "draws": small.size, "level": LEVEL, "steps": steps}


def directly_read(found: Input) -> bool:
    """Whether an input is uncertain, and read by the models of the crisis and the price themselves."""
    if found.exact or found.path.partition(".")[0] not in SECTIONS:
        return False
    return not any(part in found.path for part in INDIRECT)


def _ranked(context: Context, candidates: list[Input], target: Array) -> list[tuple[Input, int]]:
    """The inputs that the target moves with, most first, with the sign; by rank correlation over all draws."""
    known = ~np.isnan(target)
    if not candidates or known.sum() < 2 or np.ptp(target[known]) == 0:
        return []
    y = ranks(target[known])
    found = []
    for candidate in candidates:
        x = context.figures.draws[candidate.path][known]
        if np.ptp(x) == 0:
            continue
        r = float(np.corrcoef(ranks(x), y)[0, 1])
        found.append((abs(r), candidate, 1 if r > 0 else -1))
    found.sort(key=lambda item: -item[0])
    # What is within the noise of so many draws is no candidate.
    return [(candidate, sign) for r, candidate, sign in found if r > 3 / np.sqrt(known.sum())]


def head(context: Context, rows: int) -> Context:
    """The same on the first draws."""
    whole = context.simulation
    some = replace(
        whole,
        trade=None if whole.trade is None else whole.trade.head(rows),
        answers={k: Answered(a.loss[:rows], a.others[:rows]) for k, a in whole.answers.items()},
        renewed={k: x[:rows] for k, x in whole.renewed.items()},
        converged=whole.converged[:rows],
        residual=whole.residual[:rows],
    )
    groups: Mapping[str, xr.Dataset] = {
        path: group.isel(draw=slice(0, rows)) if "draw" in group.dims else group
        for path, group in context.groups.items()
    }
    figures = Figures(context.figures.draws.head(rows))
    return replace(context, figures=figures, simulation=some, groups=groups, main=False)


def held(context: Context, values: Mapping[str, float]) -> Context:
    """The same with some inputs at one value in every draw."""
    draws = context.figures.draws
    columns = {**draws.columns, **{path: np.full(draws.size, value) for path, value in values.items()}}
    return replace(context, figures=Figures(Draws(draws.size, columns)))
