"""Reductions of consecutive segments of a dimension (aten/src/ATen/native/SegmentReduce.cpp)."""

from itertools import pairwise

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.ops._dimensions import kind_of, wrap

_REDUCTIONS = {
    "sum": ("add", 0),
    "mean": ("add", 0),
    "prod": ("multiply", 1),
    "max": ("maximum", -np.inf),
    "amax": ("maximum", -np.inf),
    "min": ("minimum", np.inf),
    "amin": ("minimum", np.inf),
}
"""By the name of a reduction, numpy's function of two and what an empty segment gives."""


def _check(data, reduce, lengths, indices, offsets, axis, unsafe, initial):
    """The checks of segment_reduce. Errors: RuntimeError, IndexError, NotImplementedError with PyTorch's texts."""
    axis = wrap(axis, data.ndim)
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    name, where = ("offsets", offsets) if offsets is not None else ("lengths", lengths)
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if data.ndim < where.ndim:
        raise RuntimeError(
            f"Expected data.dim() >= {name}_value.dim() to be true, but got false.  (Could this error message be improved?  "
            "If so, please report an enhancement request to PyTorch.)"
        )
    if axis != where.ndim - 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {name} but got {axis}."
        )
    if offsets is None and not unsafe:
        if where.dtype.is_floating_point:
            raise messages.not_implemented("_segment_reduce_lengths_cpu_kernel1", where.dtype.scalar_type)
        counts = where.values
        if not counts.size:
            raise RuntimeError(
                "min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
                "argument."
            )
        if (counts < 0).any():
            raise RuntimeError("lengths contains negative value!")
        if (counts.sum(-1) != data.geometry.sizes[axis]).any():
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe."
            )


def _bounds(xp, lengths, offsets):
    """Where the segments start and end, one more than there are segments."""
    if offsets is not None:
        return offsets
    starts = xp.zeros((*lengths.shape[:-1], 1), xp.int64)
    return xp.concatenate([starts, lengths.cumsum(-1)], -1)


def _segments(bounds, axis):
    """The places of each segment: those of the result's row, those of the data's rows."""
    for row in np.ndindex(bounds.shape[:axis]):
        for at, (start, end) in enumerate(pairwise(bounds[row].tolist())):
            yield (*row, at), (*row, slice(start, end))


@op(
    "segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, int axis=0, "
    "bool unsafe=False, Scalar? initial=None) -> Tensor",
    check=_check,
    variants="function",
    out=False,
    data=lambda grad, result, data, reduce, lengths, offsets, axis, initial: (
        functions._segment_reduce_backward(
            grad, result, data, reduce, lengths=lengths, offsets=offsets, axis=axis, initial=initial
        )
    ),
    lengths=None,
    indices=None,
    offsets=None,
)
def segment_reduce(xp, data, reduce, lengths, indices, offsets, axis, unsafe, initial):
    """Reduce (sum, mean, max, min, prod) consecutive segments of a dimension, given by their lengths or by their bounds."""
    axis = wrap(axis, data.ndim)
    if data.dtype.kind != "f" and data.dtype.name != "bfloat16":
        raise messages.not_implemented("_segment_reduce_cpu", kind_of(data))
    bounds = _bounds(xp, lengths, offsets)
    count = bounds.shape[-1] - 1
    result = xp.empty((*data.shape[:axis], count, *data.shape[axis + 1 :]), data.dtype)
    function, neutral = _REDUCTIONS[reduce]
    for to, part in _segments(bounds, axis):
        rows = data[part]
        total = getattr(xp, function).reduce(rows, axis=0, initial=neutral if initial is None else initial)
        if reduce == "mean":
            total = total / len(rows) if len(rows) else (np.nan if initial is None else total)
        result[to] = total
    return result


@op(
    "_segment_reduce_backward(Tensor grad, Tensor output, Tensor data, str reduce, *, Tensor? lengths=None, Tensor? "
    "offsets=None, int axis=0, Scalar? initial=None) -> Tensor",
    variants="function",
    out=False,
    lengths=None,
    offsets=None,
)
def segment_reduce_backward(xp, grad, output, data, reduce, lengths, offsets, axis, initial):
    """The gradient of segment_reduce; what reached an extreme shares its gradient evenly."""
    axis = wrap(axis, data.ndim)
    found = xp.zeros(data.shape, data.dtype)
    for to, part in _segments(_bounds(xp, lengths, offsets), axis):
        rows, above = data[part], grad[to]
        if not len(rows):
            continue
        if reduce == "sum":
            found[part] = above
        elif reduce == "mean":
            found[part] = above / len(rows)
        elif reduce == "prod":
            found[part] = above * _products_of_others(xp, rows) * (1 if initial is None else initial)
        else:
            reached = (rows == output[to]) | xp.isnan(rows)
            found[part] = xp.where(reached, above / xp.maximum(reached.sum(0), 1), 0)
    return found


def _products_of_others(xp, rows):
    """For each row the product of the other rows."""
    before = xp.cumprod(xp.concatenate([xp.ones_like(rows[:1]), rows[:-1]]), axis=0)
    behind = xp.cumprod(xp.concatenate([xp.ones_like(rows[:1]), rows[:0:-1]]), axis=0)[::-1]
    return before * behind
