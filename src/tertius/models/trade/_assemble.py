"""From a world and a shock to a system that can be evaluated, and from its solution to an equilibrium."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from tertius.models.trade._economy import (
    CONVERGED,
    NO_BUYER,
    NO_SUPPLIER,
    NOT_CONVERGED,
    TOLERANCE,
    Deficits,
    Economy,
    Equilibrium,
)
from tertius.models.trade._solver import Found
from tertius.models.trade._system import (
    CapTerms,
    DenseLinks,
    HubLinks,
    Options,
    System,
    all_phi,
    apart,
    arriving,
    demand,
    everywhere,
    in_every,
    joined,
    leaving,
    look,
    over_regions,
    split,
    unit,
    wedges,
)
from tertius.models.trade._upper import log_price_level

__all__ = [
    "CapArrays",
    "Worlds",
    "assemble",
    "closure_of",
    "dense_system",
    "finish",
    "hub_system",
    "one_world",
]


class Worlds(NamedTuple):
    """K baselines; traded sectors first."""

    lam: Array  # (K, S, N, N)
    alpha: Array  # (K, S, N)
    Y: Array  # (K, S, N)
    E: Array  # (K, N)
    D: Array  # (K, N)
    theta: Array  # (K, S)
    kept: Array  # (K,) 1 where deficits are transfers that stay, 0 where they do not
    scaled: Array  # (K,) 1 where spending keeps its ratio to income, 0 where it does not
    eta: Array | None = None  # (K,) substitution between sectors; None where spending is Cobb–Douglas


def closure_of(deficits: Deficits) -> tuple[float, float]:
    """``kept`` and ``scaled`` of :class:`Worlds`: figures, so that closures share a compiled program."""
    return float(deficits in ("world_share", "nominal")), float(deficits == "proportional")


def one_world(economy: Economy, theta: Array, deficits: Deficits, eta: Array | None = None) -> Worlds:
    """A single baseline with its closure."""
    figures = (*economy, theta, *closure_of(deficits))
    world = Worlds(*(jnp.asarray(a, dtype=float)[None] for a in figures))
    return world if eta is None else world._replace(eta=jnp.asarray(eta, dtype=float)[None])


class CapArrays(NamedTuple):
    """Caps on the listed pairs."""

    member: Array  # (K, R, T, M)
    limit: Array  # (K, R, C)
    exporter: Array  # (K, R)


def _close(keep: Array, caps: CapArrays | None) -> Array:
    """A cap with limit zero is an exit of its members: (K, T, M, C) what is kept."""
    if caps is None:
        return keep
    shut = (caps.member > 0)[..., None] & (caps.limit <= 0)[:, :, None, None]
    return jnp.where(jnp.any(shut, axis=1), 0.0, keep)


def _cap_terms(
    world: Worlds,
    keep: Array,
    origin: NDArray[np.int64],
    destination: NDArray[np.int64],
    caps: CapArrays,
    options: Options,
) -> CapTerms:
    """Limits in the currency of the flows, and whose prices they are counted from."""
    P = options.reach
    spent = (world.alpha * world.E[:, None])[:, :P, None]
    flows = (world.lam[:, :P] * spent)[:, :, origin, destination]
    counted = caps.member[:, :, :P] * flows[:, None]
    before = jnp.sum(counted, (2, 3))[..., None]
    remains = jnp.sum(counted[..., None] * keep[:, None, :P], (2, 3))
    binds = jnp.isfinite(caps.limit) & (caps.limit > 0) & (remains > 0)
    log_limit = jnp.where(binds, jnp.log(jnp.where(binds, caps.limit * before, 1.0)), 0.0)
    sellers = np.zeros((len(origin), world.lam.shape[-1]))
    sellers[np.arange(len(origin)), origin] = 1.0
    by_origin = counted @ sellers
    whole = jnp.sum(by_origin, (2, 3), keepdims=True)
    reference = by_origin / jnp.where(whole > 0, whole, 1.0)
    return CapTerms(None, None, None, log_limit, binds, caps.exporter, reference)


def assemble(
    world: Worlds, links: HubLinks | DenseLinks, caps: CapTerms | None, options: Options, columns: int = 1
) -> System:
    """One system for ``columns`` counterfactuals on each world."""
    K, S, N = world.alpha.shape
    T = links.lam.shape[1]
    long = N * columns
    supply = arriving(links, jnp.ones((K, T, long)), None, columns)
    supply = jnp.concatenate([supply, jnp.ones((K, S - T, long))], 1)
    before = in_every(world.alpha, columns)
    alpha = jnp.where(supply > 0, before, 0.0)
    bought = jnp.sum(alpha, 1, keepdims=True)
    lost = jnp.any((before > 0) & (supply <= 0), axis=1, keepdims=True) & (bought > 0)
    alpha = jnp.where(lost, alpha / jnp.where(bought > 0, bought, 1.0), alpha)
    buyers = jnp.concatenate([leaving(links, alpha[:, :T], columns), alpha[:, T:]], 1)
    made = jnp.sum(world.Y, 1)
    if options.factors == "mobile":
        bought_from = jnp.any(buyers > 0, axis=1, keepdims=True)
        Y = jnp.where(bought_from, in_every(made, columns)[:, None], 0.0)
    else:
        Y = jnp.where(buyers > 0, in_every(world.Y, columns), 0.0)
    ratio = 1.0 + world.scaled[:, None] * (world.E / jnp.where(made > 0, made, 1.0) - 1.0)
    return System(
        theta=world.theta[..., None],
        alpha=alpha,
        Y=Y,
        E=in_every(world.E, columns),
        D=in_every(world.D * world.kept[:, None], columns),
        ratio=in_every(ratio, columns),
        world=jnp.sum(made, 1)[:, None],
        links=links,
        caps=caps,
        eta=None if world.eta is None else world.eta[:, None, None],
    )


def hub_system(
    world: Worlds,
    hub: int,
    origin: NDArray[np.int64],
    destination: NDArray[np.int64],
    keep: Array,
    caps: CapArrays | None,
    options: Options,
) -> System:
    """System for shocks that all have the hub at one end.

    Parameters
    ----------
    world
        K baselines.
    hub
        Index of that region.
    origin, destination
        (M,) the listed pairs.
    keep
        (K, T, M, C) what is left of each pair, for the traded sectors.
    caps
        Limits on the listed pairs.
    options
        Factors and closure.
    """
    K, T, _, C = keep.shape
    N = world.lam.shape[-1]
    keep = _close(keep, caps)
    exports, imports = np.flatnonzero(origin == hub), np.flatnonzero(destination == hub)
    # Which listed pair stands at each place of the hub's row and column; the last, added one, is "none".
    in_row, in_col = np.full(N, len(origin)), np.full(N, len(origin))
    in_row[destination[exports]] = exports
    in_col[origin[imports]] = imports
    lam = world.lam[:, :T]
    all_keep = jnp.concatenate([keep, jnp.ones((K, T, 1, C))], 2)
    row = lam[:, :, hub, :, None] * all_keep[:, :, in_row]
    col = lam[:, :, :, hub, None] * all_keep[:, :, in_col]
    elsewhere = (np.arange(N) != hub).astype(float)
    rest = lam * np.outer(elsewhere, elsewhere)
    terms: CapTerms | None = None
    if caps is not None:
        terms = _cap_terms(world, keep, origin, destination, caps, options)
        touched = caps.member[:, :, : options.reach]
        members = jnp.concatenate([touched, jnp.zeros((*touched.shape[:3], 1))], 3)[..., None]
        if "row" in options.capped:
            terms = terms._replace(row=members[:, :, :, in_row])
        if "col" in options.capped:
            terms = terms._replace(col=members[:, :, :, in_col])
    links = HubLinks(rest, jnp.swapaxes(rest, 2, 3), joined(row), joined(col), jnp.asarray(hub))
    return assemble(world, links, terms, options, C)


def dense_system(
    world: Worlds,
    origin: NDArray[np.int64],
    destination: NDArray[np.int64],
    keep: Array,
    cost: Array | None,
    tariff: Array | None,
    caps: CapArrays | None,
    options: Options,
) -> System:
    """System for shocks on any pair, one counterfactual on each of K worlds.

    ``keep`` is (K, T, M, 1); ``cost`` and ``tariff`` are (K, T, N, N).
    """
    T = keep.shape[1]
    keep = _close(keep, caps)
    theta = world.theta[:, :T, None, None]
    lam = world.lam[:, :T].at[:, :, origin, destination].multiply(keep[..., 0])
    if cost is not None:
        lam = lam * cost**-theta
    paid: Array | None = None
    if tariff is not None:
        lam = lam * (1.0 + tariff) ** -theta
        paid = lam / (1.0 + tariff)
    terms: CapTerms | None = None
    if caps is not None:
        terms = _cap_terms(world, keep, origin, destination, caps, options)
        touched = caps.member[:, :, : options.reach]
        every = jnp.zeros((*touched.shape[:3], *lam.shape[-2:]))
        terms = terms._replace(every=every.at[..., origin, destination].set(touched))
    return assemble(world, DenseLinks(lam, paid), terms, options)


def finish(
    world: Worlds, system: System, options: Options, found: Found, caps: CapArrays | None
) -> Equilibrium:
    """Read the equilibrium off the solution; leading axes (K, C)."""
    point = look(system, found.y)
    at = demand(system, options, found.y, point)
    x, _, q = split(system, found.y)
    C = found.y.shape[2]
    N = world.alpha.shape[2]
    alpha = in_every(world.alpha, C)
    lost = (alpha > 0) & (system.alpha <= 0)
    made = world.Y if system.Y.shape[1] == world.Y.shape[1] else jnp.sum(world.Y, 1, keepdims=True)
    idle = (system.Y <= 0) & (in_every(made, C) > 0)
    phi = all_phi(system, x, at.phi)
    log_price = jnp.broadcast_to(jnp.where(idle, -jnp.inf, x), phi.shape)
    log_phi = jnp.where(lost, -jnp.inf, jnp.log(phi))
    if system.eta is None:
        log_welfare = at.log_expenditure + jnp.sum(
            jnp.where(alpha > 0, alpha * log_phi / system.theta, 0.0), 1
        )
    else:
        level = log_price_level(alpha, -log_phi / system.theta, system.eta)
        log_welfare = at.log_expenditure - level
        # What other sectors replace is no loss without bound.
        lost = lost & jnp.isinf(level)[:, None]
    # Where spending keeps its ratio to income exactly, what all spend is not quite what all earn.
    earned = jnp.sum(point.price * system.Y, 1)
    spending = over_regions(earned * system.ratio, C)
    shift = everywhere(world.scaled[:, None] * jnp.log(spending / system.world), N)
    log_expenditure = at.log_expenditure + shift
    log_welfare = log_welfare + shift
    if options.deficits == "nominal" and options.numeraire != "world":
        scale = everywhere(jnp.log(unit(system, options, earned, phi, C)), N)
        log_price = log_price - scale[:, None]
        log_phi = log_phi + system.theta * scale[:, None]
        log_expenditure = log_expenditure - scale
    lost, idle = apart(lost, C), apart(idle, C)
    status = jnp.where(jnp.any(lost, axis=(1, 2)), NO_SUPPLIER, CONVERGED)
    status = jnp.where((status == CONVERGED) & jnp.any(idle, axis=(1, 2)), NO_BUYER, status)
    status = jnp.where(found.residual <= TOLERANCE, status, NOT_CONVERGED)
    if q is None or caps is None:
        shadow = jnp.zeros((*found.residual.shape, 0))
    else:
        shadow = jnp.swapaxes(jnp.where(caps.limit <= 0, jnp.inf, wedges(system, x, q)[1]), 1, 2)
    return Equilibrium(
        log_price=jnp.moveaxis(apart(log_price, C), -1, 1),
        log_phi=jnp.moveaxis(apart(log_phi, C), -1, 1),
        log_expenditure=jnp.moveaxis(apart(log_expenditure, C), -1, 1),
        welfare=jnp.moveaxis(apart(jnp.exp(log_welfare), C), -1, 1),
        cap_price=shadow,
        residual=found.residual,
        iterations=found.iterations,
        status=status,
    )
