"""Every pair of the world, as a reader sees it."""

from __future__ import annotations

import json
import math

import numpy as np
import xarray as xr

from tertius._brief import charts
from tertius._brief.atlas.levers import LOG_POINT, bloc_name, the
from tertius._brief.atlas.maps import world_map
from tertius._brief.atlas.reading import Answer, Fact, about_parts, colour_of, point
from tertius._brief.blocks import Block, Cell, Drawing, Figure, Paragraph, Part, Table, head
from tertius._brief.charts import Bar, Segment
from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.summary import number
from tertius._brief.words import listed, percent, share, spelled

__all__ = ["every_answer"]

HEAVY = 1.0
"""A lever of so many log points counts as heavy."""

_SPARE = tuple(colours("abcdefgh").values())


def every_answer(data: xr.Dataset, top: int = 12) -> Answer:
    """Read the whole matrix.

    Parameters
    ----------
    data
        From ``tertius._atlas.every_lever``.
    top
        How many powers, and pairs, are shown one by one.
    """
    attrs = data.attrs
    names: dict[str, str] = json.loads(attrs["names"])
    countries = [str(c) for c in data["client"].values]
    lever = data["lever"].values
    known = np.where(np.isfinite(lever), lever, -math.inf)
    lifted = {str(c) for c in data["client"].values[data["lifted"].values]}
    holder = {
        c: countries[int(k)]
        for c, k, v in zip(countries, known.argmax(0), known.max(0), strict=True)
        if v > 0
    }
    gdp = data["gdp"].values
    rows = []
    for k, power in enumerate(countries):
        over = lever[k]
        there = np.isfinite(over)
        first = sum(h == power for h in holder.values())
        heavy = int((over[there] >= HEAVY).sum())
        worst = countries[int(known[k].argmax())]
        weight = float((over[there] * gdp[there]).sum() / gdp[there].sum())
        rows.append(
            (power, first, heavy, float(np.median(over[there])), weight, worst, float(known[k].max()))
        )
    rows.sort(key=lambda r: (-r[1], -r[2]))
    shown = rows[:top]
    palette = _palette([r[0] for r in shown])
    one, two, three = shown[:3]
    n = len(countries)
    sentence = (
        f"{the(names[one[0]])} holds the largest trade lever over {one[1]} of {n} economies, "
        f"{the(names[two[0]], start=False)} over {two[1]} and {the(names[three[0]], start=False)} over {three[1]}."
    )
    facts = [
        Fact(
            str(r[1]),
            f"of {n} economies",
            f"{names[r[0]]} holds the largest lever",
            palette.get(r[0], NEUTRAL),
        )
        for r in shown[:3]
    ]
    pairs = sorted(
        (
            (float(lever[i, j]), countries[i], countries[j])
            for i in range(n)
            for j in range(n)
            if i != j and math.isfinite(lever[i, j])
        ),
        reverse=True,
    )
    power_table = Table(
        f"Powers: over how many economies each holds the largest lever, and a heavy one ({HEAVY:g} log point or more)",
        [
            head(""),
            head("Largest"),
            head("Heavy"),
            head("Median over all"),
            head("Weighted by GDP"),
            head("Heaviest over", words=True),
            head(""),
        ],
        [
            [
                head(names[p], palette.get(p, NEUTRAL)),
                Cell(str(first)),
                Cell(str(heavy)),
                Cell(point(median).text()),
                Cell(point(weight).text()),
                Cell(names[worst], numeric=False, words=True),
                Cell(point(most).text()),
            ]
            for p, first, heavy, median, weight, worst, most in shown
        ],
        terminal=False,
    )
    pair_table = Table(
        "The heaviest levers, in log points",
        [head("Over"), head("Held by", words=True), head("Lever"), head("Reverse")],
        [
            [
                head(names[c], small="sales at home lifted to the floor" if c in lifted else ""),
                Cell(names[p], colour=palette.get(p, ""), numeric=False, words=True),
                Cell(point(v).text()),
                Cell(point(float(data["lever"].sel(power=c, client=p))).text()),
            ]
            for v, p, c in pairs[:top]
        ],
    )
    counted = {p: first for p, first, *_ in rows if first}
    some = [p for p in counted if p in palette]
    segments = [Segment(names[p], counted[p] / n, palette[p]) for p in some]
    segments.append(Segment("others", sum(v for p, v in counted.items() if p not in palette) / n, "#DDE2E6"))
    fills = {
        c: (
            palette.get(h, "#C3CBD2"),
            f"{names[c]}: {names[h]}, {point(float(data['lever'].sel(power=h, client=c))).text()}",
        )
        for c, h in holder.items()
    }
    legend = [(palette[p], f"{names[p]} ({counted[p]})") for p in some] + [("#C3CBD2", "another")]
    blocks: list[Block] = [
        Paragraph(
            f"What each economy would lose if trade with each other one ended: {spelled(n * (n - 1), 'ordered pair')}, "
            f"each an equilibrium of the whole world. {LOG_POINT}",
            hint=True,
        ),
        Drawing(
            "Whose lever is the largest",
            "Each country in the colour of the power that could cost it most through trade.",
            world_map(
                fills,
                key="map",
                title="Who holds the largest trade lever over each country",
                description="Largest lever: " + listed([f"{names[p]} over {counted[p]}" for p in some]),
                legend=legend,
            ),
            "",
        ),
        Figure(
            "Over how many",
            "Share of economies over which each power holds the largest lever.",
            [
                charts.bars(
                    [Bar("Economies", tuple(segments))],
                    key="holders",
                    title="Who holds the largest lever over how many economies",
                    description="; ".join(f"{s.label} {share(s.size)}" for s in segments),
                    axis="share of economies",
                )
            ],
        ),
        power_table,
        pair_table,
    ]
    if "bloc_lever" in data:
        blocks.append(_blocs(data, names))
    parts = [Part("levers", "Levers", "Who could cost whom what", blocks), *about_parts(data)]
    lines = [
        (
            names[p],
            palette.get(p, ""),
            float(first),
            (str(first), str(heavy), point(weight).text(), f"{names[worst]} {point(most).text()}"),
        )
        for p, first, heavy, _, weight, worst, most in shown
    ]
    out = {
        "levers": {
            p: {c: number(float(v)) for c, v in zip(countries, row, strict=True) if c != p}
            for p, row in zip(countries, lever, strict=True)
        },
        "largest": dict(sorted(holder.items())),
        "lifted": sorted(lifted),
        "worst_residual": number(float(attrs["residual"])),
    }
    return Answer(
        f"The world, {attrs['year']}: who could cost whom what through trade",
        "What would each country lose if another ended all trade with it?",
        sentence,
        facts,
        parts,
        lines,
        out,
    )


