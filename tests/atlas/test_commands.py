"""``tertius leverage`` and ``what-if`` as they are typed."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import tertius._atlas
from tertius.cli import app
from tertius.errors import CannotCompute


@pytest.fixture(autouse=True)
def _here(small_world, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def typed(*arguments):
    return CliRunner().invoke(app, list(arguments))


def table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_leverage_in_every_form(tmp_path):
    result = typed(
        *("leverage", "KAZ", "--draws", "4", "--json", "a.json", "--csv", "a.csv", "--netcdf", "a.nc"),
        *("--html", "a.html", "--chart", "a.svg", "--map", "a.png"),
    )
    assert result.exit_code == 0, result.output
    assert files(tmp_path) == ["a.csv", "a.html", "a.json", "a.nc", "a.png", "a.svg"]
    said = result.stdout
    assert "holds the largest trade lever over Kazakhstan" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80
    assert "█" in said
    assert "Wrong by a factor of ten" in said
    numbers = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert numbers["country"] == "KAZ"
    russia = numbers["levers"]["RUS"]["trade"]
    assert russia["p05"] <= russia["median"] <= russia["p95"]
    assert numbers["blocs"]["west"]["members"] == ["DEU", "FRA", "POL", "USA"]
    rows = table(tmp_path / "a.csv")
    assert {row["partner"] for row in rows} == set(numbers["levers"])
    assert float(next(r for r in rows if r["partner"] == "RUS")["lever_central"]) == russia["central"]
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as arrays:
        assert arrays["lever_draws"].dims == ("draw", "partner")
        np.testing.assert_allclose(arrays["lever"].sel(partner="RUS"), russia["central"], rtol=1e-5)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    assert not re.search(r'(?:src|url\()\s*=?\s*["\']?https?:', page)
    assert page.count("<svg") == 3
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")


def test_missing_is_blank_null_and_said(tmp_path):
    result = typed("leverage", "ARM", "--draws", "2", "--json", "a.json", "--csv", "a.csv")
    assert result.exit_code == 0, result.output
    assert "missing, not zero" in " ".join(result.stdout.split())
    numbers = json.loads((tmp_path / "a.json").read_text())
    assert numbers["levers"]["VNM"]["trade"]["median"] is None
    row = next(r for r in table(tmp_path / "a.csv") if r["partner"] == "VNM")
    assert row["lever_median"] == ""


def test_the_whole_world(tmp_path):
    result = typed(
        "leverage", "--all", "--csv", "a.csv", "--html", "a.html", "--json", "a.json", "--power", "west"
    )
    assert result.exit_code == 0, result.output
    rows = table(tmp_path / "a.csv")
    assert len(rows) == 12 * 11
    assert sum(row["lever_log_points"] == "" for row in rows) == 2
    assert {row["client"] for row in rows if row["client_lifted"] == "1"} == {"UZB"}
    assert "holds the largest trade lever over" in result.stdout
    assert set(json.loads((tmp_path / "a.json").read_text())["largest"]) <= {row["client"] for row in rows}


def test_what_if_in_every_form(tmp_path):
    result = typed(
        *("what-if", "KAZ", "--exit", "west", "--exit", "TUR:0.5", "--draws", "4", "--json", "a.json"),
        *("--netcdf", "a.nc", "--html", "a.html", "--chart", "a.png", "--map", "a.svg"),
    )
    assert result.exit_code == 0, result.output
    assert files(tmp_path) == ["a.html", "a.json", "a.nc", "a.png", "a.svg"]
    said = " ".join(result.stdout.split())
    assert "If the West and Türkiye (50 %) stopped trading with Kazakhstan" in said
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "Not in the data" in said
    numbers = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    moved = numbers["displacement"]
    assert set(moved) >= {"tertius", "leverage_gain", "vacuum_share", "client_loss", "who_pays", "unfilled"}
    assert moved["client_loss"]["p05"] <= moved["client_loss"]["median"] <= moved["client_loss"]["p95"]
    assert [e["degree"] for e in numbers["exits"]] == [1.0, 0.5]
    assert 0 <= sum(moved["tertius"].values()) <= 1


def test_numbers_to_the_standard_output_stand_alone():
    result = typed("what-if", "KAZ", "--exit", "west", "--draws", "4", "--json", "-")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["country"] == "KAZ"
    assert "The vacuum" in result.stderr


def test_quiet_says_the_answer_and_where_files_are():
    result = typed("leverage", "KAZ", "--draws", "4", "--quiet", "--json", "b.json")
    lines = result.stdout.strip().splitlines()
    assert len(lines) == 2
    assert lines[1] == "Numbers: b.json"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["leverage"], "--all"),
        (["leverage", "KAZ", "--all"], "two questions"),
        (["leverage", "KZA"], "Did you mean Kazakhstan (KAZ)"),
        (["leverage", "KAZ", "--year", "2021"], "2020 and 2023"),
        (["leverage", "KAZ", "--factors", "stuck"], "mobile or specific"),
        (["leverage", "KAZ", "--json", "a", "--csv", "a"], "same file"),
        (["leverage", "KAZ", "--json", "-", "--csv", "-"], "standard output"),
        (["leverage", "KAZ", "--json", "nowhere/a.json"], "nowhere"),
        (["what-if", "KAZ"], "say who leaves"),
        (["what-if", "KZA", "--exit", "wset", "--year", "2021"], "3 things are wrong"),
        (["what-if", "KAZ", "--exit", "west", "--chart", "a.gif"], ".svg or .png"),
    ],
)
def test_wrong_input_is_exit_code_two_and_leaves_nothing(arguments, words, tmp_path):
    result = typed(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert files(tmp_path) == []


def test_data_that_are_not_there_are_exit_code_one(monkeypatch, tmp_path):
    def absent(name):
        raise CannotCompute(
            "not on this machine", code="no-data", path=name, hint="`tertius data get baci-2023`"
        )

    monkeypatch.setattr(tertius._atlas.asking, "load_world", absent)
    result = typed("what-if", "KAZ", "--exit", "west")
    assert result.exit_code == 1
    assert "Tertius data get" in result.stderr or "tertius data get" in result.stderr


def test_an_interrupt_leaves_nothing(monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(tertius._atlas, "what_if", interrupted)
    result = typed("what-if", "KAZ", "--exit", "west", "--json", "a.json")
    assert result.exit_code == 130
    assert "Interrupted" in result.stderr
    assert files(tmp_path) == []
