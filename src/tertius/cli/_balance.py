"""``tertius balance``: how many powers a country leans on, year by year, beside others."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tertius import _renderer
from tertius.cli._app import EXIT_CODES, app, show_progress
from tertius.cli._world import CHART, CSV, HTML, JSON, NETCDF, QUIET, _check_targets, _deliver

__all__ = ["balance"]


@app.command(epilog=EXIT_CODES)
def balance(
    country: Annotated[
        str, typer.Argument(metavar="COUNTRY", help="A country's ISO3 code or name.", show_default=False)
    ],
    years: Annotated[
        str, typer.Option(metavar="Y-Y", help="From which year to which; a year without data is missing.")
    ] = "2000-2020",
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--beside",
            metavar="COUNTRY",
            help="Another country, to see beside it; may be repeated.",
            show_default=False,
        ),
    ] = None,
    power: Annotated[
        list[str] | None,
        typer.Option(
            "--power",
            metavar="POWER",
            help="A country or bloc that counts as a power; may be repeated.  [default: USA, eu, CHN, RUS, GBR, TUR, "
            "IND, JPN]",
            show_default=False,
        ),
    ] = None,
    powers_of: Annotated[
        str | None,
        typer.Option(
            "--powers-of",
            metavar="CASE",
            help="Take the powers of a case, with the members that it gives them.",
            show_default=False,
        ),
    ] = None,
    domains: Annotated[
        bool,
        typer.Option(
            "--domains", help="Beyond trade too, where the data have years: arms, pacts, debt, posts."
        ),
    ] = False,
    json_file: Annotated[str | None, JSON] = None,
    csv_file: Annotated[str | None, CSV] = None,
    netcdf: Annotated[Path | None, NETCDF] = None,
    html: Annotated[Path | None, HTML] = None,
    chart: Annotated[Path | None, CHART] = None,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Find out how many powers a country leaned on in every year: the multi-vector index, from data."""
    started = time.perf_counter()
    _check_targets(json_file, csv_file, netcdf, html, chart)

    from tertius._atlas import ask_balance
    from tertius._atlas import balance as answer

    case = None
    if powers_of is not None:
        from tertius.case import load_case

        case = load_case(powers_of)
    span = ask_balance(country, beside=beside or (), powers=power or (), case=case, years=years)
    if html or chart:
        _renderer.start()
    with show_progress(quiet) as progress:
        data = answer(span, domains=domains, progress=progress)
    _deliver(data, 12, started, json_file, csv_file, netcdf, html, chart, None, quiet)
