"""CUDA through CuPy: its array module, its memory, and errors that say what it lacks.

CuPy is imported only by `find`, when a script first asks for a CUDA device. Kernels are the CPU's, given CuPy as their array
module, and cupyx.scipy where they ask for scipy. What is not there, or would need the host, is an error that names the
operator and the device: nothing is silently moved to the CPU. A record of CuPy's names and loops, written by
scripts/record_cupy.py, says in tests/engine/strict_arrays.py what is there.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from math import prod
from typing import Any

import numpy as np

from tensorcli.engine.backends import Backend, Description, Memory, out_of_memory, scans
from tensorcli.engine.devices import Device, OutOfMemoryError, drawing_on


def find() -> "CupyBackend | None":
    """The backend where CuPy can be imported and sees a card, else None."""
    if find_spec("cupy") is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import cupy
            import cupyx
        count = int(cupy.cuda.runtime.getDeviceCount())
    except Exception:
        # Without a driver CuPy fails in several ways, by version; each means that there is no device.
        return None
    return CupyBackend(cupy, cupyx, count, part) if count else None


def part(name: str) -> Any:
    """A part of cupyx.scipy: imported when a kernel first asks, as some want libraries of the CUDA toolkit."""
    return import_module(f"cupyx.scipy.{name}")


class LackingError(NotImplementedError):
    """What this backend's library does not have, raised here."""


class CupyBackend(Backend):
    """CuPy's arrays. `module` is CuPy, `extension` CuPyX, and `part` gives a part of cupyx.scipy; or stand-ins."""

    name = "cupy"

    def __init__(self, module: Any, extension: Any, count: int, part: Callable[[str], Any]) -> None:
        self.module = module
        self.extension = extension
        self.part = part
        self.count = count

    @property
    def xp(self) -> Any:
        return self.module

    def allocate(self, nbytes: int, device: Device) -> Any:
        with self._room(device), self.module.cuda.Device(device.index):
            return self.module.zeros(nbytes, np.uint8)

    def window(
        self, buffer: Any, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int, element: Any
    ) -> Any:
        return self.module.ndarray(sizes, element, memptr=buffer.data + offset, strides=strides)

    def bytes_of(self, data: Any) -> Any:
        return data.ravel().view(np.uint8)

    def from_host(self, array: Any, device: Device) -> Any:
        self._check(array, device)
        with self._room(device), self.module.cuda.Device(device.index):
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
            # Otherwise CuPy leaves it unsaid when a matrix is singular or not positive-definite.
            with (
                self._room(device),
                self.module.cuda.Device(device.index),
                self.extension.errstate(linalg="raise"),
                drawing_on(device),
            ):
                return kernel(self.module, *moved)
        except Exception as error:
            if not self._is_lacking(error):
                raise
            words = str(error).strip().partition("\n")[0]
            raise NotImplementedError(f"{name} is not available on {device} with CuPy: {words}") from error

    @property
    def special(self) -> Any:
        return self.part("special")

    def combine(self, name: str, array: Any, key: Any, values: Any) -> None:
        if array.dtype.char in _ATOMIC.get(name, ""):
            getattr(self.module, name).at(array, key, values)
        elif array.size:
            scans.combine(self.module, getattr(self.module, name), array, key, values)

    def running(self, name: str, array: Any, axis: int) -> Any:
        return scans.running(self.module, getattr(self.module, name), array, axis)

    def lapack(self, name: str, array: Any) -> Any:
        raise LackingError(f"CuPy has no {name}")

    def lu(self, matrix: Any) -> tuple[Any, Any]:
        with warnings.catch_warnings():
            # A zero pivot is the kernel's to report.
            warnings.simplefilter("ignore", RuntimeWarning)
            found, pivots = self.part("linalg").lu_factor(matrix, check_finite=False)
        return found, pivots + 1

    def lu_solve(self, factors: Any, pivots: Any, sides: Any, transposed: bool) -> Any:
        solve = self.part("linalg").lu_solve
        return solve((factors, pivots - 1), sides, trans=int(transposed), check_finite=False)

    def row_order(self, pivots: Any, count: int) -> Any:
        xp = self.module
        matrices = prod(pivots.shape[:-1])
        rows = xp.tile(xp.arange(count), (matrices, 1))
        others = pivots.reshape(matrices, pivots.shape[-1]) - 1
        batch = xp.arange(matrices)
        for i in range(others.shape[1]):
            other = others[:, i]
            first, second = rows[:, i].copy(), rows[batch, other]
            rows[:, i], rows[batch, other] = second, first
        return rows.reshape(*pivots.shape[:-1], count)

    def _moved(self, value: Any, device: Device) -> Any:
        """Host arrays among the arguments (numbers, zero-dimensional CPU tensors) as arrays of the device."""
        if isinstance(value, np.ndarray):
            return self.from_host(value, device)
        if type(value) is list:
            return [self._moved(one, device) for one in value]
        return value

    @contextmanager
    def _room(self, device: Device) -> Iterator[None]:
        """CuPy's complaint that the card's memory is used up as PyTorch's."""
        try:
            yield
        except MemoryError as error:
            asked = re.search(r"allocating ([\d,]+) bytes", str(error))
            if asked is None:
                raise  # the host's
            from tensorcli.engine.storage import ledger

            memory = self.memory(device) or Memory(0, 0)
            nbytes = int(asked[1].replace(",", ""))
            raise out_of_memory(nbytes, device, memory, ledger.allocated.get(device, 0)) from error

    def _check(self, array: Any, device: Device) -> None:
        if array.dtype.char not in _DTYPES and array.dtype.name != "bfloat16":
            raise NotImplementedError(f"{array.dtype.name} is not available on {device} with CuPy")

    def _is_lacking(self, error: BaseException) -> bool:
        """Whether an error is about CuPy itself (a missing function, a host array, a dtype that it lacks): one that CuPy
        raised, or that numpy raised on meeting CuPy's arrays. What a kernel raises is the kernel's.
        """
        if isinstance(error, LackingError):
            return True
        if (
            isinstance(error, (MemoryError, OutOfMemoryError, np.linalg.LinAlgError))
            or type(error).__name__ in _FAILURES
        ):
            return False
        if any(sign in str(error) for sign in _SIGNS):
            return True
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        home: str = self.module.ndarray.__module__
        return trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(home)

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


_ATOMIC = {"add": "iIlLqQefd", "maximum": "iIlLqQfd", "minimum": "iIlLqQfd"}
"""The dtypes that CuPy's `ufunc.at` takes, by one-letter code; it raises TypeError for others."""
_DTYPES = "?bBhHiIlLqQefdFD"
_FAILURES = ("CUDARuntimeError", "CUDADriverError")
"""CuPy's errors about the card, which are no matter of what CuPy has."""
_SIGNS = (
    "module 'cupy",
    "no implementation found for 'numpy",
    "operand type(s) all returned NotImplemented from __array_ufunc__",
    "'ndarray' object has no attribute",
)
"""What Python and numpy say, outside of CuPy, about what CuPy lacks."""
