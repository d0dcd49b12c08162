"""Elements in another dtype: arrays as PyTorch converts them, and Python's numbers, which may not fit."""

import math
from typing import Any, Final

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.dtypes import complex32, dtype, float8_e4m3fn
from tensorcli.engine.storage import converted

_COMPLEX64: Final = np.dtype(np.complex64)
_FLOAT32: Final = np.dtype(np.float32)


def cast(array: Any, kind: dtype) -> Any:
    """An array in another dtype as PyTorch converts: complex drops its imaginary part, anything non-zero is True."""
    if array.dtype == kind.np:
        return array
    if kind is complex32 or array.dtype.char == "O":
        # By way of complex64, in whose parts PyTorch converts halves too: what follows knows numpy's complex dtypes alone.
        array = converted(array, _COMPLEX64)
    if array.dtype.kind == "c" and not kind.is_complex:
        array = (array != 0) if kind.category == dtypes.BOOL else array.real
    if kind.category == dtypes.INTEGRAL and array.dtype.kind not in "biu":
        return _float_to_integer(array, kind)
    if kind is float8_e4m3fn:
        # It has no infinity, and PyTorch gives the largest number for what is beyond it.
        array = converted(array, _FLOAT32)
        np.clip(array, -448, 448, out=array)
    return converted(array, kind.np)


def _float_to_integer(array: Any, kind: dtype) -> Any:
    """What PyTorch's x86 code does for floats out of range, which C++ leaves undefined: through int32 for most narrow types."""
    with np.errstate(invalid="ignore"):
        if array.dtype.isbuiltin != 1:
            array = array.astype(np.float32)  # ml_dtypes converts what is out of range in its own way
        if kind.name == "uint64":
            return array.astype(np.uint64)
        if kind.name in ("int8", "int16", "uint16", "int32"):
            return array.astype(np.int32).astype(kind.np)
        return array.astype(np.int64).astype(kind.np)


# ---- numbers


def as_number(value: Any, kind: dtype) -> Any:
    """A Python number as a number of `kind`, numpy's: integers wrap around, floats round."""
    if isinstance(value, complex) and not kind.is_complex and kind.category != dtypes.BOOL:
        value = value.real
    if kind.category == dtypes.INTEGRAL:
        if isinstance(value, float):
            value = int(value) if value == value and abs(value) != float("inf") else 0
        bits = kind.itemsize * 8
        value = int(value) & ((1 << bits) - 1)
        if kind.is_signed and value >> (bits - 1):
            value -= 1 << bits
    elif isinstance(value, int) and value.bit_length() > 63:
        value = float(value)  # ml_dtypes reads no integer of more than 64 bits.
    return np.asarray(value if kind.category != dtypes.BOOL else bool(value), kind.np)[()]


def check_number(value: Any, kind: dtype) -> None:
    """Refuse a Python number that C++ would not convert to a dtype. Errors: RuntimeError with PyTorch's text."""
    if kind not in dtypes.FLOAT8 and not _fits(value, kind):  # Of float8 it is the kernel that is missing.
        raise _overflow(kind)


def number_for(value: Any, kind: dtype) -> Any:
    """A number as an element of `kind`. Errors: RuntimeError when it does not fit; negative numbers wrap around."""
    if kind.category == dtypes.BOOL:
        return as_number(value != 0, kind)
    if not _fits(value, kind):
        raise _overflow(kind)
    with np.errstate(all="ignore"):
        return as_number(value, kind)


def filling(value: Any, kind: dtype, count: int) -> Any:
    """A number that so many elements are filled with. A single one PyTorch makes by way of double, which rounds where the
    conversion of a number refuses. Errors: RuntimeError when it does not fit.
    """
    exact = kind
    if kind is dtypes.complex32:
        exact = kind if count == 1 else dtypes.complex64
    elif kind.reduced and count == 1:
        exact = dtypes.float64
    with np.errstate(all="ignore"):
        return cast(np.asarray(number_for(value, exact)), kind)[()]


def _fits(value: Any, kind: dtype) -> bool:
    """Whether C++ converts a number (c10::overflows): an unsigned type takes negative integers, which count from its end."""
    if value is None or isinstance(value, bool) or kind.category == dtypes.BOOL:
        return True
    if kind.is_complex:
        return _fits(value.real, kind.to_real()) and _fits(value.imag, kind.to_real())
    if isinstance(value, complex):
        return not value.imag and _fits(value.real, kind)
    if kind.category == dtypes.INTEGRAL:
        limits = np.iinfo(kind.np)
        if isinstance(value, float):
            return limits.min <= value <= float(limits.max)
        return bool((limits.min or -limits.max) <= value <= limits.max)
    if math.isinf(value):
        return kind is not dtypes.float8_e4m3fn  # which has no infinity
    return math.isnan(value) or abs(value) <= _LARGEST[kind.name]


def _overflow(kind: dtype) -> RuntimeError:
    return messages.overflow(_CPP_NAMES.get(kind.name, kind.cpp_name))


_LARGEST = {**dtypes.FLOAT_BOUNDS, "float8_e5m2": 57344.0, "float8_e4m3fn": 448.0}
_CPP_NAMES = {
    "uint8": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int64": "int64_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
}
"""What C++ calls the types in this one message."""
