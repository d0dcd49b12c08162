"""PyTorch schema lines as frozen data.

A schema line is the statement that PyTorch itself makes of an operator: names, types, defaults, which arguments are
keyword-only and, by alias letters, whether a result is new, a view (`Tensor(a)`) or the written input (`Tensor(a!)`).

    >>> schema = parse("mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)")
    >>> schema.base, schema.overload, schema.arguments[0].written
    ('mul_', 'Tensor', True)

`str(parse(line)) == line` for every line: parsing checks it. This module knows no tensors.
"""

import re
from typing import Any, Final, NamedTuple

REQUIRED: Final = type("Required", (), {"__repr__": lambda self: "REQUIRED"})()
"""The default of an argument that has none (None is a default of its own)."""

_TYPE = re.compile(
    r"(?P<base>[A-Za-z_]+)"
    r"(?:\((?P<alias>[a-z*|]+!?(?: -> [a-z*|]+)?)\))?"
    r"(?P<optional_element>\?)?"
    r"(?P<list>\[\d*\])?"
    r"(?P<optional>\?)?"
)
_DEFAULTS: Final[dict[str, Any]] = {"None": None, "True": True, "False": False, "Mean": 1, "long": "long"}


class Type(NamedTuple):
    """`int[2]?` is base int, size 2, optional; `Tensor(a!)[]` is base Tensor, alias a, written, a list."""

    base: str
    alias: str | None = None
    is_list: bool = False
    size: int | None = None
    optional: bool = False
    optional_element: bool = False

    @property
    def is_tensor(self) -> bool:
        """Whether values of this type hold tensors: `Tensor`, `Tensor?`, `Tensor[]` or `Tensor?[]`."""
        return self.base == "Tensor"

    def __str__(self) -> str:
        alias = f"({self.alias})" if self.alias else ""
        brackets = f"[{'' if self.size is None else self.size}]" if self.is_list else ""
        element = "?" if self.optional_element else ""
        return f"{self.base}{alias}{element}{brackets}{'?' if self.optional else ''}"


class Argument(NamedTuple):
    """One argument, or one named or unnamed return value (then `default` is REQUIRED and `name` may be empty)."""

    type: Type
    name: str
    default: Any = REQUIRED
    default_text: str = ""
    keyword_only: bool = False

    @property
    def written(self) -> bool:
        """Whether the operator writes into it: `Tensor(a!)`."""
        return bool(self.type.alias) and "!" in str(self.type.alias)

    @property
    def aliased(self) -> bool:
        """Whether a result shares its storage without being it: `Tensor(a)`."""
        return bool(self.type.alias) and not self.written

    def __str__(self) -> str:
        text = f"{self.type} {self.name}".rstrip()
        return f"{text}={self.default_text}" if self.default is not REQUIRED else text


class Schema(NamedTuple):
    """One schema line. `base` is the name before the first dot, `overload` what follows it."""

    name: str
    arguments: tuple[Argument, ...]
    returns: tuple[Argument, ...]
    has_out: bool = False
    """Whether the function takes `out=`: what a line does not say."""

    @property
    def base(self) -> str:
        return self.name.partition(".")[0]

    @property
    def overload(self) -> str:
        return self.name.partition(".")[2]

    @property
    def tensors(self) -> tuple[int, ...]:
        """Positions of the arguments that hold tensors (lists included)."""
        return tuple(i for i, argument in enumerate(self.arguments) if argument.type.is_tensor)

    @property
    def written(self) -> tuple[int, ...]:
        """Positions of the arguments that the operator writes into."""
        return tuple(i for i, argument in enumerate(self.arguments) if argument.written)

    @property
    def is_view(self) -> bool:
        """Whether the result shares storage with an argument that is not written."""
        return any(result.aliased for result in self.returns)

    def __str__(self) -> str:
        parts = []
        starred = False
        for argument in self.arguments:
            if argument.keyword_only and not starred:
                parts.append("*")
                starred = True
            parts.append(str(argument))
        returns = ", ".join(map(str, self.returns))
        return f"{self.name}({', '.join(parts)}) -> {returns if len(self.returns) == 1 else f'({returns})'}"


def parse(line: str) -> Schema:
    """The schema that `line` states.

    Errors: ValueError when the line does not read back as it was written, so that no declaration is half understood.
    """
    head, _, tail = line.rpartition(") -> ")
    name, _, inside = head.partition("(")
    keyword_only = False
    arguments = []
    for part in _split(inside):
        if part == "*":
            keyword_only = True
        else:
            arguments.append(_argument(part, keyword_only))
    returned = tail[1:-1] if tail.startswith("(") else tail
    returns = tuple(_argument(part, False) for part in _split(returned))
    schema = Schema(name, tuple(arguments), returns)
    if str(schema) != line:
        raise ValueError(f"schema line does not read back: {line!r} became {str(schema)!r}")
    return schema


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(text):
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and not depth:
            parts.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def _argument(text: str, keyword_only: bool) -> Argument:
    match = _TYPE.match(text)
    if match is None:
        raise ValueError(f"not an argument of a schema: {text!r}")
    brackets = match["list"]
    optional = bool(match["optional"])
    optional_element = bool(match["optional_element"]) and bool(brackets)
    kind = Type(
        match["base"],
        match["alias"],
        bool(brackets),
        int(brackets[1:-1]) if brackets and len(brackets) > 2 else None,
        optional or (bool(match["optional_element"]) and not brackets),
        optional_element,
    )
    name, equals, default = text[match.end() :].strip().partition("=")
    return Argument(kind, name, _value(default) if equals else REQUIRED, default, keyword_only)


def _value(text: str) -> Any:
    """A default as Python has it: numbers, None, booleans, tuples for lists, and names as their text."""
    if text in _DEFAULTS:
        return _DEFAULTS[text]
    if text.startswith("["):
        return tuple(_value(part) for part in _split(text[1:-1]))
    if text[:1] in "\"'":
        return text[1:-1]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
