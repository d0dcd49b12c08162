"""The parts of an expression: where its operands stand in the tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any


def parts(tree: ast.AST) -> Iterator[tuple[Any, str, int | None, ast.expr]]:
    """The operands of an expression: parent, field, position in it, tree."""
    if isinstance(tree, ast.BinOp):
        yield tree, "left", None, tree.left
        yield tree, "right", None, tree.right
    elif isinstance(tree, ast.AugAssign):
        yield tree, "target", None, readable(tree.target)
        yield tree, "value", None, tree.value
    elif isinstance(tree, ast.UnaryOp):
        yield tree, "operand", None, tree.operand
    elif isinstance(tree, ast.Compare) and len(tree.comparators) == 1:
        yield tree, "left", None, tree.left
        yield tree, "comparators", 0, tree.comparators[0]
    elif isinstance(tree, ast.Subscript):
        yield tree, "value", None, tree.value
        yield tree, "slice", None, tree.slice
    elif isinstance(tree, ast.Attribute):
        yield tree, "value", None, tree.value
    elif isinstance(tree, ast.Call):
        function = tree.func
        if isinstance(function, ast.Attribute) and not _is_module(function.value):
            yield function, "value", None, function.value
        for number, argument in enumerate(tree.args):
            if not isinstance(argument, ast.Starred):
                yield tree, "args", number, argument
        for keyword in tree.keywords:
            yield keyword, "value", None, keyword.value
    elif isinstance(tree, ast.Name):
        return


def _is_module(tree: ast.expr) -> bool:
    while isinstance(tree, ast.Attribute):
        tree = tree.value
    return isinstance(tree, ast.Name) and tree.id in ("torch", "np", "numpy", "copy", "math", "F", "nn")


def readable(target: ast.expr) -> ast.expr:
    """A target of an assignment as an expression."""
    import copy

    found = copy.deepcopy(target)
    for node in ast.walk(found):
        if hasattr(node, "ctx"):
            node.ctx = ast.Load()
    return found
