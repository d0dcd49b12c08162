"""What the language refuses, found before anything runs: constructs, names and attributes, and misuses of
scope.

Works on finished trees, whose positions point into the text as typed. Every refusal says what can be written instead. One
walk, level by level and without recursion, applies to each node the checks for its kind.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.scopes import bound_by, function_scope, parameters, within
from tensorcli.language.syntax import (
    CommandCall,
    LanguageError,
    Span,
    inner_fields,
    span_of,
    trees_of,
    walk,
)
from tensorcli.language.vocabulary import (
    CLASS_REFUSED,
    MODULES,
    OPEN_DUNDERS,
    STANDARD_MODULES,
    STAR_REFUSED,
    dunder_refused,
    is_dunder,
    is_refused_private,
    private_refused,
)

REFUSED_NODES: dict[str, tuple[str, str]] = {
    "ClassDef": (CLASS_REFUSED, ""),
    "AsyncFunctionDef": ("async is not part of the language", "write a plain 'def'"),
    "AsyncFor": ("async is not part of the language", "write a plain 'for'"),
    "AsyncWith": ("async is not part of the language", "write a plain 'with'"),
    "Await": ("await is not part of the language", "call the function"),
    "Match": ("match is not part of the language", "write 'if', 'elif' and 'else'"),
    "Yield": ("yield is not part of the language", "collect the values in a list and return it"),
    "YieldFrom": ("yield is not part of the language", "collect the values in a list and return it"),
    "TryStar": ("except* is not part of the language", "write 'except'"),
    "TypeAlias": ("type aliases are not part of the language", "leave the alias out"),
    "TemplateStr": ("t-strings are not part of the language", "write an f-string"),
}

MAX_DEPTH = 600
"""Deeper trees cannot be walked by recursion."""


class Context(NamedTuple):
    """Where a node stands: the names that the functions around it bind, the innermost function, whether in a
    loop of it.
    """

    outer: tuple[set[str], ...] = ()
    function: ast.AST | None = None
    in_loop: bool = False


TOP = Context()


def check(tree: ast.AST) -> int:
    """Raises LanguageError for the first refusal in the tree, in the order of the text; how deep the tree is."""
    asked = Walk()
    asked.check(tree)
    for found in (asked.refusals, asked.misuses):
        if found:
            raise min(found, key=lambda error: (error.span.line, error.span.column))
    return asked.depth


class Walk:
    """Collects what is refused in a tree: `refusals` of what the language does not have, and `misuses` of
    scope, which CPython's compiler refuses after its parser has agreed.
    """

    def __init__(self) -> None:
        self.refusals: list[LanguageError] = []
        self.misuses: list[LanguageError] = []
        self.depth = 0
        self.named_classes: set[int] = set()
        self.expected: set[int] = set()
        """The imports that may fail: those in a `try` that expects it."""
        self.parts: list[tuple[list[ast.AST], Context, int]] = []
        """What is still to be walked: nodes, where they stand, how deep."""

    def check(self, tree: ast.AST) -> None:
        self.parts.append(([tree], TOP, 0))
        while self.parts:
            level, context, depth = self.parts.pop()
            while level:
                depth += 1
                if depth > MAX_DEPTH:
                    raise _too_deep(level)
                level = self.level(level, context, depth)
            self.depth = max(self.depth, depth)

    def level(self, level: list[ast.AST], context: Context, depth: int) -> list[ast.AST]:
        """Ask nodes of one depth, and give those below them that stand in the same context."""
        below: list[ast.AST] = []
        node: Any  # narrowed by its exact type, which is what decides
        for node in level:
            kind = type(node)
            if kind is ast.Constant:
                continue
            if kind is ast.Name:
                name = node.id
                if name[:2] == "__" and is_dunder(name) and not _says_main(node):
                    self.refusals.append(_name(name, node))
                continue
            if kind is ast.Attribute:
                if node.attr[0] == "_":
                    if node.attr == "__name__" and type(node.value) is ast.Attribute:
                        self.named_classes.add(id(node.value))
                    self.refusals.extend(_attribute(node, self.named_classes))
                below.append(node.value)
                continue
            ask = QUESTIONS.get(kind, ())
            for refused in ask:
                refused(self, node, context)
            apart = self.apart(node, context, depth) if kind in APART else ()
            for name in inner_fields(kind):
                if name not in apart:
                    value = getattr(node, name, None)
                    if type(value) is list:
                        below.extend([each for each in value if isinstance(each, ast.AST)])
                    elif isinstance(value, ast.AST):
                        below.append(value)
        return below

    def apart(self, node: Any, context: Context, depth: int) -> tuple[str, ...]:
        """Put what stands elsewhere than the node itself among the parts; the fields that this was."""
        kind = type(node)
        if kind is CommandCall:
            self.parts.append((list(trees_of(node.invocation)), TOP, depth))
            return ()
        if kind is ast.Lambda:
            self.parts.append(([node.body], _inside(node, context), depth))
        elif kind is ast.FunctionDef:
            self.parts.append((node.body, _inside(node, context), depth))
        else:
            self.parts.append((node.body, context._replace(in_loop=True), depth))
        return ("body",)

    # ---- what is asked of the nodes of a kind

    def refused(self, node: ast.AST, context: Context) -> None:
        message, hint = REFUSED_NODES[type(node).__name__]
        self.refusals.append(LanguageError(message, _keyword_span(node), hint))

    def identifiers(self, node: ast.AST, context: Context) -> None:
        for name in _other_names(node):
            if is_dunder(name):
                self.refusals.append(_name(name, node))

    def imports(self, node: ast.Import | ast.ImportFrom, context: Context) -> None:
        if id(node) not in self.expected:
            self.refusals.extend(_module(node))
        if isinstance(node, ast.ImportFrom):
            self.refusals.extend(_import(node))

    def attempt(self, node: ast.Try, context: Context) -> None:
        if any(map(_catches_missing_modules, node.handlers)):
            inside = (each for part in node.body for each in walk(part))
            self.expected.update(id(each) for each in inside if isinstance(each, ast.Import | ast.ImportFrom))
        for handler in node.handlers[:-1]:
            if handler.type is None:
                self.misuse("a bare 'except:' stands last", handler)

    def misuse(self, message: str, node: ast.AST, hint: str | None = None) -> None:
        self.misuses.append(LanguageError(message, span_of(node), hint))

    def returns(self, node: ast.Return, context: Context) -> None:
        if context.function is None:
            self.misuse("'return' stands outside a function", node, "write the value alone to show it")

    def jumps(self, node: ast.Break | ast.Continue, context: Context) -> None:
        if not context.in_loop:
            word = "break" if isinstance(node, ast.Break) else "continue"
            self.misuse(f"'{word}' stands outside a loop", node)

    def nonlocals(self, node: ast.Nonlocal, context: Context) -> None:
        for name in node.names:
            if context.function is None:
                self.misuse("'nonlocal' stands outside a function", node, "write 'global'")
            elif not any(name in names for names in context.outer[:-1]):
                self.misuse(f"no function around this one binds '{name}'", node, "write 'global'")

    def function(self, node: ast.FunctionDef | ast.Lambda, context: Context) -> None:
        seen: set[str] = set()
        for parameter in parameters(node):
            if parameter.arg in seen:
                self.misuse(f"two parameters have the name '{parameter.arg}'", parameter)
            seen.add(parameter.arg)
        if isinstance(node, ast.Lambda):
            return
        for inner in within(node.body):
            if isinstance(inner, ast.Global | ast.Nonlocal):
                word = "global" if isinstance(inner, ast.Global) else "nonlocal"
                for name in inner.names:
                    if name in seen:
                        self.misuse(f"'{name}' is a parameter and cannot be {word}", inner)
                    earlier = [each for each in within(node.body) if _names(each, name)]
                    if earlier and min(_place(each) for each in earlier) < _place(inner):
                        self.misuse(f"'{name}' is used before it is declared {word}", inner)

    def assigns(self, node: ast.Assign, context: Context) -> None:
        for target in node.targets:
            if type(target) is ast.Name:
                continue
            if isinstance(target, ast.Starred):
                hint = f"write *{ast.unparse(target.value)}, = ..."
                self.misuse("a starred target stands in a list or a tuple", target, hint)
            for each in walk(target):
                if isinstance(each, ast.Tuple | ast.List):
                    stars = [element for element in each.elts if isinstance(element, ast.Starred)]
                    if len(stars) > 1:
                        self.misuse("an assignment has one starred target at most", stars[1])
        self.value(node, context)

    def value(self, node: ast.Assign | ast.Expr, context: Context) -> None:
        if isinstance(node.value, ast.Starred):
            self.misuse("a starred value stands in a list, a tuple or a call", node.value)

    def deletes(self, node: ast.Delete, context: Context) -> None:
        for target in node.targets:
            if isinstance(target, ast.Starred):
                self.misuse("a starred value cannot be deleted", target)

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, context: Context
    ) -> None:
        targets = {
            each.id
            for clause in node.generators
            for each in walk(clause.target)
            if isinstance(each, ast.Name)
        }
        for clause in node.generators:
            if clause.is_async:
                self.misuse("async is not part of the language", node, "write a plain 'for'")
            for each in walk(clause.iter):
                if isinstance(each, ast.NamedExpr):
                    self.misuse("':=' cannot stand in what a comprehension loops over", each)
        for each in walk(node):
            if isinstance(each, ast.NamedExpr) and each.target.id in targets:
                self.misuse(f"':=' cannot bind '{each.target.id}', the comprehension's own name", each)

    def call(self, node: ast.Call, context: Context) -> None:
        if len(node.keywords) < 2:
            return
        seen: set[str] = set()
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg in seen:
                self.misuse(f"the argument '{keyword.arg}' is given twice", keyword)
            seen.add(keyword.arg or "")


APART = frozenset({CommandCall, ast.Lambda, ast.FunctionDef, ast.For, ast.While})
"""The kinds of nodes of which a part stands in another context."""
QUESTIONS: dict[type[ast.AST], tuple[Callable[[Walk, Any, Context], None], ...]] = {
    **{kind: (Walk.refused,) for name in REFUSED_NODES if (kind := getattr(ast, name, None)) is not None},
    **dict.fromkeys((ast.arg, ast.keyword, ast.ExceptHandler, ast.Global), (Walk.identifiers,)),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), (Walk.comprehension,)),
    ast.Nonlocal: (Walk.identifiers, Walk.nonlocals),
    ast.Import: (Walk.imports, Walk.identifiers),
    ast.ImportFrom: (Walk.imports,),
    ast.FunctionDef: (Walk.identifiers, Walk.function),
    ast.Lambda: (Walk.function,),
    ast.Try: (Walk.attempt,),
    ast.Return: (Walk.returns,),
    ast.Break: (Walk.jumps,),
    ast.Continue: (Walk.jumps,),
    ast.Assign: (Walk.assigns,),
    ast.Expr: (Walk.value,),
    ast.Delete: (Walk.deletes,),
    ast.Call: (Walk.call,),
}


def _says_main(node: ast.Name) -> bool:
    """Whether a name is `__name__`, read."""
    return node.id == "__name__" and isinstance(node.ctx, ast.Load)


def _too_deep(level: list[ast.AST]) -> LanguageError:
    line = next((each.lineno for each in level if isinstance(each, ast.expr | ast.stmt)), 1)
    return LanguageError(
        f"this is nested more than {MAX_DEPTH} deep",
        Span(line, 0, line, 0),
        "give the parts names of their own",
    )


def _attribute(node: ast.Attribute, named_classes: set[int]) -> Iterator[LanguageError]:
    name = node.attr
    if name == "__class__":
        if id(node) not in named_classes or not isinstance(node.ctx, ast.Load):
            yield LanguageError(
                "__class__ stands only in .__class__.__name__",
                span_of(node),
                "write type(x), or type(x).__name__",
            )
    elif is_dunder(name):
        if name not in OPEN_DUNDERS or not isinstance(node.ctx, ast.Load):
            yield _name(name, node)
    elif is_refused_private(name):
        yield LanguageError(private_refused(name), span_of(node), _INSTEAD.get(name))


def _name(name: str, node: ast.AST) -> LanguageError:
    return LanguageError(dunder_refused(name), span_of(node), _INSTEAD.get(name))


_INSTEAD = {
    "_modules": "write m.named_children(), m.get_submodule(name) and m.add_module(name, module)",
    "_parameters": "write m.named_parameters(recurse=False), m.get_parameter(name) and m.register_parameter(name, parameter)",
    "_buffers": "write m.named_buffers(recurse=False), m.get_buffer(name) and m.register_buffer(name, tensor)",
    "__import__": "write import torch, import numpy, import copy or import math",
    "__dict__": "an attribute is read by its name: x.grad, x.shape",
    "__len__": "write len(x)",
    "__getitem__": "write x[i]",
    "__setitem__": "write x[i] = v",
    "__call__": "write f(x)",
    "__doc__": "write help NAME",
    "__builtins__": "the builtins are there by their names",
}


LOGS = "torch.utils.tensorboard"
"""A part of PyTorch that only shows what a script does."""


def has_module(name: str) -> bool:
    """Whether a script can import a module of this name, as far as is known before it runs."""
    if name.startswith(LOGS):
        return False
    return name.partition(".")[0] in MODULES or name in STANDARD_MODULES


def _module(node: ast.Import | ast.ImportFrom) -> Iterator[LanguageError]:
    """Refuses modules that no script has; in a `try` that expects them to be missing they fail when they run."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "torch"]
    for name in names:
        if not has_module(name) and not is_dunder(name):
            hint = "leave the line out where the program does not need it; of Python's library there is also "
            hint += ", ".join(sorted(STANDARD_MODULES))
            if name.startswith(LOGS):
                hint = "nothing is measured here; the tables say what each statement did"
            meant = did_you_mean(near(name.partition(".")[0], MODULES | STANDARD_MODULES, 1))
            message = f"{name} cannot be imported here: a script has torch, numpy, copy and math"
            yield LanguageError(message, span_of(node), meant or hint)


