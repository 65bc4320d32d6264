"""What a patron's standing protection is worth to the client, and what its withdrawal or a loss does to the regime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from tertius._study.beliefs import client_beliefs, watchers
from tertius._study.compilation import in_blocks
from tertius._study.crisis import Question, crisis_figures, doors, motives
from tertius._study.stages import Context
from tertius.models import regime, reputation
from tertius.models.regime import Belief, Doors

__all__ = ["Protection", "protection"]

Array = NDArray[np.float64]

STATES = ("rescued", "alone")
"""The states of the rescue's group that are the branches of the price, in their order."""

_CHANGE = jax.jit(reputation.log_change)

FAR = 1e6
"""Log points of income beyond which nothing is left to lose."""


class _Standing(NamedTuple):
    """The regime after the crisis, by branch: ``(n, B)`` each but for the figures of the game, ``(n,)``."""

    mean: Any
    """Of strength in truth."""
    precision: Any
    common_mean: Any
    """Of what is commonly believed, had nobody asked for help again."""
    common_precision: Any
    helped_mean: Any
    """The same once help has been asked for and has come."""
    helped_precision: Any
    comes: Any
    """The client's belief that help would come; 0 where it is not known."""
    force: Any
    private_precision: Any
    cost: Any
    fear: Any
    restoration: Any
    damage: Any
    drawn_out: Any
    rank: Any


@dataclass(frozen=True)
class Protection:
    """One patron's, after the crisis; branches as in :mod:`tertius._study.stages.price`.

    Attributes
    ----------
    before
        Shape (n,), log points: the lever of the guarantee before the crisis.
    lever
        Shape (n, B), log points: what withdrawing the guarantee costs the client; ``NaN`` where there is none.
    own
        Shape (n, B), log points: the friendly regime that the patron puts at risk by that, and its name with others.
    H
        Shape (n,), log points: what the client's collapse costs the patron; 0 in a case without a crisis.
    standing
        The regime after the crisis; None without one.
    """

    before: Array
    lever: Array
    own: Array
    H: Array
    standing: _Standing | None

    def rise(self, income: Array, unguarded: Array) -> Array:
        """Return the rise in the danger of collapse, a drawn-out crisis counting as a part of one.

        Parameters
        ----------
        income
            Log points of income that the client loses, shape (n, B, T).
        unguarded
            Whether it loses the guarantee, of the same shape.

        Returns
        -------
        Array
            Shape (n, B, T); 0 in a case without a crisis, ``NaN`` where the income lost is not known.
        """
        if self.standing is None:
            return np.where(np.isnan(income), np.nan, 0.0)
        # What is not offered in any draw is not worth solving for.
        some = ~np.isnan(income).all(axis=(0, 1))
        out = np.full_like(income, np.nan)
        lost = np.broadcast_to(unguarded, income.shape)[..., some]
        out[..., some] = in_blocks(_rise, *self.standing, income[..., some], lost)
        return out


def protection(context: Context, patron: str) -> Protection:
    """Read it off what the models of the crisis have found."""
    n, branches = context.size, len(STATES)
    unknown = np.full((n, branches), np.nan)
    if context.case.crisis is None:
        return Protection(unknown[:, 0], unknown, unknown, np.zeros(n), None)
    ask = Question(context.case, context.figures)
    weights = motives(ask, patron)
    H, V, zeta = (np.asarray(x) for x in (weights.own_security, weights.friendly_regime, weights.drawn_out))
    if "/rescue" not in context.groups or np.isnan(H).all():
        return Protection(unknown[:, 0], unknown, unknown, np.full(n, np.nan), None)
    group = context.groups["/rescue"].sel(power=patron)
    standing = _standing(context, ask, patron, zeta)
    saved: Array = in_blocks(_saved, *standing)
    # To let it be known that it will not come costs it with others what refusing a request would.
    name = np.zeros(n)
    if watchers(context.case, patron):
        seen = group["observed"]
        told = in_blocks(_CHANGE, seen.sel(state="refused").values, seen.sel(state="before").values)
        name = -np.asarray(weights.credibility) * told
    return Protection(
        group["guarantee"].sel(state="before").values,
        group["guarantee"].sel(state=list(STATES)).values,
        V[:, None] * saved + name[:, None],
        H,
        standing,
    )


