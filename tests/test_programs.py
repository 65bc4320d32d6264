"""Compiled programs kept between runs: found again, never wrong, and no trouble where they cannot be kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest
from jax.experimental import serialize_executable

from tertius import _programs as programs
from tertius.models import levers

compiled = jax.jit(levers.ces_lever)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_place", None)
    for name in ("_loaded", "_ahead", "_used"):
        monkeypatch.setattr(programs, name, {})
    programs.keep_in(tmp_path / "programs")
    return tmp_path / "programs"


def given(n=4):
    rng = np.random.default_rng(n)
    return rng.uniform(0.1, 0.3, (n, 3)), rng.uniform(size=n), rng.uniform(2, 4, n)


def right(made, arguments):
    s, omega, sigma = arguments
    np.testing.assert_allclose(
        made, -100 * (omega / (sigma - 1))[:, None] * np.log(1 - s[:, :-1]), rtol=1e-12
    )


def test_a_program_is_read_again_and_not_made_again(folder, monkeypatch):
    right(programs.stored(compiled, given()), given())
    (file,) = folder.iterdir()
    assert file.name.startswith("ces_lever-")
    programs._loaded.clear()
    monkeypatch.setattr(programs, "_write", lambda *_: pytest.fail("made again"))
    right(programs.stored(compiled, given()), given())


def another_process(monkeypatch):
    """Forget what this one has."""
    for name in ("_loaded", "_ahead", "_used"):
        getattr(programs, name).clear()
    monkeypatch.setattr(programs, "_write", lambda *_: pytest.fail("made again"))


def test_what_a_run_used_is_read_ahead_for_the_next_of_its_name(folder, monkeypatch):
    for n in (4, 5):
        programs.stored(compiled, given(n))
    programs.note_used("a case")
    another_process(monkeypatch)
    programs.read_ahead("another case")
    assert programs._ahead == {}
    programs.read_ahead("a case")
    assert len(programs._ahead) == 2
    for found in programs._ahead.values():
        assert found.result(timeout=60) is not None
    monkeypatch.setattr(programs, "_read", lambda *_: pytest.fail("read again"))
    for n in (5, 4):
        right(programs.stored(compiled, given(n)), given(n))
    # The order is that of use, and the list is written anew only if it says something else.
    programs.note_used("a case")
    (listed,) = folder.glob("used-*")
    assert listed.read_text().split() == list(programs._used)
    about = listed.stat()
    programs.note_used("a case")
    assert listed.stat() == about


@pytest.mark.parametrize("harm", ["gone", "cut", "elsewhere", "no words"])
def test_a_list_of_what_is_no_longer_there_is_no_error(folder, harm):
    programs.stored(compiled, given())
    programs.note_used("a case")
    (listed,), (file,) = folder.glob("used-*"), folder.glob("ces_lever-*")
    if harm == "gone":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    elif harm == "elsewhere":
        listed.write_text("../../ces_lever\n")
    else:
        listed.write_bytes(b"\xff\x00")
    for name in ("_loaded", "_ahead", "_used"):
        getattr(programs, name).clear()
    programs.read_ahead("a case")
    right(programs.stored(compiled, given()), given())


def test_a_program_is_read_ahead_once_and_none_beside_another(folder, monkeypatch):
    for n in (4, 5, 6):
        programs.stored(compiled, given(n))
    programs.note_used("a case")
    another_process(monkeypatch)
    read, going, most = [], [], []
    usual = serialize_executable.deserialize_and_load

    def noted(*parts):
        read.append(parts)
        going.append(parts)
        most.append(len(going))
        time.sleep(0.05)
        going.pop()
        return usual(*parts)

    monkeypatch.setattr(serialize_executable, "deserialize_and_load", noted)
    for _ in range(4):
        programs.read_ahead("a case")
    for found in list(programs._ahead.values()):
        assert found.result(timeout=60) is not None
    files = list(folder.glob("ces_lever-*"))
    assert len(read) == len(files) == 3
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(programs._read, files))
    assert most == [1] * 6
    for n in (4, 5, 6):
        right(programs.stored(compiled, given(n)), given(n))
    programs.read_ahead("a case")
    assert programs._ahead == {}


READING = """
import sys
import numpy as np
from tertius import _programs as programs
import tertius.models

programs.keep_in(sys.argv[1])
if sys.argv[2] == "make":
    from tertius._study import simulate

    half, one = np.full((4, 3), 0.5), np.ones(4)
    programs.stored(simulate._PROGRAMS[1], (half / 3, half, one, 2 * one, half))
    programs.note_used("a case")
