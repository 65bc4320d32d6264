"""Exits of one region from another's trade, for every pair of a world, on arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from tertius._programs import kept
from tertius.models.trade._assemble import Worlds, assemble, finish, one_world
from tertius.models.trade._economy import (
    NOT_CONVERGED,
    Deficits,
    Economy,
    Equilibrium,
    Factors,
)
from tertius.models.trade._solve import CHORD_STEPS, DEPTH, start_of
from tertius.models.trade._solver import Chord, chord_at_baseline, newton, secant_chord
from tertius.models.trade._system import HubLinks, Options, System, joined

Group = tuple[int, NDArray[np.float64], NDArray[np.int64]]

__all__ = [
    "Cuts",
    "by_chord",
    "by_newton",
    "chord_of",
    "every_cut",
    "every_pair",
    "one_by_one",
    "shared_options",
]

STRAGGLERS = 8

NEWTON_UNKNOWNS = 1000
"""With more, Newton's method takes longer than the whole matrix."""

WIDTH = 48
"""Pairs of one region that go side by side."""


class Cuts(NamedTuple):
    """Welfare after each of P exits from one client's trade, and the proof of it."""

    hub: NDArray[np.float64]  # (P,) of the client
    other: NDArray[np.float64]  # (P,) of each exit's first member
    residual: NDArray[np.float64]
    iterations: NDArray[np.int64]
    status: NDArray[np.int64]


def shared_options(factors: Factors) -> Options:
    """Of what is compiled here: with the world's output as numeraire a closure is a figure of the world."""
    return Options(factors, "world_share", "world", (), ())


def _cut_system(world: Worlds, hub: Array, gone: Array, options: Options) -> System:
    """No trade between the hub and the regions in each column of ``gone`` (N, C)."""
    lam = world.lam
    keep = 1.0 - gone
    elsewhere = (jnp.arange(lam.shape[-1]) != hub).astype(float)
    row = jax.lax.dynamic_index_in_dim(lam, hub, 2, keepdims=False)[..., None] * keep
    col = jax.lax.dynamic_index_in_dim(lam, hub, 3, keepdims=False)[..., None] * keep
    rest = lam * elsewhere[:, None] * elsewhere
    return assemble(
        world,
        HubLinks(rest, jnp.swapaxes(rest, 2, 3), joined(row), joined(col), hub),
        None,
        options,
        gone.shape[1],
    )


@partial(kept, static_argnums=(0,))
def chord_of(options: Options, world: Worlds) -> Chord:
    return chord_at_baseline(*world, options, world.lam.shape[1], False)


@partial(kept, static_argnums=(0, 1))
def by_chord(
    options: Options, settle: bool, world: Worlds, chord: Chord, hub: Array, gone: Array
) -> Equilibrium:
    system = _cut_system(world, hub, gone, options)
    found = secant_chord(system, options, chord, start_of(system), CHORD_STEPS, DEPTH, settle)
    return finish(world, system, options, found, None)


@partial(kept, static_argnums=(0,))
def by_newton(options: Options, world: Worlds, hub: Array, gone: Array) -> Equilibrium:
    system = _cut_system(world, hub, gone, options)
    return finish(world, system, options, newton(system, options, start_of(system)), None)


def _retry(
    cut: Cuts,
    method: Callable[[Array, Array], Equilibrium],
    hub: int,
    gone: NDArray[np.float64],
    other: NDArray[np.int64],
) -> None:
    """Solve once more, in place, what has not converged."""
    left = np.flatnonzero(cut.status == NOT_CONVERGED)
    for first in range(0, len(left), STRAGGLERS):
        some = left[first : first + STRAGGLERS]
        padded = some[np.minimum(np.arange(STRAGGLERS), len(some) - 1)]
        again = method(jnp.asarray(hub), jnp.asarray(gone[:, padded]))
        new = np.asarray(again.welfare[0])[: len(some)]
        cut.hub[some] = new[:, hub]
        cut.other[some] = new[np.arange(len(some)), other[some]]
        cut.residual[some] = np.asarray(again.residual[0])[: len(some)]
        cut.iterations[some] += np.asarray(again.iterations[0])[: len(some)]
        cut.status[some] = np.asarray(again.status[0])[: len(some)]


