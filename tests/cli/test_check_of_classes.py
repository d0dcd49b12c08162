"""`check` of scripts with classes, which the language does not have: they are read with functions in their place."""

from pathlib import Path

from tests.cli.conftest import Run

NET = """import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = {}

    def forward(self, x):
        return self.last(x)

net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
net(torch.ones(2)).sum().backward()
opt.step()
"""
PARTS = NET.replace("{}", "[nn.Linear(2, 2)]\n        self.last = nn.Linear(2, 1)").replace(
    "self.last(x)", "self.last(self.parts[0](x))"
)


def test_the_hazards_of_a_class_are_listed_by_its_lines(run: Run, tmp_path: Path) -> None:
    Path("net.py").write_text(PARTS)
    done = run("check", "net.py")
    assert done.status == 4
    assert done.out.startswith(
        "net.py:15:1: TSC-H031: unheld-parameter: opt does not hold what is in net.parts"
    )
    assert done.err == (
        "tensorcli: net.py:3: class is not part of the language; written without it, the text runs to its end\n"
    )


def test_a_class_without_hazards_is_checked(run: Run, tmp_path: Path) -> None:
    Path("net.py").write_text(PARTS.replace("[nn.Linear(2, 2)]", "nn.ModuleList([nn.Linear(2, 2)])"))
    done = run("check", "net.py")
    assert (done.status, done.out) == (0, "")


def test_a_class_that_fails_is_said_to(run: Run, tmp_path: Path) -> None:
    Path("net.py").write_text(PARTS.replace("torch.ones(2)", "torch.ones(3)"))
    done = run("check", "net.py")
    assert done.status == 1
    assert (
        "written without it, the text runs up to line 10, return self.last(self.parts[0](x)), which raises"
        in done.err
    )


def test_a_class_that_is_no_python_is_refused(run: Run, tmp_path: Path) -> None:
    Path("net.py").write_text("import torch\nclass Net(torch.nn.Module):\ndef forward(self, x):\nreturn x\n")
    done = run("check", "net.py")
    assert done.status == 65
    assert (
        "the text ends before line 3, which is not Python: expected an indented line after 'class'"
        in done.err
    )


def test_a_class_that_pytorch_refuses_is_said_to(run: Run, tmp_path: Path) -> None:
    Path("net.py").write_text(
        PARTS.replace("        super().__init__()\n", "")
        .replace("[nn.Linear", "nn.ModuleList([nn.Linear")
        .replace("2)]", "2)])")
    )
    done = run("check", "net.py")
    assert done.status == 1
    assert "net.py:3: Net does not call super().__init__(): PyTorch raises AttributeError" in done.err
