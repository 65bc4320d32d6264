"""Labels on results: from raw arrays to the groups that ``docs/findings.md`` specifies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.simulate import ExitResults, Simulation, exit_results
from tertius._study.world import Exit
from tertius.case import Case
from tertius.models.levers import effective_powers

__all__ = ["displacement_group", "kept_groups", "levers_group", "raw_groups", "tertius"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LOG_POINTS = "log points"

_effective = jax.jit(effective_powers)


def _variable(dims: Sequence[str], values: Any, unit: str, name: str) -> xr.Variable:
    return xr.Variable(tuple(dims), values, attrs={"long_name": name, "unit": unit})


def domain_labels(case: Case, simulation: Simulation) -> list[str]:
    """Labels of the dimension ``domain``."""
    labels = []
    if simulation.world is not None:
        labels.append("trade")
        if any(route.owner for route in simulation.world.routes):
            labels.append("transit")
    return [*labels, *case.domains, "total"]


def flow_labels(case: Case, simulation: Simulation) -> list[str]:
    """Labels of the dimension ``flow``."""
    first = ["trade_exports", "trade_imports", "trade"] if simulation.world is not None else []
    return [*first, *case.domains, "total"]


def _stack(parts: Mapping[str, Array]) -> Array:
    """Put domains side by side and add their total: last axis domain; a missing part makes the total missing."""
    values = np.stack(list(parts.values()), axis=-1)
    return np.concatenate([values, values.sum(axis=-1, keepdims=True)], axis=-1)


def _lever_parts(
    simulation: Simulation, which: str, exit_id: str | None, labels: Sequence[str]
) -> dict[str, Array]:
    parts: dict[str, Array] = {}
    if simulation.trade is not None:
        found = simulation.trade.levers if exit_id is None else simulation.trade.after[exit_id].levers
        if which == "lever":
            parts["trade"] = found.trade
            if "transit" in labels:
                parts["transit"] = found.joint - found.trade
        else:
            parts["trade"] = found.reverse
            if "transit" in labels:
                # The case's routes are all there are, and none of them is the client's to close.
                parts["transit"] = np.zeros_like(found.reverse)
    for name, domain in simulation.domains.items():
        if which == "reverse":
            parts[name] = domain.reverse
        else:
            parts[name] = domain.lever if exit_id is None else domain.after[exit_id].lever
    return parts


def _trade_tie(simulation: Simulation, powers: Sequence[str], exports: Array, imports: Array) -> Array:
    """The powers' shares in the client's exports plus imports, shape (n, P)."""
    assert simulation.world is not None
    regions = list(simulation.world.regions)
    abroad = np.arange(len(regions)) != simulation.world.client
    both = (exports + imports).sum(axis=1)
    total = (both * abroad).sum(axis=1, keepdims=True)
    return np.asarray(both[:, [regions.index(p) for p in powers]] / total)


def _ties(case: Case, simulation: Simulation, exit_id: str | None, labels: Sequence[str]) -> Array:
    """Shares by domain, shape (n, P, domain); transit and the total have none."""
    powers = tuple(case.powers)
    n = len(simulation.converged)
    out = np.full((n, len(powers), len(labels)), np.nan)
    if simulation.trade is not None:
        after = simulation.trade if exit_id is None else simulation.trade.after[exit_id]
        out[..., labels.index("trade")] = _trade_tie(simulation, powers, after.exports, after.imports)
    for name, domain in simulation.domains.items():
        out[..., labels.index(name)] = domain.tie if exit_id is None else domain.after[exit_id].tie
    return out


def levers_group(case: Case, simulation: Simulation) -> xr.Dataset:
    """The group ``/levers``."""
    labels = domain_labels(case, simulation)
    powers = list(case.powers)
    lever = _stack(_lever_parts(simulation, "lever", None, labels))
    reverse = _stack(_lever_parts(simulation, "reverse", None, labels))
    with np.errstate(invalid="ignore"):
        net = lever - reverse
    entropy, herfindahl = in_blocks(_effective, np.moveaxis(lever, 1, -1))
    dims = ("draw", "power", "domain")
    variables = {
        "lever": _variable(dims, lever, LOG_POINTS, "what the power could cost the client by withdrawing"),
        "reverse": _variable(
            dims, reverse, LOG_POINTS, "what the client could cost the power by withdrawing"
        ),
        "net": _variable(dims, net, LOG_POINTS, "lever less reverse lever"),
        "tie": _variable(
            dims, _ties(case, simulation, None, labels), "share", "share of the power in the domain"
        ),
        "effective_powers": _variable(
            ("draw", "domain"), entropy, "powers", "effective number of powers leaned on (entropy)"
        ),
        "inverse_herfindahl": _variable(
            ("draw", "domain"),
            herfindahl,
            "powers",
            "effective number of powers leaned on (inverse Herfindahl)",
        ),
    }
    if simulation.trade is not None and "transit" in labels:
        variables["transit_alone"] = _variable(
            ("draw", "power"),
            simulation.trade.levers.transit_alone,
            LOG_POINTS,
            "closing the routes, trading on",
        )
    return xr.Dataset(variables, coords={"power": powers, "domain": labels})


def displacement_group(case: Case, simulation: Simulation, leaving: Exit) -> xr.Dataset:
    """One exit's group: ``/displacement``, or one of ``/exits``."""
    labels, flows = domain_labels(case, simulation), flow_labels(case, simulation)
    powers = list(case.powers)
    before = _stack(_lever_parts(simulation, "lever", None, labels))
    after = _stack(_lever_parts(simulation, "lever", leaving.id, labels))
    with np.errstate(invalid="ignore"):
        gain = after - before
    results: ExitResults = exit_results(simulation, leaving, powers)
    entropy, herfindahl = in_blocks(_effective, np.moveaxis(after, 1, -1))
    dims, fdims = ("draw", "power", "domain"), ("draw", "power", "flow")
    loss = np.stack([results.loss[d] for d in labels[:-1]], axis=-1)
    parties = list(results.who_pays)
    variables = {
        "leverage_before": _variable(dims, before, LOG_POINTS, "lever before the exit"),
        "leverage_after": _variable(
            dims, after, LOG_POINTS, "lever after the exit, from the new equilibrium"
        ),
        "leverage_gain": _variable(dims, gain, LOG_POINTS, "leverage gained"),
        "tie_after": _variable(
            dims, _ties(case, simulation, leaving.id, labels), "share", "share after the exit"
        ),
        "effective_powers_after": _variable(
            ("draw", "domain"), entropy, "powers", "effective number of powers after the exit (entropy)"
        ),
        "inverse_herfindahl_after": _variable(
            ("draw", "domain"),
            herfindahl,
            "powers",
            "effective number of powers after the exit (inverse Herfindahl)",
        ),
        "vacuum_share": _variable(
            fdims,
            np.stack([results.vacuum[f] for f in flows], axis=-1),
            "share",
            "quantity the power adds, over the quantity withdrawn",
        ),
        "unfilled": _variable(
            ("draw", "flow"), _flows(results.unfilled, flows), "share", "vacuum that nobody fills"
        ),
        "filled_by_own": _variable(
            ("draw", "flow"), _flows(results.own, flows), "share", "filled by own provision"
        ),
        "filled_by_others": _variable(
            ("draw", "flow"), _flows(results.others, flows), "share", "filled by regions that are no power"
        ),
        "client_loss": _variable(
            ("draw", "domain"),
            np.concatenate([loss, loss.sum(axis=-1, keepdims=True)], axis=-1),
            LOG_POINTS,
            "what the exit costs the client",
        ),
        "residual": _variable(
            ("draw",), simulation.residual, "1", "largest residual of the equilibria behind the draw"
        ),
    }
    coords: dict[str, Any] = {"power": powers, "domain": labels, "flow": flows}
    if simulation.world is not None and simulation.trade is not None:
        coords |= {
            "region": list(simulation.world.regions),
            "sector": list(simulation.world.sectors),
            "route": [r.id for r in simulation.world.routes],
            "party": parties,
        }
        change = simulation.trade.after[leaving.id]
        sdims, unit = ("draw", "sector", "region"), "billion, baseline prices"
        variables |= {
            "trade_welfare": _variable(
                ("draw", "region"), change.welfare, LOG_POINTS, "change of real income"
            ),
            "who_pays": _variable(
                ("draw", "party"),
                np.stack([results.who_pays[p] for p in parties], axis=-1),
                LOG_POINTS,
                "loss of real income through trade",
            ),
            "exports_before": _variable(
                sdims, simulation.trade.exports, unit, "exports of the client before"
            ),
            "exports_after": _variable(sdims, change.exports, unit, "exports of the client after"),
            "imports_before": _variable(
                sdims, simulation.trade.imports, unit, "imports of the client before"
            ),
            "imports_after": _variable(sdims, change.imports, unit, "imports of the client after"),
            "cap_rent": _variable(
                ("draw", "route"), change.cap_price, LOG_POINTS, "shadow price of the route's limit"
            ),
        }
    attrs = {
        "exit": leaving.id,
        "title": leaving.title,
        "leavers": json.dumps({p: float(np.median(x)) for p, x in leaving.degree.items()}),
        "pushed_by": json.dumps(list(leaving.pushed_by)),
    }
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _flows(parts: Mapping[str, Array], labels: Sequence[str]) -> Array:
    return np.stack([parts[label] for label in labels], axis=-1)


