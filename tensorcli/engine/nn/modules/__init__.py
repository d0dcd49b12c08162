"""`torch.nn.modules`: the classes of `torch.nn` by the chapters that PyTorch keeps them in.

`module` and `utils` are files here; the other chapters are put together when they are asked for.
"""

from importlib import import_module
from typing import Any

from tensorcli.engine import nn
from tensorcli.engine.definitions import definitions


def __getattr__(name: str) -> Any:
    if name in ("module", "utils"):
        return import_module(f"tensorcli.engine.nn.modules.{name}")
    if name in nn._WHERE:
        return getattr(nn, name)
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        found = globals()[name] = definitions(f"nn.modules.{name}")
    except ModuleNotFoundError:
        raise AttributeError(f"module 'torch.nn.modules' has no attribute '{name}'") from None
    return found
