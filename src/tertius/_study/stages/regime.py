"""Stage ``regime``: how the crisis ends for the regime left alone, refused and helped, and how long it lasts."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from tertius._study.compilation import in_blocks
from tertius._study.crisis import Question, crisis_figures, doors, patron
from tertius._study.points import sobol
from tertius._study.stages import Context, Made
from tertius.models import regime
from tertius.models.regime import Belief, Doors, Selection, Status

__all__ = ["BRANCHES", "DAYS", "run"]

Array = NDArray[np.float64]

BRANCHES = ("alone", "refused", "helped")
"""Nobody asked; asked and refused; helped."""

FOLLOWED = ("alone", "helped")
"""The courses that are followed day by day."""

DAYS = 10
"""Days that a crisis is followed."""

_FEW = 512
"""Draws at most over which the length of the crisis is taken."""

PERCENT = "probability"


class _Ends(NamedTuple):
    """What a branch leaves; the last axis is the branch."""

    survival: Any
    collapse: Any
    drawn_out: Any
    restored: Any
    theta_star: Any
    theta_kappa: Any
    fragility: Any


class _Found(NamedTuple):
    ends: _Ends
    best: Any
    worst: Any
    multiple: Any
    points: Any
    residual: Any
    fine: Any


def run(context: Context) -> Made:
    """Solve the game for every candidate's help, and follow the asked power's day by day."""
    case = context.case
    ask = Question(case, context.figures)
    given = crisis_figures(ask)
    game = [
        given[n]
        for n in ("strength", "public_precision", "private_precision", "cost", "restoration", "damage")
    ]
    selection: Selection = context.structure.expectations or "laplacian"
    rank = np.full(context.size, regime.SELECTIONS.index(selection))

    powers = tuple(case.powers)
    candidates = () if case.rescue is None else tuple(p for p in powers if p in case.rescue.candidates)
    lead = patron(case)

    def solve(power: str | None) -> _Found:
        # Only of the power that was asked is the range over equilibria shown.
        wide = np.full(context.size, power == lead)
        opened = _shut(given["cost"]) if power is None else doors(ask, power)
        found: _Found = in_blocks(_solve, *game, *opened, rank, wide)
        return found

    helped = {power: solve(power) for power in candidates}
    main = solve(None) if lead is None else helped[lead]
    branches = BRANCHES if lead is not None else BRANCHES[:1]

    group = _group(main, branches)
    if lead is not None:
        group = group.assign(_by_power(helped, powers, context.size)).assign_coords(power=list(powers))
    group = group.assign_attrs(asked_of=lead or "", selection=selection)
    fine = np.logical_and.reduce([main.fine, *(f.fine for f in helped.values())])
    residual = np.fmax.reduce([main.residual, *(f.residual for f in helped.values())])

    def shown(fine: NDArray[np.bool_]) -> xr.Dataset:
        followed = {} if lead is None else _days(context.apart(), given, lead, selection, fine)
        labels = {"followed": list(FOLLOWED), "day": np.arange(1, DAYS + 1)} if followed else {}
        return group.assign(followed).assign_coords(labels)

    return Made({"/regime": group}, fine, np.nan_to_num(residual), shown if context.main else None)


def _shut(cost: Array) -> Doors:
    zero = np.zeros_like(cost)
    return Doors(zero, zero, zero, cost, zero, zero)


@jax.jit
def _solve(*arrays: jax.Array) -> _Found:
    mu, alpha, beta, c, kappa, chi, *rest = arrays
    given, rank, wide = Doors(*rest[:6]), rest[6], rest[7]
    # Without a word on how help would work, the regime is left alone as if there were none.
    told = ~jnp.isnan(jnp.stack([jnp.asarray(x) for x in given])).any(0)
    shut = Doors(0.0, 0.0, 0.0, c, 0.0, 0.0)
    opened = Doors(*(jnp.where(told, x, y) for x, y in zip(given, shut, strict=True)))
    found = regime.helped(Belief(mu, alpha), beta, c, opened, kappa, rank)

    def stack(name: str) -> jax.Array:
        branches = [getattr(one, name) for one in (found.alone, found.refused, found.helped)]
        values = jnp.stack(branches, -1)
        if jnp.issubdtype(values.dtype, jnp.floating):
            values = values.at[..., 1:].set(jnp.where(told[:, None], values[..., 1:], jnp.nan))
        return values

    prior = Belief(mu, alpha)
    asked = regime.news(prior, opened.plea_strength, opened.plea_precision)
    signalled = regime.news(asked, opened.signal_strength, opened.signal_precision)
    belief = Belief(*(jnp.stack(x, -1) for x in zip(prior, asked, signalled, strict=True)))
    costs = jnp.stack([c, c, jnp.asarray(opened.fear)], -1)
    force = jnp.asarray(opened.force)
    push = jnp.stack([jnp.zeros_like(mu), jnp.zeros_like(mu), force], -1)
    # The range over equilibria: beside the one selected there is one at the other end.
    far = jnp.where(rank == 0, regime.OPPOSITE, len(regime.SELECTIONS) - rank)
    survival = stack("survival")

    def other_end() -> jax.Array:
        private, rank_of_other = (jnp.broadcast_to(x[:, None], push.shape) for x in (beta, far))
        at = regime.equilibrium(*belief, private, costs, rank_of_other)
        return jax.scipy.special.ndtr(jnp.sqrt(alpha[:, None]) * (mu[:, None] + push - at.theta_star))

    other = jax.lax.cond(wide.any(), other_end, lambda: survival)
    known = jnp.stack([jnp.ones_like(told), told, told], -1)

    def hide(values: jax.Array) -> jax.Array:
        return jnp.where(known, values, jnp.nan)

    status = jnp.stack([found.alone.status, found.refused.status, found.helped.status], -1)
    # What the case does not state is no failure; figures so large that no equation is left are one.
    fine = ((status == Status.CONVERGED) | (status == Status.MISSING)).all(-1)
    residual = stack("residual").max(-1, where=known, initial=0.0)
    made = _Found(
        ends=_Ends(**{n: stack(n) for n in _Ends._fields[:-1]}, fragility=chi[:, None] * stack("slope")),
        best=hide(jnp.maximum(survival, other)),
        worst=hide(jnp.minimum(survival, other)),
        multiple=hide(stack("multiple").astype(float)),
        points=jnp.where(told[:, None], found.points, jnp.nan),
        residual=residual,
        fine=fine,
    )

    # A draw without an answer is left out of the findings, and may be part of no mean before that.
    def answered(values: jax.Array) -> jax.Array:
        return jnp.where(fine[:, None], values, jnp.nan)

    shown: _Found = jax.tree.map(answered, made._replace(residual=(), fine=()))
    return shown._replace(residual=residual, fine=fine)


def _variable(dims: tuple[str, ...], values: Any, unit: str, name: str) -> xr.Variable:
    return xr.Variable(dims, values, attrs={"long_name": name, "unit": unit})


def _group(main: _Found, branches: tuple[str, ...]) -> xr.Dataset:
    dims, some = ("draw", "branch"), slice(len(branches))
    ends = main.ends
    variables = {
        "survival": _variable(dims, ends.survival[:, some], PERCENT, "the regime does not fall"),
        "collapse": _variable(dims, ends.collapse[:, some], PERCENT, "the regime falls"),
        "drawn_out": _variable(dims, ends.drawn_out[:, some], PERCENT, "it stands, but the crisis drags on"),
        "restored": _variable(dims, ends.restored[:, some], PERCENT, "order is restored at once"),
        "theta_star": _variable(dims, ends.theta_star[:, some], "share", "strength below which it falls"),
        "theta_kappa": _variable(
            dims, ends.theta_kappa[:, some], "share", "strength above which order is restored"
        ),
        "survival_best": _variable(dims, main.best[:, some], PERCENT, "survival in its best equilibrium"),
        "survival_worst": _variable(dims, main.worst[:, some], PERCENT, "survival in its worst equilibrium"),
        "multiple": _variable(dims, main.multiple[:, some], "1", "whether there are several equilibria"),
        "fragility": _variable(
            dims, ends.fragility[:, some], "probability per log point", "survival lost with income"
        ),
    }
    coords: dict[str, Any] = {"branch": list(branches)}
    if len(branches) > 1:
        variables["points"] = _variable(("draw", "door"), main.points, PERCENT, "Shapley points of survival")
        coords["door"] = list(regime.DOORS)
    return xr.Dataset(variables, coords=coords)


def _by_power(helped: dict[str, _Found], powers: tuple[str, ...], n: int) -> dict[str, xr.Variable]:
    """The same for every power's help; ``NaN`` for powers that are no candidates."""

    def put(pick: Any, width: int) -> Array:
        out = np.empty((n, len(powers), width))
        for k, power in enumerate(powers):
            out[:, k] = pick(helped[power]) if power in helped else np.nan
        return out

    dims = ("draw", "power", "branch")
    return {
        "survival_by_power": _variable(
            dims, put(lambda f: f.ends.survival, 3), PERCENT, "survival with that power's help"
        ),
        "collapse_by_power": _variable(
            dims, put(lambda f: f.ends.collapse, 3), PERCENT, "collapse with that power's help"
        ),
        "drawn_out_by_power": _variable(
            dims, put(lambda f: f.ends.drawn_out, 3), PERCENT, "a drawn-out crisis with that power's help"
        ),
        "theta_star_by_power": _variable(
            dims, put(lambda f: f.ends.theta_star, 3), "share", "threshold with that power's help"
        ),
        "points_by_power": _variable(
            ("draw", "power", "door"), put(lambda f: f.points, 4), PERCENT, "Shapley points of survival"
        ),
    }


