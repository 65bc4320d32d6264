r"""Where states stand, from how they vote: the dynamic ordinal model, every vote of every state at once.

State i in session t has an ideal point :math:`\theta_{it}`, a random walk over sessions; vote v asks for a side
(Bailey, Strezhnev & Voeten 2017):

.. math::

    z_{iv} = \beta_v \theta_{it} + e_{iv}, \quad e \sim N(0, 1), \qquad
    \text{yes if } z < \gamma_{1v}, \quad \text{abstain if } \gamma_{1v} \le z < \gamma_{2v}, \quad
    \text{no otherwise}

    \theta_{i,\text{first}} \sim N(0, 1), \qquad \theta_{it} \sim N(\theta_{i,t-1}, \Delta), \qquad
    \beta_v \sim N(0, 1),

and over all states and sessions with a vote the ideal points have mean 0 and variance 1, as the published ones
do. Beside those who voted, every vote has a pseudo-voter at :math:`\theta = 0` who casts a fraction
:math:`\epsilon` of each answer: without it a vote on which nobody abstained has no finite cut points.

The published estimates are means of Gibbs draws. Here the posterior is maximised, by Newton's method on all
unknowns at once, with Lagrange multipliers for mean and variance. The three unknowns of a vote,
:math:`(\beta, \gamma_1, \log(\gamma_2 - \gamma_1))`, touch nothing but the states of its session, so they are
eliminated first; what remains couples a session to the next through the random walk alone, and block-tridiagonal
elimination solves it exactly. The same factors give the standard deviations of the Laplace approximation, in which
the votes' unknowns are not held fixed.

The posterior has a mirror image (all signs changed), so one state is named that is to stand above the mean, and
lesser maxima in which a stretch of sessions is mirrored, so it matters where the iteration starts: at the leading
eigenvector of how the states vote together.

What differs from the published model: no two votes share their unknowns (that two texts are the same cannot be told
from their titles), and the random walk's variance is one number, the same in every session.

Arrays are float64: ``votes`` is ``(V, C)``, ideal points are ``(T, C)``. NumPy rather than JAX: the work is matrix
products and factorisations that LAPACK does, and nothing is to be compiled anew for each set of votes. NumPy rather
than SciPy for these: each brings threads of its own, which get in each other's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from tertius.errors import BadInput

__all__ = ["Answer", "VoteStatus", "VotesFit", "answer_probabilities", "fit_votes"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

TOLERANCE = 1e-6
"""Largest derivative of the log posterior, in nats per unit of any unknown, of a fit that counts as converged."""

# The iteration aims beyond the tolerance, since quadratic convergence makes the last digits cheap.
_AIM = 1e-8
_LARGEST_STEP = np.array([2.0, 2.0, 1.0])
_SMALLEST_FRACTION = 1e-4
_ROUNDING = 1e-10
_STEPS_OF_VOTES_ALONE = 4
# Far from the solution the Gauss–Newton form, which is positive definite, is the better guide.
_STEPS_IN_THE_ROUGH = 6


class Answer(IntEnum):
    """What a state did on a vote."""

    ABSENT = 0
    """It cast no vote: missing, not an abstention."""
    YES = 1
    ABSTAIN = 2
    NO = 3


class VoteStatus(IntEnum):
    """How a fit ended; the numbers are those of :class:`tertius.models.displacement.Status`."""

    CONVERGED = 0
    """Every derivative is at most :data:`TOLERANCE` at a point that is a maximum."""
    NOT_CONVERGED = 4
    """It is not; the numbers are where the iteration stood."""


class VotesFit(NamedTuple):
    """Ideal points and what the votes asked. Sessions run from the first to the last without a gap, ``T``."""

    session: Ints
    """Numbers of the sessions, ``(T,)``."""
    theta: Floats
    """Ideal points, ``(T, C)``; ``NaN`` before a state's first vote and after its last."""
    sd: Floats
    """Their standard deviations in the Laplace approximation, given mean 0 and variance 1 overall, ``(T, C)``."""
    voted: Flags
    """Whether the state voted in the session, ``(T, C)``; where not, ``theta`` is interpolated."""
    covariance: Floats
    """Covariances over sessions of the ideal points of the states to ``follow``, ``(F, T, T)``."""
    beta: Floats
    """How far each vote divides along the ideal points, ``(V,)``; ``NaN`` for a vote that nobody cast."""
    gamma: Floats
    """Cut points between yes and abstain, and between abstain and no, ``(V, 2)``."""
    log_posterior: float
    """Log posterior density reached, without its constant, nats."""
    log_evidence: float
    """Laplace approximation to the log evidence, without its constant, nats: it compares values of ``drift``."""
    iterations: int
    """Newton steps taken."""
    residual: float
    """Largest derivative of the log posterior left, along the constraints, nats per unit."""
    status: int
    """:class:`VoteStatus`, as an integer."""


