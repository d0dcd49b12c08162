"""Element-wise arithmetic and functions: each is a numpy function, with its gradient as one formula an input.

What numpy computes otherwise than PyTorch is in `numeric`.
"""

import math

from tensorcli.engine import numeric
from tensorcli.engine.dtypes import (
    BOOL,
    EXACT,
    FLOATING,
    INT_TO_FLOAT,
    INT_TO_REAL,
    INTEGRAL,
    PROMOTE,
    PROMOTE_SCALARS,
    TO_REAL,
    float64,
)
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import Geometry, elementwise_strides
from tensorcli.engine.op import alias, composite, functions, op
from tensorcli.engine.tensor import Tensor


def zeros(grad):
    """A gradient of zeros: the function is constant but for its steps."""
    return functions.zeros_like(grad)


def _kind(value):
    """The category of a tensor or a Python number."""
    if isinstance(value, Tensor):
        return value.dtype.category
    return {bool: BOOL, int: INTEGRAL, float: FLOATING}.get(type(value), 3)


# ---- sums and products


@op(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: grad,
    other=lambda grad, alpha: grad if alpha == 1 else grad * alpha.conjugate(),
)
def add(xp, self, other, alpha):
    """Add other (times alpha) to self, element by element."""
    return xp.add(self, other) if _one(alpha, self) else numeric.plus_scaled(self, alpha, other)


def _one(alpha, array):
    return alpha == 1 and (type(alpha) is int or (type(alpha) is not bool and array.dtype.kind not in "biu"))


def _no_bool(self, other, alpha=1):
    if _kind(self) == BOOL and _kind(other) == BOOL:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    if _kind(self) == BOOL or _kind(other) == BOOL:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    if type(alpha) in (float, complex) and _kind(self) == INTEGRAL and _kind(other) == INTEGRAL:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")


def _minus(xp, self, other, alpha):
    return xp.subtract(self, other) if _one(alpha, self) else _minus_scaled(self, alpha, other)


def _minus_scaled(self, alpha, other):
    if type(alpha) in (int, float):
        return numeric.plus_scaled(self, -alpha, other)
    return self - numeric.scaled(alpha, other)


@op(
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    check=_no_bool,
    self=lambda grad: grad,
    other=lambda grad, alpha: -grad if alpha == 1 else -grad * alpha.conjugate(),
)
def sub(xp, self, other, alpha):
    """Subtract other (times alpha) from self, element by element."""
    return _minus(xp, self, other, alpha)


@op(
    "rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    dtype=PROMOTE,
    variants="function",
    check=_no_bool,
    self=lambda grad, alpha: -grad if alpha == 1 else -grad * alpha.conjugate(),
    other=lambda grad: grad,
)
def rsub(xp, self, other, alpha):
    """Subtract self (times alpha) from other."""
    return _minus(xp, other, self, alpha)


@op(
    "rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    dtype=PROMOTE_SCALARS,
    variants="function",
    node=1,
    check=_no_bool,
    self=lambda grad, alpha: -grad if alpha == 1 else -grad * alpha.conjugate(),
)
def rsub_scalar(xp, self, other, alpha):
    """Subtract self (times alpha) from a number."""
    return xp.subtract(other, self if alpha == 1 else self * alpha)


@op(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad, other: grad * other.conj(),
    other=lambda grad, self: grad * self.conj(),
)
def mul(xp, self, other):
    """Multiply self by other, element by element."""
    return xp.multiply(self, other)


@op(
    "div.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, other: grad / other.conj(),
    other=lambda grad, self, other: -grad * ((self / other) / other).conj(),
)
def div(xp, self, other):
    """Divide self by other, element by element."""
    return xp.true_divide(self, other)


def _division_rule(self, other, rounding_mode):
    return INT_TO_FLOAT if rounding_mode is None else PROMOTE


