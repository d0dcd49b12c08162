"""The builtin functions of a script: Python's own where they are harmless, bounded and interruptible ones elsewhere."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any

from tensorcli.language.builtin_objects import MISSING, Builtin, Descriptor, OpaqueType, Type
from tensorcli.language.functions import (
    LAZY,
    GeneratorExpression,
    LazyIterator,
    ScriptFunction,
    lazily,
)
from tensorcli.language.limits import LimitError, range_length
from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import Methods
from tensorcli.language.vocabulary import BAGS, EXCEPTIONS

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator
    from tensorcli.language.policy import Names


_TYPES = (
    list, tuple, dict, set, frozenset, slice, object, int, float, complex, bool, str, bytes, bytearray, range,
)  # fmt: skip
_INTERNAL = (ScriptFunction, GeneratorExpression, LazyIterator, Namespace, Builtin, Descriptor)


def _is_error(bases: Any) -> bool:
    """Whether the bases of a class that is to be made are an exception alone."""
    return (
        isinstance(bases, tuple)
        and len(bases) == 1
        and isinstance(bases[0], type)
        and issubclass(bases[0], Exception)
    )


def attributes_of(value: Any) -> Any:
    """vars(namespace): what was set on it, by name. Errors: TypeError for anything else, whose attributes are not a dict here."""
    if (type(value).__module__, type(value).__name__) in BAGS:
        return value.__dict__
    if not hasattr(value, "__dict__"):
        raise TypeError("vars() argument must have __dict__ attribute")
    raise TypeError(
        f"vars() of a {type(value).__name__} is not part of the language: write the names of its attributes"
    )


_ALONE = frozenset("all any hash repr".split())
"""Functions whose one argument Python counts before it calls them, in words of its own."""


def positional(name: str, function: Callable[..., Any], *counts: int) -> Callable[..., Any]:
    """A function as those of C are: none of its arguments has a name, and there are from the first to the last of `counts`, where
    any is given. It raises TypeError in Python's words.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise TypeError(f"{name}() takes no keyword arguments")
        if counts and not counts[0] <= len(args) <= counts[-1]:
            if name in _ALONE:
                raise TypeError(f"{name}() takes exactly one argument ({len(args)} given)")
            bound = counts[0] if len(args) < counts[0] else counts[-1]
            which = "" if len(counts) == 1 else "at least " if bound == counts[0] else "at most "
            raise TypeError(f"{name} expected {which}{bound} argument{'s' * (bound != 1)}, got {len(args)}")
        return function(*args)

    return call


