"""Lines of styled pieces and how they are set to a width: terminal cells, shortening, wrapping, tables.

A `Page` is what every renderer of text gives back. It is a Rich renderable, and it knows its own text, so
that a pipe needs no Rich. A style is the name of a meaning (`theme.STYLES`); no line ends in white space. A
width of None is the natural one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

from tensorcli.explorer.results import CLOSING, closing

BETWEEN = "   "
"""What stands between facts on a line; each is kept whole where it fits."""
ELLIPSIS = "…"
LEAST = 12
"""Cells: so much room a text is given, however narrow the terminal is."""


class Piece(NamedTuple):
    """Text in one style; the empty style is the terminal's own."""

    text: str
    style: str = ""


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Finished lines, from top to bottom."""

    lines: tuple[Line, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines)

    def text(self) -> str:
        """The lines without their styles, each with its line end."""
        return "".join(line_text(line) + "\n" for line in self.lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines:
            yield rich_text(line)


def rich_text(line: Line) -> Text:
    """A line as Rich's text, never wrapped or cut by Rich: the layout is ours."""
    from rich.text import Text

    return Text.assemble(
        *((piece.text, piece.style) for piece in line), no_wrap=True, overflow="ignore", end="\n"
    )


def line_text(line: Line) -> str:
    """A line without its styles."""
    return "".join(piece.text for piece in line)


# ---- terminal cells


def cells(text: str) -> int:
    """How many terminal cells a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(character_cells, text))


def character_cells(character: str) -> int:
    """How many cells of a terminal a character takes."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def visible(text: str) -> str:
    """The text with control characters written out, so that no message can drive the terminal; line ends and
    tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or not unicodedata.category(character).startswith("C")
        else escape(character)
        for character in text
    )


def escape(character: str) -> str:
    """`\\x1b` of the character that would control the terminal."""
    return character.encode("unicode_escape").decode("ascii")


def first_line(text: str) -> str:
    """The first line of a text, with a sign where more follows."""
    first, _, rest = text.partition("\n")
    return f"{first} …" if rest else first


def shorten(text: str, width: int) -> str:
    """The text cut to so many cells: an ellipsis says that something is missing, elements of a value stay
    whole and their brackets are closed.
    """
    if cells(text) <= width:
        return text
    if text[-1:] in CLOSING.values():
        end = fitting(text, width - len(", …]"))
        while end > 0:
            closed = f"{text[:end]}, {ELLIPSIS}{closing(text[:end])}"
            if text.startswith(", ", end) and cells(closed) <= width:
                return closed
            end -= 1
    return (text[: fitting(text, width - 1)].rstrip(" ,") + ELLIPSIS)[: max(width, 0)]


def padded(text: str, width: int) -> str:
    """The text with spaces behind it up to so many cells."""
    return text + " " * (width - cells(text))


def fitting(text: str, width: int) -> int:
    """How many of the first characters fit into so many cells."""
    used = 0
    for number, character in enumerate(text):
        used += character_cells(character)
        if used > width:
            return number
    return len(text)


def room_beside(width: int | None, taken: int) -> int | None:
    """The room that a line leaves to a text behind so many cells."""
    return None if width is None else max(width - taken, LEAST)


def wrap(text: str, width: int | None, breaks: str = " ") -> list[str]:
    """The text in lines of at most so many cells, broken at spaces; its own line ends, indents and gaps stay, a
    long word is never cut. With `breaks` it is broken where a space begins that, and at any where that is not enough.
    """
    lines: list[str] = []
    parts = re.compile(rf" *(?:(?!{re.escape(breaks)}).)+")
    for original in text.split("\n"):
        if width is None or cells(original) <= width:
            lines.append(original)
            continue
        current = ""
        for part in parts.findall(original.rstrip(" ")):
            if current.strip(" ") and cells(current + part) > width:
                lines.append(current)
                current, part = "", part.lstrip(" ")
            current += part
        lines.append(current)
    if breaks != " " and width is not None:
        return [part for each in lines for part in wrap(each, width)]
    return lines


# ---- building lines


def line(*parts: str | Piece | tuple[str, str]) -> Line:
    """A line of pieces and plain texts, without white space at its end."""
    return trimmed(tuple(Piece(part) if isinstance(part, str) else Piece(*part) for part in parts))


def trimmed(pieces: Line) -> Line:
    """The line without empty pieces and without the white space that ends it, whatever it tells of in visible characters."""
    kept = [Piece(visible(piece.text), piece.style) for piece in pieces if piece.text]
    while kept and kept[-1].text.endswith(" "):
        last = kept.pop()
        if text := last.text.rstrip(" "):
            kept.append(Piece(text, last.style))
    return tuple(kept)


def paragraph(
    text: str, width: int | None, style: str = "", first: str = "", rest: str = "", breaks: str = " "
) -> Iterator[Line]:
    """The wrapped text, each line behind an indent of its own: `first`, then `rest`."""
    room = room_beside(width, max(cells(first), cells(rest)))
    for number, part in enumerate(wrap(text, room, breaks)):
        yield line(rest if number else first, Piece(part, style))


def flowed(found: Line, width: int | None, rest: str = "   ") -> Iterator[Line]:
    """A line of pieces, wrapped as a paragraph is: what does not fit stands behind the indent `rest`."""
    text = line_text(found)
    if width is None or cells(text) <= width:
        yield found
        return
    end = 0
    for number, part in enumerate(wrap(text, room_beside(width, cells(rest)))):
        start = text.index(part, end)
        end = start + len(part)
        yield line(rest if number else "", *sliced(found, start, end))


def sliced(found: Line, start: int, end: int) -> Iterator[Piece]:
    """The pieces of a line between two characters of its text."""
    at = 0
    for piece in found:
        yield Piece(piece.text[max(start - at, 0) : max(end - at, 0)], piece.style)
        at += len(piece.text)


def listing(
    lead: str, items: Iterable[str], width: int | None, style: str = "", gap: str = "   "
) -> Iterator[Line]:
    """`see also  alias y d   storages`: items side by side behind a lead, each whole on its line."""
    current = f" {lead}  "
    indent = " " * cells(current)
    for number, item in enumerate(items):
        if number:
            current += gap
        if number and width is not None and cells(current + item) > width:
            yield line(Piece(current, style))
            current = indent
        current += item
    yield line(Piece(current, style))


# ---- tables


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, the side that its cells stand on, whether they may be shortened."""

    title: str = ""
    align: Literal["left", "right", "center"] = "left"
    flexible: bool = False
    """Values only: ids, names and versions are never cut."""
    minimum: int = 8
    """To how many cells a flexible column may shrink."""
    natural: int | None = None
    """So many of a flexible column's cells are shown where nothing limits the width; all of them without it."""

    def fact(self, cell: Piece, room: int | None) -> str:
        """The cell as a fact by itself, behind its title."""
        lead = f"{self.title} ".lstrip()
        shown = cell.text if room is None or not self.flexible else shorten(cell.text, room - cells(lead))
        return lead + shown


