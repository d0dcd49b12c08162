"""A Python number as an element of a dtype: whether it fits, and what it becomes."""

import math

import numpy as np

from tensorcli.engine import dtypes, effects, messages


def check_number(value, kind):
    """Refuse a Python number that C++ would not convert to a dtype. Errors: RuntimeError with PyTorch's text."""
    if kind not in dtypes.FLOAT8 and not _fits(value, kind):  # Of float8 it is the kernel that is missing.
        raise _overflow(kind)


def number_for(value, kind):
    """A number as an element of `kind`. Errors: RuntimeError when it does not fit; negative numbers wrap around."""
    if kind.category == dtypes.BOOL:
        return effects.as_number(value != 0, kind)
    if not _fits(value, kind):
        raise _overflow(kind)
    with np.errstate(all="ignore"):
        return effects.as_number(value, kind)


def filling(value, kind, count):
    """A number that so many elements are filled with. A single one PyTorch makes by way of double, which rounds where the
    conversion of a number refuses. Errors: RuntimeError when it does not fit.
    """
    exact = kind
    if kind is dtypes.complex32:
        exact = kind if count == 1 else dtypes.complex64
    elif kind.reduced and count == 1:
        exact = dtypes.float64
    with np.errstate(all="ignore"):
        return effects.cast(np.asarray(number_for(value, exact)), kind)[()]


def _fits(value, kind):
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
        return (limits.min or -limits.max) <= value <= limits.max
    if math.isinf(value):
        return kind is not dtypes.float8_e4m3fn  # which has no infinity
    return math.isnan(value) or abs(value) <= _LARGEST[kind.name]


def _overflow(kind):
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
