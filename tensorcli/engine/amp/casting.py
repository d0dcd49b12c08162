"""`torch.autocast`: inside the block, some operators run in float16 or bfloat16, and some in float32 whatever they are given.

The state and what switches it are here; `policies` says which operators are treated, and how.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, messages, process
from tensorcli.engine.decorators import like
from tensorcli.engine.devices import Device, cuda_devices
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor


class DeviceState:
    """What autocast does on one type of device."""

    __slots__ = ("dtype", "enabled", "type")

    def __init__(self, type: str, kind: dtype, enabled: bool = False) -> None:
        self.type = type
        self.dtype = kind
        self.enabled = enabled


class State:
    """What holds now: the settings of each type of device, the parameters that were cast, and how many blocks are open."""

    __slots__ = ("active", "cache", "cache_enabled", "depth", "devices", "inside", "installed")

    def __init__(self) -> None:
        self.installed = False
        self.devices = {"cpu": DeviceState("cpu", dtypes.bfloat16)}
        self.active = False
        self.cache: dict[int, tuple[Tensor, Tensor]] = {}
        self.cache_enabled = True
        self.depth = 0
        self.inside: list[str] = []
        """The types of device whose treated operators run: they are not treated once more."""

    def of(self, device: str) -> DeviceState:
        """The settings of a type of device."""
        found = self.devices.get(device)
        if found is None:
            found = self.devices[device] = DeviceState(device, _first_dtype(device))
        return found

    def set(self, device: str, enabled: bool | None = None, kind: dtype | None = None) -> None:
        """Change the settings of a type of device."""
        found = self.of(device)
        if kind is not None:
            found.dtype = kind
        if enabled is not None:
            found.enabled = enabled
            self.active = any(each.enabled for each in self.devices.values())
            if enabled and not self.installed:
                from tensorcli.engine.amp.policies import install

                self.installed = True
                install()

    def copy(self) -> tuple[Any, ...]:
        """The settings, for `take`."""
        return (
            tuple((each.type, each.dtype, each.enabled) for each in self.devices.values()),
            self.cache_enabled,
            tuple(self.inside),
        )

    def take(self, copied: tuple[Any, ...]) -> None:
        """Go back to settings that held before."""
        devices, self.cache_enabled, inside = copied
        self.devices = {device: DeviceState(device, kind, enabled) for device, kind, enabled in devices}
        self.active = any(each.enabled for each in self.devices.values())
        self.inside = list(inside)


def _first_dtype(device: str) -> dtype:
    return dtypes.bfloat16 if device in ("cpu", "xla", "hpu") else dtypes.float16


AVAILABLE = ("cpu", "cuda", "ipu", "xpu", "xla", "hpu", "mps", "mtia", "maia", "privateuseone")
state = State()
process.keep(state.copy, state.take)


def _type(device: Any, function: str) -> str:
    """The type of device that a string names. Errors: TypeError, RuntimeError for what names none."""
    if not isinstance(device, str):
        raise TypeError(
            f"{function}(): argument 'device_type' (position 1) must be str, not {type_name(type(device))}"
        )
    return Device(device).type


def _available(device: Any, function: str) -> str:
    """The type of device that a string names. Errors: RuntimeError too where it has no autocast."""
    found = _type(device, function)
    if found not in AVAILABLE:
        raise RuntimeError(
            "unsupported scalarType"
            if function.endswith("dtype")
            else "unknown device type for autocast in get_autocast_dispatch_key_from_device_type"
        )
    return found


# ---- asked and set on their own


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows a type of device. Errors: RuntimeError for what names none."""
    return _type(device_type, "_is_autocast_available") in AVAILABLE


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is on (for CUDA, where no type is named)."""
    return state.of("cuda" if device_type is None else _available(device_type, "is_autocast_enabled")).enabled


def set_autocast_enabled(device_type: Any, enabled: Any = None) -> None:
    """Switch autocast on or off for a type of device (for CUDA, where none is named)."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    if not isinstance(enabled, bool):
        raise TypeError(
            f"set_autocast_enabled(): argument 'enabled' (position 2) must be bool, not {type_name(type(enabled))}"
        )
    state.set(_available(device_type, "set_autocast_enabled"), enabled=enabled)


