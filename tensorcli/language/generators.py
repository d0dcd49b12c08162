"""Functions that yield: their statements as generators of Python's own, on top of the statements.

What has no `yield` in it is compiled as everywhere. A statement that has one is a function of the frame that gives a generator:
it yields what the script yields, and returns what the statement's closure would. A `yield` stands alone, or is all that names
are bound to.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from tensorcli.language.functions import BREAK, CONTINUE, Code, Frame, ScriptGenerator
from tensorcli.language.scopes import Scope, yields
from tensorcli.language.statements import StatementCompiler, matches
from tensorcli.language.targets import Store

Steps = Callable[[Frame], Generator[Any, Any, Any]]


class GeneratorCompiler(StatementCompiler):
    """Compiles the bodies of functions, those of generators among them."""

    def body(self, nodes: list[ast.stmt], scope: Scope) -> Code:
        """The closure of a function's body; of one that yields, it gives the generator."""
        if not yields(nodes):
            return self.block(nodes, scope)
        steps, evaluator, name = self.steps(nodes, scope), self.evaluator, scope.name
        qualified = name if scope.parent is None else scope.parent.qualified(name)
        return lambda frame: (ScriptGenerator(name, qualified, steps(frame), evaluator),)

    def steps(self, nodes: list[ast.stmt], scope: Scope) -> Steps:
        """Several statements in order."""
        parts: list[tuple[Steps | None, Code | None]] = []
        plain: list[ast.stmt] = []
        for node in nodes:
            if not yields([node]):
                plain.append(node)
                continue
            if plain:
                parts.append((None, self.block(plain, scope)))
                plain = []
            parts.append((self.step(node, scope), None))
        if plain:
            parts.append((None, self.block(plain, scope)))

        def run(frame: Frame) -> Generator[Any, Any, Any]:
            for steps, code in parts:
                signal = (yield from steps(frame)) if steps is not None else code(frame)  # type: ignore[misc]
                if signal is not None:
                    return signal
            return None

        return run

    def step(self, node: ast.stmt, scope: Scope) -> Steps:
        """One statement that yields."""
        steps = YIELDING[type(node)](self, node, scope)
        before = self.evaluator.before
        if before is None:
            return steps

        def observed(frame: Frame) -> Generator[Any, Any, Any]:
            before(node)
            return (yield from steps(frame))

        return observed

    # Simple statements

    def yielded(self, node: ast.expr, scope: Scope) -> Steps:
        """`yield x`, or `yield from xs`, which returns what is sent, or what the other generator returned."""
        if isinstance(node, ast.YieldFrom):
            begin = self.iterator(node.value, scope)

            def delegate(frame: Frame, node: ast.AST = node) -> Generator[Any, Any, Any]:
                return (yield from begin(frame))

            return delegate
        assert isinstance(node, ast.Yield)
        value = self.expression(node.value, scope) if node.value is not None else None

        def run(frame: Frame, node: ast.AST = node) -> Generator[Any, Any, Any]:
            return (yield None if value is None else value(frame))

        return run

    def yielding_expression(self, node: ast.Expr, scope: Scope) -> Steps:
        value = self.yielded(node.value, scope)

        def run(frame: Frame) -> Generator[Any, Any, Any]:
            yield from value(frame)

        return run

    def yielding_assignment(self, node: ast.Assign | ast.AnnAssign, scope: Scope) -> Steps:
        assert node.value is not None
        value = self.yielded(node.value, scope)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        stores = [self.target(target, scope) for target in targets]

        def run(frame: Frame) -> Generator[Any, Any, Any]:
            result = yield from value(frame)
            for store in stores:
                store(frame, result)

        return run

    # Blocks

    def yielding_condition(self, node: ast.If, scope: Scope) -> Steps:
        test = self.expression(node.test, scope)
        body, orelse = self.steps(node.body, scope), self.steps(node.orelse, scope)

        def run(frame: Frame, node: ast.AST = node.test) -> Generator[Any, Any, Any]:
            return (yield from body(frame) if test(frame) else orelse(frame))

        return run

    def yielding_for(self, node: ast.For, scope: Scope) -> Steps:
        begin = self.iterator(node.iter, scope)
        store = self.target(node.target, scope)
        body, orelse = self.steps(node.body, scope), self.steps(node.orelse, scope)
        evaluator = self.evaluator

        def run(frame: Frame, node: ast.AST = node.iter) -> Generator[Any, Any, Any]:
            for item in begin(frame):
                store(frame, item)
                item = None  # the script alone holds it
                signal = yield from body(frame)
                if signal is not None and signal is not CONTINUE:
                    return None if signal is BREAK else signal
                if evaluator.until is not None:
                    evaluator.keep_time()
            return (yield from orelse(frame))

        return run

    def yielding_while(self, node: ast.While, scope: Scope) -> Steps:
        test = self.expression(node.test, scope)
        body, orelse = self.steps(node.body, scope), self.steps(node.orelse, scope)
        evaluator = self.evaluator

        def run(frame: Frame, node: ast.AST = node.test) -> Generator[Any, Any, Any]:
            while test(frame):
                signal = yield from body(frame)
                if signal is not None and signal is not CONTINUE:
                    return None if signal is BREAK else signal
                if evaluator.until is not None:
                    evaluator.keep_time()
            return (yield from orelse(frame))

        return run

    def yielding_with(self, node: ast.With, scope: Scope) -> Steps:
        steps = self.steps(node.body, scope)
        for item in reversed(node.items):
            steps = self.yielding_item(item, steps, scope)
        return steps

    def yielding_item(self, item: ast.withitem, body: Steps, scope: Scope) -> Steps:
        manager = self.expression(item.context_expr, scope)
        store = self.target(item.optional_vars, scope) if item.optional_vars is not None else None

        def run(frame: Frame, node: ast.AST = item.context_expr) -> Generator[Any, Any, Any]:
            with manager(frame) as value:
                if store is not None:
                    store(frame, value)
                return (yield from body(frame))
            return None

        return run

    def yielding_try(self, node: ast.Try, scope: Scope) -> Steps:
        steps = self.steps(node.body, scope)
        if node.handlers or node.orelse:
            handlers = [self.yielding_handler(each, scope) for each in node.handlers]
            steps = _handled(steps, self.steps(node.orelse, scope), handlers)
        return _finished(steps, self.steps(node.finalbody, scope)) if node.finalbody else steps

    def yielding_handler(
        self, node: ast.ExceptHandler, scope: Scope
    ) -> Callable[[Frame, BaseException], Generator[Any, Any, Any]]:
        """Runs a handler where it matches; it returns False where it does not."""
        kinds = self.expression(node.type, scope) if node.type is not None else None
        body = self.steps(node.body, scope)
        name = ast.Name(node.name or "", ast.Del())
        store: Store | None = self.name_target(node.name, scope) if node.name else None
        forget = self.name_deletion(ast.copy_location(name, node), scope)

        def run(
            frame: Frame, error: BaseException, node: ast.AST = node.type or node
        ) -> Generator[Any, Any, Any]:
            if kinds is not None and not matches(error, kinds(frame)):
                return False
            if store is None:
                return (yield from body(frame))
            store(frame, error)
            try:
                return (yield from body(frame))
            finally:
                with suppress(NameError):  # the handler may have deleted it itself
                    forget(frame)

        return run


