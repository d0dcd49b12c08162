"""Views of parts, by offset and strides; the gradients that spread them out again; their copies."""

from typing import Any

import numpy as np

from tensorcli.engine import allocation, dtypes, geometry, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op, view
from tensorcli.engine.effects import Viewed
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.storage import check_bounds
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor

# ---- any strides


@view(
    "as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)",
    inplace={"node": 1},
    self=lambda grad, self_geometry, size, stride, storage_offset: as_strided_backward(
        grad, self_geometry, strided(self_geometry, size, stride, storage_offset)
    ),
)
def as_strided(viewed, size, stride, storage_offset):
    """Any sizes, strides and offset over the same storage."""
    shape = strided(viewed.geometry, size, stride, storage_offset)
    if any(step < 0 for step in shape.strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {messages.numbers(stride)}"
        )
    check_bounds(shape, viewed.dtype.itemsize, viewed.nbytes)
    return Viewed(shape, viewed.dtype, viewed.lazy, viewed.nbytes)


OPS["as_strided_"].variants = "function, method"


def strided(own: Geometry, size: Any, stride: Any, storage_offset: int | None) -> Geometry:
    """A geometry of these sizes and strides; it begins where `own` does unless an offset is given. Errors: RuntimeError."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    return Geometry(tuple(size), tuple(stride), own.offset if storage_offset is None else storage_offset)


def as_strided_backward(grad: Any, source: Geometry, shape: Geometry) -> Any:
    """The gradient of a tensor of geometry `source` for a view of it by the geometry `shape`.

    Elements that the view reaches more than once add up; elements of the source that share memory each get the share
    (after torch/csrc/autograd/FunctionsManual.cpp, as_strided_backward).
    """
    grad, shape = _reduced(grad, shape)
    offset = min(shape.offset, source.offset)
    span = max(source.offset - offset + source.span, shape.offset - offset + shape.span, 1)
    flat = grad.new_zeros((span,))
    if geometry.has_distinct_elements(shape):
        flat.as_strided(shape.sizes, shape.strides, shape.offset - offset).copy_(grad)
    else:
        cells = cells_of(Geometry(shape.sizes, shape.strides, shape.offset - offset)).to(grad.device)
        flat.index_add_(0, cells, grad.reshape(-1))
    if not geometry.has_distinct_elements(source):
        cells = cells_of(Geometry(source.sizes, source.strides, source.offset - offset)).to(grad.device)
        counts = grad.new_zeros((span,)).index_add(0, cells, grad.new_ones((source.numel,)))
        flat.div_(counts.clamp(min=1))
    return flat.as_strided(source.sizes, source.strides, source.offset - offset)


def _reduced(grad: Any, shape: Geometry) -> tuple[Any, Geometry]:
    """A view's gradient and geometry without what needs no cells of its own: sizes of 1, and elements repeated by a stride of 0,
    which are added up."""
    kept = []
    for d in range(len(shape.sizes) - 1, -1, -1):
        if shape.sizes[d] == 1:
            grad = grad.squeeze(d)
        elif shape.strides[d] == 0:
            grad = grad.sum(d)
        else:
            kept.append(d)
    kept.reverse()
    return grad, Geometry(
        tuple(shape.sizes[d] for d in kept), tuple(shape.strides[d] for d in kept), shape.offset
    )


def cells_of(shape: Geometry) -> Tensor:
    """The storage cell of each element, in row-major order, as an int64 tensor."""
    cells = np.full(shape.sizes, shape.offset, np.int64)
    for d, (size, stride) in enumerate(zip(shape.sizes, shape.strides, strict=True)):
        along = np.arange(size, dtype=np.int64) * stride
        cells += along.reshape((size,) + (1,) * (len(shape.sizes) - d - 1))
    return allocation.adopt(cells.reshape(-1), dtypes.int64)


# ---- one index, a range of indices


@view(
    "select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)",
    self=lambda grad, self_sizes, dim, index: functions.select_backward(grad, self_sizes, dim, index),
)
def select(geometry, dim, index):
    """One index of a dimension, which disappears."""
    if not geometry.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap(dim, geometry.ndim)
    size = geometry.sizes[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {messages.numbers(geometry.sizes)} at dimension {dim}"
        )
    return geometry.selected(dim, index + size if index < 0 else index)


@view(
    "slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)",
    namespace="internal",
    self=lambda grad, self_sizes, dim, start, end, step: _slice_backward(
        grad, self_sizes, dim, start, end, step
    ),
)
def slice_(geometry, dim, start, end, step):
    """A range of indices of a dimension."""
    if not geometry.ndim:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    dim = wrap(dim, geometry.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    start, end = slice_bounds(geometry.sizes[dim], start, end)
    return geometry.sliced(dim, start, (end - start + step - 1) // step, step)


def slice_bounds(size, start, end):
    """The first index and the one behind the last, between 0 and the size, not crossed."""
    start = 0 if start is None else start + size if start < 0 else start
    end = size if end is None else end + size if end < 0 else end
    start = min(max(start, 0), size)
    return start, min(max(end, start), size)


def _slice_backward(grad, sizes, dim, start, end, step):
    start = 0 if start is None else start
    end = 2**63 - 1 if end is None else end
    return functions.slice_backward(grad, sizes, dim, start, end, step)


@composite("narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)")
def narrow(self, dim, start, length):
    """Some indices of a dimension, from start on."""
    start = _narrow_start(self, dim, start, length)
    return functions.slice(self, dim, start, start + length, 1)


def _narrow_start(self, dim, start, length):
    sizes = self.geometry.sizes
    if not sizes:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    return _start_within(sizes, dim, start, length)


def _check_narrow_copy(self, dim, start, length):
    sizes = self.geometry.sizes
    if not sizes:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if dim >= len(sizes):
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error message be "
            "improved?  If so, please report an enhancement request to PyTorch.)"
        )
    _start_within(sizes, dim, start, length)


def _start_within(sizes, dim, start, length):
    size = sizes[wrap(dim, len(sizes))]
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start = start + size if start < 0 else start
    if length < 0 or start > size - length:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return start


@composite("narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)")
def narrow_from(self, dim, start, length):
    """Some indices of a dimension, from start on, which is a tensor of one integer."""
    if start.geometry.sizes or start.dtype.category != dtypes.INTEGRAL:
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    return narrow(self, dim, start.item(), length)


@op(
    "narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor",
    check=_check_narrow_copy,
    self=lambda grad, self_sizes, dim, start, length: _slice_backward(
        grad, self_sizes, dim, start, start + length, 1
    ),
)
def narrow_copy(xp, self, dim, start, length):
    """A copy of some indices of a dimension, from start on."""
    dim = wrap(dim, self.ndim)
    start = start + self.shape[dim] if start < 0 else start
    return self[(slice(None),) * dim + (slice(start, start + length),)].copy()


# ---- diagonals and windows


@view(
    "diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
    self=lambda grad, self_sizes, offset, dim1, dim2: functions.diagonal_backward(
        grad, self_sizes, offset, dim1, dim2
    ),
)
def diagonal(geometry, offset, dim1, dim2):
    """A diagonal of two dimensions, as the last one."""
    first, second = wrap(dim1, geometry.ndim), wrap(dim2, geometry.ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    sizes, strides = geometry.sizes, geometry.strides
    if offset >= 0:
        size = max(min(sizes[first], sizes[second] - offset), 0)
        step = offset * strides[second]
    else:
        size = max(min(sizes[first] + offset, sizes[second]), 0)
        step = -offset * strides[first]
    rest = [dim for dim in range(len(sizes)) if dim not in (first, second)]
    return Geometry(
        (*[sizes[dim] for dim in rest], size),
        (*[strides[dim] for dim in rest], strides[first] + strides[second]),
        geometry.offset + (step if size else 0),
    )


@composite(
    "linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)", namespace="linalg"
)
def linalg_diagonal(A, offset, dim1, dim2):
    """A diagonal of the last two dimensions."""
    return A.diagonal(offset, dim1, dim2)


@view(
    "unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)",
    variants="method",
    self=lambda grad, self_sizes, dimension, size, step: functions.unfold_backward(
        grad, self_sizes, dimension, size, step
    ),
)
def unfold(geometry, dimension, size, step):
    """All windows of a size along a dimension, each as a new last dimension."""
    dim = wrap(dimension, geometry.ndim)
    whole = geometry.sizes[dim] if geometry.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > whole:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {whole} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not geometry.ndim:
        return Geometry((size,), (1,), geometry.offset)
    sizes, strides = list(geometry.sizes), list(geometry.strides)
    along = strides[dim]
    sizes[dim] = (whole - size) // step + 1
    strides[dim] = step * along
    return Geometry((*sizes, size), (*strides, along), geometry.offset)
