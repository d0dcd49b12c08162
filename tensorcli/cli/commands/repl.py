"""`tensorcli repl`: the prompt."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorcli.cli.batch import SessionOptions
from tensorcli.cli.exits import FAILURES
from tensorcli.cli.parameters import Color, Engine, MaxBytes, Seed, SimulateCuda


def repl(
    vi: Annotated[bool, typer.Option("--vi", help="Edit with vi's keys instead of emacs'.")] = False,
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    simulate_cuda: SimulateCuda = 0,
    color: Color = "auto",
    engine: Engine = "embedded",
) -> int:
    """Open the prompt, where each statement says what it did.

    Where standard input or output is no terminal, entries are read line by line.
    """
    from tensorcli.repl.loop import run_prompt

    options = SessionOptions(
        seed=seed, max_bytes=max_bytes, engine=engine, anywhere=True, simulate_cuda=simulate_cuda
    )
    if missing := options.missing():
        typer.echo(f"tensorcli: {missing}", err=True)
        return FAILURES["unavailable"]
    return run_prompt(options.session, options.load, vi=vi, colour=color)
