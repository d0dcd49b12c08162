"""`torch.xpu` of a build without Intel's devices: what a script may ask when it looks for one."""

from typing import Any, NoReturn


def is_available() -> bool:
    """Never."""
    return False


def is_initialized() -> bool:
    """Never."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Never."""
    return False


def device_count() -> int:
    """None."""
    return 0


def current_device() -> NoReturn:
    """Errors: AssertionError."""
    raise AssertionError("Torch not compiled with XPU enabled")


def get_device_name(device: Any = None) -> NoReturn:
    """Errors: AssertionError."""
    current_device()


def synchronize(device: Any = None) -> NoReturn:
    """Errors: AssertionError."""
    current_device()


def empty_cache() -> None:
    """Nothing: there is no cache."""


def manual_seed(seed: int) -> None:
    """Nothing, until there is a device."""


def manual_seed_all(seed: int) -> None:
    """Nothing, until there is a device."""
