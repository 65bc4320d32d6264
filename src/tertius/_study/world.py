"""From a case's words to the models' arrays: the trade world of each draw, the shocks, the bundles.

This is the only place that knows both a case's sections and the models' axes. Everything is broadcast over the
draws; nothing is computed here that has an equation in :mod:`tertius.models`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.draws import Draws
from tertius._study.structures import Structure
from tertius.case import Case, Quantity
from tertius.models.levers import approval_shares, normalise_ties
from tertius.models.trade._economy import Deficits, Factors

__all__ = ["Bundle", "Exit", "Figures", "Route", "TradeWorld", "answers", "bundle", "exits", "trade_world"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_APPROVAL_SHARES, _NORMALISE_TIES = jax.jit(approval_shares), jax.jit(normalise_ties)


@dataclass(frozen=True)
class Figures:
    """Every figure of a case as a vector over draws: an uncertain one from its draws, an exact one repeated."""

    draws: Draws

    def __call__(self, path: str, quantity: Quantity) -> Array:
        """Values of the quantity at ``path``, shape (n,)."""
        if quantity.is_exact:
            return np.full(self.draws.size, quantity.median)
        return self.draws[path]


@dataclass(frozen=True)
class Route:
    """A way that flows of the client take, and the limits on it, per draw.

    Attributes
    ----------
    id
        As in the case.
    owner
        The power that can close it, or None.
    member
        Shape (S, N, N): the flows that share it.
    closed
        Shape (n,): with the route closed, what can still move, as a fraction of the members' baseline quantity; 1
        if nobody can close it.
    capacity
        Shape (n,): what can move at any time, likewise; infinite where the case sets no limit.
    client_rent
        Shape (n,): the share of a scarcity rent that the exporter keeps.
    """

    id: str
    owner: str | None
    member: Mask
    closed: Array
    capacity: Array
    client_rent: Array

    def limit(self, degree: Array | float) -> Array:
        """The binding limit when the owner closes the route to ``degree`` (0 open, 1 shut), shape (n,)."""
        shut = np.asarray(degree, dtype=float)
        allowed = np.where(shut > 0, 1 - shut * (1 - self.closed), np.inf)
        return np.minimum(allowed, self.capacity)


@dataclass(frozen=True)
class TradeWorld:
    """The trade world of each draw.

    Attributes
    ----------
    regions, sectors
        Ids, in the case's order.
    client
        Index of the client among the regions.
    flows
        Shape (n, S, N, N), billions; sector, origin, destination.
    theta
        Shape (n, S): trade elasticities.
    factors, deficits
        Options of the trade model.
    substitution
        Shape (n,): elasticity of substitution between sectors; None where spending is Cobb–Douglas.
    routes
        The routes of the case.
    """

    regions: tuple[str, ...]
    sectors: tuple[str, ...]
    client: int
    flows: Array
    theta: Array
    factors: Factors
    deficits: Deficits
    substitution: Array | None
    routes: tuple[Route, ...]

    def rows(self, rows: slice) -> TradeWorld:
        """The same worlds in some of the draws."""
        routes = tuple(
            replace(r, closed=r.closed[rows], capacity=r.capacity[rows], client_rent=r.client_rent[rows])
            for r in self.routes
        )
        between = None if self.substitution is None else self.substitution[rows]
        return replace(
            self, flows=self.flows[rows], theta=self.theta[rows], substitution=between, routes=routes
        )


@dataclass(frozen=True)
class Bundle:
    """A non-trade domain as a CES bundle, per draw. Suppliers are the powers in order and then ``own``.

    Attributes
    ----------
    share
        Shape (n, P + 1), summing to one; ``NaN`` where the case states no tie.
    weight, sigma
        Shape (n,).
    eta
        Shape (n, P + 1): supply elasticities, infinite allowed.
    reverse_share
        Shape (n, P): the client's share in each power's bundle; ``NaN`` where missing.
    reverse_weight, reverse_sigma
        Shape (n,).
    nest, rho
        Nest of each supplier, shape (P + 1,), and the elasticity between nests, shape (n,); None without nests.
    """

    share: Array
    weight: Array
    sigma: Array
    eta: Array
    reverse_share: Array
    reverse_weight: Array
    reverse_sigma: Array
    nest: NDArray[np.int64] | None
    rho: Array | None


@dataclass(frozen=True)
class Exit:
    """A what-if: who leaves, how far, from what.

    Attributes
    ----------
    id, title
        As in the case.
    degree
        Power to its degree, shape (n,), 0 stays, 1 leaves altogether.
    domains
        The labels of the domains it touches, ``trade`` and ``transit`` among them.
    sectors
        Indices of the sectors it touches.
    exports, imports
        Whether the client's exports to, and imports from, the leavers are touched.
    pushed_by
        The powers that pushed.
    """

    id: str
    title: str
    degree: dict[str, Array]
    domains: frozenset[str]
    sectors: tuple[int, ...]
    exports: bool
    imports: bool
    pushed_by: tuple[str, ...]

    def rows(self, rows: slice) -> Exit:
        """The same what-if in some of the draws."""
        return replace(self, degree={power: degree[rows] for power, degree in self.degree.items()})


def trade_world(case: Case, figures: Figures, structure: Structure) -> TradeWorld:
    """Build the trade world of every draw, under one structure."""
    trade = case.trade
    assert trade is not None
    regions, sectors = tuple(trade.regions), tuple(trade.sectors)
    n = figures.draws.size
    blocks = []
    for block in trade.adjust:
        of_sectors = (
            [s for s in sectors if trade.sectors[s].traded] if block.sectors == "all" else block.sectors
        )
        which = _block(regions, sectors, of_sectors, block.origins, block.destinations, block.which)
        blocks.append((which, figures(f"trade.adjust.{block.id}.factor", block.factor)))
    flows = _adjusted(_flow_table(case, figures), blocks)
    theta = np.stack(
        [figures(f"trade.sectors.{s}.elasticity", trade.sectors[s].elasticity) for s in sectors], axis=-1
    )
    routes = tuple(_routes(case, figures, structure, regions, sectors))
    if structure.one_good:
        flows, theta, routes, sectors = _one_good(case, flows, theta, routes, sectors)
    if flows.shape[0] == 1:
        flows = np.broadcast_to(flows, (n, *flows.shape[1:]))
    return TradeWorld(
        regions,
        sectors,
        regions.index(case.client.id),
        flows,
        theta,
        structure.factors or trade.factors,
        structure.deficits or trade.deficits,
        _substitution(case, figures, structure),
        routes,
    )


def _substitution(case: Case, figures: Figures, structure: Structure) -> Array | None:
    """Elasticity of substitution between sectors, shape (n,); None for Cobb–Douglas, and where there is one good."""
    stated = case.trade.substitution if case.trade is not None else None
    if structure.one_good or structure.substitution == 1.0:
        return None
    if structure.substitution is not None:
        return np.full(figures.draws.size, structure.substitution)
    return None if stated is None else figures("trade.substitution", stated)


def _flow_table(case: Case, figures: Figures) -> Array:
    """The table as the case states it: shape (1 or n, S, N, N); an absent cell is no trade."""
    trade = case.trade
    assert trade is not None
    regions, sectors = list(trade.regions), list(trade.sectors)
    plain = np.zeros((1, len(sectors), len(regions), len(regions)))
    own: list[tuple[int, int, int, Array]] = []
    for s, sector in enumerate(sectors):
        for origin, row in trade.flows[sector].table.items():
            for destination, cell in row.items():
                o, d = regions.index(origin), regions.index(destination)
                if cell.is_exact:
                    plain[0, s, o, d] = cell.median
                else:
                    own.append((s, o, d, figures.draws[f"trade.flows.{sector}.table.{origin}.{destination}"]))
    if not own:
        return plain
    flows = np.repeat(plain, figures.draws.size, axis=0)
    for s, o, d, values in own:
        flows[:, s, o, d] = values
    return flows


def _adjusted(flows: Array, blocks: Sequence[tuple[Mask, Array]]) -> Array:
    """Multiply each block's cells by its factor, shape (n,); a cell in several blocks by all of theirs."""
    if not blocks:
        return flows
    # Few combinations of blocks occur, and the table is large: every cell is touched once.
    members = np.stack([which.ravel() for which, _ in blocks])
    combinations, place = np.unique(members, axis=1, return_inverse=True)
    factors = np.ones((len(blocks[0][1]), combinations.shape[1]))
    for among, (_, factor) in zip(combinations, blocks, strict=True):
        factors[:, among] *= factor[:, None]
    adjusted = np.take(factors, place.ravel(), axis=1).reshape(-1, *flows.shape[1:])
    adjusted *= flows
    return adjusted