def _known_rounding(self, other, rounding_mode):
    if rounding_mode not in (None, "trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )


@op(
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
    dtype=_division_rule,
    inplace=True,
    node=2,
    check=_known_rounding,
    self=lambda grad, other, rounding_mode: zeros(grad) if rounding_mode else grad / other.conj(),
    other=lambda grad, self, other, rounding_mode: (
        zeros(grad) if rounding_mode else -grad * ((self / other) / other).conj()
    ),
)
def div_mode(xp, self, other, rounding_mode):
    """Divide, and round the quotient down ("floor") or towards zero ("trunc")."""
    if rounding_mode is None:
        return xp.true_divide(self, other)
    if self.dtype.kind in "bc":
        raise numeric.refuse(f"div_{rounding_mode}_cpu", self)
    return (numeric.divide_floor if rounding_mode == "floor" else numeric.divide_trunc)(self, other)


def _floor_divide(xp, self, other):
    """Divide and round down."""
    if self.dtype.kind in "bc":
        raise numeric.refuse("div_floor_cpu", self)
    return numeric.divide_floor(self, other)


op(
    "floor_divide(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace={"name": "floor_divide_.Tensor"},
)(_floor_divide)
op("floor_divide.Scalar(Tensor self, Scalar other) -> Tensor", dtype=PROMOTE_SCALARS, inplace=True)(
    _floor_divide
)


def _remainder(xp, self, other):
    """The remainder of a division, with the divisor's sign."""
    if self.dtype.kind in "bc":
        raise numeric.refuse("remainder_cpu", self)
    return numeric.remainder(self, other)


op(
    "remainder.Scalar(Tensor self, Scalar other) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace=True,
    self=lambda grad: grad,
)(_remainder)
op(
    "remainder.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    node=1,
    self=lambda grad: grad,
    other=lambda grad, self, other: -grad * self.div(other, rounding_mode="floor"),
)(_remainder)
op(
    "remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", dtype=PROMOTE_SCALARS, variants="function"
)(_remainder)


def _fmod(xp, self, other):
    """The remainder of a division, with the dividend's sign."""
    if self.dtype.kind in "bc":
        raise numeric.refuse("fmod_cpu", self)
    return numeric.fmod(self, other)


op(
    "fmod.Scalar(Tensor self, Scalar other) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace=True,
    self=lambda grad: grad,
)(_fmod)
op(
    "fmod.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    node=1,
    self=lambda grad: grad,
    other=lambda grad, self, other: -grad * self.div(other, rounding_mode="trunc"),
)(_fmod)


@op(
    "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * (tensor2 * value).conj(),
    tensor2=lambda grad, tensor1, value: grad * (tensor1 * value).conj(),
)
def addcmul(xp, self, tensor1, tensor2, value):
    """Add the product of two tensors (times value) to self."""
    if self.dtype.kind == "b":
        raise numeric.refuse("addcmul_cpu_out", self)
    first = tensor1 if _one(value, self) else numeric.scaled(value, tensor1)
    return numeric.widely(lambda a, b, c: a + b * c, self, first, tensor2)


def _no_integer_division(self, tensor1, tensor2, value):
    if tensor1.dtype.category < FLOATING and tensor2.dtype.category < FLOATING:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
            "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
            "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2)"
            " for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
            "tensor2), for all dtypes."
        )


@op(
    "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    check=_no_integer_division,
    self=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * (value / tensor2).conj(),
    tensor2=lambda grad, tensor1, tensor2, value: -grad * (value * tensor1 / (tensor2 * tensor2)).conj(),
)
def addcdiv(xp, self, tensor1, tensor2, value):
    """Add the quotient of two tensors (times value) to self."""
    return self + numeric.scaled(value, tensor1) / tensor2


def _lerp_dtypes(self, end, weight):
    for name, value in (("end", end), ("weight", weight)):
        if isinstance(value, Tensor) and value.dtype is not self.dtype:
            raise RuntimeError(
                f"expected dtype {self.dtype.cpp_name} for `{name}` but got dtype {value.dtype.cpp_name}"
            )


@op(
    "lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    check=_lerp_dtypes,
    self=lambda grad, weight: grad * (1 - weight.conjugate()),
    end=lambda grad, weight: grad * weight.conjugate(),
)
def lerp(xp, self, end, weight):
    """Interpolate from self to end by one weight."""
    if self.dtype.kind in "biu":
        raise numeric.refuse("lerp_kernel_scalar", self)
    return numeric.interpolate(self, end, weight)


