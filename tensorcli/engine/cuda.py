"""`torch.cuda`: what can be asked where there may be no CUDA, and the legacy constructors."""

from typing import Any

from tensorcli.engine.devices import resolve
from tensorcli.engine.legacy import CUDA_TYPES

globals().update(CUDA_TYPES)


def is_available() -> bool:
    """Whether a CUDA device can be used."""
    try:
        resolve("cuda")
    except (AssertionError, RuntimeError):
        return False
    return True


def device_count() -> int:
    """How many CUDA devices there are."""
    return int(is_available())


def current_device() -> int:
    """The number of the current CUDA device. Errors: AssertionError without CUDA."""
    return resolve("cuda").index or 0


def synchronize(device: Any = None) -> None:
    """Wait for the device. Errors: AssertionError without CUDA."""
    resolve("cuda" if device is None else device)


def is_initialized() -> bool:
    """Whether CUDA is in use."""
    return is_available()


def manual_seed(seed: int) -> None:
    """Seed the current device's generator, once there is one."""


def manual_seed_all(seed: int) -> None:
    """Seed all devices' generators, once there are some."""


def empty_cache() -> None:
    """Give unused memory back: nothing is kept here."""