def _catches_missing_modules(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None
        or (
            isinstance(kind, ast.Name)
            and kind.id in ("ImportError", "ModuleNotFoundError", "Exception", "BaseException")
        )
        for kind in kinds
    )


def _import(node: ast.ImportFrom) -> Iterator[LanguageError]:
    if any(alias.name == "*" for alias in node.names):
        yield LanguageError(
            STAR_REFUSED,
            span_of(node),
            "name what you need, as in: from torch import nn",
        )
    elif node.level:
        yield LanguageError("a script has no package to import from", span_of(node), "write import torch")
    for alias in node.names:
        for name in (alias.name, alias.asname or ""):
            if is_dunder(name):
                yield _name(name, node)


def _other_names(node: ast.AST) -> Iterable[str]:
    """The identifiers that a node holds as plain text."""
    if isinstance(node, ast.arg | ast.keyword):
        return [node.arg or ""]
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.ExceptHandler):
        return [node.name or ""]
    if isinstance(node, ast.Global | ast.Nonlocal):
        return node.names
    if isinstance(node, ast.Import):
        return [name for alias in node.names for name in (*alias.name.split("."), alias.asname or "")]
    return ()


def _keyword_span(node: ast.AST) -> Span:
    """The place of a refused construct: its first line's beginning, not its whole body."""
    span = span_of(node)
    words = {"ClassDef": 5, "Match": 5, "Yield": 5, "YieldFrom": 5, "Await": 5}
    length = words.get(type(node).__name__)
    if length is None:
        return span
    return Span(span.line, span.column, span.line, span.column + length)


def _inside(node: ast.FunctionDef | ast.Lambda, context: Context) -> Context:
    """Where the body of a function stands."""
    return Context((*context.outer, function_scope(node).own), node)


def _names(node: ast.AST, name: str) -> bool:
    """Whether a node reads a name or binds it; CPython lets a name be imported before it is declared."""
    if isinstance(node, ast.Name):
        return node.id == name
    return not isinstance(node, ast.Import | ast.ImportFrom) and name in bound_by(node)


def _place(node: ast.AST) -> tuple[int, int]:
    span = span_of(node)
    return span.line, span.column
