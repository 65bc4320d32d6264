"""Conditional gravity: multilateral resistances given trade costs, with every country's output and spending held.

With weights ``W[o, d] = τ[o, d]^(−θ)`` and shares ``y`` of world output and ``e`` of world spending, the resistances
outward ``Π`` and inward ``P`` of structural gravity (Anderson & van Wincoop 2003; θ is their σ − 1) solve

    Π[o]^(−θ) = Σ_d W[o, d] P[d]^θ e[d]        P[d]^(−θ) = Σ_o W[o, d] Π[o]^θ y[o]        P[reference] = 1

and trade is ``X[o, d] = W[o, d] (Π[o] P[d])^θ y[o] e[d]`` times world output. A change of trade costs then moves who
trades with whom, while what each country earns and spends in all stays as it was. That is a first round and not the
equilibrium: prices have moved and incomes have not followed. gegravity's ``OneSectorGE`` reports it;
:func:`counterfactual <tertius.models.trade.counterfactual>` lets incomes follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.linalg import cho_factor, cho_solve
from numpy.typing import ArrayLike, NDArray

from tertius.errors import BadInput
from tertius.models.trade._economy import CONVERGED, NOT_CONVERGED, TOLERANCE

__all__ = ["Conditional", "Resistances", "conditional", "resistances"]

STEPS = 60
LONGEST_STEP = 1.0
CHUNK = 16
WORKERS = 2
SMALL = 64
"""In larger worlds LAPACK brings threads of its own."""


class Resistances(NamedTuple):
    """Multilateral resistances; leading axes are a batch of worlds.

    Attributes
    ----------
    log_outward
        (..., N) log Π, of origins.
    log_inward
        (..., N) log P, of destinations; 0 at the reference.
    residual
        (...) largest |log(modelled over given spending)|; modelled output is the given one exactly.
    iterations
        (...) steps of Newton's method.
    status
        (...) ``CONVERGED`` or ``NOT_CONVERGED``.
    """

    log_outward: Array
    log_inward: Array
    residual: Array
    iterations: Array
    status: Array

    def flows(self, weight: ArrayLike, output: ArrayLike, expenditure: ArrayLike, theta: ArrayLike) -> Array:
        """Modelled flows (..., N, N) in the currency of ``output``, given what the resistances were solved for."""
        made, spent = jnp.asarray(output, dtype=float), jnp.asarray(expenditure, dtype=float)
        elastic = jnp.asarray(theta, dtype=float)[..., None]
        seller = made * jnp.exp(elastic * self.log_outward)
        buyer = spent / jnp.sum(spent, -1, keepdims=True) * jnp.exp(elastic * self.log_inward)
        return jnp.asarray(weight, dtype=float) * seller[..., :, None] * buyer[..., None, :]


class Conditional(NamedTuple):
    """A conditional counterfactual as ratios to its baseline, with the resistances of both.

    Attributes
    ----------
    log_price
        (..., N) log p̂ = −log Π̂: what sellers get, over what they got.
    log_price_index
        (..., N) log P̂: what consumers pay.
    welfare
        (..., N) p̂/P̂, output deflated by consumers' prices ("real GDP" of gegravity, over its baseline; its own
        "welfare statistic" is the reciprocal).
    before, after
        The resistances behind it, with their residuals and statuses.
    """

    log_price: Array
    log_price_index: Array
    welfare: Array
    before: Resistances
    after: Resistances


class _State(NamedTuple):
    k: Array
    b: Array  # (K, N) log of e P^θ
    flows: Array  # (K, N, N) in shares of world output
    gap: Array  # (K, N) log of spending modelled over given
    residual: Array
    iterations: Array


def _sellers(weight: Array, y: Array, b: Array) -> Array:
    """``y Π^θ`` (K, N): what makes every origin sell its output, at buyers' log factors b."""
    return y / jnp.einsum("kod,kd->ko", weight, jnp.exp(b))


def _largest(values: Array) -> Array:
    worst = jnp.max(jnp.abs(values), -1)
    return jnp.where(jnp.isnan(worst), jnp.inf, worst)


