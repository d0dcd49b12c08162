"""Lists, tuples, sets, dicts, comprehensions and starred values, compiled to closures."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from tensorcli.language.functions import Code, Frame, GeneratorExpression
from tensorcli.language.scopes import Comprehension, Scope, comprehension_scope
from tensorcli.language.targets import Store, TargetCompiler


class DisplayCompiler(TargetCompiler):
    """Compiles displays and comprehensions for one evaluator."""

    def elements(
        self, nodes: list[ast.expr], scope: Scope, unpacking: str = "display"
    ) -> Callable[[Frame], list[Any]]:
        """The values of several expressions, starred ones unpacked."""
        if all(type(each) is ast.Constant for each in nodes):
            constants = [each.value for each in nodes if type(each) is ast.Constant]
            return lambda frame: constants.copy()
        codes = [
            self.expression(each.value if isinstance(each, ast.Starred) else each, scope) for each in nodes
        ]
        stars = [isinstance(each, ast.Starred) for each in nodes]
        if not any(stars):
            return lambda frame: [code(frame) for code in codes]
        guards = self.evaluator.guards

        def collect(frame: Frame, node: ast.AST = nodes[0]) -> list[Any]:
            values: list[Any] = []
            for starred, code in zip(stars, codes, strict=True):
                value = code(frame)
                if not starred:
                    values.append(value)
                    continue
                if type(value) in (list, tuple, str, dict, set):
                    guards.items(len(values) + len(value), "the unpacked values")
                    values.extend(value)
                    continue
                try:
                    iterator = iter(value)
                except TypeError:
                    if hasattr(type(value), "__iter__"):
                        raise
                    if unpacking == "call":
                        raise NotIterableError(type(value).__name__) from None
                    raise TypeError(
                        f"Value after * must be an iterable, not {type(value).__name__}"
                    ) from None
                if type(value) is range:
                    guards.range(value, "the unpacked values")
                values.extend(guards.bounded(iterator, "the unpacked values"))
            return values

        return collect

    def tuple_display(self, node: ast.Tuple, scope: Scope) -> Code:
        elements = self.elements(node.elts, scope)
        return lambda frame: tuple(elements(frame))

    def list_display(self, node: ast.List, scope: Scope) -> Code:
        return self.elements(node.elts, scope)

    def set_display(self, node: ast.Set, scope: Scope) -> Code:
        elements = self.elements(node.elts, scope)

        def make(frame: Frame, node: ast.AST = node) -> Any:
            return set(elements(frame))

        return make

    def dict_display(self, node: ast.Dict, scope: Scope) -> Code:
        pairs = [
            (self.expression(key, scope) if key is not None else None, self.expression(value, scope))
            for key, value in zip(node.keys, node.values, strict=True)
        ]

        def make(frame: Frame, node: ast.AST = node) -> Any:
            result: dict[Any, Any] = {}
            for key, value in pairs:
                if key is not None:
                    made = key(frame)
                    result[made] = value(frame)
                    continue
                given = value(frame)
                if not hasattr(given, "keys"):
                    raise TypeError(f"'{type(given).__name__}' object is not a mapping")
                result.update(given)
            return result

        return make

    # Comprehensions

    def loops(self, node: Comprehension, scope: Scope) -> tuple[Code, Callable[[Frame, Any], Iterator[None]]]:
        """What the first clause iterates over, and a generator that steps through all clauses."""
        inner = comprehension_scope(node, scope)
        first = self.iterator(node.generators[0].iter, scope)
        steps: list[tuple[Code | None, Store, list[Code], ast.AST]] = []
        for position, clause in enumerate(node.generators):
            source = self.iterator(clause.iter, inner) if position else None
            tests = [self.expression(test, inner) for test in clause.ifs]
            steps.append((source, self.target(clause.target, inner), tests, clause.iter))

        def walk(frame: Frame, values: Any, depth: int = 0) -> Iterator[None]:
            _, store, tests, node = steps[depth]  # noqa: RUF059 - read off the frame by locate
            following = steps[depth + 1][0] if depth + 1 < len(steps) else None
            for value in values:
                store(frame, value)
                for test in tests:
                    if not test(frame):
                        break
                else:
                    if following is None:
                        yield
                    else:
                        yield from walk(frame, following(frame), depth + 1)

        return first, walk

    def iterator(self, node: ast.expr, scope: Scope) -> Code:
        value = self.expression(node, scope)

        def begin(frame: Frame, node: ast.AST = node) -> Any:
            return iter(value(frame))

        return begin

    def list_comprehension(self, node: ast.ListComp, scope: Scope) -> Code:
        first, walk = self.loops(node, scope)
        element = self.expression(node.elt, comprehension_scope(node, scope))
        guards, limit = self.evaluator.guards, self.evaluator.limits.items

        def make(frame: Frame, node: ast.AST = node) -> Any:
            inner = Frame({}, frame)
            values: list[Any] = []
            for _ in walk(inner, first(frame)):
                values.append(element(inner))
                if len(values) > limit:
                    guards.items(len(values), "the list")
            return values

        return make

    def set_comprehension(self, node: ast.SetComp, scope: Scope) -> Code:
        first, walk = self.loops(node, scope)
        element = self.expression(node.elt, comprehension_scope(node, scope))
        guards, limit = self.evaluator.guards, self.evaluator.limits.items

        def make(frame: Frame, node: ast.AST = node) -> Any:
            inner = Frame({}, frame)
            values: set[Any] = set()
            for _ in walk(inner, first(frame)):
                values.add(element(inner))
                if len(values) > limit:
                    guards.items(len(values), "the set")
            return values

        return make

    def dict_comprehension(self, node: ast.DictComp, scope: Scope) -> Code:
        first, walk = self.loops(node, scope)
        own = comprehension_scope(node, scope)
        key, value = self.expression(node.key, own), self.expression(node.value, own)
        guards, limit = self.evaluator.guards, self.evaluator.limits.items

        def make(frame: Frame, node: ast.AST = node) -> Any:
            inner = Frame({}, frame)
            values: dict[Any, Any] = {}
            for _ in walk(inner, first(frame)):
                made = key(inner)
                values[made] = value(inner)
                if len(values) > limit:
                    guards.items(len(values), "the dict")
            return values

        return make

    def generator_expression(self, node: ast.GeneratorExp, scope: Scope) -> Code:
        _, walk = self.loops(node, scope)
        element = self.expression(node.elt, comprehension_scope(node, scope))
        source = self.expression(node.generators[0].iter, scope)

        def begin(frame: Frame, node: ast.AST = node.generators[0].iter) -> tuple[Any, Any]:
            value = source(frame)
            return value, iter(value)

        def generate(frame: Frame, values: Any, node: ast.AST = node) -> Iterator[Any]:
            for _ in walk(frame, values):
                yield element(frame)

        def make(frame: Frame, node: ast.AST = node) -> Any:
            value, iterator = begin(frame)
            return GeneratorExpression(generate(Frame({}, frame), iterator), value)

        return make


class NotIterableError(Exception):
    """A starred argument that cannot be iterated; the call that it stands in words the complaint."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
