"""Backends: what differs between the devices, behind one contract, and which backend each type of device has.

A kernel is written once, over an array module that it is given. `Backend` holds the few things that the devices do not share:
the array module, arrays over bytes, allocation, transfers, waiting, memory. The CPU's own path in `effects` and `storage` is
numpy's directly, without a look-up here; this module is imported when another device is used. It knows devices and arrays,
but no tensors and no operators.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from tensorcli.engine.devices import Device, OutOfMemoryError, visible


class Memory(NamedTuple):
    """Bytes of a device that are free, and all it has."""

    free: int
    total: int


def out_of_memory(nbytes: int, device: Device, memory: Memory, allocated: int) -> OutOfMemoryError:
    """What PyTorch says where a device has no room for `nbytes` (c10/cuda/CUDACachingAllocator.cpp)."""
    return OutOfMemoryError(
        f"CUDA out of memory. Tried to allocate {_size(nbytes)}. GPU {device.index} has a total capacity of "
        f"{_size(memory.total)} of which {_size(memory.free)} is free. Of the allocated memory {_size(allocated)} is allocated "
        "by PyTorch, and 0 bytes is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try "
        "setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory "
        "Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
    )


def _size(nbytes: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} bytes"


class Description(NamedTuple):
    """What stands behind a device: the library, its version, the card's name."""

    library: str
    version: str
    card: str


def free_memory() -> Memory | None:
    """Free and total bytes of the machine's memory; None where the system does not say."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return Memory(os.sysconf("SC_AVPHYS_PAGES") * page, os.sysconf("SC_PHYS_PAGES") * page)
    except (AttributeError, OSError, ValueError):
        return None


class Backend:
    """The contract. This class is the backend of the CPU: numpy's arrays.

    `window` and `allocate` deal in buffers: one-dimensional uint8 arrays of the backend (of its array module).
    """

    name = "numpy"
    simulated = False
    has_elements = True
    """Whether there is anything to look at in its arrays."""

    @property
    def xp(self) -> Any:
        """The array module that kernels compute with."""
        return np

    def allocate(self, nbytes: int, device: Device) -> Any:
        """A zeroed buffer."""
        return np.zeros(nbytes, np.uint8)

    def window(
        self, buffer: Any, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int, element: Any
    ) -> Any:
        """An array of `element` over a buffer; strides and offset count bytes."""
        return np.ndarray(sizes, element, buffer, offset, strides)

    def bytes_of(self, data: Any) -> Any:
        """All bytes of a C-contiguous array, as a buffer over the same memory."""
        return np.ndarray((data.nbytes,), np.uint8, data)

    def from_host(self, array: Any, device: Device) -> Any:
        """A numpy array as an array on the device: the same memory where the device's memory is the host's."""
        return array

    def to_host(self, array: Any) -> Any:
        """An array of the device as a numpy array: the same memory where the device's memory is the host's."""
        return array

    def settled(self, answer: Any, device: Device) -> Any:
        """A kernel's answer (an array, or the scalar that numpy makes of no dimensions) as an array."""
        return answer if type(answer) is np.ndarray else np.asarray(answer)

    def run(self, name: str, kernel: Callable[..., Any], arguments: list[Any], device: Device) -> Any:
        """Run the kernel of the operator `name` on the device."""
        return kernel(self.xp, *arguments)

    # ---- what numpy and its peers do in ways of their own: a kernel asks `behind(xp)` for it

    @property
    def special(self) -> Any:
        """The special functions, by scipy's names."""
        import scipy.special

        return scipy.special

    def combine(self, name: str, array: Any, key: Any, values: Any) -> None:
        """Combine values into the places that a key names, one after the other where it names a place again.

        `name` is that of a function of two arguments that groups as it likes (`add`, `multiply`, `maximum`).
        """
        getattr(np, name).at(array, key, values)

    def running(self, name: str, array: Any, axis: int) -> Any:
        """The results so far along an axis of such a function, in the array's dtype."""
        return getattr(np, name).accumulate(array, axis=axis, dtype=array.dtype)

    def lapack(self, name: str, array: Any) -> Any:
        """LAPACK's function of this name for the array's dtype, as scipy wraps it. Errors: NotImplementedError without it."""
        from scipy.linalg.lapack import get_lapack_funcs

        return get_lapack_funcs((name,), (array,))[0]

    def lu(self, matrix: Any) -> tuple[Any, Any]:
        """Both triangular factors of one matrix in one, and the rows exchanged, counted from 1."""
        found, pivots, _ = self.lapack("getrf", matrix)(matrix)
        return found, pivots + 1

    def lu_solve(self, factors: Any, pivots: Any, sides: Any, transposed: bool) -> Any:
        """The solutions of a system, or of the transposed one, by what `lu` gave for its matrix. Zero pivots divide."""
        found, _ = self.lapack("getrs", factors)(factors, pivots - 1, sides, trans=int(transposed))
        return found

    def row_order(self, pivots: Any, count: int) -> Any:
        """The order of `count` rows after the exchanges that pivots name, counted from 1, for each matrix of a batch."""
        rows = np.broadcast_to(np.arange(count), (*pivots.shape[:-1], count)).copy()
        for at in np.ndindex(*pivots.shape[:-1]):
            order = rows[at]
            for i, other in enumerate(pivots[at].tolist()):
                order[i], order[other - 1] = order[other - 1], order[i]
        return rows

    # ---- the device itself

    def synchronize(self, device: Device) -> None:
        """Wait until the device has done what it was given."""

    def memory(self, device: Device) -> Memory | None:
        """Free and total bytes, where that is known."""
        return free_memory()

    def empty_cache(self) -> None:
        """Give memory back that is kept for later."""

    def capability(self, device: Device) -> tuple[int, int]:
        """CUDA's compute capability; (0, 0) where there is none."""
        return (0, 0)

    def reaches(self, device: Device, peer: Device) -> bool:
        """Whether a device can read another's memory."""
        return device is not peer

    def describe(self, device: Device) -> Description:
        """What stands behind the device."""
        return Description("numpy", np.__version__, "")


