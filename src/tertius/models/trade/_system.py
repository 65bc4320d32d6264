"""The equations, once: every solver, derivative and residual goes through :func:`evaluate`.

Exact-hat Armington / Eaton–Kortum general equilibrium (Dekle, Eaton & Kortum 2007; Costinot & Rodríguez-Clare 2014)
with many sectors, mobile or specific factors, tariffs whose revenue is returned, caps on quantity and the closures
of deficits of Ossa (2014) and of Costinot & Rodríguez-Clare.

Inside the solvers there are K worlds, each with C counterfactuals that share its trade shares, so that a sum over
partners is one matrix product per world and sector. Regions and counterfactuals make one long axis L = N·C, regions
first: arrays are ``(K, sector, L)``, and what is done element by element runs along memory. (Over more and shorter
axes the compiler does not vectorise exponentials and divisions: three to four times the time.)
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tertius.models.trade._economy import Deficits, Factors, Numeraire
from tertius.models.trade._upper import log_price_level, spending_shares

__all__ = [
    "CapTerms",
    "DenseLinks",
    "HubLinks",
    "Options",
    "Outcome",
    "Point",
    "System",
    "add_up",
    "all_phi",
    "apart",
    "arriving",
    "at_limits",
    "before_transfers",
    "demand",
    "evaluate",
    "everywhere",
    "in_every",
    "joined",
    "leaving",
    "log_ratio",
    "look",
    "over_flows",
    "over_members",
    "over_regions",
    "pick",
    "put",
    "sector_prices",
    "split",
    "unit",
    "wedges",
    "weigh",
    "world_of",
]

TINY = 1e-300
SHORT = 8


class Options(NamedTuple):
    """What a system's shape depends on (static under compilation)."""

    factors: Factors
    deficits: Deficits
    numeraire: Numeraire
    owners: tuple[int, ...]
    capped: tuple[str, ...]
    reach: int = 0
    """How many sectors, from the first, caps touch."""
    alone: bool = False
    """Whether no flow is under two caps, and all are the hub's exports: then caps need no axis of their own."""


class HubLinks(NamedTuple):
    """Trade shares when every shocked pair has the hub at one end.

    ``lam`` (K, T, N, N) is the baseline without the hub's row and column, shared by the C counterfactuals, and
    ``mal`` the same with destinations first; ``row`` and ``col`` (K, T, L) are the hub's exports and imports with
    the shock in them, its domestic share in both. T counts traded sectors; the others are domestic everywhere.
    """

    lam: Array
    mal: Array
    row: Array
    col: Array
    hub: Array


class DenseLinks(NamedTuple):
    """Trade shares with a shock on any pair, (K, T, N, N) with C = 1: as importers weigh them, as producers are paid.

    ``lam`` carries ``B (1 + t)^(−θ)``; ``paid`` the same over ``1 + t``, None where there are no tariffs.
    """

    lam: Array
    paid: Array | None


class CapTerms(NamedTuple):
    """Caps on the pairs of the links: (K, R, P, N, 1) members by the hub's row and column, or (K, R, P, N, N).

    P counts the sectors that caps touch, which come first. ``log_limit`` (K, R, C) is the log of the quantity allowed
    and ``binds`` (K, R, C) whether it can bind at all; ``exporter`` (K, R) is the exporter's share of the rent;
    ``reference`` (K, R, P, N) weighs the log prices of the members' origins into the cap's own, from which its limit
    price is counted.
    """

    row: Array | None
    col: Array | None
    every: Array | None
    log_limit: Array
    binds: Array
    exporter: Array
    reference: Array


class System(NamedTuple):
    """One batch of counterfactuals, ready to be evaluated."""

    theta: Array  # (K, S, 1)
    alpha: Array  # (K, S, L), without sectors that have lost their last supplier
    Y: Array  # (K, G, L), G = S or 1, zero where output has lost its last buyer
    E: Array  # (K, L)
    D: Array  # (K, L), 0 unless the closure keeps it as a transfer
    ratio: Array  # (K, L) of spending to income, 1 unless the closure keeps that
    world: Array  # (K, 1) world output
    links: HubLinks | DenseLinks
    caps: CapTerms | None
    eta: Array | None = None  # (K, 1, 1) substitution between sectors; None where spending is Cobb–Douglas


