"""The JSON summary: a fixed layout that other programs may rely on.

The layout holds nothing that differs between two runs of one case with one seed, so that equal findings give
equal bytes. A number that is not known is ``null``; an infinite one is the string ``"infinite"``.
"""

from __future__ import annotations

import json
import math
from typing import Any

from tertius._brief.answer import answer, answer_lines
from tertius._brief.reading import Cells, Displacement, Reading
from tertius._brief.words import Estimate, likelihood

__all__ = ["estimate", "nested", "number", "summary_json"]

_FIGURES = 6


def number(value: float) -> float | str | None:
    """Round a number to the figures that are kept; missing is null, an infinite one a word."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return float(f"{value:.{_FIGURES}g}") + 0.0


def estimate(given: Estimate) -> dict[str, Any]:
    """Write an estimate."""
    return {
        "median": number(given.median),
        "p05": number(given.p05),
        "p95": number(given.p95),
        "unit": given.unit,
    }


def nested(cells: Cells) -> dict[str, Any]:
    """Write estimates as objects within objects, one level a label."""
    out: dict[str, Any] = {}
    for key, value in cells.items():
        inner = out
        for label in key[:-1]:
            inner = inner.setdefault(label, {})
        inner[key[-1]] = estimate(value)
    return out


def _probabilities(table: dict[tuple[str, ...], float]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in table.items():
        inner = out
        for label in key[:-1]:
            inner = inner.setdefault(label, {})
        inner[key[-1]] = number(value)
    return out


def _displacement(found: Displacement) -> dict[str, Any]:
    return {
        "exit": found.exit,
        "title": found.title,
        "leavers": {power: number(degree) for power, degree in found.leavers.items()},
        "pushed_by": list(found.pushed_by),
        "draws": found.draws,
        "tertius": {p: number(value) for p, value in found.tertius("leverage")},
        "tertius_by_vacuum": {p: number(value) for p, value in found.tertius("vacuum")},
        "tertius_by_domain": _probabilities(found.by_leverage),
        "tertius_by_flow": _probabilities(found.by_vacuum),
        "leverage_before": nested(found.before),
        "leverage_after": nested(found.after),
        "leverage_gain": nested(found.gain),
        "effective_powers_before": nested(found.effective_before),
        "effective_powers_after": nested(found.effective_after),
        "vacuum_share": nested(found.vacuum),
        "unfilled": nested(found.unfilled),
        "filled_by_own": nested(found.own),
        "filled_by_others": nested(found.others),
        "client_loss": nested(found.client_loss),
        "who_pays": nested(found.who_pays),
    }


def summary_json(reading: Reading) -> str:
    """Write findings as JSON.

    Returns
    -------
    str
        ``tertius``, ``case``, ``digest``, ``draws``, ``kept``, ``seed``, ``unconverged``, ``question``,
        ``answer`` and ``answer_lines`` (the same, a sentence each); then ``levers``, ``displacement`` (further
        exits under its ``exits``), the keys of :mod:`tertius._brief.sections`, ``structures``, ``sensitivity``
        and ``claims``, each only if its model ran. Ends with a line feed.
    """
    # The sections write their numbers with the functions above.
    from tertius._brief.sections import summaries

    origin = reading.provenance
    out: dict[str, Any] = {
        "tertius": origin.version,
        "case": origin.case,
        "digest": origin.digest,
        "draws": origin.draws,
        "kept": origin.kept,
        "seed": origin.seed,
        "unconverged": origin.unconverged,
        "unconverged_draws": list(origin.unconverged_draws),
        "worst_residual": number(origin.worst_residual),
        "title": reading.names.title,
        "question": reading.names.question,
        "answer": answer(reading).replace("\N{NO-BREAK SPACE}", " "),
        "answer_lines": [
            {"label": line.label, "sentence": line.sentence.replace("\N{NO-BREAK SPACE}", " ")}
            for line in answer_lines(reading)
        ],
        "warnings": list(origin.warnings),
    }
    if reading.levers is not None:
        out["levers"] = nested(reading.levers.lever)
        out["reverse_levers"] = nested(reading.levers.reverse)
        out["net_levers"] = nested(reading.levers.net)
        out["effective_powers"] = {
            domain: estimate(value) for (domain,), value in reading.levers.effective.items()
        }
    if reading.headline is not None:
        out["displacement"] = _displacement(reading.headline)
        further = {d.exit: _displacement(d) for d in reading.displacements[1:]}
        if further:
            out["displacement"]["exits"] = further
    out |= summaries(reading)
    if reading.structures is not None:
        found = reading.structures
        out["structures"] = {
            s: {
                "title": found.titles[s],
                "draws": found.draws.get(s),
                "unconverged": found.unconverged.get(s),
                "tertius": {p: number(found.by_leverage[s, p]) for p in found.powers},
                "tertius_by_vacuum": {p: number(found.by_vacuum[s, p]) for p in found.powers},
            }
            for s in found.ids
        }
    if reading.comparisons:
        out["comparisons"] = [
            {
                "by": c.kind,
                "power": c.power,
                "rival": c.rival,
                "label": c.label,
                "probability": number(c.probability),
                "likelihood": None if math.isnan(c.probability) else likelihood(c.probability),
            }
            for c in reading.comparisons
        ]
    if reading.drivers:
        out["sensitivity"] = {
            headline: {d.path: number(d.first_order) for d in drivers}
            for headline, drivers in reading.drivers.items()
        }
    if reading.claims:
        out["claims"] = [
            {
                "id": c.id,
                "number": c.number,
                "text": c.text,
                "verdict": c.verdict,
                "reason": c.reason or None,
                "probability": number(c.probability),
                "likelihood": c.likelihood or None,
                "confidence": c.confidence or None,
                "sourced_share": number(c.sourced_share),
                "sourced_share_error": number(c.sourced_share_error),
                "probability_doubled": number(c.doubled),
                "probability_structures": {s: number(value) for s, value in c.structures.items()},
            }
            for c in reading.claims
        ]
    return json.dumps(out, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
