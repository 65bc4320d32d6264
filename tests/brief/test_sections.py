"""A section of the brief, written once and shown in the terminal, on the page and in JSON."""

from __future__ import annotations

import io
import json
import sys
from types import ModuleType

import pytest
import xarray as xr
from rich.console import Console

from tertius import brief
from tertius._brief import sections
from tertius._brief.answer import answer_lines
from tertius._brief.blocks import Bullets, Cell, Drawing, Paragraph, Part, Said, Table, head
from tertius._brief.reading import Reading

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4"/></svg>'


@pytest.fixture
def section(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("made_up")
    table = Table(
        "Who was <asked>", [head("Power"), head("Chance")], [[head("Russia"), Cell("81 %", "[70, 90]")]]
    )
    blocks = [
        Paragraph("It came & went."),
        Paragraph("Small print.", hint=True),
        Bullets(["One.", "Two."]),
        table,
    ]
    drawing = Drawing("The tree", "Who moves when.", SVG, "First the client asks, then Russia sends.")
    module.part = lambda reading: Part("made-up", "Made up", "The made-up section", [*blocks, drawing])  # type: ignore[attr-defined]
    module.said = lambda reading: [Said("The price", "The price was nought.")]  # type: ignore[attr-defined]
    module.summary = lambda reading: {"made_up": {"draws": reading.draws}}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"{sections.__name__}.made_up", module)
    monkeypatch.setattr(sections, "SECTIONS", ("made_up",))
    return module


@pytest.mark.usefixtures("section")
def test_a_section_has_three_faces(full: xr.DataTree) -> None:
    made = brief(full)
    assert made.summary.startswith("The price was nought. If ")
    page = made.html()
    assert '<a href="#made-up">Made up</a>' in page
    assert "It came &amp; went." in page
    assert "Who was &lt;asked&gt;" in page
    assert SVG in page
    assert 'aria-label="First the client asks, then Russia sends."' in page
    assert json.loads(made.json())["made_up"]["draws"] > 0
    out = io.StringIO()
    made.print(Console(file=out, width=80))
    text = out.getvalue()
    for words in (
        "The made-up section",
        "It came & went.",
        "• Two.",
        "81 %",
        "[70, 90]",
        "First the client asks",
    ):
        assert words in text
    assert text.index("The made-up section") < text.index("The claims of the argument")


@pytest.mark.usefixtures("section")
def test_an_answer_of_several_lines_is_the_same_everywhere(full: xr.DataTree) -> None:
    made = brief(full)
    lines = answer_lines(Reading(full))
    assert [line.label for line in lines] == ["The price", "Who gains"]
    assert made.summary == " ".join(line.sentence for line in lines)
    written = json.loads(made.json())
    plain = [line.sentence.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
    assert [line["sentence"] for line in written["answer_lines"]] == plain
    assert written["answer"] == " ".join(plain)
    page, markdown = made.html(), made.markdown()
    out = io.StringIO()
    made.print(Console(file=out, width=80))
    terminal = " ".join(out.getvalue().split())
    slide = made.image()
    for line, words in zip(lines, plain, strict=True):
        assert f"<dt>{line.label}</dt><dd>{line.sentence}</dd>" in page
        assert f"- {line.label}: **{words}**" in markdown.replace("\N{NO-BREAK SPACE}", " ")
        assert f">{line.label}</text>" in slide
        assert f"{line.label} {words.split()[0]} {words.split()[1]}" in terminal
    # Confidence is said in a sentence of its own.
    assert '<p class="hint">Confidence is another matter: ' in page
    assert "Confidence is another matter: " in markdown
    assert not any("onfidence" in line.sentence for line in lines)
