"""Friends and enemies (Kleinman, Liu & Redding): their matrices are our equilibrium's derivatives."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tertius.models import trade


@pytest.fixture(scope="module")
def published(reference):
    return json.loads((reference / "klr_exposure.json").read_text())


@pytest.fixture(scope="module")
def response(published):
    """Log wages and log welfare as a function of log productivity."""
    X = np.array(published["X"])[None]
    theta = [published["theta"]]

    @jax.jit
    def respond(log_z):
        economy = trade.calibrate(jnp.asarray(X))
        cost = jnp.exp(-log_z)[None, :, None] * jnp.ones((1, 3, 3))
        out = trade.solve(economy, theta, trade.Shock([], [], np.ones((1, 1, 0)), cost=cost))
        return out.log_price[0, 0], jnp.log(out.welfare[0])

    return respond


def test_derivatives_by_productivity_are_their_matrices(published, response):
    W, U = jax.jacfwd(response)(jnp.zeros(3))
    # Printed to ten digits.
    np.testing.assert_allclose(W, published["W"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(U, published["U"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.sum(W, 1), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.sum(U, 1), 1.0, atol=1e-9)


def test_reverse_mode_gives_the_same(published, response):
    U = jax.jacrev(lambda z: response(z)[1])(jnp.zeros(3))
    np.testing.assert_allclose(U, published["U"], rtol=0, atol=1e-9)


def test_differences_give_the_same(published, response):
    h = 1e-4
    for column, step in enumerate(np.eye(3) * h):
        up, down = response(jnp.asarray(step)), response(jnp.asarray(-step))
        np.testing.assert_allclose(
            (up[0] - down[0]) / (2 * h), np.array(published["W"])[:, column], rtol=0, atol=1e-6
        )
        np.testing.assert_allclose(
            (up[1] - down[1]) / (2 * h), np.array(published["U"])[:, column], rtol=0, atol=1e-6
        )


def test_a_shock_of_ten_per_cent(published, response):
    shock = published["nonlinear_10pct_shock_country1"]
    wages, welfare = response(jnp.array([0.0, np.log(1.1), 0.0]))
    np.testing.assert_allclose(wages, shock["dlnw"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(welfare, shock["dlnu"], rtol=0, atol=1e-9)


def test_their_matrices_from_our_calibration(published):
    economy = trade.calibrate(np.array(published["X"])[None])
    theta, Y = published["theta"], np.asarray(economy.Y)[0]
    S = np.asarray(economy.lam)[0].T
    T = np.array(published["X"]) / Y[:, None]
    q = Y / Y.sum()
    ours = {
        "S": S,
        "T": T,
        "q": q,
        "M": T @ S - np.eye(3),
        "V": (T + theta * T @ S) / (theta + 1) - np.outer(np.ones(3), q),
    }
    for name, matrix in ours.items():
        np.testing.assert_allclose(matrix, published[name], rtol=0, atol=1e-9, err_msg=name)
