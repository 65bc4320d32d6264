"""The equations, once: every solver, derivative and residual goes through :func:`evaluate`.

Exact-hat Armington / Eaton–Kortum general equilibrium (Dekle, Eaton & Kortum 2007; Costinot & Rodríguez-Clare 2014)
with many sectors, mobile or specific factors, tariffs whose revenue is returned, caps on quantity and the closures
of deficits of Ossa (2014) and of Costinot & Rodríguez-Clare.

Inside the solvers the axes are ``(K, sector, region, C)``: K worlds, each with C counterfactuals that share its trade
shares, so that a sum over partners is one matrix product per world and sector, and everything else runs along
contiguous memory.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tertius.models.trade._economy import Deficits, Factors, Numeraire

__all__ = [
    "CapTerms",
    "DenseLinks",
    "HubLinks",
    "Options",
    "Outcome",
    "System",
    "at_limits",
    "before_transfers",
    "demand",
    "evaluate",
    "split",
    "to_origins",
    "wedges",
    "weigh",
]

TINY = 1e-300


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
    ``mal`` the same with destinations first; ``row`` and ``col`` (K, T, N, C) are the hub's exports and imports with
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
    """One batch of counterfactuals, ready to be evaluated; shapes with 1 for C are shared by the counterfactuals."""

    theta: Array  # (K, S, 1, 1)
    alpha: Array  # (K, S, N, C), without sectors that have lost their last supplier
    Y: Array  # (K, G, N, C), G = S or 1, zero where output has lost its last buyer
    E: Array  # (K, N, 1)
    D: Array  # (K, N, 1), 0 unless the closure keeps it as a transfer
    ratio: Array  # (K, N, 1) of spending to income, 1 unless the closure keeps that
    world: Array  # (K, 1, 1) world output
    links: HubLinks | DenseLinks
    caps: CapTerms | None


class Outcome(NamedTuple):
    """What the system gives at a point: the conditions, which must vanish."""

    market: Array  # (K, G, N, C) log(income / p̂Y)
    budget: Array | None  # (K, N, C) log of expenditure implied over expenditure guessed
    excess: Array | None  # (K, R, C) log of the quantity at the limit price over the limit
    slope: Array | None  # (K, R, C) its derivative by the log limit price, prices and expenditure held


def weigh(theta: Array, x: Array) -> Array:
    """``p̂^(−θ)``, (K, S, N, C), of log prices (K, S or 1, N, C)."""
    K, S = theta.shape[:2]
    N, C = x.shape[2:]
    # In two long axes: over four short ones the compiler does not vectorise the exponential.
    flat = jnp.broadcast_to(x, (K, S, N, C)).reshape(K * S, N * C)
    return jnp.exp(-theta.reshape(K * S, 1) * flat).reshape(K, S, N, C)


def to_destinations(lam: Array, u: Array) -> Array:
    """``Σ_m λ[s, m, d] u[s, m]`` for lam (K, T, N, N) and u (K, T, N, C)."""
    return jnp.einsum("ksmd,ksmc->ksdc", lam, u)


def to_origins(lam: Array, v: Array) -> Array:
    """``Σ_d λ[s, o, d] v[s, d]`` for lam (K, T, N, N) and v (K, T, N, C)."""
    return jnp.einsum("ksod,ksdc->ksoc", lam, v)


def at_hub(hub: Array, whole: Array, value: Array) -> Array:
    """``whole`` (..., N, C) with ``value`` (..., C) put at the hub."""
    here = jnp.arange(whole.shape[-2])[:, None] == hub
    return jnp.where(here, value[..., None, :], whole)


def pick(hub: Array, whole: Array) -> Array:
    """``whole`` (..., N, C) at the hub, (..., 1, C)."""
    return jax.lax.dynamic_slice_in_dim(whole, hub, 1, axis=whole.ndim - 2)


def arriving(links: HubLinks | DenseLinks, u: Array) -> Array:
    """Φ of the traded sectors, (K, T, N, C)."""
    if isinstance(links, DenseLinks):
        return to_destinations(links.lam, u)
    phi = to_origins(links.mal, u) + links.row * pick(links.hub, u)
    return at_hub(links.hub, phi, jnp.sum(links.col * u, -2))


def leaving(links: HubLinks | DenseLinks, v: Array) -> Array:
    """``Σ_d λ B v``: what each origin of a traded sector is paid per unit of u, (K, T, N, C)."""
    if isinstance(links, DenseLinks):
        return to_origins(links.lam if links.paid is None else links.paid, v)
    income = to_origins(links.lam, v) + links.col * pick(links.hub, v)
    return at_hub(links.hub, income, jnp.sum(links.row * v, -2))


def split(system: System, y: Array) -> tuple[Array, Array | None, Array | None]:
    """Cut the unknowns (K, n, C) into log prices (K, G, N, C), log expenditure and log limit prices."""
    K, groups, regions, C = system.Y.shape
    x = y[:, : groups * regions].reshape(K, groups, regions, C)
    if system.caps is None:
        return x, None, None
    rest = y[:, groups * regions :]
    return x, rest[:, :regions], rest[:, regions:]


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
    asked = x[:, :P] if x.shape[1] > 1 else x
    met = q - jnp.sum(caps.reference[..., None] * asked[:, None], (2, 3))
    return met, jnp.where(caps.binds, jnp.maximum(met, 0.0), 0.0)


class _Block(NamedTuple):
    """Capped pairs as the links hold them, and what is paid on them."""

    kind: str  # "row" and "col" of the hub, or "all"
    member: Array  # (K, R, P, N, 1) or (K, R, P, N, N)
    softened: Array  # λB τ^(−θ)
    wedge: Array  # log τ


def _first_times(whole: Array, factor: Array) -> Array:
    """Multiply the first sectors of (K, T, ...), as many as the factor has."""
    P = factor.shape[1]
    return jnp.concatenate([whole[:, :P] * factor, whole[:, P:]], 1) if whole.shape[1] > P else whole * factor


def _soften(system: System, z: Array) -> tuple[HubLinks | DenseLinks, list[_Block]]:
    """Put the caps' shadow prices into the links: as importers see them."""
    links, caps = system.links, system.caps
    assert caps is not None
    P = caps.reference.shape[2]
    theta = system.theta[:, :P]
    blocks = []
    for kind, member in (("row", caps.row), ("col", caps.col), ("all", caps.every)):
        if member is None:
            continue
        wedge = jnp.sum(jnp.where(member > 0, z[:, :, None, None], 0.0), 1)
        soft = jnp.exp(-theta * wedge)
        if isinstance(links, DenseLinks):
            paid = None if links.paid is None else _first_times(links.paid, soft)
            links = DenseLinks(_first_times(links.lam, soft), paid)
            blocks.append(_Block(kind, member, links.lam[:, :P], wedge))
        elif kind == "row":
            links = links._replace(row=_first_times(links.row, soft))
            blocks.append(_Block(kind, member, links.row[:, :P], wedge))
        else:
            links = links._replace(col=_first_times(links.col, soft))
            blocks.append(_Block(kind, member, links.col[:, :P], wedge))
    return links, blocks


