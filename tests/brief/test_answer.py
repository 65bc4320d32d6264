from __future__ import annotations

import json
import re
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from tertius._brief import brief
from tertius._brief.answer import (
    answer,
    claim_sentence,
    exit_clause,
    parting,
    parting_opening,
    parting_words,
)
from tertius._brief.insight import path_words, stability
from tertius._brief.reading import Reading


def with_probabilities(
    synthetic: ModuleType, leverage: dict[str, float], vacuum: dict[str, float]
) -> xr.DataTree:
    """Findings whose headline probabilities are the given ones, on many draws."""
    tree = synthetic.full()
    tree.attrs["kept"] = 8192
    for name, dim, wanted in (
        ("tertius_by_leverage", "domain", leverage),
        ("tertius_by_vacuum", "flow", vacuum),
    ):
        array = tree["displacement"][name]
        for power, value in wanted.items():
            array.loc[{"power": power, dim: "total"}] = value
    return tree


def test_a_claim_is_as_exact_as_its_own_draws(synthetic: ModuleType) -> None:
    tree = synthetic.full(n=1_024)
    tree["claims/probability"][2] = 0.1
    text = claim_sentence(Reading(tree).claims[2], Reading(tree))
    assert "contradicts" in text
    assert "about" not in text
    tree["claims/margin"][256:, 2] = np.nan
    claim = Reading(tree).claims[2]
    assert claim.draws == 256
    assert "about" in claim_sentence(claim, Reading(tree))


REST = {"turkey": 0.0, "neighbours": 0.0}


def test_one_power_that_leads_twice_is_named_once(synthetic: ModuleType) -> None:
    tree = with_probabilities(
        synthetic, {"china": 0.91, "russia": 0.09, **REST}, {"china": 0.67, "russia": 0.33, **REST}
    )
    assert answer(Reading(tree)).replace("\N{NO-BREAK SPACE}", " ") == (
        "If the West is edged out, China would very likely gain most leverage over Kazakhstan (91 %) "
        "and would likely fill most of the vacuum (67 %)."
    )


def test_two_powers_are_told_apart(synthetic: ModuleType) -> None:
    tree = with_probabilities(
        synthetic, {"china": 0.97, "russia": 0.03, **REST}, {"china": 0.48, "russia": 0.52, **REST}
    )
    assert answer(Reading(tree)).replace("\N{NO-BREAK SPACE}", " ") == (
        "If the West is edged out, China would almost certainly gain most leverage over Kazakhstan (97 %), "
        "while Russia would, with a roughly even chance, fill most of the vacuum (52 %)."
    )


def test_an_open_race_is_called_open(synthetic: ModuleType) -> None:
    tree = with_probabilities(
        synthetic,
        {"china": 0.38, "russia": 0.33, "turkey": 0.29, "neighbours": 0.0},
        {"china": 0.7, "russia": 0.3, **REST},
    )
    text = answer(Reading(tree)).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "no power is likelier than not to gain most leverage over Kazakhstan: China leads with 38 %" in text
    )
    assert "(unlikely), ahead of Russia 33 % and Turkey 29 %" in text


def test_nobody_gains_and_nothing_known(synthetic: ModuleType) -> None:
    nothing = dict.fromkeys(["china", "russia", "turkey", "neighbours"], 0.0)
    unknown = dict.fromkeys(["china", "russia", "turkey", "neighbours"], np.nan)
    text = answer(Reading(with_probabilities(synthetic, nothing, unknown)))
    assert "nobody would gain most leverage over Kazakhstan" in text
    assert "who would fill most of the vacuum cannot be said" in text


def test_without_an_exit_the_largest_lever_is_the_answer(synthetic: ModuleType) -> None:
    assert brief(synthetic.minimal()).summary.startswith("Russia holds the largest lever over Kazakhstan")
    assert brief(synthetic.infinite()).summary.startswith("Russia holds an infinite lever over Kazakhstan")
    assert "no answer yet" in brief(synthetic.bare()).summary


def test_the_answer_is_of_any_case(synthetic: ModuleType) -> None:
    document = synthetic.case_document(
        client={"id": "uzbekistan", "name": "Uzbekistan"}, powers={"china": {"name": "Beijing"}}
    )
    text = brief(synthetic.full(document=document)).summary
    assert "Uzbekistan" in text
    assert "Kazakhstan" not in text
    assert "Beijing" in text


@pytest.mark.parametrize(
    ("title", "clause"),
    [("The West is edged out", "If the West is edged out"), ("Russia leaves.", "If Russia leaves")],
)
def test_the_exit_opens_the_sentence(synthetic: ModuleType, title: str, clause: str) -> None:
    tree = synthetic.full()
    tree["displacement"].attrs["title"] = title
    headline = Reading(tree).headline
    assert headline is not None
    assert exit_clause(headline) == clause


def test_those_who_leave_are_not_ranked(full: xr.DataTree) -> None:
    headline = Reading(full).headline
    assert headline is not None
    assert "west" not in dict(headline.tertius("leverage"))
    assert headline.remaining == ("russia", "china", "turkey", "neighbours")


def test_contradicted_claims_come_before_contested_ones(full: xr.DataTree) -> None:
    verdicts = [claim.verdict for claim in parting(Reading(full))]
    assert verdicts == ["contradicted"] * 2 + ["contested"] * 2 + ["not testable"]


def test_every_parting_has_its_reason(full: xr.DataTree) -> None:
    reading = Reading(full)
    every = {c.id for c in reading.claims if c.verdict in {"contradicted", "contested", "not testable"}}
    apart = parting(reading)
    assert {c.id for c in apart} == every
    words = {c.id: parting_words(c, reading) for c in apart}
    for claim in apart:
        if claim.verdict == "not testable":
            assert words[claim.id].startswith(f"The model cannot test this: {claim.reason}.")
        else:
            assert "Under rival structures it lies between" in words[claim.id]
            assert ("sourced figures" in words[claim.id]) != np.isnan(claim.sourced_share)


