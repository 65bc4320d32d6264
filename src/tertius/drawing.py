"""A solved game drawn as a tree, with the probabilities on its branches.

    from tertius.drawing import game_tree
    from tertius.models.games import solve

    game_tree(game, solve(game, rationality=0.1)).save("game.svg")

In a notebook the last value of a cell shows itself.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tertius._brief import write_atomically
from tertius._brief.palette import colours
from tertius._brief.tree import Twig, tree
from tertius._brief.words import number, percent
from tertius.models.games import Game, Solution, branches

__all__ = ["Picture", "game_tree"]


@dataclass(frozen=True)
class Picture:
    """A drawing.

    Attributes
    ----------
    svg
        An SVG element.
    """

    svg: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file, whole or not at all.

        Raises
        ------
        BadInput
            If the folder does not exist.
        """
        return write_atomically(path, self.svg.encode())

    def _repr_svg_(self) -> str:
        return self.svg


def game_tree(game: Game, solution: Solution, *, decimals: int = 2) -> Picture:
    """Draw a solved game as an outline that grows downwards: a line for every node, under the move that leads there.

    Of a batch of draws the means are shown, with the 5th to 95th percentile of each branch's probability; draws without
    a solution are left out. A branch has the colour of the player who chooses it and is the thicker the likelier it
    is; beside an outcome stands what it pays.

    Parameters
    ----------
    game, solution
        The game, and what :func:`tertius.models.games.solve` found.
    decimals
        Of payoffs.
    """
    twigs = []
    for branch in branches(game, solution):
        chance, reach = (np.asarray(x, float).ravel() for x in (branch.probability, branch.reach))
        low, high = _spread(chance)
        paid = np.asarray(branch.worth, float).reshape(-1, len(game.players))
        note = ""
        if branch.kind == "outcome":
            payoffs = zip(game.players, (_mean(column) for column in paid.T), strict=True)
            note = ", ".join(f"{player} {number(value, decimals)}" for player, value in payoffs)
        label = branch.label if branch.parent >= 0 else (game.title or "The game")
        twigs.append(
            Twig(
                branch.parent, label, branch.player, branch.kind, _mean(chance), low, high, _mean(reach), note
            )
        )
    likeliest = max(
        (t for t in twigs if t.kind == "outcome"), key=lambda t: (not math.isnan(t.reach), t.reach)
    )
    description = f"The likeliest end: {likeliest.label} {percent(likeliest.reach)}"
    return Picture(
        tree(twigs, colours(game.players), title=game.title or "The game", description=description)
    )


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _spread(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 5th and the 95th percentile; ``NaN`` where they do not differ as they are written."""
    known = values[~np.isnan(values)]
    if not known.size:
        return math.nan, math.nan
    low, high = (float(x) for x in np.quantile(known, [0.05, 0.95]))
    return (low, high) if round(low, 3) != round(high, 3) else (math.nan, math.nan)
