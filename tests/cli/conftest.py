"""The command line, run within the test's own process: a process of its own costs half a second."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tensorcli.cli import main


@dataclass(frozen=True)
class Done:
    """How a run ended, and what it wrote."""

    status: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `tensorcli ARGUMENTS` in an empty folder; `stdin` is what a pipe holds, None a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str, stdin: bytes | None = b"", terminal: bool = False) -> Done:
        out, err = (Terminal() if terminal else io.StringIO() for _ in range(2))
        typed = Terminal() if stdin is None else io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        with monkeypatch.context() as streams:
            streams.setattr(sys, "stdin", typed)
            streams.setattr(sys, "stdout", out)
            streams.setattr(sys, "stderr", err)
            status = main(arguments)
        return Done(status, out.getvalue(), err.getvalue())

    return call
