"""The study: draws, models, and every further run that says how sure one can be.

The main run puts all draws through all models, with the case's first exit. Then come the runs of the kind "and if",
on fewer draws: further exits, the sourced figures held while the assumptions are drawn anew, every assumption's
spread doubled, and the rival structures.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study import indices
from tertius._study.compilation import remember_compilations
from tertius._study.designs import Designs
from tertius._study.draws import Design, Draws, design, draw, redraw
from tertius._study.explorer import Explorer
from tertius._study.layout import kept_groups, raw_groups
from tertius._study.simulate import Simulation, simulate
from tertius._study.stages import (
    SIMULATED,
    Context,
    Ran,
    behind,
    differences,
    outlook,
    run_stages,
    watched_draws,
    watched_structure,
)
from tertius._study.structures import BASE, RIVALS, Structure
from tertius._study.trade import TradeResults
from tertius._study.world import Figures
from tertius._version import __version__
from tertius.case import Case
from tertius.errors import CannotCompute

__all__ = ["EVIDENCE_DRAWS", "EXIT_DRAWS", "STRUCTURE_DRAWS", "TOLERATED", "again", "run"]

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]
Aside = Callable[[Callable[[], Any]], Future[Any]]

EXIT_DRAWS = 1024
"""Draws at most for exits beyond the first; see :func:`_half`."""

EVIDENCE_DRAWS = 1024
"""Draws at most for the run with the assumptions drawn anew, and for the one with their spread doubled; see
:func:`_quarter`."""

STRUCTURE_DRAWS = 1024
"""Draws at most for each rival structure; see :func:`_quarter`."""

TOLERATED = 0.01
"""Share of draws that may fail to converge before the study refuses."""


@dataclass
class _Clock:
    """Where the time goes, and who is told of it."""

    progress: Progress | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        start = time.perf_counter()
        tell = self.progress

        def report(fraction: float) -> None:
            if tell is not None:
                tell(name, fraction)

        report(0.0)
        yield report
        report(1.0)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def run(
    case: Case,
    *,
    draws: int = 8192,
    seed: int = 0,
    progress: Progress | None = None,
    allow_unconverged: bool = False,
    exits_read: Collection[str] = (),
    read: Mapping[str, Collection[str]] | None = None,
    beside: Callable[[xr.DataTree, Explorer], object] | None = None,
) -> tuple[xr.DataTree, Designs]:
    """Study a case.

    Parameters
    ----------
    case
        The case.
    draws
        Number of joint draws of its uncertain inputs, a power of two.
    seed
        Any whole number; the same seed gives the same findings.
    progress
        Told the stage's name and the fraction of it that is done.
    allow_unconverged
        Go on although more than one draw in a hundred found no equilibrium.
    exits_read
        Further exits that the verdicts read, so that the runs behind a verdict's evidence have them too.
    read
        What the verdicts read of each group, its variables and labels by name (``*`` for all labels), so that those
        runs make nothing else of stages; all if None.
    beside
        Called with the main run's findings, and with what runs the case again, while the rival structures run.

    Returns
    -------
    findings
        The tree that ``docs/findings.md`` specifies, without ``/claims``.
    designs
        The further runs that verdicts need.

    Raises
    ------
    BadInput
        If ``draws`` is not a power of two.
    CannotCompute
        If more than 1 % of the draws did not converge and that was not allowed.
    """
    remember_compilations()
    clock = _Clock(progress)
    headline = next(iter(case.exits), None)
    first = [headline] if headline is not None else []
    further = [e for e in case.exits if e != headline]
    also = [e for e in further if e in set(exits_read)]

    with clock.stage("draws"):
        layout = design(case, draws, seed)
        values = draw(case, layout, layout.a)
    rows = _quarter(draws, EVIDENCE_DRAWS)
    few = values.head(_half(draws))
    compared = values.head(_quarter(draws, STRUCTURE_DRAWS))
    explorer = Explorer(case, layout, headline, (*first, *also), partial(_inputs, layout), read)
    structures = _applicable(case)

    # What the simulation itself reads of the structure and of the inputs.
    notes: set[str] = set()

    def solved(structure: Structure, shared: TradeResults | None = None) -> Simulation:
        return simulate(case, compared, structure, only=[*first, *also], trade=shared)

    def evidence(drawn: Callable[[], Draws]) -> _SubRun:
        return _sub_run(case, layout, drawn(), first, also, read)

    def rival(structure: Structure, known: Mapping[str, Ran], made: Callable[[], Simulation]) -> _Rival:
        moved = differences(BASE, structure)
        if not moved.isdisjoint(notes):
            moved |= SIMULATED
        whole = _complete(case, compared, structure, made(), headline, known=known, moved=moved, read=read)
        return _Rival(whole.groups, whole.simulation.converged)

    with _aside() as aside:
        # What needs nothing of the main run is got ready beside it.
        traded = {s.id: aside(partial(solved, s)) for s in structures if s.changes_trade}
        frozen_run = aside(partial(evidence, partial(redraw, case, layout, rows, layout.sourced)))
        doubled_run = aside(partial(evidence, partial(draw, case, layout, layout.a[:rows], widen=2.0)))
        with clock.stage("models") as report:
            base = watched_structure(BASE, notes)
            main = simulate(case, watched_draws(values, notes), base, only=first, progress=report)
        # What follows can only add to the draws that did not converge.
        _refuse(main, allow_unconverged)
        with clock.stage("further models"):
            whole = _complete(case, values, BASE, main, headline, shown=True, aside=aside)
        main = whole.simulation
        _refuse(main, allow_unconverged)
        found = whole.groups
        kept = np.flatnonzero(main.converged)
        tree: dict[str, xr.Dataset] = {"/inputs": _inputs(layout, values, kept), **found}
        # The trade equilibria of the first draws, which rival structures that leave trade alone use again.
        shared = None if main.trade is None else main.trade.head(few.size)
        worst = _worst(main)
        # What runs the case again starts from as many draws as have all that it reads.
        start = few if also else values.head(explorer.wanted)
        begun = {p: g.isel(draw=slice(0, start.size)) for p, g in whole.raw.items() if p in SIMULATED}
        reached = main.converged[: start.size]
        if further:
            with clock.stage("further exits") as report:
                rest = _further(case, few, main, further, report)
            _refuse(rest, allow_unconverged)
            worst = max(worst, _worst(rest))
            both = _joined(main, rest)
            more = raw_groups(case, both, None)
            tree |= _exit_groups(more, both)
            if also:
                begun |= {path: more[path] for path in (f"/exits/{e}" for e in also)}
                reached = both.converged
            if "/outlook" in tree:
                tree["/outlook"] = _further_outlook(case, few, whole, both, more, tree["/outlook"])
            if shared is not None and rest.trade is not None:
                shared = shared.joined(rest.trade)
        known = {name: ran.at(slice(0, compared.size)) for name, ran in whole.ran.items()}
        same = None if shared is None else shared.head(compared.size)
        explorer.begin(
            start,
            shared if also or main.trade is None else main.trade.head(start.size),
            begun,
            reached,
            notes,
            {name: ran.at(slice(0, start.size)) for name, ran in whole.ran.items()},
        )
        asides = [] if beside is None else [aside(partial(beside, xr.DataTree.from_dict(tree), explorer))]
        waiting = {
            s.id: aside(
                partial(rival, s, known, traded[s.id].result if s.id in traded else partial(solved, s, same))
            )
            for s in structures
        }
        with clock.stage("evidence and rival structures") as report:
            drivers = (
                None
                if headline is None
                else aside(
                    partial(_sensitivity, tree["/inputs"], found["/displacement"], notes | _tied(case))
                )
            )
            asides += [] if drivers is None else [drivers]
            everything = [frozen_run, doubled_run, *waiting.values(), *whole.later.values(), *asides]
            for done, _ in enumerate(as_completed(everything), start=1):
                report(done / len(everything))
            frozen, doubled = frozen_run.result(), doubled_run.result()
            others = [waiting[s.id].result() for s in structures]
            for done_aside in asides:
                done_aside.result()
            # What only a reader needs of the main run.
            shown = {path: made.result() for path, made in whole.later.items()}
            tree |= kept_groups(shown, main.converged)
    rivals: dict[str, xr.DataTree] = {}
    runs: dict[str, dict[str, xr.Dataset]] = {"base": _first(found, compared.size)}
    titles = {"base": BASE.title}
    unconverged = {"base": int(compared.size - np.count_nonzero(main.converged[: compared.size]))}
    for structure, result in zip(structures, others, strict=True):
        runs[structure.id] = result.groups
        titles[structure.id] = structure.title
        unconverged[structure.id] = int(np.count_nonzero(~result.converged))
        inputs = _inputs(layout, compared, np.flatnonzero(result.converged))
        rivals[structure.id] = _tree(inputs, result.groups)
    with clock.stage("comparison of structures"):
        if headline is not None:
            tree["/structures"] = _structures(runs, titles, unconverged, compared.size)
            sensitivity = None if drivers is None else drivers.result()
            if sensitivity is not None:
                tree["/sensitivity"] = sensitivity
    findings = xr.DataTree.from_dict(
        {"/": xr.Dataset(attrs=_attributes(case, main, worst, draws, seed, clock)), **tree}
    )
    return findings, Designs(frozen.tree, frozen.rows, doubled.tree, rivals, explorer)


def again(case: Case, *, draws: int, seed: int, exits_read: Collection[str] = ()) -> xr.DataTree:
    """Run the base structure alone, on other draws: the groups of a study that its verdicts read.

    Parameters
    ----------
    case, draws, seed, exits_read
        As in :func:`run`.
    """
    layout = design(case, draws, seed)
    exits = list(case.exits)
    further = [e for e in exits[1:] if e in set(exits_read)]
    return _sub_run(case, layout, draw(case, layout, layout.a), exits[:1], further).tree


@dataclass(frozen=True)
class _Run:
    """One simulation with the draws in which everything converged, its groups in those, and in all draws (``raw``)."""

    simulation: Simulation
    groups: dict[str, xr.Dataset]
    raw: Mapping[str, xr.Dataset]
    ran: Mapping[str, Ran]
    later: Mapping[str, Future[xr.Dataset]]


class _Rival(NamedTuple):
    """What is kept of a rival structure's run: its groups, and the draws in which everything converged."""

    groups: dict[str, xr.Dataset]
    converged: NDArray[np.bool_]


