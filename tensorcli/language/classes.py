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

from tensorcli.language.data import (
    ABSTRACT,
    NeedsClass,
    as_value,
    is_dataclass,
    is_only_passed,
    named,
    parents_of,
    takes_self,
    with_init,
)
from tensorcli.language.items import may_differ, read_of_items
from tensorcli.language.private import Private
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
    "namedtuple": "from collections import namedtuple",
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
    kind: Literal["module", "items", "plain", "function", "value"] = "module"
    """What the function gives: a module, the list of a dataset's items, what stands for an object of a plain class; of a class of
    functions the class itself stands there, and of one of values what holds them."""
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
    except NeedsClass:
        return None


def _functions(tree: ast.Module, lines: list[str]) -> Iterator[Replaced]:
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {node.name for node in classes}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {id(call.func) for call in calls}
    called.update(id(base) for node in classes for base in node.bases)
    called.update(id(each) for call in calls if ast.unparse(call.func) == "super" for each in call.args)
    called.update(id(each) for note in _annotations(tree) for each in ast.walk(note))
    custom = {node.name for node in classes if _is_custom(node)}
    values = {node.name: as_value(node, tree) for node in classes}
    parents = parents_of(tree)
    asked: dict[str, set[str]] = {name: set() for name in names}
    """What is read of each class itself."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id not in names or id(node) in called:
            continue
        if node.id in custom or values[node.id] is not None:
            continue
        asked[node.id] |= _asked(node, parents[id(node)])
    if any("*" in each for each in asked.values()) and _asks_for_kinds(tree):
        raise NeedsClass
    _is_abstract(classes, calls)
    imported = {
        name for name, text in _IMPORTS.items() if any(ast.unparse(node) == text for node in tree.body)
    }

    def above(wanted: list[str]) -> str:
        lacking = [name for name in wanted if name and name not in imported]
        imported.update(lacking)
        return "".join(f"{_IMPORTS[name]}\n" for name in lacking) + "\n" * bool(lacking)

    roots = {"nn", "torch", "Module"}
    for node in classes:
        if node not in tree.body:
            raise NeedsClass
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        last = node.end_lineno or node.lineno
        value = values[node.name]
        if node.name in custom:
            yield Replaced(node.lineno, last, _custom(node, lines), "function")
            continue
        if value is not None:
            yield Replaced(first, last, above([value[1]]) + value[0], "value")
            continue
        maker = _Maker(node, lines, roots)
        if is_dataclass(node) and maker.methods and any(map(_compares_objects, ast.walk(tree))):
            raise NeedsClass  # methods of a namespace are its own: two of them differ
        if maker.kind == "items":
            if may_differ(maker.methods, maker.init, tree):
                raise NeedsClass
            maker.read = read_of_items(node, {name for name, _ in maker.given}, tree)
        roots.add(node.name)
        held = maker.of_class(asked[node.name], tree) if asked[node.name] else ""
        lacks = node.name if maker.forgets else ""
        yield Replaced(first, last, above(maker.imports) + maker.function() + held, maker.kind, lacks)


def _asked(node: ast.Name, place: ast.AST) -> set[str]:
    """What is asked of a class where its name is not called: one of its attributes, or all of them where it is handed on.
    Errors: NeedsClass.
    """
    match place:
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return {name}
    if is_only_passed(node, place):
        return {"*"}
    raise NeedsClass


def _asks_for_kinds(tree: ast.Module) -> bool:
    """Whether a text asks an object for its class, but for the name of that: a class that is handed on may be meant."""
    parents = parents_of(tree)
    return any(
        (
            (isinstance(node, ast.Call) and ast.unparse(node.func) == "type" and len(node.args) == 1)
            or (isinstance(node, ast.Attribute) and node.attr == "__class__")
        )
        and getattr(parents[id(node)], "attr", "") != "__name__"
        for node in ast.walk(tree)
    )


def _is_abstract(classes: list[ast.ClassDef], calls: list[ast.Call]) -> None:
    """Refuses a call of a class with abstract methods, which Python refuses. Errors: NeedsClass."""
    abstract = {
        node.name
        for node in classes
        for item in node.body
        if any(ast.unparse(each) in ABSTRACT for each in getattr(item, "decorator_list", ()))
    }
    if any(isinstance(call.func, ast.Name) and call.func.id in abstract for call in calls):
        raise NeedsClass


def _annotations(tree: ast.Module) -> Iterator[ast.expr]:
    """What annotations say, where a function may stand for a class: nothing is asked of it there but to be."""
    for node in ast.walk(tree):
        found = node.returns if isinstance(node, ast.FunctionDef) else getattr(node, "annotation", None)
        if isinstance(found, ast.expr) and not any(isinstance(each, ast.BinOp) for each in ast.walk(found)):
            yield found


def _is_custom(node: ast.ClassDef) -> bool:
    return len(node.bases) == 1 and ast.unparse(node.bases[0]).rpartition(".")[2] == "Function"


def _custom(node: ast.ClassDef, lines: list[str]) -> str:
    """The functions of a class of autograd.Function, and the class that `type` makes of them. Errors: NeedsClass."""
    if node.decorator_list or node.keywords:
        raise NeedsClass
    parts, members = [], []
    for item in node.body:
        match item:
            case ast.FunctionDef(name=name, decorator_list=decorators) if not is_dunder(name):
                kept = [each for each in decorators if ast.unparse(each) != "staticmethod"]
                texts = map(_has_text_of_lines, (each for each in item.body if not _is_text(each)))
                if kept or shares_a_line(item, lines) or any(texts):
                    raise NeedsClass
                text = dedent("\n".join(lines[item.lineno - 1 : item.end_lineno]))
                parts.append(re.sub(rf"^def\s+{name}\b", f"def {node.name}_{name}", text) + "\n")
                members.append(f"{name!r}: {node.name}_{name}")
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=bool())):
                members.append(f"{name!r}: {ast.unparse(item.value)}")
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise NeedsClass
    base = ast.unparse(node.bases[0])
    return "\n".join([*parts, f"{node.name} = type({node.name!r}, ({base},), {{{', '.join(members)}}})"])


class _Maker:
    """A class, sorted into the parts of the function that makes its objects. Errors: NeedsClass."""

    def __init__(self, node: ast.ClassDef, lines: list[str], roots: set[str]) -> None:
        of_data = is_dataclass(node)
        node = _concrete(with_init(node) if of_data else node)
        if node.decorator_list or node.keywords or len(node.bases) > 1:
            raise NeedsClass
        self.name = node.name
        self.base = ast.unparse(node.bases[0]) if node.bases else "object"
        self.kind: Literal["module", "items", "plain"] = "module"
        if self.base == "object" or self.base.rpartition(".")[2] == "Dataset":
            self.kind = "plain" if self.base == "object" else "items"
            registers = of_data or (self.kind == "plain" and any(map(_makes_layers, ast.walk(node))))
            self.base = _NAMESPACE if registers else _MODULE
        elif self.base.partition(".")[0] not in roots:
            raise NeedsClass
        self.lines = lines
        self.forgets = False
        self.read: list[str] = []
        """What the text reads of a dataset but its items."""
        self.before_it = ""
        """What it calls the `forward` of its parent, where it calls it."""
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
        self.private = Private(node, self.names, {each.name for each in self.bound}, self.before_it)
        if self._means_something_else(node):
            raise NeedsClass

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
                    raise NeedsClass
                self.methods.append(item)
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr())
            ):
                assert item.value is not None
                if name[0] == "_" or not _is_literal(item.value):
                    raise NeedsClass  # one object for all, which may change
                self.given.append((name, ast.unparse(item.value)))
            case ast.Expr(value=ast.Constant(value=str())):
                self.texts.append(item)
            case ast.Pass() | ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise NeedsClass

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
        calls = [each for each in item.body if _says(each, "super")]
        returns = any(isinstance(each, ast.Return) for each in within(item.body))
        self.init, self.passed = item, ""
        self.forgets = not calls and self.kind == "module"
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
        self.before = [each for each in item.body[:made] if not _is_text(each)]
        self.after = [each for each in item.body[made:] if each not in calls and not _is_text(each)]
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
        moved = node.col_offset != len(INDENT) and _has_text_of_lines(node)
        if moved or shares_a_line(node, self.lines) or ast.dump(changed) != ast.dump(node):
            return ast.unparse(ast.fix_missing_locations(changed))
        first = min(each.lineno for each in ast.walk(node) if isinstance(each, ast.stmt | ast.expr)) - 1
        while self.lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return dedent("\n".join(self.lines[first : node.end_lineno]))


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


def _says(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
