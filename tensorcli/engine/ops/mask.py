"""Elements chosen or filled by a mask, and where elements are not zero."""

import math
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import check_number
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import BOOL, SELF
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops._shared import subclass_like
from tensorcli.engine.ops._writers import midway, writing_before
from tensorcli.engine.ops.index import check_countable
from tensorcli.engine.tensor import Tensor

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


def _check_source(self, source):
    if self.dtype is not source.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{self.dtype.scalar_type} and {source.dtype.scalar_type}"
        )


def _check_masked_scatter(self, mask, source):
    sizes = _common(mask, self)
    _check_source(self, source)
    if mask.dtype is dtypes.uint8:
        messages.warn(
            "masked_scatter_ received a mask with dtype torch.uint8, this behavior is now deprecated,please "
            "use a mask with dtype torch.bool instead."
        )
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype.scalar_type}"
        )
    if mask.is_meta:
        return
    chosen = (
        np.broadcast_to(mask.values, sizes) if mask.geometry.sizes != self.geometry.sizes else mask.values
    )
    if int(chosen.sum()) > source.geometry.numel:
        raise midway(RuntimeError("Number of elements of source < number of ones in mask"))


def _check_masked_scatter_in_place(self, mask, source):
    effects.check_overlap(self, ())
    _check_source(self, source)
    sizes, own = mask.geometry.sizes, self.geometry.sizes
    if len(sizes) > len(own):
        raise RuntimeError(
            f"expand({messages.tensor_type(mask)}{{{messages.numbers(sizes)}}}, "
            f"size={messages.numbers(own)}): the number of sizes provided ({len(own)}) must be greater or "
            f"equal to the number of dimensions in the tensor ({len(sizes)})"
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


def _scatter_parts(self, mask, source):
    """The places that are filled before the source is used up."""
    mask = np.broadcast_to(mask, self.shape)
    yield self, mask & (mask.cumsum().reshape(mask.shape) <= source.size), source


@op(
    "masked_scatter_(Tensor(a!) self, Tensor mask, Tensor source) -> Tensor(a!)",
    check=lambda *values: writing_before(
        _check_masked_scatter_in_place, masked_scatter_, _scatter_parts, apart=False
    )(*values),
    **_MASKED_SCATTER,
)
def masked_scatter_(xp, self, mask, source):
    """Put the source's elements, in a row, where the mask is True; in place."""
    mask = xp.broadcast_to(mask, self.shape)
    if source.flags.c_contiguous and xp.may_share_memory(self, source):
        # PyTorch reads each element when it writes it, so that a source in the same memory is read as it is by then.
        for place, at in zip(xp.argwhere(mask), xp.ndindex(source.shape), strict=False):
            self[tuple(place)] = source[at]
        return
    self[mask] = source.flatten()[: int(mask.sum())]


@op(
    "masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor",
    variants="function",
    grad_output=lambda grad, grad_output_geometry, mask: grad.new_zeros(
        grad_output_geometry.sizes
    ).masked_scatter(mask, grad),
    mask=None,
)
def masked_scatter_backward(xp, grad_output, mask, sizes):
    """The gradient of masked_scatter for its source: what was put is read back, the rest is zero."""
    grad_output, mask = xp.broadcast_arrays(grad_output, mask)
    chosen = grad_output[mask]
    result = xp.zeros(math.prod(sizes), grad_output.dtype)
    result[: chosen.size] = chosen
    return result.reshape(sizes)


# ---- fills


def _masking(self, mask, value):
    if isinstance(value, Tensor) and value.geometry.sizes:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.geometry.sizes)} dimension(s)."
        )
    if mask.dtype.category != BOOL:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.cpp_name}"
        )
    if not isinstance(value, Tensor):
        check_number(value, self.dtype)
    elif not value.is_meta:
        check_number(value.detach().item(), self.dtype)


def _masking_anew(self, mask, value):
    effects.broadcast_sizes(
        [mask.geometry.sizes, self.geometry.sizes]
    )  # in this order, which the error tells
    _masking(self, mask, value)


def _masked(xp, self, mask, value):
    """Elements of self, and the value where the mask is true."""
    return xp.where(mask, value, self)


def _filled_backward(grad, mask):
    """The gradient of the value."""
    if subclass_like(grad, mask):
        return functions.where(mask, grad, 0).sum()
    return grad.masked_select(mask).sum()


op(
    "masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor",
    dtype=SELF,
    row_major=True,
    inplace={"check": _masking},
    out=False,
    check=_masking_anew,
    self=lambda grad, mask: grad.masked_fill(mask, 0),
    mask=None,
)(_masked)
op(
    "masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor",
    dtype=SELF,
    row_major=True,
    inplace={"check": _masking},
    out=False,
    node=1,
    check=_masking_anew,
    self=lambda grad, mask: grad.masked_fill(mask, 0),
    mask=None,
    value=_filled_backward,
)(_masked)


# ---- where


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
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = xp.argwhere(self)[:size]
    result = xp.full((size, self.ndim), fill_value, xp.int64)
    result[: len(found)] = found
    return result
