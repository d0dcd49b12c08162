"""Statements of a journal as they would be typed into a file: without prompts, and set into a block."""

from __future__ import annotations

from tensorcli.explorer.journal import Record
from tensorcli.language.source import Source, read
from tensorcli.language.tokens import tokenize


class Typed:
    """The texts of statements. Each text that they stood in is read once."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def text(self, record: Record) -> str:
        """A statement as typed, without pasted prompts or the indent that all its lines had."""
        if record.text not in self._sources:
            self._sources[record.text] = read(record.text)
        return self._sources[record.text].without_prompts(record.statement.span)


def indented(text: str) -> str:
    """A statement within a block. Lines that begin within a string stay: they are its value."""
    strings = [(token.start, token.end) for token in tokenize(text) if token.kind == "string"]
    lines, position = [], 0
    for line in text.split("\n"):
        inside = any(start < position < end for start, end in strings)
        lines.append(line if inside or not line else f"    {line}")
        position += len(line) + 1
    return "\n".join(lines)


def commented(text: str, lead: str = "") -> str:
    """A statement as comments."""
    return "\n".join(f"# {lead}{line}".rstrip() for line in text.split("\n"))
