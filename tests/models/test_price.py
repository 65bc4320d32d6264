"""The price against a twin that plays each game by hand, Fearon's closed form, and its invariants."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tertius.models import games, price
from tertius.models.price import NONE, Played, Stakes, Threats

Floats = NDArray[np.float64]
T = 4
N = 24
quick = settings(deadline=None, max_examples=25, derandomize=True)

_play = jax.jit(price.play)


def play(stakes: Stakes, threats: Threats, rationality: Any) -> Played:
    """Play with all inputs in full shape, so that the tests share one compilation."""
    stakes = Stakes(*(jnp.broadcast_to(jnp.asarray(x, float), N) for x in stakes))
    threats = Threats(*(jnp.broadcast_to(jnp.asarray(x, float), (N, T)) for x in threats))
    played: Played = _play(stakes, threats, jnp.broadcast_to(jnp.asarray(rationality, float), N))
    return played


def draws(seed: int) -> tuple[Stakes, Threats, Floats]:
    """Random stakes; some threats missing, some free or worse than free to carry out."""
    rng = np.random.default_rng(seed)
    stakes = Stakes(*(rng.exponential(s, N) for s in (1.0, 0.1, 0.2, 0.2, 0.2, 1.5, 0.1)))
    lever = rng.exponential(3.0, (N, T))
    cost = rng.choice([-0.3, 0.0, 0.2, 1.0], (N, T)) + rng.exponential(0.3, (N, T))
    lever[rng.random((N, T)) < 0.15] = np.nan
    return stakes, Threats(lever, cost), rng.choice([0.0, 0.5, 2.0, 10.0, np.inf], N)


def logit(lam: float, better: float) -> float:
    if math.isinf(lam):
        return 0.5 if better == 0 else float(better > 0)
    return 1 / (1 + math.exp(-lam * better)) if lam * better > -700 else 0.0


def twin(stakes: Stakes, L: float, M: float, lam: float) -> tuple[float, float, float, float]:
    """One game, from its last move to its first: worth, demanded, granted, believed."""
    v, d, e, b, k, C, u = (float(x) for x in stakes)
    carry = logit(lam, (-e - M + k) - (-e - b))
    refuse = carry * (-u - L) + (1 - carry) * -u
    grant = logit(lam, -C - refuse)
    worth = grant * (v - d) + (1 - grant) * (carry * (-e - M + k) + (1 - carry) * (-e - b))
    return worth, logit(lam, worth), grant, carry


@pytest.mark.parametrize("seed", range(4))
def test_plays_as_by_hand(seed: int) -> None:
    stakes, threats, lam = draws(seed)
    played = play(stakes, threats, lam)
    for n in range(N):
        one = Stakes(*(x[n] for x in stakes))
        best, chosen = -math.inf, NONE
        for t in range(T):
            L, M = float(threats.L[n, t]), float(threats.M[n, t])
            found = tuple(float(x[n, t]) for x in played.by_threat)
            if math.isnan(L) or math.isnan(M):
                assert all(math.isnan(x) for x in found)
                continue
            expected = twin(one, L, M, float(lam[n]))
            assert found == pytest.approx(expected, abs=1e-12)
            if expected[0] > best:
                best, chosen = expected[0], t
        assert int(played.threat[n]) == chosen
        if chosen == NONE:
            assert played.status[n] == games.Status.MISSING
            assert np.isnan([played.demanded[n], played.granted[n], played.paid[n]]).all()
            continue
        worth, demanded, granted, believed = twin(
            one, float(threats.L[n, chosen]), float(threats.M[n, chosen]), float(lam[n])
        )
        assert float(played.worth[n]) == pytest.approx(worth, abs=1e-12)
        assert float(played.demanded[n]) == pytest.approx(demanded, abs=1e-12)
        assert float(played.paid[n]) == pytest.approx(demanded * granted, abs=1e-12)
        assert float(played.believed[n]) == pytest.approx(believed, abs=1e-12)
    assert np.nanmax(np.asarray(played.residual)) < games.TOLERANCE


def test_equilibria_without_noise() -> None:
    """Without noise each corner of the game is what its payoffs say."""
    base = Stakes(v=1.0, d=0.2, e=0.1, b=0.3, k=0.1, C=2.0, u=0.0)
    #           believed and enough; believed, not enough; not believed; nothing to lose by it
    L, M = np.array([3.0, 1.0, 9.0, 3.0]), np.array([0.1, 0.1, 1.0, -1.0])
    played = play(base, Threats(L, M), np.inf)
    np.testing.assert_array_equal(played.by_threat.believed[0], [1, 1, 0, 1])
    np.testing.assert_array_equal(played.by_threat.granted[0], [1, 0, 0, 1])
    # Refused, the second costs e and M less k; the third costs e and b.
    np.testing.assert_allclose(played.by_threat.worth[0], [0.8, -0.1, -0.4, 0.8], atol=1e-15)
    np.testing.assert_array_equal(played.by_threat.demanded[0], [1, 0, 0, 1])
    assert int(played.threat[0]) == 0  # the first of two alike


def test_fearon_1995(reference: Path) -> None:
    """The best demand and the chance of war against a target of unknown resolve, from the batch of its types."""
    cases = json.loads((reference / "crisis_bargaining.json").read_text())["fearon1995_uniform"]
    types = 2000
    share = (np.arange(types) + 0.5) / types
    demands = np.linspace(0.4, 1.0, 121)
    program = jax.jit(price.play, static_argnums=2)
    for case in cases:
        p, cost = case["p"], case["cA"]
        x = demands[:, None]
        # War is what refusing brings, for certain: the lottery p at a cost to both.
        stakes = Stakes(v=x, d=0.0, e=0.0, b=9.0, k=0.0, C=x, u=0.0)
        threats = Threats(L=(p + case["cB_max"] * share)[None, :, None], M=np.full((1, 1, 1), cost - p))
        played = program(stakes, threats, None)
        worth = np.asarray(played.worth).mean(1)
        best = int(np.argmax(worth))
        war = 1 - float(np.asarray(played.granted)[best].mean())
        if cost < case["cB_max"]:
            assert demands[best] == pytest.approx(case["demand"], abs=0.005)
            assert war == pytest.approx(case["prob_war"], abs=2 * 0.005 / case["cB_max"])
        else:  # a demand that everybody meets is best
            assert demands[best] == pytest.approx(case["demand"], abs=0.005)
            assert war == case["prob_war"]


def test_deterrence(reference: Path) -> None:
    """The deterrence game of another program is this one with a last move that decides nothing."""
    table = json.loads((reference / "aqre_games.json").read_text())["deterrence"]["results"]
    stakes = Stakes(v=1.0, d=0.0, e=0.0, b=0.5, k=0.0, C=1.0, u=0.5)
    for row in table:
        played = play(stakes, Threats(0.0, 0.5), row["lam"])
        attack, resist = row["profile"][0][1], row["profile"][1][1]
        assert float(played.demanded[0]) == pytest.approx(attack, abs=1e-7)
        assert 1 - float(played.granted[0]) == pytest.approx(resist, abs=1e-7)


@quick
@given(st.integers(0, 10_000))
def test_belief_in_the_limit(seed: int) -> None:
    """As λ grows, what costs nothing to carry out is always believed, what costs more than it earns never."""
    stakes, threats, _ = draws(seed)
    earns = (np.asarray(stakes.k) + np.asarray(stakes.b))[:, None]
    for lam in (1e6, np.inf):
        believed = np.asarray(play(stakes, threats, lam).by_threat.believed)
        known = ~np.isnan(believed)
        free, dear = (threats.M <= 0) & known, (earns + 1e-4 < threats.M) & known
        assert (believed[free] > 1 - 1e-9).all()
        assert (believed[dear] < 1e-9).all()
        assert free.any()
        assert dear.any()


@quick
@given(st.integers(0, 10_000), st.sampled_from(["v", "C", "L", "u", "d"]), st.floats(0.01, 2.0))
def test_monotone(seed: int, what: str, more: float) -> None:
    stakes, threats, lam = draws(seed)
    before = play(stakes, threats, lam)
    if what == "L":
        after = play(stakes, threats._replace(L=threats.L + more), lam)
    else:
        after = play(stakes._replace(**{what: getattr(stakes, what) + more}), threats, lam)
    with np.errstate(invalid="ignore"):
        granted = np.asarray(after.by_threat.granted - before.by_threat.granted)
        demanded = np.asarray(after.by_threat.demanded - before.by_threat.demanded)
    granted, demanded = granted[~np.isnan(granted)], demanded[~np.isnan(demanded)]
    if what in ("L", "u"):
        assert (granted >= -1e-12).all()
    elif what == "C":
        assert (granted <= 1e-12).all()
    else:
        assert np.abs(granted).max() < 1e-12
        assert ((demanded if what == "v" else -demanded) >= -1e-12).all()


@quick
@given(st.integers(0, 10_000), st.floats(0.01, 100.0))
def test_unit_of_payoffs(seed: int, unit: float) -> None:
    """λ is in one over the payoffs' unit, so that the unit itself does not matter."""
    stakes, threats, lam = draws(seed)
    one = play(stakes, threats, lam)
    scaled = Stakes(*(np.asarray(x) * unit for x in stakes))
    two = play(scaled, Threats(threats.L * unit, threats.M * unit), lam / unit)
    np.testing.assert_allclose(one.paid, two.paid, atol=1e-9)
    np.testing.assert_allclose(np.asarray(one.worth) * unit, two.worth, rtol=1e-9, atol=1e-9 * unit)