class Builtins:
    """The builtins of one evaluator: what each name stands for (`table`), and what runs when a type is called
    (`constructors`).
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.guards = evaluator.guards
        self.opaque: dict[type, OpaqueType] = {}
        self.table = self._table()
        self.constructors: dict[Any, Callable[..., Any]] = {
            list: self.make_list,
            tuple: self.make_tuple,
            set: self.make_set,
            frozenset: self.make_frozenset,
            dict: self.make_dict,
            str: self.make_text,
            bytes: lambda *args, **kwargs: self.make_bytes(bytes, *args, **kwargs),
            bytearray: lambda *args, **kwargs: self.make_bytes(bytearray, *args, **kwargs),
            int: int,
            float: float,
            complex: complex,
            bool: bool,
            slice: slice,
            object: object,
            range: range,
            OrderedDict: self.bounded(OrderedDict, "the dict"),
            Counter: self.bounded(Counter, "the counted values"),
            deque: self.bounded(deque, "the deque"),
            Type: positional("type", self.type_of),
            LAZY["zip"]: lambda *args, **kwargs: LAZY["zip"](zip(*args, **kwargs), *args),
            LAZY["enumerate"]: lambda *args, **kwargs: LAZY["enumerate"](
                enumerate(*args, **kwargs), *args, *kwargs.values()
            ),
            LAZY["reversed"]: positional("reversed", self.reversed, 1),
            LAZY["map"]: positional("map", self.map),
            LAZY["filter"]: positional("filter", self.filter, 2),
        }

    def _table(self) -> dict[str, Any]:
        import builtins

        functions: dict[str, Callable[..., Any]] = {
            "print": self.print,
            "len": len,
            "next": next,
            "abs": abs,
            "callable": callable,
            "isinstance": positional("isinstance", self.is_instance, 2),
            "issubclass": positional("issubclass", self.is_subclass, 2),
            "hasattr": positional("hasattr", self.has_attribute, 2),
            "vars": positional("vars", attributes_of, 1),
            "getattr": positional("getattr", self.get_attribute, 2, 3),
            "setattr": positional("setattr", self.set_attribute, 3),
            "delattr": positional("delattr", self.delete_attribute, 2),
            "iter": positional("iter", self.iterator, 1, 2),
            "format": positional("format", self.format, 1, 2),
            "hex": hex,
            "oct": oct,
            "bin": bin,
            "ord": ord,
            "chr": chr,
            "id": self.evaluator.identity,  # nothing else may hold what it counts the references of
            "hash": positional("hash", self.hash, 1),
            "repr": positional("repr", self.evaluator.represent, 1),
            "sum": self.sum,
            "min": self.extreme(min),
            "max": self.extreme(max),
            "all": positional("all", lambda values: all(self.stepwise(values)), 1),
            "any": positional("any", lambda values: any(self.stepwise(values)), 1),
            "sorted": self.sorted,
            "round": self.round,
            "pow": self.power,
            "divmod": positional("divmod", self.divide, 2),
        }
        named = {name: Builtin(name, function) for name, function in functions.items()}
        errors = {name: getattr(builtins, name) for name in EXCEPTIONS}
        constants = {"NotImplemented": NotImplemented, "Ellipsis": Ellipsis, "__name__": "__main__"}
        types = {each.__name__: each for each in _TYPES}
        return {**types, **LAZY, **named, **errors, **constants, "type": Type}

    # Text

    def print(
        self,
        *values: Any,
        sep: str | None = " ",
        end: str | None = "\n",
        file: None = None,
        flush: bool = False,
        **others: Any,
    ) -> None:
        for unknown in others:
            raise TypeError(f"'{unknown}' is an invalid keyword argument for print()")
        for name, given in (("sep", sep), ("end", end)):
            if given is not None and not isinstance(given, str):
                raise TypeError(f"{name} must be None or a string, not {type(given).__name__}")
        if file is not None:
            raise TypeError("print() of a script writes to standard output; file= is not available")
        texts = [self.evaluator.text(value) for value in values]
        self.guards.text(sum(map(len, texts)), "the printed text")
        self.evaluator.write((" " if sep is None else sep).join(texts) + ("\n" if end is None else end))

    def make_text(self, *args: Any, **kwargs: Any) -> str:
        if len(args) == 1 and not kwargs:
            return self.evaluator.text(args[0])
        return str(*args, **kwargs)

    def format(self, value: Any, spec: Any = "") -> str:
        if not isinstance(spec, str):
            raise TypeError(f"format() argument 2 must be str, not {type(spec).__name__}")
        return self.evaluator.formatted(value, "", spec)

    # Types

    def type_of(self, *args: Any) -> Any:
        if len(args) == 3:
            return self._derived(*args)
        if len(args) != 1:
            raise TypeError("type() takes 1 or 3 arguments")
        kind = type(args[0])
        if issubclass(kind, type) or kind is OpaqueType:
            return Type
        if issubclass(kind, LazyIterator):
            return kind
        if kind in _INTERNAL or not self.evaluator.policy.knows(kind):
            return self.opaque.setdefault(kind, OpaqueType(kind))
        return kind

    def _derived(self, name: Any, bases: Any, members: Any) -> type:
        """A class of functions of the script, where its base is there for that. Errors: TypeError."""
        given = (
            self.evaluator.policy.given(bases[0]) if isinstance(bases, tuple) and len(bases) == 1 else None
        )
        if _is_error(bases) and members == {} and isinstance(name, str) and name.isidentifier():
            return type(name, bases, {"__module__": "__main__"})
        if (
            given is None
            or not isinstance(name, str)
            or not name.isidentifier()
            or not isinstance(members, dict)
        ):
            raise TypeError(
                "a script makes classes of torch.autograd.Function and of torch.utils.data.Dataset alone, "
                "type(name, (torch.autograd.Function,), {...}), and exceptions with nothing of their own: "
                "type(name, (Exception,), {})"
            )
        made: dict[str, Any] = {"__module__": "__main__"}
        if isinstance(given, Methods):
            return self._of_objects(name, bases, members, given)
        for key, value in members.items():
            # A function of the library may stand for one of the script: `once_differentiable(backward)`.
            if key not in given or not isinstance(value, ScriptFunction | FunctionType | bool):
                raise TypeError(
                    f"a class of {bases[0].__name__} takes functions by these names: {', '.join(sorted(given))}"
                )
            made[key] = value if isinstance(value, bool) else staticmethod(value)
        return type(name, bases, made)

    def _of_objects(self, name: str, bases: tuple[type], members: dict[Any, Any], given: Names) -> type:
        """A class with methods, whose objects are the script's own. Errors: TypeError."""
        made: dict[str, Any] = {"__module__": "__main__"}
        for key, value in members.items():
            is_method = isinstance(value, ScriptFunction)
            if key not in given or not (is_method or isinstance(value, int | float | str | None)):
                raise TypeError(
                    f"a class of {bases[0].__name__} takes methods, {', '.join(sorted(given))} among them, and numbers and texts"
                )
            made[key] = _method(value) if is_method else value
        kind = type(name, bases, made)
        self.evaluator.policy.own.add(kind)
        return kind

    def is_instance(self, value: Any, kinds: Any) -> bool:
        return isinstance(value, self._real(kinds))

    def is_subclass(self, kind: Any, kinds: Any) -> bool:
        return issubclass(self._real(kind), self._real(kinds))

    def _real(self, kinds: Any) -> Any:
        if isinstance(kinds, tuple):
            return tuple(self._real(each) for each in kinds)
        return kinds.kind if type(kinds) is OpaqueType else kinds

    def has_attribute(self, value: Any, name: Any) -> bool:
        return self.get_attribute(value, name, MISSING) is not MISSING

    def get_attribute(self, value: Any, name: Any, *default: Any) -> Any:
        """getattr(value, name), as `value.name` reads it; a default does not hide what a script may not name."""
        _named(name)
        try:
            return self.evaluator.attributes.shown(value, name)
        except AttributeError as error:
            from tensorcli.language.policy import RefusedError

            if not default or (isinstance(error, RefusedError) and name.startswith("_")):
                raise
            return default[0]

    def set_attribute(self, value: Any, name: Any, new: Any) -> None:
        _named(name)
        self.evaluator.attributes.write(value, name, new)

    def delete_attribute(self, value: Any, name: Any) -> None:
        _named(name)
        self.evaluator.attributes.delete(value, name)

    def hash(self, value: Any) -> int:
        """hash(value), the same in every run: what is hashed by its address goes by the session's numbers."""
        if isinstance(value, str | bytes):
            from zlib import crc32

            return crc32(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)
        if isinstance(value, tuple):
            return hash(tuple(map(self.hash, value)))
        if isinstance(value, frozenset):
            return hash(frozenset(map(self.hash, value)))
        found = hash(value)
        by_address = found in (id(value), object.__hash__(value))
        return self.evaluator.identity(value) if by_address else found

    # Iterators

    def iterator(self, values: Any, *last: Any) -> Any:
        if last:
            if not callable(values):
                raise TypeError("iter(v, w): v must be callable")
            return lazily(iter(self.callback(values), *last))
        if isinstance(values, LazyIterator | GeneratorExpression):
            return values
        return lazily(iter(values))

    # Containers

    def stepwise(self, values: Any) -> Any:
        """An iterable that Python itself steps through, so that Ctrl-C is heard between two items; only long ranges need it."""
        if type(values) is range and range_length(values) > 1 << 16:
            return iter(LAZY["zip"](iter(values)))
        return values

    def contents(self, args: tuple[Any, ...], what: str) -> tuple[Any, ...]:
        """The argument of a container's constructor, bounded."""
        if len(args) != 1:
            return args
        (values,) = args
        if type(values) is range:
            self.guards.range(values, what)
        elif isinstance(values, LazyIterator | GeneratorExpression | GeneratorType):
            return (self.guards.bounded(values, what),)
        return args

    def make_list(self, *args: Any, **kwargs: Any) -> list[Any]:
        return list(*self.contents(args, "the list"), **kwargs)

    def make_tuple(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return tuple(*self.contents(args, "the tuple"), **kwargs)

    def make_set(self, *args: Any, **kwargs: Any) -> set[Any]:
        return set(*self.contents(args, "the set"), **kwargs)

    def make_frozenset(self, *args: Any, **kwargs: Any) -> frozenset[Any]:
        return frozenset(*self.contents(args, "the set"), **kwargs)

    def make_dict(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*self.contents(args, "the dict"), **kwargs)

    def bounded(self, kind: Callable[..., Any], what: str) -> Callable[..., Any]:
        """A container's constructor whose first argument is bounded."""
        return lambda *args, **kwargs: kind(*self.contents(args[:1], what), *args[1:], **kwargs)

    def make_bytes(self, kind: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], int):
            self.guards.text(args[0], "the bytes")
        return kind(*self.contents(args, "the bytes"), **kwargs)

    # Functions over iterables

    def callback(self, function: Any) -> Any:
        """A function that Python's own code will call: with the checks of a call from the script."""
        if function is None or isinstance(function, ScriptFunction):
            return function
        prepared = self.evaluator.prepared
        if not callable(function):
            return function
        return lambda *args, **kwargs: prepared(function, args)(*args, **kwargs)

    def reversed(self, values: Any) -> Any:
        """reversed(value): an iterator, or what the value itself makes of it, as a tensor does."""
        found = reversed(values)
        return LAZY["reversed"](found) if hasattr(type(found), "__next__") else found

    def map(self, *args: Any) -> Any:
        if len(args) < 2:
            raise TypeError("map() must have at least two arguments.")
        return LAZY["map"](map(self.callback(args[0]), *args[1:]), *args[1:])

    def filter(self, function: Any, values: Any) -> Any:
        return LAZY["filter"](_filtered(self.callback(function), iter(values)), values)

    def sorted(self, *args: Any, **kwargs: Any) -> list[Any]:
        if kwargs.get("key") is not None:
            kwargs["key"] = self.callback(kwargs["key"])
        return sorted(*(self.contents(args, "the sorted list") if args else args), **kwargs)

    def extreme(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if kwargs.get("key") is not None:
                kwargs["key"] = self.callback(kwargs["key"])
            return function(*(map(self.stepwise, args) if len(args) == 1 else args), **kwargs)

        return run

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        start = kwargs.get("start", args[1] if len(args) > 1 else 0)
        if isinstance(start, list | tuple) and args:
            total: Any = start
            for value in args[0]:
                self.guards.joined_items(total, value)
                total = total + value
            return total
        return sum(*map(self.stepwise, args[:1]), *args[1:], **kwargs)

    # Numbers

    def round(self, *args: Any, **kwargs: Any) -> Any:
        digits = kwargs.get("ndigits", args[1] if len(args) > 1 else None)
        if isinstance(digits, int) and abs(digits) > 1 << 16 and args and isinstance(args[0], int):
            raise LimitError(f"round() to {digits} digits; the limit is {1 << 16}")
        return round(*args, **kwargs)

    def power(self, *args: Any, **kwargs: Any) -> Any:
        base = kwargs.get("base", args[0] if args else None)
        exponent = kwargs.get("exp", args[1] if len(args) > 1 else None)
        modulus = kwargs.get("mod", args[2] if len(args) > 2 else None)
        if isinstance(base, int) and exponent is not None:
            if modulus is None:
                self.guards.power(base, exponent)
            else:
                for each in (base, exponent, modulus):
                    if isinstance(each, int):
                        self.guards.bits(each.bit_length() * 64, "the modular power")
        return pow(*args, **kwargs)

    def divide(self, value: Any, by: Any) -> Any:
        if isinstance(value, int):
            self.guards.quotient(value, by)
        return divmod(value, by)


def _method(function: ScriptFunction) -> FunctionType:
    """A function of the script as a method: Python hands its object over to it."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    assert isinstance(method, FunctionType)
    return method


def _named(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")


def _filtered(function: Any, values: Iterator[Any]) -> Iterator[Any]:
    for value in values:
        if value if function is None else function(value):
            yield value
