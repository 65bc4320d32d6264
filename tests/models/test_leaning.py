"""What a belief is worth: how an observer's bundle and the levers over it move with believed reliability."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.models.levers import ces_lever
from tertius.models.reputation import leaning

S = np.array([0.4, 0.1, 0.2, 0.3])
ETA = np.array([0.5, 2.0, 1.0, 1.0])


def _lean(belief, before, reliance=1.0, s=S, eta=ETA):
    return leaning(s, 0.3, 2.5, eta, np.asarray(belief), np.asarray(before), reliance)


def test_with_elastic_supply_a_power_weighs_as_much_more_as_it_is_believed_more() -> None:
    found = _lean([0.6, 0.5, 0.5], [0.4, 0.5, 0.5], reliance=2.0, eta=np.full(4, np.inf))
    weight = S * np.array([1.5**2, 1, 1, 1])
    np.testing.assert_allclose(found.share, weight / weight.sum(), atol=1e-12)
    np.testing.assert_allclose(found.lever, ces_lever(weight / weight.sum(), 0.3, 2.5), rtol=1e-10)


def test_nothing_learned_or_nothing_relied_on_changes_nothing() -> None:
    for found in (
        _lean([0.4] * 3, [0.4] * 3),
        _lean([0.9] * 3, [0.4] * 3, reliance=0.0),
        _lean([np.nan] * 3, [0.4] * 3),
    ):
        np.testing.assert_allclose(found.share, S, atol=1e-12)


def test_a_tie_that_is_not_stated_stays_missing() -> None:
    found = _lean([0.6, 0.5, 0.5], [0.4, 0.5, 0.5], s=np.array([0.5, np.nan, 0.2, 0.3]))
    assert np.isnan(found.lever[1])
    assert np.isfinite(np.asarray(found.lever)[[0, 2]]).all()


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 0.9), st.floats(0.01, 0.09), st.floats(0.1, 3))
def test_a_power_believed_more_holds_more_and_the_others_less(
    before: float, more: float, reliance: float
) -> None:
    one = _lean([before, 0.5, 0.5], [before, 0.5, 0.5], reliance)
    other = _lean([before + more, 0.5, 0.5], [before, 0.5, 0.5], reliance)
    change = np.asarray(other.lever) - np.asarray(one.lever)
    assert change[0] > 0
    assert (change[1:] < 0).all()
    assert abs(float(np.asarray(other.share).sum()) - 1) < 1e-12
