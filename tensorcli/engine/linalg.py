"""`torch.linalg`: the operators of the table whose names begin with `linalg_`."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.op import PACKETS


def __getattr__(name: str) -> Any:
    if name == "LinAlgError":
        from tensorcli.engine.ops._matrices import LinAlgError

        return LinAlgError
    if f"linalg_{name}" not in PACKETS:
        raise AttributeError(f"module 'torch.linalg' has no attribute '{name}'")
    found = globals()[name] = getattr(functions, f"linalg_{name}")
    return found


def __dir__() -> list[str]:
    return sorted(
        ["LinAlgError", *(name.removeprefix("linalg_") for name in PACKETS if name.startswith("linalg_"))]
    )
