"""The command form: which statements are commands, and the Python that each of them means.

`t2 = detach t1` becomes the tree of `t2 = t1.detach()`; a command of the explorer becomes an Invocation
with the arguments that it declares. Verbs are a table that is handed in; nothing is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, NoReturn

from tensorcli.language import python
from tensorcli.language.arguments import (
    Part,
    Word,
    expression,
    fragment,
    plain_text,
    positioned,
    split,
    words,
)
from tensorcli.language.grammar import shown
from tensorcli.language.source import Source
from tensorcli.language.syntax import (
    Argument,
    CommandCall,
    Expectation,
    Flag,
    Invocation,
    LanguageError,
    Parameter,
    Statement,
    Verb,
)
from tensorcli.language.tokens import CLOSERS, KEYWORDS, OPENERS, Token, begins_operand, ends_operand

Tokens = Sequence[Token]
StatementParser = Callable[[Tokens], Statement]

_REST = ("TEXT", "STATEMENT", "EXPECTATION")
_JOINING = frozenset({"in", "is", "and", "or", "if", "else", "for"})


class Command(NamedTuple):
    """A statement recognised as a command:

    its targets' tokens, each without '=', the verb, and what follows it.
    """

    targets: tuple[Tokens, ...]
    verb: Token
    rest: Tokens
    forced: bool = False


class Context(NamedTuple):
    """What the reading of one command may look at."""

    source: Source
    verbs: Mapping[str, Verb]
    bound: set[str]
    statement: StatementParser


# Which form


def recognise(context: Context, tokens: Tokens) -> Command | None:
    """The command that these tokens are, or None where they are Python."""
    if tokens[0].text == ":" and len(tokens) > 1:
        return _forced(context, tokens[1:])
    if "?" in (tokens[0].text, tokens[-1].text):
        return _question(context, tokens)
    targets, position = _targets(tokens)
    verb = tokens[position]
    declared = context.verbs.get(verb.text) if verb.kind == "name" else None
    if declared is None or verb.text in KEYWORDS:
        return None
    rest = tokens[position + 1 :]
    command = Command(targets, verb, rest)
    unbound = verb.text not in context.bound
    if not rest:
        return command if unbound and not targets else None
    first = rest[0]
    explorer = declared.kind == "command"
    if not first.spaced:
        return None
    if unbound and (first.text == "[" or _is_sign(rest)):
        return command
    if explorer and unbound and _takes_raw_text(declared) and first.text not in ("=", "."):
        return command if first.text != "(" or not _wraps_all(rest) else None
    if not (begins_operand(first) or first.kind == "error" or _is_sign(rest) or first.text in ("*", "**")):
        return None
    if first.text in _JOINING or (first.text == "not" and len(rest) > 1 and rest[1].text == "in"):
        return None
    return None if is_python(context.source, tokens) else command


def is_python(source: Source, tokens: Tokens) -> bool:
    """Whether the tokens are a valid simple statement of Python."""
    try:
        python.module(plain_text(source, tokens))
    except python.REFUSALS:
        return False
    return True


def _forced(context: Context, tokens: Tokens) -> Command:
    targets, position = _targets(tokens)
    verb = tokens[position]
    if verb.text not in context.verbs:
        _unknown_verb(context, verb)
    return Command(targets, verb, tokens[position + 1 :], forced=True)


def _question(context: Context, tokens: Tokens) -> Command | None:
    """`?`, `?name` and `name?`."""
    verb = tokens[0] if tokens[0].text == "?" else tokens[-1]
    if "?" not in context.verbs:
        return None
    rest = [token for token in tokens if token is not verb]
    return Command((), verb, rest)


def _targets(tokens: Tokens) -> tuple[tuple[Tokens, ...], int]:
    """The assignment targets that stand before a verb, and where the verb stands."""
    targets: list[Tokens] = []
    start = depth = 0
    for position, token in enumerate(tokens):
        if token.kind != "op":
            continue
        depth += (token.text in OPENERS) - (token.text in CLOSERS)
        if depth == 0 and token.text == "=":
            if position + 1 >= len(tokens) or not _is_target(tokens[start:position]):
                break
            targets.append(tokens[start:position])
            start = position + 1
    return tuple(targets), start


def _is_target(tokens: Tokens) -> bool:
    """Names, attributes, items and commas: no two values side by side."""
    if not tokens or not ends_operand(tokens[-1]):
        return False
    depth = 0
    for token in tokens:
        depth += (token.text in OPENERS) - (token.text in CLOSERS)
        if (
            depth == 0
            and token.kind == "op"
            and token.text not in (".", ",", "*")
            and token.text not in CLOSERS
        ):
            return False
    for before, token in pairwise(tokens):
        depth += (before.text in OPENERS) - (before.text in CLOSERS)
        if depth == 0 and ends_operand(before) and begins_operand(token):
            adjacent = token.text == "[" and not token.spaced
            if not adjacent and not (token.text == "(" and not token.spaced):
                return False
    return True


def _is_sign(tokens: Tokens) -> bool:
    return tokens[0].text in ("+", "-") and len(tokens) > 1 and not tokens[1].spaced


def _takes_raw_text(verb: Verb) -> bool:
    return any(parameter.kind not in ("EXPR", "NAME", "INT") for parameter in verb.parameters)


def _wraps_all(tokens: Tokens) -> bool:
    depth = 0
    for position, token in enumerate(tokens):
        depth += (token.text in OPENERS) - (token.text in CLOSERS)
        if depth == 0:
            return position == len(tokens) - 1
    return False


# What a command means


def lower(context: Context, command: Command, tokens: Tokens) -> tuple[ast.stmt, Invocation | None]:
    """The statement that a command means; with the invocation where it is one of the explorer's."""
    source = context.source
    verb = context.verbs[command.verb.text]
    start, end = tokens[0].start, tokens[-1].end
    value_start = command.verb.start
    if verb.kind == "command" or (not command.rest and verb.required > 0):
        invocation = _invocation(context, command, verb)
        value: ast.expr = command_call(invocation, source, value_start, end)
    else:
        invocation = None
        value = _call(context, command, verb, end)
    if not command.targets:
        return positioned(ast.Expr(value), source, start, end), invocation
    targets = [_target(source, target) for target in command.targets]
    return positioned(ast.Assign(targets, value), source, start, end), invocation


