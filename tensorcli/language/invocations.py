"""The arguments of the explorer's commands: what each declares, read from the tokens or from the raw text."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from tensorcli.language.arguments import Part, Word, expression, fragment, split, words
from tensorcli.language.source import Source
from tensorcli.language.syntax import (
    Argument,
    Expectation,
    Flag,
    Invocation,
    LanguageError,
    Parameter,
    Span,
    Statement,
    Verb,
    span_of,
)
from tensorcli.language.tokens import KEYWORDS, Token, begins_operand, depths, ends_operand, shown

Tokens = Sequence[Token]
StatementParser = Callable[[Tokens], Statement]


class Context(NamedTuple):
    """What the reading of one command may look at."""

    source: Source
    verbs: Mapping[str, Verb]
    bound: set[str]
    statement: StatementParser


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
        found = arguments + flags
        check_numbers(self.verb.text, self.declared, found)
        return found

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
            span = source.span(word.start, word.end)
            if parameter.choices and word.text not in parameter.choices:
                wanted = " or ".join(parameter.choices)
                raise LanguageError(f"{self.verb.text} wants {wanted} here", span)
            return Argument(parameter.name, word.text, span)
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
        number = whole_number(tree)
        if number is not None:
            return number
        raise self.error(f"{self.verb.text} wants a whole number here, not {shown(token)}", token)

    def skip_to(self, offset: int) -> None:
        while self.position < len(self.tokens) and self.tokens[self.position].start < offset:
            self.position += 1

    def missing(self, parameter: Parameter) -> NoReturn:
        raise LanguageError(
            f"{self.verb.text} needs {_article(parameter)}",
            self.context.source.span(self.verb.start, self.verb.end),
            how_to_type(self.verb.text, self.declared),
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
            how_to_type(self.verb.text, self.declared),
        )


def whole_number(tree: ast.expr) -> int | None:
    """The whole number that an expression is as it stands, with a sign or without; None for any other."""
    inner = tree.operand if isinstance(tree, ast.UnaryOp) else tree
    if not isinstance(inner, ast.Constant) or type(inner.value) is not int:
        return None
    return -inner.value if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) else inner.value


def check_numbers(name: str, verb: Verb, arguments: Sequence[Argument]) -> None:
    """Raises LanguageError where a number is less than its parameter or flag allows."""
    least = {each.name: each.least for each in verb.parameters}
    least.update((each.name, each.least) for each in verb.flags)
    for argument in arguments:
        limit = least.get(argument.name)
        if limit is not None and type(argument.value) is int and argument.value < limit:
            raise LanguageError(
                f"{name} wants a whole number from {limit} on here, not {argument.value}",
                argument.span,
                how_to_type(name, verb),
            )


def _is_flag(tokens: Tokens) -> bool:
    """`--name` or `-o`, the dash glued to what follows."""
    if len(tokens) < 2 or tokens[1].spaced:
        return False
    if tokens[1].text == "-":
        return len(tokens) > 2 and tokens[2].kind == "name" and not tokens[2].spaced
    return tokens[1].kind == "name" and len(tokens[1].text) == 1 and len(tokens) > 2 and tokens[2].spaced


def usage(name: str, verb: Verb) -> str:
    """How a command is typed, in one line: `graph VALUE [--depth N] [-o PATH]`."""
    shown_parameters = [
        ("[{}{}]" if parameter.optional else "{}{}").format(
            parameter.name.upper(), " …" if parameter.repeated else ""
        )
        for parameter in verb.parameters
    ]
    return " ".join([name, *shown_parameters, *(f"[{flag_usage(flag)}]" for flag in verb.flags)])


def how_to_type(name: str, verb: Verb) -> str:
    """The hint of a command that was given the wrong things."""
    otherwise = f"   (PyTorch's {name} is {verb.otherwise} here)" if verb.otherwise else ""
    return f"type:  {usage(name, verb)}{otherwise}"


def flag_usage(flag: Flag) -> str:
    """How a flag is typed: `--depth N`, `-o PATH`."""
    return (f"-{flag.short}" if flag.short else f"--{flag.name}") + _FLAG_VALUES.get(flag.kind or "", "")


_FLAG_VALUES = {"INT": " N", "EXPR": " VALUE", "WORD": " NAME", "PATH": " PATH"}


def _article(parameter: Parameter) -> str:
    kinds = {
        "NAME": "a name",
        "INT": "a number",
        "PATH": "a path",
        "STATEMENT": "a statement",
        "EXPR": "a value",
    }
    return f"{kinds.get(parameter.kind, 'an argument')} ({parameter.name})"


# expect

_EVENTS = frozenset({"raises", "warns", "hazard"})
"""What a statement can be expected to bring about."""


def expectation(context: Context, tokens: Tokens) -> Expectation:
    """What stands after `expect`, in any of its forms."""
    first = tokens[0]
    if first.text in _EVENTS and len(tokens) > 1 and tokens[1].kind == "string":
        return _expected_event(context, tokens)
    for position, token, depth in depths(tokens):
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
    try:
        return Expectation("condition", left=fragment(context.source, tokens))
    except LanguageError as error:
        relation = next((each.text for each in tokens if each.text in ("shares", "views")), None)
        if first.text in _EVENTS:
            error.hint = f'type:  expect {first.text} "text": STATEMENT'
        elif relation is not None:
            error.hint = error.hint or f"type:  expect A {relation} B"
        raise


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


# The Python form


def from_call(context: Context, name: Token, verb: Verb, call: ast.Call, inside: Tokens) -> Invocation:
    """The command that is written as a call: `blame(x, 3)`. `inside` are the tokens between its parentheses. Errors:
    LanguageError for arguments that it does not take, or lacks.
    """
    source = context.source
    span = source.span(name.start, inside[-1].end + 1 if inside else name.end + 2)
    if (
        len(verb.parameters) == 1
        and verb.parameters[0].kind in ("TEXT", "STATEMENT", "EXPECTATION")
        and inside
    ):
        return Invocation(name.text, tuple(ArgumentReader(context, name, verb, inside).read()), span)
    arguments: list[Argument] = []

    def refused(text: str, at: Span) -> LanguageError:
        return LanguageError(f"{name.text} {text}", at, how_to_type(name.text, verb))

    def give(parameter: str, kind: str | None, value: ast.expr, node: ast.AST) -> None:
        arguments.append(Argument(parameter, _typed_value(source, kind, value), _unshifted(source, node)))

    parameters = list(verb.parameters)
    for node in call.args:
        if not parameters:
            raise refused("takes no more arguments", _unshifted(source, node))
        parameter = parameters[0] if parameters[0].repeated else parameters.pop(0)
        give(parameter.name, parameter.kind, node, node)
    kinds: dict[str, str | None] = {each.name: each.kind for each in verb.parameters}
    kinds.update((each.name, each.kind) for each in verb.flags)
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg not in kinds:
            raise refused(f"has no argument {keyword.arg}", _unshifted(source, keyword))
        give(keyword.arg, kinds[keyword.arg], keyword.value, keyword)
    check_numbers(name.text, verb, arguments)
    given = {argument.name for argument in arguments}
    for parameter in verb.parameters:
        if not parameter.optional and parameter.name not in given:
            raise refused(f"needs an argument ({parameter.name})", source.span(name.start, name.end))
    return Invocation(name.text, tuple(arguments), span)


def _typed_value(source: Source, kind: str | None, node: ast.expr) -> ast.expr | str | int | bool:
    if kind is None:
        return bool(node.value) if isinstance(node, ast.Constant) else True
    if kind == "EXPR":
        return node
    if kind == "INT":
        number = whole_number(node)
        if number is not None:
            return number
        raise LanguageError("a whole number is wanted here", _unshifted(source, node))
    if kind == "NAME" and not isinstance(node, ast.Name):
        raise LanguageError("a name is wanted here", _unshifted(source, node))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def _unshifted(source: Source, node: ast.AST) -> Span:
    """The span, as typed, of a node whose positions are still those of `source.text`."""
    span = span_of(node)
    shifts = source.shifts
    return type(span)(
        span.line,
        span.column + shifts[span.line - 1],
        span.end_line,
        span.end_column + shifts[span.end_line - 1],
    )
