"""The brief as plain Markdown: the same words and tables as the page, and what its charts show in words.

No HTML is written, and whatever comes from a case is escaped, since anybody may have written it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tertius._brief.blocks import Cell, Figure, Table

__all__ = ["escaped", "markdown"]

# A bracket before a figure opens an interval, and "<1" is no tag: those stay as they are.
_MARKS = re.compile(
    r"\\|`|\*|\||&(?=[#\w])|<(?![\d\s])|\[(?![\d<>\N{MINUS SIGN}])|\](?=[\[(:])|~(?=~)|(?<![^\W_])_|_(?![^\W_])"
)
_OPENING = re.compile(r"^(\s*)(#|>|[-+](?=\s|$)|-(?=[-\s]*$)|=|~)")
_NUMBERED = re.compile(r"^(\s*\d+)([.)])(?=\s|$)")


def escaped(text: object) -> str:
    """Write text so that Markdown shows it as it is, on one line."""
    line = " ".join(str(text).split(" ")).replace("\n", " ").replace("\r", " ")
    line = _MARKS.sub(lambda found: "\\" + found.group(), line)
    return _NUMBERED.sub(r"\1\\\2", _OPENING.sub(r"\1\\\2", line)).strip(" ")


def _code(text: str) -> str:
    """Write a span of code whose fence is longer than any row of back ticks in it."""
    line = " ".join(text.split())
    longest = max((len(ticks) for ticks in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    room = " " if longest else ""
    return f"{fence}{room}{line}{room}{fence}".replace("|", "\\|")


def _cell(cell: Cell) -> str:
    words = escaped(cell.text)
    if cell.small:
        small = escaped(cell.small)
        words += f" {small}" if small.startswith("[") else f" ({small})"
    return words.replace("\N{NO-BREAK SPACE}", " ")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(table: Table) -> Iterator[str]:
    if table.caption:
        yield f"*{escaped(table.caption).rstrip('.')}.*"
    lines = [
        _row([_cell(c) for c in table.header]),
        _row([":---" if i == 0 or c.words else "---:" for i, c in enumerate(table.header)]),
    ]
    for number, row in enumerate(table.rows):
        cells = [_cell(c) for c in row]
        if number in table.strong:
            cells = [f"**{c}**" if c else "" for c in cells]
        lines.append(_row(cells))
    yield "\n".join(lines)


def _figure(figure: Figure) -> Iterator[str]:
    yield f"### {escaped(figure.heading)}"
    if figure.table is not None:
        yield from _table(figure.table)
        return
    yield escaped(figure.note)
    said = [line for picture in figure.pictures for line in picture.description.split("; ") if line]
    yield from _bullets(said)


def _bullets(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "\n".join(f"- {escaped(line)}" for line in lines)


def _part(part: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {escaped(part['title'])}"
    for kind, block in part["blocks"]:
        match kind:
            case "paragraph":
                yield escaped(block.text)
            case "hint":
                yield f"*{escaped(block.text)}*"
            case "bullets":
                yield from _bullets(block.lines)
            case "table":
                yield from _table(block)
            case "figures":
                for figure in block:
                    yield from _figure(figure)
            case "drawing":
                yield f"### {escaped(block.heading)}"
                yield escaped(block.words)


def _exit(found: Mapping[str, Any], opening: str) -> Iterator[str]:
    yield f"## {opening}: {escaped(found['title'])}"
    said = (found["sentence"], found["loss"], found["leaning"], found["draws"])
    yield " ".join(escaped(s) for s in said if s)
    yield from _table(found["table"])
    for figure in found["figures"]:
        yield from _figure(figure)
    yield from _bullets(found["routes"])


def _claims(claims: Mapping[str, Any]) -> Iterator[str]:
    yield "## The claims of the argument"
    yield f"{escaped(claims['counts'])}. {escaped(claims['explains'])}"
    lines = [
        _row(["No.", "Claim", "Verdict", "Likelihood", "Confidence", "Sourced share", "Rival structures"]),
        _row(["---:", ":---", ":---", ":---", ":---", "---:", ":---"]),
    ]
    for c in claims["rows"]:
        computed = (
            [
                f"{c['likelihood']} ({c['probability']})",
                c["confidence"] or "missing",
                c["sourced"],
                c["range"],
            ]
            if c["computed"]
            else ["–"] * 4
        )
        text = " ".join(escaped(part) for part in (c["text"], c["reason"], c["note"]) if part)
        lines.append(_row([escaped(c["number"]), text, c["verdict"], *map(escaped, computed)]))
    yield "\n".join(lines)
    if claims["parting"]:
        yield "## Where the model and the argument part company"
        yield escaped(claims["opening"])
        for heading, group in itertools.groupby(claims["parting"], key=lambda c: c["heading"]):
            yield f"### {escaped(heading)}"
            yield "\n".join(
                f"- **{escaped(c['number'])}. {escaped(c['text'])}** {escaped(c['words'])}" for c in group
            )


def _figures(sections: Sequence[Mapping[str, Any]], flows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Figures and their sources"
    for section in sections:
        yield f"### {escaped(section['title'])}"
        lines = [
            _row(["Input", "Central", "Spread", "Ground"]),
            _row([":---", "---:", ":---", ":---"]),
        ]
        for r in section["rows"]:
            keys = ", ".join(_code(s["key"]) for s in r["sources"])
            ground = " ".join(
                part
                for part in (
                    f"{r['kind']}:",
                    keys,
                    escaped(r["reason"]),
                    escaped(r["note"]),
                    _code(r["query"]) if r["query"] else "",
                )
                if part
            )
            spread = escaped(r["distribution"]) + (
                f", standard deviation {escaped(r['spread'])}" if r["spread"] else ""
            )
            central = f"{escaped(r['central'])} {escaped(r['unit'])}".strip()
            lines.append(_row([f"{escaped(r['words'])} {_code(r['path'])}", central, spread, ground]))
        yield "\n".join(lines)
    for flow in flows:
        yield f"### Trade flows as stated: {escaped(flow['title'])}"
        keys = ", ".join(_code(s["key"]) for s in flow["sources"])
        said = [
            f"Source: {keys}." if keys else "",
            f"Assumed: {escaped(flow['assumed'])}." if flow["assumed"] else "",
            _code(flow["query"]) if flow["query"] else "",
        ]
        yield " ".join(s for s in said if s)
        yield from _table(flow["table"])


def _source(source: Mapping[str, Any]) -> str:
    line = f", {escaped(source['line'])}" if source["line"] else ""
    address = ""
    if source["href"] and not re.search(r"[<>\s]", source["href"]):
        address = f" <{source['href']}>"
    elif source["url"]:
        address = f" {escaped(source['url'])}"
    note = f" {escaped(source['note'])}" if source["note"] else ""
    return f"- **{escaped(source['title'])}**{line}. {_code(source['key'])}{address}{note}"


def _blocks(made: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {escaped(made['title'])}"
    if made["names"].question:
        yield f"*{escaped(made['names'].question)}*"
    if len(made["said"]) == 1:
        yield f"**{escaped(made['answer'])}**"
    else:
        yield "\n".join(f"- {escaped(line.label)}: **{escaped(line.sentence)}**" for line in made["said"])
    if made["certainty"]:
        yield escaped(made["certainty"])
    if made["facts"]:
        yield "\n".join(
            f"- **{escaped(f['figure'])}** {escaped(f['words'])}"
            + (f", {escaped(f['small'])}" if f["small"] else "")
            for f in made["facts"]
        )
    if made["chain"]:
        yield "## How one thing leads to another"
        yield "\n".join(f"{i}. {escaped(said)}." for i, said in enumerate(made["chain"]["links"], start=1))
    if made["levers"]:
        levers = made["levers"]
        yield f"## Who holds which lever over {escaped(made['names'].client)}"
        yield f"{escaped(levers['sentence'])} {escaped(levers['explains'])}"
        yield from _table(levers["table"])
        for table in levers["more"]:
            if table.rows:
                yield from _table(table)
    if made["exits"]:
        yield from _exit(made["exits"][0], "The vacuum")
    if made["robustness"]:
        yield "## What is found, and what is assumed"
        yield escaped(made["robustness"]["sentence"])
        for figure in made["robustness"]["figures"]:
            yield from _figure(figure)
        for driver in made["robustness"]["drivers"]:
            yield f"### {escaped(driver['heading'])}"
            yield from _table(driver["table"])
    for part in made["parts"]:
        yield from _part(part)
    if made["claims"]:
        yield from _claims(made["claims"])
    for part in made["closing"]:
        yield from _part(part)
    if made["rests"]:
        yield "## What rests on assumption"
        yield escaped(made["rests"]["sentence"])
        yield from _bullets(made["rests"]["lines"])
    for found in made["exits"][1:]:
        yield from _exit(found, "Another exit")
    origin = made["origin"]
    if origin.warnings:
        yield "## Warnings"
        yield from _bullets(origin.warnings)
    if made["figures"] or made["flows"]:
        yield from _figures(made["figures"], made["flows"])
    if made["bibliography"]:
        yield "## Sources"
        yield "\n".join(_source(source) for source in made["bibliography"])
    yield "## Method, in plain words"
    for topic, said in made["method"]:
        if topic != "Colours":
            yield f"**{escaped(topic)}** {escaped(said)}"
    yield "---"
    kept = f"{origin.kept} kept, {origin.unconverged} unconverged and left out of every figure"
    yield (
        f"Tertius {escaped(origin.version)}, case {_code(origin.case)}, digest {_code(origin.digest)}. "
        f"{escaped(made['draws'])}, seed {origin.seed}; {kept}. "
        f"Again: {_code(f'tertius run {origin.case} --draws {origin.draws} --seed {origin.seed}')}."
    )


def markdown(made: Mapping[str, Any]) -> str:
    """Write the brief.

    Parameters
    ----------
    made
        What it says, as the page has it.
    """
    return "\n\n".join(block for block in _blocks(made) if block) + "\n"
