"""Quantities: figures with their uncertainty and their home.

A quantity is written as a number or as a mapping of one *form* – ``value`` (with ``sd`` or without),
``range``, ``triangular``, ``poll`` with ``n``, ``beta``, ``lognormal`` or ``quantiles`` – together with
``source`` (where it was read) or ``assumed`` (why it was assumed), and ``unit``, ``query`` and ``note``. A
field's type says which values are possible; every distribution is cut to them.

An assumption given as a ``value`` without a spread gets a wide one, so that it cannot pass for certainty:

* a field above zero: lognormal, a 90 % interval from half to twice the value;
* a field above one: the same for the distance from one;
* a share, or a score from 0 to 100: a 90 % interval from half to twice the odds;
* what the collapse of a client costs a power: normal, as history leaves it (:class:`CostOfCollapse`);
* any other: normal, a 90 % interval from nothing to twice the value.

A value on the edge of what is possible, and a zero, give no scale for such a spread: they are taken as they
stand. ``sd: 0`` says that an assumption is meant exactly.
"""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from numpy.typing import ArrayLike
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    StrictInt,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from tertius.case.distributions import (
    Z90,
    Beta,
    Distribution,
    Exact,
    Floats,
    LogitNormal,
    LogNormal,
    Normal,
    Quantiles,
    Support,
    Triangular,
    Uniform,
    draw,
    standard_deviation,
)

__all__ = [
    "FORMS",
    "AboveOne",
    "Approval",
    "Capacity",
    "CostOfCollapse",
    "Days",
    "Degree",
    "Factor",
    "Flow",
    "Fraction",
    "LogPoints",
    "Money",
    "Multiple",
    "NonNegative",
    "People",
    "Points",
    "Positive",
    "Quantity",
    "Real",
    "Return",
    "Score",
    "Share",
    "SignedLogPoints",
    "Substitution",
    "TradeElasticity",
    "Weight",
    "Years",
    "written_out",
]

FORMS = ("value", "range", "triangular", "poll", "beta", "lognormal", "quantiles")
"""The forms of a quantity; each quantity has exactly one of them."""

DEFAULT_SD = math.log(2.0) / Z90
"""Standard deviation, in logs, of a 90 % interval from half to twice."""

SET = "set on the command line"
"""The reason of a figure that an override replaced by a number."""

HOWTO = "a number, or a mapping such as {range: [lo, hi], assumed: why} or {value: x, sd: s, source: key}"


def _infinity(value: object) -> object:
    """JSON has no infinity: a case's canonical JSON writes it as YAML does."""
    return math.inf if value == ".inf" else value


def _workable(value: float) -> float:
    """Refuse numbers whose squares or quotients no longer fit in double precision."""
    if math.isfinite(value) and value != 0.0 and not 1e-100 <= abs(value) <= 1e100:
        raise PydanticCustomError("size", "{value} is too near zero or too large", {"value": f"{value:g}"})
    return value


Number = Annotated[float, Field(strict=True, allow_inf_nan=False), AfterValidator(_workable)]
PositiveNumber = Annotated[float, Field(strict=True, gt=0, le=1e9)]
LogSpread = Annotated[float, Field(strict=True, gt=0, le=10), AfterValidator(_workable)]
BetaParameter = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0.001, le=1e9)]
Probability = Annotated[float, Field(ge=1e-9, le=1 - 1e-9)]


