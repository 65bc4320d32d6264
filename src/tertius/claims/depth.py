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
from scipy.special import ndtri

from tertius._study.draws import Draws
from tertius._study.explorer import Explorer
from tertius._study.sensitivity.chaos import effects
from tertius._study.sensitivity.designs import first_and_total
from tertius._study.sensitivity.information import evppi, hermite
from tertius._study.sensitivity.screening import elementary_effects, trajectories
from tertius.claims.assertion import apart_from_trade, groups_read, settled
from tertius.claims.catalogue import from_findings
from tertius.claims.evaluation import Readings, evaluate
from tertius.claims.language import ClaimError

__all__ = ["ASSUMED", "deepen"]

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

ASSUMED = "assumed"
"""Label of the assumptions among the sources."""

ROWS = 512
"""Draws of each variant in which a whole section is drawn anew, or a source is left out."""

FLIP_ROWS = 512
"""Draws of each variant on the way to a flip."""

FLIP_ROWS_CONFIRMED = 1024
"""Draws in which a flip must hold to be reported."""

_TARGET = 0.1
"""So far above nought must the probit of a probability lie for a flip to be reported (0.54): another sample of draws
should not turn it back."""

FARTHEST = 3.0
"""Moves of an input are tried up to so many of its own standard deviations."""

_TRAJECTORIES = 4
_TRIALS = 5
_DEGREE = 5
"""Of the polynomial through which a claim's response to one input is seen."""
_BEYOND = 2
"""Inputs of which each is moved further than it was ever drawn."""
_TAIL = 64
"""Draws at either end of an input over which the response there is seen."""
_CLEAR = 0.03
"""So far beyond one half must a response lie for a move to be tried there first."""
_ALONE = 4
"""Inputs of which each is moved by itself, for every claim."""


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


