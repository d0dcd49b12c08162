"""What the language refuses, found before anything runs: constructs, names and attributes, and misuses of
scope.

Works on finished trees, whose positions point into the text as typed. Every refusal says what can be
written instead.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from tensorcli.language.syntax import CommandCall, LanguageError, Span, Statement, span_of, walk
from tensorcli.language.vocabulary import CLASS_REFUSED, OPEN_DUNDERS, is_dunder, is_refused_private

REFUSED_NODES: dict[str, tuple[str, str]] = {
    "ClassDef": CLASS_REFUSED,
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

_LOOPS = (ast.For, ast.While)
_FUNCTIONS = (ast.FunctionDef, ast.Lambda)


def check(tree: ast.AST) -> None:
    """Raises LanguageError for the first refusal in the tree, in the order of the text."""
    found = sorted(_refusals(tree), key=lambda error: (error.span.line, error.span.column))
    if found:
        raise found[0]
    for error in _scopes(tree):
        raise error


def _refusals(tree: ast.AST) -> Iterator[LanguageError]:
    named_classes: set[int] = set()
    expected: set[int] = set()
    for node in walk(tree):
        kind = type(node).__name__
        if isinstance(node, ast.Try) and any(map(_catches_missing_modules, node.handlers)):
            expected.update(id(each) for part in node.body for each in ast.walk(part))
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in expected:
            yield from _module(node)
        if kind in REFUSED_NODES:
            message, hint = REFUSED_NODES[kind]
            yield LanguageError(message, _keyword_span(node), hint)
        elif isinstance(node, ast.Attribute):
            if node.attr == "__name__" and isinstance(node.value, ast.Attribute):
                named_classes.add(id(node.value))
            yield from _attribute(node, named_classes)
        elif isinstance(node, ast.Name):
            if is_dunder(node.id) and (node.id != "__name__" or not isinstance(node.ctx, ast.Load)):
                yield _name(node.id, node)
        elif isinstance(node, ast.ImportFrom):
            yield from _import(node)
        else:
            for name in _other_names(node):
                if is_dunder(name):
                    yield _name(name, node)


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
        yield LanguageError(
            f"attributes that begin with an underscore are private; {name} is not one that PyTorch shows",
            span_of(node),
        )


def _name(name: str, node: ast.AST) -> LanguageError:
    return LanguageError(
        f"names with two underscores on both sides, such as {name}, are not part of the language",
        span_of(node),
        _INSTEAD.get(name),
    )


_INSTEAD = {
    "__import__": "write import torch, import numpy, import copy or import math",
    "__dict__": "write the attribute's name",
    "__len__": "write len(x)",
    "__getitem__": "write x[i]",
    "__setitem__": "write x[i] = v",
    "__call__": "write f(x)",
    "__doc__": "write help NAME",
    "__builtins__": "the builtins are there by their names",
}


_ROOTS = frozenset({"torch", "numpy", "copy", "math"})


def _module(node: ast.Import | ast.ImportFrom) -> Iterator[LanguageError]:
    """Refuses modules that no script has; in a `try` that expects them to be missing they fail when they run."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "torch"]
    for name in names:
        if name.partition(".")[0] not in _ROOTS and not is_dunder(name):
            yield LanguageError(
                f"{name} cannot be imported here: a script has torch, numpy, copy and math",
                span_of(node),
                "leave the line out where the program does not need it",
            )


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
            "import * is not part of the language",
            span_of(node),
            f"name what you need, as in: from {node.module or 'torch'} import nn",
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


# Scope: what CPython's compiler refuses after its parser has agreed


def _scopes(tree: ast.AST) -> Iterator[LanguageError]:
    if isinstance(tree, ast.Module):
        yield from _block(tree.body, (), None, False)


def _block(
    nodes: Iterable[ast.AST], outer: tuple[set[str], ...], function: ast.AST | None, in_loop: bool
) -> Iterator[LanguageError]:
    for node in nodes:
        yield from _node(node, outer, function, in_loop)


def _node(
    node: ast.AST, outer: tuple[set[str], ...], function: ast.AST | None, in_loop: bool
) -> Iterator[LanguageError]:
    if isinstance(node, ast.Return) and function is None:
        yield LanguageError(
            "'return' stands outside a function", span_of(node), "write the value alone to show it"
        )
    elif isinstance(node, ast.Break | ast.Continue) and not in_loop:
        word = "break" if isinstance(node, ast.Break) else "continue"
        yield LanguageError(f"'{word}' stands outside a loop", span_of(node))
    elif isinstance(node, ast.Nonlocal):
        for name in node.names:
            if function is None:
                yield LanguageError("'nonlocal' stands outside a function", span_of(node), "write 'global'")
            elif not any(name in names for names in outer[:-1]):
                yield LanguageError(
                    f"no function around this one binds '{name}'", span_of(node), "write 'global'"
                )
    elif isinstance(node, ast.Starred | ast.Assign | ast.Delete | ast.Expr | ast.NamedExpr):
        yield from _stars(node)
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        yield from _function(node, outer)
        return
    if isinstance(node, _LOOPS):
        yield from _block(_fields(node, "body", "orelse"), outer, function, in_loop)
        yield from _block(node.body, outer, function, True)
        yield from _block(node.orelse, outer, function, in_loop)
        return
    if isinstance(node, ast.Try):
        handlers = node.handlers
        for handler in handlers[:-1]:
            if handler.type is None:
                yield LanguageError("a bare 'except:' stands last", span_of(handler))
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        yield from _comprehension(node)
    if isinstance(node, ast.Call):
        yield from _call(node)
    if isinstance(node, CommandCall):
        yield from _command(node)
    yield from _block(ast.iter_child_nodes(node), outer, function, in_loop)