def _net_of_wedges(links: HubLinks | DenseLinks, blocks: list[_Block]) -> HubLinks | DenseLinks:
    """Links as producers see them: what is paid on a capped pair less the rent."""
    for block in blocks:
        net = jnp.exp(-block.wedge)
        if isinstance(links, DenseLinks):
            links = DenseLinks(links.lam, _first_times(links.lam if links.paid is None else links.paid, net))
        elif block.kind == "row":
            links = links._replace(row=_first_times(links.row, net))
        else:
            links = links._replace(col=_first_times(links.col, net))
    return links


def _along(
    links: HubLinks | DenseLinks, kind: str, by_origin: Array, by_destination: Array
) -> tuple[Array, Array]:
    """Arrays (..., N, C) over origins and over destinations, on a block's pairs."""
    if kind == "all":
        return by_origin, jnp.swapaxes(by_destination, -1, -2)
    assert isinstance(links, HubLinks)
    if kind == "row":
        return pick(links.hub, by_origin), by_destination
    return by_origin, pick(links.hub, by_destination)


def _rents(links: HubLinks | DenseLinks, owner: int, exporter: Array, kind: str, rent: Array) -> Array:
    """Who gets a cap's rent (K, T, N, C or N): an array over regions, (K, N, C)."""
    by_pair = jnp.sum(rent, 1)
    if kind == "all":
        exporters, importers = jnp.sum(by_pair, -1)[..., None], jnp.sum(by_pair, -2)[..., None]
    else:
        assert isinstance(links, HubLinks)
        one_end = at_hub(links.hub, jnp.zeros_like(by_pair), jnp.sum(by_pair, -2))
        exporters, importers = (one_end, by_pair) if kind == "row" else (by_pair, one_end)
    if owner >= 0:
        here = jnp.arange(importers.shape[1])[:, None] == owner
        importers = jnp.where(here, jnp.sum(importers, 1, keepdims=True), 0.0)
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
    return jnp.sum(by_pair, -2, keepdims=True)


