"""Storage: one buffer and who shares it. Version: one counter and who shares it.

Tensors share a Storage when they share memory and a Version when they share a counter; the two are independent
(`x.data` shares the first only). Only Storage replaces its buffer, and raises `generation` when it does, so that cached
arrays over it know. This module knows no tensors.
"""

from typing import Any

import numpy as np

from tensorcli.engine.devices import CPU, Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.geometry import Geometry


class Version:
    """A counter of in-place writes, shared by a tensor, its views and its detached twins."""

    __slots__ = ("count",)

    def __init__(self, count: int = 0) -> None:
        self.count = count


class Addresses:
    """Virtual addresses: a session's storages lie behind one another from here on, so `data_ptr()` is repeatable."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.next = 0x7F0000000040

    def take(self, nbytes: int) -> int:
        """A range of `nbytes`, aligned as PyTorch's allocator aligns, that nobody else has."""
        address = self.next
        self.next += (nbytes + 63) // 64 * 64 + 64
        return address


addresses = Addresses()


class MetaBuffer:
    """The buffer of a storage on the meta device: a size and nothing in it."""

    __slots__ = ("nbytes",)

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


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

    @property
    def nbytes(self) -> int:
        return int(self.data.nbytes)

    @property
    def address(self) -> int:
        """The virtual address of the first byte; 0 while there are no bytes."""
        if not self._address and self.data.nbytes:
            self._address = addresses.take(self.data.nbytes)
        return self._address

    @address.setter
    def address(self, value: int) -> None:
        self._address = value

    def window(self, geometry: Geometry, kind: dtype) -> Any:
        """The array over these bytes with this geometry (in elements of `kind`)."""
        element = kind.np
        if type(self.data) is MetaBuffer:
            return np.broadcast_to(np.zeros((), element), geometry.sizes)
        size = element.itemsize
        if not geometry.numel:
            return np.empty(geometry.sizes, element)
        return np.ndarray(
            geometry.sizes,
            element,
            self.data,
            geometry.offset * size,
            tuple([s * size for s in geometry.strides]),
        )

    def resize(self, nbytes: int) -> None:
        """Grow or shrink to `nbytes`, keeping the bytes that fit. Errors: RuntimeError when the memory is not ours."""
        if self.foreign:
            raise RuntimeError("Trying to resize storage that is not resizable")
        if type(self.data) is MetaBuffer:
            self.data = MetaBuffer(nbytes)
        else:
            data = np.zeros(nbytes, np.uint8)
            kept = min(nbytes, self.data.nbytes)
            data[:kept] = self.bytes[:kept]
            self.data = data
        self._address = 0
        self.generation += 1

    @property
    def bytes(self) -> Any:
        """All bytes, as a one-dimensional uint8 array over the buffer."""
        return np.ndarray((self.data.nbytes,), np.uint8, self.data)


def allocate(nbytes: int, device: Device = CPU) -> Storage:
    """A new zeroed storage (memory that PyTorch leaves uninitialised is zero here)."""
    if device.type == "meta":
        return Storage(MetaBuffer(nbytes), device)
    return Storage(np.zeros(nbytes, np.uint8), device)