def command_call(invocation: Invocation, source: Source, start: int, end: int) -> CommandCall:
    """The node that stands for an explorer command."""
    node = CommandCall()
    node.invocation = invocation
    return positioned(node, source, start, end)


def _target(source: Source, tokens: Tokens) -> ast.expr:
    tree = fragment(source, tokens)
    store(tree, source, tokens)
    return tree


def store(tree: ast.expr, source: Source, tokens: Tokens) -> None:
    """Make a tree an assignment target, or say why it cannot be one."""
    if isinstance(tree, ast.Tuple | ast.List):
        for element in tree.elts:
            store(element, source, tokens)
    elif isinstance(tree, ast.Starred):
        store(tree.value, source, tokens)
    elif not isinstance(tree, ast.Name | ast.Attribute | ast.Subscript):
        raise LanguageError(
            "this cannot be assigned to",
            source.span(tokens[0].start, tokens[-1].end),
            "an assignment's target is a name, an attribute or an item",
        )
    tree.ctx = ast.Store()


def _call(context: Context, command: Command, verb: Verb, end: int) -> ast.expr:
    """`first.verb(rest)`, `first.verb`, `path(all)`."""
    source = context.source
    positional: list[ast.expr] = []
    keywords: list[ast.keyword] = []
    for part in split(source, command.rest):
        value = expression(source, part.tokens, context.bound)
        if part.keyword is not None:
            keywords.append(positioned(ast.keyword(part.keyword, value), source, part.start, part.end))
        elif keywords:
            raise LanguageError(
                "an argument without a name stands after one with a name", source.span(part.start, part.end)
            )
        else:
            positional.append(value)
    function: ast.expr
    name = command.verb.text
    if verb.kind in ("method", "attribute"):
        first = _first(context, command, positional, keywords)
        function = ast.Attribute(first, name, ast.Load())
        positioned(function, source, command.verb.start, command.verb.end)
        if verb.kind == "attribute":
            if positional or keywords:
                extra = split(source, command.rest)[1]
                raise LanguageError(f"{name} takes one argument", source.span(extra.start, extra.end))
            return function
    else:
        function = _path(verb.path or name)
        positioned(function, source, command.verb.start, command.verb.end)
    return positioned(ast.Call(function, positional, keywords), source, command.verb.start, end)