def _days(
    context: Context, given: dict[str, Array], lead: str, selection: Selection, fine: NDArray[np.bool_]
) -> dict[str, xr.Variable]:
    """How long the crisis lasts, alone and helped, over the first draws; nothing where no news is stated."""
    crisis, rescue = context.case.crisis, context.case.rescue
    if crisis is None or rescue is None or crisis.private_news is None:
        return {}
    ask = Question(context.case, context.figures)
    news = ask(crisis, "crisis", "private_news"), ask(crisis, "crisis", "public_news", 0.0)
    arrival = ask(rescue.candidates[lead], f"rescue.candidates.{lead}", "arrival", 0.0)
    names = ("strength", "public_precision", "private_precision", "cost", "restoration")
    arrays = [*(given[n] for n in names), *doors(ask, lead), *news, arrival]
    rows = min(_FEW, context.size)
    rank = np.full(rows, regime.SELECTIONS.index(selection))
    # Every draw lives through one course of strength and public news; the same ones in every run.
    luck = ndtri(sobol(_FEW, DAYS, 0))[:rows]
    falls, quiet, length = in_blocks(_follow, *(np.asarray(a)[:rows] for a in arrays), rank, luck)
    known = fine[:rows] & ~np.isnan(length).any(axis=1)
    if not known.any():
        return {}
    dims = ("followed", "day")

    def mean(values: Array) -> Array:
        return np.asarray(values[known].mean(axis=0))

    return {
        "falls_on": _variable(dims, mean(falls), PERCENT, "the regime falls on that day"),
        "quiet_after": _variable(
            dims, mean(quiet), PERCENT, "it stands, and that day was the last troubled one"
        ),
        "length": _variable(dims[:1], mean(length), "days", "expected last day of the crisis"),
    }


