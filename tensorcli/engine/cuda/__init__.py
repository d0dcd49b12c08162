"""`torch.cuda`: the current device, its name and memory, its random generator, streams, and the legacy constructors.

Where there is no CUDA each function answers as a build of PyTorch without it. With a device (real or simulated) kernels
have finished when a call returns, so that streams and events have nothing to wait for; memory is counted from the
storages that are alive, in blocks of 512 bytes, as PyTorch's allocator hands them out, and nothing is kept for later.
"""

from collections.abc import Iterable
from typing import Any

from tensorcli.engine.devices import (
    INVALID_ORDINAL,
    NOT_COMPILED,
    AcceleratorError,
    OutOfMemoryError,
    cuda_devices,
    visible,
)
from tensorcli.engine.devices import Device as _Device
from tensorcli.engine.late import late as _late
from tensorcli.engine.legacy import CUDA_TYPES
from tensorcli.engine.storage import backend, ledger
from tensorcli.engine.tensor import Tensor

globals().update(CUDA_TYPES)

__all__ = [
    "AcceleratorError",
    "BFloat16Tensor",
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "Event",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "OutOfMemoryError",
    "ShortTensor",
    "Stream",
    "can_device_access_peer",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "get_rng_state_all",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "reset_max_memory_allocated",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "set_rng_state_all",
    "stream",
    "synchronize",
]

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


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 can be computed with: wherever there is a device; without emulation, from compute capability 8 on."""
    from tensorcli.engine.backends import is_simulated

    return bool(cuda_devices()) and (
        including_emulation or is_simulated() or get_device_capability() >= (8, 0)
    )


def device_count() -> int:
    """How many CUDA devices there are."""
    return len(cuda_devices())


# ---- the current device


def _index(given: Any, optional: bool = True) -> int:
    """The number of a device. Errors: ValueError for what is no CUDA device, or has no number where one is needed."""
    if isinstance(given, str):
        given = _Device(given)
    if isinstance(given, _Device):
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


def _known(given: Any) -> _Device:
    """A device that is there. Errors: AssertionError."""
    init()
    index = _index(given)
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
    index = _index(device, optional=False)
    if index < 0:
        return
    if not cuda_devices():
        raise AttributeError("module 'torch._C' has no attribute '_cuda_setDevice'")
    _make_current(index)


class device:  # noqa: N801 (PyTorch's name)
    """A context in which a device is the current one; a negative number or None changes nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = _index(device) if device is not None else -1
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

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


def synchronize(device: Any = None) -> None:
    """Wait for the device. Errors: AssertionError without CUDA."""
    found = _known(device)
    backend(found).synchronize(found)


# ---- what the device is


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
    found = _known(device)
    behind = backend(found)
    memory = behind.memory(found)
    major, minor = behind.capability(found)
    return _CudaDeviceProperties(behind.describe(found).card, memory.total if memory else 0, major, minor)


def get_device_name(device: Any = None) -> str:
    """The name of the card."""
    found = _known(device)
    return backend(found).describe(found).card


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability; (0, 0) of a simulated device."""
    found = _known(device)
    return backend(found).capability(found)


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether one device can read another's memory: all but themselves, where they are simulated."""
    first = _known(device)
    index = _index(peer_device)
    if not 0 <= index < len(visible.cuda):
        raise AssertionError("Invalid peer device id")
    return backend(first).reaches(first, visible.cuda[index])


# ---- memory


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes. Errors: AssertionError without CUDA."""
    found = _known(device)
    memory = backend(found).memory(found)
    return (0, 0) if memory is None else (memory.free, memory.total)


def _counted(table: dict[_Device, int], device: Any) -> int:
    return table.get(_known(device), 0) if cuda_devices() else 0


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
    found = _known(device)
    ledger.peak[found] = ledger.allocated.get(found, 0)


reset_max_memory_allocated = reset_peak_memory_stats


def empty_cache() -> None:
    """Give memory back that is kept for later."""
    if visible.cuda:
        backend(visible.cuda[0]).empty_cache()


def ipc_collect() -> None:
    """Free what other processes no longer use: there are none. Errors: AssertionError without CUDA."""
    init()


# ---- random numbers


def _generator(device: Any) -> Any:
    from tensorcli.engine.random import generator_of

    return generator_of(_known(device))


def manual_seed(seed: int) -> None:
    """Seed the current device's generator; nothing where there is none."""
    if cuda_devices():
        _generator(None).manual_seed(int(seed))


