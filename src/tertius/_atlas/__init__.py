"""Questions about any country that need no case: who could cost it what, and what if a power left.

What the public data say of the world goes into the models here, and comes out as labelled arrays that a brief can show.
"""

from __future__ import annotations

from tertius._atlas.asking import Leaving, Question, ask, find_year
from tertius._atlas.balance import Span, ask_balance, balance
from tertius._atlas.levers import every_lever, levers_over
from tertius._atlas.what_if import what_if

__all__ = [
    "Leaving",
    "Question",
    "Span",
    "ask",
    "ask_balance",
    "balance",
    "every_lever",
    "find_year",
    "levers_over",
    "what_if",
]
