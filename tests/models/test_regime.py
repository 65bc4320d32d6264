"""The global game against a slow twin, a crowd of agents, closed forms, and its invariants."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, truncnorm

from tertius.errors import BadInput
from tertius.models import regime
from tertius.models.regime import Belief, Doors, Status

Floats = NDArray[np.float64]
N = 64
quick = settings(deadline=None, max_examples=15, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def games(seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean, precision, private precision and cost of N games, about half of them beyond uniqueness."""
    rng = np.random.default_rng(seed)
    precision, private = rng.uniform(0, 12, N), 10 ** rng.uniform(-1, 2, N)
    return rng.uniform(-0.5, 1.5, N), precision, private, rng.uniform(0.05, 0.95, N)


def doors(seed: int) -> Doors:
    rng = np.random.default_rng(seed + 1)
    return Doors(
        force=rng.uniform(0, 0.4, N),
        signal_strength=rng.uniform(-0.1, 0.5, N),
        signal_precision=rng.uniform(0, 5, N),
        fear=rng.uniform(0.05, 0.95, N),
        plea_strength=rng.uniform(-0.4, 0.0, N),
        plea_precision=rng.uniform(0, 3, N),
    )


def close(a: Any, b: Any, tol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def twin(m: float, a: float, beta: float, c: float) -> list[float]:
    """All thresholds of one game: sign changes on a fine grid of θ in logits, then Brent's method."""

    def gap(z: float) -> float:
        return float(z - a / math.sqrt(beta) * (norm.cdf(z) - m) + math.sqrt(1 + a / beta) * norm.ppf(c))

    grid = np.linspace(-60, 60, 24_001)
    values = grid - a / math.sqrt(beta) * (norm.cdf(grid) - m) + math.sqrt(1 + a / beta) * norm.ppf(c)
    crossings = np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))
    return [float(norm.cdf(brentq(gap, grid[i], grid[i + 1], xtol=1e-14))) for i in crossings]


def many(*values: float) -> list[Floats]:
    """N games that are all the same: arrays of other shapes would be compiled for anew."""
    return [np.full(N, value) for value in values]


def test_the_worked_examples() -> None:
    close(regime.threshold(*many(0.3, 1, 4, 0.3)).theta_star[:, 0], np.full(N, 0.798262), 1e-6)
    close(regime.survival(*many(0.3, 1, 4, 0.3)), np.full(N, 0.309150), 1e-6)
    close(regime.survival(*many(0.6, 2, 4, 0.4)), np.full(N, 0.480207), 1e-6)


def test_the_slow_twin_finds_the_same_thresholds() -> None:
    arrays = games(1)
    found = regime.threshold(*arrays)
    slow = [twin(*row) for row in zip(*arrays, strict=True)]
    assert [len(x) for x in slow] == np.asarray(found.number).tolist()
    assert {1, 3} <= {len(x) for x in slow}
    padded = np.array([x + [math.nan] * (3 - len(x)) for x in slow])
    close(np.asarray(found), padded, 1e-9)
    close(found.lowest, [x[0] for x in slow], 1e-9)
    close(found.highest, [x[-1] for x in slow], 1e-9)
    assert (np.asarray(found.status) == Status.CONVERGED).all()
    assert all(len(x) == 1 for x, one in zip(slow, np.asarray(found.unique), strict=True) if one)
    for selection, expected in (
        ("best", found.lowest),
        ("worst", found.highest),
        ("laplacian", found.laplacian),
    ):
        picked = regime.equilibrium(*arrays, selection)
        close(picked.theta_star, expected)
        np.testing.assert_array_equal(picked.multiple, np.asarray(found.number) > 1)


def test_the_laplacian_selection_is_where_best_replies_lead() -> None:
    m, a, beta, c = games(2)
    theta = 1 - c
    for _ in range(4000):
        theta = norm.cdf(a / np.sqrt(beta) * (theta - m) - np.sqrt(1 + a / beta) * norm.ppf(c))
    close(regime.equilibrium(m, a, beta, c).theta_star, theta, 1e-7)


