r"""Rescue: request, legal gate, decision, lottery, aftermath; motives; and whom the client asks.

A client asks a power p, or nobody. The request passes the legal gate or not; the power sends or refuses; help arrives
in time or not; then the lottery of :mod:`tertius.models.regime` is drawn. The power's utility of sending, less that of
refusing, is a sum of named terms in its own log points:

.. math::

    \begin{aligned}
    \text{own security}    &= H\,[(\text{collapse}_0 + \zeta\,\text{drawn out}_0)
                              - (\text{collapse}_1 + \zeta\,\text{drawn out}_1)] \\
    \text{friendly regime} &= V\,(\text{survival}_1 - \text{survival}_0) \\
    \text{credibility}     &= R\,(\text{what observers believe after sending} - \text{after refusing}) \\
    \text{influence}       &= I\,(\text{lever after a rescue} - \text{after surviving refused}) \\
    \text{money}           &= -\text{troops} \cdot \text{days} \cdot \text{unit cost} \cdot \text{per million} \\
    \text{approval}        &= -(\Pr(\text{casualties})\,a + \Pr(\text{long stay})\,b) \cdot \text{per point} \\
    \text{disgrace}        &= -\Pr(\text{troops must break up protests})\,g
    \end{aligned}

with 0 for the regime that asked and was refused, 1 for the one that was helped. It sends with probability
:math:`1/(1 + e^{-\lambda U})` (logit quantal response: McKelvey & Palfrey 1998; Signorino 1999).

Arrays are float64; all axes of inputs are a batch and broadcast. Axes that a function adds come last: ``K`` terms in
the order of :data:`TERMS`, ``M`` motives in the order of :data:`MOTIVES`, ``P`` powers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius._programs import kept
from tertius.models._shapley import coalitions, shapley_weights
from tertius.models.levers import log_ratio

__all__ = [
    "ENDS",
    "MOTIVES",
    "TERMS",
    "Choice",
    "Costs",
    "Decision",
    "Motives",
    "Status",
    "Worth",
    "choose",
    "course",
    "decide",
    "largest_motive",
    "lawful",
    "logit",
    "terms",
    "worth_of_asking",
]

MOTIVES = ("own_security", "friendly_regime", "credibility", "influence")
"""What the rescue is worth to the power, in the order of the last axis."""

TERMS = (*MOTIVES, "money", "approval", "disgrace")
"""All terms of its utility, in the order of the last axis."""

ENDS = ("not_lawful", "refused", "late", "collapse", "drawn_out", "restored")
"""How a request ends: without help in the first three, with it in the others."""


class Status(IntEnum):
    """Whether there is an answer; the numbers are those of the other models."""

    CONVERGED = 0
    """There is, in closed form."""
    MISSING = 2
    """A figure that the answer needs is not stated or ``NaN``."""


class Motives(NamedTuple):
    """Weights of the four motives, ``(...)``."""

    own_security: ArrayLike
    """H: log points that a collapse of the client would cost the power."""
    drawn_out: ArrayLike
    """ζ: a drawn-out crisis as a share of a collapse."""
    friendly_regime: ArrayLike
    """V: log points that keeping the friendly regime is worth."""
    credibility: ArrayLike
    """R: log points for one log point of what observers believe."""
    influence: ArrayLike
    """I: log points for one log point of lever over the client."""


class Costs(NamedTuple):
    """What sending would cost the power, ``(...)``."""

    troops: ArrayLike
    """Number of soldiers sent."""
    stay: ArrayLike
    """Days of stay."""
    unit_cost: ArrayLike
    """Millions of US dollars for one soldier and day."""
    per_money: ArrayLike
    """Log points for each million."""
    casualties: ArrayLike
    """Probability that its troops suffer casualties."""
    casualties_approval: ArrayLike
    """a: points of approval lost to casualties."""
    long_stay: ArrayLike
    """Probability that the stay becomes a long one."""
    long_stay_approval: ArrayLike
    """b: points of approval lost to a long stay."""
    per_approval: ArrayLike
    """Log points for each point of approval."""
    break_up_protests: ArrayLike
    """Probability that its troops must break up protests."""
    disgrace: ArrayLike
    """g: log points that breaking up protests costs its name."""


class Decision(NamedTuple):
    """Whether the power sends, and why."""

    utility: Array
    """Utility of sending less that of refusing, log points, ``(...)``."""
    sends: Array
    """Probability of sending, ``(...)``."""
    shares: Array
    """Each motive's share of the gross benefit, ``(..., M)``; ``NaN`` where no motive speaks for sending."""
    shapley: Array
    """Shapley value of each term on the probability, ``(..., K)``; they add up to ``sends`` less one half."""
    status: Array
    """:class:`Status`, as an integer."""


