"""Compiled programs: remembered between runs, and one for every number of draws.

A program that JAX compiles is for arrays of one shape. Sending draws through it in blocks of one size lets the main
run and all the smaller ones share it, and the next run find it in the cache.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import platformdirs

__all__ = ["BLOCK", "CACHE_VARIABLE", "in_blocks", "remember_compilations"]

BLOCK = 512
"""Draws in a block."""

CACHE_VARIABLE = "TERTIUS_CACHE"


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


def in_blocks(model: Callable[..., Any], *arrays: Any) -> Any:
    """Send arrays through a model in blocks of draws, and put the results together as NumPy arrays.

    Parameters
    ----------
    model
        Takes arrays whose first axis is draws, row by row independent, and returns a pytree of such arrays.
    arrays
        Shape (n, ...) each.

    Returns
    -------
    Any
        The pytree, leaves of shape (n, ...).
    """
    n = len(arrays[0])
    parts = []
    for first in range(0, n, BLOCK):
        # The last block is filled up with its last draw.
        rows = np.minimum(np.arange(first, first + BLOCK), n - 1)
        parts.append(model(*(np.asarray(a)[rows] for a in arrays)))
    return jax.tree.map(lambda *leaves: np.concatenate([np.asarray(x) for x in leaves])[:n], *parts)
