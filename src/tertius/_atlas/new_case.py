"""A case for any country, filled in from the public data: every figure with its query, every gap an assumption.

What it holds is a beginning. Trade is the year's own by pair of regions, split over energy and other goods as the data
by section nearest to it are; what is sold at home is assumed, as are the weights and elasticities outside trade
(:mod:`tertius._atlas.domains`). Ties are the data's shares of what comes from abroad, scaled by what the country
supplies itself. Where the data have no figure the case says why and assumes one.
"""

from __future__ import annotations

import io
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from tertius._atlas.about import matters
from tertius._atlas.asking import Mistakes
from tertius._atlas.domains import ASSUMED, Assumption, measure_of, supplied, triangle
from tertius.errors import BadInput
from tertius.models import trade
from tertius.world import Power, World, country, load_world, pack, power, worlds
from tertius.world.domains import Ties, ties

__all__ = ["POWERS", "new_case"]

Array = NDArray[np.float64]
POWERS = ("west", "CHN", "RUS")
SERVICES = 0.6


def new_case(
    client: str, year: int | None = None, powers: Sequence[str] = ()
) -> tuple[str, str, tuple[str, ...]]:
    """Write a case.

    Parameters
    ----------
    client
        A country's code or name.
    year
        The year of the case; the latest of the trade data if None.
    powers
        Who contends for it; the West, China and Russia by default, less the client.

    Returns
    -------
    id, text, gaps
        Its name, the YAML, and a sentence for every figure that the data do not have.

    Raises
    ------
    BadInput
        Every mistake in what was given, in one.
    CannotCompute
        If the data of trade are not there.
    """
    mistakes = Mistakes()
    found = mistakes.tried(lambda: country(client))
    there = sorted(int(n.rsplit("-", 1)[1]) for n in worlds() if n.startswith("baci-"))
    when = there[-1] if year is None else year
    if when < there[0]:
        mistakes.found.append(
            BadInput(
                f"the trade data begin in {there[0]}",
                code="unknown-year",
                path="--year",
                hint=f"the nearest year is {there[0]}",
            )
        )
    names = powers or [p for p in POWERS if found is None or p != found.iso3]
    contending = [mistakes.tried(lambda name=name: power(name, when)) for name in names]  # type: ignore[misc]
    mistakes.tell()
    assert found is not None
    chosen = [_without(p, found.iso3) for p in contending if p is not None]
    if not chosen or any(not p.members for p in chosen):
        raise BadInput(f"{found.name} cannot contend for itself", code="client-is-power", path="--power")
    trading = max((y for y in there if y <= when), default=there[0])
    writer = _Writer(found.iso3, found.name, when, trading, chosen)
    return writer.id, writer.text(), tuple(writer.gaps)


def _without(one: Power, client: str) -> Power:
    return Power(one.id, one.name, tuple(m for m in one.members if m != client), one.source, one.assumed)


