"""Imports of modules that a script cannot have, and how a text is written without them.

Pictures, progress bars, logs and questions to the environment do not change what a text computes. Calls that only show
something are left out, with the names of what they make; a loop under a progress bar becomes a loop over the items; a
question to the environment becomes its default. Where a text needs such a module for anything else, it keeps the import.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Iterator
from typing import Final

from tensorcli.language.check import LOGS, has_module
from tensorcli.language.library.standard import TYPING
from tensorcli.language.rewriting.classes import Replaced
from tensorcli.language.rewriting.data import fields_are_all, names_of_kinds
from tensorcli.language.rewriting.places import around, shares_a_line
from tensorcli.language.scopes import within

_SHOWING = frozenset("matplotlib seaborn plotly tqdm tensorboard tensorboardX wandb IPython logging".split())
"""Modules that show what a script does, and give nothing that it goes on with."""
_READING = frozenset(
    "item detach numpy cpu tolist float int str len range list zip enumerate min max sum mean format join round now strftime "
    "isoformat get_last_lr".split()
)
"""Calls that an argument may have: they change nothing."""
_PREPARING = frozenset("os.makedirs os.mkdir sys.stdout.flush sys.stderr.flush".split())
"""Calls that prepare a place to run, or hand on what was printed: what is saved is kept in the session, under any name."""


def _items(call: ast.Call) -> str:
    return ast.unparse(call.args[0])


def _numbers(call: ast.Call) -> str:
    return f"range({', '.join(map(ast.unparse, call.args))})"


_BARS: Final = {"tqdm": _items, "tqdm.tqdm": _items, "trange": _numbers, "tqdm.trange": _numbers}
"""Calls that give items and show how many are done: what stands in their place, which gives the items alone."""


def _variable(tree: ast.Module, call: ast.Call) -> str | None:
    """The default of a question to the environment, which has no variables but those that the text sets."""
    match call.args:
        case [ast.Constant(value=str() as name)]:
            return None if name in _set_variables(tree) else "None"
        case [ast.Constant(value=str() as name), default]:
            return None if name in _set_variables(tree) else ast.unparse(default)
    return None


def _path(tree: ast.Module, call: ast.Call) -> str | None:
    """A path of written parts."""
    texts = [
        each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    return repr(posixpath.join(*texts)) if len(texts) == len(call.args) > 1 else None


def _fields(tree: ast.Module, call: ast.Call) -> str | None:
    """The fields of an object of data."""
    return (
        f"copy.deepcopy(vars({ast.unparse(call.args[0])}))"
        if len(call.args) == 1 and fields_are_all(tree)
        else None
    )


_ANSWERS: Final[dict[str, Callable[[ast.Module, ast.Call], str | None]]] = {
    "os.environ.get": _variable,
    "os.getenv": _variable,
    "os.path.join": _path,
    "asdict": _fields,
    "dataclasses.asdict": _fields,
}
"""Calls of modules that a script cannot have, and an expression of the same value without them: None where there is none."""


def without_imports(tree: ast.Module, lines: list[str]) -> list[Replaced] | None:
    """The lines of a text that change when it does without the modules that a script cannot have; None where it needs these
    for more.

    Imports go, and so do statements that only show something or prepare a place to run. In the place of an expression stands
    what has the same value without the module (`_BARS`, `_ANSWERS`).
    """
    uses = _Uses(tree)
    if uses.left() is not None or any(shares_a_line(node, lines) for node in uses.found.values()):
        return None
    return [*_dropped(tree, uses.found, lines), *_instead(uses.values(), lines)]


def needed_import(tree: ast.Module) -> str:
    """What a text needs of a module that a script cannot have, and where; empty where there is nothing."""
    uses = _Uses(tree)
    node = uses.left()
    if node is None:
        return ""
    module = uses.names.get(node.id) if isinstance(node, ast.Name) else None
    of = f", of {module}, which a script cannot import" if module else ", which a script does not have"
    return f"line {node.lineno}: {ast.unparse(node)}{of}"


class _Uses:
    """What a text does with the modules that a script cannot have: the statements that go, and what replaces expressions."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.found: dict[int, ast.stmt] = {}
        """The statements that go."""
        self.names: dict[str, str] = {}
        """The names that go, each with the module that it is of; empty for what was made of one."""
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
            module = alias.name if isinstance(node, ast.Import) else node.module or ""
            self.names[name] = module
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
        """Whether a statement sets a variable of the environment, or makes a call of `_PREPARING`."""
        match node:
            case ast.Assign(targets=[ast.Subscript(value=variables)], value=value) if (
                ast.unparse(variables) == "os.environ"
            ):
                return "os" in self.names and self._only_reads(value)
            case ast.Expr(value=ast.Call(func=function, args=given)) if ast.unparse(function) in _PREPARING:
                return _root(function) in self.names and all(map(self._only_reads, given))
        return False

    def _counts(self, node: ast.expr) -> bool:
        """Whether an expression gives the items of something under a progress bar."""
        if not isinstance(node, ast.Call) or not node.args or _root(node) not in self.showing:
            return False
        without_bar = _BARS.get(ast.unparse(node.func))
        if without_bar is not None:
            self.others[id(node)] = (node, without_bar(node))
        return without_bar is not None

    def _asks(self, node: ast.expr) -> None:
        """Note what has the value of a call of `_ANSWERS`."""
        if not isinstance(node, ast.Call) or node.keywords or _root(node.func) not in self.names:
            return
        answer = _ANSWERS.get(ast.unparse(node.func))
        text = None if answer is None else answer(self.tree, node)
        if text is not None:
            self.others[id(node)] = (node, text)

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

    def left(self) -> ast.Name | ast.Attribute | None:
        """Where the text first needs the modules for more than what goes; None where it does not."""
        gone = {id(each) for node in self.found.values() for each in ast.walk(node)}
        gone |= {id(each) for node, _ in self.values() for each in ast.walk(_outside(node))}
        # What makes a class of data goes with the class.
        gone |= {id(each) for each in names_of_kinds(self.tree)}
        paths = {path for path in self.showing if path.startswith("self.")}
        attributes = {path.removeprefix("self.") for path in paths}
        names = {*self.names, *(self.showing - paths)}
        found = (
            node
            for node in ast.walk(self.tree)
            if (isinstance(node, ast.Name) and node.id in names)
            or (isinstance(node, ast.Attribute) and node.attr in attributes)
        )
        needed = (node for node in found if id(node) not in gone)
        return min(needed, key=lambda node: node.lineno, default=None)

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
    """What an import names of modules that a script cannot have, and of `typing` what is missing there."""
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
