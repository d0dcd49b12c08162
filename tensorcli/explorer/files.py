"""Which files a command may read and write: none, unless whoever opened the session said where, and how.

The one place that decides. Where the session has no files, a text with a command that names one is refused whole,
before its first statement runs; so is a path outside of the folder that was given. Nothing is opened here: the
caller that shows results hands in what reads a file and what writes a result into one.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tensorcli.explorer.commands.registry import paths_of
from tensorcli.explorer.results import Answer
from tensorcli.language.syntax import CommandCall, Invocation, LanguageError, Program, Span, walk

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session
    from tensorcli.language.syntax import Form

ALLOWS = "--allow-files DIR lets commands read and write files below DIR"
SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Files:
    """Where files may be read and written, what reads one, and what writes a result into one."""

    folder: str
    """Relative paths begin here."""
    within: str
    """Nothing outside of this folder is read or written."""
    read: Callable[[str], bytes]
    """The bytes of the file of this path. Raises OSError."""
    write: Callable[[str, Answer, bool], None]
    """Writes a result into the file of this path, over one that is there only where it is told to. Raises OSError."""

    exists: Callable[[str], bool] = os.path.lexists
    """Whether something is there already."""

    def unwritten(self) -> Files:
        """The same files, but that nothing is written: for a session that shows what would be."""
        return replace(self, write=lambda path, found, force: None)

    def forgotten(self) -> Files:
        """No file is there and none is written: for a session that shows what was."""
        return replace(self.unwritten(), exists=lambda path: False)


class Sourcing(NamedTuple):
    """A file whose statements `source` runs."""

    path: str
    """Its real path."""
    line: int | None
    """The line of the script whose run it belongs to; None where it was typed at the prompt."""
    place: str
    """Where `source` stands (`a.tsc:3`), empty where it was typed."""
    outer: Sourcing | None
    """The file whose statement sourced it."""


class Sourced(NamedTuple):
    """A text whose statements are to run next: a file that `source` has read, or a text that `fix` has changed."""

    program: Program
    text: str
    name: str
    form: Form
    sourcing: Sourcing | None
    """None for a text that was typed."""


class Named(NamedTuple):
    """A file that an invocation names: its path as typed, and where."""

    path: str
    span: Span


# ---- before anything runs


def refuse_files(program: Program, files: Files | None) -> None:
    """Refuse what a text must not do with files. Errors: LanguageError."""
    for statement in program.statements:
        for node in walk(statement.tree):
            if isinstance(node, CommandCall):
                invocation = node.invocation
                alone = invocation is statement.command and isinstance(statement.tree, ast.Expr)
                if invocation.verb == SOURCE and not alone:
                    raise LanguageError(
                        "source must stand alone: not in a block, after a target or after another command",
                        invocation.span,
                        "its statements run as if they were typed here, each with a table of its own",
                    )
                for named in files_of(invocation):
                    _refuse(invocation, named, files)


def _refuse(invocation: Invocation, named: Named, files: Files | None) -> None:
    if files is None:
        raise LanguageError(f"{invocation.verb} names a file, and this run allows none", named.span, ALLOWS)
    try:
        inside = _inside(files, named.path)
    except (OSError, ValueError) as error:
        raise LanguageError(str(error), named.span) from None
    if not inside:
        raise LanguageError(_outside(files, named.path), named.span)


def files_of(invocation: Invocation) -> Iterator[Named]:
    """The files that a command names."""
    names = paths_of(invocation.verb)
    for argument in invocation.arguments:
        if argument.name in names and isinstance(argument.value, str):
            yield Named(argument.value, argument.span)


def names_file(invocation: Invocation) -> bool:
    """Whether a command names a file."""
    return any(True for _ in files_of(invocation))


def runs_something(value: object) -> bool:
    """Whether evaluating an argument may do more than look."""
    return isinstance(value, ast.AST) and any(
        not isinstance(node, ast.Name | ast.Attribute | ast.Constant | ast.Load) for node in ast.walk(value)
    )


# ---- when it runs


def _full(files: Files, path: str) -> str:
    """The real path: symbolic links are followed first, so that none leads outside."""
    return _real(os.path.join(files.folder, os.path.expanduser(path)))


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except FileNotFoundError:
        raise FileNotFoundError("the folder in which this was started is gone: write a full path") from None


def _inside(files: Files, path: str) -> bool:
    within, full = _real(files.within), _full(files, path)
    try:
        return os.path.commonpath([within, full]) == within
    except ValueError:  # another drive
        return False


def _outside(files: Files, path: str) -> str:
    return f"{path!r} is outside of {files.within}, where this run may read and write"


def readable(session: Session, path: str) -> str:
    """The full path of a file that may be read. Errors: PermissionError."""
    files = session.files
    if files is None:
        raise PermissionError(f"this session reads no files; {ALLOWS}")
    if not _inside(files, path):
        raise PermissionError(_outside(files, path))
    return _full(files, path)


def writable(session: Session, invocation: Invocation, path: str, suffixes: Sequence[str]) -> str:
    """The full path of a file that may be written. Errors: ValueError for another suffix, PermissionError for a
    place outside of the allowed folder, FileExistsError for a file that is there, without `--force`.
    """
    if suffix_of(path) not in suffixes:
        endings = ", ".join("." + each for each in suffixes)
        raise ValueError(f"{invocation.verb} writes files that end in {endings}; {path!r} does not")
    full = readable(session, path)
    assert session.files is not None
    if not invocation.get("force") and session.files.exists(full):
        raise FileExistsError(f"{path} is there already: --force writes over it")
    return full


def suffix_of(path: str) -> str:
    """What a path ends in, without its dot."""
    return os.path.splitext(path)[1].removeprefix(".").lower()


def write(session: Session, invocation: Invocation, path: str, found: Answer) -> None:
    """Write a result, unless this is a replay of what was written before. Errors: OSError."""
    if session.files is not None and not session.hearing.silent:
        session.files.write(path, found, bool(invocation.get("force")))
