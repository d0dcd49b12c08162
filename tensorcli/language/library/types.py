"""The module `types` for scripts: `SimpleNamespace`, and what holds for every object that keeps the attributes set on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tensorcli.language.policy import Names, Open
from tensorcli.language.vocabulary import dunder_refused, is_dunder

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator

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
