"""The right gradient beside a wrong one: the same statements in a session whose saved bytes no write reaches.

A fork runs the journal again; whenever a storage is about to be written, the nodes that saved a tensor of it
get tensors of their own with the bytes as they are. What its backward pass then gives is what the graph would
have given without the hidden write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.report import hazard
from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.entries import Entry
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.results import Alarm
    from tensorcli.explorer.session import Session

SHADOWS = 3
"""How many times a session runs again for this."""
STATEMENTS = 2000
"""Longer journals are not run again."""


def wrong_gradients(session: Session, record: Record) -> list[Alarm]:
    """The gradients that the last statement, `record`, computed from bytes that a hidden write had changed,
    each beside the right one. The journal does not hold the statement yet.
    """
    observation = session.observation
    assert observation is not None
    recorder, watch = observation.recorder, observation.recorder.watch
    used = watch.used_tainted or bool(watch.tainted and not recorder.released)
    if not used or not recorder.gradients or session.shields or session.engine.name != "embedded":
        return []
    if session.shadows >= SHADOWS or len(session.journal) >= STATEMENTS or "create_graph" in record.text:
        return []
    session.shadows += 1
    leaves = [reference() for reference, _ in recorder.gradients.values()]
    named = {
        name: leaf
        for leaf in leaves
        if leaf is not None and (name := observation.index.name(leaf)) is not None
    }
    return list(_compared(session, [*session.journal, record], named))


def right_gradients(session: Session, records: list[Record]) -> dict[str, str]:
    """The gradients by name that these statements give where no write reaches what nodes saved; empty where that
    cannot be had.
    """
    engine = session.engine
    if engine.name != "embedded" or len(records) >= STATEMENTS:
        return {}
    with _shielded(session, records) as entries:
        found = {}
        for entry in entries:
            value = entry.value
            grad = None if value is None or engine.kind(value) != "tensor" else engine.grad(value)
            if grad is not None:
                found.update(dict.fromkeys(entry.paths, engine.text(grad)))
        return found


@contextmanager
def _shielded(session: Session, records: list[Record]) -> Iterator[Collection[Entry]]:
    """What names reach after these statements in a session whose saved bytes no write reaches."""
    with session.engine.aside():
        other = type(session)(
            seed=session.seed,
            max_bytes=session.max_bytes,
            engine=session.engine.name,
            checking=True,
            shields=True,
        )
        other.replay(records)
        assert other.observation is not None
        yield other.observation.index.entries.values()


def _compared(session: Session, records: list[Record], named: dict[str, Any]) -> list[Alarm]:
    from tensorcli.explorer.engines.arrays import agree

    engine = session.engine
    found = []
    with _shielded(session, records) as entries:
        right = {path: entry.value for entry in entries for path in entry.paths if path in named}
        for name, leaf in named.items():
            wrong_grad = engine.grad(leaf)
            right_grad = None if right.get(name) is None else engine.grad(right[name])
            if wrong_grad is None or right_grad is None:
                continue
            if agree(engine.elements(wrong_grad), engine.elements(right_grad)):
                continue
            found.append(
                hazard(
                    Told(
                        "TSC-H002",
                        f"{name}.grad is wrong: {engine.text(wrong_grad)}. "
                        f"Without the hidden write it is {engine.text(right_grad)}.",
                        (name,),
                    ),
                )
            )
    return found
