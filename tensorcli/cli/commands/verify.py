"""`tensorcli verify`: the same script on the embedded engine and on PyTorch."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorcli.cli.batch import SessionOptions
from tensorcli.cli.parameters import Color, Commands, Files, Format, MaxBytes, Seed, joined, scripts_of
from tensorcli.cli.verifying import verify_scripts


def verify(
    files: Files = None,
    commands: Commands = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each script (docs/json.md).")
    ] = False,
    format: Format = "text",
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    color: Color = "auto",
) -> int:
    """Run scripts on real PyTorch too, and show where the two differ.

    The first difference of each statement is shown. Exit status 0 where they agree, errors included, 5 where they
    differ, 69 where PyTorch is not installed.
    """
    command = joined(commands)
    scripts = scripts_of(files, command)
    if json and format == "plain":
        raise typer.BadParameter("--json and --format plain exclude each other", param_hint="--json")
    options = SessionOptions(seed=seed, max_bytes=max_bytes, engine="pytorch")
    return verify_scripts(scripts, command, options, "json" if json else format, color)
