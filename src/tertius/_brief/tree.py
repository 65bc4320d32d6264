"""A game tree with the probabilities on its branches, as SVG.

A tree that spreads sideways cannot be read on a phone, so this one grows downwards like the outline of a
document: a line for every node, indented under the move that leads to it. The branch has the colour of the power that
chooses it and is the thicker the likelier it is; the node has the colour of the power that moves there. Whoever is
not a power, and chance, is grey; every name is also written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

from tertius._brief.palette import NEUTRAL
from tertius._brief.svg import FONT, INK, SOFT, text, wrapped
from tertius._brief.words import percent

__all__ = ["Twig", "tree"]

WIDTH = 412
_INDENT = 20
_FIRST = 12
_RIGHT = 92  # what the probabilities at the right need
_BOLD, _PLAIN = 13, 11.5
_LINE = 15
_PAD = 9
_DEEPEST = 8  # beyond this the indentation stops growing


class Twig(NamedTuple):
    """A node of the tree with the branch that leads to it."""

    parent: int
    """Number of the node above, counted from zero; −1 at the root. Parents come before their children."""
    label: str
    """The action or event that leads here; at the root, the name of the game."""
    player: str
    """Who moves here; empty at chance moves and outcomes."""
    kind: Literal["decision", "chance", "outcome"]
    """What kind of node."""
    probability: float
    """Of this branch, once the node above is reached; NaN = missing."""
    low: float = math.nan
    """Lower end of its interval; NaN = none is shown."""
    high: float = math.nan
    """Upper end of its interval."""
    reach: float = math.nan
    """Probability of coming here at all; NaN = not shown."""
    note: str = ""
    """What else is to be said of the node."""


def _mark(kind: str, x: float, y: float, colour: str) -> str:
    if kind == "decision":
        return f'<circle cx="{x:g}" cy="{y:g}" r="5.5" fill="{colour}"/>'
    if kind == "chance":
        points = f"{x:g},{y - 6:g} {x + 6:g},{y:g} {x:g},{y + 6:g} {x - 6:g},{y:g}"
        return f'<polygon points="{points}" fill="#fff" stroke="{colour}" stroke-width="1.8"/>'
    return f'<rect x="{x - 1.5:g}" y="{y - 6:g}" width="3" height="12" fill="{colour}"/>'


def tree(
    twigs: Sequence[Twig],
    colours: Mapping[str, str],
    *,
    names: Mapping[str, str] | None = None,
    key: str = "game",
    title: str = "",
    description: str = "",
) -> str:
    """Draw a game tree.

    Parameters
    ----------
    twigs
        The nodes, parents before their children.
    colours
        The colour of each power, by its id; who is not in it is grey.
    names
        What each player is called, by its id; by default its id.
    key
        Prefix of the drawing's ids, so that several may share a page.
    title, description
        For those who do not see the drawing.

    Returns
    -------
    str
        An SVG element.
    """
    called = names or {}
    depth: list[int] = []
    at: list[float] = []
    branches: list[str] = []
    writing: list[str] = []
    y = float(_PAD)
    for twig in twigs:
        level = depth[twig.parent] + 1 if twig.parent >= 0 else 0
        depth.append(level)
        x = _FIRST + _INDENT * min(level, _DEEPEST)
        left, room = x + 12, WIDTH - _RIGHT - x - 14
        heads = wrapped(twig.label, _BOLD * 1.04, room)
        if twig.kind == "decision":
            below = f"{called.get(twig.player, twig.player)} moves"
        else:
            below = "chance" if twig.kind == "chance" else ""
        small = ", ".join(part for part in (below, twig.note) if part)
        notes = wrapped(small, _PLAIN, room) if small else []
        middle = y + _LINE - 4
        at.append(middle)
        mover = twigs[twig.parent].player if twig.parent >= 0 else ""
        if twig.parent >= 0:
            from_x = _FIRST + _INDENT * min(depth[twig.parent], _DEEPEST)
            known = not math.isnan(twig.probability)
            thick = 1 + 5 * min(max(twig.probability, 0.0), 1.0) if known else 1.5
            dash = "" if known else ' stroke-dasharray="3 3"'
            if from_x == x:
                from_x -= _INDENT
            branches.append(
                f'<path d="M{from_x:g} {at[twig.parent]:g}V{middle:g}H{x:g}" fill="none" '
                f'stroke="{colours.get(mover, NEUTRAL)}" stroke-width="{thick:.3g}"{dash} stroke-linejoin="round"/>'
            )
        writing.append(_mark(twig.kind, x, middle, colours.get(twig.player, NEUTRAL)))
        writing += [
            text(left, y + _LINE * (i + 1), line, _BOLD, INK, bold=True) for i, line in enumerate(heads)
        ]
        writing += [
            text(left, y + _LINE * (len(heads) + i + 1) - 1, line, _PLAIN, SOFT)
            for i, line in enumerate(notes)
        ]
        right = 0
        if twig.parent >= 0:
            writing.append(
                text(WIDTH - 2, y + _LINE, percent(twig.probability), _BOLD, INK, bold=True, end=True)
            )
            told = []
            if not (math.isnan(twig.low) or math.isnan(twig.high)):
                told.append(f"{percent(twig.low)} to {percent(twig.high)}")
            if not math.isnan(twig.reach):
                told.append(f"overall {percent(twig.reach)}")
            writing += [
                text(WIDTH - 2, y + _LINE * (i + 2) - 1, line, _PLAIN, SOFT, end=True)
                for i, line in enumerate(told)
            ]
            right = 1 + len(told)
        y += _LINE * max(len(heads) + len(notes), right) + _PAD
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{key}-t {key}-d" '
        f'viewBox="0 0 {WIDTH} {y:g}" width="{WIDTH}" height="{y:g}" font-family="{FONT}">'
        f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(description)}</desc>'
        f"{''.join(reversed(branches))}{''.join(writing)}</svg>"
    )
