"""Pooling to a given size of the output: the mean or the largest element of each part of the input."""

from itertools import product
from math import prod

import numpy as np

from tensorcli.engine import geometry, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._max_pool import declare_max_backward, largest
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops._windows import not_empty_parts, one_dimension, single

# ---- means


def _edges(size, count):
    """Where the parts of `size` cells begin and end: each from floor to ceil."""
    places = np.arange(count + 1) * size
    return places[:-1] // count, -(-places[1:] // count)


_LONGEST = 4096
"""Up to how many cells a part has that is added up cell by cell: beyond it, speed counts more than the order."""


def _running_means(xp, array, n, output_size):
    """The means of parts, each cell after the other for all parts at once, so that none meets what lies outside its part."""
    edges = [_edges(size, count) for size, count in zip(array.shape[-n:], output_size, strict=True)]
    counts = [stops - starts for starts, stops in edges]
    total = xp.zeros((*array.shape[:-n], *output_size), array.dtype)
    for steps in product(*(range(max(count.tolist(), default=0)) for count in counts)):
        cells, inside = array, np.True_
        for axis, (step, (starts, stops)) in enumerate(zip(steps, edges, strict=True), -n):
            along = (-1,) + (1,) * (-axis - 1)
            cells = xp.take(cells, xp.asarray(np.minimum(starts + step, stops - 1)), axis=axis)
            inside = inside & (starts + step < stops).reshape(along)
        total = xp.where(xp.asarray(inside), total + cells, total)
    for axis, count in enumerate(counts, -n):
        total = total / xp.asarray(count.reshape((-1,) + (1,) * (-axis - 1)).astype(array.dtype))
    return total


