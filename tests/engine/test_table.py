"""The table of operators, which is read chapter by chapter."""

import subprocess
import sys
from pathlib import Path

from tensorcli.engine.ops import CHAPTERS

INTERRUPTED = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import tensorcli.engine as torch
from tensorcli.engine import ops
read = ops.import_module
def interrupted(name):
    if name.endswith(".fft"):
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


READ = """
import sys
import tensorcli.engine as torch
torch.%s
print(*sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("tensorcli.engine.ops.")))
"""


def chapters_read_for(name: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", READ % name], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & set(CHAPTERS)


def test_asking_for_an_operator_reads_its_chapter_and_not_the_table() -> None:
    assert "softmax" in chapters_read_for("softmax")
    assert len(chapters_read_for("softmax")) < len(CHAPTERS) / 3


def test_an_import_within_the_engine_reads_no_chapter() -> None:
    assert chapters_read_for("max(torch.ones(2, 3), 1)") < set(CHAPTERS)


def test_asking_for_all_operators_reads_the_table() -> None:
    assert chapters_read_for("__dir__()") == set(CHAPTERS)


def test_a_word_that_is_no_operator_reads_nothing() -> None:
    asked = "__name__; assert 'tensor' not in sys.modules['tensorcli.engine.table'].PACKETS"
    assert chapters_read_for(asked) == chapters_read_for("__name__")


def test_the_contents_are_what_the_chapters_declare() -> None:
    script = Path(__file__).parents[2] / "scripts" / "list_contents.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_property_is_found_although_nothing_read_its_chapter_before() -> None:
    script = "import tensorcli.engine as torch; print(torch.tensor([1j, 2]).real, torch.tensor([1j, 2]).imag)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "tensor([0., 2.]) tensor([1., 0.])\n"


UNNAMED = """
import tensorcli.engine as torch
from tensorcli.engine import ops
from tensorcli.engine.ops._contents import NAMES
at_first = {name for kind in torch.Tensor.__mro__ for name in vars(kind)}
ops.read_all()
for name in dir(torch.Tensor):
    getattr(torch.Tensor, name, None)
print(*(set(dir(torch.Tensor)) - at_first - {name for names in NAMES.values() for name in names.split()}))
"""


def test_each_attribute_of_tensors_is_there_from_the_start_or_named_in_the_contents() -> None:
    done = subprocess.run([sys.executable, "-c", UNNAMED], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
