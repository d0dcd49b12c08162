"""Distributions of counts, and of yes and no."""

import math
from numbers import Number
from typing import Any, ClassVar

from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import (
    Distribution,
    broadcast_all,
    lazy,
    logits_of,
    one_of,
    probs_of,
)
from tensorcli.engine.distributions.family import ExponentialFamily
from tensorcli.engine.nn import functional
from tensorcli.engine.queries import finfo
from tensorcli.engine.tensor import Size


class Chance(Distribution):
    """A distribution of one chance, given as `probs` or as log-odds `logits`; the other is computed when asked for."""

    def _take_chance(self, probs: Any, logits: Any, validate_args: bool | None, **counts: Any) -> None:
        self._given = one_of(probs, logits)
        chance = logits if probs is None else probs
        found = broadcast_all(*counts.values(), chance)
        for name, count in zip(counts, found[:-1], strict=True):
            setattr(self, name, count.type_as(found[-1]))
        setattr(self, self._given, found[-1])
        alone = isinstance(chance, Number) and not counts
        Distribution.__init__(self, Size() if alone else found[-1].shape, validate_args=validate_args)

    @property
    def _param(self) -> Any:
        return getattr(self, self._given)

    @lazy
    def logits(self) -> Any:
        """The log-odds."""
        return logits_of(self.probs, binary=True)

    @lazy
    def probs(self) -> Any:
        """The probabilities."""
        return probs_of(self.logits, binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of the chances."""
        return self._param.size()


class Bernoulli(Chance, ExponentialFamily):
    """1 with a chance, else 0."""

    __module__ = "torch.distributions.bernoulli"
    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take_chance(probs, logits, validate_args)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        found = (self.probs >= 0.5).to(self.probs)
        found[self.probs == 0.5] = math.nan
        return found

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return functions.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def _log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, value)
        return -functional.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Any:
        return functional.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Any:
        values = functions.arange(2, dtype=self._param.dtype, device=self._param.device)
        return self._enumerated(values, expand)


class Binomial(Chance):
    """The number of successes in a number of trials."""

    __module__ = "torch.distributions.binomial"
    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    total_count: Any

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._take_chance(probs, logits, validate_args, total_count=total_count)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return functions.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def _log_prob(self, value: Any) -> Any:
        count, logits = self.total_count, self.logits
        whole = functions.lgamma(count + 1)
        hits = functions.lgamma(value + 1)
        misses = functions.lgamma(count - value + 1)
        # The positive part, with a gradient of a half at 0.
        positive = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2
        norm = count * positive + count * functions.log1p(functions.exp(-functions.abs(logits))) - whole
        return value * logits - hits - misses - norm

    def _count(self, asked: str) -> int:
        count = int(self.total_count.max())
        if self.total_count.min() != count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{asked}`.")
        return count

    def entropy(self) -> Any:
        self._count("entropy")
        found = self._log_prob(self.enumerate_support(False))
        return -(functions.exp(found) * found).sum(0)

    def enumerate_support(self, expand: bool = True) -> Any:
        count = self._count("enumerate_support")
        values = functions.arange(1 + count, dtype=self._param.dtype, device=self._param.device)
        return self._enumerated(values, expand)


class Geometric(Chance):
    """How often a chance failed before it came true."""

    __module__ = "torch.distributions.geometric"
    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take_chance(probs, logits, validate_args)
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            bad = self.probs.data[~(self.probs > 0)]
            raise ValueError(
                f"Expected parameter probs ({type(self.probs).__name__} of shape {tuple(self.probs.shape)}) of distribution "
                f"{self!r} to be positive but found invalid values:\n{bad}"
            )

    @property
    def mean(self) -> Any:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Any:
        return functions.zeros_like(self.probs)

    @property
    def variance(self) -> Any:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            drawn = self.probs.new(self._extended_shape(sample_shape)).uniform_(
                finfo(self.probs.dtype).tiny, 1
            )
            return (drawn.log() / (-self.probs).log1p()).floor()

    def _log_prob(self, value: Any) -> Any:
        value, probs = broadcast_all(value, self.probs)
        probs = probs.clone()
        probs[(probs == 1) & (value == 0)] = 0
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self) -> Any:
        return (
            functional.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
            / self.probs
        )


class NegativeBinomial(Chance):
    """The number of successes before a number of failures."""

    __module__ = "torch.distributions.negative_binomial"
    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    total_count: Any

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._take_chance(probs, logits, validate_args, total_count=total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * functions.exp(self.logits)

    @property
    def mode(self) -> Any:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Any:
        return self.mean / functions.sigmoid(-self.logits)

    @lazy
    def _gamma(self) -> Any:
        from tensorcli.engine.distributions.gamma import Gamma

        return Gamma(self.total_count, functions.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return functions.poisson(self._gamma.sample(sample_shape))

    def _log_prob(self, value: Any) -> Any:
        count = self.total_count
        plain = count * functional.logsigmoid(-self.logits) + value * functional.logsigmoid(self.logits)
        norm = -functions.lgamma(count + value) + functions.lgamma(1.0 + value) + functions.lgamma(count)
        return plain - norm.masked_fill(count + value == 0.0, 0.0)


class Poisson(ExponentialFamily):
    """How many events of a constant rate there are in a unit of time."""

    __module__ = "torch.distributions.poisson"
    arg_constraints: ClassVar[Any] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    rate: Any

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        return self.rate

    @property
    def mode(self) -> Any:
        return self.rate.floor()

    @property
    def variance(self) -> Any:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return functions.poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def _log_prob(self, value: Any) -> Any:
        rate, value = broadcast_all(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()
