"""Modules imported when first used: once, whoever is first, and not at all where nobody is."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tertius._later import later

SLOW = """
import time
COUNT = globals().get("COUNT", 0) + 1
with open({log!r}, "a") as log:
    log.write("imported ")
time.sleep(0.2)
class Thing:
    pass
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A module that takes a while to import, and the file in which it notes that it was."""
    log = tmp_path / "log"
    log.write_text("")
    (tmp_path / "slow_to_import.py").write_text(SLOW.format(log=str(log)))
    monkeypatch.syspath_prepend(tmp_path)
    yield log
    sys.modules.pop("slow_to_import", None)


def test_nothing_is_imported_before_it_is_used(slow):
    later("slow_to_import")
    import slow_to_import  # type: ignore[import-not-found]

    assert slow.read_text() == ""
    thing = slow_to_import.Thing
    assert slow.read_text() == "imported "
    import slow_to_import as again

    assert again.Thing is thing
    assert slow_to_import.Thing is thing


def test_whoever_is_first_it_is_imported_once(slow):
    later("slow_to_import")
    import slow_to_import

    ready = Barrier(4)

    def use() -> type:
        ready.wait()
        return slow_to_import.Thing

    with ThreadPoolExecutor(4) as pool:
        things = {future.result() for future in [pool.submit(use) for _ in range(4)]}
    assert len(things) == 1
    assert slow.read_text() == "imported "


def test_what_a_module_lacks_is_missed_as_ever(slow):
    later("slow_to_import")
    import slow_to_import

    with pytest.raises(AttributeError, match="nonesuch"):
        _ = slow_to_import.nonesuch
    with pytest.raises(ImportError, match="nonesuch"):
        from slow_to_import import nonesuch  # noqa: F401


def test_what_is_there_or_nowhere_is_left_alone():
    before = sys.modules["pytest"]
    later("pytest")
    assert sys.modules["pytest"] is before
    later("there_is_no_such_module")
    assert "there_is_no_such_module" not in sys.modules


def test_the_models_start_without_labelled_arrays():
    """What ``tertius run`` imports before the models do not need it."""
    program = """
import sys
from tertius._later import later
later("xarray")
later("numpy.f2py")
import tertius.analysis
print([name for name in ("pandas", "xarray.core", "numpy.f2py.crackfortran") if name in sys.modules])
import numpy, xarray
print(xarray.Dataset.__name__, callable(numpy.f2py.run_main))
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.split("\n")[:2] == ["[]", "Dataset True"]
