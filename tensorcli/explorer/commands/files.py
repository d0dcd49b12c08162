"""Commands of files: the session as a script or as a transcript, and a script's statements run in the session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from tensorcli.explorer.failures import Told, language_failure
from tensorcli.explorer.files import SOURCE, Sourced, Sourcing, readable, suffix_of, writable, write
from tensorcli.explorer.journal import PROMPT, Record
from tensorcli.explorer.results import Code, SourcedFile, Step, Transcript, Written
from tensorcli.language.syntax import Form, Invocation, LanguageError

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

SCRIPTS = ("tsc", "py")
TRANSCRIPTS = ("md", "html", "txt", "json", "py")


def code(session: Session, invocation: Invocation) -> Code:
    """The journal in Python for PyTorch; commands of the explorer as comments."""
    from tensorcli.explorer.scripts.python import python_script

    return Code(python_script(session))


def save(session: Session, invocation: Invocation) -> Written:
    """The journal as a script that leads to the same session, or in Python for PyTorch. Errors: ValueError,
    PermissionError, OSError for the file.
    """
    path = _path(invocation)
    place = writable(session, invocation, path, SCRIPTS)
    if suffix_of(path) == "py":
        found = code(session, invocation)
    else:
        from tensorcli.explorer.scripts.journal import journal_script

        found = Code(journal_script(session))
    return _written(session, invocation, place, found)


def export(session: Session, invocation: Invocation) -> Written:
    """The journal with what each statement showed. Errors: ValueError, PermissionError, OSError for the file,
    KeyboardInterrupt.
    """
    path = _path(invocation)
    place = writable(session, invocation, path, TRANSCRIPTS)
    python = suffix_of(path) == "py"
    found: Code | Transcript = code(session, invocation) if python else transcript(session)
    return _written(session, invocation, place, found)


def _path(invocation: Invocation) -> str:
    path = invocation.get("path")
    assert isinstance(path, str)
    return path


def _written(session: Session, invocation: Invocation, place: str, found: Code | Transcript) -> Written:
    """Write the session down, and say so."""
    what: Literal["script", "transcript"] = "script" if isinstance(found, Code) else "transcript"
    write(session, invocation, place, found)
    return Written(_path(invocation), what, len(session.journal))


def transcript(session: Session) -> Transcript:
    """The journal run again with open ears: what each statement shows. Errors: KeyboardInterrupt."""

    from tensorcli.explorer.scripts.typed import Typed

    typed = Typed()
    steps: list[Step] = []
    with session.fork([]) as other:
        other.hearing.silent = False
        other.ask = session.ask
        other.files = None if session.files is None else session.files.forgotten()
        for at, record in enumerate(session.journal):
            command = record.statement.command
            if command is not None and command.verb == SOURCE:
                statement = record.statement
                answer = SourcedFile(_path(command), _sourced(session.journal[at + 1 :]))
                step = Step(at + 1, record.name, statement.source, statement.span, result=answer)
                other.journal.append(record)
            else:
                step = other.again(record)
                if step.error is not None and step.error.kind == "interrupted":
                    raise KeyboardInterrupt
            steps.append(step._replace(source=typed.text(record)))
    return Transcript(tuple(steps), session.engine.name)


def _sourced(following: list[Record]) -> int:
    """How many of the statements that follow a `source` stand in its file or in one that this sources."""
    return next((at for at, record in enumerate(following) if record.within is None), len(following))


def source(session: Session, invocation: Invocation) -> SourcedFile:
    """Read a file; its statements run next. Errors: OSError, ValueError for a file that sources itself,
    Told where it is no script.
    """
    path = _path(invocation)
    place = readable(session, path)
    name = session.hearing.name
    line = invocation.span.line
    outer = session.within
    _refuse_circle(place, path, name, outer)
    assert session.files is not None
    data = session.files.read(place)
    text, form = data.decode("utf-8", "replace"), form_of(path)
    try:
        program = session.read(data, form)
    except LanguageError as error:
        raise Told(language_failure(error, text, path)) from None
    at_prompt = outer is None and name == PROMPT
    first = outer.line if outer is not None else None if at_prompt else line
    sourcing = Sourcing(place, first, "" if at_prompt else f"{name}:{line}", outer)
    session.sourced = Sourced(program, text, path, form, sourcing)
    return SourcedFile(path, len(program.statements))


def form_of(path: str) -> Form:
    """A file whose name ends in `.py` has the Python form only."""
    return "py" if suffix_of(path) == "py" else "tsc"


def _refuse_circle(place: str, path: str, name: str, outer: Sourcing | None) -> None:
    """A file that is being run cannot be sourced: it would never end."""
    running = [os.path.realpath(name)] if outer is None else []
    at = outer
    while at is not None:
        running.append(at.path)
        at = at.outer
    if place in running:
        raise ValueError(f"{path} sources itself")
