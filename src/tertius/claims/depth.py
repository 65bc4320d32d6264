"""How sure one can be of each verdict: what drives it, on which sources it rests, and what would turn it.

Everything here asks for further runs and takes its time, so that a study does it only when told to. The groups that
come out are specified in ``docs/findings.md``:

* ``/drivers`` – effects of every input on every claim's margin and on the headline numbers, and what learning it would
  be worth;
* ``/blocks`` – first-order and total indices of whole sections of the case, from a fresh design (Saltelli, Jansen);
* ``/screening`` – elementary effects (Morris);
* ``/evidence`` – the share of each source in a margin's variance, and the verdict without that source;
* ``/flips`` – the smallest moves of one input, and of two, that take a claim's probability across one half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from tertius._study.draws import Draws
from tertius._study.explorer import Explorer
from tertius._study.sensitivity.chaos import effects
from tertius._study.sensitivity.designs import first_and_total
from tertius._study.sensitivity.information import evppi
from tertius._study.sensitivity.screening import elementary_effects, trajectories
from tertius.claims.catalogue import Catalogue, from_findings, select
from tertius.claims.evaluation import Readings, evaluate
from tertius.claims.language import ClaimError, references
from tertius.claims.shapes import checked

__all__ = ["ASSUMED", "deepen"]

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

ASSUMED = "assumed"
"""Label of the assumptions among the sources."""

ROWS = 512
"""Draws of each variant in which a whole section is drawn anew, or a source is left out."""

FLIP_ROWS = 512
"""Draws of each variant on the way to a flip."""

_TARGET = 0.1
"""So far above nought must the probit of a probability lie for a flip to be reported (0.54): another sample of draws
should not turn it back."""

FARTHEST = 3.0
"""Moves of an input are tried up to so many of its own standard deviations."""

_TRAJECTORIES = 4
_TRIALS = 4


def deepen(
    findings: xr.DataTree, explorer: Explorer, progress: Progress | None = None
) -> dict[str, xr.Dataset]:
    """Say what every verdict rests on.

    Parameters
    ----------
    findings
        With ``/inputs`` and ``/claims``, n draws.
    explorer
        Runs the same case again.
    progress
        Told the stage's name and the fraction of it that is done.

    Returns
    -------
    dict
        Path to group; empty if no claim has a verdict or no input varies.
    """
    court = _Court(findings, explorer, progress)
    if not court.claims or not explorer.inputs:
        return {}
    drivers = court.drivers()
    return {
        "/drivers": drivers,
        "/screening": court.screening(),
        "/blocks": court.blocks(),
        "/evidence": court.evidence(drivers),
        "/flips": court.flips(),
    }


@dataclass(frozen=True)
class _Try:
    """A flip on its way: inputs, the direction in their standard deviations, and how far along it to go."""

    claim: int
    inputs: tuple[int, ...]
    direction: tuple[float, ...]
    reach: float


class _Court:
    def __init__(self, findings: xr.DataTree, explorer: Explorer, progress: Progress | None) -> None:
        self.findings = findings
        self.explorer = explorer
        self.progress = progress
        judged = findings["claims"].to_dataset()
        known = ~np.isnan(judged["probability"].values)
        self.claims = [str(c) for c, k in zip(judged["claim"].values, known, strict=True) if k]
        self.texts = [str(judged["expression"].sel(claim=c).item()) for c in self.claims]
        self.margin = judged["margin"].transpose("draw", "claim").sel(claim=self.claims).values
        self.probability = judged["probability"].sel(claim=self.claims).values.astype(float)
        inputs = findings["inputs"].to_dataset()
        self.paths = [str(p) for p in inputs["input"].values]
        self.x = inputs["value"].transpose("draw", "input").values.astype(float)
        rows = np.isin(judged["draw"].values, inputs["draw"].values)
        self.margin = self.margin[rows]
        self.median = inputs["central"].values.astype(float)
        self.spread = inputs["spread"].values.astype(float)
        catalogue = from_findings(findings, self._exact)
        self.reads = [_groups(text, catalogue) for text in self.texts]

    def tell(self, stage: str, done: float) -> None:
        if self.progress is not None:
            self.progress(stage, done)

    # -- effects -------------------------------------------------------------------------------

    def _numbers(self) -> tuple[list[str], Array]:
        """The claims' margins, and numbers of the main run that a brief opens with: shape (n, numbers)."""
        labels = [f"claims.{c}" for c in self.claims]
        columns = [self._sound(self.margin[:, k]) for k in range(len(self.claims))]
        for group, name in (
            ("levers", "lever"),
            ("displacement", "leverage_gain"),
            ("displacement", "client_loss"),
        ):
            if group not in self.findings.children or name not in self.findings[group]:
                continue
            total = self.findings[group].to_dataset()[name].sel(domain="total")
            powers = total["power"].values if "power" in total.dims else ()
            labels += [f"{group}.{name}[{p}]" for p in powers] or [f"{group}.{name}"]
            columns += [np.asarray(total.sel(power=p)) for p in powers] or [np.asarray(total)]
        return labels, np.stack(columns, axis=-1)

    def _sound(self, margin: Array) -> Array:
        """A margin, or, where it is infinite in some draws, whether the claim holds; missing stays missing."""
        infinite = np.isinf(margin)
        return np.where(np.isnan(margin), np.nan, (margin > 0).astype(float)) if infinite.any() else margin

    def drivers(self) -> xr.Dataset:
        """The group ``/drivers``."""
        self.tell("drivers", 0.0)
        labels, y = self._numbers()
        n, k = self.x.shape
        shape = (len(labels), k)
        first, total, shapley, error, worth, worth_error = (np.full(shape, np.nan) for _ in range(6))
        unexplained = np.full(len(labels), np.nan)
        # A claim on a further exit has a margin in the first draws alone; numbers of the same draws go together.
        together: dict[bytes, list[int]] = {}
        for j in range(len(labels)):
            there = ~np.isnan(y[:, j])
            if there.sum() >= min(n, 64) and not np.isinf(y[there, j]).any():
                together.setdefault(there.tobytes(), []).append(j)
        for done, members in enumerate(together.values()):
            there = ~np.isnan(y[:, members[0]])
            found = effects(self.x[there], y[there][:, members])
            first[members], total[members], shapley[members] = found.first, found.total, found.shapley
            error[members], unexplained[members] = found.error, found.unexplained
            judged = [j for j in members if j < len(self.claims)]
            if judged:
                holds = (y[there][:, judged] > 0).astype(float)
                value = evppi(np.stack([holds, 1 - holds], axis=-1), self.x[there])
                worth[judged], worth_error[judged] = value.value, value.error
            self.tell("drivers", (done + 1) / len(together))
        dims = ("number", "input")

        def table(values: Array, name: str, unit: str) -> xr.Variable:
            return xr.Variable(dims, values, attrs={"long_name": name, "unit": unit})

        return xr.Dataset(
            {
                "first_order": table(first, "share of variance explained alone", "share"),
                "total": table(total, "share of variance in which the input has a part", "share"),
                "shapley": table(shapley, "share of variance, what is done together shared equally", "share"),
                "error": table(error, "standard error of the total index", "share"),
                "unexplained": xr.Variable(
                    ("number",),
                    unexplained,
                    attrs={"long_name": "share of variance that the polynomial misses", "unit": "share"},
                ),
                "evppi": table(
                    worth,
                    "rise of the chance of judging the claim rightly, once the input is known",
                    "probability",
                ),
                "evppi_error": table(worth_error, "its standard error", "probability"),
            },
            coords={"number": labels, "input": self.paths},
        )

    # -- further runs --------------------------------------------------------------------------

    def _margins(
        self, stage: str, variants: Sequence[Draws], asked: Sequence[Sequence[int]] | None = None
    ) -> Array:
        """Margins of claims in every variant: shape (variants, rows, claims); missing where not converged.

        Of each variant all claims are asked, or those of them whose numbers are given; the others stay missing.
        """
        self.tell(stage, 0.0)
        rows = variants[0].size
        out = np.full((len(variants), rows, len(self.claims)), np.nan)
        numbers = [range(len(self.claims))] * len(variants) if asked is None else asked
        wanted = [frozenset[str]().union(*(self.reads[c] for c in some)) for some in numbers]
        for part in self.explorer.explore(variants, lambda done: self.tell(stage, done), wanted):
            catalogue = from_findings(part.tree, self._exact)
            read = Readings(part.tree)
            draws = read.draws
            for c in sorted({c for v in part.variants for c in numbers[v]}):
                block = np.full(len(part.variants) * rows, np.nan)
                try:
                    block[draws] = evaluate(self.texts[c], read, catalogue).margin
                except ClaimError:
                    continue
                mine = [place for place, v in enumerate(part.variants) if c in numbers[v]]
                out[[part.variants[place] for place in mine], :, c] = block.reshape(-1, rows)[mine]
        return out

    @property
    def _exact(self) -> Mapping[str, float]:
        return {i.path: float(i.quantity.median) for i in self.explorer.case.inputs() if i.quantity.is_exact}

    def _chance(self, margin: Array) -> Array:
        """Share of the known draws in which a claim holds; the next to last axis is draws."""
        known = ~np.isnan(margin)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((known & (margin > 0)).sum(axis=-2) / known.sum(axis=-2))

    def screening(self) -> xr.Dataset:
        """The group ``/screening``: elementary effects along trajectories through the inputs' quantiles."""
        k = len(self.paths)
        points = trajectories(k, _TRAJECTORIES, seed=0)
        # The grid's four levels stand for the middles of the quarters of each distribution.
        inside = 1 / 8 + points * 3 / 4
        variants = [self.explorer.at(path) for path in inside]
        margin = self._margins("screening", variants)
        found = elementary_effects(points, margin)
        dims = ("claim", "input")

        def table(values: Array, name: str) -> xr.Variable:
            return xr.Variable(dims, values, attrs={"long_name": name, "unit": "as compared"})

        return xr.Dataset(
            {
                "mu_star": table(found.mu_star, "mean size of elementary effects on the margin"),
                "sigma": table(found.sigma, "their standard deviation"),
                "error": table(found.error, "standard error of their mean size"),
            },
            coords={"claim": self.claims, "input": self.paths},
        )

    def blocks(self) -> xr.Dataset:
        """The group ``/blocks``: whole sections of the case, from a fresh design."""
        groups: dict[str, list[str]] = {}
        for path in self.paths:
            groups.setdefault(_block(path), []).append(path)
        rows = min(ROWS, len(self.explorer.layout.a))
        variants = [self.explorer.base(rows), self.explorer.other(rows)]
        variants += [self.explorer.anew(rows, paths) for paths in groups.values()]
        margin = self._margins("sections", variants)
        shape = (len(self.claims), len(groups))
        first, first_error, total, total_error = (np.full(shape, np.nan) for _ in range(4))
        for c in range(len(self.claims)):
            y = np.apply_along_axis(self._sound, 0, margin[:, :, c].reshape(-1, 1)).reshape(
                len(variants), rows
            )
            for g in range(len(groups)):
                three = y[[0, 1, 2 + g]]
                known = np.isfinite(three).all(axis=0)
                if known.sum() < rows // 2:
                    continue
                one, two = first_and_total(*(part[known, None] for part in three))
                first[c, g], first_error[c, g] = one.value[0], one.error[0]
                total[c, g], total_error[c, g] = two.value[0], two.error[0]
        dims = ("claim", "block")

        def table(values: Array, name: str) -> xr.Variable:
            return xr.Variable(dims, values, attrs={"long_name": name, "unit": "share"})

        return xr.Dataset(
            {
                "first_order": table(first, "share of variance that the section explains alone"),
                "first_order_error": table(first_error, "its standard error"),
                "total": table(total, "share of variance in which the section has a part"),
                "total_error": table(total_error, "its standard error"),
            },
            coords={"claim": self.claims, "block": list(groups)},
        )

    # -- sources -------------------------------------------------------------------------------

    def evidence(self, drivers: xr.Dataset) -> xr.Dataset:
        """The group ``/evidence``."""
        carried: dict[str, list[tuple[int, float]]] = {ASSUMED: []}
        alone: set[str] = set()
        for k, entry in enumerate(self.explorer.inputs):
            if not entry.sources:
                carried[ASSUMED].append((k, 1.0))
            for source in entry.sources:
                carried.setdefault(source, []).append((k, 1 / len(entry.sources)))
            if len(entry.sources) == 1:
                alone.add(entry.sources[0])
        sources = list(carried)
        effect = drivers["shapley"].sel(number=[f"claims.{c}" for c in self.claims]).values
        seen = np.nansum(np.maximum(effect, 0.0), axis=1)
        share = np.stack(
            [
                sum((w * np.maximum(effect[:, k], 0.0) for k, w in carried[s]), np.zeros(len(self.claims)))
                for s in sources
            ],
            axis=-1,
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            share = share / seen[:, None]
        rows = min(ROWS, len(self.explorer.layout.a))
        tried = [s for s in sources if s in alone]
        without = np.full(share.shape, np.nan)
        before = np.full(len(self.claims), np.nan)
        if tried:
            margin = self._margins(
                "sources", [self.explorer.base(rows), *(self.explorer.unsourced(rows, s) for s in tried)]
            )
            chance = self._chance(margin)
            before = chance[0]
            for j, s in enumerate(tried):
                without[:, sources.index(s)] = chance[1 + j]
        dims = ("claim", "source")
        return xr.Dataset(
            {
                "share": xr.Variable(
                    dims,
                    share,
                    attrs={"long_name": "share of the explained variance that it carries", "unit": "share"},
                ),
                "probability_without": xr.Variable(
                    dims,
                    without,
                    attrs={
                        "long_name": "probability as if the source had not been read",
                        "unit": "probability",
                    },
                ),
                "probability_with": xr.Variable(
                    ("claim",),
                    before,
                    attrs={
                        "long_name": "probability in the same draws with every source",
                        "unit": "probability",
                    },
                ),
            },
            coords={"claim": self.claims, "source": sources},
        )

    # -- flips ---------------------------------------------------------------------------------

    def flips(self) -> xr.Dataset:
        """The group ``/flips``."""
        tries = [t for c in range(len(self.claims)) for t in self._candidates(c)]
        rows = min(FLIP_ROWS, len(self.explorer.layout.a))
        best: dict[tuple[int, int], tuple[float, _Try, float]] = {}
        of_claims = [[t.claim] for t in tries]
        start = self._chance(self._margins("flips", [self.explorer.base(rows)]))[0]
        reach = np.array([t.reach for t in tries])
        # Nearest on either side so far: (how far, probit of the probability turned so that it rises).
        near = [[(0.0, self._turned(t.claim, float(start[t.claim])))] for t in tries]
        open_ = list(range(len(tries)))
        for turn in range(_TRIALS):
            if not open_:
                break
            variants = [self.explorer.moved(rows, self._values(tries[i], reach[i])) for i in open_]
            margin = self._margins(f"flips {turn + 1}/{_TRIALS}", variants, [of_claims[i] for i in open_])
            chance = self._chance(margin)
            left = []
            for place, i in enumerate(open_):
                t = tries[i]
                p = float(chance[place, t.claim])
                if not np.isfinite(p):
                    continue
                turned = self._turned(t.claim, p)
                if turned >= _TARGET:
                    key = (t.claim, len(t.inputs))
                    if key not in best or reach[i] < best[key][0]:
                        best[key] = (float(reach[i]), t, p)
                    # Far beyond one half there is a nearer place; not twice, for the sake of time.
                    if turned < 3 * _TARGET or turn + 1 == _TRIALS:
                        continue
                near[i].append((float(reach[i]), turned))
                step = self._secant(near[i], self._room(t))
                if step is not None:
                    reach[i] = step
                    left.append(i)
            open_ = left
        for claim in range(len(self.claims)):
            # Two inputs are worth naming where together they have less far to go than one.
            if (claim, 1) in best and (claim, 2) in best and best[claim, 2][0] >= best[claim, 1][0]:
                del best[claim, 2]
        return self._flips(best)

    def _turned(self, claim: int, p: float) -> float:
        """Probit of a probability, turned so that a flip is above nought."""
        sign = 1.0 if self.probability[claim] < 0.5 else -1.0
        return sign * float(ndtri(min(max(p, 0.002), 0.998)))

    def _secant(self, near: Sequence[tuple[float, float]], room: float) -> float | None:
        """How far to go next: to where a line through the two places nearest to the target meets it."""
        (d0, z0), (d1, z1) = sorted(near, key=lambda place: abs(place[1] - 1.5 * _TARGET))[:2]
        if abs(d1 - d0) < 1e-9 or (z1 - z0) * (d1 - d0) <= 0:
            return None
        aim = d0 + (1.5 * _TARGET - z0) * (d1 - d0) / (z1 - z0)
        tried = max(d for d, _ in near)
        aim = min(max(aim, 0.05), room, 2 * tried + 0.5)
        return None if any(abs(aim - d) < 0.03 for d, _ in near) else float(aim)

    def _flips(self, best: Mapping[tuple[int, int], tuple[float, _Try, float]]) -> xr.Dataset:
        """Put the flips that were found in a table, a row each."""
        order = sorted(best)
        found = [best[key] for key in order]
        part = ("flip", "side")
        inputs, values, moves = [], [], []
        for reach, t, _ in found:
            value = self._values(t, reach)
            inputs.append([*value, ""][:2])
            values.append([*value.values(), np.nan][:2])
            moves.append([*(reach * d for d in t.direction), np.nan][:2])

        def numbers(dims: tuple[str, ...], data: Sequence[object], name: str, unit: str) -> xr.Variable:
            shaped = np.array(data, dtype=float).reshape([len(found), 2][: len(dims)])
            return xr.Variable(dims, shaped, attrs={"long_name": name, "unit": unit})

        def words(dims: tuple[str, ...], data: Sequence[object], name: str) -> xr.Variable:
            shaped = np.array(data, dtype=np.str_).reshape([len(found), 2][: len(dims)])
            return xr.Variable(dims, shaped, attrs={"long_name": name, "unit": ""})

        return xr.Dataset(
            {
                "claim_id": words(("flip",), [self.claims[t.claim] for _, t, _ in found], "the claim"),
                "input_path": words(part, inputs, "the inputs that move; the second is blank for one alone"),
                "value": numbers(part, values, "where to", "as the input"),
                "move": numbers(part, moves, "from the median, in the input's standard deviations", "1"),
                "distance": numbers(("flip",), [r for r, _, _ in found], "how far in all", "1"),
                "before": numbers(
                    ("flip",),
                    [self.probability[t.claim] for _, t, _ in found],
                    "probability before",
                    "probability",
                ),
                "after": numbers(("flip",), [p for _, _, p in found], "probability after", "probability"),
            }
        )

    def _candidates(self, c: int) -> list[_Try]:
        """The inputs whose moves promise most, seen through their own curves in the draws that there are."""
        margin = self.margin[:, c]
        there = np.isfinite(margin)
        if there.sum() < 64:
            return []
        x, y = self.x[there], margin[there]
        scale = np.std(y)
        if not scale > 0:
            return []
        movable = [k for k in range(len(self.paths)) if self.spread[k] > 0 and np.isfinite(self.spread[k])]
        z = (x[:, movable] - self.median[movable]) / self.spread[movable]
        slopes = (z - z.mean(axis=0)).T @ (y - y.mean()) / len(y) / np.maximum(z.var(axis=0), 1e-12)
        order = np.argsort(-abs(slopes), kind="stable")[:8]
        out: list[tuple[float, _Try]] = []
        wanted = -1.0 if self.probability[c] >= 0.5 else 1.0
        curves: dict[int, tuple[float, float]] = {}
        for j in order:
            k = movable[int(j)]
            curve = np.polynomial.Polynomial.fit(z[:, j], y, 3)
            bare = y - curve(z[:, j])
            edge = (float(z[:, j].min()), float(z[:, j].max()))

            def chance(
                d: float,
                curve: np.polynomial.Polynomial = curve,
                bare: Array = bare,
                edge: tuple[float, float] = edge,
            ) -> float:
                # Beyond the draws the curve goes on straight, since a cubic would not.
                inside = min(max(d, edge[0]), edge[1])
                value = float(curve(inside) + curve.deriv()(inside) * (d - inside))
                return float(np.mean(bare + value > 0)) - 0.5

            for sign in (1.0, -1.0):
                limit = self._limit(k, sign)
                if limit <= 0:
                    continue
                start, end = chance(0.0), chance(sign * limit)
                if end * wanted <= 0:
                    # It may still cross a little further on than the curve says.
                    if abs(end) < 0.1 and sign * slopes[j] * wanted > 0:
                        out.append((limit, _Try(c, (k,), (sign,), limit)))
                    continue
                if start * wanted > 0:
                    reach = 0.1
                else:
                    reach = float(brentq(lambda d, s=sign: chance(s * d), 0.0, limit, xtol=0.01))
                reach = min(limit, max(0.1, 1.1 * reach))
                out.append((reach, _Try(c, (k,), (sign,), reach)))
                curves[k] = (sign, reach)
        out.sort(key=lambda item: item[0])
        singles = [t for _, t in out[:2]]
        pair = self._pair(c, [movable[int(j)] for j in order], slopes[order], wanted, curves)
        return [*singles, *([pair] if pair is not None else [])]

    def _pair(
        self,
        c: int,
        inputs: Sequence[int],
        slopes: Array,
        wanted: float,
        curves: Mapping[int, tuple[float, float]],
    ) -> _Try | None:
        """The two inputs that together need to move least: each in proportion to what it does."""
        if len(inputs) < 2:
            return None
        strength = slopes[:2] * wanted
        norm = float(np.hypot(*strength))
        if not norm > 0:
            return None
        direction = strength / norm
        alone = [
            reach * abs(d)
            for k, d in zip(inputs[:2], direction, strict=True)
            if k in curves
            for reach in [curves[k][1]]
        ]
        start = min(alone) if alone else 1.5
        t = _Try(c, (inputs[0], inputs[1]), (float(direction[0]), float(direction[1])), 0.0)
        room = self._room(t)
        return _Try(t.claim, t.inputs, t.direction, min(start, room)) if room > 0 else None

    def _limit(self, k: int, sign: float) -> float:
        """How far an input can go in one direction, in its standard deviations."""
        support = self.explorer.inputs[k].quantity.support
        bound = support.upper if sign > 0 else support.lower
        if not np.isfinite(bound):
            return FARTHEST
        # A hair inside, since many supports are open.
        return float(min(FARTHEST, 0.999 * abs(bound - self.median[k]) / self.spread[k]))

    def _room(self, t: _Try) -> float:
        """How far one can go along a direction before an input meets its limit."""
        limits = [
            self._limit(k, np.sign(d)) / abs(d) for k, d in zip(t.inputs, t.direction, strict=True) if d
        ]
        return min(limits)

    def _values(self, t: _Try, reach: float) -> dict[str, float]:
        """The values that inputs are held at, with as many digits as a command line needs."""
        return {
            self.paths[k]: float(f"{self.median[k] + reach * d * self.spread[k]:.6g}")
            for k, d in zip(t.inputs, t.direction, strict=True)
        }


def _groups(text: str, catalogue: Catalogue) -> frozenset[str]:
    """Paths of the groups that a claim reads."""
    named = [r for r in references(checked(text, catalogue)) if not r.is_word]
    return frozenset(f"/{select(r, catalogue.find(r)).readable.path}" for r in named)


def _block(path: str) -> str:
    """The section of the case that an input belongs to: a domain, or the section's own name."""
    parts = path.split(".")
    if parts[0] == "domains":
        return f"domains.{parts[1]}"
    if parts[0] in ("trade", "rescue", "concessions") and len(parts) > 1:
        return f"{parts[0]}.{parts[1]}"
    return parts[0]
