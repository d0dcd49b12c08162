"""Traps of training loops: a gradient that is applied a second time, an error of each prediction against each target."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

Namer = Callable[[Any], str | None]
"""Gives a tensor's name in the script."""


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
        self.begin()

    def begin(self) -> None:
        """A statement begins."""
        self.stale: dict[int, Any] = {}
        """The leaves, weakly, whose applied gradient it added to, each once."""
        self.node: ast.AST | None = None
        """Where it did so first."""

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

    def accumulated(self, leaf: Any, gradient: Any, kind: str) -> None:
        """A pass made a leaf's gradient, or added to it: to one that was applied, if it was."""
        key = id(self.engine.memory(leaf))
        reference = self.leaves[key] = weakref.ref(leaf)
        self.owners[id(self.engine.memory(gradient))] = key
        if kind != "new" and (key in self.applied or key == self.cleared):
            self.node = self.node if self.stale else current_node()
            self.stale[id(leaf)] = reference
        self.applied.discard(key)
        self.cleared = None

    def text(self, name: Namer) -> str | None:
        """Which gradients were added to that had been applied; None where nobody holds their leaves."""
        leaves = [leaf for leaf in (each() for each in self.stale.values()) if leaf is not None]
        if not leaves:
            return None
        first = name(leaves[0]) or "a leaf"
        more = f" (and {len(leaves) - 1} more)" if len(leaves) > 1 else ""
        return (
            f"{first}.grad{more} held what had been applied to {first} already: this pass added to it, and a step will apply "
            "it again."
        )


def outer_difference(engine: Engine, name: Namer, node: ast.AST | None, inputs: Sequence[Any]) -> str | None:
    """What is to be said of a difference that broadcast (N, 1) against (N,), where one of them is to be learned; None for
    any other. It is (N, N): each element of the one less each element of the other.
    """
    tensors = [each for each in inputs[:2] if engine.kind(each) == "tensor"]
    if len(tensors) != 2:
        return None
    left, right = looks = [engine.look(each) for each in tensors]
    sizes = sorted((left.sizes, right.sizes), key=len)
    count = sizes[0][0] if len(sizes[0]) == 1 else 0
    if count < 2 or sizes[1] != (count, 1) or left.requires_grad == right.requires_grad:
        return None
    parts = (node.left, node.right) if isinstance(node, ast.BinOp) else (None, None)
    first, second = (
        f"{ast.unparse(part) if part else name(each) or 'a tensor'} {look.sizes}"
        for part, each, look in zip(parts, tensors, looks, strict=True)
    )
    return f"{first} less {second} is {(count, count)}: each element of the one less each of the other, not element by element."
