"""`tensorcli devices`: what tensors can lie on here."""

from __future__ import annotations

import sys

from tensorcli.cli.parameters import Color, SimulateCuda


def devices(simulate_cuda: SimulateCuda = 0, color: Color = "auto") -> int:
    """List the devices, and what to install for those that are missing.

    Each with its library and version, its card and its free memory.
    """
    from tensorcli.engine.backends import simulate
    from tensorcli.engine.backends.inventory import inventory
    from tensorcli.explorer.results import Devices, Field
    from tensorcli.render.pages import render
    from tensorcli.repl.screen import Screen

    if simulate_cuda:
        simulate(simulate_cuda)
    found = Devices(tuple(Field(name, there, text) for name, there, text in inventory()))
    screen = Screen(sys.stdout, color)
    screen.page(render(found, screen.width))
    screen.flush()
    return 0
