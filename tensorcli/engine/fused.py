"""Arithmetic that rounds as PyTorch's vector kernels do: fused multiply-add, float32 log, sine and cosine.

PyTorch's CPU kernels are compiled with fused multiply-add, so `a * b + c` rounds once, and its normal random
numbers go through the Cephes polynomials for float32 (Moshier, 1984) evaluated that way. numpy has neither.
The functions here take and return numpy arrays and know nothing of tensors, dtypes' names or generators.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float32 = NDArray[np.float32]
    Float64 = NDArray[np.float64]


_SPLITTER = 134217729.0  # 2**27 + 1: cuts a float64 into two halves of 26 bits (Veltkamp)
_SPLIT_LIMIT = 2.0**960  # beyond it the cut would overflow


def fma64(x: Float64, scale: float, shift: float) -> Float64:
    """x * scale + shift in float64, rounded once.

    The algorithm is Boldo and Melquiond's (Emulation of FMA and correctly rounded sums, 2008).
    """
    if scale == 1.0:
        return x + shift
    product = x * scale
    if shift == 0.0 or not max(abs(scale), abs(shift), float(np.abs(x).max(initial=0.0))) < _SPLIT_LIMIT:
        return product + shift
    high, low = _halves(x)
    scale_high, scale_low = (float(half) for half in _halves(np.float64(scale)))
    product_error = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
    below, below_error = _two_sum(product_error, np.float64(shift))
    above, above_error = _two_sum(product, below)
    return above + _add_to_odd(below_error, above_error)


def fma32(x: Float32, scale: float, shift: float) -> Float32:
    """x * scale + shift in float32, rounded once. `scale` and `shift` are float32 values."""
    product = x.astype(np.float64) * float(scale)  # 24 + 24 bits: exact in float64
    return _add_to_odd(product, np.float64(shift)).astype(np.float32)


def fused(x: Any, y: Any, z: Any) -> Float32:
    """x * y + z of float32, computed in float64. One of 10**8 is rounded twice; fma32's way takes three times as long."""
    found: Float32 = (np.multiply(x, y, dtype=np.float64) + z).astype(np.float32)
    return found


def onto(x: Any, y: Any, z: Any) -> Any:
    """x * y + z, fused where PyTorch's kernels of images fuse it: for arrays in single precision."""
    return fused(x, y, z) if type(x) is np.ndarray and x.dtype == np.float32 else x * y + z


def fused64(x: Any, y: Any, z: Any) -> Float64:
    """x * y + z of float64, rounded once; as `fma64`, for arrays."""
    with np.errstate(all="ignore"):
        product = np.asarray(x * y)
        (high, low), (other_high, other_low) = _halves(np.asarray(x)), _halves(np.asarray(y))
        error = ((high * other_high - product) + high * other_low + low * other_high) + low * other_low
        below, below_error = _two_sum(error, z)
        above, above_error = _two_sum(product, below)
        found = above + _add_to_odd(below_error, above_error)
        # Where a part is out of range nothing is left to be rounded.
        return np.where(np.isfinite(found), found, product + z)


def log32(x: Float32) -> Float32:
    """The natural logarithm of positive, normal float32 numbers."""
    fraction, exponent = np.frexp(x)
    small = fraction < np.float32(math.sqrt(0.5))
    power = (exponent - small).astype(np.float32)
    r = np.where(small, fraction + fraction, fraction) - np.float32(1)
    square = r * r
    y = _polynomial(r, _LOG) * r
    y = fused(y, square, power * np.float32(-2.12194440e-4))
    y = fused(square, np.float32(-0.5), y)
    return fused(power, np.float32(0.693359375), r + y)


def sincos32(x: Float32) -> tuple[Float32, Float32]:
    """The sine and the cosine of non-negative float32 numbers below 8192."""
    octant = ((x * np.float32(4 / math.pi)).astype(np.int32) + 1) & ~1
    whole = octant.astype(np.float32)
    for part in _QUARTER_PI:
        x = fused(whole, part, x)
    square = x * x
    cosine = fused(_polynomial(square, _COS) * square, square, square * np.float32(-0.5)) + np.float32(1)
    sine = fused(_polynomial(square, _SIN) * square, x, x)
    straight = (octant & 2) == 0
    sine, cosine = np.where(straight, sine, cosine), np.where(straight, cosine, sine)
    return np.where(octant & 4, -sine, sine), np.where((octant + 2) & 4, -cosine, cosine)


_LOG = tuple(
    np.float32(c)
    for c in (
        7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    )
)  # fmt: skip
_SIN = tuple(np.float32(c) for c in (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
_COS = tuple(np.float32(c) for c in (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))
_QUARTER_PI = tuple(np.float32(c) for c in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8))


def _polynomial(x: Float32, coefficients: tuple[np.float32, ...]) -> Float32:
    y = fused(x, coefficients[0], coefficients[1])
    for coefficient in coefficients[2:]:
        y = fused(y, x, coefficient)
    return y


def _halves(x: Float64 | np.float64) -> tuple[Float64, Float64]:
    large = x * _SPLITTER
    high: Float64 = np.asarray(large - (large - x))
    return high, np.asarray(x - high)


def _two_sum(a: Float64 | np.float64, b: Float64 | np.float64) -> tuple[Float64, Float64]:
    """The rounded sum and exactly what the rounding lost (Knuth)."""
    total: Float64 = np.asarray(a + b)
    of_b = total - a
    return total, np.asarray((a - (total - of_b)) + (b - of_b))


def _add_to_odd(a: Float64 | np.float64, b: Float64 | np.float64) -> Float64:
    """a + b; an inexact sum becomes the neighbour with an odd last bit, so that rounding it again is right."""
    total, error = _two_sum(a, b)
    bits = total.view(np.int64)
    outward = np.where((error > 0) == (total > 0), 1, -1)
    moved = (error != 0) & ((bits & 1) == 0) & np.isfinite(total)
    return np.where(moved, bits + outward, bits).view(np.float64)
