"""Investors: the premium, losses against the closed form and a slow twin, and the sign of the interaction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq

from tertius.models.displacement import Status
from tertius.models.investors import losses, premium, repriced
from tertius.models.levers import bloc_lever

Floats = NDArray[np.float64]
N, P, Y = 12, 5, 4
YEARS = np.arange(Y)
quick = settings(deadline=None, max_examples=25, derandomize=True)


def close(a: Any, b: Any, tol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


def draws(seed: int) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {
        "s": rng.dirichlet(np.ones(P), N),
        "sigma": rng.uniform(1.2, 6.0, N),
        "eta": rng.choice([0.0, 0.4, 2.0, 9.0, np.inf], (N, P)),
        "omega": rng.uniform(0.05, 0.5, N),
        "rise": np.asarray(premium(rng.uniform(0.1, 8.0, N), rng.uniform(0.2, 3.0, N), YEARS)),
        "base": rng.uniform(5.0, 20.0, N),
        "leave": rng.choice([0.0, 0.5, 1.0], (N, P - 1)),
    }


def twin(s: Floats, eta: Floats, sigma: float, omega: float, k: Floats) -> tuple[float, float]:
    """Loss and log change of foreign quantity of one bundle, by Brent's method; full exits have k = 0."""
    b = 1 / (1 + (sigma - 1) / (1 + eta))

    def shares(log_phi: float) -> Floats:
        return np.where(k > 0, np.exp(b * (np.log(np.where(k > 0, k, 1.0)) - log_phi)), 0.0)

    log_phi = brentq(lambda u: float(s @ shares(u) - 1), -400, 400, xtol=1e-13)
    hat = shares(log_phi)
    # ŝ = q̂ x̂ and q̂ = x̂^(1/η), so that x̂ = ŝ^(η/(1+η)).
    supplied = 1 - 1 / (1 + eta)
    quantity = np.where(hat > 0, np.where(hat > 0, hat, 1.0) ** supplied, 0.0)
    foreign = (s * quantity)[:-1].sum() / s[:-1].sum()
    return 100 * omega * log_phi / (1 - sigma), 100 * np.log(foreign) if foreign > 0 else -np.inf


def test_the_premium_fades() -> None:
    close(premium(2.0, 0.5, [0, 0.5, 1, 2]), [2, 1, 0.5, 0.125])
    close(premium([2.0, 1.0], [np.inf, 1.0], [0.0, 3.0]), [[2, 2], [1, 0.125]])
    close(premium(2.0, 1.0, [0.0, 0.5, 1.5], delay=0.5), [0, 2, 1])
    assert np.isnan(premium(2.0, 0.0, [0.0])).all()


def test_a_dearer_return_is_a_cost() -> None:
    close(repriced(3.0, 12.0, [3.0], [True, True, False]), [1.25**-2, 1.25**-2, 1.0])
    assert np.isnan(repriced(3.0, 0.0, [3.0], [True])).all()


def test_the_slow_twin_agrees() -> None:
    given_ = draws(1)
    found = losses(**given_)
    assert found.crisis.shape == found.exit.shape == found.both.shape == (N, Y)
    assert (np.asarray(found.status) <= Status.INFINITE).all()
    for i in range(N):
        s, eta, sigma, omega = (given_[name][i] for name in ("s", "eta", "sigma", "omega"))
        stay = np.append(1 - given_["leave"][i], 1.0)
        for t in range(Y):
            dear = np.append(
                np.full(P - 1, (1 + given_["rise"][i, t] / given_["base"][i]) ** (1 - sigma)), 1.0
            )
            for name, k in (("crisis", dear), ("exit", stay), ("both", dear * stay)):
                lost, foreign = twin(s, eta, sigma, omega, k)
                close(getattr(found, name)[i, t], lost)
                close(getattr(found, f"foreign_{name}")[i, t], foreign, 1e-8)
    close(found.interaction, found.both - found.crisis - found.exit)


def test_elastic_supply_is_the_closed_form() -> None:
    given_ = draws(2)
    given_["eta"] = np.full((N, P), np.inf)
    found = losses(**given_)
    stay = np.concatenate([1 - given_["leave"], np.ones((N, 1))], 1)
    k = (1 + given_["rise"] / given_["base"][:, None]) ** (1 - given_["sigma"][:, None])
    dear = np.concatenate([np.repeat(k[..., None], P - 1, -1), np.ones((N, Y, 1))], -1)
    unit = 100 * given_["omega"] / (given_["sigma"] - 1)

    def loss(keep: Floats) -> Floats:
        return -unit[:, None] * np.log((given_["s"][:, None] * keep).sum(-1))

    close(found.crisis, loss(dear))
    close(found.both, loss(dear * stay[:, None]))
    mean = np.log(
        (given_["s"][:, None] * dear * stay[:, None]).sum(-1)
        / (given_["s"][:, None] * dear).sum(-1)
        / (given_["s"] * stay).sum(-1)[:, None]
    )
    close(found.interaction, -unit[:, None] * mean)
    assert (np.asarray(found.interaction) <= 1e-12).all()


