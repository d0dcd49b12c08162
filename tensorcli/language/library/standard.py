"""The parts of Python's standard library that a script has, as namespaces: what works on values alone.

`Standard.namespace(name)` makes one when it is first asked for. What can run without end or grow without bound goes through
the checks of the evaluator. `random` is seeded as the session is and `time` has a clock of the session's own, so that a
script prints the same each time. `warnings` is the session's, which hears them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tensorcli.language.builtin_objects import Builtin
from tensorcli.language.functions import LazyIterator, ScriptFunction, lazily
from tensorcli.language.limits import BINARY, COMPARE, UNARY
from tensorcli.language.namespaces import Members, Namespace, words

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator


BISECT = words("bisect bisect_left bisect_right insort insort_left insort_right")
COLLECTIONS = words("Counter OrderedDict defaultdict deque namedtuple")
CONTEXTLIB = words("nullcontext suppress")
HEAPQ = words("heapify heappop heappush heappushpop heapreplace nlargest nsmallest")
ITERTOOLS = words(
    "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile filterfalse "
    "groupby islice pairwise permutations product repeat starmap takewhile tee zip_longest"
)
OPERATOR = words(
    "add and_ contains eq floordiv ge gt invert itemgetter le lshift lt matmul mod mul ne neg not_ or_ pos pow "
    "rshift sub truediv xor"
)
RANDOM = words(
    "betavariate choice choices expovariate gauss getrandbits lognormvariate normalvariate randint random randrange "
    "sample seed shuffle triangular uniform"
)
STATISTICS = words(
    "fmean geometric_mean harmonic_mean mean median median_high median_low mode multimode pstdev pvariance stdev variance"
)
STRING = words(
    "ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable punctuation whitespace"
)
TIME = words("monotonic perf_counter perf_counter_ns process_time sleep time time_ns")
TYPING = words(
    "Any Callable Dict FrozenSet Iterable Iterator List Literal Mapping Optional Sequence Set Tuple Type TypeVar "
    "Union cast"
)
UNICODEDATA = words(
    "bidirectional category combining decimal digit east_asian_width is_normalized lookup mirrored name normalize numeric"
)


class Standard:
    """The standard library of one session; `seed` is what `random` begins with."""

    def __init__(self, evaluator: Callable[[], Evaluator], seed: Callable[[], int]) -> None:
        self.evaluator = evaluator
        self.seed = seed
        self.stream: Any = None
        self.microseconds = 0
        """What the session's clock shows."""

    def begin(self) -> None:
        """The session begins anew."""
        self.microseconds = 0
        if self.stream is not None:
            self.stream.seed(self.seed())

    def namespace(self, name: str) -> Namespace:
        """A module by its name. Errors: KeyError."""
        if name in _FILES:
            module = import_module(f"{__package__}.{name}")
            return Namespace(name, Members(module.MEMBERS, lambda member: self._of_file(module, member)))
        names, make = _MODULES[name]
        return Namespace(name, Members(names, lambda member: make(self, member)))

    def _of_file(self, module: Any, name: str) -> Any:
        """A member of a module that has a file of its own, which says what a script may read and set on its objects, and what
        stands in for their constructors.
        """
        evaluator = self.evaluator()
        evaluator.policy.types.update(module.ATTRIBUTES)
        evaluator.policy.settable.update(getattr(module, "SETTABLE", {}))
        if hasattr(module, "constructors"):
            evaluator.builtins.constructors.update(module.constructors(evaluator))
        return module.member(evaluator, name)

    # ---- the members of each module

    def collections(self, name: str) -> Any:
        import collections

        if name != "namedtuple":
            return getattr(collections, name)

        def namedtuple(typename: str, field_names: Any, **options: Any) -> Any:
            if not isinstance(field_names, str):
                field_names = list(self._bounded(field_names, "the fields"))
            unknown = next((each for each in options if each not in ("rename", "defaults")), None)
            if unknown is not None:
                raise TypeError(f"namedtuple() got an unexpected keyword argument '{unknown}'")
            return collections.namedtuple(typename, field_names, module="__main__", **options)

        return Builtin(name, namedtuple)

    def contextlib(self, name: str) -> Any:
        import contextlib

        return Suppress if name == "suppress" else getattr(contextlib, name)

    def itertools(self, name: str) -> Any:
        import itertools

        if name == "chain":
            return Chain()
        function = getattr(itertools, name)

        def run(*args: Any, **kwargs: Any) -> Any:
            builtins = self.evaluator().builtins
            if name in _KEEPS_ALL or name == "tee":
                for each in (*args, *kwargs.values()):
                    if isinstance(each, int):
                        builtins.guards.items(each, "each value")
            if name in _KEEPS_ALL:
                args = tuple(self._all(each) if hasattr(each, "__iter__") else each for each in args)
            else:
                args = tuple(builtins.stepwise(each) if type(each) is range else each for each in args)
            args = tuple(_called(builtins, each) for each in args)
            kwargs = {key: _called(builtins, each) for key, each in kwargs.items()}
            made = function(*args, **kwargs)
            if name == "tee":
                return tuple(LazyIterator(each, *args) for each in made)
            if name == "groupby":
                return LazyIterator(((key, lazily(group)) for key, group in made), *args)
            return lazily(made, *args)

        return Builtin(name, run)

    def _bounded(self, values: Iterable[Any], what: str) -> Iterator[Any]:
        return self.evaluator().guards.bounded(values, what)

    def _all(self, values: Iterable[Any]) -> list[Any]:
        return list(self._bounded(values, "what is combined"))

    def operator(self, name: str) -> Any:
        import operator

        function = getattr(operator, name)
        kind = next((kind for kind, each in BINARY.items() if each is function), None)
        if kind is not None:

            def compute(*args: Any) -> Any:
                guard = self.evaluator().guards.tables[kind][type(args[0])] if args else None
                if guard is not None and len(args) == 2:
                    guard(*args)
                return function(*args)

            return Builtin(name, compute)
        if name == "contains":
            return Builtin(name, lambda container, value: self.evaluator().contains(value, container))
        assert name == "itemgetter" or function in (*COMPARE.values(), *UNARY.values())
        return Builtin(name, function)

    def random(self, name: str) -> Any:
        if self.stream is None:
            import random

            self.stream = random.Random(self.seed())
        function = getattr(self.stream, name)
        guards = self.evaluator().guards

        def checked(*args: Any, **kwargs: Any) -> Any:
            size = kwargs.get("k", args[-1] if args else None)
            if isinstance(size, int):
                if name == "getrandbits":
                    guards.bits(size, "the number")
                elif "k" in kwargs or name == "sample":
                    guards.items(size, "the list")
            return function(*args, **kwargs)

        return Builtin(name, checked if name in ("choices", "getrandbits", "sample") else function)

    def time(self, name: str) -> Any:
        def read() -> int:
            self.microseconds += 1
            return self.microseconds

        def sleep(seconds: float) -> None:
            if seconds < 0:
                raise ValueError("sleep length must be non-negative")
            self.microseconds += int(seconds * 1e6)

        if name == "sleep":
            return Builtin(name, sleep)
        return Builtin(name, (lambda: read() * 1000) if name.endswith("_ns") else (lambda: read() / 1e6))

    def timeit(self, name: str) -> Any:
        return Builtin(name, self.time("perf_counter").function)

    def string(self, name: str) -> Any:
        import string

        value = getattr(string, name)
        return Builtin(name, value) if callable(value) else value

    def unicodedata(self, name: str) -> Any:
        import unicodedata

        return Builtin(name, getattr(unicodedata, name))

    def statistics(self, name: str) -> Any:
        import statistics

        function = getattr(statistics, name)
        return Builtin(name, lambda data, *args, **kwargs: function(self._all(data), *args, **kwargs))

    def bisect(self, name: str) -> Any:
        import bisect

        return self._with_key(name, getattr(bisect, name))

    def heapq(self, name: str) -> Any:
        import heapq

        function = getattr(heapq, name)
        if name not in ("nlargest", "nsmallest"):
            return Builtin(name, function)
        return self._with_key(name, lambda n, values, **key: function(n, self._steps_of(values), **key))

    def _steps_of(self, values: Any) -> Any:
        return self.evaluator().builtins.stepwise(values)

    def _with_key(self, name: str, function: Callable[..., Any]) -> Builtin:
        """A function whose `key=` is called as a script calls."""

        def run(*args: Any, key: Any = None, **kwargs: Any) -> Any:
            return function(*args, **kwargs, key=self.evaluator().builtins.callback(key))

        return Builtin(name, run)

    def typing(self, name: str) -> Any:
        import typing

        value = getattr(typing, name)
        return Builtin(name, value) if name in ("TypeVar", "cast") else value

    def gc(self, name: str) -> Any:
        import gc

        def collect(generation: int = 2) -> int:
            gc.collect(generation)
            return 0  # how many objects that were is not a function of the script

        return Builtin(name, collect)

    def weakref(self, name: str) -> Any:
        import weakref

        def ref(value: Any) -> Any:
            return weakref.ref(value)

        return Builtin(name, ref)


