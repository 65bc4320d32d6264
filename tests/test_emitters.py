"""What users run is compiled by other emitters of XLA than most tests (see ``conftest.py``): both find the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CASE = Path(__file__).parent / "cases" / "uzbekistan-2022.yaml"


def numbers(found: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a summary, by where it stands."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield from numbers(value, f"{path}/{key}")
    elif isinstance(found, list):
        for k, value in enumerate(found):
            yield from numbers(value, f"{path}/{k}")
    elif isinstance(found, int | float):
        yield path, float(found)


def test_both_emitters_find_the_same_in_a_whole_study(tmp_path: Path) -> None:
    assert "emitters=false" in os.environ["XLA_FLAGS"]
    found = []
    for flags in (os.environ["XLA_FLAGS"], ""):
        summary = tmp_path / f"summary-{len(found)}.json"
        command = [sys.executable, "-m", "tertius", "run", str(CASE)]
        command += ["--draws", "64", "--quiet", "--out", str(tmp_path / "brief.html"), "--json", str(summary)]
        environment = {**os.environ, "XLA_FLAGS": flags}
        subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment)
        found.append(dict(numbers(json.loads(summary.read_text()))))
    here, there = found
    assert len(here) > 300
    residuals = [one.pop("/worst_residual") for one in found]
    assert max(residuals) < 1e-9
    assert here.keys() == there.keys()
    np.testing.assert_allclose(list(here.values()), list(there.values()), rtol=1e-7, atol=1e-9)
