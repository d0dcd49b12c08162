"""Comparisons, truth values, and what chooses elements by them: where, masked_fill, searchsorted, isin."""

import math

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import (
    BOOL,
    COMMON,
    COMPARE,
    FLOAT8,
    FLOATING,
    LOGICAL,
    PROMOTE_SCALARS,
    REDUCED,
    SELF,
    complex32,
)
from tensorcli.engine.op import OPS, alias, composite, op
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._elements import check_number, filling
from tensorcli.engine.ops._shared import subclass_like
from tensorcli.engine.tensor import Tensor


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
    alike = self.is_set_to(other)
    if self.dtype is other.dtype is complex32 or (alike and self.dtype in FLOAT8):
        # Of one and the same memory only nan is unequal to itself.
        raise messages.not_implemented("equal_notnan_cpu" if alike else "equal_cpu", self.dtype.scalar_type)
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
    from tensorcli.engine.tensor import wrapped_number

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


def _masking(self, mask, value):
    if isinstance(value, Tensor) and value.geometry.sizes:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.geometry.sizes)} dimension(s)."
        )
    if mask.dtype.category != BOOL:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.cpp_name}"
        )
    if not isinstance(value, Tensor):
        check_number(value, self.dtype)
    elif not value.is_meta:
        check_number(value.detach().item(), self.dtype)


def _masking_anew(self, mask, value):
    effects.broadcast_sizes(
        [mask.geometry.sizes, self.geometry.sizes]
    )  # in this order, which the error tells
    _masking(self, mask, value)


def _masked(xp, self, mask, value):
    """Elements of self, and the value where the mask is true."""
    return xp.where(mask, value, self)


def _filled_backward(grad, mask):
    """The gradient of the value."""
    if subclass_like(grad, mask):
        return functions.where(mask, grad, 0).sum()
    return grad.masked_select(mask).sum()


op(
    "masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor",
    dtype=SELF,
    row_major=True,
    inplace={"check": _masking},
    out=False,
    check=_masking_anew,
    self=lambda grad, mask: grad.masked_fill(mask, 0),
    mask=None,
)(_masked)
op(
    "masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor",
    dtype=SELF,
    row_major=True,
    inplace={"check": _masking},
    out=False,
    node=1,
    check=_masking_anew,
    self=lambda grad, mask: grad.masked_fill(mask, 0),
    mask=None,
    value=_filled_backward,
)(_masked)


# ---- searching


_NOT_CONTIGUOUS = (
    "torch.searchsorted(): {0} tensor is non-contiguous, this will lower the performance due to extra data copy when "
    "converting non-contiguous tensor to contiguous, please use contiguous {0} tensor if possible. This message will only "
    "appear once per program."
)


def _check_order(sorted_sequence, right, side, sorter):
    """The checks of how a sequence is searched, which come before those of what is sought. Errors: RuntimeError."""
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape:
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                f"{list(sorted_sequence.shape)}and got sorter tensor {list(sorter.shape)}"
            )
        if sorter.dtype != np.int64:
            raise RuntimeError(
                f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {kind_of(sorter)}"
            )
        if ((sorter < 0) | (sorter >= sorter.shape[-1])).any():
            raise RuntimeError("torch.searchsorted(): sorter index out of range")


def _found(xp, sorted_sequence, values, out_int32, right, side, sorter):
    for what, one in (("boundary", sorted_sequence), ("input value", values), ("sorter", sorter)):
        if one is not None and not one.flags.c_contiguous:
            messages.warn(_NOT_CONTIGUOUS.format(what), once=True)
    if values.size:
        refuse(values, "searchsorted_out_cpu", "cb")
    if sorter is not None:
        sorted_sequence = xp.take_along_axis(sorted_sequence, sorter, -1)
    found = _bisected(xp, sorted_sequence, values, right or side == "right")
    return found.astype(xp.int32 if out_int32 else xp.int64)


def _among(xp, value, array):
    """An array, or a number as one of the dtype that it is looked for in."""
    if hasattr(value, "dtype"):
        return value
    return xp.asarray(effects.as_number(value, dtypes.from_numpy_dtype(array.dtype)))


