"""Every flip that a brief reports, run again from the command line, to see whether it takes its claim across one half.

``tertius run CASE --sensitivity`` reports the smallest moves of one input, and of two, that turn each claim, with the
command that repeats each. Here those commands are run as they stand, and the probabilities that they give are held
beside the ones that were promised.

Run with ``TERTIUS_DATA_MIRROR`` set to the folder of public data::

    python validation/flips.py kazakhstan-2022
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-c", "from tertius.cli import program; program()")


@dataclass(frozen=True)
class Rerun:
    """One flip and what came of its command."""

    claim: str
    changes: tuple[str, ...]
    before: float
    promised: float
    found: float

    @property
    def crosses(self) -> bool:
        """Whether the claim lies on the other side of one half."""
        return (self.before - 0.5) * (self.found - 0.5) < 0


def tertius(words: Sequence[str]) -> None:
    """Run a command of the program in a process of its own."""
    subprocess.run([*PROGRAM, *words], check=True, capture_output=True, text=True)


def check(
    case: str,
    draws: int,
    seed: int,
    *,
    run: Callable[[Sequence[str]], None] = tertius,
    tell: Callable[[Rerun], None] | None = None,
) -> tuple[Rerun, ...]:
    """Look for the flips of a case, and run each again; ``tell`` hears of each as it is done."""
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        more = ["--draws", str(draws), "--seed", str(seed), "--quiet"]
        more += ["--out", str(Path(folder) / "page.html"), "--json", str(summary)]

        def computed(words: Sequence[str]) -> dict[str, Any]:
            run([*words, *more])
            return dict(json.loads(summary.read_text(encoding="utf-8")))

        found = []
        for flip in computed(["run", case, "--sensitivity"])["flips"]:
            program, command, _, *changes = shlex.split(flip["command"])
            assert program == "tertius"
            after = computed([command, case, *changes])
            [claim] = [c for c in after["claims"] if c["id"] == flip["claim"]]
            sets = tuple(word for word in changes if word != "--set")
            # A claim that the change leaves without a verdict has no probability.
            chance = float("nan") if claim["probability"] is None else claim["probability"]
            found.append(Rerun(flip["claim"], sets, flip["before"], flip["after"], chance))
            if tell is not None:
                tell(found[-1])
        return tuple(found)


def show(run: Rerun) -> None:
    """Print a line."""
    print(
        f"{run.claim:28} {run.before:6.3f} {run.promised:8.3f} {run.found:5.3f}  "
        f"{'crosses' if run.crosses else 'DOES NOT CROSS'}  {' '.join(run.changes)}",
        flush=True,
    )


def main() -> int:
    """Print a line for each flip; 1 if any fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case")
    parser.add_argument("--draws", type=int, default=8192)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(f"{'claim':28} before promised found", flush=True)
    runs = check(asked.case, asked.draws, asked.seed, tell=show)
    held = sum(run.crosses for run in runs)
    print(f"{held} of {len(runs)} cross one half")
    return 0 if held == len(runs) else 1


if __name__ == "__main__":
    sys.exit(main())
