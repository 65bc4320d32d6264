"""What it would mean for a figure to lie elsewhere, in the words of somebody who does not read paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tertius._brief.insight import path_words
from tertius._brief.reading import Reading

__all__ = ["outside", "supposing"]

_MOTIVES = {
    "own_security": "its own security",
    "friendly_regime": "a friendly regime",
    "credibility": "credibility",
    "influence": "influence",
}


def supposing(path: str, value: float, was: float, reading: Reading) -> str:
    """Say what is supposed when an input lies at a value instead of where it was: ``if … ``."""
    names = reading.names
    more = value > was
    easily = f"{'more' if more else 'less'} easily"
    match path.split("."):
        case ["domains", domain, "elasticity"]:
            return f"if {names.client} could replace what it loses in “{names.domain(domain)}” {easily}"
        case ["domains", domain, "weight"]:
            much = f"{'more' if more else 'less'} than the case takes it to"
            return f"if “{names.domain(domain)}” weighed {much}"
        case ["domains", domain, "ties", "to_client", power]:
            size = "a larger" if more else "a smaller"
            return f"if {names.power(power)} held {size} part of “{names.domain(domain)}”"
        case ["domains", domain, "ties", "to_power", power]:
            size = "more" if more else "less"
            return f"if {names.power(power)} leaned {size} on {names.client} in “{names.domain(domain)}”"
        case ["domains", domain, "capacity", "own"]:
            return f"if {names.client} itself could step in {easily} in “{names.domain(domain)}”"
        case ["domains", domain, "capacity", power]:
            return f"if {names.power(power)} could step in {easily} in “{names.domain(domain)}”"
        case ["trade", "sectors", sector, "elasticity"]:
            return f"if lost partners in {names.sector(sector).lower()} could be replaced {easily}"
        case ["trade", "routes", route, "capacity"]:
            return f"if {'more' if more else 'less'} could pass by “{names.route(route)}”"
        case ["exits", _, "leavers", power]:
            return f"if {names.power(power)} withdrew {'further' if more else 'less far'}"
        case ["concessions", concession, "answers", power, "probability"]:
            likely = "likelier" if more else "less likely"
            return f"if {names.power(power)} were {likely} to answer “{names.concession(concession)}”"
        case ["rescue", "candidates", power, "motives", motive]:
            size = "more" if more else "less"
            return (
                f"if {_MOTIVES.get(motive, motive.replace('_', ' '))} counted {size} for {names.power(power)}"
            )
    return f"if “{path_words(path, reading)}” were {'higher' if more else 'lower'}"


def outside(path: str, value: float, case: Mapping[str, Any]) -> bool:
    """Whether a value lies beyond the range that the case itself states for an input."""
    node: Any = case
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    stated = node.get("range") if isinstance(node, Mapping) else None
    if not isinstance(stated, list) or len(stated) != 2:
        return False
    return not float(stated[0]) <= value <= float(stated[1])
