"""Arrays in, arrays out: what numpy computes differently from PyTorch's CPU kernels, and what those refuse.

PyTorch's float32 kernels (SLEEF, MKL) are nearly correctly rounded and use fused multiply-add; numpy's are
not. Small arrays are therefore computed in float64 and rounded once, or as `_registers` has it. This module knows no
tensors.
"""

import math
from typing import Any

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.conversion import check_number
from tensorcli.engine.fused import fused, fused64
from tensorcli.engine.ops import _complex, _registers
from tensorcli.engine.ops._dimensions import refuse

_WIDER = {np.dtype(np.float32): np.float64, np.dtype(np.complex64): np.complex128}


def widely(function, *arrays):
    """`function` of the arrays; small arrays of single precision in float64 (complex128), rounded once."""
    first = arrays[0]
    wider = _WIDER.get(first.dtype)
    if wider is None or first.size > _registers.MOST:
        return function(*arrays)
    return function(*[wider(a) if type(a) in (int, float) else a.astype(wider) for a in arrays]).astype(
        first.dtype
    )


def multiply_add(x, y, z):
    """x * y + z of real numbers: rounded once, where the arrays are numpy's and small."""
    arrays = [one for one in (x, y, z) if not isinstance(one, np.generic)]
    if not all(type(one) is np.ndarray and one.size <= _registers.MOST for one in arrays):
        return x * y + z
    if any(one.dtype == np.float64 for one in (x, y, z)):
        return fused64(*np.broadcast_arrays(x, y, z))
    return fused(x, y, z)


def no_complex(name, *arrays):
    """Errors: NotImplementedError for a complex array."""
    for array in arrays:
        refuse(array, name, "c")


def scaled(alpha, other, dtype):
    """An array or number of the result's dtype times the number alpha, converted to it as C++ does. Errors: RuntimeError."""
    array = other if hasattr(other, "dtype") else np.asarray(other, dtype)
    kind = dtypes.from_numpy_dtype(dtype)
    if type(alpha) is bool and kind.category != dtypes.BOOL:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if kind.category < dtypes.FLOATING and type(alpha) in (float, complex):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if type(alpha) is complex and not kind.is_complex:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    check_number(alpha, kind)
    return array * np.asarray(alpha).astype(kind.np)[()]


def times(value, array):
    """array times the Python number value, converted to its dtype where C++ can: 0.5 is 0 among integers. Errors: RuntimeError."""
    kind = dtypes.from_numpy_dtype(array.dtype)
    check_number(value, kind)
    if kind.category == dtypes.INTEGRAL:
        value = int(value.real)
    return array * np.asarray(value).astype(kind.np)[()]


def plus_scaled(self, alpha, other):
    """self + alpha * other, rounded once in float32 as by a fused multiply-add."""
    if self.dtype == np.float32 and self.size <= _registers.MOST and type(alpha) in (int, float):
        check_number(alpha, dtypes.float32)
        return fused(np.float32(alpha), other, self)
    if _registers.is_reduced(self) and type(alpha) in (int, float):
        kind = dtypes.from_numpy_dtype(self.dtype)
        check_number(alpha, kind)
        return _registers.by_place(
            lambda a, b, one: _reduced_plus(a, kind.np.type(alpha), b, one), self, other
        )
    return self + scaled(alpha, other, self.dtype)


def _reduced_plus(self, alpha, other, is_register):
    """self + alpha * other of a reduced dtype, to which the product is rounded where it does not stay in a register."""
    product = np.float32(alpha) * other.astype(np.float32)
    if not is_register:
        product = product.astype(self.dtype).astype(np.float32)
    return (self.astype(np.float32) + product).astype(self.dtype)


def check_divisor(self, other):
    """Errors: RuntimeError for a zero among integers, where there is something to divide by it."""
    if not np.all(other) and np.size(self):
        raise RuntimeError("ZeroDivisionError")


def divide_floor(self, other):
    """Division rounded down; integers refuse zero."""
    if self.dtype.kind in "iu":
        check_divisor(self, other)
    if _registers.is_reduced(self):
        return _reduced_floor(self, other)
    return np.floor_divide(self, other)


def _reduced_floor(self, other):
    """Division rounded down, each step rounded to the reduced dtype (c10/util/generic_math.h)."""
    rest = np.fmod(self.astype(np.float32), other.astype(np.float32)).astype(self.dtype)
    quotient, one = (self - rest) / other, self.dtype.type(1)
    quotient = np.where((rest != 0) & ((other < 0) != (rest < 0)), quotient - one, quotient)
    found = np.floor(quotient)
    found = np.where(quotient - found > 0.5, found + one, found)
    found = np.where(quotient == 0, np.copysign(found * 0, self / other), found)
    return np.where(other == 0, self / other, found)


