"""The decision to come, its motives, and whom the client asks: twins, invariants, and no number without a status."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tertius.models import rescue
from tertius.models.rescue import Costs, Motives, Status

Floats = NDArray[np.float64]
N, K, P = 64, len(rescue.TERMS), 4
quick = settings(deadline=None, max_examples=20, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def close(a: Any, b: Any, tol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def some_terms(seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (N, K)), rng.uniform(0, 4, N)


def test_the_terms_are_the_ones_of_the_equations() -> None:
    motives = Motives(own_security=3.0, drawn_out=0.4, friendly_regime=2.0, credibility=0.05, influence=0.1)
    costs = Costs(2500, 10, 0.0006, 0.004, 0.1, 3.0, 0.05, 5.0, 0.02, 0.2, 1.5)
    found = rescue.terms(
        motives, costs, refused=(0.5, 0.3), helped=(0.2, 0.1), credibility=30.0, influence=4.0
    )
    own = 3.0 * ((0.5 + 0.4 * 0.3) - (0.2 + 0.4 * 0.1))
    close(found, [own, 2 * 0.3, 1.5, 0.4, -2500 * 10 * 0.0006 * 0.004, -(0.3 + 0.25) * 0.02, -0.3])
    blind, ends = motives._replace(influence=0.0), {"refused": (0.5, 0.3), "helped": (0.2, 0.1)}
    free = rescue.terms(blind, costs, **ends, credibility=30.0, influence=math.inf)
    close(free[3], 0.0)


def test_logit_against_another_program(reference: Path) -> None:
    game = json.loads((reference / "aqre_games.json").read_text())["extended_deterrence"]
    # The patron's move comes last: intervening pays it −0.51, abandoning −0.77.
    for row in game["results"]:
        abandons, intervenes = row["profile"][2]
        close(rescue.logit(0.26, row["lam"]), intervenes, 1e-7)
        close(rescue.logit(-0.26, row["lam"]), abandons, 1e-7)
    close(rescue.logit([2.0, 0.0, -2.0, math.inf], math.inf), [1, 0.5, 0, 1])
    close(rescue.logit([-math.inf, math.inf, 3.0], [1.0, 0.0, 0.0]), [0, 0.5, 0.5])
    assert np.isnan(rescue.logit([math.nan, 1.0], [1.0, math.nan])).all()


def test_shapley_values_over_every_order() -> None:
    values, rationality = some_terms(1)
    found = rescue.decide(values, rationality)
    i = 5
    slow = np.zeros(K)
    for order in itertools.permutations(range(K)):
        total, before = 0.0, 0.5
        for term in order:
            total += values[i, term]
            after = 1 / (1 + math.exp(-rationality[i] * total))
            slow[term] += (after - before) / math.factorial(K)
            before = after
    close(found.shapley[i], slow, 1e-9)
    close(found.sends, 1 / (1 + np.exp(-rationality * values.sum(1))))


@quick
@given(seeds)
def test_what_the_motives_explain(seed: int) -> None:
    values, rationality = some_terms(seed)
    found = rescue.decide(values, rationality)
    close(found.shapley.sum(-1), found.sends - 0.5)
    # A term that speaks for sending never explains against it.
    assert (np.asarray(found.shapley) * values >= -1e-15).all()
    shares = np.asarray(found.shares)
    some = (values[:, :4] > 0).any(1)
    close(shares[some].sum(1), np.ones(some.sum()))
    assert np.isnan(shares[~some]).all()
    # The unit of welfare does not matter if rationality is stated in it.
    other = rescue.decide(values * 7, rationality / 7)
    close(other.shapley, found.shapley)


def test_the_region_in_which_a_motive_is_the_largest() -> None:
    values, _ = some_terms(2)
    values[3] = np.nan
    scale = np.ones((5, 6, 4))
    scale[..., 0] = 2.0 ** np.arange(-2, 3)[:, None]
    scale[..., 3] = 2.0 ** np.arange(-3, 3)
    found = np.asarray(rescue.largest_motive(values, scale))
    known = np.delete(values, 3, 0)[:, :4]
    for i, j in itertools.product(range(5), range(6)):
        scaled = known * scale[i, j]
        expected = [((scaled.argmax(1) == m) & (scaled.max(1) > 0)).mean() for m in range(4)]
        close(found[i, j], expected)
    assert (np.diff(found[:, 0, 0]) >= 0).all()
    ties = np.ones((N, K))
    close(rescue.largest_motive(ties, np.ones_like(scale)), np.zeros((5, 6, 4)))


def test_the_gate() -> None:
    gate = np.array([0.3, math.nan, math.nan, math.nan, 0.3])
    case = np.arange(5)
    clause, covered, member = case != 2, case != 3, case != 4
    found = rescue.lawful(gate, clause, covered, member)
    close(found, [0.3, 1, 0, 0, 0])


def test_the_course_of_a_request() -> None:
    found = rescue.course(0.9, 0.8, 0.5, (0.2, 0.3))
    close(found, [0.1, 0.18, 0.36, 0.072, 0.108, 0.18])
    rng = np.random.default_rng(3)
    close(rescue.course(*rng.uniform(0, 1, (3, N)), tuple(rng.uniform(0, 0.5, (2, N)))).sum(-1), np.ones(N))


def test_what_asking_is_worth() -> None:
    survival = {"alone": 0.5, "refused": 0.4, "helped": 0.8}
    found = rescue.worth_of_asking(
        **survival, comes=0.7, weight=0.3, trust=0.8, knowledge=1.2, dependence=2.0
    )
    plea, gain = 30 * math.log(0.8), 30 * 0.7 * 0.8 * 1.2 * math.log(2)
    close([found.plea, found.help, found.dependence, found.total], [plea, gain, 1.4, plea + gain - 1.4])
    # A power that will not come costs the plea and no more, whatever its help would do.
    never = rescue.worth_of_asking(alone=0.5, refused=0.4, helped=math.nan, comes=0.0, weight=0.3)
    close(never.total, plea)


@quick
@given(seeds)
def test_whom_the_client_asks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    worth, rationality = rng.normal(0, 3, (N, P)), rng.uniform(0, 3, N)
    found = rescue.choose(worth, rationality)
    all_worth = np.concatenate([worth, np.zeros((N, 1))], 1)
    weights = np.exp(rationality[:, None] * all_worth)
    close(found.probability, weights / weights.sum(1, keepdims=True))
    order = rng.permutation(P)
    close(
        rescue.choose(worth[:, order], rationality).probability[:, :P],
        np.asarray(found.probability)[:, order],
    )
    sure = rescue.choose(worth, np.full(N, np.inf))
    np.testing.assert_array_equal(np.asarray(sure.probability).argmax(1), all_worth.argmax(1))
    close(sure.probability.max(1), np.ones(N))
    # A power of unknown worth is not asked, and the others are as if it were not there.
    worth[:, 1] = np.nan
    without = rescue.choose(worth, rationality)
    assert (np.asarray(without.probability)[:, 1] == 0).all()
    assert (np.asarray(without.status) == Status.CONVERGED).all()
    close(without.probability.sum(1), np.ones(N))


ODD = [math.nan, -math.inf, math.inf, -1e100, -1.0, 0.0, 1e-100, 0.5, 1.0, 1e9, 1e100]


@quick
@given(seeds)
def test_no_number_without_a_status(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((N, K)) < 0.8, rng.normal(0, 1, (N, K)), rng.choice(ODD, (N, K)))
    rationality = np.abs(rng.choice(ODD, N))
    found = rescue.decide(values, rationality)
    good = np.asarray(found.status) == Status.CONVERGED
    sends = np.asarray(found.sends)
    assert ((sends[good] >= 0) & (sends[good] <= 1)).all()
    assert not np.isnan(np.asarray(found.shapley)[good]).any()
    assert np.isnan(sends[~good]).all()
    picked = rescue.choose(values[:, :P], rationality)
    good = np.asarray(picked.status) == Status.CONVERGED
    close(np.asarray(picked.probability)[good].sum(1), np.ones(good.sum()))
    assert np.isnan(np.asarray(picked.probability)[~good]).all()
