"""What the observers learn from a request honoured or refused, and what that is worth to the power that was asked.

Both branches are computed, whatever is decided: what each would teach goes into the decision to come, and the reader
sees what hung on it. An observer leans on a power through two channels:

* the domain that it names, with its own ties; the weight, the elasticity and the capacities are the client's;
* the power's guarantee of its regime, in proportion to what it believes. How much help adds to the survival of a regime
  like it is taken from the client before its crisis, and so is what survival is worth, where the observer states none.
"""

from __future__ import annotations

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.beliefs import observer_beliefs
from tertius._study.compilation import in_blocks
from tertius._study.crisis import Question
from tertius._study.stages import Context, Made
from tertius._study.world import bundle
from tertius.models import levers, reputation
from tertius.models.displacement import Status

__all__ = ["CHANNELS", "MOMENTS", "run"]

Array = NDArray[np.float64]

MOMENTS = ("before", "honoured", "refused")
"""From history alone; once the present request has been honoured, or refused."""

CHANNELS = ("domain", "guarantee")
"""How an observer leans on a power: in a domain, and on its guarantee."""


def _guaranteed(helped: jax.Array, alone: jax.Array, belief: jax.Array, weight: jax.Array) -> jax.Array:
    """Levers of the powers' guarantees over every observer, shape (n, M, P, 3)."""
    shape = (slice(None), None, slice(None), None)
    return levers.guarantee(helped[shape], alone[shape], belief, weight[:, :, None, None])


_LEAN, _GUARANTEED = jax.jit(reputation.leaning), jax.jit(_guaranteed)


def run(context: Context) -> Made:
    """Make the group ``/reputation``."""
    case, figures, n = context.case, context.figures, context.size
    powers, observers = list(case.powers), list(case.observers)
    shape = (n, len(observers), len(powers), len(MOMENTS))
    belief, lever = np.full(shape, np.nan), np.full(shape, np.nan)
    converged, residual = np.ones(n, dtype=bool), np.zeros(n)
    for m, (name, held) in enumerate(observer_beliefs(case, figures).items()):
        means = (held.before, held.honoured, held.refused)
        belief[:, m] = np.stack(means, axis=-1)
        record = case.observers[name]
        if record.domain is None or record.reliance is None or not record.ties:
            continue
        path = f"observers.{name}"
        reliance = figures(f"{path}.reliance", record.reliance)
        share = np.full((n, len(powers) + 1), np.nan)
        for p, tie in record.ties.items():
            share[:, powers.index(p)] = figures(f"{path}.ties.{p}", tie)
        stated = np.nansum(share, axis=1)
        # Ties that add up to more than everything leave nothing of its own.
        share /= np.maximum(stated, 1.0)[:, None]
        share[:, -1] = 1 - np.nansum(share, axis=1)
        domain = bundle(case, record.domain, figures, context.structure)
        for t, mean in enumerate(means):
            found = in_blocks(
                _LEAN, share, domain.weight, domain.sigma, domain.eta, mean, held.before, reliance
            )
            lever[:, m, :, t] = found.lever
            converged &= found.status <= Status.INFINITE
            residual = np.maximum(residual, found.residual)
    guarantee = _guarantees(context, belief)
    # An observer without a stated tie to a power adds nothing to that power's account; if none has one, it is missing.
    channels = np.stack([_gained(lever), _gained(guarantee)], axis=-1)
    known = ~np.isnan(channels).all(axis=-1)
    worth = np.where(known, np.nansum(channels, axis=-1), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        lesson = 100 * np.log(belief[..., 1] / belief[..., 2])
    group = xr.Dataset(
        {
            "belief": _variable(
                ("draw", "observer", "power", "moment"),
                belief,
                "probability",
                "what the observer believes: that the power would come if asked",
            ),
            "lesson": _variable(
                ("draw", "observer", "power"),
                lesson,
                "log points",
                "belief after the request is honoured over belief after it is refused",
            ),
            "hold": _variable(
                ("draw", "observer", "power", "moment"),
                lever,
                "log points",
                "lever of the power over the observer in the domain in which it leans on it",
            ),
            "hold_guarantee": _variable(
                ("draw", "observer", "power", "moment"),
                guarantee,
                "log points",
                "lever of the power's guarantee over the observer",
            ),
            "worth": _variable(
                ("draw", "power", "taught"),
                worth,
                "log points",
                "sum over the observers of the change of the power's levers",
            ),
            "worth_by": _variable(
                ("draw", "power", "taught", "channel"),
                channels,
                "log points",
                "the same by channel: in the domain in which it leans on the power, and on its guarantee",
            ),
        },
        coords={
            "observer": observers,
            "power": powers,
            "moment": list(MOMENTS),
            "taught": list(MOMENTS[1:]),
            "channel": list(CHANNELS),
        },
    )
    return Made({"/reputation": group}, converged, residual)


def _guarantees(context: Context, belief: Array) -> Array:
    """Levers of the guarantees over the observers, shape (n, M, P, 3); ``NaN`` where the case has no rescue."""
    if "/rescue" not in context.groups:
        return np.full(belief.shape, np.nan)
    case, ask = context.case, Question(context.case, context.figures)
    client = ask(case.crisis, "crisis", "guarantee_weight")
    weight = [
        client if record.guarantee_weight is None else ask(record, f"observers.{name}", "guarantee_weight")
        for name, record in case.observers.items()
    ]
    group = context.groups["/rescue"].sel(state="before")
    helped, alone = (group[name].values for name in ("next_helped", "next_alone"))
    return np.asarray(in_blocks(_GUARANTEED, helped, alone, belief, np.stack(weight, axis=1)))


def _gained(lever: Array) -> Array:
    """Change of each power's lever over all observers together, shape (n, P, 2).

    ``NaN`` where none is known, and where one is infinite before and after: what it changes by is not nothing.
    """
    with np.errstate(invalid="ignore"):
        change = lever[..., 1:] - lever[..., :1]
    known = ~np.isnan(change).all(axis=1)
    undefined = (np.isnan(change) & ~np.isnan(lever[..., 1:]) & ~np.isnan(lever[..., :1])).any(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(known & ~undefined, np.nansum(change, axis=1), np.nan)


def _variable(dims: tuple[str, ...], values: Array, unit: str, name: str) -> xr.Variable:
    return xr.Variable(dims, values, attrs={"long_name": name, "unit": unit})
