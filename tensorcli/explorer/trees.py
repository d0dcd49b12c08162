"""Questions about the tree of a statement or an expression: what it binds, reads, calls, and writes into."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from tensorcli.explorer.names import path_root
from tensorcli.language.syntax import Span, in_order

MODULES: Final = ("torch", "F", "nn.functional", "torch.nn.functional", "torch.special")
"""Where functions stand, and no tensors' methods."""
ATOMS: Final = ast.Name | ast.Call | ast.Attribute | ast.Subscript
"""Expressions that hold together without parentheses: `.name` can be added to them. Beside an operator, constants do too."""


def atom(node: ast.expr, text: str) -> str:
    """The text of an expression, to which `.name` can be added."""
    return text if isinstance(node, ATOMS) else f"({text})"


def term(node: ast.expr, text: str) -> str:
    """The text of an expression, beside which an operator can stand."""
    return text if isinstance(node, ATOMS | ast.Constant) else f"({text})"


def segment(text: str, node: ast.AST) -> str | None:
    """What a node of a parsed text stands for in it, as typed; None of one without a place. Its columns count
    characters, and those of Python's own parser bytes: `ast.get_source_segment` is for that one's nodes.
    """
    ends = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
    if ends[0] is None or ends[1] is None:
        return None
    return Span(node.lineno, node.col_offset, ends[0], ends[1]).text(text) or None  # type: ignore[attr-defined]


def holds(tree: ast.AST, node: ast.AST) -> bool:
    """Whether a node stands within a tree."""
    return any(each is node for each in in_order(tree))


def statement_around(tree: ast.AST, node: ast.AST) -> ast.stmt:
    """The innermost statement of a tree in which a node stands. Errors: IndexError where none does."""
    # What is in order goes from the outside to the inside.
    return [each for each in in_order(tree) if isinstance(each, ast.stmt) and holds(each, node)][-1]


def called_name(node: ast.AST | None) -> str:
    """`backward` of the call `loss.backward()`; empty where a computed function is called, and for what is not a call."""
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def receiver_of(node: ast.AST | None) -> ast.expr | None:
    """`x` of the call `x.item()`; None where no attribute is called, and for what is not a call."""
    function = node.func if isinstance(node, ast.Call) else None
    return function.value if isinstance(function, ast.Attribute) else None


def calls_in(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """The calls within a tree, from the outside to the inside: those of methods and functions of these names, where any are
    given.
    """
    for node in in_order(tree):
        if isinstance(node, ast.Call) and (not names or called_name(node) in names):
            yield node


def asks_for_grad(node: ast.stmt, name: str) -> bool:
    """Whether a statement is `x.requires_grad = True` or `x.requires_grad_()`."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        target = node.targets[0]
        return target.attr == "requires_grad" and ast.unparse(target.value) == name
    call = node.value if isinstance(node, ast.Expr) else None
    receiver = receiver_of(call) if called_name(call) == "requires_grad_" else None
    return receiver is not None and ast.unparse(receiver) == name


def operand_of(call: ast.Call) -> ast.expr:
    """`x` of `x.argmax(1)` and of `torch.argmax(x, 1)`."""
    assert isinstance(call.func, ast.Attribute)
    owner = call.func.value
    return call.args[0] if call.args and ast.unparse(owner) in MODULES else owner


def has_pass(tree: ast.AST) -> bool:
    """Whether a statement runs a backward pass."""
    return any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in in_order(tree))


def differentiates(tree: ast.AST) -> bool:
    """Whether a statement calls `backward()` or `grad()`."""
    return any(called_name(node) in ("backward", "grad") for node in ast.walk(tree))


def root_name(node: ast.AST | None) -> str | None:
    """`x` of `x[0].data`."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def one_line(source: str) -> str:
    """The first line of a statement."""
    first, _, rest = source.partition("\n")
    return f"{first} …" if rest else first


def unbroken(text: str) -> str:
    """A sentence with expressions in it that stand on several lines, on one."""
    return re.sub(r"\s*\n\s*([.)\]]?)", lambda found: found[1] or " ", text)


def stored(tree: ast.AST) -> set[str]:
    """The names that a statement binds."""
    return {
        node.id for node in in_order(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def leading(body: Sequence[ast.stmt], wanted: set[str]) -> list[int]:
    """The places of the assignments that lead from the first of these statements to some names, in order."""
    made: set[str] = set()
    chosen: list[int] = []
    for at, each in enumerate(body):
        if isinstance(each, ast.Assign) and (not at or loaded(each) & made):
            chosen.append(at)
            made |= stored(each)
    needed, found = set(wanted), list[int]()
    for at in reversed(chosen):
        if stored(body[at]) & needed:
            found.append(at)
            needed |= loaded(body[at])
    return found[::-1]


def binds(tree: ast.AST, name: str) -> bool:
    """Whether a statement binds a name, or an item by its path."""
    if name.isidentifier():
        return name in stored(tree)
    return path_root(name) in stored(tree) or any(
        isinstance(node, ast.Subscript | ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node) == name
        for node in in_order(tree)
    )


def loaded(tree: ast.AST) -> set[str]:
    """The names that a statement reads."""
    found = {
        node.id for node in in_order(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return found | {
        node.target.id
        for node in in_order(tree)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)
    }


def in_place_nodes(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.AST]]:
    """Every write of a statement: what is written into, and the node that writes."""
    for node in in_order(tree):
        found = write_target(node, deep=False)
        if found is not None:
            yield found


def write_target(tree: ast.AST, deep: bool = True) -> tuple[ast.expr, ast.AST] | None:
    """What a node writes into in place, and the node."""
    if isinstance(tree, ast.Expr) and deep:
        return write_target(tree.value)
    if isinstance(tree, ast.Attribute) and tree.attr.endswith("_") and not tree.attr.endswith("__"):
        return (tree.value, tree) if deep else None
    if isinstance(tree, ast.AugAssign):
        return tree.target, tree
    if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Subscript):
        return tree.targets[0].value, tree
    receiver, name = receiver_of(tree), called_name(tree)
    if receiver is not None and name.endswith("_") and not name.endswith("__"):
        return receiver, tree
    if deep and isinstance(tree, ast.stmt):
        return next(in_place_nodes(tree), None)
    return None
