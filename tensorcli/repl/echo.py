"""A run that reads like a session: each statement after the prompt, with the comments that its author gave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.render.prompts import CONTINUATION, PROMPT

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
        return apart + comments + echoed(self._with_comment(span))

    def _with_comment(self, span: Span) -> str:
        """The statement as it was read, and the comment beside its end."""
        last = span.end_line - 1
        behind = self._source.lines[last][span.end_column - self._source.shifts[last] :]
        text = self._source.without_prompts(span)
        if behind.lstrip().startswith("#"):
            text += behind
        return "\n".join(line.rstrip() for line in text.split("\n"))


def echoed(source: str) -> str:
    """The statement behind the prompt, as a session at the prompt would show it."""
    first, *rest = source.rstrip("\n").split("\n")
    return "".join(
        f"{line}\n" for line in [PROMPT + first, *((CONTINUATION + line).rstrip() for line in rest)]
    )