def test_an_exit_without_a_crisis_is_the_lever() -> None:
    given_ = draws(3)
    given_["leave"] = np.broadcast_to([1.0, 0.0, 1.0, 0.0], (N, P - 1))
    found = losses(**given_)
    lever = bloc_lever(
        given_["s"], given_["omega"], given_["sigma"], given_["eta"], [True, False, True, False]
    )
    close(found.exit[:, 0], lever.value)
    close(found.exit, np.repeat(np.asarray(found.exit)[:, :1], Y, 1))


@quick
@given(seed=st.integers(0, 10**6))
def test_nothing_happens_without_a_shock(seed: int) -> None:
    given_ = draws(seed)
    calm = losses(**(given_ | {"rise": np.zeros((N, Y))}))
    close(calm.crisis, 0.0)
    close(calm.both, calm.exit)
    close(calm.interaction, 0.0)
    nobody = losses(**(given_ | {"leave": np.zeros((N, P - 1))}))
    close(nobody.exit, 0.0)
    close(nobody.both, nobody.crisis)
    close(nobody.foreign_exit, 0.0)


@quick
@given(seed=st.integers(0, 10**6))
def test_the_two_are_worse_than_either_and_fade_to_the_exit(seed: int) -> None:
    given_ = draws(seed)
    found = losses(**given_)
    crisis, gone, both = (np.asarray(a) for a in (found.crisis, found.exit, found.both))
    assert (crisis >= 0).all()
    assert (both >= np.maximum(crisis, gone) - 1e-10).all()
    assert (np.diff(crisis) <= 1e-12).all()
    assert (np.diff(both) <= 1e-12).all()
    late = losses(**(given_ | {"rise": 1e-9 * given_["rise"]}))
    close(late.both, late.exit, 1e-6)


@quick
@given(seed=st.integers(0, 10**6), more=st.floats(1.05, 4.0))
def test_a_larger_premium_costs_more(seed: int, more: float) -> None:
    given_ = draws(seed)
    less, greater = losses(**given_), losses(**(given_ | {"rise": more * given_["rise"]}))
    assert (np.asarray(greater.crisis) > np.asarray(less.crisis)).all()
    scaled = losses(**(given_ | {"rise": more * given_["rise"], "base": more * given_["base"]}))
    close(scaled.both, less.both, 1e-9)


def test_the_interaction_can_be_positive() -> None:
    """Where the one who stays is struck and can expand, and own provision cannot."""
    found = losses(
        s=[0.45, 0.1, 0.45],
        sigma=6.0,
        eta=[0.0, np.inf, 0.0],
        omega=0.2,
        rise=[10.0],
        base=10.0,
        leave=[1.0, 0.0],
    )
    assert float(found.interaction[0]) > 0.1
    elastic = losses(
        s=[0.45, 0.1, 0.45],
        sigma=6.0,
        eta=np.full(3, np.inf),
        omega=0.2,
        rise=[10.0],
        base=10.0,
        leave=[1.0, 0.0],
    )
    assert float(elastic.interaction[0]) < -0.1


def test_nests_with_one_elasticity_are_no_nests() -> None:
    given_ = draws(4)
    flat, nested = losses(**given_), losses(**given_, rho=given_["sigma"], nests=[0, 1, 0, 1, 2])
    for name in ("crisis", "exit", "both", "foreign_both"):
        close(getattr(nested, name), getattr(flat, name), 1e-9)


def test_all_of_it_gone_and_not_known() -> None:
    found = losses(
        s=[[0.4, 0.6, 0.0], [0.4, np.nan, 0.6], [0.4, np.nan, 0.6]],
        sigma=3.0,
        eta=np.ones(3),
        omega=0.2,
        rise=[[1.0]],
        base=10.0,
        leave=[[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]],
    )
    close(found.exit[:2, 0], [np.inf, losses([0.4, 0.6], 3.0, np.ones(2), 0.2, [1.0], 10.0, [1.0]).exit[0]])
    assert np.isnan(found.interaction[0, 0])
    assert found.foreign_exit[0, 0] == -np.inf
    assert found.status[:, 0].tolist() == [Status.INFINITE, Status.CONVERGED, Status.MISSING]
    assert np.isnan(found.exit[2, 0])


@pytest.mark.parametrize("name", ["rise", "base", "sigma", "omega"])
def test_missing_stays_missing(name: str) -> None:
    given_ = draws(5)
    given_[name] = np.full_like(given_[name], np.nan)
    assert np.isnan(np.asarray(losses(**given_).both)).all()
