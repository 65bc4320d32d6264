r"""How levers change over the years: supply that grows or fades, late-comers that learn, and what the client leans on.

In a non-trade domain (:mod:`tertius.models.displacement`) supplier p's weight at unchanged prices grows by
:math:`g_p` log points a year,

.. math:: k_p(t) = \exp(g_p t / 100), \qquad g_p = d_p + r_p e_p

with drift :math:`d_p` and, where exposure counts, :math:`r_p` log points that a year of full exposure adds and
:math:`e_p` the exposure, between 0 and 1; what happens once, or for a while, adds log points of its own,
:math:`k_p(t) = \exp((g_p t + j_p(t)) / 100)`. Shares after t years solve the domain's bundle with these weights, and
levers follow from the shares as they do today, with capacities that limit whoever grows. In trade, where shares would
need a new equilibrium for every year, the lever moves in proportion to the power's share in the client's trade:

.. math:: s_p(t) = \frac{s_p e^{g_p t/100}}{\sum_q s_q e^{g_q t/100}}, \qquad L_p(t) = L_p \frac{s_p(t)}{s_p}.

A late-comer c overtakes the leader l when what it supplies at unchanged prices is as much:
:math:`t^* = 100 \log(s_l/s_c) / (g_c - g_l)`, never where it does not grow faster.

Arrays are float64; leading axes are a batch and broadcast. ``P`` is the suppliers, own provision last, as in
:mod:`tertius.models.displacement`; ``Y`` is the years.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.models.displacement import Status, displace, displace_nested
from tertius.models.levers import lever

__all__ = ["Projection", "fallen", "growth", "overtaking", "project", "project_shares"]


class Projection(NamedTuple):
    """A domain over the years."""

    share: Array
    """Shares, ``(..., Y, P)``."""
    lever: Array
    """Levers of the powers, log points, ``(..., Y, P − 1)``."""
    status: Array
    """The worst :class:`tertius.models.displacement.Status` of each year, ``(..., Y)``."""
    residual: Array
    """Largest residual, ``(..., Y)``."""


def growth(drift: ArrayLike, rate: ArrayLike = 0.0, exposure: ArrayLike = 0.0) -> Array:
    """Return yearly growth in log points: drift, and what exposure teaches.

    Parameters
    ----------
    drift
        d, log points a year, ``(...)``.
    rate
        r, log points that a year of full exposure adds, ``(...)``.
    exposure
        e, relative to the most exposed, ``(...)``.
    """
    return jnp.asarray(drift, float) + jnp.asarray(rate, float) * jnp.asarray(exposure, float)


def project(
    s: ArrayLike,
    omega: ArrayLike,
    sigma: ArrayLike,
    eta: ArrayLike,
    g: ArrayLike,
    years: ArrayLike,
    jump: ArrayLike = 0.0,
    *,
    rho: ArrayLike | None = None,
    nests: ArrayLike | None = None,
) -> Projection:
    """Carry one domain into the future.

    Parameters
    ----------
    s
        Shares today, ``(..., P)``, summing to one; ``NaN`` = the tie is not stated.
    omega, sigma
        Weight and elasticity of the domain, ``(...)``.
    eta
        Supply elasticities, ``(..., P)``.
    g
        Yearly growth of every supplier's weight, log points, ``(..., P)``.
    years
        ``(Y,)``, from today on.
    jump
        What is added to each supplier's weight in each year, log points, ``(..., Y, P)``.
    rho, nests
        Of a nested bundle, as in :func:`tertius.models.displacement.displace_nested`.

    Returns
    -------
    Projection
        What :func:`tertius.models.levers.lever` says of the shares in each year; what is not stated stays ``NaN``.
    """
    s, omega, sigma, eta, g, years, jump = (
        jnp.asarray(x, float) for x in (s, omega, sigma, eta, g, years, jump)
    )
    grown = jnp.exp((g[..., None, :] * years[:, None] + jump) / 100)
    keep = jnp.where(jnp.isnan(s)[..., None, :], 1.0, grown)
    args = (s[..., None, :], keep, sigma[..., None])
    if rho is None or nests is None:
        moved = displace(*args, eta[..., None, :])
        share = s[..., None, :] * moved.share_hat
        held = lever(share, omega[..., None], sigma[..., None], eta[..., None, :])
    else:
        upper = jnp.asarray(rho, float)[..., None]
        moved = displace_nested(*args, upper, nests, eta[..., None, :])
        share = s[..., None, :] * moved.share_hat
        held = lever(share, omega[..., None], sigma[..., None], eta[..., None, :], rho=upper, nests=nests)
    # A tie that is not stated has no lever, which is no failure.
    stated = jnp.where(jnp.isnan(share[..., :-1]), int(Status.CONVERGED), held.status)
    residual = jnp.where(jnp.isnan(share[..., :-1]), 0.0, held.residual)
    return Projection(
        share,
        held.value,
        jnp.maximum(moved.status, stated.max(-1)),
        jnp.maximum(moved.residual, residual.max(-1)),
    )


@jax.jit
def project_shares(s: ArrayLike, g: ArrayLike, years: ArrayLike) -> Array:
    """Return shares that grow at constant rates, for trade.

    Parameters
    ----------
    s, g
        Shares today and their growth, log points a year, ``(..., P)``, all partners in; they need not sum to one.
    years
        ``(Y,)``.

    Returns
    -------
    Array
        ``(..., Y, P)``, with the sum of today's.
    """
    s, g, years = (jnp.asarray(x, float) for x in (s, g, years))
    weight = s[..., None, :] * jnp.exp(g[..., None, :] * years[:, None] / 100)
    total, today = weight.sum(-1, keepdims=True), s.sum(-1)[..., None, None]
    return jnp.where(total > 0, weight * today / jnp.where(total > 0, total, 1.0), 0.0)


def overtaking(
    challenger: ArrayLike, leader: ArrayLike, g_challenger: ArrayLike, g_leader: ArrayLike
) -> Array:
    """Return the years until a late-comer supplies as much as the leader, at unchanged prices.

    Parameters
    ----------
    challenger, leader
        Their shares today, ``(...)``.
    g_challenger, g_leader
        Their yearly growth, log points, ``(...)``.

    Returns
    -------
    Array
        0 where it does already, ``inf`` where it never will, ``NaN`` where a share is not known.
    """
    c, lead, gc, gl = (jnp.asarray(x, float) for x in (challenger, leader, g_challenger, g_leader))
    gap, speed = jnp.where((c > 0) & (lead > 0), jnp.log(lead / jnp.where(c > 0, c, 1.0)), jnp.inf), gc - gl
    years = jnp.where(speed > 0, 100 * gap / jnp.where(speed > 0, speed, 1.0), jnp.inf)
    years = jnp.where(c >= lead, 0.0, years)
    unknown = jnp.isnan(c) | jnp.isnan(lead) | jnp.isnan(speed)
    return jnp.where(unknown, jnp.nan, years)


def fallen(effective: ArrayLike, by: ArrayLike) -> Array:
    """Return by how far the balance falls short of having ended: positive where the number of powers fell by more.

    Parameters
    ----------
    effective
        Effective number of powers, today first, ``(..., Y)``.
    by
        The fall that counts as an end, ``(...)``.

    Returns
    -------
    Array
        Today's number less the last one, less ``by``, ``(...)``.
    """
    number = jnp.asarray(effective, float)
    return number[..., 0] - number[..., -1] - jnp.asarray(by, float)
