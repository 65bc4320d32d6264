"""What a threshold means for the regime, and the doors through which help from outside changes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from tertius.models._bracket import bracketed, closer, stored
from tertius.models._implicit import root
from tertius.models._shapley import coalitions, shapley_weights
from tertius.models.regime._threshold import (
    TOLERANCE,
    Equilibrium,
    Selection,
    Status,
    _equilibrium,
    below,
    normal_density,
    numbered,
    quantile_of_cost,
)

__all__ = [
    "DOORS",
    "Belief",
    "Doors",
    "Helped",
    "Outcome",
    "after_surviving",
    "fragility",
    "helped",
    "news",
    "outcome",
    "restoration_threshold",
    "survival",
]

DOORS = ("force", "signal", "fear", "plea")
"""The doors, in the order of the last axis of Shapley points."""


class Belief(NamedTuple):
    """A normal belief on the regime's strength."""

    mean: Array
    precision: Array


class Outcome(NamedTuple):
    """How the crisis ends; all fields have the shape of the batch."""

    survival: Array
    """Probability that the regime does not fall: ``drawn_out`` + ``restored``."""
    collapse: Array
    drawn_out: Array
    """Probability that it stands, but with κθ or more sitting out."""
    restored: Array
    """Probability that order is restored at once."""
    theta_star: Array
    """θ*: it falls below."""
    theta_kappa: Array
    """θ^κ: order is restored above; ``inf`` at κ = 0."""
    multiple: Array
    """Whether there were several equilibria to pick from."""
    slope: Array
    """Survival gained per unit of strength that everybody knows of: χ times it is the regime's :func:`fragility`."""
    residual: Array
    status: Array
    """:class:`Status`, as an integer."""


class Doors(NamedTuple):
    """Help from outside, door by door; a door that does nothing is shut."""

    force: ArrayLike
    """f: by how much the troops raise the regime's strength; 0 = shut."""
    signal_strength: ArrayLike
    """f_s: how much stronger, by the public news, force from outside makes the regime."""
    signal_precision: ArrayLike
    """γ: precision of that news; 0 = shut."""
    fear: ArrayLike
    """c′: cost of sitting out once help has come; equal to c = shut."""
    plea_strength: ArrayLike
    """What the request itself says about strength, relative to the belief before it."""
    plea_precision: ArrayLike
    """Precision of that; 0 = shut."""


class Helped(NamedTuple):
    """The regime left alone, refused, and helped."""

    alone: Outcome
    """Nobody was asked."""
    refused: Outcome
    """Somebody was asked and did not come: the plea alone."""
    helped: Outcome
    """All doors open."""
    points: Array
    """Shapley points of survival, as probabilities, in the order of :data:`DOORS`, ``(..., 4)``; they add up to
    the survival of the helped regime less that of the one left alone."""


def news(belief: Belief, strength: ArrayLike, precision: ArrayLike) -> Belief:
    r"""Return the belief after public news of precision γ that strength is ``strength`` above the mean.

    .. math:: a' = a + \gamma, \qquad m' = m + \gamma f/(a + \gamma)
    """
    gamma = jnp.asarray(precision, float)
    total = belief.precision + gamma
    weight = jnp.where(total > 0, gamma / jnp.where(total > 0, total, 1.0), 0.0)
    # News of no precision says nothing, whatever it is that it does not say.
    shift = jnp.where(gamma > 0, weight * jnp.asarray(strength, float), 0.0)
    return Belief(belief.mean + shift, total)


def after_surviving(belief: Belief, floor: ArrayLike) -> Belief:
    r"""Return the belief once it is known that strength exceeds ``floor``: mean and precision of the cut normal.

    With :math:`t = \sqrt a(\text{floor} - m)` and :math:`\lambda = \phi(t)/\Phi(-t)`: mean
    :math:`m + \lambda/\sqrt a`, variance :math:`(1 + t\lambda - \lambda^2)/a`.
    """
    root_a = jnp.sqrt(belief.precision)
    t = root_a * (jnp.asarray(floor, float) - belief.mean)
    # Beyond 30 standard deviations differences of large numbers are replaced by their series in 1/t².
    far = t > 30.0
    near = jnp.where(far, 0.0, jnp.maximum(t, -38.0))
    ratio = normal_density(near) / below(-near)
    away = jnp.where(far, t, 30.0)
    r = 1.0 / (away * away)
    hazard = jnp.where(far, away * (1.0 + r * (1.0 - 2.0 * r)), ratio)
    left = jnp.where(far, r * (1.0 - 6.0 * r), 1.0 + near * ratio - ratio * ratio)
    return Belief(belief.mean + hazard / root_a, belief.precision / left)


