"""Element-wise arithmetic: sums, products and quotients, with one gradient formula for each input.

What numpy computes differently from PyTorch is in `_arithmetic`.
"""

from tensorcli.engine import effects, messages
from tensorcli.engine.conversion import number_for
from tensorcli.engine.declare import alias, composite, op
from tensorcli.engine.dtypes import (
    BOOL,
    COMPLEX,
    EXACT,
    FEW_KERNELS,
    FLOATING,
    INT_TO_FLOAT,
    INTEGRAL,
    PROMOTE,
    PROMOTE_SCALARS,
    REDUCED,
    complex32,
)
from tensorcli.engine.ops import _arithmetic, _complex
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._shared import category, quotient, times, zeros
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor

# ---- sums and products


def _with_alpha(self, other, alpha):
    """The reduced dtypes in which the kernel multiplies by alpha."""
    return (*REDUCED, complex32) if alpha != 1 else ()


@op(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    stepwise=_with_alpha,
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: grad,
    other=lambda grad, alpha: grad if alpha == 1 else grad * alpha.conjugate(),
)
def add(xp, self, other, alpha):
    """Add other (times alpha) to self, element by element."""
    if not _one(alpha, self):
        return _arithmetic.plus_scaled(self, alpha, other)
    # Complex numbers are multiplied by one all the same, which no infinity survives.
    result = xp.add(self, other)
    return result if result.dtype.kind != "c" else self + result.dtype.type(1) * other


def _one(alpha, array):
    return alpha == 1 and (type(alpha) is int or (type(alpha) is not bool and array.dtype.kind not in "biu"))


def no_bool(self, other, alpha=1):
    """Errors: RuntimeError for a difference with a bool tensor, or of integers scaled by what is not an integer."""
    if category(self) == BOOL and category(other) == BOOL:
        raise RuntimeError(messages.BOOL_SUBTRACTION)
    if category(self) == BOOL or category(other) == BOOL:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    if type(alpha) in (float, complex) and category(self) == INTEGRAL and category(other) == INTEGRAL:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")


def _minus(xp, self, other, alpha):
    if not _one(alpha, self):
        return _minus_scaled(self, alpha, other)
    result = xp.subtract(self, other)
    return result if result.dtype.kind != "c" else self + result.dtype.type(-1) * other


def _minus_scaled(self, alpha, other):
    if type(alpha) in (int, float):
        return _arithmetic.plus_scaled(self, -alpha, other)
    return self - _arithmetic.scaled(alpha, other, self.dtype)


@op(
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    stepwise=_with_alpha,
    dtype=PROMOTE,
    inplace=True,
    check=no_bool,
    self=lambda grad: grad,
    other=lambda grad, alpha: -grad if alpha == 1 else -grad * alpha.conjugate(),
)
def sub(xp, self, other, alpha):
    """Subtract other (times alpha) from self, element by element."""
    return _minus(xp, self, other, alpha)


def _turned_round(self, other, alpha):
    no_bool(self, other)
    if isinstance(other, Tensor):
        # In this order, which the errors tell.
        effects.broadcast_sizes([other.geometry.sizes, self.geometry.sizes])
        effects.promoted_dtype(OPS["sub.Tensor"], (other, self))


@op(
    "rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    stepwise=_with_alpha,
    out=False,
    dtype=PROMOTE,
    variants="function",
    check=_turned_round,
    self=lambda grad, alpha: -grad if alpha == 1 else -grad * alpha.conjugate(),
    other=lambda grad: grad,
)
def rsub(xp, self, other, alpha):
    """Subtract self (times alpha) from other."""
    return _minus(xp, other, self, alpha)


def _check_number_minus(self, other, alpha):
    no_bool(self, other, alpha)
    if type(alpha) is bool:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if type(alpha) is complex and COMPLEX not in (category(self), category(other)):
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")


@op(
    "rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    out=False,
    dtype=PROMOTE_SCALARS,
    variants="function",
    node=1,
    check=_check_number_minus,
    self=lambda grad, alpha: -grad if alpha == 1 else -grad * alpha.conjugate(),
)
def rsub_scalar(xp, self, other, alpha):
    """Subtract self (times alpha) from a number."""
    if self.dtype.kind == "c" and alpha == 1:
        return xp.add(other, self.dtype.type(-1) * self)  # which is not a number where a part is infinite
    return xp.subtract(other, self if alpha == 1 else _arithmetic.scaled(alpha, self, self.dtype))


@op(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad, other: grad * other.conj(),
    other=lambda grad, self: grad * self.conj(),
)
def mul(xp, self, other):
    """Multiply self by other, element by element."""
    return _complex.product(self, other) if self.dtype.kind == "c" else self * other


@op(
    "mul.Scalar(Tensor self, Scalar other) -> Tensor",
    out=False,
    dtype=PROMOTE_SCALARS,
    namespace="aten",
    node=1,
    self=lambda grad, other: times(grad, other.conjugate()),
)
def mul_number(xp, self, other):
    """Multiply by a number, as PyTorch's own C++ does; Python's `x * 2` is mul.Tensor."""
    return mul(xp, self, other)


