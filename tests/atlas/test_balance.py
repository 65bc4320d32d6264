"""How many powers a country leans on, by year: the index from levers solved apart, what is missing, what is shown."""

from __future__ import annotations

import csv
import importlib
import io
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tertius._brief.atlas.balance import years_in_words
from tertius.cli import app
from tertius.errors import BadInput
from tertius.models import trade

balance = importlib.import_module("tertius._atlas.balance")

YEARS = (2018, 2019, 2021)


@pytest.fixture
def three_years(make_world, monkeypatch, tmp_path):
    """Worlds of three years, with a gap between."""
    made = {f"baci-{y}": make_world(f"baci-{y}", seed=y) for y in YEARS}
    monkeypatch.setattr(balance, "load_world", made.__getitem__)
    monkeypatch.setattr(balance, "worlds", lambda: made)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return made


def typed(*arguments):
    return CliRunner().invoke(app, ["balance", *arguments])


def test_the_index_is_that_of_levers_solved_apart(three_years):
    span = balance.ask_balance("KAZ", beside=["UZB"], powers=["CHN", "RUS", "west", "UZB"], years="2018-2021")
    found = balance.balance(span)
    assert found["index"].dims == ("domain", "country", "year")
    for client, powers in (("KAZ", ["CHN", "RUS", "west", "UZB"]), ("UZB", ["CHN", "RUS", "west"])):
        for year in YEARS:
            world = three_years[f"baci-{year}"]
            base = trade.baseline(world.flows, gdp=world.gdp, blocs={"west": ["DEU", "FRA", "POL", "USA"]})
            numbers = []
            for theta in (4.0, 2.5, 10.0):
                L = trade.leverage(base, theta, powers=powers, clients=[client]).values[:, 0]
                f = L / L.sum()
                numbers.append(np.exp(-(f * np.log(f)).sum()))
            here = found.sel(domain="trade", country=client, year=year)
            np.testing.assert_allclose(here["index"], numbers[0], rtol=1e-8)
            np.testing.assert_allclose(
                [here["index_low"], here["index_high"]], [min(numbers), max(numbers)], rtol=1e-8
            )
    # A country is no power over itself, and a year without a world is missing.
    assert np.isnan(found["lever"].sel(country="UZB", power="UZB")).all()
    assert np.isnan(found["index"].sel(year=2020)).all()
    (why,) = json.loads(found.attrs["why"])
    assert why["years"] == {"KAZ": [2020], "UZB": [2020]}


def test_what_nobody_reports_leaves_the_index_missing(three_years):
    span = balance.ask_balance("ARM", powers=["RUS", "VNM"], years="2018")
    found = balance.balance(span)
    assert np.isnan(found["index"].item())
    assert not np.isnan(found["lever"].sel(power="RUS").item())
    assert "trade with Viet" in found.attrs["why"]


def test_a_country_named_beside_its_bloc_is_taken_out_of_it():
    span = balance.ask_balance("KAZ", powers=["west", "USA"])
    assert "USA" not in span.powers[0].members(2018, "KAZ", "KAZ")
    with pytest.raises(BadInput, match="in two of the powers"):
        balance.ask_balance("KAZ", powers=["west", "nato"])


def test_a_neighbour_changes_places_with_the_country_of_the_case():
    party = balance.Party("neighbours", "Neighbours", ("UZB", "KGZ"))
    assert party.members(2018, "KAZ", "KAZ") == ("UZB", "KGZ")
    assert party.members(2018, "UZB", "KAZ") == ("KAZ", "KGZ")
    assert balance.Party("turkey", "Turkey", ("TUR",)).members(2018, "TUR", "KAZ") == ()


def test_in_every_form(three_years, tmp_path):
    result = typed(
        *("KAZ", "--years", "2018-2021", "--beside", "UZB", "--power", "CHN", "--power", "RUS"),
        *("--json", "a.json", "--csv", "a.csv", "--netcdf", "a.nc", "--html", "a.html", "--chart", "a.svg"),
    )
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "Kazakhstan leaned on" in said
    assert "there is no trade of that year in the data (2020)" in said
    assert max(map(len, result.stdout.splitlines())) <= 80
    numbers = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    index = numbers["index"]["trade"]["KAZ"]
    assert index["2020"] == {"central": None, "low": None, "high": None}
    assert 1 <= index["2018"]["low"] <= index["2018"]["central"] <= index["2018"]["high"] <= 2
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert [(r["country"], r["year"]) for r in rows if r["index"] == ""] == [("KAZ", "2020"), ("UZB", "2020")]
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "NaN" not in page
    assert {p.name for p in tmp_path.iterdir()} == {"a.json", "a.csv", "a.nc", "a.html", "a.svg"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["KZA", "--years", "20-18"], "2 things are wrong"),
        (["KAZ", "--years", "2020-2018"], "no span of years"),
        (["KAZ", "--beside", "KAZ"], "there twice"),
        (["KAZ", "--power", "RUS", "--powers-of", "kazakhstan-2022"], "not both"),
        (["KAZ", "--csv", "a", "--json", "a"], "same file"),
    ],
)
def test_wrong_input_is_exit_code_two(arguments, words):
    result = typed(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr


def test_years_in_words():
    assert years_in_words([2000, 2001, 2002, 2005, 2003, 2007]) == "2000–2003, 2005, 2007"
