"""What drives a verdict, on which sources it rests, and what turns it: on the small case, whose claims are known."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtr, ndtri
from typer.testing import CliRunner

import tertius as tt
from tertius._study.draws import design
from tertius._study.explorer import Explorer
from tertius._study.run import _inputs
from tertius.case import load_case
from tertius.claims.depth import _Court
from tertius.claims.replicates import seeds
from tertius.cli import app
from tertius.errors import BadInput

_path = Path(__file__).resolve().parents[2] / "validation" / "flips.py"
_spec = importlib.util.spec_from_file_location("validation_flips", _path)
assert _spec is not None
assert _spec.loader is not None
flips = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = flips
_spec.loader.exec_module(flips)

CLAIMS = [
    {
        "id": "west_costs",
        "text": "A break with the West costs more than two points of capital.",
        "expression": "displacement.client_loss[capital] > 2",
    },
    {
        "id": "weight_alone",
        "text": "A statement about one figure and a lever that it scales.",
        "expression": "levers.lever[west, capital] > 0.4 * levers.lever[west, security]",
    },
    {"id": "inputs_only", "text": "Not testable.", "expression": 'inputs["domains.capital.weight"] > 0.1'},
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("depth") / "small.yaml"


@pytest.fixture(scope="module")
def studied(small: Any, place: Path) -> xr.DataTree:
    document = json.loads(small.canonical_json())
    document["claims"] = CLAIMS
    del document["trade"], document["exits"]["half"]
    place.write_text(json.dumps(document), encoding="utf-8")
    return tt.study(load_case(place), draws=1024, seed=1, sensitivity=True)


def test_only_claims_with_a_verdict_are_looked_into(studied: xr.DataTree) -> None:
    assert list(studied["flips"]["claim_id"].values)
    for group in ("screening", "blocks", "evidence"):
        assert list(studied[group]["claim"].values) == ["west_costs", "weight_alone"]
    numbers = [str(n) for n in studied["drivers"]["number"].values]
    assert numbers[:2] == ["claims.west_costs", "claims.weight_alone"]
    assert "levers.lever[west]" in numbers
    assert "displacement.client_loss" in numbers


def test_what_drives_a_margin_is_what_its_expression_reads(studied: xr.DataTree) -> None:
    total = studied["drivers"]["total"].sel(number="claims.west_costs").to_series()
    assert total[[p for p in total.index if p.startswith("domains.security")]].abs().max() < 0.02
    assert total["domains.capital.weight"] > 0.1
    blocks = studied["blocks"]["total"].sel(claim="west_costs").to_series()
    assert blocks["domains.capital"] == pytest.approx(1, abs=0.1)
    assert blocks["domains.security"] == pytest.approx(0, abs=1e-12)
    screened = studied["screening"]["mu_star"].sel(claim="west_costs").to_series()
    assert (screened[[p for p in total.index if p.startswith("domains.security")]] < 1e-9).all()
    assert screened["domains.capital.weight"] > 0
    assert (studied["drivers"]["unexplained"].values < 0.1).all()


def test_shares_of_the_sources_are_shares(studied: xr.DataTree) -> None:
    share = studied["evidence"]["share"]
    np.testing.assert_allclose(share.sum("source"), 1, atol=1e-9)
    # Without trade nothing in this case has a source.
    assert list(share["source"].values) == ["assumed"]


def test_sections_and_screening_reach_the_page_and_the_summary(studied: xr.DataTree) -> None:
    made = tt.brief(studied)
    written = json.loads(made.json())
    assert written["sections"]["west_costs"]["domains.capital"]["total"] == pytest.approx(1, abs=0.1)
    assert "domains.capital.weight" in written["screening"]["west_costs"]
    assert "domains.security.weight" not in written["screening"]["west_costs"]
    assert "Sections of the case" in made.html()


def test_every_flip_turns_its_verdict_when_its_command_is_run(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ``validation/flips.py``, which does the same to the founding case; here within one process."""
    monkeypatch.chdir(tmp_path)

    def run(words: Sequence[str]) -> None:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == 0, result.output

    runs = flips.check(str(place), 1024, 5, run=run)
    assert {r.claim for r in runs} == {"west_costs", "weight_alone"}
    assert all(r.crosses for r in runs), runs


