r"""Bueno de Mesquita's expected-utility model, as Scholz, Calbert & Smith (2011) unravelled it.

Actors challenge each other on a line, give way to what they fear, all at once, and do so again. With
:math:`d_{ij} = |x_i - x_j| / R`, :math:`R` the span, :math:`\mu` the median, :math:`r_i` the exponent that stands for
the taste for risk and :math:`Q` the probability that nothing happens without a challenge (their equations 5 to 36):

.. math::

    P_{ij} &= \frac{\sum_{k: a_k > 0} c_k s_k a_k}{\sum_k c_k s_k |a_k|}, \qquad a_k = |x_k - x_j| - |x_k - x_i|

    U_s &= 2 - 4(\tfrac12 - \tfrac12 d_{ij})^{r}, \quad U_f = 2 - 4(\tfrac12 + \tfrac12 d_{ij})^{r}, \quad
    U_{sq} = 2 - 4(\tfrac12)^{r}

    U_{b,w} &= 2 - 4\Bigl(\tfrac12 \mp \tfrac14 \frac{|x_i - \mu| + |x_i - x_j|}{R}\Bigr)^{r}

    E(U_{ij}) &= s_j (P_{ij} U_s + (1 - P_{ij}) U_f) + (1 - s_j) U_s - Q U_{sq}
                 - (1 - Q)(T U_b + (1 - T) U_w), \quad T = 1 \text{ iff } |x_i - \mu| < |x_i - x_j|

    R_i &= \frac{2 \Sigma_i - \max \Sigma - \min \Sigma}{\max \Sigma - \min \Sigma}, \quad
    \Sigma_i = \sum_{j \ne i} E(U_{ji})\big|_{r=1}, \qquad r_i = \frac{1 - R_i/3}{1 + R_i/3}

With :math:`a = E(U_{ij})`, :math:`b = E(U_{ji})`: i loses a confrontation and moves to :math:`x_j` if b > a > 0; it
compromises, moving by :math:`(x_j - x_i)|a/b|`, if b > 0 > a and b > |a|; it capitulates, moving to :math:`x_j`, if
b > 0 > a and b < |a|. Every actor takes a confrontation before a compromise before a capitulation.

Two readings. ``literal`` is the text as printed. It does not give the paper's own table, in any way of filling its
gaps that was tried. ``scholz_code`` does, but for one figure; it is what a public program does that was written after
the authors' own, and it differs in five things:

* P is divided by the sum of the votes of all actors over all ordered pairs, so that it is near 0.01;
* in the second pass every voter's vote has its own exponent, :math:`c_k s_k (|x_k - x_j|^{r_k} - |x_k - x_i|^{r_k})`;
* a and b are both computed with the exponent of the one who decides (literally: each challenger's own);
* among compromises the one is taken whose mean of the two positions, weighted by |a| and |b|, is lowest on the scale
  (literally: the one that moves the actor least). So that turning the scale round changes the result;
* nobody capitulates: the program's test for it can never hold. In the paper's example that makes no difference.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from tertius.errors import BadInput
from tertius.models.bargaining._actors import (
    TIE,
    Status,
    choose,
    flat,
    lower_median,
    parties,
    salience_scale,
)

__all__ = ["ExpectedUtility", "expected_utility"]

Mode = Literal["scholz_code", "literal"]
Confrontation = Literal["lose", "stay"]
Middle = Literal["median", "mean"]
_EQUAL = 1e-12
_REST = 1e-9
_BLOCK = 128


class ExpectedUtility(NamedTuple):
    """A contest round by round; T rounds."""

    outcome: Array
    """The median (or mean) after the last round, ``(...)``."""
    status: Array
    """:class:`Status`: whether the positions rest, come back for ever, or were still moving."""
    residual: Array
    """The furthest that anybody moved in the last round, as a part of the span."""
    median: Array
    """Weighted median before the first round and after each, ``(..., T + 1)``."""
    mean: Array
    """Weighted mean, ``(..., T + 1)``."""
    positions: Array
    """Positions, ``(..., T + 1, N)``; those who take no part stay where they are."""
    risk: Array
    """The exponents r, ``(..., T, N)``; below 1 for those who feel safe, 1 for those who take no part."""
    period: Array
    """Rounds until the positions come back: 1 where they rest, 0 where they have not come back yet."""


class _Rules(NamedTuple):
    mode: Mode
    rounds: int
    confrontation: Confrontation
    capitulation: bool
    middle: Middle
    bystanders: bool


def _keep(values: Array) -> Array:
    """Have the compiler store ``values``."""
    return jax.lax.optimization_barrier(values)  # type: ignore[no-untyped-call, no-any-return]


def _support(z: Array, w: Array, r: Array | None) -> Array:
    """``Σ_k max(0, w_k (|x_k − x_j|^r − |x_k − x_i|^r))`` by i and j: those who would rather have i's position."""
    away = jnp.abs(z[:, None] - z[None, :])
    if r is not None:
        away = jnp.where(away > 0, jnp.exp(r[:, None] * jnp.log(jnp.where(away > 0, away, 1.0))), 0.0)
    # The compiler would raise to the power anew for every j.
    away = _keep(w[:, None] * away)
    # Spelled out, since a sum over the first axis of three is many times slower on a CPU.
    return reduce(jnp.add, [jnp.maximum(away[k] - away[k][:, None], 0.0) for k in range(z.shape[0])])


