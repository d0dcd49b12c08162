"""What the normalisations share: moments, checks of dtypes, and gradients."""

from math import prod

import numpy as np

from tensorcli.engine.dtypes import is_reduced
from tensorcli.engine.fused import fused
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.ops._registers import LANES, MOST, THREADS, is_small_single, reduced, reduced_products

_CHUNK = 16
"""How many registers PyTorch takes moments of before it puts them together with others."""


def of_rows(array, count):
    """(mean, variance) over the last `count` dimensions, kept."""
    rows = array.reshape(-1, prod(array.shape[array.ndim - count :]))
    sizes = array.shape[: array.ndim - count] + (1,) * count
    return [found.reshape(sizes) for found in _row_moments(rows)]


def has_small_rows(xp, array, count):
    """Whether `of_rows` can follow PyTorch's rounding."""
    size = prod(array.shape[array.ndim - count :])
    return is_small_single(xp, array) and 0 < size < LANES * (_CHUNK + 1) and array.size > 0


def _row_moments(rows):
    """(mean, variance) of each row, by Welford's updates: in registers, then what fills none, then both together
    (aten/src/ATen/native/cpu/moments_utils.h).
    """
    count, size = rows.shape
    whole = size // LANES
    mean = spread = np.zeros((count, LANES), np.float32)
    for step in range(whole):
        values = rows[:, step * LANES : (step + 1) * LANES]
        off = values - mean
        mean = fused(off, np.float32(1 / (step + 1)), mean)
        spread = fused(off, values - mean, spread)
    total = total_spread = np.zeros(count, np.float32)
    for place, values in enumerate(rows[:, whole * LANES :].T):
        off = values - total
        total = total + off / np.float32(place + 1)
        total_spread = total_spread + off * (values - total)
    done = size - whole * LANES
    for lane in range(LANES if whole else 0):
        share = np.float32(whole) / np.float32(done + whole)
        off = mean[:, lane] - total
        total = fused(share, off, total)
        total_spread = total_spread + fused(off * off * share, np.float32(done), spread[:, lane])
        done += whole
    return total, total_spread / np.float32(size)


def of_channels(array):
    """(mean, variance) of each channel over the batch and what follows (aten/src/ATen/native/cpu/batch_norm_kernel.cpp):
    of samples that are vectors in single precision, thread by thread; of others in double precision.
    """
    values = array.reshape(len(array), array.shape[1], -1)
    count = values.size // array.shape[1]
    if array.ndim == 2:
        mean = _of_threads(array, lambda one, found: found + one) / count
        mean = mean.astype(np.float32)
        spread = _of_threads(array - mean, lambda one, found: fused(one, one, found))
    else:
        mean = (values.sum(axis=(0, 2), dtype=np.float64) / count).astype(np.float32)
        off = values - mean[:, None]
        spread = (off * off).sum(axis=(0, 2), dtype=np.float64)
    return mean, spread.astype(np.float32) / np.float32(count)


