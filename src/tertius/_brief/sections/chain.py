"""The causal chain in one drawing: crisis, request, arrival, levers, price, exit, vacuum, tertius, balance.

Only the links that the findings have something for are drawn. Every link has one number with its likelihood word, or
with its interval where it is no probability, and leads to its section. What is supposed and not computed (the
exit) has a broken outline and says so, so that nothing hangs on a shade.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from tertius._brief.palette import NEUTRAL, colours
from tertius._brief.reading import Reading, estimates
from tertius._brief.svg import FONT, INK, SOFT, text, wrapped
from tertius._brief.words import MISSING, Estimate, likelihood, percent

__all__ = ["Link", "drawing", "links", "words"]

NOTE = (
    "Each link with its number and its likelihood word, or its interval; it leads to its section. Broken outline: "
    "supposed, not computed. The likelihood of a link is not multiplied with that of the one before."
)


@dataclass(frozen=True)
class Link:
    """One link of the chain.

    Attributes
    ----------
    step
        Its name.
    says
        What the number is the number of.
    figure, word
        The number, and its likelihood word or interval.
    note
        What else is to be said.
    target
        Id of the section that it leads to.
    power
        Whose colour it has; blank for none.
    supposed
        Whether the case supposes it.
    """

    step: str
    says: str
    figure: str
    word: str
    note: str
    target: str
    power: str = ""
    supposed: bool = False

    def sentence(self, *, notes: bool = True) -> str:
        """The link in words."""
        bracketed = self.word and "[" not in self.word
        shown = f"{self.figure} ({self.word})" if bracketed else f"{self.figure} {self.word}".rstrip()
        more = f"; {self.note}" if self.note and notes else ""
        return f"{self.step}: {self.says}, {shown}{more}"


def links(reading: Reading) -> list[Link]:
    """Read the links off the findings, in the order of cause and effect."""
    return [*_crisis(reading), *_levers(reading), *_price(reading), *_exit(reading), *_balance(reading)]


def _chance(step: str, says: str, chance: float, draws: int, note: str, target: str, power: str = "") -> Link:
    known = not math.isnan(chance)
    return Link(
        step,
        says,
        percent(chance, draws) if known else MISSING,
        likelihood(chance) if known else "",
        note,
        target,
        power,
    )


def _mean(values: object) -> float:
    """The mean over the draws in which a number is known; NaN where it is known in none."""
    array = np.asarray(values, dtype=np.float64)
    known = array[~np.isnan(array)]
    return float(known.mean()) if known.size else math.nan


def _crisis(reading: Reading) -> list[Link]:
    regime, rescue = reading.dataset("regime"), reading.dataset("rescue")
    if regime is None or "survival" not in regime:
        return []
    draws, name = reading.draws, reading.names.power
    survival = {str(b): _mean(regime["survival"].sel(branch=b)) for b in regime["branch"].values}
    helped = survival.get("helped", math.nan)
    note = "" if math.isnan(helped) else f"with help {percent(helped, draws)}"
    says = "left alone, the government survives"
    made = [_chance("The crisis", says, survival.get("alone", math.nan), draws, note, "crisis")]
    asked_of = "" if rescue is None else str(rescue.attrs.get("asked_of", ""))
    if rescue is None or not asked_of:
        return made
    if "asked" in rescue:
        chance = _mean(rescue["asked"].sel(protector=asked_of))
        made.append(_chance("Asked", f"{name(asked_of)} is asked", chance, draws, "", "crisis", asked_of))
    if "comes" in rescue:
        chance = _mean(rescue["comes"].sel(power=asked_of))
        says = f"{name(asked_of)}, once asked, comes in time"
        made.append(_chance("Came", says, chance, draws, "", "crisis", asked_of))
    return made


def _levers(reading: Reading) -> list[Link]:
    found, data = reading.levers, reading.dataset("levers")
    if found is None or data is None or "total" not in found.domains:
        return []
    known = [p for p in found.ranked if found.lever[p, "total"].known]
    if not known:
        return []
    leader = known[0]
    total = data["lever"].sel(domain="total").transpose("draw", "power")
    values = total.sel(power=known).values
    whole = values[~np.isnan(values).any(axis=1)]
    most = (whole[:, [0]] > whole[:, 1:]).all(axis=1)
    size = found.lever[leader, "total"]
    says = f"{reading.names.power(leader)} holds the largest over {reading.names.client}"
    note = f"{size.full()} log points"
    chance = float(most.mean()) if whole.size else math.nan
    return [_chance("Levers", says, chance, reading.draws, note, "levers", leader)]


def _price(reading: Reading) -> list[Link]:
    data = reading.dataset("price")
    if data is None or "some" not in data:
        return []
    patrons: Mapping[str, str] = json.loads(data.attrs.get("patrons") or "{}")
    patron = next(iter(patrons.values()), "")
    draws = reading.draws
    alone, rescued = (_mean(data["some"].sel(branch=b)) for b in ("alone", "rescued"))
    price = _mean(data["because"]) if "because" in data else math.nan
    if math.isnan(price):
        says = f"{reading.names.power(patron)} gets a concession by the levers that it holds"
        return [_chance("The price", says, alone, draws, "", "price", patron)]
    note = f"{percent(rescued, draws)} with the rescue, {percent(alone, draws)} without"
    says = "a concession is made because of the rescue"
    return [_chance("The price", says, max(price, 0.0), draws, note, "price", patron)]


def _size(step: str, says: str, size: Estimate, target: str, *, supposed: bool = False) -> Link:
    unit = {"share": "", "powers": ""}.get(size.unit, size.unit)
    word = f"{unit} {size.interval()}".strip()
    return Link(step, says, size.text(), word if size.known else "", "", target, supposed=supposed)


def _exit(reading: Reading) -> list[Link]:
    found = reading.headline
    if found is None:
        return []
    name, draws = reading.names.power, reading.draws
    loss = found.client_loss.get(("total",))
    title = found.title.strip().rstrip(".") or found.exit.replace("_", " ")
    made = []
    if loss is not None:
        made.append(
            _size("The exit", f"{title}, and {reading.names.client} loses", loss, "exit0", supposed=True)
        )
    vacuum, leverage = found.tertius("vacuum"), found.tertius("leverage")
    unfilled = found.unfilled.get(("total",))
    note = f"{unfilled.full()} is filled by nobody" if unfilled is not None and unfilled.known else ""
    if vacuum:
        power, chance = vacuum[0]
        made.append(
            _chance("The vacuum", f"{name(power)} fills most of it", chance, draws, note, "exit0", power)
        )
    if leverage:
        power, chance = leverage[0]
        second = leverage[1:2]
        note = f"then {name(second[0][0])}, {percent(second[0][1], draws)}" if second else ""
        says = f"{name(power)} gains most leverage"
        made.append(_chance("The third that gains", says, chance, draws, note, "exit0", power))
    return made


def _balance(reading: Reading) -> list[Link]:
    data, first = reading.dataset("outlook"), reading.headline
    if data is not None and "beyond_fall" in data:
        scenarios = [str(s) for s in data["scenario"].values]
        scenario = first.exit if first is not None and first.exit in scenarios else scenarios[0]
        beyond = data["beyond_fall"].sel(scenario=scenario).values
        chance = math.nan if np.isnan(beyond).any() else float((beyond > 0).mean())
        effective = estimates(data["effective_powers"])
        years = [str(y) for y in data["year"].values]
        now, then = effective[scenarios[0], years[0]], effective[scenario, years[-1]]
        note = f"effective powers: {now.text()} today, then {then.text()}"
        when = f"within {years[-1]} years"
        says = f"lost {when} of the exit" if first is not None and scenario == first.exit else f"lost {when}"
        return [_chance("The balance", says, chance, data.sizes["draw"], note, "outlook")]
    if first is None:
        return []
    before, after_it = (cells.get(("total",)) for cells in (first.effective_before, first.effective_after))
    if before is None or after_it is None or not (before.known and after_it.known):
        return []
    says = f"{reading.names.client} leans on so many powers instead of {before.text()}"
    return [_size("The balance", says, after_it, "exit0")]


def words(chain: Sequence[Link], *, notes: bool = True) -> str:
    """Say the whole chain in one line."""
    return " → ".join(link.sentence(notes=notes) for link in chain) + "." if chain else ""


# -- the drawing -------------------------------------------------------------------------------

_PAD, _STEP, _FIGURE, _WORDS = 13, 13.5, 23, 14
_ARROW = 34


@dataclass(frozen=True)
class _Box:
    link: Link
    lines: Sequence[str]
    notes: Sequence[str]
    height: float


def _box(link: Link, width: float) -> _Box:
    room = width - 2 * _PAD - 8
    lines = wrapped(link.says[:1].upper() + link.says[1:], _WORDS, room)
    notes = wrapped(link.note, _STEP, room) if link.note else []
    return _Box(link, lines, notes, _PAD + 17 + 19 * len(lines) + 33 + 18 * len(notes) + _PAD - 4)


def _draw_box(box: _Box, x: float, y: float, width: float, height: float, shade: str, anchor: str) -> str:
    link = box.link
    left, down = x + _PAD + 6, y + _PAD + 10
    broken = ' stroke-dasharray="6 4"' if link.supposed else ""
    parts = [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" fill="#fff" stroke="{INK}" '
        f'stroke-width="1.3"{broken}/>'
    ]
    if link.power:
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="6" height="{height:g}" rx="2" fill="{shade}" stroke="none"/>'
        )
    step = f"{link.step} (supposed)" if link.supposed else link.step
    parts.append(text(left, down, step.upper(), 11.5, SOFT))
    down += 2
    for line in box.lines:
        down += 19
        parts.append(text(left, down, line, _WORDS))
    down += 30
    wide = 0.58 * _FIGURE * len(link.figure) + 8
    room = width - 2 * _PAD - 8 - wide
    size = min(_WORDS, room / (0.54 * max(len(link.word), 1)))
    parts.append(text(left, down, link.figure, _FIGURE, bold=True))
    if link.word:
        parts.append(text(left + wide, down, link.word, max(size, 10.5)))
    down += 2
    for line in box.notes:
        down += 18
        parts.append(text(left, down, line, _STEP - 0.5, SOFT))
    inside = "".join(parts)
    if not anchor:
        return f"<g>{inside}</g>"
    return f'<a href="{escape(anchor)}" aria-label="{escape(link.sentence())}">{inside}</a>'


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="1.6" stroke-linejoin="round"/>'


def _point(x: float, y: float, *, down: bool) -> str:
    points = (
        f"{x:g},{y:g} {x - 5:g},{y - 8:g} {x + 5:g},{y - 8:g}"
        if down
        else f"{x:g},{y:g} {x - 8:g},{y - 5:g} {x - 8:g},{y + 5:g}"
    )
    return f'<polygon points="{points}" fill="{INK}"/>'


def drawing(
    chain: Sequence[Link], reading: Reading, *, columns: int, key: str, sections: Collection[str] = ()
) -> str:
    """Draw the chain.

    Parameters
    ----------
    chain
        Its links.
    reading
        The findings, for the colours of the powers.
    columns
        How many boxes stand side by side: three on a desk or on paper, one on a phone.
    key
        Prefix of its ids, unique to the page.
    sections
        Ids of the sections that there are; a link leads to no other.

    Returns
    -------
    str
        An SVG element whose description says the same in words.
    """
    palette = colours(reading.names.powers)
    columns = min(columns, len(chain))
    total = 976.0 if columns > 1 else 372.0
    width = (total - 2 - (columns - 1) * _ARROW) / columns
    boxes = [_box(link, width) for link in chain]
    rows = [boxes[i : i + columns] for i in range(0, len(boxes), columns)]
    parts, y = [], 1.0
    for number, row in enumerate(rows):
        height = max(box.height for box in row)
        for place, box in enumerate(row):
            x = 1 + place * (width + _ARROW)
            target = f"#{box.link.target}" if box.link.target in sections else ""
            shade = palette.get(box.link.power, NEUTRAL)
            parts.append(_draw_box(box, x, y, width, height, shade, target))
            if place + 1 < len(row):
                middle = y + height / 2
                parts.append(_arrow(f"M{x + width + 4:g} {middle:g}H{x + width + _ARROW - 10:g}"))
                parts.append(_point(x + width + _ARROW - 3, middle, down=False))
        if number + 1 < len(rows):
            end = 1 + (len(row) - 1) * (width + _ARROW) + width / 2
            first, below = 1 + width / 2, y + height
            if columns == 1:
                parts.append(_arrow(f"M{first:g} {below + 3:g}V{below + 18:g}"))
            else:
                parts.append(_arrow(f"M{end:g} {below + 3:g}V{below + 13:g}H{first:g}V{below + 18:g}"))
            parts.append(_point(first, below + 25, down=True))
            y += 28
        y += height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-labelledby="{key}-t {key}-d" '
        f'viewBox="0 0 {total:g} {y + 1:g}" width="{total:g}" height="{y + 1:g}" font-family="{FONT}">'
        f'<title id="{key}-t">The chain of cause and effect</title>'
        f'<desc id="{key}-d">{escape(words(chain))}</desc>{"".join(parts)}</svg>'
    )
