"""From text as typed or pasted to text that can be parsed, with the way back to the columns as typed.

Lines keep their numbers: what is skipped becomes an empty line, what is removed from the beginning of a
line is remembered as that line's shift. The module knows no grammar.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import NamedTuple

from tensorcli.language.syntax import LanguageError, Span, walk
from tensorcli.language.tokens import tokenize

MAX_CHARACTERS = 8 << 20

_PROMPTS = (">>>", "In [", "tensor>")
_PROMPT = r"^[ \t]*(?:>>>|In \[[\d* ]*\]:|tensor>)(?: |$)"
_CELL = r"^[ \t]*In \[[\d* ]*\]:[ \t]*$"
"""A prompt with nothing behind it, as notebooks are copied: the cell stands below."""
_ANSWER = r"^[ \t]*Out ?\[[\d* ]*\]:"
_FENCE = r"^[ \t]*```[\w.+-]*[ \t]*$"
_CONTINUATION = r"[ \t]*\.\.\.:?(?: |$)"
_CONTROL = "[\x00-\x08\x0b\x0e-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"


class Source(NamedTuple):
    """`typed` is the text with its line ends made equal; `text` is what the parser reads, line for line."""

    typed: str
    text: str
    shifts: tuple[int, ...]
    skipped_lines: int
    lines: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, within `text`, of an offset into it."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1]

    def span(self, start: int, end: int) -> Span:
        """The span, in the text as typed, of `text[start:end]`."""
        line, column = self.place(start)
        end_line, end_column = self.place(end)
        return Span(line, column + self.shifts[line - 1], end_line, end_column + self.shifts[end_line - 1])

    def typed_text(self, span: Span) -> str:
        """What stands at `span` in the text as typed."""
        return span.text(self.typed)

    def without_prompts(self, span: Span) -> str:
        """What stands at `span` in the text as typed, without prompts or the indent that all lines had."""
        first, last = span.line - 1, span.end_line - 1
        lines = list(self.lines[first : last + 1])
        lines[-1] = lines[-1][: span.end_column - self.shifts[last]]
        lines[0] = lines[0][span.column - self.shifts[first] :]
        return "\n".join(lines)

    def shift(self, tree: ast.AST) -> None:
        """Moves the positions of a finished tree, once, from `text` to the text as typed."""
        if not any(self.shifts):
            return
        last = len(self.shifts)
        for node in walk(tree):
            line = getattr(node, "lineno", None)
            if line is None:
                continue
            node.col_offset += self.shifts[min(line, last) - 1]  # type: ignore[attr-defined]
            node.end_col_offset += self.shifts[min(node.end_lineno, last) - 1]  # type: ignore[attr-defined]


def read(text: str | bytes) -> Source:
    """Decode, normalise line ends, take Markdown's fences, pasted prompts or a common indent away.

    Raises LanguageError for what is not text: bytes that are not UTF-8, NUL and other control characters.
    """
    if isinstance(text, bytes):
        text = _decoded(text)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_CHARACTERS:
        raise LanguageError(
            f"the text has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}", Span(1, 0, 1, 0)
        )
    _refuse_control_characters(text)
    typed = text
    lines = text.split("\n")
    fenced = 0
    if "```" in text and any(re.match(_FENCE, line) for line in lines) and _outside_strings(_FENCE, text):
        lines, fenced = _unfenced(lines)
        text = "\n".join(lines)
    prompted = any(each in text for each in _PROMPTS) and any(re.match(_PROMPT, line) for line in lines)
    if prompted and _outside_strings(_PROMPT, text):
        kept, shifts, skipped = _transcript(lines)
    else:
        kept, shifts, skipped = _dedented(lines)
    starts, position = [], 0
    for line in kept:
        starts.append(position)
        position += len(line) + 1
    return Source(typed, "\n".join(kept), tuple(shifts), skipped + fenced, tuple(kept), tuple(starts))


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace"))
        raise LanguageError(
            f"byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8 text",
            Span(line, column, line, column + 1),
            "this begins as UTF-16 text does, which PowerShell's > and some editors write: save it as UTF-8"
            if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
            else "a script is a UTF-8 text file",
        ) from None


def _refuse_control_characters(text: str) -> None:
    if text.replace("\n", "").isprintable():  # most are, and no pattern is compiled
        return
    found = re.search(_CONTROL, text)
    if found is None:
        return
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - (text.rfind("\n", 0, found.start()) + 1)
    name = "a NUL character" if found.group() == "\0" else f"the character U+{ord(found.group()):04X}"
    raise LanguageError(
        f"{name} cannot stand in a script",
        Span(line, column, line, column + 1),
        "inside a string it is written as an escape, such as '\\x00'"
        if len(text) < 10_000 and "\0" not in text[:8]
        else "is this a text file?",
    )


def _unfenced(lines: list[str]) -> tuple[list[str], int]:
    """What stands between the fences of Markdown, ``` and ```, on its lines; how many other lines there were. Of a text with one
    fence, which was not copied whole, all that is not the fence.
    """
    fences = [number for number, line in enumerate(lines) if re.match(_FENCE, line)]
    if len(fences) == 1:
        return [line if number != fences[0] else "" for number, line in enumerate(lines)], 0
    kept, inside, skipped = [], False, 0
    for number, line in enumerate(lines):
        if number in fences:
            inside = not inside
        elif not inside:
            skipped += bool(line.strip())
        kept.append(line if inside and number not in fences else "")
    return kept, skipped


def _outside_strings(pattern: str, text: str) -> bool:
    """Whether a line that begins so is not within a string: the examples of a docstring are text."""
    strings = [
        (token.start, token.end) for token in tokenize(text) if token.kind == "string" and "\n" in token.text
    ]
    starts = (found.start() for found in re.finditer(pattern, text, re.MULTILINE))
    return any(not any(start < prompt < end for start, end in strings) for prompt in starts)


def _transcript(lines: list[str]) -> tuple[list[str], list[int], int]:
    """What stands behind prompts and in cells, how far each line was shifted, and how many other lines there are."""
    kept, shifts, skipped, continues = [], [], 0, False
    cells = _cells(lines)
    for number, line in enumerate(lines):
        prompt = re.match(_PROMPT, line) or (re.match(_CONTINUATION, line) if continues else None)
        continues = prompt is not None
        if prompt is not None:
            kept.append(line[prompt.end() :])
            shifts.append(prompt.end())
        else:
            skipped += bool(line.strip()) and number not in cells
            kept.append(line if number in cells else "")
            shifts.append(0)
    return kept, shifts, skipped


def _cells(lines: list[str]) -> set[int]:
    """The lines of the cells of a notebook, without what they printed below them."""
    found: set[int] = set()
    first: int | None = None
    for number, line in enumerate([*lines, "In []:"]):
        if re.match(_PROMPT, line) or re.match(_ANSWER, line):
            if first is not None:
                found.update(range(first, _end_of_cell(lines, first, number)))
            first = number + 1 if re.match(_CELL, line) else None
    return found


def _end_of_cell(lines: list[str], first: int, end: int) -> int:
    """Where the input ends in the lines from one prompt to the next: the paragraphs at its end that are printed values, or with
    which it is no program, were printed.
    """
    while True:
        gap = next((at for at in range(end - 1, first, -1) if not lines[at].strip()), first)
        below = "\n".join(lines[gap:end])
        if gap == first or not _is_printed("\n".join(lines[first:gap]), below):
            return end
        end = gap


def _is_printed(above: str, below: str) -> bool:
    statements = _statements(below)
    if statements is None:
        goes_on = _statements(f"{above}\n{below}") is not None
        return not (goes_on or re.search(r"^[ \t]*[%!]", below, re.MULTILINE))
    return all(isinstance(each, ast.Expr) and _is_value(each.value) for each in statements)


def _statements(text: str) -> list[ast.stmt] | None:
    """The statements of Python that a text is; None where it is none."""
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError):
        return None


def _is_value(node: ast.expr) -> bool:
    """Whether this is how a value is printed: a literal, or a call that makes a tensor or an array."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("tensor", "array")
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _dedented(lines: list[str]) -> tuple[list[str], list[int], int]:
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    indent = first[: len(first) - len(first.lstrip(" \t\u00a0"))]
    if indent and all(line.startswith(indent) or not line.strip() for line in lines):
        return [line[len(indent) :] for line in lines], [len(indent)] * len(lines), 0
    return lines, [0] * len(lines), 0
