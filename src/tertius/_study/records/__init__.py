"""Numbers that were computed beforehand, by programs in ``validation``, and are shown beside a study's own."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from tertius.case import Case

__all__ = ["history"]


def history(case: Case) -> dict[str, Any] | None:
    """The effective number of powers through trade by year, for the client and its neighbours.

    Returns
    -------
    dict or None
        ``index`` (country to year to number), ``names`` and ``source``; None unless the record is of the case's own
        client and powers, member by member.
    """
    text = resources.files(__name__).joinpath("balance.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    powers = {name: sorted(p.members) for name, p in case.powers.items()}
    return found if found["client"] == case.client.iso3 and found["powers"] == powers else None
