"""Where the client leans by the signs it gave, and whether its course changed.

The tilt towards each power is counted from where it stood before the first sign (:mod:`tertius.models.orientation`):
nought then, anywhere within ``prior_sd`` when the first sign comes, and a random walk of ``drift`` from there on. A
sign is a reading of the tilt towards every power that it speaks of, at the loading that the case gives it. What one
sign says of two powers is two readings, and powers of which no sign speaks have no tilt here: it is missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from tertius._study.compilation import in_blocks
from tertius._study.stages import Context, Made
from tertius.case import Case, Quantity
from tertius.models import orientation

__all__ = ["BEFORE", "FOLLOW_UP", "Calendar", "calendar", "run"]

Array = NDArray[np.float64]

BEFORE = "before"
"""Label of the moment before the first sign."""

FOLLOW_UP = (91, 182, 273, 365)
"""Days after the last sign on which the tilt is read once more."""

YEAR = 365.25
_PARTS = ndtri((np.arange(32) + 0.5) / 32)


@dataclass(frozen=True)
class Calendar:
    """The readings in their order.

    Attributes
    ----------
    signs
        Ids of the signs, by date.
    days
        The date of every reading: the moment before, the signs, the follow-ups.
    when
        Labels of the moments, one a date.
    place
        For each of them the number of its last reading.
    """

    signs: tuple[str, ...]
    days: tuple[date, ...]
    when: tuple[str, ...]
    place: tuple[int, ...]

    @property
    def end(self) -> int:
        """Number of the last sign's reading."""
        return len(self.signs)


def calendar(case: Case) -> Calendar:
    """Put a case's signs in order."""
    assert case.signals is not None
    events = sorted(case.signals.events, key=lambda sign: sign.date)
    last = events[-1].date
    days = (
        min(case.date, events[0].date),
        *(sign.date for sign in events),
        *(last + timedelta(days=n) for n in FOLLOW_UP),
    )
    places = {BEFORE: 0} | {day.isoformat(): number for number, day in enumerate(days) if number}
    return Calendar(tuple(sign.id for sign in events), days, tuple(places), tuple(places.values()))


@partial(jax.jit, static_argnames="end")
def _follow(y: jax.Array, r: jax.Array, q: jax.Array, by: jax.Array, *, end: int) -> tuple[Any, ...]:
    """Tilts (B, P, R) and their variances, moves (B, V, P) and contributions (B, P, R) to the tilt at ``end``.

    ``y`` is (B, V, P, R): one version with all signs, one with none, one with each sign alone.
    """
    h, m0, P0 = jnp.ones((y.shape[-1], 1)), jnp.zeros(1), jnp.zeros((1, 1))
    found = orientation.tilt(y, r[:, None], h, q[:, None, None, :, None], m0, P0)
    moved = orientation.moved(found, 0, end, by[:, None, None])
    shares = orientation.contributions(y[:, 0], r, h, q[:, None, :, None], m0, P0)
    move = jax.tree.map(lambda x: x[..., 0], moved)
    return found.mean[:, 0, ..., 0], found.covariance[:, 0, ..., 0, 0], move, shares[..., end, 0]


