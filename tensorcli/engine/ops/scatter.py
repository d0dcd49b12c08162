"""Writing elements by an index for each: scatter, and what reduces on the way.

Where an index occurs more than once, the last write stays, unless the operator reduces.
"""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.conversion import number_for
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.ops._places import REDUCTIONS, SHORT, Places, accumulate, identity, reduce_into
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops._writers import writer
from tensorcli.engine.ops.gather import along, check_index_range
from tensorcli.engine.tensor import Tensor


def _check_scatter(self, dim, index, src=None):
    """The checks of scatter. Errors: RuntimeError, IndexError with PyTorch's texts."""
    dim = _check_scatter_kinds(self, dim, index, src)
    _check_scatter_sizes(self, dim, index, src)
    check_index_range(index, dim, self.geometry.sizes[dim] if self.ndim else 1)


def _check_scatter_kinds(self, dim, index, src):
    dim = wrap(dim, self.ndim)
    if index.geometry.numel and index.dtype.name not in ("int32", "int64"):
        raise RuntimeError("scatter(): Expected dtype int32/int64 for index")
    if isinstance(src, Tensor) and self.dtype is not src.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    return dim


def _check_scatter_sizes(self, dim, index, src):
    if not index.geometry.numel:
        return
    sizes, own = index.geometry.sizes, self.geometry.sizes
    if max(len(sizes), 1) != max(len(own), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    too_large = any(a > b for d, (a, b) in enumerate(zip(sizes, own, strict=False)) if d != dim)
    if isinstance(src, Tensor):
        given = src.geometry.sizes
        if max(len(sizes), 1) != max(len(given), 1):
            if given and not too_large:
                # PyTorch asks the source for the index's sizes.
                wrap(dim, len(given))
                if all(a <= b for a, b in zip(sizes, given, strict=False)):
                    wrap(min(len(sizes) - 1, len(given)), len(given))
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        if too_large or any(a > b for a, b in zip(sizes, given or (1,), strict=False)):
            raise RuntimeError(
                f"Expected index {messages.numbers(sizes)} to be no larger than self {messages.numbers(own)} "
                f"apart from dimension {dim} and to be no larger size than src {messages.numbers(given)}"
            )
    elif too_large:
        raise RuntimeError(
            f"Expected index {messages.numbers(sizes)} to be no larger than self {messages.numbers(own)} "
            f"apart from dimension {dim}"
        )


def _check_value(self, dim, index, value):
    _check_scatter(self, dim, index)
    number_for(value, self.dtype)


def inner_dimensions(self, dim, arrays):
    """The dimensions that PyTorch's innermost loop covers: the last of the others than `dim`, and those it joins with."""
    found = []
    for d in range(self.ndim - 1, -1, -1):
        if d == dim and d == self.ndim - 1:
            break
        if d == dim:
            continue
        if found and not all(
            one.shape[found[0]] == self.shape[found[0]]
            and one.strides[d] == one.strides[found[0]] * one.shape[found[0]]
            for one in (self, *arrays)
        ):
            break
        found.insert(0, d)
    return found


def _parts(self, dim, index, src, *rest):
    """The elements before the first index that is out of range, in the order of PyTorch's loops."""
    if not self.ndim:
        return
    dim = wrap(dim, self.ndim)
    inner = inner_dimensions(self, dim, [index] + [src] * isinstance(src, np.ndarray))
    order = [*(d for d in range(self.ndim) if d != dim and d not in inner), dim, *inner]
    walked = index.transpose(order)
    wrong = ((walked < 0) | (walked >= self.shape[dim])).reshape(-1)
    for at in zip(*np.unravel_index(np.arange(wrong.argmax()), walked.shape), strict=True):
        place = tuple(int(at[order.index(d)]) for d in range(self.ndim))
        line = (*place[:dim], slice(None), *place[dim + 1 :])
        value = src[place][None] if isinstance(src, np.ndarray) else src
        yield (self[line], 0, index[place][None], value, *rest)


def _part(src, index):
    """The part of `src` that an index reads, with one dimension at least."""
    if not index.ndim:
        return src.reshape(-1)[:1]
    return (src if src.ndim else src.reshape(1))[tuple(slice(size) for size in index.shape)]


@writer(
    "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    _check_scatter,
    parts=_parts,
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
    parts=_parts,
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
    known = reduce in _OLD_REDUCE
    if not known:
        _check_scatter_sizes(self, _check_scatter_kinds(self, dim, index, src), index, src)
    elif isinstance(src, Tensor):
        _check_scatter(self, dim, index, src)
    else:
        _check_value(self, dim, index, src)
    if isinstance(src, Tensor):
        messages.warn(
            "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in a "
            "future PyTorch release. Use torch.scatter_reduce instead for more reduction options.",
            once=True,
        )
    if not known:
        raise RuntimeError("reduce argument must be either add or multiply.")


@writer(
    "scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
    _check_old_reduce,
    parts=_parts,
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
    parts=_parts,
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
    parts=_parts,
    self=lambda grad: grad,
    index=None,
    src=lambda grad, dim, index: grad.gather(dim, index),
)
def scatter_add(xp, self, dim, index, src):
    """Add each element of src to the place that its index names along a dimension."""
    if index.size:
        target, key = along(xp, self, dim, index)
        accumulate(xp, "add", target, key, _part(src, index))


def _reduce_parts(self, dim, index, src, reduce, include_self):
    if not include_self:  # PyTorch clears the places first, and comes upon the index there.
        start = identity(SHORT.get(reduce, reduce), self.dtype)
        src, reduce = np.full(index.shape, start, self.dtype), "sum"
    yield from _parts(self, dim, index, src, reduce, include_self)


def _check_scatter_reduce(self, dim, index, src, reduce, include_self):
    reduce = SHORT.get(reduce, reduce)
    if reduce not in REDUCTIONS:
        _check_scatter_sizes(self, _check_scatter_kinds(self, dim, index, src), index, src)
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    _check_scatter(self, dim, index, src)
    if self.dtype.is_complex and reduce in ("amax", "amin"):
        raise messages.not_implemented(f"scatter_gather_tensor_cpu_reduce_{reduce}", self.dtype.scalar_type)


def _reduce_gradients(grad, self, dim, index, src, reduce, include_self, result):
    if reduce in SHORT:
        raise RuntimeError(
            f"Expected 'reduce' to be one of 'sum', 'prod', 'mean', 'amax', 'amin' but got {reduce}."
        )
    places = Places(
        read=lambda x: x.gather(dim, index),
        add=lambda x, values: x.scatter_add(dim, index, values),
        multiply=lambda x, values: x.scatter_reduce(dim, index, values, "prod", include_self=include_self),
        clear=lambda x: x.scatter(dim, index, 0),
        twice="scatter_reduce(): Double backward is unsupported for src when >1 zeros in src are scattered to the same position in "
        "self",
    )
    return places.gradients(grad, self, src, reduce, include_self, result)


@writer(
    "scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool "
    "include_self=True) -> Tensor",
    _check_scatter_reduce,
    parts=_reduce_parts,
    tangents=lambda reduce: None if reduce == "prod" else NotImplemented,
    self__src=_reduce_gradients,
    index=None,
)
def scatter_reduce(xp, self, dim, index, src, reduce, include_self):
    """Reduce (sum, prod, mean, amax, amin) src into the places that the index names along a dimension."""
    if index.size:
        if self.dtype.kind == "b" and reduce == "mean":
            raise messages.not_implemented("scatter_gather_tensor_cpu_reduce_mean", "Bool")
        target, key = along(xp, self, dim, index)
        reduce_into(xp, target, key, _part(src, index), SHORT.get(reduce, reduce), include_self)
