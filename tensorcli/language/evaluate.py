"""Runs statements over a namespace, under an allow-list and within limits.

`Evaluator.execute` runs one statement and returns the value of a bare expression, NOTHING otherwise. What
the objects of the script raise propagates unchanged; `locate` says where. Prints, commands of the explorer
and warnings are the caller's: it hands in what to do. The module knows neither an engine nor a terminal.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any

from tensorcli.language.addresses import Addresses
from tensorcli.language.attributes import Attributes
from tensorcli.language.builtin_functions import Builtins
from tensorcli.language.builtin_objects import Builtin, Descriptor, OpaqueType
from tensorcli.language.formatting import Formatter, check_spec
from tensorcli.language.functions import (
    Code,
    Frame,
    GeneratorExpression,
    LazyIterator,
)
from tensorcli.language.limits import Guards, LimitError, Limits, OutOfTime, figure, range_length
from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import FUNCTIONS, Policy, RefusedError
from tensorcli.language.scopes import Scope
from tensorcli.language.statements import StatementCompiler
from tensorcli.language.syntax import Invocation, Statement


class _Nothing:
    """The value of a statement that has none."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Any = _Nothing()

# Host frames that one session may use: a call of the script's takes about ten. CPython 3.11 counts its own
# C calls against the same number, so it stays below what an 8 MiB stack holds.
HOST_FRAMES = 22_000

# Modules that are bound without an import, by the names that people give them.
BOUND_MODULES = {"torch": "torch", "numpy": "numpy", "np": "numpy", "copy": "copy", "math": "math"}


