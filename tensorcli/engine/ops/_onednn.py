"""What PyTorch leaves to oneDNN: gelu of float32, where what oneDNN makes of it shows in the printed digits.

Source: oneDNN's src/cpu/x64/injectors/jit_uni_eltwise_injector.cpp, as it is for processors without AVX-512.
"""

import numpy as np

from tensorcli.engine.fused import fused
from tensorcli.engine.ops import _registers


def _single(bits):
    """A constant of its tables, which are written as bits."""
    return np.uint32(bits).view(np.float32)


_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
_LARGEST, _SMALLEST = _single(0x42B17218), _single(0xC2AEAC50)
"""The logarithms of the largest and of the smallest normal number."""
_LOG2_E, _LN_2 = _single(0x3FB8AA3B), _single(0x3F317218)
_EXP = tuple(map(_single, (0x3C07CFCE, 0x3D2B9D0D, 0x3E2AAD40, 0x3EFFFEE3, 0x3F7FFFFB)))
_ERF = tuple(map(_single, (0x3F87DC22, 0xBFBA00E3, 0x3FB5F0E3, 0xBE91A98E, 0x3E827906)))
_SQRT_HALF, _P, _ONE_OVER_SQRT_PI = _single(0x3F3504F3), _single(0x3EA7BA05), _single(0x3F106EBA)


def takes(xp, array):
    """Whether PyTorch hands an array to oneDNN, and its rounding is followed."""
    return _registers.is_small_single(xp, array) and array.size > 1 and array.flags.c_contiguous


def gelu(x):
    """x Φ(x), as s + s erf(x / √2) for s = x / 2."""
    with np.errstate(all="ignore"):
        half = x * _HALF
        return fused(_bell(x)[2], half, half)


def gelu_slope(x):
    """The derivative of gelu."""
    with np.errstate(all="ignore"):
        scaled, density, erf = _bell(x)
        return fused(erf, _HALF, scaled * _ONE_OVER_SQRT_PI * density + _HALF)


def _bell(x):
    """(z, exp(-z²), erf z) for z = x / √2; erf by Abramowitz and Stegun, 7.1.26."""
    z = x * _SQRT_HALF
    density = _exp(-(z * z))
    t = _ONE / fused(np.abs(z), _P, _ONE)
    return z, density, np.copysign(_ONE, x) * fused(-density * t, _polynomial(_ERF, t), _ONE)


def _exp(x):
    """exp of x = n ln 2 + r: a polynomial of r, times 2^(n - 1), times 2."""
    inside = np.maximum(np.minimum(x, _LARGEST), _SMALLEST)
    n = np.floor(inside * _LOG2_E + _HALF)
    r = fused(-n, _LN_2, inside)
    found = fused(_polynomial(_EXP, r), r, _ONE)
    scale = np.ldexp(_ONE, (n - _ONE).astype(np.int32))
    return np.where(x < _SMALLEST, np.float32(0), found * scale * _TWO)


def _polynomial(coefficients, x):
    """Horner's scheme, the highest power first."""
    found = coefficients[0]
    for coefficient in coefficients[1:]:
        found = fused(found, x, coefficient)
    return found
