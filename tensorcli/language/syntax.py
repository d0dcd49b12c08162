"""What a script is made of, once it has been read: frozen nodes with the places they came from.

A `Statement` holds the tree of its Python form, whichever form was typed, and every position in that tree
points into the text as it was typed: lines from 1, columns in characters from 0. A command of the explorer
has no Python of its own; it stands in the tree as a `CommandCall`. This module knows no engine and no
terminal.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

VerbKind = Literal["method", "attribute", "function", "builtin", "command"]
ParameterKind = Literal["EXPR", "NAME", "INT", "WORD", "PATH", "TEXT", "STATEMENT", "EXPECTATION"]
ExpectationKind = Literal["condition", "shares", "views", "raises", "warns", "hazard"]
Form = Literal["tsc", "py"]


class Span(NamedTuple):
    """A stretch of the text as typed: lines from 1, columns in characters from 0, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    def text(self, typed: str) -> str:
        """The characters of `typed` that the span covers."""
        lines = _lines(typed)[self.line - 1 : self.end_line]
        if not lines:
            return ""
        lines[-1] = lines[-1][: self.end_column]
        lines[0] = lines[0][self.column :]
        return "\n".join(lines)


@lru_cache(maxsize=4)
def _lines(typed: str) -> list[str]:
    """The lines of a text. A script's are asked for once a statement."""
    return typed.split("\n")


class LanguageError(Exception):
    """The text does not parse, or uses what the language refuses: nothing of it ran."""

    def __init__(self, message: str, span: Span, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint


class Parameter(NamedTuple):
    """One argument that a command of the explorer declares.

    Kinds that take the rest of the line stand last.
    """

    name: str
    kind: ParameterKind = "EXPR"
    optional: bool = False
    repeated: bool = False
    choices: tuple[str, ...] = ()
    """Of a WORD: the words that there are, where not every word is one."""
    least: int | None = None
    """Of an INT: the least that there is."""


class Flag(NamedTuple):
    """`--name`, or `--name=V` and `--name V` where `kind` says what V is;

    `short` is its one-letter form (`-o`), `about` a line that says what it does.
    """

    name: str
    kind: ParameterKind | None = None
    short: str = ""
    least: int | None = None
    about: str = ""


class Verb(NamedTuple):
    """A word that may begin a command.

    A method lowers to `first.verb(rest)`, an attribute to `first.verb`, a function to a call of the dotted
    `path` (its own name when empty), a builtin to a call of the bare name. `minimum` is the number of
    arguments without which the bare word asks for help.
    """

    kind: VerbKind
    path: str = ""
    parameters: tuple[Parameter, ...] = ()
    flags: tuple[Flag, ...] = ()
    minimum: int = 1
    description: str = ""
    otherwise: str = ""
    """Of a command of the explorer that has the name of something of PyTorch's: how that is typed."""

    @property
    def required(self) -> int:
        """How many arguments the command needs at least."""
        if self.kind == "command":
            return sum(not parameter.optional for parameter in self.parameters)
        return max(self.minimum, 1) if self.kind in ("method", "attribute") else self.minimum


class Expectation(NamedTuple):
    """What follows `expect`: a condition, a relation of two values, or what a statement must bring about."""

    kind: ExpectationKind
    negated: bool = False
    left: ast.expr | None = None
    right: ast.expr | None = None
    text: str | None = None
    statement: Statement | None = None


class Argument(NamedTuple):
    """An argument of a command under its declared name:

    an expression's tree, a word, a number, a statement, an expectation.
    """

    name: str
    value: ast.expr | str | int | bool | Statement | Expectation
    span: Span


class Invocation(NamedTuple):
    """A command of the explorer with its arguments in the order of its parameters, flags last."""

    verb: str
    arguments: tuple[Argument, ...]
    span: Span

    def get(self, name: str) -> ast.expr | str | int | bool | Statement | Expectation | None:
        """The value of the first argument of this name, None where it was not given."""
        return next((argument.value for argument in self.arguments if argument.name == name), None)


class CommandCall(ast.expr):
    """An explorer command inside a tree: evaluating it hands the invocation to the session."""

    _fields = ()
    _attributes = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    invocation: Invocation


class Statement(NamedTuple):
    """One top-level statement: where it stands, its text as typed, and the tree of its Python form."""

    span: Span
    source: str
    tree: ast.stmt
    command: Invocation | None
    form: Literal["python", "command"]


class Program(NamedTuple):
    """A whole text: its statements, and how many lines of a pasted transcript were skipped as old output."""

    statements: tuple[Statement, ...]
    skipped_lines: int = 0


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node of a tree but the contexts of names, in no particular order, those within the arguments of
    commands among them.
    """
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        kind = type(node)
        for name in inner_fields(kind):  # ast.iter_child_nodes takes several times as long
            value = getattr(node, name, None)
            if type(value) is list:
                pending.extend([each for each in value if isinstance(each, ast.AST)])
            elif isinstance(value, ast.AST):
                pending.append(value)
        if kind is CommandCall:
            pending.extend(trees_of(node.invocation))  # type: ignore[attr-defined]


def in_order(tree: ast.AST) -> Iterator[ast.AST]:
    """What ast.walk gives but the contexts of names, the outer nodes first, in half its time."""
    pending = deque([tree])
    while pending:
        node = pending.popleft()
        yield node
        for name in inner_fields(type(node)):
            value = getattr(node, name, None)
            if type(value) is list:
                pending.extend([each for each in value if isinstance(each, ast.AST)])
            elif isinstance(value, ast.AST):
                pending.append(value)


_INNER: dict[type[ast.AST], tuple[str, ...]] = {ast.Name: (), ast.Constant: (), ast.Attribute: ("value",)}


def inner_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node in which other nodes may stand; the contexts of names are left out."""
    found = _INNER.get(kind)
    if found is None:
        found = _INNER[kind] = tuple(name for name in kind._fields if name != "ctx")
    return found


def trees_of(invocation: Invocation) -> Iterator[ast.AST]:
    """The trees within the arguments of a command."""
    for argument in invocation.arguments:
        value = argument.value
        if isinstance(value, ast.AST):
            yield value
        elif isinstance(value, Statement):
            yield value.tree
        elif isinstance(value, Expectation):
            yield from (each for each in (value.left, value.right) if each is not None)
            if value.statement is not None:
                yield value.statement.tree


class Incomplete(NamedTuple):
    """Why a prompt should ask for another line, and the place that is still open."""

    reason: str
    span: Span


def span_of(node: ast.AST) -> Span:
    """The span of a node that came out of `parse`;

    of an attribute, its name alone, for that is what fails; of a method's call in a chain over several lines, what is
    from the method's name on, as in CPython's tracebacks.
    """
    line = getattr(node, "lineno", 1)
    column = getattr(node, "col_offset", 0)
    end_line = getattr(node, "end_lineno", None) or line
    end_column = getattr(node, "end_col_offset", None)
    if end_column is None:
        end_column = column
    if isinstance(node, ast.Attribute) and end_column >= len(node.attr):
        line, column = end_line, end_column - len(node.attr)
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.end_lineno != line
        and not any(isinstance(each, ast.Starred) for each in node.args)
        and not any(each.arg is None for each in node.keywords)
    ):
        method = span_of(node.func)
        line, column = method.line, method.column
    return Span(line, column, end_line, end_column)