def divide_trunc(self, other):
    """Division rounded towards zero; integers refuse zero."""
    if self.dtype.kind in "iu":
        check_divisor(self, other)
        quotient = self // other
        return quotient + ((self % other != 0) & ((self < 0) != (other < 0))).astype(quotient.dtype)
    return np.trunc(self / other)


def remainder(self, other):
    """The remainder with the divisor's sign."""
    if self.dtype.kind in "iu":
        check_divisor(self, other)
        return np.remainder(self, other)
    # numpy's zeros have the divisor's sign, PyTorch's that of the dividend, as fmod's.
    found = np.remainder(self, other)
    return _with_quotient(self, other, np.where(found == 0, np.copysign(found, self), found))


def fmod(self, other):
    """The remainder with the dividend's sign."""
    if self.dtype.kind in "iu":
        check_divisor(self, other)
        return np.fmod(self, other)
    return _with_quotient(self, other, np.fmod(self, other))


def _with_quotient(self, other, found):
    """The remainders of a division, NaN where SLEEF has no quotient: in registers, where it is out of range."""
    with np.errstate(all="ignore"):
        lost = np.isinf(self / other) & np.isfinite(found)
    if not lost.any() or found.size > _registers.MOST:
        return found
    with np.errstate(all="ignore"):
        # It is rounded towards zero there: one that would be infinite only by rounding is not.
        limits = np.finfo(found.dtype)
        quotient = np.abs(np.asarray(self, np.longdouble) / other)
        lost &= quotient * (1 - np.longdouble(limits.eps) / 2) > limits.max
    return np.where(lost & _registers.in_registers(self, other), found.dtype.type(math.nan), found)


def power(self, exponent):
    """self ** exponent; integers to negative powers give 0, or the unit that they are."""
    if self.dtype.kind in "iu":
        negative = exponent < 0
        if np.any(negative):
            parity = np.where(exponent % 2 == 0, 1, -1).astype(self.dtype)
            units = np.where(self == 1, self.dtype.type(1), np.where(self == -1, parity, self.dtype.type(0)))
            return np.where(
                negative, units, np.power(self, np.where(negative, exponent.dtype.type(0), exponent))
            )
        return np.power(self, exponent)
    if self.dtype.kind == "c":
        return _complex_power(self, exponent)
    # An exponent for each base: with one for all, as that of no dimensions is, numpy takes roots, of which zero and minus
    # infinity have other signs.
    self, exponent = np.broadcast_arrays(self, exponent)
    return widely(np.power, np.atleast_1d(self), np.atleast_1d(exponent).copy()).reshape(self.shape)


def _of_parts(real, imag, kind):
    found = np.empty_like(real, kind)
    found.real, found.imag = real, imag
    return found


def complex_expm1(x):
    """exp(x) - 1 of complex numbers, by the half angle, each step in their precision."""
    half = widely(np.sin, x.imag / 2)
    real = widely(np.expm1, x.real) * widely(np.cos, x.imag) - 2 * half * half
    return _of_parts(real, widely(np.exp, x.real) * widely(np.sin, x.imag), x.dtype)


def complex_exp2(x):
    """2 to the power of complex numbers: their exponential times the logarithm of 2, rounded in between."""
    factor = x.real.dtype.type(math.log(2))
    return widely(np.exp, _of_parts(x.real * factor, x.imag * factor, x.dtype))


def complex_log1p(x):
    """log(1 + x) of complex numbers: near 0, where numpy loses digits, by the excess of the squared size over 1."""
    real, imag, new = x.real, x.imag, x.real.dtype.type
    excess = real * (2 + real) + imag * imag
    near = np.where(excess == 0, real, np.log1p(np.where(excess > -1, excess, new(0))) / 2)
    found = np.where(np.abs(x) < 0.5, near, np.log(np.hypot(real + 1, imag)))
    return _of_parts(found, np.arctan2(imag, real + 1), x.dtype)


def _complex_power(base, exponent):
    """base ** exponent of complex numbers as C's cpow has it: each step in their precision, and no exception for 0 ** 0. numpy
    multiplies for whole exponents, and its product of complex numbers may be fused.
    """
    log = np.log(base)
    real = exponent.real * log.real - exponent.imag * log.imag
    return np.exp(_of_parts(real, exponent.real * log.imag + exponent.imag * log.real, log.dtype))


def power_number(self, exponent):
    """self ** exponent for one exponent: the small ones by multiplication, as PyTorch's kernel has them."""
    value = exponent.item() if isinstance(exponent, (np.ndarray, np.generic)) else exponent
    if self.dtype == np.float16:
        # Of halves PyTorch takes no power by multiplication or root (numpy does of one number), and the exponent is one.
        exponents = np.full_like(self, value).astype(np.float32)
        return np.power(self.astype(np.float32), exponents).astype(self.dtype)
    if value in _POWERS:
        return _POWERS[value](self)
    if _registers.is_reduced(self):
        return np.power(self.astype(np.float32), np.float32(value)).astype(self.dtype)
    if self.dtype.kind in "iu":
        return np.power(self, self.dtype.type(value))
    if self.dtype.kind == "c":
        return _complex_power(self, self.dtype.type(value))
    return widely(np.power, self, self.dtype.type(value))


