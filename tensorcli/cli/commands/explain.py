"""`tensorcli explain`: an operator, a code, a concept, an expression, outside of any session of the user's."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorcli.cli.once import run_once
from tensorcli.cli.parameters import Color, Format, words_of


def explain(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="view, TSC-E031, version counter, 'ones(2, 3).t().view(6)'; concepts, errors and hazards are lists.",
            autocompletion=words_of("explain"),
        ),
    ],
    color: Color = "auto",
    format: Format = "text",
) -> int:
    """Explain an operator, a code, a concept, or an expression."""
    return run_once(f":explain {' '.join(what)}", color, format)