def _as_sources(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Ref:
    """Marks text that refers to something by its name, such as a power, a sector or a source."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(core)


SourceKeys = Annotated[
    tuple[Annotated[str, Ref("source")], ...],
    BeforeValidator(_as_sources, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]


class Quantity(BaseModel):
    """A figure: a number or a distribution, with its home.

    Attributes
    ----------
    support
        The values that are possible, by the quantity's type.
    units
        What ``unit`` may say; the first is what the field is in. Empty: anything.
    choice
        Whether the figure is chosen by whoever asks (the degree of a what-if) and needs no home.
    learnt
        Where data say it: the standard deviation, over the value, of an assumption without a spread.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    support: ClassVar[Support] = Support(-math.inf, math.inf, "any number")
    units: ClassVar[tuple[str, ...]] = ()
    choice: ClassVar[bool] = False
    learnt: ClassVar[float | None] = None

    value: Annotated[
        Annotated[float, Field(strict=True), AfterValidator(_workable)] | None,
        BeforeValidator(_infinity, json_schema_input_type=float | None),
    ] = Field(None, description="The value; the mean of a normal distribution if `sd` stands beside it.")
    sd: Annotated[Number, Field(ge=0)] | None = Field(
        None, description="Standard deviation of a normal distribution about `value`; 0: meant exactly."
    )
    range: tuple[Number, Number] | None = Field(None, description="Uniform: [lowest, highest].")
    triangular: tuple[Number, Number, Number] | None = Field(
        None, description="Triangular: [lowest, most likely, highest]."
    )
    poll: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        None, description="Share found by a poll of `n` people: Beta(n·p + ½, n·(1 − p) + ½)."
    )
    n: Annotated[StrictInt, Field(ge=1, le=10**9)] | None = Field(
        None, description="Sample size of a `poll`."
    )
    beta: tuple[BetaParameter, BetaParameter] | None = Field(
        None, description="Beta distribution: its two parameters."
    )
    lognormal: tuple[Annotated[Number, Field(gt=0)], LogSpread] | None = Field(
        None, description="Lognormal: [median, standard deviation of the logarithm]."
    )
    quantiles: dict[Probability, Number] | None = Field(
        None, description="Quantiles, {probability: value}, at least two, rising."
    )
    unit: str | None = Field(None, description="Unit, checked against the unit of the field.")
    source: SourceKeys | None = Field(None, description="Key, or keys, in `sources`: where it was read.")
    assumed: str | None = Field(None, min_length=1, description="Why this was assumed, if it was.")
    query: str | None = Field(None, description="The query or the table that gave the figure.")
    note: str | None = Field(None, description="Anything a reader should know.")

    _distribution: Distribution = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: object) -> object:
        if isinstance(data, bool) or not isinstance(data, int | float | dict | Quantity):
            raise PydanticCustomError("quantity", "expected {howto}", {"howto": HOWTO})
        if isinstance(data, int | float):
            return {"value": data}
        return data

    @model_validator(mode="after")
    def _sound(self) -> Quantity:
        forms = [form for form in FORMS if getattr(self, form) is not None]
        if not forms:
            raise PydanticCustomError(
                "quantity_form", "a quantity needs one of {forms}", {"forms": ", ".join(FORMS)}
            )
        if len(forms) > 1:
            raise _wrong(
                forms[1], f"a quantity is written in one form, and this one has {' and '.join(forms)}"
            )
        if self.sd is not None and self.value is None:
            raise _wrong("sd", "`sd` goes with `value`")
        if (self.n is None) != (self.poll is None):
            raise _wrong("poll" if self.n is None else "n", "`poll` and `n`, its sample size, go together")
        if self.source is not None and self.assumed is not None:
            raise _wrong("assumed", "a figure has a `source` or is `assumed`, not both")
        if self.unit is not None and self.units and self.unit not in self.units:
            raise _wrong("unit", f"the unit here is {self.units[0]}, not {self.unit}: convert the figure")
        object.__setattr__(self, "_distribution", self._build())
        return self

    def _build(self) -> Distribution:
        s = self.support
        if self.value is not None:
            return self._build_value(self.value)
        if self.range is not None:
            low, high = self.range
            if not low < high:
                raise _wrong("range", f"a range rises: [lowest, highest], but {low:g} is not below {high:g}")
            self._inside("range", low, high)
            return Uniform(low, high)
        if self.triangular is not None:
            low, mode, high = self.triangular
            if not (low <= mode <= high and low < high):
                raise _wrong("triangular", "it rises: [lowest, most likely, highest]")
            self._inside("triangular", low, mode, high)
            return Triangular(low, mode, high)
        if self.poll is not None and self.n is not None:
            self._like_a_share("poll")
            return Beta(self.poll * self.n + 0.5, (1.0 - self.poll) * self.n + 0.5)
        if self.beta is not None:
            self._like_a_share("beta")
            return Beta(*self.beta)
        if self.lognormal is not None:
            if not s.holds(self.lognormal[0]):
                raise _wrong("lognormal", f"expected {s.words}, but the median is {self.lognormal[0]:g}")
            return LogNormal(*self.lognormal)
        assert self.quantiles is not None
        probabilities = tuple(sorted(self.quantiles))
        values = tuple(self.quantiles[p] for p in probabilities)
        if len(values) < 2:
            raise _wrong("quantiles", "at least two quantiles are needed")
        if any(b <= a for a, b in pairwise(values)):
            raise _wrong("quantiles", "the values must rise with the probabilities")
        self._inside("quantiles", *values)
        return Quantiles(probabilities, values)

    def _build_value(self, value: float) -> Distribution:
        s = self.support
        if not s.holds(value):
            raise _wrong("value", f"expected {s.words}, not {written_out(value)}")
        if self.sd is not None and self.sd > 0:
            if math.isinf(value):
                raise _wrong("sd", "an infinite value has no standard deviation")
            return Normal(value, self.sd)
        if self.assumed is None or self.sd == 0 or self.choice or math.isinf(value):
            return Exact(value)
        if value in (0.0, s.lower, s.upper):
            return Exact(value)
        if self.learnt is not None:
            return Normal(value, self.learnt * value)
        if math.isfinite(s.lower) and math.isfinite(s.upper):
            return LogitNormal(value, DEFAULT_SD, s.upper)
        if math.isfinite(s.lower):
            return LogNormal(value, DEFAULT_SD, s.lower)
        return Normal(value, abs(value) / Z90)

    def _inside(self, form: str, *ends: float) -> None:
        for x in ends:
            if not self.support.bounds(x):
                raise _wrong(form, f"expected {self.support.words}, not {written_out(x)}")

    def _like_a_share(self, form: str) -> None:
        if self.support.lower > 0.0 or self.support.upper < 1.0:
            raise _wrong(
                form, f"`{form}` gives a share between 0 and 1, but here {self.support.words} is meant"
            )

    @model_serializer(mode="plain")
    def _dump(self) -> dict[str, Any]:
        dumped: dict[str, Any] = {}
        for name in type(self).model_fields:
            field = getattr(self, name)
            if field is None:
                continue
            if isinstance(field, float) and math.isinf(field):
                field = ".inf"
            elif isinstance(field, tuple):
                field = list(field)
            elif isinstance(field, dict):
                field = {str(p): field[p] for p in sorted(field)}
            dumped[name] = field
        return dumped

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        body: dict[str, Any] = {key: schema[key] for key in ("type", "properties", "additionalProperties")}
        body["oneOf"] = [{"required": [form]} for form in FORMS]
        body["not"] = {"required": ["source", "assumed"]}
        body["dependentRequired"] = {"sd": ["value"], "poll": ["n"], "n": ["poll"]}
        number: dict[str, Any] = {"type": "number"}
        s = cls.support
        if math.isfinite(s.lower):
            number["exclusiveMinimum" if s.lower_open else "minimum"] = s.lower
        if math.isfinite(s.upper):
            number["exclusiveMaximum" if s.upper_open else "maximum"] = s.upper
        unit = f", in {cls.units[0]}" if cls.units else ""
        schema.clear()
        schema.update(title=cls.__name__, description=f"{s.words}{unit}: {HOWTO}", anyOf=[number, body])
        return schema

    @property
    def distribution(self) -> Distribution:
        """The base distribution, before it is cut to the support."""
        return self._distribution

    @property
    def is_exact(self) -> bool:
        """Whether the quantity has no spread."""
        return isinstance(self._distribution, Exact)

    @property
    def has_default_spread(self) -> bool:
        """Whether the spread is the wide one that an assumed ``value`` gets when none is stated."""
        return self.value is not None and not self.sd and not self.is_exact

    @property
    def measure(self) -> str:
        """Unit: the stated one, or the field's; blank where neither is known."""
        return self.unit or (self.units[0] if self.units else "")

    @property
    def median(self) -> float:
        """Median of the distribution as drawn."""
        return float(self.ppf(0.5))

    @property
    def central(self) -> float:
        """The central value as stated: the value, the most likely one, or the median."""
        if self.value is not None:
            return self.value
        return self.triangular[1] if self.triangular is not None else self.median

    @property
    def spread(self) -> float:
        """Standard deviation of the distribution as drawn; 0 for an exact one."""
        return standard_deviation(self._distribution, self.support)

    def ppf(self, u: ArrayLike, widen: float = 1.0) -> Floats:
        """Values at probabilities ``u``.

        Parameters
        ----------
        u
            Probabilities in [0, 1], of any shape.
        widen
            Factor on the spread about the median, above zero.

        Returns
        -------
        numpy.ndarray
            float64 of the shape of ``u``, rising with ``u``, in the support, in the field's unit.

        Raises
        ------
        ValueError
            If a probability lies outside [0, 1] or ``widen`` is not above zero.
        """
        return draw(self._distribution, self.support, u, widen)

    def interval(self, coverage: float = 0.9) -> tuple[float, float]:
        """Return the central interval that holds ``coverage`` of the distribution."""
        low, high = self.ppf([0.5 - coverage / 2, 0.5 + coverage / 2])
        return float(low), float(high)

    def describe(self) -> str:
        """Return the distribution in words, for a reader."""
        if self.value is not None:
            if self.is_exact:
                return f"{written_out(self.value)} exactly"
            if self.has_default_spread:
                low, high = self.interval()
                return (
                    f"about {written_out(self.value)}, no spread stated: "
                    f"a wide one is taken, 90 % between {written_out(low, 3)} and {written_out(high, 3)}"
                )
            assert self.sd is not None
            return f"normal, {written_out(self.value)} with standard deviation {written_out(self.sd)}"
        if self.range is not None:
            return f"anywhere between {written_out(self.range[0])} and {written_out(self.range[1])}"
        if self.triangular is not None:
            low, mode, high = self.triangular
            return f"between {written_out(low)} and {written_out(high)}, most likely {written_out(mode)}"
        if self.poll is not None:
            return f"a poll of {self.n:,}: {written_out(self.poll, 4)}"
        if self.beta is not None:
            low, high = self.interval()
            a, b = map(written_out, self.beta)
            return f"beta ({a}, {b}), 90 % between {written_out(low, 3)} and {written_out(high, 3)}"
        if self.lognormal is not None:
            low, high = self.interval()
            median = written_out(self.lognormal[0])
            return f"lognormal about {median}, 90 % between {written_out(low, 3)} and {written_out(high, 3)}"
        assert self.quantiles is not None
        return "quantiles " + ", ".join(
            f"{100 * p:g} %: {written_out(self.quantiles[p])}" for p in sorted(self.quantiles)
        )