@dataclass(frozen=True)
class _Responses:
    """How claims go with inputs, seen in draws: shape (claims, inputs) each; moves in standard deviations.

    Attributes
    ----------
    slope
        Of the probability in the input's normal score: the mean gradient over the draws, by the identity of Stein
        (1981), also where the claim has kinks; 0 where it is no more than noise.
    crossing
        The nearest move at which the claim seems to turn; missing where none does.
    furthest, gain
        The move that turns it most, and how far beyond one half that takes its probability.
    """

    slope: Array
    crossing: Array
    furthest: Array
    gain: Array


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
        self.reads = [groups_read(text, catalogue) for text in self.texts]
        self.apart = [apart_from_trade(text, catalogue) for text in self.texts]

    def tell(self, stage: str, done: float) -> None:
        if self.progress is not None:
            self.progress(stage, done)

    # -- effects -------------------------------------------------------------------------------

    @property
    def _tied(self) -> list[list[int]]:
        """Places of the inputs with a stated correlation, those together that go together by any way."""
        place = {path: k for k, path in enumerate(self.paths)}
        blocks: list[set[int]] = []
        for stated in self.explorer.case.correlations:
            joined = {place[path] for path in stated.between if path in place}
            if len(joined) == 2:
                for block in [b for b in blocks if not b.isdisjoint(joined)]:
                    blocks.remove(block)
                    joined |= block
                blocks.append(joined)
        return [sorted(block) for block in blocks]

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
            found = effects(self.x[there], y[there][:, members], self._tied)
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
        apart = [all(self.apart[c] for c in some) for some in numbers]
        for part in self.explorer.explore(variants, lambda done: self.tell(stage, done), wanted, apart):
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
        seen = self._responses()
        tries = [t for c in range(len(self.claims)) for t in self._candidates(c, seen)]
        best: dict[tuple[int, int], tuple[float, _Try, float]] = {}
        start = self._chance(self._margins("flips", [self.explorer.base(FLIP_ROWS)]))[0]
        reach = [t.reach for t in tries]
        # Nearest on either side so far: (how far, probit of the probability turned so that it rises).
        near = [[(0.0, self._turned(t.claim, float(start[t.claim])))] for t in tries]
        open_ = list(range(len(tries)))
        for turn in range(_TRIALS):
            if not open_:
                break
            chance = self._moved(f"flips {turn + 1}/{_TRIALS}", tries, reach, open_, FLIP_ROWS)
            left = []
            for i, p in zip(open_, chance, strict=True):
                t = tries[i]
                if not np.isfinite(p):
                    continue
                turned = self._turned(t.claim, p)
                if turned >= _TARGET:
                    key = (t.claim, len(t.inputs))
                    if key not in best or reach[i] < best[key][0]:
                        best[key] = (reach[i], t, p)
                    # Far beyond one half there is a nearer place.
                    if turned < 3 * _TARGET or turn + 1 == _TRIALS:
                        continue
                near[i].append((reach[i], turned))
                step = self._next(near[i], self._room(t))
                if step is not None:
                    reach[i] = step
                    left.append(i)
            open_ = left
        best = self._still_judged(self._verified(best))
        for claim in range(len(self.claims)):
            # Two inputs are worth naming where together they have less far to go than one.
            if (claim, 1) in best and (claim, 2) in best and best[claim, 2][0] >= best[claim, 1][0]:
                del best[claim, 2]
        return self._flips(best)

    def _moved(
        self, stage: str, tries: Sequence[_Try], reach: Sequence[float], which: Sequence[int], rows: int
    ) -> list[float]:
        """Probability of each try's claim, so far along."""
        if not which:
            return []
        variants = [self.explorer.moved(rows, self._values(tries[i], reach[i])) for i in which]
        chance = self._chance(self._margins(stage, variants, [[tries[i].claim] for i in which]))
        return [float(chance[place, tries[i].claim]) for place, i in enumerate(which)]

    def _verified(
        self, best: Mapping[tuple[int, int], tuple[float, _Try, float]]
    ) -> dict[tuple[int, int], tuple[float, _Try, float]]:
        """The flips that more draws confirm; one that falls short goes a little further, twice at most."""
        keys = list(best)
        tries, reach = [best[k][1] for k in keys], [best[k][0] for k in keys]
        out: dict[tuple[int, int], tuple[float, _Try, float]] = {}
        open_ = list(range(len(keys)))
        for turn in range(3):
            left = []
            chance = self._moved(f"flips confirmed {turn + 1}/3", tries, reach, open_, FLIP_ROWS_CONFIRMED)
            for i, p in zip(open_, chance, strict=True):
                if np.isfinite(p) and self._turned(keys[i][0], p) >= _TARGET:
                    out[keys[i]] = (reach[i], tries[i], p)
                elif reach[i] < self._room(tries[i]):
                    reach[i] = min(1.1 * reach[i] + 0.02, self._room(tries[i]))
                    left.append(i)
            open_ = left
        return out

    def _still_judged(
        self, best: Mapping[tuple[int, int], tuple[float, _Try, float]]
    ) -> dict[tuple[int, int], tuple[float, _Try, float]]:
        """Leave out the flips after which nothing but inputs that assert the claim would answer for it: no verdict."""
        asserts = {c.id: c.asserts for c in self.explorer.case.claims}
        keys = [key for key in best if asserts[self.claims[key[0]]]]
        rows = min(FLIP_ROWS_CONFIRMED, len(self.explorer.layout.a))
        moved, again = [], []
        for key in keys:
            reach, t, _ = best[key]
            values = self._values(t, reach)
            moved.append(self.explorer.moved(rows, values))
            given = self.explorer.given(rows, asserts[self.claims[key[0]]])
            again.append(Draws(rows, {**given.columns, **{p: np.full(rows, v) for p, v in values.items()}}))
        if not keys:
            return dict(best)
        margin = self._margins("flips still judged", [*moved, *again], [[c] for c, _ in keys] * 2)
        dropped = set()
        for k, key in enumerate(keys):
            answer = settled(margin[k, :, key[0]], margin[len(keys) + k, :, key[0]])
            # Near the threshold another sample of draws may say otherwise.
            if answer.to_others is not True:
                dropped.add(key)
        return {key: found for key, found in best.items() if key not in dropped}

    def _turned(self, claim: int, p: float) -> float:
        """Probit of a probability, turned so that a flip is above nought."""
        sign = 1.0 if self.probability[claim] < 0.5 else -1.0
        return sign * float(ndtri(min(max(p, 0.002), 0.998)))

    def _next(self, near: Sequence[tuple[float, float]], room: float) -> float | None:
        """How far to go next, where a line through two places meets the aim; None where that leads nowhere new."""
        aim = 1.5 * _TARGET
        short = [place for place in near if place[1] < aim]
        beyond = [place for place in near if place[1] >= aim]
        if beyond:
            # Between the furthest place that falls short and the nearest beyond.
            d1, z1 = min(beyond)
            d0, z0 = max((place for place in short if place[0] < d1), default=(0.0, min(0.0, z1 - 1.0)))
            width = d1 - d0
            step = d0 + (aim - z0) * width / (z1 - z0)
            step = min(max(step, d0 + width / 8), d1 - width / 8)
        else:
            (d0, z0), (d1, z1) = sorted(short, key=lambda place: abs(place[1] - aim))[:2]
            if abs(d1 - d0) < 1e-9 or (z1 - z0) * (d1 - d0) <= 0:
                return None
            step = min(max(d0 + (aim - z0) * (d1 - d0) / (z1 - z0), 0.05), room, 2 * max(near)[0] + 0.5)
        return None if any(abs(step - d) < 0.03 for d, _ in near) else float(step)

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

    def _responses(self) -> _Responses:
        """How every claim's probability goes with every input, seen in the draws that there are.

        With independent inputs the probability of a claim with one input held somewhere is what is expected of the
        claim in the draws where the input lies there: a regression on its normal scores.
        """
        shape = (len(self.claims), len(self.paths))
        slope, crossing, furthest = np.zeros(shape), np.full(shape, np.nan), np.full(shape, np.nan)
        gain = np.full(shape, -np.inf)
        together: dict[bytes, list[int]] = {}
        for c in range(len(self.claims)):
            there = ~np.isnan(self.margin[:, c])
            if there.sum() >= 64 and 0 < (self.margin[there, c] > 0).mean() < 1:
                together.setdefault(there.tobytes(), []).append(c)
        movable = [k for k in range(len(self.paths)) if self.spread[k] > 0 and np.isfinite(self.spread[k])]
        reaching = np.array(
            [[p in self.explorer.behind(groups) for p in self.paths] for groups in self.reads]
        )
        for members in together.values():
            there = ~np.isnan(self.margin[:, members[0]])
            wanted = np.where(self.probability[members] < 0.5, 1.0, -1.0)
            holds = (self.margin[there][:, members] > 0).astype(float)
            n = len(holds)
            basis = hermite(n, _DEGREE)
            # Further out a polynomial of few draws says nothing.
            few = np.unique(np.linspace(0.01 * n, 0.99 * (n - 1), 256).astype(int))
            gram = basis.T @ basis
            for k in movable:
                order = np.argsort(self.x[there, k], kind="stable")
                fit = np.linalg.solve(gram, basis.T @ holds[order])
                slope[members, k] = fit[1]
                d = (self.x[there, k][order[few]] - self.median[k]) / self.spread[k]
                inside = (d <= self._limit(k, 1.0)) & (d >= -self._limit(k, -1.0))
                turned = np.where(inside[:, None], wanted * (basis[few] @ fit - 0.5), -np.inf)
                far = np.where(turned >= _CLEAR, abs(d)[:, None], np.inf)
                nearest = far.argmin(axis=0)
                crossing[members, k] = np.where(np.isfinite(far.min(axis=0)), d[nearest], np.nan)
                furthest[members, k] = d[turned.argmax(axis=0)]
                gain[members, k] = turned.max(axis=0)
                for end, sign in ((slice(None, _TAIL), -1.0), (slice(-_TAIL, None), 1.0)):
                    # What happens at the very ends.
                    at_end = wanted * (holds[order[end]].mean(axis=0) - 0.5)
                    place = float(np.median(self.x[there, k][order[end]]) - self.median[k]) / self.spread[k]
                    further = (at_end > gain[members, k]) & (abs(place) <= self._limit(k, sign))
                    gain[members, k] = np.where(further, at_end, gain[members, k])
                    furthest[members, k] = np.where(further, place, furthest[members, k])
            noise = 3 * holds.std(axis=0) / np.sqrt(n)
            slope[members] = np.where(abs(slope[members]) > noise[:, None], slope[members], 0.0)
        slope[~reaching], crossing[~reaching], gain[~reaching] = 0.0, np.nan, -np.inf
        return _Responses(slope, crossing, furthest, gain)

    def _candidates(self, c: int, seen: _Responses) -> list[_Try]:
        """The inputs whose moves promise most: the nearest that seem to turn the claim, then those that nearly do."""
        crossing = abs(seen.crossing[c])
        order = [int(k) for k in np.argsort(crossing, kind="stable") if np.isfinite(crossing[k])][:_ALONE]
        also = [int(k) for k in np.argsort(-seen.gain[c], kind="stable") if np.isfinite(seen.gain[c, k])]
        order += [k for k in also if k not in order][: _ALONE - len(order)]
        moves = [
            (k, float(seen.crossing[c, k] if np.isfinite(crossing[k]) else seen.furthest[c, k]))
            for k in order
        ]
        # Beyond what was drawn, the inputs that the claim goes with most.
        wanted = 1.0 if self.probability[c] < 0.5 else -1.0
        for k in map(int, np.argsort(-abs(seen.slope[c]), kind="stable")[:_BEYOND]):
            if seen.slope[c, k] and not np.isfinite(crossing[k]):
                sign = wanted * float(np.sign(seen.slope[c, k]))
                moves.append((k, 0.9 * sign * self._limit(k, sign)))
        singles, reaches = [], {}
        for k, d in moves:
            sign = 1.0 if d > 0 else -1.0
            limit = self._limit(k, sign)
            if limit > 0:
                reaches[k] = min(limit, max(0.1, abs(d)))
                singles.append(_Try(c, (k,), (sign,), reaches[k]))
        pair = self._pair(c, seen.slope[c], reaches)
        return [*singles, *([pair] if pair is not None else [])]

    def _pair(self, c: int, slope: Array, reaches: Mapping[int, float]) -> _Try | None:
        """The two inputs that together need to move least: each in proportion to what it does."""
        inputs = np.argsort(-abs(slope), kind="stable")[:2]
        wanted = 1.0 if self.probability[c] < 0.5 else -1.0
        strength = slope[inputs] * wanted
        if len(inputs) < 2 or not abs(strength).min() > 0:
            return None
        norm = float(np.hypot(*strength))
        direction = strength / norm
        alone = [
            reaches[int(k)] * abs(float(d))
            for k, d in zip(inputs, direction, strict=True)
            if int(k) in reaches
        ]
        t = _Try(c, (int(inputs[0]), int(inputs[1])), (float(direction[0]), float(direction[1])), 0.0)
        room = self._room(t)
        return _Try(t.claim, t.inputs, t.direction, min([*alone, 1.5, room])) if room > 0 else None

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


def _block(path: str) -> str:
    """The section of the case that an input belongs to: a domain, or the section's own name."""
    parts = path.split(".")
    if parts[0] == "domains":
        return f"domains.{parts[1]}"
    if parts[0] in ("trade", "rescue", "concessions") and len(parts) > 1:
        return f"{parts[0]}.{parts[1]}"
    return parts[0]
