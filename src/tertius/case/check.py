"""Second pass of a check: whether a case that has the right shape means something.

Each check is a function with a code, entered in :data:`CHECKS` by the decorator; the tests hold the registry
against the broken cases and against the documentation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from tertius.case.document import Document, Mapping, Scalar, child
from tertius.case.problems import Problem, nearest
from tertius.case.quantity import SET, Quantity
from tertius.case.schema.root import Case
from tertius.case.walk import Found, walk

__all__ = ["CHECKS", "Check", "Context", "meaning"]

Severity = Literal["error", "warning"]
Path = tuple[Any, ...]

TOLERANCE = 1e-9
ROUNDING = 0.02
"""By how much the central values of uncertain shares may miss one; every draw is scaled to one."""

RESERVED = ("all", "client", "guarantee", "none", "own", "total", "trade", "transit", "world")
"""Names that findings and claims use for something else."""


@dataclass
class Context:
    """A case under check, with the document that it was read from.

    Attributes
    ----------
    case
        What validated.
    document
        The document, with what did not validate taken out.
    whole
        The document as it was written.
    """

    case: Case
    document: Document
    whole: Document
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def found(self) -> list[Found]:
        """Every quantity and reference of the case."""
        return list(walk(self.case))

    @cached_property
    def quantities(self) -> dict[str, Found]:
        """Every quantity by its dotted path."""
        return {item.dotted: item for item in self.found if not item.kind}

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The valid names by kind of reference, those of broken entries included."""
        powers, domains = self.keys("powers"), self.keys("domains")
        client = self.case.client.id
        return {
            "power": powers,
            "supplier": ("own", *powers),
            "party": ("client", client, *powers),
            "region": self.keys("trade", "regions"),
            "sector": self.keys("trade", "sectors"),
            "domain": domains,
            "any_domain": ("trade", *domains),
            "threat": ("trade", "transit", "guarantee", *domains),
            "source": self.keys("sources"),
            "treaty": self.keys("treaties"),
            "observer": ("client", *self.keys("observers")),
            "claim": self._ids("claims"),
        }

    def keys(self, *path: str) -> tuple[str, ...]:
        """Return the keys of a mapping as it was written, those of broken entries included."""
        node, found = self.whole.find(path)
        return tuple(map(str, node.entries)) if found == len(path) and isinstance(node, Mapping) else ()

    def _ids(self, *path: str) -> tuple[str, ...]:
        node, found = self.whole.find(path)
        items = getattr(node, "items", ()) if found == len(path) and not isinstance(node, Mapping) else ()
        identities = (child(item, "id") for item in items)
        return tuple(str(node.value) for node in identities if isinstance(node, Scalar))

    def damaged(self, path: Path) -> bool:
        """Whether something within a path was taken out because it did not validate."""
        node, found = self.document.find(path)
        return found == len(path) and node.damaged


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a check has to say about one place."""

    path: Path
    message: str
    expected: str = ""
    nearest: str = ""
    key: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check."""

    code: str
    severity: Severity
    about: str
    run: Callable[[Context], Iterator[Trouble]]


CHECKS: dict[str, Check] = {}
"""All checks by code."""


Run = Callable[[Context], Iterator[Trouble]]


def check(code: str, about: str, severity: Severity = "error") -> Callable[[Run], Run]:
    """Enter a function in the registry, under a code that no other has."""

    def enter(run: Run) -> Run:
        assert code not in CHECKS
        CHECKS[code] = Check(code, severity, about, run)
        return run

    return enter


def meaning(context: Context) -> list[Problem]:
    """Run every check; leave out what is said about a place from which something broken was taken out."""
    problems = []
    for registered in CHECKS.values():
        for trouble in registered.run(context):
            if context.damaged(trouble.path):
                continue
            at = context.document.at(trouble.path, key=trouble.key)
            problems.append(
                Problem(
                    registered.severity,
                    registered.code,
                    trouble.message,
                    at.file,
                    at.line,
                    at.column,
                    path=context.document.dotted(trouble.path),
                    expected=trouble.expected,
                    nearest=trouble.nearest,
                )
            )
    return problems


# Names