@op(
    "lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    node=1,
    check=_lerp_dtypes,
    self=lambda grad, weight: grad * (1 - weight).conj(),
    end=lambda grad, weight: grad * weight.conj(),
    weight=lambda grad, self, end: grad * (end - self).conj(),
)
def lerp_tensor(xp, self, end, weight):
    """Interpolate from self to end by a weight for each element."""
    if self.dtype.kind in "biu":
        raise numeric.refuse("lerp_kernel_tensor", self)
    return numeric.interpolate(self, end, weight)


# ---- powers and roots


def _pow_number_gradient(grad, self, exponent):
    if exponent == 0:
        return zeros(self)
    return grad * (exponent * self.pow(exponent - 1)).conj()


def _pow_exponent_gradient(grad, self, exponent, result):
    if isinstance(self, Tensor):
        unmoved = functions.logical_and(self == 0, exponent >= 0) if not exponent.dtype.is_complex else (
            functions.logical_and(functions.logical_and(self == 0, exponent.imag == 0), exponent.real >= 0)
        )  # fmt: skip
        return functions.where(unmoved, _zero(grad), grad * (result * self.log()).conj())
    logarithm = _log(self)
    if self == 0:
        return functions.where(exponent >= 0, _zero(grad), grad * (result * logarithm).conj())
    return grad * (result * logarithm).conj()


def _log(number):
    if isinstance(number, complex):
        import cmath

        return cmath.log(number)
    return math.log(number) if number > 0 else -math.inf if number == 0 else math.nan


def _zero(grad):
    return functions.zeros((), dtype=grad.dtype, device=grad.device)


@op(
    "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor",
    dtype=PROMOTE,
    inplace={"name": "pow_.Tensor"},
    node=1,
    self=lambda grad, self, exponent: functions.where(
        exponent == 0.0, _zero(grad), grad * (exponent * self.pow(exponent - 1)).conj()
    ),
    exponent=lambda grad, self, exponent, result: _pow_exponent_gradient(grad, self, exponent, result),
)
def pow_tensor(xp, self, exponent):
    """Raise self to the power of exponent, element by element."""
    if self.dtype.kind == "b":
        raise numeric.refuse("pow", self)
    return numeric.power(self, exponent)


@op(
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor",
    dtype=PROMOTE_SCALARS,
    variants="function",
    node=2,
    exponent=lambda grad, self, exponent, result: _pow_exponent_gradient(grad, self, exponent, result),
)
def pow_base(xp, self, exponent):
    """Raise a number to the power of each element."""
    if exponent.dtype.kind == "b":
        raise numeric.refuse("pow", exponent)
    if self == 1:
        return xp.ones_like(exponent)
    return numeric.power(xp.broadcast_to(xp.asarray(self, exponent.dtype), exponent.shape), exponent)


def _integer_power(self, exponent):
    if _kind(self) <= INTEGRAL and _kind(exponent) <= INTEGRAL:
        if exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if _kind(self) == INTEGRAL:
            numeric.check_number(exponent, self.dtype)


@op(
    "pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace={"name": "pow_.Scalar"},
    check=_integer_power,
    self=_pow_number_gradient,
)
def pow_number(xp, self, exponent):
    """Raise self to the power of one number."""
    return numeric.power_number(self, exponent)


def _in_double(value):
    """The number or tensor in double precision."""
    if not isinstance(value, Tensor):
        return complex(value) if isinstance(value, complex) else float(value)
    from tensorcli.engine.dtypes import complex128

    return value.to(complex128 if value.dtype.is_complex else float64)


def _float_power(self, exponent):
    """Raise self to the power of exponent in double precision."""
    from tensorcli.engine.dtypes import complex128

    wide = complex128 if _kind(self) == 3 or _kind(exponent) == 3 else float64
    base, power = (v.to(wide) if isinstance(v, Tensor) else _in_double(v) for v in (self, exponent))
    return functions.pow(base, power)


def _float_power_in_place(self, exponent):
    """Raise self, which is of double precision already, to the power of exponent."""
    from tensorcli.engine.dtypes import complex128

    wide = complex128 if _kind(self) == 3 or _kind(exponent) == 3 else float64
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
    inplace=True,
    self=lambda grad, result: -0.5 * grad * result.pow(3).conj(),
)
def rsqrt(xp, self):
    """One over the square root of each element."""
    return numeric.reciprocal_square_root(self)


