"""`tensorcli run`: scripts from files, standard input or the command line."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from tensorcli.cli.batch import SessionOptions, run_scripts
from tensorcli.cli.output import Output


def run(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Scripts (.tsc, or .py); - is standard input."),
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", "-c", metavar="STATEMENTS", help="Run these statements.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Only what `python FILE` would print under PyTorch.")
    ] = False,
    echo: Annotated[bool, typer.Option("--echo", help="Show each statement before its results.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a statement (docs/json.md).")] = False,
    format: Annotated[
        Literal["text", "plain", "json"],
        typer.Option("--format", help="Tables, `name.field: value` lines, or JSON."),
    ] = "text",
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Go on after a failing statement.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the random generators.")] = 0,
    max_bytes: Annotated[
        str | None,
        typer.Option(
            "--max-bytes", metavar="SIZE", help="Largest tensor (512M, 2G); half of the free memory."
        ),
    ] = None,
    color: Annotated[
        Literal["auto", "always", "never"], typer.Option("--color", help="When to use colour.")
    ] = "auto",
    engine: Annotated[
        Literal["embedded", "pytorch"],
        typer.Option("--engine", help="Whose tensors: ours, or PyTorch's own."),
    ] = "embedded",
) -> int:
    """Run scripts and show what each statement did.

    A file is parsed and checked whole before its first statement runs. Each file is a session of its own.
    """
    if command is not None and files:
        raise typer.BadParameter("give files or statements, not both", param_hint="--command")
    if json and format == "plain":
        raise typer.BadParameter("--json and --format plain exclude each other", param_hint="--json")
    chosen: Literal["text", "plain", "json"] = "json" if json else format
    if quiet and chosen != "text":
        raise typer.BadParameter(f"with --quiet there is nothing to show as {chosen}", param_hint="--quiet")
    if command is None and not files:
        if sys.stdin is not None and sys.stdin.isatty():
            raise typer.BadParameter(
                "name a script, - for standard input, or give statements with -c", param_hint="FILE"
            )
        files = ["-"]
    options = SessionOptions(quiet, seed, None if max_bytes is None else read_size(max_bytes), engine)
    return run_scripts(files or [], command, options, Output(chosen, quiet, echo, color), keep_going)


UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def read_size(text: str) -> int:
    """A number of bytes, with K, M, G or T for powers of 1024. Raises BadParameter."""
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in UNITS and number else ""
    try:
        size = int(float(number.removesuffix(unit)) * UNITS[unit])
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise typer.BadParameter(f"{text!r} is no size: write 100000, 512M or 2G", param_hint="--max-bytes")
    return size
