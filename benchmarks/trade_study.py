"""The trade engine's fast path as a study uses it, and two peers on the same worlds in the same run.

    python benchmarks/trade_study.py [--draws 8192] [--peer-draws 4] [--threads 2] [--quick]

Worlds of thirteen regions and five sectors, one of which nobody trades; the first region is a small client. Fourteen
counterfactuals on each: every partner leaves, three leave together, one route with a limit, and the baseline; the
route once more where sectors are complements. The peers solve the same counterfactuals one at a time: a plain NumPy
fixed point, and scipy's hybrid root finder.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy.optimize import root

from tertius.models import trade

S, N, C = 5, 13, 14
OTHERS = np.arange(1, N)
ORIGIN = np.concatenate([np.zeros(N - 1, int), OTHERS])
DESTINATION = np.concatenate([OTHERS, np.zeros(N - 1, int)])
M = len(ORIGIN)


def worlds(draws: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Flows (K, S, N, N) of gravity with noise, and elasticities (K, S)."""
    size = np.exp(rng.normal(0, 1.3, (draws, N)))
    size[:, 0] = 0.02 * size.mean(1)
    supply = np.exp(rng.normal(0, 0.7, (draws, S, N))) * size[:, None]
    demand = np.exp(rng.normal(0, 0.3, (draws, S, N))) * size[:, None]
    X = supply[..., :, None] * demand[..., None, :] * np.exp(rng.normal(0, 0.7, (draws, S, N, N)))
    X *= 0.3 / size.sum(1)[:, None, None, None]
    here = np.arange(N)
    X[:, :, here, here] = size[:, None] * np.exp(rng.normal(0, 0.5, (draws, S, N)))
    X[:, 0, 0, 1:] *= 2
    X[:, -1] = 5 * size[:, :, None] * np.eye(N)
    return X, rng.uniform(3, 10, (draws, S))


def exits() -> np.ndarray:
    """(C, S, M): nobody leaves; each of twelve partners leaves; three leave together."""
    keep = np.ones((C, S, M))
    for c in range(1, C - 1):
        keep[c][:, [c - 1, N - 2 + c]] = 0.0
    keep[C - 1][:, [0, 1, 2, N - 1, N, N + 1]] = 0.0
    return keep


def route() -> trade.Caps:
    """A limit on what the client sells of the first sector to five partners; it binds in three counterfactuals."""
    member = np.zeros((1, S, M))
    member[0, 0, 2:7] = 1.0
    limit = np.full((C, 1), np.inf)
    limit[2:5] = 0.2
    return trade.Caps(member, limit, np.array([0.5]), np.array([1]))


class Plain:
    """One counterfactual with specific factors and no caps, as one would write it down."""

    def __init__(self, X: np.ndarray, theta: np.ndarray, keep: np.ndarray) -> None:
        self.Y, self.E = X.sum(2), X.sum((0, 1))
        self.D = self.E - self.Y.sum(0)
        self.spent = X.sum(1)
        self.weight = X / self.spent[:, None]
        self.weight[:, ORIGIN, DESTINATION] *= keep
        self.theta = theta[:, None]
        self.world = self.Y.sum()

    def gap(self, p: np.ndarray) -> np.ndarray:
        """Log of income over ``p̂Y``."""
        u = p**-self.theta
        phi = np.einsum("smd,sm->sd", self.weight, u)
        earned = (p * self.Y).sum(0)
        spending = (earned + self.D * earned.sum() / self.world) / self.E
        income = u * np.einsum("sod,sd->so", self.weight, self.spent * spending / phi)
        return np.log(income / (p * self.Y)) - np.log(earned.sum() / self.world)

    def fixed_point(self) -> np.ndarray:
        """Damped by what the elasticities call for, to 1e-10."""
        p = np.ones_like(self.Y)
        for _ in range(100_000):
            gap = self.gap(p)
            if np.abs(gap).max() <= 1e-10:
                break
            p = p * np.exp(gap / (1 + self.theta))
        return p

    def by_scipy(self) -> np.ndarray:
        """Solve with MINPACK's hybrid method."""
        found = root(
            lambda x: self.gap(np.exp(x).reshape(self.Y.shape)).ravel(), np.zeros(self.Y.size), tol=1e-12
        )
        return np.exp(found.x).reshape(self.Y.shape)


def run(
    label: str,
    X: np.ndarray,
    theta: np.ndarray,
    shock: trade.Shock,
    factors: str,
    threads: int,
    substitution: float | None = None,
) -> tuple:
    """Solve twice, print the second, and return what it found with the time it took."""
    options = {"factors": factors, "workers": threads, "substitution": substitution}
    first = time.perf_counter()
    trade.solve_draws(X[:64], theta[:64], shock, **options)
    first = time.perf_counter() - first
    start = time.perf_counter()
    out = trade.solve_draws(X, theta, shock, **options)
    wall = time.perf_counter() - start
    solves = len(X) * C
    print(
        f"{label:28s} {wall:7.2f} s  {1e6 * wall / solves:7.1f} µs a solve  "
        f"iterations {out.iterations.mean():5.2f} mean, {out.iterations.max():3d} most  "
        f"worst residual {out.residual.max():.1e}  not converged {(out.status == trade.NOT_CONVERGED).sum()}  "
        f"compiling {first:.1f} s"
    )
    return out, wall


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=8192)
    parser.add_argument("--peer-draws", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="512 draws")
    given = parser.parse_args()
    draws = 512 if given.quick else given.draws
    X, theta = worlds(draws, np.random.default_rng(0))
    keep = exits()
    print(f"{draws} draws × {C} counterfactuals, {S} sectors, {N} regions, {given.threads} threads")
    out, wall = run(
        "specific factors", X, theta, trade.Shock(ORIGIN, DESTINATION, keep), "specific", given.threads
    )
    routed = trade.Shock(ORIGIN, DESTINATION, keep, route())
    run("specific factors, a route", X, theta, routed, "specific", given.threads)
    run("… sectors are complements", X, theta, routed, "specific", given.threads, 0.5)
    run("mobile factors", X, theta, trade.Shock(ORIGIN, DESTINATION, keep), "mobile", given.threads)

    each = wall / (draws * C)
    for label, solve in (("NumPy fixed point", Plain.fixed_point), ("scipy.optimize.root", Plain.by_scipy)):
        start = time.perf_counter()
        apart = 0.0
        for k in range(given.peer_draws):
            for c in range(C):
                p = solve(Plain(X[k], theta[k], keep[c]))
                apart = max(apart, float(np.abs(np.log(p) - out.log_price[k, c]).max()))
        peer = (time.perf_counter() - start) / (given.peer_draws * C)
        print(
            f"{label:28s} {1e6 * peer:9.0f} µs a solve: {peer / each:7.0f} times ours; prices differ by {apart:.1e}"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
