"""Imports of what a script has not, and what can go with them: pictures, progress bars, logs, questions to the environment.

Of modules that only show something the calls go too, where their arguments do nothing else, and the names that only stand for
what they make. Anything else that needs such a module keeps it.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator
from typing import Final

from tensorcli.language.check import LOGS, has_module
from tensorcli.language.classes import Replaced
from tensorcli.language.data import fields_are_all, names_of_kinds
from tensorcli.language.places import around, shares_a_line
from tensorcli.language.scopes import within
from tensorcli.language.standard import TYPING

_SHOWING = frozenset("matplotlib seaborn plotly tqdm tensorboard tensorboardX wandb IPython logging".split())
"""Modules that show what a script does, and give nothing that it goes on with."""
_COUNTING: Final = ("tqdm", "tqdm.tqdm", "trange", "tqdm.trange")
"""Calls that give the items of their first argument, or so many numbers, and show how many are done."""
_READING = frozenset(
    "item detach numpy cpu tolist float int str len range list zip enumerate min max sum mean format join round now strftime "
    "isoformat get_last_lr".split()
)
"""Calls that an argument may have: they change nothing."""


def without_imports(tree: ast.Module, lines: list[str]) -> list[Replaced] | None:
    """The lines of imports that a script has not, of statements that only show something with them or prepare a place to run, of
    loops under a progress bar and of questions to the environment, with what stands there instead: nothing, the loop over the
    items themselves, the default. None where the names are used in another way.
    """
    uses = _Uses(tree)
    if uses.left() or any(shares_a_line(node, lines) for node in uses.found.values()):
        return None
    return [*_dropped(tree, uses.found, lines), *_instead(uses.values(), lines)]


class _Uses:
    """What a text does with the modules that a script has not."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.found: dict[int, ast.stmt] = {}
        """The statements that go."""
        self.names: set[str] = set()
        self.showing: set[str] = set()
        """Names, and attributes of `self`, of what only shows something."""
        self.others: dict[int, tuple[ast.expr, str]] = {}
        """Expressions, and what stands in their place."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        self.bars: set[str] = set()
        """Names of loops' items under a progress bar."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                self._assign(node)
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr | ast.Assign) and (self._only_shows(node) or self._prepares(node)):
                self.found[id(node)] = node
            elif isinstance(node, ast.For | ast.comprehension):
                self._counts(node.iter)
            elif isinstance(node, ast.expr):
                self._asks(node)
        self._ends()

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in _lacking(node):
            self.found[id(node)] = node
            name = alias.asname or alias.name.partition(".")[0]
            self.names.add(name)
            module = alias.name if isinstance(node, ast.Import) else node.module or ""
            module = f"{module}.{alias.name}" if module == "torch.utils" else module
            if {module.partition(".")[0], module.rpartition(".")[2]} & _SHOWING:
                self.showing.add(name)

    def _assign(self, node: ast.Assign) -> None:
        """A name for something that shows, or for the items under a progress bar."""
        targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
        paths = [ast.unparse(each) for each in targets]
        if not all(
            isinstance(each, ast.Name) or path == f"self.{each.attr}"
            for each, path in zip(targets, paths, strict=True)
            if isinstance(each, ast.Name | ast.Attribute)
        ):
            return
        if self._counts(node.value):
            self.bars.update(paths)
        elif isinstance(node.value, ast.Call) and self._shows(node.value) and self._only_reads(node.value):
            self.showing.update(paths)
            self.found[id(node)] = node

    def _shows(self, node: ast.expr) -> bool:
        """Whether an expression is of what only shows something."""
        return _root(node) in self.showing or any(
            path.startswith("self.") and ast.unparse(node).startswith(f"{path}.") for path in self.showing
        )

    def _only_reads(self, node: ast.expr) -> bool:
        """Whether a call has only arguments that change nothing."""
        for each in ast.walk(node):
            if isinstance(each, ast.NamedExpr | ast.Await | ast.Yield | ast.Lambda):
                return False
            if isinstance(each, ast.Call) and not self._shows(each):
                name = each.func.attr if isinstance(each.func, ast.Attribute) else _root(each)
                if name not in _READING and not _is_environment(each):
                    return False
        return True

    def _only_shows(self, node: ast.Expr | ast.Assign) -> bool:
        """Whether a statement calls what only shows something, with arguments that do nothing else."""
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            return False
        of_bar = isinstance(node.value.func, ast.Attribute) and (
            ast.unparse(node.value.func.value) in self.bars
            and node.value.func.attr.startswith(
                ("set_postfix", "set_description", "update", "close", "refresh")
            )
        )
        return (of_bar or self._shows(node.value)) and self._only_reads_beside(node.value)

    def _only_reads_beside(self, call: ast.Call) -> bool:
        return all(map(self._only_reads, (*call.args, *(each.value for each in call.keywords)))) and (
            not isinstance(call.func, ast.Attribute) or self._shows(call.func) or self._only_reads(call.func)
        )

    def _prepares(self, node: ast.Expr | ast.Assign) -> bool:
        """Whether a statement sets a variable of the environment, makes a directory, or hands on what was printed."""
        match node:
            case ast.Assign(targets=[ast.Subscript(value=variables)], value=value) if (
                ast.unparse(variables) == "os.environ"
            ):
                return "os" in self.names and self._only_reads(value)
            case ast.Expr(value=ast.Call(func=function, args=given)):
                match ast.unparse(function):
                    case "os.makedirs" | "os.mkdir":
                        # What is saved is kept in the session, under any name.
                        return "os" in self.names and all(map(self._only_reads, given))
                    case "sys.stdout.flush" | "sys.stderr.flush":
                        return "sys" in self.names
        return False

    def _counts(self, node: ast.expr) -> bool:
        """Whether an expression gives the items of something under a progress bar."""
        match node:
            case ast.Call(func=function, args=[items, *_]) if (
                _root(node) in self.showing and ast.unparse(function) in _COUNTING
            ):
                text = ast.unparse(items)
                if ast.unparse(function).endswith("trange"):
                    text = f"range({', '.join(map(ast.unparse, node.args))})"
                self.others[id(node)] = (node, text)
                return True
        return False

    def _asks(self, node: ast.expr) -> None:
        """A question to the environment, which has no variables but those that the text sets; a path of written parts; the
        fields of an object of data.
        """
        match node:
            case ast.Call(func=function, args=[given], keywords=[]) if (
                ast.unparse(function) in ("asdict", "dataclasses.asdict")
                and _root(function) in self.names
                and fields_are_all(self.tree)
            ):
                self.others[id(node)] = (node, f"copy.deepcopy(vars({ast.unparse(given)}))")
        if "os" not in self.names:
            return
        match node:
            case ast.Call(args=[ast.Constant(value=str() as name), *default], keywords=[]) if _is_environment(
                node
            ):
                if name not in _set_variables(self.tree) and len(default) < 2:
                    self.others[id(node)] = (node, ast.unparse(default[0]) if default else "None")
            case ast.Call(func=function, args=[_, *_] as parts, keywords=[]) if (
                ast.unparse(function) == "os.path.join"
            ):
                texts = [
                    each.value
                    for each in parts
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                if len(texts) == len(parts):
                    self.others[id(node)] = (node, repr(posixpath.join(texts[0], *texts[1:])))

    def _ends(self) -> None:
        """`sys.exit(main())` as the last that a text does, where `main` gives nothing."""
        block: list[ast.stmt] = self.tree.body
        while block and isinstance(block[-1], ast.If) and not block[-1].orelse:
            block = block[-1].body
        match block[-1:]:
            case [
                ast.Expr(
                    value=ast.Call(func=function, args=[ast.Call(func=ast.Name(id=name)) as call]) as whole
                )
            ]:
                if (
                    ast.unparse(function) == "sys.exit"
                    and "sys" in self.names
                    and _gives_nothing(self.tree, name)
                ):
                    self.others[id(whole)] = (whole, ast.unparse(call))

    def left(self) -> bool:
        """Whether the text needs the modules for more than what goes."""
        gone = {id(each) for node in self.found.values() for each in ast.walk(node)}
        gone |= {id(each) for node, _ in self.values() for each in ast.walk(_outside(node))}
        # What makes a class of data goes with the class.
        gone |= {id(each) for each in names_of_kinds(self.tree)}
        paths = {path for path in self.showing if path.startswith("self.")}
        attributes = {path.removeprefix("self.") for path in paths}
        for node in ast.walk(self.tree):
            if id(node) in gone:
                continue
            if isinstance(node, ast.Name) and node.id in self.names | (self.showing - paths):
                return True
            if isinstance(node, ast.Attribute) and node.attr in attributes:
                return True
        return False

    def values(self) -> list[tuple[ast.expr, str]]:
        """The expressions in whose place something stands, but for those within what goes or within another."""
        gone = {id(each) for node in self.found.values() for each in ast.walk(node)}
        inner = {id(each) for node, _ in self.others.values() for each in ast.walk(node) if each is not node}
        return [(node, text) for node, text in self.others.values() if id(node) not in gone | inner]


def _outside(node: ast.expr) -> ast.AST:
    """What of an expression goes where its first argument stands in its place."""
    return node.func if isinstance(node, ast.Call) else node


def _is_environment(node: ast.Call) -> bool:
    return ast.unparse(node.func) in ("os.environ.get", "os.getenv")


def _set_variables(tree: ast.Module) -> set[str]:
    """The variables of the environment that a text sets."""
    return {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) == "os.environ"
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }


