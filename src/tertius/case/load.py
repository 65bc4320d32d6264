"""Loading and checking a case: from a name or a file to a validated case, or to all that is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel

from tertius.case.check import Context, meaning
from tertius.case.document import (
    Document,
    Mapping,
    Node,
    RefusedError,
    Scalar,
    child,
    decode,
    item_number,
    parse,
    read_text,
    replaced,
)
from tertius.case.document import Sequence as ListNode
from tertius.case.problems import CaseErrors, Position, Problem, Report, nearest
from tertius.case.quantity import SET, Quantity
from tertius.case.schema.root import Case
from tertius.case.shape import annotation_at, respelt, salvage, shape

__all__ = ["Change", "check_case", "load_case", "parse_case", "shipped_cases"]


@dataclass(frozen=True)
class Change:
    """A change that stands in a file of its own, with its place there."""

    path: str
    value: Node
    at: Position


Override = str | tuple[str, str] | Change


def shipped_cases() -> dict[str, str]:
    """Return the cases that come with Tertius: name → title, by name."""
    found = {}
    for entry in resources.files("tertius.cases").iterdir():
        if entry.name.endswith(".yaml"):
            title = next(
                (
                    line.partition(":")[2].strip().strip("\"'")
                    for line in entry.read_text(encoding="utf-8").splitlines()
                    if line.startswith("title:")
                ),
                "",
            )
            found[entry.name.removesuffix(".yaml")] = title
    return dict(sorted(found.items()))


def load_case(name_or_path: str | Path, overrides: Sequence[Override] = ()) -> Case:
    """Load a case by the name of a shipped one or by the path of a file.

    Parameters
    ----------
    name_or_path
        Name, or path of a YAML file.
    overrides
        Changes made before validation: ``(path, YAML of the value)``, ``"path=value"``, or what
        :func:`tertius.case.load_patch` reads. A figure
        that is replaced by a bare number is taken as exact and assumed, with the reason that it was set.

    Returns
    -------
    Case
        Validated, with its warnings.

    Raises
    ------
    CaseErrors
        With everything that is wrong.
    """
    case, report = _examine(name_or_path, overrides)
    if case is None or not report.ok:
        raise CaseErrors(report)
    return case


def check_case(name_or_path: str | Path, overrides: Sequence[Override] = ()) -> Report:
    """Everything that is wrong with a case, and what should be looked at; raises nothing about the case."""
    return _examine(name_or_path, overrides)[1]


def parse_case(text: str, file: str = "<text>", overrides: Sequence[Override] = ()) -> Case:
    """Return a case from its YAML text; see :func:`load_case`.

    Raises
    ------
    CaseErrors
        With everything that is wrong.
    """
    try:
        document = parse(text, file)
    except RefusedError as refusal:
        raise CaseErrors(Report(file, (refusal.problem,))) from refusal
    case, report = _examined(document, overrides)
    if case is None or not report.ok:
        raise CaseErrors(report)
    return case


def _examine(name_or_path: str | Path, overrides: Sequence[Override]) -> tuple[Case | None, Report]:
    try:
        document = parse(*_text(name_or_path))
    except RefusedError as refusal:
        return None, Report(refusal.problem.file, (refusal.problem,))
    return _examined(document, overrides)


def _text(name_or_path: str | Path) -> tuple[str, str]:
    """Text of a case and the name that messages give its file."""
    given = str(name_or_path)
    path = Path(given)
    shipped = shipped_cases()
    if given in shipped and not isinstance(name_or_path, Path):
        file = f"{given}.yaml"
        return decode((resources.files("tertius.cases") / file).read_bytes(), file), file
    looks_like_path = (
        isinstance(name_or_path, Path) or path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    )
    if looks_like_path or path.exists():
        return read_text(path, given), given
    near = nearest(given, shipped)
    raise RefusedError(
        "unknown-case",
        f"there is no shipped case `{given}` and no such file",
        Position(given, 0, 0),
        expected="" if near else f"one of {', '.join(shipped)}, or the path of a file",
        nearest=near,
    )


def _examined(document: Document, overrides: Sequence[Override]) -> tuple[Case | None, Report]:
    problems = list(document.problems)
    for override in overrides:
        try:
            document = _overridden(document, override)
        except RefusedError as refusal:
            problems.append(refusal.problem)
    if not isinstance(document.root, Mapping):
        problems.append(
            Problem(
                "error",
                "shape",
                "a case is a mapping of sections, and this is not",
                document.file,
                document.root.at.line,
                document.root.at.column,
                expected="`tertius: 1` and the sections of a case",
            )
        )
        return None, Report(document.file, tuple(problems))
    case, misfits = shape(document)
    problems += misfits
    whole = document if case is not None else respelt(document)
    sound, remaining = (case, document) if case is not None else salvage(whole)
    if sound is not None:
        problems += meaning(Context(sound, remaining, whole))
    problems.sort(key=lambda problem: (problem.line, problem.column, problem.code))
    report = Report(document.file, tuple(dict.fromkeys(problems)))
    if case is not None:
        case._document = document
        case._warnings = report.warnings
    return case, report


# Overrides


def _overridden(document: Document, override: Override) -> Document:
    """Return the document with one value set.

    Raises
    ------
    RefusedError
        If the path or the value is wrong.
    """
    if isinstance(override, Change):
        path, text, at = override.path, None, override.at
    else:
        path, text = override.partition("=")[::2] if isinstance(override, str) else override
        at = Position(f"--set {path.strip()}", 0, 0)
    path = path.strip()
    if isinstance(override, str) and "=" not in override:
        raise RefusedError("override", "a change is written path=value", Position(f"--set {override}", 0, 0))
    steps = _steps(document.root, path)
    if steps is None:
        near = _nearest_path(document.root, path)
        raise RefusedError(
            "unknown-path",
            f"the case has no `{path}`",
            at,
            expected="" if near else "the dotted path of something in the case",
            nearest=near,
        )
    value = override.value if isinstance(override, Change) else _value(text or "", at)
    return Document(replaced(document.root, steps, _labelled(document, steps, value, at), at), document.file)


def _value(text: str, at: Position) -> Node:
    """Read the value of a change that was typed."""
    try:
        value = parse(text, at.file).root
    except RefusedError as refusal:
        raise RefusedError(
            "override", f"`{text[:60]}` is no value: {refusal.problem.message}", at
        ) from refusal
    for node in _all_nodes(value):
        node.at = at
        if isinstance(node, Mapping):
            node.keys = dict.fromkeys(node.keys, at)
    return value


def _steps(root: Node, path: str) -> tuple[object, ...] | None:
    """Keys and numbers of a dotted path that the document or, for its last part, the schema has."""
    steps: list[object] = []
    node: Node | None = root
    names = path.split(".")
    for depth, name in enumerate(names):
        step: object = name
        if isinstance(node, ListNode):
            step = item_number(node, name)
            if step is None:
                return None
        below = child(node, step) if node is not None else None
        if below is None:
            owner = annotation_at(tuple(steps))
            last = depth == len(names) - 1
            in_schema = (
                isinstance(node, Mapping)
                and isinstance(owner, type)
                and issubclass(owner, BaseModel)
                and name in owner.model_fields
            )
            in_mapping = isinstance(node, Mapping) and get_origin(owner) is dict and path in _cells(root)
            if not (last and (in_schema or in_mapping)):
                return None
        steps.append(step)
        node = below
    return tuple(steps)


def _cells(root: Node) -> set[str]:
    """Paths of mappings keyed by the case's own names that may be added by an override."""
    powers = child(root, "powers")
    names = [str(key) for key in powers.entries] if isinstance(powers, Mapping) else []
    found: set[str] = set()
    for path, node in _paths(root):
        if path.rpartition(".")[2] in ("to_client", "to_power", "capacity", "leavers") and isinstance(
            node, Mapping
        ):
            found.update(f"{path}.{name}" for name in names)
    return found


