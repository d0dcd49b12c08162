"""Distributions that are transforms of others."""

import math
from numbers import Number
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.construct import as_tensor
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.combined import TransformedDistribution
from tensorcli.engine.distributions.continuous import Cauchy, Exponential, Normal, Uniform
from tensorcli.engine.distributions.distribution import EULER, broadcast_all, filled
from tensorcli.engine.distributions.gamma import Gamma
from tensorcli.engine.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    ExpTransform,
    PowerTransform,
    StickBreakingTransform,
)
from tensorcli.engine.queries import finfo


class LogNormal(TransformedDistribution):
    """e to the power of a normal variable."""

    __module__ = "torch.distributions.log_normal"
    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Any:
        """The mean of the logarithm."""
        return self.base_dist.loc  # type: ignore[attr-defined]

    @property
    def scale(self) -> Any:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale  # type: ignore[attr-defined]

    @property
    def mean(self) -> Any:
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Any:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Any:
        square = self.scale.pow(2)
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Any:
        return self.base_dist.entropy() + self.loc


class _Half(TransformedDistribution):
    """The absolute value of a variable that lies evenly around 0."""

    arg_constraints: ClassVar[Any] = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    @property
    def scale(self) -> Any:
        """The scale of the whole distribution."""
        return self.base_dist.scale  # type: ignore[attr-defined]

    @property
    def mode(self) -> Any:
        return functions.zeros_like(self.scale)

    def _log_prob(self, value: Any) -> Any:
        found = self.base_dist.log_prob(value) + math.log(2)
        return functions.where(value >= 0, found, -math.inf)

    def cdf(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob: Any) -> Any:
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self) -> Any:
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Half):
    """The absolute value of a normal variable around 0."""

    __module__ = "torch.distributions.half_normal"

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Any:
        return self.scale.pow(2) * (1 - 2 / math.pi)


class HalfCauchy(_Half):
    """The absolute value of a Cauchy variable around 0."""

    __module__ = "torch.distributions.half_cauchy"

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return filled(self, math.inf, self.scale)

    @property
    def variance(self) -> Any:
        return self.base_dist.variance

    def _log_prob(self, value: Any) -> Any:
        return super()._log_prob(as_tensor(value, dtype=self.scale.dtype, device=self.scale.device))


class Gumbel(TransformedDistribution):
    """The largest of many exponential variables."""

    __module__ = "torch.distributions.gumbel"
    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    loc: Any
    scale: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = finfo(self.loc.dtype)
        low: Any = limits.tiny
        high: Any = 1 - limits.eps
        if not (isinstance(loc, Number) and isinstance(scale, Number)):
            low, high = (functions.full_like(self.loc, end) for end in (low, high))
        transforms = [
            ExpTransform().inv,
            AffineTransform(loc=0, scale=-functions.ones_like(self.scale)),
            ExpTransform().inv,
            AffineTransform(loc=loc, scale=-self.scale),
        ]
        super().__init__(
            Uniform(low, high, validate_args=validate_args), transforms, validate_args=validate_args
        )

    def _log_prob(self, value: Any) -> Any:
        off = (self.loc - value) / self.scale
        return off - off.exp() - self.scale.log()

    @property
    def mean(self) -> Any:
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def stddev(self) -> Any:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Any:
        return self.stddev.pow(2)

    def entropy(self) -> Any:
        return self.scale.log() + (1 + EULER)


