"""Terms of a loss that no gradient comes from: computed from what learns, and outside of its graph."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Namer, Told, named
from tensorcli.explorer.hazards.weak import ByIdentity
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.containers import Located
    from tensorcli.explorer.engines import Engine


class Constants:
    """The memory, weakly and by its identity, of what was computed from tensors that require grad and does not itself. What
    `detach()` gave is meant to be without a graph, and is none of it.
    """

    def __init__(self, engine: Engine, leaves: Mapping[int, Any]) -> None:
        self.engine = engine
        self.leaves = leaves
        """Those that a pass reached, weakly, by the identity of their memory: `.data` is another handle on it."""
        self.known: ByIdentity[None] = ByIdentity()
        self.meant: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        """What `detach()` gave, by its identity."""

    def computed(self, tensor: Any, operator: str, given: Located) -> None:
        """An operator gave a tensor, or wrote it, from these, each with its memory, and recorded nothing."""
        if operator == "detach":
            self.meant[id(tensor)] = tensor
        if operator == "detach" or not tensor.is_floating_point():
            return
        if any(each.requires_grad or self._is_constant(each, memory) for each, memory in given):
            self.known.put(self.engine.memory(tensor), None)

    def _is_constant(self, tensor: Any, memory: Any) -> bool:
        """Whether a tensor that does not require grad is over what learns, or was computed from it."""
        if self.meant.get(id(tensor)) is tensor:
            return False
        leaf = self.leaves.get(id(memory))
        leaf = None if leaf is None else leaf()
        over = leaf is not None and self.engine.memory(leaf) is memory and leaf.requires_grad
        return over or id(memory) in self.known

    def added(self, name: Namer, inputs: Sequence[Any]) -> Told | None:
        """What is to be said of a recorded sum of two numbers, one of which is such a term; None for any other."""
        both = [each for each in inputs[:2] if self.engine.kind(each) == "tensor"]
        if len(both) < 2 or any(each.ndim for each in both):
            return None
        memory = self.engine.memory
        terms = (each for each in both if not each.requires_grad and self._is_constant(each, memory(each)))
        term = next(terms, None)
        if term is None:
            return None
        known = name(term)
        what = _written(inputs, term) or known or "a term of this sum"
        return Told(
            "TSC-H043",
            f"{what} was computed from what learns, and has no graph: in the sum it is a constant, "
            "and no gradient comes from it.",
            named(known),
        )


def _written(inputs: Sequence[Any], term: Any) -> str:
    """A term of the sum that is being evaluated, as it is written; empty where it is not known."""
    node = current_node()
    if isinstance(node, ast.AugAssign):
        return ast.unparse(node.value)
    if isinstance(node, ast.BinOp):
        return ast.unparse(node.left if inputs[0] is term else node.right)
    return ""
