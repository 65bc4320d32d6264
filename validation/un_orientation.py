"""Ideal points from every vote in the UN General Assembly, held against the published ones session by session.

    python validation/un_orientation.py [--misfits 15] [--others] [--drifts 0.01 0.1]

All votes of all states 1946-2019 are fitted at once (`tertius.models.orientation.fit_votes`); nothing published goes
in. The published ideal points (Bailey, Strezhnev & Voeten 2017; Voeten's estimates of June 2024 on all votes) are means
of Gibbs draws, from a program that lets votes of one text share their parameters, smooths less, and has four more
years of votes.

The sign is set by one state, the United States, which stands above the mean; location and scale by mean 0 and variance
1 over all states and sessions, here as there. Correlations by session do not depend on either, so the correlation over
all sessions together stands beside them.

Misfits are residuals of the regression, within a session, of ours on theirs, in standard deviations of ours.

`--others` starts elsewhere (where the published program starts, and at random), to see whether the maximum is the
same; `--drifts` shows the evidence and the correlations for other variances of the random walk.
"""

from __future__ import annotations

import argparse
import time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import tertius.world as data
from tertius.models.orientation import VotesFit, VoteStatus, fit_votes

ANCHOR = "United States"
LATE = 47
"""First session that counts for the headline: its number plus 1945 is the year, 1992."""
NAMED_OTHERWISE = {"Federal Republic of Germany": "German Federal Republic"}
STARTS = {3.0: ("United States", "Canada", "United Kingdom", "Israel"), -2.0: ("Russia",)}
"""Where the published program starts (of East Germany these votes have nothing)."""


class Ballots(NamedTuple):
    """Every vote of every state."""

    votes: np.ndarray
    """(roll call, state): 0 absent, 1 yes, 2 abstain, 3 no."""
    session: np.ndarray
    states: list[str]
    roll_calls: np.ndarray


def ballots(first: int = 1, last: int = 74) -> Ballots:
    """Return the votes of some sessions.

    Parameters
    ----------
    first, last
        Numbers of sessions.
    """
    calls = data.table("un-votes", "roll_calls")
    calls = calls[calls["session"].between(first, last)].sort_values("rcid")
    cast = data.table("un-votes", "votes")
    cast = cast[cast["rcid"].isin(calls["rcid"])]
    states = sorted(cast["country"].unique())
    row = pd.Index(calls["rcid"]).get_indexer(cast["rcid"])
    column = pd.Index(states).get_indexer(cast["country"])
    votes = np.zeros((len(calls), len(states)), np.int8)
    votes[row, column] = cast["vote"]
    return Ballots(votes, calls["session"].to_numpy(), states, calls["rcid"].to_numpy())


def fitted(of: Ballots, **settings: Any) -> VotesFit:
    """Fit the ballots with the United States above the mean."""
    return fit_votes(of.votes, of.session, of.states.index(ANCHOR), **settings)


def compared(of: Ballots, fit: VotesFit) -> pd.DataFrame:
    """Return ours beside theirs, one row for each state and session that both have.

    Parameters
    ----------
    of, fit
        From :func:`ballots` and :func:`fitted`.

    Returns
    -------
    DataFrame
        ``session``, ``state``, ``ours``, ``sd``, ``theirs``, their ``width`` (from the 5th to the 95th percentile),
        ``votes`` (how many theirs rests on) and ``gap``, the misfit.
    """
    t, c = np.nonzero(fit.voted)
    ours = pd.DataFrame(
        {
            "session": fit.session[t],
            "state": [NAMED_OTHERWISE.get(of.states[i], of.states[i]) for i in c],
            "ours": fit.theta[t, c],
            "sd": fit.sd[t, c],
        }
    )
    published = data.table("un-ideal-points", "all_votes")
    theirs = published.rename(
        columns={"Countryname": "state", "IdealPointAll": "theirs", "NVotesAll": "votes"}
    ).assign(width=published["Q95%All"] - published["Q5%All"])
    both = ours.merge(theirs[["session", "state", "theirs", "width", "votes"]], on=["session", "state"])
    both["gap"] = np.nan
    for _, rows in both.groupby("session"):
        slope, level = np.polyfit(rows["theirs"], rows["ours"], 1)
        both.loc[rows.index, "gap"] = (rows["ours"] - level - slope * rows["theirs"]) / rows["ours"].std()
    return both