def _unknown(context: Context, kinds: tuple[str, ...], noun: str, where: str) -> Iterator[Trouble]:
    if noun == "power" and not context.names["power"]:
        return  # that there are none is reported, and every mention of one would be
    for item in context.found:
        if item.kind in kinds and item.value not in context.names[item.kind]:
            valid = context.names[item.kind]
            near = nearest(item.value, valid)
            if item.kind != "source" and near.lower() == item.value:
                continue  # it is spelt right here, and reported where it is declared
            expected = "" if near else f"one of {', '.join(valid)}" if valid else f"the case has no {noun}s"
            yield Trouble(
                item.path,
                f"`{item.value}` is no {noun} {where}",
                expected=expected,
                nearest=near,
                key=item.key,
            )


@check("unknown-power", "a power that is not declared under `powers`")
def _power(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("power", "supplier", "party"), "power", "of this case")


@check("unknown-region", "a region that is not declared under `trade.regions`")
def _region(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("region",), "region", "under `trade.regions`")


@check("unknown-sector", "a sector that is not declared under `trade.sectors`")
def _sector(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("sector",), "sector", "under `trade.sectors`")


@check("unknown-domain", "a tie, a what-if or a threat in a domain that is not declared")
def _domain(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("domain", "any_domain", "threat"), "domain", "of this case")


@check("unknown-source", "a source key that is not in the bibliography")
def _source(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("source",), "source", "in the bibliography `sources`")


@check("unknown-claim", "an outcome that bears on a claim that is not there")
def _claim(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("claim",), "claim", "of this case")


@check("unknown-treaty", "a treaty that is not declared under `treaties`")
def _treaty(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("treaty",), "treaty", "under `treaties`")


@check("unknown-observer", "an observer that is not declared under `observers`")
def _observer(context: Context) -> Iterator[Trouble]:
    yield from _unknown(context, ("observer",), "observer", "under `observers`")


@check("reserved-name", "a name that findings and claims use for something else")
def _reserved(context: Context) -> Iterator[Trouble]:
    for section in (("powers",), ("domains",), ("trade", "regions"), ("trade", "sectors"), ("observers",)):
        for name in context.keys(*section):
            if name in RESERVED:
                yield Trouble(
                    (*section, name), f"`{name}` is a reserved name", expected="another name", key=True
                )


@check("duplicate-id", "two entries of a list with one id")
def _duplicate_id(context: Context) -> Iterator[Trouble]:
    case = context.case
    lists: list[tuple[Path, tuple[Any, ...]]] = [
        (("claims",), case.claims),
        (("outcomes",), case.outcomes),
        (("history",), case.history),
    ]
    if case.trade is not None:
        lists += [(("trade", "adjust"), case.trade.adjust), (("trade", "routes"), case.trade.routes)]
    if case.signals is not None:
        lists.append((("signals", "events"), case.signals.events))
    for path, entries in lists:
        seen: dict[str, int] = {}
        for number, entry in enumerate(entries):
            if entry.id in seen:
                first = context.document.at((*path, seen[entry.id])).line
                yield Trouble((*path, number, "id"), f"the id `{entry.id}` is taken, in line {first}")
            seen.setdefault(entry.id, number)


@check("duplicate-number", "two claims with one number")
def _duplicate_number(context: Context) -> Iterator[Trouble]:
    seen: dict[int, str] = {}
    for place, claim in enumerate(context.case.claims):
        if claim.number is None:
            continue
        if claim.number in seen:
            yield Trouble(
                ("claims", place, "number"),
                f"number {claim.number} is taken, by the claim `{seen[claim.number]}`",
            )
        seen.setdefault(claim.number, claim.id)


# Countries


@check("country-twice", "a country that is a member of two powers, or of two regions")
def _country_twice(context: Context) -> Iterator[Trouble]:
    case = context.case
    groups: list[tuple[Path, str, dict[str, Any]]] = [(("powers",), "power", case.powers)]
    if case.trade is not None:
        groups.append((("trade", "regions"), "region", case.trade.regions))
    for path, noun, entries in groups:
        home: dict[str, str] = {}
        for name, entry in entries.items():
            for number, country in enumerate(() if entry.members == "rest" else entry.members):
                where = (*path, name, "members", number)
                if home.get(country) == name:
                    yield Trouble(where, f"{country} stands twice in `{name}`")
                elif country in home:
                    yield Trouble(where, f"{country} is already a member of the {noun} `{home[country]}`")
                elif noun == "power" and country == case.client.iso3:
                    yield Trouble(where, f"{country} is the client and cannot belong to a power")
                home.setdefault(country, name)


