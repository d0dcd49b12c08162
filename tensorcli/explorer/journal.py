"""What a session is made of: its names, the statements that ran, and where a command of time wants it to go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tensorcli.explorer.files import Sourcing
    from tensorcli.explorer.results import Answer
    from tensorcli.language.syntax import Form, Statement

PROMPT = "<input>"
"""The name of what is typed at the prompt."""


class Names(dict[str, Any]):
    """The names of a session. `touched`: those that a statement bound or deleted, where somebody watches."""

    touched: dict[str, None]


class WatchedNames(Names):
    """Names that notice which of them a statement binds or deletes."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: dict[str, None] = {}

    def __setitem__(self, name: str, value: Any) -> None:
        self.touched[name] = None
        dict.__setitem__(self, name, value)  # a third faster than by `super`, for each name that is bound

    def __delitem__(self, name: str) -> None:
        self.touched[name] = None
        super().__delitem__(name)

    def pop(self, name: str, *default: Any) -> Any:
        """Take a name away."""
        self.touched[name] = None
        return super().pop(name, *default)


class Travel(NamedTuple):
    """Where a command wants the session to be when its statement ends."""

    past: list[Record]
    """The journal there."""
    future: list[Record]
    """What `redo` runs again."""
    answer: Callable[[], Answer]
    """What the command answers, asked there."""


class Mended(NamedTuple):
    """What `fix` did to a session, so that `undo` can take it back, or that `undo`, so that `redo` can."""

    journal: list[Record]
    """The journal that it made."""
    past: list[Record]
    future: list[Record]
    """What there was before."""
    undone: bool = False
    """Whether it is the `undo`."""


class Record(NamedTuple):
    """A statement of the journal, and how it ended."""

    index: int  # type: ignore[assignment]  # hides tuple.index
    statement: Statement
    text: str
    """The whole text that it stood in, which its spans point into."""
    name: str
    form: Form
    outcome: str
    """Empty, or the type of what it raised."""
    within: Sourcing | None = None
    """The file that `source` was running."""


def line_of(record: Record, number: int) -> int:
    """The line by which a reader knows statement `number`: in a script its own or that of the `source` that ran it,
    at the prompt its number.
    """
    return place_of(record.statement, record.name, record.within, number)


def place_of(statement: Statement, name: str, within: Sourcing | None, number: int) -> int:
    """`line_of`, of a statement that has no record yet."""
    if within is not None:
        return number if within.line is None else within.line
    return number if name == PROMPT else statement.span.line
