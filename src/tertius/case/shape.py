"""First pass of a check: whether a file has the shape of a case.

Pydantic says what does not fit; here each of its errors becomes a sentence about the file, with the place,
what was expected and the nearest valid name.
"""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tertius.case.document import Document, Mapping, Scalar, child, replaced
from tertius.case.problems import Problem, nearest
from tertius.case.quantity import HOWTO, Quantity
from tertius.case.schema.root import Case

__all__ = ["annotation_at", "below", "respelt", "salvage", "shape"]

Path = tuple[Any, ...]

PLACEHOLDERS: dict[str, Any] = {
    "tertius": 1,
    "id": "unnamed",
    "title": "?",
    "question": "?",
    "date": "2000-01-01",
    "client": {"id": "unnamed", "name": "?", "iso3": "XXX"},
    "powers": {"unnamed": {"name": "?", "members": ["XXX"]}},
}
"""Stand in for required fields that are broken, so that the rest of a broken case can still be checked."""

KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "finite_number": "a finite number",
}

PATTERNS = {
    r"^[a-z][a-z0-9_]*$": "a name of small letters, digits and `_` that starts with a letter",
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "small letters and digits joined by `-`, such as `kazakhstan-2022`",
    r"^[A-Za-z0-9][A-Za-z0-9_:-]*$": "a key of letters, digits, `_`, `:` and `-`",
    r"^[A-Z]{3}$": "an ISO3 code of three capital letters, such as DEU",
}


def below(annotation: Any, step: object) -> Any:
    """Return the type one step below a type: a field of a record, a value of a mapping, an item of a list."""
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        info = annotation.model_fields.get(str(step))
        return None if info is None else info.annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return arguments[1]
    if origin is tuple and isinstance(step, int):
        return arguments[0] if arguments[-1] is Ellipsis else arguments[min(step, len(arguments) - 1)]
    return None


def _bare(annotation: Any) -> Any:
    """Return a type without its annotations and without ``None`` or ``all`` as an alternative."""
    while True:
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation = arguments[0]
        elif origin in (Union, types.UnionType):
            rest = [a for a in arguments if a is not types.NoneType and get_origin(_inner(a)) is not Literal]
            if not rest:
                return annotation
            annotation = rest[0]
        else:
            return annotation


