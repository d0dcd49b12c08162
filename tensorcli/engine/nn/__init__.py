"""`torch.nn`: parameters, and functions of networks. Layers are written as functions: there is no Module."""

from importlib import import_module
from typing import Any

_SUBMODULES = ("functional", "init", "utils")


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"tensorcli.engine.nn.{name}")
    if name in ("Parameter", "parameter", "Buffer"):
        parameter = import_module("tensorcli.engine.nn.parameter")
        found = parameter if name == "parameter" else getattr(parameter, name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'torch.nn' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted((*_SUBMODULES, "Parameter", "parameter"))
