"""From a probability to a verdict, a likelihood word and a confidence, each kept apart from the others.

The likelihood words and their ranges are those of Intelligence Community Directive 203, *Analytic Standards*
(2015), section D.6.e.(2)(a). Confidence is about what a probability rests on, never about how large it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

__all__ = [
    "CONTRADICTED",
    "LIKELIHOODS",
    "SUPPORTED",
    "Confidence",
    "Verdict",
    "confidence",
    "likelihood",
    "verdict",
]

Verdict = Literal["supported", "contested", "contradicted", "not testable", "not yet computed"]
Confidence = Literal["high", "moderate", "low"]

SUPPORTED = 0.80
"""Probability from which a claim is supported."""

CONTRADICTED = 0.20
"""Probability up to which a claim is contradicted."""

LIKELIHOODS: tuple[tuple[float, float, str], ...] = (
    (0.01, 0.05, "almost no chance"),
    (0.05, 0.20, "very unlikely"),
    (0.20, 0.45, "unlikely"),
    (0.45, 0.55, "roughly even chance"),
    (0.55, 0.80, "likely"),
    (0.80, 0.95, "very likely"),
    (0.95, 0.99, "almost certain"),
)
"""The published ranges: from, to, word. See :func:`likelihood` for their edges and what lies beyond them."""

SOURCED_HIGH = 0.5
SOURCED_LOW = 0.2
MOVED = 0.10


def verdict(probability: float) -> Verdict:
    """Verdict on a claim that can be tested.

    Parameters
    ----------
    probability
        Share of draws in which it holds; ``NaN`` if that is not known.

    Returns
    -------
    Verdict
        ``supported`` from 0.80, ``contradicted`` up to 0.20, ``contested`` between; ``not yet computed`` for
        ``NaN``.
    """
    if math.isnan(probability):
        return "not yet computed"
    if probability >= SUPPORTED:
        return "supported"
    return "contradicted" if probability <= CONTRADICTED else "contested"


def likelihood(probability: float) -> str:
    """ICD 203's word for a probability.

    Adjoining ranges share an edge; a probability on one gets the word further from even, so that exactly 0.80
    is ``very likely`` as it is supported, 0.20 ``very unlikely`` as it is contradicted, and the words for p
    and 1 − p mirror each other. Below 0.01 and above 0.99 the directive has no word: the outermost are used,
    since draws that all agree make nothing impossible or certain.

    Returns
    -------
    str
        Blank for ``NaN``.
    """
    if math.isnan(probability):
        return ""
    for _, upper, word in LIKELIHOODS[:3]:
        if probability <= upper:
            return word
    for lower, _, word in reversed(LIKELIHOODS[4:]):
        if probability >= lower:
            return word
    return LIKELIHOODS[3][2]


def confidence(sourced_share: float, moved: float, base: float, rivals: Iterable[float]) -> Confidence:
    """Say how much a probability can be relied upon.

    Parameters
    ----------
    sourced_share
        Share of the margin's variance that comes from sourced inputs; ``NaN`` if it is not known or the
        margin does not vary.
    moved
        How far the probability moves, in either direction, when every assumption's spread is doubled; ``NaN``
        if that was not tried.
    base
        The probability itself.
    rivals
        The probability under each rival structure; ``NaN`` where the claim could not be computed there.

    Returns
    -------
    Confidence
        ``high``: at least half is sourced, doubling moves the probability by at most 0.10, and there are
        rival structures, which all give the same verdict. ``low``: less than a fifth is sourced and doubling
        moves it by more than 0.10, or a rival structure turns supported into contradicted or the reverse.
        Else ``moderate``; what is not known can make a confidence neither high nor low.
    """
    others = [verdict(p) for p in rivals]
    mine = verdict(base)
    if any({mine, other} == {"supported", "contradicted"} for other in others):
        return "low"
    # 0.9 - 0.8 is a little more than 0.1 in binary; a count of draws over draws is never that close by
    # chance.
    far = moved > MOVED + 1e-12
    if sourced_share < SOURCED_LOW and far:
        return "low"
    near = moved <= MOVED + 1e-12
    if sourced_share >= SOURCED_HIGH and near and others and all(other == mine for other in others):
        return "high"
    return "moderate"
