"""What a brief reads off findings: medians, intervals and names, and nothing that a model would compute.

Every rendering (terminal, page, JSON) starts from one :class:`Reading`, so that none of them can say
something that another does not. The layout read here is specified in ``docs/findings.md``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from tertius._brief.words import Estimate

__all__ = [
    "Cells",
    "Claim",
    "Comparison",
    "Displacement",
    "Driver",
    "Estimated",
    "InputFigure",
    "Levers",
    "Names",
    "Provenance",
    "Reading",
    "Structures",
    "estimates",
]

T = TypeVar("T")
Cells = dict[tuple[str, ...], Estimate]
Floats = npt.NDArray[np.float64]


_SORTERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="tertius-sort")
_MANY = 200_000
"""Numbers from which on two threads sort them: to hand fewer to another takes longer than to sort them."""


def _quantiles(rows: Floats, known: npt.NDArray[np.int64], wanted: Sequence[float]) -> list[Floats]:
    """Quantiles of each row's known numbers; the rows are put in another order."""
    out = [np.empty(len(rows)) for _ in wanted]
    # The places looked at hang on how many numbers are known, mostly all: putting those right is enough.
    for count in np.unique(known):
        mine = known == count
        places = {int(f(q * max(count - 1, 0))) for q in wanted for f in (np.floor, np.ceil)}
        ordered = rows if mine.all() else rows[mine]

        def put_right(some: Floats, places: Sequence[int] = sorted(places)) -> None:
            some.partition(places, axis=1)

        if ordered.size < _MANY:
            put_right(ordered)
        else:
            # Sorting works outside Python's lock.
            list(_SORTERS.map(put_right, np.array_split(ordered, 2)))
        for q, found in zip(wanted, out, strict=True):
            found[mine] = _quantile(ordered, known[mine], q)
    return out


def _quantile(ordered: Floats, known: npt.NDArray[np.int64], q: float) -> Floats:
    """Interpolate a quantile in rows with the right numbers in its place; infinities stay infinite."""
    position = q * np.maximum(known - 1, 0)
    low = np.floor(position).astype(np.int64)
    high = np.ceil(position).astype(np.int64)
    below = np.take_along_axis(ordered, low[:, None], axis=1)[:, 0]
    above = np.take_along_axis(ordered, high[:, None], axis=1)[:, 0]
    with np.errstate(invalid="ignore"):
        between = below + (position - low) * (above - below)
    return np.where((below == above) | (low == high), below, between)


