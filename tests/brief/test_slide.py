from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xarray as xr

from tertius import brief
from tertius._brief.answer import answer_lines
from tertius._brief.reading import Reading
from tertius.errors import BadInput

SPACE = "{http://www.w3.org/2000/svg}"


def test_it_has_the_answer_the_levers_and_the_verdicts(findings: xr.DataTree) -> None:
    made, reading = brief(findings), Reading(findings)
    root = ET.fromstring(made.image())
    written = " ".join(t.text or "" for t in root.iter(f"{SPACE}text"))
    said = root.find(f"{SPACE}desc")
    assert said is not None
    assert said.text == made.summary
    for line in answer_lines(reading):
        assert "".join(line.sentence.split()) in "".join(written.split())
    for claim_verdict in {c.verdict for c in reading.claims}:
        count = sum(c.verdict == claim_verdict for c in reading.claims)
        assert f"{count} {claim_verdict}" in written
    if reading.levers is not None:
        known = [e.full() for (_, d), e in reading.levers.lever.items() if d == "total"]
        assert all(words in written for words in known)


@pytest.mark.parametrize("long", [False, True])
def test_nothing_leaves_the_frame_or_overlaps_downwards(full: xr.DataTree, long: bool) -> None:
    tree = full.copy()
    if long:
        tree["displacement"].attrs["title"] = (
            "The West " + "and everybody who deals with it " * 12 + "is edged out"
        )
    root = ET.fromstring(brief(tree).image())
    for rect in root.iter(f"{SPACE}rect"):
        x, y, w, h = (float(rect.get(k) or 0) for k in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= 1280
        assert 0 <= y <= y + h <= 720
    lines = [(float(t.get("y") or 0), float(t.get("font-size") or 0)) for t in root.iter(f"{SPACE}text")]
    assert all(y < 664 or y == 690 for y, _ in lines)


def test_it_is_written_as_png_or_svg_and_nothing_else(full: xr.DataTree, tmp_path: Path) -> None:
    made = brief(full)
    png = made.save_image(tmp_path / "a.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1280, 720)
    assert made.save_image(tmp_path / "a.svg").read_text() == made.image()
    with pytest.raises(BadInput, match=r"neither \.png nor \.svg"):
        made.save_image(tmp_path / "a.jpeg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "a.svg"]


def test_colours_mean_powers(full: xr.DataTree) -> None:
    grey = {"#fff", "#9AA5AE", "#1E252B", "#55616C", "#5F6B76"}
    from tertius._brief.palette import colours

    used = set(re.findall(r'fill="(#[0-9A-Fa-f]+)"', brief(full).image()))
    assert used <= grey | set(colours(Reading(full).names.powers).values())
