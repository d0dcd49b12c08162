"""Classes that only hold values, and what stands in their place.

A dataclass becomes a plain class with the `__init__` that its fields ask for. A named tuple stays one, made without a class. An
enumeration becomes a tuple of its members, which are tuples; a class of constants, of which no object is made, a namespace.
"""

from __future__ import annotations

import ast
import copy
import keyword
from collections.abc import Iterator
from typing import Final

from tensorcli.language.scopes import bound_anywhere, within


class NeedsClass(Exception):  # noqa: N818 - it is an answer, not an error
    """A class has what a function cannot have: what that is, if words can say it, and its line (0 for the class itself)."""

    def __init__(self, words: str = "", line: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.line = line


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


def with_init(node: ast.ClassDef) -> ast.ClassDef:
    """A class of data with the `__init__` that its fields ask for. Errors: NeedsClass."""
    taken, given, rest = [], [], []
    later: list[ast.stmt] = []
    for item in node.body:
        match item:
            case ast.AnnAssign(target=ast.Name(id=name)) if name[0] != "_":
                if {"ClassVar", "InitVar"} & named(item.annotation):
                    raise NeedsClass
                default, value = _default(item.value, name)
                taken.append(name + default)
                given.append(f"self.{name} = {value}")
            case ast.FunctionDef(name="__post_init__") if takes_self(item) and not item.args.args[1:]:
                if any(isinstance(each, ast.Return) for each in within(item.body)):
                    raise NeedsClass
                later = item.body
            case ast.FunctionDef(name="__init__"):
                raise NeedsClass("it is one of data, and has an __init__ of its own", item.lineno)
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
    """What a field's parameter has behind its name, and what the field becomes. Errors: NeedsClass."""
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
            raise NeedsClass
        case ast.List() | ast.Dict() | ast.Set():
            raise NeedsClass  # Python refuses one that all objects would share
        case ast.Call(func=function) if "field" in ast.unparse(function):
            raise NeedsClass
    return f"={ast.unparse(value)}", name


def named(node: ast.AST) -> set[str]:
    """The names that an expression or a statement reads."""
    return {
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }


def takes_self(method: ast.FunctionDef) -> bool:
    """Whether the first parameter of a method is called so."""
    own = method.args.posonlyargs or method.args.args
    return bool(own) and own[0].arg == "self"


def fields_are_all(tree: ast.Module) -> bool:
    """Whether what the objects of a text's classes of data hold are their fields, in which there are no other such objects."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = {node.name for node in classes}
    fields = set[str]()
    for node in filter(is_dataclass, classes):
        for item in _without_texts(node):
            if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
                return False
            # A note may be a text, or of anything.
            if named(item.annotation) & {*names, "Any", "object"} or isinstance(
                item.annotation, ast.Constant
            ):
                return False
            fields.add(item.target.id)
    return "copy" not in bound_anywhere(tree) and all(
        node.attr in fields
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store | ast.Del)
        and ast.unparse(node.value) != "self"
    )


_ASKING: Final = frozenset(
    "isinstance issubclass type vars dir id hash print str repr format getattr hasattr setattr delattr".split()
)
"""Builtins that ask for more of a class than to be called."""
ABSTRACT: Final = ("abstractmethod", "abc.abstractmethod", "ABC", "abc.ABC")


def names_of_kinds(tree: ast.Module) -> Iterator[ast.AST]:
    """What of a text names the modules that make a class one of data, an abstract one, or one of values: they go with it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _names_of_kind(node)
        found = node.returns if isinstance(node, ast.FunctionDef) else getattr(node, "annotation", None)
        if isinstance(found, ast.expr):
            yield from ast.walk(found)


def _names_of_kind(node: ast.ClassDef) -> Iterator[ast.AST]:
    if _ends(node) & {"Enum", "StrEnum", "NamedTuple", "TypedDict", "Protocol"}:
        yield from ast.walk(node)
        return
    for base in node.bases:
        if ast.unparse(base) in ABSTRACT:
            yield from ast.walk(base)
    for item in node.body:
        for each in getattr(item, "decorator_list", ()):
            if ast.unparse(each) in ABSTRACT:
                yield from ast.walk(each)
    if is_dataclass(node):
        for each in node.decorator_list:
            yield from ast.walk(each)
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.value, ast.Call):
                yield from ast.walk(item.value.func)


def _ends(node: ast.ClassDef) -> set[str]:
    return {ast.unparse(each).rpartition(".")[2] for each in node.bases}


def as_value(node: ast.ClassDef, tree: ast.Module) -> tuple[str, str] | None:
    """The text of the value that replaces a class, and the name that it imports; None for another class. Errors: NeedsClass."""
    ends = sorted(_ends(node))
    if ends == ["NamedTuple"]:
        return _tuple(node, tree), "namedtuple"
    if ends in (["Enum"], ["Enum", "str"], ["StrEnum"]):
        return _enumeration(node, tree, ends != ["Enum"]), "namedtuple"
    if ends in (["TypedDict"], ["Protocol"]):
        if node.decorator_list or _is_base(node, tree):
            raise NeedsClass
        return f"{node.name} = {'dict' if ends == ['TypedDict'] else 'object'}", ""
    if not node.decorator_list and ends in ([], ["object"]) and _is_namespace(node, tree):
        return _namespace(node), "SimpleNamespace"
    return None


def _is_base(node: ast.ClassDef, tree: ast.Module) -> bool:
    return any(
        node.name in named(base)
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
        for base in each.bases
    )


