"""The figures in the cases against the public data that they were computed from."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "src" / "tertius" / "cases" / "kazakhstan-2022.yaml"
SECOND = Path(__file__).parent / "uzbekistan-2022.yaml"


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("case_figures", ROOT / "tools" / "case_figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
OUTSIDE_THE_UNION = {"GBR", "USA", "CAN", "CHE", "LIE", "NOR", "ISL", "JPN", "AUS", "NZL", "ALB", "MNE"}


def _read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def _rows(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def content() -> Any:
    return _read(SHIPPED)


@pytest.fixture(scope="module")
def world(mirror: Path) -> Any:
    return TOOL.load(SHIPPED, mirror)


@pytest.fixture(scope="module")
def figures(world: Any) -> dict[str, Any]:
    found: dict[str, Any] = TOOL.figures(world, world.powers)
    return found


@pytest.fixture(scope="module")
def official(mirror: Path) -> list[dict[str, str]]:
    rows = _rows(mirror / "trade-kazakhstan-official" / "kazakhstan_trade_by_partner_2018_2023.csv")
    return [row for row in rows if row["year"] == "2021" and row["kind"] == "country"]


def _tables(content: Any) -> dict[str, Any]:
    return {sector: flows["table"] for sector, flows in content["trade"]["flows"].items()}


def test_flow_tables_are_what_the_data_give(content: Any, figures: dict[str, Any]) -> None:
    assert _tables(content) == figures["flows"]


def test_flow_tables_of_the_second_case_are_what_the_data_give(mirror: Path) -> None:
    assert _tables(_read(SECOND)) == TOOL.load(SECOND, mirror).tables()


def test_partner_totals_are_the_official_ones(
    content: Any, world: Any, official: list[dict[str, str]]
) -> None:
    """Every region's goods trade with Kazakhstan, added up without the tool's own code."""
    tables = _tables(content)
    goods = [sector for sector in tables if sector != "services"]
    for flow, cell in (
        ("export_kusd", lambda s, r: tables[s]["kazakhstan"][r]),
        ("import_kusd", lambda s, r: tables[s][r]["kazakhstan"]),
    ):
        expected: dict[str, float] = {}
        for row in official:
            name = world.region(row["iso3"])
            expected[name] = expected.get(name, 0.0) + float(row[flow] or 0) / 1e6
        for region, total in expected.items():
            assert math.isclose(sum(cell(s, region) for s in goods), total, rel_tol=2e-3, abs_tol=2e-4), (
                region
            )


def test_shares_at_a_glance(world: Any, official: list[dict[str, str]]) -> None:
    """The published percentages of 2021: Russia, China, the Union of 27, the United States and Turkey."""
    union = set(world.regions["west"]) - OUTSIDE_THE_UNION
    assert len(union) == 27
    for flow, total, published in (
        ("export_kusd", 60.3, (11.6, 16.2, 38.6, 1.4, 4.9)),
        ("import_kusd", 41.4, (42.5, 19.9, 13.7, 3.3, 2.8)),
    ):
        all_goods = sum(float(row[flow] or 0) for row in official)
        assert round(all_goods / 1e6, 1) == total
        for members, percent in zip(({"RUS"}, {"CHN"}, union, {"USA"}, {"TUR"}), published, strict=True):
            share = sum(float(row[flow] or 0) for row in official if row["iso3"] in members) / all_goods
            assert round(100 * share, 1) == percent


def test_what_burns_oil_and_gas_at_home_is_not_negative(content: Any) -> None:
    for sector, table in _tables(content).items():
        for region, row in table.items():
            assert row[region] > 0, (sector, region)
            assert all(cell >= 0 for cell in row.values())


def test_doubts_about_partners(content: Any, figures: dict[str, Any]) -> None:
    adjust = {entry["id"]: entry["factor"]["lognormal"] for entry in content["trade"]["adjust"]}
    for flow, doubts in figures["partner_doubt"].items():
        for partner, doubt in doubts.items():
            assert adjust[f"kaz_{flow}_{partner}"] == [1, doubt]


def test_doubts_about_sectors(content: Any, figures: dict[str, Any]) -> None:
    adjust = {entry["id"]: entry["factor"]["lognormal"] for entry in content["trade"]["adjust"]}
    for sector, doubt in figures["sector_doubt"].items():
        assert adjust[f"world_{sector}"] == [1, doubt]


def test_doubt_about_ports(content: Any, figures: dict[str, Any]) -> None:
    gap = figures["fuel_mirror"]["west"]["log_mean"]
    found = next(e for e in content["trade"]["adjust"] if e["id"] == "oil_booked_to_ports")["factor"][
        "lognormal"
    ]
    assert found == [1, round(-gap / 2, 3)]


def test_europe_takes_four_fifths_of_what_the_group_ships(mirror: Path) -> None:
    rows = _rows(mirror / "energy-ei-review" / "ei_oil_interarea_2021_2022.csv")
    crude = [
        r for r in rows if r["year"] == "2021" and r["product"] == "crude" and r["from_area"] == "Other CIS"
    ]
    share = sum(float(r["mt"]) for r in crude if r["to_area"] == "Europe") / sum(
        float(r["mt"]) for r in crude
    )
    assert round(share, 2) == 0.77


def test_transit(content: Any, figures: dict[str, Any]) -> None:
    routes = {route["id"]: route for route in content["trade"]["routes"]}
    transit = figures["transit"]
    low, high = transit["share_across_russia_low"], transit["share_across_russia_high"]
    assert routes["cpc"]["share"]["value"] == pytest.approx((low + high) / 2, abs=6e-4)
    assert routes["cpc"]["share"]["sd"] == pytest.approx((high - low) / 2, abs=6e-4)
    assert routes["cpc"]["alternatives"]["triangular"][1:] == [
        transit["aktau_spare_of_westbound"],
        transit["btc_possible_of_westbound"],
    ]
    assert (
        routes["to_china"]["share"]["triangular"][1] == transit["china_crude_across_russia_share_of_energy"]
    )
    assert routes["to_china"]["alternatives"]["triangular"][1] == transit["china_pipeline_spare_of_energy"]
    assert routes["to_china"]["capacity"]["range"] == [
        transit["china_overland_capacity"],
        transit["china_all_oil_capacity"],
    ]


def test_what_neighbours_can_burn(content: Any, figures: dict[str, Any]) -> None:
    routes = {route["id"]: route for route in content["trade"]["routes"]}
    for region, top in figures["neighbours_thirst"].items():
        assert routes[f"to_{region}"]["capacity"]["range"][1] == top


def test_crude_shipped_is_more_than_importers_book(mirror: Path, figures: dict[str, Any]) -> None:
    booked = (
        sum(
            float(r["tonnes"])
            for r in _rows(mirror / "trade-kazakhstan-products" / ("kaz_crude_exports_by_importer_2021.csv"))
        )
        / 1e6
    )
    assert round(booked, 1) == 46.6
    assert figures["transit"]["crude_exports_mt_2021"] == 65.6


def test_arms(content: Any, figures: dict[str, Any]) -> None:
    """Shares of deliveries times four fifths, home provision being a fifth; between the two windows."""
    ties = content["domains"]["arms"]["ties"]
    long, short = figures["arms"][2012], figures["arms"][2017]
    for power in ("russia", "west"):
        middle = 0.8 * (long[power] + short[power]) / 2
        assert ties["to_client"][power]["value"] == pytest.approx(middle, rel=0.02)
    for power in ("china", "turkey"):
        assert 0.8 * short[power] <= ties["to_client"][power]["triangular"][1] <= 0.8 * long[power]
    for power in ("russia", "west", "china", "turkey"):
        assert ties["to_power"][power]["value"] == pytest.approx(figures["arms_reverse"][power], abs=1e-4)


def test_investment(content: Any, figures: dict[str, Any]) -> None:
    ties = content["domains"]["capital"]["ties"]["to_client"]
    stock, foreign = figures["investment"], 0.4
    named = stock["netherlands"] + stock["usa"]
    assert ties["west"]["triangular"][0] == pytest.approx(
        foreign * (stock["netherlands"] / 2 + stock["usa"] + stock["not_named"] / 2 - 0.02), abs=0.01
    )
    assert foreign * named < ties["west"]["triangular"][1] < ties["west"]["triangular"][2]
    assert ties["west"]["triangular"][2] == pytest.approx(
        foreign * (1 - stock["china"] - stock["russia"]), abs=0.01
    )
    assert ties["russia"]["triangular"][0] == pytest.approx(foreign * stock["russia"], abs=0.001)
    assert ties["china"]["triangular"][0] == pytest.approx(foreign * stock["china"], abs=0.001)
    abroad = figures["outward_investment"]
    assert content["domains"]["capital"]["ties"]["to_power"]["west"]["triangular"] == pytest.approx(
        [abroad["DEU"], abroad["JPN"], abroad["USA"]], abs=2e-4
    )
    assert content["domains"]["capital"]["ties"]["to_power"]["china"]["triangular"][1] == pytest.approx(
        abroad["CHN"], abs=1e-4
    )


def test_loss_of_the_pandemic_year(content: Any, mirror: Path) -> None:
    rows = _rows(mirror / "gdp-pop-wdi" / "wdi_gdp_constant2015_usd.csv.gz")
    product = {row["year"]: float(row["gdp_constant2015_usd"]) for row in rows if row["iso3"] == "KAZ"}
    claim = next(c for c in content["claims"] if c["id"] == "break_is_costly")
    assert f" > {-100 * math.log(product['2020'] / product['2019']):.2f} and " in claim["expression"]


def test_oil_exporters_are_those_of_the_rule(content: Any, mirror: Path) -> None:
    regions = content["trade"]["regions"]
    elsewhere = {
        iso
        for name, r in regions.items()
        if name != "oil_exporters" and r["members"] != "rest"
        for iso in r["members"]
    }
    chosen = set()
    for row in _rows(mirror / "trade-sections-ots" / "ots_country_product_2018.csv.gz"):
        if row["product"] == "Crude Petroleum" and row["iso3"] not in elsewhere:
            sold, bought = float(row["export_kusd"] or 0), float(row["import_kusd"] or 0)
            if sold > 1e6 and sold > 2 * bought:
                chosen.add(row["iso3"])
    assert set(regions["oil_exporters"]["members"]) == chosen


def test_the_west_are_those_that_put_sanctions_on_russia_in_2014(content: Any, mirror: Path) -> None:
    named = {
        "Australia": "AUS", "Canada": "CAN", "Montenegro": "MNE", "Iceland": "ISL", "Albania": "ALB",
        "Liechtenstein": "LIE", "Norway": "NOR", "Japan": "JPN", "New Zealand": "NZL", "Switzerland": "CHE",
        "United States": "USA",
    }  # fmt: skip
    senders: set[str] = set()
    for row in _rows(mirror / "sanctions-gsdb" / "GSDB_V4.csv"):
        if row["sanctioned_state"] == "Russia" and row["begin"] == "2014":
            senders.update(part.strip() for part in row["sanctioning_state"].split(","))
    assert senders - {"EU", "Ukraine"} == set(named)
    union = set(content["powers"]["west"]["members"]) - set(named.values())
    assert len(union) == 28, "the Union of 27 and the United Kingdom, a member in 2014"


def test_energy_of_2015_against_a_plain_sum(world: Any, mirror: Path) -> None:
    """The table's first step, added up row by row."""
    total: dict[tuple[str, str], float] = {}
    for row in _rows(mirror / "trade-sitc-unctad" / "unctad_sitc1_2015.csv.gz"):
        if row["sitc1"] == "3":
            pair = (world.region(row["exporter"]), world.region(row["importer"]))
            total[pair] = total.get(pair, 0.0) + float(row["value_kusd"]) / 1e6
    for (origin, destination), value in total.items():
        cell = world.levels_2015[0, world.names.index(origin), world.names.index(destination)]
        assert cell == pytest.approx(value, rel=1e-9), (origin, destination)


