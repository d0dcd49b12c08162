"""Modules as a script sees them: names and what they stand for, never Python's module objects.

`numpy`, `math` and `copy` are offered by allow-list; torch is the caller's. Functions whose result can be
far larger than their arguments are checked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorcli.language.limits import Guards, range_length

Check = Callable[[Guards, tuple[Any, ...], dict[str, Any]], None]


def itself(thing: Any, memo: object = None) -> Any:
    """What `copy` makes of what is one of a kind, as of Python's modules and functions."""
    return thing


class Namespace:
    """A module of the language:

    its name and a mapping of its members, which may make them when they are asked for.
    """

    __slots__ = ("__weakref__", "members", "name")

    def __init__(self, name: str, members: Mapping[str, Any]) -> None:
        self.name = name
        self.members = members

    def __repr__(self) -> str:
        return f"<module '{self.name}'>"

    __copy__ = __deepcopy__ = itself


Namespace.__name__ = "module"


class Members(Mapping[str, Any]):
    """The members of a namespace, each made when it is first asked for."""

    def __init__(self, names: frozenset[str], make: Callable[[str], Any]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        try:
            return self._made[name]
        except KeyError:
            if name not in self._names:
                raise
        value = self._made[name] = self._make(name)
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


class Checked:
    """A function with a check of its arguments before it."""

    __slots__ = ("__name__", "_check", "_function", "_guards")

    def __init__(self, function: Callable[..., Any], check: Check, guards: Guards) -> None:
        self._function = function
        self._check = check
        self._guards = guards
        self.__name__ = getattr(function, "__name__", "function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check(self._guards, args, kwargs)
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self._function)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """Whose parameters and description these are, for Python's `inspect`."""
        return self._function


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# math

MATH = words(
    "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e "
    "erf erfc exp exp2 expm1 fabs factorial floor fmod frexp fsum gamma gcd hypot inf isclose "
    "isfinite isinf isnan isqrt lcm ldexp lgamma log log10 log1p log2 modf nan nextafter perm "
    "pi pow prod radians remainder sin sinh sqrt tan tanh tau trunc ulp"
)


def _factorial(guards: Guards, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if args and isinstance(args[0], int) and args[0] > 1:
        guards.bits(args[0] * args[0].bit_length(), f"the factorial of {args[0]}")


def _choices(guards: Guards, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if args and all(isinstance(each, int) for each in args):
        count = min(args) if len(args) > 1 else args[0]
        guards.bits(max(count, 0) * args[0].bit_length(), "the number of choices")


def _product(guards: Guards, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    factors = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
    guards.bits(sum(each.bit_length() for each in factors if isinstance(each, int)), "the product")
    for each in args:
        if isinstance(each, range):
            guards.bits(
                range_length(each) * max(each.start.bit_length(), each.stop.bit_length()), "the product"
            )


_MATH_CHECKS: dict[str, Check] = {
    "factorial": _factorial,
    "comb": _choices,
    "perm": _choices,
    "prod": _product,
    "lcm": _product,
}


def math_namespace(guards: Guards) -> Namespace:
    """Python's math module."""
    import math

    def make(name: str) -> Any:
        value = getattr(math, name)
        return Checked(value, _MATH_CHECKS[name], guards) if name in _MATH_CHECKS else value

    return Namespace("math", Members(frozenset(name for name in MATH if hasattr(math, name)), make))


def copy_namespace() -> Namespace:
    """Python's copy module: copy and deepcopy."""
    import copy

    return Namespace("copy", {"copy": copy.copy, "deepcopy": copy.deepcopy, "Error": copy.Error})
