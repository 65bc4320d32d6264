"""The sentences of a brief, composed from the numbers for any case."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from tertius._brief.blocks import Said
from tertius._brief.insight import path_words
from tertius._brief.reading import Claim, Comparison, Displacement, Reading
from tertius._brief.words import clause, likelihood, listed, number, percent, spelled
from tertius.claims.verdicts import verdict

__all__ = [
    "answer",
    "answer_lines",
    "by_chance",
    "certainty",
    "claim_sentence",
    "exit_clause",
    "lever_sentence",
    "parting",
    "parting_opening",
    "parting_words",
    "rests_on",
    "verdict_counts",
]


def exit_clause(displacement: Displacement) -> str:
    """Say what happens, as the opening of a sentence: ``If the West is edged out``."""
    title = displacement.title.strip().rstrip(".") or displacement.exit.replace("_", " ")
    first, _, rest = title.partition(" ")
    opening = first.lower() if first in {"The", "A", "An"} else first
    return f"If {' '.join(part for part in (opening, rest) if part)}"


def _object(kind: str, reading: Reading) -> str:
    return f"most leverage over {reading.names.client}" if kind == "leverage" else "most of the vacuum"


def _verb(kind: str) -> str:
    return "gain" if kind == "leverage" else "fill"


def _front(kind: str, ranked: list[tuple[str, float]], reading: Reading, *, draws: int) -> str:
    """Say who leads and how likely that is, in one clause without its subject's exit."""
    name = reading.names.power
    what = f"{_verb(kind)} {_object(kind, reading)}"
    if not ranked:
        return f"who would {what} cannot be said, since a figure it needs is missing"
    leader, top = ranked[0]
    if top == 0:
        return f"nobody would {what}"
    if top >= 0.45:
        return f"{name(leader)} {clause(top)} {what} ({percent(top, draws)})"
    others = [f"{name(p)} {percent(value, draws)}" for p, value in ranked[1:3] if value > 0]
    follow = f", ahead of {listed(others)}" if others else ""
    return (
        f"no power is likelier than not to {what}: {name(leader)} leads with {percent(top, draws)} "
        f"({likelihood(top)}){follow}"
    )


def answer(reading: Reading) -> str:
    """Give the answer, with likelihood words and the numbers behind them: its lines in a row."""
    return " ".join(line.sentence for line in answer_lines(reading))


def answer_lines(reading: Reading) -> list[Said]:
    """Give the answer in lines: those of the sections that have one, then who would gain.

    The last is built from the probabilities of gaining most, over all domains, in the case's first exit; where no
    exit was computed, from the largest lever.
    """
    from tertius._brief.sections import said

    return [*said(reading), *_of_the_vacuum(reading)] or [
        Said("The answer", "No model had what it needs, so that there is no answer yet.")
    ]


def _of_the_vacuum(reading: Reading) -> list[Said]:
    """Answer from the first exit, or from the largest lever; nothing where neither was computed."""
    first = reading.headline
    if first is None:
        sentence = lever_sentence(reading)
        return [Said("The levers", sentence)] if sentence else []
    leverage, vacuum = first.tertius("leverage"), first.tertius("vacuum")
    draws = reading.draws
    one = _front("leverage", leverage, reading, draws=draws)
    two = _front("vacuum", vacuum, reading, draws=draws)
    strong = bool(leverage and vacuum) and leverage[0][1] >= 0.45 and vacuum[0][1] >= 0.45
    if strong and leverage[0][0] == vacuum[0][0]:
        two = two.removeprefix(f"{reading.names.power(vacuum[0][0])} ")
        joint = " and "
    else:
        joint = ", while " if strong else "; "
    return [Said("Who gains", f"{exit_clause(first)}, {one}{joint}{two}.")]


def certainty(reading: Reading) -> str:
    """Say how far the likelihoods can be relied on, apart from them: confidence, and what chance may do to a figure."""
    judged = [c for c in reading.claims if c.confidence]
    said = []
    if judged:
        counts = [(word, sum(c.confidence == word for c in judged)) for word in ("high", "moderate", "low")]
        words = listed([f"{word} for {count}" for word, count in counts if count])
        said.append(f"Confidence is another matter: {words} of the {spelled(len(judged), 'claim')} judged.")
    chance = by_chance(reading)
    if chance:
        said.append(chance)
    return " ".join(said)


def by_chance(reading: Reading) -> str:
    """Say how far a likelihood moves from one set of draws to another; blank where there is none."""
    found = reading.dataset("replicates")
    if found is not None and found.sizes["number"]:
        runs, draws = found.sizes["replicate"], reading.provenance.draws
        largest = 100 * float(found["error"].max())
        turned = [str(c.number or k) for k, c in enumerate(reading.claims, start=1) if _turns(c, found)]
        verdicts = (
            f"the verdict on {'claim' if len(turned) == 1 else 'claims'} {listed(turned)} is not "
            "the same in all"
            if turned
            else "every verdict is the same in all"
        )
        return (
            f"In {spelled(runs, 'further run')} of {spelled(draws, 'draw')} a likelihood moves by "
            f"{number(largest, 1)} points at most (standard error); {verdicts}."
        )
    if reading.draws < 2:
        return ""
    points = 100 * math.sqrt(0.25 / reading.draws)
    return (
        f"Were the draws independent, the standard error of an even likelihood would be {number(points, 1)} points; "
        "--replicates measures it."
    )


def _turns(claim: Claim, found: xr.Dataset) -> bool:
    """Whether a claim has another verdict in any replicate."""
    label = f"claims.{claim.id}"
    if label not in found["number"].values:
        return False
    return any(verdict(float(p)) != claim.verdict for p in found["value"].sel(number=label).values)


