"""Orientation: the filter against statsmodels, published numbers and a dense twin; votes against a twin."""

from __future__ import annotations

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm
from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother

from tertius.errors import BadInput
from tertius.models.orientation import (
    Answer,
    VotesFit,
    VoteStatus,
    answer_probabilities,
    contributions,
    fit_votes,
    moved,
    shift,
    tilt,
)

Floats = NDArray[np.float64]
K, T, P = 6, 12, 3
quick = settings(deadline=None, max_examples=15, derandomize=True)


def close(a: Any, b: Any, tol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tol, atol=tol)


# --- dated signs -----------------------------------------------------------------------------------------


def models(seed: int, k: int = K) -> tuple[Floats, ...]:
    """k random models: readings some of which are missing, noise, loadings, steps some of which are nought, priors."""
    rng = np.random.default_rng(seed)
    y = np.where(rng.random((k, T)) < 0.25, np.nan, rng.normal(0, 2, (k, T)))
    q = np.where(rng.random((k, T, P)) < 0.3, 0.0, rng.gamma(1.0, 0.5, (k, T, P)))
    root = rng.normal(size=(k, P, P))
    return (
        y,
        rng.gamma(2.0, 0.5, (k, T)),
        rng.normal(size=(k, T, P)),
        q,
        rng.normal(size=(k, P)),
        root @ root.swapaxes(1, 2) + 0.1 * np.eye(P),
    )


def dense(y: Floats, r: Floats, h: Floats, q: Floats, m0: Floats, P0: Floats) -> tuple[Floats, Floats, float]:
    """Mean (T P), covariance (T P, T P) and log likelihood of one model, from the joint normal distribution."""
    passed = np.cumsum(q, 0)
    prior = np.block([[P0 + np.diag(passed[min(s, t)]) for t in range(len(y))] for s in range(len(y))])
    seen = ~np.isnan(y)
    H = np.zeros((seen.sum(), prior.shape[0]))
    for row, t in enumerate(np.flatnonzero(seen)):
        H[row, t * P : (t + 1) * P] = h[t]
    m = np.tile(m0, len(y))
    S = H @ prior @ H.T + np.diag(r[seen])
    gain = np.linalg.solve(S, H @ prior).T
    surprise = y[seen] - H @ m
    nats = -0.5 * (
        len(S) * np.log(2 * np.pi) + np.linalg.slogdet(S)[1] + surprise @ np.linalg.solve(S, surprise)
    )
    return m + gain @ surprise, prior - gain @ H @ prior, float(nats)


def test_published_local_level(reference: Any) -> None:
    known = json.loads((reference / "reputation_state_space.json").read_text())["kalman_local_level"]
    y = np.array([np.nan if row["y"] is None else row["y"] for row in known["filter"]])
    n = len(y)
    found = tilt(
        y,
        np.full(n, known["r"]),
        np.ones((n, 1)),
        np.full((n, 1), known["q"]),
        [known["m0"]],
        [[known["P0"]]],
    )
    close(found.filtered_mean[:, 0], [row["m"] for row in known["filter"]], 1e-9)
    close(found.filtered_covariance[:, 0, 0], [row["P"] for row in known["filter"]], 1e-9)
    close(found.predicted, [row["m_pred"] for row in known["filter"]], 1e-9)
    close(found.predicted_variance - known["r"], [row["P_pred"] for row in known["filter"]], 1e-9)
    close(found.mean[:, 0], known["smoothed_mean"], 1e-9)
    close(found.covariance[:, 0, 0], known["smoothed_var"], 1e-9)
    close(found.log_likelihood, known["loglik"], 1e-9)


def test_steady_state(reference: Any) -> None:
    known = json.loads((reference / "reputation_state_space.json").read_text())["kalman_local_level"]
    n = 60
    found = tilt(
        np.zeros(n),
        np.full(n, known["r"]),
        np.ones((n, 1)),
        np.full((n, 1), known["q"]),
        [0.0],
        [[known["P0"]]],
    )
    close(found.predicted_variance[-1] - known["r"], known["steady_state_P_pred"], 1e-9)


