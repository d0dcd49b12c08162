"""Memory that was allocated and not written yet, or in part only: PyTorch leaves in it what was there, and an operator that
reads it gives anything.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.explorer.hazards.keeper import elements
from tensorcli.explorer.hazards.told import Told
from tensorcli.explorer.hazards.weak import ByIdentity

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

ASKING = frozenset("resize_as_ type_as reshape_as view_as expand_as".split())
"""Operators that ask their second tensor for its sizes or its dtype alone."""
COPYING = frozenset("clone _to_copy".split())
"""Operators that copy a tensor: what was not written there is not written here."""
FACTS = frozenset("size shape stride dim ndim numel dtype device layout requires_grad".split())
"""What is asked of a tensor besides its elements."""
FILLING = frozenset(
    "fill_ zero_ copy_ uniform_ normal_ random_ bernoulli_ exponential_ geometric_ log_normal_ cauchy_ set_ resize_ "
    "resize_as_ eye_ masked_fill_ masked_scatter_ scatter_ index_put_ _index_put_impl_ index_copy_ index_fill_ put_ "
    "fill_diagonal_".split()
)
"""In-place operators that read nothing of what they write into."""


MOST = 1 << 16
"""Of allocations of more bytes, a write into a part counts as one into the whole."""


@dataclass(slots=True)
class Blank:
    """An allocation that was not written as a whole."""

    written: Any = None
    """For each byte, whether it was written; None where none was."""


class Unwritten:
    """The allocations of a session that nothing was written into."""

    def __init__(self, engine: Engine, name: Callable[[Any], str | None]) -> None:
        self.engine = engine
        self.name = name
        self.memory: ByIdentity[Blank] = ByIdentity()

    def allocated(self, tensor: Any) -> None:
        """An operator allocated a tensor's memory."""
        if self.engine.look(tensor).numel:
            self.memory.put(self.engine.memory(tensor), Blank())

    def written(self, tensor: Any, memory: Any) -> None:
        """The elements of a tensor, which lies in the memory, are written."""
        blank = self.memory.get(id(memory))
        if blank is None:
            return
        content = self.engine.content(memory)
        if content is not None and content.nbytes <= MOST:
            if blank.written is None:
                blank.written = np.zeros(content.nbytes, np.uint8)
            elements(blank.written, self.engine.walk(tensor))[...] = 1
            if not blank.written.all():
                return
        del self.memory[id(memory)]

    def read(self, operator: str, result: Any, inputs: Sequence[Any]) -> Told | None:
        """What is to be said of an operator that reads such memory; None where it reads none of it."""
        if operator in ASKING or operator.endswith("_like") or operator.startswith("new_"):
            return None
        engine = self.engine
        if operator in COPYING and self._is_blank(engine.memory(inputs[0])):
            self.allocated(result)
            return None
        for each in inputs:
            if isinstance(each, list | tuple):
                told = self.read(operator, result, each)
                if told is not None:
                    return told
            elif engine.kind(each) == "tensor":
                memory = engine.memory(each)
                if memory is not engine.memory(result):
                    told = self._told(each, memory)
                    if told is not None:
                        return told
        return None

    def _is_blank(self, memory: Any) -> bool:
        """Whether nothing was written into a memory."""
        blank = self.memory.get(id(memory))
        return blank is not None and blank.written is None

    def changed(self, operator: str, tensor: Any, memory: Any, inputs: Sequence[Any]) -> Told | None:
        """What is to be said of an operator that computes what it writes from what such memory holds; None for another."""
        in_place = operator.endswith("_") and operator not in FILLING and inputs and inputs[0] is tensor
        return self._told(tensor, memory) if in_place else None

    def _told(self, tensor: Any, memory: Any) -> Told | None:
        """What is to be said of reading a tensor; None where all of it was written. It is said once: who was told needs not
        be told again.
        """
        blank = self.memory.get(id(memory))
        if blank is None:
            return None
        content = self.engine.content(memory)
        if content is None:
            return None
        walk = self.engine.walk(tensor)
        read = elements(content, walk)
        if blank.written is not None:
            read = read[elements(blank.written, walk) == 0]
            if not read.size:
                return None  # this part of it was
        del self.memory[id(memory)]
        base = self.engine.base(tensor)
        name = self.name(tensor) or (None if base is None else self.name(base))
        if name is None or read.any():  # a stand-in of the engine's own; numpy may have written into it
            return None
        how, what = "was never written", "it"
        if blank.written is not None:
            how, what = "was written in part", "the rest"
        return Told(
            "TSC-H018", f"{name} {how}: PyTorch leaves in {what} what the memory held (zero here).", (name,)
        )


def asked_for_its_sizes(statement: ast.stmt | None, node: ast.AST | None) -> bool:
    """Whether an expression's result is asked for its sizes alone: `(x + y).size()`, to see how shapes broadcast."""
    return statement is not None and any(
        isinstance(each, ast.Attribute) and each.value is node and each.attr in FACTS
        for each in ast.walk(statement)
    )
