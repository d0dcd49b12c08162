"""Which names are bound where, read off the tokens while a text is parsed: a name that the script has bound is not a verb."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcli.language.lines import LogicalLine
from tensorcli.language.tokens import AUGMENTED, CLOSERS, KEYWORDS, OPENERS, Token, depths

Tokens = Sequence[Token]


class Bindings:
    """Keeps `bound` up to date from line to line; what a function binds is forgotten behind it."""

    def __init__(self, bound: set[str]) -> None:
        self.bound = bound
        self.functions: list[
            tuple[str, set[str]]
        ] = []  # the indents of open functions, the names bound before

    def enter(self, line: LogicalLine) -> None:
        """Leave the functions that ended above the line, and bind what its header binds."""
        while self.functions and len(line.indent) <= len(self.functions[-1][0]):
            self.restore()
        if line.word == "def" and len(line.header) > 1:
            self.bound.add(line.header[1].text)
            self.functions.append((line.indent, set(self.bound)))
            self.bound.update(_parameters(line.header))
        elif line.header:
            self.bound.update(_header_names(line.header))

    def leave(self, line: LogicalLine) -> None:
        """Forget what a function of one line bound."""
        if line.word == "def" and line.pieces and self.functions:
            self.restore()

    def restore(self) -> None:
        """Back to the names that were bound before the innermost open function."""
        _, before = self.functions.pop()
        self.bound.clear()
        self.bound.update(before)

    def add(self, tokens: Tokens) -> None:
        """The names that a simple statement binds, less those that it deletes."""
        bind(tokens, self.bound)


def _parameters(header: Tokens) -> set[str]:
    names: set[str] = set()
    for (_, before, depth), token in zip(depths(header[1:]), header[2:]):
        if depth == 1 and token.kind == "name" and before.text in ("(", ",", "*", "**"):
            names.add(token.text)
    return names


def _header_names(header: Tokens) -> set[str]:
    names: set[str] = set()
    if header[0].text == "for":
        stop = next((i for i, each in enumerate(header) if each.text == "in"), 1)
        names |= _target_names(header[1:stop])
    for position, token in enumerate(header):
        if token.text == "as":
            names |= _target_names(header[position + 1 : _as_end(header, position + 1)])
        if token.text == ":=" and position:
            names.add(header[position - 1].text)
    return names


def bind(tokens: Tokens, bound: set[str]) -> None:
    """Add the names that a simple statement binds, take away those that it deletes."""
    first = tokens[0].text
    if first == "del":
        bound.difference_update(_target_names(tokens[1:]))
        return
    if first in ("import", "from"):
        bound.update(_imported(tokens))
        return
    if first in ("global", "nonlocal"):
        bound.update(token.text for token in tokens[1:] if token.kind == "name")
        return
    start = 0
    for position, token, depth in depths(tokens):
        if token.text == ":=" and position:
            bound.add(tokens[position - 1].text)
        elif depth == 0 and (
            token.text == "=" or token.text in AUGMENTED or (token.text == ":" and start == 0)
        ):
            bound.update(_target_names(tokens[start:position]))
            start = position + 1


def _imported(tokens: Tokens) -> set[str]:
    names: set[str] = set()
    skip = 0
    if tokens[0].text == "from":
        skip = next((i for i, token in enumerate(tokens) if token.text == "import"), len(tokens))
    current: list[str] = []
    for token in tokens[skip + 1 :]:
        if token.text == ",":
            names.update(current[:1])
            current = []
        elif token.text == "as":
            current = []
        elif token.kind == "name" and not current:
            current.append(token.text)
    names.update(current[:1])
    return names


def _target_names(tokens: Tokens) -> set[str]:
    """The names in an assignment's target: not those of attributes, nor those within an index or a call."""
    names: set[str] = set()
    hidden = depth = 0
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else None
        if token.text in OPENERS and token.kind == "op":
            depth += 1
            if not hidden and before is not None and (before.kind == "name" or before.text in CLOSERS):
                hidden = depth
                if before.kind == "name":
                    names.discard(before.text)
        elif token.text in CLOSERS and token.kind == "op":
            if depth == hidden:
                hidden = 0
            depth -= 1
        elif token.kind == "name" and not hidden and token.text not in KEYWORDS:
            following = tokens[position + 1].text if position + 1 < len(tokens) else ""
            if following not in (".", "[", "(") and (before is None or before.text != "."):
                names.add(token.text)
    return names


def _as_end(tokens: Tokens, start: int) -> int:
    for position, token, depth in depths(tokens[start:]):
        if depth < 0 or (depth == 0 and token.text in (",", ":")):
            return start + position
    return len(tokens)