@op(
    "reciprocal(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: -grad * (result * result).conj(),
)
def reciprocal(xp, self):
    """One over each element."""
    return 1 / self


# ---- exponentials and logarithms


@op(
    "exp(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad * result.conj(),
)
def exp(xp, self):
    """Raise e to each element."""
    return numeric.widely(xp.exp, self)


@op(
    "exp2(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad * result.conj() * math.log(2),
)
def exp2(xp, self):
    """Raise 2 to each element."""
    return numeric.widely(xp.exp2, self)


@op(
    "expm1(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad * (result.conj() + 1),
)
def expm1(xp, self):
    """e to each element minus 1, exact near 0."""
    return numeric.widely(xp.expm1, self)


@op(
    "log(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad.div(self.conj()),
)
def log(xp, self):
    """The natural logarithm of each element."""
    return numeric.widely(xp.log, self)


@op(
    "log2(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self.conj() * 0.6931471805599453),
)
def log2(xp, self):
    """The logarithm to base 2 of each element."""
    return numeric.widely(xp.log2, self)


@op(
    "log10(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self.conj() * 2.3025850929940456),
)
def log10(xp, self):
    """The logarithm to base 10 of each element."""
    return numeric.widely(xp.log10, self)


@op(
    "log1p(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self + 1).conj(),
)
def log1p(xp, self):
    """The natural logarithm of 1 plus each element, exact near 0."""
    return numeric.widely(xp.log1p, self)


@op(
    "logaddexp(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    self=lambda grad, self, other: grad / (1 + functions.exp(other - self)).conj(),
    other=lambda grad, self, other: grad / (1 + functions.exp(self - other)).conj(),
)
def logaddexp(xp, self, other):
    """The logarithm of the sum of the exponentials of self and other."""
    if self.dtype.kind in "biu":
        raise numeric.refuse("logaddexp_cpu", self)
    return numeric.log_add(self, other)


@op(
    "logaddexp2(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    self=lambda grad, self, other: grad / (1 + functions.pow(2, other - self)),
    other=lambda grad, self, other: grad / (1 + functions.pow(2, self - other)),
)
def logaddexp2(xp, self, other):
    """The logarithm to base 2 of 2 to self plus 2 to other."""
    if self.dtype.kind in "biuc":
        raise numeric.refuse("logaddexp2_cpu", self)
    return numeric.widely(xp.logaddexp2, self, other)


