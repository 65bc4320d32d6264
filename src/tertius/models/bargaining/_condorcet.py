r"""The probabilistic Condorcet election of KTAB (Wise, Lester & Efird 2015).

The positions stand for election against each other in pairs. Actor k, of weight :math:`w_k = c_k s_k`, votes between
a and b with :math:`v_k(a, b) = w_k f(u_k(a) - u_k(b))`, where, with :math:`d = |x - x_k| / R` and a taste for risk
:math:`\rho_k`,

.. math::

    u_k(x) = (1 - d)(1 + \rho_k d), \qquad
    S_{ab} = 10^{-8} + \sum_k [v_k(a, b)]_+, \qquad
    V_{ab} = P[a \succ b] = \frac{S_{ab}^\nu}{S_{ab}^\nu + S_{ba}^\nu}.

A position that holds is challenged by others, more often the more support for that there is, and falls with the
probability that it loses. That is a Markov chain, and its stationary distribution is that of the winner:

.. math::

    n_{ab} = S_{ab} V_{ab} + 10^{-10} [a = b], \qquad C_{ab} = \frac{n_{ab}}{\sum_\alpha n_{\alpha b}}, \qquad
    p_a \leftarrow \tfrac12 p_a + \tfrac12 \sum_b V_{ab} (p_a C_{ba} + p_b C_{ab})

from the uniform distribution until nothing changes by more than 1e-8. With ``chain="uniform"`` all challenge all alike,
:math:`p_a \leftarrow \tfrac12 p_a + \tfrac1{2M} \sum_b V_{ab} (p_a + p_b)`.

The forms of f are KTAB's: ``proportional`` Δ, ``binary`` clip(10⁸Δ, −1, 1), ``prop_bin`` 0.8 Δ + 0.2 binary,
``cubic`` Δ³, ``prop_cubic`` (Δ + Δ³)/2, ``prospect`` Δ for a loss and ⅔Δ for a gain. Actors that stand on one spot put
up one position.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.models.bargaining._actors import TIE, Status, Weight, choose, flat, parties

__all__ = ["Chain", "Condorcet", "Voting", "condorcet", "elect", "vote"]

Voting = Literal["proportional", "binary", "prop_bin", "cubic", "prop_cubic", "prospect"]
Chain = Literal["incentive", "uniform"]
Summary = Literal["mean", "mode"]

_AIM = 1e-8
_STEPS = 20_000
_NO_SUPPORT = 1e-8
_STAY = 1e-10


class Condorcet(NamedTuple):
    """An election among the actors' positions."""

    outcome: Array
    """The mean of the winner's position (or the likeliest), ``(...)``."""
    status: Array
    """As :attr:`Forecast.status`."""
    residual: Array
    """The largest change of a probability in the last step."""
    probability: Array
    """That the actor's position wins, ``(..., N)``; actors on one spot share it, those who take no part have 0."""
    winner: Array
    """The position that beats every other with more than even odds, ``(...)``; ``NaN`` if there is none: a cycle."""


def vote(gain: Array, voting: Voting) -> Array:
    """Return f of a difference in utility."""
    if voting == "proportional":
        return gain
    if voting == "cubic":
        return gain**3
    if voting == "prop_cubic":
        return 0.5 * gain + 0.5 * gain**3
    if voting == "prospect":
        return jnp.where(gain > 0, 2.0 / 3.0 * gain, gain)
    whole = jnp.clip(gain / 1e-8, -1.0, 1.0)
    return whole if voting == "binary" else 0.8 * gain + 0.2 * whole


def elect(
    u: Array, w: Array, stands: Array, voting: Voting, exponent: float, chain: Chain
) -> tuple[Array, Array, Array]:
    """Hold an election.

    Parameters
    ----------
    u
        Utilities, ``(K, M, B)``: K voters, M options.
    w
        Votes, ``(K, B)``.
    stands
        Which options there are, ``(M, B)``.
    voting, exponent, chain
        f, ν and the chain.

    Returns
    -------
    tuple
        Probabilities ``(M, B)``, the last change ``(B,)``, and V ``(M, M, B)``.
    """
    pair = stands[:, None] & stands[None, :]
    for_a = [w[k] * jnp.maximum(vote(u[k][:, None] - u[k][None, :], voting), 0.0) for k in range(u.shape[0])]
    S = jax.lax.optimization_barrier(_NO_SUPPORT + reduce(jnp.add, for_a))  # type: ignore[no-untyped-call]
    # The ratio and not the powers themselves: a coalition of 1e-8 to the eighth is next to nothing.
    ahead = (jnp.swapaxes(S, 0, 1) / S) ** exponent
    V = 1.0 / (1.0 + ahead)
    there = stands.astype(float)
    size = there.sum(0)
    if chain == "incentive":
        same = jnp.eye(S.shape[0])[..., None]
        n = jnp.where(pair, S * V + _STAY * same, 0.0)
        C = n / jnp.where(stands, n.sum(0), 1.0)
    else:
        C = jnp.where(pair, 1.0 / size, 0.0)
    won = jnp.where(pair, V, 0.0)
    # One step of the chain is linear in p: a keeps what it is challenged for and wins what it challenges for.
    keeps = (won * jnp.swapaxes(C, 0, 1)).sum(1)
    wins = won * C

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        p, change, count = state
        new = 0.5 * p + 0.5 * (keeps * p + (wins * p).sum(1))
        going = change > _AIM
        return jnp.where(going, new, p), jnp.where(going, jnp.abs(new - p).max(0), change), count + 1

    def more(state: tuple[Array, Array, Array]) -> Array:
        return (state[1] > _AIM).any() & (state[2] < _STEPS)

    p, change, _ = jax.lax.while_loop(more, step, (there / size, jnp.full(size.shape, jnp.inf), jnp.int32(0)))
    return p, change, V


