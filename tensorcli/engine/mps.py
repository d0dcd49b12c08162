"""`torch.mps` of a build without Apple's devices: what a script may ask when it looks for one."""

from typing import NoReturn


def is_available() -> bool:
    """Never."""
    return False


def device_count() -> int:
    """None."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing, until there is a device."""


def empty_cache() -> NoReturn:
    """Errors: RuntimeError."""
    raise _missing("emptyCache")


def synchronize() -> NoReturn:
    """Errors: RuntimeError."""
    raise _missing("deviceSynchronize")


def _missing(function: str) -> RuntimeError:
    return RuntimeError(f"Cannot execute {function}() without MPS backend.")
