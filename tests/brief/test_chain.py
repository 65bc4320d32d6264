from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from tertius import brief
from tertius._brief.reading import Reading
from tertius._brief.sections import chain


def crisis(full: xr.DataTree, *, missing: bool = False) -> xr.DataTree:
    """Findings with a crisis, a rescue by the first power and a price, in numbers that are easy to check."""
    n = full["levers"].sizes["draw"]
    power = str(full["levers"]["power"].values[0])
    half = np.arange(n) % 2
    survival = np.stack([0.2 + 0.4 * half, np.full(n, 0.9)], axis=1)
    regime = xr.Dataset(
        {"survival": (("draw", "branch"), survival * np.nan if missing else survival)},
        coords={"branch": ["alone", "helped"]},
    )
    asked, comes = (np.full((n, 1), p) for p in (0.7, 0.96))
    rescue = xr.Dataset(
        {"asked": (("draw", "protector"), asked), "comes": (("draw", "power"), comes)},
        coords={"protector": [power], "power": [power]},
        attrs={"asked_of": power},
    )
    price = xr.Dataset(
        {
            "some": (("draw", "branch"), np.tile([0.3, 0.2], (n, 1))),
            "because": ("draw", np.full(n, 0.1)),
        },
        coords={"branch": ["rescued", "alone"]},
        attrs={"patrons": json.dumps({"base": power})},
    )
    made = {k: full[k] for k in full.children}
    made |= {"regime": xr.DataTree(regime), "rescue": xr.DataTree(rescue), "price": xr.DataTree(price)}
    tree = xr.DataTree(children=made)
    tree.attrs = full.attrs
    return tree


def test_the_links_follow_cause_and_effect_with_their_own_numbers(full: xr.DataTree) -> None:
    found = chain.links(Reading(crisis(full)))
    assert [link.step for link in found[:5]] == ["The crisis", "Asked", "Came", "Levers", "The price"]
    figures = [link.figure.replace("about\N{NO-BREAK SPACE}", "") for link in found]
    nbsp = "\N{NO-BREAK SPACE}"
    assert figures[:3] == [f"40{nbsp}%", f"70{nbsp}%", f"96{nbsp}%"]
    assert figures[4] == f"10{nbsp}%"
    assert [link.word for link in found[:3]] == ["unlikely", "likely", "almost certain"]
    assert [link.step for link in found if link.supposed] == ["The exit"]


def test_the_largest_lever_is_counted_draw_by_draw(full: xr.DataTree) -> None:
    reading = Reading(full)
    link = next(found for found in chain.links(reading) if found.step == "Levers")
    total = full["levers"]["lever"].sel(domain="total")
    wins = [str(total["power"].values[int(row.argmax())]) for row in total.transpose("draw", "power").values]
    share = wins.count(link.power) / len(wins)
    shown = re.sub(r"\D", "", link.figure)
    assert abs(float(shown) - 100 * share) <= 1


def test_missing_is_said_and_never_counted_as_nought(full: xr.DataTree) -> None:
    first = chain.links(Reading(crisis(full, missing=True)))[0]
    assert (first.figure, first.word) == ("missing", "")


def test_absent_groups_leave_no_link(findings: xr.DataTree) -> None:
    reading = Reading(findings)
    found = chain.links(reading)
    assert not {"The crisis", "Asked", "Came", "The price"} & {link.step for link in found}
    if reading.headline is None:
        assert "The exit" not in {link.step for link in found}


@pytest.mark.parametrize("columns", [3, 1])
def test_the_drawing_says_the_same_as_its_words_and_stays_in_its_frame(
    full: xr.DataTree, columns: int
) -> None:
    reading = Reading(crisis(full))
    found = chain.links(reading)
    svg = chain.drawing(found, reading, columns=columns, key="k", sections={"levers"})
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    description = root.find(f"{space}desc")
    assert description is not None
    assert description.text == chain.words(found)
    written = " ".join(t.text or "" for t in root.iter(f"{space}text"))
    assert all(link.figure in written and link.word in written for link in found)
    assert {a.get("href") for a in root.iter(f"{space}a")} == {"#levers"}
    width, height = (float(v) for v in (root.get("viewBox") or "").split()[2:])
    for rect in root.iter(f"{space}rect"):
        x, y, w, h = (float(rect.get(k) or 0) for k in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
    dashed = [r for r in root.iter(f"{space}rect") if r.get("stroke-dasharray")]
    assert len(dashed) == 1


def test_the_terminal_has_it_in_words_below_the_answer(full: xr.DataTree) -> None:
    out = io.StringIO()
    brief(full).print(Console(file=out, width=80))
    text = " ".join(out.getvalue().split())
    assert "→ The exit: " in text
    assert text.index("→ The exit: ") < text.index("Who holds which lever")
