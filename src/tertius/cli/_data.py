"""``tertius data``: the packs of public data that are here, and how to have the others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tertius.cli._app import EXIT_CODES, app, show_progress
from tertius.errors import CannotCompute

if TYPE_CHECKING:
    from tertius.world.packs import Pack
    from tertius.world.store import Stored

__all__ = ["data"]

data = typer.Typer(help="The packs of public data: what there is, and how to have it.", no_args_is_help=True)
app.add_typer(data, name="data", epilog=EXIT_CODES)

NAMES = typer.Argument(
    metavar="NAME…", help="Data packs, as `tertius data list` names them.", show_default=False
)


@data.command("list", epilog=EXIT_CODES)
def list_(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Tell all about one pack.")] = None,
) -> None:
    """List the packs, or tell all about one."""
    from tertius.world.packs import PACKS, pack

    if name is not None:
        _tell(pack(name))
        return
    width = max(len(n) for n in PACKS)
    typer.echo(f"{'pack':<{width}}  {'years':<9}  {'here':<8}  {'can be':<8}  what")
    for found in PACKS.values():
        years = (
            f"{found.years[0]}–{found.years[1]}" if found.years[0] != found.years[1] else str(found.years[0])
        )
        if found.years[1] > 2099:
            years = "any"
        ways = (
            "got" if set(found.gettable) == set(found.tables) else "got part" if found.gettable else "added"
        )
        typer.echo(f"{found.name:<{width}}  {years:<9}  {_here(found):<8}  {ways:<8}  {found.title}")
    typer.echo(
        "\n`tertius data list NAME` tells the rest: producer, terms, tables, what is known to be wrong."
    )


def _here(found: Pack) -> str:
    """Say in a word how a pack is at hand."""
    from tertius.world.fetch import in_mirror
    from tertius.world.store import path, stored

    there = {t: s for t, s in stored(found).items() if t in found.tables and path(found, found.tables[t])}
    if there:
        words = {"get": "got", "add": "added", "mirror": "mirror"}
        return "/".join(sorted({words[s.way] for s in there.values()}))
    return "(mirror)" if in_mirror(found) else "-"


def _tell(found: Pack) -> None:
    from tertius.world.store import folder, path, stored

    typer.echo(f"{found.name}: {found.title}\n")
    for what, text in (
        ("producer", f"{found.producer}  {found.page}"),
        ("citation", found.citation),
        ("licence", found.licence),
        ("passing on", f"{found.redistribution}; Tertius never bundles data"),
        ("coverage", found.coverage),
        ("notes", found.notes),
    ):
        if text:
            typer.echo(f"{what + ':':<16}{text}")
    for flag in found.flags:
        years = f" ({', '.join(str(y) for y in sorted(flag.years))})" if flag.years else ""
        typer.echo(f"{flag.kind.replace('_', ' ') + ':':<16}{flag}{years}")
    there = stored(found)
    typer.echo("\ntables:")
    for table in found.tables.values():
        at = path(found, table)
        typer.echo(
            f"  {table.name}: {', '.join(c for c, _ in table.columns[:12])}{', …' * (len(table.columns) > 12)}"
        )
        if at:
            _origin(there[table.name], indent="    ")
    typer.echo("\nto have it:")
    if found.gettable:
        only = "" if set(found.gettable) == set(found.tables) else f" (only {', '.join(found.gettable)})"
        typer.echo(f"  tertius data get {found.name}{only}")
        for source in found.readable:
            typer.echo(f"    {source.url()}\n      SHA-256 {source.sha256}")
    formats = f" ({', '.join(found.formats)})" if found.formats else ""
    typer.echo(
        f"  tertius data add {found.name} FILE…  the producer's release{formats}, or the columns above"
    )
    mirrored = [t for t in found.tables.values() if t.mirror]
    if mirrored:
        typer.echo("  a mirror folder (TERTIUS_DATA_MIRROR) with")
        for table in mirrored:
            typer.echo(f"    {table.mirror}\n      SHA-256 {table.sha256}")
    typer.echo(f"\nstore: {folder() / found.name}")


def _origin(found: Stored, indent: str) -> None:
    typer.echo(f"{indent}{found.rows:,} rows, {found.way} {found.at}, from")
    for origin in found.origins:
        typer.echo(f"{indent}  {origin.name}  SHA-256 {origin.sha256[:16]}…")


@data.command(epilog=EXIT_CODES)
def get(
    names: Annotated[list[str], NAMES],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Fetch packs from their pinned addresses; NAME/TABLE fetches one table."""
    from tertius.world.fetch import get
    from tertius.world.packs import pack

    asked = [(name, [table] if table else []) for name, _, table in (n.partition("/") for n in names)]
    for name, tables in asked:
        for table in tables:
            pack(name).table(table)
        pack(name)
    with show_progress(quiet) as progress:
        done = [(name, get(name, *tables, progress=progress)) for name, tables in asked]
    for name, there in done:
        _report(name, there)