@op(
    "ldexp.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace={"name": "ldexp_"},
    self=lambda grad, other: grad * functions.pow(2, other).conj(),
    other=lambda grad, result: grad * result.conj() * math.log(2),
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
    return numeric.widely(xp.sin, self)


@op(
    "cos(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * -self.sin().conj(),
)
def cos(xp, self):
    """The cosine of each element, in radians."""
    return numeric.widely(xp.cos, self)


@op(
    "tan(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: grad * (1 + result.pow(2)).conj(),
)
def tan(xp, self):
    """The tangent of each element, in radians."""
    return numeric.widely(xp.tan, self)


@op(
    "asin(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * (-self * self + 1).rsqrt().conj(),
)
def asin(xp, self):
    """The angle whose sine each element is."""
    return numeric.widely(xp.arcsin, self)


@op(
    "acos(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * -((-self * self + 1).rsqrt()).conj(),
)
def acos(xp, self):
    """The angle whose cosine each element is."""
    return numeric.widely(xp.arccos, self)


@op(
    "atan(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad / (self * self + 1).conj(),
)
def atan(xp, self):
    """The angle whose tangent each element is."""
    return numeric.widely(xp.arctan, self)


def _atan2_gradient(grad, self, other, needs):
    share = (self * self + other * other).reciprocal()
    return grad * other * share if needs[0] else None, grad * -self * share if needs[1] else None


@op(
    "atan2(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self__other=_atan2_gradient,
)
def atan2(xp, self, other):
    """The angle of the point (other, self)."""
    numeric.no_complex("atan2_cpu", self)
    return numeric.widely(xp.arctan2, self, other)


@op(
    "sinh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * self.cosh().conj(),
)
def sinh(xp, self):
    """The hyperbolic sine of each element."""
    return numeric.widely(xp.sinh, self)


@op(
    "cosh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * self.sinh().conj(),
)
def cosh(xp, self):
    """The hyperbolic cosine of each element."""
    return numeric.widely(xp.cosh, self)


@op(
    "tanh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: functions.tanh_backward(grad, result),
)
def tanh(xp, self):
    """The hyperbolic tangent of each element."""
    return numeric.widely(xp.tanh, self)


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
    return numeric.widely(xp.arcsinh, self)


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
    return numeric.widely(xp.arccosh, self)


@op(
    "atanh(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=_without_derivative("atanh"),
    self=lambda grad, self: grad * 1 / (1 - self.pow(2)).conj(),
)
def atanh(xp, self):
    """The inverse hyperbolic tangent of each element."""
    return numeric.widely(xp.arctanh, self)


def _sinc_gradient(grad, self):
    angle = self * math.pi
    square_of = self * self * math.pi
    slope = grad * ((angle * angle.cos() - angle.sin()) / square_of).conj()
    return functions.where(square_of == 0.0, _zero(grad), slope)


@op("sinc(Tensor self) -> Tensor", dtype=INT_TO_FLOAT, inplace=True, self=_sinc_gradient)
def sinc(xp, self):
    """sin(pi x) / (pi x) of each element, 1 at 0."""
    return numeric.sinc(self)


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
        raise numeric.refuse("hypot_cpu", self)
    return numeric.widely(xp.hypot, self, other)


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
    self=lambda grad: grad * (math.pi / 180),
)
def deg2rad(xp, self):
    """Degrees in radians."""
    return self * (math.pi / 180)


@op(
    "rad2deg(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    check=_real_only("rad2deg"),
    self=lambda grad: grad * (180 / math.pi),
)
def rad2deg(xp, self):
    """Radians in degrees."""
    return self * (180 / math.pi)


# ---- signs and rounding


def _no_bool_sign(self):
    if self.dtype.category == BOOL:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        )


@op("neg(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, check=_no_bool_sign, self=lambda grad: grad.neg())
def neg(xp, self):
    """Change the sign of each element."""
    return xp.negative(self)


@composite("positive(Tensor(a) self) -> Tensor(a)")
def positive(self):
    """The tensor itself."""
    if self.dtype.category == BOOL:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


def _no_complex_abs(self):
    if self.dtype.is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")


@op(
    "abs(Tensor self) -> Tensor",
    dtype=TO_REAL,
    inplace={"check": _no_complex_abs},
    self=lambda grad, self: grad * self.sgn(),
)
def absolute(xp, self):
    """The absolute value of each element."""
    if self.dtype.kind == "b":
        raise numeric.refuse("abs_cpu", self)
    return xp.abs(self)


def _no_complex_sign(self):
    if self.dtype.is_complex:
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )


