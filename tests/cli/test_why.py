"""`tensorcli why`: the reason of a script's failure, from the shell."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STALE = """\
w = torch.tensor([1., 2., 3.], requires_grad=True)
print("hello")
y = w.exp()
loss = (y * w).sum()
y.mul_(10)
loss.backward()
"""


@pytest.fixture
def stale(run, tmp_path: Path) -> str:
    (tmp_path / "stale.py").write_text(STALE)
    return "stale.py"


def test_what_a_limit_stopped_is_not_said_to_have_run(run) -> None:
    done = run("why", "-c", "x = [0] * 10**12")
    assert done.out.startswith(
        " x = [0] * 10**12 was stopped, and its statement taken back whole: the repeated list"
    )


def test_an_interrupt_while_the_script_runs_ends_why_with_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorcli", "why", "--allow-files", str(tmp_path), "-"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("save begun.tsc\nwhile True: pass\n")
    process.stdin.close()
    process.stdin = None
    while not (tmp_path / "begun.tsc").exists():  # what the script prints is not shown
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in err


def test_a_failing_script_says_how_to_learn_why(run, stale: str) -> None:
    assert run("run", "--quiet", stale).err.endswith("  why, and ways out: tensorcli why stale.py\n")
    assert "tensorcli why" not in run("run", "-c", STALE).err


def test_why_names_the_line_that_wrote_and_prints_nothing_of_the_scripts(run, stale: str) -> None:
    done = run("why", stale)
    assert done.status == 0
    assert done.out.startswith(" line 5 wrote over a value that line 4 had saved for backward.")
    assert "hello" not in done.out
    assert "stale.py:6:1: RuntimeError: one of the variables" in done.err
    assert "tensorcli why" not in done.err


def test_why_of_a_gradient(run) -> None:
    done = run("why", "-c", "x = ones(2)\ny = x * 2", "x.grad")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(" x.grad is None because")


def test_why_of_several_words(run) -> None:
    assert (
        "line 1 made it without requires_grad"
        in run("why", "-c", "x = ones(2)", "not", "x.requires_grad").out
    )


def test_why_of_a_script_that_runs(run) -> None:
    assert (
        run("why", "-c", "x = 1").out
        == " no statement has failed; `why x` and `why x.grad` ask about a tensor and its gradient\n"
    )


@pytest.mark.parametrize("way", [1, 2, 3])
def test_a_way_out_is_a_patch_that_leads_out(run, stale: str, tmp_path: Path, way: int) -> None:
    done = run("why", stale, "--fix", str(way))
    assert done.status == 0
    assert done.out.startswith("--- stale.py\n+++ stale.py\n@@ ")
    (tmp_path / "fixed.py").write_text(patched(STALE, done.out))
    assert (tmp_path / "fixed.py").read_text() != STALE
    assert run("run", "--quiet", "fixed.py").status == 0


def test_a_patch_puts_functions_in_the_place_of_classes(run, tmp_path: Path) -> None:
    text = "import torch.nn as nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return 2 * x\nprint(Net()(1))\n"
    (tmp_path / "net.py").write_text(text)
    done = run("run", "net.py")
    assert done.status == 65
    assert done.err.endswith("  why, and ways out: tensorcli why net.py\n")
    assert "so written it runs to its end" in run("why", "net.py").out
    (tmp_path / "fixed.py").write_text(patched(text, run("why", "net.py", "--fix", "1").out))
    assert run("run", "--quiet", "fixed.py").out == "2\n"


def test_no_patch_is_written_for_a_script_with_prompts(run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(">>> class A:\n...     x = 1\n...\n>>> print(A().x)\n")
    done = run("why", "net.py", "--fix", "1")
    assert done.status != 0
    assert "the script has prompts or an indent of its own" in done.err


def patched(text: str, patch: str) -> str:
    """The text with a patch of one hunk in it."""
    _, hunk = patch.split("\n@@ ", 1)
    start = int(hunk.partition(",")[0].removeprefix("-")) - 1
    body = hunk.splitlines(keepends=True)[1:]
    old = [line[1:] for line in body if line[0] in " -"]
    lines = text.splitlines(keepends=True)
    assert lines[start : start + len(old)] == old
    return "".join(
        [*lines[:start], *(line[1:] for line in body if line[0] in " +"), *lines[start + len(old) :]]
    )


def test_a_way_out_that_needs_a_line_of_its_own_says_so(run) -> None:
    done = run("why", "-c", "w = ones(2, requires_grad=True); w += 1", "--fix", "1")
    assert done.status == 1
    assert "line 1 holds other statements too: way 1 needs a line of its own" in done.err


def test_there_is_no_way_out_of_what_did_not_fail(run) -> None:
    done = run("why", "-c", "x = 1", "--fix", "1")
    assert (done.status, done.err) == (
        1,
        "tensorcli: <command>: why shows no way out here, so there is none to write\n",
    )


def test_a_name_that_is_asked_for_and_not_bound_is_an_error(run) -> None:
    done = run("why", "-c", "loss = ones(2)", "lss.grad")
    assert done.status == 1
    assert done.out == ""
    assert "<why>:1:6: NameError: name 'lss' is not defined" in done.err
    assert "did you mean loss" in done.err


def test_what_applies_a_way_out_runs_the_script_as_it_was_run(run, tmp_path) -> None:
    path = tmp_path / "halved.py"
    path.write_text("w = torch.ones(2, requires_grad=True)\nw /= 2\n")
    last = run("why", "--seed", "3", "--max-bytes", "1M", str(path)).out.splitlines()[-1]
    assert last == f" apply one with: tensorcli why --seed 3 --max-bytes 1048576 {path} --fix 1 | patch -p0"


def test_what_applies_the_ways_out_of_a_text_as_it_can_be_written_has_their_number(run, tmp_path) -> None:
    path = tmp_path / "net.py"
    path.write_text(
        "import torch\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__\n"
        "        self.fc = torch.nn.Linear(2, 1)\nmodel = Net\nopt = torch.optim.SGD(model.parameters, lr=0.1)\n"
    )
    lines = run("why", str(path)).out.splitlines()
    assert "   3   line 4:  super().__init__()   Net is a module from here on" in lines
    assert [line for line in lines if line.startswith(" apply")] == [
        f" apply one with: tensorcli why {path} --fix {number} | patch -p0" for number in (1, 2)
    ]


def test_why_reads_the_files_that_a_script_sources(run, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steps.tsc").write_text("w = ones(2, requires_grad=True)\n")
    (tmp_path / "session.tsc").write_text("source steps.tsc\nw.add_(1)\n")
    done = run("why", "--allow-files", ".", "session.tsc")
    assert done.status == 0
    assert done.out.startswith(" w is a leaf that requires grad (line 1)")
    assert run("why", "session.tsc").status == 65


def test_why_as_json_has_its_type_and_the_code_of_the_error(run, stale: str) -> None:
    result = json.loads(run("why", "--format", "json", stale).out)["result"]
    assert (result["type"], result["code"]) == ("why", "TSC-E031")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["none.py"], 66, "none.py: no such file"),
        (["-c", "x = = 2"], 65, "SyntaxError"),
        ([], 2, "name a script"),
    ],
)
def test_what_cannot_be_asked(run, arguments: list[str], status: int, said: str) -> None:
    done = run("why", *arguments)
    assert done.status == status
    assert said in done.err
