"""`tensorcli verify`: the same script on the embedded engine and on PyTorch."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tensorcli.cli.batch import SessionOptions
from tensorcli.cli.parameters import Color, Format, MaxBytes, Seed
from tensorcli.cli.verifying import verify_scripts


def verify(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Scripts (.tsc, or .py); - is standard input."),
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", "-c", metavar="STATEMENTS", help="Verify these statements.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a script (docs/json.md).")] = False,
    format: Format = "text",
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    color: Color = "auto",
) -> int:
    """Run scripts on tensorcli's engine and on real PyTorch, and show the first difference of each statement.

    Exit status 0 where they agree, errors included, 5 where they differ, 69 where PyTorch is not installed.
    """
    if command is not None and files:
        raise typer.BadParameter("give files or statements, not both", param_hint="--command")
    if json and format == "plain":
        raise typer.BadParameter("--json and --format plain exclude each other", param_hint="--json")
    if command is None and not files:
        if sys.stdin is not None and sys.stdin.isatty():
            raise typer.BadParameter(
                "name a script, - for standard input, or give statements with -c", param_hint="FILE"
            )
        files = ["-"]
    options = SessionOptions(seed=seed, max_bytes=max_bytes, engine="pytorch")
    return verify_scripts(files or [], command, options, "json" if json else format, color)
