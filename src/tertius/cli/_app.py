"""The program that commands are added to, and what they share: exit codes, messages, progress, places to write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from tertius import __version__
from tertius.errors import BadInput, CannotCompute, TertiusError

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

__all__ = [
    "CASE",
    "EXIT_CODES",
    "STDOUT",
    "app",
    "check_target",
    "make_console",
    "show_captured",
    "show_progress",
    "write_netcdf",
]

STDOUT = "-"
EXIT_CODES = "Exit codes: 0 done, 1 the program could not do it, 2 what it was given is wrong."
_INTERRUPTED = 130


class _Commands(TyperGroup):
    """Turns what a command raises into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command named in ``ctx``."""
        debug = bool(ctx.params.get("debug"))
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("Interrupted. No file was left half-written.", err=True)
            raise typer.Exit(_INTERRUPTED) from None
        except TertiusError as error:
            if debug:
                raise
            _complain(error)
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            if debug:
                raise
            known = CannotCompute(error.strerror or str(error), code="system", path=str(error.filename or ""))
            _complain(known)
            raise typer.Exit(known.exit_code) from error


app = typer.Typer(
    name="tertius",
    cls=_Commands,
    help="Who holds which lever over a country, who fills the vacuum when a power is pushed out, "
    "and how sure can we be.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CASE = typer.Argument(
    metavar="CASE", help="Name of a shipped case, or the path of a case file.", show_default=False
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tertius {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the program an error arose.")] = False,
) -> None:
    """Take the options that stand before a command; :class:`_Commands` reads ``debug``."""


def check_target(target: Path) -> None:
    """Refuse a place that cannot be written to, before anything is computed."""
    folder = target.parent
    if not folder.is_dir():
        raise BadInput(
            f"the folder {folder} does not exist",
            code="no-folder",
            path=str(target),
            hint="create it first, or name another place",
        )
    if target.is_dir():
        raise BadInput("this is a folder", code="is-folder", path=str(target), hint="name a file in it")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"the folder {folder} cannot be written to", code="not-writable", path=str(target))


@contextmanager
def show_progress(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Show how far the work has got, where somebody is watching."""
    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda stage, done: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<18}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def show(stage: str, done: float) -> None:
            bar.update(task, description=stage.replace("_", " "), completed=min(max(done, 0.0), 1.0))

        yield show


def make_console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def show_captured(console: Console, text: str) -> None:
    """Show what the same console has captured."""
    if console.legacy_windows:
        from rich.text import Text

        console.print(Text.from_ansi(text), highlight=False, soft_wrap=True)
        return
    console.file.write(text)
    console.file.flush()


def _complain(error: TertiusError) -> None:
    where = f"{error.path}: " if error.path else ""
    typer.echo(f"{where}error[{error.code}]: {error.message}", err=True)
    if error.hint:
        stop = "" if error.hint.endswith(("?", ".")) else "."
        typer.echo(f"  {error.hint[0].upper()}{error.hint[1:]}{stop}", err=True)


def write_netcdf(findings: xr.DataTree | xr.Dataset, target: Path) -> Path:
    """Write findings whole or not at all."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    try:
        findings.to_netcdf(name, engine="h5netcdf")
        # mkstemp gives 0600; findings get what any new file would get.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
