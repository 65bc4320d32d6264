"""The models: pure functions of arrays, one model a module, in float64 throughout."""

from __future__ import annotations

import jax

# Residuals of 1e-10 are out of reach in single precision, which JAX would use by default.
jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
# Programs run in the thread that calls them: two threads that each wait for the other's work in the runtime's own
# pool, no larger than the machine, would wait for ever.
jax.config.update("jax_cpu_enable_async_dispatch", False)  # type: ignore[no-untyped-call]
