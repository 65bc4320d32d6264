"""Stage ``rescue``: who is asked, who comes and why, and what is believed and held afterwards.

The order is fixed and has no loop: beliefs from history; the regime's survival (the stage before); what each branch
would teach; the decision; beliefs and levers after.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.beliefs import Beliefs, client_beliefs, observer_beliefs, watchers
from tertius._study.compilation import BLOCK, in_blocks
from tertius._study.crisis import (
    Question,
    candidate_column,
    costs,
    crisis_figures,
    doors,
    gates,
    motives,
    patron,
)
from tertius._study.stages import Context, Made, run_stages
from tertius._study.stages._turns import turns
from tertius.models import levers, regime, rescue
from tertius.models.regime import Belief, Doors

__all__ = ["COSTS", "MULTIPLIERS", "NOBODY", "RATIONALITIES", "STATES", "run"]

Array = NDArray[np.float64]

STATES = ("before", "rescued", "refused", "alone")
"""Before the crisis; after a rescue; after surviving although help was refused; after surviving unasked."""

COSTS = rescue.TERMS[len(rescue.MOTIVES) :]

NOBODY = "nobody"

MULTIPLIERS = 2.0 ** np.linspace(-4, 4, 9)
"""Factors on two weights, for the region of weights in which each motive is the largest."""

RATIONALITIES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, np.inf)
"""The values of λ that the decision is shown against, per log point."""

AXES = ("own_security", "influence")
"""The two motives whose weights are multiplied."""

LOG_POINTS = "log points"


class _Given(NamedTuple):
    """What the program for one power takes, shape (n,) each or (n, …)."""

    before: Any
    strength: Any
    alpha: Any
    beta: Any
    cost: Any
    weight: Any
    damage: Any
    doors: Any
    survival: Any  # (n, 3), alone, refused, helped
    collapse: Any
    drawn_out: Any
    theta_star: Any
    believed: Any  # (n, 3), the client: before, honoured, refused
    observed: Any  # (n, 3), the mean over observers
    motives: Any
    costs: Any
    gate: Any
    arrival: Any
    window: Any
    sends: Any
    trust: Any
    knowledge: Any
    dependence: Any
    rationality: Any
    rank: Any


class _Found(NamedTuple):
    """What it returns for one power."""

    gate: Any
    in_time: Any
    sends: Any
    comes: Any
    terms: Any
    utility: Any
    shares: Any
    shapley: Any
    worth: Any
    worth_parts: Any
    ends: Any
    guarantee: Any
    strength: Any
    next_helped: Any
    next_alone: Any
    next_fragility: Any


def run(context: Context) -> Made:
    """Run the rescue for every candidate, and the client's choice among them."""
    case = context.case
    assert case.rescue is not None
    ask = Question(case, context.figures)
    n, powers = context.size, tuple(case.powers)
    survival = context.groups["/regime"]
    client, observers = client_beliefs(case, context.figures), observer_beliefs(case, context.figures)
    watched = _mean_of(observers, n, len(powers))
    given = crisis_figures(ask)
    path = "rescue"
    window = ask(case.rescue, path, "window", np.inf)
    rationality = ask(case.rescue, path, "rationality")
    columns = {
        name: candidate_column(ask, name, absent)
        for name, absent in (
            ("arrival", np.nan),
            ("stay", np.nan),
            ("troops", np.nan),
            ("sends", np.nan),
            ("trust", 1.0),
            ("elite_knowledge", 1.0),
            ("dependence", 0.0),
        )
    }
    gate = gates(ask)
    rank = np.full(n, regime.SELECTIONS.index(context.structure.expectations or "laplacian"))

    table: list[Array] = []

    def solve(power: str) -> None:
        k = powers.index(power)

        def one(name: str) -> Array:
            return np.asarray(survival[f"{name}_by_power"].values[:, k])

        seen = np.stack([b[:, k] for b in (watched.before, watched.honoured, watched.refused)], -1)
        inputs = _Given(
            before=given["before"],
            strength=given["strength"],
            alpha=given["public_precision"],
            beta=given["private_precision"],
            cost=given["cost"],
            weight=given["guarantee_weight"],
            damage=given["damage"],
            doors=np.stack(doors(ask, power), -1),
            **{name: one(name) for name in ("survival", "collapse", "drawn_out", "theta_star")},
            believed=np.stack([b[:, k] for b in (client.before, client.honoured, client.refused)], -1),
            # Where nobody watches, nobody learns.
            observed=seen if watchers(case, power) else np.ones((n, 3)),
            motives=np.stack(motives(ask, power), -1),
            costs=np.stack(costs(ask, power), -1),
            gate=gate[:, k],
            window=window,
            knowledge=columns["elite_knowledge"][:, k],
            **{name: columns[name][:, k] for name in ("arrival", "sends", "trust", "dependence")},
            rationality=rationality,
            rank=rank,
        )

        def beside(leaves: list[Array]) -> list[Array]:
            """Places for one power's results, shape (n, …), in tables of all powers, (n, P, …)."""
            if not table:
                table.extend(np.empty((n, len(powers), *x.shape[1:])) for x in leaves)
            return [x[:, k] for x in table]

        in_blocks(_one, *inputs, into=beside)

    for power in case.rescue.candidates:
        solve(power)
    asked_nothing = [k for k, power in enumerate(powers) if power not in case.rescue.candidates]
    for x in table:
        x[:, asked_nothing] = np.nan
    found = _Found(*table)

    worth = found.worth
    asked = in_blocks(_choose, worth, rationality)
    lead = patron(case)
    assert lead is not None
    terms = found.terms
    believed, seen_by = (np.stack([b.before, b.honoured, b.refused, b.before], -1) for b in (client, watched))
    comes = found.comes
    dims = ("draw", "power")

    def variable(extra: tuple[str, ...], values: Any, unit: str, name: str) -> xr.Variable:
        return xr.Variable((*dims, *extra), values, attrs={"long_name": name, "unit": unit})

    cost_of = ask_money(ask, powers)
    motives_n = len(rescue.MOTIVES)
    group = xr.Dataset(
        {
            "gate": variable((), found.gate, "probability", "a request would be lawful"),
            "in_time": variable((), found.in_time, "1", "whether help would arrive in time"),
            "able": variable(
                (), found.gate * found.in_time, "probability", "help could lawfully come in time"
            ),
            "sends": variable((), found.sends, "probability", "it sends if it is lawfully asked"),
            "comes": variable((), comes, "probability", "help comes in time if it is asked for"),
            "benefit": variable(
                ("motive",),
                terms[..., :motives_n],
                LOG_POINTS,
                "what the rescue is worth to the power, by motive",
            ),
            "burden": variable(
                ("cost",),
                np.abs(terms[..., motives_n:]),
                LOG_POINTS,
                "what it costs the power, by kind of cost",
            ),
            "utility": variable((), found.utility, LOG_POINTS, "utility of sending less that of refusing"),
            "share": variable(("motive",), found.shares, "share", "share of the gross benefit"),
            "shapley": variable(
                ("term",), found.shapley, "probability", "Shapley value on the probability of sending"
            ),
            "worth": variable((), worth, LOG_POINTS, "what asking the power is worth to the client"),
            "worth_by_part": variable(
                ("part",),
                found.worth_parts,
                LOG_POINTS,
                "what the plea, the help and the dependence add to it",
            ),
            "ends": variable(("end",), found.ends, "probability", "how a request to the power ends"),
            "guarantee": variable(
                ("state",), found.guarantee, LOG_POINTS, "lever of the guarantee over the surviving regime"
            ),
            "belief": variable(
                ("state",), believed, "probability", "the client's belief that the power would come"
            ),
            "observed": variable(
                ("state",),
                seen_by,
                "probability",
                "mean belief of the observers that could turn to the power",
            ),
            "strength": variable(
                ("state",), found.strength, "share", "mean of the belief on the regime's strength"
            ),
            "next_helped": variable(
                ("state",), found.next_helped, "probability", "survival of a crisis to come, with help"
            ),
            "next_alone": variable(
                ("state",), found.next_alone, "probability", "survival of a crisis to come, without help"
            ),
            "next_fragility": variable(
                ("state",), found.next_fragility, "probability per log point", "survival lost with income"
            ),
            "troops": variable((), columns["troops"], "troops", "troops sent"),
            "arrival": variable((), columns["arrival"], "days", "days from the request to arrival"),
            "stay": variable((), columns["stay"], "days", "days of stay"),
            "money": variable((), cost_of, "million US$", "cost of the deployment"),
        },
        coords={
            "power": list(powers),
            "motive": list(rescue.MOTIVES),
            "cost": list(COSTS),
            "term": list(rescue.TERMS),
            "part": ["plea", "help", "dependence"],
            "end": list(rescue.ENDS),
            "state": list(STATES),
            "protector": [*powers, NOBODY],
        },
        attrs={
            "asked_of": lead,
            "axes": " ".join(AXES),
            "observers": " ".join(watchers(case, lead)),
        },
    )
    group["asked"] = xr.Variable(
        ("draw", "protector"), asked, attrs={"long_name": "the client asks that power", "unit": "probability"}
    )

    def shown(fine: NDArray[np.bool_]) -> xr.Dataset:
        of_lead = np.where(fine[:, None], terms[:, powers.index(lead)], np.nan)
        turned = json.dumps(_turned(context.apart(), of_lead, lead))
        sends = _against(np.where(fine, found.utility[:, powers.index(lead)], np.nan))
        return group.assign(sends_at=sends, region=_labelled_region(of_lead)).assign_attrs(turns=turned)

    return Made({"/rescue": group}, shown=shown if context.main else None)


