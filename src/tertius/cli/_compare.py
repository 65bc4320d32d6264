"""``tertius compare``: two cases side by side, or one case and changes to it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tertius.cli._app import CASE, EXIT_CODES, STDOUT, app, check_target, make_console, show_progress
from tertius.errors import BadInput

if TYPE_CHECKING:
    from tertius.case import Case

__all__ = ["compare"]


@app.command(epilog=EXIT_CODES)
def compare(
    case: Annotated[str, CASE],
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[OTHER]", help="Another case, or nothing where changes are given.", show_default=False
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the case; all of these make one column."),
    ] = None,
    patches: Annotated[
        list[Path] | None,
        typer.Option("--patch", metavar="FILE.yaml", help="Changes kept in a file; each makes a column."),
    ] = None,
    draws: Annotated[int, typer.Option(metavar="N", help="How many joint draws; a power of two.")] = 2048,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed gives the same findings.", min=0)] = 0,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE.json", help="Also write the comparison; - for standard output."),
    ] = None,
) -> None:
    """Put two cases, or a case and changes to it, side by side."""
    from tertius.cli._run import check_change, check_draws

    check_draws(draws)
    for change in changes or ():
        check_change(change)
    if json_file is not None and json_file != STDOUT:
        check_target(Path(json_file))
    columns = _columns(case, other, changes or [], patches or [])

    import tertius
    from tertius._brief import write_atomically
    from tertius._brief.comparison import Comparison

    findings = {}
    with show_progress(False) as progress:
        for done, (name, loaded) in enumerate(columns.items()):

            def tell(stage: str, part: float, name: str = name, done: int = done) -> None:
                progress(f"{name}: {stage}", (done + part) / len(columns))

            findings[name] = tertius.study(loaded, draws=draws, seed=seed, progress=tell)
    comparison = Comparison(findings)
    console = make_console(stderr=json_file == STDOUT)
    comparison.print(console)
    if json_file == STDOUT:
        sys.stdout.write(comparison.json())
    elif json_file is not None:
        written = write_atomically(json_file, comparison.json().encode())
        console.print(f"Comparison: {written}", highlight=False, markup=False, soft_wrap=True)


def _columns(case: str, other: str | None, changes: list[str], patches: list[Path]) -> dict[str, Case]:
    """The cases to be run, by the heads of their columns; every one is checked before any is computed."""
    from tertius.case import load_case, load_patch

    if other is None and not changes and not patches:
        raise BadInput(
            "there is nothing to compare the case with",
            code="compare",
            path=case,
            hint="name a second case, or a change with --set or --patch",
        )
    columns = {case: load_case(case)}

    def add(name: str, loaded: Case) -> None:
        base, count = name, 2
        while name in columns:
            name, count = f"{base} ({count})", count + 1
        columns[name] = loaded

    if other is not None:
        add(other, load_case(other))
    if changes:
        add(", ".join(changes), load_case(case, overrides=changes))
    for file in patches:
        patch = load_patch(file)
        add(patch.title, patch.apply_to(case))
    return columns
