"""The table of a statement: its rows, group by group, in the order in which they are shown.

`arrivals`, `writes` and `departures` hold the groups, `table` what they share.
"""

from __future__ import annotations

from tensorcli.explorer.rows.arrivals import Arrivals
from tensorcli.explorer.rows.departures import Departures
from tensorcli.explorer.rows.writes import Writes


class Rows(Arrivals, Writes, Departures):
    """All rows of one statement."""

    def collect(self) -> None:
        """Everything that changed, in `rows`, `more`, `writes` and `silences`."""
        self.added = list(self._added())
        created = [entry for entry in self.added if entry.born == self.index.now]
        self._created(created)
        self._bound(created)
        for memory, writing in self.recorder.writes_to.items():
            self._written(memory, writing)
        self._changed()
        self._rewritten()
        self._sharing(created)
        self._unbound()
        self._hooks_ran()
        self._graph_freed()
