r"""Levers: what their holders could cost the client by withdrawing.

A lever is the loss of the client, in log points (100 × log), after it has re-optimised (Hirschman 1945;
Clayton, Maggiori & Schreger 2023, 2024). In a non-trade domain, a CES bundle of weight :math:`\omega` with
elasticity :math:`\sigma > 1`, it is the loss from the full withdrawal of power p
(:mod:`tertius.models.displacement`); with infinitely elastic supply

.. math:: L_p = 100 \frac{\omega}{\sigma - 1} \bigl(-\log(1 - s_p)\bigr).

A share of one is an infinite lever and stays infinite. The last axis of ``s`` and ``eta``, ``P``, is the
suppliers: the powers in order, then the client's own provision; levers belong to powers alone and have
``P − 1``. Leading axes are a batch and broadcast. Arrays are float64.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.errors import BadInput
from tertius.models.displacement import displace, displace_nested, loss

__all__ = [
    "EffectivePowers",
    "Lever",
    "approval_shares",
    "bloc_lever",
    "ces_lever",
    "concentration",
    "effective_powers",
    "guarantee",
    "lever",
    "log_ratio",
    "net",
    "normalise_ties",
]


class Lever(NamedTuple):
    """Levers with the proof that they were solved for."""

    value: Array
    """Log points; ``inf`` = an infinite lever, ``NaN`` = the tie is not stated."""
    status: Array
    """:class:`tertius.models.displacement.Status`, as an integer."""
    residual: Array
    """Largest absolute error, in logs, of the equations behind the lever."""


class EffectivePowers(NamedTuple):
    """How many powers, in effect, hold the levers."""

    entropy: Array
    """exp of the entropy of the levers' shares."""
    inverse_herfindahl: Array
    """One over the sum of their squares."""


def ces_lever(s: ArrayLike, omega: ArrayLike, sigma: ArrayLike) -> Array:
    r"""Return levers with infinitely elastic supply: :math:`-100\,\omega\log(1-s)/(\sigma-1)`.

    Parameters
    ----------
    s
        Spending shares, ``(..., P)``.
    omega
        Weight of the domain, ``(...)``.
    sigma
        Elasticity of substitution, ``(...)``, above 1.

    Returns
    -------
    Array
        Log points by power, ``(..., P − 1)``; ``inf`` at a share of one.
    """
    power = jnp.asarray(s, float)[..., :-1]
    elasticity = jnp.asarray(sigma, float)[..., None]
    return loss(jnp.asarray(omega, float)[..., None], jnp.log1p(-power) / (1.0 - elasticity))


@jax.jit
def _flat(s: Array, keep: Array, sigma: Array, eta: Array, omega: Array) -> Lever:
    # Compiled as one, so that shares and quantities, which no lever needs, are never computed.
    result = displace(s, keep, sigma, eta)
    return Lever(loss(omega, result.log_price), result.status, result.residual)


def _withdrawal(
    s: Array,
    keep: Array,
    sigma: Array,
    eta: Array,
    omega: Array,
    rho: Array | None,
    nests: ArrayLike | None,
) -> Lever:
    if (rho is None) != (nests is None):
        raise BadInput(
            "a nested bundle needs both its nests and the elasticity between them",
            code="nests-incomplete",
            hint="give rho and nests together, or neither",
        )
    if rho is None or nests is None:
        flat: Lever = _flat(s, keep, sigma, eta, omega)
        return flat
    result = displace_nested(s, keep, sigma, rho, nests, eta)
    return Lever(loss(omega, result.log_price), result.status, result.residual)


