"""Imports of what a script has not, and the statements that go with them: pictures, progress bars, files, printed times."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.language.check import has_module
from tensorcli.language.classes import Replaced

_TRANSPARENT = {"tqdm", "tqdm.tqdm"}
"""Calls that give the items of their first argument, and show how many are done."""


def without_imports(tree: ast.Module, lines: list[str]) -> list[Replaced] | None:
    """The lines of imports that a script has not, of the statements that only call what they bring, and of the loops over such
    calls, with what stands there instead: nothing, or the loop over the items themselves. None where the names are used in
    another way.
    """
    found: dict[int, ast.stmt] = {}
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and (lacking := _lacking(node)):
            found[id(node)] = node
            names.update(alias.asname or alias.name.partition(".")[0] for alias in lacking)
    bare: list[ast.Call] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.Assign) and _only_calls(node, names):
            found[id(node)] = node
        elif (
            isinstance(node, ast.Call)
            and node.args
            and ast.unparse(node.func) in _TRANSPARENT
            and _root(node) in names
        ):
            bare.append(node)
    gone = {id(each) for node in found.values() for each in ast.walk(node)}
    bare = [call for call in bare if id(call) not in gone]
    gone.update(id(each) for call in bare for each in ast.walk(call.func))
    used = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names)
    if any(id(node) not in gone for node in used) or any(
        _shares_a_line(node, lines) for node in found.values()
    ):
        return None
    return [*_dropped(tree, found, lines), *(_bare(call, lines) for call in bare)]


def _lacking(node: ast.Import | ast.ImportFrom) -> list[ast.alias]:
    """What an import names of modules that a script has not."""
    if isinstance(node, ast.ImportFrom):
        return [] if node.level or has_module(node.module or "torch") else node.names
    return [alias for alias in node.names if not has_module(alias.name)]


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _only_calls(node: ast.Expr | ast.Assign, names: set[str]) -> bool:
    """Whether a statement only calls something of these names, or writes into it (`os.environ['A'] = '1'`)."""
    if isinstance(node, ast.Assign):
        return all(not isinstance(each, ast.Name) and _root(each) in names for each in node.targets)
    return isinstance(node.value, ast.Call) and _root(node.value) in names


def _shares_a_line(node: ast.stmt, lines: list[str]) -> bool:
    last = node.end_lineno or node.lineno
    before, after = lines[node.lineno - 1][: node.col_offset], lines[last - 1][node.end_col_offset or 0 :]
    return bool(before.strip()) or bool(after.partition("#")[0].strip())


def _dropped(tree: ast.Module, found: dict[int, ast.stmt], lines: list[str]) -> Iterator[Replaced]:
    """The statements taken out; where a block has no other, `pass` stands there."""
    for owner in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(owner, field, None)
            if not isinstance(block, list):
                continue
            out = [node for node in block if id(node) in found]
            for node in out:
                alone = len(out) == len(block) and node is out[0] and not isinstance(owner, ast.Module)
                instead = _kept(node) or ("pass" if alone else "")
                indent = lines[node.lineno - 1][: node.col_offset] if instead else ""
                yield Replaced(node.lineno, node.end_lineno or node.lineno, indent + instead)


def _kept(node: ast.stmt) -> str:
    """The import of those modules that a script has, where a statement imports others too."""
    kept = [alias for alias in node.names if has_module(alias.name)] if isinstance(node, ast.Import) else []
    return ast.unparse(ast.Import(kept)) if kept else ""


def _bare(call: ast.Call, lines: list[str]) -> Replaced:
    """The lines of a call with its first argument in its place."""
    first, last = call.lineno, call.end_lineno or call.lineno
    text = "\n".join(lines[first - 1 : last])
    inner = ast.get_source_segment("\n".join(lines), call.args[0]) or ""
    whole = ast.get_source_segment("\n".join(lines), call) or ""
    return Replaced(first, last, text.replace(whole, inner, 1))
