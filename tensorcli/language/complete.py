"""What could be typed at the cursor, as data: verbs, names, attributes, keywords, and the arguments that a
command declares. Knows neither the prompt nor the session: what is there is asked of `Known`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

from tensorcli.language.cursor import (
    STATEMENT_KEYWORDS,
    Cursor,
    cursor_in,
    opening_before,
    owner,
    wants_path,
    word_start,
)
from tensorcli.language.syntax import Parameter, Verb
from tensorcli.language.tokens import KEYWORDS, ends_operand
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS

CompletionKind = Literal[
    "verb", "name", "attribute", "keyword", "builtin", "option", "path", "argument", "module", "key"
]

_VALUE_KEYWORDS = frozenset({"True", "False", "None", "lambda", "not"})
_MANY_WORDS = frozenset({"EXPR", "TEXT", "STATEMENT", "EXPECTATION"})
"""Kinds of arguments that white space may stand in."""
_JOINING_KEYWORDS = frozenset({"and", "or", "in", "is", "if", "else", "for", "as"})

Names = Mapping[str, str] | Iterable[str]
"""Names, perhaps each with a description."""


class Completion(NamedTuple):
    """A text to put from `start` to the cursor, its kind, and a line about it."""

    text: str
    start: int
    kind: CompletionKind
    description: str = ""


class Known(NamedTuple):
    """What there is to complete: the verbs, the names, and what is asked when a place wants it.

    `attributes_of` is given the source of what stands before the dot, `arguments_of` that of what is called, or the verb,
    `items_of` that of what is indexed: it says which texts are keys there. `modules_below` says which modules can be imported
    below one, or at all. `words_of` says what can stand behind a command that takes words, numbers or a text.
    """

    verbs: Mapping[str, Verb]
    names: Names
    attributes_of: Callable[[str], Names]
    arguments_of: Callable[[str], Mapping[str, str]] = lambda _: {}
    modules_below: Callable[[str], Iterable[str]] = lambda path: () if path else ("torch", "numpy")
    items_of: Callable[[str], Mapping[str, str]] = lambda _: {}
    words_of: Callable[[str], Mapping[str, str]] = lambda _: {}


def complete(text: str, position: int, known: Known) -> list[Completion]:
    """The completions where the cursor stands, best first: exact case before others, names before verbs before keywords.

    A completion of kind "path" holds what is typed of a path, for the caller to complete by its own means.
    """
    cursor = cursor_in(text, position, known.verbs)
    for places in (_in_text, _of_path, _imported, _behind_dot, _option):
        found = places(cursor, known)
        if found is not None:
            return found
    return _word(cursor, known)


# ---- places of their own: each says what can be there, or None where the cursor stands elsewhere


def _in_text(cursor: Cursor, known: Known) -> list[Completion] | None:
    """The keys of what is indexed, where the cursor stands in a text behind an opening bracket; in comments, nothing."""
    if cursor.in_comment:
        return []
    if not cursor.in_text:
        return None
    *ahead, text = cursor.tokens
    indexed = owner(ahead[:-1]) if ahead and ahead[-1].text == "[" and not ahead[-1].spaced else []
    if text.problem != "unclosed" or not indexed or text.text[:1] not in "'\"" or "\\" in text.text:
        return []
    offered = {
        key: about
        for key, about in known.items_of(cursor.source(indexed)).items()
        if key.isprintable() and not {"\\", text.text[0]}.intersection(key)
    }
    return _matching(text.text[1:], text.start + 1, "key", offered)


def _of_path(cursor: Cursor, known: Known) -> list[Completion] | None:
    command = cursor.command
    if command is None or cursor.dashes or not wants_path(known.verbs[command.text], cursor.before):
        return None
    return [Completion(cursor.typed, len(cursor.before) - len(cursor.typed), "path")]


def _imported(cursor: Cursor, known: Known) -> list[Completion] | None:
    """The modules below what is typed of a path, or behind `from torch.nn import` what that module has."""
    statement = cursor.statement
    if not statement or statement[0].text not in ("import", "from"):
        return None
    place = next((at for at, token in enumerate(statement) if token.text == "import" and at > 1), None)
    last = statement[-1].text
    if place is not None:
        if last not in ("import", ",", "("):
            return []
        return _matching(
            cursor.word, cursor.start, "attribute", known.attributes_of(cursor.source(statement[1:place]))
        )
    if last in ("from", "import", ","):
        return _matching(cursor.word, cursor.start, "module", known.modules_below(""))
    if last == ".":
        path = "".join(token.text for token in owner(statement[:-1]))
        return _matching(cursor.word, cursor.start, "module", known.modules_below(path)) if path else []
    return _matching(cursor.word, cursor.start, "keyword", ("import",) if statement[0].text == "from" else ())


def _behind_dot(cursor: Cursor, known: Known) -> list[Completion] | None:
    statement = cursor.statement
    if not statement or statement[-1].text != "." or statement[-1].end != cursor.start:
        return None
    asked = owner(statement[:-1])
    if not asked:
        return []
    return _matching(cursor.word, cursor.start, "attribute", known.attributes_of(cursor.source(asked)))


def _option(cursor: Cursor, known: Known) -> list[Completion] | None:
    if cursor.command is None or not cursor.dashes:
        return None
    start = cursor.start - cursor.dashes
    options = {f"--{flag.name}": flag.about for flag in known.verbs[cursor.command.text].flags}
    return _matching(cursor.before[start:], start, "option", options)


# ---- where a word of the language or of a command can stand


def _word(cursor: Cursor, known: Known) -> list[Completion]:
    found: list[Completion] = []
    wanted = None
    command = cursor.command
    if command is not None and known.verbs[command.text].kind == "command":
        typed = cursor.before[command.end :].lstrip()
        wanted = _parameter(known.verbs[command.text], typed)
        if wanted is None:
            return []
        if wanted.kind != "EXPR":
            words = dict.fromkeys(wanted.choices, "") or known.words_of(command.text)
            found = _words(words, typed, len(cursor.before))
        if wanted.kind in ("WORD", "INT") or (found and found[0].start < cursor.start):
            return found  # what is typed of a word of its own, as `TSC-`, may be more than one word of the language
    begins = cursor.begins
    if command is None and not begins and ends_operand(cursor.statement[-1]):
        return _matching(cursor.word, cursor.start, "keyword", sorted(_JOINING_KEYWORDS))
    verbs = {name: verb.description for name, verb in known.verbs.items()}
    offered: tuple[tuple[CompletionKind, Names], ...] = (
        ("argument", _keywords(cursor, known)),
        ("name", known.names),
        ("verb", verbs if begins or (wanted is not None and wanted.kind == "TEXT") else ()),
        ("keyword", sorted(STATEMENT_KEYWORDS | _VALUE_KEYWORDS if begins else _VALUE_KEYWORDS)),
        ("builtin", sorted(BUILTIN_FUNCTIONS)),
    )
    for kind, names in offered:
        found += _matching(cursor.word, cursor.start, kind, names)
    return _unique(found)


def _parameter(declared: Verb, typed: str) -> Parameter | None:
    """The parameter of a command that the last word of what is typed behind it is for; None where it takes no more."""
    place = len(typed[: word_start(typed)].split())
    for parameter in declared.parameters[: place + 1]:
        if parameter.kind in _MANY_WORDS or parameter.repeated:
            return parameter
    return declared.parameters[place] if place < len(declared.parameters) else None


def _words(words: Mapping[str, str], typed: str, cursor: int) -> list[Completion]:
    """The words that what is typed behind a command begins, `version co` among it; else those that its last word begins."""
    for part in dict.fromkeys((typed, typed[word_start(typed) :])):
        if found := _matching(part, cursor - len(part), "argument", words):
            return found
    return []


def _keywords(cursor: Cursor, known: Known) -> Mapping[str, str]:
    """`dim=`, `keepdim=`: what can be given by keyword where an argument begins, and was not given yet."""
    statement, command = cursor.statement, cursor.command
    opening = opening_before(statement)
    if opening is None:
        if command is None or known.verbs[command.text].kind == "command" or statement[-1] is command:
            return {}
        inside, source = statement[statement.index(command) + 1 :], command.text
    else:
        calls = statement[opening].text == "(" and not statement[opening].spaced
        callee = owner(statement[:opening]) if calls else []
        if not callee or statement[-1].text not in ("(", ","):
            return {}
        if callee[0].text in BUILTIN_FUNCTIONS and len(callee) == 1 and callee[0].text not in known.names:
            return {}  # `sum(x)` is Python's, and `sum x` torch's
        inside, source = statement[opening + 1 :], cursor.source(callee)
    given = {
        token.text for token, following in pairwise(inside) if token.kind == "name" and following.text == "="
    }
    return {f"{name}=": text for name, text in known.arguments_of(source).items() if name not in given}


def _matching(word: str, start: int, kind: CompletionKind, names: Names) -> list[Completion]:
    described = names if isinstance(names, Mapping) else dict.fromkeys(names, "")
    lowered = word.lower()
    exact = [name for name in described if name.startswith(word)]
    others = [name for name in described if name.lower().startswith(lowered) and not name.startswith(word)]
    hidden = [name for name in exact + others if not (name.startswith("_") and not word.startswith("_"))]
    return [
        Completion(name, start, kind, described[name])
        for name in hidden
        if name not in KEYWORDS or kind in ("keyword", "key")
    ]


def _unique(found: list[Completion]) -> list[Completion]:
    seen: set[str] = set()
    kept = []
    for each in found:
        if each.text not in seen:
            seen.add(each.text)
            kept.append(each)
    return kept
