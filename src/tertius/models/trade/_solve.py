"""The two entries on arrays: :func:`solve` for one world, :func:`solve_draws` for thousands of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from tertius._processors import AT_ONCE
from tertius._programs import kept
from tertius.models.trade._assemble import (
    CapArrays,
    Worlds,
    closure_of,
    dense_system,
    finish,
    hub_system,
    one_world,
)
from tertius.models.trade._economy import (
    NOT_CONVERGED,
    TOLERANCE,
    Deficits,
    Economy,
    Equilibrium,
    Factors,
    Numeraire,
    Shock,
    calibrate,
    concrete,
    single_hub,
)
from tertius.models.trade._solver import (
    Found,
    chord_at_baseline,
    conditions,
    jacobian,
    linear_solve,
    newton,
    secant_chord,
)
from tertius.models.trade._system import Options, System
from tertius.models.trade._upper import spending_shares

__all__ = ["PairFlows", "pair_flows", "solve", "solve_draws", "without_deficits"]

CHUNK = 16
CHORD_STEPS = 40
DEPTH = 2
LANES = 8
STRAGGLERS = 16
WORKERS = AT_ONCE


class PairFlows(NamedTuple):
    """New flows on chosen pairs, (..., C, S, P), in the currency of the baseline's flows.

    ``value`` is what importers pay before tariffs, rents of caps included; ``quantity`` is at baseline prices.
    """

    value: NDArray[np.float64]
    quantity: NDArray[np.float64]


def _search(world: Worlds, system: System, options: Options, limit: Array | int) -> Found:
    chord = chord_at_baseline(*world, options, system.links.lam.shape[1], system.caps is not None)
    return secant_chord(system, options, chord, start_of(system), limit, DEPTH)


def start_of(system: System) -> Array:
    K, groups, long = system.Y.shape
    N = system.links.lam.shape[-1]
    more = 0 if system.caps is None else N + system.caps.log_limit.shape[1]
    return jnp.zeros((K, groups * N + more, long // N))


def _rescue(system: System, options: Options, found: Found) -> Found:
    """Newton from the baseline for whatever the chord has left."""

    def again(found: Found) -> Found:
        done = found.residual <= TOLERANCE
        exact = newton(system, options, jnp.where(done[:, None], found.y, 0.0))
        done = done | (exact.residual >= found.residual)
        return Found(
            jnp.where(done[:, None], found.y, exact.y),
            jnp.where(done, found.residual, exact.residual),
            found.iterations + exact.iterations,
        )

    rescued: Found = jax.lax.cond(jnp.all(found.residual <= TOLERANCE), lambda f: f, again, found)
    return rescued


def _options(factors: Factors, deficits: Deficits, numeraire: Numeraire, shock: Shock) -> Options:
    if shock.caps is None:
        return Options(factors, deficits, numeraire, (), ())
    owners = tuple(int(i) for i in np.atleast_1d(concrete(shock.caps.owner)))
    hub = single_hub(concrete(shock.origin), concrete(shock.destination))
    ends = (("row", concrete(shock.origin) == hub), ("col", concrete(shock.destination) == hub))
    if isinstance(shock.caps.member, jax.core.Tracer):
        capped = tuple(name for name, _ in ends)
        return Options(factors, deficits, numeraire, owners, capped, shock.caps.member.shape[-2])
    member = np.asarray(shock.caps.member)
    capped = tuple(name for name, here in ends if (member[..., here] > 0).any())
    touched = np.flatnonzero(_touched(member))
    reach = int(touched[-1]) + 1 if len(touched) else 1
    shared = (member > 0).sum(axis=-3).max(initial=0) > 1
    alone = capped == ("row",) and not shared
    return Options(factors, deficits, numeraire, owners, capped or ("row",), reach, alone)


def _between_sectors(substitution: ArrayLike | None, sectors: int) -> Array | None:
    """η as the solvers take it; None where nothing hangs on it."""
    if substitution is None or sectors == 1:
        return None
    if not isinstance(substitution, jax.core.Tracer):
        eta = np.asarray(substitution, dtype=float)
        if not (np.isfinite(eta).all() and (eta > 0).all()):
            raise ValueError("the elasticity of substitution between sectors is a positive number")
        if (eta == 1.0).all():
            return None
    return jnp.asarray(substitution, dtype=float)


def _touched(member: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(S,) the sectors in which any cap has a member."""
    return np.atleast_1d((member > 0).any(axis=tuple(range(member.ndim - 2))).any(axis=-1))


