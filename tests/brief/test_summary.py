from __future__ import annotations

import json
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius._brief import brief


@pytest.fixture(scope="module")
def summary(full: xr.DataTree) -> dict[str, Any]:
    return json.loads(brief(full).json())


def test_the_fixed_layout(summary: dict[str, Any], synthetic: ModuleType) -> None:
    assert {
        "tertius",
        "case",
        "digest",
        "draws",
        "seed",
        "unconverged",
        "levers",
        "displacement",
        "claims",
    } <= summary.keys()
    assert list(summary["levers"]) == list(synthetic.POWERS)
    assert list(summary["levers"]["china"]) == synthetic.DOMAINS
    assert summary["levers"]["china"]["total"].keys() == {"median", "p05", "p95", "unit"}
    found = summary["displacement"]
    assert found["exit"] == "west_out"
    assert found["leverage_gain"]["china"]["total"]["unit"] == "log points"
    assert set(found["vacuum_share"]["china"]) == set(synthetic.FLOWS)
    assert set(found["client_loss"]) == set(synthetic.DOMAINS)
    assert set(found["tertius"]) == set(synthetic.POWERS) - {"west"}
    for claim in summary["claims"]:
        assert {
            "id",
            "text",
            "verdict",
            "probability",
            "likelihood",
            "confidence",
            "sourced_share",
        } <= claim.keys()
    assert [claim["number"] for claim in summary["claims"]] == list(range(1, 27))


def test_numbers_are_those_of_the_findings(summary: dict[str, Any], full: xr.DataTree) -> None:
    values = full["levers/lever"].sel(power="russia", domain="capital").values
    cell = summary["levers"]["russia"]["capital"]
    for key, q in (("p05", 5), ("median", 50), ("p95", 95)):
        assert cell[key] == pytest.approx(np.percentile(values, q), rel=1e-5)
    total = full["displacement/tertius_by_leverage"].sel(domain="total")
    for power, probability in summary["displacement"]["tertius"].items():
        assert probability == pytest.approx(float(total.sel(power=power)), rel=1e-5)


def test_missing_is_null_and_infinite_is_said(synthetic: ModuleType) -> None:
    found = json.loads(brief(synthetic.infinite()).json())
    assert found["levers"]["russia"]["security"]["median"] == "infinite"
    assert found["levers"]["russia"]["total"]["p05"] == "infinite"
    assert found["effective_powers"]["total"]["median"] is None
    assert found["net_levers"]["china"]["opinion"]["median"] is None
    one_way = json.loads(brief(synthetic.one_way()).json())
    assert all(cell["median"] is None for cells in one_way["net_levers"].values() for cell in cells.values())


def test_sections_that_did_not_run_are_absent(synthetic: ModuleType) -> None:
    found = json.loads(brief(synthetic.bare()).json())
    assert not {"levers", "displacement", "claims", "structures", "sensitivity"} & found.keys()
    found = json.loads(brief(synthetic.minimal()).json())
    assert "levers" in found
    assert "displacement" not in found


def test_further_exits_stand_below_the_first(summary: dict[str, Any]) -> None:
    assert list(summary["displacement"]["exits"]) == ["russia_out"]
    assert "west" in summary["displacement"]["exits"]["russia_out"]["tertius"]
    assert summary["displacement"]["draws"] == 256
    assert summary["displacement"]["exits"]["russia_out"]["draws"] == 64


def test_effective_powers_before_are_those_of_the_exits_own_draws(
    summary: dict[str, Any], full: xr.DataTree
) -> None:
    values = full["levers/effective_powers"].sel(domain="total").values
    for found, rows in ((summary["displacement"], 256), (summary["displacement"]["exits"]["russia_out"], 64)):
        before = found["effective_powers_before"]["total"]
        assert before["median"] == pytest.approx(np.median(values[:rows]), rel=1e-5)
        assert before["unit"] == found["effective_powers_after"]["total"]["unit"] == "powers"
    after = full["exits/russia_out/effective_powers_after"].sel(domain="capital").values
    cell = summary["displacement"]["exits"]["russia_out"]["effective_powers_after"]["capital"]
    assert cell["p95"] == pytest.approx(np.percentile(after, 95), rel=1e-5)


def test_the_same_findings_give_the_same_bytes(synthetic: ModuleType) -> None:
    first, second = synthetic.full(), synthetic.full()
    second.attrs["created"] = "2030-01-01T00:00:00Z"
    second.attrs["seconds_json"] = json.dumps({"draws": 99.0})
    assert brief(first).json() == brief(second).json()


def test_it_is_strict_json(findings: xr.DataTree) -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is no JSON")

    text = brief(findings).json()
    assert text.endswith("}\n")
    json.loads(text, parse_constant=refuse)


def test_probabilities_of_claims_not_computed_are_null(summary: dict[str, Any]) -> None:
    for claim in summary["claims"]:
        if claim["verdict"] in {"not testable", "not yet computed"}:
            assert claim["probability"] is None
            assert claim["likelihood"] is None
            assert claim["reason"]
        else:
            assert 0 <= claim["probability"] <= 1
            assert not math.isnan(claim["probability_doubled"])
