"""Dimensions and dtypes as reductions take them: wrapped, listed, put back."""

from math import prod

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.conversion import cast


def wrap(dim: int, ndim: int) -> int:
    """A dimension counted from the front. Errors: IndexError with PyTorch's text."""
    least = -max(ndim, 1)
    if not least <= dim < -least:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{least}, {-least - 1}], but got {dim})"
        )
    return dim + max(ndim, 1) if dim < 0 else dim


def existing(dim: int, ndim: int) -> int:
    """A dimension counted from the front, of a tensor that has some. Errors: IndexError with PyTorch's texts."""
    if not ndim:
        raise messages.no_dimensions(dim)
    return wrap(dim, ndim)


def distinct(dims, ndim):
    """Several dimensions counted from the front, none of them twice. Errors: IndexError, RuntimeError, of the first in the list that
    is wrong (dim_list_to_bitset).
    """
    wrapped = []
    for dim in dims:
        one = wrap(dim, ndim)
        if one in wrapped:
            raise RuntimeError(f"dim {one} appears multiple times in the list of dims")
        wrapped.append(one)
    return tuple(wrapped)


def wrap_dims(dims, ndim, one_by_one=False):
    """Several dimensions counted from the front; all of them for None or none. Errors: IndexError, and then RuntimeError for one
    that is there twice; `one_by_one` (PyTorch's older reductions): of the first in the list that is wrong.
    """
    if dims is None or (not isinstance(dims, int) and len(dims) == 0):
        return tuple(range(ndim))
    dims = (dims,) if isinstance(dims, int) else dims
    wrapped = distinct(dims if one_by_one else [wrap(dim, ndim) for dim in dims], ndim)
    return wrapped if ndim else ()


def restore_dims(tensor, ndim, dims, keepdim):
    """Put the dimensions that a reduction took out back in, with size 1, one by one; of an empty list none, since what has no
    dimensions broadcasts."""
    if not keepdim and ndim and (dims is None or isinstance(dims, int) or len(dims)):
        for dim in sorted(wrap_dims(dims, ndim)):
            tensor = tensor.unsqueeze(dim)
    return tensor


def restore_at_once(tensor, dims, keepdim):
    """The same by one change of shape (torch/csrc/autograd/FunctionsManual.cpp, restore_reduced_dims)."""
    if keepdim:
        return tensor
    sizes = list(tensor.geometry.sizes)
    for dim in sorted(wrap_dims(dims, len(sizes) + len(dims))) if len(dims) else ():
        sizes.insert(dim, 1)
    return tensor.reshape(sizes)


def restore(grad, sizes, dims, keepdim):
    """Spread the gradient of a reduction over the dimensions that it reduced."""
    if dims is not None:
        grad = restore_dims(grad, len(sizes), dims, keepdim)
    return grad.expand(sizes)


def count(sizes, dims):
    """How many elements a reduction over these dimensions takes together."""
    return prod(sizes[dim] for dim in wrap_dims(dims, len(sizes)))


def axis(dim, ndim):
    """The one dimension as numpy's axis: none for a zero-dimensional tensor."""
    dim = wrap(dim, ndim)
    return dim if ndim else ()


def computing(array, dtype, rounded=True):
    """The array in the dtype asked for (to which it is first rounded), as kernels compute it; integers and booleans as int64 when
    none was asked.
    """
    if dtype is not None:
        return cast(converted(array, dtype if rounded else dtype.computes_as), dtype.computes_as)
    return array.astype(np.int64) if array.dtype.kind in "bui" else array


def converted(array, dtype):
    """The elements rounded to the dtype asked for, which PyTorch does before it computes."""
    if array.size:
        messages.warn_discards(dtypes.from_numpy_dtype(array.dtype), dtype)
    return cast(array, dtype)


def kind_of(array):
    """PyTorch's name of an array's dtype, as errors have it: `Long`."""
    return dtypes.from_numpy_dtype(array.dtype).scalar_type


def is_wide(array):
    """Whether this is an array of unsigned integers of more than a byte."""
    return array.dtype.char in dtypes.WIDE_UNSIGNED


def refuse(array, name, kinds):
    """Refuse arrays of numpy's kinds `kinds`. Errors: NotImplementedError with PyTorch's text."""
    if array.dtype.kind in kinds:
        raise messages.not_implemented(name, kind_of(array))


def not_empty(array, dim, name):
    """Refuse to reduce a dimension of size 0, named as the caller has it, that has no neutral element. Errors: IndexError."""
    if array.ndim and not array.shape[dim]:
        raise IndexError(f"{name}: Expected reduction dim {dim} to have non-zero size.")
