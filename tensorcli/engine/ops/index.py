"""Indexing by tensors: places read and written."""

from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from tensorcli.engine import conversion, dtypes, geometry, messages
from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.conversion import number_for
from tensorcli.engine.declare import op
from tensorcli.engine.devices import META
from tensorcli.engine.dtypes import REDUCED, complex32
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.ops._shared import behind, own_geometry
from tensorcli.engine.ops._writers import refuse_shared, writer
from tensorcli.engine.table import OPS

# ---- advanced indexing


def _run(name, *values):
    """An operator on values as its schema has them: PyTorch's parser takes no None in a list, its formulas do."""
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
                if where >= self.ndim:
                    _check_count(self.ndim, len(found) + index.ndim)
                if self.shape[where] != size:
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
        f"indexed tensor {messages.numbers(sizes)} at index {where}"
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
        self.dims, self.whole = dims, sizes

    def check_bounds(self):
        """Refuse indices that are out of range, unless nothing is read or written. Errors: IndexError."""
        if 0 not in self.sizes:
            _check_bounds(self.arrays, self.dims, self.whole)

    def strides(self, source):
        """The strides of a fresh result: TensorIterator's, over the source with the indexed dimensions held still."""
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
    # PyTorch's kernel sees the index tensors alone: what it calls the dimension is the number of the index tensor.
    for number, (array, dim, bad) in enumerate(zip(arrays, dims, wrong, strict=True)):
        if bad.reshape(-1)[first]:
            wrong = int(array.reshape(-1)[first])
            error = IndexError(
                f"index {wrong} is out of bounds for dimension {number} with size {sizes[dim]}"
            )
            error.first = first
            raise error


@op(
    "index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
    out=False,
    namespace="internal",
    check=lambda self, indices: _check_masks(self, indices),
    self=lambda grad, self_sizes, indices: _run(
        "_index_put_impl_",
        roomy(grad.new_zeros(self_sizes), *[one for one in indices if one is not None]),
        indices,
        grad,
        True,
        True,
    ),
    indices=None,
)
def index(xp, self, indices):
    """The elements at these indices, one index tensor (or None) a dimension; always a copy."""
    places = _Places(self, indices)
    places.check_bounds()
    if 0 in places.sizes:  # PyTorch looks at no index then.
        return Laid(xp.empty(places.sizes, self.dtype), places.strides(own_geometry(self)))
    return Laid(self.transpose(places.order)[places.key], places.strides(own_geometry(self)))


_EXPANDED = (
    "Use of {0} on expanded tensors is deprecated. Please clone() the tensor before performing this "
    "operation. This also applies to advanced indexing e.g. tensor[{1}] = {2}"
)


def warn_expanded(self, name, what="mask", value="scalar"):
    """PyTorch's warning for a write that reaches an element more than once."""
    if self.device is not META and geometry.has_internal_overlap(self.geometry):
        messages.warn(_EXPANDED.format(name, what, value))


def _check_put(self, indices, values, accumulate, unsafe=False):
    if not indices:
        if not _expands(values.geometry.sizes, self.geometry.sizes):
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {messages.numbers(values.geometry.sizes)} cannot be broadcast to "
                f"indexing result of shape {messages.numbers(self.geometry.sizes)}"
            )
        raise RuntimeError("sym_strides() called on an undefined Tensor")
    _check_count(self.ndim, len(indices))
    if not accumulate and values.geometry.numel == 1 and _is_masked_fill(self, indices):
        number_for(values.item(), self.dtype)
        if self.dtype in (*dtypes.BAREBONES, *dtypes.FLOAT8):
            raise messages.not_implemented("masked_fill", self.dtype.scalar_type)
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
        refuse_shared(
            self, [values, *(one for one in indices if one is not None and one.dtype is dtypes.int64)]
        )
    else:
        warn_expanded(self, "masked_fill_")


def _is_masked_fill(self, indices):
    """Whether PyTorch makes masked_fill_ of it: one value and one mask. Errors: IndexError, RuntimeError for the mask."""
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
            if before + at >= self.ndim:
                _check_count(self.ndim, before + index.ndim)
            if self.geometry.sizes[before + at] != size:
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
    if 0 in places.sizes:
        return
    target = self.transpose(places.order)
    values = conversion.cast(values, dtypes.from_numpy_dtype(self.dtype))
    try:
        places.check_bounds()
    except IndexError as error:
        # PyTorch finds it when what comes before is written: in the first row of the dimensions that it loops over outside.
        row, reached = (0,) * places.before, error.first
        shape = (-1, *places.sizes[places.before + len(places.shape) :])
        part = xp.broadcast_to(values, places.sizes)[row].reshape(shape)[:reached]
        _put_at(xp, target[row], tuple(one.reshape(-1)[:reached] for one in places.arrays), part, accumulate)
        raise
    _put_at(xp, target, places.key, values, accumulate)


def _put_at(xp, target, key, values, accumulate):
    if accumulate:
        behind(xp).combine("add", target, key, values)
    else:
        target[key] = values


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
    stepwise=(*REDUCED, complex32),
    twin_check=_check_put_here,
    **_INDEX_PUT,
)
def index_put(xp, self, indices, values, accumulate):
    """Put values at these indices; with accumulate they add up, without the last one at an index stays."""
    _put(xp, self, indices, values, accumulate)


@op(
    "_index_put_impl_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False, bool "
    "unsafe=False) -> Tensor(a!)",
    check=_check_put_here,
    variants="function",
    **_INDEX_PUT,
)
def index_put_impl(xp, self, indices, values, accumulate, unsafe):
    """What index_put_ and the gradient of indexing call."""
    _put(xp, self, indices, values, accumulate)


# ---- where


def check_countable(self):
    """Refuse to find elements of a tensor that has none to look at. Errors: NotImplementedError on meta."""
    if self.is_meta:
        raise NotImplementedError(
            "The register_meta function for torch.nonzero() raises unimplemented by default, as a correct "
            "data-independent implementation does not exist. This implementation returns a fake value, "
            "assuming all elements of the tensor are non-zero. To enable this registration, please set "
            "'torch.fx.experimental._config.meta_nonzero_assume_all_nonzero' to True."
        )


def _check_masks(self, indices):
    for index in indices:
        if index is not None and index.dtype.name in ("bool", "uint8"):
            check_countable(index)
