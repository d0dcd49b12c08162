"""Which names and paths reach which tensors and arrays (entries.py): an index kept as names change.

A statement's names are scanned when it ends, never all names: the index costs what a statement touches. Where
nobody needs the names after each statement, those of tensors are only noted, and scanned when the index is
read. Objects are referred to weakly. A tensor in a container stands under its path (`params[0]`, `sd['w']`),
a gradient under its owner's (`x.grad`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tensorcli.explorer.containers import INERT, MOST, inside, mark, marks
from tensorcli.explorer.engines import Engine
from tensorcli.explorer.entries import MATES, Entries, Entry
from tensorcli.explorer.identity import Allocations
from tensorcli.explorer.journal import Names

LONG = 1000
"""A list longer than this is compared by its ends, unless the statement writes into it."""


class Root:
    """What was found under one top-level name."""

    __slots__ = ("boxes", "found", "key", "keys", "marks")

    def __init__(self, key: int) -> None:
        self.key = key
        self.found: dict[str, int] = {}
        self.boxes: set[int] = set()
        """The identities of the containers that were walked through."""
        self.marks: list[Any] | None = None
        """Of a flat container: what its items are, for comparison."""
        self.keys: list[str] = []
        """Of a flat dict: its keys."""


class Note(NamedTuple):
    """A name that is to be scanned: the statement since which, and whether for other gradients too."""

    number: int
    gradients: bool


class Index:
    """The paths of one session."""

    def __init__(self, engine: Engine, bound: Names) -> None:
        self.engine = engine
        self.bound = bound
        """What the session's names stand for."""
        self.table = Entries(engine)
        """What the paths reach, as far as names were scanned."""
        self._roots: dict[str, Root] = {}
        self._noted: dict[str, Note] = {}
        """The names that are to be scanned before the index is read."""
        self._by_box: dict[int, set[str]] = {}
        """The names under which each container is."""
        self._leaves: dict[int, Any] = {}
        """The leaves, weakly, whose gradients are to be looked at then."""
        self.running = False
        """Whether a statement runs, which may have bound a noted name anew."""
        self.added: list[tuple[str, Entry]] = []
        self.removed: list[tuple[str, Entry]] = []
        self.now = 0
        self.has_arrays = False
        """Whether an array or a storage ever had a name: what it shows may be written without an event."""
        self._loose: list[Entry] | None = None
        """What lost a path while names are bound together."""

    # ---- reading

    @property
    def known(self) -> Entries:
        """What the paths reach, those of noted names among them."""
        if self._noted or self._leaves:
            self._settle()
        return self.table

    @property
    def entries(self) -> dict[int, Entry]:
        """All entries by the identities of their objects, oldest first."""
        return self.known.by_key

    @property
    def by_memory(self) -> dict[int, dict[int, Entry]]:
        """The entries over each allocation, oldest first."""
        return self.known.by_memory

    @property
    def roots(self) -> dict[str, Root]:
        """What each name reaches."""
        if self._noted or self._leaves:
            self._settle()
        return self._roots

    def entry(self, value: Any) -> Entry | None:
        """The entry of an object that some path reaches."""
        return self.known.find(value)

    def names(self, entry: Entry, depth: int = 2) -> list[str]:
        """All paths of an object, in the order in which they came to be."""
        found = list(entry.paths)
        if depth:
            for key in entry.owners:
                owner = self.entries.get(key)
                if owner is not None:
                    found.extend(f"{name}.grad" for name in self.names(owner, depth - 1))
        return found

    def name(self, value: Any) -> str | None:
        """The first path of an object, None where it has none."""
        entry = self.entry(value)
        if entry is None:
            return None
        return next(iter(self.names(entry)), None)

    def sharing(self, memory: int, most: int | None = None) -> Iterator[Entry]:
        """The entries over one allocation, oldest first; at most the first `most` of them."""
        return (each for each in self.known.over(memory, most) if self._lies_in(each.value, memory))

    def _lies_in(self, value: Any, memory: int) -> bool:
        """Whether an object is there and still lies in that memory: of `t.data = …` nothing is heard."""
        return value is not None and id(self.engine.memory(value)) == memory

    def named(self, memories: Collection[int]) -> set[int]:
        """Which of these allocations a name may lead to.

        A few names that wait for a scan are looked at as they are; many are scanned.
        """
        if len(self._noted) > MATES:
            self._settle()
        kind, memory = self.engine.kind, self.engine.memory
        values = (
            value for name in self._noted if kind(value := self.bound.get(name)) in ("tensor", "ndarray")
        )
        found = {key for value in values if (key := id(memory(value))) in memories}
        found.update(key for key in memories if any(each.paths for each in self.table.over(key)))
        return found

    def under(self, name: str) -> Iterator[Entry]:
        """The entries that one top-level name reaches."""
        root = (self.roots if name in self._noted else self._roots).get(name)
        if root is not None:
            for key in root.found.values():
                entry = self.table.by_key.get(key)
                if entry is not None and entry.value is not None:
                    yield entry

    # ---- keeping it

    def begin(self, now: int) -> None:
        """Forget what was added and removed before; statement number `now` begins."""
        self.now = now
        self.added = []
        self.removed = []
        self.table.gone = {}

    @contextmanager
    def together(self) -> Iterator[None]:
        """Names bound within are bound at one time, as by `a, b = b, a`: an object that loses one and gets another stays."""
        loose: list[Entry] = []
        self._loose = loose
        try:
            yield
        finally:
            self._loose = None
            for entry in loose:
                self.table.forget_if_unreached(entry)

    def note(self, name: str, bound: bool, gradients: bool = False) -> None:
        """Have a name scanned when the index is next read: it was bound to a tensor, or its tensor may lie in other memory.

        `gradients`: what it reaches may have other gradients, too.
        """
        noted = self._noted.get(name)
        number = self.now if bound or noted is None else noted.number
        if bound and noted is not None:
            del self._noted[name]  # bound anew, it is the youngest
        self._noted[name] = Note(number, gradients or (noted is not None and noted.gradients))

    def note_leaf(self, reference: Any) -> None:
        """Have the gradient of a leaf (referred to weakly) looked at when the index is next read: it may be another."""
        self._leaves[id(reference)] = reference

    def _settle(self) -> None:
        """Scan the names that were noted. Those that the running statement bound wait for its end."""
        noted, leaves, now = self._noted, self._leaves, self.now
        names = self.bound
        self._noted, self._leaves = {}, {}
        if self.running:
            self._noted = {name: noted.pop(name) for name in names.touched if name in noted}
        with self.together():
            for name, note in noted.items():
                self.now = note.number
                if name not in names:
                    self.unbind(name)
                    continue
                self.bind(name, names[name])
                for entry in list(self.under(name)) if note.gradients else ():
                    self.see_grad(entry)
        self.now = now
        for reference in leaves.values():
            leaf = reference()
            owner = None if leaf is None else self.entry(leaf)
            if owner is not None:
                self.see_grad(owner)

    def unbind(self, name: str) -> None:
        """A name is gone."""
        self._noted.pop(name, None)
        root = self._roots.pop(name, None)
        if root is not None:
            self._forget_boxes(name, root)
            for path, key in root.found.items():
                self._drop(path, key)

    def bind(self, name: str, value: Any, written: bool = True) -> None:
        """Look at what a name stands for now, and at other names that reach a container of it where that changed.

        `written`: the statement may have changed a list in other places than its end.
        """
        told, known = len(self.added) + len(self.removed), self._roots.get(name)
        self._scan(name, value, written)
        boxes = self._roots[name].boxes | (known.boxes if known is not None else set())
        if not boxes or len(self.added) + len(self.removed) == told:
            return
        for other in sorted({each for box in boxes for each in self._by_box.get(box, ()) if each != name}):
            root = self._roots[other]
            there = self.bound.get(other)
            if root.key == id(there):
                self._scan(other, there, written)

    def _scan(self, name: str, value: Any, written: bool) -> None:
        """Look at what a name stands for now."""
        self._noted.pop(name, None)
        root = self._roots.get(name)
        alone = self.engine.kind(value) in ("tensor", "ndarray")
        if root is not None and root.key == id(value):
            if type(value) in INERT:
                return
            unmoved = self._is_there(root, name, value) if alone else self._known(root, name, value, written)
            if unmoved:
                return
        boxes: set[int] = set()
        found = ((name, value),) if alone else inside(self.engine, name, value, boxes)
        before = {} if root is None else root.found
        replaced: list[tuple[str, int]] = []
        if root is not None:
            self._forget_boxes(name, root)
        root = self._roots[name] = Root(id(value))
        for count, (path, each) in enumerate(found):
            if count >= MOST:
                break
            key = id(each)
            root.found[path] = key
            old = before.pop(path, None)
            entry = self.entry(each)
            if entry is not None:
                self.table.moved(entry, each)
            if old != key or entry is None:
                self._add(path, each)
                if old is not None and (old != key or key in self.table.gone):
                    replaced.append((path, old))
        for path, key in replaced:
            self._drop(path, key)
        for path, key in before.items():
            self._drop(path, key)
        if alone:
            return
        root.marks = marks(self.engine, value)
        if root.marks is not None and isinstance(value, dict):
            root.keys = list(value)
        root.boxes = boxes
        for box in boxes:
            self._by_box.setdefault(box, set()).add(name)

    def _forget_boxes(self, name: str, root: Root) -> None:
        for box in root.boxes:
            names = self._by_box[box]
            names.discard(name)
            if not names:
                del self._by_box[box]

    def see_grad(self, entry: Entry) -> None:
        """Look at the gradient of a tensor."""
        value = entry.value
        if value is None or self.engine.kind(value) != "tensor":
            return
        grad = self.engine.grad(value)
        key = None if grad is None else id(grad)
        if key == entry.grad and (grad is None or self.entry(grad) is not None):
            return
        name = next(iter(self.names(entry)), "")
        if entry.grad is not None:
            gone = self.table.gone.get(entry.grad)
            old = gone if gone is not None and entry.key in gone.owners else self.table.by_key.get(entry.grad)
            if old is not None:
                old.owners.pop(entry.key, None)
                self.removed.append((f"{name}.grad", old))
                self.table.forget_if_unreached(old)
        entry.grad = key
        if grad is not None:
            made = self.known.add(grad, self.now)
            made.owners[entry.key] = None
            self.added.append((f"{name}.grad", made))
            self.see_grad(made)

    def _is_there(self, root: Root, name: str, value: Any) -> bool:
        """Whether a name still stands for the same tensor or array, of which only the memory may have changed."""
        entry = self.table.by_key.get(id(value)) if root.found.get(name) == id(value) else None
        if entry is None or entry.value is not value:
            return False
        self.table.moved(entry, value)
        return True

    def _known(self, root: Root, name: str, value: Any, written: bool) -> bool:
        """Whether a flat container needs no scan: it is as it was, or a list grew at its end, which is added here."""
        old = root.marks
        if old is None:
            return False
        length = len(old)
        if isinstance(value, dict):
            return (
                list(value) == root.keys and list(map(mark, value.values())) == old and self._all_live(root)
            )
        if written or length <= LONG:
            if list(map(mark, value[:length])) != old or not self._all_live(root):
                return False
        elif len(value) < length or mark(value[0]) != old[0] or mark(value[length - 1]) != old[-1]:
            return False
        for position in range(length, len(value)):
            each = value[position]
            if type(each) in INERT:
                old.append(type(each))
                continue
            if self.engine.kind(each) not in ("tensor", "ndarray"):
                return False
            path = f"{name}[{position}]"
            root.found[path] = id(each)
            old.append(id(each))
            self._add(path, each)
        return True

    def _all_live(self, root: Root) -> bool:
        """Whether what was found is still there: an object that is gone may have left its identity to another."""
        return all(map(self.table.look_again, root.found.values()))

    def containers(self) -> list[str]:
        """The names that stand for something with tensors in it, or that may come to have some."""
        return [name for name, root in self.roots.items() if root.boxes]

    def _add(self, path: str, value: Any) -> None:
        entry = self.known.add(value, self.now)  # what was noted before has its paths first
        self.has_arrays = self.has_arrays or self.engine.kind(value) == "ndarray"
        entry.paths[path] = None
        self.added.append((path, entry))
        self.see_grad(entry)

    def _drop(self, path: str, key: int) -> None:
        gone = self.table.gone.get(key)
        if gone is not None and path in gone.paths:
            del gone.paths[path]
            self.removed.append((path, gone))
            return
        entry = self.table.by_key.get(key)
        if entry is None or path not in entry.paths:
            return
        del entry.paths[path]
        self.removed.append((path, entry))
        if self._loose is not None:
            self._loose.append(entry)
        else:
            self.table.forget_if_unreached(entry)


def path_root(path: str) -> str:
    """`net` of `net.layers[0].weight`."""
    return path.partition("[")[0].partition(".")[0]


def name_of(engine: Engine, index: Index, allocations: Allocations, tensor: Any) -> str | None:
    """A name for a tensor: its own, that of one with the same elements, or its storage's id."""
    found = index.name(tensor)
    if found is not None:
        return found
    memory = id(engine.memory(tensor))
    walk = None
    for entry in index.sharing(memory, MATES):
        value = entry.value
        if engine.kind(value) != "tensor":
            continue
        walk = walk or engine.walk(tensor)
        if engine.walk(value) == walk:
            return next(iter(index.names(entry)), None)
    return allocations.name(memory)
