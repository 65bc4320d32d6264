"""Who could cost a country what, and every pair: the same as the model says when it is asked by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tertius._atlas import ask, assumptions, every_lever, levers_over
from tertius.models import trade


@pytest.fixture(scope="module")
def world(make_world):
    return make_world("baci-2023")


@pytest.fixture
def levers(small_world):
    return levers_over(ask("KAZ"), draws=4, seed=1)


def test_one_reading_is_the_model_asked_by_hand(levers, world):
    base = trade.baseline(world.flows, gdp=world.gdp, blocs={"west": ("DEU", "FRA", "POL", "USA")})
    theirs = trade.leverage(base, powers=[*levers["partner"].values, "west"], clients=["KAZ"])
    np.testing.assert_allclose(levers["lever"], theirs.sel(client="KAZ")[:-1], atol=1e-7)
    assert float(levers["bloc_lever"].sel(bloc="west")) == pytest.approx(float(theirs[-1, 0]), abs=1e-7)
    russia = trade.leverage(base, powers=["KAZ"], clients=["RUS"])
    assert float(levers["reverse"].sel(partner="RUS")) == pytest.approx(float(russia[0, 0]), abs=1e-7)
    assert json.loads(levers.attrs["blocs"])["west"] == ["DEU", "FRA", "POL", "USA"]


def test_draws_are_readings_of_the_same_world(levers, world):
    (first, *_) = assumptions.draw(world, 4, 1)
    base = first.baseline(world)
    theirs = trade.levers_of(base, "KAZ", first.theta)
    np.testing.assert_allclose(levers["lever_draws"][0], theirs["lever"], atol=1e-7)
    assert 2.5 <= first.theta <= 10
    assert 1 <= first.multiplier <= 2.03
    again = levers_over(ask("KAZ"), draws=4, seed=1)
    np.testing.assert_array_equal(again["lever_draws"], levers["lever_draws"])
    held = levers_over(ask("KAZ"), draws=2, elasticity=8.0)
    assert all(r.theta == 8.0 for r in assumptions.draw(world, 2, 0, 8.0))
    assert float(held["lever"].max()) < float(levers["lever"].max())


def test_what_nobody_reported_is_missing_and_not_nought(small_world):
    found = levers_over(ask("ARM"), draws=2)
    assert np.isnan(found["lever"].sel(partner="VNM"))
    assert np.isnan(found["lever_draws"].sel(partner="VNM")).all()
    assert np.isnan(found["exports"].sel(partner="VNM"))
    assert found.attrs["missing"] == 1
    assert np.isfinite(found["lever"].drop_sel(partner="VNM")).all()


def test_flags_and_floors_go_with_the_answer(levers):
    texts = [flag["text"] for flag in json.loads(levers.attrs["flags"])]
    assert any("factor of ten" in text for text in texts)
    assert levers["partner"].values[levers["lifted"].values].tolist() == ["UZB"]
    assert levers_over(ask("UZB"), draws=0).attrs["lifted"] == "UZB"


def test_rival_structures_are_the_model_under_them(levers, world):
    base = trade.baseline(world.flows, gdp=world.gdp)
    for name, deficits in (
        ("no deficits", "balanced"),
        ("deficits in proportion to income", "proportional"),
    ):
        theirs = trade.levers_of(base, "KAZ", deficits=deficits)["lever"]
        np.testing.assert_allclose(levers["rival_levers"].sel(structure=name), theirs, atol=1e-7)


def test_every_pair(small_world, world):
    found = every_lever(world, powers=["west"])
    base = trade.baseline(world.flows, gdp=world.gdp)
    theirs = trade.leverage(base)
    known = ~np.isnan(found["lever"].values)
    np.testing.assert_allclose(found["lever"].values[known], theirs.values[known], atol=1e-9)
    assert np.isnan(found["lever"].sel(power="VNM", client="ARM"))
    assert (~known).sum() == len(world.countries) + 2
    assert found.attrs["missing"] == 1
    assert found["bloc_lever"].dims == ("bloc", "client")


def test_sectors_come_with_their_own_assumptions(small_world):
    question = ask("KAZ", sectors=True)
    assert question.world.name == "unctad-2015"
    found = levers_over(question, draws=3)
    assert {"home sales as imports", "home sales as exports", "services apart"} <= set(
        found["structure"].values
    )
    assert np.isfinite(found["lever_draws"]).all()
    assert any("fuels" in words for words in json.loads(found.attrs["assumed"]))