def _fields(node: ast.AST, *skip: str) -> list[ast.AST]:
    return [
        child
        for name, value in ast.iter_fields(node)
        if name not in skip
        for child in (value if isinstance(value, list) else [value])
        if isinstance(child, ast.AST)
    ]


def _function(node: ast.FunctionDef | ast.Lambda, outer: tuple[set[str], ...]) -> Iterator[LanguageError]:
    arguments = node.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    parameters += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    seen: set[str] = set()
    for parameter in parameters:
        if parameter.arg in seen:
            yield LanguageError(f"two parameters have the name '{parameter.arg}'", span_of(parameter))
        seen.add(parameter.arg)
    yield from _block(
        [*arguments.defaults, *(each for each in arguments.kw_defaults if each)], outer, None, False
    )
    if isinstance(node, ast.Lambda):
        yield from _node(node.body, (*outer, seen), node, False)
        return
    yield from _block(node.decorator_list, outer, None, False)
    own = set(seen)
    for inner in _own_nodes(node.body):
        if isinstance(inner, ast.Global | ast.Nonlocal):
            for name in inner.names:
                word = "global" if isinstance(inner, ast.Global) else "nonlocal"
                if name in seen:
                    yield LanguageError(f"'{name}' is a parameter and cannot be {word}", span_of(inner))
                earlier = [each for each in _own_nodes(node.body) if _names(each, name)]
                if earlier and min(_place(each) for each in earlier) < _place(inner):
                    yield LanguageError(f"'{name}' is used before it is declared {word}", span_of(inner))
        own.update(_stored(inner))
    yield from _block(node.body, (*outer, own), node, False)


def _own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a function's body, those of functions within it left out."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _FUNCTIONS):
            pending.extend(ast.iter_child_nodes(node))


def _names(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _place(node: ast.AST) -> tuple[int, int]:
    span = span_of(node)
    return span.line, span.column


def _stored(node: ast.AST) -> Iterable[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.ExceptHandler):
        return [node.name] if node.name else []
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    return []


def _stars(node: ast.AST) -> Iterator[LanguageError]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Starred):
                yield _star(
                    target,
                    "a starred target stands in a list or a tuple",
                    f"write *{ast.unparse(target.value)}, = ...",
                )
            for each in ast.walk(target):
                if isinstance(each, ast.Tuple | ast.List):
                    stars = [element for element in each.elts if isinstance(element, ast.Starred)]
                    if len(stars) > 1:
                        yield _star(stars[1], "an assignment has one starred target at most", None)
        if isinstance(node.value, ast.Starred):
            yield _star(node.value, "a starred value stands in a list, a tuple or a call", None)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Starred):
        yield _star(node.value, "a starred value stands in a list, a tuple or a call", None)
    if isinstance(node, ast.Delete):
        for target in node.targets:
            if isinstance(target, ast.Starred):
                yield _star(target, "a starred value cannot be deleted", None)


def _star(node: ast.AST, message: str, hint: str | None) -> LanguageError:
    return LanguageError(message, span_of(node), hint)


def _comprehension(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
) -> Iterator[LanguageError]:
    targets = {
        each.id
        for clause in node.generators
        for each in ast.walk(clause.target)
        if isinstance(each, ast.Name)
    }
    for clause in node.generators:
        if clause.is_async:
            yield LanguageError("async is not part of the language", span_of(node), "write a plain 'for'")
        for each in ast.walk(clause.iter):
            if isinstance(each, ast.NamedExpr):
                yield LanguageError("':=' cannot stand in what a comprehension loops over", span_of(each))
    for each in ast.walk(node):
        if (
            isinstance(each, ast.NamedExpr)
            and isinstance(each.target, ast.Name)
            and each.target.id in targets
        ):
            yield LanguageError(
                f"':=' cannot bind '{each.target.id}', the comprehension's own name", span_of(each)
            )


def _call(node: ast.Call) -> Iterator[LanguageError]:
    seen: set[str] = set()
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg in seen:
            yield LanguageError(f"the argument '{keyword.arg}' is given twice", span_of(keyword))
        seen.add(keyword.arg or "")


def _command(node: CommandCall) -> Iterator[LanguageError]:
    for argument in node.invocation.arguments:
        value = argument.value
        if isinstance(value, Statement):
            yield from _scopes(ast.Module([value.tree], []))
