"""Devices: PyTorch's `torch.device`, which device an argument names, and where factories make their tensors.

A device that tensors can lie on is one object (`CPU`, `META`, `cuda(0)`), compared by identity where speed matters. Which
CUDA devices there are is `visible.cuda`: none until a simulation is switched on (`backends.simulate`) or until a script
first asks for the device and CuPy finds a card (`backends.find_cuda`). This module knows no arrays and no tensors.
"""

import re
from typing import Any

from tensorcli.engine import process
from tensorcli.engine.native import Native, type_name

_TYPES = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
).split(", ")
_STRING = "([A-Za-z_]+)(?::(0|[1-9][0-9]*))?"
_MOST_IN_TEXT = 2**31 - 1
"""The largest index that PyTorch reads from a device string, into an int of C."""
NOT_COMPILED = "Torch not compiled with CUDA enabled"
NO_ACCELERATOR = "Cannot access accelerator device when none is available."
INVALID_ORDINAL = (
    "CUDA error: invalid device ordinal\nGPU device may be out of range, do you have enough GPUs?\n"
    "CUDA kernel errors might be asynchronously reported at some other call, so the stacktrace below might be "
    "incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\nCompile with `TORCH_USE_CUDA_DSA` to enable "
    "device-side assertions.\n"
)
"""What CUDA answers to a number beyond the last device (c10/cuda/CUDAException.cpp)."""


class AcceleratorError(RuntimeError):
    """`torch.AcceleratorError`: an error that the device's own library reported."""

    __module__ = "torch"


class OutOfMemoryError(RuntimeError):
    """`torch.OutOfMemoryError`: a device has no room for what it was asked to hold."""

    __module__ = "torch"


class Device(Native):
    """`torch.device`: a type and an index (None: the current one). Equal and hashed by value.

    As a context it makes factories use the device. Errors: RuntimeError, TypeError with PyTorch's texts.
    """

    __module__ = "torch"
    __qualname__ = "device"
    __slots__ = ("index", "type")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind, index = _arguments(args, kwargs)
        if isinstance(kind, Device):
            self.type: str = kind.type
            self.index: int | None = kind.index
            return
        if isinstance(kind, int):
            if kind < 0:
                raise RuntimeError("Device index must not be negative")
            if not cuda_devices():
                raise RuntimeError(NO_ACCELERATOR)
            kind, index = "cuda", kind
        if not kind:
            raise RuntimeError("Device string must not be empty")
        name, number = kind, None
        if kind not in _TYPES:
            found = re.fullmatch(_STRING, kind)
            if found is None:
                raise RuntimeError(f"Invalid device string: '{kind}'")
            name, number = found.groups()
        if name not in _TYPES:
            raise RuntimeError(
                f"Expected one of {', '.join(_TYPES)} device type at start of device string: {name}"
            )
        if number is not None:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {kind}"
                )
            index = int(number)
            if index > _MOST_IN_TEXT:
                raise RuntimeError(f"Could not parse device index '{number}' in device string '{kind}'")
        elif index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
        self.type = name
        self.index = None if index is None else _stored(index)

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')"
            if self.index is None
            else f"device(type='{self.type}', index={self.index & 0xFFFF})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __copy__(self) -> "Device":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Device":
        return self

    def __reduce__(self) -> Any:
        return (_device, (str(self),))

    def __enter__(self) -> "Device":
        default.entered.append(default.device)
        default.device = self
        return self

    def __exit__(self, *error: object) -> None:
        default.device = default.entered.pop()

    def __lt__(self, other: object) -> bool:
        if isinstance(other, Device):
            raise TypeError("comparison not implemented")
        return NotImplemented

    __gt__ = __le__ = __ge__ = __lt__


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The type and index that were passed. Errors: TypeError with PyTorch's text."""
    unknown = set(kwargs) - {"type", "index", "device"}
    given = list(args)
    if not given and "device" in kwargs:
        given = [kwargs["device"]]
    kind = given[0] if given else kwargs.get("type")
    index = given[1] if len(given) > 1 else kwargs.get("index")
    kinds = (str,) if "type" in kwargs else (str, Device, int)
    if unknown or len(given) > 2 or not isinstance(kind, kinds) or isinstance(kind, bool):
        raise TypeError(_combination(args, kwargs))
    if index is not None and not isinstance(kind, str):
        raise TypeError(f"device(): argument 'type' (position 1) must be str, not {type_name(type(kind))}")
    if index is not None and (not isinstance(index, int) or isinstance(index, bool)):
        raise TypeError(f"device(): argument 'index' (position 2) must be int, not {type_name(type(index))}")
    for number in (kind, index):
        if isinstance(number, int) and not -(2**63) <= number < 2**63:
            from tensorcli.engine.binding.messages import OVERFLOW

            raise ValueError(OVERFLOW)
    return kind, index


