"""Sums, products, truth and counts over dimensions."""

from itertools import pairwise
from math import prod

import numpy as np

from tensorcli.engine import dtypes, geometry, messages
from tensorcli.engine.autograd.modes import mode, pushing, transforms
from tensorcli.engine.batch.layer import whole
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.ops._arithmetic import widely
from tensorcli.engine.ops._cascade import total
from tensorcli.engine.ops._dimensions import (
    axis,
    computing,
    converted,
    count,
    not_empty,
    refuse,
    restore,
    restore_dims,
    wrap,
    wrap_dims,
)
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._registers import LANES
from tensorcli.engine.ops._shared import behind

# ---- sums and products


@op(
    "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    out=False,
    self=lambda grad, self_sizes: grad.expand(self_sizes),
)
def sum_all(xp, self, dtype):
    """Add up all elements."""
    array = computing(self, dtype)
    return total(xp, array)


@op(
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    node=1,
    self=lambda grad, self_sizes, dim, keepdim: restore(grad, self_sizes, dim, keepdim),
)
def sum_dim(xp, self, dim, keepdim, dtype):
    """Add up the elements along some dimensions."""
    dims = wrap_dims(dim, self.ndim)
    return total(xp, computing(self, dtype, _lie_together(self, dims)), dims, keepdim)


def _lie_together(array, dims):
    """Whether dimensions are one in memory. Sums over more go through a buffer of PyTorch's that holds float32."""
    runs = sorted((array.strides[d], array.shape[d]) for d in dims if array.shape[d] > 1)
    return all(step == before * size for (before, size), (step, _) in pairwise(runs))


@composite("sum_to_size(Tensor self, SymInt[] size) -> Tensor", variants="method")
def sum_to_size(self, size):
    """Add up the dimensions that broadcasting to self's sizes would stretch."""
    own = self.geometry.sizes
    size = tuple(size)
    dims = geometry.stretched(own, size)
    if dims is None:
        raise RuntimeError(
            f"size {{{messages.numbers(size)}}} is not expandable to size {{{messages.numbers(own)}}}."
        )
    if not size:
        return self.sum()
    summed = self.sum(dims, keepdim=True) if dims else self
    return summed.view(size) if len(own) > len(size) else summed


@op(
    "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    self=lambda grad, self, dim, keepdim: _nansum_backward(
        restore(grad.to(self.dtype), self.geometry.sizes, dim, keepdim), self
    ),
)
def nansum(xp, self, dim, keepdim, dtype):
    """Add up the elements along some dimensions, NaN counting as zero."""
    if self.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    array = computing(self, dtype)
    if array.dtype.kind == "c" and self.dtype.kind == "f":
        raise messages.not_implemented("nansum_cpu", dtype.scalar_type)
    if array.dtype.kind == "f":
        array = xp.where(xp.isnan(array), array.dtype.type(0), array)
    return total(xp, array, wrap_dims(dim, self.ndim, one_by_one=True), keepdim)


def _mean_input(array, dtype):
    kind = dtype or dtypes.from_numpy_dtype(array.dtype)
    if kind.category < dtypes.FLOATING:
        what = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {what} dtype must be either a floating point or complex dtype. Got: "
            f"{kind.scalar_type}"
        )
    return computing(array, dtype, rounded=False)


@op(
    "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    self=lambda grad, self_sizes: grad.expand(self_sizes) / count(self_sizes, None),
)
def mean_all(xp, self, dtype):
    """The mean of all elements."""
    array = _mean_input(self, dtype)
    return _divided(xp, total(xp, array), array.size)


@op(
    "mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    node=1,
    self=lambda grad, self_sizes, dim, keepdim: (
        restore(grad, self_sizes, dim, keepdim) / max(count(self_sizes, dim), 1)
    ),
)
def mean_dim(xp, self, dim, keepdim, dtype):
    """The mean along some dimensions."""
    array = _mean_input(self, dtype)
    added = total(xp, array, wrap_dims(dim, self.ndim), keepdim)
    return _divided(xp, added, count(self.shape, dim))


def _divided(xp, added, n):
    return xp.divide(added, added.dtype.type(n))


def _nansum_backward(grad, self):
    # A tangent that is nan does not count either.
    return grad.masked_fill(self.isnan(), 0) if pushing else grad * self.isnan().logical_not()