@quick
@given(st.integers(0, 10_000), st.permutations(range(T)))
def test_order_of_threats(seed: int, order: list[int]) -> None:
    stakes, threats, lam = draws(seed)
    one = play(stakes, threats, lam)
    two = play(stakes, Threats(threats.L[:, order], threats.M[:, order]), lam)
    np.testing.assert_allclose(one.worth, two.worth, atol=1e-12)
    # Where two threats are worth the same the first is named, and that hangs on the order.
    worth = np.sort(np.nan_to_num(np.asarray(one.by_threat.worth), nan=-np.inf), axis=-1)
    alone = (worth[:, -1] - worth[:, -2] > 1e-9) & np.isfinite(worth[:, -1])
    np.testing.assert_array_equal(
        np.asarray(one.threat)[alone], np.asarray(order)[np.asarray(two.threat)][alone]
    )
    np.testing.assert_allclose(np.asarray(one.paid)[alone], np.asarray(two.paid)[alone], atol=1e-12)
    assert alone.any()


def test_a_worse_threat_changes_nothing() -> None:
    stakes, threats, lam = draws(7)
    one = play(stakes, threats, lam)
    best = np.asarray(one.threat)
    kept = np.arange(T)[None, :] == best[:, None]
    two = play(stakes, Threats(np.where(kept, threats.L, np.nan), threats.M), lam)
    np.testing.assert_array_equal(one.paid, two.paid)