_FILES = words("argparse functools io json re types")
"""Modules with a file of their own in this package."""
_MODULES: dict[str, tuple[frozenset[str], Callable[[Standard, str], Any]]] = {
    "bisect": (BISECT, Standard.bisect),
    "collections": (COLLECTIONS, Standard.collections),
    "contextlib": (CONTEXTLIB, Standard.contextlib),
    "heapq": (HEAPQ, Standard.heapq),
    "itertools": (ITERTOOLS, Standard.itertools),
    "operator": (OPERATOR, Standard.operator),
    "random": (RANDOM, Standard.random),
    "statistics": (STATISTICS, Standard.statistics),
    "string": (STRING, Standard.string),
    "time": (TIME, Standard.time),
    "timeit": (frozenset({"default_timer"}), Standard.timeit),
    "typing": (TYPING, Standard.typing),
    "unicodedata": (UNICODEDATA, Standard.unicodedata),
    "gc": (frozenset({"collect"}), Standard.gc),
    "weakref": (frozenset({"ref"}), Standard.weakref),
}
_KEEPS_ALL = words("combinations combinations_with_replacement permutations product")
"""The iterators that read all that they are given before they give anything."""


def _called(builtins: Any, value: Any) -> Any:
    """An argument as Python's own code may hold it: a function with the checks of a call from the script."""
    return builtins.callback(value) if callable(value) and not isinstance(value, ScriptFunction) else value


class Suppress(suppress):
    """contextlib.suppress, which Ctrl-C and `exit` pass, as they pass the handlers of a script."""

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> bool:
        return kind is not None and issubclass(kind, Exception) and super().__exit__(kind, *error)


Suppress.__name__ = Suppress.__qualname__ = "suppress"
Suppress.__module__ = "contextlib"


class Chain:
    """itertools.chain, which has a method of its own."""

    __slots__ = ()

    def __call__(self, *values: Any) -> LazyIterator:
        import itertools

        return LazyIterator(itertools.chain(*map(_steps, values)), *values)

    def from_iterable(self, values: Any) -> LazyIterator:
        """The items of the items."""
        return LazyIterator((each for inner in values for each in inner), values)

    def __repr__(self) -> str:
        return "<class 'itertools.chain'>"


def _steps(values: Any) -> Any:
    return iter(values)


ATTRIBUTES: dict[type, frozenset[str]] = {
    Chain: words("from_iterable"),
}
"""What a script may read on the objects of this module."""
