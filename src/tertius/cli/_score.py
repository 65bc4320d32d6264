"""``tertius score``: models held against what happened. One option a kind of score; each has its own table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tertius.cli._app import EXIT_CODES, STDOUT, app, check_target, make_console, show_progress
from tertius.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Kind", "score"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Kind:
    """One kind of score.

    Attributes
    ----------
    compute
        Gives the scores as plain data, ready for JSON.
    show
        Prints them.
    """

    compute: Callable[[Progress], dict[str, Any]]
    show: Callable[[dict[str, Any], Console], None]


@app.command(epilog=EXIT_CODES)
def score(
    bargaining: Annotated[
        str | None,
        typer.Option(
            "--bargaining",
            metavar="SET",
            help="Models of bargaining: on deu2 (decisions of the European Union), or climate (two conferences).",
        ),
    ] = None,
    rescues: Annotated[
        bool, typer.Option("--rescues", help="Rescues: who came in the shipped cases, beside what happened.")
    ] = False,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE.json", help="Also write the scores; - for standard output."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no table.")] = False,
) -> None:
    """Hold models against what happened, by rules written down before."""
    wanted = {
        "--bargaining": _bargaining(bargaining) if bargaining is not None else None,
        "--rescues": _rescues() if rescues else None,
    }
    kinds = [kind for kind in wanted.values() if kind is not None]
    if len(kinds) != 1:
        raise BadInput(
            "nothing to score was named" if not kinds else "more than one kind of score was named",
            code="score",
            hint=f"give one of: {', '.join(wanted)}",
        )
    if json_file is not None and json_file != STDOUT:
        check_target(Path(json_file))
    from tertius._brief import write_atomically
    from tertius._study.compilation import remember_compilations

    remember_compilations()
    with show_progress(quiet) as progress:
        found = kinds[0].compute(progress)
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if json_file == STDOUT:
        sys.stdout.write(text)
        sys.stdout.flush()
    # The file first: whoever reads the table may stop after its first lines.
    written = (
        write_atomically(json_file, text.encode()) if json_file is not None and json_file != STDOUT else None
    )
    console = make_console(stderr=json_file == STDOUT)
    if not quiet:
        kinds[0].show(found, console)
    if written is not None:
        console.print(f"Scores: {written}", highlight=False, markup=False, soft_wrap=True)


# --- bargaining ---

_HEADS = {
    "codecision": "COD",
    "consultation": "CNS",
    "fifteen": "15",
    "twenty_seven": "27",
    "reference_known": "ref",
    "reference_unknown": "no ref",
}


def _bargaining(name: str) -> Kind:
    from tertius._study.scores import bargaining

    bargaining.check_set(name)
    if name == "climate":
        return Kind(lambda progress: bargaining.tables(), _show_conferences)
    return Kind(lambda progress: bargaining.score(progress=progress), _show_bargaining)


def _show_bargaining(found: dict[str, Any], console: Console) -> None:
    from rich import box
    from rich.table import Table

    scores, endings = found["scores"], found["endings"]
    overall = scores["overall"]["models"]
    order = {
        group: sorted(found[group], key=lambda name: overall[name]["mae"]) for group in ("models", "plain")
    }

    title = f"{found['title']}: mean absolute error, {found['unit']}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for head in ("error", "5–95 %", "over mean", "best", "settled"):
        table.add_column(head, justify="right", no_wrap=True)
    for group, names in order.items():
        for name in names:
            of, ended = overall[name], endings[name]
            gap, done = of.get("less_weighted_mean"), ended.get("converged", 0)
            table.add_row(
                found[group][name],
                f"{of['mae']:.2f}",
                f"{of['p05']:.1f}–{of['p95']:.1f}",
                f"{gap['p05']:+.1f} … {gap['p95']:+.1f}" if gap else "",
                f"{100 * of['best']:.0f} %" if "best" in of else "",
                str(done) if group == "models" else "",
            )
        table.add_section()
    console.print(table)

    splits = [key for key in scores if key != "overall"]
    kinds = "; ".join(f"{_HEADS[key]}: {scores[key]['title']}" for key in splits)
    by_split = Table(title=kinds, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    by_split.add_column("model", no_wrap=True)
    for key in splits:
        by_split.add_column(_HEADS[key], justify="right", no_wrap=True)
    for group, names in order.items():
        for name in names:
            errors = [scores[key]["models"][name]["mae"] for key in splits]
            by_split.add_row(found[group][name], *(f"{error:.1f}" for error in errors))
        by_split.add_section()
    by_split.add_row("issues", *(str(scores[key]["issues"]) for key in splits))
    by_split.add_row("proposals", *(str(scores[key]["proposals"]) for key in splits))
    console.print(by_split)
    for line in _about_bargaining(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _about_bargaining(found: dict[str, Any]) -> list[str]:
    """What a reader of the tables must know, and how they compare with another program's."""
    bench, overall = found["benchmark"], found["scores"]["overall"]
    reasons = list(found["left_out"].values())
    left = ", ".join(f"{reasons.count(reason)} with {reason}" for reason in dict.fromkeys(reasons))
    earlier = bench["votes_of_27_for_earlier_proposals"]
    return [
        f"Tertius forecasts with the {found['models'][found['forecast']]}: the smallest error over all issues.",
        f"{overall['issues']} issues of {overall['proposals']} proposals; intervals from {found['resamples']:,} "
        "resamples of proposals; best: in how many of them the model has the smallest error.",
        *(
            f"{found['models'][name].capitalize()}: where it settled its error is {ended['mae_settled']:.1f}, and "
            f"that of the weighted mean {ended['weighted_mean_on_these']:.1f}; "
            f"{ended.get('cycles', 0)} go round for ever, {ended.get('not_converged', 0)} had not come to rest."
            for name, ended in found["endings"].items()
            if 0 < ended.get("converged", 0) < overall["issues"]
        ),
        f"Left out: {left}; and {found['positions_without_salience']} positions without a salience.",
        f"Benchmark, {bench['issues']} issues: challenge model {bench['challenge_mae']:.2f}, compromise model "
        f"{bench['compromise_mae']:.2f}; on the {bench['shared']} of these scored here "
        f"{bench['challenge_mae_shared']:.2f} and {bench['compromise_mae_shared']:.2f}.",
        f"Our weighted mean is its compromise model to the digit on {bench['same_forecast']} of {bench['shared']}. "
        f"On {len(earlier)} it counts the votes of the Twenty-seven for proposals made to the Fifteen, and is ours "
        f"to the digit with these; {len(bench['unexplained'])} are unexplained.",
        *(
            f"  {d['issue']}: ours {d['ours']:.3f}, theirs {d['theirs']:.3f}, with those votes "
            f"{d['with_votes_of_27']:.3f}"
            for d in (*earlier, *bench["unexplained"])
        ),
    ]