def _first(
    context: Context, command: Command, positional: list[ast.expr], keywords: list[ast.keyword]
) -> ast.expr:
    """The tensor that a method is called on, taken out of the arguments."""
    if positional and not isinstance(positional[0], ast.Starred):
        return positional.pop(0)
    for keyword in keywords:
        if keyword.arg in ("input", "self"):
            keywords.remove(keyword)
            return keyword.value
    token = command.verb
    raise LanguageError(
        f"{token.text} needs the tensor that it is called on",
        context.source.span(token.start, token.end),
        f"type:  {token.text} t   or   t.{token.text}()",
    )


def _path(path: str) -> ast.expr:
    first, *rest = path.split(".")
    node: ast.expr = ast.Name(first, ast.Load())
    for name in rest:
        node = ast.Attribute(node, name, ast.Load())
    return node


# Commands of the explorer


def _invocation(context: Context, command: Command, verb: Verb) -> Invocation:
    source = context.source
    token = command.verb
    end = command.rest[-1].end if command.rest else token.end
    span = source.span(
        min(token.start, command.rest[0].start if command.rest else token.start), max(end, token.end)
    )
    if not command.rest and verb.required > 0:
        if "help" not in context.verbs or token.text == "help":
            _missing(context, token, verb)
        word = Argument("topic", token.text, source.span(token.start, token.end))
        return Invocation("help", (word,), span)
    arguments = list(ArgumentReader(context, token, verb, command.rest).read())
    return Invocation(token.text, tuple(arguments), span)