@op(
    "div.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, other: grad / other.conj(),
    other=lambda grad, self, other: -grad * ((self / other) / other).conj(),
)
def div(xp, self, other):
    """Divide self by other, element by element."""
    return _complex.quotient(self, other) if self.dtype.kind == "c" else self / other


def _division_rule(self, other, rounding_mode):
    return INT_TO_FLOAT if rounding_mode is None else EXACT if rounding_mode == "trunc" else PROMOTE


def _known_rounding(self, other, rounding_mode):
    if rounding_mode not in (None, "trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )


def _by_several(self, other, rounding_mode="floor"):
    """The reduced dtypes that PyTorch's floor of a division rounds each step to: not where all are divided by one number."""
    several = isinstance(other, Tensor) and other.geometry.numel != 1
    return REDUCED if several and rounding_mode == "floor" else ()


@op(
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
    dtype=_division_rule,
    stepwise=_by_several,
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
        return div(xp, self, other)
    refuse(self, f"div_{rounding_mode}_cpu", "bc")
    return (_arithmetic.divide_floor if rounding_mode == "floor" else _arithmetic.divide_trunc)(self, other)


def _floor_divide(xp, self, other):
    """Divide and round down."""
    refuse(self, "div_floor_cpu", "bc")
    return _arithmetic.divide_floor(self, other)


op(
    "floor_divide(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    stepwise=_by_several,
    inplace={"name": "floor_divide_.Tensor"},
)(_floor_divide)


op(
    "floor_divide.Scalar(Tensor self, Scalar other) -> Tensor", out=False, dtype=PROMOTE_SCALARS, inplace=True
)(_floor_divide)


def _remainder(xp, self, other):
    """The remainder of a division, with the divisor's sign."""
    refuse(self, "remainder_cpu", "bc")
    return _arithmetic.remainder(self, other)


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
    "remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
    out=False,
    dtype=PROMOTE_SCALARS,
    variants="function",
)(_remainder)


def _fmod(xp, self, other):
    """The remainder of a division, with the dividend's sign."""
    refuse(self, "fmod_cpu", "bc")
    return _arithmetic.fmod(self, other)


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
    stepwise=(complex32,),
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * (tensor2 * value).conj(),
    tensor2=lambda grad, tensor1, value: grad * (tensor1 * value).conj(),
)
def addcmul(xp, self, tensor1, tensor2, value):
    """Add the product of two tensors (times value) to self."""
    refuse(self, "addcmul_cpu_out", "b")
    if self.dtype.kind == "c":
        first = _complex.product(self.dtype.type(value), tensor1)
        return self + _complex.product(first, tensor2)
    first = tensor1 if _one(value, self) else _arithmetic.times(value, tensor1)
    return _arithmetic.widely(lambda a, b, c: a + b * c, self, first, tensor2)


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
    tensor1=lambda grad, tensor2, value: grad * quotient(value, tensor2).conj(),
    tensor2=lambda grad, tensor1, tensor2, value: -grad * (value * tensor1 / (tensor2 * tensor2)).conj(),
)
def addcdiv(xp, self, tensor1, tensor2, value):
    """Add the quotient of two tensors (times value) to self."""
    return self + _arithmetic.times(value, tensor1) / tensor2


def _lerp_dtypes(self, end, weight):
    for name, value in (("end", end), ("weight", weight)):
        spread = isinstance(value, Tensor) and (name == "end" or value.geometry.sizes)
        if spread and value.dtype is not self.dtype:
            raise RuntimeError(
                f"expected dtype {self.dtype.cpp_name} for `{name}` but got dtype {value.dtype.cpp_name}"
            )
    if self.dtype.category >= FLOATING and self.dtype not in FEW_KERNELS and not isinstance(weight, Tensor):
        number_for(weight, self.dtype.computes_as)


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
    refuse(self, "lerp_kernel_scalar", "biu")
    return _arithmetic.interpolate(self, end, weight)


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
    refuse(self, "lerp_kernel_tensor", "biu")
    return _arithmetic.interpolate(self, end, weight)


# ---- other names

for _name, _origin in {
    "multiply": "mul",
    "divide": "div",
    "subtract": "sub",
}.items():
    alias(_name, _origin)


alias("true_divide", "div", "Tensor")


def _by_number(self, other, rounding_mode=None):
    """Divide by a number. PyTorch lists these and never comes to them: numbers may stand in a tensor's place."""
    return self.div(other, rounding_mode=rounding_mode)


for _name in ("div", "divide"):
    composite(
        f"{_name}.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", inplace=True
    )(_by_number)
for _name in ("divide", "true_divide"):
    composite(f"{_name}.Scalar(Tensor self, Scalar other) -> Tensor", inplace=True)(_by_number)


@composite("multiply_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)")
def multiply_number_here(self, other):
    """Multiply by a number in place: as the above, listed and never come to."""
    return self.mul_(other)


@composite("subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor")
def subtract_number(self, other, alpha):
    """Subtract a number (times alpha)."""
    _check_number_minus(self, other, alpha)
    return direct("_sub.Scalar", self, other * alpha)


@composite("subtract_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)")
def subtract_number_here(self, other, alpha):
    """Subtract a number (times alpha) in place."""
    _check_number_minus(self, other, alpha)
    return direct("_sub_.Scalar", self, other * alpha)