def manual_seed_all(seed: int) -> None:
    """Seed all devices' generators."""
    for each in cuda_devices():
        _generator(each).manual_seed(int(seed))


def seed() -> None:
    """Start the current device's generator from a seed that nobody can foretell."""
    if cuda_devices():
        _generator(None).seed()


def seed_all() -> None:
    """Start all devices' generators from one seed that nobody can foretell."""
    if cuda_devices():
        manual_seed_all(_generator(None).seed())


def initial_seed() -> int:
    """The seed that the current device's generator was started with. Errors: AssertionError without CUDA."""
    found: int = _generator(None).initial_seed()
    return found


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The state of a device's generator, as a uint8 tensor of the CPU. Errors: AssertionError without CUDA."""
    found: Tensor = _generator(device).get_state()
    return found


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Go on from a state; nothing where there is no device."""
    if cuda_devices():
        _generator(device).set_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The states of all devices' generators."""
    return [get_rng_state(each) for each in cuda_devices()]


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Go on from these states, one a device."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)


# ---- streams: every kernel has finished when its call returns


class Stream:
    """A queue of work on a device. Errors: RuntimeError without CUDA."""

    __module__ = "torch.cuda.streams"

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        if not cuda_devices():
            raise RuntimeError("torch.cuda.Stream requires CUDA support")
        self.device = _known(device)

    def synchronize(self) -> None:
        """Wait for the work."""
        synchronize(self.device)

    def query(self) -> bool:
        """Whether the work is done."""
        synchronize(self.device)
        return True

    def wait_stream(self, stream: "Stream") -> None:
        """Let further work wait for another stream's."""
        stream.synchronize()

    def wait_event(self, event: "Event") -> None:
        """Let further work wait for an event."""
        event.synchronize()

    def record_event(self, event: "Event | None" = None) -> "Event":
        """An event after the work so far."""
        made = Event() if event is None else event
        made.record(self)
        return made

    def __enter__(self) -> None:
        _streams.append(self)

    def __exit__(self, *error: object) -> None:
        _streams.pop()


_streams: list[Stream] = []


class Event:
    """A mark in a stream. Errors: RuntimeError without CUDA."""

    __module__ = "torch.cuda.streams"

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        if not cuda_devices():
            raise RuntimeError("Tried to instantiate dummy base class Event")
        self.enable_timing = enable_timing
        self.stream: Stream | None = None
        self.time = 0.0

    def record(self, stream: Stream | None = None) -> None:
        """Stand behind the work so far."""
        from time import perf_counter

        self.stream = current_stream() if stream is None else stream
        self.stream.synchronize()
        self.time = perf_counter()

    def synchronize(self) -> None:
        """Wait until the mark is reached."""
        if self.stream is not None:
            self.stream.synchronize()

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream wait for the mark."""
        self.synchronize()

    def query(self) -> bool:
        """Whether the mark is reached."""
        return True

    def elapsed_time(self, end_event: "Event") -> float:
        """Milliseconds from this mark to another. Errors: ValueError, RuntimeError unless both take the time."""
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        return (end_event.time - self.time) * 1000


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to."""
    init()
    return _streams[-1] if _streams and device is None else Stream(device)


default_stream = current_stream


def stream(stream: Stream | None) -> Any:
    """A context in which work goes to a stream; None changes nothing."""
    from contextlib import nullcontext

    return nullcontext() if stream is None else stream


__getattr__ = _late("cuda", {}, ("amp",))[0]
