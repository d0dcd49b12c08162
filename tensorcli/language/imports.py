"""Imports of what a script has not, and what can go with them: pictures, progress bars, an environment that is set.

Of modules that only show something the calls go too, where their arguments do nothing else. Anything else that needs such a
module keeps it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.language.check import has_module
from tensorcli.language.classes import Replaced, around, is_dataclass, shares_a_line

_SHOWING = frozenset("matplotlib seaborn plotly tqdm tensorboard tensorboardX wandb IPython".split())
"""Modules that show what a script does, and give nothing that it goes on with."""
_COUNTING = ("tqdm", "tqdm.tqdm")
"""Calls that give the items of their first argument, and show how many are done."""
_READING = frozenset(
    "item detach numpy cpu tolist float int str len range list zip enumerate min max sum mean format".split()
)
"""Calls that an argument may have: they change nothing."""


def without_imports(tree: ast.Module, lines: list[str]) -> list[Replaced] | None:
    """The lines of imports that a script has not, of statements that only show something with them or prepare a place to run, and
    of loops under a progress bar, with what stands there instead: nothing, or the loop over the items themselves. None where
    the names are used in another way.
    """
    found: dict[int, ast.stmt] = {}
    showing: set[str] = set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in _lacking(node):
            found[id(node)] = node
            name = alias.asname or alias.name.partition(".")[0]
            names.add(name)
            module = alias.name if isinstance(node, ast.Import) else node.module or ""
            if module.partition(".")[0] in _SHOWING:
                showing.add(name)
    bare: list[ast.Call] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.Assign) and (_only_shows(node, showing) or _prepares(node, names)):
            found[id(node)] = node
        elif isinstance(node, ast.For | ast.comprehension) and _counts(node.iter, showing):
            bare.append(node.iter)  # type: ignore[arg-type]
    gone = {id(each) for node in found.values() for each in ast.walk(node)}
    bare = [call for call in bare if id(call) not in gone]
    gone.update(id(each) for call in bare for each in ast.walk(call.func))
    # What makes a class of data goes with the class.
    data = [node for node in ast.walk(tree) if is_dataclass(node)]
    gone.update(id(each) for node in data for each in _makes_data(node))
    used = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names)
    if any(id(node) not in gone for node in used) or any(
        shares_a_line(node, lines) for node in found.values()
    ):
        return None
    if any(call.lineno != call.end_lineno for call in bare):
        return None
    return [*_dropped(tree, found, lines), *(_bare(call, lines) for call in bare)]


def _makes_data(node: ast.AST) -> Iterator[ast.AST]:
    """What of a class of data names the module that makes it one: its decorator, and what stands for the fields' defaults."""
    assert isinstance(node, ast.ClassDef)
    for each in node.decorator_list:
        yield from ast.walk(each)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.value, ast.Call):
            yield from ast.walk(item.value.func)


def _lacking(node: ast.Import | ast.ImportFrom) -> list[ast.alias]:
    """What an import names of modules that a script has not."""
    if isinstance(node, ast.ImportFrom):
        return [] if node.level or has_module(node.module or "torch") else node.names
    return [alias for alias in node.names if not has_module(alias.name)]


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _only_shows(node: ast.Expr | ast.Assign, showing: set[str]) -> bool:
    """Whether a statement calls what only shows something, with arguments that do nothing else."""
    if (
        not isinstance(node, ast.Expr)
        or not isinstance(node.value, ast.Call)
        or _root(node.value) not in showing
    ):
        return False
    for each in ast.walk(node.value):
        if isinstance(each, ast.NamedExpr | ast.Await | ast.Yield | ast.Lambda):
            return False
        if isinstance(each, ast.Call) and _root(each) not in showing:
            name = each.func.attr if isinstance(each.func, ast.Attribute) else _root(each)
            if name not in _READING:
                return False
    return True


def _prepares(node: ast.Expr | ast.Assign, names: set[str]) -> bool:
    """Whether a statement is `os.environ['NAME'] = 'VALUE'`, or makes a directory."""
    match node:
        case ast.Assign(
            targets=[ast.Subscript(value=ast.Attribute(value=ast.Name(id="os"), attr="environ"))],
            value=ast.Constant(),
        ):
            return "os" in names
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id="os"), attr="makedirs" | "mkdir"), args=[ast.Constant()]
            )
        ):
            return "os" in names  # what is saved is kept in the session, under any name
    return False


def _counts(node: ast.expr, showing: set[str]) -> bool:
    """Whether a loop goes over the items of something under a progress bar."""
    return (
        isinstance(node, ast.Call)
        and bool(node.args)
        and _root(node) in showing
        and ast.unparse(node.func) in _COUNTING
    )


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
                indent = around(node, lines)[0] if instead else ""
                yield Replaced(node.lineno, node.end_lineno or node.lineno, indent + instead)


def _kept(node: ast.stmt) -> str:
    """The import of those modules that a script has, where a statement imports others too."""
    kept = [alias for alias in node.names if has_module(alias.name)] if isinstance(node, ast.Import) else []
    return ast.unparse(ast.Import(kept)) if kept else ""


def _bare(call: ast.Call, lines: list[str]) -> Replaced:
    """The line of a call with its first argument in its place."""
    before, behind = around(call, lines)
    return Replaced(call.lineno, call.lineno, f"{before}{ast.unparse(call.args[0])}{behind}")