def _bisected(xp, rows, values, right):
    """Where PyTorch's search arrives, halving from the whole row on; NaN and what is not sorted lead it astray as there.

    `rows`: (n,) or (..., n); `values` has the leading sizes of such rows.
    """
    count = rows.shape[-1]
    low, high = xp.zeros(values.shape, xp.int64), xp.full(values.shape, count, xp.int64)
    for _ in range(count.bit_length()):
        middle = (low + high) >> 1
        reached = xp.minimum(middle, count - 1)
        found = rows[reached] if rows.ndim == 1 else xp.take_along_axis(rows, reached, -1)
        above = ~(found > values if right else found >= values) & (low < high)
        low, high = xp.where(above, middle + 1, low), xp.where(above, high, middle)
    return low


@op(
    "searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, "
    "Tensor? sorter=None) -> Tensor",
    dtype=COMMON,
    stepwise=REDUCED,
    variants="function",
)
def searchsorted(xp, sorted_sequence, self, out_int32, right, side, sorter):
    """Where values would have to be put into a sorted sequence to keep it sorted."""
    _check_order(sorted_sequence, right, side, sorter)
    if not self.ndim and sorted_sequence.ndim != 1:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries "
            f"tensor dim({sorted_sequence.ndim}) and input value's dim({self.ndim}) numel({self.size})"
        )
    if sorted_sequence.ndim == 0:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if sorted_sequence.ndim != 1 and sorted_sequence.shape[:-1] != self.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor "
            f"and input value tensor must match, but we got boundaries tensor {list(sorted_sequence.shape)} and input value "
            f"tensor {list(self.shape)}"
        )
    return _found(xp, sorted_sequence, self, out_int32, right, side, sorter)


@op(
    "searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, "
    "Tensor? sorter=None) -> Tensor",
    dtype=COMMON,
    stepwise=REDUCED,
    variants="function",
)
def searchsorted_number(xp, sorted_sequence, self, out_int32, right, side, sorter):
    """Where a number would have to be put into a sorted sequence to keep it sorted."""
    return searchsorted(
        xp, sorted_sequence, _among(xp, self, sorted_sequence), out_int32, right, side, sorter
    )


def _bucket(xp, self, boundaries, out_int32, right):
    """The index of the bucket, between sorted boundaries, that each value falls into."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return _found(xp, boundaries, _among(xp, self, boundaries), out_int32, right, None, None)


op(
    "bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    dtype=COMMON,
    stepwise=REDUCED,
    variants="function",
)(_bucket)
op(
    "bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
    out=False,
    dtype=COMMON,
    stepwise=REDUCED,
    variants="function",
)(_bucket)


def _check_is_in(elements, test_elements, assume_unique, invert):
    # Few test elements are compared one by one, as a view of all of them in a row.
    for one in (elements, test_elements):
        _refuse_unordered(_kind_of_scalar(one))
    if not isinstance(test_elements, Tensor):
        return
    count = elements.numel() if isinstance(elements, Tensor) else 1
    if test_elements.numel() < 10 * count**0.145:
        test_elements.detach().view((-1,))


def _kind_of_scalar(value):
    """The dtype of a tensor, or of a number, which is kept in double precision."""
    if isinstance(value, Tensor):
        return value.dtype
    return dtypes.complex128 if type(value) is complex else dtypes.of_number(value)


def _refuse_unordered(kind):
    if (kind.is_complex and kind is not complex32) or kind.category == BOOL:
        raise RuntimeError(f"Unsupported input type encountered for isin(): {kind.scalar_type}")


def _is_in(xp, elements, test_elements, assume_unique, invert):
    """Whether each element is among the test elements."""
    elements = _among(xp, elements, test_elements)
    return xp.isin(elements, test_elements, invert=invert).reshape(elements.shape)


op(
    "isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    dtype=COMMON,
    stepwise=REDUCED,
    variants="function",
    check=_check_is_in,
)(_is_in)


@composite(
    "isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor",
    variants="function",
    out=True,
)
def isin_number(elements, test_element, assume_unique, invert):
    """Whether each element is a number, rounded as comparisons round it."""
    _refuse_unordered(elements.dtype)
    _refuse_unordered(_kind_of_scalar(test_element))
    return elements.ne(test_element) if invert else elements.eq(test_element)


op(
    "isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    dtype=COMMON,
    stepwise=REDUCED,
    variants="function",
    check=_check_is_in,
)(_is_in)
