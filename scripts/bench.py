#!/usr/bin/env python3
"""Measures tensorcli's speed as ratios within one run, and exits with 1 where a limit is broken.

    python scripts/bench.py [--only NAME ...] [--list] [--cuda]

Each measurement names two subjects that do the same work. They are taken in turn, so that a machine that
slows down slows both, and the medians are compared. Those against PyTorch are skipped where it is not
installed. A new measurement is one entry of MEASUREMENTS. With --cuda those on a card are taken instead, ours with
CuPy; they are skipped where it finds no card.
"""

import argparse
import importlib
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

# Start-up is measured as users have it: with the compiled modules that Python keeps beside the sources.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from bench_programs import PROGRAMS, program  # noqa: E402

OURS, TORCH = "tensorcli.engine", "torch"

# A PyTorch program of ten lines, run by both as it stands.
SCRIPT = """\
import torch
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
w = torch.ones(3, 3)
h = w @ x
y = (h * 2).sum()
y.backward()
with torch.no_grad():
    x -= 0.1 * x.grad
d = x.detach().view(3, 1)
print(d, x.grad)
"""

# What the installed command runs.
COMMAND = "from tensorcli.cli import command; command()"

# A graph built, differentiated and freed, by a process of its own: what it weighs is not hidden by memory
# that an earlier round left, and a crash by recursion is a failed measurement. With a width of 1 it is a chain.
GRAPH = """\
import importlib, json, resource, sys, time
torch, width, depth = importlib.import_module(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
x = torch.ones(1, requires_grad=True)
(x * 1.0).backward()
x.grad = None
before, start = resident(), time.perf_counter()
layer = [x] * width
for _ in range(depth):
    layer = [y * 1.0 for y in layer]
built = resident()
torch.autograd.backward(layer)
del layer
seconds = time.perf_counter() - start
assert x.grad.item() == width
print(json.dumps({"seconds": seconds / (width * depth), "bytes": (built - before) / (width * depth)}))
"""
CHAIN, GRID = (1, 1_000_000), (1_000, 1_000)

# A session that holds many tensors, and the seconds of processor time that one more line takes there, drawn.
CROWDED = """\
import sys, time
from tensorcli.explorer.session import Session
from tensorcli.render.plain import plain
session = Session()
def run(text):
    return "".join(line for step in session.run(text) for line in plain(step))
for _ in session.run(sys.stdin.read()):
    pass
run("z = ones(2)")
start = time.process_time()
shown = run(sys.argv[1])
seconds = time.process_time() - start
assert shown, "nothing is shown"
print(seconds)
"""
MANY = 10_000
NAMED = "\n".join(f"t{i} = ones(2)" for i in range(MANY))
LISTED = f"ts = [ones(2) for i in range({MANY})]"

# What is computed on a card, and how often a line runs in a round.
SQUARES = "a = torch.ones(4096, 4096, device='cuda'); b = torch.ones(4096, 4096, device='cuda')"
ON_CARD = 20


class Failed(Exception):  # noqa: N818 (an outcome that the table shows)
    """A subject did not do its work; the text is its last word."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One side of a measurement: its label in the table, and how to measure it once."""

    label: str
    measure: Callable[[], float]
    module: str | None = None  # what has to be installed for it


