r"""The price: what a patron can ask of a client, what it will be granted, and what a rescue changes in that.

For each concession and each threat :math:`\tau` that the patron holds, a game of three moves (after Fearon 1995,
1997; Schultz 2001): the patron demands or holds its peace; the client grants or refuses; refused, the patron carries
its threat out or backs down.

.. math::

    \begin{array}{lll}
    \text{not demanded} & 0 & 0 \\
    \text{granted} & v - d & -C \\
    \text{refused, backs down} & -e - b & -u \\
    \text{refused, carries out} & -e - M_\tau + k & -u - L_\tau
    \end{array}
    \qquad \text{(patron, client)}

:math:`C = w\,c + \sum_t p_t \ell_t` is what granting costs the client: at home, with the public's weight, and
through third parties that answer with probability :math:`p_t` by withdrawing, at a loss :math:`\ell_t`.
:math:`M_\tau = R_\tau + H\,\Delta f_\tau` is what carrying the threat out costs the patron: its own loss (the reverse
lever) and the client's greater fragility. Every mover of rationality :math:`\lambda` responds by the logit agent
quantal response, solved by :mod:`tertius.models.games`; :math:`\lambda = \infty` is backward induction:

.. math::

    \pi_\tau = \sigma\bigl(\lambda (k + b - M_\tau)\bigr), \quad
    g_\tau = \sigma\bigl(\lambda (u + \pi_\tau L_\tau - C)\bigr), \quad
    q_\tau = \sigma(\lambda D_\tau), \quad
    D_\tau = g_\tau (v - d) + (1 - g_\tau)\bigl(-e + \pi_\tau (k - M_\tau) - (1 - \pi_\tau) b\bigr)

with :math:`\sigma` the logistic function.

**Which threat.** The patron brings the threat from which it expects most, :math:`\tau^* = \arg\max_\tau D_\tau`, the
first of several alike. Letting it pick by a logit over all threats instead would make every further way to word the
same threat raise the chance of a demand. A threat whose lever or cost is missing (``NaN``) is not offered.

The price of a rescue is the difference of what two such games pay, :math:`q g` with the rescue less :math:`q g` with
the same regime having survived without. :func:`attribute` divides it between what the rescue changed.

Payoffs are in log points of whoever bears them, λ in one over log points. The last axis of ``L`` and ``M`` is the
threats, ``T``; all else is ``(...)``, a batch that broadcasts. Arrays are float64.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from tertius.models import games

__all__ = [
    "ByThreat",
    "Played",
    "Stakes",
    "Threats",
    "attribute",
    "game",
    "granting_cost",
    "play",
    "threat_cost",
]

NONE = -1
"""The number of the threat where none is offered."""


class Stakes(NamedTuple):
    """What hangs on one concession, besides the threat. Shapes ``(...)``, log points."""

    v: ArrayLike
    """What it is worth to the patron."""
    d: ArrayLike
    """The patron's own share of what third parties do in answer."""
    e: ArrayLike
    """What a demand refused costs the patron."""
    b: ArrayLike
    """What backing down costs the patron."""
    k: ArrayLike
    """What carrying its threat out earns the patron: reputation."""
    C: ArrayLike
    """What granting costs the client."""
    u: ArrayLike
    """What refusing costs the client, whatever the patron does then."""


class Threats(NamedTuple):
    """What the patron can withdraw. Shapes ``(..., T)``, log points; ``NaN`` in either: not offered."""

    L: ArrayLike
    """What the client loses: the lever."""
    M: ArrayLike
    """What the patron loses by carrying it out; negative where it gains."""


class ByThreat(NamedTuple):
    """How the game goes with each threat, were it the only one. Shapes ``(..., T)``."""

    worth: Array
    """What the patron expects of demanding, log points."""
    demanded: Array
    """Probability that it demands."""
    granted: Array
    """Probability that the client grants what is demanded."""
    believed: Array
    """Probability that the patron carries the threat out, refused."""


class Played(NamedTuple):
    """How the game goes with the threat that suits the patron best. Shapes ``(...)`` but for ``by_threat``."""

    demanded: Array
    """Probability that the patron demands."""
    granted: Array
    """Probability that the client grants what is demanded."""
    paid: Array
    """Probability that it is demanded and granted."""
    believed: Array
    """Probability that the patron would carry the threat out."""
    worth: Array
    """What the patron expects of demanding, log points."""
    threat: Array
    """Number of the threat, :data:`NONE` where none is offered."""
    by_threat: ByThreat
    status: Array
    """:class:`tertius.models.games.Status` of the worst solved game, ``MISSING`` where no threat is offered."""
    residual: Array
    """Largest residual of the games solved; ``NaN`` where there was none."""


def threat_cost(reverse: ArrayLike, H: ArrayLike, rise: ArrayLike) -> Array:
    r"""Return what carrying a threat out costs the patron, :math:`M = R + H\,\Delta f`.

    Parameters
    ----------
    reverse
        R, the patron's own loss, log points; ``NaN`` = the reverse tie is not stated.
    H
        What the client's collapse would cost the patron, log points.
    rise
        Rise in the probability of that collapse.

    Returns
    -------
    Array
        Log points; ``NaN`` where either part is missing.
    """
    return jnp.asarray(reverse, float) + jnp.asarray(H, float) * jnp.asarray(rise, float)


