"""The continuous Bernoulli distribution: an exponential curve between 0 and 1."""

import math
from numbers import Number
from typing import Any, ClassVar

from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.discrete import Chance
from tensorcli.engine.distributions.distribution import (
    Distribution,
    broadcast_all,
    clamp_probs,
    lazy,
    one_of,
    probs_of,
)
from tensorcli.engine.distributions.family import ExponentialFamily
from tensorcli.engine.nn import functional
from tensorcli.engine.tensor import Size


class ContinuousBernoulli(Chance, ExponentialFamily):
    """Values from 0 to 1 whose density is a chance to the power of the value; near 1/2 (`lims`) series stand in."""

    __module__ = "torch.distributions.continuous_bernoulli"
    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        self._given = one_of(probs, logits)
        chance = logits if probs is None else probs
        (found,) = broadcast_all(chance)
        if probs is not None:
            if validate_args is not None and not constraints.unit_interval.check(found).all():
                raise ValueError("The parameter probs has invalid values")
            found = clamp_probs(found)
        setattr(self, self._given, found)
        self._lims = lims
        shape = Size() if isinstance(chance, Number) else found.shape
        Distribution.__init__(self, shape, validate_args=validate_args)

    @lazy
    def probs(self) -> Any:
        """The chances, kept off 0 and 1."""
        return clamp_probs(probs_of(self.logits, binary=True))

    def _far(self) -> Any:
        """Where the chance is far enough from 1/2 for the formulas."""
        return functions.max(functions.le(self.probs, self._lims[0]), functions.gt(self.probs, self._lims[1]))

    def _cut(self) -> Any:
        """The chances, those near 1/2 moved to where formulas hold."""
        return functions.where(self._far(), self.probs, self._lims[0] * functions.ones_like(self.probs))

    def _log_norm(self) -> Any:
        """The logarithm of what makes the density's integral 1."""
        cut = self._cut()
        low = functions.le(cut, 0.5)
        below = functions.where(low, cut, functions.zeros_like(cut))
        above = functions.where(functions.ge(cut, 0.5), cut, functions.ones_like(cut))
        width = functions.where(low, functions.log1p(-2.0 * below), functions.log(2.0 * above - 1.0))
        found = functions.log(functions.abs(functions.log1p(-cut) - functions.log(cut))) - width
        square = functions.pow(self.probs - 0.5, 2)
        near = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * square) * square
        return functions.where(self._far(), found, near)

    @property
    def mean(self) -> Any:
        cut = self._cut()
        found = cut / (2.0 * cut - 1.0) + 1.0 / (functions.log1p(-cut) - functions.log(cut))
        off = self.probs - 0.5
        near = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * functions.pow(off, 2)) * off
        return functions.where(self._far(), found, near)

    @property
    def variance(self) -> Any:
        cut = self._cut()
        first = cut * (cut - 1.0) / functions.pow(1.0 - 2.0 * cut, 2)
        found = first + 1.0 / functions.pow(functions.log1p(-cut) - functions.log(cut), 2)
        square = functions.pow(self.probs - 0.5, 2)
        near = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * square) * square
        return functions.where(self._far(), found, near)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return self.icdf(functions.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def _log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, value)
        cost = functional.binary_cross_entropy_with_logits(logits, value, reduction="none")
        return -cost + self._log_norm()

    def _cdf(self, value: Any) -> Any:
        cut = self._cut()
        power = functions.pow(cut, value) * functions.pow(1.0 - cut, 1.0 - value)
        found = functions.where(self._far(), (power + cut - 1.0) / (2.0 * cut - 1.0), value)
        one = functions.where(functions.ge(value, 1.0), functions.ones_like(value), found)
        return functions.where(functions.le(value, 0.0), functions.zeros_like(value), one)

    def icdf(self, value: Any) -> Any:
        cut = self._cut()
        rise = functions.log1p(-cut + value * (2.0 * cut - 1.0)) - functions.log1p(-cut)
        return functions.where(self._far(), rise / (functions.log(cut) - functions.log1p(-cut)), value)

    def entropy(self) -> Any:
        no, yes = functions.log1p(-self.probs), functions.log(self.probs)
        return self.mean * (no - yes) - self._log_norm() - no

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return (self.logits,)

    def _log_normalizer(self, x: Any) -> Any:
        low, high = (limit - 0.5 for limit in self._lims)
        far = functions.max(functions.le(x, low), functions.gt(x, high))
        cut = functions.where(far, x, low * functions.ones_like(x))
        found = functions.log(functions.abs(functions.expm1(cut))) - functions.log(functions.abs(cut))
        near = 0.5 * x + functions.pow(x, 2) / 24.0 - functions.pow(x, 4) / 2880.0
        return functions.where(far, found, near)