class Worth(NamedTuple):
    """What asking a power is worth to the client, in its log points, ``(...)`` each."""

    plea: Array
    """What asking alone costs, since it reveals weakness."""
    help: Array
    """What the help is worth, by how likely it comes, how far it is trusted and how well it knows the country."""
    dependence: Array
    """What owing it the rescue costs, by how likely it comes."""
    total: Array
    """``plea + help − dependence``; asking nobody is worth 0."""


class Choice(NamedTuple):
    """Whom the client asks."""

    probability: Array
    """Of asking each power and, last, nobody, ``(..., P + 1)``; 0 for a power whose worth is not known."""
    status: Array
    """:class:`Status`, as an integer: ``MISSING`` where no worth is known, or the rationality is not."""


def logit(utility: ArrayLike, rationality: ArrayLike) -> Array:
    """Return the probability of the better-paid of two moves; with infinite rationality 1, 0, or ½ where equal.

    Parameters
    ----------
    utility
        Of the one move less the other, ``(...)``.
    rationality
        λ ≥ 0, per unit of utility, ``(...)``.
    """
    U, lam = jnp.asarray(utility, float), jnp.asarray(rationality, float)
    sure = jnp.isinf(lam) | jnp.isinf(U)
    # An infinite utility settles the matter, unless nobody looks at it.
    step = jnp.where((U == 0) | (lam == 0), 0.5, jnp.where(U > 0, 1.0, 0.0))
    inner = jax.nn.sigmoid(jnp.where(sure, 0.0, lam) * jnp.where(sure, 0.0, U))
    return jnp.where(jnp.isnan(U) | jnp.isnan(lam), jnp.nan, jnp.where(sure, step, inner))


def lawful(gate: ArrayLike, request_clause: ArrayLike, covered: ArrayLike, member: ArrayLike) -> Array:
    """Return the probability that a request passes as lawful under a treaty.

    Parameters
    ----------
    gate
        Probability where the text leaves doubt, ``(...)``; ``NaN`` where it leaves none.
    request_clause, covered, member
        Whether a member may ask for help under the treaty, whether it covers the kind of threat, and whether both
        sides are its members, ``(...)``.
    """
    clear = jnp.asarray(request_clause, bool) & jnp.asarray(covered, bool)
    p = jnp.asarray(gate, float)
    return jnp.where(jnp.asarray(member, bool), jnp.where(jnp.isnan(p), jnp.where(clear, 1.0, 0.0), p), 0.0)


def terms(
    motives: Motives,
    costs: Costs,
    *,
    refused: tuple[ArrayLike, ArrayLike],
    helped: tuple[ArrayLike, ArrayLike],
    credibility: ArrayLike,
    influence: ArrayLike,
) -> Array:
    """Return the terms of the power's utility of sending, less that of refusing.

    Parameters
    ----------
    motives, costs
        Weights and costs, ``(...)``.
    refused, helped
        Probabilities of collapse and of a drawn-out crisis of the regime that was refused and of the one that was
        helped, ``(...)`` each.
    credibility
        What observers would believe after sending less what they would after refusing, log points, ``(...)``.
    influence
        The power's lever over the regime after a rescue less its lever after surviving refused, log points, ``(...)``.

    Returns
    -------
    Array
        Log points, ``(..., K)``; ``NaN`` where a figure that a term needs is. A weight of zero makes a term zero,
        whatever it weighs.
    """
    H, zeta, V, R, I = (jnp.asarray(x, float) for x in motives)
    collapse0, drawn0 = (jnp.asarray(x, float) for x in refused)
    collapse1, drawn1 = (jnp.asarray(x, float) for x in helped)
    troops, stay, unit, per_money, p_casualties, a, p_long, b, per_approval, p_protests, g = (
        jnp.asarray(x, float) for x in costs
    )
    rows = (
        _weighed(H, (collapse0 + zeta * drawn0) - (collapse1 + zeta * drawn1)),
        _weighed(V, collapse0 - collapse1),
        _weighed(R, jnp.asarray(credibility, float)),
        _weighed(I, jnp.asarray(influence, float)),
        -_weighed(per_money, troops * stay * unit),
        -_weighed(per_approval, p_casualties * a + p_long * b),
        -_weighed(g, p_protests),
    )
    return jnp.stack(jnp.broadcast_arrays(*rows), -1)


