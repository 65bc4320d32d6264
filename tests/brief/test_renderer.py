"""Charts are drawn in another process, and in this one where there is none: alike, and with the same complaints."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tertius._brief import renderer

SPEC: dict[str, Any] = {
    "data": {"values": [{"x": 1, "y": "één"}, {"x": 2, "y": "two"}]},
    "mark": "bar",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "nominal"}},
}


@pytest.fixture
def beside(monkeypatch):
    """A renderer of the test's own."""
    made = renderer._Beside()
    free = type(renderer._free)()
    free.put(made)
    monkeypatch.setattr(renderer, "_free", free)
    yield made
    made.end()


def test_both_draw_alike(beside):
    drawn = renderer.to_svg(SPEC)
    assert "één" in drawn
    assert beside._process is not None
    assert drawn == renderer._here(SPEC)
    # The next one goes to the same process.
    before = beside._process.pid
    assert renderer.to_svg(SPEC) == drawn
    assert beside._process.pid == before


def test_what_cannot_be_drawn_is_refused_and_the_next_is_drawn(beside):
    with pytest.raises(ValueError, match="Vega"):
        renderer.to_svg({"mark": {"type": "nonsense"}, "encoding": 3})
    assert beside._process is not None
    assert renderer.to_svg(SPEC).startswith("<svg")
    assert beside._process is not None


def test_a_process_that_has_ended_is_done_without(beside):
    first = renderer.to_svg(SPEC)
    beside._process.kill()
    beside._process.wait()
    assert renderer.to_svg(SPEC) == first
    assert beside._process is None
    assert renderer.to_svg(SPEC) == first


def test_where_no_process_may_start_charts_are_drawn_all_the_same(beside, monkeypatch):
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(subprocess, "Popen", refused)
    assert renderer.to_svg(SPEC).startswith("<svg")
    assert beside._process is None
