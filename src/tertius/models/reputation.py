r"""What observers believe of a patron's reliability, learned from requests honoured and refused.

An observer holds :math:`\text{Beta}(a, b)` over the probability that the patron honours a request. A request with
outcome :math:`y \in [0, 1]` (1 honoured, 0 refused, between in part) and weight :math:`w` moves it to

.. math:: a \leftarrow \rho a + w y, \qquad b \leftarrow \rho b + w(1 - y), \qquad
          w = \text{similarity} \cdot 2^{-\text{age}/\text{half-life}}

with forgetting ρ = 1 unless stated: age is in the weights, so that the first belief does not fade. The mean
:math:`a/(a+b)` is the probability that the next request will be honoured (Beta–Bernoulli; Gelman et al. 2013, 2.4).

Arrays are float64; leading axes are a batch and broadcast. The last axis of past requests, ``H``, is the requests.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray
from scipy.special import betaincinv

from tertius.models.displacement import displace
from tertius.models.levers import lever

__all__ = [
    "Leaning",
    "Reliability",
    "fading",
    "leaning",
    "learn",
    "likelier_reliable",
    "log_change",
    "quantile",
    "recency",
    "update",
]


class Reliability(NamedTuple):
    """A Beta belief on the probability that a request is honoured."""

    a: Array
    """Requests honoured that the belief is worth, ``(...)``."""
    b: Array
    """Requests refused that it is worth, ``(...)``."""

    @property
    def mean(self) -> Array:
        """Probability that the next request is honoured; ``NaN`` where ``a + b`` is 0 or unknown."""
        total = self.a + self.b
        return jnp.where(total > 0, self.a / jnp.where(total > 0, total, 1.0), jnp.nan)

    @property
    def variance(self) -> Array:
        """Variance of the belief."""
        total = self.a + self.b
        return self.mean * (1.0 - self.mean) / (total + 1.0)


def recency(age: ArrayLike, half_life: ArrayLike) -> Array:
    """Return the weight of something that long ago: one half after a half-life.

    Parameters
    ----------
    age, half_life
        In one unit of time, ``(...)``. What lies in the future has no weight; with no half-life at all only the
        present counts.
    """
    age, half_life = jnp.asarray(age, float), jnp.asarray(half_life, float)
    lasting = half_life > 0
    faded = jnp.exp2(-jnp.maximum(age, 0.0) / jnp.where(lasting, half_life, 1.0))
    weight = jnp.where(lasting, faded, jnp.where(age == 0, 1.0, 0.0))
    unknown = jnp.isnan(age) | jnp.isnan(half_life)
    return jnp.where(unknown, jnp.nan, jnp.where(age < 0, 0.0, weight))


def update(
    belief: Reliability, honoured: ArrayLike, weight: ArrayLike = 1.0, forgetting: ArrayLike = 1.0
) -> Reliability:
    """Return the belief after one more request.

    Parameters
    ----------
    belief
        Before it, ``(...)``.
    honoured
        y, between 0 and 1, ``(...)``.
    weight
        w, how much the request says about the observer's own case, ``(...)``.
    forgetting
        ρ, what is left of the belief before it, ``(...)``.
    """
    y, w, rho = (jnp.asarray(x, float) for x in (honoured, weight, forgetting))
    return Reliability(rho * belief.a + w * y, rho * belief.b + w * (1.0 - y))


def learn(
    first: Reliability, honoured: ArrayLike, similarity: ArrayLike, age: ArrayLike, half_life: ArrayLike
) -> Reliability:
    """Return the belief after a whole history.

    Parameters
    ----------
    first
        The belief before any of it, ``(...)``.
    honoured, similarity, age
        Of each request, ``(..., H)``; similarity to the observer's own case between 0 and 1, age in years.
    half_life
        Years after which a request counts half, ``(...)``.

    Returns
    -------
    Reliability
        ``(...)``; the first belief where there is no history.
    """
    arrays = (jnp.asarray(x, float) for x in (*first, honoured, similarity, age, half_life))
    result: Reliability = _learn(*arrays)
    return result


def fading(first: Reliability, now: Reliability, years: ArrayLike, half_life: ArrayLike) -> Reliability:
    r"""Return the belief some years on if nobody asks again: every request fades, and the first belief is left.

    .. math:: a(t) = a_0 + 2^{-t/h} (a - a_0), \qquad b(t) = b_0 + 2^{-t/h} (b - b_0)

    which is :func:`learn` with every age t years higher, since one half-life holds for all requests.

    Parameters
    ----------
    first
        The belief before any request, ``(...)``.
    now
        The belief today, ``(...)``.
    years
        ``(Y,)``, from today on.
    half_life
        Years after which a request counts half, ``(...)``.

    Returns
    -------
    Reliability
        ``(..., Y)``.
    """
    left = recency(jnp.asarray(years, float), jnp.asarray(half_life, float)[..., None])

    def on(start: ArrayLike, today: ArrayLike) -> Array:
        one, other = jnp.asarray(start, float)[..., None], jnp.asarray(today, float)[..., None]
        return one + left * (other - one)

    return Reliability(on(first.a, now.a), on(first.b, now.b))


@jax.jit
def _learn(a: Array, b: Array, y: Array, similarity: Array, age: Array, half_life: Array) -> Reliability:
    weight = similarity * recency(age, half_life[..., None])
    return Reliability(a + (weight * y).sum(-1), b + (weight * (1.0 - y)).sum(-1))


def log_change(after: ArrayLike, before: ArrayLike) -> Array:
    """Return the change of a believed reliability in log points; ``NaN`` where either is not above zero."""
    one, other = jnp.asarray(after, float), jnp.asarray(before, float)
    known = (one > 0) & (other > 0)
    return jnp.where(
        known, 100.0 * jnp.log(jnp.where(known, one / jnp.where(known, other, 1.0), 1.0)), jnp.nan
    )


def likelier_reliable(
    prior: ArrayLike, reliable: ArrayLike, unreliable: ArrayLike, honoured: ArrayLike
) -> Array:
    r"""Return the probability that a patron is of the reliable of two types, after a history.

    .. math:: \pi' = \frac{\pi L_R}{\pi L_R + (1 - \pi) L_U}

    Parameters
    ----------
    prior
        π, probability of the reliable type before it, ``(...)``.
    reliable, unreliable
        Probability that each type honours a request, ``(...)``.
    honoured
        1 or 0 for each request, ``(..., H)``.
    """
    pi, p, q = (jnp.asarray(x, float)[..., None] for x in (prior, reliable, unreliable))
    y = jnp.asarray(honoured, float)
    good = jnp.where(y > 0.5, p, 1.0 - p).prod(-1, keepdims=True) * pi
    bad = jnp.where(y > 0.5, q, 1.0 - q).prod(-1, keepdims=True) * (1.0 - pi)
    total = good + bad
    return jnp.where(total > 0, good / jnp.where(total > 0, total, 1.0), jnp.nan)[..., 0]


def quantile(belief: Reliability, probability: float) -> NDArray[np.float64]:
    """Return a quantile of the belief itself, for an interval around its mean.

    Parameters
    ----------
    belief
        ``(...)``.
    probability
        Between 0 and 1.
    """
    return np.asarray(betaincinv(np.asarray(belief.a), np.asarray(belief.b), probability), dtype=float)


class Leaning(NamedTuple):
    """How an observer's bundle of protection changes with what it believes."""

    share: Array
    """Shares, own provision last, ``(..., P)``."""
    lever: Array
    """Levers of the powers over the observer, log points of its welfare, ``(..., P − 1)``."""
    status: Array
    """:class:`tertius.models.displacement.Status` of the bundle."""
    residual: Array
    """Largest error of the equations behind it, in logs."""


