"""Compute the figures that a case file carries, from the public data.

    TERTIUS_DATA_MIRROR=folder python tools/case_figures.py kazakhstan-2022
    TERTIUS_DATA_MIRROR=folder python tools/case_figures.py path/to/case.yaml

reads the regions of the case (their members decide who is in which), computes the table of trade and
every other figure that the data give, and prints them as YAML, rounded as they stand in the case.
Nothing is written.

How the table of trade is made (no source has every pair by sector in 2021, so years are joined):

1. *Levels by sector and pair*: UNCTAD, exports by SITC section, 2015, added up over regions. Energy is
   section 3; food is sections 0, 1 and 4. Section 2 is split by the exporter's mix of ores and scrap
   against farm and forest raw materials in 2018; sections 5 to 9 by the pair's share of metals and
   precious metals (HS 71 to 83) in 2018.
2. *2015 to 2018*: each cell grows as the same pair's trade in the corresponding HS sections does in Open
   Trade Statistics (that source's shares and growth are sound, its levels are not).
3. *2018 to 2021*: energy grows with what the world burns, at one set of prices; the other sectors of a
   pair grow alike, by what China reports, and by what the United States and the European Union export,
   where one of them is at one end, and by the sum of all these elsewhere.
4. *The client's own row and column*: official partner totals of 2021 where there are any, spread over
   sectors so that the partners' totals and (for exports) the sectors' totals both hold. Elsewhere the
   last year of BACI.
5. *Domestic sales*: energy by what is burned, at one price a fuel; other goods by absorption as a share
   of gross domestic product less imports; services the rest, so that all that a region sells adds up to
   its product.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from ruamel.yaml import YAML

GOODS = ("energy", "metals_ores", "food", "other_goods")
SECTORS = (*GOODS, "services")

# Absorption (what is used at home, whoever made it) as a share of gross domestic product. Assumed: no source
# here has output or use by sector.
ABSORPTION = {"metals_ores": 0.05, "food": 0.10, "other_goods": 0.28}
# Who sells much abroad makes much for itself: domestic sales are at least this share of exports. Assumed.
HOME_FLOOR = 0.25
# No region meets less than this share of its own use of a good. Assumed.
SELF_FLOOR = 0.10
# Billion dollars per exajoule of coal; assumed. Oil and gas are priced from the data (see `prices`).
COAL_PRICE = 2.5

FUELS = (
    "Crude Petroleum",
    "Refined Petroleum",
    "Petroleum Gas",
    "Coal Briquettes",
    "Electricity",
    "Coal Tar Oil",
    "Petroleum Coke",
    "Coke",
    "Lignite",
    "Petroleum Jelly",
    "Peat",
    "Pitch Coke",
    "Asphalt Mixtures",
    "Asphalt",
    "Tar",
    "Non-Petroleum Gas",
)
SCRAP = ("Scrap Iron", "Scrap Copper", "Scrap Aluminium")
RAW = (
    "Soybeans",
    "Rapeseed",
    "Other Oily Seeds",
    "Sunflower Seeds",
    "Ground Nuts",
    "Other Live Plants",
    "Cut Flowers",
    "Vegetable Saps",
    "Rubber",
    "Synthetic Rubber",
    "Equine and Bovine Hides",
    "Raw Furskins",
    "Sawn Wood",
    "Rough Wood",
    "Fuel Wood",
    "Sulfate Chemical Woodpulp",
    "Dissolving Grades Chemical Woodpulp",
    "Semi chemical Woodpulp",
    "Recovered Paper",
    "Raw Cotton",
    "Wool",
    "Prepared Wool or Animal Hair",
    "Unprocessed Synthetic Staple Fibers",
)
# Members of the Union since 2020, all of whom the data of Eurostat add up.
EU27 = (
    "AUT", "BEL", "BGR", "HRV", "CYP", "CZE", "DNK", "EST", "FIN", "FRA", "DEU", "GRC", "HUN", "IRL", "ITA",
    "LVA", "LTU", "LUX", "MLT", "NLD", "POL", "PRT", "ROU", "SVK", "SVN", "ESP", "SWE",
)  # fmt: skip
# Economies as the Statistical Review names them; those it lumps together are in the rest of the world.
ENERGY_NAMES = {
    "Algeria": "DZA", "Angola": "AGO", "Argentina": "ARG", "Australia": "AUS", "Austria": "AUT",
    "Azerbaijan": "AZE", "Bahrain": "BHR", "Bangladesh": "BGD", "Belarus": "BLR", "Belgium": "BEL",
    "Brazil": "BRA", "Brunei": "BRN", "Bulgaria": "BGR", "Canada": "CAN", "Chad": "TCD", "Chile": "CHL",
    "China": "CHN", "China Hong Kong SAR": "HKG", "Colombia": "COL", "Croatia": "HRV", "Cyprus": "CYP",
    "Czech Republic": "CZE", "Denmark": "DNK", "Ecuador": "ECU", "Egypt": "EGY",
    "Equatorial Guinea": "GNQ", "Estonia": "EST", "Finland": "FIN", "France": "FRA", "Gabon": "GAB",
    "Germany": "DEU", "Greece": "GRC", "Hungary": "HUN", "Iceland": "ISL", "India": "IND",
    "Indonesia": "IDN", "Iran": "IRN", "Iraq": "IRQ", "Ireland": "IRL", "Israel": "ISR", "Italy": "ITA",
    "Japan": "JPN", "Kazakhstan": "KAZ", "Kuwait": "KWT", "Latvia": "LVA", "Libya": "LBY",
    "Lithuania": "LTU", "Luxembourg": "LUX", "Malaysia": "MYS", "Mexico": "MEX", "Mongolia": "MNG",
    "Morocco": "MAR", "Myanmar": "MMR", "Netherlands": "NLD", "New Zealand": "NZL", "Nigeria": "NGA",
    "North Macedonia": "MKD", "Norway": "NOR", "Oman": "OMN", "Pakistan": "PAK", "Peru": "PER",
    "Philippines": "PHL", "Poland": "POL", "Portugal": "PRT", "Qatar": "QAT",
    "Republic of Congo": "COG", "Romania": "ROU", "Russian Federation": "RUS", "Saudi Arabia": "SAU",
    "Serbia": "SRB", "Singapore": "SGP", "Slovakia": "SVK", "Slovenia": "SVN", "South Africa": "ZAF",
    "South Korea": "KOR", "South Sudan": "SSD", "Spain": "ESP", "Sri Lanka": "LKA", "Sudan": "SDN",
    "Sweden": "SWE", "Switzerland": "CHE", "Syria": "SYR", "Taiwan": "TWN", "Thailand": "THA",
    "Trinidad & Tobago": "TTO", "Tunisia": "TUN", "Turkey": "TUR", "Turkmenistan": "TKM", "US": "USA",
    "Ukraine": "UKR", "United Arab Emirates": "ARE", "United Kingdom": "GBR", "Uzbekistan": "UZB",
    "Venezuela": "VEN", "Vietnam": "VNM", "Yemen": "YEM", "Zimbabwe": "ZWE",
}  # fmt: skip

OTS = "trade-sections-ots/ots_sections_2018.csv.gz"
OTS_BEFORE = "trade-sections-ots/ots_sections_2013_2017.csv.gz"
PRODUCTS = "trade-sections-ots/ots_country_product_2018.csv.gz"
UNCTAD = "trade-sitc-unctad/unctad_sitc1_2015.csv.gz"
BACI = "trade-baci/baci_bilateral_2000_2020.csv.gz"
OFFICIAL = "trade-kazakhstan-official/kazakhstan_trade_by_partner_2018_2023.csv"
HS6 = "trade-kazakhstan-products/kaz_exports_hs6_2002_2019_2021.csv.gz"
HS6_FIVE = "trade-kazakhstan-products/kaz_exports_hs6_five_importers_2021.csv.gz"
CRUDE = "trade-kazakhstan-products/kaz_crude_exports_by_importer_2021.csv"
IMTS = "trade-imf-usa-china/imts_usa_china_long.csv.gz"
EU_EXPORTS = "trade-eurostat-eu27/eu27_exports_by_partner_2010_2023.csv.gz"
FUELS_REPORTED = "trade-fuels-hs27/comtrade_hs27_2013_2017.csv.gz"
ENERGY = "energy-ei-review/ei_country_energy_2010_2022.csv.gz"
PIPED_GAS = "energy-ei-review/ei_pipeline_gas_2021_2022.csv"
GDP = "gdp-pop-wdi/wdi_gdp_current_usd.csv.gz"
FACTS = "kazakhstan-transit-fdi/facts.csv"
SIPRI = "arms-sipri/sipri_tiv_supplier_recipient_1990_2024.csv.gz"
DIP = "fdi-imf-dip/imf_dip_positions_2014_2024.csv.gz"

Frame = pd.DataFrame


def rounded(value: float, digits: int = 4) -> float:
    """Round to significant digits, and to no more than four decimals: smaller trade is written as none."""
    if abs(value) < 5e-5:
        return 0.0
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return float(round(value, min(places, 4)))


def rake(seed: np.ndarray, rows: np.ndarray, columns: np.ndarray, rounds: int = 2000) -> np.ndarray:
    """Scale a seed of shape (R, C) until its rows and columns add up (iterative proportional fitting)."""
    table = seed.copy()
    for _ in range(rounds):
        table *= np.divide(rows, table.sum(1), out=np.zeros_like(rows), where=table.sum(1) > 0)[:, None]
        total = table.sum(0)
        table *= np.divide(columns, total, out=np.zeros_like(columns), where=total > 0)[None, :]
        if np.allclose(table.sum(1), rows, rtol=1e-11, atol=0):
            return table
    raise RuntimeError("the totals by partner and by sector do not fit together")


def hs_sector(code: str) -> str:
    """Sector of a six-digit HS code. Processed uranium (2844) goes with metals, where ores and metals are."""
    chapter = int(code[:2])
    if chapter <= 24:
        return "food"
    if chapter == 27:
        return "energy"
    if chapter in (25, 26) or 71 <= chapter <= 83 or code.startswith("2844"):
        return "metals_ores"
    return "other_goods"


@dataclass
class World:
    """The regions of a case and the data behind its figures.

    Attributes
    ----------
    data
        Folder of the data packs.
    client
        Id of the client's region.
    regions
        Region id to its members' ISO3 codes, or the word ``rest``.
    powers
        Power id to its members.
    sectors
        The case's sectors: the five here, or some of them and ``goods`` for all the rest that cross borders.
    """

    data: Path
    client: str
    regions: Mapping[str, list[str] | str]
    powers: Mapping[str, list[str]]
    sectors: tuple[str, ...] = SECTORS

    def sql(self, query: str, **files: str) -> Frame:
        """Run a query in which each name stands for a file of the data folder."""
        for name, path in files.items():
            query = query.replace(f"${name}", f"read_csv_auto('{self.data / path}')")
        return duckdb.sql(query).df()

    @property
    def names(self) -> list[str]:
        """Region ids, in the case's order."""
        return list(self.regions)

    def region(self, iso: str) -> str:
        """Region of an economy."""
        return self._of.get(iso, self._rest)

    @cached_property
    def _of(self) -> dict[str, str]:
        return {iso: name for name, members in self.regions.items() if members != "rest" for iso in members}

    @cached_property
    def _rest(self) -> str:
        return next(name for name, members in self.regions.items() if members == "rest")

    @property
    def client_iso(self) -> str:
        """The client's code."""
        return self.regions[self.client][0]

    def pairs(self, frame: Frame, value: str, *keys: str) -> pd.Series:
        """Add up ``value`` by (origin, destination, keys), over columns ``exporter`` and ``importer``."""
        data = frame.assign(
            origin=frame["exporter"].map(self.region), destination=frame["importer"].map(self.region)
        )
        data = data[data["exporter"] != data["importer"]]
        return data.groupby(["origin", "destination", *keys])[value].sum()

    def cube(self, series: pd.Series, labels: Iterable[Any]) -> np.ndarray:
        """Pairs by label as an array (label, origin, destination); nothing reported is no trade."""
        labels = list(labels)
        index = pd.MultiIndex.from_product([self.names, self.names, labels])
        n = len(self.names)
        return (
            series.reindex(index, fill_value=0).to_numpy(float).reshape(n, n, len(labels)).transpose(2, 0, 1)
        )

    # --- sources, in billion dollars ---

    @cached_property
    def unctad(self) -> np.ndarray:
        """2015, SITC section 0-9: shape (10, N, N)."""
        frame = self.sql("select exporter, importer, sitc1, value_kusd / 1e6 v from $f", f=UNCTAD)
        return self.cube(self.pairs(frame, "v", "sitc1"), range(10))

    def ots(self, year: int) -> np.ndarray:
        """HS sections 1-21 and 99 (as 22): shape (23, N, N), index 0 unused."""
        frame = self.sql(
            f"select exporter, importer, section, value_kusd / 1e6 v from $f where year = {year}",
            f=OTS if year == 2018 else OTS_BEFORE,
        )
        frame["section"] = frame["section"].replace(99, 22)
        return self.cube(self.pairs(frame, "v", "section"), range(23))

    def baci(self, year: int) -> np.ndarray:
        """All goods: shape (N, N)."""
        frame = self.sql(f"select exporter, importer, value_kusd / 1e6 v from $f where year = {year}", f=BACI)
        return self.cube(self.pairs(frame.assign(all=0), "v", "all"), [0])[0]

    def official(self, year: int) -> Frame:
        """Kazakhstan's own statistics by region: columns ``export`` and ``import``."""
        frame = self.sql(
            f"select iso3, export_kusd / 1e6 as export, import_kusd / 1e6 as import from $f "
            f"where year = {year} and kind = 'country'",
            f=OFFICIAL,
        )
        frame = frame.fillna(0.0)
        return (
            frame.groupby(frame["iso3"].map(self.region))[["export", "import"]]
            .sum()
            .reindex(self.names)
            .fillna(0.0)
        )

    @cached_property
    def gdp(self) -> pd.Series:
        """2021, billion current US$. Where 2021 is not known, the latest year from 2016 on.

        Venezuela, whose last figure is of 2014, counts with nothing. Taiwan is not in the source: Korea's
        product times the ratio of the two economies' goods exports in 2015.
        """
        frame = self.sql(
            "select iso3, arg_max(gdp_current_usd, year) / 1e9 gdp from $f "
            "where year between 2016 and 2021 and gdp_current_usd is not null group by iso3",
            f=GDP,
        ).set_index("iso3")["gdp"]
        economies = self.sql("select distinct exporter iso3 from $f", f=BACI)["iso3"]
        frame = frame[frame.index.isin(set(economies))]
        exports = self.sql(
            "select exporter, sum(value_kusd) v from $f where exporter in ('TWN', 'KOR') group by exporter",
            f=UNCTAD,
        ).set_index("exporter")["v"]
        frame["TWN"] = frame["KOR"] * exports["TWN"] / exports["KOR"]
        return frame.groupby(frame.index.map(self.region)).sum().reindex(self.names)

    @cached_property
    def burned(self) -> Frame:
        """Use of energy by region in 2021: oil (Mt), gas (bcm), coal (EJ)."""
        frame = self.sql(
            "select name, variable, value from $f where year = 2021 and variable like '%_consumption'",
            f=ENERGY,
        )
        table = frame.pivot(index="name", columns="variable", values="value").fillna(0.0)
        listed = table[table.index.isin(ENERGY_NAMES)]
        by_region = (
            listed.groupby(listed.index.map(lambda n: self.region(ENERGY_NAMES[n]))).sum().reindex(self.names)
        )
        by_region = by_region.fillna(0.0)
        by_region.loc[self._rest] += table.loc["Total World"] - listed.sum()
        return by_region.rename(columns=lambda c: c.removesuffix("_consumption"))

    @cached_property
    def prices(self) -> dict[str, float]:
        """Billion dollars per Mt of oil, bcm of gas and EJ of coal, 2021.

        Oil: the unit value of Kazakhstan's crude by importers' books. Gas: Kazakhstan's sales to China over
        the volume piped there.
        """
        crude = self.sql("select sum(value_kusd) / sum(tonnes) v from $f", f=CRUDE)["v"][0]
        gas = self.sql(
            "select sum(value_kusd) / 1e6 v from $f where importer = 'CHN' and hs6_2002 = '271121'",
            f=HS6_FIVE,
        )["v"][0]
        volume = self.sql(
            "select sum(bcm) v from $f where year = 2021 and from_area = 'Kazakhstan' and to_area = 'China'",
            f=PIPED_GAS,
        )["v"][0]
        return {"oil": float(crude), "gas": float(gas / volume), "coal": COAL_PRICE}

    # --- the table ---

    @cached_property
    def ores_in_crude_materials(self) -> np.ndarray:
        """Share of ores and scrap in each region's crude materials (SITC 2), from its exports of 2018."""
        frame = self.sql("select iso3, section, product, export_kusd v from $f", f=PRODUCTS)
        frame["region"] = frame["iso3"].map(self.region)
        ores = (
            frame[((frame["section"] == 5) & ~frame["product"].isin(FUELS)) | frame["product"].isin(SCRAP)]
            .groupby("region")["v"]
            .sum()
        )
        raw = frame[frame["product"].isin(RAW)].groupby("region")["v"].sum()
        return (ores / (ores + raw)).reindex(self.names).to_numpy(float)

    @cached_property
    def fuel_share_of_minerals(self) -> np.ndarray:
        """Share of fuels in a pair's mineral products (HS V), by UNCTAD's split of 2015: shape (N, N)."""
        ores = self.unctad[2] * self.ores_in_crude_materials[:, None]
        total = self.unctad[3] + ores
        return np.divide(self.unctad[3], total, out=np.zeros_like(total), where=total > 0)

    def by_sector(self, hs: np.ndarray) -> np.ndarray:
        """Four goods sectors out of HS sections: shape (4, N, N)."""
        fuel = self.fuel_share_of_minerals * hs[5]
        metals = hs[14] + hs[15] + hs[5] - fuel
        food = hs[1:5].sum(0)
        return np.stack([fuel, metals, food, hs[1:].sum(0) - fuel - metals - food])

    @cached_property
    def levels_2015(self) -> np.ndarray:
        """Steps 1: four goods sectors by pair, 2015."""
        u, hs = self.unctad, self.ots(2018)
        worked = hs[6:].sum(0)
        metal = np.divide(hs[14] + hs[15], worked, out=np.zeros_like(worked), where=worked > 0)
        ores = self.ores_in_crude_materials[:, None] * u[2]
        made = u[5:].sum(0)
        food = u[0] + u[1] + u[4]
        return np.stack([u[3], ores + metal * made, food, u[2] - ores + (1 - metal) * made])

    @cached_property
    def growth_to_2018(self) -> np.ndarray:
        """Step 2: growth by sector and pair, held between a half and two, since thin trade jumps."""
        before, after = self.by_sector(self.ots(2015)), self.by_sector(self.ots(2018))
        world = after.sum((1, 2)) / before.sum((1, 2))
        ratio = np.divide(
            after, before, out=np.broadcast_to(world[:, None, None], before.shape).copy(), where=before > 0
        )
        return np.clip(ratio, 0.5, 2.0)

    @cached_property
    def growth_to_2021(self) -> np.ndarray:
        """Step 3: growth of all goods by pair, 2018 to 2021: shape (N, N)."""
        imts = self.sql(
            "select year, reporter, partner, flow, value_musd v from $f where year in (2018, 2021)", f=IMTS
        )
        imts = imts[imts["partner"].str.fullmatch("[A-Z]{3}")]
        eu = self.sql("select year, partner, export_eur v from $f where year in (2018, 2021)", f=EU_EXPORTS)
        eu = eu[eu["partner"].str.fullmatch("[A-Z]{3}")]
        # Dollars a euro each year, from what the Union sells to the United States in both books. Freight and
        # insurance are in the one and not in the other, which leaves growth as it is.
        union = imts[(imts["reporter"] == "USA") & imts["flow"].str.startswith("import")]
        bought = union[union["partner"].isin(EU27)].groupby("year")["v"].sum()
        rate = bought / eu[eu["partner"] == "USA"].set_index("year")["v"]
        out = imts["flow"].str.startswith("export")
        # What the United States buys says little of what the whole West buys, so only its sales are taken.
        imts, out = imts[out | (imts["reporter"] == "CHN")], out[out | (imts["reporter"] == "CHN")]
        rows = [
            imts.assign(
                exporter=np.where(out, imts["reporter"], imts["partner"]),
                importer=np.where(out, imts["partner"], imts["reporter"]),
            )[["year", "exporter", "importer", "v"]],
            eu.assign(exporter="DEU", importer=eu["partner"], v=eu["v"] * eu["year"].map(rate))[
                ["year", "exporter", "importer", "v"]
            ],
        ]
        seen = self.cube(self.pairs(pd.concat(rows), "v", "year"), (2018, 2021))
        overall = seen[1].sum() / seen[0].sum()
        ratio = np.divide(seen[1], seen[0], out=np.full_like(seen[0], overall), where=seen[0] > 0)
        return np.clip(ratio, 0.5, 2.0)

    @cached_property
    def energy_growth_to_2021(self) -> float:
        """Step 3 for energy: what the world burned in 2021 over 2018, at one set of prices."""
        frame = self.sql(
            "select year, variable, value from $f where name = 'Total World' and year in (2018, 2021) "
            "and variable like '%_consumption'",
            f=ENERGY,
        )
        frame["worth"] = frame["value"] * frame["variable"].str.removesuffix("_consumption").map(self.prices)
        worth = frame.groupby("year")["worth"].sum()
        return float(worth[2021] / worth[2018])

    @cached_property
    def trade(self) -> np.ndarray:
        """Goods between regions: shape (4, N, N), billion dollars, diagonal zero."""
        table = self.levels_2015 * self.growth_to_2018
        table[0] *= self.energy_growth_to_2021
        table[1:] *= self.growth_to_2021
        table[:, range(len(self.names)), range(len(self.names))] = 0
        c = self.names.index(self.client)
        table[:, c, :], table[:, :, c] = self.client_exports, self.client_imports
        return table

    @cached_property
    def _client_seed(self) -> tuple[np.ndarray, np.ndarray]:
        """The client's exports and imports by sector and region in 2018, from Open Trade Statistics."""
        c = self.names.index(self.client)
        table = self.by_sector(self.ots(2018))
        exports, imports = table[:, c, :].copy(), table[:, :, c].copy()
        exports[:, c] = imports[:, c] = 0
        return exports, imports

    @cached_property
    def client_exports(self) -> np.ndarray:
        """Step 4, exports: shape (4, N)."""
        seed = self._client_seed[0]
        c = self.names.index(self.client)
        if self.client_iso != "KAZ":
            return self._scaled(seed, self.baci(2020)[c])
        partners = self.official(2021)["export"].to_numpy(float)
        for region, shares in self.products_by_importer.items():
            k = self.names.index(region)
            seed[:, k] = shares * seed[:, k].sum()
        sectors = self.products_2021
        return rake(seed, sectors * partners.sum() / sectors.sum(), partners)

    @cached_property
    def client_imports(self) -> np.ndarray:
        """Step 4, imports: shape (4, N)."""
        seed = self._client_seed[1]
        c = self.names.index(self.client)
        if self.client_iso != "KAZ":
            return self._scaled(seed, self.baci(2020)[:, c])
        return self._scaled(seed, self.official(2021)["import"].to_numpy(float))

    @staticmethod
    def _scaled(seed: np.ndarray, totals: np.ndarray) -> np.ndarray:
        sums = seed.sum(0)
        return seed * np.divide(totals, sums, out=np.zeros_like(totals), where=sums > 0)

    @cached_property
    def crude_exports_mt(self) -> float:
        """Kazakhstan's oil exports of 2021: those of 2022 at the ratio of the two years' production."""
        facts = self.facts()
        produced = self.sql(
            "select year, value from $f where name = 'Kazakhstan' and variable = 'oil_production'", f=ENERGY
        ).set_index("year")["value"]
        sold = facts[(facts["item"] == "total oil and condensate exports") & (facts["year"] == "2022")][
            "value"
        ]
        return float(sold.astype(float).iloc[0] * produced[2021] / produced[2022])

    @cached_property
    def products_2021(self) -> np.ndarray:
        """Kazakhstan's exports by sector, 2021, billion: shape (4,).

        BACI by product, with two corrections. Crude is what is shipped (BACI has 46.6 Mt, by importers'
        books) at BACI's unit value. Gold (HS 7108) is left out: official statistics have none of it (0.86 bn
        of all goods to the United Kingdom, against 4.0 bn of gold alone).
        """
        frame = self.sql(
            "select hs6_2002 code, sum(value_kusd) / 1e6 v from $f where year = 2021 group by 1", f=HS6
        )
        frame["code"] = frame["code"].astype(str).str.zfill(6)
        frame = frame[~frame["code"].str.startswith("7108")]
        crude = frame["code"].str.startswith("2709")
        by_sector = frame[~crude].groupby(frame["code"].map(hs_sector))["v"].sum()
        by_sector["energy"] += self.crude_exports_mt * self.prices["oil"]
        return by_sector.reindex(GOODS).to_numpy(float)

    @cached_property
    def products_by_importer(self) -> dict[str, np.ndarray]:
        """Shares of the four sectors in Kazakhstan's exports of 2021 to China and Russia."""
        frame = self.sql(
            "select importer, hs6_2002 code, sum(value_kusd) v from $f "
            "where importer in ('CHN', 'RUS') group by all",
            f=HS6_FIVE,
        )
        frame["code"] = frame["code"].astype(str).str.zfill(6)
        table = frame.pivot_table(
            index="importer", columns=frame["code"].map(hs_sector), values="v", aggfunc="sum"
        )
        table = table.reindex(columns=list(GOODS)).fillna(0.0)
        return {self.region(iso): (row / row.sum()).to_numpy(float) for iso, row in table.iterrows()}

    @cached_property
    def domestic(self) -> np.ndarray:
        """Step 5: shape (5, N), billion."""
        imports, exports = self.trade.sum(1), self.trade.sum(2)
        price = pd.Series(self.prices)
        use = {"energy": (self.burned[list(price.index)] * price).sum(axis=1).to_numpy(float)}
        for sector, share in ABSORPTION.items():
            use[sector] = share * self.gdp.to_numpy(float)
        rows = [
            np.maximum.reduce([use[s] - imports[k], HOME_FLOOR * exports[k], SELF_FLOOR * use[s]])
            for k, s in enumerate(GOODS)
        ]
        goods = np.stack(rows)
        services = self.gdp.to_numpy(float) - goods.sum(0) - exports.sum(0)
        return np.vstack([goods, np.maximum(services, SELF_FLOOR * self.gdp.to_numpy(float))])

    def tables(self) -> dict[str, dict[str, dict[str, float]]]:
        """Sector to origin to destination, rounded; below a twentieth of a million dollars is nothing."""
        table: dict[str, dict[str, dict[str, float]]] = {}
        sectors = {s: np.stack([self.trade[k] for k in (GOODS.index(s),)]).sum(0) for s in GOODS}
        home = dict(zip(SECTORS, self.domestic, strict=True))
        if self.sectors != SECTORS:
            merged = [s for s in GOODS if s not in self.sectors]
            sectors["goods"] = sum(sectors[s] for s in merged)
            home["goods"] = sum(home[s] for s in merged)
        for sector in self.sectors:
            flows = sectors.get(sector)
            table[sector] = {}
            for o, origin in enumerate(self.names):
                row = {origin: rounded(home[sector][o])}
                if flows is not None:
                    row |= {d: rounded(flows[o, k]) for k, d in enumerate(self.names) if k != o}
                table[sector][origin] = row
        return table

    # --- how far the data disagree ---

    def partner_doubt(self, powers: Iterable[str]) -> dict[str, dict[str, float]]:
        """Root mean square of log(BACI / official), 2018-2020, by power and for all others together."""
        c = self.names.index(self.client)
        groups = {p: [self.names.index(p)] for p in powers}
        taken = {c, *(k for ks in groups.values() for k in ks)}
        groups["others"] = [k for k in range(len(self.names)) if k not in taken]
        gaps: dict[str, dict[str, list[float]]] = {f: {g: [] for g in groups} for f in ("exports", "imports")}
        for year in (2018, 2019, 2020):
            baci, official = self.baci(year), self.official(year)
            for group, ks in groups.items():
                for flow, row, column in (("exports", baci[c], "export"), ("imports", baci[:, c], "import")):
                    gaps[flow][group].append(
                        math.log(row[ks].sum() / official[column].to_numpy(float)[ks].sum())
                    )
        return {
            flow: {g: rounded(math.sqrt(np.mean(np.square(v))), 2) for g, v in found.items()}
            for flow, found in gaps.items()
        }

    def fuel_mirror(self, groups: Iterable[str]) -> dict[str, dict[str, float]]:
        """Mean and spread of log(importers' reports / Kazakhstan's own) of its fuels (HS 27), 2013-2017."""
        frame = self.sql(
            "select year, reporter, partner, flow, value_usd / 1e9 v from $f "
            "where (reporter = 'KAZ' and flow = 'export') or (partner = 'KAZ' and flow = 'import')",
            f=FUELS_REPORTED,
        )
        own = frame[frame["reporter"] == "KAZ"]
        own = own[own["partner"] != "WLD"].assign(region=lambda t: t["partner"].map(self.region))
        theirs = frame[frame["partner"] == "KAZ"].assign(region=lambda t: t["reporter"].map(self.region))
        result = {}
        for group in groups:
            gap = np.log(
                theirs[theirs["region"] == group].groupby("year")["v"].sum()
                / own[own["region"] == group].groupby("year")["v"].sum()
            )
            result[group] = {
                "log_mean": rounded(float(gap.mean()), 2),
                "log_sd": rounded(float(gap.std()), 2),
            }
        return result

    def sector_doubt(self) -> dict[str, float]:
        """Root mean square log gap between two ways to the world outside the client, by sector.

        One is steps 1 and 2 of the table (2018); the other BACI's total of the pair in 2018 spread by the
        sections of Open Trade Statistics. Weighted by trade over the pairs of regions.
        """
        ours = self.levels_2015 * self.growth_to_2018
        hs = self.by_sector(self.ots(2018))
        theirs = hs * np.divide(self.baci(2018), hs.sum(0), out=np.zeros_like(hs[0]), where=hs.sum(0) > 0)
        n, c = len(self.names), self.names.index(self.client)
        outside = ~np.eye(n, dtype=bool)
        outside[c] = outside[:, c] = False
        result = {}
        for k, sector in enumerate(GOODS):
            a, b = ours[k][outside], theirs[k][outside]
            keep = (a > 0.01) & (b > 0.01)
            gap = np.log(a[keep] / b[keep])
            result[sector] = rounded(
                float(np.sqrt(np.average(gap**2, weights=np.sqrt(a[keep] * b[keep])))), 2
            )
        return result

    # --- other figures ---

    def facts(self) -> Frame:
        """Read the table of cited single figures about Kazakhstan."""
        return self.sql("select * from $f", f=FACTS).astype(str)

    def arms(self, first: int, powers: Mapping[str, Iterable[str]]) -> dict[str, float]:
        """Share of each power in the client's arms, ``first`` to 2021, by trend-indicator value."""
        frame = self.sql(
            f"select supplier_iso3 iso, sum(tiv_musd) v from $f where recipient_iso3 = '{self.client_iso}' "
            f"and year between {first} and 2021 group by 1",
            f=SIPRI,
        )
        total = frame["v"].sum()
        return {
            power: rounded(float(frame[frame["iso"].isin(list(members))]["v"].sum() / total), 3)
            for power, members in powers.items()
        }

    def arms_reverse(self, first: int, powers: Mapping[str, Iterable[str]]) -> dict[str, float]:
        """Share of the client in what each power's makers deliver abroad, ``first`` to 2021."""
        frame = self.sql(
            f"select supplier_iso3 iso, recipient_iso3 = '{self.client_iso}' mine, sum(tiv_musd) v from $f "
            f"where year between {first} and 2021 group by all",
            f=SIPRI,
        )
        result = {}
        for power, members in powers.items():
            sold = frame[frame["iso"].isin(list(members))]
            mine = sold["mine"].fillna(False).astype(bool)
            result[power] = (
                round(float(sold[mine]["v"].sum() / sold["v"].sum()), 5) if len(sold) else math.nan
            )
        return result

    def outward_investment(self) -> dict[str, float]:
        """Share of the client in a reporter's outward positions, by its counterparts' books (IMF, 2021)."""
        frame = self.sql(
            f"select reporter, counterpart = '{self.client_iso}' mine, sum(value) v from $f "
            "where year = 2021 and direction = 'outward' and dv_type = 'SCC' "
            "and length(counterpart) = 3 group by all",
            f=DIP,
        )
        table = frame.pivot(index="reporter", columns="mine", values="v")
        if True not in table:
            return {}
        shares = table[True] / table.sum(axis=1)
        return {iso: round(float(v), 5) for iso, v in shares.items()}

    def transit(self) -> dict[str, float]:
        """Figures of the oil routes: see `docs/kazakhstan-2022.md`."""
        facts = self.facts()

        def one(item: str, year: str, text: str = "") -> float:
            rows = facts[
                (facts["item"] == item) & (facts["year"] == year) & facts["source"].str.contains(text)
            ]
            return float(rows["value"].iloc[0])

        total = one("total oil exports", "2022")
        cpc, samara = (
            one("CPC pipeline (across Russia to Novorossiysk)", "2022"),
            one("Atyrau-Samara-Druzhba (Russian system)", "2022"),
        )
        china, aktau = one("Kazakhstan-China pipeline", "2022"), one("Aktau port (Caspian)", "2022")
        low = (cpc + samara) / (total - china)
        bypass = one("exports bypassing Russian ports", "2022")
        high = 1 - (bypass - china) / (one("total oil and condensate exports", "2022") - china)
        west = total - china
        oil = self.prices["oil"]
        china_bought = self.sql(
            "select sum(case when hs6_2002 = '270900' then tonnes end) / 1e6 crude_mt, "
            "sum(case when hs6_2002 = '270900' then value_kusd end) / 1e6 crude, "
            "sum(case when hs6_2002[1:2] = '27' then value_kusd end) / 1e6 energy "
            "from $f where importer = 'CHN'",
            f=HS6_FIVE,
        ).iloc[0]
        spare = one("capacity: Kazakhstan-China Pipeline (Atasu-Alashankou)", "2020") - one(
            "Russian oil in transit to China", "2025"
        )
        return {
            "crude_exports_mt_2021": rounded(self.crude_exports_mt, 3),
            "crude_exports_bn_2021": rounded(self.crude_exports_mt * oil, 3),
            "share_across_russia_low": rounded(low, 3),
            "share_across_russia_high": rounded(high, 3),
            "aktau_spare_of_westbound": rounded((one("capacity: Aktau port", "2020") - aktau) / west, 2),
            "btc_possible_of_westbound": rounded(
                one("Baku-Tbilisi-Ceyhan, possible physical deliveries", "2026") / west, 2
            ),
            "china_crude_mt_2021": rounded(float(china_bought["crude_mt"]), 3),
            "china_crude_across_russia_share_of_energy": rounded(
                float(
                    (1 - china / china_bought["crude_mt"]) * china_bought["crude"] / china_bought["energy"]
                ),
                2,
            ),
            "china_pipeline_spare_of_energy": rounded(
                float((spare - china) * oil / china_bought["energy"]), 2
            ),
            "china_overland_capacity": rounded(
                float(
                    (spare * oil + china_bought["energy"] - china_bought["crude"]) / china_bought["energy"]
                ),
                2,
            ),
            "china_all_oil_capacity": rounded(
                float(
                    (self.crude_exports_mt * oil + china_bought["energy"] - china_bought["crude"])
                    / china_bought["energy"]
                ),
                2,
            ),
        }

    def neighbours_thirst(self, regions: Iterable[str]) -> dict[str, float]:
        """What the client's energy sales to a region would be, over what they are, if it burned no other oil."""
        c = self.names.index(self.client)
        result = {}
        for region in regions:
            sold = self.trade[0, c, self.names.index(region)]
            result[region] = rounded(float(1 + self.burned.loc[region, "oil"] * self.prices["oil"] / sold), 2)
        return result

    def investment(self) -> dict[str, float]:
        """Stock of foreign investment in mid-2021 by immediate investor, as shares."""
        facts = self.facts()
        rows = facts[(facts["topic"] == "inward FDI stock") & (facts["year"] == "2021 mid")]
        stock = {item: float(value) for item, value in zip(rows["item"], rows["value"], strict=True)}
        total = stock["total"]
        named = {
            "netherlands": "Netherlands (more than)",
            "usa": "United States",
            "china": "China",
            "russia": "Russia",
        }
        shares = {key: stock[item] / total for key, item in named.items()}
        shares["not_named"] = 1 - sum(shares.values())
        return {key: rounded(value, 3) for key, value in shares.items()}

    def glance(self) -> dict[str, dict[str, float]]:
        """List the client's partners, in percent of goods trade as the table has it."""
        c = self.names.index(self.client)
        out, into = self.trade[:, c, :].sum(0), self.trade[:, :, c].sum(0)
        return {
            "exports_percent": {
                n: rounded(100 * v / out.sum(), 3) for n, v in zip(self.names, out, strict=True) if v
            },
            "imports_percent": {
                n: rounded(100 * v / into.sum(), 3) for n, v in zip(self.names, into, strict=True) if v
            },
        }


