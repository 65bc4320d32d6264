"""Every number of the reference files on global games."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from tertius.models import regime


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=1e-8)


def test_the_static_game(reference: Path) -> None:
    with (reference / "global_game_static.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = {k: np.array([float(r[k] or "nan") for r in rows]) for k in rows[0] if not k.startswith("unique")}
    table = {k: np.resize(v, 64) for k, v in table.items()}
    found = regime.threshold(table["z"], table["alpha"], table["beta"], table["c"])
    theta = np.asarray(found)[np.arange(64), table["eq"].astype(int)]
    close(theta, table["theta_star"])
    assert np.asarray(found.number).tolist() == table["n_eq"].astype(int).tolist()
    unique = np.resize([r["unique_cond_alpha2_le_2pi_beta"] == "True" for r in rows], 64)
    np.testing.assert_array_equal(np.asarray(found.unique), unique)
    # x* has the error of θ* blown up by the slope of the quantile; the file rounds θ* to ten digits.
    loose = norm.ppf(theta) / np.sqrt(table["beta"]) + theta
    np.testing.assert_allclose(loose, table["x_star"], atol=1e-7)
    proper = table["alpha"] > 0
    fall = 1 - norm.cdf(np.sqrt(table["alpha"]) * (table["z"] - theta))
    close(fall[proper], table["prob_regime_change_ex_ante"][proper])


def test_signals_days_and_groups(reference: Path) -> None:
    numbers = json.loads((reference / "global_game_extensions.json").read_text())
    for row in numbers["signaling"]:
        close(regime.policy_trap(row["theta_star"], row["r_low"], row["sigma"]), row["theta_doublestar"])
        close(1 - row["r_low"], row["theta_MS"])
    game = numbers["dynamic"]
    periods = [p for p in game["periods"] if p["prev"] is not None]
    previous, beta = (np.array([p[name] for p in periods]) for name in ("prev", "beta"))
    lower, upper, _ = regime.next_threshold(previous, game["z"], game["alpha"], beta, game["c"])
    for period, *found in zip(periods, np.asarray(lower), np.asarray(upper), strict=True):
        close([x for x in found if not np.isnan(x)], period["roots"])
    first = game["periods"][0]
    start = regime.threshold(*(np.full(64, x) for x in (game["z"], game["alpha"], first["beta"], game["c"])))
    close(start.theta_star[0, :1], first["roots"])
    for row in numbers["groups"]:
        found = regime.threshold_of_groups(row["w"], row["c"], row["beta"], row["z"], row["alpha"])
        close(found.lowest, row["theta_star"])
        close(found.highest, row["theta_star"])
        close(found.shares, row["shares"])
