"""Two relatives of the game: several groups that may sit out, and a regime that signals by what it does."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtr, ndtri
from jax.typing import ArrayLike

from tertius.models._bracket import bracketed
from tertius.models.regime._threshold import TOLERANCE, Status, normal_density

__all__ = ["Groups", "policy_trap", "threshold_of_groups"]


class Groups(NamedTuple):
    """The threshold where several groups may sit out."""

    lowest: Array
    """The lowest solution, ``(...)``."""
    highest: Array
    """The highest, ``(...)``; equal to the lowest where there is one only."""
    shares: Array
    """Share of each group that sits out at the lowest threshold, ``(..., G)``."""
    residual: Array
    status: Array


def _response(
    weight: Array, cost: Array, beta: Array, m: Array, a: Array, theta: Array
) -> tuple[Array, Array]:
    """What each group contributes at a threshold, and the slope of that."""
    at = theta[..., None]
    inner = (jnp.sqrt(a + beta) * ndtri(1.0 - cost) - a * (m - at)) / jnp.sqrt(beta)
    return weight * ndtr(inner), weight * normal_density(inner) * a / jnp.sqrt(beta)


def threshold_of_groups(
    weights: ArrayLike,
    costs: ArrayLike,
    private_precisions: ArrayLike,
    mean: ArrayLike,
    precision: ArrayLike,
) -> Groups:
    r"""Return the threshold where groups differ in weight, cost and information.

    .. math::

        \theta^* = \sum_g k_g\,\Phi\Bigl(\frac{\sqrt{a+\beta_g}\,\Phi^{-1}(1-c_g) - a(m-\theta^*)}{\sqrt{\beta_g}}\Bigr)

    Its right side rises in θ*, so that stepping up from 0 meets the lowest solution first, and stepping down from
    :math:`\sum_g k_g` the highest.

    Parameters
    ----------
    weights
        :math:`k_g`, what a group adds to the pressure if all of it sits out, ``(..., G)``.
    costs, private_precisions
        :math:`c_g` strictly between 0 and 1, and :math:`\beta_g`, ``(..., G)``.
    mean, precision
        m and a of the common belief, ``(...)``.

    Returns
    -------
    Groups
        One solution where :math:`\sum_g k_g a/\sqrt{\beta_g} \le \sqrt{2\pi}`.
    """
    arrays = (jnp.asarray(x, float) for x in (weights, costs, private_precisions, mean, precision))
    result: Groups = _of_groups(*arrays)
    return result


@jax.jit
def _of_groups(k: Array, c: Array, beta: Array, m: Array, a: Array) -> Groups:
    k, c, beta, m, a = jnp.broadcast_arrays(k, c, beta, m[..., None], a[..., None])
    missing = jnp.isnan(k + c + beta + m + a).any(-1)
    invalid = ((k < 0) | (c <= 0) | (c >= 1) | (beta <= 0) | (a < 0) | ~jnp.isfinite(k + beta + m + a)).any(
        -1
    )
    bad = (missing | invalid)[..., None]
    k, c, beta, m, a = (
        jnp.where(bad, x, y) for x, y in ((1.0, k), (0.5, c), (1.0, beta), (0.0, m), (0.0, a))
    )
    respond = partial(_response, k, c, beta, m, a)

    def gap(theta: Array) -> Array:
        return theta - respond(theta)[0].sum(-1)

    # Between grid points that the rising map cannot jump over, the first crossing is the lowest solution.
    total = k.sum(-1)
    grid = jnp.linspace(0.0, 1.0, 513)
    values = jax.vmap(lambda x: gap(x * total))(grid)
    first = jnp.argmax(values >= 0, axis=0)
    last = 512 - jnp.argmax((values <= 0)[::-1], axis=0)

    def refine(low: Array, high: Array) -> tuple[Array, Array]:
        def function(theta: Array) -> tuple[Array, Array]:
            return gap(theta), 1.0 - respond(theta)[1].sum(-1)

        return bracketed(function, low, high, 0.5 * (low + high))

    lowest, error = refine(grid[jnp.maximum(first - 1, 0)] * total, grid[first] * total)
    highest, other = refine(grid[last] * total, grid[jnp.minimum(last + 1, 512)] * total)
    residual = jnp.maximum(error, other)
    status = jnp.where(residual <= TOLERANCE, jnp.int32(Status.CONVERGED), jnp.int32(Status.NOT_CONVERGED))
    status = jnp.where(invalid, jnp.int32(Status.INVALID), status)
    status = jnp.where(missing, jnp.int32(Status.MISSING), status)
    shares = respond(lowest)[0] / jnp.where(k > 0, k, 1.0)
    hide = missing | invalid
    return Groups(
        jnp.where(hide, jnp.nan, lowest),
        jnp.where(hide, jnp.nan, highest),
        jnp.where(hide[..., None] | (k <= 0), jnp.nan, shares),
        jnp.where(hide, jnp.nan, residual),
        status,
    )


def policy_trap(theta_star: ArrayLike, cost: ArrayLike, noise: ArrayLike) -> Array:
    r"""Return :math:`\theta^{**}`, up to which a regime raises the cost of sitting out (policy traps).

    A regime that can raise the cost of an attack at a price of its own shows by doing so that it needs to
    (Angeletos, Hellwig & Pavan 2006). With a belief that knows nothing in common, in the equilibrium in which
    regimes of strength between θ* and θ** act,

    .. math::

        \theta^{**} = \theta^* + \sigma\Bigl[\Phi^{-1}\Bigl(1-\frac{c}{1-c}\theta^*\Bigr) - \Phi^{-1}(\theta^*)\Bigr]

    Parameters
    ----------
    theta_star
        What acting costs in that equilibrium, above 0 and at most 1 − c, ``(...)``.
    cost
        c, cost of sitting out before anything is done, ``(...)``.
    noise
        σ, standard deviation of private information, ``(...)``.

    Returns
    -------
    Array
        ``(...)``; ``NaN`` where no such equilibrium exists. At θ* = 1 − c nobody acts: θ** = θ*.
    """
    at, c, sigma = (jnp.asarray(x, float) for x in (theta_star, cost, noise))
    exists = (at > 0) & (at <= 1.0 - c) & (c > 0) & (c < 1) & (sigma >= 0)
    # At the upper end both quantiles are those of 1 − c, exactly.
    found = at + sigma * (ndtri(1.0 - c / (1.0 - c) * at) - ndtri(at))
    return jnp.where(exists, jnp.maximum(found, at), jnp.nan)
