"""Assignments to several places, one of which is read for another after it was written: `x[0], x[1] = x[1], x[0]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine


class Stores:
    """What one assignment stored into so far: the memory, the elements, the place. The right side was evaluated to views
    before the first store wrote.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.done: list[tuple[Any, Any, ast.AST]] = []

    def begin(self) -> None:
        """A statement begins, one within another included."""
        if self.done:
            self.done = []

    def store(
        self, tensor: Any, memory: Any, sources: Iterator[Any], running: ast.stmt | None
    ) -> Told | None:
        """A store is about to write a tensor's elements from these; what is to be said of it."""
        if not isinstance(running, ast.Assign) or not isinstance(running.value, ast.Tuple | ast.List):
            return None
        node, target = current_node(), running.targets[-1]
        if node is None or not isinstance(target, ast.Tuple | ast.List) or node not in target.elts:
            return None
        from tensorcli.explorer.memory import overlap

        found = None
        for source in sources:
            owner = self.engine.memory(source)
            for written, walk, earlier in self.done:
                if written is owner and overlap(walk, self.engine.walk(source))[0]:
                    found = found or _swap(running.value, target, node, earlier)
        self.done.append((memory, self.engine.walk(tensor), node))
        return found


def _swap(
    value: ast.Tuple | ast.List, target: ast.Tuple | ast.List, node: ast.AST, earlier: ast.AST
) -> Told | None:
    at = next((number for number, each in enumerate(target.elts) if each is node), 0)
    if len(value.elts) != len(target.elts):
        return None
    first, read = ast.unparse(earlier), ast.unparse(value.elts[at])
    right = ", ".join(
        ast.unparse(each) + ".clone()" * isinstance(each, ast.Subscript | ast.Name) for each in value.elts
    )
    left = ", ".join(map(ast.unparse, target.elts))
    return Told(
        "TSC-H010",
        f"the right side holds views, not copies: {first} was written before {'it' if read == first else read} was read for "
        f"{ast.unparse(node)}.",
        (first,),
        f"{left} = {right}",
    )
