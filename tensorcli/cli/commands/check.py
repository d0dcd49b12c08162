"""`tensorcli check`: the hazards of scripts, for people, editors and pipelines."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from tensorcli.cli.batch import SessionOptions
from tensorcli.cli.checking import check_scripts
from tensorcli.cli.parameters import AllowFiles, Color, Engine, KeepBytes, MaxBytes, Seed


def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Scripts (.tsc, or .py); - is standard input."),
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", "-c", metavar="STATEMENTS", help="Check these statements.")
    ] = None,
    format: Annotated[
        Literal["text", "json", "sarif"],
        typer.Option("--format", help="Lines as compilers write them, JSON, or SARIF 2.1.0."),
    ] = "text",
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Go on after a failing statement.")
    ] = False,
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    keep_bytes: KeepBytes = None,
    color: Color = "auto",
    engine: Engine = "embedded",
    allow_files: AllowFiles = None,
) -> int:
    """Run scripts and list their hazards: traps that PyTorch does not report. Exit status 4 where there are any.

    What the scripts print is not shown; their errors are.
    """
    if command is not None and files:
        raise typer.BadParameter("give files or statements, not both", param_hint="--command")
    if command is None and not files:
        if sys.stdin is not None and sys.stdin.isatty():
            raise typer.BadParameter(
                "name a script, - for standard input, or give statements with -c", param_hint="FILE"
            )
        files = ["-"]
    options = SessionOptions(
        seed=seed,
        max_bytes=max_bytes,
        engine=engine,
        folder=allow_files,
        checking=True,
        keep_bytes=keep_bytes,
    )
    return check_scripts(files or [], command, options, format, color, keep_going)
