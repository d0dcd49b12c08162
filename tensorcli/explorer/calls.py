"""The script's own traceback: the place of each of its running calls, as anomaly mode shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tensorcli.explorer.failures import line_at
from tensorcli.explorer.trees import holds
from tensorcli.language.locate import running_calls
from tensorcli.language.syntax import span_of

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record


def script_traceback(text: str, name: str, journal: Sequence[Record]) -> list[str]:
    """A traceback, a text for each call. `text` and `name` are those of the running statement; what is called may have
    been defined by one of the journal's.
    """
    calls = []
    for function, node in running_calls():
        where, source = name, text
        if function != "<module>":
            where, source = next(
                ((each.name, each.text) for each in reversed(journal) if holds(each.statement.tree, node)),
                (name, text),
            )
        span = span_of(node)
        calls.append(
            f'  File "{where}", line {span.line}, in {function}\n    {line_at(source, span).strip()}\n'
        )
    return calls
