"""Simulated CUDA: devices whose memory is the host's, with PyTorch's rules about devices and none of their speed.

Storages are numpy's and marked with the device. A transfer copies, as a real one does, so that no memory is ever shared
between two devices; kernels are the CPU's, and so are their results.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcli.engine.backends import Backend, Description, drawing_on
from tensorcli.engine.devices import Device


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

    def describe(self, device: Device) -> Description:
        return Description("numpy", np.__version__, f"Simulated CUDA device {device.index}")
