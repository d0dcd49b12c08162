"""The smaller answers of commands: saved tensors, aliases, history, help, settings, notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorcli.explorer.results import (
    AliasReport,
    Code,
    Devices,
    Exit,
    Expectation,
    Field,
    Help,
    HelpSection,
    History,
    Notice,
    SavedTable,
    Settings,
    SourcedFile,
    Written,
    plural,
    size_text,
    yes,
)
from tensorcli.render.facts import WIDE_VALUE, dash
from tensorcli.render.layout import (
    BETWEEN,
    ELLIPSIS,
    NATURAL_VALUE,
    Column,
    Grid,
    Line,
    Piece,
    cells,
    flowed,
    line,
    listing,
    padded,
    paragraph,
    room_beside,
    wrap,
)

USAGE = 30  # cells at most for what to type, so that descriptions begin in one column


def saved_table(found: SavedTable, width: int | None) -> Iterator[Line]:
    of = f" in the graph of {found.of}" if found.of else ""
    if not found.rows:
        yield from paragraph(f"no tensor is saved{of}", width, "", " ", "   ")
        return
    columns = [Column(title) for title in ("node", "saves", "shape", "dtype", "storage", "version", "line")]
    columns.append(Column("value", flexible=True, minimum=WIDE_VALUE, natural=NATURAL_VALUE))
    rows, marks = [], []
    for row in found.rows:
        version = f"{row.saved} → {row.now} stale" if row.stale else str(row.saved)
        saves = f"{row.slot}={row.tensor}" if row.tensor else row.slot
        rows.append(
            [
                Piece(row.node, "name"),
                Piece(saves),
                Piece(str(row.shape)),
                Piece(row.dtype),
                Piece(row.storage or "(temporary)", "id"),
                Piece(version, "changed" if row.stale else ""),
                Piece(dash(row.line)),
                Piece(row.value),
            ]
        )
        marks.append(Piece("!", "alarm") if row.stale else Piece(" "))
    yield from Grid(columns, rows, marks).lines(width)
    said = f"{plural(len(found.rows), 'saved tensor')}{of}, {size_text(found.nbytes)}"
    yield from paragraph(said, width, "title", " ", "   ")


def alias_report(found: AliasReport, width: int | None) -> Iterator[Line]:
    yield from paragraph(found.verdict, width, "title", " ", " ")
    counter = "not both have one" if found.same_counter is None else yes(found.same_counter)
    storages = " and ".join(storage or "(temporary)" for storage in dict.fromkeys(found.storages))
    rows = [
        ("same object", yes(found.same_object)),
        ("same storage", f"{yes(found.same_storage)} ({storages})"),
        ("same version counter", counter),
        ("bytes in common", f"{found.overlapping_bytes}{overlap_text(found)}"),
        ("view", found.view_relation or "no"),
    ]
    yield from labelled(rows, width)


def overlap_text(found: AliasReport) -> str:
    """Which bytes they are, as far as the report lists them."""
    if not found.overlap:
        return ""
    listed = sum(run.last + 1 - run.first for run in found.overlap)
    runs = [f"{run.first}..{run.last}" for run in found.overlap]
    return f"   bytes {' '.join(runs if listed == found.overlapping_bytes else [*runs, ELLIPSIS])}"


def labelled(rows: Sequence[tuple[str, str]], width: int | None) -> Iterator[Line]:
    """Two columns: a label, and a text that wraps beside it."""
    column = max([cells(label) for label, _ in rows], default=0) + 3
    for label, text in rows:
        for number, part in enumerate(wrap(text, room_beside(width, 2 + column))):
            lead = label + " " * (column - cells(label)) if number == 0 else " " * column
            yield line("  ", (lead, "label"), part)


def history(found: History, width: int | None) -> Iterator[Line]:
    if not found.rows:
        yield line(" ", "nothing has run yet")
    digits = max([len(str(row.index)) for row in found.rows], default=1)
    for row in found.rows:
        first, *rest = row.source.split("\n")
        outcome = ("   ", (row.outcome, "error")) if row.outcome else ()
        indent = " " * (digits + 3)
        number = (str(row.index).rjust(digits), "muted")
        yield from flowed(
            line(" ", number, f"  {first}", *(outcome if not rest else ())), width, indent + "  "
        )
        for at, each in enumerate(rest):
            yield from flowed(
                line(indent + each, *(outcome if at == len(rest) - 1 else ())), width, indent + "  "
            )


def help_page(found: Help, width: int | None) -> Iterator[Line]:
    if found.title:
        yield from paragraph(found.title, width, "title", " ", " ")
    if found.summary:
        yield from paragraph(found.summary, width, "", " ", " ")
    usages = [cells(row.usage) for section in found.sections if not section.brief for row in section.rows]
    most = USAGE if width is None else min(USAGE, width * 2 // 5)
    column = min(max(usages, default=0), most) + 3
    brief = [section for section in found.sections if section.brief]
    if brief:
        yield ()
        yield from help_brief(brief, width)
    for section in found.sections:
        if section.brief:
            continue
        if found.title or section is not found.sections[0]:
            yield ()
        yield from help_section(section, column, width)
    if found.details:
        yield ()
    for detail in found.details:
        yield from paragraph(detail, width, "", "   ", "   ")
    if found.see_also:
        yield ()
        yield from listing("see also", found.see_also, width, "hint", gap="  ")


def help_brief(sections: Sequence[HelpSection], width: int | None) -> Iterator[Line]:
    """Groups without what each command does: what to type, side by side."""
    column = max(cells(section.title) for section in sections) + len(BETWEEN)
    for section in sections:
        text = BETWEEN.join(row.usage for row in section.rows)
        for number, part in enumerate(wrap(text, room_beside(width, column + 3), BETWEEN)):
            lead = "" if number else section.title
            yield line("   ", (padded(lead, column), "header"), (part, "verb"))


def help_section(section: HelpSection, column: int, width: int | None) -> Iterator[Line]:
    if section.title:
        yield line(" ", (section.title, "header"))
    for row in section.rows:
        size = cells(row.usage)
        room = room_beside(width, 3 + column)
        described = wrap(row.description, room) if row.description else [""]
        if size + 2 > column:
            yield from paragraph(row.usage, width, "verb", "   ", " " * 6, breaks=" [")
            lead = [" " * column] * len(described)
        else:
            lead = ["", *[" " * column] * (len(described) - 1)]
        for indent, part in zip(lead, described):
            if indent:
                yield line("   " + indent, part)
            else:
                yield line("   ", (row.usage, "verb"), " " * (column - size), part)


def settings(found: Settings | Devices, width: int | None) -> Iterator[Line]:
    """Each setting with its value, and beside it a text that says more."""
    column = max([cells(value_text(field)) for field in found.rows], default=0)
    yield from labelled([(field.key, setting(field, column)) for field in found.rows], width)


def setting(field: Field, column: int) -> str:
    value = value_text(field)
    if not field.text or field.text == value:
        return value
    return f"{value}{' ' * (column - cells(value))}   {field.text}"


def value_text(field: Field) -> str:
    """The value as a reader calls it."""
    return yes(field.value) if isinstance(field.value, bool) else str(field.value)


def code(found: Code, width: int | None) -> Iterator[Line]:
    for each in found.text.rstrip("\n").split("\n"):
        yield line(each)


def expectation(found: Expectation, width: int | None) -> Iterator[Line]:
    if found.holds:
        yield from flowed(line(" ", ("ok", "good"), f"  {found.text}"), width)
    else:
        yield from flowed(line(" ", ("failed", "error"), f"  {found.text}"), width)
        if found.found:
            yield from paragraph(found.found, width, "", "   ", "   ")


def notice(found: Notice, width: int | None) -> Iterator[Line]:
    yield from paragraph(found.text, width, "", " ", " ")


def written(found: Written, width: int | None) -> Iterator[Line]:
    yield from paragraph(
        f"wrote {found.path}: {plural(found.statements, 'statement')}", width, "", " ", "   "
    )


def sourced(found: SourcedFile, width: int | None) -> Iterator[Line]:
    yield from paragraph(f"{found.path}: {plural(found.statements, 'statement')}", width, "muted", " ", "   ")


def leave(found: Exit, width: int | None) -> Iterator[Line]:
    """Leaving says nothing: whoever runs the session ends it."""
    return iter(())