class Outcome(NamedTuple):
    """What the system gives at a point: the conditions, which must vanish.

    ``values`` (K, n, C) are, in the order of the unknowns, log(income / p̂Y) of every factor and under caps the log of
    expenditure implied over expenditure guessed and the log of the quantity at the limit price over the limit.
    ``slope`` (K, R, C) is the derivative of the last by the log limit price, prices and expenditure held.
    """

    values: Array
    slope: Array | None


class Point(NamedTuple):
    """Exponentials of the unknowns, and what they add up to before the hub is heard."""

    price: Array  # (K, G, L) p̂
    u: Array  # (K, T, L) p̂^(−θ) of the traded sectors
    spent: Array | None  # (K, L) E'/E
    abroad: Array | None  # (K, T, L) Φ of a hub's partners less the hub's part


def add_up(values: Array, axis: int, *, keepdims: bool = False) -> Array:
    """Sum over one axis, spelled out where it is very short: faster on a CPU than a reduction.

    Over regions it would be no faster, and make a program half as long again, which takes that much longer to read.
    """
    axis = axis % values.ndim
    length = values.shape[axis]
    if not 0 < length <= SHORT:
        return jnp.sum(values, axis, keepdims=keepdims)
    parts = [jax.lax.index_in_dim(values, i, axis, keepdims=keepdims) for i in range(length)]
    return reduce(jnp.add, parts)


def log_ratio(a: Array, b: Array) -> Array:
    """log(a/b) of a, b ≥ 0 by the series of 2 artanh((a − b)/(a + b)), cut off after five terms.

    It vanishes with the logarithm and is the same to 1e-10 of itself where a and b are within a fifth; farther out it
    falls short of it, but still rises with a. Nothing more is asked of conditions that must vanish, and a logarithm
    takes five times as long. Nought over nought counts as one.
    """
    z = (a - b) / (a + b + TINY)
    w = z * z
    return 2.0 * z * (1.0 + w * (1.0 / 3.0 + w * (0.2 + w * (1.0 / 7.0 + w / 9.0))))


def joined(values: Array) -> Array:
    """(..., N, C) as (..., L)."""
    return values.reshape(*values.shape[:-2], -1)


def apart(values: Array, columns: int) -> Array:
    """(..., L) as (..., N, C)."""
    return values.reshape(*values.shape[:-1], -1, columns)


def over_regions(values: Array, columns: int) -> Array:
    """Sum (..., L) over regions: (..., C)."""
    # Not spelled out: the compiler would repeat the sum at every place that it is given to.
    return jnp.sum(apart(values, columns), -2)


def everywhere(values: Array, regions: int) -> Array:
    """(..., C) in every region: (..., L)."""
    return joined(jnp.broadcast_to(values[..., None, :], (*values.shape[:-1], regions, values.shape[-1])))


def in_every(values: Array, columns: int) -> Array:
    """(..., N) for every counterfactual: (..., L)."""
    return joined(jnp.broadcast_to(values[..., None], (*values.shape, columns)))


def pick(hub: Array, whole: Array, columns: int) -> Array:
    """(..., L) at the hub: (..., C)."""
    return jax.lax.dynamic_slice_in_dim(whole, hub * columns, columns, axis=whole.ndim - 1)


def put(hub: Array, whole: Array, value: Array) -> Array:
    """(..., L) with (..., C) put at the hub."""
    return jax.lax.dynamic_update_slice_in_dim(whole, value, hub * value.shape[-1], axis=whole.ndim - 1)


def weigh(theta: Array, x: Array) -> Array:
    """``p̂^(−θ)``, (K, S, L), of theta (K, S, 1) and log prices (K, S or 1, L)."""
    return jnp.exp(-theta * x)


def _through(table: Array, values: Array, columns: int) -> Array:
    """``Σ_m table[s, d, m] values[s, m]`` for a table (K, T, N, N) and values (K, T, L)."""
    return joined(jnp.einsum("ksdm,ksmc->ksdc", table, apart(values, columns)))


def look(system: System, y: Array) -> Point:
    """Take the exponentials of the unknowns (K, n, C)."""
    x, e, _ = split(system, y)
    links = system.links
    T, C = links.lam.shape[1], y.shape[2]
    u = weigh(system.theta[:, :T], x[:, :T] if x.shape[1] > 1 else x)
    abroad = _through(links.mal, u, C) if isinstance(links, HubLinks) else None
    return Point(jnp.exp(x), u, None if e is None else jnp.exp(e), abroad)


