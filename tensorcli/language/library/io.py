"""The module `io` for scripts: buffers in memory. How far a write beyond the end may fill up with zeros has a limit."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tensorcli.language.limits import LimitError, Limits
from tensorcli.language.namespaces import words
from tensorcli.language.policy import Names

if TYPE_CHECKING:
    from tensorcli.language.evaluate import Evaluator


def _check_gap(buffer: Any) -> None:
    """Errors: LimitError where a buffer stands too far beyond its end."""
    at = buffer.tell()
    gap = at - buffer.seek(0, io.SEEK_END)
    buffer.seek(at)
    if gap > Limits().characters:
        raise LimitError(f"the buffer would be filled with {gap} zeros; the limit is {Limits().characters}")


class Bytes(io.BytesIO):
    """BytesIO."""

    def write(self, data: Any, /) -> int:
        """Write bytes where the buffer stands. Errors: LimitError far beyond its end."""
        _check_gap(self)
        return super().write(data)


class Text(io.StringIO):
    """StringIO."""

    def write(self, text: str, /) -> int:
        """Write a text where the buffer stands. Errors: LimitError far beyond its end."""
        _check_gap(self)
        return super().write(text)


_CLASSES = {"BytesIO": Bytes, "StringIO": Text}
for _name, _kind in _CLASSES.items():
    _kind.__name__ = _kind.__qualname__ = _name
    _kind.__module__ = "_io"

MEMBERS = frozenset(_CLASSES)
_NAMES = words("close closed getvalue read readable readline readlines seek tell truncate write")
ATTRIBUTES: dict[type, Names] = {
    Bytes: _NAMES | words("getbuffer"),
    Text: _NAMES,
    memoryview: words("nbytes"),
}


def member(evaluator: Evaluator, name: str) -> Any:
    """A member of the module."""
    return _CLASSES[name]
