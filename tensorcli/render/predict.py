"""Predictions: the question, whether the answer was right, the score."""

from __future__ import annotations

from collections.abc import Iterator

from tensorcli.explorer.results import Prediction, Predictions, Question, plural
from tensorcli.render.layout import (
    Column,
    Grid,
    Line,
    Piece,
    cells,
    flowed,
    line,
    paragraph,
    room_beside,
    wrap,
)


def question(found: Question, width: int | None) -> Iterator[Line]:
    """What is asked, and how an answer looks."""
    yield from paragraph(f"{found.text}   ({found.wants}; Enter skips)", width, "hint", " ? ", "   ")


def prediction(found: Prediction, width: int | None) -> Iterator[Line]:
    """Right or wrong, the fact, the score."""
    if found.right is None:
        said, style = ("skipped" if not found.given.strip() else f"not {found.question.wants}"), "muted"
    else:
        said, style = ("right", "good") if found.right else ("wrong", "error")
    right, answered = found.score
    score = f"   {right} of {answered}" if found.right is not None else ""
    lead = f" {said}: "
    room = room_beside(width, cells(lead))
    for number, part in enumerate(wrap(found.question.fact + score, room)):
        yield line(" " * cells(lead) if number else Piece(lead, style), part)


def predictions(found: Predictions, width: int | None) -> Iterator[Line]:
    """Whether questions are asked, and the score by kind."""
    state = "predict is on" if found.on else "predict is off"
    score = (
        f"{found.right} of {plural(found.answered, 'answer')} right" if found.answered else "no answers yet"
    )
    skipped = f", {found.skipped} skipped" if found.skipped else ""
    yield from flowed(line(" ", (state, "title"), f"   {score}{skipped}"), width)
    if found.rows:
        rows = [(Piece(row.kind), Piece(str(row.right)), Piece(str(row.answered))) for row in found.rows]
        columns = (Column("about"), Column("right", align="right"), Column("of", align="right"))
        yield from Grid(columns, rows, indent=3).lines(width)
