"""Distributions of real numbers by a location and a scale, a rate, or bounds."""

import math
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.construct import tensor
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import Distribution, broadcast_all, filled, standard_normal
from tensorcli.engine.distributions.family import ExponentialFamily
from tensorcli.engine.queries import finfo


class _Located(Distribution):
    """What distributions of a location, which is their mode, and a scale have in common."""

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    loc: Any
    scale: Any

    @property
    def mode(self) -> Any:
        return self.loc


class Normal(_Located, ExponentialFamily):
    """The normal distribution of a mean and a standard deviation."""

    __module__ = "torch.distributions.normal"

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def stddev(self) -> Any:
        return self.scale

    @property
    def variance(self) -> Any:
        return self.scale.pow(2)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return functions.normal(self.loc.detach().expand(shape), self.scale.detach().expand(shape))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.loc + standard_normal(self._extended_shape(sample_shape), self.loc) * self.scale

    def _log_prob(self, value: Any) -> Any:
        variance = self.scale**2
        return (
            -((value - self.loc) ** 2) / (2 * variance) - self.scale.log() - math.log(math.sqrt(2 * math.pi))
        )

    def _cdf(self, value: Any) -> Any:
        return 0.5 * (1 + functions.erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def icdf(self, value: Any) -> Any:
        return self.loc + self.scale * functions.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Any:
        return 0.5 + 0.5 * math.log(2 * math.pi) + functions.log(self.scale)


class Uniform(Distribution):
    """All values from `low` to `high` alike."""

    __module__ = "torch.distributions.uniform"
    has_rsample = True
    low: Any
    high: Any

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, low=low, high=high)

    @property
    def arg_constraints(self) -> Any:
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Any:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Any:
        return math.nan * self.high

    @property
    def stddev(self) -> Any:
        return (self.high - self.low) / 12**0.5

    @property
    def variance(self) -> Any:
        return (self.high - self.low).pow(2) / 12

    def rsample(self, sample_shape: Any = ()) -> Any:
        drawn = functions.rand(
            self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device
        )
        return self.low + drawn * (self.high - self.low)

    def _log_prob(self, value: Any) -> Any:
        above = self.low.le(value).type_as(self.low)
        below = self.high.gt(value).type_as(self.low)
        return functions.log(above.mul(below)) - functions.log(self.high - self.low)

    def _cdf(self, value: Any) -> Any:
        return ((value - self.low) / (self.high - self.low)).clamp(min=0, max=1)

    def icdf(self, value: Any) -> Any:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Any:
        return functions.log(self.high - self.low)


class Exponential(ExponentialFamily):
    """The time until an event of a constant rate."""

    __module__ = "torch.distributions.exponential"
    arg_constraints: ClassVar[Any] = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    rate: Any

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        return self.rate.reciprocal()

    @property
    def mode(self) -> Any:
        return functions.zeros_like(self.rate)

    @property
    def stddev(self) -> Any:
        return self.rate.reciprocal()

    @property
    def variance(self) -> Any:
        return self.rate.pow(-2)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.rate.new(self._extended_shape(sample_shape)).exponential_() / self.rate

    def _log_prob(self, value: Any) -> Any:
        return self.rate.log() - self.rate * value

    def _cdf(self, value: Any) -> Any:
        return 1 - functions.exp(-self.rate * value)

    def icdf(self, value: Any) -> Any:
        return -functions.log1p(-value) / self.rate

    def entropy(self) -> Any:
        return 1.0 - functions.log(self.rate)


class Laplace(_Located):
    """Two exponential distributions, back to back."""

    __module__ = "torch.distributions.laplace"

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Any:
        return 2**0.5 * self.scale

    def rsample(self, sample_shape: Any = ()) -> Any:
        drawn = self.loc.new(self._extended_shape(sample_shape)).uniform_(finfo(self.loc.dtype).eps - 1, 1)
        return self.loc - self.scale * drawn.sign() * functions.log1p(-drawn.abs())

    def _log_prob(self, value: Any) -> Any:
        return -functions.log(2 * self.scale) - functions.abs(value - self.loc) / self.scale

    def _cdf(self, value: Any) -> Any:
        off = value - self.loc
        return 0.5 - 0.5 * off.sign() * functions.expm1(-(value - self.loc).abs() / self.scale)

    def icdf(self, value: Any) -> Any:
        off = value - 0.5
        return self.loc - self.scale * off.sign() * functions.log1p(-2 * off.abs())

    def entropy(self) -> Any:
        return 1 + functions.log(2 * self.scale)


