"""The record of the models of bargaining: computed anew, against another program's averages, and as printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tertius._study.scores import bargaining
from tertius.cli import app
from tertius.models.bargaining import weighted_mean, weighted_median

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture(scope="module")
def data(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERTIUS_DATA_MIRROR", str(mirror))
        patch.setenv("TERTIUS_DATA_STORE", str(tmp_path_factory.mktemp("store")))
        yield


@pytest.fixture(scope="module")
def found(data: None) -> dict[str, Any]:
    return bargaining.score()


def test_the_record_that_is_shipped_is_what_comes_out(found: dict[str, Any]) -> None:
    """The numbers that a brief shows are those of this version's models on these data."""

    def alike(a: Any, b: Any, path: str = "") -> None:
        if isinstance(b, dict):
            assert a.keys() == b.keys(), path
            for key in b:
                alike(a[key], b[key], f"{path}.{key}")
        elif isinstance(b, float):
            assert a == pytest.approx(b, abs=1e-6), path
        else:
            assert a == b, path

    shipped = bargaining.record()
    alike(*({k: v for k, v in r.items() if k != "tertius"} for r in (found, shipped)))


def test_another_programs_averages(found: dict[str, Any]) -> None:
    bench = found["benchmark"]
    assert round(bench["challenge_mae"], 2) == 26.83
    assert round(bench["compromise_mae"], 2) == 22.99
    assert (bench["issues"], bench["shared"], bench["same_outcome"]) == (351, 322, 322)
    # Every difference has its reason: none is left over, and those that differ are few.
    assert bench["unexplained"] == []
    assert bench["same_forecast"] + len(bench["votes_of_27_for_earlier_proposals"]) == bench["shared"]
    assert len({d["issue"][:-2] for d in bench["votes_of_27_for_earlier_proposals"]}) == 6


def test_averages_that_the_description_of_the_data_gives() -> None:
    given = bargaining.decisions()
    actors = given.positions, given.saliences, given.capabilities

    def error(forecast: Any) -> float:
        return round(float(np.abs(np.asarray(forecast) - given.outcome).mean()), 1)

    assert len(given.issue) == 322
    assert error(weighted_mean(*actors, present=given.present, weight="equal").outcome) == 23.7
    assert error(weighted_mean(*actors, present=given.present, weight="salience").outcome) == 23.7
    # The median there is of all positions, also of those without a salience.
    everybody = ~np.isnan(given.positions)
    assert error(weighted_median(*actors, present=everybody, weight="equal", tie="middle").outcome) == 29.0
    assert error(50.0) == 28.2


def test_capabilities() -> None:
    """A state has its votes; the institutions as many as the state with most; nobody absent has a part."""
    given = bargaining.decisions()
    c = np.where(given.present, given.capabilities, np.nan)
    early = given.splits["fifteen"]
    assert set(np.unique(c[early & given.present.any(1)][given.present[early]])) <= {2, 3, 4, 5, 8, 10}
    most = np.nanmax(c[:, 2:], 1)
    assert (
        c[:, :2][given.present[:, :2]] == np.broadcast_to(most[:, None], (len(c), 2))[given.present[:, :2]]
    ).all()
    assert np.isfinite(c[given.present]).all()


def test_the_splits_are_whole(found: dict[str, Any]) -> None:
    scores = found["scores"]
    for a, b in (
        ("codecision", "consultation"),
        ("fifteen", "twenty_seven"),
        ("reference_known", "reference_unknown"),
    ):
        n = [scores[key]["issues"] for key in (a, b)]
        assert sum(n) == scores["overall"]["issues"]
        for name, of in scores["overall"]["models"].items():
            parts = [scores[key]["models"][name]["mae"] for key in (a, b)]
            assert np.average(parts, weights=n) == pytest.approx(of["mae"])
            assert of["p05"] < of["mae"] < of["p95"]


def test_resampling_is_of_proposals() -> None:
    """With one issue a proposal it is the plain bootstrap; with all issues in one it cannot vary."""
    rng = np.random.default_rng(0)
    error = rng.uniform(0, 100, (400, 1))
    apart = bargaining._resampled(error, np.arange(400).astype(str), np.random.default_rng(1), 4000)
    assert apart.std() == pytest.approx(error.std() / 20, rel=0.05)
    together = bargaining._resampled(error, np.full(400, "one"), np.random.default_rng(1), 10)
    assert together.ravel() == pytest.approx(error.mean())


def test_what_is_printed(data: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = bargaining.record()
    monkeypatch.setattr(bargaining, "score", lambda progress: shipped)
    target = tmp_path / "scores.json"
    said = CliRunner().invoke(
        app, ["score", "--bargaining", "deu2", "--json", str(target)], env={"COLUMNS": "160"}
    )
    assert said.exit_code == 0
    overall = shipped["scores"]["overall"]["models"]
    for name, title in {**bargaining.ENTRIES, **bargaining.PLAIN}.items():
        line = next(
            line
            for line in said.output.splitlines()
            if title in line and f"{overall[name]['mae']:.2f}" in line
        )
        assert f"{overall[name]['p05']:.1f}–{overall[name]['p95']:.1f}" in line
    assert "Tertius forecasts with the weighted mean" in said.output
    assert json.loads(target.read_text()) == shipped


@pytest.mark.parametrize("asked", [[], ["--bargaining", "deu3"]])
def test_what_cannot_be_scored(asked: list[str]) -> None:
    said = CliRunner().invoke(app, ["score", *asked])
    assert said.exit_code == 2


def test_conferences_are_forecast_and_not_scored() -> None:
    found = bargaining.tables()
    assert {c: len(v["forecasts"]) for c, v in found["conferences"].items()} == {"copenhagen": 7, "paris": 13}
    assert "mae" not in json.dumps(found)
    # The means are another program's as well.
    assert found["conferences"]["copenhagen"]["forecasts"]["Newtreaty"]["weighted_mean"] == pytest.approx(
        61.57627118644068
    )
