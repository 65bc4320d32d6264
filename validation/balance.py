"""How many powers a country leans on through trade, 2000 to 2020: Kazakhstan beside its neighbours.

The index of ``tertius balance`` with the powers of the founding case (a neighbour has Kazakhstan in its place among the
neighbours), in every year of BACI. Also how well levers are foretold by shares alone, the shortcut of
``tertius.models.outlook``: each lever of 2010 times the growth of the power's share of trade, beside the lever of 2020.

Run with ``TERTIUS_DATA_MIRROR`` set to the folder of public data. ``--record`` writes the history that the program
ships for the case's brief.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import xarray as xr

import tertius
from tertius._atlas.balance import Span, ask_balance, balance
from tertius.case import load_case

CASE = "kazakhstan-2022"
CLIENTS = ("KAZ", "UZB", "KGZ", "TJK", "TKM")
YEARS = tuple(range(2000, 2021))
RECORD = Path(tertius.__file__).parent / "_study" / "records" / "balance.json"


def asked(years: Sequence[int] = YEARS) -> Span:
    """The question: Kazakhstan and its neighbours, with the powers of the case."""
    span = ask_balance(CLIENTS[0], beside=CLIENTS[1:], case=load_case(CASE))
    return replace(span, years=tuple(years))


def panel(years: Sequence[int] = YEARS) -> xr.Dataset:
    """Levers, shares and effective number of powers by year."""
    return balance(asked(years)).sel(domain="trade")


def foretold(found: xr.Dataset, first: int, last: int) -> tuple[float, float]:
    """Mean absolute error in log points of levers foretold by shares, and of leaving them as they were."""
    one, other = found.sel(year=first), found.sel(year=last)
    said = one["lever"] * other["share"] / one["share"]
    return (
        float(abs(said - other["lever"]).mean()),
        float(abs(one["lever"] - other["lever"]).mean()),
    )


def record(found: xr.Dataset) -> dict[str, object]:
    """What the program ships: the index of every country and year, and whose powers they are."""
    span = asked()
    index = {
        c: {str(y): round(float(found["index"].sel(country=c, year=y)), 3) for y in YEARS} for c in CLIENTS
    }
    return {
        "client": CLIENTS[0],
        "powers": {p.id: sorted(p.fixed or ()) for p in span.powers},
        "names": {c: json.loads(found.attrs["names"])[c] for c in CLIENTS},
        "source": "baci",
        "index": index,
    }


def main() -> None:
    """Print both tables, or write the record."""
    found = panel()
    if "--record" in sys.argv[1:]:
        RECORD.write_text(json.dumps(record(found), indent=1) + "\n", encoding="utf-8")
        print(RECORD)
        return
    print("Effective number of powers leaned on through trade")
    print("year  " + "  ".join(f"{c:>5}" for c in CLIENTS))
    for year in found["year"].values:
        row = found["index"].sel(year=year)
        print(f"{year}  " + "  ".join(f"{float(row.sel(country=c)):5.2f}" for c in CLIENTS))
    print()
    by_share, unchanged = foretold(found, 2010, 2020)
    print("Levers of 2020 foretold from 2010, mean absolute error in log points")
    print(f"  by shares alone {by_share:.2f}, left as they were {unchanged:.2f}")


if __name__ == "__main__":
    sys.exit(main())
