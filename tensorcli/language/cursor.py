"""Where the cursor stands in what is typed: the word before it, the statement and the command that it is in, what stands
before a dot, a bracket or a parenthesis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tensorcli.language.syntax import Verb
from tensorcli.language.tokens import CLOSERS, OPENERS, Token, begins_operand, ends_operand, tokenize

STATEMENT_KEYWORDS = frozenset(
    "assert break continue def del elif else except finally for from global if import nonlocal "
    "pass raise return try while with".split()
)


class Cursor(NamedTuple):
    """What is typed before the cursor: its tokens, the word that it ends with and where that begins, the tokens of the
    statement in front of the word, and the verb of a command among them.
    """

    before: str
    tokens: list[Token]
    word: str
    start: int
    statement: list[Token]
    command: Token | None

    @property
    def typed(self) -> str:
        """What is typed since the last white space."""
        return self.before[word_start(self.before) :]

    @property
    def dashes(self) -> int:
        """How many dashes of an option stand before the word."""
        ahead = self.before[: self.start]
        return next((size for size in (2, 1) if ahead.endswith(" " + "-" * size)), 0)

    @property
    def in_text(self) -> bool:
        """Whether the cursor stands in a text, or just behind one."""
        last = self.tokens[-1] if self.tokens else None
        if last is None or last.kind not in ("string", "error"):
            return False
        return last.problem == "unclosed" or last.end == len(self.before)

    @property
    def in_comment(self) -> bool:
        return bool(self.tokens) and self.tokens[-1].kind == "comment"

    @property
    def begins(self) -> bool:
        """Whether a verb can stand here: at the beginning, or behind the targets of an assignment."""
        if not self.statement:
            return True
        last = self.statement[-1]
        return (
            last.text == "="
            and last.kind == "op"
            and _depth(self.statement) == 0
            and len(self.statement) < 12
        )

    def source(self, tokens: list[Token]) -> str:
        """The text from the first of these tokens to the last."""
        return self.before[tokens[0].start : tokens[-1].end]


def cursor_in(text: str, position: int, verbs: Mapping[str, Verb]) -> Cursor:
    """The cursor at a position of a text. A command that takes a statement is passed over: the cursor is in that statement."""
    before = text[:position]
    tokens = [token for token in tokenize(before) if token.kind != "newline" or token.end <= len(before)]
    named = bool(tokens) and tokens[-1].end == position and tokens[-1].kind == "name"
    word, start = (tokens[-1].text, tokens[-1].start) if named else ("", position)
    statement = _statement(tokens[: len(tokens) - bool(word)])
    command = _command(statement, verbs)
    while command is not None and any(each.kind == "STATEMENT" for each in verbs[command.text].parameters):
        statement = statement[statement.index(command) + 1 :]
        command = _command(statement, verbs)
    return Cursor(before, tokens, word, start, statement, command)


def word_start(before: str) -> int:
    """Where the last word begins, as white space divides words."""
    return max(before.rfind(" "), before.rfind("\t")) + 1


def wants_path(verb: Verb, before: str) -> bool:
    """Whether a path comes here, which may begin with `/`, `.` or `~`: an argument, or behind a flag for one."""
    flags = [flag for flag in verb.flags if flag.kind == "PATH"]
    last = before[: word_start(before)].split()[-1:]
    return any(parameter.kind == "PATH" for parameter in verb.parameters) or any(
        last in ([f"--{flag.name}"], [f"-{flag.short}"]) for flag in flags
    )


def owner(tokens: list[Token]) -> list[Token]:
    """The tokens of the operand that ends here: a name with its attributes, calls and items."""
    position = len(tokens)
    while position > 0:
        token = tokens[position - 1]
        if token.text in CLOSERS and token.kind == "op":
            position = _opening(tokens, position - 1)
            if position > 0 and not tokens[position].spaced and ends_operand(tokens[position - 1]):
                continue
            break
        if not ends_operand(token):
            return []
        position -= 1
        if position > 0 and tokens[position - 1].text == "." and token.kind == "name":
            position -= 1
            continue
        break
    return tokens[max(position, 0) :]


def opening_before(tokens: list[Token]) -> int | None:
    """The place of the bracket or parenthesis that is open behind these tokens."""
    depth = 0
    for place in range(len(tokens) - 1, -1, -1):
        token = tokens[place]
        if token.kind == "op":
            depth += (token.text in CLOSERS) - (token.text in OPENERS)
        if depth < 0:
            return place
    return None


def _depth(tokens: list[Token]) -> int:
    return sum((token.text in OPENERS) - (token.text in CLOSERS) for token in tokens if token.kind == "op")


def _statement(tokens: list[Token]) -> list[Token]:
    """The tokens of the simple statement that the cursor stands in."""
    depth = 0
    start = 0
    for position, token in enumerate(tokens):
        if token.kind == "op":
            depth = max(depth + (token.text in OPENERS) - (token.text in CLOSERS), 0)
        ends = token.kind == "newline" or (token.kind == "op" and token.text == ";")
        block = token.text == ":" and token.kind == "op" and tokens[start].text in STATEMENT_KEYWORDS
        if depth == 0 and (ends or block):
            start = position + 1
    return [token for token in tokens[start:] if token.kind != "newline"]


def _opening(tokens: list[Token], closing: int) -> int:
    depth = 0
    for position in range(closing, -1, -1):
        depth += (tokens[position].text in CLOSERS) - (tokens[position].text in OPENERS)
        if depth == 0:
            return position
    return 0


def _command(statement: list[Token], verbs: Mapping[str, Verb]) -> Token | None:
    """The verb of the explorer's command that the cursor stands behind."""
    start = 0
    for position, token in enumerate(statement):
        if token.text == "=":
            start = position + 1
    if start < len(statement) and statement[start].text in verbs:
        following = statement[start + 1] if start + 1 < len(statement) else None
        if following is None or (following.spaced and (begins_operand(following) or following.text == "-")):
            return statement[start]
        if following.spaced and wants_path(verbs[statement[start].text], "") and following.text != "=":
            return statement[start]
    return None