def _handled(
    body: Steps, orelse: Steps, handlers: list[Callable[[Frame, BaseException], Generator[Any, Any, Any]]]
) -> Steps:
    def run(frame: Frame) -> Generator[Any, Any, Any]:
        try:
            signal = yield from body(frame)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            for handler in handlers:
                signal = yield from handler(frame, error)
                if signal is not False:
                    return signal
            raise
        return (yield from orelse(frame)) if signal is None else signal

    return run


def _finished(body: Steps, final: Steps) -> Steps:
    def run(frame: Frame) -> Generator[Any, Any, Any]:
        try:
            signal = yield from body(frame)
        except KeyboardInterrupt:
            raise
        except BaseException:
            override = yield from final(frame)
            if override is not None:
                return override
            raise
        override = yield from final(frame)
        return signal if override is None else override

    return run


YIELDING: dict[type[ast.stmt], Callable[[GeneratorCompiler, Any, Scope], Steps]] = {
    ast.Expr: GeneratorCompiler.yielding_expression,
    ast.Assign: GeneratorCompiler.yielding_assignment,
    ast.AnnAssign: GeneratorCompiler.yielding_assignment,
    ast.If: GeneratorCompiler.yielding_condition,
    ast.For: GeneratorCompiler.yielding_for,
    ast.While: GeneratorCompiler.yielding_while,
    ast.With: GeneratorCompiler.yielding_with,
    ast.Try: GeneratorCompiler.yielding_try,
}
