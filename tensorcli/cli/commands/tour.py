"""`tensorcli tour`: a topic in two minutes."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorcli.cli.once import run_once
from tensorcli.cli.parameters import Color, Format, words_of


def tour(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="detach, clone, numpy, copy_, …", autocompletion=words_of("tour")
        ),
    ] = "tour",
    color: Color = "auto",
    format: Format = "text",
) -> int:
    """Run one of the demos, with its comments."""
    return run_once(f":tour {name}", color, format)