class Pareto(TransformedDistribution):
    """e to the power of an exponential variable, times a scale."""

    __module__ = "torch.distributions.pareto"
    arg_constraints: ClassVar[Any] = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        transforms = [ExpTransform(), AffineTransform(loc=0, scale=self.scale)]
        base = Exponential(self.alpha, validate_args=validate_args)
        super().__init__(base, transforms, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Any:
        alpha = self.alpha.clamp(min=1)
        return alpha * self.scale / (alpha - 1)

    @property
    def mode(self) -> Any:
        return self.scale

    @property
    def variance(self) -> Any:
        alpha = self.alpha.clamp(min=2)
        return self.scale.pow(2) * alpha / ((alpha - 1).pow(2) * (alpha - 2))

    def entropy(self) -> Any:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class Weibull(TransformedDistribution):
    """A power of an exponential variable, times a scale."""

    __module__ = "torch.distributions.weibull"
    arg_constraints: ClassVar[Any] = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        transforms = [PowerTransform(self.concentration_reciprocal), AffineTransform(loc=0, scale=self.scale)]
        base = Exponential(functions.ones_like(self.scale), validate_args=validate_args)
        super().__init__(base, transforms, validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.scale * functions.exp(functions.lgamma(1 + self.concentration_reciprocal))

    @property
    def mode(self) -> Any:
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration.reciprocal()

    @property
    def variance(self) -> Any:
        one = functions.exp(functions.lgamma(1 + 2 * self.concentration_reciprocal))
        two = functions.exp(2 * functions.lgamma(1 + self.concentration_reciprocal))
        return self.scale.pow(2) * (one - two)

    def entropy(self) -> Any:
        power = self.concentration_reciprocal
        return EULER * (1 - power) + functions.log(self.scale * power) + 1


class InverseGamma(TransformedDistribution):
    """The reciprocal of a gamma variable."""

    __module__ = "torch.distributions.inverse_gamma"
    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args=validate_args)

    @property
    def concentration(self) -> Any:
        """How many events the gamma variable waits for."""
        return self.base_dist.concentration  # type: ignore[attr-defined]

    @property
    def rate(self) -> Any:
        """The rate of the gamma variable's events."""
        return self.base_dist.rate  # type: ignore[attr-defined]

    @property
    def mean(self) -> Any:
        found = self.rate / (self.concentration - 1)
        return functions.where(self.concentration > 1, found, math.inf)

    @property
    def mode(self) -> Any:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Any:
        found = self.rate.square() / ((self.concentration - 1).square() * (self.concentration - 2))
        return functions.where(self.concentration > 2, found, math.inf)

    def entropy(self) -> Any:
        found = self.concentration + self.rate.log() + self.concentration.lgamma()
        return found - (1 + self.concentration) * self.concentration.digamma()


class Kumaraswamy(TransformedDistribution):
    """A likeness of the beta distribution, by powers of a uniform variable."""

    __module__ = "torch.distributions.kumaraswamy"
    arg_constraints: ClassVar[Any] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        low, high = (functions.full_like(self.concentration0, end) for end in (0, 1))
        transforms = [
            PowerTransform(self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(self.concentration1.reciprocal()),
        ]
        super().__init__(
            Uniform(low, high, validate_args=validate_args), transforms, validate_args=validate_args
        )

    def _moment(self, power: int) -> Any:
        one, zero = 1 + power / self.concentration1, self.concentration0
        return zero * functions.exp(
            functions.lgamma(one) + functions.lgamma(zero) - functions.lgamma(one + zero)
        )

    @property
    def mean(self) -> Any:
        return self._moment(1)

    @property
    def mode(self) -> Any:
        one, zero = self.concentration1, self.concentration0
        # As PyTorch has it: the logarithms are of negative numbers, so that no mode is found.
        found = zero.reciprocal() * (-zero).log1p() - (-zero * one).log1p()
        found[(zero < 1) | (one < 1)] = math.nan
        return found.exp()

    @property
    def variance(self) -> Any:
        return self._moment(2) - functions.pow(self.mean, 2)

    def entropy(self) -> Any:
        one, zero = 1 - self.concentration1.reciprocal(), 1 - self.concentration0.reciprocal()
        spread = functions.digamma(self.concentration0 + 1) + EULER
        found = zero + one * spread - functions.log(self.concentration1)
        return found - functions.log(self.concentration0)


class LogisticNormal(TransformedDistribution):
    """Shares of a whole, from normal variables by breaking sticks: one more share than variables."""

    __module__ = "torch.distributions.logistic_normal"
    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Any:
        """The means of the normal variables."""
        return self.base_dist.base_dist.loc  # type: ignore[attr-defined]

    @property
    def scale(self) -> Any:
        """The standard deviations of the normal variables."""
        return self.base_dist.base_dist.scale  # type: ignore[attr-defined]
