"""Flags that several commands take, each with its help said once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Literal

import typer


def read_size(text: str | int) -> int:
    """A number of bytes, with K, M, G or T for powers of 1024. Raises BadParameter."""
    from tensorcli.explorer.results import size_of

    try:
        size = size_of(str(text))
    except ValueError:
        size = 0
    if size <= 0:
        raise typer.BadParameter(f"{text!r} is not a size: write 100000, 512M or 2G")
    return size


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """A reader of whole numbers from `least` to `most`. It raises BadParameter."""

    def read(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a whole number") from None
        if not least <= number <= most:
            raise typer.BadParameter(f"{number} is not between {least} and {most}")
        return number

    return read


def words_of(command: str) -> Callable[[str], list[tuple[str, str]]]:
    """What a shell offers behind a command: what the prompt offers behind the one of the same name."""

    def offered(incomplete: str) -> list[tuple[str, str]]:
        from tensorcli.explorer.commands import COMMANDS
        from tensorcli.explorer.session import Session

        words = COMMANDS[command].offered(Session(quiet=True))
        return [(word, about) for word, about in words.items() if word.startswith(incomplete)]

    return offered


def existing_folder(path: str | None) -> str | None:
    """The folder as given. Raises BadParameter where there is none."""
    if path is not None and not os.path.isdir(path):
        raise typer.BadParameter(f"there is no folder {path!r}", param_hint="--allow-files")
    return path


def scripts_of(files: list[str] | None, command: str | None) -> list[str]:
    """The files to read, none where statements are given: standard input where nothing is named and nobody types there.
    Raises BadParameter.
    """
    if command is not None:
        if files:
            raise typer.BadParameter("give files or statements, not both", param_hint="--command")
        return []
    if not files and sys.stdin is not None and sys.stdin.isatty():
        raise nothing_named()
    return files or ["-"]


def nothing_named() -> typer.BadParameter:
    """The complaint of a command that has nothing to run."""
    return typer.BadParameter(
        "name a script, - for standard input, or give statements with -c", param_hint="FILE"
    )


def joined(commands: list[str] | None) -> str | None:
    """What was given with -c, each on lines of its own: one script."""
    return None if commands is None else "\n".join(commands)


Commands = Annotated[
    list[str] | None,
    typer.Option(
        "--command", "-c", metavar="STATEMENTS", help="Run these statements; several -c are one script."
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help="Scripts (.tsc, or .py); - is standard input."),
]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Go on after a failing statement.")]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        parser=whole_number(-(2**63), 2**64 - 1),
        help="Seed of the random generators.",
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        metavar="SIZE",
        parser=read_size,
        help="Largest tensor (512M, 2G); without it, half of the free memory.",
    ),
]
KeepBytes = Annotated[
    int | None,
    typer.Option(
        "--keep-bytes",
        metavar="SIZE",
        parser=read_size,
        help="How much of what the graph saved to keep before it is overwritten; 256M without it.",
    ),
]
SimulateCuda = Annotated[
    int,
    typer.Option(
        "--simulate-cuda",
        metavar="[=N]",
        parser=whole_number(0, 64),
        help="Simulate CUDA devices with numpy: one, or N.",
    ),
]
Color = Annotated[Literal["auto", "always", "never"], typer.Option("--color", help="When to use colour.")]
Engine = Annotated[
    Literal["embedded", "pytorch"], typer.Option("--engine", help="Whose tensors: ours, or PyTorch's own.")
]
Format = Annotated[
    Literal["text", "plain", "json"],
    typer.Option("--format", help="Tables, `name.field: value` lines, or JSON."),
]
AllowFiles = Annotated[
    str | None,
    typer.Option(
        "--allow-files",
        metavar="DIR",
        callback=existing_folder,
        help="Let commands (source, save, export, graph -o) read and write files below this folder.",
    ),
]
