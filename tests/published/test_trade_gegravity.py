"""gegravity's own example: an agreement of Canada with Japan among thirty countries, conditional and in full."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tertius.models import trade

SIGMA = 5.0
COSTS = ("lndist", "contiguity", "common_language", "pta", "international")


@pytest.fixture(scope="module")
def example(reference):
    """What the program is given, and what it gives back."""
    known = json.loads((reference / "gegravity_can_jpn.json").read_text())
    rows = pd.read_csv(reference / "gegravity_sample_data.csv")
    table = rows.set_index(["exporter", "importer"]).to_xarray()
    names = [str(x) for x in table["exporter"].values]
    b = known["coefficients"]
    log_weight = b["constant"] + sum(b[name] * table[name] for name in COSTS)
    joins = xr.zeros_like(log_weight)
    for pair in (("CAN", "JPN"), ("JPN", "CAN")):
        assert float(table["pta"].sel(exporter=pair[0], importer=pair[1])) == 0
        joins.loc[pair] = 1.0
    out = SimpleNamespace(
        names=names,
        results=pd.DataFrame(known["results"]).T.loc[names],
        weight=np.exp(log_weight.values),
        changed=np.exp((log_weight + b["pta"] * joins).values),
        Y=table["Y"].isel(importer=0).values.astype(float),
        E=table["E"].isel(exporter=0).values.astype(float),
    )
    out.found = trade.conditional(
        out.weight, out.changed, out.Y, out.E, SIGMA - 1, reference=names.index("DEU")
    )
    return out


def test_its_resistances(example):
    before = example.found.before
    assert int(before.status) == trade.CONVERGED
    np.testing.assert_allclose(np.exp(before.log_inward), example.results["imr0"], rtol=2e-10)
    np.testing.assert_allclose(np.exp(before.log_outward), example.results["omr0"], rtol=2e-9)


@pytest.mark.parametrize(
    ("column", "ours"),
    [
        ("price_pct", lambda f: 100 * np.expm1(f.log_price)),
        ("imr_pct", lambda f: 100 * np.expm1(f.log_price_index)),
        ("real_gdp_pct", lambda f: 100 * (f.welfare - 1)),
        ("welfare_statistic", lambda f: 1 / f.welfare),
    ],
)
def test_its_full_equilibrium_is_the_conditional_one(example, column, ours):
    # It solves to 1e-8: percentages agree to 2e-7 points.
    assert int(example.found.after.status) == trade.CONVERGED
    np.testing.assert_allclose(ours(example.found), example.results[column], rtol=0, atol=2e-7)


def test_the_digits_it_prints(example):
    printed = {"CAN": 0.418261, "JPN": 0.053755, "USA": -0.007411}
    for name, percent in printed.items():
        ours = 100 * (float(example.found.welfare[example.names.index(name)]) - 1)
        assert round(ours, 6) == percent


def test_its_flows(example, reference):
    """After the experiment it moves incomes once, by the prices it found, and does not clear the markets again."""
    stored = (
        pd.read_csv(reference / "gegravity_bilateral.csv").set_index(["exporter", "importer"]).to_xarray()
    )
    stored = stored.sel(exporter=example.names, importer=example.names)
    given = (example.Y * example.E.sum() / example.Y.sum(), example.E, SIGMA - 1)
    before = example.found.before.flows(example.weight, *given)
    np.testing.assert_allclose(before, stored["baseline modeled trade"], rtol=2e-8)
    np.testing.assert_allclose(np.sum(before, 0), example.E, rtol=1e-10)
    p = np.exp(np.asarray(example.found.log_price))
    made = p * example.Y / (p * example.Y).sum() / (example.Y / example.Y.sum())
    after = example.found.after.flows(example.changed, *given) * made[:, None] * p
    np.testing.assert_allclose(after, stored["experiment trade"], rtol=2e-8)


def full(example, deficits="proportional"):
    """The same change of costs, on the same modelled baseline, with incomes that follow prices."""
    names = example.names
    coords = {"origin": names, "destination": names}
    before = example.found.before.flows(example.weight, example.Y, example.E, SIGMA - 1)
    world = trade.baseline(xr.DataArray(np.asarray(before), coords, ("origin", "destination")))
    cost = xr.DataArray(
        (example.changed / example.weight) ** (-1 / (SIGMA - 1)), coords, ("origin", "destination")
    )
    return trade.counterfactual(world, cost=cost, elasticity=SIGMA - 1, deficits=deficits)


def test_the_full_equilibrium_beside_it(example):
    out = full(example)
    known = example.results["exact_hat_full_GE_real_income_pct"]
    np.testing.assert_allclose(100 * (out.welfare - 1), known, rtol=0, atol=1e-9)
    for name, percent in {"CAN": 0.428227, "JPN": 0.050413, "USA": -0.006606}.items():
        assert round(100 * (float(out.welfare.sel(country=name)) - 1), 6) == percent


def test_conditional_is_no_equilibrium(example):
    """Incomes that follow its prices would not be spent on what is made; the full equilibrium's are."""
    p = np.exp(np.asarray(example.found.log_price))
    share = example.found.after.flows(example.changed, example.Y, example.E, SIGMA - 1)
    share = np.asarray(share) / np.sum(share, 0)
    spent = p * example.E * (p @ example.Y) / (p @ example.E)
    gap = share @ spent / (p * example.Y) - 1
    assert np.abs(gap).max() > 1e-4
    out = full(example)
    earned, sold = out.wages * example.Y, out.flows.sum("destination")
    np.testing.assert_allclose(sold / sold.sum(), earned / earned.sum(), rtol=1e-9)
