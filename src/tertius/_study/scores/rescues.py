"""Rescues held against what happened, hit or miss.

Scored are all shipped cases with a rescue and an outcome that settles one of its probabilities (its field
``forecast``). The forecast is the mean of that probability over the draws of the base structure that converged; it is
a hit if it is on the right side of one half, and its Brier score is its squared distance from what happened. Nothing
is fitted: what the cases assume is the same in all of them, and a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.draws import design, draw
from tertius._study.layout import kept_groups, raw_groups
from tertius._study.simulate import simulate
from tertius._study.stages import Context, run_stages
from tertius._study.structures import BASE
from tertius._study.world import Figures
from tertius.case import Case, load_case
from tertius.case.load import shipped_cases
from tertius.errors import BadInput

__all__ = ["DRAWS", "FORECASTS", "forecasts", "score", "scored_cases", "stages"]

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

DRAWS = 1024
"""Draws of each case."""

FORECASTS = {
    "lawful": "a request would be lawful",
    "sends": "lawfully asked, the power sends",
    "comes": "asked, it comes in time",
    "survives_alone": "the regime survives without help",
}
"""What is forecast, in the order of the table."""


def _silent(stage: str, done: float) -> None:
    pass


def scored_cases() -> dict[str, Case]:
    """Return the shipped cases whose rescue can be scored, by name."""
    cases = {name: load_case(name) for name in shipped_cases()}
    return {n: c for n, c in cases.items() if c.rescue is not None and any(o.forecast for o in c.outcomes)}


def stages(
    case: Case, draws: int = DRAWS, seed: int = 0, only: Collection[str] = ("regime", "rescue")
) -> Mapping[str, xr.Dataset]:
    """Return the groups of a case's crisis, base structure only, in the draws in which every solver got there.

    Parameters
    ----------
    case
        A case with a rescue.
    draws
        A power of two.
    seed
        Any whole number.
    only
        The stages to run.
    """
    layout = design(case, draws, seed)
    values = draw(case, layout, layout.a)
    first = next(iter(case.exits), None)
    made = simulate(case, values, BASE, only=[] if first is None else [first])
    context = Context(case, Figures(values), BASE, made, first, raw_groups(case, made, first))
    found = run_stages(context, only=only)
    assert found.converged is not None
    return kept_groups(found.groups, found.converged)


def forecasts(groups: Mapping[str, xr.Dataset]) -> dict[str, float]:
    """Return the probabilities of :data:`FORECASTS` from the groups of a case: means over the draws."""
    regime, rescue = groups["/regime"], groups["/rescue"]
    of = rescue.sel(power=rescue.attrs["asked_of"])
    survival = np.asarray(regime["survival"].sel(branch="alone").values)
    found = {"lawful": of["gate"], "sends": of["sends"], "comes": of["comes"]}
    means = {name: float(np.mean(values.values)) for name, values in found.items()}
    return {**means, "survives_alone": float(np.mean(survival))}


def score(
    names: Sequence[str] | None = None, draws: int = DRAWS, seed: int = 0, progress: Progress = _silent
) -> dict[str, Any]:
    """Score the rescues of the shipped cases.

    Parameters
    ----------
    names
        Only these cases; all if None.
    draws, seed
        Of each case.
    progress
        Called with what is going on and how far it has got, 0 to 1.

    Returns
    -------
    dict
        Plain data, ready for JSON: by case its forecasts, what happened, hits and Brier scores; and over all.

    Raises
    ------
    BadInput
        If a name is no shipped case with a rescue that can be scored.
    """
    cases = scored_cases()
    strangers = [name for name in names or () if name not in cases]
    if strangers:
        raise BadInput(
            f"no rescue to score: {', '.join(strangers)}",
            code="unknown-case",
            hint=f"there are {', '.join(cases)}",
        )
    chosen = {name: case for name, case in cases.items() if names is None or name in names}
    told: dict[str, Any] = {}
    for done, (name, case) in enumerate(chosen.items()):
        progress("rescues", done / len(chosen))
        groups = stages(case, draws, seed)
        given = forecasts(groups)
        happened = {o.forecast: o for o in case.outcomes if o.forecast and isinstance(o.value, bool)}
        settled = {}
        for key, outcome in happened.items():
            settled[str(key)] = {
                "happened": outcome.value,
                "what": outcome.text,
                "hit": (given[str(key)] > 0.5) == outcome.value,
                "brier": (given[str(key)] - float(bool(outcome.value))) ** 2,
            }
        left_out = draws - groups["/rescue"].sizes["draw"]
        told[name] = {
            "title": case.title, "unconverged": left_out, "forecasts": given, "settled": settled,
        }  # fmt: skip
    progress("rescues", 1.0)
    flat = [row for case in told.values() for row in case["settled"].values()]
    by = {
        key: [case["settled"][key] for case in told.values() if key in case["settled"]] for key in FORECASTS
    }
    return {
        "draws": draws,
        "seed": seed,
        "forecasts": FORECASTS,
        "cases": told,
        "overall": {key: _summary(rows) for key, rows in {"all": flat, **by}.items() if rows},
    }


def _summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "settled": len(rows),
        "hits": sum(bool(row["hit"]) for row in rows),
        "brier": float(np.mean([row["brier"] for row in rows])),
    }
