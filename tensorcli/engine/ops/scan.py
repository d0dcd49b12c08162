"""Scans: running sums, products and extremes along a dimension."""

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.modes import mode, transforms
from tensorcli.engine.batch.layer import roomy, whole
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.ops._dimensions import computing, refuse, wrap
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.queries import finfo


def _reversed_cumsum(tensor, dim):
    return tensor.flip(dim).cumsum(dim).flip(dim)


def _cumsum_backward(grad, dim):
    if grad.numel() <= 1 or grad.size(dim) == 1:
        return grad
    return _reversed_cumsum(grad, dim)


@op(
    "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
    inplace=True,
    self=lambda grad, self_dtype, dim: _cumsum_backward(grad.to(self_dtype), dim),
)
def cumsum(xp, self, dim, dtype):
    """The running sums along a dimension."""
    dim = wrap(dim, self.ndim)
    array = computing(self, dtype)
    if self.ndim and self.size:
        refuse(array, "cumsum_out_cpu", "b")
    if not self.ndim:
        return array.copy()
    # As a method, so that numpy warns of infinities in the name of this module, where nobody hears it.
    found = array.cumsum(axis=dim, dtype=_summing(array))
    if found.dtype.kind in "fc":
        found += 0  # the sums begin with a zero: none of them is a negative one
    return found.astype(array.dtype, copy=False)


def _summing(array):
    """The dtype that PyTorch adds and multiplies up in: double precision for single."""
    return {"f": np.float64, "F": np.complex128}.get(array.dtype.char, array.dtype)


def _cumprod_backward(grad, self, dim, result):
    """After torch/csrc/autograd/FunctionsManual.cpp: by division where nothing is zero, else product by product."""
    if self.numel() <= 1 or self.size(dim) == 1:
        return grad
    dim = wrap(dim, self.ndim)
    inputs = self.conj()
    if not np.count_nonzero(whole(self).values == 0):
        return _reversed_cumsum(result.conj() * grad, dim).div(inputs)
    if not mode.enabled:
        return _up_to_first_zero(grad, inputs, result.conj(), dim)
    size = self.size(dim)
    parts = ((grad.narrow(dim, k, size - k) * _others(inputs, dim, k)).sum(dim) for k in range(size))
    if transforms:
        return functions.stack(list(parts), dim)
    found = grad.new_empty(self.geometry.sizes).zero_()
    for k, part in enumerate(parts):
        found.select(dim, k).copy_(part)
    return found


def _others(inputs, dim, k):
    """Of the running products from the k-th on, all factors but the k-th."""
    size = inputs.size(dim)
    if k == size - 1:
        return inputs.narrow(dim, 0, k).prod(dim, True)
    after = inputs.narrow(dim, k + 1, size - k - 1).cumprod(dim)
    if not k:
        return functions.cat([functions.ones_like(inputs.narrow(dim, 0, 1)), after], dim)
    before = inputs.narrow(dim, 0, k).prod(dim, True)
    return functions.cat([before, before.expand_as(after) * after], dim)


def _up_to_first_zero(grad, inputs, result, dim):
    """The gradient of cumprod where it is not differentiated again: nothing beyond the first zero of a row has one."""
    is_zero = inputs == 0
    zeros = is_zero.cumsum(dim)
    before, first = zeros == 0, is_zero & (zeros == 1)
    slopes = _reversed_cumsum((result * grad).masked_fill_(~before, 0), dim).div_(inputs)
    # What follows the first zero up to the second one is a product of which the zero is a factor.
    after = inputs.masked_fill((zeros != 1) | first, 1).cumprod(dim).masked_fill_(zeros != 1, 0)
    place = first.to(dtypes.int64).argmax(dim, True)
    factor = result.gather(dim, (place - 1).relu_()).masked_fill_(place == 0, 1)
    of_zero = (after * grad).sum(dim, True) * factor
    return functions.where(first, of_zero, slopes.masked_fill_(~before, 0))


@op(
    "cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
    inplace=True,
    self=lambda grad, self, dim, result: _cumprod_backward(grad.to(self.dtype), self, dim, result),
)
def cumprod(xp, self, dim, dtype):
    """The running products along a dimension."""
    dim = wrap(dim, self.ndim)
    array = computing(self, dtype)
    if self.ndim and self.size:
        refuse(array, "cumprod_out_cpu", "b")
    if not self.ndim:
        return array.copy()
    if array.dtype.kind == "c":
        # PyTorch begins with one times the first, which shows where that is not finite.
        first = (slice(None),) * dim + (slice(1),)
        array = array.copy()
        array[first] *= array.dtype.type(1)
    # As a method, so that numpy warns of infinities in the name of this module, where nobody hears it.
    return array.cumprod(axis=dim, dtype=_summing(array)).astype(array.dtype, copy=False)


