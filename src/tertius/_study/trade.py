"""The trade half of a study: which equilibria are needed, and what is read off them.

One table of counterfactuals serves every draw: each power's withdrawal, with and without the routes it can close,
before the exit and after it. The equilibria themselves are :mod:`tertius.models.trade`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.world import Exit, TradeWorld
from tertius.models import trade as model

__all__ = ["Aftermath", "Counterfactual", "TradeLevers", "TradeResults", "plan", "run_trade"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


AT_ONCE = 2048
"""Draws whose equilibria are held at once: of more than these only what is read off them is kept."""

_CALIBRATE = jax.jit(model.calibrate)


@dataclass(frozen=True)
class Counterfactual:
    """One equilibrium asked of every draw.

    Attributes
    ----------
    exit
        The id of the exit that has already happened, or None.
    withdraws
        The power that withdraws its trade altogether, or None.
    closes
        The power that closes its routes, or None.
    keeps_routes
        Whether those who left keep their routes open, though the exit would close them.
    """

    exit: str | None = None
    withdraws: str | None = None
    closes: str | None = None
    keeps_routes: bool = False


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TradeLevers:
    """Levers through trade, from one starting point.

    Attributes
    ----------
    trade
        Shape (n, P), log points: withdrawing trade alone.
    joint
        Shape (n, P): withdrawing trade and closing routes.
    transit_alone
        Shape (n, P): closing routes, trading on.
    reverse
        Shape (n, P): what the power itself loses when it withdraws its trade.
    reverse_joint, reverse_alone
        Shape (n, P): what it loses when it closes its routes as well, and when it does that alone.
    """

    trade: Array
    joint: Array
    transit_alone: Array
    reverse: Array
    reverse_joint: Array
    reverse_alone: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Aftermath:
    """What an exit does to trade.

    Attributes
    ----------
    welfare
        Shape (n, N): 100 × log welfare ratio by region.
    without_routes
        Shape (n,): the client's, had the leavers kept their routes open.
    exports, imports
        Shape (n, S, N): the client's trade with each region after the exit, at baseline prices; its sales at home
        stand in its own place.
    cap_price
        Shape (n, R): 100 × log of the shadow price of each route's limit.
    levers
        From the new equilibrium.
    """

    welfare: Array
    without_routes: Array
    exports: Array
    imports: Array
    cap_price: Array
    levers: TradeLevers


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TradeResults:
    """Everything that a study reads off the trade equilibria.

    Attributes
    ----------
    exports, imports
        Shape (n, S, N): the client's baseline trade.
    expenditure
        Shape (n, N).
    levers
        From the baseline.
    after
        By exit id.
    answered
        Third parties' answers to concessions by id, shape (n, N): 100 × log welfare ratio by region.
    residual
        Shape (n,): the largest of the draw's equilibria.
    converged
        Shape (n,).
    """

    exports: Array
    imports: Array
    expenditure: Array
    levers: TradeLevers
    after: dict[str, Aftermath]
    answered: dict[str, Array]
    residual: Array
    converged: Mask

    def head(self, rows: int) -> TradeResults:
        """The results of the first ``rows`` draws."""
        first: TradeResults = jax.tree.map(lambda a: a[:rows], self)
        return first

    def repeated(self, times: int) -> TradeResults:
        """The results of the same draws so many times over."""
        again: TradeResults = jax.tree.map(lambda a: np.tile(a, (times,) + (1,) * (a.ndim - 1)), self)
        return again

    def missing(self) -> TradeResults:
        """The same with nothing known, where nobody reads it and no equilibrium was solved."""
        blank: TradeResults = jax.tree.map(lambda a: np.full(a.shape, np.nan), self)
        return replace(blank, residual=np.zeros_like(self.residual), converged=np.ones_like(self.converged))

    def joined(self, further: TradeResults) -> TradeResults:
        """These results with the exits of another run on the same draws."""
        return replace(
            self,
            after={**self.after, **further.after},
            residual=np.maximum(self.residual, further.residual),
            converged=self.converged & further.converged,
        )


def plan(
    world: TradeWorld,
    powers: Sequence[str],
    exits: Sequence[Exit],
    *,
    baseline: bool = True,
    answers: Sequence[Exit] = (),
) -> list[Counterfactual]:
    """List the equilibria that a study needs, each once; without ``baseline`` only those after an exit.

    Of answers to concessions nothing but the loss is asked, so that each is one equilibrium.
    """
    owners = {route.owner for route in world.routes if route.owner is not None}
    trading = [power for power in powers if power in world.regions]
    wanted: list[Counterfactual] = []
    for leaving in (None, *exits) if baseline else exits:
        start = None if leaving is None else leaving.id
        if leaving is not None:
            wanted.append(Counterfactual(exit=start))
            if _closers(leaving, owners):
                wanted.append(Counterfactual(exit=start, keeps_routes=True))
        for power in trading:
            wanted.append(Counterfactual(exit=start, withdraws=power))
            if power in owners:
                wanted.append(Counterfactual(exit=start, closes=power))
                wanted.append(Counterfactual(exit=start, withdraws=power, closes=power))
    return [*wanted, *(Counterfactual(exit=answer.id) for answer in answers)]


def _closers(leaving: Exit, owners: set[str]) -> set[str]:
    """The leavers whose routes close when they leave."""
    return owners & set(leaving.degree) if "transit" in leaving.domains else set()


def run_trade(
    world: TradeWorld,
    powers: Sequence[str],
    exits: Sequence[Exit],
    progress: Callable[[float], None] | None = None,
    levers: TradeLevers | None = None,
    retry: bool = True,
    answers: Sequence[Exit] = (),
) -> TradeResults:
    """Solve every equilibrium that the study needs, on some thousand draws at a time.

    Parameters
    ----------
    world
        The trade world of each of n draws.
    powers
        Ids in the case's order, P of them; a power that is no trade region has no trade lever, and its are missing.
    exits
        The what-ifs.
    progress
        Told the fraction done.
    levers
        From the baseline of the same draws, where they are known: then only what follows an exit is solved.
    retry
        Whether equilibria that the fast iteration has missed are looked for once more.
    answers
        Withdrawals by which third parties answer concessions.

    Returns
    -------
    TradeResults
        Levers in log points, per draw.
    """
    n = len(world.flows)
    done: list[TradeResults] = []
    for first in range(0, n, AT_ONCE):
        rows = slice(first, first + AT_ONCE)

        def part(fraction: float, first: int = first) -> None:
            if progress is not None:
                progress((first + fraction * min(AT_ONCE, n - first)) / n)

        known = None if levers is None else jax.tree.map(lambda a, rows=rows: a[rows], levers)
        some, leaving, answering = world.rows(rows), *([e.rows(rows) for e in es] for es in (exits, answers))
        done.append(_run_trade(some, powers, leaving, part, known, retry, answering))
    if len(done) == 1:
        return done[0]
    whole: TradeResults = jax.tree.map(lambda *parts: np.concatenate(parts), *done)
    return whole


def _run_trade(
    world: TradeWorld,
    powers: Sequence[str],
    exits: Sequence[Exit],
    progress: Callable[[float], None],
    levers: TradeLevers | None,
    retry: bool,
    answers: Sequence[Exit],
) -> TradeResults:
    n_regions = world.flows.shape[-1]
    wanted = plan(world, powers, exits, baseline=levers is None, answers=answers)
    column = {c: k for k, c in enumerate(wanted)}
    by_id = {e.id: e for e in (*exits, *answers)}
    client = world.client
    abroad = np.array([r for r in range(n_regions) if r != client])
    # The client's exports to every region, then its imports from every region: the pairs that anything can touch.
    origin = np.concatenate([np.full(len(abroad), client), abroad])
    destination = np.concatenate([abroad, np.full(len(abroad), client)])
    keep = _keep(wanted, world, by_id, abroad)
    shock = model.Shock(origin, destination, keep, _caps(world, wanted, by_id, origin, destination))
    economy: model.Economy = in_blocks(_CALIBRATE, world.flows)
    solved = model.solve_draws(
        world.flows,
        world.theta,
        shock,
        factors=world.factors,
        deficits=world.deficits,
        substitution=world.substitution,
        progress=lambda done, total: progress(done / total),
        retry=retry,
    )
    loss = -100 * np.log(np.asarray(solved.welfare))
    status = np.asarray(solved.status)
    after: dict[str, Aftermath] = {}
    for leaving in exits:
        at = column[Counterfactual(exit=leaving.id)]
        open_at = column.get(Counterfactual(exit=leaving.id, keeps_routes=True), at)
        exports, imports = _client_trade(world, economy, shock, solved, at)
        after[leaving.id] = Aftermath(
            welfare=-loss[:, at],
            without_routes=-loss[:, open_at, client],
            exports=exports,
            imports=imports,
            cap_price=100 * np.asarray(solved.cap_price)[:, at],
            levers=_levers(world, powers, column, loss, leaving.id),
        )
    return TradeResults(
        exports=world.flows[:, :, client, :],
        imports=world.flows[:, :, :, client],
        expenditure=np.asarray(economy.E),
        levers=_levers(world, powers, column, loss, None) if levers is None else levers,
        after=after,
        answered={a.id: -loss[:, column[Counterfactual(exit=a.id)]] for a in answers},
        residual=np.asarray(solved.residual).max(axis=1),
        converged=np.all(status != model.NOT_CONVERGED, axis=1),
    )


def _keep(
    wanted: Sequence[Counterfactual], world: TradeWorld, exits: dict[str, Exit], abroad: NDArray[np.int64]
) -> Array:
    """What is left of each listed pair's weight under every counterfactual: shape (n, C, S, M)."""
    n, n_sectors = world.flows.shape[:2]
    whole = np.ones((n, len(wanted), n_sectors, 2, len(abroad)))
    for k, c in enumerate(wanted):
        out = whole[:, k]
        if c.exit is not None:
            leaving = exits[c.exit]
            for power, degree in leaving.degree.items():
                if "trade" not in leaving.domains or power not in world.regions:
                    continue
                place = np.flatnonzero(abroad == world.regions.index(power))
                for side, touched in enumerate((leaving.exports, leaving.imports)):
                    if touched:
                        for s in leaving.sectors:
                            out[:, s, side, place] *= (1 - degree)[:, None]
        if c.withdraws is not None:
            out[..., np.flatnonzero(abroad == world.regions.index(c.withdraws))] = 0.0
    return whole.reshape(n, len(wanted), n_sectors, -1)


