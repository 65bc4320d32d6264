"""Slow, obvious twins of the models of bargaining, for tests: lists and loops, one contest at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TIE = 1e-12


def median(x: Sequence[float], w: Sequence[float]) -> float:
    half, so_far = sum(w) / 2, 0.0
    for place, weight in sorted(zip(x, w, strict=True)):
        so_far += weight
        if so_far >= half * (1 - 1e-12):
            return place
    raise AssertionError


def _lowest(offers: list[tuple[float, float]]) -> float:
    """Of the offers with the smallest key the one lowest on the scale."""
    least = min(key for key, _ in offers)
    return min(target for key, target in offers if key <= least + TIE)


def contest_round(
    x: list[float], s: list[float], c: list[float], code: bool, q: float
) -> tuple[list[float], list[float]]:
    """One round of expected utility on a scale from 0 to 1: new positions and exponents."""
    n, w = len(x), [a * b for a, b in zip(c, s, strict=True)]
    mu = median(x, w)

    def votes(k: int, i: int, j: int, r: float) -> float:
        return w[k] * (abs(x[k] - x[j]) ** r - abs(x[k] - x[i]) ** r)

    def chances(r: list[float]) -> Any:
        r = r if code else [1.0] * n
        yes = [[sum(max(0.0, votes(k, i, j, r[k])) for k in range(n)) for j in range(n)] for i in range(n)]
        everything = sum(
            abs(votes(k, i, j, r[k])) for k in range(n) for i in range(n) for j in range(n) if i != j
        )
        all_of = [[sum(abs(votes(k, i, j, r[k])) for k in range(n)) for j in range(n)] for i in range(n)]
        whole = [[everything if code else all_of[i][j] for j in range(n)] for i in range(n)]
        return [[yes[i][j] / whole[i][j] if whole[i][j] else 0.5 for j in range(n)] for i in range(n)]

    def gain(P: Any, i: int, j: int, r: float) -> float:
        d, away = abs(x[i] - x[j]), abs(x[i] - mu)
        won, lost, same = 2 - 4 * (0.5 - 0.5 * d) ** r, 2 - 4 * (0.5 + 0.5 * d) ** r, 2 - 4 * 0.5**r
        better, worse = 2 - 4 * (0.5 - 0.25 * (away + d)) ** r, 2 - 4 * (0.5 + 0.25 * (away + d)) ** r
        fought = s[j] * (P[i][j] * won + (1 - P[i][j]) * lost) + (1 - s[j]) * won
        return fought - q * same - (1 - q) * (better if away < d else worse)

    P = chances([1.0] * n)
    danger = [sum(gain(P, j, i, 1.0) for j in range(n) if j != i) for i in range(n)]
    high, low = max(danger), min(danger)
    R = [(2 * a - high - low) / (high - low) if high - low > 1e-12 else 0.0 for a in danger]
    r = [(1 - a / 3) / (1 + a / 3) for a in R]
    P = chances(r)
    new = list(x)
    for i in range(n):
        lose: list[tuple[float, float]] = []
        meet: list[tuple[float, float]] = []
        yield_: list[tuple[float, float]] = []
        for j in range(n):
            if abs(x[i] - x[j]) <= TIE:
                continue
            a, b = gain(P, i, j, r[i]), gain(P, j, i, r[i] if code else r[j])
            if b > a + 1e-12 and a > 1e-12:
                lose.append((abs(x[i] - x[j]), x[j]))
            elif b > 1e-12 and a < -1e-12 and b > -a + 1e-12:
                to = x[i] + (x[j] - x[i]) * abs(a / b)
                key = (abs(a) * x[i] + abs(b) * x[j]) / (abs(a) + abs(b)) if code else abs(to - x[i])
                meet.append((key, to))
            elif not code and b > 1e-12 and a < -1e-12 and b < -a - 1e-12:
                yield_.append((abs(x[i] - x[j]), x[j]))
        for offers in (lose, meet, yield_):
            if offers:
                new[i] = _lowest(offers)
                break
    return new, r


def contest(x: Floats, s: Floats, c: Floats, rounds: int, code: bool, q: float = 1.0) -> list[float]:
    """Medians before and after every round; those who weigh nothing are left out."""
    there = ~np.isnan(x) & (s * c > 0)
    x, s, c = x[there], s[there], c[there]
    low, span = x.min(), np.ptp(x) or 1.0
    z, w = [float(a) for a in (x - low) / span], [float(a) for a in s * c]
    path = [median(z, w)]
    for _ in range(rounds):
        z, _r = contest_round(z, [float(a) for a in s], [float(a) for a in c], code, q)
        path.append(median(z, w))
    return [float(low + span * m) for m in path]


def exchange(x: Floats, s: Floats, c: Floats, guard: str) -> tuple[Floats, Floats, int, list[Any]]:
    """Outcomes before and after, candidates, and the exchanges, ``(i, q, to, j, p, to, gain)``."""
    issues, actors = x.shape
    there = ~np.isnan(x) & (np.nan_to_num(s * c) > 0)
    w = np.where(there, s * c, 0.0)
    w = w / w.sum(1, keepdims=True)
    x = np.where(there, x, 0.0)
    before = (x * w).sum(1)
    below = x < before[:, None]
    y, way = x.copy(), np.zeros_like(x)
    seen = np.repeat(x[None], actors, 0)
    least = np.where(there, x, np.inf).min(1)
    width = (np.where(there, x, -np.inf).max(1) - least).max()
    pairs = [
        (i, j, p, q)
        for p in range(issues)
        for q in range(p + 1, issues)
        for i in range(actors)
        for j in range(actors)
        if there[[p, q, p, q], [i, i, j, j]].all()
        and below[p, i] != below[p, j]
        and below[q, i] != below[q, j]
    ]

    def value(i: int, j: int, p: int, q: int) -> tuple[float, float, float]:
        if not s[p, i] * s[q, j] > s[p, j] * s[q, i] * (1 + 1e-12):
            return 0.0, 0.0, 0.0
        far_j, far_i = x[p, i] - y[p, j], x[q, j] - y[q, i]
        ratio = (s[p, i] + s[p, j]) / (s[q, i] + s[q, j])
        dp = abs(far_j) * w[p, j]
        dq = ratio * dp
        if dq > abs(far_i) * w[q, i]:
            dq = abs(far_i) * w[q, i]
            dp = dq / ratio

        def room(demander: int, issue: int, mover: int, shift: float) -> float:
            if guard == "none":
                return 1.0
            z = (seen[demander, issue] if guard == "demander" else y[issue]).copy()
            z[mover] = y[issue, mover]
            now, goal = (w[issue] * z).sum(), x[issue, demander]
            return float(np.clip((goal - now) / shift, 0.0, 1.0))

        if dp * dq > 0:
            part = min(room(i, p, j, np.sign(far_j) * dp), room(j, q, i, np.sign(far_i) * dq))
            dp, dq = part * dp, part * dq
        if np.sign(far_j) * way[p, j] < 0 or np.sign(far_i) * way[q, i] < 0:
            return 0.0, 0.0, 0.0
        gain = dp * s[p, i] - dq * s[q, i]
        return gain, np.sign(far_i) * dq / w[q, i], np.sign(far_j) * dp / w[p, j]

    done: list[Any] = []
    while True:
        values = [value(*pair) for pair in pairs]
        best = max((v[0] for v in values), default=0.0)
        if best <= 1e-12 * width:
            break
        tied = [k for k, v in enumerate(values) if v[0] >= best * (1 - 1e-10)]

        def rank(k: int) -> float:
            i, j, p, q = pairs[k]
            at = [
                x[p, i] - least[p],
                2**0.5 * (x[q, j] - least[q]),
                3**0.5 * (y[p, j] - least[p]),
                5**0.5 * (y[q, i] - least[q]),
            ]
            return sum(at) / width

        first = min(pairs[k][2:] for k in tied)
        k = min((k for k in tied if pairs[k][2:] == first), key=lambda k: (round(rank(k), 11), k))
        (i, j, p, q), (gain, move_i, move_j) = pairs[k], values[k]
        y[q, i] += move_i
        y[p, j] += move_j
        way[q, i], way[p, j] = np.sign(move_i), np.sign(move_j)
        seen[i, p, j], seen[j, q, i] = y[p, j], y[q, i]
        done.append((i, q, y[q, i], j, p, y[p, j], gain))
    return before, (y * w).sum(1), len(pairs) // 2, done


def election(x: Floats, w: Floats, exponent: float, chain: str) -> Floats:
    """Probability of each of several different positions: the chain's matrix, and its leading eigenvector."""
    m = len(x)
    u = 1 - np.abs(x[:, None] - x[None, :]) / np.ptp(x)
    S = np.full((m, m), 1e-8)
    for k in range(m):
        for a in range(m):
            for b in range(m):
                S[a, b] += max(0.0, w[k] / w.sum() * (u[k, a] - u[k, b]))
    V = S**exponent / (S**exponent + S.T**exponent)
    n = S * V + 1e-10 * np.eye(m)
    C = n / n.sum(0) if chain == "incentive" else np.full((m, m), 1 / m)
    step = np.zeros((m, m))
    for a in range(m):
        step[a, a] += 0.5
        for b in range(m):
            step[a, a] += 0.5 * V[a, b] * C[b, a]
            step[a, b] += 0.5 * V[a, b] * C[a, b]
    values, vectors = np.linalg.eig(step)
    leading = np.real(vectors[:, np.argmax(np.real(values))])
    return leading / leading.sum()
