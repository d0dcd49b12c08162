"""`torch.random` and `torch.Generator`: the streams that random operators draw from.

The numbers themselves come from `generator`; here are the handles that users hold. The default generator
starts from a seed that nobody can foretell, as PyTorch's does, until `manual_seed` is called.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, effects
from tensorcli.engine.autograd.graph import address_of
from tensorcli.engine.devices import CPU, Device, resolve
from tensorcli.engine.generator import Generator as Stream
from tensorcli.engine.tensor import Tensor


class Generator:
    """A stream of random numbers for `generator=`. Starts from a fixed seed."""

    __slots__ = ("__weakref__", "stream")

    def __init__(self, device: Any = "cpu") -> None:
        found = resolve(device)
        if found is not CPU:
            raise RuntimeError(f"Device type {found.type} is not supported for torch.Generator() api.")
        self.stream = Stream()

    @property
    def device(self) -> Device:
        return CPU

    def manual_seed(self, seed: int) -> "Generator":
        """Start the stream of this seed. Errors: RuntimeError unless it is an integer, ValueError beyond 64
        bits.
        """
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
        return effects.adopt(self.stream.get_state(), dtypes.uint8)

    def set_state(self, state: Tensor) -> "Generator":
        """Go on from a state. Errors: TypeError, RuntimeError for what is none."""
        if not isinstance(state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(state).__name__}")
        self.stream.set_state(np.ascontiguousarray(state.values))
        return self

    def clone_state(self) -> "Generator":
        """Another generator that will draw the same numbers from here on."""
        twin = Generator()
        twin.stream = self.stream.clone_state()
        return twin

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {address_of(self)}>"


default_generator = Generator()
default_generator.seed()


def stream_of(generator: Any) -> Stream:
    """The stream that an operator draws from: its `generator=`, or the default one."""
    found: Stream = (default_generator if generator is None else generator).stream
    return found


def manual_seed(seed: Any) -> Generator:
    """Start the default generator from this seed. Errors: ValueError beyond 64 bits."""
    return default_generator.manual_seed(int(seed))


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


@contextmanager
def fork_rng(devices: Iterable[Any] | None = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """Draw inside without moving the default generator outside."""
    if not enabled:
        yield
        return
    state = default_generator.stream.get_state()
    try:
        yield
    finally:
        default_generator.stream.set_state(state)
