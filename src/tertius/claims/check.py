"""The mistakes in a case's claims, found from the case alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tertius.claims.catalogue import from_case
from tertius.claims.shapes import check_expression

if TYPE_CHECKING:
    from tertius.case import Case

__all__ = ["Problem", "check_claims"]


@dataclass(frozen=True)
class Problem:
    """A mistake in a claim.

    Attributes
    ----------
    path
        Dotted path into the case: ``claims.china_gains_most.expression``.
    message, hint, code
        As an error of the family has them.
    column
        Where in the expression, counted from 1.
    """

    path: str
    message: str
    hint: str
    code: str
    column: int


def check_claims(case: Case) -> list[Problem]:
    """Find the mistakes in the expressions of a case's claims, before anything has been computed.

    Parameters
    ----------
    case
        Its own powers, domains, exits, regions, sectors and inputs are what the claims may name.

    Returns
    -------
    list of Problem
        Empty if there are none.
    """
    catalogue = from_case(case)
    return [
        Problem(f"claims.{claim.id}.expression", error.message, error.hint, error.code, error.column)
        for claim in case.claims
        if claim.expression is not None
        for error in check_expression(claim.expression, catalogue)
    ]
