"""The crisis day by day: each day survived is news, and fresh information arrives."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtr
from jax.typing import ArrayLike

from tertius.models._bracket import bracketed, stored
from tertius.models.regime._doors import Belief, restoration_threshold
from tertius.models.regime._threshold import TOLERANCE, Selection, Status, _equilibrium, numbered

__all__ = ["Days", "days", "next_threshold", "public_news"]

_GRID = 96
_REACH = 12.0
_ROUNDS = 24


class Days(NamedTuple):
    """A crisis of T days; the last axis of arrays ``(..., T)`` is the day, the first day first."""

    theta_star: Array
    """Threshold of each day's attack, ``(..., T)``; ``NaN`` on a day without one."""
    fall: Array
    """Probability that the regime falls on that day, ``(..., T)``."""
    quiet: Array
    """Probability that it stands and that day was the last on which κθ or more sat out (the first day: that order
    was restored at once), ``(..., T)``."""
    survival: Array
    """Probability that it stands after the last day, ``(...)``."""
    length: Array
    """Expected day on which the crisis ended, by a fall or by quiet, ``(...)``."""
    residual: Array
    status: Array
    """:class:`Status`, as an integer."""


def _beats(
    z: Array, previous: Array, mean: Array, precision: Array, beta: Array, cost: Array
) -> tuple[Array, Array, Array]:
    """log(1 − P(fall | marginal unit, stood so far)) − log(1 − c): below zero where the attack pays."""
    theta, spread = stored((ndtr(z), jnp.sqrt(precision + beta)))
    upper = (precision * (theta - mean) - jnp.sqrt(beta) * z) / spread
    lower = upper - spread * (theta - previous)
    return _log_above(upper) - _log_above(lower) - jnp.log1p(-cost), upper, lower


def _log_above(x: Array) -> Array:
    """Log of the normal probability above ``x``: several times faster than the library's, and as exact."""
    near = jnp.minimum(x, 30.0)
    r = 1.0 / jnp.maximum(x, 30.0) ** 2
    series = jnp.log1p(-r * (1.0 - 3.0 * r * (1.0 - 5.0 * r * (1.0 - 7.0 * r * (1.0 - 9.0 * r)))))
    far = -0.5 / r + 0.5 * jnp.log(r / (2.0 * jnp.pi)) + series
    return jnp.where(x < 30.0, jnp.log(0.5 * jax.lax.erfc(near * math.sqrt(0.5))), far)


def next_threshold(
    previous: ArrayLike, mean: ArrayLike, precision: ArrayLike, private_precision: ArrayLike, cost: ArrayLike
) -> tuple[Array, Array, Array]:
    r"""Return the highest threshold of a further attack, once strength is known to exceed ``previous``.

    The highest :math:`\theta^* > \theta^*_{t-1}` at which the marginal unit, which sees
    :math:`x^* = \theta^* + \Phi^{-1}(\theta^*)/\sqrt\beta`, is indifferent:

    .. math::

        \frac{\Phi(s(\theta^*-m_t)) - \Phi(s(\theta^*_{t-1}-m_t))}{1 - \Phi(s(\theta^*_{t-1}-m_t))} = c, \qquad
        s = \sqrt{a+\beta}, \quad m_t = \frac{\beta x^* + a m}{a+\beta}

    Parameters
    ----------
    previous
        :math:`\theta^*_{t-1}`, below 1, ``(...)``.
    mean, precision
        m and a of the common belief before survival is taken into account, ``(...)``.
    private_precision
        β, precision of all private information so far, ``(...)``.
    cost
        c, ``(...)``.

    Returns
    -------
    tuple
        The lower and the upper solution, both ``NaN`` where no further attack can pay, and the residual.
    """
    arrays = (jnp.asarray(x, float) for x in (previous, mean, precision, private_precision, cost))
    result: tuple[Array, Array, Array] = _next(*arrays)
    return result


