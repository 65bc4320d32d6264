"""Conditional gravity beside gegravity, on gegravity's own example, in one process.

    python benchmarks/gegravity_peer.py [--trials 6] [--draws 8192] [--repeats 3]

Thirty countries, an agreement of Canada with Japan. gegravity solves the baseline's resistances, the conditional ones
and what it calls full equilibrium, which is the same system once more; we solve the first two. Accuracy is made equal:
its solver's tolerance is set to 1e-10, ours is 1e-10, and the largest difference of the results is printed.

* alone: its ``define_experiment`` and ``simulate`` (the baseline built before) beside one call of ours that solves
  baseline and counterfactual; the best of the repeats on both sides.
* batch: its ``MonteCarloGE`` beside one call of ours, the same draws of the cost coefficients; time per draw.

Needs gegravity (the dependency group ``bench``) and the reference folder that holds its example.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tertius.models import trade

try:
    import gegravity
except ImportError:
    sys.exit("gegravity is not installed here: `make bench` sets it up")

SIGMA, REFERENCE, TOLERANCE = 5.0, "DEU", 1e-10
COSTS = ["lndist", "contiguity", "common_language", "pta", "international", "constant"]
AGREEMENT = (("CAN", "JPN"), ("JPN", "CAN"))
SPREAD = 0.01
DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "reference"


def best(action: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Shortest wall time of a call, and what it gave."""
    shortest, out = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        out = action()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest, out


@contextlib.contextmanager
def silence() -> Any:
    """Let the peer print and warn into nothing."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Peer:
    """gegravity's model of its example."""

    def __init__(self, folder: Path) -> None:
        self.rows = pd.read_csv(folder / "gegravity_sample_data.csv")
        self.rows["year"] = self.rows["year"].astype(str)
        self.rows["constant"] = 1.0
        known = json.loads((folder / "gegravity_can_jpn.json").read_text())["coefficients"]
        self.coefficients = np.array([known[name] for name in COSTS])
        self.experiment = self.rows.copy()
        for exporter, importer in AGREEMENT:
            pair = (self.rows["exporter"] == exporter) & (self.rows["importer"] == importer)
            self.experiment.loc[pair, "pta"] = 1
        self.data = gegravity.BaselineData(
            self.rows,
            imp_var_name="importer",
            exp_var_name="exporter",
            year_var_name="year",
            trade_var_name="trade",
            expend_var_name="E",
            output_var_name="Y",
        )
        table = pd.DataFrame({"var": COSTS, "coeff": self.coefficients, "ste": SPREAD})
        covariance = pd.DataFrame(np.eye(len(COSTS)) * SPREAD**2, index=COSTS, columns=COSTS)
        self.given = {
            "year": "2006",
            "expend_var_name": "E",
            "output_var_name": "Y",
            "reference_importer": REFERENCE,
            "cost_variables": COSTS,
            "sigma": SIGMA,
            "cost_coeff_values": gegravity.CostCoeffs(
                table, identifier_col="var", coeff_col="coeff", stderr_col="ste", covar_matrix=covariance
            ),
        }

    def baseline(self) -> Any:
        """Resistances of the baseline."""
        with silence():
            model = gegravity.OneSectorGE(self.data, **self.given)
            model.build_baseline(omr_rescale=10, mr_tolerance=TOLERANCE)
        return model

    def simulate(self, model: Any) -> Any:
        """One counterfactual."""
        with silence():
            model.define_experiment(self.experiment)
            model.simulate(ge_tolerance=TOLERANCE)
        return model

    def trials(self, count: int) -> Any:
        """Many draws of the coefficients, each with its own baseline and counterfactual."""
        with silence():
            model = gegravity.MonteCarloGE(self.data, trials=count, seed=1, **self.given)
            model.run_trials(
                self.experiment,
                omr_rescale=10,
                mr_tolerance=TOLERANCE,
                ge_tolerance=TOLERANCE,
                quiet=True,
                all_results=True,
            )
        return model