def _block(
    regions: Sequence[str],
    sectors: Sequence[str],
    of_sectors: Iterable[str],
    origins: Iterable[str],
    destinations: Iterable[str],
    which: str,
) -> Mask:
    """Which cells a block covers: shape (S, N, N)."""

    def chosen(labels: Sequence[str], wanted: Iterable[str]) -> Mask:
        if wanted == "all":
            return np.ones(len(labels), dtype=bool)
        names = set(wanted)
        return np.array([label in names for label in labels])

    s, o, d = chosen(sectors, of_sectors), chosen(regions, origins), chosen(regions, destinations)
    cells = s[:, None, None] & o[None, :, None] & d[None, None, :]
    diagonal = np.eye(len(regions), dtype=bool)
    if which == "trade":
        return cells & ~diagonal
    return cells & diagonal if which == "domestic" else cells


def _routes(
    case: Case, figures: Figures, structure: Structure, regions: Sequence[str], sectors: Sequence[str]
) -> Iterable[Route]:
    trade = case.trade
    assert trade is not None
    n = figures.draws.size
    for route in trade.routes:
        at = f"trade.routes.{route.id}"
        closed = np.ones(n)
        if route.owner is not None and route.share is not None:
            spare = np.zeros(n)
            if route.alternatives is not None:
                spare = figures(f"{at}.alternatives", route.alternatives)
            closed = 1 - figures(f"{at}.share", route.share) + spare
        capacity = np.full(n, np.inf)
        if route.capacity is not None and not structure.unlimited:
            capacity = figures(f"{at}.capacity", route.capacity)
        rent = figures(f"{at}.client_rent", route.client_rent)
        member = _block(regions, sectors, route.sectors, route.origins, route.destinations, "trade")
        yield Route(route.id, route.owner, member, closed, capacity, rent)


