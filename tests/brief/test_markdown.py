from __future__ import annotations

import re
from types import ModuleType

import pytest
import xarray as xr
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tertius._brief import brief
from tertius._brief.markdown import escaped

HOSTILE = '<script>alert("x")</script> [a](javascript:1) ![b](x) | **c** `d` # e'


def tokens(text: str) -> list[Token]:
    """What a reader of Markdown makes of it, inline pieces included."""
    outer = MarkdownIt("commonmark").enable("table").parse(text)
    return [piece for token in outer for piece in (token, *(token.children or ()))]


def shown(text: str) -> str:
    return "".join(t.content for t in tokens(text) if t.type in {"text", "code_inline"})


def test_it_says_what_the_page_says_without_html(findings: xr.DataTree) -> None:
    made = brief(findings)
    text = made.markdown()
    found = tokens(text)
    assert not {"html_block", "html_inline", "image"} & {t.type for t in found}
    heads = re.findall(r"<h2>(.*?)</h2>", made.html())
    plain = [h.replace("&#39;", "'") for h in heads]
    written = [
        found[i + 1].content.replace("\\", "")
        for i, t in enumerate(found)
        if t.type == "heading_open" and t.tag == "h2"
    ]
    assert written == plain
    assert made.summary.replace("\N{NO-BREAK SPACE}", " ") in shown(text).replace("\N{NO-BREAK SPACE}", " ")


def test_every_table_is_a_table(full: xr.DataTree) -> None:
    text = brief(full).markdown()
    rules = len(re.findall(r"^\|(?: :?-+:? \|)+$", text, flags=re.M))
    assert rules > 10
    assert sum(t.type == "table_open" for t in tokens(text)) == rules
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1


def test_what_a_case_says_stays_text(synthetic: ModuleType) -> None:
    document = synthetic.case_document(
        title=HOSTILE,
        question=HOSTILE,
        powers={key: {"name": HOSTILE} for key in synthetic.POWERS},
        sources={
            HOSTILE: {"title": HOSTILE, "url": "javascript:alert(1)", "note": HOSTILE},
            "fine": {"title": "d", "url": "https://example.org/?a=1"},
            "tricky": {"title": "d", "url": "https://example.org/> <b>"},
        },
    )
    text = brief(synthetic.full(document=document)).markdown()
    found = tokens(text)
    assert not {"html_block", "html_inline", "image"} & {t.type for t in found}
    links = [str(t.attrs["href"]) for t in found if t.type == "link_open"]
    assert links == ["https://example.org/?a=1"]


@example("-")
@example("1.")
@example("- - -")
@example("---")
@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.sampled_from(" *_`[]()<>|#&\\~1.-"),
        max_size=40,
    )
)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    wanted = " ".join(text.split())
    assert " ".join(shown(escaped(text)).split()) == wanted


@pytest.mark.parametrize("plain", ["25 [16, 43] log points", "<1 %", "kazakhstan-2022", "a_b"])
def test_common_words_are_left_as_they_are(plain: str) -> None:
    assert escaped(plain) == plain
