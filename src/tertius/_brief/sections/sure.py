"""How sure can we be: what would turn each verdict, on what it rests, and what to find out next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from tertius._brief.answer import by_chance
from tertius._brief.blocks import Block, Bullets, Cell, Paragraph, Part, Table, head
from tertius._brief.insight import path_words
from tertius._brief.reading import Claim, Reading
from tertius._brief.summary import number as kept
from tertius._brief.supposing import outside, supposing
from tertius._brief.words import listed, number, percent, significant, spelled

__all__ = ["part", "summary"]

ASSUMED = "assumed"
CARRIES = 0.5
"""Share of a margin's variance from which one source is said to carry a verdict."""
WORTH = 0.005
"""Rise of the chance of being right from which an input is worth finding out."""


@dataclass(frozen=True)
class _Flip:
    claim: str
    inputs: tuple[str, ...]
    values: tuple[float, ...]
    moves: tuple[float, ...]
    before: float
    after: float


def _flips(reading: Reading) -> list[_Flip]:
    data = reading.dataset("flips")
    if data is None:
        return []
    out = []
    for k in range(data.sizes.get("flip", 0)):
        row = data.isel(flip=k)
        sides = [i for i, path in enumerate(row["input_path"].values) if str(path)]
        out.append(
            _Flip(
                str(row["claim_id"].item()),
                tuple(str(row["input_path"].values[i]) for i in sides),
                tuple(float(row["value"].values[i]) for i in sides),
                tuple(float(row["move"].values[i]) for i in sides),
                float(row["before"]),
                float(row["after"]),
            )
        )
    return out


def _figure(value: float) -> str:
    return significant(value, 4)


def flip_words(flip: _Flip, reading: Reading) -> str:
    """Say what would have to be otherwise, and by how much."""
    figures = {f.path: f for f in reading.inputs}
    parts = []
    for path, value, move in zip(flip.inputs, flip.values, flip.moves, strict=True):
        was = figures[path].central if path in figures else math.nan
        beyond = ", beyond the range that the case states" if outside(path, value, reading.case) else ""
        parts.append(
            f"{supposing(path, value, was, reading)} ({_figure(value)} instead of {_figure(was)}: "
            f"{number(abs(move), 1)} standard deviations {'up' if move > 0 else 'down'}{beyond})"
        )
    said = listed(parts)
    return said[0].upper() + said[1:]


def _command(flip: _Flip, reading: Reading) -> str:
    changes = " ".join(f"--set {p}={v:.6g}" for p, v in zip(flip.inputs, flip.values, strict=True))
    return f"tertius run {reading.provenance.case} {changes}"


def _label(claim: Claim, place: int) -> str:
    return f"{claim.number if claim.number is not None else place}. {claim.text}"


def _flip_table(reading: Reading, computed: Sequence[tuple[int, Claim]]) -> Table:
    flips = _flips(reading)
    rows = []
    for place, claim in computed:
        mine = [f for f in flips if f.claim == claim.id]
        if not mine:
            words = "no move tried, of one figure or two, up to three standard deviations"
            rows.append(
                [
                    head(_label(claim, place)),
                    Cell(percent(claim.probability)),
                    Cell(words, words=True, numeric=False),
                ]
            )
        for k, flip in enumerate(mine):
            first = (
                [head(_label(claim, place)), Cell(percent(claim.probability))]
                if not k
                else [head(""), Cell("")]
            )
            said = Cell(
                f"{flip_words(flip, reading)}: then {percent(flip.after)}",
                small=_command(flip, reading),
                numeric=False,
                words=True,
            )
            rows.append([*first, said])
    return Table(
        "The smallest change found that takes each claim across one half",
        [head("Claim"), head("Now"), head("Would be turned by", words=True)],
        rows,
    )


def _evidence(reading: Reading, computed: Sequence[tuple[int, Claim]]) -> list[Block]:
    data = reading.dataset("evidence")
    if data is None:
        return []
    rows, warnings = [], []
    known = {str(c) for c in data["claim"].values}
    sources = [str(s) for s in data["source"].values if str(s) != ASSUMED]
    for place, claim in computed:
        if claim.id not in known:
            continue
        row = data.sel(claim=claim.id)
        share = {str(s): float(v) for s, v in zip(row["source"].values, row["share"].values, strict=True)}
        base = float(row["probability_with"])
        ranked = sorted(sources, key=lambda s: -_or_nought(share[s]))
        top = ranked[0] if ranked and share[ranked[0]] > 0 else ""
        moved = {
            s: float(row["probability_without"].sel(source=s)) - base
            for s in sources
            if not math.isnan(float(row["probability_without"].sel(source=s)))
        }
        worst = max(moved, key=lambda s: abs(moved[s]), default="")
        rows.append(
            [
                head(_label(claim, place)),
                Cell(percent(share[ASSUMED])),
                Cell(f"{top} {percent(share[top])}" if top else "–", numeric=False),
                Cell(
                    f"{percent(base + moved[worst])} without {worst}" if worst else "–",
                    numeric=False,
                ),
            ]
        )
        number_ = claim.number if claim.number is not None else place
        if top and share[top] > CARRIES:
            warnings.append(
                f"One source carries claim {number_}: {top}, with {percent(share[top])} of what moves it."
            )
        if worst and (base - 0.5) * (base + moved[worst] - 0.5) < 0:
            warnings.append(
                f"Without {worst} claim {number_} would turn, from {percent(base)} to {percent(base + moved[worst])}."
            )
    table = Table(
        "On what each verdict rests: shares of what moves its margin",
        [
            head("Claim"),
            head("Assumptions"),
            head("Largest source", words=True),
            head("If a source is left out", words=True),
        ],
        rows,
    )
    return [table, *([Bullets(warnings)] if warnings else [])]


