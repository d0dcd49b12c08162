"""Where values go: names, attributes, items and lists of these, compiled into functions that store a value.

Also the root of the compilers: the table over node types, which the last of them fills.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcli.language.functions import Code, Frame
from tensorcli.language.scopes import Scope

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator

Store = Callable[[Frame, Any], None]


class TargetCompiler:
    """Compiles the targets of assignments for one evaluator."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.table: dict[type[ast.AST], Callable[[Any, Scope], Code]] = {}

    def expression(self, node: ast.expr, scope: Scope) -> Code:
        """The closure of an expression."""
        return self.table[type(node)](node, scope)

    def target(self, node: ast.expr, scope: Scope) -> Store:
        """The function that stores a value where an assignment's target says."""
        if isinstance(node, ast.Name):
            return self.name_target(node.id, scope)
        if isinstance(node, ast.Attribute):
            return self.attribute_target(node, scope)
        if isinstance(node, ast.Subscript):
            return self.item_target(node, scope)
        assert isinstance(node, ast.Tuple | ast.List)
        return self.unpacking_target(node, scope)

    def name_target(self, name: str, scope: Scope) -> Store:
        hops = scope.find(name)
        if hops is None:
            names = self.evaluator.names

            def store_global(frame: Frame, value: Any) -> None:
                names[name] = value

            return store_global
        if hops == 0:

            def store_local(frame: Frame, value: Any) -> None:
                frame.names[name] = value

            return store_local

        def store_free(frame: Frame, value: Any) -> None:
            there: Any = frame
            for _ in range(hops):
                there = there.up
            there.names[name] = value

        return store_free

    def attribute_target(self, node: ast.Attribute, scope: Scope) -> Store:
        owner = self.expression(node.value, scope)
        write = self.evaluator.attributes.write
        name = node.attr

        def store(frame: Frame, value: Any, node: ast.AST = node) -> None:
            write(owner(frame), name, value)

        return store

    def item_target(self, node: ast.Subscript, scope: Scope) -> Store:
        owner = self.expression(node.value, scope)
        index = self.expression(node.slice, scope)
        write = self.evaluator.write_item

        def store(frame: Frame, value: Any, node: ast.AST = node) -> None:
            container = owner(frame)
            write(container, index(frame), value)

        return store

    def unpacking_target(self, node: ast.Tuple | ast.List, scope: Scope) -> Store:
        stores = [
            self.target(each.value if isinstance(each, ast.Starred) else each, scope) for each in node.elts
        ]
        star = next((i for i, each in enumerate(node.elts) if isinstance(each, ast.Starred)), None)
        unpack = self.evaluator.unpack

        def store(frame: Frame, value: Any, node: ast.AST = node) -> None:
            for each, item in zip(stores, unpack(value, len(stores), star), strict=True):
                each(frame, item)

        return store
