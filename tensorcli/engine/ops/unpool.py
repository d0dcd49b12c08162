"""Unpooling: what max pooling chose, put back where it was found, and zero everywhere else."""

from math import prod

import numpy as np

from tensorcli.engine import geometry, messages
from tensorcli.engine.declare import op
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.settings import alert

_COUNTS = {2: "two", 3: "three"}
_NAMES = {2: "height, width", 3: "depth, height, width"}


@op(
    "max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor",
    variants="function",
    namespace="nn",
    indices=None,
    self=lambda grad, indices: _gathered(grad, indices, 2),
)
def max_unpool2d(xp, self, indices, output_size):
    """The values that max_pool2d chose, put where its indices say; zero elsewhere."""
    if indices.dtype != np.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {kind_of(indices)}")
    return _unpooled(xp, self, indices, output_size, 2)


@op(
    "max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor",
    variants="function",
    namespace="nn",
    indices=None,
    self=lambda grad, indices: _gathered(grad, indices, 3),
)
def max_unpool3d(xp, self, indices, output_size, stride, padding):
    """The values that max_pool3d chose, put where its indices say; zero elsewhere."""
    if indices.dtype != np.int64:
        raise RuntimeError("elements in indices should be type int64")
    if len(output_size) != 3:
        raise RuntimeError(
            f"There should be exactly three elements (depth, height, width) in output_size, but got {len(output_size)} elements."
        )
    for name, given in (("stride", stride), ("padding", padding)):
        if len(given) != 3:
            raise RuntimeError(
                f"There should be exactly three elements (depth, height, width) in {name}, but got: {len(given)} elements."
            )
    if min(stride) <= 0:
        raise RuntimeError(f"strides should be greater than zero, but got stride: {messages.numbers(stride)}")
    return _unpooled(xp, self, indices, output_size, 3)


def _gathered(grad, indices, n):
    """The gradients at the places that were written (FunctionsManual.cpp, max_pool_double_backward)."""
    lead = indices.geometry.sizes[: indices.ndim - n]
    rows = grad.contiguous().view((*lead, -1))
    return rows.gather(-1, indices.view((*lead, -1))).view(indices.geometry.sizes)


def _unpooled(xp, array, indices, sizes, n):
    sizes = tuple(sizes)
    if len(sizes) != n:
        raise RuntimeError(
            f"There should be exactly {_COUNTS[n]} elements ({_NAMES[n]}) in output_size, but got {len(sizes)} elements."
        )
    if array.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Input to max_unpooling{n}d should be a {n + 1}d or {n + 2}d Tensor, but got a tensor with {array.ndim} "
            "dimensions."
        )
    if array.shape != indices.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({messages.numbers(array.shape)}) but got indices tensor with shape: {messages.numbers(indices.shape)}"
        )
    for d in range(1, array.ndim):
        if not array.shape[d]:
            raise RuntimeError(
                f"max_unpooling{n}d_forward_out_cpu(): Expected input to have non-zero size for non-batch dimensions, but "
                f"got {messages.numbers(array.shape)} with dimension {d} being empty."
            )
    alert(f"max_unpooling{n}d_forward_out")
    lead = array.shape[:-n]
    room = prod(sizes)
    flat = indices.reshape(prod(lead), prod(indices.shape[-n:]))
    wrong = flat[(flat < 0) | (flat >= room)]
    if wrong.size and room:
        raise RuntimeError(
            f"Found an invalid max index: {int(wrong[-1])} (output volumes are of size {'x'.join(map(str, sizes))})"
        )
    result = xp.zeros((flat.shape[0], room), array.dtype)
    if room:
        xp.put_along_axis(result, flat, array.reshape(flat.shape), -1)
    result = result.reshape(*lead, *sizes)
    if n == 2 and array.ndim == 4:
        # An input in channels-last order gives such an output.
        steps = tuple(step // array.itemsize for step in array.strides)
        if steps == geometry.format_strides(array.shape, "channels_last") and not array.flags.c_contiguous:
            return Laid(result, geometry.format_strides(result.shape, "channels_last"))
    return result