def test_statsmodels_agrees() -> None:
    """Filter, smoother and likelihood of another program, on random models with missing readings."""
    given_ = models(1)
    found = tilt(*given_)
    for k in range(K):
        y, r, h, q, m0, P0 = (a[k] for a in given_)
        peer = KalmanSmoother(k_endog=1, k_states=P, k_posdef=P)
        peer.bind(y[:, None].copy())
        peer["design"] = h.T[None].copy()
        peer["obs_cov"] = r[None, None].copy()
        peer["transition"] = np.eye(P)
        peer["selection"] = np.eye(P)
        # Theirs adds a step after a reading, ours before it.
        peer["state_cov"] = np.stack([np.diag(row) for row in [*q[1:], q[0]]], -1)
        peer.initialize_known(m0, P0 + np.diag(q[0]))
        theirs = peer.smooth()
        close(found.filtered_mean[k], theirs.filtered_state.T, 1e-8)
        close(found.filtered_covariance[k], np.moveaxis(theirs.filtered_state_cov, -1, 0), 1e-8)
        close(found.mean[k], theirs.smoothed_state.T, 1e-8)
        close(found.covariance[k], np.moveaxis(theirs.smoothed_state_cov, -1, 0), 1e-8)
        close(found.log_likelihood[k], theirs.llf, 1e-8)


@pytest.mark.parametrize(("start", "end"), [(0, T - 1), (3, 4), (2, 9)])
def test_the_dense_twin_agrees(start: int, end: int) -> None:
    given_ = models(2)
    found = tilt(*given_)
    change = moved(found, start, end, 0.5)
    for k in range(K):
        mean, covariance, nats = dense(*(a[k] for a in given_))
        close(found.mean[k].ravel(), mean, 1e-9)
        close(found.log_likelihood[k], nats, 1e-9)
        pick = np.zeros((P, T * P))
        pick[:, end * P : (end + 1) * P] += np.eye(P)
        pick[:, start * P : (start + 1) * P] -= np.eye(P)
        close(change.mean[k], pick @ mean, 1e-9)
        sd = np.sqrt(np.maximum(np.diag(pick @ covariance @ pick.T), 0.0))
        close(change.sd[k], sd, 1e-6)
        walks = sd > 1e-6  # a power that does not walk between two readings does not move
        up, down = (
            norm.sf((0.5 - (pick @ mean)[walks]) / sd[walks]),
            norm.cdf((-0.5 - (pick @ mean)[walks]) / sd[walks]),
        )
        close(np.asarray(change.up[k])[walks], up, 1e-8)
        close(np.asarray(change.either[k])[walks], up + down, 1e-8)
        close(np.asarray(change.either[k])[~walks], 0.0)


@quick
@given(seed=st.integers(0, 10**6))
def test_contributions_add_up(seed: int) -> None:
    """To the mean; each is what the reading adds when it alone departs from what was expected."""
    y, *rest = models(seed)
    share, found = contributions(y, *rest), tilt(y, *rest)
    close(share.sum(1) + rest[3][:, None], found.mean, 1e-9)
    assert (np.asarray(share)[np.isnan(y)] == 0).all()
    n = int(np.flatnonzero(~np.isnan(y[0]))[0])
    expected = (rest[1] @ rest[3][..., None])[..., 0]
    alone = np.where(np.isnan(y), np.nan, expected)
    alone[0, n] = y[0, n]
    close(tilt(alone, *rest).mean[0] - rest[3][0], share[0, n], 1e-9)