def _or_nought(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _next(reading: Reading) -> list[Block]:
    """What to find out next: the inputs whose knowledge would most raise the chance of judging claims rightly."""
    data = reading.dataset("drivers")
    if data is None:
        return []
    claims = {f"claims.{c.id}": (k, c) for k, c in enumerate(reading.claims, start=1)}
    labels = [n for n in map(str, data["number"].values) if n in claims]
    worth = data["evppi"].sel(number=labels).transpose("number", "input").values
    best = np.nanmax(np.where(np.isnan(worth), -np.inf, worth), axis=0) if labels else np.empty(0)
    kinds = {f.path: f.kind for f in reading.inputs}
    rows = []
    for j in np.argsort(-best, kind="stable")[:8]:
        if best[j] < WORTH:
            break
        path = str(data["input"].values[j])
        which = labels[int(np.nanargmax(worth[:, j]))]
        place, claim = claims[which]
        rows.append(
            [
                head(path_words(path, reading)),
                Cell(kinds.get(path, ""), numeric=False),
                Cell(f"{number(100 * float(best[j]), 1)} points"),
                Cell(_label(claim, place), numeric=False, words=True),
            ]
        )
    if not rows:
        return [
            Paragraph(
                "Knowing any single figure would hardly change which claims are held to be true: their probabilities "
                "lie far from one half, or hang on many figures at once."
            )
        ]
    return [
        Table(
            "What to find out next: by how much the chance of judging a claim rightly would rise",
            [head("Figure"), head("Ground", words=True), head("Rise"), head("Most for claim", words=True)],
            rows,
        )
    ]


def _drivers(reading: Reading, computed: Sequence[tuple[int, Claim]]) -> list[Block]:
    data = reading.dataset("drivers")
    if data is None:
        return []
    labels = {f"claims.{c.id}": _label(c, k) for k, c in computed}
    sections = reading.dataset("blocks")
    rows = []
    for name in map(str, data["number"].values):
        if name not in labels:
            continue
        row = data.sel(number=name)
        effect = row["shapley"].values
        if np.isnan(effect).all():
            continue
        order = [int(j) for j in np.argsort(-effect, kind="stable")[:4] if effect[j] >= 0.01]
        said = "; ".join(
            f"{path_words(str(row['input'].values[j]), reading)} {percent(float(effect[j]))}" for j in order
        )
        rows.append(
            [
                head(labels[name]),
                Cell(said or "–", numeric=False, words=True),
                Cell(percent(float(row["unexplained"]))),
                Cell(_sections(sections, name.partition(".")[2], reading), numeric=False, words=True),
            ]
        )
    if not rows:
        return []
    return [
        Table(
            "What drives each verdict: shares of its margin's variance, what figures do together shared equally; for "
            "whole sections, what they have a part in",
            [
                head("Claim"),
                head("Figures", words=True),
                head("Not explained"),
                head("Sections of the case", words=True),
            ],
            rows,
            terminal=False,
        )
    ]


def _sections(data: xr.Dataset | None, claim: str, reading: Reading) -> str:
    """The three sections of the case that have the largest part in what moves a verdict."""
    if data is None or claim not in data["claim"].values:
        return "–"
    total = data["total"].sel(claim=claim).values
    order = [int(j) for j in np.argsort(-np.nan_to_num(total), kind="stable")[:3] if total[j] >= 0.01]
    names = [str(data["block"].values[j]) for j in order]
    said = [
        f"{_section(n, reading)} {percent(min(1.0, float(total[j])))}"
        for n, j in zip(names, order, strict=True)
    ]
    return "; ".join(said) or "–"


def _section(block: str, reading: Reading) -> str:
    first, _, rest = block.partition(".")
    if first == "domains":
        return reading.names.domain(rest)
    if first == "concessions":
        return reading.names.concession(rest)
    return block.replace(".", ": ").replace("_", " ")


def part(reading: Reading) -> Part | None:
    """The section; None where the study was not told to look deeper."""
    blocks = [*_deeper(reading), *_replicates(reading)]
    return (
        Part("sure", "How sure", "How sure can we be, and what would change our mind", blocks)
        if blocks
        else None
    )


def _deeper(reading: Reading) -> list[Block]:
    """What the sensitivity of a study found."""
    if reading.dataset("flips") is None:
        return []
    computed = [(k, c) for k, c in enumerate(reading.claims, start=1) if c.computed]
    flips = _flips(reading)
    turned = {f.claim for f in flips}
    return [
        Paragraph(
            f"Of {spelled(len(computed), 'claim')} with a verdict, {len(turned)} would be turned by moving one figure, "
            "or two together, by no more than three standard deviations. Each change below was run; the command that "
            "repeats it stands beside it."
        ),
        _flip_table(reading, computed),
        *_next(reading),
        *_evidence(reading, computed),
        *_drivers(reading, computed),
    ]


def _replicates(reading: Reading) -> list[Block]:
    """How far the draws move the likelihoods of the claims."""
    found = reading.dataset("replicates")
    if found is None:
        return []
    rows = []
    for k, claim in enumerate(reading.claims, start=1):
        label = f"claims.{claim.id}"
        if label in found["number"].values:
            one = found.sel(number=label)
            low, high = (percent(float(edge)) for edge in (one["value"].min(), one["value"].max()))
            error = f"{number(100 * float(one['error']), 2)}\N{NO-BREAK SPACE}points"
            rows.append(
                [
                    head(f"{claim.number or k}. {claim.text}"),
                    Cell(percent(float(one["study"]))),
                    Cell(low if low == high else f"{low} to {high}"),
                    Cell(error),
                ]
            )
    header = [head("Claim"), head("Study"), head("Further runs"), head("Standard error")]
    seeds = listed([str(int(seed)) for seed in found["seed"].values])
    return [
        Paragraph(by_chance(reading)),
        *([Table("What chance does to each likelihood", header, rows, terminal=False)] if rows else []),
        Paragraph(f"Seeds of the further runs, derived from that of the study: {seeds}.", hint=True),
    ]


def summary(reading: Reading) -> dict[str, Any]:
    """The keys ``flips``, ``evidence``, ``drivers``, ``sections``, ``screening`` and ``replicates``."""
    out: dict[str, Any] = {}
    again = reading.dataset("replicates")
    if again is not None:
        out["replicates"] = {
            "seeds": [int(seed) for seed in again["seed"].values],
            "numbers": {
                str(n): {
                    "study": kept(float(again["study"].sel(number=n))),
                    "error": kept(float(again["error"].sel(number=n))),
                    "values": [kept(float(v)) for v in again["value"].sel(number=n).values],
                }
                for n in again["number"].values
            },
        }
    if reading.dataset("flips") is None:
        return out
    out["flips"] = [
        {
            "claim": f.claim,
            "inputs": {
                p: {"value": kept(v), "standard_deviations": kept(m)}
                for p, v, m in zip(f.inputs, f.values, f.moves, strict=True)
            },
            "before": kept(f.before),
            "after": kept(f.after),
            "command": _command(f, reading),
        }
        for f in _flips(reading)
    ]
    evidence = reading.dataset("evidence")
    if evidence is not None:
        out["evidence"] = {
            str(c): {
                str(s): {
                    "share": kept(float(evidence["share"].sel(claim=c, source=s))),
                    "probability_without": kept(
                        float(evidence["probability_without"].sel(claim=c, source=s))
                    ),
                }
                for s in evidence["source"].values
            }
            for c in evidence["claim"].values
        }
    drivers = reading.dataset("drivers")
    if drivers is not None:
        out["drivers"] = {str(n): _effects(drivers.sel(number=n)) for n in drivers["number"].values}
    for key, group, label, names in (
        ("sections", "blocks", "block", ("first_order", "first_order_error", "total", "total_error")),
        ("screening", "screening", "input", ("mu_star", "sigma", "error")),
    ):
        found = reading.dataset(group)
        if found is not None:
            out[key] = {str(c): _largest(found.sel(claim=c), label, names) for c in found["claim"].values}
    return out


def _largest(row: xr.Dataset, label: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The ten with the largest total index, or the largest mean elementary effect."""
    by = row["total" if "total" in names else "mu_star"].values
    order = [int(j) for j in np.argsort(-np.nan_to_num(by), kind="stable")[:10] if by[j] > 0]
    return {str(row[label].values[j]): {n: kept(float(row[n].values[j])) for n in names} for j in order}


def _effects(row: xr.Dataset) -> dict[str, Any]:
    """The inputs that have a part of at least one per cent in a number."""
    total = row["total"].values
    order = [int(j) for j in np.argsort(-total, kind="stable") if total[j] >= 0.01]
    return {
        "unexplained": kept(float(row["unexplained"])),
        "inputs": {
            str(row["input"].values[j]): {
                name: kept(float(row[name].values[j]))
                for name in ("first_order", "total", "shapley", "error", "evppi")
            }
            for j in order
        },
    }
