"""The coming years: closed forms, a slow twin, and what cannot change the answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from tertius.models import outlook
from tertius.models.levers import ces_lever, lever

YEARS = np.arange(0.0, 11.0)


def _bundles(seed: int, n: int = 16, suppliers: int = 4):
    rng = np.random.default_rng(seed)
    return {
        "s": rng.dirichlet(np.ones(suppliers), n),
        "omega": rng.uniform(0.05, 0.4, n),
        "sigma": rng.uniform(1.3, 5, n),
        "eta": rng.uniform(0, 5, (n, suppliers)),
        "g": rng.normal(0, 4, (n, suppliers)),
    }


def _twin(s, sigma, eta, g, years):
    """Shares after so many years, one bundle at a time, by bisection on the price level."""
    b = 1 / (1 + (sigma - 1) / (1 + eta))
    k = np.exp(g * years / 100)
    level = brentq(lambda u: float((s * (k * np.exp(-u)) ** b).sum()) - 1, -20, 20, xtol=1e-14)
    return s * (k * np.exp(-level)) ** b


def test_shares_and_levers_are_those_of_the_slow_twin() -> None:
    given = _bundles(0)
    found = outlook.project(**given, years=YEARS)
    assert np.asarray(found.status).max() == 0
    for k in (0, 7, 15):
        one = {name: value[k] for name, value in given.items()}
        for y in (0, 3, 10):
            share = _twin(one["s"], one["sigma"], one["eta"], one["g"], YEARS[y])
            np.testing.assert_allclose(found.share[k, y], share, atol=1e-10)
            held = lever(share / share.sum(), one["omega"], one["sigma"], one["eta"])
            np.testing.assert_allclose(found.lever[k, y], held.value, rtol=1e-8)


def test_with_elastic_supply_shares_grow_like_their_weights() -> None:
    given = _bundles(1) | {"eta": np.full((16, 4), np.inf)}
    found = outlook.project(**given, years=YEARS)
    weight = given["s"][:, None] * np.exp(given["g"][:, None] * YEARS[:, None] / 100)
    share = weight / weight.sum(-1, keepdims=True)
    np.testing.assert_allclose(found.share, share, atol=1e-12)
    np.testing.assert_allclose(
        found.lever, ces_lever(share, given["omega"][:, None], given["sigma"][:, None]), rtol=1e-9
    )
    np.testing.assert_allclose(outlook.project_shares(given["s"], given["g"], YEARS), share, atol=1e-12)


def test_what_comes_once_adds_to_what_grows() -> None:
    given, once = _bundles(4), np.random.default_rng(4).normal(0, 20, (16, 1, 4))
    found = outlook.project(**given, years=YEARS, jump=np.repeat(once, 11, axis=1))
    for k in (0, 9):
        one = {name: value[k] for name, value in given.items()}
        # A jump before the first year is growth in a single year that came before it.
        start = _twin(one["s"], one["sigma"], one["eta"], once[k, 0], 1.0)
        np.testing.assert_allclose(found.share[k, 0], start, atol=1e-10)
        both = _twin(one["s"], one["sigma"], one["eta"], once[k, 0] + 10 * one["g"], 1.0)
        np.testing.assert_allclose(found.share[k, 10], both, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.floats(-20, 20))
def test_what_grows_alike_changes_nothing_and_order_does_not_matter(seed: int, rate: float) -> None:
    given = _bundles(seed)
    level = given | {"eta": np.full((16, 4), 2.0), "g": np.full((16, 4), rate)}
    found = outlook.project(**level, years=YEARS)
    np.testing.assert_allclose(found.share, np.repeat(given["s"][:, None], 11, axis=1), atol=1e-10)
    order = np.array([2, 0, 1, 3])
    turned = {k: v[:, order] if v.ndim == 2 else v for k, v in given.items()}
    np.testing.assert_allclose(
        outlook.project(**turned, years=YEARS).share,
        np.asarray(outlook.project(**given, years=YEARS).share)[..., order],
        atol=1e-10,
    )


def test_a_tie_that_is_not_stated_stays_missing_and_the_rest_goes_on() -> None:
    given = _bundles(2)
    given["s"] = np.concatenate([np.full((16, 1), np.nan), given["s"][:, 1:]], axis=1)
    given["s"] /= np.nansum(given["s"], axis=1, keepdims=True)
    found = outlook.project(**given, years=YEARS)
    assert np.isnan(found.share[..., 0]).all()
    assert np.isnan(found.lever[..., 0]).all()
    assert np.isfinite(found.lever[..., 1:]).all()
    assert np.asarray(found.status).max() == 0


def test_a_late_comer_overtakes_when_the_weights_say_so() -> None:
    years = float(outlook.overtaking(0.1, 0.3, 6.0, 1.0))
    assert years == pytest.approx(100 * np.log(3) / 5)
    assert 0.1 * np.exp(0.06 * years) == pytest.approx(0.3 * np.exp(0.01 * years))
    assert float(outlook.overtaking(0.3, 0.1, -5.0, 1.0)) == 0.0
    assert np.isinf(outlook.overtaking(0.1, 0.3, 1.0, 1.0))
    assert np.isinf(outlook.overtaking(0.0, 0.3, 9.0, 1.0))
    assert np.isnan(outlook.overtaking(np.nan, 0.3, 9.0, 1.0))


def test_learning_adds_to_drift_in_proportion_to_exposure() -> None:
    assert float(outlook.growth(-1.0, 4.0, 0.5)) == 1.0


def test_a_balance_has_ended_when_it_fell_by_more_than_stated() -> None:
    effective = np.array([[3.0, 2.9, 2.4], [3.0, 2.9, 2.8]])
    assert (np.asarray(outlook.fallen(effective, 0.5)) > 0).tolist() == [True, False]
