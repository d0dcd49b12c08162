"""Extremes, medians and modes: the values and where they stand."""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.ops import _registers, _selection
from tensorcli.engine.ops._dimensions import (
    axis,
    kind_of,
    not_empty,
    refuse,
    restore_at_once,
    wrap,
    wrap_dims,
)
from tensorcli.engine.ops._shared import behind, subclass_like

# ---- extremes


def evenly_distribute(grad, self, result):
    """The gradient of an extreme over all elements: those that are it share the gradient."""
    if subclass_like(grad, self, result):
        mask = (self == result).logical_or_(self.isnan().logical_and(result.isnan()))
        return mask * (grad / mask.sum())
    mask = self.isnan() if np.isnan(result.values).any() else self == result
    zeros = functions.zeros_like(self, memory_format=contiguous_format)
    return zeros.masked_fill_(mask, grad / mask.sum())


def selecting_backward(grad, dim, indices, self_sizes, keepdim):
    """The gradient of a selection along a dimension: each gradient goes where its index points."""
    if not keepdim and self_sizes:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    # PyTorch's zeros are filled in place here, which counts: the gradient arrives with version 2.
    return roomy(grad.new_zeros(self_sizes).zero_(), indices).scatter_(dim, indices, grad)


def selected(xp, array, indices, dim, keepdim):
    """The values at the (kept) indices of a dimension, and the indices, both without it unless it is to be kept."""
    values = xp.take_along_axis(array, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _needs_dim(array, name):
    if not array.size:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )


def _selecting(xp, self, dim, keepdim, name, find):
    dim = wrap(dim, self.ndim)
    not_empty(self, dim, f"{name}()")
    if self.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    return selected(xp, self, find(self, axis=dim, keepdims=True), dim, keepdim)


@op("max(Tensor self) -> Tensor", node=1, self=evenly_distribute)
def max_all(xp, self):
    """The largest element; NaN when there is one."""
    _needs_dim(self, "max")
    refuse(self, "max_all", "c")
    return xp.max(self)


@op("min(Tensor self) -> Tensor", node=1, self=evenly_distribute)
def min_all(xp, self):
    """The smallest element; NaN when there is one."""
    _needs_dim(self, "min")
    refuse(self, "min_all", "c")
    return xp.min(self)


@op(
    "max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    self=selecting_backward,
)
def max_dim(xp, self, dim, keepdim):
    """The largest elements along a dimension and where they are."""
    return _selecting(xp, self, dim, keepdim, "max", xp.argmax)


@op(
    "min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    self=selecting_backward,
)
def min_dim(xp, self, dim, keepdim):
    """The smallest elements along a dimension and where they are."""
    return _selecting(xp, self, dim, keepdim, "min", xp.argmin)


@composite("max.other(Tensor self, Tensor other) -> Tensor", out=True)
def max_other(self, other):
    """The larger of two, element by element."""
    return functions.maximum(self, other)


@composite("min.other(Tensor self, Tensor other) -> Tensor", out=True)
def min_other(self, other):
    """The smaller of two, element by element."""
    return functions.minimum(self, other)


def _extreme_backward(grad, self, result, dim, keepdim):
    grad, result = (restore_at_once(one, dim, keepdim) for one in (grad, result))
    mask = result == self
    return (grad / mask.sum(dim, True)) * mask


def _extreme(self, dim, keepdim, name, kernel, find):
    if self.ndim > 64:
        raise RuntimeError(messages.TOO_MANY_DIMENSIONS)
    if not dim and self.ndim:
        _needs_dim(self, name)
    for one in () if dim is None else dim:
        if self.ndim and not self.shape[wrap(one, self.ndim)]:
            raise IndexError(f"{name}(): Expected reduction dim {one} to have non-zero size.")
    dims = wrap_dims(dim, self.ndim)
    refuse(self, kernel, "c")
    found = find(self, axis=dims, keepdims=True)
    if self.dtype.kind == "f" and self.ndim and self.size <= _registers.MOST and not np.all(found):
        found = _with_sign_of_first(self, found, dims)
    return found if keepdim or not self.ndim else found.squeeze(dims)


def _with_sign_of_first(self, found, dims):
    """Extremes that are zeros, with the sign of the first of them, as far as PyTorch goes from one to the next."""
    kept = [d for d in range(self.ndim) if d not in dims]
    lines = self.transpose(*kept, *dims).reshape(found.size, -1)
    if lines.shape[1] >= 4 * _registers.LANES:
        return found
    first = lines[np.arange(len(lines)), np.argmax(lines == found.reshape(-1, 1), axis=1)].reshape(
        found.shape
    )
    return np.where(found == 0, first, found)


@op("amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", self=_extreme_backward)
def amax(xp, self, dim, keepdim):
    """The largest elements along some dimensions; equal ones share the gradient."""
    return _extreme(self, dim, keepdim, "amax", "max_values_cpu", xp.max)


@op("amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", self=_extreme_backward)
def amin(xp, self, dim, keepdim):
    """The smallest elements along some dimensions; equal ones share the gradient."""
    return _extreme(self, dim, keepdim, "amin", "min_values_cpu", xp.min)


