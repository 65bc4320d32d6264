"""Levers beside FBIC: the numbers that docs/validation.md gives, for a few years."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_path = Path(__file__).resolve().parents[2] / "validation" / "fbic.py"
_spec = importlib.util.spec_from_file_location("validation_fbic", _path)
assert _spec is not None
assert _spec.loader is not None
fbic = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fbic)


@pytest.fixture(scope="module")
def table(mirror):
    index = fbic.fbic()
    return {year: fbic.compared(index, year) for year in (2000, 2020)}


@pytest.mark.parametrize(
    ("year", "power", "known"),
    [
        (2000, "CHN", {"countries": 183, "fbic": 0.66, "dependence": 0.81, "bandwidth": 0.45}),
        (2000, "RUS", {"countries": 181, "fbic": 0.75, "dependence": 0.88, "bandwidth": 0.78}),
        (2020, "CHN", {"countries": 182, "fbic": 0.56, "dependence": 0.78, "bandwidth": 0.22}),
        (2020, "RUS", {"countries": 182, "fbic": 0.69, "dependence": 0.81, "bandwidth": 0.73}),
    ],
)
def test_the_correlations_that_are_documented(table, year, power, known):
    found = fbic.correlations(table[year]).loc[power]
    for name, value in known.items():
        assert round(found[name], 2) == value, name


def test_neither_the_elasticity_nor_the_lifted_countries_carry_it(table):
    for year in table:
        found = fbic.correlations(table[year])
        assert (found["fbic, θ = 8"] - found["fbic"]).abs().max() < 0.01
        assert (found["fbic, not lifted"] - found["fbic, reported"]).abs().max() < 0.02


def test_the_share_of_gdp_ranks_as_well(table):
    """What is documented as a limit: ranks of the lever are nearly those of trade over GDP."""
    for year in table:
        found = fbic.correlations(table[year])
        assert (found["fbic, share"] - found["fbic"]).abs().max() < 0.03


def test_the_gaps_go_with_security(table):
    gap = fbic.what_goes_with_the_gap(table[2020]).round(2)
    assert gap.loc["CHN", ["secb", "secd", "gdp"]].tolist() == [-0.61, -0.51, -0.48]
    assert gap.loc["RUS", ["secb", "secd", "gdp"]].tolist() == [-0.47, -0.60, -0.11]


def test_iran_and_russia_have_no_row_in_2020(table):
    """A lever of nought where nothing was reported is no lever of nought."""
    iran = table[2020].loc[("RUS", "IRN")]
    assert bool(iran["unreported"])
    assert iran["lever"] == pytest.approx(0.0, abs=1e-3)
    assert fbic.apart(table[2020], "RUS", 1).index.tolist() == ["IRN", "BRN"]
