"""Picking elements by index tensors: index and index_put_, index_select, gather, take, masks.

What `x[...]` means in terms of these operators stands in `indexing.py`. Everything here copies; nothing is a
view.
"""

import math
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, effects, geometry, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.op import OPS, composite, op
from tensorcli.engine.ops._shared import behind, own_geometry
from tensorcli.engine.ops.create import number_for
from tensorcli.engine.ops.reduce import wrap
from tensorcli.engine.tensor import Tensor

# ---- operators that write some elements of self


def writer(line, check, *, preserve=False, out=True, twin_check=None, **formulas):
    """Declare an operator that changes some elements of self, and its in-place twin, by one kernel that
    writes.

    `line` is the schema of the operator that returns a new tensor; `preserve` says that its result keeps
    self's strides where they are dense (else it is row-major), `twin_check` what the twin
    refuses instead of the check and of overlapping memory.
    """

    def declare(kernel):
        def changed(xp, self, *rest):
            copy = self.copy()
            kernel(xp, copy, *rest)
            return Laid(
                copy,
                geometry.preserved_strides(own_geometry(self))
                if preserve
                else geometry.contiguous_strides(self.shape),
            )

        changed.__doc__, changed.__module__ = kernel.__doc__, kernel.__module__
        op(line, check=check, out=out, **formulas)(changed)
        checked = twin_check or separate(check)
        op(in_place(line), check=checked, **formulas)(kernel)
        return kernel

    return declare


def separate(check):
    """The check of an operator that also refuses to write where elements overlap, or over what it reads."""

    def checked(self, *rest):
        check(self, *rest)
        others = [other for other in rest if isinstance(other, Tensor)]
        effects.check_overlap(self, others)
        _refuse_shared(self, others)

    return checked


def _refuse_shared(self, others):
    """Refuse to write over what is read, also where both are the very same elements. Errors: RuntimeError."""
    for other in others:
        shared = other._storage is not None and other._storage is self._storage
        if other is self or (
            shared and geometry.overlap(self.geometry, other.geometry) in ("full", "partial")
        ):
            raise RuntimeError(messages.PARTIAL_OVERLAP)


def in_place(line):
    """The schema line of an operator's in-place twin."""
    name, _, rest = line.partition("(")
    base, dot, overload = name.partition(".")
    arguments = rest.rpartition(") -> ")[0].replace("Tensor self", "Tensor(a!) self", 1)
    return f"{base}_{dot}{overload}({arguments}) -> Tensor(a!)"


