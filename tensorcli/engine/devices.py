"""Devices: where a tensor's bytes lie, and PyTorch's `torch.device`."""

from typing import Any

_TYPES = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
).split(", ")


class Device:
    """`torch.device`: a type and an index (None: the current one). Equal and hashed by value."""

    __slots__ = ("index", "type")

    def __init__(self, type: Any, index: int | None = None) -> None:  # noqa: A002 (PyTorch's argument name)
        if isinstance(type, Device):
            self.type: str = type.type
            self.index: int | None = type.index
            return
        if isinstance(type, int):
            type, index = "cuda", type
        name, colon, number = type.partition(":")
        if not name or name not in _TYPES:
            raise RuntimeError(
                f"Expected one of {', '.join(_TYPES)} device type at start of device string: {name}"
                if name.isidentifier()
                else f"Invalid device string: '{type}'"
            )
        if colon:
            if not number.isdigit() or (len(number) > 1 and number[0] == "0"):
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        self.type = name
        self.index = index

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')"
            if self.index is None
            else f"device(type='{self.type}', index={self.index})"
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


CPU = Device("cpu")
META = Device("meta")


def resolve(device: "Device | str | int | None") -> Device:
    """The device that an argument `device=` names, with its index filled in. Errors: PyTorch's, when it is not there."""
    if device is None or device is CPU:
        return CPU
    found = device if isinstance(device, Device) else Device(device)
    if found.type == "cpu":
        return CPU
    if found.type == "meta":
        return META
    if found.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled")
    raise RuntimeError(f"device type {found.type} is not there")
