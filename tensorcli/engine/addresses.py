"""The addresses that a session shows, of memory (`data_ptr()`) and of objects (`id()`, reprs).

They are virtual, so that a script prints the same every time. Within the memory of one array distances are real: a tensor over
an array and numpy's views of it agree on where an element lies.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from tensorcli.engine import process


class Addresses:
    """A range of addresses, handed out one behind another."""

    __slots__ = ("next", "start")

    def __init__(self, start: int) -> None:
        self.start = self.next = start

    def take(self, nbytes: int) -> int:
        """A range of `nbytes`, aligned as PyTorch's allocator aligns, that nobody else has."""
        address = self.next
        self.next += (nbytes + 63) // 64 * 64 + 64
        return address


memory = Addresses(0x7F00_0000_0040)
objects = Addresses(0x7F10_0000_0000)
shown: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
"""The addresses of the objects whose repr was asked for."""


giving: list[bool] = [True]
"""Whether an object that has no address gets one when its repr is asked for."""


@contextmanager
def giving_none() -> Iterator[None]:
    """Within it no object gets an address: a look takes none from the next one."""
    before, giving[0] = giving[0], False
    try:
        yield
    finally:
        giving[0] = before


process.keep_attributes(memory, "next")
process.keep_attributes(objects, "next")
process.keep_contents(shown)


def of_object(thing: Any) -> str:
    """`0x…` as an object's repr shows it."""
    found = shown.get(thing)
    if found is None:
        if not giving[0]:
            return "0x0"
        found = shown[thing] = objects.take(0)
    return f"{found:#x}"


# ---- arrays


_known: dict[int, tuple[Any, int]] = {}
"""Of arrays that own memory, by id: a weak reference, and the address of their first byte."""


def of_array(array: Any) -> int:
    """The address of an array's first element: the same each time, and true in its distances to its views'."""
    owner = owner_of(array)
    known = _known.get(id(owner))
    if known is None or known[0]() is not owner:
        lent = _lent(owner) if is_capsule(owner.base) else None
        remember(owner, memory.take(max(owner.nbytes, 1)) if lent is None else lent)
        known = _known[id(owner)]
    return known[1] + _real(array) - _real(owner)


def remember(array: Any, address: int) -> None:
    """State the address of an array's first byte (and so of its owner's)."""
    owner = owner_of(array)
    key = id(owner)
    base = address - (_real(array) - _real(owner))
    _known[key] = (ref(owner, lambda gone: _known.pop(key, None)), base)


def owner_of(array: Any) -> Any:
    """The array at the end of the chain of bases."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def is_capsule(thing: Any) -> bool:
    """Whether this is a DLPack capsule, which lends memory of somebody else."""
    return type(thing).__name__ == "PyCapsule"


def _lent(array: Any) -> int | None:
    """The address of an array over memory of one whose address is known."""
    start = _real(array)
    for lender, address in list(_known.values()):
        owner = lender()
        if owner is not None and 0 <= start - _real(owner) < owner.nbytes:
            return address + start - _real(owner)
    return None


def _real(array: Any) -> int:
    return int(array.__array_interface__["data"][0])
