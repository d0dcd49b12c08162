"""Classes, which the language has not: what to write instead, and classes as functions that make what they make.

`class Net(nn.Module)` becomes `def Net(...)`, whose body has the methods as they are, makes `self = nn.Module()`, binds the
methods to it with `functools.partial` and goes on as `__init__` does. The rest of a script stays as it is: `net = Net(3)` and
`net(x)` mean the same, parameters keep their names, and a deep copy has methods of its own. A module can hold whatever a plain
class holds, but for layers and parameters, which it would register: a `SimpleNamespace` holds those, and what a dataclass holds.
A dataset becomes the list of its items.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from textwrap import dedent, indent
from typing import Final, Literal, NamedTuple

from tensorcli.language.scopes import bound_anywhere, within
from tensorcli.language.vocabulary import is_dunder

_INSTEAD: dict[tuple[str, ...], str] = {
    (
        "Module",
    ): "a function can make the module, def Net(): self = nn.Module(); self.fc = nn.Linear(2, 1); return self, and its "
    "forward pass is another, def forward(net, x): return net.fc(x)",
    (
        "Function",
    ): "its functions make it: Name = type('Name', (torch.autograd.Function,), {'forward': forward, 'backward': backward})",
    ("Dataset",): "torch.utils.data.TensorDataset(x, y), or a list of pairs, is a dataset",
    ("Optimizer",): "a function can make the step: with torch.no_grad(): p -= lr * p.grad",
    ("Exception", "Error"): "raise one of Python's exceptions: raise ValueError('...')",
    ("",): "a def takes what self would hold as an argument: a dict, or a types.SimpleNamespace",
}
"""What to write instead of a class, by how the name of its base ends."""

HEAD: Final = re.compile(r"^([ \t]*)class\b[^:\n]*:", re.MULTILINE)
"""The head of a class."""
INDENT = "    "
_IMPORTS = {
    "partial": "from functools import partial",
    "SimpleNamespace": "from types import SimpleNamespace",
}
_MODULE = "torch.nn.Module"
_NAMESPACE = "SimpleNamespace"
_PUBLIC = {"__call__": "forward", "__len__": "length", "__getitem__": "getitem"}
"""What special methods are called as functions."""


def instead(base: str) -> str:
    """What to write instead of a class with this base (`nn.Module`; empty for none)."""
    return next(hint for endings, hint in _INSTEAD.items() if base.endswith(endings))


class Replaced(NamedTuple):
    """Lines of a text, counted from 1, and what stands there instead of a class."""

    first: int
    last: int
    text: str
    kind: Literal["module", "items", "plain", "function"] = "module"
    """What the function gives: a module, the list of a dataset's items, what stands for an object of a plain class; of a class of
    functions the class itself stands there."""
    lacks: str = ""
    """The class, where it is of modules and its `__init__` forgets to call that of its base."""


def as_blocks(text: str) -> str:
    """A text with blocks of another kind in the place of its classes, line by line: what else is said of it is said then."""
    return HEAD.sub(r"\1if True:", text)


def around(node: ast.expr | ast.stmt, lines: list[str]) -> tuple[str, str]:
    """What stands before a node on its first line, and behind it on its last."""
    last = node.end_lineno or node.lineno
    before = lines[node.lineno - 1].encode()[: node.col_offset].decode()
    return before, lines[last - 1].encode()[node.end_col_offset or 0 :].decode()


def shares_a_line(node: ast.stmt, lines: list[str]) -> bool:
    """Whether another statement stands on a line of this one."""
    before, behind = around(node, lines)
    return bool(before.strip()) or bool(behind.partition("#")[0].strip())


def without_classes(tree: ast.Module, lines: list[str]) -> list[Replaced] | None:
    """What stands in the place of each class of a text. None where a class has what a function has not: a parent of another
    kind, other special methods, properties, calls of its parent's methods, a name that is more than called.
    """
    try:
        return list(_functions(tree, lines))
    except _NeedsClass:
        return None


class _NeedsClass(Exception):  # noqa: N818 - it is an answer, not an error
    """A class has what a function has not."""


def _functions(tree: ast.Module, lines: list[str]) -> Iterator[Replaced]:
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {node.name for node in classes}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {id(call.func) for call in calls}
    called.update(id(base) for node in classes for base in node.bases)
    called.update(id(each) for call in calls if ast.unparse(call.func) == "super" for each in call.args)
    called.update(id(each) for note in _annotations(tree) for each in ast.walk(note))
    custom = {node.name for node in classes if _is_custom(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id not in names or id(node) in called:
            continue
        if node.id not in custom:
            raise _NeedsClass
    imported = {
        name for name, text in _IMPORTS.items() if any(ast.unparse(node) == text for node in tree.body)
    }
    roots = {"nn", "torch", "Module"}
    for node in classes:
        if node not in tree.body:
            raise _NeedsClass
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        if node.name in custom:
            yield Replaced(node.lineno, node.end_lineno or node.lineno, _custom(node, lines), "function")
            continue
        maker = _Maker(node, lines, roots)
        if is_dataclass(node) and maker.methods and any(map(_compares_objects, ast.walk(tree))):
            raise _NeedsClass  # methods of a namespace are its own: two of them differ
        roots.add(node.name)
        wanted = [name for name in maker.imports if name not in imported]
        imported.update(wanted)
        above = "".join(f"{_IMPORTS[name]}\n" for name in wanted) + "\n" * bool(wanted)
        last = node.end_lineno or node.lineno
        lacks = node.name if maker.forgets else ""
        yield Replaced(first, last, above + maker.function(), maker.kind, lacks)


def _annotations(tree: ast.Module) -> Iterator[ast.expr]:
    """What annotations say, where a function may stand for a class: nothing is asked of it there but to be."""
    for node in ast.walk(tree):
        found = node.returns if isinstance(node, ast.FunctionDef) else getattr(node, "annotation", None)
        if isinstance(found, ast.expr) and not any(isinstance(each, ast.BinOp) for each in ast.walk(found)):
            yield found


def is_dataclass(node: ast.AST) -> bool:
    """Whether a class is one of data, with options that change nothing for who makes and reads its objects."""
    if not isinstance(node, ast.ClassDef) or len(node.decorator_list) != 1 or node.bases:
        return False
    (decorator,) = node.decorator_list
    options: list[ast.keyword] = []
    if isinstance(decorator, ast.Call):
        options, decorator = decorator.keywords, decorator.func
    known = ast.unparse(decorator) in ("dataclass", "dataclasses.dataclass")
    return known and all(each.arg in ("frozen", "repr", "eq", "slots") for each in options)


def _with_init(node: ast.ClassDef) -> ast.ClassDef:
    """A class of data with the `__init__` that its fields ask for. Errors: _NeedsClass."""
    taken, given, rest = [], [], []
    later: list[ast.stmt] = []
    for item in node.body:
        match item:
            case ast.AnnAssign(target=ast.Name(id=name)) if name[0] != "_":
                if {"ClassVar", "InitVar"} & _named(item.annotation):
                    raise _NeedsClass
                default, value = _default(item.value, name)
                taken.append(name + default)
                given.append(f"self.{name} = {value}")
            case ast.FunctionDef(name="__post_init__") if _takes_self(item) and not item.args.args[1:]:
                if any(isinstance(each, ast.Return) for each in within(item.body)):
                    raise _NeedsClass
                later = item.body
            case ast.FunctionDef(name="__init__"):
                raise _NeedsClass
            case _:
                rest.append(item)
    init = ast.parse(
        "\n".join([f"def __init__(self, {', '.join(taken)}):", *(f" {each}" for each in given or ["pass"])])
    )
    for each in ast.walk(init):
        if hasattr(each, "lineno"):
            each.lineno = 0  # nobody typed it
    (made,) = init.body
    assert isinstance(made, ast.FunctionDef)
    made.body += later
    plain = copy.copy(node)
    plain.decorator_list, plain.body = [], [*rest, made]
    return plain


def _default(value: ast.expr | None, name: str) -> tuple[str, str]:
    """What a field's parameter has behind its name, and what the field becomes. Errors: _NeedsClass."""
    match value:
        case None:
            return "", name
        case ast.Call(func=function, args=[], keywords=[ast.keyword(arg=kind, value=given)]) if ast.unparse(
            function
        ) in ("field", "dataclasses.field"):
            if kind == "default":
                return f"={ast.unparse(given)}", name
            if kind == "default_factory":
                made = given.body if isinstance(given, ast.Lambda) else ast.Call(given, [], [])
                return "=None", f"{ast.unparse(made)} if {name} is None else {name}"
            raise _NeedsClass
        case ast.List() | ast.Dict() | ast.Set():
            raise _NeedsClass  # Python refuses one that all objects would share
        case ast.Call(func=function) if "field" in ast.unparse(function):
            raise _NeedsClass
    return f"={ast.unparse(value)}", name