@check("client-is-power", "a client with the name of a power")
def _client_is_power(context: Context) -> Iterator[Trouble]:
    if context.case.client.id in context.case.powers:
        yield Trouble(("client", "id"), f"the client `{context.case.client.id}` cannot also be a power")


@check("client-no-region", "a client that is not one of the regions of trade")
def _client_no_region(context: Context) -> Iterator[Trouble]:
    client = context.case.client.id
    regions = context.names["region"]
    if context.case.trade is not None and client not in regions:
        near = nearest(client, regions)
        yield Trouble(
            ("trade", "regions"),
            f"the client `{client}` is not among the regions",
            expected=f"a region with the id `{client}`",
            nearest=near,
            key=True,
        )


@check("power-no-region", "a power that is not one of the regions of trade")
def _power_no_region(context: Context) -> Iterator[Trouble]:
    regions = context.names["region"]
    if context.case.trade is None:
        return
    for power in context.names["power"]:
        if power not in regions:
            yield Trouble(
                ("trade", "regions"),
                f"the power `{power}` is not among the regions",
                expected=f"a region with the id `{power}`",
                nearest=nearest(power, regions),
                key=True,
            )


@check(
    "members-differ",
    "a power whose region has other countries, so that the flows measure something else",
    "warning",
)
def _members_differ(context: Context) -> Iterator[Trouble]:
    trade, case = context.case.trade, context.case
    if trade is None:
        return
    wanted = {name: set(power.members) for name, power in case.powers.items()}
    wanted[case.client.id] = {case.client.iso3}
    for name, members in wanted.items():
        region = trade.regions.get(name)
        if region is None:
            continue
        there = set() if region.members == "rest" else set(region.members)
        if there != members and not context.damaged(("powers", name)):
            only = ", ".join(sorted(there ^ members))
            yield Trouble(
                ("trade", "regions", name, "members"),
                f"region and {'client' if name == case.client.id else 'power'} `{name}` differ in {only}",
            )


@check("two-rests", "more than one region for the rest of the world")
def _two_rests(context: Context) -> Iterator[Trouble]:
    trade = context.case.trade
    rests = (
        [] if trade is None else [name for name, region in trade.regions.items() if region.members == "rest"]
    )
    for name in rests[1:]:
        yield Trouble(("trade", "regions", name, "members"), f"`{rests[0]}` is already the rest of the world")


# Flows


@check("flow-missing", "a flow that is not stated: missing is not zero")
def _flow_missing(context: Context) -> Iterator[Trouble]:
    trade = context.case.trade
    if trade is None:
        return
    for name, sector in trade.sectors.items():
        table = trade.flows.get(name)
        if table is None:
            if name not in context.keys("trade", "flows"):
                yield Trouble(("trade", "flows"), f"the sector `{name}` has no flow table", key=True)
            continue
        pairs = [
            (origin, destination)
            for origin in trade.regions
            for destination in trade.regions
            if sector.traded or origin == destination
        ]
        absent = [f"{o} → {d}" for o, d in pairs if d not in table.table.get(o, {})]
        if absent:
            shown = ", ".join(absent[:6]) + (f" and {len(absent) - 6} more" if len(absent) > 6 else "")
            yield Trouble(
                ("trade", "flows", name, "table"),
                f"the table of `{name}` does not state {shown}",
                expected="a figure for each; 0 where there is none",
                key=True,
            )


@check("flow-not-traded", "a flow between regions in a sector that is sold at home only")
def _flow_not_traded(context: Context) -> Iterator[Trouble]:
    trade = context.case.trade
    if trade is None:
        return
    for name, table in trade.flows.items():
        sector = trade.sectors.get(name)
        if sector is None or sector.traded:
            continue
        for origin, row in table.table.items():
            for destination, flow in row.items():
                if origin != destination and not (flow.is_exact and flow.central == 0.0):
                    yield Trouble(
                        ("trade", "flows", name, "table", origin, destination),
                        f"`{name}` is sold at home only, and {origin} → {destination} is not",
                        expected="no such cell, or `traded: true` for the sector",
                        key=True,
                    )