def arriving(links: HubLinks | DenseLinks, u: Array, abroad: Array | None, columns: int) -> Array:
    """Φ of the traded sectors, (K, T, L)."""
    if isinstance(links, DenseLinks):
        return _through(jnp.swapaxes(links.lam, 2, 3), u, columns)
    if abroad is None:
        abroad = _through(links.mal, u, columns)
    phi = abroad + links.row * everywhere(pick(links.hub, u, columns), links.lam.shape[2])
    return put(links.hub, phi, over_regions(links.col * u, columns))


def leaving(links: HubLinks | DenseLinks, v: Array, columns: int) -> Array:
    """``Σ_d λ B v``: what each origin of a traded sector is paid per unit of u, (K, T, L)."""
    if isinstance(links, DenseLinks):
        return _through(links.lam if links.paid is None else links.paid, v, columns)
    income = _through(links.lam, v, columns)
    income = income + links.col * everywhere(pick(links.hub, v, columns), links.lam.shape[2])
    return put(links.hub, income, over_regions(links.row * v, columns))


def split(system: System, y: Array) -> tuple[Array, Array | None, Array | None]:
    """Cut the unknowns (K, n, C) into log prices (K, G, L), log expenditure (K, L) and log limit prices (K, R, C)."""
    K, groups, long = system.Y.shape
    C = y.shape[2]
    regions = long // C
    x = y[:, : groups * regions].reshape(K, groups, long)
    if system.caps is None:
        return x, None, None
    rest = y[:, groups * regions :]
    return x, rest[:, :regions].reshape(K, long), rest[:, regions:]


def wedges(system: System, x: Array, q: Array) -> tuple[Array, Array]:
    """Log wedges of the caps, two arrays (K, R, C): at which the limit would be met, and as they are.

    A cap's unknown q is its limit price: what buyers would have to pay for the limit to be just met. It hardly moves
    with the sellers' own prices, so that it is found at once, while a shadow price and the sellers' price, which
    buyers feel as a sum, would chase each other. Where the limit price is below what sellers ask anyway, the cap is
    slack and its wedge is nought.
    """
    caps = system.caps
    assert caps is not None
    P = caps.reference.shape[2]
    asked = apart(x[:, :P] if x.shape[1] > 1 else x, q.shape[2])
    if asked.shape[1] < P:
        asked = jnp.broadcast_to(asked, (asked.shape[0], P, *asked.shape[2:]))
    met = q - jnp.einsum("krpn,kpnc->krc", caps.reference, asked)
    return met, jnp.where(caps.binds, jnp.maximum(met, 0.0), 0.0)


class _Block(NamedTuple):
    """Capped pairs as the links hold them, and what is paid on them."""

    kind: str  # "row" and "col" of the hub, or "all"
    member: Array  # (K, R, P, N, 1) or (K, R, P, N, N)
    softened: Array  # (K, P, N, C or N) λB τ^(−θ)
    net: Array  # the same shape: 1/τ


def over_flows(member: Array, values: Array) -> Array:
    """Give each flow what its one cap has, (K, R, P, C), and 0 to a flow under no cap: (K, P, N, C)."""
    on = (member > 0).astype(float)
    return reduce(jnp.add, [on[:, r] * values[:, r, :, None] for r in range(on.shape[1])])


def over_members(weights: Array, values: Array) -> Array:
    """Sum (K, P, N, C) over the members of each cap, with weights (K, R, P, N): (K, R, P, C)."""
    if weights.shape[3] > SHORT:
        return jnp.sum(weights[..., None] * values[:, None], 3)
    return reduce(jnp.add, [weights[..., n, None] * values[:, None, :, n] for n in range(weights.shape[3])])


def _first_times(whole: Array, factor: Array) -> Array:
    """Multiply the first sectors of (K, T, ...), as many as the factor has."""
    P = factor.shape[1]
    return jnp.concatenate([whole[:, :P] * factor, whole[:, P:]], 1) if whole.shape[1] > P else whole * factor


