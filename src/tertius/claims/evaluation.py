"""The truth of a claim in every draw, and by how much it holds.

A statement has a margin m per draw: for ``a > b`` it is a − b; for ``argmax(x) == k`` it is x[k] less the
largest of the others; ``and`` takes the smaller margin, ``or`` the larger, ``not`` turns the sign. Where m >
0 the statement holds and where m < 0 it does not. At m = 0 the comparison decides: ``>=`` holds, ``>`` does
not, and of two that are equally large neither is the ``argmax``. A margin that is not a number is missing,
never false.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

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

__all__ = ["Outcome", "Readings", "draws_of", "evaluate"]

Array = NDArray[np.float64]


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
class _Values:
    """Numbers with names: what a DataArray is, less what costs time when there are thousands.

    ``labels`` has those of every dim but ``draw``, whose draws are the same in all that is put together.
    """

    values: Array
    dims: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def among(self, dim: str, wanted: Sequence[str]) -> _Values:
        """Only these labels of one dim, in this order."""
        if tuple(wanted) == self.labels[dim]:
            return self
        place = {label: k for k, label in enumerate(self.labels[dim])}
        chosen = np.take(self.values, [place[label] for label in wanted], axis=self.dims.index(dim))
        return _Values(chosen, self.dims, {**self.labels, dim: tuple(wanted)})

    def at(self, dim: str, label: str) -> _Values:
        """One label of a dim, which goes."""
        axis = self.dims.index(dim)
        return self.less([dim], np.take(self.values, self.labels[dim].index(label), axis=axis))

    def less(self, dims: Sequence[str], values: Array) -> _Values:
        """The same without some dims."""
        left = tuple(d for d in self.dims if d not in dims)
        return _Values(values, left, {d: names for d, names in self.labels.items() if d not in dims})

    def over(self, function: Callable[..., Any], dims: Sequence[str]) -> _Values:
        """Put together by a function that passes ``NaN`` on."""
        axes = tuple(self.dims.index(d) for d in dims)
        return self.less(dims, np.asarray(function(self.values, axis=axes)))

    def each(self, function: Callable[[Array], Any]) -> _Values:
        """Another array of the same shape."""
        return _Values(function(self.values), self.dims, self.labels)


def _both(function: Callable[[Array, Array], Any], a: _Values, b: _Values) -> _Values:
    """Combine two arrays by name; of a dim that both have, the labels that both have."""
    for dim in a.dims:
        if dim in b.labels and a.labels[dim] != b.labels[dim]:
            common = [label for label in a.labels[dim] if label in b.labels[dim]]
            a, b = a.among(dim, common), b.among(dim, common)
    dims = (*a.dims, *(d for d in b.dims if d not in a.dims))

    def spread(one: _Values) -> Array:
        order = [one.dims.index(d) for d in dims if d in one.dims]
        shape = [one.values.shape[one.dims.index(d)] if d in one.dims else 1 for d in dims]
        return one.values.transpose(order).reshape(shape)

    return _Values(function(spread(a), spread(b)), dims, {**b.labels, **a.labels})


@dataclass(frozen=True)
class _Truth:
    margin: _Values
    holds: _Values


class Readings:
    """Findings as claims read them: each variable is looked up once, however many claims read it."""

    def __init__(self, findings: xr.DataTree) -> None:
        self.findings = findings
        self._groups: dict[str, tuple[Mapping[Hashable, xr.Variable], dict[str, tuple[str, ...]]]] = {}
        self._known: dict[tuple[str, str], tuple[_Values, NDArray[np.int64] | None]] = {}

    @cached_property
    def draws(self) -> NDArray[np.int64]:
        """The numbers of the draws that any group holds, ascending."""
        return draws_of(self.findings)

    def variable(self, path: str, name: str) -> tuple[_Values, NDArray[np.int64] | None]:
        """A variable, and the numbers of its draws if it is drawn."""
        if (path, name) not in self._known:
            variables, labels = self._group(path)
            found = variables[name]
            dims = tuple(str(d) for d in found.dims)
            drawn = None
            if "draw" in dims:
                drawn = _numbers(variables.get("draw"), found.sizes["draw"])
            own = {d: labels[d] for d in dims if d != "draw"}
            self._known[path, name] = _Values(np.asarray(found.values), dims, own), drawn
        return self._known[path, name]

    def _group(self, path: str) -> tuple[Mapping[Hashable, xr.Variable], dict[str, tuple[str, ...]]]:
        """The variables of a group, bare of the labels that take longer to put on than to read, and these."""
        if path not in self._groups:
            group = self.findings[path].to_dataset()
            labels = {
                str(d): tuple(map(str, group.variables[d].values))
                for d in group.dims
                if d != "draw" and d in group.variables
            }
            self._groups[path] = group.variables, labels
        return self._groups[path]


def draws_of(findings: xr.DataTree) -> NDArray[np.int64]:
    """Give the numbers of the draws that any group holds, shape (n,), ascending; empty if none has draws."""
    held = [
        _numbers(node.variables.get("draw"), node.sizes["draw"])
        for node in findings.subtree
        if "draw" in node.sizes
    ]
    return np.unique(np.concatenate(held)) if held else np.empty(0, dtype=np.int64)


def _numbers(stated: xr.Variable | None, size: int) -> NDArray[np.int64]:
    """The numbers of the draws of a group: as it states them, or from nought on."""
    return np.arange(size) if stated is None else np.asarray(stated.values, dtype=np.int64)


def evaluate(text: str, findings: xr.DataTree | Readings, catalogue: Catalogue) -> Outcome:
    """Evaluate a claim in every draw that all groups have which it reads.

    Parameters
    ----------
    text
        The expression.
    findings
        Laid out as ``docs/findings.md`` says, n draws; as :class:`Readings` where many claims read the same.
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
    readings = findings if isinstance(findings, Readings) else Readings(findings)
    reads = _Reads(readings, [select(r, catalogue.find(r)) for r in named])
    with np.errstate(all="ignore"):
        truth = _Evaluator(reads, catalogue).truth(node)
    draws = readings.draws
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

    def __init__(self, readings: Readings, selections: Sequence[Selection]) -> None:
        self.readings = readings
        self.selections = selections
        self.draws = readings.draws
        for selection in selections:
            if not self._exact(selection):
                _, drawn = readings.variable(selection.readable.path, selection.readable.variable)
                if drawn is not None and not np.array_equal(drawn, self.draws):
                    self.draws = np.intersect1d(self.draws, drawn)

    @staticmethod
    def _exact(selection: Selection) -> bool:
        """Whether it is an input that is known exactly."""
        return selection.fixed.get("input", "") in selection.readable.exact

    def __getitem__(self, selection: Selection) -> _Values:
        """The numbers of a selection: dims ``draw`` (if drawn) and what is left."""
        readable = selection.readable
        if self._exact(selection):
            return _Values(np.asarray(readable.exact[selection.fixed["input"]], dtype=float))
        values, drawn = self.readings.variable(readable.path, readable.variable)
        for dim, label in selection.fixed.items():
            values = values.at(dim, label)
        for dim, labels in selection.left.items():
            values = values.among(dim, labels)
        if drawn is not None and not np.array_equal(drawn, self.draws):
            rows = np.searchsorted(drawn, self.draws)
            values = values.each(lambda a: np.take(a, rows, axis=values.dims.index("draw")))
        return values.each(lambda a: np.asarray(a, dtype=float))


_ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}

_REDUCTIONS: dict[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean, "min": np.min, "max": np.max}


class _Evaluator:
    """Walks a tree that :func:`tertius.claims.shapes.checked` has passed."""

    def __init__(self, reads: _Reads, catalogue: Catalogue) -> None:
        self.reads = reads
        self.catalogue = catalogue

    def number(self, node: Node) -> _Values:
        match node:
            case Number(value=value):
                return _Values(np.asarray(value, dtype=float))
            case Reference():
                return self.reads[select(node, self.catalogue.find(node))]
            case Negative(operand=operand):
                return self.number(operand).each(np.negative)
            case Sum(first=first, rest=rest) | Product(first=first, rest=rest):
                total = self.number(first)
                for sign, part in rest:
                    total = _both(_ARITHMETIC[sign], total, self.number(part))
                return total
            case Call():
                return self.call(node)
        raise TypeError(f"not a number: {type(node).__name__}")

    def call(self, node: Call) -> _Values:
        values = [self.number(a) for a in node.arguments]
        if node.function == "abs":
            return values[0].each(np.abs)
        if len(values) == 1:
            return values[0].over(_REDUCTIONS[node.function], [d for d in values[0].dims if d != "draw"])
        return _fold(np.minimum if node.function == "min" else np.maximum, values)

    def truth(self, node: Node) -> _Truth:
        match node:
            case Compare():
                return self.compare(node)
            case Not(operand=operand):
                inner = self.truth(operand)
                return _Truth(inner.margin.each(np.negative), inner.holds.each(np.logical_not))
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
            others = values.among(dim, [label for label in values.labels[dim] if label != word.name])
            margin = _both(np.subtract, values.at(dim, word.name), others.over(np.max, [dim]))
            holds = margin.each(lambda m: m > 0)
            if sign == "==":
                return _Truth(margin, holds)
            return _Truth(margin.each(np.negative), holds.each(np.logical_not))
        values_ = [self.number(node.first), *(self.number(part) for _, part in node.rest)]
        signs = [sign for sign, _ in node.rest]
        return _every([_ordered(s, a, b) for s, a, b in zip(signs, values_[:-1], values_[1:], strict=True)])


def _ordered(sign: str, a: _Values, b: _Values) -> _Truth:
    margin = _both(np.subtract, a, b) if sign in (">", ">=") else _both(np.subtract, b, a)
    return _Truth(margin, margin.each(lambda m: m >= 0 if sign in (">=", "<=") else m > 0))


def _every(parts: Sequence[_Truth]) -> _Truth:
    return _Truth(
        _fold(np.minimum, [p.margin for p in parts]), _fold(np.logical_and, [p.holds for p in parts])
    )


def _fold(ufunc: np.ufunc, values: Sequence[_Values]) -> _Values:
    """Combine any number of arrays by a ufunc of two that passes ``NaN`` on."""
    return reduce(lambda a, b: _both(ufunc, a, b), values)


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
        blank = values.each(np.isnan)
        if "draw" not in values.dims:
            alike = np.broadcast_to(blank.values, (size, *blank.values.shape))
            blank = _Values(alike, ("draw", *blank.dims), blank.labels)
        if not blank.values.any():
            continue
        labels = [selection.fixed.get(d, "*") for d in selection.readable.labels]
        name = f"{selection.readable.name}[{', '.join(labels)}]" if labels else selection.readable.name
        for dim, every in selection.left.items():
            others = [d for d in blank.dims if d != dim]
            where = [x for x in every if blank.at(dim, x).values.any()]
            if len(where) < len(every) and others:
                name += f" for {', '.join(where)}"
        draws = int(blank.over(np.any, [d for d in blank.dims if d != "draw"]).values.sum())
        reasons.append(f"{name} is missing" + _in_draws(draws, size))
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    return "the comparison has no answer (infinity less infinity, or zero by zero)" + _in_draws(
        int(lost.sum()), size
    )


def _in_draws(some: int, size: int) -> str:
    return "" if some == size else f" in {some:,} of {size:,} draws"
