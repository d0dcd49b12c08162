"""`tensorcli run`: scripts from files, standard input or the command line."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tensorcli.cli.batch import SessionOptions, run_scripts
from tensorcli.cli.parameters import (
    AllowFiles,
    Color,
    Commands,
    Engine,
    Files,
    Format,
    KeepBytes,
    KeepGoing,
    MaxBytes,
    Seed,
    SimulateCuda,
    joined,
    scripts_of,
)
from tensorcli.repl.output import Output


def run(
    files: Files = None,
    commands: Commands = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only what `python FILE` would print under PyTorch.")
    ] = False,
    echo: Annotated[bool, typer.Option("--echo", help="Show each statement before its results.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each statement (docs/json.md).")
    ] = False,
    format: Format = "text",
    keep_going: KeepGoing = False,
    trace: Annotated[
        bool,
        typer.Option("--trace", help="What each statement within loops and functions changed, too."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="A hazard is an error (exit status 4): see tensorcli check.")
    ] = False,
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    keep_bytes: KeepBytes = None,
    simulate_cuda: SimulateCuda = 0,
    color: Color = "auto",
    engine: Engine = "embedded",
    allow_files: AllowFiles = None,
) -> int:
    """Run scripts and show what each statement did.

    A file is parsed and checked whole before its first statement runs. Each file is a session of its own.
    """
    command = joined(commands)
    scripts = scripts_of(files, command)
    if json and format == "plain":
        raise typer.BadParameter("--json and --format plain exclude each other", param_hint="--json")
    chosen: Literal["text", "plain", "json"] = "json" if json else format
    if quiet and chosen != "text":
        raise typer.BadParameter(f"with --quiet there is nothing to show as {chosen}", param_hint="--quiet")
    options = SessionOptions(
        quiet and not strict,
        seed,
        max_bytes,
        engine,
        allow_files,
        simulate_cuda=simulate_cuda,
        checking=quiet and strict,
        strict=strict,
        keep_bytes=keep_bytes,
        trace=trace and not quiet,
    )
    return run_scripts(scripts, command, options, Output(chosen, quiet, echo, color), keep_going)
