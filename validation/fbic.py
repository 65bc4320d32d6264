"""The trade lever of Russia and of China over every country, beside an index of influence that nobody here made.

    python validation/fbic.py [--years 2000 2010 2020] [--gaps 6]

FBIC (Formal Bilateral Influence Capacity; Moyer, Meisel, Matthews, Bohl & Burrows 2021) multiplies the volume of ties
("bandwidth") by how much the receiver leans on them ("dependence"): in trade, arms, aid, alliances and diplomacy. The
lever is in one currency only: what the receiver loses if trade with the power ends. The two should go together, most
of all with FBIC's economic dependence, and where they part the columns say why.

Each year is one world of BACI with one good. Compared are the ranks of countries (Spearman's ρ) among those that have
every figure. Set apart are countries whose domestic sales the floor lifted, and those for which BACI has no row with
the power in either direction: their lever of nought is an absence of data.
"""

from __future__ import annotations

import argparse

import pandas as pd

import tertius as tt
import tertius.world as data

YEARS = tuple(range(2000, 2021))
POWERS = {"CHN": "chn", "RUS": "rus"}
ELASTICITY, OTHER_ELASTICITY = 4.0, 8.0


def fbic() -> pd.DataFrame:
    """Return the index with its parts, by country and year."""
    return data.table("fbic").set_index(["iso3", "year"])


def compared(index: pd.DataFrame, year: int) -> pd.DataFrame:
    """Return the lever and the index side by side, one row a power and country.

    Parameters
    ----------
    index
        From :func:`fbic`.
    year
        2000 to 2020.

    Returns
    -------
    DataFrame
        By (power, country): ``lever`` and ``lever8`` (log points, at the two elasticities), ``gdp`` (billion US$),
        ``share`` (trade with the power, both ways, over GDP), the index ``fbic`` and its parts (``econb`` and
        ``econd``: economic bandwidth and dependence; ``secb``, ``secd``: security; ``polb``: political), ``lifted``
        and ``unreported``.
    """
    world = tt.load_world(f"baci-{year}")
    trade = tt.models.trade
    base = trade.baseline(world.flows, gdp=world.gdp)
    levers = {
        name: trade.leverage(base, elasticity=theta, powers=list(POWERS))
        for name, theta in (("lever", ELASTICITY), ("lever8", OTHER_ELASTICITY))
    }
    parts = []
    for power, suffix in POWERS.items():
        both = world.flows.sel(origin=power).to_series() + world.flows.sel(destination=power).to_series()
        seen = (
            world.reported.sel(origin=power).to_series() | world.reported.sel(destination=power).to_series()
        )
        table = pd.DataFrame({name: lever.sel(power=power).to_series() for name, lever in levers.items()})
        table["gdp"] = world.gdp.to_series()
        table["share"] = both / table["gdp"]
        table["lifted"] = table.index.isin(base.lifted)
        table["unreported"] = ~seen
        theirs = index.xs(year, level="year")
        theirs = theirs[[c for c in theirs if c.endswith(f"_{suffix}")]]
        theirs = theirs.rename(columns=lambda c: c.split("_")[0])
        table = table.drop(index=list(POWERS)).join(theirs, how="inner").dropna()
        parts.append(pd.concat({power: table}, names=["power", "country"]))
    return pd.concat(parts)


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Spearman's ρ by power: of the lever with the index and with its economic parts, and of rivals.

    Parameters
    ----------
    table
        From :func:`compared`.
    """

    def rho(rows: pd.DataFrame, ours: str, theirs: str) -> float:
        return float(rows[ours].corr(rows[theirs], method="spearman"))

    out = {}
    for power in POWERS:
        whole = table.loc[power]
        seen = whole[~whole["unreported"]]
        sound = seen[~seen["lifted"]]
        out[power] = {
            "countries": len(whole),
            "fbic": rho(whole, "lever", "fbic"),
            "dependence": rho(whole, "lever", "econd"),
            "bandwidth": rho(whole, "lever", "econb"),
            "reported": len(seen),
            "fbic, reported": rho(seen, "lever", "fbic"),
            "not lifted": len(sound),
            "fbic, not lifted": rho(sound, "lever", "fbic"),
            "fbic, θ = 8": rho(whole, "lever8", "fbic"),
            "fbic, share": rho(whole, "share", "fbic"),
            "dependence, share": rho(whole, "share", "econd"),
        }
    return pd.DataFrame(out).T


def apart(table: pd.DataFrame, power: str, count: int) -> pd.DataFrame:
    """Countries whose percentile of the lever is furthest above and below that of the index.

    Parameters
    ----------
    table
        From :func:`compared`.
    power
        ``"CHN"`` or ``"RUS"``.
    count
        How many at either end.
    """
    rows = _ranked(table.loc[power]).sort_values("gap")
    return pd.concat([rows.head(count), rows.tail(count)])


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    percentile = {f"{name} pct": 100 * rows[name].rank(pct=True) for name in ("lever", "fbic")}
    return rows.assign(**percentile, gap=percentile["lever pct"] - percentile["fbic pct"])


def what_goes_with_the_gap(table: pd.DataFrame) -> pd.DataFrame:
    """Spearman's ρ by power of the gap in percentiles (lever less index) with parts of the index and with GDP.

    Parameters
    ----------
    table
        From :func:`compared`.
    """
    parts = ["econb", "econd", "secb", "secd", "polb", "gdp"]
    gaps = {power: _ranked(table.loc[power]) for power in POWERS}
    return pd.DataFrame(
        {
            p: {part: rows["gap"].corr(rows[part], method="spearman") for part in parts}
            for p, rows in gaps.items()
        }
    ).T


def main() -> None:
    """Print what docs/validation.md quotes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--years", type=int, nargs="+", default=list(YEARS))
    parser.add_argument("--gaps", type=int, default=6, help="countries shown at either end")
    given = parser.parse_args()
    index = fbic()
    tables = {year: compared(index, year) for year in given.years}
    by_year = pd.concat(
        {year: correlations(table) for year, table in tables.items()}, names=["year", "power"]
    )
    with pd.option_context("display.width", 200, "display.max_columns", 30, "display.max_rows", 200):
        for power in POWERS:
            rows = by_year.xs(power, level="power")
            print(f"{power}: Spearman's rho by year")
            print(rows.round(2).to_string(), "\n")
            print(pd.DataFrame({"median": rows.median(), "least": rows.min(), "most": rows.max()}).round(3))
            print()
        last = max(given.years)
        print(f"{last}: rank correlation of the gap (lever less index) with the index's parts and GDP")
        print(what_goes_with_the_gap(tables[last]).round(2).to_string(), "\n")
        shown = ["lever", "lever pct", "fbic pct", "gap", "fbic", "econb", "econd", "secb", "secd", "polb"]
        for power in POWERS:
            print(f"{power} {last}: where the lever and the index part (percentiles of rank)")
            print(
                apart(tables[last], power, given.gaps)[[*shown, "share", "unreported"]].round(3).to_string()
            )
            print()


if __name__ == "__main__":
    main()
