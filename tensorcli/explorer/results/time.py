"""Answers of the commands about a session's past."""

from __future__ import annotations

from dataclasses import dataclass

from tensorcli.explorer.results.changes import Change
from tensorcli.explorer.results.step import Answer, Step


@dataclass(frozen=True, slots=True)
class Travelled(Answer):
    """`undo`, `redo`, `goto`: where the session is now, and what is different there."""

    text: str
    """`undid line 6: d.mul_(10)`."""
    changes: tuple[Change, ...]
    at: int
    """How many statements have run now."""
    of: int
    """How many there are, those that `redo` would run among them."""


@dataclass(frozen=True, slots=True)
class Difference(Answer):
    """`diff M N`: what is different after two statements."""

    left: int
    right: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class BlameRow:
    """A statement that wrote what was asked about, or made it."""

    index: int
    line: int
    version: tuple[int, int] | None
    """Before and after, None where no counter saw it."""
    source: str
    via: str | None
    """The name written through, where it is another."""
    value: str
    """What was asked about, after the statement."""
    silent: bool = False
    """The bytes changed and the version did not."""


@dataclass(frozen=True, slots=True)
class Blame(Answer):
    """`blame T`: every statement that wrote to it, oldest first."""

    name: str
    storage: str | None
    rows: tuple[BlameRow, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Watching(Answer):
    """`watch`: the expressions that are watched, each with its value."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Dry(Answer):
    """`dry STATEMENT`: the step that it would be."""

    step: Step


@dataclass(frozen=True, slots=True)
class Watched:
    """What `watch` follows, where a statement changed it."""

    name: str
    before: str
    after: str
