"""Shares outside trade: against figures computed elsewhere, against plain sums, and that what is missing stays so."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from tertius.errors import BadInput
from tertius.world import DOMAINS, bloc, codes, table, ties
from tertius.world.domains import AGREEMENT, OWN, REST

POWERS = ("RUS", "CHN", "west", "TUR")
SOME = [
    ("KAZ", 2021),
    ("UZB", 2019),
    ("POL", 2015),
    ("VNM", 2016),
    ("SAU", 2017),
    ("MEX", 2018),
    ("MNG", 2010),
]


def test_arms_are_those_of_the_founding_case(use_mirror: Path) -> None:
    """The case gives, by a query of its own: 0.87, 0.077, 0.005 and 0.003 of the deliveries of 2012 to 2021."""
    found = ties("KAZ", 2021, POWERS).of("arms")
    assert [round(found[p].share, 3) for p in ("RUS", "west", "CHN", "TUR")] == [0.869, 0.077, 0.005, 0.003]
    assert found["RUS"].years == (2012, 2021)
    back = ties("KAZ", 2021, POWERS).of("arms", direction="to_power")
    assert round(back["RUS"].share, 3) == 0.033


@pytest.mark.parametrize(("client", "year"), SOME)
def test_shares_are_shares_and_add_up(use_mirror: Path, client: str, year: int) -> None:
    found = ties(client, year, POWERS)
    for domain, measures in DOMAINS.items():
        for measure in measures:
            for direction in ("to_client", "to_power"):
                rows = found.of(domain, measure, direction)
                known = [t.share for t in rows.values() if not t.missing]
                assert all(0 <= s <= 1 for s in known)
                assert all(math.isnan(t.share) == bool(t.missing) for t in rows.values())
                assert all(t.pack and t.query for t in rows.values())
            if all(not t.missing for t in found.of(domain, measure).values()):
                assert math.isclose(
                    sum(t.share for t in found.of(domain, measure).values()), 1.0, rel_tol=1e-9
                )
    assert found.shares.sizes == {"direction": 2, "domain": 6, "power": len(POWERS) + 2}
    assert len(found.frame()) == len(found.rows)


def test_a_bloc_is_its_members(use_mirror: Path) -> None:
    """What a bloc supplies is the sum of what its members supply, in every domain but votes."""
    members = bloc("eaeu", 2018)
    together = ties("UZB", 2018, ["eaeu"])
    apart = ties("UZB", 2018, members)
    for domain, measures in DOMAINS.items():
        for measure in measures:
            one = together.of(domain, measure)["eaeu"]
            several = [apart.of(domain, measure)[m] for m in members]
            known = [t.share for t in several if not t.missing]
            if domain != "votes" and known:
                assert one.share == pytest.approx(sum(known)), measure


@pytest.mark.parametrize(("client", "year"), [("KAZ", 2020), ("VNM", 2015), ("MNG", 2008)])
def test_against_plain_sums(use_mirror: Path, client: str, year: int) -> None:
    """Another way through the same tables: frames, and loops over rows."""
    found = ties(client, year, ("RUS", "CHN"))
    arms = table("sipri-arms", "deliveries", "year between ? and ?", [year - 9, year])
    mine = arms[arms["recipient_iso3"] == client]
    for p in ("RUS", "CHN"):
        assert found.share("arms", p) == pytest.approx(
            mine.loc[mine["supplier_iso3"] == p, "tiv_musd"].sum() / mine["tiv_musd"].sum()
        )
    me = codes.country(client).cow
    last = min(year, 2018)
    pacts = table("alliances", "atop", "year = ? and ccode2 = ? and atop_defense = 1", [last, me])
    cinc = table("cow-geography", "capabilities", "year = ?", [last]).set_index("ccode")["cinc"]
    force = {int(a): float(cinc.get(a, 0.0)) for a in pacts["ccode1"]}
    total = float(cinc[me]) + sum(force.values())
    assert found.share("security", "RUS") == pytest.approx(force.get(365, 0.0) / total)
    assert found.share("security", OWN) == pytest.approx(float(cinc[me]) / total)
    if year >= 2012:
        sent = table("migration", "remittances", "receiver_iso3 = ? and sender_iso3 <> ?", [client, client])
        by = sent.set_index("sender_iso3")["remittance_musd"]
        assert found.share("people", "RUS") == pytest.approx(by.get("RUS", 0.0) / by.sum())
        rest = 1 - (by.get("RUS", 0.0) + by.get("CHN", 0.0)) / by.sum()
        assert found.share("people", REST) == pytest.approx(rest)


def test_agreement_is_the_published_rate(use_mirror: Path) -> None:
    """Votes counted one by one give the rates that come with the ideal points; those of 2005 leave votes out."""
    for client, (year, near) in itertools.product(("KAZ", "POL", "VEN"), ((2018, 1e-6), (2005, 0.13))):
        found = ties(client, year, list(AGREEMENT)).of("votes")
        published = table("un-ideal-points", "all_votes", "iso3c = ? and year = ?", [client, year]).iloc[0]
        for power, column in AGREEMENT.items():
            assert found[power].amount == pytest.approx(published[column], abs=near), (client, year, power)


def test_known_figures(use_mirror: Path) -> None:
    """The description of the data: positions in Kazakhstan in 2023, agreement in the General Assembly, posts."""
    found = ties("KAZ", 2023, ("USA", "CHN", "RUS", "TUR"), lag=5)
    fdi = found.of("capital", "fdi")
    assert [round(fdi[p].amount / 1e3, 1) for p in ("USA", "CHN")] == [42.4, 6.8]
    assert [found.of("diplomacy")[p].amount for p in ("RUS", "TUR", "USA", "CHN")] == [4, 4, 2, 2]
    votes = ties("KAZ", 2023, ("USA", "CHN", "RUS")).of("votes")
    assert [round(votes[p].amount, 2) for p in ("CHN", "RUS", "USA")] == [0.74, 0.56, 0.25]


def test_what_is_missing_says_why(use_mirror: Path) -> None:
    found = ties("KAZ", 2021, ("RUS", "TUR", "west"))
    assert "among those that report positions" in found.of("capital")["RUS"].missing
    assert math.isnan(found.share("capital", "RUS"))
    assert "The West: DEU, JPN, USA only" in str(found)
    assert any("inflated" in note for note in found.of("people")["RUS"].notes)
    assert "no rate of agreement" in found.of("votes")["TUR"].missing
    assert found.of("votes")["RUS"].amount > 0.5
    early, late = ties("KAZ", 1995, ("RUS",)), ties("KAZ", 2030, ("RUS",))
    assert "1990 to 2024" in early.of("arms")["RUS"].missing
    assert "more than 5 years" in late.of("security")["RUS"].missing
    assert all(t.missing for t in late.rows)
    island = ties("TWN", 2017, ("USA",))
    assert island.share("security", "USA") == 0.0
    assert "not among the debtors" in island.of("capital", "debt")["USA"].missing
    assert all(math.isnan(island.share("people", p)) for p in ("USA", REST))
    assert np.isnan(island.shares.sel(domain="people", direction="to_client")).all()


def test_without_data_every_figure_says_how_to_have_them(own_store: Path) -> None:
    found = ties("KAZ", 2021, ("RUS",))
    assert {t.domain for t in found.rows} == set(DOMAINS)
    assert all("tertius data get" in t.missing or "tertius data add" in t.missing for t in found.rows)


def test_a_million_times_too_high_is_not_read(use_mirror: Path) -> None:
    found = ties("KOR", 2021, ("CHN", "USA")).of("capital")
    assert 0 < found["CHN"].amount < 1e5
    back = ties("KAZ", 2021, ("CHN",)).of("capital", direction="to_power")["CHN"]
    assert back.total < 1e7


def test_powers_that_cannot_be() -> None:
    with pytest.raises(BadInput, match="over itself"):
        ties("RUS", 2020, ("RUS",))
    with pytest.raises(BadInput, match="two of the powers"):
        ties("KAZ", 2020, ("west", "USA"))
    with pytest.raises(BadInput, match="no country"):
        ties("Atlantis", 2020)
    assert "POL" not in ties("POL", 1960, ("west",)).powers[0].members
