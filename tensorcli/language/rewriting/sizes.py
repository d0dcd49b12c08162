"""`len(memory)` of an object of a plain class becomes a method that is called: `memory.length()`.

It stays as it is where the object may be asked for its length unseen: where it is handed on, tested, or bound to a name that
stands for something else as well.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tensorcli.language.rewriting.classes import Replaced
from tensorcli.language.rewriting.data import ABSTRACT, parents_of
from tensorcli.language.scopes import bound_by

METHOD = "length"


def with_lengths(tree: ast.Module, lines: list[str]) -> list[Replaced]:
    """The lines of a text that change where `__len__` of its plain classes is a method of another name."""
    parents = parents_of(tree)
    new = dict[int, str]()
    for node in ast.walk(tree):
        method = _length_of(node)
        if not isinstance(node, ast.ClassDef) or method is None or _has(METHOD, tree):
            continue
        asked = _asked(node, tree, parents)
        if asked is None:
            continue
        changes = Counter(
            (line, rf"\blen\(\s*{re.escape(path)}\s*\)", f"{path}.{METHOD}()") for line, path in asked
        )
        changes[method.lineno, r"\bdef\s+__len__\b", f"def {METHOD}"] = 1
        for (line, wanted, instead), times in changes.items():
            new[line], found = re.subn(wanted, instead, new.get(line, lines[line - 1]))
            if found != times:
                return []  # a call of several lines, or a text that says the same
    return [Replaced(line, line, text) for line, text in new.items()]


def _length_of(node: ast.AST) -> ast.FunctionDef | None:
    """The `__len__` of a plain class."""
    if not isinstance(node, ast.ClassDef):
        return None
    plain = all(ast.unparse(each) in ("object", *ABSTRACT) for each in node.bases)
    methods = (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__len__")
    return next(methods, None) if plain else None


def _has(attribute: str, tree: ast.Module) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr == attribute for each in ast.walk(tree))


def _asked(node: ast.ClassDef, tree: ast.Module, parents: dict[int, ast.AST]) -> list[tuple[int, str]] | None:
    """The places where an object of a class is asked for its length, with the name that it has there; None where it may be asked
    in others.
    """
    made = [
        each for each in ast.walk(tree) if isinstance(each, ast.Call) and ast.unparse(each.func) == node.name
    ]
    holders = [parents[id(each)] for each in made]
    if not all(isinstance(each, ast.Assign) and len(each.targets) == 1 for each in holders):
        return None
    targets = [each.targets[0] for each in holders if isinstance(each, ast.Assign)]
    paths = {ast.unparse(each) for each in targets}
    if not all(re.fullmatch(r"(self\.)?\w+", path) for path in paths):
        return None
    bound = {id(each) for each in ast.walk(tree) if paths & _binds(each)}
    if bound != {id(each) for each in targets}:
        return None
    found = []
    for each in (*_named(tree, paths), *_named(node, {"self"})):
        path, place = ast.unparse(each), parents[id(each)]
        if id(each) in bound:
            continue
        if path not in (*paths, "self"):
            return None  # the same attribute of something else
        if isinstance(place, ast.Call) and ast.unparse(place) == f"len({path})":
            found.append((_line(place, parents), path))
        elif not isinstance(place, ast.Attribute):
            return None
    return found


def _named(tree: ast.AST, paths: set[str]) -> Iterator[ast.expr]:
    """Where one of these names stands, or an attribute that is named as one of `self`."""
    for each in ast.walk(tree):
        of_self = isinstance(each, ast.Attribute) and f"self.{each.attr}" in paths
        if isinstance(each, ast.Name | ast.Attribute) and (of_self or getattr(each, "id", "") in paths):
            yield each


def _binds(node: ast.AST) -> set[str]:
    """The names that a node binds, attributes as those of `self`."""
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.Attribute):
        return set() if isinstance(node.ctx, ast.Load) else {f"self.{node.attr}"}
    return set(bound_by(node))


def _line(node: ast.expr, parents: dict[int, ast.AST]) -> int:
    """The line of an expression; within a text that is formatted that of the text, for its own is not told."""
    line, place = node.lineno, parents.get(id(node))
    while isinstance(place, ast.expr | ast.keyword):
        if isinstance(place, ast.JoinedStr):
            line = place.lineno
        place = parents.get(id(place))
    return line