def leaning(
    s: ArrayLike,
    omega: ArrayLike,
    sigma: ArrayLike,
    eta: ArrayLike,
    belief: ArrayLike,
    before: ArrayLike,
    reliance: ArrayLike,
) -> Leaning:
    r"""Return an observer's bundle once its beliefs have moved, and the levers that follow.

    A power whose believed reliability rises by one per cent weighs ``reliance`` per cent more in the bundle at
    unchanged prices, :math:`k_p = (b'_p / b_p)^{r}`; shares follow by :func:`tertius.models.displacement.displace`.

    Parameters
    ----------
    s
        Shares before, own provision last, ``(..., P)``; ``NaN`` = the tie is not stated.
    omega, sigma, eta
        Weight and elasticity of the domain, ``(...)``, and supply elasticities, ``(..., P)``.
    belief, before
        b′ and b, the means of the belief in every power, ``(..., P − 1)``; where either is ``NaN`` nothing was learned.
    reliance
        r, ``(...)``.
    """
    share, w, sig, capacity = (jnp.asarray(x, float) for x in (s, omega, sigma, eta))
    one, other = jnp.asarray(belief, float), jnp.asarray(before, float)
    r = jnp.asarray(reliance, float)[..., None]
    known = (one > 0) & (other > 0)
    keep = jnp.where(known, jnp.where(known, one, 1.0) / jnp.where(known, other, 1.0), 1.0) ** r
    keep = jnp.concatenate([keep, jnp.ones((*keep.shape[:-1], 1))], -1)
    moved = displace(share, jnp.where(jnp.isnan(share), 1.0, keep), sig, capacity)
    after = share * moved.share_hat
    held = lever(after, w, sig, capacity)
    return Leaning(after, held.value, moved.status, moved.residual)
