"""Sections ``concessions`` and ``issues``: what can be asked of the client, and tables of bargaining."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool

from tertius.case.quantity import Capacity, Degree, LogPoints, NonNegative, Score, Share, SignedLogPoints
from tertius.case.schema.base import Choice, Identifier, Keyed, PowerId, Record, Ref, SourceKeys, Text

__all__ = ["Actor", "Answer", "Concession", "Issue"]


class Answer(Record):
    """How a third party would answer a concession."""

    probability: Share = Field(description="Probability that it answers by withdrawing.")
    degree: Degree = Field(description="Degree to which it would withdraw.")
    domains: Annotated[Choice, Ref("any_domain")] = Field("all", description="Domains, `trade` among them.")


class Concession(Record):
    """Something that a power could demand of the client."""

    title: Text = Field(description="The concession in words.")
    patron: PowerId = Field(description="The power that could demand it.")
    value: LogPoints = Field(description="v: what it is worth to the power.")
    refused: LogPoints = Field(description="e: what a demand refused costs the power.")
    backing_down: LogPoints = Field(description="b: what backing down from its threat costs the power.")
    reputation: SignedLogPoints = Field(
        description="k: what carrying out its threat earns the power; below zero where it frightens its friends."
    )
    cost: LogPoints = Field(description="c: what granting it costs the client at home.")
    public_weight: NonNegative | None = Field(
        None, description="Factor on that cost for the weight of the public."
    )
    ingratitude: LogPoints | None = Field(
        None,
        description="u: what refusing its rescuer costs the client, beyond any threat; left out, gratitude is no "
        "lever.",
    )
    own_damage: Share | None = Field(
        None,
        description="Share of what third parties' answers cost the client that the power makes good; what they cost "
        "it through trade is computed.",
    )
    rationality: Capacity | None = Field(
        None,
        description="λ, per log point, `.inf` never errs; left out, that of the rescue, and without one `.inf`.",
    )
    answers: Keyed[PowerId, Answer] = Field(
        default_factory=dict, description="Third parties that may answer by withdrawing."
    )
    threats: Annotated[Choice, Ref("threat")] = Field(
        "all", description="Domains that the power can threaten to withdraw."
    )
    control: StrictBool = Field(
        False, description="Whether it stands here as a control that nobody expected to be demanded."
    )
    source: SourceKeys | None = Field(None, description="Where it was asked for or expected.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Actor(Record):
    """One side of a bargain."""

    name: Text | None = Field(None, description="Name, for an actor that is neither the client nor a power.")
    position: Score = Field(description="Where it stands, 0 to 100.")
    salience: Score = Field(description="How much it cares, 0 to 100.")
    capability: Score | None = Field(
        None, description="What it can bring to bear, 0 to 100; a power's may be left to its levers."
    )


class Issue(Record):
    """A question on which actors take positions between 0 and 100."""

    title: Text = Field(description="The question in words.")
    zero: Text = Field(description="What 0 means.")
    hundred: Text = Field(description="What 100 means.")
    status_quo: Score | None = Field(None, description="Where things stand, and stay without agreement.")
    actors: dict[Identifier, Actor] = Field(min_length=2, description="The actors by id.")
    note: str | None = Field(None, description="Anything a reader should know.")
