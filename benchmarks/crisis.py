"""The whole crisis of the founding case on many draws: regime, doors, protector, decision, motives.

    python benchmarks/crisis.py [draws]

Draws of the inputs are made before the clock starts, and every program is compiled by a run on a few of them. Beside
the time stand the share of draws that converged and what was found, so that a fast wrong answer would show.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np

import tertius
from tertius._study.compilation import MANY, remember_compilations
from tertius._study.draws import Draws, design, draw
from tertius._study.simulate import Simulation, simulate
from tertius._study.stages import Context, Made, run_stages
from tertius._study.structures import BASE
from tertius._study.world import Figures
from tertius.case import Case

WANTED = 3.0
"""Seconds on two cores for 100,000 draws."""


def crisis(case: Case, draws: Draws, nothing: Simulation) -> Made:
    """Run the stages of the crisis alone."""
    return run_stages(Context(case, Figures(draws), BASE, nothing, None, {}), only=("regime", "rescue"))


def main() -> None:
    """Time it, and say what was found."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    remember_compilations()
    case = tertius.load_case("kazakhstan-2022")
    # The crisis needs nothing of trade and the other domains.
    assert case.rescue is not None
    rescue = case.rescue.model_copy(update={"new_ties": {}})
    nothing_else: dict[str, object] = {
        "trade": None, "domains": {}, "exits": {}, "concessions": {}, "issues": {}, "signals": None, "investors": None,
        "outlook": None, "correlations": (),
    }  # fmt: skip
    case = case.model_copy(update={**nothing_else, "rescue": rescue})
    layout = design(case, 1 << (wanted - 1).bit_length(), 0)
    draws = draw(case, layout, layout.a).head(wanted)
    # As many as make blocks of the size that very many draws go in.
    few = draws.head(MANY if wanted >= MANY else 1024)
    crisis(case, few, simulate(case, few, BASE))
    nothing = simulate(case, draws, BASE)
    start, busy = time.perf_counter(), time.process_time()
    made = crisis(case, draws, nothing)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    regime, found = made.groups["/regime"], made.groups["/rescue"]
    assert made.converged is not None
    print(f"{draws.size:,} draws, {len(rescue.candidates)} candidates, {os.cpu_count()} cores")
    print(f"  {seconds:.2f} s, {busy:.2f} s of processor  (wanted for 100,000 on two cores: {WANTED:.0f} s)")
    print(f"  converged: {made.converged.mean():.4%}; worst residual {np.nanmax(made.residual):.1e}")
    for branch in regime["branch"].values:
        print(f"  survival {branch}: {float(regime['survival'].sel(branch=branch).mean()):.3f}")
    print(f"  sends: {float(found['sends'].sel(power=found.attrs['asked_of']).mean()):.3f}")


if __name__ == "__main__":
    main()
