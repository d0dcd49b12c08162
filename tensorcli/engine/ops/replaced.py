"""What belongs to views: their gradients, and `NAME_scatter`, which copies a tensor with the viewed part replaced."""

import numpy as np

from tensorcli.engine import allocation, effects, geometry, messages
from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.devices import META
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops.strided import cells_of, diagonal, select, slice_, strided, unfold
from tensorcli.engine.storage import check_bounds
from tensorcli.engine.tensor import stored_tensor

# ---- their gradients: zeros, with the part put in


@op(
    "select_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt index) -> Tensor",
    namespace="internal",
    out=False,
    grad_output=lambda grad, dim, index: grad.select(dim, index),
)
def select_backward(xp, grad_output, input_sizes, dim, index):
    """The gradient of select."""
    return _put(xp, grad_output, input_sizes, select(_rows(input_sizes), dim, index))


@op(
    "slice_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt start, SymInt end, SymInt step) -> Tensor",
    namespace="internal",
    out=False,
    grad_output=lambda grad, dim, start, end, step: functions.slice(grad, dim, start, end, step),
)
def slice_backward(xp, grad_output, input_sizes, dim, start, end, step):
    """The gradient of a range of indices."""
    return _put(xp, grad_output, input_sizes, slice_(_rows(input_sizes), dim, start, end, step))


@op(
    "diagonal_backward(Tensor grad_output, SymInt[] input_sizes, int offset, int dim1, int dim2) -> Tensor",
    namespace="internal",
    out=False,
    grad_output=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2),
)
def diagonal_backward(xp, grad_output, input_sizes, offset, dim1, dim2):
    """The gradient of diagonal."""
    return _put(xp, grad_output, input_sizes, diagonal(_rows(input_sizes), offset, dim1, dim2))


@op(
    "unfold_backward(Tensor grad_in, SymInt[] input_sizes, int dim, int size, int step) -> Tensor",
    stepwise=REDUCED,
    namespace="internal",
    out=False,
    grad_in=lambda grad, dim, size, step: grad.unfold(dim, size, step),
)
def unfold_backward(xp, grad_in, input_sizes, dim, size, step):
    """The gradient of unfold: windows that overlap add up."""
    whole = _rows(tuple(input_sizes))
    result = xp.zeros(whole.numel, grad_in.dtype)
    cells = cells_of(unfold(whole, dim, size, step)).array
    behind(xp).combine("add", result, xp.asarray(cells), grad_in.reshape(-1))
    return result.reshape(input_sizes)


def _rows(sizes):
    return geometry.contiguous(tuple(sizes))


def _window(xp, array, shape):
    """The part of a row-major array that a geometry reaches."""
    step = array.dtype.itemsize
    strides = tuple(s * step for s in shape.strides)
    if type(array) is not np.ndarray:
        return xp.lib.stride_tricks.as_strided(array.reshape(-1)[shape.offset :], shape.sizes, strides)
    return np.ndarray(shape.sizes, array.dtype, array, shape.offset * step, strides)


def _put(xp, part, sizes, shape):
    result = xp.zeros(sizes, part.dtype)
    if result.size:
        _window(xp, result, shape)[...] = part
    return result


# ---- copies with the part replaced


def _scattered(name, line, part, out=False, **formulas):
    """Declare `NAME_scatter`: a copy of self, of its strides, in which the part holds src."""

    def replace(declared, values):
        self, src, *rest = values
        effects.device_of(declared, values)
        result = _with_its_memory(self)
        memory, own = result.memory, result.geometry
        shape = part(own, *rest)
        check_bounds(shape, self.dtype.itemsize, memory.nbytes)
        if src.geometry.sizes != shape.sizes:
            raise RuntimeError(
                "expected src to have a size equal to the slice of self. src size = "
                f"{messages.numbers(src.geometry.sizes)}, slice size = {messages.numbers(shape.sizes)}"
            )
        target = stored_tensor(memory, shape, self.dtype)
        messages.warn_discards(src.dtype, self.dtype)
        if result.device is not META:
            effects.check_overlap(target, ())
            effects.store_quietly(target, src.values)
        return effects.recorded(declared, values, result)

    def kernel(*values):
        raise NotImplementedError

    kernel.__doc__ = f"A copy in which {name} holds src."
    op(line, out=out, effect=replace, **formulas)(kernel)


def _with_its_memory(tensor):
    """A copy of a tensor with all memory that it is a part of, as PyTorch clones where strides have to stay."""
    own, source = tensor.geometry, tensor
    if geometry.has_internal_overlap(own):
        whole = own = geometry.contiguous(own.sizes)
    elif tensor.lazy:
        # Its bytes are first conjugated or negated, into memory for it alone.
        whole = own = Geometry(own.sizes, geometry.preserved_strides(own))
    else:
        count = tensor.memory.nbytes // tensor.dtype.itemsize
        whole = geometry.contiguous((count,))
        source = stored_tensor(tensor.memory, whole, tensor.dtype)
    copied = allocation.empty(whole.sizes, whole.strides, tensor.dtype, tensor.device)
    if copied.device is not META:
        effects.store_quietly(copied, source.values)
    return stored_tensor(copied.memory, own, tensor.dtype)


_scattered(
    "one index of a dimension",
    "select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor",
    select,
    self=lambda grad, src_geometry, dim, index: functions.select_scatter(
        grad, _zeros(grad, src_geometry), dim, index
    ),
    src=lambda grad, dim, index: grad.select(dim, index),
)
_scattered(
    "a range of indices",
    "slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor",
    slice_,
    out=True,
    self=lambda grad, src_geometry, dim, start, end, step: functions.slice_scatter(
        grad, _zeros(grad, src_geometry), dim, start, end, step
    ),
    src=lambda grad, dim, start, end, step: functions.slice(grad, dim, start, end, step),
)
_scattered(
    "a diagonal",
    "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    diagonal,
    self=lambda grad, src_geometry, offset, dim1, dim2: functions.diagonal_scatter(
        grad, _zeros(grad, src_geometry), offset, dim1, dim2
    ),
    src=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2),
)


def _as_strided_scatter_backward(grad, shape, *part):
    """PyTorch keeps the gradient of the replaced part and drops the rest (FunctionsManual.cpp, as_strided_scatter_backward)."""
    grad = grad.contiguous()
    room = roomy(grad.new_zeros(shape.sizes), grad)
    room.as_strided(*part).copy_(grad.as_strided(*part))
    return room.as_strided(shape.sizes, shape.strides)


_scattered(
    "the part with these strides",
    "as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor",
    strided,
    self=lambda grad, self_geometry, size, stride, storage_offset: _as_strided_scatter_backward(
        grad, self_geometry, size, stride, storage_offset
    ),
    src=lambda grad, size, stride, storage_offset: grad.contiguous().as_strided(size, stride, storage_offset),
)


def _zeros(grad, shape):
    return grad.new_zeros(shape.sizes)
