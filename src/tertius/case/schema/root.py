"""The whole case: who it is about, its sections, its claims and its bibliography."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, PrivateAttr, StrictInt
from pydantic_core import PydanticCustomError

from tertius.case.document import Document
from tertius.case.problems import Position, Problem
from tertius.case.quantity import LogPoints
from tertius.case.schema.bargains import Concession, Issue
from tertius.case.schema.base import (
    CaseId,
    Day,
    Identifier,
    Iso3,
    Keyed,
    PartialDate,
    Record,
    Ref,
    Source,
    SourceKey,
    SourceKeys,
    Text,
)
from tertius.case.schema.beliefs import Investors, Observer, Outlook, Request, Signals
from tertius.case.schema.crisis import Crisis, Rescue, Treaty
from tertius.case.schema.domains import Domain, Exit
from tertius.case.schema.trade import Trade

if TYPE_CHECKING:
    from tertius.case.inputs import Input

__all__ = ["Case", "Claim", "Client", "Correlation", "Outcome", "Power"]


class Client(Record):
    """The country that the case is about."""

    id: Identifier = Field(description="Its name in paths and claims.")
    name: Text = Field(description="Name as a reader sees it.")
    iso3: Iso3 = Field(description="Its ISO3 code.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Power(Record):
    """A country, or a bloc of countries, that contends for the client."""

    name: Text = Field(description="Name as a reader sees it.")
    members: Annotated[tuple[Iso3, ...], Field(min_length=1)] = Field(
        description="ISO3 codes of its countries."
    )
    carrying_out: Keyed[Annotated[str, Ref("threat")], LogPoints] = Field(
        default_factory=dict,
        description="What carrying out a threat against the client costs the power, beyond its own ties and the "
        "client's fragility: tolls lost, third parties that answer it. By domain, with `transit` and `guarantee`.",
    )
    note: str | None = Field(None, description="Why these count as one power.")


class Correlation(Record):
    """A correlation between two uncertain inputs."""

    between: tuple[Annotated[str, Ref("input")], Annotated[str, Ref("input")]] = Field(
        description="Dotted paths of the two inputs."
    )
    value: Annotated[float, Field(strict=True, gt=-1, lt=1)] = Field(
        description="Correlation of their normal scores."
    )
    source: SourceKeys | None = Field(None, description="Where it was read.")
    assumed: str | None = Field(None, min_length=1, description="Why it was assumed.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Claim(Record):
    """A statement that the study tests."""

    id: Identifier = Field(description="Its name.")
    number: Annotated[StrictInt, Field(ge=1)] | None = Field(None, description="Its number in the argument.")
    text: Text = Field(description="The statement in plain words.")
    expression: str | None = Field(
        None, description="The statement in the language of claims; left out if nothing computes it yet."
    )
    note: str | None = Field(None, description="Anything a reader should know.")
    asserts: tuple[Annotated[str, Ref("input")], ...] = Field(
        (), description="Dotted paths of inputs that assert the claim itself."
    )


def _verdict(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    raise PydanticCustomError("verdict", "expected `true`, `false` or a number")


class Outcome(Record):
    """What happened afterwards: for scoring only, no model sees it."""

    id: Identifier = Field(description="Its name.")
    date: PartialDate | None = Field(None, description="When it was known.")
    text: Text = Field(description="What happened, in words.")
    claim: Annotated[str, Ref("claim")] | None = Field(None, description="The claim that it bears on.")
    forecast: Literal["lawful", "sends", "comes", "survives_alone"] | None = Field(
        None,
        description="The probability of the crisis that it settles, `true` or `false` being its value: that the "
        "request is lawful, that the power asked sends, that it comes, that the regime survives without help.",
    )
    value: Annotated[
        bool | int | float | None,
        PlainValidator(_verdict, json_schema_input_type=bool | float | None),
    ] = Field(None, description="Whether the claim held, or a figure.")
    unit: str | None = Field(None, description="Unit of a figure.")
    source: SourceKeys | None = Field(None, description="Where it is told.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Case(Record):
    """A case: what an analyst states, each figure with its source or called an assumption.

    Attributes
    ----------
    warnings
        What is allowed but should be looked at.
    digest
        SHA-256 of :meth:`canonical_json`, in hexadecimal.
    """

    tertius: Literal[1] = Field(description="Version of the schema.")
    id: CaseId = Field(description="Short name, such as `kazakhstan-2022`.")
    title: Text = Field(description="Title of the brief.")
    question: Text = Field(description="The question that the brief answers.")
    date: Day = Field(description="The day on which the question is asked.")
    client: Client = Field(description="The country that the case is about.")
    powers: dict[Identifier, Power] = Field(
        min_length=1, description="The powers by id; their order is the order of display."
    )
    trade: Trade | None = Field(None, description="Trade by sector between regions.")
    domains: dict[Identifier, Domain] = Field(
        default_factory=dict, description="Domains besides trade, by id."
    )
    exits: dict[Identifier, Exit] = Field(
        default_factory=dict, description="The what-ifs by id; the first is the headline."
    )
    crisis: Crisis | None = Field(None, description="The regime in danger.")
    treaties: dict[Identifier, Treaty] = Field(
        default_factory=dict, description="Treaties that help could rest on."
    )
    rescue: Rescue | None = Field(None, description="The request for help and who could answer it.")
    concessions: dict[Identifier, Concession] = Field(
        default_factory=dict, description="What a power could demand of the client."
    )
    issues: dict[Identifier, Issue] = Field(default_factory=dict, description="Tables of bargaining.")
    observers: dict[Identifier, Observer] = Field(
        default_factory=dict, description="Other regimes that watch."
    )
    history: tuple[Request, ...] = Field((), description="Past requests for help.")
    signals: Signals | None = Field(None, description="Signs of where the client leans.")
    investors: Investors | None = Field(None, description="What a crisis does to investors.")
    outlook: Outlook | None = Field(None, description="The coming years.")
    correlations: tuple[Correlation, ...] = Field((), description="Correlations between uncertain inputs.")
    claims: tuple[Claim, ...] = Field((), description="The statements that the study tests.")
    outcomes: tuple[Outcome, ...] = Field((), description="What happened afterwards, for scoring only.")
    sources: Annotated[
        dict[SourceKey, Source], AfterValidator(lambda entries: dict(sorted(entries.items())))
    ] = Field(default_factory=dict, description="The bibliography, by key.")

    _document: Document | None = PrivateAttr(None)
    _warnings: tuple[Problem, ...] = PrivateAttr(())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, unvalidated as pydantic's is, that works out its inputs and its digest anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("_inputs", "_canonical", "digest"):
            copied.__dict__.pop(name, None)
        return copied

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed but should be looked at, in the order of the file."""
        return self._warnings

    def source_position(self, path: str) -> Position | None:
        """Where a dotted path stands in the case's file; ``None`` if it does not stand in a file."""
        if self._document is None:
            return None
        steps = self._document.locate(path)
        return None if steps is None else self._document.at(steps, key=True)

    def inputs(self) -> tuple[Input, ...]:
        """Every figure of the sections that models read, uncertain or exact, with its home."""
        return self._inputs

    @cached_property
    def _inputs(self) -> tuple[Input, ...]:
        from tertius.case.inputs import collect

        return collect(self)

    def canonical_json(self) -> str:
        """Return the whole case as JSON: fields in the schema's order, defaults filled in, no layout.

        The order of names that a case declares (powers, domains, exits ...) is kept, since it is the order of
        display and of draws; the order of keys that refer to such names is not.
        """
        return self._canonical

    @cached_property
    def _canonical(self) -> str:
        content = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of :meth:`canonical_json`, in hexadecimal."""
        return hashlib.sha256(self._canonical.encode()).hexdigest()
