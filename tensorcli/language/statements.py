"""Statements compiled to closures, on top of the expressions.

The closure of a statement returns None when it runs through, BREAK or CONTINUE, or a tuple of one value for a return. Ctrl-C
passes every handler and every `finally` of the script, so that no loop can hold it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from typing import Any

from tensorcli.language.expressions import ExpressionCompiler, free_unbound, unbound
from tensorcli.language.functions import BREAK, CONTINUE, Code, Frame
from tensorcli.language.limits import IN_PLACE
from tensorcli.language.scopes import Scope
from tensorcli.language.targets import Store


class StatementCompiler(ExpressionCompiler):
    """Compiles statements and blocks for one evaluator."""

    def statement(self, node: ast.stmt, scope: Scope) -> Code:
        """The closure of a statement."""
        code = STATEMENTS[type(node)](self, node, scope)
        before = self.evaluator.before
        if before is None:
            return code

        def observed(frame: Frame) -> Any:
            before(node)
            return code(frame)

        return observed

    def block(self, nodes: list[ast.stmt], scope: Scope) -> Code:
        """The closure of several statements in order."""
        codes = [self.statement(node, scope) for node in nodes]
        if len(codes) == 1:
            return codes[0]

        def run(frame: Frame) -> Any:
            for code in codes:
                signal = code(frame)
                if signal is not None:
                    return signal
            return None

        return run

    # Simple statements

    def expression_statement(self, node: ast.Expr, scope: Scope) -> Code:
        value = self.expression(node.value, scope)

        def run(frame: Frame) -> None:
            value(frame)

        return run

    def assign(self, node: ast.Assign, scope: Scope) -> Code:
        value = self.expression(node.value, scope)
        stores = [self.target(target, scope) for target in node.targets]
        if len(stores) == 1:
            (only,) = stores

            def run_one(frame: Frame) -> None:
                only(frame, value(frame))

            return run_one

        def run(frame: Frame) -> None:
            result = value(frame)
            for store in stores:
                store(frame, result)

        return run

    def annotated(self, node: ast.AnnAssign, scope: Scope) -> Code:
        if node.value is None:
            return lambda frame: None
        value = self.expression(node.value, scope)
        store = self.target(node.target, scope)

        def run(frame: Frame) -> None:
            store(frame, value(frame))

        return run

    def augmented(self, node: ast.AugAssign, scope: Scope) -> Code:
        value = self.expression(node.value, scope)
        operate = IN_PLACE[type(node.op)]
        guards = self.evaluator.guards.tables[type(node.op)]
        target = node.target

        def compute(first: Any, second: Any) -> Any:
            guard = guards[type(first)]
            if guard is not None:
                guard(first, second)
            return operate(first, second)

        if isinstance(target, ast.Name):
            load = self.name(ast.copy_location(ast.Name(target.id, ast.Load()), target), scope)
            store = self.target(target, scope)

            def run_name(frame: Frame, node: ast.AST = node) -> None:
                store(frame, compute(load(frame), value(frame)))

            return run_name
        owner = self.expression(target.value, scope)
        if isinstance(target, ast.Attribute):
            name = target.attr
            read, write = self.evaluator.attributes.read, self.evaluator.attributes.write

            def run_attribute(frame: Frame, node: ast.AST = node) -> None:
                holder = owner(frame)
                write(holder, name, compute(read(holder, name), value(frame)))

            return run_attribute
        index = self.expression(target.slice, scope)
        write_item = self.evaluator.write_item

        def run_item(frame: Frame, node: ast.AST = node) -> None:
            holder, key = owner(frame), index(frame)
            write_item(holder, key, compute(holder[key], value(frame)))

        return run_item

    def delete(self, node: ast.Delete, scope: Scope) -> Code:
        codes = [each for target in node.targets for each in self.deletions(target, scope)]

        def run(frame: Frame) -> None:
            for code in codes:
                code(frame)

        return run

    def deletions(self, node: ast.expr, scope: Scope) -> list[Code]:
        if isinstance(node, ast.Tuple | ast.List):
            return [each for element in node.elts for each in self.deletions(element, scope)]
        if isinstance(node, ast.Name):
            return [self.name_deletion(node, scope)]
        if isinstance(node, ast.Attribute):
            owner, name = self.expression(node.value, scope), node.attr
            remove = self.evaluator.attributes.delete

            def delete_attribute(frame: Frame, node: ast.AST = node) -> None:
                remove(owner(frame), name)

            return [delete_attribute]
        assert isinstance(node, ast.Subscript)
        owner, index = self.expression(node.value, scope), self.expression(node.slice, scope)

        def delete_item(frame: Frame, node: ast.AST = node) -> None:
            del owner(frame)[index(frame)]

        return [delete_item]

    def name_deletion(self, node: ast.Name, scope: Scope) -> Code:
        name = node.id
        hops = scope.find(name)
        names = self.evaluator.names

        def run(frame: Frame, node: ast.AST = node) -> None:
            there: Any = frame
            for _ in range(hops or 0):
                there = there.up
            held = names if hops is None else there.names
            try:
                del held[name]
            except KeyError:
                if hops is not None:
                    raise (free_unbound(name) if hops else unbound(name)) from None
                raise NameError(f"name '{name}' is not defined", name=name) from None

        return run

    def assertion(self, node: ast.Assert, scope: Scope) -> Code:
        test = self.expression(node.test, scope)
        message = self.expression(node.msg, scope) if node.msg is not None else None

        def run(frame: Frame, node: ast.AST = node) -> None:
            if not test(frame):
                if message is None:
                    raise AssertionError
                raise AssertionError(message(frame))

        return run

    def raising(self, node: ast.Raise, scope: Scope) -> Code:
        error = self.expression(node.exc, scope) if node.exc is not None else None
        cause = self.expression(node.cause, scope) if node.cause is not None else None

        def run(frame: Frame, node: ast.AST = node) -> None:
            if error is None:
                active = sys.exc_info()[1]
                if active is None:
                    raise RuntimeError("No active exception to reraise")
                raise active
            raised = _exception(error(frame), "exceptions must derive from BaseException")
            if cause is None:
                raise raised
            reason = cause(frame)
            if reason is not None:
                reason = _exception(reason, "exception causes must derive from BaseException")
            raise raised from reason

        return run

    def returns(self, node: ast.Return, scope: Scope) -> Code:
        if node.value is None:
            return lambda frame: (None,)
        return self.returning(node.value, scope)

    def imports(self, node: ast.Import, scope: Scope) -> Code:
        find = self.evaluator.module
        steps = [
            (
                alias.name,
                alias.asname is not None,
                self.name_target(alias.asname or alias.name.split(".")[0], scope),
            )
            for alias in node.names
        ]

        def run(frame: Frame, node: ast.AST = node) -> None:
            for name, renamed, store in steps:
                found = find(name)
                store(frame, found if renamed else find(name.split(".")[0]))

        return run

    def imports_from(self, node: ast.ImportFrom, scope: Scope) -> Code:
        find = self.evaluator.imported
        module = node.module or ""
        if module == "__future__":  # what it asks for is as it asks already
            return lambda frame: None
        steps = [(alias.name, self.name_target(alias.asname or alias.name, scope)) for alias in node.names]

        def run(frame: Frame, node: ast.AST = node) -> None:
            for name, store in steps:
                store(frame, find(module, name))

        return run

    def definition(self, node: ast.FunctionDef, scope: Scope) -> Code:
        make = self.function(node, scope)
        store = self.name_target(node.name, scope)
        decorators = [(self.expression(each, scope), each) for each in node.decorator_list]
        prepared = self.evaluator.prepared

        def decorate(decorator: Any, function: Any, node: ast.AST) -> Any:
            return prepared(decorator, (function,))(function)

        def run(frame: Frame, node: ast.AST = node) -> None:
            made = [decorator(frame) for decorator, _ in decorators]
            function = make(frame)
            for decorator, (_, place) in zip(reversed(made), reversed(decorators), strict=True):
                function = decorate(decorator, function, place)
            store(frame, function)

        return run

    # Blocks

    def conditional_block(self, node: ast.If, scope: Scope) -> Code:
        test = self.expression(node.test, scope)
        body = self.block(node.body, scope)
        orelse = self.block(node.orelse, scope) if node.orelse else None

        def run(frame: Frame, node: ast.AST = node.test) -> Any:
            if test(frame):
                return body(frame)
            return orelse(frame) if orelse is not None else None

        return run

    def for_loop(self, node: ast.For, scope: Scope) -> Code:
        begin = self.iterator(node.iter, scope)
        store = self.target(node.target, scope)
        body = self.block(node.body, scope)
        orelse = self.block(node.orelse, scope) if node.orelse else None
        evaluator = self.evaluator

        def run(frame: Frame, node: ast.AST = node.iter) -> Any:
            for item in begin(frame):
                store(frame, item)
                item = None  # the script alone holds it: a name bound anew frees it
                signal = body(frame)
                if signal is not None and signal is not CONTINUE:
                    return None if signal is BREAK else signal
                if evaluator.until is not None:
                    evaluator.keep_time()
            return orelse(frame) if orelse is not None else None

        return run

    def while_loop(self, node: ast.While, scope: Scope) -> Code:
        test = self.expression(node.test, scope)
        body = self.block(node.body, scope)
        orelse = self.block(node.orelse, scope) if node.orelse else None
        evaluator = self.evaluator

        def run(frame: Frame, node: ast.AST = node.test) -> Any:
            while test(frame):
                signal = body(frame)
                if signal is not None and signal is not CONTINUE:
                    return None if signal is BREAK else signal
                if evaluator.until is not None:
                    evaluator.keep_time()
            return orelse(frame) if orelse is not None else None

        return run

    def with_block(self, node: ast.With, scope: Scope) -> Code:
        code = self.block(node.body, scope)
        for item in reversed(node.items):
            code = self.with_item(item, code, scope)
        return code

    def with_item(self, item: ast.withitem, body: Code, scope: Scope) -> Code:
        manager = self.expression(item.context_expr, scope)
        store = self.target(item.optional_vars, scope) if item.optional_vars is not None else None

        def run(frame: Frame, node: ast.AST = item.context_expr) -> Any:
            with manager(frame) as value:
                if store is not None:
                    store(frame, value)
                return body(frame)
            return None

        return run

    def trying(self, node: ast.Try, scope: Scope) -> Code:
        code = self.block(node.body, scope)
        orelse = self.block(node.orelse, scope) if node.orelse else None
        if node.handlers:
            code = self.handling(code, orelse, [self.handler(each, scope) for each in node.handlers])
        elif orelse is not None:
            code = self.handling(code, orelse, [])
        return self.finishing(code, self.block(node.finalbody, scope)) if node.finalbody else code

    def handler(self, node: ast.ExceptHandler, scope: Scope) -> Callable[[Frame, BaseException], Any]:
        """Runs a handler where it matches; False where it does not."""
        kinds = self.expression(node.type, scope) if node.type is not None else None
        body = self.block(node.body, scope)
        name = node.name
        store: Store | None = self.name_target(name, scope) if name else None
        hops = scope.find(name) if name else None
        names = self.evaluator.names

        def run(frame: Frame, error: BaseException, node: ast.AST = node.type or node) -> Any:
            if kinds is not None and not _matches(error, kinds(frame)):
                return False
            if store is None or name is None:
                return body(frame)
            store(frame, error)
            try:
                return body(frame)
            finally:
                there: Any = frame
                for _ in range(hops or 0):
                    there = there.up
                (names if hops is None else there.names).pop(name, None)

        return run

    def handling(
        self, body: Code, orelse: Code | None, handlers: list[Callable[[Frame, BaseException], Any]]
    ) -> Code:
        def run(frame: Frame) -> Any:
            try:
                signal = body(frame)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                for handler in handlers:
                    signal = handler(frame, error)
                    if signal is not False:
                        return signal
                raise
            return orelse(frame) if signal is None and orelse is not None else signal

        return run

    def finishing(self, body: Code, final: Code) -> Code:
        def run(frame: Frame) -> Any:
            try:
                signal = body(frame)
            except KeyboardInterrupt:
                raise
            except BaseException:
                override = final(frame)
                if override is not None:
                    return override
                raise
            override = final(frame)
            return signal if override is None else override

        return run


def _exception(value: Any, complaint: str) -> BaseException:
    if isinstance(value, type) and issubclass(value, BaseException):
        value = value()
    if not isinstance(value, BaseException):
        raise TypeError(complaint)
    return value


def _matches(error: BaseException, kinds: Any) -> bool:
    for kind in kinds if isinstance(kinds, tuple) else (kinds,):
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError("catching classes that do not inherit from BaseException is not allowed")
    return isinstance(error, kinds)


def _nothing(compiler: StatementCompiler, node: ast.stmt, scope: Scope) -> Code:
    return lambda frame: None


def _signal(signal: Any) -> Callable[[StatementCompiler, ast.stmt, Scope], Code]:
    return lambda compiler, node, scope: lambda frame: signal


STATEMENTS: dict[type[ast.stmt], Callable[[StatementCompiler, Any, Scope], Code]] = {
    ast.Expr: StatementCompiler.expression_statement,
    ast.Assign: StatementCompiler.assign,
    ast.AnnAssign: StatementCompiler.annotated,
    ast.AugAssign: StatementCompiler.augmented,
    ast.Delete: StatementCompiler.delete,
    ast.Assert: StatementCompiler.assertion,
    ast.Raise: StatementCompiler.raising,
    ast.Return: StatementCompiler.returns,
    ast.Import: StatementCompiler.imports,
    ast.ImportFrom: StatementCompiler.imports_from,
    ast.FunctionDef: StatementCompiler.definition,
    ast.If: StatementCompiler.conditional_block,
    ast.For: StatementCompiler.for_loop,
    ast.While: StatementCompiler.while_loop,
    ast.With: StatementCompiler.with_block,
    ast.Try: StatementCompiler.trying,
    ast.Break: _signal(BREAK),
    ast.Continue: _signal(CONTINUE),
    ast.Pass: _nothing,
    ast.Global: _nothing,
    ast.Nonlocal: _nothing,
}
