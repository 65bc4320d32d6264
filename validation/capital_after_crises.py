"""What foreign capital did after crises comparable to that of January 2022, and how far the data can tell.

    python validation/capital_after_crises.py [--draws 1024] [--seed 0]

Two kinds of crisis: governments that a sudden threat at home drove to ask for armed help (`ASKED`, with the year), and
the first year of an internal armed conflict after three years without one (UCDP/PRIO). Two kinds of capital: direct
investment of five economies in the country, 2014-2024 (IMF), and public debt to ten official creditors, 1990-2024
(World Bank). Nothing but positions is known: not flows, not prices, not what a firm would have done otherwise.

A position's change is the log ratio of its value one or two years after the crisis' year began to that at the end of
the year before, less the median of the same over all other countries with the same investor or creditor in the same
years. Over a country's investors it is averaged by the position before; positions below a floor are left out, since
small ones move by factors. Compared is the median after crises with medians of as many other country-years, drawn at
random from the same years (a placebo): how often is such a median as low?

Beside it stands what the model says of Kazakhstan: the change of all foreign capital from the premium that the case
assumes. Nothing here was used to choose that premium.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import pandas as pd

import tertius as tt
import tertius.world as data
from tertius.world import codes

ASKED = {
    "TJK": 1992,
    "LSO": (1998, 2014),
    "TLS": 2006,
    "KGZ": 2010,
    "CIV": 2011,
    "BHR": 2011,
    "CAF": 2012,
    "MLI": 2013,
    "UKR": 2013,
    "GMB": 2017,
    "VEN": 2019,
    "TCD": 2019,
    "BLR": 2020,
    "SLB": 2021,
    "MOZ": 2021,
    "KAZ": 2022,
    "LKA": 2022,
    "NER": 2023,
}
"""Sudden threats at home after which help was asked for or offered (the cases with known outcomes in the public data).
Not wars with another state (Armenia) nor help asked in the midst of a war (Syria, Yemen, Libya, Iraq)."""

QUIET = 3
"""Years without an internal armed conflict that must lie before one for its first year to count."""

FLOOR = {"investment": 100e6, "debt": 50e6}
"""US dollars, below which a position is left out."""

CREDITORS = {
    "China": ("China",),
    "Russia": ("Russian Federation",),
    "the West and Japan": (
        "United States",
        "Japan",
        "Germany, Fed. Rep. of",
        "France",
        "United Kingdom",
        "Canada",
        "Australia",
    ),
}
LAGS = (1, 2)
SAMPLES = 10_000


class Answer(NamedTuple):
    """What positions did after crises, beside as many other country-years."""

    crises: int
    median: float
    """Log points."""
    low: float
    high: float
    """Quartiles over the crises."""
    placebo_low: float
    placebo_high: float
    """5th and 95th percentile of the median of as many other country-years."""
    as_low: float
    """How often such a median is as low."""


def investment() -> pd.DataFrame:
    """Return direct investment, US dollars, by investor and country (rows) and year (columns).

    What the investor reports; where it reports nothing on a country, what the country does.
    """
    rows = data.table("imf-fdi", where="direction = 'outward'")
    wide = (
        rows.pivot_table(index=["reporter", "counterpart", "dv_type"], columns="year", values="value") * 1e6
    )
    first = wide.reset_index()[["reporter", "counterpart", "dv_type"]].sort_values(
        "dv_type"
    )  # "O" before "SCC"
    chosen = first.drop_duplicates(["reporter", "counterpart"])
    return wide.loc[pd.MultiIndex.from_frame(chosen)].droplevel("dv_type")


def debt() -> pd.DataFrame:
    """Return public debt, US dollars, by creditor and country (rows) and year (columns)."""
    rows = data.table("wb-debt")
    return rows.pivot_table(index=["creditor", "debtor_code"], columns="year", values="debt_stock")


def changes(positions: pd.DataFrame, floor: float, lag: int) -> pd.Series:
    """Return the change of every country's positions over every window, log points, net of other countries'.

    Parameters
    ----------
    positions
        Investor and country by year.
    floor
        Least position before.
    lag
        Years from the crisis' year on; the position before is that of the year before.

    Returns
    -------
    Series
        By (country, year of the would-be crisis).
    """
    found = {}
    for year in positions.columns:
        if year - 1 not in positions.columns or year + lag not in positions.columns:
            continue
        before, after = positions[year - 1], positions[year + lag]
        whole = (before >= floor) & (after > 0)
        moved = 100 * np.log(after[whole] / before[whole])
        moved -= moved.groupby(level=0).transform("median")
        weight = before[whole]
        found[year] = (moved * weight).groupby(level=1).sum() / weight.groupby(level=1).sum()
    return pd.concat(found, names=["year", "country"]).swaplevel().sort_index()


def asked() -> pd.MultiIndex:
    """Return the crises of :data:`ASKED`."""
    pairs = [(c, y) for c, years in ASKED.items() for y in (years if isinstance(years, tuple) else (years,))]
    return pd.MultiIndex.from_tuples(pairs, names=["country", "year"])


def onsets() -> pd.MultiIndex:
    """Return the first years of internal armed conflicts after a quiet stretch."""
    rows = data.table("cow-geography", "conflicts", where="type_of_conflict in ('intrastate', 'II')")
    pairs = []
    for number, years in rows.groupby("gwno_a")["year"]:
        country, active = codes.from_gw(int(number)), set(years)
        pairs += [
            (country, y)
            for y in sorted(active)
            if country is not None and not active & set(range(y - QUIET, y))
        ]
    return pd.MultiIndex.from_tuples(pairs, names=["country", "year"])


def answer(changed: pd.Series, crises: pd.MultiIndex, seed: int = 0) -> Answer | None:
    """Compare what happened after crises with what happened otherwise.

    Parameters
    ----------
    changed
        From :func:`changes`.
    crises
        From :func:`asked` or :func:`onsets`.
    seed
        Of the draws of other country-years.

    Returns
    -------
    Answer or None
        None with fewer than five crises.
    """
    struck = changed.index.intersection(crises)
    if len(struck) < 5:
        return None
    near = [(country, year + k) for country, year in crises for k in (-2, -1, 0, 1, 2)]
    others = changed.drop(changed.index.intersection(near))
    rng = np.random.default_rng(seed)
    drawn = np.stack(
        [rng.choice(others.xs(year, level="year").to_numpy(), SAMPLES) for _, year in struck], axis=1
    )
    medians = np.median(drawn, axis=1)
    values = changed.loc[struck]
    return Answer(
        len(struck),
        float(values.median()),
        float(values.quantile(0.25)),
        float(values.quantile(0.75)),
        float(np.quantile(medians, 0.05)),
        float(np.quantile(medians, 0.95)),
        float((medians <= values.median()).mean()),
    )


def answers() -> pd.DataFrame:
    """Return the answers for every kind of capital, crisis and lag."""
    owed = debt()
    kinds = {"direct investment": (investment(), FLOOR["investment"]), "debt, all": (owed, FLOOR["debt"])}
    for name, creditors in CREDITORS.items():
        kinds[f"debt to {name}"] = (owed[owed.index.get_level_values(0).isin(creditors)], FLOOR["debt"])
    events = {"asked for help": asked(), "conflict begins": onsets()}
    rows = {}
    for kind, (positions, floor) in kinds.items():
        for lag in LAGS:
            changed = changes(positions, floor, lag)
            for event, crises in events.items():
                found = answer(changed, crises)
                if found is not None:
                    rows[kind, event, lag] = found
    index = pd.MultiIndex.from_tuples(rows, names=["capital", "crisis", "years after"])
    return pd.DataFrame(list(rows.values()), index, columns=list(Answer._fields))


def main() -> None:
    """Print what docs/validation.md quotes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with pd.option_context("display.width", 200, "display.max_columns", 30, "display.max_rows", 200):
        print("Change of positions after crises, log points, net of other countries'")
        print(answers().round(2).to_string(), "\n")
        after = {lag: changes(investment(), FLOOR["investment"], lag) for lag in LAGS}
        each = pd.DataFrame({f"after {lag}": after[lag].reindex(asked()) for lag in LAGS}).dropna(how="all")
        print("Direct investment where help was asked for\n", each.round(0).to_string(), "\n")
        noise = {
            f"after {lag}": changed.quantile([0.05, 0.25, 0.5, 0.75, 0.95]) for lag, changed in after.items()
        }
        print("Direct investment in every country and year\n", pd.DataFrame(noise).round(0).to_string(), "\n")
    findings = tt.study(tt.load_case("kazakhstan-2022"), draws=given.draws, seed=given.seed)
    foreign = findings["investors"]["foreign"].sel(shock="crisis")
    print(
        "The model on Kazakhstan: foreign capital from the premium alone, log points, 5th, 50th and 95th percentile"
    )
    print(foreign.quantile([0.05, 0.5, 0.95], "draw").to_pandas().round(1).to_string())


if __name__ == "__main__":
    main()
