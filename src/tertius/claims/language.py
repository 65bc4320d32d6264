"""From the text of a claim to a tree that says what was written and where.

The grammar is ``grammar.lark``, parsed in linear time (LALR); nothing in a claim is ever executed. A tree
says nothing about meaning yet: whether a name exists and whether a part is a number or a statement is settled
by :mod:`tertius.claims.shapes`, so that the answer can be given in the words of the case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import VisitError

from tertius.errors import BadInput

__all__ = [
    "FUNCTIONS",
    "LONGEST",
    "NESTING",
    "And",
    "Call",
    "ClaimError",
    "Compare",
    "Negative",
    "Node",
    "Not",
    "Number",
    "Or",
    "Product",
    "Reference",
    "Sum",
    "canonical",
    "likeness",
    "names_in",
    "nearest",
    "parse",
    "references",
    "words_in",
]

LONGEST = 2_000
"""Characters that an expression may have."""

NESTING = 60
"""Levels that an expression may be deep, a level being an operator, a function or ``not``."""

FUNCTIONS = ("abs", "argmax", "max", "min", "sum")


class ClaimError(BadInput):
    """A claim's expression cannot be read.

    Attributes
    ----------
    column
        Where in the expression, counted from 1.
    """

    def __init__(self, message: str, *, column: int, code: str, hint: str = "") -> None:
        super().__init__(message, code=code, path=f"column {column}", hint=hint)
        self.column = column


@dataclass(frozen=True, kw_only=True)
class Node:
    """A part of an expression: ``at`` is its column counted from 1, ``depth`` how many levels it has."""

    at: int = field(compare=False)
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True)
class Number(Node):
    """A number as written; ``40%`` is 0.4."""

    value: float


@dataclass(frozen=True)
class Reference(Node):
    """``group.child.variable[label, *]``, or a bare word, which is a label beside ``argmax``.

    ``labels`` is None without brackets. A quoted label stands without its quotes; ``*`` only ever stands for
    all. ``columns`` says where each label stands.
    """

    parts: tuple[str, ...]
    labels: tuple[str, ...] | None
    columns: tuple[int, ...] = field(default=(), compare=False, repr=False)

    @property
    def name(self) -> str:
        """The parts, joined by dots."""
        return ".".join(self.parts)

    @property
    def is_word(self) -> bool:
        """Whether it is one bare word that names no group to read from."""
        return len(self.parts) == 1 and self.labels is None and self.parts != ("inputs",)

    def __str__(self) -> str:
        if self.labels is None:
            return self.name
        written = (x if x == "*" or x.isidentifier() else f'"{x}"' for x in self.labels)
        return f"{self.name}[{', '.join(written)}]"


@dataclass(frozen=True)
class Call(Node):
    """A function of :data:`FUNCTIONS` with its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Negative(Node):
    """``-x``."""

    operand: Node