def not_implemented(kernel, kind):
    """PyTorch has no such kernel for this dtype."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{kind.scalar_type}'")


# ---- advanced indexing


def _run(name, *values):
    """An operator on values as its schema has them: PyTorch's parser takes no None in a list, its formulas
    do.
    """
    return OPS[name].run(values)


_INDEX_DTYPES = ("int64", "int32", "uint8", "bool")


def _expanded(self, indices):
    """Masks as the coordinates of what they choose, integers as they are; one entry for each dimension that
    is indexed.

    Errors: IndexError for dtypes, masks of other shapes, too many indices.
    """
    found: list[Any] = []
    for index in indices:
        if index is None:
            found.append(None)
            continue
        name = index.dtype.name
        if name not in _INDEX_DTYPES:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if name in ("bool", "uint8"):
            if name == "uint8":
                messages.warn(
                    "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
                    "instead."
                )
            for at, size in enumerate(index.shape):
                where = len(found) + at
                if where >= self.ndim or self.shape[where] != size:
                    _check_count(self.ndim, len(found) + index.ndim)
                    raise mask_mismatch(index.shape, at, self.shape, where)
            if index.ndim:
                found.extend(index.nonzero())
        else:
            found.append(index.astype(np.int64) if name == "int32" else index)
    _check_count(self.ndim, len(found))
    return found


def _check_count(ndim, count):
    if count > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim} (got {count})")


def mask_mismatch(mask, at, sizes, where):
    """A mask whose sizes are not those of the dimensions that it covers."""
    return IndexError(
        f"The shape of the mask {messages.numbers(mask)} at index {at} does not match the shape of the "
        f"indexed tensor "
        f"{messages.numbers(sizes)} at index {where}"
    )


class _Places:
    """Where advanced indexing reaches: the source's dimensions in PyTorch's order, and the index arrays for
    them.

    Dimensions between which others lie move to the front (aten/src/ATen/native/TensorAdvancedIndexing.cpp).
    """

    def __init__(self, self_array, indices):
        expanded = _expanded(self_array, indices)
        given = [(dim, index) for dim, index in enumerate(expanded) if index is not None]
        try:
            shape = np.broadcast_shapes(*(index.shape for _, index in given))
        except ValueError:
            shapes = ", ".join(messages.numbers(index.shape) for _, index in given)
            raise IndexError(
                f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
            ) from None
        dims = [dim for dim, _ in given]
        sizes = self_array.shape
        if 0 in [sizes[dim] for dim in dims] and 0 not in shape:
            raise IndexError("index is out of bounds for dimension with size 0")
        arrays = [np.broadcast_to(index, shape) for _, index in given]
        _check_bounds(arrays, dims, sizes)
        adjacent = not dims or dims == list(range(dims[0], dims[0] + len(dims)))
        self.before = dims[0] if dims and adjacent else 0
        rest = [dim for dim in range(self_array.ndim) if dim not in dims]
        self.order = rest[: self.before] + dims + rest[self.before :]
        self.count = len(dims)
        self.shape = shape
        self.arrays = arrays
        self.key = (slice(None),) * self.before + tuple(arrays)
        self.sizes = (
            tuple(sizes[d] for d in rest[: self.before])
            + shape
            + tuple(sizes[d] for d in rest[self.before :])
        )

    def strides(self, source):
        """The strides of a fresh result: TensorIterator's, over the source with the indexed dimensions held
        still.
        """
        if (
            source.contiguous
            and len(self.arrays) == 1
            and self.arrays[0].flags.c_contiguous
            and 1 not in self.sizes
        ):
            return geometry.contiguous_strides(self.sizes)  # The common case: saves a third of a call.
        strides = [source.strides[d] for d in self.order]
        before, count = self.before, self.count
        after = len(self.order) - before - count
        operands = [
            Geometry(
                self.sizes,
                tuple(strides[:before]) + (0,) * len(self.shape) + tuple(strides[before + count :]),
            )
        ]
        for array in self.arrays:
            sizes = (1,) * before + self.shape + (1,) * after
            steps = geometry.view_strides(own_geometry(array), sizes) or geometry.contiguous_strides(sizes)
            operands.append(Geometry(sizes, steps))
        return geometry.elementwise_strides(self.sizes, operands)


def _check_bounds(arrays, dims, sizes):
    for array, dim in zip(arrays, dims, strict=True):
        if array.size and (array.min() < -sizes[dim] or array.max() >= sizes[dim]):
            break
    else:
        return
    wrong = [(array < -sizes[dim]) | (array >= sizes[dim]) for array, dim in zip(arrays, dims, strict=True)]
    first = int(reduce(or_, wrong).argmax())
    for array, dim, bad in zip(arrays, dims, wrong, strict=True):
        if bad.reshape(-1)[first]:
            raise out_of_bounds(array.reshape(-1)[first], dim, sizes[dim], IndexError)


def out_of_bounds(index, dim, size, error=RuntimeError):
    """An index that its dimension does not have."""
    return error(f"index {int(index)} is out of bounds for dimension {dim} with size {size}")


@op(
    "index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
    namespace="internal",
    check=lambda self, indices: _check_masks(self, indices),
    self=lambda grad, self_sizes, indices: _run(
        "_index_put_impl_", grad.new_zeros(self_sizes), indices, grad, True, True
    ),
    indices=None,
)
def index(xp, self, indices):
    """The elements at these indices, one index tensor (or None) a dimension; always a copy."""
    places = _Places(self, indices)
    return Laid(self.transpose(places.order)[places.key], places.strides(own_geometry(self)))


_EXPANDED = (
    "Use of {0} on expanded tensors is deprecated. Please clone() the tensor before performing this "
    "operation. This also "
    "applies to advanced indexing e.g. tensor[{1}] = {2}"
)


def warn_expanded(self, name, what="mask", value="scalar"):
    """PyTorch's warning for a write that reaches an element more than once."""
    if geometry.has_internal_overlap(self.geometry):
        messages.warn(_EXPANDED.format(name, what, value))