@check("no-sales", "a region that sells nothing or buys nothing in all sectors together")
def _no_sales(context: Context) -> Iterator[Trouble]:
    trade = context.case.trade
    if trade is None or context.damaged(("trade", "flows")):
        return
    sold: Counter[str] = Counter()
    bought: Counter[str] = Counter()
    for table in trade.flows.values():
        for origin, row in table.table.items():
            for destination, flow in row.items():
                sold[origin] += int(flow.central > 0)
                bought[destination] += int(flow.central > 0)
    for name in trade.regions:
        for counted, verb in ((sold, "sells"), (bought, "buys")):
            if not counted[name]:
                yield Trouble(("trade", "regions", name), f"`{name}` {verb} nothing in any sector", key=True)


@check("table-origin", "a flow table with neither a source nor a reason, or with both")
def _table_origin(context: Context) -> Iterator[Trouble]:
    trade = context.case.trade
    if trade is None:
        return
    for name, table in trade.flows.items():
        where = ("trade", "flows", name)
        if (table.source is None) == (table.assumed is None):
            what = (
                "neither a `source` nor `assumed`" if table.source is None else "both `source` and `assumed`"
            )
            yield Trouble(where, f"the table of `{name}` has {what}", expected="one of the two", key=True)


# Shares and domains


@check("shares-above-one", "shares that add up to more than one")
def _shares_above_one(context: Context) -> Iterator[Trouble]:
    for name, domain in context.case.domains.items():
        if domain.ties.map != "share":
            continue
        ties = [domain.ties.own, *domain.ties.to_client.values()]
        total = sum(tie.central for tie in ties)
        if total > 1.0 + (TOLERANCE if all(tie.is_exact for tie in ties) else ROUNDING):
            yield Trouble(
                ("domains", name, "ties"),
                f"the shares in `{name}` add up to {total:.4g}",
                expected="at most 1, own provision included; approvals need `map: approval`",
                key=True,
            )


@check(
    "shares-below-one",
    "shares that add up to clearly less than one, and are scaled up in every draw",
    "warning",
)
def _shares_below_one(context: Context) -> Iterator[Trouble]:
    for name, domain in context.case.domains.items():
        if domain.ties.map != "share":
            continue
        total = sum(tie.central for tie in [domain.ties.own, *domain.ties.to_client.values()])
        if total < 0.9:
            yield Trouble(
                ("domains", name, "ties"),
                f"the shares in `{name}` add up to {total:.3g} and are scaled up to 1 in every draw",
                key=True,
            )


@check("no-supply", "a domain in which nobody supplies anything")
def _no_supply(context: Context) -> Iterator[Trouble]:
    for name, domain in context.case.domains.items():
        ties = [domain.ties.own, *domain.ties.to_client.values()]
        if not any(tie.interval(0.999)[1] > 0 for tie in ties):
            yield Trouble(("domains", name, "ties"), f"nobody supplies anything in `{name}`", key=True)


@check("no-capacity", "a supplier with a tie but without a supply elasticity")
def _no_capacity(context: Context) -> Iterator[Trouble]:
    for name, domain in context.case.domains.items():
        suppliers = ["own", *domain.ties.to_client]
        absent = [supplier for supplier in suppliers if supplier not in domain.capacity]
        if absent:
            yield Trouble(
                ("domains", name, "capacity"),
                f"`capacity` in `{name}` says nothing of {', '.join(absent)}",
                expected="a supply elasticity for every supplier and for `own`; `.inf` is allowed",
                key=True,
            )


@check("nest-twice", "a supplier that stands in two nests of a domain")
def _nest_twice(context: Context) -> Iterator[Trouble]:
    for name, domain in context.case.domains.items():
        seen: set[str] = set()
        for g, group in enumerate(domain.nests.groups if domain.nests is not None else ()):
            for m, member in enumerate(group):
                if member in seen:
                    yield Trouble(
                        ("domains", name, "nests", "groups", g, m), f"`{member}` stands in two nests"
                    )
                seen.add(member)


@check("exit-pusher-leaves", "a power that pushes itself out")
def _pusher_leaves(context: Context) -> Iterator[Trouble]:
    for name, exit_ in context.case.exits.items():
        for number, pusher in enumerate(exit_.pushed_by):
            if pusher in exit_.leavers:
                yield Trouble(("exits", name, "pushed_by", number), f"`{pusher}` cannot push itself out")


# Homes of figures


