"""`why`: the answer, the statements that led there, a timeline of versions, the ways out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tensorcli.explorer.results import Event as Told
from tensorcli.explorer.results import Fixed, Timeline, Way, Why
from tensorcli.render.layout import (
    BETWEEN,
    Line,
    Piece,
    cells,
    flowed,
    line,
    padded,
    paragraph,
    room_beside,
    shorten,
    wrap,
)

STYLES = {"wrote": "changed", "freed": "freed", "raised": "error", "warned": "error", "cut": "freed"}
MARKS = {"saved": "●", "wrote": "┃", "raised": "✗", "freed": "┃", "made": "●", "shared": "●", "cut": "┃"}
NOTE, WAY, SOURCE = 44, 56, 60
"""Longer notes, ways and statements have what belongs to them below."""
ASIDE = 60
"""In a narrower terminal the code stands below the answer."""
VERDICTS = {"ok": ("ok", "good"), "wrong": ("BAD", "error"), "runs": ("", "")}


def why(found: Why, width: int | None) -> Iterator[Line]:
    code = found.code or ""
    aside = bool(code) and (width is None or width >= ASIDE)
    parts = wrap(found.title, room_beside(width, 1 + (len(BETWEEN) + cells(code) if aside else 0)))
    for number, part in enumerate(parts):
        tail = f"{BETWEEN}{code}" if aside and number == 0 else ""
        yield line(" ", (part, "title"), (tail, "code"))
    if code and not aside:
        yield line(" ", (code, "code"))
    if found.events:
        yield ()
        yield from events(found.events, width)
    if found.timeline is not None and len(found.timeline.marks) > 1:
        drawn = list(timeline(found.timeline, width))
        if drawn:
            yield ()
            yield from drawn
    notes = list(found.notes)
    if found.then is not None:
        yield ()
        yield from paragraph(found.outcome, width, "", " ", " ")
        yield ()
        yield from why(replace(found.then, apply=found.apply), width)
    elif found.outcome:
        notes.append(found.outcome)
    for note in notes:
        yield ()
        yield from paragraph(note, width, "", " ", " ")
    if found.ways:
        yield ()
        yield from ways(found, width)


def events(found: Sequence[Told], width: int | None) -> Iterator[Line]:
    """One statement a row: its line, its source, what it did, the versions. Where one row does not fit, what was
    done stands below the statement in all.
    """
    numbers = max(cells(str(event.line)) for event in found)
    lead_size = 8 + numbers + 3
    sources = max(cells(event.source) for event in found)
    rows = [(event, tail_of(event)) for event in found]
    needed = (
        lead_size
        + sources
        + 3
        + max(cells(event.text) + (cells(tail) and cells(tail) + 3) for event, tail in rows)
    )
    beside = sources <= SOURCE and (width is None or needed <= width)
    for event, tail in rows:
        if not event.source:
            yield line(" " * lead_size, (event.text, "muted"))
            continue
        style = STYLES.get(event.role, "")
        lead = f"   line {event.line:>{numbers}}   "
        if beside:
            pad = " " * (sources - cells(event.source) + 3)
            yield line(
                (lead, "muted"), event.source, pad, (event.text, style), "   " if tail else "", (tail, style)
            )
            continue
        for number, part in enumerate(wrap(event.source, room_beside(width, lead_size))):
            yield line((lead if number == 0 else " " * lead_size, "muted"), part)
        whole = BETWEEN.join(part for part in (event.text, tail) if part)
        yield from paragraph(whole, width, style, " " * (lead_size + 2), " " * (lead_size + 2), BETWEEN)


def tail_of(event: Told) -> str:
    """The versions, and an arrow at the statement that did it."""
    flag = "← culprit" if event.culprit else f"← {event.role}" if event.role in ("raised", "warned") else ""
    return "   ".join(part for part in (event.version, flag) if part)


def timeline(found: Timeline, width: int | None) -> Iterator[Line]:
    """Versions from left to right, a mark for each moment, its line and what happened under it."""
    first = f"   {found.storage}   "
    labels = [wrap(mark.text, 16) for mark in found.marks]
    columns = [
        max([cells(f"line {mark.line}"), *(cells(part) for part in parts)]) + 2
        for mark, parts in zip(found.marks, labels)
    ]
    if width is not None and cells(first) + 3 + sum(columns) > width:
        return
    version = (
        min(mark.version for mark in found.marks if mark.role == "saved")
        if any(mark.role == "saved" for mark in found.marks)
        else found.marks[0].version
    )
    bar: list[Piece] = [Piece(first, "id"), Piece(f"v{version} ")]
    used = cells(f"v{version} ")
    indent = cells(first) + used
    for mark, size in zip(found.marks, columns):
        text = MARKS.get(mark.role, "●")
        if mark.role == "wrote":
            text += f" v{mark.version} "
        bar.append(Piece(text, STYLES.get(mark.role, "")))
        bar.append(Piece("─" * max(size - cells(text), 1) if mark is not found.marks[-1] else ""))
    yield line(*bar)
    yield line(" " * indent, *(f"line {mark.line}".ljust(size) for mark, size in zip(found.marks, columns)))
    for row in range(max(map(len, labels))):
        yield line(
            " " * indent,
            *(padded(parts[row] if row < len(parts) else "", size) for parts, size in zip(labels, columns)),
        )


def ways(found: Why, width: int | None) -> Iterator[Line]:
    """The ways out, with what each gives."""
    measure = f"   {found.measure}" if found.measure else ""
    title = "ways out" if found.then is None else "ways to write it"
    head = line(" ", (title, "title"), " (each was run on a fork of this session)", (measure, "label"))
    yield from flowed(head, width)
    texts = [way.text.split("\n") for way in found.ways]
    column = max(
        (cells(parts[0]) for parts in texts if len(parts) == 1 and cells(parts[0]) <= WAY), default=0
    )
    notes = max((cells(way.note) for way in found.ways if cells(way.note) <= NOTE), default=0)
    beside = width is None or all(
        7 + column + 3 + notes + 3 + cells(way.measured) + 5 <= width
        for way, parts in zip(found.ways, texts)
        if parts[1:] == []
    )
    for way, parts in zip(found.ways, texts):
        yield from way_lines(way, parts, column, notes, width, beside)
    first = next((way.number for way in found.ways if way.number), None)
    if first is not None:
        command, _, behind = found.apply.rpartition("fix 1")
        yield from paragraph(f"apply one with: {command}fix {first}{behind}", width, "hint", " ", "   ")


def way_lines(
    way: Way, parts: list[str], column: int, notes: int, width: int | None, beside: bool
) -> Iterator[Line]:
    """One way out: in a line where it has room, else below its number."""
    number = f"   {way.number or 'x'}   "
    verdict, style = VERDICTS[way.verdict]
    size = cells(number)
    short = len(parts) == 1 and cells(parts[0]) <= column and cells(way.note) <= notes
    if short and beside:
        yield line(
            (number, "hint" if way.number else "error"),
            parts[0],
            " " * (column - cells(parts[0]) + 3),
            (way.note, "muted"),
            " " * (notes - cells(way.note) + 3),
            (way.measured, "value"),
            "  " if verdict else "",
            (verdict, style),
        )
        return
    for position, part in enumerate(parts):
        lead = number if position == 0 else " " * size
        room = room_beside(width, size)
        for row, piece in enumerate(wrap(part, room)):
            yield line((lead if row == 0 else " " * size, "hint" if way.number else "error"), piece)
    room = room_beside(width, size + 2) or 60
    left = room - cells(verdict) - cells(way.note) - 5
    if way.measured and left < 24:
        yield from paragraph(way.note, width, "muted", " " * (size + 2), " " * (size + 2))
        yield line(
            " " * (size + 2),
            (shorten(way.measured, room - cells(verdict) - 2), "value"),
            "  ",
            (verdict, style),
        )
    else:
        gap = "   " if way.measured else ""
        shown = shorten(way.measured, left) if way.measured else ""
        yield line(
            " " * (size + 2),
            (way.note, "muted"),
            gap,
            (shown, "value"),
            "  " if verdict else "",
            (verdict, style),
        )


def fixed(found: Fixed, width: int | None) -> Iterator[Line]:
    yield from paragraph(found.text, width, "good", " ", "   ")
    for edit in found.edits:
        for sign, style, source in (("-", "freed", edit.before), ("+", "created", edit.after)):
            for part in source.split("\n") if source else ():
                yield line("   ", (sign, style), f" {part}")
    if found.measured:
        text = f"{found.measure}   {found.measured}" if found.measure else found.measured
        yield from paragraph(text, width, "value", "   ", "   ")
