"""What a dtype can hold, for random numbers drawn into it: bounds, casts, checks of integer ranges.

Dtypes go by PyTorch's names. Errors and warnings are PyTorch's, word for word; nothing here draws a number.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT_BOUNDS = {
    "float16": 65504.0,
    "bfloat16": (2 - 2**-7) * 2.0**127,
    "float32": (2 - 2**-23) * 2.0**127,
    "float64": (2 - 2**-52) * 2.0**1023,
}
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
LARGEST = {
    "bool": 1, "uint8": 2**8 - 1, "uint16": 2**16 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1,
    "int8": 2**7 - 1, "int16": 2**15 - 1, "int32": 2**31 - 1, "int64": 2**63 - 1,
} | {name: 2**digits for name, digits in DIGITS.items()}  # fmt: skip
COUNTED = LARGEST.keys() - {"uint16", "uint32", "uint64"}
PARTS = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}
CPP_NAMES = {
    "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "uint16": "short unsigned int", "uint32": "unsigned int", "uint64": "long unsigned int",
    "int64": "long int", "bool": "bool", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "float32": "float", "float64": "double",
    "complex32": "c10::complex<c10::Half>", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip
SCALAR_TYPES = {
    "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64", "float16": "Half",
    "bfloat16": "BFloat16", "float32": "Float", "float64": "Double",
    "complex32": "ComplexHalf", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    "float8_e5m2": "Float8_e5m2", "float8_e4m3fn": "Float8_e4m3fn",
}  # fmt: skip


def cast(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """As a C cast: by way of float32 to the half-width floats, modulo to the integers."""
    with np.errstate(all="ignore"):
        if dtype in ("float16", "bfloat16"):
            values = values.astype(np.float32)
        return values.astype(numpy_dtype(dtype), copy=False)


def numpy_dtype(dtype: str) -> np.dtype[Any]:
    kind: Any = dtype
    if dtype in ("bfloat16", "complex32"):
        import ml_dtypes

        kind = getattr(ml_dtypes, dtype)
    found: np.dtype[Any] = np.dtype(kind)
    return found


def not_implemented(kernel: str, dtype: str) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{SCALAR_TYPES[dtype]}'")


def float_bounds(dtype: str, kernel: str) -> float:
    if dtype not in FLOAT_BOUNDS:
        raise not_implemented(kernel, dtype)
    return FLOAT_BOUNDS[dtype]


def check_order(low: int, high: int, how: str) -> None:
    if not low < high:
        raise RuntimeError(
            f"random_ expects 'from'{how} to be less than 'to'{how}, but got from={low} >= to={high}"
        )


def check_range(low: int, last: int, dtype: str) -> None:
    if dtype not in LARGEST:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    digits = DIGITS.get(dtype)
    for name, value in (("from", low), ("to - 1", last)):
        if digits is not None:
            inside = -FLOAT_BOUNDS[dtype] <= value <= FLOAT_BOUNDS[dtype]
        else:
            largest = min(LARGEST[dtype], 2**63 - 1)
            inside = (-largest - 1 if dtype.startswith("int") else 0) <= value <= largest
        if not inside:
            raise RuntimeError(f"{name} is out of bounds for {CPP_NAMES[dtype]}")
    for name, value in (("from", low), ("to - 1", last)):
        if digits is not None and not -(2**digits) <= value <= 2**digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
                f"{CPP_NAMES[dtype]} can support discrete uniform distribution only within this range. "
                "This warning will become an error in version 1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=3,
            )


def from_on(low: int, dtype: str) -> tuple[int, int]:
    if dtype not in LARGEST:
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    last = LARGEST[dtype]
    if dtype in FLOAT_BOUNDS:
        low = rounded_up(low, dtype)
        if not low < last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to "
                f"dtype, but got from={low} > to_inc={last}"
            )
    return low, last


def _as_held(value: int, dtype: str) -> int:
    held = float(cast(np.array([value]), dtype)[0])
    return int(held) if math.isfinite(held) else -(2**63)


def rounded_up(low: int, dtype: str) -> int:
    held = _as_held(low + 1, dtype)
    return held + _gap(low + 1, dtype) if held < low else low


def rounded_down(high: int, dtype: str) -> int:
    held = _as_held(high - 1, dtype)
    return held - _gap(high - 1, dtype) if held >= high else high


def _gap(value: int, dtype: str) -> int:
    return 1 << max(abs(value).bit_length() - DIGITS[dtype], 0)
