"""Pooling: the largest or the mean element of each window."""

from itertools import product
from math import prod

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import forward, mode
from tensorcli.engine.batch.layer import asks_gradient
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._max_pool import declare_max_backward, largest
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._windows import one_dimension, places, pooling, single


def _seen(xp, array, n, kernel, stride, padding, dilation, counts, fill):
    """The windows of the last n dimensions: (*lead, *counts, *kernel)."""
    amounts = [(0, 0)] * (array.ndim - n)
    for s, k, st, p, d, c in zip(array.shape[-n:], kernel, stride, padding, dilation, counts, strict=True):
        amounts.append((p, max((c - 1) * st + d * (k - 1) + 1 - s - p, 0)))
    whole = xp.pad(array, amounts, constant_values=fill)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    views = xp.lib.stride_tricks.sliding_window_view(
        whole, reach, axis=tuple(range(array.ndim - n, array.ndim))
    )
    steps = tuple(slice(0, (c - 1) * st + 1, st) for c, st in zip(counts, stride, strict=True))
    return views[(..., *steps, *(slice(None, None, d) for d in dilation))]


def _max_pool(xp, self, n, kernel_size, stride, padding, dilation, ceil_mode):
    name = f"max_pool{n}d"
    kernel, stride, padding, dilation, counts = pooling(
        self, n, kernel_size, stride, padding, dilation, ceil_mode, name
    )
    refuse(self, name, "bc")
    least = -np.inf if self.dtype.kind == "f" else np.iinfo(self.dtype).min
    windows = _seen(xp, self, n, kernel, stride, padding, dilation, counts, least)
    values, best = largest(xp, windows.reshape(*windows.shape[:-n], prod(kernel)))
    inside = xp.unravel_index(best, kernel)
    index = xp.zeros(best.shape, np.int64)
    for i in range(n):
        along = xp.arange(counts[i]).reshape((-1,) + (1,) * (n - 1 - i)) * stride[i] - padding[i]
        index = index * self.shape[self.ndim - n + i] + along + inside[i] * dilation[i]
    return values, index


def _declare_max(n):
    name = f"max_pool{n}d_with_indices"
    settings = f"int[{n}] kernel_size, int[{n}] stride=[], int[{n}] padding=0, int[{n}] dilation=1, bool ceil_mode=False"
    given = f"int[{n}] kernel_size, int[{n}] stride, int[{n}] padding, int[{n}] dilation, bool ceil_mode"

    def pool(xp, self, kernel_size, stride, padding, dilation, ceil_mode):
        return _max_pool(xp, self, n, kernel_size, stride, padding, dilation, ceil_mode)

    def largest(self, kernel_size, stride, padding, dilation, ceil_mode):
        return getattr(functions, name)(self, kernel_size, stride, padding, dilation, ceil_mode)[0]

    pool.__doc__ = "The largest element of each window and where it is."
    largest.__doc__ = "The largest element of each window."
    op(
        f"{name}(Tensor self, {settings}) -> (Tensor, Tensor)",
        variants="function",
        namespace="nn",
        self=lambda grad, self, kernel_size, stride, padding, dilation, ceil_mode, result1: getattr(
            functions, f"{name}_backward"
        )(grad, self, kernel_size, stride, padding, dilation, ceil_mode, result1),
    )(pool)
    declare_max_backward(__name__, name, n, given)
    composite(f"max_pool{n}d(Tensor self, {settings}) -> Tensor", variants="function")(largest)


_declare_max(2)
_declare_max(3)


@composite(
    "max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, "
    "bool ceil_mode=False) -> (Tensor, Tensor)",
    variants="function",
)
def max_pool1d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode):
    """The largest element of each window and where it is."""
    stride = stride if len(stride) else kernel_size
    one_dimension(self, "max_pool1d")
    single("max_pool1d", kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
    found, where = functions.max_pool2d_with_indices(
        self.unsqueeze(-2), (1, kernel_size[0]), (1, stride[0]), (0, padding[0]), (1, dilation[0]), ceil_mode
    )
    return found.squeeze(-2), where.squeeze(-2)


@composite(
    "max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, "
    "bool ceil_mode=False) -> Tensor",
    variants="function",
)
def max_pool1d(self, kernel_size, stride, padding, dilation, ceil_mode):
    """The largest element of each window."""
    sizes = self.geometry.sizes
    if len(sizes) not in (2, 3) or 0 in sizes[1 if len(sizes) == 3 else 0 :]:
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{messages.numbers(sizes)}"
        )
    for name, values, rule in (
        ("kernel_size", kernel_size, "an int, list of ints or tuple of ints"),
        ("stride", stride or kernel_size, "None, an int, list of ints, or tuple of ints"),
        ("padding", padding, "an int, list of ints, or tuple of ints"),
        ("dilation", dilation, "an int, list of ints or tuple of ints"),
    ):
        if len(values) != 1:
            raise RuntimeError(f"max_pool1d() {name} must be {rule} of size 1 but got size {len(values)}")
    for name, value in (
        ("kernel_size", kernel_size),
        ("stride", stride or kernel_size),
        ("dilation", dilation),
    ):
        if value[0] <= 0:
            raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value[0]}")
    if padding[0] < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding[0]}")
    if padding[0] > kernel_size[0] // 2:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={padding[0]} and "
            f"kernel_size={kernel_size[0]}"
        )
    count = places(sizes[-1:], kernel_size, stride or kernel_size, padding, dilation, ceil_mode)[0]
    if count < 1:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {count}")
    if self.dtype.category != dtypes.FLOATING or self.dtype in dtypes.FLOAT8:
        raise messages.not_implemented("max_pool1d_impl", self.dtype.scalar_type)
    result = functions.max_pool1d_with_indices(self, kernel_size, stride, padding, dilation, ceil_mode)[0]
    recorded = bool(forward) or (mode.enabled and asks_gradient(self))
    if len(sizes) == 2 and not recorded:
        result.bump()  # PyTorch squeezes the batch away in place.
    return result if recorded else result.detach()