def _palette(powers: list[str]) -> dict[str, str]:
    """Eight powers have a colour: their own where they always have one, else one that is left."""
    chosen: dict[str, str] = {}
    for p in powers:
        own = colour_of(p)
        if own != NEUTRAL:
            chosen[p] = own
    spare = [c for c in _SPARE if c not in chosen.values()]
    for p in powers:
        if p not in chosen and spare and len(chosen) < 8:
            chosen[p] = spare.pop(0)
    return {p: chosen[p] for p in powers if p in chosen}


def _blocs(data: xr.Dataset, names: dict[str, str]) -> Table:
    rows = []
    for b in data["bloc"].values:
        over = data["bloc_lever"].sel(bloc=b)
        worst = str(data["client"].values[int(np.nanargmax(over.values))])
        there = np.isfinite(over.values)
        rows.append(
            [
                head(bloc_name(str(b))),
                Cell(percent(float((over.values[there] >= HEAVY).mean()))),
                Cell(point(float(np.median(over.values[there]))).text()),
                Cell(names[worst], numeric=False, words=True),
                Cell(point(float(np.nanmax(over.values))).text()),
            ]
        )
    return Table(
        "Blocs that act together",
        [head(""), head("Heavy over"), head("Median"), head("Heaviest over", words=True), head("")],
        rows,
    )
