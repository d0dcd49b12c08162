"""Writing slices by a vector of indices: index_add, index_copy, index_fill and index_reduce.

Where an index occurs more than once, the last write stays, unless the operator reduces.
"""

import numpy as np

from tensorcli.engine import conversion, dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import number_for
from tensorcli.engine.dtypes import REDUCED, complex32
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.ops._places import Places, accumulate, identity, reduce_into, step_by_step
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops._writers import midway, refuse_shared, separate, writer
from tensorcli.engine.ops.gather import check_index_range
from tensorcli.engine.ops.index import warn_expanded
from tensorcli.engine.ops.scatter import inner_dimensions
from tensorcli.engine.storage import check_bounds
from tensorcli.engine.tensor import Tensor


def _check_slices(name, self, dim, index, source):
    """The checks that index_add_ and index_reduce_ share. Errors: RuntimeError, IndexError with PyTorch's texts."""
    dim = wrap(dim, self.ndim)
    count = index.geometry.numel
    if index.ndim > 1:
        raise IndexError(
            f"{name}: Index is supposed to be a vector, but got dim: {index.ndim} with type: "
            f"{index.dtype.scalar_type} and size: {messages.numbers(index.geometry.sizes)}"
        )
    if index.dtype.name not in ("int32", "int64"):
        raise RuntimeError(f"{name}: Expected dtype int32/int64 for index but got: {index.dtype.scalar_type}")
    if self.dtype is not source.dtype:
        raise RuntimeError(
            f"{name}: self ({self.dtype.scalar_type}) and source ({source.dtype.scalar_type}) must have the "
            "same scalar type"
        )
    given = source.geometry.sizes
    if dim >= max(len(given), 1):
        raise RuntimeError(
            f"{name}: Indexing dim {dim} is out of bounds of the source tensor with dim {len(given)}"
        )
    if not given and count != 1:
        raise messages.no_dimensions(dim)
    size = given[dim] if given else 1
    if count != size:
        raise RuntimeError(
            f"{name}: Number of indices ({count}) should be equal to source.size(dim): ({size}), for dim: "
            f"{dim}"
        )
    own = self.geometry.sizes
    if (own[:dim] + own[dim + 1 :]) != (given[:dim] + given[dim + 1 :]) or len(own) != len(given):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {messages.numbers(own)} source.shape = {messages.numbers(given)}"
        )
    return dim, own[dim] if own else 1


def _check_index_add(self, dim, index, source, alpha):
    at, size = _check_slices("index_add_()", self, dim, index, source)
    if not self.geometry.numel and self.ndim > 1:
        return
    if _as_scatter(self, at, index.dtype is dtypes.int64, alpha):
        check_index_range(index, at, size)
    else:
        _check_flat_range(index, size)


def _as_scatter(self, dim, long, alpha):
    """Whether PyTorch makes scatter_add of an index_add: in the first and the last of several dimensions."""
    return self.ndim > 1 and dim in (0, self.ndim - 1) and long and alpha == 1


def _check_flat_range(index, size):
    found = index.values
    if not index.is_meta and ((found < 0) | (found >= size)).any():
        raise midway(IndexError("index out of range in self"))


def _whole_parts(self, dim, index, source, *rest):
    """The slices before the first index that is out of range."""
    dim = wrap(dim, self.ndim)
    wrong = (index < 0) | (index >= (self.shape[dim] if self.ndim else 1))
    count = int(wrong.reshape(-1).argmax())
    if count:
        yield self, dim, index[:count], _first(source, dim, count), *rest


def _first(source, dim, count):
    if not isinstance(source, np.ndarray) or not source.ndim:
        return source
    return source[(slice(None),) * dim + (slice(count),)]


def _row_parts(self, dim, index, source, *rest, negative=False):
    """The same, where PyTorch's loop over the index runs within one over outer dimensions: in the first row of these."""
    dim = wrap(dim, self.ndim)
    size = self.shape[dim] if self.ndim else 1
    count = int(((index < (-size if negative else 0)) | (index >= size)).reshape(-1).argmax())
    arrays = [source] if isinstance(source, np.ndarray) and source.ndim else []
    inner = inner_dimensions(self, dim, arrays) if self.ndim else []
    outer = [d for d in range(self.ndim) if d != dim and d not in inner]
    row = tuple(slice(1) if d in outer else slice(None) for d in range(self.ndim))
    if count:
        part = source[row] if arrays else source
        yield self[row], dim, index[:count], _first(part, dim, count), *rest


def _add_parts(self, dim, index, source, alpha):
    at = wrap(dim, self.ndim)
    walk = _row_parts if _as_scatter(self, at, index.dtype == np.int64, alpha) else _whole_parts
    yield from walk(self, dim, index, source, alpha)


