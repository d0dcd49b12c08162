"""`x > 1 & x < 3`: what binds more tightly than was meant, found by reading the comparison without its parentheses."""

from __future__ import annotations

import ast
from typing import Final

from tensorcli.explorer.trees import holds
from tensorcli.explorer.why.case import Case, Story

SIGNS: Final = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
"""The operators that compare, of those that go element by element."""
CONDITIONS: Final = ast.If | ast.While | ast.Assert | ast.IfExp
_JOINS: Final = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}
"""The operators that join conditions element by element, and bind more tightly than those that compare."""


def precedence(case: Case) -> Story | None:
    """The story of a comparison one of whose operands is joined to the next by `&`, where it is evaluated with the comparisons
    first; None for any other.
    """
    failed = case.node()
    for node in ast.walk(case.inner):
        if not isinstance(node, ast.Compare) or not (holds(node, failed) or holds(failed, node)):
            continue
        parts = _joined(case, node)
        if parts is None:
            continue
        text, sign, first = parts
        value = case.tensor(ast.parse(text, mode="eval").body, like=node)
        if value is None:
            continue
        story = Story(f"{sign} binds more tightly than a comparison: {first} is computed first.")
        story.events = [
            case.raised(f"the parentheses of {first} are not written, and are there all the same")
        ]
        asked = any(isinstance(each, CONDITIONS) and each.test is node for each in ast.walk(case.inner))
        story.proposals = [
            case.changed([(node, new)], f"each comparison in parentheses of its own{note}")
            for new, note in (
                ((f"({text}).all()", "; true where all are"), (f"({text}).any()", "; true where any is"))
                if asked and case.engine.look(value).numel > 1
                else ((text, ""),)
            )
        ]
        return story
    return None


def _joined(case: Case, node: ast.Compare) -> tuple[str, str, str] | None:
    """Of `a > 1 & b < 3`: `(a > 1) & (b < 3)`, the sign, and `1 & b`. None where nothing is joined, or not by one sign."""
    signs = [SIGNS.get(type(each)) for each in node.ops]
    operands = [node.left, *node.comparators]
    joining = [each for each in operands if isinstance(each, ast.BinOp) and type(each.op) in _JOINS]
    if not joining or None in signs or case.text_of(node).count("(") != ast.unparse(node).count("("):
        return None  # parentheses that need not be there are meant
    conditions: list[str] = []
    now = ""
    for place, each in enumerate(operands):
        pieces = [case.text_of(part) for part in _pieces(each)]
        first, *rest = pieces
        now += first
        for piece in rest:
            conditions.append(now)
            now = piece
        if place < len(signs):
            now += f" {signs[place]} "
    conditions.append(now)
    used = {_JOINS[type(each.op)] for joined in joining for each in _joins(joined)}
    if len(used) != 1:
        return None
    (sign,) = used
    written = [f"({each})" if any(f" {one} " in each for one in signs) else each for each in conditions]
    return f" {sign} ".join(written), sign, case.text_of(joining[0])


def _joins(node: ast.expr) -> list[ast.BinOp]:
    if not isinstance(node, ast.BinOp) or type(node.op) not in _JOINS:
        return []
    return [*_joins(node.left), node, *_joins(node.right)]


def _pieces(node: ast.expr) -> list[ast.expr]:
    """`1` and `x` of `1 & x`."""
    if not isinstance(node, ast.BinOp) or type(node.op) not in _JOINS:
        return [node]
    return [*_pieces(node.left), *_pieces(node.right)]