def _turned(context: Context, terms: Array, lead: str) -> dict[str, Any]:
    """What would turn the first of the two motives against the second."""
    first, second = (rescue.MOTIVES.index(name) for name in AXES)

    # Neither motive of the one power hangs on who else could be asked.
    case = context.case
    assert case.rescue is not None
    alone = case.rescue.model_copy(update={"candidates": {lead: case.rescue.candidates[lead]}})
    context = replace(context, case=case.model_copy(update={"rescue": alone}))

    def again(other: Context) -> Array:
        made = run_stages(other, only=("regime", "rescue"))
        values = made.groups["/rescue"]["benefit"].sel(power=lead)
        margin = (values.sel(motive=AXES[0]) - values.sel(motive=AXES[1])).values
        assert made.converged is not None
        return np.where(made.converged, margin, np.nan)

    return turns(context, terms[:, first] - terms[:, second], again)


def ask_money(ask: Question, powers: tuple[str, ...]) -> Array:
    """Cost of every power's deployment in millions of US dollars, shape (n, P)."""
    given = [costs(ask, power) for power in powers]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack(
            [np.asarray(c.troops) * np.asarray(c.stay) * np.asarray(c.unit_cost) for c in given], -1
        )


def _mean_of(observers: Any, n: int, powers: int) -> Beliefs:
    """The mean over the observers that could turn to each power; ``NaN`` where there are none."""
    out = []
    for name in ("before", "honoured", "refused"):
        total, count = np.zeros((n, powers)), np.zeros((n, powers))
        for belief in observers.values():
            values = getattr(belief, name)
            known = ~np.isnan(values)
            np.add(total, values, out=total, where=known)
            count += known
        out.append(np.divide(total, count, out=np.full((n, powers), np.nan), where=count > 0))
    return Beliefs(*out)


