"""The rows of what came to be: new tensors and where their memory comes from, names for what was there, other
names on the same storages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tensorcli.explorer.engines import ALLOCATING, Look
from tensorcli.explorer.facts import plural, settle, size_text
from tensorcli.explorer.memory import covered, span_text
from tensorcli.explorer.names import MATES, Entry, path_root
from tensorcli.explorer.observe import parents
from tensorcli.explorer.results import Change
from tensorcli.explorer.rows.table import Table

"""Operators whose memory PyTorch leaves as it found it."""


class Arrivals(Table):
    """What was created, bound, or shares a storage with that."""

    def _created(self, created: list[Entry]) -> None:
        saves = self._saves()
        for position, entry in enumerate(created):
            if position >= self.limit:
                self.more += 1
                self.shown.add(entry.key)
                continue
            look = self._look(entry)
            if look is None:
                continue
            own = self.engine.node(entry.value) if look.kind == "tensor" else None
            notes = [self._origin(entry, look), *self._accumulated(entry)]
            if own is not None and id(own) in saves:
                notes.append("node saved " + saves.pop(id(own))[1])
            if position == len(created) - 1 and look.grad_fn is not None:
                notes.extend(self._saved_notes(list(saves.values())))
            kind = "gradient" if not entry.paths else "created"
            self._row(kind, entry, None, look, "; ".join(note for note in notes if note), entry.operator)

    def _accumulated(self, entry: Entry) -> list[str]:
        if any(key in self.recorder.gradients for key in entry.owners) and not entry.paths:
            return ["the gradient arrived"] if entry.grad else []
        return []

    def _saves(self) -> dict[int, tuple[str, str]]:
        """What nodes that are still there saved in this statement: (node's name, `y@v0 w@v0`)."""
        found: dict[int, tuple[str, str]] = {}
        for reference, _, _ in self.recorder.saves:
            node = reference()
            if node is None or id(node) in found or self.engine.released(node):
                continue
            names = [f"{self._tensor_name(each.tensor)}@v{each.saved}" for each in self.engine.saved(node)]
            if names:
                found[id(node)] = (self.engine.node_name(node), " ".join(dict.fromkeys(names)))
        return found

    @staticmethod
    def _saved_notes(saves: list[tuple[str, str]]) -> Iterator[str]:
        """Nodes that saved the same are told once; of all of them the first three."""
        told = Counter(saves)
        for (name, what), count in islice(told.items(), 3):
            yield f"{name} saved {what}" if count == 1 else f"{count} {name} each saved {what}"
        if len(told) > 3:
            rest = sum(islice(told.values(), 3, None))
            yield f"{plural(rest, 'more node')} saved tensors"

    def _origin(self, entry: Entry, look: Look) -> str:
        """Where a new tensor's memory comes from."""
        value = entry.value
        parent = self.engine.parent(value) if look.kind == "tensor" else None
        if parent is not None:
            return self._view_note(entry, look, parent)
        mates = [each for each in self.index.sharing(look.memory, MATES) if each.key != entry.key]
        older = [each for each in mates if each.born < self.index.now or each.key in self.shown]
        if older:
            return self._sharing_note(look, older)
        extent = self.engine.extent(self.engine.memory(value))
        what = "buffer" if look.kind == "ndarray" else "storage"
        if look.kind == "tensor" and extent > look.nbytes:
            new = "new " * self._made_here(value)
            note = f"{size_text(look.nbytes)} of a {new}storage of {size_text(extent)}"
        else:
            note = f"{'new ' * self._made_here(value)}{what} {size_text(extent)}"
            made = entry.operator in ALLOCATING and look.memory not in self.recorder.writes_to
            if made and look.nbytes and look.device != "meta":
                note += ", uninitialised (zero here)"
        if look.kind == "tensor" and look.version is None:
            note += "; inference tensor, no version counter"
        return note + (", leaf" if look.requires_grad and look.is_leaf else "")

    def _made_here(self, value: Any) -> bool:
        """Whether memory that no other name reaches is new. Of inner statements only events tell."""
        if self.observation.gives_ids:
            return True
        memory = self.engine.memory(value)
        return any(owner() is memory for _, owner, _, _ in self.recorder.results)

    def _view_note(self, entry: Entry, look: Look, parent: Any) -> str:
        named = (each for each in parents(self.engine, entry.value) if self.index.entry(each) is not None)
        parent = next(named, parent)
        name = self.index.name(parent) or f"a temporary in {self._storage(look)}"
        walk = self.engine.walk(entry.value)
        whole = self.engine.walk(parent)
        if covered(walk) == covered(whole):
            note = f"view of {name}" + (f" ({entry.operator})" if entry.operator else "")
        else:
            note = f"view of {name}, {span_text(walk, max(look.itemsize, 1))}"
            if whole.start:
                note += f" of {self._storage(look)}"
        kind = self.engine.view_kind(entry.value)
        if kind in ("no_grad", "inference") and look.requires_grad:
            note += f"; made in {kind}: no edge to {name}"
        return note

    def _sharing_note(self, look: Look, older: list[Entry]) -> str:
        storage = self._storage(look)
        counted = [each for each in older if self._counter(each) == look.counter and look.counter]
        if counted:
            name = self._first(counted)
            first = next((mate for each in counted if (mate := self._look(each)) is not None), look)
            cut = "; cut from the graph" if first.requires_grad and not look.requires_grad else ""
            return f"shares {storage} and its version counter with {name}{cut}"
        name = self._first(older)
        if look.kind == "ndarray" and any(self._counter(each) for each in older):
            return f"shares {storage} with {name}; writes through it move no version counter"
        if all(self._counter(each) == 0 for each in older) and look.version is not None:
            return f"shares {storage} with {name}; writes through {name} move no version counter"
        if look.version is None:
            return f"shares {storage} with {name}"
        return f"shares {storage} with {name}; own version counter, so autograd's checks miss writes"

    def _bound(self, created: list[Entry]) -> None:
        new = {entry.key for entry in created}
        moved = self._moved_names()
        for path, entry in self.index.added:
            if entry.key in new or entry.value is None or self.index.entries.get(entry.key) is not entry:
                continue
            others = [name for name in self.index.names(entry) if name != path]
            if not others and entry.key in moved:
                self._renamed(path, entry, moved[entry.key])
                continue
            root = path_root(path)
            if not others or ("[" in path and any(path_root(name) == root for name in others)):
                continue
            look = self._look(entry)
            assert look is not None
            self.rows.append(
                Change(
                    "bound",
                    (path,),
                    after=settle(look, self.allocations),
                    note=f"same object as {others[0]}",
                    storage=self.allocations.name(look.memory),
                    same_as=others[0],
                )
            )

    def _renamed(self, path: str, entry: Entry, old: str) -> None:
        """An object has another name than before."""
        look = self._look(entry)
        if look is not None and "[" not in old:
            note, storage = f"the object that was {old}", self.allocations.name(look.memory)
            after = settle(look, self.allocations)
            self.rows.append(Change("bound", (path,), after=after, note=note, storage=storage))

    def _sharing(self, created: list[Entry]) -> None:
        """The other names on the storages of what was created."""
        for memory in dict.fromkeys(entry.memory for entry in created):
            mates = self.index.by_memory.get(memory, {})
            for entry in islice(mates.values(), MATES):
                if entry.key in self.shown or entry.value is None:
                    continue
                look = self._look(entry)
                if look is not None:
                    self._row("shares", entry, look, look, "", text=False)
            self.more += max(0, len(mates) - MATES)
