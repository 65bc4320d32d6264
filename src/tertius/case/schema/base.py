"""What all sections are made of: closed records, names, references to names, and dates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from tertius.case.quantity import Ref, SourceKeys

__all__ = [
    "ISO3",
    "CaseId",
    "Choice",
    "Day",
    "DomainId",
    "Identifier",
    "Iso3",
    "Keyed",
    "PartialDate",
    "PartyId",
    "PowerId",
    "Record",
    "Ref",
    "RegionId",
    "SectorId",
    "Source",
    "SourceKeys",
    "SupplierId",
    "Text",
    "WordOrList",
]

T = TypeVar("T")
K = TypeVar("K")


class Record(BaseModel):
    """A closed, frozen group of fields: a field that the schema does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ISO3 = r"^[A-Z]{3}$"
"""Pattern of an ISO3 code."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
CaseId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
SourceKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_:-]*$")]
Iso3 = Annotated[str, StringConstraints(pattern=ISO3)]

PowerId = Annotated[str, Ref("power")]
SupplierId = Annotated[str, Ref("supplier")]
PartyId = Annotated[str, Ref("party")]
RegionId = Annotated[str, Ref("region")]
SectorId = Annotated[str, Ref("sector")]
DomainId = Annotated[str, Ref("domain")]

Keyed = Annotated[dict[K, T], AfterValidator(lambda entries: dict(sorted(entries.items())))]
"""A mapping keyed by names that are declared elsewhere: their order there counts, the order here does not."""


class WordOrList:
    """Validates one certain word or a list, with one error for both instead of one for each.

    Parameters
    ----------
    word
        The word.
    validate
        What makes a tuple of everything else, or raises.
    items
        JSON schema of the list's items.
    """

    __slots__ = ("items", "validate", "word")

    def __init__(self, word: str, validate: Callable[[object], object], items: JsonSchemaValue) -> None:
        self.word, self.validate, self.items = word, validate, items

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if value == self.word else self.validate(value),
            serialization=core_schema.plain_serializer_function_ser_schema(_choice_out),
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"const": self.word}, {"type": "array", "items": self.items, "minItems": 1}]}


def _names(value: object) -> object:
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise PydanticCustomError("all_or_list", "expected `all` or a list of names, such as [a, b]")


def _choice_out(value: str | tuple[str, ...]) -> object:
    return value if isinstance(value, str) else list(value)


Choice = Annotated[Literal["all"] | tuple[str, ...], WordOrList("all", _names, {"type": "string"})]
"""``all`` or a list of names."""


def _day(value: object) -> object:
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError as error:
            raise PydanticCustomError(
                "date", "{value} is no date in the calendar", {"value": value}
            ) from error
    raise PydanticCustomError("date", "expected a date, written 2022-01-05")


def _partial_date(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", text):
        try:
            dt.date.fromisoformat((text + "-01-01")[:10] if len(text) < 10 else text)
        except ValueError as error:
            raise PydanticCustomError(
                "date", "{value} is no date in the calendar", {"value": text}
            ) from error
        return text
    raise PydanticCustomError("date", "expected a date, written 2022, 2022-01 or 2022-01-05")


Day = Annotated[dt.date, BeforeValidator(_day)]
PartialDate = Annotated[str, BeforeValidator(_partial_date, json_schema_input_type=str | int)]


class Source(Record):
    """An entry of the bibliography."""

    title: Text = Field(description="Title of the article, book, data set, page ...")
    author: str | None = Field(None, description="Author or publishing body.")
    date: PartialDate | None = Field(None, description="When it was published: 2022, 2022-01 or 2022-01-05.")
    url: str | None = Field(None, description="Address, if it has one.")
    kind: (
        Literal[
            "article",
            "book",
            "chapter",
            "dataset",
            "interview",
            "law",
            "news",
            "paper",
            "poll",
            "report",
            "speech",
            "statement",
            "statistics",
            "treaty",
            "web",
        ]
        | None
    ) = Field(None, description="What kind of source it is.")
    revision: str | None = Field(None, description="Version or vintage of a data set.")
    accessed: PartialDate | None = Field(None, description="When it was read or fetched.")
    pages: str | None = Field(None, description="Pages or table.")
    licence: str | None = Field(None, description="Licence of a data set.")
    note: str | None = Field(None, description="Anything a reader should know.")
