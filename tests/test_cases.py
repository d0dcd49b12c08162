"""Transcripts: what is typed, and exactly what comes out, as `tensorcli run --echo` prints it.

A case begins with lines of `#` that say what it shows; `#$` lines hold options for the run. Then come
statements behind the prompt, each followed by its output, errors among it. `pytest --update-cases` writes
down what came out instead; the reviewer reads the difference.
"""

import io
import shlex
import sys
from pathlib import Path

import pytest

from tensorcli.cli import main
from tensorcli.repl.output import CONTINUATION, PROMPT

CASES = sorted((Path(__file__).parent / "cases").glob("**/*.case"))
REFUSED = 65


def head_of(text: str) -> list[str]:
    """The lines that say what a case shows."""
    lines = text.splitlines()
    return lines[
        : next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    ]


def typed_in(text: str) -> list[str]:
    """The lines of a case that were typed, behind their prompts."""
    typed: list[str] = []
    goes_on = False
    for line in text.splitlines():
        goes_on = line.startswith(PROMPT.rstrip()) or (goes_on and line.startswith(CONTINUATION.rstrip()))
        if goes_on:
            typed.append(line)
    return typed


def transcript(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The case as it should be: its head, then what a run prints now."""
    head = head_of(text)
    options = [word for line in head if line.startswith("#$") for word in shlex.split(line[2:])]
    typed = typed_in(text)
    program = "".join(f"{line[len(PROMPT) :]}\n" for line in typed)
    stream = io.StringIO()
    with monkeypatch.context() as streams:
        streams.setattr(sys, "stdout", stream)
        streams.setattr(sys, "stderr", stream)
        status = main(["run", "--echo", "--keep-going", "--max-bytes", "1G", *options, "-c", program])
    shown = [*head, *(typed if status == REFUSED else ()), *stream.getvalue().splitlines()]
    return "".join(f"{line}\n" for line in [*shown, *([f"[exit status {status}]"] if status else ())])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, update_cases: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_text("utf-8")
    found = transcript(text, monkeypatch)
    if update_cases:
        path.write_text(found, "utf-8")
    else:
        assert found == text


def test_there_are_cases_and_each_says_what_it_shows() -> None:
    assert CASES
    assert [path.name for path in CASES if not head_of(path.read_text("utf-8"))] == []
