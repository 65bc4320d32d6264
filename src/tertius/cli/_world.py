"""``tertius leverage`` and ``what-if``: questions about any country, answered from the public data."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tertius import _renderer
from tertius.cli._app import EXIT_CODES, STDOUT, app, check_target, make_console, show_progress, write_netcdf
from tertius.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr

    from tertius._brief.atlas import Atlas

__all__ = ["leverage", "what_if"]

YEAR = typer.Option(
    metavar="Y", help="The year of the world's trade.  [default: the latest there is]", show_default=False
)
WORLD = typer.Option(
    metavar="NAME",
    help="A world by name, such as ots-2018 or itpd-2016, in place of --year.",
    show_default=False,
)
ELASTICITY = typer.Option(
    metavar="θ",
    help="Hold the trade elasticity at this; else it is drawn about 4.",
    min=0.1,
    max=100,
    show_default=False,
)
SECTORS = typer.Option(
    "--sectors", help="Tell goods apart, in ten sections (2015, or another --year with them)."
)
FACTORS = typer.Option(
    metavar="mobile|specific", help="Whether what makes one good can make another.", show_default=False
)
POWERS = typer.Option(
    "--power", metavar="POWER", help="A country or bloc to compare; may be repeated.", show_default=False
)
SEED = typer.Option(metavar="S", help="The same seed gives the same answer.", min=0)
JSON = typer.Option(
    "--json", metavar="FILE.json", help="Write all numbers; - for standard output.", show_default=False
)
CSV = typer.Option(
    "--csv", metavar="FILE.csv", help="Write the table; - for standard output.", show_default=False
)
NETCDF = typer.Option(metavar="FILE.nc", help="Write all arrays, draw by draw.", show_default=False)
HTML = typer.Option(
    "--html", metavar="FILE.html", help="Write one page, with charts and a map.", show_default=False
)
CHART = typer.Option(metavar="FILE.svg|png", help="Write the chart alone.", show_default=False)
MAP = typer.Option("--map", metavar="FILE.svg|png", help="Write the map alone.", show_default=False)
QUIET = typer.Option("--quiet", "-q", help="Show the answer and where the files are, no more.")


@app.command(epilog=EXIT_CODES)
def leverage(
    country: Annotated[
        str | None,
        typer.Argument(metavar="[COUNTRY]", help="A country's ISO3 code or name.", show_default=False),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every pair of the world's economies.")] = False,
    year: Annotated[int | None, YEAR] = None,
    elasticity: Annotated[float | None, ELASTICITY] = None,
    sectors: Annotated[bool, SECTORS] = False,
    world: Annotated[str | None, WORLD] = None,
    factors: Annotated[str | None, FACTORS] = None,
    power: Annotated[list[str] | None, POWERS] = None,
    domains: Annotated[
        bool,
        typer.Option(
            "--domains", help="Beyond trade too: arms, security, capital, people, diplomacy, votes."
        ),
    ] = False,
    top: Annotated[int, typer.Option(metavar="N", help="How many are shown one by one.", min=1)] = 12,
    draws: Annotated[
        int, typer.Option(metavar="N", help="Draws of what is assumed; 0 for none.", min=0)
    ] = 64,
    seed: Annotated[int, SEED] = 0,
    json_file: Annotated[str | None, JSON] = None,
    csv_file: Annotated[str | None, CSV] = None,
    netcdf: Annotated[Path | None, NETCDF] = None,
    html: Annotated[Path | None, HTML] = None,
    chart: Annotated[Path | None, CHART] = None,
    map_file: Annotated[Path | None, MAP] = None,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Find out who could cost a country what: by trade with everybody, or every pair of the world."""
    started = time.perf_counter()
    if (country is None) == (not everyone):
        raise BadInput(
            "name one country, or ask for --all"
            if country is None
            else "a country and --all are two questions",
            code="country-or-all",
            hint="such as `tertius leverage KAZ`",
        )
    if everyone and domains:
        raise BadInput(
            "ties outside trade are of one country",
            code="domains-of-all",
            path="--domains",
            hint="name a country",
        )
    _check_factors(factors)
    _check_targets(json_file, csv_file, netcdf, html, chart, map_file)

    from tertius._atlas import ask, every_lever, levers_over

    question = ask(country, powers=power or (), year=year, sectors=sectors, world=world)
    if html or chart or map_file:
        _renderer.start()
    with show_progress(quiet) as progress:
        if everyone:
            data = every_lever(
                question.world,
                elasticity=elasticity,
                factors=factors or "mobile",  # type: ignore[arg-type]
                powers=[p.id for p in question.powers],
                progress=progress,
            )
        else:
            data = levers_over(
                question,
                draws=draws,
                seed=seed,
                elasticity=elasticity,
                factors=factors or "mobile",  # type: ignore[arg-type]
                domains=domains,
                progress=progress,
            )
    _deliver(data, top, started, json_file, csv_file, netcdf, html, chart, map_file, quiet)