def _check_put(self, indices, values, accumulate, unsafe=False):
    _check_count(self.ndim, len(indices))
    if not accumulate and values.geometry.numel == 1 and _is_masked_fill(self, indices):
        number_for(values.item(), self.dtype)
    elif self.dtype is not values.dtype:
        if not self.is_meta:
            _check_put_sizes(_Places(self.values, tuple(_array(i) for i in indices)), values.geometry.sizes)
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{self.dtype.scalar_type} for the destination and {values.dtype.scalar_type} for the source."
        )


def _check_put_here(self, indices, values, accumulate, unsafe=False):
    warn_expanded(self, "index_put_", "indices", "tensor")
    _check_put(self, indices, values, accumulate, unsafe)
    if accumulate or values.geometry.numel != 1 or not _is_masked_fill(self, indices):
        _refuse_shared(self, [values])
    else:
        warn_expanded(self, "masked_fill_")


def _is_masked_fill(self, indices):
    """Whether PyTorch makes masked_fill_ of it: one value and one mask. Errors: IndexError, RuntimeError for
    the mask.
    """
    mask = None
    before = 0
    for index in indices:
        if index is None:
            before += 1
            continue
        if index.dtype.name not in ("bool", "uint8") or mask is not None:
            return False
        mask = index
        for at, size in enumerate(index.geometry.sizes):
            if before + at >= self.ndim or self.geometry.sizes[before + at] != size:
                _check_count(self.ndim, before + index.ndim)
                raise mask_mismatch(index.geometry.sizes, at, self.geometry.sizes, before + at)
        before += index.ndim
    if mask is not None and mask.dtype.name == "uint8":
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype unsigned char")
    return mask is not None


def _array(index):
    return None if index is None else index.values


def _check_put_sizes(places, sizes):
    if not _expands(sizes, places.sizes):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {messages.numbers(sizes)} cannot be broadcast to indexing result of "
            f"shape {messages.numbers(places.sizes)}"
        )


def _put(xp, self, indices, values, accumulate):
    places = _Places(self, indices)
    _check_put_sizes(places, values.shape)
    target = self.transpose(places.order)
    if accumulate:
        behind(xp).combine(
            "add", target, places.key, effects.cast(values, dtypes.from_numpy_dtype(self.dtype))
        )
    else:
        target[places.key] = effects.cast(values, dtypes.from_numpy_dtype(self.dtype))


def _expands(sizes, target):
    """Whether `sizes` broadcast to exactly `target`."""
    lead = len(target) - len(sizes)
    return lead >= 0 and all(a in (1, b) for a, b in zip(sizes, target[lead:], strict=True))


def _index_put_self(grad, indices, values_sizes, accumulate):
    return grad if accumulate else _run("index_put", grad, indices, grad.new_zeros(values_sizes), False)


_INDEX_PUT: dict[str, Any] = {
    "self": _index_put_self,
    "values": lambda grad, indices: _run("index.Tensor", grad, indices),
    "indices": None,
}


@writer(
    "index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
    _check_put,
    preserve=True,
    out=False,
    twin_check=_check_put_here,
    **_INDEX_PUT,
)
def index_put(xp, self, indices, values, accumulate):
    """Put values at these indices; with accumulate they add up, without the last one at an index stays."""
    _put(xp, self, indices, values, accumulate)


@op(
    "_index_put_impl_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False, bool "
    "unsafe=False) -> "
    "Tensor(a!)",
    check=_check_put_here,
    variants="function",
    **_INDEX_PUT,
)
def index_put_impl(xp, self, indices, values, accumulate, unsafe):
    """What index_put_ and the gradient of indexing call."""
    _put(xp, self, indices, values, accumulate)


# ---- along one dimension


def _index_type(index):
    return index.dtype.name in ("int32", "int64")