def tertius(gain: Array, remain: Mask) -> Array:
    """Probability that each remaining power gains most.

    Parameters
    ----------
    gain
        Shape (n, P, L).
    remain
        Shape (P,): the powers that did not leave.

    Returns
    -------
    Array
        Shape (P, L). A draw in which nobody gains, or two gain alike, counts for nobody; a label for which any
        remaining power's gain is missing has ``NaN``: who gains most cannot be said.
    """
    candidates = np.where(remain[None, :, None], gain, -np.inf)
    best = candidates.max(axis=1, keepdims=True)
    first = (candidates == best) & (best > 0)
    alone = first & (first.sum(axis=1, keepdims=True) == 1)
    out: Array = alone.mean(axis=0)
    out[~remain] = np.nan
    missing = np.isnan(gain[:, remain]).any(axis=(0, 1))
    out[:, missing] = np.nan
    return out


def _with_tertius(made: xr.Dataset) -> xr.Dataset:
    """Add who gains most, by leverage and by vacuum filled, to an exit's group."""
    left = json.loads(made.attrs["leavers"])
    remain = np.array([str(p) not in left for p in made["power"].values])
    made["tertius_by_leverage"] = _variable(
        ("power", "domain"),
        tertius(made["leverage_gain"].values, remain),
        "probability",
        "gains most leverage of those who remain",
    )
    made["tertius_by_vacuum"] = _variable(
        ("power", "flow"),
        tertius(made["vacuum_share"].values, remain),
        "probability",
        "fills most of the vacuum of those who remain",
    )
    return made


