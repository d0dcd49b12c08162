"""`compare` as a table: a row for each question, a column for each form; forms that do not fit the width follow in further
bands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tensorcli.explorer.results import Comparison
from tensorcli.render.layout import Column, Grid, Line, Piece, cells, line, paragraph, wrap

WIDE = 120
"""How wide a band may be where the width is free."""
ANSWER = 20
"""How many cells the widest column of answers takes, with the margin: questions wrap where less would be left."""
HEAD = 15
"""To how many cells the head of a column is broken."""
ALARMS = ("WRONG", "RAISES", "raises", "refused")


def comparison(found: Comparison, width: int | None) -> Iterator[Line]:
    yield from paragraph(f"probe: {found.probe}", width, "muted", " ", "        ")
    columns = [[row.cells[number] for row in found.rows] for number in range(len(found.forms))]
    heads = [broken(each) for each in found.expressions]
    widest = max((cells(row.question) for row in found.rows), default=0)
    room = None if width is None or widest + ANSWER <= width else max(width - ANSWER, ANSWER)
    questions = [wrap(row.question, room) for row in found.rows]
    first = max((cells(part) for parts in questions for part in parts), default=0)
    for band in bands(heads, columns, first, width or WIDE):
        yield ()
        yield from table(questions, [heads[each] for each in band], [columns[each] for each in band])
    for number, note in enumerate(found.notes, 1):
        yield from paragraph(f"[{number}] {note}", width, "error", " ", "     ")
    if found.groups:
        yield ()
    for group in found.groups:
        yield from paragraph(group, width, "hint", " ", "   ")


def broken(expression: str) -> list[str]:
    """An expression over several lines: before a dot, after a bracket or a blank."""
    lines = [""]
    for piece in re.split(r"(?<=\))(?=\.)|(?<=\()(?!\))|(?<=\s)", expression):
        if lines[-1] and cells(lines[-1] + piece) > HEAD:
            lines.append("")
        lines[-1] += piece
    return [each.rstrip() for each in lines if each.strip()]


def bands(
    heads: Sequence[Sequence[str]], columns: Sequence[Sequence[str]], first: int, width: int
) -> Iterator[list[int]]:
    """The columns that fit beside each other, in order."""
    band: list[int] = []
    used = 1 + first
    for number, (head, column) in enumerate(zip(heads, columns)):
        size = 2 + max(map(cells, (*head, *column)))
        if band and used + size > width:
            yield band
            band, used = [], 1 + first
        band.append(number)
        used += size
    if band:
        yield band


def table(
    questions: Sequence[Sequence[str]], heads: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]
) -> Iterator[Line]:
    """The cells of some forms, one question a row; a head may take several rows."""
    tall = max(map(len, heads))
    rows = [
        [Piece(""), *(Piece(head[number] if number < len(head) else "", "verb") for head in heads)]
        for number in range(tall)
    ]
    for number, (question, *rest) in enumerate(questions):
        texts = [column[number] for column in columns]
        if set(texts) == {"-"}:
            continue
        rows.append([Piece(question, "label"), *(Piece(text, style(text)) for text in texts)])
        rows += [[Piece(f"  {part}", "label"), *(Piece("") for _ in texts)] for part in rest]
    grid = Grid([Column(), *(Column() for _ in columns)], rows, heads=False)
    lines = list(grid.lines(None))
    yield from lines[:tall]
    yield line(" ", ("─" * (grid.natural() - 1), "muted"))
    yield from lines[tall:]


def style(text: str) -> str:
    """The style of a cell, by its first word."""
    word = text.partition(" ")[0]
    if word in ALARMS:
        return "alarm"
    return "good" if word == "correct" else "muted" if word == "-" else ""
