"""Models of bargaining scored on decisions of the European Union, and their forecasts for two climate conferences.

The rules, laid down before any model was scored:

* **Issues.** Those of DEU II with an outcome and at least three actors that have both a position and a salience. An
  actor with a position and no salience is left out of its issue, and counted.
* **Capabilities.** DEU states none. A state has its votes in the Council: of the Fifteen for proposals made before
  2001, of the Twenty-seven for those made from 2003 (there are none between). The Commission and the Parliament have
  as many as the state with most votes among those that take a position on the issue. In consultation the Parliament
  can only give its opinion; it counts for as much all the same, as in the benchmark.
* **Models.** :data:`ENTRIES`, every model with its default options. Nash bargaining takes the reference point for the
  status quo where it is known, and has no status quo where it is not. Exchange takes the issues of one proposal
  together. Beside them stand forecasts that take no model: :data:`PLAIN`.
* **Score.** Mean absolute error on the scale from 0 to 100, over all of the issues, in whatever state the model ended.
  How many of its contests were settled is shown, and the error over those alone, beside that of the weighted mean
  on the same issues.
* **Intervals.** From the 5th to the 95th percentile of 10,000 resamples, of proposals and not of issues, since issues
  of one proposal are not independent. In the same resamples: how often each model has the smallest error, and by how
  much it differs from the weighted mean.
* **Splits.** By procedure (codecision, consultation), by Council (of the Fifteen, of the Twenty-seven), and by whether
  the reference point is known.
* **Forecast.** The product forecasts with the one of :data:`ENTRIES` that has the smallest error over all issues.

Paris and Copenhagen are forecast and not scored: their outcomes are not among the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tertius import world
from tertius._version import __version__
from tertius.errors import BadInput
from tertius.models import bargaining
from tertius.models.bargaining import Status

__all__ = [
    "ENTRIES",
    "PLAIN",
    "SETS",
    "Decisions",
    "decisions",
    "forecasts",
    "record",
    "score",
    "tables",
]

Floats = NDArray[np.float64]
Progress = Callable[[str, float], None]

SETS = ("deu2", "climate")
RESAMPLES = 10_000
SEED = 0
LEAST_ACTORS = 3
INSTITUTIONS = ("com", "ep")

ENTRIES: Mapping[str, str] = {
    "weighted_mean": "weighted mean",
    "weighted_median": "weighted median",
    "nash": "Nash bargaining",
    "expected_utility": "expected utility (code)",
    "expected_utility_literal": "expected utility (printed)",
    "exchange": "exchange",
    "condorcet": "Condorcet election",
}
"""The models, in the order in which they are shown."""

PLAIN: Mapping[str, str] = {
    "mean_of_positions": "mean of positions",
    "mean_by_salience": "mean by salience",
    "median_of_positions": "median of positions",
    "middle_of_scale": "middle of the scale",
}
"""Forecasts that take no model."""

_SPLITS = {
    "codecision": "codecision",
    "consultation": "consultation",
    "fifteen": "Council of 15",
    "twenty_seven": "Council of 27",
    "reference_known": "reference known",
    "reference_unknown": "reference unknown",
}


@dataclass(frozen=True)
class Decisions:
    """The issues to be scored, padded with ``NaN``: L issues, N actors.

    Attributes
    ----------
    issue, proposal
        Their names, shape (L,).
    positions, saliences, capabilities
        Shape (L, N).
    present
        Who takes part: who has a position and a salience, shape (L, N).
    outcome, reference
        Shape (L,); the reference point is ``NaN`` where it is not known.
    splits
        Name to the issues in it, shape (L,).
    left_out
        Issue to the reason why it is not scored.
    without_salience
        How many positions were left out for want of a salience.
    """

    issue: NDArray[np.str_]
    proposal: NDArray[np.str_]
    positions: Floats
    saliences: Floats
    capabilities: Floats
    present: NDArray[np.bool_]
    outcome: Floats
    reference: Floats
    splits: Mapping[str, NDArray[np.bool_]]
    left_out: Mapping[str, str]
    without_salience: int


def _votes(actors: list[str], table: str) -> Floats:
    """Votes of the states among the actors; ``NaN`` for the institutions and for states outside the Council."""
    held = world.table("deu", table).set_index("abbr")["weights"]
    return held.reindex(actors).to_numpy(float)


def decisions(council: str | None = None) -> Decisions:
    """Read the issues of DEU II that are scored.

    Parameters
    ----------
    council
        ``"fifteen"`` or ``"twenty_seven"``: whose votes to take for every issue; by the date of the proposal if None.
    """
    rows = world.table("deu", "issues")
    actors = [name[1:] for name in rows.columns if name.startswith("p") and f"s{name[1:]}" in rows.columns]
    x, s = (rows[[f"{kind}{a}" for a in actors]].to_numpy(float) for kind in "ps")
    present = ~np.isnan(x) & ~np.isnan(s)
    outcome = rows["out"].to_numpy(float)
    enough = present.sum(1) >= LEAST_ACTORS
    kept = enough & ~np.isnan(outcome)
    left_out = {
        str(name): "no outcome" if np.isnan(out) else f"fewer than {LEAST_ACTORS} actors"
        for name, out, keep in zip(rows["isnr"], outcome, kept, strict=True)
        if not keep
    }
    # A proposal's code begins with the two digits of its year; DEU has none between 2001 and 2002.
    year = rows["cod"].str[:4].astype(int).to_numpy()
    late = year >= 2003 if council is None else np.full(len(rows), council == "twenty_seven")
    votes = np.where(late[:, None], _votes(actors, "votes_27"), _votes(actors, "votes_15"))
    most = np.nanmax(np.where(present, votes, np.nan), axis=1, keepdims=True, initial=0.0)
    institution = np.isin(actors, INSTITUTIONS)
    # An issue on which no state takes a position leaves the institutions alike.
    votes = np.where(institution, np.where(most > 0, most, 1.0), votes)
    codecision = rows["cod"].str.contains("COD").to_numpy()
    known = rows["rp"].notna().to_numpy()
    splits = {
        "codecision": codecision,
        "consultation": ~codecision,
        "fifteen": year < 2003,
        "twenty_seven": year >= 2003,
        "reference_known": known,
        "reference_unknown": ~known,
    }
    return Decisions(
        rows["isnr"].to_numpy(str)[kept],
        rows["prnr"].to_numpy(str)[kept],
        x[kept],
        s[kept],
        votes[kept],
        present[kept],
        outcome[kept],
        rows["rp"].to_numpy(float)[kept],
        {name: of[kept] for name, of in splits.items()},
        left_out,
        int((~np.isnan(x) & np.isnan(s))[kept].sum()),
    )


def _silent(stage: str, done: float) -> None:
    pass


def forecasts(
    given: Decisions, progress: Progress = _silent
) -> tuple[dict[str, Floats], dict[str, NDArray[Any]]]:
    """Forecast every issue with every model, and plainly.

    Returns
    -------
    tuple
        Name to forecasts, and name to :class:`~tertius.models.bargaining.Status`, shape (L,) each.
    """
    actors = given.positions, given.saliences, given.capabilities
    there = given.present
    value: dict[str, Floats] = {}
    status: dict[str, NDArray[Any]] = {}

    def keep(name: str, found: Any) -> None:
        value[name], status[name] = np.asarray(found.outcome), np.asarray(found.status)
        progress(name, len(value) / (len(ENTRIES) + len(PLAIN)))

    keep("weighted_mean", bargaining.weighted_mean(*actors, present=there))
    keep("weighted_median", bargaining.weighted_median(*actors, present=there))
    known = ~np.isnan(given.reference)
    with_quo = bargaining.nash(*actors, present=there, disagreement=np.where(known, given.reference, 0.0))
    without = bargaining.nash(*actors, present=there)
    value["nash"] = np.where(known, with_quo.outcome, without.outcome)
    status["nash"] = np.where(known, with_quo.status, without.status)
    keep("expected_utility", bargaining.expected_utility(*actors, present=there))
    keep("expected_utility_literal", bargaining.expected_utility(*actors, present=there, mode="literal"))
    value["exchange"], status["exchange"] = _exchanged(given)
    keep("condorcet", bargaining.condorcet(*actors, present=there))

    keep("mean_of_positions", bargaining.weighted_mean(*actors, present=there, weight="equal"))
    keep("mean_by_salience", bargaining.weighted_mean(*actors, present=there, weight="salience"))
    keep("median_of_positions", bargaining.weighted_median(*actors, present=there, weight="equal"))
    value["middle_of_scale"] = np.full(len(given.issue), 50.0)
    status["middle_of_scale"] = np.zeros(len(given.issue), int)
    names = [*ENTRIES, *PLAIN]
    return {name: value[name] for name in names}, {name: status[name] for name in names}


def _exchanged(given: Decisions) -> tuple[Floats, NDArray[Any]]:
    """Exchange over the issues of each proposal."""
    proposals, number = np.unique(given.proposal, return_inverse=True)
    place = np.zeros(len(number), int)
    for n in range(len(proposals)):
        place[number == n] = np.arange((number == n).sum())
    value, status = np.full(len(number), np.nan), np.zeros(len(number), int)
    # Those with few issues apart, since the work goes with the square of their number.
    size = np.bincount(number)
    for few in (True, False):
        chosen = (size <= 3) == few
        rows = np.flatnonzero(chosen[number])
        if not rows.size:
            continue
        order = np.cumsum(chosen) - 1
        at = order[number[rows]], place[rows]
        shape = (int(chosen.sum()), int(size[chosen].max()), given.positions.shape[1])
        x, s, c = (np.full(shape, np.nan) for _ in range(3))
        there = np.zeros(shape, bool)
        for to, source in (
            (x, given.positions),
            (s, given.saliences),
            (c, given.capabilities),
            (there, given.present),
        ):
            to[at] = source[rows]
        found = bargaining.exchange(x, s, c, present=there)
        value[rows], status[rows] = np.asarray(found.outcome)[at], np.asarray(found.status)[at]
    return value, status


def _resampled(error: Floats, proposal: NDArray[np.str_], rng: np.random.Generator, resamples: int) -> Floats:
    """Means of columns over resampled proposals: ``(resamples, columns)`` from ``(L, columns)``."""
    names, number = np.unique(proposal, return_inverse=True)
    total = np.zeros((len(names), error.shape[1]))
    np.add.at(total, number, error)
    size = np.bincount(number)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
    means: Floats = (drawn @ total) / (drawn @ size)[:, None]
    return means


def _interval(values: Floats) -> dict[str, float]:
    low, high = np.quantile(values, [0.05, 0.95])
    return {"p05": float(low), "p95": float(high)}


def _split(
    error: Floats, names: list[str], proposal: NDArray[np.str_], seed: int, resamples: int
) -> dict[str, dict[str, Any]]:
    """By model: error with its interval, difference from the weighted mean, how often it is the best of the models."""
    means = _resampled(error, proposal, np.random.default_rng(seed), resamples)
    models = [names.index(name) for name in ENTRIES]
    best = np.array(models)[means[:, models].argmin(1)]
    base = names.index("weighted_mean")
    out: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(names):
        out[name] = {"mae": float(error[:, k].mean()), **_interval(means[:, k])}
        if k != base:
            gap = means[:, k] - means[:, base]
            out[name]["less_weighted_mean"] = {
                "mean": float((error[:, k] - error[:, base]).mean()),
                **_interval(gap),
            }
        if k in models:
            out[name]["best"] = float((best == k).mean())
    return out


def score(resamples: int = RESAMPLES, seed: int = SEED, progress: Progress = _silent) -> dict[str, Any]:
    """Score the models on DEU II.

    Parameters
    ----------
    resamples, seed
        Of the bootstrap.
    progress
        Called with what is going on and how far it has got, 0 to 1.

    Returns
    -------
    dict
        Plain data, ready for JSON.

    Raises
    ------
    CannotCompute
        If the data are not on this machine.
    """
    given = decisions()
    value, status = forecasts(given, lambda stage, done: progress(stage, 0.7 * done))
    names = list(value)
    error = np.abs(np.stack([value[n] for n in names], 1) - given.outcome[:, None])
    everything = np.ones(len(given.issue), bool)
    scores: dict[str, dict[str, Any]] = {}
    for k, (key, rows) in enumerate({"overall": everything, **given.splits}.items()):
        part = _split(error[rows], names, given.proposal[rows], seed, resamples)
        scores[key] = {
            "title": _SPLITS.get(key, "all issues"),
            "issues": int(rows.sum()),
            "proposals": len(np.unique(given.proposal[rows])),
            "models": part,
        }
        progress("resampling", 0.7 + 0.3 * (k + 1) / (1 + len(given.splits)))
    base = names.index("weighted_mean")
    endings: dict[str, Any] = {}
    for k, name in enumerate(names):
        settled = status[name] == Status.CONVERGED
        endings[name] = {
            **{s.name.lower(): int((status[name] == s).sum()) for s in Status if (status[name] == s).any()},
            "mae_settled": float(error[settled, k].mean()) if settled.any() else None,
            "weighted_mean_on_these": float(error[settled, base].mean()) if settled.any() else None,
        }
    overall = scores["overall"]["models"]
    best = min(ENTRIES, key=lambda name: overall[name]["mae"])
    return {
        "tertius": __version__,
        "set": "deu2",
        "title": "Decisions of the European Union, DEU II",
        "unit": "points of a scale from 0 to 100",
        "resamples": resamples,
        "seed": seed,
        "models": dict(ENTRIES),
        "plain": dict(PLAIN),
        "forecast": best,
        "scores": scores,
        "endings": endings,
        "left_out": dict(given.left_out),
        "positions_without_salience": given.without_salience,
        "benchmark": _benchmark(given, value),
    }


def _benchmark(given: Decisions, value: Mapping[str, Floats]) -> dict[str, Any]:
    """Our weighted mean against the benchmark's compromise model, issue by issue, and its averages."""
    theirs = world.table("deu-benchmark", "forecasts").set_index("issue_id")
    other = decisions("twenty_seven")
    with_27 = bargaining.weighted_mean(
        other.positions, other.saliences, other.capabilities, present=other.present
    )
    mine = pd.DataFrame(
        {
            "ours": value["weighted_mean"],
            "with_votes_of_27": np.asarray(with_27.outcome),
            "outcome": given.outcome,
        },
        index=given.issue,
    )
    held = theirs[["compromise_forecast", "outcome"]].rename(columns={"outcome": "outcome_theirs"})
    both = mine.join(held, how="inner")
    # The benchmark prints three digits.
    agree = (both["ours"] - both["compromise_forecast"]).abs() <= 0.0005001
    explained = (both["with_votes_of_27"] - both["compromise_forecast"]).abs() <= 0.0005001
    shared = theirs.loc[both.index]

    def listed(rows: pd.DataFrame) -> list[dict[str, Any]]:
        return [
            {
                "issue": str(issue),
                "ours": round(float(row["ours"]), 3),
                "theirs": float(row["compromise_forecast"]),
                "with_votes_of_27": round(float(row["with_votes_of_27"]), 3),
            }
            for issue, row in rows.iterrows()
        ]

    return {
        "issues": len(theirs),
        "challenge_mae": float(theirs["challenge_ae"].mean()),
        "compromise_mae": float(theirs["compromise_ae"].mean()),
        "shared": len(both),
        "challenge_mae_shared": float(shared["challenge_ae"].mean()),
        "compromise_mae_shared": float(shared["compromise_ae"].mean()),
        "same_outcome": int((both["outcome"] == both["outcome_theirs"]).sum()),
        "same_forecast": int(agree.sum()),
        "votes_of_27_for_earlier_proposals": listed(both[~agree & explained]),
        "unexplained": listed(both[~agree & ~explained]),
        "without_positions_here": int((~theirs.index.isin(given.issue)).sum()),
        "not_in_benchmark": sorted(set(given.issue) - set(theirs.index)),
    }