def _slug(name: str, joint: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", joint, plain).strip(joint)
    slug = re.sub(r"^the_", "", slug)
    return slug if slug[:1].isalpha() else f"c{joint}{slug}"


_TAKEN = {"all", "client", "guarantee", "none", "own", "total", "trade", "transit", "world", "rest"}


class _Writer:
    def __init__(self, iso3: str, name: str, year: int, trading: int, powers: list[Power]) -> None:
        self.iso3, self.name, self.year, self.trading, self.powers = iso3, name, year, trading, powers
        self.client = _free(_slug(name, "_"))
        self.keys = [_free(_slug(p.name, "_")) for p in powers]
        self.id = f"{_slug(name, '-')}-{year}"
        self.world: World = load_world(f"baci-{trading}")
        self.splits: World = load_world("unctad-2005" if trading < 2010 else "unctad-2015")
        if iso3 not in self.world.countries:
            raise BadInput(
                f"{name} is not in the trade data of {trading}",
                code="not-in-world",
                path=iso3,
                hint="try another --year",
            )
        self.ties: Ties = ties(iso3, year, [p.id for p in powers])
        self.gaps: list[str] = []
        self.used: dict[str, None] = dict.fromkeys(("baci", "unctad_sitc"))

    # -- the document ------------------------------------------------------------------------------

    def text(self) -> str:
        lists = {key: _flow(list(p.members)) for key, p in zip(self.keys, self.powers, strict=True)}
        for key, p in zip(self.keys, self.powers, strict=True):
            if len(p.members) > 1:
                lists[key].yaml_set_anchor(key)
        trade_ = self.trade(lists)
        first = self.largest(trade_)
        case = CommentedMap(
            {
                "tertius": 1,
                "id": self.id,
                "title": f"{self.name}, {self.year}",
                "question": f"Who could cost {self.name} what, and who gains if a power leaves?",
                "date": date(self.year, 7, 1),
                "client": _flow({"id": self.client, "name": self.name, "iso3": self.iso3}),
                "powers": CommentedMap(
                    {
                        key: _flow(
                            {"name": p.name, "members": lists[key]}
                            | (
                                {"note": f"Assumed: {p.assumed}." if p.assumed else f"{p.source}."}
                                if p.assumed or p.source
                                else {}
                            )
                        )
                        for key, p in zip(self.keys, self.powers, strict=True)
                    }
                ),
                "trade": trade_,
                "domains": self.domains(),
                "exits": self.exits(first),
                "claims": self.claims(first),
                "sources": self.sources(),
            }
        )
        if not case["domains"]:
            del case["domains"]
        _explain(case)
        yaml = YAML()
        yaml.width = 132
        yaml.allow_unicode = True
        yaml.indent(mapping=2, sequence=4, offset=2)
        out = io.StringIO()
        out.write(_HEAD.format(name=self.name, year=self.year))
        if self.gaps:
            out.write("#\n# What the data do not have, and is assumed or left out:\n")
            out.writelines(f"# - {gap}\n" for gap in self.gaps)
        out.write("\n")
        yaml.dump(case, out)
        return out.getvalue()

    def trade(self, lists: dict[str, Any]) -> CommentedMap:
        if self.trading != self.year:
            self.gaps.append(
                f"Trade of {self.year}: the data nearest before are of {self.trading}, and stand here."
            )
        keys = [self.client, *self.keys, "rest"]
        table, home = self.tables()
        baci = f"BACI {self.trading}, by pair of regions"
        split = f"split as UNCTAD's ten sections of {self.splits.year} (section 3 is energy)"
        flows = CommentedMap()
        for s, (sector, words) in enumerate(
            (("energy", f"{baci}, {split}"), ("goods", f"{baci}, {split}: all sections but 3"))
        ):
            rows = CommentedMap()
            for o, origin in enumerate(keys):
                cells = CommentedMap({origin: _assumed(home[s, o], "see the note")})
                cells.update({d: _rounded(table[s, o, k]) for k, d in enumerate(keys) if k != o})
                rows[origin] = _flow(cells)
            flows[sector] = CommentedMap(
                {
                    "source": _flow(["baci", "unctad_sitc"]),
                    "query": words,
                    "note": "Assumed on the diagonal: GDP less exports and services, split as exports and imports.",
                    "table": rows,
                }
            )
        flows["services"] = CommentedMap(
            {
                "assumed": f"{100 * SERVICES:.0f} % of what is sold at home (GDP less exports), in every region.",
                "query": f"World Bank, GDP in current US$, {self.trading}; BACI {self.trading}",
                "table": CommentedMap({o: _flow({o: _rounded(home[2, k])}) for k, o in enumerate(keys)}),
            }
        )
        self.gaps.append("Sales at home by sector, and how much of them are services: assumed.")
        members = {self.client: _flow([self.iso3]), **lists}
        regions = CommentedMap(
            {
                key: _flow({"name": name, "members": who})
                for (key, who), name in zip(
                    members.items(), [self.name, *(p.name for p in self.powers)], strict=True
                )
            }
        )
        regions["rest"] = _flow({"name": "Rest of the world", "members": "rest"})
        made = CommentedMap(
            {
                "year": self.trading,
                "unit": "billion US$",
                "regions": regions,
                "sectors": CommentedMap(
                    {
                        "energy": CommentedMap(
                            {
                                "name": "Energy",
                                "elasticity": _flow(
                                    {
                                        "triangular": _flow([5, 10, 25]),
                                        "assumed": "Fuels replace one another closely.",
                                    }
                                ),
                            }
                        ),
                        "goods": CommentedMap(
                            {
                                "name": "Other goods",
                                "elasticity": _flow(
                                    {"range": _flow([2.5, 10]), "assumed": "The span of aggregate estimates."}
                                ),
                            }
                        ),
                        "services": CommentedMap(
                            {
                                "name": "Services",
                                "traded": False,
                                "elasticity": _flow(
                                    {
                                        "range": _flow([3, 8]),
                                        "assumed": "Not traded, so that nothing depends on it.",
                                    }
                                ),
                            }
                        ),
                    }
                ),
                "flows": flows,
                "adjust": CommentedSeq(
                    [
                        CommentedMap(
                            {
                                "id": "home",
                                "sectors": _flow(["energy", "goods", "services"]),
                                "which": "domestic",
                                "factor": _flow(
                                    {
                                        "lognormal": _flow([1.2, 0.3]),
                                        "assumed": "Sales at home are not in the data; output is one to two times GDP.",
                                    }
                                ),
                            }
                        ),
                        CommentedMap(
                            {
                                "id": "energy_split",
                                "sectors": _flow(["energy"]),
                                "which": "trade",
                                "factor": _flow(
                                    {
                                        "lognormal": _flow([1, 0.25]),
                                        "assumed": f"Energy was priced otherwise in {self.splits.year}.",
                                    }
                                ),
                            }
                        ),
                    ]
                ),
            }
        )
        ends = (self.iso3, *(m for p in self.powers for m in p.members))
        notes = [str(f) for f in matters(self.world, self.iso3, ends) if f.economies or f.pairs]
        if notes:
            made["note"] = " ".join(_dotted(n) for n in notes)
        return made

    def tables(self) -> tuple[Array, Array]:
        """Trade (2, R, R) between regions and what each sells at home (3, R): energy, goods; and services."""
        place = {self.iso3: 0} | {m: k + 1 for k, p in enumerate(self.powers) for m in p.members}
        R = len(self.powers) + 2

        def grouped(countries: Iterable[str]) -> Array:
            G = np.zeros((len(tuple(countries)), R))
            for i, c in enumerate(countries):
                G[i, place.get(c, R - 1)] = 1.0
            return G

        G, H = grouped(self.world.countries), grouped(self.splits.countries)
        total = G.T @ self.world.flows.values @ G
        by_sector = self.splits.flows.transpose("sector", "origin", "destination")
        parts = np.stack([H.T @ by_sector.sel(sector=s).values @ H for s in by_sector["sector"].values])
        energy = parts[[str(s) == "3" for s in by_sector["sector"].values]].sum(0)
        every = parts.sum(0)
        mix = np.divide(energy.sum(1), every.sum(1), out=np.zeros(R), where=every.sum(1) > 0)
        share = np.where(every > 0, energy / np.where(every > 0, every, 1.0), mix[:, None])
        flows = np.stack([share * total, (1 - share) * total])
        gdp = G.T @ self.world.gdp.values
        inside = flows[:, np.arange(R), np.arange(R)].copy()
        between = flows.copy()
        between[:, np.arange(R), np.arange(R)] = 0.0
        made, _ = trade.with_home_sales(between, gdp, rule="trade", services=SERVICES)
        home = made[:, np.arange(R), np.arange(R)]
        # What the members of a region sell each other is sold within it; it is known, and part of the same product.
        home[:2] = np.maximum(home[:2], inside)
        return between, home

    def domains(self) -> CommentedMap:
        made = CommentedMap()
        for name, assumed in ASSUMED.items():
            measure = measure_of(self.ties, name)
            rows, own, rest = supplied(self.ties, name, measure)
            known = {
                p.id: rows[p.id].share
                for p in self.powers
                if p.id in rows and not math.isnan(rows[p.id].share)
            }
            if not known:
                reason = next((t.missing for t in rows.values() if t.missing), "not in the data")
                self.gaps.append(f"{assumed.name}: left out. {_dotted(_up(reason))}")
                continue
            made[name] = self.domain(name, assumed, measure, rows, own, 0.0 if math.isnan(rest) else rest)
        return made

    def domain(
        self, name: str, assumed: Assumption, measure: str, rows: dict[str, Any], own: float, rest: float
    ) -> CommentedMap:
        first = next(t for t in rows.values() if t.query)
        key = first.pack.split("/")[0].replace("-", "_")
        self.used[key] = None
        absent = {
            p.id: rows[p.id].missing if p.id in rows and rows[p.id].missing else "not in the data"
            for p in self.powers
            if p.id not in rows or math.isnan(rows[p.id].share)
        }
        largest = max(rows[p.id].share for p in self.powers if p.id not in absent)
        # Those without a figure are taken to have a quarter of the largest known, and the known shares make room.
        room = 1.0 / (1.0 + 0.25 * largest * len(absent))
        abroad = 1.0
        if assumed.own is not None:
            abroad -= max(assumed.own[1], float(triangle(np.array(0.5), assumed.own)))
        to_client = CommentedMap()
        for slot, p in zip(self.keys, self.powers, strict=True):
            if p.id in absent:
                top = round(0.5 * largest * room * abroad, 4)
                why = f"Not in the data: {absent[p.id]}. From nothing to half of the largest known."
                to_client[slot] = _flow(
                    {"range": _flow([0, max(top, 0.01)]), "assumed": DoubleQuotedScalarString(why)}
                )
                self.gaps.append(f"{assumed.name} of {p.name}: {absent[p.id]}; assumed.")
                continue
            tie = rows[p.id]
            query = f"{measure}: {tie.query}"
            if assumed.own is None:
                value = tie.share
            else:
                value = tie.share * abroad * room
                query = (
                    f"{tie.share:.4f} × {abroad * room:.3f}, what comes from abroad and is known of {query}"
                )
            to_client[slot] = _flow(
                {
                    "value": round(float(value), 4),
                    "source": key,
                    "query": DoubleQuotedScalarString(
                        f"tertius.world.ties('{self.iso3}', {self.year}); {query}"
                    ),
                }
            )
        if assumed.own is None:
            mine = _flow(
                {
                    "value": round(float(min(own + rest, 1.0)), 4),
                    "source": key,
                    "query": DoubleQuotedScalarString(
                        f"its own part {own:.4f}, and {rest:.4f} of others that are no power here; {first.query}"
                    ),
                }
            )
        else:
            corners = [a + (1 - a) * rest * room for a in assumed.own]
            why = assumed.why_own
            if rest > 0.005:
                why += f" Others that are no power here ({100 * rest:.0f} % of what comes from abroad) count with it."
            mine = _flow(
                {
                    "triangular": _flow([round(min(v, 0.99), 3) for v in corners]),
                    "assumed": DoubleQuotedScalarString(why),
                }
            )
            self.gaps.append(f"{assumed.name}: what {self.name} supplies itself is assumed.")
        low, likely, high = assumed.weight
        notes = list(dict.fromkeys(_dotted(_up(n)) for t in rows.values() for n in t.notes))
        made = CommentedMap(
            {
                "name": assumed.name,
                "weight": _flow({"triangular": _flow([low, likely, high]), "assumed": assumed.why_weight}),
                "elasticity": _flow(
                    {"range": _flow(list(assumed.elasticity)), "assumed": assumed.why_elasticity}
                ),
                "capacity": CommentedMap(
                    {
                        "own": _flow(
                            {"range": _flow([0.3, 1.5]), "assumed": "What is made at home takes years."}
                        ),
                        **{
                            slot: _flow(
                                {
                                    "range": _flow([0.5, 4]),
                                    "assumed": "The same for every power: argue who can do more.",
                                }
                            )
                            for slot in self.keys
                        },
                    }
                ),
                "ties": CommentedMap({"own": mine, "to_client": to_client}),
            }
        )
        if notes:
            made["note"] = " ".join(notes)
        return made

    def largest(self, made: CommentedMap) -> str:
        """The power with most of the client's trade."""
        flows = made["flows"]

        def with_(key: str) -> float:
            return sum(
                float(flows[s]["table"][self.client][key]) + float(flows[s]["table"][key][self.client])
                for s in ("energy", "goods")
            )

        return max(self.keys, key=with_)

    def exits(self, first: str) -> CommentedMap:
        order = [first, *(k for k in self.keys if k != first)]
        called = dict(zip(self.keys, (p.name for p in self.powers), strict=True))
        return CommentedMap(
            {
                f"{key}_out": CommentedMap(
                    {
                        "title": f"{called[key]} leaves",
                        "leavers": _flow(
                            {
                                key: _flow(
                                    {
                                        "triangular": _flow([0.5, 0.8, 1.0]),
                                        "assumed": "Some ties would go on over third countries.",
                                    }
                                )
                            }
                        ),
                    }
                )
                for key in order
            }
        )

    def claims(self, first: str) -> CommentedSeq:
        called = dict(zip(self.keys, (p.name for p in self.powers), strict=True))
        made = [
            CommentedMap(
                {
                    "id": f"{first}_holds_most",
                    "text": f"{called[first]} holds more leverage over {self.name} than any other power.",
                    "expression": f"argmax(levers.lever) == {first}",
                }
            )
        ]
        for key in self.keys:
            if key != first:
                leaver = called[first]
                leaver = f"the {leaver[4:]}" if leaver.startswith("The ") else leaver
                made.append(
                    CommentedMap(
                        {
                            "id": f"{key}_would_gain",
                            "text": f"If {leaver} left, {called[key]} would gain most.",
                            "expression": f"argmax(displacement.leverage_gain) == {key}",
                        }
                    )
                )
                break
        return CommentedSeq(made)

    def sources(self) -> CommentedMap:
        packs = {"baci": self.world.sources[0], "unctad_sitc": pack("unctad-sitc")}
        made = CommentedMap()
        for key in self.used:
            one = packs.get(key) or pack(key.replace("_", "-"))
            made[key] = CommentedMap(
                {
                    "title": DoubleQuotedScalarString(one.title),
                    "author": DoubleQuotedScalarString(one.producer),
                    "url": one.page,
                    "kind": "dataset",
                    "licence": DoubleQuotedScalarString(one.licence),
                    "note": DoubleQuotedScalarString(f"Data pack {one.name}. {_dotted(one.citation)}"),
                }
            )
        return made


_HEAD = """\
# {name}, {year}: a case to begin with, written by `tertius new` from the public data.
#
# Every figure has its source and query, or says that it is assumed. Weights, elasticities and capacities are the same
# for every country, and wide: they are yours to argue. `tertius check` finds mistakes, `tertius run` computes it.
"""


def _told(one: Power) -> dict[str, str]:
    """Whose list of members it is."""
    if one.assumed:
        return {"note": f"Assumed: {one.assumed}."}
    return {"note": f"{_up(one.source)}."} if one.source else {}


def _explain(case: CommentedMap) -> None:
    """Say in the file where the analyst's own work begins."""
    case.yaml_set_comment_before_after_key("powers", before="Who contends: a country or a bloc each.")
    case.yaml_set_comment_before_after_key("exits", before="The what-ifs; the first is the headline.")
    case.yaml_set_comment_before_after_key("claims", before="Statements to be tested; write your own.")


def _free(slug: str) -> str:
    return f"{slug}_state" if slug in _TAKEN else slug


def _flow(given: Any) -> Any:
    """Write a mapping or list on one line."""
    made = CommentedSeq(given) if isinstance(given, list) else CommentedMap(given)
    made.fa.set_flow_style()
    return made


def _assumed(value: float, why: str) -> Any:
    return _flow({"value": _rounded(value), "sd": 0, "assumed": DoubleQuotedScalarString(why)})


def _rounded(value: float) -> float:
    """Four significant digits, and no more than four decimals: smaller trade is written as none."""
    if abs(value) < 5e-5:
        return 0.0
    places = 3 - math.floor(math.log10(abs(value)))
    return float(round(value, min(places, 4)))


def _dotted(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _up(text: str) -> str:
    return text[:1].upper() + text[1:]
