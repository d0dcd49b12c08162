"""Comparisons and averages of a memory with itself.

After `before = net.weight` and some steps, `torch.equal(before, net.weight)` compares one memory with itself, and
`mean['weight'].mul_(0.9).add_(net.weight)` changes the weight that it should remember.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

VALUES = {ast.Assert: "test", ast.Expr: "value", ast.Assign: "value"}
"""Where the value stands that a statement looks at, by its kind."""
CALLS = ("equal", "allclose", "isclose", "eq", "ne")


def comparisons(statement: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """The pairs of names that a statement compares, subtracts or averages, each as it is or by its `.data`: in what it prints,
    binds or asserts, behind no more than methods of the result. It is asked of each statement that runs, and walks no trees.
    """
    where = VALUES.get(type(statement))
    if where is None:
        return []
    value = getattr(statement, where)
    values = [value]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print":
        values = value.args
    return [pair for each in values for pair in _pairs(each) if all(map(_path, pair))]


def _pairs(node: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in CALLS and node.args:
            return [(node.args[0], node.args[1]) if len(node.args) > 1 else (node.func.value, node.args[0])]
        node = node.func.value
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return [(node.left, node.comparators[0])]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        return [(node.left, node.right)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return list(product(_factors(node.left), _factors(node.right)))
    return []


def _factors(node: ast.expr) -> tuple[ast.expr, ...]:
    """What a term of an average multiplies: `decay * mean`."""
    return (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else ()


def _path(node: ast.expr) -> str:
    """`w` of `w` and `w.data`, `before[name]` of an item, `self.shadow` of an attribute; empty for anything else."""
    node = _bare(node)
    owner = node
    while isinstance(owner, ast.Attribute | ast.Subscript):
        if isinstance(owner, ast.Subscript) and not isinstance(owner.slice, ast.Name | ast.Constant):
            return ""
        owner = owner.value
    return ast.unparse(node) if isinstance(owner, ast.Name) else ""


def _bare(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Attribute) and node.attr == "data" else node


def with_itself(
    engine: Engine, names: Scope, pairs: list[tuple[ast.expr, ast.expr]], learned: Container[int]
) -> Told | None:
    """What is to be said of a comparison of two names for the same elements of a memory that a pass reached; None for any
    other. `learned`: such memory, by its identity.
    """
    for left, right in pairs:
        left, right = _bare(left), _bare(right)
        first, second = _path(left), _path(right)
        # Two parameters of modules that are one are tied, which may be what is asked.
        if first == second or (isinstance(left, ast.Attribute) and isinstance(right, ast.Attribute)):
            continue
        values: list[Any] = [names.at(left), names.at(right)]
        if any(engine.kind(each) != "tensor" for each in values):
            continue
        memory = engine.memory(values[0])
        if memory is not engine.memory(values[1]) or id(memory) not in learned:
            continue
        if engine.walk(values[0]) == engine.walk(values[1]):
            return Told(
                "TSC-H037",
                f"{first} and {second} are one memory, and equal whatever was written into it: neither is a copy.",
                (first, second),
            )
    return None


def into_itself(
    engine: Engine, tensor: Any, memory: Any, inputs: Sequence[Any], learned: Container[int]
) -> Told | None:
    """What is to be said of a method that writes a memory that a pass reached, and computes from it under another name; None for
    any other write.
    """
    other = inputs[1]
    if id(memory) not in learned or other is tensor or engine.kind(other) != "tensor":
        return None
    node = current_node() if engine.memory(other) is memory else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
        return None
    target: ast.expr = node.func.value
    while isinstance(target, ast.Call) and isinstance(target.func, ast.Attribute):
        target = target.func.value
    first, second = _path(target), _path(node.args[0])
    roots = first.partition("[")[0], second.partition("[")[0]
    if not first or not second or roots[0] == roots[1] or engine.walk(tensor) != engine.walk(other):
        return None
    return Told(
        "TSC-H037",
        f"{first} and {second} are one memory: it is updated with itself, and neither is a copy.",
        (first, second),
    )
