"""As many threads as there are processors to use, within bounds."""

from __future__ import annotations

import os

import pytest

from tertius import _processors


def test_the_processors_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= _processors.usable() <= (os.cpu_count() or 1)
    assert 2 <= _processors.AT_ONCE <= 8
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 6})
        assert _processors.usable() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _processors.usable() == 1
