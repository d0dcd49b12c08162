"""The random generators of CUDA devices, one each."""

from collections.abc import Iterable
from typing import Any

from tensorcli.engine.cuda.current import known
from tensorcli.engine.devices import (
    cuda_devices,
)
from tensorcli.engine.tensor import Tensor


def _generator(device: Any) -> Any:
    from tensorcli.engine.random import generator_of

    return generator_of(known(device))


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
