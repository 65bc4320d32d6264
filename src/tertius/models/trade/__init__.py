"""Trade: exact-hat general equilibrium with sectors, exits, caps on quantity, costs and tariffs.

Armington / Eaton–Kortum in changes (Dekle, Eaton & Kortum 2007; Costinot & Rodríguez-Clare 2014). With baseline trade
shares ``λ[s, o, d]``, expenditure shares ``α[s, d]``, output ``Y[s, o]``, expenditure ``E[d]`` and elasticities
``θ[s]``, and a shock ``B[s, o, d] = τ̂^(−θ)``, prices p̂ and expenditure E' solve

    λ'[s, o, d] = λ B p̂[s, o]^(−θ) / Φ[s, d]          Φ[s, d] = Σ_m λ[s, m, d] B[s, m, d] p̂[s, m]^(−θ)
    E'[d] = Σ_s p̂[s, d] Y[s, d] + D'[d] + tariff revenue + rents
    specific factors:  p̂[s, o] Y[s, o] = Σ_d λ'[s, o, d] α[s, d] E'[d] / (1 + t)
    mobile factors:    the same summed over s, with one p̂[o]
    welfare:           Ŵ[d] = (E'[d]/E[d]) Π_s Φ[s, d]^(α[s, d]/θ[s])

Spending between sectors is Cobb–Douglas; with an elasticity of substitution between them its shares move as
:mod:`tertius.models.trade._upper` says.

On arrays: :func:`calibrate`, :func:`solve` (differentiable), :func:`solve_draws` (thousands of worlds),
:func:`withdrawals` (any groups from one client's trade) and :func:`pair_flows`. With names: :func:`baseline`,
:func:`counterfactual`, :func:`leverage` and :func:`levers_of`. With incomes held, as programs of structural gravity
have it: :func:`resistances` and :func:`conditional`.
"""

from __future__ import annotations

from tertius.models.trade._conditional import Conditional, Resistances, conditional, resistances
from tertius.models.trade._economy import (
    CONVERGED,
    NO_BUYER,
    NO_SUPPLIER,
    NOT_CONVERGED,
    STATUS,
    TOLERANCE,
    Caps,
    Deficits,
    Economy,
    Equilibrium,
    Factors,
    Numeraire,
    Shock,
    calibrate,
)
from tertius.models.trade._home import HOME_RULES, NOT_TRADED, HomeRule, with_home_sales
from tertius.models.trade._labels import (
    Baseline,
    Cap,
    Counterfactual,
    Exit,
    baseline,
    counterfactual,
)
from tertius.models.trade._named_levers import leverage, levers_of
from tertius.models.trade._solve import PairFlows, pair_flows, solve, solve_draws, without_deficits
from tertius.models.trade._withdrawals import withdrawals, withdrawals_in_draws

__all__ = [
    "CONVERGED",
    "HOME_RULES",
    "NOT_CONVERGED",
    "NOT_TRADED",
    "NO_BUYER",
    "NO_SUPPLIER",
    "STATUS",
    "TOLERANCE",
    "Baseline",
    "Cap",
    "Caps",
    "Conditional",
    "Counterfactual",
    "Deficits",
    "Economy",
    "Equilibrium",
    "Exit",
    "Factors",
    "HomeRule",
    "Numeraire",
    "PairFlows",
    "Resistances",
    "Shock",
    "baseline",
    "calibrate",
    "conditional",
    "counterfactual",
    "leverage",
    "levers_of",
    "pair_flows",
    "resistances",
    "solve",
    "solve_draws",
    "with_home_sales",
    "withdrawals",
    "withdrawals_in_draws",
    "without_deficits",
]
