"""The world as labelled arrays: trade between every pair of economies, and their GDP.

A world is one year of one source (:func:`worlds` lists them). Flows are what the source reports and 0 elsewhere;
``coverage`` says of every pair what such a 0 is:

    reported     the source has the pair
    zero         no row, though an economy of the pair reported its trade that year
    unreported   no row, and it is not known that anybody reported: missing, not zero
    estimated    the pair's total is the source's, its split over sectors is not
    outside      domestic sales, where the source does not cover them

Who reported is read from the trade summaries of WITS (1988–2019), which list every reporter of a year. For a year in
which some economy is known not to have reported (``not_reporting`` in the registry), whoever has a row with it must
have reported himself. Where neither helps, an absent row stays unreported.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius.errors import BadInput, CannotCompute
from tertius.world import codes, store
from tertius.world.fetch import require
from tertius.world.packs import Flag, Pack, pack

__all__ = ["COVERAGE", "World", "load_world", "worlds"]

COVERAGE = ("reported", "zero", "unreported", "estimated", "outside")
_REPORTED, _ZERO, _UNREPORTED, _ESTIMATED, _OUTSIDE = range(5)

SITC = {
    0: "Food and live animals",
    1: "Beverages and tobacco",
    2: "Crude materials",
    3: "Mineral fuels",
    4: "Oils and fats",
    5: "Chemicals",
    6: "Manufactures by material",
    7: "Machinery and vehicles",
    8: "Other manufactures",
    9: "Not classified",
}

# Codes of WITS that are not ISO3.
_WITS = {"ROM": "ROU", "ZAR": "COD", "SER": "SRB", "MNT": "MNE", "TMP": "TLS", "SUD": "SDN"}

_Array = NDArray[np.float64]
_Codes = NDArray[np.intp]


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
        Dims ``origin, destination`` (ISO3) and, if there are several, ``sector``; billions of US dollars (of which
        year, its attribute ``unit`` says): what the source reports, and 0 where it has no row. The diagonal holds
        domestic sales if the source covers them, and is 0 otherwise.
    reported
        Dims ``origin, destination``: where the source has a row; elsewhere ``coverage`` says what the 0 is.
    coverage
        Dims ``origin, destination``: an index into :data:`COVERAGE`.
    gdp
        Dim ``country``, in the same unit; missing (NaN) only in worlds that have domestic sales of their own.
    left_out
        Economies with trade but without a GDP for the year: they are in neither array.
    trade_left_out
        Dim ``country``: the share of an economy's trade, both ways, that was with those left out.
    sources
        The packs behind it.
    origins
        The files that these were made from, each with the start of its SHA-256.
    flags
        What is known to be wrong or odd about the packs in that year; see :meth:`flags_for`.
    notes
        What was done to the source, a sentence each.
    """

    name: str
    year: int
    flows: xr.DataArray
    reported: xr.DataArray
    coverage: xr.DataArray
    gdp: xr.DataArray
    left_out: tuple[str, ...]
    trade_left_out: xr.DataArray
    sources: tuple[Pack, ...]
    origins: tuple[str, ...]
    flags: tuple[Flag, ...]
    notes: tuple[str, ...]

    @property
    def countries(self) -> tuple[str, ...]:
        """The economies, in order."""
        return tuple(str(c) for c in self.flows["origin"].values)

    @property
    def has_domestic_sales(self) -> bool:
        """Whether the diagonal of the flows holds domestic sales."""
        return bool(np.diagonal(self.coverage.values).min() != _OUTSIDE)

    @cached_property
    def names(self) -> dict[str, str]:
        """The economies' names in English, by ISO3."""
        return {c: codes.name(c) for c in self.countries}

    @cached_property
    def codes(self) -> xr.Dataset:
        """Dim ``country``: ``name``, and the ``cow`` and ``gw`` numbers (0 where an economy has none)."""
        known = [codes.countries().get(c) for c in self.countries]
        return xr.Dataset(
            {
                "name": ("country", [k.name if k else c for k, c in zip(known, self.countries, strict=True)]),
                "cow": ("country", [k.cow or 0 if k else 0 for k in known]),
                "gw": ("country", [k.gw or 0 if k else 0 for k in known]),
            },
            coords={"country": list(self.countries)},
        )

    def flags_for(self, *economies: str) -> tuple[Flag, ...]:
        """Return the flags that an answer about these economies must show, those about all of the source last."""
        asked = [f for f in self.flags if f.concerns(economies, self.year)]
        return tuple(sorted(asked, key=lambda f: not (f.economies or f.pairs)))

    def covered(self, economies: Collection[str] | None = None) -> dict[str, int]:
        """Count pairs by what is known of them.

        Parameters
        ----------
        economies
            Only pairs with one of these at an end; all pairs if None.
        """
        values = self.coverage.values
        mask = ~np.eye(len(values), dtype=bool)
        if economies is not None:
            chosen = np.isin(self.countries, list(economies))
            mask &= chosen[:, None] | chosen[None, :]
        counts = np.bincount(values[mask], minlength=len(COVERAGE))
        return {word: int(n) for word, n in zip(COVERAGE, counts, strict=True) if word != "outside"}

    def __str__(self) -> str:
        n = len(self.countries)
        sectors = f", {self.flows.sizes['sector']} sectors" if "sector" in self.flows.dims else ""
        counts = ", ".join(f"{count:,} {word}" for word, count in self.covered().items() if count)
        lines = [
            f"{self.name}: {n} economies{sectors}, {float(self.flows.sum()):,.0f} {self.flows.attrs['unit']}",
            f"pairs: {counts}",
        ]
        if self.left_out:
            worst = self.trade_left_out.sortby(self.trade_left_out, ascending=False)[:3]
            shares = ", ".join(f"{c} {100 * v:.1f} %" for c, v in worst.to_series().items())
            lines.append(
                f"left out, no product for {self.year}: {', '.join(self.left_out)} "
                f"(most of all in the trade of {shares})"
            )
        lines += [*self.notes, *(f"{flag.kind}: {flag}" for flag in self.flags)]
        lines += [f"source: {p.citation}" for p in self.sources]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Rows:
    """What a source says: one entry a row, values in billions, economies and sectors by index into the labels."""

    economies: NDArray[np.str_]
    origin: _Codes
    destination: _Codes
    value: _Array
    sector: _Codes | None = None
    sectors: tuple[str, ...] = ()
    sector_names: tuple[str, ...] = ()


