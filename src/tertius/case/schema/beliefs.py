"""Sections ``observers``, ``history``, ``signals``, ``investors``, ``outlook``: beliefs and the future."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from tertius.case.quantity import Days, NonNegative, Points, Positive, Real, Return, Share, Years
from tertius.case.schema.base import (
    Day,
    DomainId,
    Identifier,
    Iso3,
    Keyed,
    PartialDate,
    PowerId,
    Record,
    Ref,
    SourceKeys,
    Text,
)

__all__ = ["Investors", "Learning", "Observer", "Outlook", "Request", "Signal", "Signals"]


class Observer(Record):
    """Another regime that watches how a power treats those who ask it for help."""

    name: Text = Field(description="Name as a reader sees it.")
    iso3: Iso3 | None = Field(None, description="Its ISO3 code, if it is a country.")
    patrons: tuple[PowerId, ...] = Field((), description="The powers that it could turn to.")
    honoured: Positive = Field(description="a: requests honoured that its first belief is worth.")
    refused: Positive = Field(description="b: requests refused that its first belief is worth.")
    half_life: Years = Field(description="Years after which a request counts half.")
    similarity: Share | None = Field(
        None, description="How like its own case it finds the client's; left out, it does not learn from it."
    )
    reliance: NonNegative | None = Field(
        None, description="By how many per cent it leans more on a power that is one per cent more reliable."
    )
    domain: DomainId | None = Field(None, description="The domain in which it leans on a power.")
    ties: Keyed[PowerId, Share] = Field(
        default_factory=dict, description="Share of each power in its bundle of that domain."
    )
    guarantee_weight: NonNegative | None = Field(
        None,
        description="ω_g: log points that it gives for one log point of its survival; left out, the client's.",
    )
    note: str | None = Field(None, description="Anything a reader should know.")


class Request(Record):
    """A past request for help, honoured or refused."""

    id: Identifier = Field(description="Its name in paths.")
    title: Text | None = Field(None, description="The occasion in words.")
    date: PartialDate = Field(description="When it was made.")
    patron: PowerId = Field(description="The power that was asked.")
    asked_by: Text = Field(description="Who asked.")
    honoured: Share = Field(description="1 if it was honoured, 0 if refused, between if in part.")
    similarity: Keyed[Annotated[str, Ref("observer")], Share] = Field(
        default_factory=dict, description="How like its own case each observer, or the `client`, finds it."
    )
    source: SourceKeys | None = Field(None, description="Where it is told.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Signal(Record):
    """A dated sign of where the client leans."""

    id: Identifier = Field(description="Its name in paths.")
    date: Day = Field(description="When it was given.")
    title: Text = Field(description="The sign in words.")
    kind: Literal["appointment", "law", "statement", "treaty", "visit", "vote", "other"] = Field(
        "other", description="What kind of sign it is."
    )
    loadings: Keyed[PowerId, Real] = Field(
        min_length=1, description="What it says about the tilt towards each power; negative is away from it."
    )
    noise: Positive = Field(description="Standard deviation of its noise, in units of tilt.")
    source: SourceKeys | None = Field(None, description="Where it is told.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Signals(Record):
    """Signs of where the client leans, and how its tilt moves between them."""

    prior_sd: Positive | None = Field(
        None, description="Standard deviation of the tilt before the first sign."
    )
    drift: Positive | None = Field(
        None, description="Standard deviation of the tilt's random walk over one year."
    )
    moved: Positive | None = Field(None, description="By how much the tilt must move to count as a change.")
    events: tuple[Signal, ...] = Field(min_length=1, description="The signs.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Investors(Record):
    """What a crisis does to the return that foreign investors ask for."""

    premium: Points = Field(description="Δρ: rise of the required return.")
    half_life: Years = Field(description="Years after which the premium has halved.")
    base_return: Return = Field(description="ρ₀: required return before the crisis.")
    domain: DomainId = Field("capital", description="The domain that investors supply.")
    delay: Days | None = Field(None, description="Days from the crisis until the premium is asked.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Learning(Record):
    """How fast late-comers learn in a domain where exposure counts."""

    rate: Keyed[PowerId, NonNegative] = Field(
        min_length=1, description="Log points of supply that a year of exposure adds, by power."
    )
    exposure: Keyed[PowerId, NonNegative] = Field(
        default_factory=dict, description="Exposure of each power in a year, relative to the most exposed."
    )


class Outlook(Record):
    """How levers change over the coming years."""

    horizon: Annotated[StrictInt, Field(ge=1, le=100)] = Field(10, description="Years to look ahead.")
    drift: Keyed[Annotated[str, Ref("any_domain")], Keyed[PowerId, Real]] = Field(
        default_factory=dict,
        description="Yearly change of a power's supply, log points, by domain; in `trade`, of its share.",
    )
    learning: Keyed[DomainId, Learning] = Field(
        default_factory=dict, description="Learning, by domain where exposure counts."
    )
    fall: Positive | None = Field(
        None, description="By how many effective powers the balance must fall to count as ended."
    )
    note: str | None = Field(None, description="Anything a reader should know.")
