"""The group ``/replicates``: what becomes of every likelihood in further runs of as many draws.

Scrambled Sobol' points are balanced within one set, so that their error is not that of independent draws; sets with
scramblings of their own are independent of each other, and the spread of their results is the error of one.
Each has a seed derived from the study's (:class:`numpy.random.SeedSequence`), with which ``--seed`` repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study import again
from tertius.case import Case
from tertius.claims.catalogue import from_findings
from tertius.claims.evaluation import Readings, evaluate

__all__ = ["replicate", "seeds"]

Array = NDArray[np.float64]

HEADLINES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("displacement", "tertius_by_leverage", {"domain": "total"}),
    ("displacement", "tertius_by_vacuum", {"flow": "total"}),
    ("regime", "survival", {}),
    ("price", "because", {}),
    ("price", "some", {}),
)
"""Group, variable and labels of what a brief opens with; means over the draws where it is drawn."""


def seeds(seed: int, count: int) -> list[int]:
    """Derive so many seeds from one; the first of more are those of fewer."""
    children = np.random.SeedSequence(seed).spawn(count)
    return [int(child.generate_state(1)[0]) for child in children]


def replicate(
    case: Case,
    findings: xr.DataTree,
    count: int,
    exits_read: Collection[str] = (),
    progress: Callable[[str, float], None] | None = None,
) -> xr.Dataset:
    """Run a study's models again with derived seeds.

    Parameters
    ----------
    case
        The case.
    findings
        Its study, judged.
    count
        Number of replicates, at least two.
    exits_read
        Further exits that the verdicts read.
    progress
        Told ``replicates`` and the fraction that is done.

    Returns
    -------
    xarray.Dataset
        The group ``/replicates`` of ``docs/findings.md``.
    """
    draws = int(findings.attrs["draws"])
    exact = {i.path: float(i.quantity.median) for i in case.inputs() if i.quantity.is_exact}
    known = findings["claims"]["probability"] if "claims" in findings.children else None
    texts = {
        c.id: c.expression
        for c in case.claims
        if c.expression is not None and known is not None and np.isfinite(known.sel(claim=c.id))
    }
    derived = seeds(int(findings.attrs["seed"]), count)
    study = _numbers(findings, texts, exact)
    found, kept = [], []
    for done, seed in enumerate(derived):
        if progress is not None:
            progress("replicates", done / count)
        tree = again(case, draws=draws, seed=seed, exits_read=exits_read)
        kept.append(tree["inputs"].sizes["draw"])
        found.append(_numbers(tree, texts, exact))
    labels = list(study)
    value = np.array([[one.get(label, np.nan) for label in labels] for one in found])

    def table(dims: tuple[str, ...], values: object, name: str, unit: str) -> xr.Variable:
        return xr.Variable(dims, values, attrs={"long_name": name, "unit": unit})

    return xr.Dataset(
        {
            "seed": table(("replicate",), np.array(derived), "seed that repeats it", ""),
            "kept": table(("replicate",), np.array(kept), "draws that converged", "draws"),
            "value": table(("replicate", "number"), value, "likelihood in the replicate", "probability"),
            "study": table(
                ("number",), np.array([*study.values()]), "likelihood in the study", "probability"
            ),
            "error": table(
                ("number",),
                value.std(axis=0, ddof=1),
                "standard error of the likelihood in one run of so many draws",
                "probability",
            ),
        },
        coords={"number": np.array(labels, dtype=np.str_)},
    )


def _numbers(tree: xr.DataTree, texts: Mapping[str, str], exact: Mapping[str, float]) -> dict[str, float]:
    """Likelihoods of a run by label."""
    catalogue, read = from_findings(tree, exact), Readings(tree)
    found = {f"claims.{c}": evaluate(text, read, catalogue).probability for c, text in texts.items()}
    for group, name, fixed in HEADLINES:
        if group not in tree.children or name not in tree[group]:
            continue
        values = tree[group].to_dataset()[name].sel(fixed)
        if "draw" in values.dims:
            values = values.mean("draw")
        if not values.dims:
            found[f"{group}.{name}"] = float(values)
        else:
            [dim] = values.dims
            found |= {f"{group}.{name}[{k}]": float(values.sel({dim: k})) for k in values[dim].values}
    return {label: value for label, value in found.items() if np.isfinite(value)}
