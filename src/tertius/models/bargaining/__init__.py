r"""Bargaining over a question whose answers lie on a line.

Every actor i has a position :math:`x_i`, a salience :math:`s_i` (how much it cares) and a capability :math:`c_i` (what
it can bring to bear). Six ideas of what comes out, one signature, ``model(positions, saliences, capabilities, ...)``:

=====================  ==============================================================================================
:func:`weighted_mean`  the compromise model, Σ c s x / Σ c s
:func:`weighted_median`  the position that beats every other in weighted votes
:func:`nash`           asymmetric Nash bargaining, with a status quo or a cost of no agreement
:func:`expected_utility`  Bueno de Mesquita's challenges, round by round, after Scholz, Calbert & Smith
:func:`exchange`       Stokman & van Oosten: actors trade what they care about less for what they care about more
:func:`condorcet`      the probabilistic Condorcet election of KTAB
=====================  ==============================================================================================

Arrays are float64. The last axis of positions, saliences and capabilities, ``N``, is the actors, and leading axes are
a batch (draws, issues) and broadcast; :func:`exchange`, which needs several issues at once, has the issues on the last
axis but one. A position of ``NaN`` means that the actor takes no part, so issues with different actors may be padded.
A salience or capability of ``NaN`` for an actor that does take part is an unknown, and so is the outcome. Whoever
weighs nothing takes no part. Moving or stretching the scale moves and stretches the outcome alike.

Every result begins with ``outcome``, ``status`` (:class:`Status`) and ``residual``. That positions go round for ever,
or had not come to rest when the rounds ended, is a result and is said.
"""

from __future__ import annotations

from tertius.models.bargaining._actors import Forecast, Status
from tertius.models.bargaining._challenge import ExpectedUtility, expected_utility
from tertius.models.bargaining._condorcet import Condorcet, condorcet
from tertius.models.bargaining._exchange import Exchange, Trades, exchange
from tertius.models.bargaining._mean import weighted_mean
from tertius.models.bargaining._median import Median, weighted_median
from tertius.models.bargaining._nash import Nash, nash
from tertius.models.bargaining._spatial import Turn, interpolate, spatial_turn

__all__ = [
    "Condorcet",
    "Exchange",
    "ExpectedUtility",
    "Forecast",
    "Median",
    "Nash",
    "Status",
    "Trades",
    "Turn",
    "condorcet",
    "exchange",
    "expected_utility",
    "interpolate",
    "nash",
    "spatial_turn",
    "weighted_mean",
    "weighted_median",
]
