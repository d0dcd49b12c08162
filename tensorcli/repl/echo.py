"""A run that reads like a session: each statement behind the prompt, with the comments its author gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.repl.output import PROMPT, echoed

if TYPE_CHECKING:
    from tensorcli.language.syntax import Span


class Echo:
    """Says how the statements of one script are shown, in their order. A script that cannot be read has none."""

    def __init__(self, script: bytes) -> None:
        from tensorcli.language.source import read
        from tensorcli.language.syntax import LanguageError

        try:
            self._source = read(script)
        except LanguageError:
            self._source = read("")
        self._next = 0

    def statement(self, source: str, span: Span | None) -> str:
        """The comments above a statement, a blank line before them where there is one, and the statement."""
        lines = self._source.lines
        if span is None or span.end_line > len(lines):
            return echoed(source)
        above = lines[self._next : span.line - 1]
        comments = "".join(f"{PROMPT}{line.strip()}\n" for line in above if line.lstrip().startswith("#"))
        apart = "\n" if comments and self._next and not above[0].strip() else ""
        self._next = max(self._next, span.end_line)
        return apart + comments + echoed(self._without_prompts(span))

    def _without_prompts(self, span: Span) -> str:
        """The statement as it was read, and the comment beside its end."""
        first, last = span.line - 1, span.end_line - 1
        lines = list(self._source.lines[first : last + 1])
        end = span.end_column - self._source.shifts[last]
        if not lines[-1][end:].lstrip().startswith("#"):
            lines[-1] = lines[-1][:end]
        lines[0] = lines[0][span.column - self._source.shifts[first] :]
        return "\n".join(line.rstrip() for line in lines)
