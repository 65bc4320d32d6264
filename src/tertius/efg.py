"""Games in Gambit's extensive-form files, version 2: read into a :class:`~tertius.models.games.Game`, and written.

What is read: the header, players, decision, chance and terminal nodes, numbers as whole numbers, decimals or
fractions, outcomes named once and used again, payoffs at nodes that are not ends (they add up along the path).
What is refused: an information set with more than one node, since these games are of perfect information. A file is
data that nobody has vouched for: its size, its nodes and its numbers are bounded, and what is wrong with it is told
with line and column.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from tertius.case.document import RefusedError, read_text
from tertius.case.problems import Position, Problem
from tertius.errors import BadInput
from tertius.models.games import ROOT, Chance, Decision, Game, Node, Outcome

__all__ = ["dump", "load", "parse"]

_NODES = 20_000
_PLAYERS = 200
_DIGITS = 60
_SUM = 1e-9
_TOLD = 50  # mistakes, after which no more are looked for
_NAME = 200  # signs of a path that serves as a name

_TOKEN = re.compile(
    r"""(?P<space>[\s,]+)|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<brace>[{}])|(?P<word>[^\s,{}"]+)""", re.S
)
_NUMBER = re.compile(r"[-+]?(\d+/\d+|(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,4})?)")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["text", "brace", "word", "end"]
    value: str
    at: int


@dataclass
class _Entry:
    """A node as the file has it."""

    kind: Literal["c", "p", "t"]
    at: int
    label: str
    player: int = 0
    actions: list[str] = field(default_factory=list)
    odds: list[float] = field(default_factory=list)
    outcome: int = 0
    parent: int = -1
    move: int = 0  # which of its parent's moves leads here
    children: list[int] = field(default_factory=list)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:  # only a quotation mark that nothing closes
            yield _Token("word", '"', at)
            return
        if found["text"] is not None:
            yield _Token("text", re.sub(r"\\(.)", r"\1", found["text"], flags=re.S), at)
        elif found["brace"]:
            yield _Token("brace", found["brace"], at)
        elif found["word"]:
            yield _Token("word", found["word"], at)
        at = found.end()
    yield _Token("end", "the end of the file", at)


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.tokens = _tokens(text)
        self.next = next(self.tokens)
        self.problems: list[Problem] = []
        self.infosets: dict[tuple[int, str], _Entry] = {}
        self.outcomes: dict[int, list[float]] = {}
        self.outcome_names: dict[int, str] = {}

    def position(self, at: int) -> Position:
        line = self.text.count("\n", 0, at) + 1
        return Position(self.file, line, at - self.text.rfind("\n", 0, at))

    def problem(self, at: int, message: str, code: str) -> None:
        place = self.position(at)
        self.problems.append(Problem("error", code, message, self.file, place.line, place.column))
        if len(self.problems) >= _TOLD:
            self.stop()

    def stop(self) -> NoReturn:
        n = len(self.problems)
        raise BadInput(
            "\n".join([f"the game has {n} error{'s' if n > 1 else ''}", *(f"  {p}" for p in self.problems)]),
            code=self.problems[0].code if n == 1 else "efg-errors",
            path=self.file,
        )

    def expected(self, what: str) -> NoReturn:
        # After a mistake of grammar nothing that follows can be trusted, so it is the last to be told.
        found = self.next.value[:40]
        self.problem(self.next.at, f"expected {what}, found `{found}`", "efg-syntax")
        self.stop()

    def take(self) -> _Token:
        token = self.next
        if token.kind != "end":
            self.next = next(self.tokens, _Token("end", "the end of the file", len(self.text)))
        return token

    def string(self, what: str) -> str:
        if self.next.kind != "text":
            self.expected(what)
        return " ".join(self.take().value.split())

    def optional(self) -> str:
        return self.string("a name") if self.next.kind == "text" else ""

    def brace(self, which: str) -> None:
        if (self.next.kind, self.next.value) != ("brace", which):
            self.expected(f"`{which}`")
        self.take()

    def opens(self) -> bool:
        return (self.next.kind, self.next.value) == ("brace", "{")

    def whole(self, what: str) -> int:
        if self.next.kind != "word" or not re.fullmatch(r"\d{1,9}", self.next.value):
            self.expected(what)
        return int(self.take().value)

    def number(self, what: str) -> float:
        word = self.next.value
        if self.next.kind != "word" or len(word) > _DIGITS or not _NUMBER.fullmatch(word):
            self.expected(f"{what} (a number of at most {_DIGITS} signs)")
        top, _, bottom = word.partition("/")
        if bottom and int(bottom) == 0:
            self.expected(f"{what} (a fraction whose denominator is not 0)")
        value = float(Fraction(int(top), int(bottom))) if bottom else float(word)
        if not math.isfinite(value):
            self.expected(f"{what} (a number below 1e308)")
        self.take()
        return value

    def listed(self, opened: bool = False) -> list[str]:
        if not opened:
            self.brace("{")
        names: list[str] = []
        while self.next.kind == "text":
            names.append(self.string("a name"))
        self.brace("}")
        return names

    def header(self) -> tuple[str, list[str]]:
        for word in ("EFG", "2"):
            if self.next.value != word:
                self.expected("`EFG 2 R`, with which a game in extensive form begins")
            self.take()
        if self.next.kind != "word" or self.next.value not in ("R", "D"):
            self.expected("`R` or `D`, the kind of its numbers")
        self.take()
        title = self.string("the title of the game, in quotation marks")
        at = self.next.at
        players = self.listed()
        self.optional()  # a comment on the game
        if len(players) > _PLAYERS:
            self.problem(
                at, f"{len(players)} players are more than the {_PLAYERS} that are read", "efg-large"
            )
            self.stop()
        players = [name or f"player {i + 1}" for i, name in enumerate(players)]
        if len(set(players)) < len(players):
            self.problem(at, "two players have the same name", "efg-players")
        if not players:
            self.problem(at, "a game needs players", "efg-players")
            self.stop()
        return title, players

    def entry(self, players: list[str]) -> _Entry:
        at = self.next.at
        if self.next.kind != "word" or self.next.value not in ("c", "p", "t"):
            self.expected("`c`, `p` or `t`, with which a node begins")
        kind = self.take().value
        label = self.string("the name of the node, in quotation marks")
        if kind == "t":
            entry = _Entry("t", at, label)
        elif kind == "c":
            entry = _Entry("c", at, label)
            self.moves(entry, at)
        else:
            entry = _Entry("p", at, label)
            entry.player = self.whole("the number of the player")
            if not 1 <= entry.player <= len(players):
                self.problem(
                    at, f"there is no player {entry.player}; there are {len(players)}", "efg-players"
                )
                self.stop()
            self.moves(entry, at)
        self.outcome(entry, at, len(players))
        return entry

    def moves(self, entry: _Entry, at: int) -> None:
        number = self.whole("the number of the information set")
        key = (entry.player, str(number))
        known = self.infosets.get(key)
        self.optional()
        if self.opens():
            self.take()
            while self.next.kind == "text":
                entry.actions.append(self.string("a name"))
                if entry.kind == "c":
                    entry.odds.append(self.number("the probability of the event"))
            self.brace("}")
        elif known is not None:
            entry.actions, entry.odds = known.actions, known.odds
        else:
            self.expected("the actions of an information set that is named for the first time")
        if known is None:
            self.infosets[key] = entry
        elif entry.kind == "p":
            self.problem(
                at,
                f"information set {number} of player {entry.player} has more than one node: the player would not know "
                "where it is, and only games of perfect information are read",
                "efg-imperfect",
            )
        elif len(known.actions) != len(entry.actions):
            self.problem(at, f"information set {number} of chance changes its events", "efg-moves")
        if not entry.actions:
            self.problem(at, "a node without moves", "efg-moves")
            self.stop()
        if any(p < 0 for p in entry.odds) or (entry.odds and abs(sum(entry.odds) - 1) > _SUM):
            self.problem(at, "probabilities have to be at least 0 and to sum to 1", "efg-probabilities")

    def outcome(self, entry: _Entry, at: int, players: int) -> None:
        entry.outcome = self.whole("the number of the outcome")
        name = self.optional()
        if self.opens():
            self.take()
            paid: list[float] = []
            while self.next.kind == "word":
                paid.append(self.number("a payoff"))
            self.brace("}")
            if len(paid) != players:
                self.problem(at, f"{len(paid)} payoffs for {players} players", "efg-payoffs")
                paid = [0.0] * players
            if entry.outcome:
                self.outcomes[entry.outcome] = paid
                self.outcome_names[entry.outcome] = name
        elif entry.outcome and entry.outcome not in self.outcomes:
            self.problem(at, f"outcome {entry.outcome} is used before it is given payoffs", "efg-payoffs")

    def tree(self, players: list[str]) -> list[_Entry]:
        """Read the nodes in order; each goes under the last node that still waits for what follows a move."""
        entries: list[_Entry] = []
        waiting: list[int] = []
        while not entries or waiting:
            entry = self.entry(players)
            number = len(entries)
            if number >= _NODES:
                self.problem(entry.at, f"more than {_NODES} nodes", "efg-large")
                self.stop()
            if waiting:
                entry.parent = waiting[-1]
                entry.move = len(entries[entry.parent].children)
                entries[entry.parent].children.append(number)
            entries.append(entry)
            if entry.actions:
                waiting.append(number)
            while waiting and len(entries[waiting[-1]].children) == len(entries[waiting[-1]].actions):
                waiting.pop()
        if self.next.kind != "end":
            self.expected("the end of the file, since the tree is complete")
        return entries


def _unique(names: list[str]) -> list[str]:
    """Names for the moves of a node: what the file calls them, numbered where that is blank or not unique."""
    counted = Counter(names)
    unique: dict[str, None] = {}
    for i, name in enumerate(names):
        told = name if name and counted[name] == 1 else f"{name or 'move'} {i + 1}"
        while told in unique or (told in counted and told != name):
            told += " *"
        unique[told] = None
    return list(unique)


def _names(reader: _Reader, entries: list[_Entry]) -> list[str]:
    """What the file calls a node where that is unique, else the moves that lead there, else its number."""
    used_at = Counter(entry.outcome for entry in entries)
    given = [
        entry.label
        or (
            reader.outcome_names.get(entry.outcome, "")
            if entry.kind == "t" and used_at[entry.outcome] == 1
            else ""
        )
        for entry in entries
    ]
    counted = Counter(given)
    names = [name if counted[name] == 1 else "" for name in given]
    used = set(names)
    for number, entry in enumerate(entries):
        if names[number]:
            continue
        moves: list[str] = []
        step, length = entry, 0
        while step.parent >= 0 and length <= _NAME:
            above = entries[step.parent]
            moves.append(above.actions[step.move])
            length += len(moves[-1]) + 1
            step = above
        name = "/".join(reversed(moves)) or ROOT
        while length > _NAME or name in used:
            name, length = f"node {number + 1}" if length > _NAME else f"{name} *", 0
        names[number] = name
        used.add(name)
    return names


def _game(reader: _Reader, title: str, players: list[str], entries: list[_Entry]) -> Game:
    paid: list[list[float]] = []
    for entry in entries:
        own = reader.outcomes.get(entry.outcome, [0.0] * len(players))
        above = paid[entry.parent] if entry.parent >= 0 else [0.0] * len(players)
        paid.append([a + b for a, b in zip(above, own, strict=True)])
        entry.actions = _unique(entry.actions)
    names = _names(reader, entries)

    built: dict[int, Node] = {}
    for number in reversed(range(len(entries))):
        entry = entries[number]
        below = dict(zip(entry.actions, (built.pop(child) for child in entry.children), strict=True))
        if entry.kind == "t":
            built[number] = Outcome(dict(zip(players, paid[number], strict=True)), names[number])
        elif entry.kind == "c":
            events = zip(below.items(), entry.odds, strict=True)
            built[number] = Chance({move: (p, node) for (move, node), p in events}, names[number])
        else:
            built[number] = Decision(players[entry.player - 1], below, names[number])
    return Game(built[0], players, title)


def parse(text: str, file: str = "game.efg") -> Game:
    """Read a game from the text of a file.

    Parameters
    ----------
    text
        The text.
    file
        What to call the file in messages.

    Returns
    -------
    Game
        A node keeps the name that the file gives it where that is unique, an end also the name of an outcome
        that is used nowhere else; others are called by the path that leads to them. Moves without a name of
        their own are numbered.

    Raises
    ------
    BadInput
        With line and column of everything that is wrong, up to the first mistake of grammar.
    """
    reader = _Reader(text, file)
    title, players = reader.header()
    entries = reader.tree(players)
    if reader.problems:
        reader.stop()
    return _game(reader, title, players, entries)


def load(path: str | Path) -> Game:
    """Read a game from one of Gambit's ``.efg`` files; see :func:`parse`."""
    where = Path(path)
    try:
        text = read_text(where, str(where))
    except RefusedError as error:
        problem = error.problem
        raise BadInput(problem.message, code=problem.code, path=str(problem.position)) from error
    return parse(text, str(where))


def _quoted(text: str) -> str:
    plain = " ".join(text.split())
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _scalar(value: object, draw: int | tuple[int, ...] | None, shape: tuple[int, ...], where: str) -> float:
    array = np.asarray(value, float)
    if draw is None:
        if array.ndim:
            raise BadInput(
                "a file holds one game, and this one has a batch of draws",
                code="efg-batch",
                hint="say which one with draw=",
            )
    else:
        array = np.broadcast_to(array, shape)[draw]
    number = float(array)
    if not math.isfinite(number):
        raise BadInput(f"`{where}` is {number}, which a file of Gambit's cannot say", code="efg-number")
    return number


def _probabilities(odds: list[float]) -> list[str]:
    """Decimals that sum to one exactly, as Gambit asks; the largest takes what rounding left."""
    with localcontext() as context:
        context.prec = 1200
        exact = [Decimal(repr(p)) for p in odds]
        largest = max(range(len(odds)), key=lambda i: odds[i])
        exact[largest] = 1 - sum((p for i, p in enumerate(exact) if i != largest), Decimal(0))
        return [format(p, "f") for p in exact]


def dump(game: Game, draw: int | tuple[int, ...] | None = None) -> str:
    """Write a game as the text of one of Gambit's ``.efg`` files.

    Parameters
    ----------
    game
        The game.
    draw
        Which draw of a batch; not needed where payoffs and probabilities are single numbers.

    Returns
    -------
    str
        The text; read again, it gives the same game.

    Raises
    ------
    BadInput
        If the game is a batch and no draw is chosen, or a payoff is missing or infinite.
    """
    order: list[Node] = []
    stack: list[Node] = [game.root]
    while stack:
        node = stack.pop()
        order.append(node)
        if isinstance(node, Decision):
            stack += reversed(list(node.actions.values()))
        elif isinstance(node, Chance):
            stack += [child for _, child in reversed(list(node.events.values()))]
    numbers = [
        x
        for node in order
        for x in (
            node.payoffs.values()
            if isinstance(node, Outcome)
            else [p for p, _ in node.events.values()]
            if isinstance(node, Chance)
            else []
        )
    ]
    shape = np.broadcast_shapes(*(np.shape(np.asarray(x)) for x in numbers))
    lines = [
        f"EFG 2 R {_quoted(game.title)} {{ {' '.join(_quoted(p) for p in game.players)} }}",
        '""',
        "",
    ]
    counts: Counter[str] = Counter()
    for node in order:
        name = _quoted(node.name)
        if isinstance(node, Outcome):
            counts["outcome"] += 1
            paid = ", ".join(
                repr(_scalar(node.payoffs[p], draw, shape, f"{node.name}, {p}")) for p in game.players
            )
            lines.append(f"t {name} {counts['outcome']} {name} {{ {paid} }}")
        elif isinstance(node, Chance):
            counts[""] += 1
            odds = [_scalar(p, draw, shape, node.name) for p, _ in node.events.values()]
            pairs = zip(node.events, _probabilities(odds), strict=True)
            moves = " ".join(f"{_quoted(label)} {p}" for label, p in pairs)
            lines.append(f'c {name} {counts[""]} "" {{ {moves} }} 0')
        else:
            counts[node.player] += 1
            moves = " ".join(_quoted(label) for label in node.actions)
            player = game.players.index(node.player) + 1
            lines.append(f'p {name} {player} {counts[node.player]} "" {{ {moves} }} 0')
    return "\n".join(lines) + "\n"
