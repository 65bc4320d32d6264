"""How many things are worth computing at a time."""

from __future__ import annotations

import os

__all__ = ["AT_ONCE", "usable"]

_MOST = 8
"""More threads than this wait for Python's lock more than they compute."""


def usable() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


AT_ONCE = max(2, min(_MOST, usable()))
"""Threads that send blocks of draws through a model: two at least, so that one computes while another prepares."""
