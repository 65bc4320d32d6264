"""Compiled programs: remembered between runs, and one for every number of draws.

A program that JAX compiles is for arrays of one shape. Sending draws through it in blocks of one size lets the main
run and all the smaller ones share it, and the next run find it in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import numpy as np

from tertius._processors import AT_ONCE
from tertius._programs import stored
from tertius.models._compiled import CACHE_VARIABLE, remember_compilations

__all__ = ["BLOCK", "CACHE_VARIABLE", "in_blocks", "remember_compilations"]

BLOCK = 512
"""Draws in a block."""

MANY, LARGE = 32_768, 2048
"""From how many draws on blocks are larger, and how large: handing out a block takes time of its own."""


def in_blocks(
    model: Callable[..., Any],
    *arrays: Any,
    threads: int = AT_ONCE,
    into: Callable[[list[Any]], list[Any]] | None = None,
) -> Any:
    """Send arrays through a model in blocks of draws, and put the results together as NumPy arrays.

    Parameters
    ----------
    model
        Takes arrays whose first axis is draws, row by row independent, and returns a pytree of such arrays.
    arrays
        Shape (n, ...) each.
    threads
        How many blocks to compute at a time, once the first has been compiled.
    into
        Told the leaves of the first block, it gives the arrays to put each leaf's n rows in; new ones if None. What is
        touched for the first time costs as much as some models, so results that stand side by side are best put there.

    Returns
    -------
    Any
        The pytree, leaves of shape (n, ...).
    """
    n = len(arrays[0])
    size = LARGE if n >= MANY else BLOCK
    given = [np.asarray(a) for a in arrays]
    inner = model.func if isinstance(model, partial) else model
    bound, named = (model.args, model.keywords) if isinstance(model, partial) else ((), {})
    compiled = hasattr(inner, "lower")

    def block(first: int) -> Any:
        # The last block is filled up with its last draw.
        rows = (
            slice(first, first + size)
            if first + size <= n
            else np.minimum(np.arange(first, first + size), n - 1)
        )
        some = [a[rows] for a in given]
        return stored(inner, (*bound, *some), named=named) if compiled else model(*some)

    leaves, structure = jax.tree.flatten(block(0))
    leaves = [np.asarray(x) for x in leaves]
    whole = [np.empty((n, *x.shape[1:]), x.dtype) for x in leaves] if into is None else into(leaves)

    def put(first: int, found: list[Any]) -> None:
        for all_rows, x in zip(whole, found, strict=True):
            rows = all_rows[first : first + size]
            rows[...] = np.asarray(x)[: len(rows)]

    put(0, leaves)
    rest = range(size, n, size)
    if threads > 1 and len(rest) > 1:
        # Each thread puts its own rows in place.
        with ThreadPoolExecutor(max_workers=threads) as pool:
            list(pool.map(lambda first: put(first, jax.tree.leaves(block(first))), rest))
    else:
        for first in rest:
            put(first, jax.tree.leaves(block(first)))
    return jax.tree.unflatten(structure, whole)
