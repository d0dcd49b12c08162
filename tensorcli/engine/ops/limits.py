"""Limits: the larger and the smaller of two elements, and elements moved into a range."""

from functools import partial

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import check_number
from tensorcli.engine.declare import alias, op
from tensorcli.engine.dtypes import (
    BOOL,
    COMPLEX,
    FLOATING,
    PROMOTE,
    PROMOTE_SCALARS,
    REDUCED,
    bfloat16,
    of_number,
)
from tensorcli.engine.ops import _registers
from tensorcli.engine.ops._dimensions import is_wide, kind_of, refuse
from tensorcli.engine.ops._shared import category, zero

# ---- of two


def _no_complex_extreme(name):
    def check(self, other):
        if self.dtype.is_complex or other.dtype.is_complex:
            raise RuntimeError(f"{name} not implemented for complex tensors.")

    return check


@op(
    "maximum(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    stepwise=REDUCED,
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
    stepwise=REDUCED,
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


def _of_two(xp, extreme, self, other):
    """Of equal elements, which are zeros of either sign, vector registers take the second, and what they leave over the first."""
    found = extreme(self, other)
    if self.dtype.kind in "biu" or xp is not np:
        return found
    equal = self == other
    if not equal.any():
        return found
    if found.size > _registers.MOST:
        return xp.where(equal, other, found)
    return xp.where(equal, xp.where(_registers.in_registers(self, other), other, self), found)


def _whichever(xp, extreme, self, other):
    """Of equal elements the first, in bfloat16 the second, which C++'s template for it takes."""
    return (
        limited(xp, extreme, other, self)
        if _registers.is_reduced(self)
        else limited(xp, extreme, self, other)
    )


@op(
    "fmax(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    stepwise=(bfloat16,),
    check=_no_complex_extreme("fmax"),
    self=lambda grad, self, other: grad.masked_fill(
        (self >= other).logical_or_(other.isnan()).logical_not_(), 0
    ),
    other=lambda grad, self, other: grad.masked_fill((self >= other).logical_or_(other.isnan()), 0),
)
def fmax(xp, self, other):
    """The larger of two elements; where one is NaN, the other."""
    return _whichever(xp, xp.fmax, self, other)


@op(
    "fmin(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    stepwise=(bfloat16,),
    check=_no_complex_extreme("fmin"),
    self=lambda grad, self, other: grad.masked_fill(
        (self <= other).logical_or_(other.isnan()).logical_not_(), 0
    ),
    other=lambda grad, self, other: grad.masked_fill((self <= other).logical_or_(other.isnan()), 0),
)
def fmin(xp, self, other):
    """The smaller of two elements; where one is NaN, the other."""
    return _whichever(xp, xp.fmin, self, other)


# ---- into a range


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
    """The greater, or the lesser, of each element and its limit."""
    # Of equal elements the tensor's own stays, which for zeros may have another sign.
    found = extreme(self, limit)
    return found if self.dtype.kind in "biu" else xp.where(self == limit, self, found)


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


def _clamp_min_of_two(xp, self, min):
    """Move the elements below those of another tensor to them."""
    refuse(self, "maximum_cpu", "c")
    return _of_two(xp, xp.maximum, self, min)


def _clamp_max_of_two(xp, self, max):
    """Move the elements above those of another tensor to them."""
    refuse(self, "minimum_cpu", "c")
    return _of_two(xp, xp.minimum, self, max)


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
    stepwise=REDUCED,
    inplace=True,
    node=1,
    self=lambda grad, self, min: functions.where(self >= min, grad, zero(grad)),
    min=lambda grad, self, min: functions.where(self < min, grad, zero(grad)),
)(_clamp_min_of_two)
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
    stepwise=REDUCED,
    inplace=True,
    node=1,
    self=lambda grad, self, max: functions.where(self <= max, grad, zero(grad)),
    max=lambda grad, self, max: functions.where(self > max, grad, zero(grad)),
)(_clamp_max_of_two)


alias("clip", "clamp")