def restoration_threshold(
    theta_star: ArrayLike, z_star: ArrayLike, private_precision: ArrayLike, restoration: ArrayLike
) -> tuple[Array, Array]:
    r"""Return :math:`\theta^\kappa`, above which fewer than :math:`\kappa\theta` sit out, and its residual.

    .. math:: \Phi\bigl(\sqrt\beta(\theta^*-\theta^\kappa) + \Phi^{-1}(\theta^*)\bigr) = \kappa\theta^\kappa

    Parameters
    ----------
    theta_star, z_star
        θ* and Φ⁻¹(θ*), ``(...)``.
    private_precision
        β, ``(...)``.
    restoration
        κ, between 0 and 1, ``(...)``; at 1 the two thresholds are one.

    Returns
    -------
    tuple
        θ^κ, ``inf`` at κ = 0, and the absolute error of the equation.
    """
    theta, z, beta, kappa = jnp.broadcast_arrays(
        *(jnp.asarray(x, float) for x in (theta_star, z_star, private_precision, restoration))
    )
    never = kappa <= 0
    # θ* of exactly 0 or 1 has no finite z; A(θ) is then all or nothing and the restoration is immediate.
    sharp = ~jnp.isfinite(z) | jnp.isinf(beta) | (kappa >= 1)
    idle = never | sharp
    safe = (jnp.where(idle, x, y) for x, y in ((0.5, theta), (0.0, z), (1.0, beta), (0.5, kappa)))
    theta0, z0, beta0, kappa0 = safe
    root_b = jnp.sqrt(beta0)
    # Nobody sits out far above what units see; and κθ cannot exceed all.
    high = jnp.minimum(theta0 / kappa0, theta0 + (jnp.maximum(z0, 0.0) + 40.0) / root_b)
    bend = jnp.clip(theta0 + z0 / root_b, theta0, high)
    given = theta0, z0, root_b, kappa0, *jax.lax.stop_gradient((high, bend))
    found, error = stored(root(_order, _search_order, _invert_order, stored(given)))
    found = jnp.where(sharp, theta, found)
    return jnp.where(never, jnp.inf, found), jnp.where(idle, 0.0, error)


def _order(given: tuple[Array, ...], t: Array) -> Array:
    theta, z, root_b, kappa = given[:4]
    u = root_b * (theta - t) + z
    return kappa * t - (0.5 + 0.5 * jax.lax.erf(u * math.sqrt(0.5)))


def _search_order(given: tuple[Array, ...]) -> tuple[Array, Array]:
    theta, high, bend = given[0], *given[4:]
    start = closer(_rising, given[:4], theta, high, bend)
    return bracketed(lambda t: _rising(t, *given[:4]), theta, high, start)


def _rising(t: Array, theta: Array, z: Array, root_b: Array, kappa: Array) -> tuple[Array, Array, Array]:
    u = root_b * (theta - t) + z
    density = root_b * normal_density(u)
    return _order((theta, z, root_b, kappa), t), kappa + density, root_b * u * density


def _invert_order(linear: Callable[[Array], Array], _: Any, y: Array) -> Array:
    return y / linear(jnp.ones_like(y))