GAP = 2
NATURAL_VALUE = 72
"""So many cells of a value are shown where nothing limits the width."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to be set: columns and rows of cells. A row is led by its mark, which stands before the first column."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Piece]]
    marks: Sequence[Piece] = ()
    heads: bool = True
    indent: int = 1
    gap: int = GAP
    header_style: str = "header"
    below: Sequence[Sequence[Line]] = field(default=())
    """Lines that follow a row, under its first column."""

    def widths(self) -> list[int]:
        """The natural width of each column."""
        return [
            max(
                [cells(column.title) if self.heads else 0, *(cells(row[number].text) for row in self.rows)],
                default=0,
            )
            for number, column in enumerate(self.columns)
        ]

    def margin(self) -> int:
        """How many cells stand before the first column: the indent, and the marks where there are any."""
        return self.indent + (2 if self.marks else 0)

    def natural(self) -> int:
        """How many cells the table takes when nothing is shortened."""
        widths = [width for width in self.widths() if width]
        return self.margin() + sum(widths) + self.gap * (len(widths) - 1)

    def fitted(self, width: int | None) -> list[int]:
        """The widths at which the table fits, as far as its flexible columns allow, the widest first."""
        widths = self.widths()
        if width is None:
            limits = (column.natural for column in self.columns)
            return [each if most is None else min(each, most) for each, most in zip(widths, limits)]
        excess = self.natural() - width
        while excess > 0:
            shrinkable = [
                number
                for number, column in enumerate(self.columns)
                if column.flexible
                and widths[number] > max(column.minimum, cells(column.title) if self.heads else 0)
            ]
            if not shrinkable:
                break
            widest = max(shrinkable, key=widths.__getitem__)
            widths[widest] -= 1
            excess -= 1
        return widths

    def taken(self, width: int | None) -> int:
        """How many cells the table takes at this width, which may be more."""
        used = [each for each in self.fitted(width) if each]
        return self.margin() + sum(used) + self.gap * (len(used) - 1)

    def folded(self, width: int | None) -> Grid:
        """The table with so many of its last columns in lines under each row that the others fit."""
        kept = self
        while width is not None and len(kept.columns) > 1 and kept.taken(width) > width:
            count = len(kept.columns) - 1
            kept = replace(kept, columns=kept.columns[:count], rows=[row[:count] for row in kept.rows])
        if kept is self:
            return self
        indent = " " * (self.margin() + 2)
        room = room_beside(width, len(indent))
        below = []
        for row in self.rows:
            cut = zip(self.columns[len(kept.columns) :], row[len(kept.columns) :])
            facts = "   ".join(column.fact(cell, room) for column, cell in cut if cell.text)
            below.append(tuple(paragraph(facts, width, "", indent, indent, breaks="   ")))
        return replace(kept, below=below)

    def lines(self, width: int | None) -> Iterator[Line]:
        """The table's lines at this width; columns without any text are left out, and those without room stand below."""
        shown = self if self.below else self.folded(width)
        widths = shown.fitted(width)
        if self.heads:
            titles = [Piece(column.title, self.header_style) for column in shown.columns]
            yield shown._line(Piece(""), titles, widths)
        for number, row in enumerate(shown.rows):
            yield shown._line(self.marks[number] if self.marks else Piece(""), row, widths)
            if shown.below:
                yield from shown.below[number]

    def _line(self, mark: Piece, row: Sequence[Piece], widths: Sequence[int]) -> Line:
        pieces = [Piece(" " * self.indent)]
        if self.marks:
            pieces += [mark, Piece(" " * (2 - cells(mark.text)))]
        gap = ""
        for column, cell, width in zip(self.columns, row, widths):
            if not width:
                continue
            text = shorten(cell.text, width) if column.flexible else cell.text
            left, right = _padding(column.align, width - cells(text))
            pieces += [Piece(gap + " " * left), Piece(text, cell.style), Piece(" " * right)]
            gap = " " * self.gap
        return trimmed(tuple(pieces))


def _padding(align: str, room: int) -> tuple[int, int]:
    room = max(room, 0)
    if align == "right":
        return room, 0
    if align == "center":
        return room // 2, room - room // 2
    return 0, room


def page(lines: Iterable[Line]) -> Page:
    """Lines as one thing to print."""
    return Page(tuple(lines))
