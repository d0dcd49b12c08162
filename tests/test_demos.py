"""The demos: each runs to its end, and prints exactly what is written down in tests/demos.

`pytest --update-cases` writes down what came out instead; the reviewer reads the difference.
"""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tensorcli.cli import main
from tensorcli.explorer import tours

ROOT = Path(__file__).parent.parent
RECORDED = Path(__file__).parent / "demos"
SCRIPTS = sorted((ROOT / "demos").glob("*.tsc"))
SHELL_SCRIPTS = sorted((ROOT / "demos").glob("*.sh"))
TOPICS = set(
    "numpy detach clone copy_ deepcopy from_numpy array FloatTensor aliasing inplace views no_grad".split()
)
WIDTH = 80
PROMPT = "tensor> "

by_name = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """The exit status of tensorcli in the checkout, and what it wrote to both streams."""
    stream = io.StringIO()
    with monkeypatch.context() as process:
        process.chdir(ROOT)
        process.setattr(sys, "stdout", stream)
        process.setattr(sys, "stderr", stream)
        return main(list(arguments)), stream.getvalue()


def compare(path: Path, found: str, update: bool) -> None:
    recorded = RECORDED / f"{path.name}.out"
    if update:
        recorded.write_text(found, "utf-8")
    assert found == recorded.read_text("utf-8")


def test_each_topic_has_a_demo_and_there_is_a_tour() -> None:
    assert {path.stem for path in SCRIPTS} >= TOPICS | {"tour"}


def test_every_demo_is_a_tour() -> None:
    assert sorted(tours.names()) == sorted(path.stem for path in SCRIPTS)


def test_each_recorded_output_has_its_demo() -> None:
    assert {path.name for path in RECORDED.iterdir()} == {
        f"{path.name}.out" for path in [*SCRIPTS, *SHELL_SCRIPTS]
    }


@by_name
def test_a_demo_prints_what_is_written_down(
    path: Path, update_cases: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, found = run(monkeypatch, "run", "--echo", f"demos/{path.name}")
    assert status == 0, found
    compare(path, found, update_cases)


@by_name
def test_a_demo_fits_the_screen_behind_the_prompt(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert [line for line in lines if len(PROMPT + line) >= WIDTH] == []


@by_name
def test_a_demo_prints_the_same_under_pytorch(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if pytest.importorskip("torch").version.cuda is not None:
        pytest.skip("what it refuses without a GPU is written down from PyTorch's build for the CPU")
    ours = run(monkeypatch, "run", "--quiet", f"demos/{path.name}")
    assert run(monkeypatch, "run", "--quiet", "--engine", "pytorch", f"demos/{path.name}") == ours


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
@pytest.mark.parametrize("path", SHELL_SCRIPTS, ids=lambda path: path.stem)
def test_a_shell_demo_prints_what_is_written_down(path: Path, update_cases: bool) -> None:
    done = subprocess.run(
        ["sh", f"demos/{path.name}"],
        cwd=ROOT,
        env={**os.environ, "TENSORCLI": f"{sys.executable} -m tensorcli"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    compare(path, done.stdout, update_cases)
