"""Which inputs, moved least, turn a comparison round: predicted from the draws, and checked by running again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tertius._study.compilation import BLOCK
from tertius._study.points import ranks
from tertius._study.stages import Context
from tertius._study.stages._conditions import directly_read, head, held
from tertius.case import Input

__all__ = ["turns"]

Array = NDArray[np.float64]

FURTHEST = 3.0
"""How far an input is moved at most, in standard deviations of its normal score."""

TRIED = 3
"""Inputs whose own move is looked for by running the models again."""

ROUNDS = 5

CLEAR = 0.53
"""A comparison counts as turned where its probability lies this far beyond one half, so that other draws agree."""

ENOUGH = 0.55
"""Turned by no more than this, a comparison is just turned, and no smaller move is looked for."""


def turns(context: Context, margin: Array, again: Callable[[Context], Array]) -> dict[str, Any]:
    """Find the smallest moves of one input, and of two together, that turn a comparison.

    Parameters
    ----------
    context
        Of the main run.
    margin
        Shape (n,): positive where the comparison holds, per draw.
    again
        Runs the models on other draws and gives the margin there.

    Returns
    -------
    dict
        Nothing where the comparison is not known; else ``before``, the probability on the draws used, and ``moves``:
        the nearest of one input, if there is any, and the nearest of two, each with its ``distance`` in standard
        deviations of normal scores, the probability ``after``, and ``inputs``, with ``path``, ``kind``, ``unit``, the
        ``value`` at which the input is held in every draw instead of its ``central`` one, and its ``move``.
    """
    small = head(context, min(BLOCK, context.size))
    before = _chance(again(small))
    if np.isnan(before):
        return {}
    strengths = _strengths(context, margin)
    if before == 0.5 or not strengths:
        return {"before": before, "moves": []}
    level = -_probit(before)
    pull = {found.path: r for found, r in strengths}
    inputs = {found.path: found for found, _ in strengths}

    def search(paths: tuple[str, ...]) -> dict[str, Any] | None:
        # Along the direction in which the comparison falls fastest, were all of it normal and linear.
        size = sum(pull[p] ** 2 for p in paths)
        direction = {p: level * pull[p] / size for p in paths}
        return _along(direction, inputs, before, lambda fixed: _chance(again(held(small, fixed))))

    alone = [found for found in (search((path,)) for path in list(pull)[:TRIED]) if found is not None]
    moves = [min(alone, key=lambda m: float(m["distance"]))] if alone else []
    if len(pull) > 1:
        both = search((*list(pull)[:2],))
        moves += [both] if both is not None else []
    return {"before": before, "moves": moves}


def _along(
    direction: Mapping[str, float],
    inputs: Mapping[str, Input],
    before: float,
    chance: Callable[[Mapping[str, float]], float],
) -> dict[str, Any] | None:
    """Move along a direction until the comparison is just turned; None where it is not."""
    side = 1.0 if before > 0.5 else -1.0
    limit = FURTHEST / max(abs(x) for x in direction.values())
    step, best = min(1.0, limit), None
    start = _probit(before)
    goal = -side * float(ndtri(CLEAR + 0.01))
    near, far = (0.0, start), None
    for _ in range(ROUNDS):
        scores = {path: step * x for path, x in direction.items()}
        values = {
            p: float(np.asarray(inputs[p].quantity.ppf(np.array([ndtr(x)])))[0]) for p, x in scores.items()
        }
        after = chance(values)
        if np.isnan(after):
            break
        here = _probit(after)
        if side * (0.5 - after) >= CLEAR - 0.5:
            best, far = (step, scores, values, after), (step, here)
            if side * (0.5 - after) <= ENOUGH - 0.5:
                break
        elif step >= limit or side * (here - start) >= 0:
            break
        else:
            near = step, here
        # Along the probit, which is a straight line where the margin is normal and linear in the input.
        (less, above), (more, below) = ((0.0, start), near) if far is None else (near, far)
        step = min(less + (more - less) * (goal - above) / (below - above), limit)
    if best is None:
        return None
    _, scores, values, after = best
    return {
        "distance": float(np.sqrt(sum(x**2 for x in scores.values()))),
        "after": after,
        "inputs": [
            {
                "path": path,
                "kind": inputs[path].kind,
                "unit": inputs[path].unit,
                "value": values[path],
                "central": float(inputs[path].quantity.median),
                "move": scores[path],
            }
            for path in direction
        ],
    }


def _probit(chance: float) -> float:
    return float(ndtri(np.clip(chance, 1e-4, 1 - 1e-4)))


def _chance(margin: Array) -> float:
    known = margin[~np.isnan(margin)]
    return float((known > 0).mean()) if known.size else float("nan")


def _strengths(context: Context, margin: Array) -> list[tuple[Input, float]]:
    """The inputs that a margin answers to, most first, with the correlation of normal scores."""
    known = ~np.isnan(margin)
    if known.sum() < 16:
        return []
    y = ndtri((ranks(margin[known]) - 0.5) / known.sum())
    if np.ptp(y) == 0:
        return []
    found = []
    for candidate in context.case.inputs():
        if not directly_read(candidate):
            continue
        x = context.figures.draws[candidate.path][known]
        if np.ptp(x) == 0:
            continue
        r = float(np.corrcoef(ndtri((ranks(x) - 0.5) / x.size), y)[0, 1])
        # What is within the noise of so many draws is no candidate.
        if abs(r) > 3 / np.sqrt(x.size):
            found.append((candidate, r))
    return sorted(found, key=lambda item: -abs(item[1]))
