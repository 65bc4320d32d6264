"""The world as labelled arrays: trade between every pair of economies, and their GDP."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from tertius.errors import BadInput
from tertius.world.packs import Pack, find, pack

__all__ = ["World", "load_world", "worlds"]


@dataclass(frozen=True)
class World:
    """One year of the world's trade.

    Attributes
    ----------
    name
        The name it was asked for by, such as ``"baci-2020"``.
    year
        The year of the flows and of GDP.
    flows
        Dims ``origin, destination`` (ISO3), billions of current US dollars: what the source reports, and 0 where it
        has no row. The diagonal, which trade statistics do not cover, is 0.
    reported
        Where the source has a row; elsewhere the 0 of ``flows`` may be no trade, or trade that nobody reported.
    gdp
        Dim ``country``, billions of current US dollars.
    left_out
        Economies with trade but without a GDP for the year: they are in neither array.
    sources
        The packs behind it.
    """

    name: str
    year: int
    flows: xr.DataArray
    reported: xr.DataArray
    gdp: xr.DataArray
    left_out: tuple[str, ...]
    sources: tuple[Pack, ...]


def worlds() -> dict[str, tuple[str, int]]:
    """Return the worlds there are: name to (pack, year)."""
    trade = ("baci-2000-2020", "baci-2023")
    return {f"baci-{year}": (name, year) for name in trade for year in pack(name).years}


def load_world(name: str) -> World:
    """Load one year of the world's trade from a data pack.

    Parameters
    ----------
    name
        ``"baci-2000"`` to ``"baci-2020"``, or ``"baci-2023"``.

    Returns
    -------
    World
        Labelled arrays, countries in the order of their ISO3 codes.

    Raises
    ------
    BadInput
        If there is no world of that name.
    CannotCompute
        If the data are not on this machine, or are not those they should be.
    """
    there = worlds()
    if name not in there:
        near = difflib.get_close_matches(name, there, n=1)
        raise BadInput(
            f"there is no world '{name}'",
            code="unknown-world",
            path=name,
            hint=f"did you mean '{near[0]}'?" if near else "there are baci-2000 to baci-2020, and baci-2023",
        )
    pack_name, year = there[name]
    trade, wdi = pack(pack_name), pack("wdi-gdp")
    rows = pd.read_csv(find(trade), keep_default_na=False, dtype={"value_kusd": float})
    rows = rows[rows["year"] == year]
    table = pd.read_csv(find(wdi), keep_default_na=False, dtype={"gdp_current_usd": float})
    product = table[table["year"] == year].set_index("iso3")["gdp_current_usd"]
    everyone = sorted(set(rows["exporter"]) | set(rows["importer"]))
    countries = np.array([c for c in everyone if c in product.index])
    matrix = (
        rows.pivot(index="exporter", columns="importer", values="value_kusd")
        .reindex(index=countries, columns=countries)
        .to_numpy(float)
    )
    pairs = {"origin": countries, "destination": countries}
    flows = xr.DataArray(
        np.nan_to_num(matrix) * 1e-6,
        dims=("origin", "destination"),
        coords=pairs,
        name="flows",
        attrs={"long_name": "goods trade", "unit": "billion US$", "year": year},
    )
    reported = xr.DataArray(
        np.isfinite(matrix), dims=("origin", "destination"), coords=pairs, name="reported"
    )
    gdp = xr.DataArray(
        product.reindex(countries).to_numpy(float) * 1e-9,
        dims="country",
        coords={"country": countries},
        name="gdp",
        attrs={"long_name": "gross domestic product", "unit": "billion US$", "year": year},
    )
    left_out = tuple(c for c in everyone if c not in product.index)
    return World(name, year, flows, reported, gdp, left_out, (trade, wdi))
