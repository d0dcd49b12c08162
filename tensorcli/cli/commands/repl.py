"""`tensorcli repl`: the prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from tensorcli.cli.batch import SessionOptions, collect_cycles
from tensorcli.cli.exits import FAILURES
from tensorcli.cli.parameters import Color, Engine, MaxBytes, Seed, SimulateCuda

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def repl(
    vi: Annotated[bool, typer.Option("--vi", help="Edit with vi's keys instead of emacs'.")] = False,
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    simulate_cuda: SimulateCuda = 0,
    color: Color = "auto",
    engine: Engine = "embedded",
) -> int:
    """Open the prompt, where each statement says what it did.

    Where standard input or output is not a terminal, entries are read line by line.
    """
    from tensorcli.repl.loop import run_prompt

    options = SessionOptions(
        seed=seed, max_bytes=max_bytes, engine=engine, anywhere=True, simulate_cuda=simulate_cuda
    )
    if missing := options.missing():
        typer.echo(f"tensorcli: {missing}", err=True)
        return FAILURES["unavailable"]

    def make(write: Callable[[str], None] | None) -> Session:
        session = options.session(write)
        collect_cycles()
        return session

    return run_prompt(make, options.load, vi=vi, colour=color)
