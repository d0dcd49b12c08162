"""Elements taken along one dimension, or by their number in a row."""

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.ops._shared import behind, refuse_sparse
from tensorcli.engine.ops._writers import midway, separate, writer
from tensorcli.engine.settings import alert

# ---- along one dimension


def _index_type(index):
    return index.dtype.name in ("int32", "int64")


def _check_index_select(self, dim, index):
    dim = wrap(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if not self.ndim and index.geometry.numel != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {index.geometry.numel} value(s)"
        )
    if not _index_type(index):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if index.is_meta or not index.geometry.numel:
        return
    size = self.geometry.sizes[dim] if self.ndim else 1
    empty = self.ndim > 1 and not self.geometry.numel
    if empty and not size:
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    found = index.values
    wrong = (found < 0) | (found >= size)
    if wrong.any():
        if dim == 1 or empty:
            # PyTorch has a kernel of its own for the second dimension, which words it otherwise.
            bad = int(found.reshape(-1)[int(np.argmax(wrong.reshape(-1)))])
            raise RuntimeError(f"INDICES element is out of DATA bounds, id={bad} axis_dim={size}")
        raise IndexError("index out of range in self")


@op(
    "index_select(Tensor self, int dim, Tensor index) -> Tensor",
    check=_check_index_select,
    self=lambda grad, self_sizes, dim, index: functions.index_select_backward(grad, self_sizes, dim, index),
    index=None,
)
def index_select(xp, self, dim, index):
    """The slices of a dimension that an index vector names, in its order; a copy."""
    if not self.ndim:
        return self.copy()
    return xp.take(self, index.reshape(-1), axis=dim)


@composite(
    "index_select_backward(Tensor grad, SymInt[] self_sizes, int dim, Tensor index) -> Tensor",
    variants="function",
)
def index_select_backward(grad, self_sizes, dim, index):
    """The gradient of index_select: what came from a slice goes back to it, and adds up."""
    return roomy(grad.new_zeros(self_sizes), index).index_add_(dim, index, grad)


def check_gather(self, dim, index, sparse_grad=False):
    """The checks of gather. Errors: RuntimeError, IndexError with PyTorch's texts."""
    dim = wrap(dim, self.ndim)
    if not index.geometry.numel:
        return
    if not _index_type(index):
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    sizes, own = index.geometry.sizes, self.geometry.sizes
    if max(len(sizes), 1) != max(len(own), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d, (a, b) in enumerate(zip(sizes, own, strict=False)):
        if d != dim and a > b:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {messages.numbers(sizes)} to be no "
                f"larger than self {messages.numbers(own)} apart from dimension {dim}"
            )
    check_index_range(index, dim, own[dim] if own else 1)


def check_index_range(index, dim, size, error=RuntimeError, prefix=""):
    """Refuse indices below 0 or beyond a dimension's size. Errors: `error` with the first one."""
    if index.is_meta or not index.geometry.numel:
        return
    found = index.values
    wrong = (found < 0) | (found >= size)
    if wrong.any():
        bad = found.reshape(-1)[int(np.argmax(wrong.reshape(-1)))]
        raise midway(error(f"{prefix}index {int(bad)} is out of bounds for dimension {dim} with size {size}"))


def along(xp, array, dim, index):
    """The key with which `index` reaches into `array` along a dimension, and `array` with one dimension at least."""
    if not array.ndim:
        array = array.reshape(1)
    if not index.ndim:
        index = index.reshape(1)
    dim = wrap(dim, array.ndim)
    key = [xp.arange(size).reshape((-1,) + (1,) * (index.ndim - d - 1)) for d, size in enumerate(index.shape)]
    key[dim] = index
    return array, tuple(key)


@op(
    "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
    check=check_gather,
    self=lambda grad, self, dim, index, sparse_grad: functions.gather_backward(
        grad, self, dim, index, sparse_grad
    ),
    index=None,
)
def gather(xp, self, dim, index, sparse_grad):
    """For each index, the element that it names along a dimension; the result has the index's sizes."""
    if not index.size:
        return xp.empty(index.shape, self.dtype)
    source, key = along(xp, self, dim, index)
    return source[key].reshape(index.shape)