class ArgumentReader:
    """Reads the arguments that a command of the explorer declares, left to right."""

    def __init__(self, context: Context, verb: Token, declared: Verb, tokens: Tokens) -> None:
        self.context = context
        self.verb = verb
        self.declared = declared
        self.tokens = tokens
        self.position = 0

    def read(self) -> list[Argument]:
        """The arguments in the parameters' order, flags after them."""
        arguments: list[Argument] = []
        flags: list[Argument] = []
        for parameter in self.declared.parameters:
            while True:
                self.take_flags(flags)
                if self.position >= len(self.tokens):
                    given = any(argument.name == parameter.name for argument in arguments)
                    if not parameter.optional and not given:
                        self.missing(parameter)
                    break
                arguments.append(self.argument(parameter))
                if not parameter.repeated:
                    break
        self.take_flags(flags)
        if self.position < len(self.tokens):
            token = self.tokens[self.position]
            many = len(self.declared.parameters)
            takes = (
                "no arguments" if not many else "one argument" if many == 1 else f"{many} arguments at most"
            )
            raise self.error(f"{self.verb.text} takes {takes}; {shown(token)} is one too many", token)
        return arguments + flags

    def take_flags(self, flags: list[Argument]) -> None:
        while self.position + 1 < len(self.tokens) and self.tokens[self.position].text == "-":
            start = self.tokens[self.position].start
            word = next(words(self.context.source, start, self.tokens[-1].end))
            name, _, text = word.text.partition("=")
            flag = next(
                (each for each in self.declared.flags if name in ("--" + each.name, "-" + each.short)), None
            )
            if flag is None:
                if not name.startswith("--") and not self.declared.flags:
                    return
                self.unknown_flag(name, word)
            self.skip_to(word.end)
            flags.append(self.flag(flag, text if "=" in word.text else None, word))

    def flag(self, flag: Flag, text: str | None, word: Word) -> Argument:
        source = self.context.source
        span = source.span(word.start, word.end)
        if flag.kind is None:
            if text is not None:
                raise LanguageError(f"--{flag.name} takes no value", span)
            return Argument(flag.name, True, span)
        if text is None:
            if self.position >= len(self.tokens):
                raise LanguageError(f"expected a value after --{flag.name}", span)
            return self.argument(Parameter(flag.name, flag.kind))
        if flag.kind in ("EXPR", "INT"):
            inner = [
                token for token in self.tokens if word.start + word.text.index("=") < token.start < word.end
            ]
            tree = expression(source, inner, self.context.bound)
            value: ast.expr | int | str = self.number(tree, inner[0]) if flag.kind == "INT" else tree
            return Argument(flag.name, value, span)
        return Argument(flag.name, text, span)

    def argument(self, parameter: Parameter) -> Argument:
        """One argument of the declared kind, from where the reader stands."""
        source = self.context.source
        token = self.tokens[self.position]
        rest = self.tokens[self.position :]
        span = source.span(token.start, rest[-1].end)
        if parameter.kind == "TEXT":
            self.position = len(self.tokens)
            return Argument(parameter.name, source.text[token.start : rest[-1].end], span)
        if parameter.kind == "STATEMENT":
            self.position = len(self.tokens)
            return Argument(parameter.name, self.context.statement(rest), span)
        if parameter.kind == "EXPECTATION":
            self.position = len(self.tokens)
            return Argument(parameter.name, expectation(self.context, rest), span)
        if parameter.kind in ("WORD", "PATH"):
            word = next(words(source, token.start, rest[-1].end))
            self.skip_to(word.end)
            return Argument(parameter.name, word.text, source.span(word.start, word.end))
        part = self.part(rest)
        span = source.span(part.start, part.end)
        if parameter.kind == "NAME":
            if len(part.tokens) != 1 or token.kind != "name" or token.text in KEYWORDS:
                raise LanguageError(f"{self.verb.text} wants a name here", span)
            return Argument(parameter.name, token.text, span)
        tree = expression(source, part.tokens, self.context.bound)
        if parameter.kind == "INT":
            return Argument(parameter.name, self.number(tree, token), span)
        return Argument(parameter.name, tree, span)

    def part(self, rest: Tokens) -> Part:
        stop = next(
            (
                i
                for i, each in enumerate(rest)
                if i and each.text == "-" and each.spaced and _is_flag(rest[i:])
            ),
            len(rest),
        )
        part = split(self.context.source, rest[:stop])[0]
        self.skip_to(part.end)
        if part.keyword is not None:
            raise LanguageError(
                f"{self.verb.text} has no argument named {part.keyword}",
                self.context.source.span(part.start, part.end),
            )
        return part

    def number(self, tree: ast.expr, token: Token) -> int:
        negative = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)
        inner = tree.operand if isinstance(tree, ast.UnaryOp) else tree
        if isinstance(inner, ast.Constant) and type(inner.value) is int:
            return -inner.value if negative else inner.value
        raise self.error(f"{self.verb.text} wants a whole number here, not {shown(token)}", token)

    def skip_to(self, offset: int) -> None:
        while self.position < len(self.tokens) and self.tokens[self.position].start < offset:
            self.position += 1

    def missing(self, parameter: Parameter) -> NoReturn:
        raise LanguageError(
            f"{self.verb.text} needs {_article(parameter)}",
            self.context.source.span(self.verb.start, self.verb.end),
            f"type:  {usage(self.verb.text, self.declared)}",
        )

    def unknown_flag(self, name: str, word: Word) -> NoReturn:
        names = ", ".join("--" + flag.name for flag in self.declared.flags)
        raise LanguageError(
            f"{self.verb.text} has no option {name}",
            self.context.source.span(word.start, word.end),
            f"its options: {names}" if names else None,
        )

    def error(self, message: str, token: Token) -> LanguageError:
        return LanguageError(
            message,
            self.context.source.span(token.start, token.end),
            f"type:  {usage(self.verb.text, self.declared)}",
        )


