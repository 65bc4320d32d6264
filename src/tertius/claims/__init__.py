"""Claims: a small language for statements about a study's numbers, and the verdicts on them.

``docs/claims.md`` describes the language for those who write cases. The names below are imported when first
used, so that checking a case's claims does not wait for the libraries that evaluating them needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tertius.claims.catalogue import Catalogue, from_case, from_findings
    from tertius.claims.check import Problem, check_claims
    from tertius.claims.evaluation import Outcome, evaluate
    from tertius.claims.judgement import judge
    from tertius.claims.language import ClaimError, names_in
    from tertius.claims.shapes import check_expression
    from tertius.claims.verdicts import LIKELIHOODS, confidence, likelihood, verdict

__all__ = [
    "LIKELIHOODS",
    "Catalogue",
    "ClaimError",
    "Outcome",
    "Problem",
    "check_claims",
    "check_expression",
    "confidence",
    "evaluate",
    "from_case",
    "from_findings",
    "judge",
    "likelihood",
    "names_in",
    "verdict",
]

_HOME = {
    "LIKELIHOODS": "verdicts",
    "Catalogue": "catalogue",
    "ClaimError": "language",
    "Outcome": "evaluation",
    "Problem": "check",
    "check_claims": "check",
    "check_expression": "shapes",
    "confidence": "verdicts",
    "evaluate": "evaluation",
    "from_case": "catalogue",
    "from_findings": "catalogue",
    "judge": "judgement",
    "likelihood": "verdicts",
    "names_in": "language",
    "verdict": "verdicts",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"tertius.claims.{_HOME[name]}"), name)
    raise AttributeError(f"module 'tertius.claims' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
