"""What the normalisations share: moments, checks of dtypes, and gradients."""

from math import prod

import numpy as np

from tensorcli.engine.ops._dimensions import kind_of


def normalized(x, dims, eps):
    """In tensor operations: (normalised, mean, 1 / deviation) over some dimensions, kept."""
    mean = x.mean(dims, True)
    centred = x - mean
    rstd = ((centred * centred).mean(dims, True) + eps).rsqrt()
    return centred * rstd, mean, rstd


def moments(xp, array, axes, eps):
    """(mean, 1 / deviation), kept; accumulated in float64."""
    wide = array.astype(np.float64)
    mean = wide.mean(axis=axes, keepdims=True)
    rstd = 1 / xp.sqrt(((wide - mean) ** 2).mean(axis=axes, keepdims=True) + eps)
    return mean, rstd


def widened(*arrays):
    """Arrays of reduced dtypes as float32: where a reduced input meets float32 parameters the arrays come as they are."""
    return [
        one if one is None or (one.dtype.kind in "fc" and one.dtype.itemsize > 2) else one.astype(np.float32)
        for one in arrays
    ]


def statistics(input, *parameters):
    """The dtype of means and deviations: the parameters', which a reduced input may have in float32."""
    return next((one.dtype for one in parameters if one is not None), input.dtype)


def check_dtypes(input, *parameters):
    """Refuse parameters of another dtype than the input's, but for float32 ones beside a reduced input
    (aten/src/ATen/native/cpu/mixed_data_type.h).
    """
    given = [one for one in parameters if one is not None]
    if not given or all(one.dtype == input.dtype for one in given):
        return
    if given[0].dtype == input.dtype:
        other = next(one for one in given if one.dtype != input.dtype)
        raise RuntimeError(f"expected scalar type {kind_of(input)} but found {kind_of(other)}")
    if any(one.dtype != np.float32 for one in given):
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
    if kind_of(input) not in ("Half", "BFloat16"):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def along_line(grad, input, mean, rstd, axes):
    """The gradient of what was scaled, as a line through it: so PyTorch has it, and its rounding is exact where grad is even."""
    share = rstd.dtype.type(1 / prod(input.shape[axis] for axis in axes))
    total, product = (each.sum(axis=axes, keepdims=True) for each in (grad, grad * input))
    slope = (total * mean - product) * rstd * rstd * rstd * share
    return grad * rstd + slope * input - (slope * mean + total * rstd * share)


def channel_axes(ndim):
    return (0, *range(2, ndim))


def per_channel(array, ndim):
    return array.reshape((1, -1) + (1,) * (ndim - 2))
