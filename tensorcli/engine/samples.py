"""`torch.testing.make_tensor`: tensors of random numbers."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.callers import functions
from tensorcli.engine.queries import finfo, iinfo
from tensorcli.engine.tensor import Tensor


def make_tensor(
    *shape: Any,
    dtype: dtypes.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of these sizes, of numbers drawn evenly from [low, high): [-9, 10) of integers, [-9, 9) of other numbers.

    `noncontiguous` takes every second element of a larger one; `exclude_zero` puts the smallest positive number (1 of
    integers) where a zero was drawn. Errors: ValueError for bounds that leave nothing and for options that exclude each
    other, TypeError for a dtype that has no numbers to draw.
    """
    sizes = tuple(shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape)
    whole = dtype.category < dtypes.FLOATING
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got {noncontiguous=} and "
            f"{memory_format=}"
        )
    if requires_grad and whole:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}"
        )
    apart = noncontiguous and math.prod(sizes) > 1
    drawn = (*sizes[:-1], 2 * sizes[-1]) if apart else sizes
    result: Any = _whole(drawn, dtype, device, low, high) if whole else _real(drawn, dtype, device, low, high)
    if apart:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = 1 if whole else finfo(dtype).tiny
    if not whole and dtype.itemsize > 1:
        result.requires_grad = requires_grad
    return result  # type: ignore[no-any-return]


def _whole(sizes: Any, kind: dtypes.dtype, device: Any, low: Any, high: Any) -> Any:
    if kind is dtypes.bool_:
        low, high = _bounds(low, high, kind, (0, 2), (0, 2))
    else:
        limits = iinfo(kind)
        # randint takes its bounds as int64, so that the greatest number of that dtype is never drawn.
        above = limits.max + (kind is not dtypes.int64)
        low, high = _bounds(low, high, kind, (limits.min, above), (-9, 10))
    return functions.randint(math.ceil(low), math.ceil(high), sizes, device=device, dtype=kind)


def _real(sizes: Any, kind: dtypes.dtype, device: Any, low: Any, high: Any) -> Any:
    limits = finfo(kind)
    low, high = _bounds(low, high, kind, (limits.min, limits.max), (-9, 9))
    if kind.itemsize == 1:
        return _drawn(functions.empty(sizes, device=device, dtype=dtypes.float32), low, high).to(kind)
    result = functions.empty(sizes, device=device, dtype=kind)
    _drawn(functions.view_as_real(result) if kind.is_complex else result, low, high)
    return result


def _drawn(tensor: Any, low: float, high: float) -> Any:
    """Draw evenly, in half the range where uniform_ refuses the whole one."""
    if high - low >= finfo(tensor.dtype).max:
        return tensor.uniform_(low / 2, high / 2).mul_(2)
    return tensor.uniform_(low, high)


def _bounds(
    low: Any, high: Any, kind: dtypes.dtype, limits: tuple[float, float], usual: tuple[float, float]
) -> tuple[float, float]:
    """The bounds to draw from, within the dtype's. Errors: ValueError."""
    low, high = usual[0] if low is None else low, usual[1] if high is None else high
    if any(isinstance(value, float) and math.isnan(value) for value in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and kind.category >= dtypes.FLOATING and kind.itemsize > 1:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since 2.1 and "
            "will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=5,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < limits[0] or low >= limits[1]:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {kind} only supports [{limits[0]}, "
            f"{limits[1]})"
        )
    return min(max(low, limits[0]), limits[1]), min(max(high, limits[0]), limits[1])
