"""One year of the world's trade, and what happens when the data are not there."""

from __future__ import annotations

from pathlib import Path

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


def test_absent_pairs_are_told_apart_from_true_zeros(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2023")
    assert len(world.left_out) + world.flows.sizes["origin"] == 194
    assert world.flows.notnull().all()
    assert not world.reported.sel(origin="RUS", destination="TJK")
    assert not world.reported.sel(origin="KAZ", destination="KAZ")
    assert world.reported.sel(origin="KAZ", destination="CHN")
    assert bool((world.flows.where(~world.reported, 0.0) == 0).all())
    assert set(world.left_out) & set(world.gdp.country.values) == set()


def test_the_world_goes_straight_into_the_trade_model(use_mirror: Path) -> None:
    world = tertius.load_world("baci-2020")
    base = tertius.models.trade.baseline(world.flows, gdp=world.gdp)
    found = tertius.models.trade.counterfactual(base, exits=[tertius.Exit("KAZ", "RUS")])
    assert found.residual <= 1e-10
    assert 0.8 < float(found.welfare.sel(country="KAZ")) < float(found.welfare.sel(country="RUS")) < 1


def test_an_unknown_world_gets_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="baci-2023"):
        tertius.load_world("baci-2033")


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
