"""Text to a Program: both forms of the language, one kind of tree.

`parse` reads a whole text and checks it against the language before anything of it may run. Every simple
statement that is a command is replaced, in place and at equal length, by a placeholder; CPython's parser
then reads the block structure, and the placeholders give way to what the commands mean. Its errors are
never shown: what is wrong is said in our own words.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from itertools import pairwise

from tensorcli.language import python
from tensorcli.language.arguments import locate, plain_text, split
from tensorcli.language.check import check
from tensorcli.language.commands import Command, Context, Tokens, command_call, lower, recognise, usage
from tensorcli.language.grammar import Reader, token_error
from tensorcli.language.lines import LogicalLine, Unfinished, check_blocks, logical_lines
from tensorcli.language.source import Source, read
from tensorcli.language.syntax import (
    Argument,
    CommandCall,
    Form,
    Incomplete,
    Invocation,
    LanguageError,
    Program,
    Span,
    Statement,
    Verb,
    span_of,
)
from tensorcli.language.tokens import CLOSERS, KEYWORDS, OPENERS, Token
from tensorcli.language.vocabulary import BUILTIN_NAMES

NO_VERBS: Mapping[str, Verb] = {}
MAX_DEPTH = 600


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
    lines = logical_lines(source)
    check_blocks(source, lines)
    return Parser(source, verbs, set(bound), form).program(lines)


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
        check_blocks(source, lines, more=True)
    except Unfinished as unfinished:
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
        self.commands: dict[tuple[int, int], tuple[ast.stmt, Invocation | None]] = {}
        self.functions: list[
            tuple[str, set[str]]
        ] = []  # the indents of open functions, the names bound before

    def program(self, lines: list[LogicalLine]) -> Program:
        """The statements of all lines."""
        blanks: list[tuple[int, int]] = []
        for line in lines:
            self.leave_functions(line)
            if line.header:
                self.bind_header(line)
            for piece in line.pieces:
                lowered = self.piece(piece)
                if lowered is not None:
                    place = self.source.place(piece[0].start)
                    self.commands[place] = lowered
                    blanks.append((piece[0].start, piece[-1].end))
                bind(piece, self.context.bound)
        tree = self.parse_whole(lines, blanks)
        Placeholders(self.commands).visit(tree)
        check_depth(tree, self.source)
        self.source.shift(tree)
        check(tree)
        return Program(tuple(self.statement(node) for node in tree.body), self.source.skipped_lines)

    def statement(self, node: ast.stmt) -> Statement:
        """A top-level statement from its finished tree."""
        first = node.decorator_list[0] if isinstance(node, ast.FunctionDef) and node.decorator_list else node
        whole, start = span_of(node), span_of(first)
        column = start.column - (1 if first is not node else 0)
        span = type(whole)(start.line, max(column, 0), whole.end_line, whole.end_column)
        value = getattr(node, "value", None)
        command = value.invocation if isinstance(value, CommandCall) else None
        lowered = any(entry[0] is node for entry in self.commands.values())
        return Statement(
            span, self.source.typed_text(span), node, command, "command" if lowered else "python"
        )

    def piece(self, tokens: Tokens) -> tuple[ast.stmt, Invocation | None] | None:
        """What a simple statement means as a command, or None for Python."""
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
                raise self.refusal([tokens]) from None
            locate(module, text, line - 1, column)
            tree = module.body[0]
        span = self.source.span(tokens[0].start, tokens[-1].end)
        return Statement(
            span, self.source.typed_text(span), tree, invocation, "python" if lowered is None else "command"
        )

    def called_command(self, tokens: Tokens) -> tuple[ast.stmt, Invocation | None] | None:
        """`inspect(t)`, alone or as the right side of an assignment, where no such name is bound."""
        opening = next((i for i, token in enumerate(tokens) if token.text == "("), 0)
        name = tokens[opening - 1] if opening else None
        verb = self.verbs.get(name.text) if name is not None else None
        if name is None or verb is None or verb.kind != "command":
            return None
        if name.text in self.context.bound or name.text in BUILTIN_NAMES or name.text in KEYWORDS:
            return None
        before = tokens[: opening - 1]
        if (before and before[-1].text != "=") or not _closes_at_end(tokens[opening:]):
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
        invocation = self.invocation_of(name, verb, value, tokens[opening + 1 : -1])
        statement.value = command_call(invocation, self.source, name.start, tokens[-1].end)
        return statement, invocation

    def invocation_of(self, name: Token, verb: Verb, call: ast.Call, inside: Tokens) -> Invocation:
        source = self.source
        span = source.span(name.start, inside[-1].end + 1 if inside else name.end + 2)
        if (
            len(verb.parameters) == 1
            and verb.parameters[0].kind in ("TEXT", "STATEMENT", "EXPECTATION")
            and inside
        ):
            command = Command((), name, inside, forced=True)
            _, invocation = lower(self.context, command, (name, *inside))
            assert invocation is not None
            return Invocation(name.text, invocation.arguments, span)
        arguments: list[Argument] = []
        parameters = list(verb.parameters)
        for node in call.args:
            if not parameters:
                raise LanguageError(
                    f"{name.text} takes no more arguments",
                    self.unshifted(node),
                    f"type:  {usage(name.text, verb)}",
                )
            parameter = parameters[0] if parameters[0].repeated else parameters.pop(0)
            arguments.append(
                Argument(parameter.name, self.typed_value(parameter.kind, node), self.unshifted(node))
            )
        for keyword in call.keywords:
            kinds: dict[str, str | None] = {each.name: each.kind for each in verb.parameters}
            kinds.update((each.name, each.kind) for each in verb.flags)
            if keyword.arg is None or keyword.arg not in kinds:
                raise LanguageError(
                    f"{name.text} has no argument {keyword.arg}",
                    self.unshifted(keyword),
                    f"type:  {usage(name.text, verb)}",
                )
            value = self.typed_value(kinds[keyword.arg], keyword.value)
            arguments.append(Argument(keyword.arg, value, self.unshifted(keyword)))
        given = {argument.name for argument in arguments}
        for parameter in verb.parameters:
            if not parameter.optional and parameter.name not in given:
                raise LanguageError(
                    f"{name.text} needs an argument ({parameter.name})",
                    source.span(name.start, name.end),
                    f"type:  {usage(name.text, verb)}",
                )
        return Invocation(name.text, tuple(arguments), span)

    def typed_value(self, kind: str | None, node: ast.expr) -> ast.expr | str | int | bool:
        if kind is None:
            return bool(node.value) if isinstance(node, ast.Constant) else True
        if kind == "EXPR":
            return node
        if kind == "INT":
            inner = node.operand if isinstance(node, ast.UnaryOp) else node
            if isinstance(inner, ast.Constant) and type(inner.value) is int:
                return -inner.value if inner is not node else inner.value
            raise LanguageError("a whole number is wanted here", self.unshifted(node))
        if kind == "NAME" and not isinstance(node, ast.Name):
            raise LanguageError("a name is wanted here", self.unshifted(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return ast.unparse(node)

    def unshifted(self, node: ast.AST) -> Span:
        """The span, as typed, of a node whose positions are still those of `source.text`."""
        span = span_of(node)
        shifts = self.source.shifts
        return type(span)(
            span.line,
            span.column + shifts[span.line - 1],
            span.end_line,
            span.end_column + shifts[span.end_line - 1],
        )

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
            raise self.diagnosis(lines, error) from None
        locate(tree, text, 0, 0)
        return tree

    def diagnosis(self, lines: list[LogicalLine], error: Exception) -> LanguageError:
        """What is wrong with a text that CPython's parser refused."""
        starts = set(self.commands)
        for line in lines:
            pieces = [piece for piece in line.pieces if self.source.place(piece[0].start) not in starts]
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
        for token in tokens:
            if token.kind == "error" and token.problem != "has no meaning here":
                raise token_error(self.source, token)
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
            error.hint = error.hint or self.command_hint(tokens) or self.misspelt_verb(tokens, reader.index)
            raise

    def refusal(self, pieces: Iterable[Tokens]) -> LanguageError:
        """The error of the first of some pieces that does not parse."""
        for piece in pieces:
            try:
                self.read(piece)
            except LanguageError as error:
                return error
            wrong = self.wrong_piece(piece, False)
            if wrong is not None:
                return wrong
        raise AssertionError("asked for the error of text without one")

    def wrong_piece(self, tokens: Tokens, is_header: bool) -> LanguageError | None:
        """A piece that our reader accepts and CPython does not:

        an assignment to something that is no target, and the like.
        """
        text = plain_text(self.source, tokens)
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
            return LanguageError(message, self.source.span(tokens[0].start, tokens[-1].end), hint)
        except (RecursionError, MemoryError):
            return LanguageError(
                "this is nested too deeply", self.source.span(tokens[0].start, tokens[-1].end)
            )
        return None

    def misspelt_verb(self, tokens: Tokens, failed: int) -> str | None:
        """A verb that the statement's first word is nearly, where a second word was what could not stand."""
        if (
            failed != 1
            or tokens[0].kind != "name"
            or tokens[0].text in self.context.bound
            or self.form == "py"
        ):
            return None
        import difflib

        close = difflib.get_close_matches(tokens[0].text, list(self.verbs), 1, 0.7)
        return f"did you mean {close[0]}?" if close else None

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

    # Names

    def leave_functions(self, line: LogicalLine) -> None:
        while self.functions and len(line.indent) <= len(self.functions[-1][0]):
            _, before = self.functions.pop()
            self.context.bound.clear()
            self.context.bound.update(before)

    def bind_header(self, line: LogicalLine) -> None:
        """The names that a header binds: of a function its own outside, its parameters inside."""
        tokens = line.header
        bound = self.context.bound
        if line.word == "def" and len(tokens) > 1:
            bound.add(tokens[1].text)
            if not line.pieces:
                self.functions.append((line.indent, set(bound)))
            depth = 0
            for before, token in pairwise(tokens[1:]):
                depth += (before.text in OPENERS) - (before.text in CLOSERS)
                if depth == 1 and token.kind == "name" and before.text in ("(", ",", "*", "**"):
                    bound.add(token.text)
            return
        for position, token in enumerate(tokens):
            if token.text == "for" and line.word == "for":
                stop = next((i for i, each in enumerate(tokens) if each.text == "in"), position)
                bound.update(_target_names(tokens[position + 1 : stop]))
            if token.text == "as" and position + 1 < len(tokens):
                bound.update(_target_names(tokens[position + 1 : _as_end(tokens, position + 1)]))
            if token.text == ":=" and position:
                bound.add(tokens[position - 1].text)


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


