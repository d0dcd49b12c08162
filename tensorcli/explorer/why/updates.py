"""Updates of a leaf that gave its name to a new tensor, written into the leaf."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorcli.explorer.trees import binds, holds
from tensorcli.explorer.why.case import Case

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def in_place(case: Case, at: int, name: str) -> Iterator[Proposal | None]:
    """`w = w - g` as `w -= g`: the leaf keeps its name."""
    signs = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
    statement, _ = case.journal.python(at)
    for node in ast.walk(statement.tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.BinOp):
            continue
        left, sign = node.value.left, signs.get(type(node.value.op))
        if ast.unparse(left) == name and binds(node, name) and sign is not None:
            new = f"{name} {sign}= {case.journal.source(at, node.value.right)}"
            note = f"write the leaf {name} itself"
            if any(isinstance(each, ast.With) and holds(each, node) for each in ast.walk(statement.tree)):
                yield case.journal.changed(at, [(node, new)], note)
            else:
                yield case.journal.instead(at, node, f"with torch.no_grad():\n    {new}", note)


def copied_into(case: Case, at: int, name: str) -> Iterator[Proposal | None]:
    """`p = 0.9 * p + 0.1 * q` as `p.copy_(0.9 * p + 0.1 * q)`: the tensor keeps its name."""
    for node in ast.walk(case.journal.python(at)[0].tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            new = f"{name}.copy_({case.journal.source(at, node.value)})"
            source = f"with torch.no_grad():\n    {new}"
            yield case.journal.instead(at, node, source, f"write into {name} itself")