def _check_index_select(self, dim, index):
    dim = wrap(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if not _index_type(index):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if not self.ndim and index.geometry.numel != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {index.geometry.numel} value(s)"
        )
    if index.is_meta or not index.geometry.numel:
        return
    size = self.geometry.sizes[dim] if self.ndim else 1
    found = index.values
    wrong = (found < 0) | (found >= size)
    if wrong.any():
        if (
            self.ndim > 1
            and self.geometry.contiguous
            and self.dtype is dtypes.float32
            and dim == self.ndim - 1
        ):
            # PyTorch sends this layout to another library, which words it otherwise.
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
    return grad.new_zeros(self_sizes).index_add_(dim, index, grad)


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
                f"larger than self "
                f"{messages.numbers(own)} apart from dimension {dim}"
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
        raise error(f"{prefix}index {int(bad)} is out of bounds for dimension {dim} with size {size}")


def along(xp, array, dim, index):
    """The key with which `index` reaches into `array` along a dimension, and `array` with one dimension at
    least.
    """
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
    return grad.new_zeros(self.geometry.sizes).scatter_add_(dim, index, grad)


@composite("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", out=True)
def take_along_dim(self, indices, dim):
    """gather with broadcasting; without dim, from all elements in a row."""
    if indices.dtype is not dtypes.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.scalar_type}"
        )
    if dim is None:
        return self.reshape((-1,)).gather(0, indices.reshape((-1,)))
    if self.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{self.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap(dim, self.ndim)
    own, wanted = self.geometry.sizes, indices.geometry.sizes
    if not own:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    common = effects.broadcast_sizes([(*own[:dim], wanted[dim], *own[dim + 1 :]), wanted])
    # Here, other than in gather, an index beyond the size counts on from the other end.
    indices = (indices.remainder(own[dim]) if own[dim] else indices).broadcast_to(common)
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
        raise IndexError(f"out of range: tried to access index {bad} on a tensor of {numel} elements.")


@op(
    "take(Tensor self, Tensor index) -> Tensor",
    check=_check_take,
    self=lambda grad, self, index: functions.zeros_like(self).put_(index, grad, True),
    index=None,
)
def take(xp, self, index):
    """The elements at these places of the tensor read in a row."""
    return self.reshape(-1)[index]


def _check_put_flat(self, index, source, accumulate):
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


@writer(
    "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
    lambda self, index, source, accumulate: (
        _check_put_flat(self, index, source, accumulate),
        _check_flat(index, self.geometry.numel),
    ),
    preserve=True,
    twin_check=_check_put_places,
    out=False,
    self=lambda grad, index, source, accumulate: (
        grad if accumulate else grad.put(index, functions.zeros_like(source), False)
    ),
    source=lambda grad, index, source_sizes: grad.take(index).reshape(source_sizes),
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


# ---- masks


def _check_masked_select(self, mask):
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    effects.broadcast_sizes([mask.geometry.sizes, self.geometry.sizes])


@op(
    "masked_select(Tensor self, Tensor mask) -> Tensor",
    check=_check_masked_select,
    self=lambda grad, self, mask: functions.masked_select_backward(grad, self, mask),
    mask=None,
)
def masked_select(xp, self, mask):
    """The elements where the mask is True, in a row; a copy."""
    self, mask = xp.broadcast_arrays(self, mask)
    return self[mask].reshape(-1)


@composite("masked_select_backward(Tensor grad, Tensor input, Tensor mask) -> Tensor", variants="function")
def masked_select_backward(grad, input, mask):
    """The gradient of masked_select: what was chosen goes back to its place."""
    return functions.zeros_like(input).expand(_common(input, mask)).masked_scatter(mask, grad)


def _common(*tensors):
    return effects.broadcast_sizes([tensor.geometry.sizes for tensor in tensors])


def _check_masked_scatter(self, mask, source):
    if self.dtype is not source.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{self.dtype.scalar_type} and {source.dtype.scalar_type}"
        )
    if mask.dtype is dtypes.uint8:
        messages.warn(
            "masked_scatter_ received a mask with dtype torch.uint8, this behavior is now deprecated,please "
            "use a mask "
            "with dtype torch.bool instead."
        )
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype.scalar_type}"
        )
    if mask.is_meta:
        return
    chosen = (
        np.broadcast_to(mask.values, _common(self, mask))
        if mask.geometry.sizes != self.geometry.sizes
        else mask.values
    )
    if int(chosen.sum()) > source.geometry.numel:
        raise RuntimeError("Number of elements of source < number of ones in mask")


