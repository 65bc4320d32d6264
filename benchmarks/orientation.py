"""Orientation: the filter over every country and year, and ideal points from all votes of the General Assembly.

    python benchmarks/orientation.py [--countries 200] [--years 75]

The filter runs beside a plain NumPy loop over countries and years, and beside statsmodels where it is installed. The
votes are the real ones where the public data can be had, and else simulated: as many roll calls, states and sessions.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import time

import numpy as np

import tertius.world as data
from tertius.errors import TertiusError
from tertius.models.orientation import VoteStatus, fit_votes, tilt

DRIFT, NOISE = 0.1, 0.5


def loop(y: np.ndarray) -> np.ndarray:
    """Smoothed tilts, one country and year after another."""
    out = np.empty_like(y)
    for i, row in enumerate(y):
        m, P, kept = 0.0, 1.0, []
        for value in row:
            P += DRIFT
            if not np.isnan(value):
                K = P / (P + NOISE)
                m, P = m + K * (value - m), (1 - K) * P
            kept.append((m, P))
        out[i, -1] = smooth = m
        for t in range(len(row) - 2, -1, -1):
            m, P = kept[t]
            smooth = m + P / (P + DRIFT) * (smooth - m)
            out[i, t] = smooth
    return out


def statsmodels(y: np.ndarray) -> np.ndarray:
    """The same from statsmodels, one country after another."""
    from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

    out = np.empty_like(y)
    for i, row in enumerate(y):
        model = KalmanSmoother(k_endog=1, k_states=1, k_posdef=1)
        model.bind(row[:, None].copy())
        for name, value in (
            ("design", 1),
            ("obs_cov", NOISE),
            ("transition", 1),
            ("selection", 1),
            ("state_cov", DRIFT),
        ):
            model[name, 0, 0] = value
        model.initialize_known(np.zeros(1), np.array([[1.0 + DRIFT]]))
        out[i] = model.smooth().smoothed_state[0]
    return out


def votes() -> tuple[str, np.ndarray, np.ndarray, int]:
    """What they are, (V, C) answers, (V,) sessions, and the anchor."""
    try:
        calls = data.table("un-votes", "roll_calls").sort_values("rcid")
        cast = data.table("un-votes", "votes")
    except TertiusError:
        rng = np.random.default_rng(0)
        session = np.sort(rng.integers(0, 74, 6203))
        theta = rng.normal(size=200)
        z = rng.normal(0, 1.4, (6203, 1)) * theta + rng.normal(size=(6203, 200))
        low = rng.normal(0.5, 1, (6203, 1))
        answers = np.where(z < low, 1, np.where(z < low + 0.5, 2, 3))
        answers[rng.random(answers.shape) < 0.3] = 0
        return "simulated", answers, session, int(theta.argmax())
    states = sorted(cast["country"].unique())
    place = {state: i for i, state in enumerate(states)}
    row = {call: i for i, call in enumerate(calls["rcid"])}
    answers = np.zeros((len(calls), len(states)), np.int8)
    answers[cast["rcid"].map(row), cast["country"].map(place)] = cast["vote"]
    return "the General Assembly 1946-2019", answers, calls["session"].to_numpy(), place["United States"]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--countries", type=int, default=200)
    parser.add_argument("--years", type=int, default=75)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = given.countries, given.years
    y = np.where(
        rng.random(shape) < 0.2, np.nan, np.cumsum(rng.normal(0, 0.3, shape), 1) + rng.normal(0, 0.7, shape)
    )
    one = np.ones((given.years, 1))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        found = tilt(y, NOISE * one[:, 0], one, DRIFT * one, np.zeros(1), np.eye(1))
        found.mean.block_until_ready()
        seconds.append(time.perf_counter() - start)
    print(f"filter and smoother, {given.countries} countries × {given.years} years")
    print(f"    first run, compiling included {seconds[0]:.3f} s; then {1e3 * min(seconds[1:]):.1f} ms")
    peers = {"NumPy loop": loop}
    if importlib.util.find_spec("statsmodels"):
        peers["statsmodels"] = statsmodels
    else:
        print("    statsmodels is not installed")
    for name, peer in peers.items():
        start = time.perf_counter()
        theirs = peer(y)
        took = time.perf_counter() - start
        print(
            f"    {name} {1e3 * took:.0f} ms; tilts differ by {np.abs(theirs - found.mean[..., 0]).max():.1e}"
        )

    what, answers, session, anchor = votes()
    start = time.perf_counter()
    fit = fit_votes(answers, session, anchor)
    took = time.perf_counter() - start
    print(
        f"ideal points, {what}: {int((answers > 0).sum())} votes, "
        f"{answers.shape[0]} roll calls, {answers.shape[1]} states: "
        f"{took:.1f} s, {fit.iterations} steps, {VoteStatus(fit.status).name.lower()}, residual {fit.residual:.0e}"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