def _against(utility: Array) -> xr.DataArray:
    """The probability of sending if the power is so sure of the better move: mean over draws in which it is known."""
    chance: Array = in_blocks(_sends, utility)
    known = ~np.isnan(utility)
    return xr.DataArray(
        chance[known].mean(axis=0) if known.any() else np.full(len(RATIONALITIES), np.nan),
        dims=("rationality",),
        coords={"rationality": list(RATIONALITIES)},
        attrs={"long_name": "it sends if it is lawfully asked, at this rationality", "unit": "probability"},
    )


def _labelled_region(terms: Array) -> xr.DataArray:
    """How often each motive is the largest over a grid of two multipliers, over the first draws."""
    rows = np.full((BLOCK, terms.shape[-1]), np.nan)
    some = min(BLOCK, len(terms))
    rows[:some] = terms[:some]
    scale = np.ones((len(MULTIPLIERS), len(MULTIPLIERS), len(rescue.MOTIVES)))
    scale[..., rescue.MOTIVES.index(AXES[0])] = MULTIPLIERS[:, None]
    scale[..., rescue.MOTIVES.index(AXES[1])] = MULTIPLIERS
    return xr.DataArray(
        np.asarray(rescue.largest_motive(rows, scale)),
        dims=("multiplier", "other_multiplier", "motive"),
        coords={
            "multiplier": MULTIPLIERS,
            "other_multiplier": MULTIPLIERS,
            "motive": list(rescue.MOTIVES),
        },
        attrs={"long_name": "the motive is the largest with the weights multiplied", "unit": "probability"},
    )


@jax.jit
def _sends(utility: jax.Array) -> jax.Array:
    return rescue.logit(utility[:, None], jnp.asarray(RATIONALITIES))


@jax.jit
def _choose(worth: jax.Array, rationality: jax.Array) -> jax.Array:
    return rescue.choose(worth, rationality).probability


