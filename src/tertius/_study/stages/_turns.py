"""Which inputs, moved least, turn a comparison round: predicted from the draws, and checked by running again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from tertius._study.compilation import BLOCK
from tertius._study.stages import Context
from tertius._study.stages._conditions import _direct, _head, _held

__all__ = ["turns"]

Array = NDArray[np.float64]

FURTHEST = 3.0
"""How far an input is moved at most, in standard deviations of its normal score."""

TRIED = 6
"""Inputs whose move is looked for by running the models again."""

ROUNDS = 4

CLEAR = 0.53
"""A comparison counts as turned where its probability lies this far beyond one half, so that other draws agree."""


def turns(
    context: Context, margin: Array, again: Callable[[Context], Array], most: int = 2
) -> dict[str, Any]:
    """Find the inputs that would turn a comparison with the smallest moves of one alone.

    Parameters
    ----------
    context
        Of the main run.
    margin
        Shape (n,): positive where the comparison holds, per draw.
    again
        Runs the models on other draws and gives the margin there.
    most
        Moves to report.

    Returns
    -------
    dict
        Nothing where the comparison is not known; else ``before``, the probability on the draws used, and ``moves``,
        nearest first: the ``path``, ``kind`` and ``unit`` of the input, the ``value`` it is held at instead of its
        ``central`` one, its ``move`` in standard deviations of its normal score, and the probability ``after``, with
        the input held there in every draw.
    """
    small = _head(context, min(BLOCK, context.size))
    before = _chance(again(small))
    if np.isnan(before):
        return {}
    if before == 0.5:
        return {"before": before, "moves": []}
    found = []
    for path, quantity, guess in _guesses(context, margin):
        score, after = guess, float("nan")
        side = np.sign(before - 0.5)
        best: tuple[float, float, float] | None = None
        for _ in range(ROUNDS):
            value = float(np.asarray(quantity.quantity.ppf(np.array([ndtr(score)])))[0])
            after = _chance(again(_held(small, {path: value})))
            if side * (0.5 - after) >= CLEAR - 0.5 and (best is None or abs(score) < abs(best[0])):
                best = (score, value, after)
            # Along the probit, which is a straight line where the margin is normal and linear in the input.
            start, here = ndtri(np.clip([before, after], 1e-4, 1 - 1e-4))
            target = -side * ndtri(CLEAR + 0.01)
            if (here - start) * side >= 0:
                break
            score = float(np.clip(score * (target - start) / (here - start), -FURTHEST, FURTHEST))
        if best is not None:
            found.append(
                {
                    "path": path,
                    "kind": quantity.kind,
                    "unit": quantity.unit,
                    "move": best[0],
                    "value": best[1],
                    "central": float(quantity.quantity.median),
                    "after": best[2],
                }
            )
    found.sort(key=lambda move: abs(float(str(move["move"]))))
    return {"before": before, "moves": found[:most]}


def _chance(margin: Array) -> float:
    known = margin[~np.isnan(margin)]
    return float((known > 0).mean()) if known.size else float("nan")


def _guesses(context: Context, margin: Array) -> list[tuple[str, Any, float]]:
    """Inputs with the move that would turn the comparison were all of it normal and linear, nearest first."""
    known = ~np.isnan(margin)
    if known.sum() < 16:
        return []
    y = ndtri((rankdata(margin[known]) - 0.5) / known.sum())
    level = -float(ndtri(np.clip((margin[known] > 0).mean(), 1e-4, 1 - 1e-4)))
    found = []
    for candidate in context.case.inputs():
        if not _direct(candidate):
            continue
        x = context.figures.draws[candidate.path][known]
        if np.ptp(x) == 0:
            continue
        r = float(np.corrcoef(ndtri((rankdata(x) - 0.5) / x.size), y)[0, 1])
        # What is within the noise of so many draws is no candidate.
        if abs(r) > 3 / np.sqrt(x.size):
            found.append((candidate.path, candidate, float(np.clip(level / r, -FURTHEST, FURTHEST))))
    found.sort(key=lambda guess: abs(guess[2]))
    return found[:TRIED]