else:
    before = set(sys.modules)
    programs.read_ahead("a case")
    between = set(sys.modules)
    (found,) = programs._ahead.values()
    assert found.result(timeout=60) is not None
    assert set(sys.modules) == between, set(sys.modules) - between
    assert not any(name.startswith("tertius") for name in between - before)
"""


def test_reading_in_the_background_imports_nothing(tmp_path):
    """Two threads that import at once may meet modules half made."""
    for how in ("make", "read"):
        subprocess.run([sys.executable, "-c", READING, str(tmp_path), how], check=True, timeout=120)


class Slow:
    """What lowers slowly, and notes how often and how many threads are at it."""

    def __init__(self):
        self.lowered, self.at_once, self.most = 0, 0, 0

    def lower(self, x):
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        time.sleep(0.02)
        self.at_once -= 1
        self.lowered += 1

    def __call__(self, x):
        return x.sum()


def test_one_thread_lowers_at_a_time_and_nothing_twice(monkeypatch):
    monkeypatch.setattr(programs, "_place", None)
    slow = [Slow(), Slow()]
    tasks = [(made, np.ones(n)) for _ in range(3) for made in slow for n in (2, 3)]
    with ThreadPoolExecutor(max_workers=6) as pool:
        found = list(pool.map(lambda task: programs.stored(task[0], task[1:]), tasks))
    assert found == [x.sum() for _, x in tasks]
    assert [made.lowered for made in slow] == [2, 2]
    assert [made.most for made in slow] == [1, 1]


def test_what_a_trace_meets_waits_for_no_other_program(folder):
    def outer(x):
        # Arrays that are known while tracing, for a program of its own.
        return x + programs.stored(compiled, given())[0, 0]

    made = jax.jit(outer)
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = [pool.submit(programs.stored, made, (np.zeros(n),)) for n in (2, 3)]
        found += [pool.submit(programs.stored, compiled, given())]
        results = [future.result(timeout=60) for future in found]
    right(results[2], given())
    for result in results[:2]:
        np.testing.assert_allclose(result, np.asarray(results[2])[0, 0])


LINEAR = """
import sys
import jax
import numpy as np
from tertius import _programs as programs
from tertius.models.trade import _solver

programs.keep_in(sys.argv[1])
if sys.argv[2] == "read":
    programs._write = lambda *_: sys.exit("made again")
matrix, values = np.eye(40)[None, None] * 2.0, np.ones((1, 40, 1))
solved = programs.stored(jax.jit(_solver.linear_solve), (matrix, values))
np.testing.assert_array_equal(np.asarray(solved), values / 2)
"""


def test_a_program_that_calls_a_library_is_read_by_a_process_that_has_made_none(tmp_path):
    for how in ("make", "read"):
        subprocess.run([sys.executable, "-c", LINEAR, str(tmp_path), how], check=True, timeout=60)
    assert len(list(tmp_path.iterdir())) == 1


def test_other_shapes_have_other_programs(folder):
    for n in (4, 5):
        right(programs.stored(compiled, given(n)), given(n))
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "writable by all"])
def test_a_file_that_is_not_to_be_trusted_is_replaced_by_a_new_program(folder, harm):
    programs.stored(compiled, given())
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    if harm == "cut":
        file.write_bytes(whole[:-100])
    elif harm == "changed":
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif harm == "empty":
        file.write_bytes(b"")
    else:
        file.chmod(0o666)
    programs._loaded.clear()
    right(programs.stored(compiled, given()), given())
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_bytes()) > len(whole) / 2


def test_a_folder_that_cannot_be_had_or_written_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_loaded", {})
    (tmp_path / "file").write_text("in the way")
    programs.keep_in(tmp_path / "file" / "programs")
    right(programs.stored(compiled, given()), given())
    programs.keep_in(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")
    right(programs.stored(compiled, given()), given())
    programs.keep_in(None)


def test_what_is_made_inside_a_function_is_compiled_but_not_kept(folder):
    factor = 2.0
    out = programs.stored(jax.jit(lambda x: factor * x), (np.ones(3),))
    np.testing.assert_array_equal(out, 2.0)
    assert list(folder.iterdir()) == []


def test_a_bare_number_or_a_traced_array_goes_to_jax(folder):
    assert float(programs.stored(compiled, (np.array([0.5, 0.5]), 1.0, 2.0))[0]) == pytest.approx(
        100 * np.log(2)
    )
    s, omega, sigma = given()
    slope = jax.grad(lambda s: programs.stored(compiled, (s, omega, sigma)).sum())(s)
    np.testing.assert_allclose(
        slope[:, :-1], 100 * (omega / (sigma - 1))[:, None] / (1 - s[:, :-1]), rtol=1e-12
    )
    assert list(folder.iterdir()) == []
