"""What the parts of an expression are: a number, a number per label, a statement, or the pick of ``argmax``.

Everything that can be wrong with a claim is found here, before anything is evaluated and without a study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tertius.claims.catalogue import Catalogue, select
from tertius.claims.language import (
    And,
    Call,
    ClaimError,
    Compare,
    Negative,
    Node,
    Not,
    Number,
    Or,
    Product,
    Reference,
    Sum,
    nearest,
    parse,
    references,
)

__all__ = ["Pick", "Quantity", "Shape", "Statement", "check_expression", "checked", "picked", "shape"]


@dataclass(frozen=True)
class Quantity:
    """A number per draw, or, with dimensions left, one per draw and label."""

    left: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Statement:
    """True or false in each draw."""


@dataclass(frozen=True)
class Pick:
    """The label that ``argmax`` picks, of those in ``labels``."""

    dim: str
    labels: tuple[str, ...]


Shape = Quantity | Statement | Pick


def shape(node: Node, catalogue: Catalogue) -> Shape:
    """Say what a part of an expression is.

    Raises
    ------
    ClaimError
        If it means nothing: an unknown name, a number where a statement is needed, labels left over.
    """
    match node:
        case Number():
            return Quantity({})
        case Reference():
            return _reference(node, catalogue)
        case Call():
            return _call(node, catalogue)
        case Negative(operand=operand):
            return _quantity(operand, catalogue)
        case Sum(first=first, rest=rest) | Product(first=first, rest=rest):
            return _joined([first, *(part for _, part in rest)], catalogue)
        case Compare():
            return _compare(node, catalogue)
        case Not(operand=operand):
            return _statement(operand, catalogue)
        case And(operands=operands) | Or(operands=operands):
            for operand in operands:
                _statement(operand, catalogue)
            return Statement()
    raise TypeError(f"no such part of an expression: {type(node).__name__}")


def _reference(node: Reference, catalogue: Catalogue) -> Quantity:
    if node.is_word and any(node.name in labels for r in catalogue.values() for labels in r.labels.values()):
        raise ClaimError(
            f"'{node.name}' is a label, and a label can only be compared with argmax",
            column=node.at,
            code="claim-label",
            hint=f"as in argmax(…) == {node.name}",
        )
    return Quantity(select(node, catalogue.find(node)).left)


def _statement(node: Node, catalogue: Catalogue) -> Statement:
    found = shape(node, catalogue)
    if not isinstance(found, Statement):
        raise ClaimError(
            "a number stands where something true or false is needed",
            column=node.at,
            code="claim-kind",
            hint="compare it with something, as in … > 0",
        )
    return found


def _quantity(node: Node, catalogue: Catalogue) -> Quantity:
    found = shape(node, catalogue)
    if isinstance(found, Statement):
        raise ClaimError("a statement stands where a number is needed", column=node.at, code="claim-kind")
    if isinstance(found, Pick):
        raise ClaimError(
            "argmax gives a label, not a number",
            column=node.at,
            code="claim-kind",
            hint=f"compare it with a label, as in argmax(…) == {found.labels[0]}",
        )
    return found


def _scalar(node: Node, catalogue: Catalogue) -> Quantity:
    found = _quantity(node, catalogue)
    if found.left:
        raise _left_over(node, found, catalogue)
    return found


def _joined(parts: Sequence[Node], catalogue: Catalogue) -> Quantity:
    """Shape of arithmetic between parts: the dimensions of all, the labels that all have."""
    left: dict[str, tuple[str, ...]] = {}
    for part in parts:
        for dim, labels in _quantity(part, catalogue).left.items():
            left[dim] = tuple(x for x in left.get(dim, labels) if x in labels)
            if not left[dim]:
                raise ClaimError(
                    f"the two sides have no {dim} in common", column=part.at, code="claim-labels"
                )
    return Quantity(left)


def _call(node: Call, catalogue: Catalogue) -> Quantity | Pick:
    several = len(node.arguments) > 1
    if several and node.function not in ("min", "max"):
        raise ClaimError(
            f"{node.function} takes one argument, not {len(node.arguments)}",
            column=node.at,
            code="claim-function",
        )
    inner = _joined(node.arguments, catalogue)
    if several or node.function == "abs":
        return inner
    if not inner.left:
        raise _nothing_left(node, catalogue)
    if node.function != "argmax":
        return Quantity({})
    if len(inner.left) > 1:
        raise _left_over(node.arguments[0], inner, catalogue, keep=1)
    [(dim, labels)] = inner.left.items()
    if len(labels) < 2:
        raise ClaimError(f"argmax has only one {dim} to choose from", column=node.at, code="claim-labels")
    return Pick(dim, labels)


def picked(node: Compare) -> tuple[Node, Reference, str] | None:
    """Take apart a comparison of ``argmax`` with a label: call, label and sign; None if it is none."""
    if len(node.rest) != 1:
        return None
    [(sign, second)] = node.rest
    for call, word in ((node.first, second), (second, node.first)):
        if (
            isinstance(call, Call)
            and call.function == "argmax"
            and isinstance(word, Reference)
            and word.is_word
        ):
            return call, word, sign
    return None


def _compare(node: Compare, catalogue: Catalogue) -> Statement:
    pair = picked(node)
    if pair is not None and pair[2] in ("==", "!="):
        call, word, _ = pair
        choice = shape(call, catalogue)
        assert isinstance(choice, Pick)
        if word.name not in choice.labels:
            raise ClaimError(
                f"argmax chooses among {_short(choice.labels)}; '{word.name}' is none of them",
                column=word.at,
                code="claim-label",
                hint=nearest(word.name, choice.labels).partition(";")[0],
            )
        return Statement()
    operands = [node.first, *(part for _, part in node.rest)]
    for operand in operands:
        if isinstance(operand, Call) and operand.function == "argmax":
            choice = shape(operand, catalogue)
            assert isinstance(choice, Pick)
            raise ClaimError(
                "argmax can only be compared with one label, by == or !=",
                column=operand.at,
                code="claim-kind",
                hint=f"as in argmax(…) == {choice.labels[0]}",
            )
    for operand in operands:
        _scalar(operand, catalogue)
    for sign, part in node.rest:
        if sign in ("==", "!="):
            raise ClaimError(
                f"two computed numbers are hardly ever equal, so {sign} is for labels only",
                column=part.at,
                code="claim-kind",
                hint="write abs(a - b) < tolerance",
            )
    return Statement()


def _short(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:8])
    return shown if len(labels) <= 8 else f"{shown}, … ({len(labels)} in all)"


def _example(node: Node, catalogue: Catalogue, *, star: bool) -> str:
    """Write out the first reference with something left (or, with ``star``, something to leave)."""
    for reference in references(node):
        if reference.is_word:
            continue
        readable = catalogue.find(reference)
        picked_ = select(reference, readable)
        choose = readable.labels if star else picked_.left
        if not choose:
            continue
        last = list(choose)[-1]
        labels = []
        for dim in readable.labels:
            if star and dim == last:
                labels.append("*")
            else:
                labels.append(picked_.fixed.get(dim) or picked_.left[dim][0])
        written = (x if x == "*" or x.isidentifier() else f'"{x}"' for x in labels)
        return f"{reference.name}[{', '.join(written)}]"
    return ""


def _left_over(node: Node, found: Quantity, catalogue: Catalogue, *, keep: int = 0) -> ClaimError:
    dims = " and ".join(f"{d} ({_short(labels)})" for d, labels in found.left.items())
    example = _example(node, catalogue, star=keep > 0)
    other = "argmax needs exactly one dimension left" if keep else "or take the sum, min, max or argmax of it"
    return ClaimError(
        f"there is still one number for each {dims}",
        column=node.at,
        code="claim-left-over",
        hint=f"write for instance {example}, {other}" if example else other,
    )


def _nothing_left(node: Call, catalogue: Catalogue) -> ClaimError:
    example = _example(node.arguments[0], catalogue, star=True)
    return ClaimError(
        f"{node.function} has nothing to choose from: its argument is one number",
        column=node.at,
        code="claim-left-over",
        hint=f"write for instance {node.function}({example})" if example else "",
    )


def checked(text: str, catalogue: Catalogue) -> Node:
    """Parse an expression and make sure that it is a statement.

    Raises
    ------
    ClaimError
        The first mistake in it.
    """
    node = parse(text)
    _statement(node, catalogue)
    return node


def check_expression(text: str, catalogue: Catalogue) -> list[ClaimError]:
    """Find the mistakes in an expression.

    Parameters
    ----------
    text
        The expression.
    catalogue
        What it may read.

    Returns
    -------
    list of ClaimError
        Empty if there are none. Every unknown name and label is reported; a mistake of grammar or of meaning
        hides those behind it, so then only the first is.
    """
    try:
        node = parse(text)
    except ClaimError as error:
        return [error]
    found: list[ClaimError] = []
    for reference in references(node):
        if not reference.is_word:
            try:
                select(reference, catalogue.find(reference))
            except ClaimError as error:
                found.append(error)
    if not found:
        try:
            _statement(node, catalogue)
        except ClaimError as error:
            found.append(error)
    return found
