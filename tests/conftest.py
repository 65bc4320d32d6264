"""Where tests find published numbers and public data that are not part of the project."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Most of the time of the tests goes into compiling, which these emitters do in two thirds of the time. What they make
# runs a little slower and differs in the last bits at most; tests/test_emitters.py holds the two against each other.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")


def _required(path: Path, what: str) -> Path:
    if path.exists():
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not there, and in CI a cross-check may not be skipped")
    pytest.skip(f"{what} is not there; set TERTIUS_REFERENCE or TERTIUS_DATA_MIRROR to its folder")


@pytest.fixture(scope="session", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep data that tests read in a store of their own, which all workers of a run share."""
    base = tmp_path_factory.getbasetemp()
    store = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "data-store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERTIUS_DATA_STORE", str(store))
        yield


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of published numbers and other programs' outputs."""
    default = ROOT.parent / "shared" / "reference"
    return _required(Path(os.environ.get("TERTIUS_REFERENCE", default)), "the folder of reference numbers")


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Folder of public data, laid out as its MANIFEST says."""
    default = ROOT.parent / "shared" / "data"
    return _required(Path(os.environ.get("TERTIUS_DATA_MIRROR", default)), "the data mirror")


@pytest.fixture(scope="session")
def pygambit() -> ModuleType:
    """The referee of the games, which is compiled from source and installed apart."""
    try:
        return importlib.import_module("pygambit")
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("pygambit is not installed, and in CI a cross-check may not be skipped")
        pytest.skip("pygambit is not installed; `make test` builds it where there is a C++ compiler")
