"""History as a referee: the table of occasions and the scores that docs/history.md gives."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tertius.case.quantity import CostOfCollapse

_path = Path(__file__).resolve().parents[2] / "validation" / "help_in_crisis.py"
_spec = importlib.util.spec_from_file_location("validation_help_in_crisis", _path)
assert _spec is not None
assert _spec.loader is not None
history = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = history  # dataclasses look their module up by name
_spec.loader.exec_module(history)


@pytest.fixture(scope="module")
def rows(mirror):
    return history.table()


def test_the_table_is_the_one_that_is_documented(rows):
    helped = rows[rows["helped"] == 1]
    assert (rows["occasion"].nunique(), len(rows)) == (433, 7216)
    assert (len(helped), helped["occasion"].nunique()) == (108, 50)
    assert len(history.outside(rows)) == 167
    assert helped.groupby("region").size().to_dict() == {"Africa": 69, "Asia": 18, "Middle East": 21}
    assert rows[list(history.TERMS)].isna().any().pipe(lambda x: set(x[x].index)) >= set(history.UNKNOWN)


def test_two_records_of_troops_agree(mirror):
    assert history.agreement() == (1410, 139, 53)


def test_known_occasions_are_in_it(rows):
    """Rows that a reader can check: who came, and what was the case between the two."""
    tajik = rows[(rows["client"] == 702) & (rows["year"] == 1992)]
    russia = tajik[tajik["helper"] == 365].iloc[0]
    # No border, and no promise the year before: the state was new. That it came all the same is in the table.
    assert russia[["helped", "border", "pact"]].tolist() == [1, 0, 0]
    iraq = rows[(rows["client"] == 690) & (rows["year"] == 1990)]
    assert iraq.loc[iraq["helper"] == 2, "helped"].tolist() == [1]
    assert 645 not in set(iraq["helper"])  # who attacks does not help
    # Nobody is its own helper, and no great power a client.
    assert (rows["client"] != rows["helper"]).all()
    assert not rows["client"].isin([2, 200, 365]).any()


@pytest.mark.parametrize(
    ("by", "forecast", "known"),
    [
        ("decade", "base_rate", {"brier": 0.0148, "log": 0.0805, "who": 0.5}),
        ("decade", "plain", {"brier": 0.0149, "log": 0.0838, "auc": 0.51, "slope": 0.11, "who": 0.73}),
        ("region", "base_rate", {"brier": 0.0149, "log": 0.0829, "who": 0.5}),
        ("region", "plain", {"brier": 0.0151, "log": 0.0941, "auc": 0.37, "slope": -0.39, "who": 0.55}),
    ],
)
def test_the_scores_that_are_documented(rows, by, forecast, known):
    p = history.held_out(rows, by, getattr(history, forecast))
    found = history.score(rows["helped"].to_numpy(float), p) | {"who": history.who(rows, p)}
    for name, value in known.items():
        assert round(found[name], 4 if name in ("brier", "log") else 2) == value, name


def test_the_slopes_that_are_documented(rows):
    """Few draws of one chain, so within a standard deviation of the posterior of what is printed."""
    fit = history.hierarchical(rows, draws=60, chains=1)
    slopes = fit.slopes()
    known = {
        "border": 0.77,
        "distance": -0.39,
        "pact": 1.50,
        "partners": -0.81,
        "weight": -0.40,
        "trade": 0.28,
    }
    sd = (slopes["p95"] - slopes["p05"]) / 3.29
    for name, value in known.items():
        assert abs(slopes.loc[name, "median"] - value) < sd[name], name
    # The spread that a case's cost of a collapse gets when it states none.
    learnt = fit.draws["slopes"][:, fit.scale.terms.index("border")].std() / known["border"]
    assert 1 / 1.5 < learnt / CostOfCollapse.learnt < 1.5
    p = fit.predict(rows)
    assert history.who(rows, p) > 0.8
    weights = fit.weights(2.0, 0.2)
    np.testing.assert_allclose(weights.iloc[0, 0], slopes.loc["border", "median"] / 0.4)


def test_the_lever_comes_from_the_trade_model(rows):
    late = rows[rows["year"] == 2016]
    known = late.assign(lever=history.levers(late)).dropna(subset=["lever"])
    assert len(known) > 0.8 * len(late) > 50
    mali = known[known["lever"] == known["lever"].max()].iloc[0]
    assert mali["trade"] > known["trade"].quantile(0.9)
    assert known["lever"].corr(known["trade"], method="spearman") > 0.7


def test_scores_of_forecasts_whose_worth_is_known():
    y = np.array([1.0, 0, 0, 1, 0])
    assert history.score(y, np.array([0.9, 0.6, 0.1, 0.5, 0.1]))["auc"] == pytest.approx(5 / 6)
    even = history.score(y, np.full(5, 0.4))
    assert even["auc"] == 0.5
    assert even["brier"] == pytest.approx(0.24)
    rows = pd.DataFrame({"occasion": [1, 1, 2, 2, 2], "helped": y.astype(int)})
    assert history.who(rows, np.array([0.9, 0.1, 0.1, 0.2, 0.3])) == pytest.approx((1 + 0.5) / 2)
    mean, low, high = history.gain(rows, np.where(y == 1, 0.9, 0.1), np.full(5, 0.4))
    assert low <= mean <= high
    assert mean > 0
    table = history.bins(y, np.array([0.9, 0.003, 0.03, 0.9, 0.03]))
    assert table["pairs"].tolist() == [1, 2, 2]
    assert table["came"].tolist() == [0.0, 0.0, 1.0]
