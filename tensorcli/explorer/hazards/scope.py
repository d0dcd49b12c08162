"""The names that a statement sees while it runs: those of the functions that it stands in, then the session's."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorcli.explorer.engines.members import is_module
from tensorcli.language.locate import current_frame
from tensorcli.language.vocabulary import BAGS

DEPTH = 3
"""So far into the objects of a script its modules and optimizers are looked for."""
SMALL = 64
"""A list or a dict of more is one of data."""


class Scope:
    """Names by value and values by name, where the script is just now."""

    def __init__(self, bound: Mapping[str, Any], known: Callable[[Any], str | None]) -> None:
        self.bound = bound
        """The session's names."""
        self.known = known
        """Gives the session's path to a tensor."""
        self.inside = False
        """Whether the running statement stands within another: only then may it be a function's."""

    def get(self, name: str) -> Any:
        """What a name stands for; None where it is not bound."""
        for names in self._local():
            if name in names:
                return names[name]
        return self.bound.get(name)

    def items(self) -> Iterator[tuple[str, Any]]:
        """All names with what they stand for, those of the functions that run first."""
        for names in (*self._local(), self.bound):
            yield from names.items()

    def values(self) -> Iterator[Any]:
        """What all names stand for."""
        return (value for _, value in self.items())

    def at(self, path: ast.expr) -> Any:
        """What `net`, `net.weight`, `self.opt`, `net[0]` or `opts['d']` stands for; None for anything else, and where there is
        nothing. Nothing of the script runs for it.
        """
        if isinstance(path, ast.Name):
            return self.get(path.id)
        if isinstance(path, ast.Attribute):
            return dict(_attributes(self.at(path.value))).get(path.attr)
        if not isinstance(path, ast.Subscript) or not isinstance(
            path.slice, ast.Constant | ast.UnaryOp | ast.Name
        ):
            return None
        owner = self.at(path.value)
        parts = getattr(owner, "_modules", None)
        try:
            key = self._key(path.slice)
            if isinstance(parts, dict):
                return list(parts.values())[key] if isinstance(key, int) else parts.get(key)
            if isinstance(owner, dict):
                return dict.get(owner, key)
            return owner[key] if isinstance(owner, list | tuple) and isinstance(key, int) else None
        except (LookupError, TypeError, ValueError):
            return None

    def _key(self, node: ast.expr) -> int | str | None:
        """What stands between brackets. Errors: ValueError, where it is nothing that is written down, and no name of such."""
        found = self.get(node.id) if isinstance(node, ast.Name) else ast.literal_eval(node)
        if not isinstance(found, int | str):
            raise ValueError
        return found

    def reached(self) -> Iterator[tuple[str, Any]]:
        """All names with what they stand for, each function's followed by what hangs on that, by its path: a script may keep its
        modules and optimizers as attributes of an object of its own, or in a dict.
        """
        seen = set[int]()
        for names in (*self._local(), self.bound):
            waiting = deque((name, value, DEPTH) for name, value in names.items())
            while waiting:
                path, value, depth = waiting.popleft()
                if id(value) not in seen:
                    seen.add(id(value))
                    yield path, value
                    waiting.extend((path + suffix, each, depth - 1) for suffix, each in _parts(value, depth))

    def name(self, tensor: Any) -> str | None:
        """A path to a tensor: the session's, or one from a local name of the function that runs, or a name that the running
        statement has bound anew; None where it has none.
        """
        return self.known(tensor) or next(self._paths(tensor), None) or self._bound(tensor)

    def _local(self) -> list[Mapping[str, Any]]:
        """The names of the functions that are running in this session, from the inside to the outside."""
        if not self.inside:
            return []
        frame, found = current_frame(), []
        while frame is not None and frame.up is not None:
            found.append(frame.names)
            frame = frame.up
        # A session may run within a statement of another: the outermost frame tells whose functions these are.
        return found if frame is not None and frame.names is self.bound else []

    def _bound(self, tensor: Any) -> str | None:
        return next((name for name, value in self.bound.items() if value is tensor), None)

    def _paths(self, tensor: Any) -> Iterator[str]:
        for names in self._local():
            for name, value in names.items():
                if value is tensor:
                    yield name
                parts = None if isinstance(value, type) else getattr(value, "named_parameters", None)
                if parts is not None:
                    yield from (f"{name}.{path}" for path, part in parts() if part is tensor)


def _attributes(value: Any, parts: bool = True) -> Iterator[tuple[str, Any]]:
    """The attributes that a module has of its own, or what stands for an object of a plain class. parts: its modules as well."""
    of = type(value)
    if is_module(value) or (of.__module__, of.__name__) in BAGS:
        held = vars(value)
        yield from ((name, each) for name, each in held.items() if name[0] != "_")
        for kind in ("_modules", "_parameters", "_buffers") if parts else ():
            yield from held.get(kind, {}).items()


def _parts(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """What hangs on a value, each with what its path ends in; nothing where that is too deep, or too much to be parts. The layers
    of a network are its own.
    """
    if not depth:
        return
    if isinstance(value, list | tuple | dict):
        if len(value) <= SMALL:
            items = value.items() if isinstance(value, dict) else enumerate(value)
            yield from ((f"[{key!r}]", each) for key, each in items)
        return
    for name, each in _attributes(value, parts=not _is_network(value)):
        yield f"[{name}]" if name.isdigit() else f".{name}", each


def _is_network(value: Any) -> bool:
    """Whether a value is a module that computes something, and not one that only holds others."""
    if not is_module(value):
        return False
    maker = next((kind.__name__ for kind in type(value).__mro__ if "forward" in vars(kind)), "")
    return maker != "Module" or "forward" in vars(value)