def _expected(
    z: Array, s: Array, w: Array, pairs: Array, r: Array | None, q: Array | None, code: bool
) -> tuple[Array, Array]:
    """Expected utilities by actor i and rival j: of i's challenge to j, and of j's to i, both with i's exponent."""
    support = _support(z, w, r if code else None)
    if code:
        # The votes of an ordered pair and of its mirror image are each other's negatives.
        votes = 2.0 * jnp.where(pairs, support, 0.0).sum((0, 1))
        win = support * jnp.where(votes > 0, 1.0 / votes, 0.0)
    else:
        votes = support + jnp.swapaxes(support, 0, 1)
        win = jnp.where(votes > 0, support / jnp.where(votes > 0, votes, 1.0), 0.5)

    d = jnp.abs(z[:, None] - z[None, :])

    def utility(base: Array) -> Array:
        if r is None:
            return 2.0 - 4.0 * base
        safe = jnp.where(base > 0, base, 1.0)
        return 2.0 - 4.0 * jnp.where(base > 0, jnp.exp(r[:, None] * jnp.log(safe)), 0.0)

    won, lost = utility(0.5 - 0.5 * d), utility(0.5 + 0.5 * d)
    same = utility(jnp.full_like(z[:, None], 0.5))

    def challenge(win: Array, resists: Array, away: Array | None) -> Array:
        fought = won + resists * (1.0 - win) * (lost - won)
        if q is None or away is None:
            return fought - same
        drift = 0.25 * (away + d)
        without = utility(0.5 + jnp.where(away < d, -drift, drift))
        return fought - q * same - (1.0 - q) * without

    mu = None if q is None else jnp.abs(z - lower_median(z, w, w > 0))
    mine = challenge(win, s[None, :], None if mu is None else mu[:, None])
    theirs = challenge(jnp.swapaxes(win, 0, 1), s[:, None], None if mu is None else mu[None, :])
    return mine, theirs


def _best(offered: Array, key: Array, target: Array) -> tuple[Array, Array]:
    """The offer with the smallest key, by actor; of tied offers the one lowest on the scale."""
    key = jnp.where(offered, key, jnp.inf)
    least = key.min(1)
    there = least < jnp.inf
    tied = key <= (jnp.where(there, least, 0.0) + TIE)[:, None]
    return there, jnp.where(tied, target, jnp.inf).min(1)


