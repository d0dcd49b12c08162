"""Comparisons and averages of a memory with itself.

After `before = net.weight` and some steps, `torch.equal(before, net.weight)` compares one memory with itself, and
`mean['weight'].mul_(0.9).add_(net.weight)` changes the weight that it should remember.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Sequence
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
    """The pairs of names that a statement compares or subtracts, each as it is or by its `.data`: in what it prints, binds or
    asserts, behind no more than methods of the result. It is asked of each statement that runs, and walks no trees.
    """
    where = VALUES.get(type(statement))
    if where is None:
        return []
    value = getattr(statement, where)
    values = [value]
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print":
        values = value.args
    return [pair for pair in map(_pair, values) if pair is not None and all(map(_path, pair))]


def _pair(node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in CALLS and node.args:
            return (node.args[0], node.args[1]) if len(node.args) > 1 else (node.func.value, node.args[0])
        node = node.func.value
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return node.left, node.comparators[0]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        return node.left, node.right
    return None


def _path(node: ast.expr) -> str:
    """`w` of `w` and `w.data`, `before[name]` of an item; empty for anything else."""
    if isinstance(node, ast.Attribute) and node.attr == "data":
        node = node.value
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return ast.unparse(node) if isinstance(node.slice, ast.Name | ast.Constant) else ""
    return node.id if isinstance(node, ast.Name) else ""


def _value(names: Scope, node: ast.expr) -> Any:
    """What a path stands for."""
    if isinstance(node, ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        return names.get(node.id)
    assert isinstance(node, ast.Subscript)
    items, key = _value(names, node.value), node.slice
    place = names.get(key.id) if isinstance(key, ast.Name) else getattr(key, "value", None)
    if isinstance(items, dict) and isinstance(place, str | int):
        return items.get(place)
    held = isinstance(items, list | tuple) and isinstance(place, int) and -len(items) <= place < len(items)
    return items[place] if held else None


def with_itself(
    engine: Engine, names: Scope, pairs: list[tuple[ast.expr, ast.expr]], learned: Container[int]
) -> Told | None:
    """What is to be said of a comparison of two names for the same elements of a memory that a pass reached; None for any
    other. `learned`: such memory, by its identity.
    """
    for left, right in pairs:
        first, second = _path(left), _path(right)
        values: list[Any] = [_value(names, left), _value(names, right)]
        if first == second or any(engine.kind(each) != "tensor" for each in values):
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
