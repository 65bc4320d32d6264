"""What JAX compiles, remembered from one run to the next."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import jax
import platformdirs

from tertius import _programs
from tertius._programs import note_used

__all__ = ["CACHE_VARIABLE", "note_used", "read_ahead", "remember_compilations"]

CACHE_VARIABLE = "TERTIUS_CACHE"


def read_ahead(run: str) -> None:
    """Begin to read what a run of this name used last, in the background."""
    remember_compilations()
    _programs.read_ahead(run)


def remember_compilations() -> None:
    """Let JAX keep what it compiles in the user's cache folder, or in the one that ``TERTIUS_CACHE`` names.

    A folder that cannot be written is no error: everything is then compiled anew. A folder that JAX was already
    told of is left as it is.
    """
    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None:
        return
    folder = os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("tertius", appauthor=False)
    with contextlib.suppress(OSError):
        place = os.path.join(folder, "jax")
        os.makedirs(place, exist_ok=True)
        config.update("jax_compilation_cache_dir", place)
        # Even the smallest program takes longer to compile than to read.
        config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        config.update("jax_persistent_cache_min_entry_size_bytes", 0)
        _programs.keep_in(os.path.join(folder, "programs"))
