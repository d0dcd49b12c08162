"""The parts of a class, sorted as the function that makes its objects needs them, and what classes made from it are given."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from textwrap import dedent, indent
from typing import Final, Literal, NamedTuple

from tensorcli.language.rewriting.data import ABSTRACT, NeedsClass, is_dataclass, named, takes_self, with_init
from tensorcli.language.rewriting.places import has_text_of_lines, is_text, shares_a_line
from tensorcli.language.rewriting.private import Private
from tensorcli.language.scopes import bound_anywhere, within
from tensorcli.language.vocabulary import is_dunder

INDENT = "    "
_MODULE = "torch.nn.Module"
_NAMESPACE = "SimpleNamespace"
_FOR_OTHERS: Final = ("__constants__", "__slots__", "__annotations__")
"""Attributes of a class that tell others of it, and change nothing of what it does."""
_ASKS: Final = {
    "__len__": "len(x)",
    "__getitem__": "x[i]",
    "__setitem__": "x[i] = v",
    "__contains__": "i in x",
    "__iter__": "for i in x",
    "__next__": "next(x)",
    "__enter__": "with x",
    "__exit__": "with x",
    "__repr__": "print(x)",
    "__str__": "print(x)",
    "__call__": "x()",
    "__eq__": "x == y",
    "__hash__": "a dict",
}
"""What in a text calls a special method."""
_PUBLIC = {"__call__": "forward", "__len__": "length", "__getitem__": "getitem"}
"""What special methods are called as functions."""


class Parent(NamedTuple):
    """A class of the text, for those that are made from it."""

    asks: set[str]
    """What its `__init__` may ask its object for, before there is what a child gives it."""
    private: set[str]
    """Its private names, which a child neither has nor finds in a function."""
    is_empty: bool
    """Whether its objects begin with nothing, so that a child's `__init__` may leave its own uncalled."""

    def lets(self, child: ast.ClassDef, own: set[str]) -> bool:
        """Whether a child can have what is its own after its parent was made."""
        return not (own & self.asks or _of_self(child) & self.private or own & self.private)


def parent_of(node: ast.ClassDef, above: Parent | None, plain: bool) -> Parent:
    """A class as the parent of others. above: its own. plain: whether it, and what is above it, is not a class of modules."""
    init = next((item for item in node.body if getattr(item, "name", "") == "__init__"), None)
    asks = set() if init is None else _of_self(init, ast.Load)
    methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    if asks & methods or (above is not None and init is not None and asks):
        asks = _of_self(node)  # what its methods ask for in their turn
    private = {name for name in _of_self(node) | methods if name[0] == "_" and not is_dunder(name)}
    if above is not None:
        asks, private = asks | above.asks, private | above.private
    is_empty = init is None and (plain if above is None else above.is_empty)
    return Parent(asks, private, is_empty)


