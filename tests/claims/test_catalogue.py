"""What claims may read: the table against the documentation, and a case's own labels against a study's."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from tertius.claims import check_claims, from_case, from_findings
from tertius.claims.catalogue import TABLE

FINDINGS = Path(__file__).resolve().parents[2] / "docs" / "findings.md"


def _documented() -> dict[tuple[str, str], tuple[tuple[str, ...], str]]:
    """Variables of the documentation, of the sections that claims read: (section, name) to dims and unit."""
    found: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {}
    section, columns = "", []
    for line in FINDINGS.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"## (?:`/(\w+)`)?", line)
        if heading:
            section = heading.group(1) or ""
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if (
            not line.startswith("|")
            or set(cells[0]) <= {"-", " "}
            or section not in {e.section for e in TABLE}
        ):
            continue
        if cells[0] in ("variable", "dimension"):
            columns = cells
            continue
        row = dict(zip(columns, cells, strict=True))
        names = re.findall(r"`(\w+)`", row["variable"])
        either = re.findall(r"`(\w+)`", row["dims"])
        for k, name in enumerate(names):
            dims = row["dims"].partition("(")[0].replace("flow-or-domain", either[k] if either else "")
            found[section, name] = (tuple(d.strip() for d in dims.split(",")), row.get("unit", ""))
    return found


def test_the_table_is_the_documentations() -> None:
    documented = _documented()
    assert len(documented) > 30
    assert {(e.section, e.name): e.dims for e in TABLE} == {
        key: dims for key, (dims, _) in documented.items()
    }
    units = {key: unit for key, (_, unit) in documented.items()}
    assert {(e.section, e.name): e.unit for e in TABLE if e.section != "inputs"} == {
        key: unit for key, unit in units.items() if key[0] != "inputs"
    }


def test_a_case_promises_what_its_study_has(make_case: Callable[..., Any], findings: xr.DataTree) -> None:
    """So that an expression which passes before a run can be evaluated after it."""
    promised, there = from_case(make_case()), from_findings(findings)
    assert set(promised) == set(there)
    for name, readable in promised.items():
        for dim, labels in readable.labels.items():
            assert set(labels) >= set(there[name].labels[dim]), name
            if dim != "input":
                assert len(labels) == len(there[name].labels[dim]), name
        assert readable.drawn == there[name].drawn, name
        assert readable.absent == there[name].absent, name
        assert readable.path == there[name].path, name


def test_a_case_without_trade_promises_nothing_of_trade(make_case: Callable[..., Any]) -> None:
    case = make_case()
    case.trade = None
    promised = from_case(case)
    assert promised["levers.lever"].labels["domain"] == ("capital", "arms", "total")
    assert promised["displacement.vacuum_share"].labels["flow"] == ("capital", "arms", "total")
    for name in ("levers.transit_alone", "displacement.who_pays", "displacement.exports_before"):
        assert name not in promised


def test_a_case_without_routes_that_can_be_closed_has_no_transit(make_case: Callable[..., Any]) -> None:
    case = make_case()
    case.trade.routes[0].owner = None
    promised = from_case(case)
    assert "transit" not in promised["levers.lever"].labels["domain"]
    assert "levers.transit_alone" not in promised
    assert "displacement.cap_rent" in promised


def test_check_claims_names_the_claim_and_the_place(
    make_case: Callable[..., Any], make_claim: Callable[..., Any]
) -> None:
    case = make_case(
        make_claim("fine", "argmax(displacement.leverage_gain) == china"),
        make_claim("later"),
        make_claim("typo", "displacement.leverage_gain[chna] > displacement.leverage_gains[russia]"),
        make_claim("exact", 'inputs["domains.arms.weight"] > 0'),
    )
    found = check_claims(case)
    assert [(p.path, p.code, p.column) for p in found] == [
        ("claims.typo.expression", "claim-label", 28),
        ("claims.typo.expression", "claim-name", 36),
    ]
    assert found[0].message.startswith("displacement.leverage_gain has no power or domain called 'chna'")
    assert found[0].hint.startswith("did you mean 'china'?")
    assert found[1].message.startswith("'displacement' has no variable")


def test_exits_are_found_by_their_names_and_the_first_as_the_headline_as_well(findings: xr.DataTree) -> None:
    catalogue = from_findings(findings)
    assert catalogue["displacement.leverage_gain"].path == "displacement"
    assert catalogue["exits.west_out.leverage_gain"].path == "displacement"
    assert catalogue["exits.russia_out.leverage_gain"].path == "exits/russia_out"
    assert not any(name.startswith("displacement.russia_out") for name in catalogue)
