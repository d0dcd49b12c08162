"""`tensorcli compare`: several forms of the same thing side by side, measured."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorcli.cli.once import run_once
from tensorcli.cli.parameters import Color, Engine, Format, words_of


def compare(
    forms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FORM...]",
            help="detach, clone, data, numpy, …, or expressions of y: 'y[1:]'",
            autocompletion=words_of("compare"),
        ),
    ] = None,
    color: Color = "auto",
    format: Format = "text",
    engine: Engine = "embedded",
) -> int:
    """Compare forms: what they share, and what a write does to each.

    Each cell is measured: sharing, counters, and what a backward pass says after the write.
    """
    words = ["assignment" if form == "=" else form for form in forms or []]
    return run_once(f":compare {' '.join(words)}".rstrip(), color, format, engine)