def _of_threads(rows, update):
    """Rows put together in single precision by each thread, and the threads' parts added in double precision."""
    part = -(-len(rows) // THREADS)
    total = np.zeros(rows.shape[1:])
    for start in range(0, len(rows), part):
        own = np.zeros(rows.shape[1:], np.float32)
        for one in rows[start : start + part]:
            own = update(one, own)
        total = total + own
    return total


def moments(xp, array, axes, eps):
    """(mean, 1 / deviation), kept; accumulated in float64. Of nothing the mean is 0, and the deviation is not a number."""
    wide = array.astype(np.float64)
    if not prod(array.shape[axis] for axis in axes):
        nothing = wide.sum(axis=axes, keepdims=True)
        return nothing, xp.full_like(nothing, np.nan)
    mean = wide.mean(axis=axes, keepdims=True)
    rstd = 1 / xp.sqrt(((wide - mean) ** 2).mean(axis=axes, keepdims=True) + eps)
    return mean, rstd


def widened(*arrays):
    """Arrays of reduced dtypes as float32: where a reduced input meets float32 parameters the arrays come as they are."""
    return [one.astype(np.float32) if one is not None and is_reduced(one.dtype) else one for one in arrays]


def statistics(input, *parameters):
    """The dtype of means and deviations: the parameters', which a reduced input may have in float32."""
    return next((one.dtype for one in parameters if one is not None), input.dtype)


def check_dtypes(input, *parameters):
    """Refuse parameters of another dtype than the input's, but for float32 ones beside a reduced input. Errors: RuntimeError."""
    check_mixed(input, *parameters)
    check_same(input, *parameters)


def check_same(input, *parameters):
    """Refuse parameters of another dtype than the input's where the first is of it. Errors: RuntimeError."""
    given = [one for one in parameters if one is not None]
    if given and given[0].dtype == input.dtype:
        for one in given:
            if one.dtype != input.dtype:
                raise RuntimeError(f"expected scalar type {kind_of(input)} but found {kind_of(one)}")


def check_mixed(input, *parameters):
    """Refuse parameters of which the first is of another dtype than the input, unless they are of float32 and it of a reduced
    one (aten/src/ATen/native/cpu/mixed_data_type.h). Errors: RuntimeError.
    """
    given = [one for one in parameters if one is not None]
    if not given or given[0].dtype == input.dtype:
        return
    if any(one.dtype != np.float32 for one in given):
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
    if kind_of(input) not in ("Half", "BFloat16"):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def check_kept(input, weight):
    """Refuse a weight that has got another dtype since the input went through (`module.double()` gives its parameters one)."""
    if weight is None or weight.dtype == input.dtype:
        return
    wanted = "Float" if kind_of(input) in ("Half", "BFloat16") else kind_of(input)
    if kind_of(weight) != wanted:
        raise RuntimeError(f"expected scalar type {wanted} but found {kind_of(weight)}")


def in_turn(array, lead, own, factor=None):
    """Sums over the first dimensions, of the array or of its products with a factor: each thread adds up its part one by one, in
    the dtype `own` (aten/src/ATen/native/cpu/layer_norm_kernel.cpp).
    """
    wide = own.itemsize > 4 or (own.itemsize == 4 and array.size > MOST)
    if wide or not array.size or not lead or type(array) is not np.ndarray:
        array = array if factor is None else array * factor
        return array.sum(axis=lead).astype(own, copy=False)
    rows, factors = (
        each if each is None else each.reshape(-1, *array.shape[len(lead) :]) for each in (array, factor)
    )
    part = -(-len(rows) // THREADS)
    total = np.zeros(rows.shape[1:], np.float32)
    for start in range(0, len(rows), part):
        own_part = slice(start, start + part)
        total = total + _of_thread(rows[own_part], None if factors is None else factors[own_part], own)
    return total.astype(own)


def _of_thread(rows, factors, own):
    if own == np.float32:
        products = rows if factors is None else rows.astype(np.float64) * factors
        found = np.zeros((1, *rows.shape[1:]), own)
        # numpy's addition of float64 to float32 rounds once, as a fused one.
        np.add.at(found, np.zeros(len(rows), int), products)
        return found[0]
    found = np.zeros(rows.shape[1:], np.float32)
    for i, row in enumerate(rows):
        added = found + row if factors is None else fused(row, factors[i], found)
        found = added.astype(own).astype(np.float32)
    return found


def along_line(xp, grad, weight, input, mean, rstd, axes):
    """The gradient of what was scaled and weighted, as a line through it: so PyTorch has it, and its rounding is exact where
    grad is even.
    """
    if len(axes) == 1 and is_small_single(xp, input) and input.size:
        return _along_rows(grad, weight, input, mean, rstd)
    grad = grad if weight is None else grad * weight
    share = rstd.dtype.type(1 / max(prod(input.shape[axis] for axis in axes), 1))
    total, product = (each.sum(axis=axes, keepdims=True) for each in (grad, grad * input))
    slope = (total * mean - product) * rstd * rstd * rstd * share
    return grad * rstd + slope * input - (slope * mean + total * rstd * share)


def _along_rows(grad, weight, input, mean, rstd):
    """The same for rows, in the order and with the roundings of layer_norm_kernel.cpp."""
    share = np.float32(1) / np.float32(input.shape[-1])
    if weight is None:
        total, product = reduced(grad), reduced_products(grad, input)
    else:
        total, product = reduced_products(grad, weight), reduced_products(grad * input, weight)
    total, product = total[..., None], product[..., None]
    slope = fused(total, mean, -product) * rstd * rstd * rstd * share
    level = fused(-slope, mean, -(total * rstd * share))
    return fused(slope, input, rstd * grad * (1 if weight is None else weight)) + level


def channel_axes(ndim):
    """All axes but the one of the channels, which is the second."""
    return (0, *range(2, ndim))


def per_channel(array, ndim):
    """An array of one number a channel, in a shape that broadcasts along the channels of an array of that rank."""
    return array.reshape((1, -1) + (1,) * (ndim - 2))