def lever(
    s: ArrayLike,
    omega: ArrayLike,
    sigma: ArrayLike,
    eta: ArrayLike,
    *,
    rho: ArrayLike | None = None,
    nests: ArrayLike | None = None,
) -> Lever:
    """Return the lever of every power: the client's loss from its full withdrawal, the others filling in.

    Parameters
    ----------
    s
        Spending shares, ``(..., P)``, summing to one; ``NaN`` = the tie is not stated.
    omega
        Weight of the domain, ``(...)``.
    sigma
        Elasticity of substitution, ``(...)``, above 1.
    eta
        Supply elasticities, ``(..., P)``, 0 to ``inf``.
    rho, nests
        Elasticity between nests, ``(...)``, and nest membership, for the nested bundle of
        :func:`~tertius.models.displacement.displace_nested`; both or neither.

    Returns
    -------
    Lever
        ``(..., P − 1)``, in log points.

    Raises
    ------
    BadInput
        If only one of ``rho`` and ``nests`` is given.
    """
    share = jnp.asarray(s, float)
    powers = share.shape[-1] - 1
    return _withdrawal(
        share[..., None, :],
        1.0 - jnp.eye(powers, powers + 1),
        jnp.asarray(sigma, float)[..., None],
        jnp.asarray(eta, float)[..., None, :],
        jnp.asarray(omega, float)[..., None],
        None if rho is None else jnp.asarray(rho, float)[..., None],
        nests,
    )


def bloc_lever(
    s: ArrayLike,
    omega: ArrayLike,
    sigma: ArrayLike,
    eta: ArrayLike,
    members: ArrayLike,
    *,
    rho: ArrayLike | None = None,
    nests: ArrayLike | None = None,
) -> Lever:
    """Return the lever of a bloc: the loss from the joint full withdrawal of its members.

    With one supply elasticity for all, losses are super-additive: a bloc's lever is at least the sum of its
    members'. Where elasticities differ it may be less, since the first withdrawal moves spending to those
    who can expand.

    Parameters
    ----------
    s, omega, sigma, eta, rho, nests
        As in :func:`lever`.
    members
        Which powers belong to the bloc, booleans, ``(..., P − 1)``.

    Returns
    -------
    Lever
        ``(...)``, in log points.

    Raises
    ------
    BadInput
        If only one of ``rho`` and ``nests`` is given.
    """
    leaving = jnp.asarray(members, bool)
    own = jnp.zeros((*leaving.shape[:-1], 1), bool)
    keep = jnp.where(jnp.concatenate([leaving, own], -1), 0.0, 1.0)
    share, elasticity, supply, weight = (jnp.asarray(a, float) for a in (s, sigma, eta, omega))
    between = None if rho is None else jnp.asarray(rho, float)
    return _withdrawal(share, keep, elasticity, supply, weight, between, nests)


def net(lever: ArrayLike, reverse: ArrayLike) -> Array:
    """Return net levers, what p could cost the client less what the client could cost p.

    Asymmetric interdependence (Keohane & Nye 1977). ``NaN`` where either is missing, or both are infinite.

    Parameters
    ----------
    lever, reverse
        Log points, of one shape.

    Returns
    -------
    Array
        Log points.
    """
    return jnp.asarray(lever, float) - jnp.asarray(reverse, float)


def effective_powers(levers: ArrayLike, axis: int = -1) -> EffectivePowers:
    r"""Return the multi-vector index: the effective number of powers that hold levers over the client.

    With :math:`f_p = \max(L_p, 0)/\sum_q \max(L_q, 0)`: :math:`\exp(-\sum f \log f)` and, beside it,
    :math:`1/\sum f^2` (Hill numbers of order one and two).

    Parameters
    ----------
    levers
        Log points, powers along ``axis``.
    axis
        The axis of the powers.

    Returns
    -------
    EffectivePowers
        Without ``axis``. ``NaN`` with an infinite or a missing lever, and where no lever is positive.
    """
    L = jnp.asarray(levers, float)
    positive = jnp.maximum(L, 0.0)
    total = positive.sum(axis, keepdims=True)
    defined = jnp.isfinite(L).all(axis) & (total > 0).squeeze(axis)
    f = jnp.where(jnp.isfinite(positive), positive, 0.0) / jnp.where(total > 0, total, 1.0)
    entropy = -jnp.where(f > 0, f * jnp.log(jnp.where(f > 0, f, 1.0)), 0.0).sum(axis)
    squares = jnp.where(defined, (f**2).sum(axis), jnp.nan)
    return EffectivePowers(jnp.where(defined, jnp.exp(entropy), jnp.nan), 1.0 / squares)


