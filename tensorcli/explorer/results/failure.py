"""What went wrong in a statement, and what was warned of in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorcli.language.syntax import Span


@dataclass(frozen=True, slots=True)
class WarningText:
    """A warning that PyTorch, numpy or Python gave."""

    category: str
    """`UserWarning`."""
    message: str
    """Whole, as given."""
    span: Span | None
    name: str = "<input>"


FailureKind = Literal[
    "language",  # the text does not parse, or uses what the language refuses: nothing of it ran
    "statement",  # a statement raised
    "expectation",  # `expect` or `assert` failed
    "limit",  # stopped by a limit of ours; taken back whole
    "interrupted",  # Ctrl-C; taken back whole
    "unavailable",  # a device or an engine that is not there
    "hazard",  # a hazard, where the session is strict
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a statement, or the whole text, did not run to its end."""

    kind: FailureKind
    type: str
    """The exception's class (`RuntimeError`, `SyntaxError`)."""
    message: str
    """Its text, whole; may have several lines."""
    spans: tuple[Span, ...]
    """Where: the innermost expression first, then the calls that led there, outwards."""
    lines: tuple[str, ...]
    """The source line of each span, as typed (its first line)."""
    statement: Span | None
    """The top-level statement; None for a language failure."""
    name: str = "<input>"
    """The file's name as given."""
    hints: tuple[str, ...] = ()
    """Ours: `did you mean detach?`, which effects stay."""
    code: str | None = None
    answered: bool = False
    """Whether `why` has an answer."""
