"""A case for any country: valid at once, its figures the data's, its gaps said."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tertius import world
from tertius._atlas.new_case import new_case
from tertius.case import check_case, load_case
from tertius.claims import check_claims
from tertius.cli import app
from tertius.errors import BadInput
from tertius.world import MIRROR_VARIABLE


@pytest.fixture(scope="module")
def uzbekistan(mirror: Path, tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MIRROR_VARIABLE, str(mirror))
        name, text, gaps = new_case("UZB", 2022)
        file = tmp_path_factory.mktemp("case") / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        yield file, load_case(file), gaps


def test_it_is_valid_and_without_a_warning(uzbekistan):
    file, case, _ = uzbekistan
    report = check_case(file)
    assert report.ok
    assert "no problems" in str(report)
    assert check_claims(case) == []
    assert case.id == "uzbekistan-2022"
    assert list(case.powers) == ["west", "china", "russia"]


def test_every_figure_has_a_home(uzbekistan):
    _, case, _ = uzbekistan
    figures = case.inputs()
    assert len(figures) > 50
    for figure in figures:
        assert figure.kind in ("sourced", "assumed")
        assert figure.sources or figure.reason, figure.path


def test_trade_is_that_of_the_pair(uzbekistan, mirror, monkeypatch):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    _, case, gaps = uzbekistan
    assert case.trade is not None
    assert case.trade.year == 2020
    assert any("2020" in gap for gap in gaps)
    data = world.load_world("baci-2020").flows
    pairs = (("uzbekistan", "russia", ("UZB", "RUS")), ("china", "uzbekistan", ("CHN", "UZB")))
    for origin, destination, codes in pairs:
        total = sum(case.trade.flows[s].table[origin][destination].central for s in ("energy", "goods"))
        assert total == pytest.approx(float(data.sel(origin=codes[0], destination=codes[1])), rel=1e-3)
    everything = sum(
        case.trade.flows[s].table["uzbekistan"][d].central
        for s in ("energy", "goods")
        for d in ("west", "china", "russia", "rest")
    )
    assert everything == pytest.approx(float(data.sel(origin="UZB").sum()), rel=1e-3)


def test_ties_are_those_of_the_data_scaled_by_what_is_its_own(uzbekistan, mirror, monkeypatch):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    file, case, _ = uzbekistan
    found = world.ties("UZB", 2022, ["west", "CHN", "RUS"])
    assert case.domains["security"].ties.to_client["russia"].central == pytest.approx(
        found.share("security", "RUS"), abs=1e-4
    )
    arms = case.domains["arms"].ties.to_client
    assert arms["west"].central / arms["china"].central == pytest.approx(
        found.share("arms", "west") / found.share("arms", "CHN"), rel=1e-3
    )
    text = file.read_text(encoding="utf-8")
    assert re.search(r"0\.3180 × 0\.\d+, what comes from abroad", " ".join(text.split()))
    for domain in case.domains.values():
        shares = [tie.central for tie in domain.ties.to_client.values()]
        assert sum(shares) + domain.ties.own.central <= 1.03
        assert all(math.isfinite(s) for s in shares)


def test_a_power_without_a_figure_is_assumed_with_the_reason(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    name, text, gaps = new_case("kyrgyzstan", 2022, ["RUS", "CHN", "TUR", "eu"])
    assert name == "kyrgyzstan-2022"
    assert any("Türkiye" in gap and "assumed" in gap for gap in gaps)
    file = tmp_path / "k.yaml"
    file.write_text(text, encoding="utf-8")
    case = load_case(file)
    tie = case.domains["capital"].ties.to_client["turkiye"]
    assert tie.assumed
    assert tie.assumed.startswith("Not in the data")
    assert np.isclose(
        sum(t.central for t in case.domains["capital"].ties.to_client.values()), 0.25, atol=0.03
    )


def test_mistakes_come_at_once(mirror, monkeypatch):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    with pytest.raises(BadInput) as error:
        new_case("UZZ", 1950, ["wset"])
    assert all(word in error.value.message for word in ("3 things", "UZZ", "2000", "west"))
    with pytest.raises(BadInput, match="itself"):
        new_case("CHN", 2020, ["CHN"])


def test_the_command_writes_a_file_once(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv(MIRROR_VARIABLE, str(mirror))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["new", "UZB", "--year", "2019"])
    assert result.exit_code == 0, result.output
    assert [p.name for p in tmp_path.iterdir()] == ["uzbekistan-2019.yaml"]
    assert "tertius run uzbekistan-2019.yaml" in result.stdout
    again = CliRunner().invoke(app, ["new", "UZB", "--year", "2019"])
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert CliRunner().invoke(app, ["new", "UZB", "--year", "2019", "--force"]).exit_code == 0
    assert CliRunner().invoke(app, ["new", "UZB", "--out", "-"]).stdout.startswith("# Uzbekistan, 2023")
