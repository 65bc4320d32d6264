"""Rescues of the shipped cases beside what happened, and once more with what history says of a land border.

    python validation/rescues.py [--draws 1024] [--price]

With ``--price``: what would be demanded and granted in each case, with the rescue and without, and nothing else.

``tertius score --rescues`` gives the forecasts. They assume of every power what ``kazakhstan-2022`` assumes of Russia,
whose long border with Kazakhstan is the ground of the weight of its own security. Where the power has no land
border with the client (Correlates of War direct contiguity, the year before or the last known), the log-odds of its
sending are here lowered by what such a border is worth on the occasions of ``help_in_crisis.py``: a slope of that logit
is λ times what the term is worth, and so subtracts from λU directly, at most as much as own security puts in.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import tertius.world as data
from tertius._study.draws import design, draw
from tertius._study.scores import rescues
from tertius.case import Case
from tertius.world import codes

Floats = NDArray[np.float64]


def _history() -> ModuleType:
    path = Path(__file__).with_name("help_in_crisis.py")
    spec = importlib.util.spec_from_file_location("help_in_crisis", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def borders(case: Case) -> bool:
    """Return whether a member of the power asked has a land border with the client."""
    assert case.rescue is not None
    assert case.rescue.asked_of is not None
    rows = data.table("cow-geography", "contiguity", "conttype = 1")
    rows = rows[pd.to_datetime(rows["enddate"]).dt.year >= min(case.date.year, 2016)]
    client = codes.countries()[case.client.iso3].cow
    members = {codes.countries()[m].cow for m in case.powers[case.rescue.asked_of].members}
    return bool((rows["ccode1"].eq(client) & rows["ccode2"].isin(members)).any())


def without_border(case: Case, slope: Floats, draws: int = rescues.DRAWS, seed: int = 0) -> dict[str, float]:
    """Return the probabilities of sending and of coming with a border's worth of log-odds taken off.

    Parameters
    ----------
    case
        A case with a rescue.
    slope
        Draws of the slope of a land border, log-odds.
    draws, seed
        As for the score.
    """
    assert case.rescue is not None
    group = rescues.stages(case, draws, seed)["/rescue"]
    of = group.sel(power=group.attrs["asked_of"])
    layout = design(case, draws, seed)
    stated = case.rescue.rationality
    assert stated is not None
    values = draw(case, layout, layout.a)
    kept = group["draw"].values
    rationality = np.asarray(values["rescue.rationality"])[kept]
    own = np.maximum(of["benefit"].sel(motive="own_security").values, 0.0)
    worth = np.minimum(np.resize(slope, draws)[kept], rationality * own)
    odds = rationality * of["utility"].values - worth
    sends = 1.0 / (1.0 + np.exp(-odds))
    comes = of["gate"].values * of["in_time"].values * sends
    return {"sends": float(sends.mean()), "comes": float(comes.mean())}


def compared(slope: Floats, draws: int = rescues.DRAWS) -> pd.DataFrame:
    """Return the forecasts of every case, as assumed and with what history says of borders.

    Parameters
    ----------
    slope
        Draws of the slope of a land border, log-odds.
    draws
        Of each case.
    """
    rows = {}
    for name, case in rescues.scored_cases().items():
        plain = rescues.forecasts(rescues.stages(case, draws))
        near = borders(case)
        less = {k: plain[k] for k in ("sends", "comes")} if near else without_border(case, slope, draws)
        came = [o.value for o in case.outcomes if o.forecast == "comes"]
        rows[name] = {
            **plain,
            "land border": near,
            "sends, history": less["sends"],
            "comes, history": less["comes"],
            "came": came[0] if came else None,
        }
    return pd.DataFrame(rows).T


def prices(draws: int = rescues.DRAWS) -> pd.DataFrame:
    """Return what is demanded and paid in every case, concession by concession: means over the draws.

    Parameters
    ----------
    draws
        Of each case.
    """
    rows = []
    for name, case in rescues.scored_cases().items():
        group = rescues.stages(case, draws, only=("regime", "rescue", "price"))["/price"]
        mean = group[["demanded", "paid", "some", "because"]].mean("draw")
        for concession, about in case.concessions.items():
            of = mean.sel(concession=concession)
            rows.append(
                {
                    "case": name,
                    "concession": concession + (" (control)" if about.control else ""),
                    "demanded": float(of["demanded"].sel(branch="rescued")),
                    "paid": float(of["paid"].sel(branch="rescued")),
                    "paid, alone": float(of["paid"].sel(branch="alone")),
                }
            )
        some = mean["some"].sel(branch="alone")
        total = {"concession": "at least one", "paid, alone": some, "because": mean["because"]}
        rows.append({"case": name, **{k: v if isinstance(v, str) else float(v) for k, v in total.items()}})
    return pd.DataFrame(rows)


def main() -> None:
    """Print what docs/history.md quotes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=rescues.DRAWS)
    parser.add_argument("--price", action="store_true")
    given = parser.parse_args()
    if given.price:
        print(prices(given.draws).to_string(index=False, float_format="{:.2f}".format, na_rep=""))
        return
    history = _history()
    fit = history.hierarchical(history.table(), 300)
    slope = np.random.default_rng(0).permutation(fit.draws["slopes"][:, 0])
    assert fit.scale.terms[0] == "border"
    found = compared(slope, given.draws)
    print(found.to_string(float_format="{:.2f}".format))
    settled = found[found["came"].notna()]
    for name in ("comes", "comes, history"):
        error = settled[name].astype(float) - settled["came"].astype(float)
        print(
            f"{name}: {int((error.abs() < 0.5).sum())} of {len(settled)} hit, Brier {float((error**2).mean()):.3f}"
        )


if __name__ == "__main__":
    main()
