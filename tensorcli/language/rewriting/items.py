"""Datasets as lists: whether items are the same each time, so that a list can be made once, and what else a text reads of a
dataset.
"""

from __future__ import annotations

import ast

from tensorcli.language.rewriting.data import NeedsClass, parents_of


def may_differ(methods: list[ast.FunctionDef], init: ast.FunctionDef | None, tree: ast.Module) -> bool:
    """Whether the items of a dataset may differ each time, or the text asks for what it holds, which a list does not have."""
    reads = {name for method in methods for name in _called(method)}
    if any(map(is_random, reads)) or "print" in reads or any(map(_changes_self, methods)):
        return True
    if any(map(_stored, methods)) or any(map(_writes, methods)) or any(map(_is_in_place, reads)):
        return True
    # What it calls of the text, or is given, may draw numbers as well.
    own = {id(each) for each in methods} | {id(init)}
    others = [each for each in _of_items(tree, reads) if id(each) not in own]
    defined = {each.name for each in others if isinstance(each, ast.FunctionDef)}
    held = {each.attr for each in _stored(init) if isinstance(each, ast.Attribute)} if init else set()
    draws = any(is_random(name) for function in others for name in _called(function))
    return draws and bool(reads & (defined | held))


def _writes(method: ast.FunctionDef) -> bool:
    """Whether a method has `x += 1`, which may write into what the dataset holds."""
    return any(isinstance(each, ast.AugAssign) for each in ast.walk(method))


def _is_in_place(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _called(tree: ast.AST) -> set[str]:
    """The names of the functions and methods that are called within a tree."""
    return {
        ast.unparse(each.func).rpartition(".")[2] for each in ast.walk(tree) if isinstance(each, ast.Call)
    }


def _stored(tree: ast.AST) -> list[ast.Attribute | ast.Subscript]:
    """The attributes and items that are set within a tree."""
    return [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store)
    ]


def _of_items(tree: ast.Module, reads: set[str]) -> list[ast.FunctionDef | ast.Lambda]:
    """The functions of a text that may run when an item is read: those that are handed on, or are the call of an object, those
    that methods call by their names, and what these call in their turn.
    """
    called = {id(each.func) for each in ast.walk(tree) if isinstance(each, ast.Call)}
    wanted = {"__call__", "forward", *reads} | {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(tree)
        if isinstance(each, ast.Name | ast.Attribute)
        and isinstance(each.ctx, ast.Load)
        and id(each) not in called
    }
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.Lambda)]
    found: list[ast.FunctionDef | ast.Lambda] = []
    waiting = [each for each in functions if isinstance(each, ast.Lambda) or each.name in wanted]
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        found.append(function)
        names = _called(function)
        waiting += [each for each in functions if isinstance(each, ast.FunctionDef) and each.name in names]
    return found


def read_of_items(node: ast.ClassDef, given: set[str], tree: ast.Module) -> list[str]:
    """What a text reads of a dataset, or of another object, by a name that the dataset has. Errors: NeedsClass, where it may
    change what the items are made of.
    """
    own = {id(each) for each in ast.walk(node)}
    held = {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "self"
    }
    held |= given | {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    parents = parents_of(tree)
    read = set[str]()
    for each in ast.walk(tree):
        if not isinstance(each, ast.Attribute) or id(each) in own or each.attr not in held:
            continue
        if ast.unparse(each.value) == "self" or hasattr(list, each.attr):
            continue
        if not isinstance(each.ctx, ast.Load) or not _only_looks(each, parents):
            raise NeedsClass
        if each.attr[0] == "_":
            raise NeedsClass
        read.add(each.attr)
    return sorted(read)


def _only_looks(node: ast.Attribute, parents: dict[int, ast.AST]) -> bool:
    """Whether what an attribute holds stays as it is in the place where it is read."""
    match place := parents[id(node)]:
        case ast.Call(func=ast.Name(id=name)):
            return name in (
                "len",
                "print",
                "range",
                "sorted",
                "min",
                "max",
                "sum",
                "enumerate",
                "zip",
                "str",
                "set",
            )
        case ast.Call(func=function):
            return function is node
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return name in ("shape", "size", "dtype", "items", "keys", "values", "get", "mean", "std")
        case ast.Subscript(ctx=ast.Load()):
            return not isinstance(parents[id(place)], ast.Attribute)
        case ast.FormattedValue() | ast.Compare() | ast.BinOp() | ast.UnaryOp():
            return True
    return False


_CHANGING = frozenset("append add setdefault update pop popitem extend insert remove clear".split())
"""Methods of containers that change them."""
_DRAWING = (
    "rand",
    "normal",
    "uniform",
    "bernoulli",
    "multinomial",
    "choice",
    "shuffle",
    "sample",
    "gauss",
    "dropout",
)
"""What stands in the names of functions that draw numbers."""


def _changes_self(method: ast.FunctionDef) -> bool:
    """Whether a method calls what changes a container or a tensor that its object holds."""
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and ast.unparse(each.func).startswith("self.")
        and (each.func.attr in _CHANGING or each.func.attr.endswith("_"))
        for each in ast.walk(method)
    )


def is_random(name: str) -> bool:
    """Whether a function of this name draws numbers."""
    return any(part in name.lower() for part in _DRAWING)
