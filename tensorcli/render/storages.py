"""The memory map: under each slot of a storage the logical index by which each view reaches it.

Slots that do not fit on a line follow in bands, one under the other. A storage too large for cells shows the runs of slots
that each view reaches, and a bar of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tensorcli.explorer.results import StorageMap, StorageRow, ViewRow, plural, size_text, some
from tensorcli.render.layout import (
    Column,
    Grid,
    Line,
    Piece,
    cells,
    first_line,
    line,
    paragraph,
    room_beside,
    wrap,
)

FACT_TITLES = ("op", "stride", "offset", "layout")
BAR = 24
NAMES = 12
"""So many names of a storage stand in its heading; each has its row below."""
UNREACHED = "·"
LEAST_SLOT = 3


def storage_map(found: StorageMap, width: int | None) -> Iterator[Line]:
    for storage in found.storages:
        yield from storage_block(storage, width)
        yield ()
    if found.more:
        yield line(" ", (f"… and {plural(found.more, 'more storage')}", "muted"))
    size, unshared = size_text(found.nbytes), size_text(found.unshared_nbytes)
    saved = f" ({unshared} if nothing were shared)" if unshared != size else ""
    count = len(found.storages) + found.more
    yield from paragraph(f"{plural(count, 'storage')}, {size}{saved}", width, "title", " ", "   ")


def storage_block(storage: StorageRow, width: int | None) -> Iterator[Line]:
    """A storage: its heading, then its slots where they are few, or the runs that each view covers."""
    yield from heading(storage, width)
    if storage.cells:
        yield from slots(storage, width)
    elif storage.views:
        yield from collapsed(storage, width)


def heading(storage: StorageRow, width: int | None) -> Iterator[Line]:
    """`s1 float32[6] 24 B cpu version 0 names: m a b c made by m = arange(6.)`, over two lines where it must be."""
    if len(storage.versions) == 1:
        versions = f"version {storage.versions[0][0]}"
    else:
        versions = ", ".join(
            f"version {version} of {some(names, NAMES, ' ')}" for version, names in storage.versions
        )
    parts = [
        Piece(storage.id or "(temporary)", "id"),
        Piece(f"{storage.dtype}[{storage.elements}]"),
        Piece(size_text(storage.nbytes)),
        Piece(storage.device),
        Piece(versions),
        Piece(f"names: {some(storage.names, NAMES, ' ')}" if storage.names else "no name"),
        Piece(storage.note, "muted"),
    ]
    made = f"made by  {first_line(storage.made_by)}" if storage.made_by else ""
    if made and storage.line is not None:
        made += f"  (line {storage.line})"
    parts.append(Piece(made, "muted"))
    indent = " " * (1 + cells(parts[0].text) + 3)
    current: list[Piece] = [Piece(" ")]
    used = 1
    for number, part in enumerate(part for part in parts if part.text):
        size = cells(part.text)
        if number and width is not None and used + 3 + size > width and used > len(indent):
            yield line(*current)
            current, used = [Piece(indent)], len(indent)
            for wrapped in wrap(part.text, room_beside(width, len(indent)))[:-1]:
                yield line(indent, (wrapped, part.style))
            last = wrap(part.text, room_beside(width, len(indent)))[-1]
            current.append(Piece(last, part.style))
            used += cells(last)
            continue
        if number:
            current.append(Piece("   "))
            used += 3
        current.append(part)
        used += size
    yield line(*current)


def labels(views: Sequence[ViewRow]) -> list[str]:
    """A name and shape for each view, drawn as a tree by depth."""
    found = []
    for number, view in enumerate(views):
        lead = ""
        for depth in range(1, view.depth):
            lead += "│ " if has_sibling(views, number, depth) else "  "
        if view.depth:
            lead += "├ " if has_sibling(views, number, view.depth) else "└ "
        name = view.names[0] if view.names else "(temporary)"
        found.append(f"{lead}{name} {view.facts.shape}")
    return found


def has_sibling(views: Sequence[ViewRow], number: int, depth: int) -> bool:
    """Whether a later view hangs at this depth below the same parent."""
    for later in views[number + 1 :]:
        if later.depth <= depth:
            return later.depth == depth
    return False


def fact_pieces(view: ViewRow) -> list[Piece]:
    """How a view reads its storage, as cells of its row."""
    also = f"   also {some(view.names[1:])}" if view.names[1:] else ""
    return [
        Piece(view.operator),
        Piece(str(view.facts.stride)),
        Piece(str(view.facts.offset)),
        Piece(view.layout + also),
    ]


def slots(storage: StorageRow, width: int | None) -> Iterator[Line]:
    """The slots in as many bands as the width asks for; operator, stride, offset and layout stand beside them where all
    fit into one, else below.
    """
    names = labels(storage.views)
    count = len(storage.cells)
    numbers = [str(storage.first_slot + slot) for slot in range(count)]
    slot_width = max(
        LEAST_SLOT,
        *(cells(text) for text in (*numbers, *storage.cells)),
        *(cells(cell) for view in storage.views for cell in view.cells),
    )
    label_width = max([cells("bytes"), *(cells(name) for name in names)])
    facts = [fact_pieces(view) for view in storage.views]
    fact_width = sum(
        max([cells(title), *(cells(row[number].text) for row in facts)], default=0) + 2
        for number, title in enumerate(FACT_TITLES)
    )
    room = None if width is None else width - 3 - label_width
    beside = room is None or room - fact_width >= count * (slot_width + 2)
    per_band = count if room is None or beside else min(count, max(room // (slot_width + 2), 1))
    for start in range(0, count, per_band):
        if start:
            yield ()
        yield from band(storage, names, facts if beside else [], numbers, slot_width, start, start + per_band)
    if facts and not beside:
        yield ()
        yield from facts_alone(names, facts, width)


def facts_alone(names: Sequence[str], facts: Sequence[Sequence[Piece]], width: int | None) -> Iterator[Line]:
    """Operator, stride, offset and layout of each view, where they have no room beside its slots."""
    rows = [[Piece(name, "name"), *pieces] for name, pieces in zip(names, facts)]
    yield from Grid([Column(), *map(Column, FACT_TITLES)], rows, indent=3).lines(width)


def band(
    storage: StorageRow,
    names: Sequence[str],
    facts: Sequence[Sequence[Piece]],
    numbers: Sequence[str],
    slot_width: int,
    start: int,
    end: int,
) -> Iterator[Line]:
    """The slots from `start` to before `end`, with facts beside them where there are some to show."""
    end = min(end, len(numbers))
    columns = [Column(), *(Column(align="center") for _ in range(start, end))]
    head = [
        Piece("slot", "header"),
        *(Piece(centred(numbers[slot], slot_width), "header") for slot in range(start, end)),
    ]
    bytes_row = [
        Piece("bytes", "header"),
        *(Piece(centred(storage.cells[slot], slot_width), "value") for slot in range(start, end)),
    ]
    rows = [head, bytes_row]
    for number, view in enumerate(storage.views):
        row = [Piece(names[number], "name")]
        for slot in range(start, end):
            cell = view.cells[slot] if slot < len(view.cells) else ""
            row.append(Piece(centred(cell or UNREACHED, slot_width), "" if cell else "muted"))
        rows.append(row)
    if facts:
        columns += [Column() for _ in FACT_TITLES]
        head += [Piece(title, "header") for title in FACT_TITLES]
        bytes_row += [Piece("")] * len(FACT_TITLES)
        for row, pieces in zip(rows[2:], facts):
            row += pieces
    yield from Grid(columns, rows, heads=False, indent=3).lines(None)


def centred(text: str, width: int) -> str:
    """The text in the middle of so many cells, to the left where it cannot be exact."""
    room = max(width - cells(text), 0)
    return " " * (room // 2) + text + " " * (room - room // 2)


def collapsed(storage: StorageRow, width: int | None) -> Iterator[Line]:
    """Each view's runs of slots, a bar, the facts; fewer runs, then no bar, then the facts below, where it is narrow."""
    for most, bars in ((3, True), (1, True), (1, False)):
        grid = collapsed_grid(storage, most, bars)
        if width is None or grid.natural() <= width:
            yield from grid.lines(width)
            return
    narrow = collapsed_grid(storage, 1, False)
    kept = len(narrow.columns) - len(FACT_TITLES)
    yield from Grid(narrow.columns[:kept], [row[:kept] for row in narrow.rows], indent=3).lines(width)
    yield ()
    yield from facts_alone(labels(storage.views), [fact_pieces(view) for view in storage.views], width)


