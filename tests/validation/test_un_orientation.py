"""All votes in the UN General Assembly: what docs/validation.md says of the fit, and the filter on its own ground."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tertius.models.orientation import VoteStatus

_path = Path(__file__).resolve().parents[2] / "validation" / "un_orientation.py"
_spec = importlib.util.spec_from_file_location("validation_un_orientation", _path)
assert _spec is not None
assert _spec.loader is not None
un = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(un)


@pytest.fixture(scope="module")
def found(mirror):
    """Every vote of every state 1946-2019, a few seconds of work."""
    of = un.ballots()
    fit = un.fitted(of)
    return of, fit, un.compared(of, fit)


def test_every_vote_is_in_and_the_fit_is_sound(found):
    of, fit, both = found
    assert int((of.votes > 0).sum()) == 870109
    assert of.votes.shape == (6203, 200)
    assert fit.status == VoteStatus.CONVERGED
    assert fit.residual < 1e-6
    assert len(both) >= 10_400


def test_it_agrees_with_the_published_ideal_points_session_by_session(found):
    sessions = un.by_session(found[2])
    late = sessions[sessions.index >= un.LATE]
    assert len(late) == 28
    assert late["pearson"].median() >= 0.95
    assert round(late["pearson"].median(), 3) == 0.989
    assert round(late["pearson"].min(), 3) == 0.978
    assert round(sessions["pearson"].median(), 3) == 0.990
    assert round(sessions["pearson"].min(), 3) == 0.963
    assert late["spearman"].median() >= 0.95


def test_sign_location_and_scale_are_theirs(found):
    _, fit, both = found
    assert both["ours"].corr(both["theirs"]) > 0.96
    slope, level = np.polyfit(both["theirs"], both["ours"], 1)
    assert slope == pytest.approx(1.0, abs=0.05)
    assert level == pytest.approx(0.0, abs=0.05)
    assert fit.theta[fit.voted].std() == pytest.approx(1.0)


def test_an_earlier_published_run_agrees_too(found, reference):
    """Twelve states, sessions 46 to 74, as estimated in April 2020; the order of four of them."""
    of, fit, _ = found
    theirs = pd.read_csv(reference / "unga_ideal_points_bsv_apr2020_subset.csv")
    name = {"USA": "United States", "RUS": "Russia", "CHN": "China", "ISR": "Israel"}
    for session, rows in theirs.groupby("session"):
        known = rows.set_index("iso3c")["IdealPoint"]
        ours = [fit.theta[session - 1, of.states.index(state)] for state in name.values()]
        assert np.argsort(ours).tolist() == np.argsort(known[list(name)].to_numpy()).tolist(), session