class Ours:
    """The same on arrays."""

    def __init__(self, peer: Peer) -> None:
        table = peer.rows.set_index(["exporter", "importer"]).to_xarray()
        self.names = [str(name) for name in table["exporter"].values]
        self.features = np.stack([table[name].values for name in COSTS])
        self.after = self.features.copy()
        for exporter, importer in AGREEMENT:
            self.after[COSTS.index("pta"), self.names.index(exporter), self.names.index(importer)] = 1
        self.Y = table["Y"].isel(importer=0).values.astype(float)
        self.E = table["E"].isel(exporter=0).values.astype(float)

    def weights(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights before and after, with the leading axes of the coefficients."""
        return tuple(np.exp(np.tensordot(coefficients, x, 1)) for x in (self.features, self.after))

    def solve(self, coefficients: np.ndarray) -> trade.Conditional:
        """From coefficients to counterfactuals."""
        found = trade.conditional(
            *self.weights(coefficients), self.Y, self.E, SIGMA - 1, reference=self.names.index(REFERENCE)
        )
        return found._replace(welfare=np.asarray(found.welfare))


def apart(ours: np.ndarray, theirs: pd.Series, names: list[str]) -> float:
    """Largest difference of real GDP, in percentage points."""
    return float(np.abs(100 * (ours - 1) - theirs.loc[names].to_numpy(float)).max())


def worst_of(found: trade.Conditional) -> float:
    """Largest residual, of baselines and counterfactuals."""
    return max(float(np.max(r.residual)) for r in (found.before, found.after))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=6, help="Monte Carlo trials of gegravity")
    parser.add_argument("--draws", type=int, default=8192, help="draws of ours")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    folder = Path(os.environ.get("TERTIUS_REFERENCE", DEFAULT))
    if not (folder / "gegravity_sample_data.csv").is_file():
        print(f"skipped: gegravity's example is not in {folder}; set TERTIUS_REFERENCE")
        return
    versions = {name: importlib.metadata.version(name) for name in ("gegravity", "numpy", "scipy", "pandas")}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    peer = Peer(folder)
    ours = Ours(peer)

    # A model of gegravity can be simulated once: each repeat builds its own.
    built = simulated = np.inf
    for _ in range(given.repeats):
        once, model = best(peer.baseline, 1)
        built = min(built, once)
        once, model = best(lambda built=model: peer.simulate(built), 1)
        simulated = min(simulated, once)
    ours.solve(peer.coefficients)
    alone, found = best(lambda: ours.solve(peer.coefficients), 200)
    change = "GDP change (percent)"
    print(f"gegravity, alone   baseline {1e3 * built:8.1f} ms   counterfactual {1e3 * simulated:8.1f} ms")
    print(
        f"tertius, alone     both     {1e3 * alone:8.3f} ms   worst residual {worst_of(found):.0e}   "
        f"real GDP apart by {apart(found.welfare, model.country_results[change], ours.names):.0e} points"
    )
    print(
        f"one counterfactual: {simulated / alone:,.0f} times; with the baseline {(built + simulated) / alone:,.0f}"
    )

    each, trials = best(lambda: peer.trials(given.trials), 1)
    each /= given.trials
    drawn = trials.coeff_sample.set_index("var").loc[COSTS].to_numpy(float).T
    solved = [k for k in range(given.trials) if k not in trials.failed_trials]
    same = ours.solve(drawn[solved])
    worst = max(
        apart(welfare, trials.all_country_results[(k, change)], ours.names)
        for k, welfare in enumerate(same.welfare)
    )
    draws = np.random.default_rng(1).multivariate_normal(
        peer.coefficients, np.eye(len(COSTS)) * SPREAD**2, given.draws
    )
    ours.solve(draws)
    batch, many = best(lambda: ours.solve(draws), given.repeats)
    failed = sum(int(np.sum(np.asarray(r.status) != trade.CONVERGED)) for r in (many.before, many.after))
    print(
        f"gegravity, Monte Carlo  {1e3 * each:8.1f} ms a draw "
        f"({given.trials} trials, {trials.num_failed_trials} failed)"
    )
    print(
        f"tertius, batch          {1e3 * batch / given.draws:8.4f} ms a draw ({given.draws} draws, {failed} failed, "
        f"worst residual {worst_of(many):.0e}); real GDP apart by {worst:.0e} points"
    )
    print(f"a draw in a batch: {each * given.draws / batch:,.0f} times")


if __name__ == "__main__":
    main()