def solve(
    economy: Economy,
    theta: ArrayLike,
    shock: Shock,
    *,
    factors: Factors = "mobile",
    deficits: Deficits = "world_share",
    numeraire: Numeraire = "world",
    substitution: ArrayLike | None = None,
) -> Equilibrium:
    """Solve C counterfactuals on one world; differentiable in everything real, traceable and batchable by JAX.

    Derivatives come from the implicit function theorem at the solution, never from the iteration.

    Parameters
    ----------
    economy
        The baseline.
    theta
        (S,) trade elasticities, positive.
    shock
        The counterfactuals.
    factors
        ``"mobile"``: one wage per region; ``"specific"``: one factor price per region and sector.
    deficits
        ``"world_share"``: constant share of world output. ``"nominal"``: constant in units of the numeraire.
        ``"proportional"``: expenditure in constant proportion to income (the multiplicative option of ge_gravity:
        the world then spends what it earns only up to a common factor, by which goods markets clear).
        ``"balanced"``: none; ratios are to ``economy`` as given (see :func:`without_deficits`).
    numeraire
        For ``"nominal"``: ``"world"`` output, the index of a region (its factor income), or ``"prices"`` (the
        index of consumer prices weighted by baseline expenditure). Prices are reported in its units.
    substitution
        η, the elasticity of substitution between sectors, positive: expenditure shares then move with sectors'
        prices. None, and without derivatives by it 1, is Cobb–Douglas.

    Returns
    -------
    Equilibrium
        Leading axis C.
    """
    options = _options(factors, deficits, numeraire, shock)
    pairs = tuple(tuple(int(i) for i in concrete(end)) for end in (shock.origin, shock.destination))
    rest = shock._replace(origin=(), destination=())
    if rest.caps is not None:
        rest = rest._replace(caps=rest.caps._replace(owner=()))
    given = (
        economy,
        jnp.asarray(theta, dtype=float),
        rest,
        _between_sectors(substitution, np.shape(theta)[0]),
    )
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(given)):
        out: Equilibrium = _solve(True, options, (pairs[0], pairs[1]), *given)
        return out
    # What is only for derivatives and for stragglers takes longer to compile than most worlds take to solve.
    out = _solve(False, options, (pairs[0], pairs[1]), *given)
    if np.any(np.asarray(out.status) == NOT_CONVERGED):
        out = _solve(True, options, (pairs[0], pairs[1]), *given)
    return out