def test_the_slope_of_a_response_is_the_gradient_of_the_probability(
    studied: xr.DataTree, place: Path
) -> None:
    """Stein's identity, against moving the whole distribution of an input a little each way and running again."""
    case = load_case(place)
    layout = design(case, 1024, 1)
    explorer = Explorer(case, layout, "west_out", ("west_out",), partial(_inputs, layout))
    court = _Court(studied, explorer, None)
    slope = court._responses().slope[court.claims.index("west_costs")]
    assert np.count_nonzero(slope) >= 3
    step = 0.3
    for k in np.argsort(-abs(slope))[:3]:
        moved = []
        for sign in (1.0, -1.0):
            points = layout.a.copy()
            points[:, k] = ndtr(ndtri(points[:, k]) + sign * step)
            moved.append(explorer.at(points))
        up, down = court._chance(court._margins("", moved))[:, court.claims.index("west_costs")]
        assert slope[k] == pytest.approx((up - down) / (2 * step), abs=0.03)


def test_flips_are_moves_in_standard_deviations(studied: xr.DataTree) -> None:
    found = studied["flips"].to_dataset()
    for k in range(found.sizes["flip"]):
        row = found.isel(flip=k)
        assert float(row["distance"]) == pytest.approx(np.sqrt(np.nansum(row["move"].values ** 2)))
        assert (float(row["after"]) - 0.5) * (float(row["before"]) - 0.5) < 0


def test_a_stated_correlation_shares_effects_out(small: Any, tmp_path: Path) -> None:
    """The claim reads the weight of capital alone, which is said to go with the weight of security."""
    document = json.loads(small.canonical_json())
    document["claims"] = CLAIMS[:1]
    del document["trade"], document["exits"]["half"]
    pair = ["domains.capital.weight", "domains.security.weight"]
    document["correlations"] = [{"between": pair, "value": 0.8, "assumed": "made up for the tests"}]
    place = tmp_path / "correlated.yaml"
    place.write_text(json.dumps(document), encoding="utf-8")
    found = tt.study(load_case(place), draws=1024, seed=1, sensitivity=True)["drivers"]
    one = found.to_dataset().sel(number="claims.west_costs")
    capital, security = (float(one["shapley"].sel(input=p)) for p in pair)
    first = [float(one["first_order"].sel(input=p)) for p in pair]
    assert float(one["shapley"].sum()) == pytest.approx(1, abs=0.05 + float(one["unexplained"]))
    # Of what the weight does by itself, the one that merely goes with it has about ρ²/2.
    assert security == pytest.approx(0.32 * first[0], abs=0.05)
    assert capital > security > 0.05
    assert first[1] == pytest.approx(0.64 * first[0], abs=0.07)
    assert float(one["total"].sel(input=pair[1])) == pytest.approx(0, abs=0.03)


def test_a_study_goes_no_deeper_than_it_is_told(small: Any) -> None:
    findings = tt.study(small, draws=64)
    assert not {"drivers", "screening", "blocks", "evidence", "flips"} & set(findings.children)


@pytest.mark.usefixtures("studied")
def test_replicates_have_seeds_of_their_own_that_repeat_them(place: Path) -> None:
    case = load_case(place)
    found = tt.study(case, draws=256, seed=1, replicates=3)
    again = found["replicates"].to_dataset()
    assert list(again["seed"].values) == seeds(1, 3)
    assert seeds(1, 5)[:3] == seeds(1, 3)
    assert len({*seeds(1, 5), *seeds(2, 5)}) == 10
    claims = found["claims"].to_dataset()
    known = [str(c) for c in claims["claim"].values if np.isfinite(claims["probability"].sel(claim=c))]
    assert known
    repeated = tt.study(case, draws=256, seed=int(again["seed"][1]))["claims"]["probability"]
    for c in known:
        row = again.sel(number=f"claims.{c}")
        assert float(row["study"]) == float(claims["probability"].sel(claim=c))
        assert float(row["value"][1]) == float(repeated.sel(claim=c))
        assert float(row["error"]) == pytest.approx(np.std(row["value"].values, ddof=1))
    # No two runs have a draw in common.
    assert len(set(again["value"].sel(number=f"claims.{known[0]}").values)) > 1
    made = tt.brief(found)
    page = made.html().replace("\N{NO-BREAK SPACE}", " ")
    assert page.count("In 3 further runs of 256 draws a likelihood moves by") == 2
    assert json.loads(made.json())["replicates"]["seeds"] == seeds(1, 3)


@pytest.mark.usefixtures("studied")
@pytest.mark.parametrize("count", [1, -1])
def test_one_replicate_says_nothing(count: int, place: Path) -> None:
    with pytest.raises(BadInput, match="two replicates at least"):
        tt.study(load_case(place), draws=64, replicates=count)
