from __future__ import annotations

import io
import re
from types import ModuleType

import pytest
import xarray as xr
from rich.console import Console

from tertius._brief import brief


def shown(tree: xr.DataTree, width: int) -> str:
    out = io.StringIO()
    brief(tree).print(Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_lines_fit_and_nothing_is_cut(findings: xr.DataTree, width: int) -> None:
    text = shown(findings, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_numbers_are_not_torn_apart(full: xr.DataTree, width: int) -> None:
    for line in shown(full, width).splitlines():
        words = line.strip()
        assert words != "%"
        assert not re.match(r"^[\d.]+\]", words)
        assert not words.endswith("[")
        assert not re.search(r"\[[^\]]*,$", words)


def test_the_order_of_the_brief(full: xr.DataTree) -> None:
    text = shown(full, 100)
    order = [
        "Kazakhstan, January 2022",
        "If the West is edged out",
        "Who holds which lever",
        "The vacuum: The West is edged out",
        "What is found, and what is assumed",
        "Another exit: Russia is edged out",
        "The claims of the argument",
        "Where the model and the argument part company",
        "What rests on assumption",
        "Warnings",
        "How it was computed",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_the_total_has_its_interval_and_missing_is_said(full: xr.DataTree) -> None:
    text = shown(full, 100)
    assert re.search(r"All domains +\d", text)
    assert re.search(r"\[\d+,\xa0\d+\]", text)
    assert re.search(r"Net, all domains +missing", text)
    assert "the case gives none in Public opinion" in text


@pytest.mark.parametrize("width", [80, 120])
def test_those_who_leave_are_said_to_leave(full: xr.DataTree, width: int) -> None:
    row = next(
        line
        for line in shown(full, width).splitlines()
        if re.match(r" The West +\d", line) and "leaves" in line
    )
    assert row.count("leaves") == 3


def test_a_further_exit_says_on_how_many_draws_it_rests(synthetic: ModuleType) -> None:
    tree = synthetic.full()
    tree.attrs["kept"] = 256
    text = " ".join(shown(tree, 100).split())
    first, _, further = text.partition("Another exit: Russia is edged out")
    assert "This exit rests on" not in first
    assert "This exit rests on 64 of the 256 draws." in further
    tree.attrs["kept"] = 64
    assert "This exit rests on all 64 draws." in " ".join(shown(tree, 100).split())


def test_powers_leaned_on_before_and_after(synthetic: ModuleType) -> None:
    words = "Effective number of powers that Kazakhstan leans on, all domains together: "
    text = " ".join(shown(synthetic.full(), 100).split())
    assert text.count(words) == 2
    assert re.search(
        re.escape(words) + r"\d\.\d+ \[[^]]+\] before the exit, \d\.\d+ \[[^]]+\] after it\.", text
    )
    tree = synthetic.full()
    tree["levers/effective_powers"][:] = float("nan")
    text = " ".join(shown(tree, 100).split())
    assert words + "undefined (infinite lever) before the exit, " in text
    for group in ("displacement", "exits/russia_out"):
        tree[f"{group}/effective_powers_after"][:] = float("nan")
    assert words not in " ".join(shown(tree, 100).split())


def test_claims_not_computed_are_counted_not_listed(full: xr.DataTree) -> None:
    text = " ".join(shown(full, 100).split())
    assert "Not yet computed: 7, 9, 10," in text
    assert "3 supported, 2 contested, 2 contradicted, 1 not testable and 18 not yet computed." in text


def test_sections_that_did_not_run_are_absent(synthetic: ModuleType) -> None:
    text = shown(synthetic.bare(), 80)
    for heading in ("Who holds", "The vacuum", "What is found", "The claims", "What rests"):
        assert heading not in text
    assert "seed 0" in text


def test_many_powers_take_several_tables(synthetic: ModuleType) -> None:
    import numpy as np

    names = [f"power_{i}" for i in range(9)]
    document = synthetic.case_document(
        powers={key: {"name": f"Power number {i}"} for i, key in enumerate(names)}
    )
    tree = synthetic.minimal()
    data = tree["levers"].to_dataset().isel(power=np.arange(9) % 5).assign_coords(power=names)
    grown = xr.DataTree.from_dict({"/": synthetic.root(document, 64), "/levers": data})
    text = shown(grown, 80)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert text.count("All domains  ") >= 2
