"""Commands that turn a session into text."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tensorcli.explorer.results import Code
from tensorcli.language.syntax import CommandCall, Invocation, walk

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.session import Session

HEADER = "import copy\nimport math\n\nimport numpy as np\nimport torch\n"


def code(session: Session, invocation: Invocation) -> Code:
    """The journal in Python, with `torch.` where it was left out; commands of the explorer as comments."""
    lines = [HEADER, f"torch.manual_seed({session.seed})", f"np.random.seed({session.seed})"]
    bound: set[str] = set()
    for record in session.journal:
        bound |= _bound(record.statement.tree)
        lines.append(_python(session, record, bound))
    return Code("\n".join(lines) + "\n")


def _bound(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found


def _python(session: Session, record: Record, bound: set[str]) -> str:
    statement = record.statement
    if any(isinstance(node, CommandCall) for node in walk(statement.tree)):
        return "\n".join(f"# {line}" for line in statement.source.split("\n"))
    builtins = session.evaluator.builtins.table
    bare = {
        node.id
        for node in ast.walk(statement.tree)
        if isinstance(node, ast.Name)
        and node.id not in bound
        and node.id not in builtins
        and node.id not in ("torch", "np", "numpy", "copy", "math")
        and node.id in session.bare
    }
    text = statement.source
    if statement.form == "command" or bare or not _parses(text):
        text = ast.unparse(ast.fix_missing_locations(_Qualify(bare).visit(_copy(statement.tree))))
    if record.outcome:
        text = "\n".join(
            ["try:", *("    " + line for line in text.split("\n")), "except Exception:", "    pass"]
        )
    return text


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _copy(tree: ast.stmt) -> ast.stmt:
    import copy

    return copy.deepcopy(tree)


class _Qualify(ast.NodeTransformer):
    """Writes `torch.` before the names that stood for torch's."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.names and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Attribute(ast.Name("torch", ast.Load()), node.id, ast.Load()), node)
        return node
