"""Sums of floating-point numbers in the order in which PyTorch adds them up, to the last bit.

PyTorch's kernel (aten/src/ATen/native/cpu/SumKernel.cpp) keeps several running sums at once: one for each lane of a vector
register, and four of those, so that the processor need not wait; long runs go through levels, each the sum of a power of two
of the one below, so that rounding errors stay small. Which of these come into play depends on where the reduced dimensions
lie in memory. Beyond MOST elements PyTorch adds in several threads, and the order is its machine's.
"""

import numpy as np

from tensorcli.engine.ops._registers import LANES, MOST

_LEVELS = 4
_STREAMS = 4
_REGISTER = LANES * 4
"""The bytes of a register."""


def total(xp, array, axes=None, keepdims=False):
    """The sum over axes (all, for None), in the array's dtype."""
    kind = array.dtype
    if xp is not np or kind.kind not in "fc" or kind.itemsize < 4 or not 2 < array.size <= MOST:
        # Called by the ufunc's own method, numpy's warnings are the engine's and not heard.
        add = np.add.reduce if xp is np else xp.sum
        return add(array, dtype=kind, axis=axes, keepdims=keepdims)
    if (axes is None or len(axes) == array.ndim) and array.flags.c_contiguous:
        return np.asarray(_row(array.reshape(-1), kind, kind.itemsize)).reshape(
            (1,) * array.ndim if keepdims else ()
        )
    axes = tuple(range(array.ndim)) if axes is None else axes
    kept = [d for d in range(array.ndim) if d not in axes]
    result = _sum(*_coalesced(array, [d for d in axes if array.shape[d] > 1], kept), kind)
    return result.reshape(
        [1 if d in axes else array.shape[d] for d in (range(array.ndim) if keepdims else kept)]
    )


def _coalesced(array, axes, kept):
    """How many reduced dimensions there are, and the array with those first: the fastest ahead; then the kept ones, from the
    last to the first. Dimensions that follow each other in memory are made one.
    """
    groups = []
    for dims in (sorted(axes, key=lambda d: (array.strides[d], -d)), reversed(kept)):
        merged = []
        for size, stride in ((array.shape[d], array.strides[d]) for d in dims):
            if merged and (size == 1 or merged[-1][0] * merged[-1][1] == stride):
                merged[-1] = (merged[-1][0] * size, merged[-1][1])
            elif merged and merged[-1][0] == 1:
                merged[-1] = (size, stride)
            else:
                merged.append((size, stride))
        groups.append(merged)
    sizes, strides = zip(*groups[0], *groups[1], strict=True) if any(groups) else ((), ())
    return len(groups[0]), np.lib.stride_tricks.as_strided(array, sizes, strides)


def _sum(count, array, kind):
    """Sums over the first dimensions; the others come out in the order of the tensor that was given."""
    if not count:
        return (array + kind.type(0)).transpose()
    if count == 1:
        return _slab(array, kind).transpose()
    # Slabs of the two fastest dimensions, added to the result one after the other.
    result = np.zeros(array.shape[count:], kind)
    for place in np.ndindex(*array.shape[count - 1 : 0 : -1]):
        result = result + _row(array[(slice(None), *place[::-1])], kind, array.strides[0])
    return result.transpose()


def _slab(array, kind):
    """Sums over the first dimension, of an array whose second one is the fastest of those that are kept."""
    lanes = _REGISTER // kind.itemsize
    inner = array.strides[0]
    if array.ndim == 1 or (inner == kind.itemsize and array.shape[0] >= lanes):
        return _row(array, kind, inner)
    columns = array.shape[1]
    contiguous = array.strides[1] == kind.itemsize and columns >= lanes
    if not contiguous and inner < array.strides[1]:
        return _streams(array)
    group = _STREAMS * (lanes if contiguous else 1)
    whole = columns - columns % group
    parts = [_levels(array[:, :whole])] if whole else []
    if whole < columns:
        parts.append(_streams(array[:, whole:]))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _row(array, kind, stride):
    """Sums over the first dimension: in lanes where its elements lie side by side."""
    lanes = _REGISTER // kind.itemsize
    size = len(array)
    if stride != kind.itemsize or size < lanes:
        return _streams(array)
    whole = size - size % lanes
    sums = _streams(array[:whole].reshape(-1, lanes, *array.shape[1:]))
    return _one_by_one(np.concatenate([array[whole:], sums]))


def _streams(array):
    """Sums over the first dimension in four streams."""
    size = len(array)
    whole = size - size % _STREAMS
    if not whole:
        return _one_by_one(array)
    sums = _levels(array[:whole].reshape(-1, _STREAMS, *array.shape[1:]))
    return _one_by_one(np.concatenate([sums[:1], array[whole:], sums[1:]]))


def _levels(array):
    """Sums over the first dimension, one after the other, through levels."""
    size = len(array)
    power = max(4, (size - 1).bit_length() // _LEVELS if size > 2 else 0)
    step = 1 << power
    if size < step:
        return _one_by_one(array)
    sums = [np.zeros(array.shape[1:], array.dtype)] * _LEVELS
    done = 0
    while done + step <= size:
        sums[0] = _one_by_one(np.concatenate([sums[0][None], array[done : done + step]]))
        done += step
        for level in range(1, _LEVELS):
            sums[level] = sums[level] + sums[level - 1]
            sums[level - 1] = np.zeros(array.shape[1:], array.dtype)
            if done & ((step - 1) << (level * power)):
                break
    sums[0] = _one_by_one(np.concatenate([sums[0][None], array[done:]]))
    return _one_by_one(np.stack(sums))


def spread(values, places, count):
    """The sum of losses as PyTorch's nll_loss adds them up, given the places in the batch of those that count: eight levels,
    through which the first of the batch falls to the last (aten/src/ATen/native/LossNLL.cpp).
    """
    power = max(4, (count - 1).bit_length() // 8)
    levels = [values.dtype.type(0)] * 8
    for place, value in zip(places, values, strict=True):
        levels[0] = levels[0] + value
        for level in range(7):
            if place & (((1 << power) - 1) << (level * power)):
                break
            levels[level + 1] = levels[level + 1] + levels[level]
            levels[level] = values.dtype.type(0)
    return _one_by_one(np.array(levels, values.dtype))


def _one_by_one(array):
    """Sums over the first dimension, each element added to what there is; -0 counts as 0."""
    if array.ndim == 1:
        return np.add.accumulate(array)[-1] + array.dtype.type(0)
    result = array[0] + array.dtype.type(0)
    for one in array[1:]:
        result = result + one
    return result
