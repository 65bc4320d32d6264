"""Sections ``crisis``, ``treaties`` and ``rescue``: the regime in danger, who may help, and at what cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from tertius.case.quantity import (
    Capacity,
    CostOfCollapse,
    Days,
    Factor,
    LogPoints,
    Money,
    NonNegative,
    People,
    Points,
    Positive,
    Real,
    Share,
    SignedLogPoints,
    Years,
)
from tertius.case.schema.base import Day, DomainId, Iso3, Keyed, PowerId, Record, Ref, SourceKeys, Text

__all__ = [
    "Candidate",
    "Costs",
    "Crisis",
    "Doors",
    "FirstBelief",
    "Motives",
    "PublicSignal",
    "Rescue",
    "Treaty",
]


class Crisis(Record):
    """A regime whose security services must choose between obeying and sitting it out."""

    start: Day | None = Field(None, description="First day of the crisis.")
    strength: Real = Field(
        description="μ, mean of the public belief on the regime's strength: the share of security services "
        "that must sit out for it to fall."
    )
    public_precision: Positive = Field(description="α, precision (one over the variance) of that belief.")
    private_precision: Positive = Field(description="β, precision of what each unit sees for itself.")
    cost: Share = Field(
        description="c, cost of sitting out if the regime stands, of the gain if it falls (1)."
    )
    restoration: Share = Field(
        description="κ: order is restored at once where fewer than κ × strength sit out; above, it drags on."
    )
    damage: NonNegative = Field(description="χ, strength lost per log point of income lost.")
    income_loss: LogPoints | None = Field(None, description="Income lost through the crisis itself.")
    guarantee_weight: NonNegative | None = Field(
        None, description="ω_g: log points that the leadership gives for one log point of its survival."
    )
    private_news: NonNegative | None = Field(
        None, description="Precision of the fresh private information that each day brings."
    )
    public_news: NonNegative | None = Field(
        None, description="Precision of the fresh public information that each day brings."
    )
    days: Days | None = Field(None, description="Length of the acute phase.")
    casualties: People | None = Field(None, description="People killed.")
    security_forces: People | None = Field(None, description="Size of the country's own forces.")
    repression: Share | None = Field(
        None, description="Probability that order can only be restored by breaking up protests by force."
    )
    note: str | None = Field(None, description="Anything a reader should know.")


class Treaty(Record):
    """A treaty on which a request for help could rest."""

    name: Text = Field(description="Name as a reader sees it.")
    members: Annotated[tuple[Iso3, ...], Field(min_length=2)] = Field(
        description="ISO3 codes of its parties."
    )
    in_force: Day | None = Field(None, description="Day on which it entered into force.")
    obligation: Literal["defence", "consultation", "neutrality", "nonaggression", "none"] = Field(
        description="What its members must do when one of them is attacked or threatened."
    )
    covers: Literal["external", "internal", "any"] = Field(
        description="The threats that it covers: from outside, from inside, or both."
    )
    request_clause: StrictBool = Field(description="Whether a member may ask for help under it.")
    consensus: StrictBool = Field(False, description="Whether all members must agree.")
    gate: Share | None = Field(
        None, description="Probability that a request passes as lawful under it, where its text leaves doubt."
    )
    provisions: tuple[Text, ...] = Field((), description="The provisions that matter, in words.")
    source: SourceKeys | None = Field(None, description="Where its text was read.")
    note: str | None = Field(None, description="Anything a reader should know.")


class PublicSignal(Record):
    """Public news about the regime's strength."""

    strength: Real = Field(description="What the news says about strength, relative to the belief before it.")
    precision: Positive = Field(description="Precision of the news.")


class Doors(Record):
    """The doors through which help from outside works, kept apart."""

    force: Real | None = Field(None, description="f: by how much the troops raise the regime's strength.")
    signal: PublicSignal | None = Field(
        None, description="That force stands behind the regime, as public news."
    )
    fear: Share | None = Field(None, description="c′: cost of sitting out once help has come.")
    plea: PublicSignal | None = Field(
        None, description="That the regime had to ask, as public news before help is certain."
    )


