"""The module `types` for scripts: `SimpleNamespace`, and what holds for every object that keeps the attributes set on it."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tensorcli.language.policy import Names, Open
from tensorcli.language.vocabulary import dunder_refused, is_dunder

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator


class Bag:
    """What keeps the attributes that a script sets on it. Those that Python and numpy themselves ask for (`__reduce_ex__`,
    `__array_interface__`) are not found on it, though `vars(namespace)` is a dict that takes any name: they would say how it
    is copied, or which memory it is.
    """

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name[:2] == "__" and is_dunder(name):
            own = super().__getattribute__("__dict__")
            if name in own and found is own[name]:  # `__class__` and `__dict__` are the class's all the same
                raise AttributeError(dunder_refused(name), name=name, obj=self)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (), vars(self)


class SimpleNamespace(Bag, types.SimpleNamespace):
    """types.SimpleNamespace."""

    __module__ = "types"

    def __repr__(self) -> str:
        return f"namespace{super().__repr__().removeprefix(type(self).__name__)}"


MEMBERS = frozenset({"SimpleNamespace"})
ATTRIBUTES: dict[type, Names] = {SimpleNamespace: Open()}
SETTABLE: dict[type, Names] = ATTRIBUTES


def check_names(names: Iterable[str]) -> None:
    """Errors: ValueError for a name that Python itself asks for (`__reduce__`), which no script may give an object."""
    for name in names:
        if is_dunder(name):
            raise ValueError(dunder_refused(name))


def making(kind: type) -> Callable[..., Any]:
    """The constructor of such objects."""

    def make(*values: Any, **named: Any) -> Any:
        check_names(named)
        return kind(*values, **named)

    return make


def constructors(evaluator: Evaluator) -> dict[type, Callable[..., Any]]:
    """What stands in for the constructors of this module."""
    return {SimpleNamespace: making(SimpleNamespace)}


def member(evaluator: Evaluator, name: str) -> Any:
    """A member of the module."""
    return SimpleNamespace
