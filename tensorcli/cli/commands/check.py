"""`tensorcli check`: the hazards of scripts, for people, editors and pipelines."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tensorcli.cli.batch import SessionOptions
from tensorcli.cli.checking import check_scripts
from tensorcli.cli.parameters import (
    AllowFiles,
    Color,
    Commands,
    Engine,
    Files,
    KeepBytes,
    KeepGoing,
    MaxBytes,
    Seed,
    SimulateCuda,
    joined,
    scripts_of,
)


def check(
    files: Files = None,
    commands: Commands = None,
    format: Annotated[
        Literal["text", "json", "sarif"],
        typer.Option("--format", help="Lines as compilers write them, JSON, or SARIF 2.1.0."),
    ] = "text",
    keep_going: KeepGoing = False,
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    keep_bytes: KeepBytes = None,
    simulate_cuda: SimulateCuda = 0,
    color: Color = "auto",
    engine: Engine = "embedded",
    allow_files: AllowFiles = None,
) -> int:
    """List the hazards of scripts, traps that PyTorch does not report.

    The scripts are run. What they print is not shown; their errors are. Exit status 4 if there are hazards.
    """
    command = joined(commands)
    scripts = scripts_of(files, command)
    options = SessionOptions(
        seed=seed,
        max_bytes=max_bytes,
        engine=engine,
        folder=allow_files,
        checking=True,
        keep_bytes=keep_bytes,
        simulate_cuda=simulate_cuda,
    )
    return check_scripts(scripts, command, options, format, color, keep_going)
