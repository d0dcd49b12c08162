"""The rows of what came to be: new tensors and where their memory comes from, names for what was there, other
names on the same storages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tensorcli.explorer.engines import ALLOCATING
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.entries import MATES, Entry
from tensorcli.explorer.facts import settle
from tensorcli.explorer.memory import covered, layout, span_text
from tensorcli.explorer.names import path_root
from tensorcli.explorer.observe import parents
from tensorcli.explorer.results import Change, plural, size_text
from tensorcli.explorer.rows.table import Table


def created(table: Table) -> None:
    """New tensors, and the gradients that arrived."""
    saves = _saves(table)
    for position, entry in enumerate(table.created):
        if position >= table.limit:
            table.more += 1
            table.shown.add(entry.key)
            continue
        look = table.look(entry)
        if look is None:
            continue
        own = table.engine.node(entry.value) if look.kind == "tensor" else None
        notes = [_origin(table, entry, look), *_accumulated(table, entry)]
        if own is not None and id(own) in saves:
            notes.append("node saved " + saves.pop(id(own))[1])
        if position == len(table.created) - 1 and look.grad_fn is not None:
            notes.extend(_saved_notes(list(saves.values())))
        kind = "gradient" if not entry.paths else "created"
        table.row(kind, entry, None, look, "; ".join(note for note in notes if note), entry.operator)


def _accumulated(table: Table, entry: Entry) -> list[str]:
    if any(key in table.recorder.gradients for key in entry.owners) and not entry.paths:
        return ["the gradient arrived"] if entry.grad else []
    return []


def _saves(table: Table) -> dict[int, tuple[str, str]]:
    """What nodes that are still there saved in this statement: (node's name, `y@v0 w@v0`)."""
    found: dict[int, tuple[str, str]] = {}
    for reference, _, _ in table.recorder.saves:
        node = reference()
        if node is None or id(node) in found or table.engine.released(node):
            continue
        names = [f"{table.tensor_name(each.tensor)}@v{each.saved}" for each in table.engine.saved(node)]
        if names:
            found[id(node)] = (table.engine.node_name(node), " ".join(dict.fromkeys(names)))
    return found


def _saved_notes(saves: list[tuple[str, str]]) -> Iterator[str]:
    """Nodes that saved the same are told once; of all of them the first three."""
    told = Counter(saves)
    for (name, what), count in islice(told.items(), 3):
        yield f"{name} saved {what}" if count == 1 else f"{count} {name} each saved {what}"
    if len(told) > 3:
        rest = sum(islice(told.values(), 3, None))
        yield f"{plural(rest, 'more node')} saved tensors"


def _origin(table: Table, entry: Entry, look: Look) -> str:
    """Where a new tensor's memory comes from."""
    value = entry.value
    parent = table.engine.parent(value) if look.kind == "tensor" else None
    if parent is not None:
        return _view_note(table, entry, look, parent)
    mates = [each for each in table.index.sharing(look.memory, MATES) if each.key != entry.key]
    older = [each for each in mates if each.born < table.index.now or each.key in table.shown]
    if older:
        return _sharing_note(table, look, older)
    extent = table.engine.extent(table.engine.memory(value))
    what = "buffer" if look.kind == "ndarray" else "storage"
    if look.kind == "tensor" and extent > look.nbytes:
        new = "new " * _made_here(table, value)
        note = f"{size_text(look.nbytes)} of a {new}storage of {size_text(extent)}"
    else:
        note = f"{'new ' * _made_here(table, value)}{what} {size_text(extent)}"
        made = entry.operator in ALLOCATING and look.memory not in table.recorder.writes_to
        if made and look.nbytes and look.device != "meta":
            note += ", uninitialised (zero here)"
    if look.kind == "tensor" and look.version is None:
        note += "; inference tensor, no version counter"
    return note + (", leaf" if look.requires_grad and look.is_leaf else "")


def _made_here(table: Table, value: Any) -> bool:
    """Whether memory that no other name reaches is new. Of inner statements only events tell."""
    if table.observation.gives_ids:
        return True
    memory = table.engine.memory(value)
    return any(owner() is memory for _, owner, _, _ in table.recorder.results)


def _view_note(table: Table, entry: Entry, look: Look, parent: Any) -> str:
    named = (each for each in parents(table.engine, entry.value) if table.index.entry(each) is not None)
    parent = next(named, parent)
    name = table.index.name(parent) or f"a temporary in {table.storage(look)}"
    walk = table.engine.walk(entry.value)
    whole = table.engine.walk(parent)
    if covered(walk) == covered(whole):
        note = f"view of {name}" + (f" ({entry.operator})" if entry.operator else "")
    else:
        note = f"view of {name}, {span_text(walk, max(look.itemsize, 1))}"
        if whole.start or layout(whole) != "contig" or whole.itemsize != walk.itemsize:
            # the places of its elements are not their numbers
            note += f" of {table.storage(look)}"
    kind = table.engine.view_kind(entry.value)
    if kind in ("no_grad", "inference") and look.requires_grad:
        note += f"; made in {kind}: no edge to {name}"
    return note


def _sharing_note(table: Table, look: Look, older: list[Entry]) -> str:
    storage = table.storage(look)
    named = table.observation.named  # what the statement names comes first
    older = sorted(older, key=lambda each: each not in named)
    counted = [each for each in older if table.counter(each) == look.counter and look.counter]
    if counted:
        name = table.first(counted)
        first = next((mate for each in counted if (mate := table.look(each)) is not None), look)
        cut = "; cut from the graph" if first.requires_grad and not look.requires_grad else ""
        return f"shares {storage} and its version counter with {name}{cut}"
    name = table.first(older)
    if look.kind == "ndarray" and any(table.counter(each) for each in older):
        return f"shares {storage} with {name}; writes through it move no version counter"
    if all(table.counter(each) == 0 for each in older) and look.version is not None:
        return f"shares {storage} with {name}; writes through {name} move no version counter"
    if look.version is None:
        return f"shares {storage} with {name}"
    return f"shares {storage} with {name}; own version counter, so autograd's checks miss writes"


def bound(table: Table) -> None:
    """Names for what was there."""
    new = {entry.key for entry in table.created}
    moved = table.moved_names()
    places: dict[tuple[int, str], list[str]] = {}  # of an object in a container, all that are new
    for path, entry in table.index.added:
        places.setdefault((entry.key, path_root(path)), []).append(path)
    for path, entry in table.index.added:
        if entry.key in new or entry.value is None or table.index.entries.get(entry.key) is not entry:
            continue
        root = path_root(path)
        others = [name for name in table.index.names(entry) if name != path]
        within = bool(others) and all(path_root(name) == root for name in others)
        if entry.key in moved and (not others or (within and path == table.index.names(entry)[0])):
            _renamed(table, path, entry, moved[entry.key])
            continue
        elsewhere = [name for name in others if path_root(name) != root] if "[" in path else others
        again = places[entry.key, root] if "[" in path else [path]
        if not elsewhere or path != again[0]:
            continue
        look = table.look(entry)
        assert look is not None
        table.rows.append(
            Change(
                "bound",
                tuple(again),
                after=settle(look, table.allocations),
                note=f"same object as {elsewhere[0]}",
                storage=table.allocations.name(look.memory),
                same_as=elsewhere[0],
            )
        )


def _renamed(table: Table, path: str, entry: Entry, old: str) -> None:
    """An object has another name than before."""
    look = table.look(entry)
    if look is not None and "[" not in old:
        note, storage = f"the object that was {old}", table.allocations.name(look.memory)
        after = settle(look, table.allocations)
        table.rows.append(Change("bound", (path,), after=after, note=note, storage=storage))


def sharing(table: Table) -> None:
    """The other names on the storages of what was created."""
    for memory in dict.fromkeys(entry.memory for entry in table.created):
        mates = table.index.by_memory.get(memory, {})
        for entry in islice(mates.values(), MATES):
            if entry.key in table.shown or entry.value is None:
                continue
            look = table.look(entry)
            if look is not None:
                table.row("shares", entry, look, look, "", text=False)
        table.more += max(0, len(mates) - MATES)
