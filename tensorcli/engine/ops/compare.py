"""Comparisons, truth values, and `where`, which chooses elements by them."""

import math

from tensorcli.engine import effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import filling
from tensorcli.engine.declare import alias, composite, op
from tensorcli.engine.dtypes import (
    BOOL,
    COMPARE,
    FLOAT8,
    FLOATING,
    LOGICAL,
    PROMOTE_SCALARS,
    complex32,
    promote_types,
)
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor, wrapped_number


def _zeros_of_other(grad, other):
    return functions.zeros_like(other)


def _zeros_of_self(grad, self):
    return functions.zeros_like(self)


def _comparison(name, function, ordered, description):
    """Both overloads of a comparison. The formulas are the in-place twin's: only it has a floating result."""

    def kernel(xp, self, other):
        if ordered and self.dtype.kind == "c":
            raise messages.not_implemented(f"{name}_cpu", kind_of(self))
        return getattr(xp, function)(self, other)

    kernel.__doc__ = description
    op(
        f"{name}.Scalar(Tensor self, Scalar other) -> Tensor",
        dtype=COMPARE,
        inplace=True,
        self=_zeros_of_self,
    )(kernel)
    op(
        f"{name}.Tensor(Tensor self, Tensor other) -> Tensor",
        dtype=COMPARE,
        inplace=True,
        node=1,
        self=_zeros_of_self,
        other=_zeros_of_other,
    )(kernel)


_comparison("eq", "equal", False, "Whether elements are equal.")
_comparison("ne", "not_equal", False, "Whether elements differ.")
_comparison("lt", "less", True, "Whether elements of self are less.")
_comparison("le", "less_equal", True, "Whether elements of self are less or equal.")
_comparison("gt", "greater", True, "Whether elements of self are greater.")
_comparison("ge", "greater_equal", True, "Whether elements of self are greater or equal.")
for _name, _origin in {
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
}.items():
    alias(_name, _origin)


# ---- truth values


def _real_truth(value):
    """What a logical function takes for complex numbers: whether they are not zero."""
    return value != 0 if value.dtype.kind == "c" else value


def _logic(name, function, description):
    def kernel(xp, self, other):
        return getattr(xp, function)(_real_truth(self), _real_truth(other))

    kernel.__doc__ = description
    op(f"{name}(Tensor self, Tensor other) -> Tensor", dtype=LOGICAL, inplace=True, self=None, other=None)(
        kernel
    )


_logic("logical_and", "logical_and", "Whether both elements are true: not zero.")
_logic("logical_or", "logical_or", "Whether one of two elements is true: not zero.")
_logic("logical_xor", "logical_xor", "Whether just one of two elements is true: not zero.")


@op("logical_not(Tensor self) -> Tensor", dtype=LOGICAL, inplace=True, self=None)
def logical_not(xp, self):
    """Whether each element is false: zero."""
    return xp.logical_not(_real_truth(self))


@op("isnan(Tensor self) -> Tensor", out=False, dtype=COMPARE, self=None)
def isnan(xp, self):
    """Whether each element is not a number."""
    return xp.isnan(self)


@op("isinf(Tensor self) -> Tensor", out=False, dtype=COMPARE, self=None)
def isinf(xp, self):
    """Whether each element is infinite."""
    return xp.isinf(self)


@op("isfinite(Tensor self) -> Tensor", dtype=COMPARE, out=False, self=None)
def isfinite(xp, self):
    """Whether each element is neither infinite nor NaN."""
    return xp.isfinite(self)


def _infinity(name, value):
    def check(self):
        if self.dtype.is_complex:
            raise RuntimeError(f"{name} does not support complex inputs.")

    def kernel(xp, self):
        return self == value

    kernel.__doc__ = f"Whether each element is {'positive' if value > 0 else 'negative'} infinity."
    op(f"{name}(Tensor self) -> Tensor", dtype=COMPARE, check=check, self=None)(kernel)


_infinity("isposinf", math.inf)
_infinity("isneginf", -math.inf)


@op("isreal(Tensor self) -> Tensor", dtype=COMPARE, out=False, self=None)
def isreal(xp, self):
    """Whether each element has no imaginary part."""
    return xp.isreal(self)


