"""What the hazards know of things that they do not keep alive."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class ByIdentity(dict[int, Value], Generic[Value]):
    """A table by the identities of things. What it says of a thing leaves with it: another may get the same identity.

    (weakref.WeakKeyDictionary compares its keys, and tensors answer that element by element.)
    """

    def __init__(self) -> None:
        super().__init__()
        self._things: dict[int, weakref.ref[Any]] = {}

    def put(self, thing: Any, value: Value) -> None:
        """Remember a value of a thing until it ceases to be."""
        key = id(thing)
        if key not in self._things:
            self._things[key] = weakref.ref(thing, lambda _: self._forget(key))
        self[key] = value

    def _forget(self, key: int) -> None:
        del self._things[key]
        self.pop(key, None)