def _standing(context: Context, ask: Question, patron: str, zeta: Array) -> _Standing:
    """The regime as it is known after either branch: stronger than the threshold that it survived."""
    case, n = context.case, context.size
    given = crisis_figures(ask)
    place = list(case.powers).index(patron)
    stars = context.groups["/regime"]["theta_star_by_power"].sel(power=patron)
    help_ = np.stack(doors(ask, patron), axis=-1)
    told = ~np.isnan(help_).any(axis=-1)
    shut = np.zeros_like(help_)
    shut[:, Doors._fields.index("fear")] = given["cost"]
    beliefs = client_beliefs(case, context.figures)
    comes = np.stack([beliefs.honoured[:, place], beliefs.before[:, place]], axis=1)
    rank = regime.SELECTIONS.index(context.structure.expectations or "laplacian")
    made: _Standing = in_blocks(
        _aftermath,
        given["strength"],
        given["public_precision"],
        np.stack([stars.sel(branch=b).values for b in ("helped", "alone")], axis=1),
        np.where(told[:, None], help_, shut),
        np.where(told[:, None] & ~np.isnan(comes), comes, 0.0),
        given["private_precision"],
        given["cost"],
        given["restoration"],
        given["damage"],
        zeta,
        np.full(n, rank),
    )
    return made


@jax.jit
def _aftermath(*arrays: jax.Array) -> _Standing:
    strength, alpha, stars, given, comes, beta, cost, kappa, chi, zeta, rank = arrays
    help_ = Doors(*jnp.moveaxis(given, -1, 0))
    prior = Belief(strength, alpha)
    asked = regime.news(prior, help_.plea_strength, help_.plea_precision)
    # Troops that have left no longer count, and what they did is no proof of the regime's own strength.
    floors = jnp.stack([stars[:, 0] - jnp.asarray(help_.force), stars[:, 1]])
    floors = jnp.where(jnp.isnan(floors), -1e9, floors)
    truth = regime.after_surviving(prior, floors)
    told = [regime.after_surviving(b, f) for b, f in zip((asked, prior), floors, strict=True)]
    common = Belief(*(jnp.stack(x) for x in zip(*told, strict=True)))
    opened = regime.news(
        regime.news(common, help_.plea_strength, help_.plea_precision),
        help_.signal_strength,
        help_.signal_precision,
    )
    mean, precision = (x.T for x in truth)
    common_mean, common_precision = (x.T for x in common)
    helped_mean, helped_precision = (x.T for x in opened)
    return _Standing(
        mean,
        precision,
        common_mean,
        common_precision,
        helped_mean,
        helped_precision,
        comes,
        jnp.asarray(help_.force),
        beta,
        cost,
        jnp.asarray(help_.fear),
        kappa,
        chi,
        zeta,
        rank,
    )


def _ends(given: _Standing, income: jax.Array, helped: bool) -> regime.Outcome:
    """How a further crisis would end once so much income is lost, shape (n, B, T)."""

    def wide(values: jax.Array) -> jax.Array:
        return jnp.broadcast_to(values.reshape(*values.shape, *(1,) * (3 - values.ndim)), income.shape)

    lost = wide(given.damage) * jnp.clip(jnp.where(jnp.isnan(income), 0.0, income), -FAR, FAR)
    means = (
        (given.helped_mean, given.helped_precision) if helped else (given.common_mean, given.common_precision)
    )
    push = wide(given.force) if helped else 0.0
    return regime.outcome(
        Belief(wide(given.mean) + push - lost, wide(given.precision)),
        Belief(wide(means[0]) - lost, wide(means[1])),
        wide(given.private_precision),
        wide(given.fear if helped else given.cost),
        wide(given.restoration),
        wide(given.rank),
    )


@jax.jit
def _rise(*arrays: jax.Array) -> jax.Array:
    *standing, income, unguarded = arrays
    given = _Standing(*standing)
    # Nothing lost stands beside what is lost, as one more threat.
    nothing = jnp.zeros_like(income[..., :1])
    losses = jnp.concatenate([nothing, income], axis=-1)
    open_ = jnp.concatenate([jnp.zeros_like(unguarded[..., :1]), unguarded], axis=-1)
    alone, helped = (_ends(given, losses, h) for h in (False, True))
    zeta, comes = given.drawn_out[:, None, None], given.comes[..., None]
    danger0, danger1 = (x.collapse + zeta * x.drawn_out for x in (alone, helped))
    danger = jnp.where(open_, danger0, comes * danger1 + (1.0 - comes) * danger0)
    risen = danger[..., 1:] - danger[..., :1]
    return jnp.where(jnp.isnan(income), jnp.nan, risen)


@jax.jit
def _saved(*arrays: jax.Array) -> jax.Array:
    """How much of survival hangs on the guarantee, shape (n, B)."""
    given = _Standing(*arrays)
    nothing = jnp.zeros((*given.comes.shape, 1))
    alone, helped = (_ends(given, nothing, h).survival[..., 0] for h in (False, True))
    saved: jax.Array = given.comes * (helped - alone)
    return saved