def _one_good(
    case: Case, flows: Array, theta: Array, routes: tuple[Route, ...], sectors: tuple[str, ...]
) -> tuple[Array, Array, tuple[Route, ...], tuple[str, ...]]:
    """Add all sectors into one good.

    Its elasticity is the mean of the sectors' own, weighted by what crosses borders. A limit on one sector's flows
    becomes a limit on all goods that leaves the other sectors' part free.
    """
    client = list(case.trade.regions).index(case.client.id) if case.trade else 0
    border = ~np.eye(flows.shape[-1], dtype=bool)
    traded = (flows * border)[:, :, client, :].sum(-1) + (flows * border)[:, :, :, client].sum(-1)
    weight = traded / traded.sum(axis=1, keepdims=True)
    total = flows.sum(axis=1, keepdims=True)
    merged = []
    for route in routes:
        pairs: Mask = np.any(route.member, axis=0)
        share = (flows * route.member).sum(axis=(1, 2, 3)) / (total[:, 0] * pairs).sum(axis=(1, 2))
        merged.append(
            Route(
                route.id,
                route.owner,
                pairs[None],
                1 - share * (1 - route.closed),
                1 - share * (1 - route.capacity),
                route.client_rent,
            )
        )
    return total, (theta * weight).sum(axis=1, keepdims=True), tuple(merged), ("all_goods",)