@partial(kept, static_argnums=(0, 1, 2))
def _solve(
    complete: bool,
    options: Options,
    listed: tuple[tuple[int, ...], tuple[int, ...]],
    economy: Economy,
    theta: Array,
    shock: Shock,
    eta: Array | None,
) -> Equilibrium:
    pairs = np.array(listed[0], dtype=np.int64), np.array(listed[1], dtype=np.int64)
    world = one_world(economy, theta, options.deficits, eta)
    keep = jnp.moveaxis(jnp.asarray(shock.keep, dtype=float), 0, -1)[None]
    C = keep.shape[-1]
    caps = None
    if shock.caps is not None:
        R = len(options.owners)
        caps = CapArrays(
            jnp.asarray(shock.caps.member, dtype=float)[None],
            jnp.broadcast_to(jnp.asarray(shock.caps.limit, dtype=float), (C, R)).T[None],
            jnp.broadcast_to(jnp.asarray(shock.caps.exporter_rent, dtype=float), (R,))[None],
        )
    hub = single_hub(*pairs)
    if hub is not None and shock.cost is None and shock.tariff is None:
        system = hub_system(world, hub, *pairs, keep, caps, options)
    else:
        # A shock on any pair: every counterfactual is a world of its own.
        world = jax.tree.map(lambda a: jnp.broadcast_to(a, (C, *a.shape[1:])), world)
        keep = jnp.moveaxis(keep, -1, 0)[:, 0, ..., None]
        cost, tariff = (
            None if a is None else jnp.broadcast_to(jnp.asarray(a, dtype=float), world.lam.shape)
            for a in (shock.cost, shock.tariff)
        )
        if caps is not None:
            caps = CapArrays(
                jnp.broadcast_to(caps.member, (C, *caps.member.shape[1:])),
                jnp.moveaxis(caps.limit, -1, 0)[:, 0, :, None],
                jnp.broadcast_to(caps.exporter, (C, R)),
            )
        system = dense_system(world, *pairs, keep, cost, tariff, caps, options)

    fixed_world, fixed = jax.lax.stop_gradient((world, system))
    found = _search(fixed_world, fixed, options, CHORD_STEPS)
    y = found.y
    if complete:
        found = jax.lax.stop_gradient(_rescue(fixed, options, found))
        y = _differentiable(system, fixed, options, found)
    out = finish(world, system, options, found._replace(y=y), caps)
    # Either the world or the counterfactual axis has length one.
    return Equilibrium(*(a.reshape(C, *a.shape[2:]) for a in out))


def _differentiable(system: System, fixed: System, options: Options, found: Found) -> Array:
    """The solution, with derivatives by the implicit function theorem."""

    def tangent(_: Callable[[Array], Array], values: Array) -> Array:
        return linear_solve(jacobian(fixed, options, found.y), values)

    y: Array = jax.lax.custom_root(
        lambda point: conditions(system, options, point), found.y, lambda _, start: start, tangent
    )
    return y


class _Layout(NamedTuple):
    """What the compiled program for a chunk of draws depends on."""

    origin: tuple[int, ...]
    destination: tuple[int, ...]
    order: tuple[int, ...]
    traded: int
    options: Options


class _Chunk(NamedTuple):
    """Draws of a chunk, or what all draws share (without the leading K)."""

    X: Array
    theta: Array
    closure: Array
    keep: Array
    member: Array | None
    limit: Array | None
    exporter: Array | None
    eta: Array | None


def _draw_system(layout: _Layout, chunk: _Chunk) -> tuple[Worlds, System, CapArrays | None]:
    order = np.array(layout.order)
    traded = order[: layout.traded]
    K = chunk.X.shape[0]

    def each(a: Array, ndim: int) -> Array:
        return jnp.broadcast_to(a, (K, *a.shape)) if a.ndim == ndim else a

    kept, scaled = jnp.broadcast_to(chunk.closure[:, None], (2, K))
    world = Worlds(*calibrate(chunk.X[:, order]), chunk.theta[:, order], kept, scaled, chunk.eta)
    keep = jnp.moveaxis(each(chunk.keep, 3), 1, -1)[:, traded]
    caps = None
    if chunk.member is not None and chunk.limit is not None and chunk.exporter is not None:
        caps = CapArrays(
            each(chunk.member, 3)[:, :, traded],
            jnp.swapaxes(each(chunk.limit, 2), 1, 2),
            each(chunk.exporter, 1),
        )
    pairs = np.array(layout.origin, dtype=np.int64), np.array(layout.destination, dtype=np.int64)
    hub = single_hub(*pairs)
    assert hub is not None
    return world, hub_system(world, hub, *pairs, keep, caps, layout.options), caps


