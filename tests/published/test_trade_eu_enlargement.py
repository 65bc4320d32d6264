"""The enlargement of the European Union: 44 countries, both closures of ge_gravity, stored by its Stata module."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tertius.models import trade

# Stata kept single precision.
TOLERANCE = 2e-7


@pytest.mark.parametrize(
    ("deficits", "welfare", "flows"),
    [("world_share", "W_additive_stata", "X_eu"), ("proportional", "W_mult_stata", "X_mult")],
)
def test_the_enlargement(reference, deficits, welfare, flows):
    published = json.loads((reference / "ge_gravity_eu_enlargement.json").read_text())
    rows = pd.read_csv(reference / "ge_gravity_eu_enlargement_flows.csv.gz")
    tables = rows.set_index(["exporter", "importer"]).rename_axis(["origin", "destination"]).to_xarray()
    world = trade.baseline(tables["trade"])
    theta = float(published["theta"])
    # The shock is given as B = exp(effect) where a pair joins.
    cost = np.exp(-published["eu_effect"] / theta * (tables["eu_effect"] > 0))
    assert float(tables["eu_effect"].max()) == pytest.approx(published["eu_effect"], abs=1e-7)
    out = trade.counterfactual(world, cost=cost, elasticity=theta, deficits=deficits)
    assert out.residual <= 1e-10
    for country, numbers in published["countries"].items():
        assert float(out.welfare.sel(country=country)) == pytest.approx(numbers[welfare], abs=TOLERANCE), (
            country
        )
        if deficits == "world_share":
            real_wage = out.wages.sel(country=country) / out.prices.sel(country=country)
            assert float(real_wage[0]) == pytest.approx(numbers["real_wage_additive_here"], abs=1e-9)
        home = world.economy.lam[0, world.indices(country), world.indices(country)]
        assert float(home[0]) == pytest.approx(numbers["home_share_2000"], abs=1e-9)
        # The same equilibrium once more, by another program in double precision.
        again = numbers[welfare.replace("stata", "here")]
        assert float(out.welfare.sel(country=country)) == pytest.approx(again, abs=1e-9), country
    known = tables[flows].where(np.isfinite(tables[flows]), drop=False)
    positive = known > 0
    ratio = xr.where(positive, out.flows / known.where(positive, 1.0), 1.0)
    np.testing.assert_allclose(ratio, 1.0, rtol=0, atol=TOLERANCE)
    assert isinstance(out.flows, xr.DataArray)
