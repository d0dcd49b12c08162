"""`torch.accelerator`: the accelerator of this machine, whatever kind it is. The one that the engine knows is CUDA.

Queries that have an answer without an accelerator are answered; all others raise RuntimeError where there is none.
"""

from typing import Any

from tensorcli.engine import cuda, messages
from tensorcli.engine.devices import Device as _Device
from tensorcli.engine.devices import cuda_devices, visible

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "synchronize",
]


def current_accelerator(check_available: bool = False) -> _Device | None:
    """The accelerator, as a device without a number; None where there is none."""
    return _Device("cuda") if cuda_devices() else None


def is_available() -> bool:
    """Whether there is an accelerator to compute on."""
    return cuda.is_available()


def device_count() -> int:
    """How many devices of the accelerator there are."""
    return cuda.device_count()


def _present() -> None:
    if not cuda_devices():
        raise RuntimeError("Cannot access accelerator device when none is available.")


def _index(given: Any, optional: bool = True) -> int:
    """The number of a device. Errors: RuntimeError without an accelerator, ValueError for a device of another kind, or without
    a number where one is needed.
    """
    if isinstance(given, int):
        return given
    device = _Device(given) if isinstance(given, str) else given
    index = None
    if isinstance(device, _Device):
        accelerator = current_accelerator()
        if accelerator is None:
            raise RuntimeError("Accelerator expected")
        if device.type != accelerator.type:
            raise ValueError(f"{device.type} doesn't match the current accelerator {accelerator}.")
        index = device.index
    if index is not None:
        return index
    if not optional:
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")
    return current_device_index()


def _there(device: Any) -> int:
    """The number of a device that is asked to do something."""
    index = _index(device)
    _present()
    return index


# ---- the current device


def current_device_index() -> int:
    """The number of the current device."""
    _present()
    return visible.current


def current_device_idx() -> int:
    """`current_device_index`, by its old name."""
    messages.warn("Use `current_device_index` instead.", category=FutureWarning)
    return current_device_index()


def set_device_index(device: Any, /) -> None:
    """Make a device the current one; a negative number changes nothing."""
    index = _index(device, optional=False)
    if index >= 0:
        _present()
        cuda.set_device(index)


def set_device_idx(device: Any, /) -> None:
    """`set_device_index`, by its old name."""
    messages.warn("Use `set_device_index` instead.", category=FutureWarning)
    set_device_index(device)


class device_index:  # noqa: N801 (PyTorch's name)
    """A context in which the device of a number is the current one; None changes nothing."""

    __module__ = "torch.accelerator"

    def __init__(self, device: int | None, /) -> None:
        self.idx = device
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx is not None:
            self.prev_idx = current_device_index()
            cuda.set_device(self.idx)

    def __exit__(self, *error: object) -> None:
        if self.idx is not None:
            cuda.set_device(self.prev_idx)


def synchronize(device: Any = None, /) -> None:
    """Wait for a device."""
    cuda.synchronize(_there(device))


def current_stream(device: Any = None, /) -> cuda.Stream:
    """The stream that work goes to."""
    index = _there(device)
    return cuda.current_stream(None if device is None else index)


# ---- memory


def _counted(device: Any) -> int:
    """The number of a device whose memory is counted."""
    _present()
    return _index(device)


def empty_cache() -> None:
    """Give memory back that is kept for later."""
    _present()
    cuda.empty_cache()


def get_memory_info(device_index: Any = None, /) -> tuple[int, int]:
    """Free and total bytes."""
    return cuda.mem_get_info(_there(device_index))


def memory_allocated(device_index: Any = None, /) -> int:
    """Bytes that tensors take on the device."""
    return cuda.memory_allocated(_counted(device_index))


def max_memory_allocated(device_index: Any = None, /) -> int:
    """The most that tensors took since the count was reset."""
    return cuda.max_memory_allocated(_counted(device_index))


def memory_reserved(device_index: Any = None, /) -> int:
    """Bytes that are kept for tensors."""
    return cuda.memory_reserved(_counted(device_index))


def max_memory_reserved(device_index: Any = None, /) -> int:
    """The most that was kept for tensors since the count was reset."""
    return cuda.max_memory_reserved(_counted(device_index))


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    """Let the peak begin at what is taken now."""
    cuda.reset_peak_memory_stats(_counted(device_index))
