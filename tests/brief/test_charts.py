"""Charts: what is written beside their lines."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertius._brief.charts import _LETTERS, _SMALL_LETTERS, Dot, _in_lines, dots


def texts(svg: str) -> list[str]:
    return [html.unescape(re.sub(r"<[^>]*>", " ", t)).strip() for t in re.findall(r"<text.*?</text>", svg)]


def test_a_long_label_is_broken_and_not_cut() -> None:
    rows = [Dot("", name, 1.0, 2.0, 3.0, "") for name in ("Trade", "Elite ties and understanding")]
    drawn = texts(dots(rows, key="k", title="t", description="d", axis="log points").svg)
    assert "Trade" in drawn
    assert re.sub(r"\s+", " ", " ".join(drawn)).count("Elite ties and understanding") == 1
    assert not any("…" in text for text in drawn)


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("Trade", "Trade"),
        ("Foreign investment today", "Foreign investment today"),
        ("Elite ties and understanding", "Elite ties and\nunderstanding"),
        ("Unbreakablelongwordwithoutanyspaceinit", "Unbreakablelongwordwith…"),
    ],
)
def test_where_a_label_is_broken(label: str, lines: str) -> None:
    assert _in_lines(label) == lines


@given(st.lists(st.text("abcdefghij", min_size=1, max_size=40), min_size=1, max_size=12))
def test_no_line_is_longer_than_its_room(words: list[str]) -> None:
    first, *rest = _in_lines(" ".join(words)).split("\n")
    assert len(rest) <= 1
    assert len(first) <= (_SMALL_LETTERS if rest else _LETTERS)
    assert all(len(line) <= _SMALL_LETTERS for line in rest)