def load(case: str | Path, data: Path) -> World:
    """Read the regions and sectors of a case file; a bare name is a case that ships with the package."""
    path = Path(case)
    if not path.exists():
        path = Path(__file__).resolve().parents[1] / "src" / "tertius" / "cases" / f"{case}.yaml"
    content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    regions = {name: region["members"] for name, region in content["trade"]["regions"].items()}
    powers = {name: power["members"] for name, power in content["powers"].items()}
    return World(data, content["client"]["id"], regions, powers, tuple(content["trade"]["sectors"]))


def figures(world: World, powers: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Everything that is printed."""
    result: dict[str, Any] = {"flows": world.tables(), "glance": world.glance(), "gdp": {}}
    result["gdp"] = {n: rounded(float(v), 4) for n, v in world.gdp.items()}
    result["prices"] = {k: rounded(v, 3) for k, v in world.prices.items()}
    result["sector_doubt"] = world.sector_doubt()
    result["arms"] = {first: world.arms(first, powers) for first in (2012, 2017)}
    result["arms_reverse"] = world.arms_reverse(2012, powers)
    result["outward_investment"] = world.outward_investment()
    if world.client_iso == "KAZ":
        result["partner_doubt"] = world.partner_doubt(powers)
        result["fuel_mirror"] = world.fuel_mirror(("west", "china"))
        result["transit"] = world.transit()
        result["neighbours_thirst"] = world.neighbours_thirst(("central_asia", "caucasus"))
        result["investment"] = world.investment()
    return result


def main(arguments: list[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    """Print the figures of the case named."""
    folder = os.environ.get("TERTIUS_DATA_MIRROR")
    if len(arguments) != 1 or not folder:
        write("usage: TERTIUS_DATA_MIRROR=folder python tools/case_figures.py CASE\n")
        return 2
    world = load(arguments[0], Path(folder))
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 118
    yaml.dump(figures(world, world.powers), sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
