"""Section ``trade``: regions, sectors, flows, what is uncertain about them, and the routes of goods."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from tertius.case.quantity import Factor, Flow, Fraction, Multiple, Share, Substitution, TradeElasticity
from tertius.case.schema.base import (
    ISO3,
    Choice,
    Identifier,
    Keyed,
    PowerId,
    Record,
    Ref,
    RegionId,
    SectorId,
    SourceKeys,
    Text,
    WordOrList,
)

__all__ = ["Adjustment", "FlowTable", "Region", "Route", "Sector", "Trade"]

Factors = Literal["specific", "mobile"]


def _members(value: object) -> object:
    if isinstance(value, list | tuple) and value:
        for country in value:
            if not (isinstance(country, str) and re.fullmatch(ISO3, country)):
                raise PydanticCustomError(
                    "members",
                    "{country} is no ISO3 code of three capital letters, such as DEU",
                    {"country": str(country)},
                )
        return tuple(value)
    raise PydanticCustomError("members", "expected a list of ISO3 codes, such as [DEU, FRA], or `rest`")


class Region(Record):
    """A country or group of countries in the flow tables."""

    name: Text = Field(description="Name as a reader sees it.")
    members: Annotated[
        Literal["rest"] | tuple[str, ...], WordOrList("rest", _members, {"type": "string", "pattern": ISO3})
    ] = Field(description="ISO3 codes of its countries, or `rest` for all that are in no other region.")
    note: str | None = Field(None, description="Why these belong together.")


class Sector(Record):
    """A sector: a group of goods or services whose producers compete."""

    name: Text = Field(description="Name as a reader sees it.")
    elasticity: TradeElasticity = Field(
        description="Trade elasticity θ: per cent of trade lost per per cent of cost."
    )
    traded: StrictBool = Field(True, description="`false`: sold at home only.")
    note: str | None = Field(None, description="What it covers, and why the elasticity.")


class FlowTable(Record):
    """The flows of one sector, origin → destination → figure; sales at home are on the diagonal."""

    source: SourceKeys | None = Field(None, description="Source of every plain figure in the table.")
    assumed: str | None = Field(None, min_length=1, description="Why every plain figure was assumed.")
    query: str | None = Field(None, description="The query or table that gave the figures.")
    note: str | None = Field(None, description="Anything a reader should know.")
    table: Keyed[RegionId, Keyed[RegionId, Flow]] = Field(
        description="Origin → destination → figure, in the unit of the section."
    )


class Adjustment(Record):
    """An uncertain factor on a block of flows: how the doubts about the data enter."""

    id: Identifier = Field(description="Its name in paths.")
    sectors: Annotated[Choice, Ref("sector")] = Field(
        "all", description="Sectors; `all` is every traded one."
    )
    origins: Annotated[Choice, Ref("region")] = Field("all", description="Exporting regions.")
    destinations: Annotated[Choice, Ref("region")] = Field("all", description="Importing regions.")
    which: Literal["trade", "domestic", "all"] = Field(
        "trade", description="Flows between regions, sales at home, or both."
    )
    factor: Factor = Field(description="What the figures are multiplied by.")
    note: str | None = Field(None, description="What the doubt is.")


class Route(Record):
    """A route: a limit on the quantity of the flows that run on it.

    With ``share`` and ``alternatives`` its owner can close it; with ``capacity`` it is a standing limit.
    """

    id: Identifier = Field(description="Its name in paths.")
    name: Text | None = Field(None, description="Name as a reader sees it.")
    owner: PowerId | None = Field(None, description="The power that can close it; none: nobody can.")
    sectors: Annotated[Choice, Ref("sector")] = Field(description="Sectors that use it.")
    origins: Annotated[Choice, Ref("region")] = Field(description="Exporting regions that use it.")
    destinations: Annotated[Choice, Ref("region")] = Field(description="Importing regions that use it.")
    share: Share | None = Field(None, description="Share of those flows that runs on the route.")
    alternatives: Fraction | None = Field(
        None, description="What other ways could carry in addition, as a share of those flows at baseline."
    )
    capacity: Multiple | None = Field(
        None, description="The most that those flows can reach, as a multiple of their baseline quantity."
    )
    client_rent: Share = Field(
        description="Share of the scarcity rent that goes to the exporter; the rest is for the owner, or, if "
        "nobody owns the route, to the importer."
    )
    note: str | None = Field(None, description="Anything a reader should know.")

    @model_validator(mode="after")
    def _limits_something(self) -> Route:
        if self.share is None and self.capacity is None:
            raise PydanticCustomError(
                "route",
                "a route needs `share` with `alternatives` (it can be closed), or `capacity` (a limit)",
            )
        if (self.share is None) != (self.alternatives is None):
            raise PydanticCustomError("route", "`share` and `alternatives` go together")
        if self.owner is not None and self.share is None:
            raise PydanticCustomError("route", "a route with an `owner` can be closed: it needs `share`")
        return self


class Trade(Record):
    """Trade by sector between the case's regions."""

    year: StrictInt = Field(ge=1800, le=2200, description="Year of the flows.")
    unit: Text = Field(description="Unit of the flows, such as `billion US$`.")
    regions: dict[Identifier, Region] = Field(
        min_length=2, description="The client, every power, and the rest of the world, by id."
    )
    sectors: dict[Identifier, Sector] = Field(min_length=1, description="Sectors by id.")
    factors: Factors = Field(
        "specific",
        description="Whether what produces is tied to its sector (`specific`) or moves (`mobile`).",
    )
    deficits: Literal["world_share", "proportional", "balanced"] = Field(
        "world_share", description="What becomes of trade deficits when trade changes."
    )
    substitution: Substitution | None = Field(
        None,
        description="Elasticity of substitution between sectors in spending; below 1 they are complements. None: "
        "each sector keeps its share of spending (Cobb–Douglas, 1).",
    )
    flows: Keyed[SectorId, FlowTable] = Field(description="A flow table for every sector.")
    adjust: tuple[Adjustment, ...] = Field((), description="Uncertain factors on blocks of flows.")
    routes: tuple[Route, ...] = Field((), description="Limits on quantity: pipelines, ports, borders.")
    note: str | None = Field(None, description="Anything a reader should know.")