def test_sectors_of_step_one_add_up_to_all_goods(world: Any) -> None:
    np.testing.assert_allclose(world.levels_2015.sum(0), world.unctad.sum(0), rtol=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    arrays(float, (3, 4), elements=st.floats(0.1, 10)),
    arrays(float, 3, elements=st.floats(0.1, 10)),
    arrays(float, 4, elements=st.floats(0.1, 10)),
)
def test_raking_meets_both_totals_and_keeps_odds_ratios(
    seed: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> None:
    columns = columns * rows.sum() / columns.sum()
    table = TOOL.rake(seed, rows, columns)
    np.testing.assert_allclose(table.sum(1), rows, rtol=1e-9)
    np.testing.assert_allclose(table.sum(0), columns, rtol=1e-9)

    def odds(x: np.ndarray) -> np.ndarray:
        return x[:-1, :-1] * x[1:, 1:] / (x[:-1, 1:] * x[1:, :-1])

    np.testing.assert_allclose(odds(table), odds(seed), rtol=1e-8)


@pytest.mark.parametrize(
    ("code", "sector"),
    [
        ("270900", "energy"),
        ("260300", "metals_ores"),
        ("284410", "metals_ores"),
        ("281820", "other_goods"),
        ("720241", "metals_ores"),
        ("740311", "metals_ores"),
        ("100190", "food"),
        ("870323", "other_goods"),
    ],
)
def test_sector_of_a_product(code: str, sector: str) -> None:
    assert TOOL.hs_sector(code) == sector


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [(123.456, 4, 123.5), (0.00123456, 4, 0.0012), (1e-6, 4, 0.0), (12345.6, 4, 12350.0)],
)
def test_rounding(value: float, digits: int, written: float) -> None:
    assert TOOL.rounded(value, digits) == written