def _soften(system: System, options: Options, z: Array) -> tuple[HubLinks | DenseLinks, list[_Block]]:
    """Put the caps' shadow prices into the links: as importers see them."""
    links, caps = system.links, system.caps
    assert caps is not None
    P, C = caps.reference.shape[2], z.shape[2]
    theta = system.theta[:, :P, :, None]
    blocks = []
    for kind, member in (("row", caps.row), ("col", caps.col), ("all", caps.every)):
        if member is None:
            continue
        if options.alone:
            free = 1.0 - add_up((member > 0).astype(float), 1)
            by_cap = jnp.broadcast_to(z[:, :, None], (*z.shape[:2], P, C))
            soft = free + over_flows(member, jnp.exp(-theta[:, None, :, 0] * by_cap))
            net = free + over_flows(member, jnp.exp(-by_cap))
        else:
            wedge = add_up(jnp.where(member > 0, z[:, :, None, None], 0.0), 1)
            soft, net = jnp.exp(-theta * wedge), jnp.exp(-wedge)
        if isinstance(links, DenseLinks):
            paid = None if links.paid is None else _first_times(links.paid, soft)
            links = DenseLinks(_first_times(links.lam, soft), paid)
            blocks.append(_Block(kind, member, links.lam[:, :P], net))
        elif kind == "row":
            links = links._replace(row=_first_times(links.row, joined(soft)))
            blocks.append(_Block(kind, member, apart(links.row[:, :P], C), net))
        else:
            links = links._replace(col=_first_times(links.col, joined(soft)))
            blocks.append(_Block(kind, member, apart(links.col[:, :P], C), net))
    return links, blocks


def _net_of_wedges(links: HubLinks | DenseLinks, blocks: list[_Block]) -> HubLinks | DenseLinks:
    """Links as producers see them: what is paid on a capped pair less the rent."""
    for block in blocks:
        if isinstance(links, DenseLinks):
            links = DenseLinks(
                links.lam, _first_times(links.lam if links.paid is None else links.paid, block.net)
            )
        elif block.kind == "row":
            links = links._replace(row=_first_times(links.row, joined(block.net)))
        else:
            links = links._replace(col=_first_times(links.col, joined(block.net)))
    return links


def _along(
    links: HubLinks | DenseLinks, kind: str, by_origin: Array, by_destination: Array, columns: int
) -> tuple[Array, Array]:
    """Arrays (..., L) over origins and over destinations, on a block's pairs (..., N, C or N)."""
    origins, destinations = apart(by_origin, columns), apart(by_destination, columns)
    if kind == "all":
        return origins, jnp.swapaxes(destinations, -1, -2)
    assert isinstance(links, HubLinks)
    if kind == "row":
        return pick(links.hub, by_origin, columns)[..., None, :], destinations
    return origins, pick(links.hub, by_destination, columns)[..., None, :]


def _at_hub(hub: Array, whole: Array, value: Array) -> Array:
    """(..., N, C) with (..., C) put at the hub."""
    return jnp.where(jnp.arange(whole.shape[-2])[:, None] == hub, value[..., None, :], whole)


def _rents(links: HubLinks | DenseLinks, owner: int, exporter: Array, kind: str, rent: Array) -> Array:
    """Who gets a cap's rent (K, T, N, C or N): an array over regions, (K, N, C)."""
    by_pair = add_up(rent, 1)
    if kind == "all":
        exporters, importers = jnp.sum(by_pair, -1)[..., None], jnp.sum(by_pair, -2)[..., None]
    else:
        assert isinstance(links, HubLinks)
        one_end = _at_hub(links.hub, jnp.zeros_like(by_pair), add_up(by_pair, -2))
        exporters, importers = (one_end, by_pair) if kind == "row" else (by_pair, one_end)
    if owner >= 0:
        here = jnp.arange(importers.shape[1])[:, None] == owner
        importers = jnp.where(here, add_up(importers, 1, keepdims=True), 0.0)
    share = exporter[:, None, None]
    return share * exporters + (1.0 - share) * importers


class _CapState(NamedTuple):
    rents: Array  # (K, N, C)
    excess: Array  # (K, R, C)
    slope: Array  # (K, R, C)


def _at_destination(kind: str, by_pair: Array) -> Array:
    """Sum what pairs of a block (..., N, C or N) add to their destination, and give it to each of them."""
    if kind == "row":
        return by_pair
    return add_up(by_pair, -2, keepdims=True)


