"""Capital after crises: the numbers that docs/validation.md gives, and that they show little."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

_path = Path(__file__).resolve().parents[2] / "validation" / "capital_after_crises.py"
_spec = importlib.util.spec_from_file_location("validation_capital_after_crises", _path)
assert _spec is not None
assert _spec.loader is not None
capital = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(capital)


@pytest.fixture(scope="module")
def found(mirror):
    return capital.answers()


@pytest.mark.parametrize(
    ("row", "crises", "median", "placebo"),
    [
        (("direct investment", "asked for help", 1), 7, -0.1, (-18, 12)),
        (("direct investment", "asked for help", 2), 6, -4.8, (-27, 15)),
        (("direct investment", "conflict begins", 1), 9, 2.8, (-15, 11)),
        (("direct investment", "conflict begins", 2), 9, -13.5, (-19, 12)),
        (("debt, all", "asked for help", 1), 11, -2.5, (-8, 10)),
        (("debt, all", "conflict begins", 1), 63, 0.8, (-3, 3)),
        (("debt to China", "conflict begins", 1), 37, -14.0, (-8, 8)),
        (("debt to China", "conflict begins", 2), 37, -4.6, (-11, 9)),
    ],
)
def test_the_numbers_that_are_documented(found, row, crises, median, placebo):
    answer = found.loc[row]
    assert answer["crises"] == crises
    assert round(answer["median"], 1) == pytest.approx(median)
    assert answer[["placebo_low", "placebo_high"]].round(0).tolist() == pytest.approx(placebo, abs=1)


def test_one_comparison_stands_out(found):
    assert len(found) == 18
    low = found[(found["median"] < found["placebo_low"]) | (found["median"] > found["placebo_high"])]
    assert ("debt to China", "conflict begins", 1) in low.index
    investment = found.xs("direct investment")
    assert investment["as_low"].between(0.05, 0.95).all()
    assert (investment["placebo_low"] < -14).all()


def test_changes_are_net_of_other_countries_and_weighed_by_the_position():
    years = [2000, 2001, 2002]
    index = pd.MultiIndex.from_tuples([(i, c) for i in "xy" for c in "abcd"], names=["investor", "country"])
    before = np.array([100, 100, 100, 10, 300, 300, 300, 300.0])
    growth = np.array([1.2, 1.1, 0.8, 3.0, 0.5, 1.0, 1.0, np.nan])
    positions = pd.DataFrame({2000: before, 2001: before, 2002: before * growth}, index, years)
    changed = capital.changes(positions, 50.0, 1).xs(2001, level="year")
    assert changed.index.tolist() == ["a", "b", "c"]
    by_x, by_y = 100 * np.log(np.array([1.2, 1.1, 0.8]) / 1.1), 100 * np.log([0.5, 1.0, 1.0])
    np.testing.assert_allclose(changed, (100 * by_x + 300 * by_y) / 400)
