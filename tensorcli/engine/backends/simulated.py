"""Simulated CUDA: devices whose memory is the host's, with PyTorch's rules about devices and none of their speed.

Storages are numpy's and marked with the device. A transfer copies, as a real one does, so that no memory is ever shared
between two devices; kernels are the CPU's, and so are their results.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcli.engine.backends import Backend, Description, Memory
from tensorcli.engine.devices import Device, drawing_on

_TOTAL = 16 << 30
"""What a simulated device claims to have."""


class SimulatedBackend(Backend):
    """numpy's arrays, marked as lying on a CUDA device."""

    name = "simulated"
    simulated = True

    def from_host(self, array: Any, device: Device) -> Any:
        return np.array(array)

    def to_host(self, array: Any) -> Any:
        return np.array(array)

    def run(self, name: str, kernel: Callable[..., Any], arguments: list[Any], device: Device) -> Any:
        with drawing_on(device):
            return kernel(np, *arguments)

    def memory(self, device: Device) -> Memory | None:
        # The same on every machine, so that a script prints the same wherever it runs.
        from tensorcli.engine.storage import ledger

        return Memory(_TOTAL - ledger.allocated.get(device, 0), _TOTAL)

    def describe(self, device: Device) -> Description:
        return Description("numpy", np.__version__, f"Simulated CUDA device {device.index}")
