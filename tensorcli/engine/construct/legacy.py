"""The legacy constructors: `torch.Tensor(...)`, `torch.FloatTensor(...)` and their kind, `t.new(...)`.

Integers are sizes, a list or tuple is data, a torch.Size is sizes, a tensor gives an alias with the same version counter.
`torch.FloatTensor` is not a class of tensors: `isinstance` asks it about dtype and device.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from tensorcli.engine import allocation, dtypes, events, formats, geometry, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.binding import Binder
from tensorcli.engine.callers import functions
from tensorcli.engine.construct.data import from_data
from tensorcli.engine.construct.sharing import laid_over, share
from tensorcli.engine.devices import CPU, NOT_COMPILED, Device, cuda_devices, resolve
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.native import type_name
from tensorcli.engine.settings import set_default_dtype, unset
from tensorcli.engine.tensor import Size, Tensor

_CONSTRUCTOR: Final = (
    "Legacy tensor constructor of the form torch.Tensor(tensor, device=device) is not supported.  Use "
    "torch.tensor(...) or torch.as_tensor(...) instead."
)
_NEW: Final = (
    "Legacy tensor new of the form tensor.new(tensor, device=device) is not supported.  Use "
    "torch.as_tensor(...) instead."
)
_SIGNATURES: Final = (
    "new(*, Device? device=None)",
    "new(Storage storage)",
    "new(Tensor other)",
    "new(IntArrayRef size, *, Device? device=None)",
    "new(PyObject* data, *, Device? device=None)",
)


@cache
def _bind() -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[int, tuple[Any, ...]]]:
    return Binder("new", _SIGNATURES, tensor_class=Tensor).bind


def construct(
    kind: dtype,
    device: Device,
    typed: bool,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    refused: str = _CONSTRUCTOR,
) -> Tensor:
    """What `kind`'s constructor makes of its arguments; `typed`: it refuses tensors of another dtype."""
    if isinstance(args[0] if args else None, Tensor) and "device" in kwargs:
        raise RuntimeError(refused)
    if len(args) == 1 and type(args[0]) in (list, tuple) and not kwargs:
        # Data, although a list of integers could be sizes: nothing is read as sizes here.
        return _made(_from_sequence(args[0], kind, device), args)
    index, values = _bind()(args, kwargs)
    if index in (0, 3, 4) and values[-1] is not None:
        asked = Device(values[-1])
        if asked.type != device.type:
            raise RuntimeError(
                f"legacy constructor expects device type: {device.type} but device type: {asked.type} was passed"
            )
    if index == 0:
        return _made(_empty((0,), kind, device), args)
    if index == 1:
        return _made(_over_storage(values[0], kind), args)
    if index == 2:
        return _alias(values[0], kind, device, typed)
    given = values[0]
    if index == 3 and (isinstance(given, Size) or not (args and isinstance(args[0], (tuple, list)))):
        return _made(_empty(tuple(given), kind, device), args, "empty")
    if index == 3 and args and isinstance(args[0], Size):
        return _made(_empty(tuple(args[0]), kind, device), args, "empty")
    data = args[0] if args else given
    return _made(_from_sequence(data, kind, device), args)


def _made(made: Tensor, args: tuple[Any, ...], operator: str = "Tensor") -> Tensor:
    if mode.inference:
        made.inference = True
    if events.observer is not None:
        events.observer.made(made, operator, args)
    return made


def _empty(sizes: tuple[int, ...], kind: dtype, device: Device) -> Tensor:
    if any(size < 0 for size in sizes):
        raise messages.negative_size(sizes)
    made = allocation.empty(sizes, None, kind, resolve(device))
    value = unset(kind)
    if value:
        made.fill_(value)
    return made


