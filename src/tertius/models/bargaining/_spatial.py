r"""One turn of KTAB's Spatial Model of Politics: several dimensions at once (Wise, Lester & Efird 2015).

Actor i stands at :math:`x_i` in K dimensions with saliences :math:`s_{ik}`. It sees the distance

.. math::

    d_{ij} = \sqrt{\sum_k s_{ik}^2 (x_{ik} - x_{jk})^2 / \sum_k s_{ik}^2}, \qquad
    u_{ij} = (1 - d_{ij})(1 + R_i d_{ij})

Taste for risk: an election among the positions with R = 0 and votes of capability gives p, and

.. math:: R_i = \frac{3 p_i - p_{max} - 2 p_{min}}{2 (p_{max} - p_{min})} \quad (\text{mid})

An actor h believes that i's is :math:`(2 R_h + R_i)/3`. As h sees a challenge of i to j, the two bring their votes, and
every third party n first reckons who would win with it, and then votes on whom to side with:

.. math::

    A_n = p_{in} (2 u_{ni} + u_{nn}) + p_{jn} 3 u_{nj}, \qquad B_n = p_{in} 3 u_{ni} + p_{jn} (2 u_{nj} + u_{nn})

with weight :math:`c \sum_k s_k`. With the probability P that i wins, the gain of k is

.. math:: (1 - s_j) 2 u_{ki} + s_j (P\,2 u_{ki} + (1 - P)\,2 u_{kj}) - (u_{ki} + u_{kj}), \qquad s_j = \sum_k s_{jk}.

Everyone challenges the target of its largest gain and proposes, by dimension,

.. math:: b_k = \frac{s_{ik}^2 P^2 x_{ik} + s_{jk}^2 (1-P)^2 x_{jk}}{s_{ik}^2 P^2 + s_{jk}^2 (1-P)^2}.

Every actor then resolves the bargains that touch it, and the status quo, by an election among the states that they lead
to: the utility of a state is the mean of what a voter thinks of everybody's position in it.

These are the program's options ``PropCbc``, ``Linear``, ``MarkovIncentive``, ``Mid``, ``OneThird``, ``SemiCommit``,
``S2P2`` and ``InitOnlyInterp``. **A defect of the released program**: where it computes the bargain as the *target*
sees it, it takes the expected gain for the probability of victory (the wrong member of a pair). :func:`interpolate`
takes whichever it is given: the target's view of the probability, ``probability[j, i, j]``, for what was meant, and its
view of the initiator's gain, ``gain[j, i, i, j]``, for what the program prints.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.models.bargaining._condorcet import Voting, elect, vote

__all__ = ["Turn", "interpolate", "spatial_turn"]

_LEAST = 1e-6


class Turn(NamedTuple):
    """One turn; N actors, K dimensions. Axes by h are by who reckons."""

    value: Array
    """1 − d, ``(..., N, N)``: how i sees j's position."""
    election: Array
    """p, ``(..., N)``: the probability that an actor's position wins."""
    risk: Array
    """R, ``(..., N)``."""
    utility: Array
    """u with everyone's own R, ``(..., N, N)``."""
    probability: Array
    """P, ``(..., N, N, N)``: as h sees it, that i wins against j."""
    gain: Array
    """``(..., N, N, N, N)``: as h sees it, k's gain from i's challenge to j."""
    target: Array
    """Whom each challenges, ``(..., N)``; −1 if nobody: no challenge gains anything."""
    bargain: Array
    """What it proposes, ``(..., N, K)``, as it sees its chances itself; ``NaN`` without a target."""
    resolution: Array
    """By actor, the probability of each outcome, ``(..., N, N + 1)``: today's state, then each initiator's bargain."""
    residual: Array
    """The largest change in the last step of any election, ``(...)``."""


def interpolate(xi: ArrayLike, xj: ArrayLike, si: ArrayLike, sj: ArrayLike, P: ArrayLike) -> Array:
    """Return the bargain between two actors, ``(..., K)``, given the probability ``(...)`` that the first wins."""
    xi, xj, si, sj = (jnp.asarray(a, float) for a in (xi, xj, si, sj))
    win = jnp.asarray(P, float)[..., None]
    a, b = si**2 * win**2 + _LEAST, sj**2 * (1.0 - win) ** 2 + _LEAST
    return (a * xi + b * xj) / (a + b)


def _seen(x: Array, s: Array, y: Array) -> Array:
    """Distances of positions ``y``, ``(..., K)``, as each actor sees them: ``(N, ...)``."""
    apart = (y[None] - x.reshape(x.shape[0], *[1] * (y.ndim - 1), -1)) ** 2
    weight = (s**2).reshape(s.shape[0], *[1] * (y.ndim - 1), -1)
    return jnp.sqrt((weight * apart).sum(-1) / weight.sum(-1))


def _elect(u: Array, w: Array, stands: Array, voting: Voting) -> tuple[Array, Array]:
    p, change, _ = elect(u[..., None], w[..., None], stands[..., None], voting, 1.0, "incentive")
    return p[..., 0], change[0]


def _side(votes: Array) -> tuple[Array, Array]:
    return jnp.maximum(votes, 0.0), jnp.maximum(-votes, 0.0)