# ---- means


def _divisors(xp, sizes, kernel, stride, padding, counts, include):
    """By what each window's sum is divided."""
    result = xp.ones(())
    for s, k, st, p, c in zip(sizes, kernel, stride, padding, counts, strict=True):
        start = xp.arange(c) * st - p
        stop = xp.minimum(start + k, s + p)
        lengths = stop - start if include else xp.minimum(stop, s) - xp.maximum(start, 0)
        result = result[..., None] * lengths
    return result


def _mean_arguments(xp, self, n, kernel_size, stride, padding, ceil_mode, include, divisor):
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    kernel, stride, padding, _, counts = pooling(
        self, n, kernel_size, stride, padding, (1,) * n, ceil_mode, f"avg_pool{n}d"
    )
    refuse(self, "avg_pool2d" if n == 2 else "avg_pool3d_out_frame", "bc")
    scale = divisor or _divisors(xp, self.shape[-n:], kernel, stride, padding, counts, include)
    return kernel, stride, padding, counts, scale


def _avg_pool(xp, self, n, kernel_size, stride, padding, ceil_mode, include, divisor):
    kernel, stride, padding, counts, scale = _mean_arguments(
        xp, self, n, kernel_size, stride, padding, ceil_mode, include, divisor
    )
    windows = _seen(xp, self, n, kernel, stride, padding, (1,) * n, counts, 0)
    return (windows.sum(axis=tuple(range(-n, 0)), dtype=self.dtype) / scale).astype(self.dtype)


def _avg_backward(xp, grad, self, n, kernel_size, stride, padding, ceil_mode, include, divisor):
    kernel, stride, padding, counts, scale = _mean_arguments(
        xp, self, n, kernel_size, stride, padding, ceil_mode, include, divisor
    )
    share = (widened(grad)[0] / scale).astype(grad.dtype)
    whole = [
        max(s + 2 * p, (c - 1) * st + k)
        for s, p, c, st, k in zip(self.shape[-n:], padding, counts, stride, kernel, strict=True)
    ]
    result = xp.zeros((*self.shape[:-n], *whole), grad.dtype)
    # From the last place of the windows to the first: so each cell gets its shares window after window.
    for at in product(*(range(k - 1, -1, -1) for k in kernel)):
        where = tuple(slice(a, a + st * (c - 1) + 1, st) for a, st, c in zip(at, stride, counts, strict=True))
        result[(..., *where)] += share
    return result[(..., *(slice(p, p + s) for p, s in zip(padding, self.shape[-n:], strict=True)))]


def _declare_avg(n):
    name = f"avg_pool{n}d"
    settings = f"int[{n}] kernel_size, int[{n}] stride=[], int[{n}] padding=0, bool ceil_mode=False, "
    settings += "bool count_include_pad=True, int? divisor_override=None"
    given = (
        f"int[{n}] kernel_size, int[{n}] stride, int[{n}] padding, bool ceil_mode, bool count_include_pad, "
    )
    given += "int? divisor_override"

    def pool(xp, self, *settings):
        """The mean of each window."""
        return _avg_pool(xp, self, n, *settings)

    def backward(xp, grad_output, self, *settings):
        return _avg_backward(xp, grad_output, self, n, *settings)

    backward.__doc__ = f"The gradient of {name}."
    op(
        f"{name}(Tensor self, {settings}) -> Tensor",
        variants="function",
        namespace="nn",
        self=lambda grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: (
            getattr(functions, f"{name}_backward")(
                grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
            )
        ),
    )(pool)
    op(
        f"{name}_backward(Tensor grad_output, Tensor self, {given}) -> Tensor",
        stepwise=REDUCED,
        variants="function",
        namespace="nn",
        grad_output=lambda grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: (
            getattr(functions, name)(
                grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
            )
        ),
        self=lambda grad, self_geometry: grad.new_zeros(self_geometry.sizes),
    )(backward)


_declare_avg(2)
_declare_avg(3)


@composite(
    "avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, bool ceil_mode=False, "
    "bool count_include_pad=True) -> Tensor",
    variants="function",
)
def avg_pool1d(self, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """The mean of each window."""
    stride = stride if len(stride) else kernel_size
    one_dimension(self, "avg_pool1d")
    single("avg_pool1d", kernel_size=kernel_size, stride=stride, padding=padding)
    return functions.avg_pool2d(
        self.unsqueeze(-2), (1, kernel_size[0]), (1, stride[0]), (0, padding[0]), ceil_mode, count_include_pad
    ).squeeze(-2)