def _in_order(layout: _Layout, out: Equilibrium) -> Equilibrium:
    """Sectors in the caller's order."""
    back = np.argsort(np.array(layout.order))
    return out._replace(log_price=out.log_price[:, :, back], log_phi=out.log_phi[:, :, back])


@partial(kept, static_argnums=(0,))
def _chord_chunk(layout: _Layout, chunk: _Chunk, limit: Array) -> Equilibrium:
    world, system, caps = _draw_system(layout, chunk)
    found = _search(world, system, layout.options, limit)
    return _in_order(layout, finish(world, system, layout.options, found, caps))


@partial(kept, static_argnums=(0,))
def _newton_chunk(layout: _Layout, chunk: _Chunk) -> Equilibrium:
    world, system, caps = _draw_system(layout, chunk)
    found = newton(system, layout.options, start_of(system))
    return _in_order(layout, finish(world, system, layout.options, found, caps))


def solve_draws(
    X: ArrayLike,
    theta: ArrayLike,
    shock: Shock,
    *,
    factors: Factors = "mobile",
    deficits: Deficits = "world_share",
    numeraire: Numeraire = "world",
    substitution: ArrayLike | None = None,
    progress: Callable[[int, int], None] | None = None,
    chunk: int = CHUNK,
    workers: int = WORKERS,
    retry: bool = True,
) -> Equilibrium:
    """Solve C counterfactuals on each of K worlds: the fast path of a study.

    Parameters
    ----------
    X
        (K, S, N, N) flows of each draw.
    theta
        (K, S) elasticities of each draw.
    shock
        As for :func:`solve`; ``keep`` (C, S, M) or (K, C, S, M), and of ``caps`` ``member`` (R, S, M) or
        (K, R, S, M), ``limit`` (C, R) or (K, C, R), ``exporter_rent`` (R,) or (K, R). ``cost`` and ``tariff`` are not
        taken here.
    factors, deficits, numeraire
        As for :func:`solve`; under ``"balanced"`` each world is first freed of its deficits, and ratios are to that.
    substitution
        As for :func:`solve`; a number or (K,).
    progress
        Called with (draws done, draws in all) as they are done.
    chunk
        Draws that go side by side.
    workers
        Threads.
    retry
        Whether Newton's method looks once more for what the fast iteration has missed.

    Returns
    -------
    Equilibrium
        NumPy arrays with leading axes (K, C). What has not converged has status ``NOT_CONVERGED``.
    """
    if shock.cost is not None or shock.tariff is not None:
        raise ValueError("solve_draws takes exits and caps; solve takes costs and tariffs")
    flows = np.asarray(X, dtype=float)
    elasticity = np.broadcast_to(np.asarray(theta, dtype=float), flows.shape[:2])
    eta: NDArray[np.float64] | None = None
    if _between_sectors(substitution, flows.shape[1]) is not None:
        eta = np.broadcast_to(np.asarray(substitution, dtype=float), flows.shape[:1])
    if deficits == "balanced":
        flows = without_deficits(flows, elasticity, factors=factors, substitution=eta)
    S, N = flows.shape[1:3]
    abroad = ~np.eye(N, dtype=bool)
    trades = (flows[0] * abroad).any(axis=(1, 2))
    for s in np.flatnonzero(~trades):
        trades[s] = (flows[:, s] * abroad).any()
    if not trades.any():
        trades[0] = True
    options = _options(factors, "nominal" if deficits == "nominal" else "world_share", numeraire, shock)
    # Sectors under caps first, then what else is traded, then what is only sold at home.
    rank = np.where(trades, 1, 2)
    if shock.caps is not None:
        touched = _touched(np.asarray(shock.caps.member)) & trades
        rank[touched] = 0
        options = options._replace(reach=max(1, int(touched.sum())))
    order = tuple(int(s) for s in np.argsort(rank, kind="stable"))
    layout = _Layout(
        tuple(int(i) for i in concrete(shock.origin)),
        tuple(int(i) for i in concrete(shock.destination)),
        order,
        int(trades.sum()),
        options,
    )
    caps = shock.caps
    R = len(options.owners)
    keep = np.asarray(shock.keep, dtype=float)
    C = int(keep.shape[-3])
    limit = None
    if caps is not None:
        limit = np.asarray(caps.limit, dtype=float)
        limit = np.broadcast_to(limit, (*limit.shape[:-2], C, R))
    # Each different counterfactual once; they fill whole registers, the last standing in for those that are not there.
    different, place = _different(keep, limit)
    filled = different[np.minimum(np.arange(_lanes(len(different))), len(different) - 1)]
    parts: list[tuple[NDArray[np.float64] | None, int]] = [
        (flows, 3),
        (elasticity, 1),
        (np.array(closure_of(deficits)), 1),
        (keep[..., filled, :, :], 3),
        (None if caps is None else np.asarray(caps.member, dtype=float), 3),
        (None if limit is None else limit[..., filled, :], 2),
        (None if caps is None else _over_caps(np.asarray(caps.exporter_rent, dtype=float), R), 1),
        (eta, 0),
    ]

    def take(draws: NDArray[np.int64]) -> _Chunk:
        return _Chunk(*(a if a is None or a.ndim == n else a[draws] for a, n in parts))  # type: ignore[arg-type]

    K = len(flows)
    result = _empty(K, C, S, N, R)
    size = min(chunk, K)

    def run(first: int) -> int:
        draws = np.arange(first, first + size)
        out = _chord_chunk(layout, take(np.minimum(draws, K - 1)), np.asarray(CHORD_STEPS))
        here = min(size, K - first)
        for whole, part in zip(result, out, strict=True):
            whole[first : first + here] = np.asarray(part)[:here, place]
        return here

    done = 0
    starts = range(0, K, size)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for here in pool.map(run, starts):
                done += here
                if progress is not None:
                    progress(done, K)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise

    if retry:
        _retry(layout, take, result, place)
    return result


