"""The table of operators, which is read chapter by chapter."""

import subprocess
import sys

INTERRUPTED = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import tensorcli.engine as torch
from tensorcli.engine import ops
read = ops.import_module
def interrupted(name):
    os.kill(os.getpid(), signal.SIGINT)
    return read(name)
ops.import_module = interrupted
try:
    torch.fft.fft(torch.ones(2))
except KeyboardInterrupt:
    print("interrupted")
print(torch.fft.fft(torch.ones(2)), torch.special.bessel_j0(torch.zeros(1)))
"""


def test_an_interrupt_while_chapters_are_read_loses_no_operator() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["interrupted", "tensor([2.+0.j, 0.+0.j]) tensor([1.])"]