def lever_sentence(reading: Reading) -> str:
    """Say who holds the largest lever over the client and what it would cost; blank if unknown."""
    if reading.levers is None or not reading.levers.powers:
        return ""
    name = reading.names.power
    unlimited = [p for p in reading.levers.powers if math.isinf(reading.levers.lever[p, "total"].median)]
    if unlimited:
        who = listed([name(p) for p in unlimited])
        verb = "holds" if len(unlimited) == 1 else "hold"
        return (
            f"{who} {verb} an infinite lever over {reading.names.client}: "
            "in at least one domain there is nobody to turn to instead."
        )
    ranked = reading.levers.ranked
    top = reading.levers.lever[ranked[0], "total"]
    if not top.known:
        return ""
    return (
        f"{name(ranked[0])} holds the largest lever over {reading.names.client}: withdrawing "
        "everything would cost "
        f"it {top.text()} log points {top.interval()}".rstrip()
        + "."
    )


def comparison_sentence(comparison: Comparison, reading: Reading) -> str:
    """Say how likely it is that one power gains more than another."""
    verb = "gain more leverage than" if comparison.kind == "leverage" else "fill more of the vacuum than"
    name = reading.names.power
    return (
        f"{name(comparison.power)} {clause(comparison.probability)} {verb} {name(comparison.rival)} "
        f"({percent(comparison.probability, reading.draws)})"
    )


def verdict_counts(reading: Reading) -> str:
    """Count the verdicts in words: ``3 supported, 2 contested and 21 not yet computed``."""
    order = ("supported", "contested", "contradicted", "not testable", "not yet computed")
    counts = [(v, sum(1 for c in reading.claims if c.verdict == v)) for v in order]
    return listed([f"{count} {verdict}" for verdict, count in counts if count])


def parting(reading: Reading) -> list[Claim]:
    """Give the claims that the model contradicts, then those that it leaves open, then those that it cannot test."""
    order = ("contradicted", "contested", "not testable")
    return [c for verdict in order for c in reading.claims if c.verdict == verdict]


def parting_opening(reading: Reading) -> str:
    """Say what became of every claim, and that the fault may lie with either side."""
    order = ("supported", "contradicted", "contested", "not testable", "not yet computed")
    words = ("supports", "contradicts", "leaves open", "cannot test", "does not compute yet")
    said = []
    for verdict_, word in zip(order, words, strict=True):
        numbers = [str(c.number or k) for k, c in enumerate(reading.claims, 1) if c.verdict == verdict_]
        if numbers:
            said.append(f"{word} {len(numbers)}" + (f" ({listed(numbers)})" if word == "supports" else ""))
    return (
        f"Of {spelled(len(reading.claims), 'claim')} the model {listed(said)}. Where they part either may be wrong: a "
        "claim is computed as its note reads it, from figures of which most are assumed."
    )


def parting_words(claim: Claim, reading: Reading) -> str:
    """Say how a claim and the model part company, and why: on what that hangs, and how the claim was read."""
    if claim.verdict == "not testable":
        said = [f"The model cannot test this: {claim.reason or 'the reason is missing'}.".replace("..", ".")]
        return " ".join([*said, *_read(claim)])
    said = [claim_sentence(claim, reading)]
    if claim.reason:
        said.append(claim.reason[:1].upper() + claim.reason[1:].rstrip(".") + ".")
    rivals = [v for v in claim.structures.values() if not math.isnan(v)]
    if rivals:
        low, high = percent(min(rivals)), percent(max(rivals))
        said.append(
            f"Under every rival structure it is {low}."
            if low == high
            else f"Under rival structures it lies between {low} and {high}."
        )
    if not math.isnan(claim.sourced_share):
        said.append(f"Of what moves it, {percent(claim.sourced_share)} comes from sourced figures.")
    return " ".join([*said, *_hangs_on(claim, reading), *_read(claim)])


def _read(claim: Claim) -> list[str]:
    """How the case reads the claim, as the case says it."""
    return [f"How it was read: {claim.note}"] if claim.note else []


_STRONG = 0.1
"""Share of a margin's variance from which an input is named as what a verdict hangs on."""


def _hangs_on(claim: Claim, reading: Reading) -> list[str]:
    """The figure with the largest share in what moves a verdict, if that was looked into and is large."""
    found = reading.dataset("drivers")
    label = f"claims.{claim.id}"
    if found is None or label not in found["number"].values:
        return []
    share = found["shapley"].sel(number=label).fillna(0)
    path = str(share["input"].values[int(np.argmax(share.values))])
    if float(share.max()) < _STRONG:
        return []
    kinds = {figure.path: figure.kind for figure in reading.inputs}
    return [f"It hangs most on {path_words(path, reading)} ({kinds.get(path, 'missing')})."]


def claim_sentence(claim: Claim, reading: Reading) -> str:
    """Say how a claim fares against the model, likelihood alone (confidence is said apart)."""
    word = claim.likelihood or likelihood(claim.probability)
    figure = percent(claim.probability, claim.draws)
    if claim.verdict == "contradicted":
        return f"The model contradicts this: {word} ({figure}) that it holds."
    return f"The model leaves this open: {word} ({figure})."


def rests_on(reading: Reading) -> str:
    """Say how many figures are sourced and how many assumed."""
    sourced = sum(1 for figure in reading.inputs if figure.kind == "sourced")
    assumed = len(reading.inputs) - sourced
    return (
        f"Of {spelled(len(reading.inputs), 'uncertain figure')} behind these findings, {sourced} "
        f"{'has a source' if sourced == 1 else 'have a source'} and {assumed} "
        f"{'is an assumption' if assumed == 1 else 'are assumptions'}."
    )
