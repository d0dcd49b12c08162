"""Traps of training loops: a gradient that is applied a second time, an error of each prediction against each target."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine


class Gradients:
    """Which gradients were applied to their leaves and not dropped or zeroed since."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.leaves: dict[int, Any] = {}
        """Leaves that a pass reached, weakly, by the identity of their memory."""
        self.owners: dict[int, int] = {}
        """By the identity of a gradient's memory that of its leaf's."""
        self.applied: set[int] = set()
        """The memory of the leaves that were written since their gradient began."""
        self.cleared: int | None = None
        """The leaf whose applied gradient the last write changed: a pass is heard of after it added to the gradient."""

    def wrote(self, memory: Any) -> None:
        """Bytes were written: a leaf's, which applies its gradient, or a gradient's, which makes it another one."""
        key = id(memory)
        leaf = self.leaves.get(key)
        if leaf is not None:
            found = leaf()
            if found is None or self.engine.memory(found) is not memory:
                del self.leaves[key]  # another allocation has its place now
                self.applied.discard(key)
            elif self.engine.grad(found) is not None:
                self.applied.add(key)
        elif key in self.owners:
            owner = self.owners[key]
            self.cleared = owner if owner in self.applied else None
            self.applied.discard(owner)

    def accumulated(self, leaf: Any, gradient: Any, kind: str) -> bool:
        """A pass made a leaf's gradient, or added to it. Whether it added to one that was applied."""
        key = id(self.engine.memory(leaf))
        self.leaves[key] = weakref.ref(leaf)
        self.owners[id(self.engine.memory(gradient))] = key
        stale = kind != "new" and (key in self.applied or key == self.cleared)
        self.applied.discard(key)
        self.cleared = None
        return stale


def outer_difference(engine: Engine, result: Any, inputs: Sequence[Any]) -> tuple[Any, Any] | None:
    """The operands of a difference that broadcast (N, 1) against (N,), where one of them is to be learned; None for any
    other. It is (N, N): each element of the one less each element of the other.
    """
    tensors = [each for each in inputs[:2] if engine.kind(each) == "tensor"]
    if len(tensors) != 2:
        return None
    left, right = (engine.look(each) for each in tensors)
    sizes = sorted((left.sizes, right.sizes), key=len)
    count = sizes[0][0] if len(sizes[0]) == 1 else 0
    if count < 2 or sizes[1] != (count, 1) or left.requires_grad == right.requires_grad:
        return None
    return tensors[0], tensors[1]