def _wrong(field: str, message: str) -> PydanticCustomError:
    """Return an error about one field of a quantity; ``field`` lets the report point at it."""
    return PydanticCustomError("quantity_field", "{message}", {"message": message, "field": field})


def written_out(x: float, digits: int = 6) -> str:
    """Write a number with so many significant digits, and without a power of ten where people would write none."""
    if math.isinf(x):
        return "infinite"
    short = f"{x:.{digits}g}"
    return format(Decimal(short), "f") if 1e-7 <= abs(x) < 1e12 else short


class Real(Quantity):
    """Any number."""


class NonNegative(Quantity):
    """Zero or more."""

    support = Support(0.0, math.inf, "zero or more")


class Positive(Quantity):
    """Above zero."""

    support = Support(0.0, math.inf, "a number above 0", lower_open=True)


class AboveOne(Quantity):
    """Above one."""

    support = Support(1.0, math.inf, "a number above 1", lower_open=True)
    units = ("elasticity", "1")


class Share(Quantity):
    """A share or a probability."""

    support = Support(0.0, 1.0, "a share between 0 and 1")
    units = ("share", "probability", "fraction", "1")


class Approval(Share):
    """The share of people who approve; shares of several powers may add up to more than one."""


class Degree(Share):
    """The degree of a what-if, chosen by whoever asks: 0 is nothing, 1 is all."""

    support = Support(0.0, 1.0, "a degree between 0 and 1")
    choice = True


