"""Hindcasts: the scores that docs/validation.md gives, wins and losses alike."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

_path = Path(__file__).resolve().parents[2] / "validation" / "hindcasts.py"
_spec = importlib.util.spec_from_file_location("validation_hindcasts", _path)
assert _spec is not None
assert _spec.loader is not None
hindcasts = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = hindcasts
_spec.loader.exec_module(hindcasts)

SCORES = {
    ("Iran 2012", "exports"): (0.262, 0.243, 0.243, 0.243),
    ("Iran 2012", "imports"): (0.130, 0.126, 0.126, 0.128),
    ("Russia 2014", "exports"): (0.100, 0.096, 0.095, 0.106),
    ("Russia 2014", "imports"): (0.076, 0.067, 0.067, 0.081),
    ("Qatar 2017", "exports"): (0.096, 0.103, 0.103, 0.102),
    ("Qatar 2017", "imports"): (0.144, 0.127, 0.127, 0.127),
}


@pytest.fixture(scope="module")
def found(mirror):
    return hindcasts.hindcasts()


def test_the_scores_that_are_documented(found):
    scores = found[0]
    assert len(scores) == 2 * len(hindcasts.windows())
    for row, known in SCORES.items():
        assert tuple(scores.loc[row, list(hindcasts.FORECASTS)].round(3)) == known, row


def test_the_noise_that_is_documented(found):
    calm = hindcasts.calm(found[0])
    assert calm["scores"] == 30
    assert calm["better than no change"] == 19
    quartiles = [calm[f"gain over no change, {q}"] for q in ("lower quartile", "median", "upper quartile")]
    assert [round(q, 1) for q in quartiles] == [-1.1, 0.8, 2.6]
    assert calm["largest difference from in proportion"] < 0.0015


def test_one_good_hardly_differs_from_proportion(found):
    """What is documented as the model's limit: told the same fall, the two rank the same to a thousandth."""
    scores = found[0]
    assert (scores["model"] - scores["in proportion"]).abs().max() < 0.0015


def test_the_ties_fell_as_documented(found):
    ties = found[1].round(3)
    assert ties.loc[("Iran 2012", "exports"), ["before", "after", "value ratio", "B"]].tolist() == [
        18.679,
        1.713,
        0.055,
        0.075,
    ]
    assert ties.loc[("Qatar 2017", "imports"), ["before", "after"]].tolist() == [19.536, 0.297]


def test_the_model_is_told_no_more_than_the_tie(found):
    """Shares sum to one with the tie's own, which is the observed one."""
    _, ties, tables = found
    for name, table in tables.items():
        for direction, rows in table.groupby(level="direction"):
            tie = ties.loc[(name, direction)]
            np.testing.assert_allclose(rows["model"].sum(), 100 - tie["after"], rtol=1e-8)
            np.testing.assert_allclose(rows["in proportion"].sum(), 100 - tie["after"], rtol=1e-8)
            np.testing.assert_allclose(rows["no change"].sum(), 100 - tie["before"], rtol=1e-8)


def test_placebos_are_there_for_each_shock():
    windows = hindcasts.windows()
    assert [w.name for w in windows if w.shock] == ["Iran 2012", "Russia 2014", "Qatar 2017"]
    for shock in (w for w in windows if w.shock):
        calm = [w for w in windows if w.client == shock.client and not w.shock]
        assert len(calm) == 5
        assert all(w.after - w.before == 2 and w.after <= shock.before for w in calm)


SECTOR_SCORES = {
    ("Russia 2014", "exports"): (0.100, 0.096, 0.096, 0.093, 0.097),
    ("Russia 2014", "imports"): (0.076, 0.067, 0.068, 0.068, 0.081),
    ("Qatar 2017", "exports"): (0.096, 0.103, 0.101, 0.103, 0.102),
    ("Qatar 2017", "imports"): (0.144, 0.127, 0.127, 0.132, 0.132),
}


def test_the_scores_with_sectors_that_are_documented(mirror):
    scores = hindcasts.hindcasts(hindcasts.SECTOR_WINDOWS[:2], sectors=True)[0]
    names = ["no change", "in proportion", "in proportion by section", "model", "model, by value"]
    for row, known in SECTOR_SCORES.items():
        assert tuple(scores.loc[row, names].round(3)) == known, row
