"""A small world to ask about: twelve economies with made-up trade, two years of it, one with sectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from tertius._atlas import asking
from tertius.world import COVERAGE, Flag, World, pack

COUNTRIES = ["ARM", "CHN", "DEU", "FRA", "IND", "KAZ", "POL", "RUS", "TUR", "USA", "UZB", "VNM"]
SECTORS = ["0", "3", "7"]
FLAGS = (
    Flag("artefact", "Wrong by a factor of ten.", pairs=frozenset({("KAZ", "RUS")})),
    Flag("not_reporting", "Known from its partners.", economies=frozenset({"VNM"})),
    Flag("levels", "All of it is made up."),
)


def made_up(name: str, *, sectors: bool = False, seed: int = 0) -> World:
    """Armenia and Vietnam do not trade, and neither reports; Uzbekistan exports more than its product."""
    rng = np.random.default_rng(seed)
    n = len(COUNTRIES)
    mass = np.exp(rng.normal(0, 1.0, n))
    X = np.outer(mass, mass) * np.exp(rng.normal(0, 0.7, (len(SECTORS), n, n))) * 2.0
    X[:, np.arange(n), np.arange(n)] = 0.0
    a, v, u = (COUNTRIES.index(c) for c in ("ARM", "VNM", "UZB"))
    X[:, a, v] = X[:, v, a] = 0.0
    total = X.sum(0)
    gdp = 4 * total.sum(1) + 10 * mass
    gdp[u] = 0.9 * total[u].sum()
    ends = {"origin": COUNTRIES, "destination": COUNTRIES}
    flows = xr.DataArray(X, {"sector": SECTORS, **ends}, ("sector", "origin", "destination"))
    flows = flows if sectors else flows.sum("sector")
    # The dims come in another order than the model's, as they may.
    flows = flows.transpose("origin", "destination", ...)
    flows.attrs = {"unit": "billion US$"}
    coverage = np.where(total > 0, COVERAGE.index("reported"), COVERAGE.index("unreported"))
    np.fill_diagonal(coverage, COVERAGE.index("outside"))
    country = {"country": COUNTRIES}
    return World(
        name=name,
        year=int(name.rsplit("-", 1)[1]),
        flows=flows,
        reported=xr.DataArray(total > 0, ends, ("origin", "destination")),
        coverage=xr.DataArray(coverage, ends, ("origin", "destination")),
        gdp=xr.DataArray(gdp, country, ("country",), attrs={"unit": "billion US$"}),
        left_out=("SYR",),
        trade_left_out=xr.DataArray(np.full(n, 0.01), country, ("country",)),
        sources=(pack("baci-2023"),),
        origins=("made up",),
        flags=FLAGS,
        notes=("nothing was done to it",),
    )


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    """What makes the small world."""
    return made_up


@pytest.fixture
def small_world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Let every question be about the small world."""
    monkeypatch.setattr(
        asking, "load_world", lambda name: made_up(name, sectors=name.startswith(("unctad", "ots")))
    )
    return made_up("baci-2023")