def at_limits(
    kind: str,
    alone: bool,
    member: Array,
    theta: Array,
    there: Array,
    total: Array,
    physical: Array,
    gap: Array,
    yielding: Array | None = None,
) -> tuple[Array, Array]:
    """Quantity that counts against each cap at its limit price, and its derivative by that price's log.

    It is counted whether the cap binds or not.

    Parameters
    ----------
    kind, member
        The block of pairs: "row" of the hub with (K, R, P, N, 1), "col", or "all" with (K, R, P, N, N).
    alone
        Whether no flow is under two caps.
    theta
        (K, P, 1, 1).
    there, total, physical
        (K, P, N, C or N) what flows weigh in their destination's Φ, all of that, and their quantities, as they are.
    gap
        (K, R, C) from each cap's wedge as it is to that at which its limit would be met.
    yielding
        (K, P, N, C or N) by how much the log of what a destination spends on the sector rises with the log of the
        sector's price there; None where spending on it stays. It tells in the derivative of a cap that binds. From a
        wedge as it is not, of a slack one, spending is taken as it is: all that matters there is the sign.

    Returns
    -------
    tuple
        (K, R, C), or (K, R, N) for "all".
    """
    if alone:
        # A flow has one cap, and what is said of the cap is said of it: few exponentials.
        by_cap = gap[:, :, None]
        fewer = jnp.exp(-theta[:, None, :, 0] * by_cap)
        arrives = over_flows(member, fewer * jnp.exp(-by_cap))
        fewer = over_flows(member, fewer)
        then = total + there * (fewer - 1.0)
        then = jnp.where(then > 0, then, 1.0)
        used = physical * arrives * (total / then)
        bend = used * (-1.0 - theta * (1.0 - there * fewer / then))
        weights = member[..., 0]
        quantity, slope = add_up(over_members(weights, used), 2), add_up(over_members(weights, bend), 2)
        if yielding is not None:
            more = add_up(over_members(weights, used * yielding * there * fewer / then), 2)
            slope = slope + jnp.where(gap == 0, more, 0.0)
        return quantity, slope
    on = (member > 0).astype(float)
    gap = gap[:, :, None, None]
    theta, there, total, physical = (a[:, None] for a in (theta, there, total, physical))
    fewer = jnp.exp(-theta * gap)
    then = total + _at_destination(kind, on * there * (fewer - 1.0))
    then = jnp.where(then > 0, then, 1.0)
    used = physical * fewer * jnp.exp(-gap) * (total / then)
    bend = used * (-1.0 - theta * (1.0 - there * fewer / then))
    if yielding is not None:
        bend = bend + jnp.where(gap == 0, used * yielding[:, None] * there * fewer / then, 0.0)
    return jnp.sum(member * used, (2, 3)), jnp.sum(member * bend, (2, 3))


def _rents_of(
    links: HubLinks | DenseLinks, options: Options, exporter: Array, block: _Block, left: Array, z: Array
) -> Array:
    """Rents on a block by who gets them, (K, N, C)."""
    if options.alone:
        assert isinstance(links, HubLinks)
        on = (block.member[..., 0] > 0).astype(float)
        rent = left - left * block.net
        to_hub = jnp.einsum("krpn,kr->kpn", on, exporter)[..., None]
        rest = rent * (1.0 - to_hub)
        given = jnp.zeros_like(rest[:, 0])
        for owner in sorted(set(options.owners)):
            own = [r for r, who in enumerate(options.owners) if who == owner]
            part = add_up(rest * add_up(on[:, own], 1)[..., None], 1)
            given = given + part if owner < 0 else given.at[:, owner].add(jnp.sum(part, 1))
        return given.at[:, links.hub].add(jnp.sum(rent * to_hub, (1, 2)))
    rents = jnp.zeros(())
    # Each cap takes its part of what the caps before it leave.
    for r, owner in enumerate(options.owners):
        after = jnp.where(block.member[:, r] > 0, left * jnp.exp(-z[:, r, None, None]), left)
        rents = rents + _rents(links, owner, exporter[:, r], block.kind, left - after)
        left = after
    return rents


