"""Commands about the session's past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.explorer.results import History, HistoryRow
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def history(session: Session, invocation: Invocation) -> History:
    """Every statement of the journal."""
    return History(
        tuple(
            HistoryRow(each.index, each.statement.span.line, each.statement.source, each.outcome)
            for each in session.journal
        )
    )
