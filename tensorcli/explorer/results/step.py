"""A statement that ran, or a text that did not: all that a quiet run needs where nothing fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tensorcli.explorer.results.changes import Alarm, Change, Inner, Value, Write
    from tensorcli.explorer.results.failure import Failure, WarningText
    from tensorcli.explorer.results.predict import Prediction
    from tensorcli.explorer.results.time import Watched
    from tensorcli.language.syntax import Span


class Answer:
    """What a command answers with."""

    __slots__ = ()


class Step(NamedTuple):
    """One statement that ran, or a text that did not. A tuple, for every run makes the class, and a dataclass takes longer."""

    index: int  # type: ignore[assignment]  # not the method of tuples, which nobody asks of a step
    """Its number in the session, from 1; 0 for a text of which nothing ran."""
    name: str
    """The file's name as given (`demo.tsc`, `<input>`)."""
    source: str
    """The statement as typed."""
    span: Span | None
    output: str = ""
    """What `print` printed, with its line ends."""
    value: Value | None = None
    """Of a bare expression that is not None."""
    result: Answer | None = None
    """The answer, where the statement is a command of the explorer."""
    changes: tuple[Change, ...] = ()
    more_changes: int = 0
    """Rows left out beyond the first 20."""
    writes: tuple[Write, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    warnings: tuple[WarningText, ...] = ()
    error: Failure | None = None
    watched: tuple[Watched, ...] = ()
    inner: tuple[Inner, ...] = ()
    """Of a session that traces: the statements that ran within this one and changed something."""
    more_inner: int = 0
    prediction: Prediction | None = None
    """Where the session asks: what was predicted of the statement."""
    answers: tuple[Answer, ...] = ()
    """The answers of commands within its blocks and the functions that it calls, in the order in which they came."""
    more_answers: int = 0
    """Answers left out beyond the first 20."""

    @property
    def ok(self) -> bool:
        """Whether the statement ran to its end and what it expected held."""
        return self.error is None
