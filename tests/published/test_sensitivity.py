"""Sensitivity indices against analytic values and against SALib on the same points.

Ishigami & Homma (1990) and the g-function of Sobol' (1993).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from SALib.analyze import delta, sobol
from scipy.stats import qmc

from tertius._study.indices import closed_index, first_order

Array = np.ndarray


@dataclass(frozen=True)
class Function:
    """A function of uniform inputs whose indices are known."""

    name: str
    dims: int
    call: Callable[[Array], Array]
    first: Array
    variance: float
    bounds: tuple[float, float]

    def __str__(self) -> str:
        return self.name


def ishigami(reference: Path) -> Function:
    known = json.loads((reference / "sensitivity_analytic.json").read_text())["ishigami"]

    def call(x: Array) -> Array:
        return np.asarray(
            np.sin(x[:, 0]) + known["a"] * np.sin(x[:, 1]) ** 2 + known["b"] * x[:, 2] ** 4 * np.sin(x[:, 0])
        )

    return Function("ishigami", 3, call, np.array(known["S"]), known["V"], (-np.pi, np.pi))


def sobol_g(reference: Path) -> Function:
    known = json.loads((reference / "sensitivity_analytic.json").read_text())["sobol_g"]
    a = np.array(known["a"])

    def call(x: Array) -> Array:
        return np.asarray(np.prod((abs(4 * x - 2) + a) / (1 + a), axis=1))

    return Function("sobol_g", 8, call, np.array(known["S"]), known["V"], (0.0, 1.0))


@pytest.fixture(params=[ishigami, sobol_g], ids=["ishigami", "sobol_g"])
def function(request: pytest.FixtureRequest, reference: Path) -> Function:
    made: Function = request.param(reference)
    return made


def _points(function: Function, log2: int, blocks: int = 1, seed: int = 1) -> Array:
    low, high = function.bounds
    unit = qmc.Sobol(blocks * function.dims, rng=np.random.default_rng(seed)).random_base2(log2)
    return np.asarray(low + (high - low) * unit)


@pytest.mark.parametrize("log2", [13, 14])
def test_first_order_indices_are_the_analytic_ones(function: Function, log2: int) -> None:
    x = _points(function, log2)
    y = function.call(x)
    assert y.var() == pytest.approx(function.variance, rel=0.02)
    found = first_order(x, y[:, None])
    assert (found.error < 0.01).all()
    assert (abs(found.value[0] - function.first) < 2 * found.error[0]).all()


@pytest.mark.parametrize("log2", [13, 14])
def test_closed_indices_of_one_input_are_the_analytic_ones(function: Function, log2: int) -> None:
    both = _points(function, log2, blocks=2)
    a, b = both[:, : function.dims], both[:, function.dims :]
    y = function.call(a)
    for j in range(function.dims):
        mixed = b.copy()
        mixed[:, j] = a[:, j]
        found = closed_index(y[:, None], function.call(mixed)[:, None])
        assert found.error[0] < 0.02
        assert abs(found.value[0] - function.first[j]) < 3 * found.error[0]


def test_closed_indices_of_groups_are_the_analytic_ones(reference: Path) -> None:
    """Ishigami: {1, 3} takes its two shares and their interaction; the g-function's groups multiply."""
    known = json.loads((reference / "sensitivity_analytic.json").read_text())
    one, two = ishigami(reference), sobol_g(reference)
    share = known["ishigami"]["S"]
    variances = 1 / 3 / (1 + np.array(known["sobol_g"]["a"])) ** 2
    groups = [
        (one, [0, 2], share[0] + share[2] + known["ishigami"]["S13"]),
        (one, [0, 1], share[0] + share[1]),
        (two, [0, 1], (np.prod(1 + variances[:2]) - 1) / known["sobol_g"]["V"]),
        (two, [1, 2, 3], (np.prod(1 + variances[1:4]) - 1) / known["sobol_g"]["V"]),
    ]
    for function, group, expected in groups:
        both = _points(function, 13, blocks=2)
        a, b = both[:, : function.dims], both[:, function.dims :]
        mixed = b.copy()
        mixed[:, group] = a[:, group]
        found = closed_index(function.call(a)[:, None], function.call(mixed)[:, None])
        assert abs(found.value[0] - expected) < 3 * found.error[0]


def test_salib_finds_the_same(function: Function) -> None:
    """Its given-data first-order indices, and those of its Saltelli design, on the very same points."""
    names = [f"x{j}" for j in range(function.dims)]
    problem: dict[str, Any] = {
        "num_vars": function.dims,
        "names": names,
        "bounds": [function.bounds] * function.dims,
    }
    x = _points(function, 12)
    y = function.call(x)
    ours = first_order(x, y[:, None])
    theirs = delta.analyze(problem, x, y, num_resamples=20, seed=1, method="sobol")
    tolerance = 2 * ours.error[0] + np.asarray(theirs["S1_conf"])
    # SALib takes no bias off: with its bins at most some half per cent.
    assert (abs(ours.value[0] - np.asarray(theirs["S1"])) < tolerance + 0.006).all()

    both = _points(function, 11, blocks=2)
    a, b = both[:, : function.dims], both[:, function.dims :]
    # SALib's order: a point of A, then A with each coordinate from B in turn, then the point of B.
    swapped = [np.where(np.arange(function.dims) == j, b, a) for j in range(function.dims)]
    design = function.call(np.stack([a, *swapped, b], axis=1).reshape(-1, function.dims))
    found = sobol.analyze(problem, design, calc_second_order=False, num_resamples=20, seed=1)
    for j in range(function.dims):
        mixed = b.copy()
        mixed[:, j] = a[:, j]
        closed = closed_index(function.call(a)[:, None], function.call(mixed)[:, None])
        assert abs(closed.value[0] - found["S1"][j]) < 3 * closed.error[0] + found["S1_conf"][j]
