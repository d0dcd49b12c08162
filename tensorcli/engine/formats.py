"""Memory formats and layouts: PyTorch's names for how a tensor lies in memory.

The objects are compared by identity and printed as PyTorch prints them. This module knows no tensors.
"""

from typing import Final

from tensorcli.engine.geometry import Geometry, suggests_channels_last
from tensorcli.engine.native import Native, seal


class _Named(Native):
    """A constant of the torch namespace."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return _of_name, (self.name,)

    def __copy__(self) -> "_Named":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "_Named":
        return self


def _of_name(name: str) -> _Named:
    """A constant from a pickle, which knows no module called torch."""
    found: _Named = globals()[name]
    return found


class memory_format(_Named):  # noqa: N801 (PyTorch's name)
    """`torch.memory_format`: the order of strides that a copy is asked to have."""

    __module__ = "torch"
    __slots__ = ()


class layout(_Named):  # noqa: N801 (PyTorch's name)
    """`torch.layout`: strided, or one of the sparse layouts (which have a name here and no tensors)."""

    __module__ = "torch"
    __slots__ = ()


contiguous_format: Final = memory_format("contiguous_format")
preserve_format: Final = memory_format("preserve_format")
channels_last: Final = memory_format("channels_last")
channels_last_3d: Final = memory_format("channels_last_3d")

strided: Final = layout("strided")
sparse_coo: Final = layout("sparse_coo")
sparse_csr: Final = layout("sparse_csr")

for _kind in (memory_format, layout):
    seal(_kind)


def suggested(shape: Geometry) -> memory_format:
    """The memory format that strides look like (c10's suggest_memory_format)."""
    if not suggests_channels_last(shape):
        return contiguous_format
    return channels_last if shape.ndim == 4 else channels_last_3d
