"""Reading a YAML 1.2 file into a tree that knows where everything stands, and refusing hostile files early.

The parser's events are read one by one, so that a limit – on size, depth, number of nodes, or what aliases
stand for – stops the work when it is passed and not after. Scalars are resolved by the core schema of YAML
1.2 (``no`` and ``on`` are text, dates are text); nothing in a file can name a type or call code.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tertius.case.events import events
from tertius.case.problems import Position, Problem

__all__ = [
    "LIMITS",
    "Document",
    "Limits",
    "Mapping",
    "Node",
    "RefusedError",
    "Scalar",
    "Sequence",
    "parse",
    "read_text",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a case file may not exceed."""

    size: int = 500_000
    """Bytes."""
    nodes: int = 20_000
    """Values and keys, aliases counted as often as they are used."""
    depth: int = 24
    """Mappings and lists within one another."""
    anchors: int = 500
    """Places that aliases can refer to."""


LIMITS = Limits()

CORE = "tag:yaml.org,2002:"
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,300}")
_OCTAL = re.compile(r"0o[0-7]{1,300}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

Plain = str | int | float | bool | None
Key = Plain


class RefusedError(Exception):
    """A file that is not read any further, with the one problem that says why."""

    def __init__(
        self, code: str, message: str, position: Position, *, expected: str = "", nearest: str = ""
    ) -> None:
        super().__init__(message)
        at = (position.file, position.line, position.column)
        self.problem = Problem("error", code, message, *at, expected=expected, nearest=nearest)


@dataclass(slots=True)
class Scalar:
    """A single value; ``text`` is how it was written."""

    at: Position
    value: Plain
    text: str
    damaged: bool = False


@dataclass(slots=True)
class Sequence:
    """A list."""

    at: Position
    items: list[Node] = field(default_factory=list)
    damaged: bool = False


@dataclass(slots=True)
class Mapping:
    """A mapping, with the place of each key."""

    at: Position
    entries: dict[Key, Node] = field(default_factory=dict)
    keys: dict[Key, Position] = field(default_factory=dict)
    damaged: bool = False


Node = Scalar | Sequence | Mapping


class Document:
    """A case file as a tree of positioned nodes.

    Parameters
    ----------
    root
        The tree.
    file
        The file's name, as messages give it.
    problems
        What was wrong with the YAML itself but let the reading go on.
    """

    def __init__(self, root: Node, file: str, problems: tuple[Problem, ...] = ()) -> None:
        self.root = root
        self.file = file
        self.problems = problems

    def plain(self) -> Any:
        """Return the content as plain dictionaries, lists and values."""
        return to_plain(self.root)

    def find(self, path: tuple[object, ...]) -> tuple[Node, int]:
        """Return the node at a path, or the nearest one above it, and how many steps were found."""
        node = self.root
        for depth, step in enumerate(path):
            below = child(node, step)
            if below is None:
                return node, depth
            node = below
        return node, len(path)

    def at(self, path: tuple[object, ...], *, key: bool = False) -> Position:
        """Return where a value stands, or with ``key`` its key; the nearest place above if it is absent."""
        node, found = self.find(path)
        if found < len(path):
            return self._key_of(path[:found]) or node.at
        # An empty value stands where the next thing begins; its key says where it was left out.
        left_out = isinstance(node, Scalar) and node.text == "" and node.value is None
        return (self._key_of(path) if key or left_out else None) or node.at

    def _key_of(self, path: tuple[object, ...]) -> Position | None:
        if not path:
            return None
        parent, found = self.find(path[:-1])
        if found == len(path) - 1 and isinstance(parent, Mapping):
            return parent.keys.get(matching_key(parent, path[-1]))
        return None

    def dotted(self, path: tuple[object, ...]) -> str:
        """Return the dotted path of keys and numbers, list items named by their ``id``."""
        parts = []
        for depth, step in enumerate(path):
            identity = None
            if isinstance(step, int):
                node, found = self.find(path[: depth + 1])
                identity = child(node, "id") if found == depth + 1 else None
            parts.append(str(identity.value if isinstance(identity, Scalar) else step))
        return ".".join(parts)

    def locate(self, dotted: str) -> tuple[object, ...] | None:
        """Return the path of keys and numbers that a dotted path means, list items named by their ``id``."""
        path: list[object] = []
        node = self.root
        for step in dotted.split("."):
            found: object
            if isinstance(node, Sequence):
                found = item_number(node, step)
                if found is None:
                    return None
            else:
                found = step
            below = child(node, found)
            if below is None:
                return None
            path.append(found)
            node = below
        return tuple(path)


def child(node: Node, step: object) -> Node | None:
    """Return the node one step below, or ``None``."""
    if isinstance(node, Mapping):
        return node.entries.get(matching_key(node, step))
    if isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def matching_key(node: Mapping, step: object) -> Key:
    """Return the key of a mapping that a step of a path means: numbers may come as text."""
    if isinstance(step, str | int | float | bool) and step in node.entries:
        return step
    return next((key for key in node.entries if key is not None and str(key) == str(step)), None)


def item_number(node: Sequence, name: str) -> int | None:
    """Return the number of the list item that has the id ``name``, or is numbered so from zero."""
    for number, item in enumerate(node.items):
        identity = child(item, "id")
        if isinstance(identity, Scalar) and identity.value == name:
            return number
    return int(name) if name.isdecimal() and int(name) < len(node.items) else None


def to_plain(node: Node) -> Any:
    """Return a node as plain dictionaries, lists and values."""
    if isinstance(node, Mapping):
        return {key: to_plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [to_plain(item) for item in node.items]
    return node.value


def replaced(node: Node, path: tuple[object, ...], new: Node | None, key_at: Position | None = None) -> Node:
    """Return a copy of a tree with the node at a path replaced, added, or with ``None`` removed.

    Nodes on the way are copied, so that a node which an alias puts in several places changes in one.
    Removal marks every node on the way as damaged.
    """
    fresh = copy(node)
    step, rest = path[0], path[1:]
    if new is None:
        fresh.damaged = True
    if isinstance(fresh, Mapping):
        fresh.entries, fresh.keys = dict(fresh.entries), dict(fresh.keys)
        key = matching_key(fresh, step)
        if key is None:
            key = step if isinstance(step, str) else str(step)
        if rest:
            fresh.entries[key] = replaced(fresh.entries[key], rest, new, key_at)
        elif new is None:
            fresh.entries.pop(key)
        else:
            fresh.entries[key] = new
            fresh.keys.setdefault(key, key_at or new.at)
    elif isinstance(fresh, Sequence) and isinstance(step, int):
        fresh.items = list(fresh.items)
        if rest:
            fresh.items[step] = replaced(fresh.items[step], rest, new, key_at)
        elif new is None:
            fresh.items.pop(step)
        else:
            fresh.items[step] = new
    return fresh


def read_text(path: Path, file: str, limits: Limits = LIMITS) -> str:
    """Return the text of a file, refused where it is no ordinary file of readable size and encoding.

    Raises
    ------
    RefusedError
        With the reason.
    """
    whole = Position(file, 0, 0)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise RefusedError("not-a-file", "this is a folder; a case is one file", whole)
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError("not-a-file", "this is a device or a pipe; a case is an ordinary file", whole)
        if status.st_size > limits.size:
            raise _too_large(status.st_size, whole, limits)
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as stream:
            content = stream.read(limits.size + 1)
    except FileNotFoundError as error:
        raise RefusedError("no-such-file", "there is no such file", whole) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RefusedError("unreadable", f"the file cannot be read: {reason}", whole) from error
    if len(content) > limits.size:
        raise _too_large(len(content), whole, limits)
    return decode(content, file)


def _too_large(size: int, at: Position, limits: Limits) -> RefusedError:
    return RefusedError(
        "too-large",
        f"the file has {size / 1e6:.1f} MB; a case has at most {limits.size / 1e6:g} MB",
        at,
    )


def decode(content: bytes, file: str) -> str:
    """Text of the bytes of a file in UTF-8.

    Raises
    ------
    RefusedError
        If they are not text in UTF-8.
    """
    if b"\x00" in content:
        raise RefusedError("binary", "this is a binary file; a case is a text file", Position(file, 0, 0))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RefusedError(
            "not-utf8",
            "the file is not text in UTF-8 from here on: save it as UTF-8",
            Position(file, line, 1),
        ) from error
    return text


def parse(text: str, file: str, limits: Limits = LIMITS) -> Document:
    """Return the tree of a YAML text.

    Parameters
    ----------
    text
        The YAML.
    file
        Name that positions carry.
    limits
        What it may not exceed.

    Raises
    ------
    RefusedError
        If it is not valid YAML 1.2, is hostile, or is no mapping, with the reason and the place.
    """
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    bad = _CONTROL.search(text)
    if bad:
        raise RefusedError(
            "binary",
            "this character cannot stand in a text file; is the file binary?",
            Position(
                file, text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start())
            ),
        )
    builder = _Builder(file, limits)
    try:
        builder.build(events(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 0, 0)
        said = " ".join(part for part in (error.context, error.problem) if part) or "cannot be read"
        raise RefusedError("yaml", f"this is not valid YAML: {said}", at) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise RefusedError("yaml", f"this is not valid YAML: {error}", Position(file, 0, 0)) from error
    if builder.root is None:
        raise RefusedError("empty", "the file is empty", Position(file, 0, 0))
    return Document(builder.root, file, tuple(builder.problems))


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read."""

    node: Mapping | Sequence
    anchor: str | None
    before: int
    key: Key = None
    has_key: bool = False
    skip: bool = False


class _Builder:
    """Makes the tree from the parser's events, keeping to the limits."""

    def __init__(self, file: str, limits: Limits) -> None:
        self.file = file
        self.limits = limits
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0
        self.documents = 0

    def build(self, stream: Iterator[Any]) -> None:
        """Read all events."""
        from ruamel.yaml import events as ev

        for event in stream:
            if isinstance(event, ev.ScalarEvent):
                self._node(event, self._scalar(event))
            elif isinstance(event, ev.MappingStartEvent):
                self._start(event, Mapping(self._at(event)))
            elif isinstance(event, ev.SequenceStartEvent):
                self._start(event, Sequence(self._at(event)))
            elif isinstance(event, ev.MappingEndEvent | ev.SequenceEndEvent):
                self._end()
            elif isinstance(event, ev.AliasEvent):
                self._alias(event)
            elif isinstance(event, ev.DocumentStartEvent):
                self._document(event)

    def _at(self, event: Any) -> Position:
        return Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise RefusedError(
                "several-documents", "a second document starts here; a case is one", self._at(event)
            )
        if event.version is not None and tuple(event.version) != (1, 2):
            version = ".".join(map(str, event.version))
            raise RefusedError(
                "yaml-version", f"a case is YAML 1.2, and this says {version}", self._at(event)
            )

    def _tag(self, event: Any) -> str | None:
        """Return the tag's core name, if it has one."""
        tag = event.tag
        if tag is None or str(tag) == "!":
            return None
        name = str(tag)
        core = name.removeprefix(CORE)
        if core == name or core not in ("str", "int", "float", "bool", "null", "map", "seq"):
            shown = name.replace(CORE, "!!")
            raise RefusedError(
                "tag",
                f"the tag `{shown[:60]}` is refused: a case is data, and names no types",
                self._at(event),
            )
        return core

    def _counted(self, nodes: int, at: Position) -> None:
        self.count += nodes
        if len(self.anchors) > self.limits.anchors:
            raise RefusedError(
                "too-many-anchors", f"the file has more than {self.limits.anchors} anchors", at
            )
        if self.count > self.limits.nodes:
            raise RefusedError(
                "too-many-nodes",
                f"the file has more than {self.limits.nodes:,} values, aliases counted as often as used",
                at,
            )

    def _scalar(self, event: Any) -> Scalar:
        tag = self._tag(event)
        at = self._at(event)
        plain = event.style is None or event.style == ""
        if tag == "str" or (tag is None and (not plain or event.tag is not None)):
            return Scalar(at, event.value, event.value)
        value = _resolve(event.value)
        if tag is not None and tag not in _kinds(value):
            raise RefusedError("tag", f"`{event.value[:60]}` is no {tag}", at)
        return Scalar(at, value, event.value)

    def _start(self, event: Any, node: Mapping | Sequence) -> None:
        tag = self._tag(event)
        if tag is not None and tag != ("map" if isinstance(node, Mapping) else "seq"):
            raise RefusedError("tag", f"a value of this kind is no {tag}", node.at)
        if len(self.open) >= self.limits.depth:
            raise RefusedError(
                "too-deep",
                f"mappings and lists stand more than {self.limits.depth} deep in one another",
                node.at,
            )
        self._counted(1, node.at)
        self.open.append(_Open(node, event.anchor, self.count))

    def _end(self) -> None:
        done = self.open.pop()
        if done.anchor:
            self.anchors[done.anchor] = (done.node, self.count - done.before + 1)
        self._place(done.node)

    def _node(self, event: Any, node: Scalar) -> None:
        self._counted(1, node.at)
        if event.anchor:
            self.anchors[event.anchor] = (node, 1)
        self._place(node)

    def _alias(self, event: Any) -> None:
        at = self._at(event)
        known = self.anchors.get(event.anchor)
        if any(level.anchor == event.anchor for level in self.open):
            raise RefusedError("alias", f"the alias `*{event.anchor}` stands within what it refers to", at)
        if known is None:
            raise RefusedError("alias", f"the alias `*{event.anchor}` refers to nothing", at)
        node, size = known
        self._counted(size, at)
        self._place(node)

    def _place(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        level = self.open[-1]
        if isinstance(level.node, Sequence):
            level.node.items.append(node)
        elif not level.has_key:
            self._key(level, level.node, node)
        else:
            if not level.skip:
                level.node.entries[level.key] = node
            level.has_key = False

    def _key(self, level: _Open, mapping: Mapping, node: Node) -> None:
        level.has_key, level.skip = True, False
        if not isinstance(node, Scalar) or node.value is None:
            self._problem("key", "a key is a name or a number", node.at)
            level.skip = True
        elif node.value in mapping.keys:
            first = mapping.keys[node.value].line
            self._problem("duplicate-key", f"`{node.text}` stands here twice, first in line {first}", node.at)
            level.skip = True
        else:
            level.key = node.value
            mapping.keys[node.value] = node.at

    def _problem(self, code: str, message: str, at: Position) -> None:
        self.problems.append(Problem("error", code, message, at.file, at.line, at.column))


def _kinds(value: Plain) -> tuple[str, ...]:
    """Return the core tags that a resolved value fits."""
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("bool",)
    return (
        ("int", "float") if isinstance(value, int) else ("float",) if isinstance(value, float) else ("str",)
    )


def _resolve(text: str) -> Plain:
    """Return the value of a plain scalar by the core schema of YAML 1.2."""
    first = text[:1]
    if first and (first.isdecimal() or first in "+-."):
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            return number if math.isfinite(number) else text
        if _OCTAL.fullmatch(text):
            return int(text, 8)
        if _HEX.fullmatch(text):
            return int(text, 16)
        infinite = _INFINITE.fullmatch(text)
        if infinite:
            return -math.inf if infinite[1] == "-" else math.inf
        if _NAN.fullmatch(text):
            return math.nan
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    return text
