"""`torch.utils.dlpack`: tensors to capsules and back."""

from typing import Any

from tensorcli.engine.bridge import DLDeviceType, dlpack
from tensorcli.engine.construct import from_dlpack
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule over the tensor's memory, which can be taken once; of one that asks for gradients too. Errors: TypeError."""
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"_to_dlpack(): argument 'data' (position 1) must be Tensor, not {type_name(type(tensor))}"
        )
    return dlpack(tensor.detach())


__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