@jax.jit
def _next(previous: Array, m: Array, a: Array, beta: Array, c: Array) -> tuple[Array, Array, Array]:
    previous, m, a, beta, c = jnp.broadcast_arrays(previous, m, a, beta, c)
    known = ~jnp.isnan(previous + m + a + beta + c) & (previous < 1) & (c < 1) & (c > 0)
    known &= (beta > 0) & jnp.isfinite(m + a + beta)
    floor = jnp.clip(jnp.where(known, previous, 0.5), 1e-300, 1.0 - 1e-16)
    m, a, beta, c = (jnp.where(known, x, y) for x, y in ((m, 0.5), (a, 1.0), (beta, 1.0), (c, 0.5)))
    floor, start, m, a, beta, c = stored((floor, jax.scipy.special.ndtri(floor), m, a, beta, c))
    floor = jnp.where(jnp.where(known, previous, 0.5) > 0, floor, 0.0)

    def value(z: Array) -> Array:
        return _beats(z, floor, m, a, beta, c)[0]

    # Attacks pay on an interval of thresholds, if at all. Its width near the floor shrinks with private noise, so
    # that the grid is fine there.
    reach = jnp.maximum(_REACH, -start + 4.0)
    step = (jnp.arange(1, _GRID + 1) / _GRID) ** 3
    grid = start + reach * step[(...,) + (None,) * start.ndim]
    values = stored(value(grid))
    best = stored(jnp.argmin(values, axis=0))
    edges = jnp.concatenate([start[None], grid], 0)

    def at(index: Array) -> Array:
        return jnp.take_along_axis(edges, jnp.clip(index, 0, _GRID)[None], 0)[0]

    # Close in on the most tempting threshold by thirds: a grid point may miss that an attack just pays.
    def thirds(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        one, two = low + (high - low) / 3.0, high - (high - low) / 3.0
        at_one, at_two = value(jnp.stack([one, two]))
        left = at_one <= at_two
        return jnp.where(left, low, one), jnp.where(left, two, high)

    low, high = jax.lax.fori_loop(0, _ROUNDS, thirds, stored((at(best), at(best + 2))))
    tempting = 0.5 * (low + high)
    pays = known & (value(tempting) < 0)
    negative = values < 0
    any_grid = negative.any(0)
    first = jnp.where(any_grid, at(jnp.argmax(negative, axis=0)), start)
    within = jnp.where(any_grid, at(jnp.argmax(negative, axis=0) + 1), tempting)
    last_index = _GRID - jnp.argmax(negative[::-1], axis=0)
    last = jnp.where(any_grid, at(last_index), tempting)
    beyond = jnp.where(any_grid, at(last_index + 1), at(best + 2))

    # The lower solution is crossed downwards, the upper one upwards.
    sign = jnp.array([-1.0, 1.0]).reshape(2, *[1] * start.ndim)
    low, high = jnp.stack([first, last]), jnp.stack([within, beyond])
    low, high, pays = stored((low, jnp.where(pays, high, low), pays))

    def function(z: Array) -> tuple[Array, Array]:
        gap, slope = jax.jvp(value, (z,), (jnp.ones_like(z),))
        return jnp.where(pays, sign * gap, z - low), jnp.where(pays, sign * slope, 1.0)

    (lower, upper), errors = bracketed(function, low, high, 0.5 * (low + high), 32.0)
    residual = jnp.where(pays, errors.max(0), 0.0)
    return jnp.where(pays, ndtr(lower), jnp.nan), jnp.where(pays, ndtr(upper), jnp.nan), residual


def public_news(belief: Belief, precision: ArrayLike, told: ArrayLike) -> Belief:
    """Return the common belief of every day, given what the public news of each day said.

    Parameters
    ----------
    belief
        On the first day, ``(...)``.
    precision
        Precision of a day's news, ``(...)``; 0 = there is none.
    told
        What the news of the second and later days said strength is, ``(..., T − 1)``.

    Returns
    -------
    Belief
        ``(..., T)``.
    """
    rho = jnp.asarray(precision, float)[..., None]
    said = jnp.asarray(told, float)
    count = jnp.arange(said.shape[-1] + 1)
    total = belief.precision[..., None] + rho * count
    heard = jnp.concatenate([jnp.zeros_like(said[..., :1]), jnp.cumsum(said, axis=-1)], axis=-1)
    mean = (belief.precision[..., None] * belief.mean[..., None] + rho * heard) / total
    return Belief(mean, total)


def days(
    truth: Belief,
    belief: Belief,
    private_precision: ArrayLike,
    cost: ArrayLike,
    restoration: ArrayLike,
    force: ArrayLike = 0.0,
    *,
    attack_again: ArrayLike = True,
    selection: Selection | ArrayLike = "laplacian",
) -> Days:
    r"""Play the crisis out over T days (Angeletos, Hellwig & Pavan 2007).

    On the first day the static game is played. A regime that still stands is known to exceed every threshold so
    far; a further attack needs a solution of :func:`next_threshold`, which fresh private information may open. That
    nobody attacks again is an equilibrium on every later day, so two selections bracket the truth: units attack
    again whenever they can (the highest threshold), or never.

    Parameters
    ----------
    truth
        :math:`N(\mu, 1/\alpha)` before any force from outside, ``(...)``.
    belief
        Common belief on each day, from public news alone, ``(..., T)``.
    private_precision
        Precision of all private information up to each day, ``(..., T)``.
    cost
        c on each day, ``(..., T)``.
    restoration
        κ, ``(...)``.
    force
        By how much force from outside raises strength on each day, not falling, ``(..., T)``.
    attack_again
        Which of the two selections, ``(...)``.
    selection
        Of the first day's equilibrium.

    Returns
    -------
    Days
        Probabilities add up to one over falls and quiet days.
    """
    arrays = (jnp.asarray(x, float) for x in (*truth, *belief, private_precision, cost, restoration, force))
    result: Days = _days(*arrays, jnp.asarray(attack_again), numbered(selection))
    return result


@jax.jit
def _days(
    mu: Array, alpha: Array, m: Array, a: Array, beta: Array, c: Array, kappa: Array, f: Array,
    attack_again: Array, selection: Array,
) -> Days:  # fmt: skip
    mu, alpha, m, a, beta, c, kappa, f = jnp.broadcast_arrays(
        mu[..., None], alpha[..., None], m, a, beta, c, kappa[..., None], f
    )
    mu, alpha, kappa = mu[..., 0], alpha[..., 0], kappa[..., 0]
    T = m.shape[-1]
    start = _equilibrium(m[..., 0], a[..., 0], beta[..., 0], c[..., 0], selection)

    def advance(floor: Array, day: tuple[Array, ...]) -> tuple[Array, tuple[Array, Array]]:
        _, upper, error = _next(floor, *day)
        upper, error = jnp.where(attack_again, upper, jnp.nan), jnp.where(attack_again, error, 0.0)
        return jnp.fmax(floor, upper), (upper, error)

    later = tuple(jnp.moveaxis(x, -1, 0)[1:] for x in (m, a, beta, c))
    _, (found, errors) = jax.lax.scan(advance, start.theta_star, later)
    theta = jnp.concatenate([start.theta_star[..., None], jnp.moveaxis(found, 0, -1)], -1)
    attacked = ~jnp.isnan(theta)
    theta, attacked = stored((theta, attacked))

    z = jax.scipy.special.ndtri(jnp.where(attacked, theta, 0.5)).at[..., 0].set(start.z_star)
    restored, order_error = stored(restoration_threshold(theta, z, beta, kappa[..., None]))
    # Where the truth counts, it is strength before any force: a day's force lowers what that must exceed.
    fallen = jax.lax.cummax(jnp.where(attacked, theta - f, -jnp.inf), axis=theta.ndim - 1)
    troubled = jnp.where(attacked, restored - f, -jnp.inf)
    fallen, troubled = stored((fallen, troubled))
    sd = jnp.sqrt(alpha)[..., None]

    def below(level: Array) -> Array:
        return ndtr(sd * (level - mu[..., None]))

    falls = jnp.diff(below(fallen), axis=-1, prepend=0.0)
    last = fallen[..., -1:]
    # A regime that stands has its last troubled day at t if it is weaker than some level of day t, of no later one.
    from_here = jnp.maximum(jax.lax.cummax(troubled, axis=theta.ndim - 1, reverse=True), last)
    from_next = jnp.concatenate([from_here[..., 1:], last], -1)
    quiet = below(from_here) - below(from_next)
    survival = ndtr(sd[..., 0] * (mu - last[..., 0]))
    # The first day's quiet is everything else that stands: order restored at once.
    quiet = quiet.at[..., 0].set(survival - quiet[..., 1:].sum(-1))
    number = jnp.arange(1.0, T + 1)
    length = ((falls + quiet) * number).sum(-1)

    error = jnp.maximum(jnp.where(attacked, order_error, 0.0).max(-1), start.residual)
    error = jnp.maximum(error, errors.max(0)) if T > 1 else error
    unknown = jnp.isnan(mu + alpha + kappa + (m + a + beta + c + f).sum(-1))
    invalid = ~((alpha > 0) & jnp.isfinite(alpha) & jnp.isfinite(mu) & (kappa >= 0) & (kappa <= 1))
    invalid |= ((c <= 0) | (c >= 1) | (beta <= 0) | (a < 0) | ~jnp.isfinite(m + a + beta + f)).any(-1)
    status = jnp.where(error <= TOLERANCE * 10, start.status, jnp.int32(Status.NOT_CONVERGED))
    status = jnp.where(invalid, jnp.int32(Status.INVALID), status)
    status = jnp.where(unknown, jnp.int32(Status.MISSING), status)
    bad = (status == Status.MISSING) | (status == Status.INVALID)

    def known(value: Array) -> Array:
        return jnp.where(bad.reshape(bad.shape + (1,) * (value.ndim - bad.ndim)), jnp.nan, value)

    return Days(
        theta_star=known(theta),
        fall=known(falls),
        quiet=known(quiet),
        survival=known(survival),
        length=known(length),
        residual=known(error),
        status=status,
    )
