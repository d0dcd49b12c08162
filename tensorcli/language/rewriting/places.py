"""Where a statement stands in the lines of its text, and what strings are in it."""

from __future__ import annotations

import ast


def around(node: ast.expr | ast.stmt, lines: list[str]) -> tuple[str, str]:
    """What stands before a node on its first line, and behind it on its last."""
    last = node.end_lineno or node.lineno
    before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
    return before, lines[last - 1].encode()[node.end_col_offset or 0 :].decode()


def shares_a_line(node: ast.stmt, lines: list[str]) -> bool:
    """Whether another statement stands on a line of this one."""
    before, behind = around(node, lines)
    return bool(before.strip()) or bool(behind.partition("#")[0].strip())


def has_text_of_lines(node: ast.AST) -> bool:
    """Whether a string in it has lines, which would be moved with it."""
    texts = (each for each in ast.walk(node) if isinstance(each, ast.Constant | ast.JoinedStr))
    return any(each.end_lineno != each.lineno for each in texts)


def is_text(node: ast.stmt) -> bool:
    """Whether it is a constant alone, such as a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