class Motives(Record):
    """What the rescue is worth to the power, in its own log points."""

    own_security: CostOfCollapse = Field(description="H: what the collapse of the client would cost it.")
    drawn_out: Share = Field(description="ζ: a drawn-out crisis as a share of a collapse.")
    friendly_regime: LogPoints = Field(description="V: what keeping the friendly regime is worth.")
    credibility: NonNegative = Field(
        description="R: log points for one log point of what others believe about its reliability."
    )
    influence: NonNegative = Field(description="I: log points for one log point of lever over the client.")


class Costs(Record):
    """What sending would cost the power."""

    unit_cost: Money | None = Field(None, description="Cost of one soldier for one day.")
    per_money: NonNegative | None = Field(None, description="Log points for each million US$.")
    casualties: Share | None = Field(None, description="Probability that its troops suffer casualties.")
    casualties_approval: Points | None = Field(None, description="a: approval lost to casualties.")
    long_stay: Share | None = Field(None, description="Probability that the stay becomes a long one.")
    long_stay_approval: Points | None = Field(None, description="b: approval lost to a long stay.")
    per_approval: NonNegative | None = Field(None, description="Log points for each point of approval.")
    break_up_protests: Share | None = Field(
        None, description="Probability that its troops must break up protests."
    )
    disgrace: LogPoints | None = Field(None, description="g: what breaking up protests costs its name.")


class Candidate(Record):
    """A power that could be asked for help."""

    treaty: Annotated[str, Ref("treaty")] | None = Field(
        None, description="The treaty that a request would rest on."
    )
    gate: Share | None = Field(None, description="Probability that there is a lawful way, without a treaty.")
    sends: Share | None = Field(
        None, description="Probability of sending if asked, where its decision is not modelled by `motives`."
    )
    troops: People | None = Field(None, description="Troops sent.")
    arrival: Days | None = Field(None, description="Days from the request to arrival.")
    stay: Days | None = Field(None, description="Days of stay.")
    doors: Doors | None = Field(None, description="How its help would work.")
    motives: Motives | None = Field(None, description="What the rescue is worth to it.")
    costs: Costs | None = Field(None, description="What sending would cost it.")
    trust: Share | None = Field(None, description="Share of the client's public that trusts it, from a poll.")
    elite_knowledge: Factor | None = Field(
        None, description="Factor on what its help is worth, for how well it knows the client's elite."
    )
    dependence: SignedLogPoints | None = Field(
        None, description="What owing it the rescue costs the client, besides the lever of the guarantee."
    )
    note: str | None = Field(None, description="Anything a reader should know.")


class FirstBelief(Record):
    """What the client believes of any power's reliability before it looks at the history of requests."""

    honoured: Positive = Field(description="a: requests honoured that the belief is worth.")
    refused: Positive = Field(description="b: requests refused that it is worth.")
    half_life: Years = Field(description="Years after which a past request counts half.")


class Rescue(Record):
    """The request for help and who could answer it."""

    asked: Day | None = Field(None, description="Day of the request.")
    asked_of: PowerId | None = Field(None, description="The power that was asked.")
    window: Days | None = Field(None, description="Days in which help must arrive to matter.")
    rationality: Capacity | None = Field(
        None, description="λ: how surely a mover takes the better move, per log point; `.inf` always does."
    )
    belief: FirstBelief | None = Field(
        None, description="The client's first belief that a power it asks will come; the guarantee needs it."
    )
    candidates: dict[PowerId, Candidate] = Field(min_length=1, description="The powers that could be asked.")
    new_ties: Keyed[DomainId, Real] = Field(
        default_factory=dict,
        description="Log points by which a rescue changes what the rescuer supplies to the client, by domain.",
    )
    note: str | None = Field(None, description="Anything a reader should know.")
