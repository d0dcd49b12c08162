"""What a start may load: read from the interpreter's own log of imports, in a process of its own."""

import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

needs_engine = pytest.mark.skipif(
    not (ROOT / "tensorcli/engine/__init__.py").exists(), reason="no engine yet"
)
needs_cli = pytest.mark.skipif(
    not (ROOT / "tensorcli/cli/__init__.py").exists(), reason="no command line yet"
)


def imported(*arguments: str) -> set[str]:
    """The modules that `python ARGUMENTS` imports, by their full names; it has to succeed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    log = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    rest = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 0, "\n".join(rest)
    return {line.rpartition("|")[2].strip() for line in log}


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(
        "import torch\nx = torch.ones(2, requires_grad=True)\n(x * 2).sum().backward()\nprint(x.grad)\n"
    )
    return path


def test_the_package_alone_imports_nothing() -> None:
    assert imported("-c", "import tensorcli") - imported("-c", "pass") == {"tensorcli"}


@needs_engine
def test_the_engine_imports_no_optional_package() -> None:
    loaded = packages(imported("-c", "import tensorcli.engine"))
    assert not loaded & {"torch", "scipy", "ml_dtypes", "cupy", "typer", "rich", "prompt_toolkit"}


@needs_cli
def test_run_quiet_imports_no_heavy_package(script: Path) -> None:
    loaded = packages(imported("-m", "tensorcli", "run", "--quiet", str(script)))
    assert "numpy" in loaded
    assert not loaded & {"pydantic", "rich", "prompt_toolkit", "torch", "scipy", "ml_dtypes"}


CHAPTERS = """\
import sys
from tensorcli.cli import main
try:
    main(["run", "--quiet", sys.argv[1]])
finally:
    print(*(name.removeprefix("tensorcli.engine.ops.") for name in sys.modules if name.startswith("tensorcli.engine.ops.")))
"""


@needs_cli
@pytest.mark.parametrize("name", ["script.py", "script.tsc"])
def test_a_small_script_reads_only_the_first_chapters_of_the_table(script: Path, name: str) -> None:
    command = [sys.executable, "-c", CHAPTERS, script.rename(script.with_name(name))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    chapters = set(done.stdout.splitlines()[-1].split())
    assert "reduce" in chapters
    assert not chapters & {"softmax", "conv", "linalg"}


COMMAND = """\
import atexit
from tensorcli.cli import command
atexit.register(print, "taken apart")
command()
"""


@needs_cli
@pytest.mark.parametrize(("last", "status"), [("", 0), ("1 / 0", 1), ("raise KeyboardInterrupt", 130)])
def test_the_installed_command_says_all_and_ends_at_once(script: Path, last: str, status: int) -> None:
    script.write_text(f"print('first')\n{last}\n")
    arguments = [sys.executable, "-c", COMMAND, "run", "--quiet", script]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (status, "first\n")


@needs_cli
@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_asking_about_the_program_imports_no_numpy(flag: str) -> None:
    loaded = packages(imported("-m", "tensorcli", flag))
    assert not loaded & {"pydantic", "numpy", "prompt_toolkit", "torch"}


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts/bench.py"))


def measurement(bench: dict[str, Any], ours: Callable[[], float], limit: float, **options: Any) -> Any:
    subject = bench["Subject"]
    return bench["Measurement"]("it", subject("us", ours), subject("them", lambda: 2.0), limit, 3, **options)


@pytest.mark.parametrize(
    ("ours", "limit", "faster", "status"),
    [(3.0, 1.5, False, 0), (3.1, 1.5, False, 1), (0.5, 4, True, 0), (0.6, 4, True, 1)],
)
def test_the_benchmark_fails_past_a_limit(
    bench: dict[str, Any], ours: float, limit: float, faster: bool, status: int
) -> None:
    entry = measurement(bench, lambda: ours, limit, faster=faster)
    assert bench["main"](["--only", "it"], (entry,)) == status


def test_the_benchmark_takes_its_subjects_in_turn_and_compares_medians(
    bench: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([1.0, 900.0, 2.0])
    assert bench["main"]([], (measurement(bench, lambda: next(seconds), 1.0),)) == 0
    assert "us  2 s" in capsys.readouterr().out


def test_the_benchmark_counts_a_subject_that_failed_as_broken(
    bench: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    entry = measurement(bench, bench["process"]("-c", "raise SystemExit('out of order')"), 1.0)
    assert bench["main"]([], (entry,)) == 1
    assert "failed: exit status 1: out of order" in capsys.readouterr().out


def test_the_benchmark_skips_what_is_not_installed(bench: dict[str, Any]) -> None:
    subject = bench["Subject"]
    theirs = subject("them", lambda: 1.0, "no_such_module")
    entry = bench["Measurement"]("it", subject("us", lambda: 1.0), theirs, 1.0, 1)
    assert bench["measured"](entry).passed is None
    assert bench["main"]([], (entry,)) == 0
