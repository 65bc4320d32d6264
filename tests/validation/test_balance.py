"""The balance through trade: what docs/validation.md prints, in the two years that it compares."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

_path = Path(__file__).resolve().parents[2] / "validation" / "balance.py"
_spec = importlib.util.spec_from_file_location("validation_balance", _path)
assert _spec is not None
assert _spec.loader is not None
balance = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(balance)


@pytest.fixture(scope="module")
def panel(mirror):
    return balance.panel([2010, 2020])


@pytest.mark.parametrize(
    ("year", "known"),
    [(2010, (2.58, 4.68, 3.26, 3.64, 4.20)), (2020, (3.82, 4.57, 4.38, 4.54, 2.23))],
)
def test_the_numbers_of_powers_that_are_documented(panel, year, known):
    found = panel["index"].sel(year=year)
    assert [round(float(found.sel(country=c)), 2) for c in balance.CLIENTS] == list(known)


def test_the_record_that_is_shipped_is_what_the_data_give(panel):
    shipped = json.loads(balance.RECORD.read_text(encoding="utf-8"))
    assert shipped["powers"] == {p.id: sorted(p.fixed) for p in balance.asked().powers}
    for country, years in shipped["index"].items():
        assert list(map(int, years)) == list(balance.YEARS)
        for year in (2010, 2020):
            found = float(panel["index"].sel(country=country, year=year))
            assert years[str(year)] == pytest.approx(found, abs=6e-4)


def test_shares_foretell_levers_better_than_leaving_them(panel):
    by_share, unchanged = balance.foretold(panel, 2010, 2020)
    assert (round(by_share, 2), round(unchanged, 2)) == (0.52, 1.08)