def _tuple(node: ast.ClassDef, tree: ast.Module) -> str:
    fields: list[str] = []
    defaults: list[str] = []
    if node.decorator_list or _is_base(node, tree):
        raise NeedsClass
    for item in _without_texts(node):
        match item:
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if name[0] != "_":
                fields.append(name)
                if value is not None:
                    if named(value) & {*fields}:
                        raise NeedsClass
                    defaults.append(ast.unparse(value))
            case _:
                raise NeedsClass
    given = f", defaults=[{', '.join(defaults)}]" if defaults else ""
    return f"{node.name} = namedtuple({node.name!r}, {fields!r}{given})"


def _enumeration(node: ast.ClassDef, tree: ast.Module, of_text: bool) -> str:
    """An enumeration as the tuple of its members: of text they are texts, and no one may ask for more of them."""
    members = _members(node, of_text)
    if node.decorator_list or node.keywords or not members or len({*members.values()}) < len(members):
        raise NeedsClass
    parents = parents_of(tree)
    for each in uses(node.name, tree):
        match parents[id(each)]:
            case ast.Attribute(attr=name, ctx=ast.Load()) if name in members:
                pass
            case ast.For(iter=items) | ast.comprehension(iter=items) if items is each:
                pass
            case _:
                raise NeedsClass("it is an enumeration, and asked for more than its members", each.lineno)
    if of_text and any(
        isinstance(each, ast.Attribute) and each.attr in ("value", "name") for each in ast.walk(tree)
    ):
        raise NeedsClass("it is an enumeration of texts, and .value or .name is asked for")
    name, names = node.name, [*members]
    if of_text:
        return f"{name} = namedtuple({name!r}, {names!r})({', '.join(members.values())})"
    made = ", ".join(f"{name}_({each!r}, {value}, {name!r})" for each, value in members.items())
    return f"{name}_ = namedtuple({name!r}, ['name', 'value', 'of'])\n{name} = namedtuple({name!r}, {names!r})({made})"


def _members(node: ast.ClassDef, of_text: bool) -> dict[str, str]:
    """The members of an enumeration, and the texts of their values. Errors: NeedsClass."""
    members: dict[str, str] = {}
    counted = [isinstance(getattr(item, "value", None), ast.Call) for item in _without_texts(node)]
    if any(counted) and (not all(counted) or of_text):
        raise NeedsClass
    for item in _without_texts(node):
        match item:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                name[0] != "_" and not hasattr(tuple, name) and not keyword.iskeyword(name)
            ):
                if ast.unparse(value) in ("auto()", "enum.auto()"):
                    members[name] = str(len(members) + 1)
                elif isinstance(value, ast.Constant) and (isinstance(value.value, str) or not of_text):
                    members[name] = ast.unparse(value)
                else:
                    raise NeedsClass
            case _:
                raise NeedsClass
    return members


def _is_namespace(node: ast.ClassDef, tree: ast.Module) -> bool:
    """Whether a class has no objects and no methods: only what it holds is asked for."""
    items = _without_texts(node)
    if not items or node.keywords or _is_base(node, tree):
        return False
    held: set[str] = set()
    for item in items:
        match item:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name[0] != "_":
                inner = [each for each in ast.walk(value) if isinstance(each, ast.Lambda | ast.comprehension)]
                if inner and named(value) & held:
                    return False  # a function in a class does not see what the class holds
                held.add(name)
            case _:
                return False
    parents = parents_of(tree)
    places = [(each, parents[id(each)]) for each in uses(node.name, tree)]
    return bool(places) and all(
        (isinstance(place, ast.Attribute) and place.attr in held) or is_only_passed(each, place)
        for each, place in places
    )


def _namespace(node: ast.ClassDef) -> str:
    parts, held = [f"{node.name} = SimpleNamespace()"], set[str]()
    for item in _without_texts(node):
        assert isinstance(item, ast.Assign | ast.AnnAssign)
        target = item.targets[0] if isinstance(item, ast.Assign) else item.target
        assert isinstance(target, ast.Name)
        assert item.value is not None
        value = _Held(node.name, held).visit(copy.deepcopy(item.value))
        parts.append(f"{node.name}.{target.id} = {ast.unparse(value)}")
        held.add(target.id)
    return "\n".join(parts)


class _Held(ast.NodeTransformer):
    """The names that a class holds as attributes of it."""

    def __init__(self, name: str, held: set[str]) -> None:
        self.name, self.held = name, held

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self.held:
            return node
        return ast.Attribute(ast.Name(self.name, ast.Load()), node.id, ast.Load())


def _without_texts(node: ast.ClassDef) -> list[ast.stmt]:
    return [
        each
        for each in node.body
        if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        and not isinstance(each, ast.Pass)
    ]


def parents_of(tree: ast.AST) -> dict[int, ast.AST]:
    """What each node of a tree stands in."""
    return {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def uses(name: str, tree: ast.AST) -> list[ast.Name]:
    """Where a name is read, but for what annotations say."""
    notes: set[int] = set()
    for node in ast.walk(tree):
        note = node.returns if isinstance(node, ast.FunctionDef) else getattr(node, "annotation", None)
        if isinstance(note, ast.expr):
            notes.update(id(each) for each in ast.walk(note))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == name and id(node) not in notes
    ]


def is_only_passed(node: ast.Name, place: ast.AST) -> bool:
    """Whether a name of a class is handed on, and nothing is asked of the class there."""
    if not isinstance(node.ctx, ast.Load):
        return False
    match place:
        case ast.Call(func=function):
            return function is not node and not (isinstance(function, ast.Name) and function.id in _ASKING)
        case ast.List() | ast.Tuple() | ast.Return() | ast.IfExp() | ast.arguments() | ast.keyword():
            return True
        case ast.Assign(targets=[ast.Name()]):
            return True
        case ast.Dict(values=values):
            return any(each is node for each in values)
    return False