def _round(
    z: Array, s: Array, w: Array, active: Array, q: Array | None, rules: _Rules
) -> tuple[Array, Array]:
    code = rules.mode == "scholz_code"
    n = z.shape[0]
    pairs = active[:, None] & active[None, :] & ~jnp.eye(n, dtype=bool)[..., None]

    _, threats = _expected(z, s, w, pairs, None, q, code)
    danger = jnp.where(pairs, threats, 0.0).sum(1)
    most = jnp.where(active, danger, -jnp.inf).max(0)
    least = jnp.where(active, danger, jnp.inf).min(0)
    width = most - least
    differ = active & (width > _EQUAL)
    R = jnp.where(differ, (2.0 * danger - most - least) / jnp.where(width > _EQUAL, width, 1.0), 0.0)
    r = (1.0 - R / 3.0) / (1.0 + R / 3.0)

    a, b = _expected(z, s, w, pairs, r, q, code)
    if not code:
        b = jnp.swapaxes(a, 0, 1)

    here, there = z[:, None] + 0.0 * a, z[None, :] + 0.0 * a
    apart = jnp.abs(here - there)
    open_ = pairs & (apart > TIE)
    confronted = open_ & (b > a + _EQUAL) & (a > _EQUAL)
    weaker = open_ & (b > _EQUAL) & (a < -_EQUAL)
    compromises = weaker & (b > -a + _EQUAL)
    compelled = weaker & (b < -a - _EQUAL)
    part = jnp.where(compromises, -a / jnp.where(compromises, b, 1.0), 0.0)
    met = here + (there - here) * part
    if code:
        weight = jnp.where(compromises, b - a, 1.0)
        key = jnp.where(compromises, (-a * here + b * there) / weight, 0.0)
    else:
        key = jnp.abs(met - here)

    offers = [_best(confronted, apart, there if rules.confrontation == "lose" else here)]
    offers.append(_best(compromises, key, met))
    if rules.capitulation:
        offers.append(_best(compelled, apart, there))
    new = z
    for made, target in reversed(offers):
        new = jnp.where(made, target, new)
    return jnp.where(active, new, z), r


