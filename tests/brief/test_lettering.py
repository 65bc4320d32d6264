"""Words put into a chart after it is drawn: the drawing is the same as if they had been drawn with it."""

from __future__ import annotations

import html
from typing import Any

import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from tertius._brief import charts
from tertius._brief.lettering import Lettering, width

ABOUT = {"key": "k", "title": "t", "description": "d", "axis": "log points"}
LABELS = [
    "Russia",
    "Trade & transit <of oil>",
    "what a much longer label says, in two lines",
    "WWWWWWWWWWWWWWWWWWWWWWWW",
    "Ж",
    "",
    'It\'s "so"…',
    "Nur-Sultan → Ürümqi",
]


def dots() -> charts.Picture:
    rows = [
        charts.Dot(f"in group {i // 3}", x, -1.0, i, 2.0 * i, f"{i}.0 ({x[:3]})")
        for i, x in enumerate(LABELS)
    ]
    return charts.dots(rows, **ABOUT)


def moves() -> charts.Picture:
    rows = [charts.Move("Ж", x, 1.0, float(i), f"{i} to {i}: {x}") for i, x in enumerate(LABELS)]
    return charts.moves(rows, **ABOUT)


def bars() -> charts.Picture:
    parts = [
        charts.Segment("a long name for little", 0.34, "#1F6FB4"),
        charts.Segment("rest", 0.5, "#B23A2E"),
    ]
    below = charts.Segment("less than nothing at all", -0.37, "#777777")
    return charts.bars([charts.Bar(x, (*parts, below)) for x in LABELS], **ABOUT)


def strips() -> charts.Picture:
    return charts.strips(
        [charts.Strip(x * 4, 0.1 * i, f"{i} %", (0.3,), 0.5) for i, x in enumerate(LABELS)], **ABOUT
    )


@pytest.mark.parametrize("draw", [dots, moves, bars, strips])
def test_the_drawing_is_what_it_would_have_been(draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    left_out: list[str] = []
    leave_out = Lettering.leave_out

    def noted(self: Lettering, text: str, size: float, room: float) -> tuple[str, str]:
        made = leave_out(self, text, size, room)
        if made[1]:
            left_out.append(text)
        return made

    monkeypatch.setattr(Lettering, "leave_out", noted)
    found = draw().svg
    assert "Russia" in found
    assert "aria-label=" not in found
    assert len(left_out) >= len(LABELS) / 2
    monkeypatch.setattr(Lettering, "leave_out", lambda _self, text, _size, _room: (text, ""))
    assert found == draw().svg
    # And as if nothing had ever had a number.
    monkeypatch.setattr(charts, "_numbered", lambda layer, _numbers: layer)
    assert found == draw().svg


def test_a_scale_without_length_is_drawn() -> None:
    one = charts.dots([charts.Dot("g", "Russia", 1.0, 1.0, 1.0, "one")], limits=(1.0, 1.0), **ABOUT)
    assert ">one<" in one.svg
    assert ">Russia<" in one.svg


_LETTERS = st.characters(codec="utf-8", exclude_characters="\r\n")


@given(st.lists(st.lists(st.text(_LETTERS, max_size=12), min_size=1, max_size=3), max_size=8))
def test_words_come_back_where_they_were(texts: list[list[str]]) -> None:
    lettering = Lettering()
    drawn = whole = ""
    for lines in texts:
        text = "\n".join(line.strip() for line in lines)
        left, number = lettering.leave_out(text, 10, 100)
        label = f' aria-label="{number}" role="graphics-symbol" aria-roledescription="text mark"'
        drawn += _written(left, label)
        whole += _written(text, "")
        assert bool(number) == (all(text.split("\n")) and all(width(x, 10) <= 100 for x in text.split("\n")))
        assert not (number and left.strip())
    assert lettering.put_into(drawn) == whole


def _written(text: str, label: str) -> str:
    """As the renderer writes a text."""
    lines = [html.escape(line, quote=False) for line in text.split("\n")]
    inside = lines[0]
    if len(lines) > 1:
        parts = [(f' x="0" dy="{10 * i}"' if i else "", line) for i, line in enumerate(lines)]
        inside = "".join(f"<tspan{at}>{x}</tspan>" if x else f"<tspan{at}/>" for at, x in parts)
    return f'<text{label} x="1">{inside}</text>' if inside else f'<text{label} x="1"/>'


def measured(text: str, size: float, weight: str) -> float:
    """How far the renderer says that a text reaches, which it gives in whole pixels."""
    place: dict[str, Any] = {"x": {"value": 0}, "y": {"value": 0}, "fontSize": {"value": size}}
    place |= {"font": {"value": charts._FONT}, "fontWeight": {"value": weight}, "text": {"value": text}}
    spec = {"width": 0, "height": 0, "marks": [{"type": "text", "encode": {"update": place}}]}
    scene: Any = vl_convert.vega_to_scenegraph(spec)
    return float(scene["width"]) - 1


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_no_letter_is_wider_than_is_reckoned(weight: str) -> None:
    texts = [chr(n) * 20 for n in range(33, 127)] + ["–" * 20, "…" * 20, "Ä" * 20, "a b c d e f g h i j k l"]
    reached = {text: measured(text, 10, weight) for text in texts}
    assert reached["W" * 20] > 180
    too_far = {text: wide for text, wide in reached.items() if wide > width(text, 10)}
    assert too_far == {}