def estimates(array: xr.DataArray) -> Cells:
    """Summarise an array over its draws, cell by cell.

    Parameters
    ----------
    array
        Dims ``draw`` and any others; NaN in a draw means that the number is not known there.

    Returns
    -------
    Cells
        The tuple of labels along the other dims (in the array's order) → the estimate.
    """
    rest = [str(dim) for dim in array.dims if dim != "draw"]
    values = np.asarray(array.transpose(*rest, "draw").values, dtype=np.float64)
    shape = values.shape[:-1]
    rows = values.reshape(-1, values.shape[-1])
    if np.may_share_memory(rows, array.values):
        rows = rows.copy()
    known = np.full(len(rows), rows.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        total = rows.sum(axis=1)
        # Most numbers are known in every draw, and what is not known shows in the sum.
        odd = np.flatnonzero(~np.isfinite(total))
        if len(odd):
            known[odd] -= np.isnan(rows[odd]).sum(axis=1)
            total[odd] = np.nansum(rows[odd], axis=1)
        mean = total / known
    low, middle, high = _quantiles(rows, known, (0.05, 0.5, 0.95))
    unit = str(array.attrs.get("unit", ""))
    labels = [[str(label) for label in array[dim].values] for dim in rest]
    cells: Cells = {}
    for flat, index in enumerate(np.ndindex(*shape)):
        key = tuple(labels[axis][i] for axis, i in enumerate(index))
        cells[key] = Estimate(
            float(middle[flat]),
            float(low[flat]),
            float(high[flat]),
            float(mean[flat]),
            unit,
            int(known[flat]),
        )
    return cells


class Estimated(Mapping[str, Cells]):
    """The estimates of a group's variables by name, each made when it is first looked at.

    Parameters
    ----------
    data
        The group.
    without
        Dims; what has one of them is left out, and so is what has no draws.
    only
        If given, the dims, and no others, of what is let in.
    """

    def __init__(self, data: xr.Dataset, *without: str, only: tuple[str, ...] | None = None) -> None:
        self._data = data
        self._made: dict[str, Cells] = {}
        self._names = [
            str(name)
            for name in data.data_vars
            if "draw" in data[name].dims
            and not set(without) & set(data[name].dims)
            and (only is None or data[name].dims == only)
        ]

    def __getitem__(self, name: str) -> Cells:
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            self._made[name] = estimates(self._data[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _table(array: xr.DataArray) -> dict[tuple[str, ...], float]:
    labels = [[str(label) for label in array[dim].values] for dim in array.dims]
    values = array.values
    return {
        tuple(labels[axis][i] for axis, i in enumerate(index)): float(values[index])
        for index in np.ndindex(*values.shape)
    }


def _labels(dataset: xr.Dataset, dim: str) -> tuple[str, ...]:
    return tuple(str(label) for label in dataset[dim].values)


def _texts(dataset: xr.Dataset, name: str) -> list[str]:
    if name not in dataset:
        return [""] * next(iter(dataset.sizes.values()), 0)
    return ["" if value is None else str(value) for value in dataset[name].values]


def _floats(dataset: xr.Dataset, name: str, size: int) -> list[float]:
    if name not in dataset:
        return [math.nan] * size
    return [float(value) for value in dataset[name].values]


class Names:
    """The names that a case gives to the things its findings only know by id.

    Parameters
    ----------
    case
        The case's canonical JSON, parsed. What it does not name is shown by its id.
    powers
        Ids of the powers in the case's order, which canonical JSON does not keep.
    """

    def __init__(self, case: Mapping[str, Any], powers: Sequence[str] = ()) -> None:
        self.case = case
        self._powers = tuple(powers)

    def _section(self, *path: str) -> Mapping[str, Any]:
        node: Any = self.case
        for part in path:
            node = node.get(part) if isinstance(node, Mapping) else None
        return node if isinstance(node, Mapping) else {}

    def _name(self, section: Mapping[str, Any], key: str) -> str:
        entry = section.get(key)
        name = entry.get("name") if isinstance(entry, Mapping) else None
        return str(name) if name else key.replace("_", " ")

    @property
    def title(self) -> str:
        """Title of the case."""
        return str(self.case.get("title") or self.case.get("id") or "Untitled case")

    @property
    def question(self) -> str:
        """The question that the case asks; blank if none."""
        return str(self.case.get("question") or "")

    @property
    def date(self) -> str:
        """The case's date; blank if none."""
        return str(self.case.get("date") or "")

    @property
    def client(self) -> str:
        """Name of the client."""
        client = self._section("client")
        return str(client.get("name") or client.get("id") or "the client")

    @property
    def client_id(self) -> str:
        """Id of the client."""
        return str(self._section("client").get("id") or "")

    @property
    def powers(self) -> tuple[str, ...]:
        """Ids of the powers in the case's order, which fixes their colours."""
        return self._powers or tuple(str(key) for key in self._section("powers"))

    def power(self, key: str) -> str:
        """Name a power."""
        return self._name(self._section("powers"), key)

    def power_note(self, key: str) -> str:
        """Say who a power is and why."""
        entry = self._section("powers").get(key)
        return str(entry.get("note") or "") if isinstance(entry, Mapping) else ""

    def domain(self, key: str) -> str:
        """Name a domain, or a flow of the vacuum."""
        fixed = {
            "trade": "Trade",
            "transit": "Transit",
            "total": "All domains",
            "trade_exports": "Trade: exports",
            "trade_imports": "Trade: imports",
        }
        return fixed.get(key) or self._name(self._section("domains"), key)

    def region(self, key: str) -> str:
        """Name a trade region."""
        return self._name(self._section("trade", "regions"), key)

    def sector(self, key: str) -> str:
        """Name a sector."""
        return self._name(self._section("trade", "sectors"), key)

    def party(self, key: str) -> str:
        """Name one of those who pay."""
        if key == "client":
            return self.client
        return "The world as a whole" if key == "world" else self.power(key)

    def titled(self, *path: str) -> str:
        """Give the title or the name of an entry of a section; its id in words if it has neither."""
        node: Any = self.case
        for part in path:
            if isinstance(node, Mapping):
                node = node.get(part)
            elif isinstance(node, Sequence) and not isinstance(node, str):
                node = next((x for x in node if isinstance(x, Mapping) and x.get("id") == part), None)
        if isinstance(node, Mapping):
            for word in ("title", "name"):
                if node.get(word):
                    return str(node[word])
        key = path[-1]
        if key in self.powers:
            return self.power(key)
        return self.client if key == self.client_id else key.replace("_", " ")

    def concession(self, key: str) -> str:
        """Name a concession."""
        entry = self._section("concessions").get(key)
        title = entry.get("title") if isinstance(entry, Mapping) else None
        return str(title) if title else key.replace("_", " ")

    def route(self, key: str) -> str:
        """Name a route."""
        routes = self._section("trade").get("routes")
        for entry in routes if isinstance(routes, list) else []:
            if isinstance(entry, Mapping) and entry.get("id") == key:
                return str(entry.get("name") or key.replace("_", " "))
        return key.replace("_", " ")

    def claim_number(self, key: str) -> int | None:
        """Give the number that the case gives to a claim."""
        claims = self.case.get("claims")
        for entry in claims if isinstance(claims, list) else []:
            if isinstance(entry, Mapping) and entry.get("id") == key and entry.get("number") is not None:
                return int(entry["number"])
        return None

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """What happened afterwards, as the case tells it."""
        told = self.case.get("outcomes")
        return [dict(o) for o in told if isinstance(o, Mapping)] if isinstance(told, list) else []

    def read_by(self, *groups: str) -> set[str]:
        """Name the claims whose expressions read one of these groups of findings."""
        claims = self.case.get("claims")
        return {
            str(c.get("id"))
            for c in (claims if isinstance(claims, list) else [])
            if isinstance(c, Mapping)
            and any(f"{group}." in str(c.get("expression") or "") for group in groups)
        }

    @cached_property
    def sources(self) -> dict[str, dict[str, str]]:
        """The bibliography: key → its fields as text."""
        return {
            str(key): {str(k): str(v) for k, v in entry.items() if v not in (None, "")}
            for key, entry in self._section("sources").items()
            if isinstance(entry, Mapping)
        }

    @property
    def money(self) -> str:
        """Unit and year of the trade flows."""
        trade = self._section("trade")
        return ", ".join(str(trade[key]) for key in ("unit", "year") if trade.get(key))


@dataclass(frozen=True)
class Provenance:
    """Where findings come from."""

    version: str
    case: str
    digest: str
    draws: int
    kept: int
    unconverged: int
    unconverged_draws: tuple[int, ...]
    seed: int
    created: str
    worst_residual: float
    exit_draws: int | None
    structure_draws: int | None
    evidence_draws: int | None
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    packages: dict[str, str]


@dataclass(frozen=True)
class Levers:
    """Who could cost the client what."""

    powers: tuple[str, ...]
    domains: tuple[str, ...]
    lever: Cells
    transit_alone: Cells
    reverse: Cells
    net: Cells
    tie: Cells
    effective: Cells
    herfindahl: Cells

    @cached_property
    def ranked(self) -> tuple[str, ...]:
        """The powers by their median total lever, largest first."""
        return tuple(sorted(self.powers, key=lambda p: -self.lever[p, "total"].median))


@dataclass(frozen=True)
class Displacement:
    """What happens when somebody leaves."""

    exit: str
    title: str
    leavers: dict[str, float]
    pushed_by: tuple[str, ...]
    draws: int
    powers: tuple[str, ...]
    domains: tuple[str, ...]
    flows: tuple[str, ...]
    regions: tuple[str, ...]
    sectors: tuple[str, ...]
    before: Cells
    after: Cells
    gain: Cells
    effective_before: Cells
    effective_after: Cells
    vacuum: Cells
    unfilled: Cells
    own: Cells
    others: Cells
    client_loss: Cells
    welfare: Cells
    who_pays: Cells
    cap_rent: Cells
    by_leverage: dict[tuple[str, ...], float]
    by_vacuum: dict[tuple[str, ...], float]
    exports_before: Cells
    exports_after: Cells
    imports_before: Cells
    imports_after: Cells
    trade_totals: dict[str, Cells]

    @property
    def remaining(self) -> tuple[str, ...]:
        """The powers that do not leave."""
        return tuple(p for p in self.powers if p not in self.leavers)

    def tertius(self, kind: str, label: str = "total") -> list[tuple[str, float]]:
        """Rank the remaining powers by the probability of gaining most, ``leverage`` or ``vacuum``."""
        table = self.by_leverage if kind == "leverage" else self.by_vacuum
        ranked = [(p, table.get((p, label), math.nan)) for p in self.remaining]
        known = [(p, value) for p, value in ranked if not math.isnan(value)]
        return sorted(known, key=lambda item: -item[1])


@dataclass(frozen=True)
class Comparison:
    """The probability that one power gains more than another."""

    kind: str
    power: str
    rival: str
    label: str
    probability: float


@dataclass(frozen=True)
class Structures:
    """The headline under rival structures."""

    ids: tuple[str, ...]
    titles: dict[str, str]
    powers: tuple[str, ...]
    by_leverage: dict[tuple[str, ...], float]
    by_vacuum: dict[tuple[str, ...], float]
    beats_leverage: dict[tuple[str, ...], float]
    beats_vacuum: dict[tuple[str, ...], float]
    draws: dict[str, int]
    unconverged: dict[str, int]
    domains: tuple[str, ...]
    flows: tuple[str, ...]


@dataclass(frozen=True)
class Driver:
    """How much one input explains of a headline comparison."""

    path: str
    assumed: bool
    first_order: float
    low: float
    high: float


@dataclass(frozen=True)
class Claim:
    """The verdict on one statement."""

    id: str
    number: int | None
    text: str
    expression: str
    verdict: str
    reason: str
    probability: float
    likelihood: str
    sourced_share: float
    sourced_share_error: float
    doubled: float
    structures: dict[str, float]
    confidence: str
    draws: int
    note: str = ""

    @property
    def computed(self) -> bool:
        """Whether there is a verdict that rests on draws."""
        return not math.isnan(self.probability)


@dataclass(frozen=True)
class InputFigure:
    """One figure that the findings rest on."""

    path: str
    central: float
    spread: float
    unit: str
    kind: str
    distribution: str
    sources: tuple[str, ...]
    reason: str
    query: str
    note: str

    @property
    def group(self) -> str:
        """The part of the case it belongs to: a domain's id, ``trade``, ``transit`` or ``exits``."""
        parts = self.path.split(".")
        if parts[:2] == ["trade", "routes"]:
            return "transit"
        if parts[0] == "domains" and len(parts) > 1:
            return parts[1]
        return parts[0]


def _stated(case: Mapping[str, Any], path: str) -> tuple[str, str]:
    """Find the query and the note that a case states for a figure, or for the table that it stands in."""
    node: Any = case
    query = note = ""
    for part in path.split("."):
        if isinstance(node, Mapping):
            node = node.get(part)
        elif isinstance(node, list):
            node = next((x for x in node if isinstance(x, Mapping) and x.get("id") == part), None)
        if isinstance(node, Mapping):
            query = str(node.get("query") or query)
        note = str(node.get("note") or "") if isinstance(node, Mapping) else ""
    return query, note


def _exact(text: str, case: Mapping[str, Any], known: Iterable[str]) -> list[InputFigure]:
    """List the exact figures that findings do not draw; those of flow tables are shown as tables instead."""
    from pydantic import ValidationError

    from tertius.case import Case

    try:
        stated = Case.model_validate_json(text).inputs()
    except ValidationError:
        # Findings of another version, whose case this one does not read, still hold all that they drew.
        return []
    drawn = set(known)
    found = []
    for entry in stated:
        if not entry.exact or entry.path in drawn or entry.path.startswith("trade.flows."):
            continue
        query, note = _stated(case, entry.path)
        found.append(
            InputFigure(
                path=entry.path,
                central=float(entry.quantity.ppf(np.array(0.5))),
                spread=0.0,
                unit=entry.unit,
                kind=entry.kind,
                distribution="exact",
                sources=entry.sources,
                reason=entry.reason,
                query=query,
                note=note,
            )
        )
    return found


class Reading:
    """Findings, read once for all renderings.

    Parameters
    ----------
    findings
        A tree laid out as ``docs/findings.md`` says; any section may be absent.
    """

    def __init__(self, findings: xr.DataTree) -> None:
        self._tree = findings
        self._made: dict[Callable[[Reading], Any], Any] = {}
        attrs = findings.attrs
        self._case_json = str(attrs.get("case_json") or "{}")
        self.case: dict[str, Any] = json.loads(self._case_json)
        self.names = Names(self.case, _power_order(findings))
        draws = int(attrs.get("draws", 0))

        def counted(name: str) -> int | None:
            return int(attrs[name]) if name in attrs else None

        self.provenance = Provenance(
            version=str(attrs.get("tertius", "")),
            case=str(attrs.get("case", "")),
            digest=str(attrs.get("digest", "")),
            draws=draws,
            kept=int(attrs.get("kept", draws)),
            unconverged=int(attrs.get("unconverged", 0)),
            unconverged_draws=_numbers(attrs.get("unconverged_draws", "[]")),
            seed=int(attrs.get("seed", 0)),
            created=str(attrs.get("created", "")),
            worst_residual=float(attrs.get("worst_residual", math.nan)),
            exit_draws=counted("exit_draws"),
            structure_draws=counted("structure_draws"),
            evidence_draws=counted("evidence_draws"),
            warnings=tuple(str(w) for w in json.loads(str(attrs.get("warnings") or "[]"))),
            seconds={str(k): float(v) for k, v in json.loads(str(attrs.get("seconds_json") or "{}")).items()},
            packages={str(k): str(v) for k, v in json.loads(str(attrs.get("libraries") or "{}")).items()},
        )

    def once(self, make: Callable[[Reading], T]) -> T:
        """Give what a function makes of these findings; the page, the terminal and the answer share it."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def dataset(self, name: str) -> xr.Dataset | None:
        """Give a group of the findings, or None where its model did not run."""
        node = self._tree.children.get(name)
        return None if node is None or not node.data_vars else node.to_dataset(inherit=False)

    @property
    def draws(self) -> int:
        """How many draws every estimate rests on."""
        return self.provenance.kept

    @cached_property
    def levers(self) -> Levers | None:
        """The levers, or None where they were not computed."""
        data = self.dataset("levers")
        if data is None:
            return None
        return Levers(
            powers=_labels(data, "power"),
            domains=_labels(data, "domain"),
            lever=estimates(data["lever"]),
            transit_alone=_estimates_of(data, "transit_alone"),
            reverse=_estimates_of(data, "reverse"),
            net=_estimates_of(data, "net"),
            tie=_estimates_of(data, "tie"),
            effective=_estimates_of(data, "effective_powers"),
            herfindahl=_estimates_of(data, "inverse_herfindahl"),
        )

    @cached_property
    def displacements(self) -> tuple[Displacement, ...]:
        """The exits, the headline's first."""
        first = self.dataset("displacement")
        if first is None:
            return ()
        further = self._tree.children.get("exits")
        others = [] if further is None else [n.to_dataset(inherit=False) for n in further.children.values()]
        levers = self.dataset("levers")
        return tuple(_displacement(data, levers) for data in (first, *others))

    @property
    def headline(self) -> Displacement | None:
        """The case's first exit."""
        return self.displacements[0] if self.displacements else None

    @cached_property
    def structures(self) -> Structures | None:
        """The rival structures, or None."""
        data = self.dataset("structures")
        if data is None:
            return None
        ids = _labels(data, "structure")
        titles = _texts(data, "title")

        def table(name: str) -> dict[tuple[str, ...], float]:
            return _table(data[name]) if name in data else {}

        def counts(name: str) -> dict[str, int]:
            return {s: int(v) for s, v in zip(ids, data[name].values, strict=True)} if name in data else {}

        return Structures(
            ids=ids,
            titles={s: title or s.replace("_", " ") for s, title in zip(ids, titles, strict=True)},
            powers=_labels(data, "power"),
            by_leverage=table("tertius_by_leverage"),
            by_vacuum=table("tertius_by_vacuum"),
            beats_leverage=table("beats_leverage"),
            beats_vacuum=table("beats_vacuum"),
            draws=counts("draws"),
            unconverged=counts("unconverged"),
            domains=_labels(data, "domain") if "domain" in data.dims else (),
            flows=_labels(data, "flow") if "flow" in data.dims else (),
        )

    @cached_property
    def drivers(self) -> dict[str, list[Driver]]:
        """Per headline comparison the inputs that explain most of it, largest first."""
        data = self.dataset("sensitivity")
        if data is None:
            return {}
        assumed = {figure.path for figure in self.inputs if figure.kind == "assumed"}
        first = _table(data["first_order"].transpose("headline", "input"))
        low = _table(data["probability_low"].transpose("headline", "input"))
        high = _table(data["probability_high"].transpose("headline", "input"))
        found: dict[str, list[Driver]] = {}
        for (headline, path), value in first.items():
            entry = Driver(path, path in assumed, value, low[headline, path], high[headline, path])
            found.setdefault(headline, []).append(entry)
        for entries in found.values():
            entries.sort(key=lambda d: (-(0.0 if math.isnan(d.first_order) else d.first_order), d.path))
        return found

    @cached_property
    def rivals(self) -> tuple[str, str] | None:
        """The two remaining powers that the headline compares, the one that gains more first."""
        for label in self.drivers:
            left, _, right = label.partition(":")[2].partition(">")
            if left and right:
                return left, right
        if self.headline is None:
            return None
        ranked = self.headline.tertius("leverage")
        return (ranked[0][0], ranked[1][0]) if len(ranked) > 1 else None

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Who of the two gains more, by domain and in all, under the case's own structure."""
        if self.structures is None or self.rivals is None or not self.structures.ids:
            return ()
        base = self.structures.ids[0]
        power, rival = self.rivals
        return tuple(
            Comparison(kind, power, rival, label, table[base, power, rival, label])
            for kind, table, labels in (
                ("leverage", self.structures.beats_leverage, self.structures.domains),
                ("vacuum", self.structures.beats_vacuum, self.structures.flows),
            )
            for label in labels
            if (base, power, rival, label) in table
        )

    @property
    def compared(self) -> list[str]:
        """The labels of the comparisons as one list: trade and its parts, the domains, the total last."""
        given = {c.label for c in self.comparisons}
        first = [label for label in ("trade_exports", "trade_imports", "trade", "transit") if label in given]
        found = self.structures
        rest = (*found.domains, *found.flows) if found is not None else ()
        order = [*first, *(label for label in rest if label in given and label != "total")]
        return list(dict.fromkeys([*order, *(["total"] if "total" in given else [])]))

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """The claims with their verdicts, in the case's order."""
        data = self.dataset("claims")
        if data is None:
            return ()
        ids = _labels(data, "claim")
        size = len(ids)
        rivals = _labels(data, "structure") if "structure" in data.dims else ()
        under = (
            _table(data["probability_structures"].transpose("structure", "claim"))
            if "probability_structures" in data
            else {}
        )
        columns = {
            name: _texts(data, name)
            for name in ("text", "expression", "verdict", "reason", "likelihood", "confidence")
        }
        numbers = {
            name: _floats(data, name, size)
            for name in ("probability", "sourced_share", "sourced_share_error", "probability_doubled")
        }
        # A claim that reads a further exit has a margin in that exit's draws alone.
        counted = data["margin"].notnull().sum("draw").values if "margin" in data else [self.draws] * size
        stated = [c for c in self.case.get("claims") or () if isinstance(c, Mapping)]
        notes = {str(c.get("id")): " ".join(str(c.get("note") or "").split()) for c in stated}
        return tuple(
            Claim(
                id=key,
                number=self.names.claim_number(key),
                text=columns["text"][i],
                expression=columns["expression"][i],
                verdict=columns["verdict"][i],
                reason=columns["reason"][i],
                probability=numbers["probability"][i],
                likelihood=columns["likelihood"][i],
                sourced_share=numbers["sourced_share"][i],
                sourced_share_error=numbers["sourced_share_error"][i],
                doubled=numbers["probability_doubled"][i],
                structures={s: under[s, key] for s in rivals if (s, key) in under},
                confidence=columns["confidence"][i],
                draws=int(counted[i]),
                note=notes.get(key, ""),
            )
            for i, key in enumerate(ids)
        )

    @cached_property
    def inputs(self) -> tuple[InputFigure, ...]:
        """Every uncertain figure that the findings drew, in the case's order."""
        data = self.dataset("inputs")
        if data is None:
            return ()
        paths = _labels(data, "input")
        text = {name: _texts(data, name) for name in ("unit", "kind", "distribution", "source", "reason")}
        stated = [_stated(self.case, path) for path in paths]
        central = _floats(data, "central", len(paths))
        spread = _floats(data, "spread", len(paths))
        return tuple(
            InputFigure(
                path=path,
                central=central[i],
                spread=spread[i],
                unit=text["unit"][i],
                kind=text["kind"][i],
                distribution=text["distribution"][i],
                sources=tuple(text["source"][i].replace(",", " ").split()),
                reason=text["reason"][i],
                query=stated[i][0],
                note=stated[i][1],
            )
            for i, path in enumerate(paths)
        )

    @cached_property
    def figures(self) -> tuple[InputFigure, ...]:
        """Every figure that the findings rest on: the uncertain ones, then the exact ones."""
        return (*self.inputs, *_exact(self._case_json, self.case, (figure.path for figure in self.inputs)))


def _numbers(stated: object) -> tuple[int, ...]:
    """Read whole numbers from a JSON list or from an array, as which netCDF gives back a list."""
    items = json.loads(stated) if isinstance(stated, str) else np.atleast_1d(np.asarray(stated))
    return tuple(int(k) for k in items)


def _power_order(findings: xr.DataTree) -> tuple[str, ...]:
    """Read the powers in the case's order from whichever section has them."""
    for name in ("levers", "displacement", "structures"):
        node = findings.children.get(name)
        if node is not None and "power" in node.dims:
            return _labels(node.to_dataset(), "power")
    return ()


def _estimates_of(data: xr.Dataset, name: str) -> Cells:
    return estimates(data[name]) if name in data else {}


def _displacement(data: xr.Dataset, levers: xr.Dataset | None) -> Displacement:
    """Read one exit; what stands beside it from before the exit is taken in its own draws."""
    before: Cells = {}
    if levers is not None and "effective_powers" in levers:
        before = estimates(levers["effective_powers"].sel(draw=data["draw"]))

    def cells(name: str) -> Cells:
        return _estimates_of(data, name)

    def table(name: str, dim: str) -> dict[tuple[str, ...], float]:
        return _table(data[name].transpose("power", dim)) if name in data else {}

    pushed = data.attrs.get("pushed_by", "")
    trade = ("exports_before", "exports_after", "imports_before", "imports_after")
    return Displacement(
        exit=str(data.attrs.get("exit", "")),
        title=str(data.attrs.get("title", "")),
        leavers={str(k): float(v) for k, v in json.loads(str(data.attrs.get("leavers") or "{}")).items()},
        pushed_by=tuple(
            str(p) for p in (_listed(pushed) if isinstance(pushed, str) else np.atleast_1d(pushed))
        ),
        draws=data.sizes["draw"],
        powers=_labels(data, "power"),
        domains=_labels(data, "domain"),
        flows=_labels(data, "flow") if "flow" in data.dims else (),
        regions=_labels(data, "region") if "region" in data.dims else (),
        sectors=_labels(data, "sector") if "sector" in data.dims else (),
        before=cells("leverage_before"),
        after=cells("leverage_after"),
        gain=cells("leverage_gain"),
        effective_before=before,
        effective_after=cells("effective_powers_after"),
        vacuum=cells("vacuum_share"),
        unfilled=cells("unfilled"),
        own=cells("filled_by_own"),
        others=cells("filled_by_others"),
        client_loss=cells("client_loss"),
        welfare=cells("trade_welfare"),
        who_pays=cells("who_pays"),
        cap_rent=cells("cap_rent"),
        by_leverage=table("tertius_by_leverage", "domain"),
        by_vacuum=table("tertius_by_vacuum", "flow"),
        exports_before=cells("exports_before"),
        exports_after=cells("exports_after"),
        imports_before=cells("imports_before"),
        imports_after=cells("imports_after"),
        trade_totals={
            name: estimates(data[name].sum("sector", skipna=False, keep_attrs=True))
            for name in trade
            if name in data
        },
    )


def _listed(text: str) -> list[str]:
    """Read a list written as JSON, or as words separated by blanks or commas."""
    if text.startswith("["):
        return [str(item) for item in json.loads(text)]
    return text.replace(",", " ").split()
