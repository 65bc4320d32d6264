"""The order in which models run on a set of draws, and nothing else.

:func:`simulate` takes draws and one structure, and returns the findings of those draws as labelled groups. The
study runs it once for the main sample and again, on fewer draws, for every question of the kind "and if".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.draws import Draws
from tertius._study.structures import Structure
from tertius._study.trade import Aftermath, TradeLevers, TradeResults, run_trade
from tertius._study.world import Bundle, Exit, Figures, TradeWorld, answers, bundle, exits, trade_world
from tertius.case import Case
from tertius.models import displacement, levers

__all__ = ["Answered", "DomainExit", "DomainResults", "ExitResults", "Simulation", "rescuer", "simulate"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DomainExit:
    """What an exit does in one non-trade domain.

    Attributes
    ----------
    tie
        Shape (n, P): the powers' shares after it.
    lever
        Shape (n, P), log points: levers from the new shares.
    loss
        Shape (n,), log points: what it costs the client.
    vacuum
        Shape (n, P): what each power adds, over what is withdrawn; ``NaN`` where nothing is.
    own
        Shape (n,): the same for own provision.
    unfilled
        Shape (n,): the rest.
    withdrawn
        Shape (n,): what is withdrawn, as a share of real income (the domain's weight times the share withdrawn).
    """

    tie: Any
    lever: Any
    loss: Any
    vacuum: Any
    own: Any
    unfilled: Any
    withdrawn: Any


@dataclass(frozen=True)
class DomainResults:
    """One non-trade domain: shares (n, P), levers (n, P), reverse levers (n, P), and each exit in it."""

    tie: Array
    lever: Array
    reverse: Array
    after: dict[str, DomainExit]
    converged: Mask


@dataclass(frozen=True)
class Answered:
    """What a third party's answer to a concession costs.

    Attributes
    ----------
    loss
        Shape (n,), log points of the client, over all domains that it touches.
    others
        Shape (n, P), log points: each power's own loss through trade.
    """

    loss: Array
    others: Array


@dataclass(frozen=True)
class Simulation:
    """All models of one set of draws under one structure, before labels are put on.

    Attributes
    ----------
    world
        The trade world, or None if the case has no trade section.
    trade
        What was read off its equilibria.
    domains
        The non-trade domains, in the case's order.
    exits
        The what-ifs that were run.
    answers
        Third parties' answers by concession and party (``crimea/west``); empty where further exits were run.
    renewed
        Levers (n, P) after a rescue, by the domains in which it changes what the rescuer supplies.
    converged
        Shape (n,): the draws in which every model reached its tolerance.
    residual
        Shape (n,).
    """

    world: TradeWorld | None
    trade: TradeResults | None
    domains: dict[str, DomainResults]
    exits: tuple[Exit, ...]
    answers: dict[str, Answered]
    renewed: dict[str, Array]
    converged: Mask
    residual: Array


def simulate(
    case: Case,
    draws: Draws,
    structure: Structure,
    *,
    only: Sequence[str] | None = None,
    trade: TradeResults | None = None,
    trade_levers: TradeLevers | None = None,
    progress: Callable[[float], None] | None = None,
    retry: bool = True,
) -> Simulation:
    """Run every model that the case has the sections for.

    Parameters
    ----------
    case
        The case.
    draws
        Values of its uncertain inputs, n draws.
    structure
        How the world is modelled.
    only
        The exits to run; all if None.
    trade
        Results of the same draws under a structure with the same trade equilibria, to be used again.
    trade_levers
        Levers through trade before any exit, of the same draws and structure, to be used again.
    progress
        Told the fraction done.
    retry
        Whether equilibria that the fast iteration has missed are looked for once more.

    Returns
    -------
    Simulation
        Raw results; nothing has been left out yet.
    """
    figures = Figures(draws)
    powers = tuple(case.powers)
    world = None if case.trade is None else trade_world(case, figures, structure)
    sectors = world.sectors if world is not None else ()
    wanted = tuple(e for e in exits(case, figures, sectors) if only is None or e.id in only)
    # Further exits run on top of a main run, which has the answers already.
    answering = answers(case, figures, sectors) if trade_levers is None else ()
    converged = np.ones(draws.size, dtype=bool)
    residual = np.zeros(draws.size)
    if world is not None:
        if trade is None:
            asked = [a for a in answering if "trade" in a.domains]
            trade = run_trade(world, powers, wanted, progress, trade_levers, retry, asked)
        converged &= trade.converged
        residual = np.maximum(residual, trade.residual)
    bundles = {d: bundle(case, d, figures, structure) for d in case.domains}
    weights = {d: b.weight for d, b in bundles.items()}
    if structure.equal_weights and weights:
        mean = np.mean(list(weights.values()), axis=0)
        weights = dict.fromkeys(weights, np.asarray(mean))
    domains = {d: _domain(d, b, weights[d], powers, wanted) for d, b in bundles.items()}
    for result in domains.values():
        converged &= result.converged
    answered: dict[str, Answered] = {}
    for answer in answering:
        answered[answer.id], fine = _answered(answer, world, trade, bundles, weights, powers)
        converged &= fine
    renewed: dict[str, Array] = {}
    if case.rescue is not None and trade_levers is None:
        for name, change in case.rescue.new_ties.items():
            more = np.exp(figures(f"rescue.new_ties.{name}", change) / 100)
            renewed[name], fine = _renewed(bundles[name], weights[name], powers.index(rescuer(case)), more)
            converged &= fine
    return Simulation(world, trade, domains, wanted, answered, renewed, converged, residual)


def rescuer(case: Case) -> str:
    """The power that came: the one that was asked, by default the first that could be."""
    assert case.rescue is not None
    return case.rescue.asked_of or next(iter(case.rescue.candidates))


def _renewed(given: Bundle, weight: Array, power: int, more: Array) -> tuple[Array, Mask]:
    """Levers (n, P) once a power supplies more, or less, than it did at the same price."""
    _, leave, common = _programs(given, weight)
    keep = np.ones_like(given.share)
    keep[:, power] = more
    moved, fine = in_blocks(leave, given.share, keep, *common)
    return moved.lever, fine


def _answered(
    answer: Exit,
    world: TradeWorld | None,
    trade: TradeResults | None,
    bundles: Mapping[str, Bundle],
    weights: Mapping[str, Array],
    powers: Sequence[str],
) -> tuple[Answered, Mask]:
    """What a third party's answer costs the client over all domains, and the powers through trade."""
    degree = next(iter(answer.degree.values()))
    loss, others = np.zeros(len(degree)), np.zeros((len(degree), len(powers)))
    fine = np.ones(len(degree), dtype=bool)
    if world is not None and trade is not None and answer.id in trade.answered:
        welfare = trade.answered[answer.id]
        loss = loss - welfare[:, world.client]
        for p, power in enumerate(powers):
            others[:, p] = -welfare[:, world.regions.index(power)] if power in world.regions else np.nan
    for name, given in bundles.items():
        if name not in answer.domains:
            continue
        _, leave, common = _programs(given, weights[name])
        moved, reached = in_blocks(leave, given.share, _keep(given, answer, powers), *common)
        loss, fine = loss + moved.loss, fine & reached
    return Answered(loss, others), fine


def _domain(
    name: str, given: Bundle, weight: Array, powers: Sequence[str], wanted: Sequence[Exit]
) -> DomainResults:
    """One non-trade domain: levers from the start, then every exit and the levers after it."""
    lever_of, leave, common = _programs(given, weight)
    before, ok = in_blocks(lever_of, given.share, *common)
    after: dict[str, DomainExit] = {}
    for leaving in wanted:
        keep = _keep(given, leaving, powers) if name in leaving.domains else np.ones_like(given.share)
        made, fine = in_blocks(leave, given.share, keep, *common)
        after[leaving.id] = made
        ok = ok & fine
    return DomainResults(given.share[:, :-1], before, _reverse(given), after, ok)


def _programs(
    given: Bundle, weight: Array
) -> tuple[Callable[..., Any], Callable[..., Any], tuple[Array, ...]]:
    """The programs for levers and for exits in a domain, and what both of them take."""
    common: tuple[Array, ...] = (weight, given.sigma, given.eta)
    lever_of, leave = _PROGRAMS
    if given.rho is not None and given.nest is not None:
        common = (*common, given.rho)
        # As many nests as suppliers, so that one program serves all domains.
        member = (np.arange(len(given.nest))[:, None] == given.nest).astype(float)
        lever_of, leave = (partial(program, nests=member) for program in (lever_of, leave))
    return lever_of, leave, common


def _keep(given: Bundle, leaving: Exit, powers: Sequence[str]) -> Array:
    """What each supplier keeps supplying: shape (n, P + 1)."""
    keep = np.ones_like(given.share)
    for power, degree in leaving.degree.items():
        keep[:, powers.index(power)] = 1 - degree
    return keep


def _levers(
    share: jax.Array,
    weight: jax.Array,
    sigma: jax.Array,
    eta: jax.Array,
    rho: jax.Array | None = None,
    nests: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Levers of all powers from these shares, shape (n, P), and where they converged, shape (n,)."""
    found = levers.lever(share, weight, sigma, eta, rho=rho, nests=nests)
    fine = (found.status <= displacement.Status.INFINITE) | jnp.isnan(share[:, :-1])
    return found.value, fine.all(axis=1)


def _leave(
    share: jax.Array,
    keep: jax.Array,
    weight: jax.Array,
    sigma: jax.Array,
    eta: jax.Array,
    rho: jax.Array | None = None,
    nests: jax.Array | None = None,
) -> tuple[DomainExit, jax.Array]:
    """One exit from a domain, and the levers from where it leaves the shares."""
    if rho is None or nests is None:
        moved = displacement.displace(share, keep, sigma, eta)
    else:
        moved = displacement.displace_nested(share, keep, sigma, rho, nests, eta)
    tie = share * moved.share_hat
    lever, fine = _levers(tie, weight, sigma, eta, rho, nests)
    filled = displacement.vacuum(share, moved, keep)
    made = DomainExit(
        tie=tie[:, :-1],
        lever=lever,
        loss=displacement.loss(weight, moved.log_price),
        vacuum=filled.share[:, :-1],
        own=filled.share[:, -1],
        unfilled=filled.unfilled,
        withdrawn=weight * filled.withdrawn,
    )
    return made, fine & (moved.status <= displacement.Status.INFINITE)


_PROGRAMS: tuple[Callable[..., Any], Callable[..., Any]] = (jax.jit(_levers), jax.jit(_leave))


def _reverse(given: Bundle) -> Array:
    """What the client could cost each power, shape (n, P): its own share in their bundles, with elastic supply."""
    own = np.zeros_like(given.reverse_share[:, :1])
    both = np.concatenate([given.reverse_share, own], axis=1)
    return np.asarray(in_blocks(jax.jit(levers.ces_lever), both, given.reverse_weight, given.reverse_sigma))


@dataclass(frozen=True)
class ExitResults:
    """One exit over all domains. Each mapping goes from a label to an array whose first axis is draws.

    Attributes
    ----------
    loss
        Domain to shape (n,), log points.
    vacuum
        Flow to shape (n, P): what the power adds, over what is withdrawn.
    own, others, unfilled
        Flow to shape (n,): the rest of the vacuum.
    who_pays
        Party to shape (n,): loss of real income through trade, log points.
    """

    loss: dict[str, Array]
    vacuum: dict[str, Array]
    own: dict[str, Array]
    others: dict[str, Array]
    unfilled: dict[str, Array]
    who_pays: dict[str, Array]


def exit_results(simulation: Simulation, leaving: Exit, powers: Sequence[str]) -> ExitResults:
    """Gather what an exit does in every domain, and over all of them.

    The total of the vacuum weighs each domain by what is withdrawn there, as a share of the client's real income:
    in a non-trade domain its weight times the share withdrawn, in trade the mean of exports and imports withdrawn
    over expenditure. It is therefore in the same currency as the levers.
    """
    loss: dict[str, Array] = {}
    filled: dict[str, _Filled] = {}
    who_pays: dict[str, Array] = {}
    if simulation.world is not None and simulation.trade is not None:
        world, trade = simulation.world, simulation.trade
        after = trade.after[leaving.id]
        loss["trade"] = -after.without_routes
        loss["transit"] = after.without_routes - after.welfare[:, world.client]
        exports = (after.exports - trade.exports).sum(axis=1)
        imports = (after.imports - trade.imports).sum(axis=1)
        # Half of exports plus imports: a dollar sold abroad buys a dollar from abroad, and is lost once.
        scale = 2 * trade.expenditure[:, world.client]
        for label, change in {
            "trade_exports": exports,
            "trade_imports": imports,
            "trade": exports + imports,
        }.items():
            filled[label] = _filled(world, change, leaving, powers, scale)
        who_pays = _who_pays(world, trade, after, powers)
    for name, domain in simulation.domains.items():
        moved = domain.after[leaving.id]
        loss[name] = moved.loss
        nobody = np.where(np.isnan(moved.own), np.nan, 0.0)
        filled[name] = _Filled(moved.vacuum, moved.own, nobody, moved.unfilled, moved.withdrawn)
    if filled:
        filled["total"] = _over_all(
            {k: f for k, f in filled.items() if k not in ("trade_exports", "trade_imports")}
        )
    return ExitResults(
        loss,
        {k: f.powers for k, f in filled.items()},
        {k: f.own for k, f in filled.items()},
        {k: f.others for k, f in filled.items()},
        {k: f.unfilled for k, f in filled.items()},
        who_pays,
    )


@dataclass(frozen=True)
class _Filled:
    """Who fills one vacuum: powers (n, P); own, others, unfilled and withdrawn (n,), the last over real income."""

    powers: Array
    own: Array
    others: Array
    unfilled: Array
    withdrawn: Array


def _filled(world: TradeWorld, change: Array, leaving: Exit, powers: Sequence[str], scale: Array) -> _Filled:
    """Say who fills the vacuum in the client's trade, from its change with each region, shape (n, N)."""
    left = [world.regions.index(p) for p in leaving.degree if p in world.regions]
    gone = -change[:, left].sum(axis=1)
    share = change / np.where(gone > 0, gone, np.nan)[:, None]
    by_power = np.full((len(change), len(powers)), np.nan)
    stay = [p for p in powers if p in world.regions and p not in leaving.degree]
    for power in stay:
        by_power[:, powers.index(power)] = share[:, world.regions.index(power)]
    named = [*left, world.client, *(world.regions.index(p) for p in stay)]
    others = np.delete(share, named, axis=1).sum(axis=1)
    own = share[:, world.client]
    unfilled = 1 - np.delete(share, left, axis=1).sum(axis=1)
    return _Filled(by_power, own, others, unfilled, gone / scale)


def _over_all(parts: Mapping[str, _Filled]) -> _Filled:
    """Weigh the domains' vacuums by what is withdrawn in each; one without a vacuum has no weight."""
    weights = [np.maximum(f.withdrawn, 0.0) for f in parts.values()]
    total = np.sum(weights, axis=0)
    unit = np.where(total > 0, total, np.nan)

    def mean(values: Sequence[Array]) -> Array:
        out = np.zeros_like(values[0])
        for weight, value in zip(weights, values, strict=True):
            share = weight / unit
            share = share[:, None] if value.ndim == 2 else share
            out = out + np.where(share > 0, share * value, np.where(np.isnan(share), np.nan, 0.0))
        return out

    every = list(parts.values())
    return _Filled(
        mean([f.powers for f in every]),
        mean([f.own for f in every]),
        mean([f.others for f in every]),
        mean([f.unfilled for f in every]),
        total,
    )


def _who_pays(
    world: TradeWorld, trade: TradeResults, after: Aftermath, powers: Sequence[str]
) -> dict[str, Array]:
    """Loss of real income through trade: of the client, of every power, of everyone together."""
    loss = -after.welfare
    paid = {"client": loss[:, world.client]}
    for power in powers:
        known = power in world.regions
        paid[power] = loss[:, world.regions.index(power)] if known else np.full(len(loss), np.nan)
    # World real income at baseline prices: each region's welfare ratio weighed by what it spends.
    spent = trade.expenditure / trade.expenditure.sum(axis=1, keepdims=True)
    paid["world"] = -100 * np.log((spent * np.exp(-loss / 100)).sum(axis=1))
    return paid
