"""The language has no generators: a function that yields becomes one that gives the list of all that it would yield.

That means the same where all of it is gone through, and where it does not matter that it is made before the first part is used:
nothing is drawn or written on the way.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tensorcli.language.rewriting.data import parents_of
from tensorcli.language.rewriting.items import is_random
from tensorcli.language.rewriting.places import has_text_of_lines, shares_a_line
from tensorcli.language.scopes import bound_anywhere, within
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS

_TAKING = frozenset("list tuple enumerate zip sorted set dict sum max min tqdm".split())
"""What goes through all that it is given."""
_ENDLESS = frozenset("count cycle repeat iter next".split())
_ACTING = frozenset("forward step backward reset act push send print".split())
"""Methods that change, or go by, what others change as well."""


def as_lists(tree: ast.Module, lines: list[str]) -> list[tuple[ast.FunctionDef, str]]:
    """The functions of a text that yield, each with what can stand in its place; without those where nothing can."""
    parents = parents_of(tree)
    return [
        (node, _as_list(node, lines))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(map(_yields, within(node.body)))
        and not shares_a_line(node, lines)
        and not has_text_of_lines(node)
        and _goes_on(node)
        and all(_is_gone_through(each, parents) for each in _named(node.name, tree))
    ]


def _yields(node: ast.AST) -> bool:
    return isinstance(node, ast.Yield | ast.YieldFrom)


def _named(name: str, tree: ast.AST) -> Iterator[ast.Name]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.Name) and each.id == name)


def _is_gone_through(name: ast.Name, parents: dict[int, ast.AST]) -> bool:
    """Whether a function is called where its name stands, and all that it gives is gone through there."""
    call = parents[id(name)]
    if not isinstance(call, ast.Call) or call.func is not name:
        return False
    match place := parents[id(call)]:
        case ast.For(iter=items) | ast.comprehension(iter=items):
            return items is call
        case ast.Call(func=ast.Name(id=taking)) if taking in _TAKING:
            around = parents[id(place)]
            lazy = taking in ("enumerate", "zip", "tqdm")
            return not lazy or isinstance(around, ast.For | ast.comprehension) or _takes(around)
    return False


def _takes(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TAKING


def _goes_on(function: ast.FunctionDef) -> bool:
    """Whether it does not matter when a function runs: it ends, draws nothing between two values, and writes nothing."""
    nodes = list(within(function.body))
    statements = {id(each.value) for each in nodes if isinstance(each, ast.Expr)}
    if function.decorator_list or any(_yields(each) and id(each) not in statements for each in nodes):
        return False
    for node in nodes:
        match node:
            case ast.While(test=ast.Constant()) | ast.Global() | ast.Nonlocal() | ast.With() | ast.Try():
                return False
            case ast.Return(value=ast.expr()):
                return False
            case ast.AugAssign(target=target) if not _counts(target, nodes):
                return False
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                return False
            case ast.FunctionDef():
                return False
    calls = [each.func for each in ast.walk(function) if isinstance(each, ast.Call)]
    loops = [each for each in nodes if isinstance(each, ast.For | ast.While)]
    inner = [each for loop in loops if any(map(_yields, ast.walk(loop))) for each in ast.walk(loop)]
    drawn = any(isinstance(each, ast.Call) and is_random(ast.unparse(each.func)) for each in inner)
    return all(map(_is_harmless, calls)) and not drawn


def _counts(target: ast.AST, nodes: list[ast.AST]) -> bool:
    """Whether a name is a number that was written down, and is counted on."""
    return isinstance(target, ast.Name) and any(
        isinstance(each, ast.Assign)
        and ast.unparse(each.targets[0]) == target.id
        and isinstance(each.value, ast.Constant)
        for each in nodes
    )


def _is_harmless(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in BUILTIN_FUNCTIONS and called.id not in _ENDLESS | _ACTING
    if not isinstance(called, ast.Attribute):
        return False
    in_place = called.attr.endswith("_")
    return not in_place and called.attr not in _ENDLESS | _ACTING


def _as_list(function: ast.FunctionDef, lines: list[str]) -> str:
    """The text of a function that gives a list."""
    name = next(each for each in ("given", "given_", "all_given") if each not in bound_anywhere(function))
    own = list(lines[function.lineno - 1 : function.end_lineno])
    indent = " " * function.body[0].col_offset
    # From behind, so that what stands before keeps its place.
    nodes = (each for each in within(function.body) if isinstance(each, ast.Return | ast.Expr))
    for node in sorted(nodes, key=lambda each: each.lineno, reverse=True):
        at = node.lineno - function.lineno
        if isinstance(node, ast.Return):
            own[at] = re.sub(r"\breturn\b", f"return {name}", own[at], count=1)
        elif isinstance(node.value, ast.Yield | ast.YieldFrom):
            value = node.value.value
            text = "None" if value is None else ast.unparse(value)
            method = "extend" if isinstance(node.value, ast.YieldFrom) else "append"
            last = (node.end_lineno or node.lineno) - function.lineno
            before = own[at].encode()[: node.col_offset].decode()
            behind = own[last].encode()[node.end_col_offset or 0 :].decode()
            own[at : last + 1] = [f"{before}{name}.{method}({text}){behind}"]
    first = function.body[0].lineno - function.lineno
    own.insert(first, f"{indent}{name} = []")
    own.append(f"{indent}return {name}")
    return "\n".join(own)
