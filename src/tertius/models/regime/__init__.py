r"""Does the regime survive? A global game of regime change among its own security services.

Strength :math:`\theta \sim N(\mu, 1/\alpha)` is the public belief; each unit of the security services sees
:math:`x = \theta + \varepsilon/\sqrt\beta` and obeys or sits out. Sitting out pays 1 − c if the regime falls and
−c if it stands; it falls when the share that sits out, :math:`A(\theta) = \Phi(\sqrt\beta(x^*-\theta))`, reaches θ.
With a common belief :math:`N(m, 1/a)` (Morris & Shin 1998, 2003; Angeletos, Hellwig & Pavan 2006, 2007)

.. math::

    \theta^* = \Phi\bigl((a/\sqrt\beta)(\theta^*-m) - \sqrt{1+a/\beta}\,\Phi^{-1}(c)\bigr), \qquad
    \text{survival} = \Phi(\sqrt\alpha(\mu - \theta^*))

One solution where :math:`a/\sqrt\beta \le \sqrt{2\pi}`, up to three elsewhere: all are found, since in
:math:`z = \Phi^{-1}(\theta)` the equation has at most two turning points, which are known. Order is restored at once
above :math:`\theta^\kappa`, where :math:`A(\theta^\kappa) = \kappa\theta^\kappa`; between the thresholds the crisis
drags on. Help from outside acts through doors kept apart: force moves the truth, a signal and the plea move the
common belief, fear moves the cost.

Arrays are float64; all axes of inputs are a batch and broadcast (days are a last axis where a function says so).
Solutions are differentiated by the implicit function theorem.
"""

from tertius.models.regime._days import Days, days, next_threshold, public_news
from tertius.models.regime._doors import (
    DOORS,
    Belief,
    Doors,
    Helped,
    Outcome,
    after_surviving,
    fragility,
    helped,
    news,
    outcome,
    restoration_threshold,
    survival,
)
from tertius.models.regime._groups import Groups, policy_trap, threshold_of_groups
from tertius.models.regime._threshold import (
    OPPOSITE,
    SELECTIONS,
    TOLERANCE,
    Equilibrium,
    Selection,
    Status,
    Thresholds,
    equilibrium,
    threshold,
)

__all__ = [
    "DOORS",
    "OPPOSITE",
    "SELECTIONS",
    "TOLERANCE",
    "Belief",
    "Days",
    "Doors",
    "Equilibrium",
    "Groups",
    "Helped",
    "Outcome",
    "Selection",
    "Status",
    "Thresholds",
    "after_surviving",
    "days",
    "equilibrium",
    "fragility",
    "helped",
    "news",
    "next_threshold",
    "outcome",
    "policy_trap",
    "public_news",
    "restoration_threshold",
    "survival",
    "threshold",
    "threshold_of_groups",
]
