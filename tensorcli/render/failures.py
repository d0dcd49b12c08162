"""Errors and warnings, with a caret under what raised.

Two forms: for a file, `FILE:LINE:COLUMN: TYPE: message` as compilers write it, with the whole of the message,
so that editors can jump; at the prompt, under the line just typed. Lines count from 1, and so do columns;
carets count terminal cells.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from tensorcli.explorer.results import Failure, WarningText
from tensorcli.render.layout import Line, Piece, cells, line, paragraph, visible

TAB = 4


class Place(NamedTuple):
    """A stretch within one source line: its line from 1, columns in characters from 0, the end exclusive."""

    line: int
    start: int
    end: int
    source: str


def place(failure: Failure) -> Place | None:
    """The innermost place that is known, else the statement's; what goes on below its line ends with it."""
    span = failure.spans[0] if failure.spans else failure.statement
    if span is None:
        return None
    source = failure.lines[0] if failure.lines else ""
    start = min(span.column, len(source))
    end = span.end_column if span.end_line == span.line else len(source)
    return Place(span.line, start, max(min(end, len(source)), start), source)


def failure_in_file(failure: Failure) -> Iterator[Line]:
    """The GNU form: header, source line with caret, our hints, the statement that it happened in."""
    at = place(failure)
    where = f"{failure.name}:{at.line}:{at.start + 1}" if at is not None else failure.name
    yield from header(where, failure)
    if at is not None:
        yield from source_with_caret(at)
    for hint in failure.hints:
        yield from paragraph(hint, None, "hint", "  ", "  ")
    if at is not None and failure.statement is not None and at.line != failure.statement.line:
        yield line(f"  in the statement at line {failure.statement.line}")
    if failure.code:
        yield line("  ", (f"{failure.code}: tensorcli explain {failure.code}", "code"))


def header(where: str, failure: Failure) -> Iterator[Line]:
    """`WHERE: TYPE: message`; a message of several lines keeps them."""
    first, *rest = visible(failure.message).split("\n")
    said = f": {first}" if failure.message else ""
    yield line((f"{where}: ", "title"), (failure.type, "error"), said)
    for each in rest:
        yield (Piece(each),) if each else ()


def source_with_caret(at: Place, *, numbered: bool = True) -> Iterator[Line]:
    """The source line behind its number, and a caret under the part that raised; nothing of what is not text. Characters
    that have no place of their own (they join others, or turn their direction) are written out. At the prompt, where
    statements have the numbers, the line has none.
    """
    source, start, end = excerpt(at.source, at.start, at.end)
    if not all(map(_is_text, source)):
        return
    shown, carets = aligned(source, start, end)
    yield line((f"{at.line if numbered else '':>5} | ", "muted"), shown)
    yield line(("      | ", "muted"), (carets, "caret"))


def _is_text(character: str) -> bool:
    """Whether a character may stand in a text: of control characters only tabs and form feeds."""
    return character in "\t\f" or unicodedata.category(character) not in ("Cc", "Cs", "Cn", "Co")


LONGEST = 160  # cells of a source line that are shown; a longer one is shown around its caret


def aligned(source: str, start: int, end: int) -> tuple[str, str]:
    """The line as it is shown, tabs widened, and the line of carets under it."""
    before, under = widened(source[:start]), widened(source[start:end])
    return before + under + widened(source[end:]), " " * cells(before) + "^" * max(cells(under), 1)


def excerpt(source: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a long line around what raised, with ellipses where something is left out."""
    if len(source) <= LONGEST:
        return source, start, end
    first = max(start - LONGEST // 3, 0)
    last = min(first + LONGEST, len(source))
    lead, tail = ("…" if first else ""), ("…" if last < len(source) else "")
    shift = len(lead) - first
    return lead + source[first:last] + tail, start + shift, min(end, last) + shift


def widened(text: str) -> str:
    """A line of source as it is shown: tabs as spaces, so that carets stand where they belong."""
    return visible(text).replace("\t", " " * TAB)


def failure_at_prompt(
    failure: Failure, width: int | None, indent: int, typed: str | None, *, happened: bool = True
) -> Iterator[Line]:
    """The form for the prompt: carets, then the message wrapped to the width.

    The carets stand right under `typed`, `indent` cells in, where it still is the last line on the screen;
    None where it is not, or has more lines, and then the source line is shown again. `why` tells of what happened, not
    of what was only tried.
    """
    at = place(failure)
    if at is not None:
        there = typed is not None and at.source.rstrip() == typed.rstrip()  # not within an earlier entry
        if typed is not None and there and fits(typed, indent, width):
            _, carets = aligned(at.source, at.start, at.end)
            yield line(" " * indent, (carets, "caret"))
        else:
            yield from source_with_caret(at, numbered=False)
    said = f": {visible(failure.message)}" if failure.message else ""
    yield from led(failure.type, "error", said, width)
    for hint in failure.hints:
        yield from paragraph(hint, width, "hint", "   ", "   ")
    if failure.code and not happened:
        yield line("   ", (f"explain {failure.code}", "hint"))
    elif failure.code or failure.answered:
        yield line("   ", ("why?", "hint"), *(("   ", (failure.code, "code")) if failure.code else ()))


def fits(typed: str, indent: int, width: int | None) -> bool:
    """Whether the terminal still shows the typed line as one, so that a caret under it stands right."""
    one_line = "\n" not in typed and "\t" not in typed and len(typed) <= LONGEST
    return one_line and (width is None or indent + cells(typed) <= width)


def warning_in_file(warning: WarningText) -> Iterator[Line]:
    """`FILE:LINE: warning: CATEGORY: message`, whole."""
    where = f"{warning.name}:{warning.span.line}" if warning.span is not None else warning.name
    first, *rest = visible(warning.message).split("\n")
    yield line((f"{where}: ", "title"), ("warning", "warning"), f": {warning.category}: {first}")
    for each in rest:
        yield line(each)


def warning_at_prompt(warning: WarningText, width: int | None) -> Iterator[Line]:
    yield from led(warning.category, "warning", f": {visible(warning.message)}", width)


def led(word: str, style: str, text: str, width: int | None) -> Iterator[Line]:
    """A wrapped text led by a word in a style of its own."""
    for number, each in enumerate(paragraph(word + text, width, "", " ", " ")):
        if number == 0:
            yield line(" ", (word, style), each[-1].text[len(word) :])
        else:
            yield each
