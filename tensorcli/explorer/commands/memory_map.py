"""`storages`: the memory map, which slot each view reads under which index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument
from tensorcli.explorer.entries import Entry
from tensorcli.explorer.facts import settle
from tensorcli.explorer.identity import Allocation
from tensorcli.explorer.memory import cells, layout, runs, slots
from tensorcli.explorer.results import StorageMap, StorageRow, ViewRow, Witnesses
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

SLOTS = 24
"""Storages with more slots collapse to runs; `--around N` opens a window of this many."""
VIEWS = 50
"""Rows of one storage."""
STORAGES = 200
"""Storages of one map."""


def storages(session: Session, invocation: Invocation) -> StorageMap | Witnesses:
    """All storages that names reach, or that of one value; with `--write T` who sees a write into T."""
    if invocation.get("write") is not None:
        from tensorcli.explorer.commands.witnesses import witnesses

        return witnesses(session, invocation)
    observation = session.observation
    if observation is None:
        return StorageMap((), 0, 0)
    around = invocation.get("around")
    chosen: list[Allocation]
    if invocation.get("value") is not None:
        value, _ = argument(session, invocation, "value")
        if not isinstance(value, Allocation):
            if session.engine.kind(value) not in ("tensor", "ndarray", "storage"):
                raise TypeError(
                    f"storages wants a tensor, an array or an id such as s1, not '{type(value).__name__}'"
                )
            memory = session.engine.memory(value)
            value = session.allocations.of(memory, session.engine.extent(memory))
        chosen = [value]
    else:
        chosen = sorted(
            (each for each in session.allocations.known.values() if each.number), key=lambda each: each.number
        )
    rows = [
        storage_row(session, each, around if isinstance(around, int) else None) for each in chosen[:STORAGES]
    ]
    unshared = 0
    for each in chosen:
        for entry in observation.index.sharing(each.key):
            unshared += session.engine.look(entry.value).nbytes
    return StorageMap(
        tuple(rows), sum(each.nbytes for each in chosen), unshared, max(0, len(chosen) - STORAGES)
    )


def storage_row(session: Session, allocation: Allocation, around: int | None) -> StorageRow:
    """One allocation and all that looks at it."""
    engine = session.engine
    assert session.observation is not None
    index = session.observation.index
    entries = list(index.sharing(allocation.key))
    looks = {entry.key: engine.look(entry.value) for entry in entries}
    first = looks[entries[0].key] if entries else None
    itemsize = max(first.itemsize, 1) if first is not None else 1
    total = allocation.nbytes // itemsize
    start, count = _window(total, around)
    names = tuple(dict.fromkeys(name for entry in entries for name in index.names(entry)))
    versions: dict[int, tuple[int, list[str]]] = {}
    for entry in entries:
        look = looks[entry.key]
        if look.version is not None:
            versions.setdefault(look.counter, (look.version, []))[1].extend(index.names(entry)[:1])
    values = tuple(engine.cells(entries[0].value, start, count)) if entries and count else ()
    views = []
    for entry, depth in _tree(session, entries)[:VIEWS]:
        walk = engine.walk(entry.value)
        look = looks[entry.key]
        reached, more = runs(walk, itemsize)
        views.append(
            ViewRow(
                tuple(index.names(entry)),
                settle(look, session.allocations),
                entry.operator if depth else "",
                depth,
                layout(walk),
                cells(walk, itemsize, start, count) if count else (),
                reached,
                more,
                slots(walk, itemsize),
            )
        )
    notes = list(_notes(session, allocation, entries))
    if len(entries) > VIEWS:
        notes.append(f"{len(entries) - VIEWS} more views")
    return StorageRow(
        allocation.id,
        first.dtype if first is not None else "uint8",
        total,
        allocation.nbytes,
        first.device if first is not None else "cpu",
        tuple((count, tuple(shared)) for count, shared in versions.values()),
        names,
        " ".join(allocation.source.split()),
        allocation.line,
        start,
        values,
        tuple(views),
        "; ".join(notes),
    )


def _window(total: int, around: int | None) -> tuple[int, int]:
    """The slots that are shown one by one: first and how many."""
    if around is not None:
        start = max(0, min(around - SLOTS // 2, total - SLOTS))
        return start, min(SLOTS, total - start)
    return 0, total if total <= SLOTS else 0


def _tree(session: Session, entries: list[Entry]) -> list[tuple[Entry, int]]:
    """The entries with views below what they were taken of."""
    engine = session.engine
    known = {entry.key: entry for entry in entries}
    below: dict[int, list[Entry]] = {}
    tops = []
    for entry in entries:
        value = entry.value
        owner: Any = None
        if engine.kind(value) == "tensor":
            for candidate in (engine.parent(value), engine.base(value)):
                if candidate is not None and id(candidate) in known:
                    owner = candidate
                    break
        else:
            owner = _array_owner(value, known)
        if owner is None:
            tops.append(entry)
        else:
            below.setdefault(id(owner), []).append(entry)
    found: list[tuple[Entry, int]] = []
    pending = [(entry, 0) for entry in reversed(tops)]
    while pending:
        entry, depth = pending.pop()
        found.append((entry, depth))
        pending.extend((each, depth + 1) for each in reversed(below.get(entry.key, ())))
    return found


def _array_owner(value: Any, known: dict[int, Entry]) -> Any:
    base = value.base
    while base is not None and id(base) not in known:
        base = getattr(base, "base", None)
    return base


def _notes(session: Session, allocation: Allocation, entries: list[Entry]) -> list[str]:
    engine = session.engine
    found = []
    arrays = [each for each in entries if engine.kind(each.value) == "ndarray"]
    if arrays and len(arrays) < len(entries):
        assert session.observation is not None
        found.append(
            f"shared with numpy array {session.observation.index.names(arrays[0])[0]}: it cannot grow"
        )
    if not entries:
        assert session.observation is not None
        nodes = [
            engine.node_name(node)
            for saver in session.observation.recorder.savers.get(allocation.key, {}).values()
            if (node := saver.reference()) is not None
        ]
        found.append(
            f"kept by the graph ({', '.join(dict.fromkeys(nodes[:3]))})" if nodes else "no name reaches it"
        )
    return found
