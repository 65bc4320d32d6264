"""``tertius check``, ``cases`` and ``schema``: what the analyst writes, looked at without computing it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tertius.cli._app import CASE, EXIT_CODES, app
from tertius.errors import BadInput

__all__ = ["cases", "check", "schema"]


@app.command(epilog=EXIT_CODES)
def check(case: Annotated[str, CASE]) -> None:
    """Find every mistake in a case, with line and column."""
    from tertius.case import Position, Problem, check_case, load_case
    from tertius.claims import check_claims

    report = check_case(case)
    typer.echo(str(report))
    if not report.ok:
        raise typer.Exit(BadInput.exit_code)
    # Claims name what a study will compute, which the schema of a case does not know.
    loaded = load_case(case)
    mistakes = check_claims(loaded)
    for mistake in mistakes:
        place = loaded.source_position(mistake.path) or Position(report.file, 0, 0)
        within = f"at column {mistake.column} of the expression, " if mistake.column else ""
        typer.echo(
            Problem(
                "error",
                mistake.code,
                f"{within}{mistake.message}",
                place.file,
                place.line,
                place.column,
                mistake.path,
                mistake.hint,
            )
        )
    if mistakes:
        raise typer.Exit(BadInput.exit_code)


@app.command()
def cases() -> None:
    """List the cases that come with Tertius."""
    from tertius.case import shipped_cases

    found = shipped_cases()
    width = max((len(name) for name in found), default=0)
    for name, title in found.items():
        typer.echo(f"{name:<{width}}  {title}".rstrip())


@app.command()
def schema() -> None:
    """Print the JSON Schema of a case file, for editors and other programs."""
    from tertius.case import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
