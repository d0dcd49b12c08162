"""The bytes that nodes saved, kept from the first write after a save on.

A storage is copied once, before the first write to it since a node saved a tensor of it; the next save allows
another copy. What is kept goes when no node saves a tensor of that storage any more. This module knows no
names and no texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.engines.reading import KeptCopy, Saved, Walk

if TYPE_CHECKING:
    from tensorcli.explorer.observe import Recorder

BYTES = 256 << 20
"""How many bytes are kept where nobody says."""


class Copy(NamedTuple):
    """The bytes of an allocation as they were at a moment of the record's clock."""

    clock: int
    content: Any


class Keeper:
    """The kept bytes of one session. `most` bounds them; beyond it nothing more is copied."""

    def __init__(self, recorder: Recorder, most: int | None) -> None:
        self.recorder = recorder
        self.engine = recorder.engine
        self.most = BYTES if most is None else most
        self.nbytes = 0
        self.copies: dict[int, list[Copy]] = {}
        self.shields = False
        """Whether nodes are given the kept bytes, so that no write can change what they saved."""

    def begin(self) -> None:
        """A statement begins: let go of what no node needs."""
        if self.copies:
            savers = self.recorder.savers
            for memory in [each for each in self.copies if each not in savers]:
                self._drop(memory)

    def _drop(self, memory: int) -> None:
        self.nbytes -= sum(each.content.nbytes for each in self.copies.pop(memory))

    def before_write(self, memory: Any) -> None:
        """An allocation is about to be written: copy it where a node saved a tensor of it since the last copy."""
        key = id(memory)
        savers = self.recorder.savers.get(key)
        if savers is None:
            return
        last = self.copies[key][-1].clock if key in self.copies else -1
        if all(saver.clock <= last for saver in savers.values()):
            return
        content = self.engine.content(memory)
        if content is not None and self.nbytes + content.nbytes <= self.most:
            self.add(key, self.recorder.clock, content.copy())

    def add(self, memory: int, clock: int, content: Any) -> None:
        """Keep these bytes as what the allocation held at this moment."""
        copies = self.copies.setdefault(memory, [])
        if copies and copies[-1].clock >= clock:
            return
        copies.append(Copy(clock, content))
        self.nbytes += content.nbytes
        if self.shields:
            before = copies[-2].clock if len(copies) > 1 else -1
            for saver in self.recorder.savers.get(memory, {}).values():
                node = saver.reference()
                if node is not None and before < saver.clock <= clock:
                    self.engine.shield(self.engine.copies(node, memory, content))

    def content_at(self, memory: int, clock: int) -> Any:
        """The bytes of an allocation at a moment, where they were written since and kept; else None."""
        return next((each.content for each in self.copies.get(memory, ()) if each.clock >= clock), None)

    def harmless(self, node: Any, saved: Saved, memory: Any, clock: int) -> bool | None:
        """Whether a node gives the gradients that it would give with the bytes of an allocation that held when it saved a
        tensor of it, as far as that is known; None where the bytes of then are not.
        """
        intact = self.intact(saved, memory, clock)
        if intact is not False:
            return intact
        return self.engine.same_gradients(node, self.as_kept(node, memory, clock))

    def as_kept(self, node: Any, memory: Any, clock: int) -> Sequence[KeptCopy]:
        """What a node keeps of an allocation, as it was at a moment."""
        then = self.content_at(id(memory), clock)
        return () if then is None else self.engine.copies(node, id(memory), then)

    def intact(self, saved: Saved, memory: Any, clock: int) -> bool | None:
        """Whether a saved tensor's elements are what they were when it was saved; None where unknown."""
        then = self.content_at(id(memory), clock)
        now = self.engine.content(memory)
        if then is None or now is None or then.nbytes != now.nbytes:
            return None
        walk = self.engine.walk(saved.tensor)
        return bool((elements(then, walk) == elements(now, walk)).all())


def elements(content: Any, walk: Walk) -> Any:
    """The bytes that a walk reaches in the bytes of its allocation."""
    import numpy as np

    if 0 in walk.sizes:
        return np.zeros(0, np.uint8)
    return np.ndarray((*walk.sizes, walk.itemsize), np.uint8, content.data, walk.start, (*walk.strides, 1))
