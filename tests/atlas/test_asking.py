"""What is asked is understood, or every mistake in it is told at once."""

from __future__ import annotations

import pytest

from tertius._atlas import ask, find_year
from tertius.errors import BadInput


def test_names_blocs_and_degrees(small_world):
    question = ask("kazakhstan", exits=["west:0.5", "Russia"], powers=["CHN"])
    assert question.country == "KAZ"
    assert question.world.name == "baci-2023"
    west, russia = question.leaving
    assert west.members == ("DEU", "FRA", "POL", "USA")
    assert "GBR" in west.absent
    assert west.degree == 0.5
    assert (russia.power.id, russia.degree) == ("RUS", 1.0)
    assert [p.id for p in question.powers] == ["CHN"]


def test_a_member_is_not_cut_from_itself(small_world):
    (union,) = ask("DEU", exits=["eu"]).leaving
    assert union.members == ("FRA", "POL")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"client": "KZA"}, ["KZA", "did you mean"]),
        ({"client": "KAZ", "exits": ["wset"]}, ["wset", "west"]),
        ({"client": "KAZ", "exits": ["west:2"]}, ["degree", "west:0.5"]),
        ({"client": "KAZ", "exits": ["west:half"]}, ["degree", "half"]),
        ({"client": "KAZ", "exits": ["KAZ"]}, ["cannot leave itself"]),
        ({"client": "KAZ", "exits": ["RUS", "RUS:0.5"]}, ["leaves twice"]),
        ({"client": "KAZ", "year": 2021}, ["2021", "2020 and 2023"]),
        ({"client": "KAZ", "year": 1800}, ["1800", "2000"]),
        ({"client": "KAZ", "year": 2009, "sectors": True}, ["by sector", "2005 and 2013"]),
        ({"client": "KAZ", "world": "baci-2032"}, ["baci-2032", "did you mean 'baci-20"]),
        ({"client": "BRA"}, ["Brazil", "not in the world", "--year"]),
        ({"client": "SYR"}, ["Syria", "no gross domestic product"]),
        ({"client": "KAZ", "powers": ["Atlantis"]}, ["Atlantis"]),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(small_world, asked, words):
    with pytest.raises(BadInput) as error:
        ask(asked.pop("client"), **asked)
    told = f"{error.value.path} {error.value.message} {error.value.hint}"
    assert all(word in told for word in words), told


def test_all_mistakes_come_at_once(small_world):
    with pytest.raises(BadInput) as error:
        ask("KZA", exits=["wset", "RUS:7"], powers=["Atlantis"], year=2021)
    assert error.value.code == "several"
    assert all(
        word in error.value.message for word in ("5 things", "KZA", "wset", "RUS:7", "Atlantis", "2021")
    )


def test_years_with_sectors_prefer_the_ten_sections():
    assert find_year(None, False) == "baci-2023"
    assert find_year(2014, False) == "baci-2014"
    assert find_year(None, True) == "unctad-2015"
    assert find_year(2015, True) == "unctad-2015"
    assert find_year(2018, True) == "ots-2018"
    assert find_year(None, True, "itpd-2016") == "itpd-2016"