def _is_custom(node: ast.ClassDef) -> bool:
    return len(node.bases) == 1 and ast.unparse(node.bases[0]).rpartition(".")[2] == "Function"


def _custom(node: ast.ClassDef, lines: list[str]) -> str:
    """The functions of a class of autograd.Function, and the class that `type` makes of them. Errors: _NeedsClass."""
    if node.decorator_list or node.keywords:
        raise _NeedsClass
    parts, members = [], []
    for item in node.body:
        match item:
            case ast.FunctionDef(name=name, decorator_list=decorators) if not is_dunder(name):
                kept = [each for each in decorators if ast.unparse(each) != "staticmethod"]
                texts = map(_has_text_of_lines, (each for each in item.body if not _is_text(each)))
                if kept or shares_a_line(item, lines) or any(texts):
                    raise _NeedsClass
                text = dedent("\n".join(lines[item.lineno - 1 : item.end_lineno]))
                parts.append(re.sub(rf"^def\s+{name}\b", f"def {node.name}_{name}", text) + "\n")
                members.append(f"{name!r}: {node.name}_{name}")
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=bool())):
                members.append(f"{name!r}: {ast.unparse(item.value)}")
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise _NeedsClass
    base = ast.unparse(node.bases[0])
    return "\n".join([*parts, f"{node.name} = type({node.name!r}, ({base},), {{{', '.join(members)}}})"])