@jax.jit
def _follow(*arrays: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    mu, alpha, beta, c, kappa, *rest = arrays
    help_ = Doors(*rest[:6])
    private, public, arrival, rank, luck = rest[6:]
    day = jnp.arange(1, DAYS + 1)
    beta_by_day = beta[:, None] + private[:, None] * (day - 1)
    prior = Belief(mu, alpha)
    asked = regime.news(prior, help_.plea_strength, help_.plea_precision)
    here = day[None, :] > arrival[:, None]
    shown, weight, force, fear = (
        jnp.asarray(x)[:, None]
        for x in (help_.signal_strength, help_.signal_precision, help_.force, help_.fear)
    )
    strength = mu + luck[:, 0] / jnp.sqrt(alpha)
    noise = luck[:, 1:] / jnp.sqrt(jnp.where(public > 0, public, 1.0))[:, None]
    courses = []
    for helped in (False, True):
        on = here if helped else jnp.zeros_like(here)
        push = jnp.where(on, force, 0.0)
        told = strength[:, None] + push[:, 1:] + noise
        belief = regime.public_news(asked if helped else prior, public, told)
        # What was shown on the day of arrival stays known, relative to what was believed on that day.
        first = jnp.take_along_axis(belief.mean, jnp.argmax(on, axis=1)[:, None], axis=1)
        showing = regime.news(belief, first + shown - belief.mean, weight)
        belief = Belief(*(jnp.where(on, x, y) for x, y in zip(showing, belief, strict=True)))
        cost = jnp.where(on, fear, c[:, None])
        # Probabilities are those of strength given the news, so that one course of news per draw is enough.
        weighed = regime.public_news(prior, public, told - push[:, 1:])
        courses.append((weighed.mean[:, -1], weighed.precision[:, -1], *belief, cost, push))
    m_true, a_true, m, a, cost, push = (jnp.stack(x, 1) for x in zip(*courses, strict=True))

    def wide(values: jax.Array) -> jax.Array:
        return jnp.broadcast_to(values[:, None], (mu.size, len(FOLLOWED), *values.shape[1:]))

    found = regime.days(
        Belief(m_true, a_true), Belief(m, a), wide(beta_by_day), cost, wide(kappa), push, selection=wide(rank)
    )
    good = found.status == Status.CONVERGED
    by_day = good[..., None]
    return (
        jnp.where(by_day, found.fall, jnp.nan),
        jnp.where(by_day, found.quiet, jnp.nan),
        jnp.where(good, found.length, jnp.nan),
    )