def collapsed_grid(storage: StorageRow, most: int, bars: bool) -> Grid:
    """The views of a storage that is too large for its slots: the runs of slots that each covers. `most`: so many runs."""
    columns = [Column(), Column("slots"), Column(align="right"), Column(), *map(Column, FACT_TITLES)]
    rows = [
        [
            Piece(name, "name"),
            Piece(runs_text(view, most)),
            Piece(percent(view.covered, storage.elements)),
            Piece(bar(view, storage.elements) if bars else ""),
            *fact_pieces(view),
        ]
        for name, view in zip(labels(storage.views), storage.views)
    ]
    return Grid(columns, rows, indent=3)


def percent(part: int, whole: int) -> str:
    """A share, never rounded to nothing."""
    if not whole:
        return ""
    if part == whole:
        return "100%"
    return f"{max(100 * part / whole, 0.01):.3g}%"


def runs_text(view: ViewRow, most: int) -> str:
    """The runs of slots that a view covers; at most so many, and how many more there are."""
    shown = [
        f"[{run.first}]" if run.first == run.last else f"[{run.first} … {run.last}]"
        for run in view.runs[:most]
    ]
    rest = len(view.runs[most:]) + view.more_runs
    return " ".join([*shown, f"+{plural(rest, 'run')}"] if rest else shown)


def bar(view: ViewRow, elements: int) -> str:
    """Which parts of the storage a view reaches, a block for each twenty-fourth; empty where its runs are not
    all known.
    """
    if view.more_runs or not elements:
        return ""
    size = min(BAR, elements)
    blocks = ["·"] * size
    for run in view.runs:
        for block in range(run.first * size // elements, run.last * size // elements + 1):
            blocks[block] = "█"
    return f"▕{''.join(blocks)}▏"