@op("sign(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, check=_no_complex_sign, self=zeros)
def sign(xp, self):
    """-1, 0 or 1, by the sign of each element."""
    return numeric.sign(self)


def _sgn_gradient(grad, self, result):
    if not self.dtype.is_complex:
        return zeros(grad)
    size = self.abs()
    return ((grad - (result * result) * grad.conj()) / (2.0 * size)).masked_fill_(size == 0.0, 0.0)


@op("sgn(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, self=_sgn_gradient)
def sgn(xp, self):
    """-1, 0 or 1, by the sign of each element; of a complex number the point on the unit circle."""
    return numeric.sign(self)


def _rounding(name, function, description, complex_reaches_kernel=False):
    def check(self):
        if self.dtype.is_complex and not complex_reaches_kernel:
            raise NotImplementedError(f"{name} is not supported for complex inputs")

    def kernel(xp, self):
        if self.dtype.kind in "bc":
            raise numeric.refuse(f"{name}_vml_cpu", self)
        return xp.array(self) if self.dtype.kind in "iu" else getattr(xp, function)(self)

    kernel.__doc__ = description
    op(f"{name}(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, check=check, self=zeros)(kernel)


_rounding("floor", "floor", "The largest whole number that is not above each element.")
_rounding("ceil", "ceil", "The smallest whole number that is not below each element.")
_rounding("trunc", "trunc", "Each element without its fraction.")
_rounding(
    "round", "rint", "The nearest whole number to each element; halves go to the even one.", True
)


@op("round.decimals(Tensor self, *, int decimals) -> Tensor", dtype=PROMOTE, inplace=True, node=1, self=zeros)
def round_decimals(xp, self, decimals):
    """Each element rounded to so many decimals."""
    if self.dtype.kind != "f":
        raise numeric.refuse("round_cpu", self)
    return numeric.round_decimals(self, decimals)


@op("frac(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, self=lambda grad: grad)
def frac(xp, self):
    """The fraction of each element, with its sign."""
    if self.dtype.kind != "f":
        raise numeric.refuse("frac_cpu", self)
    return self - xp.trunc(self)


def _copysign_gradient(grad, self, result):
    ratio = result / self
    ratio.masked_fill_(self == 0, 0)
    return grad * ratio


def _copysign(xp, self, other):
    """The size of self with the sign of other."""
    numeric.no_complex("copysign_cpu", self)
    return xp.copysign(self, other)


op(
    "copysign.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=_copysign_gradient,
    other=lambda grad, other_geometry: grad.new_zeros(other_geometry.sizes),
)(_copysign)
op(
    "copysign.Scalar(Tensor self, Scalar other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    node=1,
    self=_copysign_gradient,
)(_copysign)


@op(
    "nextafter(Tensor self, Tensor other) -> Tensor",
    dtype=EXACT,
    inplace=True,
    self=lambda grad, self, other: functions.where(self != other, grad, 0),
    other=lambda grad, other: functions.zeros_like(other),
)
def nextafter(xp, self, other):
    """The next number of the dtype after self in the direction of other."""
    if self.dtype.kind in "biuc":
        raise numeric.refuse("nextafter_cpu", self)
    return xp.nextafter(self, other)


@op(
    "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
    dtype=EXACT,
    inplace=True,
    self=lambda grad, self: grad * functions.isfinite(self),
)
def nan_to_num(xp, self, nan, posinf, neginf):
    """Replace NaN by 0 and the infinities by the dtype's limits, or by the numbers given."""
    return numeric.nan_to_number(self, nan, posinf, neginf)


def _angle_gradient(grad, self):
    if not self.dtype.is_complex:
        return functions.zeros_like(self)
    return functions.where(self == 0.0, _zero(self), grad * self / self.abs().pow(2) * 1j)


@op("angle(Tensor self) -> Tensor", dtype=INT_TO_REAL, self=_angle_gradient)
def angle(xp, self):
    """The angle of a complex number; of a real one 0 or pi."""
    if self.dtype.kind == "c":
        return xp.array(numeric.widely(lambda v: xp.angle(v).astype(v.dtype), self).real)
    return xp.where(xp.isnan(self), self, xp.where(self < 0, self.dtype.type(math.pi), self.dtype.type(0)))


@op(
    "frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)",
    self=lambda grad, exponent: grad / exponent.exp2(),
)
def frexp(xp, self):
    """Split each element into a fraction between 1/2 and 1 and a power of 2."""
    if self.dtype.kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    mantissa, exponent = xp.frexp(self)
    item = self.dtype.itemsize
    shape = Geometry(self.shape, tuple(stride // item for stride in self.strides))
    strides = elementwise_strides(self.shape, [shape])
    return Laid(mantissa, strides), Laid(xp.asarray(exponent, xp.int32), strides)


# ---- extremes


def _no_complex_extreme(name):
    def check(self, other):
        if self.dtype.is_complex or other.dtype.is_complex:
            raise RuntimeError(f"{name} not implemented for complex tensors.")

    return check


@op(
    "maximum(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    check=_no_complex_extreme("maximum"),
    self=lambda grad, self, other: functions.where(self == other, grad / 2, grad).masked_fill_(
        self < other, 0
    ),
    other=lambda grad, self, other: functions.where(self == other, grad / 2, grad).masked_fill_(
        self > other, 0
    ),
)
def maximum(xp, self, other):
    """The larger of two elements; NaN where one is."""
    return xp.maximum(self, other)


@op(
    "minimum(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    check=_no_complex_extreme("minimum"),
    self=lambda grad, self, other: functions.where(self == other, grad / 2, grad).masked_fill_(
        self > other, 0
    ),
    other=lambda grad, self, other: functions.where(self == other, grad / 2, grad).masked_fill_(
        self < other, 0
    ),
)
def minimum(xp, self, other):
    """The smaller of two elements; NaN where one is."""
    return xp.minimum(self, other)


@op(
    "fmax(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    check=_no_complex_extreme("fmax"),
    self=lambda grad, self, other: grad.masked_fill(
        (self >= other).logical_or_(other.isnan()).logical_not_(), 0
    ),
    other=lambda grad, self, other: grad.masked_fill((self >= other).logical_or_(other.isnan()), 0),
)
def fmax(xp, self, other):
    """The larger of two elements; where one is NaN, the other."""
    return xp.fmax(self, other)


@op(
    "fmin(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    check=_no_complex_extreme("fmin"),
    self=lambda grad, self, other: grad.masked_fill(
        (self <= other).logical_or_(other.isnan()).logical_not_(), 0
    ),
    other=lambda grad, self, other: grad.masked_fill((self <= other).logical_or_(other.isnan()), 0),
)
def fmin(xp, self, other):
    """The smaller of two elements; where one is NaN, the other."""
    return xp.fmin(self, other)


def _clamp_check(self, min, max):
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for value in (self, min, max):
        if _kind(value) == 3 and value is not None:
            raise NotImplementedError("clamp is not supported for complex types")
        if type(value) in (int, float) and _kind(value) <= self.dtype.category and self.dtype.category:
            numeric.check_number(value, self.dtype)


def _inside(self, min, max):
    if min is not None and max is not None:
        return functions.logical_and(self >= min, self <= max)
    return self >= min if min is not None else self <= max


def _clamp_gradient(grad, self, min, max):
    return functions.where(_inside(self, min, max), grad, _zero(grad))


def _limits_gradient(grad, self, min, max, needs):
    zero = _zero(grad)
    below = above = None
    if needs[0]:
        reached = self < min
        below = functions.where(
            reached if max is None else functions.logical_and(min < max, reached), grad, zero
        )
    if needs[1]:
        reached = self > max
        above = functions.where(
            reached if min is None else functions.logical_or(max < min, reached), grad, zero
        )
    return below, above


def _clamp(xp, self, min, max):
    """Move the elements outside a range to its ends."""
    if self.dtype.kind == "b":
        raise numeric.refuse("clamp_cpu" if min is not None and max is not None else "clamp_scalar_cpu", self)
    if min is not None:
        self = xp.maximum(self, min)
    return self if max is None else xp.minimum(self, max)


op(
    "clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace=True,
    node=1,
    check=_clamp_check,
    self=_clamp_gradient,
)(_clamp)
op(
    "clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    check=_clamp_check,
    self=_clamp_gradient,
    min__max=_limits_gradient,
)(_clamp)


def _clamp_min(xp, self, min):
    """Move the elements below a limit to it."""
    if self.dtype.kind == "c":
        raise numeric.refuse("maximum_cpu", self)
    return xp.maximum(self, min)


def _clamp_max(xp, self, max):
    """Move the elements above a limit to it."""
    if self.dtype.kind == "c":
        raise numeric.refuse("minimum_cpu", self)
    return xp.minimum(self, max)


def _limit_check(name):
    def check(self, limit):
        if _kind(self) == 3 or _kind(limit) == 3:
            raise NotImplementedError("clamp is not supported for complex types")
        if _kind(self) == BOOL and _kind(limit) == BOOL:
            raise numeric.refuse(f"{name}_scalar_cpu", None, "Bool")
        if _kind(limit) <= self.dtype.category and self.dtype.category:
            numeric.check_number(limit, self.dtype)

    return check


op(
    "clamp_min(Tensor self, Scalar min) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace=True,
    check=_limit_check("clamp_min"),
    self=lambda grad, self, min: functions.where(self >= min, grad, _zero(grad)),
)(_clamp_min)
op(
    "clamp_min.Tensor(Tensor self, Tensor min) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    node=1,
    self=lambda grad, self, min: functions.where(self >= min, grad, _zero(grad)),
    min=lambda grad, self, min: functions.where(self < min, grad, _zero(grad)),
)(_clamp_min)
op(
    "clamp_max(Tensor self, Scalar max) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace=True,
    check=_limit_check("clamp_max"),
    self=lambda grad, self, max: functions.where(self <= max, grad, _zero(grad)),
)(_clamp_max)
op(
    "clamp_max.Tensor(Tensor self, Tensor max) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    node=1,
    self=lambda grad, self, max: functions.where(self <= max, grad, _zero(grad)),
    max=lambda grad, self, max: functions.where(self > max, grad, _zero(grad)),
)(_clamp_max)


def _same_dtype(self, values):
    if self.dtype.is_complex or values.dtype.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if self.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")


@op("heaviside(Tensor self, Tensor values) -> Tensor", dtype=PROMOTE, inplace=True, check=_same_dtype)
def heaviside(xp, self, values):
    """0 below zero, 1 above it, and values where self is zero."""
    return xp.where(self == 0, values, (self > 0).astype(self.dtype))


# ---- integers and bits


@op("gcd(Tensor self, Tensor other) -> Tensor", dtype=PROMOTE, inplace=True)
def gcd(xp, self, other):
    """The greatest common divisor."""
    if self.dtype.kind not in "iu":
        raise numeric.refuse("gcd_cpu", self)
    return xp.gcd(self, other)


@op("lcm(Tensor self, Tensor other) -> Tensor", dtype=PROMOTE, inplace=True)
def lcm(xp, self, other):
    """The least common multiple."""
    if self.dtype.kind not in "iu":
        raise numeric.refuse("lcm_cpu", self)
    return xp.lcm(self, other)


@op("bitwise_not(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, variants="function, method")
def bitwise_not(xp, self):
    """Invert each bit; of bool, each truth value."""
    if self.dtype.kind not in "biu":
        raise numeric.refuse("bitwise_not_cpu", self)
    return xp.invert(self)


def _bitwise(name, function, refusal, kinds, description, scalar_overloads):
    def kernel(xp, self, other):
        if self.dtype.kind not in kinds:
            raise numeric.refuse(refusal, self)
        return getattr(xp, function)(self, other)

    kernel.__doc__ = description
    tensor_scalar, scalar_tensor = scalar_overloads
    op(f"{name}.{tensor_scalar}(Tensor self, Scalar other) -> Tensor", dtype=PROMOTE_SCALARS, inplace=True)(
        kernel
    )
    op(
        f"{name}.{scalar_tensor}(Scalar self, Tensor other) -> Tensor",
        dtype=PROMOTE_SCALARS,
        variants="function",
    )(kernel)
    op(f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", dtype=PROMOTE, inplace=True)(kernel)


_bitwise(
    "bitwise_and",
    "bitwise_and",
    "bitwise_and_cpu",
    "biu",
    "The bits that both have.",
    ("Scalar", "Scalar_Tensor"),
)
_bitwise(
    "bitwise_or", "bitwise_or", "bitwise_or_cpu", "biu", "The bits that one has.", ("Scalar", "Scalar_Tensor")
)
_bitwise(
    "bitwise_xor",
    "bitwise_xor",
    "bitwise_xor_cpu",
    "biu",
    "The bits that just one has.",
    ("Scalar", "Scalar_Tensor"),
)
_bitwise(
    "bitwise_left_shift", "left_shift", "lshift_cpu", "iu", "Shift the bits to the left.", ("Tensor_Scalar", "Scalar_Tensor")
)  # fmt: skip
_bitwise(
    "bitwise_right_shift", "right_shift", "rshift_cpu", "iu", "Shift the bits to the right.",
    ("Tensor_Scalar", "Scalar_Tensor"),
)  # fmt: skip


# ---- other names

for _name, _origin in {
    "absolute": "abs",
    "negative": "neg",
    "fix": "trunc",
    "clip": "clamp",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arctan2": "atan2",
    "arccosh": "acosh",
    "arcsinh": "asinh",
    "arctanh": "atanh",
    "multiply": "mul",
    "divide": "div",
    "subtract": "sub",
}.items():
    alias(_name, _origin)
alias("true_divide", "div", "Tensor")