class _Ballots(NamedTuple):
    """The votes, sorted by session, with what does not change from step to step."""

    bounds: list[slice]  # the votes of each session
    cast: list[tuple[Ints, Ints, Ints]]  # by session: where yes, abstain, no stand in its flattened votes
    cast_at_all: Flags  # (V,)
    voted: Flags  # (T, C)
    there: Flags  # (T, C), from the first vote to the last
    linked: Flags  # (T − 1, C), there in both sessions
    first: Ints  # (C,)
    drift: float
    pseudo: float


class _Point(NamedTuple):
    """All unknowns."""

    theta: Floats  # (T, C)
    item: Floats  # (V, 3): β, γ₁, log(γ₂ − γ₁)


class _Slopes(NamedTuple):
    """The log posterior and its derivatives at a point."""

    value: float
    theta: Floats  # (T, C)
    item: Floats  # (V, 3)
    theta_theta: Floats  # (T, C), diagonal; the random walk's off-diagonal is constant
    item_item: Floats  # (V, 3, 3)
    item_theta: Floats  # (V, 3, C)
    score: Floats  # (V, C): ∂/∂(βθ), which the Gauss–Newton form of item_theta leaves out


def answer_probabilities(theta: ArrayLike, beta: ArrayLike, gamma: ArrayLike) -> Floats:
    """Return the probabilities of yes, abstain and no.

    Parameters
    ----------
    theta
        Ideal points, ``(...)``.
    beta
        How far the vote divides along them, ``(...)``.
    gamma
        The two cut points, ``(..., 2)``, the first below the second.

    Returns
    -------
    Floats
        ``(..., 3)``, summing to one.
    """
    u = (np.asarray(beta, float) * np.asarray(theta, float))[..., None]
    low, high = np.moveaxis(np.asarray(gamma, float) - u, -1, 0)
    return np.stack([ndtr(low), _between(low, high), ndtr(-high)], -1)


def _between(low: Floats, high: Floats) -> Floats:
    """``Φ(high) − Φ(low)``, in the tail where both are small."""
    right = low + high > 0
    a, b = np.where(right, -high, low), np.where(right, -low, high)
    difference: Floats = ndtr(b) - ndtr(a)
    return difference


def _density(x: Floats) -> Floats:
    density: Floats = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    return density


def _ballots(votes: NDArray[np.int8], session: Ints, drift: float, pseudo: float) -> _Ballots:
    T, C = int(session[-1]) + 1, votes.shape[1]
    edge = np.searchsorted(session, np.arange(T + 1))
    bounds = [slice(int(a), int(b)) for a, b in pairwise(edge)]
    cast, voted = [], np.zeros((T, C), bool)
    for t, rows in enumerate(bounds):
        flat = votes[rows].ravel()
        yes, abstain, no = (np.flatnonzero(flat == a) for a in (Answer.YES, Answer.ABSTAIN, Answer.NO))
        cast.append((yes, abstain, no))
        voted[t] = (votes[rows] != Answer.ABSENT).any(0)
    first, last = voted.argmax(0), T - 1 - voted[::-1].argmax(0)
    when = np.arange(T)[:, None]
    there = (when >= first) & (when <= last) & voted.any(0)
    at_all = (votes != Answer.ABSENT).any(1)
    return _Ballots(bounds, cast, at_all, voted, there, there[1:] & there[:-1], first, drift, pseudo)


