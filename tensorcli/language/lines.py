"""Tokens to logical lines, block headers and simple statements, and the rules of indentation between them.

Reports unreadable brackets and blocks in our words, and says where a text that is right so far wants more.
Knows no verbs and looks into no expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from tensorcli.language.source import Source
from tensorcli.language.syntax import Incomplete, LanguageError, Span
from tensorcli.language.tokens import (
    CLOSERS,
    HEADERS,
    OPENERS,
    Token,
    begins_operand,
    depths,
    each_token,
    tokenize,
)
from tensorcli.language.vocabulary import CLASS_REFUSED

MAX_BRACKETS = 100
MAX_BLOCKS = 18  # CPython nests no more than 20

REFUSED_BLOCKS = {
    "class": (CLASS_REFUSED, ""),
    "async": ("async is not part of the language", "write a plain 'def', 'for' or 'with'"),
    "match": ("match is not part of the language", "write 'if', 'elif' and 'else'"),
}
_FOLLOWS = {
    "elif": frozenset({"if", "elif"}),
    "else": frozenset({"if", "elif", "for", "while", "except"}),
    "except": frozenset({"try", "except"}),
    "finally": frozenset({"try", "except", "else after except"}),
}
_BELONGS_TO = {
    "elif": "'if'",
    "else": "'if', 'for', 'while' or 'except'",
    "except": "'try'",
    "finally": "'try'",
}


_BLOCKS = frozenset("if for while with def try".split())


class Needs(NamedTuple):
    """What has to stand below a line, and what is said where it does not."""

    words: frozenset[str]
    error: str


_NEEDS = {
    "try": Needs(frozenset({"except", "finally"}), "'try' needs an 'except' or a 'finally'"),
    "@": Needs(frozenset({"@", "def"}), "a decorator stands above a 'def'"),
}


class LogicalLine(NamedTuple):
    """One logical line:

    its indent, the header of a block up to its colon (or nothing), and its simple statements.
    """

    indent: str
    tokens: tuple[Token, ...]
    header: tuple[Token, ...]
    pieces: tuple[tuple[Token, ...], ...]

    @property
    def word(self) -> str:
        """The keyword that begins the block, empty for a line of simple statements."""
        return self.header[0].text if self.header else ""


class Unfinished(Exception):  # noqa: N818 - it is an answer, not an error
    """The text ends where it must go on."""

    def __init__(self, incomplete: Incomplete) -> None:
        super().__init__(incomplete.reason)
        self.incomplete = incomplete


def logical_lines(source: Source, more: bool = False) -> list[LogicalLine]:
    """The logical lines of a source, brackets matched.

    With `more`, a text that merely ends too early raises Unfinished instead of LanguageError.
    """
    lines: list[LogicalLine] = []
    current: list[Token] = []
    open_brackets: list[Token] = []
    for token in each_token(source.text):
        if token.kind == "comment":
            continue
        if token.kind == "newline":
            if not open_brackets and current:
                lines.append(_line(source, current))
                current = []
            continue
        if (
            token.kind == "error"
            and token.problem == "unclosed"
            and token.text.lstrip("rRbBuUfF")[:3] in ('"""', "'''")
        ):
            _unfinished(source, token, "string", more)
        current.append(token)
        if token.text in OPENERS and token.kind == "op":
            open_brackets.append(token)
            if len(open_brackets) > MAX_BRACKETS:
                raise LanguageError(
                    f"brackets are nested more than {MAX_BRACKETS} deep", source.span(token.start, token.end)
                )
        elif token.text in CLOSERS and token.kind == "op":
            _match_bracket(source, token, open_brackets)
    if more:
        _check_backslash(source)
    if open_brackets:
        _check_inside(source, current, open_brackets[0])
        _unfinished(source, open_brackets[-1], "bracket", more)
    if current:
        lines.append(_line(source, current))
    return lines


class Block:
    """An indentation that is open."""

    __slots__ = ("indent", "last")

    def __init__(self, indent: str) -> None:
        self.indent = indent
        self.last = ""
        """What its last line began that a later one may belong to: a keyword, `@` of a decorator."""


def check_blocks(source: Source, lines: list[LogicalLine], more: bool = False) -> None:
    """Refuses wrong indentation and keywords without their partner;

    raises Unfinished for an open block, with `more`.
    """
    blocks = [Block("")]
    opened: LogicalLine | None = None
    for line in lines:
        above = blocks[-1].indent
        deeper = line.indent != above and line.indent.startswith(above)
        if opened is not None:
            if not deeper:
                _missing_block(source, opened, line.tokens[0])
            blocks.append(Block(line.indent))
            if len(blocks) > MAX_BLOCKS:
                raise LanguageError(
                    f"blocks are nested more than {MAX_BLOCKS} deep", _span(source, line.tokens[0])
                )
        elif deeper:
            raise LanguageError(
                "this line is indented, but no block begins above it", _indent_span(source, line)
            )
        else:
            _leave_blocks(source, blocks, line)
        blocks[-1].last = _begun(source, blocks[-1].last, line)
        opened = line if line.word and not line.pieces else None
    _check_end(source, lines, blocks, opened, more)


