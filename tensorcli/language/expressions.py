"""Expressions compiled to closures: a table over node types turns each node, once, into a function of the frame.

Every closure holds its node in a local named `node`. That is how the traceback of an exception and the running stack are turned
into places in the script, at no cost while nothing fails. The evaluator is known only through its public methods.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcli.language.builtin_objects import MISSING
from tensorcli.language.displays import DisplayCompiler, NotIterableError
from tensorcli.language.functions import (
    Code,
    Frame,
    ScriptFunction,
    binder_code,
    make_binder,
)
from tensorcli.language.limits import BINARY, COMPARE, UNARY
from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import FUNCTIONS
from tensorcli.language.scopes import Scope, function_scope
from tensorcli.language.syntax import CommandCall

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator


class ExpressionCompiler(DisplayCompiler):
    """Compiles expressions for one evaluator."""

    def __init__(self, evaluator: Evaluator) -> None:
        super().__init__(evaluator)
        self.table = {
            ast.Constant: self.constant,
            ast.Name: self.name,
            ast.Attribute: self.attribute,
            ast.Subscript: self.subscript,
            ast.Slice: self.slice_expression,
            ast.Call: self.call,
            ast.BinOp: self.binary,
            ast.UnaryOp: self.unary,
            ast.BoolOp: self.boolean,
            ast.Compare: self.compare,
            ast.IfExp: self.conditional,
            ast.NamedExpr: self.named,
            ast.Lambda: self.function,
            ast.Tuple: self.tuple_display,
            ast.List: self.list_display,
            ast.Set: self.set_display,
            ast.Dict: self.dict_display,
            ast.ListComp: self.list_comprehension,
            ast.SetComp: self.set_comprehension,
            ast.DictComp: self.dict_comprehension,
            ast.GeneratorExp: self.generator_expression,
            ast.JoinedStr: self.joined,
            ast.FormattedValue: self.formatted,
            CommandCall: self.command,
        }

    # Names and constants

    def constant(self, node: ast.Constant, scope: Scope) -> Code:
        value = node.value
        return lambda frame: value

    def name(self, node: ast.Name, scope: Scope) -> Code:
        name = node.id
        hops = scope.find(name)
        if hops is None:
            return self.global_name(node)
        if hops == 0:

            def local(frame: Frame, node: ast.AST = node) -> Any:
                try:
                    return frame.names[name]
                except KeyError:
                    raise unbound(name) from None

            return local

        def free(frame: Frame, node: ast.AST = node) -> Any:
            there: Any = frame
            for _ in range(hops):
                there = there.up
            try:
                return there.names[name]
            except KeyError:
                raise free_unbound(name) from None

        return free

    def global_name(self, node: ast.Name) -> Code:
        name = node.id
        names = self.evaluator.names
        fallback = self.evaluator.fallback

        def load(frame: Frame, node: ast.AST = node) -> Any:
            value = names.get(name, MISSING)
            return fallback(name) if value is MISSING else value

        return load

    def named(self, node: ast.NamedExpr, scope: Scope) -> Code:
        value = self.expression(node.value, scope)
        store = self.target(node.target, scope)

        def assign(frame: Frame) -> Any:
            result = value(frame)
            store(frame, result)
            return result

        return assign

    # Attributes, items, calls

    def attribute(self, node: ast.Attribute, scope: Scope) -> Code:
        """An attribute that is looked at: a function in C is told of as one."""
        name = node.attr
        if name == "__name__" and isinstance(node.value, ast.Attribute) and node.value.attr == "__class__":
            owner = self.expression(node.value.value, scope)
            return lambda frame: type(owner(frame)).__name__
        value = self.expression(node.value, scope)
        plain, read = self.evaluator.attributes.plain, self.evaluator.attributes.shown

        def load(frame: Frame, node: ast.AST = node) -> Any:
            owner = value(frame)
            if (type(owner), name) in plain:
                found = getattr(owner, name)
                if type(found) not in FUNCTIONS:
                    return found
            return read(owner, name)

        return load

    def callee(self, node: ast.expr, scope: Scope) -> Code:
        """What is called, as it is."""
        if not isinstance(node, ast.Attribute):
            return self.expression(node, scope)
        name = node.attr
        value = self.expression(node.value, scope)
        plain = self.evaluator.attributes.plain
        read = self.evaluator.attributes.read

        def load(frame: Frame, node: ast.AST = node) -> Any:
            owner = value(frame)
            if (type(owner), name) in plain:
                return getattr(owner, name)
            if type(owner) is Namespace:
                try:
                    return owner.members[name]
                except KeyError:
                    pass
            return read(owner, name)

        return load

    def subscript(self, node: ast.Subscript, scope: Scope) -> Code:
        value = self.expression(node.value, scope)
        index = self.expression(node.slice, scope)

        def load(frame: Frame, node: ast.AST = node) -> Any:
            return value(frame)[index(frame)]

        return load

    def slice_expression(self, node: ast.Slice, scope: Scope) -> Code:
        lower, upper, step = (
            self.expression(part, scope) if part is not None else None
            for part in (node.lower, node.upper, node.step)
        )

        def make(frame: Frame) -> slice:
            return slice(
                lower(frame) if lower else None,
                upper(frame) if upper else None,
                step(frame) if step else None,
            )

        return make

    def call(self, node: ast.Call, scope: Scope) -> Code:
        callee = self.callee(node.func, scope)
        prepared = self.evaluator.prepared
        if any(isinstance(each, ast.Starred) for each in node.args) or any(
            each.arg is None for each in node.keywords
        ):
            return self.call_with_stars(node, scope, callee)
        arguments = tuple(self.expression(each, scope) for each in node.args)
        keywords = tuple((str(each.arg), self.expression(each.value, scope)) for each in node.keywords)
        if not keywords:

            def call_positional(frame: Frame, node: ast.AST = node) -> Any:
                function = callee(frame)
                args = [argument(frame) for argument in arguments]
                if type(function) is ScriptFunction:
                    return function.invoke(args, {})
                return prepared(function, args)(*args)

            return call_positional

        def call(frame: Frame, node: ast.AST = node) -> Any:
            function = callee(frame)
            args = [argument(frame) for argument in arguments]
            named = {name: value(frame) for name, value in keywords}
            if type(function) is ScriptFunction:
                return function.invoke(args, named)
            return prepared(function, args)(*args, **named)

        return call

    def call_with_stars(self, node: ast.Call, scope: Scope, callee: Code) -> Code:
        prepared = self.evaluator.prepared
        arguments = self.elements(node.args, scope, unpacking="call")
        keywords = [(each.arg, self.expression(each.value, scope)) for each in node.keywords]

        def call(frame: Frame, node: ast.AST = node) -> Any:
            function = callee(frame)
            try:
                args = arguments(frame)
            except NotIterableError as error:
                raise TypeError(
                    f"{call_name(function)} argument after * must be an iterable, not {error.kind}"
                ) from None
            named: dict[str, Any] = {}
            for name, value in keywords:
                given = value(frame)
                if name is not None:
                    given = {name: given}
                elif not hasattr(given, "keys"):
                    kind = type(given).__name__
                    raise TypeError(f"{call_name(function)} argument after ** must be a mapping, not {kind}")
                for key in given:
                    if not isinstance(key, str):
                        raise TypeError("keywords must be strings")
                    if key in named:
                        raise TypeError(
                            f"{call_name(function)} got multiple values for keyword argument '{key}'"
                        )
                    named[key] = given[key]
            return prepared(function, args)(*args, **named)

        return call

    # Operators

    def binary(self, node: ast.BinOp, scope: Scope) -> Code:
        left, right = self.expression(node.left, scope), self.expression(node.right, scope)
        operate = BINARY[type(node.op)]
        guards = self.evaluator.guards.tables[type(node.op)]

        def compute(frame: Frame, node: ast.AST = node) -> Any:
            first, second = left(frame), right(frame)
            guard = guards[type(first)]
            if guard is not None:
                guard(first, second)
            return operate(first, second)

        return compute

    def unary(self, node: ast.UnaryOp, scope: Scope) -> Code:
        operand = self.expression(node.operand, scope)
        operate = UNARY[type(node.op)]

        def compute(frame: Frame, node: ast.AST = node) -> Any:
            return operate(operand(frame))

        return compute

    def boolean(self, node: ast.BoolOp, scope: Scope) -> Code:
        *first, last = [self.expression(each, scope) for each in node.values]
        stops_at = isinstance(node.op, ast.Or)

        def compute(frame: Frame, node: ast.AST = node) -> Any:
            for value in first:
                result = value(frame)
                if bool(result) is stops_at:
                    return result
            return last(frame)

        return compute

    def compare(self, node: ast.Compare, scope: Scope) -> Code:
        left = self.expression(node.left, scope)
        rest = [
            (self.comparison(op), self.expression(value, scope))
            for op, value in zip(node.ops, node.comparators, strict=True)
        ]
        if len(rest) == 1:
            operate, right = rest[0]

            def compute(frame: Frame, node: ast.AST = node) -> Any:
                return operate(left(frame), right(frame))

            return compute

        def chain(frame: Frame, node: ast.AST = node) -> Any:
            first = left(frame)
            result: Any = True
            for position, (operate, value) in enumerate(rest):
                second = value(frame)
                result = operate(first, second)
                if position + 1 < len(rest) and not result:
                    return result
                first = second
            return result

        return chain

    def comparison(self, op: ast.cmpop) -> Callable[[Any, Any], Any]:
        if isinstance(op, ast.In):
            return self.evaluator.contains
        if isinstance(op, ast.NotIn):
            contains = self.evaluator.contains
            return lambda value, container: not contains(value, container)
        return COMPARE[type(op)]

    def conditional(self, node: ast.IfExp, scope: Scope) -> Code:
        test, body, orelse = (self.expression(each, scope) for each in (node.test, node.body, node.orelse))

        def choose(frame: Frame, node: ast.AST = node.test) -> Any:
            return body(frame) if test(frame) else orelse(frame)

        return choose

    # Functions

    def function(self, node: ast.Lambda | ast.FunctionDef, scope: Scope) -> Code:
        """The closure that makes a function of a lambda or a def, decorators left out."""
        inner = function_scope(node, scope)
        name = inner.name
        qualified = scope.qualified(name)
        code = binder_code(node.args)
        defaults = [self.expression(each, scope) for each in node.args.defaults]
        keyword_defaults = [
            (parameter.arg, self.expression(default, scope))
            for parameter, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            if default is not None
        ]
        evaluator = self.evaluator
        if isinstance(node, ast.Lambda):
            body = self.returning(node.body, inner)
        else:
            body = evaluator.compile_block(node.body, inner)

        def make(frame: Frame, node: ast.AST = node) -> Any:
            binder = make_binder(
                code,
                name,
                qualified,
                tuple(default(frame) for default in defaults),
                {key: default(frame) for key, default in keyword_defaults},
            )
            return ScriptFunction(name, body, binder, frame, evaluator, node)

        return make

    def returning(self, node: ast.expr, scope: Scope) -> Code:
        value = self.expression(node, scope)
        return lambda frame: (value(frame),)

    # Text

    def joined(self, node: ast.JoinedStr, scope: Scope) -> Code:
        parts = [self.expression(each, scope) for each in node.values]
        guards = self.evaluator.guards

        def join(frame: Frame, node: ast.AST = node) -> str:
            texts = [part(frame) for part in parts]
            guards.text(sum(map(len, texts)), "the text")
            return "".join(texts)

        return join

    def formatted(self, node: ast.FormattedValue, scope: Scope) -> Code:
        value = self.expression(node.value, scope)
        spec = self.expression(node.format_spec, scope) if node.format_spec is not None else None
        conversion = {115: "s", 114: "r", 97: "a"}.get(node.conversion, "")
        render = self.evaluator.formatted

        def show(frame: Frame, node: ast.AST = node.value) -> str:
            given = value(frame)
            return render(given, conversion, spec(frame) if spec is not None else "")

        return show

    def command(self, node: CommandCall, scope: Scope) -> Code:
        run = self.evaluator.run_command

        def invoke(frame: Frame, node: CommandCall = node) -> Any:
            return run(node.invocation, frame)

        return invoke


def call_name(function: Any) -> str:
    """A function as Python names it in complaints about a call."""
    if isinstance(function, ScriptFunction):
        return f"{MODULE}.{function.binder.__qualname__}()"
    name = getattr(function, "__qualname__", getattr(function, "__name__", type(function).__name__))
    module = getattr(function, "__module__", None)
    if not isinstance(module, str) or module == "builtins" or isinstance(function, type):
        return f"{name}()"
    return f"{module}.{name}()"


MODULE = "__main__"


def unbound(name: str) -> UnboundLocalError:
    """Python's complaint about a local name that has no value yet."""
    error = UnboundLocalError(
        f"cannot access local variable '{name}' where it is not associated with a value"
    )
    error.name = name
    return error


def free_unbound(name: str) -> NameError:
    """Python's complaint about a name of a function around this one that has no value yet."""
    return NameError(
        f"cannot access free variable '{name}' where it is not associated with a value in enclosing scope",
        name=name,
    )