@jax.jit
def _one(*arrays: jax.Array) -> _Found:
    g = _Given(*arrays)
    help_ = Doors(*jnp.moveaxis(g.doors, -1, 0))
    known = ~jnp.isnan(g.doors).any(-1)
    help_ = Doors(*(jnp.where(known, x, 0.0) for x in help_))
    guarantee, *later = _guarantee(g, help_, known)
    alone, refused, helped = (g.survival[:, i] for i in range(3))
    in_time = jnp.where(jnp.isnan(g.arrival) & jnp.isfinite(g.window), jnp.nan, (g.arrival <= g.window) * 1.0)
    in_time = jnp.where(jnp.isinf(g.window), 1.0, in_time)

    def lands(values: jax.Array) -> jax.Array:
        return jnp.where(in_time > 0, values[:, 2], values[:, 1])

    # Help that comes too late finds the regime as a refusal leaves it, but for what is now believed of the power.
    _, with_, without, _ = later
    late = levers.guarantee(with_[:, 2], without[:, 2], g.believed[:, 1], g.weight)
    terms = rescue.terms(
        rescue.Motives(*jnp.moveaxis(g.motives, -1, 0)),
        rescue.Costs(*jnp.moveaxis(g.costs, -1, 0)),
        refused=(g.collapse[:, 1], g.drawn_out[:, 1]),
        helped=(lands(g.collapse), lands(g.drawn_out)),
        credibility=100.0 * levers.log_ratio(g.observed[:, 1], g.observed[:, 2]),
        influence=jnp.where(in_time > 0, guarantee[:, 1], late) - guarantee[:, 2],
    )
    decision = rescue.decide(terms, g.rationality)
    sends = jnp.where(jnp.isnan(g.sends), decision.sends, g.sends)
    comes = g.gate * sends * in_time
    worth = rescue.worth_of_asking(
        alone=alone,
        refused=refused,
        helped=helped,
        comes=comes,
        weight=g.weight,
        trust=g.trust,
        knowledge=g.knowledge,
        dependence=g.dependence + guarantee[:, 1] - guarantee[:, 0],
    )
    return _Found(
        gate=g.gate,
        in_time=in_time,
        sends=sends,
        comes=comes,
        terms=terms,
        utility=decision.utility,
        shares=decision.shares,
        shapley=decision.shapley,
        worth=worth.total,
        worth_parts=jnp.stack([worth.plea, worth.help, -worth.dependence], -1),
        ends=rescue.course(g.gate, sends, in_time, (g.collapse[:, 2], g.drawn_out[:, 2])),
        guarantee=guarantee,
        strength=later[0],
        next_helped=later[1],
        next_alone=later[2],
        next_fragility=later[3],
    )


def _guarantee(g: _Given, help_: Doors, known: jax.Array) -> tuple[jax.Array, ...]:
    """The lever of the guarantee in every state, shape (n, 4), and what is behind it.

    That is the mean belief on strength, survival of a crisis to come with and without help, and its fragility.
    """
    damaged = Belief(g.strength, g.alpha)
    asked = regime.news(damaged, help_.plea_strength, help_.plea_precision)
    alone, refused, helped = (g.theta_star[:, i] for i in range(3))
    # Who survived is known to have been stronger than the threshold; troops that have left no longer count.
    rescued = helped - jnp.asarray(help_.force)
    floors = jnp.stack([rescued, refused, alone])
    safe = jnp.where(jnp.isnan(floors), -1e9, floors)
    truth = regime.after_surviving(damaged, safe)
    common = [regime.after_surviving(asked, safe[:2]), regime.after_surviving(damaged, safe[2:])]

    def states(first: jax.Array, rest: list[jax.Array]) -> jax.Array:
        return jnp.concatenate([first[None], *rest])

    true = Belief(states(g.before, [truth.mean]), states(g.alpha, [truth.precision]))
    belief = Belief(*(states(first, [c[i] for c in common]) for i, first in enumerate((g.before, g.alpha))))
    opened = regime.news(
        regime.news(belief, help_.plea_strength, help_.plea_precision),
        help_.signal_strength,
        help_.signal_precision,
    )
    mean, precision = (jnp.stack([x, y]) for x, y in zip(belief, opened, strict=True))
    shape = mean.shape
    cost = jnp.stack([jnp.broadcast_to(x, shape[1:]) for x in (g.cost, jnp.asarray(help_.fear))])
    at = regime.equilibrium(
        mean, precision, jnp.broadcast_to(g.beta, shape), cost, jnp.broadcast_to(g.rank, shape)
    )
    push = jnp.stack([jnp.zeros_like(g.cost), jnp.asarray(help_.force)])[:, None]
    without, with_ = jax.scipy.special.ndtr(jnp.sqrt(true.precision) * (true.mean + push - at.theta_star))
    holds = g.believed[:, jnp.array([0, 1, 2, 0])].T
    lever = levers.guarantee(with_, without, holds, g.weight)
    there = jnp.concatenate([jnp.ones_like(floors[:1], bool), ~jnp.isnan(floors)])
    # Strength lost is known to everybody: the threshold moves with it.
    sd = jnp.sqrt(true.precision)
    density = regime.normal_density(sd * (true.mean - at.theta_star[0]))
    inner = regime.normal_density(at.z_star[0]) * belief.precision / jnp.sqrt(g.beta)
    fragility = g.damage * sd * density / (1.0 - inner)

    def shown(values: jax.Array, where: jax.Array) -> jax.Array:
        return jnp.where(where, values, jnp.nan).T

    helpful = known & there
    return (
        shown(lever, helpful),
        shown(belief.mean, there),
        shown(with_, helpful),
        shown(without, there),
        shown(fragility, there),
    )
