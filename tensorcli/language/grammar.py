"""Why a line is not valid: a recogniser of Python's simple statements and block headers, in words of our own.

It is asked only after the text was refused, reads tokens from left to right, and raises LanguageError at
the first one that cannot stand where it stands. It builds no tree, and returns None where it finds nothing
wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.source import Source
from tensorcli.language.syntax import LanguageError
from tensorcli.language.tokens import (
    AUGMENTED,
    CLOSERS,
    HEADERS,
    KEYWORDS,
    OPENERS,
    VALUE_KEYWORDS,
    Token,
    begins_operand,
    depths,
    shown,
)

BINARY = frozenset("+ - * / // % @ ** << >> & | ^ < > <= >= == != and or in is".split())
SIMPLE = frozenset(
    "pass break continue return del assert raise global nonlocal import from yield async await class".split()
)
ASSIGNS_IN_CONDITION = "'=' assigns; '==' compares"
FOREIGN = {"else if": "write 'elif'", "&&": "write 'and'", "||": "write 'or'", "!": "write 'not'"}


class Reader:
    """Reads one simple statement, one block header or one expression from its significant tokens."""

    def __init__(self, source: Source, tokens: Sequence[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.index = 0
        self.end = tokens[-1].end if tokens else 0

    # What the reader stands at

    @property
    def token(self) -> Token | None:
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    @property
    def text(self) -> str:
        token = self.token
        return token.text if token is not None and token.kind in ("op", "name") else ""

    def next_text(self, ahead: int = 1) -> str:
        position = self.index + ahead
        return self.tokens[position].text if position < len(self.tokens) else ""

    def take(self, text: str) -> bool:
        if self.text == text:
            self.index += 1
            return True
        return False

    def need(self, text: str, why: str, hint: str | None = None) -> None:
        if not self.take(text):
            self.fail(f"expected '{text}' {why}, found {shown(self.token)}", hint)

    def fail(self, message: str, hint: str | None = None) -> NoReturn:
        token = self.token
        span = self.source.span(token.start, token.end) if token else self.source.span(self.end, self.end)
        raise LanguageError(message, span, hint)

    # Statements

    def statement(self) -> None:
        """A simple statement, up to the last token."""
        word = self.text
        if word in ("pass", "break", "continue"):
            self.index += 1
        elif word == "return":
            self.index += 1
            if self.token:
                self.expressions()
        elif word in ("global", "nonlocal"):
            self.index += 1
            self.names(f"after '{word}'")
        elif word == "del":
            self.index += 1
            self.expressions()
        elif word == "assert":
            self.index += 1
            self.expression()
            if self.take(","):
                self.expression()
        elif word == "raise":
            self.index += 1
            if self.token:
                self.expression()
                if self.take("from"):
                    self.expression()
        elif word == "import":
            self.index += 1
            self.dotted_names()
        elif word == "from":
            self.from_import()
        else:
            self.assignment()
        if self.token is not None:
            self.unexpected()

    def assignment(self) -> None:
        self.expressions()
        if self.text == ":":
            self.index += 1
            self.expression()
        if self.text in AUGMENTED:
            self.index += 1
            self.expressions()
            return
        while self.take("="):
            if self.token is None:
                self.fail("expected a value after '='")
            self.expressions()

    def from_import(self) -> None:
        self.index += 1
        self.dotted_name()
        self.need("import", "after the module's name")
        if self.take("*"):
            return
        bracket = self.take("(")
        while True:
            self.name("to import")
            if self.take("as"):
                self.name("after 'as'")
            if not self.take(",") or (bracket and self.text == ")"):
                break
        if bracket:
            self.need(")", "after the imported names")

    def dotted_names(self) -> None:
        while True:
            self.dotted_name()
            if self.take("as"):
                self.name("after 'as'")
            if not self.take(","):
                return

    def dotted_name(self) -> None:
        self.name("of a module")
        while self.take("."):
            self.name("after '.'")

    def names(self, where: str) -> None:
        self.name(where)
        while self.take(","):
            self.name(where)

    def name(self, where: str) -> None:
        token = self.token
        if token is None or token.kind != "name" or token.text in KEYWORDS:
            self.fail(f"expected a name {where}, found {shown(token)}")
        self.index += 1

    # Headers of blocks

    def header(self) -> None:
        """A block header, up to its colon, which must be the last token."""
        word = self.text
        self.index += 1
        if word in ("if", "elif", "while"):
            self.condition(word)
        elif word == "for":
            self.targets()
            self.need("in", "after the loop's names")
            self.expressions()
        elif word == "with":
            self.with_items()
        elif word == "def":
            self.name("for the function")
            self.need("(", "after the function's name")
            self.parameters(")")
            self.need(")", "after the parameters")
            if self.take("->"):
                self.expression()
        elif word == "except":
            if self.text and self.text != ":":
                self.expressions()
                if self.take("as"):
                    self.name("after 'as'")
        elif word == "else" and self.text == "if":
            self.fail("'else if' is not Python", "write 'elif'")
        hint = ASSIGNS_IN_CONDITION if self.text == "=" else None
        self.need(":", f"to end the line that begins with '{word}'", hint)
        if self.token is not None:
            self.unexpected()

    def condition(self, word: str) -> None:
        if self.text == ":" or self.token is None:
            self.fail(f"expected a condition after '{word}', found {shown(self.token)}")
        self.named_expression()

    def with_items(self) -> None:
        if self.text == "(" and self.closes_at_colon():
            self.index += 1
            self.items(")", "with")
            return
        while True:
            self.expression()
            if self.take("as"):
                self.operand()
            if not self.take(","):
                return

    def closes_at_colon(self) -> bool:
        for position, _, depth in depths(self.tokens[self.index :]):
            if depth == 0:
                return self.next_text(position + 1) == ":"
        return False

    def targets(self) -> None:
        while True:
            self.take("*")
            self.operand()
            if not self.take(",") or self.text == "in":
                return

    def parameters(self, close: str) -> None:
        while self.text != close:
            if self.take("/") or (self.text == "*" and self.next_text() == ","):
                self.take("*")
            else:
                if self.text in ("*", "**"):
                    self.index += 1
                self.name("for a parameter")
                if close == ")" and self.take(":"):
                    self.expression()
                if self.take("="):
                    self.expression()
            if not self.take(","):
                return

    # Expressions

    def expressions(self) -> None:
        """One expression or several with commas, starred ones among them."""
        while True:
            if self.text in ("*", "**"):
                self.index += 1
            self.named_expression()
            if not self.take(","):
                return
            if self.token is None or self.text in ("=", ")", "]", "}", ":"):
                return

    def named_expression(self) -> None:
        self.expression()
        if self.take(":="):
            self.expression()

    def expression(self) -> None:
        if self.take("lambda"):
            self.parameters(":")
            self.need(":", "after the parameters of lambda")
            self.expression()
            return
        self.operations()
        if self.take("if"):
            self.operations()
            self.need("else", "after the condition")
            self.expression()

    def operations(self) -> None:
        while True:
            while self.text in ("not", "-", "+", "~"):
                self.index += 1
            self.operand()
            if (self.text == "not" and self.next_text() == "in") or (
                self.text == "is" and self.next_text() == "not"
            ):
                self.index += 2
            elif self.text in BINARY:
                self.index += 1
            else:
                return

    def operand(self) -> None:
        token = self.token
        if token is None:
            self.missing_value()
        if token.kind == "error":
            self.wrong_token(token)
        if token.kind in ("number", "string") or token.text == "...":
            self.index += 1
            while token.kind == "string" and self.token is not None and self.token.kind == "string":
                self.index += 1
        elif token.kind == "name" and (token.text not in KEYWORDS or token.text in VALUE_KEYWORDS):
            self.index += 1
        elif token.text in OPENERS:
            self.index += 1
            self.items(OPENERS[token.text], token.text)
        else:
            self.missing_value()
        self.trailers()

    def trailers(self) -> None:
        while True:
            if self.take("."):
                token = self.token
                if token is None or token.kind != "name":
                    self.fail(f"expected a name after '.', found {shown(token)}")
                if token.text in KEYWORDS:
                    self.fail(f"'{token.text}' is a keyword and cannot be an attribute")
                self.index += 1
            elif self.text == "(":
                self.index += 1
                self.items(")", "call")
            elif self.text == "[":
                self.index += 1
                self.items("]", "index")
            else:
                return

    def items(self, close: str, where: str) -> None:
        """What stands between brackets, the closing one included."""
        start = self.index
        while self.text != close:
            self.item(where)
            if self.text in ("for", "async"):
                self.clauses()
            if self.take(","):
                if self.text == ",":
                    self.fail("expected a value between two commas")
                continue
            if self.text == close:
                break
            token = self.token
            if token is not None and token.kind == "error":
                self.wrong_token(token)
            if token is None or not self.closes(start):
                opening = self.tokens[start - 1]
                raise LanguageError(
                    f"'{opening.text}' is never closed", self.source.span(opening.start, opening.end)
                )
            hint = "is a comma missing?" if begins_operand(token) else None
            if token.text == "=":
                hint = ASSIGNS_IN_CONDITION
            self.fail(f"expected ',' or '{close}', found {shown(token)}", hint)
        self.need(close, "here")

    def closes(self, start: int) -> bool:
        """Whether the bracket before this token is closed somewhere."""
        return any(depth < 0 for _, _, depth in depths(self.tokens[start:]))

    def item(self, where: str) -> None:
        if where == "index" or where == "{":
            if self.text in ("*", "**"):
                self.index += 1
            if self.text != ":":
                self.named_expression()
            while self.take(":"):
                if self.text not in (":", "]", ",", "}", "for"):
                    self.named_expression()
            return
        if self.text in ("*", "**"):
            self.index += 1
        self.named_expression()
        if where == "call" and self.take("="):
            self.expression()
        if where == "with" and self.take("as"):
            self.operand()

    def clauses(self) -> None:
        while True:
            if self.take("for"):
                self.targets()
                self.need("in", "in a comprehension")
                self.operations()
            elif self.take("if"):
                self.operations()
            else:
                return

    # Endings

    def missing_value(self) -> NoReturn:
        token = self.token
        before = self.tokens[self.index - 1] if self.index else None
        if token is not None and token.kind == "name" and token.text in KEYWORDS:
            self.fail(f"{shown(token)} cannot stand here")
        if before is None:
            self.fail(f"a statement cannot begin with {shown(token)}")
        if token is not None and token.text in ("&", "|") and before.text == token.text:
            self.fail(f"'{token.text * 2}' is not Python", FOREIGN[token.text * 2])
        hint = None
        if before.text in "+-" and (token is None or token.text in (")", ";")) and self.index > 1:
            doubled = self.tokens[self.index - 2].text == before.text
            hint = f"write x {before.text}= 1" if doubled else None
        self.fail(f"expected a value after {shown(before)}, found {shown(token)}", hint)

    def wrong_token(self, token: Token) -> NoReturn:
        raise token_error(self.source, token)

    def unexpected(self) -> NoReturn:
        token = self.token
        assert token is not None
        before = self.tokens[self.index - 1]
        if token.kind == "error":
            self.wrong_token(token)
        if token.text in CLOSERS:
            self.fail(f"'{token.text}' closes nothing")
        if token.text == "?":
            self.fail("'?' cannot stand here", "help is NAME? or ?NAME, alone on its line")
        if token.text == ":":
            self.fail(f"':' cannot stand after {shown(before)}")
        hint = None
        first = self.tokens[0].text
        if self.index == 1 and begins_operand(token) and self.tokens[0].kind == "name":
            hint = misspelt_keyword(first)
            if first == "print":
                hint = f"write print({self.source.text[token.start : self.tokens[-1].end]})"
        elif before.kind == "name" and begins_operand(token):
            start = self.index - 1
            while start > 1 and self.tokens[start - 1].text == "." and self.tokens[start - 2].kind == "name":
                start -= 2
            if start < self.index - 1:
                hint = f"a call is written {self.source.text[self.tokens[start].start : before.end]}(…)"
        self.fail(f"{shown(token)} cannot stand after {shown(before)}", hint)


def misspelt_keyword(word: str) -> str | None:
    """A suggestion where a statement's first word is nearly a keyword."""
    known = (HEADERS | SIMPLE) - {"async", "class", "yield"}
    return did_you_mean([f"'{each}'" for each in near(word, known, 1)])


def token_error(source: Source, token: Token) -> LanguageError:
    """The complaint about a token that the lexer could not read."""
    span = source.span(token.start, token.end)
    if token.problem == "unclosed":
        opening = token.text.lstrip("rRbBuUfF")
        quote = opening[:3] if opening[:3] in ('"""', "'''") else opening[:1]
        start = source.span(token.start, token.start + len(token.text) - len(opening) + len(quote))
        return LanguageError(f"the string that {quote} opens here is not closed", start)
    if token.problem.startswith("type "):
        return LanguageError(
            f"the character {token.text} (U+{ord(token.text):04X}) is not part of the language",
            span,
            token.problem,
        )
    if token.text in FOREIGN:
        return LanguageError(f"'{token.text}' {token.problem}", span, FOREIGN[token.text])
    if not token.text.isprintable():
        return LanguageError(f"the character U+{ord(token.text[0]):04X} {token.problem}", span)
    return LanguageError(f"'{token.text}' {token.problem}", span)