def _caps(
    system: System,
    options: Options,
    links: HubLinks | DenseLinks,
    blocks: list[_Block],
    q: Array,
    met: Array,
    z: Array,
    price: Array,
    u: Array,
    v: Array,
    phi: Array,
    *,
    yielding: Array | None,
) -> _CapState:
    """Rents and quantities under the caps, at given prices; all arrays of the sectors that caps touch."""
    caps = system.caps
    assert caps is not None
    P, C = u.shape[1], q.shape[2]
    rents: Array | float = 0.0
    quantity = []
    bend = []
    for block in blocks:
        supply, demand = _along(links, block.kind, u, v, C)
        shipped = block.softened
        if isinstance(links, DenseLinks) and links.paid is not None:
            shipped = links.paid[:, :P]
        left = shipped * supply * demand
        seller, _ = _along(links, block.kind, price, price, C)
        physical = left * block.net / seller
        weighed, total = _along(links, block.kind, u, phi, C)
        yields = None if yielding is None else _along(links, block.kind, u, yielding, C)[1]
        used, bent = at_limits(
            block.kind,
            options.alone,
            block.member,
            system.theta[:, :P, :, None],
            block.softened * weighed,
            total,
            physical,
            jnp.where(caps.binds, met - z, 0.0),
            yields,
        )
        quantity.append(used)
        bend.append(bent)
        rents = rents + _rents_of(links, options, caps.exporter, block, left, z)
    used_up, responds = sum(quantity[1:], quantity[0]), sum(bend[1:], bend[0])
    if blocks[0].kind == "all":
        used_up, responds = jnp.sum(used_up, -1, keepdims=True), jnp.sum(responds, -1, keepdims=True)
    ships = used_up > 0
    bound = ships & caps.binds
    return _CapState(
        jnp.asarray(rents),
        jnp.where(bound, jnp.log(jnp.where(ships, used_up, TINY)) - caps.log_limit, q),
        jnp.where(bound, responds / jnp.where(ships, used_up, 1.0), 1.0),
    )


class Demand(NamedTuple):
    """What buyers see and spend at a point."""

    phi: Array  # (K, T, L) of the traded sectors
    shares: Array  # (K, S, L) expenditure shares as they are then
    log_expenditure: Array  # (K, L)
    spending: Array  # (K, L)
    income: Array  # (K, L) before rents and tariff revenue
    kept: Array | None  # (K, L) of each unit spent, what is no tariff revenue
    links: HubLinks | DenseLinks  # as importers see them
    blocks: list[_Block]
    limits: tuple[Array, Array] | None  # of caps, as :func:`wedges` gives them


def all_phi(system: System, x: Array, phi: Array) -> Array:
    """Φ (K, S, L) of every sector: of those that nobody trades, the home price alone; 1 where nobody buys."""
    T = phi.shape[1]
    if system.theta.shape[1] > T:
        at_home = weigh(system.theta[:, T:], x[:, T:] if x.shape[1] > 1 else x)
        phi = jnp.concatenate([phi, at_home], 1)
    return jnp.where(system.alpha > 0, phi, 1.0)


def sector_prices(system: System, x: Array, phi: Array) -> Array:
    """Log P̂ (K, S, L) of every sector: what is only sold at home costs what its factor does; 0 where nobody buys."""
    S, T = system.theta.shape[1], phi.shape[1]
    bought = system.alpha[:, :T] > 0
    index = -jnp.log(jnp.where(bought, phi, 1.0)) / system.theta[:, :T]
    if S == T:
        return index
    at_home = x[:, T:] if x.shape[1] > 1 else jnp.broadcast_to(x, (x.shape[0], S - T, x.shape[2]))
    return jnp.concatenate([index, at_home], 1)


def demand(system: System, options: Options, y: Array, point: Point) -> Demand:
    """Evaluate the buyers' side at a point, as :func:`evaluate` takes it."""
    x, e, q = split(system, y)
    T, C = system.links.lam.shape[1], y.shape[2]
    earned = add_up(point.price * system.Y, 1)

    links: HubLinks | DenseLinks = system.links
    blocks: list[_Block] = []
    limits = None if q is None else wedges(system, x, q)
    if limits is not None:
        links, blocks = _soften(system, options, limits[1])
    phi = arriving(links, point.u, point.abroad, C)
    shares = system.alpha
    if system.eta is not None:
        shares = spending_shares(shares, sector_prices(system, x, phi), system.eta)

    income = world_of(system, before_transfers(system, options, earned, x, phi, C), C)
    # Of each unit spent, the part that is no tariff revenue; the rest stays with the importer.
    kept: Array | None = None
    if isinstance(links, DenseLinks) and links.paid is not None:
        paid = _through(jnp.swapaxes(links.paid, 2, 3), point.u, C)
        kept = add_up(shares[:, :T] * paid / (phi + TINY), 1) + jnp.sum(shares[:, T:], 1)

    if e is None or point.spent is None:
        spending = income if kept is None else income / kept
        e = jnp.log(spending / system.E)
    else:
        spending = system.E * point.spent
    return Demand(phi, shares, e, spending, income, kept, links, blocks, limits)