def _of_self(node: ast.AST, *contexts: type[ast.expr_context]) -> set[str]:
    """The attributes of `self` that stand within a tree."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, contexts or ast.expr_context)
        and ast.unparse(each.value) == "self"
    }


class Maker:
    """A class, sorted into the parts of the function that makes its objects. Errors: NeedsClass."""

    def __init__(self, node: ast.ClassDef, lines: list[str], roots: Mapping[str, Parent | None]) -> None:
        of_data = is_dataclass(node)
        node = _concrete(with_init(node) if of_data else node)
        if node.decorator_list or node.keywords or len(node.bases) > 1:
            raise NeedsClass(f"{node.name} has a decorator, an option or several bases", node.lineno)
        self.name = node.name
        self.base = ast.unparse(node.bases[0]) if node.bases else "object"
        self.kind: Literal["module", "items", "plain"] = "module"
        if self.base == "object" or self.base.rpartition(".")[2] == "Dataset":
            self.kind = "plain" if self.base == "object" else "items"
            registers = of_data or (self.kind == "plain" and any(map(_makes_layers, ast.walk(node))))
            self.base = _NAMESPACE if registers else _MODULE
        elif self.base.partition(".")[0] not in roots:
            raise NeedsClass(
                f"{node.name} is made of {self.base}, and a function cannot stand in for an object of that",
                node.lineno,
            )
        self.lines = lines
        self.forgets = False
        self.read: list[str] = []
        """What the text reads of a dataset but its items."""
        self.before_it = ""
        """What it calls the `forward` of its parent, where it calls it."""
        self.inherits = self.kind == "module" and self.base.rpartition(".")[2] != "Module"
        """Whether it has more of its base than of every module."""
        self.parent = roots.get(self.base)
        """The class of the text that it is made from, where it is one of the text's."""
        self.parameters = self.passed = "*args, **kwargs" if self.inherits else ""
        """What the class takes, and what its `__init__` gives to that of its base."""
        self.init: ast.FunctionDef | None = None
        self.texts: list[ast.stmt] = []
        self.methods: list[ast.FunctionDef] = []
        self.given: list[tuple[str, str]] = []
        """The attributes that a module begins with, and what they are."""
        self.before: list[ast.stmt] = []
        self.after: list[ast.stmt] = []
        """What `__init__` does before there is a module, and after."""
        for item in node.body:
            self._sort(item)
        self.names = {each.name: _PUBLIC.get(each.name, each.name) for each in self.methods}
        self.bound = [each for each in self.methods if not _is_static(each)]
        self.imports = [
            *(["partial"] if self.bound else []),
            *([_NAMESPACE] if self.base == _NAMESPACE else []),
        ]
        """What it needs of other modules."""
        self.private = Private(node, self.names, {each.name for each in self.bound}, self.before_it)
        if self.base == _NAMESPACE and "__call__" in self.names:
            raise NeedsClass(f"an object of {node.name}, which holds layers, is called", node.lineno)
        if self._means_something_else(node):
            raise NeedsClass(f"the names of {node.name} would mean something else in a function", node.lineno)

    def _means_something_else(self, node: ast.ClassDef) -> bool:
        """Whether a function would not do what the class did."""
        names = {*self.names.values(), *self.imports}
        if len({*self.names.values()}) < len(self.methods):
            return True
        if self.kind == "items" and not {"__len__", "__getitem__"} <= {*self.names}:
            return True
        # The `__init__` of the base may ask for what is given only after it.
        own = {*self.names, *(name for name, _ in self.given)}
        if self.inherits and self.parent is None and own - {"forward", "extra_repr"}:
            return True
        if self.parent is not None and not self.parent.lets(node, own):
            return True
        # Within a function the methods see one another and what `__init__` names, by their bare names.
        made = set() if self.init is None else _bound_in(self.init)
        if any(_free(each) & (made | names) for each in self.methods):
            return True
        if self.init is not None and _free(self.init) & names:
            return True
        attributes = {name for name, _ in self.given}
        if any(
            named(each) & attributes
            for method in self.methods
            for each in (method.args, *method.decorator_list)
        ):
            return True
        return any(map(_asks_for_a_class, ast.walk(node)))

    def _sort(self, item: ast.stmt) -> None:
        match item:
            case ast.FunctionDef(name="__init__", decorator_list=[]):
                self._init(item)
            case ast.FunctionDef(name="__repr__") if self.kind == "module":
                pass  # a print of a module without it names its base, as that of any other
            case ast.FunctionDef() if self._may_have(item.name) and self._calls_parent(item):
                kinds = {ast.unparse(each) for each in item.decorator_list}
                if kinds & {"property", "classmethod"} or not (_is_static(item) or takes_self(item)):
                    of = next(iter(kinds & {"property", "classmethod"}), "method without self")
                    raise NeedsClass(f"{item.name} is a {of}: a function can stand in its place", item.lineno)
                self.methods.append(item)
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr())
            ):
                assert item.value is not None
                if name in _FOR_OTHERS:
                    return
                if name[0] == "_" or not _is_literal(item.value):
                    raise NeedsClass(f"{name} is held by the class, for all of its objects", item.lineno)
                self.given.append((name, ast.unparse(item.value)))
            case ast.Expr(value=ast.Constant(value=str())):
                self.texts.append(item)
            case ast.Pass() | ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant()):
                pass
            case ast.FunctionDef(name=name) if is_dunder(name):
                asks = _ASKS.get(name, "an operator or a builtin")
                raise NeedsClass(
                    f"{asks} asks for {name}: a method with a name of its own can be called instead",
                    item.lineno,
                )
            case ast.FunctionDef(name=name):
                raise NeedsClass(f"{name} calls a method of its parent", item.lineno)
            case _:
                raise NeedsClass("a statement in the class that is neither a method nor a value", item.lineno)

    def _calls_parent(self, item: ast.FunctionDef) -> bool:
        """Whether a method calls nothing of its parent, or is `forward` and calls that of a parent that has one."""
        if not _says(item, "super"):
            return True
        own = f"super({self.name}, self)"
        for inner in ast.walk(item):
            if (
                isinstance(inner, ast.FunctionDef | ast.Lambda)
                and inner is not item
                and _says(inner, "super")
            ):
                return False
        said = sum(isinstance(each, ast.Name) and each.id == "super" for each in ast.walk(item))
        calls = [
            each
            for each in ast.walk(item)
            if isinstance(each, ast.Attribute) and ast.unparse(each.value) in ("super()", own)
        ]
        self.before_it = f"{self.base.rpartition('.')[2]}_forward"
        return (
            self.inherits
            and item.name == "forward"
            and len(calls) == said
            and all(each.attr == "forward" for each in calls)
        )

    def _may_have(self, name: str) -> bool:
        """Whether a method of this name can be a function."""
        special = {"module": (), "items": ("__len__", "__getitem__"), "plain": ("__call__",)}[self.kind]
        return not is_dunder(name) or name in special

    def _init(self, item: ast.FunctionDef) -> None:
        uncalled = uncalled_init(item)
        calls = [each for each in item.body if _says(each, "super") and each is not uncalled]
        returns = any(isinstance(each, ast.Return) for each in within(item.body))
        self.init, self.passed = item, ""
        self.forgets = not calls and self.kind == "module" and not (self.parent and self.parent.is_empty)
        if len(calls) > 1 or (self.forgets and self.inherits) or returns or not takes_self(item):
            raise NeedsClass
        match calls:
            case [
                ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(value=ast.Call(func=ast.Name()), attr="__init__")
                    ) as call
                )
            ]:
                self.passed = ", ".join(map(ast.unparse, (*call.args, *call.keywords)))
            case [_]:
                raise NeedsClass
        made = item.body.index(calls[0]) if calls else 0
        self.before = [each for each in item.body[:made] if not is_text(each)]
        self.after = [
            each for each in item.body[made:] if each not in (*calls, uncalled) and not is_text(each)
        ]
        if any(_says(each, "self") for each in self.before):
            if self.passed:
                raise NeedsClass
            self.before, self.after = [], [*self.before, *self.after]
        taken = copy.deepcopy(item.args)
        del (taken.posonlyargs or taken.args)[0]
        self.parameters = ast.unparse(taken)

    def function(self) -> str:
        """The text of the function."""
        parts = [*map(self.source, self.texts)]
        parts += [f"{self.source(each)}\n" for each in self.methods]
        parts += map(self.source, self.before)
        parts.append(f"self = {self.base}({self.passed})")
        if self.before_it:
            parts.append(f"self.{self.before_it} = self.forward")
        bound = [
            (name, f"partial({name}, self)" if each in self.bound else name)
            for each, name in ((each, self.names[each.name]) for each in self.methods)
            if not (self.kind == "items" and is_dunder(each.name))
        ]
        parts += [f"self.{name} = {value}" for name, value in (*bound, *self.given) if name[0] != "_"]
        parts += map(self.source, self.after)
        items = "[getitem(self, i) for i in range(length(self))]"
        if self.read:
            parts.append(f"items = torch.utils.data.Subset({items}, range(length(self)))")
            parts += [f"items.{name} = self.{name}" for name in self.read]
            parts.append("return items")
        else:
            parts.append(f"return {items}" if self.kind == "items" else "return self")
        return f"def {self.name}({self.parameters}):\n" + indent("\n".join(parts), INDENT)

    def of_class(self, asked: set[str], tree: ast.Module) -> str:
        """What the function holds as the class did, where it is asked for. Errors: NeedsClass."""
        held = {name for name, _ in self.given}
        if not asked <= held | {"*"} or any(
            isinstance(each, ast.Attribute)
            and isinstance(each.ctx, ast.Store | ast.Del)
            and each.attr in held
            for each in ast.walk(tree)
        ):
            raise NeedsClass
        return "".join(f"\n{self.name}.{name} = {value}" for name, value in self.given)

    def source(self, node: ast.stmt) -> str:
        """The text of a statement of the class: its lines and the comments above them as they were typed, where nothing in
        it changes and no string in it has lines that would be moved.
        """
        changed = self.private.visit(copy.deepcopy(node))
        if not node.lineno:
            return ast.unparse(ast.fix_missing_locations(changed))
        moved = node.col_offset != len(INDENT) and has_text_of_lines(node)
        if moved or shares_a_line(node, self.lines) or ast.dump(changed) != ast.dump(node):
            return ast.unparse(ast.fix_missing_locations(changed))
        first = min(each.lineno for each in ast.walk(node) if isinstance(each, ast.stmt | ast.expr)) - 1
        while self.lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return dedent("\n".join(self.lines[first : node.end_lineno]))


