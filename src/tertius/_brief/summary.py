"""The JSON summary: a fixed layout that other programs may rely on.

The layout holds nothing that differs between two runs of one case with one seed, so that equal findings give
equal bytes. A number that is not known is ``null``; an infinite one is the string ``"infinite"``.
"""

from __future__ import annotations

import json
import math
from typing import Any

from tertius._brief.answer import answer
from tertius._brief.reading import Cells, Displacement, Reading
from tertius._brief.words import Estimate, likelihood

__all__ = ["summary_json"]

_FIGURES = 6


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return float(f"{value:.{_FIGURES}g}") + 0.0


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "median": _number(estimate.median),
        "p05": _number(estimate.p05),
        "p95": _number(estimate.p95),
        "unit": estimate.unit,
    }


def _nested(cells: Cells) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in cells.items():
        inner = out
        for label in key[:-1]:
            inner = inner.setdefault(label, {})
        inner[key[-1]] = _estimate(value)
    return out


def _probabilities(table: dict[tuple[str, ...], float]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in table.items():
        inner = out
        for label in key[:-1]:
            inner = inner.setdefault(label, {})
        inner[key[-1]] = _number(value)
    return out


def _displacement(found: Displacement) -> dict[str, Any]:
    return {
        "exit": found.exit,
        "title": found.title,
        "leavers": {power: _number(degree) for power, degree in found.leavers.items()},
        "pushed_by": list(found.pushed_by),
        "draws": found.draws,
        "tertius": {p: _number(value) for p, value in found.tertius("leverage")},
        "tertius_by_vacuum": {p: _number(value) for p, value in found.tertius("vacuum")},
        "tertius_by_domain": _probabilities(found.by_leverage),
        "tertius_by_flow": _probabilities(found.by_vacuum),
        "leverage_before": _nested(found.before),
        "leverage_after": _nested(found.after),
        "leverage_gain": _nested(found.gain),
        "effective_powers_before": _nested(found.effective_before),
        "effective_powers_after": _nested(found.effective_after),
        "vacuum_share": _nested(found.vacuum),
        "unfilled": _nested(found.unfilled),
        "filled_by_own": _nested(found.own),
        "filled_by_others": _nested(found.others),
        "client_loss": _nested(found.client_loss),
        "who_pays": _nested(found.who_pays),
    }


def summary_json(reading: Reading) -> str:
    """Write findings as JSON.

    Returns
    -------
    str
        ``tertius``, ``case``, ``digest``, ``draws``, ``kept``, ``seed``, ``unconverged``, ``question`` and
        ``answer``; then ``levers``, ``displacement`` (further exits under its ``exits``), ``structures``,
        ``sensitivity`` and ``claims``, each only if its model ran. Ends with a line feed.
    """
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
        "worst_residual": _number(origin.worst_residual),
        "title": reading.names.title,
        "question": reading.names.question,
        "answer": answer(reading).replace("\N{NO-BREAK SPACE}", " "),
        "warnings": list(origin.warnings),
    }
    if reading.levers is not None:
        out["levers"] = _nested(reading.levers.lever)
        out["reverse_levers"] = _nested(reading.levers.reverse)
        out["net_levers"] = _nested(reading.levers.net)
        out["effective_powers"] = {
            domain: _estimate(value) for (domain,), value in reading.levers.effective.items()
        }
    if reading.headline is not None:
        out["displacement"] = _displacement(reading.headline)
        further = {d.exit: _displacement(d) for d in reading.displacements[1:]}
        if further:
            out["displacement"]["exits"] = further
    if reading.structures is not None:
        found = reading.structures
        out["structures"] = {
            s: {
                "title": found.titles[s],
                "draws": found.draws.get(s),
                "unconverged": found.unconverged.get(s),
                "tertius": {p: _number(found.by_leverage[s, p]) for p in found.powers},
                "tertius_by_vacuum": {p: _number(found.by_vacuum[s, p]) for p in found.powers},
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
                "probability": _number(c.probability),
                "likelihood": None if math.isnan(c.probability) else likelihood(c.probability),
            }
            for c in reading.comparisons
        ]
    if reading.drivers:
        out["sensitivity"] = {
            headline: {d.path: _number(d.first_order) for d in drivers}
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
                "probability": _number(c.probability),
                "likelihood": c.likelihood or None,
                "confidence": c.confidence or None,
                "sourced_share": _number(c.sourced_share),
                "sourced_share_error": _number(c.sourced_share_error),
                "probability_doubled": _number(c.doubled),
                "probability_structures": {s: _number(value) for s, value in c.structures.items()},
            }
            for c in reading.claims
        ]
    return json.dumps(out, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
