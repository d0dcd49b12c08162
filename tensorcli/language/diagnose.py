"""What is wrong with a text that CPython's parser refused: piece by piece, in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorcli.language import python
from tensorcli.language.arguments import plain_text, split, too_deep
from tensorcli.language.grammar import Reader, token_error
from tensorcli.language.lines import LogicalLine
from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.other_prompts import instead
from tensorcli.language.source import Source
from tensorcli.language.syntax import Form, LanguageError, Span, Verb
from tensorcli.language.tokens import CLOSERS, Token

Tokens = Sequence[Token]


class Diagnosis:
    """Finds the error of a text, and the verb or the Python form that was meant."""

    def __init__(self, source: Source, verbs: Mapping[str, Verb], bound: set[str], form: Form) -> None:
        self.source = source
        self.verbs = verbs
        self.bound = bound
        self.form = form

    def whole(
        self, lines: list[LogicalLine], commands: set[tuple[int, int]], error: Exception
    ) -> LanguageError:
        """What is wrong with a text that CPython's parser refused."""
        for line in lines:
            pieces = [piece for piece in line.pieces if self.source.place(piece[0].start) not in commands]
            headers = [line.header] if line.header else []
            for header in headers:
                self.read(header, is_header=True)
            for piece in pieces:
                self.read(piece)
        for line in lines:
            for piece in ([line.header] if line.header else []) + list(line.pieces):
                wrong = self.wrong_piece(piece, bool(line.header) and piece is line.header)
                if wrong is not None:
                    return wrong
        if not isinstance(error, SyntaxError):
            return LanguageError("this is nested too deeply", self.source.span(0, 0))
        number = min(max(error.lineno or 1, 1), len(self.source.lines))
        start = self.source.starts[number - 1]
        return LanguageError(
            "this is not valid here", self.source.span(start, start + len(self.source.lines[number - 1]))
        )

    def read(self, tokens: Tokens, is_header: bool = False) -> None:
        """Raises LanguageError at the first token that cannot stand where it stands."""
        first = tokens[0]
        if first.text in ("%", "!"):
            raise LanguageError(
                f"a line that begins with {first.text} is a command of a notebook, not Python",
                self.source.span(first.start, first.end),
                self.prompt_command(tokens)
                or (
                    "leave the line out"
                    if first.text == "%"
                    else "leave the line out; for a negation write 'not'"
                ),
            )
        for token in tokens:
            if token.kind == "error" and token.problem != "has no meaning here":
                error = token_error(self.source, token)
                error.hint = error.hint or (self.prompt_command(tokens) if token is first else None)
                raise error
        if not is_header and tokens[0].text == "@" and tokens[0].kind == "op":
            tokens = tokens[1:]
            if not tokens:
                raise LanguageError("expected a decorator after '@'", self.source.span(0, 1))
        reader = Reader(self.source, tokens)
        try:
            if is_header:
                reader.header()
            else:
                reader.statement()
        except LanguageError as error:
            error.hint = (
                error.hint
                or self.command_hint(tokens)
                or self.prompt_command(tokens)
                or self.misspelt_verb(tokens, reader.index)
            )
            raise
        except RecursionError:
            raise too_deep(self.source, tokens) from None

    def piece(self, tokens: Tokens) -> LanguageError:
        """What is wrong with one simple statement that CPython's parser refused."""
        try:
            self.read(tokens)
        except LanguageError as error:
            return error
        wrong = self.wrong_piece(tokens, False)
        assert wrong is not None
        return wrong

    def wrong_piece(self, tokens: Tokens, is_header: bool) -> LanguageError | None:
        """A piece that our reader accepts and CPython does not:

        an assignment to something that is not a target, and the like.
        """
        text = plain_text(self.source, tokens)
        prefix = ""
        if is_header:
            word = tokens[0].text
            prefix = {
                "elif": "if 0: pass\n",
                "else": "if 0: pass\n",
                "except": "try: pass\n",
                "finally": "try: pass\n",
            }.get(word, "")
            suffix = " pass\nfinally: pass" if word == "try" else " pass"
            text = prefix + text + suffix
        elif tokens[0].text == "@":
            text += "\ndef f(): pass"
        try:
            python.module(text)
        except (SyntaxError, ValueError) as error:
            message, hint = _reworded(str(error), tokens)
            return LanguageError(message, self.marked(error, text, prefix, tokens), hint)
        except (RecursionError, MemoryError):
            return too_deep(self.source, tokens)
        return None

    def marked(self, error: Exception, text: str, prefix: str, tokens: Tokens) -> Span:
        """Where CPython's parser stood, if that is a part of the piece that says something; else the whole piece."""
        first, last = tokens[0].start, tokens[-1].end
        whole = self.source.span(first, last)
        line, column = getattr(error, "lineno", None), getattr(error, "offset", None)
        piece = text.removeprefix(prefix)[: last - first]
        if not line or not column or piece != self.source.text[first:last]:
            return whole
        starts = [0, *(at + 1 for at, letter in enumerate(text) if letter == "\n"), len(text) + 1]
        start = starts[min(line, len(starts)) - 1] + column - 1 - len(prefix) + first
        token = next((each for each in tokens if each.start <= start < each.end), None)
        if token is None or token.start != start or token.text in CLOSERS:
            return whole
        end_line, end_column = getattr(error, "end_lineno", None), getattr(error, "end_offset", None)
        end = start
        if end_line and end_column and end_column > 0:
            end = starts[min(end_line, len(starts)) - 1] + end_column - 1 - len(prefix) + first
        return self.source.span(start, min(max(end, token.end), last))

    def misspelt_verb(self, tokens: Tokens, failed: int) -> str | None:
        """A verb that the first word, of the statement or behind `=`, is nearly, or stands for at another prompt, where
        a second word was what could not stand.
        """
        if self.form == "py" or failed < 1 or (failed > 1 and tokens[failed - 2].text != "="):
            return None
        first = tokens[failed - 1]
        if first.kind != "name" or first.text in self.bound:
            return None
        return instead(first.text, self.verbs) or did_you_mean(near(first.text, self.verbs, 1))

    def prompt_command(self, tokens: Tokens) -> str | None:
        """What stands here for `%hist`, `.tables` and `\\q` of other prompts."""
        signs = next((at for at, token in enumerate(tokens) if token.text not in _SIGNS), len(tokens))
        if self.form == "py" or not signs or signs == len(tokens) or tokens[signs].spaced:
            return None
        return instead(tokens[signs].text, self.verbs)

    def command_hint(self, tokens: Tokens) -> str | None:
        """In a .py file, the Python form of what looks like a command."""
        verb = self.verbs.get(tokens[0].text)
        if self.form == "tsc" or verb is None or len(tokens) < 2 or not tokens[1].spaced:
            return None
        try:
            parts = split(self.source, tokens[1:])
            texts = [plain_text(self.source, part.tokens) for part in parts]
        except LanguageError:
            return None
        named = [
            f"{part.keyword}={text}" if part.keyword else text
            for part, text in zip(parts, texts, strict=True)
        ]
        name = tokens[0].text
        written = {
            "method": f"{named[0]}.{name}({', '.join(named[1:])})",
            "attribute": f"{named[0]}.{name}",
            "function": f"{verb.path or name}({', '.join(named)})",
        }.get(verb.kind, f"{name}({', '.join(named)})")
        return f"commands belong to the prompt and to .tsc files; here write  {written}"


