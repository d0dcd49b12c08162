"""The rows of what was written, seen through another name, or changed in anything but its bytes."""

from __future__ import annotations

from collections.abc import Iterator

from tensorcli.explorer.alarms import Silence, saves_of
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.facts import plural
from tensorcli.explorer.indexed import BY_INDEX
from tensorcli.explorer.memory import covered, is_dense, overlap, span_text
from tensorcli.explorer.names import MATES, Entry
from tensorcli.explorer.observe import Writing
from tensorcli.explorer.results import Write
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
    via = [entry for entry in (*reached, *new) if entry.key in writing.via]
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
    unnamed = [] if any(entry.key in writing.via for entry in via) else list(_unnamed(writing))
    seen_by: list[str] = []
    first = {entry.key for entry in via}
    for entry, before in sorted(entries, key=lambda pair: pair[0].key not in first):
        after = table.look(entry)
        if after is None or entry.key in table.shown or table.index.entries.get(entry.key) is not entry:
            continue
        is_via = entry in via
        if not is_via and not writing.bytes:
            continue  # no byte of it was written: where its version moved, `changed` says so
        note = _write_note(table, entry, before, after, writing, is_via, unnamed, gradient)
        if not is_via and not _reached(table, entry, writing):
            moved = before.version != after.version
            note = "other elements; the counter moved" if moved else "other elements, own version counter"
        elif not is_via:
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
    unnamed: list[str],
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
    if unnamed:
        through = "a view" if len(unnamed) == 1 else f"{len(unnamed)} views"
        return (
            f"wrote {' and '.join(unnamed[:3])}{', …' * (len(unnamed) > 3)}, through {through} without a name"
        )
    walk = table.engine.walk(entry.value)
    storage = table.storage(after)
    total = table.engine.extent(table.engine.memory(entry.value))
    if writing.operator in BY_INDEX:
        return _chosen_note(after, writing, storage)
    reached = covered(walk)
    size = max(after.itemsize, 1)
    if reached == total:
        what = f"all {plural(reached // size, 'element')} of {storage}"
    else:
        what = f"{span_text(walk, size)} of {storage}"
    note = f"wrote {what}" + (f", {writing.count} times" if writing.count > 1 else "")
    if before.grad_fn is not None and not any(
        saved.saved != saved.now for _, saved in saves_of(table.observation, after.memory)
    ):
        note += "; no node had saved the old values"
    return note


def _reached(table: Table, entry: Entry, writing: Writing) -> bool:
    """Whether a write reached elements of a tensor that it was not made through; where that is unknown too."""
    walks = [walk for walk, _ in writing.walks]
    if len(walks) >= MATES:
        return True
    for reference in writing.via.values():
        value = reference()
        if value is not None and id(table.engine.memory(value)) == entry.memory:
            walks.append(table.engine.walk(value))
    own = table.engine.walk(entry.value)
    if table.engine.extent(table.engine.memory(entry.value)) > EXACT and not all(
        map(is_dense, [own, *walks])
    ):
        return True
    return not walks or any(overlap(walk, own)[0] for walk in walks)


def _chosen_note(after: Look, writing: Writing, storage: str) -> str:
    """What a write by index or mask reached."""
    how = f" ({writing.operator})"
    if writing.count > 1 or writing.chosen is None:
        times = f", {writing.count} times" if writing.count > 1 else ""
        return f"wrote into {storage}{times}{how}"
    if writing.chosen == after.numel:
        return f"wrote all {plural(after.numel, 'element')} of {storage}{how}"
    return f"wrote {writing.chosen or 'none'} of {plural(after.numel, 'element')} of {storage}{how}"


def _unnamed(writing: Writing) -> Iterator[str]:
    """Where temporaries that were written through reach."""
    seen = set()
    for walk, itemsize in writing.walks:
        text = span_text(walk, max(itemsize, 1))
        if text not in seen:
            seen.add(text)
            yield text


def _record_write(
    table: Table, memory: int, writing: Writing, through: list[Entry], seen_by: list[str]
) -> None:
    via = next((names[0] for each in through if (names := table.index.names(each))), None)
    versions = None
    elements = None
    silent = False
    for mate in table.index.sharing(memory, MATES):
        look = table.look(mate)
        if look is None or look.version is None:
            continue
        unseen = look.counter not in writing.seen_writes
        silent = silent or unseen
        if versions is None:
            versions = (writing.before.get(look.counter, look.version), look.version)
    if through:
        walk = table.engine.walk(through[0].value)
        elements = covered(walk) // max(walk.itemsize, 1)
    elif writing.walks:
        walk, itemsize = writing.walks[0]
        elements = covered(walk) // max(itemsize, 1)
    if writing.operator in BY_INDEX:
        elements = writing.chosen if writing.count == 1 else None
    elif not writing.bytes:
        elements, silent = 0, False
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
        shown = ", ".join(stay[:3]) + (", …" if len(stay) > 3 else "")
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
