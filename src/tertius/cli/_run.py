"""``tertius run``: a case computed, shown and written."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from tertius import _renderer
from tertius._later import later
from tertius.cli._app import (
    CASE,
    EXIT_CODES,
    STDOUT,
    app,
    check_target,
    make_console,
    show_captured,
    show_progress,
    write_netcdf,
)
from tertius.errors import BadInput

__all__ = ["check_change", "check_draws", "run"]


@app.command(epilog=EXIT_CODES)
def run(
    case: Annotated[str, CASE],
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
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE.md", help="Also write the whole brief as plain Markdown with tables."),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Also draw a summary for a slide, 1280 by 720; .png or .svg."),
    ] = None,
    netcdf: Annotated[
        Path | None, typer.Option(metavar="FILE.nc", help="Also write all findings, draw by draw.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change an input of the case; may be repeated."),
    ] = None,
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity",
            help="Also say what drives each verdict, on which sources it rests and what would turn it.",
        ),
    ] = False,
    replicates: Annotated[
        int,
        typer.Option(
            "--replicates",
            metavar="R",
            help="Also run the models R times more with derived seeds, to see how far likelihoods go with the draws.",
        ),
    ] = 0,
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
    check_draws(draws)
    for change in changes or ():
        check_change(change)
    if image is not None and image.suffix.lower() not in {".png", ".svg"}:
        raise BadInput(
            f"the image {image} is neither .png nor .svg",
            code="image",
            path="--image",
            hint="name it so that it ends in one of the two",
        )
    # The folders are looked at before anything is computed; the page's own name is known once the case is.
    targets = [Path(json_file)] if json_file is not None and json_file != STDOUT else []
    targets += [path for path in (out, markdown, image, netcdf) if path is not None]
    for target in targets:
        check_target(target)

    # Draws its first while the case is read; of one that is refused it hears no more, and ends.
    _renderer.start()

    from tertius.case import load_case

    loaded = load_case(case, overrides=list(changes or ()))
    page = out if out is not None else Path(f"{loaded.id}.html")
    if out is None:
        check_target(page)
        targets.append(page)
    if len({os.path.abspath(target) for target in targets}) < len(targets):
        raise BadInput("two outputs would go to the same file", code="same-file", path=str(page))

    # Until there are findings nobody needs labelled arrays, and nobody here ever needs a compiler of Fortran.
    later("xarray")
    later("numpy.f2py")

    # Goes on beside the imports, which use one processor only.
    from tertius.models import _compiled

    programs = f"{loaded.id} {draws} {sensitivity}"
    _compiled.read_ahead(programs)

    import tertius

    with show_progress(quiet) as progress:

        def told(stage: str, fraction: float) -> None:
            if (stage, fraction) == ("models", 0.0):
                # The models leave Python's lock alone for long enough.
                threading.Thread(target=_get_ready, name="tertius-ready", daemon=True).start()
            progress(stage, fraction)

        findings = tertius.study(
            loaded,
            draws=draws,
            seed=seed,
            progress=told,
            allow_unconverged=allow_unconverged,
            sensitivity=sensitivity,
            replicates=replicates,
        )
        from tertius._brief import Brief, write_atomically

        computed = time.perf_counter()
        _compiled.note_used(programs)
        progress("brief", 0.0)
        brief = Brief(findings)
        brief.draw()
        progress("brief", 1.0)
    # Put together while the charts are being drawn, and shown once every file is written.
    summary = brief.json() if json_file is not None else ""
    console = make_console(stderr=json_file == STDOUT)
    with console.capture() as shown:
        if quiet:
            console.print(brief.summary, highlight=False, markup=False, soft_wrap=True)
        else:
            brief.print(console)
    written = [("Page", brief.save(page))]
    if json_file is not None and json_file != STDOUT:
        written.append(("Summary", write_atomically(json_file, summary.encode())))
    if markdown is not None:
        written.append(("Markdown", write_atomically(markdown, brief.markdown().encode())))
    if image is not None:
        written.append(("Image", brief.save_image(image)))
    if netcdf is not None:
        written.append(("Findings", write_netcdf(findings, netcdf)))
    if json_file == STDOUT:
        sys.stdout.write(summary)
        sys.stdout.flush()
    show_captured(console, shown.get())
    for what, path in written:
        console.print(f"{what}: {path}", highlight=False, markup=False, soft_wrap=True)
    if not quiet:
        done = time.perf_counter()
        taken = (
            f"{done - started:.1f} s in all: study {computed - started:.1f} s, brief {done - computed:.1f} s"
        )
        console.print(taken, highlight=False, markup=False, style="dim")


def _get_ready() -> None:
    """Import what is only needed once the models have run."""
    import xarray

    from tertius._brief.page import get_ready

    _ = xarray.Dataset
    get_ready()


def check_draws(draws: int) -> None:
    """Refuse a number of draws that is no power of two."""
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


def check_change(change: str) -> None:
    """Refuse a change that is not written PATH=VALUE."""
    path, equals, value = change.partition("=")
    if not equals or not path.strip() or not value.strip():
        raise BadInput(
            f"'{change}' does not say which input gets which value",
            code="set",
            path="--set",
            hint="write it as PATH=VALUE, such as domains.capital.elasticity=3",
        )