def test_infinite_levers() -> None:
    """An infinite lever is yielded to as long as it may be used; one that nobody would ever use is no lever."""
    stakes = Stakes(v=1.0, d=0.0, e=0.1, b=0.1, k=0.0, C=3.0, u=0.0)
    L, M = np.array([np.inf, np.inf, 0.0, np.nan]), np.array([5.0, np.inf, 0.0, 0.0])
    played = play(stakes, Threats(L, M), 1.0)
    granted = np.asarray(played.by_threat.granted[0])
    assert granted[0] == 1.0
    assert granted[1] == pytest.approx(logit(1.0, -3.0))
    assert int(played.threat[0]) == 0


def test_granting_cost() -> None:
    cost = price.granting_cost([1.0, 2.0], [1.5, 1.0], [[0.5, 0.0], [0.25, 0.5]], [[4.0, np.inf], [4.0, 1.0]])
    np.testing.assert_allclose(cost, [3.5, 3.5])
    np.testing.assert_allclose(price.granting_cost(1.0, 2.0, np.zeros(0), np.zeros(0)), 2.0)
    assert np.isnan(price.granting_cost(1.0, 1.0, [0.1], [np.nan]))
    np.testing.assert_allclose(price.threat_cost([0.3, np.nan], 10.0, 0.02), [0.5, np.nan])


def test_attribution_adds_up() -> None:
    stakes, threats, lam = draws(11)
    rng = np.random.default_rng(5)
    other = Threats(threats.L + rng.normal(size=(N, T)), threats.M + rng.normal(size=(N, T)))
    refusing = stakes._replace(u=np.asarray(stakes.u) + rng.exponential(0.5, N))
    points = np.asarray(jax.jit(price.attribute)((refusing, other), (stakes, threats), lam))
    whole = play(refusing, other, lam).paid - play(stakes, threats, lam).paid
    np.testing.assert_allclose(points.sum(-1), whole, atol=1e-12)
    same = np.asarray(jax.jit(price.attribute)((stakes, other), (stakes, threats), lam))
    np.testing.assert_allclose(same[:, 2], np.where(np.isnan(whole), np.nan, 0.0), atol=1e-15)


def test_derivatives() -> None:
    """Against finite differences, in every stake and threat, missing threats standing by."""
    stakes, threats, _ = draws(3)

    def total(given: tuple[Stakes, Threats]) -> jax.Array:
        return jnp.nansum(play(given[0], given[1], 2.0).paid)

    slope = jax.grad(total)((stakes, threats))
    step = 1e-6
    rng = np.random.default_rng(1)
    for group, name in [(0, f) for f in Stakes._fields] + [(1, f) for f in Threats._fields]:
        at = getattr((stakes, threats)[group], name)
        way = rng.normal(size=np.shape(at))

        def moved(by: float, group: int, name: str, at: Floats, way: Floats) -> float:
            changed = [stakes, threats]
            changed[group] = changed[group]._replace(**{name: at + by * way})  # type: ignore[attr-defined]
            return float(total((changed[0], changed[1])))  # type: ignore[arg-type]

        push = partial(moved, group=group, name=name, at=at, way=way)
        numeric = (push(step) - push(-step)) / (2 * step)
        analytic = float(np.nansum(np.asarray(getattr(slope[group], name)) * way))
        assert analytic == pytest.approx(numeric, abs=1e-6)
        assert np.isfinite(np.asarray(getattr(slope[group], name))).all()
