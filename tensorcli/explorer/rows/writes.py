"""The rows of what was written, seen through another name, or changed in anything but its bytes."""

from __future__ import annotations

from tensorcli.explorer.alarms import Silence, saves_of
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.entries import MATES, Entry
from tensorcli.explorer.index_writes import BY_INDEX
from tensorcli.explorer.memory import (
    Region,
    covered,
    is_dense,
    reaches,
    region_text,
    span_text,
    together,
    whole_text,
)
from tensorcli.explorer.observe import Through, Writing
from tensorcli.explorer.results import Write, plural, some
from tensorcli.explorer.rows.table import Table

EXACT = 1 << 24
"""In storages of more bytes, strided tensors are not compared element by element."""


def written(table: Table) -> None:
    """What was written with an event, and who else sees it."""
    for memory, writing in table.recorder.writes_to.items():
        _written(table, memory, writing)


def _written(table: Table, memory: int, writing: Writing) -> None:
    entries = [
        (entry, look)
        for entry, look, allocation in table.recorder.before.values()
        if look.memory == memory and entry.value is not None and (allocation is None or allocation.alive)
    ]
    reached = [entry for entry, _ in entries if entry.key in table.index.entries]
    if not reached:
        return
    new = [each for each in table.created if each.memory == memory]
    via = [entry for entry in (*reached, *new) if _through(writing, entry) is not None]
    if not via:
        via = [entry for entry in reached if entry.key in writing.through]
    gradient = any(key in table.recorder.gradients for entry in reached for key in entry.owners)
    seen_by = _write_rows(table, writing, entries, via, gradient)
    if writing.bytes:
        mates = len(table.index.by_memory.get(memory, ()))
        shown = sum(entry.key in table.shown for entry in reached)
        table.more += max(0, mates - shown - len(new))
    _record_write(table, memory, writing, via, seen_by)


def _write_rows(
    table: Table, writing: Writing, entries: list[tuple[Entry, Look]], via: list[Entry], gradient: bool
) -> list[str]:
    """The rows of a write into the memory of these tensors, which were as they are given with it: first of those that it
    went through. The names of the others that see it.
    """
    unnamed = _unnamed(table, writing, entries[0][1])
    seen_by: list[str] = []
    first = {entry.key for entry in via}
    for entry, before in sorted(entries, key=lambda pair: pair[0].key not in first):
        after = table.look(entry)
        if after is None or entry.key in table.shown or table.index.entries.get(entry.key) is not entry:
            continue
        is_via = entry in via
        if not is_via and not writing.bytes:
            continue  # no byte of it was written: where its version moved, `changed` says so
        through = _through(writing, entry)
        if is_via and through is not None and not through.times and writing.bytes:
            is_via = False  # it was given another shape, and written through another tensor
        note = _write_note(table, entry, before, after, writing, is_via, unnamed, gradient)
        if is_via:
            if writing.lost:
                note += f"; {after.dtype} takes no gradient"
            unnamed = ""
        elif not _reached(table, entry, writing):
            moved = before.version != after.version
            note = "other elements; the counter moved" if moved else "other elements, own version counter"
        else:
            seen_by.extend(table.index.names(entry)[:1])
        kind = ("gradient" if gradient else "written") if is_via else "seen"
        table.row(kind, entry, before, after, note, writing.operator)
    return seen_by


def _write_note(
    table: Table,
    entry: Entry,
    before: Look,
    after: Look,
    writing: Writing,
    is_via: bool,
    unnamed: str,
    gradient: bool,
) -> str:
    if is_via and before.memory != after.memory:
        return "memory moved"
    if is_via and not writing.bytes:
        same = before.sizes == after.sizes and before.strides == after.strides
        return "same bytes" if same else "same bytes, other shape"
    if not is_via:
        if before.version is not None and before.version == after.version:
            return f"bytes changed, version stayed {after.version}"
        return "sees the write"
    if gradient:
        return "added to in place"
    through = _through(writing, entry)
    if through is None:
        return f"wrote {unnamed}" if unnamed else "written through views without a name"
    note = _through_note(table, entry, after, writing, through)
    if unnamed:
        note += f"; also {unnamed}"
    if (
        through.operator not in BY_INDEX
        and before.version != after.version
        and before.grad_fn is not None
        and not any(saved.saved != saved.now for _, saved in saves_of(table.observation, after.memory))
    ):
        note += "; no node had saved the old values"
    return note


def _through(writing: Writing, entry: Entry) -> Through | None:
    """The writes through a tensor; None where there was none."""
    found = writing.via.get(entry.key)
    return None if found is None or found.reference() is not entry.value else found