@dataclass(frozen=True)
class Sum(Node):
    """A first term and the rest, each with ``+`` or ``-`` before it."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Product(Node):
    """A first factor and the rest, each with ``*`` or ``/`` before it."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Compare(Node):
    """A chain of comparisons: ``a < b <= c`` is ``a < b and b <= c``."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Not(Node):
    """``not x``."""

    operand: Node


@dataclass(frozen=True)
class And(Node):
    """``x and y and …``."""

    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Or(Node):
    """``x or y or …``."""

    operands: tuple[Node, ...]


def _below(at: int, *nodes: Node) -> int:
    """Depth of a node with these below it."""
    depth = 1 + max(node.depth for node in nodes)
    if depth > NESTING:
        raise ClaimError(
            f"the expression is nested more than {NESTING} levels deep",
            column=at,
            code="claim-too-deep",
            hint="split it into several claims",
        )
    return depth


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


class _Builder(Transformer[Token, Node]):
    """Makes the tree while the parser runs, so that depth is bounded before anything recurses over it."""

    def number(self, children: list[Token]) -> Node:
        value = float(children[0])
        if value == float("inf"):
            raise ClaimError("the number is too large", column=_column(children[0]), code="claim-number")
        return Number(value / 100 if len(children) == 2 else value, at=_column(children[0]))

    def selection(self, children: list[Token]) -> tuple[Token, ...]:
        return tuple(children)

    def reference(self, children: list[Any]) -> Node:
        at, selected = _column(children[0]), children.pop() if isinstance(children[-1], tuple) else None
        if selected is None:
            return Reference(tuple(map(str, children)), None, at=at)
        labels = tuple(str(c)[1:-1] if c.type == "QUOTED" else str(c) for c in selected)
        return Reference(tuple(map(str, children)), labels, tuple(map(_column, selected)), at=at)

    def call(self, children: list[Any]) -> Node:
        name, *arguments = children
        at = _column(name)
        if name not in FUNCTIONS:
            raise ClaimError(
                f"there is no function '{name}'",
                column=at,
                code="claim-function",
                hint=nearest(name, FUNCTIONS),
            )
        return Call(str(name), tuple(arguments), at=at, depth=_below(at, *arguments))

    def signed(self, children: list[Any]) -> Node:
        sign, operand = children
        if sign == "+":
            return _positive(operand, _column(sign))
        return Negative(operand, at=_column(sign), depth=_below(_column(sign), operand))

    def _chain(self, kind: Callable[..., Node], children: list[Any]) -> Node:
        if len(children) == 1:
            return children[0]  # type: ignore[no-any-return]
        first, rest = children[0], tuple(zip(map(str, children[1::2]), children[2::2], strict=True))
        return kind(first, rest, at=first.at, depth=_below(first.at, first, *children[2::2]))

    def total(self, children: list[Any]) -> Node:
        return self._chain(Sum, children)

    def product(self, children: list[Any]) -> Node:
        return self._chain(Product, children)

    def compare(self, children: list[Any]) -> Node:
        return self._chain(Compare, children)

    def opposite(self, children: list[Node]) -> Node:
        return Not(children[0], at=children[0].at, depth=_below(children[0].at, children[0]))

    def both(self, children: list[Node]) -> Node:
        if len(children) == 1:
            return children[0]
        return And(tuple(children), at=children[0].at, depth=_below(children[0].at, *children))

    def either(self, children: list[Node]) -> Node:
        if len(children) == 1:
            return children[0]
        return Or(tuple(children), at=children[0].at, depth=_below(children[0].at, *children))


def _positive(operand: Node, at: int) -> Node:
    """``+x`` is a sum of one term: it must still be a number."""
    return Sum(operand, (), at=at, depth=_below(at, operand))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("tertius.claims").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", transformer=_Builder())


_IN_WORDS = {
    "NUMBER": "a number",
    "NAME": "a name",
    "QUOTED": "a quoted label",
    "STAR": "'*'",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "DOT": "'.'",
    "COMPARE": "a comparison (<, <=, >, >=, ==, !=)",
    "ADD": "'+' or '-'",
    "DIVIDE": "'/'",
    "PERCENT": "'%'",
    "AND": "'and'",
    "OR": "'or'",
    "NOT": "'not'",
    "$END": "the end",
}


def _expected(names: set[str]) -> str:
    words = [text for name, text in _IN_WORDS.items() if name in names]
    return f"expected {', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else f"expected {words[0]}"


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """Read an expression.

    Parameters
    ----------
    text
        What the case says, at most :data:`LONGEST` characters.

    Returns
    -------
    Node
        The tree; nothing in it has been looked up yet.

    Raises
    ------
    ClaimError
        With the column, and what was expected there.
    """
    if len(text) > LONGEST:
        raise ClaimError(
            f"the expression has {len(text):,} characters, more than {LONGEST:,}",
            column=LONGEST + 1,
            code="claim-too-long",
            hint="split it into several claims",
        )
    try:
        # With an embedded transformer the parser hands back what the builder made, not lark's own tree.
        made: Any = _parser().parse(text)
    except VisitError as error:
        if isinstance(error.orig_exc, ClaimError):
            raise error.orig_exc from None
        raise
    except UnexpectedToken as error:
        end = error.token.type == "$END"
        raise ClaimError(
            "the expression stops too early" if end else f"'{_short(error.token)}' cannot stand here",
            column=len(text) + 1 if end else _column(error.token),
            code="claim-syntax",
            hint=_expected(error.accepts or error.expected),
        ) from None
    except UnexpectedCharacters as error:
        place = error.pos_in_stream or 0
        raise ClaimError(
            f"'{_short(text[place:])}' cannot stand here",
            column=place + 1,
            code="claim-syntax",
            hint=_expected(set(error.allowed or ())),
        ) from None
    assert isinstance(made, Node)
    return made


def _short(text: str) -> str:
    """Take the first word or sign of what could not be read."""
    first = text.split(maxsplit=1)[0] if text[:1].isidentifier() else text[:1]
    return first if len(first) <= 30 else first[:29] + "…"


def references(node: Node) -> Iterator[Reference]:
    """Every name that an expression reads, from left to right; words beside ``argmax`` are among them."""
    match node:
        case Reference():
            yield node
        case Call(arguments=inner) | And(operands=inner) | Or(operands=inner):
            for part in inner:
                yield from references(part)
        case Negative(operand=part) | Not(operand=part):
            yield from references(part)
        case Sum(first=first, rest=rest) | Product(first=first, rest=rest) | Compare(first=first, rest=rest):
            yield from references(first)
            for _, part in rest:
                yield from references(part)


def names_in(text: str) -> tuple[str, ...]:
    """Name the variables that an expression reads, each once, in order of appearance.

    Raises
    ------
    ClaimError
        If the text cannot be parsed.

    Examples
    --------
    >>> names_in('levers.lever[russia] > inputs["domains.capital.weight"]')
    ('levers.lever', 'inputs.value')
    """
    found = (canonical(r) for r in references(parse(text)) if not r.is_word)
    return tuple(dict.fromkeys(found))


def words_in(texts: Iterable[str]) -> dict[str, frozenset[str]]:
    """Name what expressions read of each group: variables and labels, and ``*`` where they read all labels of one.

    Raises
    ------
    ClaimError
        If a text cannot be parsed.

    Examples
    --------
    >>> {group: sorted(words) for group, words in words_in(["levers.lever[china] > max(price.price)"]).items()}
    {'levers': ['china', 'lever'], 'price': ['*', 'price']}
    """
    found: dict[str, set[str]] = {}
    for text in texts:
        for reference in references(parse(text)):
            if not reference.is_word:
                group, *variable = reference.parts
                labels = ("*",) if reference.labels is None else reference.labels
                found.setdefault(group, set()).update(variable, labels)
    return {group: frozenset(words) for group, words in found.items()}


def canonical(reference: Reference) -> str:
    """Dotted name of the variable; ``inputs[…]`` is short for ``inputs.value[…]``."""
    return "inputs.value" if reference.parts == ("inputs",) else reference.name


def likeness(one: str, two: str) -> float:
    """How much two words resemble each other, 0 to 1, whatever their case."""
    return SequenceMatcher(None, one.lower(), two.lower()).ratio()


def nearest(word: str, valid: Sequence[str]) -> str:
    """Give the nearest valid word as a hint, and all of them where they are few.

    Parameters
    ----------
    word
        What was written.
    valid
        What could have been; may be empty.

    Returns
    -------
    str
        Such as ``did you mean 'china'? there are russia, china, west``; blank if nothing is valid.
    """
    if not valid:
        return ""
    best = max(valid, key=lambda v: likeness(word, v))
    listed = f"; there are {', '.join(valid)}" if len(valid) <= 8 else ""
    return f"did you mean '{best}'?{listed}"