def _slopes(given: _Ballots, at: _Point) -> _Slopes:
    """Log posterior and derivatives, session by session so that what is worked on stays in the cache."""
    T, C = at.theta.shape
    V = len(at.item)
    value = 0.0
    g_theta, h_theta = np.zeros((T, C)), np.zeros((T, C))
    g_item, h_item = np.zeros((V, 3)), np.zeros((V, 3, 3))
    cross, score = np.zeros((V, 3, C)), np.zeros((V, C))
    for t, rows in enumerate(given.bounds):
        theta, item = at.theta[t], at.item[rows]
        n = len(item)
        if not n:
            continue
        beta, cut, gap = item[:, 0], item[:, 1], np.exp(item[:, 2])
        u = np.multiply.outer(beta, theta).ravel()
        # By cell: first and second derivatives in u = βθ and in the gap; those in γ₁ are minus those in u.
        l_u, l_uu, l_g, l_ug, l_gg = np.zeros((5, n * C))
        yes, abstain, no = given.cast[t]
        z = cut[yes // C] - u[yes]
        p = ndtr(z)
        value += np.log(p).sum()
        r = _density(z) / p
        l_u[yes], l_uu[yes] = -r, -r * (z + r)
        v = no // C
        z = u[no] - cut[v] - gap[v]
        p = ndtr(z)
        value += np.log(p).sum()
        r = _density(z) / p
        curve = -r * (z + r)
        l_u[no], l_uu[no], l_g[no], l_ug[no], l_gg[no] = r, curve, -r, -curve, curve
        v = abstain // C
        low = cut[v] - u[abstain]
        high = low + gap[v]
        p = _between(low, high)
        value += np.log(p).sum()
        a, b = _density(low) / p, _density(high) / p
        b_b = -b * (high + b)
        l_u[abstain], l_uu[abstain] = a - b, a * (low - a) + b_b + 2 * a * b
        l_g[abstain], l_ug[abstain], l_gg[abstain] = b, -b_b - a * b, b_b
        l_u, l_uu, l_g, l_ug, l_gg = (x.reshape(n, C) for x in (l_u, l_uu, l_g, l_ug, l_gg))

        score[rows] = l_u
        g_theta[t], h_theta[t] = beta @ l_u, (beta * beta) @ l_uu
        powers = np.stack([np.ones(C), theta, theta * theta], 1)
        by_u, by_uu, by_ug = l_u @ powers[:, :2], l_uu @ powers, l_ug @ powers[:, :2]
        by_g = l_g.sum(1)
        g_item[rows] = np.stack([by_u[:, 1], -by_u[:, 0], by_g * gap], 1)
        h = h_item[rows]
        h[:, 0, 0], h[:, 1, 1], h[:, 2, 2] = by_uu[:, 2], by_uu[:, 0], l_gg.sum(1) * gap * gap
        h[:, 0, 1], h[:, 0, 2], h[:, 1, 2] = -by_uu[:, 1], by_ug[:, 1] * gap, -by_ug[:, 0] * gap
        x = cross[rows]
        x[:, 0] = l_uu * beta[:, None] * theta
        x[:, 1] = -l_uu * beta[:, None]
        x[:, 2] = l_ug * (beta * gap)[:, None]
    value += _priors(given, at, g_theta, h_theta, g_item, h_item)
    for i, j in ((1, 0), (2, 0), (2, 1)):
        h_item[:, i, j] = h_item[:, j, i]
    return _Slopes(value, g_theta, g_item, h_theta, h_item, cross, score)


def _priors(
    given: _Ballots, at: _Point, g_theta: Floats, h_theta: Floats, g_item: Floats, h_item: Floats
) -> float:
    """Log density of the priors and the pseudo-voters, with their derivatives added in place."""
    beta, cut, gap = at.item[:, 0], at.item[:, 1], np.exp(at.item[:, 2])
    high = cut + gap
    yes, abstain, no = ndtr(cut), _between(cut, high), ndtr(-high)
    value = given.pseudo * float(np.log(yes * abstain * no).sum())
    y, n = _density(cut) / yes, _density(high) / no
    a, b = _density(cut) / abstain, _density(high) / abstain
    n_n, b_b = n * (high - n), -b * (high + b)
    g_item[:, 1] += given.pseudo * (y - a + b - n)
    g_item[:, 2] += given.pseudo * (b - n) * gap
    h_item[:, 1, 1] += given.pseudo * (-y * (cut + y) + a * (cut - a) + b_b + 2 * a * b + n_n)
    h_item[:, 1, 2] += given.pseudo * (b_b + a * b + n_n) * gap
    h_item[:, 2, 2] += given.pseudo * (b_b + n_n) * gap * gap

    value -= 0.5 * float(beta @ beta)
    g_item[:, 0] -= beta
    h_item[:, 0, 0] -= 1.0

    walk = np.where(given.linked, np.diff(at.theta, axis=0), 0.0)
    start = given.first, np.arange(at.theta.shape[1])
    value -= 0.5 * float((walk**2).sum() / given.drift + (at.theta[start] ** 2).sum())
    g_theta[1:] -= walk / given.drift
    g_theta[:-1] += walk / given.drift
    g_theta[start] -= at.theta[start]
    h_theta[1:] -= given.linked / given.drift
    h_theta[:-1] -= given.linked / given.drift
    h_theta[start] -= 1.0
    return value


class _NotPositiveError(Exception):
    """The negative Hessian is not positive definite."""


class _Factors(NamedTuple):
    """The negative Hessian, factorised."""

    root: Floats  # (V, 3, 3): inverse Cholesky factors of the votes' own blocks
    cross: Floats  # (V, 3, C): root @ item_theta
    inverse: Floats  # (T, C, C): inverses of the sessions' blocks, earlier sessions eliminated
    off: Floats  # (T − 1, C): what couples a session to the next
    log_determinant: float


def _factorise(given: _Ballots, slopes: _Slopes, multiplier: float, exact: bool) -> _Factors:
    """Factorise the negative Hessian of the Lagrangian; its Gauss–Newton form if not ``exact``."""
    item, cross = -slopes.item_item, slopes.item_theta
    if exact:
        item[:, 2, 2] -= slopes.item[:, 2]  # the second derivative in the gap became one in its logarithm
        cross = cross.copy()
        cross[:, 0] += slopes.score
    try:
        lower = np.linalg.cholesky(item)
    except np.linalg.LinAlgError as error:
        raise _NotPositiveError from error
    root = np.zeros_like(lower)
    for i in range(3):
        root[:, i, i] = 1.0 / lower[:, i, i]
    root[:, 1, 0] = -root[:, 1, 1] * lower[:, 1, 0] * root[:, 0, 0]
    root[:, 2, 1] = -root[:, 2, 2] * lower[:, 2, 1] * root[:, 1, 1]
    root[:, 2, 0] = -root[:, 2, 2] * (lower[:, 2, 0] * root[:, 0, 0] + lower[:, 2, 1] * root[:, 1, 0])
    cross = root @ cross
    T, C = slopes.theta.shape
    inverse = np.empty((T, C, C))
    off = np.where(given.linked, -1.0 / given.drift, 0.0)
    log_determinant = -2.0 * float(np.log(np.einsum("vii->vi", root)).sum())
    # A state that is not there has a row of its own in the matrix, which says nothing about anything.
    diagonal = np.where(given.there, multiplier * given.voted - slopes.theta_theta, 1.0)
    for t, rows in enumerate(given.bounds):
        x = cross[rows].reshape(-1, C)
        block = np.diag(diagonal[t]) - x.T @ x
        if t:
            block -= off[t - 1][:, None] * inverse[t - 1] * off[t - 1]
        try:
            factor = np.linalg.cholesky(block)
        except np.linalg.LinAlgError as error:
            raise _NotPositiveError from error
        log_determinant += 2.0 * float(np.log(np.diag(factor)).sum())
        inverse[t] = np.linalg.inv(block)
    return _Factors(root, cross, inverse, off, log_determinant)


def _solve_sessions(factors: _Factors, right: Floats) -> Floats:
    """Solve the block-tridiagonal system that is left for the ideal points; ``right`` is ``(T, C, …)``."""
    inverse, x = factors.inverse, right.copy()
    off = factors.off.reshape(*factors.off.shape, *[1] * (right.ndim - 2))
    for t in range(1, len(x)):
        x[t] -= off[t - 1] * (inverse[t - 1] @ x[t - 1])
    x[-1] = inverse[-1] @ x[-1]
    for t in range(len(x) - 2, -1, -1):
        x[t] = inverse[t] @ (x[t] - off[t] * x[t + 1])
    return x


def _step(given: _Ballots, factors: _Factors, theta: Floats, item: Floats, bound: Floats) -> _Point:
    """Newton's step from the derivatives in ``theta`` and ``item``, along the constraints ``bound``, (T, C, 2)."""
    root, cross = factors.root, factors.cross
    C = theta.shape[1]
    own = np.einsum("vij,vj->vi", root, item)
    right = theta.copy()
    for t, rows in enumerate(given.bounds):
        right[t] += own[rows].ravel() @ cross[rows].reshape(-1, C)
    found = _solve_sessions(factors, np.concatenate([right[..., None], bound], -1))
    x, w = found[..., 0], found[..., 1:]
    x = x - w @ np.linalg.solve(_inner(bound, w), np.einsum("tci,tc->i", bound, x))
    for t, rows in enumerate(given.bounds):
        own[rows] += (cross[rows].reshape(-1, C) @ x[t]).reshape(-1, 3)
    return _Point(x, np.einsum("vji,vj->vi", root, own))


def _inner(a: Floats, b: Floats) -> Floats:
    product: Floats = np.einsum("tci,tcj->ij", a, b)
    return product


def _standardised(given: _Ballots, at: _Point) -> _Point:
    """The same probabilities of every answer, with ideal points of mean 0 and variance 1."""
    theta = at.theta[given.voted]
    mean, sd = theta.mean(), theta.std()
    item = at.item.copy()
    item[:, 0] *= sd
    item[:, 1] -= at.item[:, 0] * mean
    return _Point(np.where(given.there, (at.theta - mean) / sd, 0.0), item)


def _start(given: _Ballots, votes: NDArray[np.int8], start: Floats | None) -> _Point:
    """Ideal points that do not move, and cut points from the answers given."""
    cast = votes != Answer.ABSENT
    count = np.maximum(cast.sum(1), 1)
    if start is None:
        side = np.where(cast, votes - float(Answer.ABSTAIN), 0.0)
        side = np.where(cast, side - (side.sum(1) / count)[:, None], 0.0)
        together = cast.T.astype(float) @ cast
        _, vectors = np.linalg.eigh(side.T @ side / np.maximum(together, 1.0))
        start = vectors[:, -1]
    yes, no = (((votes == a).sum(1) + 0.5) / (count + 1.5) for a in (Answer.YES, Answer.NO))
    cut = ndtri(yes)
    item = np.stack([np.zeros(len(votes)), cut, np.log(-ndtri(no) - cut)], 1)
    return _standardised(given, _Point(np.where(given.there, start, 0.0), item))


class _Ascent:
    """Newton's method with a line search on the standardised points."""

    def __init__(self, given: _Ballots, start: _Point) -> None:
        self.given = given
        self.move(start)

    def move(self, at: _Point, slopes: _Slopes | None = None) -> None:
        self.at, self.slopes = at, slopes or _slopes(self.given, at)
        voted = self.given.voted.astype(float)
        self.bound = np.stack([voted, voted * at.theta], -1)
        # The multipliers are read off the derivatives: at the solution these are combinations of the constraints.
        self.multiplier = np.einsum("tci,tc->i", self.bound, self.slopes.theta) / voted.sum()
        self.free = self.slopes.theta - self.bound @ self.multiplier
        self.residual = float(max(np.abs(self.free).max(), np.abs(self.slopes.item).max()))

    def votes_alone(self) -> None:
        """One step of the votes' unknowns, the ideal points held."""
        item = np.linalg.solve(-self.slopes.item_item, self.slopes.item[..., None])[..., 0]
        self.move(self.at._replace(item=self.at.item + np.clip(item, -_LARGEST_STEP, _LARGEST_STEP)))

    def factors(self, exact: bool) -> _Factors:
        """The Hessian as it is where that is negative definite, and else what is sure to be."""
        kinds = [(self.multiplier[1], True)] if exact else []
        kinds += [(self.multiplier[1], False), (max(self.multiplier[1], 0.0), False)]
        for multiplier, whole in kinds[:-1]:
            try:
                return _factorise(self.given, self.slopes, multiplier, whole)
            except _NotPositiveError:
                continue
        return _factorise(self.given, self.slopes, *kinds[-1])

    def everything(self, exact: bool) -> bool:
        """One step of all unknowns; whether it led up."""
        step = _step(self.given, self.factors(exact), self.free, self.slopes.item, self.bound)
        theta = np.clip(step.theta, -_LARGEST_STEP[0], _LARGEST_STEP[0])
        item = np.clip(step.item, -_LARGEST_STEP, _LARGEST_STEP)
        part = 1.0
        while part > _SMALLEST_FRACTION:
            there = _Point(self.at.theta + part * theta, self.at.item + part * item)
            there = _standardised(self.given, there)
            slopes = _slopes(self.given, there)
            if slopes.value >= self.slopes.value - _ROUNDING * abs(self.slopes.value):
                self.move(there, slopes)
                return True
            part /= 2
        return False


def fit_votes(
    votes: ArrayLike,
    session: ArrayLike,
    anchor: int,
    *,
    drift: float = 0.03,
    pseudo: float = 0.1,
    follow: Sequence[int] = (),
    start: ArrayLike | None = None,
    steps: int = 100,
) -> VotesFit:
    r"""Fit ideal points to votes.

    Parameters
    ----------
    votes
        What each state did on each vote, ``(V, C)``, as :class:`Answer`: 0 absent, 1 yes, 2 abstain, 3 no.
    session
        Number of the session of each vote, ``(V,)``, whole; one more is one step of the random walk.
    anchor
        The state that is to stand above the mean, an index into ``C``.
    drift
        :math:`\Delta`, variance of the random walk's step from one session to the next. The default is where
        the evidence of the votes in the General Assembly 1946–2019 is greatest.
    pseudo
        :math:`\epsilon`, the fraction of each answer that the pseudo-voter casts.
    follow
        States for which the covariances over sessions are wanted.
    start
        Where each state starts, ``(C,)``; by default the leading eigenvector of how they vote together.
    steps
        The most steps to take.

    Returns
    -------
    VotesFit
        With the residual and the status of the iteration.

    Raises
    ------
    BadInput
        If shapes do not fit, an answer is none of the four, or the anchor never votes.
    """
    answers, numbers = _checked(votes, session, anchor, drift, pseudo)
    order = np.argsort(numbers, kind="stable")
    answers, first = answers[order], int(numbers.min())
    given = _ballots(answers, numbers[order] - first, drift, pseudo)
    at = None if start is None else np.asarray(start, float)
    taken = 0
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        ascent = _Ascent(given, _start(given, answers, at))
        for _ in range(_STEPS_OF_VOTES_ALONE):
            ascent.votes_alone()
        while taken < steps and ascent.residual > _AIM:
            taken += 1
            if not ascent.everything(exact=taken > _STEPS_IN_THE_ROUGH):
                break
        return _result(given, ascent, np.argsort(order), anchor, first, follow, taken)


def _checked(
    votes: ArrayLike, session: ArrayLike, anchor: int, drift: float, pseudo: float
) -> tuple[NDArray[np.int8], Ints]:
    answers, numbers = np.asarray(votes), np.asarray(session)
    if answers.ndim != 2 or numbers.shape != answers.shape[:1] or not answers.size:
        raise BadInput(
            f"votes have shape {answers.shape} and sessions {numbers.shape}",
            code="votes-shape",
            hint="give votes as (vote, state) and one session for each vote",
        )
    if not np.isin(answers, list(Answer)).all():
        raise BadInput(
            "a vote is none of 0 (absent), 1 (yes), 2 (abstain), 3 (no)",
            code="votes-answer",
            hint="an absent state is 0, not NaN",
        )
    if not (np.isfinite(numbers).all() and (numbers == np.round(numbers)).all()):
        raise BadInput(
            "a session is not a whole number", code="votes-session", hint="number sessions 1, 2, 3 …"
        )
    if not (0 <= anchor < answers.shape[1] and (answers[:, anchor] != Answer.ABSENT).any()):
        raise BadInput(
            f"the anchor, {anchor}, is no state that votes",
            code="votes-anchor",
            hint="name a state whose side is not in doubt",
        )
    if not (drift > 0 and pseudo > 0):
        raise BadInput(
            f"drift is {drift} and pseudo is {pseudo}; both must be above zero",
            code="votes-prior",
            hint="the defaults are a start",
        )
    return answers.astype(np.int8), numbers.astype(np.int64)


def _result(
    given: _Ballots,
    ascent: _Ascent,
    back: Ints,
    anchor: int,
    first: int,
    follow: Sequence[int],
    taken: int,
) -> VotesFit:
    """Turn the point reached into what the caller asked for; ``back`` restores the order of the votes."""
    at, there, T = ascent.at, given.there, len(given.bounds)
    status = VoteStatus.CONVERGED if ascent.residual <= TOLERANCE else VoteStatus.NOT_CONVERGED
    sd, evidence = np.full(there.shape, np.nan), float("nan")
    covariance = np.full((len(follow), T, T), np.nan)
    try:
        factors = _factorise(given, ascent.slopes, ascent.multiplier[1], exact=True)
    except _NotPositiveError:
        status = VoteStatus.NOT_CONVERGED
    else:
        w = _solve_sessions(factors, ascent.bound)
        inner = _inner(ascent.bound, w)
        lost = np.einsum("tci,ij,tcj->tc", w, np.linalg.inv(inner), w)
        sd = np.sqrt(np.where(there, _variances(factors) - lost, np.nan))
        for i, state in enumerate(follow):
            unit = np.zeros((*there.shape, T))
            unit[np.arange(T), state, np.arange(T)] = 1.0
            whole = _solve_sessions(factors, unit)[:, state] - w[:, state] @ np.linalg.solve(
                inner, w[:, state].T
            )
            both = there[:, state]
            covariance[i] = np.where(both & both[:, None], 0.5 * (whole + whole.T), np.nan)
        evidence = ascent.slopes.value - 0.5 * (
            factors.log_determinant
            + float(np.linalg.slogdet(inner)[1])
            + int(given.linked.sum()) * float(np.log(given.drift))
        )
    side = float(at.theta[:, anchor][given.voted[:, anchor]].mean())
    sign = -1.0 if side < 0 else 1.0
    item = np.where(given.cast_at_all[:, None], at.item, np.nan)[back]
    beta = sign * item[:, 0]
    gamma = np.stack([item[:, 1], item[:, 1] + np.exp(item[:, 2])], 1)
    return VotesFit(
        session=first + np.arange(T),
        theta=np.where(there, sign * at.theta, np.nan),
        sd=sd,
        voted=given.voted,
        covariance=covariance,
        beta=beta,
        gamma=gamma,
        log_posterior=ascent.slopes.value,
        log_evidence=evidence,
        iterations=taken,
        residual=ascent.residual,
        status=int(status),
    )


def _variances(factors: _Factors) -> Floats:
    """Diagonal of the inverse of the block-tridiagonal matrix, from the last session back."""
    inverse, off = factors.inverse, factors.off
    block = inverse[-1]
    out = np.empty(inverse.shape[:2])
    out[-1] = np.diag(block)
    for t in range(len(inverse) - 2, -1, -1):
        gain = inverse[t] * off[t]
        block = inverse[t] + gain @ block @ gain.T
        out[t] = np.diag(block)
    return out
