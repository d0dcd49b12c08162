"""What a dtype can hold, for random numbers drawn into it: bounds, casts, checks of integer ranges.

Dtypes go by PyTorch's names. Errors and warnings are PyTorch's, word for word; nothing here draws a number.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.dtypes import DTYPES, FLOAT_BOUNDS

if TYPE_CHECKING:
    from numpy.typing import NDArray


DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""How many binary digits their numbers have."""
LARGEST = {
    "bool": 1, "uint8": 2**8 - 1, "uint16": 2**16 - 1, "uint32": 2**32 - 1, "uint64": 2**64 - 1,
    "int8": 2**7 - 1, "int16": 2**15 - 1, "int32": 2**31 - 1, "int64": 2**63 - 1,
} | {name: 2**digits for name, digits in DIGITS.items()}  # fmt: skip
"""The largest numbers up to which the dtypes count without gaps."""
COUNTED = LARGEST.keys() - {"uint16", "uint32", "uint64"}
"""The dtypes that PyTorch's older kernels take."""


def cast(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """As a C cast does: through float32 to the half-width floats, modulo to the integers."""
    with np.errstate(all="ignore"):
        if dtype in ("float16", "bfloat16"):
            values = values.astype(np.float32)
        return values.astype(DTYPES[dtype].np, copy=False)


def not_implemented(kernel: str, dtype: str) -> NotImplementedError:
    """PyTorch has no such kernel for this dtype."""
    return messages.not_implemented(kernel, DTYPES[dtype].scalar_type)


def float_bounds(dtype: str, kernel: str) -> float:
    """The largest number of a floating dtype. Errors: NotImplementedError, of the kernel, for another."""
    if dtype not in FLOAT_BOUNDS:
        raise not_implemented(kernel, dtype)
    return FLOAT_BOUNDS[dtype]


def check_order(low: int, high: int, how: str) -> None:
    """Refuse an empty range; `how` says in what form its ends are compared. Errors: RuntimeError."""
    if not low < high:
        raise RuntimeError(
            f"random_ expects 'from'{how} to be less than 'to'{how}, but got from={low} >= to={high}"
        )


def check_range(low: int, last: int, dtype: str) -> None:
    """Refuse ends that the dtype does not hold, and warn of those between which it has gaps. Errors: RuntimeError."""
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
            raise RuntimeError(f"{name} is out of bounds for {DTYPES[dtype].cpp_name}")
    for name, value in (("from", low), ("to - 1", last)):
        if digits is not None and not -(2**digits) <= value <= 2**digits:
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
                f"{DTYPES[dtype].cpp_name} can support discrete uniform distribution only within this range. "
                "This warning will become an error in version 1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=3,
            )


def from_on(low: int, dtype: str) -> tuple[int, int]:
    """The ends of `random_(from, None)`: from a number to the largest that the dtype counts to. Errors: RuntimeError."""
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
    """A whole number as a dtype holds it; as C casts infinity where it is out of its range."""
    held = float(cast(np.array([value]), dtype)[0])
    return int(held) if math.isfinite(held) else -(2**63)


def rounded_up(low: int, dtype: str) -> int:
    """The lowest number from `low` on that the dtype holds, as PyTorch finds it."""
    held = _as_held(low + 1, dtype)
    return held + _gap(low + 1, dtype) if held < low else low


def rounded_down(high: int, dtype: str) -> int:
    """The highest end up to `high` that the dtype holds, as PyTorch finds it."""
    held = _as_held(high - 1, dtype)
    return held - _gap(high - 1, dtype) if held >= high else high


def _gap(value: int, dtype: str) -> int:
    """How far apart neighbours are in a floating dtype, around a whole number."""
    return 1 << max(abs(value).bit_length() - DIGITS[dtype], 0)
