"""The command form: which statements are commands, and the Python that each of them means.

`t2 = detach t1` becomes the tree of `t2 = t1.detach()`; a command of the explorer becomes an Invocation
with the arguments that it declares. Verbs are a table that is handed in; nothing is evaluated.
"""

from __future__ import annotations

import ast
from typing import NamedTuple, NoReturn

from tensorcli.language import python
from tensorcli.language.arguments import (
    expression,
    fragment,
    plain_text,
    positioned,
    split,
)
from tensorcli.language.invocations import ArgumentReader, Context, Tokens, how_to_type
from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.other_prompts import instead
from tensorcli.language.source import Source
from tensorcli.language.syntax import (
    Argument,
    CommandCall,
    Invocation,
    LanguageError,
    Verb,
)
from tensorcli.language.tokens import (
    CLOSERS,
    KEYWORDS,
    Token,
    begins_operand,
    closes_at_end,
    depths,
    ends_operand,
)
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS

_JOINING = frozenset({"in", "is", "and", "or", "if", "else", "for"})


class Command(NamedTuple):
    """A statement recognised as a command: its targets (each without '='), the verb, and what follows it."""

    targets: tuple[Tokens, ...]
    verb: Token
    rest: Tokens


# Which form


def recognise(context: Context, tokens: Tokens) -> Command | None:
    """The command that these tokens are, or None where they are Python."""
    if tokens[0].text == ":" and len(tokens) > 1:
        return _forced(context, tokens[1:])
    if "?" in (tokens[0].text, tokens[-1].text):
        return _question(context, tokens)
    targets, position = _targets(tokens)
    verb = tokens[position]
    rest = tokens[position + 1 :]
    unbound = verb.text not in context.bound
    # What settles most statements comes before the verb is looked up: the table may have to be read for that.
    if verb.kind != "name" or verb.text in KEYWORDS or (rest and not rest[0].spaced):
        return None
    if not unbound and (not rest or is_python(context.source, tokens)):
        return None
    declared = context.verbs.get(verb.text)
    if declared is None:
        return None
    command = Command(targets, verb, rest)
    if not rest:
        return command if not targets else None
    first = rest[0]
    explorer = declared.kind == "command"
    if unbound and (first.text == "[" or _is_sign(rest)):
        return command
    if (
        explorer
        and unbound
        and _takes_raw_text(declared)
        and (first.text not in ("=", ".") or _is_path(declared, rest))
    ):
        return command if first.text != "(" or not closes_at_end(rest) else None
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
    return Command(targets, verb, tokens[position + 1 :])


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
    start = 0
    for position, token, depth in depths(tokens):
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
    for _, token, depth in depths(tokens):
        if (
            depth == 0
            and token.kind == "op"
            and token.text not in (".", ",", "*")
            and token.text not in CLOSERS
        ):
            return False
    for (_, before, depth), token in zip(depths(tokens), tokens[1:]):
        if depth == 0 and ends_operand(before) and begins_operand(token):
            adjacent = token.text == "[" and not token.spaced
            if not adjacent and not (token.text == "(" and not token.spaced):
                return False
    return True


def _is_sign(tokens: Tokens) -> bool:
    return tokens[0].text in ("+", "-") and len(tokens) > 1 and not tokens[1].spaced


def _takes_raw_text(verb: Verb) -> bool:
    return any(parameter.kind not in ("EXPR", "NAME", "INT") for parameter in verb.parameters)


def _is_path(verb: Verb, tokens: Tokens) -> bool:
    """`./x` and `../x`, where the command wants a path."""
    wants = any(parameter.kind == "PATH" for parameter in verb.parameters[:1])
    return wants and tokens[0].text == "." and (len(tokens) == 1 or tokens[1].text in (".", "/"))


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
    pythons = (
        name in BUILTIN_FUNCTIONS and name not in context.bound and positional and _is_written(positional[0])
    )
    if verb.kind in ("method", "attribute") and not pythons:
        first = _first(context, command, positional, keywords)
        function = ast.Attribute(first, name, ast.Load())
        positioned(function, source, command.verb.start, command.verb.end)
        if verb.kind == "attribute":
            if positional or keywords:
                extra = split(source, command.rest)[1]
                raise LanguageError(f"{name} takes one argument", source.span(extra.start, extra.end))
            return function
    else:
        function = _path(name if pythons else verb.path or name)
        positioned(function, source, command.verb.start, command.verb.end)
    return positioned(ast.Call(function, positional, keywords), source, command.verb.start, end)


def _is_written(tree: ast.expr) -> bool:
    """Whether a value is written out, and no tensor: `abs -3` and `sum [1, 2]` are Python's."""
    while isinstance(tree, ast.UnaryOp):
        tree = tree.operand
    return isinstance(tree, ast.Constant | ast.List | ast.Tuple | ast.Set | ast.Dict)


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


def _missing(context: Context, token: Token, verb: Verb) -> NoReturn:
    raise LanguageError(
        f"{token.text} needs an argument",
        context.source.span(token.start, token.end),
        how_to_type(token.text, verb) if verb.kind == "command" else None,
    )


def _unknown_verb(context: Context, token: Token) -> NoReturn:
    raise LanguageError(
        f"there is no command '{token.text}'",
        context.source.span(token.start, token.end),
        instead(token.text, context.verbs) or did_you_mean(near(token.text, context.verbs, 1)),
    )