def _fill_parts(self, dim, index, value):
    yield from _row_parts(self, dim, index, value, negative=True)


def _reduce_parts(self, dim, index, source, reduce, include_self):
    if include_self:  # A mean is divided at the end.
        yield from _whole_parts(self, dim, index, source, "sum" if reduce == "mean" else reduce, True)
    else:  # PyTorch clears the places first, and comes upon the index there.
        start = np.full(source.shape, identity(reduce, self.dtype), self.dtype)
        yield from _row_parts(self, dim, index, start, "sum", False, negative=True)


def _slices(array, dim, index):
    """The array with one dimension at least, and the key of the slices that the index names."""
    if not array.ndim:
        array = array.reshape(1)
    return array, (slice(None),) * wrap(dim, array.ndim) + (index.reshape(-1),)


def _from_slices(grad, source, dim, index):
    """What the slices that an index names get of a gradient."""
    if source.ndim:
        return grad.index_select(dim, index).expand(source.geometry.sizes)
    return grad.index_select(dim, index.squeeze(0) if index.ndim else index)


@writer(
    "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
    _check_index_add,
    parts=_add_parts,
    stepwise=(*REDUCED, complex32),
    self=lambda grad: grad,
    source=lambda grad, source, dim, index, alpha: _scaled(_from_slices(grad, source, dim, index), alpha),
    index=None,
)
def index_add(xp, self, dim, index, source, alpha):
    """Add slices of source (times alpha) to the slices of self that an index names."""
    if not self.size:
        return
    target, key = _slices(self, dim, index)
    source = source if source.ndim else source.reshape(1)
    if target.dtype.kind == "b":
        behind(xp).combine("logical_or", target, key, source & bool(alpha))
    else:
        kind = dtypes.from_numpy_dtype(source.dtype)
        scaled = source if alpha == 1 else source * number_for(alpha, kind)
        at_once = _as_scatter(self, wrap(dim, self.ndim), index.dtype == np.int64, alpha)
        (accumulate if at_once else step_by_step)(xp, "add", target, key, scaled)


def _scaled(grad, alpha):
    return grad if alpha == 1 else grad * alpha


def _check_index_reduce(self, dim, index, source, reduce, include_self):
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    _, size = _check_slices("index_reduce_()", self, dim, index, source)
    messages.warn("index_reduce() is in beta and the API may change at any time.", once=True)
    kind = self.dtype
    if (self.ndim <= 1 or not include_self) and (
        kind is dtypes.bool_ or kind.is_complex or kind.np.char in dtypes.BARE
    ):
        kernel = "index_func_" if include_self else "index_reduce_func_exclude_input_init"
        raise messages.not_implemented(kernel, kind.scalar_type)
    if not include_self:
        # PyTorch fills the places first, and counts from the end there.
        _check_fill_range(index, dim if dim >= 0 else dim + self.ndim, size)
    if self.ndim > 1 and index.numel():
        _check_slice_kernel(kind, reduce)
    _check_flat_range(index, size)
    if self.ndim > 1 and reduce == "mean" and kind is dtypes.bool_:
        raise messages.not_implemented("div_floor_cpu", kind.scalar_type)


def _check_slice_kernel(kind, reduce):
    """PyTorch reduces the slices of what has several dimensions by other operators. Errors: NotImplementedError."""
    bare = kind.np.char in dtypes.BARE
    if reduce in ("amax", "amin") and (kind.is_complex or bare):
        raise messages.not_implemented(f"{reduce[1:]}imum_cpu", kind.scalar_type)
    if reduce == "mean" and bare:
        raise messages.not_implemented("add_stub", kind.scalar_type)


def _reduce_gradients(grad, self, dim, index, source, reduce, include_self, result):
    places = Places(
        read=lambda x: x.index_select(dim, index),
        add=lambda x, values: x.index_add(dim, index, values),
        multiply=lambda x, values: x.index_reduce(dim, index, values, "prod", include_self=include_self),
        clear=lambda x: x.index_fill(dim, index, 0),
        twice="index_reduce(): Double backward is unsupported for source when >1 zeros in source are scattered to the same position in "
        "self",
    )
    return places.gradients(grad, self, source, reduce, include_self, result)


@writer(
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) "
    "-> Tensor",
    _check_index_reduce,
    parts=_reduce_parts,
    stepwise=REDUCED,
    self__source=_reduce_gradients,
    index=None,
)
def index_reduce(xp, self, dim, index, source, reduce, include_self):
    """Reduce (prod, mean, amax, amin) slices of source into the slices of self that an index names."""
    target, key = _slices(self, dim, index)
    if index.size:
        source = source if source.ndim else source.reshape(1)
        reduce_into(xp, target, key, source, reduce, include_self, step_by_step)


