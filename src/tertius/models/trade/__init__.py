"""Trade: exact-hat general equilibrium with sectors, exits, caps on quantity, costs and tariffs."""

from __future__ import annotations

from tertius.models.trade._economy import (
    CONVERGED,
    NO_BUYER,
    NO_SUPPLIER,
    NOT_CONVERGED,
    STATUS,
    TOLERANCE,
    Caps,
    Economy,
    Equilibrium,
    Shock,
    calibrate,
)
from tertius.models.trade._solve import PairFlows, pair_flows, solve, solve_draws, without_deficits
