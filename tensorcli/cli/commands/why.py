"""`tensorcli why`: why a script fails, or why a tensor in it is as it is, without any change to the script."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from tensorcli.cli.batch import SessionOptions
from tensorcli.cli.parameters import (
    AllowFiles,
    Color,
    Commands,
    Engine,
    Format,
    KeepBytes,
    MaxBytes,
    Seed,
    SimulateCuda,
    joined,
    nothing_named,
    whole_number,
)
from tensorcli.cli.reasons import Reasons, tell_why


def why(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="A script (.tsc, or .py); - is standard input.")
    ] = None,
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHAT]...", help="x.grad, 'not x.requires_grad'; the last error without it."),
    ] = None,
    commands: Commands = None,
    fix: Annotated[
        int | None,
        typer.Option(
            "--fix",
            metavar="N",
            parser=whole_number(1, 99),
            help="Write what way out N changes, as a patch of the script.",
        ),
    ] = None,
    seed: Seed = 0,
    max_bytes: MaxBytes = None,
    keep_bytes: KeepBytes = None,
    simulate_cuda: SimulateCuda = 0,
    color: Color = "auto",
    format: Format = "text",
    engine: Engine = "embedded",
    allow_files: AllowFiles = None,
) -> int:
    """Run a script and say why it failed, with ways out that work.

    The answer names the statements that made, shared, saved and wrote; each way out was run. What the script prints is
    not shown. WHAT asks about a tensor at its end instead: x.grad, y.
    """
    command = joined(commands)
    words = what or []
    if command is not None and file is not None:
        words, file = [file, *words], None
    if command is None and file is None:
        raise nothing_named()
    options = SessionOptions(
        seed=seed,
        max_bytes=max_bytes,
        engine=engine,
        folder=allow_files,
        simulate_cuda=simulate_cuda,
        keep_bytes=keep_bytes,
    )
    again = "--fix 1"
    if file is not None and file != "-":
        flags = {
            "--seed": seed,
            "--max-bytes": max_bytes,
            "--keep-bytes": keep_bytes,
            "--engine": engine if engine != "embedded" else None,
            "--allow-files": allow_files,
        }
        given = [word for flag, value in flags.items() if value for word in (flag, str(value))]
        if simulate_cuda:
            given.append(f"--simulate-cuda={simulate_cuda}")
        again = f"{shlex.join(['tensorcli', 'why', *given, file, *words])} --fix 1 | patch -p0"
    return tell_why(file, command, " ".join(words), fix, options, Reasons(format, color, again))
