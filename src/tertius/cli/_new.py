"""``tertius new``: a case for any country, filled in from the public data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tertius.cli._app import EXIT_CODES, STDOUT, app, check_target
from tertius.errors import BadInput, CannotCompute

__all__ = ["new"]


@app.command(epilog=EXIT_CODES)
def new(
    country: Annotated[
        str, typer.Argument(metavar="COUNTRY", help="A country's ISO3 code or name.", show_default=False)
    ],
    year: Annotated[
        int | None,
        typer.Option(
            metavar="Y", help="The year of the case.  [default: the latest of trade]", show_default=False
        ),
    ] = None,
    power: Annotated[
        list[str] | None,
        typer.Option(
            "--power",
            metavar="POWER",
            help="A country or bloc that contends for it; may be repeated.  [default: west, CHN, RUS]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where it goes; - for standard output.  [default: ID.yaml]",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a case for a country: every figure with its source and query, every gap an assumption."""
    if out is not None and out != STDOUT:
        check_target(Path(out))

    from tertius._atlas.new_case import new_case
    from tertius._brief import write_atomically
    from tertius.case import load_case

    name, text, gaps = new_case(country, year, power or ())
    if out == STDOUT:
        sys.stdout.write(text)
        return
    target = Path(out) if out is not None else Path(f"{name}.yaml")
    check_target(target)
    if target.exists() and not force:
        raise BadInput(
            "there is a file of that name",
            code="file-there",
            path=str(target),
            hint="name another with --out, or --force",
        )
    write_atomically(target, text.encode())
    try:
        load_case(target)
    except BadInput as error:
        raise CannotCompute(
            f"the case that was written has mistakes: {error.message}", code="bad-case", path=str(target)
        ) from error
    typer.echo(f"Case: {target}")
    for gap in gaps:
        typer.echo(f"  assumed or left out: {gap}")
    typer.echo(f"Next: tertius check {target}; tertius run {target}")