def _nothing(self, *rest):
    """No check of its own: memory is looked at first."""


def _check_index_copy(self, dim, index, source):
    name = "index_copy_()"
    dim = wrap(dim, self.ndim)
    count = index.geometry.numel
    own, given = self.geometry.sizes, source.geometry.sizes
    if index.ndim >= 2:
        raise IndexError(f"{name}: Index should have dimension 1 or 0 (got {index.ndim})")
    if not given and count != 1:
        raise IndexError(f"{name}: When source is scalar, index should have one element (got {count})")
    if len(own) != len(given) and own and given:
        raise IndexError(
            f"{name}: When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({len(given)}), destination dimensionality ({len(own)})"
        )
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"{name}: Expected a long tensor for index, but got {index.dtype.scalar_type}")
    if self.dtype is not source.dtype:
        raise RuntimeError(
            f"{name}: self and source expected to have the same dtype, but got (self) "
            f"{self.dtype.scalar_type} and (source) {source.dtype.scalar_type}"
        )
    own_slice, given_slice = own[:dim] + own[dim + 1 :], given[:dim] + given[dim + 1 :]
    if own_slice != given_slice:
        raise RuntimeError(
            f"{name}: Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{' '.join(map(str, own_slice))} at dimension {dim} and source slice shape: "
            f"{' '.join(map(str, given_slice))} at dimension 0."
        )
    if given and count != given[dim]:
        raise IndexError(
            f"{name}: Number of indices ({count}) should be equal to source.size(dim) ({given[dim]})"
        )
    _check_room(self, dim, index)
    check_index_range(index, dim, own[dim] if own else 1, IndexError, f"{name}: ")


@writer(
    "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor",
    _check_index_copy,
    twin_check=lambda self, dim, index, source: (
        separate(_nothing)(self, index, source),
        _check_index_copy(self, dim, index, source),
    ),
    parts=_row_parts,
    self=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    source=_from_slices,
    index=None,
)
def index_copy(xp, self, dim, index, source):
    """Copy slices of source to the slices of self that an index names."""
    target, key = _slices(self, dim, index)
    target[key] = source if source.ndim else source.reshape(1)


def _check_index_fill_here(self, dim, index, value):
    warn_expanded(self, "index_fill_")
    _check_index_fill(self, dim, index, value)
    refuse_shared(self, [index])


def _check_index_fill(self, dim, index, value):
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        value = 0 if value.is_meta else value.item()
    if index.dtype is not dtypes.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if isinstance(value, complex) and not self.dtype.is_complex:
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    dim = wrap(dim, self.ndim)
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    number_for(value, self.dtype)
    _check_room(self, dim, index)
    _check_fill_range(index, dim, self.geometry.sizes[dim] if self.ndim else 1)


def _check_room(self, dim, index):
    """Refuse slices of a tensor that has none: PyTorch restrides it first, by indices instead of elements."""
    own = self.geometry
    if own.ndim and not own.sizes[dim]:
        sizes = (*own.sizes[:dim], index.geometry.numel, *own.sizes[dim + 1 :])
        strides = (*own.strides[:dim], 0, *own.strides[dim + 1 :])
        check_bounds(Geometry(sizes, strides, own.offset), self.dtype.itemsize, self.memory.nbytes)


def _check_fill_range(index, dim, size):
    found = index.values
    wrong = (found < -size) | (found >= size)
    if not index.is_meta and wrong.any():
        bad = int(found.reshape(-1)[int(np.argmax(wrong.reshape(-1)))])
        raise midway(IndexError(f"index {bad} is out of bounds for dimension {dim} with size {size}"))


@writer(
    "index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    _check_index_fill,
    preserve=True,
    out=False,
    twin_check=_check_index_fill_here,
    parts=_fill_parts,
    self=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    index=None,
)
def index_fill(xp, self, dim, index, value):
    """Fill the slices that an index names with a number."""
    target, key = _slices(self, dim, index)
    target[key] = number_for(value, dtypes.from_numpy_dtype(self.dtype))


@writer(
    "index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor",
    _check_index_fill,
    preserve=True,
    out=False,
    twin_check=_check_index_fill_here,
    parts=_fill_parts,
    node=1,
    self=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    value=lambda grad, dim, index: grad.index_select(dim, functions._unique(index, False)[0]).sum(),
    index=None,
)
def index_fill_tensor(xp, self, dim, index, value):
    """Fill the slices that an index names with the one element of a tensor."""
    target, key = _slices(self, dim, index)
    target[key] = conversion.cast(value, dtypes.from_numpy_dtype(self.dtype))
