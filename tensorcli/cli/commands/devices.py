"""`tensorcli devices`: the devices that tensors can be on here."""

from __future__ import annotations

from tensorcli.cli.once import show
from tensorcli.cli.parameters import Color, Format, SimulateCuda


def devices(simulate_cuda: SimulateCuda = 0, color: Color = "auto", format: Format = "text") -> int:
    """List the devices, and what to install for those that are missing.

    Each with its library and version, its GPU and its free memory.
    """
    from tensorcli.engine.backends import simulate
    from tensorcli.engine.backends.inventory import inventory
    from tensorcli.explorer.results import Devices, Field

    if simulate_cuda:
        simulate(simulate_cuda)
    found = Devices(tuple(Field(name, there, text) for name, there, text in inventory()))
    return show("devices", found, color, format)
