"""The group ``/claims`` of the findings: a verdict on every claim of a case, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.designs import Designs
from tertius._study.indices import closed_index
from tertius.claims.assertion import ANSWERS, UNKNOWN, Answer, Asked, answers_to_others
from tertius.claims.catalogue import Catalogue, from_case, from_findings
from tertius.claims.evaluation import Outcome, Readings, evaluate
from tertius.claims.language import ClaimError, canonical, parse, references
from tertius.claims.shapes import check_expression
from tertius.claims.verdicts import confidence, likelihood, verdict

if TYPE_CHECKING:
    from tertius._study.explorer import Explorer
    from tertius.case import Case
    from tertius.case.schema.root import Claim

__all__ = ["answers", "judge"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Judged:
    """One claim's row of the group."""

    verdict: str
    reason: str = ""
    probability: float = float("nan")
    likelihood: str = ""
    margin: Array | None = None
    sourced: float = float("nan")
    sourced_error: float = float("nan")
    doubled: float = float("nan")
    structures: tuple[float, ...] = ()
    confidence: str = ""


def answers(case: Case, findings: xr.DataTree, explorer: Explorer) -> Mapping[str, Answer]:
    """Find what claims owe to inputs that do not assert them, before the rest of a study is there.

    Parameters
    ----------
    case, findings
        As for :func:`judge`.
    explorer
        Runs the case again.

    Returns
    -------
    Mapping
        The claims that could be asserted to the answer.
    """
    return _Court(case, findings, Designs(explorer=explorer)).answers


def judge(
    case: Case, findings: xr.DataTree, designs: Designs, known: Mapping[str, Answer] | None = None
) -> xr.Dataset:
    """Judge every claim of a case.

    Parameters
    ----------
    case
        Its claims, in its order.
    findings
        The main run, laid out as ``docs/findings.md`` says, n draws.
    designs
        The further runs; what was not run makes the numbers that need it missing, and no confidence ``high``.
    known
        What :func:`answers` has found already.

    Returns
    -------
    xarray.Dataset
        The group ``/claims`` of ``docs/findings.md``: dims ``draw`` (n), ``claim`` and ``structure``, the
        base first. A claim that is not testable or not computed has no probability, likelihood or confidence;
        its margin is there if it has one.

    Raises
    ------
    ClaimError
        If an expression is wrong for the case itself; :func:`tertius.claims.check_claims` finds all of these
        beforehand.
    """
    court = _Court(case, findings, designs, known)
    rows = [court.judge(claim) for claim in case.claims]
    draws = court.read.draws
    margin = np.full((len(draws), len(rows)), np.nan)
    for k, row in enumerate(rows):
        if row.margin is not None:
            margin[:, k] = row.margin
    structures = ["base", *designs.structures]
    under = np.full((len(structures), len(rows)), np.nan)
    for k, row in enumerate(rows):
        under[0, k] = row.probability
        under[1:, k] = row.structures or np.nan

    def words(values: list[str], name: str) -> xr.Variable:
        return xr.Variable(("claim",), np.array(values, dtype=np.str_), attrs={"long_name": name, "unit": ""})

    def numbers(values: list[float], name: str, unit: str) -> xr.Variable:
        return xr.Variable(("claim",), np.array(values, dtype=float), attrs={"long_name": name, "unit": unit})

    return xr.Dataset(
        {
            "text": words([c.text for c in case.claims], "the claim, in words"),
            "expression": words([c.expression or "" for c in case.claims], "the claim, as computed"),
            "verdict": words([r.verdict for r in rows], "verdict"),
            "reason": words(
                [r.reason for r in rows],
                "why it is not testable or not computed, or what is not settled of that",
            ),
            "probability": numbers(
                [r.probability for r in rows], "share of draws in which it holds", "probability"
            ),
            "likelihood": words([r.likelihood for r in rows], "likelihood word (ICD 203)"),
            "margin": xr.Variable(
                ("draw", "claim"),
                margin,
                attrs={"long_name": "positive where the claim holds", "unit": "as compared"},
            ),
            "sourced_share": numbers(
                [r.sourced for r in rows], "share of the margin's variance sourced", "share"
            ),
            "sourced_share_error": numbers([r.sourced_error for r in rows], "its standard error", "share"),
            "probability_doubled": numbers(
                [r.doubled for r in rows], "probability with every assumption's spread doubled", "probability"
            ),
            "probability_structures": xr.Variable(
                ("structure", "claim"),
                under,
                attrs={"long_name": "probability under each structure", "unit": "probability"},
            ),
            "confidence": words([r.confidence for r in rows], "confidence"),
        },
        coords={"draw": draws, "claim": [c.id for c in case.claims], "structure": structures},
    )


