"""`torch.cpu`: the one device that is always there, in the words of the others."""

from typing import Any

from tensorcli.engine.late import late as _late


def is_available() -> bool:
    """Always."""
    return True


def is_initialized() -> bool:
    """Always."""
    return True


def device_count() -> int:
    """One."""
    return 1


def current_device() -> str:
    """Its name."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is no other."""


def synchronize(device: Any = None) -> None:
    """Nothing: there is nothing to wait for."""


__getattr__ = _late("cpu", {}, ("amp",))[0]
