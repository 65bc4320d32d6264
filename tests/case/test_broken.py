"""Every broken case gives the messages that its marks ask for, where they ask for them, and no others.

A mark is a comment, ``# <- code: words + words``: the problem with that code is reported on that line, and
says all of the words.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tertius.case import CaseErrors, check_case, load_case
from tertius.case.check import CHECKS

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.yaml"))


def marks(path: Path) -> list[tuple[int, str, list[str]]]:
    """Line, code and words of every mark in a file."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for mark in line.split("# <- ")[1:]:
            code, _, words = mark.strip().partition(": ")
            found.append((number, code, words.split(" + ")))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_says_what_is_wrong_and_where(path: Path) -> None:
    problems = check_case(path).problems
    expected = marks(path)
    assert expected, "a broken case without a mark"
    assert sorted((p.line, p.code) for p in problems) == sorted((line, code) for line, code, _ in expected), (
        "\n".join(map(str, problems))
    )
    for line, code, words in expected:
        said = " | ".join(str(p) for p in problems if (p.line, p.code) == (line, code))
        assert all(word in said for word in words), said


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_columns_point_into_the_line(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for problem in check_case(path).problems:
        assert 1 <= problem.column <= len(lines[problem.line - 1])


def test_every_check_has_a_broken_case() -> None:
    covered = {code for path in FILES for _, code, _ in marks(path)}
    assert set(CHECKS) <= covered


def test_every_check_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "writing-a-case.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", page, flags=re.MULTILINE))
    assert set(CHECKS) <= documented


def test_the_error_carries_all_problems_and_says_them() -> None:
    path = FOLDER / "many.yaml"
    with pytest.raises(CaseErrors) as caught:
        load_case(path)
    error = caught.value
    assert error.exit_code == 2
    assert error.problems == check_case(path).problems
    assert len(error.report.errors) == 7
    for problem in error.report.errors:
        assert str(problem) in str(error)


def test_warnings_do_not_stop_a_case() -> None:
    case = load_case(FOLDER / "source-unused.yaml")
    assert [warning.code for warning in case.warnings] == ["source-unused"]
