"""One year of the world's trade, and what happens when the data are not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tertius
from tertius.errors import BadInput, CannotCompute
from tertius.world.packs import MIRROR_VARIABLE, PACKS


@pytest.fixture
def use_mirror(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    return mirror


def test_the_founding_country_in_2020(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2020")
    exports = world.flows.sel(origin="KAZ")
    # The data's own description: 50.8 bn exported, 10.2 % to Russia and 18.6 % to China.
    assert float(exports.sum()) == pytest.approx(50.8, abs=0.05)
    assert float(exports.sel(destination="RUS") / exports.sum()) == pytest.approx(0.102, abs=5e-4)
    assert float(exports.sel(destination="CHN") / exports.sum()) == pytest.approx(0.186, abs=5e-4)
    assert "NAM" in world.flows.origin.values
    assert float(world.gdp.sel(country="KAZ")) == pytest.approx(171.1, abs=1.0)


def test_absent_pairs_are_missing_and_not_zero(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2023")
    assert world.flows.shape == (194, 194)
    assert int(world.flows.notnull().sum()) == 25_398
    assert np.isnan(world.flows.sel(origin="RUS", destination="TJK"))
    assert np.isnan(world.flows.sel(origin="KAZ", destination="KAZ"))


def test_an_unknown_world_gets_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="baci-2020"):
        tertius.load_world("baci-202")


def test_without_a_mirror_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    with pytest.raises(CannotCompute, match=MIRROR_VARIABLE):
        tertius.load_world("baci-2023")
    monkeypatch.setenv(MIRROR_VARIABLE, str(tmp_path))
    with pytest.raises(CannotCompute, match="not in the mirror"):
        tertius.load_world("baci-2023")
    broken = tmp_path / PACKS["baci-2023"].file
    broken.parent.mkdir()
    broken.write_bytes(b"year,exporter\n")
    with pytest.raises(CannotCompute, match="SHA-256"):
        tertius.load_world("baci-2023")
