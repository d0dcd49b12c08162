"""The table of a statement: its rows, group by group, in the order in which they are shown.

`arrivals`, `writes`, `departures` and `archives` hold the groups, each a function of the table so far; `table` holds what they
share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.rows.archives import archived
from tensorcli.explorer.rows.arrivals import bound, created, sharing
from tensorcli.explorer.rows.departures import graph_freed, hooks_ran, unbound
from tensorcli.explorer.rows.table import Table
from tensorcli.explorer.rows.writes import changed, rewritten, written

if TYPE_CHECKING:
    from tensorcli.explorer.changes import Observation

GROUPS: Final[tuple[Callable[[Table], None], ...]] = (
    created,
    bound,
    written,
    changed,
    rewritten,
    sharing,
    unbound,
    hooks_ran,
    graph_freed,
    archived,
)
"""In this order: what a group has shown, a later one leaves out."""


def collect(observation: Observation) -> Table:
    """Everything that the statement changed."""
    table = Table(observation)
    for group in GROUPS:
        group(table)
    return table
