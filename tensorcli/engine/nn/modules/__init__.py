"""`torch.nn.modules`: the classes of `torch.nn` by the chapters that PyTorch keeps them in, which their `__module__` names.

`module` and `utils` are files here; the other chapters are put together when they are asked for.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

from tensorcli.engine import nn


def _classes(chapter: str) -> dict[str, Any]:
    found = {}
    for place in sorted({*nn._WHERE.values()}):
        for name, value in vars(import_module(f"tensorcli.engine.nn.{place}")).items():
            if isinstance(value, type) and value.__module__ == chapter:
                found[name] = value
    return found


def __getattr__(name: str) -> Any:
    if name in ("module", "utils"):
        return import_module(f"tensorcli.engine.nn.modules.{name}")
    if name in nn._WHERE:
        return getattr(nn, name)
    path = f"torch.nn.modules.{name}"
    found = {} if name.startswith("__") else _classes(path)
    if not found:
        raise AttributeError(f"module 'torch.nn.modules' has no attribute '{name}'")
    chapter = globals()[name] = ModuleType(path)
    vars(chapter).update(found)
    return chapter
