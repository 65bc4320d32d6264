"""The drawing of a game tree."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET

from tertius._brief.palette import NEUTRAL
from tertius._brief.tree import WIDTH, Twig, tree

SVG = "{http://www.w3.org/2000/svg}"
BLUE = "#0072B2"
TWIGS = [
    Twig(-1, "The crisis", "kazakhstan", "decision", 1.0),
    Twig(0, "ask nobody", "", "chance", 0.25, 0.1, 0.4, 0.25),
    Twig(1, "order is restored", "", "outcome", 0.31, reach=0.08),
    Twig(
        0, "ask Russia and its allies to send a contingent", "russia", "decision", 0.75, note="the clause <4>"
    ),
    Twig(3, "send", "", "outcome", 0.9),
    Twig(3, "refuse", "", "outcome", math.nan),
]


def drawn(twigs: list[Twig] = TWIGS) -> ET.Element:
    names = {"russia": "Russia & co", "kazakhstan": "Kazakhstan"}
    return ET.fromstring(tree(twigs, {"russia": BLUE}, names=names, title="A <game>", key="g"))


def words(svg: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]


def test_every_node_is_written_with_its_probability() -> None:
    svg = drawn()
    assert svg.findtext(f"{SVG}title") == "A <game>"
    said = " ".join(words(svg)).replace("\N{NO-BREAK SPACE}", " ")
    for part in (
        "ask nobody",
        "25 %",
        "10 % to 40 %",
        "overall 8 %",
        "Kazakhstan moves",
        "Russia & co moves",
    ):
        assert part in said
    assert "contingent" in said
    assert "clause <4>" in said
    assert "missing" in said


def test_branches_have_the_colour_of_whoever_chooses_and_grow_with_probability() -> None:
    paths = {float(p.get("stroke-width", "0")): p for p in drawn().iter(f"{SVG}path")}
    assert len(paths) == len(TWIGS) - 1
    assert paths[1 + 5 * 0.9].get("stroke") == BLUE
    assert paths[1 + 5 * 0.75].get("stroke") == NEUTRAL
    missing = [p for p in paths.values() if p.get("stroke-dasharray")]
    assert [p.get("stroke") for p in missing] == [BLUE]


def test_nothing_is_smaller_than_a_phone_can_show_or_outside_the_drawing() -> None:
    deep = [
        TWIGS[0],
        *(Twig(i, f"then move {i} of a long and winding plan", "russia", "decision", 0.5) for i in range(14)),
    ]
    svg = drawn(deep)
    _, _, width, height = (float(x) for x in svg.get("viewBox", "").split())
    assert width == WIDTH
    rows: list[float] = []
    for text in svg.iter(f"{SVG}text"):
        size, x, y = (float(text.get(a, "nan")) for a in ("font-size", "x", "y"))
        assert size >= 11
        assert 0 < y < height
        if text.get("text-anchor") != "end":
            assert x + 0.6 * size * len(text.text or "") < WIDTH
            rows.append(y)
    assert min(b - a for a, b in itertools.pairwise(rows)) >= 11


def test_two_drawings_share_a_page() -> None:
    ids = re.findall(r' id="([^"]+)"', tree(TWIGS, {}, key="a") + tree(TWIGS, {}, key="b"))
    assert len(ids) == len(set(ids)) == 4