def _weighed(weight: Array, value: Array) -> Array:
    return jnp.where(weight == 0, 0.0, weight * value)


def decide(terms: ArrayLike, rationality: ArrayLike) -> Decision:
    """Return the power's decision, and what each motive contributes to it.

    Parameters
    ----------
    terms
        As :func:`terms` gives them, ``(..., K)``.
    rationality
        λ, per log point, ``(...)``; ``inf`` = it always takes the better move.

    Returns
    -------
    Decision
        Shapley values are over the sets of terms that count, the others being nil: with none of them, sending and
        refusing are alike.
    """
    result: Decision = _decide(jnp.asarray(terms, float), jnp.asarray(rationality, float))
    return result


@jax.jit
def _decide(values: Array, rationality: Array) -> Decision:
    unknown = jnp.isnan(values).any(-1) | jnp.isnan(rationality)
    safe = jnp.where(jnp.isnan(values), 0.0, values)
    # An infinite term (an infinite lever, say) settles the matter; the largest numbers do the same.
    bounded = jnp.clip(safe, -1e150, 1e150)
    utility = jnp.where(unknown, jnp.nan, bounded.sum(-1))
    chances, shapley = jax.lax.cond(
        unknown.all(),
        lambda: (jnp.full(utility.shape, jnp.nan), jnp.full(bounded.shape, jnp.nan)),
        lambda: _attributed(bounded, jnp.broadcast_to(rationality, utility.shape)),
    )
    benefit = jnp.maximum(bounded[..., : len(MOTIVES)], 0.0)
    gross = benefit.sum(-1, keepdims=True)
    shares = jnp.where(gross > 0, benefit / jnp.where(gross > 0, gross, 1.0), jnp.nan)
    known = ~unknown[..., None]
    return Decision(
        utility=utility,
        sends=jnp.where(unknown, jnp.nan, chances),
        shares=jnp.where(jnp.isnan(values[..., : len(MOTIVES)]).any(-1, keepdims=True), jnp.nan, shares),
        shapley=jnp.where(known, shapley, jnp.nan),
        status=jnp.where(unknown, jnp.int32(Status.MISSING), jnp.int32(Status.CONVERGED)),
    )


def _attributed(values: Array, rationality: Array) -> tuple[Array, Array]:
    """Probability of sending, and Shapley values of the terms over all sets of them."""
    sums = values @ jnp.asarray(coalitions(values.shape[-1]), float).T
    chances = logit(sums, rationality[..., None])
    return chances[..., -1], chances @ jnp.asarray(shapley_weights(values.shape[-1])).T


def largest_motive(terms: ArrayLike, scale: ArrayLike) -> Array:
    """Return how often each motive is the largest when the weights are multiplied.

    Parameters
    ----------
    terms
        ``(n, K)`` or ``(n, M)``, n draws.
    scale
        Multipliers on the four motives, ``(..., M)``.

    Returns
    -------
    Array
        Share of the draws in which each motive is the largest and speaks for sending, ``(..., M)``; ties count for
        nobody, and draws with an unknown term are left out.
    """
    result: Array = _largest(jnp.asarray(terms, float), jnp.asarray(scale, float))
    return result


@kept
def _largest(terms: Array, scale: Array) -> Array:
    values = terms[..., : len(MOTIVES)]
    known = ~jnp.isnan(values).any(-1)

    def one(multiplier: Array) -> Array:
        scaled = jnp.where(known[:, None], values * multiplier, -jnp.inf)
        best = scaled.max(-1, keepdims=True)
        first = (scaled == best) & (best > 0)
        alone = first & (first.sum(-1, keepdims=True) == 1)
        return alone.sum(0) / jnp.maximum(known.sum(), 1)

    found = jax.lax.map(one, scale.reshape(-1, len(MOTIVES))).reshape(scale.shape)
    return jnp.where(known.any(), found, jnp.nan)


