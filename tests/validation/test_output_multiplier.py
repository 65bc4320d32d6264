"""The multiplier of output that answers assume is what the data give."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tertius._atlas import assumptions
from tertius.world import MIRROR_VARIABLE

_path = Path(__file__).resolve().parents[2] / "validation" / "output_multiplier.py"
_spec = importlib.util.spec_from_file_location("output_multiplier", _path)
assert _spec is not None
assert _spec.loader is not None
multiplier = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(multiplier)


def test_the_upper_of_two_heaps(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    fit = multiplier.heaps(np.log(multiplier.ratios()["ratio"].astype(float)))
    assert round(float(np.exp(fit["mean"])), 2) == assumptions.GROSS_OUTPUT
    assert round(float(np.exp(fit["mean"] + 1.645 * fit["sd"])), 2) == assumptions.GROSS_OUTPUT_TO
    assert 0.15 < fit["share"] < 0.3


def test_heaps_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-1, 0.5, 3000), rng.normal(0.4, 0.15, 1000)])
    fit = multiplier.heaps(x)
    assert fit["mean"] == pytest.approx(0.4, abs=0.03)
    assert fit["share"] == pytest.approx(0.25, abs=0.03)