@quick
@given(seed=st.integers(0, 10**6))
def test_opposite_signs_of_one_day_cancel(seed: int) -> None:
    """Whatever they say, if they are as noisy: the tilt is what it was, only surer."""
    y, r, h, q, m0, P0 = models(seed, 1)
    y = np.full_like(y, np.nan)
    at = int(np.random.default_rng(seed).integers(T - 1))
    q[:, at + 1], r[:, at + 1], h[:, at + 1] = 0.0, r[:, at], h[:, at]
    middle = (h[0, at] @ m0[0]).item()
    y[:, at], y[:, at + 1] = middle + 1.5, middle - 1.5
    found = tilt(y, r, h, q, m0, P0)
    close(found.mean, np.broadcast_to(m0[:, None], found.mean.shape), 1e-9)
    alone = tilt(np.full_like(y, np.nan), r, h, q, m0, P0)
    assert (
        np.trace(np.asarray(found.covariance[0]), axis1=1, axis2=2)
        <= np.trace(np.asarray(alone.covariance[0]), axis1=1, axis2=2)
    ).all()


def test_a_missing_reading_says_nothing() -> None:
    y, r, h, q, m0, P0 = models(3)
    gone = np.isnan(y)
    other = tilt(y, np.where(gone, 7.0, r), np.where(gone[..., None], -3.0, h), q, m0, P0)
    close(other.mean, tilt(y, r, h, q, m0, P0).mean, 1e-12)
    nothing = tilt(np.full_like(y, np.nan), r, h, q, m0, P0)
    close(nothing.mean, np.broadcast_to(m0[:, None], nothing.mean.shape))
    close(nothing.covariance[:, -1], P0 + np.cumsum(q, 1)[:, -1, :, None] * np.eye(P))
    close(nothing.log_likelihood, 0.0)


def test_precise_readings_of_very_uncertain_tilts() -> None:
    """Twenty orders of magnitude apart: what is left is the spread of least squares, and no variance is negative."""
    rng = np.random.default_rng(4)
    h, y = rng.normal(size=(K, T, P)), rng.normal(size=(K, T))
    found = tilt(y, np.full((K, T), 1e-12), h, np.zeros((K, T, P)), np.zeros((K, P)), 1e8 * np.eye(P))
    for covariance in (found.filtered_covariance, found.covariance):
        close(covariance, np.swapaxes(covariance, -1, -2), 1e-12)
        values = np.linalg.eigvalsh(np.asarray(covariance))
        assert (values[..., 0] >= -1e-14 * values[..., -1]).all()
    for t in (0, T - 1):
        close(found.covariance[:, t] / 1e-12, np.linalg.inv(np.swapaxes(h, 1, 2) @ h), 1e-6)
    close(found.mean[:, 0], [np.linalg.lstsq(h[k], y[k], rcond=None)[0] for k in range(K)], 1e-6)


def test_what_is_known_and_does_not_walk_stays() -> None:
    y, r, h, q, m0, P0 = models(5)
    q[..., 1] = 0.0
    P0[:, 1], P0[:, :, 1] = 0.0, 0.0
    found = tilt(y, r, h, q, m0, P0)
    close(found.mean[..., 1], np.broadcast_to(m0[:, 1:2], found.mean.shape[:2]))
    close(found.covariance[..., 1, 1], 0.0)
    close(found.mean[0].ravel(), dense(*(a[0] for a in (y, r, h, q, m0, P0)))[0], 1e-9)


def test_a_batch_is_its_members_and_broadcasts() -> None:
    y, r, h, q, m0, P0 = models(6)
    one = tilt(y, r[0], h[0], q[0], m0[0], P0[0])
    close(one.mean[2], tilt(y[2], r[0], h[0], q[0], m0[0], P0[0]).mean, 1e-12)


def test_one_power_by_itself_is_one_of_several() -> None:
    """The short way of a single tilt gives what the long way gives where the others say nothing."""
    y, r, h, q, m0, P0 = models(8)
    h[..., 1:], P0[:, 0, 1:], P0[:, 1:, 0] = 0.0, 0.0, 0.0
    several, one = tilt(y, r, h, q, m0, P0), tilt(y, r, h[..., :1], q[..., :1], m0[:, :1], P0[:, :1, :1])
    close(one.mean[..., 0], several.mean[..., 0])
    close(one.covariance[..., 0, 0], several.covariance[..., 0, 0])
    close(one.log_likelihood, several.log_likelihood)
    close(moved(one, 2, 7, 0.3).either[..., 0], moved(several, 2, 7, 0.3).either[..., 0], 1e-8)


