"""Who could cost a country what, as a reader sees it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import xarray as xr

from tertius._brief import charts
from tertius._brief.atlas.maps import shade, shades, world_map
from tertius._brief.atlas.reading import (
    Answer,
    Fact,
    about_parts,
    cell_of,
    colour_of,
    estimate_of,
    point,
)
from tertius._brief.blocks import Block, Bullets, Cell, Drawing, Figure, Paragraph, Part, Table, head
from tertius._brief.charts import Dot
from tertius._brief.summary import estimate, number
from tertius._brief.words import Estimate, listed, share

__all__ = ["LOG_POINT", "bloc_name", "first_up", "levers_answer", "the"]

LOG_POINT = "One log point is about one per cent of real income."


def levers_answer(data: xr.Dataset, top: int = 12) -> Answer:
    """Read levers over a country.

    Parameters
    ----------
    data
        From ``tertius._atlas.levers_over``.
    top
        How many partners are shown one by one.
    """
    attrs = data.attrs
    client = attrs["client"]
    names: dict[str, str] = json.loads(attrs["names"])
    me = names[client]
    partners = [str(p) for p in data["partner"].values]
    single = {p: float(v) for p, v in zip(partners, data["lever"].values, strict=True)}
    back = {p: float(v) for p, v in zip(partners, data["reverse"].values, strict=True)}
    lever = {p: point(v) for p, v in single.items()} | {
        k[0]: e for k, e in estimate_of(data, "lever_draws").items()
    }
    reverse = {p: point(v) for p, v in back.items()} | {
        k[0]: e for k, e in estimate_of(data, "reverse_draws").items()
    }
    net = lever
    if "lever_draws" in data:
        made = xr.Dataset({"net": data["lever_draws"] - data["reverse_draws"]})
        net = {k[0]: e for k, e in estimate_of(made, "net").items()}
    else:
        net = {p: point(single[p] - back[p]) for p in partners}
    order = sorted(partners, key=lambda p: -_at(lever[p].median))
    shown = order[:top]
    shown += [p for p in json.loads(attrs["asked"]) if p in partners and p not in shown]
    sold, bought = (data[name].sum().item() for name in ("exports", "imports"))
    part = {
        p: (float(data["exports"].sel(partner=p)) / sold, float(data["imports"].sel(partner=p)) / bought)
        for p in shown
    }
    first, second = order[0], order[1]
    many = bool(data.sizes.get("draw"))
    sentence = (
        f"{the(names[first])} holds the largest trade lever over {the(me, start=False)}: an end to all trade with it "
        f"would cost {lever[first].full()} log points of real income, against {lever[second].full()} for "
        f"{the(names[second], start=False)}."
    )
    blocs: dict[str, list[str]] = json.loads(attrs["blocs"])
    joint = {
        str(b): point(float(v)) for b, v in zip(data["bloc"].values, data["bloc_lever"].values, strict=True)
    }
    joint |= {k[0]: e for k, e in estimate_of(data, "bloc_draws").items()}
    # A power of one stands among the partners.
    together = sorted((b for b in joint if b not in partners), key=lambda b: -joint[b].median)
    facts = [
        Fact(
            lever[p].text(), f"log points {lever[p].interval()}".strip(), f"Lever of {names[p]}", colour_of(p)
        )
        for p in shown[:3]
    ]
    if "west" in joint:
        facts.append(
            Fact(joint["west"].text(), f"log points {joint['west'].interval()}".strip(), "The West together")
        )
    rows = [_row(p, names[p], lever[p], single[p], reverse[p], net[p], part[p], data) for p in shown]
    header = [
        head(""),
        head("Lever"),
        head("One reading"),
        head("Reverse"),
        head("Net"),
        head("Of exports"),
        head("Of imports"),
    ]
    interval = (
        "median and [5th, 95th percentile] over what is assumed" if many else "one reading, nothing drawn"
    )
    main = Table(f"Levers over {me} through trade, in log points: {interval}", header, rows, terminal=False)
    dots = [
        Dot("", names[p], lever[p].p05, lever[p].median, lever[p].p95, lever[p].text(), colour_of(p))
        for p in shown
    ]
    blocks: list[Block] = [
        Paragraph(
            f"What {me} would lose if all trade with the partner ended, after it has turned to others. {LOG_POINT} "
            f"“One reading” has the elasticity at {attrs['elasticity']:g} and takes GDP for output. “Reverse” is what "
            f"{me} could cost the partner; “net” is the lever less the reverse.",
            hint=True,
        ),
        Figure(
            f"Who could cost {me} what",
            "Loss if all trade with the partner ended. Dot: median; bar: 5th to 95th percentile.",
            [
                charts.dots(
                    dots,
                    key="levers",
                    title=f"Trade levers over {me}",
                    description="; ".join(f"{d.label}: {d.text} log points" for d in dots),
                    axis="log points of real income",
                )
            ],
        ),
        _blocs_figure(together, joint, blocs, me),
        main,
        _map(data, names, lever, me),
    ]
    structures = _structures(data, names, shown, lever)
    parts = [Part("levers", "Levers", f"Who could cost {me} what", blocks)]
    if structures is not None:
        parts.append(Part("readings", "Other readings", "Under other readings of the data", [structures]))
    if "domain_lever" in data:
        parts.insert(1, _domains(data, me, joint))
    parts += about_parts(data)
    lines = [
        (
            names[p] + (" *" if bool(data["lifted"].sel(partner=p)) else ""),
            colour_of(p),
            lever[p].median,
            (lever[p].text(), lever[p].interval(), reverse[p].text(), share(part[p][0]), share(part[p][1])),
        )
        for p in shown
    ]
    lines += [
        (
            bloc_name(b),
            colour_of(b) if b in ("eu", "west") else "",
            joint[b].median,
            (joint[b].text(), joint[b].interval(), "", "", ""),
        )
        for b in together[:6]
    ]
    out: dict[str, object] = {
        "levers": {
            p: {
                "name": names[p],
                "trade": estimate(lever[p]) | {"central": number(single[p])},
                "reverse": estimate(reverse[p]) | {"central": number(back[p])},
                "net": estimate(net[p]) | {"central": number(single[p] - back[p])},
                "exports": number(float(data["exports"].sel(partner=p))),
                "imports": number(float(data["imports"].sel(partner=p))),
                "lifted": bool(data["lifted"].sel(partner=p)),
            }
            for p in order
        },
        "blocs": {
            b: estimate(joint[b])
            | {"central": number(float(data["bloc_lever"].sel(bloc=b))), "members": blocs[b]}
            for b in together
        },
        "structures": {
            str(s): {p: number(float(data["rival_levers"].sel(structure=s, partner=p))) for p in order}
            for s in data["structure"].values
        }
        if "structure" in data.dims
        else {},
    }
    if "domain_lever" in data:
        found = estimate_of(data, "domain_lever")
        out["domains"] = {
            str(p): {"trade": estimate(joint[str(p)]) if str(p) in joint else None}
            | {
                str(d): estimate(found[str(d), str(p)])
                | {"share": number(float(data["domain_share"].sel(domain=d, power=p)))}
                for d in data["domain"].values
            }
            | {"votes_alike": number(float(data["votes_alike"].sel(power=p)))}
            for p in data["power"].values
        }
        out["domain_queries"] = json.loads(attrs["domain_queries"])
        out["domain_missing"] = json.loads(attrs["domain_missing"])
    title = f"{me}, {attrs['year']}: who could cost it what through trade"
    return Answer(
        title,
        f"What would {the(me, start=False)} lose if a partner ended all trade with it?",
        sentence,
        facts,
        parts,
        lines,
        out,
    )


def _at(value: float) -> float:
    return -math.inf if math.isnan(value) else value


_THE = (
    "United", "Netherlands", "Philippines", "Bahamas", "Gambia", "Maldives", "Marshall", "Solomon", "Central African",
    "Dominican Rep", "Comoros", "Seychelles", "European", "Eurasian", "Collective", "Shanghai", "Group of", "Gulf",
    "Association", "Organi",
)  # fmt: skip


def the(name: str, *, start: bool = True) -> str:
    """Give the name of a country or bloc the article that English wants."""
    if name.startswith("The "):
        return name if start else f"the {name[4:]}"
    if name.startswith(_THE):
        return f"{'The' if start else 'the'} {name}"
    return name


def _row(
    p: str,
    name: str,
    lever: Estimate,
    single: float,
    reverse: Estimate,
    net: Estimate,
    part: tuple[float, float],
    data: xr.Dataset,
) -> list[Cell]:
    note = "sales at home lifted to the floor" if bool(data["lifted"].sel(partner=p)) else ""
    return [
        head(name, colour_of(p), small=note),
        cell_of(lever),
        Cell(point(single).text()),
        cell_of(reverse),
        cell_of(net),
        Cell(share(part[0])),
        Cell(share(part[1])),
    ]


_BLOC_NAMES = {
    "eu": "European Union", "west": "The West", "nato": "NATO", "eaeu": "Eurasian Union", "csto": "CSTO",
    "sco": "Shanghai Organisation", "g7": "Group of Seven", "gcc": "Gulf Council", "asean": "ASEAN", "brics": "BRICS",
    "turkic": "Turkic states", "central-asia": "Central Asia", "opec": "OPEC",
}  # fmt: skip


def bloc_name(bloc: str) -> str:
    return _BLOC_NAMES.get(bloc, bloc)


def _blocs_figure(
    together: list[str], joint: dict[str, Estimate], blocs: dict[str, list[str]], me: str
) -> Figure:
    dots = [
        Dot("", bloc_name(b), joint[b].p05, joint[b].median, joint[b].p95, joint[b].text(), colour_of(b))
        for b in together[:9]
    ]
    return Figure(
        "Blocs that act together",
        f"A joint withdrawal costs more than the sum of its members' alone. Without {me} where it is a member.",
        [
            charts.dots(
                dots,
                key="blocs",
                title=f"Levers of blocs over {me}",
                description="; ".join(f"{d.label}: {d.text} log points" for d in dots),
                axis="log points of real income",
            )
        ],
        Table(
            "Levers of blocs in log points: median and [5th, 95th percentile]",
            [head(""), head("Lever"), head("Members")],
            [[head(bloc_name(b)), cell_of(joint[b]), Cell(str(len(blocs[b])))] for b in together],
            terminal=False,
        ),
    )


def _map(data: xr.Dataset, names: dict[str, str], lever: dict[str, Estimate], me: str) -> Drawing:
    fills = {
        p: (shade(e.median), f"{names.get(p, p)}: {e.full()} log points")
        for p, e in lever.items()
        if not math.isnan(e.median)
    }
    largest = sorted(fills, key=lambda p: -lever[p].median)[:5]
    words = f"Shades: the lever of each country over {me}. Largest: " + listed(
        [f"{names[p]} {lever[p].text()}" for p in largest]
    )
    return Drawing(
        f"The world's levers over {me}",
        f"What an end to all trade with each country would cost {me}, in log points (median). Outlined: {me}.",
        world_map(
            fills,
            key="map",
            title=f"Trade levers over {me}",
            description=words,
            legend=shades(),
            client=data.attrs["client"],
        ),
        "",
    )


DOMAIN_WORDS = {
    "security": "Security", "arms": "Arms", "capital": "Foreign investment", "people": "Work abroad",
    "diplomacy": "Diplomacy",
}  # fmt: skip


def _domains(data: xr.Dataset, me: str, joint: dict[str, Estimate]) -> Part:
    """Levers outside trade, beside those through trade of the same powers."""
    attrs = data.attrs
    called: dict[str, str] = json.loads(attrs["power_names"])
    missing: dict[str, dict[str, str]] = json.loads(attrs["domain_missing"])
    powers = [str(p) for p in data["power"].values]
    domains = [str(d) for d in data["domain"].values]
    found = estimate_of(data, "domain_lever")
    rows = [[head("Trade"), *[cell_of(joint[p]) if p in joint else Cell("missing") for p in powers]]]
    for d in domains:
        cells = [found[d, p] for p in powers]
        rows.append(
            [
                head(DOMAIN_WORDS.get(d, d)),
                *[Cell("missing") if math.isnan(e.median) else Cell(e.text(), e.interval()) for e in cells],
            ]
        )
    shares = [
        [
            head(DOMAIN_WORDS.get(d, d)),
            *[Cell(_missing_or(share, float(data["domain_share"].sel(domain=d, power=p)))) for p in powers],
        ]
        for d in domains
    ]
    shares.append(
        [
            head("Votes cast alike"),
            *[Cell(_missing_or(share, float(data["votes_alike"].sel(power=p)))) for p in powers],
        ]
    )
    header = [head(""), *[head(called.get(p, p), colour_of(p)) for p in powers]]
    queries: dict[str, str] = json.loads(attrs["domain_queries"])
    notes: dict[str, list[str]] = json.loads(attrs["domain_notes"])
    why: dict[str, list[str]] = {}
    for d, by_power in missing.items():
        for p, reason in by_power.items():
            why.setdefault(f"{DOMAIN_WORDS.get(d, d)}: {reason}", []).append(called.get(p, p))
    lines = [f"{DOMAIN_WORDS.get(d, d)}: {query}." for d, query in queries.items()]
    lines += [f"{listed(who)} missing. {reason}." for reason, who in why.items()]
    lines += list(dict.fromkeys(f"{note}." for d in domains for note in notes[d]))
    return Part(
        "domains",
        "Beyond trade",
        "Beyond trade",
        [
            Paragraph(
                f"Outside trade the data give shares; what a share is worth to {me} is a judgement. The weights and "
                "elasticities below are assumed, the same for every country, wide, and drawn: read the order of "
                "magnitude, and state your own in a case. What is missing is not nought, so that no total is given."
            ),
            Table("Levers in log points: median and [5th, 95th percentile]", header, rows),
            Table("Shares, as the data have them", header, shares),
            Bullets([line.replace("..", ".") for line in lines]),
            Bullets(json.loads(attrs["domain_assumed"])),
        ],
    )


def _missing_or(write: Callable[[float], str], value: float) -> str:
    return "missing" if math.isnan(value) else write(value)


def _structures(
    data: xr.Dataset, names: dict[str, str], shown: list[str], lever: dict[str, Estimate]
) -> Table | None:
    if "structure" not in data.dims:
        return None
    some = shown[:6]
    rows = [
        [
            head("As in “one reading”"),
            *[Cell(point(float(data["lever"].sel(partner=p))).text()) for p in some],
        ]
    ]
    for s in data["structure"].values:
        levers = data["rival_levers"].sel(structure=s)
        rows.append(
            [head(first_up(str(s))), *[Cell(point(float(levers.sel(partner=p))).text()) for p in some]]
        )
    return Table("Levers in log points", [head(""), *[head(names[p], colour_of(p)) for p in some]], rows)


def first_up(text: str) -> str:
    return text[0].upper() + text[1:]
