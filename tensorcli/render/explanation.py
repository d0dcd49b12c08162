"""`explain` as a page: the answer first, then tables and sentences that show why."""

from __future__ import annotations

from collections.abc import Iterator

from tensorcli.explorer.results import Explanation, Section
from tensorcli.render.layout import Column, Grid, Line, Piece, cells, line, listing, paragraph

INDENT = 3


def explanation(found: Explanation, width: int | None) -> Iterator[Line]:
    yield line(" ", (found.what, "title"))
    yield from paragraph(found.verdict, width, "", " ", " ")
    for section in found.sections:
        yield ()
        yield from part(section, width)
    if found.error:
        yield ()
        yield from paragraph(f"PyTorch says  {found.error}", width, "error", " ", "   ")
    if found.see_also:
        yield ()
        yield from listing("see also", found.see_also, width, "hint")


def part(section: Section, width: int | None) -> Iterator[Line]:
    if section.title:
        yield line(" ", (section.title, "header"))
    if section.rows:
        yield from table(section, width)
    for text in section.text:
        lead = " " * INDENT
        yield from paragraph(text, width, "", lead, lead)


def table(section: Section, width: int | None) -> Iterator[Line]:
    """The rows; where they are too wide, the last cell of each stands under it."""
    count = max(map(len, section.rows))
    rows = [
        [
            Piece(row[number] if number < len(row) else "", cell_style(section, at, number))
            for number in range(count)
        ]
        for at, row in enumerate(section.rows)
    ]
    grid = Grid([Column() for _ in range(count)], rows, heads=False, indent=INDENT)
    if width is None or grid.natural() <= width:
        yield from grid.lines(None)
        return
    if section.titled:
        yield from banded(section, width)
        return
    first = max([cells(row[0]) for row in section.rows if cells(row[0]) <= width // 2], default=0)
    for row in section.rows:
        lead = " " * INDENT + row[0]
        rest = "  ".join(row[1:])
        if not rest or cells(row[0]) > first:
            yield from paragraph(row[0], width, "", " " * INDENT, " " * (INDENT + 2))
            lead = " " * (INDENT + first)
        if rest:
            column = " " * (INDENT + first + 2)
            start = lead + " " * (len(column) - cells(lead))
            yield from paragraph(rest, width, "", start, column)


def banded(section: Section, width: int) -> Iterator[Line]:
    """A table with titles in as many bands as the width asks for, each led by the first column."""
    columns = [[row[number] for row in section.rows] for number in range(len(section.rows[0]))]
    sizes = [max(map(cells, column)) + 2 for column in columns]
    band: list[int] = []
    used = INDENT + sizes[0]
    for number in range(1, len(columns)):
        if band and used + sizes[number] - 2 > width:
            yield from band_lines(section, [0, *band])
            band, used = [], INDENT + sizes[0]
        band.append(number)
        used += sizes[number]
    yield from band_lines(section, [0, *band])


def band_lines(section: Section, chosen: list[int]) -> Iterator[Line]:
    rows = [
        [Piece(row[number], cell_style(section, at, number)) for number in chosen]
        for at, row in enumerate(section.rows)
    ]
    yield from Grid([Column() for _ in chosen], rows, heads=False, indent=INDENT).lines(None)


def cell_style(section: Section, row: int, column: int) -> str:
    if section.titled and row == 0:
        return "header"
    return "name" if column == 0 and section.titled else ""
