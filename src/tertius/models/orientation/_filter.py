r"""Where a country leans, from dated signs: Kalman's filter and the Rauch–Tung–Striebel smoother.

The tilts towards P powers are random walks; every sign is one noisy reading of them, taken one at a time:

.. math::

    x_t = x_{t-1} + w_t, \quad w_t \sim N(0, \operatorname{diag} q_t), \qquad
    y_t = h_t^\top x_t + \varepsilon_t, \quad \varepsilon_t \sim N(0, r_t), \qquad
    x_0 \sim N(m_0, P_0)

With :math:`P^- = P_{t-1} + \operatorname{diag} q_t` and :math:`F = h^\top P^- h + r` (Kalman 1960), covariances in the
form of Joseph, as sums of squares,

.. math::

    K = P^- h / F, \qquad m = m^- + K (y - h^\top m^-), \qquad
    P = (I - K h^\top) P^- (I - K h^\top)^\top + r K K^\top

and backwards, in the same form (Rauch, Tung & Striebel 1965), with :math:`J = P_t (P^-_{t+1})^{-1}`:

.. math::

    \hat x_t = m_t + J (\hat x_{t+1} - m_t), \qquad
    \hat P_t = (I - J) P_t (I - J)^\top + J (\hat P_{t+1} + \operatorname{diag} q_{t+1}) J^\top .

Only square roots are carried, :math:`P = S S^\top`; a QR factorisation adds the squares. So a covariance stays one
however the numbers are rounded.

Signs of one day follow each other with :math:`q = 0`. A reading that is ``NaN`` is missing: nothing is learned, time
goes by. Arrays are float64; axes are ``T`` readings and ``P`` powers, and what comes before them is a batch, of
countries or draws, which broadcasts.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import ndtr
from jax.typing import ArrayLike

__all__ = ["Moved", "Tilt", "contributions", "moved", "shift", "tilt"]

_EPSILON = 2.0**-52


class Tilt(NamedTuple):
    """Tilts after each reading, as known then and as known in the end."""

    mean: Array
    """Smoothed tilts, given all readings, ``(…, T, P)``."""
    covariance: Array
    """Their covariances, ``(…, T, P, P)``."""
    gain: Array
    """J, by which the next reading's date bears on this one's, ``(…, T − 1, P, P)``."""
    filtered_mean: Array
    """Tilts given the readings so far, ``(…, T, P)``."""
    filtered_covariance: Array
    """Their covariances, ``(…, T, P, P)``."""
    predicted: Array
    """What each reading was expected to be, ``(…, T)``."""
    predicted_variance: Array
    """F, how uncertain that was, ``(…, T)``."""
    log_likelihood: Array
    """Of all readings that are there, ``(…)``, nats."""


class Moved(NamedTuple):
    """How a tilt moved between two dates."""

    mean: Array
    """Expected change, ``(…, P)``."""
    sd: Array
    """Its standard deviation, ``(…, P)``."""
    up: Array
    """Probability that it rose by more than the amount stated, ``(…, P)``."""
    down: Array
    """Probability that it fell by more than that, ``(…, P)``."""
    either: Array
    """Probability that it moved by more than that, ``(…, P)``."""


def tilt(y: ArrayLike, r: ArrayLike, h: ArrayLike, q: ArrayLike, m0: ArrayLike, P0: ArrayLike) -> Tilt:
    """Filter and smooth the tilts behind a series of readings.

    Parameters
    ----------
    y
        Readings, ``(…, T)``; ``NaN`` = missing.
    r
        Variances of their noise, ``(…, T)``.
    h
        Loadings, ``(…, T, P)``: how each reading depends on the tilts.
    q
        Variances of the random walks' steps before each reading, ``(…, T, P)``.
    m0, P0
        Mean ``(…, P)`` and covariance ``(…, P, P)`` of the tilts before the first step.

    Returns
    -------
    Tilt
        ``NaN`` where a parameter is ``NaN``, a variance negative or ``P0`` no covariance.
    """
    return Tilt(*_series(*(jnp.asarray(a, float) for a in (y, r, h, q, m0, P0))))


def _root(*parts: Array) -> Array:
    """Lower-triangular S with S Sᵀ the sum of A Aᵀ over the ``parts``."""
    together = jnp.concatenate(parts, axis=1)
    if len(together) == 1:
        return jnp.sqrt((together**2).sum(1, keepdims=True))
    root: Array = jnp.linalg.qr(together.T, mode="r").T
    return root


def _solved(root: Array, right: Array) -> Array:
    """(S Sᵀ)⁻¹ applied to ``right``."""
    if len(root) == 1:
        return right / root**2
    once = solve_triangular(root, right, lower=True)
    twice: Array = solve_triangular(root, once, lower=True, trans=1)
    return twice


def _forward(
    before: tuple[Array, Array], now: tuple[Array, ...]
) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
    (m, S), (y, r, h, q) = before, now
    S = _root(S, jnp.diag(jnp.sqrt(q)))
    f = S.T @ h
    expected, F = h @ m, f @ f + r
    seen = ~jnp.isnan(y)
    K = jnp.where(seen, S @ f / F, 0.0)
    surprise = jnp.where(seen, y - expected, 0.0)
    m = m + K * surprise
    nats = jnp.where(seen, -0.5 * (jnp.log(2 * jnp.pi * F) + surprise**2 / F), 0.0)
    S = _root(S - jnp.outer(K, f), (jnp.sqrt(r) * K)[:, None])
    return (m, S), (m, S, expected, F, nats)


def _backward(
    after: tuple[Array, Array], now: tuple[Array, ...]
) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
    (mean, root), (m, S, q) = after, now
    walk = jnp.diag(jnp.sqrt(q))
    # I − J = q P⁻¹ shows that what does not walk has J = 1, however well it is known. The ridge, a unit in the last
    # place, is for what is known exactly, of which later readings say nothing.
    sd = jnp.sqrt((S**2).sum(1) + q)
    predicted = _root(S, walk, jnp.diag(jnp.where(sd > 0, _EPSILON * sd, 1.0)))
    lost = jnp.where(q[:, None] > 0, _solved(predicted, jnp.diag(q)).T, 0.0)
    J = jnp.eye(len(m)) - lost
    mean = m + J @ (mean - m)
    root = _root(lost @ S, J @ root, J @ walk)
    return (mean, root), (mean, root, J)


@jax.jit
@partial(
    jnp.vectorize, signature="(t),(t),(t,p),(t,p),(p),(p,p)->(t,p),(t,p,p),(s,p,p),(t,p),(t,p,p),(t),(t),()"
)
def _series(y: Array, r: Array, h: Array, q: Array, m0: Array, P0: Array) -> tuple[Array, ...]:
    values, vectors = jnp.linalg.eigh(P0)
    sound = (r >= 0).all() & (q >= 0).all() & (values >= -_EPSILON * jnp.abs(values).sum()).all()
    start = jnp.where(sound, m0, jnp.nan), vectors * jnp.sqrt(jnp.maximum(values, 0.0))
    _, (m, S, expected, F, nats) = jax.lax.scan(_forward, start, (y, r, h, q))
    _, (mean, root, J) = jax.lax.scan(_backward, (m[-1], S[-1]), (m[:-1], S[:-1], q[1:]), reverse=True)
    mean, root = jnp.concatenate([mean, m[-1:]]), jnp.concatenate([root, S[-1:]])
    covariances = (x @ jnp.swapaxes(x, -1, -2) for x in (root, S))
    return mean, next(covariances), J, m, next(covariances), expected, F, nats.sum()


def contributions(
    y: ArrayLike, r: ArrayLike, h: ArrayLike, q: ArrayLike, m0: ArrayLike, P0: ArrayLike
) -> Array:
    """Say how much of each smoothed tilt is owed to which reading.

    A smoothed mean is linear in the readings: what each adds is its weight times how far it lies from what was
    expected before any of them. Together with ``m0`` the contributions of all add up to the smoothed mean.

    Parameters
    ----------
    y, r, h, q, m0, P0
        As given to :func:`tilt`.

    Returns
    -------
    Array
        ``(…, T, T, P)``: of the reading in the first ``T`` to the tilts at the second; 0 of a missing one.
    """
    y, r, h, q, m0, P0 = (jnp.asarray(a, float) for a in (y, r, h, q, m0, P0))
    missing = jnp.isnan(y)
    alone = jnp.where(missing[..., None, :], jnp.nan, jnp.eye(y.shape[-1]))
    weight = tilt(
        alone,
        r[..., None, :],
        h[..., None, :, :],
        q[..., None, :, :],
        jnp.zeros_like(m0)[..., None, :],
        P0[..., None, :, :],
    ).mean
    surprise = jnp.where(missing, 0.0, y - (h @ m0[..., None])[..., 0])
    return weight * surprise[..., None, None]


def moved(found: Tilt, start: int, end: int, by: ArrayLike) -> Moved:
    """Say whether the tilts moved between two readings, given all of them.

    Parameters
    ----------
    found
        From :func:`tilt`.
    start, end
        Indices of the readings, ``start`` before ``end``; to count from before the first reading, put a missing
        one there.
    by
        Amount by which a tilt must have moved, at least 0, ``(…)``.

    Returns
    -------
    Moved
        By power.
    """
    # Cov(x_s, x_t) = J_s … J_{t−1} P_t, given all readings.
    cross = found.covariance[..., end, :, :]
    for t in range(end - 1, start - 1, -1):
        cross = found.gain[..., t, :, :] @ cross
    own = [jnp.diagonal(found.covariance[..., t, :, :], axis1=-2, axis2=-1) for t in (start, end)]
    variance = own[0] + own[1] - 2.0 * jnp.diagonal(cross, axis1=-2, axis2=-1)
    mean = found.mean[..., end, :] - found.mean[..., start, :]
    return shift(mean, jnp.sqrt(jnp.maximum(variance, 0.0)), jnp.asarray(by, float)[..., None])


def shift(mean: ArrayLike, sd: ArrayLike, by: ArrayLike) -> Moved:
    """Return the probabilities that a change, known as a normal distribution, exceeds an amount.

    Parameters
    ----------
    mean, sd
        Of the change, ``(…)``; for ideal points from :func:`~tertius.models.orientation.fit_votes` the standard
        deviation comes from the covariances of the states followed.
    by
        The amount, at least 0, ``(…)``.

    Returns
    -------
    Moved
        Of the same shape. With an ``sd`` of 0 the probabilities are 0 or 1.
    """
    mean, sd, by = jnp.broadcast_arrays(*(jnp.asarray(a, float) for a in (mean, sd, by)))
    spread = jnp.where(sd > 0, sd, 1.0)

    def beyond(excess: Array) -> Array:
        known = jnp.where(excess > 0, 1.0, 0.0)
        return jnp.where(jnp.isnan(excess + sd), jnp.nan, jnp.where(sd > 0, ndtr(excess / spread), known))

    up, down = beyond(mean - by), beyond(-mean - by)
    return Moved(mean, sd, up, down, up + down)