def by_session(both: pd.DataFrame) -> pd.DataFrame:
    """Return the number of states and the correlations, Pearson's and Spearman's, of every session.

    Parameters
    ----------
    both
        From :func:`compared`.
    """
    pairs = both.groupby("session")[["ours", "theirs"]]
    return pd.DataFrame(
        {
            "states": pairs.size(),
            "pearson": pairs.apply(lambda rows: rows["ours"].corr(rows["theirs"])),
            "spearman": pairs.apply(lambda rows: rows["ours"].corr(rows["theirs"], method="spearman")),
        }
    )


def _summary(both: pd.DataFrame) -> dict[str, float]:
    found = by_session(both)["pearson"]
    late = found[found.index >= LATE]
    return {
        "median 1992-2019": late.median(),
        "least 1992-2019": late.min(),
        "median of all": found.median(),
        "least of all": found.min(),
        "pooled": both["ours"].corr(both["theirs"]),
    }


def _line(label: str, fit: VotesFit, both: pd.DataFrame, seconds: float) -> None:
    shown = "  ".join(f"{name} {value:.4f}" for name, value in _summary(both).items())
    print(
        f"{label:24s} {VoteStatus(fit.status).name.lower()}, {fit.iterations} steps, {seconds:.1f} s, "
        f"residual {fit.residual:.0e}  "
        f"log posterior {fit.log_posterior:.2f}  evidence {fit.log_evidence:.1f}\n    {shown}",
        flush=True,
    )


def main() -> None:
    """Print what docs/validation.md quotes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--misfits", type=int, default=15)
    parser.add_argument("--others", action="store_true", help="other starting points")
    parser.add_argument("--drifts", type=float, nargs="*", default=[])
    given = parser.parse_args()

    of = ballots()
    print(f"{int((of.votes > 0).sum())} votes, {len(of.votes)} roll calls, {len(of.states)} states")

    def run(label: str, **settings: Any) -> tuple[VotesFit, pd.DataFrame]:
        start = time.perf_counter()
        fit = fitted(of, **settings)
        seconds = time.perf_counter() - start
        both = compared(of, fit)
        _line(label, fit, both, seconds)
        return fit, both

    fit, both = run("as it is")
    sessions = by_session(both)
    with pd.option_context("display.width", 200, "display.max_rows", 400):
        print("\nBy session\n", sessions.round(3).T.to_string(), "\n")
        print("The five sessions that fit worst\n", sessions.nsmallest(5, "pearson").round(3), "\n")
        worst = both.loc[both["gap"].abs().nlargest(given.misfits).index]
        print("The state-sessions that fit worst\n", worst.round(2).to_string(), "\n")
        late = both[both["session"] >= LATE]
        spread = late.groupby("state")["gap"].agg(["mean", "size"])
        print(
            "The states that fit worst on average, 1992-2019\n",
            spread[spread["size"] >= 10]
            .sort_values("mean")
            .iloc[[0, 1, 2, 3, 4, -5, -4, -3, -2, -1]]
            .round(2),
            "\n",
        )
        jumps = np.abs(np.diff(fit.theta, axis=0))
        places = np.argsort(np.where(np.isnan(jumps), 0.0, jumps).ravel())[::-1][:8]
        print("The greatest moves from one session to the next")
        for t, c in zip(*np.unravel_index(places, jumps.shape), strict=True):
            print(
                f"    {of.states[c]:28s} {fit.session[t]}: {fit.theta[t, c]:.2f} to {fit.theta[t + 1, c]:.2f}"
            )
    ratio = 2 * 1.645 * both["sd"] / both["width"]
    print(
        f"\nOur 90 % intervals over theirs: median {ratio.median():.2f}, a tenth below {ratio.quantile(0.1):.2f}"
    )
    few = both["votes"] < 10
    print(
        f"Misfit (root mean square) on fewer than ten votes {_rms(both[few])}, on more {_rms(both[~few])}\n"
    )
    if given.others:
        for_theirs = np.zeros(len(of.states))
        for value, names in STARTS.items():
            for name in names:
                for_theirs[of.states.index(name)] = value
        run("their starting point", start=for_theirs)
        for seed in range(3):
            run(f"random start {seed}", start=np.random.default_rng(seed).normal(size=len(of.states)))
    for drift in given.drifts:
        run(f"drift {drift}", drift=drift)


def _rms(rows: pd.DataFrame) -> str:
    return f"{np.sqrt((rows['gap'] ** 2).mean()):.2f} ({len(rows)} state-sessions)"


if __name__ == "__main__":
    main()
