"""Gamma functions, their derivatives and zeta."""

import math
from functools import partial

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.dtypes import BOOL, INT_TO_FLOAT, PROMOTE, REDUCED
from tensorcli.engine.fused import fused
from tensorcli.engine.ops import _arithmetic, _registers
from tensorcli.engine.ops._cascade import total
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops.special import from_scipy
from tensorcli.engine.tensor import Tensor


@op(
    "lgamma(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * functions.digamma(self),
)
def lgamma(xp, self):
    """The logarithm of the size of the gamma function."""
    found = from_scipy(xp, "gammaln", self, refusal="lgamma_vml_cpu")
    if self.dtype == np.float64:  # of which scipy inverts the smallest numbers
        found = xp.where((xp.abs(self) < 1e-300) & (self != 0), -xp.log(xp.abs(self)), found)
    return xp.where(xp.isinf(self), xp.abs(self), found)


def _gammaln(xp, x):
    return xp.where(xp.isinf(x), xp.abs(x), behind(xp).special.gammaln(x))


@op(
    "digamma(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * functions.polygamma(1, self),
)
def digamma(xp, self):
    """The derivative of the logarithm of the gamma function."""
    refuse(self, "digamma", "c")
    kind = self.dtype.type
    below = self < 0
    turns = self.astype(np.float64)
    reflected = (math.pi / xp.tan(math.pi * (turns - xp.trunc(turns)))).astype(kind)
    result = _digamma_above(xp, xp.where(below, 1 - self, self))
    result = xp.where(below, result - reflected, result)
    result = xp.where(below & (self == xp.trunc(self)), kind(math.nan), result)
    return xp.where(self == 0, xp.copysign(kind(math.inf), -self), result)


_DIGAMMA = (
    8.33333333333333333333e-2, -2.10927960927960927961e-2, 7.57575757575757575758e-3, -4.16666666666666666667e-3,
    3.96825396825396825397e-3, -8.33333333333333333333e-3, 8.33333333333333333333e-2,
)  # fmt: skip
"""Bernoulli's numbers by their even indices, the last one first: the asymptotic series of digamma."""


def _digamma_above(xp, x):
    """digamma of numbers that are not negative: steps up to 10, then the asymptotic series (Cephes, psi.c), each step rounded."""
    kind, steps = x.dtype.type, xp.zeros_like(x)
    while (low := x < 10).any():
        steps, x = xp.where(low, steps - 1 / x, steps), xp.where(low, x + 1, x)
    square = 1 / (x * x)
    series = xp.full_like(x, kind(_DIGAMMA[0]))
    for coefficient in _DIGAMMA[1:]:
        series = series * square + kind(coefficient)
    series = xp.where(x < kind(1e17), series * square, kind(0))
    found = steps + _arithmetic.widely(xp.log, x) - kind(0.5) / x - series
    return xp.where(x == 10, steps + kind(2.25175258906672110764), found)


def _known_order(*values):
    n = next(v for v in values if not isinstance(v, Tensor))
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")


@op(
    "polygamma(int n, Tensor self) -> Tensor",
    stepwise=REDUCED,
    dtype=INT_TO_FLOAT,
    check=_known_order,
    self=lambda grad, n, self: grad * functions.polygamma(n + 1, self),
)
def polygamma(xp, n, self):
    """The derivative of order n of digamma."""
    if self.dtype.kind == "c":
        raise messages.not_implemented(
            "digamma" if n == 0 else "trigamma" if n == 1 else "polygamma", kind_of(self)
        )
    if n < 2:
        (wide,) = widened(self)
        return (_trigamma if n else digamma)(xp, wide).astype(self.dtype)
    own = self.dtype
    if _registers.is_reduced(self):
        found = _single_zeta(n + 1.0, self.astype(np.float32)).astype(own).astype(np.float32)
    else:
        found = hurwitz(xp, n + 1.0, *widened(self))
    # PyTorch takes the factorial by its logarithm.
    factorial = found.dtype.type(math.exp(found.dtype.type(math.lgamma(n + 1))))
    return (found * (factorial if n % 2 else -factorial)).astype(own)


_ZETA = (
    12, -720, 30240, -1209600, 47900160, -1.8924375803183791606e9, 7.47242496e10, -2.950130727918164224e12,
    1.1646782814350067249e14, -4.5979787224074726105e15, 1.8152105401943546773e17, -7.1661652561756670113e18,
)  # fmt: skip
"""The even factorials by Bernoulli's numbers, from Cephes (aten/src/ATen/native/Math.h)."""


def hurwitz(xp, s, q):
    """Hurwitz's zeta. PyTorch divides one infinity by the other where either is infinite."""
    found = _arithmetic.widely(lambda q, s: behind(xp).special.zeta(s, q), q, s)
    infinite = ((s == math.inf) | (q == math.inf)) & (s > 1) & (q > 0)
    limit = xp.where(q < 1, s, xp.where(q == 1, q, found.dtype.type(math.nan)))
    return xp.where(infinite, limit, found)


def _single_zeta(s, q):
    """Hurwitz's zeta in single precision: terms up to 9, then Euler's and Maclaurin's series. What it loses of large terms of
    opposite signs, for negative q, PyTorch loses as well.
    """
    single, least = np.float32, np.float32(1.11022302462515654042e-16)
    pole = (q <= 0) & (q == np.floor(q))
    at, power = q, _arithmetic.widely(np.power, q, -s)
    total, steps, done = power, 0, pole.copy()
    while (more := ~done & ((at <= 9) | (steps < 9))).any():
        at, steps = np.where(more, at + 1, at), steps + 1
        power = np.where(more, _arithmetic.widely(np.power, at, -s), power)
        total = np.where(more, total + power, total)
        done |= more & (np.abs(power) < least * total)
    total = np.where(done, total, total + power * at / single(s - 1) - single(0.5) * power)
    rising, base = np.ones_like(q), at
    for k, divisor in enumerate(_ZETA):
        rising, power = rising * single(s + 2 * k), power / base
        term = rising * power / single(divisor)
        total = np.where(done, total, total + term)
        done = done | (np.abs(term / total) < least)
        rising, power = rising * single(s + 2 * k + 1), power / base
    return np.where(pole, single(math.inf), total)


