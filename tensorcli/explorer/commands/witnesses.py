"""`storages --write T`: who would see a write into all of a tensor, and what nodes have saved there.

Nothing is written: which bytes both reach is worked out from their strides, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument
from tensorcli.explorer.engines.reading import Look
from tensorcli.explorer.memory import covered, layout, overlap
from tensorcli.explorer.names import name_of
from tensorcli.explorer.results import Witnesses, WitnessRow
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def witnesses(session: Session, invocation: Invocation) -> Witnesses:
    """Everybody over the memory of one tensor or array. Errors: TypeError for another value."""
    engine = session.engine
    value, of = argument(session, invocation, "write")
    if engine.kind(value) not in ("tensor", "ndarray"):
        raise TypeError(f"storages --write wants a tensor or an array, not '{type(value).__name__}'")
    look = engine.look(value)
    rows: list[WitnessRow] = []
    if session.observation is not None:
        for entry in session.observation.index.sharing(look.memory):
            other = entry.value
            names = session.observation.index.names(entry)
            if other is value:
                rows.extend(
                    WitnessRow(name, "same object", look.numel, look.numel, _counter(engine, look, look))
                    for name in names
                    if name != of
                )
            else:
                row = _row(session, value, look, other, names[0])
                if row.elements:
                    rows.append(row)
    saves = tuple(_saves(session, value, look))
    refused = _refused(session, value, look)
    if not engine.tells_nodes:
        refused = "; ".join(
            part for part in (refused, "what nodes have saved is unknown: PyTorch does not tell") if part
        )
    return Witnesses(of, session.allocations.name(look.memory), tuple(rows), saves, refused)


def _row(session: Session, value: Any, look: Look, other: Any, name: str) -> WitnessRow:
    engine = session.engine
    seen = engine.look(other)
    count, _ = overlap(engine.walk(value), engine.walk(other))
    reached = covered(engine.walk(other)) // max(seen.itemsize, 1)
    how = "shares the storage"
    if look.kind == "tensor" and seen.kind == "tensor":
        base, own = engine.base(other), engine.base(value)
        if base is value:
            how = "view of it"
        elif own is other:
            how = "its base"
        elif own is not None and own is base:
            how = "view of the same base"
        elif engine.tells_nodes and look.counter != seen.counter:
            how = "shares the storage, not the counter"
    elif seen.kind == "ndarray":
        how = "array over the same memory"
    return WitnessRow(
        name, how, min(count // max(seen.itemsize, 1), reached), reached, _counter(engine, look, seen)
    )


def _counter(engine: Any, written: Look, seen: Look) -> Any:
    if seen.version is None:
        return "has none"
    if not engine.tells_nodes and written.kind == "tensor" and seen.counter != written.counter:
        return "unknown"
    return "moves" if seen.counter == written.counter and written.version is not None else "does not move"


def _saves(session: Session, value: Any, look: Look) -> Iterator[str]:
    engine, observation = session.engine, session.observation
    if observation is None:
        return
    for saver in list(observation.recorder.savers.get(look.memory, {}).values()):
        node = saver.reference()
        if node is None or engine.released(node):
            continue
        for each in engine.saved(node):
            seen = engine.look(each.tensor)
            if seen.memory != look.memory:
                continue
            name = name_of(engine, observation.index, session.allocations, each.tensor) or "a temporary"
            what = f"{engine.node_name(node)} (line {saver.line}) saved {each.slot}={name} at version {each.saved}"
            overlapping, _ = overlap(engine.walk(value), engine.walk(each.tensor))
            if each.saved != each.now:
                yield f"{what}: stale already, its version is {each.now}"
            elif look.version is not None and seen.counter == look.counter:
                more = "" if overlapping else ", though none of the saved bytes are written"
                yield f"{what}: a backward pass through it will raise{more}"
            elif overlapping:
                yield f"{what}: its counter does not move, a backward pass will be wrong in silence"


def _refused(session: Session, value: Any, look: Look) -> str:
    """Which in-place writes PyTorch refuses here while gradients are recorded."""
    engine = session.engine
    if look.kind != "tensor":
        return "" if value.flags.writeable else "the array is read-only: numpy refuses the write"
    if layout(engine.walk(value)) in ("expanded", "overlapping"):
        return "several of its elements lie in one place: PyTorch refuses most in-place operations on it"
    kind = engine.view_kind(value)
    if look.requires_grad and look.is_leaf:
        return "it is a leaf that requires grad: PyTorch refuses in-place operations outside of no_grad"
    base = engine.base(value)
    if base is not None and look.requires_grad:
        root = engine.look(base)
        if root.is_leaf and root.requires_grad:
            return "it is a view of a leaf that requires grad: PyTorch refuses in-place operations outside of no_grad"
        if kind == "multi_output":
            return "it is one of several outputs of one view: PyTorch refuses in-place operations outside of no_grad"
    return ""
