from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import xarray as xr
from typer.testing import CliRunner, Result

import tertius
import tertius.case
from tertius.cli import app
from tertius.errors import BadInput, CannotCompute

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("jax", "xarray", "pandas", "vl_convert", "jinja2", "scipy")


def _synthetic() -> ModuleType:
    path = ROOT / "tests" / "brief" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("tertius_synthetic_findings_for_cli", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SYNTHETIC = _synthetic()


class Study:
    """Stands in for a study: remembers what it was asked and gives made-up findings, or raises."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.overrides: list[str] = []
        self.raises: BaseException | None = None
        self.findings: xr.DataTree = SYNTHETIC.minimal()

    def load(self, name: str, overrides: list[str] | tuple[str, ...] = ()) -> SimpleNamespace:
        self.overrides = list(overrides)
        if name == "missing":
            raise BadInput("no such case", code="unknown-case", path=name, hint="see `tertius cases`")
        return SimpleNamespace(id=name)

    def __call__(
        self, case: SimpleNamespace, *, progress: Callable[[str, float], None], **given: Any
    ) -> xr.DataTree:
        self.asked = {"case": case.id, **given}
        progress("levers", 0.5)
        if self.raises is not None:
            raise self.raises
        return self.findings


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Study:
    made = Study()
    monkeypatch.setattr(tertius, "study", made, raising=False)
    monkeypatch.setattr(tertius.case, "load_case", made.load)
    monkeypatch.chdir(tmp_path)
    return made


def tertius_run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_shows_a_brief_and_writes_a_page(study: Study, tmp_path: Path) -> None:
    result = tertius_run("run", "toy")
    assert result.exit_code == 0, result.output
    assert study.asked == {
        "case": "toy",
        "draws": 8192,
        "seed": 0,
        "allow_unconverged": False,
        "sensitivity": False,
        "replicates": 0,
    }
    assert files(tmp_path) == ["toy.html"]
    assert (tmp_path / "toy.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "Who holds which lever" in result.stdout
    assert "Page: toy.html" in result.stdout
    assert "in all" in result.stdout


def test_all_options(study: Study, tmp_path: Path) -> None:
    result = tertius_run(
        *("run", "toy", "--draws", "256", "--seed", "7", "--out", "a.html", "--json", "b.json"),
        *("--netcdf", "c.nc", "--set", "a.b=1", "--set", "c={range: [1, 2]}", "--allow-unconverged"),
    )
    assert result.exit_code == 0, result.output
    assert study.asked == {
        "case": "toy",
        "draws": 256,
        "seed": 7,
        "allow_unconverged": True,
        "sensitivity": False,
        "replicates": 0,
    }
    assert study.overrides == ["a.b=1", "c={range: [1, 2]}"]
    assert files(tmp_path) == ["a.html", "b.json", "c.nc"]
    assert json.loads((tmp_path / "b.json").read_text())["case"] == "kazakhstan-2022"
    with xr.open_datatree(tmp_path / "c.nc", engine="h5netcdf") as tree:
        xr.testing.assert_allclose(tree["levers"].to_dataset(), study.findings["levers"].to_dataset())


def test_quiet_says_the_answer_and_where_files_are(study: Study) -> None:
    result = tertius_run("run", "toy", "--quiet", "--json", "b.json")
    assert result.exit_code == 0
    lines = result.stdout.strip().splitlines()
    assert lines[0].startswith("Russia holds the largest lever over Kazakhstan")
    assert lines[1:] == ["Page: toy.html", "Summary: b.json"]
    assert result.stderr == ""


def test_a_summary_to_standard_output_stands_alone(study: Study) -> None:
    result = tertius_run("run", "toy", "--json", "-")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["case"] == "kazakhstan-2022"
    assert "Who holds which lever" in result.stderr


@pytest.mark.parametrize(
    ("draws", "hint"), [("1000", "512 and 1024"), ("3", "2 and 4"), ("0", "try"), ("1", "try"), ("-8", "try")]
)
def test_draws_are_a_power_of_two(study: Study, tmp_path: Path, draws: str, hint: str) -> None:
    result = tertius_run("run", "toy", "--draws", draws)
    assert result.exit_code == 2
    assert "power of two" in result.stderr
    assert hint in result.stderr.lower()
    assert study.asked == {}
    assert files(tmp_path) == []


@pytest.mark.parametrize("option", ["--out", "--json", "--netcdf"])
def test_a_folder_that_is_not_there_is_refused_before_computing(
    study: Study, tmp_path: Path, option: str
) -> None:
    result = tertius_run("run", "toy", option, "nowhere/file.x")
    assert result.exit_code == 2
    assert "error[no-folder]" in result.stderr
    assert study.asked == {}
    assert files(tmp_path) == []


def test_a_folder_is_no_file(study: Study, tmp_path: Path) -> None:
    (tmp_path / "toy.html").mkdir()
    result = tertius_run("run", "toy")
    assert result.exit_code == 2
    assert "error[is-folder]" in result.stderr
    assert study.asked == {}


def test_two_outputs_do_not_share_a_file(study: Study, tmp_path: Path) -> None:
    result = tertius_run("run", "toy", "--out", "x", "--json", "./x")
    assert result.exit_code == 2
    assert "error[same-file]" in result.stderr
    assert files(tmp_path) == []


@pytest.mark.parametrize("change", ["a.b", "=1", "a.b="])
def test_a_change_names_an_input_and_a_value(study: Study, change: str) -> None:
    result = tertius_run("run", "toy", "--set", change)
    assert result.exit_code == 2
    assert "PATH=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("a share above one", code="share", path="case.yaml:3:5", hint="lower it"), 2),
        (CannotCompute("3 % of the draws did not converge", code="unconverged", hint="see --allow"), 1),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_goes_wrong_is_said_without_a_traceback(
    study: Study, tmp_path: Path, error: BaseException, code: int
) -> None:
    study.raises = error
    result = tertius_run("run", "toy")
    assert result.exit_code == code
    assert "Traceback" not in result.output
    assert result.stderr.strip()
    if isinstance(error, BadInput):
        assert result.stderr.splitlines() == [
            "case.yaml:3:5: error[share]: a share above one",
            "  Lower it.",
        ]
    assert files(tmp_path) == []


def test_debug_shows_where(study: Study) -> None:
    study.raises = CannotCompute("no", code="x")
    result = tertius_run("--debug", "run", "toy")
    assert isinstance(result.exception, CannotCompute)


def test_an_unknown_case(study: Study) -> None:
    result = tertius_run("run", "missing")
    assert result.exit_code == 2
    assert "missing: error[unknown-case]: no such case" in result.stderr


def test_an_interrupted_write_leaves_what_was_there(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy.html").write_text("old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    result = tertius_run("run", "toy")
    assert result.exit_code == 130
    assert files(tmp_path) == ["toy.html"]
    assert (tmp_path / "toy.html").read_text() == "old"


def test_a_broken_off_netcdf_leaves_nothing(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: xr.DataTree, name: str, **_: object) -> None:
        Path(name).write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", broken)
    result = tertius_run("run", "toy", "--netcdf", "f.nc")
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert files(tmp_path) == ["toy.html"]


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "toy", "--nope"], ["nope"], ["run", "toy", "--seed", "-1"]]
)
def test_misuse_is_exit_code_2(arguments: list[str]) -> None:
    assert tertius_run(*arguments).exit_code == 2


def test_version_and_help() -> None:
    assert tertius_run("--version").stdout == f"tertius {tertius.__version__}\n"
    text = tertius_run("run", "--help").stdout
    for option in (
        "--draws",
        "--seed",
        "--out",
        "--json",
        "--netcdf",
        "--set",
        "--quiet",
        "--allow-unconverged",
    ):
        assert option in text


def test_cases_lists_what_ships() -> None:
    result = tertius_run("cases")
    assert result.exit_code == 0
    assert any(line.startswith("kazakhstan-2022  ") for line in result.stdout.splitlines())


def test_schema_is_json() -> None:
    found = json.loads(tertius_run("schema").stdout)
    assert found["$schema"].startswith("https://json-schema.org/")


def test_check_passes_a_shipped_case() -> None:
    result = tertius_run("check", "kazakhstan-2022")
    assert result.exit_code == 0, result.output


def test_check_tells_every_mistake_with_its_place(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("tertius: 1\nid: broken\ntitel: x\nclient: {id: a, name: A}\n")
    result = tertius_run("check", str(broken))
    assert result.exit_code == 2
    assert f"{broken}:3:1: error" in result.stdout
    assert "title" in result.stdout
    assert "Traceback" not in result.output
    assert len(result.stdout.splitlines()) > 2


def test_check_reads_the_claims_too(tmp_path: Path) -> None:
    source = tertius.case.load_case("kazakhstan-2022")
    claim = next(c for c in source.claims if c.expression)
    shipped = (ROOT / "src" / "tertius" / "cases" / "kazakhstan-2022.yaml").read_text(encoding="utf-8")
    assert claim.expression is not None
    assert claim.expression in shipped
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        shipped.replace(claim.expression, "displacement.leverage_gian[china] > 0", 1), encoding="utf-8"
    )
    result = tertius_run("check", str(wrong))
    assert result.exit_code == 2
    assert "leverage_gain" in result.stdout
    assert f"{wrong}:" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["cases"], ["schema"], ["check", "kazakhstan-2022"], ["run", "--help"], ["data", "list"]],
)
def test_light_commands_do_not_wait_for_the_models(arguments: list[str]) -> None:
    program = (
        "import sys, json\n"
        "from tertius.cli import main\n"
        f"sys.argv = ['tertius', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=_environment()
    )
    assert done.stderr.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("asked", [None, "cuda"])
def test_models_run_on_the_processors_unless_another_device_is_asked_for(asked: str | None) -> None:
    program = (
        "import os, tertius.cli as cli\ncli.main = lambda: print(os.environ['JAX_PLATFORMS'])\ncli.program()"
    )
    environment = {k: v for k, v in _environment().items() if k != "JAX_PLATFORMS"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment | ({} if asked is None else {"JAX_PLATFORMS": asked}),
    )
    assert done.stdout.strip() == (asked or "cpu")


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def test_compare_puts_a_case_and_changes_side_by_side(study: Study, tmp_path: Path) -> None:
    study.findings = SYNTHETIC.full()
    result = tertius_run("compare", "toy", "other", "--set", "a=1", "--draws", "256", "--json", "c.json")
    assert result.exit_code == 0, result.output
    assert study.asked["draws"] == 256
    assert study.overrides == ["a=1"]
    for words in ("toy beside other", "No verdict differs", "Lever of Russia", "a=1"):
        assert words in result.output
    written = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert list(written["compared"]) == ["toy", "other", "a=1"]
    row = next(iter(written["claims"].values()))
    assert row["toy"] == row["other"]


def test_compare_needs_something_to_compare_with(study: Study, tmp_path: Path) -> None:
    result = tertius_run("compare", "toy")
    assert result.exit_code == 2
    assert "--set or --patch" in result.output
    assert files(tmp_path) == []