def _aminmax_backward(grads, self, dim, keepdim, min, max):
    dims = () if dim is None else (dim,)
    result = None
    for grad, value in zip(grads, (min, max), strict=True):
        if grad is not None:
            part = _extreme_backward(grad, self, value, dims, keepdim)
            result = part if result is None else result + part
    return result


@op(
    "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
    self=_aminmax_backward,
)
def aminmax(xp, self, dim, keepdim):
    """The smallest and the largest elements, along a dimension or of all."""
    if dim is None:
        if not self.size:
            raise RuntimeError(messages.EMPTY_AMINMAX)
        dims = tuple(range(self.ndim))
    else:
        not_empty(self, wrap(dim, self.ndim), "aminmax")
        dims = axis(dim, self.ndim)
    if dim is not None and self.dtype.kind == "c" and not self.ndim:
        raise RuntimeError(f"aminmax not implemented for {kind_of(self)}")
    refuse(self, "aminmax_cpu", "c")
    return xp.min(self, axis=dims, keepdims=keepdim), xp.max(self, axis=dims, keepdims=keepdim)


def _arg(xp, self, dim, keepdim, name, find):
    if self.dtype.kind in "cb":
        raise RuntimeError(
            f"{name}(): does not support {'complex' if self.dtype.kind == 'c' else 'bool'} input"
        )
    if dim is not None:
        not_empty(self, wrap(dim, self.ndim), f"{name}()")
    elif not self.size:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    if dim is None:
        return xp.asarray(find(self)).reshape((1,) * self.ndim if keepdim else ())
    return find(self, axis=wrap(dim, self.ndim), keepdims=keepdim) if self.ndim else xp.zeros((), np.int64)


@op("argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", self=None)
def argmax(xp, self, dim, keepdim):
    """The index of the largest element, along a dimension or of all elements in a row."""
    return _arg(xp, self, dim, keepdim, "argmax", xp.argmax)


@op("argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", self=None)
def argmin(xp, self, dim, keepdim):
    """The index of the smallest element, along a dimension or of all elements in a row."""
    return _arg(xp, self, dim, keepdim, "argmin", xp.argmin)


# ---- middle and most frequent values


def _middle(xp, self, dim, keepdim, name, skip_nan):
    dim = wrap(dim, self.ndim)
    not_empty(self, dim, f"{name}()")
    refuse(self, "median_out", "cb")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    order = xp.argsort(self, axis=dim, kind="stable")
    size = self.shape[dim]
    place = xp.full((*self.shape[:dim], 1, *self.shape[dim + 1 :]), (size - 1) // 2)
    if self.dtype.kind == "f":
        missing = xp.isnan(self).sum(axis=dim, keepdims=True)
        place = (
            (xp.maximum(size - missing, 1) - 1) // 2
            if skip_nan
            else xp.where(missing > 0, size - missing, place)
        )
    return selected(xp, self, xp.take_along_axis(order, place, dim), dim, keepdim)


def _middle_all(xp, self, skip_nan):
    if not self.size:  # nan, as each dtype has it
        return xp.asarray(np.iinfo(self.dtype).min if self.dtype.kind in "iu" else np.nan, self.dtype)
    refuse(self, "median_cpu", "cb")
    return _middle(xp, self.reshape(-1), 0, False, "median", skip_nan)[0]


@op("median(Tensor self) -> Tensor", out=False, self=evenly_distribute)
def median(xp, self):
    """The median of all elements: the lower one of two middle elements; NaN when there is one."""
    return _middle_all(xp, self, False)


@op(
    "median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    node=1,
    self=selecting_backward,
)
def median_dim(xp, self, dim, keepdim):
    """The medians along a dimension and where they are."""
    return _middle(xp, self, dim, keepdim, "median", False)


@op("nanmedian(Tensor self) -> Tensor", out=False, self=evenly_distribute)
def nanmedian(xp, self):
    """The median of all elements, NaN left out."""
    return _middle_all(xp, self, True)


@op(
    "nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    node=1,
    self=selecting_backward,
)
def nanmedian_dim(xp, self, dim, keepdim):
    """The medians along a dimension, NaN left out, and where they are."""
    return _middle(xp, self, dim, keepdim, "median", True)


@op(
    "mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
    self=selecting_backward,
)
def mode(xp, self, dim, keepdim):
    """The most frequent values along a dimension (the smallest of several) and where they stand last."""
    dim = wrap(dim, self.ndim)
    not_empty(self, dim, "mode()")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    refuse(self, "mode_cpu", "c")
    order = xp.argsort(self, axis=dim, kind="stable")
    if xp is np:
        order = _selection.orders(self, dim, _selection.ascending, order)
    rows = xp.moveaxis(xp.take_along_axis(self, order, dim), dim, -1)
    starts = xp.ones(rows.shape, bool)
    starts[..., 1:] = rows[..., 1:] != rows[..., :-1]
    place = xp.arange(rows.shape[-1])
    length = place - behind(xp).running("maximum", xp.where(starts, place, 0), -1)
    last = xp.moveaxis(xp.argmax(length, axis=-1, keepdims=True), -1, dim)
    return selected(xp, self, xp.take_along_axis(order, last, dim), dim, keepdim)
