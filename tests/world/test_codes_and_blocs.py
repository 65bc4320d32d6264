"""Codes against the lists of states themselves, and blocs by who belonged when."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tertius.errors import BadInput
from tertius.world import bloc, blocs, codes, country, power, table


def test_codes_agree_with_the_lists_of_states(use_mirror: Path) -> None:
    """Every state of the last year of the two lists has a country, and that goes by the list's name of it."""
    for which, number, name, last, find in (
        ("states", "ccode", "statenme", "endyear >= 2016", codes.from_cow),
        ("gw_states", "gwcode", "statename", "enddate >= '2017-01-01'", codes.from_gw),
    ):
        for row in table("cow-geography", which, last).itertuples():
            iso3 = find(getattr(row, number))
            assert iso3 is not None, row
            named = codes.match(getattr(row, name))
            assert named in (None, iso3), row
    votes = table("un-ideal-points", "all_votes", "year = 2023")
    odd = {r.iso3c for r in votes.itertuples() if codes.from_cow(r.ccode) != r.iso3c}
    assert odd == {"YUG"}  # the source's code for Serbia


def test_countries_by_any_name() -> None:
    for given in ("KAZ", "kaz", "KZ", "Kazakhstan", " kazakhstan "):
        assert country(given).iso3 == "KAZ"
    assert (country("KAZ").cow, country("DEU").cow, country("DEU").gw) == (705, 255, 260)
    assert country("NA").iso3 == "NAM"
    with pytest.raises(BadInput, match=r"Uruguay \(URY\)"):
        country("Urugay")


@pytest.mark.parametrize(
    ("when", "count", "in_", "out"),
    [
        (2003, 15, "GBR", "POL"),
        (2005, 25, "POL", "ROU"),
        (2013, 27, "GBR", "HRV"),
        (2014, 28, "HRV", "NOR"),
        (2021, 27, "HRV", "GBR"),
        (date(2013, 7, 1), 28, "HRV", "NOR"),
        (date(2020, 1, 30), 28, "GBR", "NOR"),
        (2020, 27, "HRV", "GBR"),
    ],
)
def test_the_union_by_year(when: int | date, count: int, in_: str, out: str) -> None:
    members = bloc("eu", when)
    assert len(members) == count
    assert in_ in members
    assert out not in members


def test_every_bloc_has_real_members_and_a_home() -> None:
    for found in blocs().values():
        assert bool(found.source) != bool(found.assumed), found.id
        assert {m.iso3 for m in found.memberships} <= set(codes.countries()), found.id
        assert found.members(2022)


def test_the_west_is_that_of_the_founding_case() -> None:
    import tertius

    case = tertius.load_case("kazakhstan-2022")
    theirs = next(p for p in case.powers.values() if p.name == "The West")
    assert set(bloc("west", 2022)) == set(theirs.members)
    assert set(bloc("west", 2003)) < set(bloc("west", 2022))


def test_powers_are_countries_or_blocs() -> None:
    assert power("russia", 2022).members == ("RUS",)
    assert power("EU", 2022).members == bloc("eu", 2022)
    assert power("west", 2022).assumed
    with pytest.raises(BadInput, match="west"):
        power("wst", 2022)
    with pytest.raises(BadInput, match="no members in 1950"):
        bloc("eu", 1950)


@pytest.mark.parametrize(
    ("given", "meant"), [("KAX", "KAZ"), ("KZA", "KAZ"), ("UZC", "UZB"), ("Kazachstan", "KAZ")]
)
def test_a_slip_gets_the_country_that_was_meant(given: str, meant: str) -> None:
    with pytest.raises(BadInput) as caught:
        country(given)
    assert f"({meant})" in caught.value.hint
