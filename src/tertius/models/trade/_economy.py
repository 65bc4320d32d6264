"""What goes into the trade model and what comes out of it, as pytrees of arrays with documented shapes.

Letters for shapes: S sectors, N regions, C counterfactuals on one world, M listed pairs of regions, R caps.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CONVERGED",
    "NOT_CONVERGED",
    "NO_BUYER",
    "NO_SUPPLIER",
    "STATUS",
    "TOLERANCE",
    "Caps",
    "Deficits",
    "Economy",
    "Equilibrium",
    "Factors",
    "Numeraire",
    "Shock",
    "calibrate",
]

Factors = Literal["mobile", "specific"]
Deficits = Literal["world_share", "nominal", "proportional", "balanced"]
Numeraire = Literal["world", "prices"] | int

TOLERANCE = 1e-10
"""An equilibrium has converged when every log of supply over demand is at most this."""

CONVERGED, NO_BUYER, NO_SUPPLIER, NOT_CONVERGED = 0, 1, 2, 3
STATUS = {
    CONVERGED: "converged",
    NO_BUYER: "converged; some output finds no buyer at any price and earns nothing",
    NO_SUPPLIER: "converged; a region finds no supplier in a sector that it buys: its loss is infinite",
    NOT_CONVERGED: "not converged",
}


class Economy(NamedTuple):
    """One world's baseline, calibrated from its flows; any leading axes are a batch of worlds.

    Attributes
    ----------
    lam
        (S, N, N) trade shares ``λ[s, o, d]``: of what destination d spends on sector s, the part from origin o.
    alpha
        (S, N) expenditure shares ``α[s, d]``; they sum to one over sectors.
    Y
        (S, N) output ``Y[s, o]``, in the currency of the flows.
    E
        (N,) expenditure.
    D
        (N,) deficit, ``E − Σ_s Y``; sums to zero over the world.
    """

    lam: Array
    alpha: Array
    Y: Array
    E: Array
    D: Array


class Caps(NamedTuple):
    """Limits on quantity, each shared by some of a shock's listed pairs.

    A cap's shadow price lifts what importers pay over what producers get by a factor ``τ >= 1`` until its members'
    quantity, at baseline prices, fits the limit. The rent, ``(τ − 1)/τ`` of the value paid, is income: a share of
    it goes to the exporter, the rest to the region of the owner, or to the importer where nobody owns the cap. On
    a pair under several caps each takes its part of what the caps before it leave.

    Attributes
    ----------
    member
        (R, S, M) how much of a unit shipped on the listed pair m in sector s counts against cap r; 0 = no member.
    limit
        (C, R) the quantity allowed, as a fraction of what the members ship at the baseline, together;
        ``inf`` = no cap, 0 = closed.
    exporter_rent
        (R,) the share of the rent that goes to the exporter, in [0, 1].
    owner
        (R,) index of the owner's region, −1 where nobody owns the cap.
    """

    member: ArrayLike
    limit: ArrayLike
    exporter_rent: ArrayLike
    owner: ArrayLike


class Shock(NamedTuple):
    """C counterfactuals on one world: a sparse list of shocked pairs, and dense costs or tariffs if there are any.

    Attributes
    ----------
    origin, destination
        (M,) indices of the listed pairs, concrete integers (never traced), each pair once and no region with
        itself. The fast path wants one region in every pair (an exit from one client's trade); any list is solved.
    keep
        (C, S, M) what is left of each listed pair's weight, ``B = 1 − x`` for an exit of degree x; B = 1 elsewhere.
    caps
        Limits on quantity on the listed pairs.
    cost
        (C, S, N, N) or (S, N, N) ratio ``τ̂`` of new to old ad-valorem trade cost on every pair; None = 1.
    tariff
        (C, S, N, N) or (S, N, N) ad-valorem tariff rate ``t`` in the counterfactual, on a baseline without
        tariffs; the revenue is the importer's. None = 0.
    """

    origin: ArrayLike
    destination: ArrayLike
    keep: ArrayLike
    caps: Caps | None = None
    cost: ArrayLike | None = None
    tariff: ArrayLike | None = None


class Equilibrium(NamedTuple):
    """The counterfactual equilibria, as ratios to the baseline. Leading axes of a batch come before C.

    Attributes
    ----------
    log_price
        (C, S, N) log p̂: change of the price of each sector's factor (the wage, in every sector, where factors
        are mobile); world output at baseline quantities is the numeraire unless the closure names another.
    log_phi
        (C, S, N) log Φ; the price index of sector s moves by ``Φ^(−1/θ)``.
    log_expenditure
        (C, N) log(E'/E).
    welfare
        (C, N) ratio Ŵ of real expenditure; 0 where a sector has lost its last supplier.
    cap_price
        (C, R) log of what importers pay over what producers get under each cap; 0 where slack, inf where closed.
    residual
        (C,) largest |log(income / p̂Y)|; under caps also of expenditure and of the caps' own conditions.
    iterations
        (C,) evaluations of the system that the counterfactual took.
    status
        (C,) a key of ``STATUS``.
    """

    log_price: Array
    log_phi: Array
    log_expenditure: Array
    welfare: Array
    cap_price: Array
    residual: Array
    iterations: Array
    status: Array


def _ratio(a: Array, b: Array) -> Array:
    """``a / b``, and zero where b is zero (nothing bought, nothing sold)."""
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)


def calibrate(X: ArrayLike) -> Economy:
    """Shares, output, expenditure and deficits of a table of flows.

    Parameters
    ----------
    X
        (..., S, N, N) flows ``X[s, o, d] >= 0`` with domestic sales on the diagonal, in one currency and year.

    Returns
    -------
    Economy
        Its arrays carry the same leading axes.
    """
    economy: Economy = _calibrate(jnp.asarray(X, dtype=float))
    return economy


@jax.jit
def _calibrate(flows: Array) -> Economy:
    Y = flows.sum(-1)
    spent = flows.sum(-2)
    E = spent.sum(-2)
    return Economy(
        lam=_ratio(flows, spent[..., None, :]),
        alpha=_ratio(spent, E[..., None, :]),
        Y=Y,
        E=E,
        D=E - Y.sum(-2),
    )


def single_hub(origin: NDArray[np.int64], destination: NDArray[np.int64]) -> int | None:
    """Return the region that is one end of every listed pair, or None if there is no such region."""
    if origin.size == 0:
        return 0
    for hub in (int(origin[0]), int(destination[0])):
        if bool(np.all((origin == hub) | (destination == hub))):
            return hub
    return None


def concrete(values: Any) -> NDArray[np.int64]:
    """Return indices as a NumPy array, which they must be able to become (not traced)."""
    return np.asarray(values, dtype=np.int64)
