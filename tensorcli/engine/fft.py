"""`torch.fft`: the operators of the table whose names begin with `fft_`."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.op import PACKETS


def __getattr__(name: str) -> Any:
    if f"fft_{name}" not in PACKETS:
        raise AttributeError(f"module 'torch.fft' has no attribute '{name}'")
    found = globals()[name] = getattr(functions, f"fft_{name}")
    return found


def __dir__() -> list[str]:
    return sorted(name.removeprefix("fft_") for name in PACKETS if name.startswith("fft_"))