def concentration(shares: ArrayLike, axis: int = -1) -> Array:
    r"""Return Hirschman's (1945) index of concentration, :math:`100\sqrt{\sum_k s_k^2}`.

    Parameters
    ----------
    shares
        Shares that sum to one along ``axis``.
    axis
        The axis of the partners.

    Returns
    -------
    Array
        100 for a single partner, 50 for four equal ones; without ``axis``.
    """
    return 100.0 * jnp.sqrt((jnp.asarray(shares, float) ** 2).sum(axis))


def normalise_ties(to_client: ArrayLike, own: ArrayLike) -> Array:
    """Turn stated ties into shares that sum to one, own provision last.

    Parameters
    ----------
    to_client
        What each power supplies to the client, ``(..., P − 1)``, in any one unit; ``NaN`` = not stated.
    own
        The client's own provision, ``(...)``, in the same unit.

    Returns
    -------
    Array
        Shares, ``(..., P)``. A tie that is not stated stays ``NaN`` and the rest sum to one without it; all
        are ``NaN`` where nothing positive is stated.
    """
    ties, alone = jnp.asarray(to_client, float), jnp.asarray(own, float)[..., None]
    batch = jnp.broadcast_shapes(ties.shape[:-1], alone.shape[:-1])
    both = jnp.concatenate([jnp.broadcast_to(a, (*batch, a.shape[-1])) for a in (ties, alone)], -1)
    total = jnp.nansum(both, -1, keepdims=True)
    return jnp.where(total > 0, both / jnp.where(total > 0, total, 1.0), jnp.nan)


def approval_shares(approvals: ArrayLike, none: ArrayLike) -> Array:
    r"""Turn approvals into shares: :math:`a_p / (\sum_q a_q + n)`, with "none" in the place of own provision.

    Approval in a poll is not a share, since people may like several powers. This map reads each approval as
    a vote of equal weight for that power, and the share who approve of no power as a vote for doing without.

    Parameters
    ----------
    approvals
        Share of respondents who approve of each power, ``(..., P − 1)``, 0 to 1; ``NaN`` = not asked.
    none
        Share who approve of none, ``(...)``.

    Returns
    -------
    Array
        Shares, ``(..., P)``, summing to one over what was asked; ``none`` is last.
    """
    return normalise_ties(approvals, none)


def guarantee(helped: ArrayLike, alone: ArrayLike, belief: ArrayLike, weight: ArrayLike) -> Array:
    r"""Return the lever of a patron over a regime that may need saving.

    .. math:: 100\,\omega_g\,b\,\log\frac{\text{survival with the patron's standing help}}{\text{survival without}}

    It is what the regime would lose if the patron let it be known that it will not come. Negative where help
    would do harm.

    Parameters
    ----------
    helped, alone
        Probability of surviving a crisis with and without help
        (:func:`tertius.models.regime.helped`), ``(...)``.
    belief
        b, the regime's belief that the patron would come (:mod:`tertius.models.reputation`), ``(...)``.
    weight
        :math:`\omega_g`: log points that the leadership gives for one log point of its survival, ``(...)``.

    Returns
    -------
    Array
        Log points, ``(...)``; ``inf`` where nothing but help saves it, ``NaN`` where an input is missing, and
        where even help cannot save it.
    """
    one, other, b, w = (jnp.asarray(x, float) for x in (helped, alone, belief, weight))
    b, w = jnp.broadcast_arrays(b, w)
    ratio = log_ratio(one, other)
    idle = (b == 0) | (w == 0)
    return jnp.where(idle & ~jnp.isnan(ratio), 0.0, 100.0 * w * b * ratio)


def log_ratio(one: Array, other: Array) -> Array:
    """Return ``log(one/other)`` of two probabilities: infinite where one is zero, ``NaN`` where both are."""
    both = (one > 0) & (other > 0)
    inner = jnp.log(jnp.where(both, one, 1.0)) - jnp.log(jnp.where(both, other, 1.0))
    edge = jnp.where(one > 0, jnp.inf, jnp.where(other > 0, -jnp.inf, jnp.nan))
    return jnp.where(both, inner, jnp.where(jnp.isnan(one) | jnp.isnan(other), jnp.nan, edge))
