"""Hazards that were found: what `check` lists."""

from __future__ import annotations

from dataclasses import dataclass

from tensorcli.explorer.results.step import Answer
from tensorcli.language.syntax import Span


@dataclass(frozen=True, slots=True)
class HazardRow:
    """A hazard, at the statement in which it happened."""

    code: str
    """Its entry in the catalogue (`TSC-H003`)."""
    rule: str
    """The entry's name (`lost-write`)."""
    index: int
    """The statement's number in the session."""
    name: str
    """The file's name as given."""
    span: Span
    """The innermost place that is known."""
    source: str
    """The statement as typed; of a block or a function the line of the place."""
    text: str
    """What happened."""
    hint: str = ""
    """What to type or to write instead."""
    names: tuple[str, ...] = ()
    """What it happened to, as the script names it; then what else has a part in it. What has no name is left out."""


@dataclass(frozen=True, slots=True)
class HazardReport(Answer):
    """`check`: all hazards so far."""

    rows: tuple[HazardRow, ...]
    statements: int
    """How many statements were looked at."""