def tables() -> dict[str, Any]:
    """Forecast the issues of two climate conferences with every model.

    Returns
    -------
    dict
        Plain data, ready for JSON. Not scored: the outcomes are not among the data.
    """
    out: dict[str, Any] = {
        "tertius": __version__,
        "set": "climate",
        "title": "Climate conferences, as experts saw them before",
        "models": dict(ENTRIES),
        "conferences": {},
        "note": "forecasts without a score: the outcomes are not among the data",
    }
    for name, title in (("copenhagen", "Copenhagen 2009"), ("paris", "Paris 2015")):
        rows = world.table("climate-bargaining", name)
        issues = list(dict.fromkeys(rows["issue"]))
        wide = {
            key: rows.pivot(index="issue", columns="actor", values=key).reindex(issues).to_numpy(float)
            for key in ("position", "salience", "power")
        }
        actors = wide["position"], wide["salience"], wide["power"]
        found: dict[str, Any] = {
            "weighted_mean": bargaining.weighted_mean(*actors),
            "weighted_median": bargaining.weighted_median(*actors),
            "nash": bargaining.nash(*actors),
            "expected_utility": bargaining.expected_utility(*actors),
            "expected_utility_literal": bargaining.expected_utility(*actors, mode="literal"),
            "exchange": bargaining.exchange(*actors),
            "condorcet": bargaining.condorcet(*actors),
        }
        out["conferences"][name] = {
            "title": title,
            "actors": len(set(rows["actor"])),
            "forecasts": {
                issue: {model: float(f.outcome[k]) for model, f in found.items()}
                for k, issue in enumerate(issues)
            },
            "unsettled": {
                model: int((np.asarray(f.status) != Status.CONVERGED).sum()) for model, f in found.items()
            },
        }
    return out


def record() -> dict[str, Any]:
    """Return the score that comes with the program, as :func:`score` once computed it.

    A brief shows it beside its forecasts, on a machine without the data too.
    """
    text = resources.files("tertius._study.scores").joinpath("deu2.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def check_set(name: str) -> None:
    """Refuse a set that does not exist."""
    if name not in SETS:
        raise BadInput(
            f"there is no set '{name}' to score models of bargaining on",
            code="unknown-set",
            path="--bargaining",
            hint=f"there are: {', '.join(SETS)}",
        )
