"""Every pair of the world's economies, one counterfactual, and how both grow; each part in a process of its own.

    python benchmarks/trade_world.py [--sizes 25 50 100 194] [--draws 64 512 8192] [--repeats 3] [--world baci-2023]

* **all pairs**: ``leverage`` of every ordered pair (each unordered pair is solved once and read at both ends), warm,
  beside *the floor*: the bare matrix products of the iterations used. An evaluation of the equations takes two
  (buyers' price indices, sellers' sales) and a step one more, N × N by N × 1 for each exit; the floor is the sum of
  iterations over exits times three such columns, at the pace of NumPy's BLAS on N × N by N × 2,000 in the same run:
  the best of its own choice of threads and of one thread.
* **one counterfactual**: an exit of one power from one client, warm, through ``counterfactual`` (names in and out) and
  through ``solve`` (arrays).
* **draws**: an exit of the West from one client in K worlds that differ in the elasticity, through ``solve_draws``;
  *first* is the first 32 of them, with what must be compiled.

Sizes below the whole are the largest traders. Times are the best of the repeats; memory is the peak of the process.
Where other programs use the processor, a BLAS of several threads waits for its slowest, and is slower than one thread
(``OPENBLAS_NUM_THREADS=1`` then helps us too): hence the two, and the pace of a product is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import tertius as tt
from tertius.world import power

PRODUCTS = 3
COLUMNS = 2_000
THETA = 4.0
BLOC = "west"
PARTS = ("pairs", "pace", "one", "draws")


def best(action: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Shortest wall time of a call, and what it gave."""
    shortest, out = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        out = action()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest, out


def baseline(name: str, size: int) -> tt.models.trade.Baseline:
    """World of the largest traders, Kazakhstan among them; the whole where size is 0."""
    world = tt.load_world(name)
    flows, gdp = world.flows, world.gdp
    if size and size < len(gdp):
        total = (flows.sum("destination") + flows.sum("origin").values).to_series()
        total["KAZ"] = np.inf
        chosen = sorted(total.nlargest(size).index)
        flows, gdp = flows.sel(origin=chosen, destination=chosen), gdp.sel(country=chosen)
    return tt.models.trade.baseline(flows, gdp=gdp)


def product_pace(base: tt.models.trade.Baseline) -> float:
    """Seconds that NumPy's BLAS takes for one column of an N × N product."""
    share = np.ascontiguousarray(np.asarray(base.economy.lam)[0])
    columns = np.random.default_rng(0).uniform(size=(len(share), COLUMNS))
    out = np.empty_like(columns)
    return best(lambda: np.matmul(share, columns, out=out), 100)[0] / COLUMNS


def pairs(base: tt.models.trade.Baseline, repeats: int) -> dict[str, Any]:
    """Every ordered pair."""
    trade = tt.models.trade
    cold, _ = best(lambda: trade.leverage(base), 1)
    pace = product_pace(base)
    wall, out = best(lambda: trade.leverage(base), repeats)
    pace = min(pace, product_pace(base))
    n = len(base.countries)
    upper = np.triu_indices(n, 1)
    iterations = out["iterations"].values[upper]
    return {
        "first": cold,
        "wall": wall,
        "exits": len(iterations),
        "iterations": float(iterations.mean()),
        "most": int(iterations.max()),
        "products": int(PRODUCTS * iterations.sum()),
        "pace": pace,
        "residual": float(np.nanmax(out["residual"].values)),
    }


def one(base: tt.models.trade.Baseline, repeats: int) -> dict[str, Any]:
    """One exit."""
    trade = tt.models.trade
    client, other = "KAZ", "RUS" if "RUS" in base.countries else "CHN"

    def named() -> Any:
        return trade.counterfactual(base, [trade.Exit(client, other)])

    i, j = base.countries.index(client), base.countries.index(other)
    shock = trade.Shock([i, j], [j, i], np.zeros((1, 1, 2)))
    economy = base.economy

    def bare() -> Any:
        return jax.block_until_ready(trade.solve(economy, [THETA], shock))

    cold, _ = best(named, 1)
    bare()
    return {
        "first": cold,
        "named": best(named, 20 * repeats)[0],
        "bare": best(bare, 20 * repeats)[0],
        "iterations": named().iterations,
        "residual": named().residual,
    }


