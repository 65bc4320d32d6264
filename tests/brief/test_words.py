from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius._brief.reading import estimates
from tertius._brief.words import Estimate, likelihood, listed, number, percent, share, significant
from tertius.claims.verdicts import likelihood as published

SPACE = "\N{NO-BREAK SPACE}"


def estimate(
    median: float, low: float, high: float, *, unit: str = "log points", draws: int = 8192
) -> Estimate:
    return Estimate(median, low, high, median, unit, draws)


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, f"<1{SPACE}%"),
        (0.004, f"<1{SPACE}%"),
        (0.31, f"31{SPACE}%"),
        (0.798, f"79{SPACE}%"),  # not 80 %, which would be another word
        (0.8, f"80{SPACE}%"),
        (0.204, f"21{SPACE}%"),
        (0.2, f"20{SPACE}%"),
        (1.0, f">99{SPACE}%"),
        (math.nan, "missing"),
    ],
)
def test_percentages_are_whole_and_never_certain(probability: float, text: str) -> None:
    assert percent(probability) == text


@given(st.floats(0.01, 0.99))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_a_percentage_keeps_the_word_of_its_probability(probability: float) -> None:
    text = percent(probability)
    shown = float(text.removesuffix(f"{SPACE}%")) / 100
    assert published(shown) == published(probability)
    assert abs(shown - probability) <= 0.01 + 1e-9


def test_few_draws_are_marked_as_approximate() -> None:
    assert percent(0.4, 64) == f"about{SPACE}40{SPACE}%"
    assert percent(0.4, 8192) == f"40{SPACE}%"


def test_likelihood_of_what_is_not_known_is_missing() -> None:
    assert likelihood(math.nan) == "missing"
    assert likelihood(0.9) == "very likely"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.0, 2, "0"),
        (0.001, 2, "<0.01"),
        (-0.001, 2, ">−0.01"),
        (-3.14159, 2, "−3.14"),
        (12345.6, 0, "12\N{NARROW NO-BREAK SPACE}346"),
        (math.inf, 1, "infinite"),
        (math.nan, 1, "missing"),
    ],
)
def test_numbers(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (39_000.0, "39\u202f000"),
        (1_234_567.0, "1\u202f235\u202f000"),
        (-0.0000542, "\N{MINUS SIGN}0.0000542"),
        (12.3456, "12.35"),
        (999.96, "1\u202f000"),
        (0.0, "0"),
        (math.inf, "infinite"),
        (1e-12, "1e-12"),
    ],
)
def test_figures_are_written_out_without_powers_of_ten(value: float, text: str) -> None:
    assert significant(value, 4) == text


def test_numbers_are_rounded_to_what_the_draws_support() -> None:
    assert estimate(22.3456, 15.0, 31.0).text() == "22.3"
    assert estimate(22.3456, 15.0, 31.0, draws=64).text() == "22"
    assert estimate(0.123456, 0.10, 0.14).text() == "0.12"
    assert estimate(1234.5, 1200.0, 1300.0).text() == "1\N{NARROW NO-BREAK SPACE}234"


def test_an_interval_stands_beside_every_estimate_that_varies() -> None:
    assert estimate(2.0, 1.0, 3.0).interval() == f"[1.00,{SPACE}3.00]"
    assert estimate(2.0, 2.0, 2.0).interval() == ""
    assert estimate(0.28, 0.04, 0.45, unit="share").full() == f"28{SPACE}% [4,{SPACE}45{SPACE}%]"
    unknown = estimate(math.nan, math.nan, math.nan)
    assert unknown.full() == "missing"
    assert not unknown.known


def test_shares_may_lie_outside_nought_and_one() -> None:
    assert share(-0.03) == f"−3{SPACE}%"
    assert share(1.2) == f"120{SPACE}%"
    assert share(math.nan) == "missing"


@pytest.mark.parametrize(
    ("items", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_listed(items: list[str], text: str) -> None:
    assert listed(items) == text


def slow_quantile(values: list[float], q: float) -> float:
    """The same by hand: sort what is known and interpolate between neighbours."""
    known = sorted(v for v in values if not math.isnan(v))
    if not known:
        return math.nan
    position = q * (len(known) - 1)
    low, high = known[math.floor(position)], known[math.ceil(position)]
    if low == high:
        return low
    return low + (position - math.floor(position)) * (high - low)


@given(
    st.lists(
        st.lists(
            st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf), st.floats(0, 1)),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=25,
    )
)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_estimates_agree_with_the_obvious_way(rows: list[list[float]]) -> None:
    array = xr.DataArray(
        np.array(rows),
        dims=("draw", "power"),
        coords={"power": ["a", "b", "c"]},
        attrs={"unit": "log points"},
    )
    found = estimates(array)
    for i, power in enumerate("abc"):
        column = [row[i] for row in rows]
        cell = found[power,]
        for q, value in ((0.05, cell.p05), (0.5, cell.median), (0.95, cell.p95)):
            np.testing.assert_allclose(value, slow_quantile(column, q), rtol=1e-12, atol=1e-9)
        assert cell.draws == sum(not math.isnan(v) for v in column)
        assert cell.unit == "log points"


def test_estimates_of_two_dimensions_are_keyed_in_the_order_of_the_array() -> None:
    array = xr.DataArray(
        np.arange(12.0).reshape(2, 3, 2),
        dims=("power", "draw", "domain"),
        coords={"power": ["a", "b"], "domain": ["x", "y"]},
    )
    found = estimates(array)
    assert list(found) == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    assert found["b", "y"].median == np.median(array.values[1, :, 1])