@composite(
    "nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    out=True,
)
def nanmean(self, dim, keepdim, dtype):
    """The mean along some dimensions, NaN left out."""
    if self.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {self.dtype.scalar_type}"
        )
    if dtype is not None and dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "nanmean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. Got: "
            f"{dtype.scalar_type}"
        )
    factor = self.isnan().logical_not_().sum(() if dim is None else dim, keepdim)
    return self.nansum(dim, keepdim, dtype=dtype).div(factor)


def _prod_backward(grad, self, result):
    if not self.ndim:
        return grad
    zeros = int(np.count_nonzero(whole(self).values == 0))
    if not zeros:
        return grad * (result / self).conj()
    if zeros > 1 and self.batch is None and not (mode.enabled or transforms):
        return functions.zeros_like(self, memory_format=contiguous_format)
    return prod_safe(grad, self.contiguous().view(-1), 0).view_as(self)


def _prod_dim_backward(grad, self, result, dim, keepdim):
    if not self.ndim:
        return grad
    dim = wrap(dim, self.ndim)
    if not keepdim:
        grad, result = grad.unsqueeze(dim), result.unsqueeze(dim)
    if not np.count_nonzero(whole(self).values == 0):
        return grad * (result / self).conj()
    return prod_safe(grad, self, dim)


def prod_safe(grad, self, dim):
    """The product of all others, from both sides: no division, so zeros do no harm."""
    if not self.numel():
        return grad.expand_as(self)
    size = self.size(dim)
    if size == 1:
        return grad.clone()
    one = functions.ones_like(self.narrow(dim, 0, 1))
    before = functions.cat([one, self.narrow(dim, 0, size - 1)], dim).cumprod(dim)
    after = functions.cat([one, self.narrow(dim, 1, size - 1).flip(dim)], dim).cumprod(dim).flip(dim)
    return grad * (before * after).conj()


@op(
    "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    stepwise=REDUCED,
    out=False,
    self=lambda grad, self, result: _prod_backward(grad, self.to(grad.dtype), result),
)
def prod_all(xp, self, dtype):
    """Multiply all elements."""
    array = _factors(self, dtype)
    if dtypes.is_reduced(array.dtype):
        return _product_in_steps(xp, array.reshape(-1), 0)
    return xp.prod(array, dtype=array.dtype)


def _factors(array, dtype):
    """The array in the dtype asked for, in which products of reduced dtypes are rounded after each factor."""
    return converted(array, dtype) if dtype is not None and dtype.reduced else computing(array, dtype)


def _product_in_steps(xp, array, dim):
    """A product along a dimension that is rounded after each factor: in four registers, where the factors fill them."""
    if not array.shape[dim]:
        return xp.prod(array, axis=dim, dtype=array.dtype)

    def product(factors):
        return xp.take(behind(xp).running("multiply", factors, 0), -1, axis=0)

    array = xp.moveaxis(array, dim, 0)
    lanes = 4 * LANES // array.itemsize
    whole = len(array) - len(array) % (4 * lanes)
    if not whole or array.strides[0] != array.itemsize:
        return product(array)
    first, second, third, fourth = product(array[:whole].reshape(-1, 4, lanes, *array.shape[1:]))
    sides = product((first * second) * (third * fourth))
    return product(xp.concatenate([sides[None], array[whole:]]))


@op(
    "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    stepwise=REDUCED,
    node=1,
    self=lambda grad, self, result, dim, keepdim: _prod_dim_backward(
        grad, self.to(grad.dtype), result, dim, keepdim
    ),
)
def prod_dim(xp, self, dim, keepdim, dtype):
    """Multiply the elements along a dimension."""
    array = _factors(self, dtype)
    along = axis(dim, self.ndim)
    if array.ndim and dtypes.is_reduced(array.dtype):
        found = _product_in_steps(xp, array, wrap(dim, array.ndim))
        return xp.expand_dims(found, wrap(dim, array.ndim)) if keepdim else found
    return xp.prod(array, dtype=array.dtype, axis=along, keepdims=keepdim)


# ---- truth and counts


def _truth(find, self, dims, keepdim):
    answer = find(self != 0, axis=dims, keepdims=keepdim)
    # uint8 was PyTorch's boolean once, and these still answer in it.
    return answer.astype(np.uint8) if self.dtype == np.uint8 else answer


@op("all(Tensor self) -> Tensor", self=None)
def all_(xp, self):
    """Whether all elements are true."""
    return _truth(xp.all, self, None, False)