@data.command(epilog=EXIT_CODES)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data pack.", show_default=False)],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="The producer's release.", show_default=False)
    ],
) -> None:
    """Add the producer's own release, which you have, to a pack."""
    from tertius.world.fetch import add

    _report(name, add(name, files))


def _report(name: str, there: dict[str, Stored]) -> None:
    for table, found in there.items():
        typer.echo(f"{name}/{table}: {found.rows:,} rows")


@data.command(epilog=EXIT_CODES)
def where(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A data pack.")] = None,
) -> None:
    """Say where the data are kept: the store, or the files of one pack."""
    from tertius.world.packs import pack
    from tertius.world.store import folder, path

    if name is None:
        typer.echo(str(folder()))
        return
    found = pack(name)
    files = [path(found, table) for table in found.tables.values()]
    if not any(files):
        raise CannotCompute(
            f"the data pack '{name}' is not in the store",
            code="no-data",
            path=str(folder() / name),
            hint=f"`tertius data list {name}` says how to have it",
        )
    for file in files:
        if file:
            typer.echo(str(file))


@data.command(epilog=EXIT_CODES)
def check(names: Annotated[list[str] | None, NAMES] = None) -> None:
    """Read every stored file of packs, or of all of them, and compare its hash."""
    from tertius.world.store import check, stored

    wrong, looked_at = 0, False
    for found in _packs(names):
        there = stored(found)
        looked_at |= bool(there)
        if not there:
            if names:
                typer.echo(f"{found.name}: not in the store")
                wrong += 1
            continue
        mistakes = check(found)
        wrong += len(mistakes)
        for mistake in mistakes:
            typer.echo(f"{found.name}/{mistake}")
        if not mistakes:
            rows = sum(s.rows for s in there.values())
            typer.echo(
                f"{found.name}: {len(there)} of {len(found.tables)} tables, {rows:,} rows, all as written"
            )
    if not looked_at and not names:
        typer.echo("Nothing is in the store.")
    if wrong:
        raise CannotCompute(
            f"{wrong} thing{'s' * (wrong > 1)} wrong in the store",
            code="bad-store",
            hint="`tertius data remove NAME`, then have it again",
        )


@data.command(epilog=EXIT_CODES)
def remove(names: Annotated[list[str], NAMES]) -> None:
    """Remove packs from the store."""
    from tertius.world.store import remove

    for found in _packs(names):
        freed = remove(found)
        typer.echo(
            f"{found.name}: {freed / 1e6:.1f} MB freed" if freed else f"{found.name}: was not in the store"
        )


def _packs(names: Iterable[str] | None) -> list[Pack]:
    """Return packs by name; an unknown one is told before anything is done."""
    from tertius.world.packs import PACKS, pack

    return [pack(name) for name in names] if names else list(PACKS.values())
