"""Ids: `sN` for allocations, and the session's own numbers for `id()`.

An allocation is an address range: every Storage and every array over it shares its id. It is told apart by
the object that owns its bytes, and referred to weakly, so that nothing lives longer because it was looked at.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from sys import getrefcount
from typing import Any


class Allocation:
    """One address range: its id once it has one, its size, and the statement that made it."""

    __slots__ = ("alive", "key", "line", "nbytes", "number", "operator", "reference", "source", "written")

    def __init__(self, key: int, nbytes: int) -> None:
        self.key = key
        self.nbytes = nbytes
        self.number = 0
        self.alive = True
        self.operator = ""
        self.source = ""
        self.line: int | None = None
        self.reference: Any = None
        self.written: tuple[int, str | None] | None = None
        """The line of the last write, and the name written through."""

    @property
    def id(self) -> str | None:
        """`s3`, or None for a temporary."""
        return f"s{self.number}" if self.number else None


class Allocations:
    """All allocations that have an id or may get one when the statement ends."""

    def __init__(self) -> None:
        self.known: dict[int, Allocation] = {}
        self.count = 0

    def of(self, memory: Any, nbytes: int) -> Allocation:
        """The allocation of a memory owner; new to us when it was not seen before."""
        key = id(memory)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = Allocation(key, nbytes)

            def gone(_: Any, found: Allocation = found, known: dict[int, Allocation] = self.known) -> None:
                found.alive = False
                if known.get(found.key) is found:
                    del known[found.key]

            found.reference = weakref.ref(memory, gone)
        return found

    def name(self, key: int) -> str | None:
        """The id of the allocation with this key, None where it has none."""
        found = self.known.get(key)
        return None if found is None else found.id

    def number(self, key: int) -> int:
        """The number in the id of the allocation with this key, 0 where it has none."""
        found = self.known.get(key)
        return 0 if found is None else found.number

    def give(self, allocation: Allocation, source: str, line: int | None) -> None:
        """Give an allocation the next id; one that has an id keeps it."""
        if not allocation.number:
            self.count += 1
            allocation.number = self.count
            allocation.source = source
            allocation.line = line

    def named(self, name: str) -> Allocation | None:
        """The living allocation with this id."""
        return next((each for each in self.known.values() if each.id == name), None)


class Identities:
    """Numbers of objects that are the same every time a script runs; no two objects have one number, unless `reused`.

    `reused` is for `id()` as a script sees it: as in CPython, an object that only the call of id() holds has the number
    that the last one of its type left behind, and `id(x[0]) == id(x[1])` holds. What has a name was there before that one
    went, or may have been, and gets its own.
    """

    def __init__(self, reused: bool = False) -> None:
        self.reused = reused
        self.numbers: dict[int, int] = {}
        self.references: dict[int, Any] = {}
        self.left: dict[type, list[int]] = {}
        """The numbers of objects that are gone, by type, the last one last."""
        self.next = 0x7F2000000000

    def number(self, thing: Any) -> int:
        """The number of an object, for as long as it lives."""
        key = id(thing)
        found = self.numbers.get(key)
        if found is None:
            left = self.left.get(type(thing)) if self.reused else None
            if left and getrefcount(thing) <= _HELD:
                found = left.pop()
            else:
                found = self.next
                self.next += 0x40
            self.numbers[key] = found
            try:
                self.references[key] = weakref.ref(thing, self._forget(key, type(thing)))
            except TypeError:
                pass
        return found

    def _forget(self, key: int, kind: type) -> Callable[[Any], None]:
        def forget(_: Any) -> None:
            number = self.numbers.pop(key)
            if self.reused:
                self.left.setdefault(kind, []).append(number)
            self.references.pop(key, None)

        return forget


_HELD = 5
"""References to an argument of id() that are the call's own: the evaluator's, the builtin's, the session's and ours."""
