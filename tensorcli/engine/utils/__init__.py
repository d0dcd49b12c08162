"""`torch.utils`: DLPack, data in batches, and functions that are called again in the backward pass."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("checkpoint", "data", "dlpack"):
        return import_module(f"tensorcli.engine.utils.{name}")
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}'")