def granting_cost(c: ArrayLike, weight: ArrayLike, probability: ArrayLike, loss: ArrayLike) -> Array:
    r"""Return what granting costs the client, :math:`C = w\,c + \sum_t p_t \ell_t`.

    Third parties answer one at a time: what two withdrawals cost together, more than their sum in most cases, is
    left to the case, which can name them as one power.

    Parameters
    ----------
    c
        Cost at home, ``(...)``, log points.
    weight
        Factor on it for the weight of the public, ``(...)``.
    probability, loss
        That third party t answers, and what the client then loses, log points: ``(..., third parties)``, which may
        be none.

    Returns
    -------
    Array
        ``(...)``, log points.
    """
    p, lost = jnp.asarray(probability, float), jnp.asarray(loss, float)
    # What never happens costs nothing, be it an infinite or an unknown loss.
    answers = jnp.where(p > 0, p * jnp.where(p > 0, lost, 0.0), 0.0)
    return jnp.asarray(weight, float) * jnp.asarray(c, float) + answers.sum(-1)


def game(stakes: Stakes, L: ArrayLike, M: ArrayLike) -> games.Game:
    """Return the game of one threat as a tree; ``L`` and ``M`` have the shape of the stakes."""
    v, d, e, b, k, C, u = (jnp.asarray(x, float) for x in stakes)
    lever, cost = jnp.asarray(L, float), jnp.asarray(M, float)
    answered = games.Decision(
        "patron",
        {
            "back down": games.Outcome({"patron": -e - b, "client": -u}),
            "carry out": games.Outcome({"patron": -e - cost + k, "client": -u - lever}),
        },
        "refused",
    )
    asked = games.Decision(
        "client", {"grant": games.Outcome({"patron": v - d, "client": -C}), "refuse": answered}, "demanded"
    )
    still = games.Outcome({"patron": 0.0, "client": 0.0})
    return games.Game(
        games.Decision("patron", {"demand": asked, "hold": still}, "start"), title="Demand under a threat"
    )


def play(stakes: Stakes, threats: Threats, rationality: ArrayLike | None) -> Played:
    """Play the game with every threat and with the patron's best.

    Parameters
    ----------
    stakes
        What hangs on the concession.
    threats
        What the patron can withdraw.
    rationality
        λ, ``(...)``, one over log points; ``inf`` and ``None`` are backward induction.

    Returns
    -------
    Played
        Probabilities; ``NaN`` where no threat is offered or a stake is missing.
    """
    each = Stakes(*(jnp.asarray(x, float)[..., None] for x in stakes))
    lever, cost = jnp.asarray(threats.L, float), jnp.asarray(threats.M, float)
    lam = None if rationality is None else jnp.asarray(rationality, float)[..., None]
    solved = games.solve(game(each, lever, cost), lam)
    worth = solved.worth["demanded"][..., 0]  # the patron moves first, and so is the first player
    by_threat = ByThreat(
        worth,
        solved.choice["start"]["demand"],
        solved.choice["demanded"]["grant"],
        solved.choice["refused"]["carry out"],
    )
    offered = ~jnp.isnan(worth)
    some = offered.any(-1)
    best = jnp.argmax(jnp.where(offered, worth, -jnp.inf), -1)

    def of_best(values: Array) -> Array:
        return jnp.take_along_axis(values, best[..., None], -1)[..., 0]

    demanded, granted, believed = (of_best(x) for x in by_threat[1:])
    worst = jnp.where(offered, solved.status, games.Status.SOLVED).max(-1)
    return Played(
        demanded=demanded,
        granted=granted,
        paid=demanded * granted,
        believed=believed,
        worth=of_best(worth),
        threat=jnp.where(some, best, NONE),
        by_threat=by_threat,
        status=jnp.where(some, worst, games.Status.MISSING),
        residual=jnp.where(some, jnp.where(offered, solved.residual, -jnp.inf).max(-1), jnp.nan),
    )


def attribute(
    with_rescue: tuple[Stakes, Threats], without: tuple[Stakes, Threats], rationality: ArrayLike | None
) -> Array:
    """Divide the price of a rescue between what the rescue changed: Shapley points of what is paid.

    The channels are the levers (``L``), the cost of carrying a threat out (``M``, and with it whether the threat is
    believed) and the cost of refusing (``u``). All else is taken from the game with the rescue.

    Parameters
    ----------
    with_rescue, without
        The game with the rescue, and with the same regime having survived without.
    rationality
        λ, ``(...)``.

    Returns
    -------
    Array
        ``(..., 3)``: levers, costs of the threats, cost of refusing; they sum to the price.
    """
    changed = np.array(list(itertools.product((False, True), repeat=len(_CHANNELS))))
    worlds = changed.shape[0]

    def mix(one: ArrayLike, other: ArrayLike, channel: int) -> Array:
        a, b = jnp.broadcast_arrays(jnp.asarray(one, float), jnp.asarray(other, float))
        return jnp.where(changed[:, channel].reshape(worlds, *(1,) * a.ndim), a, b)

    (stakes, threats), (stakes0, threats0) = with_rescue, without
    stakes = Stakes(*(jnp.asarray(x, float) for x in stakes))._replace(u=mix(stakes.u, stakes0.u, 2))
    mixed = Threats(mix(threats.L, threats0.L, 0), mix(threats.M, threats0.M, 1))
    paid = play(stakes, mixed, rationality).paid
    return jnp.tensordot(jnp.moveaxis(paid, 0, -1), jnp.asarray(_shapley_weights(changed)), 1)


_CHANNELS = ("levers", "costs", "refusing")


def _shapley_weights(changed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights ``(worlds, channels)`` that turn the values of all mixed worlds into Shapley points."""
    channels = changed.shape[1]
    out = np.zeros(changed.shape)
    for world, row in enumerate(changed):
        for channel in range(channels):
            others = int(row.sum()) - int(row[channel])
            weight = math.factorial(others) * math.factorial(channels - others - 1) / math.factorial(channels)
            out[world, channel] = weight if row[channel] else -weight
    return out
