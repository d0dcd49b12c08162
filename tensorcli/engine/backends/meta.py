"""Meta: shapes and dtypes without elements. Kernels run over hollow arrays, so that a tensor of any size costs nothing."""

from collections.abc import Callable
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from tensorcli.engine.backends import Backend, Description, Memory
from tensorcli.engine.backends.hollow import Hollow, hollow
from tensorcli.engine.devices import Device


def _strided(array: Any, shape: Any = None, strides: Any = None) -> Any:
    """`as_strided`, which asks no array for its opinion."""
    if isinstance(array, Hollow):
        return hollow(shape, array.dtype)
    return np.lib.stride_tricks.as_strided(array, shape, strides)


def _windows(array: Any, window_shape: Any, axis: Any = None, **options: Any) -> Any:
    """`sliding_window_view`, which asks no array either."""
    if not isinstance(array, Hollow):
        return np.lib.stride_tricks.sliding_window_view(array, window_shape, axis, **options)
    sizes = list(array.shape)
    for at, size in zip(axis, window_shape, strict=True):
        sizes[at] += 1 - size
    return hollow((*sizes, *window_shape), array.dtype)


def _contiguous(array: Any, dtype: Any = None) -> Any:
    """`ascontiguousarray`, which asks no array either."""
    if isinstance(array, Hollow):
        return hollow(array.shape, dtype or array.dtype)
    return np.ascontiguousarray(array, dtype)


class _Module:
    """numpy, whose large new arrays are hollow. Small ones are real: a kernel may put indices into them."""

    LARGE = 1 << 16

    def __init__(self) -> None:
        self.ascontiguousarray = _contiguous
        self.lib = SimpleNamespace(
            stride_tricks=SimpleNamespace(as_strided=_strided, sliding_window_view=_windows)
        )

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        if name in ("zeros", "ones", "empty", "full"):
            found = self._maker(found)
        setattr(self, name, found)
        return found

    def _maker(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def make(shape: Any, *args: Any, **options: Any) -> Any:
            sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
            if prod(sizes) <= self.LARGE:
                return function(shape, *args, **options)
            return hollow(sizes, function((), *args, **options).dtype)

        return make


class MetaBackend(Backend):
    """Hollow arrays."""

    name = "meta"
    has_elements = False

    def __init__(self) -> None:
        self._module = _Module()

    @property
    def xp(self) -> Any:
        return self._module

    def window(
        self, buffer: Any, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int, element: Any
    ) -> Any:
        return hollow(sizes, element, strides=strides)

    def from_host(self, array: Any, device: Device) -> Any:
        return hollow(array.shape, array.dtype)

    def lu_solve(self, factors: Any, pivots: Any, sides: Any, transposed: bool) -> Any:
        return sides  # LAPACK would follow pivots that are not there

    def settled(self, answer: Any, device: Device) -> Any:
        return answer if isinstance(answer, Hollow) else hollow(np.shape(answer), np.asarray(answer).dtype)

    def memory(self, device: Device) -> Memory | None:
        return None

    def describe(self, device: Device) -> Description:
        return Description("numpy", np.__version__, "")
