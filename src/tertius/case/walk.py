"""Walking over a validated case by its annotations: every quantity, and every name that refers to another.

What a field is – a quantity, a reference, a record – is read off the schema once for each type, so that a
field added to the schema is found without a line here.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from tertius.case.quantity import Quantity, Ref

__all__ = ["Found", "walk"]


@dataclass(frozen=True, slots=True)
class Found:
    """A quantity or a reference.

    Attributes
    ----------
    path
        Keys and list numbers from the root.
    names
        The same with list items named by their ``id``: the parts of the dotted path.
    value
        The :class:`Quantity`, or the name referred to.
    kind
        What the name refers to; blank for a quantity.
    key
        Whether the name is the key of a mapping.
    """

    path: tuple[str | int, ...]
    names: tuple[str, ...]
    value: Any
    kind: str = ""
    key: bool = False

    @property
    def dotted(self) -> str:
        """The dotted path."""
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a type holds that is worth a visit."""

    what: str
    ref: str = ""
    key: str = ""
    fields: tuple[tuple[str, _Plan], ...] = ()
    item: _Plan | None = None


def walk(record: BaseModel, path: tuple[str | int, ...] = (), names: tuple[str, ...] = ()) -> Iterator[Found]:
    """Every quantity and reference of a record, in the order of the schema and of the record's mappings."""
    plan = _plan(type(record))
    if plan is not None:
        yield from _visit(plan, record, path, names)


def _visit(plan: _Plan, value: Any, path: tuple[str | int, ...], names: tuple[str, ...]) -> Iterator[Found]:
    if value is None:
        return
    if plan.what == "quantity":
        yield Found(path, names, value)
        for number, key in enumerate(value.source or ()):
            yield Found((*path, "source", number), (*names, "source"), key, "source")
    elif plan.what == "ref":
        if isinstance(value, tuple):
            for number, name in enumerate(value):
                yield Found((*path, number), (*names, str(number)), name, plan.ref)
        elif value != "all":
            yield Found(path, names, value, plan.ref)
    elif plan.what == "record":
        for name, below in plan.fields:
            yield from _visit(below, getattr(value, name), (*path, name), (*names, name))
    elif plan.what == "dict":
        for key, entry in value.items():
            here, named = (*path, key), (*names, str(key))
            if plan.key:
                yield Found(here, named, key, plan.key, key=True)
            if plan.item is not None:
                yield from _visit(plan.item, entry, here, named)
    elif plan.item is not None:
        for number, entry in enumerate(value):
            identity = getattr(entry, "id", number)
            yield from _visit(plan.item, entry, (*path, number), (*names, str(identity)))


@cache
def _plan(annotation: Any) -> _Plan | None:
    if isinstance(annotation, type) and issubclass(annotation, Quantity):
        return _Plan("quantity")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = []
        for name, info in annotation.model_fields.items():
            ref = next((m.kind for m in info.metadata if isinstance(m, Ref)), "")
            inner: Any = info.annotation
            below = _Plan("ref", ref) if ref else _plan(inner)
            if below is not None:
                fields.append((name, below))
        return _Plan("record", fields=tuple(fields)) if fields else None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        ref = next((m.kind for m in arguments[1:] if isinstance(m, Ref)), "")
        return _Plan("ref", ref) if ref else _plan(arguments[0])
    if origin in (Union, types.UnionType):
        plans = [plan for argument in arguments if (plan := _plan(argument)) is not None]
        return plans[0] if plans else None
    if origin is dict:
        key, item = _plan(arguments[0]), _plan(arguments[1])
        if key is None and item is None:
            return None
        return _Plan("dict", key=key.ref if key is not None else "", item=item)
    if origin is tuple:
        item = _plan(arguments[0])
        return _Plan("list", item=item) if item is not None else None
    return None
