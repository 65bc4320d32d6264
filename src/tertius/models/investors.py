r"""What a crisis does to foreign capital, what a forced exit does on top of it, and whether the two add up.

A crisis lifts the return that foreign investors require by :math:`\Delta\rho`, and the rise halves every
:math:`h` years:

.. math::

    \Delta\rho(t) = \Delta\rho \; 2^{-t/h}, \qquad \hat\kappa(t) = 1 + \Delta\rho(t)/\rho_0

:math:`\hat\kappa` is a cost shock on every foreign supplier of the capital domain, which displacement
(:mod:`tertius.models.displacement`, exact-hat algebra of Dekle, Eaton & Kortum 2007) turns into a loss; an exit of
degree x keeps :math:`1 - x`. With :math:`k_p = \hat\kappa^{1-\sigma}` for the crisis and :math:`1 - x_p` for the exit,

.. math::

    \text{loss}(\text{crisis}) = L(k), \quad \text{loss}(\text{exit}) = L(1 - x), \quad
    \text{loss}(\text{both}) = L\bigl(k (1 - x)\bigr), \quad
    \text{interaction} = \text{loss}(\text{both}) - \text{loss}(\text{crisis}) - \text{loss}(\text{exit})

with elastic supply :math:`L(k) = -\frac{100\,\omega}{\sigma - 1} \log \sum_p s_p k_p`, and the interaction is
:math:`-\frac{100\,\omega}{\sigma-1}\log\bigl(\overline{k(1-x)} \big/ \bar k\,\overline{(1-x)}\bigr)`, means weighted by
the shares: never positive where every leaver is struck as hard as those who stay, since what has left cannot leave
again. Where those who could fill in cannot expand it may have either sign.

Arrays are float64. The last axis, ``P``, is the suppliers: the powers in order, then own provision, which the crisis
does not strike; ``Y`` is years after the crisis; leading axes are a batch and broadcast.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.models.displacement import Displaced, displace, displace_nested, loss

__all__ = ["Losses", "losses", "premium", "repriced"]


class Losses(NamedTuple):
    """What a crisis and an exit cost the client through its capital, by year after the crisis."""

    premium: Array
    """Rise of the required return, percentage points, ``(…, Y)``."""
    crisis: Array
    """Loss from the premium alone, log points, ``(…, Y)``."""
    exit: Array
    """Loss from the exit alone, log points, ``(…, Y)``: the same every year."""
    both: Array
    """Loss from the two together, log points, ``(…, Y)``."""
    interaction: Array
    """``both`` less the sum of the two, log points, ``(…, Y)``; ``NaN`` if one of them is infinite."""
    foreign_crisis: Array
    """Log change of the foreign capital supplied, from the premium alone, log points, ``(…, Y)``."""
    foreign_exit: Array
    """The same from the exit alone, ``(…, Y)``; ``-inf`` if all of it leaves."""
    foreign_both: Array
    """The same from the two together, ``(…, Y)``."""
    residual: Array
    """Largest error, in logs, of the equations behind them, ``(…, Y)``."""
    status: Array
    """The worst :class:`~tertius.models.displacement.Status` of the three, ``(…, Y)``."""


def premium(rise: ArrayLike, half_life: ArrayLike, years: ArrayLike, delay: ArrayLike = 0.0) -> Array:
    r"""Return the premium some years after a crisis, :math:`\Delta\rho\,2^{-(t-d)/h}`.

    Parameters
    ----------
    rise
        The rise of the required return when it is first asked, percentage points, ``(…)``.
    half_life
        Years in which it halves, above 0, ``(…)``; ``inf`` = it stays.
    years
        Years after the crisis, ``(Y,)``.
    delay
        Years until it is asked, ``(…)``; before that there is none.

    Returns
    -------
    Array
        Percentage points, ``(…, Y)``; ``NaN`` for a half-life that is not positive.
    """
    peak, half, late = (jnp.asarray(a, float)[..., None] for a in (rise, half_life, delay))
    since = jnp.asarray(years, float) - late
    faded = peak * jnp.exp2(-jnp.where(since > 0, since, 0.0) / half)
    return jnp.where(half > 0, jnp.where(since >= 0, faded, 0.0), jnp.nan)


def repriced(rise: ArrayLike, base: ArrayLike, sigma: ArrayLike, foreign: ArrayLike) -> Array:
    r"""Return :math:`\hat\kappa^{1-\sigma}` of every supplier when foreign capital becomes dearer.

    Parameters
    ----------
    rise
        :math:`\Delta\rho`, percentage points, ``(…)``.
    base
        :math:`\rho_0`, the return required before, percent, above 0, ``(…)``.
    sigma
        Elasticity of substitution of each supplier, ``(…, P)`` or ``(…, 1)``.
    foreign
        Which suppliers are struck, ``(P,)``.

    Returns
    -------
    Array
        ``(…, P)``: as displacement takes it, 1 for those who are not struck.
    """
    before = jnp.asarray(base, float)
    cost = jnp.where(before > 0, 1.0 + jnp.asarray(rise, float) / jnp.where(before > 0, before, 1.0), jnp.nan)
    k = cost[..., None] ** (1.0 - jnp.asarray(sigma, float))
    return jnp.where(jnp.asarray(foreign, bool), k, 1.0)


def losses(
    s: ArrayLike,
    sigma: ArrayLike,
    eta: ArrayLike,
    omega: ArrayLike,
    rise: ArrayLike,
    base: ArrayLike,
    leave: ArrayLike,
    *,
    rho: ArrayLike | None = None,
    nests: ArrayLike | None = None,
) -> Losses:
    """Say what a crisis costs, what an exit costs, and what they cost together.

    Parameters
    ----------
    s
        Spending shares of the capital domain, ``(…, P)``, own provision last; ``NaN`` = the tie is not stated.
    sigma
        Elasticity of substitution, ``(…)``, above 1.
    eta
        Supply elasticities, ``(…, P)``, 0 to ``inf``.
    omega
        Weight of the domain, ``(…)``.
    rise
        The premium by year, percentage points, ``(…, Y)``, from :func:`premium`.
    base
        Required return before the crisis, percent, ``(…)``.
    leave
        Degree to which each power leaves, 0 to 1, ``(…, P − 1)``.
    rho, nests
        For the nested bundle, as in :func:`~tertius.models.displacement.displace_nested`: elasticity between nests
        ``(…)`` and nests; both or neither.

    Returns
    -------
    Losses
        With the residual and the status of the worst of the three.
    """
    share, elasticity, supply, weight, return_, gone = (
        jnp.asarray(a, float) for a in (s, sigma, eta, omega, base, leave)
    )
    share, supply, gone = share[..., None, :], supply[..., None, :], gone[..., None, :]
    elasticity, weight, return_ = elasticity[..., None], weight[..., None], return_[..., None]
    asked = jnp.asarray(rise, float)
    own = jnp.arange(share.shape[-1]) == share.shape[-1] - 1
    stay = jnp.concatenate([1.0 - gone, jnp.ones_like(gone[..., :1])], -1)
    # A tie that is not stated is outside the bundle: its price strikes nobody there, but its leaving is unknown.
    dear = jnp.where(jnp.isnan(share), 1.0, repriced(asked, return_, elasticity[..., None], ~own))
    between = None if rho is None else jnp.asarray(rho, float)[..., None]

    def moved(keep: Array) -> Displaced:
        if between is None or nests is None:
            return displace(share, keep, elasticity, supply)
        return displace_nested(share, keep, elasticity, between, nests, supply)

    # One call for the three, so that one program is compiled.
    keep = jnp.stack(jnp.broadcast_arrays(dear, stay, dear * stay))
    found = moved(keep)
    lost = loss(weight, found.log_price)
    known = jnp.where(own | jnp.isnan(share), 0.0, share)
    supplied = (known * jnp.where(known > 0, found.quantity_hat, 0.0)).sum(-1)
    foreign = 100.0 * (jnp.log(supplied) - jnp.log(known.sum(-1)))
    finite = jnp.isfinite(lost[0]) & jnp.isfinite(lost[1])
    return Losses(
        premium=jnp.broadcast_to(asked, lost[0].shape),
        crisis=lost[0],
        exit=lost[1],
        both=lost[2],
        interaction=jnp.where(finite, lost[2] - lost[0] - lost[1], jnp.nan),
        foreign_crisis=foreign[0],
        foreign_exit=foreign[1],
        foreign_both=foreign[2],
        residual=found.residual.max(0),
        status=found.status.max(0),
    )