@op("all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", self=None)
def all_dim(xp, self, dim, keepdim):
    """Whether all elements along a dimension are true."""
    return _truth(xp.all, self, axis(dim, self.ndim), keepdim)


@op("all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", self=None)
def all_dims(xp, self, dim, keepdim):
    """Whether all elements along some dimensions are true."""
    return _truth(xp.all, self, _named_dims(dim, self.ndim), keepdim)


@op("any(Tensor self) -> Tensor", self=None)
def any_(xp, self):
    """Whether some element is true."""
    return _truth(xp.any, self, None, False)


@op("any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", self=None)
def any_dim(xp, self, dim, keepdim):
    """Whether some element along a dimension is true."""
    return _truth(xp.any, self, axis(dim, self.ndim), keepdim)


@op("any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", self=None)
def any_dims(xp, self, dim, keepdim):
    """Whether some element along some dimensions is true."""
    return _truth(xp.any, self, _named_dims(dim, self.ndim), keepdim)


def _named_dims(dim, ndim):
    # Here an empty list means no dimension, and only None means all.
    return wrap_dims(dim, ndim) if dim is None or len(dim) else ()


@op("count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", out=False, self=None)
def count_nonzero_dims(xp, self, dim):
    """How many elements are not zero, along some dimensions."""
    return xp.asarray(xp.count_nonzero(self, axis=wrap_dims(dim, self.ndim)), np.int64)


@op("count_nonzero(Tensor self, int? dim=None) -> Tensor", out=False, self=None)
def count_nonzero(xp, self, dim):
    """How many elements are not zero, along a dimension or of all."""
    dims = wrap_dims(None, self.ndim) if dim is None else axis(dim, self.ndim)
    return xp.asarray(xp.count_nonzero(self, axis=dims), np.int64)


# ---- hashes


@op("hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor", self=None)
def hash_tensor(xp, self, dim, keepdim, mode):
    """The exclusive or of the elements, widened to 64 bits, along some dimensions."""
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if not self.size and not len(dim):
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument."
        )
    dims = wrap_dims(dim, self.ndim)
    for one in dims:
        not_empty(self, one, "hash_tensor")
    refuse(self, "xor_sum_cpu", "c")
    words = self.astype(np.int64 if self.dtype.kind in "biu" else np.float64).view(np.uint64)
    kept = [d for d in range(self.ndim) if d not in dims]
    rows = [self.shape[d] for d in kept]
    folded = words.transpose(*kept, *dims).reshape(*rows, prod(self.shape[d] for d in dims))
    while folded.shape[-1] > 1:
        half = folded.shape[-1] // 2
        rest = folded[..., 2 * half :]
        folded = xp.concatenate((folded[..., :half] ^ folded[..., half : 2 * half], rest), axis=-1)
    sizes = (1 if d in dims else size for d, size in enumerate(self.shape) if keepdim or d not in dims)
    return folded.reshape(tuple(sizes))


# ---- sums of exponentials


def _logsumexp_backward(grad, self, result, dim, keepdim):
    grad, result = restore_dims(grad, self.ndim, dim, keepdim), restore_dims(result, self.ndim, dim, keepdim)
    return grad * (self - result).exp().conj()


@op(
    "logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor",
    stepwise=REDUCED,
    self=_logsumexp_backward,
)
def logsumexp(xp, self, dim, keepdim):
    """The logarithm of the sum of exponentials along some dimensions, without overflow."""
    if self.dtype.kind not in "fcV":
        self = self.astype(dtypes.default.floating.np)
    dims = wrap_dims(dim, self.ndim)
    if self.ndim and self.size and not len(dim) and not keepdim:
        raise messages.output_shape([], [1] * self.ndim)
    if not self.size:
        return xp.log(xp.sum(xp.exp(self), axis=dims, keepdims=keepdim))
    most = xp.max(self.real, axis=dims, keepdims=True)
    # CuPy's `where` has no bfloat16.
    most = xp.where(xp.isfinite(most), most, most.dtype.type(0)).astype(most.dtype, copy=False)
    powers = widely(xp.exp, self - most)
    found = total(xp, *widened(powers), dims, True).astype(powers.dtype, copy=False)
    found = widely(xp.log, found) + most
    return found if keepdim else found.reshape([size for d, size in enumerate(self.shape) if d not in dims])
