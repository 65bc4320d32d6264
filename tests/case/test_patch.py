"""Patches: changes to a case in a file of their own, tied to the version that they were written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tertius.case import CaseErrors, load_case, load_patch

EXAMPLE = Path(__file__).with_name("example.yaml")


def _write(folder: Path, text: str) -> Path:
    file = folder / "change.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def _patch(folder: Path, changes: str, digest: str = "") -> Path:
    digest = digest or load_case(EXAMPLE).digest[:12]
    return _write(
        folder, f"tertius-patch: 1\ntitle: Half\nbase: {EXAMPLE}\ndigest: {digest}\nset:\n{changes}"
    )


def test_a_patch_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    patch = load_patch(
        _patch(tmp_path, '  domains.capital.weight: {range: [0.1, 0.2], assumed: "half of it"}\n')
    )
    before, after = load_case(EXAMPLE), patch.apply()
    assert patch.title == "Half"
    assert after.digest != before.digest
    assert after.domains["capital"].weight.range == (0.1, 0.2)
    same = after.model_copy(update={"domains": before.domains})
    assert same.digest == before.digest


def test_a_bare_number_is_set_exactly(tmp_path: Path) -> None:
    case = load_patch(_patch(tmp_path, "  domains.capital.weight: 0.25\n")).apply()
    weight = {i.path: i for i in case.inputs()}["domains.capital.weight"]
    assert weight.exact
    assert weight.quantity.median == 0.25


def test_a_base_that_changed_is_refused(tmp_path: Path) -> None:
    file = _patch(tmp_path, "  domains.capital.weight: 0.25\n", digest="0123456789ab")
    with pytest.raises(CaseErrors) as caught:
        load_patch(file).apply()
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.column) == ("patch-base", 4, 9)
    assert load_case(EXAMPLE).digest[:12] in problem.message


def test_every_mistake_of_a_patch_is_told_at_once(tmp_path: Path) -> None:
    file = _write(tmp_path, "tertius-patch: 2\nbase: x\ndigest: short\nsett: {a: 1}\n")
    with pytest.raises(CaseErrors) as caught:
        load_patch(file)
    told = str(caught.value)
    for words in (
        "change.yaml:4:1",
        "did you mean `set`?",
        "change.yaml:1:1",
        "change.yaml:3:1",
        "changes nothing",
    ):
        assert words in told


def test_a_wrong_change_is_told_where_it_stands(tmp_path: Path) -> None:
    file = _patch(tmp_path, "  domains.capital.wieght: 0.25\n  domains.capital.elasticity: many\n")
    with pytest.raises(CaseErrors) as caught:
        load_patch(file).apply()
    told = str(caught.value)
    assert "change.yaml:6:3" in told
    assert "did you mean `domains.capital.weight`?" in told
    assert "change.yaml:7:31" in told