def _check_masked_scatter_in_place(self, mask, source):
    effects.check_overlap(self, ())
    sizes, own = mask.geometry.sizes, self.geometry.sizes
    if len(sizes) > len(own):
        raise RuntimeError(
            f"expand({messages.tensor_type(mask)}{{{messages.numbers(sizes)}}}, size={messages.numbers(own)}): the "
            f"number of sizes "
            f"provided ({len(own)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(sizes)})"
        )
    _check_masked_scatter(self, mask.expand(own) if sizes != own else mask, source)


_MASKED_SCATTER: dict[str, Any] = {
    "self": lambda grad, mask: grad.masked_fill(mask, 0),
    "source": lambda grad, mask, source_sizes: functions.masked_scatter_backward(grad, mask, source_sizes),
    "mask": None,
}


@op(
    "masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor",
    check=_check_masked_scatter,
    out=False,
    **_MASKED_SCATTER,
)
def masked_scatter(xp, self, mask, source):
    """Put the source's elements, in a row, where the mask is True."""
    self, mask = xp.broadcast_arrays(self, mask)
    copy = self.copy("C")
    copy[mask] = source.reshape(-1)[: int(mask.sum())]
    return copy


@op(
    "masked_scatter_(Tensor(a!) self, Tensor mask, Tensor source) -> Tensor(a!)",
    check=_check_masked_scatter_in_place,
    **_MASKED_SCATTER,
)
def masked_scatter_(xp, self, mask, source):
    """Put the source's elements, in a row, where the mask is True; in place."""
    mask = xp.broadcast_to(mask, self.shape)
    self[mask] = source.reshape(-1)[: int(mask.sum())]


@op(
    "masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor",
    variants="function",
    grad_output=lambda grad, grad_output, mask: functions.zeros_like(grad_output).masked_scatter(mask, grad),
    mask=None,
)
def masked_scatter_backward(xp, grad_output, mask, sizes):
    """The gradient of masked_scatter for its source: what was put is read back, the rest is zero."""
    grad_output, mask = xp.broadcast_arrays(grad_output, mask)
    chosen = grad_output[mask]
    result = xp.zeros(math.prod(sizes), grad_output.dtype)
    result[: chosen.size] = chosen
    return result.reshape(sizes)


# ---- where


def check_countable(self):
    """Refuse to find elements of a tensor that has none to look at. Errors: NotImplementedError on meta."""
    if self.is_meta:
        raise NotImplementedError(
            "The register_meta function for torch.nonzero() raises unimplemented by default, as a correct "
            "data-independent implementation does not exist. This implementation returns a fake value, "
            "assuming all "
            "elements of the tensor are non-zero. To enable this registration, please set "
            "'torch.fx.experimental._config.meta_nonzero_assume_all_nonzero' to True."
        )


def _check_masks(self, indices):
    for index in indices:
        if index is not None and index.dtype.name in ("bool", "uint8"):
            check_countable(index)


@op("nonzero(Tensor self) -> Tensor", check=check_countable)
def nonzero(xp, self):
    """The indices of the elements that are not zero, a row each."""
    found = xp.stack(xp.nonzero(self)) if self.ndim else xp.zeros((0, int(self != 0)), xp.int64)
    return Laid(found.T, (1, found.shape[1]))


@composite("nonzero_numpy(Tensor self) -> Tensor[]", namespace="internal")
def nonzero_numpy(self):
    """The indices of the elements that are not zero, a vector for each dimension."""
    return (self if self.ndim else self.unsqueeze(0)).nonzero().unbind(1)


@composite("argwhere(Tensor self) -> Tensor")
def argwhere(self):
    """The indices of the elements that are not zero, a row each."""
    return self.nonzero()


@op("nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor")
def nonzero_static(xp, self, size, fill_value):
    """The indices of the first `size` elements that are not zero, a row each, filled up with fill_value."""
    found = xp.argwhere(self)[:size]
    result = xp.full((size, self.ndim), fill_value, xp.int64)
    result[: len(found)] = found
    return result
