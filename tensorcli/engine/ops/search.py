"""Searches: places in what is sorted, and membership."""

import numpy as np

from tensorcli.engine import conversion, dtypes, messages
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import BOOL, COMMON, REDUCED, complex32
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.tensor import Tensor

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
    for what, one in (("input value", values), ("boundary", sorted_sequence), ("sorter", sorter)):
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
    return xp.asarray(conversion.as_number(value, dtypes.from_numpy_dtype(array.dtype)))


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