def _caps(
    world: TradeWorld,
    wanted: Sequence[Counterfactual],
    exits: dict[str, Exit],
    origin: NDArray[np.int64],
    destination: NDArray[np.int64],
) -> model.Caps | None:
    """The routes' limits under every counterfactual."""
    if not world.routes:
        return None
    limit = np.stack(
        [np.stack([r.limit(_closing(c, r.owner, exits)) for r in world.routes], axis=-1) for c in wanted],
        axis=1,
    )
    return model.Caps(
        member=np.stack([r.member[:, origin, destination] for r in world.routes]).astype(float),
        limit=limit,
        exporter_rent=np.stack([r.client_rent for r in world.routes], axis=-1),
        owner=np.array([-1 if r.owner is None else world.regions.index(r.owner) for r in world.routes]),
    )


def _closing(c: Counterfactual, owner: str | None, exits: dict[str, Exit]) -> Array | float:
    """To which degree the owner of a route has closed it."""
    if owner is None:
        return 0.0
    if c.closes == owner:
        return 1.0
    if c.exit is not None and not c.keeps_routes and owner in _closers(exits[c.exit], {owner}):
        return exits[c.exit].degree[owner]
    return 0.0


def _levers(
    world: TradeWorld,
    powers: Sequence[str],
    column: dict[Counterfactual, int],
    loss: Array,
    start: str | None,
) -> TradeLevers:
    """Levers of every power from one starting point: what more is lost than there already was."""
    n = loss.shape[0]
    client = world.client
    base = np.zeros(loss.shape[::2]) if start is None else loss[:, column[Counterfactual(exit=start)]]
    found = {
        name: np.full((n, len(powers)), np.nan)
        for name in ("trade", "joint", "transit_alone", "reverse", "reverse_joint", "reverse_alone")
    }
    for p, power in enumerate(powers):
        if power not in world.regions:
            continue
        trade = column[Counterfactual(exit=start, withdraws=power)]
        joint = column.get(Counterfactual(exit=start, withdraws=power, closes=power), trade)
        alone = column.get(Counterfactual(exit=start, closes=power))
        region = world.regions.index(power)
        with np.errstate(invalid="ignore"):
            found["trade"][:, p] = loss[:, trade, client] - base[:, client]
            found["joint"][:, p] = loss[:, joint, client] - base[:, client]
            found["transit_alone"][:, p] = 0.0 if alone is None else loss[:, alone, client] - base[:, client]
            found["reverse"][:, p] = loss[:, trade, region] - base[:, region]
            found["reverse_joint"][:, p] = loss[:, joint, region] - base[:, region]
            found["reverse_alone"][:, p] = 0.0 if alone is None else loss[:, alone, region] - base[:, region]
    return TradeLevers(**found)


def _client_trade(
    world: TradeWorld, economy: model.Economy, shock: model.Shock, solved: model.Equilibrium, column: int
) -> tuple[Array, Array]:
    """The client's exports and imports in one equilibrium, at baseline prices: two arrays of shape (n, S, N)."""
    everywhere = np.arange(len(world.regions))
    here = np.full_like(everywhere, world.client)
    origin, destination = np.concatenate([here, everywhere]), np.concatenate([everywhere, here])
    caps = shock.caps
    if isinstance(caps, model.Caps):
        caps = caps._replace(limit=np.asarray(caps.limit)[:, [column]])
    one = shock._replace(keep=np.asarray(shock.keep)[:, [column]], caps=caps)
    equilibrium = jax.tree.map(lambda a: np.asarray(a)[:, [column]], solved)
    flows = model.pair_flows(
        economy, world.theta, one, equilibrium, origin, destination, substitution=world.substitution
    )
    both = np.asarray(flows.quantity)[:, 0]
    return both[..., : len(everywhere)], both[..., len(everywhere) :]
