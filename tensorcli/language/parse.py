"""Text to a Program: both forms of the language, one kind of tree.

`parse` reads a whole text and checks it against the language before anything of it may run. Every simple
statement that is a command is replaced, in place and at equal length, by a placeholder; CPython's parser
then reads the block structure, and the placeholders give way to what the commands mean. Its errors are
never shown: what is wrong is said in our own words.
"""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tensorcli.language import python
from tensorcli.language.arguments import locate, plain_text, too_deep
from tensorcli.language.bindings import Bindings
from tensorcli.language.check import check
from tensorcli.language.commands import command_call, is_python, lower, recognise
from tensorcli.language.invocations import Context, Tokens, from_call
from tensorcli.language.lines import LogicalLine, Unfinished, check_blocks, logical_lines
from tensorcli.language.source import Source, read
from tensorcli.language.syntax import (
    CommandCall,
    Form,
    Incomplete,
    Invocation,
    LanguageError,
    Program,
    Statement,
    Verb,
    span_of,
)
from tensorcli.language.tokens import KEYWORDS, Token, closes_at_end
from tensorcli.language.vocabulary import BUILTIN_NAMES

if TYPE_CHECKING:
    from tensorcli.language.diagnose import Diagnosis

NO_VERBS: Mapping[str, Verb] = {}
PLAIN_DEPTH = 18
"""Trees up to this deep meet no limit of ours on brackets or blocks."""
_FANCY_SPACES = "\u00a0\u2007\u202f"
_MANY_BRACKETS = r"(?:[(\[{]\s*){18}"


def parse(
    text: str | bytes,
    verbs: Mapping[str, Verb] = NO_VERBS,
    bound: Iterable[str] = frozenset(),
    form: Form = "tsc",
) -> Program:
    """Read a text whole. `bound` are the names that exist already; `form` "py" has no commands.

    Raises LanguageError for the first thing that does not parse or that the language refuses.
    """
    source = read(text)
    parser = Parser(source, verbs, set(bound), form)
    with at_rest():
        if form == "py" and (program := parser.python_program()) is not None:
            return program
        lines = logical_lines(source)
        check_blocks(source, lines)
        return parser.program(lines)


