"""A stand-in for CuPy: arrays that behave as CuPy's towards numpy, over numpy.

They are no ndarrays, refuse to become one unasked, refuse to meet one that is (numbers and numpy's scalars are fine), and
know numpy's ufuncs and functions by the protocols that CuPy implements. Functions give arrays also of no dimensions, as
CuPy's do. What computes is numpy, so that results can be compared bit for bit.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Pointer:
    """An address: a buffer and an offset in bytes."""

    def __init__(self, buffer: Any, offset: int = 0) -> None:
        self.buffer = buffer
        self.offset = offset

    def __add__(self, count: int) -> Pointer:
        return Pointer(self.buffer, self.offset + count)


class ndarray(NDArrayOperatorsMixin):
    """An array of the device."""

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: Pointer | None = None, strides: Any = None
    ) -> None:
        if memptr is None:
            self.own = np.zeros(shape, dtype)
        else:
            self.own = np.ndarray(shape, dtype, memptr.buffer, memptr.offset, strides)

    @property
    def data(self) -> Pointer:
        return Pointer(self.own)

    @property
    def base(self) -> Any:
        return None if self.own.base is None else wrap(self.own.base)

    @property
    def T(self) -> Any:
        return wrap(self.own.T)

    @property
    def real(self) -> Any:
        return wrap(self.own.real)

    @real.setter
    def real(self, value: Any) -> None:
        self.own.real = unwrap(value)

    @property
    def imag(self) -> Any:
        return wrap(self.own.imag)

    @imag.setter
    def imag(self, value: Any) -> None:
        self.own.imag = unwrap(value)

    __hash__ = object.__hash__

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return wrap(getattr(function, method)(*unwrap(inputs), **unwrap(options)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return wrap(function(*unwrap(args), **unwrap(kwargs)))

    def __getitem__(self, index: Any) -> Any:
        return wrap(self.own[unwrap(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.own[unwrap(index)] = unwrap(value)

    def __len__(self) -> int:
        return len(self.own)

    def __iter__(self) -> Any:
        return (wrap(each) for each in self.own)

    def __bool__(self) -> bool:
        return bool(self.own)

    def __int__(self) -> int:
        return int(self.own)

    def __float__(self) -> float:
        return float(self.own)

    def __index__(self) -> int:
        return self.own.__index__()

    def item(self, *args: Any) -> Any:
        return self.own.item(*args)

    def tolist(self) -> Any:
        return self.own.tolist()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "own":
            raise AttributeError(f"'ndarray' object has no attribute '{name}'")
        found = getattr(self.own, name)
        return called(found) if callable(found) else found


def wrap(value: Any) -> Any:
    """numpy's answer as the device's: arrays and scalars become its arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        made = ndarray.__new__(ndarray)
        made.own = np.asarray(value)
        return made
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(wrap(each) for each in value))
    return type(value)(wrap(each) for each in value) if isinstance(value, (list, tuple)) else value


def unwrap(value: Any) -> Any:
    """The device's arrays as numpy's. Errors: TypeError for an array of the host."""
    if isinstance(value, ndarray):
        return value.own
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)):
        return type(value)(unwrap(each) for each in value)
    return {key: unwrap(each) for key, each in value.items()} if isinstance(value, dict) else value


def called(function: Any) -> Any:
    """A function of numpy's over the device's arrays."""
    return lambda *args, **options: wrap(function(*unwrap(args), **unwrap(options)))


class Module:
    """What `import cupy` gives."""

    __name__ = "cupy"
    __version__ = "0"
    ndarray = ndarray

    def __init__(self) -> None:
        self.runtime = SimpleNamespace(
            memGetInfo=lambda: (1 << 30, 2 << 30), getDeviceProperties=lambda index: {"name": b"A card"}
        )
        self.cuda = SimpleNamespace(Device=Current, runtime=self.runtime)

    def asarray(self, value: Any, dtype: Any = None) -> Any:
        return wrap(np.array(value.own if isinstance(value, ndarray) else value, dtype))

    array = asarray

    def asnumpy(self, value: Any) -> Any:
        return value.own.copy() if isinstance(value, ndarray) else np.asarray(value)

    def get_default_memory_pool(self) -> Any:
        return SimpleNamespace(free_all_blocks=lambda: None)

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name, None)
        if found is None:
            raise AttributeError(f"module 'cupy' has no attribute '{name}'")
        if isinstance(found, type) or not callable(found):
            return found if not isinstance(found, type(np)) else Part(found)
        return Ufunc(found) if isinstance(found, np.ufunc) else called(found)


class Ufunc:
    """A ufunc of CuPy's, with its methods."""

    def __init__(self, function: np.ufunc) -> None:
        self.function = function
        for name in ("at", "reduce", "accumulate", "outer"):
            setattr(self, name, called(getattr(function, name)))

    def __call__(self, *args: Any, **options: Any) -> Any:
        return wrap(self.function(*unwrap(args), **unwrap(options)))


class Part:
    """A module below CuPy's."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        if isinstance(found, type(np)):
            return Part(found)
        return called(found) if callable(found) and not isinstance(found, type) else found


class Current(AbstractContextManager[None]):
    """`cupy.cuda.Device`."""

    compute_capability = "90"

    def __init__(self, index: int) -> None:
        self.context = nullcontext()

    def __enter__(self) -> None:
        self.context.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.context.__exit__(*error)

    def synchronize(self) -> None:
        pass
