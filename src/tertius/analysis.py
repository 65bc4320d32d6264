"""The whole analysis of a case in one call: draws, models, claims."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import xarray as xr

from tertius._study import run
from tertius.case import Case
from tertius.claims import judge, names_in
from tertius.claims.judgement import answers
from tertius.claims.language import words_in
from tertius.errors import BadInput

if TYPE_CHECKING:
    from tertius._study.explorer import Explorer
    from tertius.claims.assertion import Answer

__all__ = ["study"]


def study(
    case: Case,
    *,
    draws: int = 8192,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
    allow_unconverged: bool = False,
    sensitivity: bool = False,
    replicates: int = 0,
) -> xr.DataTree:
    """Study a case and judge its claims.

    Parameters
    ----------
    case
        From :func:`tertius.load_case`.
    draws
        Number of joint draws of its uncertain inputs, a power of two.
    seed
        Any whole number; the same seed gives the same findings.
    progress
        Told the name of each stage and the fraction of it that is done.
    allow_unconverged
        Go on, without them, although more than one draw in a hundred found no equilibrium.
    sensitivity
        Also say what drives every verdict, on which sources it rests and what would turn it. Takes longer.
    replicates
        Run the models so many times more, with seeds derived from ``seed``, to see how far likelihoods go with the
        draws; none, or two at least.

    Returns
    -------
    xarray.DataTree
        Laid out as ``docs/findings.md`` says: groups ``inputs``, ``levers``, ``displacement``, ``exits``,
        ``structures``, ``sensitivity`` and ``claims``, those whose section the case has; with ``sensitivity`` also
        ``drivers``, ``screening``, ``blocks``, ``evidence`` and ``flips``; with ``replicates`` also ``replicates``.

    Raises
    ------
    BadInput
        If ``draws`` is not a power of two, one replicate is asked for, or a claim's expression is wrong.
    CannotCompute
        If too many draws found no equilibrium.

    Examples
    --------
    >>> import tertius as tt
    >>> findings = tt.study(tt.load_case("kazakhstan-2022"), draws=256, seed=0)
    >>> findings["displacement/leverage_gain"].dims
    ('draw', 'power', 'domain')
    """
    if replicates < 0 or replicates == 1:
        raise BadInput(
            f"a spread needs two replicates at least, not {replicates}",
            code="replicates",
            path="replicates",
            hint="leave it out for none",
        )
    texts = [claim.expression for claim in case.claims if claim.expression]
    named = {name for text in texts for name in names_in(text)}
    exits_read = [
        exit_id for exit_id in case.exits if any(name.startswith(f"exits.{exit_id}.") for name in named)
    ]
    known: dict[str, Answer] = {}

    def beside(found: xr.DataTree, explorer: Explorer) -> None:
        known.update(answers(case, found, explorer))

    findings, designs = run(
        case,
        draws=draws,
        seed=seed,
        progress=progress,
        allow_unconverged=allow_unconverged,
        exits_read=exits_read,
        read=words_in(texts),
        beside=beside if any(claim.asserts for claim in case.claims) else None,
    )
    if case.claims:
        findings["claims"] = xr.DataTree(judge(case, findings, designs, known))
        if sensitivity and designs.explorer is not None:
            from tertius.claims.depth import deepen  # what few runs need and all would wait for

            started = time.perf_counter()
            for path, group in deepen(findings, designs.explorer, progress).items():
                findings[path] = xr.DataTree(group)
            seconds = json.loads(findings.attrs["seconds_json"])
            seconds["what each verdict rests on"] = round(time.perf_counter() - started, 3)
            findings.attrs["seconds_json"] = json.dumps(seconds)
    if replicates:
        from tertius.claims.replicates import replicate  # as above

        started = time.perf_counter()
        findings["replicates"] = xr.DataTree(
            replicate(case, findings, replicates, exits_read, progress=progress)
        )
        seconds = json.loads(findings.attrs["seconds_json"])
        seconds["replicates"] = round(time.perf_counter() - started, 3)
        findings.attrs["seconds_json"] = json.dumps(seconds)
    return findings
