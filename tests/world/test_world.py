"""Worlds against what the sources themselves say, and what a 0 in them means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tertius
from tertius.errors import BadInput
from tertius.world import COVERAGE, bloc, table, worlds

# Kazakhstan's exports and imports (billion), and the shares of Russia, China, the Union of 27 and the USA, in percent:
# the description that comes with the data.
GLANCE = {
    2000: ((9.9, 20.0, 8.4, 27.7, 4.3), (4.7, 46.5, 12.6, 24.7, 2.7)),
    2010: ((58.7, 5.1, 17.0, 50.1, 2.0), (26.9, 19.4, 24.5, 26.5, 3.9)),
    2020: ((50.8, 10.2, 18.6, 38.3, 1.9), (40.8, 33.9, 25.3, 16.9, 2.1)),
}


@pytest.mark.parametrize("year", GLANCE)
def test_the_founding_country_at_a_glance(use_mirror: Path, year: int) -> None:
    world = tertius.load_world(f"baci-{year}")
    rows = table("baci-2000-2020", where="year = ? and 'KAZ' in (exporter, importer)", parameters=[year])
    lost = total = 0.0
    for known, ours, theirs, dim in zip(
        GLANCE[year],
        ("exporter", "importer"),
        ("importer", "exporter"),
        ("origin", "destination"),
        strict=True,
    ):
        by = rows[rows[ours] == "KAZ"].set_index(theirs)["value_kusd"] * 1e-6
        shares = [by.reindex(p).sum() / by.sum() for p in (["RUS"], ["CHN"], bloc("eu", 2021), ["USA"])]
        assert [round(by.sum(), 1), *(round(100 * s, 1) for s in shares)] == list(known)
        # The world has all of it but what was with economies whose product is not known.
        row = world.flows.sel({dim: "KAZ"}, drop=True).to_series()
        assert row.drop("KAZ").to_numpy() == pytest.approx(
            by.reindex(row.index.drop("KAZ")).fillna(0.0).to_numpy()
        )
        lost, total = lost + by.reindex(world.left_out).sum(), total + by.sum()
    assert float(world.trade_left_out.sel(country="KAZ")) == pytest.approx(lost / total)
    assert "NAM" in world.countries


def test_absent_pairs_are_told_apart_from_true_zeros(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2023")
    assert len(world.left_out) + world.flows.sizes["origin"] == 194
    assert world.flows.notnull().all()
    assert bool((world.flows.where(~world.reported, 0.0) == 0).all())
    assert not set(world.left_out) & set(world.gdp.country.values)

    def word(origin: str, destination: str) -> str:
        return COVERAGE[int(world.coverage.sel(origin=origin, destination=destination))]

    assert word("KAZ", "CHN") == "reported"
    assert word("KAZ", "KAZ") == "outside"
    # The source's own description: nobody reported these, so they are missing and not zero.
    assert word("RUS", "TJK") == word("RUS", "TKM") == "unreported"
    # Both ends have rows with Russia, which did not report: they did, and had nothing to report of each other.
    zero = np.argwhere(world.coverage.values == COVERAGE.index("zero"))
    assert len(zero) > 1000
    russia = world.countries.index("RUS")
    reporters = world.reported.values[russia] | world.reported.values[:, russia]
    assert (reporters[zero[:, 0]] | reporters[zero[:, 1]]).all()
    assert sum(world.covered().values()) == 183 * 182
    assert world.covered(["TKM"])["unreported"] > 0
    assert "183 economies" in str(world)


def test_flags_come_up_where_they_matter(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2023")
    for asked in (("KAZ", "GMB"), ("KAZ", "CHN"), ("GMB",)):
        assert any(f.kind == "artefact" and ("GMB", "KAZ") in f.pairs for f in world.flags_for(*asked))
    assert not any(("GMB", "KAZ") in f.pairs for f in world.flags_for("CHN", "URY"))
    assert any(f.kind == "not_reporting" for f in world.flags_for("RUS"))
    assert not world.flags_for("URY")
    old = tertius.load_world("baci-2020")
    assert any(f.kind == "absent" for f in old.flags_for("TWN"))
    assert not any(f.kind == "artefact" for f in old.flags_for("KAZ", "GMB"))


def test_every_world_names_what_it_rests_on(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2020")
    assert [p.name for p in world.sources] == ["baci-2000-2020", "wdi"]
    assert any(world.sources[0].table().sha256[:16] in origin for origin in world.origins)
    assert "Gaulier" in str(world)
    assert world.codes.sel(country="KAZ").cow == 705
    assert world.names["KAZ"] == "Kazakhstan"


def test_sectors_add_up_to_what_they_were_split_from(use_mirror: Path) -> None:
    """Pairs of the 22 sections, and of the six groups, against BACI and against a table that others derived."""
    total = tertius.load_world("baci-2018").flows
    fine, six = tertius.load_world("ots-2018"), tertius.load_world("ots6-2018")
    assert fine.flows.sizes["sector"] == 22
    for world in (fine, six):
        np.testing.assert_allclose(world.flows.sum("sector").values, total.values, rtol=1e-12, atol=1e-12)
        assert world.covered()["estimated"] > 0
        assert "assumed" in world.notes[0]
    derived = table("ots-sections", "six_groups_2018", "group6 <> 'unsplit' and exporter = 'KAZ'")
    ours = six.flows.sel(origin="KAZ")
    for row in derived[derived["importer"].isin(world.countries)].itertuples():
        found = float(ours.sel(destination=row.importer, sector=row.group6))
        assert found == pytest.approx(row.value_kusd_scaled * 1e-6, rel=1e-6, abs=2e-9)


def test_ten_sections_of_unctad(use_mirror: Path) -> None:
    world = tertius.load_world("unctad-2015")
    exports = world.flows.sel(origin="KAZ")
    # The description of the data: exports of 45.7 bn, of which fuels 34.9, to Italy 9.0, the Netherlands 5.1.
    assert float(exports.sum()) == pytest.approx(45.7, abs=0.05)
    fuels = exports.sel(sector="3")
    assert [
        round(float(v), 1) for v in (fuels.sum(), fuels.sel(destination="ITA"), fuels.sel(destination="NLD"))
    ] == [
        34.9,
        9.0,
        5.1,
    ]
    assert world.flows.sector_name.sel(sector="3") == "Mineral fuels"
    assert "TWN" in world.left_out


def test_domestic_sales_come_with_itpd(use_mirror: Path) -> None:
    world = tertius.load_world("itpd-2016")
    assert world.has_domestic_sales
    assert not tertius.load_world("baci-2020").has_domestic_sales
    rows = table("itpd-e", where="year = 2016 and exporter = 'KAZ' and importer = 'KAZ'")
    own = float(world.flows.sel(origin="KAZ", destination="KAZ"))
    assert own == pytest.approx(float(rows["value_usd2010"].iloc[0]) * 1e-9)
    # Prices of the United States rose by about a tenth from 2010 to 2016.
    current = table("wdi", where="iso3 = 'USA' and year = 2016")["gdp_current_usd"].iloc[0] * 1e-9
    assert 1.08 < current / float(world.gdp.sel(country="USA")) < 1.12


def test_the_world_goes_straight_into_the_trade_model(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2020")
    base = tertius.models.trade.baseline(world.flows, gdp=world.gdp)
    found = tertius.models.trade.counterfactual(base, exits=[tertius.Exit("KAZ", "RUS")])
    assert found.residual <= 1e-10
    assert 0.8 < float(found.welfare.sel(country="KAZ")) < float(found.welfare.sel(country="RUS")) < 1


def test_an_unknown_world_gets_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="baci-2023"):
        tertius.load_world("baci-2033")
    with pytest.raises(BadInput, match="unctad-2015"):
        tertius.load_world("everything")
    assert "baci-2021" not in worlds()
