"""The study as a whole: adding up, what an exit touches, what does not depend on names or currency, failures."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import tertius
from tertius._study import run
from tertius._study import simulate as simulation_module
from tertius._study.draws import Draws, design, draw
from tertius._study.layout import kept_groups, raw_groups
from tertius._study.run import _applicable
from tertius._study.simulate import simulate
from tertius._study.structures import BASE, RIVALS, Structure
from tertius._study.trade import plan
from tertius._study.world import Figures, exits, trade_world
from tertius.case import Case
from tertius.errors import CannotCompute
from tertius.models import trade as trade_model

Build = Callable[[dict[str, Any]], Case]


_sensitivity = importlib.import_module("tertius._study.run")._sensitivity


def one(case: Case) -> xr.DataTree:
    """One draw of the levers and the first exit of a case without uncertainty."""
    # Sixteen draws go side by side anyway, in the program that the other tests have compiled.
    layout = design(case, 16, seed=0)
    first = next(iter(case.exits))
    simulation = simulate(case, draw(case, layout, layout.a), BASE, only=[first])
    return xr.DataTree.from_dict(kept_groups(raw_groups(case, simulation, first), simulation.converged)).isel(
        draw=0
    )


def test_domains_add_up_to_the_total(findings: xr.DataTree) -> None:
    for group, name in (
        ("levers", "lever"),
        ("levers", "reverse"),
        ("displacement", "leverage_gain"),
        ("displacement", "client_loss"),
    ):
        values = findings[group][name]
        parts = values.drop_sel(domain="total").sum("domain", skipna=False)
        xr.testing.assert_allclose(parts, values.sel(domain="total", drop=True), rtol=1e-12)


def test_trade_levers_are_the_trade_model_s(small: Case, findings: xr.DataTree) -> None:
    inputs = findings["inputs"]["value"]
    columns = {str(p): inputs.sel(input=p).values for p in inputs["input"].values}
    world = trade_world(small, Figures(Draws(inputs.sizes["draw"], columns)), BASE)
    client, abroad = world.client, [r for r in range(5) if r != world.client]
    origin, destination = np.array([client] * 4 + abroad), np.array(abroad + [client] * 4)
    keep = np.ones((1, 3, 8))
    for side in (0, 4):
        keep[..., side + abroad.index(world.regions.index("china"))] = 0
    for k in (0, 77):
        alone = trade_model.solve(
            trade_model.calibrate(world.flows[k]),
            world.theta[k],
            trade_model.Shock(origin, destination, keep),
            factors="specific",
        )
        # No route limits what is left when China's trade ends, so the limits play no part here.
        expected = -100 * np.log(np.asarray(alone.welfare)[0, client])
        assert float(findings["levers"]["lever"][k].sel(power="china", domain="trade")) == pytest.approx(
            expected, abs=1e-7
        )


def test_closing_the_pipeline_adds_to_withdrawing_trade(findings: xr.DataTree) -> None:
    lever = findings["levers"]["lever"]
    assert (lever.sel(power="russia", domain="transit") > 0).all()
    assert (lever.sel(power=["china", "west"], domain="transit") == 0).all()
    # Once the buyers at its end are gone, closing the pipeline costs less.
    after = findings["displacement"]["leverage_after"].sel(power="russia", domain="transit")
    assert (after < lever.sel(power="russia", domain="transit")).mean() > 0.9


def test_the_vacuum_adds_up(findings: xr.DataTree) -> None:
    d = findings["displacement"]
    filled = d["vacuum_share"].sum("power") + d["filled_by_own"] + d["filled_by_others"] + d["unfilled"]
    np.testing.assert_allclose(filled.values, 1, atol=1e-10)
    assert np.isnan(d["vacuum_share"].sel(power="west")).all()


def test_who_has_left_altogether_has_no_lever(findings: xr.DataTree) -> None:
    after = findings["displacement"]["leverage_after"].sel(power="west")
    np.testing.assert_allclose(after.values, 0, atol=1e-7)
    assert (findings["displacement"]["tie_after"].sel(power="west", domain="capital") == 0).all()


def test_an_exit_from_trade_alone_touches_no_other_domain(findings: xr.DataTree) -> None:
    half = findings["exits/half"]
    assert (half["leverage_gain"].sel(domain=["capital", "security"]) == 0).all()
    assert (half["client_loss"].sel(domain="trade") > 0).all()
    assert np.isnan(half["unfilled"].sel(flow="capital")).all()
    # Who is half gone keeps a lever; who only half left is still no candidate for the vacuum.
    assert (half["leverage_after"].sel(power="west", domain="trade") > 0).all()
    assert np.isnan(half["tertius_by_leverage"].sel(power="west")).all()


def test_further_exits_are_solved_from_the_first_s_levers(small: Case, findings: xr.DataTree) -> None:
    inputs = findings["inputs"]["value"]
    columns = {str(p): inputs.sel(input=p).values for p in inputs["input"].values}
    figures = Figures(Draws(inputs.sizes["draw"], columns))
    world = trade_world(small, figures, BASE)
    both = exits(small, figures, world.sectors)
    whole, after = (plan(world, tuple(small.powers), both, baseline=b) for b in (True, False))
    assert {c.exit for c in after} == {"west_out", "half"}
    assert after == [c for c in whole if c.exit is not None]
    assert {c.withdraws for c in whole if c.exit is None} - {None} == {"russia", "china", "west"}
    first, half = findings["displacement"], findings["exits/half"]
    np.testing.assert_array_equal(first["leverage_before"].values, half["leverage_before"].values)


def test_further_exits_take_the_first_draws(
    small: Case, findings: xr.DataTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package has a function of the module's name, which hides the module.
    module = importlib.import_module("tertius._study.run")
    monkeypatch.setattr(module, "EXIT_DRAWS", 32)
    monkeypatch.setattr(module, "STRUCTURE_DRAWS", 32)
    # Each rival structure of trade would be one more program to compile.
    monkeypatch.setattr(module, "RIVALS", tuple(r for r in RIVALS if not r.changes_trade))
    found = tertius.study(small, draws=128, seed=3)
    assert found.attrs["exit_draws"] == 32
    assert found.attrs["structure_draws"] == 32
    half, whole = found["exits/half"].to_dataset(), findings["exits/half"].to_dataset()
    assert half["draw"].values.tolist() == list(range(32))
    assert found["displacement"].sizes["draw"] == 128
    for name, values in half.data_vars.items():
        if "draw" in values.dims and name != "residual":
            np.testing.assert_allclose(
                values.values, whole[name].isel(draw=slice(32)).values, atol=2e-7, err_msg=str(name)
            )
    claim = found["claims"].sel(claim="half_hurts")
    assert claim["verdict"] == "supported"
    assert claim["margin"][:32].notnull().all()
    assert claim["margin"][32:].isnull().all()
    assert 0 < claim["sourced_share"] < 1
    assert claim["probability_doubled"].notnull()
    assert claim["structure"].values.tolist() == ["base", "nested", "equal_weights"]
    assert claim["probability_structures"].notnull().all()
    assert found["claims"]["margin"].sel(claim="china_most").notnull().all()


def test_sectors_that_are_complements_are_a_rival_structure(
    small: Case, document: dict[str, Any], build: Build, findings: xr.DataTree
) -> None:
    found = findings["structures"]
    rival = next(s for s in RIVALS if s.substitution)
    assert rival.changes_trade
    assert found["unconverged"].sel(structure=rival.id) == 0
    # Of 128 draws some have another winner, or at least another runner-up by domain.
    beats = found["beats_leverage"]
    assert not beats.sel(structure=rival.id).identical(beats.sel(structure="base"))

    # A case that states what the rival assumes is the rival, and has Cobb–Douglas for its own.
    document["trade"]["substitution"] = {"value": rival.substitution, "sd": 0, "assumed": "for the test"}
    stated = build(document)
    (other,) = [s for s in _applicable(stated) if s.substitution]
    assert other.id == "cobb_douglas"
    layout = design(small, 16, seed=0)
    values = draw(small, layout, layout.a)

    def loss(case: Case, structure: Structure) -> np.ndarray:
        trade = simulate(case, values, structure, only=["west_out"]).trade
        assert trade is not None
        return trade.after["west_out"].welfare

    base = loss(small, BASE)
    moved = loss(small, rival)
    np.testing.assert_array_equal(loss(stated, BASE), moved)
    np.testing.assert_array_equal(loss(stated, other), base)
    assert np.abs(moved - base).max() > 0.01

    assert small.trade is not None
    energy = {"sectors": {"energy": small.trade.sectors["energy"]}}
    one_sector = small.model_copy(update={"trade": small.trade.model_copy(update=energy)})
    assert not any(s.substitution or s.one_good for s in _applicable(one_sector))


def test_half_an_exit_costs_less_than_the_whole(findings: xr.DataTree) -> None:
    whole = findings["displacement"]["client_loss"].sel(domain="trade")
    half = findings["exits/half"]["client_loss"].sel(domain="trade")
    assert (half < whole).all()


def test_what_is_not_stated_is_missing_and_not_zero(findings: xr.DataTree) -> None:
    levers = findings["levers"]
    known = levers["reverse"].sel(power="russia")
    unknown = levers["reverse"].sel(power="china")
    assert np.isfinite(known).all()
    assert np.isnan(unknown.sel(domain=["security", "total"])).all()
    assert np.isfinite(unknown.sel(domain="capital")).all()
    assert np.isnan(levers["net"].sel(power="china", domain="total")).all()


def test_effective_number_of_powers(findings: xr.DataTree) -> None:
    total = findings["levers"]["lever"].sel(domain="total").values
    f = np.maximum(total, 0) / np.maximum(total, 0).sum(axis=1, keepdims=True)
    entropy = np.exp(-np.sum(f * np.log(f), axis=1))
    np.testing.assert_allclose(
        findings["levers"]["effective_powers"].sel(domain="total").values, entropy, rtol=1e-12
    )


def test_tertius_probabilities_are_those_of_the_draws(findings: xr.DataTree) -> None:
    d = findings["displacement"]
    gain = d["leverage_gain"].sel(power=["russia", "china"], domain="total").values
    expected = np.mean((gain[:, 1] > gain[:, 0]) & (gain[:, 1] > 0))
    assert float(d["tertius_by_leverage"].sel(power="china", domain="total")) == pytest.approx(expected)
    base = findings["structures"].sel(structure="base")
    assert float(base["tertius_by_leverage"].sel(power="china")) == pytest.approx(expected)


def test_names_do_not_matter(exact_document: dict[str, Any], build: Build) -> None:
    turned = copy.deepcopy(exact_document)
    turned["powers"] = dict(reversed(turned["powers"].items()))
    turned["trade"]["regions"] = dict(reversed(turned["trade"]["regions"].items()))
    turned["trade"]["sectors"] = dict(reversed(turned["trade"]["sectors"].items()))
    a, b = one(build(exact_document)), one(build(turned))
    for group, name in (
        ("levers", "lever"),
        ("levers", "net"),
        ("displacement", "leverage_gain"),
        ("displacement", "vacuum_share"),
    ):
        left = a[group][name]
        right = b[group][name].reindex_like(left)
        np.testing.assert_allclose(left.values, right.values, atol=2e-7, err_msg=name)


def test_currency_does_not_matter(exact_document: dict[str, Any], build: Build) -> None:
    dear = copy.deepcopy(exact_document)
    for table in dear["trade"]["flows"].values():
        for row in table["table"].values():
            for destination in row:
                row[destination] *= 425.0
    a, b = one(build(exact_document)), one(build(dear))
    np.testing.assert_allclose(a["levers"]["lever"].values, b["levers"]["lever"].values, atol=2e-7)
    np.testing.assert_allclose(
        a["displacement"]["vacuum_share"].values, b["displacement"]["vacuum_share"].values, atol=2e-7
    )


def test_the_same_seed_gives_the_same_findings(small: Case, findings: xr.DataTree) -> None:
    again = run(small, draws=128, seed=3)[0]
    for name in ("created", "seconds_json"):
        again.attrs[name] = findings.attrs[name]
    assert findings.identical(again)
    other = run(small, draws=128, seed=4)[0]
    assert not findings["levers"].to_dataset().identical(other["levers"].to_dataset())


@pytest.mark.parametrize("section", ["trade", "domains", "exits", "claims"])
def test_a_section_left_out_leaves_its_groups_out(
    section: str, document: dict[str, Any], build: Build
) -> None:
    del document[section]
    document["claims"] = []
    if section == "trade":
        del document["exits"]["half"]
    found = tertius.study(build(document), draws=64, seed=0)
    present = {
        "trade": "trade" in found["levers"]["domain"].values,
        "domains": "capital" in found["levers"]["domain"].values,
        "exits": "displacement" in found.children,
        "claims": "claims" in found.children,
    }
    assert not present[section]
    assert present["trade"] or section == "trade"
    assert found["levers"]["lever"].notnull().all()


def test_findings_survive_a_file(findings: xr.DataTree, tmp_path: Path) -> None:
    findings.to_netcdf(tmp_path / "findings.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "findings.nc", engine="h5netcdf") as back:
        assert back.attrs["digest"] == findings.attrs["digest"]
        np.testing.assert_array_equal(back["levers"]["lever"].values, findings["levers"]["lever"].values)
        assert json.loads(back.attrs["case_json"])["id"] == "small"


def _failing(some: float, monkeypatch: pytest.MonkeyPatch) -> None:
    solve = simulation_module.run_trade

    def fail(*args: Any, **options: Any) -> Any:
        result = solve(*args, **options)
        bad = np.arange(len(result.converged)) < some * len(result.converged)
        return dataclasses.replace(result, converged=~bad, residual=np.where(bad, 1e-3, result.residual))

    monkeypatch.setattr(simulation_module, "run_trade", fail)


def test_draws_without_an_equilibrium_are_counted_and_left_out(
    small: Case, findings: xr.DataTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    _failing(1 / 128, monkeypatch)
    found = run(small, draws=128, seed=3)[0]
    assert found.attrs["unconverged"] == 1
    assert json.loads(found.attrs["unconverged_draws"]) == [0]
    assert found.attrs["kept"] == 127
    for group in ("inputs", "levers", "displacement", "exits/half"):
        assert found[group]["draw"].values.tolist() == list(range(1, 128)), group
    np.testing.assert_array_equal(found["levers"]["lever"].values, findings["levers"]["lever"].values[1:])
    assert found.attrs["worst_residual"] <= 1e-10


def test_a_draw_lost_in_a_further_exit_is_lost_there_alone(
    small: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve = simulation_module.run_trade

    def fail(*args: Any, **options: Any) -> Any:
        result = solve(*args, **options)
        further = "half" in result.after and "west_out" not in result.after
        converged = result.converged & ~(further & (np.arange(len(result.converged)) == 5))
        return dataclasses.replace(result, converged=converged)

    monkeypatch.setattr(simulation_module, "run_trade", fail)
    found = run(small, draws=128, seed=3)[0]
    assert found.attrs["unconverged"] == 0
    assert found["displacement"].sizes["draw"] == found["levers"].sizes["draw"] == 128
    assert found["exits/half"]["draw"].values.tolist() == [k for k in range(128) if k != 5]
    assert found["exits/half"].attrs["unconverged"] == 1
    assert found["displacement"].attrs["unconverged"] == 0


def test_too_many_failures_stop_the_study(small: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(0.25, monkeypatch)
    with pytest.raises(CannotCompute, match="32 of 128") as caught:
        run(small, draws=128, seed=3)
    assert caught.value.code == "unconverged"
    assert run(small, draws=128, seed=3, allow_unconverged=True)[0].attrs["kept"] == 96


def test_progress_tells_every_stage_to_its_end(small: Case) -> None:
    told: list[tuple[str, float]] = []
    run(small, draws=64, seed=0, progress=lambda stage, fraction: told.append((stage, fraction)))
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == [
        "draws",
        "models",
        "further models",
        "further exits",
        "evidence and rival structures",
        "comparison of structures",
    ]
    for stage in stages:
        parts = [fraction for name, fraction in told if name == stage]
        assert parts == sorted(parts), stage
        assert parts[-1] == 1.0
        assert parts[0] == 0.0


def test_an_input_that_displacement_does_not_read_drives_it_by_nothing(small: Case) -> None:
    findings, _ = run(small, draws=128, seed=0)
    table = findings["sensitivity"].to_dataset()
    assert not table["first_order"].isnull().any()
    displaced, inputs = findings["displacement"].to_dataset(), findings["inputs"].to_dataset()
    silent = _sensitivity(inputs, displaced, ())
    assert silent is not None
    assert (silent["first_order"] == 0).all()
    assert (silent["probability_low"] == silent["probability_high"]).all()
    every = _sensitivity(inputs, displaced, [str(p) for p in inputs["input"].values])
    assert every is not None
    heard = table["first_order"] != 0
    xr.testing.assert_equal(table["first_order"].where(heard), every["first_order"].where(heard))
    assert heard.any()
