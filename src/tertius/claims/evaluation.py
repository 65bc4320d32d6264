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
        Shape (n,): positive where it holds, ``NaN`` where it is missing or not evaluated.
    holds
        Shape (n,): whether it does; False where the margin is missing or not evaluated.
    evaluated
        Shape (n,): the draws that every group has which the claim reads. In the others its margin is not
        missing: it was not asked for.
    missing
        Why some margins are missing, in words; blank if none is.
    sections
        The sections of the findings that it reads, such as ``inputs``.
    """

    margin: NDArray[np.float64]
    holds: NDArray[np.bool_]
    evaluated: NDArray[np.bool_]
    missing: str
    sections: frozenset[str]

    @property
    def probability(self) -> float:
        """Share of the evaluated draws in which it holds; ``NaN`` if it is missing in any."""
        known = self.evaluated.any() and not self.missing
        return float(self.holds[self.evaluated].mean()) if known else float("nan")


@dataclass(frozen=True)
class _Truth:
    margin: xr.DataArray
    holds: xr.DataArray


def draws_of(findings: xr.DataTree) -> NDArray[np.int64]:
    """Give the numbers of the draws that any group holds, shape (n,), ascending; empty if none has draws."""
    held = [_numbered(node) for node in findings.subtree if "draw" in node.sizes]
    return np.unique(np.concatenate(held)) if held else np.empty(0, dtype=np.int64)


def _numbered(data: xr.DataTree | xr.DataArray) -> NDArray[np.int64]:
    """The numbers of the draws of one group or array."""
    if "draw" in data.coords:
        return np.asarray(data.coords["draw"].values, dtype=np.int64)
    return np.arange(data.sizes["draw"])


def evaluate(text: str, findings: xr.DataTree, catalogue: Catalogue) -> Outcome:
    """Evaluate a claim in every draw that all groups have which it reads.

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
        With n margins, one per draw of :func:`draws_of`.

    Raises
    ------
    ClaimError
        If the expression is wrong for these findings.
    """
    node = checked(text, catalogue)
    named = [r for r in references(node) if not r.is_word]
    reads = _Reads(findings, [select(r, catalogue.find(r)) for r in named])
    with np.errstate(all="ignore"):
        truth = _Evaluator(reads, catalogue).truth(node)
    draws = draws_of(findings)
    evaluated = np.isin(draws, reads.draws)
    margin, holds = np.full(len(draws), np.nan), np.zeros(len(draws), dtype=bool)
    margin[evaluated] = truth.margin.values
    holds[evaluated] = truth.holds.values & ~np.isnan(margin[evaluated])
    missing = _missing(margin[evaluated], reads)
    return Outcome(margin, holds, evaluated, missing, frozenset(r.parts[0] for r in named))


class _Reads:
    """What a claim reads of findings, all of it in the same draws.

    Attributes
    ----------
    selections
        All of it.
    draws
        The numbers of the draws that every group has from which something is read draw by draw, ascending.
    """

    def __init__(self, findings: xr.DataTree, selections: Sequence[Selection]) -> None:
        self.findings = findings
        self.selections = selections
        self.draws = draws_of(findings)
        for selection in selections:
            array = self._array(selection)
            if array is not None and "draw" in array.dims:
                self.draws = np.intersect1d(self.draws, _numbered(array))

    def _array(self, selection: Selection) -> xr.DataArray | None:
        """The variable with what is picked of it; None for an input that is known exactly."""
        if selection.fixed.get("input", "") in selection.readable.exact:
            return None
        array = self.findings[selection.readable.path][selection.readable.variable]
        chosen = array.sel(dict(selection.fixed), drop=True)
        return chosen.sel({d: list(labels) for d, labels in selection.left.items()}).astype(float)

    def __getitem__(self, selection: Selection) -> xr.DataArray:
        """The numbers of a selection: dims ``draw`` (if drawn) and what is left."""
        array = self._array(selection)
        if array is None:
            return xr.DataArray(selection.readable.exact[selection.fixed["input"]])
        if "draw" not in array.dims:
            return array
        return array.assign_coords(draw=_numbered(array)).sel(draw=self.draws)


_ARITHMETIC: dict[str, Callable[[xr.DataArray, xr.DataArray], xr.DataArray]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class _Evaluator:
    """Walks a tree that :func:`tertius.claims.shapes.checked` has passed."""

    def __init__(self, reads: _Reads, catalogue: Catalogue) -> None:
        self.reads = reads
        self.catalogue = catalogue

    def number(self, node: Node) -> xr.DataArray:
        match node:
            case Number(value=value):
                return xr.DataArray(value)
            case Reference():
                return self.reads[select(node, self.catalogue.find(node))]
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


def _missing(margin: NDArray[np.float64], reads: _Reads) -> str:
    """Say why margins of the evaluated draws are missing: which names have no value, and in how many draws."""
    size = len(margin)
    if size == 0:
        return "what it reads has no draw in common"
    lost = np.isnan(margin)
    if not lost.any():
        return ""
    reasons = []
    for selection in reads.selections:
        values = reads[selection]
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