class _Maker:
    """A class, sorted into the parts of the function that makes its objects. Errors: _NeedsClass."""

    def __init__(self, node: ast.ClassDef, lines: list[str], roots: set[str]) -> None:
        of_data = is_dataclass(node)
        if of_data:
            node = _with_init(node)
        if node.decorator_list or node.keywords or len(node.bases) > 1:
            raise _NeedsClass
        self.name = node.name
        self.base = ast.unparse(node.bases[0]) if node.bases else "object"
        self.kind: Literal["module", "items", "plain"] = "module"
        if self.base == "object" or self.base.rpartition(".")[2] == "Dataset":
            self.kind = "plain" if self.base == "object" else "items"
            registers = of_data or (self.kind == "plain" and any(map(_makes_layers, ast.walk(node))))
            self.base = _NAMESPACE if registers else _MODULE
        elif self.base.partition(".")[0] not in roots:
            raise _NeedsClass
        self.lines = lines
        self.forgets = False
        self.inherits = self.kind == "module" and self.base.rpartition(".")[2] != "Module"
        """Whether it has more of its base than of every module."""
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
        self.private = _Private(node, self.names, {each.name for each in self.bound})
        if self._means_something_else(node):
            raise _NeedsClass

    def _means_something_else(self, node: ast.ClassDef) -> bool:
        """Whether a function would not do what the class did."""
        names = {*self.names.values(), *self.imports}
        if self.base == _NAMESPACE and "__call__" in self.names:
            return True
        if len({*self.names.values()}) < len(self.methods):
            return True
        if self.kind == "items" and not {"__len__", "__getitem__"} <= {*self.names}:
            return True
        # The `__init__` of the base may ask for what is given only after it.
        if self.inherits and (self.given or {*self.names} - {"forward", "extra_repr"}):
            return True
        # Within a function the methods see one another and what `__init__` names, by their bare names.
        made = set() if self.init is None else _bound_in(self.init)
        if any(_free(each) & (made | names) for each in self.methods):
            return True
        if self.init is not None and _free(self.init) & names:
            return True
        attributes = {name for name, _ in self.given}
        if any(
            _named(each) & attributes
            for method in self.methods
            for each in (method.args, *method.decorator_list)
        ):
            return True
        return any(map(_asks_for_a_class, ast.walk(node)))

    def _sort(self, item: ast.stmt) -> None:
        match item:
            case ast.FunctionDef(name="__init__", decorator_list=[]):
                self._init(item)
            case ast.FunctionDef() if self._may_have(item.name) and not _says(item, "super"):
                kinds = {ast.unparse(each) for each in item.decorator_list}
                if kinds & {"property", "classmethod"} or not (_is_static(item) or _takes_self(item)):
                    raise _NeedsClass
                self.methods.append(item)
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr())
            ):
                assert item.value is not None
                if name[0] == "_" or not _is_literal(item.value):
                    raise _NeedsClass  # one object for all, which may change
                self.given.append((name, ast.unparse(item.value)))
            case ast.Expr(value=ast.Constant(value=str())):
                self.texts.append(item)
            case ast.Pass() | ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise _NeedsClass

    def _may_have(self, name: str) -> bool:
        """Whether a method of this name can be a function."""
        special = {"module": (), "items": ("__len__", "__getitem__"), "plain": ("__call__",)}[self.kind]
        return not is_dunder(name) or name in special

    def _init(self, item: ast.FunctionDef) -> None:
        calls = [each for each in item.body if _says(each, "super")]
        returns = any(isinstance(each, ast.Return) for each in within(item.body))
        self.init, self.passed = item, ""
        self.forgets = not calls and self.kind == "module"
        if len(calls) > 1 or (self.forgets and self.inherits) or returns or not _takes_self(item):
            raise _NeedsClass
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
                raise _NeedsClass
        made = item.body.index(calls[0]) if calls else 0
        self.before = [each for each in item.body[:made] if not _is_text(each)]
        self.after = [each for each in item.body[made:] if each not in calls and not _is_text(each)]
        if any(_says(each, "self") for each in self.before):
            if self.passed:
                raise _NeedsClass
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
        bound = [
            (name, f"partial({name}, self)" if each in self.bound else name)
            for each, name in ((each, self.names[each.name]) for each in self.methods)
            if not (self.kind == "items" and is_dunder(each.name))
        ]
        parts += [f"self.{name} = {value}" for name, value in (*bound, *self.given) if name[0] != "_"]
        parts += map(self.source, self.after)
        parts.append(
            "return [getitem(self, i) for i in range(length(self))]"
            if self.kind == "items"
            else "return self"
        )
        return f"def {self.name}({self.parameters}):\n" + indent("\n".join(parts), INDENT)

    def source(self, node: ast.stmt) -> str:
        """The text of a statement of the class: its lines and the comments above them as they were typed, where nothing in
        it changes and no string in it has lines that would be moved.
        """
        changed = self.private.visit(copy.deepcopy(node))
        if not node.lineno:
            return ast.unparse(ast.fix_missing_locations(changed))
        moved = node.col_offset != len(INDENT) and _has_text_of_lines(node)
        if moved or shares_a_line(node, self.lines) or ast.dump(changed) != ast.dump(node):
            return ast.unparse(ast.fix_missing_locations(changed))
        first = min(each.lineno for each in ast.walk(node) if isinstance(each, ast.stmt | ast.expr)) - 1
        while self.lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return dedent("\n".join(self.lines[first : node.end_lineno]))