def reciprocal_square_root(x):
    """1 / sqrt(x)."""
    if _registers.is_reduced(x):
        return _registers.by_place(_reduced_root, x)
    return x.dtype.type(1) / np.sqrt(x)


def _reduced_root(x, is_register):
    """1 / sqrt(x) of a reduced dtype: the root is rounded to it where it does not stay in a register."""
    wide = x.astype(np.float32)
    return (1 / (np.sqrt(wide) if is_register else np.sqrt(x).astype(np.float32))).astype(x.dtype)


def _multiplied(a, b):
    return _complex.product(a, b) if a.dtype.kind == "c" else a * b


_POWERS: dict[float, Any] = {
    0: np.ones_like,
    1: lambda x: x.copy(),
    2: lambda x: _multiplied(x, x),
    3: lambda x: _multiplied(_multiplied(x, x), x),
    0.5: np.sqrt,
    -0.5: reciprocal_square_root,
    -1: lambda x: _complex.reciprocal(x) if x.dtype.kind == "c" else 1 / x,
    -2: lambda x: 1 / (x * x),
}


def sign(x):
    """-1, 0 or 1; 0 for a NaN; of complex numbers the point on the unit circle."""
    if x.dtype.kind == "c":
        return _registers.by_place(_direction, x) if isinstance(x, np.ndarray) else _direction(x, False)
    if x.dtype.kind == "b":
        return x.copy()
    return (
        ((x > 0).astype(x.dtype) - (x < 0).astype(x.dtype))
        if x.dtype.kind != "u"
        else (x > 0).astype(x.dtype)
    )


def _direction(x, is_register):
    """The point on the unit circle in the direction of complex numbers; registers divide each part, C++ complex numbers."""
    size = widely(np.hypot, x.real, x.imag)
    nowhere = size == 0
    size = np.where(nowhere, size.dtype.type(1), size)
    if is_register:
        found = np.empty_like(x)
        found.real, found.imag = x.real / size, x.imag / size
    else:
        found = x / size
    return np.where(nowhere, x.dtype.type(0), found)


def powers(x):
    """The exponentials of what an element-wise loop of PyTorch's goes on with."""
    if not _registers.is_small_single(np, x):
        return widely(np.exp, x)
    return _registers.steps(x, _registers.exp, lambda rest: widely(np.exp, rest))


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + powers(-x))


def sinc(x):
    """sin(pi x) / (pi x), 1 at 0."""
    product = x * x.dtype.type(math.pi)
    return np.where(
        x == 0, x.dtype.type(1), widely(np.sin, product) / np.where(x == 0, x.dtype.type(1), product)
    )


def interpolate(start, end, weight):
    """start + weight (end - start), from the nearer end: the differences are rounded, what is added to an end is not."""

    def blend(a, b, difference, w, rest):
        return np.where(np.abs(w) < 0.5, a + w * difference, b - difference * rest)

    weight = weight if hasattr(weight, "dtype") else start.dtype.type(weight)
    return widely(blend, start, end, end - start, weight, 1 - weight)


def log_add(self, other):
    """log(exp(self) + exp(other)) without overflow, complex numbers included."""
    if self.dtype.kind != "c":
        added = np.maximum(self, other) + widely(np.log1p, widely(np.exp, -np.abs(self - other)))
        return np.where(np.isinf(self) & (self == other), self, added)
    high, low = np.where(self.real >= other.real, self, other), np.where(self.real >= other.real, other, self)
    return np.where(
        np.isinf(high.real) & (high.real < 0), high, high + widely(np.log1p, widely(np.exp, low - high))
    ).astype(self.dtype)


def round_decimals(x, decimals):
    """Rounded to that many decimals, half to even."""
    ten = x.dtype.type(10.0 ** abs(decimals))
    return np.rint(x / ten) * ten if decimals < 0 else np.rint(x * ten) / ten


def nan_to_number(x, nan, posinf, neginf):
    """NaN and the infinities replaced: by 0 and the dtype's limits where nothing is said."""
    if x.dtype.kind in "biu":
        return x.copy()
    if x.dtype.kind == "c":
        result = np.empty_like(x)
        result.real = nan_to_number(x.real, nan, posinf, neginf)
        result.imag = nan_to_number(x.imag, nan, posinf, neginf)
        return result
    most = dtypes.FLOAT_BOUNDS[x.dtype.name]
    new = x.dtype.type
    result = np.where(np.isnan(x), new(0 if nan is None else nan), x)
    result = np.where(x == np.inf, new(most if posinf is None else posinf), result)
    return np.where(x == -np.inf, new(-most if neginf is None else neginf), result)
