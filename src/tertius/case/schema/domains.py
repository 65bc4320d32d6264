"""Sections ``domains`` and ``exits``: what powers supply besides trade, and the what-ifs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tertius.case.quantity import AboveOne, Capacity, Degree, Share, Weight
from tertius.case.schema.base import Choice, Keyed, PowerId, Record, Ref, SupplierId, Text

__all__ = ["Domain", "Exit", "Nests", "Reverse", "Ties"]


class Ties(Record):
    """Who supplies how much of the domain, in both directions."""

    map: Literal["share", "approval"] = Field(
        "share",
        description="`share`: figures are shares that add up to one. `approval`: approvals in a poll, "
        "divided by their sum with `own`, the weight of none.",
    )
    own: Share = Field(description="The client's own provision; under `approval`, the weight of none.")
    to_client: Keyed[PowerId, Share] = Field(
        min_length=1,
        description="Share of each power in the client's bundle. One left out is missing; write 0 for none.",
    )
    to_power: Keyed[PowerId, Share] = Field(
        default_factory=dict, description="The client's share in each power's own bundle of this domain."
    )


class Reverse(Record):
    """Weight and elasticity of the domain for the powers, where they differ from the client's."""

    weight: Weight | None = Field(None, description="Weight ω of the domain for the powers.")
    elasticity: AboveOne | None = Field(None, description="Elasticity σ between suppliers for the powers.")


class Nests(Record):
    """A rival structure in which like replaces like."""

    groups: tuple[Annotated[tuple[SupplierId, ...], Field(min_length=1)], ...] = Field(
        min_length=1, description="Groups of suppliers that replace each other first."
    )
    elasticity: AboveOne = Field(description="Elasticity between the groups.")


class Domain(Record):
    """A domain besides trade: a service supplied by powers and by the client itself."""

    name: Text = Field(description="Name as a reader sees it.")
    weight: Weight = Field(
        description="ω: per cent of real income that the leadership gives for one per cent of the service."
    )
    elasticity: AboveOne = Field(description="σ: elasticity of substitution between suppliers.")
    capacity: Keyed[SupplierId, Capacity] = Field(
        description="Supply elasticity η of each supplier and of `own`; `.inf` allowed."
    )
    ties: Ties = Field(description="Who supplies how much.")
    reverse: Reverse | None = Field(None, description="Weight and elasticity for the powers, if they differ.")
    nests: Nests | None = Field(None, description="A rival structure in which like replaces like.")
    note: str | None = Field(None, description="Anything a reader should know.")


class Exit(Record):
    """A what-if: powers that withdraw."""

    title: Text = Field(description="The what-if in words.")
    leavers: Keyed[PowerId, Degree] = Field(min_length=1, description="Who withdraws, and to what degree.")
    domains: Annotated[Choice, Ref("any_domain")] = Field("all", description="Domains, `trade` among them.")
    sectors: Annotated[Choice, Ref("sector")] = Field("all", description="Sectors of trade.")
    direction: Literal["both", "exports", "imports"] = Field(
        "both", description="Which trade ends, seen from the client."
    )
    pushed_by: tuple[PowerId, ...] = Field((), description="The powers that push them out.")
    note: str | None = Field(None, description="Anything a reader should know.")
