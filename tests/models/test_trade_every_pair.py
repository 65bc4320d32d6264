"""What must hold for every pair of a world, in worlds of several sizes, through the entries with names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tertius.models import trade
from tertius.models.trade import Exit

_spec = importlib.util.spec_from_file_location(
    "trade_twin_of_pairs", Path(__file__).with_name("trade_twin.py")
)
assert _spec is not None
assert _spec.loader is not None
twins = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(twins)

# A few sizes only: each is compiled once.
SIZES = (2, 5, 12, 60)
properties = settings(
    deadline=None, max_examples=4, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
elasticities = st.floats(2.0, 9.0)


def a_table(size, seed, balanced=None):
    """Flows of unequal countries, home preferred, a fifth of the pairs without trade.

    In small worlds trade is balanced: a country with few partners cannot lose one and keep its deficit.
    """
    rng = np.random.default_rng(seed)
    mass = np.exp(rng.normal(0, 1.2, size))
    X = np.outer(mass, mass) * np.exp(rng.normal(0, 0.8, (size, size))) * 0.15 / mass.sum()
    ring = np.zeros((size, size), bool)
    ring[np.arange(size), (np.arange(size) + 1) % size] = True
    X[(rng.uniform(size=X.shape) < 0.2) & ~ring & ~ring.T] = 0.0
    if balanced or (balanced is None and size < 12):
        X = (X + X.T) / 2
    X[np.arange(size), np.arange(size)] = mass
    return X


def names(size):
    return [f"C{i:02d}" for i in range(size)]


def labelled(X, labels=None):
    labels = names(len(X)) if labels is None else labels
    return xr.DataArray(X, {"origin": labels, "destination": labels}, ("origin", "destination"))


def every(X, theta, labels=None, **kwargs):
    """Levers, with everything that could not be solved shown as such."""
    out = trade.leverage(trade.baseline(labelled(X, labels)), elasticity=theta, on_failure="return", **kwargs)
    off = out.values[~np.eye(len(X), dtype=bool)]
    assert np.isfinite(off).all()
    assert np.nanmax(out["residual"]) <= 1e-10
    return out


def apart(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("size", SIZES)
@properties
@given(seed=st.integers(0, 10_000), theta=elasticities, scale=st.floats(1e-6, 1e6))
def test_neither_currency_nor_names_matter(size, seed, theta, scale):
    X = a_table(size, seed)
    out = every(X, theta)
    apart(every(X * scale, theta), out)
    order = np.random.default_rng(seed).permutation(size)
    moved = every(X[order][:, order], theta, [names(size)[i] for i in order])
    apart(moved.sel(power=out["power"], client=out["client"]), out)


@pytest.mark.parametrize("size", SIZES)
@properties
@given(seed=st.integers(0, 10_000), theta=elasticities)
def test_a_pair_without_trade_costs_nothing(size, seed, theta):
    X = a_table(size, seed)
    out = every(X, theta).values
    none = (X == 0) & (X.T == 0)
    assert size < 12 or none.any()
    np.testing.assert_allclose(out[none], 0.0, atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
@properties
@given(seed=st.integers(0, 10_000), theta=elasticities)
def test_alone_with_balanced_trade_the_lever_of_all_is_the_home_share(size, seed, theta):
    X = a_table(size, seed, balanced=True)
    labels = names(size)
    world = trade.baseline(labelled(X), blocs={"others": tuple(labels[1:])})
    out = trade.leverage(world, elasticity=theta, powers=["others"])
    home = X[0, 0] / X[:, 0].sum()
    apart(out.sel(power="others", client="C00"), -100 * np.log(home) / theta)
    gone = trade.counterfactual(world, [Exit("C00", "others")], elasticity=theta)
    np.testing.assert_allclose(gone.welfare.sel(country="C00"), home ** (1 / theta), rtol=1e-9)


@pytest.mark.parametrize("size", SIZES)
@properties
@given(seed=st.integers(0, 10_000), theta=elasticities)
def test_an_exit_of_nothing_is_the_baseline(size, seed, theta):
    X = a_table(size, seed)
    world = trade.baseline(labelled(X))
    out = trade.counterfactual(world, [Exit("C00", "C01", 0.0)], elasticity=theta)
    np.testing.assert_allclose(out.welfare, 1.0, rtol=1e-13)
    np.testing.assert_allclose(out.flows, X, rtol=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("deficits", ["world_share", "proportional"])
@properties
@given(seed=st.integers(0, 10_000), theta=elasticities, degree=st.floats(0.05, 1.0))
def test_what_is_bought_is_sold(size, deficits, seed, theta, degree):
    X = a_table(size, seed)
    world = trade.baseline(labelled(X))
    out = trade.counterfactual(
        world, [Exit("C00", "C01", degree)], elasticity=theta, deficits=deficits, on_failure="return"
    )
    assert out.residual <= 1e-10
    economy = world.economy
    earned = out.wages * np.asarray(economy.Y)[0]
    sold = out.flows.sum("destination")
    np.testing.assert_allclose(sold / sold.sum(), earned / earned.sum(), rtol=1e-8)
    np.testing.assert_allclose(out.flows.sum("origin"), out.expenditure * economy.E, rtol=1e-8)
    assert float(earned.sum()) == pytest.approx(X.sum(), rel=1e-9)
    if deficits == "world_share":
        np.testing.assert_allclose(out.flows.sum("origin") - earned.values, economy.D, atol=1e-8 * X.sum())


@pytest.mark.parametrize("size", [3, 12, 59])
@properties
@given(seed=st.integers(0, 10_000), theta=elasticities, part=st.floats(0.1, 0.9))
def test_a_country_cut_in_two_changes_nothing_for_the_others(size, seed, theta, part):
    X = a_table(size, seed)
    parts = np.array([part, 1 - part])
    wide = np.zeros((size + 1, size + 1))
    wide[:size, :size] = X
    wide[:size, size - 1 :] = X[:, -1:] * parts
    wide[size - 1 :, :size] = parts[:, None] * X[-1:]
    wide[size - 1 :, size - 1 :] = X[-1, -1] * np.outer(parts, parts)
    labels = names(size)
    halves = [*labels[:-1], "left", "right"]
    one = every(X, theta)
    two = trade.leverage(
        trade.baseline(labelled(wide, halves), blocs={labels[-1]: ("left", "right")}),
        elasticity=theta,
        powers=labels,
    )
    others = labels[:-1]
    apart(two.sel(power=labels, client=others), one.sel(power=labels, client=others))


@pytest.mark.parametrize("size", [5, 12])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_bloc_that_leaves_together_agrees_with_the_slow_twin(size, seed):
    X = a_table(size, seed)
    labels = names(size)
    theta = 3.0 + seed
    bloc = labels[1:3] if size == 5 else labels[1:6]
    world = trade.baseline(labelled(X), blocs={"bloc": tuple(bloc)})
    out = trade.leverage(world, elasticity=theta, powers=["bloc"])
    for client in (labels[0], labels[-1], bloc[0]):
        B = np.ones((1, size, size))
        i = labels.index(client)
        for other in bloc:
            j = labels.index(other)
            if i != j:
                B[0, i, j] = B[0, j, i] = 0.0
        twin = twins.Twin(X[None], [theta], B).by_root()
        apart(out.sel(power="bloc", client=client), -100 * np.log(twin.welfare[i]))


def test_every_pair_of_a_larger_world_agrees_with_the_slow_twin_here_and_there():
    X = a_table(60, 3)
    out = every(X, 4.0)
    for i, j in ((0, 1), (17, 42), (59, 0)):
        B = np.ones((1, 60, 60))
        B[0, i, j] = B[0, j, i] = 0.0
        twin = twins.Twin(X[None], [4.0], B).by_root()
        apart(out.values[i, j], -100 * np.log(twin.welfare[j]))
        apart(out.values[j, i], -100 * np.log(twin.welfare[i]))
