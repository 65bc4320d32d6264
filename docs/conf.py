"""The documentation as a site: Markdown through Sphinx, formulas as MathML, nothing fetched when it is read."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from latex2mathml.converter import convert

from tertius import __version__
from tertius.cli import app as commands

project = "Tertius"
author = "The Tertius developers"
copyright = author
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Tertius"
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"

_GENERATED = Path(__file__).with_name("commands.md")


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(convert(node.astext(), display="inline"))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def _commands() -> str:
    """The reference of the command line, from the program itself."""
    group = typer.main.get_command(commands)
    lines = [
        "# Commands",
        "",
        "Made from the program; `tertius COMMAND --help` says the same.",
        "",
        commands.info.epilog or "",
        "",
    ]
    _describe(group, "tertius", 2, lines)
    return "\n".join(lines) + "\n"


def _describe(command: Any, name: str, level: int, lines: list[str]) -> None:
    below = getattr(command, "commands", None)
    if below:
        for key in sorted(below):
            _describe(below[key], f"{name} {key}", level, lines)
        return
    lines += [f"{'#' * level} {name}", "", (command.help or "").split("\f")[0].strip(), ""]
    rows = []
    for parameter in command.params:
        help_ = (getattr(parameter, "help", "") or "").replace("|", "\\|").replace("\n", " ")
        if parameter.param_type_name == "argument":
            label = parameter.metavar or parameter.name.upper()
        else:
            label = ", ".join(parameter.opts) + (f" {parameter.metavar}" if parameter.metavar else "")
        rows.append(f"| `{label}` | {html.escape(help_, quote=False)} |")
    if rows:
        lines += ["| argument or option | what it does |", "|---|---|", *rows, ""]


def setup(app: Any) -> dict[str, bool]:
    """Write the reference of commands, and draw formulas as MathML, which browsers show without a script."""
    text = _commands()
    if not _GENERATED.exists() or _GENERATED.read_text(encoding="utf-8") != text:
        _GENERATED.write_text(text, encoding="utf-8")
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