def _is_flag(tokens: Tokens) -> bool:
    """`--name` or `-o`, the dash glued to what follows."""
    if len(tokens) < 2 or tokens[1].spaced:
        return False
    if tokens[1].text == "-":
        return len(tokens) > 2 and tokens[2].kind == "name" and not tokens[2].spaced
    return tokens[1].kind == "name" and len(tokens[1].text) == 1 and len(tokens) > 2 and tokens[2].spaced


def usage(name: str, verb: Verb) -> str:
    """How a command is typed, in one line."""
    shown_parameters = [
        ("[{}{}]" if parameter.optional else "{}{}").format(
            parameter.name.upper(), " …" if parameter.repeated else ""
        )
        for parameter in verb.parameters
    ]
    return " ".join([name, *shown_parameters])


def _article(parameter: Parameter) -> str:
    kinds = {
        "NAME": "a name",
        "INT": "a number",
        "PATH": "a path",
        "STATEMENT": "a statement",
        "EXPR": "a value",
    }
    return f"{kinds.get(parameter.kind, 'an argument')} ({parameter.name})"


def _missing(context: Context, token: Token, verb: Verb) -> NoReturn:
    raise LanguageError(
        f"{token.text} needs an argument",
        context.source.span(token.start, token.end),
        f"type:  {usage(token.text, verb)}" if verb.kind == "command" else None,
    )


def _unknown_verb(context: Context, token: Token) -> NoReturn:
    import difflib

    close = difflib.get_close_matches(token.text, list(context.verbs), 1)
    raise LanguageError(
        f"there is no command '{token.text}'",
        context.source.span(token.start, token.end),
        f"did you mean {close[0]}?" if close else None,
    )


# expect


def expectation(context: Context, tokens: Tokens) -> Expectation:
    """What stands after `expect`, in any of its forms."""
    first = tokens[0]
    if first.text in ("raises", "warns", "hazard") and len(tokens) > 1 and tokens[1].kind == "string":
        return _expected_event(context, tokens)
    depth = 0
    for position, token in enumerate(tokens):
        depth += (token.text in OPENERS) - (token.text in CLOSERS)
        if depth or position == 0 or token.text not in ("shares", "views") or token.kind != "name":
            continue
        negated = tokens[position - 1].text == "not"
        left, right = tokens[: position - negated], tokens[position + 1 :]
        if not left or not right or not ends_operand(left[-1]) or not begins_operand(right[0]):
            continue
        return Expectation(
            "shares" if token.text == "shares" else "views",
            negated,
            fragment(context.source, left),
            fragment(context.source, right),
        )
    return Expectation("condition", left=fragment(context.source, tokens))


def _expected_event(context: Context, tokens: Tokens) -> Expectation:
    kind = tokens[0].text
    source = context.source
    text = ast.literal_eval(fragment(source, tokens[1:2]))
    if not isinstance(text, str):
        raise LanguageError("expected a text in quotes", source.span(tokens[1].start, tokens[1].end))
    if len(tokens) < 4 or tokens[2].text != ":":
        raise LanguageError(
            f"expected ': STATEMENT' after the text that 'expect {kind}' looks for",
            source.span(tokens[1].end, tokens[1].end),
            f'type:  expect {kind} "text": STATEMENT',
        )
    statement = context.statement(tokens[3:])
    if kind == "raises":
        return Expectation("raises", text=text, statement=statement)
    return Expectation("warns" if kind == "warns" else "hazard", text=text, statement=statement)