def test_what_depends_on_structure_is_called_assumed(synthetic: ModuleType) -> None:
    tree = synthetic.full()
    reading = Reading(tree)
    assert stability(reading).startswith("Found: whichever")
    table = tree["structures"]["tertius_by_leverage"]
    table.loc[{"structure": "mobile"}] = 0.0
    table.loc[{"structure": "mobile", "power": "turkey"}] = 1.0
    text = stability(Reading(tree))
    assert "Assumed: who gains most leverage depends on the structure chosen" in text
    assert "Turkey under “Mobile factors”" in text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("trade.sectors.energy.elasticity", "Energy: elasticity"),
        ("domains.capital.ties.to_client.west", "Foreign investment: tie of The West"),
        ("domains.capital.ties.to_power.west", "Foreign investment: Kazakhstan in The West"),
        ("domains.capital.capacity.own", "Foreign investment: capacity, own"),
        ("domains.capital.weight", "Foreign investment: weight"),
        ("exits.west_out.leavers.west", "Degree of the exit: The West"),
        ("trade.flows.energy.table.kazakhstan.gulf", "Energy: Kazakhstan to Gulf oil exporters"),
        ("trade.adjust.oil.factor", "Adjustment of trade data: oil"),
        ("rescue.candidates.russia.motives.own_security", "Russia's motives: own security"),
        ("rescue.candidates.russia.doors.signal.strength", "Russia's help: signal strength"),
        ("rescue.candidates.west.arrival", "The West's rescue: arrival"),
        ("crisis.cost", "The crisis: cost"),
        ("outlook.drift.arms.china", "The outlook: drift arms China"),
        ("issues.script.actors.a_party.position", "script: position of a party"),
        ("signals.events.new_minister.noise", "Sign “new minister”: noise"),
        ("something.else", "something › else"),
    ],
)
def test_inputs_are_named_in_words(full: xr.DataTree, path: str, words: str) -> None:
    assert path_words(path, Reading(full)) == words


def test_a_query_is_found_at_the_figure_or_its_table(full: xr.DataTree) -> None:
    tree = full.copy()
    document = json.loads(tree.attrs["case_json"])
    document["trade"]["adjust"] = [
        {"id": "oil_exports_official", "factor": {"query": "by hand", "note": "why"}}
    ]
    tree.attrs["case_json"] = json.dumps(document)
    figures = {figure.path: figure for figure in Reading(tree).inputs}
    found = figures["trade.adjust.oil_exports_official.factor"]
    assert (found.query, found.note) == ("by hand", "why")
    assert found.sources == ("umarov2022", "sitc")
    assert figures["domains.capital.weight"].query == ""


@pytest.mark.parametrize(
    ("stated", "numbers"), [("[17, 3]", (17, 3)), ("[]", ()), (np.array([17, 3]), (17, 3)), (17, (17,))]
)
def test_unconverged_draws_are_read_as_written_and_as_netcdf_gives_them_back(
    synthetic: ModuleType, stated: object, numbers: tuple[int, ...]
) -> None:
    tree = synthetic.bare()
    tree.attrs["unconverged_draws"] = stated
    assert Reading(tree).provenance.unconverged_draws == numbers


def test_figures_belong_to_a_part_of_the_case(full: xr.DataTree) -> None:
    groups = {figure.group for figure in Reading(full).inputs}
    assert {"trade", "transit", "capital", "opinion"} <= groups


def test_parting_accounts_for_every_claim_and_says_how_each_was_read(synthetic: ModuleType) -> None:
    document = synthetic.case_document()
    for entry in document["claims"]:
        entry["note"] = f"Read as {entry['id']}."
    tree = synthetic.full(document=document)
    reading = Reading(tree)
    opening = parting_opening(reading)
    counts = [
        int(n)
        for n in re.findall(
            r"(\d+)\N{NO-BREAK SPACE}claims|(?:supports|contradicts|open|test|yet) (\d+)", opening
        )
        for n in n
        if n
    ]
    assert counts[0] == len(reading.claims) == sum(counts[1:])
    for claim in parting(reading):
        assert parting_words(claim, reading).endswith(f"How it was read: Read as {claim.id}.")
    page = brief(tree).html()
    assert page.count("How it was read: Read as ") == len(reading.claims) + len(parting(reading))
    order = ["What the model contradicts", "What it leaves open", "What it cannot test"]
    places = [page.index(heading) for heading in order]
    assert places == sorted(places)
    assert all(heading in brief(tree).markdown() for heading in order)


def test_what_a_verdict_hangs_on_is_named_where_it_was_looked_into(synthetic: ModuleType) -> None:
    tree = synthetic.full()
    claim = parting(Reading(tree))[0]
    assert "It hangs most on" not in parting_words(claim, Reading(tree))
    inputs = [str(p) for p in tree["inputs"]["input"].values]
    shares = np.full((1, len(inputs)), 0.02)
    shares[0, 1] = 0.4
    for share, named in ((0.4, True), (0.05, False)):
        shares[0, 1] = share
        tree["drivers"] = xr.DataTree(
            xr.Dataset(
                {"shapley": (("number", "input"), shares.copy())},
                coords={"number": [f"claims.{claim.id}"], "input": inputs},
            )
        )
        reading = Reading(tree)
        said = f"It hangs most on {path_words(inputs[1], reading)} ("
        assert (said in parting_words(claim, reading)) == named
