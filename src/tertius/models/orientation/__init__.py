"""Where countries lean: a filter for dated signs, and the dynamic ordinal model for votes.

Two ways to observe one thing, a position that moves as a random walk. :func:`tilt` reads it from signed readings with
Gaussian noise (appointments, laws, statements), exactly and for whole batches; :func:`fit_votes` from what states do
on votes, for all states at once. :func:`moved` and :func:`shift` say how likely it is that a position moved, and
:func:`contributions` what each reading had to do with it.
"""

from __future__ import annotations

from tertius.models.orientation._filter import Moved, Tilt, contributions, moved, shift, tilt
from tertius.models.orientation._votes import Answer, VotesFit, VoteStatus, answer_probabilities, fit_votes

__all__ = [
    "Answer",
    "Moved",
    "Tilt",
    "VoteStatus",
    "VotesFit",
    "answer_probabilities",
    "contributions",
    "fit_votes",
    "moved",
    "shift",
    "tilt",
]
