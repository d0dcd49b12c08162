"""Properties that only read, as methods that are called: `meter.avg` is written `meter.avg()`, wherever the text reads it.

Each line keeps its number. A property stays one where its name may be that of something else: of what a tensor or a module has,
of an attribute that is set, of a field or an option; a class with one has no function then.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence

from tensorcli.language.rewriting.classes import Replaced
from tensorcli.language.scopes import bound_anywhere


def with_methods(tree: ast.Module, lines: list[str], kinds: Sequence[type]) -> list[Replaced]:
    """The lines of a text that change where its properties are methods. kinds: what else has attributes in it."""
    found = _properties(tree)
    if not found:
        return []
    found = {
        name: node
        for name, node in found.items()
        if not (any(hasattr(kind, name) for kind in kinds) or _is_another(name, tree))
    }
    reads = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in found]
    new = dict[int, str]()
    for node in sorted(
        reads, key=lambda each: (each.end_lineno or 0, each.end_col_offset or 0), reverse=True
    ):
        last = node.end_lineno or node.lineno
        line = new.get(last, lines[last - 1]).encode()
        before, behind = line[: node.end_col_offset].decode(), line[node.end_col_offset :].decode()
        if not before.endswith(f".{node.attr}") or behind.startswith("()"):
            return []  # a place within a text that is formatted, which is not told
        new[last] = f"{before}(){behind}"
    for method in found.values():
        at = method.decorator_list[0].lineno
        if lines[at - 1].strip() != "@property":
            return []
        new[at] = ""
    return [Replaced(at, at, text) for at, text in new.items()]


def _properties(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The properties of a text, by their names, but for those whose name another method has too."""
    methods = [
        item
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.FunctionDef)
    ]
    counted = Counter(each.name for each in methods)
    return {
        each.name: each
        for each in methods
        if [ast.unparse(one) for one in each.decorator_list] == ["property"] and counted[each.name] == 1
    }


def _is_another(name: str, tree: ast.Module) -> bool:
    """Whether a name may be that of something else than the property."""
    if name[0] == "_":
        return True
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attribute, ctx=ast.Store() | ast.Del()) if attribute == name:
                return True
            case ast.keyword(arg=given) if given == name:
                return True
            case ast.ClassDef(body=items) if any(name in _bound(item) for item in items):
                return True
            case ast.Call(args=given) if any(
                isinstance(each, ast.Constant) and isinstance(each.value, str) and name in _words(each.value)
                for argument in given
                if not isinstance(argument, ast.JoinedStr)
                for each in ast.walk(argument)
            ) and ast.unparse(node.func).rpartition(".")[2] not in ("print", "format"):
                return True
            case ast.Constant(value=text) if text == name:
                return True
    return False


def _bound(item: ast.stmt) -> set[str]:
    """The names that a statement binds, where it is not a function."""
    return set() if isinstance(item, ast.FunctionDef) else bound_anywhere(item)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").replace("-", " ").split()