def at_limits(
    kind: str,
    alone: bool,
    member: Array,
    theta: Array,
    there: Array,
    total: Array,
    physical: Array,
    gap: Array,
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

    Returns
    -------
    tuple
        (K, R, C), or (K, R, N) for "all".
    """
    on = (member > 0).astype(float)
    if alone:
        gap = jnp.einsum("krpn,krc->kpnc", on[..., 0], gap)
        fewer = jnp.exp(-theta * gap)
        then = total + there * (fewer - 1.0)
    else:
        gap = gap[:, :, None, None]
        theta, there, total, physical = (a[:, None] for a in (theta, there, total, physical))
        fewer = jnp.exp(-theta * gap)
        then = total + _at_destination(kind, on * there * (fewer - 1.0))
    then = jnp.where(then > 0, then, 1.0)
    used = physical * fewer * jnp.exp(-gap) * (total / then)
    bend = used * (-1.0 - theta * (1.0 - there * fewer / then))
    if alone:
        count = member[..., 0]
        return jnp.einsum("krpn,kpnc->krc", count, used), jnp.einsum("krpn,kpnc->krc", count, bend)
    return jnp.sum(member * used, (2, 3)), jnp.sum(member * bend, (2, 3))


def _rents_of(
    links: HubLinks | DenseLinks, options: Options, exporter: Array, block: _Block, left: Array, z: Array
) -> Array:
    """Rents on a block by who gets them, (K, N, C)."""
    if options.alone:
        assert isinstance(links, HubLinks)
        on = (block.member[..., 0] > 0).astype(float)
        rent = left - left * jnp.exp(-block.wedge)
        to_hub = jnp.einsum("krpn,kr->kpn", on, exporter)[..., None]
        rest = rent * (1.0 - to_hub)
        given = jnp.zeros_like(rest[:, 0])
        places = jnp.arange(given.shape[1])[:, None]
        for owner in sorted(set(options.owners)):
            own = [r for r, who in enumerate(options.owners) if who == owner]
            part = jnp.sum(rest * jnp.sum(on[:, own], 1)[..., None], 1)
            given = given + (
                part if owner < 0 else jnp.where(places == owner, jnp.sum(part, 1, keepdims=True), 0.0)
            )
        return given + jnp.where(places == links.hub, jnp.sum(rent * to_hub, (1, 2))[:, None], 0.0)
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
) -> _CapState:
    """Rents and quantities under the caps, at given prices; all arrays of the sectors that caps touch."""
    caps = system.caps
    assert caps is not None
    P = u.shape[1]
    rents = jnp.zeros_like(phi[:, 0])
    quantity = []
    bend = []
    for block in blocks:
        supply, demand = _along(links, block.kind, u, v)
        shipped = block.softened
        if isinstance(links, DenseLinks) and links.paid is not None:
            shipped = links.paid[:, :P]
        left = shipped * supply * demand
        seller, _ = _along(links, block.kind, price, price)
        physical = left * jnp.exp(-block.wedge) / seller
        weighed, total = _along(links, block.kind, u, phi)
        used, bent = at_limits(
            block.kind,
            options.alone,
            block.member,
            system.theta[:, :P],
            block.softened * weighed,
            total,
            physical,
            jnp.where(caps.binds, met - z, 0.0),
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
        rents,
        jnp.where(bound, jnp.log(jnp.where(ships, used_up, TINY)) - caps.log_limit, q),
        jnp.where(bound, responds / jnp.where(ships, used_up, 1.0), 1.0),
    )


class Demand(NamedTuple):
    """What buyers see and spend at a point."""

    price: Array  # (K, G, N, C)
    u: Array  # (K, S, N, C) p̂^(−θ)
    phi: Array  # (K, S, N, C)
    log_expenditure: Array  # (K, N, C)
    spending: Array  # (K, N, C)
    income: Array  # (K, N, C) before rents and tariff revenue
    kept: Array | None  # (K, N, C) of each unit spent, what is no tariff revenue
    links: HubLinks | DenseLinks  # as importers see them
    blocks: list[_Block]
    limits: tuple[Array, Array] | None  # of caps, as :func:`wedges` gives them


def demand(system: System, options: Options, y: Array) -> Demand:
    """Evaluate the buyers' side at a point, as :func:`evaluate` takes it."""
    x, e, q = split(system, y)
    T = system.links.lam.shape[1]
    price = jnp.exp(x)
    u = weigh(system.theta, x)
    earned = jnp.sum(price * system.Y, 1)

    links: HubLinks | DenseLinks = system.links
    blocks: list[_Block] = []
    limits = None if q is None else wedges(system, x, q)
    if limits is not None:
        links, blocks = _soften(system, limits[1])
    phi = arriving(links, u[:, :T])
    if u.shape[1] > T:
        phi = jnp.concatenate([phi, u[:, T:]], 1)
    phi = jnp.where(system.alpha > 0, phi, 1.0)

    raw = before_transfers(system, options, earned, phi)
    # Income of the world is what it was: this is the numeraire, and it makes the system regular.
    income = raw * (system.world / jnp.sum(raw, 1, keepdims=True))
    # Of each unit spent, the part that is no tariff revenue; the rest stays with the importer.
    kept: Array | None = None
    if isinstance(links, DenseLinks) and links.paid is not None:
        net = system.alpha[:, :T] * to_destinations(links.paid, u[:, :T]) / phi[:, :T]
        kept = jnp.sum(net, 1) + jnp.sum(system.alpha[:, T:], 1)

    if e is None:
        spending = income if kept is None else income / kept
        e = jnp.log(spending / system.E)
    else:
        spending = system.E * jnp.exp(e)
    return Demand(price, u, phi, e, spending, income, kept, links, blocks, limits)


def evaluate(system: System, options: Options, y: Array) -> Outcome:
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

    Returns
    -------
    Outcome
        With zero ``market`` (and ``budget`` and ``excess``) at an equilibrium.
    """
    at = demand(system, options, y)
    x, _, q = split(system, y)
    u, phi, links = at.u, at.phi, at.links
    T = links.lam.shape[1]
    v = system.alpha * at.spending[:, None] / phi

    budget: Array | None = None
    excess: Array | None = None
    slope: Array | None = None
    if q is not None and at.limits is not None:
        touched = [a[:, : options.reach] for a in (at.price, u, v, phi)]
        state = _caps(system, options, links, at.blocks, q, *at.limits, *touched)
        implied = at.income + state.rents
        if at.kept is not None:
            implied = implied + (1.0 - at.kept) * at.spending
        budget = jnp.log(implied / at.spending)
        excess, slope = state.excess, state.slope
        links = _net_of_wedges(links, at.blocks)

    sales = leaving(links, v[:, :T])
    if u.shape[1] > T:
        sales = jnp.concatenate([sales, v[:, T:]], 1)
    sales = sales * u
    if system.Y.shape[1] < sales.shape[1]:
        sales = jnp.sum(sales, 1, keepdims=True)
    alive = system.Y > 0
    market = jnp.log(jnp.where(alive, sales / jnp.where(alive, system.Y, 1.0), 1.0)) - x
    return Outcome(market, budget, excess, slope)


def before_transfers(system: System, options: Options, earned: Array, phi: Array) -> Array:
    """Factor income (K, N, C) plus the deficit of the closure, up to a factor common to the world."""
    if options.deficits == "nominal" and options.numeraire != "world":
        return earned + system.D * unit(system, options, earned, phi)
    return earned * system.ratio + system.D * (jnp.sum(earned, 1, keepdims=True) / system.world)


def unit(system: System, options: Options, earned: Array, phi: Array) -> Array:
    """Value (K, 1, C) of the closure's numeraire, relative to its baseline, at the prices solved for."""
    if options.numeraire == "prices":
        log_index = -jnp.sum(system.alpha * jnp.log(phi) / system.theta, 1)
        return jnp.sum(system.E * jnp.exp(log_index), 1, keepdims=True) / jnp.sum(system.E, 1, keepdims=True)
    if options.numeraire == "world":
        return jnp.sum(earned, 1, keepdims=True) / system.world
    region = int(options.numeraire)
    return (earned[:, region] / (system.E - system.D)[:, region])[:, None]
