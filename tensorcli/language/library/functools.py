"""The module `functools` for scripts: functions given to it are called with the checks of a call from the script."""

from __future__ import annotations

import functools
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tensorcli.language.builtin_objects import Builtin
from tensorcli.language.functions import ScriptFunction, address
from tensorcli.language.namespaces import words
from tensorcli.language.policy import Names

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator


class Partial:
    """A function with some of its arguments, as functools.partial makes them; it is called as a script calls."""

    __slots__ = ("__weakref__", "args", "evaluator", "func", "keywords")

    def __init__(
        self, function: Any, args: tuple[Any, ...], keywords: dict[str, Any], evaluator: Evaluator
    ) -> None:
        self.func = function
        self.args = args
        self.keywords = keywords
        self.evaluator = evaluator

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        given = (*self.args, *args)
        return self.evaluator.prepared(self.func, given)(*given, **{**self.keywords, **keywords})

    def __repr__(self) -> str:
        parts = [repr(self.func), *map(repr, self.args)]
        parts.extend(f"{name}={value!r}" for name, value in self.keywords.items())
        return f"functools.partial({', '.join(parts)})"

    def __copy__(self) -> Partial:
        return Partial(self.func, self.args, self.keywords, self.evaluator)

    def __deepcopy__(self, memo: dict[int, Any]) -> Partial:
        # Known before its arguments are copied: one of them may hold it.
        twin = memo[id(self)] = Partial(deepcopy(self.func, memo), (), {}, self.evaluator)
        twin.args, twin.keywords = deepcopy((self.args, self.keywords), memo)
        return twin


Partial.__name__ = "partial"


class Cached:
    """A function that remembers what it gave, as functools.lru_cache makes it; the function is called as a script calls."""

    __slots__ = ("__name__", "__weakref__", "remembered", "wrapped")

    def __init__(self, wrapped: Any, called: Any, most: int | None, typed: bool) -> None:
        self.wrapped = wrapped
        self.__name__ = getattr(wrapped, "__name__", "function")
        self.remembered = functools.lru_cache(most, typed)(lambda *args, **kwargs: called(*args, **kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.remembered(*args, **kwargs)

    def cache_info(self) -> Any:
        """How often it remembered, and how often not."""
        return self.remembered.cache_info()

    def cache_clear(self) -> None:
        """Forget everything."""
        self.remembered.cache_clear()

    def __repr__(self) -> str:
        return f"<functools._lru_cache_wrapper object at {address(self)}>"

    def __copy__(self) -> Cached:
        return self

    def __deepcopy__(self, memo: object) -> Cached:
        return self


def _wraps(wrapped: Any) -> Callable[[Any], Any]:
    """functools.wraps: a decorator that gives a function the name and the attributes of another."""

    def decorate(wrapper: Any) -> Any:
        if isinstance(wrapper, ScriptFunction):
            name = getattr(wrapped, "__name__", None)
            if isinstance(name, str):
                wrapper.__name__ = name
                binder = getattr(wrapped, "binder", None)
                wrapper.binder.__qualname__ = name if binder is None else binder.__qualname__
            if isinstance(wrapped, ScriptFunction):
                wrapper.__dict__.update(wrapped.__dict__)
        return wrapper

    return Builtin("wraps", decorate)


def _reduce(evaluator: Evaluator, *args: Any) -> Any:
    if len(args) < 2:
        return functools.reduce(*args)
    builtins = evaluator.builtins
    return functools.reduce(builtins.callback(args[0]), builtins.stepwise(args[1]), *args[2:])


def _partial(evaluator: Evaluator, *args: Any, **keywords: Any) -> Partial:
    if not args:
        raise TypeError("type 'partial' takes at least one argument")
    function, *given = args
    if not callable(function):
        raise TypeError("the first argument must be callable")
    if isinstance(function, Partial):
        given = [*function.args, *given]
        keywords = {**function.keywords, **keywords}
        function = function.func
    return Partial(function, tuple(given), keywords, evaluator)


def _cached(evaluator: Evaluator, function: Any, most: int | None = None, typed: bool = False) -> Cached:
    if not callable(function):
        raise TypeError("the first argument must be callable")
    return Cached(function, evaluator.builtins.callback(function), most, typed)


def _lru_cache(evaluator: Evaluator, maxsize: Any = 128, typed: bool = False) -> Any:
    if callable(maxsize):
        return _cached(evaluator, maxsize, 128, typed)
    return Builtin("decorating_function", lambda function: _cached(evaluator, function, maxsize, typed))


def _by_order(evaluator: Evaluator, function: Any) -> Any:
    return Builtin("KeyWrapper", functools.cmp_to_key(evaluator.builtins.callback(function)))


_MEMBERS: dict[str, Callable[..., Any]] = {
    "cache": lambda evaluator, function: _cached(evaluator, function),
    "cmp_to_key": _by_order,
    "lru_cache": _lru_cache,
    "partial": _partial,
    "reduce": _reduce,
    "wraps": lambda evaluator, wrapped: _wraps(wrapped),
}
MEMBERS = frozenset(_MEMBERS)
ATTRIBUTES: dict[type, Names] = {
    Cached: words("cache_clear cache_info"),
    Partial: words("func args keywords"),
}


def member(evaluator: Evaluator, name: str) -> Any:
    """A member of the module."""
    make = _MEMBERS[name]
    return Builtin(name, lambda *args, **kwargs: make(evaluator, *args, **kwargs))