def _running(xp, self, dim, extreme):
    dim = wrap(dim, self.ndim)
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    if not self.size:
        return self.copy(), xp.zeros(self.shape, np.int64)
    values = behind(xp).running(extreme, self, dim)
    # The latest of equal elements counts, and a NaN replaces everything before it.
    taken = (self == values) | (self != self)
    along = xp.arange(self.shape[dim]).reshape((-1,) + (1,) * (self.ndim - dim - 1))
    return values, behind(xp).running("maximum", xp.where(taken, along, 0), dim)


def _extreme_backward(grad, self_sizes, indices, dim):
    if not grad.numel():
        return grad
    return roomy(grad.new_zeros(self_sizes), indices).scatter_add_(dim, indices, grad)


@op(
    "cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)",
    self=lambda grad, self, indices, dim: _extreme_backward(grad, self.geometry.sizes, indices, dim),
)
def cummax(xp, self, dim):
    """The largest elements so far along a dimension and where they are."""
    if not self.ndim and dim not in (0, -1):
        raise IndexError(f"cummax(): Expected reduction dim -1 or 0 for scalar but got {dim}")
    if not self.ndim or not self.size:
        return self.copy(), xp.zeros(self.shape, np.int64)
    wrap(dim, self.ndim)
    refuse(self, "cummax_cpu", "c")
    return _running(xp, self, dim, "maximum")


@op(
    "cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)",
    self=lambda grad, self, indices, dim: _extreme_backward(grad, self.geometry.sizes, indices, dim),
)
def cummin(xp, self, dim):
    """The smallest elements so far along a dimension and where they are."""
    if not self.ndim and dim not in (0, -1):
        raise IndexError(f"cummin(): Expected reduction dim -1 or 0 for scalar but got {dim}")
    if not self.ndim or not self.size:
        return self.copy(), xp.zeros(self.shape, np.int64)
    wrap(dim, self.ndim)
    refuse(self, "cummin_cpu", "c")
    return _running(xp, self, dim, "minimum")


def _logcumsumexp_backward(grad, self, result, dim):
    if not grad.ndim or not grad.numel():
        return grad

    def backward(logarithm):
        turned = (logarithm - result).flip(dim).logcumsumexp(dim).flip(dim)
        return (turned + self).exp()

    if grad.dtype.is_complex:
        # log and exp take the sign along in the imaginary part.
        return backward(grad.conj().log()).conj()
    least = finfo(grad.dtype).min
    logarithm = grad.abs().log()
    positive = functions.where(grad > 0, logarithm, least)
    negative = functions.where(grad < 0, logarithm, least)
    return backward(positive) - backward(negative)


def _running_complex(xp, self, dim):
    """Term by term, the smaller real part relative to the larger, whose imaginary part stays as it is: beyond pi too."""
    rows = xp.moveaxis(self, dim, 0)
    found = xp.empty(rows.shape, self.dtype)
    total = xp.full(rows.shape[1:], complex(-np.inf, 0), self.dtype)
    for i, row in enumerate(rows):
        swap = xp.real(row) >= xp.real(total)
        less, more = xp.where(swap, total, row), xp.where(swap, row, total)
        ratio = xp.where(xp.isneginf(xp.real(less)), 0, xp.exp(less - more))
        total = xp.log1p(ratio.astype(self.dtype)) + more
        infinite = xp.isinf(xp.real(more)) & (xp.real(more) == xp.real(less))
        if infinite.any():
            both = xp.where(xp.real(less) < 0, less, xp.log(xp.exp(less) + xp.exp(more)))
            total = xp.where(infinite, both, total)
        lost = xp.isnan(row) | xp.isnan(less) | xp.isnan(more)
        found[i] = total = xp.where(lost, complex(np.nan, np.nan), total).astype(self.dtype)
    return xp.moveaxis(found, 0, dim)


@op("logcumsumexp(Tensor self, int dim) -> Tensor", self=_logcumsumexp_backward)
def logcumsumexp(xp, self, dim):
    """The logarithms of the running sums of exponentials along a dimension."""
    dim = wrap(dim, self.ndim)
    refuse(self, "logcumsumexp_out_cpu", "bui")
    if not self.ndim or not self.size:
        return self.copy()
    if self.dtype.kind == "c":
        return _running_complex(xp, self, dim)
    return behind(xp).running("logaddexp", self.astype(_summing(self), copy=False), dim).astype(self.dtype)
