"""What a claim may read: one table of variables, and the labels that a case or a study gives them.

:data:`TABLE` mirrors the tables of ``docs/findings.md`` (a test compares the two). A :class:`Catalogue` joins
it with labels: from a case alone, so that claims are checked before anything is computed, or from findings,
so that they can be evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tertius.case.asked import asked
from tertius.claims.language import ClaimError, Reference, canonical, likeness, nearest
from tertius.claims.tables import TABLES, Entry, labels_of, table_of

if TYPE_CHECKING:
    import xarray as xr

    from tertius.case import Case
    from tertius.case.schema.domains import Exit

__all__ = ["TABLE", "Catalogue", "Entry", "Readable", "Selection", "from_case", "from_findings", "select"]

TOTAL = "total"
ALL = "*"

SUMMED = ("domain", "flow")
"""Dimensions whose total is meant where a claim gives no label."""


_POWERS = ("draw", "power", "domain")
_TRADE = ("draw", "sector", "region")
_BILLION = "billion, baseline prices"

TABLE: tuple[Entry, ...] = (
    Entry("inputs", "value", ("draw", "input")),
    Entry("inputs", "central", ("input",)),
    Entry("inputs", "spread", ("input",)),
    Entry("inputs", "kind", ("input",), text=True),
    Entry("inputs", "unit", ("input",), text=True),
    Entry("inputs", "source", ("input",), text=True),
    Entry("inputs", "reason", ("input",), text=True),
    Entry("inputs", "distribution", ("input",), text=True),
    Entry("levers", "lever", _POWERS, "log points"),
    Entry("levers", "transit_alone", ("draw", "power"), "log points"),
    Entry("levers", "reverse", _POWERS, "log points"),
    Entry("levers", "net", _POWERS, "log points"),
    Entry("levers", "tie", _POWERS, "share"),
    Entry("levers", "effective_powers", ("draw", "domain"), "powers"),
    Entry("levers", "inverse_herfindahl", ("draw", "domain"), "powers"),
    Entry("displacement", "leverage_before", _POWERS, "log points"),
    Entry("displacement", "leverage_after", _POWERS, "log points"),
    Entry("displacement", "leverage_gain", _POWERS, "log points"),
    Entry("displacement", "tie_after", _POWERS, "share"),
    Entry("displacement", "effective_powers_after", ("draw", "domain"), "powers"),
    Entry("displacement", "inverse_herfindahl_after", ("draw", "domain"), "powers"),
    Entry("displacement", "vacuum_share", ("draw", "power", "flow"), "share", leavers=False),
    Entry("displacement", "unfilled", ("draw", "flow"), "share"),
    Entry("displacement", "filled_by_own", ("draw", "flow"), "share"),
    Entry("displacement", "filled_by_others", ("draw", "flow"), "share"),
    Entry("displacement", "client_loss", ("draw", "domain"), "log points"),
    Entry("displacement", "trade_welfare", ("draw", "region"), "log points"),
    Entry("displacement", "who_pays", ("draw", "party"), "log points"),
    Entry("displacement", "tertius_by_leverage", ("power", "domain"), "probability", leavers=False),
    Entry("displacement", "tertius_by_vacuum", ("power", "flow"), "probability", leavers=False),
    Entry("displacement", "exports_before", _TRADE, _BILLION),
    Entry("displacement", "exports_after", _TRADE, _BILLION),
    Entry("displacement", "imports_before", _TRADE, _BILLION),
    Entry("displacement", "imports_after", _TRADE, _BILLION),
    Entry("displacement", "cap_rent", ("draw", "route"), "log points"),
    Entry("displacement", "residual", ("draw",), "1"),
    *(entry for group in TABLES for entry in table_of(group)),
)

SECTIONS = tuple(dict.fromkeys(e.section for e in TABLE))


@dataclass(frozen=True)
class Readable:
    """A variable that exists, with its labels.

    Attributes
    ----------
    name
        As a claim writes it: ``exits.russia_out.client_loss``.
    path, variable
        Where it stands in the findings: group and name.
    drawn
        Whether it has the dimension ``draw``.
    labels
        Dimension (without ``draw``) to its labels, in the variable's order.
    absent
        Labels that by definition have no value: the powers that leave, in what counts only those who remain.
    exact
        Labels of figures that are no draws but known, with their values: the exact inputs of a case.
    """

    name: str
    path: str
    variable: str
    drawn: bool
    labels: Mapping[str, tuple[str, ...]]
    absent: frozenset[str] = frozenset()
    exact: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """What a reference picks from a variable.

    Attributes
    ----------
    readable
        The variable.
    fixed
        Dimension to the one label picked.
    left
        Dimension to the labels that remain, in order; ``total`` is never among them.
    """

    readable: Readable
    fixed: Mapping[str, str]
    left: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Catalogue(Mapping[str, Readable]):
    """Everything that a claim may read, by the name that it writes."""

    variables: Mapping[str, Readable]

    def __getitem__(self, name: str) -> Readable:
        return self.variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)

    def find(self, reference: Reference) -> Readable:
        """Look up the variable that a reference names.

        Raises
        ------
        ClaimError
            If there is none, with the nearest that there is.
        """
        name = canonical(reference)
        if name in self.variables:
            return self.variables[name]
        group, _, last = name.rpartition(".")
        groups = tuple(dict.fromkeys(v.rpartition(".")[0] for v in self.variables))
        if group in groups:
            inside = [v.rpartition(".")[2] for v in self.variables if v.rpartition(".")[0] == group]
            message, hint = f"'{group}' has no variable '{last}'", nearest(last, inside)
        elif name in groups:
            inside = [v for v in self.variables if v.rpartition(".")[0] == name]
            message, hint = f"'{name}' is a group, not a variable", f"write for instance {inside[0]}"
        elif group:
            message, hint = f"there is no group '{group}'", nearest(group, groups)
        else:
            # Most likely the group was left out, so the last part is what to compare with.
            ending = {v.rpartition(".")[2]: v for v in list(self.variables)[::-1]}
            close = max(ending, key=lambda v: likeness(name, v), default="")
            message = f"there is no variable '{name}'; a name is a group, a dot and a variable"
            hint = f"did you mean '{ending[close]}'?" if close else ""
        raise ClaimError(message, column=reference.at, code="claim-name", hint=hint)


def select(reference: Reference, readable: Readable) -> Selection:
    """Match a reference's labels with a variable's dimensions.

    A label belongs to the dimension at its own place if that has it, else to the only other one that does;
    ``*`` then takes the dimensions at its place, or the first still free. Of what no label was given for,
    ``domain`` and ``flow`` take ``total``.

    Raises
    ------
    ClaimError
        If there are more labels than dimensions, or one that no dimension has, or that several have.
    """
    given = reference.labels or ()
    dims = list(readable.labels)
    if len(given) > len(dims):
        room = f"only {', '.join(dims)}" if dims else "no dimension"
        raise ClaimError(
            f"'{reference}' has {len(given)} labels, but {readable.name} has {room} to choose from",
            column=reference.columns[len(dims)],
            code="claim-labels",
        )
    fixed: dict[str, str] = {}
    starred: set[str] = set()
    for place, label in enumerate(given):
        if label != ALL and label in _known(readable, dims[place]):
            fixed[dims[place]] = label
    for place, label in enumerate(given):
        if label == ALL or fixed.get(dims[place]) == label:
            continue
        having = [d for d in dims if d not in fixed and label in _known(readable, d)]
        if not having:
            raise _no_label(reference.columns[place], readable, label, [d for d in dims if d not in fixed])
        if len(having) > 1:
            raise ClaimError(
                f"'{label}' could be a {' or a '.join(having)}",
                column=reference.columns[place],
                code="claim-labels",
                hint=f"give a label or * for each of {', '.join(dims)}, in this order",
            )
        fixed[having[0]] = label
    for place, label in enumerate(given):
        if label == ALL:
            free = [d for d in dims if d not in fixed and d not in starred]
            starred.add(dims[place] if dims[place] in free else free[0])
    for place, label in enumerate(given):
        if label in readable.absent:
            raise ClaimError(
                f"'{label}' leaves in this exit, and {readable.name} counts only those who remain",
                column=reference.columns[place],
                code="claim-labels",
            )
    for dim in SUMMED:
        if dim in dims and dim not in fixed and dim not in starred and TOTAL in readable.labels[dim]:
            fixed[dim] = TOTAL
    left = {
        d: tuple(x for x in readable.labels[d] if x != TOTAL and x not in readable.absent)
        for d in dims
        if d not in fixed
    }
    return Selection(readable, fixed, left)


def _known(readable: Readable, dim: str) -> Sequence[str]:
    return (*readable.labels[dim], *readable.exact) if dim == "input" else readable.labels[dim]


def _no_label(column: int, readable: Readable, label: str, free: list[str]) -> ClaimError:
    every = [x for d in free for x in _known(readable, d)]
    short = [f"{d}: {', '.join(_known(readable, d))}" for d in free if len(_known(readable, d)) <= 8]
    hint = nearest(label, every)
    if hint:
        hint = "; ".join([hint.partition(";")[0], *short])
    return ClaimError(
        f"{readable.name} has no {' or '.join(free) or 'further dimension'} called '{label}'",
        column=column,
        code="claim-label",
        hint=hint,
    )


def from_case(case: Case) -> Catalogue:
    """List what the claims of a case may read, from its own labels alone.

    Parameters
    ----------
    case
        Nothing of it is computed.

    Returns
    -------
    Catalogue
        The variables whose models have the sections that they need.
    """
    powers = tuple(case.powers)
    trade = case.trade
    domains: tuple[str, ...] = tuple(case.domains)
    labels: dict[str, tuple[str, ...]] = {"power": powers}
    if trade is None:
        labels |= {"domain": (*domains, TOTAL), "flow": (*domains, TOTAL)}
    else:
        transit = ("transit",) if any(route.owner for route in trade.routes) else ()
        labels |= {
            "domain": ("trade", *transit, *domains, TOTAL),
            "flow": ("trade_exports", "trade_imports", "trade", *domains, TOTAL),
            "party": ("client", *powers, "world"),
            "region": tuple(trade.regions),
            "sector": tuple(trade.sectors),
            "route": tuple(route.id for route in trade.routes),
        }
    # Which inputs a study draws does not matter here: an exact one can be read as well.
    labels["input"] = tuple(i.path for i in case.inputs())
    groups: list[tuple[str, str, str, Exit | None]] = [("inputs", "inputs", "inputs", None)]
    if domains or trade is not None:
        groups.append(("levers", "levers", "levers", None))
        for k, (key, leaving) in enumerate(case.exits.items()):
            path = f"exits/{key}" if k else "displacement"
            if k == 0:
                groups.append(("displacement", "displacement", path, leaving))
            groups.append(("displacement", f"exits.{key}", path, leaving))
    own: dict[str, dict[str, tuple[str, ...]]] = {}
    for group in asked(case):
        if group in TABLES:
            groups.append((group, group, group, None))
            own[group] = labels_of(group, case)
    found: dict[str, Readable] = {}
    for section, group, path, what_if in groups:
        known = labels | own.get(section, {})
        leavers: frozenset[str] = frozenset() if what_if is None else frozenset(what_if.leavers)
        for entry in TABLE:
            dims = [d for d in entry.dims if d != "draw"]
            if entry.section != section or entry.text or not all(d in known for d in dims):
                continue
            if entry.name == "transit_alone" and "transit" not in labels["domain"]:
                continue
            found[f"{group}.{entry.name}"] = Readable(
                name=f"{group}.{entry.name}",
                path=path,
                variable=entry.name,
                drawn="draw" in entry.dims,
                labels={d: known[d] for d in dims},
                absent=frozenset() if entry.leavers else leavers,
            )
    return Catalogue(found)


def from_findings(findings: xr.DataTree, exact: Mapping[str, float] | None = None) -> Catalogue:
    """List what the claims can read of a study that ran.

    Parameters
    ----------
    findings
        Laid out as ``docs/findings.md`` says.
    exact
        Dotted path to value of the inputs that are known exactly and so were not drawn.

    Returns
    -------
    Catalogue
        The variables of :data:`TABLE` that are there. Exits stand under ``exits.<id>``, and the first under
        ``displacement`` as well.
    """
    groups = [(section, section, section) for section in SECTIONS if section in findings.children]
    if "displacement" in findings.children:
        first = findings["displacement"].attrs["exit"]
        groups.append(("displacement", f"exits.{first}", "displacement"))
    if "exits" in findings.children:
        further = findings["exits"].children
        groups.extend(("displacement", f"exits.{key}", f"exits/{key}") for key in further)
    found: dict[str, Readable] = {}
    for section, group, path in groups:
        data = findings[path].to_dataset()
        variables = data.variables
        names = {str(d): tuple(str(x) for x in variables[d].values) for d in data.sizes if d != "draw"}
        leavers = frozenset(json.loads(data.attrs.get("leavers", "{}")))
        for entry in TABLE:
            if entry.section != section or entry.text or entry.name not in data.data_vars:
                continue
            dims = [str(d) for d in variables[entry.name].dims]
            found[f"{group}.{entry.name}"] = Readable(
                name=f"{group}.{entry.name}",
                path=path,
                variable=entry.name,
                drawn="draw" in dims,
                labels={d: names[d] for d in dims if d != "draw"},
                absent=frozenset() if entry.leavers else leavers,
                exact=dict(exact or {}) if entry.name in ("value", "central") else {},
            )
    return Catalogue(found)
