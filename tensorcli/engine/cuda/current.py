"""Whether there is CUDA, how devices are named, and which one is the current one."""

from typing import Any

from tensorcli.engine.devices import (
    INVALID_ORDINAL,
    NOT_COMPILED,
    AcceleratorError,
    Device,
    cuda_devices,
    visible,
)
from tensorcli.engine.storage import backend

_NO_SUPPORT = "PyTorch was compiled without CUDA support"


def init() -> None:
    """Find the devices. Errors: AssertionError without CUDA."""
    if not cuda_devices():
        raise AssertionError(NOT_COMPILED)


def is_available() -> bool:
    """Whether a CUDA device can be used."""
    return bool(cuda_devices())


def is_initialized() -> bool:
    """Whether CUDA is in use."""
    return bool(visible.cuda)


def device_count() -> int:
    """How many CUDA devices there are."""
    return len(cuda_devices())


# ---- the current device


def index_of(given: Any, optional: bool = True) -> int:
    """The number of a device. Errors: ValueError for what is not a CUDA device, or has no number where one is needed."""
    if isinstance(given, str):
        given = Device(given)
    if isinstance(given, Device):
        if given.type != "cuda":
            raise ValueError(f"Expected a cuda device, but got: {given}")
        index = given.index
    else:
        index = given
    if index is not None:
        return int(index)
    if not optional:
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{given}")
    return visible.current


def known(given: Any) -> Device:
    """A device that is there. Errors: AssertionError."""
    init()
    index = index_of(given)
    if not 0 <= index < len(visible.cuda):
        raise AssertionError("Invalid device id")
    return visible.cuda[index]


def _make_current(index: int) -> int:
    before = visible.current
    if index >= len(cuda_devices()):
        raise AcceleratorError(INVALID_ORDINAL)
    visible.current = index
    return before


def current_device() -> int:
    """The number of the current CUDA device. Errors: AssertionError without CUDA."""
    init()
    return visible.current


def set_device(device: Any) -> None:
    """Make a device the current one; a negative number changes nothing. Errors: ValueError, AcceleratorError."""
    index = index_of(device, optional=False)
    if index < 0:
        return
    if not cuda_devices():
        raise AttributeError("module 'torch._C' has no attribute '_cuda_setDevice'")
    _make_current(index)


class device:  # noqa: N801 (PyTorch's name)
    """A context in which a device is the current one; a negative number or None changes nothing."""

    __module__ = "torch.cuda"

    def __init__(self, device: Any) -> None:
        self.idx = index_of(device) if device is not None else -1
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            if not cuda_devices():
                raise RuntimeError(_NO_SUPPORT)
            self.prev_idx = _make_current(self.idx)

    def __exit__(self, *error: object) -> None:
        if self.prev_idx >= 0:
            visible.current = self.prev_idx


class device_of(device):  # noqa: N801 (PyTorch's name)
    """A context in which the device of a tensor or storage is the current one; one of the CPU changes nothing."""

    __module__ = "torch.cuda"

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def synchronize(device: Any = None) -> None:
    """Wait for the device. Errors: AssertionError without CUDA."""
    found = known(device)
    backend(found).synchronize(found)