def _lanes(columns: int) -> int:
    return columns if columns == 1 else -(-columns // LANES) * LANES


def _over_caps(values: NDArray[np.float64], caps: int) -> NDArray[np.float64]:
    return np.broadcast_to(values, (*values.shape[:-1], caps))


def _different(
    keep: NDArray[np.float64], limit: NDArray[np.float64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which counterfactuals differ, (D,), and for each of all C the place among them of the one it equals."""
    parts = [keep] if limit is None else [keep, limit[..., None]]
    # Nearly all that differ do so in the first draw.
    looks = [*(a[:1] if a.ndim == 4 else a for a in parts), *parts]

    def same(one: int, other: int) -> bool:
        return all(np.array_equal(a[..., one, :, :], a[..., other, :, :]) for a in looks)

    different: list[int] = []
    place = []
    for c in range(keep.shape[-3]):
        equal = next((k for k, d in enumerate(different) if same(d, c)), None)
        if equal is None:
            equal = len(different)
            different.append(c)
        place.append(equal)
    return np.array(different), np.array(place)


def _empty(K: int, C: int, S: int, N: int, R: int) -> Equilibrium:
    shapes = [(S, N), (S, N), (N,), (N,), (R,), ()]
    arrays: list[Any] = [np.empty((K, C, *shape)) for shape in shapes]
    return Equilibrium(*arrays, *(np.empty((K, C), dtype=np.int64) for _ in range(2)))


def _retry(
    layout: _Layout,
    take: Callable[[NDArray[np.int64]], _Chunk],
    result: Equilibrium,
    place: NDArray[np.int64],
) -> None:
    """Newton's method for single counterfactuals that the chord has left, in place.

    ``place`` says, of each counterfactual of the result, which of those in a chunk it is: equal ones stand there once.
    """
    left = np.argwhere(np.asarray(result.status) == NOT_CONVERGED)
    for first in range(0, len(left), STRAGGLERS):
        some = left[first : first + STRAGGLERS]
        padded = some[np.minimum(np.arange(STRAGGLERS), len(some) - 1)]
        draws, which = padded[:, 0], place[padded[:, 1]]
        chunk = take(draws)

        def only(a: Any, ndim: int, which: NDArray[np.int64] = which) -> Any:
            if a is None:
                return None
            a = np.broadcast_to(a, (STRAGGLERS, *a.shape)) if a.ndim == ndim else a
            return a[np.arange(STRAGGLERS), which][:, None]

        out = _newton_chunk(layout, chunk._replace(keep=only(chunk.keep, 3), limit=only(chunk.limit, 2)))
        for name, whole, part in zip(Equilibrium._fields, result, out, strict=True):
            new = np.asarray(part)[: len(some), 0]
            old = np.asarray(whole)
            if name == "iterations":
                new = new + old[some[:, 0], some[:, 1]]
            old[some[:, 0], some[:, 1]] = new


@partial(kept, static_argnums=(3, 4))
def _balanced_flows(
    X: Array, theta: Array, eta: Array | None, factors: Factors, complete: bool
) -> tuple[Array, Array]:
    economy = calibrate(X)
    none = np.empty(0, dtype=np.int64)
    options = Options(factors, "balanced", "world", (), ())
    world = one_world(economy, theta, options.deficits, eta)
    system = hub_system(world, 0, none, none, jnp.ones((1, len(theta), 0, 1)), None, options)
    found = _search(world, system, options, CHORD_STEPS)
    if complete:
        found = _rescue(system, options, found)
    out = finish(world, system, options, found, None)
    log_share = -theta[:, None] * out.log_price[0, 0]
    share = economy.lam * jnp.exp(log_share[:, :, None] - out.log_phi[0, 0, :, None])
    alpha = economy.alpha
    if eta is not None:
        alpha = spending_shares(alpha, -out.log_phi[0, 0] / theta[:, None], eta)
    spent = alpha * economy.E * jnp.exp(out.log_expenditure[0, 0])
    return share * spent[:, None], found.residual


def without_deficits(
    X: ArrayLike, theta: ArrayLike, *, factors: Factors = "mobile", substitution: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Flows of the equilibrium in which nobody has a deficit and nothing else has changed.

    Parameters
    ----------
    X
        (S, N, N) or (K, S, N, N) flows.
    theta
        (S,) or (K, S) elasticities.
    factors
        As for :func:`solve`.
    substitution
        As for :func:`solve`; a number or (K,).

    Returns
    -------
    numpy.ndarray
        Flows of the same shape; NaN for a draw in which no such equilibrium was found.
    """
    flows = np.asarray(X, dtype=float)
    elasticity = np.broadcast_to(np.asarray(theta, dtype=float), (*flows.shape[:-3], flows.shape[-3]))
    if flows.ndim == 4:
        each = [None] * len(flows) if substitution is None else np.broadcast_to(substitution, flows.shape[:1])
        return np.stack(
            [
                without_deficits(x, t, factors=factors, substitution=eta)
                for x, t, eta in zip(flows, elasticity, each, strict=True)
            ]
        )
    eta = _between_sectors(substitution, len(flows))
    for complete in (False, True):
        balanced, worst = _balanced_flows(jnp.asarray(flows), jnp.asarray(elasticity), eta, factors, complete)
        if float(np.max(np.asarray(worst))) <= TOLERANCE:
            return np.asarray(balanced)
    return np.full_like(flows, np.nan)


_SPENDING_SHARES = kept(spending_shares)


def shares_after(
    alpha: NDArray[np.float64],
    theta: NDArray[np.float64],
    log_phi: NDArray[np.float64],
    substitution: ArrayLike | None,
) -> NDArray[np.float64]:
    """Expenditure shares in an equilibrium, (..., S, N).

    Parameters
    ----------
    alpha, theta, log_phi
        (..., S, N), (..., S) and (..., S, N): baseline shares, elasticities, and log Φ as solved for.
    substitution
        (...) with which it was solved; None is Cobb–Douglas.
    """
    if _between_sectors(substitution, alpha.shape[-2]) is None:
        return alpha
    # What cannot be had is not bought.
    left = np.where(np.isneginf(log_phi), 0.0, alpha)
    eta = np.asarray(substitution, dtype=float)[..., None, None]
    return np.asarray(_SPENDING_SHARES(left, -log_phi / theta[..., None], eta))


def pair_flows(
    economy: Economy,
    theta: ArrayLike,
    shock: Shock,
    equilibrium: Equilibrium,
    origin: ArrayLike | None = None,
    destination: ArrayLike | None = None,
    *,
    substitution: ArrayLike | None = None,
) -> PairFlows:
    """New flows on chosen pairs only; the whole of λ' is never formed.

    Parameters
    ----------
    economy
        The baseline, (S, N, N) or with a leading axis of draws.
    theta
        (S,) or (K, S).
    shock
        The counterfactuals that ``equilibrium`` solves, without dense costs or tariffs.
    equilibrium
        From :func:`solve` or :func:`solve_draws`.
    origin, destination
        (P,) pairs; those of the shock by default. A region may be paired with itself.
    substitution
        With which ``equilibrium`` was solved.

    Returns
    -------
    PairFlows
        (C, S, P) or (K, C, S, P).
    """
    listed = concrete(shock.origin), concrete(shock.destination)
    o = listed[0] if origin is None else concrete(origin)
    d = listed[1] if destination is None else concrete(destination)
    where = {pair: m for m, pair in enumerate(zip(*(x.tolist() for x in listed), strict=True))}
    at = np.array([where.get(pair, -1) for pair in zip(o.tolist(), d.tolist(), strict=True)], dtype=np.int64)

    theta_ = np.asarray(theta, dtype=float)[..., None, :, None]
    lam = np.asarray(economy.lam)[..., :, o, d][..., None, :, :]
    keep = np.asarray(shock.keep, dtype=float)
    B = np.where(at >= 0, keep[..., np.maximum(at, 0)], 1.0) if len(listed[0]) else 1.0
    log_tau: Any = 0.0
    if shock.caps is not None:
        on = (np.asarray(shock.caps.member, dtype=float)[..., np.maximum(at, 0)] > 0) & (at >= 0)
        z = np.asarray(equilibrium.cap_price)[..., :, :, None, None]
        log_tau = np.where(on[..., None, :, :, :], z, 0.0).sum(-3)
    log_p = np.asarray(equilibrium.log_price)
    with np.errstate(invalid="ignore"):
        log_share = -theta_ * (np.where(np.isneginf(log_p), 0.0, log_p)[..., o] + log_tau)
        log_share = log_share - np.asarray(equilibrium.log_phi)[..., d]
    weight = lam * B
    share = np.where(weight > 0, weight * np.exp(np.where(weight > 0, log_share, 0.0)), 0.0)
    spent = (np.asarray(economy.alpha) * np.asarray(economy.E)[..., None, :])[..., None, :, :]
    if substitution is not None:
        alpha = shares_after(
            np.asarray(economy.alpha)[..., None, :, :],
            np.asarray(theta, dtype=float)[..., None, :],
            np.asarray(equilibrium.log_phi),
            np.asarray(substitution, dtype=float)[..., None],
        )
        spent = alpha * np.asarray(economy.E)[..., None, None, :]
    spent = spent * np.exp(np.asarray(equilibrium.log_expenditure))[..., None, :]
    value = share * spent[..., d]
    quantity = np.where(value > 0, value * np.exp(-np.where(value > 0, log_p[..., o] + log_tau, 0.0)), 0.0)
    return PairFlows(value, quantity)
