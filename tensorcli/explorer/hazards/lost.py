"""Writes that are lost: into a copy that an index, a mask or a conversion made, and that nobody holds."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.hazards.told import Namer, Told, named
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

COPYING = frozenset(
    "index masked_select index_select gather take take_along_dim _to_copy clone nonzero "
    "repeat repeat_interleave diag diagonal_copy flip roll tril triu".split()
)
"""Operators that copy what a reader may take for the tensor itself."""


class Copied(NamedTuple):
    """A copy that the statement wrote into: of what, by which operator, and where it was written."""

    memory: Any
    operator: str
    source: str | None
    node: ast.AST | None

    @property
    def told(self) -> Told:
        """What is to be said of it."""
        of = f" of {self.source}" if self.source else ""
        rest = f": {self.source} keeps its values" if self.source else ""
        text = f"the write went into a copy{of} ({self.operator.strip('_')}) that nobody holds{rest}."
        return Told("TSC-H003", text, named(self.source), self._hint())

    def _hint(self) -> str:
        """How to ask about the expression that made the copy."""
        target = self.node.target if isinstance(self.node, ast.AugAssign) else self.node
        if isinstance(target, ast.Call):
            target = target.func
        held = isinstance(target, ast.Subscript | ast.Attribute)
        return f"explain {ast.unparse(target.value)}" if held else ""  # type: ignore[union-attr]


class LostWrites:
    """The copies that the running statement made, and those that it wrote into."""

    def __init__(self, engine: Engine, name: Namer) -> None:
        self.engine = engine
        self.name = name
        self.begin()

    def begin(self) -> None:
        """A statement of the session begins."""
        self.born: dict[int, tuple[Any, str, Any]] = {}
        """The memory of copies that the innermost statement made, weakly and by its identity: by which operator, and of what,
        weakly."""
        self.written: dict[int, Copied] = {}
        """Those that were written into, where nothing could hold them."""

    def runs(self) -> None:
        """A statement begins, one within another included: what was made before it is held by something."""
        if self.born:
            self.born = {}

    def made(self, operator: str, tensor: Any, inputs: Sequence[Any]) -> None:
        """An operator that copies made a tensor."""
        if inputs and self.engine.kind(inputs[0]) == "tensor":
            memory = self.engine.memory(tensor)
            if memory is not self.engine.memory(inputs[0]):
                self.born[id(memory)] = weakref.ref(memory), operator, weakref.ref(inputs[0])

    def used(self, tensors: Iterator[Any]) -> None:
        """Copies that an operator reads are not lost."""
        for each in tensors:
            self.written.pop(id(self.engine.memory(each)), None)

    def wrote(self, memory: Any, running: ast.stmt | None) -> None:
        """Bytes were written."""
        born = self.born.get(id(memory))
        if born is None or born[0]() is not memory:
            return
        node = current_node()
        if _discarded(node, running):
            _, operator, source = born
            of = source()
            name = None if of is None else self.name(of)
            self.written[id(memory)] = Copied(weakref.ref(memory), operator, name, node)
        else:
            self.written.pop(id(memory), None)

    def found(self) -> list[Copied]:
        """The copies that are gone, and what was written into them."""
        found = [each for each in self.written.values() if each.memory() is None]
        self.written = {}
        return found


def _discarded(node: ast.AST | None, running: ast.stmt | None) -> bool:
    """Whether what is written there is nothing that a name, or the rest of the expression, could hold."""
    target: ast.AST | None = None
    if isinstance(node, ast.AugAssign):
        target = node.target
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        target = node
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if not isinstance(running, ast.Expr) or running.value is not node or not node.func.attr.endswith("_"):
            return False  # a backward pass writes into copies of its own
        return _computed(node.func.value)
    return isinstance(target, ast.Subscript) and _computed(target.value)


def _computed(tree: ast.AST) -> bool:
    """Whether an expression is computed, and not explicitly a copy: what a reader may take for the tensor."""
    if isinstance(tree, ast.Name):
        return False
    return not any(
        isinstance(each, ast.Attribute) and each.attr in ("clone", "deepcopy", "copy")
        for each in ast.walk(tree)
    )
