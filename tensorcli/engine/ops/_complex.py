"""Products and quotients of complex numbers, rounded as PyTorch's kernels round them. numpy fuses as the processor allows.

The arrays are complex: callers that may have real ones check first, and use numpy's own operators for them.
"""

import numpy as np

from tensorcli.engine.fused import fused, fused64
from tensorcli.engine.ops import _registers


def product(a, b):
    """a * b: in registers part by part, and what fills none with fused steps; in single precision two at a time, so that one that
    is left is not fused.
    """
    a, b = _alike(a, b)
    if not _is_small(a, b):
        return a * b
    plain = _registers.in_registers(a, b)
    if a.dtype == np.complex64:
        plain = plain | _registers.unpaired(a, b)
    across, crossed = a.imag * b.imag, a.imag * b.real
    found = _of(a.real * b.real - across, a.real * b.imag + crossed, a.dtype)
    if plain.all():
        return found
    steps = _of(_fused(a.real, b.real, -across), _fused(a.real, b.imag, crossed), a.dtype)
    return np.where(plain, found, steps)


def reciprocal(a):
    """1 / a."""
    one = a.dtype.type(1)
    return quotient(np.broadcast_to(one, a.shape), a) if _is_small(a, a) else one / a


def quotient(a, b):
    """a / b by the ratio of the divisor's smaller part to its larger one (c10/util/complex.h), with fused steps."""
    a, b = _alike(a, b)
    if not _is_small(a, b):
        return a / b
    larger = np.abs(b.real) >= np.abs(b.imag)
    found = np.where(larger, _divided(a, b, _fused), _divided_by_imaginary(a, b, _fused))
    if a.dtype == np.complex64 and (left := _registers.unpaired(a, b)).any():
        plain = np.where(larger, _divided(a, b, _plain), _divided_by_imaginary(a, b, _plain))
        found = np.where(left, plain, found)
    return found


def _alike(a, b):
    """An array and what may be a Python number, which is one of its dtype among complex numbers."""
    return (a, a.dtype.type(b)) if getattr(b, "dtype", None) is None else (a, b)


def _is_small(a, b):
    """Whether these are numpy's numbers of one dtype, and few."""
    return (
        all(isinstance(one, (np.ndarray, np.generic)) for one in (a, b))
        and a.dtype == b.dtype
        and max(a.size, b.size) <= _registers.MOST
    )


def _fused(x, y, z):
    return fused(x, y, z) if x.dtype == np.float32 else fused64(x, y, z)


def _plain(x, y, z):
    return x * y + z


def _of(real, imag, dtype):
    found = np.empty_like(real, dtype)  # in the order of memory of the parts
    found.real, found.imag = real, imag
    return found


def _divided(a, b, multiplied):
    ratio = b.imag / b.real
    scale = 1 / multiplied(b.imag, ratio, b.real)
    real, imag = multiplied(a.imag, ratio, a.real) * scale, multiplied(-a.real, ratio, a.imag) * scale
    nothing = (b.real == 0) & (b.imag == 0)
    return _of(
        np.where(nothing, a.real / np.abs(b.real), real),
        np.where(nothing, a.imag / np.abs(b.imag), imag),
        a.dtype,
    )


def _divided_by_imaginary(a, b, multiplied):
    ratio = b.real / b.imag
    scale = 1 / multiplied(b.real, ratio, b.imag)
    return _of(multiplied(a.real, ratio, a.imag) * scale, multiplied(a.imag, ratio, -a.real) * scale, a.dtype)