@partial(jax.jit, static_argnames=("weight", "voting", "exponent", "chain", "summary"))
def _condorcet(
    x: Array,
    s: Array,
    c: Array,
    there: Array,
    risk: Array,
    span: Array,
    weight: Weight,
    voting: Voting,
    exponent: float,
    chain: Chain,
    summary: Summary,
) -> tuple[Array, ...]:
    p = parties(x, s, c, there, weight=weight, span=span)
    n = p.x.shape[0]
    d = jnp.abs(p.x[:, None] - p.x[None, :])
    twin = (d <= TIE) & p.active[:, None] & p.active[None, :]
    first = ~(twin & (jnp.arange(n)[None, :] < jnp.arange(n)[:, None])[..., None]).any(1)
    stands = p.active & first
    u = (1.0 - d) * (1.0 + risk[:, None] * d)
    some = jnp.where(stands.any(0), stands, jnp.arange(n)[:, None] == 0)
    probability, change, V = elect(u, p.w, some, voting, exponent, chain)
    beats = (V > 0.5 + 1e-9) | jnp.eye(n, dtype=bool)[..., None] | ~stands[None, :]
    wins = stands & beats.all(1)
    ok = p.status == Status.CONVERGED
    unknown = ok & (p.active & jnp.isnan(risk)).any(0)
    status = jnp.where(unknown, Status.MISSING, p.status)
    status = jnp.where((status == Status.CONVERGED) & ~(change <= _AIM), Status.NOT_CONVERGED, status)
    ok = ok & ~unknown
    if summary == "mean":
        value = (probability * p.x).sum(0)
    else:
        likely = stands & (probability >= probability.max(0) - 1e-9)
        value = jnp.where(likely, p.x, jnp.inf).min(0)
    # Every one of several on a spot shows an equal part of its probability.
    shared = (twin * probability[None, :]).sum(1) / jnp.where(p.active, twin.sum(1), 1)

    def scaled(values: Array) -> Array:
        return jnp.where(ok, p.low + p.span * values, jnp.nan)

    return (
        scaled(value),
        status.astype(jnp.int32),
        jnp.where(ok, change, jnp.nan),
        jnp.where(ok, shared, jnp.nan),
        scaled(jnp.where(wins.any(0), jnp.where(wins, p.x, jnp.inf).min(0), jnp.nan)),
    )


def condorcet(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    *,
    present: ArrayLike | None = None,
    weight: Weight = "both",
    risk: ArrayLike = 0.0,
    span: ArrayLike | None = None,
    voting: Voting = "proportional",
    exponent: float = 1.0,
    chain: Chain = "incentive",
    summary: Summary = "mean",
) -> Condorcet:
    """Let the actors' positions stand for election against each other.

    Parameters
    ----------
    positions, saliences, capabilities, present, weight
        As in :func:`~tertius.models.bargaining.weighted_mean`.
    risk
        ρ, ``(..., N)``, from −1 (hates it) to 1; 0 makes utility linear in distance.
    span
        R, ``(...)``: the length of the scale; the span of the positions if it is not given. KTAB takes the whole scale,
        100. It makes no difference with ``proportional`` votes and no taste for risk.
    voting, exponent, chain
        f, ν (1, 2, 4 or 8 in KTAB) and who challenges whom; see the module.
    summary
        Whether the outcome is the ``"mean"`` of the winner's position or the likeliest, the ``"mode"``.

    Returns
    -------
    Condorcet
        ``(...)``.
    """
    for name, value, allowed in (
        ("weight", weight, Weight),
        ("voting", voting, Voting),
        ("chain", chain, Chain),
        ("summary", summary, Summary),
    ):
        choose(name, value, allowed)
    taste = jnp.asarray(risk, float)
    x = jnp.atleast_1d(jnp.asarray(positions, float))
    if taste.ndim:
        x = x + jnp.zeros(jnp.broadcast_shapes(x.shape, taste.shape))
    width = jnp.nan if span is None else span
    batch, given, (length,) = flat(x, saliences, capabilities, present, width)
    actors = given[0].shape[0]
    taste = jnp.broadcast_to(taste, (*batch, actors)).reshape(-1, actors).T
    value, status, change, probability, winner = _condorcet(
        *given,
        taste,
        length,
        weight=weight,
        voting=voting,
        exponent=float(exponent),
        chain=chain,
        summary=summary,
    )
    return Condorcet(
        value.reshape(batch),
        status.reshape(batch),
        change.reshape(batch),
        probability.T.reshape(*batch, actors),
        winner.reshape(batch),
    )
