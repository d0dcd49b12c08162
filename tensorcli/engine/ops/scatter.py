"""Writing elements by index tensors: scatter_, index_add_, index_copy_, index_fill_ and what reduces on the
way.

Where an index occurs more than once, the last write stays, unless the operator reduces.
"""

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops._writers import not_implemented, separate, writer
from tensorcli.engine.ops.create import number_for
from tensorcli.engine.ops.gather import along, check_index_range
from tensorcli.engine.ops.index import warn_expanded
from tensorcli.engine.tensor import Tensor

# ---- scatter: an index for each element


def _check_scatter(self, dim, index, src=None):
    """The checks of scatter. Errors: RuntimeError, IndexError with PyTorch's texts."""
    dim = wrap(dim, self.ndim)
    if index.geometry.numel and index.dtype.name not in ("int32", "int64"):
        raise RuntimeError("scatter(): Expected dtype int32/int64 for index")
    if isinstance(src, Tensor) and self.dtype is not src.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    if not index.geometry.numel:
        return
    sizes, own = index.geometry.sizes, self.geometry.sizes
    if max(len(sizes), 1) != max(len(own), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    too_large = any(a > b for d, (a, b) in enumerate(zip(sizes, own, strict=False)) if d != dim)
    if isinstance(src, Tensor):
        given = src.geometry.sizes
        wrap(dim, len(given))
        if max(len(sizes), 1) != max(len(given), 1):
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        if too_large or any(a > b for a, b in zip(sizes, given, strict=False)):
            raise RuntimeError(
                f"Expected index {messages.numbers(sizes)} to be no larger than self {messages.numbers(own)} "
                f"apart from dimension {dim} and to be no larger size than src {messages.numbers(given)}"
            )
    elif too_large:
        raise RuntimeError(
            f"Expected index {messages.numbers(sizes)} to be no larger than self {messages.numbers(own)} "
            f"apart from dimension {dim}"
        )
    check_index_range(index, dim, own[dim] if own else 1)


def _check_value(self, dim, index, value):
    _check_scatter(self, dim, index)
    number_for(value, self.dtype)


def _part(src, index):
    """The part of `src` that an index reads, with one dimension at least."""
    if not index.ndim:
        return src.reshape(-1)[:1]
    return (src if src.ndim else src.reshape(1))[tuple(slice(size) for size in index.shape)]


@writer(
    "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    _check_scatter,
    self=lambda grad, dim, index: grad.scatter(dim, index, 0),
    index=None,
    src=lambda grad, dim, index: grad.gather(dim, index),
)
def scatter_src(xp, self, dim, index, src):
    """Write each element of src to the place that its index names along a dimension."""
    if index.size:
        target, key = along(xp, self, dim, index)
        target[key] = _part(src, index)


@writer(
    "scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    _check_value,
    node=1,
    self=lambda grad, dim, index: grad.scatter(dim, index, 0),
    index=None,
)
def scatter_value(xp, self, dim, index, value):
    """Write a number to the places that the index names along a dimension."""
    if index.size:
        target, key = along(xp, self, dim, index)
        target[key] = number_for(value, dtypes.from_numpy_dtype(self.dtype))


_OLD_REDUCE = {"add": "add", "multiply": "multiply"}


def _check_old_reduce(self, dim, index, src, reduce):
    if isinstance(src, Tensor):
        _check_scatter(self, dim, index, src)
    else:
        _check_value(self, dim, index, src)
    if reduce not in _OLD_REDUCE:
        raise RuntimeError("reduce argument must be either add or multiply.")
    if isinstance(src, Tensor):
        messages.warn(
            "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in a "
            "future PyTorch release. Use torch.scatter_reduce instead for more reduction options.",
            once=True,
        )


@writer(
    "scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
    _check_old_reduce,
    index=None,
)
def scatter_with(xp, self, dim, index, src, reduce):
    """Add or multiply each element of src into the place that its index names along a dimension."""
    if index.size:
        target, key = along(xp, self, dim, index)
        behind(xp).combine(_OLD_REDUCE[reduce], target, key, _part(src, index).astype(self.dtype))


@writer(
    "scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
    _check_old_reduce,
    index=None,
)
def scatter_value_with(xp, self, dim, index, value, reduce):
    """Add or multiply a number into the places that the index names along a dimension."""
    if index.size:
        target, key = along(xp, self, dim, index)
        behind(xp).combine(
            _OLD_REDUCE[reduce], target, key, number_for(value, dtypes.from_numpy_dtype(self.dtype))
        )


@writer(
    "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    _check_scatter,
    self=lambda grad: grad,
    index=None,
    src=lambda grad, dim, index: grad.gather(dim, index),
)
def scatter_add(xp, self, dim, index, src):
    """Add each element of src to the place that its index names along a dimension."""
    if index.size:
        target, key = along(xp, self, dim, index)
        _accumulate(xp, "add", target, key, _part(src, index))


def _accumulate(xp, name, target, key, values):
    """Reduce values into the target's places, one after the other; the half-width floats round once, at the end."""
    if target.dtype.kind in "biufc" and target.dtype != np.float16:
        behind(xp).combine(name, target, key, values.astype(target.dtype, copy=False))
        return
    wide = target.astype(np.float32)
    behind(xp).combine(name, wide, key, values.astype(np.float32))
    target[...] = wide.astype(target.dtype)


_REDUCTIONS = {"sum": "add", "prod": "multiply", "mean": "add", "amax": "maximum", "amin": "minimum"}


def _identity(reduce, kind):
    """What a reduction starts from where self does not take part."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "b":
        return reduce == "amin"
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return limits.min if reduce == "amax" else limits.max
    return -np.inf if reduce == "amax" else np.inf


def _reduce_into(xp, target, key, values, reduce, include_self):
    """Reduce values into target[key]; the mean divides by how many took part."""
    values = xp.broadcast_to(values, target[key].shape)
    if not include_self:
        target[key] = _identity(reduce, target.dtype)
    _accumulate(xp, _REDUCTIONS[reduce], target, key, values)
    if reduce == "mean":
        count = xp.ones(target.shape, np.int64) if include_self else xp.zeros(target.shape, np.int64)
        behind(xp).combine("add", count, key, 1)
        count = xp.maximum(count, 1)
        if target.dtype.kind in "iu":
            target[...] = xp.floor_divide(target, count)
        else:
            target[...] = (target / count).astype(target.dtype)


def _check_scatter_reduce(self, dim, index, src, reduce, include_self):
    _check_scatter(self, dim, index, src)
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if self.dtype.is_complex and reduce in ("amax", "amin"):
        raise not_implemented(f"scatter_gather_tensor_cpu_reduce_{reduce}", self.dtype)


@writer(
    "scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool "
    "include_self=True) -> Tensor",
    _check_scatter_reduce,
    self__src=lambda grad, self, dim, index, src, reduce, include_self, result: scatter_reduce_backward(
        grad, self, dim, index, src, reduce, include_self, result
    ),
    index=None,
)
def scatter_reduce(xp, self, dim, index, src, reduce, include_self):
    """Reduce (sum, prod, mean, amax, amin) src into the places that the index names along a dimension."""
    if index.size:
        if self.dtype.kind == "b" and reduce == "mean":
            raise not_implemented("scatter_gather_tensor_cpu_reduce_mean", dtypes.bool_)
        target, key = along(xp, self, dim, index)
        _reduce_into(xp, target, key, _part(src, index), reduce, include_self)


def scatter_reduce_backward(grad, self, dim, index, src, reduce, include_self, result):
    """The gradients of scatter_reduce for self and src (after FunctionsManual.cpp's function of this name)."""
    ones = functions.ones_like
    if reduce == "sum":
        to_self, to_src = grad, grad.gather(dim, index)
    elif reduce == "prod":
        to_self, to_src = _product_gradients(
            grad, self, result,
            read=lambda x: x.gather(dim, index),
            masked=src == 0,
            write_prod=lambda into, values: into.scatter_reduce(
                dim, index, values, "prod", include_self=include_self
            ),
            add=lambda into, values: into.scatter_add(dim, index, values),
            src=src,
        )  # fmt: skip
    elif reduce == "mean":
        count = ones(self) if include_self else functions.zeros_like(self)
        count = count.scatter_add(dim, index, ones(src))
        count = count.masked_fill(count == 0, 1)
        to_self = grad / count
        to_src = to_self.gather(dim, index)
    else:
        # Those that tie share the gradient.
        value = result.gather(dim, index)
        source_ties = src == value
        self_ties = self == result
        shares = self_ties.to(self.dtype).scatter_add(dim, index, source_ties.to(self.dtype))
        share = grad / shares
        to_self = self_ties * share
        to_src = source_ties * share.gather(dim, index)
    if not include_self:
        to_self = to_self.scatter(dim, index, 0)
    return to_self, to_src


def _product_gradients(grad, self, result, *, read, masked, write_prod, add, src):
    """The gradients of a product for self and source; a source element that is the only zero at its place
    gets the product of the others."""
    without_zeros = self.masked_fill(self == 0, 1)
    to_self = (grad * write_prod(without_zeros, src)) / without_zeros
    zeros = read(add(functions.zeros_like(self), masked.to(self.dtype)))
    single_zero = functions.bitwise_and(masked, zeros == 1)
    others = write_prod(self, src.masked_fill(single_zero, 1))
    to_src = functions.where(
        single_zero, read(grad * others), read(grad * result) / src.masked_fill(masked, 1)
    )
    return to_self, to_src


# ---- a slice for each index


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
    size = given[dim] if dim < len(given) else 1
    if dim >= max(len(given), 1):
        raise wrap_error(dim, len(given))
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


def wrap_error(dim, ndim):
    """The IndexError for a dimension that a tensor does not have."""
    try:
        wrap(dim, ndim)
    except IndexError as error:
        return error
    raise AssertionError("the dimension is in range")


def _check_index_add(self, dim, index, source, alpha):
    if not self.ndim and not source.ndim and index.geometry.numel != 1:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at, size = _check_slices("index_add_()", self, dim, index, source)
    if not self.geometry.numel:
        return
    if self.ndim > 1:
        check_index_range(index, at, size)
    else:
        _check_flat_range(index, size)


def _check_flat_range(index, size):
    found = index.values
    if not index.is_meta and ((found < 0) | (found >= size)).any():
        raise IndexError("index out of range in self")


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
        behind(xp).combine(
            "add",
            target,
            key,
            (source if alpha == 1 else source * number_for(alpha, kind)).astype(target.dtype),
        )


def _scaled(grad, alpha):
    return grad if alpha == 1 else grad * alpha


def _check_index_reduce(self, dim, index, source, reduce, include_self):
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    messages.warn("index_reduce() is in beta and the API may change at any time.", once=True)
    _, size = _check_slices("index_reduce_()", self, dim, index, source)
    _check_flat_range(index, size)


@writer(
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) "
    "-> Tensor",
    _check_index_reduce,
    self__source=lambda grad, self, dim, index, source, reduce, include_self, result: index_reduce_backward(
        grad, self, dim, index, source, reduce, include_self, result
    ),
    index=None,
)
def index_reduce(xp, self, dim, index, source, reduce, include_self):
    """Reduce (prod, mean, amax, amin) slices of source into the slices of self that an index names."""
    target, key = _slices(self, dim, index)
    if index.size:
        _reduce_into(xp, target, key, source if source.ndim else source.reshape(1), reduce, include_self)


def index_reduce_backward(grad, self, dim, index, source, reduce, include_self, result):
    """The gradients of index_reduce for self and source (after FunctionsManual.cpp's function of this name)."""
    if reduce == "prod":
        to_self, to_source = _product_gradients(
            grad, self, result,
            read=lambda x: x.index_select(dim, index),
            masked=source == 0,
            write_prod=lambda into, values: into.index_reduce(
                dim, index, values, "prod", include_self=include_self
            ),
            add=lambda into, values: into.index_add(dim, index, values),
            src=source,
        )  # fmt: skip
    elif reduce == "mean":
        count = functions.ones_like(self) if include_self else functions.zeros_like(self)
        count = count.index_add(dim, index, functions.ones_like(source))
        count = count.masked_fill(count == 0, 1)
        to_self = grad / count
        to_source = to_self.index_select(dim, index)
    else:
        value = result.index_select(dim, index)
        source_ties = source == value
        self_ties = self == result
        shares = self_ties.to(self.dtype).index_add(dim, index, source_ties.to(self.dtype))
        share = grad / shares
        to_self = self_ties * share
        to_source = source_ties * share.index_select(dim, index)
    if not include_self:
        to_self = to_self.index_fill(dim, index, 0)
    return to_self, to_source


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
    check_index_range(index, dim, own[dim] if own else 1, IndexError, f"{name}: ")


@writer(
    "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor",
    _check_index_copy,
    twin_check=lambda self, dim, index, source: (
        separate(_nothing)(self, index, source),
        _check_index_copy(self, dim, index, source),
    ),
    self=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    source=lambda grad, source, dim, index: _from_slices(grad, source, dim, index),
    index=None,
)
def index_copy(xp, self, dim, index, source):
    """Copy slices of source to the slices of self that an index names."""
    target, key = _slices(self, dim, index)
    target[key] = source if source.ndim else source.reshape(1)


def _check_index_fill_here(self, dim, index, value):
    warn_expanded(self, "index_fill_")
    _check_index_fill(self, dim, index, value)


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
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    dim = wrap(dim, self.ndim)
    number_for(value, self.dtype)
    size = self.geometry.sizes[dim] if self.ndim else 1
    found = index.values
    wrong = (found < -size) | (found >= size)
    if not index.is_meta and wrong.any():
        bad = int(found.reshape(-1)[int(np.argmax(wrong.reshape(-1)))])
        raise IndexError(f"index {bad} is out of bounds for dimension {dim} with size {size}")


@writer(
    "index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    _check_index_fill,
    preserve=True,
    out=False,
    twin_check=_check_index_fill_here,
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
    node=1,
    self=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    value=lambda grad, dim, index: grad.index_select(dim, functions._unique2(index, False)[0]).sum(),
    index=None,
)
def index_fill_tensor(xp, self, dim, index, value):
    """Fill the slices that an index names with the one element of a tensor."""
    target, key = _slices(self, dim, index)
    target[key] = effects.cast(value, dtypes.from_numpy_dtype(self.dtype))
