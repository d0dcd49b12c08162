"""`torch.special`: the operators of that namespace, under their names without the prefix."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.op import PACKETS

_PREFIX = "special_"


def __getattr__(name: str) -> Any:
    if name.startswith("_") or _PREFIX + name not in PACKETS:
        raise AttributeError(f"module 'torch.special' has no attribute '{name}'")
    found = getattr(functions, _PREFIX + name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(name.removeprefix(_PREFIX) for name in PACKETS if name.startswith(_PREFIX))