class Evaluator:
    """The state of one session's scripts: its names, what it may reach, and how far it may go.

    `names` holds what the script binds. `modules` maps full module names to namespaces. `bare` are the
    names that stand for members of torch where nothing of that name is bound (none in a .py file).
    `command` runs an explorer command found in a tree; `write` receives what print prints; `before` is told
    each statement, nested ones included, before it runs; `identity` is `id`.
    """

    def __init__(
        self,
        names: dict[str, Any],
        modules: Mapping[str, Namespace],
        *,
        bare: Mapping[str, Any] | None = None,
        policy: Policy | None = None,
        limits: Limits | None = None,
        command: Callable[[Invocation], Any] | None = None,
        write: Callable[[str], None] | None = None,
        identity: Callable[[Any], int] = id,
        before: Callable[[ast.stmt], None] | None = None,
    ) -> None:
        self.names = names
        self.modules = modules
        self.bare: Mapping[str, Any] = bare if bare is not None else {}
        self.policy = policy if policy is not None else Policy()
        self.limits = limits if limits is not None else Limits()
        self.command = command
        self.write: Callable[[str], None] = write if write is not None else _to_standard_output
        self.identity = identity
        self.before = before
        self.depth = 0
        self.guards = Guards(self.limits)
        self.until: float | None = None
        """The time (`time.monotonic()`) at which loops and calls of a script that is only tried are stopped."""
        self.addresses = Addresses()
        self.attributes = Attributes(self, self.policy)
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            self.policy.add_numpy()
            self.guards.watch_arrays(numpy.ndarray)
        self.builtins = Builtins(self)
        self.formatter = Formatter(self.attributes.read, self.formatted, self.guards)
        self.compiler = StatementCompiler(self)
        self.scope = Scope("module")
        self.frame = Frame(names)
        self.asking: Frame | None = None
        """Where the command stands that runs now: its arguments are read there, and its statement runs there."""

    # Running

    def execute(self, statement: Statement | ast.stmt) -> Any:
        """Run one statement; the value of a bare expression, NOTHING for any other statement."""
        tree = statement.tree if isinstance(statement, Statement) else statement
        if isinstance(tree, ast.Expr):
            if self.before is not None:
                self.before(tree)
            return self.evaluate(tree.value)
        scope = self.scope if self.asking is None else self._scope_of(self.asking)
        self.run(self.compiler.statement(tree, scope), self.asking)
        return NOTHING

    def evaluate(self, tree: ast.expr, frame: Frame | None = None) -> Any:
        """The value of an expression in the names of a function's frame: without one, of that in which a command
        asks, else of the session.
        """
        frame = self.asking if frame is None else frame
        if frame is None:
            return self.run(self.compiler.expression(tree, self.scope))
        return self.run(self.compiler.expression(tree, self._scope_of(frame)), frame)

    def _scope_of(self, frame: Frame) -> Scope:
        """A scope that finds names where they are in a frame."""
        if frame is self.frame or frame.up is None:
            return self.scope
        return Scope("function", self._scope_of(frame.up), set(frame.names))

    def run(self, code: Code, frame: Frame | None = None) -> Any:
        """Run a compiled statement or expression with room for deep recursion."""
        frame = self.frame if frame is None else frame
        limit = sys.getrecursionlimit()
        if limit >= HOST_FRAMES:
            return code(frame)
        sys.setrecursionlimit(HOST_FRAMES)
        try:
            return code(frame)
        finally:
            sys.setrecursionlimit(limit)

    def compile_block(self, nodes: list[ast.stmt], scope: Scope) -> Code:
        """The closure of a function's body."""
        return self.compiler.block(nodes, scope)

    def run_command(self, invocation: Invocation, frame: Frame) -> Any:
        """Hand a command of the explorer, which stands in this frame, to the session."""
        if self.command is None:
            raise RuntimeError(f"the command {invocation.verb} needs a session")
        before, self.asking = self.asking, frame
        try:
            return self.command(invocation)
        finally:
            self.asking = before

    @property
    def late(self) -> bool:
        """Whether the time of a script that is only tried is over."""
        return self.until is not None and monotonic() > self.until

    def keep_time(self) -> None:
        """Called in each round of a loop. Errors: OutOfTime."""
        if self.late:
            raise OutOfTime

    # Names and modules

    def fallback(self, name: str) -> Any:
        """What an unbound name stands for: a module, a builtin, a bare name of torch."""
        if name in BOUND_MODULES and BOUND_MODULES[name] in self.modules:
            return self.modules[BOUND_MODULES[name]]
        table = self.builtins.table
        if name in table:
            return table[name]
        try:
            return self.bare[name]
        except KeyError:
            raise NameError(f"name '{name}' is not defined", name=name) from None

    def module(self, name: str) -> Any:
        """The namespace that an import names, or what stands for one."""
        found = self.modules.get(name)
        if found is None:
            first, *rest = name.split(".")
            path = first
            value: Any = self.modules.get(first)
            for part in rest:
                if value is None:
                    break
                path += "." + part
                if isinstance(value, Namespace):
                    value = _below(value.members, part)
                else:
                    value = getattr(value, part, None) if _is_module(value) else None
            if not _is_module(value):
                raise ModuleNotFoundError(f"No module named '{path}'", name=path)
            found = value
        return found

    def imported(self, module: str, name: str) -> Any:
        """What `from module import name` binds."""
        space = self.module(module)
        if not isinstance(space, Namespace):
            return self.attributes.read(space, name)
        try:
            found = space.members[name]
            return self.attributes.presented(space, name, found) if type(found) in FUNCTIONS else found
        except KeyError:
            inner = self.modules.get(f"{module}.{name}")
            if inner is not None:
                return inner
            raise ImportError(f"cannot import name '{name}' from '{module}'", name=module) from None

    # Items

    def write_item(self, container: Any, index: Any, value: Any) -> None:
        """`container[index] = value`."""
        if type(index) is slice and isinstance(container, bytearray) and hasattr(value, "__len__"):
            self.guards.text(len(container) + len(value), "the bytes")
        if type(index) is slice and isinstance(container, list):
            if type(value) is range:
                self.guards.range(value, "the list")
            elif hasattr(value, "__len__"):
                self.guards.items(len(container) + len(value), "the list")
            elif isinstance(value, LazyIterator | GeneratorExpression):
                value = list(self.guards.bounded(value, "the list"))
        container[index] = value

    # Calls and operators

    def prepared(self, function: Any, args: Iterable[Any]) -> Callable[..., Any]:
        """What to call for `function`: itself, its checked stand-in, or a refusal."""
        kind = type(function)
        if kind is Builtin or kind is Descriptor:
            return function.function  # type: ignore[no-any-return]
        if isinstance(function, type):
            return self._constructor(function, args)
        if kind is OpaqueType:
            raise RefusedError(f"{function!r} cannot be called by a script", name="__call__", obj=None)
        for argument in args:
            if type(argument) is range and range_length(argument) > self.limits.items:
                raise LimitError(
                    f"a range of {figure(range_length(argument))} numbers is more than this function may read; "
                    f"the limit is {self.limits.items:,}"
                )
        return function  # type: ignore[no-any-return]

    def _constructor(self, kind: Any, args: Iterable[Any]) -> Callable[..., Any]:
        stand_in = self.builtins.constructors.get(kind)
        if stand_in is not None:
            return stand_in
        if issubclass(kind, BaseException):
            return kind  # type: ignore[no-any-return]
        if not self.policy.knows(kind):
            raise RefusedError(f"{kind!r} cannot be called by a script", name="__call__", obj=None)
        if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
            raise RefusedError(
                "numpy.ndarray() shows memory as it is; write np.zeros(shape) or np.array(values)",
                name="ndarray",
            )
        for argument in args:
            if type(argument) is range:
                self.guards.range(argument, "the values")
        return kind  # type: ignore[no-any-return]

    def contains(self, value: Any, container: Any) -> bool:
        """`value in container`."""
        if type(container) is range and not isinstance(value, int):
            return any(value == each for each in self.builtins.stepwise(container))
        return value in container

    def unpack(self, value: Any, count: int, star: int | None) -> list[Any]:
        """The values for `count` targets, of which the one at `star` takes what is left over."""
        try:
            iterator = iter(value)
        except TypeError:
            if hasattr(type(value), "__iter__"):
                raise
            raise TypeError(f"cannot unpack non-iterable {type(value).__name__} object") from None
        if star is None:
            values: list[Any] = []
            for each in iterator:
                if len(values) == count:
                    raise ValueError(f"too many values to unpack (expected {count})")
                values.append(each)
            if len(values) < count:
                raise ValueError(f"not enough values to unpack (expected {count}, got {len(values)})")
            return values
        if type(value) is range:
            self.guards.range(value, "the list")
        values = list(self.guards.bounded(iterator, "the list"))
        after = count - star - 1
        if len(values) < count - 1:
            raise ValueError(
                f"not enough values to unpack (expected at least {count - 1}, got {len(values)})"
            )
        end = len(values) - after
        return [*values[:star], values[star:end], *values[end:]]

    # Text

    def text(self, value: Any) -> str:
        """str(value), without addresses of the process and within the limits."""
        if type(value) is str:
            return value
        self.guards.measure(value)
        return self.addresses.without(str(value))

    def represent(self, value: Any) -> str:
        """repr(value), without addresses of the process and within the limits."""
        self.guards.measure(value)
        text = repr(value)
        return text if type(value) is str else self.addresses.without(text)

    def formatted(self, value: Any, conversion: str, spec: str) -> str:
        """One field of an f-string or of str.format."""
        if conversion:
            value = self.text(value) if conversion == "s" else self.represent(value)
            if conversion == "a":
                value = ascii(value)[1:-1] if not value.isascii() else value
        elif not spec:
            self.guards.measure(value)
            return self.addresses.without(format(value))
        check_spec(spec, self.guards)
        return format(value, spec)


def _below(members: Any, name: str) -> Any:
    """The member that an import names: of a function and a module of one name the module, which members have `behind` it."""
    found = members.get(name)
    behind = getattr(members, "behind", None)
    return found if _is_module(found) or behind is None else behind(name)


def _is_module(value: Any) -> bool:
    """Whether a value is a module to a script: a namespace, or an object with settings that stands for one."""
    return isinstance(value, Namespace) or getattr(type(value), "stands_for_module", False) is True


def _to_standard_output(text: str) -> None:
    sys.stdout.write(text)
