"""Signs, rounding and limits, element by element."""

import math
from functools import partial

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import (
    BOOL,
    COMPLEX,
    EXACT,
    FLOATING,
    INT_TO_FLOAT,
    INT_TO_REAL,
    PROMOTE,
    PROMOTE_SCALARS,
    TO_REAL,
    of_number,
)
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import preserved_strides
from tensorcli.engine.op import alias, composite, op
from tensorcli.engine.ops import _arithmetic
from tensorcli.engine.ops._dimensions import is_wide, kind_of, refuse
from tensorcli.engine.ops._elements import check_number
from tensorcli.engine.ops._shared import category, own_geometry, zero, zeros

# ---- signs and rounding


def _no_bool_sign(self):
    if self.dtype.category == BOOL:
        raise RuntimeError(messages.BOOL_NEGATION)


@op(
    "neg(Tensor self) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    check=_no_bool_sign,
    self=lambda grad: grad.neg(),
)
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
    refuse(self, "abs_cpu", "b")
    return xp.abs(self)


def _no_complex_sign(self):
    if self.dtype.is_complex:
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )


@op("sign(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, check=_no_complex_sign, self=zeros)
def sign(xp, self):
    """-1, 0 or 1, by the sign of each element."""
    return _arithmetic.sign(self)


def _sgn_gradient(grad, self, result):
    if not self.dtype.is_complex:
        return functions.zeros(tuple(result.shape), dtype=result.dtype, device=result.device)
    size = self.abs()
    return ((grad - (result * result) * grad.conj()) / (2.0 * size)).masked_fill_(size == 0.0, 0.0)


@op("sgn(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, self=_sgn_gradient)
def sgn(xp, self):
    """-1, 0 or 1, by the sign of each element; of a complex number the point on the unit circle."""
    return _arithmetic.sign(self)


def _rounding(name, function, description, complex_reaches_kernel=False):
    def check(self):
        if self.dtype.is_complex and not complex_reaches_kernel:
            raise NotImplementedError(f"{name} is not supported for complex inputs")

    def kernel(xp, self):
        refuse(self, f"{name}_vml_cpu", "bc")
        return xp.array(self) if self.dtype.kind in "iu" else getattr(xp, function)(self)

    kernel.__doc__ = description
    op(f"{name}(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, check=check, self=zeros)(kernel)


_rounding("floor", "floor", "The largest whole number that is not above each element.")
_rounding("ceil", "ceil", "The smallest whole number that is not below each element.")
_rounding("trunc", "trunc", "Each element without its fraction.")
_rounding("round", "rint", "The nearest whole number to each element; halves go to the even one.", True)


@op("round.decimals(Tensor self, *, int decimals) -> Tensor", dtype=PROMOTE, inplace=True, node=1, self=zeros)
def round_decimals(xp, self, decimals):
    """Each element rounded to so many decimals."""
    if self.dtype.kind != "f":
        raise messages.not_implemented("round_cpu" if decimals else "round_vml_cpu", kind_of(self))
    return _arithmetic.round_decimals(self, decimals)


@op("frac(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, self=lambda grad: grad)
def frac(xp, self):
    """The fraction of each element, with its sign."""
    if self.dtype.kind != "f":
        raise messages.not_implemented("frac_cpu", kind_of(self))
    return self - xp.trunc(self)


def _copysign_gradient(grad, self, result):
    ratio = result / self
    ratio.masked_fill_(self == 0, 0)
    return grad * ratio


def _copysign(xp, self, other):
    """The size of self with the sign of other."""
    _arithmetic.no_complex("copysign_cpu", self)
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
    refuse(self, "nextafter_cpu", "biuc")
    return xp.nextafter(self, other)


@op(
    "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
    dtype=EXACT,
    inplace=True,
    self=lambda grad, self: grad * functions.isfinite(self),
)
def nan_to_num(xp, self, nan, posinf, neginf):
    """Replace NaN by 0 and the infinities by the dtype's limits, or by the numbers given."""
    return _arithmetic.nan_to_number(self, nan, posinf, neginf)


def _angle_gradient(grad, self):
    if not self.dtype.is_complex:
        return functions.zeros_like(self)
    return functions.where(self == 0.0, zero(self), grad * self / self.abs().pow(2) * 1j)


@op(
    "angle(Tensor self) -> Tensor",
    dtype=INT_TO_REAL,
    row_major=lambda self: self.dtype.is_complex,
    self=_angle_gradient,
)
def angle(xp, self):
    """The angle of a complex number; of a real one 0 or pi."""
    if self.dtype.kind == "c":
        return xp.array(_arithmetic.widely(lambda v: xp.angle(v).astype(v.dtype), self).real)
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
    strides = preserved_strides(own_geometry(self))
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
    return _of_two(xp, xp.maximum, self, other)


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
    return _of_two(xp, xp.minimum, self, other)


_BLOCKS = {2: 32, 4: 16, 8: 8}
"""How many elements PyTorch's loop takes at once in vector registers, by their size in bytes."""


def _of_two(xp, extreme, self, other):
    """Of equal elements, which are zeros of either sign, vector registers take the second, and what they leave over the first."""
    found = extreme(self, other)
    if self.dtype.kind in "biu" or xp is not np:
        return found
    equal = self == other
    if not equal.any():
        return found
    first, second = (xp.broadcast_to(one, found.shape) for one in (self, other))
    steady = all(one.flags.c_contiguous or not one.ndim for one in (self, other))
    block = _BLOCKS[self.dtype.itemsize]
    whole = found.size // block * block if steady and found.ndim else 0
    turned = xp.arange(found.size).reshape(found.shape) < whole
    return xp.where(equal, xp.where(turned, second, first), found)


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
    return limited(xp, xp.fmax, self, other)


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
    return limited(xp, xp.fmin, self, other)


def _clamp_check(self, min, max):
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    for value in (self, min, max):
        if type(value) is complex and self.dtype.is_floating_point:
            raise messages.overflow("double")
        if category(value) == COMPLEX and value is not None:
            raise NotImplementedError("clamp is not supported for complex types")
        if type(value) in (int, float) and category(value) <= self.dtype.category and self.dtype.category:
            check_number(value, self.dtype)


def _clamp_tensor_check(self, min, max):
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if self.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")


def _clamp_tensor_fits(self, min, max):
    _clamp_tensor_check(self, min, max)
    for limit in (min, max):
        if limit is not None and limit.dtype.is_complex:
            raise messages.result_cast(limit.dtype.scalar_type, self.dtype.scalar_type)


def _fits(check, self, *limits):
    """The check of an in-place clamp: what of `check`, and that self can hold the limits' dtype, in clamp's own words."""
    numbers = [limit for limit in limits if type(limit) in (int, float, complex)]
    if check is not _clamp_check:
        numbers = [number for number in numbers if type(number) is not complex]
    highest = max(numbers, key=category, default=None)
    if highest is not None and category(highest) > self.dtype.category != FLOATING:
        raise messages.result_cast(of_number(highest).scalar_type, self.dtype.cpp_name)
    check(self, *limits)


def _inside(self, min, max):
    if min is not None and max is not None:
        return functions.logical_and(self >= min, self <= max)
    return self >= min if min is not None else self <= max


def _clamp_gradient(grad, self, min, max):
    return functions.where(_inside(self, min, max), grad, zero(grad))


def _limits_gradient(grad, self, min, max, needs):
    none = zero(grad)
    below = above = None
    if needs[0]:
        reached = self < min
        below = functions.where(
            reached if max is None else functions.logical_and(min < max, reached), grad, none
        )
    if needs[1]:
        reached = self > max
        above = functions.where(
            reached if min is None else functions.logical_or(max < min, reached), grad, none
        )
    return below, above


def _clamp(xp, self, min, max):
    """Move the elements outside a range to its ends."""
    if self.dtype.kind in "bc" or is_wide(self):
        ends = [name for name, end in (("min", min), ("max", max)) if end is not None]
        if not any(type(end) is xp.ndarray for end in (min, max)):
            name = "clamp_scalar_cpu" if len(ends) == 2 else f"clamp_{ends[0]}_scalar_cpu"
            raise messages.not_implemented(name, kind_of(self))
        if len(ends) == 2:
            raise messages.not_implemented("clamp_cpu", kind_of(self))
        if self.dtype.kind != "b":
            raise messages.not_implemented("maximum_cpu" if min is not None else "minimum_cpu", kind_of(self))
    if min is not None:
        self = limited(xp, xp.maximum, self, min)
    return self if max is None else limited(xp, xp.minimum, self, max)


def limited(xp, extreme, self, limit):
    # Of equal elements the tensor's own stays, which for zeros may have another sign.
    found = extreme(self, limit)
    return xp.where(self == limit, self, found) if self.dtype.kind == "f" else found


op(
    "clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace={"check": partial(_fits, _clamp_check)},
    node=1,
    check=_clamp_check,
    self=_clamp_gradient,
)(_clamp)
op(
    "clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
    dtype=PROMOTE,
    inplace={"check": _clamp_tensor_fits},
    check=_clamp_tensor_check,
    self=_clamp_gradient,
    min__max=_limits_gradient,
)(_clamp)


def _clamp_min(xp, self, min):
    """Move the elements below a limit to it."""
    refuse(self, "maximum_cpu", "c")
    return limited(xp, xp.maximum, self, min)


def _clamp_max(xp, self, max):
    """Move the elements above a limit to it."""
    refuse(self, "minimum_cpu", "c")
    return limited(xp, xp.minimum, self, max)


def _limit_check(name):
    def check(self, limit):
        if category(self) == COMPLEX or category(limit) == COMPLEX:
            raise NotImplementedError("clamp is not supported for complex types")
        if category(self) == BOOL and category(limit) == BOOL:
            raise messages.not_implemented(f"{name}_scalar_cpu", "Bool")
        if category(limit) <= self.dtype.category and self.dtype.category:
            check_number(limit, self.dtype)

    return check


op(
    "clamp_min(Tensor self, Scalar min) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace={"check": partial(_fits, _limit_check("clamp_min"))},
    check=_limit_check("clamp_min"),
    self=lambda grad, self, min: functions.where(self >= min, grad, zero(grad)),
)(_clamp_min)
op(
    "clamp_min.Tensor(Tensor self, Tensor min) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    node=1,
    self=lambda grad, self, min: functions.where(self >= min, grad, zero(grad)),
    min=lambda grad, self, min: functions.where(self < min, grad, zero(grad)),
)(_clamp_min)
op(
    "clamp_max(Tensor self, Scalar max) -> Tensor",
    dtype=PROMOTE_SCALARS,
    inplace={"check": partial(_fits, _limit_check("clamp_max"))},
    check=_limit_check("clamp_max"),
    self=lambda grad, self, max: functions.where(self <= max, grad, zero(grad)),
)(_clamp_max)
op(
    "clamp_max.Tensor(Tensor self, Tensor max) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    node=1,
    self=lambda grad, self, max: functions.where(self <= max, grad, zero(grad)),
    max=lambda grad, self, max: functions.where(self > max, grad, zero(grad)),
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


# ---- other names

for _name, _origin in {
    "absolute": "abs",
    "negative": "neg",
    "fix": "trunc",
    "clip": "clamp",
}.items():
    alias(_name, _origin)
