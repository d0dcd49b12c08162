"""`torch.utils`: DLPack, and data in batches."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("data", "dlpack"):
        return import_module(f"tensorcli.engine.utils.{name}")
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}'")