def _inner(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def annotation_at(path: Path) -> Any:
    """Return the type that the schema has for a path, without its annotations; ``None`` if it has none."""
    annotation: Any = Case
    for step in path:
        annotation = below(annotation, step)
        if annotation is None:
            return None
    return _bare(annotation)


def shape(document: Document) -> tuple[Case | None, list[Problem]]:
    """Validate a document.

    Returns
    -------
    case
        The case, or ``None`` if it does not have the shape of one.
    problems
        What does not fit, one for each place.
    """
    try:
        return Case.model_validate(document.plain()), []
    except ValidationError as failure:
        problems: dict[tuple[Path, str], Problem] = {}
        errors = failure.errors(include_url=False)
        for error in errors:
            # Pydantic counts only the items of a list that validate.
            if error["type"] == "too_short" and any(
                other is not error and other["loc"][: len(error["loc"])] == error["loc"] for other in errors
            ):
                continue
            problem, where = _problem(error, document)
            problems.setdefault((where, problem.code), problem)
        return None, list(problems.values())


def respelt(document: Document) -> Document:
    """Put a section whose name is misspelt under the name that it means, if there is none of that name.

    The misspelling is reported where it stands; what refers to entries of the section need not be reported as well.
    """
    root = document.root
    if not isinstance(root, Mapping):
        return document
    names = tuple(Case.model_fields)
    for key in [key for key in root.entries if key not in names]:
        meant = nearest(str(key), names)
        if meant and meant not in root.entries:
            moved = replaced(root, (meant,), root.entries[key], root.keys[key])
            assert isinstance(moved, Mapping)
            moved.entries.pop(key)
            root = moved
    return document if root is document.root else Document(root, document.file)


def salvage(document: Document) -> tuple[Case | None, Document]:
    """Take out of a broken document all that does not fit, as far as what is left makes a case.

    Nodes from which something was taken are marked as damaged in the document returned.
    """
    for _ in range(40):
        try:
            return Case.model_validate(document.plain()), document
        except ValidationError as failure:
            before = document
            # From the last to the first, so that numbers of list items before them stay right.
            places = {_removable(error, document) for error in failure.errors(include_url=False)}
            for place in sorted(places, key=_order, reverse=True):
                if place:
                    document = _without(document, place)
            if document is before:
                break
    return None, document


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((step, "") if isinstance(step, int) else (-1, str(step)) for step in path)


def _removable(error: ErrorDetails, document: Document) -> Path:
    """Return what to take out because of an error: the deepest thing there that is not required."""
    path, _ = _split(error, document)
    if error["type"] == "missing":
        path = path[:-1]
    while path:
        parent = annotation_at(path[:-1])
        if isinstance(parent, type) and issubclass(parent, BaseModel) and not issubclass(parent, Quantity):
            info = parent.model_fields.get(str(path[-1]))
            if info is None or not info.is_required() or parent is Case:
                return path
        elif get_origin(parent) is dict or (get_origin(parent) is tuple and get_args(parent)[-1] is Ellipsis):
            return path
        path = path[:-1]
    name = str(error["loc"][0]) if error["loc"] else ""
    return (name,) if error["type"] == "missing" and name in PLACEHOLDERS else ()


def _without(document: Document, path: Path) -> Document:
    root = document.root
    _, found = document.find(path)
    if len(path) == 1 and path[0] in PLACEHOLDERS:
        stand_in = _node(PLACEHOLDERS[path[0]], root)
        return Document(replaced(root, path, stand_in), document.file)
    if found < len(path):
        return document
    return Document(replaced(root, path, None), document.file)


def _node(value: Any, like: Any) -> Any:
    """Return a node for a plain value, at the place of another node."""
    if isinstance(value, dict):
        entries = {key: _node(entry, like) for key, entry in value.items()}
        return Mapping(like.at, entries, dict.fromkeys(entries, like.at), damaged=True)
    if isinstance(value, list):
        from tertius.case.document import Sequence

        return Sequence(like.at, [_node(entry, like) for entry in value], damaged=True)
    return Scalar(like.at, value, str(value))


def _split(error: ErrorDetails, document: Document) -> tuple[Path, bool]:
    """Return the path of an error in the document, and whether it is about a key.

    A quantity's own errors name the field of it that they are about.
    """
    path: list[Any] = []
    about_key = False
    for step in error["loc"]:
        if step == "[key]":
            about_key = True
            break
        path.append(step)
    field = (error.get("ctx") or {}).get("field")
    if field is not None and error["type"] == "quantity_field":
        _, found = document.find((*path, field))
        if found == len(path) + 1:
            path.append(field)
    return tuple(path), about_key


def _problem(error: ErrorDetails, document: Document) -> tuple[Problem, Path]:
    path, about_key = _split(error, document)
    code, message, expected, near = _words(error, path, about_key, document)
    names_key = about_key or error["type"] == "extra_forbidden"
    at = document.at(path, key=names_key)
    return (
        Problem(
            "error",
            code,
            message,
            at.file,
            at.line,
            at.column,
            path=document.dotted(path),
            expected=expected,
            nearest=near,
        ),
        path,
    )


def _words(error: ErrorDetails, path: Path, about_key: bool, document: Document) -> tuple[str, str, str, str]:
    """Code, message, what was expected, and the nearest valid name."""
    kind, context = error["type"], error.get("ctx") or {}
    name = str(path[-1]) if path else ""
    owner = annotation_at(path[:-1]) if path else None
    place = f"`{document.dotted(path[:-1])}`" if path[:-1] else "the case"
    if kind == "missing":
        if owner is not None and _is_record(owner):
            return (
                "missing",
                f"{place} has no `{name}`",
                (owner.model_fields[name].description or "").rstrip("."),
                "",
            )
        return "shape", _count_needed(path, annotation_at(path[:-1])), "", ""
    if kind == "extra_forbidden":
        fields = list(owner.model_fields) if owner is not None and _is_record(owner) else []
        near = nearest(name, fields)
        present, found = document.find(path[:-1])
        if near and found == len(path) - 1 and child(present, near) is not None:
            near = ""
        if " " in name and error["input"] is None:
            return "unknown-field", f"{place} has no field `{name}`", "quotes around text with a comma", ""
        return "unknown-field", f"{place} has no field `{name}`", "" if near else _listed(fields), near
    if kind in ("too_short", "too_long"):
        return "shape", _count_needed(path, annotation_at(path)), "", ""
    if kind == "literal_error":
        allowed = _allowed(path)
        shown = _shown(error["input"])
        near = nearest(error["input"], allowed) if isinstance(error["input"], str) else ""
        return (
            "choice",
            f"`{name}` cannot be {shown}",
            _listed(allowed) or str(context.get("expected", "")),
            near,
        )
    if kind == "string_pattern_mismatch":
        wanted = PATTERNS.get(str(context.get("pattern")), "another form of name")
        return (
            "name",
            f"{_shown(error['input'])} is no valid {'key' if about_key else 'name'} here",
            wanted,
            "",
        )
    if kind == "string_too_short":
        return "shape", f"`{name}` is empty", "some text", ""
    if kind in KINDS:
        wanted = KINDS[kind]
        given = error["input"]
        if about_key:
            return "name", f"the key {_shown(given)} is no text", "put it in quotes if it is a name", ""
        hint = ""
        if (
            isinstance(given, str)
            and kind in ("int_type", "float_type")
            and given.strip("0123456789._,% ") == ""
        ):
            hint = ": write it without quotes, thousands marks or signs"
        return "shape", f"`{name}` is {_shown(given)}{hint}", wanted, ""
    if kind == "quantity":
        return "quantity", f"`{name}` is {_shown(error['input'])}", HOWTO, ""
    if kind == "quantity_form":
        return "quantity", f"`{name}` has no figure", f"one of {context['forms']}", ""
    if kind == "quantity_field":
        return "quantity", f"{_quantity_name(path, context)}: {context['message']}", "", ""
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        sign = {"greater_than": "above", "greater_than_equal": "at least", "less_than": "below"}.get(
            kind, "at most"
        )
        limit = next(iter(context.values()))
        return "shape", f"`{name}` is {_shown(error['input'])}", f"a number {sign} {limit:g}", ""
    return "shape", f"`{name}`: {_sentence(error['msg'])}" if name else _sentence(error["msg"]), "", ""


def _is_record(owner: Any) -> bool:
    return isinstance(owner, type) and issubclass(owner, BaseModel)


def _quantity_name(path: Path, context: dict[str, Any]) -> str:
    field = context.get("field")
    inner = path[:-1] if path and path[-1] == field else path
    return f"`{inner[-1]}`" if inner else "the figure"


def _count_needed(path: Path, annotation: Any) -> str:
    name = str(path[-1]) if path and not isinstance(path[-1], int) else str(path[-2]) if len(path) > 1 else ""
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and arguments and arguments[-1] is not Ellipsis:
        forms = {
            "range": "[lowest, highest]",
            "triangular": "[lowest, most likely, highest]",
            "lognormal": "[median, standard deviation of the logarithm]",
            "beta": "[a, b]",
            "between": "[path, path]",
        }
        return f"`{name}` needs {len(arguments)} items: {forms.get(name, 'a list')}"
    return f"`{name}` has too few entries"


def _allowed(path: Path) -> list[str]:
    owner = annotation_at(path[:-1])
    if not _is_record(owner):
        return []
    info = owner.model_fields.get(str(path[-1]))
    return [] if info is None else _literals(info.annotation)


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return [value for argument in get_args(annotation) for value in _literals(argument)]


def _listed(names: list[str]) -> str:
    return "one of " + ", ".join(names) if len(names) > 1 else names[0] if names else ""


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:]
