"""What an answer from totals of trade assumes, with spreads, and drawn.

Two things that no trade statistics tell decide how large a loss is: how easily one seller replaces another, and how
much of what a country sells it sells at home. Both are assumed here, and every answer shows how far it hangs on them.

* Trade elasticity θ: 4 (Simonovska & Waugh 2014) for one number; drawn from 2.5 to 10, evenly in logs, the span of
  aggregate estimates. Fuels replace one another more closely: 10, drawn from 5 to 25.
* Sales at home: GDP less exports for one number, which takes value added for gross sales. ITPD-E has domestic sales;
  where its coverage is whole, output is about 1.54 of GDP, and 9 in 10 countries and years lie between 1.16 and 2.03
  (``validation/output_multiplier.py``). Drawn is a multiplier from 1 to 2.03, evenly in logs.
* With sectors, how sales at home fall to them (as imports, exports or both), and whether six tenths of them are
  services that no goods compete with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tertius.models import trade
from tertius.models.trade import Baseline
from tertius.world import World

__all__ = ["GROSS_OUTPUT", "Assumed", "Reading", "central", "draw", "rivals", "tables"]

Array = NDArray[np.float64]

THETA, THETA_FROM, THETA_TO = 4.0, 2.5, 10.0
FUELS, FUELS_FROM, FUELS_TO = 10.0, 5.0, 25.0
GROSS_OUTPUT, GROSS_OUTPUT_TO = 1.54, 2.03
SERVICES = 0.6
RULES: tuple[trade.HomeRule, ...] = ("trade", "imports", "exports")
FUEL_SECTORS = {"unctad": {"3"}, "ots": {"5"}, "ots6": {"minerals_fuels"}}


@dataclass(frozen=True)
class Reading:
    """One way to read what the data do not say.

    Attributes
    ----------
    theta
        Elasticity of goods.
    fuels
        Elasticity of fuels, where they are a sector.
    multiplier
        Gross output over GDP.
    rule
        How sales at home fall to sectors.
    services
        Share of sales at home that no goods compete with.
    """

    theta: float = THETA
    fuels: float = FUELS
    multiplier: float = 1.0
    rule: trade.HomeRule = "trade"
    services: float = 0.0

    def baseline(self, world: World) -> Baseline:
        """The world so read, ready for counterfactuals."""
        if world.has_domestic_sales:
            return trade.baseline(world.flows)
        several = "sector" in world.flows.dims
        return trade.baseline(
            world.flows,
            gdp=world.gdp,
            multiplier=self.multiplier,
            home=self.rule if several else None,
            services=self.services if several else 0.0,
        )

    def table(self, world: World, *, apart: bool) -> tuple[Array, Array]:
        """Flows (S, N, N) with domestic sales and elasticities (S,), for many readings of one shape.

        Parameters
        ----------
        world
            The year.
        apart
            Whether there is a sector of services even where nothing falls to it.
        """
        flows = (
            world.flows.transpose("sector", "origin", "destination").values
            if "sector" in world.flows.dims
            else world.flows.values[None]
        )
        if world.has_domestic_sales:
            return flows, np.full(len(flows), self.theta)
        out, _ = trade.with_home_sales(
            flows, self.multiplier * world.gdp.values, rule=self.rule, services=self.services
        )
        if apart and len(out) == len(flows):
            out = np.concatenate([out, np.zeros_like(out[:1])])
        theta = self.elasticity(world)
        each = np.array([*theta.values()] if isinstance(theta, dict) else [theta])
        return out, np.concatenate([each, np.full(len(out) - len(flows), self.theta)])

    def elasticity(self, world: World) -> float | dict[str, float]:
        """One elasticity, or one by sector."""
        if "sector" not in world.flows.dims:
            return self.theta
        fuels = _fuel_sectors(world)
        return {str(s): self.fuels if str(s) in fuels else self.theta for s in world.flows["sector"].values}


@dataclass(frozen=True)
class Assumed:
    """Readings drawn, and what they were drawn from, in words.

    Attributes
    ----------
    readings
        One a draw.
    words
        A sentence for each assumption.
    """

    readings: tuple[Reading, ...]
    words: tuple[str, ...]

    def __iter__(self) -> Iterator[Reading]:
        return iter(self.readings)

    def __len__(self) -> int:
        return len(self.readings)


def central(elasticity: float | None) -> Reading:
    """The reading behind single numbers."""
    return Reading() if elasticity is None else Reading(theta=elasticity, fuels=elasticity)


def draw(world: World, draws: int, seed: int, elasticity: float | None = None) -> Assumed:
    """Draw readings, by a Latin hypercube (McKay, Beckman & Conover 1979).

    Parameters
    ----------
    world
        Whether it has sectors, or domestic sales of its own, decides what is drawn.
    draws, seed
        How many, and from where.
    elasticity
        Held where given.
    """
    several = "sector" in world.flows.dims
    rng = np.random.default_rng(seed)
    u = (rng.permuted(np.tile(np.arange(draws), (5, 1)), axis=1) + rng.uniform(size=(5, draws))) / draws
    theta = _evenly(u[0], THETA_FROM, THETA_TO) if elasticity is None else np.full(draws, elasticity)
    fuels = _evenly(u[1], FUELS_FROM, FUELS_TO) if elasticity is None else np.full(draws, elasticity)
    multiplier = _evenly(u[2], 1.0, GROSS_OUTPUT_TO)
    rule = np.minimum((u[3] * len(RULES)).astype(int), len(RULES) - 1)
    services = np.where(u[4] < 0.5, 0.0, SERVICES)
    words = [
        f"Trade elasticity: from {THETA_FROM:g} to {THETA_TO:g}, evenly in logs; {THETA:g} for one reading (assumed)."
        if elasticity is None
        else f"Trade elasticity: {elasticity:g}, as asked."
    ]
    if several and elasticity is None:
        words.append(
            f"Elasticity of fuels: from {FUELS_FROM:g} to {FUELS_TO:g}; {FUELS:g} for single numbers (assumed)."
        )
    if world.has_domestic_sales:
        words.append("Sales at home: as the source has them.")
        multiplier = np.ones(draws)
    else:
        words.append(
            "Sales at home: output less exports, output being GDP for single numbers, and from 1 to "
            f"{GROSS_OUTPUT_TO:g} times GDP in the draws (assumed; about {GROSS_OUTPUT:g} where ITPD-E has them whole)."
        )
    if several and not world.has_domestic_sales:
        words.append(
            "Sales at home by sector: as exports and imports for single numbers; in the draws as these, imports or "
            f"exports, and with or without {100 * SERVICES:.0f} % of them in services (assumed)."
        )
    return Assumed(
        tuple(
            Reading(
                float(t), float(f), float(m), RULES[r] if several else "trade", float(v) if several else 0.0
            )
            for t, f, m, r, v in zip(theta, fuels, multiplier, rule, services, strict=True)
        ),
        tuple(words),
    )


def rivals(world: World, elasticity: float | None) -> dict[str, tuple[Reading, trade.Deficits]]:
    """Other structures beside the central one: what it is called, how the data are read, how deficits close."""
    base = central(elasticity)
    found: dict[str, tuple[Reading, trade.Deficits]] = {
        "deficits in proportion to income": (base, "proportional"),
        "no deficits": (base, "balanced"),
    }
    if not world.has_domestic_sales:
        gross = Reading(base.theta, base.fuels, GROSS_OUTPUT, base.rule, base.services)
        found[f"output {GROSS_OUTPUT:g} of GDP (ITPD-E)"] = (gross, "world_share")
        if "sector" in world.flows.dims:
            for rule in ("imports", "exports"):
                found[f"home sales as {rule}"] = (
                    Reading(base.theta, base.fuels, base.multiplier, rule, base.services),
                    "world_share",
                )
            found["services apart"] = (
                Reading(base.theta, base.fuels, base.multiplier, base.rule, SERVICES),
                "world_share",
            )
    return found


def tables(world: World, readings: Sequence[Reading]) -> tuple[Array, Array]:
    """Flows (K, S, N, N) with domestic sales and elasticities (K, S), of one shape for all readings."""
    made = [read.table(world, apart="sector" in world.flows.dims) for read in readings]
    return np.stack([x for x, _ in made]), np.stack([t for _, t in made])


def _evenly(u: Array, low: float, high: float) -> Array:
    return np.asarray(low * (high / low) ** u)


def _fuel_sectors(world: World) -> set[str]:
    return FUEL_SECTORS.get(world.name.rsplit("-", 1)[0], set())