def test_a_crowd_of_agents() -> None:
    m, a, beta, c = 0.45, 1.5, 5.0, 0.35
    rng = np.random.default_rng(3)
    theta_star = float(regime.equilibrium(*many(m, a, beta, c)).theta_star[0])
    x_star = theta_star + norm.ppf(theta_star) / math.sqrt(beta)
    theta = rng.normal(m, 1 / math.sqrt(a), 4_000)
    # Shares that sit out, among a thousand agents each of whom sees for itself.
    sits_out = rng.normal(theta[:, None], 1 / math.sqrt(beta), (4_000, 1_000)) < x_star
    falls = sits_out.mean(1) >= theta
    error = math.sqrt(0.25 / 4_000)
    assert abs((1 - falls.mean()) - float(regime.survival(*many(m, a, beta, c))[0])) < 4 * error
    # An agent that sees about x* is indifferent; one that sees less gains by sitting out.
    wide = rng.normal(m, 1 / math.sqrt(a), 400_000)
    seen = wide + rng.normal(0, 1 / math.sqrt(beta), wide.size)
    for offset, sign in ((0.0, 0), (-0.3, 1), (0.3, -1)):
        near = np.abs(seen - x_star - offset) < 0.02
        gain = float((wide[near] < theta_star).mean() - c)
        noise = 4 * math.sqrt(0.25 / near.sum())
        assert abs(gain) < noise + 0.005 if sign == 0 else sign * gain > noise


def test_closed_forms_and_limits() -> None:
    c = np.linspace(0.05, 0.95, N)
    mean = np.linspace(-1, 2, N)
    close(regime.equilibrium(mean, np.zeros(N), np.full(N, 3.0), c).theta_star, 1 - c)
    close(regime.equilibrium(mean, np.full(N, 2.0), np.full(N, np.inf), c).theta_star, 1 - c)
    near = regime.equilibrium(mean, np.full(N, 2.0), np.full(N, 1e8), c).theta_star
    close(near, 1 - c, 1e-3)
    close(regime.equilibrium(*many(0.5, 1.7, 2.0, 0.5)).theta_star, np.full(N, 0.5))
    ends = regime.threshold(*many(0.3, 1.0, 4.0), np.where(c > 0.5, 1.0, 0.0))
    close(ends.theta_star[:, 0], np.where(c > 0.5, 0.0, 1.0))
    assert ends.status.tolist() == [Status.CONVERGED] * N
    # The same game seen from the other side: obeying and sitting out exchanged.
    m, a, beta, c = games(4)
    close(
        regime.equilibrium(1 - m, a, beta, 1 - c, "best").theta_star,
        1 - regime.equilibrium(m, a, beta, c, "worst").theta_star,
    )


@quick
@given(seeds)
def test_strength_force_and_fear_help(seed: int) -> None:
    m, a, beta, c = games(seed)
    rng = np.random.default_rng(seed)
    more = rng.uniform(0, 0.5, N)
    for selection in regime.SELECTIONS:
        base = np.asarray(regime.equilibrium(m, a, beta, c, selection).theta_star)
        stronger = np.asarray(regime.equilibrium(m + more, a, beta, c, selection).theta_star)
        dearer = np.asarray(regime.equilibrium(m, a, beta, c + more * (1 - c), selection).theta_star)
        # Where several equilibria are, the Laplacian pick may jump, and then too in the same direction.
        assert (stronger <= base + 1e-12).all()
        assert (dearer <= base + 1e-12).all()


def test_order_is_restored_where_few_sit_out() -> None:
    m, a, beta, c = games(5)
    kappa = np.linspace(0.05, 1.0, N)
    at = regime.equilibrium(m, a, beta, c)
    restore = jax.jit(regime.restoration_threshold)
    found, error = restore(at.theta_star, at.z_star, beta, kappa)
    theta, z = np.asarray(at.theta_star), np.asarray(at.z_star)

    def slow(i: int) -> float:
        def gap(t: float) -> float:
            return float(norm.cdf(math.sqrt(beta[i]) * (theta[i] - t) + z[i]) - kappa[i] * t)

        return float(brentq(gap, theta[i] - 1e-12, theta[i] / kappa[i] + 1e-9, xtol=1e-14))

    close(found, [slow(i) for i in range(N)], 1e-8)
    assert float(np.max(error)) < 1e-12
    assert np.isinf(restore(at.theta_star, at.z_star, beta, 0 * kappa)[0]).all()