def _complete(
    case: Case,
    values: Draws,
    structure: Structure,
    simulation: Simulation,
    headline: str | None,
    *,
    shown: bool = False,
    known: Mapping[str, Ran] | None = None,
    moved: Collection[str] = (),
    read: Mapping[str, Collection[str]] | None = None,
    aside: Aside | None = None,
) -> _Run:
    """Run the stages on top of a simulation, and put labels on everything."""
    raw = raw_groups(case, simulation, headline)
    context = Context(case, Figures(values), structure, simulation, headline, raw, shown, read)
    needed = None if read is None else behind(read)
    made = run_stages(context, needed, known=known, moved=moved, aside=aside)
    assert made.converged is not None
    assert made.residual is not None
    whole = replace(simulation, converged=made.converged, residual=made.residual)
    return _Run(whole, kept_groups(made.groups, made.converged), made.groups, made.ran, made.later)


def _half(draws: int) -> int:
    """How many draws further exits take: half of the study's, but no fewer than 512 where there are so many."""
    return min(draws, EXIT_DRAWS, max(512, draws // 2))


def _quarter(draws: int, most: int) -> int:
    """How many draws a run takes that is there to be set beside the main one, in the same draws.

    A quarter of the study's, but no fewer than 256 where there are so many: the points fill the space so evenly that
    half as many put little more noise into what is compared (docs/findings.md).
    """
    return min(draws, most, max(256, draws // 4))


@dataclass(frozen=True)
class _SubRun:
    tree: xr.DataTree
    rows: NDArray[np.int64]


def _sub_run(
    case: Case,
    layout: Design,
    values: Draws,
    first: Sequence[str],
    further: Sequence[str],
    read: Mapping[str, Collection[str]] | None = None,
) -> _SubRun:
    """Run the base structure on other draws: the first exit on all of them, further ones on the first few."""
    # Few draws at the far ends have no equilibrium; making sure of each would take longer than all the others.
    main = simulate(case, values, BASE, only=first, retry=False)
    whole = _complete(case, values, BASE, main, next(iter(first), None), read=read)
    main, found = whole.simulation, whole.groups
    kept = np.flatnonzero(main.converged)
    if further:
        few = values.head(min(EXIT_DRAWS, values.size))
        rest = _further(case, few, main, further)
        both = _joined(main, rest)
        found |= _exit_groups(raw_groups(case, both, None), both)
    return _SubRun(_tree(_inputs(layout, values, kept), found), kept)


@contextmanager
def _aside() -> Iterator[Aside]:
    """Do tasks beside the main one, two at a time, so that some compute while others prepare."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        try:
            yield pool.submit
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _further(
    case: Case,
    few: Draws,
    main: Simulation,
    only: Sequence[str],
    report: Callable[[float], None] | None = None,
) -> Simulation:
    """Run further exits on the first draws of a main run, whose levers they start from."""
    levers = None if main.trade is None else main.trade.head(few.size).levers
    return simulate(case, few, BASE, only=only, trade_levers=levers, progress=report)


def _joined(main: Simulation, rest: Simulation) -> Simulation:
    """Further exits, converged where the main run on which they stand did as well."""
    first = slice(len(rest.converged))
    return replace(
        rest,
        converged=rest.converged & main.converged[first],
        residual=np.maximum(rest.residual, main.residual[first]),
    )


def _exit_groups(raw: Mapping[str, xr.Dataset], rest: Simulation) -> dict[str, xr.Dataset]:
    """The groups of further exits, in the draws that converged."""
    return kept_groups({path: made for path, made in raw.items() if path != "/levers"}, rest.converged)


def _further_outlook(
    case: Case,
    few: Draws,
    main: _Run,
    rest: Simulation,
    more: Mapping[str, xr.Dataset],
    group: xr.Dataset,
) -> xr.Dataset:
    """The group ``/outlook`` with the scenarios of further exits beside its own."""
    before = {
        path: made.isel(draw=slice(0, few.size))
        for path, made in main.raw.items()
        if path in ("/levers", "/rescue", "/outlook")
    }
    context = Context(case, Figures(few), BASE, rest, None, {**more, **before})
    return outlook.with_further(group, outlook.further(context))


def _tree(inputs: xr.Dataset, made: Mapping[str, xr.Dataset]) -> xr.DataTree:
    return xr.DataTree.from_dict({"/inputs": inputs, **made})


def _first(made: Mapping[str, xr.Dataset], rows: int) -> dict[str, xr.Dataset]:
    """The groups of the first draws of a run."""
    return {path: group.sel(draw=group["draw"].values < rows) for path, group in made.items()}


def _refuse(simulation: Simulation, allowed: bool) -> None:
    draws = len(simulation.converged)
    failed = int(np.count_nonzero(~simulation.converged))
    if failed <= TOLERATED * draws or (allowed and failed < draws):
        return
    worst = float(np.nanmax(simulation.residual))
    raise CannotCompute(
        f"{failed:,} of {draws:,} draws found no equilibrium (worst residual {worst:.1e})",
        code="unconverged",
        path="draws",
        hint="look for an input whose range reaches values that make no sense, or use --allow-unconverged",
    )


def _worst(simulation: Simulation) -> float:
    """The largest residual of the draws that converged."""
    return float(np.nanmax(simulation.residual[simulation.converged], initial=0.0))


def _applicable(case: Case) -> tuple[Structure, ...]:
    """The rivals that differ from what the case states."""
    trade = case.trade
    chosen = []
    for rival in RIVALS:
        if rival.changes_trade and not rival.unlimited and trade is None:
            continue
        if trade is not None and rival.factors == trade.factors:
            rival = _opposite(rival)
        if trade is not None and rival.deficits == trade.deficits:
            continue
        if (rival.one_good or rival.substitution) and trade is not None and len(trade.sectors) == 1:
            continue
        if rival.substitution and trade is not None and trade.substitution is not None:
            rival = _cobb_douglas(rival)
        if rival.backward and not _errs(case):
            continue
        if rival.nested and not any(d.nests is not None for d in case.domains.values()):
            continue
        if rival.equal_weights and len(case.domains) < 2:
            continue
        if rival.expectations and case.crisis is None:
            continue
        chosen.append(rival)
    return tuple(chosen)


def _errs(case: Case) -> bool:
    """Whether anybody in the games of the price may err."""
    of_rescue = None if case.rescue is None else case.rescue.rationality
    return any(c.rationality is not None or of_rescue is not None for c in case.concessions.values())


def _opposite(rival: Structure) -> Structure:
    return replace(rival, id="specific", title="Specific factors: an oil field makes oil", factors="specific")


def _cobb_douglas(rival: Structure) -> Structure:
    return replace(
        rival,
        id="cobb_douglas",
        title="Cobb–Douglas between sectors: each keeps its share of spending",
        substitution=1.0,
    )


def _inputs(layout: Design, values: Draws, kept: NDArray[np.int64]) -> xr.Dataset:
    """The group ``/inputs``."""
    paths = [i.path for i in layout.inputs]
    # Row by row as it is read, and only the rows that stay.
    table = np.stack([values[p][kept] for p in paths], axis=-1) if paths else np.empty((len(kept), 0))
    drawn = xr.Variable(("draw", "input"), table, attrs={"long_name": "drawn value", "unit": "see unit"})
    return xr.Dataset(
        {"value": drawn, **layout.described},
        coords={"draw": kept, "input": np.array(paths, dtype=np.str_)},
    )


def _structures(
    runs: Mapping[str, Mapping[str, xr.Dataset]],
    titles: Mapping[str, str],
    unconverged: Mapping[str, int],
    size: int,
) -> xr.Dataset:
    """The group ``/structures``."""
    names = list(runs)
    made = []
    for name in names:
        group = runs[name]["/displacement"]
        left = set(json.loads(group.attrs["leavers"]))
        stay = np.array([str(p) not in left for p in group["power"].values])
        made.append(
            xr.Dataset(
                {
                    "tertius_by_leverage": group["tertius_by_leverage"].sel(domain="total", drop=True),
                    "tertius_by_vacuum": group["tertius_by_vacuum"].sel(flow="total", drop=True),
                    "beats_leverage": _beats(group["leverage_gain"], stay),
                    "beats_vacuum": _beats(group["vacuum_share"], stay),
                }
            )
        )
    out: xr.Dataset = xr.concat(made, dim=xr.Variable(("structure",), names), join="outer")
    out["title"] = xr.Variable(("structure",), np.array([titles[n] for n in names], dtype=np.str_))
    out["draws"] = xr.Variable(("structure",), [size] * len(names))
    out["unconverged"] = xr.Variable(("structure",), [unconverged[n] for n in names])
    return out


def _beats(gain: xr.DataArray, stay: NDArray[np.bool_]) -> xr.DataArray:
    """Probability that each remaining power gains more than each other; ``NaN`` where either is missing."""
    values = gain.values
    more = values[:, :, None, :] > values[:, None, :, :]
    known = ~(np.isnan(values[:, :, None, :]) | np.isnan(values[:, None, :, :]))
    share = np.where(known.all(axis=0), more.mean(axis=0), np.nan)
    share[~stay] = np.nan
    share[:, ~stay] = np.nan
    share[np.arange(len(stay)), np.arange(len(stay))] = np.nan
    label = str(gain.dims[-1])
    return xr.DataArray(
        share,
        dims=("power", "rival", label),
        coords={"power": gain["power"].values, "rival": gain["power"].values, label: gain[label].values},
        attrs={"long_name": "gains more than the rival", "unit": "probability"},
    )


def _tied(case: Case) -> set[str]:
    """The inputs that the case correlates with others."""
    return {path for tie in case.correlations for path in tie.between}


def _sensitivity(inputs: xr.Dataset, displaced: xr.Dataset, read: Collection[str]) -> xr.Dataset | None:
    """The group ``/sensitivity``: what drives the comparison of the two that gain most.

    An input that nothing has read on which displacement hangs drives it by nothing: that needs no estimate, and an
    estimate would have noise.
    """
    left = set(json.loads(displaced.attrs["leavers"]))
    stay = [str(p) for p in displaced["power"].values if str(p) not in left]
    labels: list[str] = []
    margins: list[Array] = []
    for name, variable, label in (
        ("leverage", "leverage_gain", "domain"),
        ("vacuum", "vacuum_share", "flow"),
    ):
        total = displaced[variable].sel({label: "total"})
        middle = {p: float(total.sel(power=p).median()) for p in stay}
        ranked = sorted((p for p in stay if np.isfinite(middle[p])), key=lambda p: -middle[p])
        if len(ranked) < 2:
            continue
        one, two = ranked[:2]
        labels.append(f"{name}:{one}>{two}")
        margins.append(np.asarray(total.sel(power=one).values - total.sel(power=two).values))
    if not labels or inputs.sizes["input"] == 0:
        return None
    y = np.stack(margins, axis=-1)
    holds = (y > 0).astype(float)
    shape = len(labels), inputs.sizes["input"]
    value, error = np.zeros(shape), np.zeros(shape)
    low, high = (np.repeat(holds.mean(axis=0)[:, None], shape[1], axis=1) for _ in range(2))
    heard = np.isin(inputs["input"].values, list(read))
    if heard.any():
        x = np.asarray(inputs["value"].values[:, heard])
        value[:, heard], error[:, heard] = indices.first_order(x, y)
        low[:, heard], high[:, heard] = indices.tercile_probabilities(x, holds)
    dims = ("headline", "input")
    return xr.Dataset(
        {
            "first_order": xr.Variable(
                dims,
                value,
                attrs={"long_name": "share of variance explained alone", "unit": "share"},
            ),
            "first_order_error": xr.Variable(
                dims, error, attrs={"long_name": "its standard error", "unit": "share"}
            ),
            "probability_low": xr.Variable(
                dims, low, attrs={"long_name": "in the input's lowest third", "unit": "probability"}
            ),
            "probability_high": xr.Variable(
                dims, high, attrs={"long_name": "in the input's highest third", "unit": "probability"}
            ),
        },
        coords={"headline": labels, "input": inputs["input"].values},
    )


def _attributes(
    case: Case, main: Simulation, worst: float, draws: int, seed: int, clock: _Clock
) -> dict[str, object]:
    """The root attributes."""
    failed = np.flatnonzero(~main.converged)
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.now(UTC) if epoch is None else datetime.fromtimestamp(int(epoch), UTC)
    return {
        "tertius": __version__,
        "case": case.id,
        "digest": case.digest,
        "case_json": case.canonical_json(),
        "draws": draws,
        "kept": int(np.count_nonzero(main.converged)),
        "unconverged": len(failed),
        "unconverged_draws": json.dumps(failed.tolist()),
        "seed": seed,
        "exit_draws": _half(draws),
        "structure_draws": _quarter(draws, STRUCTURE_DRAWS),
        "evidence_draws": _quarter(draws, EVIDENCE_DRAWS),
        "created": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "worst_residual": worst,
        "warnings": json.dumps([str(w) for w in case.warnings]),
        "libraries": json.dumps({name: version(name) for name in ("jax", "numpy", "scipy", "xarray")}),
        "seconds_json": json.dumps({stage: round(s, 3) for stage, s in clock.seconds.items()}),
    }
