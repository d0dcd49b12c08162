"""The tensors and arrays that a session's names reach, by what they are and by the memory that they lie in.

Objects are referred to weakly. One that is gone may have left its identity to another: what stands under an identity is held
against the object itself before it is believed.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tensorcli.explorer.engines import Engine

MATES = 24
"""How many tensors of one allocation are looked at before and after a statement; the rest is counted."""


class Entry:
    """A tensor or an array that some path reaches."""

    __slots__ = ("born", "grad", "key", "memory", "operator", "owners", "paths", "reference")

    def __init__(self, value: Any, memory: int, born: int) -> None:
        self.born = born
        """The number of the statement after which it was first reached."""
        self.key = id(value)
        self.reference = weakref.ref(value)
        self.paths: dict[str, None] = {}
        """The paths that reach it, in the order in which they came to be."""
        self.owners: dict[int, None] = {}
        """The entries, by their keys, whose gradient it is."""
        self.grad: int | None = None
        """The key of its gradient."""
        self.memory = memory
        """The identity of the memory that it lies in."""
        self.operator = ""

    @property
    def value(self) -> Any:
        """The object, None when it is gone."""
        return self.reference()


class Entries:
    """The entries of one session."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.by_key: dict[int, Entry] = {}
        """All of them by the identities of their objects, oldest first."""
        self.by_memory: dict[int, dict[int, Entry]] = {}
        """Those over each allocation, oldest first."""
        self.gone: dict[int, Entry] = {}
        """Objects of which the paths are still to be dropped, by the addresses that others have got since the statement began."""
        self._strays: dict[int, set[int]] = {}
        """By version counter: the tensors that lie in several allocations and share it, since one of them moved."""

    def find(self, value: Any) -> Entry | None:
        """The entry of an object that has one."""
        found = self.by_key.get(id(value))
        return found if found is not None and found.value is value else None

    def look_again(self, key: int) -> bool:
        """Look where the object lies that has an entry under this identity; whether it is still there."""
        entry = self.by_key.get(key)
        value = None if entry is None else entry.value
        if entry is None or value is None:
            return False
        self.moved(entry, value)
        return True

    def over(self, memory: int, most: int | None = None) -> Iterator[Entry]:
        """The entries over one allocation, oldest first; at most the first `most` of them."""
        return islice(self.by_memory.get(memory, {}).values(), most)

    def add(self, value: Any, now: int) -> Entry:
        """The entry of an object, made where it has none. `now`: the number of the statement after which it is reached."""
        entry = self.find(value)
        if entry is None:
            stale = self.by_key.get(id(value))
            if stale is not None:
                self.forget(stale)
                self.gone.setdefault(stale.key, stale)
            memory = id(self.engine.memory(value))
            entry = self.by_key[id(value)] = Entry(value, memory, now)
            self.by_memory.setdefault(memory, {})[entry.key] = entry
        return entry

    def moved(self, entry: Entry, value: Any) -> None:
        """Look whether an object lies in other memory than before."""
        memory = id(self.engine.memory(value))
        if memory != entry.memory:
            self._leave(entry)
            counter = self._counter(entry)
            if counter:
                group = {
                    each.key for each in self.over(entry.memory, MATES) if self._counter(each) == counter
                }
                if group or counter in self._strays:
                    self._strays.setdefault(counter, set()).update(group, (entry.key,))
            entry.memory = memory
            self.by_memory.setdefault(memory, {})[entry.key] = entry

    def _counter(self, entry: Entry) -> int:
        """Which version counter a tensor has; 0 where there is none."""
        value = entry.value
        return self.engine.counter(value) if self.engine.kind(value) == "tensor" else 0

    def strays(self, counter: int) -> Iterator[Entry]:
        """The tensors that share a version counter with one that moved to other memory, wherever they lie."""
        for key in self._strays.get(counter, ()):
            entry = self.by_key.get(key)
            if entry is not None:
                for each in self.over(entry.memory, MATES):
                    if self._counter(each) == counter:
                        yield each

    def forget_if_unreached(self, entry: Entry) -> None:
        """Forget an object that neither a path nor an owner has any more, and its gradient if that was all that had it."""
        if entry.paths or any(key in self.by_key for key in entry.owners):
            return
        self.forget(entry)
        if entry.grad is not None:
            grad = self.by_key.get(entry.grad)
            if grad is not None:
                grad.owners.pop(entry.key, None)
                self.forget_if_unreached(grad)

    def forget(self, entry: Entry) -> None:
        """Take an entry out of the table, unless another object has its place."""
        if self.by_key.get(entry.key) is entry:
            del self.by_key[entry.key]
        self._leave(entry)

    def _leave(self, entry: Entry) -> None:
        mates = self.by_memory.get(entry.memory)
        if mates is not None and mates.get(entry.key) is entry:
            del mates[entry.key]
            if not mates:
                del self.by_memory[entry.memory]