class _Private(ast.NodeTransformer):
    """Calls of private methods as calls of the functions that they become, and private attributes under other names: such
    names are not the script's. A method that needs no module has no decorator any more.
    """

    def __init__(self, node: ast.ClassDef, names: dict[str, str], bound: set[str]) -> None:
        self.names = names
        self.private = {name for name in names if name[0] == "_"}
        self.bound = bound
        self.attributes = {
            each.attr
            for each in ast.walk(node)
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and each.attr[0] == "_"
        }
        used = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        public = [_public(name) for name in self.attributes]
        if (
            len({*public}) < len(public)
            or used.intersection(public)
            or used.intersection(names) & self.attributes
        ):
            raise _NeedsClass

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.names.get(node.name, node.name)
        node.decorator_list = [each for each in node.decorator_list if ast.unparse(each) != "staticmethod"]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Call(func=ast.Name(id="partial"), args=[function, ast.Name(id="self") as module]):
                return ast.Call(function, [module, *node.args], node.keywords)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Attribute(value=ast.Name(id="self") as module, attr=name) if name in self.private:
                function = ast.Name(self.names[name], ast.Load())
                bound = ast.Call(ast.Name("partial", ast.Load()), [function, module], [])
                return bound if name in self.bound else function
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in self.attributes:
                node.attr = _public(name)
        return node


def _public(name: str) -> str:
    """What a private attribute is called instead."""
    return f"{name.strip('_')}_"


def _named(node: ast.AST) -> set[str]:
    """The names that an expression or a statement reads."""
    return {
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }


def _bound_in(function: ast.FunctionDef) -> set[str]:
    """The names that a function binds: its parameters, and what is bound in it and in the functions within it."""
    return set[str]().union(*map(bound_anywhere, (function.args, *function.body)))


def _free(function: ast.FunctionDef) -> set[str]:
    """The names that a function reads and does not bind."""
    return _named(function) - _bound_in(function)


def _is_literal(node: ast.expr) -> bool:
    """Whether a value is written down, and cannot change."""
    if isinstance(node, ast.Tuple):
        return all(map(_is_literal, node.elts))
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


def _compares_objects(node: ast.AST) -> bool:
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


def _has_text_of_lines(node: ast.AST) -> bool:
    texts = (each for each in ast.walk(node) if isinstance(each, ast.Constant | ast.JoinedStr))
    return any(each.end_lineno != each.lineno for each in texts)


def _is_static(method: ast.FunctionDef) -> bool:
    return any(ast.unparse(each) == "staticmethod" for each in method.decorator_list)


def _takes_self(method: ast.FunctionDef) -> bool:
    own = method.args.posonlyargs or method.args.args
    return bool(own) and own[0].arg == "self"


def _says(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
