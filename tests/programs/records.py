"""Whole programs with what PyTorch printed, warned and raised; and what a session makes of the same text.

A file of `recorded/` holds programs: a line `### NAME`, the text of the program, a line `---`, and the record: what was
printed, then a line `[warning] line N: CATEGORY: first line of the text` for each warning (once for each line and text),
then `[error] line N: TYPE: message`. `scripts/record_oracle.py` makes the records anew; no program is told to it.
"""

import contextlib
import copy
import io
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "recorded"
CLASSES = Path(__file__).parent / "classes"
"""Programs with classes, which the language does not have: only the engine runs them."""
AS_FUNCTIONS = CLASSES / "as_functions.txt"
"""Programs whose classes functions can stand for: a session runs them so."""
NAME = "program.py"
WORDS_OF_PYTHON = (3, 11)
"""The Python that the records were made with."""
OF_PYTHON = frozenset(
    "exceptions_chain ordered_dict_seq samples_and_batches counter_deque_ops states_that_modules_change_themselves "
    "classes_made_from_pytorchs what_sets_of_samples_refuse what_buffers_and_examples_refuse".split()
)
"""Programs that print what other Pythons say otherwise: the repr of an OrderedDict, errors of max() and of abstract classes."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of a file of `recorded/`, and its record there."""

    name: str
    text: str
    record: str


def read(path: Path) -> list[Program]:
    """The programs of a file."""
    found = []
    for part in re.split(r"^### ", path.read_text("utf-8"), flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        text, _, record = body.partition("\n---\n")
        found.append(Program(name.strip(), text.strip("\n") + "\n", record.strip("\n")))
    return found


def write(path: Path, programs: list[Program]) -> None:
    path.write_text("\n".join(f"### {p.name}\n{p.text}---\n{p.record}\n" for p in programs), "utf-8")


def settled(printed: str, warned: list[tuple[int, str, str]], error: str | None) -> str:
    """A record: without addresses, trailing spaces and the C++ places that PyTorch adds to its warnings."""
    lines = printed.splitlines()
    for line, category, text in dict.fromkeys(warned):
        first = re.sub(r" ?\(Triggered internally at [^)]*\)", "", text).partition("\n")[0]
        lines.append(f"[warning] line {line}: {category}: {first}")
    if error is not None:
        lines.append(f"[error] {error}")
    text = re.sub(r"0x[0-9a-f]+", "0x…", "\n".join(lines))
    return re.sub(r"[ \t]+$", "", text, flags=re.M).strip("\n")


def on_session(text: str) -> str:
    """The record of a program that a quiet session runs."""
    from tensorcli.explorer.session import Session

    printed, warned, error = "", [], None
    for step in Session(quiet=True, max_bytes=1 << 30).run(text, NAME, "py"):
        printed += step.output
        for each in step.warnings:
            warned.append((0 if each.span is None else each.span.line, each.category, each.message))
        if step.error is not None:
            error = f"line {step.error.spans[0].line}: {step.error.type}: {step.error.message}"
    return settled(printed, warned, error)


def on_pytorch(torch: ModuleType, text: str) -> str:
    """The record of a program that PyTorch runs, in a process of its own: some warnings are said once a process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with open(writing, "w", encoding="utf-8") as pipe:
            pipe.write(_run(torch, text))
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        record = pipe.read()
    os.waitpid(child, 0)
    return record


def _run(torch: ModuleType, text: str) -> str:
    printed, warned, error = io.StringIO(), [], None
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)

    def heard(message: Any, category: type[Warning], *place: Any) -> None:
        warned.append((next(_lines_of_stack(), 0), category.__name__, str(message)))

    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        # What PyTorch means for itself: its first dual tensor loads what it has compiled once.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.jit")
        warnings.showwarning = heard  # type: ignore[assignment]
        try:
            exec(
                compile(text, NAME, "exec"), {"torch": torch, "np": np, "copy": copy, "__name__": "__main__"}
            )
        except Exception as raised:
            kind = type(raised)
            known = kind.__module__ in ("builtins", "__main__")
            name = kind.__name__ if known else f"{kind.__module__}.{kind.__qualname__}"
            lines = [0]
            step = raised.__traceback__
            while step is not None:
                if step.tb_frame.f_code.co_filename == NAME:
                    lines.append(step.tb_lineno)
                step = step.tb_next
            error = f"line {lines[-1]}: {name}: {raised}"
    return settled(printed.getvalue(), warned, error)


def _lines_of_stack() -> Iterator[int]:
    """The lines of the program that are being run, innermost first."""
    import sys

    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == NAME:
            yield frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