def worlds() -> dict[str, str]:
    """Return the worlds there are: name to what it is.

    Those of a user's own BACI are there once they have been added.
    """
    found: dict[str, str] = {}
    for name in ("baci-2000-2020", "baci-2023"):
        first, last = pack(name).years
        found |= {f"baci-{year}": "goods, one sector" for year in range(first, last + 1)}
    found |= {f"baci-{year}": "goods, one sector (your own copy)" for year in _own_years()}
    found |= {f"unctad-{year}": "goods, ten SITC sections" for year in (2005, 2015)}
    found |= {f"ots-{year}": "goods, 22 HS sections scaled to BACI" for year in range(2013, 2019)}
    found |= {f"ots6-{year}": "goods, six groups of HS sections scaled to BACI" for year in range(2013, 2019)}
    found |= {
        f"itpd-{year}": "goods and services with domestic sales, one sector, dollars of 2010"
        for year in range(2000, 2017)
    }
    return dict(sorted(found.items()))


def _own_years() -> tuple[int, ...]:
    own = pack("baci")
    file = store.path(own, own.table())
    if file is None:
        return ()
    years = store.query("select distinct year from flows order by 1", {"flows": file})["year"]
    return tuple(int(y) for y in years)


def load_world(name: str) -> World:
    """Load one year of the world's trade from a data pack.

    Parameters
    ----------
    name
        ``"baci-2000"`` to ``"baci-2020"``, ``"baci-2023"`` (or a year that you added), ``"unctad-2005"``,
        ``"unctad-2015"`` (ten sections), ``"ots-2013"`` to ``"ots-2018"`` (22 sections; ``"ots6-…"``: six groups),
        ``"itpd-2000"`` to ``"itpd-2016"`` (with domestic sales).

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
    found = re.fullmatch(r"(baci|unctad|ots|ots6|itpd)-(\d{4})", name)
    if not found or name not in worlds():
        there = worlds()
        near = difflib.get_close_matches(name, there, n=1)
        known = (
            "there are baci-2000 to baci-2020, baci-2023, unctad-2005, unctad-2015, ots-2013 to ots-2018 and "
            "itpd-2000 to itpd-2016"
        )
        raise BadInput(
            f"there is no world '{name}'",
            code="unknown-world",
            path=name,
            hint=f"did you mean '{near[0]}'?" if near else known,
        )
    family, year = found[1], int(found[2])
    if family == "baci":
        return _baci(name, year)
    if family == "unctad":
        return _unctad(name, year)
    if family == "itpd":
        return _itpd(name, year)
    return _ots(name, year, six=family == "ots6")


# --- families ---


def _baci_pack(year: int) -> Pack:
    if year in _own_years():
        return pack("baci")
    return pack("baci-2023" if year == 2023 else "baci-2000-2020")


def _baci_rows(year: int) -> tuple[Pack, _Rows]:
    source = _baci_pack(year)
    got = store.query(
        "select exporter, importer, value_kusd * 1e-6 as v from flows where year = ? and exporter <> importer",
        require(source.name, "flows"),
        [year],
    )
    return source, _indexed(got)


def _indexed(got: dict[str, NDArray[np.object_]]) -> _Rows:
    ends = np.concatenate([got["exporter"], got["importer"]]).astype(str)
    economies, index = np.unique(ends, return_inverse=True)
    half = len(got["exporter"])
    return _Rows(economies, index[:half], index[half:], np.asarray(got["v"], dtype=float))


def _place(labels: NDArray[np.str_], given: NDArray[Any]) -> _Codes:
    """Return where each code is among the labels; −1 if it is not."""
    order = np.argsort(labels)
    text = given.astype(str)
    at = np.minimum(np.searchsorted(labels, text, sorter=order), len(labels) - 1)
    found = order[at]
    return np.where(labels[found] == text, found, -1)


def _baci(name: str, year: int) -> World:
    source, rows = _baci_rows(year)
    return _world(name, year, rows, (source,))


def _unctad(name: str, year: int) -> World:
    source = pack("unctad-sitc")
    table = f"flows_{year}"
    got = store.query(
        f"select exporter, importer, sitc1, value_kusd * 1e-6 as v from {table} where exporter <> importer",
        require(source.name, table),
    )
    rows = _indexed(got)
    rows = _Rows(
        rows.economies,
        rows.origin,
        rows.destination,
        rows.value,
        np.asarray(got["sitc1"], dtype=np.intp),
        tuple(str(s) for s in SITC),
        tuple(SITC.values()),
    )
    return _world(name, year, rows, (source,))


def _ots(name: str, year: int, *, six: bool) -> World:
    """Sections of Open Trade Statistics, each pair scaled to its total in BACI."""
    sections = pack("ots-sections")
    table = "sections_2018" if year == 2018 else "sections_2013_2017"
    files = require(sections.name, table, "labels")
    labels = store.query("select section, name, group6 from labels order by section", files)
    group = "group6" if six else "section"
    got = store.query(
        f"select exporter, importer, {group} as sector, sum(value_kusd) as v from {table} join labels using (section) "
        "where year = ? and exporter <> importer group by all",
        files,
        [year],
    )
    if six:
        sectors = tuple(dict.fromkeys(str(g) for g in labels["group6"]))
        names = tuple(s.replace("_", " ") for s in sectors)
    else:
        sectors = tuple(str(s) for s in labels["section"])
        names = tuple(str(n) for n in labels["name"])
    baci, totals = _baci_rows(year)
    n = len(totals.economies)
    o, d = _place(totals.economies, got["exporter"]), _place(totals.economies, got["importer"])
    known = (o >= 0) & (d >= 0)
    s = _place(np.array(sectors), got["sector"])
    split = np.zeros((n, n, len(sectors)))
    # One row a pair and sector.
    split[o[known], d[known], s[known]] = got["v"][known]
    total = np.zeros((n, n))
    total[totals.origin, totals.destination] = totals.value
    sums = split.sum(2)
    # A pair that this source lacks is split as the exporter's other exports are, or as the world's.
    mix = split.sum(1)
    mix = np.where(mix.sum(1, keepdims=True) > 0, mix, split.sum((0, 1)))
    mix /= mix.sum(1, keepdims=True)
    guessed = (total > 0) & (sums <= 0)
    shares = np.divide(split, sums[..., None], out=np.zeros_like(split), where=sums[..., None] > 0)
    shares[guessed] = np.broadcast_to(mix[:, None, :], shares.shape)[guessed]
    values = total[..., None] * shares
    origin, destination, sector = np.nonzero(values)
    rows = _Rows(
        totals.economies,
        origin,
        destination,
        values[origin, destination, sector],
        sector,
        sectors,
        names,
    )
    share = float(total[guessed].sum() / total.sum())
    note = (
        f"each pair's total is BACI's of {year}, its split over sectors Open Trade Statistics'; {100 * share:.1f} % of "
        f"trade, in {int(guessed.sum()):,} pairs that it lacks, is split as the exporter's other exports are (assumed)"
    )
    return _world(name, year, rows, (sections, baci), guessed=guessed, notes=(note,), reports=baci)


def _itpd(name: str, year: int) -> World:
    source = pack("itpd-e")
    got = store.query(
        "select exporter, importer, value_usd2010 * 1e-9 as v from flows where year = ?",
        require(source.name, "flows"),
        [year],
    )
    # The source's prices are of 2010, by the American price index; product is brought there by the American deflator.
    files = require("wdi", "gdp_current", "gdp_constant")
    price = store.query(
        "select c.year, c.gdp_current_usd / k.gdp_constant2015_usd as p from gdp_current c "
        "join gdp_constant k using (iso3, year) where iso3 = 'USA' and year in (2010, ?)",
        files,
        [year],
    )
    level = dict(zip(price["year"].tolist(), price["p"].tolist(), strict=True))
    note = (
        "dollars of 2010, by the consumer prices of the United States as the source has it; product is brought there "
        "by the deflator of the United States (assumed to move alike)"
    )
    return _world(
        name,
        year,
        _indexed(got),
        (source,),
        domestic=True,
        deflator=level[year] / level[2010],
        unit="billion US$ of 2010",
        notes=(note,),
    )


# --- what they share ---


def _world(
    name: str,
    year: int,
    rows: _Rows,
    sources: tuple[Pack, ...],
    *,
    domestic: bool = False,
    deflator: float = 1.0,
    unit: str = "billion US$",
    guessed: NDArray[np.bool_] | None = None,
    notes: tuple[str, ...] = (),
    reports: Pack | None = None,
) -> World:
    product, product_source = _gdp(year)
    if product_source not in sources:
        sources = (*sources, product_source)
    has = np.array([c in product for c in rows.economies])
    keep = np.ones_like(has) if domestic else has
    countries = rows.economies[keep]
    n = len(countries)
    at = np.cumsum(keep) - 1
    inside = keep[rows.origin] & keep[rows.destination]
    o, d, v = at[rows.origin[inside]], at[rows.destination[inside]], rows.value[inside]
    abroad = np.where(rows.origin == rows.destination, 0.0, rows.value)
    all_trade, kept_trade = (
        np.bincount(rows.origin, weights, len(has)) + np.bincount(rows.destination, weights, len(has))
        for weights in (abroad, abroad * inside)
    )
    lost = 1 - np.divide(kept_trade, all_trade, out=np.ones(len(has)), where=all_trade > 0)
    pairs = {"origin": countries, "destination": countries}
    seen = np.zeros((n, n), dtype=bool)
    seen[o, d] = True
    attrs = {"long_name": "goods trade", "unit": unit, "year": year}
    if domestic:
        attrs["long_name"] = "trade in goods and services, and domestic sales"
    if rows.sector is None:
        table = np.zeros((n, n))
        table[o, d] = v
        flows = xr.DataArray(table, dims=("origin", "destination"), coords=pairs, name="flows", attrs=attrs)
    else:
        cube = np.zeros((n, n, len(rows.sectors)))
        cube[o, d, rows.sector[inside]] = v
        flows = xr.DataArray(
            cube,
            dims=("origin", "destination", "sector"),
            coords={
                **pairs,
                "sector": list(rows.sectors),
                "sector_name": ("sector", list(rows.sector_names)),
            },
            name="flows",
            attrs=attrs,
        )
    if guessed is not None:
        guessed = guessed[np.ix_(keep, keep)]
    coverage = _coverage(countries, seen, reports or sources[0], year, guessed, domestic=domestic)
    gdp = xr.DataArray(
        np.array([product.get(c, np.nan) for c in countries]) * 1e-9 / deflator,
        dims="country",
        coords={"country": countries},
        name="gdp",
        attrs={"long_name": "gross domestic product", "unit": unit, "year": year},
    )
    flags = tuple(f for p in sources for f in p.flags if not f.years or year in f.years)
    return World(
        name=name,
        year=year,
        flows=flows,
        reported=xr.DataArray(seen, dims=("origin", "destination"), coords=pairs, name="reported"),
        coverage=xr.DataArray(
            coverage,
            dims=("origin", "destination"),
            coords=pairs,
            name="coverage",
            attrs={"flag_values": list(range(len(COVERAGE))), "flag_meanings": " ".join(COVERAGE)},
        ),
        gdp=gdp,
        left_out=tuple(str(c) for c in rows.economies[~keep]),
        trade_left_out=xr.DataArray(
            np.maximum(lost[keep], 0.0), dims="country", coords={"country": countries}, name="trade_left_out"
        ),
        sources=sources,
        origins=tuple(
            f"{p.name}: {origin.name} ({origin.sha256[:16]})"
            for p in sources
            for origin in dict.fromkeys(o for s in store.stored(p).values() for o in s.origins)
        ),
        flags=flags,
        notes=notes,
    )


def _gdp(year: int) -> tuple[dict[str, float], Pack]:
    """Current US dollars by economy, and whose figures they are.

    Those of the World Bank; where these are not at hand, those that came with the trade of 2023.
    """
    source = pack("wdi")
    try:
        files = require("wdi", "gdp_current")
    except CannotCompute as error:
        source = pack("baci-2023")
        file = store.path(source, source.table("gdp"))
        if error.code != "no-data" or file is None or year != source.years[0]:
            raise
        files = {"gdp_current": file}
    got = store.query(
        "select iso3, gdp_current_usd as v from gdp_current where year = ? and gdp_current_usd is not null",
        files,
        [year],
    )
    return dict(zip(got["iso3"].tolist(), np.asarray(got["v"], dtype=float).tolist(), strict=True)), source


def _coverage(
    countries: NDArray[np.str_],
    seen: NDArray[np.bool_],
    source: Pack,
    year: int,
    guessed: NDArray[np.bool_] | None,
    *,
    domestic: bool,
) -> NDArray[np.int8]:
    reporter = np.isin(countries, list(_reporters(year)))
    silent = {c for f in source.flags if f.kind == "not_reporting" and year in f.years for c in f.economies}
    for code in silent:
        with_it = np.flatnonzero(countries == code)
        for k in with_it:
            reporter |= seen[k] | seen[:, k]
    reporter &= ~np.isin(countries, list(silent))
    out = np.full(seen.shape, _UNREPORTED, dtype=np.int8)
    out[reporter[:, None] | reporter[None, :]] = _ZERO
    out[seen] = _REPORTED
    if guessed is not None:
        out[guessed] = _ESTIMATED
    diagonal = np.arange(len(countries))
    own = np.where(seen[diagonal, diagonal], _REPORTED, _UNREPORTED) if domestic else _OUTSIDE
    out[diagonal, diagonal] = own
    return out


def _reporters(year: int) -> set[str]:
    """Economies known to have reported their trade of the year; none known if the list is not at hand."""
    try:
        files = require("wits-top5", "partners")
    except CannotCompute as error:
        if error.code != "no-data":
            raise
        return set()
    got = store.query("select distinct reporter from partners where year = ?", files, [year])
    return {_WITS.get(code, code) for code in got["reporter"].tolist()}
