"""Which scope a name belongs to: decided from the tree, once, as CPython's compiler decides it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Literal

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Scope:
    """A module, a function or a comprehension, with the names that are its own."""

    def __init__(
        self,
        kind: Literal["module", "function", "comprehension"],
        parent: Scope | None = None,
        own: set[str] | None = None,
    ) -> None:
        self.kind = kind
        self.parent = parent
        self.own = own if own is not None else set()
        self.global_names: set[str] = set()
        self.name = ""

    def find(self, name: str) -> int | None:
        """How many frames up the name lives; None for a global one."""
        scope: Scope | None = self
        hops = 0
        while scope is not None and scope.kind != "module":
            if name in scope.global_names:
                return None
            if name in scope.own:
                return hops
            scope, hops = scope.parent, hops + 1
        return None

    def qualified(self, name: str) -> str:
        """The name with those of the functions around it, as Python qualifies it."""
        parts: list[str] = [name]
        scope: Scope | None = self
        while scope is not None and scope.kind != "module":
            if scope.kind == "function":
                parts += ["<locals>", scope.name]
            scope = scope.parent
        return ".".join(reversed(parts))


def function_scope(node: ast.FunctionDef | ast.Lambda, parent: Scope | None = None) -> Scope:
    """The scope of a function's body."""
    scope = Scope("function", parent, {each.arg for each in parameters(node)})
    scope.name = node.name if isinstance(node, ast.FunctionDef) else "<lambda>"
    outer: set[str] = set()
    body: Iterable[ast.AST] = node.body if isinstance(node, ast.FunctionDef) else [node.body]
    for inner in within(body):
        if isinstance(inner, ast.Global):
            scope.global_names.update(inner.names)
        elif isinstance(inner, ast.Nonlocal):
            outer.update(inner.names)
        else:
            scope.own.update(bound_by(inner))
    scope.own -= outer | scope.global_names
    return scope


def parameters(node: ast.FunctionDef | ast.Lambda) -> list[ast.arg]:
    """The parameters of a function, those that take the rest behind the others."""
    given = node.args
    rest = [each for each in (given.vararg, given.kwarg) if each is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *rest]


def comprehension_scope(node: Comprehension, parent: Scope) -> Scope:
    """The scope of a comprehension: its targets' names."""
    names = {
        each.id
        for clause in node.generators
        for each in ast.walk(clause.target)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    return Scope("comprehension", parent, names)


def within(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a scope:

    not of the functions in it; of comprehensions only what ':=' binds outside them.
    """
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.FunctionDef):
            pending += [
                *node.decorator_list,
                *node.args.defaults,
                *(each for each in node.args.kw_defaults if each),
                *(each.annotation for each in parameters(node) if each.annotation),
                *([node.returns] if node.returns else []),
            ]
        elif isinstance(node, ast.Lambda):
            pending += [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
        elif isinstance(node, Comprehension):
            yield from (each for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            pending.append(node.generators[0].iter)
        else:
            pending.extend(ast.iter_child_nodes(node))


def bound_by(node: ast.AST) -> Iterable[str]:
    """The names that one node binds in its scope."""
    if isinstance(node, ast.Name):
        return () if isinstance(node.ctx, ast.Load) else (node.id,)
    if isinstance(node, ast.NamedExpr):
        return (node.target.id,)
    if isinstance(node, ast.FunctionDef):
        return (node.name,)
    if isinstance(node, ast.ExceptHandler):
        return (node.name,) if node.name else ()
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names]
    return ()


def bound_anywhere(tree: ast.AST) -> set[str]:
    """The names that a tree binds in any of its scopes, parameters among them."""
    return {
        name
        for node in ast.walk(tree)
        for name in ((node.arg,) if isinstance(node, ast.arg) else bound_by(node))
    }