def draws(base: tt.models.trade.Baseline, count: int, repeats: int) -> dict[str, Any]:
    """An exit of a bloc on many worlds."""
    trade = tt.models.trade
    bloc = power(BLOC, 2023).members
    members = [base.countries.index(c) for c in bloc if c in base.countries]
    hub = base.countries.index("KAZ")
    n = len(members)
    shock = trade.Shock([hub] * n + members, members + [hub] * n, np.zeros((1, 1, 2 * n)))
    theta = np.random.default_rng(0).uniform(3, 8, (count, 1))
    flows = np.broadcast_to(base.flows.values, (count, *base.flows.shape))
    few = min(count, 32)
    cold, _ = best(lambda: trade.solve_draws(flows[:few], theta[:few], shock), 1)
    wall, out = best(lambda: trade.solve_draws(flows, theta, shock), 1 if count > 1000 else repeats)
    return {
        "first": cold,
        "wall": wall,
        "each": wall / count,
        "residual": float(np.max(out.residual)),
        "failed": int(np.sum(out.status == trade.NOT_CONVERGED)),
    }


def apart(
    part: str, size: int, count: int, given: argparse.Namespace, threads: str | None = None
) -> dict[str, Any]:
    """Run one part in a process of its own, its BLAS with so many threads."""
    chosen = {} if threads is None else {"OPENBLAS_NUM_THREADS": threads}
    words = [sys.executable, __file__, "--part", part, "--size", str(size), "--count", str(count)]
    words += ["--repeats", str(given.repeats), "--world", given.world]
    said = subprocess.run(
        words, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | chosen
    ).stdout
    out: dict[str, Any] = json.loads(said.splitlines()[-1])
    return out


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[25, 50, 100, 0], help="0 is the whole world")
    parser.add_argument("--draws", type=int, nargs="+", default=[64, 512, 8192])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--world", default="baci-2023")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        base = baseline(given.world, given.size)
        if given.part == "pairs":
            out = pairs(base, given.repeats)
        elif given.part == "pace":
            out = {"pace": product_pace(base)}
        elif given.part == "one":
            out = one(base, given.repeats)
        else:
            out = draws(base, given.count, given.repeats)
        out["regions"] = len(base.countries)
        out["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps(out))
        return

    try:
        baseline(given.world, 0)
    except tt.errors.CannotCompute as missing:
        print(f"skipped: {missing}")
        return
    print(
        "every pair            exits  iterations (most)  first     warm      floor  (a product)   ratio   residual   "
        "memory"
    )
    for size in given.sizes:
        r = apart("pairs", size, 0, given)
        pace = min(r["pace"], apart("pace", size, 0, given, threads="1")["pace"])
        floor = r["products"] * pace
        print(
            f"{r['regions']:4d} regions     {r['exits']:10,d}  {r['iterations']:10.2f} ({r['most']:3d})  "
            f"{r['first']:6.2f} s {r['wall']:6.2f} s {floor:6.3f} s ({1e3 * COLUMNS * pace:5.2f} ms)  "
            f"{r['wall'] / floor:6.1f}   {r['residual']:.1e}   {r['memory']:.2f} GB"
        )
    print("one counterfactual    by name   on arrays  iterations  residual   memory")
    for size in given.sizes:
        r = apart("one", size, 0, given)
        print(
            f"{r['regions']:4d} regions     {1e3 * r['named']:7.2f} ms {1e3 * r['bare']:8.2f} ms  "
            f"{r['iterations']:10d}   {r['residual']:.1e}   {r['memory']:.2f} GB"
        )
    print("draws of one exit     first      warm    a draw   failed  residual   memory")
    for count in given.draws:
        r = apart("draws", 0, count, given)
        print(
            f"{count:4d} draws      {r['first']:8.2f} s {r['wall']:7.2f} s {1e3 * r['each']:6.2f} ms  "
            f"{r['failed']:6d}   {r['residual']:.1e}   {r['memory']:.2f} GB"
        )


if __name__ == "__main__":
    main()