def _two_at_a_time(action: Callable[[Group], Equilibrium], groups: Sequence[Group]) -> Iterator[Equilibrium]:
    """Results in order; while one group is computed the next is got ready."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            yield from pool.map(action, groups)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def every_cut(
    economy: Economy,
    theta: Array,
    groups: list[Group],
    *,
    factors: Factors,
    deficits: Deficits,
    progress: Callable[[int, int], None] | None = None,
) -> list[Cuts]:
    """Solve groups of exits, each group from the trade of one client.

    Parameters
    ----------
    economy
        The baseline, (S, N, N) and so on.
    theta
        (S,) elasticities.
    groups
        For each client its index, (N, P) the degree to which exit p takes each region from its trade (all groups of
        one P, so that one compiled program serves them), and (P,) the region whose own welfare is to be reported; if
        these are fewer, only the first exits count.
    factors, deficits
        As for ``solve``; under ``"balanced"`` the baseline must have no deficits.
    progress
        Called with (exits done, exits in all).
    """
    options = shared_options(factors)
    world = one_world(economy, theta, deficits)
    chord = chord_of(options, world)
    methods: list[Callable[[Array, Array], Equilibrium]] = [partial(by_chord, options, True, world, chord)]
    prices = world.Y.shape[2] * (1 if factors == "mobile" else world.Y.shape[1])
    if prices <= NEWTON_UNKNOWNS:
        methods.append(partial(by_newton, options, world))
    results = []
    done, everything = 0, sum(len(other) for _, _, other in groups)

    def run(group: Group) -> Equilibrium:
        hub, gone, _ = group
        solved: Equilibrium = by_chord(options, False, world, chord, jnp.asarray(hub), jnp.asarray(gone))
        return solved

    for (hub, gone, other), out in zip(groups, _two_at_a_time(run, groups), strict=True):
        P = len(other)
        welfare = np.array(out.welfare)[0, :P]
        cut = Cuts(
            welfare[:, hub],
            welfare[np.arange(P), other],
            *(np.array(a)[0, :P] for a in (out.residual, out.iterations, out.status)),
        )
        for method in methods:
            _retry(cut, method, hub, gone, other)
        results.append(cut)
        done += P
        if progress is not None:
            progress(done, everything)
    return results


def one_by_one(client: int, others: NDArray[np.int64], regions: int) -> list[Group]:
    """Groups in which one client loses each of the others in turn.

    Parameters
    ----------
    client
        Its index.
    others
        (P,) indices.
    regions
        N.
    """
    width = min(WIDTH, max(1, regions // 2))
    groups = []
    for first in range(0, len(others), width):
        block = others[first : first + width]
        gone = np.zeros((regions, width))
        # The last stands in for those that are not there.
        gone[block[np.minimum(np.arange(width), len(block) - 1)], np.arange(width)] = 1.0
        groups.append((client, gone, block))
    return groups


def every_pair(flows: NDArray[np.float64]) -> list[Group]:
    """Groups in which every pair of regions that trade is cut once: a cut pair costs both of its ends.

    Region i is cut from the half of the circle after it. Counterfactuals that go side by side are done when the
    slowest of them is, so those that matter most to either end go together.

    Parameters
    ----------
    flows
        (S, N, N).
    """
    between = flows.sum(0)
    between = between + between.T
    np.fill_diagonal(between, 0.0)
    matters = between / np.maximum(between.sum(1), np.finfo(float).tiny)
    matters = np.maximum(matters, matters.T)
    regions = len(between)
    half = regions // 2
    groups = []
    for hub in range(regions):
        circle = (hub + 1 + np.arange(half)) % regions
        other = circle[between[hub, circle] > 0]
        other = other[np.argsort(-matters[hub, other], kind="stable")]
        groups += one_by_one(hub, other, regions)
    return groups
