"""What tests of the world share: the mirror folder in use, and a store that is a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tertius.world import MIRROR_VARIABLE, STORE_VARIABLE


@pytest.fixture
def use_mirror(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    return mirror


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and no mirror folder."""
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    store = tmp_path / "store"
    monkeypatch.setenv(STORE_VARIABLE, str(store))
    return store
