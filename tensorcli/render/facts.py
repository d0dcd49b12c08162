"""Tables whose rows are tensors: what a statement changed, the variables of a session.

A row keeps its ids, names and versions whole at every width. Where the width is short the value shrinks
first, then value and note move below their row, then facts with them, from the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tensorcli.explorer.results import Change, Facts, Variable, some
from tensorcli.explorer.results.changes import SENTENCES
from tensorcli.render.layout import (
    NATURAL_VALUE,
    Column,
    Grid,
    Line,
    Piece,
    cells,
    line,
    paragraph,
    room_beside,
    shorten,
    wrap,
)

ARROW = " → "

# The sign of a row and its style, by the kind of change.
SIGNS: dict[str, tuple[str, str]] = {
    "created": ("+", "created"),
    "written": ("~", "written"),
    "seen": ("~", "written"),
    "changed": ("~", "written"),
    "shares": (" ", "muted"),
    "gradient": ("~", "written"),
    "bound": ("=", "bound"),
    "unbound": ("-", "freed"),
    "hooks_ran": ("·", "muted"),
    "graph_freed": ("-", "freed"),
    "archived": ("·", "muted"),
}

# Title, the fact as text, the style of an unchanged cell.
FACTS: tuple[tuple[str, Callable[[Facts], str], str], ...] = (
    ("shape", lambda facts: str(facts.shape), ""),
    ("dtype", lambda facts: facts.dtype, ""),
    ("device", lambda facts: facts.device, ""),
    ("storage", lambda facts: facts.storage or "(temporary)", "id"),
    ("version", lambda facts: dash(facts.version), ""),
    ("requires_grad", lambda facts: dash(facts.requires_grad), ""),
    ("grad_fn", lambda facts: facts.grad_fn or ("None" if facts.kind == "tensor" else "-"), ""),
)
LEAST_FACTS = 2  # columns that stay: shape and dtype
WIDE_VALUE = 30  # cells: a value is not cut to less for a note beside it
BELOW = "     "


def dash(value: object) -> str:
    """A fact that a thing may lack, as text."""
    return "-" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Row:
    """A tensor's row before it is set."""

    sign: Piece
    name: str
    cells: tuple[Piece, ...]
    value: str
    note: str
    style: str = ""


def changes(found: Sequence[Change], more: int, width: int | None) -> Iterator[Line]:
    """The table after a statement, and under it the sentences about names and graphs."""
    rows = [change_row(change) for change in found if change.kind not in SENTENCES]
    yield from table(rows, width)
    for change in found:
        if change.kind in SENTENCES:
            yield from sentence(change, width)
    if more:
        yield line("   ", (f"… and {more} more", "muted"))


def change_row(change: Change) -> Row:
    """A change as a row of the table: its sign, its cells, what is different in them marked."""
    sign, style = SIGNS[change.kind]
    if change.kind == "gradient":
        sign, style = (
            ("+", "created")
            if change.before is None
            else ("-", "freed")
            if change.after is None
            else (sign, style)
        )
    names = change.names or ("(temporary)",)
    also = f"also {some(names[1:])}" if names[1:] else ""
    row_style = "muted" if change.kind == "shares" else ""
    facts = change.after or change.before
    return Row(
        Piece(sign, style),
        names[0],
        fact_cells(change.before, change.after, row_style),
        facts.value if facts is not None and change.after is not None else "",
        "; ".join(part for part in (change.note, also) if part),
        row_style,
    )


def fact_cells(before: Facts | None, after: Facts | None, style: str = "") -> tuple[Piece, ...]:
    """A cell for each of FACTS: `old → new` where the two differ."""
    now = after or before
    if now is None:
        return tuple(Piece("") for _ in FACTS)
    found = []
    for _, text, own in FACTS:
        new = text(now)
        old = text(before) if before is not None and after is not None else new
        found.append(Piece(new, style or own) if old == new else Piece(old + ARROW + new, "changed"))
    return tuple(found)


def sentence(change: Change, width: int | None) -> Iterator[Line]:
    """`= b   same object as a`, `- x   s1 freed`."""
    sign, style = SIGNS[change.kind]
    named = change.kind in ("bound", "unbound") and change.names
    lead: Line = (Piece(" "), Piece(sign, style), Piece(" "))
    if named:
        lead += (Piece(", ".join(change.names[:1]), "name"), Piece("   "))
    indent = sum(cells(piece.text) for piece in lead)
    also = change.names[1:] if change.kind == "bound" and change.same_as not in change.names[1:] else ()
    note = change.note + (f", also {some(also)}" if also else "")
    if width is not None and indent + min(cells(note), WIDE_VALUE) > width:
        yield line(*lead)
        yield from paragraph(note, width, "", BELOW, BELOW)
        return
    for number, part in enumerate(wrap(note, room_beside(width, indent))):
        yield line(*(lead if number == 0 else (" " * indent,)), part)