def test_a_negative_variance_is_no_answer() -> None:
    y, r, h, q, m0, P0 = models(7)
    r[0, 0] = -1.0
    found = tilt(y, r, h, q, m0, P0)
    assert np.isnan(np.asarray(found.mean[0])).all()
    assert np.isfinite(np.asarray(found.mean[1:])).all()


def test_a_shift_that_is_certain() -> None:
    out = shift([0.5, -0.5, 0.1, np.nan], [0.0, 0.0, 0.0, 1.0], 0.2)
    close(out.up, [1, 0, 0, np.nan])
    close(out.down, [0, 1, 0, np.nan])
    close(shift(0.0, 1.0, 0.0).either, 1.0)


# --- votes -----------------------------------------------------------------------------------------------


def simulated(
    seed: int, states: int, each: int, sessions: int, absent: float = 0.2
) -> tuple[Any, Any, Floats]:
    rng = np.random.default_rng(seed)
    steps = np.concatenate([rng.normal(0, 1, (1, states)), rng.normal(0, 0.17, (sessions - 1, states))])
    theta = np.cumsum(steps, 0)
    theta = (theta - theta.mean()) / theta.std()
    session = np.repeat(np.arange(sessions), each)
    n = len(session)
    beta, low = rng.normal(0, 1.2, n), rng.normal(0.3, 1.0, n)
    z = beta[:, None] * theta[session] + rng.normal(size=(n, states))
    high = low + rng.gamma(2.0, 0.3, n)
    votes = np.where(z < low[:, None], Answer.YES, np.where(z < high[:, None], Answer.ABSTAIN, Answer.NO))
    votes[rng.random(votes.shape) < absent] = Answer.ABSENT
    return votes, session + 46, theta


@pytest.fixture(scope="module")
def small() -> tuple[Any, Any, VotesFit]:
    votes, session, theta = simulated(1, 7, 9, 3)
    votes[:9, 0] = votes[18:, 1] = 0  # one comes late, one leaves early
    return votes, session, fit_votes(votes, session, int(theta.mean(0).argmax()), drift=0.05, follow=[2, 0])


def test_answers_of_the_ordinal_model() -> None:
    """Numbers of the literature: β = 1, γ = (−0.5, 0.5), θ = 1."""
    close(answer_probabilities(1.0, 1.0, [-0.5, 0.5]), [0.0668072, 0.2417303, 0.6914625], 1e-7)
    far = answer_probabilities([-30.0, 30.0], 1.0, [-0.5, 0.5])
    close(far.sum(-1), 1.0, 1e-15)
    assert (far > 0).all()


