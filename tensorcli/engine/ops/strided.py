"""Views by explicit strides: `as_strided`, its gradient, and the copies that a base's gradient needs."""

from typing import Any

import numpy as np

from tensorcli.engine import dtypes, effects, geometry, messages
from tensorcli.engine.effects import Viewed
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.op import view
from tensorcli.engine.tensor import Tensor


def as_strided_backward(grad: Any, source: Geometry, shape: Geometry) -> Any:
    """The gradient of a tensor of geometry `source` for a view of it by the geometry `shape`.

    Elements that the view reaches more than once add up; elements of the source that share memory each get the share
    (after torch/csrc/autograd/FunctionsManual.cpp, as_strided_backward).
    """
    offset = shape.offset - source.offset
    span = max(source.span, offset + shape.span, 1)
    flat = grad.new_zeros((span,))
    cells = _cells(Geometry(shape.sizes, shape.strides, offset))
    flat = flat.index_add(0, cells, grad.reshape(-1))
    back = _cells(Geometry(source.sizes, source.strides, 0))
    if len(np.unique(back.array)) != source.numel:
        counts = grad.new_zeros((span,)).index_add(0, back, grad.new_ones((source.numel,)))
        flat = flat / counts.clamp(min=1)
    result = flat.index_select(0, back).view(source.sizes)
    if geometry.is_non_overlapping_and_dense(source.sizes, source.strides) and not source.contiguous:
        laid = effects.empty(source.sizes, source.strides, result.dtype, result.device)
        return laid.copy_(result)
    return result


def _cells(shape: Geometry) -> Tensor:
    """The storage cell of each element, in row-major order, as an int64 tensor."""
    cells = np.full(shape.sizes, shape.offset, np.int64)
    for d, (size, stride) in enumerate(zip(shape.sizes, shape.strides, strict=True)):
        along = np.arange(size, dtype=np.int64) * stride
        cells += along.reshape((size,) + (1,) * (len(shape.sizes) - d - 1))
    return effects.adopt(cells.reshape(-1), dtypes.int64)


@view(
    "as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)",
    self=lambda grad, self_geometry, size, stride, storage_offset: as_strided_backward(
        grad,
        self_geometry,
        Geometry(tuple(size), tuple(stride), self_geometry.offset if storage_offset is None else storage_offset),
    ),
)
def as_strided(viewed: Viewed, size: Any, stride: Any, storage_offset: int | None) -> Viewed:
    """Any sizes, strides and offset over the same storage."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {messages.numbers(stride)}"
        )
    shape = Geometry(size, stride, viewed.geometry.offset if storage_offset is None else storage_offset)
    check_bounds(shape, viewed.dtype.itemsize, viewed.nbytes)
    return Viewed(shape, viewed.dtype, viewed.lazy, viewed.nbytes)


def check_bounds(shape: Geometry, itemsize: int, nbytes: int) -> None:
    """Refuse a geometry that reaches beyond its storage. Errors: RuntimeError with PyTorch's text."""
    needed = (shape.offset + shape.span) * itemsize if shape.numel else 0
    if needed > nbytes:
        raise RuntimeError(
            f"setStorage: sizes {messages.numbers(shape.sizes)}, strides {messages.numbers(shape.strides)}, storage "
            f"offset {shape.offset}, and itemsize {itemsize} requiring a storage size of {needed} are out of bounds for "
            f"storage of size {nbytes}"
        )
