"""What a CUDA device is: its name, its memory, and what it can compute."""

from typing import Any

from tensorcli.engine.cuda.current import index_of, known
from tensorcli.engine.devices import cuda_devices, visible
from tensorcli.engine.storage import backend


class _CudaDeviceProperties:
    """Name, memory and capability of a device."""

    __slots__ = ("major", "minor", "name", "total_memory")

    def __init__(self, name: str, total_memory: int, major: int, minor: int) -> None:
        self.name = name
        self.total_memory = total_memory
        self.major = major
        self.minor = minor

    def __repr__(self) -> str:
        megabytes = self.total_memory // (1024 * 1024)
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={megabytes}MB)"
        )


def get_device_properties(device: Any = None) -> _CudaDeviceProperties:
    """Name, memory and capability. Errors: AssertionError for a device that is not there."""
    found = known(device)
    behind = backend(found)
    memory = behind.memory(found)
    major, minor = behind.capability(found)
    return _CudaDeviceProperties(behind.describe(found).card, memory.total if memory else 0, major, minor)


def get_device_name(device: Any = None) -> str:
    """The name of the card."""
    found = known(device)
    return backend(found).describe(found).card


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability; (0, 0) of a simulated device."""
    found = known(device)
    return backend(found).capability(found)


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one device can read another's memory: all but themselves, where they are simulated."""
    first = known(device)
    index = index_of(peer_device)
    if not 0 <= index < len(visible.cuda):
        raise AssertionError("Invalid peer device id")
    return backend(first).reaches(first, visible.cuda[index])


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 can be computed with: wherever there is a device; without emulation, from compute capability 8 on."""
    from tensorcli.engine.backends import is_simulated

    return bool(cuda_devices()) and (
        including_emulation or is_simulated() or get_device_capability() >= (8, 0)
    )
