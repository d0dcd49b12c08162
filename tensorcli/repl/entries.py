"""What Enter means: go on to another line, or run the entry. Pure text; knows no terminal.

An open bracket or block goes on, a blank line ends a block or gives up an open bracket, and what no further line could make
valid is run at once, so that its error is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tensorcli.language.syntax import Incomplete, LanguageError, Verb
from tensorcli.language.vocabulary import CLASS_REFUSED

INDENT = "    "


def still_open(text: str, verbs: Mapping[str, Verb], bound: Iterable[str]) -> Incomplete | None:
    """What the entry still waits for; None where it should run, because it is whole or wrong."""
    if not text.strip():
        return None
    found = _incomplete(text, verbs, bound)
    if (
        found is not None
        and found.reason != "block"
        and "\n" in text
        and not text.rpartition("\n")[2].strip()
    ):
        return None
    return found


def _incomplete(text: str, verbs: Mapping[str, Verb], bound: Iterable[str]) -> Incomplete | None:
    """What further lines can make whole. A class is refused when all of it is there, for what can stand in its place is
    written from the whole.
    """
    from tensorcli.language.parse import incomplete

    try:
        return incomplete(text, verbs, bound)
    except LanguageError as error:
        if error.message != CLASS_REFUSED:
            return None
    from tensorcli.language.rewriting.classes import as_blocks

    try:
        return incomplete(as_blocks(text), verbs, bound)
    except LanguageError:
        return None


def next_indent(line: str, reason: str) -> str:
    """The white space that the line after this one begins with."""
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    code = line.partition("#")[0].rstrip()
    if reason == "block" and code.endswith(":"):
        return indent + INDENT
    if reason == "block" and code.split(None, 1)[:1] in (
        ["return"],
        ["pass"],
        ["break"],
        ["continue"],
        ["raise"],
    ):
        return indent[: -len(INDENT)]
    return indent


def waiting_for(found: Incomplete, text: str) -> str:
    """A short remark on what is open, for the toolbar."""
    opening = found.span.text(text)
    if found.reason == "block":
        return "a blank line ends the block"
    if found.reason == "line":
        return "the line goes on after \\"
    return f"{opening!r} opened at line {found.span.line} is not closed: Enter on an empty line gives up"