def _paths(node: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Every dotted path of a tree with its node."""
    if isinstance(node, Mapping):
        below = [(str(key), value) for key, value in node.entries.items()]
    elif isinstance(node, ListNode):
        below = []
        for number, item in enumerate(node.items):
            identity = child(item, "id")
            below.append((str(identity.value) if isinstance(identity, Scalar) else str(number), item))
    else:
        return
    for name, value in below:
        path = f"{prefix}.{name}" if prefix else name
        yield path, value
        yield from _paths(value, path)


def _nearest_path(root: Node, path: str) -> str:
    """Return the path of the document most like a wrong one."""
    depth = path.count(".")
    paths = [known for known, _ in _paths(root) if abs(known.count(".") - depth) <= 1]
    close = difflib.get_close_matches(path, paths, n=1, cutoff=0.6)
    return close[0] if close else ""


def _all_nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Mapping):
        for value in node.entries.values():
            yield from _all_nodes(value)
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _all_nodes(item)


def _labelled(document: Document, steps: tuple[object, ...], value: Node, at: Position) -> Node:
    """Return the value; a bare number in place of a figure becomes an exact assumption in its unit."""
    meant: Any = annotation_at(steps)
    is_quantity = isinstance(meant, type) and issubclass(meant, Quantity)
    if not (is_quantity and isinstance(value, Scalar)):
        return value
    if isinstance(value.value, bool) or not isinstance(value.value, int | float):
        return value
    entries: dict[Any, Node] = {
        "value": value,
        "sd": Scalar(at, 0, "0"),
        "assumed": Scalar(at, SET, SET),
    }
    old, found = document.find(steps)
    unit = child(old, "unit") if found == len(steps) else None
    if unit is not None:
        entries["unit"] = unit
    return Mapping(at, entries, dict.fromkeys(entries, at))