def _outcome(
    truth: Belief, precision_believed: Array, at: Equilibrium, private_precision: Array, restoration: Array
) -> Outcome:
    theta_kappa, error = restoration_threshold(at.theta_star, at.z_star, private_precision, restoration)
    mean, precision = truth
    missing = jnp.isnan(mean) | jnp.isnan(precision) | jnp.isnan(restoration)
    invalid = ~jnp.isfinite(mean) | ~((precision > 0) & (precision < jnp.inf))
    invalid |= (restoration < 0) | (restoration > 1)
    status = jnp.where(invalid, jnp.int32(Status.INVALID), at.status)
    status = jnp.where(missing | (at.status == Status.MISSING), jnp.int32(Status.MISSING), status)
    missed = (status == Status.CONVERGED) & ~(error <= TOLERANCE)
    status = jnp.where(missed, jnp.int32(Status.NOT_CONVERGED), status)
    bad = (status == Status.MISSING) | (status == Status.INVALID)
    sd = jnp.sqrt(jnp.where(bad, 1.0, precision))

    def above(level: Array) -> Array:
        return below(sd * (jnp.where(bad, 0.0, mean) - level))

    def known(value: Array) -> Array:
        return jnp.where(bad, jnp.nan, value)

    survival, restored = stored((above(at.theta_star), above(theta_kappa)))
    collapse = below(sd * (at.theta_star - jnp.where(bad, 0.0, mean)))
    return Outcome(
        survival=known(survival),
        collapse=known(collapse),
        drawn_out=known(jnp.maximum(survival - restored, 0.0)),
        restored=known(restored),
        theta_star=known(at.theta_star),
        theta_kappa=known(theta_kappa),
        multiple=at.multiple & ~bad,
        slope=known(
            sd
            * normal_density(sd * (jnp.where(bad, 0.0, mean) - at.theta_star))
            / (1.0 - normal_density(at.z_star) * precision_believed / jnp.sqrt(private_precision))
        ),
        residual=known(jnp.maximum(at.residual, error)),
        status=status,
    )


def outcome(
    truth: Belief,
    belief: Belief,
    private_precision: ArrayLike,
    cost: ArrayLike,
    restoration: ArrayLike = 1.0,
    selection: Selection | ArrayLike = "laplacian",
) -> Outcome:
    r"""Say how a crisis ends: collapse below θ*, drawn out up to θ^κ, restored above.

    Parameters
    ----------
    truth
        What strength is, :math:`N(\mu + f, 1/\alpha)`: mean and precision, ``(...)``.
    belief
        What everybody knows that everybody believes, :math:`N(m, 1/a)`, ``(...)``.
    private_precision, cost
        β and c, as in :func:`~tertius.models.regime.threshold`.
    restoration
        κ: order is restored at once where fewer than κθ sit out, ``(...)``.
    selection
        As in :func:`~tertius.models.regime.equilibrium`.

    Returns
    -------
    Outcome
        Probabilities, with the thresholds behind them.
    """
    truth, belief = (Belief(*(jnp.asarray(x, float) for x in pair)) for pair in (truth, belief))
    rest = (jnp.asarray(x, float) for x in (private_precision, cost, restoration))
    result: Outcome = _crisis(truth, belief, *rest, numbered(selection))
    return result


@jax.jit
def _crisis(truth: Belief, belief: Belief, beta: Array, c: Array, kappa: Array, selection: Array) -> Outcome:
    arrays = jnp.broadcast_arrays(*truth, *belief, beta, c, kappa)
    at = _equilibrium(*arrays[2:6], selection)
    return _outcome(Belief(*arrays[:2]), arrays[3], at, arrays[4], arrays[6])


def survival(
    mean: ArrayLike,
    precision: ArrayLike,
    private_precision: ArrayLike,
    cost: ArrayLike,
    *,
    truth: Belief | None = None,
    selection: Selection | ArrayLike = "laplacian",
) -> Array:
    r"""Return the probability that the regime survives, :math:`\Phi(\sqrt\alpha(\mu - \theta^*))`.

    Parameters
    ----------
    mean, precision, private_precision, cost
        m, a, β and c, as in :func:`~tertius.models.regime.threshold`.
    truth
        :math:`N(\mu + f, 1/\alpha)` where it is not what is commonly believed.
    selection
        As in :func:`~tertius.models.regime.equilibrium`.

    Returns
    -------
    Array
        ``(...)``; ``NaN`` where there is no answer. :func:`outcome` says why.
    """
    belief = Belief(jnp.asarray(mean, float), jnp.asarray(precision, float))
    return outcome(
        belief if truth is None else truth, belief, private_precision, cost, 1.0, selection
    ).survival