def _in_sourced_table(item: Found) -> bool:
    return item.path[:2] == ("trade", "flows")


@check("no-home", "a distribution with neither a source nor a reason")
def _no_home(context: Context) -> Iterator[Trouble]:
    for item in context.quantities.values():
        q: Quantity = item.value
        bare = q.value is not None and not q.sd
        if q.source is None and q.assumed is None and not (bare or q.choice or _in_sourced_table(item)):
            yield Trouble(
                item.path,
                f"`{item.path[-1]}` has neither a source nor a reason",
                expected="`source: key`, or `assumed: why`",
                key=True,
            )


@check("exact-no-source", "an exact number without a source", "warning")
def _exact_no_source(context: Context) -> Iterator[Trouble]:
    for item in context.quantities.values():
        q: Quantity = item.value
        bare = q.value is not None and not q.sd
        if bare and q.source is None and q.assumed is None and not (q.choice or _in_sourced_table(item)):
            yield Trouble(
                item.path, f"`{item.path[-1]}` is taken as exactly {q.value:g}, without a source", key=True
            )


@check("default-spread", "an assumption without a spread, which gets a wide one", "warning")
def _default_spread(context: Context) -> Iterator[Trouble]:
    for item in context.quantities.values():
        q: Quantity = item.value
        if q.has_default_spread:
            yield Trouble(item.path, f"`{item.path[-1]}` is {q.describe()}", key=True)


@check(
    "no-default-spread",
    "an assumption on the edge of what is possible, or of zero, which gives no scale for a spread",
    "warning",
)
def _no_default_spread(context: Context) -> Iterator[Trouble]:
    for item in context.quantities.values():
        q: Quantity = item.value
        if q.assumed is None or q.value is None or q.sd is not None or not q.is_exact or q.choice:
            continue
        if q.value != float("inf"):
            yield Trouble(
                item.path,
                f"`{item.path[-1]}` is assumed to be exactly {q.value:g}",
                expected="a range if it could be otherwise, or `sd: 0` if it is meant exactly",
                key=True,
            )


@check("source-unused", "a source that nothing refers to", "warning")
def _source_unused(context: Context) -> Iterator[Trouble]:
    if context.document.root.damaged:
        return
    used = {item.value for item in context.found if item.kind == "source"}
    for key in context.case.sources:
        if key not in used:
            yield Trouble(("sources", key), f"nothing refers to the source `{key}`", key=True)


# Claims, outcomes, correlations


@check("empty-expression", "a claim with an empty expression")
def _empty_expression(context: Context) -> Iterator[Trouble]:
    for number, claim in enumerate(context.case.claims):
        if claim.expression is not None and not claim.expression.strip():
            yield Trouble(
                ("claims", number, "expression"),
                f"the expression of `{claim.id}` is empty",
                expected="an expression; leave the field out if nothing computes the claim yet",
                key=True,
            )


@check("outcome-as-input", "an expression, a correlation or a source that refers to what happened afterwards")
def _outcome_as_input(context: Context) -> Iterator[Trouble]:
    message = "what happened afterwards is for scoring only and cannot be used here"
    for number, claim in enumerate(context.case.claims):
        if claim.expression is not None and re.search(r"\boutcomes?\s*[.\[]", claim.expression):
            yield Trouble(("claims", number, "expression"), message)
    for item in context.found:
        is_path = item.kind == "input" and str(item.value).split(".")[0] == "outcomes"
        is_source = item.kind == "source" and str(item.value) in {o.id for o in context.case.outcomes}
        if is_path or (is_source and item.path[0] != "outcomes" and item.value not in context.case.sources):
            yield Trouble(item.path, message)


@check(
    "outcome-forecast",
    "an outcome that settles a forecast that the case cannot make, or not with a yes or a no",
)
def _outcome_forecast(context: Context) -> Iterator[Trouble]:
    for number, outcome in enumerate(context.case.outcomes):
        if outcome.forecast is None:
            continue
        if context.case.rescue is None or context.case.crisis is None:
            yield Trouble(
                ("outcomes", number, "forecast"),
                "nothing forecasts this without the sections `crisis` and `rescue`",
                key=True,
            )
        elif not isinstance(outcome.value, bool):
            yield Trouble(
                ("outcomes", number, "forecast"),
                f"`{outcome.id}` does not say whether it happened",
                expected="`value: true` or `value: false`",
                key=True,
            )