def uncalled_init(init: ast.FunctionDef) -> ast.Expr | None:
    """The statement `super().__init__` of an `__init__` that does not call it."""
    for each in init.body:
        match each:
            case ast.Expr(value=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__")):
                return each
    return None


def _bound_in(function: ast.FunctionDef) -> set[str]:
    """The names that a function binds: its parameters, and what is bound in it and in the functions within it."""
    return set[str]().union(*map(bound_anywhere, (function.args, *function.body)))


def _free(function: ast.FunctionDef) -> set[str]:
    """The names that a function reads and does not bind."""
    return named(function) - _bound_in(function)


def _concrete(node: ast.ClassDef) -> ast.ClassDef:
    """A class without what makes it an abstract one."""
    plain = copy.copy(node)
    plain.bases = [each for each in node.bases if ast.unparse(each) not in ABSTRACT]
    return plain


def _is_literal(node: ast.expr) -> bool:
    """Whether a value is written down, and cannot change."""
    match node:
        case ast.Tuple(elts=parts):
            return all(map(_is_literal, parts))
        case ast.BinOp(left=left, right=right):
            return _is_literal(left) and _is_literal(right)
        case ast.IfExp(test=test, body=body, orelse=other):
            asks = ast.unparse(test) == "torch.cuda.is_available()"
            return asks and _is_literal(body) and _is_literal(other)
        case ast.Call(func=function, args=[given], keywords=[]):
            return ast.unparse(function) == "torch.device" and _is_literal(given)
    return isinstance(node.operand if isinstance(node, ast.UnaryOp) else node, ast.Constant)


def _asks_for_a_class(node: ast.AST) -> bool:
    """Whether an expression within a class asks its object for what a special method would do."""
    match node:
        case (
            ast.Call(func=ast.Name(id="len"), args=[ast.Name(id="self")])
            | ast.Subscript(value=ast.Name(id="self"))
        ):
            return True
    return False


def compares_objects(node: ast.AST) -> bool:
    """Whether an expression may compare two objects of a class."""
    return (
        isinstance(node, ast.Compare)
        and any(isinstance(each, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for each in node.ops)
        and all(isinstance(each, ast.Name | ast.Call) for each in (node.left, *node.comparators))
    )


def _makes_layers(node: ast.AST) -> bool:
    """Whether an expression makes a layer or a parameter, which a module would register."""
    if not isinstance(node, ast.Call):
        return False
    path = ast.unparse(node.func).removeprefix("torch.")
    return path.startswith("nn.") or path == "Parameter"


def _is_static(method: ast.FunctionDef) -> bool:
    return any(ast.unparse(each) == "staticmethod" for each in method.decorator_list)


def _says(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))