_SIGNS = frozenset({"%", ".", "\\"})
"""What commands of other prompts begin with."""
_FORMATTED = "an expression inside this f-string is not valid"
_REWORDED = (
    (
        "cannot assign to",
        "this cannot be assigned to",
        "an assignment's target is a name, an attribute or an item",
    ),
    (
        "illegal expression for augmented",
        "this cannot be assigned to",
        "an augmented assignment has one target",
    ),
    ("cannot delete", "this cannot be deleted", "del takes names, attributes and items"),
    ("positional argument follows keyword", "an argument without a name stands after one with a name", None),
    ("non-default argument follows", "a parameter without a default stands after one with a default", None),
    (
        "parameter without a default follows",
        "a parameter without a default stands after one with a default",
        None,
    ),
    ("duplicate argument", "two parameters have the same name", None),
    ("f-string", _FORMATTED, None),
    ("unicode error", "an escape in this string is not complete", "write '\\\\' for a backslash, or r'...'"),
    (
        "Generator expression must be parenthesized",
        "a generator among other arguments needs brackets of its own",
        None,
    ),
    ("bytes can only contain ASCII", "a bytes string holds only ASCII characters", None),
    ("mix bytes and nonbytes", "strings and bytes cannot be joined", None),
    ("leading zeros", "a whole number does not begin with zeros", None),
    ("annotat", "only a single name, attribute or item can be annotated", None),
    ("Exceeds the limit", "this number has too many digits", None),
    ("too many nested", "this is nested too deeply", None),
    ("iterable unpacking cannot", "a comprehension has no starred values", None),
    ("dict unpacking", "a comprehension has no starred values", None),
    (
        "multiple exception types must be parenthesized",
        "several exception types stand in brackets",
        "write except (A, B):",
    ),
)


def _reworded(message: str, tokens: Tokens) -> tuple[str, str | None]:
    """Our words for what CPython says about a piece that reads well, token by token."""
    for mark, words, hint in _REWORDED:
        if mark in message:
            return words, hint
    if any(token.text == ":=" for token in tokens):
        return "':=' stands in brackets only", "'=' assigns"
    if any(token.kind == "string" and "f" in token.text[:2].lower() for token in tokens):
        return _FORMATTED, None  # Python names f-strings up to 3.11 only
    return "this is not a valid statement", None
