"""How much of a CUDA device's memory is in use.

It is counted from the storages that are alive, in blocks of 512 bytes, as PyTorch's allocator hands them out. Nothing is kept
for later, so that what is reserved is what is allocated.
"""

from typing import Any

from tensorcli.engine.cuda.current import init, known
from tensorcli.engine.devices import Device, cuda_devices, visible
from tensorcli.engine.storage import backend, ledger


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes. Errors: AssertionError without CUDA."""
    found = known(device)
    memory = backend(found).memory(found)
    return (0, 0) if memory is None else (memory.free, memory.total)


def _counted(table: dict[Device, int], device: Any) -> int:
    return table.get(known(device), 0) if cuda_devices() else 0


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors take on the device, in blocks of 512."""
    return _counted(ledger.allocated, device)


def max_memory_allocated(device: Any = None) -> int:
    """The most that tensors took since the count was reset."""
    return _counted(ledger.peak, device)


memory_reserved, max_memory_reserved = memory_allocated, max_memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let the peak begin at what is taken now. Errors: AttributeError without CUDA."""
    if not cuda_devices():
        raise AttributeError("module 'torch._C' has no attribute '_cuda_resetPeakMemoryStats'")
    found = known(device)
    ledger.peak[found] = ledger.allocated.get(found, 0)


reset_max_memory_allocated = reset_peak_memory_stats


def empty_cache() -> None:
    """Give memory back that is kept for later."""
    if visible.cuda:
        backend(visible.cuda[0]).empty_cache()


def ipc_collect() -> None:
    """Free what other processes no longer use: there are none. Errors: AssertionError without CUDA."""
    init()