@dataclass(frozen=True, slots=True)
class Measurement:
    """Two subjects, how often each is measured, and the limit of their ratio.

    The ratio is ours / theirs and may be at most `limit`; where `faster` is set it is theirs / ours and has
    to be at least `limit`. Without a subject `theirs` the limit is of our own figure.
    """

    name: str
    ours: Subject
    theirs: Subject | None
    limit: float
    rounds: int
    faster: bool = False
    show: Callable[[float], str] = lambda seconds: in_time(seconds)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `passed` is None where nothing could be measured."""

    name: str
    ours: str
    theirs: str
    ratio: str
    limit: str
    verdict: str
    passed: bool | None


def process(*arguments: str) -> Callable[[], float]:
    """The seconds that a whole Python process with these arguments takes."""

    def measure() -> float:
        start = time.perf_counter()
        run_python(*arguments)
        return time.perf_counter() - start

    return measure


def run_python(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        input=given,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Failed(f"exit status {done.returncode}: {last}")
    return done.stdout


def processor_time(*arguments: str) -> Callable[[], float]:
    """The seconds of processor time that a whole Python process takes, in which a busy machine shows least."""

    def measure() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run_python(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    return measure


@cache
def program_path(name: str, lines: int) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".py", prefix="tensorcli-bench-", delete=False) as file:
        file.write(program(name, lines))
    made.append(file.name)
    return file.name


made: list[str] = []
"""The files that were written for programs."""


def command_on(name: str, lines: int, *arguments: str) -> Callable[[], float]:
    """The processor time of a command on a program of so many lines."""
    return lambda: processor_time("-c", COMMAND, *arguments, program_path(name, lines))()


def checks(name: str) -> Measurement:
    """Looking for hazards in a program against running it."""
    return Measurement(
        f"check-{name}",
        Subject(f"tensorcli check, {name}", command_on(name, 10_000, "check")),
        Subject("run --quiet", command_on(name, 10_000, "run", "--quiet")),
        1.5,
        3,
    )


def crowded(name: str, before: str, line: str, limit: float = 1.0) -> Measurement:
    """A line in a session that holds many tensors."""

    def measure() -> float:
        return float(run_python("-c", CROWDED, line, given=before))

    return Measurement(name, Subject(f"{line}, {MANY:,} tensors", measure), None, limit, 1)


def statement(module: str, line: str, setup: str) -> Callable[[], float]:
    """The seconds that a line takes, `torch` being the module; the collection of cycles is part of them."""

    @cache
    def timer() -> tuple[timeit.Timer, int]:
        made = timeit.Timer(line, f"import gc, {module} as torch; gc.enable(); {setup}")
        made.timeit(2_000)
        return made, made.autorange()[0]

    def measure() -> float:
        made, number = timer()
        return made.timeit(number) / number

    return measure


def on_card(module: str, line: str, setup: str) -> Callable[[], float]:
    """The seconds that a line takes on a CUDA device, until the device is done.

    CuPy compiles a kernel when it first meets it, and both libraries keep memory: the first runs are not counted.
    """

    @cache
    def timer() -> timeit.Timer:
        made = timeit.Timer(
            f"{line}; torch.cuda.synchronize()",
            f"import {module} as torch; {setup}; torch.cuda.synchronize()",
        )
        made.timeit(3)
        return made

    return lambda: timer().timeit(ON_CARD) / ON_CARD


def finds_card(module: str) -> bool:
    """Whether a module finds a CUDA device."""
    try:
        return bool(importlib.import_module(module).cuda.is_available())
    except ImportError:
        return False


def cuda_measurements() -> tuple["Measurement", ...]:
    """The measurements on a card; without PyTorch's side where that finds none."""
    if finds_card(TORCH):
        return CUDA_MEASUREMENTS
    return tuple(replace(one, theirs=None) for one in CUDA_MEASUREMENTS)


def graph(module: str, key: str, shape: tuple[int, int]) -> Callable[[], float]:
    """The seconds or the bytes of a node in a graph so wide and so deep."""
    return lambda: float(json.loads(run_python("-c", GRAPH, module, *map(str, shape)))[key])


@cache
def script_path() -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".py", prefix="tensorcli-bench-", delete=False) as file:
        file.write(SCRIPT)
    return file.name


def run_quiet() -> float:
    return process("-c", COMMAND, "run", "--quiet", script_path())()


def run_under_pytorch() -> float:
    return process(script_path())()


def statements(name: str, line: str, setup: str, limit: float, rounds: int = 15) -> Measurement:
    """A line under our engine against the same line under PyTorch."""
    ours = Subject(f"tensorcli: {line}", statement(OURS, line, setup))
    return Measurement(name, ours, Subject("torch", statement(TORCH, line, setup), TORCH), limit, rounds)


def cards(name: str, line: str, setup: str = SQUARES) -> Measurement:
    """A line on a card, under CuPy and under PyTorch. It has no limit: what is a good figure is not known yet."""
    ours = Subject(f"tensorcli, CuPy: {line}", on_card(OURS, line, setup))
    return Measurement(name, ours, Subject("torch", on_card(TORCH, line, setup), TORCH), math.inf, 7)


def in_time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def in_bytes(count: float) -> str:
    return f"{count:.0f} B"


QUIET = Subject("tensorcli run --quiet, ten lines", run_quiet)
FOUR = "a = torch.tensor([1.0, 2.0, 3.0, 4.0]); b = torch.ones(4)"
WEIGHTS = "w = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True); b = torch.ones(4)"

MEASUREMENTS = (
    Measurement("start", QUIET, Subject("import numpy", process("-c", "import numpy")), 1.8, 21),
    Measurement("start-torch", QUIET, Subject("python, torch", run_under_pytorch, TORCH), 6, 7, faster=True),
    statements("add", "a + b", FOUR, 3.0),
    statements("mul-grad", "w * b", WEIGHTS, 3.0),
    Measurement(
        "chain-time",
        Subject("tensorcli: a node of 1,000,000", graph(OURS, "seconds", CHAIN)),
        Subject("torch", graph(TORCH, "seconds", CHAIN), TORCH),
        3.0,
        2,
    ),
    Measurement(
        "grid-time",
        Subject("tensorcli: a node of 1,000 x 1,000", graph(OURS, "seconds", GRID)),
        Subject("torch", graph(TORCH, "seconds", GRID), TORCH),
        3.0,
        2,
    ),
    *(checks(name) for name in PROGRAMS),
    Measurement(
        "check-scale",
        Subject("tensorcli check, 40,000 statements", command_on("small", 40_000, "check")),
        Subject("10,000", command_on("small", 10_000, "check")),
        4.5,
        3,
    ),
    crowded("table-named", NAMED, "z.add_(1)"),
    crowded("table-list", LISTED, "z.add_(1)"),
    crowded("store-named", NAMED, "storages"),
    crowded("store-list", LISTED, "storages"),
    crowded("vars-named", NAMED, "vars", 1.5),
    crowded("undo-named", NAMED, "undo", 4.0),
    crowded("why-named", NAMED, "why", 5.0),
    Measurement(
        "chain-memory",
        Subject("tensorcli: a node held", graph(OURS, "bytes", CHAIN)),
        None,
        1536,
        1,
        show=in_bytes,
    ),
)

