"""Beta learning against reference numbers and a slow twin, and the lever of a guarantee."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tertius.models import levers
from tertius.models.reputation import (
    Reliability,
    fading,
    learn,
    likelier_reliable,
    log_change,
    quantile,
    recency,
    update,
)

N, H = 32, 6
quick = settings(deadline=None, max_examples=25, derandomize=True)


def close(a: Any, b: Any, tol: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def test_the_reference_numbers(reference: Path) -> None:
    numbers = json.loads((reference / "reputation_state_space.json").read_text())
    for name, forgetting in (("beta_bernoulli", 1.0), ("discounted", 0.9)):
        first, *rest = numbers[name]
        belief = Reliability(np.float64(first["a"]), np.float64(first["b"]))  # type: ignore[arg-type]
        for row in rest:
            belief = update(belief, row["y"], 1.0, forgetting)
            close([belief.a, belief.b, belief.mean], [row["a"], row["b"], row["mean"]])
            close([quantile(belief, 0.05), quantile(belief, 0.95)], [row["q05"], row["q95"]])
    for row in numbers["informative_prior_from_BF2018"]["post"]:
        prior = Reliability(10 * row["prior_mean"], 10 * (1 - row["prior_mean"]))
        after = learn(prior, np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4), np.zeros(4), 5.0)
        close(after.mean, row["posterior_after_3_of_4"])
    two = numbers["two_type"]
    types = two["prior_reliable"], two["p_honor_reliable"], two["p_honor_unreliable"]
    close(likelier_reliable(*types, np.array([1.0, 1.0])), two["after_HH"])
    close(likelier_reliable(*types, np.array([1.0, 1.0, 0.0])), two["after_HHN"])


def history(seed: int) -> tuple[Reliability, Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    first = Reliability(*rng.uniform(0.2, 5, (2, N)))  # type: ignore[arg-type]
    honoured, similarity, age = rng.uniform(0, 1, (3, N, H))
    return first, honoured, similarity, 20 * age, rng.uniform(1, 9, N)


def test_a_history_is_its_requests_one_by_one() -> None:
    first, y, similarity, age, half_life = history(1)
    found = learn(first, y, similarity, age, half_life)
    for i in range(N):
        a, b = float(first.a[i]), float(first.b[i])
        for h in range(H):
            weight = similarity[i, h] * 0.5 ** (age[i, h] / half_life[i])
            a, b = a + weight * y[i, h], b + weight * (1 - y[i, h])
        close([found.a[i], found.b[i]], [a, b])
    none = learn(first, np.empty((N, 0)), np.empty((N, 0)), np.empty((N, 0)), half_life)
    close(none.mean, first.mean)
    close(found.variance, found.mean * (1 - found.mean) / (found.a + found.b + 1))


def test_years_without_a_request_make_every_request_older() -> None:
    first, y, similarity, age, half_life = history(3)
    now, years = learn(first, y, similarity, age, half_life), np.array([0.0, 4.0, 25.0])
    ahead = fading(first, now, years, half_life)
    for k, t in enumerate(years):
        later = learn(first, y, similarity, age + t, half_life)
        close([ahead.a[:, k], ahead.b[:, k]], [later.a, later.b])
    # In the end nothing but the first belief is left.
    close(fading(first, now, np.array([1e6]), half_life).mean[:, 0], first.mean)


@quick
@given(st.integers(0, 2**32 - 1))
def test_what_is_learned(seed: int) -> None:
    first, y, similarity, age, half_life = history(seed)
    found = learn(first, y, similarity, age, half_life)
    # The order of requests does not matter, and none of them makes the belief less certain of its total.
    shuffled = np.random.default_rng(seed).permutation(H)
    close(learn(first, y[:, shuffled], similarity[:, shuffled], age[:, shuffled], half_life).mean, found.mean)
    better = np.asarray(learn(first, np.minimum(y + 0.1, 1), similarity, age, half_life).mean)
    assert (better >= np.asarray(found.mean)).all()
    assert (np.asarray(found.a + found.b) >= np.asarray(first.a + first.b)).all()


def test_edges_of_recency() -> None:
    close(recency([0.0, 3.0, 6.0, -1.0], 3.0), [1, 0.5, 0.25, 0])
    close(recency([0.0, 1.0], 0.0), [1, 0])
    close(recency([0.0, 1.0], math.inf), [1, 1])
    assert np.isnan(recency(math.nan, 3.0))
    assert np.isnan(Reliability(0.0, 0.0).mean)  # type: ignore[arg-type]
    close(log_change(0.6, 0.3), 100 * math.log(2))
    assert np.isnan(log_change(0.6, 0.0))


def test_the_lever_of_a_guarantee() -> None:
    close(levers.guarantee(0.8, 0.4, 0.5, 0.3), 100 * 0.3 * 0.5 * math.log(2))
    assert float(levers.guarantee(0.3, 0.4, 0.5, 0.3)) < 0
    close(levers.guarantee(0.8, 0.0, [0.5, 0.0], 0.3), [math.inf, 0])
    assert np.isnan(levers.guarantee(0.0, 0.0, 0.5, 0.3))
    assert np.isnan(levers.guarantee([0.8, math.nan, 0.8], 0.4, [math.nan, 0.5, 0.5], [1, 1, math.nan])).all()
