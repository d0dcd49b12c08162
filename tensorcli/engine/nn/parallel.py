"""`torch.nn.DataParallel` over the processor or one device: the module itself, under the name `module`."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from tensorcli.engine import cuda
from tensorcli.engine.devices import resolve
from tensorcli.engine.nn.module import Module


class DataParallel(Module):
    """A module whose batches are spread over devices: there is one at most, so that its own call is all that is left."""

    __module__ = "torch.nn.parallel.data_parallel"

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []
        if not cuda.is_available():
            return
        self.dim = dim
        self.device_ids = [0]
        self.output_device = 0
        self.src_device_obj = resolve("cuda:0")
        module.to(self.src_device_obj)

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module makes of its inputs, on the device where it is."""
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        where = self.src_device_obj
        for each in chain(self.module.parameters(), self.module.buffers()):
            if each.device != where:
                raise RuntimeError(
                    f"module must have its parameters and buffers on device {where} (device_ids[0]) but found one of them on "
                    f"device: {each.device}"
                )
        moved = (one.to(where) if hasattr(one, "to") else one for one in inputs)
        return self.module(
            *moved, **{name: v.to(where) if hasattr(v, "to") else v for name, v in kwargs.items()}
        )
