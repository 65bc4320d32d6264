"""Reading files: YAML 1.2, places, and hostile files."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tertius.case import check_case
from tertius.case.document import LIMITS, RefusedError, parse
from tertius.case.events import events

HERE = Path(__file__).parent

RUN = """
import json, resource, sys
from tertius.case import check_case
reports = {path: str(check_case(path)) for path in sys.argv[1:]}
print(json.dumps([reports, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""

MEGABYTE = "x" * 499_000


def bomb(levels: int = 12) -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


HOSTILE: dict[str, tuple[str | bytes, str, str]] = {
    "alias-bomb": (bomb(), "too-many-nodes", "aliases counted as often as used"),
    "alias-in-itself": ("a: &a [*a]", "alias", "within what it refers to"),
    "alias-to-nothing": ("a: *b", "alias", "refers to nothing"),
    "python-object": ("a: !!python/object/apply:os.system [ls]", "tag", "`!!python/object/apply:os.system`"),
    "own-tag": ("a: !foo 1", "tag", "names no types"),
    "binary-tag": ("a: !!binary aGVsbG8=", "tag", "`!!binary`"),
    "deep-flow": ("a: " + "[" * 20_000, "too-deep", "more than 24 deep"),
    "deep-flow-short": ("a: " + "[" * 900 + "]" * 900, "too-deep", "more than 24 deep"),
    "deep-maps": ("{a: " * 500, "too-deep", "more than 24 deep"),
    "deep-block": ("\n".join(" " * n + "a:" for n in range(900)), "too-deep", "more than 24 deep"),
    "deep-dashes": ("- " * 200_000, "too-deep", "more than 24 deep"),
    "two-documents": ("a: 1\n---\nb: 2\n", "several-documents", "a case is one"),
    "old-yaml": ("%YAML 1.1\n---\na: no\n", "yaml-version", "YAML 1.2"),
    "nul": (b"tertius: 1\nid: a\x00b\n", "binary", "binary file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 400, "binary", "binary file"),
    "bell": ("id: a\x07b\n", "binary", "cannot stand in a text file"),
    "latin-1": ("tertius: 1\nid: café\n".encode("latin-1"), "not-utf8", "save it as UTF-8"),
    "utf-16": ("tertius: 1\n".encode("utf-16"), "binary", "binary file"),
    "empty": ("", "empty", "the file is empty"),
    "only-comments": ("# nothing\n", "empty", "the file is empty"),
    "tab": ("a:\n\t- b\n", "yaml", "not valid YAML"),
    "unclosed": ("a: [1, 2\nb: 3\n", "yaml", "not valid YAML"),
    "unclosed-quote": ('a: "' + MEGABYTE, "yaml", "not valid YAML"),
    "too-large": ("#" * 500_001, "too-large", "at most 0.5 MB"),
    "many-values": ("[" + "1," * 200_000 + "]", "too-many-nodes", "more than 20,000"),
    "many-keys": ("\n".join(f"k{n}: 1" for n in range(45_000)), "too-many-nodes", "more than 20,000"),
    "many-anchors": (
        "\n".join(f"- &b{n} x" for n in range(40_000)),
        "too-many-anchors",
        "more than 500 anchors",
    ),
    "long-key": (MEGABYTE + ": 1", "yaml", "not valid YAML"),
    "long-number": ("tertius: " + "9" * 450_000, "choice", "`tertius` cannot be"),
    "one-word": (MEGABYTE, "shape", "a mapping of sections"),
    "questions": ("? " * 200_000, "too-deep", "more than 24 deep"),
    "colons": ("a: " + ":" * 450_000, "yaml", "not valid YAML"),
    "quotes": ("a: '" + "'" * 450_000, "yaml", "not valid YAML"),
    "spaces": ("a:" + " " * 450_000 + "1", "missing", "has no"),
    "lines": ("a: 1" + "\n" * 450_000, "missing", "has no"),
    "braces": ("{" * 450_000, "too-deep", "more than 24 deep"),
    "folded": ("a: >\n" + " x\n\n" * 75_000, "missing", "has no"),
    "escapes": ('a: "' + "\\x41" * 100_000 + '"', "missing", "has no"),
    "words": ("a: " + "b " * 200_000, "missing", "has no"),
    "word-lines": ("a:\n" + "  b\n" * 100_000, "missing", "has no"),
    "list": ("- a\n- b\n", "shape", "a mapping of sections"),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], int]:
    """Reports on the hostile files by name, from one process of its own, and its peak memory in kilobytes."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, (content, _, _) in HOSTILE.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    names = [str(folder / name) for name in HOSTILE]
    run = subprocess.run([sys.executable, "-c", RUN, *names], capture_output=True, text=True, check=True)
    reports, kilobytes = json.loads(run.stdout)
    return {Path(path).name: report for path, report in reports.items()}, kilobytes


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str, refusals: tuple[dict[str, str], int]) -> None:
    _, code, words = HOSTILE[name]
    report = refusals[0][name]
    assert f"[{code}]" in report
    assert words in report
    assert len(report) < 6_000


def test_hostile_files_need_little_memory(refusals: tuple[dict[str, str], int]) -> None:
    assert refusals[1] < 500_000


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as stream:
        stream.truncate(200_000_000)
    (problem,) = check_case(path).problems
    assert problem.code == "too-large"
    assert "200.0 MB" in problem.message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, code, words in [
        (pipe, "not-a-file", "a device or a pipe"),
        (Path("/dev/zero"), "not-a-file", "a device or a pipe"),
        (tmp_path, "not-a-file", "a folder"),
        (tmp_path / "absent.yaml", "no-such-file", "there is no such file"),
        (Path("a\0b.yaml"), "unreadable", "cannot be read"),
    ]:
        (problem,) = check_case(path).problems
        assert problem.code == code
        assert words in problem.message


def key(event: Any) -> tuple[Any, ...]:
    return (
        type(event).__name__,
        getattr(event, "value", None),
        getattr(event, "anchor", None),
        str(getattr(event, "tag", None)),
        getattr(event, "style", None),
        getattr(event, "implicit", None),
        (event.start_mark.line, event.start_mark.column, event.end_mark.line, event.end_mark.column),
    )


def stream(make: Any, text: str) -> tuple[list[Any], str]:
    found: list[Any] = []
    try:
        found.extend(key(event) for event in make(text))
    except YAMLError as error:
        return [], type(error).__name__
    return found, ""


def plain_events(text: str) -> Any:
    return YAML(typ="safe", pure=True).parse(text)


PIECES = st.sampled_from(
    [
        *[
            "a",
            "b c",
            "d: e",
            "- ",
            "? ",
            ": ",
            ", ",
            "\n",
            "\n  ",
            "\n    ",
            "{",
            "}",
            "[",
            "]",
            "# x",
            " #y",
        ],
        *[
            "'q q'",
            "'it''s'",
            '"p: q"',
            '"\\n"',
            "&x ",
            "*x",
            "!!str ",
            "|\n  t\n",
            ">\n  u\n v\n",
            "---",
            "...",
        ],
        *[
            "1.5",
            "~",
            "a:b",
            "a#b",
            "-a",
            "?a",
            "é",
            "\u2028",
            "\x85",
            "http://x.y/z?q=1#f",
            "%",
            "@",
            "\t",
            "\r\n",
        ],
    ]
)


@settings(deadline=None, max_examples=400, derandomize=True)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_the_short_cuts_give_the_librarys_events(text: str) -> None:
    assert stream(events, text) == stream(plain_events, text)


@pytest.mark.parametrize("path", [*sorted(HERE.glob("*.yaml")), *sorted((HERE / "broken").glob("*.yaml"))])
def test_the_short_cuts_give_the_librarys_events_on_cases(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert stream(events, text) == stream(plain_events, text)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[
            ("no", "no"),
            ("on", "on"),
            ("yes", "yes"),
            ("NO", "NO"),
            ("2022-01-05", "2022-01-05"),
            ("1_000", "1_000"),
        ],
        *[
            ("null", None),
            ("~", None),
            ("", None),
            ("true", True),
            ("False", False),
            ("012", 12),
            ("0o17", 15),
        ],
        *[("0x1F", 31), ("-3", -3), ("+3", 3), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), (".inf", math.inf)],
        *[("-.inf", -math.inf), ("'1'", "1"), ('"a\\tb"', "a\tb"), ("!!str 5", "5"), ("! 5", "5")],
        *[("!!float 5", 5), ("1:30", "1:30"), ("1e", "1e"), ("..", ".."), ("+", "+"), ("9" * 400, "9" * 400)],
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    found = parse(f"a: {written}", "f").plain()["a"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_read_as_such() -> None:
    assert math.isnan(parse("a: .nan", "f").plain()["a"])


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (HERE / "example.yaml").read_bytes())
    assert check_case(path).ok


def test_windows_line_ends_are_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes((HERE / "example.yaml").read_bytes().replace(b"\n", b"\r\n"))
    report = check_case(path)
    assert report.ok
    assert [w.line for w in report.warnings] == [w.line for w in check_case(HERE / "example.yaml").warnings]


def test_aliases_are_read() -> None:
    assert parse("a: &x {b: [1, 2]}\nc: *x\n", "f").plain() == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


def test_a_value_tagged_as_what_it_is_not_is_refused() -> None:
    with pytest.raises(RefusedError, match="is no int"):
        parse("a: !!int x", "f")
    with pytest.raises(RefusedError, match="is no map"):
        parse("a: !!map [1]", "f")


def test_limits_leave_room_for_a_large_case() -> None:
    """Twelve sectors between twenty regions, a key and a figure each, and as much again."""
    assert LIMITS.nodes >= 2 * 12 * 20 * 20 * 2
    assert LIMITS.size >= 25 * LIMITS.nodes


def test_places() -> None:
    document = parse("a:\n  b: [1, {id: x, c: 2}]\n  d:\ne: 3\n", "f")
    assert str(document.at(("a", "b", 1, "c"))) == "f:2:21"
    assert str(document.at(("a", "b", 1, "c"), key=True)) == "f:2:18"
    assert str(document.at(("a", "d"))) == "f:3:3"
    assert str(document.at(("a", "zzz", "y"))) == "f:1:1"
    assert document.locate("a.b.x.c") == ("a", "b", 1, "c")
    assert document.locate("a.b.0") == ("a", "b", 0)
    assert document.locate("a.b.y") is None
