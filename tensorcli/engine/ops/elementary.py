"""Exponentials, logarithms, trigonometric and hyperbolic functions, element by element."""

import math

import numpy as np

from tensorcli.engine import effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import alias, op
from tensorcli.engine.dtypes import FLOATING, INT_TO_FLOAT, PROMOTE, REDUCED, bool_
from tensorcli.engine.ops import _arithmetic, _registers
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._shared import times, zero

# ---- exponentials and logarithms


@op(
    "exp(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad * result.conj(),
)
def exp(xp, self):
    """Raise e to each element."""
    return _arithmetic.widely(xp.exp, self)


@op(
    "exp2(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: times(grad * result.conj(), math.log(2)),
)
def exp2(xp, self):
    """Raise 2 to each element."""
    if self.dtype.kind == "c":
        return _arithmetic.complex_exp2(self)
    return _arithmetic.widely(xp.exp2, self)


@op(
    "expm1(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad * (result.conj() + 1),
)
def expm1(xp, self):
    """e to each element minus 1, exact near 0."""
    return _arithmetic.complex_expm1(self) if self.dtype.kind == "c" else _arithmetic.widely(xp.expm1, self)


@op(
    "log(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad.div(self.conj()),
)
def log(xp, self):
    """The natural logarithm of each element."""
    return _arithmetic.widely(xp.log, self)


@op(
    "log2(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self.conj() * 0.6931471805599453),
)
def log2(xp, self):
    """The logarithm to base 2 of each element."""
    return _arithmetic.widely(xp.log2, self)


@op(
    "log10(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self.conj() * 2.3025850929940456),
)
def log10(xp, self):
    """The logarithm to base 10 of each element."""
    return _arithmetic.widely(xp.log10, self)


@op(
    "log1p(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self + 1).conj(),
)
def log1p(xp, self):
    """The natural logarithm of 1 plus each element, exact near 0."""
    return (
        _arithmetic.widely(_arithmetic.complex_log1p, self)
        if self.dtype.kind == "c"
        else _arithmetic.widely(xp.log1p, self)
    )


@op(
    "logaddexp(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    self=lambda grad, self, other: grad / (1 + functions.exp(other - self)).conj(),
    other=lambda grad, self, other: grad / (1 + functions.exp(self - other)).conj(),
)
def logaddexp(xp, self, other):
    """The logarithm of the sum of the exponentials of self and other."""
    refuse(self, "logaddexp_cpu", "biu")
    return _arithmetic.log_add(self, other)


@op(
    "logaddexp2(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    self=lambda grad, self, other: grad / (1 + functions.pow(2, other - self)),
    other=lambda grad, self, other: grad / (1 + functions.pow(2, self - other)),
)
def logaddexp2(xp, self, other):
    """The logarithm to base 2 of 2 to self plus 2 to other."""
    refuse(self, "logaddexp2_cpu", "biuc")
    largest = xp.maximum(self, other)
    power = _arithmetic.widely(xp.exp2, -xp.abs(self - other))
    per_bit = self.dtype.type(1 / math.log(2))
    found = _arithmetic.multiply_add(_arithmetic.widely(xp.log1p, power), per_bit, largest)
    return xp.where(xp.isinf(self) & (self == other), self, found)


def _check_exponent(self, other):
    if self.dtype.category == FLOATING and other.dtype.category < FLOATING and self.geometry.numel:
        sizes = effects.broadcast_sizes([self.geometry.sizes, other.geometry.sizes])
        if sizes != self.geometry.sizes and not effects.into.outputs:
            # PyTorch makes the result as large as self, and resizes it.
            messages.warn(messages.output_resized(self.geometry.sizes, sizes))
    _refuse_yes_or_no(self, other)


def _refuse_yes_or_no(self, other):
    if self.dtype.category == FLOATING and other.dtype is bool_:
        raise NotImplementedError("\"ldexp_cpu_exp\" not implemented for 'Bool'")


def _ldexp_result(self, other):
    _refuse_yes_or_no(self, other)
    if self.dtype.category < FLOATING:
        raise RuntimeError(f"ldexp can't be cast to the desired output type {self.dtype.scalar_type}")


@op(
    "ldexp.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    check=_check_exponent,
    inplace={"name": "ldexp_", "check": _ldexp_result},
    self=lambda grad, other: grad * functions.pow(2, other).conj(),
    other=lambda grad, result: times(grad * result.conj(), math.log(2)),
)
def ldexp(xp, self, other):
    """self times 2 to the power of other."""
    return self * xp.power(self.dtype.type(2), other)


# ---- trigonometry


@op(
    "sin(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * self.cos().conj(),
)
def sin(xp, self):
    """The sine of each element, in radians."""
    return _arithmetic.widely(xp.sin, self)


@op(
    "cos(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * -self.sin().conj(),
)
def cos(xp, self):
    """The cosine of each element, in radians."""
    return _arithmetic.widely(xp.cos, self)


@op(
    "tan(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad * (1 + result.pow(2)).conj(),
)
def tan(xp, self):
    """The tangent of each element, in radians."""
    return _arithmetic.widely(xp.tan, self)


@op(
    "asin(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * (-self * self + 1).rsqrt().conj(),
)
def asin(xp, self):
    """The angle whose sine each element is."""
    return _arithmetic.widely(xp.arcsin, self)


