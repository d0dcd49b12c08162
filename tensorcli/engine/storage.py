"""Storage: one buffer, where it lies and who shares it. Version: one counter and who shares it.

Tensors share a Storage when they share memory and a Version when they share a counter; the two are independent
(`x.data` shares the first only). Only Storage replaces its buffer, and raises `generation` when it does, so that cached
arrays over it know. The CPU's buffers are numpy's; other devices ask their backend. This module knows no tensors.
"""

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.engine import addresses, messages
from tensorcli.engine.devices import CPU, META, Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.geometry import Geometry

if TYPE_CHECKING:
    from tensorcli.engine.backends import Backend


class Version:
    """A counter of in-place writes, shared by a tensor, its views and its detached twins."""

    __slots__ = ("count",)

    def __init__(self, count: int = 0) -> None:
        self.count = count


class MetaBuffer:
    """The buffer of a storage on the meta device: a size and nothing in it."""

    __slots__ = ("nbytes",)

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


class Ledger:
    """How many bytes the storages of each CUDA device take, in the blocks of PyTorch's allocator, and the most so far."""

    __slots__ = ("_held", "allocated", "peak")

    BLOCK = 512

    def __init__(self) -> None:
        self.allocated: dict[Device, int] = {}
        self.peak: dict[Device, int] = {}
        self._held: dict[int, tuple[Any, Device, int]] = {}

    def hold(self, storage: "Storage") -> None:
        """Count a storage (again, after it was resized) until it is freed."""
        key = id(storage)
        self._release(key)
        device, size = storage.device, -(-storage.nbytes // self.BLOCK) * self.BLOCK
        self._held[key] = (weakref.ref(storage, lambda gone: self._release(key)), device, size)
        now = self.allocated[device] = self.allocated.get(device, 0) + size
        self.peak[device] = max(now, self.peak.get(device, 0))

    def _release(self, key: int) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            self.allocated[found[1]] -= found[2]


ledger = Ledger()


class Storage:
    """One buffer. `data` is any C-contiguous array whose bytes are the storage's bytes (or a MetaBuffer).

    `foreign` says that the memory belongs to somebody else (numpy, DLPack) or that somebody else was shown it: such a
    storage never moves.
    """

    __slots__ = ("__weakref__", "_address", "data", "device", "foreign", "generation")

    def __init__(self, data: Any, device: Device = CPU, foreign: bool = False) -> None:
        self.data = data
        self.device = device
        self.foreign = foreign
        self.generation = 0
        self._address = 0
        if device is not CPU and device.type == "cuda" and not foreign:
            ledger.hold(self)

    pinned = False
    """Whether the memory is page-locked: a promise to an accelerator, without a meaning of its own."""

    @property
    def nbytes(self) -> int:
        return int(self.data.nbytes)

    @property
    def address(self) -> int:
        """The virtual address of the first byte; 0 while there are no bytes."""
        if not self._address and self.data.nbytes:
            self._address = addresses.memory.take(self.data.nbytes)
        return self._address

    @address.setter
    def address(self, value: int) -> None:
        self._address = value

    def window(self, geometry: Geometry, kind: dtype) -> Any:
        """The array over these bytes with this geometry (in elements of `kind`). Errors: RuntimeError where the storage
        has become too small for it (PyTorch reads on beyond its end)."""
        element = kind.np
        size = element.itemsize
        if self.generation or self.foreign:
            check_bounds(geometry, size, self.nbytes)
        strides = tuple([s * size for s in geometry.strides])
        if self.device is not CPU:
            if not geometry.numel:
                return backend(self.device).xp.empty(geometry.sizes, element)
            return backend(self.device).window(
                self.data, geometry.sizes, strides, geometry.offset * size, element
            )
        try:
            if not geometry.numel:
                return np.ndarray(geometry.sizes, element, np.empty(0, np.uint8), 0, strides)
            return np.ndarray(geometry.sizes, element, self.data, geometry.offset * size, strides)
        except ValueError:
            if len(strides) > 64:
                raise RuntimeError(messages.TOO_MANY_DIMENSIONS) from None
            raise

    def resize(self, nbytes: int) -> None:
        """Grow or shrink to `nbytes`, keeping the bytes that fit. Errors: RuntimeError when the memory is not ours."""
        if self.foreign:
            raise RuntimeError("Trying to resize storage that is not resizable")
        if type(self.data) is MetaBuffer:
            self.data = MetaBuffer(nbytes)
        else:
            data = _buffer(nbytes, self.device)
            kept = min(nbytes, self.data.nbytes)
            data[:kept] = self.bytes[:kept]
            self.data = data
        self._address = 0
        self.generation += 1
        if self.device.type == "cuda":
            ledger.hold(self)

    @property
    def bytes(self) -> Any:
        """All bytes, as a one-dimensional uint8 array over the buffer (of the device's array module)."""
        if self.device is not CPU:
            return backend(self.device).bytes_of(self.data)
        return np.ndarray((self.data.nbytes,), np.uint8, self.data)


class PinnedStorage(Storage):
    """A storage of the CPU whose memory is page-locked."""

    __slots__ = ()

    pinned = True


def allocate(nbytes: int, device: Device = CPU) -> Storage:
    """A new zeroed storage (memory that PyTorch leaves uninitialised is zero here)."""
    return Storage(_buffer(nbytes, device), device)


def _buffer(nbytes: int, device: Device) -> Any:
    if device is CPU:
        return np.zeros(nbytes, np.uint8)
    return MetaBuffer(nbytes) if device is META else backend(device).allocate(nbytes, device)


def applied(function: np.ufunc, array: Any) -> Any:
    """function(array), laid out as the array."""
    return function(array) if _is_plain(array) else function(array, out=_vacant_like(array, array.dtype))


def converted(array: Any, kind: np.dtype[Any]) -> Any:
    """A copy of an array in another dtype, laid out as the array."""
    if _is_plain(array):
        return array.astype(kind)
    made = _vacant_like(array, kind)
    np.copyto(made, array, casting="unsafe")
    return made


def _is_plain(array: Any) -> bool:
    """Whether what numpy makes of an array is an array (not a scalar) and laid out as this one is."""
    if type(array) is not np.ndarray:
        return True
    return array.ndim > 0 and ((array.flags.forc and 1 not in array.shape) or not array.size)


def _vacant_like(array: Any, kind: np.dtype[Any]) -> Any:
    """An array to fill, laid out as another: elements that share memory there share it here, and gaps are kept.

    numpy's own copies and conversions lay an array out anew where its elements overlap or do not fill their memory.
    """
    size = array.itemsize
    span = 1 + sum((n - 1) * (step // size) for n, step in zip(array.shape, array.strides, strict=True))
    strides = tuple(step // size * kind.itemsize for step in array.strides)
    return np.ndarray(array.shape, kind, np.empty(span, kind), 0, strides)


def backend(device: Device) -> "Backend":
    """The backend of a device that is not the CPU."""
    from tensorcli.engine.backends import of

    return of(device)


def _bytes_needed(shape: Geometry, itemsize: int, given: tuple[int, ...] | None) -> int:
    """Of how many bytes a storage must be for a geometry; `given` are the strides to tell of. Errors: RuntimeError for more than
    63 bits count, and for what reaches back before its first element.
    """
    sizes, strides = shape.sizes, shape.strides
    if 0 in sizes:
        return 0
    needed = (shape.offset + shape.span) * itemsize
    if needed >= 1 << 63 or any((size - 1) * step < 0 for size, step in zip(sizes, strides, strict=True)):
        raise messages.storage_overflow(sizes, given)
    if shape.numel < 0:
        raise messages.count_overflow()
    return needed


def check_bounds(shape: Geometry, itemsize: int, nbytes: int, given: tuple[int, ...] | None = None) -> None:
    """Refuse a geometry that reaches beyond its storage; `given` are the strides to tell of, where they were worked out.

    Errors: RuntimeError with PyTorch's text.
    """
    if shape.offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {shape.offset}")
    needed = _bytes_needed(shape, itemsize, shape.strides)
    if needed > nbytes:
        raise RuntimeError(
            f"setStorage: sizes {messages.numbers(shape.sizes)}, strides "
            f"{messages.numbers(shape.strides if given is None else given)}, storage "
            f"offset {shape.offset}, and itemsize {itemsize} requiring a storage size of {needed} are out of bounds for "
            f"storage of size {nbytes}"
        )
    if shape.numel >= 1 << 63:
        raise messages.count_overflow()


def missing(shape: Geometry, itemsize: int, storage: Storage, given: tuple[int, ...]) -> int:
    """How many bytes a storage must have for a geometry; 0 where it has them. `given` are the strides, unless they were worked
    out. Errors: RuntimeError with PyTorch's texts.
    """
    if any(n < 0 for n in shape.sizes) or shape.numel >= 1 << 63:
        raise messages.count_overflow()
    needed = _bytes_needed(shape, itemsize, given or None)
    return needed if needed > storage.nbytes else 0
