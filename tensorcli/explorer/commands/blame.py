"""`blame`: the statements that wrote to the elements of a tensor."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import typed
from tensorcli.explorer.engines.reading import Walk
from tensorcli.explorer.facts import text_of_elements
from tensorcli.explorer.index_writes import MOVES
from tensorcli.explorer.memory import reaches
from tensorcli.explorer.names import path_root
from tensorcli.explorer.results import Blame, BlameRow
from tensorcli.explorer.trace import traced
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session
    from tensorcli.explorer.trace import Trace, Traced


def blame(session: Session, invocation: Invocation) -> Blame:
    """Every statement that wrote to the elements of a tensor or an array, and what they were after it."""
    argument = invocation.arguments[0]
    assert isinstance(argument.value, ast.expr)
    name = typed(session, invocation, argument)
    engine = session.engine
    with traced(session, session.journal) as trace:
        value = trace.session.value_of(argument.value)
        if engine.kind(value) not in ("tensor", "ndarray"):
            raise TypeError(f"blame follows tensors and arrays, not '{type(value).__name__}'")
        look = engine.look(value)
        memory = engine.memory(value)
        storage = trace.session.allocations.name(id(memory))
        if storage is None:
            return Blame(name, None, (), "it is new: nothing but this expression made it")
        walk = engine.walk(value)
        elements = engine.elements(value)
        dtype = None if elements is None else elements.dtype
    rows = _rows(session, trace, storage, walk, dtype, look.dtype if look.kind == "tensor" else "", name)
    return Blame(name, storage, tuple(rows), "" if rows else f"no statement wrote to {name}")


def _rows(
    session: Session, trace: Trace, storage: str, walk: Walk, dtype: Any, torch_dtype: str, name: str
) -> list[BlameRow]:
    """The journal once more, with a look at the elements after each statement that may have written them."""
    rows: list[BlameRow] = []
    with session.fork([]) as other:
        previous: Any = None
        version = 0
        for step in trace.steps:
            record = step.record
            other.again(record)
            writes = [write for write in step.step.writes if write.storage == storage]
            heard = [each for each in step.writes if step.storages.get(each.memory) == storage]
            born = previous is None and other.allocations.named(storage) is not None
            if not writes and not heard and not born:
                continue
            now = _elements(other, storage, walk, dtype)
            if now is None:
                previous = None
                continue
            changed = previous is None or now.tobytes() != previous.tobytes()
            reached = any(each.operator not in MOVES and reaches(each.region, walk) for each in heard)
            if born or reached or changed:
                row = _row(other, step, writes, heard, now, torch_dtype, name, born)
                versions = row.version
                if versions is not None:
                    row = replace(row, silent=row.silent and versions[1] <= version)
                    version = versions[1]
                rows.append(row)
            previous = now
    return rows


def _row(
    other: Session, step: Traced, writes: Any, heard: Any, now: Any, torch_dtype: str, name: str, born: bool
) -> BlameRow:
    version = next((write.version for write in writes if write.version), None)
    via = next((write.via for write in writes if write.via), None)
    if via is None:
        via = next((each.via for each in heard if each.via), None)
    silent = any(write.silent for write in writes)
    if born:
        version, via = (0, heard[-1].after if heard and heard[-1].after else 0), None
    text = text_of_elements(other.engine, now, torch_dtype)
    root = path_root(name)
    return BlameRow(
        step.number,
        step.line,
        version,
        step.record.statement.source,
        None if via == root else via,
        text,
        silent and not born,
    )


def _elements(session: Session, storage: str, walk: Walk, dtype: Any) -> Any:
    """The elements that a walk reaches now, copied; None where they cannot be seen."""
    import numpy as np

    allocation = session.allocations.named(storage)
    if allocation is None or dtype is None:
        return None
    content = session.engine.content(allocation.reference())
    if content is None:
        return None
    try:
        return np.ndarray(walk.sizes, dtype, content, walk.start, walk.strides).copy()
    except (TypeError, ValueError):  # the storage was smaller then
        return None