def fragility(
    truth: Belief,
    belief: Belief,
    private_precision: ArrayLike,
    cost: ArrayLike,
    damage: ArrayLike,
    selection: Selection | ArrayLike = "laplacian",
) -> Array:
    r"""Return by how much survival falls with one log point of income lost, everybody knowing of the loss.

    Strength falls by χ per log point, in truth and in common belief:
    :math:`\chi\sqrt\alpha\,\phi(\sqrt\alpha(\mu-\theta^*))(1 - d\theta^*/dm)`, with
    :math:`d\theta^*/dm = -s\phi/(1 - s\phi)`, :math:`s = a/\sqrt\beta`, φ at Φ⁻¹(θ*).

    Parameters
    ----------
    truth, belief, private_precision, cost, selection
        As in :func:`outcome`.
    damage
        χ, ``(...)``.

    Returns
    -------
    Array
        Probability per log point, ``(...)``.
    """
    return jnp.asarray(damage, float) * outcome(truth, belief, private_precision, cost, 1.0, selection).slope


def helped(
    strength: Belief,
    private_precision: ArrayLike,
    cost: ArrayLike,
    doors: Doors,
    restoration: ArrayLike = 1.0,
    selection: Selection | ArrayLike = "laplacian",
) -> Helped:
    r"""Say how the crisis ends for the regime left alone, refused, and helped, and what each door contributes.

    Force moves the truth and nothing else; the plea and the signal move what is commonly believed, the plea first;
    fear moves the cost of sitting out.

    Parameters
    ----------
    strength
        :math:`N(\mu, 1/\alpha)`: the truth and the common belief before anybody asks, ``(...)``.
    private_precision, cost, restoration, selection
        As in :func:`outcome`.
    doors
        Arrays ``(...)``.

    Returns
    -------
    Helped
        Three outcomes, and Shapley points over the sixteen sets of open doors.
    """
    arrays = (jnp.asarray(x, float) for x in (*strength, private_precision, cost, restoration, *doors))
    result: Helped = _helped(*arrays, numbered(selection))
    return result


@jax.jit
def _helped(
    mu: Array, alpha: Array, beta: Array, c: Array, kappa: Array, f: Array, f_s: Array, gamma: Array,
    fear: Array, f_p: Array, gamma_p: Array, selection: Array,
) -> Helped:  # fmt: skip
    mu, alpha, beta, c, kappa, f, f_s, gamma, fear, f_p, gamma_p = jnp.broadcast_arrays(
        mu, alpha, beta, c, kappa, f, f_s, gamma, fear, f_p, gamma_p
    )
    # Force is no part of the belief, so that its sixteen sets of doors have eight equilibria.
    sets = coalitions(3)  # signal, fear, plea
    open_ = jnp.asarray(sets.T[(...,) + (None,) * mu.ndim])
    prior = Belief(mu, alpha)
    asked = news(prior, f_p, jnp.where(open_[2], gamma_p, 0.0))
    told = news(asked, f_s, jnp.where(open_[0], gamma, 0.0))
    inner = quantile_of_cost(jnp.stack([c, fear]))
    inner = jnp.where(open_[1], inner[1], inner[0])
    told, costs, inner = stored((told, jnp.where(open_[1], fear, c), inner))
    at = _equilibrium(told.mean, told.precision, jnp.broadcast_to(beta, costs.shape), costs, selection, inner)
    values = jnp.stack([_values(Belief(mu + push, alpha), at) for push in (jnp.zeros_like(f), f)])
    values = values.reshape(2 ** len(DOORS), *mu.shape)
    points = jnp.tensordot(jnp.asarray(shapley_weights(len(DOORS))), values, axes=1)

    rows = np.array([0, 1, len(sets) - 1])  # nobody asked, asked and refused, helped
    push = jnp.stack([jnp.zeros_like(f), jnp.zeros_like(f), f])
    three = _outcome(
        Belief(mu + push, jnp.broadcast_to(alpha, push.shape)),
        jnp.broadcast_to(told.precision, costs.shape)[rows],
        jax.tree.map(lambda x: x[rows], at),
        jnp.broadcast_to(beta, push.shape),
        jnp.broadcast_to(kappa, push.shape),
    )
    alone, refused, rescued = (jax.tree.map(lambda x, row=row: x[row], three) for row in range(3))
    return Helped(alone, refused, rescued, jnp.moveaxis(points, 0, -1))


def _values(truth: Belief, at: Equilibrium) -> Array:
    return below(jnp.sqrt(truth.precision) * (truth.mean - at.theta_star))
