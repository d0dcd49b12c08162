"""`tensorcli ops`: the operators of the engine, or one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tensorcli.cli.once import show
from tensorcli.cli.parameters import Color, Format

if TYPE_CHECKING:
    from tensorcli.explorer.results import Help


def named(incomplete: str) -> list[str]:
    """The operators whose names begin so, for a shell that completes."""
    from tensorcli.explorer.engines.opening import open_engine

    return [name for name in open_engine("embedded").method_names() if name.startswith(incomplete)]


def ops(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="An operator or a method.", autocompletion=named),
    ] = None,
    color: Color = "auto",
    format: Format = "text",
) -> int:
    """List the operators of the engine, or explain one of them."""
    found = catalogue() if name is None else operator(name)
    return show("ops" if name is None else f"ops {name}", found, color, format)


def catalogue() -> Help:
    """Every operator in a line, by the chapters of the engine."""
    from tensorcli.engine.table import PACKETS
    from tensorcli.explorer.engines.pages import summary_of
    from tensorcli.explorer.results import Help, HelpRow, HelpSection

    chapters: dict[str, list[HelpRow]] = {}
    for name, overloads in PACKETS.items():
        if not name.startswith("_"):
            chapters.setdefault(overloads[0].chapter, []).append(HelpRow(name, summary_of(name)))
    count = sum(map(len, chapters.values()))
    sections = tuple(HelpSection(chapter, tuple(rows)) for chapter, rows in chapters.items())
    return Help("operators", f"{count} operators; tensorcli ops NAME explains one", sections)


def operator(name: str) -> Help:
    """The help page of one operator. Raises BadParameter where there is none of that name."""
    from tensorcli.explorer.engines.opening import open_engine
    from tensorcli.language.nearness import near

    engine = open_engine("embedded")
    short = name.removeprefix("torch.").removeprefix("Tensor.")
    page = engine.help(short)
    if page is None:
        close = near(short, engine.method_names())
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise typer.BadParameter(f"there is no operator {name!r}{hint}", param_hint="NAME")
    return page
