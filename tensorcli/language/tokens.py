"""Text to tokens, for the parser and for colour: one lexer, which never fails.

What is not a token of Python becomes a token of kind "error" that says why in `problem`; the parser decides whether it
matters. Offsets count characters of the text given. The module knows neither verbs nor grammar.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

KEYWORDS = frozenset(
    "False None True and as assert async await break class continue def del elif else except finally for "
    "from global if import in is lambda nonlocal not or pass raise return try while with yield".split()
)
HEADERS = frozenset("if elif else for while with def try except finally".split())
"""The keywords that a block begins with."""
VALUE_KEYWORDS = frozenset({"True", "False", "None"})
OPENERS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = {")": "(", "]": "[", "}": "{"}
_DEEPER = {**dict.fromkeys(OPENERS, 1), **dict.fromkeys(CLOSERS, -1)}
AUGMENTED = frozenset("+= -= *= /= //= %= @= &= |= ^= >>= <<= **=".split())

# A character that a word processor or another keyboard makes, and the one to type.
LOOKALIKES = {
    **dict.fromkeys("“”„‟«»″＂", '"'),
    **dict.fromkeys("‘’‚‛′＇`´", "'"),
    **dict.fromkeys("–—−‐‑‒－", "-"),
    **dict(
        zip("（）［］｛｝，：；＝＋＊／．＃＜＞％＆｜＾～＠！", "()[]{},:;=+*/.#<>%&|^~@!", strict=True),
    ),
    "×": "*", "÷": "/", "≤": "<=", "≥": ">=", "≠": "!=", "…": "...", "。": ".", "、": ",",
    "【": "[", "】": "]", "∗": "*", "⋅": "*", "·": "*", "√": "sqrt", "²": "**2", "³": "**3",
    "→": "->", "∞": "inf",
}  # fmt: skip


class Token(NamedTuple):
    """A piece of the text.

    Kinds: name number string op comment newline error. `spaced`: white space stands before it.
    """

    kind: str
    text: str
    start: int
    end: int
    spaced: bool
    problem: str = ""


def shown(token: Token | None) -> str:
    """A token as an error names it."""
    if token is None:
        return "the end of the statement"
    if token.kind == "name":
        return f"the keyword '{token.text}'" if token.text in KEYWORDS else f"the name '{token.text}'"
    if token.kind == "number":
        return f"the number {token.text}"
    if token.kind == "string":
        return "a string"
    return f"'{token.text}'"


# Lenient on purpose: CPython's parser judges the digits.
_NUMBER = r"0[xXbBoO]\w+|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9][0-9_]*)?[jJ]?"
_OPERATORS = (
    r"\*\*=|//=|>>=|<<=|\.\.\.|!=|->|:=|==|<=|>=|\+=|-=|\*=|/=|%=|@=|&=|\|=|\^=|\*\*|//|>>|<<"
    r"|[-+*/%@&|^~<>=.,:;()\[\]{}?]"
)
_TOKEN = rf"""(?:[ \t\f\u00a0\u2007\u202f]|\\\n)*
    (?:(?P<newline>\n)
    |(?P<comment>\#[^\n]*)
    |(?P<string>(?:[rRbBuUfF]|[rR][bBfF]|[bBfF][rR])?(?:\"\"\"|'''|\"|'))
    |(?P<number>{_NUMBER})
    |(?P<name>[^\W\d]\w*)
    |(?P<op>{_OPERATORS})
    |(?P<error>.)
    |\Z)"""
"""White space, and a token unless the text ends there."""


@cache
def _token() -> re.Pattern[str]:
    """Compiled for the first text that is read token by token: CPython's own parser reads most."""
    return re.compile(_TOKEN, re.VERBOSE)


def tokenize(text: str) -> list[Token]:
    """Every token of `text` in order;

    comments and newlines are tokens, white space only the mark on its follower.
    """
    return list(each_token(text))


def each_token(text: str) -> Iterator[Token]:
    """`tokenize`, each token when it is asked for."""
    position, size, make = 0, len(text), tuple.__new__  # a third faster than Token()
    while position < size:
        for match in _token().finditer(text, position):
            kind = match.lastgroup
            if kind is None:
                return
            end = match.end()
            piece = match[kind]
            start = end - len(piece)
            spaced, position, problem = start > position, end, ""
            if kind == "op":
                pass
            elif kind == "string":
                kind, position, problem = _string(text, piece, end)
            elif kind == "error":
                problem = _problem(piece)
            elif kind == "number":
                if end < size and (text[end].isalnum() or text[end] == "_"):
                    word = re.compile(r"\w+").match(text, end)
                    position = word.end() if word else end
                    kind, problem = "error", "is neither a number nor a name"
            elif kind == "name" and not piece.isidentifier():
                good = next(i for i in range(1, len(piece) + 1) if not piece[:i].isidentifier()) - 1
                if good:
                    position = start + good
                else:
                    kind, position, problem = "error", start + 1, _problem(piece[0])
            if position == end:
                yield make(Token, (kind, piece, start, end, spaced, problem))
            else:
                # It ends elsewhere than its first characters say: the rest is matched from there.
                yield Token(kind, text[start:position], start, position, spaced, problem)
                break


def _string(text: str, opening: str, start: int) -> tuple[str, int, str]:
    quote = opening[-3:] if opening[-3:] in ('"""', "'''") else opening[-1]
    end = _string_end(text, quote, start)
    if end >= 0:
        return "string", end, ""
    if len(quote) == 3:
        return "error", len(text), "unclosed"
    line_end = text.find("\n", start)
    return "error", len(text) if line_end < 0 else line_end, "unclosed"


def _string_end(text: str, quote: str, start: int) -> int:
    """Where the string opened before `start` ends, its closing quote included; -1 where it does not."""
    position = start
    while True:
        found = text.find(quote, position)
        if found < 0:
            return -1
        slash = text.find("\\", position, found)
        newline = text.find("\n", position, found if slash < 0 else slash) if len(quote) == 1 else -1
        if newline >= 0:
            return -1
        if slash < 0:
            return found + len(quote)
        position = slash + 2


def _problem(character: str) -> str:
    if character in LOOKALIKES:
        return f"type {LOOKALIKES[character]} instead"
    if character == "\\":
        return "continues a line only at its very end"
    if character.isprintable():
        return "has no meaning here"
    return "cannot stand in a script"


def ends_operand(token: Token) -> bool:
    """Whether a value may end with this token."""
    if token.kind == "name":
        return token.text not in KEYWORDS or token.text in VALUE_KEYWORDS
    return token.kind in ("number", "string") or token.text in CLOSERS or token.text == "..."


def begins_operand(token: Token) -> bool:
    """Whether a value may begin with this token, where no operator is open."""
    if token.kind == "name":
        return token.text not in KEYWORDS or token.text in VALUE_KEYWORDS or token.text in ("lambda", "not")
    return token.kind in ("number", "string") or token.text in OPENERS or token.text in ("~", "...")


def highlight(text: str, verbs: Container[str]) -> list[tuple[int, int, str]]:
    """Stretches of `text` with their kind:

    keyword name verb number string comment operator error. Gaps are white space.
    """
    stretches: list[tuple[int, int, str]] = []
    first, assigned = True, False
    for _, token, depth in depths(tokenize(text)):
        kind = token.kind
        if kind == "newline":
            first, assigned = first or depth == 0, assigned and depth > 0
            continue
        if kind == "op":
            kind = "operator"
            if depth <= 0 and token.text in (";", ":", "="):
                first = token.text != "=" or not assigned
                assigned = token.text == "="
            else:
                first = False
        elif kind == "error" and token.problem == "unclosed":
            kind = "string"
        elif kind == "name":
            if token.text in KEYWORDS:
                kind = "keyword"
            elif first and token.text in verbs and _reads_as_verb(text, token.end):
                kind = "verb"
            first = False
        elif kind != "comment":
            first = False
        stretches.append((token.start, token.end, kind))
    return stretches


def _reads_as_verb(text: str, end: int) -> bool:
    """A word is coloured as a verb unless what follows shows that it is used as a name."""
    return (
        re.compile(r"[ \t]*(?:$|[\n;#]|[ \t](?![-+*/%@&|^<>=]=?[ \t]|=)[^.,)\]}]|\()").match(text, end)
        is not None
    )


def depths(tokens: Iterable[Token]) -> Iterator[tuple[int, Token, int]]:
    """Each token with its position and how many brackets are open behind it."""
    depth = 0
    for position, token in enumerate(tokens):
        depth += _DEEPER.get(token.text, 0)
        yield position, token, depth


def closes_at_end(tokens: Sequence[Token]) -> bool:
    """Whether the first bracket is closed by the last token, and not before."""
    return next((position for position, _, depth in depths(tokens) if depth == 0), None) == len(tokens) - 1