@app.command("what-if", epilog=EXIT_CODES)
def what_if(
    country: Annotated[
        str, typer.Argument(metavar="COUNTRY", help="A country's ISO3 code or name.", show_default=False)
    ],
    exits: Annotated[
        list[str] | None,
        typer.Option(
            "--exit",
            metavar="POWER[:DEGREE]",
            help="A country or bloc that stops trading with it, wholly or to a degree; may be repeated.",
            show_default=False,
        ),
    ] = None,
    year: Annotated[int | None, YEAR] = None,
    elasticity: Annotated[float | None, ELASTICITY] = None,
    sectors: Annotated[bool, SECTORS] = False,
    world: Annotated[str | None, WORLD] = None,
    factors: Annotated[str | None, FACTORS] = None,
    power: Annotated[list[str] | None, POWERS] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Draws of what is assumed.  [default: 128; 32 with sectors]",
            min=2,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, SEED] = 0,
    json_file: Annotated[str | None, JSON] = None,
    netcdf: Annotated[Path | None, NETCDF] = None,
    html: Annotated[Path | None, HTML] = None,
    chart: Annotated[Path | None, CHART] = None,
    map_file: Annotated[Path | None, MAP] = None,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Let powers leave a country's trade: the vacuum, the third who gains, and who pays."""
    started = time.perf_counter()
    if not exits:
        raise BadInput(
            "say who leaves", code="no-exit", path="--exit", hint="such as `tertius what-if KAZ --exit west`"
        )
    _check_factors(factors)
    _check_targets(json_file, None, netcdf, html, chart, map_file)

    from tertius._atlas import ask
    from tertius._atlas import what_if as answer

    question = ask(country, exits=exits, powers=power or (), year=year, sectors=sectors, world=world)
    if html or chart or map_file:
        _renderer.start()
    several = "sector" in question.world.flows.dims
    with show_progress(quiet) as progress:
        data = answer(
            question,
            draws=draws or (32 if several else 128),
            seed=seed,
            elasticity=elasticity,
            factors=factors,  # type: ignore[arg-type]
            progress=progress,
        )
    _deliver(data, 12, started, json_file, None, netcdf, html, chart, map_file, quiet)


def _check_factors(factors: str | None) -> None:
    if factors not in (None, "mobile", "specific"):
        raise BadInput(
            f"factors are mobile or specific, not '{factors}'", code="unknown-factors", path="--factors"
        )


def _check_targets(*targets: str | Path | None) -> None:
    """Refuse what cannot be written to, before anything is computed."""
    files = [Path(t) for t in targets if t is not None and str(t) != STDOUT]
    for file in files:
        check_target(file)
    if len({os.path.abspath(file) for file in files}) < len(files):
        raise BadInput("two outputs would go to the same file", code="same-file", path=str(files[0]))
    if sum(str(t) == STDOUT for t in targets if t is not None) > 1:
        raise BadInput("two outputs would go to the standard output", code="same-file", path=STDOUT)


def _deliver(
    data: xr.Dataset,
    top: int,
    started: float,
    json_file: str | None,
    csv_file: str | None,
    netcdf: Path | None,
    html: Path | None,
    chart: Path | None,
    map_file: Path | None,
    quiet: bool,
) -> None:
    """Show the answer, and write what was asked for."""
    from tertius._brief import write_atomically
    from tertius._brief.atlas import Atlas

    atlas = Atlas(data, top=top, command=shlex.join(["tertius", *sys.argv[1:]]))
    texts = [("Numbers", json_file, atlas.json), ("Table", csv_file, atlas.csv)]
    written: list[tuple[str, Path]] = []
    for what, target, make in texts:
        if target is not None and target != STDOUT:
            written.append((what, write_atomically(target, make().encode())))
    if netcdf is not None:
        written.append(("Arrays", write_netcdf(data, netcdf)))
    if html is not None:
        written.append(("Page", write_atomically(html, atlas.html().encode())))
    for which, picture in (("chart", chart), ("map", map_file)):
        if picture is not None:
            written.append((which.capitalize(), atlas.save_picture(which, picture)))
    piped = [make for _, target, make in texts if target == STDOUT]
    for make in piped:
        sys.stdout.write(make())
        sys.stdout.flush()
    _report(atlas, written, time.perf_counter() - started, quiet=quiet, to_stderr=bool(piped))


def _report(
    atlas: Atlas, written: Sequence[tuple[str, Path]], taken: float, *, quiet: bool, to_stderr: bool
) -> None:
    console = make_console(stderr=to_stderr)
    if quiet:
        console.print(atlas.answer.sentence, highlight=False, markup=False, soft_wrap=True)
    else:
        atlas.print(console)
    for what, path in written:
        console.print(f"{what}: {path}", highlight=False, markup=False, soft_wrap=True)
    if not quiet:
        console.print(f"{taken:.1f} s in all.", highlight=False, markup=False, style="dim")
