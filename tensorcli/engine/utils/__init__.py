"""`torch.utils`: what is left of it here is DLPack."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "dlpack":
        return import_module("tensorcli.engine.utils.dlpack")
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}'")
