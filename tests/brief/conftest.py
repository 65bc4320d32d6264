"""Findings for the tests of the brief, made once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import xarray as xr


def _load() -> ModuleType:
    name = "tertius_synthetic_findings"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("synthetic.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The generator of made-up findings."""
    return _load()


@pytest.fixture(scope="session")
def full(synthetic: ModuleType) -> xr.DataTree:
    """Findings with every section."""
    return synthetic.full()


KINDS = ("full", "minimal", "bare", "infinite", "one_way")


@pytest.fixture(scope="session", params=KINDS)
def findings(request: pytest.FixtureRequest, synthetic: ModuleType) -> xr.DataTree:
    """Findings of every kind: whole, nearly empty, with infinite levers, without reverse ties."""
    return getattr(synthetic, request.param)()