def _through_note(table: Table, entry: Entry, after: Look, writing: Writing, through: Through) -> str:
    """What the writes through a tensor reached."""
    storage = table.storage(after)
    how = f" ({through.operator})" if through.operator in BY_INDEX else ""
    region = None if through.region is None else writing.regions[through.region][1]
    if region is None or not region.exact:
        times = f", {through.times} times" if through.times > 1 else ""
        return f"wrote into {storage}{times}{how}"
    reached = covered(region.walk)
    total = table.engine.extent(table.engine.memory(entry.value))
    size = max(region.itemsize, 1)
    if region.elements * size < reached:
        its = "" if reached == total else "its "
        preposition = "of" if reached == total else "in"
        elements = plural(reached // size, "element")
        return f"wrote {region.elements or 'none'} of {its}{elements} {preposition} {storage}{how}"
    times = f", {through.whole} times" if through.whole > 1 else ""
    if reached == total:
        return f"wrote {whole_text(reached // size)} of {storage}{times}{how}"
    return f"wrote {span_text(region.walk, size)} of {storage}{times}{how}"


def _reached(table: Table, entry: Entry, writing: Writing) -> bool:
    """Whether a write reached elements of a tensor that it was not made through; where that is unknown too."""
    if writing.regions_more or not writing.regions:
        return True
    regions = [region for _, region in writing.regions]
    own = table.engine.walk(entry.value)
    if _is_large(table, entry) and not all(map(is_dense, [own, *(each.walk for each in regions)])):
        return True
    return any(reaches(region, own) for region in regions)


def _is_large(table: Table, entry: Entry) -> bool:
    return table.engine.extent(table.engine.memory(entry.value)) > EXACT


def _unnamed(table: Table, writing: Writing, before: Look) -> str:
    """What of their memory was written through temporaries, where it is more than what was written through tensors with names."""
    named: list[Region] = []
    others: list[Region] = []
    for reference, region in writing.regions:
        value = reference()
        (others if value is None or table.index.entry(value) is None else named).append(region)
    if named and not writing.regions_more:
        size = together(named)
        others = [each for each in others if together([*named, each]) > size]
    texts = list(dict.fromkeys(map(region_text, others)))
    if not texts:
        return ""
    if writing.regions_more:
        through = f"more than {len(writing.regions)} views"
    else:
        through = "a view" if len(texts) == 1 else f"{len(texts)} views"
    shown = some(texts, 3, " and ", all_known=not writing.regions_more)
    return f"{shown} of {table.storage(before)}, through {through} without a name"


def _elements(writing: Writing) -> int | None:
    """How many different elements were written; None where that is not known."""
    regions = [region for _, region in writing.regions]
    sizes = {region.itemsize for region in regions}
    if not writing.bytes:
        return 0
    if writing.regions_more or len(sizes) != 1 or not all(region.exact for region in regions):
        return None
    return together(regions) // max(*sizes, 1)


def _record_write(
    table: Table, memory: int, writing: Writing, through: list[Entry], seen_by: list[str]
) -> None:
    via = next((names[0] for each in through if (names := table.index.names(each))), None)
    versions = None
    elements = _elements(writing)
    silent = False
    for mate in table.index.sharing(memory, MATES):
        look = table.look(mate)
        if look is None or look.version is None:
            continue
        if elements != 0 and not writing.seen_by(look.counter, look.version):
            silent = silent or _reached(table, mate, writing)
        if versions is None:
            versions = (writing.before.get(look.counter, look.version), look.version)
    table.writes.append(
        Write(
            table.allocations.name(memory),
            versions,
            via,
            tuple(seen_by),
            writing.operator,
            elements,
            silent,
        )
    )
    allocation = table.allocations.known.get(memory)
    if allocation is not None:
        allocation.written = (table.recorder.line, via)
    table.silences.append(Silence(memory, writing))


def changed(table: Table) -> None:
    """Metadata: requires_grad, grad_fn, shape, memory."""
    for entry, before, _ in list(table.recorder.before.values()):
        if entry.key in table.shown or table.index.entries.get(entry.key) is not entry:
            continue
        after = table.look(entry)
        if after is None or after == before:
            continue
        note = ""
        if after.memory != before.memory:
            mates = [each for each in table.index.sharing(after.memory, 2) if each.key != entry.key]
            note = f"now in {table.storage(after)}"
            kept = _left_behind(table, before, after)
            if mates:
                note += f", shared with {table.first(mates)}"
                others = all(table.counter(each) not in (0, after.counter) for each in mates)
                note += ", own version counter" if after.counter and others and not kept else ""
            note += kept
        elif after._replace(version=before.version) == before:
            note = "shares the counter; bytes and shape as before"
        elif after.requires_grad != before.requires_grad and table.engine.kind(entry.value) == "tensor":
            base = table.engine.base(entry.value)
            if base is not None and after.is_leaf:
                note = f"through its base {table.tensor_name(base)}"
        table.row("changed", entry, before, after, note)


def _left_behind(table: Table, before: Look, after: Look) -> str:
    """What a tensor that moved to other memory keeps, and which views of it stay where it was."""
    if before.version is None or before.counter != after.counter:
        return ""
    if before.version != after.version:
        return ""
    stay = [
        names[0]
        for each in table.index.sharing(before.memory, MATES)
        if table.counter(each) == after.counter and (names := table.index.names(each))
    ]
    note = "; keeps its version counter"
    if stay:
        where = table.allocations.name(before.memory) or "the old memory"
        shown = some(stay, 3, all_known=False)
        note += f", as {'does' if len(stay) == 1 else 'do'} {shown}, still in {where}"
    return note


def rewritten(table: Table) -> None:
    """Bytes that changed without an event."""
    for memory in table.observation.rewritten():
        entries = list(table.index.sharing(memory))
        arrays = [each for each in entries if table.engine.kind(each.value) == "ndarray"]
        via = next((each for each in arrays if each in table.observation.named), None)
        entries.sort(key=lambda each: each is not via)
        for entry in entries[:MATES]:
            look = table.look(entry)
            if look is None or entry.key in table.shown:
                continue
            if look.kind == "ndarray":
                note = "bytes changed" if entry is via else "sees the write"
            else:
                note = f"bytes changed, version stayed {look.version}"
            table.row("written" if entry is via else "seen", entry, look, look, note)
        versions = next(
            (look.version for each in entries if (look := table.look(each)) and look.version is not None),
            None,
        )
        table.writes.append(
            Write(
                table.allocations.name(memory),
                None if versions is None else (versions, versions),
                None if via is None else table.index.names(via)[0],
                tuple(table.index.names(each)[0] for each in entries if each is not via),
                "",
                None,
                silent=versions is not None,
            )
        )
        table.silences.append(Silence(memory, None))