class _Court:
    """What all claims of one study share."""

    def __init__(
        self,
        case: Case,
        findings: xr.DataTree,
        designs: Designs,
        known: Mapping[str, Answer] | None = None,
    ) -> None:
        self.case = case
        self.known = known or {}
        self.findings = findings
        self.designs = designs
        self.exact = {i.path: float(i.quantity.median) for i in case.inputs() if i.quantity.is_exact}
        self.allowed = from_case(case)
        self.main = from_findings(findings, self.exact)
        self.read = Readings(findings)
        self.outcomes: dict[str, Outcome] = {}
        self.rivals = {
            name: (Readings(tree), from_findings(tree, self.exact))
            for name, tree in designs.structures.items()
        }
        self.read_doubled = None if designs.doubled is None else Readings(designs.doubled)
        self.read_frozen = None if designs.frozen is None else Readings(designs.frozen)
        self.doubled = None if designs.doubled is None else from_findings(designs.doubled, self.exact)
        self.frozen = None if designs.frozen is None else from_findings(designs.frozen, self.exact)

    def judge(self, claim: Claim) -> _Judged:
        text = claim.expression
        if text is None:
            return _Judged("not yet computed", "no model computes yet what the claim speaks of")
        absent = self._not_computed(text)
        if absent:
            return _Judged("not yet computed", absent)
        outcome = self._outcome(text)
        if outcome.sections <= {"inputs"}:
            what = (
                "reads inputs only, which the case states"
                if outcome.sections
                else "reads no result of any model"
            )
            return _Judged("not testable", f"the claim {what}", margin=outcome.margin)
        if outcome.missing:
            return _Judged("not yet computed", outcome.missing, margin=outcome.margin)
        asserted, open_ = self._asserted(claim, outcome)
        if asserted:
            return _Judged("not testable", asserted, margin=outcome.margin)
        probability = outcome.probability
        sourced, error = self._sourced_share(text, outcome)
        doubled = self._probability(text, self.read_doubled, self.doubled)
        under = tuple(self._probability(text, tree, catalogue) for tree, catalogue in self.rivals.values())
        return _Judged(
            verdict(probability),
            open_,
            probability,
            likelihood(probability),
            outcome.margin,
            sourced,
            error,
            doubled,
            under,
            confidence(sourced, abs(doubled - probability), probability, under),
        )

    def _outcome(self, text: str) -> Outcome:
        """A claim in the main run."""
        if text not in self.outcomes:
            self.outcomes[text] = evaluate(text, self.read, self.main)
        return self.outcomes[text]

    def _not_computed(self, text: str) -> str:
        """Why a claim that is right for the case cannot be read off these findings; blank if it can."""
        mistakes = check_expression(text, self.main)
        if not mistakes:
            return ""
        for error in check_expression(text, self.allowed):
            raise error
        absent = [
            canonical(r) for r in references(parse(text)) if not r.is_word and canonical(r) not in self.main
        ]
        if absent:
            return f"{', '.join(dict.fromkeys(absent))} was not computed"
        return mistakes[0].message

    def _probability(self, text: str, read: Readings | None, catalogue: Catalogue | None) -> float:
        """Probability of the claim in another run; ``NaN`` if it cannot be computed there."""
        if read is None or catalogue is None:
            return float("nan")
        try:
            return evaluate(text, read, catalogue).probability
        except ClaimError:
            # A structure with one good has no sectors, and a run may leave an exit out.
            return float("nan")

    def _sourced_share(self, text: str, outcome: Outcome) -> tuple[float, float]:
        """Estimate the closed index of all sourced inputs together, and its standard error."""
        margin = outcome.margin[outcome.evaluated]
        if np.ptp(margin) == 0 or not np.isfinite(margin).all():
            return float("nan"), float("nan")
        kinds = set(_kinds(self.findings).values())
        if len(kinds) == 1:
            return (1.0 if kinds == {"sourced"} else 0.0), 0.0
        if self.read_frozen is None or self.frozen is None:
            return float("nan"), float("nan")
        try:
            again = evaluate(text, self.read_frozen, self.frozen)
        except ClaimError:
            return float("nan"), float("nan")
        draws, rows = self.read.draws, self.designs.frozen_rows
        place = np.minimum(np.searchsorted(draws, rows), len(draws) - 1)
        paired = (draws[place] == rows) & outcome.evaluated[place] & again.evaluated
        if np.count_nonzero(paired) < 2:
            return float("nan"), float("nan")
        first, second = place[paired], np.flatnonzero(paired)
        found = closed_index(outcome.margin[first, None], again.margin[second, None])
        return float(found.value[0]), float(found.error[0])

    def _asserted(self, claim: Claim, outcome: Outcome) -> tuple[str, str]:
        """Why a claim is asserted by the inputs that it names, and why that is not settled; blank if it is not so."""
        if not claim.asserts:
            return "", ""
        answer = self.answers.get(claim.id, UNKNOWN)
        if answer.to_others is True:
            return "", ""
        if answer.asserted or not _varies(outcome):
            so_far = (
                f", as far as {answer.pairs:,} draws tell"
                if answer.asserted and answer.to_others is None
                else ""
            )
            return f"the claim answers to nothing but {_together(claim.asserts)}{so_far}", ""
        what = "whether the claim answers to anything but inputs that assert it is not settled"
        if not answer.pairs:
            return "", what
        found = f"{max(answer.low, 0):.1%} to {min(answer.high, 1):.1%} of its margin's variance"
        return "", f"{what} in {answer.pairs:,} draws: {found}, where {ANSWERS:.0%} would be enough"

    @cached_property
    def answers(self) -> Mapping[str, Answer]:
        """What claims owe to inputs that do not assert them, of those that could be asserted."""
        explorer = self.designs.explorer
        if explorer is None:
            return self.known
        asked: dict[str, Asked] = {}
        for claim in self.case.claims:
            if not claim.asserts or claim.expression is None or claim.id in self.known:
                continue
            if not self._not_computed(claim.expression):
                outcome = self._outcome(claim.expression)
                if not outcome.missing and _varies(outcome):
                    asked[claim.id] = Asked(claim.expression, claim.asserts, outcome)
        found = answers_to_others(explorer, list(asked.values()), self.read.draws, self.main, self.exact)
        return {**self.known, **dict(zip(asked, found, strict=True))}


def _together(paths: Sequence[str]) -> str:
    """Name the inputs that assert a claim: by what they have in common if they are many."""
    if len(paths) < 4:
        what = "input that asserts it" if len(paths) == 1 else "inputs that assert it"
        return f"the {what}: {', '.join(paths)}"
    shared = []
    for parts in zip(*(path.split(".") for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    where = f", all under {'.'.join(shared)}" if shared else ""
    return f"the {len(paths)} inputs that assert it{where}"


def _varies(outcome: Outcome) -> bool:
    """Whether a claim's margin is not the same in all draws; of an infinite one, whether the claim holds."""
    margin = outcome.margin[outcome.evaluated]
    number = margin if np.isfinite(margin).all() else outcome.holds[outcome.evaluated]
    return bool((number != number[:1]).any())


def _kinds(findings: xr.DataTree) -> Mapping[str, str]:
    """Input to ``sourced`` or ``assumed``."""
    if "inputs" not in findings.children:
        return {}
    kind = findings["inputs"]["kind"]
    return dict(zip(map(str, np.asarray(kind.coords["input"])), map(str, np.asarray(kind)), strict=True))
