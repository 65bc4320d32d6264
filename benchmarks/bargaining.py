"""Models of bargaining: thousands of draws of expected utility beside plain Python, and every model on every issue.

    python benchmarks/bargaining.py [--draws 8192] [--peer-draws 24]

The emission standards of Bueno de Mesquita (1994, p. 78): ten actors, ten rounds, in the reading of the public code.
Every draw has its own positions, saliences and capabilities. The peer plays the same draws one at a time, as one would
write it down: the equations in lists and loops, with the sums that a round needs computed once. Both must agree.

Then all models on all issues of DEU II that are scored, the first time (compilation included) and again.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tertius.errors import CannotCompute
from tertius.models import bargaining

# Position (years of delay), salience, capability: Scholz, Calbert & Smith (2011), table 1.
ACTORS = {
    "Netherlands": (4, 0.80, 0.08),
    "Belgium": (7, 0.40, 0.08),
    "Luxembourg": (4, 0.20, 0.03),
    "Germany": (4, 0.80, 0.16),
    "France": (10, 0.60, 0.16),
    "Italy": (10, 0.60, 0.16),
    "UK": (10, 0.90, 0.16),
    "Ireland": (7, 0.10, 0.05),
    "Denmark": (4, 1.00, 0.05),
    "Greece": (7, 0.70, 0.08),
}
ROUNDS = 10


def worlds(draws: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, saliences and capabilities, ``(draws, 10)``, around those of the example."""
    rng = np.random.default_rng(0)
    x, s, c = (np.array(column) for column in zip(*ACTORS.values(), strict=True))
    noise = rng.normal(size=(3, draws, len(x)))
    return x + 0.5 * noise[0], np.clip(s + 0.05 * noise[1], 0.01, 1.0), c * np.exp(0.1 * noise[2])


def median(x: list[float], w: list[float]) -> float:
    """The lowest position with half of the weight at or below it."""
    so_far, half = 0.0, sum(w) / 2
    for place, weight in sorted(zip(x, w, strict=True)):
        so_far += weight
        if so_far >= half:
            return place
    return max(x)


def plain(x: list[float], s: list[float], c: list[float], rounds: int) -> float:
    """One contest, one draw."""
    n = len(x)
    everyone = range(n)
    w = [c[i] * s[i] for i in everyone]
    low, span = min(x), max(x) - min(x)
    x = [(a - low) / span for a in x]

    def chances(r: list[float]) -> list[list[float]]:
        u = [[abs(x[k] - x[i]) ** r[k] for i in everyone] for k in everyone]
        yes = [
            [sum(max(0.0, w[k] * (u[k][j] - u[k][i])) for k in everyone) for j in everyone] for i in everyone
        ]
        votes = 2 * sum(map(sum, yes))
        return [[y / votes for y in row] for row in yes]

    def gain(P: list[list[float]], i: int, j: int, r: float) -> float:
        d = abs(x[i] - x[j])
        won, lost = 2 - 4 * (0.5 - 0.5 * d) ** r, 2 - 4 * (0.5 + 0.5 * d) ** r
        return s[j] * (P[i][j] * won + (1 - P[i][j]) * lost) + (1 - s[j]) * won - (2 - 4 * 0.5**r)

    for _ in range(rounds):
        P = chances([1.0] * n)
        danger = [sum(gain(P, j, i, 1.0) for j in everyone if j != i) for i in everyone]
        most, least = max(danger), min(danger)
        R = [(2 * a - most - least) / (most - least) for a in danger]
        r = [(1 - a / 3) / (1 + a / 3) for a in R]
        P = chances(r)
        new = list(x)
        for i in everyone:
            fights, deals = [], []
            for j in everyone:
                if x[i] == x[j]:
                    continue
                a, b = gain(P, i, j, r[i]), gain(P, j, i, r[i])
                if b > a > 0:
                    fights.append((abs(x[i] - x[j]), x[j]))
                elif b > 0 > a and b > -a:
                    deals.append(((b * x[j] - a * x[i]) / (b - a), x[i] + (x[j] - x[i]) * -a / b))
            if fights or deals:
                new[i] = min(fights or deals)[1]
        x = new
    return low + span * median(x, w)


def main() -> None:
    """Print the table."""
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--draws", type=int, default=8192)
    ask.add_argument("--peer-draws", type=int, default=24)
    given = ask.parse_args()

    actors = worlds(given.draws)

    def play() -> np.ndarray:
        return np.asarray(bargaining.expected_utility(*actors, rounds=ROUNDS).outcome)

    started = time.perf_counter()
    found = play()
    first = time.perf_counter() - started
    warm = min(_timed(play) for _ in range(5))
    some = [tuple(map(list, row)) for row in zip(*(a[: given.peer_draws] for a in actors), strict=True)]
    started = time.perf_counter()
    peer = np.array([plain(x, s, c, ROUNDS) for x, s, c in some])
    a_draw = (time.perf_counter() - started) / len(some)
    gap = np.abs(peer - found[: len(peer)])
    print(f"expected utility, {given.draws:,} draws of {len(ACTORS)} actors, {ROUNDS} rounds")
    print(
        f"  batched         first {first:6.2f} s   warm {warm:6.3f} s   a draw {1e6 * warm / given.draws:8.1f} µs"
    )
    print(
        f"  plain Python    {len(peer)} draws   {a_draw * given.draws:8.1f} s for all   "
        f"a draw {1e6 * a_draw:8.1f} µs"
    )
    print(f"  ratio {a_draw * given.draws / warm:6.0f}   largest difference {gap.max():.1e}")

    from tertius._study.scores import bargaining as scores

    try:
        issues = scores.decisions()
    except CannotCompute as missing:
        print(f"skipped: {missing}")
        return
    started = time.perf_counter()
    scores.forecasts(issues)
    first = time.perf_counter() - started
    warm = min(_timed(lambda: scores.forecasts(issues)) for _ in range(3))
    models = len(scores.ENTRIES)
    print(f"{models} models on {len(issues.issue)} issues of up to {issues.positions.shape[1]} actors")
    print(f"  first {first:6.2f} s (with compilation)   again {warm:6.2f} s")


def _timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