HOST = Backend()
_REGISTERED: dict[str, Backend] = {"cpu": HOST}


def of(device: Device) -> Backend:
    """The backend of a device that was resolved."""
    found = _REGISTERED.get(device.type)
    if found is None:
        # meta is the only one that is always there; cuda is registered when it is found.
        found = _REGISTERED["meta"] = import_module("tensorcli.engine.backends.meta").MetaBackend()
    return found


def behind(xp: Any) -> Backend:
    """The backend whose array module this is."""
    if xp is np:
        return HOST
    return next(backend for backend in _REGISTERED.values() if backend.xp is xp)


def transfer(array: Any, source: Device, target: Device) -> Any:
    """The values of an array of one device on another. May share memory where both are the host's."""
    if source is target:
        return array
    return of(target).from_host(of(source).to_host(array), target)


def host(array: Any) -> Any:
    """An array of whichever device as numpy's; numpy's own as it is."""
    return array if isinstance(array, np.ndarray) else _REGISTERED["cuda"].to_host(array)


# ---- which CUDA there is


def simulate(count: int) -> None:
    """Let there be `count` CUDA devices over numpy; 0 takes them away. Tensors of before keep their device."""
    visible.searched = True
    if count:
        _REGISTERED["cuda"] = import_module("tensorcli.engine.backends.simulated").SimulatedBackend()
    else:
        _REGISTERED.pop("cuda", None)
        visible.searched = False
    visible.cuda = tuple(Device("cuda", number) for number in range(count))
    visible.current = 0


def find_cuda() -> None:
    """Use CuPy for CUDA where it can be imported and finds a card; else leave things as they are."""
    found = import_module("tensorcli.engine.backends.cupy").find()
    if found is not None:
        _REGISTERED["cuda"] = found
        visible.cuda = tuple(Device("cuda", number) for number in range(found.count))


def is_simulated() -> bool:
    """Whether the CUDA devices are simulated ones."""
    return "cuda" in _REGISTERED and _REGISTERED["cuda"].simulated


def __getattr__(name: str) -> Any:
    """The flags of PyTorch's libraries, which `torch.backends` has under this name."""
    from tensorcli.engine.backend_flags import backends

    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(backends, name)