def _newton(weight: Array, y: Array, e: Array, start: Array) -> _State:
    """Newton's method on the convex function ``Σ_o y log Σ_d W e^b − Σ_d e b`` of buyers' factors, (K, N)."""

    def look(b: Array) -> tuple[Array, Array, Array]:
        flows = _sellers(weight, y, b)[:, :, None] * weight * jnp.exp(b)[:, None]
        gap = jnp.log(jnp.sum(flows, 1) / e)
        return flows, gap, _largest(gap)

    def going(state: _State) -> Array:
        return (state.k < STEPS) & jnp.any(state.residual > TOLERANCE)

    def advance(state: _State) -> _State:
        unsolved = state.residual > TOLERANCE
        bought = e * jnp.exp(state.gap)
        # The level of b is free: the rank-one term holds it where it is, and makes the matrix positive definite.
        hessian = bought[:, :, None] * jnp.eye(e.shape[-1]) + e[:, :, None] * e[:, None]
        hessian = hessian - jnp.einsum("kod,koc->kdc", state.flows / y[..., None], state.flows)
        step = -cho_solve(cho_factor(hessian), (bought - e)[..., None])[..., 0]
        longest = _largest(step)[:, None]
        step = jnp.where(jnp.isfinite(longest), step * jnp.minimum(1.0, LONGEST_STEP / longest), 0.0)
        b = jnp.where(unsolved[:, None], state.b + step, state.b)
        return _State(state.k + 1, b, *look(b), state.iterations + unsolved)

    flows, gap, residual = look(start)
    first = _State(jnp.array(0), start, flows, gap, residual, jnp.zeros(residual.shape, int))
    last: _State = jax.lax.while_loop(going, advance, first)
    return last


def _levels(weight: Array, y: Array, e: Array, theta: Array, state: _State, reference: int) -> Resistances:
    log_outward = jnp.log(_sellers(weight, y, state.b) / y) / theta[:, None]
    log_inward = (state.b - jnp.log(e)) / theta[:, None]
    level = log_inward[:, reference, None]
    return Resistances(
        log_outward + level,
        log_inward - level,
        state.residual,
        state.iterations,
        jnp.where(state.residual <= TOLERANCE, CONVERGED, NOT_CONVERGED),
    )


def _solved(reference: int, arrays: tuple[Array, ...]) -> tuple[Resistances, ...]:
    """Resistances for each table of weights, the first found from P = 1 and the others from the one before."""
    *tables, y, e, theta = arrays
    out, b = [], jnp.log(e)
    for weight in tables:
        state = _newton(weight, y, e, b)
        out.append(_levels(weight, y, e, theta, state, reference))
        b = state.b
    return tuple(out)


@partial(jax.jit, static_argnums=(0, 1))
def _resistances(
    reference: int, batch: tuple[int, ...], *arrays: NDArray[np.float64]
) -> tuple[Resistances, ...]:
    found = _in_chunks(partial(_solved, reference), tuple(jnp.asarray(a) for a in arrays))
    out: tuple[Resistances, ...] = jax.tree.map(lambda a: a.reshape(*batch, *a.shape[1:]), found)
    return out


@partial(jax.jit, static_argnums=(0, 1))
def _conditional(reference: int, batch: tuple[int, ...], *arrays: NDArray[np.float64]) -> Conditional:
    before, after = _resistances(reference, batch, *arrays)
    price = before.log_outward - after.log_outward
    index = after.log_inward - before.log_inward
    return Conditional(price, index, jnp.exp(price - index), before, after)


