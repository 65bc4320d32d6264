"""Levers outside trade: the stated formula on the data's shares, and what is missing says why."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tertius import world
from tertius._atlas.domains import ASSUMED, domain_levers, triangle
from tertius.world import MIRROR_VARIABLE


@pytest.fixture
def found(mirror, monkeypatch):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    return domain_levers("KAZ", 2017, ["RUS", "CHN", "west"], draws=200, seed=0)


def test_shares_are_those_of_the_data_and_levers_lie_between_the_corners(found):
    ties = world.ties("KAZ", 2017, ["RUS", "CHN", "west"])
    for domain in ("arms", "security", "diplomacy"):
        for power in ("RUS", "CHN", "west"):
            assert float(found["domain_share"].sel(domain=domain, power=power)) == ties.share(domain, power)
    assumed = ASSUMED["arms"]
    assert assumed.own is not None
    s = ties.share("arms", "RUS")
    low, _, high = assumed.weight
    least = -100 * low / (assumed.elasticity[1] - 1) * np.log(1 - (1 - assumed.own[2]) * s)
    most = -100 * high / (assumed.elasticity[0] - 1) * np.log(1 - (1 - assumed.own[0]) * s)
    levers = found["domain_lever"].sel(domain="arms", power="RUS")
    assert least < float(levers.min()) < float(levers.max()) < most
    security = found["domain_lever"].sel(domain="security", power="RUS")
    share = ties.share("security", "RUS")
    ratio = security / -np.log(1 - share) / 100
    assert float(ratio.min()) > 0.02 / 2
    assert float(ratio.max()) < 0.15 / 0.2


def test_what_is_missing_is_not_nought_and_says_why(mirror, monkeypatch):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    found = domain_levers("KAZ", 2023, ["RUS", "TUR"], draws=2, seed=0)
    assert np.isnan(found["domain_lever"].sel(domain="people")).all()
    assert "2017" in json.loads(found.attrs["domain_missing"])["people"]["RUS"]
    assert 0 < float(found["votes_alike"].sel(power="RUS")) < 1


def test_a_triangle_has_the_corners_and_the_mean_of_one():
    u = (np.arange(20_000) + 0.5) / 20_000
    x = triangle(u, (1.0, 2.0, 5.0))
    assert x.min() == pytest.approx(1.0, abs=0.05)
    assert x.max() == pytest.approx(5.0, abs=0.05)
    assert x.mean() == pytest.approx(8 / 3, abs=1e-3)