def _turn(x: Array, s: Array, c: Array, voting: Voting) -> Turn:
    n = x.shape[0]
    d = _seen(x, s, x)
    everyone = jnp.ones(n, bool)
    p, change = _elect(1.0 - d, c, everyone, voting)
    low, high = p.min(), p.max()
    differ = high > low
    R = jnp.where(differ, (3.0 * p - high - 2.0 * low) / (2.0 * jnp.where(differ, high - low, 1.0)), 0.0)
    utility = (1.0 - d) * (1.0 + R[:, None] * d)
    believed = (2.0 * R[:, None] + R[None, :]) / 3.0
    u = (1.0 - d)[None] * (1.0 + believed[..., None] * d[None])  # h, i, j

    total = s.sum(1)
    w = c * total
    own = jnp.diagonal(u, axis1=1, axis2=2)  # h, i
    stake = w[None, :, None] * vote(own[..., None] - u, voting)  # h, i, j: what i throws in against j
    for_i, against_i = _side(stake)
    for_j, against_j = _side(-jnp.swapaxes(stake, 1, 2))
    yes, no = for_i + for_j + 1e-8, against_i + against_j + 1e-8
    # Third parties: axes h, i, j, n.
    uni = jnp.swapaxes(u, 1, 2)[:, :, None, :]
    unj = jnp.swapaxes(u, 1, 2)[:, None, :, :]
    unn = own[:, None, None, :]
    mine, theirs = _side(w * vote(uni - unj, voting))
    pi = (yes[..., None] + mine) / (yes[..., None] + mine + no[..., None] + theirs)
    A = pi * (2.0 * uni + unn) + (1.0 - pi) * 3.0 * unj
    B = pi * 3.0 * uni + (1.0 - pi) * (2.0 * unj + unn)
    with_i, with_j = _side(w * vote(A - B, voting))
    k = jnp.arange(n)
    third = (k != k[:, None, None]) & (k != k[None, :, None])
    yes = yes + jnp.where(third, with_i, 0.0).sum(-1)
    no = no + jnp.where(third, with_j, 0.0).sum(-1)
    P = yes / (yes + no)  # h, i, j

    uki, ukj = u[:, :, :, None], u[:, :, None, :]  # h, k, i, j
    resists = total[None, None, None, :]
    win = P[:, None]
    fought = 2.0 * (win * uki + (1.0 - win) * ukj)
    gain = (1.0 - resists) * 2.0 * uki + resists * fought - (uki + ukj)

    mine = gain[k, k, k]  # i, j: as i sees it, for itself
    mine = jnp.where(jnp.eye(n, dtype=bool), -jnp.inf, mine)
    target = jnp.where(mine.max(1) > 0, mine.argmax(1), -1)
    to = jnp.maximum(target, 0)
    bargain = interpolate(x, x[to], s, s[to], P[k, k, to])
    challenged = target >= 0

    # State m: the bargain that m initiated is kept by it and its target; the last state is that of today.
    moves = (k[None, :] == k[:, None]) | (k[None, :] == to[:, None])  # m, who moves
    states = jnp.where((moves & challenged[:, None])[..., None], bargain[:, None, :], x[None])
    states = jnp.concatenate([x[None], states])
    far = _seen(x, s, states)  # voter, state, whose position
    worth = ((1.0 - far) * (1.0 + R[:, None, None] * far)).mean(-1)

    def resolve(h: Array) -> tuple[Array, Array]:
        touches = challenged & ((k == h) | (to == h))
        return _elect(worth, c, jnp.concatenate([jnp.ones(1, bool), touches]), voting)

    resolution, last = jax.vmap(resolve)(k)
    return Turn(
        1.0 - d,
        p,
        R,
        utility,
        P,
        gain,
        target.astype(jnp.int32),
        jnp.where(challenged[:, None], bargain, jnp.nan),
        resolution,
        jnp.maximum(change, last.max()),
    )


@partial(jax.jit, static_argnames="voting")
def _turns(x: Array, s: Array, c: Array, voting: Voting) -> Turn:
    result: Turn = jax.vmap(partial(_turn, voting=voting))(x, s, c)
    return result


def spatial_turn(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    *,
    span: float = 100.0,
    voting: Voting = "prop_cubic",
) -> Turn:
    """Reckon one turn of the Spatial Model of Politics.

    Parameters
    ----------
    positions, saliences
        ``(..., N, K)``: N actors, K dimensions, both from 0 to ``span``; an actor's saliences add up to ``span`` at
        most.
    capabilities
        ``(..., N)``, in any unit.
    span
        Length of the scales.
    voting
        f, as in :func:`~tertius.models.bargaining.condorcet`.

    Returns
    -------
    Turn
        ``(...)``; bargains are on the scale of the positions.
    """
    x, s, c = (jnp.asarray(a, float) for a in (positions, saliences, capabilities))
    x, s = jnp.broadcast_arrays(x / span, s / span)
    *lead, n, dimensions = x.shape
    c = jnp.broadcast_to(c, (*lead, n))
    found = _turns(x.reshape(-1, n, dimensions), s.reshape(-1, n, dimensions), c.reshape(-1, n), voting)
    turn = Turn(*(a.reshape(*lead, *a.shape[1:]) for a in found))
    return turn._replace(bargain=span * turn.bargain)