def _over_storage(source: Any, kind: dtype) -> Tensor:
    own = getattr(source, "dtype", None)
    if own is not None and own is not kind:
        raise RuntimeError(
            f"Expected a Storage of type {kind.scalar_type} or an UntypedStorage, but got type {own.scalar_type} for "
            "argument 1 'storage'"
        )
    storage = source.engine_storage
    shape = geometry.contiguous((storage.nbytes // kind.itemsize,))
    return laid_over(storage, shape, kind, False, 0)


def _alias(other: Tensor, kind: dtype, device: Device, typed: bool) -> Tensor:
    if typed and (other.dtype is not kind or other.device.type != device.type):
        raise TypeError(f"expected {_options(kind, device)} (got {_options(other.dtype, other.device)})")
    return functions.alias(other)  # type: ignore[no-any-return]


def _options(kind: dtype, device: Device) -> str:
    return (
        f"TensorOptions(dtype={kind.cpp_name}, device={device}, "
        "layout=Strided, requires_grad=false (default), pinned_memory=false (default), memory_format=(nullopt))"
    )


def _from_sequence(data: Any, kind: dtype, device: Device) -> Tensor:
    if isinstance(data, np.ndarray):
        shared = share(data)
        if shared.dtype is kind and device == CPU:
            return shared
        return shared.to(device=resolve(device), dtype=kind)  # type: ignore[no-any-return]
    sequence = hasattr(type(data), "__getitem__") and not isinstance(data, (dict, np.generic))
    if not sequence:
        raise TypeError(f"new(): data must be a sequence (got {type_name(type(data))})")
    return from_data(data, kind, device)


# ---- torch.Tensor


def new_of_class(cls: type[Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """`torch.Tensor(...)`: of the default dtype, but a tensor given is aliased whatever its dtype."""
    made = construct(dtypes.default.floating, CPU, False, args, kwargs)
    if cls is not Tensor:
        made.__class__ = cls
    return made


def new(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`t.new(...)`: the legacy constructor of t's own dtype and device."""
    return construct(self.dtype, self.device, True, args, kwargs, _NEW)


# ---- torch.FloatTensor and its kind


class tensortype(type):  # noqa: N801 (PyTorch's name)
    """The class of the legacy types. They make tensors when called and know their own by dtype and device."""

    dtype: dtype
    device_type: str

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        for base in bases:
            if isinstance(base, tensortype):
                raise TypeError(f"type '{base.__module__}.{base.__name__}' is not an acceptable base type")
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *args: Any, **kwargs: Any) -> Tensor:
        if cls.device_type == "cuda":
            try:
                device = resolve("cuda")
            except AssertionError:
                raise TypeError(
                    f"type {cls.__module__}.{cls.__name__} not available. Torch not compiled with CUDA enabled."
                ) from None
            return construct(cls.dtype, device, True, args, kwargs)
        return construct(cls.dtype, CPU, True, args, kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, Tensor)
            and instance.dtype is cls.dtype
            and instance.device.type == cls.device_type
        )


_KINDS: Final = {
    "FloatTensor": dtypes.float32,
    "DoubleTensor": dtypes.float64,
    "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16,
    "LongTensor": dtypes.int64,
    "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16,
    "CharTensor": dtypes.int8,
    "ByteTensor": dtypes.uint8,
    "BoolTensor": dtypes.bool_,
}


def _types(module: str, device: str) -> dict[str, Any]:
    found = {}
    for name, kind in _KINDS.items():
        namespace = {
            "__module__": module,
            "__doc__": f"Makes tensors of {kind!r} from sizes, data or tensors, as PyTorch did of old.",
            "dtype": kind,
            "device_type": device,
            "layout": formats.strided,
            "is_cuda": device == "cuda",
            "is_sparse": False,
        }
        found[name] = tensortype(name, (), namespace)
    return found


tensortype.__module__ = "torch"
CPU_TYPES: Final = _types("torch", "cpu")
CUDA_TYPES: Final = _types("torch.cuda", "cuda")
globals().update(CPU_TYPES)


def parse_type(name: str) -> tuple[dtype, Device]:
    """The dtype and device that a name like `torch.FloatTensor` stands for. Errors: ValueError."""
    prefix, _, last = name.rpartition(".")
    if prefix == "torch" and last == "Tensor":
        return dtypes.default.floating, CPU
    if prefix not in ("torch", "torch.cuda") or last not in _KINDS:
        raise ValueError(f"invalid type: '{name}'")
    return _KINDS[last], CPU if prefix == "torch" else Device("cuda")


def type_of_class(kind: type) -> tuple[dtype, Device]:
    """The dtype and device of a legacy type, or of torch.Tensor. Errors: TypeError, ValueError."""
    if isinstance(kind, tensortype):
        return kind.dtype, Device(kind.device_type)
    if kind is Tensor:
        return dtypes.default.floating, CPU
    if not isinstance(kind, type):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    raise ValueError(f"invalid type: '{type_name(kind)}'")


def set_default_tensor_type(t: Any, /) -> None:
    """Set the default dtype by a legacy type or its name. Deprecated in PyTorch."""
    messages.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        once=True,
    )
    kind, device = parse_type(t) if isinstance(t, str) else type_of_class(t)
    if device.type == "cuda" and not cuda_devices():
        name = t if isinstance(t, str) else f"{t.__module__}.{t.__name__}"
        raise TypeError(f"type {name} not available. {NOT_COMPILED}.")
    set_default_dtype(kind)
