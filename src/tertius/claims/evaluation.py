"""The truth of a claim in every draw, and by how much it holds.

A statement has a margin m per draw: for ``a > b`` it is a − b; for ``argmax(x) == k`` it is x[k] less the
largest of the others; ``and`` takes the smaller margin, ``or`` the larger, ``not`` turns the sign. Where m >
0 the statement holds and where m < 0 it does not. At m = 0 the comparison decides: ``>=`` holds, ``>`` does
not, and of two that are equally large neither is the ``argmax``. A margin that is not a number is missing,
never false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius.claims.catalogue import Catalogue, Selection, select
from tertius.claims.language import (
    And,
    Call,
    Compare,
    Negative,
    Node,
    Not,
    Number,
    Or,
    Product,
    Reference,
    Sum,
    references,
)
from tertius.claims.shapes import checked, picked

__all__ = ["Outcome", "draws_of", "evaluate"]


@dataclass(frozen=True)
class Outcome:
    """A claim evaluated.

    Attributes
    ----------
    margin
        Shape (n,): positive where it holds, ``NaN`` where it is missing.
    holds
        Shape (n,): whether it does; False where the margin is missing.
    missing
        Why some margins are missing, in words; blank if none is.
    sections
        The sections of the findings that it reads, such as ``inputs``.
    """

    margin: NDArray[np.float64]
    holds: NDArray[np.bool_]
    missing: str
    sections: frozenset[str]

    @property
    def probability(self) -> float:
        """Share of draws in which it holds; ``NaN`` if it is missing in any."""
        return float("nan") if self.missing or not len(self.holds) else float(self.holds.mean())


@dataclass(frozen=True)
class _Truth:
    margin: xr.DataArray
    holds: xr.DataArray


def draws_of(findings: xr.DataTree) -> NDArray[np.int64]:
    """Give the numbers of the draws that the findings hold, shape (n,); empty if no group has draws."""
    for node in findings.subtree:
        if "draw" in node.sizes:
            if "draw" in node.coords:
                return np.asarray(node.coords["draw"].values, dtype=np.int64)
            return np.arange(node.sizes["draw"])
    return np.empty(0, dtype=np.int64)


def evaluate(text: str, findings: xr.DataTree, catalogue: Catalogue) -> Outcome:
    """Evaluate a claim in every draw.

    Parameters
    ----------
    text
        The expression.
    findings
        Laid out as ``docs/findings.md`` says, n draws.
    catalogue
        Made from these findings.

    Returns
    -------
    Outcome
        With n margins.

    Raises
    ------
    ClaimError
        If the expression is wrong for these findings.
    """
    node = checked(text, catalogue)
    size = len(draws_of(findings))
    with np.errstate(all="ignore"):
        truth = _Evaluator(findings, catalogue).truth(node)
    margin = np.broadcast_to(np.asarray(truth.margin.values, dtype=float), (size,)).copy()
    holds = np.broadcast_to(np.asarray(truth.holds.values, dtype=bool), (size,)) & ~np.isnan(margin)
    named = [r for r in references(node) if not r.is_word]
    missing = _missing(margin, [select(r, catalogue.find(r)) for r in named], findings)
    return Outcome(margin, holds, missing, frozenset(r.parts[0] for r in named))


def read(selection: Selection, findings: xr.DataTree) -> xr.DataArray:
    """Pick the numbers of a selection: dims ``draw`` (if drawn) and what is left."""
    label = selection.fixed.get("input", "")
    if label in selection.readable.exact:
        return xr.DataArray(selection.readable.exact[label])
    array = findings[selection.readable.path][selection.readable.variable]
    chosen = array.sel(dict(selection.fixed), drop=True)
    return chosen.sel({d: list(labels) for d, labels in selection.left.items()}).astype(float)


_ARITHMETIC: dict[str, Callable[[xr.DataArray, xr.DataArray], xr.DataArray]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class _Evaluator:
    """Walks a tree that :func:`tertius.claims.shapes.checked` has passed."""

    def __init__(self, findings: xr.DataTree, catalogue: Catalogue) -> None:
        self.findings = findings
        self.catalogue = catalogue

    def number(self, node: Node) -> xr.DataArray:
        match node:
            case Number(value=value):
                return xr.DataArray(value)
            case Reference():
                return read(select(node, self.catalogue.find(node)), self.findings)
            case Negative(operand=operand):
                return -self.number(operand)
            case Sum(first=first, rest=rest) | Product(first=first, rest=rest):
                total = self.number(first)
                for sign, part in rest:
                    total = _ARITHMETIC[sign](total, self.number(part))
                return total
            case Call():
                return self.call(node)
        raise TypeError(f"not a number: {type(node).__name__}")

    def call(self, node: Call) -> xr.DataArray:
        values = [self.number(a) for a in node.arguments]
        if node.function == "abs":
            return abs(values[0])
        if len(values) == 1:
            over = [d for d in values[0].dims if d != "draw"]
            reduced: xr.DataArray = getattr(values[0], node.function)(over, skipna=False)
            return reduced
        return _fold(np.minimum if node.function == "min" else np.maximum, values)

    def truth(self, node: Node) -> _Truth:
        match node:
            case Compare():
                return self.compare(node)
            case Not(operand=operand):
                inner = self.truth(operand)
                return _Truth(-inner.margin, ~inner.holds)
            case And(operands=operands):
                return _every([self.truth(o) for o in operands])
            case Or(operands=operands):
                parts = [self.truth(o) for o in operands]
                return _Truth(
                    _fold(np.maximum, [p.margin for p in parts]),
                    _fold(np.logical_or, [p.holds for p in parts]),
                )
        raise TypeError(f"not a statement: {type(node).__name__}")

    def compare(self, node: Compare) -> _Truth:
        pair = picked(node)
        if pair is not None:
            call, word, sign = pair
            assert isinstance(call, Call)
            values = self.number(call.arguments[0])
            [dim] = [d for d in values.dims if d != "draw"]
            others = values.drop_sel({dim: word.name}).max([str(dim)], skipna=False)
            margin = values.sel({dim: word.name}, drop=True) - others
            holds = margin > 0
            return _Truth(margin, holds) if sign == "==" else _Truth(-margin, ~holds)
        values_ = [self.number(node.first), *(self.number(part) for _, part in node.rest)]
        signs = [sign for sign, _ in node.rest]
        return _every([_ordered(s, a, b) for s, a, b in zip(signs, values_[:-1], values_[1:], strict=True)])


def _ordered(sign: str, a: xr.DataArray, b: xr.DataArray) -> _Truth:
    margin = a - b if sign in (">", ">=") else b - a
    return _Truth(margin, margin >= 0 if sign in (">=", "<=") else margin > 0)


def _every(parts: Sequence[_Truth]) -> _Truth:
    return _Truth(
        _fold(np.minimum, [p.margin for p in parts]), _fold(np.logical_and, [p.holds for p in parts])
    )


def _fold(ufunc: np.ufunc, values: Sequence[xr.DataArray]) -> xr.DataArray:
    """Combine any number of arrays by a ufunc of two that passes ``NaN`` on."""
    result = values[0]
    for value in values[1:]:
        result = xr.apply_ufunc(ufunc, result, value)
    return result


def _missing(margin: NDArray[np.float64], selections: Sequence[Selection], findings: xr.DataTree) -> str:
    """Say why margins are missing: which names have no value, and in how many draws."""
    lost = np.isnan(margin)
    if not lost.any():
        return ""
    size = len(margin)
    reasons = []
    for selection in selections:
        values = read(selection, findings)
        # Without draws a value counts as one that is the same in all of them.
        blank = values.isnull() if "draw" in values.dims else values.isnull().expand_dims(draw=size)
        if not bool(blank.any()):
            continue
        labels = [selection.fixed.get(d, "*") for d in selection.readable.labels]
        name = f"{selection.readable.name}[{', '.join(labels)}]" if labels else selection.readable.name
        for dim, every in selection.left.items():
            others = [d for d in blank.dims if d != dim]
            where = [x for x in every if bool(blank.sel({dim: x}).any())]
            if len(where) < len(every) and others:
                name += f" for {', '.join(where)}"
        draws = int(blank.any([d for d in blank.dims if d != "draw"]).sum())
        reasons.append(f"{name} is missing" + _in_draws(draws, size))
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    return "the comparison has no answer (infinity less infinity, or zero by zero)" + _in_draws(
        int(lost.sum()), size
    )


def _in_draws(some: int, size: int) -> str:
    return "" if some == size else f" in {some:,} of {size:,} draws"
