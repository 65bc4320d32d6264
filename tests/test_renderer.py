"""Charts are drawn in another process, and in this one where there is none: alike, and with the same complaints."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tertius import _renderer as renderer
from tertius._drawing import draw_here

SPEC = json.dumps(
    {
        "data": {"values": [{"x": 1, "y": "één"}, {"x": 2, "y": "two"}]},
        "mark": "bar",
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "nominal"}},
    }
)


@pytest.fixture
def made():
    """A renderer of the test's own, and its one process."""
    drawing = renderer.Renderer(1)
    beside = drawing._free.get()
    drawing._free.put(beside)
    yield drawing, beside
    beside.end()


def test_both_draw_alike(made):
    drawing, beside = made
    drawn = drawing.draw(SPEC)
    assert "één" in drawn
    assert beside._process is not None
    assert drawn == draw_here(SPEC) == renderer.to_svg(SPEC)
    # The next one goes to the same process.
    before = beside._process.pid
    assert drawing.draw(SPEC) == drawn
    assert beside._process.pid == before


def test_more_charts_than_processes_wait_for_each_other():
    drawing = renderer.Renderer(2)
    with ThreadPoolExecutor(max_workers=5) as pool:
        drawn = set(pool.map(drawing.draw, [SPEC] * 12))
    assert drawn == {draw_here(SPEC)}
    for _ in range(2):
        drawing._free.get(timeout=1).end()


def test_what_cannot_be_drawn_is_refused_and_the_next_is_drawn(made):
    drawing, beside = made
    with pytest.raises(ValueError, match="Vega"):
        drawing.draw('{"mark": {"type": "nonsense"}, "encoding": 3}')
    assert beside._process is not None
    assert drawing.draw(SPEC).startswith("<svg")
    assert beside._process is not None


def test_a_process_that_has_ended_is_done_without(made):
    drawing, beside = made
    first = drawing.draw(SPEC)
    beside._process.kill()
    beside._process.wait()
    assert drawing.draw(SPEC) == first
    assert beside._process is None
    assert drawing.draw(SPEC) == first


def test_where_no_process_may_start_charts_are_drawn_all_the_same(made, monkeypatch):
    drawing, beside = made

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(subprocess, "Popen", refused)
    assert drawing.draw(SPEC).startswith("<svg")
    assert beside._process is None


def test_a_program_that_python_was_packed_into_is_not_started_again(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    assert renderer.Renderer(1).draw(SPEC).startswith("<svg")


def test_processes_started_early_are_those_that_draw():
    drawing = renderer.Renderer(2)
    drawing.start()
    started = [beside._process for beside in drawing._processes]
    assert None not in started
    drawing.start()
    with ThreadPoolExecutor(max_workers=2) as pool:
        assert set(pool.map(drawing.draw, [SPEC] * 4)) == {draw_here(SPEC)}
    assert [beside._process for beside in drawing._processes] == started
    for beside in drawing._processes:
        beside.end()
