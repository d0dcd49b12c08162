"""`tensorcli help`: what the prompt's `help` says, and the help of the program's own commands."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorcli.cli.once import run_once
from tensorcli.cli.parameters import Color, Format, words_of


def help(
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC...]",
            help="run, inspect, view, nn.Linear, TSC-E031, version counter, …",
            autocompletion=words_of("help"),
        ),
    ] = None,
    color: Color = "auto",
    format: Format = "text",
) -> int:
    """Describe a command, an operator, a concept, or a code."""
    return run_once(f":help {' '.join(topic or [])}", color, format)
