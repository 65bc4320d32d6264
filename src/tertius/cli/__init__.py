"""The command line.

Exit codes: 0 done; 1 the program could not do it; 2 what it was given is wrong; 130 interrupted. Whatever
goes wrong, no half-written file is left behind. Heavy libraries are imported by the commands that need them.
"""

from __future__ import annotations

import gc
import os
import sys

from tertius._processors import AT_ONCE
from tertius.cli import _balance, _cases, _compare, _data, _new, _run, _score, _world  # noqa: F401  (each adds its commands)
from tertius.cli._app import app

__all__ = ["app", "main", "program"]


def main() -> None:
    """Run the command that was typed."""
    app(prog_name="tertius")


def program() -> None:
    """Run the command that was typed, as a process of its own."""
    # Tracing models makes very many small objects that stay; looking through them often finds nothing to collect.
    gc.set_threshold(500_000, 20, 100)
    # What is computed shares the cores already; threads of the matrix library's own would wait for them by spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Small programs in double precision: on an accelerator they take two to three times as long as on the processors.
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    _share_heaps()
    try:
        main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(done.code is not None)
    else:
        code = 0
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Every file is written by now, and taking down what was compiled takes longer than many a command.
        os._exit(code)


def _share_heaps() -> None:
    """Have no more heaps than threads that compute: on two processors a tenth less memory. The GNU library has more."""
    M_ARENA_MAX = -8
    try:
        import ctypes

        ctypes.CDLL(None).mallopt(M_ARENA_MAX, AT_ONCE)
    except (ImportError, OSError, AttributeError, TypeError):
        return


if __name__ == "__main__":
    program()
