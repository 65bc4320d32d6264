"""What can be asked of the client, what it will be granted, and what the rescue changes in that.

Each concession is one game for every threat that its patron holds (:mod:`tertius.models.price`), played twice: with
the rescue, and with the same regime having survived without it. The threats are to withdraw trade, to close the
routes, to withdraw each other domain, to withdraw the guarantee, and everything at once: all of these that the
concession lists and whose cost is known.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tertius._study.compilation import BLOCK, in_blocks
from tertius._study.simulate import rescuer
from tertius._study.stages import Context, Made, run_stages
from tertius._study.stages._conditions import conditions
from tertius._study.stages._protection import Protection, protection
from tertius.case import Case, Quantity
from tertius.models import games, price
from tertius.models.price import Stakes, Threats

__all__ = [
    "BRANCHES",
    "CHANNELS",
    "EVERYTHING",
    "GUARANTEE",
    "MOMENTS",
    "RATIONALITIES",
    "run",
    "threat_labels",
]

Array = NDArray[np.float64]

BRANCHES = ("rescued", "alone")
"""The regime saved with help, and the same regime having survived without."""

GUARANTEE = "guarantee"
EVERYTHING = "everything"

CHANNELS = ("levers", "costs", "refusing")
"""What a rescue can change: what threats would cost the client, what they would cost the patron, and refusing."""

MOMENTS = ("before", *BRANCHES)
"""Before the crisis, and after it in each branch."""

RATIONALITIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, np.inf)
"""The values of λ that the answer is shown against, per log point."""

LOG_POINTS = "log points"


@jax.jit
def _play(*given: jax.Array) -> price.Played:
    *stakes, L, M, rationality = given
    return price.play(Stakes(*stakes), Threats(L, M), rationality)


@jax.jit
def _attribute(*given: jax.Array) -> jax.Array:
    """Shapley points of the price, from the two branches on the axis before last."""
    *stakes, L, M, rationality = given
    one, other = ((Stakes(*(x[..., b] for x in stakes)), Threats(L[..., b, :], M[..., b, :])) for b in (0, 1))
    return price.attribute(one, other, rationality[..., 0])


class _Costs(NamedTuple):
    """What a concession costs, shape (n, J) each, log points."""

    granting: Any
    """C, the client."""
    third: Any
    """The part of it from third parties."""
    damage: Any
    """d, the patron."""


@jax.jit
def _costs(
    c: jax.Array, weight: jax.Array, good: jax.Array, chance: jax.Array, loss: jax.Array, others: jax.Array
) -> _Costs:
    nothing = jnp.zeros_like(c)
    third = price.granting_cost(nothing, nothing, chance, loss)
    own = price.granting_cost(nothing, nothing, chance, others)
    # Who makes nothing good bears nothing of it, however much it is.
    made_good = jnp.where(good == 0, 0.0, good * jnp.where(good == 0, 0.0, third))
    return _Costs(price.granting_cost(c, weight, chance, loss), third, own + made_good)


_threat_cost = jax.jit(price.threat_cost)


def threat_labels(case: Case) -> tuple[str, ...]:
    """Labels of the dimension ``threat``: what a power could withdraw, and everything at once."""
    found: list[str] = []
    if case.trade is not None:
        found.append("trade")
        if any(route.owner for route in case.trade.routes):
            found.append("transit")
    found += case.domains
    if case.crisis is not None and case.rescue is not None:
        found.append(GUARANTEE)
    return (*found, EVERYTHING)


def run(context: Context) -> Made:
    """Play the game of every concession.

    Parameters
    ----------
    context
        What has been computed.

    Returns
    -------
    Made
        The group ``/price``.
    """
    found = _Price(context)
    played = found.play()
    accurate = _accurate(played)
    residual = np.nanmax(played.residual.reshape(context.size, -1), axis=1, initial=0.0)
    group = found.group(played)

    def shown(fine: NDArray[np.bool_]) -> xr.Dataset:
        whole = found.for_the_reader(group, played, fine)
        if found.expected.any():
            target = np.where(fine, found.target(played), np.nan)
            turned = conditions(context.apart(), target, _Again())
            whole.attrs["conditions"] = json.dumps(turned)
        return whole

    return Made({"/price": group}, accurate, residual, shown if context.main else None)


class _Again:
    """Plays again with some inputs held at other values, running no more of the models before than they touch."""

    def __init__(self) -> None:
        self.first: _Price | None = None

    def __call__(self, context: Context, held: Collection[str]) -> Array:
        """Give the target, shape (n,), ``NaN`` where a solver did not get there; the first call holds nothing."""
        fine = context.simulation.converged
        stages = [name for name in ("regime", "rescue") if any(_touches(name, path) for path in held)]
        if stages:
            made = run_stages(context, only=stages)
            assert made.converged is not None
            context, fine = replace(context, groups=made.groups), made.converged
        unchanged = all(path.startswith(("concessions.", "powers.")) for path in held)
        found = _Price(context, like=self.first if unchanged else None)
        if not held:
            self.first = found
        played = found.play()
        return np.where(fine & _accurate(played), found.target(played), np.nan)


def _accurate(played: price.Played) -> NDArray[np.bool_]:
    """The draws in which every game was solved, shape (n,)."""
    return np.asarray(np.all(played.status != games.Status.INACCURATE, axis=(1, 2)))


def _touches(stage: str, path: str) -> bool:
    """Whether a stage before this one reads an input in what it hands on to it."""
    section = path.partition(".")[0]
    if section not in ("crisis", "rescue", "history", "treaties") or ".motives." in path or ".costs." in path:
        return False
    if stage == "regime":
        return (section == "crisis" and path != "crisis.guarantee_weight") or ".doors." in path
    return True


def both(values: Array) -> Array:
    """The same in both branches: shape (n, B)."""
    return np.repeat(values[:, None], len(BRANCHES), axis=1)


@dataclass(frozen=True)
class _Hand:
    """What a patron can withdraw, each by itself. Shapes (n, B, K), log points; the threats without everything.

    Attributes
    ----------
    lever
        What it would cost the client.
    own
        What it would cost the patron, but for the danger that the client collapses; ``NaN`` where it is not known.
    more_lever, more_own
        The same of what it adds to everything at once: routes are closed on top of withdrawing trade.
    """

    lever: Array
    own: Array
    more_lever: Array
    more_own: Array


class _Price:
    """The games of a case's concessions, over all draws."""

    def __init__(self, context: Context, like: _Price | None = None) -> None:
        """Read all figures; what patrons hold is taken from another, of the same draws, where that is given."""
        self.context = context
        self.case = context.case
        self.labels = threat_labels(context.case)
        self.singles = self.labels[:-1]
        self.patrons = list(dict.fromkeys(c.patron for c in self.case.concessions.values()))
        saver = [rescuer(self.case)] if self.case.rescue is not None else []
        holders = list(dict.fromkeys([*self.patrons, *saver]))
        self.expected = np.array([not c.control for c in self.case.concessions.values()])
        if like is None:
            self.guard: dict[str, Protection] = {p: protection(context, p) for p in holders}
            self.hands = {p: self._hand(p) for p in holders}
            self.risen: dict[tuple[str, tuple[bool, ...]], Array] = {}
        else:
            self.guard, self.hands, self.risen = like.guard, like.hands, like.risen
        names = list(self.case.concessions)
        self.costs: _Costs = in_blocks(
            _costs, *(np.stack(x, 1) for x in zip(*map(self._given, names), strict=True))
        )
        self.stakes = self._stakes(names)
        threats = [self._threats(name) for name in names]
        self.threats = Threats(*(np.stack(x, axis=1) for x in zip(*threats, strict=True)))
        self.rationality: Array = np.stack([both(self._rationality(name)) for name in names], axis=1)

    # -- what the patron holds --------------------------------------------------------------------

    def _hand(self, patron: str) -> _Hand:
        n, trade = self.context.size, self.context.simulation.trade
        place = list(self.case.powers).index(patron)
        # A case of a crisis alone has no levers, and then the guarantee is all that can be threatened.
        everything = self.context.groups.get("/levers")
        held = None if everything is None else everything.sel(power=patron)
        unknown = np.full(n, np.nan)
        lever: dict[str, Array] = {}
        own: dict[str, Array] = {}
        more_lever: dict[str, Array] = {}
        more_own: dict[str, Array] = {}
        for label in self.singles:
            if label == GUARANTEE:
                continue
            if label != "transit":
                assert held is not None
                now = held["lever"].sel(domain=label).values
                after = self.context.simulation.renewed.get(label)
                branches = (now if after is None else after[:, place], now)
                lever[label] = more_lever[label] = np.stack(branches, axis=1)
                own[label] = more_own[label] = both(held["reverse"].sel(domain=label).values)
                continue
            assert trade is not None
            levers = trade.levers
            routes = any(r.owner == patron for r in self.case.trade.routes) if self.case.trade else False
            lever[label] = both(levers.transit_alone[:, place] if routes else unknown)
            own[label] = both(levers.reverse_alone[:, place] if routes else unknown)
            more_lever[label] = both((levers.joint - levers.trade)[:, place] if routes else unknown)
            more_own[label] = both((levers.reverse_joint - levers.reverse)[:, place] if routes else unknown)

        def stack(parts: Mapping[str, Array], guarantee: Array) -> Array:
            columns = [guarantee if label == GUARANTEE else parts[label] for label in self.singles]
            return np.stack(columns, axis=-1) if columns else np.empty((n, len(BRANCHES), 0))

        guard = self.guard[patron]
        return _Hand(
            stack(lever, guard.lever),
            stack(own, guard.own),
            stack(more_lever, guard.lever),
            stack(more_own, guard.own),
        )

    def _threats(self, name: str) -> Threats:
        """Every threat of one concession, shape (n, B, T): what it costs the client and the patron."""
        concession = self.case.concessions[name]
        hand, guard = self.hands[concession.patron], self.guard[concession.patron]
        at_hand = [concession.threats == "all" or label in concession.threats for label in self.singles]
        offered = np.array(at_hand) & ~np.isnan(hand.lever) & ~np.isnan(hand.own)
        # Routes closed by a patron that goes on trading cost what closing them alone costs.
        trades = offered & (np.array(self.singles) == "trade")
        with_trade = trades.any(axis=-1, keepdims=True)
        more_lever = np.where(with_trade, hand.more_lever, hand.lever)
        more_own = np.where(with_trade, hand.more_own, hand.own)
        several = offered.sum(axis=-1) > 1

        def joined(each: Array, more: Array) -> Array:
            total = np.where(several, np.where(offered, more, 0.0).sum(axis=-1), np.nan)
            return np.concatenate([np.where(offered, each, np.nan), total[..., None]], axis=-1)

        beyond = self._carrying_out(concession.patron)
        lever, own = joined(hand.lever, more_lever), joined(hand.own + beyond, more_own + beyond)
        unguarded = np.array([label in (GUARANTEE, EVERYTHING) for label in self.labels])
        if GUARANTEE in self.singles:
            guarded = offered[..., self.singles.index(GUARANTEE)]
            unguarded = unguarded & (guarded[..., None] | (np.array(self.labels) != EVERYTHING))
            # Put at nothing rather than taken off again: it may be infinite.
            protects = np.array(self.singles) == GUARANTEE
            income = joined(np.where(protects, 0.0, hand.lever), np.where(protects, 0.0, more_lever))
        else:
            unguarded = np.zeros_like(unguarded)
            income = lever
        key = concession.patron, tuple(at_hand)
        if key not in self.risen:
            self.risen[key] = guard.rise(income, unguarded)
        cost: Array = in_blocks(_threat_cost, own, guard.H[:, None, None], self.risen[key])
        return Threats(lever, cost)

    def _carrying_out(self, patron: str) -> Array:
        """What the case says that carrying a threat out costs beyond, shape (n, 1, K); nothing where it is silent."""
        stated = self.case.powers[patron].carrying_out
        columns = [
            self.context.figures(f"powers.{patron}.carrying_out.{label}", stated[label])
            if label in stated
            else np.zeros(self.context.size)
            for label in self.singles
        ]
        return np.stack(columns, axis=-1)[:, None] if columns else np.empty((self.context.size, 1, 0))

    # -- what hangs on each concession ------------------------------------------------------------

    def _figure(self, name: str, field: str) -> Array:
        quantity: Quantity | None = getattr(self.case.concessions[name], field)
        assert quantity is not None
        return self.context.figures(f"concessions.{name}.{field}", quantity)

    def _optional(self, name: str, field: str, otherwise: float) -> Array:
        stated = getattr(self.case.concessions[name], field) is not None
        return self._figure(name, field) if stated else np.full(self.context.size, otherwise)

    def _rationality(self, name: str) -> Array:
        if self.context.structure.backward:
            return np.full(self.context.size, np.inf)
        of_rescue = None if self.case.rescue is None else self.case.rescue.rationality
        if self.case.concessions[name].rationality is None and of_rescue is not None:
            return self.context.figures("rescue.rationality", of_rescue)
        return self._optional(name, "rationality", np.inf)

    def _size(self, patron: str) -> Array:
        """The client's spending over the patron's, shape (n,); ``NaN`` where trade does not say."""
        world, trade = self.context.simulation.world, self.context.simulation.trade
        if world is None or trade is None or patron not in world.regions:
            return np.full(self.context.size, np.nan)
        ratio: Array = trade.expenditure[:, world.client] / trade.expenditure[:, world.regions.index(patron)]
        return ratio

    def _given(self, name: str) -> tuple[Array, ...]:
        """What the costs of one concession are computed from: figures (n,), and (n, A) for third parties."""
        section, n = self.case.concessions[name], self.context.size
        place = list(self.case.powers).index(section.patron)
        # As many third parties for every concession, so that one program serves all.
        parties = max(len(c.answers) for c in self.case.concessions.values())
        chance, loss, others = (np.zeros((n, parties)) for _ in range(3))
        for k, (party, answer) in enumerate(section.answers.items()):
            path = f"concessions.{name}.answers.{party}.probability"
            chance[:, k] = self.context.figures(path, answer.probability)
            answered = self.context.simulation.answers[f"{name}/{party}"]
            loss[:, k], others[:, k] = answered.loss, answered.others[:, place]
        good = self._optional(name, "own_damage", 0.0)
        size = np.zeros(n) if section.own_damage is None else self._size(section.patron)
        weight = self._optional(name, "public_weight", 1.0)
        return self._figure(name, "cost"), weight, good * size, chance, loss, others

    def _stakes(self, names: Sequence[str]) -> Stakes:
        """What hangs on each concession, shape (n, J, B)."""

        def figures(field: str, otherwise: float | None = None) -> Array:
            columns = [
                self._figure(name, field) if otherwise is None else self._optional(name, field, otherwise)
                for name in names
            ]
            return np.stack([both(x) for x in columns], axis=1)

        # Without a section on the rescue there is no such branch: what would be paid after one is not known.
        value, refusing = figures("value"), figures("ingratitude", 0.0)
        if self.case.rescue is None:
            value[..., BRANCHES.index("rescued")] = np.nan
        refusing[..., BRANCHES.index("alone")] = 0.0
        return Stakes(
            v=value,
            d=np.repeat(self.costs.damage[..., None], len(BRANCHES), axis=-1),
            e=figures("refused"),
            b=figures("backing_down"),
            k=figures("reputation"),
            C=np.repeat(self.costs.granting[..., None], len(BRANCHES), axis=-1),
            u=refusing,
        )

    # -- the games --------------------------------------------------------------------------------

    def play(
        self, rows: slice | NDArray[np.int64] = slice(None), rationality: float | None = None
    ) -> price.Played:
        """Play every game, of some draws and with another rationality if wanted."""
        lam = self.rationality[rows]
        if rationality is not None:
            lam = np.full_like(lam, rationality)
        given = [np.asarray(x)[rows] for x in (*self.stakes, *self.threats)]
        played: price.Played = in_blocks(_play, *given, lam)
        return played

    def any_of(self, chances: Array) -> Array:
        """At least one of the concessions expected, which are granted or not one by one: shape (n, …)."""
        if not self.expected.any():
            return np.full_like(chances[:, 0], np.nan)
        return np.asarray(1 - np.prod(1 - chances[:, self.expected], axis=1))

    def target(self, played: price.Played) -> Array:
        """What the title question asks for: a price because of the rescue; without one, what can be extracted."""
        if self.case.rescue is None:
            return self.any_of(np.asarray(played.paid)[..., BRANCHES.index("alone")])
        paid = np.asarray(played.paid)
        return self.any_of(np.maximum(paid[..., 0] - paid[..., 1], 0.0))

    # -- what findings hold -----------------------------------------------------------------------

    def group(self, played: price.Played) -> xr.Dataset:
        """The group ``/price``."""
        names = list(self.case.concessions)
        paid = np.asarray(played.paid)
        change = paid[..., 0] - paid[..., 1]
        number = np.arange(len(self.labels))
        brought = np.where(played.threat[..., None] >= 0, played.threat[..., None] == number, np.nan)
        by_branch, by_threat = ("draw", "concession", "branch"), ("draw", "concession", "branch", "threat")
        by_draw = ("draw", "concession")
        table: dict[str, tuple[Sequence[str], Any, str, str]] = {
            "demanded": (by_branch, played.demanded, "probability", "that the patron demands it"),
            "granted": (by_branch, played.granted, "probability", "that it is granted, once demanded"),
            "paid": (by_branch, paid, "probability", "that it is demanded and granted"),
            "price": (
                by_draw,
                change,
                "probability",
                "paid after the rescue, less paid by the same regime having survived alone",
            ),
            "believed": (
                by_branch,
                played.believed,
                "probability",
                "that the patron would carry out the threat that it brings",
            ),
            "worth": (by_branch, played.worth, LOG_POINTS, "what the patron expects of demanding"),
            "brought": (by_threat, brought, "share", "whether the patron brings this threat"),
            "threat_lever": (
                by_threat,
                self.threats.L,
                LOG_POINTS,
                "what the threat, carried out, costs the client",
            ),
            "threat_cost": (by_threat, self.threats.M, LOG_POINTS, "what carrying it out costs the patron"),
            "demanded_with": (
                by_threat,
                played.by_threat.demanded,
                "probability",
                "that the patron demands, were this its only threat",
            ),
            "granted_with": (
                by_threat,
                played.by_threat.granted,
                "probability",
                "that a demand under this threat is granted",
            ),
            "believed_with": (
                by_threat,
                played.by_threat.believed,
                "probability",
                "that this threat would be carried out",
            ),
            "granting_cost": (
                by_draw,
                self.costs.granting,
                LOG_POINTS,
                "what granting costs the client",
            ),
            "third_party_loss": (
                by_draw,
                self.costs.third,
                LOG_POINTS,
                "the part of it from third parties that answer, expected",
            ),
            "own_damage": (
                by_draw,
                self.costs.damage,
                LOG_POINTS,
                "the patron's own share of what third parties do, expected",
            ),
            "size": (
                ("draw",),
                self._size(rescuer(self.case) if self.case.rescue is not None else self.patrons[0]),
                "ratio",
                "what the client spends, over what the rescuer spends",
            ),
            "some": (
                ("draw", "branch"),
                self.any_of(paid),
                "probability",
                "that at least one is demanded and granted",
            ),
            "because": (
                ("draw",),
                self.any_of(np.maximum(change, 0.0)),
                "probability",
                "that at least one is paid after the rescue that would not be without",
            ),
            "spared": (
                ("draw",),
                self.any_of(np.maximum(-change, 0.0)),
                "probability",
                "that at least one is not paid after the rescue that would be without",
            ),
        }
        coords: dict[str, Any] = {
            "concession": names,
            "branch": list(BRANCHES),
            "threat": list(self.labels),
        }
        if self.case.rescue is not None:
            levers = self._levers(rescuer(self.case))
            before, rescued, alone = (levers[:, :, m] for m in range(len(MOMENTS)))
            coords |= {"held": [*self.singles, "total"], "moment": list(MOMENTS)}
            table |= {
                "lever_at": (("draw", "held", "moment"), levers, LOG_POINTS, "levers of the rescuer"),
                "lever_new": (
                    ("draw", "held"),
                    rescued - before,
                    LOG_POINTS,
                    "lever after the rescue less that before the crisis",
                ),
                "lever_created": (
                    ("draw", "held"),
                    rescued - alone,
                    LOG_POINTS,
                    "lever after the rescue less that after having survived alone",
                ),
            }
        made = xr.Dataset(
            {
                name: xr.Variable(dims, values, attrs={"long_name": long, "unit": unit})
                for name, (dims, values, unit, long) in table.items()
            },
            coords=coords,
            attrs={
                "titles": json.dumps({k: c.title for k, c in self.case.concessions.items()}),
                "patrons": json.dumps({k: c.patron for k, c in self.case.concessions.items()}),
                "controls": json.dumps([k for k, c in self.case.concessions.items() if c.control]),
                "not_offered": json.dumps(self._not_offered()),
            },
        )
        return made

    def for_the_reader(self, group: xr.Dataset, played: price.Played, fine: NDArray[np.bool_]) -> xr.Dataset:
        """Add what only a reader wants: the price against λ, and what its parts are, over the first good draws."""
        few = np.flatnonzero(fine)[:BLOCK]
        if not few.size:
            return group
        against = [self.play(few, lam) for lam in RATIONALITIES]
        given = [np.asarray(x)[few] for x in (*self.stakes, *self.threats)]
        points: Array = in_blocks(_attribute, *given, self.rationality[few])
        found: dict[str, tuple[Sequence[str], Array, str]] = {
            "attribution": (
                ("concession", "channel"),
                points.mean(axis=0),
                "part of the price from this channel",
            ),
            "work": (
                ("concession", "branch", "threat"),
                self._work(played, fine),
                "part of what is paid that is paid under this threat",
            ),
        }
        for name in ("demanded", "granted", "paid"):
            values = np.stack([getattr(game, name).mean(axis=0) for game in against])
            long = f"{name}, mean over draws, at this rationality"
            found[f"{name}_at"] = (("rationality", "concession", "branch"), values, long)
        made = group.assign(
            {
                name: xr.Variable(dims, values, attrs={"long_name": long, "unit": "probability"})
                for name, (dims, values, long) in found.items()
            }
        )
        coords = {"channel": list(CHANNELS), "rationality": list(RATIONALITIES)}
        return made.assign_coords(coords).assign_attrs(few_draws=few.size)

    def _work(self, played: price.Played, fine: NDArray[np.bool_]) -> Array:
        """Each threat's part in what is paid, shape (J, B, T); ``NaN`` where nothing is."""
        brought = played.threat[..., None] == np.arange(len(self.labels))
        part = np.where(brought, np.nan_to_num(np.asarray(played.paid))[..., None], 0.0)[fine].sum(axis=0)
        total = part.sum(axis=-1, keepdims=True)
        return np.asarray(part / np.where(total > 0, total, np.nan))

    def _levers(self, power: str) -> Array:
        """A power's levers before the crisis and in each branch after it, with their total: shape (n, K + 1, 3)."""
        held = self.hands[power].more_lever
        before = held[:, BRANCHES.index("alone")].copy()
        if GUARANTEE in self.singles:
            before[:, self.singles.index(GUARANTEE)] = self.guard[power].before
        parts = np.stack([before, held[:, 0], held[:, 1]], axis=-1)
        # No route of one's own is no lever; a tie that is not stated is an unknown one.
        owner = (
            any(r.owner == power for r in self.case.trade.routes) if self.case.trade is not None else False
        )
        if "transit" in self.singles and not owner:
            parts[:, self.singles.index("transit")] = 0.0
        return np.concatenate([parts, parts.sum(axis=1, keepdims=True)], axis=1)

    def _not_offered(self) -> dict[str, dict[str, str]]:
        """For each patron, the threats that cannot be costed, and why."""
        out: dict[str, dict[str, str]] = {}
        for patron in self.patrons:
            hand, guard = self.hands[patron], self.guard[patron]
            out[patron] = {}
            for k, label in enumerate(self.singles):
                if np.isnan(hand.lever[..., k]).all():
                    out[patron][label] = (
                        "it holds no such lever" if label == "transit" else "the tie is not stated"
                    )
                elif np.isnan(hand.own[..., k]).all():
                    out[patron][label] = "what carrying it out would cost it is not stated"
                elif np.isnan(guard.H).all():
                    out[patron][label] = "what the client's collapse would cost it is not stated"
        return out
