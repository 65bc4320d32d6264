"""Cases: what an analyst states about a country and the powers around it, each figure with its source.

A case is one YAML file. :func:`load_case` gives it as a validated, frozen :class:`Case`; :func:`check_case`
gives everything that is wrong with it at once, each with its place in the file.
"""

from __future__ import annotations

from typing import Any

from tertius.case.asked import asked
from tertius.case.inputs import Input
from tertius.case.load import check_case, load_case, parse_case, shipped_cases
from tertius.case.patch import Patch, load_patch
from tertius.case.problems import CaseErrors, Position, Problem, Report
from tertius.case.quantity import Quantity
from tertius.case.schema import Case

__all__ = [
    "Case",
    "CaseErrors",
    "Input",
    "Patch",
    "Position",
    "Problem",
    "Quantity",
    "Report",
    "asked",
    "check_case",
    "json_schema",
    "load_case",
    "load_patch",
    "parse_case",
    "shipped_cases",
]


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a case file, for completion and checks in editors."""
    schema = Case.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Tertius case, version 1",
        **{key: value for key, value in schema.items() if key != "title"},
    }
