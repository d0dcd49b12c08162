"""Where the elements of a resampled image come from along each dimension, and how they are put together.

Along one dimension each element of an output is a few elements of the input (taps) with weights: a table of places and
weights, both of (output elements, taps). What PyTorch's compiler made fused multiply-adds is fused here as well, for float32
(aten/src/ATen/native/cpu/UpSampleKernel.cpp, UpSample.h). No operators are declared here.
"""

from functools import partial
from itertools import product
from math import prod

import numpy as np

from tensorcli.engine.fused import onto
from tensorcli.engine.ops import _registers
from tensorcli.engine.ops._shared import behind


def _apart(a, b, c):
    """a * b + c, of which the product is rounded."""
    return a * b + c


def _scale(kind, size, count, align_corners, scale):
    """How far in the input one step in the output is (aten/src/ATen/native/UpSample.h)."""
    if align_corners:
        return kind.type((size - 1) / kind.type(count - 1)) if count > 1 else kind.type(0)
    return kind.type(1.0 / scale if scale is not None and scale > 0 else size / count)


def nearest(xp, kind, size, count, align_corners, scale, shift=0.0, by_index=False):
    """For each of `count` places along an axis of `size`, the nearest one of it: places and weights of shape (count, 1)."""
    if by_index and count in (size, 2 * size):  # There PyTorch does not ask for the scale.
        return (xp.arange(count) * size // count)[:, None], xp.ones((count, 1), kind)
    # PyTorch computes these places in single precision whatever the dtype is.
    single = np.dtype(np.float32)
    step = _scale(single, size, count, False, scale)
    places = xp.floor((xp.arange(count, dtype=single) + single.type(shift)) * step).astype(np.int64)
    return xp.minimum(places, size - 1)[:, None], xp.ones((count, 1), kind)


nearest_by_index = partial(nearest, by_index=True)


def _source(xp, kind, size, count, align_corners, scale, add=onto):
    """The real coordinates in the input, and the step between them."""
    step = _scale(kind, size, count, align_corners, scale)
    places = xp.arange(count, dtype=kind)
    half = kind.type(0.5)
    return (places * step if align_corners else add(places + half, step, -half)), step


def linear(xp, kind, size, count, align_corners, scale):
    """The two places beside each, and their shares: both of shape (count, 2), or (count, 1) where the sizes agree."""
    if size == count:
        return xp.arange(count)[:, None], xp.ones((count, 1), kind)
    at = xp.maximum(_source(xp, kind, size, count, align_corners, scale)[0], 0)
    low = xp.minimum(at.astype(np.int64), size - 1)
    high = xp.minimum(low + 1, size - 1)
    part = xp.clip(at - low.astype(kind), 0, 1)
    return xp.stack([low, high], 1), xp.stack([1 - part, part], 1).astype(kind)


def _near_cubic(x, a, add=_apart):
    return add(x, a + 2, -(a + 3)) * x * x + 1


def _far_cubic(x, a, add=_apart):
    return add(add(x, a, -5 * a), x, 8 * a) * x - 4 * a


def cubic_weights(part, add=_apart, a=-0.75):
    """The four weights of cubic convolution for the distance from the second tap (Keys, 1981)."""
    rest = 1 - part
    return [
        _far_cubic(part + 1, a, add), _near_cubic(part, a, add),
        _near_cubic(rest, a, add), _far_cubic(rest + 1, a, add),
    ]  # fmt: skip


def cubic(xp, kind, size, count, align_corners, scale, add=onto):
    """The four places around each, and their weights: both of shape (count, 4), or (count, 1) where the sizes agree."""
    if scale is None and size == count:
        return xp.arange(count)[:, None], xp.ones((count, 1), kind)
    at = _source(xp, kind, size, count, align_corners, scale, add)[0]
    low = xp.minimum(xp.floor(at), size - 1)
    part = xp.clip(at - low, 0, 1).astype(kind)
    places = xp.clip(low.astype(np.int64)[:, None] + xp.arange(-1, 3), 0, size - 1)
    return places, xp.stack(cubic_weights(part, add), 1).astype(kind)


cubic_backward = partial(cubic, add=_apart)
"""The taps for the gradient, which PyTorch compiles for all processors, those without fused multiply-adds too."""


def _triangle(xp, x):
    return xp.maximum(1 - xp.abs(x), 0)


def smooth_cubic(xp, x):
    """The weight that a cubic filter gives what is x places away."""
    x = xp.abs(x)
    return xp.where(x < 1, _near_cubic(x, -0.5), xp.where(x < 2, _far_cubic(x, -0.5), 0))


def lanczos(xp, x):
    """The weight that Lanczos's filter gives what is x places away."""
    return xp.where(xp.abs(x) < 3, xp.sinc(x) * xp.sinc(x / 3), 0)


def smooth(xp, kind, size, count, align_corners, scale, reach=2, weigh=_triangle):
    """Antialiasing: the kernel grows with the step, so that each input element has a share."""
    step = _scale(kind, size, count, align_corners, scale)
    half, one = kind.type(0.5), kind.type(1)
    support = kind.type(reach) * half * (step if step >= 1 else one)
    centre = step * (xp.arange(count, dtype=kind) + half)
    first = xp.maximum((centre - support + half).astype(np.int64), 0)
    length = xp.minimum((centre + support + half).astype(np.int64), size) - first
    taps = xp.arange(max(int(length.max()), 1))
    places = first[:, None] + taps
    weights = weigh(xp, (places - centre[:, None] + half) * (one / step if step >= 1 else one)).astype(kind)
    weights[taps >= length[:, None]] = 0
    total = weights.sum(axis=1, keepdims=True)
    return xp.minimum(places, size - 1), weights / xp.where(total != 0, total, one)


def table(xp, taps, dtype, sizes, output, align_corners, scales):
    """The taps of each dimension, computed in at least single precision."""
    kind = dtype if dtype.kind == "f" and dtype.itemsize > 2 else np.dtype(np.float32)
    return [taps(xp, kind, s, o, align_corners, f) for s, o, f in zip(sizes, output, scales, strict=True)]


def narrowed(table, dtype):
    """A table whose weights are kept in a reduced dtype: the first of two is what the second leaves of 1."""
    found = []
    for places, weights in table:
        weights = weights.astype(dtype).astype(np.float32)
        if weights.shape[1] == 2:
            weights[:, 0] = (1 - weights[:, 1]).astype(dtype)
        found.append((places, weights))
    return found


_BITS = 15
"""How many bits a weight of an image of bytes has, with its sign."""
_MOST_PRECISION = 22


def _merged(places, weights):
    """Weights of the taps that the edge holds in one place, added up, and the largest sum on the way."""
    weights, largest = weights.copy(), weights[:, 0].max(initial=0.0)
    for tap in range(1, weights.shape[1]):
        same = places[:, tap] == places[:, tap - 1]
        weights[same, tap] += weights[same, tap - 1]
        weights[same, tap - 1] = 0
        largest = max(largest, weights[:, tap].max())
    return weights, largest


def gathered_bytes(xp, image, table):
    """Each dimension's taps in whole numbers, with as many binary places as the largest weight leaves, and after each dimension
    bytes again (_compute_index_ranges_int16_weights in UpSampleKernel.cpp). `table` is in double precision.
    """
    for back, (places, weights) in enumerate(reversed(table), 1):
        weights, largest = _merged(places, weights)
        precision = next(
            p for p in range(_MOST_PRECISION + 1)
            if p == _MOST_PRECISION or int(0.5 + largest * (1 << (p + 1))) >= 1 << _BITS
        )  # fmt: skip
        whole = xp.trunc(weights * (1 << precision) + xp.copysign(0.5, weights)).astype(np.int32)
        total = 1 << (precision - 1)
        for tap in range(places.shape[1]):
            share = whole[:, tap].reshape((-1,) + (1,) * (back - 1))
            total = total + image.take(places[:, tap], axis=-back) * share
        image = xp.clip(total >> precision, 0, 255).astype(np.uint8)
    return image


def _weighted(parts, weights):
    """The sum of parts times weights: the first two at once, then one after the other."""
    if len(parts) == 1:
        return parts[0]
    add = onto if parts[0].size <= _registers.MOST else _apart
    result = add(parts[0], weights[0], parts[1] * weights[1])
    for part, weight in zip(parts[2:], weights[2:], strict=True):
        result = add(part, weight, result)
    return result


def gathered(array, table):
    """Each dimension's taps, weighted and added, from the last dimension to the first."""
    for back, (places, weights) in enumerate(reversed(table), 1):
        taps = range(places.shape[1])
        shape = (-1,) + (1,) * (back - 1)
        array = _weighted(
            [array.take(places[:, tap], axis=-back) for tap in taps],
            [weights[:, tap].reshape(shape) for tap in taps],
        )
    return array


_ORDERS = {4: ((3, 2, 1, 0), (0, 1, 2, 3)), 2: ((2, 3, 1, 0), (0, 1, 2, 3))}
"""By the size of a dtype in bytes, in which order its compiled code adds up four taps: in registers, and one by one."""
_HALVES_ONE_BY_ONE = (1, 0, 2, 3)


def gathered_by_pixel(array, table, dtype):
    """Each pixel's taps, weighted with the products of both dimensions' weights and added; `dtype` is that of the image, whose
    channels fill registers as far as they go.
    """
    (rows, of_rows), (columns, of_columns) = table
    taps = list(product(range(rows.shape[1]), range(columns.shape[1])))
    parts = [array[..., rows[:, i, None], columns[:, j]] for i, j in taps]
    weights = [of_rows[:, i, None] * of_columns[:, j] for i, j in taps]
    if len(taps) < 4 or dtype.itemsize not in _ORDERS:
        return _weighted(parts, weights)
    inside, outside = _ORDERS[dtype.itemsize]
    if dtype == np.float16:
        outside = _HALVES_ONE_BY_ONE
    channels = array.shape[-3]
    whole = channels - channels % (_registers.LANES * 4 // dtype.itemsize)
    found = [
        _weighted([parts[k][..., own, :, :] for k in order], [weights[k] for k in order])
        for order, own in ((inside, slice(whole)), (outside, slice(whole, None)))
    ]
    return np.concatenate(found, -3) if whole else found[1]


def scattered(xp, array, table, sizes, fuses):
    """The transpose of both: pixel by pixel, each to all of its taps. `fuses` says that the weights are multiplied first, and
    the gradient with them while it is added; else it is multiplied with one after the other.
    """
    n, kind = len(table), array.dtype
    outer = array.shape[: array.ndim - n]
    values = array.reshape(-1, *array.shape[array.ndim - n :], *(1,) * n)
    places, shares = xp.zeros((1,) * 2 * n, np.int64), xp.ones((1,) * 2 * n, kind)
    for d, ((own, weights), size) in enumerate(zip(table, sizes, strict=True)):
        shape = [1] * (2 * n)
        shape[d], shape[-1 - d] = own.shape
        places = places * size + own.reshape(shape)
        weights = weights.astype(kind).reshape(shape)
        shares, values = (shares * weights, values) if fuses else (shares, values * weights)
    if fuses:
        # numpy's addition of float64 to float32 rounds once, as a fused one.
        small = _registers.is_small_single(xp, array)
        values = values * (shares.astype(np.float64) if small else shares)
    values = xp.moveaxis(values, 0, -1).reshape(places.size, -1)
    result = xp.zeros((prod(sizes), values.shape[-1]), kind)
    behind(xp).combine("add", result, places.reshape(-1), values)
    return xp.ascontiguousarray(result.T).reshape(*outer, *sizes)
