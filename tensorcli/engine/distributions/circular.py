"""The von Mises distribution of angles, whose draws come by rejection from a wrapped Cauchy distribution (Best and Fisher)."""

import math
from typing import Any, ClassVar

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import Distribution, lazy

_BESSEL_BELOW = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.360768e-1, 0.45813e-2),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.2658733e-1, 0.301532e-2, 0.32411e-3),
)
_BESSEL_ABOVE = (
    (
        0.39894228, 0.1328592e-1, 0.225319e-2, -0.157565e-2, 0.916281e-2, -0.2057706e-1, 0.2635537e-1, -0.1647633e-1,
        0.392377e-2,
    ),
    (
        0.39894228, -0.3988024e-1, -0.362018e-2, 0.163801e-2, -0.1031555e-1, 0.2282967e-1, -0.2895312e-1, 0.1787654e-1,
        -0.420059e-2,
    ),
)  # fmt: skip
"""Polynomials of Abramowitz and Stegun, 9.8.1 to 9.8.4, for orders 0 and 1."""
_BORDER = 3.75


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    found: Any = coefficients[-1]
    for each in reversed(coefficients[:-1]):
        found = each + x * found
    return found


def _log_bessel(x: Any, order: int) -> Any:
    """The logarithm of the modified Bessel function of the first kind, of order 0 or 1, for x > 0."""
    below = x / _BORDER
    small = _polynomial(below * below, _BESSEL_BELOW[order])
    if order == 1:
        small = x.abs() * small
    large = x - 0.5 * x.log() + _polynomial(_BORDER / x, _BESSEL_ABOVE[order]).log()
    return functions.where(x < _BORDER, small.log(), large)


class VonMises(Distribution):
    """The normal distribution's likeness on the circle: angles from -pi to pi."""

    __module__ = "torch.distributions.von_mises"
    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    loc: Any
    concentration: Any

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, loc=loc, concentration=concentration)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy
    def variance(self) -> Any:
        """The variance on the circle."""
        return 1 - (_log_bessel(self.concentration, 1) - _log_bessel(self.concentration, 0)).exp()

    @lazy
    def _spread(self) -> Any:
        """The proposal's parameter, from the concentration in double precision."""
        kappa = self.concentration.to(dtypes.float64)
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        # Below this the difference of roots has no digits left.
        return functions.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            loc, kappa = self.loc.to(dtypes.float64), self.concentration.to(dtypes.float64)
            return self._angles(shape, loc, kappa).to(self.loc.dtype)

    def _angles(self, shape: Any, loc: Any, kappa: Any) -> Any:
        found = functions.empty(shape, dtype=loc.dtype, device=loc.device)
        done = functions.zeros(shape, dtype=dtypes.bool_, device=loc.device)
        spread = self._spread
        while not done.all():
            one, two, three = functions.rand((3, *shape), dtype=loc.dtype, device=loc.device).unbind()
            turned = functions.cos(math.pi * one)
            cosine = (1 + spread * turned) / (spread + turned)
            off = kappa * (spread - cosine)
            taken = (off * (2 - off) - two > 0) | ((off / two).log() + 1 - off >= 0)
            if taken.any():
                found = functions.where(taken, (three - 0.5).sign() * cosine.acos(), found)
                done = done | taken
        return (found + math.pi + loc) % (2 * math.pi) - math.pi

    def _log_prob(self, value: Any) -> Any:
        height = self.concentration * functions.cos(value - self.loc)
        return height - math.log(2 * math.pi) - _log_bessel(self.concentration, 0)
