"""Sentences about a brief's numbers that the terminal and the page share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tertius._brief.reading import Displacement, Driver, Levers, Names, Reading
from tertius._brief.words import listed, number, percent, share, spelled

__all__ = [
    "DRIVERS_NOTE",
    "assumed_part",
    "binding_routes",
    "draws_words",
    "driver_words",
    "effective_words",
    "filled_words",
    "headline_words",
    "leaning_words",
    "path_words",
    "stability",
]

DRIVERS_NOTE = (
    "Share of the variance that each input explains alone, and the probability when the input is in "
    "its lowest and "
    "in its highest third."
)


def filled_words(found: Displacement, reading: Reading) -> str:
    """Say who leaves, who pushed, and how much of what they leave behind stays unfilled."""
    name = reading.names.power
    who = listed(
        [
            name(p) if degree >= 1 else f"{name(p)} (to a degree of {share(degree)})"
            for p, degree in found.leavers.items()
        ]
    )
    pushed = f", pushed by {listed([name(p) for p in found.pushed_by])}" if found.pushed_by else ""
    unfilled = found.unfilled.get(("total",))
    left = ""
    if unfilled is not None and unfilled.known:
        left = (
            f" Of what is withdrawn, {unfilled.text()} {unfilled.interval()}".rstrip()
            + " is filled by nobody."
        )
    leave = "leaves" if len(found.leavers) == 1 else "leave"
    return f"{who} {leave}{pushed}.{left}" if who else left.strip()


def binding_routes(found: Displacement, reading: Reading) -> list[str]:
    """Say which capacity limits bind after the exit."""
    lines = []
    for (route,), rent in found.cap_rent.items():
        if rent.known and rent.p95 > 0:
            often = "binds" if rent.median > 0 else "binds in fewer than half of the draws"
            lines.append(
                f"{reading.names.route(route)}: the capacity limit {often}; its shadow price is "
                f"{rent.full()} log points."
            )
    return lines


def effective_words(found: Levers, domain: str) -> str:
    """Write the effective number of powers in a domain, or why there is none."""
    index = found.effective[(domain,)]
    if not index.known and any(math.isinf(found.lever[p, domain].p95) for p in found.powers):
        return "undefined (infinite lever)"
    return index.full() if domain == "total" else index.text()


def leaning_words(found: Displacement, reading: Reading) -> str:
    """Say how many powers the client leans on before and after the exit; blank where neither is known."""
    ends = [cells.get(("total",)) for cells in (found.effective_before, found.effective_after)]
    before, after = (
        "undefined (infinite lever)" if end is None or not end.known else end.full() for end in ends
    )
    if before == after == "undefined (infinite lever)":
        return ""
    return (
        f"Effective number of powers that {reading.names.client} leans on, all domains together: "
        f"{before} before the exit, {after} after it."
    )


def draws_words(found: Displacement, reading: Reading) -> str:
    """Say on how many draws an exit rests."""
    if found.draws == reading.draws:
        return f"This exit rests on all {spelled(found.draws, 'draw')}."
    return f"This exit rests on {number(found.draws, 0)} of the {spelled(reading.draws, 'draw')}."


def stability(reading: Reading) -> str:
    """Say whether the headline is the same under every rival structure."""
    found = reading.structures
    if found is None or not found.ids:
        return ""
    name = reading.names.power
    steady: dict[str, list[str]] = {}
    moving = []
    for words, table in (
        ("gains most leverage", found.by_leverage),
        ("fills most of the vacuum", found.by_vacuum),
    ):
        leaders: dict[str, list[str]] = {}
        for s in found.ids:
            ranked = [(table[s, p], p) for p in found.powers if not math.isnan(table.get((s, p), math.nan))]
            if ranked:
                leaders.setdefault(max(ranked)[1], []).append(s)
        if not leaders:
            continue
        base = next(iter(leaders))
        if len(leaders) == 1:
            steady.setdefault(base, []).append(words)
            continue
        others = [
            f"{name(p)} under “{listed([found.titles[s] for s in where], 'or')}”"
            for p, where in leaders.items()
            if p != base
        ]
        moving.append(
            f"Assumed: who {words} depends on the structure chosen: {name(base)} as the case states it, "
            f"but {listed(others)}."
        )
    fixed = [
        f"Found: whichever of the structures below is chosen, {name(p)} is the likeliest to be the one who "
        f"{listed(words)}."
        for p, words in steady.items()
    ]
    return " ".join([*fixed, *moving])


def path_words(path: str, reading: Reading) -> str:
    """Name an input in words, from its dotted path."""
    names = reading.names
    parts = path.split(".")
    plain = [p.replace("_", " ") for p in parts]
    match parts:
        case ["trade", "sectors", sector, *rest]:
            return f"{names.sector(sector)}: {' '.join(rest).replace('_', ' ')}"
        case ["trade", "routes", route, *rest]:
            return f"{names.route(route)}: {' '.join(rest).replace('_', ' ')}"
        case ["trade", "adjust", what, *_]:
            return f"Adjustment of trade data: {what.replace('_', ' ')}"
        case ["trade", "flows", sector, "table", origin, destination]:
            return f"{names.sector(sector)}: {names.region(origin)} to {names.region(destination)}"
        case ["domains", domain, "ties", "to_client", power]:
            return f"{names.domain(domain)}: tie of {names.power(power)}"
        case ["domains", domain, "ties", "to_power", power]:
            return f"{names.domain(domain)}: {names.client} in {names.power(power)}"
        case ["domains", domain, "capacity", power]:
            who = "own" if power == "own" else names.power(power)
            return f"{names.domain(domain)}: capacity, {who}"
        case ["domains", domain, *rest]:
            return f"{names.domain(domain)}: {' '.join(rest).replace('_', ' ')}"
        case ["concessions", concession, "answers", power, *rest]:
            return f"{names.concession(concession)}: {names.power(power)}'s answer, {' '.join(rest)}"
        case ["concessions", concession, *rest]:
            return f"{names.concession(concession)}: {' '.join(rest).replace('_', ' ')}"
        case ["exits", _, "leavers", power]:
            return f"Degree of the exit: {names.power(power)}"
        case ["powers", power, *rest]:
            return f"{names.power(power)}: {_plain(rest, names)}"
        case ["rescue", "candidates", power, part, *rest] if rest:
            what = "help" if part == "doors" else part.replace("_", " ")
            return f"{names.power(power)}'s {what}: {_plain(rest, names)}"
        case ["rescue", "candidates", power, *rest]:
            return f"{names.power(power)}'s rescue: {_plain(rest, names)}"
        case ["treaties" | "observers" as section, key, *rest]:
            return f"{names.titled(section, key)}: {_plain(rest, names)}"
        case ["issues", issue, "actors", actor, *rest]:
            who = names.titled("issues", issue, "actors", actor)
            return f"{names.titled('issues', issue)}: {_plain(rest, names)} of {who}"
        case ["issues", issue, *rest]:
            return f"{names.titled('issues', issue)}: {_plain(rest, names)}"
        case ["signals", "events", event, *rest]:
            return f"Sign “{event.replace('_', ' ')}”: {_plain(rest, names)}"
        case ["crisis" | "rescue" | "outlook" | "investors" | "signals" | "history" as section, *rest]:
            return f"The {section}: {_plain(rest, names)}"
    return " › ".join(plain)


def _plain(parts: Sequence[str], names: Names) -> str:
    """The end of a path in words, with the names of powers."""
    return " ".join(names.power(p) if p in names.powers else p.replace("_", " ") for p in parts)


def headline_words(headline: str, reading: Reading) -> str:
    """Introduce the inputs that move a headline comparison."""
    kind, _, pair = headline.partition(":")
    left, _, right = pair.partition(">")
    what = "gains more leverage than" if kind == "leverage" else "fills more of the vacuum than"
    return f"What decides whether {reading.names.power(left)} {what} {reading.names.power(right)}"


def driver_words(driver: Driver, reading: Reading) -> str:
    """Describe one input's part in a headline."""
    kind = "assumed" if driver.assumed else "sourced"
    return (
        f"{path_words(driver.path, reading)} ({kind}): {percent(max(driver.first_order, 0.0))}; "
        f"{percent(driver.low)} to {percent(driver.high)}"
    )


def assumed_part(reading: Reading) -> list[str]:
    """Say, per headline comparison, how much the assumptions explain on their own, and which most."""
    lines = []
    name = reading.names.power
    for headline, drivers in reading.drivers.items():
        kind, _, pair = headline.partition(":")
        left, _, right = pair.partition(">")
        assumed = [d for d in drivers if d.assumed and d.first_order > 0]
        if not assumed:
            continue
        what = "leverage" if kind == "leverage" else "vacuum"
        top = listed([f"{path_words(d.path, reading)} ({percent(d.first_order)})" for d in assumed[:3]])
        lines.append(
            f"By {what}, {name(left)} against {name(right)}: the assumptions that matter most, each "
            f"alone, are {top}."
        )
    untestable = [c for c in reading.claims if c.verdict == "not testable"]
    if untestable:
        lines.append(
            f"{spelled(len(untestable), 'claim')} cannot be tested, since the inputs assert what is claimed."
        )
    return lines