def course(
    gate: ArrayLike, sends: ArrayLike, in_time: ArrayLike, helped: tuple[ArrayLike, ArrayLike]
) -> Array:
    """Return how a request ends, as probabilities.

    Parameters
    ----------
    gate, sends, in_time
        Probability that the request is lawful, that the power sends if it is, that help arrives in time if sent,
        ``(...)``.
    helped
        Probabilities of collapse and of a drawn-out crisis of the regime that was helped, ``(...)`` each.

    Returns
    -------
    Array
        In the order of :data:`ENDS`, ``(..., 6)``, adding up to one.
    """
    g, s, t = (jnp.asarray(x, float) for x in (gate, sends, in_time))
    collapse, drawn = (jnp.asarray(x, float) for x in helped)
    comes = g * s * t
    rows = (
        1.0 - g,
        g * (1.0 - s),
        g * s * (1.0 - t),
        comes * collapse,
        comes * drawn,
        comes * jnp.maximum(1.0 - collapse - drawn, 0.0),
    )
    return jnp.stack(jnp.broadcast_arrays(*rows), -1)


def worth_of_asking(
    *,
    alone: ArrayLike,
    refused: ArrayLike,
    helped: ArrayLike,
    comes: ArrayLike,
    weight: ArrayLike,
    trust: ArrayLike = 1.0,
    knowledge: ArrayLike = 1.0,
    dependence: ArrayLike = 0.0,
) -> Worth:
    r"""Return what asking a power is worth to the client.

    .. math::

        100\,\omega_g\Bigl[\log\frac{S_{\text{refused}}}{S_{\text{alone}}}
        + \pi\,t\,k\,\log\frac{S_{\text{helped}}}{S_{\text{refused}}}\Bigr] - \pi\,d

    Parameters
    ----------
    alone, refused, helped
        Survival of the regime that asks nobody, that is refused, that is helped, ``(...)``.
    comes
        π: probability that help comes in time if it is asked for, ``(...)``.
    weight
        :math:`\omega_g`: log points that the leadership gives for one log point of its survival, ``(...)``.
    trust, knowledge
        t, the share of the public that trusts the power, and k, a factor for how well it knows the elite: what of
        the help's worth is left, ``(...)``.
    dependence
        d: what owing it the rescue costs, the lever of the guarantee included, log points, ``(...)``.
    """
    S0, Sr, S1, pi, w, t, k, d = (
        jnp.asarray(x, float) for x in (alone, refused, helped, comes, weight, trust, knowledge, dependence)
    )
    plea = 100.0 * _weighed(w, log_ratio(Sr, S0))
    gain = 100.0 * _weighed(w * pi * t * k, log_ratio(S1, Sr))
    owed = _weighed(pi, d)
    return Worth(*jnp.broadcast_arrays(plea, gain, owed, plea + gain - owed))


def choose(worth: ArrayLike, rationality: ArrayLike) -> Choice:
    r"""Return the probability that the client asks each power, or nobody.

    Logit over the powers and nobody, whose worth is 0.

    Parameters
    ----------
    worth
        Log points, ``(..., P)``; ``NaN`` = not known, and then the power is not asked.
    rationality
        λ, per log point, ``(...)``; with ``inf`` those that are best share the probability.
    """
    result: Choice = _choose(jnp.asarray(worth, float), jnp.asarray(rationality, float))
    return result


@jax.jit
def _choose(worth: Array, rationality: Array) -> Choice:
    batch = jnp.broadcast_shapes(worth.shape[:-1], rationality.shape)
    worth = jnp.broadcast_to(worth, (*batch, worth.shape[-1]))
    known = ~jnp.isnan(worth)
    value = jnp.where(known, jnp.clip(worth, -1e150, 1e150), -jnp.inf)
    value = jnp.concatenate([value, jnp.zeros((*batch, 1))], -1)
    lam = jnp.broadcast_to(rationality, batch)[..., None]
    best = value.max(-1, keepdims=True)
    there = jnp.isfinite(value)
    surely = jnp.where(value == best, 1.0, 0.0)
    behind = jnp.where(there, value - best, 0.0)
    finite = jnp.isfinite(lam)
    noisily = jnp.where(there, jnp.exp(jnp.where(finite, lam, 0.0) * behind), 0.0)
    weight = jnp.where(finite, noisily, surely)
    missing = ~known.any(-1) | jnp.isnan(lam[..., 0])
    return Choice(
        jnp.where(missing[..., None], jnp.nan, weight / weight.sum(-1, keepdims=True)),
        jnp.where(missing, jnp.int32(Status.MISSING), jnp.int32(Status.CONVERGED)),
    )
