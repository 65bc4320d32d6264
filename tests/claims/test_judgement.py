"""Verdicts on claims, from studies whose answers are known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tertius._study.designs import Designs
from tertius.claims import ClaimError, judge

FINDINGS = Path(__file__).resolve().parents[2] / "docs" / "findings.md"
GAIN = "displacement.leverage_gain[china] > displacement.leverage_gain[russia]"
WEIGHT = "domains.capital.weight"

Make = Callable[..., Any]


def _set(tree: xr.DataTree, difference: np.ndarray) -> xr.DataTree:
    """Make China's total gain exceed Russia's by these numbers."""
    gain = tree["displacement/leverage_gain"]
    gain[:, 0, -1] = 0.0
    gain[:, 1, -1] = difference
    return tree


def test_the_group_is_laid_out_as_documented(
    make_case: Make, make_claim: Make, findings: xr.DataTree, tmp_path: Path
) -> None:
    case = make_case(make_claim("gain", GAIN, text="China gains more."), make_claim("later"))
    found = judge(case, findings, Designs(structures={"mobile": findings}))
    section = FINDINGS.read_text(encoding="utf-8").partition("## `/claims`")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[\w`, ]+`) \| ([\w, ]+) \|", section, flags=re.M)
    documented = {name: dims.split(", ") for names, dims in rows for name in re.findall(r"\w+", names)}
    assert documented == {str(k): list(v.dims) for k, v in found.data_vars.items()}
    assert list(found["structure"].values) == ["base", "mobile"]
    assert list(found["claim"].values) == ["gain", "later"]
    assert all({"long_name", "unit"} <= set(v.attrs) for v in found.data_vars.values())
    xr.DataTree.from_dict({"/claims": found}).to_netcdf(tmp_path / "f.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "f.nc", engine="h5netcdf") as back:
        xr.testing.assert_equal(back["claims"].to_dataset(), found)


@pytest.mark.parametrize(
    ("share", "verdict", "likelihood"),
    [
        (0.9375, "supported", "very likely"),
        (0.5, "contested", "roughly even chance"),
        (0, "contradicted", "almost no chance"),
    ],
)
def test_a_verdict_follows_the_share_of_draws(
    share: float, verdict: str, likelihood: str, make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    margin = np.where(np.arange(64) < 64 * share, 1.0, -2.0)
    found = judge(make_case(make_claim("gain", GAIN)), _set(make_findings(), margin), Designs()).isel(claim=0)
    assert found["probability"] == share
    assert found["verdict"] == verdict
    assert found["likelihood"] == likelihood
    assert found["reason"] == ""
    assert found["confidence"] == "moderate"
    np.testing.assert_array_equal(found["margin"], margin)
    assert np.isnan(found["sourced_share"])
    assert np.isnan(found["probability_doubled"])


@pytest.mark.parametrize(
    ("expression", "verdict", "reason"),
    [
        (None, "not yet computed", "no model computes yet"),
        ("levers.net[west] > 0", "not yet computed", "levers.net[west, total] is missing"),
        (f'inputs["{WEIGHT}"] > 0', "not testable", "reads inputs only"),
        ('inputs["domains.arms.weight"] > 0', "not testable", "reads inputs only"),
        ("2 > 1", "not testable", "reads no result"),
    ],
)
def test_a_claim_without_a_probability_says_why(
    expression: str | None,
    verdict: str,
    reason: str,
    make_case: Make,
    make_claim: Make,
    findings: xr.DataTree,
) -> None:
    designs = Designs(
        frozen=findings, frozen_rows=np.arange(64), doubled=findings, structures={"mobile": findings}
    )
    found = judge(make_case(make_claim("one", expression)), findings, designs).isel(claim=0)
    assert found["verdict"] == verdict
    assert reason in str(found["reason"].values)
    for name in ("probability", "sourced_share", "sourced_share_error", "probability_doubled"):
        assert np.isnan(found[name]), name
    assert np.isnan(found["probability_structures"]).all()
    assert found["likelihood"] == found["confidence"] == ""
    assert np.isnan(found["margin"]).all() == (verdict == "not yet computed")


def test_a_model_that_did_not_run_leaves_its_claims_uncomputed(
    make_case: Make, make_claim: Make, findings: xr.DataTree
) -> None:
    part = xr.DataTree.from_dict(
        {f"/{k}": findings[k].to_dataset() for k in ("inputs", "levers", "displacement")}
    )
    case = make_case(make_claim("further", "exits.russia_out.client_loss > 1"), make_claim("first", GAIN))
    found = judge(case, part, Designs())
    assert found["verdict"].values[0] == "not yet computed"
    assert found["reason"].values[0] == "exits.russia_out.client_loss was not computed"
    assert np.isfinite(found["probability"].values[1])


def test_a_wrong_expression_is_an_error_and_no_verdict(
    make_case: Make, make_claim: Make, findings: xr.DataTree
) -> None:
    with pytest.raises(ClaimError, match="did you mean 'china'"):
        judge(make_case(make_claim("typo", "levers.lever[chna] > 0")), findings, Designs())


def test_the_sourced_share_is_that_of_a_linear_margin(
    make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    """Margin 2·sourced + 1·assumed of unit variance: four fifths, with draws lost in either run."""
    rng = np.random.default_rng(2)
    n, m = 4_096, 2_048
    sourced, assumed, anew = rng.normal(size=n), rng.normal(size=n), rng.normal(size=m)
    kept, rows = rng.permutation(n)[: n - 100], rng.permutation(m)[: m - 50]
    kept.sort()
    main = _set(make_findings(len(kept)), (2 * sourced + assumed)[kept])
    main = xr.DataTree.from_dict(
        {f"/{k}": main[k].to_dataset().assign_coords(draw=kept) for k in ("inputs", "displacement")}
    )
    frozen = _set(make_findings(len(rows)), (2 * sourced[:m] + anew)[rows])
    found = judge(make_case(make_claim("gain", GAIN)), main, Designs(frozen=frozen, frozen_rows=rows)).isel(
        claim=0
    )
    assert found["sourced_share_error"] < 0.02
    assert abs(found["sourced_share"] - 0.8) < 4 * found["sourced_share_error"]
    np.testing.assert_array_equal(found["draw"], kept)


def test_a_claim_about_a_further_exit_is_judged_in_its_draws(
    make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    """Margin 2·sourced + 1·assumed, in the first quarter of the draws: four fifths is sourced."""
    rng = np.random.default_rng(3)
    n, m, few = 4_096, 2_048, 1_024
    x, anew = rng.normal(size=(n, 2)), rng.normal(size=m)

    def tree(margin: np.ndarray, **options: Any) -> xr.DataTree:
        made = make_findings(len(margin), few=few, **options)
        made["exits/russia_out/client_loss"][:, -1] = margin[:few] + 1
        return made

    designs = Designs(
        frozen=tree(2 * x[:m, 1] + anew),
        frozen_rows=np.arange(m),
        doubled=tree(np.where(np.arange(n) % 4 == 0, 1.0, -1.0)),
        structures={"mobile": tree(np.where(np.arange(few) < 256, -1.0, 1.0))},
    )
    text = "exits.russia_out.client_loss > 1"
    case = make_case(make_claim("loss", text))
    margin = 2 * x[:, 1] + x[:, 0]
    found = judge(case, tree(margin, inputs=x), designs)
    loss = found.sel(claim="loss")
    assert loss["probability"] == (margin[:few] > 0).mean()
    assert loss["probability_doubled"] == 0.25
    assert loss["probability_structures"].sel(structure="mobile") == 0.75
    np.testing.assert_allclose(loss["margin"][:few], margin[:few], atol=1e-12)
    assert np.isnan(loss["margin"][few:]).all()
    assert loss["sourced_share_error"] < 0.03
    assert abs(loss["sourced_share"] - 0.8) < 4 * loss["sourced_share_error"]


@pytest.mark.parametrize(("kind", "share"), [("sourced", 1.0), ("assumed", 0.0)])
def test_a_case_of_one_kind_needs_no_second_run(
    kind: str, share: float, make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    tree = make_findings()
    tree["inputs/kind"][:] = kind
    found = judge(make_case(make_claim("gain", GAIN)), tree, Designs()).isel(claim=0)
    assert found["sourced_share"] == share
    assert found["sourced_share_error"] == 0


def test_an_infinite_or_constant_margin_has_no_sourced_share(
    make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    for margin in (np.ones(64), np.where(np.arange(64) < 32, np.inf, 1.0)):
        tree = _set(make_findings(), margin)
        designs = Designs(frozen=tree, frozen_rows=np.arange(64))
        found = judge(make_case(make_claim("gain", GAIN)), tree, designs).isel(claim=0)
        assert found["verdict"] == "supported"
        assert np.isnan(found["sourced_share"])


def test_further_runs_give_their_probabilities_and_the_confidence(
    make_case: Make, make_claim: Make, make_findings: Make
) -> None:
    def share(p: float, n: int = 64) -> xr.DataTree:
        return _set(make_findings(n), np.where(np.arange(n) < n * p, 1.0, -1.0))

    main = share(0.875)
    main["inputs/kind"][:] = "sourced"
    case = make_case(
        make_claim("gain", GAIN), make_claim("sector", "sum(displacement.exports_after[energy, *]) > 1")
    )

    def judged(doubled: float, **structures: float) -> xr.Dataset:
        designs = Designs(doubled=share(doubled), structures={k: share(v, 32) for k, v in structures.items()})
        return judge(case, main, designs).sel(claim="gain")

    found = judged(0.8125, mobile=0.9375, nested=1.0)
    assert found["probability_doubled"] == 0.8125
    np.testing.assert_array_equal(found["probability_structures"], [0.875, 0.9375, 1.0])
    assert found["confidence"] == "high"
    assert judged(0.75, mobile=0.9375)["confidence"] == "moderate"
    assert judged(0.875, mobile=0.75)["confidence"] == "moderate"
    assert judged(0.875, mobile=0.125)["confidence"] == "low"

    # Under one good there are no sectors: the claim has no probability there, and that is no agreement.
    one = share(0.875)
    one["displacement"] = xr.DataTree(one["displacement"].to_dataset().drop_sel(sector="energy"))
    designs = Designs(doubled=main, structures={"one_good": one})
    found = judge(case, main, designs)
    assert np.isnan(found["probability_structures"].sel(structure="one_good", claim="sector"))
    assert found["probability_structures"].sel(structure="one_good", claim="gain") == 0.875
    assert found["confidence"].sel(claim="sector") == "moderate"


def test_a_case_without_claims_has_an_empty_group(make_case: Make, findings: xr.DataTree) -> None:
    found = judge(make_case(), findings, Designs())
    assert found.sizes == {"draw": 64, "claim": 0, "structure": 1}
