"""Bargaining against slow twins and closed forms, and what must hold of every model of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from tests.models import bargaining_twin as twin

from tertius.errors import BadInput
from tertius.models import bargaining
from tertius.models.bargaining import Status

Floats = NDArray[np.float64]
N = 6
seeds = st.integers(0, 10_000)
quick = settings(deadline=None, max_examples=15, derandomize=True)

# Every model as a function of (..., 2, N): two issues, which only exchange takes together.
MODELS: dict[str, Any] = {
    "mean": bargaining.weighted_mean,
    "median": bargaining.weighted_median,
    "nash": bargaining.nash,
    "expected utility": lambda *a: bargaining.expected_utility(*a, rounds=4),
    "expected utility, literal": lambda *a: bargaining.expected_utility(*a, rounds=4, mode="literal"),
    "exchange": bargaining.exchange,
    "condorcet": lambda *a: bargaining.condorcet(*a, voting="prop_cubic"),
}


def table(seed: int, actors: int = N, issues: int = 2, grid: bool = True) -> tuple[Floats, Floats, Floats]:
    """Random actors; on a grid positions coincide and offers tie."""
    rng = np.random.default_rng(seed)
    shape = (issues, actors)
    x = rng.integers(0, 11, shape) * 10.0 if grid else rng.uniform(0, 100, shape)
    return x, rng.integers(1, 11, shape) / 10.0, rng.integers(1, 30, shape) * 1.0


def same(a: Any, b: Any, tol: float = 1e-8) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def settled_alike(found: Any) -> None:
    """All members of a batch ended alike."""
    status = np.asarray(found.status)
    assert (status == status[:1]).all()


@pytest.mark.parametrize("name", MODELS)
@given(seed=seeds)
@quick
def test_what_changes_nothing(name: str, seed: int) -> None:
    """Another order, another scale, an actor that does not care, one that is absent: the same outcome."""
    rng = np.random.default_rng(seed)
    x, s, c = table(seed)
    pad = np.full((2, 1), np.nan)
    x, s, c = (np.concatenate([a, pad], 1) for a in (x, s, c))
    order = rng.permutation(N + 1)
    factor, shift = rng.uniform(0.01, 30), rng.uniform(-500, 500)
    careless = [a.copy() for a in (x, s, c)]
    for a, value in zip(careless, (rng.uniform(-50, 150, 2), 0.0, 17.0), strict=True):
        a[:, -1] = value
    rows = [(x, s, c), (x[:, order], s[:, order], c[:, order]), (factor * x + shift, s, 3 * c), careless]
    found = MODELS[name](*(np.stack(a) for a in zip(*rows, strict=True)))
    settled_alike(found)
    one, permuted, moved, with_careless = np.asarray(found.outcome)
    assert np.isfinite(one).all()
    same(permuted, one)
    same((moved - shift) / factor, one)
    same(with_careless, one)


@pytest.mark.parametrize("name", MODELS)
@given(seed=seeds)
@quick
def test_a_dictator_gets_its_position(name: str, seed: int) -> None:
    x, s, c = table(seed, N + 1)
    c[:, 1:] = 0
    rows = [np.broadcast_to(a, (4, *a.shape)) for a in (x, s, c)]
    found = MODELS[name](*rows)
    same(found.outcome, rows[0][..., 0], 1e-12)
    assert (np.asarray(found.status) == Status.CONVERGED).all()


@pytest.mark.parametrize("name", MODELS)
def test_what_is_unknown_or_impossible(name: str) -> None:
    x, s, c = (np.stack([a] * 4) for a in table(1, N + 1))
    s[0, :, 2] = np.nan
    c[1, :, 2] = -1.0
    s[2] = 0.0
    found = MODELS[name](x, s, c)
    assert np.asarray(found.status)[:3].tolist() == [
        [Status.MISSING] * 2,
        [Status.INVALID] * 2,
        [Status.INVALID] * 2,
    ]
    assert np.isnan(np.asarray(found.outcome)[:3]).all()
    assert np.isfinite(np.asarray(found.outcome)[3]).all()


@pytest.mark.parametrize("code", [True, False])
@pytest.mark.parametrize("grid", [True, False])
def test_expected_utility_is_the_twins(code: bool, grid: bool) -> None:
    rows = [table(seed, 7, 1, grid) for seed in range(20)]
    x, s, c = (np.concatenate(a) for a in zip(*rows, strict=True))
    x[::3, 2] = np.nan
    mode = "scholz_code" if code else "literal"
    # A probability that is an array is the general case, with the terms of Q < 1.
    for q in (1.0, np.full(len(x), 0.5)):
        found = bargaining.expected_utility(x, s, c, mode=mode, rounds=4, q=q)
        paths = [twin.contest(*row, 4, code, float(np.mean(q))) for row in zip(x, s, c, strict=True)]
        same(found.median, paths, 1e-9)


def test_expected_utility_says_how_it_ended() -> None:
    x, s, c = (np.concatenate(a) for a in zip(*(table(k, 7, 1) for k in range(60)), strict=True))
    found = bargaining.expected_utility(x, s, c, rounds=12)
    path, status, period = (np.asarray(a) for a in (found.positions, found.status, found.period))
    assert {Status.CONVERGED, Status.NOT_CONVERGED} <= set(status.tolist())
    for k in range(len(x)):
        if status[k] == Status.NOT_CONVERGED:
            assert np.abs(path[k, :-1] - path[k, -1]).max(-1).min() > 1e-8
        else:
            assert period[k] == 1 or status[k] == Status.CYCLES
            same(path[k, -1], path[k, -1 - period[k]])
    rest = status == Status.CONVERGED
    assert (np.asarray(found.residual)[rest] < 1e-9).all()
    longer = bargaining.expected_utility(x, s, c, rounds=20)
    same(np.asarray(longer.outcome)[rest], np.asarray(found.outcome)[rest])


def test_scales_of_salience() -> None:
    x, s, c = table(3, 7, 20, grid=False)
    a = bargaining.expected_utility(x, s, c, rounds=4)
    same(a.outcome, bargaining.expected_utility(x, 100 * s, c, rounds=4).outcome, 1e-9)


@pytest.mark.parametrize("guard", ["demander", "current", "none"])
def test_exchange_is_the_twins(guard: Any) -> None:
    rows = [table(seed, 5, 3, grid=seed % 2 == 0) for seed in range(8)]
    x, s, c = (np.stack(a) for a in zip(*rows, strict=True))
    x[::2, 1, 3] = np.nan
    found = bargaining.exchange(x, s, c, guard=guard, record=3)
    for k in range(len(x)):
        before, after, candidates, done = twin.exchange(x[k], s[k], c[k], guard)
        same(found.before[k], before)
        same(found.outcome[k], after)
        assert (int(found.candidates[k]), int(found.exchanges[k])) == (candidates, len(done))
        for t, (i, q, i_to, j, p, j_to, gain) in enumerate(done[:3]):
            trade = [np.asarray(f[k])[t] for f in found.trades]
            assert trade[:4] == [i, j, p, q]
            same([trade[5], trade[7], trade[8]], [i_to, j_to, gain])


def test_exchange_gains_both() -> None:
    """Nobody trades at a loss by its own reckoning: a single exchange leaves the two alike better off."""
    x, s, c = table(4, 5, 3, grid=False)
    found = bargaining.exchange(x, s, c, limit=1, record=1)
    trade = found.trades
    gains = np.asarray(found.gains)
    same(gains[[int(trade.i[0]), int(trade.j[0])]], float(trade.gain[0]))
    assert float(trade.gain[0]) > 0
    assert (np.asarray(found.status) == Status.NOT_CONVERGED).all()


def test_one_issue_alone_is_not_exchanged() -> None:
    x, s, c = table(5, 5, 1)
    found = bargaining.exchange(x, s, c)
    same(found.outcome, bargaining.weighted_mean(x, s, c).outcome)
    assert int(found.exchanges) == 0


@pytest.mark.parametrize("utility", ["quadratic", "linear"])
def test_nash_is_the_best_there_is(utility: Any) -> None:
    rng = np.random.default_rng(6)
    x, s, c = table(6, N, 12, grid=False)
    d = np.where(np.arange(12) % 2, rng.uniform(101, 200, 12), rng.uniform(-100, -1, 12))
    found = bargaining.nash(x, s, c, disagreement=d, utility=utility)
    power = 2 if utility == "quadratic" else 1
    assert np.asarray(found.agreement).all()
    for k in range(12):

        def value(b: float, k: int = k) -> float:
            gain = np.abs(d[k] - x[k]) ** power - np.abs(b - x[k]) ** power
            return -float((s[k] * c[k] * np.log(gain)).sum()) if (gain > 0).all() else np.inf

        grid = np.linspace(x[k].min(), x[k].max(), 4001)
        near = grid[np.argmin([value(b) for b in grid])]
        best = minimize_scalar(
            value, bounds=(near - 0.05, near + 0.05), method="bounded", options={"xatol": 1e-10}
        )
        same(found.outcome[k], best.x, 1e-6)
        assert value(float(found.outcome[k])) <= best.fun + 1e-12


def test_nash_without_agreement() -> None:
    """Between two of them, or where one of them stands, the status quo cannot be bettered."""
    found = bargaining.nash([0.0, 100.0], [1.0, 1.0], [1.0, 2.0], disagreement=[40.0, 0.0, 200.0, np.nan])
    assert np.asarray(found.agreement)[:3].tolist() == [False, False, True]
    same(np.asarray(found.outcome)[:2], [40.0, 0.0])
    assert int(found.status[3]) == Status.MISSING
    with pytest.raises(BadInput, match="both as a position and as a loss"):
        bargaining.nash([0.0, 1.0], 1.0, 1.0, disagreement=0.5, loss=3.0)


def test_median_and_its_interval() -> None:
    found = bargaining.weighted_median(
        [[10.0, 20.0, 40.0], [40.0, 10.0, np.nan]], 1.0, [[1, 1, 2], [1, 1, 1]]
    )
    same([found.low, found.high], [[20, 10], [40, 40]])
    for tie, expected in (("low", 20), ("middle", 30), ("high", 40)):
        found = bargaining.weighted_median([10.0, 20.0, 40.0], 1.0, [1, 1, 2], tie=tie)  # type: ignore[arg-type]
        assert float(found.outcome) == expected


def test_weights_of_the_mean() -> None:
    x, s, c = [0.0, 50.0, 100.0], [0.1, 0.5, 0.9], [3.0, 2.0, 1.0]
    for weight, w in (("both", [0.3, 1.0, 0.9]), ("salience", s), ("capability", c), ("equal", [1, 1, 1])):
        found = bargaining.weighted_mean(x, s, c, weight=weight)  # type: ignore[arg-type]
        same(found.outcome, np.average(x, weights=w))
    assert np.isfinite(bargaining.weighted_mean(x, np.nan, c, weight="capability").outcome)


@pytest.mark.parametrize(("exponent", "chain"), [(1.0, "incentive"), (4.0, "incentive"), (1.0, "uniform")])
def test_the_election_is_the_chains_own(exponent: float, chain: Any) -> None:
    x, s, c = table(8, N, 4, grid=False)
    found = bargaining.condorcet(x, s, c, exponent=exponent, chain=chain)
    for k in range(4):
        p = twin.election(x[k], s[k] * c[k], exponent, chain)
        # The iteration ends at a change of 1e-8, some way before the eigenvector.
        same(found.probability[k], p, 1e-5)
        same(found.outcome[k], p @ x[k], 1e-3)
    same(np.asarray(found.probability).sum(-1), 1.0)


def test_a_winner_is_the_median_and_a_cycle_has_none() -> None:
    x, s, c = table(9, N, 20, grid=False)
    same(bargaining.condorcet(x, s, c).winner, bargaining.weighted_median(x, s, c).outcome)
    # Exactly even: neither of two beats the other.
    assert np.isnan(bargaining.condorcet([0.0, 1.0], [1.0, 1.0], [1.0, 1.0]).winner)


def test_an_option_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="not a choice of"):
        bargaining.expected_utility([0.0, 1.0], 1.0, 1.0, mode="scholz")  # type: ignore[arg-type]


def test_a_turn_knows_no_order_of_actors() -> None:
    rng = np.random.default_rng(10)
    x, s, c = rng.uniform(0, 100, (4, 2)), rng.uniform(5, 45, (4, 2)), rng.uniform(1, 9, 4)
    order = [2, 0, 3, 1]
    rows = [(x, s, c), (x[order], s[order], c[order])]
    turn = bargaining.spatial_turn(*(np.stack(a) for a in zip(*rows, strict=True)))
    same(turn.risk[1], np.asarray(turn.risk[0])[order])
    same(turn.bargain[1], np.asarray(turn.bargain[0])[order], 1e-9)
    kept = np.concatenate([[0], 1 + np.array(order)])
    same(turn.resolution[1], np.asarray(turn.resolution[0])[order][:, kept], 1e-7)
