"""Which expressions of a statement's text run which operator, as far as the text alone can say.

Where a statement calls a function of the script, or a loop runs an expression several times, the text cannot
say it, and nothing is answered.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator

BINARY = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
}
SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.AnnAssign)


def expressions_of(source: str, bound: Container[str]) -> dict[str, list[str]]:
    """By operator: the texts of the expressions that run it, in the order in which they run. `bound`: names of the
    script, which may be functions.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return {}
    if len(body) != 1 or not isinstance(body[0], SIMPLE):
        return {}
    tree = body[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda | ast.comprehension | ast.IfExp | ast.BoolOp | ast.NamedExpr):
            return {}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in bound:
            return {}
    found: dict[str, list[str]] = {}
    for node, operator in _operators(tree):
        text = ast.get_source_segment(source, node)
        if text is not None:
            found.setdefault(operator, []).append(" ".join(text.split()))
    return found


def _operators(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    for child in ast.iter_child_nodes(node):
        yield from _operators(child)
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        yield node, BINARY[type(node.op)]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node, "neg"
    elif isinstance(node, ast.Call):
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        yield node, name