CUDA_MEASUREMENTS = (
    cards("cuda-add", "a + b"),
    cards("cuda-matmul", "a @ b"),
    cards("cuda-exp", "a.exp()"),
    cards(
        "cuda-backward",
        "w.grad = None; (w * b).exp().sum().backward()",
        SQUARES + "; w = torch.ones(4096, 4096, device='cuda', requires_grad=True)",
    ),
)


def is_installed(module: str | None) -> bool:
    return module is None or importlib.util.find_spec(module) is not None


def measured(measurement: Measurement) -> Row:
    """Takes the subjects in turn, ours first; of many rounds the first only warms the caches."""
    ours, theirs = measurement.ours, measurement.theirs
    if theirs and not is_installed(theirs.module):
        return unmeasured(measurement, f"skipped: no {theirs.module}", None)
    subjects = (ours, theirs) if theirs else (ours,)
    warm_up = 1 if measurement.rounds >= 5 else 0
    try:
        rounds = [[subject.measure() for subject in subjects] for _ in range(measurement.rounds + warm_up)]
    except Exception as failure:  # whatever a subject raises, the others are measured
        return unmeasured(measurement, f"failed: {failure}", False)
    return compared(measurement, [statistics.median(column) for column in zip(*rounds[warm_up:])])


def unmeasured(measurement: Measurement, verdict: str, passed: bool | None) -> Row:
    theirs = measurement.theirs.label if measurement.theirs else ""
    return Row(measurement.name, measurement.ours.label, theirs, "", limit_of(measurement), verdict, passed)


def compared(measurement: Measurement, medians: list[float]) -> Row:
    """The row of a measurement whose subjects' medians are these."""
    name, show, limit = measurement.name, measurement.show, measurement.limit
    ours, theirs, ratio, figure = f"{measurement.ours.label}  {show(medians[0])}", "", "", medians[0]
    if measurement.theirs:
        theirs = f"{measurement.theirs.label}  {show(medians[1])}"
        figure = medians[1] / medians[0] if measurement.faster else medians[0] / medians[1]
        ratio = f"{figure:.2f}"
    passed = figure >= limit if measurement.faster else figure <= limit
    return Row(name, ours, theirs, ratio, limit_of(measurement), "ok" if passed else "BROKEN", passed)


def limit_of(measurement: Measurement) -> str:
    limit = f"{measurement.limit:g}" if measurement.theirs else measurement.show(measurement.limit)
    return f"{'≥' if measurement.faster else '≤'} {limit}"


HEADINGS = ("name", "ours", "theirs", "ratio", "limit", "verdict")
WIDTHS = (13, 44, 24, 8, 9, 0)


def line_of(cells: tuple[str, ...]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS)).rstrip()


def shown(row: Row) -> str:
    """A row as a line of the table."""
    return line_of((row.name, row.ours, row.theirs, row.ratio, row.limit, row.verdict))


def main(arguments: list[str] | None = None, measurements: tuple[Measurement, ...] = MEASUREMENTS) -> int:
    names = [measurement.name for measurement in (*measurements, *CUDA_MEASUREMENTS)]
    parser = argparse.ArgumentParser(
        description="Measure tensorcli's speed as ratios; exit with 1 past a limit."
    )
    parser.add_argument("--only", metavar="NAME", choices=names, nargs="+", default=names)
    parser.add_argument("--cuda", action="store_true", help="measure on a card instead, at 4096 x 4096")
    parser.add_argument("--list", action="store_true", help="print the names and measure nothing")
    options = parser.parse_args(arguments)
    if options.list:
        print(*names, sep="\n")
        return 0
    print(line_of(HEADINGS))
    broken = False
    missing = "CuPy finds no CUDA device" if options.cuda and not finds_card(OURS) else ""
    for measurement in cuda_measurements() if options.cuda else measurements:
        if measurement.name in options.only:
            row = unmeasured(measurement, f"skipped: {missing}", None) if missing else measured(measurement)
            broken = broken or row.passed is False
            print(shown(row), flush=True)
    return int(broken)


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        if script_path.cache_info().currsize:
            Path(script_path()).unlink()
        for path in made:
            Path(path).unlink()
