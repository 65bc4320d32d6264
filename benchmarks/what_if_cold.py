"""``tertius what-if KAZ --exit west`` in fresh processes, the data being there, as one waits for it at the terminal.

    python benchmarks/what_if_cold.py [--repeats 3]

With one good (128 draws) and with ten (32 draws, factors specific to sectors), each first in an empty cache, where all
that is compiled must be made, and then again, where compiled programs were kept. Times are of the whole process, the
best of the repeats for what is kept; an empty cache can be had once only and is measured once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

import tertius as tt
from tertius.world.store import STORE_VARIABLE, folder

RUN = "from tertius.cli import program; program()"


def wait(sectors: bool, cache: str) -> float:
    """Seconds from the start of a process to its end."""
    words = [sys.executable, "-c", RUN, "what-if", "KAZ", "--exit", "west", "--quiet"]
    start = time.perf_counter()
    subprocess.run(
        words + ["--sectors"] * sectors,
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"TERTIUS_CACHE": cache},
    )
    return time.perf_counter() - start


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    try:
        for name in ("baci-2023", "unctad-2015"):
            tt.load_world(name)
    except tt.errors.CannotCompute as missing:
        print(f"skipped: {missing}")
        return
    # What is read is in the store from here on, wherever the cache of programs is.
    os.environ.setdefault(STORE_VARIABLE, str(folder()))
    print("what-if KAZ --exit west    nothing kept   programs kept")
    for words, sectors in (("one good", False), ("ten goods", True)):
        with tempfile.TemporaryDirectory() as cache:
            first = wait(sectors, cache)
            again = min(wait(sectors, cache) for _ in range(given.repeats))
        print(f"{words:22s} {first:13.1f} s {again:13.1f} s")


if __name__ == "__main__":
    main()