def raw_groups(case: Case, simulation: Simulation, headline: str | None) -> dict[str, xr.Dataset]:
    """All groups of one simulation by path, over all of its draws.

    Parameters
    ----------
    case
        For the labels.
    simulation
        Raw results.
    headline
        The exit that stands at ``/displacement``; every other stands at ``/exits/<its id>``.
    """
    # A case of nothing but a crisis, say, has no levers to show.
    some = simulation.world is not None or bool(simulation.domains)
    found = {"/levers": levers_group(case, simulation)} if some else {}
    for leaving in simulation.exits:
        path = "/displacement" if leaving.id == headline else f"/exits/{leaving.id}"
        found[path] = displacement_group(case, simulation, leaving)
    return found


def kept_groups(raw: Mapping[str, xr.Dataset], converged: Mask) -> dict[str, xr.Dataset]:
    """Leave out the draws that did not converge, and number those that did.

    Parameters
    ----------
    raw
        Path to group, over all draws.
    converged
        Shape (n,).
    """
    kept = np.flatnonzero(converged)
    lost = len(converged) - len(kept)
    found = {}
    for path, group in raw.items():
        # A model may take the first draws alone.
        mine = kept[kept < group.sizes.get("draw", 0)]
        made = group
        if "draw" in group.dims:
            # Where none is left out nothing need be copied.
            rest = group if len(mine) == group.sizes["draw"] else group.isel(draw=mine)
            made = rest.assign_coords(draw=mine)
        if "leavers" in group.attrs:
            made = _with_tertius(made.assign_attrs(unconverged=lost))
        found[path] = made
    return found
