"""Modules that are imported when something of theirs is first used.

A command that computes for seconds need not begin by importing what it only wants afterwards: that can go on while the
models leave Python's lock alone. The standard library's own loader of this kind imports a module twice where two
threads are the first to use it at once, before Python 3.12.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

__all__ = ["later"]

_LOCK = threading.RLock()


class _Later(ModuleType):
    """Stands for a module, and becomes like it when first asked for anything."""

    def __getattr__(self, name: str) -> Any:
        with _LOCK:
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            real = importlib.import_module(self.__name__)
            self.__dict__.update(real.__dict__)
        return getattr(real, name)


def later(name: str) -> None:
    """Have a module imported when something of it is first used; nothing is done where it is imported, or missing."""
    if name in sys.modules or importlib.util.find_spec(name) is None:
        return
    module = _Later(name)
    sys.modules[name] = module
    package, _, last = name.rpartition(".")
    if package:
        setattr(sys.modules[package], last, module)
