"""Pickles and copies of objects whose classes say that they are PyTorch's.

A pickle names a class by `__module__`, which is PyTorch's here: it could be read only where PyTorch is, and would then make
one of PyTorch's objects. These pickles name the class by its place in the engine instead.
"""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any


class Pickled:
    """What pickles and copies of instances hold; the ordinary thing for classes that are the user's own."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        kind: Any = type(self)
        ordinary: Any = object.__reduce_ex__(self, max(protocol, 2))
        place = _place(kind)
        if place is None:
            return ordinary
        _, arguments, *state = ordinary
        return (_blank, (place, kind.__name__, *arguments[1:]), *state)


@cache
def _place(kind: Any) -> str | None:
    """Which module of the engine has a class; None for a class of the user's own."""
    if kind.__module__.startswith("torch."):
        for path, module in list(sys.modules.items()):
            if path.startswith("tensorcli.engine.") and vars(module).get(kind.__name__) is kind:
                return path.removeprefix("tensorcli.engine.")
    return None


def take_over(owner: Any, state: Mapping[str, Any]) -> None:
    """Give an object the attributes of a saved state. Errors: ValueError for names that Python itself asks for (`__reduce__`): a
    state says what an object holds, not what it does.
    """
    for name in state:
        if isinstance(name, str) and name[:2] == name[-2:] == "__":
            raise ValueError(f"a state cannot hold the attribute {name!r}")
    owner.__dict__.update(state)


def _blank(place: str, name: str, *arguments: Any) -> Any:
    kind = getattr(import_module(f"tensorcli.engine.{place}"), name)
    return kind.__new__(kind, *arguments)
