"""`torch.random` and `torch.Generator`: the streams that random operators draw from.

The numbers themselves come from `generator`; here are the handles that users hold. The default generator
starts from a seed that nobody can foretell, as PyTorch's does, until `manual_seed` is called.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from tensorcli.engine import addresses, allocation, dtypes, process
from tensorcli.engine.devices import CPU, Device, cuda_devices, drawing, resolve
from tensorcli.engine.native import Native, type_name
from tensorcli.engine.random.generator import Generator as Stream
from tensorcli.engine.tensor import Tensor

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


_NO_CUDA_GENERATOR = (
    "Cannot get CUDA generator without ATen_cuda library. PyTorch splits its backend into two shared libraries: a CPU "
    "library and a CUDA library; this error has occurred because you are trying to use some CUDA functionality, but the "
    "CUDA library has not been loaded by the dynamic linker for some reason.  The CUDA library MUST be loaded, EVEN IF "
    "you don't directly use any symbols from the CUDA library! One common culprit is a lack of -Wl,--no-as-needed in your "
    "link arguments; many dynamic linkers will delete dynamic library dependencies if you don't depend on any of their "
    "symbols.  You can check if this has occurred by using ldd on your binary to see if there is a dependency on "
    "*_cuda.so library."
)


class Generator(Native):
    """A stream of random numbers for `generator=`. Starts from a fixed seed."""

    __module__ = "torch._C"
    __slots__ = ("__weakref__", "device", "stream")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        device = _binder().bind(args, kwargs)[1][0] if args or kwargs else None
        asked = CPU if device is None else Device(device)
        if asked.type == "cuda" and not cuda_devices():
            raise RuntimeError(_NO_CUDA_GENERATOR)
        if asked.type == "mps":
            raise RuntimeError("Cannot execute getNewGenerator() without MPS backend.")
        if asked.type not in ("cpu", "cuda"):
            raise RuntimeError(f"{asked.type.upper()} device type not an accelerator.")
        self.device = resolve(asked)
        self.stream = Stream()

    def __reduce__(self) -> Any:
        return Generator, (self.device,), (self.initial_seed(), None, self.get_state())

    def __reduce_ex__(self, protocol: object) -> Any:
        return _again, (str(self.device), self.get_state())

    def __setstate__(self, state: tuple[int, None, Tensor]) -> None:
        seed, _, numbers = state
        self.manual_seed(seed).set_state(numbers)

    def manual_seed(self, seed: int) -> "Generator":
        """Start the stream of this seed. Errors: RuntimeError unless it is an integer, ValueError beyond 64 bits."""
        if isinstance(seed, Tensor):
            raise RuntimeError("manual_seed expected a long, but got Tensor")
        self.stream.manual_seed(seed)
        return self

    def seed(self) -> int:
        """Start a stream that nobody can foretell; its seed is returned."""
        return self.stream.seed()

    def initial_seed(self) -> int:
        """The seed that the stream was started with."""
        return self.stream.initial_seed()

    def get_state(self) -> Tensor:
        """The state, as a uint8 tensor of 5056 bytes."""
        return allocation.adopt(self.stream.get_state(), dtypes.uint8)

    def set_state(self, state: Tensor) -> "Generator":
        """Go on from a state. Errors: TypeError, RuntimeError for anything but a state."""
        if not isinstance(state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type_name(type(state))}")
        if state.dtype is dtypes.uint8 and not state.geometry.contiguous:
            raise RuntimeError("RNG state must be contiguous")
        self.stream.set_state(state.values)
        return self

    def get_offset(self) -> int:
        """Errors: RuntimeError, on a CPU and here."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> "Generator":
        """Errors: RuntimeError, on a CPU and here."""
        raise RuntimeError("CPU Generator does not use offset")

    def graphsafe_get_state(self) -> "Generator":
        """Errors: NotImplementedError, on a CPU and here."""
        raise NotImplementedError("graphsafe_get_state is not supported in this Generator")

    def graphsafe_set_state(self, state: "Generator") -> "Generator":
        """Errors: NotImplementedError, on a CPU and here."""
        raise NotImplementedError("graphsafe_set_state is not supported in this Generator")

    def clone_state(self) -> "Generator":
        """Another generator that will draw the same numbers from here on."""
        twin = Generator(self.device)
        twin.stream = self.stream.clone_state()
        return twin

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {addresses.of_object(self)}>"


@cache
def _binder() -> Any:
    from tensorcli.engine.binding import Binder

    return Binder("Generator", ("Generator(Device device=None)",), tensor_class=Tensor)


default_generator = Generator()
default_generator.seed()


_on_devices: dict[Device, Generator] = {}
"""The default generators of the CUDA devices, each made when it is first asked for."""
_seeded: list[int] = []
"""What `manual_seed` said last: the seed of the generators that are not made yet."""


def _again(device: str, state: Tensor) -> Generator:
    """A generator from a pickle."""
    return Generator(device).set_state(state)


def generator_of(device: Device) -> Generator:
    """The default generator of a device."""
    if device is CPU:
        return default_generator
    found = _on_devices.get(device)
    if found is None:
        found = _on_devices[device] = Generator(device)
        if _seeded:
            found.manual_seed(_seeded[0])
    return found


def stream_of(generator: Any) -> Stream:
    """The stream that an operator draws from: its `generator=`, or the default one of the device that it runs on.

    Errors: RuntimeError for a generator of another type of device.
    """
    device = drawing.device
    if generator is None:
        generator = default_generator if device is CPU else generator_of(device)
    elif generator.device.type != device.type:
        raise RuntimeError(
            f"Expected a '{device.type}' device type for generator but found '{generator.device.type}'"
        )
    found: Stream = generator.stream
    return found


def manual_seed(seed: Any) -> Generator:
    """Start the default generators of all devices from this seed. Errors: ValueError beyond 64 bits."""
    found = default_generator.manual_seed(int(seed))
    _seeded[:] = [int(seed)]
    for each in _on_devices.values():
        each.manual_seed(int(seed))
    return found


def seed() -> int:
    """Start the default generator from a seed that nobody can foretell; it is returned."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator was started with."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the default generator's state."""
    default_generator.set_state(new_state)


def states() -> dict[Generator, Any]:
    """The state of each default generator that there is."""
    return {each: each.stream.get_state() for each in (default_generator, *_on_devices.values())}


def put_back(found: dict[Generator, Any]) -> None:
    """Let generators go on from the states that they had."""
    for each, state in found.items():
        each.stream.set_state(state)


def _all() -> tuple[dict[Generator, Any], dict[Device, Generator], list[int]]:
    return states(), dict(_on_devices), list(_seeded)


def _all_back(before: tuple[dict[Generator, Any], dict[Device, Generator], list[int]]) -> None:
    found, on_devices, _seeded[:] = before
    _on_devices.clear()
    _on_devices.update(on_devices)
    put_back(found)


process.keep(_all, _all_back)


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """Draw inside without moving the default generators outside: of the CPU, and of these CUDA devices or all of them.

    Errors: RuntimeError for a type of devices that there is not, AssertionError for devices that are not there.
    """
    kind = Device(device_type or "cuda").type
    if kind == "meta" or not enabled:
        yield
        return
    if devices is None:
        devices = cuda_devices() if kind == "cuda" else ()
    places = [resolve(Device(kind, one) if isinstance(one, int) else Device(one)) for one in devices]
    streams = [generator_of(place).stream for place in (CPU, *places)]
    states = [stream.get_state() for stream in streams]
    try:
        yield
    finally:
        for stream, state in zip(streams, states, strict=True):
            stream.set_state(state)