def get_autocast_dtype(device_type: str) -> dtype:
    """The dtype that autocast casts to."""
    return state.of(_available(device_type, "get_autocast_dtype")).dtype


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Set the dtype that autocast casts to."""
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(
            f"set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not {type_name(type(dtype))}"
        )
    state.set(_available(device_type, "set_autocast_dtype"), kind=dtype)


def _old(name: str, device: str, now: Callable[[str], Any]) -> Callable[[], Any]:
    """A function that PyTorch keeps for old programs."""

    def function() -> Any:
        _warn_of_old(name, "", f"{now.__name__}('{device}')")
        return now(device)

    function.__name__ = function.__qualname__ = name
    return function


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Switch autocast on or off for the CPU."""
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be a bool (got {type_name(type(enabled))})")
    _warn_of_old("set_autocast_cpu_enabled", "enabled", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def _old_dtype(name: str, device: str) -> Callable[[Any], None]:
    def function(dtype: Any) -> None:
        if not isinstance(dtype, dtypes.dtype):
            raise TypeError(f"dtype must be a torch.dtype (got {type_name(type(dtype))})")
        _warn_of_old(name, "dtype", f"set_autocast_dtype('{device}', dtype)")
        set_autocast_dtype(device, dtype)

    function.__name__ = function.__qualname__ = name
    return function


def _warn_of_old(name: str, argument: str, now: str) -> None:
    messages.warn(
        f"torch.{name}({argument}) is deprecated. Please use torch.{now} instead.", DeprecationWarning
    )


set_autocast_cpu_dtype = _old_dtype("set_autocast_cpu_dtype", "cpu")
set_autocast_gpu_dtype = _old_dtype("set_autocast_gpu_dtype", "cuda")
get_autocast_gpu_dtype = _old("get_autocast_gpu_dtype", "cuda", get_autocast_dtype)
get_autocast_cpu_dtype = _old("get_autocast_cpu_dtype", "cpu", get_autocast_dtype)
is_autocast_cpu_enabled = _old("is_autocast_cpu_enabled", "cpu", is_autocast_enabled)


def is_autocast_cache_enabled() -> bool:
    """Whether a parameter is cast once a block."""
    return state.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Switch the cache of parameters that were cast."""
    state.cache_enabled = enabled


def clear_autocast_cache() -> None:
    """Forget the parameters that were cast."""
    state.cache.clear()


# ---- the block


class autocast:  # noqa: N801 (PyTorch's name)
    """A block, or a decorated function, that runs with autocast. Errors: ValueError, RuntimeError for an unknown device."""

    __module__ = "torch.amp.autocast_mode"

    def __init__(
        self,
        device_type: str,
        dtype: dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self.device = device_type
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self._cache_enabled = state.cache_enabled if cache_enabled is None else cache_enabled
        if enabled:
            enabled = self._possible()
        self._enabled = enabled
        self._before: list[tuple[bool, Any, bool]] = []

    def _possible(self) -> bool:
        if self.device == "cuda":
            if not cuda_devices():
                messages.warn("CUDA is not available or torch_xla is imported. Disabling autocast.")
                return False
            if self.fast_dtype is dtypes.bfloat16:
                from tensorcli.engine.cuda import is_bf16_supported

                if not is_bf16_supported():
                    raise RuntimeError(
                        "Current CUDA Device does not support bfloat16. Please switch dtype to float16."
                    )
        elif self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            name = self.device.upper()
            messages.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently."
            )
            return False
        return True

    def __enter__(self) -> "autocast":
        setting = state.of(self.device)
        self._before.append((setting.enabled, setting.dtype, state.cache_enabled))
        state.set(self.device, self._enabled, self.fast_dtype)
        state.depth += 1
        state.cache_enabled = self._cache_enabled
        return self

    def __exit__(self, *error: Any) -> None:
        state.depth -= 1
        if not state.depth:
            state.cache.clear()
        enabled, kind, state.cache_enabled = self._before.pop()
        state.set(self.device, enabled, kind)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as a "
                "context manager? For example:\n    with torch.autocast(device_type=...):\n        output = model(input)"
            )

        @like(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return inside


def _deprecated(device: str, kind: dtype) -> type[autocast]:
    """`torch.cuda.amp.autocast` and `torch.cpu.amp.autocast`."""

    class Autocast(autocast):
        __module__ = f"torch.{device}.amp.autocast_mode"

        def __init__(self, enabled: bool = True, dtype: dtype = kind, cache_enabled: bool = True) -> None:
            messages.warn(
                f"`torch.{device}.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('{device}', args...)` "
                "instead.",
                FutureWarning,
            )
            super().__init__(device, enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)

    Autocast.__name__ = Autocast.__qualname__ = "autocast"
    return Autocast


cuda_autocast = _deprecated("cuda", dtypes.float16)
cpu_autocast = _deprecated("cpu", dtypes.bfloat16)


# ---- functions with a backward of their own


def _converted(value: Any, device: str, kind: dtype) -> Any:
    """A value, or a container of them, in another dtype."""
    if isinstance(value, Tensor):
        fits = value.is_floating_point() and value.device.type == device and value.dtype is not dtypes.float64
        return value.to(kind) if fits else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_converted(k, device, kind): _converted(v, device, kind) for k, v in value.items()}
    if isinstance(value, Iterable):
        found = (_converted(one, device, kind) for one in value)
        return type(value)(found) if isinstance(value, (list, tuple)) else found
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: dtype | None = None
) -> Callable[..., Any]:
    """Decorate the forward of a Function: with `cast_inputs` it runs on inputs of that dtype, without autocast."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @like(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        enabled = is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if not enabled or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(
                ctx,
                *_converted(args, device_type, cast_inputs),
                **_converted(kwargs, device_type, cast_inputs),
            )

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorate the backward of a Function: it runs with the autocast of its forward."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return partial(custom_bwd, device_type=device_type)

    @like(bwd)
    def backward(ctx: Any, *grads: Any) -> Any:
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *grads)

    return backward