def evaluate(system: System, options: Options, y: Array, point: Point | None = None) -> Outcome:
    """Evaluate every condition of equilibrium at a point.

    Parameters
    ----------
    system
        The batch of counterfactuals.
    options
        Factors, closure and numeraire. Prices are those at which world output at baseline quantities costs what it
        did; a closure's other numeraire enters through its value at these prices.
    y
        (K, n, C): log p̂ (G, N), and under caps log(E'/E) (N) and the log limit prices (R).
    point
        The exponentials of y where they are known.

    Returns
    -------
    Outcome
        With ``values`` of zero at an equilibrium.
    """
    point = look(system, y) if point is None else point
    at = demand(system, options, y, point)
    _, _, q = split(system, y)
    links = at.links
    K, T, C = y.shape[0], links.lam.shape[1], y.shape[2]
    # Where there is no supplier nobody spends: nought over next to nought.
    v = at.shares[:, :T] * at.spending[:, None] / (at.phi + TINY)

    further: list[Array] = []
    slope: Array | None = None
    if q is not None and at.limits is not None:
        touched = [a[:, : options.reach] for a in (point.price, point.u, v, at.phi)]
        yielding = None
        if system.eta is not None:
            yielding = (1.0 - system.eta) * (1.0 - at.shares[:, : options.reach])
        state = _caps(system, options, links, at.blocks, q, *at.limits, *touched, yielding=yielding)
        implied = at.income + joined(state.rents)
        if at.kept is not None:
            implied = implied + (1.0 - at.kept) * at.spending
        further = [log_ratio(implied, at.spending).reshape(K, -1, C), state.excess]
        slope = state.slope
        links = _net_of_wedges(links, at.blocks)

    sales = leaving(links, v, C) * point.u
    if system.alpha.shape[1] > T:
        # What is sold at home only earns what is spent on it.
        sales = jnp.concatenate([sales, at.shares[:, T:] * at.spending[:, None]], 1)
    if system.Y.shape[1] < sales.shape[1]:
        sales = add_up(sales, 1, keepdims=True)
    market = log_ratio(sales, point.price * system.Y)
    return Outcome(jnp.concatenate([market.reshape(K, -1, C), *further], 1), slope)


def world_of(system: System, raw: Array, columns: int) -> Array:
    """Income (K, L): that of the world is what it was. This is the numeraire, and it makes the system regular."""
    scale = system.world / over_regions(raw, columns)
    return raw * everywhere(scale, raw.shape[-1] // columns)


def before_transfers(
    system: System, options: Options, earned: Array, x: Array, phi: Array, columns: int
) -> Array:
    """Factor income (K, L) plus the deficit of the closure, up to a factor common to the world."""
    regions = earned.shape[-1] // columns
    if options.deficits == "nominal" and options.numeraire != "world":
        value = unit(system, options, earned, all_phi(system, x, phi), columns)
        return earned + system.D * everywhere(value, regions)
    value = over_regions(earned, columns) / system.world
    return earned * system.ratio + system.D * everywhere(value, regions)


def unit(system: System, options: Options, earned: Array, phi: Array, columns: int) -> Array:
    """Value (K, C) of the closure's numeraire, relative to its baseline, at the prices solved for."""
    if options.numeraire == "prices":
        if system.eta is None:
            log_index = -jnp.sum(system.alpha * jnp.log(phi) / system.theta, 1)
        else:
            log_index = log_price_level(system.alpha, -jnp.log(phi) / system.theta, system.eta)
        spent = over_regions(system.E * jnp.exp(log_index), columns)
        return spent / over_regions(system.E, columns)
    if options.numeraire == "world":
        return over_regions(earned, columns) / system.world
    region = int(options.numeraire)
    return apart(earned, columns)[:, region] / apart(system.E - system.D, columns)[:, region]
