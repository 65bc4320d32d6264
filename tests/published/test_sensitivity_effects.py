"""Effects of inputs against analytic values, and against SALib on the same points."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SALib.analyze import morris, sobol
from scipy.special import ndtri
from scipy.stats import qmc

from tertius._study.sensitivity.chaos import effects
from tertius._study.sensitivity.designs import (
    first_and_total,
    linear_gaussian,
    shapley_by_permutation,
    shapley_from_subsets,
)
from tertius._study.sensitivity.information import evpi, evppi, evsi_discrete
from tertius._study.sensitivity.screening import elementary_effects, trajectories

Array = np.ndarray


@pytest.fixture(scope="module")
def known(reference: Path) -> dict[str, Any]:
    return json.loads((reference / "sensitivity_analytic.json").read_text())


@pytest.fixture(scope="module")
def worth(reference: Path) -> dict[str, Any]:
    return json.loads((reference / "evidence_voi.json").read_text())


def _functions(known: dict[str, Any]) -> dict[str, tuple[int, Callable[[Array], Array]]]:
    a, b = known["ishigami"]["a"], known["ishigami"]["b"]
    weight = np.array(known["sobol_g"]["a"])

    def ishigami(u: Array) -> Array:
        x = -np.pi + 2 * np.pi * u
        return np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0])

    return {
        "ishigami": (3, ishigami),
        "sobol_g": (8, lambda u: np.prod((abs(4 * u - 2) + weight) / (1 + weight), axis=1)),
    }


def _points(dims: int, log2: int) -> Array:
    return qmc.Sobol(dims, rng=np.random.default_rng(5)).random_base2(log2)


@pytest.mark.parametrize("name", ["ishigami", "sobol_g"])
def test_a_polynomial_of_given_draws_finds_the_analytic_effects(name: str, known: dict[str, Any]) -> None:
    dims, call = _functions(known)[name]
    u = _points(dims, 13)
    found = effects(u, call(u)[:, None])
    truth = known[name]
    shapley = truth["shapley_effects" if name == "ishigami" else "shapley"]
    room = 2 * found.error[0] + found.unexplained[0]
    assert found.unexplained[0] < 0.006
    assert (found.error < 0.013).all()
    for value, exact in ((found.first, truth["S"]), (found.total, truth["ST"]), (found.shapley, shapley)):
        assert (abs(value[0] - exact) < room).all()
    assert found.shapley.sum() == pytest.approx(1, abs=found.unexplained[0] + 4e-3)


def test_what_the_polynomial_cannot_see_is_owned_up_to() -> None:
    u = _points(4, 11)
    noise = np.random.default_rng(0).normal(size=len(u))
    y = u[:, 0] + noise * np.sqrt(1 / 12)
    found = effects(u, y[:, None])
    assert found.unexplained[0] == pytest.approx(0.5, abs=0.04)
    assert found.total[0, 0] == pytest.approx(0.5, abs=3 * found.error[0, 0])


def test_a_constant_or_missing_number_has_no_effects() -> None:
    u = _points(2, 6)
    y = np.stack([np.full(64, 1e9), np.where(u[:, 0] > 0.9, np.nan, 1.0)], axis=1)
    found = effects(u, y)
    for part in (found.first, found.total, found.shapley, found.unexplained):
        assert np.isnan(part).all()


@pytest.mark.parametrize("name", ["ishigami", "sobol_g"])
def test_designs_find_the_analytic_indices_and_what_salib_finds(name: str, known: dict[str, Any]) -> None:
    dims, call = _functions(known)[name]
    both = _points(2 * dims, 13)
    a, b = both[:, :dims], both[:, dims:]
    ya, yb = call(a)[:, None], call(b)[:, None]
    mixed = []
    for i in range(dims):
        ab = a.copy()
        ab[:, i] = b[:, i]
        mixed.append(call(ab))
    problem = {"num_vars": dims, "names": [str(i) for i in range(dims)], "bounds": [[0, 1]] * dims}
    blocks = np.stack([ya[:, 0], *mixed, yb[:, 0]], axis=1).ravel()
    theirs = sobol.analyze(problem, blocks, calc_second_order=False, num_resamples=2)
    for i in range(dims):
        first, total = first_and_total(ya, yb, mixed[i][:, None])
        assert abs(first.value[0] - known[name]["S"][i]) < 2 * first.error[0] + 1e-4
        assert abs(total.value[0] - known[name]["ST"][i]) < 2 * total.error[0] + 1e-4
        assert first.value[0] == pytest.approx(theirs["S1"][i], abs=2e-3)
        assert total.value[0] == pytest.approx(theirs["ST"][i], abs=2e-3)


def test_shapley_effects_of_correlated_normals_are_exact(known: dict[str, Any]) -> None:
    for case in known["gaussian_linear"]:
        sigma = np.array(case["sigma"], dtype=float)
        rho = np.eye(3)
        rho[1, 2] = rho[2, 1] = case["rho23"]
        found = linear_gaussian(np.array(case["beta"], dtype=float), rho * np.outer(sigma, sigma))
        np.testing.assert_allclose(found, case["shapley"], atol=1e-12)
    two = known["gaussian_2d"]
    s = np.array(two["sigma"])
    rho = np.array([[1, two["rho"]], [two["rho"], 1]])
    found = linear_gaussian(np.array(two["beta"], dtype=float), rho * np.outer(s, s))
    assert found[0] == pytest.approx(two["shapley1"], abs=1e-12)


@pytest.mark.parametrize("number", [1, 3])
def test_shapley_effects_by_permutation_find_them_too(number: int, known: dict[str, Any]) -> None:
    case = known["gaussian_linear"][number]
    beta, sd = np.array(case["beta"], dtype=float), np.array(case["sigma"], dtype=float)
    rho = np.eye(3)
    rho[1, 2] = rho[2, 1] = case["rho23"]
    sigma = rho * np.outer(sd, sd)

    def sample(rows: int, which: Array, given: Array | None, rng: np.random.Generator) -> Array:
        if given is None:
            return rng.multivariate_normal(np.zeros(3), sigma, size=rows)[:, which]
        rest = np.setdiff1d(np.arange(3), which)
        gain = sigma[np.ix_(which, rest)] @ np.linalg.inv(sigma[np.ix_(rest, rest)])
        left = sigma[np.ix_(which, which)] - gain @ sigma[np.ix_(rest, which)]
        return given @ gain.T + rng.multivariate_normal(np.zeros(len(which)), left, size=rows)

    found = shapley_by_permutation(lambda x: x @ beta, sample, 3, permutations=400, outer=24, inner=3, seed=1)
    assert (found.error < 0.03).all()
    assert (abs(found.value - case["shapley"]) < 3 * found.error).all()
    assert found.value.sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("number", [1, 3])
def test_shapley_effects_of_correlated_draws_find_them_too(number: int, known: dict[str, Any]) -> None:
    """From given draws, with three more inputs that the number does not read, one of them correlated."""
    case = known["gaussian_linear"][number]
    beta, sd = np.array(case["beta"], dtype=float), np.array(case["sigma"], dtype=float)
    rho = np.eye(3)
    rho[1, 2] = rho[2, 1] = case["rho23"]
    z = ndtri(_points(6, 12))
    x = z.copy()
    x[:, :3] = z[:, :3] @ np.linalg.cholesky(rho).T
    y = x[:, :3] * sd @ beta
    found = effects(x, y[:, None], tied=[[1, 2]])
    room = 0.02 + found.unexplained[0]
    assert (abs(found.shapley[0, :3] - case["shapley"]) < room).all()
    assert (abs(found.shapley[0, 3:]) < 0.01).all()
    assert found.shapley.sum() == pytest.approx(1, abs=room)
    # Var E[Y | x_i] and Var Y less Var E[Y | all others], of normals.
    cov = rho * np.outer(sd, sd)
    first = (cov @ beta) ** 2 / np.diag(cov) / (beta @ cov @ beta)
    total = beta**2 / np.diag(np.linalg.inv(cov)) / (beta @ cov @ beta)
    assert (abs(found.first[0, :3] - first) < room).all()
    assert (abs(found.total[0, :3] - total) < room).all()


def test_many_correlated_inputs_in_blocks_of_their_own() -> None:
    """Seven pairs, as a case states them: Shapley effects of a straight line of normals, in closed form."""
    rho = np.eye(14)
    for j in range(7):
        rho[2 * j, 2 * j + 1] = rho[2 * j + 1, 2 * j] = 0.6
    x = ndtri(_points(14, 12)) @ np.linalg.cholesky(rho).T
    beta = np.array([2.0, 1, 0, 1, 1, 0, 1.5, 1, 0, 0, 1, 1, 0, 2])
    found = effects(x, (x @ beta)[:, None], tied=[[2 * j, 2 * j + 1] for j in range(7)])
    exact = linear_gaussian(beta, rho)
    assert (abs(found.shapley[0] - exact) < 0.02 + found.unexplained[0]).all()
    assert found.shapley[0].sum() == pytest.approx(1, abs=0.02 + found.unexplained[0])
    # Of a block with more inputs than can be looked at nothing is said.
    found = effects(x, (x[:, :12] @ beta[:12])[:, None], tied=[list(range(12)), [12, 13]])
    assert np.isnan(found.shapley[0, :12]).all()


def test_blocks_by_themselves_are_what_they_are_together() -> None:
    """With products across them: the same effects if two blocks are said to be one."""
    z = ndtri(_points(5, 12))
    x = z.copy()
    x[:, 1], x[:, 3] = 0.6 * z[:, 0] + 0.8 * z[:, 1], 0.6 * z[:, 2] + 0.8 * z[:, 3]
    y = x[:, 0] + x[:, 0] * x[:, 1] + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] + x[:, 3] * x[:, 4]
    apart = effects(x, y[:, None], tied=[[0, 1], [2, 3]])
    together = effects(x, y[:, None], tied=[[0, 1, 2, 3]])
    for name in ("first", "total", "shapley"):
        np.testing.assert_allclose(getattr(apart, name), getattr(together, name), atol=0.02)
    assert apart.shapley[0].min() > 0.02


def test_an_input_that_is_not_read_shares_in_what_it_goes_with(known: dict[str, Any]) -> None:
    """Y = X1 (1 + X3) with X2 correlated with X1 alone: X2 tells of X1's share and of X1's part in the product."""
    rho = 0.8
    z = ndtri(_points(4, 12))
    x = z.copy()
    x[:, 1] = rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1]
    y = x[:, 0] * (1 + x[:, 2])
    found = effects(x, y[:, None], tied=[[0, 1]])
    # Half of the variance is X1's own and half the product's with X3; X2 in place of X1 explains ρ² of each.
    own = np.array([1 - rho**2 / 2, rho**2 / 2, 0.0])
    game = {
        frozenset(u): {(0, 2): 1.0, (1, 2): rho**2, (0, 1, 2): 1.0}.get(u, 0.0)
        for u in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    }
    exact = (own + shapley_from_subsets(game, 3)) / 2
    np.testing.assert_allclose(found.shapley[0, :3], exact, atol=0.02 + found.unexplained[0])
    assert found.shapley[0, 3] == pytest.approx(0, abs=0.01)


@given(st.lists(st.floats(0.01, 5), min_size=2, max_size=5))
def test_shapley_effects_of_independent_inputs_are_their_shares(weights: list[float]) -> None:
    """And what is the same from subsets as from the straight line."""
    variance = np.square(weights)
    closed = {
        frozenset(i for i in range(len(weights)) if mask >> i & 1): float(
            sum(variance[i] for i in range(len(weights)) if mask >> i & 1) / variance.sum()
        )
        for mask in range(1, 2 ** len(weights))
    }
    shares = variance / variance.sum()
    np.testing.assert_allclose(shapley_from_subsets(closed, len(weights)), shares, atol=1e-9)
    np.testing.assert_allclose(linear_gaussian(np.array(weights), np.eye(len(weights))), shares, atol=1e-9)


def test_several_decisions_are_worth_what_each_is_by_itself() -> None:
    x = np.random.default_rng(3).normal(size=(512, 4))
    holds = (x[:, :2] + x[:, 2:] > [0.1, -0.4]).astype(float)
    utility = np.stack([holds, 1 - holds], axis=-1)
    found = evppi(utility, x)
    for j in range(2):
        alone = evppi(utility[:, j], x)
        np.testing.assert_allclose(found.value[j], alone.value, atol=1e-12)
        np.testing.assert_allclose(found.error[j], alone.error, atol=1e-12)


def test_weak_terms_are_seen_once_strong_ones_are_known() -> None:
    """A product with a long tail seems to go with many inputs that have no part in it, until it is fitted."""
    u = _points(120, 11)
    strong = np.exp(3 * u[:, 0] + 2 * u[:, 1]) * (0.5 + u[:, 2])
    weak = 0.15 * strong.std() * (u[:, 3] - 0.5) * np.sqrt(12)
    found = effects(u, (strong + weak)[:, None])
    assert found.unexplained[0] < 0.005
    assert found.total[0, 3] == pytest.approx(weak.var() / (strong + weak).var(), abs=3 * found.error[0, 3])
    assert (found.total[0, 4:] < 0.006).all()


def test_elementary_effects_are_salibs_on_the_same_trajectories(known: dict[str, Any]) -> None:
    _, call = _functions(known)["ishigami"]
    points = trajectories(3, 1000, seed=2)
    assert ((points > -1e-12) & (points < 1 + 1e-12)).all()
    assert (np.count_nonzero(np.diff(points, axis=1), axis=2) == 1).all()
    flat = points.reshape(-1, 3)
    y = call(flat)
    found = elementary_effects(points, y.reshape(1000, 4, 1))
    problem = {"num_vars": 3, "names": ["1", "2", "3"], "bounds": [[0, 1]] * 3}
    theirs = morris.analyze(problem, flat, y, num_levels=4, num_resamples=2)
    np.testing.assert_allclose(found.mu_star[0], np.asarray(theirs["mu_star"], dtype=float), rtol=1e-9)
    np.testing.assert_allclose(found.mu[0], np.asarray(theirs["mu"], dtype=float), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.sigma[0], np.asarray(theirs["sigma"], dtype=float), rtol=1e-9)
    # With four levels the second input moves between values whose difference is the same everywhere.
    assert found.mu_star[0, 1] == pytest.approx(7.875, abs=1e-9)


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 99))
def test_elementary_effects_of_a_straight_line_are_its_slopes(inputs: int, count: int, seed: int) -> None:
    slopes = np.arange(1.0, inputs + 1)
    points = trajectories(inputs, count, seed)
    found = elementary_effects(points, (points @ slopes)[:, :, None])
    np.testing.assert_allclose(found.mu[0], slopes)
    np.testing.assert_allclose(found.sigma[0], 0, atol=1e-9)


def test_information_is_worth_what_the_normal_case_says(worth: dict[str, Any]) -> None:
    known = worth["voi_normal"]
    z = qmc.MultivariateNormalQMC(np.zeros(2), rng=np.random.default_rng(3)).random(2**13)
    x = z * [known["sd_x1"], known["sd_x2"]]
    benefit = known["mu"] + x.sum(axis=1)
    utility = np.stack([benefit, np.zeros(len(x))], axis=1)
    assert evpi(utility) == pytest.approx(known["EVPI"], abs=0.004)
    found = evppi(utility, x)
    exact = np.array([known["EVPPI_x1"], known["EVPPI_x2"]])
    assert (found.error < 0.02).all()
    assert (abs(found.value - exact) < 2 * found.error).all()


def test_information_is_worth_what_the_discrete_case_says(worth: dict[str, Any]) -> None:
    known = worth["voi_discrete"]
    p, utility = np.array(known["P"]), np.array(known["U"], dtype=float)
    np.testing.assert_allclose(utility @ p, known["EU"])
    assert evsi_discrete(p, utility, np.eye(3)) == pytest.approx(known["EVPI"], abs=1e-9)
    signal = np.array(known["signal_likelihood_state_by_signal"])
    assert evsi_discrete(p, utility, signal) == pytest.approx(known["EVSI"], abs=1e-9)


def test_an_input_that_does_nothing_is_worth_nothing() -> None:
    u = _points(3, 11)
    utility = np.stack([u[:, 0] - 0.4, np.zeros(len(u))], axis=1)
    found = evppi(utility, u)
    assert found.value[0] == pytest.approx(evpi(utility), abs=0.005)
    assert (abs(found.value[1:]) < np.maximum(2 * found.error[1:], 1e-9)).all()
