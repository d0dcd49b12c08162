"""The language has no classes: what to write instead of one, and how a class becomes a function that makes the same objects.

`class Net(nn.Module)` becomes `def Net(...)`: its body has the methods as they are, makes `self = nn.Module()`, binds the
methods to it with `functools.partial`, and goes on as `__init__` does. The rest of a script stays as it is: `net = Net(3)` and
`net(x)` mean the same, parameters keep their names, and a deep copy has methods of its own. The object of a plain class is a
module too, unless it holds layers or parameters, which a module would register, or is a dataclass: then it is a
`SimpleNamespace`. A dataset becomes the list of its items; where these may be others each time, the class that `type` makes of
its methods.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from textwrap import dedent
from typing import Final, Literal, NamedTuple

from tensorcli.language.rewriting.data import (
    ABSTRACT,
    NeedsClass,
    as_value,
    is_dataclass,
    is_only_passed,
    parents_of,
    takes_self,
)
from tensorcli.language.rewriting.items import may_differ, read_of_items
from tensorcli.language.rewriting.makers import Maker, Parent, compares_objects, parent_of
from tensorcli.language.rewriting.places import has_text_of_lines, is_text, shares_a_line
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
    (
        "Exception",
        "Error",
    ): "raise one of Python's exceptions, raise ValueError('...'); type('Name', (ValueError,), {}) is one of "
    "another name",
    ("",): "a def takes what self would hold as an argument: a dict, or a types.SimpleNamespace",
}
"""What to write instead of a class, by how the name of its base ends."""

HEAD: Final = re.compile(r"^([ \t]*)class\b[^:\n]*:", re.MULTILINE)
"""The head of a class."""
_IMPORTS = {
    "partial": "from functools import partial",
    "SimpleNamespace": "from types import SimpleNamespace",
    "namedtuple": "from collections import namedtuple",
}


def instead(base: str) -> str:
    """What to write instead of a class with this base (`nn.Module`; empty for none)."""
    return next(hint for endings, hint in _INSTEAD.items() if base.endswith(endings))


class Replaced(NamedTuple):
    """Lines of a text, counted from 1, and what stands there instead of a class."""

    first: int
    last: int
    text: str
    kind: Literal["module", "items", "plain", "function", "error", "value", "list"] = "module"
    """What the function gives: a module, the list of a dataset's items, what stands for an object of a plain class; of a class of
    functions or an exception the class itself stands there, of one of values what holds them, and of a function that yields one
    that gives a list."""
    lacks: str = ""
    """The class, where it is of modules and its `__init__` forgets to call that of its base."""


def as_blocks(text: str) -> str:
    """A text with its classes replaced by blocks of another kind, line by line, so that its other errors are found."""
    return HEAD.sub(r"\1if True:", text)


def in_the_way(tree: ast.Module, lines: list[str]) -> str:
    """What keeps a class of a text from being written as a function, and where; empty where nothing does."""
    try:
        list(_functions(tree, lines))
    except NeedsClass as needs:
        return f"line {needs.line}: {needs.words or 'it has what a function cannot have'}"
    return ""


def without_classes(tree: ast.Module, lines: list[str]) -> list[Replaced] | None:
    """What replaces each class of a text. None where a class has what a function cannot have: a parent of another kind, other
    special methods, properties, calls of its parent's methods, a name that is more than called.
    """
    try:
        return list(_functions(tree, lines))
    except NeedsClass:
        return None


def _functions(tree: ast.Module, lines: list[str]) -> Iterator[Replaced]:
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    custom = {node.name for node in classes if _is_custom(node)}
    errors = set[str]()
    for each in classes:
        if _is_error(each, errors):
            errors.add(each.name)
    values = {node.name: as_value(node, tree) for node in classes}
    remaining = {name for name, value in values.items() if value is None and name not in custom | errors}
    asked = _asked_of_classes(tree, classes, remaining)
    _refuse_abstract(classes, [node for node in ast.walk(tree) if isinstance(node, ast.Call)])
    imports = _Imports(tree)
    roots: dict[str, Parent | None] = dict.fromkeys(("nn", "torch", "Module"))
    for node in classes:
        if node not in tree.body:
            raise NeedsClass(f"{node.name} stands within another statement", node.lineno)
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        last = node.end_lineno or node.lineno
        value = values[node.name]
        if node.name in custom:
            yield Replaced(node.lineno, last, _custom(node, lines), "function")
        elif node.name in errors:
            text = f"{node.name} = type({node.name!r}, ({ast.unparse(node.bases[0])},), {{}})"
            yield Replaced(first, last, text, "error")
        elif value is not None:
            yield Replaced(first, last, imports.lacking([value[1]]) + value[0], "value")
        elif asked[node.name] <= {"*"} and (methods := _as_methods(node, tree, lines, roots)) is not None:
            yield Replaced(first, last, methods, "function")
        else:
            maker = _maker(node, tree, lines, roots)
            roots[node.name] = parent_of(node, maker.parent, maker.kind == "plain")
            held = maker.of_class(asked[node.name], tree) if asked[node.name] else ""
            lacks = node.name if maker.forgets else ""
            text = imports.lacking(maker.imports) + maker.function() + held
            yield Replaced(first, last, text, maker.kind, lacks)


class _Imports:
    """The imports that the replacements of classes need, each written once."""

    def __init__(self, tree: ast.Module) -> None:
        written = {ast.unparse(node) for node in tree.body}
        self.there = {name for name, text in _IMPORTS.items() if text in written}

    def lacking(self, wanted: list[str]) -> str:
        """The lines that import those of the names that are not there yet, and an empty one; nothing where all are."""
        lacking = [name for name in wanted if name and name not in self.there]
        self.there.update(lacking)
        return "".join(f"{_IMPORTS[name]}\n" for name in lacking) + "\n" * bool(lacking)


def _asked_of_classes(tree: ast.Module, classes: list[ast.ClassDef], names: set[str]) -> dict[str, set[str]]:
    """What is asked of each of these classes itself, where it is not called (`_asked`). Errors: NeedsClass."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {id(call.func) for call in calls}
    called.update(id(base) for node in classes for base in node.bases)
    called.update(id(each) for call in calls if ast.unparse(call.func) == "super" for each in call.args)
    called.update(id(each) for note in _annotations(tree) for each in ast.walk(note))
    parents = parents_of(tree)
    asked: dict[str, set[str]] = {name: set() for name in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names and id(node) not in called:
            asked[node.id] |= _asked(node, parents[id(node)])
    if any("*" in each for each in asked.values()) and _asks_for_kinds(tree):
        raise NeedsClass("a class is handed on, and objects are asked for their class")
    return asked


def _maker(node: ast.ClassDef, tree: ast.Module, lines: list[str], roots: dict[str, Parent | None]) -> Maker:
    """The parts of the function that makes the objects of a class. Errors: NeedsClass where no function can."""
    try:
        maker = Maker(node, lines, roots)
    except NeedsClass as needs:
        words = needs.words or f"{node.name} has what a function cannot have"
        raise NeedsClass(words, needs.line or node.lineno) from None
    if is_dataclass(node) and maker.methods and any(map(compares_objects, ast.walk(tree))):
        # Methods of a namespace are its own: two of them differ.
        raise NeedsClass(f"{node.name} is one of data with methods, and objects are compared", node.lineno)
    if maker.kind == "items":
        if may_differ(maker.methods, maker.init, tree):
            words = f"an item of {node.name} may be another one each time that it is read"
            raise NeedsClass(words, node.lineno)
        maker.read = read_of_items(node, {name for name, _ in maker.given}, tree)
    return maker


def _as_methods(
    node: ast.ClassDef, tree: ast.Module, lines: list[str], roots: dict[str, Parent | None]
) -> str | None:
    """A class of datasets that no list can stand for, by the class that `type` makes of its methods; None for another class."""
    base = ast.unparse(node.bases[0]) if len(node.bases) == 1 else ""
    if base.rpartition(".")[2] != "Dataset" or base in roots:
        return None
    try:
        _maker(node, tree, lines, roots)
    except NeedsClass:
        return _of_objects(node, lines, base)
    return None


def _of_objects(node: ast.ClassDef, lines: list[str], base: str) -> str | None:
    """The methods of a class as functions, and the class that `type` makes of them; None where that is not all it has."""
    parts, members = [], []
    if node.decorator_list or node.keywords:
        return None
    for item in node.body:
        match item:
            case ast.FunctionDef(name=name, decorator_list=[]) if takes_self(item) and name in _SPECIAL | {
                name.strip("_")
            }:
                plain = [each for each in item.body if not is_text(each)]
                body = [each for each in plain if not _begins_base(each)]
                if (
                    shares_a_line(item, lines)
                    or any(map(has_text_of_lines, body))
                    or any(map(_is_private_of_self, ast.walk(item)))
                    or "super"
                    in {each.id for one in body for each in ast.walk(one) if isinstance(each, ast.Name)}
                ):
                    return None
                function = f"{node.name}_{name.strip('_')}"
                text = dedent("\n".join(_without(lines, item, set(plain) - set(body)))) + "\n"
                parts.append(re.sub(rf"^def\s+{name}\b", f"def {function}", text))
                if not body:
                    parts[-1] = parts[-1].rstrip("\n") + "\n    pass\n"
                members.append(f"{name!r}: {function}")
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant()) if name[0] != "_":
                members.append(f"{name!r}: {ast.unparse(item.value)}")
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                return None
    return "\n".join([*parts, f"{node.name} = type({node.name!r}, ({base},), {{{', '.join(members)}}})"])