def check_depth(tree: ast.AST, source: Source) -> None:
    """Refuses trees that are too deep to be walked by recursion."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    number = next((each.lineno for each in level if isinstance(each, ast.expr | ast.stmt)), 1)
    place = source.starts[number - 1]
    raise LanguageError(
        f"this is nested more than {MAX_DEPTH} deep",
        source.span(place, place),
        "give the parts names of their own",
    )


def bind(tokens: Tokens, bound: set[str]) -> None:
    """Add the names that a simple statement binds, take away those that it deletes."""
    first = tokens[0].text
    if first == "del":
        bound.difference_update(_target_names(tokens[1:]))
        return
    if first in ("import", "from"):
        bound.update(_imported(tokens))
        return
    if first in ("global", "nonlocal"):
        bound.update(token.text for token in tokens[1:] if token.kind == "name")
        return
    start = depth = 0
    for position, token in enumerate(tokens):
        if token.kind != "op":
            continue
        depth += (token.text in OPENERS) - (token.text in CLOSERS)
        if token.text == ":=" and position:
            bound.add(tokens[position - 1].text)
        elif depth == 0 and (token.text == "=" or (token.text == ":" and start == 0)):
            bound.update(_target_names(tokens[start:position]))
            start = position + 1


def _imported(tokens: Tokens) -> set[str]:
    names: set[str] = set()
    skip = 0
    if tokens[0].text == "from":
        skip = next((i for i, token in enumerate(tokens) if token.text == "import"), len(tokens))
    current: list[str] = []
    for token in tokens[skip + 1 :]:
        if token.text == ",":
            names.update(current[:1])
            current = []
        elif token.text == "as":
            current = []
        elif token.kind == "name" and not current:
            current.append(token.text)
    names.update(current[:1])
    return names


def _target_names(tokens: Tokens) -> set[str]:
    """The names in an assignment's target: not those of attributes, nor those within an index or a call."""
    names: set[str] = set()
    hidden = depth = 0
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else None
        if token.text in OPENERS and token.kind == "op":
            depth += 1
            if not hidden and before is not None and (before.kind == "name" or before.text in CLOSERS):
                hidden = depth
                if before.kind == "name":
                    names.discard(before.text)
        elif token.text in CLOSERS and token.kind == "op":
            if depth == hidden:
                hidden = 0
            depth -= 1
        elif token.kind == "name" and not hidden and token.text not in KEYWORDS:
            following = tokens[position + 1].text if position + 1 < len(tokens) else ""
            if following not in (".", "[", "(") and (before is None or before.text != "."):
                names.add(token.text)
    return names


def _as_end(tokens: Tokens, start: int) -> int:
    depth = 0
    for position in range(start, len(tokens)):
        depth += (tokens[position].text in OPENERS) - (tokens[position].text in CLOSERS)
        if depth < 0 or (depth == 0 and tokens[position].text in (",", ":")):
            return position
    return len(tokens)


def _closes_at_end(tokens: Tokens) -> bool:
    depth = 0
    for position, token in enumerate(tokens):
        depth += (token.text in OPENERS) - (token.text in CLOSERS)
        if depth == 0:
            return position == len(tokens) - 1
    return False


def _without_fancy_spaces(text: str, tokens: list[Token]) -> str:
    if text.isascii() and "\f" not in text:
        return text
    pieces: list[str] = []
    position = 0
    spaces = str.maketrans("\u00a0\u2007\u202f\f", "    ")
    for token in tokens:
        pieces.append(text[position : token.start].translate(spaces))
        pieces.append(token.text)
        position = token.end
    pieces.append(text[position:].translate(spaces))
    return "".join(pieces)


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
    ("f-string", "an expression inside this f-string is not valid", None),
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
    return "this is not a valid statement", None
