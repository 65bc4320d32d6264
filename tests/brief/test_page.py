from __future__ import annotations

import html.parser
import itertools
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
import xarray as xr

from tertius._brief import brief, write_atomically
from tertius._brief import page as page_of
from tertius._brief.palette import colours
from tertius._brief.reading import Reading
from tertius.errors import BadInput

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
FETCHED = {"src", "srcset", "poster", "data", "action", "formaction", "background"}


class Parsed(html.parser.HTMLParser):
    """Tags that are closed in order, ids, links and whatever a browser would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.referred: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: set[str] = set()
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name in {"aria-labelledby", "aria-describedby"}:
                self.referred += (value or "").split()
            if tag == "a" and name == "href":
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page(full: xr.DataTree) -> str:
    return brief(full).html()


@pytest.fixture(scope="module")
def parsed(page: str) -> Parsed:
    return Parsed(page)


def test_every_tag_is_closed_and_every_link_leads_somewhere(findings: xr.DataTree) -> None:
    found = Parsed(brief(findings).html())
    assert found.faults == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    ids = set(found.ids)
    assert [link for link in found.links if link.startswith("#") and link[1:] not in ids] == []
    assert [name for name in found.referred if name not in ids] == []


def test_nothing_is_fetched_and_nothing_is_run(page: str, parsed: Parsed) -> None:
    assert not parsed.tags & {"script", "iframe", "object", "embed", "img", "form", "base"}
    assert not [a for a in parsed.attributes if a[1] in FETCHED or a[1].startswith("on")]
    linked = [value for tag, name, value in parsed.attributes if tag == "link" and name == "href"]
    assert linked == ["data:,"]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert all(link.startswith(("#", "https://")) for link in parsed.links)


def test_it_is_small_enough_to_pass_on(page: str) -> None:
    assert len(page.encode()) < 1_500_000


def test_every_chart_has_words_and_its_numbers(parsed: Parsed, page: str) -> None:
    charts = page.count("<svg ")
    assert charts >= 14
    assert len(re.findall(r'<svg [^>]*role="(?:img|group)"', page)) == charts
    assert page.count("<title id=") == charts
    assert page.count("<desc id=") == charts
    assert "<title id=" in page


def test_clips_of_different_charts_do_not_meet(page: str) -> None:
    used = set(re.findall(r"url\(#([^)]+)\)", page))
    defined = re.findall(r'<clipPath id="([^"]+)"', page)
    assert len(defined) == len(set(defined))
    assert used <= set(defined) | set(re.findall(r'id="([^"]+)"', page))


HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def test_hostile_text_stays_text(synthetic: ModuleType) -> None:
    document = synthetic.case_document(
        title=HOSTILE,
        question=HOSTILE,
        client={"id": "kazakhstan", "name": HOSTILE},
        powers={key: {"name": HOSTILE, "note": '"><script>1</script>'} for key in synthetic.POWERS},
        domains={key: {"name": HOSTILE} for key in synthetic.TIES},
        sources={
            HOSTILE: {"title": HOSTILE, "url": "javascript:alert(1)", "note": HOSTILE},
            "data": {"title": "b", "url": "data:text/html,<script>alert(1)</script>"},
            "tricky": {"title": "c", "url": " JaVaScRiPt:alert(1)"},
            "broken": {"title": "e", "url": "http://[::1"},
            "fine": {"title": "d", "url": 'https://example.org/?a=1&b="x"'},
        },
    )
    document["exits"]["west_out"]["title"] = HOSTILE
    tree = synthetic.full(document=document)
    tree.attrs["warnings"] = json.dumps([HOSTILE])
    tree["displacement"].attrs["title"] = HOSTILE
    text = brief(tree).html()
    found = Parsed(text)
    assert found.faults == []
    assert found.open == []
    assert not found.tags & {"script", "img"}
    assert not [a for a in found.attributes if a[1].startswith("on")]
    outside = [link for link in found.links if not link.startswith("#")]
    assert outside == ['https://example.org/?a=1&b="x"']
    assert HOSTILE in "".join(found.text)


def test_markup_in_a_terminal_stays_text(synthetic: ModuleType) -> None:
    import io

    from rich.console import Console

    document = synthetic.case_document(title="[bold red]x[/bold red] [link=file:///etc]y[/link]")
    out = io.StringIO()
    brief(synthetic.full(document=document)).print(Console(file=out, width=100))
    assert "[bold red]x[/bold red]" in out.getvalue()


def test_every_uncertain_figure_leads_to_its_source_and_back(parsed: Parsed, full: xr.DataTree) -> None:
    reading = Reading(full)
    text = "".join(parsed.text)
    for figure in reading.inputs:
        assert figure.path in text
    sources = {f"#source-{i}" for i, _ in enumerate(reading.names.sources)}
    used = {link for link in parsed.links if link in sources}
    assert used == {"#source-0", "#source-1"}  # the third is used by nothing
    back = [link for link in parsed.links if link.startswith("#input-")]
    sourced = sum(len(figure.sources) for figure in reading.inputs)
    assert len(back) >= sourced
    assert "SELECT origin, destination, SUM(value) WHERE section = 'energy'" in text


def test_levers_lead_to_the_inputs_of_their_domain(page: str, full: xr.DataTree) -> None:
    groups = list(dict.fromkeys(figure.group for figure in Reading(full).figures))
    for domain in ("trade", "capital", "opinion", "transit"):
        anchor = f"figures-{groups.index(domain)}"
        assert f'id="{anchor}"' in page
        assert page.count(f'href="#{anchor}"') >= 5


def test_further_exits_say_their_draws_and_every_exit_the_powers_leaned_on(parsed: Parsed, page: str) -> None:
    text = "".join(parsed.text)
    further = text.index("Another exit: Russia is edged out")
    assert "This exit rests on 64 of the 255\N{NO-BREAK SPACE}draws." in text[further:]
    assert "This exit rests on" not in text[:further]
    assert text.count("How many powers it leans on, before and after") == 2
    assert text.count("all domains together: ") == 2
    assert page.count('id="exit1') > 0
    assert "Further exits: the first 128 draws. Rival structures: the first 64 draws each." in text
    assert "Assumptions drawn anew and spread doubled: 128 draws each." in text


def test_missing_is_written_missing(synthetic: ModuleType) -> None:
    text = "".join(Parsed(brief(synthetic.one_way()).html()).text)
    assert "missing" in text
    assert "nan" not in text.lower().split()
    infinite = "".join(Parsed(brief(synthetic.infinite()).html()).text)
    assert "infinite" in infinite
    assert "undefined (infinite lever)" in infinite


def test_absent_sections_leave_no_heading(synthetic: ModuleType) -> None:
    text = brief(synthetic.minimal()).html()
    assert 'id="levers"' in text
    for absent in ("exit0", "robust", "claims", "parting", "rests"):
        assert f'id="{absent}"' not in text
    bare = brief(synthetic.bare()).html()
    assert 'id="levers"' not in bare
    assert 'id="method"' in bare


def test_the_order_of_the_page(page: str) -> None:
    order = [
        "answer",
        "levers",
        "exit0",
        "robust",
        "claims",
        "parting",
        "rests",
        "figures",
        "sources",
        "method",
    ]
    places = [page.index(f'id="{name}"') for name in order]
    assert places == sorted(places)


def test_likelihood_and_confidence_are_kept_apart(page: str) -> None:
    assert re.search(r"<dd>very likely \(about.83.%\)</dd>", page)
    assert "<dd>moderate</dd>" in page
    for sentence in re.split(r"</(?:p|dd|li|td|dt)>", page):
        words = re.sub(r"<[^>]+>", " ", sentence)
        assert not ("very likely" in words and "confidence" in words.lower() and "moderate" in words)


def test_the_same_findings_give_the_same_bytes(synthetic: ModuleType) -> None:
    assert brief(synthetic.full()).html() == brief(synthetic.full()).html()


def test_provenance_is_on_the_page(parsed: Parsed, synthetic: ModuleType) -> None:
    text = "".join(parsed.text)
    for part in (
        "5e" * 32,
        "seed 0",
        "1 unconverged (numbers 17)",
        "6.4e-11",
        synthetic.CREATED,
        "0.1.0",
        "jax 0.10, numpy 2.4",
    ):
        assert part in text


def test_a_power_has_one_colour_by_the_order_of_the_case(page: str, full: xr.DataTree) -> None:
    palette = colours(Reading(full).names.powers)
    assert list(palette) == ["russia", "china", "west", "turkey", "neighbours"]
    assert len(set(palette.values())) == 5
    for colour in palette.values():
        assert page.count(colour) > 3
    # Canonical JSON may order its names in any way; the findings keep the case's order.
    tree = full.copy()
    document = json.loads(tree.attrs["case_json"])
    document["powers"] = dict(reversed(document["powers"].items()))
    tree.attrs["case_json"] = json.dumps(document)
    assert colours(Reading(tree).names.powers) == palette


def test_saved_whole_with_ordinary_permissions(full: xr.DataTree, tmp_path: Path) -> None:
    target = tmp_path / "brief.html"
    assert brief(full).save(target) == target
    assert target.read_text(encoding="utf-8") == brief(full).html()
    assert [p.name for p in tmp_path.iterdir()] == ["brief.html"]
    ordinary = tmp_path / "other"
    ordinary.write_text("")
    assert target.stat().st_mode == ordinary.stat().st_mode


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        write_atomically(tmp_path / "nowhere" / "brief.html", b"x")


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "brief.html"
    target.write_text("old")

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["brief.html"]
    assert target.read_text() == "old"


def test_getting_ready_reads_the_template() -> None:
    page_of._compiled.cache_clear()
    page_of.get_ready()
    assert page_of._compiled.cache_info().currsize == 1


def test_charts_are_drawn_while_something_else_is_done(full: xr.DataTree) -> None:
    made = brief(full)
    made.draw()
    drawing = made._contents
    assert made.html() == brief(full).html()
    assert made._contents is drawing


def test_information_assumption_and_judgement_differ_in_word_and_shape(page: str, full: xr.DataTree) -> None:
    kinds = [figure.kind for figure in Reading(full).figures]
    for kind, mark in (("sourced", "■"), ("assumed", "◇")):
        badge = f'<span class="ground g-{kind}"><span aria-hidden="true">{mark}</span> {kind}</span>'
        assert page.count(badge) == kinds.count(kind) + 1
    assert (
        page.count('<span class="ground g-judgement"><span aria-hidden="true">▶</span> judgement</span>') == 2
    )


def test_headings_leave_out_no_level(findings: xr.DataTree) -> None:
    levels = [int(n) for n in re.findall(r"<h([1-6])[ >]", brief(findings).html())]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
