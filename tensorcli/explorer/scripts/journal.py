"""The journal as a script of the language that, run or sourced, leads to the same session.

Statements stand as typed, those of sourced files in the place of their `source`. One that failed left its effects,
so it is there and expected to fail; where it could have none, it is a comment. What was undone is a comment, and so
is a command whose meaning is a place in this journal or a file. What is written is read again before it is handed out:
a statement that would be read otherwise there, because other names are bound, is written in a form that is not.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tensorcli.explorer.commands.registry import only_shows
from tensorcli.explorer.files import names_file, runs_something
from tensorcli.explorer.scripts.python import bare_names, qualified
from tensorcli.explorer.scripts.typed import Typed, commented, indented
from tensorcli.language.parse import parse
from tensorcli.language.syntax import (
    CommandCall,
    Expectation,
    Invocation,
    LanguageError,
    Program,
    Statement,
    walk,
)

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.session import Session

PLACED = frozenset("undo redo goto diff fix source save export".split())
"""Commands whose meaning is a place in this journal, or a file."""
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef)


@dataclass(slots=True)
class Piece:
    """The text of one statement: the forms in which it can be written, the one that is, and what each of its
    statements has to be when it is read again.
    """

    forms: list[str]
    trees: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The form that is tried now."""
        return self.forms[0]


def journal_script(session: Session) -> str:
    """The script."""
    typed = Typed()
    pieces = [Piece([line], [""]) for line in _settings(session)]
    pieces += [_piece(session, record, typed) for record in session.journal]
    while (wrong := _wrong(session, pieces)) is not None and len(wrong.forms) > 1:
        wrong.forms.pop(0)
    lines = [_head(session), *(piece.text for piece in pieces)]
    if session.future:
        lines.append("# undone:")
        lines += [commented(typed.text(record), "  ") for record in session.future]
    return "\n".join(lines) + "\n"


def _head(session: Session) -> str:
    """How to run it: an engine and simulated devices can only be asked for when a session begins."""
    flags = "" if session.engine.name == "embedded" else f" --engine {session.engine.name}"
    if any("cuda" in record.text for record in session.journal):
        simulated = sum("(simulated)" in name for name, _, _ in session.engine.devices())
        flags += f" --simulate-cuda={simulated}" if simulated else ""
    return f"# A session of tensorcli: source it at the prompt, or tensorcli run{flags} it."


def _settings(session: Session) -> list[str]:
    """What the session was started with, where it is not what every session starts with."""
    found = []
    if session.seed:
        found.append(f"seed {session.seed}")
    if session.limited:
        found.append(f"set max_bytes {session.max_bytes}")
    return found


def _piece(session: Session, record: Record, typed: Typed) -> Piece:
    statement, text = record.statement, typed.text(record)
    command = statement.command
    if command is not None and (command.verb in PLACED or names_file(command)):
        return _without_command(command, text, record)
    if record.outcome and only_shows(statement) and not (command is not None and _runs(command)):
        return Piece([commented(text)])
    forms = [text]
    if statement.form == "command":
        forms.append(f":{text}")
    if command is None:
        forms.append(qualified(statement.tree, bare_names(session, statement.tree, set(session.names))))
    if not record.outcome:
        return Piece(forms, [shape(statement.tree)])
    if isinstance(statement.tree, BLOCKS) or (command is not None and command.verb == "expect"):
        wrapped = [
            f"try:\n{indented(each)}\nexcept Exception:\n    pass  # {record.outcome}" for each in forms
        ]
        return Piece(wrapped, [f"try {shape(statement.tree)}"])
    expected = [f'expect raises "{record.outcome}": {each}' for each in forms]
    return Piece(expected, [f"raises {shape(statement.tree)}"])


def _without_command(command: Invocation, text: str, record: Record) -> Piece:
    """A comment, and the arguments where they run something."""
    lines, trees = [commented(text)], []
    for argument in command.arguments:
        if isinstance(argument.value, ast.expr) and runs_something(argument.value):
            lines.append(argument.span.text(record.text))
            trees.append("")
    return Piece(["\n".join(lines)], trees)


def _runs(command: Invocation) -> bool:
    return any(
        runs_something(each.value) or isinstance(each.value, Statement | Expectation)
        for each in command.arguments
    )


# ---- reading it again


def _wrong(session: Session, pieces: list[Piece]) -> Piece | None:
    """The first piece that is not read as what it stands for."""
    text = "\n".join(piece.text for piece in pieces)
    try:
        program = parse(text, session.verbs, frozenset(), "tsc")
    except LanguageError as error:
        return _at_line(pieces, error.span.line)
    return _differing(program, pieces)


def _at_line(pieces: list[Piece], line: int) -> Piece | None:
    last = 0
    for piece in pieces:
        last += piece.text.count("\n") + 1
        if line <= last:
            return piece
    return None


def _differing(program: Program, pieces: list[Piece]) -> Piece | None:
    statements = iter(program.statements)
    for piece in pieces:
        for wanted in piece.trees:
            found = next(statements, None)
            if found is None or (wanted and _read(found, wanted) != wanted):
                return piece
    return None


def _read(statement: Statement, wanted: str) -> str:
    """What a statement was read as, in the words of the piece."""
    tree = statement.tree
    if wanted.startswith("try ") and isinstance(tree, ast.Try) and len(tree.body) == 1:
        return f"try {shape(tree.body[0])}"
    if wanted.startswith("raises ") and statement.command is not None:
        value = statement.command.get("expectation")
        if isinstance(value, Expectation) and value.statement is not None:
            return f"raises {shape(value.statement.tree)}"
    return shape(tree)


def shape(tree: ast.AST) -> str:
    """A tree as text, the commands in it with their arguments, without positions."""
    parts = [ast.dump(tree)]
    for node in walk(tree):
        if isinstance(node, CommandCall):
            parts.append(node.invocation.verb)
            for argument in node.invocation.arguments:
                value = argument.value
                parts.append(ast.dump(value) if isinstance(value, ast.AST) else argument.name)
    return " ".join(parts)
