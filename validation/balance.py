"""How many powers a country leans on through trade, 2000 to 2020: Kazakhstan beside its neighbours.

Levers through trade of Russia, China, the West, Turkey and the other Central Asian states, in every year of BACI, and
the effective number of powers that they make. Also how well levers are foretold by shares alone, the shortcut of
``tertius.models.outlook``: each lever of 2010 times the growth of the power's share of trade, beside the lever of 2020.

Run with ``TERTIUS_DATA_MIRROR`` set to the folder of public data.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import xarray as xr

import tertius as tt
from tertius.models import trade
from tertius.models.levers import effective_powers

CLIENTS = ("KAZ", "UZB", "KGZ", "TJK", "TKM")
WEST = (
    "AUT BEL BGR HRV CYP CZE DNK EST FIN FRA DEU GRC HUN IRL ITA LVA LTU LUX MLT NLD POL PRT ROU SVK SVN ESP SWE GBR "
    "USA CAN CHE NOR ISL JPN AUS NZL ALB MNE"
)
MEMBERS = {
    "russia": "RUS",
    "china": "CHN HKG MAC",
    "west": WEST,
    "turkey": "TUR",
    "neighbours": " ".join(CLIENTS),
}
YEARS = range(2000, 2021)


def levers(year: int) -> xr.Dataset:
    """Lever of every power over every client through trade, and its share in the client's trade."""
    world = tt.load_world(f"baci-{year}")
    known = [str(c) for c in world.flows["origin"].values]
    blocs = {p: [m for m in members.split() if m in known] for p, members in MEMBERS.items()}
    lever, share = np.empty((len(CLIENTS), len(MEMBERS))), np.empty((len(CLIENTS), len(MEMBERS)))
    flows = world.flows.fillna(0)
    for i, client in enumerate(CLIENTS):
        mine = {p: [m for m in members if m != client] for p, members in blocs.items()}
        base = trade.baseline(world.flows, gdp=world.gdp, blocs=mine)
        found = trade.leverage(base, powers=list(MEMBERS), clients=[client])
        lever[i] = found.sel(client=client, power=list(MEMBERS)).values
        out = flows.sel(origin=client).drop_sel(destination=client)
        back = flows.sel(destination=client).drop_sel(origin=client)
        total = float(out.sum() + back.sum())
        for j, members in enumerate(mine.values()):
            share[i, j] = float(out.sel(destination=members).sum() + back.sel(origin=members).sum()) / total
    dims = ("client", "power")
    return xr.Dataset(
        {"lever": (dims, lever), "share": (dims, share)},
        coords={"client": list(CLIENTS), "power": list(MEMBERS), "year": year},
    )


def panel(years: Sequence[int] = YEARS) -> xr.Dataset:
    """Levers, shares and effective number of powers by year."""
    found = xr.concat([levers(y) for y in years], dim="year")
    index = np.asarray(effective_powers(found["lever"].transpose("year", "client", "power").values).entropy)
    return found.assign(effective=(("year", "client"), index))


def foretold(found: xr.Dataset, first: int, last: int) -> tuple[float, float]:
    """Mean absolute error in log points of levers foretold by shares, and of leaving them as they were."""
    one, other = found.sel(year=first), found.sel(year=last)
    said = one["lever"] * other["share"] / one["share"]
    return (
        float(abs(said - other["lever"]).mean()),
        float(abs(one["lever"] - other["lever"]).mean()),
    )


def main() -> None:
    """Print both tables."""
    found = panel()
    print("Effective number of powers leaned on through trade")
    print("year  " + "  ".join(f"{c:>5}" for c in CLIENTS))
    for year in found["year"].values:
        row = found["effective"].sel(year=year)
        print(f"{year}  " + "  ".join(f"{float(row.sel(client=c)):5.2f}" for c in CLIENTS))
    print()
    by_share, unchanged = foretold(found, 2010, 2020)
    print("Levers of 2020 foretold from 2010, mean absolute error in log points")
    print(f"  by shares alone {by_share:.2f}, left as they were {unchanged:.2f}")


if __name__ == "__main__":
    sys.exit(main())