@contextmanager
def at_rest() -> Iterator[None]:
    """The collector of cycles rests: what a parser makes has none, and it would look at all of it many times."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def incomplete(
    text: str, verbs: Mapping[str, Verb] = NO_VERBS, bound: Iterable[str] = frozenset(), form: Form = "tsc"
) -> Incomplete | None:
    """What a prompt should wait for: a bracket, a string, a line after a backslash, the rest of a block;
    None where nothing.

    A block ends with a blank line. Raises LanguageError at once for what no further line can make right.
    """
    source = read(text)
    try:
        lines = logical_lines(source, more=True)
    except Unfinished as unfinished:
        return unfinished.incomplete
    try:
        check_blocks(source, lines, more=True)
    except Unfinished as unfinished:
        Parser(source, verbs, set(bound), form).check_pieces(lines)
        return unfinished.incomplete
    Parser(source, verbs, set(bound), form).program(lines)
    return None


class Parser:
    """Reads the logical lines of one source in order, with the names that they bind."""

    def __init__(self, source: Source, verbs: Mapping[str, Verb], bound: set[str], form: Form) -> None:
        self.source = source
        self.verbs = verbs
        self.form = form
        self.context = Context(source, verbs, bound, self.nested_statement)
        self.bound = bound
        self.commands: dict[tuple[int, int], tuple[ast.stmt, Invocation | None]] = {}

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What says of a refused text what is wrong with it; most texts are not, and it is not even imported."""
        from tensorcli.language.diagnose import Diagnosis

        return Diagnosis(self.source, self.verbs, self.bound, self.form)

    def python_program(self) -> Program | None:
        """The statements of a text that is nothing but Python, as CPython reads it; None where something about
        it has to be looked at token by token, be it only to word what is wrong.
        """
        text = self.source.text
        if any(each in text for each in _FANCY_SPACES) or re.search(_MANY_BRACKETS, text):
            return None
        try:
            tree = python.module(text)
            locate(tree, text, 0, 0)
            self.source.shift(tree)
            if check(tree) > PLAIN_DEPTH:
                return None
        except (*python.REFUSALS, LanguageError):
            return None
        return Program(tuple(map(self.statement, tree.body)), self.source.skipped_lines)

    def program(self, lines: list[LogicalLine]) -> Program:
        """The statements of all lines."""
        blanks: list[tuple[int, int]] = []
        bindings = Bindings(self.context.bound)
        for line in lines:
            bindings.enter(line)
            for piece in line.pieces:
                lowered = self.piece(piece)
                if lowered is not None:
                    place = self.source.place(piece[0].start)
                    self.commands[place] = lowered
                    blanks.append((piece[0].start, piece[-1].end))
                bindings.add(piece)
            bindings.leave(line)
        tree = self.parse_whole(lines, blanks)
        Placeholders(self.commands).visit(tree)
        self.source.shift(tree)
        check(tree)
        commands = {id(entry[0]) for entry in self.commands.values()}
        return Program(tuple(self.statement(node, commands) for node in tree.body), self.source.skipped_lines)

    def check_pieces(self, lines: list[LogicalLine]) -> None:
        """Refuses what is wrong in the lines of a block that is not finished yet."""
        bindings = Bindings(self.context.bound)
        for line in lines:
            bindings.enter(line)
            if line.header:
                self.diagnosis.read(line.header, is_header=True)
            for piece in line.pieces:
                if self.piece(piece) is None and piece[0].text != "@" and not is_python(self.source, piece):
                    raise self.diagnosis.piece(piece)
                bindings.add(piece)
            bindings.leave(line)

    def statement(self, node: ast.stmt, lowered: Container[int] = ()) -> Statement:
        """A top-level statement from its finished tree; `lowered` are the identities of commands' trees."""
        span = span_of(node)
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            first = node.decorator_list[0]
            span = span._replace(line=first.lineno, column=max(first.col_offset - len("@"), 0))
        value = getattr(node, "value", None)
        command = value.invocation if isinstance(value, CommandCall) else None
        form: Literal["python", "command"] = "command" if id(node) in lowered else "python"
        return Statement(span, self.source.typed_text(span), node, command, form)

    def piece(self, tokens: Tokens) -> tuple[ast.stmt, Invocation | None] | None:
        """What a simple statement means as a command, or None for Python."""
        try:
            return self.command(tokens)
        except RecursionError:
            raise too_deep(self.source, tokens) from None

    def command(self, tokens: Tokens) -> tuple[ast.stmt, Invocation | None] | None:
        """What a simple statement means as a command. Errors: RecursionError where commands hold commands too often."""
        if tokens[0].text == "@" and tokens[0].kind == "op":
            return None
        called = self.called_command(tokens)
        if called is not None:
            return called
        if self.form == "py":
            return None
        command = recognise(self.context, tokens)
        return None if command is None else lower(self.context, command, tokens)

    def nested_statement(self, tokens: Tokens) -> Statement:
        """A statement that is the argument of a command, in either form.

        Its positions are not shifted yet.
        """
        lowered = self.piece(tokens)
        invocation: Invocation | None = None
        if lowered is not None:
            tree, invocation = lowered
        else:
            text = plain_text(self.source, tokens)
            line, column = self.source.place(tokens[0].start)
            try:
                module = python.module(text)
            except python.REFUSALS:
                raise self.diagnosis.piece(tokens) from None
            locate(module, text, line - 1, column)
            tree = module.body[0]
        span = self.source.span(tokens[0].start, tokens[-1].end)
        return Statement(
            span, self.source.typed_text(span), tree, invocation, "python" if lowered is None else "command"
        )

    def called_command(self, tokens: Tokens) -> tuple[ast.stmt, Invocation | None] | None:
        """`inspect(t)`, alone or as the right side of an assignment, where no such name is bound."""
        opening = next((i for i, token in enumerate(tokens) if token.text == "("), 0)
        if not opening or (opening > 1 and tokens[opening - 2].text != "="):
            return None
        name = tokens[opening - 1]
        # `vars(x)` is Python's, `vars()` the command.
        builtin = name.text in BUILTIN_NAMES and not (name.text == "vars" and len(tokens) == opening + 2)
        if name.text in self.context.bound or builtin or name.text in KEYWORDS:
            return None
        verb = self.verbs.get(name.text)
        if verb is None or verb.kind != "command" or not closes_at_end(tokens[opening:]):
            return None
        try:
            statement = python.module(plain_text(self.source, tokens)).body[0]
        except python.REFUSALS:
            return None
        line, column = self.source.place(tokens[0].start)
        locate(statement, plain_text(self.source, tokens), line - 1, column)
        value = getattr(statement, "value", None)
        if not isinstance(statement, ast.Expr | ast.Assign) or not isinstance(value, ast.Call):
            return None
        invocation = from_call(self.context, name, verb, value, tokens[opening + 1 : -1])
        statement.value = command_call(invocation, self.source, name.start, tokens[-1].end)
        return statement, invocation

    # The whole

    def parse_whole(self, lines: list[LogicalLine], blanks: list[tuple[int, int]]) -> ast.Module:
        tokens = [token for line in lines for token in line.tokens]
        if not tokens:
            return ast.Module([], [])
        text = _without_fancy_spaces(self.source.text, tokens)
        for start, end in blanks:
            hole = "".join("\n" if character == "\n" else " " for character in text[start + 1 : end])
            text = text[:start] + "0" + hole + text[end:]
        try:
            tree = python.module(text)
        except python.REFUSALS as error:
            raise self.diagnosis.whole(lines, set(self.commands), error) from None
        locate(tree, text, 0, 0)
        return tree


class Placeholders(ast.NodeTransformer):
    """Puts what the commands mean where their placeholders stand."""

    def __init__(self, commands: Mapping[tuple[int, int], tuple[ast.stmt, Invocation | None]]) -> None:
        self.commands = commands

    def visit(self, node: ast.AST) -> ast.AST:
        """Replace statements only; expressions hold no placeholder and are not entered."""
        if isinstance(node, ast.Expr):
            found = self.commands.get((node.lineno, node.col_offset))
            return found[0] if found is not None else node
        if isinstance(node, ast.Module | ast.stmt | ast.ExceptHandler):
            for name in ("body", "orelse", "finalbody", "handlers"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block:
                    block[:] = [self.visit(each) for each in block]
                    self.reach(node, block[-1])
        return node

    def reach(self, node: ast.AST, last: ast.AST) -> None:
        """A block ends where its last statement does; the placeholder was shorter than the command."""
        if isinstance(node, ast.stmt | ast.ExceptHandler) and isinstance(last, ast.stmt | ast.ExceptHandler):
            here, there = (each.end_lineno or 0 for each in (node, last))
            if (here, node.end_col_offset or 0) < (there, last.end_col_offset or 0):
                node.end_lineno, node.end_col_offset = last.end_lineno, last.end_col_offset


def _without_fancy_spaces(text: str, tokens: list[Token]) -> str:
    if text.isascii():
        return text
    pieces: list[str] = []
    position = 0
    spaces = str.maketrans("\u00a0\u2007\u202f", "   ")
    for token in tokens:
        pieces.append(text[position : token.start].translate(spaces))
        pieces.append(token.text)
        position = token.end
    pieces.append(text[position:].translate(spaces))
    return "".join(pieces)