def _gives_nothing(tree: ast.Module, name: str) -> bool:
    """Whether a function of this name ends a program well: it has no value, or 0."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            returned = [each.value for each in within(node.body) if isinstance(each, ast.Return)]
            return all(each is None or ast.unparse(each) in ("None", "0") for each in returned)
    return False


def _lacking(node: ast.Import | ast.ImportFrom) -> list[ast.alias]:
    """What an import names of modules that a script has not, and of `typing` what it has not."""
    if isinstance(node, ast.Import):
        return [alias for alias in node.names if not has_module(alias.name)]
    if node.module == "typing":
        return [alias for alias in node.names if alias.name not in (*TYPING, "*")]
    if node.level:
        return []
    module = node.module or "torch"
    if not has_module(module):
        return node.names
    return [alias for alias in node.names if f"{module}.{alias.name}" == LOGS]


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


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
    """The import of what a script has, where a statement imports more."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return ""
    lacking = _lacking(node)
    kept = [alias for alias in node.names if alias not in lacking]
    if not kept:
        return ""
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(kept))
    return ast.unparse(ast.ImportFrom(node.module, kept, 0))


def _instead(values: list[tuple[ast.expr, str]], lines: list[str]) -> Iterator[Replaced]:
    """The lines of expressions with what stands in their place."""
    new = list(lines)
    touched: dict[int, int] = {}
    for node, text in sorted(values, key=lambda each: (each[0].lineno, each[0].col_offset), reverse=True):
        first, last = node.lineno, node.end_lineno or node.lineno
        before, behind = around(node, new)
        last = touched.pop(last, last) if last != first else max(last, touched.get(first, first))
        new[first - 1] = before + text + behind
        touched[first] = last
    for first, last in touched.items():
        yield Replaced(first, last, new[first - 1])
