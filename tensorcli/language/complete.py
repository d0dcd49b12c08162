"""What could be typed at the cursor, as data: verbs, names, attributes, keywords, and the arguments that a
command declares.

Knows neither the prompt nor the session: `names` are told with a description, `attributes_of` says what
a dotted expression has, and `arguments_of` what a call can be given by keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

from tensorcli.language.syntax import Parameter, Verb
from tensorcli.language.tokens import (
    CLOSERS,
    KEYWORDS,
    OPENERS,
    Token,
    begins_operand,
    ends_operand,
    tokenize,
)
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS

CompletionKind = Literal[
    "verb", "name", "attribute", "keyword", "builtin", "option", "path", "argument", "module", "key"
]

_STATEMENT_KEYWORDS = frozenset(
    "assert break continue def del elif else except finally for from global if import nonlocal "
    "pass raise return try while with".split()
)
_VALUE_KEYWORDS = frozenset({"True", "False", "None", "lambda", "not"})
_MANY_WORDS = frozenset({"EXPR", "TEXT", "STATEMENT", "EXPECTATION"})
"""Kinds of arguments that white space may stand in."""
_JOINING_KEYWORDS = frozenset({"and", "or", "in", "is", "if", "else", "for", "as"})


class Completion(NamedTuple):
    """A text to put from `start` to the cursor, its kind, and a line about it."""

    text: str
    start: int
    kind: CompletionKind
    description: str = ""


def complete(
    text: str,
    cursor: int,
    verbs: Mapping[str, Verb],
    names: Mapping[str, str] | Iterable[str],
    attributes_of: Callable[[str], Mapping[str, str] | Iterable[str]],
    arguments_of: Callable[[str], Mapping[str, str]] = lambda _: {},
    modules_below: Callable[[str], Iterable[str]] = lambda path: () if path else ("torch", "numpy"),
    items_of: Callable[[str], Mapping[str, str]] = lambda _: {},
    words_of: Callable[[str], Mapping[str, str]] = lambda _: {},
) -> list[Completion]:
    """The completions at `cursor`, best first: exact case before others, names before verbs before keywords.

    A completion of kind "path" holds what is typed of a path, for the caller to complete by its own means.
    `names` may map a name to its description. `attributes_of` is given the source of what stands before the
    dot, `arguments_of` that of what is called, or the verb, `items_of` that of what is indexed: it says which texts
    are keys there. `modules_below` says which modules can be imported below one, or at all. `words_of` says what can
    stand behind a command that takes words, numbers or a text.
    """
    before = text[:cursor]
    tokens = [token for token in tokenize(before) if token.kind != "newline" or token.end <= len(before)]
    if tokens and tokens[-1].kind == "comment":
        return []
    if (
        tokens
        and tokens[-1].kind in ("string", "error")
        and (tokens[-1].problem == "unclosed" or tokens[-1].end == cursor)
    ):
        return _keys(tokens, before, items_of)
    word, start = _word(tokens, cursor)
    statement = _statement(tokens[: len(tokens) - bool(word)])
    command = _command(statement, verbs)
    while command is not None and any(each.kind == "STATEMENT" for each in verbs[command.text].parameters):
        statement = statement[statement.index(command) + 1 :]
        command = _command(statement, verbs)
    if command is not None and _wants_path(verbs[command.text], before) and not _dashes(before, start):
        typed = before[_word_start(before) :]
        return [Completion(typed, cursor - len(typed), "path")]
    if statement and statement[0].text in ("import", "from"):
        return _imported(statement, word, start, before, attributes_of, modules_below)
    if statement and statement[-1].text == "." and statement[-1].end == start:
        owner = _owner(statement[:-1])
        if not owner:
            return []
        source = before[owner[0].start : owner[-1].end]
        return _matching(word, start, "attribute", attributes_of(source))
    declared = None if command is None else verbs[command.text]
    dashes = _dashes(before, start)
    if declared is not None and dashes:
        options = {f"--{flag.name}": flag.about for flag in declared.flags}
        return _matching(before[start - dashes : cursor], start - dashes, "option", options)
    found: list[Completion] = []
    wanted = None
    if command is not None and declared is not None and declared.kind == "command":
        typed = before[command.end :].lstrip()
        wanted = _parameter(declared, typed)
        if wanted is None:
            return []
        if wanted.kind != "EXPR":
            found = _words(dict.fromkeys(wanted.choices, "") or words_of(command.text), typed, cursor)
        if wanted.kind in ("WORD", "INT") or (found and found[0].start < start):
            return found  # what is typed of a word of its own, as `TSC-`, may be more than one word of the language
    begins = _at_beginning(statement)
    if declared is None and not begins and ends_operand(statement[-1]):
        return _matching(word, start, "keyword", sorted(_JOINING_KEYWORDS))
    found += _keywords(statement, word, start, before, verbs, command, arguments_of)
    found += _matching(word, start, "name", names)
    if begins or (wanted is not None and wanted.kind == "TEXT"):
        found += _matching(word, start, "verb", {name: verb.description for name, verb in verbs.items()})
    words = _STATEMENT_KEYWORDS | _VALUE_KEYWORDS if begins else _VALUE_KEYWORDS
    found += _matching(word, start, "keyword", sorted(words))
    found += _matching(word, start, "builtin", sorted(BUILTIN_FUNCTIONS))
    return _unique(found)


def _parameter(declared: Verb, typed: str) -> Parameter | None:
    """The parameter of a command that the last word of what is typed behind it is for; None where it takes no more."""
    place = len(typed[: _word_start(typed)].split())
    for parameter in declared.parameters[: place + 1]:
        if parameter.kind in _MANY_WORDS or parameter.repeated:
            return parameter
    return declared.parameters[place] if place < len(declared.parameters) else None


def _words(words: Mapping[str, str], typed: str, cursor: int) -> list[Completion]:
    """The words that what is typed behind a command begins, `version co` among it; else those that its last word begins."""
    for part in dict.fromkeys((typed, typed[_word_start(typed) :])):
        if found := _matching(part, cursor - len(part), "argument", words):
            return found
    return []


def _imported(
    statement: list[Token],
    word: str,
    start: int,
    before: str,
    attributes_of: Callable[[str], Mapping[str, str] | Iterable[str]],
    modules_below: Callable[[str], Iterable[str]],
) -> list[Completion]:
    """The modules below what is typed of a path, or behind `from torch.nn import` what that module has."""
    place = next((at for at, token in enumerate(statement) if token.text == "import" and at > 1), None)
    if place is None and statement[-1].text in (".", "from", "import", ","):
        owner = _owner(statement[:-1]) if statement[-1].text == "." else []
        path = "".join(token.text for token in owner)
        return (
            _matching(word, start, "module", modules_below(path))
            if owner or statement[-1].text != "."
            else []
        )
    if place is None and statement[0].text == "from":
        return _matching(word, start, "keyword", ("import",))
    if place is None or statement[-1].text not in ("import", ",", "("):
        return []
    source = before[statement[1].start : statement[place - 1].end]
    return _matching(word, start, "attribute", attributes_of(source))


def _keys(tokens: list[Token], before: str, items_of: Callable[[str], Mapping[str, str]]) -> list[Completion]:
    """The keys of what is indexed, where the cursor stands in a text behind an opening bracket."""
    *ahead, text = tokens
    owner = _owner(ahead[:-1]) if ahead and ahead[-1].text == "[" and not ahead[-1].spaced else []
    if text.problem != "unclosed" or not owner or text.text[:1] not in "'\"" or "\\" in text.text:
        return []
    offered = {
        key: about
        for key, about in items_of(before[owner[0].start : owner[-1].end]).items()
        if key.isprintable() and not {"\\", text.text[0]}.intersection(key)
    }
    return _matching(text.text[1:], text.start + 1, "key", offered)


def _keywords(
    statement: list[Token],
    word: str,
    start: int,
    before: str,
    verbs: Mapping[str, Verb],
    command: Token | None,
    arguments_of: Callable[[str], Mapping[str, str]],
) -> list[Completion]:
    """`dim=`, `keepdim=`: what can be given by keyword where an argument begins, and was not given yet."""
    depth, opening = 0, None
    for place in range(len(statement) - 1, -1, -1):
        token = statement[place]
        if token.kind == "op":
            depth += (token.text in CLOSERS) - (token.text in OPENERS)
        if depth < 0:
            opening = place
            break
    if opening is None:
        if command is None or verbs[command.text].kind == "command" or statement[-1] is command:
            return []
        inside, source = statement[statement.index(command) + 1 :], command.text
    else:
        callee = (
            [] if statement[opening].text != "(" or statement[opening].spaced else _owner(statement[:opening])
        )
        if not callee or statement[-1].text not in ("(", ","):
            return []
        inside, source = statement[opening + 1 :], before[callee[0].start : callee[-1].end]
    given = {
        token.text for token, following in pairwise(inside) if token.kind == "name" and following.text == "="
    }
    offered = {f"{name}=": text for name, text in arguments_of(source).items() if name not in given}
    return _matching(word, start, "argument", offered)


def _word(tokens: list[Token], cursor: int) -> tuple[str, int]:
    if tokens and tokens[-1].end == cursor and tokens[-1].kind == "name":
        return tokens[-1].text, tokens[-1].start
    return "", cursor


def _statement(tokens: list[Token]) -> list[Token]:
    """The tokens of the simple statement that the cursor stands in."""
    depth = 0
    start = 0
    for position, token in enumerate(tokens):
        if token.kind == "op":
            depth = max(depth + (token.text in OPENERS) - (token.text in CLOSERS), 0)
        ends = token.kind == "newline" or (token.kind == "op" and token.text == ";")
        block = token.text == ":" and token.kind == "op" and tokens[start].text in _STATEMENT_KEYWORDS
        if depth == 0 and (ends or block):
            start = position + 1
    return [token for token in tokens[start:] if token.kind != "newline"]


def _owner(tokens: list[Token]) -> list[Token]:
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
        if following.spaced and _wants_path(verbs[statement[start].text], "") and following.text != "=":
            return statement[start]
    return None


def _wants_path(verb: Verb, before: str) -> bool:
    """Whether a path comes here, which may begin with `/`, `.` or `~`: an argument, or behind a flag for one."""
    flags = [flag for flag in verb.flags if flag.kind == "PATH"]
    last = before[: _word_start(before)].split()[-1:]
    return any(parameter.kind == "PATH" for parameter in verb.parameters) or any(
        last in ([f"--{flag.name}"], [f"-{flag.short}"]) for flag in flags
    )


def _word_start(before: str) -> int:
    return max(before.rfind(" "), before.rfind("\t")) + 1


def _at_beginning(statement: list[Token]) -> bool:
    """Whether a verb can stand here: at the beginning, or behind the targets of an assignment."""
    if not statement:
        return True
    last = statement[-1]
    depth = sum(
        (token.text in OPENERS) - (token.text in CLOSERS) for token in statement if token.kind == "op"
    )
    return last.text == "=" and last.kind == "op" and depth == 0 and len(statement) < 12


def _dashes(before: str, start: int) -> int:
    return next((size for size in (2, 1) if before[:start].endswith(" " + "-" * size)), 0)


def _matching(
    word: str, start: int, kind: CompletionKind, names: Mapping[str, str] | Iterable[str]
) -> list[Completion]:
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
