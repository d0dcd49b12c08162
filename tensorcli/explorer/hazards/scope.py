"""The names that a statement sees while it runs: those of the functions that it stands in, then the session's."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tensorcli.language.locate import current_frame


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
        """What `net`, `net.head` or `net[0]` stands for; None for anything else, and where there is nothing."""
        if isinstance(path, ast.Name):
            return self.get(path.id)
        if isinstance(path, ast.Attribute):
            owner = self.at(path.value)
            parts = getattr(owner, "_modules", None)
            return parts.get(path.attr) if isinstance(parts, dict) else None
        if isinstance(path, ast.Subscript) and isinstance(path.slice, ast.Constant):
            owner, key = self.at(path.value), path.slice.value
            parts = getattr(owner, "_modules", None)
            if isinstance(parts, dict) and isinstance(key, int):
                values = list(parts.values())
                return values[key] if -len(values) <= key < len(values) else None
        return None

    def name(self, tensor: Any) -> str | None:
        """A path to a tensor: the session's, or one from a local name of the function that runs; None where it has none."""
        return self.known(tensor) or next(self._paths(tensor), None)

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

    def _paths(self, tensor: Any) -> Iterator[str]:
        for names in self._local():
            for name, value in names.items():
                if value is tensor:
                    yield name
                parts = None if isinstance(value, type) else getattr(value, "named_parameters", None)
                if parts is not None:
                    yield from (f"{name}.{path}" for path, part in parts() if part is tensor)