@op(
    "acos(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * -((-self * self + 1).rsqrt()).conj(),
)
def acos(xp, self):
    """The angle whose cosine each element is."""
    if self.dtype == np.complex128:  # In registers by way of the sine.
        return math.pi / 2 - xp.arcsin(self)
    return _arithmetic.widely(xp.arccos, self)


@op(
    "atan(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self * self + 1).conj(),
)
def atan(xp, self):
    """The angle whose tangent each element is."""
    return _arithmetic.widely(xp.arctan, self)


def _atan2_gradient(grad, self, other, needs):
    square = self * self + other * other
    # At the origin, where the angle has no direction, and so near that its square is lost.
    share = square.reciprocal().masked_fill(square == 0, 0)
    return grad * other * share if needs[0] else None, grad * -self * share if needs[1] else None


@op(
    "atan2(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self__other=_atan2_gradient,
)
def atan2(xp, self, other):
    """The angle of the point (other, self)."""
    _arithmetic.no_complex("atan2_cpu", self)
    return _arithmetic.widely(xp.arctan2, self, other)


def _hyperbolic(xp, function, x):
    """sinh or cosh. SLEEF's of float32, in registers, is infinite from where the exponential function is."""
    if _registers.is_reduced(x):
        return _arithmetic.widely(function, x.astype(np.float32)).astype(x.dtype)
    found = _arithmetic.widely(function, x)
    if xp is not np or x.dtype != np.float32 or x.size > _registers.MOST:
        return found
    beyond = np.abs(x) > np.float32(88.72283)
    if not beyond.any():
        return found
    lost = beyond & _registers.in_registers(x)
    return np.where(lost, np.copysign(np.float32(np.inf), found), found)


@op(
    "sinh(Tensor self) -> Tensor",
    stepwise=REDUCED,
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * self.cosh().conj(),
)
def sinh(xp, self):
    """The hyperbolic sine of each element."""
    return _hyperbolic(xp, xp.sinh, self)


@op(
    "cosh(Tensor self) -> Tensor",
    stepwise=REDUCED,
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * self.sinh().conj(),
)
def cosh(xp, self):
    """The hyperbolic cosine of each element."""
    return _hyperbolic(xp, xp.cosh, self)


@op(
    "tanh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: functions.tanh_backward(grad, result),
)
def tanh(xp, self):
    """The hyperbolic tangent of each element."""
    return _arithmetic.widely(xp.tanh, self)


def _without_derivative(name):
    def gradient(grad):
        raise NotImplementedError(f"the derivative for 'inplace version of {name}' is not implemented.")

    return {"node": 1, "self": gradient}


@op(
    "asinh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=_without_derivative("asinh"),
    self=lambda grad, self: grad * (self.pow(2) + 1).rsqrt().conj(),
)
def asinh(xp, self):
    """The inverse hyperbolic sine of each element."""
    return _arithmetic.widely(xp.arcsinh, self)


@op(
    "acosh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=_without_derivative("acosh"),
    self=lambda grad, self: (
        grad * ((self + 1).rsqrt() * (self - 1).rsqrt()).conj()
        if self.dtype.is_complex
        else grad * (self * self - 1).rsqrt()
    ),
)
def acosh(xp, self):
    """The inverse hyperbolic cosine of each element."""
    return _arithmetic.widely(xp.arccosh, self)


@op(
    "atanh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=_without_derivative("atanh"),
    self=lambda grad, self: grad * 1 / (1 - self.pow(2)).conj(),
)
def atanh(xp, self):
    """The inverse hyperbolic tangent of each element."""
    return _arithmetic.widely(xp.arctanh, self)


def _sinc_gradient(grad, self):
    angle = self * math.pi
    square_of = self * self * math.pi
    slope = grad * ((angle * angle.cos() - angle.sin()) / square_of).conj()
    return functions.where(square_of == 0.0, zero(grad), slope)


@op("sinc(Tensor self) -> Tensor", dtype=INT_TO_FLOAT, inplace=True, self=_sinc_gradient)
def sinc(xp, self):
    """sin(pi x) / (pi x) of each element, 1 at 0."""
    return _arithmetic.sinc(self)


@op(
    "hypot(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad, self, result: grad * self / result,
    other=lambda grad, other, result: grad * other / result,
)
def hypot(xp, self, other):
    """The length of the hypotenuse of a right triangle with these legs."""
    if self.dtype.kind != "f":
        raise messages.not_implemented("hypot_cpu", kind_of(self))
    return _arithmetic.widely(xp.hypot, self, other)


def _real_only(name):
    def check(self):
        if self.dtype.is_complex:
            raise RuntimeError(f"{name} is not supported for complex tensors.")

    return check


@op(
    "deg2rad(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    check=_real_only("deg2rad"),
    self=lambda grad: times(grad, math.pi / 180),
)
def deg2rad(xp, self):
    """Degrees in radians."""
    return self * (math.pi / 180)


@op(
    "rad2deg(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    check=_real_only("rad2deg"),
    self=lambda grad: times(grad, 180 / math.pi),
)
def rad2deg(xp, self):
    """Radians in degrees."""
    return self * (180 / math.pi)


# ---- other names

for _name, _origin in {
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arctan2": "atan2",
    "arccosh": "acosh",
    "arcsinh": "asinh",
    "arctanh": "atanh",
}.items():
    alias(_name, _origin)