def _stored(index: int) -> int | None:
    """The index as the signed byte that PyTorch keeps, in which -1 is none."""
    byte = (index + 128) % 256 - 128
    return None if byte == -1 else byte


def _combination(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    from tensorcli.engine.binding.messages import described

    names = [type_name(type(value)) for value in args]
    named = [f"{name}={type_name(type(value))}, " for name, value in kwargs.items()]
    wrong = ""
    if kwargs:
        wrong = f"      didn't match because some of the keywords were incorrect: {', '.join(kwargs)}\n"
    elif len(names) == 1:
        wrong = (
            f"      didn't match because some of the arguments have invalid types: (!{described(args[0])}!)\n"
        )
    return (
        f"device() received an invalid combination of arguments - got ({', '.join(names)}{''.join(named)}), but expected "
        f"one of:\n * (torch.device device)\n{wrong} * (str type, int index = -1)\n"
    )


def _device(text: str) -> Device:
    """A device from a pickle, which knows no module called torch."""
    return Device(text)


CPU = Device("cpu")
META = Device("meta")


class Visible:
    """The CUDA devices that there are, and which of them is the current one. `searched`: CuPy was asked already."""

    __slots__ = ("cuda", "current", "searched")

    def __init__(self) -> None:
        self.cuda: tuple[Device, ...] = ()
        self.current = 0
        self.searched = False


class drawing_on:  # noqa: N801 (a context, used as a function)
    """Random operators inside draw from this device's default generator."""

    __slots__ = ("before", "device")

    def __init__(self, device: Device) -> None:
        self.device = device

    def __enter__(self) -> None:
        self.before, drawing.device = drawing.device, self.device

    def __exit__(self, *error: object) -> None:
        drawing.device = self.before


class Default:
    """The device of factories that name none: None stands for the CPU. `entered`: what contexts go back to."""

    __slots__ = ("device", "entered")

    def __init__(self) -> None:
        self.device: Device | None = None
        self.entered: list[Device | None] = []


class Drawing:
    """The device whose kernel runs: random operators draw from its default generator meanwhile."""

    __slots__ = ("device",)

    def __init__(self) -> None:
        self.device = CPU


visible = Visible()
drawing = Drawing()
default = Default()


process.keep_attributes(visible, "current")
process.keep_attributes(default, "device")
process.keep_contents(default.entered)


def cuda_devices() -> tuple[Device, ...]:
    """The CUDA devices that tensors can lie on. The first call looks for CuPy and a card."""
    if not visible.searched:
        visible.searched = True
        if not visible.cuda:
            from tensorcli.engine.backends import find_cuda

            find_cuda()
    return visible.cuda


def resolve(device: "Device | str | int | None", moving: bool = False) -> Device:
    """The device that an argument `device=` names, with its index filled in; None names the default. `moving` says that
    a tensor is to be copied there.

    Errors: PyTorch's, when it is not there: AssertionError for a build without it, AcceleratorError for a wrong number.
    """
    if device is None:
        if default.device is None:
            return CPU
        device = default.device
    if device is CPU:
        return CPU
    found = device if isinstance(device, Device) else Device(device)
    if found.type == "cpu":
        return CPU
    if found.type == "meta":
        return META
    if found.type == "cuda":
        return _cuda(found.index)
    if found.type == "xpu":
        raise AssertionError("Torch not compiled with XPU enabled")
    if moving:
        raise RuntimeError(f"PyTorch is not linked with support for {found.type} devices")
    raise NotImplementedError(
        f"Could not run 'aten::empty.memory_format' with arguments from the '{found.type.upper()}' backend."
    )


def _cuda(index: int | None) -> Device:
    found = cuda_devices()
    if not found:
        raise AssertionError(NOT_COMPILED)
    number = visible.current if index is None else index
    if number >= len(found):
        raise AcceleratorError(INVALID_ORDINAL)
    return found[number]