def run(context: Context) -> Made:
    """Follow the tilt towards every power that a sign speaks of.

    Parameters
    ----------
    context
        What has been computed.

    Returns
    -------
    Made
        The group ``/orientation``.
    """
    signals, n, order = context.case.signals, context.size, calendar(context.case)
    assert signals is not None
    powers = tuple(context.case.powers)
    events = {sign.id: sign for sign in signals.events}
    spoken = [p for p in powers if any(p in sign.loadings for sign in signals.events)]

    def stated(name: str, quantity: Quantity | None) -> Array:
        return np.full(n, np.nan) if quantity is None else context.figures(f"signals.{name}", quantity)

    R, S, end = len(order.days), len(order.signs), order.end
    y, r = np.full((n, len(spoken), R), np.nan), np.ones((n, len(spoken), R))
    for k, name in enumerate(order.signs, start=1):
        sign, at = events[name], f"events.{name}"
        r[:, :, k] = stated(f"{at}.noise", sign.noise)[:, None] ** 2
        for p, power in enumerate(spoken):
            if power in sign.loadings:
                y[:, p, k] = stated(f"{at}.loadings.{power}", sign.loadings[power])
    drift, q = stated("drift", signals.drift), np.zeros((n, R))
    for k in range(1, R):
        q[:, k] = drift**2 * (order.days[k] - order.days[k - 1]).days / YEAR
    q[:, 1] += stated("prior_sd", signals.prior_sd) ** 2
    versions = np.repeat(y[:, None], S + 2, axis=1)
    versions[:, 1:] = np.nan
    for k in range(S):
        versions[:, k + 2, :, k + 1] = y[:, :, k + 1]
    by = stated("moved", signals.moved)
    mean, variance, move, share = in_blocks(partial(_follow, end=end), versions, r, q, by)

    def of_powers(values: Array) -> Array:
        """With every power of the case; those of which no sign speaks are missing."""
        out = np.full((n, len(powers), *values.shape[2:]), np.nan)
        out[:, [powers.index(p) for p in spoken]] = values
        return out

    place = list(order.place)
    tilt, sd = of_powers(mean[..., place]), of_powers(np.sqrt(variance[..., place]))
    by_power, by_moment, by_sign = ("draw", "power"), ("draw", "power", "when"), ("draw", "power", "signal")
    alone = of_powers(np.moveaxis(move.either[:, 2:], 1, 2))
    table: dict[str, tuple[Sequence[str], Array, str, str]] = {
        "tilt": (by_moment, tilt, "tilt", "expected tilt, counted from where it stood before the first sign"),
        "tilt_sd": (by_moment, sd, "tilt", "its standard deviation, given the draw"),
        "shift": (
            by_power,
            of_powers(move.mean[:, 0]),
            "tilt",
            "expected change from before the first sign to the last",
        ),
        "shift_sd": (by_power, of_powers(move.sd[:, 0]), "tilt", "its standard deviation, given the draw"),
        "moved": (
            by_power,
            of_powers(move.either[:, 0]),
            "probability",
            "that the tilt moved by more than stated",
        ),
        "moved_up": (by_power, of_powers(move.up[:, 0]), "probability", "that it rose by more than stated"),
        "moved_down": (
            by_power,
            of_powers(move.down[:, 0]),
            "probability",
            "that it fell by more than stated",
        ),
        "moved_unseen": (
            by_power,
            of_powers(move.either[:, 1]),
            "probability",
            "that it moved, had no sign been given",
        ),
        "moved_alone": (by_sign, alone, "probability", "that it moved, were this sign the only one"),
        "contribution": (
            by_sign,
            of_powers(share[..., 1 : end + 1]),
            "tilt",
            "what the sign adds to the expected change",
        ),
    }
    group = xr.Dataset(
        {
            name: xr.Variable(dims, values, attrs={"long_name": long, "unit": unit})
            for name, (dims, values, unit, long) in table.items()
        },
        coords={"power": list(powers), "when": list(order.when), "signal": list(order.signs)},
        attrs={
            "titles": json.dumps({name: events[name].title for name in order.signs}),
            "dates": json.dumps({name: events[name].date.isoformat() for name in order.signs}),
            "before": order.days[0].isoformat(),
        },
    )

    def shown(fine: NDArray[np.bool_]) -> xr.Dataset:
        if not fine.any():
            return group
        ends = zip(("low", "high"), ("5th", "95th"), _band(tilt[fine], sd[fine]), strict=True)
        return group.assign(
            {
                f"tilt_{end}": xr.Variable(
                    ("power", "when"),
                    values,
                    attrs={
                        "long_name": f"{nth} percentile of the tilt, over draws and given them",
                        "unit": "tilt",
                    },
                )
                for end, nth, values in ends
            }
        )

    return Made({"/orientation": group}, shown=shown if context.main else None)


def _band(tilt: Array, sd: Array) -> tuple[Array, Array]:
    """5th and 95th percentile of the mixture over draws (first axis) of normal distributions."""
    every = tilt[..., None] + sd[..., None] * _PARTS
    pooled = np.moveaxis(every, 0, -1).reshape(*tilt.shape[1:], -1)
    low, high = np.quantile(pooled, [0.05, 0.95], axis=-1)
    return low, high
