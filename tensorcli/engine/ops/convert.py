"""Conversions: another dtype, device or memory format; the tensor itself when it has what is asked for already."""

from typing import Any, Final

from tensorcli.engine import dtypes, formats, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite
from tensorcli.engine.devices import CPU, NO_ACCELERATOR, Device, cuda_devices, resolve
from tensorcli.engine.tensor import Tensor, wrapped_number


def convert(self, device=None, dtype=None, non_blocking=False, copy=False, memory_format=None):
    """`Tensor.to`, whatever its form: the tensor itself when nothing changes and no copy is asked for."""
    target = self.device if device is None else resolve(device, moving=True)
    kind = self.dtype if dtype is None else dtype
    kept = memory_format is None or memory_format is formats.preserve_format
    if (
        not copy
        and kind is self.dtype
        and target == self.device
        and (kept or memory_format is formats.suggested(self.geometry))
    ):
        return self
    return functions._to_copy(
        self, dtype=kind, device=target, non_blocking=bool(non_blocking), memory_format=memory_format
    )


@composite(
    "to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, "
    "MemoryFormat? memory_format=None) -> Tensor(a)",
    variants="method",
    notation="to(Device device=None, ScalarType dtype=None, bool non_blocking=False, bool copy=False, *, "
    "MemoryFormat? memory_format=None)",
)
def to_device(self, device, dtype, non_blocking, copy, memory_format):
    """The tensor itself when it has that dtype and lies on that device already, else a copy."""
    return convert(self, device, dtype, non_blocking, copy, memory_format)


@composite(
    "to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, "
    "MemoryFormat? memory_format=None) -> Tensor(a)",
    variants="method",
    notation="to(ScalarType dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None)",
)
def to_dtype(self, dtype, non_blocking, copy, memory_format):
    """The tensor itself when it has that dtype already, else a copy."""
    return convert(self, None, dtype, non_blocking, copy, memory_format)


@composite(
    "to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, "
    "MemoryFormat? memory_format=None) -> Tensor(a)",
    variants="method",
    notation="to(Tensor tensor, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None)",
)
def to_other(self, other, non_blocking, copy, memory_format):
    """The tensor itself when it has the dtype and device of another already, else a copy."""
    if not isinstance(other, Tensor):
        other = wrapped_number(other)
    return convert(self, other.device, other.dtype, non_blocking, copy, memory_format)


@composite("type_as(Tensor self, Tensor other) -> Tensor", variants="method")
def type_as(self, other):
    """The tensor itself when it has the dtype of another already, else a copy."""
    return convert(self, other.device, other.dtype)


def _casts(name, kind):
    """`x.float()` and its kind."""

    alias = "" if name == "chalf" else "(a)"

    @composite(
        f"{name}(Tensor{alias} self, *, MemoryFormat? memory_format=None) -> Tensor{alias}",
        variants="method",
        notation=f"{name}(*, MemoryFormat? memory_format=None)",
    )
    def cast(self, memory_format):
        return convert(self, None, kind, memory_format=memory_format)

    cast.__doc__ = f"The tensor as {kind!r}: itself when it is that already."


for _name, _kind in {
    "float": dtypes.float32,
    "double": dtypes.float64,
    "half": dtypes.float16,
    "bfloat16": dtypes.bfloat16,
    "int": dtypes.int32,
    "long": dtypes.int64,
    "short": dtypes.int16,
    "char": dtypes.int8,
    "byte": dtypes.uint8,
    "bool": dtypes.bool_,
    "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
    "chalf": dtypes.complex32,
}.items():
    _casts(_name, _kind)


@composite(
    "cpu(Tensor(a) self, *, MemoryFormat? memory_format=None) -> Tensor(a)",
    variants="method",
    notation="cpu(*, MemoryFormat? memory_format=None)",
)
def cpu(self, memory_format):
    """The tensor on the CPU: itself when it lies there already."""
    return convert(self, CPU, memory_format=memory_format)


@composite(
    "cuda(Tensor(a) self, Device? device=None, bool non_blocking=False, *, MemoryFormat? memory_format=None) -> Tensor(a)",
    variants="method",
    notation="cuda(Device? device=None, bool non_blocking=False, *, MemoryFormat? memory_format=None)",
)
def cuda(self, device, non_blocking, memory_format):
    """The tensor on a CUDA device: itself when it lies there already."""
    found = Device("cuda" if device is None else device)
    if found.type != "cuda":
        raise RuntimeError("Invalid device, must be cuda device")
    return convert(self, found, None, non_blocking, memory_format=memory_format)


def pinned_copy(self):
    """`pin_memory()`. Errors: RuntimeError without an accelerator, and for tensors that are not on the CPU."""
    if not cuda_devices():
        raise RuntimeError(NO_ACCELERATOR)
    if self.memory.pinned:
        return self
    if self.device is not CPU:
        raise RuntimeError(f"cannot pin '{type_string(self)}' only dense CPU tensors can be pinned")
    return functions._to_copy(self, pin_memory=True)


def type_string(self: Any) -> str:
    """`torch.FloatTensor`: the legacy name of a tensor's dtype and device."""
    kind = self.dtype
    name = (
        kind.tensor_type.removeprefix("torch.")
        if kind.tensor_type.startswith("torch.")
        else f"{kind.scalar_type}Tensor"
    )
    prefix = "" if self.device.type == "cpu" else f"{self.device.type}."
    return f"torch.{prefix}{name}"


def _type(self, dtype=None, non_blocking=False, *, memory_format=None):
    if dtype is None:
        return type_string(self)
    device = None
    if isinstance(dtype, str):
        from tensorcli.engine.construct.legacy import parse_type

        dtype, device = parse_type(dtype)
    elif isinstance(dtype, type):
        from tensorcli.engine.construct.legacy import type_of_class

        dtype, device = type_of_class(dtype)
    elif not isinstance(dtype, dtypes.dtype):
        raise TypeError("dtype must be a type, str, or dtype object")
    return convert(self, device, dtype, non_blocking, memory_format=memory_format)


@composite(
    "type(Tensor(a) self, ScalarType? dtype=None, bool non_blocking=False, *, MemoryFormat? memory_format=None) "
    "-> Tensor(a)",
    variants="method",
    notation="type(PyObject* dtype=None, bool non_blocking=False, *, MemoryFormat? memory_format=None)",
)
def type_(self, dtype, non_blocking, memory_format):
    """The legacy name of the dtype (`torch.FloatTensor`), or the tensor converted to a dtype, type or name."""
    return _type(self, dtype, non_blocking, memory_format=memory_format)


_PINNED_FOR: Final = "The argument 'device' of Tensor.{}() is deprecated. Please do not pass this argument."


@composite("pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)", variants="method")
def pin_memory(self, device):
    """A copy in page-locked memory, from which devices copy without waiting; itself when it lies there. Needs a device."""
    if device is not None:
        for name in ("pin_memory", "is_pinned"):
            messages.warn(_PINNED_FOR.format(name), DeprecationWarning)
    return pinned_copy(self)


@composite("is_pinned(Tensor self, Device? device=None) -> bool", variants="method")
def is_pinned(self, device):
    """Whether the memory is page-locked: never without an accelerator."""
    if device is not None:
        messages.warn(_PINNED_FOR.format("is_pinned"), DeprecationWarning)
    return self.memory.pinned