@quick
@given(seeds)
def test_the_three_ends_are_all_there_are(seed: int) -> None:
    m, a, beta, c = games(seed)
    kappa = np.random.default_rng(seed).uniform(0, 1, N)
    truth = Belief(m + 0.1, np.maximum(a, 0.3))
    end = regime.outcome(truth, Belief(m, a), beta, c, kappa)
    close(end.collapse + end.drawn_out + end.restored, np.ones(N))
    close(end.survival, 1 - np.asarray(end.collapse))
    assert (np.asarray(end.theta_kappa) >= np.asarray(end.theta_star) - 1e-12).all()


def test_doors_against_every_order_of_opening() -> None:
    m, a, beta, c = games(6)
    a = np.maximum(a, 0.2)
    given_doors = doors(6)
    found = regime.helped(Belief(m, a), beta, c, given_doors, 0.6)

    def value(open_: frozenset[int]) -> Floats:
        belief = Belief(m, a)
        if 3 in open_:
            belief = regime.news(belief, given_doors.plea_strength, given_doors.plea_precision)
        if 1 in open_:
            belief = regime.news(belief, given_doors.signal_strength, given_doors.signal_precision)
        cost = given_doors.fear if 2 in open_ else c
        truth = Belief(m + (np.asarray(given_doors.force) if 0 in open_ else 0.0), a)
        return np.asarray(regime.outcome(truth, belief, beta, cost, 0.6).survival)

    points = np.zeros((N, 4))
    orders = list(itertools.permutations(range(4)))
    values = {
        frozenset(s): value(frozenset(s)) for k in range(5) for s in itertools.combinations(range(4), k)
    }
    for order in orders:
        for place, door in enumerate(order):
            before = frozenset(order[:place])
            points[:, door] += (values[before | {door}] - values[before]) / len(orders)
    close(found.points, points)
    close(found.points.sum(-1), found.helped.survival - found.alone.survival)
    close(found.refused.survival, values[frozenset({3})])


def test_a_shut_door_does_nothing() -> None:
    m, a, beta, c = games(7)
    a = np.maximum(a, 0.2)
    zero = np.zeros(N)
    shut = regime.helped(Belief(m, a), beta, c, Doors(zero, zero + 0.3, zero, c, zero - 0.2, zero), 0.6)
    close(shut.points, np.zeros((N, 4)))
    close(shut.helped.survival, shut.alone.survival)


def test_precision_alone_hurts_the_weak() -> None:
    def points(mean: float) -> Floats:
        m, a, beta, c, zero = many(mean, 1.0, 4.0, 0.5, 0.0)
        found = regime.helped(Belief(m, a), beta, c, Doors(zero, zero, zero + 1.0, c, zero, zero), 0.6)
        return np.asarray(found.points)[0]

    assert points(0.2)[1] < 0 < points(0.8)[1]


def test_derivatives() -> None:
    m, a, beta, c = games(8)
    a = np.maximum(a, 0.2)
    single = np.asarray(regime.threshold(m, a, beta, c).number) == 1

    def total(shift: Any) -> Any:
        found = regime.helped(Belief(m + shift, a), beta, c, doors(8), 0.6)
        return jnp.stack([found.alone.survival, found.helped.restored, found.points[:, 1]])

    _, slope = jax.jvp(total, (jnp.zeros(N),), (jnp.ones(N),))
    step = 1e-6
    numeric = (np.asarray(total(step * jnp.ones(N))) - np.asarray(total(-step * jnp.ones(N)))) / (2 * step)
    good = single & (np.abs(numeric) < 10).all(0)
    assert good.sum() > N / 3
    close(np.asarray(slope)[:, good], numeric[:, good], 2e-5)
    fragile = regime.fragility(Belief(m, a), Belief(m, a), beta, c, 0.02)
    close(np.asarray(fragile)[good], 0.02 * np.asarray(slope)[0, good], 1e-8)


