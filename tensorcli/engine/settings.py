"""Settings of the torch namespace: the default dtype and device, threads, precision, determinism.

The engine computes in one way only: threads, precision and determinism are remembered and can be read back, and what PyTorch
refuses is refused.
"""

import os
from typing import Any

import numpy as np

from tensorcli.engine import devices, dtypes, messages, process
from tensorcli.engine.devices import CPU, Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.native import type_name

# ---- what new tensors are


def set_default_dtype(d: Any, /) -> None:
    """Set the dtype of floating-point numbers that name none. Errors: TypeError."""
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    if d.scalar_type not in dtypes.STORED:
        raise TypeError(f"couldn't find storage object {d.scalar_type}Storage")
    dtypes.default.floating = d


def get_default_dtype() -> dtype:
    """The dtype of floating-point numbers that name none."""
    return dtypes.default.floating


def get_default_device() -> Device:
    """Where factories make their tensors."""
    found = devices.default.device
    return CPU if found is None else found if found.index is not None else devices.resolve(found)


def set_default_device(device: Any) -> None:
    """Set where factories make their tensors; None sets the CPU. A device that is not there is refused when it is used."""
    devices.default.device = None if device is None else Device(device)


# ---- how it is computed


class _Settings:
    __slots__ = ("deterministic", "interop", "precision", "threads", "warn_only")

    def __init__(self) -> None:
        self.threads = self.interop = os.cpu_count() or 1
        self.precision = "highest"
        self.deterministic = self.warn_only = False


settings = _Settings()
process.keep_attributes(settings, *_Settings.__slots__)
_DEBUG_MODES = ("default", "warn", "error")


def get_num_threads() -> int:
    """How many threads an operator may use."""
    return settings.threads


def set_num_threads(count: int) -> None:
    """Set how many threads an operator may use. Errors: RuntimeError unless it is a positive integer."""
    settings.threads = _positive("set_num_threads", count)


def get_num_interop_threads() -> int:
    """How many operators may run at a time."""
    return settings.interop


def set_num_interop_threads(count: int) -> None:
    """Set how many operators may run at a time. Errors: RuntimeError unless it is a positive integer."""
    settings.interop = _positive("set_num_interop_threads", count)


def _positive(name: str, count: Any) -> int:
    if not isinstance(count, int):
        raise RuntimeError(f"{name} expects an int, but got {type_name(type(count))}")
    if count <= 0:
        raise RuntimeError(f"{name} expects a positive integer")
    return count


def get_float32_matmul_precision() -> str:
    """How exact products of float32 matrices are: "highest", "high" or "medium"."""
    return settings.precision


def set_float32_matmul_precision(precision: str) -> None:
    """Set how exact products of float32 matrices are; the CPU always computes them as "highest"."""
    if precision not in ("highest", "high", "medium"):
        messages.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the currentsetFloat32MatmulPrecision call has no "
            "effect."
        )
        return
    settings.precision = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for operators that give the same bits each time. Errors: TypeError for what is not a bool."""
    for name, value in (("'mode' (position 1)", mode), ("'warn_only'", warn_only)):
        if not isinstance(value, bool):
            raise TypeError(
                f"_set_deterministic_algorithms(): argument {name} must be bool, not {type(value).__name__}"
            )
    settings.deterministic, settings.warn_only = mode, warn_only


def alert(name: str) -> None:
    """An operator runs that PyTorch takes for not deterministic. Errors: RuntimeError where only such ones are allowed."""
    if not settings.deterministic:
        return
    start = f"{name} does not have a deterministic implementation, but you set 'torch.use_deterministic_algorithms(True"
    end = (
        "file an issue at https://github.com/pytorch/pytorch/issues to help us prioritize adding deterministic support for "
        "this operation."
    )
    if settings.warn_only:
        messages.warn(f"{start}, warn_only=True)'. You can {end}")
        return
    raise RuntimeError(
        f"{start})'. You can turn off determinism just for this operation, or you can use the 'warn_only=True' option, if "
        f"that's acceptable for your application. You can also {end}"
    )


def unset(kind: Any) -> Any:
    """What memory of this dtype holds before it is written: zero, or (where all must be deterministic) NaN, the largest
    integer, True.
    """
    if not settings.deterministic:
        return 0
    if kind.is_floating_point or kind.is_complex:
        return float("nan")
    return True if kind.name == "bool" else np.iinfo(kind.np).max


def are_deterministic_algorithms_enabled() -> bool:
    """Whether operators must give the same bits each time."""
    return settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether an operator that cannot give the same bits each time only warns."""
    return settings.warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Set determinism as a number or a name: 0 "default", 1 "warn", 2 "error". Errors: RuntimeError, TypeError."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """Determinism as a number: 0 "default", 1 "warn", 2 "error"."""
    return 0 if not settings.deterministic else 1 if settings.warn_only else 2


def set_flush_denormal(mode: bool) -> bool:
    """Whether the processor could flush denormal numbers to zero. Errors: RuntimeError unless `mode` is a bool."""
    if not isinstance(mode, bool):
        raise RuntimeError(f"flush_denormal expects a bool, but got {type_name(type(mode))}")
    # The processor that PyTorch runs on has the switch; numpy's computations do not feel it.
    return True


def is_warn_always_enabled() -> bool:
    """Whether warnings that PyTorch says once are said each time."""
    return messages.said.always


def set_warn_always(b: bool, /) -> None:
    """Set whether warnings that PyTorch says once are said each time. Errors: RuntimeError unless `b` is a bool."""
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type_name(type(b))}")
    messages.said.always = b
