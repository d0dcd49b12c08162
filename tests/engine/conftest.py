"""What the tests of devices run under."""

from collections.abc import Iterator

import pytest

from tensorcli.engine import devices, process
from tensorcli.engine.backends import simulate
from tensorcli.engine.devices import Device, resolve


@pytest.fixture
def no_cuda() -> Iterator[None]:
    """The test begins without a CUDA device, also on a machine that has one."""
    with process.aside():  # what is said once is left for others to hear
        process.reset()
        devices.visible.searched = True
        yield
        simulate(0)


@pytest.fixture
def cuda(no_cuda: None) -> Device:
    """Two simulated CUDA devices; the first one."""
    simulate(2)
    return resolve("cuda")