@partial(jax.jit, static_argnames="rules")
def _contest(
    x: Array, s: Array, c: Array, there: Array, q: Array | None, span: Array, rules: _Rules
) -> tuple[Array, ...]:
    """Everything with the batch on the last axis."""
    scale = salience_scale(jnp.where(there, s, 0.0))
    members = x.shape[-1]
    # A few at a time: the arrays over pairs of actors then stay near the processor.
    block = min(_BLOCK, members)
    blocks = -(-members // block)

    def cut(values: Array) -> Array:
        # What fills the last block is its first member again, not nothing: nothing would be one more case.
        padded = jnp.concatenate([values, jnp.repeat(values[..., :1], blocks * block - members, -1)], -1)
        return jnp.moveaxis(padded.reshape(*values.shape[:-1], blocks, block), -2, 0)

    def some(given: tuple[Any, ...]) -> tuple[Array, ...]:
        x, s, c, there, q, span = given
        p = parties(x, s, c, there, span=span, scale=scale, bystanders=rules.bystanders)

        def turn(z: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
            new, r = _round(z, p.s, p.w, p.active, q, rules)
            return new, (new, r)

        _, (path, risk) = jax.lax.scan(turn, p.x, None, length=rules.rounds)
        path = jnp.concatenate([p.x[None], path])
        moved = jnp.where(p.active, jnp.abs(path - path[-1]), 0.0).max(1)
        back = moved[:-1] <= _REST
        # The first round that, counted backwards, is where the last one is.
        ago = jnp.arange(rules.rounds, 0, -1)[:, None]
        period = jnp.where(back, ago, rules.rounds + 1).min(0)
        period = jnp.where(period > rules.rounds, 0, period)
        status = jnp.where(
            period == 1, Status.CONVERGED, jnp.where(period > 1, Status.CYCLES, Status.NOT_CONVERGED)
        )
        judged = p.status
        if q is not None:
            unknown = jnp.where(jnp.isnan(q), Status.MISSING, Status.CONVERGED)
            outside = jnp.where((q < 0) | (q > 1), Status.INVALID, unknown)
            judged = jnp.where(judged == Status.CONVERGED, outside, judged)
        bad = judged != Status.CONVERGED
        status = jnp.where(bad, judged, status)
        median = jax.vmap(lambda z: lower_median(z, p.w, p.active))(path)
        mean = (p.w * path).sum(1)
        seen = jnp.where(p.active, p.low + p.span * path, x)

        def scaled(values: Array) -> Array:
            return jnp.where(bad, jnp.nan, p.low + p.span * values)

        return (
            status.astype(jnp.int32),
            jnp.where(bad, jnp.nan, moved[-2]),
            scaled(median),
            scaled(mean),
            jnp.where(bad, jnp.nan, seen),
            jnp.where(bad, jnp.nan, risk),
            jnp.where(bad, 0, period),
        )

    found = jax.lax.map(some, tuple(None if a is None else cut(a) for a in (x, s, c, there, q, span)))

    def whole(values: Array) -> Array:
        values = jnp.moveaxis(values, 0, -2)
        return values.reshape(*values.shape[:-2], blocks * block)[..., :members]

    return tuple(whole(a) for a in found)


def expected_utility(
    positions: ArrayLike,
    saliences: ArrayLike,
    capabilities: ArrayLike,
    *,
    present: ArrayLike | None = None,
    mode: Mode = "scholz_code",
    rounds: int = 10,
    q: ArrayLike = 1.0,
    span: ArrayLike | None = None,
    middle: Middle = "median",
    confrontation: Confrontation = "lose",
    capitulation: bool | None = None,
    bystanders: bool = False,
) -> ExpectedUtility:
    """Play the expected-utility model for some rounds.

    Parameters
    ----------
    positions, saliences, capabilities, present
        As in :func:`~tertius.models.bargaining.weighted_mean`. Salience is the probability of resisting a challenge,
        so its scale matters: from 0 to 1, or from 0 to 100.
    mode
        ``"scholz_code"`` or ``"literal"``; see the module.
    rounds
        How many; the sources stop after as many as they like. The status says whether it was enough.
    q
        Q, ``(...)``: 1 in the replication of the example, 0.5 in later applications.
    span
        R, ``(...)``: the length of the scale that distances are measured by; the span of the initial positions if it
        is not given. Fixed over the rounds.
    middle
        Whether the outcome is the ``"median"`` or the ``"mean"`` after the last round; the sources report both.
    confrontation
        Whether the weaker side of a confrontation moves (``"lose"``) or nobody does (``"stay"``): the printed text
        calls the end of a conflict uncertain.
    capitulation
        Whether actors capitulate; by default as the mode says, not in ``scholz_code`` and so in ``literal``.
    bystanders
        Whether those who weigh nothing take part. As printed they do, and others may give way to an actor that does
        not care; here they do not unless it is asked for.

    Returns
    -------
    ExpectedUtility
        ``(...)``.
    """
    choose("mode", mode, Mode)
    choose("middle", middle, Middle)
    choose("confrontation", confrontation, Confrontation)
    if rounds < 1:
        raise BadInput("there are no rounds", code="no-rounds", path="rounds", hint="play at least one")
    gives_in = mode == "literal" if capitulation is None else bool(capitulation)
    rules = _Rules(mode, int(rounds), confrontation, gives_in, middle, bool(bystanders))
    width = jnp.nan if span is None else span
    batch, given, (chance, length) = flat(positions, saliences, capabilities, present, q, width)
    # Q = 1, the usual case, leaves half of the powers uncomputed.
    sure = isinstance(q, (int, float)) and q == 1
    found = _contest(*given, None if sure else chance, length, rules=rules)
    status, residual, median, mean, path, risk, period = found
    by_round = [jnp.moveaxis(a, -1, 0).reshape(*batch, -1) for a in (median, mean)]
    by_actor = [jnp.moveaxis(a, -1, 0).reshape(*batch, *a.shape[:-1]) for a in (path, risk)]
    last = by_round[0 if middle == "median" else 1][..., -1]
    return ExpectedUtility(
        last,
        status.reshape(batch),
        residual.reshape(batch),
        by_round[0],
        by_round[1],
        by_actor[0],
        by_actor[1],
        period.reshape(batch),
    )
