"""Fractional max pooling: windows of one size, whose steps are drawn so that the output has the wanted size."""

from math import prod

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._max_pool import declare_max_backward, largest

_SIDES = {2: ("height", "width"), 3: ("time", "height", "width")}
_TOLD = {2: "fractional_max_pool2d()", 3: "fractional_max_pool3d_out()"}


def _check(self, n, kernel_size, output_size, random_samples):
    """Errors: RuntimeError and NotImplementedError with PyTorch's texts."""
    for what, given in (("kernel_size", kernel_size), ("output_size", output_size)):
        if len(given) != n:
            several = "three Ints" if n == 3 else "Ints"
            raise RuntimeError(
                f"fractional_max_pool{n}d: {what} must either be a single Int or tuple of {several}"
            )
    told, sizes = _TOLD[n], list(self.shape)
    if self.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{told}: Expected {n + 1}D or {n + 2}D tensor, but got: {sizes}")
    for dim, size in enumerate(sizes[1:], 1):
        if not size:
            raise RuntimeError(
                f"{told}: Expected input to have non-zero size for non-batch dimensions, but got{sizes} with dimension "
                f"{dim} being empty."
            )
    for side, size, kernel, wanted in zip(_SIDES[n], sizes[-n:], kernel_size, output_size, strict=True):
        # In three dimensions PyTorch wants one place more than it needs.
        if wanted + kernel - 1 > size - (n == 3):
            raise RuntimeError(f"{told}: pool {side} {kernel} too large relative to input {side} {size}")
    if min(output_size) < 0:
        raise messages.negative_size((*sizes[:-n], *output_size))
    if self.dtype != random_samples.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if random_samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {random_samples.ndim}")
    batch, channels, count = random_samples.shape
    if batch < (1 if self.ndim == n + 1 else sizes[0]):
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if channels != sizes[-n - 1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if count != n:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {n}; got {count}.")
    refuse(self, f"fractional_max_pool{n}d_out_frame", "biuc")


def _starts(xp, samples, size, kernel, count):
    """Where the windows of a dimension begin, for each plane: (planes, count)."""
    if count > 1:
        step = samples.dtype.type(size - kernel) / samples.dtype.type(count - 1)
        numbers = xp.arange(count - 1).astype(samples.dtype)
        offset = (samples * step).astype(np.int64)[:, None]
        inner = ((numbers + samples[:, None]) * step).astype(np.int64) - offset
    else:
        inner = xp.zeros((len(samples), 0), np.int64)
    last = xp.full((len(samples), min(count, 1)), size - kernel, np.int64)
    return xp.concatenate([inner, last], axis=1)


def _pool(xp, self, n, kernel_size, output_size, random_samples):
    _check(self, n, kernel_size, output_size, random_samples)
    lead, sizes = self.shape[:-n], self.shape[-n:]
    planes = prod(lead)
    samples = random_samples.reshape(-1, n)[:planes]
    # In two dimensions the first number is the width's, in three the time's.
    order = reversed(range(n)) if n == 2 else range(n)
    cells = xp.zeros((planes,) + (1,) * (2 * n), np.int64)
    for dim, number in enumerate(order):
        size, kernel, count = sizes[dim], kernel_size[dim], output_size[dim]
        starts = _starts(xp, samples[:, number], size, kernel, count)
        shape = [planes] + [1] * (2 * n)
        shape[1 + dim], shape[1 + n + dim] = count, kernel
        covered = starts[:, :, None] + xp.arange(kernel)
        cells = cells * size + covered.reshape(shape)
    cells = cells.reshape(planes, prod(output_size), prod(kernel_size))
    seen = xp.take_along_axis(self.reshape(planes, 1, prod(sizes)), cells, -1)
    values, best = largest(xp, seen)
    index = xp.take_along_axis(cells, best[..., None], -1)
    shape = (*lead, *output_size)
    return values.reshape(shape), index.reshape(shape)


def _declare(n):
    name = f"fractional_max_pool{n}d"
    settings = f"int[{n}] kernel_size, int[{n}] output_size"

    def pool(xp, self, kernel_size, output_size, random_samples):
        return _pool(xp, self, n, kernel_size, output_size, random_samples)

    pool.__doc__ = "The largest element of each of the windows that samples place, and where it is."
    op(
        f"{name}(Tensor self, {settings}, Tensor random_samples) -> (Tensor, Tensor)",
        stepwise=REDUCED,
        variants="function",
        namespace="nn",
        self=lambda grad, self, kernel_size, output_size, result1: getattr(functions, f"{name}_backward")(
            grad, self, kernel_size, output_size, result1
        ),
        constant="random_samples",
    )(pool)
    declare_max_backward(__name__, name, n, settings)


_declare(2)
_declare(3)
