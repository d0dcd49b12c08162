"""Memory that was allocated and not written yet: PyTorch leaves in it what was there, and an operator that reads it gives
anything.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

ASKING = frozenset("resize_as_ type_as reshape_as view_as expand_as".split())
"""Operators that ask their second tensor for its sizes or its dtype alone."""
FACTS = frozenset("size shape stride dim ndim numel dtype device layout requires_grad".split())
"""What is asked of a tensor besides its elements."""
MANY = 1000
"""From how many allocations on those that are gone are looked for."""
FILLING = frozenset(
    "fill_ zero_ copy_ uniform_ normal_ random_ bernoulli_ exponential_ geometric_ log_normal_ cauchy_ set_ resize_ "
    "resize_as_ eye_ masked_fill_ masked_scatter_ scatter_ index_put_ _index_put_impl_ index_copy_ index_fill_ put_ "
    "fill_diagonal_".split()
)
"""In-place operators that read nothing of what they write into."""


class Unwritten:
    """The allocations of a session that nothing was written into."""

    def __init__(self, engine: Engine, name: Callable[[Any], str | None]) -> None:
        self.engine = engine
        self.name = name
        self.memory: dict[int, Any] = {}
        """Weakly, by their identity."""

    def allocated(self, tensor: Any) -> None:
        """An operator allocated a tensor's memory."""
        if self.engine.look(tensor).numel:
            if len(self.memory) > MANY:
                self.memory = {key: each for key, each in self.memory.items() if each() is not None}
            memory = self.engine.memory(tensor)
            self.memory[id(memory)] = weakref.ref(memory)

    def written(self, memory: Any) -> None:
        """Something is written into the memory."""
        self.memory.pop(id(memory), None)

    def read(self, operator: str, result: Any, inputs: Sequence[Any]) -> Told | None:
        """What is to be said of an operator that reads such memory; None where it reads none of it."""
        if operator in ASKING or operator.endswith("_like") or operator.startswith("new_"):
            return None
        engine = self.engine
        for each in inputs:
            if isinstance(each, list | tuple):
                told = self.read(operator, result, each)
                if told is not None:
                    return told
            elif engine.kind(each) == "tensor":
                memory = engine.memory(each)
                if memory is not engine.memory(result) and self._holds(memory):
                    return self._told(each)
        return None

    def changed(self, operator: str, tensor: Any, memory: Any, inputs: Sequence[Any]) -> Told | None:
        """What is to be said of an operator that computes what it writes from what such memory holds; None for another."""
        in_place = operator.endswith("_") and operator not in FILLING and inputs and inputs[0] is tensor
        return self._told(tensor) if in_place and self._holds(memory) else None

    def _holds(self, memory: Any) -> bool:
        """Whether nothing was written into the memory. It is asked once: who was told needs not be told again."""
        reference = self.memory.pop(id(memory), None)
        if reference is None or reference() is not memory:  # another allocation has its place
            return False
        content = self.engine.content(memory)
        return content is not None and not content.any()  # numpy may have written into it

    def _told(self, tensor: Any) -> Told | None:
        name = self.name(tensor)
        if name is None:  # a stand-in of the engine's own, for one
            return None
        return Told(
            f"{name} was never written: PyTorch leaves in it what the memory held (zero here).", (name,)
        )


def asked_for_its_sizes(statement: ast.stmt | None, node: ast.AST | None) -> bool:
    """Whether an expression's result is asked for its sizes alone: `(x + y).size()`, to see how shapes broadcast."""
    return statement is not None and any(
        isinstance(each, ast.Attribute) and each.value is node and each.attr in FACTS
        for each in ast.walk(statement)
    )