def _leave_blocks(source: Source, blocks: list[Block], line: LogicalLine) -> None:
    """Close the blocks that a line further to the left is not in."""
    while line.indent != blocks[-1].indent:
        if not blocks[-1].indent.startswith(line.indent):
            _mixed_indent(source, line, blocks[-1].indent)
        if blocks[-1].last in _NEEDS:
            raise LanguageError(_NEEDS[blocks[-1].last].error, _span(source, line.tokens[0]))
        blocks.pop()


def _begun(source: Source, last: str, line: LogicalLine) -> str:
    """What a line begins that a later one may belong to, after what the last line of its block began."""
    start = line.tokens[0]
    word = line.word or ("@" if start.text == "@" else "")
    if word in _FOLLOWS and last not in _FOLLOWS[word]:
        raise LanguageError(f"'{word}' belongs to no {_BELONGS_TO[word]}", _span(source, start))
    if last in _NEEDS and word not in _NEEDS[last].words:
        raise LanguageError(_NEEDS[last].error, _span(source, start))
    if word == "else":
        return "else after except" if last == "except" else ""
    return word


def _check_end(
    source: Source, lines: list[LogicalLine], blocks: list[Block], opened: LogicalLine | None, more: bool
) -> None:
    """What the text may not end with, or where it is to go on."""
    if opened is not None:
        if more:
            span = source.span(opened.tokens[0].start, opened.tokens[-1].end)
            raise Unfinished(Incomplete("block", span))
        _missing_block(source, opened, None)
    inside = len(blocks) > 1 or blocks[-1].last == "@"
    if more and lines and not _ends_with_blank_line(source) and (inside or lines[-1].word):
        raise Unfinished(Incomplete("block", _span(source, lines[-1].tokens[0])))
    for block in reversed(blocks):
        if block.last in _NEEDS:
            end = lines[-1].tokens[-1]
            if block.last == "@" and more:
                raise Unfinished(Incomplete("block", _span(source, end)))
            raise LanguageError(_NEEDS[block.last].error, source.span(end.end, end.end))


def _span(source: Source, token: Token) -> Span:
    return source.span(token.start, token.end)


def _ends_with_blank_line(source: Source) -> bool:
    return len(source.lines) > 1 and not source.lines[-1].strip()


def _line(source: Source, tokens: list[Token]) -> LogicalLine:
    first = tokens[0]
    line, column = source.place(first.start)
    # After a form feed, which separates pages, a line begins anew.
    indent = source.lines[line - 1][:column].rpartition("\f")[2].replace("\u00a0", " ")
    header: tuple[Token, ...] = ()
    rest = tuple(tokens)
    word = first.text if first.kind == "name" else ""
    if word in REFUSED_BLOCKS and _is_block(tokens):
        message, hint = REFUSED_BLOCKS[word]
        raise LanguageError(message, source.span(first.start, first.end), hint or _instead(source, tokens))
    if word in HEADERS:
        end = _header_end(tokens)
        if end is None:
            from tensorcli.language.grammar import Reader

            Reader(source, tokens).header()
            raise LanguageError(f"expected ':' after '{word}'", source.span(tokens[-1].end, tokens[-1].end))
        header, rest = rest[: end + 1], rest[end + 1 :]
        if word == "else" and len(header) > 2 and header[1].text == "if":
            raise LanguageError(
                "'else if' is not Python", source.span(first.start, header[1].end), "write 'elif'"
            )
    pieces = tuple(_pieces(source, rest)) if rest else ()
    if header and pieces and pieces[0][0].text in HEADERS and pieces[0][0].kind == "name":
        token = pieces[0][0]
        hint = "write 'elif'" if header[0].text == "else" and token.text == "if" else "begin a new line"
        raise LanguageError(
            f"'{token.text}' cannot stand on the line of another block",
            source.span(token.start, token.end),
            hint,
        )
    return LogicalLine(indent, tuple(tokens), header, pieces)


def _instead(source: Source, tokens: list[Token]) -> str:
    """What to write instead of a class, by its base."""
    from tensorcli.language.rewriting.classes import instead

    header = source.text[tokens[0].start : tokens[-1].end]
    return instead(header.partition("(")[2].partition(")")[0].strip())