_SPECIAL: Final = {"__init__", "__len__", "__getitem__"}


def _begins_base(node: ast.stmt) -> bool:
    """`super().__init__()`, which does nothing for a dataset."""
    text = ast.unparse(node)
    return text.startswith("super(") and text.endswith(".__init__()")


def _is_private_of_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr[0] == "_" and ast.unparse(node.value) == "self"


def _without(lines: list[str], item: ast.stmt, left_out: set[ast.stmt]) -> list[str]:
    """The lines of a statement, but for those of some within it."""
    gone = {line for each in left_out for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)}
    return [
        lines[line - 1]
        for line in range(item.lineno, (item.end_lineno or item.lineno) + 1)
        if line not in gone
    ]


def _asked(node: ast.Name, place: ast.AST) -> set[str]:
    """What is asked of a class where its name is not called: one of its attributes, or all of them where it is handed on.
    Errors: NeedsClass.
    """
    match place:
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return {name}
    if is_only_passed(node, place):
        return {"*"}
    raise NeedsClass(f"{node.id} itself is asked for, as a class, and not called", node.lineno)


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


def _refuse_abstract(classes: list[ast.ClassDef], calls: list[ast.Call]) -> None:
    """Errors: NeedsClass for a call of a class with abstract methods, which Python refuses."""
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


_ERRORS: Final = {
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)
}


def _is_error(node: ast.ClassDef, errors: set[str]) -> bool:
    """Whether a class is an exception with another name, and nothing of its own. errors: those that the text has made."""
    bare = all(is_text(item) or isinstance(item, ast.Pass) for item in node.body)
    named = len(node.bases) == 1 and ast.unparse(node.bases[0]) in _ERRORS | errors
    return named and bare and not node.decorator_list and not node.keywords


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
                texts = map(has_text_of_lines, (each for each in item.body if not is_text(each)))
                if shares_a_line(item, lines) or any(texts):
                    raise NeedsClass
                text = dedent("\n".join(lines[item.lineno - 1 : item.end_lineno]))
                text = re.sub(rf"^def\s+{name}\b", f"def {node.name}_{name}", text)
                parts.append("".join(f"@{ast.unparse(each)}\n" for each in kept) + text + "\n")
                members.append(f"{name!r}: {node.name}_{name}")
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=bool())):
                members.append(f"{name!r}: {ast.unparse(item.value)}")
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise NeedsClass
    base = ast.unparse(node.bases[0])
    return "\n".join([*parts, f"{node.name} = type({node.name!r}, ({base},), {{{', '.join(members)}}})"])
