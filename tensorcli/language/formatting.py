"""str.format for scripts:

fields are looked up through the policy, widths are checked before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tensorcli.language.limits import Guards

Read = Callable[[Any, str], Any]
Render = Callable[[Any, str, str], str]


class Formatter:
    """Fills templates as str.format does, with the evaluator's own attribute access and conversion."""

    def __init__(self, read: Read, render: Render, guards: Guards) -> None:
        self.read = read
        self.render = render
        self.guards = guards

    def format(self, template: str, args: Sequence[Any], kwargs: Mapping[Any, Any]) -> str:
        """The filled template. IndexError, KeyError and ValueError are worded as Python's."""
        return self._fill(template, args, kwargs, _Numbers(), 2)

    def _fill(
        self, template: str, args: Sequence[Any], kwargs: Mapping[Any, Any], numbers: _Numbers, depth: int
    ) -> str:
        import _string  # type: ignore[import-not-found] # what string.Formatter itself is made of

        if depth < 0:
            raise ValueError("Max string recursion exceeded")
        pieces: list[str] = []
        size = 0
        for literal, field, spec, conversion in _string.formatter_parser(template):
            if field is None:
                piece = literal
            else:
                value = self._value(field, args, kwargs, numbers)
                inner = self._fill(spec, args, kwargs, numbers, depth - 1) if spec else ""
                if conversion and conversion not in "sra":
                    raise ValueError(f"Unknown conversion specifier '{conversion}'")
                piece = literal + self.render(value, conversion or "", inner)
            pieces.append(piece)
            size += len(piece)
            self.guards.text(size, "the text")
        return "".join(pieces)

    def _value(self, field: str, args: Sequence[Any], kwargs: Mapping[Any, Any], numbers: _Numbers) -> Any:
        import _string

        first, rest = _string.formatter_field_name_split(field)
        if first == "":
            first = numbers.automatic()
        elif isinstance(first, int):
            numbers.manual()
        if isinstance(first, int):
            if first >= len(args):
                raise IndexError(f"Replacement index {first} out of range for positional args tuple")
            value = args[first]
        else:
            value = kwargs[first]
        for is_attribute, name in rest:
            value = self.read(value, name) if is_attribute else value[name]
        return value


class _Numbers:
    """The running number of fields without one; mixing both kinds is refused."""

    def __init__(self) -> None:
        self.next = 0
        self.mode = ""

    def automatic(self) -> int:
        if self.mode == "manual":
            raise ValueError("cannot switch from manual field specification to automatic field numbering")
        self.mode = "automatic"
        self.next += 1
        return self.next - 1

    def manual(self) -> None:
        if self.mode == "automatic":
            raise ValueError("cannot switch from automatic field numbering to manual field specification")
        self.mode = "manual"


def check_spec(spec: str, guards: Guards) -> None:
    """Refuses a width or a precision beyond the limit."""
    for digits in re.findall(r"\d{5,}", spec):
        guards.width(digits)
