"""Nested-CES power and Hirschman's concentration against reference numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tertius.models.displacement import Status, displace_nested, loss
from tertius.models.levers import bloc_lever, ces_lever, concentration, lever


@pytest.fixture(scope="module")
def power(reference: Path) -> Any:
    return json.loads((reference / "nested_ces_power.json").read_text())


@pytest.mark.parametrize("rho", [0.5, 0.999999, 1.0, 2.0])
def test_power_over_three_sectors(power: Any, rho: float) -> None:
    """A hegemon withdraws from three sectors at once; each sector is a nest of the hegemon and the others."""
    size, held = np.array(power["Omega"]), np.array(power["omega_hegemon"])
    s = np.concatenate([size * held, size * (1 - held)])
    keep = np.repeat([0.0, 1.0], 3)
    infinite = np.full(6, np.inf)
    result = displace_nested(s, keep, power["sigma"], rho, [0, 1, 2] * 2, infinite, sigma_by_nest=True)
    expected = power["results"][f"rho={rho}"]
    assert result.status == Status.CONVERGED
    # The reference takes a power of 1/(1 − rho), which at rho = 0.999999 keeps ten digits.
    tol = 1e-10 if rho == 0.999999 else 1e-13
    np.testing.assert_allclose(loss(1.0, result.log_price) / 100, expected["log_loss"], rtol=tol)
    np.testing.assert_allclose(np.exp(result.log_price), expected["P_hat"], rtol=tol)
    np.testing.assert_allclose(100 * (1 - np.exp(-result.log_price)), expected["real_loss_pct"], rtol=tol)


def test_power_rises_steeply_near_full_control(power: Any) -> None:
    for row in power["nonlinearity"]:
        s = np.array([row["omega"], 1 - row["omega"]])
        np.testing.assert_allclose(ces_lever(s, 1.0, 2.0)[0] / 100, row["log_loss"], rtol=1e-13)
        np.testing.assert_allclose(
            lever(s, 1.0, 2.0, [np.inf] * 2).value[0] / 100, row["log_loss"], rtol=1e-12
        )


def test_a_coalition_is_more_than_its_members(power: Any) -> None:
    size, sigma = power["Omega"][0], power["sigma"][0]
    s, infinite = np.array([0.3, 0.3, 0.4]), [np.inf] * 3
    joint = bloc_lever(s, size, sigma, infinite, [True, True]).value / 100
    apart = lever(s, size, sigma, infinite).value.sum() / 100
    np.testing.assert_allclose(joint, power["coalition"]["joint"], rtol=1e-12)
    np.testing.assert_allclose(apart, power["coalition"]["sum_separate"], rtol=1e-12)


def test_hirschmans_concentration() -> None:
    assert round(float(concentration([0.5, 0.3, 0.2])), 4) == 61.6441