class Cauchy(_Located):
    """The ratio of two normal variables, which has no mean."""

    __module__ = "torch.distributions.cauchy"

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        return filled(self, math.nan, self.loc)

    @property
    def variance(self) -> Any:
        return filled(self, math.inf, self.loc)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.loc + self.loc.new(self._extended_shape(sample_shape)).cauchy_() * self.scale

    def _log_prob(self, value: Any) -> Any:
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def _cdf(self, value: Any) -> Any:
        return functions.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value: Any) -> Any:
        return functions.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Any:
        return math.log(4 * math.pi) + self.scale.log()


class StudentT(_Located):
    """The mean of `df + 1` normal variables over their estimated deviation."""

    __module__ = "torch.distributions.studentT"
    arg_constraints: ClassVar[Any] = {"df": constraints.positive, **_Located.arg_constraints}
    df: Any

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        from tensorcli.engine.distributions.gamma import Chi2

        self._chi2 = Chi2(broadcast_all(df, loc, scale)[0])
        self._take(validate_args, df=df, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        found = self.loc.clone()
        found[self.df <= 1] = math.nan
        return found

    @property
    def variance(self) -> Any:
        found, finite = self.df.clone(), self.df > 2
        found[finite] = self.scale[finite].pow(2) * self.df[finite] / (self.df[finite] - 2)
        found[(self.df <= 2) & (self.df > 1)] = math.inf
        found[self.df <= 1] = math.nan
        return found

    def rsample(self, sample_shape: Any = ()) -> Any:
        normal = standard_normal(self._extended_shape(sample_shape), self.df)
        spread = functions.rsqrt(self._chi2.rsample(sample_shape) / self.df)
        return self.loc + self.scale * (normal * spread)

    def _log_prob(self, value: Any) -> Any:
        off = (value - self.loc) / self.scale
        whole = (
            self.scale.log() + 0.5 * self.df.log() + 0.5 * math.log(math.pi)
            + functions.lgamma(0.5 * self.df) - functions.lgamma(0.5 * (self.df + 1.0))
        )  # fmt: skip
        return -0.5 * (self.df + 1.0) * functions.log1p(off**2.0 / self.df) - whole

    def entropy(self) -> Any:
        half, more = 0.5 * self.df, 0.5 * (self.df + 1)
        beta = functions.lgamma(half) + math.lgamma(0.5) - functions.lgamma(more)
        spread = 0.5 * (self.df + 1) * (functions.digamma(more) - functions.digamma(half))
        return self.scale.log() + spread + 0.5 * self.df.log() + beta


class GeneralizedPareto(Distribution):
    """What lies above a threshold (`loc`): a heavy tail for a concentration above 0, an end below it."""

    __module__ = "torch.distributions.generalized_pareto"
    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    loc: Any
    scale: Any
    concentration: Any

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, loc=loc, scale=scale, concentration=concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From the threshold to the end."""
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, functions.where(self.concentration < 0, end, math.inf))

    def _shapes(self, zero: Any) -> tuple[Any, Any]:
        """Where the concentration is about 0; and the concentrations, 1 there."""
        none = functions.isclose(self.concentration, zero)
        return none, functions.where(none, functions.ones_like(self.concentration), self.concentration)

    def _off(self, value: Any) -> Any:
        return (value - self.loc) / self.scale

    @property
    def mean(self) -> Any:
        has = self.concentration < 1
        found = self.loc + self.scale / (1 - functions.where(has, self.concentration, 0.5))
        return functions.where(has, found, math.nan)

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        has = self.concentration < 0.5
        shape = functions.where(has, self.concentration, 0.25)
        return functions.where(has, self.scale**2 / ((1 - shape) ** 2 * (1 - 2 * shape)), math.nan)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return self.icdf(functions.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def _log_prob(self, value: Any) -> Any:
        off = self._off(value)
        none, shape = self._shapes(tensor(0.0))
        power = 1 / shape + functions.ones_like(off)
        found = functions.where(power == 0, power, power * functions.log1p(shape * off))
        return -self.scale.log() - functions.where(none, off, found)

    def log_survival_function(self, value: Any) -> Any:
        """The logarithm of the probability of a larger value."""
        if self._validate_args:
            self._validate_sample(value)
        off = self._off(value)
        none, shape = self._shapes(tensor(0.0))
        return functions.where(none, -off, -functions.log1p(shape * off) / shape)

    def log_cdf(self, value: Any) -> Any:
        """The logarithm of the probability of a value not above this one."""
        return functions.log1p(-functions.exp(self.log_survival_function(value)))

    def cdf(self, value: Any) -> Any:
        return functions.exp(self.log_cdf(value))

    def icdf(self, value: Any) -> Any:
        none, shape = self._shapes(functions.zeros_like(self.concentration))
        rest = functions.log1p(-value)
        found = self.loc + self.scale / shape * functions.expm1(-shape * rest)
        return functions.where(none, self.loc - self.scale * rest, found)

    def entropy(self) -> Any:
        found = functions.log(self.scale) + self.concentration + 1
        return functions.broadcast_to(found, self._batch_shape)
