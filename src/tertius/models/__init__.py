"""The models: pure functions of arrays, one model a module, in float64 throughout."""

from __future__ import annotations

import jax

# Residuals of 1e-10 are out of reach in single precision, which JAX would use by default.
jax.config.update("jax_enable_x64", True)
