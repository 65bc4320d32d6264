"""What comes out of the questions on which actors of the case take positions, by every model of bargaining.

A power whose capability is left to its levers has that part of the client's welfare, in per cent, which it could
cost it by withdrawing: 100 (1 − exp(−L/100)) with L its total lever in log points. So the scale of capabilities in such
an issue is how much of what the client has an actor can give or take.

The forecast is that of the model with the best record on decisions of the European Union
(:mod:`tertius._study.scores.bargaining`); the others stand beside it with theirs.
"""

from __future__ import annotations

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.compilation import in_blocks
from tertius._study.scores.bargaining import ENTRIES, record
from tertius._study.stages import Context, Made
from tertius.case import Case
from tertius.models import bargaining
from tertius.models.bargaining import Status

__all__ = ["MODELS", "actor_labels", "run"]

Array = NDArray[np.float64]

MODELS = ("weighted_mean", "weighted_median", "nash", "expected_utility", "exchange", "condorcet")
"""The models, in the order of the findings."""


@jax.jit
def _play(
    x: jax.Array, s: jax.Array, c: jax.Array, there: jax.Array, quo: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Outcomes and statuses, draws × issues × models."""
    actors = x, s, c
    stated = ~jnp.isnan(quo)
    with_quo = bargaining.nash(*actors, present=there, disagreement=jnp.where(stated, quo, 0.0))
    without = bargaining.nash(*actors, present=there)
    found: list[Any] = [
        bargaining.weighted_mean(*actors, present=there),
        bargaining.weighted_median(*actors, present=there),
        None,
        bargaining.expected_utility(*actors, present=there),
        bargaining.exchange(*actors, present=there),
        bargaining.condorcet(*actors, present=there),
    ]
    outcomes = [f.outcome if f else jnp.where(stated, with_quo.outcome, without.outcome) for f in found]
    statuses = [f.status if f else jnp.where(stated, with_quo.status, without.status) for f in found]
    return jnp.stack(outcomes, -1), jnp.stack(statuses, -1)


def actor_labels(case: Case) -> tuple[str, ...]:
    """Labels of the dimension ``actor``: everybody who takes a position, in the order of the case."""
    return tuple(dict.fromkeys(actor for issue in case.issues.values() for actor in issue.actors))


def run(context: Context) -> Made:
    """Let the actors of every issue bargain.

    Parameters
    ----------
    context
        What has been computed.

    Returns
    -------
    Made
        The group ``/bargaining``. That a contest has not settled is a result: the outcome is missing in that draw and
        ``settled`` says why.
    """
    case, n, figures = context.case, context.size, context.figures
    issues, actors = tuple(case.issues), actor_labels(case)
    x, s, c = (np.full((n, len(issues), len(actors)), np.nan) for _ in range(3))
    there = np.zeros((n, len(issues), len(actors)), bool)
    quo = np.full((n, len(issues)), np.nan)
    from_levers = []
    for d, (name, issue) in enumerate(case.issues.items()):
        if issue.status_quo is not None:
            quo[:, d] = figures(f"issues.{name}.status_quo", issue.status_quo)
        for actor, entry in issue.actors.items():
            k, path = actors.index(actor), f"issues.{name}.actors.{actor}"
            there[:, d, k] = True
            x[:, d, k] = figures(f"{path}.position", entry.position)
            s[:, d, k] = figures(f"{path}.salience", entry.salience)
            if entry.capability is not None:
                c[:, d, k] = figures(f"{path}.capability", entry.capability)
            else:
                from_levers.append(actor)
                lever = context.groups["/levers"]["lever"].sel(power=actor, domain="total").values
                c[:, d, k] = -100.0 * np.expm1(-np.maximum(lever, 0.0) / 100.0)
    # Saliences are stated from 0 to 100, also where they are all small.
    outcome, status = in_blocks(_play, x, s / 100.0, c, there, quo)
    settled = status == Status.CONVERGED
    known = record()
    best = str(known["forecast"])
    forecast = outcome[..., MODELS.index(best)]
    values: dict[str, tuple[tuple[str, ...], Any, str, str]] = {
        "outcome": (
            ("draw", "issue", "model"),
            np.where(settled, outcome, np.nan),
            "points",
            "what comes out; missing where the model did not settle",
        ),
        "settled": (("draw", "issue", "model"), settled.astype(float), "share", "whether the model settled"),
        "forecast": (("draw", "issue"), forecast, "points", "outcome by the model with the best record"),
        "status_quo": (("draw", "issue"), quo, "points", "where things stand"),
        "change": (("draw", "issue"), forecast - quo, "points", "forecast less the status quo"),
        "distance": (
            ("draw", "issue", "actor"),
            np.abs(forecast[..., None] - x),
            "points",
            "how far the forecast is from what the actor wants",
        ),
        "capability": (("draw", "issue", "actor"), c, "points", "what the actor can bring to bear"),
        "error": (
            ("model",),
            np.array([known["scores"]["overall"]["models"][m]["mae"] for m in MODELS]),
            "points",
            "mean absolute error of the model on decisions of the European Union",
        ),
    }
    group = xr.Dataset(
        {
            name: xr.Variable(dims, array, attrs={"long_name": long, "unit": unit})
            for name, (dims, array, unit, long) in values.items()
        },
        coords={"issue": list(issues), "model": list(MODELS), "actor": list(actors)},
        attrs={
            "titles": json.dumps({name: issue.title for name, issue in case.issues.items()}),
            "ends": json.dumps({name: [issue.zero, issue.hundred] for name, issue in case.issues.items()}),
            "actors": json.dumps(_names(case)),
            "models": json.dumps({m: ENTRIES[m] for m in MODELS}),
            "forecast": best,
            "from_levers": json.dumps(sorted(set(from_levers))),
            "record": json.dumps(_record(known)),
        },
    )
    return Made({"/bargaining": group})


def _names(case: Case) -> dict[str, str]:
    """What the actors that are neither the client nor a power are called; the others have their names elsewhere."""
    found = {
        actor: entry.name
        for issue in case.issues.values()
        for actor, entry in issue.actors.items()
        if entry.name is not None
    }
    return found


def _record(known: dict[str, Any]) -> dict[str, Any]:
    """What a brief shows of the record."""
    overall = known["scores"]["overall"]
    return {
        "set": known["set"],
        "title": known["title"],
        "issues": overall["issues"],
        "proposals": overall["proposals"],
        "models": {
            m: overall["models"][m] | {"settled": known["endings"][m].get("converged", 0)} for m in MODELS
        },
        "plain": {
            name: {"title": title, "mae": overall["models"][name]["mae"]}
            for name, title in known["plain"].items()
        },
    }
