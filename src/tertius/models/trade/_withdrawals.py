"""Withdrawals of any groups of regions from one client's trade, in one world or in many, on arrays.

The compiled program knows neither the client nor who leaves, so that one serves every question about every country of
a world; :func:`~tertius.models.trade.solve_draws`, which also takes limits on quantity, is compiled for its pairs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tertius.models.trade._assemble import one_world
from tertius.models.trade._economy import NOT_CONVERGED, Deficits, Economy, Equilibrium, Factors, calibrate
from tertius.models.trade._leverage import (
    NEWTON_UNKNOWNS,
    STRAGGLERS,
    by_chord,
    by_newton,
    chord_of,
    shared_options,
)
from tertius.models.trade._solve import WORKERS

__all__ = ["withdrawals", "withdrawals_in_draws"]

WIDTH = 32
"""Withdrawals that go side by side."""

_one_newton = threading.Lock()


def withdrawals(
    economy: Economy,
    theta: ArrayLike,
    client: int,
    gone: ArrayLike,
    *,
    factors: Factors = "mobile",
    deficits: Deficits = "world_share",
) -> Equilibrium:
    """Solve C withdrawals from one client's trade, in one world.

    Parameters
    ----------
    economy
        The baseline.
    theta
        (S,) trade elasticities.
    client
        Its index.
    gone
        (C, N) by how much the weight of the client's ties with each region falls, in both directions, in [0, 1]. The
        client's own place is not read.
    factors, deficits
        As for ``solve``.

    Returns
    -------
    Equilibrium
        NumPy arrays, leading axis C. What has not converged has status ``NOT_CONVERGED``.
    """
    options = shared_options(factors)
    world = one_world(economy, jnp.asarray(theta, dtype=float), deficits)
    chord = chord_of(options, world)
    left = np.array(gone, dtype=float).T
    left[client] = 0.0
    N, C = left.shape
    hub = jnp.asarray(client)
    parts: list[Equilibrium] = []
    for first in range(0, C, WIDTH):
        # The last stands in for those that are not there.
        columns = np.minimum(np.arange(first, first + WIDTH), C - 1)
        found = by_chord(options, False, world, chord, hub, jnp.asarray(left[:, columns]))
        parts.append(_gathered([np.array(a)[0, : C - first] for a in found]))
    out = _gathered([np.concatenate(arrays) for arrays in zip(*parts, strict=True)])
    _again(out, lambda some: by_chord(options, True, world, chord, hub, jnp.asarray(left[:, some])))
    groups = 1 if factors == "mobile" else world.Y.shape[1]
    if groups * N <= NEWTON_UNKNOWNS:
        # Newton's method calls LAPACK: two threads that do so have been seen to wait for each other for ever.
        with _one_newton:
            _again(out, lambda some: by_newton(options, world, hub, jnp.asarray(left[:, some])))
    return out


def _gathered(arrays: Sequence[Any]) -> Equilibrium:
    return Equilibrium(*arrays)


def _again(out: Equilibrium, method: Callable[[NDArray[np.int64]], Equilibrium]) -> None:
    """Solve once more, in place, what has not converged."""
    left = np.flatnonzero(np.asarray(out.status) == NOT_CONVERGED)
    for first in range(0, len(left), STRAGGLERS):
        some = left[first : first + STRAGGLERS]
        found = method(some[np.minimum(np.arange(STRAGGLERS), len(some) - 1)])
        for mine, theirs in zip(out, found, strict=True):
            np.asarray(mine)[some] = np.asarray(theirs)[0, : len(some)]


def withdrawals_in_draws(
    X: ArrayLike,
    theta: ArrayLike,
    client: int,
    gone: ArrayLike,
    *,
    factors: Factors = "mobile",
    deficits: Deficits = "world_share",
    workers: int = WORKERS,
) -> Equilibrium:
    """Solve C withdrawals from one client's trade in each of K worlds.

    Parameters
    ----------
    X
        (K, S, N, N) flows of each draw.
    theta
        (K, S) elasticities of each draw.
    client, gone, factors, deficits
        As for :func:`withdrawals`; under ``"balanced"`` the flows must have no deficits.
    workers
        Threads.

    Returns
    -------
    Equilibrium
        NumPy arrays with leading axes (K, C).
    """
    flows, elasticity = np.asarray(X, dtype=float), np.asarray(theta, dtype=float)

    def solve(k: int) -> Equilibrium:
        return withdrawals(
            calibrate(flows[k]), elasticity[k], client, gone, factors=factors, deficits=deficits
        )

    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            # The first is compiled before a second thread would compile the same.
            found = [solve(0), *pool.map(solve, range(1, len(flows)))]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return _gathered([np.stack(arrays) for arrays in zip(*found, strict=True)])
