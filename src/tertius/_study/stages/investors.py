"""What the crisis did to foreign capital, and what the case's first exit does on top of it.

The premium of the crisis makes capital from every power dearer, in the domain that investors supply
(:mod:`tertius.models.investors`); the exit is the one of ``/displacement``, in that domain alone. Losses are given at
the peak, when the premium is first asked, and year by year as it fades.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.stages import Context, Made
from tertius._study.world import bundle
from tertius.models import investors
from tertius.models.displacement import Status

__all__ = ["SHOCKS", "YEARS", "run"]

Array = NDArray[np.float64]

SHOCKS = ("crisis", "exit", "both", "interaction")

YEARS = (0, 1, 2, 3, 4, 5)
"""Years after the crisis."""

YEAR = 365.25


@jax.jit
def _losses(
    s: jax.Array,
    sigma: jax.Array,
    eta: jax.Array,
    omega: jax.Array,
    peak: jax.Array,
    half: jax.Array,
    delay: jax.Array,
    base: jax.Array,
    leave: jax.Array,
    rho: jax.Array | None = None,
    nests: jax.Array | None = None,
) -> investors.Losses:
    # Before the years comes the peak, whenever it is.
    later = investors.premium(peak, half, jnp.array(YEARS), delay)
    rise = jnp.concatenate([peak[:, None], later], axis=1)
    return investors.losses(s, sigma, eta, omega, rise, base, leave, rho=rho, nests=nests)


def run(context: Context) -> Made:
    """Price the crisis, the exit and both.

    Parameters
    ----------
    context
        What has been computed.

    Returns
    -------
    Made
        The group ``/investors``.
    """
    case, n, figures = context.case, context.size, context.figures
    given = case.investors
    assert given is not None
    suppliers = bundle(case, given.domain, figures, context.structure)
    powers = tuple(case.powers)
    weight = suppliers.weight
    if context.structure.equal_weights:
        weight = np.mean([figures(f"domains.{d}.weight", s.weight) for d, s in case.domains.items()], axis=0)
    delay = np.zeros(n) if given.delay is None else figures("investors.delay", given.delay) / YEAR
    peak, half = figures("investors.premium", given.premium), figures("investors.half_life", given.half_life)
    leave = np.zeros((n, len(powers)))
    leaving = next((e for e in context.simulation.exits if e.id == context.headline), None)
    if leaving is not None and given.domain in leaving.domains:
        for power, degree in leaving.degree.items():
            leave[:, powers.index(power)] = degree
    arrays = [
        suppliers.share, suppliers.sigma, suppliers.eta, weight, peak, half, delay,
        figures("investors.base_return", given.base_return), leave,
    ]  # fmt: skip
    model: Callable[..., Any] = _losses
    if suppliers.rho is not None and suppliers.nest is not None:
        arrays.append(suppliers.rho)
        member = (np.arange(len(suppliers.nest))[:, None] == suppliers.nest).astype(float)
        model = partial(_losses, nests=member)
    found: investors.Losses = in_blocks(model, *arrays)

    def by_shock(*values: Any) -> Array:
        out: Array = np.stack(values, axis=1)
        if leaving is None:
            out[:, 1:] = np.nan
        return out

    loss = by_shock(found.crisis, found.exit, found.both, found.interaction)
    foreign = by_shock(found.foreign_crisis, found.foreign_exit, found.foreign_both)
    dims, points = ("draw", "shock"), "log points"
    table: dict[str, tuple[tuple[str, ...], Any, str, str]] = {
        "premium": (("draw", "year"), found.premium[:, 1:], "points", "rise of the required return"),
        "loss": (
            dims,
            loss[..., 0],
            points,
            "what the client loses through capital when the premium is at its peak",
        ),
        "loss_path": ((*dims, "year"), loss[..., 1:], points, "the same by year after the crisis"),
        "foreign": (
            ("draw", "change"),
            foreign[..., 0],
            points,
            "log change of the foreign capital supplied at the peak",
        ),
        "foreign_path": (
            ("draw", "change", "year"),
            foreign[..., 1:],
            points,
            "the same by year after the crisis",
        ),
    }
    group = xr.Dataset(
        {
            name: xr.Variable(dims_, values, attrs={"long_name": long, "unit": unit})
            for name, (dims_, values, unit, long) in table.items()
        },
        coords={"shock": list(SHOCKS), "change": list(SHOCKS[:3]), "year": list(YEARS)},
        attrs={
            "domain": given.domain,
            "exit": leaving.id if leaving is not None else "",
            "exit_title": leaving.title if leaving is not None else "",
            "leaving": json.dumps(sorted(leaving.degree) if leaving is not None else []),
        },
    )
    known = np.isin(np.asarray(found.status), (Status.CONVERGED, Status.INFINITE, Status.MISSING))
    residual = np.nanmax(np.asarray(found.residual), axis=1, initial=0.0)
    return Made({"/investors": group}, np.asarray(known.all(axis=1)), residual)