def _is_block(tokens: list[Token]) -> bool:
    if tokens[0].text != "match":
        return True
    return (
        len(tokens) > 2
        and tokens[-1].text == ":"
        and (begins_operand(tokens[1]) or tokens[1].text in "-*")
        and tokens[1].spaced
    )


def _header_end(tokens: list[Token]) -> int | None:
    lambdas = 0
    for position, token, depth in depths(tokens):
        if token.text == ":" and depth == 0:
            if lambdas == 0:
                return position
            lambdas -= 1
        elif token.text == "lambda" and depth == 0:
            lambdas += 1
    return None


def _pieces(source: Source, tokens: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """The simple statements between semicolons outside brackets. A block that is the argument of a command, as in
    `dry for i in r: a; b`, has all that stands behind it.
    """
    start = 0
    block: bool | None = None
    """Whether a block stands behind the first word of this statement that may begin one."""
    for position, token, depth in depths(tokens):
        if token.text in _BLOCKS and depth == 0 and token.kind == "name" and position > start:
            block = _opens(tokens[position:]) if block is None else block
        if token.text == ";" and depth == 0 and not block:
            if position == start:
                raise LanguageError("expected a statement before ';'", source.span(token.start, token.end))
            yield tokens[start:position]
            start, block = position + 1, None
    if start < len(tokens):
        yield tokens[start:]


def _opens(tokens: tuple[Token, ...]) -> bool:
    """Whether a block's header begins here, which has its colon before the statement ends."""
    ends = (position for position, token, depth in depths(tokens) if token.text == ";" and depth == 0)
    return _header_end(list(tokens[: next(ends, None)])) is not None


def _match_bracket(source: Source, token: Token, open_brackets: list[Token]) -> None:
    span = source.span(token.start, token.end)
    if not open_brackets:
        raise LanguageError(f"'{token.text}' closes nothing", span)
    opening = open_brackets.pop()
    if OPENERS[opening.text] != token.text:
        line, column = source.place(opening.start)
        raise LanguageError(
            f"'{token.text}' does not close the '{opening.text}' at line {line}, column {column + 1}",
            span,
            f"type '{OPENERS[opening.text]}'",
        )


def _check_inside(source: Source, tokens: list[Token], opening: Token) -> None:
    """What is wrong within an unclosed bracket is said at once, not after it is closed."""
    from tensorcli.language.grammar import Reader, token_error

    for token in tokens:
        if token.kind == "error" and token.problem != "has no meaning here":
            raise token_error(source, token)
    reader = Reader(source, tokens[tokens.index(opening) :])
    try:
        reader.operand()
    except LanguageError:
        if reader.token is not None:
            raise


def _unfinished(source: Source, token: Token, reason: str, more: bool) -> NoReturn:
    opening = token.text
    if reason == "string":
        body = token.text.lstrip("rRbBuUfF")
        opening = token.text[: len(token.text) - len(body) + 3]
    span = source.span(token.start, token.start + len(opening))
    if more:
        raise Unfinished(Incomplete(reason, span))
    kind = "the string that " + opening.lstrip("rRbBuUfF") + " opens here is not closed"
    raise LanguageError(kind if reason == "string" else f"'{opening}' is never closed", span)


def _check_backslash(source: Source) -> None:
    stripped = source.text.rstrip(" \n") if not source.text.endswith("\n\n") else source.text
    if stripped.endswith("\\") and not _in_comment(source):
        span = source.span(len(stripped) - 1, len(stripped))
        raise Unfinished(Incomplete("line", span))


def _in_comment(source: Source) -> bool:
    tokens = tokenize(source.text.rstrip(" \n"))
    return bool(tokens) and tokens[-1].kind in ("comment", "string")


def _indent_span(source: Source, line: LogicalLine) -> Span:
    start = line.tokens[0].start
    return source.span(start - len(line.indent), start)


def _mixed_indent(source: Source, line: LogicalLine, above: str) -> NoReturn:
    text, hint = "this line's indent matches no block above it", None
    if "\t" in line.indent and " " in line.indent:
        text = "tabs and spaces are mixed in this line's indent"
    elif line.indent and ("\t" in line.indent) != ("\t" in above):
        kinds = ("tabs", "spaces") if "\t" in line.indent else ("spaces", "tabs")
        text = f"this line is indented with {kinds[0]}, the block above it with {kinds[1]}"
        hint = "indent the lines of a block alike"
    raise LanguageError(text, _indent_span(source, line), hint)


def _missing_block(source: Source, opened: LogicalLine, at: Token | None) -> NoReturn:
    number = source.place(opened.tokens[0].start)[0]
    token = at or opened.tokens[-1]
    span = source.span(token.start, token.end) if at else source.span(token.end, token.end)
    raise LanguageError(f"expected an indented line after '{opened.word}' at line {number}", span)