@composite(
    "gather_backward(Tensor grad, Tensor self, int dim, Tensor index, bool sparse_grad) -> Tensor",
    variants="function",
)
def gather_backward(grad, self, dim, index, sparse_grad):
    """The gradient of gather: what was read goes back to where it stood, and adds up."""
    if sparse_grad:
        refuse_sparse("gather", "sparse_grad", "input", grad.dtype, self.geometry.sizes)
    return roomy(grad.new_zeros(self.geometry.sizes), index).scatter_add_(dim, index, grad)


@composite("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", out=True)
def take_along_dim(self, indices, dim):
    """gather with broadcasting; without dim, from all elements in a row."""
    if dim is None:
        return self.view((-1,)).gather(0, indices.view((-1,)))
    if self.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{self.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    if indices.dtype is not dtypes.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.scalar_type}"
        )
    dim = wrap(dim, self.ndim)
    own, wanted = self.geometry.sizes, indices.geometry.sizes
    if not own:
        raise messages.no_dimensions(dim)
    common = effects.broadcast_sizes([(*own[:dim], wanted[dim], *own[dim + 1 :]), wanted])
    # Here, other than in gather, an index beyond the size counts on from the other end.
    indices = indices.remainder(own[dim]).broadcast_to(common)
    spread = effects.broadcast_sizes([own, (*common[:dim], own[dim], *common[dim + 1 :])])
    return self.broadcast_to(spread).gather(dim, indices)


# ---- all elements in a row


def _check_take(self, index):
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype.scalar_type}")
    if not self.geometry.numel and index.geometry.numel:
        raise IndexError("take(): tried to take from an empty tensor")
    _check_flat(index, self.geometry.numel)


def _check_flat(index, numel):
    if index.is_meta or not index.geometry.numel:
        return
    found = index.values
    wrong = (found < -numel) | (found >= numel)
    if wrong.any():
        bad = int(found.reshape(-1)[int(np.argmax(wrong.reshape(-1)))])
        raise midway(
            IndexError(f"out of range: tried to access index {bad} on a tensor of {numel} elements.")
        )


@op(
    "take(Tensor self, Tensor index) -> Tensor",
    check=_check_take,
    self=lambda grad, self, index: roomy(functions.zeros_like(self), grad, index).put_(index, grad, True),
    index=None,
)
def take(xp, self, index):
    """The elements at these places of the tensor read in a row."""
    return self.reshape(-1)[index]


def _check_put_flat(self, index, source, accumulate):
    if not accumulate:
        alert("put_")
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype.scalar_type}")
    if self.dtype is not source.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{self.dtype.scalar_type} and source.dtype = {source.dtype.scalar_type}"
        )
    if source.geometry.numel != index.geometry.numel:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.geometry.numel}, index.numel() = {index.geometry.numel}"
        )
    if not self.geometry.numel and index.geometry.numel:
        raise IndexError("put_(): Tried to put elements into an empty tensor")


def _check_put_places(self, index, source, accumulate):
    separate(_check_put_flat)(self, index, source, accumulate)
    _check_flat(index, self.geometry.numel)


def _put_parts(self, index, source, accumulate):
    """The elements before the first index that is out of range."""
    count = int(((index < -self.size) | (index >= self.size)).reshape(-1).argmax())
    yield self, index.reshape(-1)[:count], source.reshape(-1)[:count], accumulate


@writer(
    "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
    lambda self, index, source, accumulate: (
        _check_put_flat(self, index, source, accumulate),
        _check_flat(index, self.geometry.numel),
    ),
    preserve=True,
    twin_check=_check_put_places,
    parts=_put_parts,
    out=False,
    self=lambda grad, index, source_geometry, accumulate: (
        grad if accumulate else grad.put(index, grad.new_zeros(source_geometry.sizes), False)
    ),
    source=lambda grad, index, source: grad.take(index).reshape_as(source),
    index=None,
)
def put(xp, self, index, source, accumulate):
    """Put the source's elements at these places of the tensor read in a row."""
    if not index.size:
        return
    if not self.ndim:
        self = self.reshape(1)
    where = xp.unravel_index(xp.where(index < 0, index + self.size, index).reshape(-1), self.shape)
    values = source.reshape(-1)
    if accumulate:
        behind(xp).combine("add", self, where, values.astype(self.dtype))
    else:
        self[where] = values
