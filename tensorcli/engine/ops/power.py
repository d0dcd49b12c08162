"""Powers and roots, element by element: pow, float_power, square, sqrt and reciprocal."""

import cmath
import math
from typing import Any

from tensorcli.engine.autograd.modes import pushing
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import check_number
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import (
    COMPLEX,
    INT_TO_FLOAT,
    INTEGRAL,
    PROMOTE,
    PROMOTE_SCALARS,
    REDUCED,
    complex128,
    float64,
)
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.ops import _arithmetic, _complex
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._shared import category, zero
from tensorcli.engine.tensor import Tensor


def _pow_number_gradient(grad, self, exponent):
    if exponent == 0:
        return functions.zeros_like(self, memory_format=contiguous_format)
    return grad * (exponent * self.pow(exponent - 1)).conj()


def _pow_base_gradient(grad, self, exponent):
    slope = (exponent * self.pow(exponent - 1)).conj()
    if pushing:
        return grad * functions.where(exponent == 0.0, zero(slope), slope)
    return functions.where(exponent == 0.0, zero(grad), grad * slope)


def _pow_exponent_gradient(grad, self, exponent, result):
    if not isinstance(self, Tensor):
        slope = (result * _log(self, exponent.dtype.is_complex)).conj()
        return grad * (functions.where(_not_negative(exponent), zero(slope), slope) if self == 0 else slope)
    base: Any = self
    unmoved = functions.logical_and(base == 0, _not_negative(exponent))
    # A negative number has a logarithm among complex ones alone.
    slope = (result * base.to(result.dtype).log()).conj()
    return grad * functions.where(unmoved, zero(slope), slope)


def _not_negative(exponent):
    """Where an exponent is a real number that is not negative: such a power of 0 does not move with it."""
    if exponent.dtype.is_complex:
        return functions.logical_and(exponent.imag == 0, exponent.real >= 0)
    return exponent >= 0


def _log(number, in_complex):
    if number == 0:
        return complex(-math.inf, 0.0) if in_complex else -math.inf
    if in_complex or isinstance(number, complex):
        return cmath.log(number)
    return math.log(number) if number > 0 else math.nan


@op(
    "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor",
    dtype=PROMOTE,
    inplace={"name": "pow_.Tensor"},
    node=1,
    self=_pow_base_gradient,
    exponent=_pow_exponent_gradient,
)
def pow_tensor(xp, self, exponent):
    """Raise self to the power of exponent, element by element."""
    refuse(self, "pow", "b")
    return _arithmetic.power(self, exponent)


@op(
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor",
    dtype=PROMOTE_SCALARS,
    row_major=True,
    variants="function",
    node=2,
    exponent=_pow_exponent_gradient,
)
def pow_base(xp, self, exponent):
    """Raise a number to the power of each element."""
    refuse(exponent, "pow", "b")
    if self == 1:
        return xp.ones_like(exponent)
    return _arithmetic.power(xp.broadcast_to(xp.asarray(self, exponent.dtype), exponent.shape), exponent)


def _integer_power(self, exponent):
    if category(self) <= INTEGRAL and category(exponent) <= INTEGRAL:
        if exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if category(self) == INTEGRAL:
            check_number(exponent, self.dtype)
    elif self.dtype.reduced and type(exponent) is not complex:
        check_number(exponent, self.dtype)


@op(
    "pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
    stepwise=REDUCED,
    dtype=PROMOTE_SCALARS,
    inplace={"name": "pow_.Scalar"},
    check=_integer_power,
    self=_pow_number_gradient,
)
def pow_number(xp, self, exponent):
    """Raise self to the power of one number."""
    return _arithmetic.power_number(self, exponent)


def _in_double(value):
    """The number or tensor in double precision."""
    if not isinstance(value, Tensor):
        return complex(value) if isinstance(value, complex) else float(value)
    return value.to(complex128 if value.dtype.is_complex else float64)


def _float_power(self, exponent):
    """Raise self to the power of exponent in double precision."""
    wide = complex128 if category(self) == COMPLEX or category(exponent) == COMPLEX else float64
    base, power = (v.to(wide) if isinstance(v, Tensor) else _in_double(v) for v in (self, exponent))
    return functions.pow(base, power)


def _float_power_in_place(self, exponent):
    """Raise self, which is of double precision already, to the power of exponent."""
    wide = complex128 if category(self) == COMPLEX or category(exponent) == COMPLEX else float64
    if self.dtype is not wide:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype.scalar_type} but the operation's result requires dtype "
            f"{wide.scalar_type}"
        )
    return self.pow_(exponent.to(wide) if isinstance(exponent, Tensor) else _in_double(exponent))


composite("float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", out=True)(_float_power)


composite("float_power.Scalar(Scalar self, Tensor exponent) -> Tensor", out=True, variants="function")(
    _float_power
)


composite("float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", out=True)(_float_power)


composite("float_power_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)", variants="method")(
    _float_power_in_place
)


composite("float_power_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)", variants="method")(
    _float_power_in_place
)


@composite("square(Tensor self) -> Tensor", out=True)
def square(self):
    """Multiply each element by itself."""
    return self.pow(2)


@composite("square_(Tensor(a!) self) -> Tensor(a!)")
def square_in_place(self):
    """Multiply each element by itself, in place."""
    return self.pow_(2)


@op(
    "sqrt(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad / (2 * result.conj()),
)
def sqrt(xp, self):
    """The square root of each element."""
    return xp.sqrt(self)


@op(
    "rsqrt(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    inplace=True,
    self=lambda grad, result: -0.5 * grad * result.pow(3).conj(),
)
def rsqrt(xp, self):
    """One over the square root of each element."""
    return _arithmetic.reciprocal_square_root(self)


@op(
    "reciprocal(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: -grad * (result * result).conj(),
)
def reciprocal(xp, self):
    """One over each element."""
    return _complex.reciprocal(self) if self.dtype.kind == "c" else 1 / self
