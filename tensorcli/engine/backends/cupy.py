"""CUDA by CuPy: its array module, its memory, and errors that say what it lacks.

CuPy is imported only by `find`, when a script first asks for a CUDA device. Kernels are the CPU's, given CuPy as their
array module; scipy's special functions reach cupyx.scipy by CuPy's own dispatch, and whatever is not there, or would
need the host, is an error that names the operator and the device: nothing moves to the CPU in silence.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from tensorcli.engine.backends import Backend, Description, Memory
from tensorcli.engine.devices import Device, drawing_on


def find() -> "CupyBackend | None":
    """The backend where CuPy can be imported and sees a card, else None."""
    if find_spec("cupy") is None:
        return None
    try:
        import cupy

        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception:
        # Without a driver CuPy fails in several ways, by version; each means that there is no device.
        return None
    return CupyBackend(cupy, count) if count else None


class CupyBackend(Backend):
    """CuPy's arrays. `module` is CuPy, or what stands in for it in tests."""

    name = "cupy"

    def __init__(self, module: Any, count: int) -> None:
        self.module = module
        self.count = count

    @property
    def xp(self) -> Any:
        return self.module

    def allocate(self, nbytes: int, device: Device) -> Any:
        with self.module.cuda.Device(device.index):
            return self.module.zeros(nbytes, np.uint8)

    def window(
        self, buffer: Any, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int, element: Any
    ) -> Any:
        return self.module.ndarray(sizes, element, memptr=buffer.data + offset, strides=strides)

    def bytes_of(self, data: Any) -> Any:
        return data.ravel().view(np.uint8)

    def from_host(self, array: Any, device: Device) -> Any:
        self._check(array, device)
        with self.module.cuda.Device(device.index):
            return self.module.asarray(array)

    def to_host(self, array: Any) -> Any:
        return self.module.asnumpy(array)

    def settled(self, answer: Any, device: Device) -> Any:
        if isinstance(answer, self.module.ndarray):
            return answer
        # A random operator's numbers, or a kernel's Python number: made on the host, they belong on the device.
        return self.from_host(np.asarray(answer), device)

    def run(self, name: str, kernel: Callable[..., Any], arguments: list[Any], device: Device) -> Any:
        """Run a kernel. Errors: NotImplementedError that names operator and device for what CuPy lacks."""
        moved = [self._moved(one, device) for one in arguments]
        try:
            with self.module.cuda.Device(device.index), drawing_on(device):
                return kernel(self.module, *moved)
        except (AttributeError, TypeError, NotImplementedError, ValueError) as error:
            if not self._is_lacking(error):
                raise
            raise NotImplementedError(f"{name} is not available on {device} with CuPy: {error}") from error

    def _moved(self, value: Any, device: Device) -> Any:
        """Host arrays among the arguments (numbers, zero-dimensional CPU tensors) as arrays of the device."""
        if isinstance(value, np.ndarray):
            return self.from_host(value, device)
        if type(value) is list:
            return [self._moved(one, device) for one in value]
        return value

    def _check(self, array: Any, device: Device) -> None:
        if array.dtype.kind not in "biufc":
            raise NotImplementedError(f"{array.dtype.name} is not available on {device} with CuPy")

    def _is_lacking(self, error: BaseException) -> bool:
        """Whether an error is CuPy's own, about itself: a missing function, a host array, a dtype it has not."""
        if isinstance(error, NotImplementedError):
            return "not implemented for" not in str(error)
        text = str(error)
        return any(sign in text for sign in _SIGNS)

    def synchronize(self, device: Device) -> None:
        self.module.cuda.Device(device.index).synchronize()

    def memory(self, device: Device) -> Memory | None:
        with self.module.cuda.Device(device.index):
            return Memory(*self.module.cuda.runtime.memGetInfo())

    def empty_cache(self) -> None:
        self.module.get_default_memory_pool().free_all_blocks()

    def capability(self, device: Device) -> tuple[int, int]:
        major_minor = str(self.module.cuda.Device(device.index).compute_capability)
        return int(major_minor[:-1]), int(major_minor[-1])

    def reaches(self, device: Device, peer: Device) -> bool:
        return device is not peer and bool(
            self.module.cuda.runtime.deviceCanAccessPeer(device.index, peer.index)
        )

    def describe(self, device: Device) -> Description:
        found = self.module.cuda.runtime.getDeviceProperties(device.index)["name"]
        return Description(
            "cupy", self.module.__version__, found.decode() if isinstance(found, bytes) else found
        )


_SIGNS = (
    "module 'cupy",
    "module 'numpy'",
    "Unsupported type <class 'numpy",
    "Unsupported type <class 'cupy",
    "Implicit conversion to a NumPy array is not allowed",
    "Unsupported dtype",
    "Wrong type for",
    "no implementation found for",
    "'ndarray' object has no attribute",
    "Axes option is not supported",
    "is not supported",
    "operand type(s) all returned NotImplemented",
)
"""What CuPy's messages about its own limits contain."""
