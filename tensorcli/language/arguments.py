"""How a command's text is split into arguments: at white space outside brackets and quotes, except where something joins
across it.

A binary operator with white space on both sides joins; a sign with white space before and none after begins
an argument. Commands of the explorer read words and paths from the raw text instead. Nothing is evaluated
here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from tensorcli.language import python
from tensorcli.language.source import Source
from tensorcli.language.syntax import LanguageError, walk
from tensorcli.language.tokens import CLOSERS, OPENERS, Token, begins_operand, ends_operand

N = TypeVar("N", bound=ast.AST)

_CONSTANTS = {"true": True, "false": False, "none": None}
_FORMATTED = r"[fF][rR]?['\"]|[rR][fF]['\"]"
_SPACES = str.maketrans("\u00a0\u2007\u202f\f", "    ")


class Part(NamedTuple):
    """One argument's tokens, its keyword (`dim=0` has the keyword dim), and where it begins."""

    keyword: str | None
    tokens: tuple[Token, ...]
    start: int

    @property
    def end(self) -> int:
        return self.tokens[-1].end


def split(source: Source, tokens: Sequence[Token]) -> list[Part]:
    """The arguments of a command, in the order typed."""
    parts: list[Part] = []
    current: list[Token] = []
    depth = 0
    in_lambda = False
    for position, token in enumerate(tokens):
        if depth == 0 and current and _begins(current[-1], token, tokens[position + 1 :], in_lambda):
            parts.append(_part(source, current))
            current = []
            in_lambda = False
        if token.kind == "op":
            depth += (token.text in OPENERS) - (token.text in CLOSERS)
            if depth == 0 and not in_lambda and token.text == ",":
                raise LanguageError(
                    "unexpected ',' between the arguments of a command",
                    source.span(token.start, token.end),
                    "separate them with white space, as in: add a b",
                )
            if depth == 0 and token.text == ":":
                in_lambda = False
        elif token.text == "lambda" and depth == 0:
            in_lambda = True
        current.append(token)
    if current:
        parts.append(_part(source, current))
    return parts


def _begins(before: Token, token: Token, after: Sequence[Token], in_lambda: bool) -> bool:
    """Whether `token` begins an argument of its own after `before`."""
    if in_lambda or not token.spaced or not ends_operand(before):
        return False
    if token.text in ("+", "-") and token.kind == "op":
        return bool(after) and not after[0].spaced and begins_operand(after[0])
    if token.text == "not":
        return not (after and after[0].text == "in")
    return begins_operand(token) or token.kind == "error"


def _part(source: Source, tokens: list[Token]) -> Part:
    first = tokens[0]
    if len(tokens) > 1 and first.kind == "name" and tokens[1].text == "=" and tokens[1].kind == "op":
        if len(tokens) == 2:
            raise LanguageError(
                f"expected a value after '{first.text}='", source.span(tokens[1].end, tokens[1].end)
            )
        return Part(first.text, tuple(tokens[2:]), first.start)
    return Part(None, tuple(tokens), first.start)


def expression(source: Source, tokens: Sequence[Token], bound: frozenset[str] | set[str]) -> ast.expr:
    """The tree of one argument, its positions in `source.text`.

    `true`, `false`, `none` stand for Python's where unbound.
    """
    only = tokens[0]
    if len(tokens) == 1 and only.text in _CONSTANTS and only.text not in bound:
        return positioned(ast.Constant(_CONSTANTS[only.text]), source, only.start, only.end)
    return fragment(source, tokens)


def too_deep(source: Source, tokens: Sequence[Token]) -> LanguageError:
    """That tokens cannot be read because of how deep their parts lie in one another."""
    return LanguageError(
        "this is nested too deeply",
        source.span(tokens[0].start, tokens[-1].end),
        "give the parts names of their own",
    )


def fragment(source: Source, tokens: Sequence[Token]) -> ast.expr:
    """Parse the tokens of one expression; LanguageError in our words where they are not an expression."""
    start, end = tokens[0].start, tokens[-1].end
    text = "(" + plain_text(source, tokens) + "\n)"
    try:
        tree = python.expression(text)
    except python.REFUSALS as error:
        from tensorcli.language.grammar import Reader

        reader = Reader(source, tokens)
        reader.expression()
        if reader.token is not None:
            reader.unexpected()
        if not isinstance(error, SyntaxError):
            raise too_deep(source, tokens) from None
        raise LanguageError("this is not an expression", source.span(start, end)) from None
    line, column = source.place(start)
    locate(tree, text, line - 1, column - 1)
    return tree.body


def plain_text(source: Source, tokens: Sequence[Token]) -> str:
    """The text of the tokens with everything between them made plain white space of the same extent."""
    text = source.text
    if "\u00a0" not in text and "\u202f" not in text and "\u2007" not in text and "#" not in text:
        return text[tokens[0].start : tokens[-1].end]
    pieces: list[str] = []
    position = tokens[0].start
    for token in tokens:
        pieces.append(_gap(text[position : token.start]))
        pieces.append(token.text)
        position = token.end
    return "".join(pieces)


def _gap(text: str) -> str:
    if "#" in text:
        lines = text.split("\n")
        text = "\n".join(
            line.split("#")[0] + " " * (len(line) - line.find("#")) if "#" in line else line for line in lines
        )
    return text.translate(_SPACES)


def locate(tree: ast.AST, text: str, line_offset: int, first_column: int) -> None:
    """Turn CPython's positions (bytes, from the fragment's beginning) into characters of the source."""
    encoded = None if text.isascii() else [line.encode() for line in text.split("\n")]
    if encoded is None and not line_offset and not first_column and not re.search(_FORMATTED, text):
        return  # they are right as they are, but within f-strings
    for node in walk(tree):
        line = getattr(node, "lineno", None)
        if line is None:
            continue
        for line_name, column_name in (("lineno", "col_offset"), ("end_lineno", "end_col_offset")):
            number, column = getattr(node, line_name), getattr(node, column_name)
            if encoded is not None and number <= len(encoded):
                column = len(encoded[number - 1][:column].decode("utf-8", "replace"))
            if number == 1:
                column += first_column
            setattr(node, line_name, number + line_offset)
            setattr(node, column_name, max(column, 0))


def positioned(node: N, source: Source, start: int, end: int) -> N:
    """Give a node that we made, and what is below it, a place in `source.text`."""
    line, column = source.place(start)
    end_line, end_column = source.place(end)
    for each in ast.walk(node):
        if "lineno" in each._attributes and not hasattr(each, "lineno"):
            each.lineno, each.col_offset = line, column  # type: ignore[attr-defined]
            each.end_lineno, each.end_col_offset = end_line, end_column  # type: ignore[attr-defined]
    return node


class Word(NamedTuple):
    """A stretch of raw text between white space, quotes removed from `text`."""

    text: str
    start: int
    end: int


def words(source: Source, start: int, end: int) -> Iterator[Word]:
    """The words of `source.text[start:end]`: white space separates outside quotes and brackets."""
    text = source.text
    position = start
    while position < end:
        if text[position].isspace():
            position += 1
            continue
        begin, pieces, depth = position, [], 0
        while position < end and (depth > 0 or not text[position].isspace()):
            character = text[position]
            closing = text.find(character, position + 1, end) if character in "\"'" else -1
            if closing >= 0:
                pieces.append(text[position + 1 : closing] if depth == 0 else text[position : closing + 1])
                position = closing + 1
                continue
            depth += (character in OPENERS) - (character in CLOSERS)
            pieces.append(character)
            position += 1
        yield Word("".join(pieces), begin, position)
