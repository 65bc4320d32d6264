"""The models: pure functions of arrays, one model a module, in float64 throughout."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax

if TYPE_CHECKING:
    from tertius.models import (
        bargaining,
        displacement,
        games,
        investors,
        levers,
        orientation,
        price,
        regime,
        reputation,
        rescue,
        trade,
    )

__all__ = [
    "bargaining",
    "displacement",
    "games",
    "investors",
    "levers",
    "orientation",
    "price",
    "regime",
    "reputation",
    "rescue",
    "trade",
]

# Residuals of 1e-10 are out of reach in single precision, which JAX would use by default.
_config: Any = jax.config
_config.update("jax_enable_x64", True)
# With asynchronous dispatch, programs that two threads start at once have been seen to wait for each other for ever.
_config.update("jax_cpu_enable_async_dispatch", False)
# Where in the source each operation was written is kept by a cache that has been seen to crash, and read by nobody.
_config.update("jax_include_full_tracebacks_in_locations", False)


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"tertius.models.{name}")
    raise AttributeError(f"module 'tertius.models' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