def test_the_slow_twin_of_the_votes_agrees(small: tuple[Any, Any, VotesFit]) -> None:
    """Every term written out, maximised under the constraints by another program; spread from the whole Hessian."""
    votes, session, fit = small
    sessions, states, n = 3, votes.shape[1], len(votes)
    cast = np.argwhere(votes > 0)
    v, c = cast.T
    t, answer = session[v] - 46, votes[v, c]
    voted = np.zeros((sessions, states), bool)
    voted[t, c] = True
    there = np.array(
        [[voted[: s + 1, i].any() and voted[s:, i].any() for i in range(states)] for s in range(3)]
    )
    first = voted.argmax(0)
    normal = jax.scipy.stats.norm

    def unpack(x: Any) -> tuple[Any, Any]:
        theta = jnp.zeros((sessions, states)).at[np.nonzero(there)].set(x[: there.sum()])
        return theta, x[there.sum() :].reshape(n, 3)

    def log_posterior(x: Any) -> Any:
        theta, item = unpack(x)
        beta, low, high = item[:, 0], item[:, 1], item[:, 1] + jnp.exp(item[:, 2])
        u = beta[v] * theta[t, c]
        p = [
            normal.cdf(low[v] - u),
            normal.cdf(high[v] - u) - normal.cdf(low[v] - u),
            normal.cdf(u - high[v]),
        ]
        total = jnp.log(jnp.choose(answer - 1, p, mode="clip")).sum()
        total += (
            0.1 * jnp.log(normal.cdf(low) * (normal.cdf(high) - normal.cdf(low)) * normal.cdf(-high)).sum()
        )
        total -= (beta**2).sum() / 2 + (theta[first, np.arange(states)] ** 2).sum() / 2
        linked = there[1:] & there[:-1]
        return total - jnp.where(linked, jnp.diff(theta, axis=0) ** 2, 0.0).sum() / (2 * 0.05)

    def constraint(x: Any) -> Any:
        theta = unpack(x)[0][np.nonzero(voted)]
        return jnp.stack([theta.sum(), ((theta**2).sum() - voted.sum()) / 2])

    value = jax.jit(jax.value_and_grad(lambda x: -log_posterior(x)))
    bound = jax.jit(constraint)
    slope = jax.jit(jax.jacobian(constraint))
    order = np.argsort(session, kind="stable")
    assert (order == np.arange(n)).all()
    reached = np.concatenate(
        [fit.theta[there], np.stack([fit.beta, fit.gamma[:, 0], np.log(np.diff(fit.gamma)[:, 0])], 1).ravel()]
    )
    close(bound(reached), 0.0, 1e-10)
    close(-value(reached)[0], fit.log_posterior, 1e-10)
    start = reached + np.random.default_rng(0).normal(0, 0.05, len(reached))
    found = minimize(
        lambda x: [np.asarray(a) for a in value(x)],
        start,
        jac=True,
        method="SLSQP",
        constraints={
            "type": "eq",
            "fun": lambda x: np.asarray(bound(x)),
            "jac": lambda x: np.asarray(slope(x)),
        },
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert found.success
    close(-found.fun, fit.log_posterior, 1e-8)
    close(found.x[: there.sum()], fit.theta[there], 1e-4)

    multiplier = np.linalg.lstsq(np.asarray(slope(reached)).T, -np.asarray(value(reached)[1]), rcond=None)[0]
    lagrangian = jax.jit(jax.hessian(lambda x: -log_posterior(x) + multiplier @ constraint(x)))
    A = np.asarray(slope(reached))
    inverse = np.linalg.inv(np.asarray(lagrangian(reached)))
    covariance = inverse - inverse @ A.T @ np.linalg.solve(A @ inverse @ A.T, A @ inverse)
    close(fit.sd[there], np.sqrt(np.diag(covariance))[: there.sum()], 1e-6)
    column = np.cumsum(there.ravel()).reshape(there.shape) - 1
    close(fit.covariance[0], covariance[np.ix_(column[:, 2], column[:, 2])], 1e-6)


def test_a_fit_carries_its_proof(small: tuple[Any, Any, VotesFit]) -> None:
    votes, session, fit = small
    assert fit.status == VoteStatus.CONVERGED
    assert fit.residual <= 1e-8
    close(fit.theta[fit.voted].mean(), 0.0)
    close(fit.theta[fit.voted].std(), 1.0)
    assert fit.session.tolist() == [46, 47, 48]
    assert np.isnan(fit.theta[0, 0])
    assert np.isnan(fit.theta[2, 1])
    assert np.isnan(fit.covariance[1, 0]).all()
    close(np.diag(fit.covariance[0]), fit.sd[:, 2] ** 2, 1e-8)
    unfinished = fit_votes(votes, session, 2, steps=1)
    assert unfinished.status == VoteStatus.NOT_CONVERGED
    assert unfinished.residual > 1e-6


def test_order_and_names_of_states_and_votes_do_not_matter(small: tuple[Any, Any, VotesFit]) -> None:
    votes, session, fit = small
    rng = np.random.default_rng(2)
    rows, columns = rng.permutation(len(votes)), rng.permutation(votes.shape[1])
    top = int(np.nanmean(fit.theta, 0)[columns].argmax())
    other = fit_votes(votes[np.ix_(rows, columns)], session[rows], top, drift=0.05)
    close(other.theta, fit.theta[:, columns], 1e-6)
    close(other.beta, fit.beta[rows], 1e-6)
    close(other.gamma, fit.gamma[rows], 1e-6)
    close(other.log_evidence, fit.log_evidence, 1e-6)


def test_a_motion_turned_round_is_the_same_motion(small: tuple[Any, Any, VotesFit]) -> None:
    votes, session, fit = small
    turned = votes.copy()
    turned[4] = np.array([0, 3, 2, 1])[votes[4]]
    bottom = int(np.nanmean(fit.theta, 0).argmin())
    other = fit_votes(turned, session, bottom, drift=0.05)
    close(other.theta, -fit.theta, 1e-6)
    close(other.beta[[3, 4]], [-fit.beta[3], fit.beta[4]], 1e-6)
    close(other.gamma[4], -fit.gamma[4, ::-1], 1e-6)


def test_absent_states_votes_and_sessions_say_nothing(small: tuple[Any, Any, VotesFit]) -> None:
    votes, session, fit = small
    more = np.zeros((len(votes) + 1, votes.shape[1] + 1), int)
    more[:-1, :-1] = votes
    top = int(np.nanmean(fit.theta, 0).argmax())
    other = fit_votes(more, [*session, 46], top, drift=0.05)
    close(other.theta[:, :-1], fit.theta, 1e-6)
    assert np.isnan(other.theta[:, -1]).all()
    assert np.isnan(other.beta[-1])
    apart = fit_votes(votes, np.where(session == 48, 49, session), top, drift=0.05)
    assert apart.session.tolist() == [46, 47, 48, 49]
    assert np.isfinite(apart.theta[2, 2:]).all()
    assert not apart.voted[2].any()
    close(apart.theta[2, 2:], (apart.theta[1, 2:] + apart.theta[3, 2:]) / 2, 1e-6)


def test_it_finds_what_was_simulated() -> None:
    """Ideal points, their spread, and by the evidence the drift."""
    votes, session, theta = simulated(3, 60, 60, 6)
    anchor = int(theta.mean(0).argmax())
    fits = {drift: fit_votes(votes, session, anchor, drift=drift) for drift in (0.003, 0.03, 0.3)}
    fit = fits[0.03]
    assert fit.status == VoteStatus.CONVERGED
    for t in range(6):
        assert np.corrcoef(fit.theta[t], theta[t])[0, 1] > 0.97
    error = (fit.theta - theta) / fit.sd
    assert 0.8 < np.sqrt((error**2).mean()) < 1.3
    assert max(fits, key=lambda drift: fits[drift].log_evidence) == 0.03


@pytest.mark.parametrize(
    ("votes", "session", "anchor", "more", "code"),
    [
        (np.ones(3), [1, 1, 1], 0, {}, "votes-shape"),
        (np.ones((3, 2)), [1, 1], 0, {}, "votes-shape"),
        (np.full((3, 2), 4), [1, 1, 1], 0, {}, "votes-answer"),
        (np.full((3, 2), np.nan), [1, 1, 1], 0, {}, "votes-answer"),
        (np.ones((3, 2)), [1, 1, 1.5], 0, {}, "votes-session"),
        (np.ones((3, 2)), [1, 1, 1], 2, {}, "votes-anchor"),
        (np.array([[1, 0]] * 3), [1, 1, 1], 1, {}, "votes-anchor"),
        (np.ones((3, 2)), [1, 1, 1], 0, {"drift": 0.0}, "votes-prior"),
    ],
)
def test_votes_that_cannot_be_fitted(votes: Any, session: Any, anchor: int, more: Any, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        fit_votes(votes, session, anchor, **more)
    assert caught.value.code == code
