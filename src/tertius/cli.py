"""The command line: ``tertius run``, ``check``, ``cases``, ``schema``.

Exit codes: 0 done; 1 the program could not do it; 2 what it was given is wrong; 130 interrupted. Whatever
goes wrong, no half-written file is left behind. Heavy libraries are imported by the commands that need them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
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

    from tertius._brief import Brief

__all__ = ["app", "main"]

_STDOUT = "-"
_INTERRUPTED = 130
_EXIT_CODES = "Exit codes: 0 done, 1 the program could not do it, 2 what it was given is wrong."


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
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_CASE = typer.Argument(
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


@app.command(epilog=_EXIT_CODES)
def run(
    case: Annotated[str, _CASE],
    draws: Annotated[int, typer.Option(metavar="N", help="How many joint draws; a power of two.")] = 8192,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed gives the same findings.", min=0)] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="Where the page goes.  [default: CASE.html]", show_default=False
        ),
    ] = None,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE.json", help="Also write the summary; - for standard output."),
    ] = None,
    netcdf: Annotated[
        Path | None, typer.Option(metavar="FILE.nc", help="Also write all findings, draw by draw.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change an input of the case; may be repeated."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show the answer and where the files are, no more.")
    ] = False,
    allow_unconverged: Annotated[
        bool,
        typer.Option(
            "--allow-unconverged", help="Go on although more than 1 % of the draws did not converge."
        ),
    ] = False,
) -> None:
    """Compute a case: a brief in the terminal, and one page to pass on."""
    started = time.perf_counter()
    _check_draws(draws)
    for change in changes or ():
        _check_change(change)
    # The folders are looked at before anything is computed; the page's own name is known once the case is.
    targets = [Path(json_file)] if json_file is not None and json_file != _STDOUT else []
    targets += [path for path in (out, netcdf) if path is not None]
    for target in targets:
        _check_target(target)

    from tertius.case import load_case

    loaded = load_case(case, overrides=list(changes or ()))
    page = out if out is not None else Path(f"{loaded.id}.html")
    if out is None:
        _check_target(page)
        targets.append(page)
    if len({os.path.abspath(target) for target in targets}) < len(targets):
        raise BadInput("two outputs would go to the same file", code="same-file", path=str(page))

    import tertius
    from tertius._brief import Brief, warm_up, write_atomically

    warm_up()
    with _progress(quiet) as progress:
        findings = tertius.study(
            loaded, draws=draws, seed=seed, progress=progress, allow_unconverged=allow_unconverged
        )
        computed = time.perf_counter()
        progress("brief", 0.0)
        brief = Brief(findings)
        html = brief.html().encode()
        progress("brief", 1.0)
    drawn = time.perf_counter()
    written = [("Page", write_atomically(page, html))]
    if json_file is not None and json_file != _STDOUT:
        written.append(("Summary", write_atomically(json_file, brief.json().encode())))
    if netcdf is not None:
        written.append(("Findings", _write_netcdf(findings, netcdf)))
    taken = (
        f"{time.perf_counter() - started:.1f} s in all: "
        f"study {computed - started:.1f} s, page {drawn - computed:.1f} s"
    )
    _report(brief, written, taken, quiet=quiet, json_to_stdout=json_file == _STDOUT)


def _report(
    brief: Brief, written: Sequence[tuple[str, Path]], taken: str, *, quiet: bool, json_to_stdout: bool
) -> None:
    """Show the brief; on the standard error if the summary goes to the standard output."""
    console = _console(stderr=json_to_stdout)
    if json_to_stdout:
        sys.stdout.write(brief.json())
        sys.stdout.flush()
    if quiet:
        console.print(brief.summary, highlight=False, markup=False, soft_wrap=True)
    else:
        brief.print(console)
    for what, path in written:
        console.print(f"{what}: {path}", highlight=False, markup=False, soft_wrap=True)
    if not quiet:
        console.print(taken, highlight=False, markup=False, style="dim")


def _check_draws(draws: int) -> None:
    if draws >= 2 and draws & (draws - 1) == 0:
        return
    if draws < 2:
        hint = "try 1024 or 8192"
    else:
        below = 1 << (draws.bit_length() - 1)
        hint = f"the nearest are {below} and {2 * below}"
    raise BadInput(
        f"the number of draws must be a power of two, and {draws} is not",
        code="draws",
        path="--draws",
        hint=hint,
    )


def _check_change(change: str) -> None:
    path, equals, value = change.partition("=")
    if not equals or not path.strip() or not value.strip():
        raise BadInput(
            f"'{change}' does not say which input gets which value",
            code="set",
            path="--set",
            hint="write it as PATH=VALUE, such as domains.capital.elasticity=3",
        )


def _check_target(target: Path) -> None:
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


def _write_netcdf(findings: xr.DataTree, target: Path) -> Path:
    """Write findings whole or not at all."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    try:
        findings.to_netcdf(name, engine="h5netcdf")
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Show how far the work has got, where somebody is watching."""
    console = _console(stderr=True)
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


@app.command(epilog=_EXIT_CODES)
def check(case: Annotated[str, _CASE]) -> None:
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


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def _complain(error: TertiusError) -> None:
    where = f"{error.path}: " if error.path else ""
    typer.echo(f"{where}error[{error.code}]: {error.message}", err=True)
    if error.hint:
        typer.echo(f"  {error.hint[0].upper()}{error.hint[1:]}.".replace("..", "."), err=True)


def main() -> None:
    """Run the command that was typed."""
    app(prog_name="tertius")


if __name__ == "__main__":
    main()