def test_the_belief_about_those_who_survived() -> None:
    t = np.concatenate([np.linspace(-6, 8, 40), [25.0, 29.9, 30.1, 200.0]])
    precision = 2.5
    belief = regime.after_surviving(
        Belief(jnp.full(44, 0.4), jnp.full(44, precision)), 0.4 + t / math.sqrt(precision)
    )
    exact = truncnorm(t[:40], np.inf, loc=0.4, scale=1 / math.sqrt(precision))
    close(belief.mean[:40], exact.mean(), 1e-9)
    close(1 / belief.precision[:40], exact.var(), 1e-8)
    # Far out the excess over the floor is exponential with rate t.
    close((np.asarray(belief.mean)[-1] - 0.4) * math.sqrt(precision), 200 + 1 / 200, 1e-7)
    assert np.isfinite(np.asarray(belief.precision)).all()
    before, after = np.asarray(belief.precision)[41:43]
    assert abs(after / before - 1) < 0.02


T = 6


def chronicle(seed: int) -> tuple[Belief, Belief, Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    mean, alpha = rng.uniform(0.2, 1.0, N), rng.uniform(0.3, 2.0, N)
    belief = Belief(jnp.asarray(mean)[:, None] * jnp.ones(T), jnp.asarray(alpha)[:, None] * jnp.ones(T))
    beta = rng.uniform(0.5, 4, N)[:, None] * rng.uniform(2, 12, N)[:, None] ** np.arange(T)
    cost = np.repeat(rng.uniform(0.2, 0.7, N)[:, None], T, 1)
    force = np.sort(rng.uniform(0, 0.3, (N, T)), 1) * (np.arange(T) > 1)
    return Belief(jnp.asarray(mean), jnp.asarray(alpha)), belief, beta, cost, rng.uniform(0.2, 0.9, N), force


def test_days_against_a_crisis_played_out() -> None:
    truth, belief, beta, cost, kappa, force = chronicle(9)
    found = regime.days(truth, belief, beta, cost, kappa, force)
    assert (np.asarray(found.status) == Status.CONVERGED).all()
    theta = np.asarray(found.theta_star)
    later = ~np.isnan(theta[:, 1:])
    assert 0 < later.mean() < 1
    close(found.fall.sum(-1) + found.quiet.sum(-1), np.ones(N))
    close(found.fall.sum(-1), 1 - np.asarray(found.survival))
    close(
        theta[:, 0],
        regime.equilibrium(belief.mean[:, 0], belief.precision[:, 0], beta[:, 0], cost[:, 0]).theta_star,
    )
    # Thresholds in their order, played for one strength after another.
    mass = (np.arange(20_000) + 0.5) / 20_000
    for i in range(0, N, 8):
        strength = norm.ppf(mass, float(truth.mean[i]), 1 / math.sqrt(float(truth.precision[i])))
        end, day, standing = np.ones(20_000), np.ones(20_000), np.ones(20_000, bool)
        for t in range(T):
            if np.isnan(theta[i, t]):
                continue
            x_star = theta[i, t] + norm.ppf(theta[i, t]) / math.sqrt(beta[i, t])
            now = strength + force[i, t]
            sits_out = norm.cdf(math.sqrt(beta[i, t]) * (x_star - now))
            falls = standing & (now < theta[i, t])
            troubled = standing & ~falls & (sits_out >= kappa[i] * now)
            day[falls | troubled] = t + 1
            end[falls] = 0
            standing &= ~falls
        expected = [np.mean((day == t + 1) & (end == 0)) for t in range(T)]
        close(np.asarray(found.fall)[i], expected, 2e-4)
        expected = [np.mean((day == t + 1) & (end == 1)) for t in range(T)]
        close(np.asarray(found.quiet)[i], expected, 2e-4)
        close(np.asarray(found.length)[i], day.mean(), 1e-3)


def test_a_further_attack_leaves_the_marginal_unit_indifferent() -> None:
    truth, belief, beta, cost, kappa, force = chronicle(10)
    theta = np.asarray(regime.days(truth, belief, beta, cost, kappa, force).theta_star)
    seen = 0
    for i, t in zip(*np.nonzero(~np.isnan(theta[:, 1:])), strict=True):
        t += 1
        floor, at = np.nanmax(theta[i, :t]), theta[i, t]
        a, m, b = float(belief.precision[i, t]), float(belief.mean[i, t]), beta[i, t]
        x_star = at + norm.ppf(at) / math.sqrt(b)
        posterior = norm((b * x_star + a * m) / (a + b), 1 / math.sqrt(a + b))
        close((posterior.cdf(at) - posterior.cdf(floor)) / posterior.sf(floor), cost[i, t], 1e-8)
        assert at > floor
        seen += 1
    assert seen > 10


def test_nobody_attacks_again() -> None:
    truth, belief, beta, cost, kappa, force = chronicle(11)
    found = regime.days(truth, belief, beta, cost, kappa, force, attack_again=False)
    assert np.isnan(np.asarray(found.theta_star)[:, 1:]).all()
    start = Belief(belief.mean[:, 0], belief.precision[:, 0])
    close(found.survival, regime.outcome(truth, start, beta[:, 0], cost[:, 0]).survival)
    again = regime.days(truth, belief, beta, cost, kappa, force)
    assert (np.asarray(again.survival) <= np.asarray(found.survival) + 1e-12).all()


def test_news_of_every_day_is_weighed_by_bayes() -> None:
    first = Belief(jnp.asarray(0.4), jnp.asarray(2.0))
    told = np.array([0.9, 0.1, 0.5])
    days = regime.public_news(first, 0.5, told)
    belief = first
    for t, said in enumerate(told, start=1):
        belief = regime.news(belief, said - belief.mean, 0.5)
        close(days.mean[t], belief.mean)
        close(days.precision[t], belief.precision)
    close(regime.news(first, 0.3, 0.0).mean, 0.4)


ODD = [
    math.nan,
    -math.inf,
    math.inf,
    -1e100,
    -1.0,
    -1e-100,
    0.0,
    1e-100,
    1e-9,
    0.3,
    1 - 1e-16,
    1.0,
    7.0,
    1e9,
    1e100,
]


@quick
@given(seeds)
def test_no_number_without_a_status(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Ordinary numbers too, or hardly any game could be solved.
    table = np.where(rng.random((11, N)) < 0.6, rng.uniform(0, 1, (11, N)), rng.choice(ODD, (11, N)))
    m, a, beta, c, kappa, f, fs, gamma, fear, fp, gp = table
    found = regime.threshold(m, a, beta, c)
    good = np.asarray(found.status) == Status.CONVERGED
    assert (np.asarray(found.number)[good] >= 1).all()
    values = (
        np.asarray(found.lowest)[good],
        np.asarray(found.highest)[good],
        np.asarray(found.laplacian)[good],
    )
    assert all(((x >= 0) & (x <= 1)).all() for x in values)
    assert np.isnan(np.asarray(found.lowest)[np.asarray(found.status) == Status.MISSING]).all()
    end = regime.helped(
        Belief(jnp.asarray(m), jnp.asarray(a)), beta, c, Doors(f, fs, gamma, fear, fp, gp), kappa
    )
    for one in (end.alone, end.refused, end.helped):
        fine = np.asarray(one.status) == Status.CONVERGED
        for value in (one.survival, one.collapse, one.drawn_out, one.restored):
            assert ((np.asarray(value)[fine] >= 0) & (np.asarray(value)[fine] <= 1)).all()
        assert not np.isnan(np.asarray(one.theta_kappa)[fine]).any()


def test_what_is_not_possible_is_said() -> None:
    m, a, beta, c = many(0.3, 1.0, 4.0, 0.3)
    m[1], a[2], beta[3] = math.nan, -1.0, 0.0
    assert regime.threshold(m, a, beta, c).status[:4].tolist() == [
        Status.CONVERGED,
        Status.MISSING,
        Status.INVALID,
        Status.INVALID,
    ]
    with pytest.raises(BadInput, match="selection"):
        regime.equilibrium(m, a, beta, c, "mean")  # type: ignore[arg-type]
