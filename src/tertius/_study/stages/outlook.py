"""The coming years: levers by power, how many powers the client leans on, and when a late-comer overtakes.

Every domain is carried forward from today, and once more from after the case's first exit, at the drift and the
learning that the case states. What it says nothing of stays as it is; routes and the guarantee do not drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from tertius.case.schema.beliefs import Outlook
from tertius.models import outlook as model
from tertius.models.displacement import Status
from tertius.models.levers import effective_powers

__all__ = ["AS_IS", "DRAWS", "run"]

Array = NDArray[np.float64]

AS_IS = "as_is"
"""The scenario in which nobody leaves."""

DRAWS = 2048
"""Draws at most; a fan chart and a probability need no more."""

LOG_POINTS = "log points"


def run(context: Context) -> Made:
    """Make the group ``/outlook``."""
    case = context.case
    given = case.outlook
    assert given is not None
    n = min(context.size, DRAWS)
    powers, years = list(case.powers), np.arange(given.horizon + 1.0)
    scenarios = [AS_IS, *([context.headline] if context.headline is not None else [])]
    growth = _growth(context, given, n)
    held = {s: np.zeros((n, len(years), len(powers))) for s in scenarios}
    converged, residual = np.ones(n, dtype=bool), np.zeros(n)
    for name in case.domains:
        for scenario in scenarios:
            found = _domain(context, name, scenario, growth.get(name), years, n)
            held[scenario] += found.lever
            converged &= (found.status <= Status.INFINITE).all(axis=1) | _missing(found.status)
            residual = np.maximum(residual, np.nanmax(found.residual, axis=1, initial=0.0))
    if context.simulation.trade is not None:
        for scenario in scenarios:
            held[scenario] += _trade(context, scenario, growth.get("trade"), years, n)
    lever = np.stack([held[s] for s in scenarios], axis=1)
    effective = np.asarray(in_blocks(_EFFECTIVE, lever))
    fall = effective[:, :, 0] - effective[:, :, -1]
    variables: dict[str, xr.Variable] = {
        "lever": _variable(
            ("draw", "scenario", "year", "power"), lever, LOG_POINTS, "total lever, years from now"
        ),
        "effective_powers": _variable(
            ("draw", "scenario", "year"), effective, "powers", "effective number of powers, years from now"
        ),
        "effective_fall": _variable(
            ("draw", "scenario"), fall, "powers", "fall of the effective number of powers over the horizon"
        ),
    }
    by = np.full(n, np.nan) if given.fall is None else context.figures("outlook.fall", given.fall)[:n]
    # Both scenarios are held against the balance of today, before anybody left.
    today = np.concatenate(
        [np.repeat(effective[:, :1, :1], len(scenarios), axis=1), effective[:, :, -1:]], axis=2
    )
    variables["beyond_fall"] = _variable(
        ("draw", "scenario"),
        np.asarray(model.fallen(today, by[:, None])),
        "powers",
        "by how much the balance has fallen further than what counts as its end",
    )
    coords: dict[str, Any] = {"scenario": scenarios, "year": [f"{y:.0f}" for y in years], "power": powers}
    learned = list(given.learning)
    if learned:
        variables["years_to_overtake"] = _variable(
            ("draw", "learned", "power", "rival"),
            np.stack([_overtaking(context, d, growth[d], n) for d in learned], axis=1),
            "years",
            "until the power supplies as much as the rival, at unchanged prices",
        )
        coords |= {"learned": learned, "rival": powers}
    group = xr.Dataset(variables, coords=coords, attrs={"horizon": given.horizon})
    if n < context.size:
        converged = np.concatenate([converged, np.ones(context.size - n, dtype=bool)])
        residual = np.concatenate([residual, np.zeros(context.size - n)])
    return Made({"/outlook": group}, converged, residual)


def _variable(dims: Sequence[str], values: Array, unit: str, name: str) -> xr.Variable:
    return xr.Variable(tuple(dims), values, attrs={"long_name": name, "unit": unit})


def _missing(status: Any) -> NDArray[np.bool_]:
    """Draws in which a tie is not stated: missing, which is no failure of the solver."""
    return np.asarray((status == Status.MISSING).any(axis=1))


def _growth(context: Context, given: Outlook, n: int) -> dict[str, Array]:
    """Yearly growth by domain that changes at all, shape (n, P), log points."""
    powers = list(context.case.powers)
    out: dict[str, Array] = {}

    def values(path: str, stated: Mapping[str, Any]) -> Array:
        columns = [
            context.figures(f"{path}.{p}", stated[p])[:n] if p in stated else np.zeros(n) for p in powers
        ]
        return np.stack(columns, axis=-1)

    for name, drift in given.drift.items():
        out[name] = values(f"outlook.drift.{name}", drift)
    for name, learning in given.learning.items():
        path = f"outlook.learning.{name}"
        rate = values(f"{path}.rate", learning.rate)
        exposure = (
            values(f"{path}.exposure", learning.exposure) if learning.exposure else np.ones((n, len(powers)))
        )
        out[name] = np.asarray(model.growth(out.get(name, np.zeros_like(rate)), rate, exposure))
    return out


def _domain(
    context: Context, name: str, scenario: str, growth: Array | None, years: Array, n: int
) -> model.Projection:
    """One domain from today, or from after the exit."""
    given = bundle(context.case, name, context.figures, context.structure)
    share = given.share[:n]
    if scenario != AS_IS:
        tie = context.simulation.domains[name].after[scenario].tie[:n]
        own = 1 - np.nansum(tie, axis=1, keepdims=True)
        share = np.where(np.isnan(share), np.nan, np.concatenate([tie, own], axis=1))
    weight = given.weight[:n]
    if context.structure.equal_weights:
        every = [
            bundle(context.case, d, context.figures, context.structure).weight for d in context.case.domains
        ]
        weight = np.mean(every, axis=0)[:n]
    powers = share.shape[1] - 1
    g = np.zeros((n, powers + 1))
    if growth is not None:
        g[:, :powers] = growth
    program: Any = _FLAT
    args: list[Array] = [share, weight, given.sigma[:n], given.eta[:n], g]
    if given.rho is not None and given.nest is not None:
        program = _NESTED
        args.append(given.rho[:n])
        member = jnp.asarray(np.arange(len(given.nest))[:, None] == given.nest, dtype=float)
        program = partial(program, nests=member)
    found: model.Projection = in_blocks(partial(program, years=jnp.asarray(years, float)), *args)
    return found


def _flat(
    s: jax.Array, w: jax.Array, sigma: jax.Array, eta: jax.Array, g: jax.Array, *, years: jax.Array
) -> Any:
    return model.project(s, w, sigma, eta, g, years)


def _nested(
    s: jax.Array,
    w: jax.Array,
    sigma: jax.Array,
    eta: jax.Array,
    g: jax.Array,
    rho: jax.Array,
    *,
    years: jax.Array,
    nests: jax.Array,
) -> Any:
    return model.project(s, w, sigma, eta, g, years, rho=rho, nests=nests)


_FLAT, _NESTED = jax.jit(_flat), jax.jit(_nested)
_EFFECTIVE = jax.jit(lambda lever: effective_powers(lever).entropy)


def _trade(context: Context, scenario: str, growth: Array | None, years: Array, n: int) -> Array:
    """Trade and transit, shape (n, Y, P): the lever through trade goes with the share, that of routes stays."""
    before = scenario == AS_IS
    group = context.groups["/levers" if before else "/displacement"]
    lever = group["lever" if before else "leverage_after"].transpose("draw", "power", "domain")
    share = group["tie" if before else "tie_after"].sel(domain="trade").transpose("draw", "power").values[:n]
    trade = lever.sel(domain="trade").values[:n]
    transit = (
        lever.sel(domain="transit").values[:n]
        if "transit" in lever["domain"].values
        else np.zeros_like(trade)
    )
    if growth is None:
        return np.repeat((trade + transit)[:, None], len(years), axis=1)
    known = np.nan_to_num(share)
    rest = np.maximum(0.0, 1 - known.sum(axis=1, keepdims=True))
    s = np.concatenate([known, rest], axis=1)
    g = np.concatenate([growth, np.zeros((n, 1))], axis=1)
    grown = np.asarray(in_blocks(partial(_SHARES, years=jnp.asarray(years, float)), s, g))[..., :-1]
    # Who does not trade has no lever through trade, and none to grow.
    ratio = np.where(known[:, None] > 0, grown / np.where(known > 0, known, 1.0)[:, None], 1.0)
    return np.asarray(trade[:, None] * ratio + transit[:, None])


_SHARES = jax.jit(lambda s, g, *, years: model.project_shares(s, g, years))


def _overtaking(context: Context, name: str, growth: Array, n: int) -> Array:
    """Years until each power overtakes each other, shape (n, P, P)."""
    share = context.simulation.domains[name].tie[:n]
    found = np.array(
        model.overtaking(share[:, :, None], share[:, None, :], growth[:, :, None], growth[:, None, :])
    )
    same = np.arange(share.shape[1])
    found[:, same, same] = np.nan
    return found
