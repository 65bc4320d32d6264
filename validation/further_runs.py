"""What it costs in precision that rival structures and the runs behind confidence take few of a study's draws.

A study of the founding case with 1,024 draws gives 256 to each of them. Here they get 256, then 512, with five seeds,
and what they say of each claim is set against one study whose runs are longer and whose seed is another.
docs/findings.md quotes the result. Takes some three minutes.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tertius

CASE = "kazakhstan-2022"
DRAWS, SIZES, SEEDS = 1024, (256, 512), range(5)
REFERENCE = {"draws": 8192, "seed": 100, "size": 4096}

# The package has a function of the module's name, which hides the module.
_RUN: Any = importlib.import_module("tertius._study.run")


@dataclass(frozen=True)
class Said:
    """What the further runs of a study say of its claims."""

    under_rivals: NDArray[np.float64]
    """(structures, claims) probabilities under the rivals; the base, first in the findings, is left out."""

    doubled: NDArray[np.float64]
    sourced_share: NDArray[np.float64]
    confidence: NDArray[np.str_]


def said(draws: int, seed: int, size: int) -> Said:
    """Study the case with so many draws in each run that is set beside the main one."""
    usual = _RUN._quarter, _RUN.EXIT_DRAWS
    # Further exits, which the rivals have too, must have as many.
    _RUN._quarter, _RUN.EXIT_DRAWS = (lambda *_: size), max(size, usual[1])
    try:
        claims = tertius.study(tertius.load_case(CASE), draws=draws, seed=seed)["claims"].to_dataset()
    finally:
        _RUN._quarter, _RUN.EXIT_DRAWS = usual
    return Said(
        claims["probability_structures"].values[1:],
        claims["probability_doubled"].values,
        claims["sourced_share"].values,
        claims["confidence"].values.astype(str),
    )


def off(found: list[NDArray[np.float64]], right: NDArray[np.float64]) -> float:
    """Root mean square of the differences that are known, in points."""
    return 100 * float(np.sqrt(np.nanmean(np.square(np.stack(found) - right))))


def main() -> None:
    """Print how far off each size is."""
    right = said(**REFERENCE)
    for size in SIZES:
        runs = list(map(partial(said, DRAWS, size=size), SEEDS))
        words = sum(int(np.count_nonzero(run.confidence != right.confidence)) for run in runs)
        print(
            f"{size} draws: rivals {off([r.under_rivals for r in runs], right.under_rivals):.1f}, "
            f"doubled {off([r.doubled for r in runs], right.doubled):.1f}, "
            f"sourced share {off([r.sourced_share for r in runs], right.sourced_share):.1f} points; "
            f"{words} of {len(runs) * right.confidence.size} words of confidence differ",
            flush=True,
        )


if __name__ == "__main__":
    main()