def _parts(sizes, counts):
    """The parts of the last dimensions: (place in the output, slices, how many cells there are in each dimension)."""
    for at in product(*(range(c) for c in counts)):
        edges = [(a * s // c, -(-((a + 1) * s) // c)) for a, s, c in zip(at, sizes, counts, strict=True)]
        yield at, tuple(slice(*edge) for edge in edges), [b - a for a, b in edges]


def _means_by_part(xp, array, n, output_size):
    """The means of one part after the other; in three dimensions PyTorch adds up and divides in a reduced dtype."""
    reduced = array.dtype.itemsize == 2
    result = xp.empty((*array.shape[:-n], *output_size), array.dtype)
    for at, part, counts in _parts(array.shape[-n:], output_size):
        cells = array[(..., *part)].reshape(*array.shape[:-n], prod(counts))
        if n == 3 and reduced:
            total = xp.take(behind(xp).running("add", cells, cells.ndim - 1), -1, axis=-1)
        else:
            total = cells.sum(axis=-1, dtype=np.float32 if reduced else None)
        for count in counts:
            total = total / total.dtype.type(count)
        result[(..., *at)] = total
    return result


def _each_share(xp, grad, n, sizes):
    """The gradient of the means: each share is rounded, and each sum."""
    result = xp.zeros((*grad.shape[:-n], *sizes), grad.dtype)
    for at, part, counts in _parts(sizes, grad.shape[-n:]):
        share = grad[(..., *at)]
        for count in counts:
            share = share / grad.dtype.type(count)
        result[(..., *part)] += share[(..., *(None,) * n)]
    return result


def _means(xp, self, n, output_size):
    name = f"adaptive_avg_pool{n}d"
    if n == 3:
        not_empty_parts(self, 1, name)
    if self.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {messages.numbers(self.shape)}"
        )
    if n == 2:
        not_empty_parts(self, self.ndim - 2, name)
    if self.size or n == 3:
        refuse(self, name if n == 2 else f"{name}_cpu", "biuc")
    if not self.size:
        return xp.zeros((*self.shape[:-n], *output_size), self.dtype)
    longest = prod(
        -(-size // max(count, 1)) + 1 for size, count in zip(self.shape[-n:], output_size, strict=True)
    )
    if self.dtype.itemsize == 2 or longest > _LONGEST:
        return _means_by_part(xp, self, n, output_size)
    return _running_means(xp, self, n, output_size)


def _means_backward(xp, grad_output, self, n):
    not_empty_parts(grad_output, 1, f"adaptive_avg_pool{n}d_backward", "grad_output")
    return _each_share(xp, grad_output, n, self.shape[-n:])


def _checked_means(self, n, output_size):
    """What is public: it checks the sizes, and takes one mean of all where one is asked for."""
    name = f"adaptive_avg_pool{n}d"
    if len(output_size) != n:
        raise RuntimeError(f"{name}: output_size must be {n}")
    if min(output_size) < 0:
        first, *rest = output_size
        listed = f"{{{first}, {','.join(map(str, rest))}}}"
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received {listed}"
        )
    if any(size != 1 for size in output_size):
        return getattr(functions, f"_{name}")(self, output_size)
    mean = self.mean(list(range(-1, -n - 1, -1)), True)
    if self.ndim == n + 2 and geometry.suggests_channels_last(self.geometry):
        mean.as_strided_(mean.shape, geometry.channels_last_strides(mean.shape))
    return mean


def _declare_means(n):
    name = f"adaptive_avg_pool{n}d"

    def pool(xp, self, output_size):
        return _means(xp, self, n, output_size)

    def backward(xp, grad_output, self):
        return _means_backward(xp, grad_output, self, n)

    def public(self, output_size):
        return _checked_means(self, n, output_size)

    pool.__doc__ = public.__doc__ = "The means of parts of the input, for an output of a given size."
    backward.__doc__ = f"The gradient of {name}."
    op(
        f"_{name}(Tensor self, SymInt[{n}] output_size) -> Tensor",
        out=False,
        stepwise=REDUCED,
        variants="function",
        self=lambda grad, self: getattr(functions, f"_{name}_backward")(grad, self),
    )(pool)
    op(
        f"_{name}_backward(Tensor grad_output, Tensor self) -> Tensor",
        stepwise=REDUCED,
        variants="function",
        namespace="nn",
        grad_output=lambda grad, grad_output_sizes: getattr(functions, f"_{name}")(
            grad, grad_output_sizes[-n:]
        ),
        self=lambda grad, self_geometry: grad.new_zeros(self_geometry.sizes),
    )(backward)
    composite(
        f"{name}(Tensor self, SymInt[{n}] output_size) -> Tensor",
        variants="function",
        namespace="nn",
        out=True,
    )(public)


_declare_means(2)
_declare_means(3)


@composite("adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor", variants="function")
def adaptive_avg_pool1d(self, output_size):
    """The means of parts of the input, for an output of a given size."""
    one_dimension(self, "adaptive_avg_pool1d")
    single("adaptive_avg_pool1d", output_size=output_size)
    return functions.adaptive_avg_pool2d(self.unsqueeze(-2), (1, output_size[0])).squeeze(-2)


# ---- largest elements


def _largest(xp, self, n, output_size):
    name = f"adaptive_max_pool{n}d"
    if self.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got: {messages.numbers(self.shape)}"
        )
    not_empty_parts(self, 1, name)
    if len(output_size) != n:
        raise RuntimeError(f"{name}(): internal error: output_size.size() must be {n}")
    lead, own = self.shape[:-n], self.shape[-n:]
    if min(output_size) < 0:
        raise messages.negative_size((*lead, *output_size))
    refuse(self, name if n == 2 else f"{name}_cpu", "biuc")
    values = xp.empty((*lead, *output_size), self.dtype)
    index = xp.empty(values.shape, np.int64)
    places = xp.arange(prod(own)).reshape(own)
    for at, part, _ in _parts(own, output_size):
        values[(..., *at)], best = largest(xp, self[(..., *part)].reshape(*lead, places[part].size))
        index[(..., *at)] = places[part].reshape(-1)[best]
    return values, index


def _declare_largest(n):
    name = f"adaptive_max_pool{n}d"

    def pool(xp, self, output_size):
        return _largest(xp, self, n, output_size)

    pool.__doc__ = (
        "The largest elements of parts of the input, for an output of a given size, and where they are."
    )
    op(
        f"{name}(Tensor self, int[{n}] output_size) -> (Tensor, Tensor)",
        variants="function",
        namespace="nn",
        self=lambda grad, self, result1: getattr(functions, f"{name}_backward")(grad, self, result1),
    )(pool)
    declare_max_backward(
        __name__, name, n, check=lambda grad: not_empty_parts(grad, 1, f"{name}_backward", "grad_output")
    )


_declare_largest(2)
_declare_largest(3)


@composite("adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)", variants="function")
def adaptive_max_pool1d(self, output_size):
    """The largest elements of parts of the input, for an output of a given size, and where they are."""
    one_dimension(self, "adaptive_max_pool1d")
    not_empty_parts(self, 1, "adaptive_max_pool1d")
    single("adaptive_max_pool1d", output_size=output_size)
    found, where = functions.adaptive_max_pool2d(self.unsqueeze(-2), (1, output_size[0]))
    return found.squeeze(-2), where.squeeze(-2)
