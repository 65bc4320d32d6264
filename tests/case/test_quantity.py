"""Quantities: forms, inverse distributions, supports, default spreads, words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import integrate, stats

from tertius.case.distributions import draw
from tertius.case.quantity import (
    AboveOne,
    Capacity,
    CostOfCollapse,
    Degree,
    NonNegative,
    Positive,
    Quantity,
    Real,
    Score,
    Share,
)

quick = settings(deadline=None, max_examples=40, derandomize=True)
U = np.linspace(0.0005, 0.9995, 400)


def a_number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(0, 10_000).map(lambda k: low + (high - low) * k / 10_000)


@st.composite
def forms(draw_: st.DrawFn, low: float, high: float) -> dict[str, Any]:
    """Any uncertain form whose stated numbers lie strictly between two bounds."""
    spots = sorted(draw_(st.lists(a_number(low, high), min_size=3, max_size=3, unique=True)))
    form = draw_(st.sampled_from(["sd", "range", "triangular", "quantiles", "value"]))
    if form == "sd":
        return {"value": spots[1], "sd": spots[2] - spots[0]}
    if form == "range":
        return {"range": [spots[0], spots[2]]}
    if form == "triangular":
        return {"triangular": spots}
    if form == "quantiles":
        return {"quantiles": {0.05: spots[0], 0.5: spots[1], 0.95: spots[2]}}
    return {"value": spots[1], "assumed": "x"}


TYPES: list[tuple[type[Quantity], float, float]] = [
    (Real, -50.0, 50.0),
    (NonNegative, 0.01, 50.0),
    (Positive, 0.01, 50.0),
    (AboveOne, 1.01, 20.0),
    (Share, 0.01, 0.99),
    (Degree, 0.01, 0.99),
    (Score, 1.0, 99.0),
]
anything = st.sampled_from(TYPES).flatmap(
    lambda t: forms(t[1], t[2]).map(lambda form: t[0].model_validate(form))
)


@quick
@given(anything, st.sampled_from([0.5, 1.0, 2.0, 5.0]))
def test_draws_rise_with_u_and_stay_in_the_support(quantity: Quantity, widen: float) -> None:
    x = quantity.ppf(np.array([0.0, *U, 1.0]), widen)
    assert np.isfinite(x).all()
    assert (np.diff(x) >= 0).all()
    assert all(quantity.support.holds(value) for value in x)


@quick
@given(anything)
def test_widening_doubles_the_spread_about_the_median(quantity: Quantity) -> None:
    if quantity.is_exact:
        assert quantity.spread == 0.0
        return
    base = quantity.distribution
    wide = base.widened(2.0)
    assert wide.median == pytest.approx(base.median)
    kept = quantity.ppf(0.5, 2.0)
    scale = quantity.spread
    if wide.cdf(quantity.support.lower) < 1e-12 and wide.cdf(quantity.support.upper) > 1 - 1e-12:
        assert kept == pytest.approx(quantity.median, abs=1e-6 * scale)
    assert np.std(quantity.ppf(U, 2.0)) >= np.std(quantity.ppf(U)) * (1 - 1e-9)


def everything() -> st.SearchStrategy[Any]:
    x = st.floats() | st.integers(-3, 3) | st.sampled_from([5e-324, 1e-300, 1e300, 1 - 1e-16, 1 + 1e-15])
    return st.one_of(
        x,
        st.fixed_dictionaries({"value": x, "sd": x}),
        st.fixed_dictionaries({"value": x, "assumed": st.just("x")}),
        st.fixed_dictionaries({"range": st.tuples(x, x)}),
        st.fixed_dictionaries({"triangular": st.tuples(x, x, x)}),
        st.fixed_dictionaries({"poll": x, "n": st.integers()}),
        st.fixed_dictionaries({"beta": st.tuples(x, x)}),
        st.fixed_dictionaries({"lognormal": st.tuples(x, x)}),
        st.fixed_dictionaries({"quantiles": st.dictionaries(x, x)}),
    )


@settings(deadline=None, max_examples=400, derandomize=True)
@given(st.sampled_from([*(kind for kind, _, _ in TYPES), Capacity]), everything())
def test_whatever_numbers_are_stated_they_are_refused_or_drawn(kind: type[Quantity], form: Any) -> None:
    try:
        quantity = kind.model_validate(form)
    except ValidationError:
        return
    for widen in (1.0, 2.0):
        x = quantity.ppf(np.array([0.0, 0.01, 0.5, 0.99, 1.0]), widen)
        assert not np.isnan(x).any()
        assert (np.diff(x) >= 0).all() or quantity.is_exact
        assert all(quantity.support.holds(value) for value in x)
    assert quantity.spread >= 0
    assert quantity.describe()


@quick
@given(anything)
def test_widening_by_one_changes_nothing(quantity: Quantity) -> None:
    assert np.array_equal(quantity.ppf(U, 1.0), quantity.ppf(U))


@quick
@given(anything)
def test_cdf_is_the_inverse_of_ppf(quantity: Quantity) -> None:
    base = quantity.distribution
    if not quantity.is_exact:
        for u in (0.02, 0.3, 0.5, 0.77, 0.99):
            assert base.cdf(float(base.ppf(np.array([u]))[0])) == pytest.approx(u, abs=1e-9)


@quick
@given(anything)
def test_spread_agrees_with_plain_numerical_integration(quantity: Quantity) -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    assert quantity.spread == pytest.approx(float(np.std(quantity.ppf(u))), rel=5e-3, abs=1e-12)


@quick
@given(anything)
def test_dump_and_read_again_is_the_same(quantity: Quantity) -> None:
    again = type(quantity).model_validate(quantity.model_dump())
    assert again.model_dump() == quantity.model_dump()
    assert np.array_equal(again.ppf(U), quantity.ppf(U))


@quick
@given(a_number(0.01, 0.99), a_number(0.01, 3.0), st.sampled_from([1.0, 2.0]))
def test_truncated_normal_is_scipys(mean: float, sd: float, widen: float) -> None:
    wide = sd * widen
    expected = stats.truncnorm((0 - mean) / wide, (1 - mean) / wide, mean, wide)
    found = Share.model_validate({"value": mean, "sd": sd}).ppf(U, widen)
    np.testing.assert_allclose(found, expected.ppf(U), rtol=1e-7, atol=1e-9)


def test_forms_against_scipy() -> None:
    cases: list[tuple[Quantity, Any]] = [
        (Real.model_validate({"value": 3, "sd": 2}), stats.norm(3, 2)),
        (Real.model_validate({"range": [-1, 4]}), stats.uniform(-1, 5)),
        (Real.model_validate({"triangular": [-1, 0, 4]}), stats.triang(0.2, -1, 5)),
        (Share.model_validate({"poll": 0.81, "n": 1000}), stats.beta(810.5, 190.5)),
        (Share.model_validate({"beta": [6, 4]}), stats.beta(6, 4)),
        (Positive.model_validate({"lognormal": [1.1, 0.08]}), stats.lognorm(0.08, scale=1.1)),
    ]
    for quantity, expected in cases:
        np.testing.assert_allclose(quantity.ppf(U), expected.ppf(U), rtol=1e-9, atol=1e-12)
        assert quantity.spread == pytest.approx(expected.std(), rel=2e-3)


def test_two_quantiles_are_a_normal_through_both() -> None:
    quantity = Real.model_validate({"quantiles": {0.1: -1.0, 0.9: 3.0}})
    expected = stats.norm(1.0, 2.0 / stats.norm.ppf(0.9))
    np.testing.assert_allclose(quantity.ppf(U), expected.ppf(U), rtol=1e-9, atol=1e-12)


def test_quantiles_are_met() -> None:
    stated = {0.05: 0.5, 0.3: 0.7, 0.5: 1.0, 0.95: 3.0}
    quantity = Real.model_validate({"quantiles": stated})
    np.testing.assert_allclose(quantity.ppf(list(stated)), list(stated.values()), rtol=1e-12)


def test_a_cut_distribution_is_not_piled_up_at_its_edge() -> None:
    x = NonNegative.model_validate({"value": 0.0, "sd": 1.0}).ppf(U)
    np.testing.assert_allclose(x, stats.halfnorm().ppf(U), rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "value", "low", "high"),
    [
        (Positive, 0.3, 0.15, 0.6),
        (NonNegative, 8.0, 4.0, 16.0),
        (AboveOne, 3.0, 2.0, 5.0),
        (Share, 0.5, 1 / 3, 2 / 3),
        (Score, 50.0, 100 / 3, 200 / 3),
        (Real, -2.0, -4.0, 0.0),
        (CostOfCollapse, 2.0, 0.5361, 3.6560),
    ],
)
def test_default_spread_is_what_the_page_says(
    kind: type[Quantity], value: float, low: float, high: float
) -> None:
    quantity = kind.model_validate({"value": value, "assumed": "x"})
    assert quantity.has_default_spread
    # One that is cut at zero lies a little higher.
    assert quantity.median == pytest.approx(value, rel=0.02 if kind is CostOfCollapse else 1e-6)
    assert quantity.interval() == pytest.approx((low, high), rel=1e-4)
    assert "no spread stated" in quantity.describe()


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Share, 0.0), (Share, 1.0), (Real, 0.0), (NonNegative, 0.0), (Capacity, math.inf), (Degree, 0.4)],
)
def test_values_that_give_no_scale_are_taken_as_they_stand(kind: type[Quantity], value: float) -> None:
    quantity = kind.model_validate({"value": value, "assumed": "x"})
    assert quantity.is_exact
    assert not quantity.has_default_spread
    assert np.array_equal(quantity.ppf(U, 2.0), np.full_like(U, value))


def test_an_assumption_meant_exactly_is_exact() -> None:
    quantity = Positive.model_validate({"value": 4, "sd": 0, "assumed": "x"})
    assert quantity.is_exact
    assert quantity.describe() == "4 exactly"


def test_large_and_small_figures_are_described_without_powers_of_ten() -> None:
    many = Positive.model_validate({"value": 3_900_000, "sd": 20_000, "assumed": "x"})
    assert many.describe() == "normal, 3900000 with standard deviation 20000"
    few = Positive.model_validate({"triangular": [1e-5, 2.5e-5, 4e-5], "assumed": "x"})
    assert few.describe() == "between 0.00001 and 0.00004, most likely 0.000025"


def test_a_sourced_value_without_a_spread_is_exact() -> None:
    assert Positive.model_validate({"value": 4, "source": "a"}).is_exact
    assert Positive.model_validate(4).is_exact


def test_infinity_only_where_it_is_allowed() -> None:
    assert Capacity.model_validate({"value": math.inf, "assumed": "x"}).median == math.inf
    for kind in (Real, NonNegative, Share):
        with pytest.raises(ValidationError, match="not infinite"):
            kind.model_validate(math.inf)
    with pytest.raises(ValidationError, match="zero or more"):
        Capacity.model_validate(-math.inf)


@pytest.mark.parametrize("u", [-0.1, 1.1, math.nan])
def test_probabilities_outside_their_range_are_refused(u: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Share.model_validate(0.5).ppf([0.5, u])


@pytest.mark.parametrize("widen", [0.0, -1.0, math.nan, math.inf])
def test_widening_by_nonsense_is_refused(widen: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Share.model_validate({"range": [0, 1]}).ppf(0.5, widen)


def test_shapes_are_kept() -> None:
    quantity = Share.model_validate({"beta": [2, 3]})
    assert quantity.ppf(np.full((3, 4), 0.5)).shape == (3, 4)
    assert quantity.ppf(0.5).shape == ()
    assert draw(quantity.distribution, quantity.support, [0.1]).dtype == np.float64


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (0.3, "0.3 exactly"),
        ({"value": 0.3, "sd": 0.03}, "normal, 0.3 with standard deviation 0.03"),
        ({"range": [0.1, 0.4]}, "anywhere between 0.1 and 0.4"),
        ({"triangular": [0.1, 0.2, 0.4]}, "between 0.1 and 0.4, most likely 0.2"),
        ({"poll": 0.81, "n": 1000}, "a poll of 1,000: 0.81"),
        ({"beta": [6, 4]}, "beta (6, 4), 90 % between"),
        ({"lognormal": [0.1, 0.5]}, "lognormal about 0.1, 90 % between"),
        ({"quantiles": {0.05: 0.1, 0.95: 0.2}}, "quantiles 5 %: 0.1, 95 %: 0.2"),
    ],
)
def test_words(form: object, words: str) -> None:
    assert words in Share.model_validate(form).describe()


def test_central_value_is_the_stated_one() -> None:
    assert Share.model_validate({"triangular": [0.1, 0.2, 0.9]}).central == 0.2
    assert Share.model_validate({"value": 0.99, "sd": 0.5}).central == 0.99
    assert Share.model_validate({"range": [0.2, 0.4]}).central == pytest.approx(0.3)


def test_median_of_a_cut_lognormal() -> None:
    """By integrating the density over the support."""
    quantity = Share.model_validate({"lognormal": [0.8, 0.6]})
    density = stats.lognorm(0.6, scale=0.8).pdf
    inside = integrate.quad(density, 0, 1)[0]
    assert integrate.quad(density, 0, quantity.median)[0] / inside == pytest.approx(0.5, abs=1e-7)