def _in_chunks(solve: Callable[[tuple[Array, ...]], Any], arrays: tuple[Array, ...]) -> Any:
    """Apply a function of batches to chunks that fit a processor's cache; the last is filled up with its last world."""
    K = arrays[0].shape[0]
    if K <= CHUNK:
        return solve(arrays)
    chunks = -(-K // CHUNK)
    order = np.minimum(np.arange(chunks * CHUNK), K - 1)
    out = jax.lax.map(solve, tuple(a[order].reshape(chunks, CHUNK, *a.shape[1:]) for a in arrays))
    return jax.tree.map(lambda a: a.reshape(chunks * CHUNK, *a.shape[2:])[:K], out)


def _given(
    weights: tuple[ArrayLike, ...],
    output: ArrayLike,
    expenditure: ArrayLike,
    theta: ArrayLike,
    reference: int,
) -> tuple[tuple[int, ...], list[NDArray[np.float64]]]:
    """Check the shapes and values; weights, shares and elasticity with one leading axis."""
    tables = [np.asarray(w, dtype=float) for w in weights]
    Y, E, elastic = (np.asarray(a, dtype=float) for a in (output, expenditure, theta))
    N = Y.shape[-1]
    if any(w.shape[-2:] != (N, N) for w in tables) or E.shape[-1] != N:
        raise BadInput(
            f"{N} outputs need {N} expenditures and {N} × {N} weights; got "
            f"{E.shape[-1]} and {', '.join(str(w.shape[-2:]) for w in tables)}",
            code="bad-shape",
        )
    if not -N <= reference < N:
        raise BadInput(f"the reference is one of {N} regions, not {reference}", code="bad-reference")
    if not all(np.isfinite(a).all() for a in (*tables, Y, E, elastic)):
        raise BadInput("weights, output, expenditure and elasticity must be finite", code="not-finite")
    if any((w < 0).any() for w in tables) or not (elastic > 0).all() or not ((Y > 0).all() and (E > 0).all()):
        raise BadInput(
            "output, expenditure and elasticity must be positive, weights not negative", code="not-positive"
        )
    batch = np.broadcast_shapes(*(w.shape[:-2] for w in tables), Y.shape[:-1], E.shape[:-1], elastic.shape)
    K = math.prod(batch)

    def flat(a: NDArray[np.float64], own: tuple[int, ...]) -> NDArray[np.float64]:
        return np.broadcast_to(a, batch + own).reshape(K, *own)

    shares = [flat(a / a.sum(-1, keepdims=True), (N,)) for a in (Y, E)]
    return batch, [*(flat(w, (N, N)) for w in tables), *shares, flat(elastic, ())]


def _side_by_side(
    solve: Callable[..., Any], reference: int, batch: tuple[int, ...], arrays: list[NDArray[np.float64]]
) -> Any:
    """Solve a large batch on all threads, in parts of one length."""
    K, N = arrays[0].shape[0], arrays[0].shape[-1]
    reference %= N
    if K < 2 * CHUNK * WORKERS or N > SMALL:
        return solve(reference, batch, *arrays)
    each = -(-K // WORKERS)

    def part(first: int) -> Any:
        # The last starts earlier where the batch cannot be parted evenly.
        return solve(reference, (each,), *(a[first : first + each] for a in arrays))

    starts = [min(k * each, K - each) for k in range(WORKERS)]
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        parts = list(pool.map(part, starts))

    def joined(*pieces: Any) -> Any:
        new = [
            np.asarray(p)[k * each - first :] for k, (first, p) in enumerate(zip(starts, pieces, strict=True))
        ]
        whole = np.concatenate(new)
        return jnp.asarray(whole.reshape(*batch, *whole.shape[1:]))

    return jax.tree.map(joined, *parts)


def resistances(
    weight: ArrayLike, output: ArrayLike, expenditure: ArrayLike, theta: ArrayLike, *, reference: int = 0
) -> Resistances:
    """Solve the multilateral resistances of structural gravity.

    Parameters
    ----------
    weight
        (..., N, N) ``τ^(−θ)`` >= 0 from origin (row) to destination (column); its scale is free.
    output, expenditure
        (..., N) what each region makes and spends; only shares matter, and the totals may differ.
    theta
        (...) trade elasticity θ = σ − 1.
    reference
        The region whose P is 1.

    Returns
    -------
    Resistances
        With the leading axes of the arguments broadcast together.

    Raises
    ------
    BadInput
        Shapes that do not fit, values that are not finite or of the wrong sign.
    """
    batch, arrays = _given((weight,), output, expenditure, theta, reference)
    found: Resistances = _side_by_side(_resistances, reference, batch, arrays)[0]
    return found


def conditional(
    weight: ArrayLike,
    changed: ArrayLike,
    output: ArrayLike,
    expenditure: ArrayLike,
    theta: ArrayLike,
    *,
    reference: int = 0,
) -> Conditional:
    """Compare two tables of trade costs with everybody's output and expenditure held ("conditional" equilibrium).

    What gegravity's ``OneSectorGE`` solves under the name of full general equilibrium: sellers' prices move by
    ``p̂ = 1/Π̂``, but neither output nor spending moves with them. Not differentiable by reverse mode.

    Parameters
    ----------
    weight, changed
        (..., N, N) ``τ^(−θ)`` before and after; zero where there is no trade at any price.
    output, expenditure
        (..., N) what each region makes and spends, the same before and after; only shares matter.
    theta
        (...) trade elasticity θ = σ − 1.
    reference
        The region whose consumers' price index is held at 1 in both; price levels depend on it, welfare does not
        beyond a factor common to all.

    Returns
    -------
    Conditional
        With the leading axes of the arguments broadcast together: a batch of draws or of shocks is solved at once.

    Raises
    ------
    BadInput
        Shapes that do not fit, values that are not finite or of the wrong sign.
    """
    batch, arrays = _given((weight, changed), output, expenditure, theta, reference)
    found: Conditional = _side_by_side(_conditional, reference, batch, arrays)
    return found
