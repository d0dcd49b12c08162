"""Answers about a session's past: where it went, what differs, who wrote, what is watched."""

from __future__ import annotations

from collections.abc import Iterator

from tensorcli.explorer.results import Blame, Difference, Travelled, Watched, Watching
from tensorcli.render import facts
from tensorcli.render.layout import (
    NATURAL_VALUE,
    Column,
    Grid,
    Line,
    Piece,
    cells,
    first_line,
    line,
    paragraph,
    room_beside,
    shorten,
    wrap,
)

LEAST = 40  # cells that a value needs beside its label, else it moves below


def travelled(found: Travelled, width: int | None) -> Iterator[Line]:
    yield from paragraph(found.text, width, "title", " ", "   ")
    yield from facts.changes(found.changes, 0, width)
    where = f"at step {found.at} of {found.of}"
    if found.at < found.of:
        where += " · redo to come back · typing a statement starts anew from here"
    yield from paragraph(where, width, "hint", " ", "   ")


def difference(found: Difference, width: int | None) -> Iterator[Line]:
    if not found.changes:
        text = f"nothing differs between step {found.left} and step {found.right}"
        yield from paragraph(text, width, "", " ", "   ")
    yield from facts.changes(found.changes, 0, width)


def blame(found: Blame, width: int | None) -> Iterator[Line]:
    rows = [
        (
            Piece(str(row.line), "muted"),
            Piece(
                "" if row.version is None else version(row.version, row.silent),
                "changed" if row.silent else "",
            ),
            Piece(first_line(row.source)),
            Piece(f"through {row.via}" if row.via else "", "name"),
            Piece(row.value, "value"),
        )
        for row in found.rows
    ]
    if rows:
        columns = (
            Column("line", align="right"),
            Column("version"),
            Column("by", flexible=True, minimum=24),
            Column(""),
            Column(f"{found.name} after", flexible=True, minimum=14, natural=NATURAL_VALUE),
        )
        yield from Grid(columns, rows).lines(width)
    if found.note:
        yield from paragraph(found.note, width, "", " ", " ")


def version(versions: tuple[int, int], silent: bool) -> str:
    """The version after a write, or that it stayed."""
    before, after = versions
    if silent and before == after:
        return f"v{after} stayed"
    return f"v{after}"


def watching(found: Watching, width: int | None) -> Iterator[Line]:
    if not found.rows:
        yield line(" ", "nothing is watched")
    column = max((cells(name) for name, _ in found.rows), default=0)
    for name, value in found.rows:
        room = room_beside(width, column + 4)
        shown = shorten(value, NATURAL_VALUE if room is None else room)
        yield line(" ", (name, "name"), " " * (column - cells(name) + 3), (shown, "value"))


def watched(found: Watched, width: int | None) -> Iterator[Line]:
    lead = f" watch {found.name}   "
    together = " → ".join(shorten(each, width or NATURAL_VALUE) for each in (found.before, found.after))
    if width is None or cells(lead) + cells(together) <= width:
        yield line(" watch ", (found.name, "name"), "   ", (together, "changed"))
        return
    yield line(" watch ", (found.name, "name"))
    for mark, text in (("  ", found.before), ("→ ", found.after)):
        for part in wrap(shorten(text, max(width - 5, LEAST)), None):
            yield line("   ", mark, (part, "changed"))