@check("unknown-input", "a path, in a correlation or under `asserts`, that is no figure of the case")
def _unknown_input(context: Context) -> Iterator[Trouble]:
    for item in context.found:
        if item.kind != "input" or str(item.value).split(".")[0] == "outcomes":
            continue
        if item.value not in context.quantities and context.whole.locate(item.value) is None:
            yield Trouble(
                item.path,
                f"`{item.value}` is no figure of this case",
                nearest=nearest(item.value, context.quantities),
                expected="the dotted path of a figure",
            )
        elif item.value not in context.quantities and not _broken_there(context, item.value):
            yield Trouble(
                item.path,
                f"`{item.value}` is no single figure",
                nearest=next((path for path in context.quantities if path.startswith(f"{item.value}.")), ""),
                expected="the dotted path of a figure",
            )


def _broken_there(context: Context, path: str) -> bool:
    """Whether what stands at a path in the file was taken out because it did not validate."""
    return context.document.locate(path) is None


@check("correlation-exact", "a correlation with a figure that is exact, which changes nothing", "warning")
def _correlation_exact(context: Context) -> Iterator[Trouble]:
    for number, correlation in enumerate(context.case.correlations):
        for side, path in enumerate(correlation.between):
            found = context.quantities.get(path)
            if found is not None and found.value.is_exact and found.value.assumed != SET:
                yield Trouble(
                    ("correlations", number, "between", side), f"`{path}` is exact and varies with nothing"
                )


@check("correlation-home", "a correlation with neither a source nor a reason, or with both")
def _correlation_home(context: Context) -> Iterator[Trouble]:
    for number, correlation in enumerate(context.case.correlations):
        if (correlation.source is None) == (correlation.assumed is None):
            yield Trouble(
                ("correlations", number),
                "this correlation needs a home",
                expected="either `source: key` or `assumed: why`",
            )


@check("correlation-impossible", "correlations that cannot hold together")
def _correlation_impossible(context: Context) -> Iterator[Trouble]:
    correlations = context.case.correlations
    paths = sorted({path for correlation in correlations for path in correlation.between})
    place = {path: number for number, path in enumerate(paths)}
    matrix = np.eye(len(paths))
    seen: set[frozenset[str]] = set()
    for number, correlation in enumerate(correlations):
        a, b = correlation.between
        if a == b:
            yield Trouble(("correlations", number, "between"), "a figure cannot be correlated with itself")
            return
        if frozenset((a, b)) in seen:
            yield Trouble(("correlations", number), f"`{a}` and `{b}` already have a correlation")
            return
        seen.add(frozenset((a, b)))
        matrix[place[a], place[b]] = matrix[place[b], place[a]] = correlation.value
    if len(paths) and float(np.linalg.eigvalsh(matrix)[0]) <= 1e-10:
        yield Trouble(
            ("correlations",),
            "these correlations cannot hold together: their matrix is not positive definite",
            expected="weaker correlations, or ones that agree with each other",
            key=True,
        )


# Crisis, rescue and after


@check("patron-answers", "a concession whose own patron is named as a third party")
def _patron_answers(context: Context) -> Iterator[Trouble]:
    for name, concession in context.case.concessions.items():
        if concession.patron in concession.answers:
            yield Trouble(
                ("concessions", name, "answers", concession.patron),
                f"`{concession.patron}` demands this and cannot be a third party to it",
                key=True,
            )


@check(
    "own-damage-size", "damage made good without a section `trade`, which says how large client and power are"
)
def _own_damage(context: Context) -> Iterator[Trouble]:
    if context.case.trade is not None:
        return
    for name, concession in context.case.concessions.items():
        if concession.own_damage is not None:
            yield Trouble(
                ("concessions", name, "own_damage"),
                "how large the client is against the power is read from `trade`, which this case does not have",
                key=True,
            )


@check("capability-missing", "an actor of an issue without a capability, whose levers cannot give one")
def _capability_missing(context: Context) -> Iterator[Trouble]:
    for name, issue in context.case.issues.items():
        for actor, entry in issue.actors.items():
            if entry.capability is None and actor not in context.names["power"]:
                yield Trouble(
                    ("issues", name, "actors", actor),
                    f"`{actor}` has no `capability`, and only a power's can be left to its levers",
                    key=True,
                )