def _check_in_place(self, n):
    _known_order(n)
    effects.check_overlap(self, ())
    if self.dtype.category < dtypes.FLOATING:
        raise messages.result_cast(dtypes.default.floating.scalar_type, self.dtype.scalar_type)


def _trigamma(xp, x):
    """polygamma(1, x) as PyTorch reckons it: negative arguments by reflection, six steps up, then a short series."""
    kind = x.dtype.type
    below = x < kind(0.5)
    pi = kind(math.pi)  # In single precision a whole number is only near a pole.
    sine = _arithmetic.widely(xp.sin, pi * x)
    total = xp.where(below, -(pi * pi) / (sine * sine), kind(0))
    x = xp.where(below, 1 - x, x)
    for _ in range(6):
        total = total + 1 / (x * x)
        x = x + 1
    least = 1 / (x * x)
    add = fused if _registers.is_small_single(xp, x) else lambda a, b, c: a * b + c
    series = add(-least, add(-least, kind(1 / 42), kind(1 / 30)), kind(1 / 6))
    total = total + add(least, series, 1 + 1 / (2 * x)) / x
    return xp.where(below, -total, total)


@op(
    "polygamma_(Tensor(a!) self, int n) -> Tensor(a!)",
    node=1,
    check=_check_in_place,
    self=lambda grad, self, n: grad * functions.polygamma(n + 1, self),
)
def polygamma_in_place(xp, self, n):
    """The derivative of order n of digamma, in place."""
    self[...] = polygamma(xp, n, self)


def _mvlgamma_gradient(grad, self, p):
    arguments = functions.arange(
        -p / 2.0 + 0.5, 0.5, 0.5, dtype=self.dtype, device=self.device
    ) + self.unsqueeze(-1)
    return grad * arguments.digamma_().sum(-1)


def _enough_dimensions(self, p):
    if self.dtype.category == BOOL:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")


def _enough_dimensions_in_place(self, p):
    _enough_dimensions(self, p)
    if self.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"mvlgamma: result type {self.dtype.scalar_type} can't be cast to the desired output type "
            f"{dtypes.default.floating.scalar_type}"
        )


@op(
    "mvlgamma(Tensor self, int p) -> Tensor",
    stepwise=REDUCED,
    row_major=True,
    dtype=INT_TO_FLOAT,
    inplace={"check": _enough_dimensions_in_place},
    check=_enough_dimensions,
    self=_mvlgamma_gradient,
)
def mvlgamma(xp, self, p):
    """The logarithm of the gamma function in p dimensions."""
    refuse(self, "arange_cpu", "c")
    shift = p * (p - 1) / 4 * math.log(math.pi)
    if _registers.is_reduced(self):
        own = self.dtype
        steps = self[..., None] + np.arange(-p / 2 + 0.5, 0.5, 0.5).astype(own)
        found = _arithmetic.widely(partial(_gammaln, xp), *widened(steps)).astype(own)
        (added,) = widened(total(xp, *widened(found), (self.ndim,)).astype(own))
        return (added + np.float32(own.type(shift))).astype(own)

    def added_up(x):
        steps = x[..., None] + xp.arange(-p / 2 + 0.5, 0.5, 0.5)
        return _gammaln(xp, steps).sum(-1) + shift

    return _arithmetic.widely(added_up, *widened(self))


@op(
    "igamma(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: unknown_derivative("igamma: input"),
    other=lambda grad, self, other: (
        grad * functions.exp((self - 1) * functions.log(other) - other - functions.lgamma(self))
    ),
)
def igamma(xp, self, other):
    """The regularised lower incomplete gamma function."""
    if self.dtype.kind != "f":
        raise messages.not_implemented("igamma_cpu", kind_of(self))
    return _incomplete(xp, "gammainc", self, other, 0)


@op(
    "igammac(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: unknown_derivative("igammac: input"),
    other=lambda grad, self, other: (
        -grad * functions.exp((self - 1) * functions.log(other) - other - functions.lgamma(self))
    ),
)
def igammac(xp, self, other):
    """The regularised upper incomplete gamma function."""
    if self.dtype.kind != "f":
        raise messages.not_implemented("igammac_cpu", kind_of(self))
    return _incomplete(xp, "gammaincc", self, other, 1)


def _incomplete(xp, name, a, x, at_zero):
    """An incomplete gamma function. At the ends PyTorch looks at x = 0 before it finds a NaN, and gives one to a = x = 0."""
    a, x = xp.broadcast_arrays(a, x)
    found, new = from_scipy(xp, name, a, x), a.dtype.type
    found = xp.where(xp.isinf(x), new(1 - at_zero), found)
    found = xp.where(xp.isinf(a), xp.where(xp.isinf(x), new(math.nan), new(at_zero)), found)
    found = xp.where(x == 0, new(at_zero), found)
    found = xp.where(a == 0, xp.where(x > 0, new(1 - at_zero), new(math.nan)), found)
    return xp.where((x < 0) | (a < 0), new(math.nan), found)


def unknown_derivative(name):
    """Errors: NotImplementedError, always: PyTorch has no formula for the derivative."""
    raise NotImplementedError(f"the derivative for '{name}' is not implemented.")
