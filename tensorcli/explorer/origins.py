"""Which statement made a node of the graph.

The engine numbers nodes in the order in which they are made. After each statement the number of the next node is marked, so
that a node's own number says which statement it belongs to. Nothing is kept for a node, and nothing is asked while a statement
runs.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple


class Origin(NamedTuple):
    """A statement: its number in the session, its line, its text."""

    index: int  # type: ignore[assignment]  # hides tuple.index
    line: int
    source: str


class Origins:
    """The statements that made nodes, by the numbers of their nodes."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        self.statements: list[Origin] = []

    def mark(self, start: float, end: float, origin: Origin) -> None:
        """A statement ended during which the nodes from `start` to before `end` were made."""
        if end > start:
            self.starts.append(start)
            self.ends.append(end)
            self.statements.append(origin)

    def of(self, sequence: float | None) -> Origin | None:
        """The statement that made the node with this number; None where no statement is known to."""
        if sequence is None:
            return None
        at = bisect_right(self.starts, sequence) - 1
        return self.statements[at] if at >= 0 and sequence < self.ends[at] else None
