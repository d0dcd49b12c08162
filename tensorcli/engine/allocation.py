"""Memory for new tensors, and the limit on how large one may be. This module knows no operators."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tensorcli.engine import geometry, messages
from tensorcli.engine.devices import CPU, META, Device, cuda_devices
from tensorcli.engine.dtypes import complex32, dtype
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.storage import PinnedStorage, Storage, allocate, backend
from tensorcli.engine.tensor import Tensor, fresh_tensor, stored_tensor


def empty(
    sizes: tuple[int, ...],
    strides: tuple[int, ...] | None,
    kind: dtype,
    device: Device = CPU,
    elements: int = 0,
) -> Tensor:
    """A new zeroed tensor with these sizes and strides (row-major when None), in memory for at least that many elements."""
    shape = geometry.contiguous(sizes) if strides is None else Geometry(sizes, strides)
    nbytes = max(shape.span, elements) * kind.itemsize
    check_bytes(nbytes, sizes, kind, device)
    if kind is complex32:
        _warn_of_half_complex()
    return stored_tensor(allocate(nbytes, device), shape, kind)


def _warn_of_half_complex() -> None:
    messages.warn("ComplexHalf support is experimental and many operators don't support it yet.", once=True)


class Limit:
    """The largest tensor that may be made, in bytes; None for no limit. A session sets it."""

    __slots__ = ("nbytes",)

    def __init__(self) -> None:
        self.nbytes: int | None = None


limit = Limit()
_ADDRESSABLE: Final = 1 << 47
"""The bytes that a process on today's processors can address: no allocation of as many succeeds."""


def check_bytes(nbytes: int, sizes: Sequence[int], kind: dtype, device: Device = CPU) -> None:
    """Refuse a tensor beyond the session's limit before it is made (on meta none is made), or beyond any memory.

    Errors: MemoryError; RuntimeError for more bytes than a process can address, or than 63 bits can count.
    """
    if nbytes >= 1 << 63:
        raise messages.storage_overflow(sizes)
    if limit.nbytes is not None and nbytes > limit.nbytes and device is not META:
        raise MemoryError(
            f"a {kind.name} tensor of shape {list(sizes)} needs {nbytes:,} bytes; the limit is {limit.nbytes:,} "
            "(--max-bytes)"
        )
    if nbytes >= _ADDRESSABLE and device is CPU:
        raise messages.out_of_memory(nbytes)


def adopt(
    array: Any,
    kind: dtype,
    device: Device = CPU,
    strides: tuple[int, ...] | None = None,
    elements: int = 0,
) -> Tensor:
    """A fresh tensor of a kernel's array, with the strides wanted (row-major when None), in memory for that many elements."""
    if device is not CPU:
        return _adopt_on(device, array, kind, strides, elements)
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    if array.dtype != kind.np:
        array = array.astype(kind.np)
    sizes = array.shape
    if elements <= array.size and (
        strides is None or strides == (shape := geometry.contiguous(sizes)).strides
    ):
        shape = geometry.contiguous(sizes)
        if not array.flags.c_contiguous or array.base is not None:
            array = array.copy("C")
        if kind is complex32:
            _warn_of_half_complex()
        return fresh_tensor(array, shape, kind)
    made = empty(sizes, strides, kind, device, elements)
    made.array[...] = array
    return made


def _adopt_on(
    device: Device, array: Any, kind: dtype, strides: tuple[int, ...] | None, elements: int
) -> Tensor:
    """`adopt` on another device, for an array of that device or (from Python's data) of the host."""
    if device is META:
        return empty(np.shape(array), strides, kind, META, elements)
    array = backend(device).settled(array, device)
    if array.dtype != kind.np:
        array = array.astype(kind.np)
    shape = geometry.contiguous(array.shape)
    if elements > array.size or (strides is not None and strides != shape.strides):
        made = empty(array.shape, strides, kind, device, elements)
        made.array[...] = array
        return made
    if not array.flags.c_contiguous or array.base is not None:
        array = array.copy("C")
    return stored_tensor(Storage(array, device), shape, kind)


def check_pinned(pin_memory: bool | None, device: Device = CPU) -> None:
    """Refuse pinned memory without an accelerator, or elsewhere than on the CPU. Errors: RuntimeError."""
    if not pin_memory:
        return
    if not cuda_devices():
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on "
            "this system."
        )
    if device is not CPU:
        raise RuntimeError("Only dense CPU tensors can be pinned")


def pinned(tensor: Tensor) -> Tensor:
    """Call the memory of a tensor that was just made page-locked."""
    tensor._storage = PinnedStorage(tensor.memory.data)
    return tensor