def _show_conferences(found: dict[str, Any], console: Console) -> None:
    from rich import box
    from rich.table import Table

    for one in found["conferences"].values():
        table = Table(
            title=f"{one['title']}: {one['actors']} actors, 0 to 100",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        table.add_column("issue")
        for title in found["models"].values():
            table.add_column(title, justify="right")
        for issue, by_model in one["forecasts"].items():
            table.add_row(issue, *(f"{by_model[model]:.1f}" for model in found["models"]))
        table.add_section()
        table.add_row("not settled", *(str(one["unsettled"][model]) for model in found["models"]))
        console.print(table)
    console.print(found["note"].capitalize() + ".", highlight=False)


# --- rescues ---


def _rescues() -> Kind:
    from tertius._study.scores import rescues

    return Kind(lambda progress: rescues.score(progress=progress), _show_rescues)


def _show_rescues(found: dict[str, Any], console: Console) -> None:
    from rich import box
    from rich.table import Table

    title = f"Rescues: probabilities over {found['draws']:,} draws, and what happened"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("case")
    for key in found["forecasts"]:
        table.add_column(key.replace("_", " "), justify="right", no_wrap=True)
    for case in found["cases"].values():
        cells = []
        for key in found["forecasts"]:
            row = case["settled"].get(key)
            word = (
                ""
                if row is None
                else f" {'yes' if row['happened'] else 'no'}, {'hit' if row['hit'] else 'miss'}"
            )
            cells.append(f"{100 * case['forecasts'][key]:.0f} %{word}")
        table.add_row(case["title"], *cells)
    console.print(table)
    lost = [
        f"{case['unconverged']} of {case['title']}" for case in found["cases"].values() if case["unconverged"]
    ]
    said = (
        f"Draws left out, since they did not converge: {', '.join(lost)}."
        if lost
        else "Every draw converged."
    )
    console.print(said, highlight=False)
    overall = found["overall"]
    for key, row in overall.items():
        name = "In all" if key == "all" else f"{key.replace('_', ' ').capitalize()}"
        console.print(
            f"{name}: {row['hits']} of {row['settled']} hit, Brier score {row['brier']:.3f} (0.25 is a coin's).",
            highlight=False,
        )
    meaning = "; ".join(f"{key.replace('_', ' ')}: {text}" for key, text in found["forecasts"].items())
    console.print(
        f"{meaning}. Nothing was fitted; what is assumed is the same in all cases.", highlight=False
    )
