"""Rival structures: the same question under other models, so that a reader sees what hangs on the choice.

A structure changes how the world is modelled, never a figure of the case. The registry is the one list from which
the study, the brief and the documentation take them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["BASE", "RIVALS", "Structure"]


@dataclass(frozen=True)
class Structure:
    """One way to model the case.

    Attributes
    ----------
    id, title
        Its name, and what it means in words.
    factors, deficits
        Options of the trade model; None keeps the case's own.
    one_good
        Add all sectors into one good.
    substitution
        Elasticity of substitution between sectors in spending; 1 is Cobb–Douglas, None keeps the case's own.
    backward
        Solve the games of the price by backward induction: every mover takes the best answer, as if it never erred.
    nested
        Replace like by like within the nests that the case names.
    unlimited
        Lift every limit on capacity: all supply elasticities infinite, no standing limits on routes.
    equal_weights
        Give all non-trade domains the mean of their weights.
    expectations
        Which equilibrium of the regime's game is picked where there are several; None is the Laplacian one.
    """

    id: str
    title: str
    factors: Literal["mobile", "specific"] | None = None
    deficits: Literal["world_share", "proportional", "balanced"] | None = None
    one_good: bool = False
    substitution: float | None = None
    backward: bool = False
    nested: bool = False
    unlimited: bool = False
    equal_weights: bool = False
    expectations: Literal["best", "worst"] | None = None

    @property
    def changes_trade(self) -> bool:
        """Whether the trade equilibria differ from the base's."""
        return bool(self.factors or self.deficits or self.one_good or self.substitution or self.unlimited)


BASE = Structure("base", "As the case states it")

COMPLEMENTS = 0.5
"""Assumed: how hard one sector's goods are to replace by another's (``docs/models/trade.md`` says why)."""

RIVALS = (
    Structure("mobile", "Mobile factors: workers and capital move between sectors", factors="mobile"),
    Structure("one_good", "One good instead of several", one_good=True),
    Structure(
        "complements",
        f"Sectors are complements: what becomes dear takes more of spending (elasticity {COMPLEMENTS}, assumed)",
        substitution=COMPLEMENTS,
    ),
    Structure("proportional", "Deficits proportional to income", deficits="proportional"),
    Structure("backward", "Backward induction: nobody errs in the games of the price", backward=True),
    Structure("nested", "Like replaces like, within the nests that the case names", nested=True),
    Structure("unlimited", "No limits on capacity anywhere", unlimited=True),
    Structure("equal_weights", "All domains beside trade weigh the same", equal_weights=True),
    Structure("worst", "Where several equilibria exist, the worst for the regime", expectations="worst"),
    Structure("best", "Where several equilibria exist, the best for the regime", expectations="best"),
)