def variables(rows: Sequence[Variable], width: int | None) -> Iterator[Line]:
    """The names of a session: tensors as a table, then everything else with its type."""
    tensors = [
        Row(
            Piece(" "),
            ", ".join(row.names[:1]),
            fact_cells(None, row.facts),
            row.facts.value,
            "; ".join(
                part for part in (row.note, f"also {some(row.names[1:])}" if row.names[1:] else "") if part
            ),
        )
        for row in rows
        if row.facts is not None
    ]
    others = [row for row in rows if row.facts is None]
    yield from table(tensors, width)
    if others:
        if tensors:
            yield ()
        grid = Grid(
            (Column("name"), Column("type"), Column("value", flexible=True, natural=NATURAL_VALUE)),
            [(Piece(", ".join(row.names), "name"), Piece(row.type), Piece(row.value)) for row in others],
            marks=[Piece(" ")] * len(others),
        )
        yield from grid.lines(width)


def table(rows: Sequence[Row], width: int | None) -> Iterator[Line]:
    """The rows as a table that fits the width, in the widest of the three forms that does."""
    if not rows:
        return
    kept = kept_facts(rows)
    inline = grid_of(rows, kept, inline=True)
    if width is None or inline.taken(width) <= width:
        yield from inline.lines(width)
        return
    without_arrows = [short_grad_fn(row) for row in rows]
    below = grid_of(rows, kept)
    if below.natural() > width:
        rows = without_arrows
        below = grid_of(rows, kept)
    moved: list[int] = []
    while below.natural() > width and len(kept) > LEAST_FACTS:
        moved.insert(0, kept.pop())
        below = grid_of(rows, kept)
    notes = [tuple(below_row(row, moved, width)) for row in rows]
    yield from Grid(below.columns, below.rows, below.marks, below=notes).lines(width)


def kept_facts(rows: Sequence[Row]) -> list[int]:
    """Which facts have a column: all, but a device only where some tensor is not on the CPU."""
    return [
        number
        for number, (title, _, _) in enumerate(FACTS)
        if title != "device" or any(row.cells[number].text not in ("cpu", "") for row in rows)
    ]


def grid_of(rows: Sequence[Row], kept: Sequence[int], inline: bool = False) -> Grid:
    """The table of some rows, with the columns that are kept. `inline`: values and notes are columns, and no lines beneath."""
    columns = [Column("name"), *(Column(FACTS[number][0]) for number in kept)]
    body = [[Piece(row.name, row.style or "name"), *(row.cells[number] for number in kept)] for row in rows]
    if inline:
        columns += [Column("value", flexible=True, minimum=WIDE_VALUE), Column("note")]
        for cells_of_row, row in zip(body, rows):
            cells_of_row += [Piece(shorten(row.value, NATURAL_VALUE), row.style), Piece(row.note, row.style)]
        if not any(row.note for row in rows):
            columns.pop()
            for cells_of_row in body:
                cells_of_row.pop()
    return Grid(columns, body, [row.sign for row in rows])


def short_grad_fn(row: Row) -> Row:
    """The row with only the new grad_fn in its cell and the old one in its note."""
    old, arrow, new = row.cells[-1].text.partition(ARROW)
    if not arrow:
        return row
    note = "; ".join(part for part in (f"grad_fn was {old}", row.note) if part)
    return Row(row.sign, row.name, (*row.cells[:-1], Piece(new, "changed")), row.value, note, row.style)


def below_row(row: Row, moved: Sequence[int], width: int) -> Iterator[Line]:
    """The facts that have no column, the value and the note of a row under it: on one line where all fit."""
    room = max(width - len(BELOW), 20)
    facts = [
        f"{FACTS[number][0]} {text}" for number in moved if (text := row.cells[number].text) not in ("", "-")
    ]
    if row.style == "muted" and not row.note and not facts:
        return
    first = "   ".join(facts)
    lead = "   ".join(part for part in (first, row.value) if part)
    together = "   ".join(part for part in (lead, row.note) if part)
    if cells(together) <= room:
        if together:
            yield line(BELOW, (together, row.style))
        return
    note_room = room - cells(row.note) - 3
    if not first and note_room >= WIDE_VALUE:
        yield line(BELOW, (f"{shorten(row.value, note_room)}   {row.note}", row.style))
        return
    if cells(lead) > room and first:
        for part in wrap(first, room, "   "):
            yield line(BELOW, (part, row.style))
        lead = row.value
    if lead:
        yield line(BELOW, (shorten(lead, room), row.style))
    for part in wrap(row.note, room) if row.note else ():
        yield line(BELOW, (part, row.style))