def _no_complex_signbit(self):
    if self.dtype.is_complex:
        raise NotImplementedError("signbit is not implemented for complex tensors.")


@op("signbit(Tensor self) -> Tensor", dtype=COMPARE, check=_no_complex_signbit, self=None)
def signbit(xp, self):
    """Whether the sign bit of each element is set, that of -0.0 included."""
    return (
        self < 0
        if self.dtype.kind in "iu"
        else xp.zeros(self.shape, bool)
        if self.dtype.kind == "b"
        else xp.signbit(self)
    )


# ---- how near


def _nearness(self, other, rtol, atol):
    if self.dtype is not other.dtype:
        raise RuntimeError(f"{self.dtype.scalar_type} did not match {other.dtype.scalar_type}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")


@composite(
    "isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor"
)
def isclose(self, other, rtol, atol, equal_nan):
    """Whether elements are equal, or differ by no more than atol plus rtol times the size of other."""
    _nearness(self, other, rtol, atol)
    close = self == other
    if equal_nan and self.dtype.category >= FLOATING:
        close.__ior__((self != self) & (other != other))
    if rtol == 0 and atol == 0:
        return close
    if self.dtype.category < FLOATING:
        wide = functions.zeros(()).dtype
        return close.__ior__(self.to(wide).sub(other.to(wide)).abs() <= atol + (rtol * other.to(wide)).abs())
    allowed = atol + (rtol * other).abs()
    actual = (self - other).abs()
    close.__ior__(functions.isfinite(actual) & (actual <= allowed))
    return close


@composite(
    "allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool"
)
def allclose(self, other, rtol, atol, equal_nan):
    """Whether all elements are near each other, as isclose says."""
    return functions.isclose(self.detach(), other.detach(), rtol, atol, equal_nan).all().item()


def check_equal(self, other):
    """Refuse tensors of two devices, and of meta, which have nothing to compare."""
    if self.is_cpu and other.is_cpu:
        return
    from tensorcli.engine.placement import common_device

    common_device(OPS["equal"], (self, other))


@composite("equal(Tensor self, Tensor other) -> bool")
def equal(self, other):
    """Whether two tensors have the same sizes and equal elements."""
    check_equal(self, other)
    if self.geometry.sizes != other.geometry.sizes:
        return False
    alike = self.memory is other.memory and self.geometry == other.geometry
    kind = self.dtype if self.dtype is other.dtype else promote_types(self.dtype, other.dtype)
    if kind is complex32 or (alike and kind in FLOAT8):
        # Of one and the same memory only nan is unequal to itself.
        raise messages.not_implemented("equal_notnan_cpu" if alike else "equal_cpu", kind.scalar_type)
    return bool((self.detach() == other.detach()).values.all())


# ---- choosing


def _boolean_condition(condition, self, other):
    if condition.dtype.category == BOOL:
        return
    if condition.dtype.name != "uint8":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.scalar_type}"
        )
    messages.warn(
        "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future version of "
        "PyTorch. Use a boolean condition instead.",
        once=True,
    )


def _chosen(xp, condition, self, other):
    """Elements of self where the condition holds, of other elsewhere."""
    return xp.where(condition, self, other)


op(
    "where.self(Tensor condition, Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE_SCALARS,
    check=_boolean_condition,
    condition=None,
    self=lambda grad, condition: functions.where(condition, grad, 0),
    other=lambda grad, condition: functions.where(condition, 0, grad),
)(_chosen)


def _as_operand(value):
    """A Python number as the zero-dimensional tensor that it promotes like."""
    return value if isinstance(value, Tensor) else wrapped_number(value)


def _where_number(condition, self, other):
    """Elements of self where the condition holds, of other elsewhere."""
    operands = [_as_operand(one) for one in (self, other)]
    kind = effects.promoted_dtype(OPS["where.self"], (condition, *operands))
    for one in (self, other):
        if not isinstance(one, Tensor):
            filling(one, kind, 1)
    return functions.where(condition, *operands)


composite("where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", variants="function")(
    _where_number
)
composite("where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor")(_where_number)
composite("where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", variants="function")(
    _where_number
)


@composite("where(Tensor condition) -> Tensor[]", variants="function")
def where_nonzero(condition):
    """The indices of the true elements, a tensor for each dimension."""
    return condition.nonzero(as_tuple=True)