def bundle(case: Case, domain: str, figures: Figures, structure: Structure) -> Bundle:
    """Build the CES bundle of one non-trade domain."""
    section = case.domains[domain]
    at = f"domains.{domain}"
    powers = tuple(case.powers)
    n = figures.draws.size
    ties = section.ties
    amounts = np.full((n, len(powers)), np.nan)
    for p, power in enumerate(powers):
        if power in ties.to_client:
            amounts[:, p] = figures(f"{at}.ties.to_client.{power}", ties.to_client[power])
    own = figures(f"{at}.ties.own", ties.own)
    to_shares = _APPROVAL_SHARES if ties.map == "approval" else _NORMALISE_TIES
    eta = np.full((n, len(powers) + 1), np.inf)
    if not structure.unlimited:
        for p, supplier in enumerate((*powers, "own")):
            if supplier in section.capacity:
                eta[:, p] = figures(f"{at}.capacity.{supplier}", section.capacity[supplier])
    reverse = np.full((n, len(powers)), np.nan)
    for p, power in enumerate(powers):
        if power in ties.to_power:
            reverse[:, p] = figures(f"{at}.ties.to_power.{power}", ties.to_power[power])
    weight = figures(f"{at}.weight", section.weight)
    sigma = figures(f"{at}.elasticity", section.elasticity)
    back = section.reverse
    nest = rho = None
    if structure.nested and section.nests is not None:
        suppliers = (*powers, "own")
        nest = np.arange(len(suppliers))
        for group in section.nests.groups:
            members = [suppliers.index(name) for name in group]
            nest[members] = members[0]
        nest = np.unique(nest, return_inverse=True)[1]
        rho = figures(f"{at}.nests.elasticity", section.nests.elasticity)
    return Bundle(
        share=in_blocks(to_shares, amounts, own),
        weight=weight,
        sigma=sigma,
        eta=eta,
        reverse_share=reverse,
        reverse_weight=weight
        if back is None or back.weight is None
        else figures(f"{at}.reverse.weight", back.weight),
        reverse_sigma=sigma
        if back is None or back.elasticity is None
        else figures(f"{at}.reverse.elasticity", back.elasticity),
        nest=nest,
        rho=rho,
    )


def exits(case: Case, figures: Figures, sectors: Sequence[str]) -> tuple[Exit, ...]:
    """Build the case's what-ifs."""
    built = []
    for name, section in case.exits.items():
        everything = {"trade", "transit", *case.domains}
        touched = (
            tuple(range(len(sectors)))
            if section.sectors == "all" or len(sectors) == 1
            else tuple(sectors.index(s) for s in section.sectors)
        )
        built.append(
            Exit(
                name,
                section.title,
                {p: figures(f"exits.{name}.leavers.{p}", q) for p, q in section.leavers.items()},
                frozenset(everything if section.domains == "all" else section.domains),
                touched,
                section.direction in ("both", "exports"),
                section.direction in ("both", "imports"),
                tuple(section.pushed_by),
            )
        )
    return tuple(built)


def answers(case: Case, figures: Figures, sectors: Sequence[str]) -> tuple[Exit, ...]:
    """Build the withdrawals by which third parties may answer concessions, each by the concession and the party."""
    everything = frozenset({"trade", "transit", *case.domains})
    return tuple(
        Exit(
            f"{name}/{party}",
            section.title,
            {party: figures(f"concessions.{name}.answers.{party}.degree", answer.degree)},
            everything if answer.domains == "all" else frozenset(answer.domains),
            tuple(range(len(sectors))),
            True,
            True,
            (),
        )
        for name, section in case.concessions.items()
        for party, answer in section.answers.items()
    )
