"""What the observers learn from a request honoured or refused, and what that is worth to the power that was asked.

Both branches are computed, whatever is decided: what each would teach goes into the decision to come, and the reader
sees what hung on it. An observer leans on the powers in the domain that it names, with its own ties; the weight, the
elasticity and the capacities of that domain are the client's.
"""

from __future__ import annotations

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.beliefs import observer_beliefs
from tertius._study.compilation import in_blocks
from tertius._study.stages import Context, Made
from tertius._study.world import bundle
from tertius.models import reputation
from tertius.models.displacement import Status

__all__ = ["MOMENTS", "run"]

Array = NDArray[np.float64]

MOMENTS = ("before", "honoured", "refused")
"""From history alone; once the present request has been honoured, or refused."""

_LEAN = jax.jit(reputation.leaning)


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
    # An observer without a stated tie to a power adds nothing to that power's account; if none has one, it is missing.
    change = lever[..., 1:] - lever[..., :1]
    known = ~np.isnan(change).all(axis=1)
    worth = np.where(known, np.nansum(change, axis=1), np.nan)
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
            "worth": _variable(
                ("draw", "power", "taught"),
                worth,
                "log points",
                "sum over the observers of the change of the power's lever",
            ),
        },
        coords={"observer": observers, "power": powers, "moment": list(MOMENTS), "taught": list(MOMENTS[1:])},
    )
    return Made({"/reputation": group}, converged, residual)


def _variable(dims: tuple[str, ...], values: Array, unit: str, name: str) -> xr.Variable:
    return xr.Variable(dims, values, attrs={"long_name": name, "unit": unit})
