"""How spending moves between sectors where it is not Cobb–Douglas.

Consumption is a CES bundle of sectors with one elasticity of substitution η, of which every sector's own bundle of
origins is a part. In exact changes, with α the expenditure shares of the baseline,

    α'[s, d] = α[s, d] (P̂[s, d] / P̂[d])^(1−η)
    P̂[d]^(1−η) = Σ_s α[s, d] P̂[s, d]^(1−η)              P̂[s, d] = Φ[s, d]^(−1/θ[s])
    Ŵ[d] = (E'[d]/E[d]) / P̂[d]

At η = 1 shares stay, log P̂ is the mean of the sectors' own, and nothing of this is needed. Below one sectors are
complements: what becomes dear takes a larger part of spending, and its loss costs more.

Sectors stand on the axis before the last: (..., S, L). η must broadcast against that.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

__all__ = ["log_price_level", "spending_shares"]

NEARLY_ONE = 1e-8
"""Closer to one than this an expansion takes the place of a ratio of two small numbers."""


def spending_shares(alpha: Array, log_price: Array, eta: Array) -> Array:
    """New expenditure shares ``α'``.

    Parameters
    ----------
    alpha
        (..., S, L) shares at the baseline; 0 where nothing is bought, or can be.
    log_price
        (..., S, L) log P̂ of each sector; not read where ``alpha`` is 0.
    eta
        Elasticity of substitution between sectors, positive.

    Returns
    -------
    Array
        (..., S, L), which sums to one over sectors.
    """
    bought = alpha > 0
    weight = jnp.where(bought, alpha * jnp.exp((1.0 - eta) * jnp.where(bought, log_price, 0.0)), 0.0)
    total = jnp.sum(weight, -2, keepdims=True)
    return weight / jnp.where(total > 0, total, 1.0)


def log_price_level(alpha: Array, log_price: Array, eta: Array) -> Array:
    """Log of the index P̂ of all sectors, (..., L).

    Parameters
    ----------
    alpha, log_price, eta
        As for :func:`spending_shares`; a price may be infinite where the last supplier is lost. Above η = 1 the index
        then stays finite.
    """
    bought = alpha > 0
    infinite = bought & jnp.isinf(log_price)
    finite = jnp.where(bought & ~infinite, log_price, 0.0)
    rho = 1.0 - jnp.broadcast_to(eta, finite.shape)[..., :1, :]
    near = jnp.abs(rho) < NEARLY_ONE
    # Of a sector that cannot be had nothing is left, if there is a way to do without it.
    gone = jnp.sum(jnp.where(infinite, alpha, 0.0), -2, keepdims=True)
    risen = jnp.sum(alpha * jnp.expm1(rho * finite), -2, keepdims=True) - gone
    away = jnp.log1p(jnp.where(gone < 1.0, risen, 0.0)) / jnp.where(near, 1.0, rho)
    mean = jnp.sum(alpha * finite, -2, keepdims=True)
    spread = jnp.sum(alpha * jnp.square(finite), -2, keepdims=True) - jnp.square(mean)
    level = jnp.where(near, mean + 0.5 * rho * spread, away)
    without_bound = (gone > 0) & (near | (rho > 0) | (gone >= 1.0))
    return jnp.where(without_bound, jnp.inf, level)[..., 0, :]