class Score(Quantity):
    """A place on a scale from 0 to 100."""

    support = Support(0.0, 100.0, "a number from 0 to 100")


class Factor(Positive):
    """A factor on figures that are given elsewhere; 1 changes nothing."""

    units = ("factor", "ratio", "1")


class TradeElasticity(Positive):
    """Per cent of trade lost for each per cent of cost."""

    units = ("elasticity", "1")


class Substitution(Positive):
    """Per cent by which the ratio of two sectors' quantities moves for each per cent of the ratio of their prices."""

    units = ("elasticity", "1")


class Weight(Positive):
    """The rate at which one log change is traded against another."""

    units = ("log points per log point", "ratio", "1")


class Capacity(Quantity):
    """A supply elasticity: 0 cannot supply more, infinite supplies any amount at the same price."""

    units: ClassVar[tuple[str, ...]] = ("elasticity", "1")
    support = Support(0.0, math.inf, "zero or more, or .inf", infinite=True)


class Multiple(Capacity):
    """A multiple of a baseline quantity; infinite is no limit."""

    units = ("multiple of baseline", "multiple", "1")


class Fraction(NonNegative):
    """A quantity as a share of a baseline that it may exceed."""

    units = ("share of baseline", "share", "fraction", "1")


class Flow(NonNegative):
    """A flow of trade in the unit of the section."""


class LogPoints(NonNegative):
    """Log points: 100 × the natural log of a ratio of welfare."""

    units = ("log points",)


class CostOfCollapse(LogPoints):
    """Log points of a power for the collapse of its client.

    On the occasions of history a land border is worth 0.75 in log-odds of coming, with a standard deviation of 0.37
    (``validation/help_in_crisis.py``). The ratio holds whatever rationality and effect of help turn log-odds
    into log points.
    """

    learnt = 0.5


class SignedLogPoints(Real):
    """Log points of either sign."""

    units = ("log points",)


class Points(NonNegative):
    """Percentage points."""

    units = ("percentage points", "points")


class Return(Positive):
    """A return in percentage points a year."""

    units = ("percentage points a year", "percentage points", "points")


class Days(NonNegative):
    """A length of time in days."""

    units = ("days", "day")


class Years(Positive):
    """A length of time in years."""

    units = ("years", "year")


class People(NonNegative):
    """A number of people."""

    units = ("people", "troops", "soldiers", "persons")


class Money(NonNegative):
    """An amount of money in millions of US dollars."""

    units = ("million US$",)
