"""Whether a claim is asserted by its own inputs: pairs of draws that have these in common and nothing else.

A case can say of a claim which inputs u assert it by themselves. What its margin Y owes to all others together is
their total index,

    T = E Var[Y | X_u] / Var Y = E (Y − Y′)² / (2 Var Y),

where Y′ comes of a run with the same X_u and everything else drawn anew (Jansen 1999). A margin that nothing else
reaches is the same in every pair, so that T is nought in any number of pairs, and the smaller T the smaller its error.
Few pairs are run at first, more where these leave it open; if the study has no more draws, that is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tertius._study.explorer import Explorer
from tertius._study.indices import closed_index
from tertius.claims.catalogue import Catalogue, Selection, from_findings, select
from tertius.claims.evaluation import Outcome, Readings, evaluate
from tertius.claims.language import ClaimError, references
from tertius.claims.shapes import checked

__all__ = [
    "ANSWERS",
    "Answer",
    "Asked",
    "answers_to_others",
    "apart_from_trade",
    "groups_read",
    "owed_to_others",
    "settled",
]

Array = NDArray[np.float64]

ANSWERS = 0.01
"""Total index from which a margin is said to answer to inputs."""

PAIRS = (128, 512, 1024)
"""Pairs that are run, as long as fewer leave it open."""

FEW_MOVED = 16
"""Below so many pairs that differ, the spread of the differences says little of the error."""


@dataclass(frozen=True)
class Answer:
    """What a claim owes to inputs that do not assert it.

    Attributes
    ----------
    share
        Total index of all others together; ``NaN`` if it could not be estimated.
    low, high
        It lies between these, at two standard errors either way.
    pairs
        From so many pairs of draws.
    """

    share: float
    low: float
    high: float
    pairs: int

    @property
    def to_others(self) -> bool | None:
        """Whether the claim answers to others; None if the pairs leave that open."""
        if self.low >= ANSWERS:
            return True
        return False if self.high < ANSWERS else None

    @property
    def asserted(self) -> bool:
        """Whether nothing but its own inputs answers for the claim, as far as the pairs tell."""
        return self.to_others is False or (self.to_others is None and self.share < 1e-12)


UNKNOWN = Answer(float("nan"), float("-inf"), float("inf"), 0)


@dataclass(frozen=True)
class Asked:
    """A claim about which that is asked.

    Attributes
    ----------
    text
        Its expression.
    asserts
        Paths of the inputs that assert it.
    outcome
        The claim in the study's draws.
    """

    text: str
    asserts: tuple[str, ...]
    outcome: Outcome


def owed_to_others(margin: Array, again: Array) -> Answer:
    """Estimate the total index of the others from a margin and itself with the others drawn anew.

    Parameters
    ----------
    margin, again
        Shape (n,); missing where not computed. Where either is infinite anywhere, whether the claim holds stands in
        for both: such a margin has no variance.
    """
    known = ~(np.isnan(margin) | np.isnan(again))
    y = np.stack([margin[known], again[known]], axis=-1)
    n = len(y)
    if n < 2:
        return UNKNOWN
    if np.isinf(y).any():
        y = (y > 0).astype(float)
    closed = closed_index(y[:, :1], y[:, 1:])
    if np.isnan(closed.value[0]):
        return UNKNOWN
    share, error = 1 - float(closed.value[0]), float(closed.error[0])
    # A pair that moves as if unrelated adds 1/n; where few do, up to three may only not have been met (in all but one
    # sample of twenty, if none was).
    moved = np.count_nonzero(abs(y[:, 0] - y[:, 1]) > 1e-9 * y.std())
    unseen = 0.0 if moved >= FEW_MOVED else 3 / n
    return Answer(share, share - 2 * error, share + 2 * error + unseen, n)


def settled(margin: Array, again: Array) -> Answer:
    """Take as many of the pairs as :func:`answers_to_others` would run."""
    found = UNKNOWN
    for rows in sorted({min(most, len(margin)) for most in PAIRS}):
        found = owed_to_others(margin[:rows], again[:rows])
        if found.to_others is not None:
            break
    return found


def answers_to_others(
    explorer: Explorer,
    claims: Sequence[Asked],
    draws: NDArray[np.int64],
    catalogue: Catalogue,
    exact: Mapping[str, float],
) -> list[Answer]:
    """Find what each claim owes to inputs that do not assert it.

    Parameters
    ----------
    explorer
        Runs the case again.
    claims
        The claims, with their margins in the study.
    draws
        Numbers of the draws to which these margins belong.
    catalogue
        What the study's findings hold.
    exact
        Values of the inputs that are not drawn.

    Returns
    -------
    list of Answer
        One for each claim.
    """
    found = [UNKNOWN] * len(claims)
    open_ = list(range(len(claims)))
    for rows in sorted({min(most, len(explorer.layout.a)) for most in PAIRS}):
        if not open_:
            break
        first = draws < rows
        for k, again in zip(
            open_, _again(explorer, [claims[k] for k in open_], rows, catalogue, exact), strict=True
        ):
            outcome = claims[k].outcome
            margin = np.full(rows, np.nan)
            there = first & outcome.evaluated
            margin[draws[there]] = outcome.margin[there]
            found[k] = owed_to_others(margin, again)
        open_ = [k for k in open_ if found[k].to_others is None]
    return found


def _again(
    explorer: Explorer, claims: Sequence[Asked], rows: int, catalogue: Catalogue, exact: Mapping[str, float]
) -> list[Array]:
    """Margins with the asserting inputs held and all others drawn anew; missing where not computed."""
    out = [np.full(rows, np.nan) for _ in claims]
    variants = [explorer.given(rows, claim.asserts) for claim in claims]
    wanted = [groups_read(claim.text, catalogue) for claim in claims]
    apart = [apart_from_trade(claim.text, catalogue) for claim in claims]
    for part in explorer.explore(variants, wanted=wanted, apart=apart):
        made, read = from_findings(part.tree, exact), Readings(part.tree)
        for place, k in enumerate(part.variants):
            block = np.full(len(part.variants) * rows, np.nan)
            try:
                block[read.draws] = evaluate(claims[k].text, read, made).margin
            except ClaimError:
                continue
            out[k] = block[place * rows : (place + 1) * rows]
    return out


def groups_read(text: str, catalogue: Catalogue) -> frozenset[str]:
    """Paths of the groups that a claim reads."""
    return frozenset(f"/{picked.readable.path}" for picked in _picked(text, catalogue))


def apart_from_trade(text: str, catalogue: Catalogue) -> bool:
    """Whether a claim reads nothing but levers, and what exits do to them, in domains other than trade."""
    return all(
        picked.readable.path.split("/")[0] in _BY_DOMAIN
        and any(picked.fixed.get(dim, "total") not in _TRADED for dim in ("domain", "flow"))
        for picked in _picked(text, catalogue)
    )


_BY_DOMAIN = frozenset({"levers", "displacement", "exits"})
"""Groups whose figures for one domain hang on no other domain."""

_TRADED = frozenset({"trade", "trade_exports", "trade_imports", "transit", "total"})


def _picked(text: str, catalogue: Catalogue) -> list[Selection]:
    named = [r for r in references(checked(text, catalogue)) if not r.is_word]
    return [select(r, catalogue.find(r)) for r in named]
