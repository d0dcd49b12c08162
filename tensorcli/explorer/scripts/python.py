"""The journal as a PyTorch script: `torch.` where it was left out, commands of the explorer as comments."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

from tensorcli.explorer.commands.registry import only_shows
from tensorcli.explorer.scripts.typed import Typed, commented, indented
from tensorcli.language.scopes import bound_anywhere
from tensorcli.language.syntax import CommandCall, walk

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.session import Session

IMPORTS = {
    "copy": "import copy",
    "math": "import math",
    "numpy": "import numpy",
    "np": "import numpy as np",
    "torch": "import torch",
}
"""The modules that are there without an import, in the order of the script's first lines."""
STANDARD = frozenset({"copy", "math"})


def python_script(session: Session) -> str:
    """The journal in Python. A statement that failed is tried, so that its effects are there."""
    lines: list[str] = []
    bound: set[str] = set()
    typed = Typed()
    for record in session.journal:
        bound |= bound_anywhere(record.statement.tree)
        lines.append(_python(session, record, bound, typed))
    return "\n".join([*_first_lines(session.seed, "\n".join(lines)), *lines]) + "\n"


def _first_lines(seed: int, body: str) -> list[str]:
    """The imports that a script needs, and the seeds of the generators that it has."""
    names = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)} | {"torch"}
    if "numpy" in body:  # it may be imported under another name
        names.add("np")
    standard = [line for name, line in IMPORTS.items() if name in names & STANDARD]
    others = [line for name, line in IMPORTS.items() if name in names - STANDARD]
    seeds = [f"torch.manual_seed({seed})", *([f"np.random.seed({seed % 2**32})"] if "np" in names else [])]
    return [*standard, *([""] if standard else []), *others, "", *seeds]


def _python(session: Session, record: Record, bound: set[str], typed: Typed) -> str:
    statement = record.statement
    text = typed.text(record)
    command = any(isinstance(node, CommandCall) for node in walk(statement.tree))
    if command or (record.outcome and only_shows(statement)):
        return commented(text)
    bare = bare_names(session, statement.tree, bound)
    if statement.form == "command" or bare or not _parses(text):
        text = qualified(statement.tree, bare)
    if record.outcome:
        text = f"try:\n{indented(text)}\nexcept Exception:\n    pass"
    return text


def bare_names(session: Session, tree: ast.AST, bound: set[str]) -> set[str]:
    """The names of a tree that stand for torch's."""
    builtins = session.evaluator.builtins.table
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
        and node.id not in bound
        and node.id not in builtins
        and node.id not in IMPORTS
        and node.id in session.bare
    }


def qualified(tree: ast.stmt, bare: set[str]) -> str:
    """The Python of a tree, with `torch.` before these names."""
    return ast.unparse(ast.fix_missing_locations(_Qualify(bare).visit(copy.deepcopy(tree))))


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


class _Qualify(ast.NodeTransformer):
    """Writes `torch.` before the names that stood for torch's."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.names and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Attribute(ast.Name("torch", ast.Load()), node.id, ast.Load()), node)
        return node
