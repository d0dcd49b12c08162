"""The objects that a script's functions and generators are, and the frames that they run in.

A `ScriptFunction` is an ordinary callable, so that hooks and decorators of the engine can hold it. Its arguments are bound by a
lambda with the same parameters, so that complaints are CPython's own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from tensorcli.language.namespaces import itself

if TYPE_CHECKING:
    from inspect import Signature

    from tensorcli.language.evaluate import Evaluator

BREAK: Any = "break"
CONTINUE: Any = "continue"


class Frame:
    """The names of one scope while it runs, and the frame of the scope around it."""

    __slots__ = ("names", "up")

    def __init__(self, names: dict[str, Any], up: Frame | None = None) -> None:
        self.names = names
        self.up = up


Code = Callable[[Frame], Any]

shown: WeakValueDictionary[int, Any] = WeakValueDictionary()
"""Objects of scripts whose addresses were shown, by address: when one is gone, its address is another object's."""


def address(thing: Any) -> str:
    """The address in an object's repr."""
    shown[id(thing)] = thing
    return f"{id(thing):#x}"


class ScriptFunction:
    """A function of the script: its body, its binder, and the frame it closes over.

    Its `__dict__` has the attributes that the script and the engine, which marks hooks, set on it.
    """

    __slots__ = ("__dict__", "__name__", "__weakref__", "binder", "body", "evaluator", "frame", "tree")

    def __init__(
        self,
        name: str,
        body: Code,
        binder: Callable[..., dict[str, Any]],
        frame: Frame,
        evaluator: Evaluator,
        tree: ast.AST,
    ) -> None:
        self.__name__ = name
        self.tree = tree
        self.body = body
        self.binder = binder
        self.frame = frame
        self.evaluator = evaluator

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.invoke(args, kwargs)

    def invoke(self, args: Iterable[Any], kwargs: dict[str, Any]) -> Any:
        """Run the body on these arguments and return what it returns."""
        evaluator = self.evaluator
        if evaluator.depth >= evaluator.limits.depth:
            raise RecursionError("maximum recursion depth exceeded")
        if evaluator.until is not None:
            evaluator.keep_time()
        evaluator.depth += 1
        try:
            signal = self.body(Frame(self.binder(*args, **kwargs), self.frame))
        finally:
            evaluator.depth -= 1
        return None if signal is None else signal[0]

    @property
    def __signature__(self) -> Signature:
        """Its parameters, as `inspect.signature` asks for them."""
        from inspect import signature

        return signature(self.binder)

    def __repr__(self) -> str:
        return f"<function {self.binder.__qualname__} at {address(self)}>"

    def __getattr__(self, name: str) -> Any:
        if name == "__qualname__":
            return self.binder.__qualname__
        raise AttributeError(f"'function' object has no attribute '{name}'", name=name, obj=self)

    __copy__ = __deepcopy__ = itself


ScriptFunction.__name__ = "function"


class GeneratorExpression:
    """The values of a generator expression: to be iterated once. `sources` is what they are made of."""

    __slots__ = ("__weakref__", "_values", "nesting")

    def __init__(self, values: Iterator[Any], *sources: Any) -> None:
        self.nesting = nesting_over(sources)
        self._values = values

    def __iter__(self) -> Iterator[Any]:
        return self._values

    def __next__(self) -> Any:
        return next(self._values)

    def __repr__(self) -> str:
        return f"<generator object <genexpr> at {address(self)}>"


GeneratorExpression.__name__ = "generator"


class LazyIterator:
    """What map, zip, filter and enumerate return. Python runs between two items, so that Ctrl-C is heard.

    `sources` are what the values are made of.
    """

    __slots__ = ("__weakref__", "_values", "nesting")

    def __init__(self, values: Iterator[Any], *sources: Any) -> None:
        self.nesting = nesting_over(sources)
        self._values = _stepwise(values)

    def __iter__(self) -> Iterator[Any]:
        return self._values

    def __next__(self) -> Any:
        return next(self._values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {address(self)}>"


MAX_NESTING = 500


def nesting_over(sources: Iterable[Any]) -> int:
    """How deep an iterator over these lies. Errors: RecursionError where a step would go through too many: each costs C's
    stack, which Python does not count."""
    depth = 1 + max(
        (each.nesting for each in sources if isinstance(each, LazyIterator | GeneratorExpression)), default=0
    )
    if depth > MAX_NESTING:
        raise RecursionError(f"iterators are nested more than {MAX_NESTING} deep")
    return depth


def _stepwise(values: Iterator[Any]) -> Iterator[Any]:
    # Not `yield from`: CPython hears signals when a generator goes on after a yield, not within a delegation.
    for value in values:  # noqa: UP028
        yield value


@cache
def _iterator_type(name: str) -> type[LazyIterator]:
    return type(name, (LazyIterator,), {"__slots__": (), "__module__": "builtins"})


LAZY: dict[str, type[LazyIterator]] = {
    name: _iterator_type(name) for name in ("map", "zip", "filter", "enumerate", "reversed")
}


def lazily(values: Iterator[Any], *sources: Any) -> LazyIterator:
    """An iterator of Python's, named as it is, through which Ctrl-C is heard; `sources` are what it is made of."""
    return _iterator_type(type(values).__name__)(values, *sources)


def binder_code(arguments: ast.arguments) -> CodeType:
    """The code of a lambda with these parameters that returns its locals as a dict."""
    parameters = [*arguments.posonlyargs, *arguments.args]
    others = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    names = [each.arg for each in (*parameters, *arguments.kwonlyargs, *others)]
    placeholder = ast.Constant(None)
    bare = ast.arguments(
        posonlyargs=[ast.arg(each.arg) for each in arguments.posonlyargs],
        args=[ast.arg(each.arg) for each in arguments.args],
        vararg=ast.arg(arguments.vararg.arg) if arguments.vararg else None,
        kwonlyargs=[ast.arg(each.arg) for each in arguments.kwonlyargs],
        kw_defaults=[placeholder if each else None for each in arguments.kw_defaults],
        kwarg=ast.arg(arguments.kwarg.arg) if arguments.kwarg else None,
        defaults=[placeholder for _ in arguments.defaults],
    )
    body = ast.Dict([ast.Constant(name) for name in names], [ast.Name(name, ast.Load()) for name in names])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(bare, body)))
    code = compile(tree, "<parameters>", "eval")
    return next(each for each in code.co_consts if isinstance(each, CodeType))


def make_binder(
    code: CodeType, name: str, qualified: str, defaults: tuple[Any, ...], keyword_defaults: dict[str, Any]
) -> Callable[..., dict[str, Any]]:
    """A binder with the defaults of one definition; its name is the one in Python's complaints."""
    binder = FunctionType(code, {"__builtins__": {}}, name, defaults)
    binder.__kwdefaults__ = keyword_defaults
    binder.__qualname__ = qualified
    return binder
