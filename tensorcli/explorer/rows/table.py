"""What the groups of rows share: the record of the statement, the rows so far, how a row is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.alarms import Silence
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.entries import Entry
from tensorcli.explorer.facts import settle
from tensorcli.explorer.names import name_of
from tensorcli.explorer.results import Change, Write

if TYPE_CHECKING:
    from tensorcli.explorer.changes import Observation


class Table:
    """The rows of one statement while they are collected."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.engine = observation.engine
        self.allocations = observation.allocations
        self.index = observation.index
        self.recorder = observation.recorder
        self.rows: list[Change] = []
        self.limit = observation.rows
        self.created = [each for each in self._added() if each.born == self.index.now]
        """The tensors that were not there before the statement."""
        self.shown: set[int] = set()
        """The identities of the objects that have a row."""
        self.more = 0
        """How many rows more there would be."""
        self.writes: list[Write] = []
        self.silences: list[Silence] = []

    def look(self, entry: Entry) -> Look | None:
        """The tensor as it is now; None where it is gone."""
        value = entry.value
        return None if value is None else self.engine.look(value)

    def row(
        self,
        kind: Any,
        entry: Entry,
        before: Look | None,
        after: Look,
        note: str,
        operator: str = "",
        text: bool = True,
    ) -> None:
        """Show an entry in a row, or count it where there are too many. `text` false leaves its elements out."""
        self.shown.add(entry.key)
        if len(self.rows) >= self.limit:
            self.more += 1
            return
        shown = self.engine.text(entry.value) if text else ""
        known = self.recorder.before.get(entry.key)
        owner = known.allocation if known is not None and known.look is before else None
        self.rows.append(
            Change(
                kind,
                tuple(self.index.names(entry)),
                None if before is None else settle(before, self.allocations, owner=owner),
                settle(after, self.allocations, shown),
                note,
                self.allocations.name(after.memory),
                operator=operator,
            )
        )

    def _added(self) -> Iterator[Entry]:
        seen: set[int] = set()
        for _, entry in self.index.added:
            if (
                entry.key not in seen
                and self.index.entries.get(entry.key) is entry
                and entry.value is not None
            ):
                seen.add(entry.key)
                yield entry

    def moved_names(self) -> dict[int, str]:
        """The objects that lost a name in this statement and got another one, by their old name."""
        added = {entry.key for _, entry in self.index.added}
        return {
            entry.key: path
            for path, entry in self.index.removed
            if entry.key in added and self.index.entries.get(entry.key) is entry
        }

    def counter(self, entry: Entry) -> int:
        """The identity of its version counter; 0 for none."""
        look = self.look(entry)
        return 0 if look is None else look.counter

    def first(self, entries: list[Entry]) -> str:
        """The first name that one of them has."""
        return next((names[0] for each in entries if (names := self.index.names(each))), "another tensor")

    def tensor_name(self, tensor: Any) -> str:
        """A name for a tensor, in a sentence."""
        return name_of(self.engine, self.index, self.allocations, tensor) or "(temporary)"

    def storage(self, look: Look) -> str:
        """The id of an allocation, in a sentence."""
        return self.allocations.name(look.memory) or "a temporary storage"
