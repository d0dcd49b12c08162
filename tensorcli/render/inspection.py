"""Everything about one value: a title, then labelled lines of facts with a remark beside them, or under them
where it is narrow.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorcli.explorer.results import Field, Inspection
from tensorcli.explorer.results import Line as FactLine
from tensorcli.render.layout import BETWEEN, NATURAL_VALUE, Line, Piece, cells, line, shorten, wrap

GAP = 3
LEAST_NOTE = 20
VALUE_LABELS = ("values", "value")  # lines that may be shortened: they hold values


def inspection(found: Inspection, width: int | None) -> Iterator[Line]:
    yield from title(found, width)
    yield from fact_lines(found, width)
    for item in found.items:
        yield ()
        yield from inspection(item, width)


def title(found: Inspection, width: int | None) -> Iterator[Line]:
    """`v  =  y[1:]        line 3 · float32 · cpu`, and a rule under it."""
    made = "  =" if found.kind != "storage" else "   made by"
    left = found.name + (f"{made}  {found.origin}" if found.origin and found.origin != found.name else "")
    if width is not None:  # a name stays whole, the statement behind it is had by `history`
        left = shorten(left, max(width - 2, cells(found.name)))
    tags = " · ".join([*([f"line {found.line}"] if found.line is not None else []), *found.tags])
    total = width if width is not None else max(cells(left) + GAP + cells(tags), body_width(found)) + 1
    room = total - 1 - cells(left)
    if cells(tags) + GAP <= room:
        yield line(" ", (left, "title"), " " * (room - cells(tags)), (tags, "muted"))
    else:
        yield line(" ", (left, "title"))
        for part in wrap(tags, max(total - 3, LEAST_NOTE)):
            yield line("   ", (part, "muted"))
    yield line(" ", ("─" * (total - 1), "muted"))


def label_width(found: Inspection) -> int:
    """How many cells the labels take, with the gap behind them."""
    return max([cells(each.label) for each in found.lines], default=0) + GAP


def text_width(found: Inspection, width: int | None) -> int:
    """How many cells the texts take that have a note beside them."""
    return max([cells(text_of(each, width)) for each in found.lines if each.note], default=0)


def body_width(found: Inspection) -> int:
    """How many cells the longest line takes where nothing limits it."""
    longest_note = max([cells(each.note) for each in found.lines], default=0)
    return label_width(found) + max(
        text_width(found, None) + GAP + longest_note,
        max([cells(text_of(each, None)) for each in found.lines], default=0),
    )


def fact_lines(found: Inspection, width: int | None) -> Iterator[Line]:
    """The facts, one label a line; where there is no room beside a fact, its note stands below."""
    labels, texts = label_width(found), text_width(found, width)
    for each in found.lines:
        text = text_of(each, width)
        lead = (Piece(" "), Piece(each.label.ljust(labels), "label"))
        if width is None:
            note = " " * (texts - cells(text) + GAP) + each.note if each.note else ""
            yield line(*lead, text, (note, "muted"))
            continue
        room = width - 1 - labels
        column = min(texts, max(room * 45 // 100, 28))
        beside = max(column, cells(text)) + GAP
        if each.label in VALUE_LABELS and beside + cells(each.note) > room:
            beside = cells(text) + GAP  # the remark leaves its column before it leaves the line
        if each.note and beside + cells(each.note) <= room:
            yield line(*lead, text, " " * (beside - cells(text)), (each.note, "muted"))
            continue
        if each.label in VALUE_LABELS:
            text = shorten(text, room)
        for number, part in enumerate(wrap(text, max(room, LEAST_NOTE), BETWEEN)):
            yield line(*(lead if number == 0 else (" " * (1 + labels),)), part)
        for part in wrap(each.note, max(room, LEAST_NOTE)) if each.note else ():
            yield line(" " * (1 + labels), (part, "muted"))


def text_of(found: FactLine, width: int | None) -> str:
    """The fields of a line; of a value a part, where nothing else limits the width."""
    text = BETWEEN.join(field_text(field) for field in found.fields if field.text != "")
    return shorten(text, NATURAL_VALUE) if width is None and found.label in VALUE_LABELS else text


def field_text(field: Field) -> str:
    """How a fact reads: its own words, else its value."""
    return str(field.value) if field.text is None else field.text
