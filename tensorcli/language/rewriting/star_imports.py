"""`from torch.nn import *`, which the language does not have: the imports that name what the text uses of the module."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable

from tensorcli.language.check import has_module
from tensorcli.language.rewriting.classes import Replaced
from tensorcli.language.rewriting.places import shares_a_line
from tensorcli.language.scopes import bound_anywhere


def with_names(
    tree: ast.Module, lines: list[str], offers: Callable[[str, str], bool]
) -> list[Replaced] | None:
    """What replaces each star import at the top of a text, where the names are those that the text reads, does not bind, and
    that `offers(module, name)` says the module has. None where a star import cannot be replaced so: of a module that a script
    has not, or beside another statement on its line.
    """
    stars = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    used = _unbound(tree)
    found = []
    for node in stars:
        module = node.module or ""
        if node.level or not has_module(module) or shares_a_line(node, lines):
            return None
        names = [name for name in used if offers(module, name)]
        text = f"from {module} import {', '.join(names)}" if names else ""
        found.append(Replaced(node.lineno, node.end_lineno or node.lineno, text))
    return found


def _unbound(tree: ast.Module) -> list[str]:
    """The names that a text reads, and that neither it nor Python binds, in the order of the alphabet."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound = bound_anywhere(tree) | {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return sorted(name for name in read - bound if not hasattr(builtins, name))
