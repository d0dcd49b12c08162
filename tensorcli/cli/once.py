"""Runs one command of the explorer in a session of its own, for commands of the command line that are one."""

from __future__ import annotations

from typing import Literal

from tensorcli.cli.batch import SessionOptions, run_scripts
from tensorcli.repl.output import Output


def run_once(
    text: str,
    color: Literal["auto", "always", "never"],
    format: Literal["text", "plain", "json"],
    engine: str = "embedded",
) -> int:
    """Run the text of a command and give the exit status."""
    return run_scripts([], text, SessionOptions(engine=engine), Output(format, False, False, color), False)
