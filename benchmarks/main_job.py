"""The main job from start to end, as a user runs it: ``tertius run`` on the founding case, case file to written brief.

    python benchmarks/main_job.py [draws ...]

Each run is a process of its own, start-up and page included, with compiled programs kept from a run before the clock.
The second case is the first without the crisis and what follows from it: ties, levers and displacement, with the rival
structures and the evidence that belong to them. Beside the time stand the processor's time, the most memory that the
process held, and how many claims got a verdict, so that a run that did nothing would show.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

WANTED = {8192: 12.0, 1024: 5.0}
"""Seconds on two cores of the case without the crisis; the whole case is to take less than 20 at 8,192 draws."""

LATER = (
    "crisis", "treaties", "rescue", "concessions", "observers", "history", "issues", "signals", "investors", "outlook",
    "outcomes",
)  # fmt: skip
"""Sections of the crisis and of what follows from it."""

READS = re.compile(rf"\b({'|'.join(LATER)}|regime|reputation|price|bargaining|orientation)\b")


def without_crisis(whole: Path, cut: Path) -> None:
    """Write the case without these sections, and without the expressions and correlations that name them."""
    yaml = YAML()
    case: Any = yaml.load(whole)
    for section in LATER:
        case.pop(section, None)
    case["id"] = f"{case['id']}-without-crisis"
    for claim in case["claims"]:
        if READS.search(" ".join(str(v) for k, v in claim.items() if k not in ("text", "note"))):
            for key in [k for k in claim if k not in ("id", "text")]:
                del claim[key]
    case["correlations"] = [tie for tie in case.get("correlations", []) if not READS.search(str(tie))]
    yaml.dump(case, cut)


def measured(case: Path, draws: int, folder: Path) -> str:
    """Run a case once, and say what it took."""
    out, json_out = folder / "brief.html", folder / "brief.json"
    command = [
        sys.executable, "-m", "tertius",
        "run", str(case), "--draws", str(draws), "--out", str(out), "--json", str(json_out),
    ]  # fmt: skip
    # As on a user's machine, where Python keeps what it has compiled of the sources.
    keeping = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=keeping, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        assert process.stderr is not None
        raise SystemExit(process.stderr.read().decode())
    process.returncode = 0
    verdicts = Counter(claim["verdict"] for claim in json.loads(json_out.read_text())["claims"])
    found = ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items()))
    busy = used.ru_utime + used.ru_stime
    return f"{seconds:5.1f} s  {busy:5.1f} s of processor  {used.ru_maxrss / 1e6:4.1f} GB  ({found})"


def main() -> None:
    """Time both cases at each number of draws."""
    wanted = [int(x) for x in sys.argv[1:]] or [8192, 1024]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = Path(str(files("tertius") / "cases" / "kazakhstan-2022.yaml"))
        cut = folder / "without-crisis.yaml"
        without_crisis(whole, cut)
        for title, case in (("the founding case", whole), ("without the crisis", cut)):
            for draws in wanted:
                measured(case, draws, folder)
                said = f"  (wanted: {WANTED[draws]:.0f} s)" if case == cut and draws in WANTED else ""
                print(f"{title}, {draws:,} draws: {measured(case, draws, folder)}{said}", flush=True)


if __name__ == "__main__":
    main()
