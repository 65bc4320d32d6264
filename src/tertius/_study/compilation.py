"""Compiled programs: remembered between runs, and one for every number of draws.

A program that JAX compiles is for arrays of one shape. Sending draws through it in blocks of one size lets the main
run and all the smaller ones share it, and the next run find it in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from tertius.models._compiled import CACHE_VARIABLE, remember_compilations

__all__ = ["BLOCK", "CACHE_VARIABLE", "in_blocks", "remember_compilations"]

BLOCK = 512
"""Draws in a block."""


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
